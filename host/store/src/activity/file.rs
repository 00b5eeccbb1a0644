//! The activity file and what is written to it.
//!
//! Apart because the file may be locked, full, damaged or gone at any time: each call says so and
//! leaves the caller's batch whole. It must never wait long, and never touch the ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bracketd_core::time::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use super::ActivityOptions;
use super::kin::{self, Kin};
use super::queue::{Gap, Numbered};
use super::record::{ActivityKind, Record};
use crate::error::StoreError;
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
/// Under what a log goes on to be kept that belongs to another ledger.
pub(crate) const OF_ANOTHER: &str = ".other-ledger";
/// Under what one is kept that proves what its ledger has lost.
pub(crate) const AHEAD: &str = ".ahead-of-ledger";
/// Whose facts the file holds; a ledger gets a new id with each restore.
const OWNER: &str = "CREATE TABLE IF NOT EXISTS owner (\
     one INTEGER PRIMARY KEY CHECK (one = 1), ledger_id TEXT NOT NULL) STRICT";

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
        // An addition to the schema that an older program passes over.
        unit.execute_batch(OWNER)?;
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

    /// Renames the file, which cannot be gone on with; a new one is to be opened then. Gives its name.
    pub(crate) fn leave(self, suffix: &str) -> Result<PathBuf, StoreError> {
        let Self { sql, path, .. } = self;
        // What stands in its write-ahead log goes into the file first.
        sql.close().map_err(|(_, error)| error)?;
        let to = free_name(&path, suffix);
        set_aside(&path, &to)?;
        Ok(to)
    }

    /// Whether its facts are those of this ledger; then it says so from now on.
    pub(crate) fn is_of(&self, ledger: &LedgerReader) -> Result<bool, StoreError> {
        if kin::of(&self.sql, self.cursor, ledger.sql())? != Kin::Own {
            return Ok(false);
        }
        let id = ledger.id()?;
        self.sql.execute(
            "INSERT INTO owner (one, ledger_id) VALUES (1, ?) \
             ON CONFLICT (one) DO UPDATE SET ledger_id = excluded.ledger_id \
             WHERE ledger_id <> excluded.ledger_id",
            [id],
        )?;
        Ok(true)
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
