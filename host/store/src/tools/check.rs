//! Whether a ledger is what it should be: every finding with its place and what to do about it.
//!
//! Apart from the start's quick look because this reads every row. It never repairs: what is wrong
//! stays as it is, as evidence.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::ToolError;
use super::finding::TOLD_MAX;
use super::status::{Activity, BallastState, activity, ballast};
use super::{Summary, contents, files, in_newest_schema, open_file};
use crate::activity::kin::{self, Kin};
use crate::activity::{ACTIVITY_FILE, ACTIVITY_SCHEMA};
use crate::error::StoreError;
use crate::open::LEDGER_FILE;

pub use super::finding::{Finding, FindingKind};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The file.
    pub path: PathBuf,
    /// What the ledger is; none where even that cannot be read.
    pub ledger: Option<Summary>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Whether the file cannot be trusted.
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind.is_damage())
    }
}

/// Checks a data directory: its ledger and what stands beside it. Reads only; a running daemon
/// goes on.
///
/// # Errors
/// [`ToolError::NoLedger`], [`StoreError::NewerSchema`], and what the disk says. What is wrong
/// inside the files is no error but a finding.
pub fn check_dir(dir: &Path) -> Result<Checked, ToolError> {
    // Before the ledger: a running daemon writes the ledger first, and this must not look ahead.
    let activity = activity(dir);
    let mut checked = check_file(&dir.join(LEDGER_FILE))?;
    let newest = checked.ledger.as_ref().and_then(|ledger| ledger.last_fact).map_or(0, |f| f.0);
    let found = &mut checked.findings;
    let beside = |kind, place: &str, what: String| Finding { kind, place: place.to_owned(), what };
    match activity {
        Activity::Missing => {}
        Activity::Unreadable(why) => {
            found.push(beside(FindingKind::ActivityDamaged, ACTIVITY_FILE, why));
        }
        Activity::UpTo { schema, .. } if schema > ACTIVITY_SCHEMA => {
            let what = format!("schema {schema}, this bracketd knows up to {ACTIVITY_SCHEMA}");
            found.push(beside(FindingKind::ActivityNewer, ACTIVITY_FILE, what));
        }
        Activity::UpTo { fact, .. } => {
            if let Some(why) = activity_damage(dir) {
                found.push(beside(FindingKind::ActivityDamaged, ACTIVITY_FILE, why));
            } else if let Some((kind, known)) = not_its_own(dir, fact) {
                let what = format!("holds facts up to {known}, the ledger up to {newest}");
                found.push(beside(kind, ACTIVITY_FILE, what));
            }
        }
    }
    if ballast(dir) == BallastState::GivenBack {
        let what = "empty: the disk was full".to_owned();
        found.push(beside(FindingKind::BallastGone, crate::BALLAST_FILE, what));
    }
    let waiting = files::restoring(dir);
    if waiting.exists() {
        let what = "a restored ledger that is not yet in place".to_owned();
        let place = waiting.display().to_string();
        found.push(beside(FindingKind::RestoreInterrupted, &place, what));
    }
    Ok(checked)
}

/// Checks one ledger file, such as a backup.
///
/// # Errors
/// As [`check_dir`].
pub fn check_file(path: &Path) -> Result<Checked, ToolError> {
    let unreadable = |what: String| Checked {
        path: path.to_owned(),
        ledger: None,
        findings: vec![Finding {
            kind: FindingKind::NotSound,
            place: path.display().to_string(),
            what,
        }],
    };
    match open_file(path) {
        Ok(sql) => check_open(sql, path),
        Err(ToolError::Store(StoreError::DamagedFile { what, .. })) => Ok(unreadable(what)),
        Err(other) => Err(other),
    }
}

/// Checks an open ledger; all of it in one view.
pub(super) fn check_open(sql: Connection, path: &Path) -> Result<Checked, ToolError> {
    sql.execute_batch("BEGIN").map_err(StoreError::from)?;
    let mut findings = sound(&sql, path);
    let ledger = Summary::read(&sql, path).ok();
    // A file that is not sound is not read further: every row would be one more complaint.
    if findings.is_empty() {
        findings = contents::check(&in_newest_schema(sql)?)?;
    }
    findings.sort_by_key(|finding| !finding.kind.is_damage());
    Ok(Checked { path: path.to_owned(), ledger, findings })
}

/// What SQLite itself finds: pages, indexes, references.
fn sound(sql: &Connection, path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |kind, place: String, what: String| findings.push(Finding { kind, place, what });
    let file = path.display().to_string();
    let complaints = || -> Result<Vec<String>, StoreError> {
        let mut statement = sql.prepare(&format!("PRAGMA integrity_check({TOLD_MAX})"))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    match complaints() {
        Ok(lines) => {
            for line in lines.into_iter().filter(|line| line != "ok") {
                add(FindingKind::NotSound, file.clone(), line);
            }
        }
        Err(error) => add(FindingKind::NotSound, file.clone(), error.to_string()),
    }
    let dangling = || -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = sql.prepare("PRAGMA foreign_key_check")?;
        let rows = statement.query_map([], |row| {
            let row_id = row.get::<_, Option<i64>>(1)?.map_or("?".to_owned(), |id| id.to_string());
            Ok((format!("{}, row {row_id}", row.get::<_, String>(0)?), row.get(2)?))
        })?;
        Ok(rows.take(TOLD_MAX).collect::<Result<_, _>>()?)
    };
    match dangling() {
        Ok(rows) => {
            for (place, parent) in rows {
                let what = format!("refers to a row of {parent} that is not there");
                add(FindingKind::DanglingReference, place, what);
            }
        }
        Err(error) => add(FindingKind::NotSound, file, error.to_string()),
    }
    findings
}

/// What the activity log is to the ledger, where it is not simply its own, with its newest fact.
/// What cannot be read is told as damage of the ledger.
fn not_its_own(dir: &Path, fact: u64) -> Option<(FindingKind, u64)> {
    let ledger = open_file(&dir.join(LEDGER_FILE)).ok()?;
    match kin::of_dir(dir, &ledger).ok()?? {
        Kin::Own => None,
        Kin::Ahead(known) => Some((FindingKind::ActivityAhead, known)),
        Kin::Other => Some((FindingKind::ActivityOther, fact)),
    }
}

/// What is wrong with the pages of the activity log, where something is.
fn activity_damage(dir: &Path) -> Option<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let quick_check = || -> Result<String, StoreError> {
        let sql = Connection::open_with_flags(dir.join(ACTIVITY_FILE), flags)?;
        Ok(sql.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?)
    };
    match quick_check() {
        Ok(said) if said == "ok" => None,
        Ok(said) => Some(said),
        Err(error) => Some(error.to_string()),
    }
}
