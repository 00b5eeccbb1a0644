//! The schema: one truth in two forms, words that are refused, facts that stay.

use bracketd_core::time::Timestamp;
use rusqlite::Connection;

use super::sample::{opened, stop_changed, stop_move};
use crate::open::MIGRATIONS;
use crate::{Batch, Ledger, StoreError};

pub(crate) fn objects(sql: &Connection) -> Vec<(String, String, Option<String>)> {
    let squeeze = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut statement =
        sql.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").unwrap();
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?.map(squeeze)))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_migrations_make_exactly_the_schema_that_is_written_down() {
    let whole = Connection::open_in_memory().unwrap();
    whole.execute_batch(include_str!("../schema.sql")).unwrap();
    let mut migrated = Connection::open_in_memory().unwrap();
    MIGRATIONS.to_latest(&mut migrated).unwrap();
    assert_eq!(objects(&whole), objects(&migrated));
    assert!(objects(&whole).len() > 10);
}

#[test]
fn facts_are_neither_changed_nor_removed() {
    let mut ledger = Ledger::in_memory().unwrap();
    let facts = [stop_changed(1, 9_600)];
    ledger.commit(&Batch { facts: &facts, ..Batch::new(Timestamp(1)) }).unwrap();
    for (statement, words) in [
        ("UPDATE facts SET text = 'x'", "facts are never changed"),
        ("DELETE FROM facts", "facts are never removed"),
    ] {
        let error = ledger.sql.execute(statement, []).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_cell_without_meaning_is_refused_with_its_place() {
    let cases = [
        ("UPDATE transactions SET status = 'OPEN'", "transactions", "1", "status", "OPEN"),
        ("UPDATE transactions SET stop = '-1'", "transactions", "1", "stop", "-1"),
        ("UPDATE transactions SET protection = ''", "transactions", "1", "protection", ""),
        ("UPDATE transactions SET stop_locked = 2", "transactions", "1", "stop_locked", "2"),
        ("UPDATE slices SET held = 'ten'", "slices", "1/0", "held", "ten"),
        ("UPDATE slices SET no = 256", "slices", "1/0", "no", "256"),
        ("UPDATE outbox SET legs = 'leg'", "outbox", "1/0/leg/1", "legs", "leg"),
        ("UPDATE outbox SET body = '{}'", "outbox", "1/0/stop/1", "body", "{}"),
        ("UPDATE outbox SET kind = 'x'", "outbox", "1/0/stop/1", "kind", "x"),
    ];
    for (statement, table_expected, row_expected, column_expected, text_expected) in cases {
        let mut ledger = Ledger::in_memory().unwrap();
        let mut tx = opened(1);
        tx.ops.push(stop_move(1, 9_600));
        let batch = Batch { transactions: vec![&tx], ..Batch::new(Timestamp(1)) };
        ledger.commit(&batch).unwrap();
        ledger.sql.execute(statement, []).unwrap();
        match ledger.load().unwrap_err() {
            StoreError::BadValue { table, row, column, text } => assert_eq!(
                (table, &*row, column, &*text),
                (table_expected, row_expected, column_expected, text_expected)
            ),
            other => panic!("{statement}: {other}"),
        }
    }
}
