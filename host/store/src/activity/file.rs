//! The activity file and what is written to it.
//!
//! Apart because the file may be locked, full, damaged or gone at any time: each call says so and
//! leaves the caller's batch whole. It must never wait long, and never touch the ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bracketd_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::ActivityOptions;
use super::queue::{Gap, Numbered};
use super::record::{ActivityKind, Record};
use crate::error::StoreError;
use crate::facts::{FactFilter, StoredFact};
use crate::reader::LedgerReader;
use crate::rows::int;
use crate::tools::files::make_private;

/// Name of the activity log in the data directory.
pub const ACTIVITY_FILE: &str = "activity.db";

/// The schema of the activity log that this program writes.
pub const ACTIVITY_SCHEMA: i64 = 1;
/// Short, so that the writer hears of a shutdown; it retries by itself.
const BUSY: Duration = Duration::from_millis(20);
const PRUNE_ROWS: i64 = 10_000;

/// Columns of a row, in the order in which they are bound and read.
pub(crate) const COLUMNS: &str = "run, seq, at, kind, lost, fact_seq, transaction_id, account, \
     symbol, source, code, before, after, quantity, span_ms, text";

/// The open file, for the writer.
#[derive(Debug)]
pub(crate) struct ActivityFile {
    sql: Connection,
    path: PathBuf,
    insert: String,
    run: i64,
    /// Every fact up to this one is in the file.
    cursor: u64,
}

impl ActivityFile {
    /// Opens or makes the file and begins a new run, or goes on with `run`. A damaged file is set
    /// aside.
    pub(crate) fn open(dir: &Path, run: Option<i64>) -> Result<Self, StoreError> {
        let path = dir.join(ACTIVITY_FILE);
        match Self::open_at(&path, run) {
            Err(StoreError::Damaged(_)) => {
                set_aside(&path, &with_suffix(&path, ".damaged"))?;
                Self::open_at(&path, run)
            }
            other => other,
        }
    }

    fn open_at(path: &Path, run: Option<i64>) -> Result<Self, StoreError> {
        make_private(path)?;
        let mut sql = Connection::open(path)?;
        sql.busy_timeout(BUSY)?;
        sql.pragma_update(None, "journal_mode", "WAL")?;
        sql.pragma_update(None, "synchronous", "NORMAL")?;
        let unit = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match unit.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? {
            0 => unit.execute_batch(include_str!("schema.sql"))?,
            ACTIVITY_SCHEMA => {}
            found => {
                let path = path.to_owned();
                return Err(StoreError::NewerSchema { found, known: ACTIVITY_SCHEMA, path });
            }
        }
        match run {
            None => unit.execute("UPDATE progress SET run = run + 1", [])?,
            Some(run) => unit.execute("UPDATE progress SET run = max(run, ?)", [run])?,
        };
        let (newest, cursor): (i64, i64) =
            unit.query_row("SELECT run, fact_seq FROM progress", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        unit.commit()?;
        let marks = vec!["?"; COLUMNS.split(',').count()].join(", ");
        let insert = format!("INSERT INTO activity ({COLUMNS}) VALUES ({marks})");
        let (run, cursor) = (run.unwrap_or(newest), cursor.unsigned_abs());
        Ok(Self { sql, path: path.to_owned(), insert, run, cursor })
    }

    /// Renames the file, which is another ledger's; a new one is to be opened then. Gives its name.
    pub(crate) fn leave(self) -> Result<PathBuf, StoreError> {
        let Self { sql, path, .. } = self;
        // What stands in its write-ahead log goes into the file first.
        sql.close().map_err(|(_, error)| error)?;
        let to = free_name(&path, ".other-ledger");
        set_aside(&path, &to)?;
        Ok(to)
    }

    /// Whether its facts are those of this ledger. The ledger is written first, so a file that knows
    /// more facts is another's; so is one whose newest fact reads otherwise there.
    pub(crate) fn is_of(&self, ledger: &LedgerReader) -> Result<bool, StoreError> {
        if self.cursor == 0 {
            return Ok(true);
        }
        if ledger.last_fact_seq()? < self.cursor {
            return Ok(false);
        }
        let query = "SELECT fact_seq, at, kind FROM activity WHERE fact_seq IS NOT NULL \
                     ORDER BY id DESC LIMIT 1";
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        };
        let Some((seq, at, kind)) = self.sql.query_row(query, [], row).optional()? else {
            return Ok(true);
        };
        let after_seq = seq.unsigned_abs().saturating_sub(1);
        let same = FactFilter { after_seq, limit: 1, ..FactFilter::default() };
        let found = match ledger.facts(&same) {
            // What a cell without meaning was, nobody can tell.
            Err(StoreError::BadValue { .. }) => return Ok(true),
            other => other?,
        };
        let is_same = |stored: &StoredFact| {
            stored.fact.at.0 == at && ActivityKind::Fact(stored.fact.kind).as_str() == kind
        };
        Ok(found.first().is_some_and(is_same))
    }

    pub(crate) fn run(&self) -> i64 {
        self.run
    }

    /// Every fact up to this one is in the file.
    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Writes the gap and all records, or nothing. Facts that are in the file already are passed
    /// over. Returns how many rows were written.
    pub(crate) fn write(
        &mut self,
        gap: Option<(Gap, Timestamp)>,
        records: &[Numbered],
    ) -> Result<u64, StoreError> {
        let mut cursor = self.cursor;
        let mut rows = 0;
        let unit = self.sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = unit.prepare_cached(&self.insert)?;
            let mut add = |seq: u64, lost: Option<u64>, record: &Record| {
                rows += 1;
                insert_row(&mut insert, self.run, seq, lost, record)
            };
            if let Some((gap, at)) = gap {
                add(gap.from_seq, Some(gap.count), &Record::new(at, ActivityKind::Lost))?;
            }
            for (seq, record) in records {
                if record.fact_seq == 0 || record.fact_seq > cursor {
                    add(*seq, None, record)?;
                    cursor = cursor.max(record.fact_seq);
                }
            }
        }
        if cursor != self.cursor {
            unit.prepare_cached("UPDATE progress SET fact_seq = ?")?.execute([int(cursor)?])?;
        }
        unit.commit()?;
        self.cursor = cursor;
        Ok(rows)
    }

    /// Keeps the file and its write-ahead log within their limits.
    pub(crate) fn keep_small(&mut self, options: &ActivityOptions) -> Result<(), StoreError> {
        if wal_bytes(&self.path) > options.wal_bytes_max {
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            let is_busy: bool = self.sql.query_row(checkpoint, [], |row| row.get(0))?;
            if is_busy {
                return Err(StoreError::Busy);
            }
        }
        if self.used_bytes()? > options.file_bytes_max {
            self.sql
                .prepare_cached(
                    "DELETE FROM activity WHERE id < (SELECT min(id) FROM activity) + ?",
                )?
                .execute([PRUNE_ROWS])?;
        }
        Ok(())
    }

    fn used_bytes(&self) -> Result<u64, StoreError> {
        let number = |pragma: &str| -> Result<i64, StoreError> {
            Ok(self.sql.prepare_cached(pragma)?.query_row([], |row| row.get(0))?)
        };
        let pages = number("PRAGMA page_count")? - number("PRAGMA freelist_count")?;
        Ok(pages.unsigned_abs() * number("PRAGMA page_size")?.unsigned_abs())
    }
}

fn insert_row(
    insert: &mut rusqlite::CachedStatement<'_>,
    run: i64,
    seq: u64,
    lost: Option<u64>,
    record: &Record,
) -> Result<(), StoreError> {
    let some = |number: u64| (number != 0).then_some(number);
    let named = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
    let decimal = |number: super::InlineDecimal| number.get().map(|d| d.to_string());
    insert.execute(params![
        run,
        int(seq)?,
        record.at.0,
        record.kind.as_str(),
        crate::rows::opt_int(lost)?,
        crate::rows::opt_int(some(record.fact_seq))?,
        crate::rows::opt_int(some(record.transaction))?,
        named(record.account.as_str()),
        named(record.symbol.as_str()),
        record.source_label(),
        record.code.as_str(),
        decimal(record.before),
        decimal(record.after),
        decimal(record.quantity),
        record.span_ms,
        record.text.as_str(),
    ])?;
    Ok(())
}

fn wal_bytes(path: &Path) -> u64 {
    std::fs::metadata(with_suffix(path, "-wal")).map_or(0, |meta| meta.len())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A name for a file that is set aside which nothing has yet.
fn free_name(path: &Path, suffix: &str) -> PathBuf {
    let numbered = |n: u32| match n {
        0 => with_suffix(path, suffix),
        n => with_suffix(path, &format!("{suffix}-{n}")),
    };
    (0..u32::MAX).map(numbered).find(|name| !name.exists()).unwrap_or_else(|| numbered(0))
}

/// Renames a file that cannot be gone on with, so that people can look at it, and lets a new one
/// begin.
fn set_aside(path: &Path, to: &Path) -> Result<(), StoreError> {
    for suffix in ["-wal", "-shm"] {
        let file = with_suffix(path, suffix);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::file(&file, error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    std::fs::rename(path, to).map_err(|source| StoreError::file(path, source))
}
