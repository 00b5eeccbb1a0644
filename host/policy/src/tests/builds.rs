//! What becomes of a snapshot of files: taken, refused, kept (I11).

use bracketd_core::ids::PolicyName;

use super::{HEADER, policy, sources};
use crate::{BuildReport, PolicySet, ReadFault, SourceFile, Sources};

const GOOD: &str = "fn on_tick(t, m, p) { risk::trail(t); }";

fn with_lib(script: &str, lib: &str) -> Sources {
    let libs = vec![SourceFile::new("risk", "lib/risk.rhai", lib)];
    Sources { libs, ..sources(script) }
}

fn lib(percent: &str) -> String {
    format!("fn trail(t) {{ ratchet_stop(t, t.entry.offset_pct({percent}), \"trail\"); }}")
}

fn digest(report: &BuildReport) -> String {
    report.set.policy(&policy()).expect("p").digest().to_owned()
}

fn codes(report: &BuildReport) -> Vec<&'static str> {
    report.refused.iter().flat_map(|refused| &refused.diagnostics).map(|d| d.code).collect()
}

/// The digest is the content: the same bytes are the same version, another library is another.
#[test]
fn a_library_is_part_of_the_version() {
    let first = PolicySet::build(&with_lib(GOOD, &lib("-2")), None);
    let same = PolicySet::build(&with_lib(GOOD, &lib("-2")), Some(&first.set));
    let other = PolicySet::build(&with_lib(GOOD, &lib("-3")), Some(&same.set));
    assert_eq!(first.refused, []);
    assert_eq!((digest(&same), same.changed.len()), (digest(&first), 0));
    let [change] = &other.changed[..] else { panic!("{other:?}") };
    assert_eq!(change.before.as_deref(), Some(digest(&first).as_str()));
    assert_ne!(digest(&other), digest(&first));
    // A library that the script does not call is no part of it.
    let unused = "fn on_tick(t, m, p) {}";
    let one = PolicySet::build(&with_lib(unused, &lib("-2")), None);
    let two = PolicySet::build(&with_lib(unused, &lib("-3")), None);
    assert_eq!(digest(&one), digest(&two));
}

/// Whatever breaks, the version that ran goes on running, and the report says which.
#[test]
fn a_refused_version_leaves_the_last_good_one() {
    let first = PolicySet::build(&with_lib(GOOD, &lib("-2")), None);
    let half = GOOD.get(..20).expect("a part of it");
    let table = [
        (with_lib("fn on_tick(t, m, p) {", &lib("-2")), "P001"),
        (with_lib(half, &lib("-2")), "P001"),
        (with_lib("fn on_open(t, p) { }", &lib("-2")), "P010"),
        (with_lib(GOOD, "fn trial(t) {}"), "P004"),
        (with_lib(GOOD, "fn trail(t) { nonsense(t); }"), "P003"),
        (with_lib(GOOD, "fn trail(t) {"), "P003"),
    ];
    for (sources, code) in table {
        let report = PolicySet::build(&sources, Some(&first.set));
        assert_eq!(codes(&report).first(), Some(&code), "{:#?}", report.refused);
        assert_eq!(report.refused[0].running.as_deref(), Some(digest(&first).as_str()));
        assert_eq!(digest(&report), digest(&first));
        assert_eq!(report.changed, []);
    }
}

/// One file that is no text stops neither the others nor the version of it that runs (I11).
#[test]
fn a_file_that_cannot_be_read_is_refused_alone() {
    let first = PolicySet::build(&with_lib(GOOD, &lib("-2")), None);
    let mut sources = with_lib(GOOD, &lib("-3"));
    let mut other = SourceFile::new("other", "policies/other.rhai", GOOD);
    other.text.truncate(5);
    other.fault = Some(ReadFault { message: "not UTF-8 text".to_owned(), at: 5 });
    sources.policies.push(other.clone());
    let report = PolicySet::build(&sources, Some(&first.set));
    assert_eq!((report.changed.len(), report.refused.len()), (1, 1), "{:#?}", report.refused);
    let found = &report.refused[0].diagnostics[0];
    assert_eq!((found.message.as_str(), found.span), ("not UTF-8 text", (5, 5)));
    sources.policies.pop();
    sources.policies[0].fault = other.fault;
    let report = PolicySet::build(&sources, Some(&first.set));
    assert_eq!((digest(&report), report.refused.len()), (digest(&first), 1));
    assert!(report.removed.is_empty());
}

/// A deleted file does not take its policy away from open transactions.
#[test]
fn a_deleted_file_keeps_its_policy_running() {
    let first = PolicySet::build(&with_lib(GOOD, &lib("-2")), None);
    let report = PolicySet::build(&Sources::default(), Some(&first.set));
    assert_eq!(report.removed, [policy()]);
    assert_eq!(digest(&report), digest(&first));
}

/// Handlers may go when the script says so.
#[test]
fn handlers_may_be_removed_on_purpose() {
    let script = |header: &str, body: &str| {
        let file = SourceFile::new("p", "p.rhai", &format!("{header}\n{body}"));
        Sources { policies: vec![file], ..Sources::default() }
    };
    let both = "fn on_tick(t, m, p) {} fn on_open(t, p) {}";
    let first = PolicySet::build(&script(HEADER, both), None);
    let silent = PolicySet::build(&script(HEADER, "fn on_open(t, p) {}"), Some(&first.set));
    assert_eq!(codes(&silent), ["P010"]);
    let header = "const POLICY = #{ version: \"2\", api: 1, removed: [\"on_tick\"] };";
    let said = PolicySet::build(&script(header, "fn on_open(t, p) {}"), Some(&first.set));
    assert_eq!((codes(&said).len(), said.changed.len()), (0, 1));
}

/// A policy whose own tests fail is not taken, and the failure names expected and actual.
#[test]
fn a_failing_test_refuses_the_policy() {
    let test = |stop: &str| {
        let text = format!(
            "fn test_trail() {{\n  let w = world(#{{ entry: 100.0, stop: 95.0 }});\n  \
             w.tick(105);\n  w.expect_stop({stop});\n}}"
        );
        let tests = vec![SourceFile::new("p", "p_test.rhai", &text)];
        Sources { tests, ..with_lib(GOOD, &lib("-2")) }
    };
    let good = PolicySet::build(&test("98"), None);
    assert_eq!(good.refused, []);
    let bad = PolicySet::build(&test("97.25"), Some(&good.set));
    let [refused] = &bad.refused[..] else { panic!("{bad:?}") };
    let found = &refused.diagnostics[0];
    assert_eq!((found.code, found.position()), ("P009", (4, 5)));
    assert_eq!(found.message, "test_trail: stop: expected 97.25, but it is 98");
    assert_eq!(refused.running.as_deref(), Some(digest(&good).as_str()));
}

/// A test file that tests nothing, or calls what does not exist, is a failure too.
#[test]
fn empty_and_misspelt_tests_fail() {
    let texts = [
        ("fn tset_a() {}", "P009"),
        ("fn test_a() { let w = wrld(#{}); }", "P004"),
        ("fn test_a() { let w = world(#{ entri: 1 }); }", "P009"),
        ("fn test_a() { let w = world(#{ params: #{ nope: 1 } }); w.tick(100); }", "P009"),
        ("fn test_a() { loop {} }", "P009"),
    ];
    for (text, code) in texts {
        let tests = vec![SourceFile::new("p", "p_test.rhai", text)];
        let report = PolicySet::build(&Sources { tests, ..with_lib(GOOD, &lib("-2")) }, None);
        assert_eq!(codes(&report), [code], "{text}");
    }
}

/// What the ledger kept comes back as the same version.
#[test]
fn a_bundle_restores_the_same_version() {
    let first = PolicySet::build(&with_lib(GOOD, &lib("-2")), None);
    let bundle = first.set.policy(&policy()).expect("p").bundle();
    let report = PolicySet::restore([bundle.as_str(), "rubbish"]);
    assert_eq!(digest(&report), digest(&first));
    assert_eq!((report.refused.len(), report.warnings.len()), (0, 1));
}

/// Libraries may call each other in any order of their files; a circle is refused.
#[test]
fn libraries_may_call_libraries() {
    let lib = |name: &str, text: &str| SourceFile::new(name, name, text);
    let build = |libs| {
        PolicySet::build(&Sources { libs, ..sources("fn on_tick(t, m, p) { a::f(t); }") }, None)
    };
    let chain = build(vec![lib("a", "fn f(t) { b::g(t) }"), lib("b", "fn g(t) { t.stop }")]);
    assert_eq!((codes(&chain).len(), chain.warnings.len()), (0, 0), "{chain:#?}");
    let other = build(vec![lib("a", "fn f(t) { b::g(t) }"), lib("b", "fn g(t) { t.entry }")]);
    assert_ne!(digest(&chain), digest(&other));
    let circle = build(vec![lib("a", "fn f(t) { b::g(t) }"), lib("b", "fn g(t) { a::f(t) }")]);
    assert_eq!(codes(&circle).first(), Some(&"P003"));
    assert!(circle.set.policy(&PolicyName::new("p")).is_none());
}

/// What transactions keep is not forgotten by the way: another shape is another version.
#[test]
fn i11_state_that_loses_a_key_needs_another_version() {
    let script = |state: &str| {
        sources(&format!(
            "const STATE = #{{ {state} }};\nfn on_tick(t, m, p) {{ note(\"x\", 1); }}"
        ))
    };
    let first = PolicySet::build(&script("a: 1, b: 2"), None).set;
    let rows = [
        ("a: 1, b: 2, c: 3", ""),
        ("a: 1, version: 2", ""),
        ("a: 1", "STATE declared b before"),
        ("a: 1, version: 0", "version of STATE is a number from 1"),
    ];
    for (state, expected) in rows {
        let report = PolicySet::build(&script(state), Some(&first));
        let said = report.refused.first().and_then(|refused| refused.diagnostics.first());
        let said = said.map_or(String::new(), |found| found.message.clone());
        assert!(
            said.contains(expected) && said.is_empty() == expected.is_empty(),
            "{state}: {said}"
        );
    }
}
