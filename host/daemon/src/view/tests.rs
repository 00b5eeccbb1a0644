//! Shapes of transactions as people and programs read them.

use std::sync::Arc;

use bracketd_core::command::{Op, OpKind, OpLegs, OpState};
use bracketd_core::ids::SliceNo;
use bracketd_core::ladder::Rung;
use bracketd_core::order::{Leg, OrderStatus, Role};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Slice, TransactionStatus};
use serde_json::json;

use super::transaction::{LegState, brief, full, leg_state};
use crate::fixtures::{exit, opened, price, quantity, seen, waiting};

fn op(legs: OpLegs, state: OpState) -> Op {
    Op {
        id: "op-1".into(),
        client_id: "bd-1".into(),
        slice: SliceNo(0),
        legs,
        step: 1,
        attempt: 1,
        kind: OpKind::Cancel { order: "x".into() },
        state,
        version: 1,
        planned_at: Timestamp(0),
        sent_at: Timestamp(0),
        evidence: None,
    }
}

#[test]
fn the_state_of_a_leg_is_read_off_orders_and_commands() {
    let unknown = OpState::unknown(Timestamp(0));
    type Change = fn(&mut bracketd_core::transaction::Transaction);
    let rows: [(&str, Change, LegState); 8] = [
        ("works as wanted", |_| {}, LegState::Working),
        (
            "none wanted, none works",
            |tx| (tx.desired.stop, tx.orders) = (None, vec![]),
            LegState::None,
        ),
        ("wanted, nothing rests", |tx| tx.orders.clear(), LegState::Staged),
        ("another price rests", |tx| tx.desired.stop = price("96"), LegState::Staged),
        (
            "rests only behind an entry",
            |tx| tx.orders[0].status = OrderStatus::Contingent,
            LegState::Staged,
        ),
        (
            "was rejected",
            |tx| {
                tx.orders.clear();
                tx.slices[0].rejected_version = Some(tx.desired.version);
            },
            LegState::Rejected,
        ),
        (
            "a newer wish than the rejected one",
            |tx| {
                tx.orders.clear();
                tx.slices[0].rejected_version = Some(tx.desired.version - 1);
            },
            LegState::Staged,
        ),
        ("the wanted stop is to go", |tx| tx.desired.stop = None, LegState::Staged),
    ];
    for (name, change, wanted) in rows {
        let mut tx = opened();
        change(&mut tx);
        assert_eq!(leg_state(&tx, Leg::Stop), wanted, "{name}");
    }
    for (state, wanted) in
        [(OpState::in_flight(), LegState::InFlight), (unknown, LegState::Unknown)]
    {
        let mut tx = opened();
        tx.ops = vec![op(OpLegs::Pair, state.clone())];
        assert_eq!(leg_state(&tx, Leg::Stop), wanted);
        assert_eq!(leg_state(&tx, Leg::Target), wanted, "a pair occupies both legs");
        tx.ops = vec![op(OpLegs::Target, state)];
        assert_eq!(leg_state(&tx, Leg::Stop), LegState::Working);
    }
}

#[test]
fn a_waiting_transaction_keeps_its_legs_in_the_ledger() {
    let mut tx = waiting();
    assert_eq!(tx.status, TransactionStatus::Waiting);
    assert_eq!(leg_state(&tx, Leg::Stop), LegState::Stored);
    tx.desired.target = None;
    assert_eq!(leg_state(&tx, Leg::Target), LegState::None);
}

#[test]
fn one_slice_without_its_stop_is_enough() {
    let mut tx = opened();
    let mut second = tx.slices[0].clone();
    second.no = SliceNo(1);
    tx.slices.push(second);
    assert_eq!(leg_state(&tx, Leg::Stop), LegState::Staged);
    tx.orders.push(exit(SliceNo(1), Role::Stop, "95"));
    assert_eq!(leg_state(&tx, Leg::Stop), LegState::Working);
}

#[test]
fn each_part_of_a_ladder_is_held_to_its_own_target() {
    let rung = |target: &str, left: &str, slice: Option<u8>| Rung {
        share: "0.5".parse().unwrap(),
        target: price(target).unwrap(),
        quantity: quantity("5"),
        left: quantity(left),
        slice: slice.map(SliceNo),
    };
    let mut tx = opened();
    tx.desired.target = None;
    tx.slices[0].held = quantity("5");
    let second = Slice { no: SliceNo(1), ..tx.slices[0].clone() };
    tx.slices.push(second);
    tx.ladder = vec![rung("105", "5", Some(0)), rung("110", "5", Some(1))];
    tx.orders = vec![exit(SliceNo(0), Role::Target, "105")];
    assert_eq!(leg_state(&tx, Leg::Target), LegState::Staged);
    tx.orders.push(exit(SliceNo(1), Role::Target, "110"));
    assert_eq!(leg_state(&tx, Leg::Target), LegState::Working);
    // The first was sold, and what it held is gone.
    tx.ladder[0] = rung("105", "0", None);
    tx.slices[0].held = quantity("0");
    tx.orders.remove(0);
    assert_eq!(leg_state(&tx, Leg::Target), LegState::Working);
    let value = serde_json::to_value(full(&seen(Arc::new(tx)))).unwrap();
    let done = json!({
        "share": "0.5", "target": "105", "quantity": "5", "left": "0", "slice": null,
    });
    assert_eq!((&value["ladder"][0], &value["ladder"][1]["slice"]), (&done, &json!(1)));

    let mut tx = waiting();
    tx.desired.target = None;
    tx.ladder = vec![rung("105", "5", None)];
    assert_eq!(leg_state(&tx, Leg::Target), LegState::Stored);
}

#[test]
fn wanted_and_working_stand_side_by_side_and_decimals_are_strings() {
    let mut tx = opened();
    tx.desired.stop = price("96.50");
    let value = serde_json::to_value(full(&seen(Arc::new(tx)))).unwrap();
    assert_eq!(
        value["legs"]["stop"],
        json!({ "desired": "96.5", "working": "95", "state": "staged", "locked": false })
    );
    assert_eq!(value["id"], "7");
    assert_eq!(value["held"], "10");
    assert_eq!(value["metrics"]["unrealized"], "20");
    assert_eq!(value["metrics"]["price"], "102");
    assert_eq!(value["slices"][0]["stop"], "95");
    assert_eq!(value["orders"].as_array().unwrap().len(), 2);
    assert_eq!(value["created_at"], "1970-01-01T00:00:00.000000Z");
}

#[test]
fn a_list_leaves_out_slices_orders_and_commands() {
    let value = serde_json::to_value(brief(&seen(Arc::new(opened())))).unwrap();
    for key in ["slices", "orders", "ops"] {
        assert!(value.get(key).is_none(), "{key}");
    }
}

#[test]
fn a_gap_is_shown_with_its_length_and_reason() {
    use bracketd_core::protection::{Exposed, Protection};
    let mut tx = opened();
    tx.protection = Protection::Unprotected { since: Timestamp(1_000_000), why: Exposed::Rejected };
    let mut seen = seen(Arc::new(tx));
    seen.now = Timestamp(3_500_000);
    let value = serde_json::to_value(brief(&seen)).unwrap();
    assert_eq!(
        value["protection"],
        json!({
            "state": "unprotected", "since": "1970-01-01T00:00:01.000000Z",
            "gap_ms": 2500, "why": "rejected",
            "past_gaps": { "count": 0, "total_ms": 0, "longest_ms": 0 },
        })
    );
}

#[test]
fn risk_is_that_of_the_stops_that_work_and_without_one_it_has_no_limit() {
    type Change = fn(&mut bracketd_core::transaction::Transaction);
    let rows: [(&str, Change, serde_json::Value, bool); 6] = [
        ("works as wanted", |_| {}, json!("50"), false),
        ("wanted elsewhere", |tx| tx.desired.stop = price("99"), json!("50"), true),
        ("no longer wanted", |tx| tx.desired.stop = None, json!("50"), true),
        ("wanted only", |tx| tx.orders.clear(), json!(null), false),
        (
            "works for a part",
            |tx| tx.orders[0].quantity = crate::fixtures::quantity("9"),
            json!(null),
            false,
        ),
        (
            "nothing is held",
            |tx| {
                tx.slices.clear();
                tx.orders.clear();
            },
            json!("0"),
            false,
        ),
    ];
    for (name, change, risk, differs) in rows {
        let mut tx = opened();
        change(&mut tx);
        let value = serde_json::to_value(brief(&seen(Arc::new(tx)))).unwrap();
        assert_eq!(value["metrics"]["risk"], risk, "{name}");
        let reason = &value["metrics"]["risk_reason"];
        assert_eq!(reason.is_null(), !risk.is_null(), "{name}: {reason}");
        assert_eq!(value["stop_differs"], differs, "{name}");
    }
}
