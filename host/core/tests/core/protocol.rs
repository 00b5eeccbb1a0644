//! What a broker, a network or a crash may do to a command, and what is believed of it.

use bracketd_core::Decimal;
use bracketd_core::book::{OnBreached, OnDeadline};
use bracketd_core::broker::{BrokerEvent, Fault, Found, History, OrderReport, Picture, Position};
use bracketd_core::command::{Answer, Command, OpState, Read};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Open, Resolution, Source};
use bracketd_core::limits;
use bracketd_core::order::{Leg, OrderKind, OrderStatus, Role};
use bracketd_core::protection::{Exposed, Protection};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{EntryKind, TransactionStatus};

use crate::bench_book::{ALPACA, Bench, decimal, price, quantity, set_stop, wish, words};
use crate::lives::{filled, opened, sold};
use crate::outside::foreign_stop;

pub(crate) fn unknown(b: &mut Bench, command: &Command) {
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

pub(crate) fn codes(b: &Bench, kind: FactKind) -> Vec<String> {
    b.last.facts.iter().filter(|f| f.kind == kind).map(|f| f.code.to_string()).collect()
}

pub(crate) fn picture(b: &Bench, held: &str, orders: Vec<OrderReport>) -> Picture {
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
pub(crate) fn resting(b: &Bench, id: TransactionId) -> Vec<OrderReport> {
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
fn seed_91052534_s2_a_clock_that_was_set_makes_no_write_old_enough() {
    // when the clock was set, in ms after the doubt began; how the row stands after looks that are
    // old enough by the clock, and after a window that has passed since
    for set_at_ms in [0, 4_000] {
        let mut b = Bench::new(ALPACA);
        let id = b.open(wish());
        let entry = b.command();
        unknown(&mut b, &entry);
        b.now = b.now.plus_ms(set_at_ms + 19_800);
        b.book.steady_since = b.now;
        absent(&mut b, &entry, &[0, 1_000, 1_000]);
        assert_eq!(b.tx(id).ops[0].state.as_str(), "unknown", "set at {set_at_ms}");
        absent(&mut b, &entry, &[3_000, 1_000]);
        assert_eq!(b.tx(id).ops[0].state.as_str(), "not_sent", "set at {set_at_ms}");
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
    let id = filled(&mut b);
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
    let id = filled(&mut b);
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
fn i5_the_clock_counts_from_the_cancel_of_a_stop_and_the_deadline_from_when_it_was_heard_of() {
    for on_deadline in [OnDeadline::Alert, OnDeadline::Close] {
        let mut b = Bench::new(ALPACA);
        let rules = &mut b.book.accounts.get_mut(&"paper".into()).unwrap().rules;
        rules.on_deadline = on_deadline;
        let id = opened(&mut b);
        let (stop, canceled_at) = (sold(&b, id, 1), b.now.plus_ms(500));
        b.now = b.now.plus_ms(10_000);
        let (status, updated_at) = (OrderStatus::Canceled, canceled_at);
        let orders = vec![OrderReport { status, updated_at, ..stop }];
        b.tell(BrokerEvent::Polled { orders, fills: vec![] });
        assert_eq!(b.tx(id).protection.gap_since(), Some(canceled_at));
        b.pass_ms(1_100);
        assert_eq!(words(&b.command()), "exits of 10: stop 95, target 110", "it is tried first");
        b.pass_ms(3_000);
        let closes = on_deadline == OnDeadline::Close;
        assert_eq!(b.tx(id).status == TransactionStatus::Closing, closes);
    }
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

#[test]
fn i5_a_stop_rejected_beside_an_entry_is_tried_again_as_soon_as_that_entry_is_gone() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(Open { stop: None, target: None, ..wish() });
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "10", "100");
    let limit = EntryKind::Limit(price("98"));
    b.open(Open { entry: limit, stop: None, target: None, distinct: true, ..wish() });
    let waits = b.command();
    let waiting = b.accept(&waits);
    b.person(set_stop(id, "95"));
    for pause_ms in [1_000, 2_000, 4_000] {
        let stop = b.command();
        assert_eq!(words(&stop), "exits of 10: stop 95, target keep");
        let fault = Fault::new("WASH_TRADE", "potential wash trade detected");
        b.answer(&stop, Answer::Rejected(fault));
        b.pass_ms(pause_ms);
    }
    let stop = b.command();
    b.answer(&stop, Answer::Rejected(Fault::new("WASH_TRADE", "potential wash trade detected")));
    b.pass_ms(10);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    b.report(OrderReport { status: OrderStatus::Canceled, ..waiting });
    assert_eq!(words(&b.command()), "exits of 10: stop 95, target keep");
}

#[test]
fn i5_the_deadline_s_close_counts_from_when_the_account_was_armed() {
    let mut b = Bench::new(ALPACA);
    let rules = &mut b.book.accounts.get_mut(&"paper".into()).expect("account").rules;
    rules.on_deadline = OnDeadline::Close;
    let id = opened(&mut b);
    let arm = |armed| Intent::Arm { account: "paper".into(), armed };
    assert_eq!(b.person(arm(false)).code(), "STORED");
    for at in [1, 2] {
        let report = OrderReport { status: OrderStatus::Canceled, ..sold(&b, id, at) };
        b.report(report);
    }
    b.pass_ms(60_000);
    assert!(b.sent.is_empty());
    assert_eq!(b.person(arm(true)).code(), "STORED");
    b.pass_ms(0);
    assert_eq!(b.tx(id).status, TransactionStatus::Opened, "it is tried first");
    assert_eq!(words(&b.command()), "exits of 10: stop 95, target 110");
    b.pass_ms(3_000);
    assert_eq!(b.tx(id).status, TransactionStatus::Closing);
}

#[test]
fn i13_an_order_that_is_known_to_live_was_not_refused_whatever_its_answer_says() {
    let refused = || Answer::Rejected(Fault::new("BUSY", "not now"));
    let made = |command: &Command, of: OrderReport| OrderReport {
        broker_id: "made".into(),
        client_id: Some(command.client_id.clone()),
        status: OrderStatus::Working,
        filled: quantity("0"),
        ..of
    };
    let mut b = Bench::new(ALPACA);
    let model = b.open(wish());
    let entry = b.command();
    b.accept(&entry);
    let like = sold(&b, model, 0);

    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    b.report(made(&entry, like.clone()));
    b.answer(&entry, refused());
    assert_eq!(b.tx(id).status, TransactionStatus::Waiting, "the entry rests");
    assert!(b.tx(id).ops.is_empty() && !b.tx(id).entry.ended);

    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(Intent::Resize { transaction: id, quantity: quantity("15") });
    let more = b.command();
    b.report(OrderReport { quantity: quantity("5"), ..made(&more, like) });
    b.answer(&more, refused());
    assert!(b.tx(id).ops.is_empty() && b.tx(id).task.is_some(), "the growth rests, and is wanted");
}
