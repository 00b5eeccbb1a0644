//! A copy of the ledger in one file, made while the daemon trades, and proven before it is called
//! a backup.
//!
//! Apart because what is not verified is no backup. It never writes over anything, and never
//! under its final name before it is whole.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::Connection;

use super::check::{Finding, check_open};
use super::error::ToolError;
use super::files::{Draft, beside};
use super::status::{BallastState, ballast};
use super::{Summary, copy, open_file};
use crate::error::StoreError;
use crate::open::{self, LEDGER_FILE};

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// What it holds; its path is the backup's.
    pub ledger: Summary,
    /// Its size in bytes.
    pub bytes: u64,
    /// What the check of it found; nothing of it is damage.
    pub findings: Vec<Finding>,
}

/// Backs up the ledger of a data directory into a new file that only its owner can read. A daemon
/// may run: none of its commits waits.
///
/// The copy is opened and checked like any ledger, its rows are counted against the original's,
/// and it is on the disk before it gets its name.
///
/// # Errors
/// [`ToolError::Exists`], [`ToolError::Unsound`] when the ledger itself is damaged,
/// [`ToolError::SameFullDisk`], and what the disk says. Then there is no file.
pub fn backup(dir: &Path, to: &Path) -> Result<Backup, ToolError> {
    let ledger = dir.join(LEDGER_FILE);
    let sql = open_file(&ledger)?;
    let draft = Draft::of(to)?;
    if ballast(dir) == BallastState::GivenBack && is_same_disk(dir, draft.path()) {
        return Err(ToolError::SameFullDisk(to.to_owned()));
    }
    // What is wrong with the copy is wrong with the ledger, which has a name that people know.
    let named = |error: ToolError| match error {
        ToolError::Store(StoreError::Damaged(what) | StoreError::DamagedFile { what, .. }) => {
            StoreError::DamagedFile { path: ledger.clone(), what }.into()
        }
        other => other,
    };
    let copied = copy::into_file(&sql, &ledger, draft.path()).map_err(named)?;
    drop(sql);
    drop(copied);
    let reader = open::open_reader(draft.path()).map_err(|error| named(error.into()))?;
    let checked = check_open(reader, &ledger).map_err(named)?;
    let is_damaged = checked.is_damaged();
    match checked.ledger {
        Some(mut summary) if !is_damaged => {
            draft.publish(to)?;
            to.clone_into(&mut summary.path);
            Ok(Backup { ledger: summary, bytes: size(to)?, findings: checked.findings })
        }
        _ => Err(ToolError::Unsound { path: ledger, findings: checked.findings }),
    }
}

/// Copies an older ledger beside itself before it is migrated; the copy is kept. A start that
/// failed after the copy finds it and makes no second one.
pub(crate) fn before_migration(sql: &Connection, path: &Path, to: i64) -> Result<(), StoreError> {
    let present = Summary::read(sql, path)?;
    let is_same = |kept: &Summary| {
        let facts = |ledger: &Summary| (ledger.facts, ledger.last_fact);
        (kept.schema, &kept.ledger_id, facts(kept))
            == (present.schema, &present.ledger_id, facts(&present))
    };
    let mut number = 1;
    let name = loop {
        let suffix = if number == 1 { String::new() } else { format!(".{number}") };
        let name = beside(path, &format!(".before-v{to}{suffix}"));
        if !name.exists() {
            break name;
        }
        if Summary::of(&name).is_ok_and(|kept| is_same(&kept)) {
            return Ok(());
        }
        number += 1;
    };
    let keep = || -> Result<(), ToolError> {
        let draft = Draft::of(&name)?;
        drop(copy::into_file(sql, path, draft.path())?);
        draft.publish(&name)
    };
    keep().map_err(|error| match error {
        ToolError::Store(error) if error.is_retryable() => error,
        other => StoreError::NotKept { path: name.clone(), why: other.to_string() },
    })
}

fn is_same_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev());
    matches!((device(one), device(other)), (Ok(one), Ok(other)) if one == other)
}

fn size(path: &Path) -> Result<u64, ToolError> {
    let meta = std::fs::metadata(path).map_err(|source| ToolError::file(path, source))?;
    Ok(meta.len())
}
