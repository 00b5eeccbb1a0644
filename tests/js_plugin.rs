//! The plugin in JavaScript at the work of the Rust one: the same scenarios, and what could go wrong
//! in it alone, numbers and large pages.

use crate::harness::{Daemon, Dir, Exchange, SECRET};
use crate::main_job;

const PLUGIN: &str = "alpaca-js";

#[test]
fn a_stop_changed_while_waiting_rests_after_the_fill() {
    main_job::changed_while_waiting(PLUGIN);
}

#[test]
fn a_close_and_a_smaller_quantity() {
    main_job::closed_and_resized(PLUGIN);
}

#[test]
fn shorts_and_single_legs() {
    main_job::shorts_and_singles(PLUGIN);
}

#[test]
fn a_rejected_stop() {
    main_job::rejected_stop(PLUGIN);
}

/// I8: its engine has floats where the ABI has 64 bits; what passes through is exact all the same.
#[test]
fn numbers_are_exact_both_ways() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "12345.67", "12345.69");
    let daemon = Daemon::through(PLUGIN, &dir, &exchange);
    daemon.ask("tx open AAA short 7 --stop 12999.37 --target 11111.11 --plain");
    daemon.until("it is protected", |d| d.tx(1)["protection"]["state"] == "protected");
    assert_eq!(
        exchange.open_orders(),
        ["buy 7 limit limit 11111.11 stop - new", "buy 7 stop limit - stop 12999.37 held",]
    );
    // The position is short: its sign came through two halves that are floats on the way.
    let compared = daemon.ask("account reconcile paper");
    assert_eq!(compared.code, Some(0), "{}{}", compared.stdout, compared.stderr);
    assert_eq!(daemon.tx(1)["held"], "7");
}

/// A page of a hundred orders is read within the CPU budget of a call, and the pages add up.
#[test]
fn more_orders_than_a_page_are_all_seen() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    for n in 0..150 {
        let body = format!(
            r#"{{"symbol":"AAA","qty":"1","side":"buy","type":"limit","limit_price":"{}.25",
               "time_in_force":"gtc","client_order_id":"foreign-{n}"}}"#,
            10 + n % 50
        );
        exchange.post("/v2/orders", &body);
    }
    let daemon = Daemon::through(PLUGIN, &dir, &exchange);
    daemon.ask("tx open AAA long 10 --stop 95 --target 110 --plain");
    daemon.until("it is protected", |d| d.tx(1)["protection"]["state"] == "protected");
    let log = daemon.log();
    assert!(!log.contains("PLUGIN_CPU") && !log.contains("PLUGIN_TRAP"), "{log}");
    assert!(!log.contains(SECRET), "a secret in the log");
}
