//! What an event from an account changes.
//!
//! Apart because this is the only way in which the broker's word enters the book. Everything that
//! changed is listed in a [`Transition`], so that one commit can hold it all; nothing is sent from
//! here.

mod answer;
mod holding;
mod idle;
mod look_up;
mod outside;
mod report;
mod settle;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::book::{Book, RowOwner};
use crate::broker::{BrokerEvent, Fault, Found, FromAccount, OrderReport, Quote};
use crate::bug::{self, Bug};
use crate::command::{Command, Op, OpLegs, Read};
use crate::fact::{Fact, FactKind};
use crate::ids::{AccountName, ClientOrderId, OpId, SliceNo, Symbol, TransactionId};
use crate::intent::Source;
use crate::money::{Price, Quantity};
use crate::order::Leg;
use crate::plan::id::{Limits, Salt, op_of, rows};
use crate::time::Timestamp;
use crate::transaction::{Slice, Transaction};

pub(crate) use answer::host_close;
pub use answer::retry_pause_ms;
pub(crate) use holding::{Elsewhere, left_elsewhere};
pub(crate) use look_up::resolve;
pub(crate) use report::{gone, read_back};
pub(crate) use settle::become_status;
pub use settle::settle;

/// The slice and the legs that an order was made for.
pub(crate) type Tie = (crate::ids::SliceNo, crate::command::OpLegs);

/// Everything that one batch of events changed, and what follows from it.
#[derive(Debug, Default)]
pub struct Transition {
    /// Transactions whose rows must be written.
    pub touched: BTreeSet<TransactionId>,
    /// Outbox rows that are new or changed.
    pub ops: Vec<(TransactionId, Op)>,
    /// What happened.
    pub facts: Vec<Fact>,
    /// To be sent once all this is committed.
    pub commands: Vec<Command>,
    /// To be found out; nothing durable hangs on these.
    pub reads: Vec<(AccountName, Read)>,
    /// Things that policies are told.
    pub notices: Vec<Notice>,
    /// Instruments that were read for the first time or differ from before.
    pub instruments: BTreeSet<(AccountName, Symbol)>,
    /// Accounts whose kill switch, arming or baseline must be written; none is the daemon's own.
    pub controls: BTreeSet<Option<AccountName>>,
}

/// Something a policy of the transaction may want to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The transaction.
    pub transaction: TransactionId,
    /// What happened.
    pub kind: NoticeKind,
}

/// What happened to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// It was made.
    Armed,
    /// Its first quantity is held.
    Opened,
    /// A part of the entry filled.
    EntryFilled {
        /// How much.
        quantity: Quantity,
        /// At what price, where it is known.
        price: Option<Price>,
    },
    /// A part of an exit filled.
    ExitFilled {
        /// How much.
        quantity: Quantity,
        /// At what price, where it is known.
        price: Option<Price>,
        /// Which leg; none is a closing order.
        leg: Option<Leg>,
    },
    /// The broker took a change.
    Acknowledged {
        /// What the change was.
        what: &'static str,
    },
    /// The broker or the gate said no.
    Rejected {
        /// What was asked.
        what: &'static str,
        /// Why not.
        fault: Fault,
    },
    /// It ended.
    Closed,
    /// Somebody else changed the entry at the broker.
    EntryChanged,
    /// Somebody else changed an exit at the broker.
    Outside {
        /// Which.
        leg: Leg,
        /// `moved`, `resized` or `canceled`.
        what: &'static str,
        /// Its price before.
        before: Option<Price>,
        /// Its price from now on; none where it is gone.
        after: Option<Price>,
    },
}

impl Transition {
    /// Whether nothing durable changed.
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty()
            && self.ops.is_empty()
            && self.facts.is_empty()
            && self.controls.is_empty()
    }

    pub(crate) fn fact(
        &mut self,
        tx: &Transaction,
        at: Timestamp,
        kind: FactKind,
        source: Source,
        fill_in: impl FnOnce(&mut Fact),
    ) {
        let mut fact = Fact::about(tx, at, kind, source);
        fill_in(&mut fact);
        self.facts.push(fact);
    }

    pub(crate) fn notice(&mut self, tx: &Transaction, kind: NoticeKind) {
        self.notices.push(Notice { transaction: tx.id, kind });
    }
}

impl Book {
    /// Changes a transaction, marks it as touched and keeps the order index true.
    pub fn change<R>(
        &mut self,
        id: TransactionId,
        out: &mut Transition,
        change: impl FnOnce(&mut Transaction, &mut Transition) -> R,
    ) -> Option<R> {
        let shared = self.transactions.get_mut(&id)?;
        let tx = Arc::make_mut(shared);
        let orders = tx.orders.len();
        let rested = tx.resting_entry().is_some();
        let result = change(tx, out);
        let way_is_clear = rested && tx.resting_entry().is_none();
        out.touched.insert(id);
        // Where ended ones were forgotten, the new ones stand elsewhere.
        let known = if tx.orders.len() < orders { 0 } else { orders };
        for order in tx.orders.iter().skip(known) {
            self.orders.insert((tx.account.clone(), order.broker_id.clone()), id);
        }
        for op in &tx.ops {
            self.clients.insert(op.client_id.clone(), id);
            self.ops.insert(op.id.clone(), owner(id, op.slice, op.legs));
        }
        if way_is_clear {
            self.try_again_beside(id, out);
        }
        Some(result)
    }

    /// An entry that rested is gone: exits and closes of others in the instrument that were rejected, as
    /// a wash trade perhaps, need not wait out their pause.
    fn try_again_beside(&mut self, id: TransactionId, out: &mut Transition) {
        let Some(gone) = self.transactions.get(&id) else { return };
        let is_naked = |tx: &Transaction, slice: &Slice| {
            let pauses = slice.rejections > 0 && slice.retry_at.is_some();
            pauses && tx.exits(slice.no).next().is_none()
        };
        let others = self.transactions.values().filter(|tx| {
            let waits = tx.close_failures > 0 && tx.close_retry_at.is_some();
            (&tx.account, &tx.symbol) == (&gone.account, &gone.symbol)
                && tx.id != id
                && (waits || tx.slices.iter().any(|slice| is_naked(tx, slice)))
        });
        let others: Vec<TransactionId> = others.map(|tx| tx.id).collect();
        for other in others {
            self.change(other, out, |tx, _| {
                tx.close_retry_at = tx.close_retry_at.filter(|_| tx.close_failures == 0);
                for at in 0..tx.slices.len() {
                    if is_naked(tx, &tx.slices[at]) {
                        tx.slices[at].retry_at = None;
                    }
                }
            });
        }
    }

    /// Adds a transaction, new or loaded, and indexes its orders.
    pub fn insert(&mut self, tx: Transaction) {
        self.last_id = self.last_id.max(tx.id.0);
        for order in &tx.orders {
            self.orders.insert((tx.account.clone(), order.broker_id.clone()), tx.id);
        }
        for op in &tx.ops {
            self.clients.insert(op.client_id.clone(), tx.id);
            self.ops.insert(op.id.clone(), owner(tx.id, op.slice, op.legs));
        }
        for (op, slice, legs) in rows(&Salt::of(self), &tx) {
            self.ops.insert(op, owner(tx.id, slice, legs));
        }
        for client in tx.orders.iter().filter_map(|order| order.client_id.as_ref()) {
            self.clients.insert(client.clone(), tx.id);
        }
        self.transactions.insert(tx.id, Arc::new(tx));
    }

    /// Drops an ended transaction and what points to it.
    pub fn forget(&mut self, id: TransactionId) {
        self.transactions.remove(&id);
        self.orders.retain(|_, owner| *owner != id);
        self.clients.retain(|_, owner| *owner != id);
        self.ops.retain(|_, owner| owner.transaction != id);
        self.guards.forget(id);
    }

    /// The transaction that an order belongs to, by any of the ids that link it.
    pub fn owner_of(&self, account: &AccountName, report: &OrderReport) -> Option<TransactionId> {
        let by_broker = |id: &crate::ids::BrokerOrderId| {
            self.orders.get(&(account.clone(), id.clone())).copied()
        };
        by_broker(&report.broker_id)
            .or_else(|| self.owner_of_client(account, report))
            .or_else(|| by_broker(report.parent.as_ref()?))
            .or_else(|| by_broker(report.replaces.as_ref()?))
            .or_else(|| self.owner_of_group(account, report.group.as_ref()?))
            .or_else(|| self.anybody(account, report).filter(|_| bug::is(Bug::M14)))
            // Whatever ties it to one: an order of another instrument is nobody's.
            .filter(|id| self.transactions.get(id).is_none_or(|tx| tx.symbol == report.symbol))
    }

    /// A transaction that the order would fit: no tie at all.
    fn anybody(&self, account: &AccountName, report: &OrderReport) -> Option<TransactionId> {
        let fits = |tx: &&Arc<Transaction>| {
            tx.account == *account && tx.symbol == report.symbol && !tx.status.is_ended()
        };
        self.transactions.values().find(fits).map(|tx| tx.id)
    }

    /// Whose client order id it carries, also that of a row which is settled by now: one that was
    /// rejected though it was done, or came late.
    fn owner_of_client(
        &self,
        account: &AccountName,
        report: &OrderReport,
    ) -> Option<TransactionId> {
        let client = report.client_id.as_ref()?;
        if let Some(id) = self.clients.get(client) {
            return Some(*id);
        }
        let RowOwner { transaction, tie: (_, legs) } = self.row_of_client(account, client)?;
        let direction = self.transactions.get(&transaction)?.direction;
        let side = match legs {
            OpLegs::Entry => direction.entry_side(),
            OpLegs::Stop | OpLegs::Target | OpLegs::Pair | OpLegs::Close => direction.exit_side(),
        };
        (report.side == side).then_some(transaction)
    }

    /// Whose row a client order id was made of, by what the id says itself.
    fn row_of_client(&self, account: &AccountName, client: &ClientOrderId) -> Option<RowOwner> {
        let limits = Limits::of(self.accounts.get(account)?.info.as_ref());
        let named = op_of(client, &limits)?;
        let (_, owner) = self
            .ops
            .range(named.clone()..)
            .take_while(|(op, _)| op.as_str().starts_with(named.as_str()))
            .find(|(_, owner)| {
                let tx = self.transactions.get(&owner.transaction);
                tx.is_some_and(|tx| tx.account == *account)
            })?;
        Some(*owner)
    }

    /// The slice and legs that an order of a transaction was made for, by its client order id.
    pub(crate) fn tie_of(&self, id: TransactionId, report: &OrderReport) -> Option<Tie> {
        let tx = self.transactions.get(&id)?;
        if tx.orders.iter().any(|order| order.broker_id == report.broker_id) {
            return None;
        }
        let owner = self.row_of_client(&tx.account, report.client_id.as_ref()?)?;
        (owner.transaction == id).then_some(owner.tie)
    }

    /// Whose linked pair a leg without any other tie belongs to. Only orders seen for the first
    /// time come here, so it may look through all of them.
    fn owner_of_group(&self, account: &AccountName, group: &str) -> Option<TransactionId> {
        let ours = self.transactions.values().filter(|tx| tx.account == *account);
        ours.rev()
            .find(|tx| tx.orders.iter().any(|order| order.group.as_deref() == Some(group)))
            .map(|tx| tx.id)
    }

    pub(crate) fn owner_of_op(&self, account: &AccountName, op: &OpId) -> Option<TransactionId> {
        let id = self.ops.get(op)?.transaction;
        // An account may speak of its own rows only (I9).
        self.transactions.get(&id).filter(|tx| tx.account == *account).map(|tx| tx.id)
    }
}

fn owner(transaction: TransactionId, slice: SliceNo, legs: OpLegs) -> RowOwner {
    RowOwner { transaction, tie: (slice, legs) }
}

/// Applies one event. Planning what follows is the caller's next step, for every transaction in
/// `out.touched`.
pub fn apply(book: &mut Book, from: FromAccount, now: Timestamp, out: &mut Transition) {
    let FromAccount { account: name, event } = from;
    let Some(event) = believed(book, &name, event) else { return };
    match event {
        BrokerEvent::Answer { op, answer } => answer::answered(book, &name, &op, answer, now, out),
        BrokerEvent::LookedUp { op, found } => {
            look_up::looked_up(book, &name, &op, found, now, out);
        }
        BrokerEvent::Polled { orders, fills } => {
            report::reports(book, &name, &orders, now, out);
            report::fills(book, &name, &fills, now, out);
        }
        BrokerEvent::Picture(picture) => {
            crate::reconcile::reconcile(book, &name, &picture, now, out);
        }
        BrokerEvent::NotThere { orders, asked_at } => {
            crate::reconcile::not_there(book, &name, (&orders, asked_at), now, out);
        }
        BrokerEvent::Quotes(quotes) => quotes_read(book, &name, quotes),
        other => account_event(book, &name, other, now, out),
    }
}

/// What is believed of an event. A login that opens another of the broker's accounts knows none of
/// our orders, and that proves nothing; nor does absence before the login was looked at.
fn believed(book: &Book, name: &AccountName, event: BrokerEvent) -> Option<BrokerEvent> {
    let account = book.accounts.get(name);
    let is_other = account.is_some_and(|account| account.other_account.is_some());
    let is_compared = account.is_some_and(|account| account.is_reconciled);
    match event {
        BrokerEvent::Polled { .. } if is_other => None,
        BrokerEvent::NotThere { .. } if !is_compared => None,
        BrokerEvent::LookedUp { op, found: Found::Absent | Found::Legs { .. } }
            if is_other || !is_compared =>
        {
            let fault = Fault::new("NOT_COMPARED", "the account was not compared with the ledger");
            Some(BrokerEvent::LookedUp { op, found: Found::Failed(fault) })
        }
        event => Some(event),
    }
}

fn quotes_read(book: &mut Book, name: &AccountName, quotes: Vec<Quote>) {
    let Some(account) = book.accounts.get_mut(name) else { return };
    for quote in quotes {
        // An older price that overtook a newer one says nothing.
        let newest = account.quotes.get(&quote.symbol).map(|q| q.at);
        if newest.is_none_or(|newest| quote.at >= newest) {
            account.quotes.insert(quote.symbol.clone(), quote);
        }
    }
}

fn account_event(
    book: &mut Book,
    name: &AccountName,
    event: BrokerEvent,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(account) = book.accounts.get_mut(name) else { return };
    match event {
        BrokerEvent::Up(info) => {
            if !account.is_up {
                let text = format!("{} {}", info.name, info.version);
                account_fact(name, FactKind::AccountUp, "", text, now, out);
            }
            account.info = Some(info);
            account.is_up = true;
            account.note_able(now);
        }
        BrokerEvent::Swapped { info, text } => {
            account_fact(name, FactKind::PluginSwapped, "", text, now, out);
            account.info = Some(info);
        }
        BrokerEvent::SwapRefused { text } => {
            account_fact(name, FactKind::PluginRefused, "", text, now, out);
        }
        BrokerEvent::Down(fault) => {
            if account.is_up {
                let text = fault.message.clone();
                account_fact(name, FactKind::AccountDown, &fault.code, text, now, out);
            }
            account.is_up = false;
            account.note_able(now);
            out.touched.extend(holders(book, name));
        }
        BrokerEvent::Instrument(instrument) => {
            let symbol = instrument.symbol.clone();
            let known = account.instruments.get(&symbol).is_some_and(|old| **old == *instrument);
            if !known {
                account.instruments.insert(symbol.clone(), Arc::new(*instrument));
                out.instruments.insert((name.clone(), symbol));
            }
        }
        BrokerEvent::Session { symbol, session } => {
            account.sessions.insert(symbol.clone(), session);
            // What waits for a session is judged by it.
            let of_it = |tx: &&Arc<Transaction>| tx.account == *name && tx.symbol == symbol;
            let live = book.transactions.values().filter(of_it).filter(|tx| !tx.status.is_ended());
            out.touched.extend(live.map(|tx| tx.id));
        }
        BrokerEvent::Balance(balance) => {
            account.balance = Some(balance);
            crate::control::balance_read(book, name, now, out);
        }
        // Bars and unknown instruments concern those who asked, outside of the book.
        BrokerEvent::Bars { .. }
        | BrokerEvent::NoInstrument { .. }
        | BrokerEvent::Answer { .. }
        | BrokerEvent::LookedUp { .. }
        | BrokerEvent::Polled { .. }
        | BrokerEvent::NotThere { .. }
        | BrokerEvent::Picture(_)
        | BrokerEvent::Quotes(_) => {}
    }
}

fn account_fact(
    name: &AccountName,
    kind: FactKind,
    code: &str,
    text: String,
    now: Timestamp,
    out: &mut Transition,
) {
    let mut fact = Fact::new(now, kind, Source::Broker);
    fact.account = Some(name.clone());
    fact.code = code.to_owned().into();
    fact.text = text;
    out.facts.push(fact);
}

fn holders(book: &Book, name: &AccountName) -> Vec<TransactionId> {
    book.transactions
        .values()
        .filter(|tx| tx.account == *name && !tx.held().is_zero())
        .map(|tx| tx.id)
        .collect()
}

/// What a crash left in flight may have arrived: it is looked up before anything else is sent.
pub fn recover(book: &mut Book, now: Timestamp, out: &mut Transition) {
    let ids: Vec<TransactionId> = book
        .transactions
        .values()
        .filter(|tx| tx.ops.iter().any(|op| op.state.is_in_flight()))
        .map(|tx| tx.id)
        .collect();
    for id in ids {
        book.change(id, out, |tx, out| {
            for at in 0..tx.ops.len() {
                if tx.ops[at].state.is_in_flight() {
                    let evidence = "the daemon stopped before it read an answer";
                    answer::doubt(tx, at, evidence.to_owned(), now, out);
                }
            }
        });
    }
}
