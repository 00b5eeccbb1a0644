//! Reading facts.
//!
//! Apart because the engine, the activity log and the HTTP threads all read them by the same
//! filter, each over a connection of its own.

use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::TransactionId;
use bracketd_core::time::Timestamp;
use rusqlite::{Connection, params_from_iter};

use crate::error::StoreError;
use crate::rows::cells::Cells;
use crate::rows::fact::{FACTS, read as read_row};
use crate::rows::int;

/// Which facts are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactFilter {
    /// Of this transaction only.
    pub transaction: Option<TransactionId>,
    /// Of these kinds only; all when empty.
    pub kinds: Vec<FactKind>,
    /// Only those with a larger number.
    pub after_seq: u64,
    /// Only those with a smaller number.
    pub before_seq: Option<u64>,
    /// At most so many.
    pub limit: u32,
    /// The newest of them, newest first; else the oldest, oldest first.
    pub newest_first: bool,
}

impl Default for FactFilter {
    fn default() -> Self {
        Self {
            transaction: None,
            kinds: Vec::new(),
            after_seq: 0,
            before_seq: None,
            limit: 1_000,
            newest_first: false,
        }
    }
}

/// A fact with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFact {
    /// Its number in the ledger, from 1, without gaps.
    pub seq: u64,
    /// When the step that wrote it ran.
    pub committed_at: Timestamp,
    /// The fact.
    pub fact: Fact,
}

pub(crate) fn read(sql: &Connection, filter: &FactFilter) -> Result<Vec<StoredFact>, StoreError> {
    let mut tail = "WHERE seq > ?".to_owned();
    let mut values: Vec<rusqlite::types::Value> = vec![int(filter.after_seq)?.into()];
    if let Some(before) = filter.before_seq {
        tail.push_str(" AND seq < ?");
        values.push(int(before)?.into());
    }
    if let Some(transaction) = filter.transaction {
        tail.push_str(" AND transaction_id = ?");
        values.push(int(transaction.0)?.into());
    }
    if !filter.kinds.is_empty() {
        let marks = vec!["?"; filter.kinds.len()].join(", ");
        tail.push_str(&format!(" AND kind IN ({marks})"));
        values.extend(filter.kinds.iter().map(|kind| kind.as_str().to_owned().into()));
    }
    tail.push_str(if filter.newest_first { " ORDER BY seq DESC" } else { " ORDER BY seq" });
    tail.push_str(" LIMIT ?");
    values.push(i64::from(filter.limit).into());
    let mut statement = sql.prepare_cached(&FACTS.select(&tail))?;
    let rows = statement
        .query_and_then(params_from_iter(values), |row| read_row(&Cells::new(row, &FACTS)))?;
    rows.collect()
}
