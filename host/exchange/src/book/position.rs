//! What an account holds, and the record of each trade.
//!
//! Separate because fills are the one place where money moves. A fill is final: nothing in the
//! book takes it back.

use super::order::{OrderId, OrderStatus, Side};
use super::{EventKind, ExchangeBook};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A held quantity of one symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// What is held.
    pub symbol: String,
    /// Units; below zero for a short.
    pub qty: Decimal,
    /// Mean price paid or got, per unit.
    pub avg_entry_price: Decimal,
}

/// One trade of one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Its own id; the low 64 bits are its place in the account's list of fills.
    pub id: Uuid,
    /// When, in unix nanoseconds.
    pub at_ns: i64,
    /// Whose.
    pub order_id: OrderId,
    /// What.
    pub symbol: String,
    /// Which way.
    pub side: Side,
    /// Units of this trade.
    pub qty: Decimal,
    /// Per unit.
    pub price: Decimal,
    /// Units of the order traded up to here.
    pub cum_qty: Decimal,
    /// Units of the order left.
    pub leaves_qty: Decimal,
    /// The order's status after it.
    pub order_status: OrderStatus,
}

impl Position {
    /// Applies a trade of `delta` signed units at `price`.
    fn trade(&mut self, delta: Decimal, price: Decimal) {
        let after = self.qty + delta;
        let same_way = self.qty.is_zero() || (self.qty > Decimal::ZERO) == (delta > Decimal::ZERO);
        let flipped = !same_way && (after > Decimal::ZERO) != (self.qty > Decimal::ZERO);
        if same_way {
            let value = self.avg_entry_price * self.qty + price * delta;
            self.avg_entry_price = value.checked_div(after).unwrap_or(price);
        } else if flipped {
            self.avg_entry_price = price;
        }
        self.qty = after;
    }
}

impl ExchangeBook {
    /// Books a trade of `qty` at `price` on an order; its group follows.
    pub(super) fn fill(&mut self, index: usize, qty: Decimal, price: Decimal) {
        let at_ns = self.now_ns;
        let order = &mut self.orders[index];
        order.filled_qty += qty;
        order.filled_value += qty * price;
        let done = order.remaining().is_zero();
        order.status = if done { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        if done {
            order.filled_ns = Some(at_ns);
        }
        let id = fill_id(self.rng.next_u64(), self.fills.len());
        self.fills.push(Fill {
            id,
            at_ns,
            order_id: order.id,
            symbol: order.symbol.clone(),
            side: order.side,
            qty,
            price,
            cum_qty: order.filled_qty,
            leaves_qty: order.remaining(),
            order_status: order.status,
        });
        let delta = order.side.signed(qty);
        let symbol = order.symbol.clone();
        self.cash -= delta * price;
        let position = self.positions.entry(symbol.clone()).or_insert_with(|| Position {
            symbol: symbol.clone(),
            qty: Decimal::ZERO,
            avg_entry_price: Decimal::ZERO,
        });
        position.trade(delta, price);
        if position.qty.is_zero() {
            self.positions.remove(&symbol);
        }
        if let Some(state) = self.symbols.get_mut(&symbol) {
            state.budget_left = state.budget_left.map(|left| left - qty);
            if done {
                state.live.retain(|live| *live != index);
            }
        }
        self.note(index, EventKind::Fill { qty, price, done });
        self.after_fill(index);
    }
}

/// A uuid of random high bits whose low 64 bits are the fill's place in the list.
fn fill_id(random: u64, place: usize) -> Uuid {
    let low = u64::try_from(place).unwrap_or(u64::MAX);
    Uuid::from_u64_pair(random, low)
}
