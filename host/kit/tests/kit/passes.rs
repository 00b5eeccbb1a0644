//! The plugin that we ship passes, and the report says of which file that is.

use bracketd_kit::{Kit, Outcome, Setup};

use crate::{alpaca, shipped};

/// A share of the rows; the whole run is a step of the checks before a change lands.
#[test]
fn i13_the_alpaca_plugin_passes() {
    let kit = Kit::new(&alpaca(), "alpaca.wasm", Setup::default()).unwrap();
    for part in [
        "broker/",
        "exports/submit-order/",
        "exports/cancel-order/",
        "exports/adjust-sl/",
        "exports/get-order/",
        "exports/get-orders/",
        "exports/get-positions/",
        "histories/part filled, stop hit",
    ] {
        let report = kit.run(Some(part), &|_| {});
        assert!(report.passes(), "{}", report.text());
    }
}

/// The other language: its tool throws, decodes and counts in its own way.
#[test]
fn i13_the_javascript_plugin_passes() {
    let kit = Kit::new(&shipped("alpaca-js.wasm"), "alpaca-js.wasm", Setup::default()).unwrap();
    for part in ["exports/submit-order/", "exports/get-orders/", "broker/", "/undisturbed"] {
        let report = kit.run(Some(part), &|_| {});
        assert!(report.passes(), "{}", report.text());
    }
}

#[test]
fn the_report_names_the_file_the_features_and_what_was_not_offered() {
    let kit = Kit::new(&alpaca(), "alpaca.wasm", Setup::default()).unwrap();
    let report = kit.run(Some("broker/features/"), &|_| {});
    assert_eq!(report.digest.len(), 64);
    let told = report.json();
    assert_eq!((&told["plugin"], &told["passes"]), (&"alpaca".into(), &true.into()));
    assert_eq!(told["sha256"], report.digest.as_str());
    let seen = |feature: &str| {
        let all = told["capabilities"].as_array().unwrap();
        let found = all.iter().find(|one| one["feature"] == feature).unwrap();
        (found["declared"].clone(), found["seen"].clone())
    };
    assert_eq!(seen("native-oco"), (true.into(), true.into()));
    assert_eq!(seen("protect-beside-open-entry"), (false.into(), serde_json::Value::Null));
    let text = report.text();
    assert!(text.contains(&report.digest), "{text}");
    assert!(text.trim_end().ends_with(" s") && text.contains("\npasses: "), "{text}");
}

#[test]
fn rows_are_listed_and_chosen_by_their_names() {
    let kit = Kit::new(&alpaca(), "alpaca.wasm", Setup::default()).unwrap();
    let all = kit.list(None);
    assert!(all.len() > 400, "{}", all.len());
    let mut distinct = all.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), all.len(), "every row has a name of its own");
    let one = kit.run(Some("exports/get-balance/no trouble"), &|_| {});
    assert_eq!(one.rows.len(), 1);
    assert_eq!(one.rows[0].outcome, Outcome::Pass);
    assert!(!kit.run(Some("no such row"), &|_| {}).passes(), "nothing tried is nothing passed");
}
