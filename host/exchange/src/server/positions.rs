//! Account, positions, assets and the clock over HTTP.
//!
//! Separate by subject. Closing a position is an order like any other, made here.

use super::Shared;
use super::answer::{Answer, json, ok};
use super::gate::Caller;
use crate::book::{ExchangeBook, NewOrder, Reject, Side};
use crate::hub::Hub;
use crate::wire::query::{self, Pairs};
use crate::wire::{account as show, order};
use crate::world::{Command, Outcome};
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Value, json as value};
use std::sync::Arc;

type Place = State<Arc<Shared>>;

/// `GET /v2/account`
pub(super) async fn account(State(shared): Place, Extension(caller): Extension<Caller>) -> Answer {
    Ok(ok(&show::account(shared.hub().book(caller.0)?)))
}

/// `GET /v2/clock`
pub(super) async fn clock(State(shared): Place) -> Answer {
    let now_ns = shared.now_ns(&shared.hub());
    Ok(ok(&show::clock(now_ns)))
}

/// `GET /v2/assets`
pub(super) async fn assets(State(shared): Place, Extension(caller): Extension<Caller>) -> Answer {
    let hub = shared.hub();
    let book = hub.book(caller.0)?;
    let bodies: Vec<Value> = book
        .assets()
        .filter_map(|asset| book.asset(&asset.symbol))
        .map(|(asset, id)| show::asset(asset, id))
        .collect();
    Ok(ok(&bodies))
}

/// `GET /v2/assets/{symbol}`: a name in any case finds the asset, as a broker may let it, and the
/// answer has the name that orders and positions carry.
pub(super) async fn asset(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Path(symbol): Path<String>,
) -> Answer {
    let hub = shared.hub();
    let missing = || {
        let text = format!("asset not found for {symbol}");
        Reject::new(crate::book::RejectKind::UnknownAsset, 404, 40_410_000, text)
    };
    let book = hub.book(caller.0)?;
    let name = book.assets().map(|asset| &asset.symbol).find(|s| s.eq_ignore_ascii_case(&symbol));
    let (asset, id) = name.and_then(|name| book.asset(name)).ok_or_else(missing)?;
    Ok(ok(&show::asset(asset, id)))
}

/// `GET /v2/positions`
pub(super) async fn list(State(shared): Place, Extension(caller): Extension<Caller>) -> Answer {
    let hub = shared.hub();
    let book = hub.book(caller.0)?;
    let bodies: Vec<_> = book.positions().map(|position| show::position(book, position)).collect();
    Ok(ok(&bodies))
}

/// `GET /v2/positions/{symbol}`
pub(super) async fn one(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Path(symbol): Path<String>,
) -> Answer {
    let hub = shared.hub();
    let book = hub.book(caller.0)?;
    Ok(ok(&show::position(book, book.position(&symbol)?)))
}

/// `DELETE /v2/positions/{symbol}`
pub(super) async fn close(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Path(symbol): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Answer {
    let qty = query::parsed::<Decimal>(&pairs, "qty")?;
    let percentage = query::parsed::<Decimal>(&pairs, "percentage")?;
    let mut hub = shared.hub();
    let closing = closing(hub.book(caller.0)?, &symbol, qty, percentage)?;
    let body = submit(&shared, &mut hub, caller, closing)?;
    Ok(ok(&body))
}

/// `DELETE /v2/positions`
pub(super) async fn close_all(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Query(pairs): Query<Pairs>,
) -> Answer {
    let mut hub = shared.hub();
    if query::flag(&pairs, "cancel_orders") {
        let at_ns = shared.now_ns(&hub);
        hub.run(&Command::CancelAll { account: caller.0, at_ns })?;
    }
    let held: Vec<String> =
        hub.book(caller.0)?.positions().map(|position| position.symbol.clone()).collect();
    let mut bodies = Vec::new();
    for symbol in held {
        let order = closing(hub.book(caller.0)?, &symbol, None, None)?;
        let (status, body) = match submit(&shared, &mut hub, caller, order) {
            Ok(body) => (200, body),
            Err(reject) => (reject.http_status, reject.body()),
        };
        bodies.push(value!({"symbol": symbol, "status": status, "body": body}));
    }
    Ok(json(StatusCode::MULTI_STATUS, &bodies))
}

fn submit(
    shared: &Shared,
    hub: &mut Hub,
    caller: Caller,
    order: NewOrder,
) -> Result<Value, Reject> {
    let at_ns = shared.now_ns(hub);
    let outcome = hub.run(&Command::Submit { account: caller.0, at_ns, order })?;
    let Outcome::Accepted(taken) = outcome else { return Ok(Value::Null) };
    let body = order::with_legs(hub.book(caller.0)?, &taken.order, Vec::new());
    Ok(serde_json::to_value(&body).unwrap_or(Value::Null))
}

/// The market order that closes a position, or a part of it.
fn closing(
    book: &ExchangeBook,
    symbol: &str,
    qty: Option<Decimal>,
    percentage: Option<Decimal>,
) -> Result<NewOrder, Reject> {
    let held = book.position(symbol)?.qty;
    let part = percentage.map(|part| (held.abs() * part / Decimal::ONE_HUNDRED).round_dp(9));
    let side = if held > Decimal::ZERO { Side::Sell } else { Side::Buy };
    Ok(NewOrder::market(symbol, side, qty.or(part).unwrap_or(held.abs())))
}
