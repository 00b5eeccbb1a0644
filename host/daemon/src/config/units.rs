//! Values with units: spans of time and percentages. Apart so that each unit is read in one place;
//! it never guesses a unit that is not written.

use bracketd_core::Decimal;
use bracketd_core::guard::Distance;
use bracketd_core::money::is_sane;

/// Smallest distance in percent that can be told from none.
const PERCENT_MIN: Decimal = Decimal::from_parts(1, 0, 0, false, 3);
/// Longest distance in ticks.
const TICKS_MAX: u32 = 100_000;

/// A span such as `500ms`, `3s`, `2m` or `1h`, in milliseconds; or what to write instead.
pub fn span_ms(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" if !number.is_empty() => {
            return Err(format!("a span needs a unit: \"{number}s\" or \"{number}ms\""));
        }
        _ => return Err("write a whole number and ms, s, m or h, such as \"3s\"".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "write a whole number and ms, s, m or h, such as \"3s\"".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that span is too long".to_owned())
}

/// A percentage such as `2%` or `0.5%`, above zero; or what to write instead.
pub fn percent(text: &str) -> Result<Decimal, String> {
    let Some(number) = text.strip_suffix('%') else {
        return Err(format!("a percentage needs its sign: \"{text}%\""));
    };
    match Decimal::from_str_exact(number.trim()) {
        Ok(value) if value > Decimal::ZERO => Ok(value.normalize()),
        Ok(_) => Err("the percentage must be above zero".to_owned()),
        Err(_) => Err("write a decimal number and %, such as \"50%\"".to_owned()),
    }
}

/// An amount of money or units such as `25000` or `0.5`, above zero; or what to write instead.
pub fn amount(text: &str) -> Result<Decimal, String> {
    match Decimal::from_str_exact(text.trim()) {
        Ok(value) if value > Decimal::ZERO && is_sane(value) => Ok(value.normalize()),
        Ok(value) if value > Decimal::ZERO => Err("that is more than can be counted".to_owned()),
        Ok(_) => Err("the amount must be above zero; leave the key out for no limit".to_owned()),
        Err(_) => {
            Err("write a decimal number without currency or commas, such as \"500\"".to_owned())
        }
    }
}

/// A distance between prices such as `5 ticks` or `0.2%`; or what to write instead.
pub fn distance(text: &str) -> Result<Distance, String> {
    if text.ends_with('%') {
        return match percent(text)? {
            value if value >= PERCENT_MIN && value < Decimal::ONE_HUNDRED => {
                Ok(Distance::Percent(value))
            }
            _ => Err(format!("the percentage must be between {PERCENT_MIN}% and 100%")),
        };
    }
    let help = || "write ticks or percent, such as \"5 ticks\" or \"0.2%\"".to_owned();
    let number = text.strip_suffix("ticks").ok_or_else(help)?;
    match number.trim().parse() {
        Ok(ticks) if (2..=TICKS_MAX).contains(&ticks) => Ok(Distance::Ticks(ticks)),
        Ok(_) => Err(format!("the ticks must be between 2 and {TICKS_MAX}: one is always kept")),
        Err(_) => Err(help()),
    }
}

/// `ms` as people write it, in the largest unit that keeps it whole.
pub fn show_ms(ms: u64) -> String {
    for (factor, unit) in [(3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
        if ms >= factor && ms.is_multiple_of(factor) {
            return format!("{}{unit}", ms / factor);
        }
    }
    format!("{ms}ms")
}

#[cfg(test)]
mod tests {
    use super::{amount, distance, percent, show_ms, span_ms};

    #[test]
    fn spans_need_a_whole_number_and_a_unit() {
        let rows: [(&str, Option<u64>); 10] = [
            ("500ms", Some(500)),
            ("3s", Some(3_000)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("3 s", Some(3_000)),
            ("3", None),
            ("", None),
            ("1.5s", None),
            ("-3s", None),
            ("99999999999999999999s", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(span_ms(text).ok(), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_span_is_shown_as_it_is_written() {
        for text in ["500ms", "3s", "90s", "2m", "1h"] {
            assert_eq!(span_ms(&show_ms(span_ms(text).unwrap())).unwrap(), span_ms(text).unwrap());
        }
        assert_eq!(show_ms(60_000), "1m");
    }

    #[test]
    fn amounts_are_plain_decimals_above_zero() {
        assert_eq!(amount("25000").unwrap().to_string(), "25000");
        assert_eq!(amount(" 0.50").unwrap().to_string(), "0.5");
        for text in ["0", "-1", "1,000", "1e3", "$5", "500 USD", "", "1000000000001", "50%"] {
            assert!(amount(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn distances_are_ticks_or_percent() {
        let rows =
            [("5 ticks", "5 ticks"), ("12ticks", "12 ticks"), ("0.2%", "0.2%"), ("2 %", "2%")];
        for (text, shown) in rows {
            assert_eq!(distance(text).unwrap().to_string(), shown);
        }
        for text in ["5", "1 ticks", "0 ticks", "-5 ticks", "100001 ticks", "0.0001%", "100%", "x%"]
        {
            assert!(distance(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn percentages_need_their_sign_and_are_above_zero() {
        assert_eq!(percent("50%").unwrap().to_string(), "50");
        assert_eq!(percent("0.50 %").unwrap().to_string(), "0.5");
        for text in ["50", "0%", "-1%", "half%", "%"] {
            assert!(percent(text).is_err(), "{text:?}");
        }
    }
}
