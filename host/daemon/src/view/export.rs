//! JSON shapes of an exported ledger: one object a line, everything there is.
//!
//! Apart from what the API shows because this is read by other programs years later: a name here
//! never changes its meaning, and a new one needs no new format. The core's structs are taken apart
//! whole, so that a new field does not build until it is exported. Documented in
//! docs/operations.md.

use bracketd_core::command::{Change, NewOrder, Op, OpKind, OpState};
use bracketd_core::fact::Fact;
use bracketd_core::ids::PolicyName;
use bracketd_core::intent::Source;
use bracketd_core::money::Price;
use bracketd_core::order::{Order, Side};
use bracketd_core::protection::{Gaps, Protection};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Desired, Entry, EntryKind, Locks, Slice, Task, Transaction};
use bracketd_store::StoredFact;
use bracketd_store::tools::Summary;
use bracketd_store::tools::export::WholeTransaction;
use serde::Serialize;
use serde_json::{Value, json};

use super::{decimal, price, records, words};
use crate::clock::rfc3339;

/// Number of the format; it rises only when a name changes its meaning.
const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Serialize)]
pub struct Line {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(flatten)]
    rest: Value,
}

/// The first line: which ledger this is.
pub fn header(ledger: &Summary, at: Timestamp) -> Line {
    let rest = json!({
        "format": FORMAT,
        "bracketd": env!("CARGO_PKG_VERSION"),
        "schema": ledger.schema,
        "ledger_id": ledger.ledger_id,
        "epoch": ledger.epoch,
        "exported_at": rfc3339(at),
    });
    Line { kind: "ledger", seq: None, id: None, rest }
}

/// The last line: without it the export is not whole.
pub fn end(transactions: u64, facts: u64) -> Line {
    let rest = json!({ "transactions": transactions, "facts": facts });
    Line { kind: "end", seq: None, id: None, rest }
}

/// A fact.
pub fn fact(stored: &StoredFact) -> Line {
    let Fact {
        at,
        kind,
        source: by,
        account,
        transaction,
        symbol,
        slice,
        op,
        code,
        before,
        after,
        quantity,
        span_ms,
        text,
        inputs,
    } = &stored.fact;
    let rest = json!({
        "committed_at": rfc3339(stored.committed_at),
        "at": rfc3339(*at),
        "kind": kind.as_str(),
        "source": source(by),
        "account": account.as_ref().map(|name| name.as_str()),
        "transaction": transaction.map(|id| id.to_string()),
        "symbol": symbol.as_ref().map(|name| name.as_str()),
        "slice": slice.map(|slice| slice.0),
        "op": op.as_ref().map(|id| id.as_str()),
        "code": code,
        "before": before.map(decimal),
        "after": after.map(decimal),
        "quantity": quantity.map(decimal),
        "span_ms": span_ms,
        "text": text,
        "inputs": records::inputs(inputs),
    });
    Line { kind: "fact", seq: Some(stored.seq.to_string()), id: None, rest }
}

/// A transaction with all its outbox rows.
pub fn transaction(whole: &WholeTransaction) -> Line {
    let Transaction {
        id,
        account,
        owner,
        symbol,
        direction,
        status,
        entry: planned,
        desired: Desired { stop, target, version },
        locks: Locks { stop: stop_locked, target: target_locked },
        policies,
        slices,
        orders,
        // Those that are not settled; the outbox rows below are all there are.
        ops: _,
        steps,
        task: under_way,
        protection: protected,
        initial_stop,
        entered,
        entered_value,
        exited,
        exited_value,
        created_at,
        opened_at,
        closed_at,
        close_reason,
        gaps: Gaps { count, total_ms, longest_ms },
        close_failures,
        close_retry_at,
    } = &whole.transaction;
    let step = |count: &bracketd_core::transaction::StepCount| json!({ "slice": count.slice.0, "legs": count.legs.as_str(), "steps": count.steps });
    let rest = json!({
        "account": account.as_str(),
        "owner": owner.as_str(),
        "symbol": symbol.as_str(),
        "direction": direction.as_str(),
        "status": status.as_str(),
        "entry": entry(planned),
        "desired": { "stop": price(*stop), "target": price(*target), "version": version },
        "locked": { "stop": stop_locked, "target": target_locked },
        "policies": policies.iter().map(PolicyName::as_str).collect::<Vec<_>>(),
        "slices": slices.iter().map(slice).collect::<Vec<_>>(),
        "orders": orders.iter().map(order).collect::<Vec<_>>(),
        "operations": whole.ops.iter().map(operation).collect::<Vec<_>>(),
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
        "task": under_way.as_ref().map(task),
        "protection": protection(protected),
        "initial_stop": price(*initial_stop),
        "entered": decimal(entered.get()),
        "entered_value": decimal(*entered_value),
        "exited": decimal(exited.get()),
        "exited_value": decimal(*exited_value),
        "created_at": rfc3339(*created_at),
        "opened_at": opened_at.map(rfc3339),
        "closed_at": closed_at.map(rfc3339),
        "close_reason": close_reason,
        "gaps": { "count": count, "total_ms": total_ms, "longest_ms": longest_ms },
        "close_failures": close_failures,
        "close_retry_at": close_retry_at.map(rfc3339),
    });
    Line { kind: "transaction", seq: None, id: Some(id.to_string()), rest }
}

fn source(source: &Source) -> Value {
    let (kind, name, digest) = match source {
        Source::Manual(name) => ("manual", Some(name.as_str()), None),
        Source::Policy { name, digest } => ("policy", Some(name.as_str()), Some(digest)),
        Source::Broker => ("broker", None, None),
        Source::Recovery => ("recovery", None, None),
        Source::Host => ("host", None, None),
    };
    json!({ "kind": kind, "name": name, "digest": digest })
}

fn entry(entry: &Entry) -> Value {
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

fn slice(slice: &Slice) -> Value {
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

fn order(order: &Order) -> Value {
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

fn operation(op: &Op) -> Value {
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
        OpState::InFlight | OpState::Done | OpState::Rejected | OpState::Stale => Value::Null,
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

fn task(task: &Task) -> Value {
    match task {
        Task::Close { why, source: by } => {
            json!({ "kind": "close", "why": why, "source": source(by) })
        }
        Task::Reduce { to } => json!({ "kind": "reduce", "to": decimal(to.get()) }),
        Task::Grow { to } => json!({ "kind": "grow", "to": decimal(to.get()) }),
    }
}

fn protection(protection: &Protection) -> Value {
    let why = match protection {
        Protection::Unprotected { why, .. } => Some(why.as_str()),
        Protection::NotWanted | Protection::Protected | Protection::Pending { .. } => None,
    };
    let since = protection.gap_since().map(rfc3339);
    json!({ "state": protection.as_str(), "since": since, "why": why })
}

#[cfg(test)]
mod tests {
    use bracketd_core::fact::FactKind;

    use super::*;

    #[test]
    fn a_fact_is_one_line_with_its_type_first() {
        let by = Source::Policy { name: "trail".into(), digest: "d1".to_owned() };
        let mut moved = Fact::new(Timestamp(1_767_323_045_000_006), FactKind::StopChanged, by);
        moved.after = bracketd_core::Decimal::from_str_exact("96.50").ok();
        let stored = StoredFact { seq: 7, committed_at: Timestamp(0), fact: moved };
        let wanted = "{\"type\":\"fact\",\"seq\":\"7\",\"account\":null,\"after\":\"96.5\",\
            \"at\":\"2026-01-02T03:04:05.000006Z\",\"before\":null,\"code\":\"\",\
            \"committed_at\":\"1970-01-01T00:00:00.000000Z\",\"inputs\":null,\
            \"kind\":\"stop_changed\",\"op\":null,\"quantity\":null,\"slice\":null,\
            \"source\":{\"digest\":\"d1\",\"kind\":\"policy\",\"name\":\"trail\"},\
            \"span_ms\":null,\"symbol\":null,\"text\":\"\",\"transaction\":null}";
        assert_eq!(serde_json::to_string(&fact(&stored)).unwrap(), wanted);
    }

    #[test]
    fn a_transaction_has_its_parts_and_no_number_that_is_not_a_count() {
        let tx = crate::fixtures::opened();
        let ops = tx.ops.clone();
        let line = transaction(&WholeTransaction { transaction: tx, ops });
        let value = serde_json::to_value(&line).unwrap();
        assert_eq!((&value["type"], &value["id"]), (&json!("transaction"), &json!("7")));
        assert_eq!(value["desired"]["stop"], "95");
        assert_eq!(value["slices"][0]["held"], "10");
        assert_eq!(value["protection"]["state"], "protected");
        let mut floats = Vec::new();
        find_floats(&value, &mut floats);
        assert_eq!(floats, [0.0; 0], "money is text");
    }

    fn find_floats(value: &Value, found: &mut Vec<f64>) {
        match value {
            Value::Number(number) if !number.is_u64() => found.extend(number.as_f64()),
            Value::Array(all) => all.iter().for_each(|inner| find_floats(inner, found)),
            Value::Object(all) => all.values().for_each(|inner| find_floats(inner, found)),
            _ => {}
        }
    }
}
