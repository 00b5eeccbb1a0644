//! The demo as a newcomer sees it: no configuration, no flags, an empty directory.

use std::process::Stdio;

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
