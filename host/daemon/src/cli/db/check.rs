//! `bracketd db check`: every finding with its place and what to do about it.
//!
//! Apart because it is what one types when something looks wrong; it never changes anything.

use std::path::PathBuf;

use bracketd_store::tools::check::{Checked, Finding, check_dir, check_file};
use clap::Args;
use serde_json::{Value, json};

use super::status::{counts, facts, ledger};
use super::{DirArgs, failure};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Out, Tone, paint};
use crate::render::printable;

/// What is checked.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A ledger file, such as a backup, instead of a data directory
    #[arg(value_name = "FILE", conflicts_with = "dir")]
    file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) dir: DirArgs,
}

/// Runs the verb. Ends with findings when there are any.
///
/// # Errors
/// Where there is no ledger, or a newer program wrote it.
pub(super) fn run(
    args: &CheckArgs,
    find: &dyn Fn() -> Result<PathBuf, Failure>,
    out: &Out,
) -> Result<Exit, Failure> {
    let checked = match &args.file {
        Some(file) => check_file(file),
        None => check_dir(&find()?),
    };
    let checked = checked.map_err(|error| failure(error, out))?;
    if out.is_json() {
        out.json(&json!({
            "path": checked.path,
            "ok": checked.findings.is_empty(),
            "ledger": checked.ledger.as_ref().map(ledger),
            "findings": findings(&checked.findings),
        }));
    } else {
        show(&checked, out);
    }
    Ok(if checked.findings.is_empty() { Exit::Done } else { Exit::Findings })
}

fn show(checked: &Checked, out: &Out) {
    let path = checked.path.display();
    if checked.findings.is_empty() {
        out.line(&format!("{path}: {}", paint("ok", Tone::Good)));
    } else {
        let count = checked.findings.len();
        let words = if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") };
        out.line(&format!("{path}: {}", paint(&words, Tone::Bad)));
    }
    if let Some(ledger) = &checked.ledger {
        out.line(&format!("  schema        {}, epoch {}", ledger.schema, ledger.epoch));
        out.line(&format!("  transactions  {}", counts(&ledger.transactions)));
        out.line(&format!("  facts         {}", facts(ledger)));
    }
    if checked.findings.is_empty() {
        out.line("  every page, index, reference and row was read");
    }
    for line in told(&checked.findings) {
        out.line(&line);
    }
}

/// Findings as messages, where a verb stops because of them.
pub(super) fn tell(findings: &[Finding], out: &Out) {
    for line in told(findings) {
        out.note(&line);
    }
}

/// Findings one by one, those with the same advice under it.
fn told(findings: &[Finding]) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, finding) in findings.iter().enumerate() {
        let tone = if finding.kind.is_damage() { Tone::Bad } else { Tone::Warning };
        let (place, what) = (printable(&finding.place), printable(&finding.what));
        lines.push(format!("{}  {place}: {what}", paint(finding.kind.code(), tone)));
        let next = findings.get(at + 1).map(|next| next.kind.advice());
        if next != Some(finding.kind.advice()) {
            lines.push(format!("  -> {}", finding.kind.advice()));
        }
    }
    lines
}

/// Findings as JSON.
pub(super) fn findings(findings: &[Finding]) -> Vec<Value> {
    let one = |finding: &Finding| {
        json!({
            "code": finding.kind.code(),
            "damage": finding.kind.is_damage(),
            "place": finding.place,
            "what": finding.what,
            "advice": finding.kind.advice(),
        })
    };
    findings.iter().map(one).collect()
}
