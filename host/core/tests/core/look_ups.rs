//! What a look-up's list of exits proves, which has no time: bugs that the simulation found, by seed.

use bracketd_core::broker::{BrokerEvent, Fault, Found};
use bracketd_core::command::{Answer, BracketLeg, Command, Read};
use bracketd_core::ids::{BrokerOrderId, TransactionId};
use bracketd_core::intent::{Intent, Wish};
use bracketd_core::ladder::RungWish;

use crate::bench_book::{ALPACA, Bench, decimal, price, quantity, words};
use crate::lives::{opened, sold};
use crate::seeds::leg;

/// Ten with their pair are to be two halves with these targets: the first change, which nobody answered.
fn halved_in_doubt(b: &mut Bench, [near, far]: [&str; 2]) -> (TransactionId, Command) {
    let id = opened(b);
    let half = |to: &str| RungWish { share: decimal("0.5"), target: price(to) };
    b.person(Intent::Ladder { transaction: id, rungs: vec![half(near), half(far)] });
    let pair = b.command();
    assert_eq!(words(&pair), format!("exits of 5: stop 95, target {near}"));
    b.answer(&pair, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
    (id, pair)
}

/// Orders that are asked for by their id.
fn asked_for(b: &Bench) -> Vec<BrokerOrderId> {
    let of = |read: &Read| match read {
        Read::Refresh { orders } => orders.clone(),
        _ => vec![],
    };
    b.last.reads.iter().flat_map(|(_, read)| of(read)).collect()
}

#[test]
fn seed_121043810_exits_at_the_price_asked_for_prove_nothing_with_another_quantity() {
    // What each leg lists as its quantity, and whether that is the adjustment's work.
    for (stop_lists, target_lists, is_done) in
        [("10", "10", false), ("5", "10", false), ("10", "5", false), ("5", "5", true)]
    {
        let mut b = Bench::new(ALPACA);
        let (id, pair) = halved_in_doubt(&mut b, ["110", "112"]);
        b.pass_ms(6_000);
        let lists = |at: usize, units: &str| BracketLeg {
            quantity: quantity(units),
            ..leg(&sold(&b, id, at), None)
        };
        let legs = vec![lists(1, stop_lists), lists(2, target_lists)];
        let found = Found::Legs { legs, memo: vec![] };
        b.tell(BrokerEvent::LookedUp { op: pair.op.clone(), found });
        let is_known = !b.tx(id).ops.iter().any(|op| op.id == pair.op);
        assert_eq!(is_known, is_done, "{stop_lists} and {target_lists}");
    }
}

#[test]
fn seed_550593003_a_look_up_s_leg_that_is_neither_as_known_nor_as_asked_is_asked_for_by_its_id() {
    // What the stop is listed with, what it is then known to be of, and whether it was asked for.
    for (lists, known, is_asked) in [("10", "10", false), ("5", "5", false), ("3", "10", true)] {
        let mut b = Bench::new(ALPACA);
        let (id, pair) = halved_in_doubt(&mut b, ["110", "112"]);
        b.pass_ms(500);
        let stop = BracketLeg { quantity: quantity(lists), ..leg(&sold(&b, id, 1), None) };
        let legs = vec![stop.clone(), leg(&sold(&b, id, 2), None)];
        let found = Found::Legs { legs, memo: vec![] };
        b.tell(BrokerEvent::LookedUp { op: pair.op.clone(), found });
        assert_eq!(b.tx(id).orders[1].quantity, quantity(known), "listed with {lists}");
        assert_eq!(asked_for(&b).contains(&stop.broker_id), is_asked, "{lists}");
    }
}

#[test]
fn seed_560241402_exits_that_a_list_leaves_out_have_not_ended_before_that_is_told() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(Intent::Protect { transaction: id, stop: Wish::Clear, target: Wish::Clear });
    let clear = b.command();
    assert_eq!(words(&clear), "exits of 10: stop clear, target clear");
    b.answer(&clear, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
    let finds_nothing = |b: &mut Bench| {
        let found = Found::Legs { legs: vec![], memo: vec![] };
        b.tell(BrokerEvent::LookedUp { op: clear.op.clone(), found });
        b.tx(id).ops.iter().any(|op| op.id == clear.op)
    };
    b.pass_ms(7_000);
    assert!(finds_nothing(&mut b), "the stop lives, for all anybody knows");
    b.cancel_exits(id);
    assert!(!finds_nothing(&mut b), "and has ended");
}

#[test]
fn seed_610043309_a_leg_at_the_old_price_and_of_the_new_quantity_is_from_before_something_else() {
    // The target as it is listed, what it is then known to be of, and whether it was asked for.
    for (lists, at, known, is_asked) in
        [("10", "110", "10", false), ("5", "112", "5", false), ("5", "110", "10", true)]
    {
        let mut b = Bench::new(ALPACA);
        let (id, pair) = halved_in_doubt(&mut b, ["112", "114"]);
        b.pass_ms(500);
        let listed = leg(&sold(&b, id, 2), None);
        let target =
            BracketLeg { quantity: quantity(lists), limit: Some(price(at)), ..listed.clone() };
        let found = Found::Legs { legs: vec![leg(&sold(&b, id, 1), None), target], memo: vec![] };
        b.tell(BrokerEvent::LookedUp { op: pair.op.clone(), found });
        assert_eq!(b.tx(id).orders[2].quantity, quantity(known), "listed with {lists} at {at}");
        assert_eq!(asked_for(&b).contains(&listed.broker_id), is_asked, "{lists} at {at}");
    }
}

#[test]
fn seed_620707530_what_stands_beside_an_odd_leg_is_asked_for_too() {
    let mut b = Bench::new(ALPACA);
    let (id, pair) = halved_in_doubt(&mut b, ["112", "114"]);
    b.pass_ms(500);
    // The target as it is wanted now, by chance: the stop beside it shows that the list is old.
    let (stop, target) = (leg(&sold(&b, id, 1), None), leg(&sold(&b, id, 2), None));
    let odd = BracketLeg { quantity: quantity("7"), ..stop.clone() };
    let asked = BracketLeg { quantity: quantity("5"), limit: Some(price("112")), ..target.clone() };
    let found = Found::Legs { legs: vec![odd, asked], memo: vec![] };
    b.tell(BrokerEvent::LookedUp { op: pair.op.clone(), found });
    assert_eq!(b.tx(id).orders[2].quantity, quantity("10"), "it may rest for ten");
    assert_eq!(asked_for(&b), [stop.broker_id, target.broker_id]);
}
