//! What a client may ask of the book, as typed data.
//!
//! Separate so that the simulation can drive the book without JSON. Nothing is checked here.

use super::order::{OrderClass, OrderType, PositionIntent, Side, TimeInForce};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The stop of a bracket, oco or oto order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLoss {
    /// Trigger, per unit.
    pub stop_price: Decimal,
    /// Makes the leg a stop-limit order.
    pub limit_price: Option<Decimal>,
}

/// A new order, with the exits it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// What to trade.
    pub symbol: String,
    /// Which way.
    pub side: Side,
    /// Units, above zero.
    pub qty: Decimal,
    /// How it finds its price.
    pub order_type: OrderType,
    /// How long it lives; its legs live as long.
    pub time_in_force: TimeInForce,
    /// How it hangs together with its legs.
    pub order_class: OrderClass,
    /// Limit, per unit.
    pub limit_price: Option<Decimal>,
    /// Stop trigger, per unit.
    pub stop_price: Option<Decimal>,
    /// Limit of the take-profit leg (of an oco: of the order itself).
    pub take_profit: Option<Decimal>,
    /// The stop-loss leg.
    pub stop_loss: Option<StopLoss>,
    /// The client's id; drawn by the exchange when absent.
    pub client_order_id: Option<String>,
    /// Ask to trade outside the session.
    pub extended_hours: bool,
    /// What it must do to the position; inferred when absent.
    pub position_intent: Option<PositionIntent>,
}

impl NewOrder {
    /// A simple day order at the market.
    #[must_use]
    pub fn market(symbol: &str, side: Side, qty: Decimal) -> Self {
        Self {
            symbol: symbol.to_owned(),
            side,
            qty,
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Day,
            order_class: OrderClass::Simple,
            limit_price: None,
            stop_price: None,
            take_profit: None,
            stop_loss: None,
            client_order_id: None,
            extended_hours: false,
            position_intent: None,
        }
    }

    /// A simple gtc limit order.
    #[must_use]
    pub fn limit(symbol: &str, side: Side, qty: Decimal, limit_price: Decimal) -> Self {
        Self {
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            limit_price: Some(limit_price),
            ..Self::market(symbol, side, qty)
        }
    }

    /// A simple gtc stop order.
    #[must_use]
    pub fn stop(symbol: &str, side: Side, qty: Decimal, stop_price: Decimal) -> Self {
        Self {
            order_type: OrderType::Stop,
            time_in_force: TimeInForce::Gtc,
            stop_price: Some(stop_price),
            ..Self::market(symbol, side, qty)
        }
    }

    /// A gtc exit pair for a held position; `side` is the side of the exits.
    #[must_use]
    pub fn oco(symbol: &str, side: Side, qty: Decimal, target: Decimal, stop: Decimal) -> Self {
        Self {
            order_class: OrderClass::Oco,
            take_profit: Some(target),
            stop_loss: Some(StopLoss { stop_price: stop, limit_price: None }),
            ..Self::limit(symbol, side, qty, target)
        }
    }

    /// The same order as the entry of a bracket, gtc.
    #[must_use]
    pub fn with_bracket(mut self, target: Decimal, stop: Decimal) -> Self {
        self.order_class = OrderClass::Bracket;
        self.time_in_force = TimeInForce::Gtc;
        self.take_profit = Some(target);
        self.stop_loss = Some(StopLoss { stop_price: stop, limit_price: None });
        self
    }

    /// The same order as the entry of an oto with a stop, gtc.
    #[must_use]
    pub fn with_oto_stop(mut self, stop: Decimal) -> Self {
        self.order_class = OrderClass::Oto;
        self.time_in_force = TimeInForce::Gtc;
        self.stop_loss = Some(StopLoss { stop_price: stop, limit_price: None });
        self
    }

    /// The same order under the client's own id.
    #[must_use]
    pub fn with_client_id(mut self, client_order_id: &str) -> Self {
        self.client_order_id = Some(client_order_id.to_owned());
        self
    }
}

/// A change of a live order; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replace {
    /// New total of units, those filled already included.
    pub qty: Option<Decimal>,
    /// New limit, per unit.
    pub limit_price: Option<Decimal>,
    /// New stop trigger, per unit.
    pub stop_price: Option<Decimal>,
    /// New lifetime.
    pub time_in_force: Option<TimeInForce>,
    /// The client's id of the new order.
    pub client_order_id: Option<String>,
}

impl Replace {
    /// Move a stop.
    #[must_use]
    pub fn stop_price(price: Decimal) -> Self {
        Self { stop_price: Some(price), ..Self::default() }
    }

    /// Move a limit.
    #[must_use]
    pub fn limit_price(price: Decimal) -> Self {
        Self { limit_price: Some(price), ..Self::default() }
    }
}
