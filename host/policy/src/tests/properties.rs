//! The property suite finds what it is there for, and names the path and the line.

use super::HEADER;
use crate::{PROPERTIES, SourceFile, Sources, run_properties};

/// The properties that break, as `property|path|line:column|message`.
fn broken(script: &str, tests: &str) -> Vec<String> {
    let policies = vec![SourceFile::new("p", "p.rhai", &format!("{HEADER}{script}"))];
    let tests = vec![SourceFile::new("p", "p_test.rhai", tests)];
    let results = run_properties(&Sources { policies, tests, ..Sources::default() });
    assert_eq!(results.len(), PROPERTIES.len());
    let broken = results.iter().filter_map(|result| {
        let found = result.failure.as_ref()?;
        let (line, column) = found.position();
        let path = result.path.unwrap_or("-");
        Some(format!("{}|{path}|{line}:{column}|{}", result.property, found.message))
    });
    broken.collect()
}

#[test]
fn each_property_is_broken_by_the_mistake_it_is_for() {
    let table = [
        (
            "fn on_tick(t, m, p) {\n  if m.price.value > 110.0 { let a = 1.0 / (t.qty - 10.0); }\n}",
            "ends_well|rise and fall|3:42|ends_well on \"rise and fall\": Division by zero",
        ),
        (
            "fn on_tick(t, m, p) {\n  let why = \"new\"; update_stop_loss(t, m.price.offset_pct(-2), why);\n}",
            "never_widens|rise and fall|3:20|never_widens on \"rise and fall\", at on_tick 110.93: \
             update_stop_loss stop",
        ),
        (
            "fn on_tick(t, m, p) { set_bracket(t, 130, 120, \"w\"); }",
            "within_limits|rise and fall|2:23|within_limits on \"rise and fall\", at on_tick 100.31",
        ),
        (
            "fn on_tick(t, m, p) { for i in 0..9000 { let x = i; } }",
            "within_limits|rise and fall|1:1|within_limits on \"rise and fall\": a run took",
        ),
        (
            "fn on_tick(t, m, p) { if !m.has_quote { update_stop_loss(t, t.stop, \"same\"); } }",
            "missing_data|prices that are missing|2:41|",
        ),
        (
            "fn on_fill(t, f, p) { update_stop_loss(t, t.entry.offset_ticks(-100 - 10 * f.qty.to_int()), \
             \"each\"); }",
            "partial_fills|filled in parts|2:23|partial_fills on \"filled in parts\", at on_fill",
        ),
        (
            "fn on_open(t, p) { ratchet_stop(t, t.entry.value * 0.98, \"long only\"); }",
            "mirror|rise and fall|2:20|mirror on \"rise and fall\", at on_open: the long: ratchet_stop \
             -> accepted; the short: ratchet_stop -> STOP_WRONG_SIDE",
        ),
    ];
    for (script, wanted) in table {
        let found = broken(script, "fn test_a() {}");
        assert!(found.iter().any(|line| line.starts_with(wanted)), "{script}\n{found:#?}");
    }
    assert_eq!(broken("fn on_tick(t, m, p) {}", "fn test_a() {}"), [""; 0]);
}

#[test]
fn a_property_need_not_hold_where_a_reason_is_given() {
    let script = "fn on_open(t, p) { ratchet_stop(t, t.entry.value * 0.98, \"long only\"); }";
    let all = "const EXEMPT = #{ mirror: \"longs only\", within_limits: \"the same\" };";
    assert_eq!(broken(script, all), [""; 0]);
    let typo = broken(script, "const EXEMPT = #{ miror: \"longs only\" };");
    assert!(typo[0].ends_with("|1:19|there is no property miror"), "{typo:#?}");
    let silent = broken(script, "const EXEMPT = #{ mirror: \" \" };");
    assert!(silent[0].ends_with("mirror is exempt without a reason"), "{silent:#?}");
}
