//! `bracketd db`: the ledger as a file: look at it, check it, back it up, restore it, export it.
//!
//! Apart from the verbs that ask a daemon: these work on a data directory, whether a daemon runs on
//! it or none can. They read; the one that changes something refuses while a daemon holds the
//! directory.

mod backup;
mod check;
mod export;
mod restore;
mod status;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bracketd_store::StoreError;
use bracketd_store::tools::ToolError;
use clap::{Args, Subcommand};

use super::Common;
use super::client::DEMO_DIR;
use super::exit::{Exit, Failure};
use super::output::Out;

/// Verbs about the ledger.
#[derive(Debug, Subcommand)]
pub enum DbVerb {
    /// How the ledger and the files beside it stand
    #[command(after_help = "Example:\n  bracketd db status --dir /var/lib/bracketd")]
    Status(DirArgs),
    /// Check every row of the ledger, or of a backup
    #[command(after_help = "\
Examples:
  bracketd db check                     also while the daemon runs
  bracketd db check /backup/ledger.db   a backup")]
    Check(check::CheckArgs),
    /// Back up the ledger into a new file, while the daemon runs
    #[command(after_help = "Example:\n  bracketd db backup /backup/ledger-$(date +%F).db")]
    Backup(backup::BackupArgs),
    /// Put a backup in the ledger's place; every account is disarmed
    ///
    /// The ledger that was there is kept under another name. Orders at the broker are not touched:
    /// what was decided after the backup still rests there, and shows as a difference at the next
    /// start.
    #[command(after_help = "Example:\n  bracketd db restore /backup/ledger.db")]
    Restore(restore::RestoreArgs),
    /// Print the ledger as JSON lines
    #[command(after_help = "\
Examples:
  bracketd db export --out ledger.jsonl
  bracketd db export --facts | jq 'select(.kind == \"unprotected\")'")]
    Export(export::ExportArgs),
}

/// Which data directory.
#[derive(Debug, Args)]
pub struct DirArgs {
    /// The data directory; left out, the configuration's, else the demo's
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// Where there is no ledger, or the verb cannot do what it is for.
pub fn run(verb: &DbVerb, common: &Common, out: &Out) -> Result<Exit, Failure> {
    let find = |dir: &DirArgs| data_dir(dir, common);
    match verb {
        DbVerb::Status(dir) => status::run(&find(dir)?, out),
        DbVerb::Check(args) => check::run(args, &|| find(&args.dir), out),
        DbVerb::Backup(args) => backup::run(args, &find(&args.dir)?, out),
        DbVerb::Restore(args) => restore::run(args, &find(&args.dir)?, out),
        DbVerb::Export(args) => export::run(args, &find(&args.dir)?, out),
    }
}

fn data_dir(args: &DirArgs, common: &Common) -> Result<PathBuf, Failure> {
    let config = super::config::path(common);
    match &args.dir {
        Some(dir) => Ok(dir.clone()),
        None if common.config.is_some() || config.exists() => named_by(&config),
        None if Path::new(DEMO_DIR).exists() => Ok(DEMO_DIR.into()),
        None => Err(Failure::usage("there is neither a configuration nor a demo here")
            .hint("name the data directory with --dir, or the configuration with --config")),
    }
}

/// The data directory of a configuration, of which nothing else has to be right.
fn named_by(config: &Path) -> Result<PathBuf, Failure> {
    let text = std::fs::read_to_string(config);
    let found = match &text {
        Ok(text) => crate::config::data_dir(config, text)
            .ok_or_else(|| format!("no data_dir can be read in {}", config.display())),
        Err(error) => Err(format!("cannot read {}: {error}", config.display())),
    };
    found.map_err(|why| Failure::usage(why).hint("name the data directory with --dir DIR"))
}

/// What a tool says, with what to do next. Findings inside are told one by one.
fn failure(error: ToolError, out: &Out) -> Failure {
    let message = error.to_string();
    let (exit, code, hint) = match &error {
        ToolError::NoLedger(_) => {
            let hint = "name the data directory with --dir, or another file; where a directory has \
                        lost its ledger, `bracketd db restore FILE` puts a backup in its place";
            (Exit::Usage, "NO_LEDGER", hint)
        }
        ToolError::NotALedger(_) => (Exit::Usage, "NOT_A_LEDGER", "name another file"),
        ToolError::IsTheLedger(_) => (Exit::Usage, "IS_THE_LEDGER", "name a backup of it"),
        ToolError::Exists(_) => (Exit::Refused, "EXISTS", "name another file"),
        ToolError::SameFullDisk(_) => {
            (Exit::Refused, "DISK_FULL", "make room, or back up to another disk")
        }
        ToolError::Unsound { findings, .. } => {
            let first = findings.first();
            let mut advice = first.map_or("", |finding| finding.kind.advice());
            if !out.is_json() {
                // Told with the findings, and not twice.
                check::tell(findings, out);
                advice = "";
            }
            (Exit::Findings, "DAMAGED", advice)
        }
        ToolError::CopyDiffers { .. } => {
            (Exit::Findings, "COPY_DIFFERS", "check the disk it was written to, then try again")
        }
        ToolError::Store(StoreError::AlreadyRunning { .. }) => (
            Exit::Refused,
            "ALREADY_RUNNING",
            "its protective orders stay at the broker while it is stopped",
        ),
        ToolError::Store(StoreError::NewerSchema { .. }) => {
            (Exit::Refused, "NEWER_SCHEMA", "nothing was changed")
        }
        ToolError::Store(StoreError::Busy) => (Exit::Refused, "BUSY", "try again in a moment"),
        ToolError::Store(StoreError::Full) => {
            (Exit::Refused, "DISK_FULL", "make room, or write to another disk")
        }
        ToolError::Store(StoreError::File { source, .. }) => match source.kind() {
            ErrorKind::NotFound => {
                (Exit::Refused, "NO_SUCH_PLACE", "make its directory first, or name another place")
            }
            ErrorKind::PermissionDenied => (
                Exit::Refused,
                "NO_PERMISSION",
                "name another place, or run it as the daemon's user",
            ),
            _ => (Exit::Refused, "NOT_DONE", "name another place, or mend what the system says"),
        },
        ToolError::Store(_) => (Exit::Findings, "NOT_DONE", ""),
    };
    Failure::new(exit, code, message).hint(hint)
}

/// A size for people: three digits and a unit.
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "B";
    for larger in units {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1_024;
        unit = larger;
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        let rows = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (33_554_432, "32.0 MiB"),
            (1_610_612_736, "1.5 GiB"),
        ];
        for (bytes, wanted) in rows {
            assert_eq!(size(bytes), wanted);
        }
    }
}
