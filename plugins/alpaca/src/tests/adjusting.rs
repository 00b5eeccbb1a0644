//! `adjust-*` as transcripts: the request that leaves and what is made of the answer.

use bracketd_plugin_sdk::http::{Sent, Why};
use bracketd_plugin_sdk::types::{
    AdjustHow, Adjusted, Bracket, Fault, Leg, Link, OrderKey, OrderState as S, Progress, Side,
    Target,
};
use serde_json::{Value, json};

use super::{Script, ctx, dec, leg, long, oco, oco_order, order};
use crate::adjust::adjust;

fn set(price: &str) -> Target {
    Target::Set(dec(price))
}

fn run(script: Script, b: &Bracket, target: Target, stop: Target) -> Result<Adjusted, Fault> {
    script.run(|client| adjust(client, &ctx(), b, &target, &stop))
}

fn pair_body(target: &str, stop: &str) -> Value {
    json!({"symbol": "AAPL", "qty": "10", "side": "sell", "type": "limit", "time_in_force": "gtc",
        "order_class": "oco", "client_order_id": "bd-1", "take_profit": {"limit_price": target},
        "stop_loss": {"stop_price": stop}})
}

fn states(legs: &[Leg]) -> Vec<(&str, S)> {
    legs.iter().map(|leg| (leg.broker_id.as_str(), leg.state)).collect()
}

#[test]
fn a_pair_is_posted_as_one_oco() {
    let script = Script::new().on_body(
        "POST /v2/orders",
        pair_body("170", "140"),
        200,
        oco_order("170", "140"),
    );
    let done = run(script, &long(vec![]), set("170.00"), set("140")).unwrap();
    assert_eq!((done.how, done.progress), (AdjustHow::NewLeg, Progress::Confirmed));
    assert_eq!(states(&done.legs), [("target", S::Working), ("stop", S::Held)]);
    assert!(done.legs.iter().all(|leg| leg.link == Link::Oco && leg.group_id.is_some()));
    assert_eq!(done.legs[0].group_id, done.legs[1].group_id);
    assert_eq!((done.legs[1].stop_price, done.ext), (Some(dec("140")), vec![]));
    assert_eq!(done.memo, [("k".to_owned(), "v".to_owned())]);
}

/// A single exit carries the intent that makes the broker refuse it where it would open something.
#[test]
fn a_single_exit_can_only_close() {
    let body = |side: &str, kind: &str, field: &str, price: &str| {
        json!({"symbol": "AAPL", "qty": "10", "side": side, "type": kind, "time_in_force": "gtc",
            "client_order_id": "bd-1", field: price, "position_intent": format!("{side}_to_close")})
    };
    for (entry, side, target, stop, kind, field, price) in [
        (Side::Buy, "sell", Target::Clear, set("140"), "stop", "stop_price", "140"),
        (Side::Buy, "sell", set("170"), Target::Clear, "limit", "limit_price", "170"),
        (Side::Sell, "buy", Target::Keep, set("180.5"), "stop", "stop_price", "180.5"),
    ] {
        let answer = order(json!({"id": "new", "side": side, "type": kind, field: price}));
        let script =
            Script::new().on_body("POST /v2/orders", body(side, kind, field, price), 200, answer);
        let mut bracket = long(vec![]);
        bracket.entry_side = entry;
        let done = run(script, &bracket, target, stop).unwrap();
        assert_eq!(done.progress, Progress::Confirmed);
        assert_eq!(states(&done.legs), [("new", S::Working)]);
        assert_eq!(done.ext, vec![]);
    }
}

#[test]
fn an_order_not_yet_working_is_accepted_not_confirmed() {
    let answer = order(json!({"type": "stop", "stop_price": "140", "status": "pending_new"}));
    let script =
        Script::new().step("POST /v2/orders", Some(Value::Null), Ok(super::response(200, &answer)));
    let done = run(script, &long(vec![]), Target::Clear, set("140")).unwrap();
    assert_eq!((done.how, done.progress), (AdjustHow::NewLeg, Progress::Accepted));
}

/// I6: the held stop of a pair is replaced where it stands, and stays held behind its target.
#[test]
fn a_stop_is_replaced_in_place() {
    for (status, state, progress) in [
        ("held", S::Held, Progress::Confirmed),
        ("new", S::Working, Progress::Confirmed),
        ("accepted", S::PendingNew, Progress::Accepted),
        ("rejected", S::Rejected, Progress::Confirmed),
    ] {
        let answer = order(json!({"id": "stop-2", "order_class": "bracket", "type": "stop",
            "stop_price": "145", "status": status, "replaces": "stop"}));
        let script = Script::new().on_body(
            "PATCH /v2/orders/stop",
            json!({"stop_price": "145", "client_order_id": "bd-1"}),
            200,
            answer,
        );
        let legs = vec![
            leg("target", "170", Link::Bracket, S::Working),
            leg("stop", "140", Link::Bracket, S::Held),
        ];
        let done = run(script, &long(legs), Target::Keep, set("145")).unwrap();
        assert_eq!((done.how, done.progress), (AdjustHow::ReplacedInPlace, progress), "{status}");
        assert_eq!(states(&done.legs), [("target", S::Working), ("stop-2", state)]);
        assert_eq!(done.legs[1].group_id.as_deref(), Some("g"));
        assert_eq!(done.legs[1].stop_price, Some(dec("145")));
    }
}

/// One write a call: with both prices off, the stop goes first and the host calls again.
#[test]
fn both_prices_take_two_calls() {
    let stop = order(json!({"id": "stop-2", "order_class": "oco", "type": "stop",
        "stop_price": "145", "status": "held", "replaces": "stop"}));
    let script = Script::new().on_body(
        "PATCH /v2/orders/stop",
        json!({"stop_price": "145", "client_order_id": "bd-1"}),
        200,
        stop,
    );
    let first = run(script, &long(oco()), set("180"), set("145")).unwrap();
    assert_eq!(first.progress, Progress::Accepted);
    let target = order(json!({"id": "target-2", "order_class": "oco", "limit_price": "180",
        "replaces": "target"}));
    let script = Script::new().on_body(
        "PATCH /v2/orders/target",
        json!({"limit_price": "180", "client_order_id": "bd-1"}),
        200,
        target,
    );
    let second = run(script, &long(first.legs), set("180"), set("145")).unwrap();
    assert_eq!(second.progress, Progress::Confirmed);
    assert_eq!(states(&second.legs), [("target-2", S::Working), ("stop-2", S::Held)]);
    let third = run(Script::new(), &long(second.legs), set("180"), set("145")).unwrap();
    assert_eq!((third.how, third.progress), (AdjustHow::Unchanged, Progress::Confirmed));
}

/// "order parameters are not changed" is success: the host's picture was old.
#[test]
fn a_change_that_is_so_already_is_unchanged() {
    let refusal = json!({"code": 42_210_000, "message": "order parameters are not changed"});
    let script = Script::new().on_body(
        "PATCH /v2/orders/stop",
        json!({"stop_price": "145", "client_order_id": "bd-1"}),
        422,
        refusal,
    );
    let done = run(script, &long(oco()), Target::Keep, set("145")).unwrap();
    assert_eq!((done.how, done.progress), (AdjustHow::Unchanged, Progress::Confirmed));
    assert_eq!(done.legs[1].stop_price, Some(dec("145")));
}

#[test]
fn one_cancel_ends_a_pair() {
    let script = Script::new().on("DELETE /v2/orders/target", 204, Value::Null);
    let done = run(script, &long(oco()), Target::Clear, Target::Keep).unwrap();
    assert_eq!(done.how, AdjustHow::CancelRequested);
    assert_eq!(done.progress, Progress::WaitingFor("target".into()));
    assert_eq!(states(&done.legs), [("target", S::PendingCancel), ("stop", S::PendingCancel)]);
}

#[test]
fn an_unlinked_leg_is_canceled_alone() {
    let legs = vec![
        leg("target", "170", Link::Alone, S::Working),
        leg("stop", "140", Link::Alone, S::Working),
    ];
    let script = Script::new().on("DELETE /v2/orders/target", 204, Value::Null);
    let done = run(script, &long(legs), Target::Clear, Target::Keep).unwrap();
    assert_eq!(states(&done.legs), [("target", S::PendingCancel), ("stop", S::Working)]);
}

/// A broker may take a request and do something else (it drops fields in silence): the answer is
/// compared.
#[test]
fn an_answer_that_differs_from_the_request_is_named() {
    let script = Script::new().on_body(
        "POST /v2/orders",
        pair_body("170", "140"),
        200,
        oco_order("170", "139"),
    );
    let done = run(script, &long(vec![]), set("170"), set("140")).unwrap();
    assert_eq!(done.legs[1].stop_price, Some(dec("139")));
    let (key, text) = &done.ext[0];
    assert_eq!((key.as_str(), done.ext.len()), ("mismatch", 1));
    assert!(text.contains("asked 140, got 139"), "{text}");
}

/// I13: a write that may have left is looked up by these keys, never sent again.
#[test]
fn a_lost_answer_is_in_doubt() {
    let client = || OrderKey::Client("bd-1".into());
    let broker = |id: &str| OrderKey::Broker(id.into());
    for (line, legs, target, stop, lookup) in [
        ("POST /v2/orders", vec![], set("170"), set("140"), vec![client()]),
        ("PATCH /v2/orders/stop", oco(), Target::Keep, set("145"), vec![client(), broker("stop")]),
        ("DELETE /v2/orders/target", oco(), Target::Clear, Target::Clear, vec![broker("target")]),
    ] {
        for (why, sent) in [(Why::Timeout, Sent::Yes), (Why::Protocol, Sent::Unknown)] {
            let script = Script::new().lost(line, why, sent);
            let fault = run(script, &long(legs.clone()), target, stop).unwrap_err();
            assert!(matches!(&fault, Fault::UnknownOutcome(d) if d.lookup == lookup), "{fault:?}");
        }
        let script = Script::new().lost(line, Why::Connect, Sent::No);
        let fault = run(script, &long(legs), target, stop).unwrap_err();
        assert!(matches!(fault, Fault::Retryable(_)), "{fault:?}");
    }
}

#[test]
fn a_refused_pair_leaves_nothing_resting() {
    let refusal = json!({"code": 42_210_000, "message": "take_profit.limit_price must be >= base_price + 0.01"});
    let script = Script::new().on_body("POST /v2/orders", pair_body("170", "140"), 422, refusal);
    let fault = run(script, &long(vec![]), set("170"), set("140")).unwrap_err();
    let Fault::Rejected(detail) = fault else { panic!("{fault:?}") };
    assert_eq!((detail.code.as_str(), detail.legs_now), ("PRICE_GEOMETRY", Some(vec![])));
}

/// The base price of a pair is the market's: where stop and target are in order, that was reached.
#[test]
fn a_pair_s_stop_that_the_market_has_reached_is_named_so_though_not_in_those_words() {
    for (line, legs, target, stop, code) in [
        ("POST /v2/orders", vec![], set("170"), "140", "STOP_THROUGH_MARKET"),
        ("PATCH /v2/orders/stop", oco(), Target::Keep, "145", "STOP_THROUGH_MARKET"),
        ("PATCH /v2/orders/stop", oco(), Target::Keep, "175", "PRICE_GEOMETRY"),
    ] {
        let refusal = json!({"code": 42_210_000, "base_price": "139.5",
            "message": "stop_loss.stop_price must be <= base_price - 0.01"});
        let script = Script::new().on_body(line, Value::Null, 422, refusal);
        let fault = run(script, &long(legs), target, set(stop)).unwrap_err();
        let Fault::Rejected(detail) = fault else { panic!("{line} {stop}: {fault:?}") };
        assert_eq!(detail.code, code, "{line} {stop}");
    }
}
