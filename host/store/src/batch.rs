//! What the engine hands over to be written, and what it gets back at the start.
//!
//! Apart because this is the border between engine and store: plain data, nothing of SQL.

use std::collections::BTreeMap;

use bracketd_core::command::Op;
use bracketd_core::control::{Control, Kill};
use bracketd_core::fact::Fact;
use bracketd_core::ids::{AccountName, PolicyName, TransactionId};
use bracketd_core::instrument::Instrument;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::Transaction;

/// Everything that one step changed: all of it is written, or nothing.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// When the step ran.
    pub at: Timestamp,
    /// Transactions that changed, each once; their slices, orders, step counts and unsettled
    /// outbox rows are written with them, as far as those changed.
    pub transactions: Vec<&'a Transaction>,
    /// Outbox rows that are new or changed. A row that is settled now and so no longer stands in
    /// its transaction must be here; the others may be.
    pub ops: Vec<(TransactionId, &'a Op)>,
    /// What happened, in order.
    pub facts: &'a [Fact],
    /// What policies keep.
    pub policy_states: Vec<PolicyState>,
    /// Policy versions that were loaded or became active.
    pub policy_versions: Vec<PolicyVersion>,
    /// Instruments as they were read.
    pub instruments: Vec<(AccountName, &'a Instrument)>,
    /// Accounts whose arming, kill switch or baseline changed.
    pub controls: Vec<(AccountName, &'a Control)>,
    /// The daemon's own kill switch, where it changed.
    pub kill: Option<&'a Kill>,
    /// Accounts whose plugin remembers something else, with all that it remembers.
    pub kv: Vec<(AccountName, &'a [KvEntry])>,
    /// What is frozen of policies, all of it, where that changed.
    pub policy_freezes: Option<Vec<PolicyFreeze>>,
    /// What policies of whole accounts keep.
    pub account_states: Vec<AccountState>,
    /// The file of parameter values, where another was taken.
    pub policy_params: Option<PolicyParams>,
}

impl Batch<'_> {
    /// A batch without anything in it.
    pub fn new(at: Timestamp) -> Self {
        Self {
            at,
            transactions: Vec::new(),
            ops: Vec::new(),
            facts: &[],
            policy_states: Vec::new(),
            policy_versions: Vec::new(),
            instruments: Vec::new(),
            controls: Vec::new(),
            kill: None,
            kv: Vec::new(),
            policy_freezes: None,
            account_states: Vec::new(),
            policy_params: None,
        }
    }
}

/// What a commit gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The number of the batch's first fact; the others follow without a gap. Without facts in the
    /// batch, the number that the next one will get.
    pub first_fact_seq: u64,
}

/// What a policy keeps of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyState {
    /// The transaction.
    pub transaction: TransactionId,
    /// The policy.
    pub policy: PolicyName,
    /// Its state, as JSON.
    pub state_json: String,
    /// Content hash of the version that wrote it.
    pub digest: String,
}

/// Something that an account's plugin remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEntry {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub value: Vec<u8>,
    /// Rises with each put.
    pub revision: u64,
}

/// One version of a policy with its whole source, so that it can run again without its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    /// The policy.
    pub name: PolicyName,
    /// Content hash of script and libraries.
    pub digest: String,
    /// Script and libraries in one text.
    pub source: String,
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// Whether it decides from now on. Making one active makes the policy's others inactive.
    pub active: bool,
}

/// A policy that is not asked any more about a transaction, or about any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFreeze {
    /// The policy.
    pub policy: PolicyName,
    /// Content hash of the version that is not asked.
    pub digest: String,
    /// About which transaction; none is all of them.
    pub transaction: Option<TransactionId>,
    /// Why, in a sentence.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Content hash of the version that decides instead, where there is one.
    pub back_to: Option<String>,
    /// Whether what the script says about errors was done.
    pub acted: bool,
}

/// What a policy keeps of a whole account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// The account.
    pub account: AccountName,
    /// The policy.
    pub policy: PolicyName,
    /// Its state, as JSON.
    pub state_json: String,
    /// Content hash of the version that wrote it.
    pub digest: String,
}

/// The file of parameter values that was taken last, so that a broken one at the start does not
/// change what policies decide with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyParams {
    /// Its whole text.
    pub source: String,
    /// Content hash of the text.
    pub digest: String,
    /// When it was taken.
    pub loaded_at: Timestamp,
}

/// The ledger as it stands at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Drawn when the ledger was made, and anew at each restore; part of every op id.
    pub ledger_id: String,
    /// How often the ledger was restored from a backup; part of every op id.
    pub epoch: u32,
    /// The number of the newest transaction; 0 before the first.
    pub last_transaction: u64,
    /// The newest [`ENDED_KEPT`] ended transactions, the first to end first; then all that have
    /// not ended, by number.
    pub transactions: Vec<Transaction>,
    /// What was decided of each account.
    pub controls: BTreeMap<AccountName, Control>,
    /// The daemon's own kill switch.
    pub kill: Kill,
    /// What policies keep of those transactions.
    pub policy_states: Vec<PolicyState>,
    /// The active version of each policy.
    pub policy_versions: Vec<PolicyVersion>,
    /// Instruments as they were last read.
    pub instruments: Vec<(AccountName, Instrument)>,
    /// What each account's plugin remembers.
    pub kv: BTreeMap<AccountName, Vec<KvEntry>>,
    /// The number of the newest fact; 0 before the first.
    pub last_fact_seq: u64,
    /// What is frozen of policies.
    pub policy_freezes: Vec<PolicyFreeze>,
    /// What policies of whole accounts keep.
    pub account_states: Vec<AccountState>,
    /// The file of parameter values that was taken last.
    pub policy_params: Option<PolicyParams>,
}

/// How many ended transactions are loaded at the start: late fills and questions about yesterday
/// find them in memory.
pub const ENDED_KEPT: usize = 1_000;
