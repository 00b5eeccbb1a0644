//! Exact decimals for guests. Separate from the wire record because that one has neither order nor
//! arithmetic; it must never round: what does not fit is an error.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::types::Decimal;

/// Largest absolute coefficient, exclusive (2^96: what the host's decimals hold).
const LIMIT: i128 = 1 << 96;
/// Largest number of decimals.
const MAX_SCALE: u8 = 28;

/// `coefficient / 10^scale`, kept without trailing zeros, so equal values are equal structs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dec {
    coefficient: i128,
    scale: u8,
}

/// Why a text or a wire value is no decimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not `[+-]digits[.digits][e[+-]digits]`.
    #[error("`{0}` is no decimal number")]
    Syntax(String),
    /// More than 96 bits or 28 decimals.
    #[error("`{0}` does not fit 96 bits and 28 decimals")]
    Range(String),
}

impl Dec {
    /// Zero.
    pub const ZERO: Self = Self { coefficient: 0, scale: 0 };
    /// One.
    pub const ONE: Self = Self { coefficient: 1, scale: 0 };

    /// `coefficient / 10^scale`; none when it does not fit.
    #[must_use]
    pub const fn new(mut coefficient: i128, mut scale: u8) -> Option<Self> {
        while scale > 0 && coefficient % 10 == 0 {
            coefficient /= 10;
            scale -= 1;
        }
        if scale > MAX_SCALE || coefficient >= LIMIT || coefficient <= -LIMIT {
            return None;
        }
        Some(Self { coefficient, scale })
    }

    /// The ABI's record of this value.
    #[must_use]
    pub const fn wire(self) -> Decimal {
        Decimal {
            hi: (self.coefficient >> 64) as i64,
            lo: (self.coefficient & u64::MAX as i128) as u64,
            scale: self.scale,
        }
    }

    /// Whether the value is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.coefficient == 0
    }

    /// Whether the value has no fraction.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.scale == 0
    }

    /// The value with its sign turned.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { coefficient: -self.coefficient, scale: self.scale }
    }

    /// `self + other`; none when the sum does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let sum = self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?;
        Self::new(sum, scale)
    }

    /// `self - other`; none when the difference does not fit.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(other.negated())
    }

    /// Rounded to so many decimals, half away from zero: for means, which brokers tell with more
    /// digits than the host takes.
    #[must_use]
    pub fn rounded(self, scale: u8) -> Self {
        let Some(cut) = self.scale.checked_sub(scale).filter(|cut| *cut > 0) else { return self };
        // At most 10^28, and the coefficient is below 2^96: the sum fits.
        let unit = 10_i128.pow(u32::from(cut));
        let half = if self.coefficient < 0 { -(unit / 2) } else { unit / 2 };
        Self::new((self.coefficient + half) / unit, scale).unwrap_or(self)
    }

    fn at_scale(self, scale: u8) -> Option<i128> {
        let factor = 10_i128.checked_pow(u32::from(scale.checked_sub(self.scale)?))?;
        self.coefficient.checked_mul(factor)
    }
}

impl From<Dec> for Decimal {
    fn from(value: Dec) -> Self {
        value.wire()
    }
}

impl TryFrom<Decimal> for Dec {
    type Error = DecimalError;

    fn try_from(wire: Decimal) -> Result<Self, DecimalError> {
        let coefficient = (i128::from(wire.hi) << 64) | i128::from(wire.lo);
        Self::new(coefficient, wire.scale)
            .filter(|_| wire.scale <= MAX_SCALE)
            .ok_or_else(|| DecimalError::Range(format!("{coefficient}e-{}", wire.scale)))
    }
}

impl FromStr for Dec {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let syntax = || DecimalError::Syntax(text.to_owned());
        let range = || DecimalError::Range(text.to_owned());
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.parse::<i32>().map_err(|_| syntax())?)
            }
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, mantissa.get(1..).unwrap_or_default()),
            Some(b'+') => (false, mantissa.get(1..).unwrap_or_default()),
            _ => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits {
            return Err(syntax());
        }
        let fraction = fraction.trim_end_matches('0');
        let mut coefficient = 0_i128;
        for byte in whole.bytes().chain(fraction.bytes()) {
            coefficient = coefficient
                .checked_mul(10)
                .and_then(|c| c.checked_add(i128::from(byte - b'0')))
                .ok_or_else(range)?;
        }
        if coefficient == 0 {
            return Ok(Self::ZERO);
        }
        let scale = i32::try_from(fraction.len()).map_err(|_| range())?.saturating_sub(exponent);
        if scale < 0 {
            let factor = 10_i128.checked_pow(scale.unsigned_abs()).ok_or_else(range)?;
            coefficient = coefficient.checked_mul(factor).ok_or_else(range)?;
        }
        let scale = u8::try_from(scale.max(0)).map_err(|_| range())?;
        let signed = if negative { -coefficient } else { coefficient };
        Self::new(signed, scale).ok_or_else(range)
    }
}

impl fmt::Display for Dec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u128.pow(u32::from(self.scale));
        let size = self.coefficient.unsigned_abs();
        let sign = if self.coefficient < 0 { "-" } else { "" };
        match self.scale {
            0 => write!(f, "{sign}{size}"),
            scale => {
                write!(
                    f,
                    "{sign}{}.{:0width$}",
                    size / unit,
                    size % unit,
                    width = usize::from(scale)
                )
            }
        }
    }
}

impl Ord for Dec {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = |d: &Self| {
            let unit = 10_i128.pow(u32::from(d.scale));
            (d.coefficient.div_euclid(unit), d.coefficient.rem_euclid(unit))
        };
        let ((whole, part), (other_whole, other_part)) = (parts(self), parts(other));
        // A fraction is below 10^scale, so widening it to the larger scale stays below 10^28.
        let scale = self.scale.max(other.scale);
        let widen = |part: i128, from: u8| part * 10_i128.pow(u32::from(scale - from));
        whole
            .cmp(&other_whole)
            .then_with(|| widen(part, self.scale).cmp(&widen(other_part, other.scale)))
    }
}

impl PartialOrd for Dec {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Dec {
        text.parse().unwrap()
    }

    #[test]
    fn texts_and_their_plain_form() {
        for (text, plain) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("149.50", "149.5"),
            ("+7", "7"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-0.0001", "-0.0001"),
            ("1e2", "100"),
            ("1.25E-3", "0.00125"),
            ("1000", "1000"),
            ("79228162514264337593543950335", "79228162514264337593543950335"),
            ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
        ] {
            assert_eq!(dec(text).to_string(), plain, "{text}");
        }
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        for (text, scale, rounded) in [
            ("183.5383333333333333", 9, "183.538333333"),
            ("0.0000000005", 9, "0.000000001"),
            ("-0.0000000005", 9, "-0.000000001"),
            ("0.00000000049", 9, "0"),
            ("1.5", 9, "1.5"),
            ("7922816251426433759354395033.5", 0, "7922816251426433759354395034"),
            ("0.9999999999999999999999999999", 0, "1"),
        ] {
            assert_eq!(dec(text).rounded(scale), dec(rounded), "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_is_named() {
        for text in ["", ".", "-", "1.2.3", "NaN", "1e", "1e2.5", "0x10", " 1", "1_0", "٣"] {
            assert_eq!(text.parse::<Dec>(), Err(DecimalError::Syntax(text.into())), "{text}");
        }
        for text in ["79228162514264337593543950336", "1e-29", "1e40", "9e2147483647"] {
            assert_eq!(text.parse::<Dec>(), Err(DecimalError::Range(text.into())), "{text}");
        }
    }

    #[test]
    fn the_wire_record_keeps_every_bit() {
        for text in ["0", "-1", "18446744073709551616", "-79228162514264337593543950335", "0.07"] {
            assert_eq!(Dec::try_from(dec(text).wire()), Ok(dec(text)), "{text}");
        }
        assert_eq!(dec("-1").wire(), Decimal { hi: -1, lo: u64::MAX, scale: 0 });
        assert_eq!(dec("1.5").wire(), Decimal { hi: 0, lo: 15, scale: 1 });
        assert!(Dec::try_from(Decimal { hi: 1 << 32, lo: 0, scale: 0 }).is_err());
        assert!(Dec::try_from(Decimal { hi: 0, lo: 10, scale: 29 }).is_err());
    }

    #[test]
    fn order_and_sums_are_by_value() {
        assert!(dec("0.9999") < dec("1") && dec("-1.5") < dec("-1.25") && dec("10") > dec("9.99"));
        let (huge, tiny) = (dec("79228162514264337593543950335"), dec("1e-28"));
        assert!(huge > tiny && tiny > Dec::ZERO && huge.checked_add(tiny).is_none());
        assert_eq!(dec("10").checked_sub(dec("3.75")), Some(dec("6.25")));
        assert_eq!(dec("1.10"), dec("1.1"));
    }
}
