//! The main job, end to end: a broker account as a component, transactions in the ledger, stops and
//! targets at the exchange over HTTP. `js_plugin.rs` does the same through another plugin.

use crate::harness::{Daemon, Desk, Dir, Exchange, SECRET};

/// Law 1, for an entry sent alone and for one that carries its exits.
#[test]
fn a_stop_changed_while_waiting_rests_at_the_exchange_after_the_fill() {
    changed_while_waiting("alpaca");
}

pub(crate) fn changed_while_waiting(plugin: &str) {
    for guard in ["--plain", ""] {
        let dir = Dir::new();
        let exchange = Exchange::manual(&dir);
        exchange.price("AAA", "101.00", "101.02");
        let daemon = Daemon::through(plugin, &dir, &exchange);

        let opened = daemon.ask(&format!(
            "tx open AAA long 10 --limit 100 --stop 95 --target 110 {guard} --why test --json"
        ));
        assert_eq!(opened.code, Some(0), "{}", opened.stderr);
        daemon.until("the entry rests", |_| !exchange.open_orders().is_empty());
        let changed = daemon.ask("tx set 1 --stop 96.5 --json");
        assert_eq!(changed.json()["outcome"], "STORED", "{}", changed.stdout);
        assert!(
            !exchange.open_orders().iter().any(|row| row.contains("96.5")),
            "WAITING changes the ledger only"
        );

        exchange.price("AAA", "99.90", "99.92");
        daemon.until("it is protected as wanted", |d| {
            let tx = d.tx(1);
            tx["protection"]["state"] == "protected" && tx["legs"]["stop"]["working"] == "96.5"
        });
        assert_eq!(
            exchange.open_orders(),
            ["sell 10 limit limit 110 stop - new", "sell 10 stop limit - stop 96.5 held",],
            "{guard}"
        );
        assert_eq!(daemon.tx(1)["status"], "OPENED");
        let log = daemon.log();
        assert!(!log.contains(SECRET), "a secret in the log");
    }
}

#[test]
fn a_close_ends_flat_and_a_smaller_quantity_keeps_its_pair() {
    closed_and_resized("alpaca");
}

pub(crate) fn closed_and_resized(plugin: &str) {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    let daemon = Daemon::through(plugin, &dir, &exchange);
    let protected = |d: &Daemon| d.tx(1)["protection"]["state"] == "protected";

    daemon.ask("tx open AAA long 10 --stop 95 --target 110 --plain");
    daemon.until("it is protected", protected);
    let smaller = daemon.ask("tx resize 1 6");
    assert_eq!(smaller.code, Some(0), "{}", smaller.stderr);
    daemon.until("six are held and protected", |d| d.tx(1)["held"] == "6" && protected(d));
    assert_eq!(
        exchange.open_orders(),
        ["sell 6 limit limit 110 stop - new", "sell 6 stop limit - stop 95 held"]
    );

    daemon.ask("tx close 1 --why done");
    daemon.until("it is closed", |d| d.tx(1)["status"] == "CLOSED");
    assert!(exchange.open_orders().is_empty());
    assert_eq!(exchange.get("/v2/positions").as_array().map(Vec::len), Some(0));
}

#[test]
fn shorts_and_single_legs() {
    shorts_and_singles("alpaca");
}

pub(crate) fn shorts_and_singles(plugin: &str) {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    for symbol in ["AAA", "BBB", "CCC"] {
        exchange.price(symbol, "100.00", "100.02");
    }
    let daemon = Daemon::through(plugin, &dir, &exchange);
    daemon.ask("tx open AAA short 5 --stop 105 --target 90 --plain");
    daemon.ask("tx open BBB long 5 --stop 95 --plain");
    daemon.ask("tx open CCC long 5 --target 110 --plain");
    daemon.until("all exits rest", |_| exchange.open_orders().len() == 4);
    assert_eq!(
        exchange.open_orders(),
        [
            "buy 5 limit limit 90 stop - new",
            "buy 5 stop limit - stop 105 held",
            "sell 5 limit limit 110 stop - new",
            "sell 5 stop limit - stop 95 new",
        ]
    );
    daemon.until("only the one without a stop is not protected", |d| {
        let states = [1, 2, 3].map(|id| d.tx(id)["protection"]["state"].clone());
        states == ["protected", "protected", "not_wanted"]
    });
}

#[test]
fn a_rejected_stop_is_said_and_tried_again() {
    rejected_stop("alpaca");
}

pub(crate) fn rejected_stop(plugin: &str) {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    let daemon = Daemon::through(plugin, &dir, &exchange);
    exchange.post("/admin/incident", r#"{"kind":"reject_next","symbol":"AAA","role":"stop"}"#);
    daemon.ask("tx open AAA long 10 --stop 95 --target 110 --plain");
    daemon.until("the rejection is a fact", |d| {
        d.ask("activity tail -n 50 --json").stdout.contains("unprotected")
    });
    daemon.until("it is protected in the end", |d| d.tx(1)["protection"]["state"] == "protected");
}

/// The newest facts are what people look for, and they come last.
#[test]
fn the_record_of_a_transaction_is_told_to_its_end() {
    let desk = Desk::of(&["AAA"]);
    desk.api.open("AAA", Some("99"), "plain");
    for change in 0..1_050 {
        let stop = if change % 2 == 0 { "94" } else { "95" };
        let said = desk.api.set_stop(1, stop);
        assert!(said.promised().is_some(), "change {change}: {:?}", said.code());
    }
    desk.api.set_stop(1, "93.21");
    let why = desk.daemon.ask("tx why 1");
    assert_eq!(why.code, Some(0), "{}", why.stderr);
    let lines: Vec<&str> = why.stdout.lines().collect();
    assert!(lines.len() > 1_050, "{} lines", lines.len());
    assert!(lines.last().is_some_and(|line| line.contains("93.21")), "{:?}", lines.last());
    let record = desk.daemon.ask("tx why 1 --json").json();
    assert_eq!(record["facts"].as_array().map(Vec::len), Some(lines.len()));
}
