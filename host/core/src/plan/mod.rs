//! What has to be sent so that the working protection becomes the desired one.
//!
//! Apart because it looks only at where things stand, never at what happened: asked twice it gives
//! the same answer, so a lost event or a restart costs nothing. One operation per slice is under
//! way at a time (I4); the newest wish is what the next one carries.

mod exits;
mod halt;
mod id;
mod task;
mod timers;

use crate::apply::{Transition, settle};
use crate::book::{Account, Book};
use crate::command::{
    Bracket, BracketLeg, Call, Command, NewOrder, Op, OpKind, OpLegs, OpState, Urgency,
};
use crate::control::KillLevel;
use crate::fact::FactKind;
use crate::ids::{SliceNo, TransactionId};
use crate::instrument::Features;
use crate::intent::Source;
use crate::money::{Price, Quantity};
use crate::order::{Leg, OrderKind, OrderStatus, Role};
use crate::protection::{Exposed, Protection};
use crate::time::Timestamp;
use crate::transaction::{
    EntryGuard, EntryKind, OnPartial, Slice, StepCount, Transaction, TransactionStatus,
};

pub(crate) use halt::Asked;
pub use timers::{next_timer, wake};

/// What one planned step does, before it has an id.
pub(crate) struct Step {
    pub(crate) slice: SliceNo,
    pub(crate) legs: OpLegs,
    pub(crate) kind: OpKind,
}

/// Plans what a transaction needs next and brings its protection clock up to date.
pub fn plan(book: &mut Book, id: TransactionId, now: Timestamp, out: &mut Transition) {
    halt::enforce(book, id, now, out);
    let Some(tx) = book.transactions.get(&id).cloned() else { return };
    let Some(account) = book.accounts.get(&tx.account) else { return };
    let steps = if account.may_send() {
        steps(&tx, account, book.kill_of(account).level, now)
    } else {
        Vec::new()
    };
    let protection = judge(&tx, account, now, !steps.is_empty());
    let salt = id::Salt { ledger: book.ledger_id.clone(), epoch: book.epoch };
    let limits = id::Limits::of(account.info.as_ref());
    let exit_tif = account.rules.exit_time_in_force;
    if steps.is_empty() && protection == tx.protection {
        return;
    }
    let urgent = protection.gap_since().is_some();
    book.change(id, out, |tx, out| {
        if protection != tx.protection {
            turned(tx, protection, now, out);
        }
        for step in steps {
            let op = commit_step(tx, step, &salt, &limits, now, out);
            out.commands.push(command(tx, &op, urgent, exit_tif));
            out.ops.push((tx.id, op.clone()));
            tx.ops.push(op);
        }
        settle(tx, now, out);
    });
}

/// The command for an outbox row, also for one that goes out again.
pub fn command(
    tx: &Transaction,
    op: &Op,
    is_exposed: bool,
    exit_tif: crate::order::TimeInForce,
) -> Command {
    let call = match &op.kind {
        OpKind::Submit(order) | OpKind::Close(order) => Call::Submit(order.clone()),
        OpKind::Cancel { order } => Call::Cancel { order: order.clone() },
        OpKind::Adjust { stop, target, quantity } => {
            let bracket = bracket(tx, op.slice, *quantity, exit_tif);
            Call::Adjust { bracket, stop: *stop, target: *target }
        }
    };
    let urgency = match (&op.kind, op.legs) {
        (OpKind::Close(_), _) => Urgency::Close,
        (OpKind::Submit(_), _) => Urgency::Routine,
        (OpKind::Adjust { .. }, OpLegs::Stop | OpLegs::Pair) if is_exposed => Urgency::Unprotected,
        (OpKind::Cancel { .. }, _) if is_exposed => Urgency::Unprotected,
        (OpKind::Adjust { .. } | OpKind::Cancel { .. }, OpLegs::Stop | OpLegs::Pair) => {
            if tx.task.is_some() { Urgency::Close } else { Urgency::Tighten }
        }
        (OpKind::Adjust { .. } | OpKind::Cancel { .. }, _) => Urgency::Routine,
    };
    Command {
        account: tx.account.clone(),
        transaction: tx.id,
        op: op.id.clone(),
        client_id: op.client_id.clone(),
        attempt: op.attempt,
        urgency,
        call,
    }
}

/// A slice's exits as a plugin is told of them.
pub fn bracket(
    tx: &Transaction,
    slice: SliceNo,
    protect: Quantity,
    time_in_force: crate::order::TimeInForce,
) -> Bracket {
    let found = tx.slice(slice);
    let legs = tx.exits(slice).filter(|o| o.status != OrderStatus::Contingent);
    Bracket {
        id: format!("{}-{slice}", tx.id),
        symbol: tx.symbol.clone(),
        entry_side: tx.direction.entry_side(),
        held: found.map_or(Quantity::ZERO, |s| s.held),
        protect,
        legs: legs
            .map(|o| BracketLeg {
                role: o.role,
                broker_id: o.broker_id.clone(),
                client_id: o.client_id.clone(),
                status: o.status,
                limit: o.limit,
                trigger: o.trigger,
                quantity: o.quantity,
                filled: o.filled,
            })
            .collect(),
        time_in_force,
        memo: found.map(|s| s.memo.clone()).unwrap_or_default(),
    }
}

fn steps(tx: &Transaction, account: &Account, level: KillLevel, now: Timestamp) -> Vec<Step> {
    if tx.status == TransactionStatus::Waiting && !entry_was_sent(tx) {
        return submit_entry(tx).into_iter().collect();
    }
    let mut steps: Vec<Step> = cancel_entry(tx, account, level).into_iter().collect();
    steps.extend(task::steps(tx, account, now));
    for slice in &tx.slices {
        if !task::occupies(tx, account, slice.no) {
            steps.extend(exits::step(tx, account, slice, now));
        }
    }
    steps
}

fn entry_was_sent(tx: &Transaction) -> bool {
    tx.entry.ended || tx.steps.iter().any(|count| count.legs == OpLegs::Entry)
}

fn submit_entry(tx: &Transaction) -> Option<Step> {
    if tx.entry.cancel_asked {
        return None;
    }
    let (kind, limit) = match tx.entry.kind {
        EntryKind::Market => (OrderKind::Market, None),
        EntryKind::Limit(price) => (OrderKind::Limit, Some(price)),
    };
    let (stop_loss, take_profit) = match tx.entry.guard {
        EntryGuard::Plain => (None, None),
        EntryGuard::Bracket => (tx.desired.stop, tx.desired.target),
        EntryGuard::Oto => (tx.desired.stop, None),
    };
    let order = NewOrder {
        symbol: tx.symbol.clone(),
        side: tx.direction.entry_side(),
        kind,
        time_in_force: tx.entry.time_in_force,
        quantity: tx.entry.quantity,
        limit,
        trigger: None,
        take_profit,
        stop_loss,
        reduce_only: false,
    };
    Some(Step { slice: SliceNo(0), legs: OpLegs::Entry, kind: OpKind::Submit(order) })
}

/// The rest of the entry goes when somebody asked for it, when a close begins, when it stands in
/// the way of protecting what filled, or when the kill switch says so.
fn cancel_entry(tx: &Transaction, account: &Account, level: KillLevel) -> Option<Step> {
    let resting = tx.resting_entry()?;
    let busy = tx.ops.iter().any(|op| op.legs == OpLegs::Entry && !op.state.is_settled());
    // Once the first entry has ended, an entry order is a growth that somebody wants.
    let asked = tx.status == TransactionStatus::Closing
        || level >= KillLevel::CancelEntries
        || (!tx.entry.ended && (tx.entry.cancel_asked || entry_blocks(tx, account)));
    // Everything that was entered has left again: the rest would start a position without a plan.
    let spent = !tx.entered.is_zero() && tx.held().is_zero();
    if busy || resting.status == OrderStatus::PendingCancel || !(asked || spent) {
        return None;
    }
    let kind = OpKind::Cancel { order: resting.broker_id.clone() };
    Some(Step { slice: SliceNo(0), legs: OpLegs::Entry, kind })
}

/// Whether a partly filled entry keeps what filled from being protected, and has to go.
pub(crate) fn entry_blocks(tx: &Transaction, account: &Account) -> bool {
    let wanted = tx.desired.stop.is_some() || tx.desired.target.is_some();
    if tx.resting_entry().is_none() || tx.held().is_zero() || !wanted {
        return false;
    }
    match partial_rule(tx, account) {
        Partial::Protect | Partial::Wait => false,
        Partial::CancelRest => true,
    }
}

/// What is done about a partial fill while the entry rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partial {
    Protect,
    CancelRest,
    Wait,
}

pub(crate) fn partial_rule(tx: &Transaction, account: &Account) -> Partial {
    let carries = tx.entry.guard != EntryGuard::Plain;
    let pair = tx.desired.stop.is_some() && tx.desired.target.is_some();
    if !carries && account.can(&tx.symbol, Features::PROTECT_BESIDE_OPEN_ENTRY) {
        return Partial::Protect;
    }
    match tx.entry.on_partial {
        OnPartial::Wait => Partial::Wait,
        OnPartial::Oco if pair && !carries => Partial::Protect,
        OnPartial::Oco | OnPartial::CancelRest => Partial::CancelRest,
    }
}

fn commit_step(
    tx: &mut Transaction,
    step: Step,
    salt: &id::Salt,
    limits: &id::Limits,
    now: Timestamp,
    out: &mut Transition,
) -> Op {
    let Step { slice, legs, kind } = step;
    let count = match tx.steps.iter_mut().find(|c| c.slice == slice && c.legs == legs) {
        Some(count) => count,
        None => {
            tx.steps.push(StepCount { slice, legs, steps: 0 });
            let last = tx.steps.len() - 1;
            &mut tx.steps[last]
        }
    };
    count.steps += 1;
    let step = count.steps;
    let id = id::op_id(salt, tx.id, slice, legs, step);
    let op = Op {
        client_id: id::client_id(&id, limits),
        id,
        slice,
        legs,
        step,
        attempt: 1,
        kind,
        state: OpState::InFlight,
        version: tx.desired.version,
        planned_at: now,
        evidence: None,
    };
    out.fact(tx, now, FactKind::Planned, Source::Host, |fact| {
        fact.code = op.kind.as_str().into();
        fact.slice = Some(op.slice);
        fact.op = Some(op.id.clone());
        fact.text = describe(&op);
    });
    op
}

/// The operation in a few words with its prices.
pub fn describe(op: &Op) -> String {
    use crate::command::Change;
    let price = |p: Option<Price>| p.map_or("market".to_owned(), |p| p.to_string());
    match &op.kind {
        OpKind::Submit(o) | OpKind::Close(o) => {
            let carried = match (o.stop_loss, o.take_profit) {
                (None, None) => String::new(),
                (stop, target) => {
                    format!(", carries stop {} target {}", price(stop), price(target))
                }
            };
            format!(
                "{} {} {} at {}{carried}",
                op.kind.as_str(),
                o.quantity,
                o.symbol,
                price(o.limit)
            )
        }
        OpKind::Adjust { stop, target, quantity } => {
            let words = |change: &Change| match change {
                Change::Keep => "keep".to_owned(),
                Change::Clear => "clear".to_owned(),
                Change::Set(price) => price.to_string(),
            };
            format!("adjust {quantity}: stop {}, target {}", words(stop), words(target))
        }
        OpKind::Cancel { order } => format!("cancel {order}"),
    }
}

/// Whether the held quantity has its wanted stop (I5).
fn judge(tx: &Transaction, account: &Account, now: Timestamp, planned: bool) -> Protection {
    if tx.held().is_zero() || tx.desired.stop.is_none() || tx.status.is_ended() {
        return Protection::NotWanted;
    }
    let exposed: Vec<&Slice> = tx.slices.iter().filter(|s| !is_covered(tx, s)).collect();
    if exposed.is_empty() {
        return Protection::Protected;
    }
    let since = tx.protection.gap_since().unwrap_or(now);
    let unknown = tx.ops.iter().any(|op| matches!(op.state, OpState::Unknown { .. }));
    let under_way = |slice: &Slice| {
        planned || tx.ops.iter().any(|op| op.slice == slice.no && op.state == OpState::InFlight)
    };
    let rejected = exposed.iter().any(|s| s.rejections > 0 && !under_way(s));
    let waits = tx.resting_entry().is_some() && partial_rule(tx, account) == Partial::Wait;
    let why = if !account.is_armed() {
        Some(Exposed::Disarmed)
    } else if !account.is_up {
        Some(Exposed::AccountDown)
    } else if unknown {
        Some(Exposed::Unknown)
    } else if rejected {
        Some(Exposed::Rejected)
    } else if waits {
        Some(Exposed::WaitingForEntry)
    } else if now.ms_since(since) >= account.rules.protection_deadline_ms {
        Some(Exposed::Deadline)
    } else {
        None
    };
    why.map_or(Protection::Pending { since }, |why| Protection::Unprotected { since, why })
}

/// Whether a slice's working stops cover all of it.
pub(crate) fn is_covered(tx: &Transaction, slice: &Slice) -> bool {
    let covered: Quantity = tx
        .exits(slice.no)
        .filter(|o| o.role == Role::Stop && o.status.protects())
        .map(crate::order::Order::leaves)
        .sum();
    covered >= slice.held
}

/// Writes down that the protection changed.
fn turned(tx: &mut Transaction, next: Protection, now: Timestamp, out: &mut Transition) {
    let before = std::mem::replace(&mut tx.protection, next);
    let was_exposed = matches!(before, Protection::Unprotected { .. });
    match next {
        Protection::Protected => {
            let span_ms = before.gap_since().map_or(0, |since| now.ms_since(since));
            let (held, stop) = (tx.held(), tx.working(Leg::Stop));
            out.fact(tx, now, FactKind::Protected, Source::Host, |fact| {
                fact.quantity = Some(held.get());
                fact.after = stop.map(Price::get);
                fact.span_ms = Some(span_ms);
            });
        }
        Protection::Unprotected { since, why } => {
            let same = matches!(before, Protection::Unprotected { why: old, .. } if old == why);
            if !same {
                let held = tx.held();
                out.fact(tx, now, FactKind::Unprotected, Source::Host, |fact| {
                    fact.code = why.as_str().into();
                    fact.quantity = Some(held.get());
                    fact.span_ms = Some(now.ms_since(since));
                });
            }
        }
        Protection::NotWanted if was_exposed => {
            let span_ms = before.gap_since().map_or(0, |since| now.ms_since(since));
            out.fact(tx, now, FactKind::Protected, Source::Host, |fact| {
                fact.code = "not_wanted".into();
                fact.span_ms = Some(span_ms);
            });
        }
        Protection::NotWanted | Protection::Pending { .. } => {}
    }
}
