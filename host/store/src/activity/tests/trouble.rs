//! The file is locked, full, damaged or too large; the writer dies; the queue overflows.

use std::sync::atomic::Ordering;

use super::*;
use crate::ballast::BALLAST_FILE;

#[test]
fn i12_while_the_file_is_locked_nothing_waits_and_everything_lands_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let outsider = outsider_with_the_lock(dir.path());
    let log = start(dir.path());
    let recorder = log.recorder();
    (1..=5_000).for_each(|n| recorder.record(note(n)));
    wait_until("the lock is noticed", || log.status().is_failing);
    let status = log.status();
    assert_eq!((status.written, status.lost), (0, 0));
    assert!(status.last_error.unwrap().contains("locked"));
    outsider.execute_batch("ROLLBACK").unwrap();
    wait_until("all is written", || log.status().written == 5_000);
    wait_until("it is well again", || !log.status().is_failing);
    let seqs: Vec<u64> = rows(dir.path()).iter().map(|row| row.seq).collect();
    assert_eq!(seqs, (1..=5_000).collect::<Vec<_>>());
}

#[test]
fn i12_what_the_queue_cannot_take_is_counted_and_stands_in_the_file_as_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let outsider = outsider_with_the_lock(dir.path());
    let options = ActivityOptions { queue: 16, ..ActivityOptions::default() };
    let log = ActivityLog::start(dir.path(), options).unwrap();
    let recorder = log.recorder();
    (1..=5_000).for_each(|n| recorder.record(note(n)));
    let lost = log.status().lost;
    assert!(lost >= 5_000 - 1_000 - 16, "the writer's hand and the queue hold the rest: {lost}");
    outsider.execute_batch("ROLLBACK").unwrap();
    assert_eq!(log.shutdown(30_000), 0);

    let (gaps, kept): (Vec<_>, Vec<_>) =
        rows(dir.path()).into_iter().partition(|row| row.kind == ActivityKind::Lost);
    assert_eq!(gaps.iter().filter_map(|gap| gap.lost).sum::<u64>(), lost);
    assert_eq!(kept.len() as u64 + lost, 5_000);
    let seqs: std::collections::BTreeSet<u64> = kept.iter().map(|row| row.seq).collect();
    let first_missing = (1..).find(|seq| !seqs.contains(seq));
    assert_eq!(gaps.iter().map(|gap| gap.seq).min(), first_missing);
}

#[test]
fn a_writer_that_dies_is_started_again_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(dir.path());
    let recorder = log.recorder();
    recorder.record(note(1));
    wait_until("the first is written", || log.status().written == 1);
    recorder.shared().kill.store(true, Ordering::Release);
    (2..=1_500).for_each(|n| recorder.record(note(n)));
    wait_until("all is written", || log.status().written == 1_500);
    let status = log.status();
    assert_eq!((status.restarts, status.lost), (1, 0));
    assert!(status.last_error.unwrap().contains("died"));
    let seen: Vec<(u64, u64)> = rows(dir.path()).iter().map(|row| (row.run, row.seq)).collect();
    assert_eq!(seen, (1..=1_500).map(|seq| (1, seq)).collect::<Vec<_>>());
}

#[test]
fn a_shutdown_gives_up_at_its_deadline_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let _outsider = outsider_with_the_lock(dir.path());
    let log = start(dir.path());
    let recorder = log.recorder();
    (1..=3_000).for_each(|n| recorder.record(note(n)));
    assert_eq!(log.shutdown(50), 3_000);
    recorder.record(note(1));
    assert_eq!(recorder.status().lost, 1, "what comes after the end is counted");
}

#[test]
fn a_damaged_file_is_set_aside_and_a_new_one_begins() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(ACTIVITY_FILE);
    std::fs::write(&path, vec![7; 8_192]).unwrap();
    let log = start(dir.path());
    log.recorder().record(note(1));
    assert_eq!(log.shutdown(30_000), 0);
    assert_eq!(rows(dir.path()).len(), 1);
    let aside = std::fs::read(dir.path().join("activity.db.damaged")).unwrap();
    assert_eq!(aside, vec![7; 8_192]);
}

#[test]
fn while_the_ledger_has_no_ballast_left_activity_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ballast = dir.path().join(BALLAST_FILE);
    std::fs::write(&ballast, "").unwrap();
    let log = start(dir.path());
    log.recorder().record(note(1));
    wait_until("it waits", || log.status().is_failing);
    assert_eq!(log.status().written, 0);
    assert_eq!(log.status().last_error.unwrap(), "the disk is full");
    std::fs::write(&ballast, "room").unwrap();
    wait_until("it goes on", || log.status().written == 1);
}

#[test]
fn at_its_size_limit_the_oldest_rows_go() {
    let dir = tempfile::tempdir().unwrap();
    let limit = 2_000_000;
    let options = ActivityOptions { file_bytes_max: limit, ..ActivityOptions::default() };
    let log = ActivityLog::start(dir.path(), options).unwrap();
    let recorder = log.recorder();
    let count = 60_000;
    (1..=count).for_each(|n| recorder.record(note(n)));
    assert_eq!(log.shutdown(30_000), 0);
    let rows = rows(dir.path());
    assert!(rows.len() < 50_000, "{} rows are left", rows.len());
    assert_eq!(rows.last().unwrap().at.0, count, "the newest stay");
    let first = rows.first().unwrap().seq;
    assert_eq!(rows.len() as u64, count as u64 + 1 - first, "without a hole");
    let size = std::fs::metadata(dir.path().join(ACTIVITY_FILE)).unwrap().len();
    assert!(size < limit * 2, "the file has {size} bytes");
}

#[test]
fn a_reader_that_holds_the_log_open_stops_the_writer_before_the_disk_fills() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(start(dir.path()).shutdown(30_000), 0);
    let reader = Connection::open(dir.path().join(ACTIVITY_FILE)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM activity;").unwrap();
    let options = ActivityOptions { wal_bytes_max: 200_000, ..ActivityOptions::default() };
    let log = ActivityLog::start(dir.path(), options).unwrap();
    let recorder = log.recorder();
    (1..=20_000).for_each(|n| recorder.record(note(n)));
    wait_until("it waits", || log.status().is_failing);
    assert!(log.status().written < 20_000);
    reader.execute_batch("COMMIT").unwrap();
    wait_until("it goes on", || log.status().written == 20_000);
}
