//! `bracketd sim` on the command line: what it says to people and to programs.

use serde_json::json;

use crate::harness::Dir;

#[test]
fn one_history_is_told_to_programs_as_well() {
    let dir = Dir::new();
    let told = dir.bracketd("sim run --seed 0x2a --trace --json");
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let history = told.json();
    assert_eq!((&history["seed"], &history["violations"]), (&"0x2a".into(), &json!([])));
    let lines = history["lines"].as_array().map_or(0, Vec::len);
    let people = dir.bracketd("sim run --seed 0x2a --trace");
    // Beside the lines of the history people read the trace with the faults, and the verdict.
    assert_eq!(people.stdout.lines().count(), lines + 2);

    let smaller = dir.bracketd("sim shrink --seed 0x2a --json");
    assert_eq!((smaller.code, &smaller.json()["violations"]), (Some(0), &json!([])));
}
