//! The one reader of wall time, and the one place that writes and reads RFC 3339.
//!
//! Apart because everything inside takes time as data (I1). Deadlines of the network are monotonic
//! and do not come from here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use bracketd_core::time::Timestamp;

/// A wall clock that gains more than this on the monotonic one between two looks was set, or the
/// machine slept; what a time service corrects without a step stays far below.
const JUMP_US_MIN: i64 = 1_000_000;

/// Whether [`now`] has seen a jump that [`was_set`] has not told.
static WAS_SET: AtomicBool = AtomicBool::new(false);

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
    let passed = i64::try_from(passed).unwrap_or(i64::MAX);
    if jumps(steady.shown, wall, passed) {
        WAS_SET.store(true, Ordering::Release);
    }
    steady.mono = mono.max(steady.mono);
    steady.shown = next(steady.shown, wall, passed);
    Timestamp(steady.shown)
}

/// Whether the clock was set forward, or the machine slept, since this was last asked. Only the
/// engine's thread asks, after it has read the time.
pub fn was_set() -> bool {
    WAS_SET.swap(false, Ordering::AcqRel)
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

/// Whether the wall clock has gone on by more than has passed.
fn jumps(shown: i64, wall: i64, passed: i64) -> bool {
    wall.saturating_sub(shown) > passed.saturating_add(JUMP_US_MIN)
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
    use super::{jumps, next, now, parse, rfc3339, time_of_day};
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
    fn a_clock_that_was_set_is_told_from_one_that_runs() {
        // shown, wall, passed, set
        let rows = [
            (100, 110, 10, false),
            (100, 900_000, 10, false),
            (100, 30_000_100, 30_000_000, false),
            (100, 1_000_200, 10, true),
            (100, 30_000_100, 9_000_000, true),
            (5_000_000, 100, 10, false),
        ];
        for (shown, wall, passed, expected) in rows {
            assert_eq!(jumps(shown, wall, passed), expected, "{shown} {wall} {passed}");
        }
    }

    #[test]
    fn wall_time_is_this_century() {
        assert!(now() > parse("2025-01-01T00:00:00Z").unwrap());
    }
}
