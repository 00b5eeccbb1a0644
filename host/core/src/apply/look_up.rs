//! What a look-up, or a person, says of a row whose outcome nobody knows (I13).
//!
//! Apart because this is where a doubt ends, and only by evidence: an order that can be the row's, legs
//! that show its work, or absence that was said twice. No command is planned here.

use super::answer::{
    ask_for_replaced, ask_for_unlisted, await_end, done, rejected, retire_replaced, set_state,
};
use super::report::{merge, merge_legs, reports};
use super::{Transition, settle};
use crate::book::{Book, OnBreached};
use crate::broker::{Fault, Found, OrderReport};
use crate::bug::{self, Bug};
use crate::command::{BracketLeg, Change, DUPLICATE_CLIENT_ID, Op, OpKind, OpState, Read};
use crate::fact::FactKind;
use crate::ids::{AccountName, BrokerOrderId, OpId};
use crate::intent::{Resolution, Source};
use crate::limits;
use crate::money::Quantity;
use crate::order::{Order, OrderStatus, Role, Side};
use crate::time::Timestamp;
use crate::transaction::Transaction;

pub(super) fn looked_up(
    book: &mut Book,
    account: &AccountName,
    op: &OpId,
    found: Found,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(id) = book.owner_of_op(account, op) else { return };
    let in_doubt = |row: &Op| row.id == *op && matches!(row.state, OpState::Unknown { .. });
    if !book.transactions.get(&id).is_some_and(|tx| tx.ops.iter().any(in_doubt)) {
        // The row was settled meanwhile; what became of its order is news all the same.
        if let Found::Order(report) = found {
            reports(book, account, &[*report], now, out);
        }
        return;
    }
    let steady_since = book.steady_since;
    book.change(id, out, |tx, out| {
        let Some(at) = tx.ops.iter().position(|o| o.id == *op) else { return };
        let settled_at = settled_at(&tx.ops[at], steady_since);
        match found {
            Found::Absent | Found::Failed(_) if bug::is(Bug::M8) => {
                let fault = Fault::new("LOOKUP", "nothing was found");
                rejected(tx, at, fault, OnBreached::Alert, now, out);
            }
            Found::Order(report) if !is_of(tx, &tx.ops[at], &report) => {
                found_another(tx, at, &report, settled_at, now, out);
            }
            Found::Order(report) => found_order(tx, at, &report, settled_at, now, out),
            Found::Legs { legs, memo } => {
                let slice = tx.ops[at].slice;
                if let Some(slice) = tx.slices.iter_mut().find(|s| s.no == slice) {
                    slice.memo = memo;
                }
                found_legs(tx, at, &legs, settled_at, now, out);
            }
            Found::Absent => absent(tx, at, settled_at, now, out),
            Found::Failed(_) => look_again(tx, at, settled_at, now, out),
        }
        settle(tx, now, out);
    });
}

fn found_legs(
    tx: &mut Transaction,
    at: usize,
    legs: &[BracketLeg],
    settled_at: Timestamp,
    now: Timestamp,
    out: &mut Transition,
) {
    let slice = tx.ops[at].slice;
    if is_stale(tx, legs) || leaves_out(tx, &tx.ops[at], legs) {
        ask_for_unlisted(tx, slice, legs, out);
        return look_again(tx, at, settled_at, now, out);
    }
    let shows_own = shows_own(&tx.ops[at], legs);
    // What it made may have been told, and have ended, before anybody looked.
    let is_there = shows_own || has_arrived(tx, &tx.ops[at]);
    let is_as_asked = is_as_asked(&tx.ops[at], legs);
    // A list that shows the row's own order is of after its change.
    if shows_own {
        retire_replaced(tx, at, legs, &[], now, out);
    } else {
        ask_for_replaced(tx, at, legs, out);
    }
    let op = &tx.ops[at];
    let changes = |leg: &BracketLeg| known_as(tx, leg).is_some_and(|known| differs(known, leg));
    // A leg has no time: one that is listed neither as known nor as asked may be of before the last
    // change, and so may all that stands beside it.
    let is_old = !shows_own && legs.iter().any(|leg| changes(leg) && !is_asked(tx, op, leg));
    let (odd, plain): (Vec<&BracketLeg>, Vec<&BracketLeg>) =
        legs.iter().partition(|leg| is_old && changes(leg));
    let odd: Vec<BrokerOrderId> = odd.into_iter().map(|leg| leg.broker_id.clone()).collect();
    let plain: Vec<BracketLeg> = plain.into_iter().cloned().collect();
    merge_legs(tx, slice, &plain, tx.ops[at].sent_at, now, out);
    ask_for_unlisted(tx, slice, legs, out);
    if !odd.is_empty() {
        out.reads.push((tx.account.clone(), Read::Refresh { orders: odd }));
    }
    // A list that leaves out what lives, for all anybody knows, does not say that it has ended.
    let is_all = tx.exits(slice).all(|o| legs.iter().any(|leg| leg.broker_id == o.broker_id));
    let is_proven = !is_old && if sets(&tx.ops[at]) { now >= settled_at } else { is_all };
    if is_there || is_as_asked && is_proven {
        done(tx, at, now, out);
    } else if is_as_asked {
        // By another row's work, and its own order may still be on its way; or by what is not told yet.
        look_again(tx, at, settled_at, now, out);
    } else {
        absent(tx, at, settled_at, now, out);
    }
}

/// From when on a look-up that finds nothing of the row says something: it may still be on its way,
/// or not listed yet, and a clock that was set meanwhile says nothing of its age.
fn settled_at(op: &Op, steady_since: Timestamp) -> Timestamp {
    op.sent_at.max(steady_since).plus_ms(limits::SETTLE_MS)
}

/// Whether the order can be what the row asked for. A client order id alone does not prove it: a
/// ledger that was put back makes the same ids again, and a person may name the wrong order.
pub(super) fn is_of(tx: &Transaction, op: &Op, report: &OrderReport) -> bool {
    let (side, quantity) = match &op.kind {
        OpKind::Submit(order) | OpKind::Close(order) => (order.side, Some(order.quantity)),
        OpKind::Adjust { .. } => (tx.direction.exit_side(), None),
        // It was asked for by the broker's own id.
        OpKind::Cancel { .. } => (report.side, None),
    };
    let is_known = tx.orders.iter().any(|order| order.broker_id == report.broker_id);
    let is_sized = is_known || quantity.is_none_or(|asked| report.quantity <= asked);
    report.symbol == tx.symbol && report.side == side && is_sized
}

pub(super) fn another(report: &OrderReport) -> String {
    let OrderReport { broker_id, side, quantity, symbol, .. } = report;
    let side = match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    format!("that is another order: {broker_id}, {side} {quantity} {symbol}")
}

/// The order that was found is another one. Where it is under the row's id, and the broker said that
/// the id is taken, the row was surely not made; else nobody knows, and a person has to look.
fn found_another(
    tx: &mut Transaction,
    at: usize,
    report: &OrderReport,
    settled_at: Timestamp,
    now: Timestamp,
    out: &mut Transition,
) {
    let text = another(report);
    let OpState::Unknown { named, .. } = &mut tx.ops[at].state else { return };
    let was_named = named.take().is_some();
    if tx.ops[at].is_duplicate() && !was_named {
        let fault = Fault::new(DUPLICATE_CLIENT_ID, &text);
        return rejected(tx, at, fault, OnBreached::Alert, now, out);
    }
    if was_named {
        // A person's word about another order proves nothing.
        out.fact(tx, now, FactKind::Doubt, Source::Broker, |fact| fact.text = text);
    } else if tx.ops[at].evidence.as_ref() != Some(&text) {
        let op = &mut tx.ops[at];
        op.evidence = Some(text.clone());
        let (slice, id) = (op.slice, op.id.clone());
        out.fact(tx, now, FactKind::Doubt, Source::Broker, |fact| {
            (fact.slice, fact.op, fact.text) = (Some(slice), Some(id), text);
        });
    }
    look_again(tx, at, settled_at, now, out);
}

/// Whether an order under the row's own id was seen.
fn has_arrived(tx: &Transaction, op: &Op) -> bool {
    tx.orders.iter().any(|order| order.client_id.as_ref() == Some(&op.client_id))
}

fn found_order(
    tx: &mut Transaction,
    at: usize,
    report: &OrderReport,
    settled_at: Timestamp,
    now: Timestamp,
    out: &mut Transition,
) {
    let tie = Some((tx.ops[at].slice, tx.ops[at].legs));
    merge(tx, report, tie, now, out);
    let cancels = matches!(tx.ops[at].kind, OpKind::Cancel { .. });
    if cancels && report.status == OrderStatus::PendingCancel {
        await_end(tx, at, report.broker_id.clone(), now, out);
    } else if cancels && !report.status.is_terminal() {
        // It did not happen, or not yet: looked at again, then planned anew by whoever wants it.
        absent(tx, at, settled_at, now, out);
    } else {
        done(tx, at, now, out);
    }
}

/// Whether the legs are from before something that is known: they list as alive what has ended, or
/// what was replaced while another order stands in its place. Such a read proves nothing, least of
/// all that what it lists is there.
fn is_stale(tx: &Transaction, legs: &[BracketLeg]) -> bool {
    legs.iter().filter(|leg| !leg.status.is_terminal()).any(|leg| {
        let known = tx.orders.iter().find(|o| o.broker_id == leg.broker_id);
        known.is_some_and(|o| match o.status {
            OrderStatus::Replaced => has_successor(tx, o),
            status => status.is_terminal(),
        })
    })
}

/// The live order that a live leg is listed for, where it is known.
fn known_as<'a>(tx: &'a Transaction, leg: &BracketLeg) -> Option<&'a Order> {
    let live = |o: &&Order| o.broker_id == leg.broker_id && !o.status.is_terminal();
    tx.orders.iter().find(live).filter(|_| !leg.status.is_terminal())
}

fn differs(known: &Order, leg: &BracketLeg) -> bool {
    leg.trigger.or(leg.limit) != known.trigger.or(known.limit) || leg.quantity != known.quantity
}

/// Whether a leg is as the row would leave it.
fn is_asked(tx: &Transaction, op: &Op, leg: &BracketLeg) -> bool {
    let OpKind::Adjust { stop, target, quantity } = &op.kind else { return true };
    let is = leg.trigger.or(leg.limit);
    let is_at = match if leg.role == Role::Stop { stop } else { target } {
        Change::Set(price) => is == Some(*price),
        Change::Keep | Change::Clear => {
            known_as(tx, leg).is_some_and(|known| is == known.trigger.or(known.limit))
        }
    };
    is_at && of_quantity(leg, *quantity)
}

/// Whether the leg is of that quantity; some of it may have filled since.
fn of_quantity(leg: &BracketLeg, asked: Quantity) -> bool {
    [leg.quantity, leg.quantity.minus(leg.filled)].contains(&asked)
}

/// Whether an order under the row's own id is among the legs: the one step of it that was made. What is
/// left then is the next row's.
fn shows_own(op: &Op, legs: &[BracketLeg]) -> bool {
    legs.iter().any(|leg| leg.client_id.as_ref() == Some(&op.client_id))
}

/// Whether the legs leave out an order that the row made and that lives for all anybody knows: a look-up
/// by its id would show it, with what it is linked with, unless it is older than what was told.
fn leaves_out(tx: &Transaction, op: &Op, legs: &[BracketLeg]) -> bool {
    let mut own =
        tx.exits(op.slice).filter(|order| order.client_id.as_ref() == Some(&op.client_id));
    own.any(|order| legs.iter().all(|leg| leg.broker_id != order.broker_id))
}

/// Whether a live order of the same slice and role is known.
pub(super) fn has_successor(tx: &Transaction, order: &Order) -> bool {
    tx.exits(order.slice).any(|o| o.role == order.role)
}

/// Whether the adjustment may make an order.
fn sets(op: &Op) -> bool {
    let OpKind::Adjust { stop, target, .. } = &op.kind else { return false };
    [stop, target].iter().any(|change| matches!(change, Change::Set(_)))
}

/// Whether the legs show what the adjustment asked for, whoever made it so.
fn is_as_asked(op: &Op, legs: &[BracketLeg]) -> bool {
    let OpKind::Adjust { stop, target, quantity } = &op.kind else { return true };
    let shows = |change: &Change, role: Role| {
        let leg = legs.iter().find(|leg| leg.role == role && !leg.status.is_terminal());
        match (change, leg) {
            (Change::Keep, _) | (Change::Clear, None) => true,
            (Change::Clear, Some(_)) | (Change::Set(_), None) => false,
            (Change::Set(price), Some(leg)) => {
                of_quantity(leg, *quantity) && leg.trigger.or(leg.limit) == Some(*price)
            }
        }
    };
    shows(stop, Role::Stop) && shows(target, Role::Target)
}

/// The look-up found no effect. That proves something only when the write is old enough and two
/// look-ups agree; then the row surely did not arrive.
fn absent(
    tx: &mut Transaction,
    at: usize,
    settled_at: Timestamp,
    now: Timestamp,
    out: &mut Transition,
) {
    let old_enough = now >= settled_at;
    let OpState::Unknown { absent, named, .. } = &mut tx.ops[at].state else { return };
    if let Some(order) = named.take() {
        // A person's word about an order that the broker does not know proves nothing.
        let text = format!("the broker knows no order {order}");
        out.fact(tx, now, FactKind::Doubt, Source::Broker, |fact| fact.text = text);
        look_again(tx, at, settled_at, now, out);
        return;
    }
    *absent += u32::from(old_enough);
    if *absent < limits::ABSENT_LOOKUPS && !bug::is(Bug::M4) {
        return look_again(tx, at, settled_at, now, out);
    }
    if tx.ops[at].is_duplicate() {
        // Its order was there and is over, and the broker forgot it: the same id never goes again.
        let fault = Fault::new(DUPLICATE_CLIENT_ID, "its id is taken, and nothing of it is left");
        rejected(tx, at, fault, OnBreached::Alert, now, out);
    } else {
        surely_absent(tx, at, "two look-ups found nothing", now, out);
    }
}

/// The row surely did not arrive: it goes out again under its own id, if it is still wanted.
pub(super) fn surely_absent(
    tx: &mut Transaction,
    at: usize,
    why: &str,
    now: Timestamp,
    out: &mut Transition,
) {
    tx.ops[at].evidence = None;
    set_state(tx, at, OpState::NotSent { retry_at: now }, why, now, out);
}

fn look_again(
    tx: &mut Transaction,
    at: usize,
    settled_at: Timestamp,
    now: Timestamp,
    out: &mut Transition,
) {
    let OpState::Unknown { lookups, absent, next_at, .. } = &mut tx.ops[at].state else { return };
    let pause_ms = match *absent {
        0 => limits::LOOKUP_MS_MIN.saturating_mul(1 << (*lookups).min(16)),
        _ => limits::RECHECK_MS,
    };
    let next = now.plus_ms(pause_ms.min(limits::LOOKUP_MS_MAX));
    // The first look that can prove something is not put off by the doubling.
    *next_at = if now < settled_at { next.min(settled_at) } else { next };
    *lookups = lookups.saturating_add(1);
    out.ops.push((tx.id, tx.ops[at].clone()));
}

/// What a person found out about an unknown row (I13: a person's word is evidence, and kept).
pub(crate) fn resolve(
    tx: &mut Transaction,
    op: &OpId,
    found: &Resolution,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(at) = tx.ops.iter().position(|o| o.id == *op) else { return };
    match found {
        Resolution::Absent => surely_absent(tx, at, "a person found no effect", now, out),
        Resolution::Order(order) => {
            if let OpState::Unknown { next_at, named, .. } = &mut tx.ops[at].state {
                (*next_at, *named) = (now, Some(order.clone()));
            }
            out.ops.push((tx.id, tx.ops[at].clone()));
        }
    }
}
