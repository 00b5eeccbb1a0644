//! G1, G3, G4, G11, G15: what may be opened, how much of it, how often, when.

use bracketd_core::broker::{Balance, BrokerEvent, Session};
use bracketd_core::guard::{OrderLimits, OutsideSession};
use bracketd_core::ids::Symbol;
use bracketd_core::intent::{Intent, Open, Wish};
use bracketd_core::order::Direction;
use bracketd_core::transaction::EntryKind;

use super::{BOTH, asked, bench, opened_as, policy, quote, seen, stop_to, wish_of};
use crate::bench_book::{ALPACA, Bench, decimal, price, quantity};

fn sized(direction: Direction, amount: &str, limit: &str) -> Open {
    let entry = EntryKind::Limit(price(limit));
    Open { quantity: quantity(amount), entry, ..wish_of(direction) }
}

#[test]
fn g1_the_largest_order_in_units_and_in_money() {
    // quantity, limit, code: at most 10 units and 1000 in money
    let rows = [
        ("10", "100", "STAGED"),
        ("9", "100.5", "STAGED"),
        ("11", "90", "MAX_QUANTITY"),
        ("10", "100.01", "MAX_NOTIONAL"),
    ];
    for direction in BOTH {
        for (amount, limit, code) in rows {
            let mut b = bench(|guards| {
                guards.max_order.quantity = Some(quantity("10"));
                guards.max_order.notional = Some(decimal("1000"));
            });
            let mut open = sized(direction, amount, limit);
            (open.stop, open.target) = (None, None);
            let verdict = b.person(asked(open.clone()));
            assert_eq!(verdict.code(), code, "{amount} at {limit}: {}", verdict.message);
            if code == "STAGED" {
                continue;
            }
            assert!(b.sent.is_empty() && b.book.transactions.is_empty());
            let own =
                OrderLimits { quantity: Some(quantity("20")), notional: Some(decimal("3000")) };
            let limits = &mut super::rules(&mut b).guards.max_order_by_symbol;
            limits.insert("aaa".into(), own);
            limits.insert("BBB".into(), OrderLimits { quantity: Some(quantity("1")), ..own });
            let verdict = b.person(asked(open));
            assert_eq!(verdict.code(), "STAGED", "its own limits count: {}", verdict.message);
        }
    }
}

#[test]
fn g1_growing_is_an_order_like_an_entry() {
    // held 10; to, code: the order is what is added, at what the market asks
    let rows = [("19", "STAGED"), ("20", "MAX_NOTIONAL"), ("21", "MAX_QUANTITY"), ("1", "STAGED")];
    for (to, code) in rows {
        let mut b = bench(|_| {});
        let id = opened_as(&mut b, wish_of(Direction::Long));
        let guards = &mut super::rules(&mut b).guards;
        guards.max_order.quantity = Some(quantity("10"));
        guards.max_order.notional = Some(decimal("1000"));
        let verdict = b.person(Intent::Resize { transaction: id, quantity: quantity(to) });
        assert_eq!(verdict.code(), code, "to {to}: {}", verdict.message);
    }
}

#[test]
fn g3_what_is_held_and_what_rests_count_together() {
    // the second entry beside one of 10 at 100 that rests or is held at its mark
    let rows = [("15", "100", "STAGED"), ("16", "100", "MAX_EXPOSURE"), ("16", "90", "STAGED")];
    for direction in BOTH {
        for is_held in [false, true] {
            for (amount, limit, code) in rows {
                let mut b = bench(|guards| guards.max_exposure = Some(decimal("2500.1")));
                if is_held {
                    opened_as(&mut b, wish_of(direction));
                } else {
                    b.open(wish_of(direction));
                }
                let mut open = sized(direction, amount, limit);
                open.stop = Some(seen(direction, "88"));
                if direction == Direction::Short {
                    open.stop = Some(price("112"));
                    open.target = Some(price("80"));
                }
                let verdict = b.person(asked(open));
                assert_eq!(verdict.code(), code, "{amount} at {limit}: {}", verdict.message);
            }
        }
    }
}

#[test]
fn g3_a_growth_counts_before_it_fills_and_an_end_frees() {
    let mut b = bench(|guards| guards.max_exposure = Some(decimal("1500")));
    let id = opened_as(&mut b, wish_of(Direction::Long));
    let grow = |to: &str| Intent::Resize { transaction: id, quantity: quantity(to) };
    assert_eq!(b.person(grow("16")).code(), "MAX_EXPOSURE");
    assert_eq!(b.person(grow("14")).code(), "STAGED");
    let more = asked(sized(Direction::Long, "2", "100"));
    assert_eq!(b.person(more.clone()).code(), "MAX_EXPOSURE", "the growth is counted already");
    super::rules(&mut b).guards.max_exposure = Some(decimal("2000"));
    assert_eq!(b.person(more).code(), "STAGED");
}

#[test]
fn g3_nothing_is_converted_between_currencies() {
    let mut b = bench(|guards| guards.max_exposure = Some(decimal("1000000")));
    let balance = |currency: &str| {
        let money = decimal("100000");
        let currency = currency.to_owned();
        BrokerEvent::Balance(Balance {
            cash: money,
            equity: money,
            buying_power: money,
            currency,
            account: None,
        })
    };
    b.tell(balance("EUR"));
    let verdict = b.person(asked(wish_of(Direction::Long)));
    assert_eq!(verdict.code(), "MAX_EXPOSURE");
    assert!(verdict.message.contains("USD") && verdict.message.contains("EUR"), "{verdict:?}");
    b.tell(balance("USD"));
    assert_eq!(b.person(asked(wish_of(Direction::Long))).code(), "STAGED");
}

#[test]
fn g4_an_equal_entry_within_the_window_must_be_said_to_be_meant() {
    type Spoil = fn(&mut Open);
    let rows: [(u64, Spoil, &str); 9] = [
        (0, |_| {}, "DUPLICATE"),
        (999, |_| {}, "DUPLICATE"),
        (1_000, |_| {}, "STAGED"),
        (0, |o| o.distinct = true, "STAGED"),
        (0, |o| o.quantity = quantity("11"), "STAGED"),
        (0, |o| o.entry = EntryKind::Limit(price("99.99")), "STAGED"),
        (0, |o| o.entry = EntryKind::Market, "STAGED"),
        (0, |o| o.stop = Some(price("94")), "DUPLICATE"),
        (0, |o| o.policies = Some(vec![]), "DUPLICATE"),
    ];
    for (at, (later_ms, spoil, code)) in rows.into_iter().enumerate() {
        let mut b = bench(|_| {});
        b.open(wish_of(Direction::Long));
        b.now = b.now.plus_ms(later_ms);
        let mut again = wish_of(Direction::Long);
        spoil(&mut again);
        let verdict = b.person(asked(again));
        assert_eq!(verdict.code(), code, "row {at}: {}", verdict.message);
    }
    let mut b = bench(|guards| guards.duplicate_window_ms = 0);
    b.open(wish_of(Direction::Long));
    assert_eq!(b.person(asked(wish_of(Direction::Long))).code(), "STAGED", "off");
}

#[test]
fn g11_the_lists_concern_new_risk_only() {
    let set = |names: &[&str]| names.iter().map(|name| Symbol::new(name)).collect();
    // allowed, denied, code
    type Row<'a> = (Option<&'a [&'a str]>, &'a [&'a str], &'a str);
    let rows: [Row<'_>; 7] = [
        (None, &[], "STAGED"),
        (Some(&["AAA", "BBB"]), &[], "STAGED"),
        (Some(&["BBB"]), &[], "RESTRICTED"),
        (None, &["AAA"], "RESTRICTED"),
        (None, &["aaa"], "RESTRICTED"),
        (Some(&["aaa"]), &[], "RESTRICTED"),
        (Some(&["AAA"]), &["AAA"], "RESTRICTED"),
    ];
    for (allowed, denied, code) in rows {
        let mut b = Bench::new(ALPACA);
        let held = opened_as(&mut b, wish_of(Direction::Long));
        let guards = &mut super::rules(&mut b).guards;
        guards.symbols_allowed = allowed.map(set);
        guards.symbols_denied = set(denied);
        let more = Open { quantity: quantity("3"), ..wish_of(Direction::Long) };
        assert_eq!(b.person(asked(more)).code(), code, "{allowed:?} {denied:?}");
        let to = |amount| Intent::Resize { transaction: held, quantity: quantity(amount) };
        if code == "RESTRICTED" {
            assert_eq!(b.person(to("12")).code(), "RESTRICTED");
            assert_eq!(b.person(stop_to(held, price("96"))).code(), "STAGED");
            assert_eq!(b.person(Intent::Close { transaction: held }).code(), "STAGED");
        }
    }
}

#[test]
fn g11_market_entries_wait_for_the_session() {
    let session = |is_open, next_open_s: Option<u64>, next_close_s: Option<u64>| {
        move |b: &Bench| {
            let at = |seconds: Option<u64>| seconds.map(|s| b.now.plus_ms(s * 1_000));
            Session { is_open, next_open: at(next_open_s), next_close: at(next_close_s) }
        }
    };
    // what is known of the session, seconds later, code of a market entry
    let rows = [
        (session(true, None, Some(60)), 0, "STAGED"),
        (session(true, None, Some(60)), 61, "SESSION_CLOSED"),
        (session(false, Some(60), None), 0, "SESSION_CLOSED"),
        (session(false, Some(60), None), 60, "STAGED"),
        (session(false, None, None), 0, "SESSION_CLOSED"),
    ];
    for (at, (known, later_s, code)) in rows.into_iter().enumerate() {
        let mut b = bench(|_| {});
        let held = opened_as(&mut b, wish_of(Direction::Long));
        let session = known(&b);
        b.tell(BrokerEvent::Session { symbol: "AAA".into(), session });
        b.now = b.now.plus_ms(later_s * 1_000);
        quote(&mut b, Direction::Long, "99.99", "100.01");
        let market = Open { entry: EntryKind::Market, ..wish_of(Direction::Long) };
        assert_eq!(b.person(asked(market.clone())).code(), code, "row {at}");
        if code == "SESSION_CLOSED" {
            let grow = Intent::Resize { transaction: held, quantity: quantity("12") };
            assert_eq!(b.person(grow).code(), code, "row {at}");
            super::rules(&mut b).guards.outside_session = OutsideSession::Allow;
            assert_eq!(b.person(asked(market)).code(), "STAGED", "row {at}");
        }
        let limit = Open { quantity: quantity("3"), ..wish_of(Direction::Long) };
        assert_eq!(b.person(asked(limit)).code(), "STAGED", "it rests until then");
        b.sent.clear();
    }
    let mut b = bench(|_| {});
    let held = opened_as(&mut b, wish_of(Direction::Long));
    let closed = Session { is_open: false, next_open: None, next_close: None };
    b.tell(BrokerEvent::Session { symbol: "AAA".into(), session: closed });
    assert_eq!(b.person(Intent::Close { transaction: held }).code(), "STAGED");
}

#[test]
fn g15_an_entry_may_lose_so_much_at_its_stop() {
    // stop, code: 10 at 100, at most 50 to lose
    let rows = [
        (Some("95"), "STAGED"),
        (Some("94.99"), "MAX_LOSS"),
        (Some("99"), "STAGED"),
        (None, "MAX_LOSS"),
    ];
    for direction in BOTH {
        for (stop, code) in rows {
            let mut b = bench(|guards| guards.max_loss_per_trade = Some(decimal("50")));
            let stop = stop.map(|stop| seen(direction, stop));
            let verdict = b.person(asked(Open { stop, ..wish_of(direction) }));
            assert_eq!(verdict.code(), code, "{stop:?}: {}", verdict.message);
        }
    }
}

#[test]
fn g15_a_change_that_risks_less_always_may() {
    // the limit, what is wanted of the stop at 95 of 10 bought at 100, code
    let rows = [
        ("50", "94.99", "MAX_LOSS"),
        ("50", "none", "MAX_LOSS"),
        ("50", "96", "STAGED"),
        ("60", "94", "STAGED"),
        ("60", "93.99", "MAX_LOSS"),
        ("10", "95.01", "STAGED"),
        ("10", "94.99", "MAX_LOSS"),
    ];
    for direction in BOTH {
        for (max, to, code) in rows {
            let mut b = bench(|_| {});
            let id = opened_as(&mut b, wish_of(direction));
            super::rules(&mut b).guards.max_loss_per_trade = Some(decimal(max));
            let stop = match to {
                "none" => Wish::Clear,
                price => Wish::Set(seen(direction, price)),
            };
            for source in [bracketd_core::intent::Source::Manual("ann".into()), policy()] {
                let intent = Intent::Protect { transaction: id, stop, target: Wish::Keep };
                let verdict = b.ask(intent, source);
                assert!(
                    [code, "UNCHANGED"].contains(&verdict.code()),
                    "{to} of {max}: {}",
                    verdict.message
                );
                assert_eq!(verdict.accepted(), code == "STAGED", "{to} of {max}");
            }
        }
    }
}

#[test]
fn g15_a_growth_under_way_counts_when_the_stop_is_moved() {
    let mut b = bench(|_| {});
    let id = opened_as(&mut b, wish_of(Direction::Long));
    super::rules(&mut b).guards.max_loss_per_trade = Some(decimal("100"));
    let grow = Intent::Resize { transaction: id, quantity: quantity("15") };
    assert_eq!(b.person(grow).code(), "STAGED", "15 at a stop of 95 lose 75.05");
    assert_eq!(b.person(stop_to(id, price("94"))).code(), "STAGED", "90.05");
    assert_eq!(b.person(stop_to(id, price("93"))).code(), "MAX_LOSS", "105.05");
}

#[test]
fn g15_a_growth_adds_what_it_could_lose() {
    // stop, grown to, code: 10 bought at 100, the rest at 100.01, at most 50 to lose
    let rows = [
        ("95", "11", "MAX_LOSS"),
        ("98", "20", "STAGED"),
        ("98", "25", "MAX_LOSS"),
        ("99.9", "400", "STAGED"),
    ];
    for (stop, to, code) in rows {
        let mut b = bench(|_| {});
        let id = opened_as(&mut b, Open { stop: Some(price(stop)), ..wish_of(Direction::Long) });
        super::rules(&mut b).guards.max_loss_per_trade = Some(decimal("50"));
        let verdict = b.person(Intent::Resize { transaction: id, quantity: quantity(to) });
        assert_eq!(verdict.code(), code, "{stop} {to}: {}", verdict.message);
    }
}
