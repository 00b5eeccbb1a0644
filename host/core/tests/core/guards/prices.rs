//! G2, G7, G16, G17: where a stop or target may be, and on which price that is judged.

use bracketd_core::guard::Distance;
use bracketd_core::intent::{Intent, Open, Wish};
use bracketd_core::order::Direction;
use bracketd_core::transaction::EntryKind;

use super::{BOTH, asked, bench, opened_as, policy, quote, seen, stop_to, target_to, wish_of};
use crate::bench_book::{decimal, quantity};

#[test]
fn g2_the_collar_ends_where_it_says() {
    let rows = [
        ("stop", "50", "STORED"),
        ("stop", "49.99", "COLLAR"),
        ("target", "150", "STORED"),
        ("target", "150.01", "COLLAR"),
    ];
    for direction in BOTH {
        for (leg, to, code) in rows {
            let mut b = bench(|_| {});
            let id = b.open(wish_of(direction));
            let to = seen(direction, to);
            let intent = if leg == "stop" { stop_to(id, to) } else { target_to(id, to) };
            let verdict = b.person(intent);
            assert_eq!(verdict.code(), code, "{leg} {to}: {}", verdict.message);
        }
    }
}

#[test]
fn g2_the_limit_of_an_entry_is_near_the_market() {
    // the limit of a long while the market asks 100.01, what the entry gets
    let rows = [
        ("150", "STAGED"),
        ("151", "COLLAR"),
        ("51", "STAGED"),
        ("49", "COLLAR"),
        ("190", "COLLAR"),
    ];
    for direction in BOTH {
        for age_ms in [0, 60_000] {
            for (limit, code) in rows {
                let mut b = bench(|_| {});
                quote(&mut b, direction, "99.99", "100.01");
                b.pass_ms(age_ms);
                let entry = EntryKind::Limit(seen(direction, limit));
                let plain = Open { entry, stop: None, target: None, ..wish_of(direction) };
                let verdict = b.person(Intent::Open(Box::new(plain)));
                assert_eq!(verdict.code(), code, "{limit}: {}", verdict.message);
                let name =
                    if age_ms == 0 { "from the market" } else { "from the last known price" };
                let is_named = verdict.message.contains(name);
                assert_eq!(is_named, code == "COLLAR", "{}", verdict.message);
            }
        }
    }
}

#[test]
fn g2_a_limit_is_near_enough_where_it_is_near_one_side_of_the_market() {
    let mut b = bench(|_| {});
    b.quote("99.99", "400");
    let plain = |limit| {
        let entry = EntryKind::Limit(seen(Direction::Long, limit));
        asked(Open { entry, stop: None, target: None, ..wish_of(Direction::Long) })
    };
    assert_eq!(b.person(plain("101")).code(), "STAGED", "the ask stands anywhere before a session");
    assert_eq!(b.person(plain("199")).code(), "COLLAR");
}

#[test]
fn the_exits_of_a_limit_that_the_market_has_reached_are_checked_against_the_market() {
    // stop and target of a long at 105 while the market asks 100.01, and what it gets
    let rows = [
        ("104", "110", "STOP_WRONG_SIDE"),
        ("100.01", "110", "STOP_WRONG_SIDE"),
        ("99", "100", "TARGET_WRONG_SIDE"),
        ("99", "104", "STAGED"),
    ];
    for direction in BOTH {
        for (stop, target, code) in rows {
            let mut b = bench(|_| {});
            quote(&mut b, direction, "99.99", "100.01");
            let of = |price| Some(seen(direction, price));
            let entry = EntryKind::Limit(seen(direction, "105"));
            let wish = Open { entry, stop: of(stop), target: of(target), ..wish_of(direction) };
            let verdict = b.person(Intent::Open(Box::new(wish)));
            assert_eq!(verdict.code(), code, "{stop} {target}: {}", verdict.message);
        }
    }
}

#[test]
fn g7_a_target_may_be_kept_from_receding() {
    // held?, what becomes of the target at 110, code for a policy
    let rows = [
        (true, Some("111"), "RECEDES"),
        (true, None, "RECEDES"),
        (true, Some("109"), "STAGED"),
        (false, Some("111"), "STORED"),
        (false, None, "STORED"),
    ];
    for direction in BOTH {
        for (is_held, to, code) in rows {
            let mut b = bench(|guards| guards.target_may_recede = false);
            let id = match is_held {
                true => opened_as(&mut b, wish_of(direction)),
                false => b.open(wish_of(direction)),
            };
            let target = to.map_or(Wish::Clear, |to| Wish::Set(seen(direction, to)));
            let intent = || Intent::Protect { transaction: id, stop: Wish::Keep, target };
            assert_eq!(b.ask(intent(), policy()).code(), code, "{to:?}");
            assert!(b.person(intent()).accepted(), "a person may");
        }
    }
    let mut b = bench(|_| {});
    let id = opened_as(&mut b, wish_of(Direction::Long));
    let farther = target_to(id, seen(Direction::Long, "111"));
    assert_eq!(b.ask(farther, policy()).code(), "STAGED", "allowed unless forbidden");
}

#[test]
fn g16_the_smallest_distance_is_measured_from_the_market() {
    let ticks = Distance::Ticks(10);
    let percent = Distance::Percent(decimal("1"));
    // distance, bid, leg and price asked, code, the nearest allowed
    let rows = [
        (ticks, "99.99", "stop 99.89", "STAGED", ""),
        (ticks, "99.99", "stop 99.90", "TOO_CLOSE", "99.89"),
        (ticks, "99.99", "target 100.09", "STAGED", ""),
        (ticks, "99.99", "target 100.08", "TOO_CLOSE", "100.09"),
        (percent, "105.00", "stop 103.95", "STAGED", ""),
        // Case 31: a stop far above the entry is judged by the market, not pulled below the entry.
        (percent, "105.00", "stop 103.96", "TOO_CLOSE", "103.95"),
        (percent, "105.00", "target 106.05", "STAGED", ""),
        (percent, "105.00", "target 106.04", "TOO_CLOSE", "106.05"),
    ];
    for (distance, bid, what, code, nearest) in rows {
        let mut b = bench(|_| {});
        let id = opened_as(&mut b, wish_of(Direction::Long));
        super::rules(&mut b).guards.min_distance = Some(distance);
        let ask = (decimal(bid) + decimal("0.02")).to_string();
        b.quote(bid, &ask);
        let (leg, to) = what.split_once(' ').expect("leg and price");
        let to = crate::bench_book::price(to);
        let intent = if leg == "stop" { stop_to(id, to) } else { target_to(id, to) };
        let verdict = b.person(intent);
        assert_eq!(verdict.code(), code, "{what} at {bid}: {}", verdict.message);
        let named = verdict.message.contains(&format!("is {nearest}"));
        assert!(nearest.is_empty() || named, "{}", verdict.message);
    }
}

#[test]
fn g16_holds_for_shorts_and_for_planned_entries_too() {
    let rows = [
        (Direction::Long, "99.90", "STAGED"),
        (Direction::Long, "99.91", "TOO_CLOSE"),
        (Direction::Short, "100.10", "STAGED"),
        (Direction::Short, "100.09", "TOO_CLOSE"),
    ];
    for (direction, stop, code) in rows {
        let mut b = bench(|guards| guards.min_distance = Some(Distance::Ticks(10)));
        let stop = Some(crate::bench_book::price(stop));
        let verdict = b.person(asked(Open { stop, ..wish_of(direction) }));
        assert_eq!(verdict.code(), code, "{}", verdict.message);
    }
}

#[test]
fn g17_an_old_price_is_good_for_a_tighter_stop_only() {
    // what is asked of a transaction with stop 95 and target 110, last price 99.99, a minute old
    let rows = [
        ("stop", "96", "STAGED"),
        ("stop", "99.98", "STAGED"),
        ("stop", "99.99", "STALE_PRICE"),
        ("stop", "101", "STALE_PRICE"),
        ("stop", "94", "STALE_PRICE"),
        ("target", "109", "STALE_PRICE"),
        ("target", "111", "STALE_PRICE"),
    ];
    for direction in BOTH {
        for (leg, to, code) in rows {
            for source in [bracketd_core::intent::Source::Manual("ann".into()), policy()] {
                let mut b = bench(|_| {});
                let id = opened_as(&mut b, wish_of(direction));
                b.now = b.now.plus_ms(60_000);
                let price = seen(direction, to);
                let intent = if leg == "stop" { stop_to(id, price) } else { target_to(id, price) };
                let verdict = b.ask(intent, source);
                assert_eq!(verdict.code(), code, "{leg} {to}: {}", verdict.message);
            }
        }
    }
}

#[test]
fn g17_no_price_is_needed_to_close_or_to_clear() {
    for crossed in [false, true] {
        let mut b = bench(|_| {});
        let id = opened_as(&mut b, wish_of(Direction::Long));
        if crossed {
            b.quote("100.05", "100.00");
        } else {
            b.now = b.now.plus_ms(60_000);
        }
        let code = if crossed { "NO_REFERENCE_PRICE" } else { "STALE_PRICE" };
        let grow = Intent::Resize { transaction: id, quantity: quantity("12") };
        assert_eq!(b.person(grow).code(), code, "a market order adds at no price");
        let market = Open { entry: EntryKind::Market, ..wish_of(Direction::Long) };
        assert_eq!(b.person(asked(market)).code(), code);
        let clear = Intent::Protect { transaction: id, stop: Wish::Keep, target: Wish::Clear };
        assert_eq!(b.person(clear).code(), "STAGED");
        assert_eq!(b.person(Intent::Close { transaction: id }).code(), "STAGED");
    }
}

#[test]
fn g17_a_crossed_book_is_no_price() {
    // bid and ask, code of a stop at 96 and of a target at 109
    let rows = [
        ("100.05", "100.00", "NO_REFERENCE_PRICE"),
        ("100.00", "100.00", "STAGED"),
        ("99.99", "100.01", "STAGED"),
    ];
    for direction in BOTH {
        for (bid, ask, code) in rows {
            let mut b = bench(|_| {});
            let id = opened_as(&mut b, wish_of(direction));
            b.quote(bid, ask);
            assert_eq!(b.ask(stop_to(id, seen(direction, "96")), policy()).code(), code);
            assert_eq!(b.person(target_to(id, seen(direction, "109"))).code(), code);
        }
    }
    let mut b = bench(|_| {});
    let id = opened_as(&mut b, wish_of(Direction::Long));
    b.quote("100.05", "100.00");
    b.now = b.now.plus_ms(60_000);
    let verdict = b.person(stop_to(id, seen(Direction::Long, "96")));
    assert_eq!(verdict.code(), "NO_REFERENCE_PRICE", "crossed when it was read");
    quote(&mut b, Direction::Long, "99.99", "100.01");
    assert_eq!(b.person(stop_to(id, seen(Direction::Long, "96"))).code(), "STAGED");
}
