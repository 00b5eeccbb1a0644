//! A hook sees every moment of a call, and lets it die at one.

use std::sync::{Arc, Mutex};

use bracketd_core::command::Answer;

use crate::lock::lock;
use crate::tests::stage::Stage;
use crate::{Hook, HostCall, Moment, Verdict, Word};

fn told(call: &HostCall<'_>) -> String {
    match call.moment {
        Moment::Begun => format!("{} begins", call.export),
        Moment::Before(import) => format!("{} before {import}", call.export),
        Moment::After(import) => format!("{} after {import}", call.export),
        Moment::Ended(spoken) => format!("{} says {}", call.export, spoken.word.as_str()),
    }
}

#[test]
fn every_moment_of_a_call_is_told_with_the_plugins_own_word() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = seen.clone();
    let stage = Stage::concurrent_with(|config| {
        config.hook = Some(Hook::new(move |call| {
            lock(&all).push(told(&call));
            Verdict::GoOn
        }));
    });
    stage.cancel("P/orders");
    let seen = lock(&seen);
    let cancel: Vec<&str> =
        seen.iter().filter(|t| t.starts_with("cancel-order")).map(String::as_str).collect();
    assert_eq!(
        cancel,
        [
            "cancel-order begins",
            "cancel-order before http.send",
            "cancel-order after http.send",
            "cancel-order says rejected",
        ]
    );
    assert!(seen.iter().any(|told| told == "describe says success"));
    assert!(seen.iter().any(|told| told == "connect says success"));
}

#[test]
fn i13_a_call_killed_before_its_write_was_not_sent_and_one_killed_after_is_unknown() {
    for (moment, want, lines) in [
        ("cancel-order before http.send", "not sent", 0),
        ("cancel-order after http.send", "unknown", 1),
    ] {
        let word = Arc::new(Mutex::new(None));
        let heard = word.clone();
        let stage = Stage::concurrent_with(|config| {
            config.hook = Some(Hook::new(move |call| {
                if let (Moment::Ended(spoken), "cancel-order") = (call.moment, call.export) {
                    *lock(&heard) = Some(spoken.word);
                }
                if told(&call) == moment { Verdict::Kill } else { Verdict::GoOn }
            }));
        });
        let got = match stage.cancel("P/orders") {
            Answer::NotSent { .. } => "not sent",
            Answer::Unknown(_) => "unknown",
            other => panic!("{other:?}"),
        };
        assert_eq!((got, stage.broker.lines().len()), (want, lines), "{moment}");
        assert_eq!(*lock(&word), Some(Word::Ended));
    }
}
