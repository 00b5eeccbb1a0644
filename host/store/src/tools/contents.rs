//! The rows of a ledger against what they must be to each other.
//!
//! Apart from the file's own soundness because SQLite cannot know any of it. It reads through the
//! same functions as the start does: what passes here, loads.

use std::collections::BTreeMap;

use bracketd_core::Decimal;
use bracketd_core::command::Op;
use bracketd_core::transaction::Transaction;
use rusqlite::Connection;

use super::error::ToolError;
use super::finding::{Finding, FindingKind, TOLD_MAX};
use crate::error::StoreError;
use crate::facts::{self, FactFilter};
use crate::load;

const PAGE: u32 = 1_000;

/// Reads everything.
pub(super) fn check(sql: &Connection) -> Result<Vec<Finding>, ToolError> {
    let mut found = Findings::default();
    fact_numbers(sql, &mut found)?;
    fact_rows(sql, &mut found)?;
    transactions(sql, &mut found)?;
    ids(sql, &mut found)?;
    found.read(load::all_policy_versions(sql))?;
    // The tables that no transaction has: accounts and instruments.
    found.read(load::load(sql))?;
    Ok(found.list)
}

#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, kind: FindingKind, place: String, what: String) {
        let finding = Finding { kind, place, what };
        let alike = self.list.iter().filter(|other| other.kind == kind).count();
        if alike < TOLD_MAX && !self.list.contains(&finding) {
            self.list.push(finding);
        }
    }

    /// What was read; a cell without meaning is a finding.
    fn read<T>(&mut self, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::BadValue { table, row, column, text }) => {
                let what = format!("column {column}: {text:?} is not valid");
                self.add(FindingKind::UnreadableRow, format!("{table}, row {row}"), what);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}

fn fact_numbers(sql: &Connection, found: &mut Findings) -> Result<(), StoreError> {
    let query = "SELECT before + 1, seq - 1 FROM \
                 (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS before FROM facts) \
                 WHERE seq <> before + 1";
    let mut statement = sql.prepare(query)?;
    let gaps = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    for gap in gaps.take(TOLD_MAX) {
        let (first, last) = gap?;
        let what = match last - first {
            0 => format!("number {first} is missing"),
            _ => format!("numbers {first} to {last} are missing"),
        };
        found.add(FindingKind::FactsMissing, "facts".to_owned(), what);
    }
    Ok(())
}

fn fact_rows(sql: &Connection, found: &mut Findings) -> Result<(), StoreError> {
    let mut after_seq = 0;
    loop {
        let filter = FactFilter { after_seq, limit: PAGE, ..FactFilter::default() };
        let page = facts::read(sql, &filter);
        // The row that cannot be read is passed over; those before it in the page were read.
        let bad = match &page {
            Err(StoreError::BadValue { row, .. }) => row.parse().ok(),
            _ => None,
        };
        let page = found.read(page)?.unwrap_or_default();
        match page.last().map(|fact| fact.seq).or(bad) {
            Some(seq) => after_seq = seq,
            None => return Ok(()),
        }
    }
}

fn transactions(sql: &Connection, found: &mut Findings) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let page = load::ids(sql, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = *last;
        for id in page {
            let tx = found.read(load::one(sql, id))?.flatten();
            let ops = found.read(load::all_ops(sql, id))?;
            if let (Some(tx), Some(ops)) = (tx, ops) {
                held(&tx, found);
                legs(&tx, found);
                counters(&tx, &ops, found);
                found.read(load::policy_states(sql, &[tx]))?;
            }
        }
    }
}

/// The slices add up to what entered less what left.
fn held(tx: &Transaction, found: &mut Findings) {
    let held: Decimal = tx.slices.iter().map(|slice| slice.held.get()).sum();
    let (entered, exited) = (tx.entered.get(), tx.exited.get());
    if held != entered - exited {
        let place = format!("transaction {} ({})", tx.id, tx.symbol);
        let what = format!("its slices hold {held}; {entered} entered and {exited} left");
        found.add(FindingKind::HeldDiffers, place, what);
    }
}

/// At most one unsettled row occupies a leg of a slice.
fn legs(tx: &Transaction, found: &mut Findings) {
    for (at, op) in tx.ops.iter().enumerate() {
        let twin = tx
            .ops
            .iter()
            .skip(at + 1)
            .find(|other| other.slice == op.slice && other.legs.overlaps(op.legs));
        if let Some(twin) = twin {
            let place = format!("transaction {}, slice {}", tx.id, op.slice);
            let row =
                |op: &Op| format!("{} step {} ({})", op.legs.as_str(), op.step, op.state.as_str());
            let what = format!("both unsettled: {} and {}", row(op), row(twin));
            found.add(FindingKind::LegTwice, place, what);
        }
    }
}

/// No row is numbered beyond its leg's counter: the next step would be taken twice.
fn counters(tx: &Transaction, ops: &[Op], found: &mut Findings) {
    let mut highest = BTreeMap::new();
    for op in ops {
        let step = highest.entry((op.slice, op.legs)).or_insert(0);
        *step = op.step.max(*step);
    }
    for ((slice, legs), step) in highest {
        let count = tx.steps.iter().find(|c| c.slice == slice && c.legs == legs);
        let counted = count.map_or(0, |count| count.steps);
        if step > counted {
            let place = format!("transaction {}, slice {slice}, {}", tx.id, legs.as_str());
            let what = format!("an outbox row has step {step}, the counter says {counted}");
            found.add(FindingKind::CounterBehind, place, what);
        }
    }
}

/// No two outbox rows have an id in common.
fn ids(sql: &Connection, found: &mut Findings) -> Result<(), StoreError> {
    for column in ["op", "client_id"] {
        let query = format!(
            "SELECT {column}, count(*) FROM outbox GROUP BY {column} HAVING count(*) > 1 \
             LIMIT {TOLD_MAX}"
        );
        let mut statement = sql.prepare(&query)?;
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        for row in rows {
            let (id, count) = row?;
            let what = format!("{column} {id} stands in {count} rows");
            found.add(FindingKind::IdRepeated, "outbox".to_owned(), what);
        }
    }
    Ok(())
}
