//! The broker's complete picture of an account against the book.
//!
//! Apart because it is the start of every run and the end of every doubt. Orders of ours are
//! brought up to date; what nobody here asked for is listed and left alone (an orphan), never
//! adopted and never canceled.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::apply::{Transition, apply};
use crate::book::Book;
use crate::broker::{BrokerEvent, FromAccount, Picture};
use crate::command::{OpState, Read};
use crate::fact::{Fact, FactKind};
use crate::ids::{AccountName, BrokerOrderId, Symbol, TransactionId};
use crate::intent::Source;
use crate::order::Direction;
use crate::time::Timestamp;

/// Compares and corrects.
pub fn reconcile(
    book: &mut Book,
    name: &AccountName,
    picture: &Picture,
    now: Timestamp,
    out: &mut Transition,
) {
    let facts_before = out.facts.len();
    let event =
        BrokerEvent::Polled { orders: picture.orders.clone(), fills: picture.fills.clone() };
    apply(book, FromAccount { account: name.clone(), event }, now, out);
    if !picture.complete {
        return;
    }
    vanished(book, name, picture, out);
    orphans(book, name, picture, now, out);
    positions(book, name, picture, now, out);
    let Some(account) = book.accounts.get_mut(name) else { return };
    account.positions.clone_from(&picture.positions);
    if let Some(balance) = &picture.balance {
        account.balance = Some(balance.clone());
        crate::control::balance_read(book, name, now, out);
    }
    let Some(account) = book.accounts.get_mut(name) else { return };
    if !account.is_reconciled {
        account.is_reconciled = true;
        let mut fact = Fact::new(now, FactKind::Reconciled, Source::Recovery);
        fact.account = Some(name.clone());
        fact.text = format!(
            "{} orders and {} positions read; {} facts follow from them",
            picture.orders.len(),
            picture.positions.len(),
            out.facts.len() - facts_before
        );
        out.facts.push(fact);
    }
}

/// Orders of ours that rest in the book and are missing from the picture are asked for by id:
/// absence from a list proves nothing (reliability, case 37).
fn vanished(book: &Book, name: &AccountName, picture: &Picture, out: &mut Transition) {
    let seen = |id: &BrokerOrderId| picture.orders.iter().any(|order| order.broker_id == *id);
    let orders: Vec<BrokerOrderId> = book
        .transactions
        .values()
        .filter(|tx| tx.account == *name)
        .flat_map(|tx| tx.orders.iter().filter(|o| !o.status.is_terminal()))
        .map(|order| order.broker_id.clone())
        .filter(|id| !seen(id))
        .collect();
    if !orders.is_empty() {
        out.reads.push((name.clone(), Read::Refresh { orders }));
    }
}

/// Open orders at the account that are not ours.
fn orphans(
    book: &Book,
    name: &AccountName,
    picture: &Picture,
    now: Timestamp,
    out: &mut Transition,
) {
    let first = book.accounts.get(name).is_some_and(|account| !account.is_reconciled);
    if !first {
        return;
    }
    for order in picture.orders.iter().filter(|o| !o.status.is_terminal()) {
        if book.owner_of(name, order).is_some() {
            continue;
        }
        let mut fact = Fact::new(now, FactKind::Difference, Source::Recovery);
        fact.account = Some(name.clone());
        fact.symbol = Some(order.symbol.clone());
        fact.code = "ORPHAN_ORDER".into();
        fact.quantity = Some(order.quantity.get());
        fact.text = format!("order {} is not ours; it is left alone", order.broker_id);
        out.facts.push(fact);
    }
}

/// Held quantities by symbol against the account's positions. What an answer in flight may still
/// change is not compared.
fn positions(
    book: &Book,
    name: &AccountName,
    picture: &Picture,
    now: Timestamp,
    out: &mut Transition,
) {
    let mut held: BTreeMap<Symbol, Decimal> = BTreeMap::new();
    let mut doubtful: Vec<(Symbol, TransactionId)> = Vec::new();
    for tx in book.transactions.values().filter(|tx| tx.account == *name) {
        let signed = match tx.direction {
            Direction::Long => tx.held().get(),
            Direction::Short => -tx.held().get(),
        };
        *held.entry(tx.symbol.clone()).or_default() += signed;
        let in_doubt = |state: &OpState| !state.is_settled();
        if tx.ops.iter().any(|op| in_doubt(&op.state)) {
            doubtful.push((tx.symbol.clone(), tx.id));
        }
    }
    for position in &picture.positions {
        held.entry(position.symbol.clone()).or_default();
    }
    for (symbol, ours) in held {
        let theirs = picture
            .positions
            .iter()
            .filter(|p| p.symbol == symbol)
            .fold(Decimal::ZERO, |sum, p| sum + p.quantity);
        if ours == theirs || doubtful.iter().any(|(s, _)| *s == symbol) {
            continue;
        }
        let mut fact = Fact::new(now, FactKind::Difference, Source::Recovery);
        fact.account = Some(name.clone());
        fact.symbol = Some(symbol);
        fact.code = "POSITION".into();
        fact.before = Some(ours);
        fact.after = Some(theirs);
        fact.text = format!("the book holds {ours}, the account {theirs}");
        if !known_difference(book, &fact) {
            out.facts.push(fact);
        }
    }
}

/// Whether the account's positions already stood like this at the last picture: then it was said.
fn known_difference(book: &Book, fact: &Fact) -> bool {
    let Some(account) = fact.account.as_ref().and_then(|name| book.accounts.get(name)) else {
        return false;
    };
    account.is_reconciled
        && account
            .positions
            .iter()
            .any(|p| Some(&p.symbol) == fact.symbol.as_ref() && Some(p.quantity) == fact.after)
}
