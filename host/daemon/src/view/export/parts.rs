//! The parts of an exported transaction: entry, slices, orders, outbox rows.
//!
//! Apart from the lines only to keep both short; the same rules hold.

use bracketd_core::command::{Change, NewOrder, Op, OpKind, OpState};
use bracketd_core::intent::Source;
use bracketd_core::money::Price;
use bracketd_core::order::{Order, Side};
use bracketd_core::protection::Protection;
use bracketd_core::transaction::{Entry, EntryKind, Slice, Task};
use serde_json::{Value, json};

use super::super::{decimal, price, words};
use crate::clock::rfc3339;

pub(super) fn source(source: &Source) -> Value {
    let (kind, name, digest) = match source {
        Source::Manual(name) => ("manual", Some(name.as_str()), None),
        Source::Policy { name, digest } => ("policy", Some(name.as_str()), Some(digest)),
        Source::Broker => ("broker", None, None),
        Source::Recovery => ("recovery", None, None),
        Source::Host => ("host", None, None),
    };
    json!({ "kind": kind, "name": name, "digest": digest })
}

pub(super) fn entry(entry: &Entry) -> Value {
    let Entry { kind, quantity, time_in_force, reference, on_partial, guard, cancel_asked, ended } =
        entry;
    let (kind, limit) = match kind {
        EntryKind::Market => ("market", None),
        EntryKind::Limit(limit) => ("limit", Some(*limit)),
    };
    json!({
        "kind": kind,
        "limit": price(limit),
        "quantity": decimal(quantity.get()),
        "time_in_force": words::time_in_force(*time_in_force),
        "reference": decimal(reference.get()),
        "on_partial": words::on_partial(*on_partial),
        "guard": words::entry_guard(*guard),
        "cancel_asked": cancel_asked,
        "ended": ended,
    })
}

pub(super) fn slice(slice: &Slice) -> Value {
    let Slice { no, held, gather_until, retry_at, rejections, rejected_version, memo, breached } =
        slice;
    json!({
        "no": no.0,
        "held": decimal(held.get()),
        "gather_until": rfc3339(*gather_until),
        "retry_at": retry_at.map(rfc3339),
        "rejections": rejections,
        "rejected_version": rejected_version,
        "memo": memo,
        "breached": breached,
    })
}

pub(super) fn order(order: &Order) -> Value {
    let Order {
        broker_id,
        client_id,
        group,
        slice,
        role,
        side: bought,
        kind,
        quantity,
        filled,
        avg_price,
        limit,
        trigger,
        status,
        updated_at,
        stuck,
    } = order;
    json!({
        "broker_id": broker_id.as_str(),
        "client_id": client_id.as_ref().map(|id| id.as_str()),
        "group": group,
        "slice": slice.0,
        "role": role.as_str(),
        "side": side(*bought),
        "kind": words::order_kind(*kind),
        "quantity": decimal(quantity.get()),
        "filled": decimal(filled.get()),
        "avg_price": price(*avg_price),
        "limit": price(*limit),
        "trigger": price(*trigger),
        "status": status.as_str(),
        "updated_at": rfc3339(*updated_at),
        "stuck": stuck,
    })
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

pub(super) fn operation(op: &Op) -> Value {
    let Op {
        id,
        client_id,
        slice,
        legs,
        step,
        attempt,
        kind,
        state,
        version,
        planned_at,
        evidence,
        sent_at,
    } = op;
    let known = match state {
        OpState::NotSent { retry_at } => json!({ "next_at": rfc3339(*retry_at) }),
        OpState::Unknown { lookups, absent, next_at, escalated, named } => json!({
            "next_at": rfc3339(*next_at),
            "lookups": lookups,
            "absent": absent,
            "escalated": escalated,
            "order": named.as_ref().map(|id| id.as_str()),
        }),
        OpState::Awaiting { order } => json!({ "order": order.as_str() }),
        OpState::InFlight { escalated } => json!({ "escalated": escalated }),
        OpState::Done | OpState::Rejected | OpState::Stale => Value::Null,
    };
    json!({
        "id": id.as_str(),
        "client_id": client_id.as_str(),
        "slice": slice.0,
        "legs": legs.as_str(),
        "step": step,
        "attempt": attempt,
        "kind": kind.as_str(),
        "call": call(kind),
        "state": state.as_str(),
        "known": known,
        "version": version,
        "planned_at": rfc3339(*planned_at),
        "sent_at": rfc3339(*sent_at),
        "evidence": evidence,
    })
}

fn call(kind: &OpKind) -> Value {
    let change = |change: Change| match change {
        Change::Keep => "keep".to_owned(),
        Change::Clear => "clear".to_owned(),
        Change::Set(at) => decimal(at.get()),
    };
    match kind {
        OpKind::Submit(order) | OpKind::Close(order) => new_order(order),
        OpKind::Adjust { stop, target, quantity } => json!({
            "stop": change(*stop),
            "target": change(*target),
            "quantity": decimal(quantity.get()),
        }),
        OpKind::Cancel { order } => json!({ "order": order.as_str() }),
    }
}

fn new_order(order: &NewOrder) -> Value {
    let of = |value: Option<Price>| price(value);
    json!({
        "symbol": order.symbol.as_str(),
        "side": side(order.side),
        "kind": words::order_kind(order.kind),
        "time_in_force": words::time_in_force(order.time_in_force),
        "quantity": decimal(order.quantity.get()),
        "limit": of(order.limit),
        "trigger": of(order.trigger),
        "take_profit": of(order.take_profit),
        "stop_loss": of(order.stop_loss),
        "reduce_only": order.reduce_only,
    })
}

pub(super) fn task(task: &Task) -> Value {
    match task {
        Task::Close { why, source: by } => {
            json!({ "kind": "close", "why": why, "source": source(by) })
        }
        Task::Reduce { to } => json!({ "kind": "reduce", "to": decimal(to.get()) }),
        Task::Grow { to } => json!({ "kind": "grow", "to": decimal(to.get()) }),
    }
}

pub(super) fn protection(protection: &Protection) -> Value {
    let why = match protection {
        Protection::Unprotected { why, .. } => Some(why.as_str()),
        Protection::NotWanted | Protection::Protected | Protection::Pending { .. } => None,
    };
    let since = protection.gap_since().map(rfc3339);
    json!({ "state": protection.as_str(), "since": since, "why": why })
}
