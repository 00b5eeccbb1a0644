//! What an operator does to a ledger by hand: look, check, back up, restore, export.
//!
//! Apart because nothing here belongs to a trading day: the engine knows none of it. Looking never
//! writes and never makes a commit wait; nothing here deletes a ledger.
//!
//! Reading order: [`status`], [`check`], [`backup`], [`restore`], [`export`].

pub mod backup;
pub mod check;
mod contents;
mod copy;
mod error;
pub mod export;
pub(crate) mod files;
mod finding;
pub mod restore;
pub mod status;
mod summary;

use std::path::Path;

use rusqlite::Connection;

pub use error::ToolError;
pub use files::Draft;
pub use summary::Summary;

use crate::error::StoreError;
use crate::open;

/// A ledger file to look at, as it is on disk.
fn open_file(path: &Path) -> Result<Connection, ToolError> {
    if !path.exists() {
        return Err(ToolError::NoLedger(path.to_owned()));
    }
    let sql = open::open_reader(path).map_err(|error| error.of_file(path))?;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'ledger'";
    match sql.query_row(tables, [], |row| row.get::<_, i64>(0)) {
        Ok(0) => Err(ToolError::NotALedger(path.to_owned())),
        Ok(_) => Ok(sql),
        Err(error) => Err(StoreError::from(error).of_file(path).into()),
    }
}

/// The same in the schema of this program: an older ledger is copied into memory and brought up to
/// date there; its file stays as it is.
fn in_newest_schema(sql: Connection) -> Result<Connection, ToolError> {
    if open::version(&sql)? == open::newest_version() {
        return Ok(sql);
    }
    let mut newest = Connection::open_in_memory().map_err(StoreError::from)?;
    copy::pages(&sql, &mut newest)?;
    open::migrate(&mut newest)?;
    Ok(newest)
}
