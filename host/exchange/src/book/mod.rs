//! The sans-IO matching book of one account.
//!
//! It knows no clock, socket or thread: time comes in with each call, ids come from a seeded
//! generator, prices from whoever drives it (the server, or the simulation directly). Same seed
//! and same calls give the same book. It must never act between two calls.

mod admit;
mod cancel;
mod group;
mod incident;
mod matching;
mod order;
mod position;
mod reject;
mod replace;
mod request;
mod submit;
mod validate;
mod view;
mod wash;

#[cfg(test)]
mod tests;

pub use incident::{Incident, IncidentRole};
pub use order::{
    GroupRole, Order, OrderClass, OrderId, OrderStatus, OrderType, PositionIntent, Side,
    TimeInForce,
};
pub use position::{Fill, Position};
pub use reject::{Reject, RejectKind};
pub use request::{NewOrder, Replace, StopLoss};
pub use view::{Funds, OrderFilter, StatusFilter};

use crate::price::{PricePoint, TickRule};
use crate::rng::Rng;
use group::Group;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// A tradable symbol and the rules of its orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// What it is called.
    pub symbol: String,
    /// The steps of its order prices.
    pub tick: TickRule,
    /// May be sold without being held.
    pub shortable: bool,
    /// May be traded in parts of a unit.
    pub fractionable: bool,
}

impl Asset {
    /// A US equity: shortable, fractionable, penny steps.
    #[must_use]
    pub fn equity(symbol: &str) -> Self {
        Self {
            symbol: symbol.to_owned(),
            tick: TickRule::Equity,
            shortable: true,
            fractionable: true,
        }
    }
}

/// What decides the behavior of a book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookConfig {
    /// Decides all ids.
    pub seed: u64,
    /// Money at the start.
    pub cash: Decimal,
    /// Buying power per unit of equity.
    pub multiplier: Decimal,
    /// Whether positions below zero are allowed.
    pub shorting_enabled: bool,
    /// The symbols known from the start; a price makes any other known as an equity.
    pub assets: Vec<Asset>,
    /// Days after which a gtc order expires; the broker's is 90. `None` keeps it for good.
    pub gtc_days: Option<u32>,
    /// A replacement of a partially filled order wants the original quantity once more, instead
    /// of what is left of it: an effect users of the broker have reported.
    pub replace_reuses_original_qty: bool,
    /// Where it differs from the broker whose API this is.
    #[serde(default)]
    pub house: House,
}

/// Rules of other brokers, for simulations of accounts there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct House {
    /// Exits reserve nothing and may rest beside anything; they only ever reduce a position, and
    /// die when there is none (as reduce-only orders of futures venues and orders attached to a
    /// trade do).
    pub free_exits: bool,
    /// A client order id may be used again: nothing keeps an order from being sent twice.
    pub repeated_ids: bool,
}

impl Default for BookConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            cash: Decimal::from(100_000),
            multiplier: Decimal::TWO,
            shorting_enabled: true,
            assets: Vec::new(),
            gtc_days: Some(90),
            replace_reuses_original_qty: false,
            house: House::default(),
        }
    }
}

/// Something that happened to an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, in unix nanoseconds.
    pub at_ns: i64,
    /// To which order.
    pub order_id: OrderId,
    /// What.
    pub kind: EventKind,
}

/// What can happen to an order.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// It works in the market (a leg: its turn has come).
    New,
    /// It waits for its group.
    Held,
    /// It traded `qty` at `price`; `done` when nothing is left.
    Fill {
        /// Units.
        qty: Decimal,
        /// Per unit.
        price: Decimal,
        /// Completely filled.
        done: bool,
    },
    /// Its quantity followed its sibling's fills.
    Resized {
        /// New total.
        qty: Decimal,
    },
    /// Canceled, by the client or by its group.
    Canceled,
    /// Its time was up.
    Expired,
    /// Another order took its place.
    Replaced {
        /// That order.
        by: OrderId,
    },
}

/// The answer to an accepted order or replacement.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The order as it was taken, before it could trade.
    pub order: Order,
    /// Its legs as they were taken.
    pub legs: Vec<Order>,
    /// All that followed at once, fills included.
    pub events: Vec<Event>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SymbolState {
    asset: Asset,
    asset_id: Uuid,
    price: Option<PricePoint>,
    /// Units that may trade in one price step; `None`: any.
    max_fill_per_step: Option<Decimal>,
    /// What is left of them in the present step.
    budget_left: Option<Decimal>,
    /// Indices of the orders that are not over, oldest first.
    live: Vec<usize>,
}

/// All orders, fills, positions and money of one account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExchangeBook {
    config: BookConfig,
    rng: Rng,
    account_id: Uuid,
    now_ns: i64,
    /// UTC day of `now_ns`, in days since 1970.
    day: i64,
    cash: Decimal,
    orders: Vec<Order>,
    groups: Vec<Group>,
    symbols: BTreeMap<String, SymbolState>,
    positions: BTreeMap<String, Position>,
    fills: Vec<Fill>,
    incidents: Vec<Incident>,
    #[serde(skip)]
    by_id: HashMap<OrderId, usize>,
    #[serde(skip)]
    by_client: HashMap<String, usize>,
    #[serde(skip)]
    events: Vec<Event>,
}

impl ExchangeBook {
    /// An empty book.
    #[must_use]
    pub fn new(config: BookConfig) -> Self {
        let mut rng = Rng::new(config.seed);
        let account_id = rng.uuid();
        let mut book = Self {
            cash: config.cash,
            rng,
            account_id,
            now_ns: 0,
            day: 0,
            orders: Vec::new(),
            groups: Vec::new(),
            symbols: BTreeMap::new(),
            positions: BTreeMap::new(),
            fills: Vec::new(),
            incidents: Vec::new(),
            by_id: HashMap::new(),
            by_client: HashMap::new(),
            events: Vec::new(),
            config,
        };
        for asset in book.config.assets.clone() {
            book.list(asset);
        }
        book
    }

    /// Finds orders by their ids again; to be called once on a deserialized book, which does not
    /// store how to.
    pub fn reindex(&mut self) {
        for (index, order) in self.orders.iter().enumerate() {
            self.by_id.insert(order.id, index);
            self.by_client.insert(order.client_order_id.clone(), index);
        }
    }

    fn list(&mut self, asset: Asset) {
        let asset_id = self.rng.uuid();
        let symbol = asset.symbol.clone();
        let state = SymbolState {
            asset,
            asset_id,
            price: None,
            max_fill_per_step: None,
            budget_left: None,
            live: Vec::new(),
        };
        self.symbols.entry(symbol).or_insert(state);
    }

    /// Limits how many units trade in one price step of `symbol`; `None` lifts the limit.
    ///
    /// # Errors
    /// The symbol is unknown.
    pub fn set_max_fill_per_step(
        &mut self,
        symbol: &str,
        units: Option<Decimal>,
    ) -> Result<(), Reject> {
        let state = self.symbols.get_mut(symbol).ok_or_else(|| Reject::asset_not_found(symbol))?;
        state.max_fill_per_step = units;
        state.budget_left = units;
        Ok(())
    }

    fn note(&mut self, index: usize, kind: EventKind) {
        let at_ns = self.now_ns;
        let order_id = self.orders[index].id;
        self.orders[index].updated_ns = at_ns;
        self.events.push(Event { at_ns, order_id, kind });
    }

    fn price_of(&self, symbol: &str) -> Option<&PricePoint> {
        self.symbols.get(symbol).and_then(|state| state.price.as_ref())
    }

    fn held(&self, symbol: &str) -> Decimal {
        self.positions.get(symbol).map_or(Decimal::ZERO, |position| position.qty)
    }

    fn live_of(&self, symbol: &str) -> impl Iterator<Item = &Order> {
        let live = self.symbols.get(symbol).map(|state| state.live.as_slice());
        live.unwrap_or_default().iter().map(|&index| &self.orders[index])
    }
}
