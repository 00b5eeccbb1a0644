//! What somebody wants done, and the true answer to it.
//!
//! Apart because scripts, HTTP, the command line and recovery all speak exactly this; there is no
//! second door.

use crate::control::KillLevel;
use crate::ids::{AccountName, BrokerOrderId, OpId, OwnerName, PolicyName, Symbol, TransactionId};
use crate::ladder::RungWish;
use crate::money::{Price, Quantity};
use crate::order::{Direction, Leg, TimeInForce};
use crate::refusal::Refusal;
use crate::standing::TrailTerms;
use crate::time::Timestamp;
use crate::transaction::{EntryKind, OnPartial};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A person, by the name of the token or terminal.
    Manual(String),
    /// A policy.
    Policy {
        /// Its name.
        name: PolicyName,
        /// Content hash of the version that decided.
        digest: String,
    },
    /// The broker: something that happened there.
    Broker,
    /// The start, or a reconcile.
    Recovery,
    /// The host itself: a guard, a deadline, the configuration.
    Host,
}

impl Source {
    /// Whether a person asks.
    pub fn is_person(&self) -> bool {
        matches!(self, Self::Manual(_))
    }

    /// `manual(name)`, `policy(name)`, `broker`, `recovery` or `host`.
    pub fn label(&self) -> String {
        match self {
            Self::Manual(name) => format!("manual({name})"),
            Self::Policy { name, .. } => format!("policy({name})"),
            Self::Broker => "broker".to_owned(),
            Self::Recovery => "recovery".to_owned(),
            Self::Host => "host".to_owned(),
        }
    }
}

/// Whether an entry carries its exits to the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuardWish {
    /// Where the account can.
    #[default]
    Native,
    /// Never.
    Plain,
}

/// A new transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The account that shall trade it.
    pub account: AccountName,
    /// The book; none is the account's own.
    pub owner: Option<OwnerName>,
    /// What is traded.
    pub symbol: Symbol,
    /// Which way it gains.
    pub direction: Direction,
    /// How much.
    pub quantity: Quantity,
    /// How the entry finds its price.
    pub entry: EntryKind,
    /// How long the entry rests; none is good-till-canceled.
    pub time_in_force: Option<TimeInForce>,
    /// The stop wanted.
    pub stop: Option<Price>,
    /// The target wanted.
    pub target: Option<Price>,
    /// Policies; none are the account's.
    pub policies: Option<Vec<PolicyName>>,
    /// What is done about a partial fill; none is the default for the entry.
    pub on_partial: Option<OnPartial>,
    /// Whether the entry carries its exits.
    pub guard: GuardWish,
    /// Meant even where an equal entry was made a moment ago (G4).
    pub distinct: bool,
}

/// What a person found out about a command whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It never took effect.
    Absent,
    /// This order at the broker is its effect. It is read before it is believed.
    Order(BrokerOrderId),
}

/// A position that somebody else made, to be looked after from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopt {
    /// The account that holds it.
    pub account: AccountName,
    /// What is held.
    pub symbol: Symbol,
    /// Which way it gains.
    pub direction: Direction,
    /// How much of it; at most what no transaction of ours holds.
    pub quantity: Quantity,
    /// Open exit orders of it that become ours.
    pub orders: Vec<BrokerOrderId>,
    /// The stop wanted; none keeps the one among the orders.
    pub stop: Option<Price>,
    /// The target wanted; none keeps the one among the orders.
    pub target: Option<Price>,
    /// Policies; none are the account's.
    pub policies: Option<Vec<PolicyName>>,
}

/// A change of one leg's wanted price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Stays as it is.
    Keep,
    /// None is wanted any more.
    Clear,
    /// This price is wanted.
    Set(Price),
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// `open_position`.
    Open(Box<Open>),
    /// `update_stop_loss`, `update_take_profit`, `set_bracket`.
    Protect {
        /// The transaction.
        transaction: TransactionId,
        /// What becomes of the stop.
        stop: Wish,
        /// What becomes of the target.
        target: Wish,
    },
    /// `ratchet_stop`: as `update_stop_loss`, but nothing when the price is not better.
    Ratchet {
        /// The transaction.
        transaction: TransactionId,
        /// The stop wanted.
        stop: Price,
    },
    /// `close_position`.
    Close {
        /// The transaction.
        transaction: TransactionId,
    },
    /// `adjust_quantity`.
    Resize {
        /// The transaction.
        transaction: TransactionId,
        /// What is to be held afterwards.
        quantity: Quantity,
    },
    /// `cancel_entry`.
    CancelEntry {
        /// The transaction.
        transaction: TransactionId,
    },
    /// `resolve`: a person settles a command whose outcome is unknown.
    Resolve {
        /// The transaction.
        transaction: TransactionId,
        /// The outbox row.
        op: OpId,
        /// What became of it.
        found: Resolution,
    },
    /// `adopt`: a position and orders that somebody else made become a transaction.
    Adopt(Box<Adopt>),
    /// `lock`, `unlock`.
    Lock {
        /// The transaction.
        transaction: TransactionId,
        /// The leg.
        leg: Leg,
        /// Whether it is locked from now on.
        locked: bool,
    },
    /// `arm`, `disarm`: whether commands of an account go out.
    Arm {
        /// The account.
        account: AccountName,
        /// Whether it is armed from now on.
        armed: bool,
    },
    /// `kill`: sets a kill switch.
    Kill {
        /// The account; none is the whole daemon.
        account: Option<AccountName>,
        /// The level; off clears.
        level: KillLevel,
        /// Whether losses count from the present equity on.
        reset_baseline: bool,
    },
    /// `trail`, `clear_trail`: the host moves the stop as the price makes new extremes.
    Trail {
        /// The transaction.
        transaction: TransactionId,
        /// How; none ends it, and the stop stays where it is.
        terms: Option<TrailTerms>,
    },
    /// `triple_barrier`: a stop, a target and a time limit at once.
    Barriers {
        /// The transaction.
        transaction: TransactionId,
        /// The stop wanted; kept only where another policy's is better.
        stop: Wish,
        /// The target wanted; kept only where another policy's is better.
        target: Wish,
        /// How long it may be held from the first fill, in milliseconds.
        hold_ms: u64,
    },
    /// `clear_time_limit`: it may be held for as long as anybody wants.
    ClearTimeLimit {
        /// The transaction.
        transaction: TransactionId,
    },
    /// `request_review`, `reviewed`: people are asked to look at it; a person did.
    Review {
        /// The transaction.
        transaction: TransactionId,
        /// Whether it is asked for; else it was done.
        asked: bool,
    },
    /// `lock`, `unlock` of an instrument: nothing of it is opened or grown, and policies only lower
    /// its risk, until then.
    LockSymbol {
        /// The account.
        account: AccountName,
        /// The instrument.
        symbol: Symbol,
        /// Until when; none unlocks it.
        until: Option<Timestamp>,
    },
    /// `set_ladder`: shares of the quantity get targets of their own.
    Ladder {
        /// The transaction.
        transaction: TransactionId,
        /// The rungs wanted, in any order.
        rungs: Vec<RungWish>,
    },
}

impl Intent {
    /// The transaction that it is about, unless it makes one.
    pub fn transaction(&self) -> Option<TransactionId> {
        match self {
            Self::Open(_)
            | Self::Adopt(_)
            | Self::Arm { .. }
            | Self::Kill { .. }
            | Self::LockSymbol { .. } => None,
            Self::Protect { transaction, .. }
            | Self::Resolve { transaction, .. }
            | Self::Ratchet { transaction, .. }
            | Self::Close { transaction }
            | Self::Resize { transaction, .. }
            | Self::CancelEntry { transaction }
            | Self::Trail { transaction, .. }
            | Self::Barriers { transaction, .. }
            | Self::ClearTimeLimit { transaction }
            | Self::Review { transaction, .. }
            | Self::Ladder { transaction, .. }
            | Self::Lock { transaction, .. } => Some(*transaction),
        }
    }

    /// The account that it names; none where it names a transaction or the whole daemon.
    pub fn account(&self) -> Option<&AccountName> {
        match self {
            Self::Open(open) => Some(&open.account),
            Self::Adopt(adopt) => Some(&adopt.account),
            Self::Arm { account, .. } | Self::LockSymbol { account, .. } => Some(account),
            Self::Kill { account, .. } => account.as_ref(),
            Self::Protect { .. }
            | Self::Resolve { .. }
            | Self::Ratchet { .. }
            | Self::Close { .. }
            | Self::Resize { .. }
            | Self::CancelEntry { .. }
            | Self::Trail { .. }
            | Self::Barriers { .. }
            | Self::ClearTimeLimit { .. }
            | Self::Review { .. }
            | Self::Ladder { .. }
            | Self::Lock { .. } => None,
        }
    }

    /// The toolkit verb, as scripts, HTTP and facts name it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Open(_) => "open_position",
            Self::Protect { stop: Wish::Keep, .. } => "update_take_profit",
            Self::Protect { target: Wish::Keep, .. } => "update_stop_loss",
            Self::Protect { .. } => "set_bracket",
            Self::Ratchet { .. } => "ratchet_stop",
            Self::Close { .. } => "close_position",
            Self::Resize { .. } => "adjust_quantity",
            Self::CancelEntry { .. } => "cancel_entry",
            Self::Resolve { .. } => "resolve",
            Self::Adopt(_) => "adopt",
            Self::Lock { locked: true, .. } => "lock",
            Self::Lock { locked: false, .. } => "unlock",
            Self::Arm { armed: true, .. } => "arm",
            Self::Arm { armed: false, .. } => "disarm",
            Self::Kill { .. } => "kill",
            Self::Trail { terms: Some(_), .. } => "trail",
            Self::Trail { terms: None, .. } => "clear_trail",
            Self::Barriers { .. } => "triple_barrier",
            Self::ClearTimeLimit { .. } => "clear_time_limit",
            Self::Review { asked: true, .. } => "request_review",
            Self::Review { asked: false, .. } => "reviewed",
            Self::LockSymbol { until: Some(_), .. } => "lock",
            Self::LockSymbol { until: None, .. } => "unlock",
            Self::Ladder { .. } => "set_ladder",
        }
    }
}

/// An intent with who wants it and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub intent: Intent,
    /// Who wants it.
    pub source: Source,
    /// Why, in the asker's words; goes to the ledger.
    pub why: String,
    /// Refused unless the transaction's desired version is this one.
    pub if_version: Option<u64>,
    /// The inputs a policy decided on, as JSON; empty for people.
    pub inputs: String,
}

/// What really happened to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Written to the ledger; nothing needs to be sent (WAITING).
    Stored,
    /// Written to the ledger; will be sent.
    Staged,
    /// It already was so.
    Unchanged,
    /// It holds from now on, in memory alone: the ledger cannot be written yet, and gets it as soon as
    /// it can. Only a kill level that is raised is taken like this.
    Held,
    /// Not done.
    Refused(Refusal),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What happened.
    pub outcome: Outcome,
    /// A sentence with the numbers and, after a refusal, what to do next.
    pub message: String,
    /// The transaction, once there is one.
    pub transaction: Option<TransactionId>,
    /// The transaction's desired version after this.
    pub version: u64,
}

impl Verdict {
    /// Whether it was not refused.
    pub fn accepted(&self) -> bool {
        !matches!(self.outcome, Outcome::Refused(_))
    }

    /// `STORED`, `STAGED`, `UNCHANGED`, `HELD`, or the refusal's code.
    pub fn code(&self) -> &'static str {
        match self.outcome {
            Outcome::Stored => "STORED",
            Outcome::Staged => "STAGED",
            Outcome::Unchanged => "UNCHANGED",
            Outcome::Held => "HELD",
            Outcome::Refused(refusal) => refusal.code(),
        }
    }
}
