//! What `policy test` tells beside pass and fail: trace, world, lines that ran, snapshots.

use super::HEADER;
use crate::{SourceFile, Sources, TestOptions, TestReport, run_tests};

const SCRIPT: &str = "fn on_tick(t, m, p) {
    ratchet_stop(t, m.peak_since(t).offset_pct(-2), \"trail\");
    if m.price.value > 200.0 {
        close_position(t, \"far enough\");
    }
}
fn on_reject(t, intent, why, p) { risk::told(t, why); }
";
const LIB: &str = "fn told(t, why) {\n    alert(\"warn\", why.code);\n}\n";

fn report(tests: &str, options: &TestOptions<'_>) -> TestReport {
    let script = SourceFile::new("p", "p.rhai", &format!("{HEADER}{SCRIPT}"));
    let sources = Sources {
        policies: vec![script],
        libs: vec![SourceFile::new("risk", "lib/risk.rhai", LIB)],
        tests: vec![SourceFile::new("p", "p_test.rhai", tests)],
        ..Sources::default()
    };
    run_tests(&sources, options)
}

#[test]
fn a_failure_shows_expected_actual_world_and_the_way_there() {
    let test = "fn test_a() {
    let w = world(#{ entry: 100.0, stop: 95.0 });
    w.tick(110);
    w.reject(\"ratchet_stop\", \"BROKER_BUSY\");
    w.advance(\"1m\");
    w.tick(105);
    w.expect_stop(107);
}";
    let report = report(test, &TestOptions::default());
    let [result] = &report.results[..] else { panic!("{report:?}") };
    let found = result.failure.as_ref().expect("it fails");
    assert_eq!((found.code, found.position()), ("P009", (7, 7)));
    assert_eq!(found.message, "test_a: stop: expected 107, but it is 107.8");
    assert_eq!(result.expected.as_deref(), Some("107"));
    assert_eq!(result.actual.as_deref(), Some("107.8"));
    let way: Vec<String> = result
        .trace
        .iter()
        .map(|step| {
            let calls = step.calls.iter().map(|call| {
                let (file, line, column) = (&call.file, call.line, call.column);
                format!(" | {file}:{line}:{column} {} {} {}", call.verb, call.wish, call.code)
            });
            let (event, with, outcome) = (&step.event, &step.with, &step.outcome);
            let calls: String = calls.collect();
            format!("{} {event} {with} {outcome}{calls}{}", step.at_ms, step.alerts.concat())
        })
        .collect();
    assert_eq!(
        way,
        [
            "1000 on_tick 110 done | p.rhai:3:5 ratchet_stop stop 107.8 STAGED",
            "1000 on_reject ratchet_stop BROKER_BUSY donewarn: BROKER_BUSY",
            // The stop was met and filled.
        ]
    );
    let world = |name: &str| {
        result.world.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    };
    assert_eq!((world("status"), world("closed by")), (Some("CLOSED"), Some("stop")));
    assert_eq!(
        (world("clock"), world("bid"), world("peak")),
        (Some("62 s"), Some("105"), Some("110"))
    );
}

#[test]
fn lines_that_never_ran_are_listed() {
    let test =
        "fn test_a() { let w = world(#{ stop: 95.0 }); w.tick(110); w.reject(\"x\", \"Y\"); }";
    let covered = |options: &TestOptions<'_>| -> Vec<String> {
        let report = report(test, options);
        let line = |c: &crate::Coverage| {
            let missed: Vec<usize> = c.missed.iter().map(|(line, _)| *line).collect();
            format!("{} {} {missed:?}", c.path, c.lines)
        };
        report.coverage.iter().map(line).collect()
    };
    assert_eq!(covered(&TestOptions::default()), ["p.rhai 4 [5]", "lib/risk.rhai 1 []"]);
    let none = TestOptions { pattern: Some("nothing"), ..TestOptions::default() };
    assert_eq!(covered(&none), ["p.rhai 4 [3, 4, 5, 8]", "lib/risk.rhai 1 [2]"]);
}

#[test]
fn only_the_tests_with_the_pattern_run() {
    let tests = "fn test_long() {} fn test_short() { assert(false, \"no\"); }";
    let ran = |pattern| {
        let options = TestOptions { pattern: Some(pattern), ..TestOptions::default() };
        let results = report(tests, &options).results;
        results.iter().map(|r| format!("{}:{}", r.test, r.failure.is_none())).collect::<Vec<_>>()
    };
    assert_eq!(ran("long"), ["test_long:true"]);
    assert_eq!(ran("p::test_s"), ["test_short:false"]);
    assert_eq!(ran(""), ["test_long:true", "test_short:false"]);
    assert_eq!(ran("other"), [""; 0]);
}

/// Taken, a snapshot passes; a decision that differs later fails with both lines.
#[test]
fn snapshots_are_written_into_the_test_and_hold() {
    let test = "fn test_a() {
    let w = world(#{ entry: 100.0, stop: 95.0 });
    w.tick(110);
    w.expect_decisions(``);
    w.reject(\"ratchet_stop\", \"BUSY\");
    w.expect_decisions(`old`);
}
";
    let taking = TestOptions { takes_snapshots: true, ..TestOptions::default() };
    let taken = report(test, &taking);
    assert!(taken.results.iter().all(|result| result.failure.is_none()), "{taken:?}");
    let [snapshot] = &taken.snapshots[..] else { panic!("{taken:?}") };
    let wanted = "fn test_a() {
    let w = world(#{ entry: 100.0, stop: 95.0 });
    w.tick(110);
    w.expect_decisions(`
        on_tick 110: ratchet_stop stop 107.8 STAGED (trail)
    `);
    w.reject(\"ratchet_stop\", \"BUSY\");
    w.expect_decisions(`
        on_tick 110: ratchet_stop stop 107.8 STAGED (trail)
        on_reject ratchet_stop BUSY: alert warn: BUSY
    `);
}
";
    assert_eq!((snapshot.path.as_str(), snapshot.changed), ("p_test.rhai", 2));
    assert_eq!(snapshot.text, wanted);
    let again = report(wanted, &TestOptions::default());
    assert!(again.results[0].failure.is_none(), "{again:?}");
    assert_eq!(report(wanted, &taking).snapshots, []);
    let other = report(&wanted.replace("107.8", "107.5"), &TestOptions::default());
    let result = &other.results[0];
    assert_eq!(
        (result.expected.as_deref(), result.actual.as_deref()),
        (
            Some("on_tick 110: ratchet_stop stop 107.5 STAGED (trail)"),
            Some("on_tick 110: ratchet_stop stop 107.8 STAGED (trail)")
        )
    );
}

/// An error of the policy is told at its own line, not at the marked one.
#[test]
fn an_error_in_the_policy_names_its_own_place() {
    let script =
        format!("{HEADER}fn on_tick(t, m, p) {{ let a = 1; let b = 1.0 / (t.qty - 10.0); }}");
    let sources = Sources {
        policies: vec![SourceFile::new("p", "p.rhai", &script)],
        tests: vec![SourceFile::new("p", "p_test.rhai", "fn test_a() { world(#{}).tick(1); }")],
        ..Sources::default()
    };
    let report = run_tests(&sources, &TestOptions::default());
    let found = report.results[0].failure.as_ref().expect("it fails");
    assert!(
        found.message.starts_with("test_a: p.rhai:2:46: Division by zero"),
        "{}",
        found.message
    );
}
