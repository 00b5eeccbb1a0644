//! Verbs whose work goes on after the run: what they ask of the host, in which units.

use bracketd_core::intent::{Intent, Wish};
use bracketd_core::standing::TrailDistance;
use bracketd_core::transaction::TransactionStatus;

use super::figures::{long, short};
use super::{Bed, HEADER, bed, line, on_tick};
use crate::selftest::fixture::START;
use crate::{Event, SourceFile, Sources, TestOptions, Verbs, run_tests};

/// What the run asks for, or why it does not.
fn asked(bed: &Bed) -> String {
    let ran = bed.tick();
    if let Some((_, verdict)) = ran.refused.first() {
        return verdict.code().to_owned();
    }
    let Some(request) = ran.requests.first() else { return line(&ran) };
    match &request.intent {
        Intent::Trail { terms: None, .. } => "no trail".to_owned(),
        Intent::Trail { terms: Some(terms), .. } => {
            let distance = match terms.distance {
                TrailDistance::Price(distance) => distance.to_string(),
                TrailDistance::Percent(percent) => format!("{percent}%"),
            };
            let from = terms.activate_at.map_or("-".to_owned(), |at| at.to_string());
            format!("{distance} from {from} step {}", terms.step)
        }
        Intent::Barriers { stop: Wish::Set(stop), target: Wish::Set(target), hold_ms, .. } => {
            format!("{stop} {target} {hold_ms}")
        }
        Intent::LockSymbol { symbol, until, .. } => {
            let left_ms = until.map(|until| until.ms_since(START));
            format!("{symbol} {left_ms:?}")
        }
        Intent::Kill { account, level, reset_baseline: false } => {
            format!("{} {}", level.as_str(), account.as_ref().map_or("", |name| name.as_str()))
        }
        other => other.verb().to_owned(),
    }
}

/// One R is 5, the range of four minutes 2.25, the tick 0.01, the market at 103 (97 for the short).
#[test]
fn a_trail_is_asked_for_in_any_unit_and_kept_as_a_distance() {
    let table = [
        ("by: \"pct\", distance: 1.5", "1.5% from - step 0", "1.5% from - step 0"),
        ("by: \"pct\", distance: 2, step: 0.5", "2% from - step 0.515", "2% from - step 0.485"),
        ("by: \"ticks\", distance: 150", "1.5 from - step 0", "1.5 from - step 0"),
        (
            "by: \"price\", distance: 1.25, step: 0.1",
            "1.25 from - step 0.1",
            "1.25 from - step 0.1",
        ),
        ("by: \"r\", distance: 1, step: 0.1", "5 from - step 0.5", "5 from - step 0.5"),
        (
            "by: \"atr\", distance: 2, bars: 4, frame: \"1m\"",
            "4.5 from - step 0",
            "4.5 from - step 0",
        ),
        (
            "by: \"price\", distance: 2, activate_at: t.entry.offset_r(1)",
            "2 from 105 step 0",
            "2 from 95 step 0",
        ),
    ];
    for (terms, for_long, for_short) in table {
        let body = format!("trail(t, #{{ {terms} }}, \"w\");");
        assert_eq!(asked(&long(&body)), for_long, "long {terms}");
        assert_eq!(asked(&short(&body)), for_short, "short {terms}");
    }
}

#[test]
fn what_a_trail_cannot_mean_is_said_with_a_way_out() {
    let table = [
        (
            "#{ by: \"atr\", distance: 2 }",
            "skipped: 15 complete bars of 1m are needed, 6 are known",
        ),
        ("#{ distance: 2 }", "runtime: a trail needs `by`: the unit of its distance, one of pct"),
        ("#{ by: \"percent\", distance: 2 }", "runtime: a trail needs `by`"),
        ("#{ by: \"pct\" }", "runtime: a trail needs `distance`"),
        ("#{ by: \"pct\", distance: 0 }", "runtime: `distance` 0 is no number above 0"),
        ("#{ by: \"pct\", distance: -1.5 }", "runtime: `distance` -1.5 is no number above 0"),
        ("#{ by: \"pct\", distanse: 1 }", "did you mean distance?"),
        ("#{ by: \"pct\", distance: 60 }", "COLLAR"),
        ("#{ by: \"pct\", distance: 100 }", "BAD_TERMS"),
    ];
    for (terms, words) in table {
        let said = asked(&long(&format!("trail(t, {terms}, \"w\");")));
        assert!(said.contains(words), "{terms}: {said}");
    }
    let said = asked(&long("let w = \" \"; trail(t, #{ by: \"pct\", distance: 1 }, w);"));
    assert!(said.contains("the reason is empty"), "{said}");
}

#[test]
fn a_waiting_transaction_is_trailed_from_its_planned_entry_on() {
    let body =
        "let v = trail(t, #{ by: \"pct\", distance: 2, step: 0.5 }, \"w\"); note(\"v\", v.code);";
    let mut bed = bed(&format!("fn on_waiting(t, m, p) {{ {body} }}"));
    bed.tx.status = TransactionStatus::Waiting;
    bed.tx.slices.clear();
    bed.tx.opened_at = None;
    bed.quote = None;
    let ran = bed.event(Event::Waiting);
    assert_eq!(ran.notes.first().map(|(_, code)| code.as_str()), Some("STORED"), "{}", line(&ran));
    let Intent::Trail { terms: Some(terms), .. } = &ran.requests[0].intent else { panic!() };
    assert_eq!(terms.step.to_string(), "0.5");
}

#[test]
fn three_barriers_are_one_request_snapped_toward_the_market() {
    let body =
        "triple_barrier(t, t.entry.offset_pct(-2.0049), t.entry.offset_r(2), hours(4), \"w\");";
    assert_eq!(asked(&long(body)), "98 110 14400000");
    assert_eq!(asked(&short(body)), "102 90 14400000");
    let whole = "triple_barrier(t, 98, 110.0, days(1), \"w\");";
    assert_eq!(asked(&long(whole)), "98 110 86400000");
    assert_eq!(asked(&long("triple_barrier(t, 104, 110, days(1), \"w\");")), "STOP_WRONG_SIDE");
    // A later wish for a leg takes the place of an earlier one, as everywhere.
    let body = "update_stop_loss(t, 97, \"w\"); triple_barrier(t, 98, 110, days(1), \"w\");";
    assert_eq!(asked(&long(body)), "98 110 86400000");
}

#[test]
fn g7_what_reaches_beyond_the_transaction_needs_the_configuration() {
    let table = [
        ("lock(t.symbol, hours(2), \"w\");", "lock", "TEST Some(7200000)"),
        ("lock(\"X\", now() + minutes(1), \"w\");", "lock", "X Some(60000)"),
        ("halt(\"reducing\", \"w\");", "halt", "protect-only test"),
        ("halt(\"halted\", \"w\");", "halt", "cancel-entries test"),
    ];
    for (body, verb, expected) in table {
        let mut bed = on_tick(body);
        assert_eq!(asked(&bed), "VERB_NOT_ALLOWED", "{body}");
        bed.allowed = Verbs::only([verb]).expect("a verb");
        assert_eq!(asked(&bed), expected, "{body}");
    }
    let mut bed = on_tick("halt(\"flatten\", \"w\");");
    bed.allowed = Verbs::only(["halt"]).expect("a verb");
    assert_eq!(asked(&bed), "runtime: halt level \"flatten\" is neither reducing nor halted");
}

#[test]
fn g7_what_takes_a_wish_back_goes_with_what_makes_it() {
    let table = [
        ("clear_trail(t, \"w\");", "trail"),
        ("clear_time_limit(t, \"w\");", "triple_barrier"),
        ("reduce_by(t, 0.5, \"w\");", "adjust_quantity"),
        ("request_review(t, \"w\");", "request_review"),
    ];
    for (body, verb) in table {
        let mut bed = on_tick(body);
        bed.allowed = Verbs::only(["close_position"]).expect("a verb");
        assert_eq!(asked(&bed), "VERB_NOT_ALLOWED", "{body}");
        bed.allowed = Verbs::only([verb]).expect("a verb");
        assert_ne!(asked(&bed), "VERB_NOT_ALLOWED", "{body}");
    }
}

#[test]
fn the_same_thing_asked_twice_is_asked_once() {
    let trail = "trail(t, #{ by: \"pct\", distance: 2 }, \"w\");";
    let ran = long(&format!("{trail} {trail}")).tick();
    assert_eq!(ran.requests.len(), 1);
    let review = "request_review(t, \"odd\");";
    let ran = long(&format!("{review} {review}")).tick();
    assert_eq!(ran.requests.len(), 1);
}

#[test]
fn metrics_are_figures_with_names_that_can_be_watched() {
    let ran = on_tick("metric(\"room_r\", 1.5); metric(\"turns\", 3);").tick();
    let seen: Vec<String> = ran.metrics.iter().map(|(name, v)| format!("{name} {v}")).collect();
    assert_eq!(seen, ["room_r 1.5", "turns 3"]);
    for name in ["", "Room", "room-r", "9lives", "a b"] {
        let said = line(&on_tick(&format!("metric(\"{name}\", 1);")).tick());
        assert!(said.contains("a name has small letters"), "{name}: {said}");
    }
    let said = line(&on_tick("loop { metric(\"a\", 1); }").tick());
    assert!(said.contains("at most 64"), "{said}");
    let failed = on_tick("metric(\"a\", 1); throw \"x\";").tick();
    assert_eq!(failed.metrics.len(), 1, "what was said stays said, as notes do");
}

/// What the host would do goes on in the world of a policy's own tests.
#[test]
fn the_world_of_tests_trails_and_ends_in_time() {
    let script = "fn on_tick(t, m, p) {
        trail(t, #{ by: \"price\", distance: 2 }, \"w\");
        triple_barrier(t, t.stop, t.entry.offset_pct(20), minutes(5), \"w\");
    }";
    let tests = "fn test_long_and_its_mirror() {
        for side in [\"long\", \"short\"] {
            let up = if side == \"long\" { 1.0 } else { -1.0 };
            let w = world(#{ direction: side, entry: 100.0, stop: 100.0 - 5.0 * up });
            w.tick(100);
            w.tick(100.0 + 3.0 * up);
            w.expect_stop(100.0 + 1.0 * up);
            w.tick(100.0 + 2.0 * up);
            w.expect_stop(100.0 + 1.0 * up);
            w.tick(100.0 + 0.9 * up);
            w.expect_closed(\"stop\");
        }
    }
    fn test_ends_in_time() {
        let w = world(#{ entry: 100.0, stop: 95.0 });
        w.tick(100);
        w.advance(\"4m\");
        w.tick(100);
        w.expect_open();
        w.advance(\"1m\");
        w.tick(100);
        w.expect_closed(\"time_limit\");
    }";
    let sources = Sources {
        policies: vec![SourceFile::new("p", "p.rhai", &format!("{HEADER}{script}"))],
        tests: vec![SourceFile::new("p", "p_test.rhai", tests)],
        ..Sources::default()
    };
    let report = run_tests(&sources, &TestOptions::default());
    let failures: Vec<_> =
        report.results.iter().filter_map(|r| r.failure.as_ref()).map(|f| &f.message).collect();
    assert_eq!((report.results.len(), failures), (2, vec![]));
}
