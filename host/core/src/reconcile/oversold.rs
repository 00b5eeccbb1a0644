//! What exits of ours sold beyond what their transaction held.
//!
//! Apart because the position behind several transactions is one: such a sale took what another of
//! them held, and that must not be told as the doing of strangers. It happens where a loss by other
//! hands was booked to one transaction and its stop filled before it could shrink, or where a venue
//! lets both exits of a pair fill. Nothing is sent from here.

use rust_decimal::Decimal;

use crate::apply::{Elsewhere, Transition, left_elsewhere};
use crate::book::Book;
use crate::command::{NewOrder, OpKind};
use crate::fact::FactKind;
use crate::ids::{AccountName, Symbol, TransactionId};
use crate::intent::Source;
use crate::money::{Price, Quantity};
use crate::order::{Direction, Role};
use crate::time::Timestamp;
use crate::transaction::Transaction;

/// What the transaction's exits sold beyond what it held. Only once all of its entry is known: an
/// exit that the entry carries may be heard of before the fill that it ends.
fn excess(tx: &Transaction) -> Quantity {
    let carries = |new: &NewOrder| new.stop_loss.is_some() || new.take_profit.is_some();
    let enters = tx.ops.iter().any(|op| matches!(&op.kind, OpKind::Submit(new) if carries(new)));
    let is_over = tx.entry.ended && tx.resting_entry().is_none() && !enters;
    if is_over { tx.exited.minus(tx.entered) } else { Quantity::ZERO }
}

/// Books up to `missing` of what was sold so to the transactions that held it, the youngest first.
/// Gives what is still missing.
pub(super) fn hand_over(
    book: &mut Book,
    name: &AccountName,
    (symbol, side): (&Symbol, Direction),
    missing: Quantity,
    now: Timestamp,
    out: &mut Transition,
) -> Quantity {
    let ids = |is_meant: &dyn Fn(&Transaction) -> bool| -> Vec<TransactionId> {
        let all = book.transactions.values();
        let own = all.filter(|tx| {
            tx.account == *name && tx.symbol == *symbol && tx.direction == side && is_meant(tx)
        });
        own.map(|tx| tx.id).collect()
    };
    let sellers = ids(&|tx| !excess(tx).is_zero());
    let holders = ids(&|tx| !tx.held().is_zero());
    let mut missing = missing;
    for seller in sellers {
        for holder in holders.iter().rev() {
            let sold = book.transactions.get(&seller).map_or(Quantity::ZERO, |tx| excess(tx));
            let held = book.transactions.get(holder).map_or(Quantity::ZERO, |tx| tx.held());
            let quantity = sold.min(held).min(missing);
            if quantity.is_zero() {
                continue;
            }
            missing = missing.minus(quantity);
            let price = book.change(seller, out, |tx, out| give(tx, *holder, quantity, now, out));
            let left = (quantity, price.flatten());
            book.change(*holder, out, |tx, out| {
                left_elsewhere(tx, Elsewhere::Netted(seller), left, now, out);
            });
        }
    }
    missing
}

/// Takes a part of what its exits sold out of the seller's own account. Gives its price.
fn give(
    tx: &mut Transaction,
    to: TransactionId,
    quantity: Quantity,
    now: Timestamp,
    out: &mut Transition,
) -> Option<Price> {
    let exits = tx.orders.iter().filter(|o| o.role != Role::Entry && !o.filled.is_zero());
    let price = exits.max_by_key(|order| order.updated_at).and_then(|order| order.avg_price);
    let value = price.map_or(Decimal::ZERO, |price| price.get().saturating_mul(quantity.get()));
    tx.exited = tx.exited.minus(quantity);
    tx.exited_value = tx.exited_value.saturating_sub(value);
    out.fact(tx, now, FactKind::Difference, Source::Recovery, |fact| {
        fact.code = "NETTED".into();
        fact.quantity = Some(quantity.get());
        fact.after = price.map(Price::get);
        fact.text = format!("its exits sold what transaction {to} held; the fill is that one's");
    });
    price
}
