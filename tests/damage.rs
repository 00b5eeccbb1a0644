//! A ledger with a flipped byte and a log that was cut: a start works or says what to do, and
//! throws nothing away (reliability, case 27). The store's own tests go through hundreds of each.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::harness::{Daemon, Dir, Exchange, Numbers, configure};

const FLIPS: usize = 24;
const CUTS: usize = 2;
const END: Duration = Duration::from_secs(30);

/// A ledger with a few transactions after a stop, all of it in its one file.
fn a_ledger(dir: &Dir, exchange: &Exchange) {
    for place in 0..6 {
        exchange.price(&format!("S{place}"), "100.00", "100.02");
    }
    configure(dir, &exchange.url, &[]);
    let mut daemon = Daemon::spawn(dir, None);
    let api = daemon.ready().expect("it runs");
    for place in 0..6 {
        let limit = (place % 3 == 0).then_some("99.90");
        assert!(api.open(&format!("S{place}"), limit, "plain").promised().is_some());
    }
    daemon.until("what is held is protected", |_| api.status()["protection"]["protected"] == 4);
    daemon.signal("TERM");
    assert!(daemon.ends_within(END).is_some_and(|status| status.success()), "{}", daemon.log());
}

/// The files of a directory, without what SQLite and the daemon make and take away as they run.
fn names(dir: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(dir).expect("a directory").flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| !["-wal", "-shm", "daemon.json"].iter().any(|s| name.ends_with(s)))
        .collect()
}

#[test]
fn a_flipped_byte_in_the_ledger_is_harmless_or_refused_with_what_to_do() {
    let dir = Dir::new();
    let mut exchange = Exchange::manual(&dir);
    a_ledger(&dir, &exchange);
    // A changed price that nobody can see must not become an order while this looks at starts.
    exchange.die();
    let ledger = dir.path().join("data/ledger.db");
    let whole = std::fs::read(&ledger).expect("the ledger");
    assert!(whole.len() > 50_000, "{} bytes: the stop left it in its log", whole.len());
    let mut numbers = Numbers::new(27);
    let (mut works, mut refused) = (0, 0);
    // The first page holds what everything hangs on; a part of the flips goes there.
    let flips = (0..FLIPS).map(|turn| {
        let end = if turn % 3 == 0 { 4_096 } else { whole.len() as u64 };
        (numbers.below(end), numbers.below(255) + 1)
    });
    for (at, by) in flips.collect::<Vec<_>>() {
        let mut bytes = whole.clone();
        bytes[usize::try_from(at).expect("an offset")] ^= u8::try_from(by).expect("a byte");
        std::fs::write(&ledger, &bytes).expect("the ledger");
        let before = names(&dir.path().join("data"));
        std::fs::write(dir.path().join("daemon.log"), "").expect("a log");
        let mut daemon = Daemon::spawn(&dir, None);
        match daemon.api() {
            Some(_) => {
                works += 1;
                daemon.kill();
            }
            None => {
                refused += 1;
                let (log, code) = (daemon.log(), daemon.ended().and_then(|s| s.code()));
                assert_eq!(code, Some(1), "byte {at} by {by}: {log}");
                let says = log.contains("ledger.db")
                    && (log.contains("bracketd db check") || log.contains("run the newer one"));
                assert!(says, "byte {at} by {by}: {log}");
                let kept = std::fs::read(&ledger).expect("the ledger") == bytes;
                assert!(kept, "byte {at} by {by}: the ledger was changed");
            }
        }
        let log = std::fs::read_to_string(dir.path().join("daemon.log")).expect("a log");
        assert!(!log.contains("panicked"), "byte {at} by {by}: {log}");
        let after = names(&dir.path().join("data"));
        let gone: Vec<_> = before.difference(&after).collect();
        assert!(gone.is_empty(), "byte {at} by {by}: {gone:?} went away");
        for name in ["ledger.db-wal", "ledger.db-shm", "daemon.json"] {
            drop(std::fs::remove_file(dir.path().join("data").join(name)));
        }
    }
    assert!(works > 0 && refused > 0, "{works} starts, {refused} refusals: both must be seen");
}

#[test]
fn i3_a_log_that_was_cut_loses_nothing_that_was_promised_before_the_cut() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    configure(&dir, &exchange.url, &[]);
    let log = dir.path().join("data/ledger.db-wal");
    let length = || std::fs::metadata(&log).map_or(0, |meta| meta.len());
    let mut numbers = Numbers::new(31);
    let mut daemon = Daemon::spawn(&dir, None);
    let mut api = daemon.ready().expect("it runs");
    assert!(api.open("AAA", None, "plain").promised().is_some());
    daemon.until("it is protected", |_| api.status()["protection"]["protected"] == 1);
    for _ in 0..CUTS {
        let mut promised = Vec::new();
        for _ in 0..5 {
            let stop = format!("{}", 80 + numbers.below(19));
            if api.set_stop(1, &stop).promised().is_some() {
                promised.push((length(), stop));
            }
        }
        daemon.kill();
        let whole = std::fs::read(&log).expect("the log");
        let first = promised.first().expect("a promise").0;
        let cut = first + numbers.below(whole.len() as u64 - first + 1);
        let cut_at = usize::try_from(cut).expect("a length");
        std::fs::write(&log, &whole[..cut_at]).expect("the log");

        daemon = Daemon::spawn(&dir, None);
        api = daemon.ready().expect("a log that was cut is no damage");
        // The newest promise that was whole, or one that came after it.
        let kept = promised.iter().rposition(|(length, _)| *length <= cut).expect("the first");
        let stop = api.of_symbol("AAA").expect("it is kept")["legs"]["stop"]["desired"].clone();
        let newer = promised.iter().skip(kept).any(|(_, promised)| stop == promised.as_str());
        assert!(newer, "{stop} after {promised:?} cut at {cut}");
        // Where the activity log knows of a lost part, nothing goes out and the stop that rests stays.
        let ends = exchange.ends("AAA");
        let quantities: Vec<_> = ends.stops.iter().map(|(quantity, _)| *quantity).collect();
        assert_eq!(quantities, [ends.position], "{ends:#?}");
    }
}

#[test]
fn i3_a_ledger_that_lost_commits_starts_disarmed_in_a_new_epoch_and_says_so() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    configure(&dir, &exchange.url, &[]);
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs");
    assert!(api.open("AAA", None, "plain").promised().is_some());
    daemon.until("it is protected", |_| api.status()["protection"]["protected"] == 1);
    let caught_up = || dir.bracketd("db status --json").json()["activity"]["fact"].clone();
    let newest = || dir.bracketd("db status --json").json()["ledger"]["last_fact"].clone();
    daemon.until("the activity log has every fact", |_| caught_up() == newest());
    daemon.kill();
    std::fs::write(dir.path().join("data/ledger.db-wal"), "").expect("the log of the ledger");
    let found = dir.bracketd("db check");
    assert!(found.stdout.contains("ACTIVITY_AHEAD"), "{}", found.stdout);
    assert!(found.stdout.contains("keep activity.db"), "{}", found.stdout);

    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it starts");
    let shown = daemon.ask("account show paper --json").json();
    assert_eq!((&shown["armed"], &shown["armed_by"]), (&false.into(), &"lost_facts".into()));
    let status = daemon.ask("status").stdout;
    assert!(status.contains("lost facts that were committed: no command goes out"), "{status}");
    assert_eq!(api.status()["alerts"].as_array().map(Vec::len), Some(1), "{status}");
    let log = daemon.log();
    assert!(log.contains("ERROR") && log.contains("the ledger has lost facts"), "{log}");
    let aside = dir.path().join("data/activity.db.ahead-of-ledger");
    assert!(log.contains("activity.db.ahead-of-ledger") && aside.exists(), "{log}");
    let ledger = dir.bracketd("db status --json").json();
    assert_eq!(ledger["ledger"]["epoch"], 1, "{ledger}");
    // Told once, and no more than told: a person arms, and the next start is like any other.
    let armed = daemon.ask("account arm paper --reason looked --yes");
    assert_eq!(armed.code, Some(0), "{}{}", armed.stdout, armed.stderr);
    daemon.kill();
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it starts");
    assert_eq!(api.status()["alerts"], serde_json::json!([]));
    assert_eq!(dir.bracketd("db status --json").json()["ledger"]["epoch"], 1);
}
