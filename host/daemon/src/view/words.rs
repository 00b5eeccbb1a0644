//! The API's words for values that the core has no text for, both ways.
//!
//! Apart so that a word written is a word read. A word here never changes once released.

use bracketd_core::intent::GuardWish;
use bracketd_core::order::{Direction, Leg, OrderKind, TimeInForce};
use bracketd_core::transaction::{EntryGuard, OnPartial, TransactionStatus};

/// `day`, `gtc`, ...
pub fn time_in_force(value: TimeInForce) -> &'static str {
    match value {
        TimeInForce::Day => "day",
        TimeInForce::Gtc => "gtc",
        TimeInForce::Ioc => "ioc",
        TimeInForce::Fok => "fok",
        TimeInForce::Other => "other",
    }
}

/// `market`, `limit`, ...
pub fn order_kind(value: OrderKind) -> &'static str {
    match value {
        OrderKind::Market => "market",
        OrderKind::Limit => "limit",
        OrderKind::Stop => "stop",
        OrderKind::StopLimit => "stop_limit",
        OrderKind::TrailingStop => "trailing_stop",
        OrderKind::Other => "other",
    }
}

/// `cancel_rest`, `oco` or `wait`.
pub fn on_partial(value: OnPartial) -> &'static str {
    match value {
        OnPartial::CancelRest => "cancel_rest",
        OnPartial::Oco => "oco",
        OnPartial::Wait => "wait",
    }
}

/// `plain`, `bracket` or `oto`.
pub fn entry_guard(value: EntryGuard) -> &'static str {
    match value {
        EntryGuard::Plain => "plain",
        EntryGuard::Bracket => "bracket",
        EntryGuard::Oto => "oto",
    }
}

/// The time in force of that name; only those that an entry may have.
pub fn parse_time_in_force(word: &str) -> Option<TimeInForce> {
    [TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok]
        .into_iter()
        .find(|value| time_in_force(*value) == word)
}

/// The handling of partial fills of that name.
pub fn parse_on_partial(word: &str) -> Option<OnPartial> {
    [OnPartial::CancelRest, OnPartial::Oco, OnPartial::Wait]
        .into_iter()
        .find(|value| on_partial(*value) == word)
}

/// `native` or `plain`.
pub fn parse_guard(word: &str) -> Option<GuardWish> {
    match word {
        "native" => Some(GuardWish::Native),
        "plain" => Some(GuardWish::Plain),
        _ => None,
    }
}

/// `long` or `short`.
pub fn parse_direction(word: &str) -> Option<Direction> {
    [Direction::Long, Direction::Short].into_iter().find(|value| value.as_str() == word)
}

/// `stop` or `target`.
pub fn parse_leg(word: &str) -> Option<Leg> {
    [Leg::Stop, Leg::Target].into_iter().find(|value| value.as_str() == word)
}

/// All statuses of a transaction, in the order of its life.
pub const STATUSES: [TransactionStatus; 5] = [
    TransactionStatus::Waiting,
    TransactionStatus::Opened,
    TransactionStatus::Closing,
    TransactionStatus::Closed,
    TransactionStatus::Failed,
];

/// The status of that name, in any case.
pub fn parse_status(word: &str) -> Option<TransactionStatus> {
    STATUSES.into_iter().find(|value| value.as_str().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_that_is_read_is_the_word_that_is_written() {
        for word in ["day", "gtc", "ioc", "fok"] {
            assert_eq!(parse_time_in_force(word).map(time_in_force), Some(word));
        }
        for word in ["cancel_rest", "oco", "wait"] {
            assert_eq!(parse_on_partial(word).map(on_partial), Some(word));
        }
        for status in STATUSES {
            assert_eq!(parse_status(&status.as_str().to_lowercase()), Some(status));
        }
        assert_eq!(parse_leg("stop"), Some(Leg::Stop));
        assert_eq!(parse_direction("short"), Some(Direction::Short));
        assert_eq!(parse_guard("native"), Some(GuardWish::Native));
    }

    #[test]
    fn other_words_are_not_read() {
        assert_eq!(parse_time_in_force("other"), None);
        assert_eq!(parse_on_partial(""), None);
        assert_eq!(parse_status("OPEN"), None);
        assert_eq!(parse_leg("Stop"), None);
        assert_eq!(parse_direction("buy"), None);
        assert_eq!(parse_guard("bracket"), None);
    }
}
