//! Reservations, cancels, ends: what exits do to what is held.

use super::super::{NewOrder, OrderFilter, RejectKind, Side, StatusFilter};
use super::{HOUR_NS, book, book_with, d, held, put, quote, status, story, trades};
use crate::book::OrderStatus;
use serde_json::json;

fn stop(qty: &str, price: &str) -> NewOrder {
    NewOrder::stop("ACME", Side::Sell, d(qty), d(price))
}

#[test]
fn a_second_exit_names_what_holds_the_units_case_1() {
    let mut book = book_with(10);
    let first = put(&mut book, &stop("6", "90"));
    let reject = book.submit(&stop("5", "91"), 1).unwrap_err();
    assert_eq!(
        reject.body(),
        json!({
            "code": 40_310_000,
            "message": "insufficient qty available for order (requested: 5, available: 4)",
            "symbol": "ACME",
            "available": "4",
            "existing_qty": "10",
            "held_for_orders": "6",
            "related_orders": [first],
        })
    );
    put(&mut book, &stop("4", "91"));
    let position = book.position("ACME").unwrap();
    assert_eq!(book.qty_available(position), d("0"));
}

#[test]
fn a_pair_is_one_reservation() {
    let mut book = book_with(10);
    put(&mut book, &NewOrder::oco("ACME", Side::Sell, d("6"), d("110"), d("90")));
    put(&mut book, &NewOrder::oco("ACME", Side::Sell, d("4"), d("111"), d("91")));
    let reject = book.submit(&NewOrder::market("ACME", Side::Sell, d("1")), 1).unwrap_err();
    assert_eq!(reject.kind, RejectKind::InsufficientQty);
}

#[test]
fn a_canceled_exit_frees_its_units_case_2() {
    let mut book = book_with(-10);
    let id = put(&mut book, &NewOrder::stop("ACME", Side::Buy, d("10"), d("110")));
    book.cancel(id, 1).unwrap();
    let again = book.cancel(id, 1).unwrap_err();
    assert_eq!((again.http_status, again.code), (422, 42_210_000));
    assert_eq!(again.message, "order is already in \"canceled\" state");
    put(&mut book, &NewOrder::market("ACME", Side::Buy, d("10")));
    assert_eq!(held(&book), d("0"));
    assert_eq!(trades(&book), ["-10 @ 100", "10 @ 100.02"]);
    assert_eq!(book.funds().cash, d("99999.80"));
}

#[test]
fn an_unknown_order_is_404() {
    let reject = book().cancel(uuid::Uuid::nil(), 1).unwrap_err();
    assert_eq!((reject.http_status, reject.code), (404, 40_410_000));
}

#[test]
fn a_day_order_ends_with_its_day_and_takes_its_pair_along_case_13() {
    let mut book = book_with(10);
    let mut pair = NewOrder::oco("ACME", Side::Sell, d("10"), d("110"), d("90"));
    pair.time_in_force = crate::book::TimeInForce::Day;
    put(&mut book, &pair);
    assert!(book.on_time(23 * HOUR_NS).is_empty());
    book.on_time(24 * HOUR_NS);
    assert_eq!(story(&book)[1..], ["TakeProfit expired 0/10", "StopLoss expired 0/10"]);
    assert_eq!(held(&book), d("10"));
}

#[test]
fn a_gtc_order_ends_after_ninety_days() {
    let mut book = book_with(10);
    let id = put(&mut book, &stop("10", "90"));
    book.on_time(90 * 24 * HOUR_NS);
    assert_eq!(status(&book, id), OrderStatus::New);
    book.on_time(91 * 24 * HOUR_NS);
    assert_eq!(status(&book, id), OrderStatus::Expired);
}

#[test]
fn lists_show_held_legs_only_when_nested_case_10() {
    let mut book = book();
    put(
        &mut book,
        &NewOrder::limit("ACME", Side::Buy, d("10"), d("99")).with_bracket(d("110"), d("90")),
    );
    let list = |book: &crate::book::ExchangeBook, status, nested| {
        let filter = OrderFilter { status, nested, limit: 50, ..OrderFilter::default() };
        let line = |order: &&crate::book::Order| {
            format!("{:?}+{}", order.group_role.unwrap(), book.legs_of(order).len())
        };
        book.orders(&filter).iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(list(&book, StatusFilter::Open, false), ["Entry+2"]);
    assert_eq!(list(&book, StatusFilter::Open, true), ["Entry+2"]);
    quote(&mut book, "98.9", "98.95");
    assert_eq!(list(&book, StatusFilter::Open, false), ["TakeProfit+0"]);
    assert_eq!(list(&book, StatusFilter::Open, true), ["Entry+2"]);
    assert_eq!(list(&book, StatusFilter::Closed, true), Vec::<String>::new());
    quote(&mut book, "89", "89.02");
    assert_eq!(list(&book, StatusFilter::Open, true), Vec::<String>::new());
    assert_eq!(list(&book, StatusFilter::Closed, true), ["Entry+2"]);
    assert_eq!(list(&book, StatusFilter::All, false), ["StopLoss+0", "TakeProfit+0", "Entry+2"]);
}

#[test]
fn cancel_all_frees_everything() {
    let mut book = book_with(10);
    put(&mut book, &NewOrder::oco("ACME", Side::Sell, d("10"), d("110"), d("90")));
    let (ids, _) = book.cancel_all(2);
    assert_eq!(ids.len(), 2);
    assert_eq!(book.live_orders().count(), 0);
    put(&mut book, &NewOrder::market("ACME", Side::Sell, d("10")));
    assert_eq!(held(&book), d("0"));
}
