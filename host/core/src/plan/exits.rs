//! The next step for the exits of one slice.
//!
//! Apart because this is where desired and working protection meet. The plugin knows how its
//! broker gets there; this only says what shall rest in the end, one safe step at a time.

use super::{Partial, Step, covered, is_covered, partial_rule};
use crate::book::Account;
use crate::bug::{self, Bug};
use crate::command::{Change, OpKind, OpLegs};
use crate::ids::SliceNo;
use crate::instrument::Features;
use crate::money::{Price, Quantity};
use crate::order::{Order, OrderStatus, Role};
use crate::time::Timestamp;
use crate::transaction::{EntryGuard, Slice, Transaction};

/// How long carried exits that nobody has seen are looked for.
const CARRIED_MS_MAX: u64 = 60_000;

/// What the next operation on the slice's exits has to be, if any.
pub(super) fn step(
    tx: &Transaction,
    account: &Account,
    slice: &Slice,
    now: Timestamp,
) -> Option<Step> {
    let busy = tx
        .ops
        .iter()
        .any(|op| op.slice == slice.no && op.legs.overlaps(OpLegs::Pair) && !op.state.is_settled());
    if busy || must_wait(tx, account, slice, now) {
        return None;
    }
    let live = |role: Role| {
        tx.exits(slice.no).find(|o| o.role == role && o.status != OrderStatus::Contingent)
    };
    let (stop, target) = (live(Role::Stop), live(Role::Target));
    // One that came after nobody waited for it any more: the plugin ends one of the two.
    let is_double = |role: Role| {
        let of = |o: &&Order| o.role == role && o.status != OrderStatus::Contingent;
        tx.exits(slice.no).filter(of).nth(1).is_some()
    };
    let doubled = is_double(Role::Stop) || is_double(Role::Target);
    let is_over = slice.held.is_zero() || tx.status.is_ended();
    let wanted = if is_over { (None, None) } else { (tx.desired.stop, tx.target_of(slice.no)) };
    let first = bug::is(Bug::M7) && !slice.held.is_zero() && tx.slices.len() == 1;
    let covers = if first { tx.entry.quantity } else { slice.held };
    if covers > rests_for(tx, slice.no) && is_taken(tx, slice.no, covers) {
        return None;
    }
    if !doubled && is_selling(stop, covers, wanted.0) {
        return None;
    }
    let (legs, stop, target) = match doubled {
        true => whole(wanted),
        false => difference(covers, (stop, target), wanted)?,
    };
    Some(Step { slice: slice.no, legs, kind: OpKind::Adjust { stop, target, quantity: covers } })
}

/// Whether the stop was touched and sells what is held, as it is wanted. It is left to that: a target
/// beside it could sell the same once more, or a plugin would take the stop away to make a pair.
fn is_selling(stop: Option<&Order>, covers: Quantity, wanted: Option<Price>) -> bool {
    stop.is_some_and(|stop| {
        !stop.filled.is_zero() && stop.leaves() == covers && stop.trigger == wanted
    })
}

/// What the exits of a slice could take out, those that a row of it may still make included: a pair
/// counts once, by the larger of the two.
fn rests_for(tx: &Transaction, slice: SliceNo) -> Quantity {
    let live = tx.exits(slice).filter(|o| o.status != OrderStatus::Contingent).map(Order::leaves);
    let rows = tx.ops.iter().filter(|op| op.slice == slice && !op.state.is_settled());
    let coming = rows.filter_map(|op| match &op.kind {
        OpKind::Adjust { stop, target, quantity } => {
            let sets = [stop, target].iter().any(|change| matches!(change, Change::Set(_)));
            sets.then_some(*quantity)
        }
        OpKind::Submit(_) | OpKind::Close(_) | OpKind::Cancel { .. } => None,
    });
    live.chain(coming).max().unwrap_or(Quantity::ZERO)
}

/// Whether exits of a slice other than these rest for more than is held of it: where quantity was
/// dealt out anew they shrink first, so that all exits together never sell more than is held (I4).
pub(super) fn any_exceeds(tx: &Transaction, but: &[SliceNo]) -> bool {
    let other = |slice: &&Slice| !but.contains(&slice.no);
    tx.slices.iter().filter(other).any(|slice| rests_for(tx, slice.no) > slice.held)
}

/// Whether so much for a slice would sell, with what rests for others or is being sold, more than is
/// held.
fn is_taken(tx: &Transaction, slice: SliceNo, covers: Quantity) -> bool {
    any_exceeds(tx, &[slice]) && !bug::is(Bug::M20) || is_being_sold(tx, slice, covers)
}

/// Whether exits that were planned before would be more than may rest now: what they are of was free
/// then, and is not now.
pub(super) fn came_too_late(tx: &Transaction, slice: SliceNo, covers: Quantity) -> bool {
    let rests = tx.exits(slice).filter(|o| o.status != OrderStatus::Contingent).map(Order::leaves);
    covers > rests.max().unwrap_or(Quantity::ZERO) && is_taken(tx, slice, covers)
}

/// Whether a close that may still fill, the exits of the other slices and these would sell more than is
/// held: where enough left without it, what it still sells gets no exits before it has ended (I4).
fn is_being_sold(tx: &Transaction, slice: SliceNo, covers: Quantity) -> bool {
    let live = tx.orders.iter().filter(|o| o.role == Role::Close && !o.status.is_terminal());
    let coming = tx.unseen().filter_map(|op| match &op.kind {
        OpKind::Close(order) => Some(order.quantity),
        OpKind::Submit(_) | OpKind::Adjust { .. } | OpKind::Cancel { .. } => None,
    });
    let sold: Quantity = live.map(Order::leaves).chain(coming).sum();
    let others = tx.slices.iter().filter(|other| other.no != slice);
    let rests: Quantity = others.map(|other| rests_for(tx, other.no)).sum();
    !sold.is_zero() && sold.plus(rests).plus(covers) > tx.held()
}

/// Where an exit has to be taken away to be changed, one slice at a time (I6): what is without its
/// stop comes first, and no stop that rests is touched while another slice's exits are under way.
pub(super) fn one_at_a_time(tx: &Transaction, account: &Account, wanted: Vec<Step>) -> Vec<Step> {
    if account.can(&tx.symbol, Features::REPLACE_IN_PLACE) {
        return wanted;
    }
    let covers = |slice: &Slice| !covered(tx, slice).is_zero();
    let takes_away = |step: &Step| tx.slice(step.slice).is_some_and(covers);
    let (changes, mut steps): (Vec<Step>, Vec<Step>) = wanted.into_iter().partition(takes_away);
    let is_under_way =
        tx.ops.iter().any(|op| op.legs.overlaps(OpLegs::Pair) && !op.state.is_settled());
    if steps.is_empty() && !is_under_way {
        // What is without its stop already loses nothing by a change, and comes before the rest.
        let someone_is = tx.slices.iter().any(|slice| is_alone(tx, slice));
        let may =
            |step: &Step| !someone_is || tx.slice(step.slice).is_some_and(|s| is_alone(tx, s));
        steps.extend(changes.into_iter().find(may));
    }
    steps
}

/// Whether the slice is without its stop and about to get it. One that was rejected, or waits until
/// another shrinks, holds nobody up.
fn is_alone(tx: &Transaction, slice: &Slice) -> bool {
    tx.desired.stop.is_some()
        && !is_covered(tx, slice)
        && slice.rejections == 0
        && !any_exceeds(tx, &[slice.no])
}

/// Both exits as they are wanted.
fn whole(wanted: (Option<Price>, Option<Price>)) -> (OpLegs, Change, Change) {
    let set = |price: Option<Price>| price.map_or(Change::Clear, Change::Set);
    (OpLegs::Pair, set(wanted.0), set(wanted.1))
}

/// Compares what rests with what is wanted.
fn difference(
    held: Quantity,
    working: (Option<&Order>, Option<&Order>),
    wanted: (Option<Price>, Option<Price>),
) -> Option<(OpLegs, Change, Change)> {
    let (stop, target) = working;
    let set = |price: Option<Price>| price.map_or(Change::Clear, Change::Set);
    let whole = Some(whole(wanted));
    let shape = |rests: bool, wants: bool| rests == wants;
    if !shape(stop.is_some(), wanted.0.is_some()) || !shape(target.is_some(), wanted.1.is_some()) {
        return match (stop, target, wanted) {
            // A single exit where nothing rests is a plain order of its own.
            (None, None, (Some(price), None)) => {
                Some((OpLegs::Stop, Change::Set(price), Change::Keep))
            }
            (None, None, (None, Some(price))) => {
                Some((OpLegs::Target, Change::Keep, Change::Set(price)))
            }
            _ => whole,
        };
    }
    let covers = |order: Option<&Order>| order.is_none_or(|o| o.leaves() == held);
    if !covers(stop) || !covers(target) {
        return whole;
    }
    // One write at a time; the stop first.
    if stop.is_some() && stop.and_then(|o| o.trigger) != wanted.0 {
        return Some((OpLegs::Stop, set(wanted.0), Change::Keep));
    }
    if target.is_some() && target.and_then(|o| o.limit) != wanted.1 {
        return Some((OpLegs::Target, Change::Keep, set(wanted.1)));
    }
    None
}

/// Reasons not to touch the slice at this moment. Each of them has a timer or an event that ends
/// it.
fn must_wait(tx: &Transaction, account: &Account, slice: &Slice, now: Timestamp) -> bool {
    let entry_rests = tx.resting_entry().is_some();
    if entry_rests && !tx.entry.ended && partial_rule(tx, account) != Partial::Protect {
        return true;
    }
    if carried_exits_are_expected(tx, now) {
        return true;
    }
    // A change the broker is still making.
    let settling = tx.exits(slice.no).any(|o| {
        matches!(
            o.status,
            OrderStatus::PendingNew | OrderStatus::PendingReplace | OrderStatus::PendingCancel
        )
    });
    let newly_wanted = slice.rejected_version.is_some_and(|v| v != tx.desired.version);
    // The sibling of an exit that ended is given time to end by itself, where a broker does that.
    let links = account.can(&tx.symbol, Features::NATIVE_OCO);
    let has_reason = slice.rejections > 0 || (links && tx.exits(slice.no).next().is_some());
    let pauses = has_reason && slice.retry_at.is_some_and(|at| now < at) && !newly_wanted;
    let gathers = now < slice.gather_until && entry_rests;
    settling || pauses || gathers
}

/// Whether the entry filled completely and the exits that it carried have not been reported live
/// yet. The broker sets them free by itself, and they are asked for until they are seen: exits
/// beside them would sell twice. Only after long is it not believed that there are any.
pub(super) fn carried_exits_are_expected(tx: &Transaction, now: Timestamp) -> bool {
    if tx.entry.guard == EntryGuard::Plain || tx.entered < tx.entry.quantity {
        return false;
    }
    let exits = || tx.orders.iter().filter(|o| matches!(o.role, Role::Stop | Role::Target));
    let unseen = exits().next().is_none() || exits().any(|o| o.status == OrderStatus::Contingent);
    let since = tx.opened_at.unwrap_or(now);
    unseen && now.ms_since(since) < CARRIED_MS_MAX
}
