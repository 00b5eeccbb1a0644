//! The book against the broker's rules, one file a subject.
//!
//! Separate from the code so that the tables can be read as a list of what the broker does. The
//! numbers in brackets are sections of the notes on the broker's API.

mod exits;
mod groups;
mod matching;
mod refusals;
mod replacing;

use super::{BookConfig, ExchangeBook, NewOrder, Order, OrderId, OrderStatus, Side};
use crate::price::{PricePath, PricePoint};
use rust_decimal::Decimal;

pub(super) const HOUR_NS: i64 = 3_600_000_000_000;

pub(super) fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A book with a symbol `ACME` at bid 100.00, ask 100.02.
pub(super) fn book() -> ExchangeBook {
    let mut book = ExchangeBook::new(BookConfig::default());
    quote(&mut book, "100", "100.02");
    book
}

/// The same with `qty` units held, below zero for a short.
pub(super) fn book_with(qty: i64) -> ExchangeBook {
    let mut book = book();
    let side = if qty < 0 { Side::Sell } else { Side::Buy };
    if qty != 0 {
        book.submit(&NewOrder::market("ACME", side, Decimal::from(qty.abs())), 1).unwrap();
    }
    book
}

pub(super) fn quote(book: &mut ExchangeBook, bid: &str, ask: &str) {
    book.on_price("ACME", &PricePoint::quote(d(bid), d(ask)), 1);
}

pub(super) fn through(book: &mut ExchangeBook, price: &str) {
    book.on_price("ACME", &PricePoint::trade(d(price), PricePath::Through), 1);
}

pub(super) fn put(book: &mut ExchangeBook, order: &NewOrder) -> OrderId {
    book.submit(order, 1).unwrap().order.id
}

pub(super) fn status(book: &ExchangeBook, id: OrderId) -> OrderStatus {
    book.order(id).unwrap().status
}

pub(super) fn held(book: &ExchangeBook) -> Decimal {
    book.position("ACME").map_or(Decimal::ZERO, |position| position.qty)
}

/// All orders, oldest first: role or type, status, filled of quantity.
pub(super) fn story(book: &ExchangeBook) -> Vec<String> {
    let line = |order: &Order| {
        let name = match order.group_role {
            Some(role) => format!("{role:?}"),
            None => format!("{:?}", order.order_type),
        };
        format!("{name} {} {}/{}", order.status.word(), order.filled_qty, order.qty)
    };
    let filter = super::OrderFilter {
        status: super::StatusFilter::All,
        ascending: true,
        limit: 500,
        ..super::OrderFilter::default()
    };
    book.orders(&filter).into_iter().map(line).collect()
}

/// Prices of all fills, oldest first: units at price.
pub(super) fn trades(book: &ExchangeBook) -> Vec<String> {
    let line = |fill: &super::Fill| format!("{} @ {}", fill.side.signed(fill.qty), fill.price);
    book.fills().iter().map(line).collect()
}
