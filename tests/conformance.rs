//! `bracketd plugin test` as an integrator runs it: on a file, without a daemon.

use std::path::PathBuf;

use serde_json::Value;

use crate::harness::Dir;

/// A directory with the plugin that we ship.
fn with_plugin() -> Dir {
    let dir = Dir::new();
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    std::fs::copy(root.join("plugins/dist/alpaca.wasm"), dir.path().join("my.wasm"))
        .expect("the built plugin");
    dir
}

#[test]
fn a_part_of_the_kit_is_run_and_reported() {
    let dir = with_plugin();
    let ran = dir.bracketd("plugin test my.wasm -k exports/get-balance/ --report report.json");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("\nplugin   alpaca 0.1.0") || ran.stdout.starts_with("plugin   alpaca")
    );
    assert!(ran.stdout.contains("only those with \"exports/get-balance/\" in their name"));
    let verdict = ran.stdout.trim_end().lines().last().unwrap_or_default().to_owned();
    assert!(verdict.starts_with("passes: 20 of 20 rows"), "{verdict}");
    let report = std::fs::read_to_string(dir.path().join("report.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((&report["passes"], &report["counts"]["passed"]), (&true.into(), &20.into()));

    let listed = dir.bracketd("plugin test my.wasm --list -k broker/ids");
    assert_eq!((listed.code, listed.stdout.lines().count()), (Some(0), 5), "{}", listed.stdout);
}

#[test]
fn what_the_kit_cannot_run_is_refused_with_what_to_do_next() {
    let dir = with_plugin();
    std::fs::write(dir.path().join("no.wasm"), "text").expect("a file");
    for (line, code, said) in [
        ("plugin test no.wasm", 1, "not a WebAssembly file"),
        ("plugin test missing.wasm", 2, "missing.wasm cannot be read"),
        ("plugin test my.wasm -k nonsense", 2, "no row has \"nonsense\" in its name"),
        ("plugin test my.wasm --secret key_id=short", 2, "shorter than 6 bytes"),
        ("plugin test my.wasm --setting base_url", 2, "base_url is no KEY=VALUE"),
        ("plugin test my.wasm --broker https://x", 2, "https://x is no http://HOST:PORT"),
        ("plugin test my.wasm --broker http://127.0.0.1:9", 2, "no --setting names {broker}"),
    ] {
        let ran = dir.bracketd(line);
        assert_eq!(ran.code, Some(code), "{line}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(said), "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_plugin_that_fails_ends_with_findings_and_names_the_row() {
    let dir = with_plugin();
    // Another account's keys: nobody lets it in.
    let ran =
        dir.bracketd("plugin test my.wasm -k exports/get-balance/401 --secret key_id=SOMEBODY");
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stdout.contains("FAIL exports/get-balance/401"), "{}", ran.stdout);
    assert!(
        ran.stdout.trim_end().lines().last().is_some_and(|l| l.starts_with("1 row of 1 fails"))
    );
    assert!(ran.stderr.contains("FAIL exports/get-balance/401"), "told at once: {}", ran.stderr);
}
