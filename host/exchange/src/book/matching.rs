//! Prices against orders.
//!
//! Separate because it is the only place that trades. At one price point stops go before limits,
//! older orders before younger ones, and what a fill wakes is looked at again at the same point.

use super::admit::{reduces, taken, touched};
use super::order::{OrderStatus, OrderType, PositionIntent, Side, TimeInForce};
use super::{Asset, Event, EventKind, ExchangeBook};
use crate::price::{PricePath, PricePoint};
use rust_decimal::Decimal;

/// Where a fill's price may lie: from the previous point to the present one.
#[derive(Clone, Copy)]
struct Reach {
    previous: Option<Decimal>,
    present: Decimal,
}

impl Reach {
    /// The order's own level where the market passed through it, else the present price.
    fn at(self, level: Decimal) -> Decimal {
        match self.previous {
            Some(previous) => {
                let (low, high) = (previous.min(self.present), previous.max(self.present));
                level.clamp(low, high)
            }
            None => self.present,
        }
    }
}

impl ExchangeBook {
    /// The market of `symbol` stands at `price` from `at_ns` on: expires what is due, renews the
    /// liquidity of the step, trades what can trade.
    ///
    /// A symbol that was never listed is listed as an equity.
    pub fn on_price(&mut self, symbol: &str, price: &PricePoint, at_ns: i64) -> Vec<Event> {
        self.advance(at_ns);
        if !self.symbols.contains_key(symbol) {
            self.list(Asset::equity(symbol));
        }
        let Some(state) = self.symbols.get_mut(symbol) else { return Vec::new() };
        let before = state.price.replace(price.clone());
        state.budget_left = state.max_fill_per_step;
        let through = price.path == PricePath::Through;
        self.run_matching(symbol, before.filter(|_| through).as_ref());
        std::mem::take(&mut self.events)
    }

    /// Trades until nothing more can happen at the present price. `before` is the point the
    /// market passed from, if it passed through the levels in between.
    pub(super) fn run_matching(&mut self, symbol: &str, before: Option<&PricePoint>) {
        let Some(price) = self.price_of(symbol).cloned() else { return };
        loop {
            let Some(state) = self.symbols.get(symbol) else { return };
            if state.live.is_empty() {
                return;
            }
            let live = state.live.clone();
            let mut progress = false;
            for stops in [true, false] {
                for &index in &live {
                    progress |= self.try_order(index, stops, &price, before);
                }
            }
            if !progress {
                return;
            }
        }
    }

    fn try_order(
        &mut self,
        index: usize,
        stops: bool,
        price: &PricePoint,
        before: Option<&PricePoint>,
    ) -> bool {
        let order = &self.orders[index];
        let works = matches!(order.status, OrderStatus::New | OrderStatus::PartiallyFilled);
        if order.order_type.has_stop() != stops || !(works || self.is_armed(index)) {
            return false;
        }
        let side = order.side;
        let reach =
            Reach { previous: before.map(|point| taken(side, point)), present: taken(side, price) };
        if !stops || order.triggered {
            return self.trade(index, reach, None);
        }
        let Some(stop) = order.stop_price else { return false };
        if !touched(side, stop, price) {
            return false;
        }
        self.elect(index);
        self.trade(index, reach, Some(stop));
        true
    }

    /// A stop was touched: it becomes a market or limit order, and its target gives way.
    fn elect(&mut self, index: usize) {
        self.orders[index].triggered = true;
        if self.orders[index].status != OrderStatus::Held {
            return;
        }
        if let Some(target) = self.sibling(index)
            && self.orders[target].is_live()
        {
            self.end(target, OrderStatus::Canceled);
        }
        self.orders[index].status = OrderStatus::New;
        self.note(index, EventKind::New);
    }

    /// Fills what the price and the step's liquidity allow; true if anything traded.
    /// `stop` is the level of a stop that was touched just now.
    fn trade(&mut self, index: usize, reach: Reach, stop: Option<Decimal>) -> bool {
        let order = &self.orders[index];
        let price = match (order.order_type, order.limit_price) {
            (OrderType::Market, _) => reach.present,
            (OrderType::Stop, _) => stop.map_or(reach.present, |level| reach.at(level)),
            (OrderType::Limit | OrderType::StopLimit, Some(limit)) => {
                let crossed = match order.side {
                    Side::Buy => reach.present <= limit,
                    Side::Sell => reach.present >= limit,
                };
                if !crossed {
                    return false;
                }
                let level = stop.map_or(limit, |level| match order.side {
                    Side::Buy => level.min(limit),
                    Side::Sell => level.max(limit),
                });
                reach.at(level)
            }
            (OrderType::Limit | OrderType::StopLimit, None) => return false,
        };
        let Some(wanted) = self.reducible(index) else {
            self.end(index, OrderStatus::Canceled);
            return true;
        };
        let order = &self.orders[index];
        let left = self.symbols.get(&order.symbol).and_then(|state| state.budget_left);
        let qty = left.map_or(wanted, |left| left.min(wanted));
        let all_or_nothing = order.time_in_force == TimeInForce::Fok;
        if qty <= Decimal::ZERO || (all_or_nothing && qty < wanted) {
            return false;
        }
        self.fill(index, qty, price);
        true
    }

    /// What of an order may trade: all of it, or no more than there is to reduce. None when it
    /// has nothing left to do.
    fn reducible(&self, index: usize) -> Option<Decimal> {
        let order = &self.orders[index];
        let closes = matches!(
            order.position_intent,
            PositionIntent::BuyToClose | PositionIntent::SellToClose
        );
        if !(self.config.house.free_exits && closes) {
            return Some(order.remaining());
        }
        let held = self.held(&order.symbol);
        let left = if reduces(order.side, held) { held.abs() } else { Decimal::ZERO };
        Some(order.remaining().min(left)).filter(|wanted| !wanted.is_zero())
    }
}
