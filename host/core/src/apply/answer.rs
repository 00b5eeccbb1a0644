//! What came of a command: taken, rejected, surely not sent, or unknown (I13).
//!
//! Apart because each outcome has one consequence for the outbox row, and none of them may be
//! guessed from another. No command is planned here.

use super::idle::Tried;
use super::look_up::{another, is_of};
use super::report::{merge, merge_legs};
use super::{NoticeKind, Transition, settle};
use crate::book::{Book, OnBreached};
use crate::broker::Fault;
use crate::bug::{self, Bug};
use crate::command::{
    Answer, BracketLeg, DUPLICATE_CLIENT_ID, How, Op, OpKind, OpLegs, OpState, Progress, Read,
};
use crate::fact::FactKind;
use crate::ids::{AccountName, BrokerOrderId, OpId, SliceNo};
use crate::intent::Source;
use crate::limits;
use crate::order::{Order, OrderStatus, Role};
use crate::time::Timestamp;
use crate::transaction::{Task, Transaction, TransactionEvent};

/// The neutral code of a stop that would act at once.
const STOP_THROUGH_MARKET: &str = "STOP_THROUGH_MARKET";
const WASH_TRADE: &str = "WASH_TRADE";

pub(super) fn answered(
    book: &mut Book,
    account: &AccountName,
    op: &OpId,
    answer: Answer,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(id) = book.owner_of_op(account, op) else { return };
    let on_breached = book.accounts.get(account).map(|a| a.rules.on_breached).unwrap_or_default();
    let given = book.given.remove(op).unwrap_or_default();
    book.change(id, out, |tx, out| {
        let Some(at) = tx.ops.iter().position(|o| o.id == *op) else { return };
        match answer {
            Answer::Adjusted { legs, how, progress, memo } => {
                let slice = tx.ops[at].slice;
                if let Some(slice) = tx.slices.iter_mut().find(|s| s.no == slice) {
                    slice.memo = memo;
                }
                let legs = without_ended(tx, legs);
                match how {
                    How::ReplacedInPlace => retire_replaced(tx, at, &legs, &given, now, out),
                    How::CancelRequested => mark_pending_cancel(tx, slice, &legs, now),
                    How::Unchanged | How::NewLeg => {}
                }
                if !(how == How::ReplacedInPlace && bug::is(Bug::M3)) {
                    let since = tx.ops[at].planned_at;
                    merge_legs(tx, slice, &news(tx, legs, &given), since, now, out);
                }
                let idle = how == How::Unchanged && progress == Progress::Confirmed;
                let tried = idle.then(|| Tried::of(tx, &tx.ops[at]));
                progressed(tx, at, progress, now, out);
                if let Some(tried) = tried {
                    super::idle::done_without_progress(tx, &tried, now, out);
                }
            }
            Answer::Placed { order, progress } => {
                if let Some(report) = &order
                    && !is_of(tx, &tx.ops[at], report)
                {
                    return doubt(tx, at, format!("PLUGIN_LIED: {}", another(report)), now, out);
                }
                if let Some(report) = order {
                    let tie = Some((tx.ops[at].slice, tx.ops[at].legs));
                    merge(tx, &report, tie, now, out);
                }
                progressed(tx, at, progress, now, out);
            }
            // Something with this id is there already: an effect that came late (I13).
            Answer::Rejected(fault) if fault.code == DUPLICATE_CLIENT_ID => {
                doubt(tx, at, format!("{}: {}", fault.code, fault.message), now, out);
            }
            // An earlier sending of the row is still in doubt: what came of this one settles
            // nothing (I13).
            Answer::Rejected(fault) | Answer::NotSent { fault, .. }
                if tx.ops[at].evidence.is_some() =>
            {
                doubt(tx, at, format!("{}: {}", fault.code, fault.message), now, out);
            }
            Answer::Rejected(fault) => rejected(tx, at, fault, on_breached, now, out),
            Answer::NotSent { fault, after_ms } => {
                let retry_at = now.plus_ms(after_ms.max(again_pause_ms(tx, &tx.ops[at])));
                let text = format!("{}: {}", fault.code, fault.message);
                set_state(tx, at, OpState::NotSent { retry_at }, &text, now, out);
            }
            Answer::Unknown(fault) if bug::is(Bug::M1) => {
                rejected(tx, at, fault, on_breached, now, out);
            }
            Answer::Unknown(fault) => {
                doubt(tx, at, format!("{}: {}", fault.code, fault.message), now, out);
            }
        }
        settle(tx, now, out);
    });
}

/// The legs without those that have ended by now: a plugin hands back the list that it was given,
/// and only the broker's own word revives an order.
fn without_ended(tx: &Transaction, legs: Vec<BracketLeg>) -> Vec<BracketLeg> {
    let has_ended = |leg: &BracketLeg| {
        let known = tx.orders.iter().find(|o| o.broker_id == leg.broker_id);
        !leg.status.is_terminal() && known.is_some_and(|o| o.status.is_terminal())
    };
    legs.into_iter().filter(|leg| !has_ended(leg)).collect()
}

/// The legs without those of known orders that the plugin only hands back: while the command waited for
/// its turn, something newer may have been told of them.
fn news(tx: &Transaction, legs: Vec<BracketLeg>, given: &[BracketLeg]) -> Vec<BracketLeg> {
    let same = |leg: &BracketLeg, one: &BracketLeg| {
        let terms = |l: &BracketLeg| (l.status, l.limit, l.trigger, l.quantity, l.filled);
        leg.broker_id == one.broker_id && terms(leg) == terms(one)
    };
    let is_known = |leg: &BracketLeg| tx.orders.iter().any(|o| o.broker_id == leg.broker_id);
    let is_echo = |leg: &BracketLeg| given.iter().any(|one| same(leg, one));
    legs.into_iter().filter(|leg| !(is_known(leg) && is_echo(leg))).collect()
}

/// A leg whose price was changed in place: where the broker gave it a new id, the old order is
/// over, whether or not its own report has arrived. Where it could be one of several, they are
/// asked for, and nothing is done until they have told.
pub(super) fn retire_replaced(
    tx: &mut Transaction,
    at: usize,
    legs: &[BracketLeg],
    given: &[BracketLeg],
    now: Timestamp,
    out: &mut Transition,
) {
    let old = replaced_by(tx, at, legs, given);
    let of_role = |role: Role| tx.orders.iter().filter(move |o| o.role == role);
    let is_unclear = |role: Role| of_role(role).filter(|o| old.contains(&o.broker_id)).count() > 1;
    let unclear: Vec<Role> =
        [Role::Stop, Role::Target].into_iter().filter(|role| is_unclear(*role)).collect();
    let slice = tx.ops[at].slice;
    let (asked, over): (Vec<BrokerOrderId>, Vec<BrokerOrderId>) = old
        .into_iter()
        .partition(|id| tx.orders.iter().any(|o| o.broker_id == *id && unclear.contains(&o.role)));
    ask_whether_replaced(tx, asked, out);
    for order in tx.orders.iter_mut().filter(|o| over.contains(&o.broker_id)) {
        order.status = OrderStatus::Replaced;
        order.updated_at = order.updated_at.max(now);
    }
    for id in over {
        out.fact(tx, now, FactKind::OrderChanged, Source::Broker, |fact| {
            fact.code = OrderStatus::Replaced.as_str().into();
            fact.slice = Some(slice);
            fact.text = format!("order {id} was replaced");
        });
    }
}

/// What the list of a look-up does not show any more, with another order in its place, is asked for: a
/// list may be older than what is known, and retires nothing by itself.
pub(super) fn ask_for_replaced(
    tx: &mut Transaction,
    at: usize,
    legs: &[BracketLeg],
    out: &mut Transition,
) {
    let old = replaced_by(tx, at, legs, &[]);
    ask_whether_replaced(tx, old, out);
}

/// Nothing is done about these until they have told.
fn ask_whether_replaced(tx: &mut Transaction, orders: Vec<BrokerOrderId>, out: &mut Transition) {
    if orders.is_empty() {
        return;
    }
    for order in tx.orders.iter_mut().filter(|o| orders.contains(&o.broker_id)) {
        order.status = OrderStatus::PendingReplace;
    }
    out.reads.push((tx.account.clone(), Read::Refresh { orders }));
}

/// Exits that the legs do not list, where they list a new order of the same role. What the command named
/// (`given`) was known when it left, whatever the clocks say; of the rest the time tells.
fn replaced_by(
    tx: &Transaction,
    at: usize,
    legs: &[BracketLeg],
    given: &[BracketLeg],
) -> Vec<BrokerOrderId> {
    let (slice, of, sent_at) = (tx.ops[at].slice, tx.ops[at].legs, tx.ops[at].sent_at);
    let concerns = |role: Role| match role {
        Role::Stop => of.overlaps(OpLegs::Stop),
        Role::Target => of.overlaps(OpLegs::Target),
        Role::Entry | Role::Close => false,
    };
    let was_known = |order: &Order| {
        order.updated_at <= sent_at || given.iter().any(|leg| leg.broker_id == order.broker_id)
    };
    // One that was known when the command left took nobody's place by it, and what the broker made
    // afterwards was in nobody's list.
    let is_new =
        |leg: &BracketLeg| tx.orders.iter().all(|o| o.broker_id != leg.broker_id || !was_known(o));
    let live = tx.exits(slice).filter(|o| concerns(o.role) && was_known(o));
    let old = live.filter(|o| {
        let stays = legs.iter().any(|leg| leg.broker_id == o.broker_id);
        !stays && legs.iter().any(|leg| leg.role == o.role && is_new(leg))
    });
    old.map(|o| o.broker_id.clone()).collect()
}

/// Exits that the plugin asked to cancel and does not list any more: they are going, and still
/// stand until the broker says that they are gone.
fn mark_pending_cancel(tx: &mut Transaction, slice: SliceNo, legs: &[BracketLeg], now: Timestamp) {
    let exits = tx.orders.iter_mut().filter(|o| o.slice == slice && o.is_working_exit());
    for order in exits.filter(|o| legs.iter().all(|leg| leg.broker_id != o.broker_id)) {
        order.status = OrderStatus::PendingCancel;
        order.updated_at = order.updated_at.max(now);
    }
}

/// Exits that count as live and that the broker's word leaves out are asked for by their id: a list
/// proves nothing, and the news of their end may be lost.
pub(super) fn ask_for_unlisted(
    tx: &Transaction,
    slice: SliceNo,
    legs: &[BracketLeg],
    out: &mut Transition,
) {
    let unlisted = tx.exits(slice).filter(|o| legs.iter().all(|leg| leg.broker_id != o.broker_id));
    let orders: Vec<BrokerOrderId> = unlisted.map(|order| order.broker_id.clone()).collect();
    if !orders.is_empty() {
        out.reads.push((tx.account.clone(), Read::Refresh { orders }));
    }
}

fn progressed(
    tx: &mut Transaction,
    at: usize,
    progress: Progress,
    now: Timestamp,
    out: &mut Transition,
) {
    match progress {
        Progress::Confirmed | Progress::Accepted => {
            let waits_for = match &tx.ops[at].kind {
                OpKind::Cancel { order } => Some(order.clone()),
                OpKind::Submit(_) | OpKind::Close(_) | OpKind::Adjust { .. } => None,
            };
            match waits_for {
                Some(order) => await_end(tx, at, order, now, out),
                None => done(tx, at, now, out),
            }
        }
        Progress::WaitingFor(order) => await_end(tx, at, order, now, out),
        Progress::Challenge { code, text } => {
            let message = format!("the broker asks first ({code}): {text}");
            let fault = Fault::new("CONFIRMATION_REQUIRED", message);
            rejected(tx, at, fault, OnBreached::Alert, now, out);
        }
    }
}

pub(super) fn await_end(
    tx: &mut Transaction,
    at: usize,
    order: BrokerOrderId,
    now: Timestamp,
    out: &mut Transition,
) {
    let ended = tx.orders.iter().any(|o| o.broker_id == order && o.status.is_terminal());
    if ended {
        done(tx, at, now, out);
    } else {
        set_state(tx, at, OpState::Awaiting { order }, "", now, out);
    }
}

pub(super) fn done(tx: &mut Transaction, at: usize, now: Timestamp, out: &mut Transition) {
    let op = &tx.ops[at];
    let (what, slice, adjusts) =
        (op.kind.as_str(), op.slice, matches!(op.kind, OpKind::Adjust { .. }));
    if adjusts && let Some(slice) = tx.slices.iter_mut().find(|s| s.no == slice) {
        slice.rejections = 0;
        slice.rejected_version = None;
        slice.breached = false;
    }
    set_state(tx, at, OpState::Done, "", now, out);
    out.notice(tx, NoticeKind::Acknowledged { what });
}

/// The order of its own that the row makes, where it is known to live.
fn lives(tx: &Transaction, op: &Op) -> Option<BrokerOrderId> {
    let (OpKind::Submit(asked) | OpKind::Close(asked)) = &op.kind else { return None };
    let is_its_own = |o: &&Order| {
        o.client_id.as_ref() == Some(&op.client_id)
            && o.side == asked.side
            && o.quantity <= asked.quantity
            && !o.status.is_terminal()
    };
    tx.orders.iter().find(is_its_own).map(|order| order.broker_id.clone())
}

pub(super) fn rejected(
    tx: &mut Transaction,
    at: usize,
    fault: Fault,
    on_breached: OnBreached,
    now: Timestamp,
    out: &mut Transition,
) {
    let (slice, kind, version) = (tx.ops[at].slice, tx.ops[at].kind.clone(), tx.ops[at].version);
    let text = format!("{}: {}", fault.code, fault.message);
    if let Some(legs) = &fault.legs_now {
        merge_legs(tx, slice, legs, tx.ops[at].planned_at, now, out);
    }
    // It was made all the same: its own reports tell what becomes of it.
    if let Some(order) = lives(tx, &tx.ops[at]) {
        out.reads.push((tx.account.clone(), Read::Refresh { orders: vec![order] }));
        return set_state(tx, at, OpState::Done, &text, now, out);
    }
    match kind {
        // Too late or too early to cancel: the order itself will tell which.
        OpKind::Cancel { .. } => {
            doubt(tx, at, text, now, out);
            return;
        }
        OpKind::Submit(_) if tx.entered.is_zero() => {
            tx.entry.ended = true;
            if let Some(next) = tx.status.after(TransactionEvent::EntryFailed) {
                let why = ("entry_rejected", Source::Broker);
                super::settle::become_status(tx, next, why, now, out);
            }
        }
        OpKind::Submit(_) if matches!(tx.task, Some(Task::Grow { .. })) => tx.task = None,
        // A close that was asked for meanwhile goes on.
        OpKind::Submit(_) => {}
        OpKind::Close(_) => {
            close_failed(tx, "close_rejected", now, out);
            if fault.code == WASH_TRADE {
                tx.close_retry_at = Some(now.plus_ms(limits::WASH_RETRY_MS));
            }
        }
        OpKind::Adjust { .. } => {
            let breached = fault.code == STOP_THROUGH_MARKET;
            if let Some(slice) = tx.slices.iter_mut().find(|s| s.no == slice) {
                slice.rejections += 1;
                slice.rejected_version = Some(version);
                slice.retry_at = Some(now.plus_ms(retry_pause_ms(slice.rejections)));
                slice.breached = breached;
            }
            // The broker may know of the exits what was not heard here.
            ask_for_unlisted(tx, slice, fault.legs_now.as_deref().unwrap_or_default(), out);
            match on_breached {
                OnBreached::Close if breached => {
                    let why = "the stop is already through the market";
                    host_close(tx, "stop_breached", why, now, out);
                }
                OnBreached::Keep | OnBreached::Alert | OnBreached::Close => {}
            }
        }
    }
    set_state(tx, at, OpState::Rejected, &text, now, out);
    out.notice(tx, NoticeKind::Rejected { what: kind.as_str(), fault });
}

/// The host itself closes what is held; after a close that failed it waits before the next.
pub(crate) fn host_close(
    tx: &mut Transaction,
    reason: &'static str,
    why: &str,
    now: Timestamp,
    out: &mut Transition,
) {
    if tx.close_retry_at.is_some_and(|at| now < at) {
        return;
    }
    let Some(next) = tx.status.after(TransactionEvent::CloseAsked) else { return };
    let why = why.to_owned();
    out.fact(tx, now, FactKind::CloseAsked, Source::Host, |fact| fact.text.clone_from(&why));
    tx.task = Some(Task::Close { why, source: Source::Host });
    super::settle::become_status(tx, next, (reason, Source::Host), now, out);
}

/// A close came to nothing: what is held is OPENED again, and protected again.
pub(super) fn close_failed(
    tx: &mut Transaction,
    why: &'static str,
    now: Timestamp,
    out: &mut Transition,
) {
    tx.task = None;
    tx.close_failures = tx.close_failures.saturating_add(1);
    tx.close_retry_at = Some(now.plus_ms(retry_pause_ms(tx.close_failures)));
    if let Some(next) = tx.status.after(TransactionEvent::CloseFailed) {
        super::settle::become_status(tx, next, (why, Source::Broker), now, out);
    }
}

/// The pause after so many sendings of one row that came to nothing.
fn again_pause_ms(tx: &Transaction, op: &Op) -> u64 {
    let doubled = limits::AGAIN_MS_MIN.saturating_mul(1 << op.attempt.saturating_sub(4).min(16));
    doubled.min(match tx.protection.gap_since() {
        Some(_) => limits::AGAIN_EXPOSED_MS_MAX,
        None => limits::AGAIN_MS_MAX,
    })
}

/// The pause after so many rejections in a row: doubles, within bounds.
pub fn retry_pause_ms(rejections: u32) -> u64 {
    let doubled = limits::RETRY_MS_MIN.saturating_mul(1 << rejections.saturating_sub(1).min(16));
    doubled.min(limits::RETRY_MS_MAX)
}

/// Marks a row as unknown: from here only evidence settles it (I13).
pub(super) fn doubt(
    tx: &mut Transaction,
    at: usize,
    evidence: String,
    now: Timestamp,
    out: &mut Transition,
) {
    tx.ops[at].evidence = Some(evidence.clone());
    // It may have waited for its turn until just now: the settle window begins when nobody answers.
    tx.ops[at].sent_at = now;
    set_state(tx, at, OpState::unknown(now), &evidence, now, out);
}

pub(super) fn set_state(
    tx: &mut Transaction,
    at: usize,
    state: OpState,
    text: &str,
    now: Timestamp,
    out: &mut Transition,
) {
    let kind = match &state {
        OpState::Unknown { .. } => FactKind::Doubt,
        OpState::InFlight { .. }
        | OpState::NotSent { .. }
        | OpState::Awaiting { .. }
        | OpState::Done
        | OpState::Rejected
        | OpState::Stale => FactKind::Settled,
    };
    tx.ops[at].state = state;
    let op = tx.ops[at].clone();
    out.fact(tx, now, kind, Source::Broker, |fact| {
        fact.code = op.state.as_str().into();
        fact.slice = Some(op.slice);
        fact.op = Some(op.id.clone());
        fact.text = match text {
            "" => format!("{} {}", op.kind.as_str(), op.legs.as_str()),
            text => format!("{} {}: {text}", op.kind.as_str(), op.legs.as_str()),
        };
    });
    if op.state.is_settled() {
        tx.ops.remove(at);
    }
    out.ops.push((tx.id, op));
}
