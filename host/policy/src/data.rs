//! The small values that scripts hold beside Rhai's own: prices and lengths of time.
//!
//! Apart because verbs, parameters and state all take and give them. They never read a run.

use std::str::FromStr;

use bracketd_core::money::Price;
use rhai::Dynamic;
use rust_decimal::Decimal;

/// A price in a script: the core's, under a name of its own so that it cannot be mixed up with a
/// plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScriptPrice(pub(crate) Price);

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
    match value.read_lock::<Span>() {
        Some(span) => duration_text(span.0),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
