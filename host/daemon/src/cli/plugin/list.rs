//! `bracketd plugin list`: which plugin serves which account.
//!
//! Apart because it asks the running daemon, whose word counts: the file of a plugin may have been
//! replaced since. Without a daemon it tells what a start would take.

use std::path::Path;

use bracketd_account::ABI;
use serde_json::{Value, json};

use super::super::Common;
use super::super::client::Client;
use super::super::config as cli_config;
use super::super::exit::{Exit, Failure};
use super::super::output::{Out, list, text};
use super::target;
use crate::config::resolved::AccountSettings;

pub(super) fn run(common: &Common, out: &Out) -> Result<Exit, Failure> {
    let config = cli_config::path_or_demo(common);
    match Client::find(common).and_then(|client| client.get("/api/v1/accounts")) {
        Ok(answer) => running(&answer, out),
        // Whoever named a daemon wants that one.
        Err(failure) if common.url.is_some() || !config.exists() => return Err(failure),
        Err(_) => configured(&config, out)?,
    }
    Ok(Exit::Done)
}

fn running(answer: &Value, out: &Out) {
    let rows: Vec<Value> = list(answer, "/accounts").iter().map(running_row).collect();
    show(&rows, true, out);
}

fn running_row(account: &Value) -> Value {
    let plugin = text(account, "/plugin");
    let (name, version) = plugin.rsplit_once(' ').unwrap_or((&plugin, "-"));
    let state = match (text(account, "/up").as_str(), text(account, "/last_error").as_str()) {
        ("true", _) => match text(account, "/plugins/swap/stage").as_str() {
            "idle" | "-" => "up".to_owned(),
            stage => format!("up; a swap is at {stage}"),
        },
        (_, "-") => "connecting".to_owned(),
        (_, why) => format!("down: {why}"),
    };
    json!({
        "account": text(account, "/name"), "plugin": name, "version": version,
        "sha256": text(account, "/plugins/digest"), "abi": ABI,
        "generation": account.pointer("/plugins/generation"), "state": state,
    })
}

fn configured(file: &Path, out: &Out) -> Result<(), Failure> {
    let config = cli_config::load(file, out)?;
    let host = target::host()?;
    let row = |account: &AccountSettings| {
        let loaded = target::load(&host, &account.plugin).and_then(|plugin| {
            let info = target::describe(&host, &plugin)?;
            Ok((info, plugin.digest().to_owned()))
        });
        let (info, digest, state) = match loaded {
            Ok((info, digest)) => (info, digest, "not running".to_owned()),
            Err(failure) => (Value::Null, String::new(), failure.message),
        };
        json!({
            "account": account.name.as_str(), "plugin": text(&info, "/name"),
            "version": text(&info, "/version"), "sha256": digest, "abi": ABI,
            "generation": null, "state": state,
        })
    };
    let rows: Vec<Value> = config.accounts.iter().map(row).collect();
    show(&rows, false, out);
    Ok(())
}

fn show(rows: &[Value], is_running: bool, out: &Out) {
    if out.is_json() {
        return out.json(&json!({ "running": is_running, "plugins": rows }));
    }
    if !is_running {
        out.note("no daemon runs; this is what a start would take");
    }
    let cells = |row: &Value| {
        let of = |path: &str| text(row, path);
        vec![
            of("/account"),
            of("/plugin"),
            of("/version"),
            target::short(&of("/sha256")).to_owned(),
            of("/abi"),
            of("/generation"),
            of("/state"),
        ]
    };
    let titles = ["account", "plugin", "version", "sha256", "abi", "generation", "state"];
    out.table(&titles, rows.iter().map(cells).collect());
}
