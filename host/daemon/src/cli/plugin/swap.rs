//! `bracketd plugin swap` and `rollback`: asks for another plugin, and follows how it goes.
//!
//! Apart because it waits: the candidate is connected and compared first, then waits for a moment
//! at which everything is protected. Leaving early (Ctrl-C) changes nothing about the swap.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::exit::{Exit, Failure};
use super::super::output::{Out, Tone, paint, text};

pub(super) const EXAMPLE: &str = "\
Examples:
  bracketd plugin swap main                    the file that the configuration names
  bracketd plugin swap main ./new/alpaca.wasm  this file, until the next start";

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// How long it is followed: connecting and comparing, and a minute of waiting for a quiet moment.
const FOLLOWED: Duration = Duration::from_secs(120);

/// Which plugin.
#[derive(Debug, Args)]
pub struct SwapArgs {
    /// The account
    account: String,
    /// The plugin's file; left out, the one that the configuration names now
    file: Option<PathBuf>,
    /// Take it although it answers otherwise than the one that runs, or can do less
    #[arg(long)]
    accept_differences: bool,
    /// Take it although it can do what the one that runs cannot
    #[arg(long)]
    accept_more: bool,
}

/// Which account.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The account
    account: String,
}

/// Asks for the swap and follows it.
///
/// # Errors
/// Where the plugin is not taken; the one that runs goes on.
pub(super) fn swap(args: &SwapArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let file = args.file.as_ref().map(std::path::absolute).transpose();
    let file = file.map_err(|why| Failure::usage(format!("the file's path: {why}")))?;
    let body = json!({
        "file": file,
        "accept_differences": args.accept_differences,
        "accept_more": args.accept_more,
    });
    let begun = client.post(&path(&args.account, "/plugin"), &body, None)?;
    follow(&args.account, &begun, client, out)?;
    if let (false, Some(file)) = (out.is_json(), &args.file) {
        out.note(&format!(
            "a restart runs what the configuration names; put {} there to keep it",
            file.display()
        ));
    }
    Ok(Exit::Done)
}

/// Asks for the plugin before and follows it.
///
/// # Errors
/// Where there is none.
pub(super) fn roll_back(args: &RollbackArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let begun = client.post(&path(&args.account, "/plugin/rollback"), &json!({}), None)?;
    follow(&args.account, &begun, client, out)?;
    if !out.is_json() {
        out.note(
            "a restart runs what the configuration names and pins: put this plugin's file there to \
             keep it",
        );
    }
    Ok(Exit::Done)
}

fn path(account: &str, rest: &str) -> String {
    // A name that is none of ours is refused by the daemon; it must not become another path.
    let account: String = account.replace(['/', '?'], "_");
    format!("/api/v1/accounts/{account}{rest}")
}

fn follow(account: &str, begun: &Value, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let began = Instant::now();
    let mut said = String::new();
    loop {
        let seen = client.get(&path(account, ""))?;
        let swap = &seen["plugins"]["swap"];
        if swap["last"]["number"].as_u64() >= begun["swap"].as_u64() {
            return told(&seen, out);
        }
        let now = words(swap);
        if now != said && !out.is_json() {
            out.note(&now);
            said = now;
        }
        if began.elapsed() > FOLLOWED {
            let message = format!("the swap goes on: {}", words(swap));
            return Err(Failure::new(Exit::Unknown, "SWAP_GOES_ON", message)
                .hint(format!("`bracketd account show {account}` tells how it ends")));
        }
        std::thread::sleep(LOOK);
    }
}

fn words(swap: &Value) -> String {
    let stage = match text(swap, "/stage").as_str() {
        "shadow" => "it is connected and compared beside the one that runs".to_owned(),
        "waiting" => "it waits for a moment at which everything is protected".to_owned(),
        "gate" => "it takes over".to_owned(),
        other => other.to_owned(),
    };
    match swap["blocked"].as_str() {
        Some(why) => format!("{stage}: {why}"),
        None => stage,
    }
}

fn told(seen: &Value, out: &Out) -> Result<Exit, Failure> {
    let plugins = &seen["plugins"];
    let last = &plugins["swap"]["last"];
    if let Some(why) = last["refused"].as_str() {
        return Err(Failure::new(Exit::Refused, "PLUGIN_REFUSED", why).hint(format!(
            "{} goes on; `bracketd plugin swap --help` tells what can be accepted on purpose",
            text(plugins, "/name")
        )));
    }
    if out.is_json() {
        out.json(plugins);
        return Ok(Exit::Done);
    }
    let gap_ms = last["gap_us"].as_f64().unwrap_or_default() / 1_000.0;
    let took = paint("took over", Tone::Good);
    out.line(&format!(
        "{} {took} as generation {}; the queue stood still for {gap_ms:.2} ms",
        text(plugins, "/name"),
        text(plugins, "/generation")
    ));
    out.line(&format!("runs    sha256 {}", text(plugins, "/digest")));
    out.line(&format!("parked  sha256 {}", text(plugins, "/parked/digest")));
    Ok(Exit::Done)
}
