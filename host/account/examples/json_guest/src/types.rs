//! An `adjust-sl` as JSON would have it: the fields of plugins/wit/v1/account.wit, decimals as text.
//!
//! Apart because both sides of the benchmark read this file.

use serde::{Deserialize, Serialize};

type Ext = Vec<(String, String)>;

/// `call-ctx`.
#[derive(Debug, Deserialize, Serialize)]
pub struct Ctx {
    pub op_id: String,
    pub client_id: String,
    pub attempt: u32,
    pub budget_ms: u32,
    pub generation: u64,
}

/// `price-band`.
#[derive(Debug, Deserialize, Serialize)]
pub struct Band {
    pub above: String,
    pub tick: String,
}

/// `instrument`.
#[derive(Debug, Deserialize, Serialize)]
pub struct Instrument {
    pub symbol: String,
    pub broker_symbol: String,
    pub currency: String,
    pub bands: Vec<Band>,
    pub qty_step: String,
    pub min_qty: String,
    pub max_qty: Option<String>,
    pub min_notional: Option<String>,
    pub multiplier: String,
    pub features: Vec<String>,
    pub ext: Ext,
}

/// `leg-role`.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    TakeProfit,
    StopLoss,
}

/// `leg`.
#[derive(Debug, Deserialize, Serialize)]
pub struct Leg {
    pub role: Role,
    pub broker_id: String,
    pub client_id: Option<String>,
    pub group_id: Option<String>,
    pub link: String,
    pub state: String,
    pub price: Option<String>,
    pub stop_price: Option<String>,
    pub qty: String,
    pub filled_qty: String,
}

/// `bracket`.
#[derive(Debug, Deserialize, Serialize)]
pub struct Bracket {
    pub bracket_id: String,
    pub instrument: Instrument,
    pub entry_side: String,
    pub held_qty: String,
    pub protect_qty: String,
    pub legs: Vec<Leg>,
    pub tif: String,
    pub memo: Ext,
}

/// The call.
#[derive(Debug, Deserialize, Serialize)]
pub struct Request {
    pub ctx: Ctx,
    pub bracket: Bracket,
    pub stop: String,
}

/// `adjusted`.
#[derive(Debug, Deserialize, Serialize)]
pub struct Adjusted {
    pub legs: Vec<Leg>,
    pub how: String,
    pub progress: String,
    pub memo: Ext,
    pub ext: Ext,
}
