//! docs/plugins.md against what it is about: the interface, the plugins' codes, the limits, the
//! command line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bracketd_account::Limits;
use clap::Parser;

use crate::cli::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let doc = text("docs/plugins.md");
    let parts = doc.split("```").collect::<Vec<_>>();
    let inside = parts.iter().skip(1).step_by(2);
    let found = inside.filter_map(|block| block.strip_prefix(&format!("{language}\n")));
    found.map(str::to_owned).collect()
}

/// First cells of the rows below a heading, without the title row.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let doc = text("docs/plugins.md");
    let below = doc.split(&format!("### {heading}\n")).nth(1).expect("the heading");
    let section = below.split("\n#").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|l| l.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect()).collect()
}

fn in_backticks(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

#[test]
fn every_function_of_the_interface_is_described() {
    let wit = text("plugins/wit/v1/account.wit");
    let account = wit.split("interface account {").nth(1).expect("the interface");
    let account = account.split("\n}").next().unwrap_or_default();
    let names = account.lines().filter_map(|line| line.trim().split_once(": func"));
    let there: BTreeSet<String> = names.map(|(name, _)| name.to_owned()).collect();
    let rows = rows("Functions");
    let told: BTreeSet<String> = rows.iter().flat_map(|row| in_backticks(&row[0])).collect();
    assert_eq!(told, there);
}

#[test]
fn every_fault_of_the_interface_is_described() {
    let wit = text("plugins/wit/v1/account.wit");
    let variant = wit.split("variant fault {").nth(1).and_then(|rest| rest.split('}').next());
    let cases = variant.expect("the variant").lines().filter_map(|l| l.trim().split_once('('));
    let there: BTreeSet<String> = cases.map(|(name, _)| name.to_owned()).collect();
    let told: BTreeSet<String> = rows("Faults").iter().flat_map(|r| in_backticks(&r[0])).collect();
    assert_eq!(told, there);
}

/// The codes of the plugins and the SDK are those of the list; DELETE and PATCH are methods.
#[test]
fn every_code_of_the_plugins_is_in_the_list() {
    let mut there = BTreeSet::new();
    for folder in ["plugins/alpaca/src", "plugins/sdk/src", "plugins/alpaca-js/src"] {
        codes_below(&root().join(folder), &mut there);
    }
    for no_code in ["DELETE", "PATCH", "POST", "CARGO_PKG_VERSION", "USD", "GET"] {
        there.remove(no_code);
    }
    let told: BTreeSet<String> = rows("Codes").iter().flat_map(|r| in_backticks(&r[0])).collect();
    assert_eq!(told, there);
}

fn codes_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"))
    {
        let path = entry.path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            codes_below(&path, found);
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("a source");
        let quoted = source.split("#[cfg(test)]").next().unwrap_or_default().split('"');
        let is_code = |word: &&str| {
            word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        };
        found.extend(quoted.filter(is_code).map(str::to_owned));
    }
}

#[test]
fn the_limits_are_the_hosts() {
    let limits = Limits::default();
    let told = rows("Limits").into_iter().map(|row| row[1].clone()).collect::<Vec<_>>().join("; ");
    for value in [
        format!("{} MiB", limits.memory_bytes >> 20),
        format!("{} ms", limits.cpu_ms),
        format!(
            "{} s; of the fill poll {} s",
            limits.read_budget_ms / 1_000,
            limits.pulse_budget_ms / 1_000
        ),
        format!(
            "{} s; {} s without `concurrent-writes`",
            limits.write_budget_ms / 1_000,
            limits.single_write_budget_ms / 1_000
        ),
        format!("{} KiB, {} MiB", limits.request_bytes >> 10, limits.response_bytes >> 20),
        format!("{} MiB", limits.hostcall_bytes >> 20),
        format!("{} a second", limits.log_lines_per_second),
        format!("{} keys, {} KiB", limits.kv_keys, limits.kv_bytes >> 10),
        format!("{} MiB", bracketd_account::PLUGIN_BYTES_MAX >> 20),
    ] {
        assert!(told.contains(&value), "{value} is not in {told}");
    }
}

#[test]
fn every_command_that_is_shown_is_understood() {
    let shown = blocks("sh").join("\n");
    let mut count = 0;
    for line in shown.lines() {
        let command = line.split('#').next().unwrap_or_default().trim();
        let words: Vec<&str> = command.split_whitespace().collect();
        let read = Cli::try_parse_from(&words);
        assert!(read.is_ok(), "{command}: {}", read.expect_err("an error"));
        count += 1;
    }
    assert!(count >= 3, "{shown}");
}

#[test]
fn snippets_are_what_they_say() {
    for block in blocks("js") {
        let source = text("plugins/alpaca-js/src/plugin.js");
        assert!(source.contains(block.trim_end()), "not in plugin.js:\n{block}");
    }
    let account = text("plugins/template/account.toml.in");
    for block in blocks("toml") {
        assert!(account.contains(block.trim_end()), "not in account.toml:\n{block}");
    }
    assert_eq!((blocks("js").len(), blocks("toml").len()), (1, 1));
}
