//! Brackets, pairs and oto orders through their lives.

use super::super::{ExchangeBook, NewOrder, Side};
use super::{book, book_with, d, held, put, quote, story, trades};

fn bracket() -> NewOrder {
    NewOrder::limit("ACME", Side::Buy, d("10"), d("99")).with_bracket(d("110"), d("90"))
}

fn liquidity(book: &mut ExchangeBook, units: &str) {
    book.set_max_fill_per_step("ACME", Some(d(units))).unwrap();
}

#[test]
fn legs_wake_when_the_entry_is_filled_completely() {
    let mut book = book();
    liquidity(&mut book, "6");
    put(&mut book, &bracket());
    assert_eq!(story(&book), ["Entry new 0/10", "TakeProfit held 0/10", "StopLoss held 0/10"]);
    quote(&mut book, "98.9", "99");
    assert_eq!(
        story(&book),
        ["Entry partially_filled 6/10", "TakeProfit held 0/10", "StopLoss held 0/10"]
    );
    // A stop whose entry still rests protects nothing.
    quote(&mut book, "85", "111");
    assert_eq!(held(&book), d("6"));
    quote(&mut book, "98.9", "99");
    assert_eq!(story(&book), ["Entry filled 10/10", "TakeProfit new 0/10", "StopLoss held 0/10"]);
}

#[test]
fn a_partly_filled_entry_canceled_leaves_the_units_bare_case_32() {
    let mut book = book();
    liquidity(&mut book, "6");
    let id = put(&mut book, &bracket());
    quote(&mut book, "98.9", "99");
    book.cancel(id, 2).unwrap();
    assert_eq!(
        story(&book),
        ["Entry canceled 6/10", "TakeProfit canceled 0/10", "StopLoss canceled 0/10"]
    );
    assert_eq!(held(&book), d("6"));
}

#[test]
fn the_target_ends_its_stop_case_11() {
    let mut book = book();
    put(&mut book, &bracket());
    quote(&mut book, "98.9", "99");
    quote(&mut book, "110.5", "110.6");
    assert_eq!(
        story(&book),
        ["Entry filled 10/10", "TakeProfit filled 10/10", "StopLoss canceled 0/10"]
    );
    assert_eq!(trades(&book), ["10 @ 99", "-10 @ 110.5"]);
}

#[test]
fn a_target_filled_in_part_shrinks_its_stop() {
    let mut book = book_with(10);
    put(&mut book, &NewOrder::oco("ACME", Side::Sell, d("10"), d("110"), d("90")));
    liquidity(&mut book, "4");
    quote(&mut book, "110", "110.1");
    assert_eq!(story(&book)[1..], ["TakeProfit partially_filled 4/10", "StopLoss held 0/6"]);
    liquidity(&mut book, "100");
    quote(&mut book, "89.5", "89.6");
    assert_eq!(story(&book)[1..], ["TakeProfit canceled 4/10", "StopLoss filled 6/6"]);
    assert_eq!(held(&book), d("0"));
}

#[test]
fn an_elected_stop_goes_on_filling_at_later_prices() {
    let mut book = book_with(10);
    put(&mut book, &NewOrder::oco("ACME", Side::Sell, d("10"), d("110"), d("90")));
    liquidity(&mut book, "7");
    quote(&mut book, "89.5", "89.6");
    assert_eq!(story(&book)[1..], ["TakeProfit canceled 0/10", "StopLoss partially_filled 7/10"]);
    // Back above its trigger: it is a market order by now.
    quote(&mut book, "95", "95.1");
    assert_eq!(trades(&book)[1..], ["-7 @ 89.5", "-3 @ 95"]);
    assert_eq!(held(&book), d("0"));
}

#[test]
fn a_stop_goes_before_a_target_at_the_same_price() {
    let mut book = book_with(-10);
    put(&mut book, &NewOrder::oco("ACME", Side::Buy, d("10"), d("95"), d("105")));
    // The last trade touches the stop while the quote crosses the target.
    let point = crate::PricePoint {
        bid: d("94"),
        ask: d("94.5"),
        last: Some(d("105")),
        path: crate::PricePath::Jump,
    };
    book.on_price("ACME", &point, 2);
    assert_eq!(story(&book)[1..], ["TakeProfit canceled 0/10", "StopLoss filled 10/10"]);
}

#[test]
fn canceling_one_member_cancels_the_rest() {
    for (case, member) in [("target", 0), ("stop", 1)] {
        let mut book = book_with(10);
        put(&mut book, &NewOrder::oco("ACME", Side::Sell, d("10"), d("110"), d("90")));
        let id = book.live_orders().nth(member).unwrap().id;
        book.cancel(id, 2).unwrap();
        assert_eq!(
            story(&book)[1..],
            ["TakeProfit canceled 0/10", "StopLoss canceled 0/10"],
            "{case}"
        );
    }
}

#[test]
fn an_oto_stop_works_openly_once_woken() {
    let mut book = book();
    put(&mut book, &NewOrder::market("ACME", Side::Buy, d("10")).with_oto_stop(d("90")));
    assert_eq!(story(&book), ["Entry filled 10/10", "StopLoss new 0/10"]);
    quote(&mut book, "90", "90.1");
    assert_eq!(trades(&book), ["10 @ 100.02", "-10 @ 90"]);
}

#[test]
fn the_answer_shows_the_order_before_it_trades() {
    let mut book = book();
    let order = NewOrder::market("ACME", Side::Buy, d("1")).with_bracket(d("110"), d("90"));
    let taken = book.submit(&order, 5).unwrap();
    assert_eq!((taken.order.status.word(), taken.legs.len()), ("new", 2));
    assert_eq!(taken.order.group_id, taken.legs[1].group_id);
    assert_eq!(taken.events.len(), 5, "three births, a fill, a target that wakes");
    assert_eq!(book.order(taken.order.id).unwrap().status.word(), "filled");
}
