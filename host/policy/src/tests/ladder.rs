//! The verb for partial targets: what it asks, what it refuses, and what the world makes of it.

use bracketd_core::intent::{Intent, Wish};

use super::figures::{long, short};
use super::{Bed, HEADER, line, on_tick};
use crate::{SourceFile, Sources, TestOptions, Verbs, run_tests};

fn asked(bed: &Bed) -> String {
    let ran = bed.tick();
    if let Some((_, verdict)) = ran.refused.first() {
        return verdict.code().to_owned();
    }
    let words = |intent: &Intent| match intent {
        Intent::Ladder { rungs, .. } => {
            let rungs = rungs.iter().map(|rung| format!("{} at {}", rung.share, rung.target));
            rungs.collect::<Vec<_>>().join(", ")
        }
        Intent::Protect { target: Wish::Set(target), .. } => format!("target {target}"),
        other => other.verb().to_owned(),
    };
    let all: Vec<String> = ran.requests.iter().map(|request| words(&request.intent)).collect();
    if all.is_empty() { line(&ran) } else { all.join("; ") }
}

/// One R is 5, the tick 0.01, the market at 103 (97 for the short), 10 are held.
#[test]
fn a_ladder_is_asked_for_in_pairs_and_snapped_toward_the_market() {
    let body =
        "set_ladder(t, [[0.5, t.entry.offset_r(1)], [0.3, t.entry.offset_pct(8.0049)]], \"w\");";
    assert_eq!(asked(&long(body)), "0.5 at 105, 0.3 at 108");
    assert_eq!(asked(&short(body)), "0.5 at 95, 0.3 at 92");
    assert_eq!(asked(&long("set_ladder(t, [[1, 105]], \"w\");")), "1 at 105");
    let thirds = "let a = 1.0 / 3; set_ladder(t, [[a, 105], [a, 106], [a, 107]], \"w\");";
    assert!(asked(&long(thirds)).starts_with("0.3333"), "thirds are the whole");
}

#[test]
fn what_a_ladder_cannot_mean_is_said_with_a_way_out() {
    for (rungs, said) in [
        ("[]", "BAD_TERMS"),
        ("[[0.7, 105], [0.7, 106]]", "BAD_TERMS"),
        ("[[0.01, 105]]", "RUNG_TOO_SMALL"),
        ("[[0.5, 101]]", "TARGET_WRONG_SIDE"),
        ("[0.5, 105]", "runtime: rung 1 is 0.5, not a pair [share, price]"),
        ("[[0.5, 105], [0.5]]", "runtime: rung 2 is"),
        ("[[\"half\", 105]]", "runtime: the share of rung 1 is"),
        ("[[0.5, \"high\"]]", "runtime: `rung 1`"),
    ] {
        let body = format!("set_ladder(t, {rungs}, \"w\");");
        let answer = asked(&long(&body));
        assert!(answer.starts_with(said), "{rungs}: {answer}");
    }
}

#[test]
fn a_later_wish_for_the_target_takes_the_place_of_a_ladder() {
    let ladder = "set_ladder(t, [[0.5, 105]], \"w\");";
    let other = "set_ladder(t, [[0.5, 106]], \"w\");";
    let single = "update_take_profit(t, 109, \"w\");";
    for (body, left) in [
        (format!("{ladder} {single}"), "target 109"),
        (format!("{single} {ladder}"), "target 109; 0.5 at 105"),
        (format!("{ladder} {other}"), "0.5 at 106"),
        (format!("{ladder} {ladder}"), "0.5 at 105"),
    ] {
        assert_eq!(asked(&long(&body)), left, "{body}");
    }
}

#[test]
fn g7_the_configuration_may_take_the_verb_away() {
    let mut bed = on_tick("set_ladder(t, [[0.5, t.entry.offset_pct(5)]], \"w\");");
    bed.allowed = Verbs::only(["close_position"]).expect("a verb");
    assert_eq!(asked(&bed), "VERB_NOT_ALLOWED");
}

#[test]
fn a_script_sees_what_is_left_of_its_ladder() {
    let body = "set_ladder(t, [[0.5, 105], [0.3, 106]], \"w\"); alert(\"info\", `${t.has_ladder} ${t.rungs_left}`);";
    let ran = long(body).tick();
    assert!(format!("{:?}", ran.alerts).contains("true 2"), "{:?}", ran.alerts);
    let ran = long("alert(\"info\", `${t.has_ladder} ${t.rungs_left}`);").tick();
    assert!(format!("{:?}", ran.alerts).contains("false 0"), "{:?}", ran.alerts);
}

#[test]
fn the_world_of_tests_sells_parts_as_the_broker_does() {
    let policy = format!(
        "{HEADER}
    fn on_open(t, p) {{
        set_ladder(t, [[0.5, t.entry.offset_pct(5)], [0.3, t.entry.offset_pct(8)]], \"parts\");
    }}
    fn on_exit_fill(t, fill, p) {{
        alert(\"info\", `${{fill.leg}} ${{fill.qty}} left ${{t.rungs_left}}`);
    }}
    fn on_tick(t, m, p) {{
        if t.held == 4 {{ adjust_quantity(t, 3, \"less\"); }}
    }}"
    );
    let test = "
    fn test_parts() {
        for side in [\"long\", \"short\"] {
            let up = if side == \"long\" { 1.0 } else { -1.0 };
            let w = world(#{ direction: side, entry: 100.0, stop: 100.0 - 5.0 * up,
                             target: 100.0 + 10.0 * up, qty: 10, status: \"WAITING\" });
            w.tick(100.0 + 1.0 * up);
            w.fill(100.0, 10);
            w.tick(100.0 + 4.0 * up);
            w.expect_qty(10);
            w.tick(100.0 + 5.0 * up);
            w.expect_qty(5);
            w.expect_alert(\"target 5 left 1\");
            w.tick(100.0 + 8.0 * up);
            w.expect_qty(2);
            w.tick(100.0 + 10.0 * up);
            w.expect_closed(\"target\");
        }
    }";
    let sources = Sources {
        policies: vec![SourceFile::new("p", "p.rhai", &policy)],
        tests: vec![SourceFile::new("p", "p_test.rhai", test)],
        ..Sources::default()
    };
    let results = run_tests(&sources, &TestOptions::default()).results;
    let failed: Vec<String> =
        results.iter().filter_map(|r| r.failure.as_ref()).map(|f| f.one_line()).collect();
    assert!(failed.is_empty() && results.len() == 1, "{failed:#?}");
}
