//! What a fill does to the held quantity and its slices.
//!
//! Apart because slices must always add up to what is held, whatever filled and in which order.

use super::{NoticeKind, Transition};
use crate::fact::FactKind;
use crate::ids::{SliceNo, TransactionId};
use crate::intent::Source;
use crate::limits::{GATHER_MS, SIBLING_GRACE_MS, SLICES_MAX};
use crate::money::{Price, Quantity};
use crate::order::{Leg, Role};
use crate::protection::Protection;
use crate::time::Timestamp;
use crate::transaction::{EntryGuard, Slice, Task, Transaction, TransactionEvent};

/// One increase of an order's filled quantity.
pub(super) struct Filled {
    pub(super) role: Role,
    pub(super) slice: SliceNo,
    pub(super) quantity: Quantity,
    pub(super) price: Option<Price>,
    /// When it filled, as far as the broker tells; never later than now.
    pub(super) at: Timestamp,
}

pub(super) fn filled(tx: &mut Transaction, fill: &Filled, now: Timestamp, out: &mut Transition) {
    let value = fill
        .price
        .map_or(crate::Decimal::ZERO, |price| price.get().saturating_mul(fill.quantity.get()));
    let kind = if fill.role == Role::Entry { FactKind::EntryFilled } else { FactKind::ExitFilled };
    out.fact(tx, now, kind, Source::Broker, |fact| {
        fact.code = fill.role.as_str().into();
        fact.slice = Some(fill.slice);
        fact.quantity = Some(fill.quantity.get());
        fact.after = fill.price.map(Price::get);
    });
    match fill.role {
        Role::Entry => {
            let first = tx.entered.is_zero();
            // What left before its entry was heard of is not held any more.
            let left_already = tx.exited.minus(tx.entered);
            tx.entered = tx.entered.plus(fill.quantity);
            tx.entered_value = tx.entered_value.saturating_add(value);
            hold(tx, fill.quantity.minus(left_already), now);
            // The clock counts from the fill, not from when it was heard of (I5).
            let exposed = tx.desired.stop.is_some() && !tx.held().is_zero();
            if exposed && tx.protection.gap_since().is_none() {
                tx.protection = Protection::Pending { since: fill.at };
            }
            if let Some(next) = tx.status.after(TransactionEvent::EntryFilled) {
                super::settle::become_status(tx, next, ("entry_filled", Source::Broker), now, out);
            }
            if first {
                tx.opened_at = Some(now);
                tx.initial_stop = tx.desired.stop;
                out.notice(tx, NoticeKind::Opened);
            }
            let (quantity, price) = (fill.quantity, fill.price);
            out.notice(tx, NoticeKind::EntryFilled { quantity, price });
        }
        Role::Stop | Role::Target | Role::Close => {
            tx.exited = tx.exited.plus(fill.quantity);
            tx.exited_value = tx.exited_value.saturating_add(value);
            release(tx, fill, now, out);
            shrink_growth(tx, fill.quantity);
            let leg = match fill.role {
                Role::Stop => Some(Leg::Stop),
                Role::Target => Some(Leg::Target),
                Role::Entry | Role::Close => None,
            };
            let (quantity, price) = (fill.quantity, fill.price);
            out.notice(tx, NoticeKind::ExitFilled { quantity, price, leg });
        }
    }
}

/// By whom quantity left that no order of the transaction sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// By no order of ours.
    Outside,
    /// By exits of this transaction, beyond what it held itself: the position is one.
    Netted(TransactionId),
}

/// Quantity that left by no order of the transaction, as two complete reads of the account agree.
pub(crate) fn left_elsewhere(
    tx: &mut Transaction,
    by: Elsewhere,
    (quantity, price): (Quantity, Option<Price>),
    now: Timestamp,
    out: &mut Transition,
) {
    let value =
        price.map_or(crate::Decimal::ZERO, |price| price.get().saturating_mul(quantity.get()));
    out.fact(tx, now, FactKind::ExitFilled, Source::Recovery, |fact| {
        fact.quantity = Some(quantity.get());
        fact.after = price.map(Price::get);
        (fact.code, fact.text) = match by {
            Elsewhere::Outside => (
                "external".into(),
                "left by no order of ours; the price is the market's at that time".to_owned(),
            ),
            Elsewhere::Netted(other) => (
                "netted".into(),
                format!("sold by exits of transaction {other}, beyond what that held"),
            ),
        };
    });
    tx.exited = tx.exited.plus(quantity);
    tx.exited_value = tx.exited_value.saturating_add(value);
    let fill = Filled { role: Role::Close, slice: SliceNo(0), quantity, price, at: now };
    release(tx, &fill, now, out);
    shrink_growth(tx, quantity);
    out.notice(tx, NoticeKind::ExitFilled { quantity, price, leg: None });
    super::settle(tx, now, out);
}

/// What leaves during a growth is not bought back, and where nothing is left there is nothing to
/// grow.
fn shrink_growth(tx: &mut Transaction, left: Quantity) {
    let is_over = tx.held().is_zero();
    if let Some(Task::Grow { to }) = &mut tx.task {
        *to = to.minus(left);
        if is_over {
            tx.task = None;
        }
    }
}

/// Adds entered quantity to the slice that gathers, or to a new one.
fn hold(tx: &mut Transaction, quantity: Quantity, now: Timestamp) {
    if quantity.is_zero() {
        return;
    }
    let carried = tx.entry.guard != EntryGuard::Plain && !tx.entry.ended;
    let is_sent = |tx: &Transaction, no: SliceNo| {
        tx.exits(no).next().is_some()
            || tx.ops.iter().any(|op| {
                op.slice == no && op.legs != crate::command::OpLegs::Entry && !op.state.is_settled()
            })
    };
    let joins = match tx.slices.last() {
        None => false,
        // Exits that the entry carries cover all of it: they are one slice.
        Some(_) if carried => true,
        Some(last) => !is_sent(tx, last.no) || tx.slices.len() >= SLICES_MAX,
    };
    if let (true, Some(last)) = (joins, tx.slices.last_mut()) {
        last.held = last.held.plus(quantity);
        return;
    }
    let no = SliceNo(u8::try_from(tx.slices.len()).unwrap_or(u8::MAX));
    // The first fill is protected at once; later ones wait a moment for their neighbors.
    let gather_until = if tx.slices.is_empty() { now } else { now.plus_ms(GATHER_MS) };
    tx.slices.push(Slice::new(no, quantity, gather_until));
}

/// Takes quantity out: from the exit's own slice first, then as parts give up what they hold.
fn release(tx: &mut Transaction, fill: &Filled, now: Timestamp, out: &mut Transition) {
    let mut left = fill.quantity;
    let own = (fill.role != Role::Close).then_some(fill.slice);
    let order: Vec<SliceNo> = own
        .into_iter()
        .chain(tx.parting_order().into_iter().filter(|no| Some(*no) != own))
        .collect();
    for no in order {
        let Some(slice) = tx.slices.iter_mut().find(|s| s.no == no) else { continue };
        let taken = if slice.held < left { slice.held } else { left };
        if !taken.is_zero() {
            slice.held = slice.held.minus(taken);
            slice.retry_at = Some(now.plus_ms(SIBLING_GRACE_MS));
            crate::ladder::left_slice(tx, no, taken);
        }
        left = left.minus(taken);
    }
    if !left.is_zero() {
        // Both exits of a pair can fill in a fast market (Alpaca's own warning for OCO orders).
        out.fact(tx, now, FactKind::Alarm, Source::Broker, |fact| {
            fact.code = "OVERSOLD".into();
            fact.quantity = Some(left.get());
            fact.text = "exits filled more than was held: the position may have turned over; \
                         look at the broker and flatten what is not wanted"
                .to_owned();
        });
    }
}
