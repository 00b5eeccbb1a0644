//! The schema: one truth in two forms, words that are refused, facts that stay.

use bracketd_core::time::Timestamp;
use rusqlite::Connection;

use super::sample::{opened, stop_changed, stop_move};
use crate::open::MIGRATIONS;
use crate::{Batch, Ledger, StoreError};

/// Tables by their columns and kind, everything else by its text: a column that a migration added
/// stands elsewhere in the text than one that was there from the start.
pub(crate) fn objects(sql: &Connection) -> Vec<(String, String)> {
    let squeeze = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut all = rows(
        sql,
        "SELECT name, type || ' ' || ifnull(sql, '') FROM sqlite_schema \
         WHERE type <> 'table' ORDER BY name",
    );
    all.extend(rows(
        sql,
        "SELECT t.name || '.' || c.name, \
                t.strict || t.wr || c.type || c.\"notnull\" || ifnull(c.dflt_value, '') || c.pk \
         FROM pragma_table_list t JOIN pragma_table_xinfo(t.name) c \
         WHERE t.schema = 'main' ORDER BY t.name, c.name",
    ));
    all.extend(rows(
        sql,
        "SELECT t.name || '.' || f.\"from\", f.\"table\" || '.' || f.\"to\" \
         FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f \
         WHERE t.schema = 'main' ORDER BY t.name, f.\"from\"",
    ));
    all.into_iter().map(|(name, text)| (name, squeeze(text))).collect()
}

fn rows(sql: &Connection, query: &str) -> Vec<(String, String)> {
    let mut statement = sql.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_migrations_make_exactly_the_schema_that_is_written_down() {
    let whole = Connection::open_in_memory().unwrap();
    whole.execute_batch(include_str!("../schema.sql")).unwrap();
    let mut migrated = Connection::open_in_memory().unwrap();
    MIGRATIONS.to_latest(&mut migrated).unwrap();
    assert_eq!(objects(&whole), objects(&migrated));
    assert!(objects(&whole).len() > 100);
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
        ("UPDATE transactions SET ladder = '[{}]'", "transactions", "1", "ladder", "[{}]"),
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
