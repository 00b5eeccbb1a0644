//! One batch as one SQL transaction.
//!
//! Apart because the order of the statements matters (rows that others refer to come first) and
//! because this is the path between a decision and its message to the broker: nothing here reads
//! more than it writes. Of all that a row was in one step only the last is written: a row that went
//! out again must not read as not sent after a crash (I13).

use bracketd_core::command::Op;
use bracketd_core::fact::Fact;
use bracketd_core::ids::TransactionId;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::Transaction;
use rusqlite::Connection;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::rows::{control, fact, instrument, int, kv, op, order, policy, slice, transaction};
use crate::shadow::{Shadow, Shadows};

/// Writes everything of the batch; the caller commits.
pub(crate) fn write(
    sql: &Connection,
    shadows: &Shadows,
    first_fact_seq: u64,
    batch: &Batch<'_>,
) -> Result<(), StoreError> {
    for tx in &batch.transactions {
        write_transaction(sql, shadows.get(tx.id), tx)?;
    }
    for (at, (id, row)) in batch.ops.iter().enumerate() {
        let mut later = batch.ops.iter().skip(at + 1);
        let is_last = later.all(|(of, later)| of != id || !is_same_row(later, row));
        if is_last && !stands_in_its_transaction(batch, *id, row) {
            op::write(sql, int(id.0)?, row)?;
        }
    }
    for version in &batch.policy_versions {
        policy::write_version(sql, version)?;
    }
    for state in &batch.policy_states {
        policy::write_state(sql, state)?;
    }
    for (account, row) in &batch.instruments {
        instrument::write(sql, account, row)?;
    }
    for (account, row) in &batch.controls {
        control::write(sql, account, row)?;
    }
    for (account, entries) in &batch.kv {
        kv::write_all(sql, account, entries)?;
    }
    if let Some(freezes) = &batch.policy_freezes {
        policy::write_freezes(sql, freezes)?;
    }
    for state in &batch.account_states {
        policy::write_account_state(sql, state)?;
    }
    if let Some(params) = &batch.policy_params {
        policy::write_params(sql, params)?;
    }
    if let Some(kill) = batch.kill {
        control::write_daemon(sql, kill)?;
    }
    write_facts(sql, first_fact_seq, batch.at, batch.facts)
}

/// Appends facts, numbered without a gap.
pub(crate) fn write_facts(
    sql: &Connection,
    first_seq: u64,
    at: Timestamp,
    facts: &[Fact],
) -> Result<(), StoreError> {
    for (seq, row) in (first_seq..).zip(facts) {
        fact::write(sql, seq, at, row)?;
    }
    Ok(())
}

fn write_transaction(
    sql: &Connection,
    shadow: Option<&Shadow>,
    tx: &Transaction,
) -> Result<(), StoreError> {
    instrument::ensure_account(sql, &tx.account)?;
    transaction::write(sql, tx)?;
    let id = int(tx.id.0)?;
    let old = shadow.map(|s| &*s.slices);
    write_list(sql, "slices", id, old, &tx.slices, |place, row| {
        slice::write_slice(sql, id, place, row)
    })?;
    let old = shadow.map(|s| &*s.orders);
    write_list(sql, "orders", id, old, &tx.orders, |place, row| order::write(sql, id, place, row))?;
    let old = shadow.map(|s| &*s.steps);
    write_list(sql, "steps", id, old, &tx.steps, |place, row| {
        slice::write_step(sql, id, place, row)
    })?;
    for row in &tx.ops {
        if !shadow.is_some_and(|s| s.ops.contains(row)) {
            op::write(sql, id, row)?;
        }
    }
    Ok(())
}

/// Writes the rows of a list that differ from what the ledger has at their place, and removes
/// those beyond its end.
fn write_list<T: PartialEq>(
    sql: &Connection,
    table: &str,
    transaction: i64,
    old: Option<&[T]>,
    new: &[T],
    mut write: impl FnMut(usize, &T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let known = old.unwrap_or_default();
    for (place, row) in new.iter().enumerate() {
        if known.get(place) != Some(row) {
            write(place, row)?;
        }
    }
    if old.is_none_or(|old| old.len() > new.len()) {
        let cut = format!("DELETE FROM {table} WHERE transaction_id = ? AND place >= ?");
        sql.prepare_cached(&cut)?.execute((transaction, int(new.len() as u64)?))?;
    }
    Ok(())
}

/// Whether the row still stands in a transaction of the batch: it was written there, as it is now.
fn stands_in_its_transaction(batch: &Batch<'_>, id: TransactionId, row: &Op) -> bool {
    let own = |tx: &&&Transaction| tx.id == id;
    let tx = batch.transactions.iter().find(own);
    tx.is_some_and(|tx| tx.ops.iter().any(|op| is_same_row(op, row)))
}

/// Whether two states are of one row of a transaction, by the outbox's key.
fn is_same_row(one: &Op, other: &Op) -> bool {
    (one.slice, one.legs, one.step) == (other.slice, other.legs, other.step)
}
