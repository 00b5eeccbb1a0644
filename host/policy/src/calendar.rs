//! When a timer beats by a clock on a wall or by an instrument's session.
//!
//! Apart because this is the only place that knows time zones: a time of day happens once on each
//! day of its zone, also when its clocks are turned. It asks nobody the time; where a zone is not
//! known on this machine, the script is refused.

use bracketd_core::time::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

use crate::data::parse_duration_ms;

/// The shortest time between two beats; prices are the quicker event, and the newest of them counts.
const EVERY_MS_MIN: u64 = 1_000;
/// Days that are looked at for the next time of day: clocks are turned over midnight in some zones,
/// and a few have skipped a whole day.
const DAYS_MAX: usize = 4;

/// A time of day in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    time: Time,
    zone: TimeZone,
}

/// A beginning or an end of an instrument's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The session opens.
    Open,
    /// It closes.
    Close,
}

/// When a timer beats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Each time so many milliseconds have passed since the first fill.
    EveryMs(u64),
    /// So many milliseconds after an edge of the instrument's session; before it where negative.
    Session {
        /// Which edge.
        edge: Edge,
        /// Milliseconds after it.
        offset_ms: i64,
    },
    /// Once a day.
    At(TimeOfDay),
}

impl TimeOfDay {
    /// Reads `15:55 America/New_York`.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (time, zone) = text.trim().split_once(' ').unwrap_or((text, ""));
        let of_day = Time::strptime("%H:%M", time.trim());
        let of_day = of_day.map_err(|_| format!("{time} is no time of day such as 15:55"))?;
        let zone = zone.trim();
        if zone.is_empty() {
            return Err(format!("{time} needs its time zone, such as America/New_York"));
        }
        match TimeZone::get(zone) {
            Ok(zone) => Ok(Self { time: of_day, zone }),
            Err(_) => Err(format!("there is no time zone {zone} on this machine")),
        }
    }

    /// The first moment after `now` at which clocks there show it. A time that is skipped when clocks
    /// are turned forward comes as much later; one that comes twice counts the first time.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let from = jiff::Timestamp::from_microsecond(now.0).ok()?.to_zoned(self.zone.clone());
        let mut day = from.date();
        for _ in 0..DAYS_MAX {
            let at: Zoned = day.to_datetime(self.time).to_zoned(self.zone.clone()).ok()?;
            if at > from {
                return Some(Timestamp(at.timestamp().as_microsecond()));
            }
            day = day.tomorrow().ok()?;
        }
        None
    }
}

impl Schedule {
    /// Reads `every 5m`, `session_open+5m`, `session_close-10m`, `at 15:55 America/New_York`.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        for (word, edge) in [("session_open", Edge::Open), ("session_close", Edge::Close)] {
            if let Some(rest) = text.strip_prefix(word) {
                let offset_ms = offset_ms(rest).ok_or_else(|| {
                    format!("\"{text}\" is none: write {word}, {word}+5m or {word}-10m")
                })?;
                return Ok(Self::Session { edge, offset_ms });
            }
        }
        if let Some(at) = text.strip_prefix("at ") {
            return TimeOfDay::parse(at).map(Self::At);
        }
        let every = text.strip_prefix("every ").unwrap_or(text);
        match parse_duration_ms(every.trim()) {
            Some(ms) if ms < EVERY_MS_MIN => Err(format!(
                "\"{text}\" is too often: at least \"every 1s\"; prices come to on_tick"
            )),
            Some(ms) => Ok(Self::EveryMs(ms)),
            None => Err(format!(
                "\"{text}\" is none of \"every 5m\", \"session_open+5m\", \"session_close-10m\", \
                 \"at 15:55 America/New_York\""
            )),
        }
    }
}

/// Reads nothing, `+5m` or `-10m`.
fn offset_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.is_empty() {
        return Some(0);
    }
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return None,
    };
    let ms = i64::try_from(parse_duration_ms(rest.trim())?).ok()?;
    // A session is a day at most.
    (SignedDuration::from_millis(ms) <= SignedDuration::from_hours(24)).then_some(sign * ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().expect("a moment");
        Timestamp(at.as_microsecond())
    }

    #[test]
    fn schedules_read_and_say_what_is_wrong() {
        let session = |edge, offset_ms| Ok(Schedule::Session { edge, offset_ms });
        let rows = [
            ("every 90s", Ok(Schedule::EveryMs(90_000))),
            ("every 1s", Ok(Schedule::EveryMs(1_000))),
            ("5m", Ok(Schedule::EveryMs(300_000))),
            ("session_open", session(Edge::Open, 0)),
            ("session_open+5m", session(Edge::Open, 300_000)),
            ("session_close-10m", session(Edge::Close, -600_000)),
            ("session_close + 1h", session(Edge::Close, 3_600_000)),
        ];
        for (text, expected) in rows {
            assert_eq!(Schedule::parse(text), expected, "{text}");
        }
        let refused = [
            ("every 0s", "is too often"),
            ("every 999ms", "is too often"),
            ("every so often", "is none of"),
            ("session_close10m", "write session_close"),
            ("session_open+25h", "write session_open"),
            ("at 25:00 America/New_York", "no time of day"),
            ("at 15:55", "needs its time zone"),
            ("at 15:55 Mars/Olympus", "no time zone Mars/Olympus"),
        ];
        for (text, expected) in refused {
            let said = Schedule::parse(text).expect_err(text);
            assert!(said.contains(expected), "{text}: {said}");
        }
    }

    /// In 2024 New York turned its clocks on 10 March and 3 November, Sydney on 7 April and 6
    /// October (IANA time zone database).
    #[test]
    fn a_time_of_day_comes_once_a_day_also_when_clocks_are_turned() {
        let rows: [(&str, &str, &[&str]); 5] = [
            (
                "15:55 America/New_York",
                "2024-03-08T20:55:00Z",
                &["2024-03-09T20:55:00Z", "2024-03-10T19:55:00Z", "2024-03-11T19:55:00Z"],
            ),
            (
                "02:30 America/New_York",
                "2024-03-09T00:00:00Z",
                &["2024-03-09T07:30:00Z", "2024-03-10T07:30:00Z", "2024-03-11T06:30:00Z"],
            ),
            (
                "01:30 America/New_York",
                "2024-11-02T12:00:00Z",
                &["2024-11-03T05:30:00Z", "2024-11-04T06:30:00Z"],
            ),
            (
                "16:00 Australia/Sydney",
                "2024-10-05T05:00:00Z",
                &["2024-10-05T06:00:00Z", "2024-10-06T05:00:00Z"],
            ),
            ("00:00 UTC", "2024-02-28T23:59:59.999999Z", &["2024-02-29T00:00:00Z"]),
        ];
        for (text, from, expected) in rows {
            let of_day = TimeOfDay::parse(text).expect("a time of day");
            let mut now = at(from);
            for moment in expected {
                now = of_day.next_after(now).expect("a next one");
                assert_eq!(now, at(moment), "{text} from {from}");
            }
        }
    }
}
