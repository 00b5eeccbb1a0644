//! Slices and step counts of a transaction.
//!
//! Apart because they are its small lists; `place` is a row's position in its list.

use std::sync::LazyLock;

use bracketd_core::ids::SliceNo;
use bracketd_core::transaction::{Slice, StepCount};
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::words::Word;
use super::{Table, int, opt_int};
use crate::error::StoreError;

pub(crate) static SLICES: Table = Table {
    name: "slices",
    key: &["transaction_id", "place"],
    columns: &[
        "transaction_id",
        "place",
        "no",
        "held",
        "gather_until",
        "retry_at",
        "rejections",
        "rejected_version",
        "memo",
        "breached",
    ],
};

pub(crate) static STEPS: Table = Table {
    name: "steps",
    key: &["transaction_id", "place"],
    columns: &["transaction_id", "place", "slice", "legs", "steps"],
};

static UPSERT_SLICE: LazyLock<String> = LazyLock::new(|| SLICES.upsert());
static UPSERT_STEP: LazyLock<String> = LazyLock::new(|| STEPS.upsert());

pub(crate) fn write_slice(
    sql: &Connection,
    transaction: i64,
    place: usize,
    slice: &Slice,
) -> Result<(), StoreError> {
    sql.prepare_cached(&UPSERT_SLICE)?.execute(params![
        transaction,
        int(place as u64)?,
        slice.no.0,
        slice.held.get().to_string(),
        slice.gather_until.0,
        slice.retry_at.map(|at| at.0),
        slice.rejections,
        opt_int(slice.rejected_version)?,
        serde_json::json!(slice.memo).to_string(),
        slice.breached,
    ])?;
    Ok(())
}

pub(crate) fn read_slice(row: &Cells<'_>) -> Result<Slice, StoreError> {
    Ok(Slice {
        no: SliceNo(row.int("no")?),
        held: row.quantity("held")?,
        gather_until: row.time("gather_until")?,
        retry_at: row.opt_time("retry_at")?,
        rejections: row.int("rejections")?,
        rejected_version: row.opt_int("rejected_version")?,
        memo: row.pairs("memo")?,
        breached: row.flag("breached")?,
    })
}

pub(crate) fn write_step(
    sql: &Connection,
    transaction: i64,
    place: usize,
    count: &StepCount,
) -> Result<(), StoreError> {
    sql.prepare_cached(&UPSERT_STEP)?.execute(params![
        transaction,
        int(place as u64)?,
        count.slice.0,
        count.legs.word(),
        count.steps,
    ])?;
    Ok(())
}

pub(crate) fn read_step(row: &Cells<'_>) -> Result<StepCount, StoreError> {
    Ok(StepCount {
        slice: SliceNo(row.int("slice")?),
        legs: row.word("legs")?,
        steps: row.int("steps")?,
    })
}
