//! What a damaged file does to a start: it works or it is refused by name; nothing is repaired in
//! secret and nothing is thrown away (reliability, case 27).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bracketd_core::time::Timestamp;
use rusqlite::Connection;

use super::sample::{opened, stop_changed, stop_move};
use crate::{Batch, LEDGER_FILE, Ledger, OpenOptions};

const SMALL: OpenOptions =
    OpenOptions { busy_ms: 20, ballast_bytes: 0, fixed_id: false, replaces_lost: false };
const FLIPS: u64 = 400;
const CUTS: u64 = 150;

/// The same numbers at every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

/// Commits `count` moves of stops, and tells after each how long the write-ahead log is.
fn fill(dir: &Path, count: u32) -> (Ledger, Vec<u64>) {
    let mut ledger = Ledger::open_with(dir, SMALL).unwrap();
    let mut lengths = Vec::new();
    for step in 1..=count {
        let id = u64::from(step % 7 + 1);
        let mut tx = opened(id);
        tx.ops.push(stop_move(step, 9_500 + i64::from(step)));
        let facts = [stop_changed(id, 9_500 + i64::from(step))];
        let batch = Batch {
            facts: &facts,
            transactions: vec![&tx],
            ..Batch::new(Timestamp(i64::from(step)))
        };
        ledger.commit(&batch).unwrap();
        let wal = std::fs::metadata(dir.join(format!("{LEDGER_FILE}-wal"))).unwrap();
        lengths.push(wal.len());
    }
    (ledger, lengths)
}

#[test]
fn a_flipped_byte_is_harmless_or_refused_and_never_repaired_in_secret() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 200).0.close().unwrap();
    let whole = std::fs::read(dir.path().join(LEDGER_FILE)).unwrap();
    assert!(whole.len() > 100_000, "a close leaves everything in the one file");
    let (mut works, mut refused) = (0, 0);
    let mut numbers = Numbers(27);
    for _ in 0..FLIPS {
        let (at, by) = (numbers.below(whole.len()), numbers.below(255) + 1);
        let mut bytes = whole.clone();
        bytes[at] ^= u8::try_from(by).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(LEDGER_FILE);
        std::fs::write(&file, &bytes).unwrap();
        let start = || Ledger::open_with(dir.path(), SMALL).and_then(|ledger| ledger.load());
        match catch_unwind(AssertUnwindSafe(start)) {
            Err(_) => panic!("a panic, with the byte at {at} flipped by {by}"),
            Ok(Ok(loaded)) => {
                assert!(loaded.transactions.len() <= 7, "byte {at} by {by}");
                works += 1;
            }
            Ok(Err(error)) => {
                assert!(!error.is_retryable(), "byte {at} by {by}: {error}");
                assert_eq!(std::fs::read(&file).unwrap(), bytes, "byte {at} by {by}: {error}");
                refused += 1;
            }
        }
    }
    assert!(works > 0 && refused > 0, "{works} starts, {refused} refusals: both must be seen");
}

#[test]
fn i3_a_log_cut_at_any_byte_loses_nothing_that_was_whole_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, lengths) = fill(dir.path(), 80);
    let log = format!("{LEDGER_FILE}-wal");
    let (base, whole) = (
        std::fs::read(dir.path().join(LEDGER_FILE)).unwrap(),
        std::fs::read(dir.path().join(&log)).unwrap(),
    );
    assert!(lengths.is_sorted() && lengths.last() == Some(&(whole.len() as u64)));
    drop(ledger);
    let mut numbers = Numbers(31);
    for _ in 0..CUTS {
        let cut = numbers.below(whole.len() + 1);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(LEDGER_FILE), &base).unwrap();
        std::fs::write(dir.path().join(&log), &whole[..cut]).unwrap();
        let ledger = Ledger::open_with(dir.path(), SMALL).unwrap();
        let loaded = ledger.load().unwrap();
        let acknowledged = lengths.iter().filter(|length| **length <= cut as u64).count() as u64;
        assert_eq!(loaded.last_fact_seq, acknowledged, "cut at byte {cut}");
        drop(ledger);
        let sql = Connection::open(dir.path().join(LEDGER_FILE)).unwrap();
        let said: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(said, "ok", "cut at byte {cut}");
    }
}
