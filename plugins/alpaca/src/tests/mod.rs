//! The plugin against canned answers: each test is a transcript of requests and what the plugin
//! makes of the answers. Nothing here may reach a network; an unexpected request fails the test.

mod adjusting;
mod planning;
mod reading;
mod refusals;
mod streaming;
mod trading;

use std::cell::RefCell;
use std::collections::VecDeque;

use bracketd_plugin_sdk::Dec;
use bracketd_plugin_sdk::http::{Effect, HttpFault, Request, Response, Sent, Transport, Why};
use bracketd_plugin_sdk::types::{
    Bracket, CallCtx, Decimal, Instrument, Leg, LegRole, Link, OrderState, Side, Tif,
};
use serde_json::{Value, json};

use crate::client::Client;
use crate::config::Config;

/// 2026-11-23T14:30:00Z.
pub(crate) const NOW: u64 = 1_795_444_200_000_000_000;

type Answer = Result<Response, HttpFault>;

/// Expected requests and their answers, in order.
pub(crate) struct Script {
    config: Config,
    steps: RefCell<VecDeque<(String, Option<Value>, Answer)>>,
}

impl Script {
    pub(crate) fn new() -> Self {
        let pairs = [("base_url".to_owned(), "http://x".to_owned())];
        let config = Config::from_pairs(&pairs).unwrap();
        Self { config, steps: RefCell::default() }
    }

    /// Expects `METHOD /path` without a body.
    pub(crate) fn on(self, line: &str, status: u16, body: Value) -> Self {
        self.step(line, None, Ok(response(status, &body)))
    }

    /// Expects `METHOD /path` with this body.
    pub(crate) fn on_body(self, line: &str, sent: Value, status: u16, body: Value) -> Self {
        self.step(line, Some(sent), Ok(response(status, &body)))
    }

    /// Expects `METHOD /path` with any body; the answer is lost.
    pub(crate) fn lost(self, line: &str, why: Why, sent: Sent) -> Self {
        self.step(line, Some(Value::Null), Err(HttpFault { why, sent, message: "lost".into() }))
    }

    pub(crate) fn step(self, line: &str, body: Option<Value>, answer: Answer) -> Self {
        self.steps.borrow_mut().push_back((line.to_owned(), body, answer));
        self
    }

    /// Runs a call and sees that every expected request was made.
    pub(crate) fn run<A>(self, call: impl FnOnce(&Client<'_, Self>) -> A) -> A {
        let answer = call(&Client { config: &self.config, transport: &self });
        let left: Vec<_> = self.steps.take().into_iter().map(|(line, ..)| line).collect();
        assert!(left.is_empty(), "never asked: {left:?}");
        answer
    }
}

impl Transport for Script {
    fn send(&self, request: &Request) -> Answer {
        let line = format!("{} {}", request.method, request.url.replace("http://x", ""));
        let step = self.steps.borrow_mut().pop_front();
        let Some((expected, body, answer)) = step else { panic!("unexpected: {line}") };
        assert_eq!(line, expected);
        let sent: Option<Value> =
            request.body.as_ref().map(|bytes| serde_json::from_slice(bytes).unwrap());
        match body {
            Some(Value::Null) => {}
            body => assert_eq!(sent, body, "{line}"),
        }
        let effect = if request.method == "GET" { Effect::Read } else { Effect::Write };
        assert_eq!(request.effect, effect, "{line}");
        let secret =
            |name: &str| request.headers.iter().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(secret("APCA-API-KEY-ID"), "{{secret:key_id}}");
        assert_eq!(secret("APCA-API-SECRET-KEY"), "{{secret:secret_key}}");
        answer
    }

    fn now(&self) -> u64 {
        NOW
    }
}

pub(crate) fn response(status: u16, body: &Value) -> Response {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Response { status, headers: vec![("x-request-id".into(), "r-1".into())], body }
}

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse::<Dec>().unwrap().wire()
}

pub(crate) fn ctx() -> CallCtx {
    CallCtx {
        op_id: "op".into(),
        client_id: "bd-1".into(),
        attempt: 1,
        budget_ms: 1_000,
        generation: 1,
    }
}

pub(crate) fn instrument() -> Instrument {
    Instrument {
        symbol: "AAPL".into(),
        broker_symbol: "AAPL".into(),
        currency: "USD".into(),
        bands: vec![],
        qty_step: dec("1"),
        min_qty: dec("1"),
        max_qty: None,
        min_notional: None,
        multiplier: dec("1"),
        features: vec![],
        ext: vec![],
    }
}

/// A long position of ten with these legs.
pub(crate) fn long(legs: Vec<Leg>) -> Bracket {
    Bracket {
        bracket_id: "b".into(),
        instrument: instrument(),
        entry_side: Side::Buy,
        held_qty: dec("10"),
        protect_qty: dec("10"),
        legs,
        tif: Tif::Gtc,
        memo: vec![("k".into(), "v".into())],
    }
}

/// `target` or `stop` of the group `g` at a price, for ten.
pub(crate) fn leg(name: &str, price: &str, link: Link, state: OrderState) -> Leg {
    let is_stop = name.starts_with("stop");
    Leg {
        role: if is_stop { LegRole::StopLoss } else { LegRole::TakeProfit },
        broker_id: name.into(),
        client_id: None,
        group_id: (link != Link::Alone).then(|| "g".into()),
        link,
        state,
        price: (!is_stop).then(|| dec(price)),
        stop_price: is_stop.then(|| dec(price)),
        qty: dec("10"),
        filled_qty: dec("0"),
    }
}

/// An OCO pair: target 170 working, stop 140 held.
pub(crate) fn oco() -> Vec<Leg> {
    vec![
        leg("target", "170", Link::Oco, OrderState::Working),
        leg("stop", "140", Link::Oco, OrderState::Held),
    ]
}

/// Alpaca's order object with what a test cares about; the rest is as Alpaca sends it.
pub(crate) fn order(over: Value) -> Value {
    let mut order = json!({
        "id": "o-1", "client_order_id": "c-1", "symbol": "AAPL", "side": "sell", "type": "limit",
        "order_type": "limit", "order_class": "", "time_in_force": "gtc", "qty": "10",
        "notional": null, "filled_qty": "0", "filled_avg_price": null, "limit_price": null,
        "stop_price": null, "status": "new", "replaced_by": null, "replaces": null, "legs": null,
        "extended_hours": false, "submitted_at": "2026-11-23T14:30:00Z",
        "updated_at": "2026-11-23T14:30:00Z", "created_at": "2026-11-23T14:30:00Z",
    });
    let (Value::Object(into), Value::Object(over)) = (&mut order, over) else { panic!("object") };
    // The real service sends the type under both names, with one value.
    if let Some(kind) = over.get("type") {
        into.insert("order_type".into(), kind.clone());
    }
    into.extend(over);
    order
}

/// The answer to a posted pair.
pub(crate) fn oco_order(target: &str, stop: &str) -> Value {
    order(json!({
        "id": "target", "client_order_id": "bd-1", "order_class": "oco", "limit_price": target,
        "legs": [order(json!({"id": "stop", "order_class": "oco", "type": "stop",
            "stop_price": stop, "status": "held"}))],
    }))
}
