//! What the ledger proves is never missing from the log for good.

use bracketd_core::Decimal;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::intent::Source;

use super::*;
use crate::open::OpenOptions;
use crate::{Batch, Ledger};

fn open_ledger(dir: &Path) -> Ledger {
    Ledger::open_with(dir, OpenOptions { ballast_bytes: 0, ..OpenOptions::default() }).unwrap()
}

fn fact(n: i64) -> Fact {
    let mut fact = Fact::new(Timestamp(n), FactKind::StopChanged, Source::Host);
    fact.text = format!("fact {n}");
    fact
}

/// Commits facts `from..=to` and records them, as the daemon does after each commit.
fn commit_and_record(ledger: &mut Ledger, recorder: &Recorder, from: i64, to: i64) {
    let facts: Vec<Fact> = (from..=to).map(fact).collect();
    let batch = Batch { facts: &facts, ..Batch::new(Timestamp(to)) };
    let first = ledger.commit(&batch).unwrap().first_fact_seq;
    for (seq, fact) in (first..).zip(&facts) {
        recorder.record(Record::from_fact(fact, seq));
    }
}

fn fact_seqs(dir: &Path) -> Vec<u64> {
    rows(dir).iter().filter_map(|row| row.fact_seq).collect()
}

fn upto(count: u64) -> Vec<u64> {
    (1..=count).collect()
}

#[test]
fn facts_that_a_crash_took_are_filled_in_at_the_next_start_before_live_ones() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open_ledger(dir.path());
    let log = start(dir.path());
    commit_and_record(&mut ledger, &log.recorder(), 1, 10);
    wait_until("the first are written", || log.status().written == 10);
    let outsider = Connection::open(dir.path().join(ACTIVITY_FILE)).unwrap();
    outsider.execute_batch("BEGIN IMMEDIATE").unwrap();
    commit_and_record(&mut ledger, &log.recorder(), 11, 2_500);
    drop(log);
    outsider.execute_batch("ROLLBACK").unwrap();
    assert_eq!(fact_seqs(dir.path()), upto(10), "the crash took the rest");

    let log = start(dir.path());
    commit_and_record(&mut ledger, &log.recorder(), 2_501, 2_600);
    log.recorder().record(note(1));
    assert_eq!(log.shutdown(30_000), 0);
    assert_eq!(fact_seqs(dir.path()), upto(2_600), "each once, in order");
    let rows = rows(dir.path());
    assert_eq!(rows.len(), 2_601);
    assert!(rows.iter().all(
        |row| row.run == if row.fact_seq <= Some(10) && row.fact_seq.is_some() { 1 } else { 2 }
    ));
    assert!(rows.iter().filter(|row| row.fact_seq.is_some()).all(|row| {
        row.at.0.unsigned_abs() == row.fact_seq.unwrap() && row.text == format!("fact {}", row.at.0)
    }));
}

#[test]
fn a_lost_file_is_rebuilt_from_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open_ledger(dir.path());
    let log = start(dir.path());
    commit_and_record(&mut ledger, &log.recorder(), 1, 1_200);
    assert_eq!(log.shutdown(30_000), 0);
    std::fs::remove_file(dir.path().join(ACTIVITY_FILE)).unwrap();
    assert_eq!(start(dir.path()).shutdown(30_000), 0);
    assert_eq!(fact_seqs(dir.path()), upto(1_200));
}

#[test]
fn a_file_that_is_lost_while_the_log_runs_is_rebuilt_when_the_writer_opens_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open_ledger(dir.path());
    let log = start(dir.path());
    commit_and_record(&mut ledger, &log.recorder(), 1, 10);
    log.recorder().record(note(1));
    wait_until("it has caught up", || log.status().written == 11);
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(dir.path().join(format!("{ACTIVITY_FILE}{suffix}"))).unwrap();
    }
    log.recorder().shared().kill.store(true, std::sync::atomic::Ordering::Release);
    log.recorder().record(note(2));
    assert_eq!(log.shutdown(30_000), 0);
    assert_eq!(fact_seqs(dir.path()), upto(10));
    assert_eq!(rows(dir.path()).last().unwrap().text, "note 2");
}

#[test]
fn i12_facts_that_found_the_queue_full_come_back_from_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open_ledger(dir.path());
    let options = ActivityOptions { queue: 16, ..ActivityOptions::default() };
    let log = ActivityLog::start(dir.path(), options).unwrap();
    commit_and_record(&mut ledger, &log.recorder(), 1, 10);
    log.recorder().record(note(1));
    // A note is written only once no facts are missing.
    wait_until("it has caught up", || log.status().written == 11);
    let outsider = Connection::open(dir.path().join(ACTIVITY_FILE)).unwrap();
    outsider.execute_batch("BEGIN IMMEDIATE").unwrap();
    commit_and_record(&mut ledger, &log.recorder(), 11, 4_000);
    let lost = log.status().lost;
    assert!(lost > 0);
    outsider.execute_batch("ROLLBACK").unwrap();
    wait_until("the queue is empty", || log.status().queued == 0);
    commit_and_record(&mut ledger, &log.recorder(), 4_001, 4_010);
    assert_eq!(log.shutdown(30_000), 0);
    assert_eq!(fact_seqs(dir.path()), upto(4_010), "each once, in order");
    let counted: u64 = rows(dir.path()).iter().filter_map(|row| row.lost).sum();
    assert_eq!(counted, lost);
}

#[test]
fn a_fact_keeps_what_people_read_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::Policy { name: "trail".into(), digest: "d".to_owned() };
    let mut fact = Fact::new(Timestamp(7), FactKind::Protected, source);
    fact.account = Some("paper".into());
    fact.transaction = Some(TransactionId(3));
    fact.symbol = Some("BRK.B".into());
    fact.code = "STOP_THROUGH_MARKET".into();
    fact.before = Some(Decimal::new(9_500, 2));
    fact.after = Some(Decimal::new(-1, 8));
    fact.quantity = Some(Decimal::TEN);
    fact.span_ms = Some(u64::MAX);
    fact.text = "é".repeat(100);
    let log = start(dir.path());
    log.recorder().record(Record::from_fact(&fact, 9));
    assert_eq!(log.shutdown(30_000), 0);
    let expected = ActivityRow {
        id: 1,
        run: 1,
        seq: 1,
        at: fact.at,
        kind: ActivityKind::Fact(fact.kind),
        lost: None,
        fact_seq: Some(9),
        transaction: fact.transaction,
        account: fact.account,
        symbol: fact.symbol,
        source: "policy(trail)".to_owned(),
        code: fact.code.into_owned(),
        before: fact.before,
        after: fact.after,
        quantity: fact.quantity,
        span_ms: Some(u32::MAX),
        text: format!("{}…", "é".repeat(40)),
    };
    assert_eq!(rows(dir.path()), [expected]);
}

#[test]
fn i12_the_log_of_another_ledger_is_set_aside_and_hides_no_fact_of_this_one() {
    // How many facts each of the two ledgers has: the other's log may be ahead or not.
    for (theirs, ours) in [(40, 10), (10, 40), (10, 10)] {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut ledger = open_ledger(other.path());
        let log = start(other.path());
        commit_and_record(&mut ledger, &log.recorder(), 101, 100 + theirs);
        assert_eq!(log.shutdown(30_000), 0);
        std::fs::copy(other.path().join(ACTIVITY_FILE), dir.path().join("theirs")).unwrap();

        let mut ledger = open_ledger(dir.path());
        std::fs::rename(dir.path().join("theirs"), dir.path().join(ACTIVITY_FILE)).unwrap();
        let batch: Vec<Fact> = (1..=ours).map(fact).collect();
        ledger.commit(&Batch { facts: &batch, ..Batch::new(Timestamp(1)) }).unwrap();
        let log = start(dir.path());
        commit_and_record(&mut ledger, &log.recorder(), ours + 1, ours + 5);
        let aside = dir.path().join("activity.db.other-ledger");
        wait_until("it is told", || log.status().set_aside.as_ref() == Some(&aside));
        assert_eq!(log.shutdown(30_000), 0);
        assert_eq!(fact_seqs(dir.path()), upto(ours.unsigned_abs() + 5), "{theirs} and {ours}");
        let kept = Connection::open(aside).unwrap();
        let count = kept.query_row("SELECT count(*) FROM activity", [], |row| row.get::<_, i64>(0));
        assert_eq!(count.unwrap(), theirs);
    }
}
