//! What a step is given and what it returns.
//!
//! Apart because these are the engine's whole border. They hold plain data only.

use std::collections::BTreeMap;

use bracketd_core::Decimal;
use bracketd_core::broker::FromAccount;
use bracketd_core::command::{Command, Read, Urgency};
use bracketd_core::control::KillFile;
use bracketd_core::fact::Fact;
use bracketd_core::ids::{AccountName, OpId, PolicyName, Symbol, TransactionId};
use bracketd_core::intent::{Request, Verdict};
use bracketd_core::time::Timestamp;
use bracketd_policy::BuildReport;
use bracketd_store::KvEntry;

/// By which the caller finds whom a verdict is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Something that arrived.
#[derive(Debug)]
pub enum Input {
    /// An account told something.
    Account(FromAccount),
    /// Somebody wants something.
    Request {
        /// For whom the verdict is.
        ticket: Ticket,
        /// What is wanted.
        request: Box<Request>,
    },
    /// An account could not take this command now; its row waits.
    NotTaken {
        /// The account.
        account: AccountName,
        /// The outbox row.
        op: OpId,
    },
    /// The policy files were read and built anew.
    Policies(Box<BuildReport>),
    /// What the file KILL in the data directory asks for now; none when it is not there.
    KillFile(Option<KillFile>),
    /// Somebody wants this account compared with the broker now.
    Compare(AccountName),
    /// What an account's plugin remembers now, all of it: it rides with the next commit.
    Remembers(AccountName, Vec<KvEntry>),
    /// Somebody has a policy asked again that was frozen.
    Thaw {
        /// For whom the verdict is.
        ticket: Ticket,
        /// What is to be asked again.
        thaw: Thaw,
    },
}

/// A policy that is to be asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thaw {
    /// The policy.
    pub policy: PolicyName,
    /// About which transaction; none is all, and a version that was sent back decides again.
    pub transaction: Option<TransactionId>,
    /// Who wants it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// The engine's only view of elapsed time. The daemon reads a monotonic clock; simulation, replay
/// and policy tests count operations.
pub trait Budget {
    /// Whether this step's share of policy runs is used up.
    fn slice_over(&self) -> bool;
    /// A policy run begins.
    fn run_begins(&self);
    /// Whether the current policy run has used up its limit after so many operations.
    fn run_over(&self, operations: u64) -> bool;
}

/// Things worth a line in the activity log that prove nothing and are kept nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noise {
    /// A policy had nothing to decide on; told when it begins.
    Skipped {
        /// For which transaction.
        transaction: TransactionId,
        /// Which policy.
        policy: PolicyName,
        /// What was missing.
        missing: String,
    },
    /// A policy's own word for the log.
    Note {
        /// For which transaction.
        transaction: TransactionId,
        /// Which policy.
        policy: PolicyName,
        /// The key and the value.
        text: String,
    },
    /// A figure that a policy shows to whoever watches.
    Metric {
        /// For which transaction.
        transaction: TransactionId,
        /// Which policy.
        policy: PolicyName,
        /// What it is called.
        name: String,
        /// How much it is.
        value: Decimal,
    },
}

/// What a step wants done, in this order, after its commit.
#[derive(Debug, Default)]
pub struct Dispatch {
    /// To be sent; each is in the ledger (I3).
    pub commands: Vec<Command>,
    /// To be found out.
    pub reads: Vec<(AccountName, Read)>,
    /// The symbols whose prices are wanted, when that changed.
    pub watch: Option<BTreeMap<AccountName, Vec<Symbol>>>,
    /// Transactions whose messages are more urgent from now on, those on their way too.
    pub raised: Vec<(AccountName, TransactionId, Urgency)>,
    /// Rows that were decided on what is not so any more: less is held, or exits rest that their
    /// command does not name. Where it still waits for its turn it is to be taken back.
    pub overtaken: Vec<(AccountName, OpId)>,
    /// Answers.
    pub verdicts: Vec<(Ticket, Verdict)>,
    /// What was committed, with its number in the ledger.
    pub facts: Vec<(u64, Fact)>,
    /// For the activity log only.
    pub noise: Vec<Noise>,
    /// When the engine has to be called again if nothing arrives.
    pub next_timer: Option<Timestamp>,
    /// Whether policy runs are left over for the next step.
    pub has_more: bool,
    /// The ledger could not be written; nothing of this step was done, and it will be tried again.
    pub ledger_error: Option<String>,
}
