//! JSON shapes of an exported ledger: one object a line, everything there is.
//!
//! Apart from what the API shows because this is read by other programs years later: a name here
//! never changes its meaning, and a new one needs no new format. The core's structs are taken apart
//! whole, so that a new field does not build until it is exported. Documented in
//! docs/operations.md.

mod parts;

use bracketd_core::control::{Baseline, Control, Kill, SymbolLock};
use bracketd_core::fact::Fact;
use bracketd_core::ids::{AccountName, PolicyName, Symbol};
use bracketd_core::protection::Gaps;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Desired, Locks, StepCount, Transaction};
use bracketd_store::StoredFact;
use bracketd_store::tools::Summary;
use bracketd_store::tools::export::WholeTransaction;
use serde::Serialize;
use serde_json::{Value, json};

use super::ladder::rung;
use super::standing::standing;
use super::{decimal, price, records};
use crate::clock::rfc3339;
use parts::{entry, operation, order, protection, slice, source, task};

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

/// The daemon's own kill switch.
pub fn daemon_control(switch: &Kill) -> Line {
    let rest = json!({ "account": null, "kill": kill(switch) });
    Line { kind: "control", seq: None, id: None, rest }
}

/// What was decided of an account, and what its losses are measured from.
pub fn control(name: &AccountName, control: &Control) -> Line {
    let Control { armed, broker_account, kill: switch, baseline: measured, locked } = control;
    let baseline = measured.as_ref().map(|Baseline { day, day_equity, peak_equity }| {
        json!({
            "day": day,
            "day_equity": decimal(*day_equity),
            "peak_equity": decimal(*peak_equity),
        })
    });
    let rest = json!({
        "account": name.as_str(),
        "armed": armed,
        "broker_account": broker_account,
        "kill": kill(switch),
        "baseline": baseline,
        "locked": locked.iter().map(symbol_lock).collect::<Vec<_>>(),
    });
    Line { kind: "control", seq: None, id: None, rest }
}

fn symbol_lock((symbol, lock): (&Symbol, &SymbolLock)) -> Value {
    let SymbolLock { until, why, by } = lock;
    json!({
        "symbol": symbol.as_str(), "until": rfc3339(*until), "why": why, "source": source(by),
    })
}

/// A kill switch; none that nobody ever set.
fn kill(switch: &Kill) -> Option<Value> {
    let Kill { level, why, by, since } = switch;
    (*switch != Kill::default()).then(|| {
        json!({
            "level": level.as_str(),
            "why": why,
            "source": source(by),
            "since": rfc3339(*since),
        })
    })
}

/// The last line: without it the export is not whole.
pub fn end(controls: u64, transactions: u64, facts: u64) -> Line {
    let rest = json!({ "controls": controls, "transactions": transactions, "facts": facts });
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
        standing: stands,
        ladder,
    } = &whole.transaction;
    let step = |count: &StepCount| json!({ "slice": count.slice.0, "legs": count.legs.as_str(), "steps": count.steps });
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
        "standing": standing(stands),
        "ladder": ladder.iter().map(rung).collect::<Vec<_>>(),
        "close_retry_at": close_retry_at.map(rfc3339),
    });
    Line { kind: "transaction", seq: None, id: Some(id.to_string()), rest }
}

#[cfg(test)]
mod tests {
    use bracketd_core::fact::FactKind;
    use bracketd_core::intent::Source;

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
