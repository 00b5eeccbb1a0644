//! The host's own code fails in the middle of a call: what the account makes of it.
//!
//! The failure is put at a named moment (`effect`), once, on the threads of the account whose name
//! asks for it.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use bracketd_core::broker::{BrokerEvent, Picture};
use bracketd_core::command::{Answer, Read, Urgency};
use bracketd_core::time::Timestamp;

use crate::lock::lock;
use crate::tests::stage::Stage;
use crate::{ToAccount, effect};

/// Accounts that have failed already.
static FAILED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn fail_once(point: &'static str) {
    let thread = thread::current();
    let account = thread.name().and_then(|name| name.split_once('/')).map(|(account, _)| account);
    let Some(account) = account.filter(|a| a.ends_with(&format!(" fails at {point}"))) else {
        return;
    };
    if lock(&FAILED).insert(account.to_owned()) {
        panic!("put here by a test");
    }
}

/// An account that fails when it first comes by this point.
fn failing_at(point: &str) -> Stage {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    effect::observe(fail_once);
    Stage::with(|config| config.name = format!("{number} fails at {point}").into())
}

#[test]
fn i9_i13_a_write_during_which_the_host_fails_is_unknown_and_the_next_one_goes_out() {
    for (point, order) in
        [("write.taken", "ok"), ("answer.telling", "ok"), ("write.leaving", "P/orders")]
    {
        let stage = failing_at(point);
        let answer = stage.cancel(order);
        assert!(matches!(answer, Answer::Unknown(_)), "{point}: {answer:?}");
        // Of the same transaction: the scheduler was told that its call is over.
        assert!(matches!(stage.cancel("ok"), Answer::Placed { .. }), "{point}");
        // Counted down once for each, no more.
        stage.settle();
    }
}

#[test]
fn i9_the_instance_that_was_in_use_is_built_anew_and_the_failure_told() {
    let stage = failing_at("answer.telling");
    let Answer::Unknown(fault) = stage.cancel("ok") else { panic!("unknown") };
    assert_eq!(fault.code, "HOST_PANIC");
    assert!(matches!(stage.cancel("ok"), Answer::Placed { .. }));
    let status = stage.account.status();
    assert_eq!((status.traps, status.restarts), (1, 1));
    assert!(status.last_error.unwrap().text.contains("put here by a test"));
}

#[test]
fn i9_a_look_up_during_which_the_host_fails_has_failed_and_the_next_one_is_made() {
    let stage = failing_at("lookup.telling");
    assert_eq!(stage.look_up("G/orders").code, "HOST_PANIC");
    assert_ne!(stage.look_up("G/orders").code, "HOST_PANIC");
    stage.settle();
}

#[test]
fn i9_a_picture_during_which_the_host_fails_proves_nothing() {
    let stage = failing_at("start.picture.telling");
    let read = Read::Picture { since: Timestamp(0) };
    stage.account.try_send(ToAccount::Read(read, Urgency::Read)).unwrap();
    let is_complete = stage.wait(|event| match event {
        BrokerEvent::Picture(Picture { complete, .. }) => Some(complete),
        _ => None,
    });
    assert!(!is_complete);
    stage.settle();
}
