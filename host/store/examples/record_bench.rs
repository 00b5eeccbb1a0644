//! What recording costs its caller while somebody else holds the activity file's write lock.
//!
//! `cargo run --release -p bracketd-store --example record_bench [DIR]`
//!
//! Four threads record at a pace at which the queue does not overflow, then as fast as they can,
//! so that it does; each call is timed by itself, the timer's own cost included.

use std::time::{Duration, Instant};

use bracketd_core::Decimal;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;
use bracketd_store::activity::{ACTIVITY_FILE, ActivityLog, ActivityOptions, Record, Recorder};
use rusqlite::Connection;

const THREADS: usize = 4;
const CALLS: usize = 15_000;
const SHUTDOWN_MS: u64 = 60_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let base = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    for (what, pause_us, calls) in [
        ("every 100 us, file locked", 100, CALLS),
        ("burst, file locked", 0, CALLS),
        ("flood, queue overflows", 0, CALLS * 10),
    ] {
        let dir = tempfile::tempdir_in(&base)?;
        ActivityLog::start(dir.path(), ActivityOptions::default())?.shutdown(SHUTDOWN_MS);
        let outsider = Connection::open(dir.path().join(ACTIVITY_FILE))?;
        outsider.execute_batch("BEGIN IMMEDIATE")?;
        let log = ActivityLog::start(dir.path(), ActivityOptions::default())?;
        let mut ns = run(&log.recorder(), pause_us, calls)?;
        report(what, &mut ns);
        outsider.execute_batch("ROLLBACK")?;
        let (lost, started) = (log.status().lost, Instant::now());
        let recorder = log.recorder();
        let unwritten = log.shutdown(SHUTDOWN_MS);
        let written = recorder.status().written;
        println!("  written {written} in {:?}, lost {lost}, left {unwritten}", started.elapsed());
    }
    Ok(())
}

fn run(recorder: &Recorder, pause_us: u64, calls: usize) -> Result<Vec<u64>, Failure> {
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let recorder = recorder.clone();
            std::thread::spawn(move || one_thread(&recorder, pause_us, calls))
        })
        .collect();
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.join().map_err(|_| "a thread died")?);
    }
    Ok(all)
}

fn one_thread(recorder: &Recorder, pause_us: u64, calls: usize) -> Vec<u64> {
    let source = Source::Policy { name: "trail".into(), digest: "d".to_owned() };
    let mut fact = Fact::new(Timestamp(1), FactKind::StopChanged, source);
    fact.account = Some("paper".into());
    fact.symbol = Some("ACME".into());
    fact.before = Some(Decimal::new(9_500, 2));
    fact.after = Some(Decimal::new(9_600, 2));
    fact.text = "the price is 1.5 R above the entry".to_owned();
    let mut ns = Vec::with_capacity(calls);
    for _ in 0..calls {
        let started = Instant::now();
        recorder.record(Record::from_fact(&fact, 0));
        ns.push(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        if pause_us > 0 {
            std::thread::sleep(Duration::from_micros(pause_us));
        }
    }
    ns
}

fn report(what: &str, ns: &mut [u64]) {
    ns.sort_unstable();
    let at = |per_mille: usize| ns.get(ns.len() * per_mille / 1_000).copied().unwrap_or(0);
    println!("{what}: n={} p50={} ns p99={} ns p99.9={} ns", ns.len(), at(500), at(990), at(999));
}
