//! Shapes, codes and pages of the broker's API.

use super::support::{Client, manual, start};
use bracketd_exchange::ExchangeConfig;
use serde_json::{Value, json};

#[test]
fn strangers_stay_outside_and_every_answer_has_a_request_id() {
    let (exchange, client) = start(&manual());
    let stranger = Client::new(&exchange, "nobody");
    for path in ["/v2/clock", "/admin/step", "/nowhere"] {
        let reply = stranger.call("GET", path, &Value::Null);
        assert_eq!((reply.status, &reply.body["code"]), (401, &json!(40_110_000)), "{path}");
        assert!(reply.headers.contains_key("x-request-id"), "{path}");
    }
    let reply = client.call("GET", "/nowhere", &Value::Null);
    assert_eq!((reply.status, &reply.body["code"]), (404, &json!(40_410_000)));
    assert!(reply.headers.contains_key("x-request-id"));
}

#[test]
fn an_order_has_every_field_of_the_published_object() {
    let (_exchange, client) = start(&manual());
    client.quote("ACME", "100", "100.02");
    let order = json!({"symbol": "ACME", "qty": 10.0, "side": "buy", "type": "market",
        "time_in_force": "gtc", "order_class": "bracket", "limit_price": null,
        "take_profit": {"limit_price": 170.0}, "stop_loss": {"stop_price": 90, "limit_price": null},
        "client_order_id": "first"});
    let taken = client.post("/v2/orders", &order);
    let fields = "id client_order_id created_at updated_at submitted_at filled_at expired_at \
        expires_at canceled_at failed_at replaced_at replaced_by replaces asset_id symbol \
        asset_class notional qty filled_qty filled_avg_price order_class order_type type side \
        time_in_force limit_price stop_price status extended_hours legs trail_percent trail_price \
        hwm subtag source position_intent group_id group_role";
    for field in fields.split_whitespace() {
        assert!(taken.get(field).is_some(), "{field}");
        assert!(taken["legs"][1].get(field).is_some(), "leg {field}");
    }
    assert_eq!(taken["qty"], "10");
    assert_eq!(taken["legs"][1]["stop_price"], "90");
    assert_eq!(taken["legs"][1]["group_role"], "stop_loss");
    let found = client.get("/v2/orders:by_client_order_id?client_order_id=first&nested=True");
    assert_eq!((&found["id"], &found["status"]), (&taken["id"], &json!("filled")));
    let listed = client.get("/v2/orders?nested=True");
    let statuses: Vec<_> =
        listed[0]["legs"].as_array().unwrap().iter().map(|l| &l["status"]).collect();
    assert_eq!(statuses, ["new", "held"]);
}

#[test]
fn refusals_carry_code_message_and_fields() {
    let (_exchange, client) = start(&manual());
    client.quote("ACME", "100", "100.02");
    client.buy("ACME", 10.0);
    let oco = |qty: &str, stop: &str| {
        json!({"symbol": "ACME", "qty": qty, "side": "sell", "type": "limit",
            "time_in_force": "gtc", "order_class": "oco", "take_profit": {"limit_price": "110"},
            "stop_loss": {"stop_price": stop}})
    };
    let rows = [
        ("POST", "/v2/orders", json!("nonsense"), 400, 40_010_000),
        ("POST", "/v2/orders", json!({"symbol": "ACME"}), 422, 40_010_001),
        ("POST", "/v2/orders", oco("ten", "90"), 422, 40_010_001),
        ("POST", "/v2/orders", oco("10", "90.123"), 422, 42_210_000),
        ("POST", "/v2/orders", oco("11", "90"), 403, 40_310_000),
        ("PATCH", "/v2/orders/not-an-id", json!({"stop_price": "91"}), 404, 40_410_000),
        ("DELETE", "/v2/orders/not-an-id", Value::Null, 404, 40_410_000),
        ("GET", "/v2/orders?status=odd", Value::Null, 422, 40_010_001),
        ("GET", "/v2/orders?limit=501", Value::Null, 422, 40_010_001),
        ("GET", "/v2/positions/NOPE", Value::Null, 404, 40_410_000),
        ("GET", "/v2/assets/NOPE", Value::Null, 404, 40_410_000),
        ("GET", "/v2/stocks/quotes/latest", Value::Null, 400, 40_010_000),
    ];
    for (method, path, body, status, code) in rows {
        let reply = client.call(method, path, &body);
        let seen = (reply.status, reply.body["code"].as_u64());
        assert_eq!(seen, (status, Some(code)), "{method} {path} {body}: {}", reply.body);
        assert!(reply.body["message"].is_string(), "{method} {path}");
    }
}

#[test]
fn replace_cancel_and_close_answer_like_the_broker() {
    let (_exchange, client) = start(&manual());
    client.quote("ACME", "100", "100.02");
    client.buy("ACME", 10.0);
    let stop = json!({"symbol": "ACME", "qty": "10", "side": "sell", "type": "stop",
        "time_in_force": "gtc", "stop_price": "90"});
    let old = client.post("/v2/orders", &stop);
    let path = format!("/v2/orders/{}", old["id"].as_str().unwrap());
    let new = client.call("PATCH", &path, &json!({"stop_price": 91.5, "qty": null}));
    assert_eq!((new.status, &new.body["replaces"]), (200, &old["id"]));
    assert_eq!(client.get(&path)["replaced_by"], new.body["id"]);
    // Case 3: the stop holds the units until it is canceled.
    assert_eq!(client.call("DELETE", "/v2/positions/ACME", &Value::Null).status, 403);
    let path = format!("/v2/orders/{}", new.body["id"].as_str().unwrap());
    assert_eq!(client.call("DELETE", &path, &Value::Null).status, 204);
    assert_eq!(client.call("DELETE", &path, &Value::Null).status, 422);
    let close = client.call("DELETE", "/v2/positions/ACME?percentage=50", &Value::Null);
    assert_eq!((close.status, &close.body["qty"]), (200, &json!("5")));
    assert_eq!(client.get("/v2/positions/ACME")["qty"], "5");
    let all = client.call("DELETE", "/v2/positions?cancel_orders=true", &Value::Null);
    assert_eq!((all.status, &all.body[0]["status"]), (207, &json!(200)));
    assert_eq!(client.get("/v2/positions"), json!([]));
    assert_eq!(client.call("DELETE", "/v2/orders", &Value::Null).body, json!([]));
}

#[test]
fn fills_come_in_pages() {
    let (_exchange, client) = start(&manual());
    client.quote("ACME", "100", "100.02");
    client.post("/admin/liquidity", &json!({"symbol": "ACME", "max_fill_per_step": "4"}));
    client.buy("ACME", 10.0);
    client.quote("ACME", "101", "101.02");
    client.quote("ACME", "102", "102.02");
    let base = "/v2/account/activities/FILL?direction=asc&page_size=2";
    let first = client.get(base);
    let line = |fill: &Value| {
        let field = |name: &str| fill[name].as_str().unwrap().to_owned();
        format!("{} {} {} {}", field("type"), field("qty"), field("price"), field("leaves_qty"))
    };
    let lines = |page: &Value| page.as_array().unwrap().iter().map(line).collect::<Vec<_>>();
    assert_eq!(lines(&first), ["partial_fill 4 100.02 6", "partial_fill 4 101.02 2"]);
    let token = first[1]["id"].as_str().unwrap();
    let second = client.get(&format!("{base}&page_token={token}"));
    assert_eq!(lines(&second), ["fill 2 102.02 0"]);
    let token = second[0]["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("{base}&page_token={token}")), json!([]));
    let after = first[0]["transaction_time"].as_str().unwrap();
    assert_eq!(lines(&client.get(&format!("{base}&after={after}"))).len(), 2);
    assert_eq!(client.get("/v2/account/activities/FILL")[0]["cum_qty"], "10");
    let reply = client.call("GET", &format!("{base}&page_token=x::y"), &Value::Null);
    assert_eq!(reply.status, 422);
}

#[test]
fn accounts_share_prices_and_nothing_else() {
    let (exchange, longs) = start(&manual());
    let shorts = Client::new(&exchange, "shorts");
    longs.quote("ACME", "100", "100.02");
    longs.buy("ACME", 10.0);
    assert_eq!(shorts.get("/v2/positions"), json!([]));
    assert_eq!(shorts.get("/v2/orders?status=all"), json!([]));
    let quotes = shorts.get("/v2/stocks/quotes/latest?symbols=ACME,NOPE");
    assert_eq!(quotes["quotes"]["ACME"]["ap"].to_string(), "100.02");
    assert_eq!(quotes["quotes"].as_object().unwrap().len(), 1);
    assert_ne!(longs.get("/v2/account")["id"], shorts.get("/v2/account")["id"]);
    assert_eq!(longs.get("/v2/account")["cash"], "98999.8");
}

#[test]
fn an_incident_refuses_once() {
    let (_exchange, client) = start(&manual());
    client.quote("ACME", "100", "100.02");
    let incident = json!({"kind": "reject_next", "symbol": "ACME", "role": "entry",
        "error": "insufficient_buying_power"});
    client.post("/admin/incident", &incident);
    let order = json!({"symbol": "ACME", "qty": "1", "side": "buy", "type": "market",
        "time_in_force": "day"});
    let reply = client.call("POST", "/v2/orders", &order);
    assert_eq!((reply.status, &reply.body["message"]), (403, &json!("insufficient buying power")));
    assert_eq!(client.call("POST", "/v2/orders", &order).status, 200);
    let unknown = client.call("POST", "/admin/incident", &json!({"kind": "fire"}));
    assert_eq!(unknown.status, 422);
}

#[test]
fn a_rate_limit_answers_429_with_its_headers() {
    let config = ExchangeConfig { requests_per_minute: Some(1), ..manual() };
    let (_exchange, client) = start(&config);
    // A minute may end in between: three requests cannot fall into three minutes.
    let replies: Vec<_> = (0..3).map(|_| client.call("GET", "/v2/clock", &Value::Null)).collect();
    let refused = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert_eq!(refused.body["code"], 42_910_000);
    assert_eq!(refused.headers["x-ratelimit-remaining"], "0");
    assert!(refused.headers.contains_key("x-ratelimit-reset"));
}
