//! How a ledger file is opened: settings, soundness, schema.
//!
//! Apart because all of it happens once, before anything is read, and every refusal names its
//! reason. It must never repair a file silently.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::error::StoreError;
use crate::tools;

/// Name of the ledger in the data directory.
pub const LEDGER_FILE: &str = "ledger.db";

const BALLAST_BYTES: u64 = 32 << 20;
const BUSY_MS: u64 = 5_000;
/// Prepared statements that are kept; the ledger uses about thirty.
const STATEMENTS_KEPT: usize = 64;

static STEPS: &[M<'static>] = &[
    M::up(include_str!("../migrations/0001_first.sql")),
    M::up(include_str!("../migrations/0002_control.sql")),
    M::up(include_str!("../migrations/0003_evidence.sql")),
    M::up(include_str!("../migrations/0004_kv.sql")),
    M::up(include_str!("../migrations/0005_policies.sql")),
    M::up(include_str!("../migrations/0006_standing.sql")),
    M::up(include_str!("../migrations/0007_ladder.sql")),
];
/// Every step from an empty file to the schema of this program.
pub(crate) const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// How a ledger is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// How long a commit waits for somebody else's write lock, in milliseconds.
    pub busy_ms: u64,
    /// Size of the ballast file; 0 for none.
    pub ballast_bytes: u64,
    /// Take the id of ledgers in memory instead of drawing one: for simulations, whose order ids
    /// must be the same each time (I15).
    pub fixed_id: bool,
    /// Begin an empty ledger, with every account disarmed, in a directory that has lost its own.
    pub replaces_lost: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            busy_ms: BUSY_MS,
            ballast_bytes: BALLAST_BYTES,
            fixed_id: false,
            replaces_lost: false,
        }
    }
}

/// Opens or makes the ledger file and brings its schema up to date; an older one is copied first.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<Connection, StoreError> {
    open_at(path, options).map_err(|error| error.of_file(path))
}

/// Whether a full disk may be why the ledger could not be opened: a file beside it that cannot be
/// made says only that. To make room in vain costs nothing.
pub(crate) fn may_lack_room(error: &StoreError) -> bool {
    use rusqlite::ErrorCode as Code;
    match error {
        StoreError::Full | StoreError::NotKept { .. } | StoreError::Migration(_) => true,
        StoreError::File { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
        StoreError::Sqlite(error) => {
            matches!(error.sqlite_error_code(), Some(Code::CannotOpen | Code::SystemIoFailure))
        }
        StoreError::AlreadyRunning { .. }
        | StoreError::NewerSchema { .. }
        | StoreError::Busy
        | StoreError::Damaged(_)
        | StoreError::BadValue { .. }
        | StoreError::TooLarge(_)
        | StoreError::OpConflict { .. }
        | StoreError::DamagedFile { .. }
        | StoreError::RestoreInterrupted { .. }
        | StoreError::LedgerMissing { .. }
        | StoreError::LedgerExists { .. } => false,
    }
}

fn open_at(path: &Path, options: OpenOptions) -> Result<Connection, StoreError> {
    tools::files::make_private(path)?;
    let mut sql = Connection::open(path)?;
    sql.busy_timeout(Duration::from_millis(options.busy_ms))?;
    check_sound(&sql)?;
    check_version(&sql, path)?;
    sql.pragma_update(None, "journal_mode", "WAL")?;
    sql.pragma_update(None, "synchronous", "FULL")?;
    if (1..newest_version()).contains(&version(&sql)?) {
        tools::backup::before_migration(&sql, path, newest_version())?;
    }
    migrate(&mut sql)?;
    if options.fixed_id {
        fix_ledger_id(&sql)?;
    }
    draw_ledger_id(&sql)?;
    Ok(sql)
}

/// A ledger that lives as long as its connection; its id is always the same, so that a simulation
/// with the same seed derives the same order ids (I15).
pub(crate) fn open_in_memory() -> Result<(Connection, Eraser), StoreError> {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let no = OPENED.fetch_add(1, Ordering::Relaxed);
    let name = format!("file:bracketd-{no}?mode=memory&cache=shared");
    let mut sql = Connection::open(&name)?;
    migrate(&mut sql)?;
    fix_ledger_id(&sql)?;
    Ok((sql, Eraser::open(&name)?))
}

/// Removes from a ledger in memory what its own connection never may: facts. A connection of its own,
/// since to let one do so and forbid it again makes it read all of its statements anew.
#[derive(Debug)]
pub(crate) struct Eraser(Connection);

impl Eraser {
    fn open(name: &str) -> Result<Self, StoreError> {
        let sql = Connection::open(name)?;
        sql.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        sql.pragma_update(None, "foreign_keys", false)?;
        sql.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(Self(sql))
    }

    /// Everything but the schema goes.
    pub(crate) fn erase(&self) -> Result<(), StoreError> {
        let query =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let all = self.0.unchecked_transaction()?;
        let tables: Vec<String> = {
            let mut statement = all.prepare_cached(query)?;
            let names = statement.query_map([], |row| row.get(0))?;
            names.collect::<Result<_, _>>()?
        };
        for table in tables {
            all.prepare_cached(&format!("DELETE FROM {table}"))?.execute([])?;
        }
        fix_ledger_id(&all)?;
        Ok(all.commit()?)
    }
}

/// Opens an existing ledger for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags =
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sql = Connection::open_with_flags(path, flags)?;
    sql.busy_timeout(Duration::from_millis(BUSY_MS))?;
    check_version(&sql, path)?;
    sql.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(sql)
}

pub(crate) fn migrate(sql: &mut Connection) -> Result<(), StoreError> {
    sql.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Or a statement that touches an index of some rows is read anew with each value.
    sql.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    MIGRATIONS.to_latest(sql)?;
    sql.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

fn check_sound(sql: &Connection) -> Result<(), StoreError> {
    let said: String = sql.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" { Ok(()) } else { Err(StoreError::Damaged(said)) }
}

fn check_version(sql: &Connection, path: &Path) -> Result<(), StoreError> {
    let (found, known) = (version(sql)?, newest_version());
    if found > known {
        return Err(StoreError::NewerSchema { found, known, path: path.to_owned() });
    }
    Ok(())
}

pub(crate) fn fix_ledger_id(sql: &Connection) -> Result<(), StoreError> {
    sql.execute(
        "INSERT INTO ledger (one, ledger_id, epoch) VALUES (1, 'in-memory', 0) \
         ON CONFLICT (one) DO NOTHING",
        [],
    )?;
    Ok(())
}

/// The schema of a file; 0 for an empty one.
pub(crate) fn version(sql: &Connection) -> Result<i64, StoreError> {
    Ok(sql.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// The schema that this program writes.
pub(crate) fn newest_version() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Sixteen random bytes, drawn once: two ledgers never derive the same order ids (I3).
fn draw_ledger_id(sql: &Connection) -> Result<(), StoreError> {
    sql.execute(
        "INSERT INTO ledger (one, ledger_id, epoch) VALUES (1, lower(hex(randomblob(16))), 0) \
         ON CONFLICT (one) DO NOTHING",
        [],
    )?;
    Ok(())
}
