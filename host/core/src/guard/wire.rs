//! The last look before the wire (G3): one command, against what is held and what already rests.
//!
//! Apart, with its own arithmetic, because the place that computes an order must not be the only
//! one that says it is right. A command that fails here is a mistake of ours: it is dropped and
//! told, its transaction's legs are locked for every automatic source, and nothing panics.

use crate::apply::{Transition, become_status, retry_pause_ms, settle};
use crate::bug::{self, Bug};
use crate::command::{Call, Change, Command, NewOrder, Op, OpKind, OpState};
use crate::fact::FactKind;
use crate::ids::SliceNo;
use crate::intent::Source;
use crate::money::Quantity;
use crate::order::{Leg, Order, OrderStatus, Role};
use crate::time::Timestamp;
use crate::transaction::{Task, Transaction, TransactionEvent};

/// Why a command must not leave; nothing when it may. The row may be among the transaction's
/// already.
pub fn violation(tx: &Transaction, op: &Op, command: &Command) -> Option<String> {
    not_its_row(tx, op, command).or_else(|| match (&op.kind, &command.call) {
        (OpKind::Submit(_), Call::Submit(order)) => entry(tx, op, order),
        (OpKind::Close(_), Call::Submit(order)) => {
            close(tx, op, order).filter(|_| !bug::is(Bug::M11))
        }
        (OpKind::Cancel { order }, Call::Cancel { order: named }) => {
            let is_ours = tx.orders.iter().any(|o| o.broker_id == *named);
            let why = || format!("order {named} is not of transaction {}", tx.id);
            (order != named || !is_ours).then(why)
        }
        (OpKind::Adjust { .. }, Call::Adjust { bracket, stop, target }) => {
            let rests = [stop, target].iter().any(|change| matches!(change, Change::Set(_)));
            if bracket.entry_side != tx.direction.entry_side() || bracket.symbol != tx.symbol {
                return Some("its exits would be on the side of the entry".to_owned());
            }
            doubled(tx, op).or_else(|| exits(tx, op.slice, bracket.protect).filter(|_| rests))
        }
        (
            OpKind::Submit(_) | OpKind::Close(_) | OpKind::Cancel { .. } | OpKind::Adjust { .. },
            _,
        ) => Some(format!("the call is not what the row says ({})", op.kind.as_str())),
    })
}

fn not_its_row(tx: &Transaction, op: &Op, command: &Command) -> Option<String> {
    let is_its_row = command.op == op.id
        && command.client_id == op.client_id
        && command.transaction == tx.id
        && command.account == tx.account;
    let others = || tx.ops.iter().filter(|other| other.id != op.id);
    let is_shared = others().any(|other| other.client_id == op.client_id);
    let why = || format!("client order id {} is not this row's alone", command.client_id);
    (!is_its_row || is_shared).then(why)
}

/// Another unsettled row of the same leg.
fn doubled(tx: &Transaction, op: &Op) -> Option<String> {
    let other = tx.ops.iter().find(|other| {
        other.id != op.id
            && !other.state.is_settled()
            && other.slice == op.slice
            && other.legs.overlaps(op.legs)
    })?;
    Some(format!("row {} of the same leg is not settled ({})", other.id, other.state.as_str()))
}

fn entry(tx: &Transaction, op: &Op, order: &NewOrder) -> Option<String> {
    if order.side != tx.direction.entry_side() || order.symbol != tx.symbol {
        return Some("an entry on the side of the exits".to_owned());
    }
    if let Some(live) = live_orders(tx, Role::Entry).next() {
        return Some(format!("entry order {} is live already", live.broker_id));
    }
    let most = match &tx.task {
        Some(Task::Grow { to }) => to.minus(tx.held()),
        Some(Task::Close { .. } | Task::Reduce { .. }) | None => {
            tx.entry.quantity.minus(tx.entered)
        }
    };
    let why = || format!("an entry of {} where {most} is wanted", order.quantity);
    doubled(tx, op).or_else(|| (order.quantity.is_zero() || order.quantity > most).then(why))
}

fn close(tx: &Transaction, op: &Op, order: &NewOrder) -> Option<String> {
    if order.side != tx.direction.exit_side() || order.symbol != tx.symbol {
        return Some("a close on the side of the entry would add".to_owned());
    }
    let leaving: Quantity = live_orders(tx, Role::Close).map(Order::leaves).sum();
    let unseen: Quantity = tx
        .unseen()
        .filter(|other| other.id != op.id)
        .filter_map(|other| match &other.kind {
            OpKind::Close(order) => Some(order.quantity),
            OpKind::Submit(_) | OpKind::Adjust { .. } | OpKind::Cancel { .. } => None,
        })
        .sum();
    let free = tx.held().minus(leaving.plus(unseen));
    let why = || {
        format!("a close of {} where {} is held and {free} of it free", order.quantity, tx.held())
    };
    (order.quantity.is_zero() || order.quantity > free).then(why)
}

/// Exits that would cover more than is held, and more than rests now: a change of an exit that is
/// too large for a moment, because its sibling is just being filled, makes nothing worse.
fn exits(tx: &Transaction, slice: SliceNo, protect: Quantity) -> Option<String> {
    let elsewhere: Quantity =
        tx.slices.iter().filter(|s| s.no != slice).map(|s| covered(tx, s.no)).sum();
    let free = tx.held().minus(elsewhere);
    let grows = protect > covered(tx, slice);
    let why = || {
        format!(
            "exits for {protect} where {} is held and other slices' exits cover {elsewhere}",
            tx.held()
        )
    };
    let is_too_much = grows && protect > free && !bug::is(Bug::M20);
    (protect.is_zero() || is_too_much).then(why)
}

/// What the exits of a slice could take out: a linked pair counts once, and as much as both can.
fn covered(tx: &Transaction, slice: SliceNo) -> Quantity {
    let of = |role: Role| {
        // While a replacement is reported, the old order and the new one are both listed.
        live_orders(tx, role)
            .filter(|o| o.slice == slice && o.status != OrderStatus::Contingent)
            .map(Order::leaves)
            .max()
    };
    match (of(Role::Stop), of(Role::Target)) {
        (Some(stop), Some(target)) => stop.min(target),
        (one, other) => one.or(other).unwrap_or(Quantity::ZERO),
    }
}

fn live_orders(tx: &Transaction, role: Role) -> impl Iterator<Item = &Order> {
    tx.orders.iter().filter(move |o| o.role == role && !o.status.is_terminal())
}

/// Gives the row up and tells it: nothing is sent, and no automatic source moves the transaction's
/// legs before a person has unlocked them.
pub(crate) fn give_up(
    tx: &mut Transaction,
    mut op: Op,
    why: &str,
    now: Timestamp,
    out: &mut Transition,
) {
    tx.ops.retain(|other| other.id != op.id);
    op.state = OpState::Stale;
    out.fact(tx, now, FactKind::GuardTripped, Source::Host, |fact| {
        fact.code = "WIRE".into();
        fact.slice = Some(op.slice);
        fact.op = Some(op.id.clone());
        fact.text = format!(
            "not sent: {}: {why}; the legs are locked until a person unlocks them",
            crate::plan::describe(&op)
        );
    });
    for leg in [Leg::Stop, Leg::Target] {
        if !tx.locks.has(leg) {
            tx.locks.set(leg, true);
            out.fact(tx, now, FactKind::LockChanged, Source::Host, |fact| {
                fact.code = "locked".into();
                fact.text = format!("{}: a guard stopped a command", leg.as_str());
            });
        }
    }
    follow(tx, &op, now, out);
    out.ops.push((tx.id, op));
    // What waited for the row need not wait any more.
    settle(tx, now, out);
}

/// What a broker's rejection of the row would have led to.
fn follow(tx: &mut Transaction, op: &Op, now: Timestamp, out: &mut Transition) {
    match &op.kind {
        // The order that rests instead goes on.
        OpKind::Submit(_) if live_orders(tx, Role::Entry).next().is_some() => {}
        OpKind::Submit(_) if tx.entered.is_zero() => {
            tx.entry.ended = true;
            if let Some(next) = tx.status.after(TransactionEvent::EntryFailed) {
                become_status(tx, next, ("entry_stopped_by_guard", Source::Host), now, out);
            }
        }
        OpKind::Submit(_) if matches!(tx.task, Some(Task::Grow { .. })) => tx.task = None,
        OpKind::Submit(_) => {}
        OpKind::Close(_) => {
            tx.task = None;
            if let Some(next) = tx.status.after(TransactionEvent::CloseFailed) {
                become_status(tx, next, ("close_stopped_by_guard", Source::Host), now, out);
            }
        }
        OpKind::Adjust { .. } => {
            if let Some(slice) = tx.slices.iter_mut().find(|s| s.no == op.slice) {
                slice.rejections += 1;
                slice.rejected_version = Some(op.version);
                slice.retry_at = Some(now.plus_ms(retry_pause_ms(slice.rejections)));
            }
        }
        OpKind::Cancel { .. } => {}
    }
}
