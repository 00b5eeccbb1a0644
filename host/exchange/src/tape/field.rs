//! One line of a tape file, field by field.
//!
//! Separate so that every refusal carries file, line and column without the readers repeating it.

use super::TapeError;
use csv::StringRecord;
use jiff::{Timestamp, civil, tz::TimeZone};
use rust_decimal::Decimal;
use std::path::Path;

/// A line, where it is from, and the names of its columns.
pub(super) struct Line<'a> {
    pub(super) path: &'a Path,
    pub(super) columns: &'static [&'static str],
    pub(super) record: &'a StringRecord,
}

impl Line<'_> {
    fn text(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default().trim()
    }

    /// A refusal of one field.
    pub(super) fn wrong(&self, column: usize, expected: impl Into<String>) -> TapeError {
        TapeError::Field {
            path: self.path.to_owned(),
            line: self.record.position().map_or(0, csv::Position::line),
            column: self.columns.get(column).copied().unwrap_or("?"),
            text: self.text(column).to_owned(),
            expected: expected.into(),
        }
    }

    /// A symbol: not empty.
    pub(super) fn symbol(&self, column: usize) -> Result<String, TapeError> {
        let text = self.text(column);
        if text.is_empty() { Err(self.wrong(column, "a symbol")) } else { Ok(text.to_owned()) }
    }

    /// A price above zero.
    pub(super) fn price(&self, column: usize) -> Result<Decimal, TapeError> {
        match Decimal::from_str_exact(self.text(column)) {
            Ok(price) if price > Decimal::ZERO => Ok(price),
            _ => Err(self.wrong(column, "a price above zero")),
        }
    }

    /// A volume, zero or above; digits beyond a decimal's reach are rounded.
    pub(super) fn volume(&self, column: usize) -> Result<Decimal, TapeError> {
        match self.text(column).parse::<Decimal>() {
            Ok(volume) if volume >= Decimal::ZERO => Ok(volume),
            _ => Err(self.wrong(column, "a volume of zero or more")),
        }
    }

    /// A ratio above zero.
    pub(super) fn ratio(&self, column: usize) -> Result<Decimal, TapeError> {
        match Decimal::from_str_exact(self.text(column)) {
            Ok(ratio) if ratio > Decimal::ZERO => Ok(ratio),
            _ => Err(self.wrong(column, "a ratio above zero")),
        }
    }

    /// A moment, in UTC where it names no zone; unix nanoseconds.
    pub(super) fn time(&self, column: usize) -> Result<i64, TapeError> {
        let text = self.text(column);
        let at = text.parse::<Timestamp>().ok().or_else(|| {
            let local: civil::DateTime = text.parse().ok()?;
            Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
        });
        at.and_then(|at| i64::try_from(at.as_nanosecond()).ok())
            .ok_or_else(|| self.wrong(column, "a timestamp like 2022-01-31 23:59:00+00:00"))
    }

    /// A day; unix nanoseconds of its midnight in UTC.
    pub(super) fn day(&self, column: usize) -> Result<i64, TapeError> {
        let date: Option<civil::Date> = self.text(column).parse().ok();
        date.and_then(|date| date.to_zoned(TimeZone::UTC).ok())
            .and_then(|at| i64::try_from(at.timestamp().as_nanosecond()).ok())
            .ok_or_else(|| self.wrong(column, "a date like 2005-02-28"))
    }
}
