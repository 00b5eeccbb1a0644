//! What a hostile guest cannot do, and what the account makes of it.

use bracketd_core::broker::{BrokerEvent, Fault};
use bracketd_core::command::{Answer, Urgency};

use crate::Grant;
use crate::tests::stage::{SECRET, Stage};

fn rejected(answer: Answer) -> Fault {
    match answer {
        Answer::Rejected(fault) => fault,
        other => panic!("{other:?}"),
    }
}

fn not_sent(answer: Answer) -> Fault {
    match answer {
        Answer::NotSent { fault, .. } => fault,
        other => panic!("{other:?}"),
    }
}

fn unknown(answer: Answer) -> Fault {
    match answer {
        Answer::Unknown(fault) => fault,
        other => panic!("{other:?}"),
    }
}

/// The kernel ends a wait of two seconds up to a quarter of a second late. Ended for that, three
/// hanging reads would count as an unsound plugin.
#[test]
fn a_read_that_hangs_is_told_by_the_plugin_however_late_the_machine_wakes_it() {
    let stage = Stage::with(|config| config.limits.read_budget_ms = 2_100);
    let fault = stage.look_up("G/slow");
    assert_eq!(fault.code, "TOLD", "{}", fault.message);
    assert_eq!(stage.account.status().traps, 0);
}

#[test]
fn i9_a_guest_that_loops_grows_or_traps_is_ended_and_built_again() {
    for (order, code) in [("L", "PLUGIN_CPU"), ("M", "PLUGIN_MEMORY"), ("T", "PLUGIN_TRAP")] {
        let stage = Stage::new();
        assert_eq!(not_sent(stage.cancel(order)).code, code);
        assert!(matches!(stage.cancel("ok"), Answer::Placed { .. }), "after {order}");
        let status = stage.account.status();
        assert_eq!((status.traps, status.restarts), (1, 1), "{order}");
        stage.settle();
    }
}

#[test]
fn i9_three_traps_in_a_row_cost_a_pause() {
    let stage = Stage::new();
    for _ in 0..3 {
        assert_eq!(not_sent(stage.cancel("T")).code, "PLUGIN_TRAP");
    }
    assert_eq!(not_sent(stage.cancel("ok")).code, "PLUGIN_UNSOUND");
}

#[test]
fn a_write_export_makes_one_write() {
    let stage = Stage::new();
    // The first write was answered with 200, so the guest's "rejected" is not believed.
    let fault = unknown(stage.cancel("D/orders"));
    assert!(fault.message.contains("second write"), "{}", fault.message);
    assert_eq!(stage.broker.lines(), ["POST /orders"]);
}

#[test]
fn a_read_export_makes_no_write() {
    let stage = Stage::new();
    let fault = stage.look_up("P/orders");
    assert!(fault.message.contains("may only read"), "{}", fault.message);
    assert!(stage.broker.lines().is_empty());
}

#[test]
fn a_secret_reaches_the_broker_and_never_the_guest() {
    let stage = Stage::new();
    let seen = rejected(stage.cancel("G/echo")).message;
    assert!(seen.contains("authorization: Bearer [secret]"), "{seen}");
    assert!(!seen.contains(SECRET), "{seen}");
    let sent = stage.broker.headers("GET /echo");
    assert!(sent.contains(&format!("authorization: Bearer {SECRET}")), "{sent:?}");
}

#[test]
fn a_private_address_is_refused_with_the_line_that_would_allow_it() {
    let stage = Stage::with(|config| {
        let url = config.grants.first().map(|g| format!("http://{}:{}", g.host, g.port.unwrap()));
        config.grants = vec![Grant::origin(&url.unwrap()).unwrap()];
    });
    let message = rejected(stage.cancel("G/orders")).message;
    assert!(message.contains("[[account.grant]]") && message.contains("private = true"));
    assert!(stage.broker.lines().is_empty());
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let stage = Stage::new();
    assert_eq!(rejected(stage.cancel("G/redirect")).message, "");
    assert_eq!(stage.broker.lines(), ["GET /redirect"]);
}

#[test]
fn an_answer_that_is_too_large_is_a_fault() {
    let stage = Stage::new();
    let message = rejected(stage.cancel("G/large")).message;
    assert!(message.contains("larger than"), "{message}");
}

#[test]
fn i13_a_write_whose_guest_died_is_unknown_with_the_answer_as_evidence() {
    let stage = Stage::new();
    let fault = unknown(stage.cancel("X/orders"));
    assert_eq!((fault.code.as_str(), fault.http_status), ("PLUGIN_TRAP", Some(200)));
}

#[test]
fn i13_a_write_outlives_the_guest_that_stopped_waiting() {
    let stage = Stage::with(|config| config.limits.single_write_budget_ms = 100);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| stage.cancel("P/slow"));
        while stage.broker.lines().is_empty() {
            std::thread::yield_now();
        }
        // The guest's time is up long before the broker answers.
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(!answer.is_finished(), "nothing is told before the write has landed");
        stage.broker.open_gate();
        let fault = unknown(answer.join().unwrap());
        assert_eq!(fault.http_status, Some(200));
        assert!(fault.message.contains("landed"), "{}", fault.message);
    });
    stage.settle();
}

#[test]
fn i13_a_connection_that_breaks_after_a_write_left_is_unknown() {
    let stage = Stage::new();
    // The guest says `rejected`; the host knows that the write left and had no answer.
    unknown(stage.cancel("P/drop"));
    assert_eq!(stage.broker.lines(), ["POST /drop"]);
}

#[test]
fn an_address_with_a_user_in_front_is_refused() {
    let stage = Stage::new();
    // The guest's address is the broker's followed by this, which makes it another host.
    let fault = stage.look_up("G@127.0.0.9:9/");
    assert!(fault.message.contains("user or password"), "{}", fault.message);
}

#[test]
fn i13_a_broker_that_is_not_there_saw_nothing() {
    let stage = Stage::with_url("http://127.0.0.1:1", |config| {
        config.grants = vec![Grant::origin("http://127.0.0.1:1").unwrap().with_private()];
    });
    // A rejection without an answer: still nothing left, so the guest's word stands.
    let fault = rejected(stage.cancel("P/orders"));
    assert!(fault.message.contains("refused"), "{}", fault.message);
    not_sent(stage.cancel("X/orders"));
}

#[test]
fn i14_slow_writes_hold_up_neither_an_unprotected_one_nor_a_close() {
    let stage = Stage::concurrent();
    for transaction in 1..=4 {
        stage.send(transaction, Urgency::Routine, "P/slow");
    }
    while stage.broker.lines().len() < 3 {
        std::thread::yield_now();
    }
    // Three instances wait for the broker; the fourth routine write may not take the last one.
    for (transaction, urgency) in [(5, Urgency::Unprotected), (6, Urgency::Close)] {
        stage.send(transaction, urgency, "ok");
        assert_eq!(stage.answer().0, transaction.to_string());
    }
    assert_eq!(stage.broker.lines().len(), 3);
    stage.broker.open_gate();
    let mut rest: Vec<String> = (0..4).map(|_| stage.answer().0).collect();
    rest.sort();
    assert_eq!(rest, ["1", "2", "3", "4"]);
}

#[test]
fn the_account_says_that_it_is_up() {
    let stage = Stage::new();
    let info = stage.wait(|event| match event {
        BrokerEvent::Up(info) => Some(info),
        _ => None,
    });
    assert_eq!(info.name, "hostile");
    assert!(stage.account.status().up);
}
