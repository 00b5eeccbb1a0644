//! What an answer's headers say of the broker's patience: when it had enough, and for how long.
//!
//! Apart because it is read by the host itself: what a plugin makes of a "too many" is its word, and
//! all of the account's threads share one budget. `Retry-After` is RFC 9110; `X-RateLimit-Remaining`
//! and `X-RateLimit-Reset` (unix seconds, or seconds from now) are what Alpaca sends.

use http_date::unix_s;

/// "Too many requests", RFC 6585.
const TOO_MANY: u16 = 429;
/// A reset beyond this many seconds is a moment, below it a span.
const SPAN_S_MAX: i64 = 1_000_000_000;
/// How long at most nothing is sent because the allowance is used up, in milliseconds. Where that
/// is not what the header means, a stop waits no longer than this; where it is, the next answer is
/// "too many" and says for how long.
const USED_UP_MS_MAX: u64 = 5_000;

/// The broker had enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Enough {
    /// For how long, where it says, in milliseconds.
    pub after_ms: Option<u64>,
}

/// What the answer says of it. `now_s` is unix time, where the answer has no `Date` of its own.
pub(crate) fn enough(status: u16, headers: &[(String, String)], now_s: i64) -> Option<Enough> {
    let header = |name: &str| {
        let found = headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim())
    };
    // The broker's own clock, where it tells it: ours may be off.
    let now_s = header("date").and_then(unix_s).unwrap_or(now_s);
    let reset = || {
        let at: i64 = header("x-ratelimit-reset")?.parse().ok()?;
        let seconds = if at > SPAN_S_MAX { at.saturating_sub(now_s) } else { at };
        Some(ms(seconds))
    };
    if status == TOO_MANY {
        let retry_after = header("retry-after").and_then(|text| {
            let seconds = text.parse().ok();
            seconds.or_else(|| unix_s(text).map(|at| at.saturating_sub(now_s))).map(ms)
        });
        return Some(Enough { after_ms: retry_after.or_else(reset) });
    }
    let is_used_up = header("x-ratelimit-remaining") == Some("0");
    let after_ms = is_used_up.then(reset).flatten().filter(|ms| *ms > 0)?;
    Some(Enough { after_ms: Some(after_ms.min(USED_UP_MS_MAX)) })
}

fn ms(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
}

/// The date format of HTTP (RFC 9110, 5.6.7), without a date library for one header.
mod http_date {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    /// Unix seconds of `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub(super) fn unix_s(text: &str) -> Option<i64> {
        let rest = text.split_once(", ")?.1.strip_suffix(" GMT")?;
        let mut words = rest.split(' ');
        let day: i64 = words.next()?.parse().ok()?;
        let name = words.next()?;
        let month = i64::try_from(MONTHS.iter().position(|known| *known == name)?).ok()? + 1;
        let year: i64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
        let mut clock = words.next()?.split(':').map(|part| part.parse::<i64>().ok());
        let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
        Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
    }

    /// Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that a leap day is
    /// the last of its year.
    fn days(year: i64, month: i64, day: i64) -> i64 {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_784_073_600;

    #[test]
    fn g5_what_the_headers_say_is_how_long_nothing_is_sent() {
        let reset = |after: i64| (NOW_S + after).to_string();
        let date = "Wed, 15 Jul 2026 00:00:07 GMT".to_owned();
        for (status, told, want) in [
            (200, vec![], None),
            (429, vec![], Some(None)),
            (429, vec![("retry-after", "3".to_owned())], Some(Some(3_000))),
            (429, vec![("retry-after", date.clone())], Some(Some(7_000))),
            (429, vec![("retry-after", "soon".to_owned())], Some(None)),
            (429, vec![("x-ratelimit-reset", reset(40))], Some(Some(40_000))),
            (429, vec![("x-ratelimit-reset", reset(-40))], Some(Some(0))),
            (
                429,
                vec![("retry-after", "2".to_owned()), ("x-ratelimit-reset", reset(40))],
                Some(Some(2_000)),
            ),
            // The broker's clock is 7 s ahead of ours.
            (429, vec![("date", date), ("x-ratelimit-reset", reset(40))], Some(Some(33_000))),
            (200, vec![("x-ratelimit-remaining", "0".to_owned())], None),
            (
                200,
                vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset(4))],
                Some(Some(4_000)),
            ),
            (
                200,
                vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset(40))],
                Some(Some(USED_UP_MS_MAX)),
            ),
            (
                200,
                vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset(-1))],
                None,
            ),
            (
                200,
                vec![("x-ratelimit-remaining", "1".to_owned()), ("x-ratelimit-reset", reset(40))],
                None,
            ),
            (
                200,
                vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", "3".into())],
                Some(Some(3_000)),
            ),
        ] {
            let headers: Vec<_> = told.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
            let got = enough(status, &headers, NOW_S).map(|enough| enough.after_ms);
            assert_eq!(got, want, "{status} {told:?}");
        }
    }

    #[test]
    fn dates_of_http() {
        for (text, want) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
            ("Fri, 01 Mar 2024 00:00:00 GMT", Some(1_709_251_200)),
            ("Wed, 15 Jul 2026 00:00:00 GMT", Some(NOW_S)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun, 06 Nov 99999999999999 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("", None),
        ] {
            assert_eq!(unix_s(text), want, "{text}");
        }
    }
}
