//! Policies edited while they decide (I11).

use std::cell::Cell;

use crate::harness::{Dir, followed, stop_is};

/// Keeps the stop so many percent under the price.
fn follow(distance: &str) -> String {
    format!(
        r#"const POLICY = #{{ name: "follow", version: "1", api: 1 }};
const PARAMS = #{{}};

fn on_tick(t, m, p) {{
    ratchet_stop(t, m.price.offset_pct(-{distance}), "follow the price");
}}
"#
    )
}

#[test]
fn an_edit_changes_the_next_decision_and_a_broken_one_is_shown_and_not_taken() {
    let dir = Dir::new();
    let (exchange, daemon) = followed(&dir, &follow("5.0"));

    dir.write("policies/follow.rhai", &follow("4.0"));
    daemon.until("the second version decides at once, without a new price", stop_is("96"));
    exchange.price("AAA", "101.00", "101.02");
    daemon.until("the second version decides", stop_is("96.96"));

    dir.write("policies/follow.rhai", &follow("3.0").replace("ratchet_stop", "ratchet_stpo"));
    daemon.until("the broken version is refused", |d| d.log().contains("policy_refused"));
    let shown = daemon.ask("policy check");
    assert_eq!(shown.code, Some(1));
    let place = shown.stdout.clone() + shown.stderr.as_str();
    for part in ["follow.rhai:5:5", "ratchet_stpo", "^", "ratchet_stop"] {
        assert!(place.contains(part), "{part} in\n{place}");
    }
    exchange.price("AAA", "102.00", "102.02");
    daemon.until("the second version goes on deciding", stop_is("97.92"));
}

#[test]
fn i11_a_version_that_fails_on_what_is_live_is_refused_and_a_mended_one_says_what_it_will_do() {
    let dir = Dir::new();
    let (exchange, daemon) = followed(&dir, &follow("5.0"));

    // It compiles and holds every property: none of those is tried with thirteen.
    let failing = follow("4.0")
        .replace("fn on_tick(t, m, p) {", "fn on_tick(t, m, p) {\n    let x = 7 / (t.qty - 13);");
    dir.write("policies/follow.rhai", &failing);
    daemon.until("it is refused", |d| d.log().contains("policy_refused"));
    let shown = daemon.ask("policy list");
    assert_eq!(shown.code, Some(1), "{}", shown.stdout);
    let shown = shown.stdout + shown.stderr.as_str();
    for part in [
        "P025",
        "fails on live transaction 1 (AAA) in on_tick, and the version that runs does not",
        "follow.rhai:5:15",
        "let x = 7 / (t.qty - 13);",
        "^",
        "bracketd tx show 1",
        "still running version",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    exchange.price("AAA", "101.00", "101.02");
    daemon.until("the first version goes on deciding", stop_is("95.95"));

    dir.write("policies/follow.rhai", &failing.replace("- 13", "+ 13"));
    daemon.until("the mended version decides at once", stop_is("96.96"));
    let said = "1 of 1 live transactions would get another stop";
    daemon.until("it was told what it would do", |d| d.log().contains(said));

    // Where the watcher is quicker, the reload finds nothing that changed.
    let note = Cell::new(0);
    daemon.until("a reload says what would be other", |d| {
        note.set(note.get() + 1);
        dir.write("policies/follow.rhai", &format!("{}// {}\n", follow("4.0"), note.get()));
        let said = d.ask("policy reload");
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        said.stdout.starts_with("follow  now ")
            && said
                .stdout
                .ends_with("  none of 1 live transactions would be dealt with otherwise\n")
    });
}
