//! `GET /admin/book`: orders and fills of the caller's account in words that belong to no broker.
//!
//! Separate because whoever judges a client by the book must not read it the client's way. The shape
//! is the one that docs/conformance.md asks of any broker. It shows; it changes nothing.

use super::Shared;
use super::answer::{Answer, ok};
use super::gate::Caller;
use crate::book::{ExchangeBook, Fill, Order, OrderFilter, OrderType, StatusFilter};
use axum::Extension;
use axum::extract::State;
use rust_decimal::Decimal;
use serde_json::{Value, json as value};
use std::sync::Arc;

/// `GET /admin/book`
pub(super) async fn book(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Answer {
    let hub = shared.hub();
    let book = hub.book(caller.0)?;
    let all = OrderFilter {
        status: StatusFilter::All,
        ascending: true,
        limit: usize::MAX,
        ..OrderFilter::default()
    };
    let orders: Vec<Value> = book.orders(&all).into_iter().map(|o| order(book, o)).collect();
    let fills: Vec<Value> = book.fills().iter().map(fill).collect();
    Ok(ok(&value!({ "orders": orders, "fills": fills })))
}

fn order(book: &ExchangeBook, order: &Order) -> Value {
    let price = |price: Option<Decimal>| price.map(|price| price.to_string());
    let kind = match order.order_type {
        OrderType::Market => "market",
        OrderType::Limit => "limit",
        OrderType::Stop => "stop",
        OrderType::StopLimit => "stop_limit",
    };
    let parent = book.parent_of(order).map(|parent| parent.id).filter(|id| *id != order.id);
    value!({
        "id": order.id,
        "client_id": order.client_order_id,
        "parent": parent,
        "replaces": order.replaces,
        "symbol": order.symbol,
        "side": order.side,
        "kind": kind,
        "qty": order.qty.to_string(),
        "filled": order.filled_qty.to_string(),
        "limit": price(order.limit_price),
        "stop": price(order.stop_price),
        "live": order.is_live(),
        "status": order.status.word(),
    })
}

fn fill(fill: &Fill) -> Value {
    value!({
        "id": fill.id,
        "order": fill.order_id,
        "symbol": fill.symbol,
        "side": fill.side,
        "qty": fill.qty.to_string(),
        "price": fill.price.to_string(),
    })
}
