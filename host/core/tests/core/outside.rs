//! What is at the broker and no order of ours made: foreign orders and positions, what left by other
//! hands, what a person adopts.

use bracketd_core::broker::{BrokerEvent, History, OrderReport, Picture};
use bracketd_core::command::Read;
use bracketd_core::fact::FactKind;
use bracketd_core::intent::{Adopt, Intent, Source};
use bracketd_core::order::{Direction, Leg, OrderKind, OrderStatus, Side, TimeInForce};
use bracketd_core::protection::Protection;
use bracketd_core::transaction::TransactionStatus;

use crate::bench_book::{ALPACA, Bench, price, quantity, set_stop, words};
use crate::lives::{opened, sold};
use crate::protocol::{codes, picture, resting};

#[test]
fn s12_foreign_orders_are_listed_once_and_never_touched() {
    let mut b = Bench::new(ALPACA);
    let foreign = foreign_stop(&b, "s1", "90");
    for first in [true, false] {
        b.tell(BrokerEvent::Picture(picture(&b, "0", vec![foreign.clone()])));
        let expected: &[&str] = if first { &["ORPHAN_ORDER"] } else { &[] };
        assert_eq!(codes(&b, FactKind::Difference), expected);
        assert!(b.sent.is_empty());
    }
    assert_eq!(b.book.accounts[&"paper".into()].orphans.len(), 1);
}

pub(crate) fn foreign_stop(b: &Bench, id: &str, trigger: &str) -> OrderReport {
    OrderReport {
        broker_id: id.into(),
        client_id: Some("theirs".into()),
        group: None,
        parent: None,
        replaces: None,
        replaced_by: None,
        role: None,
        symbol: "AAA".into(),
        side: Side::Sell,
        kind: OrderKind::Stop,
        time_in_force: TimeInForce::Gtc,
        status: OrderStatus::Working,
        quantity: quantity("10"),
        filled: quantity("0"),
        avg_price: None,
        limit: None,
        trigger: Some(price(trigger)),
        reject: None,
        updated_at: b.now,
    }
}

#[test]
fn a_position_that_vanished_is_closed_as_external_after_two_complete_reads() {
    // what each read shows and how long after the one before; how it ends
    type Row = (&'static str, Vec<(u64, &'static str, bool)>, &'static str, &'static str);
    let rows: Vec<Row> = vec![
        ("one read proves nothing", vec![(0, "0", true)], "OPENED", "10"),
        ("two at once neither", vec![(0, "0", true), (1_000, "0", true)], "OPENED", "10"),
        ("an incomplete one neither", vec![(0, "0", true), (6_000, "0", false)], "OPENED", "10"),
        (
            "it came back",
            vec![(0, "0", true), (3_000, "10", true), (6_000, "0", true)],
            "OPENED",
            "10",
        ),
        ("two that agree", vec![(0, "0", true), (6_000, "0", true)], "CLOSED", "0"),
        ("a part of it", vec![(0, "4", true), (6_000, "4", true)], "OPENED", "4"),
        ("more than ours", vec![(0, "14", true), (6_000, "14", true)], "OPENED", "10"),
        ("turned over", vec![(0, "-3", true), (6_000, "-3", true)], "CLOSED", "0"),
    ];
    for (name, reads, status, held) in rows {
        let mut b = Bench::new(ALPACA);
        let id = opened(&mut b);
        for (pause_ms, shown, complete) in reads {
            b.now = b.now.plus_ms(pause_ms);
            let orders = resting(&b, id);
            b.tell(BrokerEvent::Picture(Picture { complete, ..picture(&b, shown, orders) }));
        }
        let tx = b.tx(id);
        assert_eq!((tx.status.as_str(), tx.held()), (status, quantity(held)), "{name}");
        if status == "CLOSED" {
            assert_eq!(tx.close_reason.as_deref(), Some("external"), "{name}");
        }
    }
}

#[test]
fn s11_a_start_is_reconciled_by_what_rests_however_long_the_past_was() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    // While the daemon was away the stop filled; neither its end nor its fill was among what was read.
    let mut stop = sold(&b, id, 1);
    b.book.accounts.get_mut(&"paper".into()).unwrap().is_reconciled = false;
    for _ in 0..2 {
        b.now = b.now.plus_ms(6_000);
        b.tell(BrokerEvent::Picture(Picture { history: History::Cut, ..picture(&b, "0", vec![]) }));
        let account = &b.book.accounts[&"paper".into()];
        assert!(account.is_reconciled);
        assert!(account.doubts.recheck_at.is_some_and(|at| at >= b.now.plus_ms(5_000)));
        // What is missing is asked for, and nothing is concluded before that is told.
        let asked = b.last.reads.iter().find_map(|(_, read)| match read {
            Read::Refresh { orders } => Some(orders.clone()),
            _ => None,
        });
        assert!(asked.unwrap().contains(&stop.broker_id));
        assert_eq!(b.tx(id).held(), quantity("10"));
    }
    (stop.status, stop.filled, stop.avg_price) =
        (OrderStatus::Filled, quantity("10"), Some(price("95")));
    b.report(stop);
    assert_eq!(b.tx(id).status, TransactionStatus::Closed);
    assert_eq!(b.tx(id).close_reason.as_deref(), Some("stop"));
}

#[test]
fn a_shortfall_is_taken_from_the_youngest_transaction_first() {
    let mut b = Bench::new(&[ALPACA, &["protect-beside-open-entry"]].concat());
    let first = opened(&mut b);
    b.pass_ms(2_000);
    let second = opened(&mut b);
    for pause_ms in [0, 6_000] {
        b.now = b.now.plus_ms(pause_ms);
        let orders = [resting(&b, first), resting(&b, second)].concat();
        b.tell(BrokerEvent::Picture(picture(&b, "14", orders)));
    }
    assert_eq!(b.tx(first).held(), quantity("10"));
    assert_eq!(b.tx(second).held(), quantity("4"));
    b.pass_ms(1_100);
    assert_eq!(words(&b.command()), "exits of 4: stop 95, target 110");
}

#[test]
fn an_order_the_broker_does_not_know_is_over_after_two_answers() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let both = vec![b.tx(id).orders[1].broker_id.clone(), b.tx(id).orders[2].broker_id.clone()];
    b.tell(BrokerEvent::NotThere { orders: both.clone(), asked_at: b.now });
    assert_eq!(b.tx(id).protection, Protection::Protected, "one answer proves nothing");
    b.now = b.now.plus_ms(6_000);
    b.tell(BrokerEvent::NotThere { orders: both, asked_at: b.now });
    assert!(matches!(b.tx(id).protection, Protection::Pending { .. }));
    b.pass_ms(1_100);
    assert_eq!(words(&b.command()), "exits of 10: stop 95, target 110");
}

fn adopt(quantity_wished: &str, orders: &[&str]) -> Intent {
    Intent::Adopt(Box::new(Adopt {
        account: "paper".into(),
        symbol: "AAA".into(),
        direction: Direction::Long,
        quantity: quantity(quantity_wished),
        orders: orders.iter().map(|id| (*id).into()).collect(),
        stop: None,
        target: None,
        policies: None,
    }))
}

#[test]
fn s2_a_clock_that_is_set_forward_does_not_end_an_order_that_lags() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let orders = vec![b.tx(id).orders[1].broker_id.clone(), b.tx(id).orders[2].broker_id.clone()];
    let asked_at = b.now;
    b.tell(BrokerEvent::NotThere { orders: orders.clone(), asked_at });
    b.now = b.now.plus_ms(13_000);
    b.tell(BrokerEvent::NotThere { orders, asked_at: asked_at.plus_ms(600) });
    assert_eq!(b.tx(id).protection, Protection::Protected, "it was asked twice within 0.6 s");
}

#[test]
fn a_person_adopts_a_position_with_its_stop_and_nobody_else_does() {
    let mut b = Bench::new(ALPACA);
    let foreign = foreign_stop(&b, "s1", "90");
    b.tell(BrokerEvent::Picture(picture(&b, "10", vec![foreign])));
    let policy = Source::Policy { name: "trail".into(), digest: "d".into() };
    assert_eq!(b.ask(adopt("10", &["s1"]), policy).code(), "VERB_NOT_ALLOWED");
    assert_eq!(b.person(adopt("11", &["s1"])).code(), "NOTHING_TO_ADOPT");
    assert_eq!(b.person(adopt("10", &["s2"])).code(), "NOTHING_TO_ADOPT");
    let verdict = b.person(adopt("10", &["s1"]));
    let id = verdict.transaction.expect("a transaction");
    let tx = b.tx(id);
    assert_eq!((tx.status, tx.protection), (TransactionStatus::Opened, Protection::Protected));
    assert_eq!((tx.working(Leg::Stop), tx.entry_price()), (Some(price("90")), Some(price("100"))));
    assert_eq!(b.person(adopt("10", &[])).code(), "NOTHING_TO_ADOPT", "it is ours now");
    b.person(set_stop(id, "92"));
    assert_eq!(words(&b.command()), "exits of 10: stop 92, target keep");
}

#[test]
fn what_was_sold_since_the_account_was_read_is_not_adopted() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.pass_ms(10_000);
    b.tell(BrokerEvent::Picture(picture(&b, "10", resting(&b, id))));
    let stop = sold(&b, id, 1);
    b.fill(&stop, "10", "95");
    b.sent.clear();
    let verdict = b.person(adopt("10", &[]));
    assert_eq!(verdict.code(), "NOT_READY", "{}", verdict.message);
    assert!(b.sent.is_empty(), "no exits for what is not there");
    b.tell(BrokerEvent::Picture(picture(&b, "0", vec![])));
    assert_eq!(b.person(adopt("10", &[])).code(), "NOTHING_TO_ADOPT");
}

#[test]
fn i4_two_exits_are_adopted_only_where_one_ends_the_other() {
    // groups of stop and target, whether the broker links pairs, the verdict
    let rows = [
        ((None, None), true, "NOTHING_TO_ADOPT"),
        ((Some("g1"), None), true, "NOTHING_TO_ADOPT"),
        ((Some("g1"), Some("g2")), true, "NOTHING_TO_ADOPT"),
        ((Some("g1"), Some("g1")), true, "STAGED"),
        ((None, None), false, "STAGED"),
    ];
    for (groups, links, want) in rows {
        let mut b = Bench::new(if links { ALPACA } else { &[] });
        let grouped = |order: OrderReport, group: Option<&str>| OrderReport {
            group: group.map(Into::into),
            ..order
        };
        let stop = grouped(foreign_stop(&b, "s1", "90"), groups.0);
        let target = OrderReport {
            broker_id: "t1".into(),
            kind: OrderKind::Limit,
            limit: Some(price("110")),
            trigger: None,
            ..grouped(stop.clone(), groups.1)
        };
        b.tell(BrokerEvent::Picture(picture(&b, "10", vec![stop, target])));
        if groups.0.is_some() && groups.0 == groups.1 {
            for (one, other) in [("s1", "t1"), ("t1", "s1")] {
                let alone = b.person(adopt("10", &[one]));
                let names = alone.message.contains(&format!("add --order {other}"));
                assert!(alone.code() == "NOTHING_TO_ADOPT" && names, "{}", alone.message);
            }
        }
        let verdict = b.person(adopt("10", &["s1", "t1"]));
        assert_eq!(verdict.code(), want, "{groups:?}: {}", verdict.message);
    }
}

#[test]
fn what_somebody_else_does_to_an_order_is_told_to_policies_and_what_we_do_is_not() {
    use bracketd_core::apply::NoticeKind;
    type Change = fn(&mut OrderReport);
    let moved: Change = |stop| stop.trigger = Some(price("93"));
    let rows: [(&str, Change, &[&str]); 5] = [
        ("moved", moved, &["stop moved 95 93"]),
        ("resized", |stop| stop.quantity = quantity("4"), &["stop resized 95 95"]),
        ("canceled", |stop| stop.status = OrderStatus::Canceled, &["stop canceled 95 -"]),
        ("read again", |_| {}, &[]),
        ("being replaced", |stop| stop.status = OrderStatus::PendingReplace, &[]),
    ];
    let told = |b: &Bench| -> Vec<String> {
        let text = |p: &Option<bracketd_core::money::Price>| {
            p.map_or("-".to_owned(), |price| price.to_string())
        };
        let line = |notice: &bracketd_core::apply::Notice| match &notice.kind {
            NoticeKind::Outside { leg, what, before, after } => {
                Some(format!("{} {what} {} {}", leg.as_str(), text(before), text(after)))
            }
            NoticeKind::EntryChanged => Some("entry".to_owned()),
            _ => None,
        };
        b.last.notices.iter().filter_map(line).collect()
    };
    for is_ours in [false, true] {
        for (name, change, expected) in rows {
            let mut b = Bench::new(ALPACA);
            let id = opened(&mut b);
            if is_ours {
                // A command of ours about the stop is on its way: it may have done that.
                b.ask(set_stop(id, "96"), Source::Manual("ann".to_owned()));
            }
            b.now = b.now.plus_ms(10);
            let orders = &b.tx(id).orders;
            let at = orders.iter().position(|o| o.trigger == Some(price("95"))).expect("a stop");
            let mut report = OrderReport { updated_at: b.now, ..sold(&b, id, at) };
            change(&mut report);
            b.tell(BrokerEvent::Polled { orders: vec![report], fills: vec![] });
            let expected = if is_ours { &[] } else { expected };
            assert_eq!(told(&b), expected, "{name}, ours: {is_ours}");
        }
    }
    // An entry that somebody else amends.
    let mut b = Bench::new(ALPACA);
    let id = b.open(crate::bench_book::wish());
    let entry = b.command();
    b.accept(&entry);
    b.now = b.now.plus_ms(10);
    let mut report = OrderReport { updated_at: b.now, ..sold(&b, id, 0) };
    report.limit = Some(price("99"));
    b.tell(BrokerEvent::Polled { orders: vec![report], fills: vec![] });
    assert_eq!(told(&b), ["entry"]);
}
