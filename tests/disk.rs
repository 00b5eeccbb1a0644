//! The disk full and the ledger locked: nothing leaves without its commit, protection goes first,
//! and everything goes on afterwards (I3; reliability, cases 25 and 26).

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::harness::{Api, Daemon, Desk, change_until_refused, difference, is_protected};

const LOCKED: Duration = Duration::from_secs(10);
const STOP_MAX: Duration = Duration::from_secs(15);

#[test]
fn i3_on_a_full_disk_a_fill_still_gets_its_stop_and_then_nothing_is_sent_until_there_is_room() {
    let (Desk { dir, exchange, mut daemon, api }, disk) = Desk::on_a_small_disk(&["AAA", "BBB"]);
    for symbol in ["AAA", "BBB"] {
        assert!(api.open(symbol, Some("99.90"), "plain").promised().is_some());
    }
    daemon.until("both entries rest", |_| exchange.open_orders().len() == 2);

    disk.fill();
    exchange.price("AAA", "99.80", "99.82");
    daemon.until("the fill has its stop, out of the ballast's room", |_| {
        is_protected(&api, &exchange, "AAA")
    });
    daemon.until("activity has stopped first, and says why", |_| {
        let why = api.status()["activity"]["last_error"].clone();
        why.as_str().is_some_and(|why| why.contains("full"))
    });
    assert!(api.is_ready(), "the ledger is still written: {:#}", api.status());
    let refused = api.open("BBB", None, "plain");
    assert_eq!(refused.code(), Some("DISK_FULL"), "the ballast is for what is held: {refused:?}");
    assert!(api.set_stop(1, "95.5").promised().is_some(), "a stop is moved out of it");

    disk.fill();
    let refused = change_until_refused(&api, || {});
    let before = exchange.ends("BBB");
    exchange.price("BBB", "99.80", "99.82");
    daemon.until("readiness is red and says why", |_| {
        let why = api.status()["not_ready"].to_string();
        why.contains("the ledger") && why.contains("full")
    });
    let later = api.set_stop(1, "91.5");
    assert_eq!(later.code(), Some("LEDGER_FAILED"), "{refused:?}, then {later:?}");
    let said = daemon.ask("status");
    let first = said.stdout.lines().nth(1).unwrap_or_default();
    assert!(first.contains("ATTENTION") && first.contains("the ledger"), "{}", said.stdout);
    assert_eq!(said.code, Some(1), "not ready is no success: {}", said.stdout);
    std::thread::sleep(Duration::from_secs(1));
    assert!(before.stops.is_empty() && exchange.ends("BBB").stops.is_empty(), "nothing is sent");

    disk.make_room();
    daemon.until("with room, everything goes on by itself", |_| {
        api.is_ready() && ["AAA", "BBB"].iter().all(|symbol| is_protected(&api, &exchange, symbol))
    });
    everything_is_as_before(&mut daemon, &api);
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("the ledger is sound");
    assert_eq!(api.status()["protection"]["protected"], 2);
}

/// With room, the ballast is kept and the activity log caught up, both told once each way; a stop
/// has nothing left to write.
fn everything_is_as_before(daemon: &mut Daemon, api: &Api) {
    daemon.until("ballast and activity go on by themselves", |_| {
        let status = api.status();
        status["activity"]["behind"] == 0 && status["alerts"] == serde_json::json!([])
    });
    let shown = daemon.ask("db status");
    for part in ["the newest\n", "kept for a full disk"] {
        assert!(shown.stdout.contains(part), "{part:?}: {}", shown.stdout);
    }
    assert_eq!(daemon.ask("status").code, Some(0));
    daemon.signal("TERM");
    let status = daemon.ends_within(STOP_MAX);
    assert!(status.is_some_and(|s| s.success()), "{status:?}\n{}", daemon.log());
    let log = daemon.log();
    for words in [
        "ballast (ledger.ballast) was given back",
        "the ballast is kept for a full disk again",
        "the activity log is not written",
        "the activity log is written again",
    ] {
        assert_eq!(log.matches(words).count(), 1, "{words:?} in\n{log}");
    }
}

#[test]
fn on_a_disk_that_is_full_a_start_after_a_crash_looks_after_the_stops() {
    starts_on_a_full_disk(Daemon::kill);
}

#[test]
fn on_a_disk_that_is_full_a_start_after_a_stop_looks_after_the_stops() {
    starts_on_a_full_disk(|mut daemon| {
        daemon.signal("TERM");
        let status = daemon.ends_within(STOP_MAX);
        assert!(status.is_some_and(|s| s.success()), "{status:?}\n{}", daemon.log());
    });
}

/// Ends the daemon so, fills the disk, and starts another one.
fn starts_on_a_full_disk(end: impl FnOnce(Daemon)) {
    let (Desk { dir, exchange, daemon, api }, disk) = Desk::on_a_small_disk(&["AAA", "BBB"]);
    for symbol in ["AAA", "BBB"] {
        assert!(api.open(symbol, Some("99.90"), "plain").promised().is_some());
    }
    daemon.until("both entries rest", |_| exchange.open_orders().len() == 2);
    exchange.price("AAA", "99.80", "99.82");
    daemon.until("one has its stop", |_| {
        api.of_symbol("AAA").unwrap_or_default()["protection"]["state"] == "protected"
    });
    end(daemon);
    disk.fill();

    exchange.price("BBB", "99.80", "99.82");
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().unwrap_or_else(|| panic!("it does not start\n{}", daemon.log()));
    daemon.until("both have their stops", |_| {
        ["AAA", "BBB"].iter().all(|symbol| is_protected(&api, &exchange, symbol))
    });
    let said = daemon.ask("tx list");
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    daemon.until("the missing ballast is said", |d| {
        let said = d.ask("status");
        said.code == Some(1) && said.stdout.contains("the ballast (ledger.ballast) was given back")
    });
    assert!(api.set_stop(1, "96.5").promised().is_some());
}

#[test]
fn a_stop_while_somebody_locks_the_ledger_ends_in_time_and_loses_no_promise() {
    let Desk { dir, exchange, mut daemon, api } = Desk::of(&["AAA"]);
    assert!(api.open("AAA", None, "plain").promised().is_some());
    daemon.until("it is protected", |_| api.status()["protection"]["protected"] == 1);
    let outsider = Connection::open(dir.path().join("data/ledger.db")).expect("the ledger");
    outsider.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| api.set_stop(1, "96"));
        std::thread::sleep(Duration::from_millis(300));
        daemon.signal("TERM");
        let status = daemon.ends_within(STOP_MAX);
        assert!(status.is_some_and(|s| s.success()), "{status:?}\n{}", daemon.log());
        let said = asked.join().expect("an end");
        assert!(said.promised().is_none(), "what was not committed is not promised: {said:?}");
    });
    outsider.execute_batch("ROLLBACK").expect("the end of the lock");
    drop(outsider);
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs again");
    let tx = api.of_symbol("AAA").expect("it is kept");
    assert_eq!(tx["legs"]["stop"]["desired"], "95");
    assert_eq!(difference(&tx, &exchange.ends("AAA")), None);
}

#[test]
fn i3_while_somebody_locks_the_ledger_nothing_is_sent_and_nothing_is_lost() {
    let Desk { dir, exchange, daemon, api } = Desk::of(&["AAA", "BBB"]);
    assert!(api.open("AAA", None, "plain").promised().is_some());
    assert!(api.open("BBB", Some("99.90"), "plain").promised().is_some());
    daemon.until("one is protected, the other waits", |_| exchange.open_orders().len() == 3);

    let outsider = Connection::open(dir.path().join("data/ledger.db")).expect("the ledger");
    outsider.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    let began = Instant::now();
    exchange.price("BBB", "99.80", "99.82");
    let mut answers = Vec::new();
    while began.elapsed() < LOCKED {
        answers.push(api.set_stop(1, "96"));
        assert_eq!(exchange.ends("AAA").stops, exchange.ends("AAA").stops_at("95"));
        assert!(exchange.ends("BBB").stops.is_empty(), "no stop without its commit");
    }
    outsider.execute_batch("ROLLBACK").expect("the end of the lock");
    for said in &answers {
        let is_clear = said.code() == Some("LEDGER_FAILED") || said.code() == Some("NO_ANSWER");
        assert!(is_clear, "neither taken nor clearly refused: {said:?}");
    }
    daemon.until("both ends agree, and the fill has its stop", |_| {
        ["AAA", "BBB"].iter().all(|symbol| is_protected(&api, &exchange, symbol))
    });
    assert!(api.is_ready());
    assert!(api.set_stop(1, "96.5").promised().is_some());
    daemon.until("changes are taken again", |_| {
        exchange.ends("AAA").stops == exchange.ends("AAA").stops_at("96.5")
    });
}

#[test]
fn g8_a_kill_switch_holds_on_a_full_disk_and_is_written_once_there_is_room() {
    let (Desk { dir, exchange, daemon, api }, disk) = Desk::on_a_small_disk(&["AAA", "BBB"]);
    assert!(api.open("AAA", None, "plain").promised().is_some());
    assert!(api.open("BBB", Some("99.90"), "plain").promised().is_some());
    daemon.until("one is protected, the other waits", |_| exchange.open_orders().len() == 3);
    change_until_refused(&api, || disk.fill());

    let said = daemon.ask("kill freeze --account paper --reason full");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("NOT YET IN THE LEDGER"), "{}", said.stdout);
    std::fs::write(dir.path().join("data/KILL"), "").expect("a name needs no room");
    daemon.until("the file holds too", |_| api.status()["kill"]["level"] == "protect-only");
    let shown = daemon.ask("kill status");
    for level in ["freeze (not yet in the ledger)", "protect-only (not yet in the ledger)"] {
        assert!(shown.stdout.contains(level), "{}", shown.stdout);
    }
    let status = daemon.ask("status").stdout;
    assert!(status.contains("it is not yet in the ledger"), "{status}");
    let cleared = daemon.ask("kill clear --account paper --reason calm");
    assert_eq!(cleared.code, Some(4), "a level is only raised like this: {}", cleared.stdout);
    assert!(cleared.stderr.contains("LEDGER_FAILED"), "{}", cleared.stderr);

    disk.make_room();
    daemon.until("both are written", |_| {
        let status = api.status();
        status["kill"]["in_ledger"] == true && status["accounts"][0]["kill"]["in_ledger"] == true
    });
    assert_eq!(api.open("AAA", None, "plain").code(), Some("KILLED"));
    exchange.price("BBB", "99.80", "99.82");
    daemon.until("protection goes on at every level", |_| is_protected(&api, &exchange, "BBB"));
    std::fs::remove_file(dir.path().join("data/KILL")).expect("the file");
    daemon.kill();
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.api().expect("it runs again");
    let status = api.status();
    assert_eq!(status["kill"]["level"], "protect-only");
    assert_eq!(status["accounts"][0]["kill"]["level"], "freeze");
}

#[test]
fn a_start_that_finds_no_room_for_daemon_json_writes_it_once_there_is() {
    let (Desk { dir, exchange: _exchange, daemon, api }, disk) = Desk::on_a_small_disk(&["AAA"]);
    assert!(api.open("AAA", None, "plain").promised().is_some());
    daemon.until("it is protected", |_| api.status()["protection"]["protected"] == 1);
    change_until_refused(&api, || disk.fill());
    daemon.kill();
    disk.fill();
    let mut daemon = Daemon::spawn(&dir, None);
    daemon.until("it says what it lacks", |d| d.log().contains("daemon.json cannot be written"));
    let old = std::fs::read_to_string(dir.path().join("data/daemon.json")).expect("the old one");
    assert!(!old.contains(&format!("\"pid\": {}", daemon.pid())), "{old}");
    disk.make_room();
    let api = daemon.ready().expect("it is found, and well");
    assert_eq!(api.status()["protection"]["protected"], 1);
    assert!(daemon.log().contains("daemon.json is written"), "{}", daemon.log());
}
