//! The ledger on a disk: one owner, all or nothing, and what a reader sees.

use std::path::Path;

use bracketd_core::Decimal;
use bracketd_core::command::OpState;
use bracketd_core::control::{Baseline, Control, Kill, KillLevel};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use rusqlite::Connection;

use crate::activity::{ACTIVITY_FILE, ActivityKind, ActivityLog, ActivityOptions, Record};

use super::sample::{opened, stop_changed, stop_move};
use crate::{
    Batch, ENDED_KEPT, FactFilter, LEDGER_FILE, Ledger, LedgerReader, OpenOptions, PolicyVersion,
    StoreError,
};

const SMALL: OpenOptions =
    OpenOptions { busy_ms: 20, ballast_bytes: 0, fixed_id: false, replaces_lost: false };

fn open(dir: &Path) -> Ledger {
    Ledger::open_with(dir, SMALL).unwrap()
}

fn of(tx: &Transaction) -> Batch<'_> {
    Batch { transactions: vec![tx], ..Batch::new(Timestamp(9)) }
}

fn ended(id: u64, at: i64) -> Transaction {
    let status = TransactionStatus::Closed;
    Transaction { status, closed_at: Some(Timestamp(at)), ..opened(id) }
}

#[test]
fn a_second_open_is_told_who_has_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let error = Ledger::open_with(dir.path(), SMALL).unwrap_err();
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    open(dir.path());
}

#[test]
fn what_the_store_makes_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path());
    ledger.commit(&of(&opened(1))).unwrap();
    let activity = ActivityLog::start(dir.path(), ActivityOptions::default()).unwrap();
    activity.recorder().record(Record::new(Timestamp(1), ActivityKind::Lost));
    while activity.status().written == 0 {
        std::thread::yield_now();
    }
    for file in [LEDGER_FILE, ACTIVITY_FILE] {
        for companion in ["", "-wal", "-shm"] {
            let path = dir.path().join(format!("{file}{companion}"));
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}: {mode:o}", path.display());
        }
    }
    assert_eq!(activity.shutdown(5_000), 0);
}

#[test]
fn i3_ledger_id_and_epoch_change_at_a_restore_and_never_else() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let identity = |dir: &Path| {
        let loaded = open(dir).load().unwrap();
        (loaded.ledger_id, loaded.epoch)
    };
    let first = identity(one.path());
    assert_eq!(first.0.len(), 32);
    assert_eq!(identity(one.path()), first);
    assert_ne!(identity(two.path()).0, first.0);
    assert_eq!(open(one.path()).begin_epoch().unwrap(), 1);
    let second = identity(one.path());
    assert_eq!(second.1, 1);
    assert_ne!(second.0, first.0, "the next life has an id of its own");
}

#[test]
fn a_restore_disarms_also_what_only_the_configuration_arms() {
    let mut ledger = Ledger::in_memory().unwrap();
    let control =
        |armed| Control { armed, broker_account: Some("PA1".to_owned()), ..Control::default() };
    let (armed, asked) = (control(Some(true)), control(None));
    let facts = [stop_changed(1, 9_600)];
    let batch = Batch {
        facts: &facts,
        controls: vec![("live".into(), &armed), ("new".into(), &asked)],
        ..Batch::new(Timestamp(1))
    };
    assert_eq!(ledger.commit(&batch).unwrap().first_fact_seq, 1);
    let all = |live, new| [("live".into(), control(live)), ("new".into(), control(new))].into();
    assert_eq!(ledger.load().unwrap().controls, all(Some(true), None));
    ledger.begin_epoch().unwrap();
    assert_eq!(ledger.load().unwrap().controls, all(Some(false), Some(false)));
}

#[test]
fn g8_kill_switches_and_baselines_read_back_and_one_that_was_never_set_has_no_row() {
    let mut ledger = Ledger::in_memory().unwrap();
    let set = |level, by| Kill { level, why: "smoke".to_owned(), by, since: Timestamp(7) };
    let daemon = set(KillLevel::Freeze, Source::Manual("ann".to_owned()));
    let number = |text: &str| text.parse::<Decimal>().unwrap();
    let baseline =
        Baseline { day: 20_000, day_equity: number("1000.50"), peak_equity: number("1200") };
    let halted = Control {
        kill: set(KillLevel::ProtectOnly, Source::Host),
        baseline: Some(baseline),
        ..Control::default()
    };
    let untouched = Control::default();
    let batch = Batch {
        controls: vec![("a".into(), &halted), ("b".into(), &untouched)],
        kill: Some(&daemon),
        ..Batch::new(Timestamp(8))
    };
    ledger.commit(&batch).unwrap();
    let rows: u32 =
        ledger.sql.query_row("SELECT count(*) FROM kills", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2, "the daemon's and that of a");
    let loaded = ledger.load().unwrap();
    assert_eq!(loaded.kill, daemon);
    assert_eq!(loaded.controls, [("a".into(), halted.clone()), ("b".into(), untouched)].into());
    let cleared = Control { baseline: None, ..halted };
    let controls = vec![("a".into(), &cleared)];
    ledger.commit(&Batch { controls, ..Batch::new(Timestamp(9)) }).unwrap();
    assert_eq!(ledger.load().unwrap().controls[&"a".into()].baseline, None);
}

#[test]
fn a_newer_schema_is_refused_before_anything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let sql = Connection::open(dir.path().join(LEDGER_FILE)).unwrap();
    sql.pragma_update(None, "user_version", 99).unwrap();
    let error = Ledger::open_with(dir.path(), SMALL).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }), "{error}");
    let error = LedgerReader::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(LEDGER_FILE), vec![7; 8_192]).unwrap();
    let error = Ledger::open_with(dir.path(), SMALL).unwrap_err();
    assert!(matches!(error, StoreError::DamagedFile { .. }), "{error}");
}

#[test]
fn while_somebody_holds_the_write_lock_nothing_is_written_and_the_same_batch_goes_in_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path());
    let mut tx = opened(1);
    ledger.commit(&of(&tx)).unwrap();
    tx.ops.push(stop_move(1, 9_600));
    let facts = [stop_changed(1, 9_600)];
    let batch = Batch { facts: &facts, ..of(&tx) };

    let outsider = Connection::open(dir.path().join(LEDGER_FILE)).unwrap();
    outsider.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..2 {
        let error = ledger.commit(&batch).unwrap_err();
        assert!(matches!(error, StoreError::Busy) && error.is_retryable(), "{error}");
    }
    assert_eq!(ledger.load().unwrap().transactions, [opened(1)]);
    outsider.execute_batch("ROLLBACK").unwrap();

    assert_eq!(ledger.commit(&batch).unwrap().first_fact_seq, 1);
    assert_eq!(ledger.load().unwrap().transactions, [tx]);
}

#[test]
fn a_full_file_writes_nothing_of_the_batch_and_the_same_batch_goes_in_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path());
    let mut tx = opened(1);
    ledger.commit(&of(&tx)).unwrap();
    let pages: i64 = ledger.sql.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = |ledger: &Ledger, pages: i64| {
        let set = format!("PRAGMA max_page_count = {pages}");
        ledger.sql.query_row(&set, [], |_| Ok(())).unwrap();
    };
    limit(&ledger, pages);
    tx.desired.version = 2;
    let mut fact = stop_changed(1, 9_600);
    fact.text = "x".repeat(100_000);
    let facts = [fact];
    let batch = Batch { facts: &facts, ..of(&tx) };
    let error = ledger.commit(&batch).unwrap_err();
    assert!(matches!(error, StoreError::Full) && error.is_retryable(), "{error}");
    assert_eq!(ledger.load().unwrap().transactions, [opened(1)]);
    limit(&ledger, pages + 100);
    assert_eq!(ledger.commit(&batch).unwrap().first_fact_seq, 1);
    assert_eq!(ledger.load().unwrap().transactions, [tx]);
}

#[test]
fn i3_a_step_never_becomes_another_operations_row() {
    let mut ledger = Ledger::in_memory().unwrap();
    let mut tx = opened(1);
    tx.ops.push(stop_move(1, 9_600));
    ledger.commit(&of(&tx)).unwrap();
    let mut thief = stop_move(1, 9_700);
    thief.id = "other".into();
    let batch = Batch { ops: vec![(tx.id, &thief)], ..Batch::new(Timestamp(9)) };
    let error = ledger.commit(&batch).unwrap_err();
    assert!(matches!(error, StoreError::OpConflict { step: 1, .. }), "{error}");
    assert_eq!(ledger.load().unwrap().transactions, [tx]);
}

#[test]
fn i13_of_all_that_a_row_was_in_one_step_the_ledger_has_the_last() {
    let mut ledger = Ledger::in_memory().unwrap();
    let mut tx = opened(1);
    tx.ops = vec![stop_move(1, 9_600), stop_move(2, 9_700)];
    ledger.commit(&of(&tx)).unwrap();
    // Surely not sent, and out again: after a crash it has to be looked up.
    let mut unsent = tx.ops[0].clone();
    unsent.state = OpState::NotSent { retry_at: Timestamp(5) };
    tx.ops[0].attempt += 1;
    let sent = tx.ops[0].clone();
    let mut settled = tx.ops.pop().unwrap();
    let was = settled.clone();
    settled.state = OpState::Done;
    let id = tx.id;
    let ops = vec![(id, &unsent), (id, &sent), (id, &settled)];
    ledger.commit(&Batch { ops, ..of(&tx) }).unwrap();
    assert_eq!(ledger.load().unwrap().transactions[0].ops, [sent]);

    // The same without the transaction's own row in the batch.
    let ops = vec![(id, &was), (id, &settled)];
    ledger.commit(&Batch { ops, ..Batch::new(Timestamp(9)) }).unwrap();
    assert_eq!(
        ledger.load().unwrap().transactions[0].ops.len(),
        1,
        "the settled one stays settled"
    );
}

#[test]
fn a_settled_row_is_kept_and_no_longer_loaded() {
    let mut ledger = Ledger::in_memory().unwrap();
    let mut tx = opened(1);
    tx.ops = vec![stop_move(1, 9_600), stop_move(2, 9_700)];
    ledger.commit(&of(&tx)).unwrap();
    let mut settled = tx.ops.remove(0);
    settled.state = OpState::Done;
    ledger.commit(&Batch { ops: vec![(tx.id, &settled)], ..of(&tx) }).unwrap();
    assert_eq!(ledger.load().unwrap().transactions, [tx]);
    let states: String = ledger
        .sql
        .query_row("SELECT group_concat(op || ' ' || state, ', ') FROM outbox", [], |r| r.get(0))
        .unwrap();
    assert_eq!(states, "op1 done, op2 in_flight");
}

#[test]
fn the_last_to_end_are_kept_and_a_reader_pages_through_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path());
    let count = ENDED_KEPT as u64 + 5;
    // The first transaction is the last to end.
    let all: Vec<Transaction> = (1..=count).map(|id| ended(id, 1_000_000 - id as i64)).collect();
    let live = opened(count + 1);
    let transactions = all.iter().chain([&live]).collect();
    ledger.commit(&Batch { transactions, ..Batch::new(Timestamp(1)) }).unwrap();
    let loaded = ledger.load().unwrap().transactions;
    let ids: Vec<u64> = loaded.iter().map(|tx| tx.id.0).collect();
    let expected: Vec<u64> = (1..=ENDED_KEPT as u64).rev().chain([count + 1]).collect();
    assert_eq!(ids, expected);

    let reader = LedgerReader::open(dir.path()).unwrap();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = reader.transactions_ended(300, before).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page);
    }
    assert_eq!(seen, all);
}

#[test]
fn versions_of_a_policy_are_found_by_the_beginning_of_their_hash() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path());
    let version = |(name, digest, at): (&str, &str, i64)| PolicyVersion {
        name: name.into(),
        digest: digest.to_owned(),
        source: format!("text of {digest}"),
        loaded_at: Timestamp(at),
        active: true,
    };
    for row in [("p", "aa11", 1), ("p", "aa22", 2), ("p", "b%_3", 3), ("q", "aa44", 4)] {
        let policy_versions = vec![version(row)];
        ledger.commit(&Batch { policy_versions, ..Batch::new(Timestamp(1)) }).unwrap();
    }
    let reader = LedgerReader::open(dir.path()).unwrap();
    let rows: [(&str, &str, u32, &[&str]); 8] = [
        ("p", "aa11", 9, &["aa11"]),
        ("p", "aa", 9, &["aa22", "aa11"]),
        ("p", "aa", 1, &["aa22"]),
        ("p", "", 9, &["b%_3", "aa22", "aa11"]),
        ("p", "%", 9, &[]),
        ("p", "aa111", 9, &[]),
        ("q", "aa", 9, &["aa44"]),
        ("r", "", 9, &[]),
    ];
    for (name, begins, limit, digests) in rows {
        let found = reader.policy_versions(&name.into(), begins, limit).unwrap();
        let seen: Vec<&str> = found.iter().map(|v| v.digest.as_str()).collect();
        assert_eq!(seen, digests, "{name} {begins}");
        assert!(found.iter().all(|v| v.source == format!("text of {}", v.digest)));
    }
}

#[test]
fn facts_are_found_by_transaction_kind_and_number_from_both_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path());
    let mut facts: Vec<_> = (1..=6).map(|n| stop_changed(n % 2, 9_000 + n as i64)).collect();
    facts[3].kind = FactKind::Refused;
    ledger.commit(&Batch { facts: &facts, ..Batch::new(Timestamp(1)) }).unwrap();
    let reader = LedgerReader::open(dir.path()).unwrap();
    let all = FactFilter::default;
    let odd = Some(TransactionId(1));
    let cases = [
        (all(), vec![1, 2, 3, 4, 5, 6]),
        (FactFilter { newest_first: true, limit: 2, ..all() }, vec![6, 5]),
        (FactFilter { after_seq: 4, ..all() }, vec![5, 6]),
        (FactFilter { transaction: odd, ..all() }, vec![1, 3, 5]),
        (FactFilter { kinds: vec![FactKind::Refused], ..all() }, vec![4]),
        (FactFilter { before_seq: Some(4), newest_first: true, ..all() }, vec![3, 2, 1]),
        (FactFilter { transaction: odd, kinds: vec![FactKind::Refused], ..all() }, vec![]),
    ];
    for (filter, expected) in cases {
        let seqs = |facts: Vec<crate::StoredFact>| facts.iter().map(|f| f.seq).collect::<Vec<_>>();
        assert_eq!(seqs(ledger.facts(&filter).unwrap()), expected, "{filter:?}");
        assert_eq!(seqs(reader.facts(&filter).unwrap()), expected, "{filter:?}");
    }
}

#[test]
fn a_number_that_the_ledger_cannot_hold_is_refused_and_nothing_is_written() {
    let mut ledger = Ledger::in_memory().unwrap();
    let mut tx = opened(1);
    tx.desired.version = u64::MAX;
    let error = ledger.commit(&of(&tx)).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge(u64::MAX)), "{error}");
    assert_eq!(ledger.load().unwrap().transactions, []);
}

/// A pool of connections that nobody closed was used up once, in another program.
#[test]
fn a_ledger_and_its_readers_hold_as_many_files_after_many_commits_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path());
    let files = || {
        let all = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        all.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.starts_with(dir.path())))
            .count()
    };
    let commit_and_read = |ledger: &mut Ledger, id: u64| {
        ledger.commit(&of(&opened(id))).unwrap();
        let reader = LedgerReader::open(dir.path()).unwrap();
        assert_eq!(reader.facts(&FactFilter::default()).unwrap(), []);
    };
    commit_and_read(&mut ledger, 1);
    let before = files();
    (2..=200).for_each(|id| commit_and_read(&mut ledger, id));
    assert_eq!(files(), before);
}
