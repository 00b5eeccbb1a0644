//! `bracketd db export`: the ledger as JSON lines, for other programs.
//!
//! Apart because it may be long: it is written as it is read. A file gets its name only when it is
//! whole.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use bracketd_store::StoreError;
use bracketd_store::tools::export::Export;
use bracketd_store::tools::{Draft, ToolError};
use clap::Args;

use super::{DirArgs, failure};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Out;
use crate::clock;
use crate::view::export as view;

/// What is exported, and where to.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The facts only
    #[arg(long, conflicts_with_all = ["transactions", "all"])]
    facts: bool,
    /// The transactions only
    #[arg(long, conflicts_with = "all")]
    transactions: bool,
    /// Controls, transactions and facts, as when nothing is said
    #[arg(long)]
    all: bool,
    /// The new file; "-" is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    #[command(flatten)]
    pub(super) dir: DirArgs,
}

/// Why an export stopped.
enum Stopped {
    Store(StoreError),
    Written(std::io::Error),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Written(error)
    }
}

/// Runs the verb.
///
/// # Errors
/// Where the ledger cannot be read or the file not written.
pub(super) fn run(args: &ExportArgs, dir: &Path, out: &Out) -> Result<Exit, Failure> {
    let export = Export::open(dir).map_err(|error| failure(error, out))?;
    if args.out == Path::new("-") {
        return match write(args, &export, &mut BufWriter::new(std::io::stdout().lock())) {
            // A reader that has gone away wants no more; that is no failure of the verb.
            Err(Stopped::Written(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Done),
            other => other.map(|_| Exit::Done).map_err(|stopped| stopped_at(stopped, args, out)),
        };
    }
    let file = |error: ToolError| failure(error, out);
    let draft = Draft::of(&args.out).map_err(file)?;
    let opened = File::options().append(true).open(draft.path()).map_err(Stopped::Written);
    let (transactions, facts) = opened
        .and_then(|opened| write(args, &export, &mut BufWriter::new(opened)))
        .map_err(|stopped| stopped_at(stopped, args, out))?;
    draft.publish(&args.out).map_err(file)?;
    out.note(&format!(
        "exported {transactions} transactions and {facts} facts into {}",
        args.out.display()
    ));
    Ok(Exit::Done)
}

fn write(args: &ExportArgs, export: &Export, to: &mut dyn Write) -> Result<(u64, u64), Stopped> {
    let mut line = |line: &view::Line| -> Result<(), Stopped> {
        let text = serde_json::to_string(line).map_err(std::io::Error::other)?;
        Ok(writeln!(to, "{text}")?)
    };
    line(&view::header(&export.ledger, clock::now()))?;
    let mut controls = 0;
    if !args.facts && !args.transactions {
        let (kill, accounts) = export.controls()?;
        line(&view::daemon_control(&kill))?;
        for (name, control) in &accounts {
            line(&view::control(name, control))?;
        }
        controls = 1 + accounts.len() as u64;
    }
    // Transactions first: every fact that made them what they are comes after them.
    let transactions = match args.facts {
        true => 0,
        false => export.transactions(|whole| line(&view::transaction(&whole)))?,
    };
    let facts = match args.transactions {
        true => 0,
        false => export.facts(|fact| line(&view::fact(&fact)))?,
    };
    line(&view::end(controls, transactions, facts))?;
    to.flush()?;
    Ok((transactions, facts))
}

fn stopped_at(stopped: Stopped, args: &ExportArgs, out: &Out) -> Failure {
    match stopped {
        Stopped::Store(error) => failure(error.into(), out),
        Stopped::Written(error) => {
            let message = format!("{}: {error}", args.out.display());
            Failure::new(Exit::Findings, "NOT_WRITTEN", message)
                .hint("the export is not whole: its last line would say so")
        }
    }
}
