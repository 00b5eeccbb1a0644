//! kill -9 of the daemon: the next start looks, reconciles and goes on, and both ends tell the same
//! story.

use crate::harness::{Daemon, Dir, Exchange};

#[test]
fn a_fill_while_the_daemon_was_dead_gets_its_stored_stop_at_the_next_start() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "101.00", "101.02");
    let daemon = Daemon::start(&dir, &exchange, &[]);
    daemon.ask("tx open AAA long 10 --limit 100 --stop 95 --target 110 --plain");
    daemon.until("the entry rests", |_| exchange.open_orders().len() == 1);
    daemon.ask("tx set 1 --stop 97");
    daemon.kill();

    exchange.price("AAA", "99.50", "99.52");
    assert!(exchange.open_orders().is_empty(), "filled, and nobody there to protect it");

    let mut daemon = Daemon::again(&dir);
    daemon.until("it is protected", |d| d.tx(1)["protection"]["state"] == "protected");
    assert_eq!(
        exchange.open_orders(),
        ["sell 10 limit limit 110 stop - new", "sell 10 stop limit - stop 97 held"]
    );
    let facts = daemon.ready().expect("it runs").facts(1);
    let protected = facts.iter().find(|fact| fact["kind"] == "protected");
    let span = protected.and_then(|fact| fact["span_ms"].as_u64());
    assert!(span.is_some(), "how long it was without its stop is a fact: {facts:#?}");
}

#[test]
fn an_entry_that_carries_its_exits_is_guarded_while_the_daemon_is_dead_and_moved_afterwards() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "101.00", "101.02");
    let daemon = Daemon::start(&dir, &exchange, &[]);
    daemon.ask("tx open AAA long 10 --limit 100 --stop 95 --target 110");
    daemon.until("the entry rests with its exits", |_| exchange.open_orders().len() == 3);
    daemon.ask("tx set 1 --stop 97");
    daemon.kill();

    exchange.price("AAA", "99.50", "99.52");
    assert_eq!(
        exchange.open_orders(),
        ["sell 10 limit limit 110 stop - new", "sell 10 stop limit - stop 95 held"],
        "the broker protects it by the stop that the entry carried"
    );

    let daemon = Daemon::again(&dir);
    daemon.until("the stop is moved to the stored one", |d| {
        let tx = d.tx(1);
        tx["protection"]["state"] == "protected" && tx["legs"]["stop"]["working"] == "97"
    });
    assert_eq!(
        exchange.open_orders(),
        ["sell 10 limit limit 110 stop - new", "sell 10 stop limit - stop 97 held"]
    );
}

#[test]
fn killed_again_and_again_it_never_sends_an_order_twice() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    let mut daemon = Daemon::start(&dir, &exchange, &[]);
    for round in 0..4u64 {
        let stop = 90 + round;
        daemon.ask(&format!("tx open AAA long 1 --stop {stop} --target 120 --plain --distinct"));
        // Wherever the kill falls: before the send, between send and answer, or after.
        std::thread::sleep(std::time::Duration::from_millis(round * 7));
        daemon.kill();
        daemon = Daemon::again(&dir);
    }
    daemon.until("every transaction is protected", |d| {
        (1..=4).all(|id| d.tx(id)["protection"]["state"] == "protected")
    });
    let held = exchange.get("/v2/positions/AAA");
    assert_eq!(held["qty"], "4", "four entries of one, each filled once");
    assert_eq!(exchange.open_orders().len(), 8, "{:#?}", exchange.open_orders());
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    let daemon = Daemon::start(&dir, &exchange, &[]);
    let second = dir.bracketd("run");
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    let holder = format!("is in use by process {}", daemon.pid());
    assert!(second.stderr.contains(&holder), "{}", second.stderr);
    assert_eq!(daemon.ask("status --json").json()["ready"], true, "the first goes on");
}
