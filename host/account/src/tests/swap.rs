//! Another plugin takes an account over: no command is lost, none is doubled, and what protects
//! waits for nobody.

use bracketd_core::command::{Answer, Urgency};
use bracketd_core::instrument::Features;

use crate::tests::feed_server::{FeedServer, Greeting};
use crate::tests::stage::Stage;
use crate::{FrameRule, SwapRefused, Terms};

fn plain() -> Terms {
    Terms::default()
}

/// A swap that got the word while the broker has not answered the write of transaction 1.
fn while_a_write_hangs() -> Stage {
    let stage = Stage::concurrent();
    stage.account.swap(stage.plugin(|_| {}), plain()).unwrap();
    stage.send(1, Urgency::Tighten, "P/slow");
    while stage.broker.lines().is_empty() {
        std::thread::yield_now();
    }
    stage.let_swap();
    stage
}

#[test]
fn a_plugin_that_answers_the_same_takes_over_and_the_one_before_is_parked() {
    let stage = Stage::concurrent();
    let before = stage.account.plugins();
    assert_eq!(before.parked, None);
    stage.account.swap(stage.plugin(|_| {}), plain()).unwrap();
    stage.let_swap();
    let text = stage.swapped().unwrap();
    let after = stage.account.plugins();
    assert!(text.contains(&after.running.digest), "{text}");
    assert!(after.generation > before.generation, "the fencing token rises");
    assert_eq!((after.running.name.as_str(), after.parked), ("another", Some(before.running)));
    assert!(matches!(stage.cancel("done"), Answer::Placed { .. }), "commands go on");
    assert_eq!(stage.account.status().restarts, 0, "every thread found its instance connected");
}

#[test]
fn the_same_bytes_again_leave_the_way_back_as_it_is() {
    let stage = Stage::concurrent();
    let first = stage.account.plugins().running;
    for _ in 0..2 {
        stage.account.swap(stage.plugin(|_| {}), plain()).unwrap();
        stage.let_swap();
        stage.swapped().unwrap();
        let now = stage.account.plugins();
        assert_ne!(now.running.digest, first.digest);
        assert_eq!(now.parked.as_ref(), Some(&first));
    }
}

#[test]
fn a_command_that_comes_meanwhile_waits_behind_the_gate_and_is_carried_out_once() {
    let stage = while_a_write_hangs();
    stage.send(2, Urgency::Tighten, "P/second");
    assert_eq!(stage.broker.lines(), ["POST /slow"], "it waits while the first is under way");
    stage.broker.open_gate();
    stage.swapped().unwrap();
    stage.answer_to("2");
    assert_eq!(stage.broker.lines(), ["POST /slow", "POST /second"]);
}

#[test]
fn i14_what_protects_opens_the_gate_and_the_swap_waits_for_the_next_word() {
    let stage = while_a_write_hangs();
    stage.send(2, Urgency::Unprotected, "P/stop");
    stage.answer_to("2");
    assert_eq!(stage.account.plugins().running.name, "hostile", "the old one carried it out");
    stage.broker.open_gate();
    stage.let_swap();
    stage.swapped().unwrap();
}

#[test]
fn i13_a_write_without_an_answer_is_left_to_its_sender_and_its_answer_is_kept() {
    let stage = while_a_write_hangs();
    stage.swapped().unwrap();
    stage.broker.open_gate();
    let Answer::Unknown(fault) = stage.answer_to("1") else { panic!("nobody read its answer") };
    assert_eq!(fault.http_status, Some(200));
    assert!(fault.message.contains("landed"), "{}", fault.message);
    assert_eq!(stage.broker.lines(), ["POST /slow"], "and it is not sent again");
}

#[test]
fn a_plugin_that_can_do_less_is_refused_unless_somebody_accepts_it() {
    let stage = Stage::concurrent();
    let less = || stage.plugin(|guest| guest.concurrent = false);
    stage.account.swap(less(), plain()).unwrap();
    let why = stage.swapped().unwrap_err();
    assert!(why.contains("no longer declares concurrent-writes"), "{why}");
    assert_eq!(stage.account.plugins().running.name, "hostile");
    assert!(matches!(stage.cancel("done"), Answer::Placed { .. }), "the old one goes on");

    stage.account.swap(less(), Terms { accept_differences: true, ..plain() }).unwrap();
    stage.let_swap();
    stage.swapped().unwrap();
    assert!(!stage.account.info().features.has(Features::CONCURRENT_WRITES));
    assert!(matches!(stage.cancel("done"), Answer::Placed { .. }));
}

#[test]
fn a_plugin_without_the_streams_of_the_one_before_is_refused_unless_somebody_accepts_it() {
    let server = FeedServer::start(Greeting::Handshake);
    let ping = FrameRule::Text("ping".to_owned());
    let stage = Stage::streaming(&server.url, "ping", &[ping], |_| {});
    let quiet = || stage.plugin(|guest| guest.concurrent = false);
    stage.account.swap(quiet(), plain()).unwrap();
    let why = stage.swapped().unwrap_err();
    assert!(why.contains("it no longer serves bracketd:broker/streams"), "{why}");

    stage.account.swap(quiet(), Terms { accept_differences: true, ..plain() }).unwrap();
    stage.let_swap();
    stage.swapped().unwrap();
}

#[test]
fn back_to_the_plugin_before_needs_no_word() {
    let stage = Stage::concurrent();
    assert_eq!(stage.account.roll_back(), Err(SwapRefused::NothingParked));
    stage.account.swap(stage.plugin(|_| {}), plain()).unwrap();
    assert_eq!(stage.account.swap(stage.plugin(|_| {}), plain()), Err(SwapRefused::Busy));
    stage.let_swap();
    stage.swapped().unwrap();
    while stage.account.roll_back() == Err(SwapRefused::Busy) {
        std::thread::yield_now();
    }
    let text = stage.swapped().unwrap();
    assert!(text.starts_with("back to plugin hostile"), "{text}");
    assert!(matches!(stage.cancel("done"), Answer::Placed { .. }));
}

#[test]
fn i9_a_plugin_that_took_over_and_proves_unsound_is_taken_back() {
    let stage = Stage::with(|_| {});
    let more = Terms { accept_more: true, ..plain() };
    stage.account.swap(stage.plugin(|_| {}), more).unwrap();
    stage.let_swap();
    stage.swapped().unwrap();
    // One thread has to see three.
    for number in 0..12 {
        if stage.account.plugins().running.name == "hostile" {
            break;
        }
        stage.send(number, Urgency::Close, "T");
        stage.answer();
    }
    let text = stage.swapped().unwrap();
    assert!(text.contains("back to plugin hostile") && text.contains("unsound"), "{text}");
    assert!(matches!(stage.cancel("done"), Answer::Placed { .. }));
}

#[test]
fn a_plugin_that_can_do_more_needs_somebody_who_accepts_that() {
    let stage = Stage::new();
    stage.account.swap(stage.plugin(|_| {}), plain()).unwrap();
    let why = stage.swapped().unwrap_err();
    assert!(why.contains("can do more") && why.contains("concurrent-writes"), "{why}");
    let more = Terms { accept_more: true, ..plain() };
    stage.account.swap(stage.plugin(|_| {}), more).unwrap();
    stage.let_swap();
    stage.swapped().unwrap();
}
