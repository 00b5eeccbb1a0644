//! A row that surely was not sent, again under its own id, or given up.
//!
//! Apart because what was decided then need not be right now: the row passes the present state
//! once more. It must never change an id (I3), nor send what left or was given up meanwhile.

use crate::apply::{Transition, become_status, settle};
use crate::book::Book;
use crate::bug::{self, Bug};
use crate::command::{Change, Op, OpKind, OpState};
use crate::control::KillLevel;
use crate::fact::FactKind;
use crate::guard::wire;
use crate::ids::TransactionId;
use crate::instrument::Features;
use crate::intent::Source;
use crate::limits;
use crate::order::Order;
use crate::time::Timestamp;
use crate::transaction::{Task, Transaction, TransactionEvent};

/// Why nothing that opens or grows goes out.
const KILLED: &str = "the kill switch is on";
const DISK_FULL: &str = "the disk is full";

/// Sends the row again, or gives it up where it is too old or no longer wanted.
pub(super) fn again(
    book: &mut Book,
    id: TransactionId,
    op: &Op,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(tx) = book.transactions.get(&id) else { return };
    let Some(account) = book.accounts.get(&tx.account) else { return };
    let exit_tif = account.rules.exit_time_in_force;
    let multiplier = super::urgency::multiplier(account, &tx.symbol);
    let killed = book.kill_level(&tx.account) > KillLevel::Off && !bug::is(Bug::M19);
    let forbids = killed.then_some(KILLED).or(book.is_disk_full.then_some(DISK_FULL));
    let fate = fate(tx, op, forbids, now);
    let before = out.commands.len();
    book.change(id, out, |tx, out| {
        let Some(at) = tx.ops.iter().position(|o| o.id == op.id) else { return };
        match fate {
            Fate::GiveUp(why) => give_up(tx, at, OpState::Stale, why, now, out),
            Fate::Done(why) => give_up(tx, at, OpState::Done, why, now, out),
            Fate::Send => {
                let urgent = tx.protection.gap_since().is_some();
                let op = &mut tx.ops[at];
                op.state = OpState::in_flight();
                op.attempt += 1;
                op.sent_at = now;
                let op = op.clone();
                let command = super::command(tx, &op, urgent, exit_tif, multiplier);
                if let Some(why) = wire::violation(tx, &op, &command) {
                    wire::give_up(tx, op, &why, now, out);
                    return;
                }
                out.commands.push(command);
                out.ops.push((tx.id, op));
            }
        }
    });
    book.give(&out.commands[before..]);
}

/// Sends an unknown row again without a look-up, once, where that cannot do it twice: a stop or a
/// close is made by one order under the row's own id, and the account refuses an id that it has
/// ever seen. A stop that may have been lost is not kept waiting for the settle window.
pub(super) fn resend(
    book: &mut Book,
    id: TransactionId,
    op: &Op,
    now: Timestamp,
    out: &mut Transition,
) -> bool {
    let Some(tx) = book.transactions.get(&id) else { return false };
    let Some(account) = book.accounts.get(&tx.account) else { return false };
    let makes_new = match &op.kind {
        OpKind::Close(_) => true,
        OpKind::Adjust { stop, .. } => {
            matches!(stop, Change::Set(_)) && tx.exits(op.slice).next().is_none()
        }
        OpKind::Submit(_) | OpKind::Cancel { .. } => false,
    };
    let harmless = account.can(&tx.symbol, Features::CLIENT_ID_UNIQUE_FOREVER);
    let wanted = matches!(fate(tx, op, None, now), Fate::Send);
    if op.attempt > 1 || !makes_new || !harmless || !wanted {
        return false;
    }
    again(book, id, op, now, out);
    true
}

/// What becomes of the row.
enum Fate {
    /// It goes out.
    Send,
    /// It does not, for this reason.
    GiveUp(&'static str),
    /// What it asks for has happened.
    Done(&'static str),
}

/// `forbids` says why nothing that opens or grows goes out, where that is so.
fn fate(tx: &Transaction, op: &Op, forbids: Option<&'static str>, now: Timestamp) -> Fate {
    let known = |o: &Order| o.client_id.as_ref() == Some(&op.client_id);
    let makes_one = matches!(op.kind, OpKind::Submit(_) | OpKind::Close(_));
    if makes_one && tx.orders.iter().any(known) {
        return Fate::Done("its order is known, so it is not sent again");
    }
    let grows = matches!(tx.task, Some(Task::Grow { .. }));
    let stale = match &op.kind {
        OpKind::Submit(_) if forbids.is_some() => forbids,
        OpKind::Submit(_)
            if now.ms_since(op.planned_at) > limits::ENTRY_AGE_MS_MAX && !bug::is(Bug::M15) =>
        {
            Some("its price was for another moment")
        }
        OpKind::Submit(_) if tx.entry.cancel_asked && !tx.entry.ended => {
            Some("its cancel was asked for")
        }
        OpKind::Submit(_) => (tx.entry.ended && !grows).then_some("it is no longer wanted"),
        OpKind::Adjust { quantity, .. } => {
            let too_late = super::exits::came_too_late(tx, op.slice, *quantity);
            let held = tx.slice(op.slice).map(|slice| slice.held);
            let other = tx.desired.version != op.version
                || tx.held().is_zero()
                || held != Some(*quantity)
                || too_late
                || tx.task.is_some();
            other.then_some("something else is wanted by now")
        }
        // What left meanwhile must not be sold a second time.
        OpKind::Close(_) if bug::is(Bug::M11) => None,
        OpKind::Close(order) => (tx.task.is_none() || order.quantity > tx.held())
            .then_some("less is held by now, or it is no longer wanted"),
        OpKind::Cancel { order } => {
            let ended = tx.orders.iter().any(|o| o.broker_id == *order && o.status.is_terminal());
            if ended {
                return Fate::Done("it has ended by itself");
            }
            None
        }
    };
    stale.map_or(Fate::Send, Fate::GiveUp)
}

/// Ends a row whose order works on although its cancel was taken: what is wanted is planned anew.
pub(super) fn taken_back(
    book: &mut Book,
    id: TransactionId,
    op: &Op,
    now: Timestamp,
    out: &mut Transition,
) {
    book.change(id, out, |tx, out| {
        let Some(at) = tx.ops.iter().position(|o| o.id == op.id) else { return };
        let why = "the order works on; its cancel was taken back";
        give_up(tx, at, OpState::Rejected, why, now, out);
    });
}

fn give_up(
    tx: &mut Transaction,
    at: usize,
    state: OpState,
    why: &str,
    now: Timestamp,
    out: &mut Transition,
) {
    let mut op = tx.ops.remove(at);
    op.state = state;
    out.fact(tx, now, FactKind::Settled, Source::Host, |fact| {
        fact.code = op.state.as_str().into();
        fact.slice = Some(op.slice);
        fact.op = Some(op.id.clone());
        fact.text = format!("{}: {why}", super::describe(&op));
    });
    let is_given_up = op.state == OpState::Stale && matches!(op.kind, OpKind::Submit(_));
    if is_given_up && tx.entered.is_zero() {
        tx.entry.ended = true;
        if let Some(next) = tx.status.after(TransactionEvent::EntryFailed) {
            let word = if why == KILLED { "entry_killed" } else { "entry_stale" };
            become_status(tx, next, (word, Source::Host), now, out);
        }
    } else if is_given_up && matches!(tx.task, Some(Task::Grow { .. })) {
        tx.task = None;
    }
    out.ops.push((tx.id, op));
    // What waited for the row need not wait any more.
    settle(tx, now, out);
}
