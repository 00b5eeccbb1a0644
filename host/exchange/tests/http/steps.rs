//! The step protocol: the tape moves when it is told to, and never twice.

use super::support::{Client, start, tape};
use serde_json::{Value, json};

fn ack(client: &Client, step: u64, next_timer: &Value) -> (u16, Value) {
    let reply = client.call("POST", "/admin/ack", &json!({"step": step, "next_timer": next_timer}));
    (reply.status, reply.body)
}

#[test]
fn the_first_step_is_there_and_an_ack_brings_the_next() {
    let (_exchange, client) = start(&tape("usdjpy-ticks.csv", None));
    let step = client.get("/admin/step");
    assert_eq!((&step["step"], &step["total"]), (&json!(1), &json!(30)));
    assert_eq!(client.get("/v2/clock")["timestamp"], "2013-01-01T22:00:00.295Z");
    let (status, next) = ack(&client, 1, &Value::Null);
    assert_eq!((status, &next["step"]), (200, &json!(2)));
    assert_eq!(next, client.get("/admin/step"));
    assert_eq!(client.get("/v2/clock")["timestamp"], next["time"]);
    let (status, present) = ack(&client, 1, &Value::Null);
    assert_eq!((status, present), (409, next), "an old step moves nothing");
}

#[test]
fn a_timer_before_the_next_price_is_a_step_of_its_own() {
    let (_exchange, client) = start(&tape("usdjpy-ticks.csv", None));
    let quote = client.get("/v2/stocks/quotes/latest?symbols=USDJPY");
    let (_, timer) = ack(&client, 1, &json!("2013-01-01T22:01:00Z"));
    assert_eq!(timer["time"], "2013-01-01T22:01:00Z");
    assert_eq!((&timer["step"], &timer["played"]), (&json!(2), &json!(1)));
    assert_eq!(client.get("/v2/stocks/quotes/latest?symbols=USDJPY"), quote);
    // Unix nanoseconds do as well; a timer behind the next price waits for it.
    let (_, price) = ack(&client, 2, &json!(1_357_081_200_000_000_000_i64));
    assert_eq!((&price["played"], &price["time"]), (&json!(2), &json!("2013-01-01T22:02:35.907Z")));
    let (status, _) = ack(&client, 3, &json!("soon"));
    assert_eq!(status, 422);
}

#[test]
fn the_end_is_told_and_only_timers_go_on_from_there() {
    let (_exchange, client) = start(&tape("usdjpy-ticks.csv", None));
    let mut present = client.get("/admin/step");
    while present["done"] == false {
        present = ack(&client, present["step"].as_u64().unwrap(), &Value::Null).1;
    }
    assert_eq!((&present["played"], &present["step"]), (&json!(30), &json!(30)));
    assert_eq!(ack(&client, 30, &Value::Null), (200, present));
    let (_, later) = ack(&client, 30, &json!("2013-01-02T00:00:00Z"));
    assert_eq!((&later["step"], &later["done"]), (&json!(31), &json!(true)));
}

#[test]
fn a_tape_symbol_is_listed_like_an_equity_in_whole_units() {
    let (_exchange, client) = start(&tape("usdjpy-ticks.csv", None));
    let asset = client.get("/v2/assets/USDJPY");
    assert_eq!(asset["price_increment"], "0.001");
    assert_eq!((&asset["shortable"], &asset["fractionable"]), (&json!(true), &json!(false)));
    assert_eq!(client.get("/v2/clock")["is_open"], true);
    client.buy("USDJPY", 100.0);
    let oco = json!({"symbol": "USDJPY", "qty": "100", "side": "sell", "type": "limit",
        "time_in_force": "gtc", "order_class": "oco", "take_profit": {"limit_price": "86.801"},
        "stop_loss": {"stop_price": "86.501"}});
    let taken = client.post("/v2/orders", &oco);
    assert_eq!(taken["submitted_at"], "2013-01-01T22:00:00.295Z", "the tape's time");
    let bars = client.get("/v2/stocks/bars?symbols=USDJPY&timeframe=1Day&start=2013-01-01");
    assert_eq!(bars["bars"]["USDJPY"][0]["o"].to_string(), "86.6915");
}
