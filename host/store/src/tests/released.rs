//! Every released schema, as a program of that time left it, opens with this one: no row is lost
//! and every row reads.
//!
//! A migration that is released adds its schema to `LEDGERS`; examples/dump.rs makes the fixture.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use super::schema::objects;
use crate::activity::{
    ACTIVITY_FILE, ACTIVITY_SCHEMA, ActivityLog, ActivityOptions, ActivityReader,
};
use crate::open::{MIGRATIONS, newest_version};
use crate::tools::check::check_dir;
use crate::tools::{Summary, export::Export};
use crate::{LEDGER_FILE, Ledger, OpenOptions, StoreError};

/// Released schemas of the ledger: number and fixture, the oldest first.
const LEDGERS: &[(usize, &str)] =
    &[(1, include_str!("fixtures/ledger-v1.sql")), (3, include_str!("fixtures/ledger-v3.sql"))];
/// Released schemas of the activity log.
const ACTIVITIES: &[(i64, &str)] = &[(1, include_str!("fixtures/activity-v1.sql"))];

const SMALL: OpenOptions =
    OpenOptions { busy_ms: 20, ballast_bytes: 0, fixed_id: false, replaces_lost: false };

/// The rows of each table, each as the texts of its cells by column.
type Rows = BTreeMap<String, Vec<BTreeMap<String, String>>>;

fn file(path: &Path, fixture: &str) {
    Connection::open(path).unwrap().execute_batch(fixture).unwrap();
}

/// Every cell of the tables and columns that `like` has; of all of them without it.
fn cells(path: &Path, like: Option<&Rows>) -> Rows {
    let sql = Connection::open(path).unwrap();
    let texts = |query: &str| -> Vec<String> {
        let mut statement = sql.prepare(query).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let tables = texts("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let mut all = Rows::new();
    for table in tables.into_iter().filter(|table| like.is_none_or(|like| like.contains_key(table)))
    {
        let columns: Vec<String> = match like.and_then(|like| like[&table].first()) {
            Some(row) => row.keys().cloned().collect(),
            None => texts(&format!("SELECT name FROM pragma_table_info('{table}')")),
        };
        let quoted: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
        let query = format!("SELECT {} FROM \"{table}\"", quoted.join(", "));
        let mut statement = sql.prepare(&query).unwrap();
        let rows = statement.query_map([], |row| {
            let cell = |(at, name): (usize, &String)| Ok((name.clone(), row.get(at)?));
            columns.iter().enumerate().map(cell).collect::<Result<_, _>>()
        });
        let mut rows: Vec<_> = rows.unwrap().collect::<Result<_, _>>().unwrap();
        rows.sort();
        all.insert(table, rows);
    }
    all
}

#[test]
fn a_released_schema_is_never_changed_afterwards() {
    for (version, fixture) in LEDGERS {
        let old = Connection::open_in_memory().unwrap();
        old.execute_batch(fixture).unwrap();
        let found: i64 = old.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(usize::try_from(found).unwrap(), *version);
        let mut made = Connection::open_in_memory().unwrap();
        MIGRATIONS.to_version(&mut made, *version).unwrap();
        assert_eq!(objects(&old), objects(&made), "schema {version}");
    }
}

#[test]
fn every_column_of_a_fixture_has_a_value_to_lose() {
    for (version, fixture) in LEDGERS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LEDGER_FILE);
        file(&path, fixture);
        for (table, rows) in cells(&path, None) {
            assert!(!rows.is_empty(), "schema {version}: {table} has no row");
            for column in rows[0].keys() {
                let has_value = rows.iter().any(|row| row[column] != "NULL");
                assert!(has_value, "schema {version}: {table}.{column} is empty everywhere");
            }
        }
    }
}

#[test]
fn a_ledger_of_every_released_schema_opens_with_every_row_and_is_kept_as_it_was() {
    for (version, fixture) in LEDGERS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LEDGER_FILE);
        file(&path, fixture);
        let before = cells(&path, None);
        // What the tools say of it before anything has been migrated.
        assert_eq!(check_dir(dir.path()).unwrap().findings, [], "schema {version}");
        let summary = Summary::of(&path).unwrap();
        assert_eq!(summary.schema, i64::try_from(*version).unwrap(), "looking migrates nothing");
        let export = Export::open(dir.path()).unwrap();
        let facts = export.facts::<StoreError>(|_| Ok(())).unwrap();
        assert_eq!(facts, before["facts"].len() as u64);

        let ledger = Ledger::open_with(dir.path(), SMALL).unwrap();
        let loaded = ledger.load().unwrap();
        assert_eq!(loaded.last_fact_seq, facts);
        assert_eq!(loaded.transactions.len(), before["transactions"].len());
        drop(ledger);
        assert_eq!(Summary::of(&path).unwrap().schema, newest_version());
        assert_eq!(cells(&path, Some(&before)), before, "schema {version}");
        assert_eq!(check_dir(dir.path()).unwrap().findings, []);

        let kept = dir.path().join(format!("ledger.db.before-v{}", newest_version()));
        let is_old = i64::try_from(*version).unwrap() < newest_version();
        assert_eq!(kept.exists(), is_old, "an older ledger is copied before its migration");
        if is_old {
            assert_eq!(cells(&kept, None), before);
        }
    }
}

#[test]
fn an_activity_log_of_every_released_schema_goes_on_with_every_row() {
    for (version, fixture) in ACTIVITIES {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ACTIVITY_FILE);
        file(&path, fixture);
        let before = cells(&path, None);
        assert_eq!(
            ActivityLog::start(dir.path(), ActivityOptions::default()).unwrap().shutdown(30_000),
            0
        );
        let rows = ActivityReader::open(dir.path()).unwrap().tail(0, 10_000, &Default::default());
        assert_eq!(rows.unwrap().len(), before["activity"].len(), "schema {version}");
        let after = cells(&path, Some(&before));
        assert_eq!(after["activity"], before["activity"], "schema {version}");
        assert!(!dir.path().join("activity.db.damaged").exists());
    }
    assert_eq!(ACTIVITIES.last().map(|last| last.0), Some(ACTIVITY_SCHEMA));
}

#[test]
fn a_copy_before_a_migration_is_made_once_for_each_state_and_never_overwritten() {
    // By hand, since it must hold also while there is one schema only.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(LEDGER_FILE);
    file(&path, LEDGERS[0].1);
    let sql = Connection::open(&path).unwrap();
    let copy = || crate::tools::backup::before_migration(&sql, &path, 2).unwrap();
    let kept = |suffix: &str| dir.path().join(format!("ledger.db.before-v2{suffix}"));
    copy();
    // A start that failed after the copy comes back here, again and again.
    copy();
    assert!(kept("").exists() && !kept(".2").exists());
    assert_eq!(cells(&kept(""), None), cells(&path, None));
    // Back to the older program, which traded on, and up once more.
    sql.execute_batch(
        "INSERT INTO facts SELECT (SELECT max(seq) + 1 FROM facts), committed_at, at, kind, source, \
         source_name, source_digest, account, transaction_id, symbol, slice, op, code, before, \
         after, quantity, span_ms, text, inputs FROM facts WHERE seq = 1",
    )
    .unwrap();
    copy();
    assert_eq!(cells(&kept(".2"), None), cells(&path, None));
    assert_ne!(cells(&kept(""), None), cells(&path, None));
}
