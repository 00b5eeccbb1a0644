//! The words that enums have in the ledger; never changed once released.
//!
//! Apart because each word is written and read by one table row here: a new variant of the core
//! breaks the build until it has its word.

use bracketd_core::command::OpLegs;
use bracketd_core::control::KillLevel;
use bracketd_core::fact::FactKind;
use bracketd_core::order::{Direction, OrderKind, OrderStatus, Role, Side, TimeInForce};
use bracketd_core::protection::Exposed;
use bracketd_core::transaction::{EntryGuard, OnPartial, TransactionStatus};

/// An enum without fields that is one word in the ledger.
pub(crate) trait Word: Sized + Copy {
    /// Its word.
    fn word(self) -> &'static str;
    /// The value of that word.
    fn parse(word: &str) -> Option<Self>;
    /// Every value.
    #[cfg(test)]
    fn all() -> Vec<Self>;
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl Word for $type {
            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            #[cfg(test)]
            fn all() -> Vec<Self> {
                vec![$(Self::$variant),+]
            }
        }
    };
}

words!(Side { Buy = "buy", Sell = "sell" });
words!(Direction { Long = "long", Short = "short" });
words!(Role { Entry = "entry", Stop = "stop", Target = "target", Close = "close" });
words!(OrderKind {
    Market = "market",
    Limit = "limit",
    Stop = "stop",
    StopLimit = "stop_limit",
    TrailingStop = "trailing_stop",
    Other = "other",
});
words!(TimeInForce { Day = "day", Gtc = "gtc", Ioc = "ioc", Fok = "fok", Other = "other" });
words!(OrderStatus {
    PendingNew = "pending_new",
    Held = "held",
    Contingent = "contingent",
    Working = "working",
    PartiallyFilled = "partially_filled",
    PendingReplace = "pending_replace",
    PendingCancel = "pending_cancel",
    Inactive = "inactive",
    Filled = "filled",
    Canceled = "canceled",
    Rejected = "rejected",
    Expired = "expired",
    Replaced = "replaced",
    Unknown = "unknown",
});
words!(TransactionStatus {
    Waiting = "WAITING",
    Opened = "OPENED",
    Closing = "CLOSING",
    Closed = "CLOSED",
    Failed = "FAILED",
});
words!(OnPartial { CancelRest = "cancel_rest", Oco = "oco", Wait = "wait" });
words!(EntryGuard { Plain = "plain", Bracket = "bracket", Oto = "oto" });
words!(OpLegs {
    Entry = "entry",
    Stop = "stop",
    Target = "target",
    Pair = "pair",
    Close = "close",
});
words!(Exposed {
    Deadline = "deadline",
    Rejected = "rejected",
    Breached = "breached",
    Unknown = "unknown",
    AccountDown = "account_down",
    WaitingForEntry = "waiting_for_entry",
    Disarmed = "disarmed",
});

// The core gives levels and facts their words itself, and reads them.
impl Word for KillLevel {
    fn word(self) -> &'static str {
        self.as_str()
    }

    fn parse(word: &str) -> Option<Self> {
        Self::parse(word)
    }

    #[cfg(test)]
    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

impl Word for FactKind {
    fn word(self) -> &'static str {
        self.as_str()
    }

    fn parse(word: &str) -> Option<Self> {
        Self::parse(word)
    }

    #[cfg(test)]
    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word reads back, no two are alike, and it is the core's own where the core has one.
    fn check<T: Word + PartialEq + std::fmt::Debug>(core_word: Option<fn(&T) -> &'static str>) {
        let all = T::all();
        for value in &all {
            let word = value.word();
            assert_eq!(T::parse(word), Some(*value), "{word}");
            assert_eq!(core_word.map_or(word, |core| core(value)), word);
        }
        assert_eq!(T::parse("no such word"), None);
    }

    #[test]
    fn every_word_is_the_cores_own_and_reads_back() {
        check::<Side>(None);
        check::<OrderKind>(None);
        check::<TimeInForce>(None);
        check::<OnPartial>(None);
        check::<EntryGuard>(None);
        check::<Direction>(Some(|v| v.as_str()));
        check::<Role>(Some(|v| v.as_str()));
        check::<OrderStatus>(Some(|v| v.as_str()));
        check::<TransactionStatus>(Some(|v| v.as_str()));
        check::<OpLegs>(Some(|v| v.as_str()));
        check::<Exposed>(Some(|v| v.as_str()));
        check::<FactKind>(Some(|v| v.as_str()));
        check::<KillLevel>(Some(|v| v.as_str()));
    }
}
