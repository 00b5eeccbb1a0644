//! The step protocol and the hands on the market.
//!
//! Separate because no broker has these. They stand behind the accounts' keys like everything
//! else, and every change they make goes through the journal.

use super::Shared;
use super::answer::{Answer, json, ok};
use super::gate::Caller;
use crate::book::{Incident, IncidentRole, Reject, RejectKind};
use crate::hub::Hub;
use crate::price::{PricePath, PricePoint};
use crate::wire::{decode, parse_time, timestamp};
use crate::world::{Command, Outcome};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json as value};
use std::sync::Arc;

type Place = State<Arc<Shared>>;

/// The present step: its number, its time, how many prices were shown of how many, and whether
/// that was all.
fn step_body(hub: &Hub) -> Value {
    let state = &hub.world.state;
    value!({
        "step": state.step,
        "time": timestamp(state.clock_ns).to_string(),
        "time_ns": state.clock_ns,
        "played": state.played,
        "total": hub.world.total(),
        "done": hub.world.done(),
    })
}

/// `GET /admin/step`
pub(super) async fn step(State(shared): Place) -> Answer {
    Ok(ok(&step_body(&shared.hub())))
}

/// `POST /admin/ack`: 200 with the step that is now present, 409 with the present one where
/// another was acknowledged.
pub(super) async fn ack(State(shared): Place, body: Bytes) -> Answer {
    let fields = decode::object(&body)?;
    let step = fields
        .get("step")
        .and_then(Value::as_u64)
        .ok_or_else(|| Reject::field("step is required"))?;
    let next_timer_ns = timer(&fields)?;
    let mut hub = shared.hub();
    match hub.run(&Command::Ack { step, next_timer_ns })? {
        Outcome::WrongStep => Ok(json(StatusCode::CONFLICT, &step_body(&hub))),
        Outcome::Done | Outcome::Accepted(_) | Outcome::Canceled(_) => Ok(ok(&step_body(&hub))),
    }
}

fn timer(fields: &Map<String, Value>) -> Result<Option<i64>, Reject> {
    let at_ns = match fields.get("next_timer") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => parse_time(text),
        Some(_) => None,
    };
    let refuse = || Reject::field("next_timer must be null, RFC 3339 or unix nanoseconds");
    at_ns.map(Some).ok_or_else(refuse)
}

fn known_symbol(hub: &Hub, caller: Caller, symbol: &str) -> Result<(), Reject> {
    let known = hub.book(caller.0)?.asset(symbol).is_some();
    if known { Ok(()) } else { Err(Reject::asset_not_found(symbol)) }
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, Reject> {
    value.ok_or_else(|| Reject::field(format!("{name} is required")))
}

/// `POST /admin/price` `{symbol, bid, ask, last?, through?, at?}`: lists an unknown symbol.
pub(super) async fn price(State(shared): Place, body: Bytes) -> Answer {
    let fields = decode::object(&body)?;
    let symbol = required(decode::text(&fields, "symbol")?, "symbol")?;
    let bid = required(decode::decimal(&fields, "bid")?, "bid")?;
    let ask = required(decode::decimal(&fields, "ask")?, "ask")?;
    if bid <= Decimal::ZERO || ask < bid {
        return Err(Reject::field("bid must be > 0 and ask >= bid").into());
    }
    let last = decode::decimal(&fields, "last")?;
    let through = fields.get("through").and_then(Value::as_bool).unwrap_or(false);
    let path = if through { PricePath::Through } else { PricePath::Jump };
    let at = decode::text(&fields, "at")?;
    let at = at.map(|text| parse_time(&text).ok_or_else(|| Reject::field("invalid at")));
    let mut hub = shared.hub();
    let at_ns = at.transpose()?.unwrap_or_else(|| shared.now_ns(&hub));
    let price = PricePoint { bid, ask, last, path };
    hub.run(&Command::Price { symbol, price, at_ns })?;
    Ok(ok(&step_body(&hub)))
}

/// `POST /admin/liquidity` `{symbol, max_fill_per_step}`: units, or null for no limit.
pub(super) async fn liquidity(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    let fields = decode::object(&body)?;
    let symbol = required(decode::text(&fields, "symbol")?, "symbol")?;
    let max_fill_per_step = decode::decimal(&fields, "max_fill_per_step")?;
    if max_fill_per_step.is_some_and(|units| units < Decimal::ZERO) {
        return Err(Reject::field("max_fill_per_step must be >= 0").into());
    }
    let mut hub = shared.hub();
    known_symbol(&hub, caller, &symbol)?;
    hub.run(&Command::Liquidity { symbol, max_fill_per_step })?;
    Ok(ok(&step_body(&hub)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IncidentBody {
    kind: IncidentKind,
    #[serde(default)]
    symbol: Option<String>,
    #[serde(default)]
    role: Option<IncidentRole>,
    #[serde(default)]
    error: Option<RejectKind>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum IncidentKind {
    RejectNext,
}

/// `POST /admin/incident` `{kind: "reject_next", symbol?, role?, error?}`, for the caller's own
/// account.
pub(super) async fn incident(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    let asked: IncidentBody = typed(&body)?;
    let IncidentKind::RejectNext = asked.kind;
    let mut hub = shared.hub();
    if let Some(symbol) = &asked.symbol {
        known_symbol(&hub, caller, symbol)?;
    }
    let incident = Incident { symbol: asked.symbol, role: asked.role, error: asked.error };
    hub.run(&Command::Incident { account: Some(caller.0), incident })?;
    Ok(ok(&step_body(&hub)))
}

fn typed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Reject> {
    serde_json::from_slice(body).map_err(|error| Reject::field(error.to_string()))
}
