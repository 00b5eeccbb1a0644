//! `bracketd plugin check`: everything that is wrong with a file, at once.
//!
//! Apart because its author reads it, again and again: each mistake comes with what was expected,
//! what was found and what to do.

use bracketd_account::{ABI, Examined, PLUGIN_BYTES_MAX};
use serde_json::{Value, json};

use super::super::exit::{Exit, Failure};
use super::super::output::{Out, Tone, paint};
use super::target::{self, FileArgs};
use crate::render::printable;

pub(super) fn run(args: &FileArgs, out: &Out) -> Result<Exit, Failure> {
    let wasm = target::read(&args.file)?;
    let host = target::host()?;
    let examined = host.examine(&wasm);
    let mut problems: Vec<String> = examined.problems.iter().map(ToString::to_string).collect();
    let mut can = None;
    if problems.is_empty() {
        let described = target::load(&host, &args.file)
            .and_then(|plugin| target::can(&host, &plugin))
            .map_err(|failure| problems.push(failure.message));
        can = described.ok();
    }
    if out.is_json() {
        out.json(&json!({
            "file": args.file,
            "ok": problems.is_empty(),
            "bytes": examined.bytes,
            "sha256": examined.digest,
            "abi": ABI,
            "imports": examined.imports_seen.iter().map(|seen| json!({
                "name": seen.name, "offered": seen.is_offered, "functions": seen.functions,
            })).collect::<Vec<Value>>(),
            "exports": examined.exports_seen.iter().map(|seen| json!({
                "name": seen.name, "expected": seen.expected, "found": seen.found,
                "fits": seen.fits,
            })).collect::<Vec<Value>>(),
            "capabilities": can.as_ref().map(target::as_json),
            "problems": problems,
        }));
    } else {
        summary(&examined, out);
        for what in can.iter().flat_map(target::rows) {
            out.line(&format!("can      {}", printable(&what)));
        }
        for problem in &problems {
            out.line(&format!("{}  {}", paint("wrong", Tone::Bad), printable(problem)));
        }
        let verdict = match problems.len() {
            0 => paint("ok", Tone::Good),
            1 => paint("1 mistake", Tone::Bad),
            many => paint(&format!("{many} mistakes"), Tone::Bad),
        };
        out.line(&format!("{}: {verdict}", args.file.display()));
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Findings })
}

fn summary(examined: &Examined, out: &Out) {
    out.line(&format!("size     {} bytes, at most {PLUGIN_BYTES_MAX}", examined.bytes));
    out.line(&format!("sha256   {}", examined.digest));
    for seen in &examined.imports_seen {
        let word = if seen.is_offered { "offered" } else { "NOT OFFERED" };
        out.line(&format!("import   {}  {word}", printable(&seen.name)));
    }
    for name in &examined.exports {
        out.line(&format!("export   {}", printable(name)));
    }
    let fits = examined.exports_seen.iter().filter(|seen| seen.fits).count();
    if !examined.exports_seen.is_empty() {
        let all = examined.exports_seen.len();
        out.line(&format!("abi      {fits} of {all} functions are those of {ABI}"));
    }
}
