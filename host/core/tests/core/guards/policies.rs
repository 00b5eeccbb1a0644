//! G6, G12, G18, G19: what keeps a script in bounds; and G10, what no disconnect may do.

use bracketd_core::broker::{BrokerEvent, Fault};
use bracketd_core::command::Answer;
use bracketd_core::fact::FactKind;
use bracketd_core::guard::Distance;
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Open, Source};
use bracketd_core::order::Direction;

use super::{BOTH, bench, opened_as, policy, quote, seen, stop_to, target_to, wish_of};
use crate::bench_book::{Bench, decimal, price, quantity};

fn tripped(b: &Bench) -> Vec<String> {
    let facts = b.last.facts.iter().filter(|fact| fact.kind == FactKind::GuardTripped);
    facts.map(|fact| fact.code.to_string()).collect()
}

#[test]
fn g6_a_policy_moves_a_stop_so_often_in_a_minute() {
    for direction in BOTH {
        let mut b = bench(|guards| guards.stop_moves_per_minute = 3);
        let id = opened_as(&mut b, wish_of(direction));
        let to = |price: &str| stop_to(id, seen(direction, price));
        // milliseconds later, who, stop, code, told
        let rows: [(u64, Source, &str, &str, bool); 11] = [
            (0, policy(), "96", "STAGED", false),
            (1_000, policy(), "96", "UNCHANGED", false),
            (1_000, policy(), "96.5", "STAGED", false),
            (1_000, policy(), "97", "STAGED", false),
            (1_000, policy(), "97.5", "TOO_OFTEN", true),
            (1_000, policy(), "97.5", "TOO_OFTEN", false),
            (0, Source::Manual("ann".into()), "98", "STAGED", false),
            (54_999, policy(), "98.5", "TOO_OFTEN", false),
            (1, policy(), "98.5", "STAGED", false),
            (1, policy(), "99", "TOO_OFTEN", false),
            (120_000, policy(), "99", "STAGED", false),
        ];
        for (at, (later_ms, who, stop, code, told)) in rows.into_iter().enumerate() {
            b.now = b.now.plus_ms(later_ms);
            quote(&mut b, direction, "99.99", "100.01");
            let verdict = b.ask(to(stop), who);
            assert_eq!(verdict.code(), code, "row {at}: {}", verdict.message);
            assert_eq!(tripped(&b).len(), usize::from(told), "row {at}: {:?}", b.last.facts);
        }
        assert_eq!(b.ask(target_to(id, seen(direction, "109")), policy()).code(), "STAGED");
    }
}

#[test]
fn g6_a_step_too_small_to_send_is_put_off() {
    let percent = Distance::Percent(decimal("1"));
    // smallest step, from 95 to, code for a policy, code for a person
    let rows = [
        (Some(Distance::Ticks(5)), "95.04", "UNCHANGED", "STAGED"),
        (Some(Distance::Ticks(5)), "95.05", "STAGED", "UNCHANGED"),
        (Some(Distance::Ticks(5)), "94.99", "STAGED", "UNCHANGED"),
        (Some(percent), "95.94", "UNCHANGED", "STAGED"),
        (Some(percent), "95.95", "STAGED", "UNCHANGED"),
        (None, "95.01", "STAGED", "UNCHANGED"),
    ];
    for (min, to, by_policy, by_person) in rows {
        let mut b = bench(|guards| guards.min_step = min);
        let id = opened_as(&mut b, wish_of(Direction::Long));
        let verdict = b.ask(stop_to(id, price(to)), policy());
        assert_eq!(verdict.code(), by_policy, "{min:?} {to}: {}", verdict.message);
        assert_eq!(b.person(stop_to(id, price(to))).code(), by_person, "{min:?} {to}");
    }
    let mut b = bench(|guards| guards.min_step = Some(Distance::Ticks(5)));
    let id = b.open(wish_of(Direction::Long));
    assert_eq!(b.ask(stop_to(id, price("95.01")), policy()).code(), "STORED", "no message is sent");
}

#[test]
fn g10_a_disconnect_cancels_nothing_and_forgets_nothing() {
    let mut b = bench(|_| {});
    let id = opened_as(&mut b, wish_of(Direction::Long));
    let before = b.tx(id).orders.clone();
    b.tell(BrokerEvent::Down(Fault::new("UNREACHABLE", "no route")));
    b.pass_ms(120_000);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    assert_eq!(b.tx(id).orders, before, "the exits rest at the broker");
}

#[test]
fn g12_a_policy_that_is_not_assigned_may_nothing() {
    let mut b = bench(|_| {});
    let id = opened_as(&mut b, wish_of(Direction::Long));
    let stranger = || Source::Policy { name: "other".into(), digest: "d1".into() };
    for intent in [
        stop_to(id, price("96")),
        Intent::Close { transaction: id },
        Intent::Resize { transaction: id, quantity: quantity("5") },
    ] {
        assert_eq!(b.ask(intent, stranger()).code(), "NOT_OWNER");
    }
}

#[test]
fn g18_a_policy_waits_while_an_outcome_is_unknown_and_people_do_not() {
    let verbs = |id| {
        [
            stop_to(id, price("97")),
            target_to(id, price("108")),
            Intent::Resize { transaction: id, quantity: quantity("5") },
            Intent::Close { transaction: id },
        ]
    };
    for at in 0..4 {
        let mut b = bench(|_| {});
        let id = opened_as(&mut b, wish_of(Direction::Long));
        b.person(stop_to(id, price("96")));
        let moved = b.command();
        b.answer(&moved, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
        let verdict = b.ask(verbs(id)[at].clone(), policy());
        assert_eq!(verdict.code(), "UNSETTLED", "{}", verdict.message);
        let verdict = b.person(verbs(id)[at].clone());
        assert_eq!(verdict.code(), "STAGED", "{}", verdict.message);
    }
    let mut b = bench(|_| {});
    let id = opened_as(&mut b, wish_of(Direction::Long));
    b.person(stop_to(id, price("96")));
    let moved = b.command();
    assert_eq!(b.ask(stop_to(id, price("97")), policy()).code(), "STAGED", "in flight is no doubt");
    b.adjusted(&moved);
}

fn several(b: &mut Bench, count: u32) -> Vec<TransactionId> {
    let wishes = (0..count).map(|_| Open { distinct: true, ..wish_of(Direction::Long) });
    wishes.collect::<Vec<_>>().into_iter().map(|wish| opened_as(b, wish)).collect()
}

#[test]
fn g19_a_script_does_not_liquidate_the_book() {
    let mut b = bench(|guards| guards.max_closes_per_minute = 2);
    let ids = several(&mut b, 6);
    let close = |at: usize| Intent::Close { transaction: ids[at] };
    let other = || Source::Policy { name: "trail".into(), digest: "d2".into() };
    assert_eq!(b.ask(close(0), policy()).code(), "STAGED");
    assert_eq!(b.ask(close(0), policy()).code(), "UNCHANGED", "asked again is no second close");
    assert_eq!(b.ask(close(1), policy()).code(), "STAGED");
    assert_eq!(b.ask(close(2), policy()).code(), "TOO_MANY_CLOSES");
    assert_eq!(tripped(&b), ["TOO_MANY_CLOSES"]);
    assert_eq!(b.ask(close(3), policy()).code(), "TOO_MANY_CLOSES");
    assert_eq!(tripped(&b), [""; 0], "told once");
    b.now = b.now.plus_ms(61_000);
    assert_eq!(b.ask(close(2), policy()).code(), "TOO_MANY_CLOSES", "waiting does not help");
    assert_eq!(b.person(close(2)).code(), "STAGED", "people close what they like");
    assert_eq!(b.ask(stop_to(ids[3], price("96")), policy()).code(), "STAGED", "stops go on");
    assert_eq!(b.ask(close(3), other()).code(), "STAGED", "another version begins anew");
}

#[test]
fn g19_closes_far_from_each_other_are_no_liquidation() {
    let mut b = bench(|guards| guards.max_closes_per_minute = 2);
    let ids = several(&mut b, 5);
    for id in ids {
        assert_eq!(b.ask(Intent::Close { transaction: id }, policy()).code(), "STAGED");
        b.now = b.now.plus_ms(30_000);
    }
}
