//! Why a tool did not do what was asked.
//!
//! Apart from the store's own errors because these are for a person at a terminal: each says what
//! is in the way, and none can occur while trading.

use std::path::PathBuf;

use super::check::Finding;
use crate::error::StoreError;

/// See the module's documentation.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// There is no ledger at that place.
    #[error("there is no ledger at {}", .0.display())]
    NoLedger(PathBuf),
    /// The file is a database, but no ledger of bracketd.
    #[error("{} is a database, but no ledger of bracketd", .0.display())]
    NotALedger(PathBuf),
    /// Something is at the place where a new file was to be made.
    #[error("{} is there already; nothing was written", .0.display())]
    Exists(PathBuf),
    /// The backup is to stand on a disk that has no room left for the ledger itself.
    #[error(
        "{} is on the disk of the ledger, which is full; nothing was written", .0.display()
    )]
    SameFullDisk(PathBuf),
    /// The file is not sound: what was found is inside.
    #[error("{} is damaged; nothing was changed", path.display())]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        findings: Vec<Finding>,
    },
    /// The copy does not hold what the original does.
    #[error(
        "the copy of {} has {copied} rows in {table}, the original {original}; it was removed",
        path.display()
    )]
    CopyDiffers {
        /// The original.
        path: PathBuf,
        /// The table.
        table: String,
        /// Rows in the original.
        original: u64,
        /// Rows in the copy.
        copied: u64,
    },
    /// The file that is to be restored is the ledger itself.
    #[error("{} is the ledger itself, no backup of it", .0.display())]
    IsTheLedger(PathBuf),
    /// Anything that the store says.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ToolError {
    pub(crate) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Store(StoreError::file(path, source))
    }
}
