//! Core types into ABI types. What goes out is ours, so nothing is checked.

use rust_decimal::Decimal;

use bracketd_core::command::{Bracket, BracketLeg, Change, NewOrder};
use bracketd_core::order::{OrderKind, OrderStatus, Role, Side, TimeInForce};

use crate::bindings::bracketd::broker::types as abi;
use crate::convert::Tie;

/// A decimal as the ABI writes it.
pub(crate) fn decimal(value: Decimal) -> abi::Decimal {
    let coefficient = value.mantissa();
    // Two's complement halves: taking the low 64 bits is what the ABI says.
    let bytes = coefficient.to_le_bytes();
    let half = |from: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(bytes.get(from..from + 8).unwrap_or(&[0; 8]));
        eight
    };
    abi::Decimal {
        hi: i64::from_le_bytes(half(8)),
        lo: u64::from_le_bytes(half(0)),
        scale: u8::try_from(value.scale()).unwrap_or(u8::MAX),
    }
}

/// What shall become of a leg.
pub(crate) fn tell_target(change: Change) -> abi::Target {
    match change {
        Change::Keep => abi::Target::Keep,
        Change::Clear => abi::Target::Clear,
        Change::Set(price) => abi::Target::Set(decimal(price.get())),
    }
}

/// An order to be made.
pub(crate) fn new_order(order: &NewOrder) -> abi::NewOrder {
    let price = |p: Option<bracketd_core::money::Price>| p.map(|p| decimal(p.get()));
    abi::NewOrder {
        symbol: order.symbol.as_str().to_owned(),
        side: side(order.side),
        kind: match order.kind {
            OrderKind::Market => abi::OrderKind::Market,
            OrderKind::Limit => abi::OrderKind::Limit,
            OrderKind::Stop => abi::OrderKind::Stop,
            OrderKind::StopLimit => abi::OrderKind::StopLimit,
            OrderKind::TrailingStop => abi::OrderKind::TrailingStop,
            OrderKind::Other => abi::OrderKind::Other,
        },
        tif: time_in_force(order.time_in_force),
        qty: decimal(order.quantity.get()),
        limit_price: price(order.limit),
        stop_price: price(order.trigger),
        take_profit: price(order.take_profit),
        stop_loss: price(order.stop_loss),
        reduce_only: order.reduce_only,
        ext: Vec::new(),
    }
}

/// A slice's exits; `tie` tells how each leg is tied.
pub(crate) fn bracket(
    bracket: &Bracket,
    instrument: abi::Instrument,
    tie: impl Fn(&BracketLeg) -> Tie,
) -> abi::Bracket {
    abi::Bracket {
        bracket_id: bracket.id.clone(),
        instrument,
        entry_side: side(bracket.entry_side),
        held_qty: decimal(bracket.held.get()),
        protect_qty: decimal(bracket.protect.get()),
        legs: bracket.legs.iter().map(|leg| told_leg(leg, tie(leg))).collect(),
        tif: time_in_force(bracket.time_in_force),
        memo: bracket.memo.clone(),
    }
}

fn told_leg(leg: &BracketLeg, tie: Tie) -> abi::Leg {
    abi::Leg {
        role: match leg.role {
            Role::Entry => abi::LegRole::Entry,
            Role::Stop => abi::LegRole::StopLoss,
            Role::Target => abi::LegRole::TakeProfit,
            Role::Close => abi::LegRole::Close,
        },
        broker_id: leg.broker_id.as_str().to_owned(),
        client_id: leg.client_id.as_ref().map(|id| id.as_str().to_owned()),
        group_id: tie.group,
        link: tie.link,
        state: state(leg.status),
        price: leg.limit.map(|p| decimal(p.get())),
        stop_price: leg.trigger.map(|p| decimal(p.get())),
        qty: decimal(leg.quantity.get()),
        filled_qty: decimal(leg.filled.get()),
    }
}

fn side(side: Side) -> abi::Side {
    match side {
        Side::Buy => abi::Side::Buy,
        Side::Sell => abi::Side::Sell,
    }
}

fn time_in_force(tif: TimeInForce) -> abi::Tif {
    match tif {
        TimeInForce::Day => abi::Tif::Day,
        TimeInForce::Gtc => abi::Tif::Gtc,
        TimeInForce::Ioc => abi::Tif::Ioc,
        TimeInForce::Fok => abi::Tif::Fok,
        TimeInForce::Other => abi::Tif::Other,
    }
}

fn state(status: OrderStatus) -> abi::OrderState {
    match status {
        OrderStatus::PendingNew => abi::OrderState::PendingNew,
        OrderStatus::Held => abi::OrderState::Held,
        OrderStatus::Contingent => abi::OrderState::Contingent,
        OrderStatus::Working => abi::OrderState::Working,
        OrderStatus::PartiallyFilled => abi::OrderState::PartiallyFilled,
        OrderStatus::PendingReplace => abi::OrderState::PendingReplace,
        OrderStatus::PendingCancel => abi::OrderState::PendingCancel,
        OrderStatus::Inactive => abi::OrderState::Inactive,
        OrderStatus::Filled => abi::OrderState::Filled,
        OrderStatus::Canceled => abi::OrderState::Canceled,
        OrderStatus::Rejected => abi::OrderState::Rejected,
        OrderStatus::Expired => abi::OrderState::Expired,
        OrderStatus::Replaced => abi::OrderState::Replaced,
        OrderStatus::Unknown => abi::OrderState::Unknown,
    }
}
