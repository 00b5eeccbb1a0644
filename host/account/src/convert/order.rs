//! Orders and legs as a plugin tells them, checked.

use bracketd_core::broker::OrderReport;
use bracketd_core::command::BracketLeg;
use bracketd_core::ids::{BrokerOrderId, ClientOrderId, Symbol};
use bracketd_core::order::{OrderKind, OrderStatus, Role, Side, TimeInForce};

use crate::bindings::bracketd::broker::types as abi;
use crate::convert::answer::words;
use crate::convert::number::{id, id_or_none, price_or_none, quantity, time};
use crate::convert::{Lie, Tie};

/// An order, and how it is tied to others.
pub(crate) fn report(order: &abi::Order) -> Result<(OrderReport, Tie), Lie> {
    let broker = |field, value| -> Result<Option<BrokerOrderId>, Lie> {
        Ok(id_or_none(field, value)?.map(BrokerOrderId::new))
    };
    let (whole, filled) =
        (quantity("order.qty", order.qty)?, quantity("order.filled-qty", order.filled_qty)?);
    if filled > whole {
        return Err(Lie::new("order.filled-qty", format!("{filled} of {whole}")));
    }
    let group = id_or_none("order.group-id", &order.group_id)?.map(str::to_owned);
    let report = OrderReport {
        broker_id: BrokerOrderId::new(id("order.broker-id", &order.broker_id)?),
        client_id: id_or_none("order.client-id", &order.client_id)?.map(ClientOrderId::new),
        group: group.clone(),
        parent: broker("order.parent-id", &order.parent_id)?,
        replaces: broker("order.replaces", &order.replaces)?,
        replaced_by: broker("order.replaced-by", &order.replaced_by)?,
        role: role(order.role),
        symbol: Symbol::new(id("order.symbol", &order.symbol)?),
        side: side(order.side),
        kind: kind(order.kind),
        time_in_force: time_in_force(order.tif),
        status: status(order.state),
        quantity: whole,
        filled,
        avg_price: price_or_none("order.avg-price", order.avg_price)?,
        limit: price_or_none("order.limit-price", order.limit_price)?,
        trigger: price_or_none("order.stop-price", order.stop_price)?,
        reject: order.reject.as_ref().map(words),
        updated_at: time(order.updated_at),
    };
    Ok((report, Tie { group, link: order.link }))
}

/// A leg, and how it is tied to others.
pub(crate) fn leg(leg: &abi::Leg) -> Result<(BracketLeg, Tie), Lie> {
    let (whole, filled) =
        (quantity("leg.qty", leg.qty)?, quantity("leg.filled-qty", leg.filled_qty)?);
    if filled > whole {
        return Err(Lie::new("leg.filled-qty", format!("{filled} of {whole}")));
    }
    let role = role(leg.role).ok_or_else(|| Lie::new("leg.role", "other"))?;
    let told = BracketLeg {
        role,
        broker_id: BrokerOrderId::new(id("leg.broker-id", &leg.broker_id)?),
        client_id: id_or_none("leg.client-id", &leg.client_id)?.map(ClientOrderId::new),
        status: status(leg.state),
        limit: price_or_none("leg.price", leg.price)?,
        trigger: price_or_none("leg.stop-price", leg.stop_price)?,
        quantity: whole,
        filled,
    };
    let live = !told.status.is_terminal();
    if live && role == Role::Stop && told.trigger.is_none() {
        return Err(Lie::new("leg.stop-price", "missing on a live stop"));
    }
    if live && role == Role::Target && told.limit.is_none() {
        return Err(Lie::new("leg.price", "missing on a live target"));
    }
    let group = id_or_none("leg.group-id", &leg.group_id)?.map(str::to_owned);
    Ok((told, Tie { group, link: leg.link }))
}

/// What an order is for; the parent of a combined pair is the target.
fn role(role: abi::LegRole) -> Option<Role> {
    match role {
        abi::LegRole::Entry => Some(Role::Entry),
        abi::LegRole::TakeProfit | abi::LegRole::OcoCombined => Some(Role::Target),
        abi::LegRole::StopLoss => Some(Role::Stop),
        abi::LegRole::Close => Some(Role::Close),
        abi::LegRole::Other => None,
    }
}

/// Buying or selling.
pub(crate) fn side(side: abi::Side) -> Side {
    match side {
        abi::Side::Buy => Side::Buy,
        abi::Side::Sell => Side::Sell,
    }
}

fn kind(kind: abi::OrderKind) -> OrderKind {
    match kind {
        abi::OrderKind::Market => OrderKind::Market,
        abi::OrderKind::Limit => OrderKind::Limit,
        abi::OrderKind::Stop => OrderKind::Stop,
        abi::OrderKind::StopLimit => OrderKind::StopLimit,
        abi::OrderKind::TrailingStop => OrderKind::TrailingStop,
        abi::OrderKind::Other => OrderKind::Other,
    }
}

fn time_in_force(tif: abi::Tif) -> TimeInForce {
    match tif {
        abi::Tif::Day => TimeInForce::Day,
        abi::Tif::Gtc => TimeInForce::Gtc,
        abi::Tif::Ioc => TimeInForce::Ioc,
        abi::Tif::Fok => TimeInForce::Fok,
        abi::Tif::Opg | abi::Tif::Cls | abi::Tif::Gtd | abi::Tif::Other => TimeInForce::Other,
    }
}

fn status(state: abi::OrderState) -> OrderStatus {
    match state {
        abi::OrderState::PendingNew => OrderStatus::PendingNew,
        abi::OrderState::Held => OrderStatus::Held,
        abi::OrderState::Contingent => OrderStatus::Contingent,
        abi::OrderState::Working => OrderStatus::Working,
        abi::OrderState::PartiallyFilled => OrderStatus::PartiallyFilled,
        abi::OrderState::PendingReplace => OrderStatus::PendingReplace,
        abi::OrderState::PendingCancel => OrderStatus::PendingCancel,
        abi::OrderState::Inactive => OrderStatus::Inactive,
        abi::OrderState::Filled => OrderStatus::Filled,
        abi::OrderState::Canceled => OrderStatus::Canceled,
        abi::OrderState::Rejected => OrderStatus::Rejected,
        abi::OrderState::Expired => OrderStatus::Expired,
        abi::OrderState::Replaced => OrderStatus::Replaced,
        abi::OrderState::Unknown => OrderStatus::Unknown,
    }
}
