//! The stage itself: each kind of broker keeps a simple trade protected from entry to exit.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use bracketd_core::Decimal;
use bracketd_core::intent::{GuardWish, Intent, Open, Wish};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Direction;
use bracketd_core::protection::Protection;
use bracketd_core::transaction::{EntryKind, TransactionStatus};
use bracketd_sim::broker::Capabilities;
use bracketd_sim::stage::{ACCOUNT, Fate, Stage};

fn price(text: &str) -> Option<Price> {
    Price::new(text.parse().expect("a number"))
}

fn long(quantity: i64, stop: &str, target: &str) -> Open {
    Open {
        account: ACCOUNT.into(),
        owner: None,
        symbol: "SIM".into(),
        direction: Direction::Long,
        quantity: Quantity::new(Decimal::from(quantity)).expect("a quantity"),
        entry: EntryKind::Market,
        time_in_force: None,
        stop: price(stop),
        target: price(target),
        policies: None,
        on_partial: None,
        guard: GuardWish::Plain,
        distinct: false,
    }
}

#[test]
fn i4_a_trade_is_protected_moved_and_closed_at_every_kind_of_broker() {
    for caps in Capabilities::ALL.into_iter().filter(|caps| *caps != Capabilities::SINGLE) {
        let mut stage = Stage::new(caps);
        let id = stage.open(long(10, "95", "110"));
        stage.live_ms(4_000);
        let tx = stage.tx(id);
        assert_eq!(tx.protection, Protection::Protected, "{}: {:#?}", caps.name, stage.rows());
        let stop = Intent::Protect {
            transaction: id,
            stop: Wish::Set(price("96").expect("a price")),
            target: Wish::Keep,
        };
        assert!(stage.ask(stop).accepted());
        stage.live_ms(6_000);
        let stops: Vec<String> =
            stage.rows().into_iter().filter(|row| row.starts_with("stop")).collect();
        assert_eq!(stops.len(), 1, "{}: {:#?}", caps.name, stage.rows());
        assert!(stops[0].starts_with("stop sell 10 SIM @ 96"), "{}: {stops:?}", caps.name);
        stage.ask(Intent::Close { transaction: id });
        stage.live_ms(10_000);
        assert_eq!(stage.tx(id).status, TransactionStatus::Closed, "{}", caps.name);
        assert_eq!(stage.held("SIM"), Decimal::ZERO, "{}", caps.name);
        assert!(stage.rows().is_empty(), "{}: {:#?}", caps.name, stage.rows());
    }
}

#[test]
fn i13_a_lost_answer_is_settled_by_looking() {
    let mut stage = Stage::new(Capabilities::ALPACA);
    stage.fates([Fate::Answered, Fate::Unheard]);
    let id = stage.open(long(10, "95", "110"));
    stage.live_ms(8_000);
    assert_eq!(stage.tx(id).protection, Protection::Protected);
    assert_eq!(stage.rows().len(), 2, "{:#?}", stage.rows());
}

#[test]
fn a_daemon_that_died_finds_its_orders_again() {
    let mut stage = Stage::new(Capabilities::IN_PLACE);
    let id = stage.open(long(10, "95", "110"));
    stage.live_ms(3_000);
    stage.restart();
    stage.live_ms(3_000);
    assert_eq!(stage.tx(id).protection, Protection::Protected);
    assert_eq!(stage.rows().len(), 2, "{:#?}", stage.rows());
}
