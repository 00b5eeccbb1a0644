//! `bracketd plugin call`: one export that reads, called by hand.
//!
//! Apart because it reaches the broker: with the account's own settings, secrets and grants, in an
//! instance of its own in which writes are denied. Its requests count at the broker and not in the
//! message budget of a daemon that runs beside it.

use std::path::{Path, PathBuf};

use bracketd_account::{AccountConfig, CallOutcome, CallReport, RequestSeen, call_by_hand};
use clap::Args;
use serde_json::{Value, json};

use super::super::Common;
use super::super::config as cli_config;
use super::super::exit::{Exit, Failure};
use super::super::output::{Out, Tone, paint};
use super::target;
use crate::render::printable;
use crate::run::{Clock, account_config};

pub(super) const EXAMPLE: &str = "\
Examples:
  bracketd plugin call alpaca-paper get-positions
  bracketd plugin call alpaca-paper get-orders --args '{\"open-only\": true}'
  bracketd plugin call new.wasm get-balance --as alpaca-paper
  bracketd plugin call new.wasm describe";

/// What to call.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// An account of the configuration, or a .wasm file
    target: String,
    /// The export, such as get-positions
    export: String,
    /// Its arguments, as a JSON object; decimals stand in quotes
    #[arg(long, value_name = "JSON", default_value = "{}")]
    args: String,
    /// Run the file with this account's settings, secrets and grants
    #[arg(long = "as", value_name = "ACCOUNT")]
    account: Option<String>,
}

pub(super) fn run(args: &CallArgs, common: &Common, out: &Out) -> Result<Exit, Failure> {
    let arguments: Value = serde_json::from_str(&args.args).map_err(|error| {
        Failure::usage(format!("--args is not JSON: {error}"))
            .hint("write an object of the export's parameters: --args '{\"symbol\": \"AAPL\"}'")
    })?;
    let (file, config) = target_of(args, common, out)?;
    let host = target::host()?;
    let plugin = target::load(&host, &file)?;
    let report = call_by_hand(&host, &plugin, config, &args.export, &arguments)
        .map_err(|error| target::refused(&error))?;
    if out.is_json() {
        out.json(&as_json(&report, plugin.digest()));
    } else {
        show(&report, out);
        let is_refused = matches!(report.outcome, CallOutcome::Refused(_));
        if file != Path::new(&args.target) {
            let (shown, named) = (file.display(), &args.target);
            out.note(&format!(
                "this was {shown}, as the configuration names it; `bracketd plugin list` tells what \
                 {named} runs"
            ));
        } else if is_refused && args.account.is_none() {
            out.note(
                "a file by itself has no settings, no secrets and no grants; --as ACCOUNT runs it with \
                 an account's",
            );
        }
    }
    Ok(if matches!(report.outcome, CallOutcome::Answered(_)) { Exit::Done } else { Exit::Findings })
}

/// The plugin's file and what it runs with.
fn target_of(
    args: &CallArgs,
    common: &Common,
    out: &Out,
) -> Result<(PathBuf, AccountConfig), Failure> {
    let path = cli_config::path_or_demo(common);
    let named = args.account.as_deref().unwrap_or(&args.target);
    let is_file = args.account.is_some() || Path::new(&args.target).is_file();
    if args.account.is_none() && (is_file || is_named_like_a_file(&args.target)) {
        return Ok((PathBuf::from(&args.target), target::bare()));
    }
    if !path.exists() && args.account.is_none() {
        let message = format!("{} is no file, and there is no configuration", args.target);
        return Err(Failure::usage(message)
            .hint("name a .wasm file, or an account and its file with --config"));
    }
    let config = cli_config::load(&path, out)?;
    let Some(account) = target::account(&config, named) else {
        let names: Vec<&str> = config.accounts.iter().map(|a| a.name.as_str()).collect();
        let message = format!("there is no account {named} in {}", path.display());
        return Err(Failure::usage(message)
            .hint(format!("the accounts are: {}; or name a .wasm file", names.join(", "))));
    };
    let file = if is_file { PathBuf::from(&args.target) } else { account.plugin.clone() };
    let config = account_config(account, &Clock::Wall, None)
        .map_err(|error| Failure::new(Exit::Findings, "NO_SECRET", format!("{error:#}")))?;
    Ok((file, config))
}

/// No account is named so: whoever writes it means a file, also where there is none.
fn is_named_like_a_file(target: &str) -> bool {
    target.contains(['/', '\\']) || target.ends_with(".wasm")
}

fn as_json(report: &CallReport, digest: &str) -> Value {
    let (kind, value) = match &report.outcome {
        CallOutcome::Answered(answer) => ("answer", answer.clone()),
        CallOutcome::Refused(fault) => ("fault", fault.clone()),
        CallOutcome::Ended { code, message } => {
            ("ended", json!({ "code": code, "message": message }))
        }
    };
    let request = |seen: &RequestSeen| {
        json!({
            "method": seen.method, "url": seen.url, "status": seen.status,
            "failure": seen.failure, "took_ms": seen.took_ms,
        })
    };
    json!({
        "sha256": digest,
        "export": report.export,
        kind: value,
        "requests": report.requests.iter().map(request).collect::<Vec<Value>>(),
        "cpu_ms": report.cpu_ms,
        "cpu_budget_ms": report.cpu_budget_ms,
        "wall_us": u64::try_from(report.wall.as_micros()).unwrap_or(u64::MAX),
        "memory_bytes": report.memory_bytes,
    })
}

/// The answer is data; how it came about goes beside it.
fn show(report: &CallReport, out: &Out) {
    for seen in &report.requests {
        let came = match (seen.status, &seen.failure) {
            (Some(status), _) => status.to_string(),
            (None, Some(why)) => format!("no answer: {why}"),
            (None, None) => "no answer".to_owned(),
        };
        let line = format!("{} {}  {came}  {} ms", seen.method, seen.url, seen.took_ms);
        out.note(&printable(&line));
    }
    match &report.outcome {
        CallOutcome::Answered(answer) => out.json(answer),
        CallOutcome::Refused(fault) => {
            out.note(&format!("{} says no:", printable(&report.export)));
            out.json(fault);
        }
        CallOutcome::Ended { code, message } => {
            let bad = paint(&format!("{} did not answer", report.export), Tone::Bad);
            out.note(&format!("{bad}: {} [{code}]", printable(message)));
        }
    }
    out.note(&format!(
        "took {:.1} ms, of them {} ms CPU (in steps of 5 ms, at most {}); memory {} KiB",
        report.wall.as_secs_f64() * 1_000.0,
        report.cpu_ms,
        report.cpu_budget_ms,
        report.memory_bytes >> 10
    ));
}
