//! Bugs on purpose: each one a mistake that this project is meant never to make.
//!
//! Apart because they exist to show that the simulation finds them. Without the feature `bugs` no
//! question about them costs anything, and none of them can be switched on.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal;)+) => {
        /// A mistake on purpose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// `M1`, `M2`, ...
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What the mistake is, in a few words.
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// The bug of that name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|bug| bug.name().eq_ignore_ascii_case(name))
            }
        }
    };
}

bugs! {
    /// A timeout counts as a failure, and the next try has a new id.
    M1 = "a timeout counts as a failure";
    /// A fill of an order whose cancel is under way is not counted.
    M2 = "a fill against a pending cancel is ignored";
    /// The order that took a replaced one's place is not remembered.
    M3 = "the replacement of an order is forgotten";
    /// One look-up that finds nothing proves that nothing is there.
    M4 = "absence is believed after one read";
    /// Who asked is told yes before the ledger has it.
    M5 = "acknowledged before the commit";
    /// Facts are written with the next commit.
    M6 = "facts are not in the commit of their change";
    /// Exits always cover what was entered first.
    M7 = "exits are sized by the original quantity";
    /// A look-up that failed or found nothing yet counts as a no, and the next try has a new id.
    M8 = "a new attempt without a definite no";
    /// Commands go out before the account was read.
    M9 = "sends before the account was reconciled";
    /// Messages about targets go out ahead of those about missing stops.
    M10 = "the throttle goes ahead of protection";
    /// A close takes all that was entered, and goes out again for what was held then.
    M11 = "sells again what has left already";
    /// An automatic source may loosen a stop although the account forbids it.
    M12 = "a script loosens a stop under the ratchet";
    /// Commands go out although the account is disarmed.
    M13 = "sends while disarmed";
    /// An order of somebody else counts as ours when side and symbol fit.
    M14 = "a stranger's order is taken for ours";
    /// An entry that waited too long goes out all the same.
    M15 = "a stale entry is sent";
    /// Rows of one leg share their id.
    M16 = "two rows share one id";
    /// An exit that the entry carries counts as protection before the entry has filled, and one
    /// that ended still does.
    M17 = "an order that cannot act counts as a stop";
    /// Entries go out although the kill switch is thrown.
    M19 = "opens under the kill switch";
    /// A position that the broker does not show in one read has been closed.
    M18 = "a position is believed gone after one read";
    /// Where quantity is dealt out anew, exits are added before others have become smaller.
    M20 = "exits are added before others shrink";
}

#[cfg(feature = "bugs")]
mod chosen {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static CHOSEN: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// From now on this thread makes that mistake, or none.
    pub fn choose(bug: Option<Bug>) {
        CHOSEN.with(|chosen| chosen.set(bug));
    }

    /// Whether this thread makes that mistake.
    pub fn is(bug: Bug) -> bool {
        CHOSEN.with(|chosen| chosen.get() == Some(bug))
    }
}

#[cfg(feature = "bugs")]
pub use chosen::{choose, is};

/// Whether this thread makes that mistake: never, in this build.
#[cfg(not(feature = "bugs"))]
pub const fn is(_bug: Bug) -> bool {
    false
}
