//! Reading the book: orders, fills, positions, money.
//!
//! Separate because reading must never change anything.

use super::admit::reduces;
use super::order::{Order, OrderId, OrderStatus, Side};
use super::position::{Fill, Position};
use super::reject::Reject;
use super::{Asset, BookConfig, ExchangeBook};
use crate::price::PricePoint;
use rust_decimal::Decimal;
use uuid::Uuid;

/// Which orders to list by their status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusFilter {
    /// Those that are not over. A flat list leaves out `held` legs, as the broker does.
    #[default]
    Open,
    /// Those that are over.
    Closed,
    /// All.
    All,
}

/// A page of orders. Times are unix nanoseconds of submission, both bounds exclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// By status; a nested group is open while any member is.
    pub status: StatusFilter,
    /// Only these symbols; empty: all.
    pub symbols: Vec<String>,
    /// Only this side.
    pub side: Option<Side>,
    /// Submitted later than this.
    pub after_ns: Option<i64>,
    /// Submitted earlier than this.
    pub until_ns: Option<i64>,
    /// Younger than this order.
    pub after_order: Option<OrderId>,
    /// Older than this order.
    pub before_order: Option<OrderId>,
    /// Roll legs up under their group's first order.
    pub nested: bool,
    /// Oldest first; else youngest first.
    pub ascending: bool,
    /// At most so many.
    pub limit: usize,
}

/// The account's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// Money.
    pub cash: Decimal,
    /// Worth of longs.
    pub long_value: Decimal,
    /// Worth of shorts, below zero.
    pub short_value: Decimal,
    /// All of it.
    pub equity: Decimal,
    /// What new positions may cost.
    pub buying_power: Decimal,
}

impl ExchangeBook {
    pub(super) fn index_of(&self, id: OrderId) -> Result<usize, Reject> {
        self.by_id.get(&id).copied().ok_or_else(|| Reject::order_not_found(&id.to_string()))
    }

    /// One order.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.by_id.get(&id).map(|&index| &self.orders[index])
    }

    /// One order by the client's id.
    #[must_use]
    pub fn order_by_client_id(&self, client_order_id: &str) -> Option<&Order> {
        self.by_client.get(client_order_id).map(|&index| &self.orders[index])
    }

    /// The present legs under an order; none unless it is the first of its group.
    #[must_use]
    pub fn legs_of(&self, order: &Order) -> Vec<&Order> {
        let Some(group) = order.group.map(|group| &self.groups[group]) else {
            return Vec::new();
        };
        if self.parent_is(group.parent(), order) {
            group.legs().map(|index| &self.orders[index]).collect()
        } else {
            Vec::new()
        }
    }

    /// The first order of an order's group: the entry that carries it, or a pair's target.
    #[must_use]
    pub fn parent_of(&self, order: &Order) -> Option<&Order> {
        self.groups[order.group?].parent().map(|index| &self.orders[index])
    }

    fn parent_is(&self, parent: Option<usize>, order: &Order) -> bool {
        parent.is_some_and(|index| self.orders[index].id == order.id)
    }

    /// Whether an order is a present leg, to be found under its group's first order.
    fn is_leg(&self, index: usize) -> bool {
        self.orders[index]
            .group
            .is_some_and(|group| self.groups[group].legs().any(|leg| leg == index))
    }

    /// All live orders, oldest first, held legs included.
    pub fn live_orders(&self) -> impl Iterator<Item = &Order> {
        self.live_indices().into_iter().map(|index| &self.orders[index])
    }

    fn live_indices(&self) -> Vec<usize> {
        let mut live: Vec<usize> =
            self.symbols.values().flat_map(|state| state.live.iter().copied()).collect();
        live.sort_unstable();
        live
    }

    /// A page of orders.
    #[must_use]
    pub fn orders(&self, filter: &OrderFilter) -> Vec<&Order> {
        let candidates: Box<dyn DoubleEndedIterator<Item = usize>> = match filter.status {
            StatusFilter::Open => Box::new(self.open_candidates(filter.nested).into_iter()),
            _ => Box::new(self.submitted_between(filter)),
        };
        let ordered: Box<dyn Iterator<Item = usize>> =
            if filter.ascending { candidates } else { Box::new(candidates.rev()) };
        ordered
            .filter(|&index| self.passes(index, filter))
            .take(filter.limit)
            .map(|index| &self.orders[index])
            .collect()
    }

    fn submitted_between(&self, filter: &OrderFilter) -> std::ops::Range<usize> {
        let from = filter
            .after_ns
            .map_or(0, |after| self.orders.partition_point(|order| order.submitted_ns <= after));
        let to = filter.until_ns.map_or(self.orders.len(), |until| {
            self.orders.partition_point(|order| order.submitted_ns < until)
        });
        from..to.max(from)
    }

    fn open_candidates(&self, nested: bool) -> Vec<usize> {
        let mut found = self.live_indices();
        if nested {
            for index in &mut found {
                let group = self.orders[*index].group.map(|group| &self.groups[group]);
                *index = group.and_then(super::group::Group::parent).unwrap_or(*index);
            }
            found.sort_unstable();
            found.dedup();
        }
        found
    }

    fn passes(&self, index: usize, filter: &OrderFilter) -> bool {
        let order = &self.orders[index];
        let place = |id: Option<OrderId>| id.and_then(|id| self.by_id.get(&id).copied());
        let open_group = || self.legs_of(order).iter().any(|leg| leg.is_live());
        let status = match (filter.status, filter.nested) {
            (StatusFilter::All | StatusFilter::Open, true) | (StatusFilter::All, false) => true,
            (StatusFilter::Open, false) => order.status != OrderStatus::Held,
            (StatusFilter::Closed, true) => !order.is_live() && !open_group(),
            (StatusFilter::Closed, false) => !order.is_live(),
        };
        status
            && !(filter.nested && self.is_leg(index))
            && (filter.symbols.is_empty() || filter.symbols.contains(&order.symbol))
            && filter.side.is_none_or(|side| side == order.side)
            && filter.after_ns.is_none_or(|after| order.submitted_ns > after)
            && filter.until_ns.is_none_or(|until| order.submitted_ns < until)
            && place(filter.after_order).is_none_or(|after| index > after)
            && place(filter.before_order).is_none_or(|before| index < before)
    }

    /// All fills, oldest first.
    #[must_use]
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// The place of a fill in that list, by its id.
    #[must_use]
    pub fn fill_place(&self, id: Uuid) -> Option<usize> {
        let place = usize::try_from(id.as_u64_pair().1).ok()?;
        self.fills.get(place).filter(|fill| fill.id == id).map(|_| place)
    }

    /// All positions, by symbol.
    pub fn positions(&self) -> impl Iterator<Item = &Position> {
        self.positions.values()
    }

    /// One position.
    ///
    /// # Errors
    /// Nothing of `symbol` is held.
    pub fn position(&self, symbol: &str) -> Result<&Position, Reject> {
        self.positions.get(symbol).ok_or_else(Reject::position_not_found)
    }

    /// Units of a position that no exit has reserved, signed like the position.
    #[must_use]
    pub fn qty_available(&self, position: &Position) -> Decimal {
        let side = if reduces(Side::Sell, position.qty) { Side::Sell } else { Side::Buy };
        let (reserved, _) = self.reserved(&position.symbol, side, None);
        side.opposite().signed(position.qty.abs() - reserved)
    }

    /// The present price of a symbol.
    #[must_use]
    pub fn price(&self, symbol: &str) -> Option<&PricePoint> {
        self.price_of(symbol)
    }

    /// A symbol's rules and its id.
    #[must_use]
    pub fn asset(&self, symbol: &str) -> Option<(&Asset, Uuid)> {
        self.symbols.get(symbol).map(|state| (&state.asset, state.asset_id))
    }

    /// All symbols.
    pub fn assets(&self) -> impl Iterator<Item = &Asset> {
        self.symbols.values().map(|state| &state.asset)
    }

    /// What the book was made with.
    #[must_use]
    pub fn config(&self) -> &BookConfig {
        &self.config
    }

    /// The account's id.
    #[must_use]
    pub fn account_id(&self) -> Uuid {
        self.account_id
    }

    /// The account's money at present prices. Buying power is equity times the multiplier, less
    /// what positions and resting entries bind.
    #[must_use]
    pub fn funds(&self) -> Funds {
        let (mut long_value, mut short_value) = (Decimal::ZERO, Decimal::ZERO);
        for position in self.positions.values() {
            let mark = self.price_of(&position.symbol).map(PricePoint::mark);
            let value = position.qty * mark.unwrap_or(position.avg_entry_price);
            let sum = if value > Decimal::ZERO { &mut long_value } else { &mut short_value };
            *sum += value;
        }
        let equity = self.cash + long_value + short_value;
        let bound: Decimal = self.live_orders().map(|order| self.binds(order)).sum();
        let free = equity * self.config.multiplier - long_value + short_value - bound;
        let buying_power = free.max(Decimal::ZERO);
        Funds { cash: self.cash, long_value, short_value, equity, buying_power }
    }

    fn binds(&self, order: &Order) -> Decimal {
        let exit = order.status == OrderStatus::Held
            || reduces(order.side, self.held(&order.symbol))
            || matches!(
                order.group_role,
                Some(super::GroupRole::TakeProfit | super::GroupRole::StopLoss)
            );
        if exit {
            return Decimal::ZERO;
        }
        let mark = || self.price_of(&order.symbol).map(PricePoint::mark);
        let each = order.limit_price.or(order.stop_price).or_else(mark);
        each.unwrap_or_default() * order.remaining()
    }
}
