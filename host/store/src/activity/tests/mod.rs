//! Tests of the activity log: nothing blocks, nothing is lost uncounted (I12).
//!
//! Whatever depends on the writer's thread waits for a state, never for a time.

mod facts;
mod trouble;

use std::path::Path;
use std::time::{Duration, Instant};

use bracketd_core::ids::TransactionId;
use bracketd_core::time::Timestamp;
use rusqlite::Connection;

use super::*;

/// Long enough for any machine; only a broken writer takes it.
const PATIENCE: Duration = Duration::from_secs(30);

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn start(dir: &Path) -> ActivityLog {
    ActivityLog::start(dir, ActivityOptions::default()).unwrap()
}

fn note(n: i64) -> Record {
    let mut record = Record::new(Timestamp(n), ActivityKind::DaemonNote);
    record.text = InlineStr::new(&format!("note {n}"));
    record
}

fn rows(dir: &Path) -> Vec<ActivityRow> {
    let reader = ActivityReader::open(dir).unwrap();
    reader.tail(0, 1_000_000, &ActivityFilter::default()).unwrap()
}

/// Makes the file, as an earlier run would have, and takes its write lock.
fn outsider_with_the_lock(dir: &Path) -> Connection {
    assert_eq!(start(dir).shutdown(30_000), 0);
    let sql = Connection::open(dir.join(ACTIVITY_FILE)).unwrap();
    sql.execute_batch("BEGIN IMMEDIATE").unwrap();
    sql
}

#[test]
fn every_record_lands_once_in_order_with_its_own_time_and_number() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(dir.path());
    let recorder = log.recorder();
    (1..=2_500).for_each(|n| recorder.record(note(n)));
    assert_eq!(log.shutdown(30_000), 0);
    let rows = rows(dir.path());
    assert_eq!(rows.len(), 2_500);
    for (n, row) in (1..).zip(&rows) {
        assert_eq!((row.run, row.seq, row.at.0), (1, n, n as i64));
        assert_eq!(row.text, format!("note {n}"));
    }
}

#[test]
fn each_start_is_a_run_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    for run in 1..=3 {
        let log = start(dir.path());
        log.recorder().record(note(run));
        assert_eq!(log.shutdown(30_000), 0);
    }
    let runs: Vec<(u64, u64)> = rows(dir.path()).iter().map(|row| (row.run, row.seq)).collect();
    assert_eq!(runs, [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn a_reader_follows_and_filters() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(dir.path());
    for n in 1..=10 {
        let mut record = note(n);
        record.transaction = u64::try_from(n % 2).unwrap();
        if n == 4 {
            record.kind = ActivityKind::PolicyRan;
        }
        log.recorder().record(record);
    }
    assert_eq!(log.shutdown(30_000), 0);
    let reader = ActivityReader::open(dir.path()).unwrap();
    let all = ActivityFilter::default();
    let seqs = |rows: Vec<ActivityRow>| rows.iter().map(|row| row.seq).collect::<Vec<_>>();
    let first = reader.tail(0, 4, &all).unwrap();
    let last_id = first.last().unwrap().id;
    assert_eq!(seqs(first), [1, 2, 3, 4]);
    assert_eq!(seqs(reader.tail(last_id, 100, &all).unwrap()), [5, 6, 7, 8, 9, 10]);
    assert_eq!(seqs(reader.last(3, &all).unwrap()), [8, 9, 10]);
    let one = ActivityFilter { transaction: Some(TransactionId(1)), kind: None };
    assert_eq!(seqs(reader.last(2, &one).unwrap()), [7, 9]);
    let ran = ActivityFilter { kind: Some(ActivityKind::PolicyRan), transaction: None };
    assert_eq!(seqs(reader.tail(0, 100, &ran).unwrap()), [4]);
}

#[test]
fn every_kind_has_a_name_that_reads_back() {
    let facts = bracketd_core::fact::FactKind::ALL.map(ActivityKind::Fact);
    let own = [
        ActivityKind::PolicyRan,
        ActivityKind::PolicySkipped,
        ActivityKind::QuoteGap,
        ActivityKind::DaemonNote,
        ActivityKind::Lost,
    ];
    for kind in facts.into_iter().chain(own) {
        assert_eq!(ActivityKind::parse(kind.as_str()), Some(kind));
    }
}
