//! Numbers, ids and times of the ABI, checked.

use rust_decimal::Decimal;

use bracketd_core::money::{Price, Quantity, is_sane};
use bracketd_core::time::Timestamp;

use crate::bindings::bracketd::broker::types as abi;
use crate::convert::{ID_BYTES_MAX, Lie};

/// A decimal within the core's range.
pub(crate) fn number(field: &'static str, value: abi::Decimal) -> Result<Decimal, Lie> {
    let coefficient = i128::from(value.hi) << 64 | i128::from(value.lo);
    Decimal::try_from_i128_with_scale(coefficient, u32::from(value.scale))
        .ok()
        .filter(|number| is_sane(*number))
        .ok_or_else(|| Lie::new(field, format!("{coefficient}e-{}, out of range", value.scale)))
}

/// A price: above zero.
pub(crate) fn price(field: &'static str, value: abi::Decimal) -> Result<Price, Lie> {
    let number = number(field, value)?;
    Price::new(number).ok_or_else(|| Lie::new(field, format!("{number}, not above zero")))
}

/// A price that may be missing.
pub(crate) fn price_or_none(
    field: &'static str,
    value: Option<abi::Decimal>,
) -> Result<Option<Price>, Lie> {
    value.map(|v| price(field, v)).transpose()
}

/// A quantity: not negative.
pub(crate) fn quantity(field: &'static str, value: abi::Decimal) -> Result<Quantity, Lie> {
    let number = number(field, value)?;
    Quantity::new(number).ok_or_else(|| Lie::new(field, format!("{number}, negative")))
}

/// An id: neither empty nor too long, printable.
pub(crate) fn id<'a>(field: &'static str, value: &'a str) -> Result<&'a str, Lie> {
    match value {
        "" => Err(Lie::new(field, "empty")),
        long if long.len() > ID_BYTES_MAX => {
            Err(Lie::new(field, format!("{} bytes long", long.len())))
        }
        odd if odd.chars().any(char::is_control) => Err(Lie::new(field, "not printable")),
        good => Ok(good),
    }
}

/// An id that may be missing; an empty one is missing.
pub(crate) fn id_or_none<'a>(
    field: &'static str,
    value: &'a Option<String>,
) -> Result<Option<&'a str>, Lie> {
    value.as_deref().filter(|v| !v.is_empty()).map(|v| id(field, v)).transpose()
}

/// Nanoseconds of the ABI as microseconds of the core.
pub(crate) fn time(nanos: u64) -> Timestamp {
    Timestamp(i64::try_from(nanos / 1_000).unwrap_or(i64::MAX))
}

/// Microseconds of the core as nanoseconds of the ABI; before 1970 is 1970.
pub(crate) fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::outgoing::decimal;

    fn abi(text: &str) -> abi::Decimal {
        decimal(text.parse().unwrap())
    }

    #[test]
    fn decimals_survive_the_way_out_and_back() {
        for text in ["0", "1", "-1", "0.0001", "123456.789", "-0.000000000001", "1000000000000"] {
            assert_eq!(number("n", abi(text)).unwrap(), text.parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_lies() {
        for (hi, lo, scale) in [
            (i64::MAX, 0, 0),
            (i64::MIN, u64::MAX, 28),
            (0, 1, 29),
            (0, 1, 255),
            (0, 1, 13),
            (0, 1_000_000_000_001, 0),
            (1 << 32, 0, 0),
        ] {
            assert!(number("n", abi::Decimal { hi, lo, scale }).is_err(), "{hi} {lo} {scale}");
        }
        assert!(price("p", abi("0")).is_err() && price("p", abi("-1")).is_err());
        assert!(quantity("q", abi("-1")).is_err() && quantity("q", abi("0")).is_ok());
    }

    #[test]
    fn ids_are_bounded_and_printable() {
        let long = "x".repeat(ID_BYTES_MAX + 1);
        for (text, ok) in [("a-1", true), ("", false), ("a\nb", false), (long.as_str(), false)] {
            assert_eq!(id("id", text).is_ok(), ok, "{text}");
        }
    }
}
