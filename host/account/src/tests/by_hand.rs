//! One export called by hand: what comes back, what was asked, what is refused.

use serde_json::{Value, json};

use crate::tests::broker::Broker;
use crate::tests::guest::Guest;
use crate::tests::stage::{SECRET, config};
use crate::{ByHandError, CallOutcome, CallReport, Host, call_by_hand};

fn call(export: &str, arguments: &Value) -> (Broker, Result<CallReport, ByHandError>) {
    let (host, broker) = (Host::new().unwrap(), Broker::start());
    let guest = Guest { url: broker.url.clone(), ..Guest::default() };
    let plugin = host.load(&guest.build(), "p").unwrap();
    let report = call_by_hand(&host, &plugin, config(&broker), export, arguments);
    (broker, report)
}

#[test]
fn answers_are_json_with_decimals_as_text() {
    for (export, arguments, want) in [
        ("get-positions", json!({}), json!([])),
        (
            "get-prices",
            json!({ "symbols": ["a"] }),
            json!([{ "symbol": "a", "bid": null, "ask": null, "last": "5", "at": "1000" }]),
        ),
        (
            "get-balance",
            Value::Null,
            json!({
                "cash": "0", "equity": "0", "buying-power": "0", "currency": "USD", "ext": [],
            }),
        ),
        (
            "describe",
            json!({}),
            json!({
                "name": "hostile", "version": "0", "client-id-max": 48,
                "client-id-chars": "0123456789abcdefghijklmnopqrstuvwxyz-", "features": [],
                "ext": [],
            }),
        ),
    ] {
        let (_, report) = call(export, &arguments);
        let report = report.unwrap();
        assert_eq!(report.outcome, CallOutcome::Answered(want), "{export}");
        assert_eq!((report.export.as_str(), report.requests.len()), (export, 0));
        assert!(report.memory_bytes >= 4 << 16 && report.cpu_budget_ms == 50, "{report:?}");
    }
}

#[test]
fn a_no_of_the_plugin_comes_with_the_requests_that_it_made_and_no_secret() {
    let (broker, report) = call("get-order", &json!({ "key": { "broker": "G/echo" } }));
    let report = report.unwrap();
    let CallOutcome::Refused(fault) = &report.outcome else { panic!("{report:?}") };
    assert_eq!(fault["rejected"]["code"], "TOLD");
    assert!(fault["rejected"]["message"].as_str().unwrap().contains("Bearer [secret]"));
    let [request] = &report.requests[..] else { panic!("{report:?}") };
    assert_eq!((request.method.as_str(), request.status), ("GET", Some(200)));
    assert_eq!(request.url, format!("{}/echo", broker.url));
    assert!(!format!("{report:?}").contains(SECRET));
    assert_eq!(broker.lines(), ["GET /echo"]);
}

#[test]
fn no_write_leaves() {
    let (broker, report) = call("cancel-order", &json!({ "broker-id": "P/orders" }));
    let text = report.unwrap_err().to_string();
    assert!(text.contains("cancel-order is a write"), "{text}");
    assert!(broker.lines().is_empty());
    // Nor does one that a read export tries.
    let (broker, report) = call("get-order", &json!({ "key": { "broker": "P/orders" } }));
    let report = report.unwrap();
    let failure = report.requests[0].failure.as_deref().unwrap();
    assert!(failure.contains("may only read"), "{failure}");
    assert!(broker.lines().is_empty());
}

#[test]
fn a_call_that_is_ended_is_told_in_words() {
    for (order, code, words) in [
        ("L", "PLUGIN_CPU", "used up its CPU budget of 50 ms"),
        ("M", "PLUGIN_MEMORY", "more memory than its limit of 32 MiB"),
        ("T", "PLUGIN_TRAP", "unreachable"),
    ] {
        let (_, report) = call("get-order", &json!({ "key": { "broker": order } }));
        let CallOutcome::Ended { code: got, message } = report.unwrap().outcome else {
            panic!("{order}");
        };
        assert_eq!(got, code);
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn arguments_that_do_not_fit_are_named_with_the_line_of_the_wit() {
    for (export, arguments, words) in [
        ("get-order", json!({}), "key is missing, not one of {\"broker\": ...}, {\"client\": ...}"),
        ("get-order", json!({ "key": { "id": "x" } }), "key is an object, not one of"),
        ("get-order", json!({ "key": { "broker": 1 } }), "key.broker is 1, not a text"),
        ("get-orders", json!({ "open-only": 1 }), "open-only is 1, not true or false"),
        ("get-fills", json!({ "since": -1 }), "since is -1, not a whole number in range"),
        ("get-prices", json!({ "symbol": "A" }), "get-prices has no parameter symbol"),
        ("get-prices", json!(["A"]), "the arguments are a list"),
        (
            "get-bars",
            json!({ "symbol": "A", "seconds": 5_000_000_000_u64 }),
            "seconds is 5000000000",
        ),
        (
            "read-bracket",
            json!({ "b": { "id": "x" } }),
            "b has no id; it has bracket-id, instrument",
        ),
    ] {
        let (broker, report) = call(export, &arguments);
        let text = report.unwrap_err().to_string();
        assert!(text.contains(words), "{text}");
        assert!(text.contains(&format!("expected `{export}: func(ctx: call-ctx")), "{text}");
        assert!(broker.lines().is_empty());
    }
    let (_, report) = call("get-everything", &json!({}));
    let text = report.unwrap_err().to_string();
    assert!(text.contains("there is no export get-everything") && text.contains("get-bars"));
}
