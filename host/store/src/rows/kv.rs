//! What plugins remember of their account.
//!
//! Apart because it is nothing of ours: bytes of a guest, kept as they were put. A plugin works
//! without them, so a row that is gone is no damage.

use bracketd_core::ids::AccountName;
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::{Table, instrument, int};
use crate::batch::KvEntry;
use crate::error::StoreError;

pub(crate) static KV: Table = Table {
    name: "kv",
    key: &["account", "key"],
    columns: &["account", "key", "value", "revision"],
};

/// Everything that the account's plugin remembers now; what is not among it goes.
pub(crate) fn write_all(
    sql: &Connection,
    account: &AccountName,
    entries: &[KvEntry],
) -> Result<(), StoreError> {
    instrument::ensure_account(sql, account)?;
    sql.prepare_cached("DELETE FROM kv WHERE account = ?")?.execute([account.as_str()])?;
    let mut insert = sql.prepare_cached("INSERT INTO kv VALUES (?, ?, ?, ?)")?;
    for KvEntry { key, value, revision } in entries {
        insert.execute(params![account.as_str(), key, value, int(*revision)?])?;
    }
    Ok(())
}

pub(crate) fn read(row: &Cells<'_>) -> Result<(AccountName, KvEntry), StoreError> {
    let entry = KvEntry {
        key: row.string("key")?,
        value: row.bytes("value")?,
        revision: row.int("revision")?,
    };
    Ok((row.name("account")?, entry))
}
