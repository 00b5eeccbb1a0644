//! Whether an activity log and a ledger belong together, and whether the log proves that the ledger
//! has lost facts.
//!
//! Apart because the start, the writer and the check must judge alike: a ledger that lost its newest
//! commits looks like a sound one, and only the log beside it knows better. It reads both and
//! changes neither.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::file::{ACTIVITY_FILE, ACTIVITY_SCHEMA};
use super::record::ActivityKind;
use crate::error::StoreError;
use crate::facts::{self, FactFilter, StoredFact};
use crate::load;
use crate::open;

/// What an activity log is to the ledger beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kin {
    /// Its facts are those of the ledger.
    Own,
    /// It is the ledger's, and holds facts up to this one that the ledger does not have any more: a
    /// fact is written here only after its commit.
    Ahead(u64),
    /// It is another ledger's.
    Other,
}

/// Looks at the log of a data directory; none where there is no log that could be asked.
pub(crate) fn of_dir(dir: &Path, ledger: &Connection) -> Result<Option<Kin>, StoreError> {
    let path = dir.join(ACTIVITY_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let log = Connection::open_with_flags(&path, flags)?;
    if open::version(&log)? != ACTIVITY_SCHEMA {
        return Ok(None);
    }
    let cursor: i64 = log.query_row("SELECT fact_seq FROM progress", [], |row| row.get(0))?;
    of(&log, cursor.unsigned_abs(), ledger).map(Some)
}

/// Looks at an open log, which holds every fact up to `cursor`.
pub(crate) fn of(log: &Connection, cursor: u64, ledger: &Connection) -> Result<Kin, StoreError> {
    if cursor == 0 {
        return Ok(Kin::Own);
    }
    let (id, _) = load::identity(ledger)?;
    let newest = load::last_fact_seq(ledger)?;
    // A log of before logs had an owner is known by the newest fact that both have.
    let is_own = match owner(log)? {
        Some(owner) if owner != id => false,
        Some(_) if newest < cursor => true,
        None if newest == 0 => false,
        Some(_) | None => shares_newest(log, newest.min(cursor), ledger)?,
    };
    Ok(match is_own {
        false => Kin::Other,
        true if newest < cursor => Kin::Ahead(cursor),
        true => Kin::Own,
    })
}

/// The id of the ledger whose facts the log holds, where it says so.
fn owner(log: &Connection) -> Result<Option<String>, StoreError> {
    let query = "SELECT count(*) FROM sqlite_schema WHERE name = 'owner'";
    let is_there: bool = log.query_row(query, [], |row| row.get(0))?;
    if !is_there {
        return Ok(None);
    }
    Ok(log.query_row("SELECT ledger_id FROM owner", [], |row| row.get(0)).optional()?)
}

/// Whether the newest fact of the log up to `newest` reads the same in the ledger.
fn shares_newest(log: &Connection, newest: u64, ledger: &Connection) -> Result<bool, StoreError> {
    let query = "SELECT fact_seq, at, kind FROM activity WHERE fact_seq <= ? \
                 ORDER BY id DESC LIMIT 1";
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
    };
    let found = log.query_row(query, [crate::rows::int(newest)?], row).optional()?;
    let Some((seq, at, kind)) = found else { return Ok(true) };
    let after_seq = seq.unsigned_abs().saturating_sub(1);
    let same = FactFilter { after_seq, limit: 1, ..FactFilter::default() };
    let found = match facts::read(ledger, &same) {
        // What a cell without meaning was, nobody can tell.
        Err(StoreError::BadValue { .. }) => return Ok(true),
        other => other?,
    };
    let is_same = |stored: &StoredFact| {
        stored.fact.at.0 == at && ActivityKind::Fact(stored.fact.kind).as_str() == kind
    };
    Ok(found.first().is_some_and(is_same))
}
