//! The JSON of the HTTP API: what comes in, what goes out.
//!
//! Separate so that the book stays free of JSON. Numbers leave as the broker sends them: decimal
//! strings in trading answers, bare numbers in market data; neither passes through a float.

pub(crate) mod account;
pub(crate) mod data;
pub(crate) mod decode;
pub(crate) mod order;
pub(crate) mod query;
pub(crate) mod update;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A decimal as the trading API writes it: a string without needless zeros.
pub(crate) struct Text(pub(crate) Decimal);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.normalize())
    }
}

/// A decimal as the market data API writes it: a bare number, digit for digit.
pub(crate) struct Bare(pub(crate) Decimal);

impl Serialize for Bare {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.normalize().to_string();
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// Unix nanoseconds as RFC 3339 in UTC.
pub(crate) struct Stamp(pub(crate) i64);

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&timestamp(self.0))
    }
}

/// Unix nanoseconds as a timestamp; all of `i64` fits.
pub(crate) fn timestamp(at_ns: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(at_ns)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// RFC 3339, a plain date (its midnight), or unix nanoseconds.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    if let Ok(at_ns) = text.parse::<i64>() {
        return Some(at_ns);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return i64::try_from(at.as_nanosecond()).ok();
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    let at = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    i64::try_from(at.as_nanosecond()).ok()
}
