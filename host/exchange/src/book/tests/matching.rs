//! Prices against orders: at which price, in which order, how much.

use super::super::{BookConfig, ExchangeBook, NewOrder, OrderType, Side, TimeInForce};
use super::{book, book_with, d, put, quote, story, through, trades};
use crate::price::{PricePath, PricePoint};

fn limit(side: Side, price: &str) -> NewOrder {
    NewOrder::limit("ACME", side, d("10"), d(price))
}

fn stop(side: Side, price: &str) -> NewOrder {
    NewOrder::stop("ACME", side, d("10"), d(price))
}

#[test]
fn a_jump_fills_at_the_price_that_was_jumped_to() {
    // Held units, order, next quote, trade.
    let rows = [
        ("buy limit", 0, limit(Side::Buy, "99"), ("98", "98.5"), "10 @ 98.5"),
        ("sell limit", 10, limit(Side::Sell, "105"), ("106", "106.1"), "-10 @ 106"),
        ("sell stop", 10, stop(Side::Sell, "95"), ("93", "93.1"), "-10 @ 93"),
        ("buy stop", -10, stop(Side::Buy, "105"), ("107", "107.1"), "10 @ 107.1"),
    ];
    for (case, held, order, (bid, ask), trade) in rows {
        let mut book = book_with(held);
        put(&mut book, &order);
        let before = trades(&book).len();
        quote(&mut book, bid, ask);
        assert_eq!(trades(&book)[before..], [trade], "{case}");
    }
}

#[test]
fn a_passage_fills_at_the_level_of_the_order() {
    let rows = [
        ("buy limit", 0, limit(Side::Buy, "99"), "95", "10 @ 99"),
        ("sell limit", 10, limit(Side::Sell, "105"), "110", "-10 @ 105"),
        ("sell stop", 10, stop(Side::Sell, "95"), "90", "-10 @ 95"),
        ("buy stop", -10, stop(Side::Buy, "105"), "110", "10 @ 105"),
    ];
    for (case, held, order, to, trade) in rows {
        let mut book = book_with(held);
        put(&mut book, &order);
        let before = trades(&book).len();
        through(&mut book, to);
        assert_eq!(trades(&book)[before..], [trade], "{case}");
    }
}

#[test]
fn an_entry_and_its_stop_can_go_in_one_passage() {
    let mut book = book();
    put(&mut book, &limit(Side::Buy, "99").with_bracket(d("110"), d("97")));
    through(&mut book, "95");
    assert_eq!(trades(&book), ["10 @ 99", "-10 @ 97"]);
}

#[test]
fn a_limit_that_crosses_at_once_gets_the_better_price() {
    let mut book = book();
    put(&mut book, &limit(Side::Buy, "101"));
    assert_eq!(trades(&book), ["10 @ 100.02"]);
}

#[test]
fn a_stop_limit_waits_for_its_limit() {
    let mut book = book_with(10);
    let order = NewOrder {
        order_type: OrderType::StopLimit,
        limit_price: Some(d("94.5")),
        ..stop(Side::Sell, "95")
    };
    put(&mut book, &order);
    quote(&mut book, "93", "93.1");
    assert_eq!(trades(&book).len(), 1, "gapped through: elected, not filled");
    quote(&mut book, "94.6", "94.7");
    assert_eq!(trades(&book)[1..], ["-10 @ 94.6"]);
}

#[test]
fn liquidity_is_per_step_and_older_orders_go_first() {
    let mut book = book();
    book.set_max_fill_per_step("ACME", Some(d("12"))).unwrap();
    put(&mut book, &limit(Side::Buy, "99"));
    put(&mut book, &limit(Side::Buy, "98"));
    quote(&mut book, "97.9", "98");
    assert_eq!(story(&book), ["Limit filled 10/10", "Limit partially_filled 2/10"]);
    quote(&mut book, "97.9", "98");
    assert_eq!(story(&book)[1], "Limit filled 10/10");
}

#[test]
fn ioc_and_fok_do_not_rest() {
    let rows = [
        (TimeInForce::Ioc, "101", "Limit canceled 6/10"),
        (TimeInForce::Fok, "101", "Limit canceled 0/10"),
        (TimeInForce::Ioc, "99", "Limit canceled 0/10"),
    ];
    for (time_in_force, price, end) in rows {
        let mut book = book();
        book.set_max_fill_per_step("ACME", Some(d("6"))).unwrap();
        put(&mut book, &NewOrder { time_in_force, ..limit(Side::Buy, price) });
        assert_eq!(story(&book), [end], "{time_in_force:?} {price}");
    }
}

#[test]
fn positions_average_up_and_keep_their_price_on_the_way_down() {
    let mut book = book();
    for (side, qty) in [(Side::Buy, "10"), (Side::Buy, "10"), (Side::Sell, "5")] {
        quote(&mut book, if side == Side::Buy { "100" } else { "120" }, "120");
        put(&mut book, &NewOrder::market("ACME", side, d(qty)));
    }
    let position = book.position("ACME").unwrap();
    assert_eq!((position.qty, position.avg_entry_price), (d("15"), d("120")));
}

#[test]
fn same_seed_and_calls_give_the_same_book_i15() {
    let run = |seed| {
        let mut book = ExchangeBook::new(BookConfig { seed, ..BookConfig::default() });
        book.on_price("ACME", &PricePoint::trade(d("100"), PricePath::Jump), 1);
        put(&mut book, &limit(Side::Buy, "99").with_bracket(d("110"), d("90")));
        through(&mut book, "80");
        serde_json::to_string(&book).unwrap()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
