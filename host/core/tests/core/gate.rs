//! The gate as a table: who asks for what in which state, and the named answer.

use bracketd_core::intent::{Intent, Outcome, Source, Wish};
use bracketd_core::order::Leg;
use bracketd_core::refusal::Refusal;
use bracketd_core::transaction::EntryKind;

use crate::bench_book::{ALPACA, Bench, price, quantity, set_stop, set_target, wish};
use crate::lives::opened;

fn policy() -> Source {
    Source::Policy { name: "trail".into(), digest: "d1".into() }
}

#[test]
fn prices_of_a_waiting_long_are_checked_against_the_planned_entry() {
    // asked, code: entry 100, stop 95, target 110; the market stands at 100
    let rows = [
        ("stop 96", "STORED"),
        ("stop 95", "UNCHANGED"),
        ("stop 100", "STOP_WRONG_SIDE"),
        ("stop 101", "STOP_WRONG_SIDE"),
        ("target 105", "STORED"),
        ("target 100", "TARGET_WRONG_SIDE"),
        ("target 99", "TARGET_WRONG_SIDE"),
        ("stop 96.005", "OFF_TICK"),
        ("stop 20", "COLLAR"),
        ("target 151", "COLLAR"),
    ];
    for (asked, code) in rows {
        let mut b = Bench::new(ALPACA);
        let id = b.open(wish());
        let (leg, to) = asked.split_once(' ').expect("leg and price");
        let intent = if leg == "stop" { set_stop(id, to) } else { set_target(id, to) };
        let verdict = b.person(intent);
        assert_eq!(verdict.code(), code, "{asked}: {}", verdict.message);
    }
}

#[test]
fn prices_of_an_opened_long_are_checked_against_the_market() {
    let rows = [
        ("101.00", "stop 100.5", "STAGED"),
        ("101.00", "stop 101", "STOP_WRONG_SIDE"),
        ("94.00", "stop 94.5", "STOP_WRONG_SIDE"),
        ("109.00", "target 108", "TARGET_WRONG_SIDE"),
        ("101.00", "stop 110", "STOP_WRONG_SIDE"),
        ("111.00", "stop 110.5", "STOP_BEYOND_TARGET"),
    ];
    for (bid, asked, code) in rows {
        let mut b = Bench::new(ALPACA);
        let id = opened(&mut b);
        let ask = (price(bid).get() + price("0.02").get()).to_string();
        b.quote(bid, &ask);
        let (leg, to) = asked.split_once(' ').expect("leg and price");
        let intent = if leg == "stop" { set_stop(id, to) } else { set_target(id, to) };
        let verdict = b.person(intent);
        assert_eq!(verdict.code(), code, "{asked} at {bid}: {}", verdict.message);
    }
}

#[test]
fn verbs_by_status() {
    let verbs = |id| {
        [
            set_stop(id, "97"),
            Intent::Close { transaction: id },
            Intent::Resize { transaction: id, quantity: quantity("5") },
            Intent::CancelEntry { transaction: id },
        ]
    };
    let rows = [
        ("WAITING", ["STORED", "NOT_OPENED", "NOT_OPENED", "STAGED"]),
        ("OPENED", ["STAGED", "STAGED", "STAGED", "NOT_WAITING"]),
        ("CLOSING", ["BUSY", "UNCHANGED", "BUSY", "NOT_WAITING"]),
        ("CLOSED", ["ALREADY_ENDED"; 4]),
    ];
    for (status, codes) in rows {
        for (at, code) in codes.iter().enumerate() {
            let mut b = Bench::new(ALPACA);
            let id = if status == "WAITING" { b.open(wish()) } else { opened(&mut b) };
            match status {
                "CLOSING" => drop(b.person(Intent::Close { transaction: id })),
                "CLOSED" => close(&mut b, id),
                _ => {}
            }
            assert_eq!(b.tx(id).status.as_str(), status);
            let intent = verbs(id)[at].clone();
            let verb = intent.verb();
            assert_eq!(b.person(intent).code(), *code, "{verb} while {status}");
        }
    }
}

fn close(b: &mut Bench, id: bracketd_core::ids::TransactionId) {
    b.person(Intent::Close { transaction: id });
    let free = b.command();
    b.adjusted(&free);
    b.cancel_exits(id);
    let close = b.command();
    let order = b.accept(&close);
    b.fill(&order, "10", "100");
}

#[test]
fn i7_a_locked_leg_is_moved_by_people_only() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let lock = |locked| Intent::Lock { transaction: id, leg: Leg::Stop, locked };
    assert_eq!(b.ask(lock(true), policy()).code(), "VERB_NOT_ALLOWED");
    assert_eq!(b.person(lock(true)).code(), "STORED");
    assert_eq!(b.ask(set_stop(id, "96"), policy()).code(), "LOCKED");
    assert_eq!(b.ask(set_target(id, "109"), policy()).code(), "STORED");
    assert_eq!(b.person(set_stop(id, "96")).code(), "STORED");
    assert_eq!(b.person(lock(false)).code(), "STORED");
    assert_eq!(b.ask(set_stop(id, "97"), policy()).code(), "STORED");
}

#[test]
fn a_ratchet_only_tightens_and_a_stranger_may_not_ask() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let ratchet = |to| Intent::Ratchet { transaction: id, stop: price(to) };
    assert_eq!(b.ask(ratchet("94"), policy()).code(), "UNCHANGED");
    assert_eq!(b.ask(ratchet("97"), policy()).code(), "STORED");
    let stranger = Source::Policy { name: "other".into(), digest: "d".into() };
    assert_eq!(b.ask(ratchet("98"), stranger).code(), "NOT_OWNER");
}

#[test]
fn an_account_may_forbid_policies_to_loosen_a_stop() {
    let mut b = Bench::new(ALPACA);
    b.book.accounts.get_mut(&"paper".into()).expect("account").rules.stop_may_loosen = false;
    let id = opened(&mut b);
    assert_eq!(b.ask(set_stop(id, "94"), policy()).code(), "LOOSENS");
    let clear = Intent::Protect { transaction: id, stop: Wish::Clear, target: Wish::Keep };
    assert_eq!(b.ask(clear, policy()).code(), "LOOSENS");
    assert_eq!(b.person(set_stop(id, "94")).code(), "STAGED");
}

#[test]
fn versions_and_stale_prices() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let ann = || Source::Manual("ann".into());
    assert_eq!(b.ask_if(set_stop(id, "96"), ann(), Some(7)).code(), "VERSION_CONFLICT");
    assert_eq!(b.ask_if(set_stop(id, "96"), ann(), Some(1)).code(), "STAGED");
    b.now = b.now.plus_ms(60_000);
    assert_eq!(b.person(set_target(id, "109")).code(), "STALE_PRICE");
    assert_eq!(b.person(set_stop(id, "95.5")).code(), "STALE_PRICE", "looser than 96");
}

#[test]
fn openings_that_are_refused() {
    type Spoil = fn(&mut bracketd_core::intent::Open);
    let rows: [(&str, Spoil); 10] = [
        ("UNKNOWN_ACCOUNT", |o| o.account = "nope".into()),
        ("UNKNOWN_POLICY", |o| o.policies = Some(vec!["nope".into()])),
        // Nobody would give it a stop.
        ("POLICY_FROZEN", |o| (o.policies, o.stop) = (Some(vec!["frozen".into()]), None)),
        ("BAD_QUANTITY", |o| o.quantity = quantity("0")),
        ("BAD_QUANTITY", |o| o.quantity = quantity("1.5")),
        ("BAD_QUANTITY", |o| o.quantity = quantity("200000")),
        ("STOP_WRONG_SIDE", |o| o.stop = Some(price("101"))),
        ("TARGET_WRONG_SIDE", |o| o.target = Some(price("99"))),
        ("OFF_TICK", |o| o.entry = EntryKind::Limit(price("100.001"))),
        ("NOT_READY", |o| o.symbol = "BBB".into()),
    ];
    for (code, spoil) in rows {
        let mut b = Bench::new(ALPACA);
        let mut open = wish();
        spoil(&mut open);
        let verdict = b.person(Intent::Open(Box::new(open)));
        assert_eq!(verdict.code(), code, "{}", verdict.message);
        assert!(b.book.transactions.is_empty() && b.sent.is_empty());
    }
}

#[test]
fn an_entry_with_a_stop_of_its_own_needs_no_policy_that_decides() {
    let mut b = Bench::new(ALPACA);
    let open = bracketd_core::intent::Open { policies: Some(vec!["frozen".into()]), ..wish() };
    let verdict = b.person(Intent::Open(Box::new(open)));
    assert!(verdict.accepted(), "{}", verdict.message);
}

#[test]
fn an_opposite_side_would_net() {
    let mut b = Bench::new(ALPACA);
    opened(&mut b);
    let mut open = wish();
    open.direction = bracketd_core::order::Direction::Short;
    open.entry = EntryKind::Limit(price("101"));
    (open.stop, open.target) = (Some(price("105")), Some(price("90")));
    let verdict = b.person(Intent::Open(Box::new(open)));
    assert_eq!(verdict.outcome, Outcome::Refused(Refusal::WouldNet));
}
