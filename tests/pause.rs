//! The daemon stopped for a while, and ended as it should: SIGSTOP, SIGTERM (reliability, cases 28
//! and 30).

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::{
    Daemon, Dir, Exchange, Fault, Process, Proxy, configure, difference, program,
};

/// A stop takes at most this long, whatever the broker does.
const DRAIN_MAX: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_secs(10);

fn is_protected(tx: &Value, exchange: &Exchange) -> bool {
    let symbol = tx["symbol"].as_str().unwrap_or_default();
    tx["protection"]["state"] == "protected" && difference(tx, &exchange.ends(symbol)).is_none()
}

fn is_write(method: &str) -> bool {
    method != "GET"
}

#[test]
fn i5_an_entry_that_filled_while_the_process_stood_still_is_protected_at_once_afterwards() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    for symbol in ["AAA", "BBB"] {
        exchange.price(symbol, "100.00", "100.02");
    }
    configure(&dir, &exchange.url, &[]);
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs");
    assert!(api.open("AAA", Some("99.90"), "plain").promised().is_some());
    assert!(api.open("BBB", None, "plain").promised().is_some());
    daemon.until("one waits, the other is protected", |_| exchange.open_orders().len() == 3);

    daemon.signal("STOP");
    exchange.price("AAA", "99.80", "99.82");
    for cents in 0..40_u64 {
        exchange.price("BBB", &format!("100.{cents:02}"), &format!("100.{:02}", cents + 2));
        std::thread::sleep(PAUSE / 40);
    }
    assert!(exchange.ends("AAA").stops.is_empty(), "nobody was there to protect it");
    daemon.signal("CONT");
    daemon.until("it is protected", |_| {
        ["AAA", "BBB"]
            .iter()
            .all(|s| is_protected(&api.of_symbol(s).unwrap_or_default(), &exchange))
    });
    assert_eq!(exchange.ends("AAA").entries, 1);
    let facts = api.facts(1);
    let protected = facts.iter().find(|fact| fact["kind"] == "protected");
    assert!(protected.is_some_and(|fact| fact["span_ms"].is_u64()), "{facts:#?}");
}

/// The clock of time without a stop is about the position, not about when somebody looked.
#[test]
fn i5_the_clock_counts_from_the_fill_not_from_when_it_was_heard() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    configure(&dir, &exchange.url, &[]);
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs");
    assert!(api.open("AAA", Some("99.90"), "plain").promised().is_some());
    daemon.until("it waits", |_| exchange.open_orders().len() == 1);
    daemon.signal("STOP");
    exchange.price("AAA", "99.80", "99.82");
    let pause = Duration::from_secs(3);
    std::thread::sleep(pause);
    daemon.signal("CONT");
    daemon.until("it is protected", |_| {
        is_protected(&api.of_symbol("AAA").unwrap_or_default(), &exchange)
    });
    let facts = api.facts(1);
    let protected = facts.iter().find(|fact| fact["kind"] == "protected");
    let span_ms = protected.and_then(|fact| fact["span_ms"].as_u64()).unwrap_or(0);
    assert!(u128::from(span_ms) >= pause.as_millis(), "only {span_ms} ms: {facts:#?}");
}

/// Stops the daemon and waits for its end as it should be.
fn stop(mut daemon: Daemon) {
    let began = Instant::now();
    daemon.signal("TERM");
    let status = daemon.ends_within(DRAIN_MAX);
    let took = began.elapsed();
    assert!(status.is_some_and(|s| s.success()), "{status:?} after {took:?}\n{}", daemon.log());
}

/// The newest number in a column of a file of the data directory.
fn newest(dir: &Dir, file: &str, query: &str) -> i64 {
    let sql = Connection::open(dir.path().join("data").join(file)).expect("a database");
    sql.query_row(query, [], |row| row.get(0)).expect("a number")
}

#[test]
fn a_stop_lets_what_is_in_flight_arrive_and_leaves_everything_protected() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    let proxy = Proxy::before(&exchange.url);
    configure(&dir, &proxy.url, &[]);
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs");
    let slow = Duration::from_millis(600);
    proxy.fail(move |method, _| is_write(method).then_some(Fault::Slow(slow)));
    assert!(api.open("AAA", None, "plain").promised().is_some());
    stop(daemon);

    let ends = exchange.ends("AAA");
    assert_eq!(ends.stops, ends.stops_at("95"), "{ends:#?}");
    assert!(!dir.path().join("data/daemon.json").exists());
    let facts = newest(&dir, "ledger.db", "SELECT max(seq) FROM facts");
    let written = newest(&dir, "activity.db", "SELECT max(fact_seq) FROM activity");
    assert_eq!(facts, written, "activity was written out");
    let in_flight = "SELECT count(*) FROM outbox WHERE state IN ('in_flight', 'unknown')";
    assert_eq!(newest(&dir, "ledger.db", in_flight), 0);

    proxy.heal();
    let before = proxy.writes();
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs again");
    daemon.until("it finds everything as it left it", |_| {
        is_protected(&api.of_symbol("AAA").unwrap_or_default(), &exchange)
    });
    assert_eq!(proxy.writes(), before, "nothing was left to send");
}

#[test]
fn i13_a_stop_under_a_hanging_exchange_ends_in_time_and_records_what_is_in_doubt() {
    for fault in [Fault::Hang, Fault::HangAfter] {
        let dir = Dir::new();
        let exchange = Exchange::manual(&dir);
        for symbol in ["AAA", "BBB"] {
            exchange.price(symbol, "100.00", "100.02");
        }
        let proxy = Proxy::before(&exchange.url);
        configure(&dir, &proxy.url, &[]);
        let mut daemon = Daemon::spawn(&dir, None);
        let api = daemon.ready().expect("it runs");
        assert!(api.open("AAA", None, "plain").promised().is_some());
        daemon.until("one is protected", |_| api.status()["protection"]["protected"] == 1);
        assert!(api.open("BBB", Some("99.90"), "plain").promised().is_some());
        daemon.until("the other waits", |_| exchange.ends("BBB").waiting == 1);
        // Everything hangs from here on, reads too.
        proxy.fail(move |method, _| Some(if is_write(method) { fault } else { Fault::Hang }));
        assert!(api.set_stop(1, "96").promised().is_some());
        stop(daemon);
        assert_eq!(exchange.ends("BBB").waiting, 1, "entries stay, as configured");

        proxy.heal();
        let mut daemon = Daemon::spawn(&dir, None);
        let api = daemon.ready().expect("it runs again");
        daemon.until("the promised stop rests, once", |_| {
            let ends = exchange.ends("AAA");
            is_protected(&api.of_symbol("AAA").unwrap_or_default(), &exchange)
                && ends.stops == ends.stops_at("96")
        });
    }
}

/// Whoever types does not sit before a silent terminal, and reads words in the end.
#[test]
fn a_write_to_a_daemon_that_hangs_says_that_it_waits_and_what_came_of_it() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let daemon = Daemon::start(&dir, &exchange, &[]);
    daemon.signal("STOP");
    let ended = daemon.ask("kill freeze --reason test");
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    for part in ["waiting for the daemon at http", "did not answer within 4 s: it hangs"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("global"), "{}", ended.stderr);

    let said = dir.path().join("said");
    let child = program(dir.path())
        .args(["account", "disarm", "paper", "--reason", "test"])
        .stderr(std::fs::File::create(&said).expect("a file"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let mut asking = Process(child);
    let words = || std::fs::read_to_string(&said).expect("its words");
    daemon.until("it says that it waits", |_| words().contains("waiting for the daemon at http"));
    daemon.signal("CONT");
    assert!(asking.0.wait().expect("it ends").success(), "{}", words());
}
