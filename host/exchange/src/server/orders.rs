//! Orders and their fills over HTTP.
//!
//! Separate by subject. Each handler takes the lock once: what it answers is one moment.

use super::Shared;
use super::answer::{Answer, Refused, json, ok};
use super::gate::Caller;
use crate::book::{OrderId, Reject};
use crate::wire::query::{self, Pairs};
use crate::wire::{decode, order as show};
use crate::world::{Command, Outcome};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json as value;
use std::sync::Arc;
use uuid::Uuid;

type Place = State<Arc<Shared>>;

fn order_id(text: &str) -> Result<OrderId, Refused> {
    Uuid::parse_str(text).map_err(|_| Refused(Reject::order_not_found(text)))
}

/// `POST /v2/orders`
pub(super) async fn submit(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    let order = decode::new_order(&body)?;
    let mut hub = shared.hub();
    let at_ns = shared.now_ns(&hub);
    let outcome = hub.run(&Command::Submit { account: caller.0, at_ns, order })?;
    accepted(hub.book(caller.0)?, &outcome)
}

fn accepted(book: &crate::book::ExchangeBook, outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Accepted(taken) => {
            let legs = taken.legs.iter().collect();
            Ok(ok(&show::with_legs(book, &taken.order, legs)))
        }
        Outcome::Done | Outcome::Canceled(_) | Outcome::WrongStep => {
            Ok(StatusCode::NO_CONTENT.into_response())
        }
    }
}

/// `GET /v2/orders`
pub(super) async fn list(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Query(pairs): Query<Pairs>,
) -> Answer {
    let filter = query::orders(&pairs)?;
    let hub = shared.hub();
    let book = hub.book(caller.0)?;
    let orders = book.orders(&filter);
    let bodies: Vec<_> =
        orders.into_iter().map(|order| show::nested(book, order, filter.nested)).collect();
    Ok(ok(&bodies))
}

/// `GET /v2/orders/{id}`
pub(super) async fn one(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Answer {
    let hub = shared.hub();
    let book = hub.book(caller.0)?;
    let order = book.order(order_id(&id)?).ok_or_else(|| Reject::order_not_found(&id))?;
    Ok(ok(&show::nested(book, order, query::flag(&pairs, "nested"))))
}

/// `GET /v2/orders:by_client_order_id`
pub(super) async fn by_client_id(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Query(pairs): Query<Pairs>,
) -> Answer {
    let id: String = query::parsed(&pairs, "client_order_id")?
        .ok_or_else(|| Reject::field("client_order_id is required"))?;
    let hub = shared.hub();
    let book = hub.book(caller.0)?;
    let order = book.order_by_client_id(&id).ok_or_else(|| Reject::order_not_found(&id))?;
    Ok(ok(&show::nested(book, order, query::flag(&pairs, "nested"))))
}

/// `PATCH /v2/orders/{id}`
pub(super) async fn replace(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let id = order_id(&id)?;
    let change = decode::replace(&body)?;
    let mut hub = shared.hub();
    let at_ns = shared.now_ns(&hub);
    let outcome = hub.run(&Command::Replace { account: caller.0, at_ns, id, change })?;
    accepted(hub.book(caller.0)?, &outcome)
}

/// `DELETE /v2/orders/{id}`
pub(super) async fn cancel(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = order_id(&id)?;
    let mut hub = shared.hub();
    let at_ns = shared.now_ns(&hub);
    hub.run(&Command::Cancel { account: caller.0, at_ns, id })?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /v2/orders`
pub(super) async fn cancel_all(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
) -> Answer {
    let mut hub = shared.hub();
    let at_ns = shared.now_ns(&hub);
    let outcome = hub.run(&Command::CancelAll { account: caller.0, at_ns })?;
    let Outcome::Canceled(ids) = outcome else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let bodies: Vec<_> = ids.iter().map(|id| value!({"id": id, "status": 200})).collect();
    Ok(json(StatusCode::MULTI_STATUS, &bodies))
}

/// `GET /v2/account/activities/FILL`
pub(super) async fn fills(
    State(shared): Place,
    Extension(caller): Extension<Caller>,
    Query(pairs): Query<Pairs>,
) -> Answer {
    let size = query::page(&pairs, "page_size", 100, 100)?;
    let ascending = query::ascending(&pairs, "direction", false)?;
    let after_ns = query::time(&pairs, "after")?.unwrap_or(i64::MIN);
    let until_ns = query::time(&pairs, "until")?.unwrap_or(i64::MAX);
    let token: Option<String> = query::parsed(&pairs, "page_token")?;
    let hub = shared.hub();
    let book = hub.book(caller.0)?;
    let all = book.fills();
    let mut from = all.partition_point(|fill| fill.at_ns <= after_ns);
    let mut to = all.partition_point(|fill| fill.at_ns < until_ns).max(from);
    if let Some(token) = token {
        let id = token.rsplit("::").next().and_then(|id| Uuid::parse_str(id).ok());
        let place = id
            .and_then(|id| book.fill_place(id))
            .ok_or_else(|| Reject::field(format!("invalid page_token: {token}")))?;
        if ascending {
            from = from.max(place + 1);
        } else {
            to = to.min(place);
        }
    }
    let page = all.get(from..to.max(from)).unwrap_or_default();
    let bodies: Vec<_> = if ascending {
        page.iter().take(size).map(show::fill).collect()
    } else {
        page.iter().rev().take(size).map(show::fill).collect()
    };
    Ok(ok(&bodies))
}
