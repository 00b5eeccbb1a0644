//! Ladders of partial targets: parts with a target each, all with the one stop.

use bracketd_core::Decimal;
use bracketd_core::broker::{Fault, OrderReport};
use bracketd_core::command::{Answer, Call, Change, Command, How, Progress};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{SliceNo, TransactionId};
use bracketd_core::intent::{GuardWish, Intent, Open, Source, Wish};
use bracketd_core::ladder::{RungWish, cut};
use bracketd_core::money::Quantity;
use bracketd_core::order::{Direction, Leg, Order, OrderKind, OrderStatus, Role};
use bracketd_core::protection::{Protection, protected_quantity};
use bracketd_core::refusal::Refusal;
use bracketd_core::transaction::{OnPartial, Transaction, TransactionStatus};

use crate::bench_book::{
    ACCOUNT, ALPACA, Bench, decimal, price, quantity, report_of, set_stop, set_target, wish, words,
};

/// An account that makes pairs and cannot change a resting order.
const SWAPS: &[&str] = &["native-oco", "protect-beside-open-entry"];

fn policy() -> Source {
    Source::Policy { name: "trail".into(), digest: "d1".into() }
}

fn set_ladder(transaction: TransactionId, rungs: &[(&str, &str)]) -> Intent {
    let rung =
        |(share, target): &(&str, &str)| RungWish { share: decimal(share), target: price(target) };
    Intent::Ladder { transaction, rungs: rungs.iter().map(rung).collect() }
}

/// Half at 105, three tenths at 108, the rest with the stop and the ordinary target.
fn two_rungs(id: TransactionId) -> Intent {
    set_ladder(id, &[("0.5", "105"), ("0.3", "108")])
}

/// `no: held @ target` of each slice that holds something.
fn parts(tx: &Transaction) -> String {
    let of = |no: SliceNo| tx.target_of(no).map_or("-".to_owned(), |price| price.to_string());
    let held = tx.slices.iter().filter(|slice| !slice.held.is_zero());
    held.map(|s| format!("{}: {} @ {}", s.no, s.held, of(s.no))).collect::<Vec<_>>().join(", ")
}

/// What rests: `quantity stop/target` of each slice.
fn rests(tx: &Transaction) -> String {
    let price = |order: Option<&Order>| {
        order.and_then(|o| o.trigger.or(o.limit)).map_or("-".to_owned(), |price| price.to_string())
    };
    let slice = |no: SliceNo| {
        let of = |role: Role| tx.exits(no).find(|o| o.role == role);
        let any = of(Role::Stop).or(of(Role::Target))?;
        Some(format!("{} {}/{}", any.leaves(), price(of(Role::Stop)), price(of(Role::Target))))
    };
    tx.slices.iter().filter_map(|s| slice(s.no)).collect::<Vec<_>>().join(", ")
}

/// I4: all exits that rest, a pair counted once by the larger of the two, are of at most what is held.
fn no_more_than_held(tx: &Transaction) {
    let most = |no: SliceNo| {
        let live = tx.exits(no).filter(|o| o.status != OrderStatus::Contingent);
        live.map(Order::leaves).max().unwrap_or(Quantity::ZERO)
    };
    let all: Quantity = tx.slices.iter().map(|slice| most(slice.no)).sum();
    assert!(all <= tx.held(), "i4: exits of {all} rest where {} is held: {}", tx.held(), rests(tx));
}

fn slice_of(command: &Command) -> SliceNo {
    let Call::Adjust { bracket, .. } = &command.call else { panic!("{command:?}") };
    let no = bracket.id.rsplit('-').next().expect("a number");
    SliceNo(no.parse().expect("a number"))
}

/// Ends the exits of one slice, as their broker tells it after a cancel.
fn cancel(b: &mut Bench, id: TransactionId, slice: SliceNo) {
    let tx = b.tx(id).clone();
    for order in tx.exits(slice) {
        b.report(OrderReport { status: OrderStatus::Canceled, ..report_of(&tx, order) });
    }
}

/// The broker takes everything that is sent, in place or by cancel and new, until nothing is left to
/// be done. What was said, in order; I4 is looked at after each answer.
fn carried_out(b: &mut Bench, id: TransactionId, in_place: bool) -> Vec<String> {
    let mut said = Vec::new();
    while !b.sent.is_empty() {
        let command = b.sent.remove(0);
        let slice = slice_of(&command);
        said.push(format!("{slice}: {}", words(&command)));
        assert!(said.len() < 50, "it never ends: {said:?}");
        let Call::Adjust { bracket, stop, target } = &command.call else { panic!("{command:?}") };
        let breaks = [stop, target].iter().any(|change| **change == Change::Clear);
        match bracket.legs.first() {
            Some(leg) if !in_place || breaks => {
                let progress = Progress::WaitingFor(leg.broker_id.clone());
                let (legs, how, memo) = (vec![], How::CancelRequested, vec![]);
                b.answer(&command, Answer::Adjusted { legs, how, progress, memo });
                cancel(b, id, slice);
            }
            _ => b.adjusted(&command),
        }
        no_more_than_held(b.tx(id));
        if b.sent.is_empty() {
            b.pass_ms(1_000);
        }
    }
    said
}

/// Held and protected: 10 at 100 with stop 95 and target 110, or the mirror image.
fn held(b: &mut Bench, direction: Direction) -> TransactionId {
    let (stop, target) = match direction {
        Direction::Long => ("95", "110"),
        Direction::Short => ("105", "90"),
    };
    let id =
        b.open(Open { direction, stop: Some(price(stop)), target: Some(price(target)), ..wish() });
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "10", "100");
    carried_out(b, id, true);
    assert_eq!(b.tx(id).protection, Protection::Protected);
    id
}

/// The target of a slice fills up to that quantity, and what is linked with it shrinks or ends.
fn target_fills(b: &mut Bench, id: TransactionId, slice: u8, filled: &str) {
    exit_fills(b, id, (slice, Role::Target), filled);
}

fn exit_fills(b: &mut Bench, id: TransactionId, (slice, role): (u8, Role), filled: &str) {
    let tx = b.tx(id).clone();
    let of = |role: Role| tx.exits(SliceNo(slice)).find(move |o| o.role == role);
    let order = of(role).expect("it rests");
    let at = order.limit.or(order.trigger).expect("a price").to_string();
    b.fill(&report_of(&tx, order), filled, &at);
    let other = if role == Role::Stop { Role::Target } else { Role::Stop };
    let Some(sibling) = of(other) else { return };
    let left = sibling.quantity.minus(quantity(filled));
    let report = report_of(&tx, sibling);
    b.report(match left.is_zero() {
        true => OrderReport { status: OrderStatus::Canceled, ..report },
        false => OrderReport { quantity: left, ..report },
    });
}

#[test]
fn a_ladder_rests_as_parts_with_one_stop_and_shrinks_before_it_adds() {
    let long = ["0: exits of 5: stop 95, target 105", "1: exits of 3: stop 95, target 108"];
    let rest = "2: exits of 2: stop 95, target 110";
    for in_place in [true, false] {
        let mut b = Bench::new(if in_place { ALPACA } else { SWAPS });
        let id = held(&mut b, Direction::Long);
        assert_eq!(b.ask(two_rungs(id), policy()).code(), "STAGED");
        assert_eq!(parts(b.tx(id)), "0: 5 @ 105, 1: 3 @ 108, 2: 2 @ 110");
        assert_eq!(b.tx(id).protection, Protection::Protected, "the old stop covers all of it");
        let said = carried_out(&mut b, id, in_place);
        let again = if in_place { vec![] } else { vec![long[0]] };
        let expected: Vec<&str> =
            [long[0]].into_iter().chain(again).chain([long[1], rest]).collect();
        assert_eq!(said, expected, "in place: {in_place}");
        assert_eq!(rests(b.tx(id)), "5 95/105, 3 95/108, 2 95/110");
        assert_eq!(b.tx(id).protection, Protection::Protected);
    }
}

#[test]
fn i5_what_is_alone_between_shrinking_and_adding_has_a_clock() {
    let mut b = Bench::new(ALPACA);
    let id = held(&mut b, Direction::Long);
    b.person(two_rungs(id));
    let shrink = b.command();
    b.now = b.now.plus_ms(100);
    b.adjusted(&shrink);
    let began = b.now;
    assert_eq!(b.tx(id).protection, Protection::Pending { since: began });
    assert_eq!(protected_quantity(b.tx(id)), quantity("5"));
    b.now = b.now.plus_ms(150);
    carried_out(&mut b, id, true);
    assert_eq!(b.tx(id).protection, Protection::Protected);
    assert_eq!((b.tx(id).gaps.count, b.tx(id).gaps.longest_ms >= 150), (2, true));
}

#[test]
fn a_short_is_laddered_downward_and_the_nearest_rung_comes_first() {
    let mut b = Bench::new(ALPACA);
    let id = held(&mut b, Direction::Short);
    // In any order, and without anything left over.
    b.person(set_ladder(id, &[("0.5", "92"), ("0.5", "96")]));
    assert_eq!(parts(b.tx(id)), "0: 5 @ 96, 1: 5 @ 92");
    carried_out(&mut b, id, true);
    assert_eq!(rests(b.tx(id)), "5 105/96, 5 105/92");
}

#[test]
fn shares_are_cut_to_the_step_and_thirds_leave_nothing_over() {
    let third = Decimal::ONE / Decimal::from(3);
    let rows: [(&str, Vec<Decimal>, &str, &str); 6] = [
        ("10", vec![third, third, third], "1", "3 3 4"),
        ("100", vec![decimal("0.5"), decimal("0.3")], "1", "50 30"),
        ("7", vec![decimal("0.5"), decimal("0.5")], "1", "3 4"),
        ("0.25", vec![decimal("0.5"), decimal("0.5")], "0.1", "0.1 0.1"),
        ("10", vec![decimal("0.05"), decimal("0.95")], "1", "0 10"),
        ("10", vec![decimal("0.25"); 4], "0", "2.5 2.5 2.5 2.5"),
    ];
    for (whole, shares, step, expected) in rows {
        let cuts = cut(quantity(whole), &shares, decimal(step));
        let said: Vec<String> = cuts.iter().map(ToString::to_string).collect();
        assert_eq!(said.join(" "), expected, "{whole} by {shares:?}");
    }
}

#[test]
fn what_the_gate_says_to_a_ladder() {
    type Rungs = &'static [(&'static str, &'static str)];
    let rows: [(Rungs, &str); 14] = [
        (&[("0.5", "105")], "STAGED"),
        (&[("0.5", "105"), ("0.5", "110")], "STAGED"),
        (&[("0.25", "104"), ("0.25", "105"), ("0.25", "106"), ("0.25", "107")], "STAGED"),
        (&[], "BAD_TERMS"),
        (&[("0", "105")], "BAD_TERMS"),
        (&[("-0.5", "105")], "BAD_TERMS"),
        (&[("0.6", "105"), ("0.6", "106")], "BAD_TERMS"),
        (&[("0.5", "105"), ("0.5", "105")], "BAD_TERMS"),
        (&[("0.2", "104"), ("0.2", "105"), ("0.2", "106"), ("0.2", "107")], "BAD_TERMS"),
        (&[("0.05", "105"), ("0.5", "106")], "RUNG_TOO_SMALL"),
        (&[("0.5", "99")], "TARGET_WRONG_SIDE"),
        (&[("0.5", "105.001")], "OFF_TICK"),
        (&[("0.5", "105"), ("0.5", "200")], "COLLAR"),
        (&[("0.5", "105"), ("0.3", "104")], "STAGED"),
    ];
    for (rungs, code) in rows {
        let mut b = Bench::new(ALPACA);
        let id = held(&mut b, Direction::Long);
        let before = b.tx(id).clone();
        let verdict = b.person(set_ladder(id, rungs));
        assert_eq!(verdict.code(), code, "{rungs:?}: {}", verdict.message);
        if !verdict.accepted() {
            assert_eq!((&b.tx(id).ladder, b.tx(id).desired), (&before.ladder, before.desired));
        }
    }
}

#[test]
fn who_may_set_a_ladder_and_when() {
    let mut b = Bench::new(ALPACA);
    b.book.accounts.get_mut(&ACCOUNT.into()).expect("it").rules.guards.target_may_recede = false;
    let id = held(&mut b, Direction::Long);
    b.person(Intent::Lock { transaction: id, leg: Leg::Target, locked: true });
    assert_eq!(b.ask(two_rungs(id), policy()).code(), "LOCKED", "i7");
    assert_eq!(b.person(two_rungs(id)).code(), "STAGED", "a person may");
    assert_eq!(b.person(two_rungs(id)).code(), "UNCHANGED");
    carried_out(&mut b, id, true);
    b.person(Intent::Lock { transaction: id, leg: Leg::Target, locked: false });
    // G7: neither the nearest nor the farthest target goes away from the market by itself.
    for rungs in [[("0.5", "106"), ("0.3", "108")], [("0.5", "105"), ("0.3", "111")]] {
        assert_eq!(b.ask(set_ladder(id, &rungs), policy()).code(), "RECEDES", "{rungs:?}");
    }
    assert_eq!(b.ask(set_target(id, "106"), policy()).code(), "RECEDES");
    b.person(Intent::Resize { transaction: id, quantity: quantity("6") });
    assert_eq!(b.person(set_ladder(id, &[("1", "105")])).code(), "BUSY");
    let mut closing = Bench::new(ALPACA);
    let id = held(&mut closing, Direction::Long);
    closing.person(Intent::Close { transaction: id });
    assert_eq!(closing.person(two_rungs(id)).code(), "BUSY");
    assert!(!Refusal::RungTooSmall.retryable(), "it has to be asked for otherwise");
}

#[test]
fn a_stop_change_moves_the_stop_of_every_part_and_takes_one_part_at_a_time_where_it_swaps() {
    let mut b = Bench::new(ALPACA);
    let id = held(&mut b, Direction::Long);
    b.person(two_rungs(id));
    carried_out(&mut b, id, true);
    b.person(set_stop(id, "97"));
    let moves = ["0: exits of 5: stop 97, target keep", "1: exits of 3: stop 97, target keep"];
    let said = carried_out(&mut b, id, true);
    assert_eq!(said, [moves[0], moves[1], "2: exits of 2: stop 97, target keep"]);
    assert_eq!(rests(b.tx(id)), "5 97/105, 3 97/108, 2 97/110");

    let mut b = Bench::new(SWAPS);
    let id = held(&mut b, Direction::Long);
    b.person(two_rungs(id));
    carried_out(&mut b, id, false);
    b.person(set_stop(id, "97"));
    let mut alone = Vec::new();
    while !b.sent.is_empty() {
        assert_eq!(b.sent.len(), 1, "i6: one part at a time");
        let command = b.sent.remove(0);
        let slice = slice_of(&command);
        let Call::Adjust { bracket, .. } = &command.call else { panic!("{command:?}") };
        if let Some(leg) = bracket.legs.first() {
            let progress = Progress::WaitingFor(leg.broker_id.clone());
            let (legs, how, memo) = (vec![], How::CancelRequested, vec![]);
            b.answer(&command, Answer::Adjusted { legs, how, progress, memo });
            assert!(b.sent.is_empty(), "i6: not before the first part has its stop again");
            cancel(&mut b, id, slice);
            alone.push(b.tx(id).held().minus(protected_quantity(b.tx(id))).to_string());
        } else {
            b.adjusted(&command);
        }
    }
    assert_eq!(alone, ["5", "3", "2"], "i5: what was alone, one part after the other");
    assert_eq!(rests(b.tx(id)), "5 97/105, 3 97/108, 2 97/110");
}

#[test]
fn a_rung_that_filled_is_done_and_a_ladder_set_again_plans_what_is_left() {
    let mut b = Bench::new(ALPACA);
    let id = held(&mut b, Direction::Long);
    b.person(two_rungs(id));
    carried_out(&mut b, id, true);
    target_fills(&mut b, id, 0, "2");
    assert_eq!(parts(b.tx(id)), "0: 3 @ 105, 1: 3 @ 108, 2: 2 @ 110");
    target_fills(&mut b, id, 0, "5");
    b.pass_ms(1_100);
    assert_eq!(carried_out(&mut b, id, true), Vec::<String>::new(), "the others are left alone");
    assert!(b.tx(id).ladder[0].is_done());
    assert_eq!(rests(b.tx(id)), "3 95/108, 2 95/110");

    // Of the 5 that are left: 2 and 3.
    b.person(set_ladder(id, &[("0.5", "106"), ("0.5", "107")]));
    assert_eq!(parts(b.tx(id)), "1: 3 @ 107, 2: 2 @ 106");
    let said = carried_out(&mut b, id, true);
    let expected = ["1: exits of 3: stop keep, target 107", "2: exits of 2: stop keep, target 106"];
    assert_eq!(said, expected, "i6: no stop is touched where the parts are the same");
    for slice in [1, 2] {
        let filled = b.tx(id).slice(SliceNo(slice)).expect("it is there").held.to_string();
        target_fills(&mut b, id, slice, &filled);
    }
    assert_eq!(b.tx(id).status, TransactionStatus::Closed);
    assert_eq!(b.tx(id).close_reason.as_deref(), Some("target"));
}

#[test]
fn stops_that_fill_part_by_part_move_nothing_between_the_parts() {
    let mut b = Bench::new(ALPACA);
    let id = held(&mut b, Direction::Long);
    b.person(two_rungs(id));
    carried_out(&mut b, id, true);
    for (slice, filled, left) in
        [(0, "4", "0: 1 @ 105, 1: 3 @ 108, 2: 2 @ 110"), (1, "3", "0: 1 @ 105, 2: 2 @ 110")]
    {
        exit_fills(&mut b, id, (slice, Role::Stop), filled);
        assert_eq!(parts(b.tx(id)), left);
        assert!(b.sent.is_empty(), "{:?}", b.sent);
    }
}

#[test]
fn one_target_takes_the_place_of_a_ladder_and_no_stop_is_touched() {
    let pair = |id| Intent::Protect {
        transaction: id,
        stop: Wish::Set(price("95")),
        target: Wish::Set(price("109")),
    };
    let clear = |id| Intent::Protect { transaction: id, stop: Wish::Keep, target: Wish::Clear };
    let barriers = |id| Intent::Barriers {
        transaction: id,
        stop: Wish::Set(price("95")),
        target: Wish::Set(price("109")),
        hold_ms: 60_000,
    };
    type Ask = fn(TransactionId) -> Intent;
    let rows: [(Ask, &str); 5] = [
        (|id| set_target(id, "109"), "5 95/109, 3 95/109, 2 95/109"),
        (|id| set_target(id, "110"), "5 95/110, 3 95/110, 2 95/110"),
        (pair, "5 95/109, 3 95/109, 2 95/109"),
        (clear, "5 95/-, 3 95/-, 2 95/-"),
        (barriers, "5 95/109, 3 95/109, 2 95/109"),
    ];
    for (ask, expected) in rows {
        let mut b = Bench::new(ALPACA);
        let id = held(&mut b, Direction::Long);
        b.person(two_rungs(id));
        carried_out(&mut b, id, true);
        let version = b.tx(id).desired.version;
        assert_eq!(b.person(ask(id)).code(), "STAGED");
        let said = b.last.facts.iter().find(|fact| fact.kind == FactKind::LadderChanged);
        assert_eq!(said.map(|fact| &*fact.code), Some("ended"));
        assert!(b.tx(id).ladder.is_empty() && b.tx(id).desired.version > version);
        let gaps = b.tx(id).gaps.count;
        carried_out(&mut b, id, true);
        assert_eq!(rests(b.tx(id)), expected);
        // Here a pair is broken by cancel and new.
        let broken = u32::from(expected.contains('-'));
        assert_eq!(b.tx(id).gaps.count, gaps + broken, "i6");
    }
}

#[test]
fn law_1_a_ladder_set_while_waiting_is_what_rests_after_the_fill() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    assert_eq!(b.ask(two_rungs(id), policy()).code(), "STORED");
    assert!(b.sent.is_empty(), "WAITING: the ledger only");
    b.fill(&order, "10", "100");
    let said = carried_out(&mut b, id, true);
    assert_eq!(
        said,
        [
            "0: exits of 5: stop 95, target 105",
            "1: exits of 3: stop 95, target 108",
            "2: exits of 2: stop 95, target 110"
        ]
    );
}

#[test]
fn a_pair_that_the_entry_carried_is_cut_once_it_is_seen() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(Open { guard: GuardWish::Native, ..wish() });
    let entry = b.command();
    let order = b.accept(&entry);
    let carried = |status: OrderStatus| {
        [("t", Some("110"), None), ("s", None, Some("95"))].map(|(name, limit, trigger)| {
            OrderReport {
                broker_id: name.into(),
                client_id: None,
                parent: Some(order.broker_id.clone()),
                side: Direction::Long.exit_side(),
                limit: limit.map(price),
                trigger: trigger.map(price),
                kind: if trigger.is_some() { OrderKind::Stop } else { OrderKind::Limit },
                status,
                ..order.clone()
            }
        })
    };
    carried(OrderStatus::Contingent).into_iter().for_each(|leg| b.report(leg));
    b.person(two_rungs(id));
    b.fill(&order, "4", "100");
    assert_eq!(parts(b.tx(id)), "0: 4 @ 110", "what is carried is of all of it");
    // The partly filled entry is canceled here by default; the broker fills it first.
    b.sent.clear();
    b.fill(&order, "10", "100");
    assert!(b.sent.is_empty(), "the carried pair is waited for");
    carried(OrderStatus::Working).into_iter().for_each(|leg| b.report(leg));
    assert_eq!(parts(b.tx(id)), "0: 5 @ 105, 1: 3 @ 108, 2: 2 @ 110");
    b.sent.retain(|command| matches!(command.call, Call::Adjust { .. }));
    carried_out(&mut b, id, true);
    assert_eq!(rests(b.tx(id)), "5 95/105, 3 95/108, 2 95/110");
}

#[test]
fn partial_fills_go_to_the_nearest_rung_first() {
    let mut b = Bench::new(SWAPS);
    let id = b.open(Open { on_partial: Some(OnPartial::Oco), ..wish() });
    let entry = b.command();
    let order = b.accept(&entry);
    b.person(two_rungs(id));
    for (filled, dealt) in [
        ("2", "0: 2 @ 105"),
        ("4", "0: 4 @ 105"),
        ("7", "0: 5 @ 105, 1: 2 @ 108"),
        ("10", "0: 5 @ 105, 1: 3 @ 108, 2: 2 @ 110"),
    ] {
        b.fill(&order, filled, "100");
        assert_eq!(parts(b.tx(id)), dealt);
        b.pass_ms(300);
        carried_out(&mut b, id, false);
        assert_eq!(b.tx(id).protection, Protection::Protected, "{filled}");
    }
    assert_eq!(rests(b.tx(id)), "5 95/105, 3 95/108, 2 95/110");
}

#[test]
fn a_reduction_takes_what_the_rungs_leave_over_first_then_the_farthest_rung() {
    let mut b = Bench::new(ALPACA);
    let id = held(&mut b, Direction::Long);
    b.person(two_rungs(id));
    carried_out(&mut b, id, true);
    b.person(Intent::Resize { transaction: id, quantity: quantity("7") });
    let freed: Vec<SliceNo> = b.sent.iter().map(slice_of).collect();
    assert_eq!(freed, [SliceNo(2), SliceNo(1)]);
    for command in std::mem::take(&mut b.sent) {
        b.adjusted(&command);
    }
    cancel(&mut b, id, SliceNo(1));
    cancel(&mut b, id, SliceNo(2));
    let sell = b.command();
    assert_eq!(words(&sell), "sell 3 at market");
    let order = b.accept(&sell);
    b.fill(&order, "3", "101");
    b.pass_ms(1_100);
    carried_out(&mut b, id, true);
    assert_eq!(rests(b.tx(id)), "5 95/105, 2 95/108");
    assert_eq!(b.tx(id).protection, Protection::Protected);
}

#[test]
fn what_is_bought_on_top_goes_to_the_part_that_no_rung_holds() {
    // With four rungs there is no such part, and the farthest one grows.
    let four: &[(&str, &str)] = &[("0.2", "104"), ("0.2", "105"), ("0.2", "106"), ("0.4", "107")];
    for (rungs, expected) in [
        (&[("0.5", "105"), ("0.3", "108")][..], "5 95/105, 3 95/108, 2 95/110, 3 95/110"),
        (&[("0.5", "105"), ("0.5", "108")][..], "5 95/105, 5 95/108, 3 95/110"),
        (four, "7 95/107, 2 95/104, 2 95/105, 2 95/106"),
    ] {
        let mut b = Bench::new(ALPACA);
        let id = held(&mut b, Direction::Long);
        b.person(set_ladder(id, rungs));
        carried_out(&mut b, id, true);
        b.person(Intent::Resize { transaction: id, quantity: quantity("13") });
        let more = b.command();
        let order = b.accept(&more);
        b.fill(&order, "3", "101");
        b.pass_ms(300);
        carried_out(&mut b, id, true);
        assert_eq!(rests(b.tx(id)), expected, "{rungs:?}");
    }
}

#[test]
fn i6_what_is_bought_on_top_touches_no_stop_that_rests() {
    let mut b = Bench::new(SWAPS);
    let id = held(&mut b, Direction::Long);
    b.person(two_rungs(id));
    carried_out(&mut b, id, false);
    let gaps = b.tx(id).gaps.count;
    b.person(Intent::Resize { transaction: id, quantity: quantity("17") });
    let more = b.command();
    let order = b.accept(&more);
    b.fill(&order, "7", "101");
    b.pass_ms(300);
    let said = carried_out(&mut b, id, false);
    assert_eq!(said, ["3: exits of 7: stop 95, target 110"]);
    assert_eq!(b.tx(id).gaps.count, gaps + 1, "what was bought had none, and nothing else");
}

/// Parts that grow after one has shrunk: each is covered in part and waits for nobody.
#[test]
fn i6_parts_that_all_lack_something_do_not_wait_for_each_other() {
    let mut b = Bench::new(SWAPS);
    let id = held(&mut b, Direction::Long);
    b.person(set_ladder(id, &[("0.1", "105"), ("0.1", "106")]));
    carried_out(&mut b, id, false);
    b.person(set_ladder(id, &[("0.4", "105"), ("0.3", "106"), ("0.3", "107")]));
    carried_out(&mut b, id, false);
    let mut all: Vec<String> = rests(b.tx(id)).split(", ").map(str::to_owned).collect();
    all.sort();
    assert_eq!(all, ["3 95/106", "3 95/107", "4 95/105"]);
    assert_eq!(b.tx(id).protection, Protection::Protected);
}

#[test]
fn i4_nothing_is_added_while_the_outcome_of_the_shrinking_is_unknown() {
    let mut b = Bench::new(ALPACA);
    let id = held(&mut b, Direction::Long);
    b.person(two_rungs(id));
    let shrink = b.command();
    b.answer(&shrink, Answer::Unknown(Fault::new("TIMEOUT", "nobody answered")));
    b.pass_ms(10_000);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    assert_eq!(rests(b.tx(id)), "10 95/110");
    assert_eq!(protected_quantity(b.tx(id)), quantity("10"));
}

#[test]
fn a_ladder_set_again_while_the_first_is_being_cut_ends_as_the_second() {
    for in_place in [true, false] {
        let mut b = Bench::new(if in_place { ALPACA } else { SWAPS });
        let id = held(&mut b, Direction::Long);
        b.person(two_rungs(id));
        let first = b.sent.remove(0);
        b.person(set_ladder(id, &[("0.2", "104"), ("0.4", "106"), ("0.2", "109")]));
        b.person(set_stop(id, "96"));
        assert!(b.sent.is_empty(), "i4: one in flight, and the others wait for it");
        b.sent.insert(0, first);
        carried_out(&mut b, id, in_place);
        let tx = b.tx(id);
        let mut all: Vec<String> = rests(tx).split(", ").map(str::to_owned).collect();
        all.sort();
        assert_eq!(all, ["2 96/104", "2 96/109", "2 96/110", "4 96/106"]);
        assert_eq!(tx.protection, Protection::Protected);
    }
}
