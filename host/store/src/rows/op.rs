//! Outbox rows (I3).
//!
//! Apart because a row must hold all that is needed to look for its effect after a crash, and must
//! never become another operation's row.

use std::sync::LazyLock;

use bracketd_core::command::{Op, OpState};
use bracketd_core::ids::SliceNo;
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::words::Word;
use super::{Table, int, op_body};
use crate::error::StoreError;

pub(crate) static OUTBOX: Table = Table {
    name: "outbox",
    key: &["transaction_id", "slice", "legs", "step"],
    columns: &[
        "transaction_id",
        "slice",
        "legs",
        "step",
        "op",
        "client_id",
        "attempt",
        "kind",
        "body",
        "state",
        "state_at",
        "lookups",
        "awaits",
        "version",
        "planned_at",
        "evidence",
        "absent",
        "escalated",
        "sent_at",
    ],
};

static UPSERT: LazyLock<String> =
    LazyLock::new(|| format!("{} WHERE outbox.op = excluded.op", OUTBOX.upsert()));

/// The rest of the statement that reads a transaction's unsettled rows, as planned.
pub(crate) const UNSETTLED: &str = "WHERE transaction_id = ? \
     AND state IN ('in_flight', 'not_sent', 'unknown', 'awaiting') ORDER BY rowid";

pub(crate) fn write(sql: &Connection, transaction: i64, op: &Op) -> Result<(), StoreError> {
    let cells = StateCells::of(&op.state);
    let changed = sql.prepare_cached(&UPSERT)?.execute(params![
        transaction,
        op.slice.0,
        op.legs.word(),
        op.step,
        op.id.as_str(),
        op.client_id.as_str(),
        op.attempt,
        op.kind.as_str(),
        op_body::write(&op.kind),
        op.state.as_str(),
        cells.at,
        cells.lookups,
        cells.order,
        int(op.version)?,
        op.planned_at.0,
        op.evidence,
        cells.absent,
        cells.escalated,
        op.sent_at.0,
    ])?;
    if changed == 0 {
        return Err(StoreError::OpConflict {
            transaction: transaction.unsigned_abs(),
            slice: op.slice.0,
            legs: op.legs.word(),
            step: op.step,
            op: op.id.to_string(),
        });
    }
    Ok(())
}

/// A state's own cells; empty where it has none.
#[derive(Default)]
struct StateCells<'a> {
    at: Option<i64>,
    lookups: Option<u32>,
    absent: Option<u32>,
    escalated: Option<bool>,
    /// The order that an awaiting row waits for, or that a person named for an unknown one.
    order: Option<&'a str>,
}

impl<'a> StateCells<'a> {
    fn of(state: &'a OpState) -> Self {
        let empty = Self::default();
        match state {
            OpState::NotSent { retry_at } => Self { at: Some(retry_at.0), ..empty },
            OpState::Unknown { lookups, absent, next_at, escalated, named } => Self {
                at: Some(next_at.0),
                lookups: Some(*lookups),
                absent: Some(*absent),
                escalated: Some(*escalated),
                order: named.as_ref().map(|order| order.as_str()),
            },
            OpState::Awaiting { order } => Self { order: Some(order.as_str()), ..empty },
            OpState::InFlight { escalated } => Self { escalated: Some(*escalated), ..empty },
            OpState::Done | OpState::Rejected | OpState::Stale => empty,
        }
    }
}

pub(crate) fn read(row: &Cells<'_>) -> Result<Op, StoreError> {
    Ok(Op {
        id: row.name("op")?,
        client_id: row.name("client_id")?,
        slice: SliceNo(row.int("slice")?),
        legs: row.word("legs")?,
        step: row.int("step")?,
        attempt: row.int("attempt")?,
        kind: op_body::read(row)?,
        state: read_state(row)?,
        version: row.int("version")?,
        planned_at: row.time("planned_at")?,
        sent_at: match row.opt_time("sent_at")? {
            Some(at) => at,
            None => row.time("planned_at")?,
        },
        evidence: row.opt_name("evidence")?,
    })
}

fn read_state(row: &Cells<'_>) -> Result<OpState, StoreError> {
    let escalated = row.opt_int::<u8>("escalated")?.is_some_and(|told| told != 0);
    Ok(match row.str("state")? {
        "in_flight" => OpState::InFlight { escalated },
        "not_sent" => OpState::NotSent { retry_at: row.time("state_at")? },
        "unknown" => OpState::Unknown {
            lookups: row.int("lookups")?,
            absent: row.opt_int("absent")?.unwrap_or(0),
            next_at: row.time("state_at")?,
            escalated,
            named: row.opt_name("awaits")?,
        },
        "awaiting" => OpState::Awaiting { order: row.name("awaits")? },
        "done" => OpState::Done,
        "rejected" => OpState::Rejected,
        "stale" => OpState::Stale,
        other => return Err(row.bad("state", other)),
    })
}
