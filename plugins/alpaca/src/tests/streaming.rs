//! The stream of trade updates: messages as Alpaca documents them, and what is made of them.

use bracketd_plugin_sdk::streams::{Event, Frame, Step};
use bracketd_plugin_sdk::types::{Fault, OrderState};
use serde_json::{Value, json};

use crate::config::Config;
use crate::stream;

fn step(message: &Value) -> Step {
    stream::step(message.to_string().as_bytes()).unwrap()
}

fn texts(frames: &[Frame]) -> Vec<Value> {
    frames.iter().map(|frame| serde_json::from_slice(&frame.data).unwrap()).collect()
}

fn update(event: &str, order: Value) -> Value {
    json!({"stream": "trade_updates", "data": {"event": event, "order": order}})
}

fn order(class: &str, status: &str) -> Value {
    json!({
        "id": "o1", "client_order_id": "c1", "symbol": "ACME", "side": "sell", "type": "stop",
        "order_class": class, "time_in_force": "gtc", "qty": "10", "filled_qty": "0",
        "stop_price": "95.5", "status": status, "updated_at": "2026-11-23T14:30:00Z", "legs": null,
    })
}

/// The states told in a message about this order.
fn told(class: &str, status: &str) -> Vec<OrderState> {
    let events = step(&update("any", order(class, status))).events;
    let state = |event| match event {
        Event::OrderUpdate(order) => order.state,
        other => panic!("{other:?}"),
    };
    events.into_iter().map(state).collect()
}

#[test]
fn the_hello_names_the_keys_and_holds_none() {
    let pairs = [("base_url".to_owned(), "https://paper-api.alpaca.markets".to_owned())];
    let sockets = stream::sockets(&Config::from_pairs(&pairs).unwrap());
    let [socket] = sockets.as_slice() else { panic!("{sockets:?}") };
    assert_eq!(socket.url, "wss://paper-api.alpaca.markets/stream");
    let auth = json!({
        "action": "auth", "key": "{{secret:key_id}}", "secret": "{{secret:secret_key}}"
    });
    assert_eq!(texts(&socket.hello), [auth]);
}

#[test]
fn it_listens_once_it_is_known_and_asks_for_a_picture_once_it_is_heard() {
    let known = json!({
        "stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}
    });
    let listen = json!({"action": "listen", "data": {"streams": ["trade_updates"]}});
    assert_eq!(texts(&step(&known).send), [listen]);
    let heard = json!({"stream": "listening", "data": {"streams": ["trade_updates"]}});
    assert!(step(&heard).resync);
}

#[test]
fn a_key_that_is_not_known_and_a_stream_that_is_not_given_are_faults() {
    let data = json!({"status": "unauthorized", "action": "authenticate"});
    for (stream_name, data, want) in
        [("authorization", data, "AUTH"), ("listening", json!({"streams": []}), "NOT_STREAMED")]
    {
        let message = json!({"stream": stream_name, "data": data}).to_string();
        match stream::step(message.as_bytes()) {
            Err(Fault::Auth(detail) | Fault::Rejected(detail)) => assert_eq!(detail.code, want),
            other => panic!("{other:?}"),
        }
    }
}

/// I5: what only the family of an order can tell is left to the next poll.
#[test]
fn i5_an_update_never_calls_an_exit_of_an_unfilled_entry_protection() {
    use OrderState as S;
    for (class, status, want) in [
        ("simple", "new", vec![S::Working]),
        ("", "pending_cancel", vec![S::PendingCancel]),
        ("oco", "new", vec![S::Working]),
        ("oco", "held", vec![]),
        ("bracket", "new", vec![]),
        ("bracket", "accepted", vec![]),
        ("bracket", "held", vec![]),
        ("oto", "new", vec![]),
        ("bracket", "partially_filled", vec![S::PartiallyFilled]),
        ("bracket", "filled", vec![S::Filled]),
        ("bracket", "canceled", vec![S::Canceled]),
        ("oto", "replaced", vec![S::Replaced]),
        ("oco", "expired", vec![S::Expired]),
        ("simple", "rejected", vec![S::Rejected]),
    ] {
        assert_eq!(told(class, status), want, "{class} {status}");
    }
}

#[test]
fn an_order_of_several_options_tells_nothing() {
    let mut spread = order("mleg", "filled");
    (spread["symbol"], spread["side"]) = ("".into(), "".into());
    let heard = step(&update("fill", spread));
    assert!(heard.events.is_empty() && !heard.resync, "{heard:?}");
}

#[test]
fn what_cannot_be_read_is_said_and_cut() {
    let long = "x".repeat(500);
    for message in [
        "no json".to_owned(),
        json!({"stream": "elsewhere", "data": {}}).to_string(),
        update("fill", json!({"id": 7})).to_string(),
        long,
    ] {
        let events = stream::step(message.as_bytes()).unwrap().events;
        let [Event::Unread(text)] = events.as_slice() else { panic!("{events:?}") };
        assert!(message.starts_with(text.as_str()) && text.len() <= 120, "{text}");
    }
}
