//! How a data directory stands: files, ledger, outbox, activity, ballast, and who holds it.
//!
//! Apart because it is the first look at a ledger, also at a broken one: it reads only, and what
//! cannot be read is said in its place.

use std::fs;
use std::path::Path;

use bracketd_core::control::Kill;
use bracketd_core::ids::AccountName;
use rusqlite::{Connection, OpenFlags};

use super::error::ToolError;
use super::summary::Summary;
use crate::activity::ACTIVITY_FILE;
use crate::ballast::BALLAST_FILE;
use crate::error::StoreError;
use crate::load;
use crate::lock::{self, Holder, LOCK_FILE};
use crate::open::{self, LEDGER_FILE};

/// The schema from which on a ledger has kill switches.
const SCHEMA_OF_KILLS: i64 = 2;

/// How a data directory stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Our files, by name, with their sizes in bytes.
    pub files: Vec<(String, u64)>,
    /// Who holds the directory.
    pub holder: Holder,
    /// The newest schema that this program knows.
    pub newest_schema: i64,
    /// The ledger.
    pub ledger: Summary,
    /// Unsettled outbox rows by state.
    pub unsettled: Vec<(String, u64)>,
    /// Accounts, and whether they are armed where somebody decided.
    pub accounts: Vec<(String, Option<bool>)>,
    /// Kill switches that were ever set, by people or by the host's own limits: the daemon's,
    /// without a name, and those of accounts.
    pub kills: Vec<(Option<AccountName>, Kill)>,
    /// The activity log.
    pub activity: Activity,
    /// The ballast.
    pub ballast: BallastState,
}

/// How the activity log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// There is none; the next start makes one from the ledger's facts.
    Missing,
    /// It cannot be read, for this reason.
    Unreadable(String),
    /// It holds the facts up to a number.
    UpTo {
        /// Its schema.
        schema: i64,
        /// The number.
        fact: u64,
    },
}

/// Whether there is room for protective commits when the disk is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BallastState {
    /// There is no such file; the next start makes it.
    Missing,
    /// It was given back: the disk was full.
    GivenBack,
    /// So many bytes are kept.
    Kept(u64),
}

/// Reads how a data directory stands.
///
/// # Errors
/// [`ToolError::NoLedger`], and what the store says of the ledger.
pub fn status(dir: &Path) -> Result<Status, ToolError> {
    let path = dir.join(LEDGER_FILE);
    // Before the ledger: a running daemon writes the ledger first, and this must not look ahead.
    let activity = activity(dir);
    let sql = super::open_file(&path)?;
    let read = || -> Result<Status, StoreError> {
        // One view of all tables, whatever is committed meanwhile.
        let view = sql.unchecked_transaction()?;
        let unsettled = "SELECT state, count(*) FROM outbox \
                         WHERE state NOT IN ('done', 'rejected', 'stale')";
        Ok(Status {
            files: files(dir)?,
            holder: lock::holder(dir)?,
            newest_schema: open::newest_version(),
            ledger: Summary::read(&view, &path)?,
            unsettled: counted(&view, unsettled)?,
            accounts: accounts(&view)?,
            kills: kills(&view)?,
            activity,
            ballast: ballast(dir),
        })
    };
    read().map_err(|error| error.of_file(&path).into())
}

/// Words and how often each is there.
pub(super) fn counted(sql: &Connection, query: &str) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement = sql.prepare(&format!("{query} GROUP BY 1 ORDER BY 1"))?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Accounts by name, and whether they are armed where somebody decided.
pub(super) fn accounts(sql: &Connection) -> Result<Vec<(String, Option<bool>)>, StoreError> {
    let mut statement = sql.prepare("SELECT name, armed FROM accounts ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The first schema had no kill switches.
fn kills(sql: &Connection) -> Result<Vec<(Option<AccountName>, Kill)>, StoreError> {
    if open::version(sql)? < SCHEMA_OF_KILLS { Ok(Vec::new()) } else { load::kills(sql) }
}

/// How far the activity log of a directory is, and in which schema.
pub(super) fn activity(dir: &Path) -> Activity {
    let path = dir.join(ACTIVITY_FILE);
    if !path.exists() {
        return Activity::Missing;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = || -> Result<Activity, StoreError> {
        let sql = Connection::open_with_flags(&path, flags)?;
        let fact: i64 = sql.query_row("SELECT fact_seq FROM progress", [], |row| row.get(0))?;
        Ok(Activity::UpTo { schema: open::version(&sql)?, fact: fact.unsigned_abs() })
    };
    read().unwrap_or_else(|error| Activity::Unreadable(error.to_string()))
}

/// Whether the ballast of a directory is there.
pub(super) fn ballast(dir: &Path) -> BallastState {
    match fs::metadata(dir.join(BALLAST_FILE)) {
        Err(_) => BallastState::Missing,
        Ok(meta) if meta.len() == 0 => BallastState::GivenBack,
        Ok(meta) => BallastState::Kept(meta.len()),
    }
}

/// Our files in a directory, by name.
fn files(dir: &Path) -> Result<Vec<(String, u64)>, StoreError> {
    let ours = [LEDGER_FILE, ACTIVITY_FILE, BALLAST_FILE, LOCK_FILE];
    let failed = |source| StoreError::file(dir, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if ours.iter().any(|own| name.starts_with(own))
            && let Ok(meta) = entry.metadata()
        {
            found.push((name, meta.len()));
        }
    }
    found.sort();
    Ok(found)
}
