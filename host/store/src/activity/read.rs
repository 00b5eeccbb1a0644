//! Reading activity.
//!
//! Apart because it is done by other threads over connections of their own, while the writer
//! goes on. Reads are short: a long one would keep the write-ahead log from being emptied.

use std::path::Path;
use std::time::Duration;

use bracketd_core::Decimal;
use bracketd_core::ids::{AccountName, Symbol, TransactionId};
use bracketd_core::time::Timestamp;
use rusqlite::{Connection, OpenFlags, params};

use super::file::ACTIVITY_FILE;
use super::record::ActivityKind;
use crate::error::StoreError;
use crate::rows::cells::Cells;
use crate::rows::{Table, int, opt_int};

static ACTIVITY: Table = Table {
    name: "activity",
    key: &["id"],
    columns: &[
        "id",
        "run",
        "seq",
        "at",
        "kind",
        "lost",
        "fact_seq",
        "transaction_id",
        "account",
        "symbol",
        "source",
        "code",
        "before",
        "after",
        "quantity",
        "span_ms",
        "text",
    ],
};

/// Which rows are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivityFilter {
    /// Of this transaction only.
    pub transaction: Option<TransactionId>,
    /// Of this kind only.
    pub kind: Option<ActivityKind>,
}

/// One row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityRow {
    /// Its place in the file; rises in the order of writing.
    pub id: u64,
    /// Which start of the daemon wrote it.
    pub run: u64,
    /// Its number within the run, given when it was recorded.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What it is about.
    pub kind: ActivityKind,
    /// For a row of kind [`ActivityKind::Lost`]: how many records, from `seq` on, are missing.
    pub lost: Option<u64>,
    /// The ledger's fact, where there is one.
    pub fact_seq: Option<u64>,
    /// The transaction.
    pub transaction: Option<TransactionId>,
    /// The account.
    pub account: Option<AccountName>,
    /// The instrument.
    pub symbol: Option<Symbol>,
    /// Who caused it, such as `policy(trail)`.
    pub source: String,
    /// A code.
    pub code: String,
    /// A number before.
    pub before: Option<Decimal>,
    /// The number after.
    pub after: Option<Decimal>,
    /// A quantity.
    pub quantity: Option<Decimal>,
    /// Milliseconds, where it is about a span.
    pub span_ms: Option<u32>,
    /// Words for people.
    pub text: String,
}

/// A read-only connection to an activity log.
#[derive(Debug)]
pub struct ActivityReader(Connection);

impl ActivityReader {
    /// Opens the log of a data directory; it must exist.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sql = Connection::open_with_flags(dir.join(ACTIVITY_FILE), flags)?;
        sql.busy_timeout(Duration::from_secs(1))?;
        Ok(Self(sql))
    }

    /// The oldest rows after that one, oldest first: what to ask for again and again to follow.
    ///
    /// # Errors
    /// [`StoreError::BadValue`] when a cell has no meaning, and what SQLite says.
    pub fn tail(
        &self,
        after_id: u64,
        limit: u32,
        filter: &ActivityFilter,
    ) -> Result<Vec<ActivityRow>, StoreError> {
        self.rows("id", after_id, limit, filter)
    }

    /// The newest rows, oldest first.
    ///
    /// # Errors
    /// As [`ActivityReader::tail`].
    pub fn last(
        &self,
        limit: u32,
        filter: &ActivityFilter,
    ) -> Result<Vec<ActivityRow>, StoreError> {
        let mut rows = self.rows("id DESC", 0, limit, filter)?;
        rows.reverse();
        Ok(rows)
    }

    fn rows(
        &self,
        order: &str,
        after_id: u64,
        limit: u32,
        filter: &ActivityFilter,
    ) -> Result<Vec<ActivityRow>, StoreError> {
        let tail = format!(
            "WHERE id > ?1 AND (?2 IS NULL OR transaction_id = ?2) AND (?3 IS NULL OR kind = ?3) \
             ORDER BY {order} LIMIT ?4"
        );
        let mut statement = self.0.prepare_cached(&ACTIVITY.select(&tail))?;
        let transaction = opt_int(filter.transaction.map(|transaction| transaction.0))?;
        let kind = filter.kind.map(ActivityKind::as_str);
        let values = params![int(after_id)?, transaction, kind, limit];
        let rows = statement.query_and_then(values, |row| read(&Cells::new(row, &ACTIVITY)))?;
        rows.collect()
    }
}

fn read(row: &Cells<'_>) -> Result<ActivityRow, StoreError> {
    let kind = row.str("kind")?;
    Ok(ActivityRow {
        id: row.int("id")?,
        run: row.int("run")?,
        seq: row.int("seq")?,
        at: row.time("at")?,
        kind: ActivityKind::parse(kind).ok_or_else(|| row.bad("kind", kind))?,
        lost: row.opt_int("lost")?,
        fact_seq: row.opt_int("fact_seq")?,
        transaction: row.opt_int("transaction_id")?.map(TransactionId),
        account: row.opt_name("account")?,
        symbol: row.opt_name("symbol")?,
        source: row.string("source")?,
        code: row.string("code")?,
        before: row.opt_decimal("before")?,
        after: row.opt_decimal("after")?,
        quantity: row.opt_decimal("quantity")?,
        span_ms: row.opt_int("span_ms")?,
        text: row.string("text")?,
    })
}
