//! The small values that scripts hold beside Rhai's own: prices and lengths of time.
//!
//! Apart because verbs, parameters and state all take and give them. They never read a run.

use std::str::FromStr;

use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;
use rhai::Dynamic;
use rust_decimal::Decimal;

/// A price in a script: the core's, under a name of its own so that it cannot be mixed up with a
/// plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScriptPrice(pub(crate) Price);

/// A moment in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScriptTime(pub(crate) Timestamp);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) u64);

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads `90s`, `5m`, `2h`, `1d` or `250ms`; milliseconds.
pub fn parse_duration_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*unit_ms)
}

/// Writes milliseconds as [`parse_duration_ms`] reads them, in the largest whole unit.
pub(crate) fn duration_text(ms: u64) -> String {
    let unit = UNITS.iter().rev().find(|(_, unit_ms)| ms.is_multiple_of(*unit_ms) && ms > 0);
    let (name, unit_ms) = unit.copied().unwrap_or(("ms", 1));
    format!("{}{name}", ms / unit_ms)
}

/// A moment as `2026-01-31T09:30:00Z`, to the second below.
pub(crate) fn moment_text(at: Timestamp) -> String {
    const DAY_S: i64 = 86_400;
    let seconds = at.0.div_euclid(1_000_000);
    let (days, of_day) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a count of days since 1970-01-01, in the Gregorian calendar. Years are
/// counted from March, so that the odd day of a leap year is the last one (H. Hinnant, "chrono-
/// compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let since_march_0 = days + 719_468;
    let era = since_march_0.div_euclid(146_097);
    let day_of_era = since_march_0.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// A number in any of the ways that a script may write one.
pub(crate) fn number(value: &Dynamic) -> Option<Decimal> {
    if let Some(price) = value.read_lock::<ScriptPrice>() {
        return Some(price.0.get());
    }
    let whole = value.as_int().ok().map(Decimal::from);
    let text = || value.as_immutable_string_ref().ok().and_then(|t| Decimal::from_str(&t).ok());
    whole.or_else(|| value.as_decimal().ok()).or_else(text)
}

/// Any value in words: Rhai itself knows only the names of our types.
pub(crate) fn text(value: &Dynamic) -> String {
    if let Some(price) = value.read_lock::<ScriptPrice>() {
        return price.0.to_string();
    }
    if let Some(time) = value.read_lock::<ScriptTime>() {
        return moment_text(time.0);
    }
    match value.read_lock::<Span>() {
        Some(span) => duration_text(span.0),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_the_calendar_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(moment_text(Timestamp(seconds * 1_000_000)), text);
        }
    }

    #[test]
    fn lengths_of_time_read_and_write() {
        for (text, ms) in [("250ms", 250), ("90s", 90_000), ("5m", 300_000), ("30d", 2_592_000_000)]
        {
            assert_eq!(parse_duration_ms(text), Some(ms), "{text}");
            assert_eq!(duration_text(ms), text);
        }
        for text in ["", "5", "m", "-5m", "5 m", "5x", "99999999999999999999d"] {
            assert_eq!(parse_duration_ms(text), None, "{text}");
        }
    }
}
