//! What was answered is there after a restart, whatever stopped the exchange.

use super::support::{Client, manual, start, tape};
use bracketd_exchange::{Exchange, JournalError, StartError};
use serde_json::{Value, json};
use std::io::Write;

fn look(client: &Client) -> Vec<Value> {
    let paths = [
        "/admin/step",
        "/v2/account",
        "/v2/positions",
        "/v2/orders?status=all&nested=true&limit=500",
        "/v2/account/activities/FILL",
        "/v2/stocks/quotes/latest?symbols=BTC",
        "/v2/stocks/bars?symbols=BTC&timeframe=1Min&start=2021-12-31",
    ];
    paths.iter().map(|path| client.get(path)).collect()
}

fn trade(client: &Client, rounds: u64) {
    let present = client.get("/admin/step")["step"].as_u64().unwrap();
    for step in present..present + rounds {
        if step % 4 == 1 {
            let order = json!({"symbol": "BTC", "qty": "1", "side": "buy", "type": "market",
                "time_in_force": "day", "client_order_id": format!("c{step}")});
            client.call("POST", "/v2/orders", &order);
        }
        client.post("/admin/ack", &json!({"step": step, "next_timer": null}));
    }
}

#[test]
fn a_restart_serves_the_same_step_and_the_same_book() {
    let dir = tempfile::tempdir().unwrap();
    let config = tape("btc-perp-1m.csv", Some(dir.path().join("book")));
    let (exchange, client) = start(&config);
    trade(&client, 23);
    let before = look(&client);
    exchange.shutdown();
    let (_exchange, client) = start(&config);
    assert_eq!(look(&client), before);
    let again = json!({"symbol": "BTC", "qty": "1", "side": "buy", "type": "market",
        "time_in_force": "day", "client_order_id": "c1"});
    let reply = client.call("POST", "/v2/orders", &again);
    assert_eq!(reply.body["message"], "client_order_id must be unique");
}

#[test]
fn a_restart_changes_nothing_of_what_follows_i15() {
    let dir = tempfile::tempdir().unwrap();
    let (_exchange, straight) = start(&tape("btc-perp-1m.csv", None));
    trade(&straight, 40);
    let config = tape("btc-perp-1m.csv", Some(dir.path().join("book")));
    for _ in 0..4 {
        let (_stopped_at_the_end, client) = start(&config);
        trade(&client, 10);
    }
    let (_exchange, interrupted) = start(&config);
    assert_eq!(look(&interrupted), look(&straight));
}

#[test]
fn a_line_cut_short_was_never_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("book");
    let config = tape("btc-perp-1m.csv", Some(path.clone()));
    let (exchange, client) = start(&config);
    trade(&client, 5);
    let before = look(&client);
    exchange.shutdown();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    // Longer than what will be written over it.
    file.write_all(format!("{{\"price\":{{\"symbol\":\"{}", "X".repeat(500)).as_bytes()).unwrap();
    drop(file);
    let (exchange, client) = start(&config);
    assert_eq!(look(&client), before);
    trade(&client, 1);
    let after = look(&client);
    exchange.shutdown();
    let (_exchange, client) = start(&config);
    assert_eq!(look(&client), after);
}

#[test]
fn a_book_in_use_or_of_other_prices_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("book");
    let config = tape("btc-perp-1m.csv", Some(path.clone()));
    let (exchange, _client) = start(&config);
    let refused = Exchange::spawn(&config).unwrap_err();
    let StartError::Journal(JournalError::InUse { process, .. }) = &refused else {
        panic!("{refused}");
    };
    assert_eq!(*process, Some(std::process::id()), "who has it is told");
    for part in ["book: in use by process", "end that exchange first", "a book of its own"] {
        assert!(refused.to_string().contains(part), "{refused}");
    }
    exchange.shutdown();
    let other = tape("usdjpy-ticks.csv", Some(path.clone()));
    let refused = Exchange::spawn(&other).unwrap_err();
    assert!(matches!(refused, StartError::Journal(JournalError::Foreign { .. })), "{refused}");
    std::fs::write(&path, "not a book\n").unwrap();
    let refused = Exchange::spawn(&other).unwrap_err();
    assert!(
        matches!(refused, StartError::Journal(JournalError::Line { line: 1, .. })),
        "{refused}"
    );
}

#[test]
fn two_accounts_need_two_keys() {
    let mut config = manual();
    config.accounts[1].key_id = "longs".into();
    assert!(matches!(Exchange::spawn(&config), Err(StartError::KeyTwice(_))));
    config.accounts.clear();
    assert!(matches!(Exchange::spawn(&config), Err(StartError::NoAccount)));
}
