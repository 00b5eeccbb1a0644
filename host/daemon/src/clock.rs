//! The one reader of wall time, and the one place that writes and reads RFC 3339.
//!
//! Apart because everything inside takes time as data (I1). Deadlines of the network are monotonic
//! and do not come from here.

use bracketd_core::time::Timestamp;

/// The present moment.
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
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
    use super::{now, parse, rfc3339, time_of_day};
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
    fn wall_time_is_this_century() {
        assert!(now() > parse("2025-01-01T00:00:00Z").unwrap());
    }
}
