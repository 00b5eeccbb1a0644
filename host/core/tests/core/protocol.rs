//! What a broker, a network or a crash may do to a command, and what is believed of it.

use bracketd_core::Decimal;
use bracketd_core::book::{OnBreached, OnDeadline};
use bracketd_core::broker::{BrokerEvent, Fault, Found, History, OrderReport, Picture, Position};
use bracketd_core::command::{Answer, Command, OpState, Read};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Adopt, Intent, Resolution, Source};
use bracketd_core::limits;
use bracketd_core::order::{Direction, Leg, OrderKind, OrderStatus, Role, Side, TimeInForce};
use bracketd_core::protection::{Exposed, Protection};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::TransactionStatus;

use crate::bench_book::{ALPACA, Bench, decimal, price, quantity, set_stop, wish, words};
use crate::lives::{opened, sold};

fn unknown(b: &mut Bench, command: &Command) {
    b.answer(command, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
}

/// Answers the look-ups of these moments with "absent"; gives how many were asked.
fn absent(b: &mut Bench, command: &Command, pauses_ms: &[u64]) -> usize {
    let mut asked = 0;
    for pause_ms in pauses_ms {
        b.pass_ms(*pause_ms);
        let looks = b.last.reads.iter().filter(|(_, read)| settles(read)).count();
        for _ in 0..looks {
            let found = Found::Absent;
            b.tell(BrokerEvent::LookedUp { op: command.op.clone(), found });
        }
        asked += looks;
    }
    asked
}

fn settles(read: &Read) -> bool {
    matches!(read, Read::Order { .. } | Read::BrokerOrder { .. } | Read::Bracket { .. })
}

fn codes(b: &Bench, kind: FactKind) -> Vec<String> {
    b.last.facts.iter().filter(|f| f.kind == kind).map(|f| f.code.to_string()).collect()
}

fn picture(b: &Bench, held: &str, orders: Vec<OrderReport>) -> Picture {
    let held = decimal(held);
    let position = Position { symbol: "AAA".into(), quantity: held, avg_price: Some(price("100")) };
    let positions = if held.is_zero() { vec![] } else { vec![position] };
    Picture {
        orders,
        fills: vec![],
        positions,
        balance: None,
        complete: true,
        as_of: b.now,
        history: History::Whole,
    }
}

/// The transaction's resting orders as a picture lists them.
fn resting(b: &Bench, id: TransactionId) -> Vec<OrderReport> {
    let tx = b.tx(id);
    let live = (0..tx.orders.len()).filter(|at| !tx.orders[*at].status.is_terminal());
    live.map(|at| sold(b, id, at)).collect()
}

#[test]
fn s15_absence_is_believed_only_after_two_looks_at_a_write_that_is_old_enough() {
    // pauses between looks in ms, how the row stands afterwards
    let rows: [(&[u64], &str); 4] = [
        (&[0, 250, 500, 1_000], "unknown"),
        (&[0, 5_000], "unknown"),
        (&[0, 5_000, 500], "unknown"),
        (&[0, 5_000, 1_000], "not_sent"),
    ];
    for (pauses_ms, state) in rows {
        let mut b = Bench::new(ALPACA);
        let id = b.open(wish());
        let entry = b.command();
        unknown(&mut b, &entry);
        absent(&mut b, &entry, pauses_ms);
        assert_eq!(b.tx(id).ops[0].state.as_str(), state, "{pauses_ms:?}");
    }
}

#[test]
fn s2_an_effect_that_came_late_is_found_and_not_made_twice() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    unknown(&mut b, &entry);
    absent(&mut b, &entry, &[0, 5_000, 1_000]);
    b.pass_ms(0);
    let again = b.command();
    assert_eq!(again.client_id, entry.client_id);
    // It was there after all: the broker takes no id twice.
    b.answer(&again, Answer::Rejected(Fault::new("DUPLICATE_CLIENT_ID", "must be unique")));
    assert_eq!(b.tx(id).status, TransactionStatus::Waiting);
    assert!(matches!(b.tx(id).ops[0].state, OpState::Unknown { .. }));
    b.pass_ms(0);
    assert!(settles(&b.last.reads[0].1), "{:?}", b.last.reads);
}

#[test]
fn a_lost_stop_goes_out_again_under_its_own_id_unless_another_is_wanted_by_then() {
    for (moved, same) in [(false, true), (true, false)] {
        let mut b = Bench::new(ALPACA);
        let id = b.open(wish());
        let entry = b.command();
        let order = b.accept(&entry);
        b.fill(&order, "10", "100");
        let pair = b.command();
        unknown(&mut b, &pair);
        assert!(matches!(
            b.tx(id).protection,
            Protection::Unprotected { why: Exposed::Unknown, .. }
        ));
        if moved {
            b.person(set_stop(id, "96"));
            assert!(b.sent.is_empty(), "nothing new before the old one is settled");
        }
        absent(&mut b, &pair, &[0, 5_000, 1_000]);
        b.pass_ms(0);
        let again = b.command();
        assert_eq!(again.client_id == pair.client_id, same, "moved: {moved}");
        let stop = if moved { "96" } else { "95" };
        assert_eq!(words(&again), format!("exits of 10: stop {stop}, target 110"));
    }
}

#[test]
fn what_stays_unknown_is_brought_before_a_person_once() {
    let mut b = Bench::new(ALPACA);
    b.open(wish());
    let entry = b.command();
    unknown(&mut b, &entry);
    let mut alarms = Vec::new();
    for _ in 0..10 {
        b.pass_ms(15_000);
        alarms.extend(codes(&b, FactKind::Alarm));
        let found = Found::Failed(Fault::new("TIMEOUT", "no answer"));
        b.tell(BrokerEvent::LookedUp { op: entry.op.clone(), found });
    }
    assert_eq!(alarms, ["UNKNOWN_OUTCOME"]);
}

#[test]
fn i13_a_row_that_nobody_answers_is_told_once_and_nothing_is_decided() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(set_stop(id, "96"));
    let moved = b.command();
    let due = bracketd_core::plan::next_timer(&b.book, id, b.now);
    assert_eq!(due, Some(b.now.plus_ms(limits::NO_ANSWER_MS)), "it has an alarm clock");
    let mut alarms = Vec::new();
    for _ in 0..10 {
        b.pass_ms(20_000);
        alarms.extend(codes(&b, FactKind::Alarm));
    }
    assert_eq!(alarms, ["NO_ANSWER"]);
    assert_eq!(b.tx(id).protection, Protection::Protected, "the old stop rests");
    assert!(b.sent.is_empty() && b.last.reads.is_empty(), "and nobody guesses");
    // The answer may come after all.
    b.adjusted(&moved);
    assert!(b.tx(id).ops.is_empty());
}

#[test]
fn a_person_s_evidence_settles_what_nothing_else_does() {
    let policy = || Source::Policy { name: "trail".into(), digest: "d".into() };
    let ann = || Source::Manual("ann".into());
    let resolve = |id, command: &Command, found: Resolution| Intent::Resolve {
        transaction: id,
        op: command.op.clone(),
        found,
    };

    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let absent_now = || resolve(id, &entry, Resolution::Absent);
    assert_eq!(b.ask(absent_now(), ann()).code(), "NOT_UNKNOWN");
    unknown(&mut b, &entry);
    assert_eq!(b.ask(absent_now(), policy()).code(), "VERB_NOT_ALLOWED");
    assert_eq!(b.ask_why(absent_now(), ann(), "").code(), "NO_EVIDENCE");
    assert_eq!(b.ask(absent_now(), ann()).code(), "STAGED");
    assert_eq!(codes(&b, FactKind::Resolved), ["absent"]);
    b.pass_ms(0);
    assert_eq!(b.command().client_id, entry.client_id, "again, under its own id");

    // Named instead: it is read before it is believed.
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    unknown(&mut b, &entry);
    b.ask(resolve(id, &entry, Resolution::Order("o9".into())), ann());
    b.pass_ms(0);
    let read = Read::BrokerOrder { op: entry.op.clone(), order: "o9".into() };
    assert_eq!(b.last.reads.last().map(|(_, r)| r.clone()), Some(read));
    b.tell(BrokerEvent::LookedUp { op: entry.op.clone(), found: Found::Absent });
    assert!(matches!(b.tx(id).ops[0].state, OpState::Unknown { named: None, absent: 0, .. }));
}

#[test]
fn a_cancel_that_hangs_is_told_once_and_counts_as_live() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    for at in [1, 2] {
        let report = OrderReport { status: OrderStatus::PendingCancel, ..sold(&b, id, at) };
        b.report(report);
    }
    let mut alarms = Vec::new();
    for _ in 0..5 {
        b.pass_ms(20_000);
        alarms.extend(codes(&b, FactKind::Alarm));
    }
    assert_eq!(alarms, ["STUCK", "STUCK"], "one each for stop and target");
    assert_eq!(b.tx(id).protection, Protection::Protected);
    assert!(b.sent.is_empty(), "nothing is laid over an order that may still fill");
}

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

fn foreign_stop(b: &Bench, id: &str, trigger: &str) -> OrderReport {
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
        let verdict = b.person(adopt("10", &["s1", "t1"]));
        assert_eq!(verdict.code(), want, "{groups:?}: {}", verdict.message);
    }
}

#[test]
fn i5_what_happens_at_the_deadline_and_at_a_breach_is_as_configured() {
    use OnBreached::{Alert, Close, Keep};
    // on_deadline, on_breached, the answer, status after 4 s, alarms
    let rows: [(OnDeadline, OnBreached, &str, &str, &[&str]); 6] = [
        (OnDeadline::Alert, Alert, "OTHER", "OPENED", &[]),
        (OnDeadline::Close, Alert, "OTHER", "CLOSING", &[]),
        (OnDeadline::Alert, Keep, "STOP_THROUGH_MARKET", "OPENED", &[]),
        (OnDeadline::Alert, Alert, "STOP_THROUGH_MARKET", "OPENED", &["BREACHED"]),
        (OnDeadline::Alert, Close, "STOP_THROUGH_MARKET", "CLOSING", &[]),
        (OnDeadline::Close, Keep, "STOP_THROUGH_MARKET", "OPENED", &[]),
    ];
    for (on_deadline, on_breached, code, status, alarms) in rows {
        let mut b = Bench::new(ALPACA);
        let rules = &mut b.book.accounts.get_mut(&"paper".into()).expect("account").rules;
        (rules.on_deadline, rules.on_breached) = (on_deadline, on_breached);
        let id = b.open(wish());
        let entry = b.command();
        let order = b.accept(&entry);
        b.fill(&order, "10", "100");
        let mut seen = Vec::new();
        for _ in 0..8 {
            for command in std::mem::take(&mut b.sent) {
                if matches!(command.call, bracketd_core::command::Call::Adjust { .. }) {
                    b.answer(&command, Answer::Rejected(Fault::new(code, "no")));
                    seen.extend(codes(&b, FactKind::Alarm));
                }
            }
            b.pass_ms(500);
            seen.extend(codes(&b, FactKind::Alarm));
        }
        assert_eq!(b.tx(id).status.as_str(), status, "{on_deadline:?} {on_breached:?} {code}");
        assert_eq!(seen, alarms, "{on_deadline:?} {on_breached:?} {code}");
    }
}

#[test]
fn a_close_by_the_host_that_fails_is_not_hammered() {
    let mut b = Bench::new(ALPACA);
    let rules = &mut b.book.accounts.get_mut(&"paper".into()).expect("account").rules;
    rules.on_deadline = OnDeadline::Close;
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "10", "100");
    let mut closes: Vec<Timestamp> = Vec::new();
    for _ in 0..600 {
        for command in std::mem::take(&mut b.sent) {
            if command.urgency == bracketd_core::command::Urgency::Close {
                closes.push(b.now);
            }
            b.answer(&command, Answer::Rejected(Fault::new("HALTED", "not tradable")));
        }
        b.pass_ms(500);
    }
    assert!(closes.len() >= 5, "it goes on trying: {closes:?}");
    assert!(closes.len() <= 20, "{} closes in five minutes", closes.len());
    assert!(b.tx(id).protection.gap_since().is_some());
}

#[test]
fn s10_the_time_without_a_stop_is_kept() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "10", "100");
    b.now = b.now.plus_ms(700);
    let pair = b.command();
    b.adjusted(&pair);
    let gaps = b.tx(id).gaps;
    assert_eq!((gaps.count, gaps.total_ms, gaps.longest_ms), (1, 700, 700));
    assert_eq!(b.tx(id).orders.iter().filter(|o| o.role == Role::Stop).count(), 1);
    assert_eq!(Decimal::from(gaps.count), decimal("1"));
}

#[test]
fn s2_a_stale_look_up_does_not_retire_a_newer_stop() {
    use bracketd_core::command::BracketLeg;
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let old = b.tx(id).orders[1].clone();
    b.person(set_stop(id, "96"));
    let moved = b.command();
    b.adjusted(&moved);
    b.person(set_stop(id, "97"));
    let lost = b.command();
    unknown(&mut b, &lost);
    b.pass_ms(0);
    // A page from before the first move.
    let leg = BracketLeg {
        role: Role::Stop,
        broker_id: old.broker_id.clone(),
        client_id: None,
        status: OrderStatus::Working,
        limit: None,
        trigger: Some(price("95")),
        quantity: quantity("10"),
        filled: quantity("0"),
    };
    let found = Found::Legs { legs: vec![leg], memo: vec![] };
    b.tell(BrokerEvent::LookedUp { op: lost.op.clone(), found });
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("96")), "the newer one still stands");
    assert!(matches!(b.tx(id).ops[0].state, OpState::Unknown { absent: 0, .. }));
    assert!(b.sent.is_empty());
}

#[test]
fn an_order_of_a_row_that_is_settled_by_now_is_known_by_its_client_id() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(Intent::Close { transaction: id });
    let free = b.command();
    b.adjusted(&free);
    b.cancel_exits(id);
    let close = b.command();
    b.answer(&close, Answer::Rejected(Fault::new("OTHER", "an error, though it was done")));
    assert_eq!(b.tx(id).status, TransactionStatus::Opened);
    let late = OrderReport {
        broker_id: "late".into(),
        client_id: Some(close.client_id.clone()),
        kind: OrderKind::Market,
        status: OrderStatus::Filled,
        filled: quantity("10"),
        avg_price: Some(price("100")),
        trigger: None,
        ..foreign_stop(&b, "late", "90")
    };
    b.report(late);
    let tx = b.tx(id);
    assert_eq!((tx.status, tx.held()), (TransactionStatus::Closed, quantity("0")));
    assert_eq!(
        tx.orders.iter().find(|o| o.broker_id == "late".into()).map(|o| o.role),
        Some(Role::Close)
    );
}

#[test]
fn a_replace_that_was_answered_and_then_rejected_leaves_the_old_stop_standing() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let old = sold(&b, id, 1);
    b.person(set_stop(id, "96"));
    let moved = b.command();
    b.adjusted(&moved);
    let new = b.tx(id).orders.len() - 1;
    let rejected = OrderReport { status: OrderStatus::Rejected, ..sold(&b, id, new) };
    b.report(rejected);
    b.report(OrderReport { status: OrderStatus::Working, ..old });
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("95")));
    assert_eq!(b.tx(id).protection, Protection::Protected);
}

#[test]
fn i5_the_clock_counts_from_the_fill_not_from_when_it_was_heard_of() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    let filled_at = b.now.plus_ms(500);
    b.now = b.now.plus_ms(10_000);
    b.tell(BrokerEvent::Polled {
        orders: vec![OrderReport {
            status: OrderStatus::Filled,
            filled: quantity("10"),
            avg_price: Some(price("100")),
            updated_at: filled_at,
            ..order
        }],
        fills: vec![],
    });
    assert_eq!(b.tx(id).protection.gap_since(), Some(filled_at));
    let pair = b.command();
    b.adjusted(&pair);
    assert_eq!(b.tx(id).gaps.total_ms, 9_500);
}

#[test]
fn a_lost_stop_is_sent_again_at_once_where_no_id_is_taken_twice() {
    let forever: &[&str] = &["client-id-unique-forever"];
    for (features, is_sent) in [(ALPACA.to_vec(), false), ([ALPACA, forever].concat(), true)] {
        let mut b = Bench::new(&features);
        let id = b.open(wish());
        let entry = b.command();
        let order = b.accept(&entry);
        b.fill(&order, "10", "100");
        let pair = b.command();
        unknown(&mut b, &pair);
        b.pass_ms(0);
        assert_eq!(b.sent.len(), usize::from(is_sent), "{features:?}");
        if let Some(again) = b.sent.pop() {
            assert_eq!((&again.client_id, again.attempt), (&pair.client_id, 2));
            // It had arrived: that is found by looking, and nothing is sent a third time.
            b.answer(&again, Answer::Rejected(Fault::new("DUPLICATE_CLIENT_ID", "used")));
            b.pass_ms(0);
            assert!(b.sent.is_empty() && settles(&b.last.reads[0].1));
        }
        assert!(b.tx(id).protection.gap_since().is_some());
    }
}

#[test]
fn a_trail_of_many_moves_leaves_few_orders_behind() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    for step in 0..200 {
        let stop = decimal("95") + Decimal::new(step, 2);
        b.person(set_stop(id, &stop.to_string()));
        while !b.sent.is_empty() {
            let command = b.sent.remove(0);
            b.adjusted(&command);
        }
    }
    let tx = b.tx(id);
    assert!(tx.orders.len() <= 40, "{} orders", tx.orders.len());
    assert_eq!(
        (tx.working(Leg::Stop), tx.protection),
        (Some(price("96.99")), Protection::Protected)
    );
    let entry = tx.orders.iter().any(|o| o.role == Role::Entry);
    assert!(entry, "what filled is kept");
    // The newest is found by its id all the same.
    let newest = tx.orders.len() - 1;
    let mut report = sold(&b, id, newest);
    report.status = OrderStatus::Filled;
    report.filled = quantity("10");
    report.avg_price = report.trigger;
    b.report(report);
    assert_eq!(b.tx(id).status, TransactionStatus::Closed);
}

#[test]
fn g9_a_close_by_the_host_waits_for_another_s_entry_to_go_and_keeps_its_stop() {
    use bracketd_core::intent::Open;
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let other = b.open(Open { distinct: true, ..wish() });
    let entry = b.command();
    let order = b.accept(&entry);
    let kill = Intent::Kill {
        account: None,
        level: bracketd_core::control::KillLevel::Flatten,
        reset_baseline: false,
    };
    b.person(kill);
    b.pass_ms(0);
    assert_eq!(b.sent.iter().map(words).collect::<Vec<_>>(), ["cancel o4"]);
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("95")), "the stop stays meanwhile");
    let cancel = b.command();
    b.answer(
        &cancel,
        Answer::Placed { order: None, progress: bracketd_core::command::Progress::Accepted },
    );
    b.report(OrderReport { status: OrderStatus::Canceled, ..order });
    assert_eq!(b.tx(other).status, TransactionStatus::Closed);
    b.pass_ms(300);
    assert_eq!(words(&b.command()), "exits of 10: stop clear, target clear");
}
