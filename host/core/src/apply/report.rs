//! An order as the broker tells it, merged into the transaction that owns it.
//!
//! Apart because reports arrive twice, late and in any order, and merging must not care: the
//! status table decides, filled quantity never shrinks, a fill always wins.

use std::borrow::Cow;

use super::holding::{Filled, filled};
use super::look_up::has_successor;
use super::settle::{is_spent, order_ended};
use super::{Tie, Transition, outside, settle};
use crate::book::Book;
use crate::broker::{Fill, OrderReport};
use crate::bug::{self, Bug};
use crate::command::{BracketLeg, OpLegs, Read};
use crate::fact::FactKind;
use crate::ids::{AccountName, BrokerOrderId, SliceNo};
use crate::intent::Source;
use crate::limits::{ENDED_ORDERS_KEPT, SIBLING_GRACE_MS};
use crate::money::{Price, Quantity};
use crate::order::{Order, OrderKind, OrderStatus, Role};
use crate::plan::is_covered;
use crate::protection::Protection;
use crate::time::Timestamp;
use crate::transaction::Transaction;

pub(super) fn reports(
    book: &mut Book,
    account: &AccountName,
    all: &[OrderReport],
    now: Timestamp,
    out: &mut Transition,
) {
    // A leg may be told before the order that ties it to us: what found no owner is asked again.
    let owned = |one| (book.owner_of(account, one), one);
    let (mut known, strangers): (Vec<_>, Vec<_>) =
        all.iter().map(owned).partition(|(owner, _)| owner.is_some());
    // What was entered comes before what left of it, in whatever order the list tells them.
    known.sort_by_key(|(owner, one)| {
        let owner = owner.and_then(|id| book.transactions.get(&id));
        owner.is_some_and(|tx| tx.direction.entry_side() != one.side)
    });
    let known = known.into_iter().chain(strangers).map(|(_, one)| one);
    // What took an order's place comes before the word that it was replaced.
    let (replaced, rest): (Vec<_>, Vec<_>) =
        known.partition(|one| one.status == OrderStatus::Replaced);
    for one in rest.into_iter().chain(replaced) {
        // An order that is not ours is left alone; reconciling lists it.
        let Some(id) = book.owner_of(account, one) else { continue };
        let Some(tx) = book.transactions.get(&id) else { continue };
        if is_known(tx, one) || is_forgotten(book, tx, one) {
            continue;
        }
        let tie = book.tie_of(id, one);
        let one = without_seen_successor(book, account, all, one);
        book.change(id, out, |tx, out| {
            merge(tx, &one, tie, now, out);
            settle(tx, now, out);
        });
    }
}

/// Whether the order ended without a fill and was forgotten for that, in this run or in one before:
/// then it is older than all that are kept. It is no news again.
fn is_forgotten(book: &Book, tx: &Transaction, report: &OrderReport) -> bool {
    let has_ended = report.status.is_terminal() && report.filled.is_zero();
    if !has_ended || tx.orders.iter().any(|order| order.broker_id == report.broker_id) {
        return false;
    }
    let key = (tx.account.clone(), report.broker_id.clone());
    let kept = || tx.orders.iter().filter(|order| is_spent(order)).map(|order| order.updated_at);
    let is_exit = report.side == tx.direction.exit_side();
    let is_older = || {
        kept().count() >= ENDED_ORDERS_KEPT
            && kept().min().is_some_and(|at| report.updated_at <= at)
    };
    book.orders.contains_key(&key) || is_exit && is_older()
}

/// The report without the name of the order in its place where nobody needs to ask for that one: it
/// is told in the same list, or was seen before and forgotten.
fn without_seen_successor<'a>(
    book: &Book,
    account: &AccountName,
    all: &[OrderReport],
    one: &'a OrderReport,
) -> Cow<'a, OrderReport> {
    let is_seen = one.replaced_by.as_ref().is_some_and(|by| {
        all.iter().any(|other| other.broker_id == *by)
            || book.orders.contains_key(&(account.clone(), by.clone()))
    });
    match is_seen {
        true => Cow::Owned(OrderReport { replaced_by: None, ..one.clone() }),
        false => Cow::Borrowed(one),
    }
}

/// Fills carry prices that order reports only average; quantities are counted from the reports,
/// so that a fill seen twice, here and there, counts once.
pub(super) fn fills(
    book: &mut Book,
    account: &AccountName,
    all: &[Fill],
    now: Timestamp,
    out: &mut Transition,
) {
    for fill in all {
        let key = (account.clone(), fill.order.clone());
        let Some(id) = book.orders.get(&key).copied() else { continue };
        let Some(tx) = book.transactions.get(&id) else { continue };
        let Some(order) = tx.orders.iter().find(|o| o.broker_id == fill.order) else { continue };
        // The order's own report has not arrived yet: what this fill proves is held at once.
        if order.filled.is_zero() {
            let mut ahead = report_of(order, tx);
            ahead.filled = fill.quantity;
            ahead.avg_price = Some(fill.price);
            ahead.updated_at = ahead.updated_at.max(fill.at);
            book.change(id, out, |tx, out| {
                merge(tx, &ahead, None, now, out);
                settle(tx, now, out);
            });
        }
    }
}

fn report_of(order: &Order, tx: &Transaction) -> OrderReport {
    OrderReport {
        broker_id: order.broker_id.clone(),
        client_id: order.client_id.clone(),
        group: order.group.clone(),
        parent: None,
        replaces: None,
        replaced_by: None,
        role: Some(order.role),
        symbol: tx.symbol.clone(),
        side: order.side,
        kind: order.kind,
        time_in_force: crate::order::TimeInForce::Other,
        status: order.status,
        quantity: order.quantity,
        filled: order.filled,
        avg_price: order.avg_price,
        limit: order.limit,
        trigger: order.trigger,
        reject: None,
        updated_at: order.updated_at,
    }
}

/// Whether merging the report would change nothing.
fn is_known(tx: &Transaction, report: &OrderReport) -> bool {
    tx.orders.iter().any(|o| {
        o.broker_id == report.broker_id
            && o.status == report.status
            && o.filled == report.filled
            && o.quantity == report.quantity
            && o.limit == report.limit
            && o.trigger == report.trigger
            && (o.group == report.group || report.group.is_none())
    })
}

/// The report's status; where it speaks of another order in its place that nobody has seen, the
/// change counts as under way: the two are asked for, and nothing is placed beside them.
fn told_status(tx: &Transaction, report: &OrderReport, out: &mut Transition) -> OrderStatus {
    let known = |id: &BrokerOrderId| tx.orders.iter().find(|o| o.broker_id == *id);
    let is_over = known(&report.broker_id).is_some_and(|order| order.status.is_terminal());
    let unseen = report.replaced_by.as_ref().filter(|by| known(by).is_none());
    match (report.status, unseen) {
        (OrderStatus::Replaced, Some(by)) if !is_over => {
            let orders = vec![by.clone(), report.broker_id.clone()];
            out.reads.push((tx.account.clone(), Read::Refresh { orders }));
            OrderStatus::PendingReplace
        }
        (status, _) => status,
    }
}

/// Merges a report into the transaction. `tie` says what an order that is seen for the first time
/// was made for, where its client order id tells.
pub(super) fn merge(
    tx: &mut Transaction,
    report: &OrderReport,
    tie: Option<Tie>,
    now: Timestamp,
    out: &mut Transition,
) {
    let known = tx.orders.iter().position(|o| o.broker_id == report.broker_id);
    if known.is_none() && report.replaces.is_some() && bug::is(Bug::M3) {
        return;
    }
    let told = told_status(tx, report, out);
    let at = match known {
        Some(at) => at,
        None => {
            let order = Order { status: told, ..first_seen(tx, report, tie) };
            if is_given_up(tx, &order) {
                turned_up(tx, now, out);
            }
            tx.orders.push(order);
            tx.orders.len() - 1
        }
    };
    let stands_again = tx.orders.get(at).is_some_and(|o| !has_successor(tx, o));
    let seen = known.and_then(|at| Some(outside::look(tx, tx.orders.get(at)?)));
    let Some(order) = tx.orders.get_mut(at) else { return };
    let before = order.status;
    let is_newer = report.updated_at >= order.updated_at;
    let next = match order.status.after_report(told) {
        Err(_) if is_newer && stands_again => order.status.after_failed_replace(told),
        next => next,
    };
    match next {
        Ok(next) => order.status = next,
        // A page that was read before the end is no contradiction.
        Err(_) if !is_newer => {}
        Err(impossible) => {
            let text = impossible.to_string();
            let slice = order.slice;
            out.fact(tx, now, FactKind::Difference, Source::Broker, |fact| {
                fact.code = "IMPOSSIBLE_STATUS".into();
                fact.slice = Some(slice);
                fact.text = text;
            });
        }
    }
    let Some(order) = tx.orders.get_mut(at) else { return };
    let rested = order.leaves();
    take_terms(order, report, is_newer);
    let ignored = before == OrderStatus::PendingCancel && bug::is(Bug::M2);
    let fill = take_fill(order, report).filter(|_| !ignored);
    let (order_slice, order_role, after) = (order.slice, order.role, order.status);
    if after != before {
        order.stuck = false;
    }
    if after != before || known.is_none() {
        note_change(tx, at, after, report.reject.as_deref(), now, out);
    }
    if let Some(seen) = seen {
        outside::tell(tx, &seen, at, out);
    }
    if fill.is_none() && known.is_some() {
        shrank(tx, at, rested, now, out);
    }
    if let Some((quantity, price)) = fill {
        let at = report.updated_at.min(now);
        let fill = Filled { role: order_role, slice: order_slice, quantity, price, at };
        filled(tx, &fill, now, out);
    }
    if after.is_terminal() && (known.is_none() || !before.is_terminal()) {
        order_ended(tx, order_role, order_slice, after, now, out);
        if order_role == Role::Stop && before.protects() {
            exposed_since(tx, order_slice, report.updated_at.min(now), now);
        }
    }
}

/// Whether an order that is seen for the first time is the entry that was given up, and lives.
fn is_given_up(tx: &Transaction, order: &Order) -> bool {
    let is_entry = order.role == Role::Entry && !order.status.is_terminal();
    let is_first = tx.entered.is_zero() && !tx.orders.iter().any(|o| o.role == Role::Entry);
    is_entry && is_first && tx.entry.ended
}

/// It has not ended: what it carries is still tied to it, so it goes before anything that filled of it
/// gets exits of its own (I4).
fn turned_up(tx: &mut Transaction, now: Timestamp, out: &mut Transition) {
    tx.entry.ended = false;
    tx.entry.cancel_asked = true;
    out.fact(tx, now, FactKind::CancelAsked, Source::Host, |fact| {
        fact.text = "it was given up, and rests at the broker".into();
    });
}

fn take_terms(order: &mut Order, report: &OrderReport, is_newer: bool) {
    if is_newer {
        order.quantity = report.quantity;
        order.limit = report.limit.or(order.limit);
        order.trigger = report.trigger.or(order.trigger);
        order.updated_at = report.updated_at;
    }
    order.client_id = order.client_id.take().or_else(|| report.client_id.clone());
    order.group = report.group.clone().or_else(|| order.group.take());
}

/// An exit rests for less than before and than is held, and nothing of it filled: its broker took from
/// it what another exit sold, which nobody has told yet. That is asked for and given time to be heard;
/// an exit enlarged before would sell it twice (I4).
fn shrank(tx: &mut Transaction, at: usize, rested: Quantity, now: Timestamp, out: &mut Transition) {
    let Some(order) = tx.orders.get(at) else { return };
    let is_exit = matches!(order.role, Role::Stop | Role::Target) && !order.status.is_terminal();
    let held = tx.slice(order.slice).map_or(Quantity::ZERO, |slice| slice.held);
    if !is_exit || order.leaves() >= rested.min(held) {
        return;
    }
    let (no, id) = (order.slice, order.broker_id.clone());
    let others = tx.exits(no).filter(|o| o.broker_id != id).map(|o| o.broker_id.clone());
    let orders: Vec<BrokerOrderId> = others.collect();
    if !orders.is_empty() {
        out.reads.push((tx.account.clone(), Read::Refresh { orders }));
    }
    if let Some(slice) = tx.slices.iter_mut().find(|slice| slice.no == no) {
        slice.retry_at = slice.retry_at.max(Some(now.plus_ms(SIBLING_GRACE_MS)));
    }
}

/// A stop went: the clock counts from when the broker ended it, not from when that was heard of
/// (I5). What the account does at its deadline counts from now on: nothing could be done before.
fn exposed_since(tx: &mut Transaction, slice: SliceNo, since: Timestamp, now: Timestamp) {
    let is_naked = tx.slice(slice).is_some_and(|s| !s.held.is_zero() && !is_covered(tx, s));
    if !is_naked || tx.desired.stop.is_none() || tx.protection.gap_since().is_some() {
        return;
    }
    tx.protection = Protection::Pending { since };
    if let Some(slice) = tx.slices.iter_mut().find(|s| s.no == slice) {
        slice.gather_until = slice.gather_until.max(now);
    }
}

fn note_change(
    tx: &Transaction,
    at: usize,
    status: OrderStatus,
    reject: Option<&str>,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(order) = tx.orders.get(at) else { return };
    out.fact(tx, now, FactKind::OrderChanged, Source::Broker, |fact| {
        fact.code = status.as_str().into();
        fact.slice = Some(order.slice);
        fact.after = order.trigger.or(order.limit).map(Price::get);
        fact.quantity = Some(order.quantity.get());
        let words = reject.map(|words| format!(": {words}")).unwrap_or_default();
        fact.text = format!("{} order {}{words}", order.role.as_str(), order.broker_id);
    });
}

/// The increase of the filled quantity and its own price, from the two averages.
fn take_fill(order: &mut Order, report: &OrderReport) -> Option<(Quantity, Option<Price>)> {
    let more = report.filled.minus(order.filled);
    if more.is_zero() {
        return None;
    }
    let value = |avg: Option<Price>, quantity: Quantity| {
        avg.map_or(crate::Decimal::ZERO, |avg| avg.get().saturating_mul(quantity.get()))
    };
    let spent = value(report.avg_price, report.filled) - value(order.avg_price, order.filled);
    let price = spent
        .checked_div(more.get())
        .and_then(|price| Price::new(price.round_dp(crate::money::SCALE_MAX)));
    order.filled = report.filled;
    order.avg_price = report.avg_price.or(order.avg_price);
    Some((more, price.or(report.avg_price)))
}

/// An order seen for the first time: which slice and role has it?
fn first_seen(tx: &Transaction, report: &OrderReport, tie: Option<Tie>) -> Order {
    let kin = |id: &Option<crate::ids::BrokerOrderId>| {
        tx.orders.iter().find(|o| Some(&o.broker_id) == id.as_ref())
    };
    let replaced = kin(&report.replaces);
    let slice = tie
        .map(|(slice, _)| slice)
        .or_else(|| replaced.map(|o| o.slice))
        .or_else(|| kin(&report.parent).map(|o| o.slice))
        .or_else(|| {
            let group = report.group.as_ref()?;
            tx.orders.iter().find(|o| o.group.as_ref() == Some(group)).map(|o| o.slice)
        })
        .unwrap_or(SliceNo(0));
    let closes = tie.is_some_and(|(_, legs)| legs == OpLegs::Close);
    let role = if closes { Role::Close } else { role_of(tx, report) };
    Order {
        broker_id: report.broker_id.clone(),
        client_id: report.client_id.clone(),
        group: report.group.clone(),
        slice,
        role: replaced.map_or(role, |o| o.role),
        side: report.side,
        kind: report.kind,
        quantity: report.quantity,
        filled: Quantity::ZERO,
        avg_price: None,
        limit: report.limit,
        trigger: report.trigger,
        status: report.status,
        updated_at: report.updated_at,
        stuck: false,
    }
}

/// Side and kind say what an order of a transaction is for; the broker's word only where they
/// do not.
fn role_of(tx: &Transaction, report: &OrderReport) -> Role {
    if report.side == tx.direction.entry_side() {
        return Role::Entry;
    }
    match report.kind {
        OrderKind::Market => Role::Close,
        OrderKind::Limit => Role::Target,
        OrderKind::Stop | OrderKind::StopLimit | OrderKind::TrailingStop => Role::Stop,
        OrderKind::Other => report.role.unwrap_or(Role::Close),
    }
}

/// An order that the broker does not know any more: it is over, without a further fill.
pub(crate) fn gone(tx: &mut Transaction, id: &BrokerOrderId, now: Timestamp, out: &mut Transition) {
    let Some(order) = tx.orders.iter().find(|o| o.broker_id == *id) else { return };
    let mut over = report_of(order, tx);
    over.status = OrderStatus::Canceled;
    over.updated_at = over.updated_at.max(now);
    over.reject = Some("the broker does not know it any more".to_owned());
    merge(tx, &over, None, now, out);
    settle(tx, now, out);
}

/// How an order stood at a moment, by a complete read: newer than what its broker promised before.
pub(crate) fn read_back(
    tx: &mut Transaction,
    report: &OrderReport,
    as_of: Timestamp,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(order) = tx.orders.iter().find(|o| o.broker_id == report.broker_id) else { return };
    let (slice, role) = (order.slice, order.role);
    let (before, after) = (order.trigger.or(order.limit), report.trigger.or(report.limit));
    out.fact(tx, now, FactKind::Difference, Source::Recovery, |fact| {
        fact.code = "READ_BACK".into();
        fact.slice = Some(slice);
        (fact.before, fact.after) = (before.map(Price::get), after.map(Price::get));
        fact.text = format!(
            "{} order {} is not what the broker confirmed; it is {}",
            role.as_str(),
            report.broker_id,
            report.status.as_str()
        );
    });
    // Its replacement was believed and is not so, whatever stands beside it.
    let over = tx.orders.iter_mut().find(|o| o.broker_id == report.broker_id);
    if let Some(order) = over.filter(|o| o.status == OrderStatus::Replaced) {
        order.status = OrderStatus::PendingReplace;
    }
    let read = OrderReport { updated_at: as_of.max(report.updated_at), ..report.clone() };
    merge(tx, &read, None, now, out);
    settle(tx, now, out);
}

/// Whether the leg says of the order what is known. It is no news then, and makes nothing newer.
fn shows(order: &Order, leg: &BracketLeg) -> bool {
    order.status == leg.status
        && order.limit == leg.limit
        && order.trigger == leg.trigger
        && order.quantity == leg.quantity
        && order.filled == leg.filled
}

/// Merges the legs that a plugin returned for the bracket of a slice, for a row that was given to it at
/// `since`. A leg has no time. One that nobody knew was made after that, and what the broker tells of it
/// from then on is newer; one that was known counts as of now, or a page from before its change would
/// undo it. So does one that is not at its venue yet: nothing of it can have gone.
pub(super) fn merge_legs(
    tx: &mut Transaction,
    slice: SliceNo,
    legs: &[BracketLeg],
    since: Timestamp,
    now: Timestamp,
    out: &mut Transition,
) {
    for leg in legs {
        let known = tx.orders.iter().find(|o| o.broker_id == leg.broker_id);
        if known.is_some_and(|order| shows(order, leg)) {
            continue;
        }
        let kind = match leg.role {
            Role::Stop => OrderKind::Stop,
            Role::Target | Role::Entry => OrderKind::Limit,
            Role::Close => OrderKind::Market,
        };
        let mut order = known.cloned().unwrap_or_else(|| Order {
            broker_id: leg.broker_id.clone(),
            client_id: leg.client_id.clone(),
            group: None,
            slice,
            role: leg.role,
            side: tx.direction.exit_side(),
            kind,
            quantity: leg.quantity,
            filled: Quantity::ZERO,
            avg_price: None,
            limit: leg.limit,
            trigger: leg.trigger,
            status: leg.status,
            updated_at: if leg.status == OrderStatus::PendingNew { now } else { since.min(now) },
            stuck: false,
        });
        if known.is_some() {
            order.updated_at = order.updated_at.max(now);
        } else {
            tx.orders.push(order.clone());
        }
        let mut report = report_of(&order, tx);
        report.status = leg.status;
        report.quantity = leg.quantity;
        report.filled = if leg.filled > order.filled { leg.filled } else { order.filled };
        report.avg_price = order.avg_price.or(leg.limit).or(leg.trigger);
        report.limit = leg.limit;
        report.trigger = leg.trigger;
        merge(tx, &report, None, now, out);
    }
}
