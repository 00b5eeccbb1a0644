//! How urgent a message is, and what it gains (I14).
//!
//! Apart because writes and the reads that settle them are ranked by one rule: a message takes the
//! class of what waits for it. Nothing is ordered here; that is the pace's work.

use rust_decimal::Decimal;

use crate::book::{Account, Book};
use crate::command::{Change, Op, OpKind, OpLegs, Read, Urgency};
use crate::ids::{AccountName, BrokerOrderId, OpId, SliceNo, Symbol, TransactionId};
use crate::money::Quantity;
use crate::order::{Direction, Order, OrderStatus, Role};
use crate::transaction::{Task, Transaction};

/// How urgent a command is. `is_exposed`: held quantity is without its wanted stop.
pub(super) fn of_op(tx: &Transaction, op: &Op, is_exposed: bool) -> Urgency {
    let by_task = match (&tx.task, is_exposed) {
        // Its exits were freed for it, and are put back only after it.
        (Some(Task::Reduce { .. } | Task::Grow { .. }), true) => Urgency::Unprotected,
        (Some(Task::Close { .. }), _) => Urgency::Close,
        (Some(Task::Reduce { .. }), false) => Urgency::Reduce,
        (Some(Task::Grow { .. }), false) | (None, _) => Urgency::Routine,
    };
    match &op.kind {
        OpKind::Close(_) => by_task.min(Urgency::Close),
        OpKind::Submit(_) => by_task,
        OpKind::Cancel { .. } if is_exposed => Urgency::Unprotected,
        // An entry that is to go takes its risk with it.
        OpKind::Cancel { .. } => by_task.min(Urgency::Reduce),
        OpKind::Adjust { .. } => match op.legs {
            OpLegs::Stop | OpLegs::Pair if is_exposed => Urgency::Unprotected,
            _ if has_excess(tx, op.slice) => Urgency::Close,
            OpLegs::Stop | OpLegs::Pair => by_task.min(Urgency::Tighten),
            OpLegs::Target | OpLegs::Entry | OpLegs::Close => by_task,
        },
    }
}

/// Whether exits of the slice rest for more than is held of it: they would open a position, or sell
/// what another transaction holds of the same one.
fn has_excess(tx: &Transaction, slice: SliceNo) -> bool {
    let held = tx.slice(slice).map_or(Quantity::ZERO, |slice| slice.held);
    let acts = |order: &&Order| order.status != OrderStatus::Contingent;
    tx.exits(slice).filter(acts).any(|order| order.leaves() > held)
}

/// How far a command moves a stop toward the market, times what it covers: the loss that it takes
/// away, in the instrument's currency. Zero where nothing rests yet.
pub(super) fn gain(tx: &Transaction, op: &Op, multiplier: Decimal) -> Decimal {
    let OpKind::Adjust { stop: Change::Set(price), quantity, .. } = &op.kind else {
        return Decimal::ZERO;
    };
    let rests = tx.exits(op.slice).find(|o| o.role == Role::Stop).and_then(|o| o.trigger);
    let Some(rests) = rests else { return Decimal::ZERO };
    let moved = match tx.direction {
        Direction::Long => price.get() - rests.get(),
        Direction::Short => rests.get() - price.get(),
    };
    let gain = moved.checked_mul(quantity.get()).and_then(|gain| gain.checked_mul(multiplier));
    gain.unwrap_or(Decimal::ZERO)
}

/// Money per price unit and quantity unit; 1 where the instrument is not known yet.
pub(super) fn multiplier(account: &Account, symbol: &Symbol) -> Decimal {
    account.instruments.get(symbol).map_or(Decimal::ONE, |instrument| instrument.multiplier)
}

/// How urgent a read is: as urgent as what waits for its answer.
pub fn urgency_of(book: &Book, account: &AccountName, read: &Read) -> Urgency {
    match read {
        Read::Order { op, .. } | Read::BrokerOrder { op, .. } | Read::Bracket { op, .. } => {
            of_look_up(book, account, op)
        }
        Read::Refresh { orders } => {
            let all = orders.iter().map(|order| of_order(book, account, order));
            all.min().unwrap_or(Urgency::Read)
        }
        // Until the account is compared with the book, not even a stop goes out. Afterwards it alone
        // shows a fill that no list of changes told.
        Read::Picture { .. } => match book.accounts.get(account) {
            Some(account) if !account.is_reconciled => Urgency::Unprotected,
            Some(_) | None => Urgency::Reduce,
        },
        Read::Instrument(_) | Read::Bars { .. } => Urgency::Read,
    }
}

/// A look-up is never behind a moved stop: what is in doubt may be a position. Until the account is
/// compared with the book it is behind the complete read: nothing that it finds is acted on before.
fn of_look_up(book: &Book, account: &AccountName, op: &OpId) -> Urgency {
    let is_reconciled = book.accounts.get(account).is_none_or(|account| account.is_reconciled);
    let least = if is_reconciled { Urgency::Unprotected } else { Urgency::Close };
    of_doubt(book, account, op).max(least)
}

fn of_doubt(book: &Book, account: &AccountName, op: &OpId) -> Urgency {
    let owner = book.owner_of_op(account, op).and_then(|id| book.transactions.get(&id));
    let row = owner.and_then(|tx| Some((tx, tx.ops.iter().find(|row| row.id == *op)?)));
    let Some((tx, row)) = row else { return Urgency::Read };
    let is_exposed = tx.protection.gap_since().is_some();
    let is_stop = matches!(row.legs, OpLegs::Stop | OpLegs::Pair) && !tx.held().is_zero();
    if is_exposed || is_stop {
        return Urgency::Unprotected;
    }
    of_op(tx, row, is_exposed).min(Urgency::Reduce)
}

/// How an order of ours stands that a list did not show.
fn of_order(book: &Book, account: &AccountName, order: &BrokerOrderId) -> Urgency {
    let key = (account.clone(), order.clone());
    let owner = book.orders.get(&key).and_then(|id| book.transactions.get(id));
    let Some(tx) = owner else { return Urgency::Read };
    let role = tx.orders.iter().find(|o| o.broker_id == *order).map(|o| o.role);
    if tx.protection.gap_since().is_some() || role == Some(Role::Stop) {
        Urgency::Unprotected
    } else {
        Urgency::Close
    }
}

/// The class that everything of a transaction now has which is already on its way: a trail step
/// that waits must not hold up a stop that went missing, or a close, behind it. None = as before.
pub fn raised(book: &Book, id: TransactionId) -> Option<Urgency> {
    let tx = book.transactions.get(&id)?;
    tx.ops.iter().find(|op| op.state.is_in_flight())?;
    let is_exposed = tx.protection.gap_since().is_some();
    match &tx.task {
        _ if is_exposed => Some(Urgency::Unprotected),
        Some(Task::Close { .. }) => Some(Urgency::Close),
        _ if tx.slices.iter().any(|slice| has_excess(tx, slice.no)) => Some(Urgency::Close),
        Some(Task::Reduce { .. }) => Some(Urgency::Reduce),
        Some(Task::Grow { .. }) | None => None,
    }
}
