//! G9: own orders on both sides of an instrument, where the account calls that a wash trade.

use bracketd_core::guard::wash::blocking;
use bracketd_core::ids::TransactionId;
use bracketd_core::instrument::Features;
use bracketd_core::intent::{GuardWish, Intent, Open, Wish};
use bracketd_core::money::Price;
use bracketd_core::order::{Direction, OrderStatus};
use bracketd_core::transaction::EntryKind;

use super::{BOTH, asked, bench_with, opened_as, resting_as, seen, wish_of};
use crate::bench_book::{ACCOUNT, ALPACA, Bench, quantity, report_of};

/// Alpaca without its rule.
fn lenient() -> Vec<&'static str> {
    let mut all = ALPACA.to_vec();
    all.push(Features::PROTECT_BESIDE_OPEN_ENTRY);
    all
}

fn limit(direction: Direction, at: &str) -> Open {
    let entry = EntryKind::Limit(seen(direction, at));
    Open { entry, quantity: quantity("3"), ..wish_of(direction) }
}

fn legs(open: Open, stop: Option<Price>, target: Option<Price>) -> Open {
    Open { stop, target, ..open }
}

fn blocked_by(b: &Bench, id: TransactionId) -> Vec<TransactionId> {
    let tx = b.tx(id);
    let account = &b.book.accounts[&ACCOUNT.into()];
    let mut all = blocking(&b.book, account, &tx.symbol, tx.direction.exit_side());
    all.retain(|other| *other != id);
    all
}

#[test]
fn g9_a_close_or_reduction_names_the_entry_that_is_in_its_way() {
    for direction in BOTH {
        for (features, code) in [(ALPACA.to_vec(), "WASH_TRADE"), (lenient(), "STAGED")] {
            for closes in [true, false] {
                let mut b = bench_with(&features, |_| {});
                let held = opened_as(&mut b, wish_of(direction));
                let waits = resting_as(&mut b, limit(direction, "99"));
                let intent = match closes {
                    true => Intent::Close { transaction: held },
                    false => Intent::Resize { transaction: held, quantity: quantity("4") },
                };
                let verdict = b.person(intent.clone());
                assert_eq!(verdict.code(), code, "{}", verdict.message);
                if code == "STAGED" {
                    continue;
                }
                let names = verdict.message.contains(&format!("cancel-entry {waits}"));
                assert!(names && b.sent.is_empty(), "nothing was freed: {verdict:?}");
                assert_eq!(blocked_by(&b, held), [waits]);
                assert_eq!(b.person(Intent::CancelEntry { transaction: waits }).code(), "STAGED");
                assert_eq!(b.person(intent.clone()).code(), "WASH_TRADE", "it still rests");
                b.sent.clear();
                let mut ended = sample(&b, waits);
                ended.status = OrderStatus::Canceled;
                b.report(ended);
                assert_eq!(b.person(intent).code(), "STAGED");
            }
        }
    }
}

fn sample(b: &Bench, id: TransactionId) -> bracketd_core::broker::OrderReport {
    let tx = b.tx(id);
    let order = tx.resting_entry().expect("an entry");
    bracketd_core::broker::OrderReport {
        role: None,
        avg_price: None,
        trigger: None,
        updated_at: b.now,
        ..report_of(tx, order)
    }
}

#[test]
fn g9_an_entry_that_carries_its_exits_is_exempt() {
    let mut b = bench_with(ALPACA, |_| {});
    let bracket = Open { guard: GuardWish::Native, ..limit(Direction::Long, "99") };
    let waits = resting_as(&mut b, bracket);
    let held = opened_as(&mut b, wish_of(Direction::Long));
    assert_eq!(blocked_by(&b, held), [], "{waits} is linked with its exits");
    assert_eq!(b.person(Intent::Close { transaction: held }).code(), "STAGED");
}

#[test]
fn g9_an_entry_does_not_meet_exits_that_rest_alone() {
    let market = |direction| Open { entry: EntryKind::Market, ..limit(direction, "99") };
    for direction in BOTH {
        let at = |price: &str| Some(seen(direction, price));
        // stop and target of what is held, the new entry, code
        let rows = [
            (at("95"), None, limit(direction, "99"), "WASH_TRADE"),
            (at("95"), None, market(direction), "WASH_TRADE"),
            (at("95"), at("110"), limit(direction, "99"), "STAGED"),
            (at("95"), at("110"), market(direction), "STAGED"),
            (None, at("110"), limit(direction, "99"), "STAGED"),
            (None, at("110"), market(direction), "WASH_TRADE"),
            (None, None, market(direction), "STAGED"),
        ];
        for (row, (stop, target, open, code)) in rows.into_iter().enumerate() {
            for waits in [false, true] {
                let mut b = bench_with(ALPACA, |_| {});
                let first = legs(wish_of(direction), stop, target);
                match waits {
                    // Its exits would be rejected when it fills beside the new entry.
                    true => resting_as(&mut b, first),
                    false => opened_as(&mut b, first),
                };
                let verdict = b.person(asked(open.clone()));
                assert_eq!(verdict.code(), code, "row {row}: {}", verdict.message);
            }
            let mut b = bench_with(&lenient(), |_| {});
            opened_as(&mut b, legs(wish_of(direction), stop, target));
            assert_eq!(b.person(asked(open)).code(), "STAGED", "row {row}");
        }
    }
}

#[test]
fn g9_exits_that_could_not_rest_are_not_planned() {
    for direction in BOTH {
        let mut b = bench_with(ALPACA, |_| {});
        resting_as(&mut b, limit(direction, "99"));
        let alone = legs(wish_of(direction), Some(seen(direction, "95")), None);
        assert_eq!(b.person(asked(alone)).code(), "WASH_TRADE");
        assert_eq!(b.person(asked(wish_of(direction))).code(), "STAGED", "linked they may");
    }
}

#[test]
fn g9_a_pair_is_not_broken_beside_an_entry() {
    let mut b = bench_with(ALPACA, |_| {});
    let held = opened_as(&mut b, wish_of(Direction::Long));
    let clear = |stop, target| Intent::Protect { transaction: held, stop, target };
    resting_as(&mut b, limit(Direction::Long, "99"));
    assert_eq!(b.person(clear(Wish::Keep, Wish::Clear)).code(), "WASH_TRADE");
    assert_eq!(b.person(clear(Wish::Clear, Wish::Keep)).code(), "WASH_TRADE");
    assert_eq!(b.person(clear(Wish::Clear, Wish::Clear)).code(), "STAGED");

    let mut b = bench_with(ALPACA, |_| {});
    let held = opened_as(&mut b, wish_of(Direction::Long));
    let alone = Intent::Protect { transaction: held, stop: Wish::Keep, target: Wish::Clear };
    assert_eq!(b.person(alone).code(), "STAGED", "no entry rests");
}

#[test]
fn g9_growing_meets_the_exits_of_others_only() {
    let grow = |transaction| Intent::Resize { transaction, quantity: quantity("12") };
    let mut b = bench_with(ALPACA, |_| {});
    let one =
        opened_as(&mut b, legs(wish_of(Direction::Long), Some(seen(Direction::Long, "95")), None));
    assert_eq!(b.person(grow(one)).code(), "STAGED", "its own are taken away first");

    let mut b = bench_with(ALPACA, |_| {});
    let one = opened_as(&mut b, wish_of(Direction::Long));
    let two = opened_as(&mut b, Open { distinct: true, ..wish_of(Direction::Long) });
    let alone = Intent::Protect { transaction: two, stop: Wish::Keep, target: Wish::Clear };
    assert_eq!(b.person(alone).code(), "STAGED");
    assert_eq!(b.person(grow(one)).code(), "WASH_TRADE");
}
