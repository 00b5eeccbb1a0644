//! `plugin new` and `plugin build` as an integrator sees them, without a compiler: continuous
//! integration builds what is written here.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::harness::{Dir, program};

fn said(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn files(dir: &Path, below: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir.join(below)).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files(dir, &format!("{name}/"), found);
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn a_new_project_is_written_once_and_needs_nothing_outside() {
    for (flags, manifest, source) in
        [("", "Cargo.toml", "src/guest.rs"), ("--lang js", "package.json", "src/plugin.js")]
    {
        let dir = Dir::new();
        let made = dir.bracketd(&format!("plugin new acme {flags} --json"));
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        let mut there = BTreeSet::new();
        files(&dir.path().join("acme"), "", &mut there);
        for name in [manifest, source, "account.toml", "README.md", "bracketd/wit/v1/account.wit"] {
            assert!(there.contains(name), "{name} is not in {there:?}");
        }
        let told = made.json()["files"].as_array().map(Vec::len);
        assert_eq!(told, Some(there.len()));
        for name in &there {
            let text = std::fs::read_to_string(dir.path().join("acme").join(name)).expect(name);
            let outside = text.contains("../sdk") || text.contains("../../wit");
            assert!(!outside || name.starts_with("bracketd/"), "{name} points outside");
        }
        let again = dir.bracketd(&format!("plugin new acme {flags}"));
        assert_eq!(again.code, Some(1), "{}", again.stderr);
        assert!(again.stderr.contains("not empty"), "{}", again.stderr);
    }
    let dir = Dir::new();
    let wrong = dir.bracketd("plugin new ../Acme");
    assert_eq!((wrong.code, std::fs::read_dir(dir.path()).expect("it").count()), (Some(2), 0));
}

/// A person without the tool is told the command that brings it.
#[test]
fn a_missing_tool_is_named_with_the_command_that_brings_it() {
    let dir = Dir::new();
    dir.bracketd("plugin new in-rust");
    dir.bracketd("plugin new in-js --lang js");
    for (project, words) in [
        ("in-rust", ["rustup target add wasm32-unknown-unknown", "apt-get install rustc-web"]),
        ("in-js", ["npm does not run", "apt-get install nodejs npm"]),
    ] {
        let mut command = program(dir.path());
        command.args(["plugin", "build", project]);
        command.env("PATH", dir.path()).env("BRACKETD_WASM_TOOLCHAIN", dir.path());
        let (code, stdout, stderr) = said(&mut command);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        // Long lines are broken for the terminal.
        let stderr = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.iter().all(|word| stderr.contains(word)), "{stderr}");
    }
    let nothing = dir.bracketd("plugin build");
    assert_eq!(nothing.code, Some(2), "{}", nothing.stderr);
}
