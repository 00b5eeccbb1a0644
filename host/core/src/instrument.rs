//! What may be traded, in which steps, and what its account can do with it.
//!
//! Apart because every number here comes from the broker; nothing in it may be guessed.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use crate::ids::Symbol;
use crate::money::{Price, Quantity, Snap, snap};
use crate::order::{Direction, Leg};

/// A tick size that holds from a price upward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBand {
    /// The band holds for prices at or above this.
    pub above: Decimal,
    /// The smallest price step within the band.
    pub tick: Decimal,
}

/// Abilities, as open text keys of the ABI. An unknown key is kept and means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features(BTreeSet<String>);

impl Features {
    /// Two exits can be linked so that one cancels the other.
    pub const NATIVE_OCO: &str = "native-oco";
    /// An entry can carry a linked stop and target.
    pub const NATIVE_BRACKET: &str = "native-bracket";
    /// An entry can carry a single exit.
    pub const NATIVE_OTO: &str = "native-oto";
    /// A resting order's price changes without it being taken away first.
    pub const REPLACE_IN_PLACE: &str = "replace-in-place";
    /// A plain exit may rest beside an open entry of the same instrument.
    pub const PROTECT_BESIDE_OPEN_ENTRY: &str = "protect-beside-open-entry";
    /// Resting exits reserve the quantity they would sell.
    pub const EXITS_RESERVE_QTY: &str = "exits-reserve-qty";
    /// Several writes may be under way at once.
    pub const CONCURRENT_WRITES: &str = "concurrent-writes";
    /// A client order id, once used, is refused for ever.
    pub const CLIENT_ID_UNIQUE_FOREVER: &str = "client-id-unique-forever";
    /// Long and short positions of one instrument stand beside each other.
    pub const HEDGING: &str = "hedging";

    /// The set of these keys.
    pub fn new(keys: impl IntoIterator<Item = String>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// Whether the key was declared.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains(key)
    }

    /// The keys in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// One tradable instrument at one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// The name that people and policies use.
    pub symbol: Symbol,
    /// The broker's own name for it.
    pub broker_symbol: String,
    /// Currency of its prices, ISO 4217 where one exists.
    pub currency: String,
    /// Tick sizes, lowest band first.
    pub bands: Vec<PriceBand>,
    /// Smallest quantity step.
    pub qty_step: Decimal,
    /// Smallest order.
    pub min_qty: Quantity,
    /// Largest order, where there is a limit.
    pub max_qty: Option<Quantity>,
    /// Smallest order value in the instrument's currency, where there is a limit.
    pub min_notional: Option<Decimal>,
    /// Money per price unit and quantity unit; 1 for shares.
    pub multiplier: Decimal,
    /// What the account can do with it.
    pub features: Features,
}

impl Instrument {
    /// The tick that holds at this price; zero when no band covers it (then any price is on tick).
    pub fn tick_at(&self, price: Decimal) -> Decimal {
        self.bands
            .iter()
            .rev()
            .find(|band| price >= band.above)
            .or(self.bands.first())
            .map_or(Decimal::ZERO, |band| band.tick)
    }

    /// The nearest valid price in the named direction, or nothing where none is left.
    pub fn snap(&self, price: Price, to: Snap) -> Option<Price> {
        Price::new(snap(price.get(), self.tick_at(price.get()), to))
    }

    /// Whether the price lies on a tick.
    pub fn is_on_tick(&self, price: Price) -> bool {
        self.snap(price, Snap::Down) == Some(price)
    }

    /// Whether the quantity is a multiple of the quantity step.
    pub fn is_on_step(&self, quantity: Quantity) -> bool {
        snap(quantity.get(), self.qty_step, Snap::Down) == quantity.get()
    }

    /// Snaps a computed price of a leg toward the market: a stop never risks more than was asked,
    /// a target never asks for more than was asked.
    pub fn snap_toward_market(
        &self,
        price: Price,
        leg: Leg,
        direction: Direction,
    ) -> Option<Price> {
        let to = match (leg, direction) {
            (Leg::Stop, Direction::Long) | (Leg::Target, Direction::Short) => Snap::Up,
            (Leg::Stop, Direction::Short) | (Leg::Target, Direction::Long) => Snap::Down,
        };
        self.snap(price, to)
    }
}

/// What a plugin says of itself once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountInfo {
    /// The plugin's name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// Longest client order id that the broker takes.
    pub client_id_max: u8,
    /// The characters a client order id may have.
    pub client_id_chars: String,
    /// What every instrument of the account can do.
    pub features: Features,
}
