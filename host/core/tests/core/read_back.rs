//! What a broker confirmed and did not do: seen in the next complete read, and never asked for in
//! a circle.

use bracketd_core::broker::{BrokerEvent, History, OrderReport, Picture, Position};
use bracketd_core::command::{Answer, How, Progress};
use bracketd_core::fact::FactKind;
use bracketd_core::order::{Leg, OrderStatus};
use bracketd_core::protection::Protection;

use crate::bench_book::{ALPACA, Bench, decimal, price, set_stop, words};
use crate::lives::{opened, sold};

fn picture(b: &Bench, orders: Vec<OrderReport>) -> BrokerEvent {
    let (symbol, quantity, avg_price) = ("AAA".into(), decimal("10"), None);
    BrokerEvent::Picture(Picture {
        orders,
        fills: vec![],
        positions: vec![Position { symbol, quantity, avg_price }],
        balance: None,
        complete: true,
        as_of: b.now,
        history: History::Whole,
    })
}

/// A stop that the broker says it moved, under the id it had.
fn moved_in_words_only(b: &mut Bench, id: bracketd_core::ids::TransactionId) {
    b.person(set_stop(id, "96"));
    let moved = b.command();
    let bracketd_core::command::Call::Adjust { bracket, .. } = &moved.call else {
        panic!("{moved:?}")
    };
    let mut legs = bracket.legs.clone();
    for leg in legs.iter_mut().filter(|leg| leg.trigger.is_some()) {
        leg.trigger = Some(price("96"));
    }
    let (how, progress, memo) = (How::ReplacedInPlace, Progress::Confirmed, vec![]);
    b.answer(&moved, Answer::Adjusted { legs, how, progress, memo });
}

#[test]
fn a_price_that_was_confirmed_and_not_made_is_seen_in_a_later_read() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let before: Vec<OrderReport> = (0..3).map(|at| sold(&b, id, at)).collect();
    b.now = b.now.plus_ms(1_000);
    moved_in_words_only(&mut b, id);
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("96")));
    // Too early: the read may be older than the change.
    b.now = b.now.plus_ms(1_000);
    b.tell(picture(&b, before.clone()));
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("96")));
    b.now = b.now.plus_ms(5_000);
    b.tell(picture(&b, before));
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("95")));
    assert!(b.last.facts.iter().any(|f| f.kind == FactKind::Difference && f.code == "READ_BACK"));
    assert_eq!(words(&b.command()), "exits of 10: stop 96, target keep");
}

#[test]
fn an_order_whose_replacement_never_was_stands_again_after_a_later_read() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let before: Vec<OrderReport> = (0..3).map(|at| sold(&b, id, at)).collect();
    b.now = b.now.plus_ms(1_000);
    b.person(set_stop(id, "96"));
    let moved = b.command();
    b.adjusted(&moved);
    let new = b.tx(id).orders.last().expect("a new stop").broker_id.clone();
    b.now = b.now.plus_ms(6_000);
    b.tell(picture(&b, before.clone()));
    for _ in 0..2 {
        b.tell(BrokerEvent::NotThere { orders: vec![new.clone()], asked_at: b.now });
        b.now = b.now.plus_ms(6_000);
    }
    b.pass_ms(0);
    let again = b.command();
    assert_eq!(words(&again), "exits of 10: stop 96, target 110");
    let fault = bracketd_core::broker::Fault::new("INSUFFICIENT_QTY", "held for orders");
    b.answer(&again, Answer::Rejected(fault));
    assert_eq!(b.tx(id).protection, Protection::Protected, "the first read said so");
    b.tell(picture(&b, before));
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("95")));
    assert_eq!(b.tx(id).protection, Protection::Protected);
    assert_eq!(b.tx(id).orders[1].status, OrderStatus::Working);
}

#[test]
fn a_plugin_that_sees_nothing_to_do_is_asked_again_after_pauses_and_people_are_told() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(set_stop(id, "96"));
    let mut told = 0;
    for pause_ms in [1_000, 2_000, 4_000] {
        let command = b.command();
        let bracketd_core::command::Call::Adjust { bracket, .. } = &command.call else {
            panic!("{command:?}")
        };
        let legs = bracket.legs.clone();
        let (how, progress, memo) = (How::Unchanged, Progress::Confirmed, vec![]);
        b.answer(&command, Answer::Adjusted { legs, how, progress, memo });
        told += b.last.facts.iter().filter(|fact| fact.code == "NO_PROGRESS").count();
        b.pass_ms(pause_ms - 100);
        assert!(b.sent.is_empty(), "not before {pause_ms} ms: {:?}", b.sent);
        b.pass_ms(200);
    }
    assert_eq!(told, 1, "once, at the third time");
    // Another wish is tried at once.
    let waits = b.command();
    b.adjusted(&waits);
    b.person(set_stop(id, "97"));
    assert_eq!(words(&b.command()), "exits of 10: stop 97, target keep");
}
