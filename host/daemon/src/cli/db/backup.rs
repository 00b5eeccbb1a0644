//! `bracketd db backup`: a proven copy of the ledger in one file.
//!
//! Apart because it runs from timers, without anybody there: it says in one line what was made, and
//! its exit code says whether to trust it.

use std::path::{Path, PathBuf};

use bracketd_store::tools::backup::backup;
use clap::Args;
use serde_json::json;

use super::status::{counts, facts, ledger};
use super::{DirArgs, check, failure, size};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Out;

/// What is made.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The new file; nothing is overwritten
    file: PathBuf,
    #[command(flatten)]
    pub(super) dir: DirArgs,
}

/// Runs the verb. Ends with findings when the ledger has some; the backup is made all the same,
/// unless they are damage.
///
/// # Errors
/// Where nothing was written, with the reason.
pub(super) fn run(args: &BackupArgs, dir: &Path, out: &Out) -> Result<Exit, Failure> {
    let made = backup(dir, &args.file).map_err(|error| failure(error, out))?;
    if out.is_json() {
        out.json(&json!({
            "backup": ledger(&made.ledger),
            "bytes": made.bytes,
            "findings": check::findings(&made.findings),
        }));
    } else {
        let path = made.ledger.path.display();
        out.line(&format!("backed up into {path}  {}, checked", size(made.bytes)));
        out.line(&format!("  schema        {}, epoch {}", made.ledger.schema, made.ledger.epoch));
        out.line(&format!("  transactions  {}", counts(&made.ledger.transactions)));
        out.line(&format!("  facts         {}", facts(&made.ledger)));
        check::tell(&made.findings, out);
    }
    Ok(if made.findings.is_empty() { Exit::Done } else { Exit::Findings })
}
