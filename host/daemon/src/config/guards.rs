//! `[account.guards]` as it is written.
//!
//! Apart from the rest of an account because these are the limits that no script can switch off,
//! and whoever answers for risk reads them alone. What is left out here has the default that
//! `bracketd guard show` tells.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::At;

/// `[account.guards]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardsTable {
    /// G1: most units of one order, such as "5000"; left out, no limit.
    pub max_order_quantity: Option<At<String>>,
    /// G1: most money of one order, price times quantity, such as "25000"; left out, no limit.
    pub max_order_notional: Option<At<String>>,
    /// G3: most money held and resting as entries together; left out, no limit.
    pub max_exposure: Option<At<String>>,
    /// G4: an entry equal to one made within this is refused unless it is said to be distinct;
    /// "0s" switches it off.
    pub duplicate_window: Option<At<String>>,
    /// G6: stop moves by policies that one transaction may see in a minute.
    pub stop_moves_per_minute: Option<At<u32>>,
    /// G6: smaller steps of a trail are put off, such as "5 ticks" or "0.1%"; left out, none is.
    pub min_step: Option<At<String>>,
    /// G7: whether a policy may move a target away from the market.
    pub target_may_recede: Option<bool>,
    /// G11: the only symbols that may be opened, spelled as the broker does; left out, every symbol.
    pub symbols_allowed: Option<Vec<At<String>>>,
    /// G11: symbols that may not be opened, in any case.
    #[serde(default)]
    pub symbols_denied: Vec<At<String>>,
    /// G11: what happens to a market entry while the session is known to be closed.
    pub outside_session: Option<OutsideSessionWord>,
    /// G15: most money that one transaction may lose at its stop; left out, no limit.
    pub max_loss_per_trade: Option<At<String>>,
    /// G16: nearest that a stop or target may be to the price, such as "5 ticks" or "0.2%"; left
    /// out, no limit.
    pub min_distance: Option<At<String>>,
    /// G19: transactions that one policy may close in a minute.
    pub max_closes_per_minute: Option<At<u32>>,
    /// G1 for single symbols, in any case: `[account.guards.symbol.TSLA]`.
    #[serde(default)]
    pub symbol: BTreeMap<String, SymbolGuardsTable>,
}

/// `[account.guards.symbol.NAME]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SymbolGuardsTable {
    /// G1: most units of one order of this symbol; left out, as for all.
    pub max_order_quantity: Option<At<String>>,
    /// G1: most money of one order of this symbol; left out, as for all.
    pub max_order_notional: Option<At<String>>,
}

/// Words for `outside_session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutsideSessionWord {
    /// It is refused.
    Refuse,
    /// It goes out; the broker queues it.
    Allow,
}
