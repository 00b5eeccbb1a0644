//! A run about a whole account: `on_portfolio`.
//!
//! Apart because it has no transaction of its own. It may change each transaction of its account,
//! within the verbs that its configuration allows, and every wish passes the same gate (I10).

use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::book::{Account, Book};
use bracketd_core::broker::Quote;
use bracketd_core::ids::{OwnerName, Symbol, TransactionId};
use bracketd_core::instrument::{Features, Instrument};
use bracketd_core::metrics::portfolio;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, TimeInForce};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{
    Birth, Desired, Entry, EntryGuard, EntryKind, OnPartial, Transaction, TransactionStatus,
};

use crate::api::objects::Tx;
use crate::bars::History;
use crate::event::Event;
use crate::frame::{self, Frame};
use crate::params::Params;
use crate::policy::Policy;
use crate::run::{Ran, Run, RunBudget, RunOutcome};
use crate::verbs::Verbs;

/// The number that no transaction has: such a run stands on none.
const NONE: TransactionId = TransactionId(0);

/// What a run about an account is given.
pub struct AccountRun<'a> {
    /// The account.
    pub account: &'a Account,
    /// The whole book.
    pub book: &'a Book,
    /// What the configuration sets.
    pub params: &'a Params,
    /// What the policy kept of the account: a JSON object, or nothing.
    pub state: &'a str,
    /// The moment of the event.
    pub now: Timestamp,
    /// The verbs its configuration allows.
    pub allowed: &'a Verbs,
    /// When it has to stop.
    pub budget: &'a dyn RunBudget,
}

/// The transaction of the account that the verb under way is about.
pub(crate) struct Aimed {
    pub(crate) instrument: Arc<Instrument>,
    pub(crate) quote: Option<Quote>,
    pub(crate) direction: Direction,
}

impl Policy {
    /// Runs `on_portfolio`, if there is one.
    pub fn run_account(&self, run: &AccountRun<'_>) -> Ran {
        let Some(figures) = portfolio(run.book, &run.account.name).map(Arc::new) else {
            return Ran::nothing(RunOutcome::Skipped("the account is not in the book".to_owned()));
        };
        let Some(transaction) = blank(run.account, run.now) else {
            return Ran::nothing(RunOutcome::Done);
        };
        self.run(&Run {
            event: Event::Portfolio(&figures),
            transaction: Arc::new(transaction),
            account: run.account,
            instrument: Arc::new(no_instrument()),
            quote: None,
            history: History { seconds: 60, bars: (&[], &[]), peak: None, trough: None },
            params: run.params,
            state: run.state,
            now: run.now,
            allowed: run.allowed,
            budget: run.budget,
            portfolio: Some(run.book),
        })
    }
}

/// Whether the run under way may change the transaction: its own, or in a run about an account any of
/// the account, which the verb is about from now on.
pub(crate) fn may_change(tx: &Tx) -> bool {
    frame::with(|frame| Ok(aim(frame, tx))).unwrap_or(false)
}

fn aim(frame: &Frame<'_>, tx: &Tx) -> bool {
    let is_account = matches!(frame.run.event, Event::Portfolio(_));
    let other = match (is_account, tx) {
        (is_account, Tx::Own) => return !is_account,
        (false, Tx::Other(_)) => return false,
        (true, Tx::Other(other)) => other,
    };
    let account = frame.run.account;
    let Some(instrument) = account.instruments.get(&other.symbol) else { return false };
    if other.account != account.name {
        return false;
    }
    let mut buffer = frame.buffer.borrow_mut();
    let asked = buffer.others.get(&other.id).unwrap_or(other);
    let next = Arc::clone(asked);
    let before = std::mem::replace(&mut buffer.transaction, next);
    buffer.others.insert(before.id, before);
    *frame.aimed.borrow_mut() = Some(Aimed {
        instrument: Arc::clone(instrument),
        quote: account.quotes.get(&other.symbol).cloned(),
        direction: other.direction,
    });
    true
}

/// A transaction that holds nothing and is nowhere: what a script cannot name, it cannot change.
fn blank(account: &Account, now: Timestamp) -> Option<Transaction> {
    Some(Transaction {
        status: TransactionStatus::Closed,
        ..Transaction::born(Birth {
            id: NONE,
            account: account.name.clone(),
            owner: OwnerName::new(account.name.as_str()),
            symbol: Symbol::new(""),
            direction: Direction::Long,
            entry: Entry {
                kind: EntryKind::Market,
                quantity: Quantity::ZERO,
                time_in_force: TimeInForce::Gtc,
                reference: Price::new(Decimal::ONE)?,
                on_partial: OnPartial::CancelRest,
                guard: EntryGuard::Plain,
                cancel_asked: false,
                ended: true,
            },
            desired: Desired { stop: None, target: None, version: 0 },
            policies: Vec::new(),
            at: now,
        })
    })
}

fn no_instrument() -> Instrument {
    Instrument {
        symbol: Symbol::new(""),
        broker_symbol: String::new(),
        currency: String::new(),
        bands: Vec::new(),
        qty_step: Decimal::ONE,
        min_qty: Quantity::ZERO,
        max_qty: None,
        min_notional: None,
        multiplier: Decimal::ONE,
        features: Features::default(),
    }
}
