//! What a ledger is, in a few numbers: enough to know two of them apart.
//!
//! Apart because it is read from any schema, also from a ledger that is damaged elsewhere. It uses
//! only columns that every schema has.

use std::path::{Path, PathBuf};

use bracketd_core::time::Timestamp;
use bracketd_core::transaction::TransactionStatus;
use rusqlite::Connection;

use super::error::ToolError;
use crate::error::StoreError;
use crate::{load, open};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The file.
    pub path: PathBuf,
    /// Its schema.
    pub schema: i64,
    /// The id of this life of the ledger; part of every op id.
    pub ledger_id: String,
    /// How often it was restored.
    pub epoch: u32,
    /// Transactions by status: all that there are, then words that are none.
    pub transactions: Vec<(String, u64)>,
    /// How many facts.
    pub facts: u64,
    /// The newest fact's number and when it was committed.
    pub last_fact: Option<(u64, Timestamp)>,
}

const STATUSES: [TransactionStatus; 5] = [
    TransactionStatus::Waiting,
    TransactionStatus::Opened,
    TransactionStatus::Closing,
    TransactionStatus::Closed,
    TransactionStatus::Failed,
];

impl Summary {
    /// Reads it from a ledger file.
    ///
    /// # Errors
    /// [`ToolError::NoLedger`] and [`ToolError::NotALedger`], and what the store says.
    pub fn of(path: &Path) -> Result<Self, ToolError> {
        let sql = super::open_file(path)?;
        // One view of all tables, whatever is committed meanwhile.
        let view = sql.unchecked_transaction().map_err(StoreError::from)?;
        Self::read(&view, path).map_err(|error| error.of_file(path).into())
    }

    pub(super) fn read(sql: &Connection, path: &Path) -> Result<Self, StoreError> {
        let (ledger_id, epoch) = load::identity(sql)?;
        let facts: i64 = sql.query_row("SELECT count(*) FROM facts", [], |row| row.get(0))?;
        let newest = "SELECT seq, committed_at FROM facts ORDER BY seq DESC LIMIT 1";
        let last_fact = sql
            .prepare(newest)?
            .query_map([], |row| {
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), Timestamp(row.get(1)?)))
            })?
            .next()
            .transpose()?;
        Ok(Self {
            path: path.to_owned(),
            schema: open::version(sql)?,
            ledger_id,
            epoch,
            transactions: by_status(sql)?,
            facts: facts.unsigned_abs(),
            last_fact,
        })
    }

    /// How many transactions have not ended.
    pub fn live(&self) -> u64 {
        let is_live = |word: &str| {
            STATUSES.iter().any(|status| status.as_str() == word && !status.is_ended())
        };
        self.transactions.iter().filter(|(word, _)| is_live(word)).map(|(_, count)| count).sum()
    }

    /// How many transactions there are.
    pub fn all(&self) -> u64 {
        self.transactions.iter().map(|(_, count)| count).sum()
    }
}

fn by_status(sql: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let mut counts: Vec<(String, u64)> =
        STATUSES.iter().map(|status| (status.as_str().to_owned(), 0)).collect();
    for (word, count) in super::status::counted(sql, "SELECT status, count(*) FROM transactions")? {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, known)) => *known = count,
            None => counts.push((word, count)),
        }
    }
    Ok(counts)
}
