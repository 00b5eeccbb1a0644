//! Orders that are missing from a complete read, and orders there that are not ours.
//!
//! Apart from positions because an order can be asked for by its id: absence from a list proves
//! nothing (reliability, case 37).

use std::collections::{BTreeMap, BTreeSet};

use super::fact;
use crate::apply::{Transition, gone};
use crate::book::Book;
use crate::broker::Picture;
use crate::command::Read;
use crate::fact::FactKind;
use crate::ids::{AccountName, BrokerOrderId, Symbol};
use crate::limits::SETTLE_MS;
use crate::time::Timestamp;

/// Orders of ours that rest in the book and are missing from the picture are asked for by id. The
/// answer is their symbols: how much of them is held is not known before that is told.
pub(super) fn vanished(
    book: &mut Book,
    name: &AccountName,
    picture: &Picture,
    out: &mut Transition,
) -> BTreeSet<Symbol> {
    let seen = |id: &BrokerOrderId| picture.orders.iter().any(|order| order.broker_id == *id);
    let (mut missing, mut symbols) = (Vec::new(), BTreeSet::new());
    for tx in book.transactions.values().filter(|tx| tx.account == *name) {
        let live = tx.orders.iter().filter(|order| !order.status.is_terminal());
        for order in live.filter(|order| !seen(&order.broker_id)) {
            missing.push(order.broker_id.clone());
            symbols.insert(tx.symbol.clone());
        }
    }
    if let Some(account) = book.accounts.get_mut(name) {
        account.doubts.orders.retain(|id, _| missing.contains(id));
    }
    if !missing.is_empty() {
        out.reads.push((name.clone(), Read::Refresh { orders: missing }));
    }
    symbols
}

/// The broker does not know these orders by their id. Said twice, the settle window apart, that is
/// believed: the order is over. The window is not measured by the daemon's own clock: set forward
/// between the two, it would make a broker's lag of a moment look like the end of a live order.
pub(crate) fn not_there(
    book: &mut Book,
    name: &AccountName,
    (orders, asked_at): (&[BrokerOrderId], Timestamp),
    now: Timestamp,
    out: &mut Transition,
) {
    for id in orders {
        let Some(owner) = book.orders.get(&(name.clone(), id.clone())).copied() else { continue };
        let Some(account) = book.accounts.get_mut(name) else { return };
        let first = *account.doubts.orders.entry(id.clone()).or_insert(asked_at);
        if asked_at.ms_since(first) < SETTLE_MS {
            account.doubts.read_again(now);
        } else {
            account.doubts.orders.remove(id);
            book.change(owner, out, |tx, out| gone(tx, id, now, out));
        }
    }
}

/// Open orders at the account that are not ours: listed, told once, left alone.
pub(super) fn orphans(
    book: &mut Book,
    name: &AccountName,
    picture: &Picture,
    now: Timestamp,
    out: &mut Transition,
) {
    let open = picture.orders.iter().filter(|order| !order.status.is_terminal());
    let foreign: BTreeMap<BrokerOrderId, _> = open
        .filter(|order| book.owner_of(name, order).is_none())
        .map(|order| (order.broker_id.clone(), order.clone()))
        .collect();
    let Some(account) = book.accounts.get_mut(name) else { return };
    for order in foreign.values().filter(|o| !account.orphans.contains_key(&o.broker_id)) {
        let text = format!("order {} is not ours; it is left alone", order.broker_id);
        let mut fact = fact(name, FactKind::Difference, "ORPHAN_ORDER", text, now);
        fact.symbol = Some(order.symbol.clone());
        fact.quantity = Some(order.quantity.get());
        out.facts.push(fact);
    }
    account.orphans = foreign;
}
