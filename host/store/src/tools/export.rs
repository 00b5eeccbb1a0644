//! The ledger row by row, for other programs.
//!
//! Apart from the readers of a running daemon because it reads everything there ever was, settled
//! outbox rows included. It reads in short pages, however slowly somebody takes them: a long view
//! would keep the daemon's write-ahead log from being emptied.

use std::collections::BTreeMap;
use std::path::Path;

use bracketd_core::command::Op;
use bracketd_core::control::{Control, Kill};
use bracketd_core::ids::AccountName;
use bracketd_core::transaction::Transaction;
use rusqlite::Connection;

use super::error::ToolError;
use super::{Summary, in_newest_schema, open_file};
use crate::error::StoreError;
use crate::facts::{self, FactFilter, StoredFact};
use crate::load;
use crate::open::LEDGER_FILE;

const PAGE: u32 = 500;

/// A transaction with every outbox row that it ever had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeTransaction {
    /// The transaction.
    pub transaction: Transaction,
    /// Its outbox rows in the order in which they were planned, also the settled ones.
    pub ops: Vec<Op>,
}

/// A ledger to be read from its beginning to its end.
#[derive(Debug)]
pub struct Export {
    sql: Connection,
    /// What the ledger was when the export began.
    pub ledger: Summary,
}

impl Export {
    /// Opens the ledger of a data directory. One of an older schema is read as a newer program
    /// would read it, and stays as it is.
    ///
    /// # Errors
    /// [`ToolError::NoLedger`], and what the store says.
    pub fn open(dir: &Path) -> Result<Self, ToolError> {
        let path = dir.join(LEDGER_FILE);
        let ledger = Summary::of(&path)?;
        let sql = in_newest_schema(open_file(&path)?)?;
        Ok(Self { sql, ledger })
    }

    /// The daemon's own kill switch, and what was decided of each account: arming, kill switch,
    /// what its losses are measured from.
    ///
    /// # Errors
    /// [`StoreError::BadValue`] when a cell has no meaning, and what SQLite says.
    pub fn controls(&self) -> Result<(Kill, BTreeMap<AccountName, Control>), StoreError> {
        // One view of three tables, whatever is committed meanwhile.
        let view = self.sql.unchecked_transaction()?;
        let all = load::accounts(&view)?;
        Ok((all.kill, all.controls))
    }

    /// Hands out every transaction by number, each as it stands when it is read. Returns how many.
    ///
    /// # Errors
    /// What the taker says, and [`StoreError::BadValue`] when a cell has no meaning.
    pub fn transactions<E: From<StoreError>>(
        &self,
        mut take: impl FnMut(WholeTransaction) -> Result<(), E>,
    ) -> Result<u64, E> {
        let (mut after, mut count) = (0, 0);
        loop {
            let page = load::ids(&self.sql, after, PAGE)?;
            let Some(last) = page.last() else { return Ok(count) };
            after = *last;
            for id in page {
                if let Some(whole) = self.whole(id)? {
                    take(whole)?;
                    count += 1;
                }
            }
        }
    }

    /// Hands out every fact by number, up to the newest of now. Returns how many.
    ///
    /// # Errors
    /// As [`Export::transactions`].
    pub fn facts<E: From<StoreError>>(
        &self,
        mut take: impl FnMut(StoredFact) -> Result<(), E>,
    ) -> Result<u64, E> {
        let newest = load::last_fact_seq(&self.sql)?;
        let (mut after_seq, mut count) = (0, 0);
        loop {
            let before_seq = Some(newest + 1);
            let filter = FactFilter { after_seq, before_seq, limit: PAGE, ..FactFilter::default() };
            let page = facts::read(&self.sql, &filter)?;
            let Some(last) = page.last() else { return Ok(count) };
            after_seq = last.seq;
            for fact in page {
                take(fact)?;
                count += 1;
            }
        }
    }

    fn whole(&self, id: u64) -> Result<Option<WholeTransaction>, StoreError> {
        // One view of its rows, whatever is committed meanwhile.
        let view = self.sql.unchecked_transaction()?;
        let Some(transaction) = load::one(&view, id)? else { return Ok(None) };
        Ok(Some(WholeTransaction { transaction, ops: load::all_ops(&view, id)? }))
    }
}
