//! The guards: limits of the host that no script can switch off, each known by its number.
//!
//! Apart from the gate, which asks them in its fixed order: what a limit is, how it is computed and
//! what it answers stand together here, one small file for each question. They read the book and
//! decide nothing else; what they must remember between two requests is in [`Memory`].

mod amount;
mod distance;
mod duplicate;
mod market;
mod memory;
mod number;
pub mod selftest;
pub mod wash;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::ids::Symbol;
use crate::limits;
use crate::money::{Price, Quantity};

pub use amount::exposure;
pub(crate) use amount::{Order, bought, loss, loss_of_change, order};
pub(crate) use distance::{too_close, too_small};
pub(crate) use duplicate::duplicate;
pub(crate) use market::{restricted, session_closed};
pub use memory::{Memory, tripped};
pub(crate) use memory::{too_many_closes, too_often};
pub use number::Guard;

/// The largest single order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderLimits {
    /// Most units; none is no limit.
    pub quantity: Option<Quantity>,
    /// Most money, price times quantity times multiplier; none is no limit.
    pub notional: Option<Decimal>,
}

/// A distance between two prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// So many ticks of the instrument.
    Ticks(u32),
    /// So many percent of the price that it is measured from.
    Percent(Decimal),
}

impl Distance {
    /// The distance as a difference of prices.
    pub fn from(self, price: Price, tick: Decimal) -> Decimal {
        match self {
            Self::Ticks(ticks) => tick.saturating_mul(Decimal::from(ticks)),
            Self::Percent(percent) => price.get().saturating_mul(percent) / Decimal::ONE_HUNDRED,
        }
    }
}

impl std::fmt::Display for Distance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ticks(ticks) => write!(f, "{ticks} ticks"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// What becomes of a market entry while the instrument's session is known to be closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutsideSession {
    /// It is refused.
    #[default]
    Refuse,
    /// It goes out; the broker queues it.
    Allow,
}

/// The guards of an account, as configured. A limit without a sensible default is absent, which
/// means off and is shown as off; every other limit has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardRules {
    /// G1: the largest single order.
    pub max_order: OrderLimits,
    /// G1: what holds for single instruments, whose names hold in any case; what is absent there
    /// holds as for all.
    pub max_order_by_symbol: BTreeMap<Symbol, OrderLimits>,
    /// G3: most money that may be held and rest as entries together; none is off.
    pub max_exposure: Option<Decimal>,
    /// G4: an entry equal to one made within this is refused; zero is off.
    pub duplicate_window_ms: u64,
    /// G6: stop moves by policies that one transaction may see in a minute.
    pub stop_moves_per_minute: u32,
    /// G6: smaller moves of a stop by automatic sources are not made; none is off.
    pub min_step: Option<Distance>,
    /// G7: whether an automatic source may move a target away from the market.
    pub target_may_recede: bool,
    /// G11: the only instruments that may be opened; none is every instrument.
    pub symbols_allowed: Option<BTreeSet<Symbol>>,
    /// G11: instruments that may not be opened, in any case of their names.
    pub symbols_denied: BTreeSet<Symbol>,
    /// G11: what becomes of a market entry while the session is closed.
    pub outside_session: OutsideSession,
    /// G15: most money that one transaction may lose at its stop; none is off.
    pub max_loss_per_trade: Option<Decimal>,
    /// G16: nearest that a stop or target may be set to the price it is checked against; none is
    /// off.
    pub min_distance: Option<Distance>,
    /// G19: transactions that one policy may close in a minute.
    pub max_closes_per_minute: u32,
}

impl Default for GuardRules {
    fn default() -> Self {
        Self {
            max_order: OrderLimits::default(),
            max_order_by_symbol: BTreeMap::new(),
            max_exposure: None,
            duplicate_window_ms: limits::DUPLICATE_WINDOW_MS,
            stop_moves_per_minute: limits::STOP_MOVES_PER_MINUTE,
            min_step: None,
            target_may_recede: true,
            symbols_allowed: None,
            symbols_denied: BTreeSet::new(),
            outside_session: OutsideSession::Refuse,
            max_loss_per_trade: None,
            min_distance: None,
            max_closes_per_minute: limits::CLOSES_PER_MINUTE,
        }
    }
}

impl GuardRules {
    /// The largest order of that instrument.
    pub fn order_limits(&self, symbol: &Symbol) -> OrderLimits {
        let by_symbol = &self.max_order_by_symbol;
        let in_any_case = || by_symbol.iter().find(|(name, _)| name.is_spelled(symbol));
        let own = by_symbol.get(symbol).or_else(|| in_any_case().map(|(_, limits)| limits));
        let own = own.copied().unwrap_or_default();
        OrderLimits {
            quantity: own.quantity.or(self.max_order.quantity),
            notional: own.notional.or(self.max_order.notional),
        }
    }
}
