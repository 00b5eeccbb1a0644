//! What a broker confirmed and a complete read does not show.
//!
//! Apart because a report's own time is that of the order's last change: an order that was never
//! changed, although its change was confirmed, tells nothing newer than the promise. Only the time
//! of the read does. No order that a command is under way for is judged here.

use crate::apply::{Transition, read_back};
use crate::book::Book;
use crate::broker::{OrderReport, Picture};
use crate::ids::AccountName;
use crate::limits::SETTLE_MS;
use crate::order::{Order, OrderStatus};
use crate::time::Timestamp;
use crate::transaction::Transaction;

/// Believes the read where it began long enough after the promise.
pub(super) fn compare(
    book: &mut Book,
    name: &AccountName,
    picture: &Picture,
    now: Timestamp,
    out: &mut Transition,
) {
    for report in picture.orders.iter().filter(|report| !report.status.is_terminal()) {
        let key = (name.clone(), report.broker_id.clone());
        let Some(id) = book.orders.get(&key).copied() else { continue };
        let Some(tx) = book.transactions.get(&id) else { continue };
        if is_broken(tx, report, picture.as_of) {
            book.change(id, out, |tx, out| read_back(tx, report, picture.as_of, now, out));
        }
    }
}

fn is_broken(tx: &Transaction, report: &OrderReport, as_of: Timestamp) -> bool {
    let Some(order) = tx.orders.iter().find(|o| o.broker_id == report.broker_id) else {
        return false;
    };
    if !tx.ops.is_empty() || as_of.ms_since(order.updated_at) < SETTLE_MS {
        return false;
    }
    match order.status {
        // Another order was to stand in its place; if one does, it stands beside that.
        OrderStatus::Replaced => true,
        status => !status.is_terminal() && differs(order, report),
    }
}

fn differs(order: &Order, report: &OrderReport) -> bool {
    let moved = |ours, theirs: Option<_>| theirs.is_some() && ours != theirs;
    order.quantity != report.quantity
        || moved(order.trigger, report.trigger)
        || moved(order.limit, report.limit)
}
