//! What a transaction is after its orders changed: its status, its task, its protection.
//!
//! Apart because it is derived from the orders alone and runs after every change; it must never
//! look at where the change came from.

use super::{NoticeKind, Transition};
use crate::command::{Op, OpKind, OpState};
use crate::fact::FactKind;
use crate::ids::{BrokerOrderId, SliceNo};
use crate::intent::Source;
use crate::limits::{ENDED_ORDERS_KEPT, SIBLING_GRACE_MS};
use crate::order::{Order, OrderStatus, Role};
use crate::time::Timestamp;
use crate::transaction::{Task, Transaction, TransactionEvent, TransactionStatus};

/// Brings status, task and waiting rows in line with the orders.
pub fn settle(tx: &mut Transaction, now: Timestamp, out: &mut Transition) {
    finish_awaited(tx, now, out);
    end_entry(tx);
    finish_task(tx);
    crate::ladder::deal(tx, now);
    end_transaction(tx, now, out);
    forget_ended_orders(tx);
}

/// A trailed stop leaves an ended order behind at every move. Those that never filled prove
/// nothing any more; one that fills late after all is known by its client order id. They go many
/// at a time: their places are rewritten in the ledger.
fn forget_ended_orders(tx: &mut Transaction) {
    let named: Vec<_> = tx.ops.iter().filter_map(order_of).cloned().collect();
    let spent = |o: &Order| is_spent(o) && !named.contains(&o.broker_id);
    let count = tx.orders.iter().filter(|o| spent(o)).count();
    if count < 2 * ENDED_ORDERS_KEPT {
        return;
    }
    let mut left = count - ENDED_ORDERS_KEPT;
    tx.orders.retain(|order| {
        let goes = left > 0 && spent(order);
        left -= usize::from(goes);
        !goes
    });
}

/// An exit that ended without a fill.
pub(super) fn is_spent(order: &Order) -> bool {
    let is_exit = matches!(order.role, Role::Stop | Role::Target);
    is_exit && order.status.is_terminal() && order.filled.is_zero()
}

/// The order that an unsettled row names.
fn order_of(op: &Op) -> Option<&BrokerOrderId> {
    match (&op.state, &op.kind) {
        (OpState::Awaiting { order }, _) | (_, OpKind::Cancel { order }) => Some(order),
        _ => None,
    }
}

/// Gives the transaction its next status and writes the fact.
pub(crate) fn become_status(
    tx: &mut Transaction,
    next: TransactionStatus,
    (why, source): (&'static str, Source),
    now: Timestamp,
    out: &mut Transition,
) {
    if tx.status == next {
        return;
    }
    let before = tx.status;
    tx.status = next;
    out.fact(tx, now, FactKind::StatusChanged, source, |fact| {
        fact.code = next.as_str().into();
        fact.text = format!("{} -> {}: {why}", before.as_str(), next.as_str());
    });
    if next.is_ended() {
        tx.close_failures = 0;
        tx.close_retry_at = None;
        tx.closed_at = Some(now);
        tx.close_reason = Some(why.to_owned());
        tx.task = None;
        out.notice(tx, NoticeKind::Closed);
    } else {
        tx.closed_at = None;
        tx.close_reason = None;
    }
}

/// Rows that waited for an order's end are done with it.
fn finish_awaited(tx: &mut Transaction, now: Timestamp, out: &mut Transition) {
    let mut at = 0;
    while let Some(op) = tx.ops.get(at) {
        let ended = match &op.state {
            OpState::Awaiting { order } => {
                tx.orders.iter().any(|o| o.broker_id == *order && o.status.is_terminal())
            }
            _ => false,
        };
        if !ended {
            at += 1;
            continue;
        }
        let mut op = tx.ops.remove(at);
        op.state = OpState::Done;
        out.fact(tx, now, FactKind::Settled, Source::Broker, |fact| {
            fact.code = op.state.as_str().into();
            fact.slice = Some(op.slice);
            fact.op = Some(op.id.clone());
            fact.text = format!("{} {}", op.kind.as_str(), op.legs.as_str());
        });
        out.ops.push((tx.id, op));
    }
}

fn end_entry(tx: &mut Transaction) {
    let asked = tx.ops.iter().any(|op| matches!(op.kind, OpKind::Submit(_)));
    let known = tx.orders.iter().any(|o| o.role == Role::Entry);
    if known && !asked && tx.resting_entry().is_none() {
        tx.entry.ended = true;
    }
}

fn finish_task(tx: &mut Transaction) {
    let reached = match &tx.task {
        Some(Task::Reduce { to }) => tx.held() <= *to,
        Some(Task::Grow { to }) => tx.held() >= *to,
        Some(Task::Close { .. }) | None => false,
    };
    if reached {
        tx.task = None;
    }
}

/// A task whose order ended without filling is over: what is still held is protected again.
pub(super) fn order_ended(
    tx: &mut Transaction,
    role: Role,
    slice: SliceNo,
    status: OrderStatus,
    now: Timestamp,
    out: &mut Transition,
) {
    if status == OrderStatus::Filled {
        return;
    }
    match (role, &tx.task) {
        (Role::Stop | Role::Target, _) if status != OrderStatus::Replaced => {
            if let Some(slice) = tx.slices.iter_mut().find(|s| s.no == slice) {
                slice.retry_at = slice.retry_at.max(Some(now.plus_ms(SIBLING_GRACE_MS)));
            }
        }
        (Role::Close, Some(Task::Close { .. })) => {
            super::answer::close_failed(tx, "close_ended_unfilled", now, out);
        }
        (Role::Close, Some(Task::Reduce { .. })) => tx.task = None,
        (Role::Entry, Some(Task::Grow { .. })) if tx.entry.ended => tx.task = None,
        _ => {}
    }
}

fn end_transaction(tx: &mut Transaction, now: Timestamp, out: &mut Transition) {
    let adding = tx.resting_entry().is_some()
        || tx.ops.iter().any(|op| matches!(op.kind, OpKind::Submit(_)));
    if !tx.held().is_zero() || !tx.entry.ended || adding || tx.status.is_ended() {
        return;
    }
    let event = if tx.entered.is_zero() {
        TransactionEvent::EntryEnded
    } else {
        TransactionEvent::NothingHeld
    };
    let rejected = tx.entered.is_zero()
        && tx.orders.iter().any(|o| o.role == Role::Entry && o.status == OrderStatus::Rejected);
    let event = if rejected { TransactionEvent::EntryFailed } else { event };
    let why = match (event, last_exit(tx)) {
        (TransactionEvent::EntryFailed, _) => "entry_rejected",
        (TransactionEvent::EntryEnded, _) => "entry_ended_unfilled",
        (_, _) if left_outside(tx) => "external",
        (_, Some(Role::Stop)) => "stop",
        (_, Some(Role::Target)) => "target",
        _ => "closed",
    };
    if let Some(next) = tx.status.after(event) {
        become_status(tx, next, (why, Source::Broker), now, out);
    }
}

/// Whether some of it left by no order of ours.
fn left_outside(tx: &Transaction) -> bool {
    let by_orders: crate::money::Quantity =
        tx.orders.iter().filter(|o| o.role != Role::Entry).map(|o| o.filled).sum();
    by_orders < tx.exited
}

fn last_exit(tx: &Transaction) -> Option<Role> {
    tx.orders
        .iter()
        .filter(|o| o.role != Role::Entry && !o.filled.is_zero())
        .max_by_key(|o| o.updated_at)
        .map(|o| o.role)
}
