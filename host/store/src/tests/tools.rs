//! The operator's tools: a backup is proven by restoring it, a check finds what was broken, and
//! nothing is ever overwritten or deleted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bracketd_core::command::OpState;
use bracketd_core::control::{Baseline, Control, Kill, KillLevel};
use bracketd_core::fact::FactKind;
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{StepCount, Transaction, TransactionStatus};
use rusqlite::Connection;

use super::sample::{opened, stop_changed, stop_move};
use crate::activity::{ACTIVITY_FILE, ActivityLog, ActivityOptions, ActivityReader};
use crate::tools::backup::backup;
use crate::tools::check::{FindingKind, check_dir, check_file};
use crate::tools::export::Export;
use crate::tools::restore::{Order, preview, restore};
use crate::tools::status::{Activity, BallastState, status};
use crate::tools::{Summary, ToolError};
use crate::{
    BALLAST_FILE, Batch, FactFilter, Holder, LEDGER_FILE, Ledger, OpenOptions, StoreError,
};

const SMALL: OpenOptions =
    OpenOptions { busy_ms: 20, ballast_bytes: 1_000, fixed_id: false, replaces_lost: false };
const ORDER: Order<'_> = Order { at: Timestamp(77), kept_suffix: ".replaced", actor: "ann" };

fn open(dir: &Path) -> Ledger {
    Ledger::open_with(dir, SMALL).unwrap()
}

/// An OPENED long whose stop was moved once and is being moved again.
fn traded(id: u64) -> Transaction {
    let mut tx = opened(id);
    tx.ops = vec![named(id, 1), named(id, 2)];
    tx.ops[0].state = OpState::Done;
    tx.steps = vec![StepCount { slice: tx.ops[0].slice, legs: tx.ops[0].legs, steps: 2 }];
    tx
}

fn named(id: u64, step: u32) -> bracketd_core::command::Op {
    let mut op = stop_move(step, 9_600);
    op.id = format!("op-{id}-{step}").into();
    op.client_id = format!("bd-{id}-{step}").into();
    op
}

fn commit(ledger: &mut Ledger, id: u64) {
    let tx = traded(id);
    let facts = [stop_changed(id, 9_600), stop_changed(id, 9_700)];
    let batch = Batch { transactions: vec![&tx], facts: &facts, ..Batch::new(Timestamp(9)) };
    ledger.commit(&batch).unwrap();
}

/// A data directory with two transactions and four facts.
fn data() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut ledger = open(&data);
    commit(&mut ledger, 1);
    commit(&mut ledger, 2);
    (dir, data)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_while_the_ledger_is_written_is_proven_by_its_restore() {
    let (dir, data) = data();
    let mut ledger = open(&data);
    let before = ledger.load().unwrap();
    let file = dir.path().join("backup.db");
    let made = backup(&data, &file).unwrap();
    assert_eq!((made.ledger.facts, made.ledger.all(), made.findings.len()), (4, 2, 0));
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "for its owner alone");
    assert_eq!(names(dir.path()), ["backup.db", "data"], "one file, without a log beside it");
    // What comes after the backup is lost by the restore.
    commit(&mut ledger, 3);
    drop(ledger);

    let seen = preview(&data, &file).unwrap();
    let present = seen.present.unwrap();
    assert_eq!((seen.backup.facts, present.facts, seen.findings.len()), (4, 6, 0));
    let done = restore(&data, &file, ORDER).unwrap();
    assert_eq!(done.kept, [data.join("ledger.db.replaced")]);
    assert_eq!(check_dir(&data).unwrap().findings, []);

    let mut ledger = open(&data);
    let after = ledger.load().unwrap();
    assert_eq!(after.transactions, before.transactions);
    assert_eq!(after.last_fact_seq, 5, "the restore is a fact");
    let kept = Connection::open(data.join("ledger.db.replaced")).unwrap();
    let facts: i64 = kept.query_row("SELECT count(*) FROM facts", [], |row| row.get(0)).unwrap();
    assert_eq!(facts, 6, "what was replaced is all there");
    commit(&mut ledger, 3);
}

#[test]
fn two_restores_in_the_same_second_keep_both_ledgers_that_they_replace() {
    let (dir, data) = data();
    let file = dir.path().join("backup.db");
    backup(&data, &file).unwrap();
    let id = |path: &Path| Summary::of(path).unwrap().ledger_id;
    let mut lives = Vec::new();
    for number in 0..3 {
        fs::write(data.join("activity.db"), format!("log {number}")).unwrap();
        lives.push(id(&data.join("ledger.db")));
        let kept = restore(&data, &file, ORDER).unwrap().kept;
        let suffix = [".replaced", ".replaced.2", ".replaced.3"][number];
        let named = |name: &str| data.join(format!("{name}{suffix}"));
        assert_eq!(kept, [named("ledger.db"), named("activity.db")]);
    }
    for (number, suffix) in ["", ".2", ".3"].into_iter().enumerate() {
        let kept = |name: &str| data.join(format!("{name}.replaced{suffix}"));
        assert_eq!(id(&kept("ledger.db")), lives[number], "each is still there");
        let log = fs::read_to_string(kept("activity.db")).unwrap();
        assert_eq!(log, format!("log {number}"));
    }
}

#[test]
fn i3_a_restored_ledger_shares_no_id_with_any_other_life() {
    let (dir, data) = data();
    let file = dir.path().join("backup.db");
    backup(&data, &file).unwrap();
    let identity = |dir: &Path| {
        let loaded = open(dir).load().unwrap();
        (loaded.ledger_id, loaded.epoch)
    };
    let mut lives = vec![identity(&data)];
    for suffix in [".a", ".b"] {
        // The same backup again: its epoch is that of the first life each time.
        restore(&data, &file, Order { kept_suffix: suffix, ..ORDER }).unwrap();
        lives.push(identity(&data));
    }
    let elsewhere = dir.path().join("another machine");
    restore(&elsewhere, &file, ORDER).unwrap();
    lives.push(identity(&elsewhere));
    let epochs: Vec<u32> = lives.iter().map(|life| life.1).collect();
    assert_eq!(epochs, [0, 1, 2, 1], "above what is replaced, as far as that can be seen");
    let ids: std::collections::BTreeSet<_> = lives.iter().map(|life| &life.0).collect();
    assert_eq!(ids.len(), lives.len(), "each life has an id of its own: {lives:?}");
}

#[test]
fn a_restore_disarms_every_account_and_says_so_in_a_fact() {
    let (dir, data) = data();
    let mut ledger = open(&data);
    let armed =
        Control { armed: Some(true), broker_account: Some("PA1".to_owned()), ..Control::default() };
    let controls = vec![("live".into(), &armed)];
    ledger.commit(&Batch { controls, ..Batch::new(Timestamp(1)) }).unwrap();
    let undecided = ledger.load().unwrap().controls;
    assert_eq!(undecided[&"paper".into()].armed, None, "{undecided:?}");
    drop(ledger);
    let file = dir.path().join("backup.db");
    backup(&data, &file).unwrap();
    let done = restore(&data, &file, ORDER).unwrap();
    assert_eq!(done.accounts, ["live", "paper"]);
    let ledger = open(&data);
    let controls = ledger.load().unwrap().controls;
    assert!(controls.values().all(|control| control.armed == Some(false)), "{controls:?}");
    let newest = FactFilter { newest_first: true, limit: 1, ..FactFilter::default() };
    let fact = ledger.facts(&newest).unwrap().remove(0);
    assert_eq!((fact.fact.kind, fact.fact.at), (FactKind::Restored, Timestamp(77)));
    assert_eq!(fact.fact.source, Source::Manual("ann".to_owned()));
    assert!(fact.fact.text.contains("backup.db"), "{}", fact.fact.text);
}

#[test]
fn i12_after_a_restore_the_activity_log_begins_anew_and_misses_no_fact() {
    let (dir, data) = data();
    let file = dir.path().join("backup.db");
    backup(&data, &file).unwrap();
    let mut ledger = open(&data);
    commit(&mut ledger, 3);
    let log = ActivityLog::start(&data, ActivityOptions::default()).unwrap();
    assert_eq!(log.shutdown(30_000), 0);
    drop(ledger);
    assert_eq!(fact_seqs(&data), [1, 2, 3, 4, 5, 6]);
    restore(&data, &file, ORDER).unwrap();
    assert!(data.join("activity.db.replaced").exists());
    let mut ledger = open(&data);
    commit(&mut ledger, 3);
    let log = ActivityLog::start(&data, ActivityOptions::default()).unwrap();
    assert_eq!(log.shutdown(30_000), 0);
    assert_eq!(fact_seqs(&data), [1, 2, 3, 4, 5, 6, 7], "those after the restore too");
}

fn fact_seqs(dir: &Path) -> Vec<u64> {
    let rows = ActivityReader::open(dir).unwrap().tail(0, 1_000, &Default::default()).unwrap();
    rows.iter().filter_map(|row| row.fact_seq).collect()
}

#[test]
fn a_restore_is_refused_while_somebody_holds_the_directory() {
    let (dir, data) = data();
    let file = dir.path().join("backup.db");
    let ledger = open(&data);
    backup(&data, &file).unwrap();
    for refused in [preview(&data, &file).map(drop), restore(&data, &file, ORDER).map(drop)] {
        let error = refused.unwrap_err();
        let us = Some(std::process::id());
        assert!(
            matches!(error, ToolError::Store(StoreError::AlreadyRunning { pid, .. }) if pid == us),
            "{error}"
        );
        let (place, pid) = (data.display(), std::process::id());
        let text = error.to_string();
        for part in [format!("{place} is in use by process {pid}"), format!("`kill {pid}`")] {
            assert!(text.contains(&part), "{text}");
        }
    }
    drop(ledger);
    assert_eq!(names(&data), ["bracketd.lock", "ledger.ballast", "ledger.db"]);
}

#[test]
fn what_is_there_is_never_overwritten() {
    let (dir, data) = data();
    let file = dir.path().join("backup.db");
    fs::write(&file, "mine").unwrap();
    let error = backup(&data, &file).unwrap_err();
    assert!(matches!(error, ToolError::Exists(_)), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let other = dir.path().join("other.db");
    backup(&data, &other).unwrap();
    fs::write(data.join("ledger.db.replaced"), "mine").unwrap();
    let done = restore(&data, &other, ORDER).unwrap();
    assert_eq!(done.kept, [data.join("ledger.db.replaced.2")], "beside it");
    assert_eq!(fs::read_to_string(data.join("ledger.db.replaced")).unwrap(), "mine");
}

#[test]
fn a_restore_that_was_interrupted_keeps_the_daemon_from_starting_until_it_is_done() {
    let (dir, data) = data();
    let file = dir.path().join("backup.db");
    backup(&data, &file).unwrap();
    // As a restore leaves it that was killed before its last step.
    fs::copy(&file, data.join("ledger.db.restoring")).unwrap();
    let error = Ledger::open_with(&data, SMALL).unwrap_err();
    assert!(matches!(error, StoreError::RestoreInterrupted { .. }), "{error}");
    assert!(error.to_string().contains("run `bracketd db restore FILE` again"), "{error}");
    let found = check_dir(&data).unwrap().findings;
    assert_eq!(found[0].kind, FindingKind::RestoreInterrupted, "{found:?}");
    restore(&data, &file, ORDER).unwrap();
    assert_eq!(open(&data).load().unwrap().epoch, 1);
}

#[test]
fn the_log_of_a_replaced_ledger_goes_with_it_and_never_into_the_new_one() {
    let (dir, data) = data();
    let file = dir.path().join("backup.db");
    backup(&data, &file).unwrap();
    let mut ledger = open(&data);
    commit(&mut ledger, 3);
    // As a killed daemon leaves it: the newest commits stand in the log alone.
    for name in ["ledger.db", "ledger.db-wal"] {
        fs::copy(data.join(name), dir.path().join(name)).unwrap();
    }
    drop(ledger);
    for name in ["ledger.db", "ledger.db-wal"] {
        fs::rename(dir.path().join(name), data.join(name)).unwrap();
    }
    assert!(fs::metadata(data.join("ledger.db-wal")).unwrap().len() > 0);
    restore(&data, &file, ORDER).unwrap();
    assert_eq!(open(&data).load().unwrap().last_fact_seq, 5);
    let kept = Connection::open(data.join("ledger.db.replaced")).unwrap();
    let facts: i64 = kept.query_row("SELECT count(*) FROM facts", [], |row| row.get(0)).unwrap();
    assert_eq!(facts, 6);
}

#[test]
fn a_damaged_file_is_neither_backed_up_nor_restored_and_stays_as_it_is() {
    let (dir, data) = data();
    let good = dir.path().join("good.db");
    backup(&data, &good).unwrap();
    let mut bytes = fs::read(data.join(LEDGER_FILE)).unwrap();
    let page = 4_096;
    bytes[page..].chunks_mut(page).for_each(|page| page[..64].fill(0xAA));
    fs::write(data.join(LEDGER_FILE), &bytes).unwrap();

    let error = Ledger::open_with(&data, SMALL).unwrap_err();
    assert!(matches!(error, StoreError::DamagedFile { .. }), "{error}");
    for part in ["ledger.db is damaged", "`bracketd db check`", "`bracketd db restore FILE`"] {
        assert!(error.to_string().contains(part), "{part} in {error}");
    }
    assert!(check_dir(&data).unwrap().is_damaged());
    let bad = dir.path().join("bad.db");
    assert!(backup(&data, &bad).is_err());
    assert!(!bad.exists());
    fs::copy(data.join(LEDGER_FILE), &bad).unwrap();
    let error = restore(&data, &bad, ORDER).unwrap_err();
    assert!(!matches!(error, ToolError::Store(StoreError::Sqlite(_))), "{error}");
    assert_eq!(fs::read(data.join(LEDGER_FILE)).unwrap(), bytes, "kept as evidence");

    restore(&data, &good, ORDER).unwrap();
    assert_eq!(open(&data).load().unwrap().last_fact_seq, 5);
    assert_eq!(fs::read(data.join("ledger.db.replaced")).unwrap(), bytes);
}

#[test]
fn what_is_no_ledger_is_said_to_be_none() {
    let (dir, data) = data();
    let activity = ActivityLog::start(&data, ActivityOptions::default()).unwrap();
    assert_eq!(activity.shutdown(30_000), 0);
    let text = dir.path().join("text");
    fs::write(&text, "no database at all, but long enough to look like one".repeat(100)).unwrap();
    let error = restore(&data, &data.join(ACTIVITY_FILE), ORDER).unwrap_err();
    assert!(matches!(error, ToolError::NotALedger(_)), "{error}");
    let error = preview(&data, &text).unwrap_err();
    assert!(matches!(error, ToolError::Unsound { .. }), "{error}");
    let error = preview(&data, &dir.path().join("nothing")).unwrap_err();
    assert!(matches!(error, ToolError::NoLedger(_)), "{error}");
    let error = restore(&data, &data.join(LEDGER_FILE), ORDER).unwrap_err();
    assert!(matches!(error, ToolError::IsTheLedger(_)), "{error}");
}

#[test]
fn each_kind_of_finding_is_found_with_its_place() {
    let rows: [(&str, FindingKind, &str); 11] = [
        (
            "UPDATE transactions SET status = 'OPEN' WHERE id = 2",
            FindingKind::UnreadableRow,
            "transactions, row 2: column status: \"OPEN\"",
        ),
        (
            "UPDATE outbox SET state = 'lost' WHERE step = 1 AND transaction_id = 1",
            FindingKind::UnreadableRow,
            "outbox, row 1/0/stop/1: column state",
        ),
        (
            "INSERT INTO policy_versions VALUES ('p', 'd', 's', 1, 7)",
            FindingKind::UnreadableRow,
            "policy_versions, row p/d: column active",
        ),
        (
            "DROP TRIGGER facts_are_never_changed; UPDATE facts SET kind = 'x' WHERE seq = 3",
            FindingKind::UnreadableRow,
            "facts, row 3: column kind",
        ),
        (
            "DROP TRIGGER facts_are_never_removed; DELETE FROM facts WHERE seq IN (2, 3)",
            FindingKind::FactsMissing,
            "facts: numbers 2 to 3 are missing",
        ),
        (
            "DROP TRIGGER facts_are_never_removed; DELETE FROM facts WHERE seq = 1",
            FindingKind::FactsMissing,
            "facts: number 1 is missing",
        ),
        (
            "UPDATE slices SET held = '9.5' WHERE transaction_id = 2",
            FindingKind::HeldDiffers,
            "transaction 2 (ACME): its slices hold 9.5; 10 entered and 0 left",
        ),
        (
            "UPDATE outbox SET client_id = 'bd-1-1' WHERE op = 'op-2-2'",
            FindingKind::IdRepeated,
            "outbox: client_id bd-1-1 stands in 2 rows",
        ),
        (
            "UPDATE outbox SET state = 'in_flight' WHERE op = 'op-1-1'",
            FindingKind::LegTwice,
            "transaction 1, slice 0: both unsettled: stop step 1 (in_flight) and stop step 2",
        ),
        (
            "UPDATE steps SET steps = 1 WHERE transaction_id = 1",
            FindingKind::CounterBehind,
            "transaction 1, slice 0, stop: an outbox row has step 2, the counter says 1",
        ),
        (
            "PRAGMA foreign_keys = 0; DELETE FROM accounts",
            FindingKind::DanglingReference,
            "transactions, row 1: refers to a row of accounts",
        ),
    ];
    for (damage, kind, words) in rows {
        let (_dir, data) = data();
        let sql = Connection::open(data.join(LEDGER_FILE)).unwrap();
        sql.execute_batch(damage).unwrap();
        drop(sql);
        let checked = check_dir(&data).unwrap();
        let finding = &checked.findings[0];
        let told = format!("{}: {}", finding.place, finding.what);
        assert_eq!(finding.kind, kind, "{damage}: {told}");
        assert!(told.contains(words), "{damage}: {told}");
    }
}

#[test]
fn what_stands_beside_the_ledger_is_checked_too() {
    type Change = fn(&Path);
    let beside: [(Change, FindingKind); 4] = [
        (|data| fs::write(data.join(BALLAST_FILE), "").unwrap(), FindingKind::BallastGone),
        (
            |data| fs::write(data.join(ACTIVITY_FILE), vec![7; 8_192]).unwrap(),
            FindingKind::ActivityDamaged,
        ),
        (
            |data| change_activity(data, "UPDATE progress SET fact_seq = 99"),
            FindingKind::ActivityAhead,
        ),
        (|data| change_activity(data, "PRAGMA user_version = 9"), FindingKind::ActivityNewer),
    ];
    for (change, kind) in beside {
        let (_dir, data) = data();
        assert_eq!(check_dir(&data).unwrap().findings, []);
        change(&data);
        let found = check_dir(&data).unwrap().findings;
        assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [kind], "{found:?}");
    }
}

fn change_activity(data: &Path, statement: &str) {
    assert_eq!(ActivityLog::start(data, ActivityOptions::default()).unwrap().shutdown(30_000), 0);
    Connection::open(data.join(ACTIVITY_FILE)).unwrap().execute_batch(statement).unwrap();
}

#[test]
fn every_finding_has_a_code_of_its_own_and_says_what_to_do() {
    let codes: std::collections::BTreeSet<_> = FindingKind::ALL.iter().map(|k| k.code()).collect();
    assert_eq!(codes.len(), FindingKind::ALL.len());
    assert!(FindingKind::ALL.iter().all(|kind| kind.advice().len() > 20));
}

#[test]
fn status_tells_how_a_directory_stands_also_while_it_is_held() {
    let (_dir, data) = data();
    let seen = status(&data).unwrap();
    assert_eq!(seen.holder, Holder::Nobody);
    assert_eq!((seen.ledger.schema, seen.ledger.epoch), (seen.newest_schema, 0));
    assert_eq!((seen.ledger.live(), seen.ledger.all()), (2, 2));
    assert_eq!(seen.ledger.last_fact, Some((4, Timestamp(9))));
    assert_eq!(seen.unsettled, [("in_flight".to_owned(), 2)]);
    assert_eq!(seen.accounts, [("paper".to_owned(), None)]);
    assert_eq!((seen.activity, seen.ballast), (Activity::Missing, BallastState::Kept(1_000)));
    let mut ledger = open(&data);
    assert_eq!(status(&data).unwrap().holder, Holder::Process(Some(std::process::id())));
    let mut tx = traded(1);
    tx.status = TransactionStatus::Closed;
    ledger.commit(&Batch { transactions: vec![&tx], ..Batch::new(Timestamp(9)) }).unwrap();
    assert_eq!(status(&data).unwrap().ledger.live(), 1);
    drop(ledger);
    fs::write(data.join(BALLAST_FILE), "").unwrap();
    assert_eq!(status(&data).unwrap().ballast, BallastState::GivenBack);
    let nowhere = status(Path::new("/nowhere")).unwrap_err();
    assert!(matches!(nowhere, ToolError::NoLedger(_)), "{nowhere}");
}

#[test]
fn status_and_export_tell_what_was_decided_of_daemon_and_accounts() {
    let (_dir, data) = data();
    assert_eq!(status(&data).unwrap().kills, []);
    let mut ledger = open(&data);
    let kill =
        |level, by: Source, why: &str| Kill { level, why: why.to_owned(), by, since: Timestamp(7) };
    let freeze = kill(KillLevel::Freeze, Source::Manual("ann".to_owned()), "news");
    let halt = kill(KillLevel::ProtectOnly, Source::Host, "the day's loss is 600");
    let baseline = Baseline { day: 1, day_equity: 1_000.into(), peak_equity: 1_200.into() };
    let control = Control {
        armed: Some(false),
        broker_account: Some("PA1".to_owned()),
        kill: halt.clone(),
        baseline: Some(baseline),
        locked: Default::default(),
    };
    let controls = vec![("paper".into(), &control)];
    let decided = Batch { kill: Some(&freeze), controls, ..Batch::new(Timestamp(9)) };
    ledger.commit(&decided).unwrap();
    let seen = status(&data).unwrap();
    assert_eq!(seen.accounts, [("paper".to_owned(), Some(false))]);
    assert_eq!(seen.kills, [(None, freeze.clone()), (Some("paper".into()), halt)]);
    let exported = Export::open(&data).unwrap().controls().unwrap();
    assert_eq!(exported, (freeze, [("paper".into(), control)].into()));
}

#[test]
fn a_full_disk_is_not_filled_further_by_a_backup_on_it() {
    let (dir, data) = data();
    fs::write(data.join(BALLAST_FILE), "").unwrap();
    let error = backup(&data, &dir.path().join("backup.db")).unwrap_err();
    assert!(matches!(error, ToolError::SameFullDisk(_)), "{error}");
    assert_eq!(names(dir.path()), ["data"]);
}

#[test]
fn an_export_has_every_transaction_with_all_its_rows_and_every_fact() {
    let (_dir, data) = data();
    let export = Export::open(&data).unwrap();
    let (mut ops, mut seqs) = (Vec::new(), Vec::new());
    let transactions = export.transactions::<StoreError>(|whole| {
        ops.extend(whole.ops.iter().map(|op| op.id.to_string()));
        Ok(())
    });
    let facts = export.facts::<StoreError>(|fact| {
        seqs.push(fact.seq);
        Ok(())
    });
    assert_eq!((transactions.unwrap(), facts.unwrap()), (2, 4));
    assert_eq!(ops, ["op-1-1", "op-1-2", "op-2-1", "op-2-2"], "the settled rows too");
    assert_eq!(seqs, [1, 2, 3, 4]);
}

#[test]
fn a_check_of_a_file_leaves_nothing_beside_it() {
    let (dir, data) = data();
    let file = dir.path().join("backup.db");
    backup(&data, &file).unwrap();
    let checked = check_file(&file).unwrap();
    assert_eq!((checked.findings.len(), checked.ledger.unwrap().facts), (0, 4));
    assert_eq!(names(dir.path()), ["backup.db", "data"]);
}
