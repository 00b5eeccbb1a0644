//! Everything that other threads may say to the engine thread, and its answers, as plain data.
//!
//! Apart because this is the only door into that thread: one bounded channel of these. No lock and
//! no reference to its state ever crosses it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bracketd_account::{LastError, Plugin, Plugins, Terms};
use bracketd_core::Decimal;
use bracketd_core::book::{AccountRules, OnDeadline};
use bracketd_core::broker::{Balance, OrderReport, Position, Quote};
use bracketd_core::control::{Control, Kill, KillFile, KillLevel};
use bracketd_core::diagnostic::Diagnostic;
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::instrument::Instrument;
use bracketd_core::intent::{Request, Verdict};
use bracketd_core::metrics::{Portfolio, SymbolSummary};
use bracketd_core::pace::PaceStats;
use bracketd_core::protection::Exposed;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use bracketd_engine::Thaw;
use bracketd_policy::{BuildReport, Change, Effective, Moments};
use bracketd_store::PolicyFreeze;
use crossbeam_channel::Sender;

use crate::guards::{Standing, Written};
use crate::run::{ArmedBy, Decision};

/// A message to the engine thread.
#[derive(Debug)]
pub enum ToEngine {
    /// Somebody wants something done.
    Request {
        /// What.
        request: Box<Request>,
        /// Where the verdict goes; sent after the commit.
        reply: Sender<Verdict>,
    },
    /// Somebody wants to know something.
    Query {
        /// What.
        query: Query,
        /// Where the answer goes.
        reply: Sender<Reply>,
    },
    /// Somebody wants the policies read again now.
    Reload {
        /// Where the result goes.
        reply: Sender<Reloaded>,
    },
    /// The policies were read and built anew.
    PoliciesBuilt {
        /// What came of it.
        report: Box<BuildReport>,
        /// Where the result goes, once it decides.
        reply: Option<Sender<Reloaded>>,
    },
    /// Whoever builds policies wants to know what a policy would be asked about now.
    Moments {
        /// The policy.
        policy: PolicyName,
        /// Where it goes; the engine does not wait for room.
        reply: Sender<Moments>,
    },
    /// Somebody has a frozen policy asked again.
    Thaw {
        /// Which.
        thaw: Thaw,
        /// Where the verdict goes, once it is committed.
        reply: Sender<Verdict>,
    },
    /// Whether the directory of the policies can be read.
    PolicyDirectory {
        /// Why it cannot.
        unreadable: Option<String>,
    },
    /// Somebody wants an account compared with the broker now.
    Compare {
        /// The account.
        account: AccountName,
        /// Where the result goes, after a complete read.
        reply: Sender<Compared>,
    },
    /// Somebody wants an account to run another plugin.
    Plugin {
        /// The account.
        account: AccountName,
        /// Which, and on what terms.
        wish: PluginWish,
        /// Where the number of the swap goes, or why there is none.
        reply: SwapReply,
    },
    /// A plugin was read, checked and compiled.
    PluginStaged(Staged),
    /// Somebody wants the plugin before back.
    PluginBack {
        /// The account.
        account: AccountName,
        /// Where the number of the swap goes, or why there is none.
        reply: SwapReply,
    },
    /// What the file KILL in the data directory asks for now.
    KillFile(Option<KillFile>),
    /// A tape shows its next prices: read them, act on them, and say when all is done.
    TapeStep(TapeStep),
    /// The daemon ends.
    Stop,
    /// The daemon is about to end: every entry of these accounts that has not ended is canceled.
    CancelEntries {
        /// The accounts.
        accounts: Vec<AccountName>,
        /// Where the verdicts go, one for each entry, as far as there is room.
        reply: Sender<Verdict>,
    },
}

/// Where the number of a swap goes that began, or why none did.
pub type SwapReply = Sender<Result<u64, String>>;

/// Which plugin somebody wants.
#[derive(Clone, Debug)]
pub struct PluginWish {
    /// Its file; none = the one that the configuration names now.
    pub file: Option<PathBuf>,
    /// What they consent to.
    pub terms: Terms,
}

/// A plugin that was read, checked and compiled, or why it was not.
#[derive(Debug)]
pub struct Staged {
    /// For which account.
    pub account: AccountName,
    /// The plugin.
    pub loaded: Result<Plugin, String>,
    /// What somebody consented to.
    pub terms: Terms,
    /// Who waits to hear of it; nobody where a file changed by itself.
    pub reply: Option<SwapReply>,
}

/// One step of a tape at full speed.
#[derive(Clone, Debug)]
pub struct TapeStep {
    /// The tape's time.
    pub at: Timestamp,
    /// Prices shown so far.
    pub played: u64,
    /// Answered once prices, orders and fills of this step were read, nothing is in flight and no
    /// policy waits, with the next moment at which something is due.
    pub reply: Sender<Option<Timestamp>>,
}

/// A question to the engine thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// How the daemon is.
    Status,
    /// The transactions that have this status; all that are in memory when none is named.
    Transactions(Option<TransactionStatus>),
    /// One transaction.
    Transaction(TransactionId),
    /// What the accounts hold and risk.
    Portfolio,
    /// Latest prices.
    Prices,
    /// The policies.
    Policies,
    /// The values that a policy decides with, about a transaction where one is named.
    PolicyParams {
        /// The policy.
        policy: PolicyName,
        /// The transaction.
        transaction: Option<TransactionId>,
    },
    /// Quantities by account and symbol.
    TradeSummary,
    /// The accounts.
    Accounts,
    /// The limits of the accounts and how often they said no.
    Guards,
}

/// The answer to a [`Query`], one kind for each.
#[derive(Clone, Debug)]
pub enum Reply {
    /// How the daemon is.
    Status(Box<Status>),
    /// Transactions by rising number.
    Transactions(Vec<Seen>),
    /// One transaction, where it is in memory.
    Transaction(Option<Seen>),
    /// What each account holds and risks.
    Portfolio(Vec<Holding>),
    /// Latest prices.
    Prices(Vec<(AccountName, Quote)>),
    /// The policies by name, and why their directory cannot be read where it cannot.
    Policies(Vec<PolicyState>, Option<String>),
    /// The values with their origin and why newer ones were not taken; none where there is no such
    /// policy or transaction.
    PolicyParams(Option<ParamsSeen>),
    /// Quantities by account and symbol.
    TradeSummary(Vec<(AccountName, BTreeMap<Symbol, SymbolSummary>)>),
    /// The accounts by name.
    Accounts(Vec<AccountDetail>),
    /// The limits of each account.
    Guards(Vec<Guarded>),
}

/// An account's limits as they hold.
#[derive(Clone, Debug)]
pub struct Guarded {
    /// The account.
    pub account: AccountName,
    /// Its rules.
    pub rules: AccountRules,
    /// The keys that the configuration names.
    pub written: Written,
    /// What only the running daemon knows.
    pub standing: Standing,
}

/// A transaction with what is needed to show its figures.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// Its instrument's rules, once read.
    pub instrument: Option<Arc<Instrument>>,
    /// Its latest price.
    pub quote: Option<Quote>,
    /// Whether commands for it go out: its account is armed.
    pub is_managed: bool,
    /// The engine's time when it was looked at.
    pub now: Timestamp,
}

/// What an account holds and risks.
#[derive(Clone, Debug)]
pub struct Holding {
    /// The figures.
    pub portfolio: Portfolio,
    /// Money as the broker says.
    pub balance: Option<Balance>,
    /// Positions as the broker says.
    pub positions: Vec<Position>,
    /// When it said so; none before the first complete read.
    pub read_as_of: Option<Timestamp>,
}

/// What kind of run this is; people must never mistake one for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The built-in demo: nothing can reach a broker.
    Demo,
    /// Recorded prices: nothing can reach a broker.
    Tape,
    /// Accounts as configured.
    Accounts,
}

impl Mode {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Tape => "tape",
            Self::Accounts => "accounts",
        }
    }
}

/// How the daemon is.
#[derive(Clone, Debug)]
pub struct Status {
    /// What kind of run this is.
    pub mode: Mode,
    /// The engine's time.
    pub now: Timestamp,
    /// When the engine started.
    pub started_at: Timestamp,
    /// The accounts by name.
    pub accounts: Vec<AccountState>,
    /// How many transactions have each status.
    pub transactions: BTreeMap<TransactionStatus, usize>,
    /// How many that hold something have their wanted stop, all of it working.
    pub protected: usize,
    /// Of those that hold something, the ones whose stop works at another price than wanted.
    pub stops_elsewhere: Vec<TransactionId>,
    /// Those that hold something for which no stop is wanted.
    pub without_stop: Vec<TransactionId>,
    /// Transactions that lack it, longest first.
    pub gaps: Vec<Gap>,
    /// Commands whose outcome is unknown.
    pub unknown_ops: usize,
    /// Resting entries that would fill without a stop if the daemon were down.
    pub unguarded_entries: Vec<TransactionId>,
    /// Policies whose newest version was refused.
    pub policies_refused: usize,
    /// Why the directory of the policies cannot be read, while it cannot.
    pub policies_unreadable: Option<String>,
    /// The activity writer.
    pub activity: ActivityState,
    /// Why the daemon is not ready; empty when it is.
    pub not_ready: Vec<String>,
    /// The kill switch of the whole daemon.
    pub kill: Kill,
    /// Whether the ledger has it.
    pub is_kill_written: bool,
    /// What the file KILL asks for, while it is there.
    pub kill_file: Option<KillLevel>,
    /// Transactions that hold something at a disarmed account.
    pub unmanaged: Vec<TransactionId>,
    /// What must not be overlooked, one sentence each: why the daemon is not ready, a disk that was
    /// full, disarmed accounts.
    pub alerts: Vec<String>,
}

/// How one account is.
#[derive(Clone, Debug)]
pub struct AccountState {
    /// Its name.
    pub name: AccountName,
    /// Its plugin with version, once connected.
    pub plugin: Option<String>,
    /// Its plugins, and how a swap stands.
    pub plugins: Option<Plugins>,
    /// Whether it is connected.
    pub is_up: bool,
    /// Whether it was compared with the broker since the start.
    pub is_reconciled: bool,
    /// Whether commands go out.
    pub is_armed: bool,
    /// Whose decision that is.
    pub armed_by: ArmedBy,
    /// Who that was, when and why, where the ledger says so.
    pub decision: Option<Decision>,
    /// Its message budget.
    pub budget: PaceStats,
    /// What went wrong last, where something did.
    pub last_error: Option<LastError>,
    /// What people decided about it: arming, its own kill switch, what losses are measured from.
    pub control: Control,
    /// The kill level that holds for it: its own or the daemon's.
    pub kill_level: KillLevel,
    /// Whether the ledger has its own kill switch as it stands.
    pub is_kill_written: bool,
    /// Sockets that its plugin wants, and those of them that are open.
    pub sockets: Sockets,
}

/// The sockets of an account: how many its plugin wants, how many are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sockets {
    /// Those that the plugin wants.
    pub wanted: usize,
    /// Those of them that are open.
    pub open: usize,
}

/// Everything about one account.
#[derive(Clone, Debug)]
pub struct AccountDetail {
    /// How it is.
    pub state: AccountState,
    /// The broker's own number of the account that the login opens, where the plugin tells it.
    pub broker_account: Option<String>,
    /// Money as the broker says.
    pub balance: Option<Balance>,
    /// Positions as the broker says.
    pub positions: Vec<Position>,
    /// What may be lost on a day.
    pub max_day_loss: Option<Decimal>,
    /// How far the equity may fall below its peak, in percent.
    pub max_drawdown_percent: Option<Decimal>,
    /// Transactions that hold something.
    pub holding: Vec<TransactionId>,
    /// Transactions whose entry waits.
    pub waiting: Vec<TransactionId>,
    /// Open orders there that are not ours, as of the last complete read.
    pub foreign_orders: Vec<OrderReport>,
    /// What is held there beyond our transactions, or missing: the symbol, what the book holds, what
    /// the account held at the last complete read.
    pub differing: Vec<(Symbol, Decimal, Decimal)>,
    /// The broker's time of that read.
    pub read_as_of: Option<Timestamp>,
    /// What happens to what is held without its stop for too long.
    pub on_deadline: OnDeadline,
}

/// What came of a comparison that somebody asked for.
#[derive(Clone, Debug)]
pub enum Compared {
    /// There is no such account.
    Unknown,
    /// It is not connected.
    NotConnected,
    /// It was read.
    Done(Box<Comparison>),
}

/// An account against the book.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The account.
    pub account: AccountName,
    /// Whether every page was read: else absence proves nothing.
    pub is_complete: bool,
    /// Symbols that differ: what the book holds, what the account holds.
    pub positions: Vec<(Symbol, Decimal, Decimal)>,
    /// Open orders there that are not ours.
    pub foreign: Vec<OrderReport>,
}

/// A transaction that lacks its wanted stop, wholly or in part (I5).
#[derive(Clone, Debug)]
pub struct Gap {
    /// Which.
    pub transaction: TransactionId,
    /// At which account.
    pub account: AccountName,
    /// In which instrument.
    pub symbol: Symbol,
    /// Since when.
    pub since: Timestamp,
    /// Why, once it is more than pending.
    pub why: Option<Exposed>,
}

/// How the activity writer is.
#[derive(Clone, Debug, Default)]
pub struct ActivityState {
    /// Rows written since the start.
    pub written: u64,
    /// Records lost since the start.
    pub lost: u64,
    /// Records that wait.
    pub queued: u64,
    /// What went wrong last, where something did.
    pub last_error: Option<String>,
    /// Facts of the ledger that it does not have yet.
    pub behind: u64,
}

/// How one policy is.
#[derive(Clone, Debug)]
pub struct PolicyState {
    /// Its name.
    pub name: PolicyName,
    /// Content hash of the version that decides; none while none was ever good.
    pub digest: Option<String>,
    /// The label the script gives itself.
    pub version: String,
    /// When that version was taken.
    pub loaded_at: Option<Timestamp>,
    /// The events it handles.
    pub events: Vec<String>,
    /// Transactions it looks after.
    pub transactions: usize,
    /// Why the newest content was refused; empty when the newest decides.
    pub refused: Vec<Diagnostic>,
    /// Whether the version that decides is frozen for every transaction.
    pub is_frozen: bool,
    /// Why the newest version is not asked, or the one that decides; where another one decides
    /// instead, it says which.
    pub freeze: Option<PolicyFreeze>,
    /// Transactions that it is frozen for, with the reason.
    pub frozen_for: Vec<PolicyFreeze>,
    /// Whether its file is there; where it is gone the last version goes on.
    pub has_file: bool,
}

/// The values that a policy decides with.
#[derive(Clone, Debug)]
pub struct ParamsSeen {
    /// Every parameter with its value, or why the values do not fit.
    pub values: Result<Vec<Effective>, String>,
    /// Why the values of `params.toml` were not taken; those before them go on.
    pub refused: Vec<Diagnostic>,
}

/// What came of reading the policies again.
#[derive(Clone, Debug, Default)]
pub struct Reloaded {
    /// Policies with a new version.
    pub changed: Vec<Change>,
    /// Why new content was refused; the versions before it go on.
    pub refused: Vec<Diagnostic>,
    /// Values of parameters that are others from now on, a line each.
    pub params: Vec<String>,
    /// What decides instead of the content that was refused.
    pub kept: Vec<KeptVersion>,
    /// What goes on deciding though its file is gone.
    pub no_file: Vec<KeptVersion>,
}

/// A version that goes on deciding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptVersion {
    /// The policy.
    pub name: PolicyName,
    /// Its content hash; none where no version was ever good.
    pub digest: Option<String>,
    /// When it was taken.
    pub loaded_at: Option<Timestamp>,
}
