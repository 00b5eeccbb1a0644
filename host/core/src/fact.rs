//! What happened and why, one row each: the evidence that `tx why`, replay and the activity log
//! read.
//!
//! Apart because a fact is written in the commit of the change that it proves. It must never be
//! changed afterwards.

use std::borrow::Cow;

use rust_decimal::Decimal;

use crate::ids::{AccountName, OpId, SliceNo, Symbol, TransactionId};
use crate::intent::Source;
use crate::time::Timestamp;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    /// A transaction was made.
    TransactionOpened,
    /// A transaction's status changed; `code` is the new one.
    StatusChanged,
    /// The wanted stop changed.
    StopChanged,
    /// The wanted target changed.
    TargetChanged,
    /// A leg was locked or unlocked.
    LockChanged,
    /// A close was accepted.
    CloseAsked,
    /// A resize was accepted.
    ResizeAsked,
    /// The cancel of an entry was accepted.
    CancelAsked,
    /// A request was refused; `code` says why.
    Refused,
    /// A command was committed.
    Planned,
    /// A command was settled; `code` says how.
    Settled,
    /// A command's outcome is unknown.
    Doubt,
    /// The broker reported an order's new status.
    OrderChanged,
    /// A part of an entry filled.
    EntryFilled,
    /// A part of an exit filled.
    ExitFilled,
    /// Held quantity got its wanted stop; `quantity` is how much, `number` the milliseconds without.
    Protected,
    /// Held quantity is without its wanted stop.
    Unprotected,
    /// Something that a person has to look at; `code` says what.
    Alarm,
    /// A person settled a command whose outcome was unknown; `text` is the evidence.
    Resolved,
    /// A position or order that somebody else made became ours.
    Adopted,
    /// A policy run failed; its intents were dropped.
    PolicyFailed,
    /// A policy said something to people.
    PolicyAlert,
    /// A new version of a policy decides from now on.
    PolicyLoaded,
    /// A new version of a policy was not taken; the old one goes on.
    PolicyRefused,
    /// An account is connected.
    AccountUp,
    /// An account cannot be reached.
    AccountDown,
    /// The book and the broker differed.
    Difference,
    /// A reconcile ended.
    Reconciled,
    /// The daemon started.
    Started,
    /// The daemon stopped as asked.
    Stopped,
    /// A guard stopped something that somebody has to look at; `code` says what.
    GuardTripped,
    /// A kill switch was set; `code` is the level, no account means the whole daemon.
    KillChanged,
    /// Commands of an account go out from now on, or still do after a restart.
    Armed,
    /// Commands of an account do not go out any more.
    Disarmed,
    /// Losses of an account are measured from another equity; `before` and `after` are the day's.
    BaselineSet,
    /// The ledger was brought back from a backup: a new epoch begins, every account is disarmed.
    Restored,
    /// Another plugin took an account over; `text` names it.
    PluginSwapped,
    /// A plugin was not taken; the one that runs goes on.
    PluginRefused,
    /// The host trails a stop from now on, or does not any more; `code` is `set` or `ended`.
    TrailChanged,
    /// How long a transaction may be held; `span_ms` is how long, `code` is `set` or `ended`.
    TimeLimitChanged,
    /// People were asked to look at a transaction, or a person did; `code` is `asked` or `done`.
    ReviewChanged,
    /// An instrument was locked or unlocked; `code` says which, `span_ms` for how long.
    SymbolLockChanged,
    /// A policy is not asked any more; `code` says about what: TRANSACTION, VERSION, or SENT_BACK
    /// where the version before decides instead.
    PolicyFrozen,
    /// A person has a frozen policy asked again.
    PolicyThawed,
    /// A ladder of partial targets was set, or one target took its place; `code` is `set` or `ended`.
    LadderChanged,
}

impl FactKind {
    /// All kinds.
    pub const ALL: [Self; 45] = [
        Self::TransactionOpened,
        Self::StatusChanged,
        Self::StopChanged,
        Self::TargetChanged,
        Self::LockChanged,
        Self::CloseAsked,
        Self::ResizeAsked,
        Self::CancelAsked,
        Self::Refused,
        Self::Planned,
        Self::Settled,
        Self::Doubt,
        Self::OrderChanged,
        Self::EntryFilled,
        Self::ExitFilled,
        Self::Protected,
        Self::Unprotected,
        Self::Alarm,
        Self::Resolved,
        Self::Adopted,
        Self::PolicyFailed,
        Self::PolicyAlert,
        Self::PolicyLoaded,
        Self::PolicyRefused,
        Self::AccountUp,
        Self::AccountDown,
        Self::Difference,
        Self::Reconciled,
        Self::Started,
        Self::Stopped,
        Self::GuardTripped,
        Self::KillChanged,
        Self::Armed,
        Self::Disarmed,
        Self::BaselineSet,
        Self::Restored,
        Self::PluginSwapped,
        Self::PluginRefused,
        Self::TrailChanged,
        Self::TimeLimitChanged,
        Self::ReviewChanged,
        Self::SymbolLockChanged,
        Self::PolicyFrozen,
        Self::PolicyThawed,
        Self::LadderChanged,
    ];

    /// Its name in the ledger; never changed once released.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransactionOpened => "transaction_opened",
            Self::StatusChanged => "status_changed",
            Self::StopChanged => "stop_changed",
            Self::TargetChanged => "target_changed",
            Self::LockChanged => "lock_changed",
            Self::CloseAsked => "close_asked",
            Self::ResizeAsked => "resize_asked",
            Self::CancelAsked => "cancel_asked",
            Self::Refused => "refused",
            Self::Planned => "planned",
            Self::Settled => "settled",
            Self::Doubt => "doubt",
            Self::OrderChanged => "order_changed",
            Self::EntryFilled => "entry_filled",
            Self::ExitFilled => "exit_filled",
            Self::Protected => "protected",
            Self::Unprotected => "unprotected",
            Self::Alarm => "alarm",
            Self::Resolved => "resolved",
            Self::Adopted => "adopted",
            Self::PolicyFailed => "policy_failed",
            Self::PolicyAlert => "policy_alert",
            Self::PolicyLoaded => "policy_loaded",
            Self::PolicyRefused => "policy_refused",
            Self::AccountUp => "account_up",
            Self::AccountDown => "account_down",
            Self::Difference => "difference",
            Self::Reconciled => "reconciled",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::GuardTripped => "guard_tripped",
            Self::KillChanged => "kill_changed",
            Self::Armed => "armed",
            Self::Disarmed => "disarmed",
            Self::BaselineSet => "baseline_set",
            Self::Restored => "restored",
            Self::PluginSwapped => "plugin_swapped",
            Self::PluginRefused => "plugin_refused",
            Self::TrailChanged => "trail_changed",
            Self::TimeLimitChanged => "time_limit_changed",
            Self::ReviewChanged => "review_changed",
            Self::SymbolLockChanged => "symbol_lock_changed",
            Self::PolicyFrozen => "policy_frozen",
            Self::PolicyThawed => "policy_thawed",
            Self::LadderChanged => "ladder_changed",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// When, by the event's own time.
    pub at: Timestamp,
    /// What.
    pub kind: FactKind,
    /// Who caused it.
    pub source: Source,
    /// At which account; none for the daemon itself.
    pub account: Option<AccountName>,
    /// To which transaction.
    pub transaction: Option<TransactionId>,
    /// In which instrument.
    pub symbol: Option<Symbol>,
    /// In which slice.
    pub slice: Option<SliceNo>,
    /// By which outbox row.
    pub op: Option<OpId>,
    /// A code: a refusal, a status, a fault.
    pub code: Cow<'static, str>,
    /// A number before: a price, where the fact is about one.
    pub before: Option<Decimal>,
    /// The number after.
    pub after: Option<Decimal>,
    /// A quantity, where the fact is about one.
    pub quantity: Option<Decimal>,
    /// Milliseconds, where the fact is about a span.
    pub span_ms: Option<u64>,
    /// Words for people: why, or the broker's message.
    pub text: String,
    /// The inputs of a policy's decision, as JSON; empty where there are none.
    pub inputs: String,
}

impl Fact {
    /// A fact with nothing but its time, kind and cause.
    pub fn new(at: Timestamp, kind: FactKind, source: Source) -> Self {
        Self {
            at,
            kind,
            source,
            account: None,
            transaction: None,
            symbol: None,
            slice: None,
            op: None,
            code: Cow::Borrowed(""),
            before: None,
            after: None,
            quantity: None,
            span_ms: None,
            text: String::new(),
            inputs: String::new(),
        }
    }

    /// A fact about a transaction.
    pub fn about(
        tx: &crate::transaction::Transaction,
        at: Timestamp,
        kind: FactKind,
        source: Source,
    ) -> Self {
        Self {
            account: Some(tx.account.clone()),
            transaction: Some(tx.id),
            symbol: Some(tx.symbol.clone()),
            ..Self::new(at, kind, source)
        }
    }
}
