//! What a new project holds, and what is refused.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins")
}

/// Every file below a folder of `plugins/`, under another name in the project.
fn below(folder: &str, to: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(plugins().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            below(&format!("{folder}/{name}"), &format!("{to}/{name}"), found);
        } else {
            found.insert(format!("{to}/{name}"));
        }
    }
}

/// A file added to a plugin, the SDK or the interface belongs into new projects too.
#[test]
fn no_file_of_ours_is_forgotten() {
    for (lang, folders) in [
        (Language::Rust, &[("alpaca/src", "src"), ("sdk/src", "bracketd/sdk/src")][..]),
        (Language::Js, &[("alpaca-js/src", "src"), ("alpaca-js/test", "test")]),
    ] {
        let mut there = BTreeSet::new();
        for (folder, to) in folders.iter().chain(&[("wit/v1", "bracketd/wit/v1")]) {
            below(folder, to, &mut there);
        }
        let written: BTreeSet<String> = project(lang, "acme").into_iter().map(|f| f.0).collect();
        let missing: Vec<&String> = there.difference(&written).collect();
        assert!(missing.is_empty(), "add to new/files.rs: {missing:?}");
    }
}

#[test]
fn a_project_has_its_own_name_and_no_placeholder() {
    for (lang, info) in [(Language::Rust, "src/info.rs"), (Language::Js, "src/info.js")] {
        for (path, text) in project(lang, "acme-2") {
            assert!(!text.contains("{{name}}"), "{path}");
            assert!(path != info || text.contains("\"acme-2\""), "{path}: {text}");
            assert!(!text.contains("\"alpaca\"") && !text.contains("alpaca-js"), "{path}");
        }
    }
}

/// The crate of a project is ours, in a workspace of its own.
#[test]
fn a_crate_stands_alone() {
    let files = project(Language::Rust, "acme");
    let manifest = &files.iter().find(|(path, _)| path == "Cargo.toml").unwrap().1;
    let read: toml::Table = toml::from_str(manifest).unwrap();
    let sdk = &read["dependencies"]["bracketd-plugin-sdk"];
    assert_eq!(sdk["path"].as_str(), Some("bracketd/sdk"));
    assert_eq!(read["package"]["name"].as_str(), Some("acme"));
    let shared = &read["workspace"]["package"];
    for (key, value) in read["package"].as_table().unwrap() {
        let is_shared = value.get("workspace").is_some();
        assert!(!is_shared || shared.get(key).is_some(), "{key} is not in workspace.toml.in");
    }
}

/// Whoever changes what our plugin depends on makes the project's lock file anew: into a new project copy
/// our Cargo.lock, run `cargo metadata`, and write `{{name}}` for its name.
#[test]
fn a_crate_is_locked_to_what_ours_was_built_with() {
    let ours = fs::read_to_string(plugins().join("../Cargo.lock")).unwrap();
    let files = project(Language::Rust, "bracketd-alpaca");
    let theirs = &files.iter().find(|(path, _)| path == "Cargo.lock").unwrap().1;
    let (ours, theirs) = (locked(&ours), locked(theirs));
    for name in ["bracketd-alpaca", "bracketd-plugin-sdk"] {
        assert_eq!(needs(&theirs, name), needs(&ours, name), "{name}");
    }
    // Our workspace has more: other crates of ours want more features of the same ones.
    let key =
        |p: &toml::Value| (p["name"].clone(), p["version"].clone(), p.get("checksum").cloned());
    for package in &theirs {
        assert!(ours.iter().any(|ours| key(ours) == key(package)), "{package}");
    }
}

/// What a package needs; where a lock file has two versions of one, it names the version too.
fn needs(lock: &[toml::Value], name: &str) -> BTreeSet<String> {
    let package = lock.iter().find(|package| package["name"].as_str() == Some(name)).unwrap();
    let all = package["dependencies"].as_array().unwrap().iter();
    all.map(|one| one.as_str().unwrap().split(' ').next().unwrap().to_owned()).collect()
}

/// The packages of a lock file.
fn locked(lock: &str) -> Vec<toml::Value> {
    let lock: toml::Table = toml::from_str(lock).unwrap();
    lock["package"].as_array().unwrap().clone()
}

/// The version of the tool stands in three files; the lock file of ours serves the project.
#[test]
fn the_tool_of_a_project_is_the_one_that_is_locked() {
    let package: serde_json::Value = text_of(Language::Js, "package.json");
    let lock: serde_json::Value = text_of(Language::Js, "package-lock.json");
    assert_eq!(package["devDependencies"], lock["packages"][""]["devDependencies"]);
    assert_eq!((&package["name"], &package["version"]), (&lock["name"], &lock["version"]));
}

fn text_of(lang: Language, name: &str) -> serde_json::Value {
    let files = project(lang, "acme");
    serde_json::from_str(&files.iter().find(|(path, _)| path == name).unwrap().1).unwrap()
}

/// What an operator pastes must be a configuration.
#[test]
fn the_account_of_a_project_is_read() {
    let files = project(Language::Rust, "acme");
    let account = &files.iter().find(|(path, _)| path == "account.toml").unwrap().1;
    let text =
        format!("schema = 1\ndata_dir = \"data\"\n[policies]\ndir = \"policies\"\n{account}");
    let checked = crate::config::check_text(Path::new("/etc/bracketd.toml"), &text);
    assert_eq!(checked.diagnostics, []);
    assert_eq!(checked.config.unwrap().accounts.len(), 1);
}

#[test]
fn nothing_is_overwritten_and_a_name_is_a_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), "x").unwrap();
    let failure = write(dir.path(), &project(Language::Rust, "acme")).unwrap_err();
    assert!(failure.message.contains("not empty"), "{failure:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    for name in ["", "Acme", "1a", "a/b", "..", "a_b", "a-", &"x".repeat(33)] {
        assert_eq!(check_name(name).unwrap_err().exit, Exit::Usage, "{name}");
    }
    check_name("acme-futures-2").unwrap();
}
