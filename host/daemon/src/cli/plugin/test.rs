//! `bracketd plugin test`: the conformance kit, run on a plugin's file; needs no daemon.
//!
//! Apart because it only passes on what the kit found. Nothing here decides whether a row passes.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use bracketd_account::SECRET_BYTES_MIN;
use bracketd_kit::{Kit, Row, Setup};
use clap::Args;

use super::super::exit::{Exit, Failure};
use super::super::output::Out;

pub(super) const EXAMPLE: &str = "\
Examples:
  bracketd plugin test my.wasm              against the built-in paper exchange
  bracketd plugin test my.wasm -k exports/adjust-sl                a part of it
  bracketd plugin test my.wasm --report report.json

  against your own fake broker:
  bracketd plugin test my.wasm --broker http://127.0.0.1:9000 \
      --setting url={broker} --secret token=t0ken-of-mine

docs/conformance.md says what is tried, how to read the report, and what a fake
broker has to serve.";

/// What is tried, against what.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The plugin's file
    file: PathBuf,
    /// Only the rows with this in their name, as --list shows it
    #[arg(short = 'k', long = "only", value_name = "TEXT")]
    filter: Option<String>,
    /// List the rows that are known ahead, and run none
    #[arg(long)]
    list: bool,
    /// Write the report as JSON to this file, too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Your own fake broker, http://HOST:PORT; left out, the built-in paper exchange, which speaks
    /// Alpaca's dialect
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// A setting for the plugin; {broker} stands for the address that it has to use
    #[arg(long = "setting", value_name = "KEY=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
    /// A secret that the plugin may name
    #[arg(long = "secret", value_name = "NAME=VALUE", value_parser = pair)]
    secrets: Vec<(String, String)>,
    /// What is traded
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<String>,
    /// Key and text of a frame that only reads, as a grant would list them; {socket} in a setting is
    /// the address for it
    #[arg(long = "frame", value_name = "KEY=TEXT", value_parser = pair)]
    frames: Vec<(String, String)>,
    /// A path whose POST only reads, as a grant would list it
    #[arg(long = "read-path", value_name = "PATH")]
    reads: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("{text} is no KEY=VALUE")),
    }
}

/// Runs the kit, or lists its rows. Ends with findings where a row fails.
///
/// # Errors
/// Where the file is no plugin, or what is given cannot be used.
pub(super) fn run(args: &TestArgs, out: &Out) -> Result<Exit, Failure> {
    check(args)?;
    let shown = args.file.display();
    let wasm = std::fs::read(&args.file).map_err(|why| {
        Failure::new(Exit::Usage, "NO_FILE", format!("{shown} cannot be read: {why}"))
            .hint("name the .wasm file that the plugin's build wrote")
    })?;
    let kit = Kit::new(&wasm, &shown.to_string(), setup(args))
        .map_err(|why| Failure::new(Exit::Findings, "NO_PLUGIN", format!("{shown}: {why}")))?;
    let filter = args.filter.as_deref();
    if args.list {
        kit.list(filter).iter().for_each(|row| out.line(row));
        return Ok(Exit::Done);
    }
    // Before the minutes that it takes, not after them; what is there stays until the end.
    if let Some(file) = &args.report {
        let opened = OpenOptions::new().create(true).append(true).open(file);
        opened.map(drop).map_err(|why| unwritten(file, &why))?;
    }
    let report = kit.run(filter, &tell);
    if let (true, Some(text)) = (report.rows.is_empty(), filter) {
        return Err(Failure::usage(format!("no row has {text:?} in its name"))
            .hint(format!("`bracketd plugin test {shown} --list` shows the names")));
    }
    if let Some(file) = &args.report {
        let text = format!("{:#}\n", report.json());
        std::fs::write(file, text).map_err(|why| unwritten(file, &why))?;
    }
    match out.is_json() {
        true => out.json(&report.json()),
        false => out.line(report.text().trim_end()),
    }
    Ok(if report.passes() { Exit::Done } else { Exit::Findings })
}

/// A row that fails is told at once: the report comes at the end.
fn tell(row: &Row) {
    if row.outcome.is_failed() {
        let _nobody_reads = writeln!(anstream::stderr(), "FAIL {}", row.id());
    }
}

fn unwritten(file: &Path, why: &std::io::Error) -> Failure {
    let text = format!("the report cannot be written to {}: {why}", file.display());
    Failure::new(Exit::Refused, "REPORT_UNWRITTEN", text)
}

fn setup(args: &TestArgs) -> Setup {
    Setup {
        broker: args.broker.clone(),
        settings: args.settings.clone(),
        secrets: args.secrets.clone(),
        symbol: args.symbol.clone(),
        reads: args.reads.clone(),
        frames: args.frames.clone(),
    }
}

fn check(args: &TestArgs) -> Result<(), Failure> {
    if let Some((name, _)) = args.secrets.iter().find(|(_, v)| v.len() < SECRET_BYTES_MIN) {
        let text = format!("secret {name} is shorter than {SECRET_BYTES_MIN} bytes");
        return Err(Failure::usage(text));
    }
    let Some(broker) = &args.broker else { return Ok(()) };
    let authority = broker.strip_prefix("http://").unwrap_or_default().trim_end_matches('/');
    if authority.is_empty() || authority.contains('/') || !authority.contains(':') {
        return Err(Failure::usage(format!("{broker} is no http://HOST:PORT")));
    }
    if !args.settings.iter().any(|(_, value)| value.contains("{broker}")) {
        return Err(Failure::usage("no --setting names {broker}: the plugin would not find it")
            .hint("--setting base_url={broker}, with the key that your plugin reads"));
    }
    Ok(())
}
