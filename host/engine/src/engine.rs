//! The engine's state and its start.
//!
//! Apart from the step so that a reader sees on one screen what the engine holds. Start and crash
//! recovery are the same path: load, doubt what was in flight, read the accounts, reconcile.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::apply::{Transition, recover};
use bracketd_core::book::{Account, Book};
use bracketd_core::control::{Control, Kill};
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;
use bracketd_policy::PolicySet;
use bracketd_store::{AccountState, KvEntry, Ledger, PolicyState, StoreError};

use crate::beats::Beats;
use crate::held_back::HeldBack;
use crate::input::{Dispatch, Ticket};
use crate::market::Market;
use crate::parked::Parking;
use crate::runs::Runs;
use crate::settings::{PolicySettings, Settings};
use crate::timers::Timers;

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The ledger could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger holds live transactions of an account that the configuration does not name.
    #[error(
        "transaction {transaction} belongs to account {account}, which the configuration does not \
         name; add the account, or its stops would be looked after by nobody"
    )]
    UnknownAccount {
        /// The account.
        account: AccountName,
        /// The first such transaction.
        transaction: TransactionId,
    },
}

/// The one owner of the book and the ledger.
pub struct Engine {
    pub(crate) book: Book,
    pub(crate) ledger: Ledger,
    pub(crate) policies: PolicySet,
    pub(crate) policy_settings: BTreeMap<PolicyName, PolicySettings>,
    pub(crate) market: Market,
    pub(crate) runs: Runs,
    pub(crate) timers: Timers,
    pub(crate) beats: Beats,
    pub(crate) parking: Parking,
    pub(crate) always_watched: BTreeMap<AccountName, Vec<Symbol>>,
    pub(crate) watched: BTreeMap<AccountName, Vec<Symbol>>,
    pub(crate) by_symbol: BTreeMap<(AccountName, Symbol), BTreeSet<TransactionId>>,
    /// A batch whose commit failed, kept whole; nothing is applied before it is written.
    pub(crate) unsaved: Option<(Transition, Dispatch)>,
    /// Transactions that a kill level which was raised meanwhile concerns.
    pub(crate) replan: BTreeSet<TransactionId>,
    /// What arrived meanwhile.
    pub(crate) held_back: HeldBack,
    /// Ended transactions in the order of their end: the oldest leave memory first.
    pub(crate) ended: std::collections::VecDeque<TransactionId>,
    /// What every start has to do first.
    pub(crate) recovered: Option<Transition>,
    pub(crate) states: PolicyStates,
    /// What plugins remember and the ledger does not have yet.
    pub(crate) remembered: BTreeMap<AccountName, Vec<KvEntry>>,
    #[cfg(feature = "bugs")]
    pub(crate) late_facts: Vec<bracketd_core::fact::Fact>,
}

/// What policies keep of each transaction.
#[derive(Debug, Default)]
pub(crate) struct PolicyStates {
    pub(crate) kept: BTreeMap<(TransactionId, PolicyName), PolicyState>,
    pub(crate) unsaved: BTreeSet<(TransactionId, PolicyName)>,
    /// What policies keep of whole accounts.
    pub(crate) accounts: BTreeMap<(AccountName, PolicyName), AccountState>,
    pub(crate) unsaved_accounts: BTreeSet<(AccountName, PolicyName)>,
    pub(crate) unsaved_since: Option<Timestamp>,
}

/// What people decided outlives the process, whatever the configuration says now.
fn take_controls(book: &mut Book, kill: Kill, controls: BTreeMap<AccountName, Control>) {
    book.kill = kill;
    for (name, control) in controls {
        if let Some(account) = book.accounts.get_mut(&name) {
            account.control = control;
        }
    }
}

/// An arming that goes on with this program and these plugins is written down.
fn inherit(
    book: &Book,
    identities: &BTreeMap<AccountName, String>,
    now: Timestamp,
    out: &mut Transition,
) {
    let armed = book.accounts.values().filter(|account| account.control.armed == Some(true));
    for account in armed {
        let mut fact = Fact::new(now, FactKind::Armed, Source::Recovery);
        fact.account = Some(account.name.clone());
        fact.code = "INHERITED".into();
        fact.text = identities.get(&account.name).cloned().unwrap_or_default();
        out.facts.push(fact);
    }
}

impl Engine {
    /// Loads the ledger and doubts what was in flight when it was last written.
    ///
    /// # Errors
    /// [`StartError`] when the ledger cannot be read or names an account that is not configured.
    pub fn start(
        ledger: Ledger,
        settings: Settings,
        policies: PolicySet,
        now: Timestamp,
    ) -> Result<Self, StartError> {
        let loaded = ledger.load()?;
        let mut book = Book::new(&loaded.ledger_id, loaded.epoch);
        book.steady_since = now;
        for (name, mut rules) in settings.accounts {
            // In a restored ledger the configuration has no say: somebody has to look first.
            rules.armed &= loaded.epoch == 0;
            book.accounts.insert(name.clone(), Account::new(name, rules));
        }
        for (name, instrument) in loaded.instruments {
            if let Some(account) = book.accounts.get_mut(&name) {
                let symbol = instrument.symbol.clone();
                account.instruments.insert(symbol, std::sync::Arc::new(instrument));
            }
        }
        let mut ended = std::collections::VecDeque::new();
        for tx in loaded.transactions {
            if tx.status.is_ended() {
                ended.push_back(tx.id);
            } else if !book.accounts.contains_key(&tx.account) {
                let (account, transaction) = (tx.account, tx.id);
                return Err(StartError::UnknownAccount { account, transaction });
            }
            book.insert(tx);
        }
        book.last_id = book.last_id.max(loaded.last_transaction);
        let mut recovered = Transition::default();
        take_controls(&mut book, loaded.kill, loaded.controls);
        inherit(&book, &settings.identities, now, &mut recovered);
        recover(&mut book, now, &mut recovered);
        let kept = loaded
            .policy_states
            .into_iter()
            .map(|state| ((state.transaction, state.policy.clone()), state))
            .collect();
        let accounts = loaded.account_states.into_iter();
        let accounts = accounts.map(|s| ((s.account.clone(), s.policy.clone()), s)).collect();
        let states = PolicyStates { kept, accounts, ..PolicyStates::default() };
        let mut engine = Self {
            book,
            ledger,
            policies,
            policy_settings: settings.policies,
            market: Market::default(),
            runs: Runs::load(loaded.policy_freezes),
            timers: Timers::default(),
            beats: Beats::default(),
            parking: Parking::default(),
            always_watched: settings.watch,
            watched: BTreeMap::new(),
            by_symbol: BTreeMap::new(),
            unsaved: None,
            replan: BTreeSet::new(),
            held_back: HeldBack::default(),
            ended,
            recovered: Some(recovered),
            states,
            remembered: BTreeMap::new(),
            #[cfg(feature = "bugs")]
            late_facts: Vec::new(),
        };
        let mut recovered = engine.recovered.take().unwrap_or_default();
        engine.hold_back_at_start(now, &mut recovered);
        engine.recovered = Some(recovered);
        engine.due_at_start(now);
        engine.index_all(now);
        Ok(engine)
    }

    fn index_all(&mut self, now: Timestamp) {
        let ids: Vec<TransactionId> = self.book.transactions.keys().copied().collect();
        for id in ids {
            self.index(id, now);
        }
    }

    /// Keeps timers and the symbol index true for a transaction.
    pub(crate) fn index(&mut self, id: TransactionId, now: Timestamp) {
        let timer = bracketd_core::plan::next_timer(&self.book, id, now);
        self.timers.set(id, timer);
        let Some(tx) = self.book.transactions.get(&id) else { return };
        let key = (tx.account.clone(), tx.symbol.clone());
        let rests = tx.orders.iter().any(|order| !order.status.is_terminal());
        if tx.status.is_ended() && !rests {
            if let Some(ids) = self.by_symbol.get_mut(&key) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_symbol.remove(&key);
                }
            }
        } else {
            self.by_symbol.entry(key).or_default().insert(id);
        }
    }

    /// The clock was set forward to `now`, or the machine slept: no write that is in doubt is older
    /// than this moment, whatever the clock says.
    pub fn clock_was_set(&mut self, now: Timestamp) {
        self.book.steady_since = now;
    }

    /// The book, to look at.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// What is remembered of prices.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The policies that decide now.
    pub fn policies(&self) -> &PolicySet {
        &self.policies
    }

    /// The ledger, to read facts from.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Ends the engine as a crash would, and gives the ledger to whoever starts the next one.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// How much waits until the ledger can be written again: orders, fills and other words.
    pub fn held_back(&self) -> usize {
        self.held_back.len()
    }

    /// Whether more may be told by accounts; else they wait until the ledger can be written.
    pub fn has_room(&self) -> bool {
        self.held_back.has_room()
    }

    /// Whether nothing is left to do before something new arrives: no run waits, no command is
    /// unanswered, nothing is unsaved.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet_but(0)
    }

    /// The same where so many commands are held back by a message budget: these wait for time, and
    /// hold nothing up.
    pub fn is_quiet_but(&self, held: usize) -> bool {
        let in_flight = || {
            let ops = self.book.transactions.values().flat_map(|tx| &tx.ops);
            ops.filter(|op| op.state.is_in_flight()).count()
        };
        self.unsaved.is_none() && self.runs.is_empty() && in_flight() <= held
    }

    /// The verdict for somebody who asked while the ledger cannot be written.
    pub(crate) fn ledger_failed(
        ticket: Ticket,
        why: &str,
    ) -> (Ticket, bracketd_core::intent::Verdict) {
        let message = format!("the ledger cannot be written ({why}); nothing was done or sent");
        let outcome =
            bracketd_core::intent::Outcome::Refused(bracketd_core::refusal::Refusal::LedgerFailed);
        (ticket, bracketd_core::intent::Verdict { outcome, message, transaction: None, version: 0 })
    }
}
