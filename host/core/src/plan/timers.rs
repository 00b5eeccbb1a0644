//! What has to happen because time passed.
//!
//! Apart because a timer must never decide an outcome (I13): it only sends again what surely was
//! not sent, looks again at what is unknown, and moves the protection clock.

use crate::apply::Transition;
use crate::book::Book;
use crate::command::{Op, OpKind, OpState, Read};
use crate::control::KillLevel;
use crate::fact::FactKind;
use crate::ids::TransactionId;
use crate::intent::Source;
use crate::limits;
use crate::protection::Protection;
use crate::time::Timestamp;
use crate::transaction::{Transaction, TransactionEvent};

/// The earliest moment at which something has to be done for the transaction; `now` when it is due
/// already.
pub fn next_timer(book: &Book, id: TransactionId, now: Timestamp) -> Option<Timestamp> {
    let tx = book.transactions.get(&id)?;
    let account = book.accounts.get(&tx.account).filter(|account| account.is_up)?;
    let may_send = account.is_reconciled && account.is_armed();
    let ops = tx.ops.iter().filter_map(|op| match op.state {
        OpState::NotSent { retry_at } => may_send.then_some(retry_at),
        OpState::Unknown { next_at, .. } => Some(next_at),
        OpState::InFlight
        | OpState::Awaiting { .. }
        | OpState::Done
        | OpState::Rejected
        | OpState::Stale => None,
    });
    let slices = tx.slices.iter().flat_map(|slice| {
        let gathers = tx.resting_entry().is_some().then_some(slice.gather_until);
        let rests = tx.exits(slice.no).next().is_some();
        let retry = slice.retry_at.filter(|_| rests || !slice.held.is_zero());
        [gathers, retry].into_iter().flatten()
    });
    let deadline = match tx.protection {
        Protection::Pending { since } => Some(since.plus_ms(account.rules.protection_deadline_ms)),
        Protection::NotWanted | Protection::Protected | Protection::Unprotected { .. } => None,
    };
    let close = super::halt::next_close(book, tx, account).filter(|_| may_send);
    let later = slices.chain(deadline).chain(close).filter(|at| *at > now);
    ops.map(|at| at.max(now)).chain(later).min()
}

/// Does what is due for the transaction.
pub fn wake(book: &mut Book, id: TransactionId, now: Timestamp, out: &mut Transition) {
    let Some(tx) = book.transactions.get(&id) else { return };
    let Some(account) = book.accounts.get(&tx.account) else { return };
    if !account.is_up {
        return;
    }
    let exit_tif = account.rules.exit_time_in_force;
    let may_send = account.may_send();
    let due: Vec<Op> = tx.ops.iter().filter(|op| is_due(op, now)).cloned().collect();
    if due.is_empty() {
        return;
    }
    for op in due {
        match op.state {
            OpState::Unknown { .. } => look_up(book, id, &op, exit_tif, now, out),
            OpState::NotSent { .. } if may_send => again(book, id, &op, exit_tif, now, out),
            _ => {}
        }
    }
}

fn is_due(op: &Op, now: Timestamp) -> bool {
    match op.state {
        OpState::NotSent { retry_at } => retry_at <= now,
        OpState::Unknown { next_at, .. } => next_at <= now,
        OpState::InFlight
        | OpState::Awaiting { .. }
        | OpState::Done
        | OpState::Rejected
        | OpState::Stale => false,
    }
}

fn look_up(
    book: &mut Book,
    id: TransactionId,
    op: &Op,
    exit_tif: crate::order::TimeInForce,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(tx) = book.transactions.get(&id) else { return };
    let read = match &op.kind {
        OpKind::Submit(_) | OpKind::Close(_) => {
            Read::Order { op: op.id.clone(), client_id: op.client_id.clone() }
        }
        OpKind::Cancel { order } => Read::BrokerOrder { op: op.id.clone(), order: order.clone() },
        OpKind::Adjust { quantity, .. } => Read::Bracket {
            op: op.id.clone(),
            client_id: op.client_id.clone(),
            bracket: super::bracket(tx, op.slice, *quantity, exit_tif),
        },
    };
    out.reads.push((tx.account.clone(), read));
    // Asked for; not again before the answer or the longest pause.
    book.change(id, out, |tx, _| {
        if let Some(op) = tx.ops.iter_mut().find(|o| o.id == op.id)
            && let OpState::Unknown { next_at, .. } = &mut op.state
        {
            *next_at = now.plus_ms(limits::LOOKUP_MS_MAX);
        }
    });
}

/// Sends a row again that surely did not arrive, under its own id; an entry that is too old or that
/// the kill switch holds back, and an adjustment that is no longer wanted, are given up instead.
fn again(
    book: &mut Book,
    id: TransactionId,
    op: &Op,
    exit_tif: crate::order::TimeInForce,
    now: Timestamp,
    out: &mut Transition,
) {
    let killed = book.transactions.get(&id).is_some_and(|tx| {
        let level = book.kill_level(&tx.account);
        matches!(op.kind, OpKind::Submit(_)) && level > KillLevel::Off
    });
    let stale = killed
        || match op.kind {
            OpKind::Submit(_) => now.ms_since(op.planned_at) > limits::ENTRY_AGE_MS_MAX,
            OpKind::Adjust { .. } => book.transactions.get(&id).is_some_and(|tx| {
                tx.desired.version != op.version || tx.held().is_zero() || tx.task.is_some()
            }),
            // What left meanwhile must not be sold a second time.
            OpKind::Close(ref order) => book
                .transactions
                .get(&id)
                .is_some_and(|tx| tx.task.is_none() || order.quantity > tx.held()),
            OpKind::Cancel { .. } => false,
        };
    book.change(id, out, |tx, out| {
        let Some(at) = tx.ops.iter().position(|o| o.id == op.id) else { return };
        if stale {
            give_up(tx, at, killed, now, out);
            return;
        }
        let urgent = tx.protection.gap_since().is_some();
        let op = &mut tx.ops[at];
        op.state = OpState::InFlight;
        op.attempt += 1;
        let op = op.clone();
        out.commands.push(super::command(tx, &op, urgent, exit_tif));
        out.ops.push((tx.id, op));
    });
}

fn give_up(tx: &mut Transaction, at: usize, killed: bool, now: Timestamp, out: &mut Transition) {
    let mut op = tx.ops.remove(at);
    op.state = OpState::Stale;
    out.fact(tx, now, FactKind::Settled, Source::Host, |fact| {
        fact.code = op.state.as_str().into();
        fact.slice = Some(op.slice);
        fact.op = Some(op.id.clone());
        let why = if killed { "the kill switch is on" } else { "too old, or no longer wanted" };
        fact.text = format!("{}: {why}", super::describe(&op));
    });
    if matches!(op.kind, OpKind::Submit(_)) && tx.entered.is_zero() {
        tx.entry.ended = true;
        if let Some(next) = tx.status.after(TransactionEvent::EntryFailed) {
            let why = if killed { "entry_killed" } else { "entry_stale" };
            crate::apply::become_status(tx, next, why, now, out);
        }
    } else if matches!(op.kind, OpKind::Submit(_)) {
        tx.task = None;
    }
    out.ops.push((tx.id, op));
}
