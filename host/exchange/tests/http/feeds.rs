//! Prices that move by themselves: the simulated market, and a tape at a pace.

use super::support::{Client, manual, start, tape};
use bracketd_exchange::{ExchangeConfig, Feed, MarketConfig, TapeSpeed};
use serde_json::{Value, json};
use std::time::Duration;

/// Asks until the step says yes, for ten seconds at most.
fn until(client: &Client, yes: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..2_000 {
        let step = client.get("/admin/step");
        if yes(&step) {
            return step;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("never: {}", client.get("/admin/step"));
}

#[test]
fn a_market_has_prices_at_once_moves_by_itself_and_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let market = MarketConfig { step_ms: 10, speed: 10, ..MarketConfig::default() };
    let symbols = ["ACME", "BOLT", "CRUX"];
    let config = ExchangeConfig {
        feed: Feed::Market(market),
        book_file: Some(dir.path().join("book")),
        ..manual()
    };
    let (exchange, client) = start(&config);
    let quotes = client.get("/v2/stocks/quotes/latest?symbols=ACME,BOLT,CRUX");
    assert_eq!(quotes["quotes"].as_object().unwrap().keys().collect::<Vec<_>>(), symbols);
    let trades = client.get("/v2/stocks/trades/latest?symbols=ACME");
    assert!(trades["trades"]["ACME"]["p"].is_number());
    client.buy("ACME", 3.0);
    let seen = until(&client, |step| step["step"].as_u64() >= Some(20));
    exchange.shutdown();
    let (_exchange, client) = start(&config);
    assert!(client.get("/admin/step")["step"].as_u64() > seen["step"].as_u64());
    assert_eq!(client.get("/v2/positions/ACME")["qty"], "3");
}

#[test]
fn a_tape_at_a_pace_needs_no_acks() {
    let mut config = tape("usdjpy-ticks.csv", None);
    if let Feed::Tape { speed, .. } = &mut config.feed {
        *speed = TapeSpeed::Factor(100_000);
    }
    let (_exchange, client) = start(&config);
    let end = until(&client, |step| step["done"] == true);
    assert_eq!(end["played"], json!(30));
}
