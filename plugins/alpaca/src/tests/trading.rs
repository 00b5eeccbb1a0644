//! Plain orders: what leaves and what the answer becomes.

use bracketd_plugin_sdk::types::{
    Change, Decimal, Fault, LegRole, Link, NewOrder, OrderKey, OrderKind, OrderState as S,
    Progress, Side, Tif,
};
use serde_json::{Value, json};

use super::{Script, ctx, dec, order};
use crate::trade;

fn entry() -> NewOrder {
    NewOrder {
        symbol: "AAPL".into(),
        side: Side::Buy,
        kind: OrderKind::Limit,
        tif: Tif::Gtc,
        qty: dec("10"),
        limit_price: Some(dec("150.50")),
        stop_price: None,
        take_profit: None,
        stop_loss: None,
        reduce_only: false,
        ext: vec![],
    }
}

fn body(over: Value) -> Value {
    let mut body = json!({"symbol": "AAPL", "qty": "10", "side": "buy", "type": "limit",
        "time_in_force": "gtc", "client_order_id": "bd-1", "limit_price": "150.5"});
    let (Value::Object(into), Value::Object(over)) = (&mut body, over) else { panic!("object") };
    into.extend(over);
    body
}

fn exits(target: Option<Decimal>, stop: Option<Decimal>) -> NewOrder {
    NewOrder { take_profit: target, stop_loss: stop, ..entry() }
}

#[test]
fn the_class_follows_the_exits() {
    let (target, stop) = (Some(dec("170")), Some(dec("140")));
    let take = json!({"limit_price": "170"});
    let loss = json!({"stop_price": "140"});
    for (new, extra) in [
        (exits(None, None), json!({})),
        (
            exits(target, stop),
            json!({"order_class": "bracket", "take_profit": take, "stop_loss": loss}),
        ),
        (exits(None, stop), json!({"order_class": "oto", "stop_loss": loss})),
        (exits(target, None), json!({"order_class": "oto", "take_profit": take})),
    ] {
        let answer = order(json!({"side": "buy", "limit_price": "150.5"}));
        let script = Script::new().on_body("POST /v2/orders", body(extra), 200, answer);
        let placed = script.run(|client| trade::submit(client, &ctx(), &new)).unwrap();
        assert_eq!(placed.progress, Progress::Confirmed);
    }
}

/// I5: the exits of an unfilled entry are contingent: they protect nothing.
#[test]
fn a_bracket_answers_its_children() {
    let child = |id: &str, kind: &str| {
        order(json!({"id": id, "type": kind, "order_class": "bracket", "status": "held"}))
    };
    let answer = order(json!({"id": "entry", "side": "buy", "order_class": "bracket",
        "status": "pending_new", "legs": [child("t", "limit"), child("s", "stop")]}));
    let new = exits(Some(dec("170")), Some(dec("140")));
    let script =
        Script::new().step("POST /v2/orders", Some(Value::Null), Ok(super::response(200, &answer)));
    let placed = script.run(|client| trade::submit(client, &ctx(), &new)).unwrap();
    assert_eq!(placed.progress, Progress::Accepted);
    let found: Vec<_> = placed
        .orders
        .iter()
        .map(|o| (o.broker_id.as_str(), o.role, o.state, o.parent_id.as_deref(), o.link))
        .collect();
    assert_eq!(
        found,
        [
            ("entry", LegRole::Entry, S::PendingNew, None, Link::Bracket),
            ("t", LegRole::TakeProfit, S::Contingent, Some("entry"), Link::Bracket),
            ("s", LegRole::StopLoss, S::Contingent, Some("entry"), Link::Bracket),
        ]
    );
    assert!(placed.orders.iter().all(|order| order.group_id.as_deref() == Some("entry")));
}

#[test]
fn a_reducing_order_can_only_close() {
    let close = NewOrder {
        side: Side::Sell,
        kind: OrderKind::Market,
        tif: Tif::Day,
        limit_price: None,
        reduce_only: true,
        ..entry()
    };
    let sent = json!({"symbol": "AAPL", "qty": "10", "side": "sell", "type": "market",
        "time_in_force": "day", "client_order_id": "bd-1", "position_intent": "sell_to_close"});
    let script = Script::new().on_body(
        "POST /v2/orders",
        sent,
        200,
        order(json!({"type": "market", "status": "filled", "filled_qty": "10"})),
    );
    let placed = script.run(|client| trade::submit(client, &ctx(), &close)).unwrap();
    assert_eq!((placed.progress, placed.orders[0].state), (Progress::Confirmed, S::Filled));
    let with_exit = NewOrder { stop_loss: Some(dec("140")), ..close };
    let fault = Script::new().run(|client| trade::submit(client, &ctx(), &with_exit)).unwrap_err();
    assert!(matches!(fault, Fault::Invalid(detail) if detail.code == "REDUCE_ONLY"));
}

#[test]
fn what_alpaca_lacks_is_not_sent() {
    for new in [
        NewOrder { kind: OrderKind::TrailingStop, ..entry() },
        NewOrder { kind: OrderKind::Other, ..entry() },
        NewOrder { tif: Tif::Gtd, ..entry() },
    ] {
        let fault = Script::new().run(|client| trade::submit(client, &ctx(), &new)).unwrap_err();
        assert!(matches!(fault, Fault::NotSupported(_)), "{fault:?}");
    }
}

#[test]
fn a_replacement_is_a_new_order() {
    let change = Change {
        qty: Some(dec("5")),
        limit_price: Some(dec("151")),
        stop_price: None,
        tif: Some(Tif::Day),
    };
    let script = Script::new().on_body(
        "PATCH /v2/orders/o%2F1",
        json!({"client_order_id": "bd-1", "qty": "5", "limit_price": "151",
            "time_in_force": "day"}),
        200,
        order(json!({"id": "o-2", "replaces": "o/1", "status": "accepted"})),
    );
    let placed = script.run(|client| trade::replace(client, &ctx(), "o/1", &change)).unwrap();
    assert_eq!(placed.progress, Progress::Accepted);
    assert_eq!(placed.orders[0].replaces.as_deref(), Some("o/1"));
}

#[test]
fn a_cancel_is_only_a_request() {
    let script = Script::new().on("DELETE /v2/orders/o-1", 204, Value::Null);
    let placed = script.run(|client| trade::cancel(client, "o-1")).unwrap();
    assert_eq!((placed.orders.len(), placed.progress), (0, Progress::WaitingFor("o-1".into())));
}

/// I13: Alpaca answers a cancel with nothing, so a page of somebody else proves nothing.
#[test]
fn a_cancel_that_is_answered_with_a_page_is_in_doubt() {
    let script = Script::new().on("DELETE /v2/orders/o-1", 200, json!("<html>sorry</html>"));
    let fault = script.run(|client| trade::cancel(client, "o-1")).unwrap_err();
    let Fault::UnknownOutcome(doubt) = fault else { panic!("{fault:?}") };
    assert_eq!(doubt.lookup, [OrderKey::Broker("o-1".into())]);
}
