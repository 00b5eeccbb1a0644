//! A database copied whole, in one view of it.
//!
//! Apart because a backup, a restore and the copy before a migration are the same act. The
//! original is only read.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::error::ToolError;
use crate::error::StoreError;

/// How often a copy that finds the original locked is tried again; each try waits as long as the
/// connection does.
const TRIES: u32 = 3;

/// Copies every page.
///
/// SQLite's backup interface in one step, not `VACUUM INTO`: pages are copied as they are, so that
/// the rowids of the outbox, which order its rows, stay (vacuuming may renumber them), and a copy
/// of a damaged file is damaged alike instead of looking sound. One step, because a copy in
/// several begins again whenever the daemon commits in between; in WAL mode that one long read
/// makes no commit wait (<https://sqlite.org/backup.html>).
pub(super) fn pages(from: &Connection, to: &mut Connection) -> Result<(), StoreError> {
    let backup = Backup::new(from, to)?;
    for _ in 0..TRIES {
        // Else busy or locked: somebody recovers or checkpoints just now.
        if backup.step(-1)? == StepResult::Done {
            return Ok(());
        }
    }
    Err(StoreError::Busy)
}

/// Copies a ledger into an empty file and compares the numbers of rows. The copy is one file: it
/// has no log beside it.
pub(super) fn into_file(
    from: &Connection,
    original: &Path,
    to: &Path,
) -> Result<Connection, ToolError> {
    // Counted and copied in one view, whatever is committed meanwhile.
    let view = from.unchecked_transaction().map_err(StoreError::from)?;
    let counts = rows(&view)?;
    let mut pages_only = Connection::open(to).map_err(StoreError::from)?;
    pages(&view, &mut pages_only)?;
    drop((pages_only, view));
    let copy = reopen(to)?;
    for ((table, original_rows), (_, copied)) in counts.into_iter().zip(rows(&copy)?) {
        if original_rows != copied {
            let (path, original) = (original.to_owned(), original_rows);
            return Err(ToolError::CopyDiffers { path, table, original, copied });
        }
    }
    Ok(copy)
}

/// Opens a copy and takes it out of WAL mode, which came with its first page.
fn reopen(path: &Path) -> Result<Connection, StoreError> {
    let sql = Connection::open(path)?;
    sql.pragma_update(None, "synchronous", "FULL")?;
    sql.pragma_update(None, "journal_mode", "DELETE")?;
    Ok(sql)
}

/// The number of rows of each table, by name.
pub(super) fn rows(sql: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let query = "SELECT name FROM sqlite_schema WHERE type = 'table' \
                 AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = sql.prepare(query)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut counts = Vec::new();
    for name in names {
        let name = name?;
        let count = format!("SELECT count(*) FROM \"{name}\"");
        let count: i64 = sql.query_row(&count, [], |row| row.get(0))?;
        counts.push((name, count.unsigned_abs()));
    }
    Ok(counts)
}
