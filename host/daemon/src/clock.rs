//! The one reader of wall time, and the one place that writes and reads RFC 3339.
//!
//! Apart because everything inside takes time as data (I1). Deadlines of the network are monotonic
//! and do not come from here.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use bracketd_core::time::Timestamp;

/// The present moment: wall time that never goes back.
///
/// A clock that is set back would stop every timer until it has caught up; ours goes on at half
/// speed instead until the wall clock is ahead again. A jump forward, as after a suspend, is taken
/// at once: what became due is due.
pub fn now() -> Timestamp {
    static LAST: Mutex<Option<Steady>> = Mutex::new(None);
    let (wall, mono) = (jiff::Timestamp::now().as_microsecond(), Instant::now());
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let steady = last.get_or_insert(Steady { shown: wall, mono });
    let passed = mono.saturating_duration_since(steady.mono).as_micros();
    steady.mono = mono.max(steady.mono);
    steady.shown = next(steady.shown, wall, i64::try_from(passed).unwrap_or(i64::MAX));
    Timestamp(steady.shown)
}

/// What was shown last, and the monotonic clock then.
struct Steady {
    shown: i64,
    mono: Instant,
}

/// The time to show after `passed` microseconds, given what was shown and the wall clock.
fn next(shown: i64, wall: i64, passed: i64) -> i64 {
    if wall >= shown { wall } else { shown.saturating_add(passed / 2) }
}

/// RFC 3339 in UTC with six decimals, such as `2026-01-02T03:04:05.000006Z`. A moment outside of
/// the years that the format knows is written as its microseconds.
pub fn rfc3339(at: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(moment) => format!("{moment:.6}"),
        Err(_) => format!("{}us", at.0),
    }
}

/// The moment that an RFC 3339 text names; nothing where it names none.
pub fn parse(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(moment.as_microsecond()))
}

/// Hours, minutes and seconds of the day in UTC, for lists that people read.
pub fn time_of_day(at: Timestamp) -> String {
    rfc3339(at).get(11..19).unwrap_or("??:??:??").to_owned()
}

#[cfg(test)]
mod tests {
    use super::{next, now, parse, rfc3339, time_of_day};
    use bracketd_core::time::Timestamp;

    #[test]
    fn a_moment_survives_being_written_and_read() {
        for us in [0, 1, 1_767_323_045_000_006, -1] {
            assert_eq!(parse(&rfc3339(Timestamp(us))), Some(Timestamp(us)));
        }
        assert_eq!(rfc3339(Timestamp(1_767_323_045_000_006)), "2026-01-02T03:04:05.000006Z");
        assert_eq!(time_of_day(Timestamp(1_767_323_045_000_006)), "03:04:05");
    }

    #[test]
    fn what_is_no_moment_is_not_read() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert!(!rfc3339(Timestamp(i64::MAX)).is_empty());
    }

    #[test]
    fn time_goes_on_while_the_wall_clock_is_behind() {
        // shown, wall, passed, shown next
        let rows = [
            (100, 110, 10, 110),
            (100, 5_000, 10, 5_000),
            (100, 40, 10, 105),
            (105, 104, 0, 105),
            (105, 105, 10, 105),
        ];
        for (shown, wall, passed, expected) in rows {
            assert_eq!(next(shown, wall, passed), expected, "{shown} {wall} {passed}");
        }
    }

    #[test]
    fn wall_time_is_this_century() {
        assert!(now() > parse("2025-01-01T00:00:00Z").unwrap());
    }
}
