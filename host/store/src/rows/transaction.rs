//! The transaction's own row; its lists are rows of other tables.
//!
//! Apart because it is the widest row: fields with values of their own (entry, task, protection)
//! are spread over columns here and nowhere else.

use std::sync::LazyLock;

use bracketd_core::ids::{PolicyName, TransactionId};
use bracketd_core::protection::{Gaps, Protection};
use bracketd_core::transaction::{Desired, Entry, EntryKind, Locks, Task, Transaction};
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::words::Word;
use super::{Table, int, ladder, price, source, standing};
use crate::error::StoreError;

pub(crate) static TRANSACTIONS: Table = Table {
    name: "transactions",
    key: &["id"],
    columns: &[
        "id",
        "account",
        "owner",
        "symbol",
        "direction",
        "status",
        "entry_kind",
        "entry_limit",
        "entry_quantity",
        "entry_time_in_force",
        "entry_reference",
        "on_partial",
        "entry_guard",
        "entry_cancel_asked",
        "entry_ended",
        "stop",
        "target",
        "version",
        "stop_locked",
        "target_locked",
        "policies",
        "task",
        "task_to",
        "task_why",
        "task_source",
        "task_source_name",
        "task_source_digest",
        "protection",
        "protection_since",
        "protection_why",
        "initial_stop",
        "entered",
        "entered_value",
        "exited",
        "exited_value",
        "created_at",
        "opened_at",
        "closed_at",
        "close_reason",
        "gap_count",
        "gap_total_ms",
        "gap_longest_ms",
        "close_failures",
        "close_retry_at",
        "standing",
        "ladder",
    ],
};

const TASK_SOURCE: [&str; 3] = ["task_source", "task_source_name", "task_source_digest"];

static UPSERT: LazyLock<String> = LazyLock::new(|| TRANSACTIONS.upsert());

pub(crate) fn write(sql: &Connection, tx: &Transaction) -> Result<(), StoreError> {
    let (entry_kind, entry_limit) = match tx.entry.kind {
        EntryKind::Market => ("market", None),
        EntryKind::Limit(limit) => ("limit", Some(limit)),
    };
    let task = TaskCells::of(tx.task.as_ref());
    let protection_why = match tx.protection {
        Protection::Unprotected { why, .. } => Some(why.word()),
        Protection::NotWanted | Protection::Protected | Protection::Pending { .. } => None,
    };
    let policies: Vec<&str> = tx.policies.iter().map(PolicyName::as_str).collect();
    sql.prepare_cached(&UPSERT)?.execute(params![
        int(tx.id.0)?,
        tx.account.as_str(),
        tx.owner.as_str(),
        tx.symbol.as_str(),
        tx.direction.word(),
        tx.status.word(),
        entry_kind,
        price(entry_limit),
        tx.entry.quantity.get().to_string(),
        tx.entry.time_in_force.word(),
        tx.entry.reference.get().to_string(),
        tx.entry.on_partial.word(),
        tx.entry.guard.word(),
        tx.entry.cancel_asked,
        tx.entry.ended,
        price(tx.desired.stop),
        price(tx.desired.target),
        int(tx.desired.version)?,
        tx.locks.stop,
        tx.locks.target,
        serde_json::json!(policies).to_string(),
        task.word,
        task.to,
        task.why,
        task.source.0,
        task.source.1,
        task.source.2,
        tx.protection.as_str(),
        tx.protection.gap_since().map(|since| since.0),
        protection_why,
        price(tx.initial_stop),
        tx.entered.get().to_string(),
        tx.entered_value.to_string(),
        tx.exited.get().to_string(),
        tx.exited_value.to_string(),
        tx.created_at.0,
        tx.opened_at.map(|at| at.0),
        tx.closed_at.map(|at| at.0),
        tx.close_reason,
        tx.gaps.count,
        int(tx.gaps.total_ms)?,
        int(tx.gaps.longest_ms)?,
        tx.close_failures,
        tx.close_retry_at.map(|at| at.0),
        standing::write(&tx.standing),
        ladder::write(&tx.ladder),
    ])?;
    Ok(())
}

/// The transaction without its slices, orders, steps and outbox rows.
pub(crate) fn read(row: &Cells<'_>) -> Result<Transaction, StoreError> {
    Ok(Transaction {
        id: TransactionId(row.int("id")?),
        account: row.name("account")?,
        owner: row.name("owner")?,
        symbol: row.name("symbol")?,
        direction: row.word("direction")?,
        status: row.word("status")?,
        entry: read_entry(row)?,
        desired: Desired {
            stop: row.opt_price("stop")?,
            target: row.opt_price("target")?,
            version: row.int("version")?,
        },
        locks: Locks { stop: row.flag("stop_locked")?, target: row.flag("target_locked")? },
        policies: row.list("policies")?.into_iter().map(PolicyName::from).collect(),
        slices: Vec::new(),
        orders: Vec::new(),
        ops: Vec::new(),
        steps: Vec::new(),
        task: read_task(row)?,
        protection: read_protection(row)?,
        initial_stop: row.opt_price("initial_stop")?,
        entered: row.quantity("entered")?,
        entered_value: row.decimal("entered_value")?,
        exited: row.quantity("exited")?,
        exited_value: row.decimal("exited_value")?,
        created_at: row.time("created_at")?,
        opened_at: row.opt_time("opened_at")?,
        closed_at: row.opt_time("closed_at")?,
        close_reason: row.opt_name("close_reason")?,
        gaps: Gaps {
            count: row.int("gap_count")?,
            total_ms: row.int("gap_total_ms")?,
            longest_ms: row.int("gap_longest_ms")?,
        },
        close_failures: row.int("close_failures")?,
        close_retry_at: row.opt_time("close_retry_at")?,
        standing: standing::read(row)?,
        ladder: ladder::read(row)?,
    })
}

fn read_entry(row: &Cells<'_>) -> Result<Entry, StoreError> {
    let kind = match row.str("entry_kind")? {
        "market" => EntryKind::Market,
        "limit" => EntryKind::Limit(row.price("entry_limit")?),
        other => return Err(row.bad("entry_kind", other)),
    };
    Ok(Entry {
        kind,
        quantity: row.quantity("entry_quantity")?,
        time_in_force: row.word("entry_time_in_force")?,
        reference: row.price("entry_reference")?,
        on_partial: row.word("on_partial")?,
        guard: row.word("entry_guard")?,
        cancel_asked: row.flag("entry_cancel_asked")?,
        ended: row.flag("entry_ended")?,
    })
}

fn read_protection(row: &Cells<'_>) -> Result<Protection, StoreError> {
    Ok(match row.str("protection")? {
        "not_wanted" => Protection::NotWanted,
        "protected" => Protection::Protected,
        "pending" => Protection::Pending { since: row.time("protection_since")? },
        "unprotected" => Protection::Unprotected {
            since: row.time("protection_since")?,
            why: row.word("protection_why")?,
        },
        other => return Err(row.bad("protection", other)),
    })
}

/// A task's cells; all empty without one.
#[derive(Default)]
struct TaskCells<'a> {
    word: Option<&'static str>,
    to: Option<String>,
    why: Option<&'a str>,
    source: (Option<&'static str>, Option<&'a str>, Option<&'a str>),
}

impl<'a> TaskCells<'a> {
    fn of(task: Option<&'a Task>) -> Self {
        let empty = Self::default();
        match task {
            None => empty,
            Some(Task::Close { why, source }) => {
                let (kind, name, digest) = source::cells(source);
                let source = (Some(kind), name, digest);
                Self { word: Some("close"), why: Some(why), source, ..empty }
            }
            Some(Task::Reduce { to }) => {
                Self { word: Some("reduce"), to: Some(to.get().to_string()), ..empty }
            }
            Some(Task::Grow { to }) => {
                Self { word: Some("grow"), to: Some(to.get().to_string()), ..empty }
            }
        }
    }
}

fn read_task(row: &Cells<'_>) -> Result<Option<Task>, StoreError> {
    Ok(match row.opt_str("task")? {
        None => None,
        Some("close") => Some(Task::Close {
            why: row.string("task_why")?,
            source: source::read(row, TASK_SOURCE)?,
        }),
        Some("reduce") => Some(Task::Reduce { to: row.quantity("task_to")? }),
        Some("grow") => Some(Task::Grow { to: row.quantity("task_to")? }),
        Some(other) => return Err(row.bad("task", other)),
    })
}
