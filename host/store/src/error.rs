//! Everything that can go wrong with the two files, by name.
//!
//! Apart because the engine decides by kind: a busy or full disk is tried again, a damaged ledger
//! ends the start. It must never be printed here.

use std::path::PathBuf;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the data directory.
    #[error(
        "{} is in use by {}",
        path.parent().unwrap_or_else(|| std::path::Path::new(".")).display(),
        holder(*pid)
    )]
    AlreadyRunning {
        /// The process that holds it, as far as the lock file tells.
        pid: Option<u32>,
        /// The lock file.
        path: PathBuf,
    },
    /// A newer bracketd wrote this file.
    #[error(
        "{} has schema {found}, this bracketd knows up to {known}; run the newer one, or go back \
         to a backup with `bracketd db restore FILE`",
        path.display()
    )]
    NewerSchema {
        /// The schema in the file.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
        /// The file.
        path: PathBuf,
    },
    /// Somebody else holds the write lock; nothing was written, the same may be tried again.
    #[error("the database is locked by another connection")]
    Busy,
    /// The disk is full; nothing was written, the same may be tried again.
    #[error("the disk is full")]
    Full,
    /// The file is not a sound database.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// A cell holds something that its type has no meaning for.
    #[error("table {table}, row {row}, column {column}: {text:?} is not valid")]
    BadValue {
        /// The table.
        table: &'static str,
        /// The key of the row, its parts joined by `/`.
        row: String,
        /// The column.
        column: &'static str,
        /// What stands there.
        text: String,
    },
    /// A number that does not fit into a column; nothing was written.
    #[error("{0} is too large for the ledger")]
    TooLarge(u64),
    /// Two outbox rows claim the same step of a leg; nothing was written (I3).
    #[error(
        "outbox row {transaction}/{slice}/{legs}/{step} belongs to another operation than {op}"
    )]
    OpConflict {
        /// The transaction.
        transaction: u64,
        /// The slice.
        slice: u8,
        /// The legs.
        legs: &'static str,
        /// The step.
        step: u32,
        /// The operation that was to be written.
        op: String,
    },
    /// A file could not be made, read or locked.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date: {0}")]
    Migration(#[from] rusqlite_migration::Error),
    /// Anything else the database says.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// The ledger's file is not sound; nothing in it was changed.
    #[error(
        "{} is damaged: {what}; nothing was changed. `bracketd db check` tells what is wrong, \
         `bracketd db restore FILE` goes back to a backup and keeps this file",
        path.display()
    )]
    DamagedFile {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// A restore was interrupted between its last steps.
    #[error(
        "{} is there: a restore was interrupted and the ledger beside it may lack its newest \
         commits; run `bracketd db restore FILE` again",
        path.display()
    )]
    RestoreInterrupted {
        /// The restored ledger, not yet in place.
        path: PathBuf,
    },
    /// An older ledger could not be copied before it is migrated; nothing was changed.
    #[error("{} could not be kept before its migration: {why}", path.display())]
    NotKept {
        /// The copy that was to be made.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The directory was used before, and its ledger is missing or empty.
    #[error(
        "{} is {}, and {} beside it shows that this directory had a ledger; nothing was made or \
         sent. Put a backup in its place with `bracketd db restore FILE`; to go on without one, \
         `bracketd run --new-ledger` starts an empty ledger with every account disarmed (a demo or \
         a tape starts over with --fresh)",
        path.display(),
        if *is_empty { "empty" } else { "missing" },
        sign
    )]
    LedgerMissing {
        /// The ledger's file.
        path: PathBuf,
        /// Whether it is there without anything in it.
        is_empty: bool,
        /// The file that shows the use.
        sign: String,
    },
    /// A new ledger was asked for where one is.
    #[error(
        "{} is there; --new-ledger is for a directory that has lost its ledger. Leave it out",
        path.display()
    )]
    LedgerExists {
        /// The ledger's file.
        path: PathBuf,
    },
}

impl StoreError {
    /// Whether the very same call can succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy | Self::Full)
    }

    /// The same, said of a ledger's file where it is about one.
    pub(crate) fn of_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Damaged(what) => Self::DamagedFile { path: path.to_owned(), what },
            other => other,
        }
    }

    pub(crate) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy,
            Some(Code::DiskFull) => Self::Full,
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged(error.to_string()),
            _ if is_shm_size(&error) => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

/// Growing the WAL's index on a full disk has an error code of its own.
fn is_shm_size(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// The holder, with what to do about it.
fn holder(pid: Option<u32>) -> String {
    match pid {
        None => "another bracketd; stop that one first".to_owned(),
        Some(pid) => format!(
            "process {pid}, another bracketd: `bracketd status` asks it how it is, `kill {pid}` \
             stops it; then try again"
        ),
    }
}
