//! Every refusal we know, as (status, body) -> (fault, neutral code). One of Alpaca's codes stands
//! for opposite remedies, which is why the rows look alike on the left.

use bracketd_plugin_sdk::fault::Purpose;
use bracketd_plugin_sdk::types::{Fault, OrderKey};
use serde_json::{Value, json};

use super::{NOW, Script, dec, response};
use crate::refusal::judge;

fn write() -> Purpose {
    Purpose::Write(vec![OrderKey::Client("bd-1".into())])
}

fn kind(fault: &Fault) -> (&'static str, String) {
    match fault {
        Fault::Rejected(d) => ("rejected", d.code.clone()),
        Fault::Retryable(w) => ("retryable", w.detail.code.clone()),
        Fault::UnknownOutcome(d) => ("doubt", d.detail.code.clone()),
        Fault::RateLimited(w) => ("rate-limited", w.detail.code.clone()),
        Fault::Auth(d) => ("auth", d.code.clone()),
        Fault::NotFound(d) => ("not-found", d.code.clone()),
        Fault::Invalid(d) => ("invalid", d.code.clone()),
        Fault::NotSupported(text) => ("not-supported", text.clone()),
    }
}

/// (status, code, message) -> (fault, neutral code) of a write.
type Row = (u16, i64, &'static str, &'static str, &'static str);

const REFUSED_WRITES: &[Row] = &[
    (403, 40_310_000, "insufficient buying power", "rejected", "INSUFFICIENT_FUNDS"),
    (
        403,
        40_310_000,
        "insufficient qty available for order (requested: 10, available: 0)",
        "rejected",
        "INSUFFICIENT_QTY",
    ),
    (
        403,
        40_310_000,
        "potential wash trade detected. use complex orders",
        "rejected",
        "WASH_TRADE",
    ),
    (
        422,
        42_210_000,
        "potential wash trade detected. use complex orders",
        "rejected",
        "WASH_TRADE",
    ),
    (403, 40_310_000, "opposite side market/stop order exists", "rejected", "WASH_TRADE"),
    (
        403,
        40_310_000,
        "cannot open a long buy while a short sell order is open",
        "rejected",
        "WOULD_NET",
    ),
    (403, 40_310_000, "account is not allowed to short", "rejected", "NOT_SHORTABLE"),
    (403, 40_310_000, "asset \"X\" cannot be sold short", "rejected", "NOT_SHORTABLE"),
    (403, 40_310_000, "extended_hours is not allowed", "rejected", "SESSION_NOT_ALLOWED"),
    (403, 40_310_000, "something new", "rejected", "NOT_ALLOWED"),
    (403, 40_310_100, "trade denied", "rejected", "NOT_ALLOWED"),
    (
        422,
        42_210_000,
        "sub-penny increment does not fulfill minimum pricing criteria",
        "rejected",
        "PRICE_INCREMENT",
    ),
    (
        422,
        42_210_000,
        "stop_loss.stop_price must be <= base_price - 0.01",
        "rejected",
        "PRICE_GEOMETRY",
    ),
    (
        422,
        42_210_000,
        "stop price must be less than current price",
        "rejected",
        "STOP_THROUGH_MARKET",
    ),
    (
        422,
        42_210_000,
        "stop price must be greater than current price",
        "rejected",
        "STOP_THROUGH_MARKET",
    ),
    (422, 42_210_000, "bracket orders must be entry orders", "rejected", "NOT_ENTRY"),
    (422, 42_210_000, "oco orders must be exit orders", "rejected", "POSITION_GONE"),
    (422, 42_210_000, "asset XXXX is not tradable", "rejected", "NOT_TRADABLE"),
    (
        422,
        42_210_000,
        "fractional orders must be simple orders",
        "rejected",
        "FRACTIONAL_NOT_ALLOWED",
    ),
    (422, 42_210_000, "cannot replace order in accepted status", "rejected", "NOT_REPLACEABLE"),
    (422, 42_210_000, "order already replaced", "rejected", "ORDER_REPLACED"),
    (422, 42_210_000, "order already pending replacement", "retryable", "REPLACE_IN_FLIGHT"),
    (422, 42_210_000, "order chain not fully replaced", "retryable", "REPLACE_IN_FLIGHT"),
    (422, 42_210_000, "order parameters are not changed", "rejected", "NOT_CHANGED"),
    (422, 42_210_000, "qty must be > filled_qty", "rejected", "QTY_BELOW_FILLED"),
    (422, 42_210_000, "order is not open, status: filled", "rejected", "ORDER_CLOSED"),
    (422, 42_210_000, "order is not cancelable", "rejected", "NOT_CANCELABLE"),
    (422, 42_210_000, "order is already in \"filled\" state", "rejected", "NOT_CANCELABLE"),
    (422, 42_210_000, "oto orders cannot be replaced", "rejected", "NOT_REPLACEABLE"),
    (
        422,
        42_210_000,
        "position intent mismatch, inferred: sell_to_open, specified: sell_to_close",
        "rejected",
        "POSITION_GONE",
    ),
    (422, 42_210_000, "something new", "rejected", "REFUSED"),
    (422, 40_010_001, "oto orders support only day or gtc", "rejected", "FIELD_VALIDATION"),
    (422, 40_010_001, "client_order_id must be unique", "doubt", "DUPLICATE_CLIENT_ID"),
    (400, 40_010_000, "request body format is invalid", "rejected", "MALFORMED"),
    (401, 40_110_000, "access key verification failed", "auth", "AUTH"),
    (403, 40_000_000, "forbidden.", "auth", "FORBIDDEN"),
    (404, 40_410_000, "order not found for id", "not-found", "NOT_FOUND"),
    (404, 40_410_000, "position does not exist", "not-found", "POSITION_GONE"),
    (429, 42_910_000, "rate limit exceeded", "rate-limited", "RATE_LIMITED"),
    (500, 50_010_000, "internal server error occurred", "doubt", "UNAVAILABLE"),
    (503, 50_310_000, "service unavailable", "doubt", "UNAVAILABLE"),
    (504, 50_410_000, "timeout", "doubt", "UNAVAILABLE"),
];

#[test]
fn a_write_that_was_refused() {
    for &(status, code, message, fault, neutral) in REFUSED_WRITES {
        let answer = response(status, &json!({"code": code, "message": message}));
        let found = judge(&answer, NOW, &write());
        assert_eq!(kind(&found), (fault, neutral.to_owned()), "{status} {code} {message}");
    }
}

/// I13: a read may be asked again; a write may not.
#[test]
fn a_failed_server_is_asked_again_for_reads_only() {
    for status in [500, 502, 503, 504, 408] {
        let answer = response(status, &Value::Null);
        assert_eq!(kind(&judge(&answer, NOW, &Purpose::Read)).0, "retryable", "{status}");
        assert_eq!(kind(&judge(&answer, NOW, &write())).0, "doubt", "{status}");
    }
}

/// I13: absence is evidence, so it has to be the broker's own word.
#[test]
fn a_front_door_that_finds_nothing_says_nothing_of_the_broker() {
    for body in [Value::Null, json!("<html>404</html>"), json!({"message": "no Route matched"})] {
        let answer = response(404, &body);
        let found = kind(&judge(&answer, NOW, &Purpose::Read));
        assert_eq!(found, ("retryable", "NOT_FOUND".into()), "{body}");
        assert_eq!(kind(&judge(&answer, NOW, &write())).0, "not-found", "nothing was written");
    }
    let gone = json!({"code": 40_410_000, "message": "order not found for id"});
    assert_eq!(kind(&judge(&response(404, &gone), NOW, &Purpose::Read)).0, "not-found");
}

#[test]
fn an_unreadable_answer_leaves_a_write_in_doubt() {
    let script = Script::new().on("GET /v2/account", 200, json!("half an ans"));
    let fault = script.run(|client| client.get::<crate::wire::Account>("/v2/account")).unwrap_err();
    assert_eq!(kind(&fault), ("retryable", "UNREADABLE_ANSWER".into()));
    let script = Script::new().on_body("POST /v2/orders", json!({}), 200, json!({"no": "order"}));
    let lookup = vec![OrderKey::Client("bd-1".into())];
    let fault = script
        .run(|c| c.write::<crate::wire::Order>("POST", "/v2/orders", &json!({}), lookup.clone()))
        .unwrap_err();
    assert_eq!(kind(&fault), ("doubt", "UNREADABLE_ANSWER".into()));
    assert!(matches!(fault, Fault::UnknownOutcome(doubt) if doubt.lookup == lookup));
}

#[test]
fn who_is_in_the_way_is_named() {
    let held = json!({"code": 40_310_000, "available": "0", "existing_qty": "10",
        "held_for_orders": "10", "related_orders": ["a", "b"], "symbol": "AAPL",
        "message": "insufficient qty available for order (requested: 10, available: 0)"});
    let Fault::Rejected(detail) = judge(&response(403, &held), NOW, &write()) else { panic!() };
    assert_eq!(detail.blocking, ["a", "b"]);
    assert_eq!((detail.http_status, detail.broker_code.as_deref()), (Some(403), Some("40310000")));
    for pair in [("held_for_orders", "10"), ("available", "0"), ("request_id", "r-1")] {
        assert!(detail.ext.contains(&(pair.0.into(), pair.1.into())), "{:?}", detail.ext);
    }
    let wash = json!({"code": 40_310_000, "existing_order_id": "c", "reject_reason": "r",
        "message": "reworded"});
    let Fault::Rejected(detail) = judge(&response(403, &wash), NOW, &write()) else { panic!() };
    assert_eq!((detail.code.as_str(), detail.blocking), ("WASH_TRADE", vec!["c".to_owned()]));
}

#[test]
fn a_rate_limit_says_how_long() {
    for (name, value, after_ms) in [
        ("X-RateLimit-Reset", (NOW / 1_000_000_000 + 7).to_string(), Some(7_000)),
        ("x-ratelimit-reset", (NOW / 1_000_000_000 - 7).to_string(), Some(0)),
        ("x-ratelimit-reset", u64::MAX.to_string(), Some(60_000)),
        ("retry-after", "3".to_owned(), Some(3_000)),
        ("x-other", "3".to_owned(), None),
    ] {
        let mut answer = response(429, &Value::Null);
        answer.headers.push((name.to_owned(), value.clone()));
        let Fault::RateLimited(wait) = judge(&answer, NOW, &write()) else { panic!() };
        assert_eq!(wait.after_ms, after_ms, "{name}: {value}");
    }
}

/// Numbers come as strings or as numbers, and never through a float.
#[test]
fn numbers_are_read_from_their_text() {
    for (text, value) in [("\"0.1\"", "0.1"), ("0.10", "0.1"), ("1e-7", "0.0000001"), ("12", "12")]
    {
        let num: crate::wire::Num = serde_json::from_str(text).unwrap();
        assert_eq!(num.0.wire(), dec(value), "{text}");
    }
    assert!(serde_json::from_str::<crate::wire::Num>("true").is_err());
}
