//! What somebody else did to an order of ours at the broker.
//!
//! Apart because only policies are told: planning looks at how things stand and needs no cause. What
//! a command of ours that is not settled may have done is never taken for somebody else's.

use super::{NoticeKind, Transition};
use crate::command::OpLegs;
use crate::order::{Leg, Order, OrderStatus, Role};
use crate::transaction::Transaction;

/// An order before a report of the broker.
pub(super) struct Seen {
    order: Order,
    /// Whether a command of ours about it was not settled yet.
    is_ours: bool,
}

/// Looks at an order before a report is merged.
pub(super) fn look(tx: &Transaction, order: &Order) -> Seen {
    let is_ours = match order.role {
        Role::Stop => {
            tx.ops.iter().any(|op| op.slice == order.slice && op.legs.overlaps(OpLegs::Stop))
        }
        Role::Target => {
            tx.ops.iter().any(|op| op.slice == order.slice && op.legs.overlaps(OpLegs::Target))
        }
        Role::Entry | Role::Close => !tx.ops.is_empty(),
    };
    Seen { order: order.clone(), is_ours }
}

/// Tells what the report changed that no command of ours had asked for.
pub(super) fn tell(tx: &Transaction, before: &Seen, at: usize, out: &mut Transition) {
    let Some(after) = tx.orders.get(at).filter(|_| !before.is_ours) else { return };
    let was = &before.order;
    if is_changing(was.status) {
        return;
    }
    let is_moved = (was.limit, was.trigger) != (after.limit, after.trigger);
    let is_resized = was.quantity != after.quantity;
    let leg = match was.role {
        Role::Stop => Leg::Stop,
        Role::Target => Leg::Target,
        Role::Entry if is_moved || is_resized => {
            return out.notice(tx, NoticeKind::EntryChanged);
        }
        Role::Entry | Role::Close => return,
    };
    let price = |order: &Order| match leg {
        Leg::Stop => order.trigger,
        Leg::Target => order.limit,
    };
    let what = match after.status {
        // The end of one of a pair ends the other.
        OrderStatus::Canceled if is_last(tx, after) => "canceled",
        _ if is_moved && price(was).is_some() && !after.status.is_terminal() => "moved",
        _ if is_resized && !after.status.is_terminal() => "resized",
        _ => return,
    };
    let after = (what != "canceled").then(|| price(after)).flatten();
    out.notice(tx, NoticeKind::Outside { leg, what, before: price(was), after });
}

/// Whether something is held that the order was to end, and no other of its pair has done so.
fn is_last(tx: &Transaction, order: &Order) -> bool {
    let is_held = tx.slice(order.slice).is_some_and(|slice| !slice.held.is_zero());
    let filled = |other: &Order| {
        other.slice == order.slice && other.role != Role::Entry && !other.filled.is_zero()
    };
    is_held && !tx.orders.iter().any(filled)
}

/// Whether a change or an end of the order is under way already, or over.
fn is_changing(status: OrderStatus) -> bool {
    status.is_terminal()
        || matches!(status, OrderStatus::PendingReplace | OrderStatus::PendingCancel)
}
