//! The Order object of the trading API, every field of it, nulls spelled out.
//!
//! Separate because clients fail on a missing field. It shows; it computes nothing.

use super::{Stamp, Text, timestamp};
use crate::book::{ExchangeBook, Fill, GroupRole, Order, OrderClass, Side, TimeInForce};
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
pub(crate) struct OrderBody<'a> {
    id: Uuid,
    client_order_id: &'a str,
    created_at: Stamp,
    updated_at: Stamp,
    submitted_at: Stamp,
    filled_at: Option<Stamp>,
    expired_at: Option<Stamp>,
    expires_at: Option<Stamp>,
    canceled_at: Option<Stamp>,
    failed_at: Option<Stamp>,
    replaced_at: Option<Stamp>,
    replaced_by: Option<Uuid>,
    replaces: Option<Uuid>,
    asset_id: Option<Uuid>,
    symbol: &'a str,
    asset_class: &'static str,
    notional: Option<Text>,
    qty: Option<Text>,
    filled_qty: Text,
    filled_avg_price: Option<Text>,
    order_class: OrderClass,
    order_type: &'static str,
    r#type: &'static str,
    side: Side,
    time_in_force: TimeInForce,
    limit_price: Option<Text>,
    stop_price: Option<Text>,
    status: &'static str,
    extended_hours: bool,
    legs: Option<Vec<OrderBody<'a>>>,
    trail_percent: Option<Text>,
    trail_price: Option<Text>,
    hwm: Option<Text>,
    subtag: Option<&'static str>,
    source: Option<&'static str>,
    position_intent: &'static str,
    group_id: Option<Uuid>,
    group_role: Option<GroupRole>,
}

/// One order with the legs given.
pub(crate) fn body<'a>(
    book: &ExchangeBook,
    order: &'a Order,
    legs: Option<Vec<OrderBody<'a>>>,
) -> OrderBody<'a> {
    OrderBody {
        id: order.id,
        client_order_id: &order.client_order_id,
        created_at: Stamp(order.submitted_ns),
        updated_at: Stamp(order.updated_ns),
        submitted_at: Stamp(order.submitted_ns),
        filled_at: order.filled_ns.map(Stamp),
        expired_at: order.expired_ns.map(Stamp),
        expires_at: order.expires_ns.map(Stamp),
        canceled_at: order.canceled_ns.map(Stamp),
        failed_at: None,
        replaced_at: order.replaced_ns.map(Stamp),
        replaced_by: order.replaced_by,
        replaces: order.replaces,
        asset_id: book.asset(&order.symbol).map(|(_, id)| id),
        symbol: &order.symbol,
        asset_class: "us_equity",
        notional: None,
        qty: Some(Text(order.qty)),
        filled_qty: Text(order.filled_qty),
        filled_avg_price: order.filled_avg_price().map(|price| Text(price.round_dp(9))),
        order_class: order.order_class,
        order_type: order.order_type.word(),
        r#type: order.order_type.word(),
        side: order.side,
        time_in_force: order.time_in_force,
        limit_price: order.limit_price.map(Text),
        stop_price: order.stop_price.map(Text),
        status: order.status.word(),
        extended_hours: order.extended_hours,
        legs,
        trail_percent: None,
        trail_price: None,
        hwm: None,
        subtag: None,
        source: None,
        position_intent: order.position_intent.word(),
        group_id: order.group_id,
        group_role: order.group_role,
    }
}

/// One order with its present legs, where `nested` asks for them and there are any.
pub(crate) fn nested<'a>(book: &'a ExchangeBook, order: &'a Order, nested: bool) -> OrderBody<'a> {
    let legs = if nested { book.legs_of(order) } else { Vec::new() };
    with_legs(book, order, legs)
}

/// One order with these legs.
pub(crate) fn with_legs<'a>(
    book: &ExchangeBook,
    order: &'a Order,
    legs: Vec<&'a Order>,
) -> OrderBody<'a> {
    let legs: Vec<_> = legs.into_iter().map(|leg| body(book, leg, None)).collect();
    body(book, order, (!legs.is_empty()).then_some(legs))
}

/// A fill as account activity.
#[derive(Serialize)]
pub(crate) struct FillBody<'a> {
    id: String,
    activity_type: &'static str,
    transaction_time: Stamp,
    r#type: &'static str,
    price: Text,
    qty: Text,
    side: Side,
    symbol: &'a str,
    leaves_qty: Text,
    order_id: Uuid,
    cum_qty: Text,
    order_status: &'static str,
}

/// The broker's id of an activity: its time to the millisecond, then a uuid.
pub(crate) fn activity_id(fill: &Fill) -> String {
    format!("{}::{}", timestamp(fill.at_ns).strftime("%Y%m%d%H%M%S%3f"), fill.id)
}

/// A fill as account activity.
pub(crate) fn fill(fill: &Fill) -> FillBody<'_> {
    FillBody {
        id: activity_id(fill),
        activity_type: "FILL",
        transaction_time: Stamp(fill.at_ns),
        r#type: if fill.leaves_qty.is_zero() { "fill" } else { "partial_fill" },
        price: Text(fill.price),
        qty: Text(fill.qty),
        side: fill.side,
        symbol: &fill.symbol,
        leaves_qty: Text(fill.leaves_qty),
        order_id: fill.order_id,
        cum_qty: Text(fill.cum_qty),
        order_status: fill.order_status.word(),
    }
}
