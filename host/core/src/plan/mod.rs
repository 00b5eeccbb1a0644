//! What has to be sent so that the working protection becomes the desired one.
//!
//! Apart because it looks only at where things stand, never at what happened: asked twice it gives
//! the same answer, so a lost event or a restart costs nothing. One operation per slice is under
//! way at a time (I4); the newest wish is what the next one carries.

mod exits;
mod halt;
pub(crate) mod id;
pub(crate) mod protect;
mod retry;
mod task;
mod timers;
mod urgency;
mod way;

use rust_decimal::Decimal;

use crate::apply::{Transition, host_close, settle};
use crate::book::{Account, Book};
use crate::bug::{self, Bug};
use crate::command::{Bracket, BracketLeg, Call, Command, NewOrder, Op, OpKind, OpLegs, OpState};
use crate::control::KillLevel;
use crate::fact::FactKind;
use crate::guard::wire;
use crate::ids::{SliceNo, TransactionId};
use crate::instrument::Features;
use crate::intent::Source;
use crate::money::{Price, Quantity};
use crate::order::{OrderKind, OrderStatus};
use crate::time::Timestamp;
use crate::transaction::{
    EntryGuard, EntryKind, OnPartial, StepCount, Transaction, TransactionStatus,
};

pub(crate) use protect::{covered, is_covered};
pub use timers::{next_timer, wake};
pub use urgency::{raised, urgency_of};

/// What one planned step does, before it has an id.
pub(crate) struct Step {
    pub(crate) slice: SliceNo,
    pub(crate) legs: OpLegs,
    pub(crate) kind: OpKind,
}

/// Plans what a transaction needs next and brings its protection clock up to date.
pub fn plan(book: &mut Book, id: TransactionId, now: Timestamp, out: &mut Transition) {
    halt::enforce(book, id, now, out);
    way::clear_for_what_opens(book, id, now, out);
    if protect::deadline_close_is_due(book, id, now) {
        book.change(id, out, |tx, out| {
            host_close(tx, "no_stop_in_time", "its stop did not rest in time", now, out);
        });
    }
    crate::follow::enforce_limit(book, id, now, out);
    let is_blocked = way::is_blocked(book, id, now, out);
    let Some(tx) = book.transactions.get(&id).cloned() else { return };
    let Some(account) = book.accounts.get(&tx.account) else { return };
    let steps = if account.may_send() && !is_blocked {
        let level = book.kill_of(account).level;
        steps(&tx, account, if bug::is(Bug::M19) { KillLevel::Off } else { level }, now)
    } else {
        Vec::new()
    };
    let protection = protect::judge(&tx, account, now);
    let salt = id::Salt::of(book);
    let limits = id::Limits::of(account.info.as_ref());
    let (exit_tif, on_breached) = (account.rules.exit_time_in_force, account.rules.on_breached);
    let multiplier = urgency::multiplier(account, &tx.symbol);
    if steps.is_empty() && protection == tx.protection {
        return;
    }
    let urgent = protection.gap_since().is_some();
    let before = out.commands.len();
    book.change(id, out, |tx, out| {
        if protection != tx.protection {
            protect::turned(tx, protection, on_breached, now, out);
        }
        for step in steps {
            let op = commit_step(tx, step, &salt, &limits, now, out);
            let command = command(tx, &op, urgent, exit_tif, multiplier);
            if let Some(why) = wire::violation(tx, &op, &command) {
                wire::give_up(tx, op, &why, now, out);
                continue;
            }
            out.commands.push(command);
            out.ops.push((tx.id, op.clone()));
            tx.ops.push(op);
        }
        settle(tx, now, out);
    });
    book.give(&out.commands[before..]);
}

/// The command for an outbox row, also for one that goes out again.
pub fn command(
    tx: &Transaction,
    op: &Op,
    is_exposed: bool,
    exit_tif: crate::order::TimeInForce,
    multiplier: Decimal,
) -> Command {
    let call = match &op.kind {
        OpKind::Submit(order) | OpKind::Close(order) => Call::Submit(order.clone()),
        OpKind::Cancel { order } => Call::Cancel { order: order.clone() },
        OpKind::Adjust { stop, target, quantity } => {
            let bracket = bracket(tx, op.slice, *quantity, exit_tif);
            Call::Adjust { bracket, stop: *stop, target: *target }
        }
    };
    Command {
        account: tx.account.clone(),
        transaction: tx.id,
        op: op.id.clone(),
        client_id: op.client_id.clone(),
        attempt: op.attempt,
        urgency: urgency::of_op(tx, op, is_exposed),
        call,
        gain: urgency::gain(tx, op, multiplier),
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
    let free = tx.slices.iter().filter(|slice| !task::occupies(tx, account, slice.no));
    let wanted = free.filter_map(|slice| exits::step(tx, account, slice, now)).collect();
    steps.extend(exits::one_at_a_time(tx, account, wanted));
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
    // One that ended all the same came too late for anybody to wait for.
    let asked = tx.status == TransactionStatus::Closing
        || tx.status.is_ended()
        || tx.task.as_ref().is_some_and(|of| task::entry_is_in_the_way(tx, of))
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
    let wanted = tx.desired.stop.is_some() || tx.wants_target();
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
    let pair = tx.wants_pairs();
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
        state: OpState::in_flight(),
        version: tx.desired.version,
        planned_at: now,
        sent_at: now,
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
