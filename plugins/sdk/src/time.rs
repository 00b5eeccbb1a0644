//! RFC 3339 to Unix nanoseconds and back. Own code, because a calendar crate would be most of a
//! small plugin; it must never ask what time it is.

use crate::types::UnixNanos;

const NANOS: u64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;
/// Days before each month in a year without a leap day.
const MONTH_START: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Nanoseconds since 1970 of an RFC 3339 text. None: not one, before 1970, or beyond the year 2500.
#[must_use]
pub fn parse(text: &str) -> Option<UnixNanos> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut ymd = date.splitn(3, '-').map(field);
    let days = days_of(ymd.next()??, ymd.next()??, ymd.next()??)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone_at);
    let mut hms = clock.splitn(3, ':');
    let (hour, minute) = (field(hms.next()?)?, field(hms.next()?)?);
    let (second, fraction) = match hms.next()?.split_once('.') {
        Some((second, fraction)) => (field(second)?, nanos_of(fraction)?),
        None => (field(clock.rsplit(':').next()?)?, 0),
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days * DAY_SECONDS + hour * 3_600 + minute * 60 + second - offset_of(zone)?;
    u64::try_from(seconds).ok()?.checked_mul(NANOS)?.checked_add(fraction)
}

/// RFC 3339 in UTC with nine decimals.
#[must_use]
pub fn format(nanos: UnixNanos) -> String {
    // A u64 of nanoseconds is below 2^34 seconds, so the casts lose nothing.
    let (seconds, fraction) = ((nanos / NANOS).cast_signed(), nanos % NANOS);
    let (days, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
    let mut year = 1970 + days / 366;
    while days_before(year + 1) <= days {
        year += 1;
    }
    let in_year = days - days_before(year);
    let start = |month: usize| MONTH_START[month] + i64::from(month > 1 && leap(year));
    let month = (0..12).rev().find(|&month| start(month) <= in_year).unwrap_or(0);
    format!(
        "{year:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{fraction:09}Z",
        month + 1,
        in_year - start(month) + 1,
        second / 3_600,
        second / 60 % 60,
        second % 60,
    )
}

fn field(text: &str) -> Option<i64> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Digits after the ninth are below a nanosecond and dropped.
fn nanos_of(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<9}").get(..9)?.parse().ok()
}

fn offset_of(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next()? {
        'Z' | 'z' => return (zone.len() == 1).then_some(0),
        '+' => 1,
        _ => -1,
    };
    let (hour, minute) = zone.get(1..)?.split_once(':')?;
    let (hour, minute) = (field(hour)?, field(minute)?);
    (hour < 24 && minute < 60).then_some(sign * (hour * 3_600 + minute * 60))
}

fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let index = usize::try_from(month.checked_sub(1)?).ok()?;
    let length = match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1970..=2500).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let leap_day = i64::from(month > 2 && leap(year));
    Some(days_before(year) + MONTH_START.get(index)? + leap_day + day - 1)
}

/// Days from 1970-01-01 to January 1st of `year`.
fn days_before(year: i64) -> i64 {
    let leaps = |y: i64| y / 4 - y / 100 + y / 400;
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
}

const fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (text, nanos) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600 * NANOS),
            ("2026-11-23T09:30:00.123456789Z", 1_795_426_200_123_456_789),
            ("2026-11-23T04:30:00.123456789-05:00", 1_795_426_200_123_456_789),
            ("2026-11-23t09:30:00.1234567894z", 1_795_426_200_123_456_789),
            ("2100-03-01T00:00:00+00:00", 4_107_542_400 * NANOS),
        ] {
            assert_eq!(parse(text), Some(nanos), "{text}");
        }
    }

    #[test]
    fn a_formatted_time_reads_back() {
        for days in 0..60_000_u64 {
            let nanos = days * 86_400 * NANOS + 86_399 * NANOS + 7;
            assert_eq!(parse(&format(nanos)), Some(nanos), "{}", format(nanos));
        }
        assert_eq!(format(1_795_426_200_123_456_789), "2026-11-23T09:30:00.123456789Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T09:30:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T09:30:00.Z",
            "1969-12-31T23:59:59Z",
            "2026-11-23T09:30:00+5",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
