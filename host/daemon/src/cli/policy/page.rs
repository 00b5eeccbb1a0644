//! docs/policies.md against what it is about: its scripts build and pass, its commands are
//! understood, its words are all there.

use std::collections::BTreeSet;
use std::path::Path;

use bracketd_policy::{PolicySet, SourceFile, Sources, run_properties, test_words};
use clap::Parser;

use crate::cli::Cli;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policies.md");
    std::fs::read_to_string(path).expect("the page")
}

/// The fenced blocks: what stands behind the backticks, and the text.
fn blocks() -> Vec<(String, String)> {
    let page = page();
    let parts: Vec<&str> = page.split("\n```").collect();
    let inside = parts.iter().skip(1).step_by(2);
    let block = |part: &&str| {
        let (fence, text) = part.split_once('\n').expect("a fence");
        (fence.to_owned(), format!("{text}\n"))
    };
    inside.map(block).collect()
}

/// The files that the page tells the reader to write, as they are at its end.
fn written() -> Sources {
    let mut sources = Sources::default();
    for (fence, text) in blocks() {
        let Some(head) = text.lines().next().and_then(|line| line.strip_prefix("// ")) else {
            continue;
        };
        if fence != "rhai" {
            continue;
        }
        let (file, below) = head.split_once(", ").unwrap_or((head, ""));
        let stem = file.strip_suffix(".rhai").expect("a script");
        let body = text.split_once('\n').map_or("", |(_, body)| body);
        let (list, name) = match stem.strip_suffix("_test") {
            Some(policy) => (&mut sources.tests, policy),
            None => (&mut sources.policies, stem),
        };
        match list.iter_mut().find(|file| file.name == name) {
            Some(file) if !below.is_empty() => file.text.push_str(body),
            Some(file) => file.text = body.to_owned(),
            None => list.push(SourceFile::new(name, file, body)),
        }
    }
    sources
}

#[test]
fn every_policy_of_the_page_builds_and_passes() {
    let sources = written();
    let names: Vec<&str> = sources.policies.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["my_trail", "half_off", "bands"]);
    let report = PolicySet::build(&sources, None);
    assert_eq!((report.refused, report.warnings), (vec![], vec![]));
    let broken: Vec<_> = run_properties(&sources).into_iter().filter_map(|r| r.failure).collect();
    assert_eq!(broken, []);
}

#[test]
fn every_snippet_is_what_it_says() {
    let (mut bodies, mut broken) = (0, 0);
    for (fence, text) in blocks() {
        let header = "const POLICY = #{ version: \"1\", api: 1 };\n";
        let codes = |script: String| {
            let policies = vec![SourceFile::new("p", "p.rhai", &format!("{header}{script}"))];
            let report = PolicySet::build(&Sources { policies, ..Sources::default() }, None);
            let all = report.refused.into_iter().flat_map(|refused| refused.diagnostics);
            all.map(|found| found.code).collect::<Vec<_>>()
        };
        if fence == "rhai body" {
            bodies += 1;
            assert_eq!(codes(format!("fn on_tick(t, m, p) {{ {text} }}")), [""; 0], "{text}");
        } else if let Some(code) = fence.strip_prefix("rhai broken ") {
            broken += 1;
            assert_eq!(codes(text), [code]);
        } else {
            assert!(["rhai", "sh"].contains(&fence.as_str()), "{fence}");
        }
    }
    assert!(bodies > 0 && broken > 0);
}

#[test]
fn every_command_of_the_page_is_understood() {
    let mut count = 0;
    for (_, text) in blocks().iter().filter(|(fence, _)| fence == "sh") {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let words: Vec<&str> =
                line.split('#').next().unwrap_or("").split_whitespace().collect();
            let read = Cli::try_parse_from(&words);
            assert!(read.is_ok(), "{line}: {}", read.expect_err("an error"));
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}

/// The table of test words has each of them and no other.
#[test]
fn every_word_of_a_test_is_described() {
    let page = page();
    let section = page.split("## What a test can say\n").nth(1).expect("the section");
    let table = section.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cell = line.trim_start_matches(['|', ' ', '`']);
        let word = cell.split('(').next().unwrap_or_default();
        word.trim_start_matches("w.").to_owned()
    });
    let told: BTreeSet<String> = rows.collect();
    let there: BTreeSet<String> = test_words().into_iter().collect();
    assert_eq!(told, there);
}

#[test]
fn the_bounds_are_the_hosts() {
    use bracketd_policy::limits::{FUNCTIONS_MAX, OPERATIONS_MAX, STATE_BYTES_MAX};
    let page = page();
    for words in [
        format!("{OPERATIONS_MAX} operations"),
        format!("{STATE_BYTES_MAX} bytes"),
        format!("at most {FUNCTIONS_MAX}\nfunctions"),
    ] {
        assert!(page.contains(&words), "{words}");
    }
}
