//! The ledger for everybody but its owner.
//!
//! Apart because HTTP threads and the activity log read while the engine writes: a connection of
//! their own that cannot write and takes no lock that a commit would wait for.

use std::path::Path;

use bracketd_core::ids::{PolicyName, TransactionId};
use bracketd_core::transaction::Transaction;
use rusqlite::Connection;

use crate::batch::PolicyVersion;
use crate::error::StoreError;
use crate::facts::{self, FactFilter, StoredFact};
use crate::load;
use crate::open::{self, LEDGER_FILE};

/// A read-only connection to a ledger.
#[derive(Debug)]
pub struct LedgerReader(Connection);

impl LedgerReader {
    /// Opens the ledger of a data directory; it must exist.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when a newer program wrote it, and what SQLite says.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        open::open_reader(&dir.join(LEDGER_FILE)).map(Self)
    }

    /// Facts.
    ///
    /// # Errors
    /// [`StoreError::BadValue`] when a cell has no meaning, and what SQLite says.
    pub fn facts(&self, filter: &FactFilter) -> Result<Vec<StoredFact>, StoreError> {
        facts::read(&self.0, filter)
    }

    /// The number of the newest fact; 0 before the first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn last_fact_seq(&self) -> Result<u64, StoreError> {
        load::last_fact_seq(&self.0)
    }

    /// The id of the ledger: another after each restore.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn id(&self) -> Result<String, StoreError> {
        load::identity(&self.0).map(|(id, _)| id)
    }

    pub(crate) fn sql(&self) -> &Connection {
        &self.0
    }

    /// Versions of a policy whose content hash begins so, the newest first, at most that many.
    ///
    /// # Errors
    /// [`StoreError::BadValue`] when a cell has no meaning, and what SQLite says.
    pub fn policy_versions(
        &self,
        name: &PolicyName,
        digest_begins: &str,
        limit: u32,
    ) -> Result<Vec<PolicyVersion>, StoreError> {
        load::policy_versions_like(&self.0, name, digest_begins, limit)
    }

    /// Ended transactions, the last to end first: the first page, or the one after `before`, the
    /// last of the page before it.
    ///
    /// # Errors
    /// [`StoreError::BadValue`] when a cell has no meaning, and what SQLite says.
    pub fn transactions_ended(
        &self,
        limit: u32,
        before: Option<TransactionId>,
    ) -> Result<Vec<Transaction>, StoreError> {
        // One view of all tables, whatever is committed meanwhile.
        let view = self.0.unchecked_transaction()?;
        load::ended(&view, before, u64::from(limit))
    }
}
