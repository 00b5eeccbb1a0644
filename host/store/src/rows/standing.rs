//! What the host does for a transaction by itself, as a JSON object; empty where there is nothing.
//!
//! Apart because it is one cell with a shape of its own. The names here are read by later versions
//! and never change their meaning. Prices and distances are decimal text.

use std::str::FromStr;

use bracketd_core::Decimal;
use bracketd_core::ids::PolicyName;
use bracketd_core::intent::Source;
use bracketd_core::money::Price;
use bracketd_core::refusal::Refusal;
use bracketd_core::standing::{Standing, TimeLimit, Trail, TrailDistance, TrailTerms};
use serde_json::{Map, Value, json};

use super::cells::Cells;
use super::source;
use crate::error::StoreError;

pub(crate) fn write(standing: &Standing) -> Option<String> {
    if standing.is_empty() {
        return None;
    }
    let mut all = Map::new();
    if let Some(trail) = &standing.trail {
        all.insert("trail".to_owned(), trail_json(trail));
    }
    if let Some(limit) = &standing.time_limit {
        all.insert("time_limit".to_owned(), limit_json(limit));
    }
    if let Some(why) = &standing.review {
        all.insert("review".to_owned(), json!(why));
    }
    Some(Value::Object(all).to_string())
}

/// What stands with the transaction of the row; column `standing`.
pub(crate) fn read(row: &Cells<'_>) -> Result<Standing, StoreError> {
    let Some(text) = row.opt_str("standing")? else { return Ok(Standing::default()) };
    let all: Option<Value> = serde_json::from_str(text).ok();
    all.as_ref().and_then(read_all).ok_or_else(|| row.bad("standing", text))
}

fn read_all(all: &Value) -> Option<Standing> {
    let all = all.as_object()?;
    // What a newer program wrote here must not be dropped silently.
    let is_known = |key: &String| ["trail", "time_limit", "review"].contains(&key.as_str());
    if !all.keys().all(is_known) {
        return None;
    }
    Some(Standing {
        trail: opt(all.get("trail"), read_trail)?,
        time_limit: opt(all.get("time_limit"), read_limit)?,
        review: opt(all.get("review"), |why| why.as_str().map(str::to_owned))?,
    })
}

fn trail_json(trail: &Trail) -> Value {
    let (by, distance) = match trail.terms.distance {
        TrailDistance::Price(distance) => ("price", distance),
        TrailDistance::Percent(percent) => ("percent", percent),
    };
    let price = |price: Option<Price>| price.map(|price| price.to_string());
    json!({
        "by": by,
        "distance": distance.to_string(),
        "activate_at": price(trail.terms.activate_at),
        "step": trail.terms.step.to_string(),
        "best": price(trail.best),
        "held_back": trail.held_back.map(Refusal::code),
        "source": source_json(&trail.by),
        "why": trail.why,
    })
}

fn read_trail(trail: &Value) -> Option<Trail> {
    let distance = decimal(trail.get("distance")?)?;
    let distance = match trail.get("by")?.as_str()? {
        "price" => TrailDistance::Price(distance),
        "percent" => TrailDistance::Percent(distance),
        _ => return None,
    };
    let price = |name: &str| opt(trail.get(name), |price| Price::new(decimal(price)?));
    let activate_at = price("activate_at")?;
    let terms = TrailTerms { distance, activate_at, step: decimal(trail.get("step")?)? };
    Some(Trail {
        terms,
        by: read_source(trail.get("source")?)?,
        why: trail.get("why")?.as_str()?.to_owned(),
        best: price("best")?,
        held_back: opt(trail.get("held_back"), refusal)?,
    })
}

fn limit_json(limit: &TimeLimit) -> Value {
    json!({
        "hold_ms": limit.hold_ms,
        "held_back": limit.held_back.map(Refusal::code),
        "source": source_json(&limit.by),
        "why": limit.why,
    })
}

fn read_limit(limit: &Value) -> Option<TimeLimit> {
    Some(TimeLimit {
        hold_ms: limit.get("hold_ms")?.as_u64()?,
        by: read_source(limit.get("source")?)?,
        why: limit.get("why")?.as_str()?.to_owned(),
        held_back: opt(limit.get("held_back"), refusal)?,
    })
}

fn source_json(by: &Source) -> Value {
    let (kind, name, digest) = source::cells(by);
    json!([kind, name, digest])
}

fn read_source(cells: &Value) -> Option<Source> {
    let [kind, name, digest] = cells.as_array()?.as_slice() else { return None };
    let text = |cell: &Value| cell.as_str().map(str::to_owned);
    Some(match kind.as_str()? {
        "manual" => Source::Manual(text(name)?),
        "policy" => {
            Source::Policy { name: PolicyName::from(name.as_str()?), digest: text(digest)? }
        }
        "broker" => Source::Broker,
        "recovery" => Source::Recovery,
        "host" => Source::Host,
        _ => return None,
    })
}

fn refusal(code: &Value) -> Option<Refusal> {
    let code = code.as_str()?;
    Refusal::ALL.into_iter().find(|refusal| refusal.code() == code)
}

fn decimal(cell: &Value) -> Option<Decimal> {
    Decimal::from_str(cell.as_str()?).ok()
}

/// None where the cell is wrong; none inside where it is absent or null.
fn opt<T>(cell: Option<&Value>, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
    match cell {
        None | Some(Value::Null) => Some(None),
        Some(cell) => read(cell).map(Some),
    }
}
