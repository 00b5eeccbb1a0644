//! What has to happen because time passed.
//!
//! Apart because a timer must never decide an outcome (I13): it only sends again what surely was
//! not sent, looks again at what is unknown, calls people, and moves the protection clock.

use crate::apply::Transition;
use crate::book::{Account, Book};
use crate::command::{Op, OpKind, OpState, Read};
use crate::fact::FactKind;
use crate::follow;
use crate::ids::{BrokerOrderId, TransactionId};
use crate::intent::Source;
use crate::limits;
use crate::order::{Order, OrderStatus};
use crate::protection::Protection;
use crate::time::Timestamp;
use crate::transaction::{Task, Transaction};

/// The earliest moment at which something has to be done for the transaction; `now` when it is due
/// already.
pub fn next_timer(book: &Book, id: TransactionId, now: Timestamp) -> Option<Timestamp> {
    let tx = book.transactions.get(&id)?;
    let account = book.accounts.get(&tx.account).filter(|account| account.is_up)?;
    let may_send = account.is_reconciled && account.is_armed();
    let ops = tx.ops.iter().filter_map(|op| match op.state {
        OpState::NotSent { retry_at } => may_send.then_some(retry_at),
        OpState::Unknown { next_at, .. } => Some(next_at),
        OpState::Awaiting { .. } => taken_back_at(tx, op),
        OpState::InFlight { escalated } => (!escalated).then(|| overdue_at(op)),
        OpState::Done | OpState::Rejected | OpState::Stale => None,
    });
    let slices = tx.slices.iter().flat_map(|slice| {
        let gathers = tx.resting_entry().is_some().then_some(slice.gather_until);
        let rests = tx.exits(slice.no).next().is_some();
        let retry = slice.retry_at.filter(|_| rests || !slice.held.is_zero());
        [gathers, retry].into_iter().flatten()
    });
    let deadline = match tx.protection {
        Protection::Pending { since } => Some(since.plus_ms(account.rules.protection_deadline_ms)),
        Protection::Unprotected { .. } => super::protect::deadline_close_at(tx, account),
        Protection::Protected => super::protect::session_wait_ends(tx, account, now),
        Protection::NotWanted => None,
    };
    let carried = super::exits::carried_exits_are_expected(tx, now)
        .then(|| tx.opened_at.map(|at| next_look(at, now)))
        .flatten();
    let close = tx.close_retry_at.filter(|_| matches!(tx.task, Some(Task::Close { .. })));
    let idle_until = account.idle_until(&tx.symbol, now);
    let stuck = tx.orders.iter().filter(|o| !o.stuck).filter_map(|o| stuck_at(o, idle_until));
    let flatten = super::halt::next_close(book, tx, account).filter(|_| may_send);
    let limit = follow::limit_at(tx).filter(|_| may_send);
    let trail = follow::next_move(book, id, now);
    let standing = limit.into_iter().chain(trail);
    let session = session_due_at(tx, account);
    let later =
        slices.chain(deadline).chain(flatten).chain(close).chain(standing).filter(|at| *at > now);
    ops.chain(stuck).chain(session).map(|at| at.max(now)).chain(later).chain(carried).min()
}

/// When a row that was handed to its account should have been answered.
fn overdue_at(op: &Op) -> Timestamp {
    op.sent_at.plus_ms(limits::NO_ANSWER_MS)
}

/// When a row stops waiting for the end of an order that works as before: the broker took the
/// cancel back, and whoever wants the order gone asks again.
fn taken_back_at(tx: &Transaction, op: &Op) -> Option<Timestamp> {
    let OpState::Awaiting { order } = &op.state else { return None };
    let order = tx.orders.iter().find(|o| o.broker_id == *order)?;
    let works = matches!(
        order.status,
        OrderStatus::Working | OrderStatus::Held | OrderStatus::PartiallyFilled
    );
    works.then(|| op.sent_at.plus_ms(limits::STUCK_MS))
}

/// When exits that an entry carried are looked for next: after pauses that double.
fn next_look(opened_at: Timestamp, now: Timestamp) -> Timestamp {
    let looks = now.ms_since(opened_at) / limits::RECHECK_MS + 1;
    opened_at.plus_ms(looks.next_power_of_two() * limits::RECHECK_MS)
}

/// When the session of what is held with a stop is read again: a while after its turn, when the broker
/// names the next one. What was read of the last one says nothing of tomorrow.
fn session_due_at(tx: &Transaction, account: &Account) -> Option<Timestamp> {
    let is_guarded = !tx.held().is_zero() && tx.desired.stop.is_some();
    let session = account.sessions.get(&tx.symbol).filter(|_| is_guarded)?;
    let asked_at = account.sessions_asked.get(&tx.symbol).copied();
    let from = session.turns_at()?.max(asked_at.unwrap_or(Timestamp(0)));
    Some(from.plus_ms(limits::SESSION_READ_MS))
}

/// When an order counts as stuck unless the broker confirms what was asked of it. A new one may wait
/// for a session that is closed.
fn stuck_at(order: &Order, idle_until: Option<Timestamp>) -> Option<Timestamp> {
    let at = order.updated_at.plus_ms(limits::STUCK_MS);
    match order.status {
        OrderStatus::PendingCancel | OrderStatus::PendingReplace => Some(at),
        OrderStatus::PendingNew => Some(idle_until.map_or(at, |settled| settled.max(at))),
        OrderStatus::Held
        | OrderStatus::Contingent
        | OrderStatus::Working
        | OrderStatus::PartiallyFilled
        | OrderStatus::Inactive
        | OrderStatus::Filled
        | OrderStatus::Canceled
        | OrderStatus::Rejected
        | OrderStatus::Expired
        | OrderStatus::Replaced
        | OrderStatus::Unknown => None,
    }
}

/// Does what is due for the transaction.
pub fn wake(book: &mut Book, id: TransactionId, now: Timestamp, out: &mut Transition) {
    let Some(tx) = book.transactions.get(&id) else { return };
    let Some(account) = book.accounts.get(&tx.account) else { return };
    if !account.is_up {
        return;
    }
    if session_due_at(tx, account).is_some_and(|at| at <= now) {
        let (name, symbol) = (tx.account.clone(), tx.symbol.clone());
        out.reads.push((name.clone(), Read::Instrument(symbol.clone())));
        if let Some(account) = book.accounts.get_mut(&name) {
            account.sessions_asked.insert(symbol, now);
        }
    }
    let Some(tx) = book.transactions.get(&id) else { return };
    let Some(account) = book.accounts.get(&tx.account) else { return };
    let may_send = account.may_send();
    let due: Vec<Op> = tx.ops.iter().filter(|op| is_due(tx, op, now)).cloned().collect();
    let idle_until = account.idle_until(&tx.symbol, now);
    if tx.orders.iter().any(|order| is_newly_stuck(order, idle_until, now)) {
        tell_stuck(book, id, idle_until, now, out);
    }
    look_for_carried(book, id, now, out);
    for op in due {
        match op.state {
            OpState::Unknown { .. }
                if may_send && super::retry::resend(book, id, &op, now, out) => {}
            OpState::Unknown { .. } => look_up(book, id, &op, now, out),
            OpState::NotSent { .. } if may_send => super::retry::again(book, id, &op, now, out),
            OpState::Awaiting { .. } => super::retry::taken_back(book, id, &op, now, out),
            OpState::InFlight { .. } => tell_overdue(book, id, &op, now, out),
            OpState::NotSent { .. } | OpState::Done | OpState::Rejected | OpState::Stale => {}
        }
    }
}

/// The entry is read again, its children with it, until the exits that it carried are seen.
fn look_for_carried(book: &Book, id: TransactionId, now: Timestamp, out: &mut Transition) {
    let Some(tx) = book.transactions.get(&id) else { return };
    let is_late = tx.opened_at.is_some_and(|at| now.ms_since(at) >= limits::RECHECK_MS);
    if !is_late || !super::exits::carried_exits_are_expected(tx, now) {
        return;
    }
    let entries = tx.orders.iter().filter(|o| o.role == crate::order::Role::Entry);
    let orders: Vec<BrokerOrderId> = entries.map(|o| o.broker_id.clone()).collect();
    if !orders.is_empty() {
        out.reads.push((tx.account.clone(), Read::Refresh { orders }));
    }
}

fn is_due(tx: &Transaction, op: &Op, now: Timestamp) -> bool {
    match op.state {
        OpState::NotSent { retry_at } => retry_at <= now,
        OpState::Unknown { next_at, .. } => next_at <= now,
        OpState::Awaiting { .. } => taken_back_at(tx, op).is_some_and(|at| at <= now),
        OpState::InFlight { escalated } => !escalated && overdue_at(op) <= now,
        OpState::Done | OpState::Rejected | OpState::Stale => false,
    }
}

fn is_newly_stuck(order: &Order, idle_until: Option<Timestamp>, now: Timestamp) -> bool {
    !order.stuck && stuck_at(order, idle_until).is_some_and(|at| at <= now)
}

/// People are told once, and the broker is asked again; the order counts as live all the while.
fn tell_stuck(
    book: &mut Book,
    id: TransactionId,
    idle_until: Option<Timestamp>,
    now: Timestamp,
    out: &mut Transition,
) {
    book.change(id, out, |tx, out| {
        let mut orders: Vec<BrokerOrderId> = Vec::new();
        for at in 0..tx.orders.len() {
            if !is_newly_stuck(&tx.orders[at], idle_until, now) {
                continue;
            }
            tx.orders[at].stuck = true;
            let order = tx.orders[at].clone();
            out.fact(tx, now, FactKind::Alarm, Source::Host, |fact| {
                fact.code = "STUCK".into();
                fact.slice = Some(order.slice);
                fact.span_ms = Some(now.ms_since(order.updated_at));
                fact.text = format!(
                    "{} order {} has been {} for long; it counts as live; ask the broker",
                    order.role.as_str(),
                    order.broker_id,
                    order.status.as_str()
                );
            });
            orders.push(order.broker_id);
        }
        out.reads.push((tx.account.clone(), Read::Refresh { orders }));
    });
}

/// People are told once that no answer comes. Nothing is decided: an answer may still come, and a
/// restart looks the row up (I13).
fn tell_overdue(book: &mut Book, id: TransactionId, op: &Op, now: Timestamp, out: &mut Transition) {
    book.change(id, out, |tx, out| {
        let Some(at) = tx.ops.iter().position(|o| o.id == op.id) else { return };
        tx.ops[at].state = OpState::InFlight { escalated: true };
        let op = tx.ops[at].clone();
        let silent_ms = now.ms_since(op.sent_at);
        out.fact(tx, now, FactKind::Alarm, Source::Host, |fact| {
            fact.code = "NO_ANSWER".into();
            fact.slice = Some(op.slice);
            fact.op = Some(op.id.clone());
            fact.span_ms = Some(silent_ms);
            fact.text = format!(
                "\"{}\" has had no answer for {} s; it waits for its turn in the message budget \
                 (bracketd status), or it hangs: look at the broker for {}; a restart looks it up",
                super::describe(&op),
                silent_ms / 1_000,
                op.client_id
            );
        });
        out.ops.push((tx.id, op));
    });
}

fn look_up(book: &mut Book, id: TransactionId, op: &Op, now: Timestamp, out: &mut Transition) {
    let Some(tx) = book.transactions.get(&id) else { return };
    let Some(account) = book.accounts.get(&tx.account) else { return };
    let by_id =
        |order: &BrokerOrderId| Read::BrokerOrder { op: op.id.clone(), order: order.clone() };
    let read = match (&op.state, &op.kind) {
        (OpState::Unknown { named: Some(order), .. }, _) => by_id(order),
        (_, OpKind::Submit(_) | OpKind::Close(_)) => {
            Read::Order { op: op.id.clone(), client_id: op.client_id.clone() }
        }
        (_, OpKind::Cancel { order }) => by_id(order),
        // The broker knows an order under this id, and it is none of the legs: it has ended.
        (OpState::Unknown { absent, .. }, OpKind::Adjust { .. })
            if op.is_duplicate() && *absent > 0 =>
        {
            Read::Order { op: op.id.clone(), client_id: op.client_id.clone() }
        }
        (_, OpKind::Adjust { quantity, .. }) => Read::Bracket {
            op: op.id.clone(),
            client_id: op.client_id.clone(),
            bracket: super::bracket(tx, op.slice, *quantity, account.rules.exit_time_in_force),
        },
    };
    out.reads.push((tx.account.clone(), read));
    book.change(id, out, |tx, out| {
        let Some(at) = tx.ops.iter().position(|o| o.id == op.id) else { return };
        let age_ms = now.ms_since(tx.ops[at].sent_at);
        let OpState::Unknown { next_at, escalated, .. } = &mut tx.ops[at].state else { return };
        // Asked for; not again before the answer or the longest pause.
        *next_at = now.plus_ms(limits::LOOKUP_MS_MAX);
        if !*escalated && age_ms >= limits::ESCALATE_MS {
            *escalated = true;
            escalate(tx, at, age_ms, now, out);
        }
    });
}

/// What evidence does not settle is brought before a person; it stays unknown (I13).
fn escalate(tx: &Transaction, at: usize, age_ms: u64, now: Timestamp, out: &mut Transition) {
    let op = &tx.ops[at];
    out.fact(tx, now, FactKind::Alarm, Source::Host, |fact| {
        fact.code = "UNKNOWN_OUTCOME".into();
        fact.slice = Some(op.slice);
        fact.op = Some(op.id.clone());
        fact.span_ms = Some(age_ms);
        fact.text = format!(
            "nobody knows whether \"{}\" arrived; look at the broker for {}, then: \
             bracketd tx resolve {} {} --absent|--order ID --evidence '...'",
            super::describe(op),
            op.client_id,
            tx.id,
            op.id
        );
    });
}
