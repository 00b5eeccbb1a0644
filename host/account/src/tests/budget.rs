//! The message budget with real threads, a plugin and a broker (I14, G5). Time stands still unless
//! a test moves it, so nothing here depends on how fast a machine is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bracketd_core::broker::BrokerEvent;
use bracketd_core::command::{Answer, Call, NewOrder, Read, Urgency};
use bracketd_core::money::Quantity;
use bracketd_core::order::{OrderKind, Side, TimeInForce};

use crate::tests::stage::{Stage, WAIT};
use crate::{ClockSource, ToAccount};

/// The account's clock.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_700_000_000_000_000_000)))
    }

    fn source(&self) -> ClockSource {
        let at = self.0.clone();
        ClockSource::Given(Arc::new(move || at.load(Ordering::Acquire)))
    }

    fn pass_ms(&self, ms: u64) {
        self.0.fetch_add(ms * 1_000_000, Ordering::AcqRel);
    }
}

fn stage(clock: &Clock, per_minute: u32) -> Stage {
    Stage::concurrent_with(|config| {
        config.clock = clock.source();
        config.limits.messages_per_minute = per_minute;
        config.limits.queue = 1_000;
    })
}

/// Waits until that many requests have reached the broker.
fn until(stage: &Stage, lines: usize) {
    let began = Instant::now();
    while stage.broker.lines().len() < lines {
        assert!(began.elapsed() < WAIT, "{:?}", stage.broker.lines());
        std::thread::yield_now();
    }
}

/// Waits until everything that was handed over is answered, or held back by the budget alone.
fn until_held(stage: &Stage, held: usize) {
    let began = Instant::now();
    loop {
        let status = stage.account.status();
        if (status.in_flight, status.held) == (held, held) {
            return;
        }
        assert!(began.elapsed() < WAIT, "{held} are to wait: {status:?}");
        std::thread::yield_now();
    }
}

#[test]
fn s13_an_unprotected_stop_goes_ahead_of_500_queued_trail_moves() {
    let clock = Clock::new();
    let stage = stage(&clock, 200);
    for transaction in 1..=500 {
        stage.send(transaction, Urgency::Tighten, "P/trail");
    }
    // Of the 40 that may go at once, trail moves leave 16 to what is more urgent.
    until_held(&stage, 500 - 24);
    stage.send(900, Urgency::Unprotected, "P/stop");
    until_held(&stage, 500 - 24);
    let lines = stage.broker.lines();
    assert_eq!((lines.len(), lines.last().map(String::as_str)), (25, Some("POST /stop")));
    let status = stage.account.status();
    assert_eq!(status.budget.used, 25);
    let tighten = status.budget.classes.iter().find(|c| c.urgency == Urgency::Tighten).unwrap();
    assert_eq!(tighten.waiting, 476);
    // The rest goes out as time brings budget: at 160 a minute once the bucket is down to it.
    clock.pass_ms(3_000);
    until(&stage, 25 + 8 - 1);
    until_held(&stage, 476 - 7);
}

#[test]
fn g5_a_broker_that_has_enough_is_left_alone_for_as_long_as_it_says() {
    let clock = Clock::new();
    let stage = stage(&clock, 200);
    stage.send(1, Urgency::Close, "R/limited");
    let (_, answer) = stage.answer();
    let Answer::NotSent { fault, after_ms } = answer else { panic!("{answer:?}") };
    assert_eq!((fault.code.as_str(), after_ms), ("TOLD", 3_000), "the row goes out again then");
    let budget = stage.account.status().budget;
    assert_eq!(budget.limited, 1);
    assert!(budget.limited_until.is_some());

    for (transaction, urgency) in
        [(2, Urgency::Tighten), (3, Urgency::Unprotected), (4, Urgency::Close)]
    {
        stage.send(transaction, urgency, "P/orders");
    }
    until_held(&stage, 3);
    clock.pass_ms(2_999);
    until_held(&stage, 3);
    assert_eq!(stage.broker.lines(), ["POST /limited"], "not even a stop: the broker says so");
    clock.pass_ms(1);
    // From then on there is something for what protects or closes, and a trail move waits on.
    until_held(&stage, 1);
    let mut told = [stage.answer().0, stage.answer().0];
    told.sort();
    assert_eq!(told, ["3", "4"]);
    assert_eq!(stage.broker.lines().len(), 3);
    clock.pass_ms(10_000);
    assert_eq!(stage.answer().0, "2");
}

fn entry() -> Call {
    Call::Submit(NewOrder {
        symbol: "A".into(),
        side: Side::Buy,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Day,
        quantity: Quantity::new(1.into()).unwrap(),
        limit: None,
        trigger: None,
        take_profit: None,
        stop_loss: None,
        reduce_only: false,
    })
}

#[test]
fn g8_what_waits_is_taken_back_when_nothing_may_go_out_any_more() {
    let clock = Clock::new();
    let stage = stage(&clock, 200);
    for transaction in 1..=60 {
        stage.send(transaction, Urgency::Tighten, "P/trail");
    }
    until_held(&stage, 60 - 24);
    stage.send_call(900, Urgency::Routine, entry());
    until_held(&stage, 61 - 24);
    let recall = |all| stage.account.try_send(ToAccount::Recall { all }).unwrap();
    recall(false);
    let Answer::NotSent { fault, .. } = stage.answer_to("900") else { panic!("it was sent") };
    assert_eq!(fault.code, "TAKEN_BACK");
    until_held(&stage, 60 - 24);
    recall(true);
    stage.settle();
    clock.pass_ms(60_000);
    stage.send(901, Urgency::Close, "P/last");
    stage.answer_to("901");
    assert_eq!(stage.broker.lines().len(), 24 + 1, "nothing else was sent");
}

#[test]
fn s3_a_row_that_was_overtaken_while_it_waits_is_taken_back() {
    let clock = Clock::new();
    let stage = stage(&clock, 200);
    for transaction in 1..=60 {
        stage.send(transaction, Urgency::Tighten, "P/trail");
    }
    until_held(&stage, 60 - 24);
    stage.send_call(900, Urgency::Routine, entry());
    until_held(&stage, 61 - 24);
    stage.account.try_send(ToAccount::TakeBack("900".into())).unwrap();
    let Answer::NotSent { fault, .. } = stage.answer_to("900") else { panic!("it was sent") };
    assert_eq!(fault.code, "TAKEN_BACK");
    until_held(&stage, 60 - 24);
}

#[test]
fn an_entry_that_waited_too_long_for_the_budget_is_not_sent() {
    let clock = Clock::new();
    let stage = stage(&clock, 200);
    for transaction in 1..=500 {
        stage.send(transaction, Urgency::Tighten, "P/trail");
    }
    until_held(&stage, 500 - 24);
    stage.send_call(900, Urgency::Routine, entry());
    until_held(&stage, 501 - 24);
    // Then its turn comes, among those of the trail moves.
    clock.pass_ms(30_001);
    let Answer::NotSent { fault, .. } = stage.answer_to("900") else { panic!("it was sent") };
    assert_eq!(fault.code, "WAITED_TOO_LONG");
    assert!(stage.broker.lines().iter().all(|line| line == "POST /trail"));
}

#[test]
fn g5_too_many_is_heard_even_where_the_plugin_makes_something_else_of_it() {
    let clock = Clock::new();
    let stage = stage(&clock, 200);
    stage.look_up("G/limited");
    let budget = stage.account.status().budget;
    assert_eq!((budget.limited, budget.limited_until.is_some()), (1, true));
}

#[test]
fn g5_the_headers_of_an_answer_say_how_long_nothing_is_sent() {
    for (order, ms, limited) in [("G/limited/for-7-s", 7_000, 1), ("G/last", 4_000, 1)] {
        let clock = Clock::new();
        let stage = stage(&clock, 200);
        stage.look_up(order);
        stage.send(1, Urgency::Unprotected, "P/orders");
        clock.pass_ms(ms - 1);
        until_held(&stage, 1);
        assert_eq!(stage.broker.lines().len(), 1, "{order}");
        clock.pass_ms(1);
        assert_eq!(stage.answer().0, "1");
        assert_eq!(stage.account.status().budget.limited, limited, "{order}");
    }
}

#[test]
fn a_call_that_asks_the_broker_nothing_costs_nothing() {
    let clock = Clock::new();
    let stage = stage(&clock, 60);
    for _ in 0..100 {
        assert!(matches!(stage.cancel("ok"), Answer::Placed { .. }));
    }
    assert_eq!(stage.account.status().budget.used, 0);
    assert!(stage.broker.lines().is_empty());
}

#[test]
fn i9_a_call_without_end_is_cut_off_from_the_broker() {
    // With CPU time enough, so that only the number of requests ends it.
    let stage = Stage::concurrent_with(|config| config.limits.cpu_ms = 60_000);
    let fault = stage.look_up("N/again");
    assert!(fault.message.contains("more than 32 requests"), "{}", fault.message);
    assert_eq!(stage.broker.lines().len(), 32);
    assert_eq!(stage.account.status().budget.used, 32, "each of them was charged");
}

#[test]
fn steps_of_a_tape_neither_wait_nor_cost() {
    let clock = Clock::new();
    let stage = stage(&clock, 60);
    for _ in 0..200 {
        stage.step();
    }
    assert_eq!(stage.account.status().budget.used, 0);
}

#[test]
fn a_read_that_waits_already_is_answered_once_for_all_who_asked() {
    let stage = Stage::new();
    let read = || Read::Instrument("S".into());
    for at in 0..100 {
        let urgency = if at == 99 { Urgency::Unprotected } else { Urgency::Read };
        stage.account.try_send(ToAccount::Read(read(), urgency)).unwrap();
    }
    stage.settle();
    let all = stage.step();
    let told = all.iter().filter(|event| {
        matches!(event, BrokerEvent::Instrument(_) | BrokerEvent::NoInstrument { .. })
    });
    let told = told.count();
    assert!((1..100).contains(&told), "{told} answers");
}
