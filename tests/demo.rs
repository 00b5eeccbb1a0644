//! The demo as a newcomer sees it: no configuration, no flags, an empty directory.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use crate::harness::{Daemon, Dir, Process, program};

#[test]
fn within_seconds_it_has_one_transaction_of_every_kind() {
    let dir = Dir::new();
    let log = std::fs::File::create(dir.path().join("daemon.log")).expect("a log");
    let child = program(dir.path()).stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
    let demo = Daemon::around(dir.path(), Process(child));
    let rows = |d: &Daemon| {
        let list = d.ask("tx list --json");
        if list.code == Some(0) { list.json() } else { serde_json::Value::Null }
    };
    demo.until("longs, shorts, waiting and protected ones are there", |d| {
        let all = rows(d);
        let all = all.as_array().or_else(|| all["transactions"].as_array()).cloned();
        let Some(all) = all else { return false };
        let has = |name: &str, value: &str| all.iter().any(|tx| tx[name] == value);
        has("direction", "short")
            && has("status", "WAITING")
            && has("status", "OPENED")
            && all.iter().filter(|tx| tx["protection"]["state"] == "protected").count() >= 2
    });
    let screen = demo.log();
    for part in ["DEMO", "nothing can reach a broker", "tx list", "activity tail", "trailing_stop"]
    {
        assert!(screen.contains(part), "{part:?} on the first screen:\n{screen}");
    }
    let mode = std::fs::metadata(dir.path().join("bracketd-demo/daemon.json")).expect("the file");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

/// The files of a directory, with what tells whether one was replaced.
fn files(dir: &Path) -> BTreeMap<String, (u64, Option<SystemTime>)> {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(dir).expect("the directory").flatten();
    let only_files = entries.filter(|entry| entry.path().is_file());
    only_files
        .map(|entry| {
            let meta = entry.metadata().expect("its metadata");
            let name = entry.file_name().to_string_lossy().into_owned();
            // The databases and the book are written all the time.
            let is_still = name.ends_with(".toml") || name.ends_with(".json");
            (name, (meta.ino(), meta.modified().ok().filter(|_| is_still)))
        })
        .collect()
}

#[test]
fn starting_over_beside_a_running_one_is_refused_and_touches_nothing() {
    let dir = Dir::new();
    let log = std::fs::File::create(dir.path().join("daemon.log")).expect("a log");
    let mut command = program(dir.path());
    command.args(["run", "--demo", "--fresh"]).stdout(Stdio::null()).stderr(log);
    let demo = Daemon::around(dir.path(), Process(command.spawn().expect("it starts")));
    demo.until("it runs", |d| d.ask("status --json").code == Some(0));
    let data = dir.path().join("bracketd-demo");
    let before = files(&data);
    dir.write("tape.csv", "time,symbol,price\n2026-01-05T15:00:00Z,AAA,100\n");
    for args in [
        "run --demo --fresh",
        "run --demo",
        "run --tape tape.csv --dir bracketd-demo --policies-dir bracketd-demo/policies --fresh",
    ] {
        let second = dir.bracketd(args);
        assert_eq!(second.code, Some(1), "{args}: {}", second.stderr);
        assert!(second.stderr.contains("is in use by process"), "{args}: {}", second.stderr);
        assert_eq!(files(&data), before, "{args}");
    }
    assert_eq!(demo.ask("tx list --json").code, Some(0), "the first one goes on");
}
