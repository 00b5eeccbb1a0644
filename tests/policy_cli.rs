//! `bracketd policy` as a risk analyst and an editor meet it, without a daemon.

use std::fs;
use std::process::Stdio;

use crate::harness::{Dir, Ended, program};

/// The shipped trailing stop under another name, with its tests.
fn begun() -> Dir {
    let dir = Dir::new();
    let written = dir.bracketd("policy new trail --template trailing_stop --dir policies");
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    dir
}

fn edit(dir: &Dir, file: &str, from: &str, to: &str) {
    let path = dir.path().join("policies").join(file);
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(from), "{from} in {text}");
    fs::write(path, text.replace(from, to)).expect("a file");
}

#[test]
fn every_template_passes_its_tests_and_has_every_property() {
    let dir = Dir::new();
    let listed = dir.bracketd("policy new --list --json").json();
    let templates = listed["templates"].as_array().expect("a list");
    assert!(templates.len() >= 10, "{listed}");
    for template in templates {
        let name = template["name"].as_str().expect("a name");
        let new = dir.bracketd(&format!("policy new my_{name} --template {name} --dir policies"));
        assert_eq!(new.code, Some(0), "{}", new.stderr);
    }
    let tested = dir.bracketd("policy test policies --json");
    assert_eq!(tested.code, Some(0), "{}", tested.stdout);
    let checked = dir.bracketd("policy check policies");
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert_eq!(checked.stdout.lines().count(), templates.len(), "{}", checked.stdout);
}

#[test]
fn nothing_that_is_there_is_written_over_and_nonsense_is_a_usage_error() {
    let dir = begun();
    for (args, words) in [
        ("policy new trail --dir policies", "is there already"),
        ("policy new Trail --dir policies", "cannot be the name of a policy"),
        ("policy new a_test --dir policies", "cannot be the name of a policy"),
        ("policy new b --template trailing_stp --dir policies", "did you mean trailing_stop?"),
        ("policy test policies -k nothing_alike", "no test has nothing_alike in its name"),
        ("policy test nowhere", "cannot read nowhere"),
        ("policy check policies/none.rhai", "cannot read"),
        ("policy explain P999", "the codes are: P000"),
        ("policy docs ratchet_stpo", "did you mean ratchet_stop?"),
        ("policy docs ratchet", "did you mean ratchet_stop?"),
        ("policy check --stdin policies", "--name <NAME>"),
    ] {
        let ended = dir.bracketd(args);
        assert_eq!(ended.code, Some(2), "{args}: {}", ended.stdout);
        assert!(ended.stderr.contains(words), "{args}: {}", ended.stderr);
    }
    let files = fs::read_dir(dir.path().join("policies")).expect("a directory").count();
    assert_eq!(files, 3, "the script, its tests and the library");
}

#[test]
fn a_failed_test_says_the_same_as_text_and_as_json() {
    let dir = begun();
    edit(&dir, "trail_test.rhai", "w.expect_stop(91.8);", "w.expect_stop(91.5);");
    let text = dir.bracketd("policy test policies/trail_test.rhai -k short");
    assert_eq!(text.code, Some(1));
    assert!(
        text.stdout.starts_with("FAILED  trail::test_short_is_the_mirror\n"),
        "{}",
        text.stdout
    );
    for words in ["expected  91.5", "actual    91.8", "direction short", "ratchet_stop stop 91.8"] {
        assert!(text.stderr.contains(words), "{words} in {}", text.stderr);
    }
    let json = dir.bracketd("policy test policies/trail.rhai -k short --json");
    assert_eq!((json.code, json.stderr.as_str()), (Some(1), ""));
    let json = json.json();
    let [test] = &json["tests"].as_array().expect("a list")[..] else { panic!("{json}") };
    assert_eq!((&test["expected"], &test["actual"]), (&"91.5".into(), &"91.8".into()));
    assert_eq!((&test["passed"], &test["world"]["direction"]), (&false.into(), &"short".into()));
    let call = &test["trace"][0]["calls"][0];
    assert_eq!((&call["verb"], &call["line"]), (&"ratchet_stop".into(), &26.into()), "{test}");
    assert_eq!(test["failure"]["url"], "docs/diagnostics.md#p009");
}

#[test]
fn a_snapshot_is_written_on_request_only() {
    let dir = begun();
    let path = dir.path().join("policies/trail_test.rhai");
    let test = "fn test_all() {\n    let w = world(#{ stop: 95.0 });\n    w.tick(110);\n    \
                w.expect_decisions(``);\n}\n";
    fs::write(&path, test).expect("a file");
    assert_eq!(dir.bracketd("policy test policies").code, Some(1));
    assert_eq!(fs::read_to_string(&path).expect("a file"), test);
    let taken = dir.bracketd("policy test policies --update-snapshots");
    assert_eq!(taken.code, Some(0), "{}", taken.stderr);
    assert!(taken.stdout.contains("1 new snapshots"), "{}", taken.stdout);
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains("on_tick 110: ratchet_stop stop 107.8 STAGED (trail)"), "{text}");
    assert_eq!(dir.bracketd("policy test policies").code, Some(0));
}

/// An editor sends what is not saved, and finds the place from 1.
#[test]
fn a_buffer_is_checked_in_place_of_its_file() {
    let dir = begun();
    let saved = fs::read_to_string(dir.path().join("policies/trail.rhai")).expect("a file");
    let unsaved = saved.replace("    ratchet_stop(", "    /* é */ ratchet_stpo(");
    let check = |name: &str, text: &str| {
        let input = dir.write("buffer", text);
        let mut command = program(dir.path());
        command.args(["policy", "check", "--stdin", "--name", name, "policies", "--json"]);
        command.stdin(Stdio::from(fs::File::open(input).expect("a file")));
        Ended::of(&mut command)
    };
    let good = check("trail", &saved);
    assert_eq!((good.code, good.json()["diagnostics"].to_string()), (Some(0), "[]".to_owned()));
    let found = check("trail.rhai", &unsaved);
    assert_eq!(found.code, Some(1), "{}", found.stdout);
    let json = found.json();
    let diagnostics = json["diagnostics"].as_array().expect("a list");
    let stray = diagnostics.iter().find(|d| d["message"] == "unknown function `ratchet_stpo`");
    let stray = stray.unwrap_or_else(|| panic!("{json}"));
    let line = unsaved.lines().position(|line| line.contains("stpo")).expect("a line") + 1;
    let offset = unsaved.find("ratchet_stpo").expect("a place");
    assert_eq!(stray["file"], "policies/trail.rhai");
    assert_eq!(stray["start"], serde_json::json!({ "line": line, "column": 13, "offset": offset }));
    assert_eq!(stray["end"]["column"], 25);
    let tests = check("trail_test", "fn test_a() { let w = wrld(#{}); }");
    assert_eq!(tests.json()["diagnostics"][0]["file"], "policies/trail_test.rhai");
}

/// Lines fit 80 columns, apart from source lines and words that cannot be broken.
#[test]
fn findings_fit_the_terminal_and_have_no_color_in_a_pipe() {
    let dir = begun();
    edit(&dir, "trail.rhai", "ratchet_stop(", "ratchet_stpo(");
    let mut command = program(dir.path());
    command.args(["policy", "check", "policies"]).env("COLUMNS", "60");
    let shown = Ended::of(&mut command);
    assert_eq!(shown.code, Some(1));
    assert!(!shown.stderr.contains('\u{1b}'), "{}", shown.stderr);
    for line in shown.stderr.lines().filter(|line| !line.contains('|')) {
        assert!(line.chars().count() <= 60, "{line}");
    }
    let page = dir.bracketd("policy docs --html toolkit.html");
    assert_eq!(page.code, Some(0), "{}", page.stderr);
    let html = fs::read_to_string(dir.path().join("toolkit.html")).expect("a page");
    assert!(html.contains("ratchet_stop(t: Transaction") && html.contains("trailing_stop"));
}

/// A verb that the configuration takes away is told by `check`, and does not fail it.
#[test]
fn what_the_configuration_does_not_allow_is_a_warning() {
    let dir = begun();
    dir.write(
        "bracketd.toml",
        "schema = 1\n[policies]\ndir = \"policies\"\n[policy.trail]\nverbs = [\"update_stop_loss\"]\n",
    );
    let checked = dir.bracketd("policy check");
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(
        checked
            .stderr
            .contains("warning[P021]: the configuration of trail does not allow ratchet_stop"),
        "{}",
        checked.stderr
    );
}

/// Values of other policies are no business of a check of one file; a table that is nobody's is.
#[test]
fn a_check_of_one_file_takes_only_its_own_tables_of_values() {
    let dir = begun();
    let check = |file: &str| dir.bracketd(&format!("policy check policies/{file}"));
    dir.bracketd("policy new other --template trailing_stop --dir policies");
    dir.write("policies/params.toml", "[other]\ntrail_pct = 3\n[trail]\ntrail_pct = 2\n");
    for file in ["trail.rhai", "other_test.rhai"] {
        let checked = check(file);
        assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{file}");
    }
    let mut buffer = program(dir.path());
    buffer.args(["policy", "check", "--stdin", "--name", "trail", "policies"]);
    let input = fs::File::open(dir.path().join("policies/trail.rhai")).expect("a file");
    let checked = Ended::of(buffer.stdin(Stdio::from(input)));
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));

    dir.write("policies/params.toml", "[other]\ntrail_pct = 999\n[trial]\ntrail_pct = 2\n");
    let checked = check("trail.rhai");
    assert_eq!(checked.code, Some(1), "{}", checked.stdout);
    assert!(checked.stderr.contains("there is no policy trial"), "{}", checked.stderr);
    assert!(!checked.stderr.contains("999"), "{}", checked.stderr);
    assert_eq!(check("other.rhai").code, Some(1), "its own value is out of bounds");
}

/// A library has no POLICY: it is checked as one, with the policies that call it.
#[test]
fn a_library_is_checked_as_one_with_the_policies_that_call_it() {
    let dir = begun();
    dir.write("policies/alone.rhai", "fn broken(");
    let checked = dir.bracketd("policy check policies/lib/risk.rhai");
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = checked.stdout.lines().collect();
    assert_eq!(lines[0], "ok       lib/risk");
    assert!(lines.len() == 2 && lines[1].contains("trail"), "{lines:?}");

    let text = fs::read_to_string(dir.path().join("policies/lib/risk.rhai")).expect("a file");
    let input = dir.write("buffer", &text.replace("alert(", "alrt("));
    let mut buffer = program(dir.path());
    buffer.args(["policy", "check", "--stdin", "--name", "lib/risk", "policies"]);
    let checked = Ended::of(buffer.stdin(Stdio::from(fs::File::open(input).expect("a file"))));
    assert_eq!(checked.code, Some(1), "{}", checked.stdout);
    assert!(checked.stderr.contains("unknown function `alrt`"), "{}", checked.stderr);
    assert!(checked.stderr.contains("policies/lib/risk.rhai:"), "{}", checked.stderr);
    assert!(!checked.stderr.contains("POLICY"), "{}", checked.stderr);
    assert!(checked.stdout.starts_with("refused  lib/risk\n"), "{}", checked.stdout);
}

/// What is read by people has lines that end, in a pipe too.
#[test]
fn prose_in_a_pipe_has_short_lines() {
    let dir = Dir::new();
    for args in
        ["policy docs", "policy docs trailing_stop", "policy new --list", "policy explain P011"]
    {
        let shown = dir.bracketd(args);
        let longest = shown.stdout.lines().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= 120), "{args}: {longest:?}");
    }
}
