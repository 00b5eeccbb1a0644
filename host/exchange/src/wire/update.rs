//! A message of the trade updates stream.
//!
//! Separate because the words are the broker's ("Websocket Streaming" in its documentation), not the
//! book's. It shows; it computes nothing.

use super::order::{OrderBody, body};
use super::{Stamp, Text};
use crate::book::{Event, EventKind, ExchangeBook};
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
struct Message<'a> {
    stream: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    event: &'static str,
    timestamp: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qty: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_qty: Option<Text>,
    order: OrderBody<'a>,
}

/// The message about an event; the order in it is as it is now. None: the order is not there.
pub(crate) fn message(book: &ExchangeBook, event: &Event) -> Option<String> {
    let order = book.order(event.order_id)?;
    let fill = match &event.kind {
        EventKind::Fill { qty, price, .. } => Some((*qty, *price)),
        _ => None,
    };
    let last = || book.fills().iter().rev().find(|fill| fill.order_id == event.order_id);
    let held = || book.position(&order.symbol).map_or(rust_decimal::Decimal::ZERO, |p| p.qty);
    let data = Data {
        event: word(&event.kind),
        timestamp: Stamp(event.at_ns),
        execution_id: fill.and_then(|_| last()).map(|fill| fill.id),
        price: fill.map(|(_, price)| Text(price)),
        qty: fill.map(|(qty, _)| Text(qty)),
        position_qty: fill.map(|_| Text(held())),
        order: body(book, order, None),
    };
    serde_json::to_string(&Message { stream: "trade_updates", data }).ok()
}

fn word(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::New => "new",
        EventKind::Held => "held",
        EventKind::Fill { done: true, .. } => "fill",
        EventKind::Fill { done: false, .. } => "partial_fill",
        EventKind::Resized { .. } => "restated",
        EventKind::Canceled => "canceled",
        EventKind::Expired => "expired",
        EventKind::Replaced { .. } => "replaced",
    }
}
