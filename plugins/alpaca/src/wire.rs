//! Alpaca's JSON as it comes. Separate from the ABI types because the broker's words are kept until
//! they are judged; it must never fail on a field or a word it does not know.

use bracketd_plugin_sdk::Dec;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

/// A decimal that comes as a string or as a number; read from its text, so never through a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Num(pub Dec);

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        raw.get().trim_matches('"').parse().map(Self).map_err(D::Error::custom)
    }
}

/// An order; `legs` only in nested answers.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Order {
    /// Alpaca's id.
    pub id: String,
    /// Ours, or one Alpaca made.
    pub client_order_id: Option<String>,
    /// Symbol as traded.
    pub symbol: Option<String>,
    /// `buy`, `sell`.
    pub side: Option<String>,
    /// `market`, `limit`, `stop`, `stop_limit`, `trailing_stop`; `order_type` repeats it.
    pub r#type: Option<String>,
    /// `""`, `simple`, `bracket`, `oco`, `oto`, `mleg`.
    pub order_class: Option<String>,
    /// `day`, `gtc`, ...
    pub time_in_force: Option<String>,
    /// Total quantity; none for an order by amount of money.
    pub qty: Option<Num>,
    /// What has traded.
    pub filled_qty: Option<Num>,
    /// Mean price of it.
    pub filled_avg_price: Option<Num>,
    /// Limit price.
    pub limit_price: Option<Num>,
    /// Trigger price.
    pub stop_price: Option<Num>,
    /// One of 17 words.
    pub status: String,
    /// Id of the order that took its place.
    pub replaced_by: Option<String>,
    /// Id of the order whose place it took.
    pub replaces: Option<String>,
    /// Shared by an entry, its legs and their replacements.
    pub group_id: Option<String>,
    /// `entry`, `take_profit`, `stop_loss`.
    pub group_role: Option<String>,
    /// `buy_to_open`, `sell_to_close`, ...
    pub position_intent: Option<String>,
    /// Children.
    pub legs: Option<Vec<Self>>,
    /// When it was taken.
    pub submitted_at: Option<String>,
    /// Last change.
    pub updated_at: Option<String>,
    /// First seen.
    pub created_at: Option<String>,
}

/// An error answer: what every refusal carries, and what some add.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Refusal {
    /// Alpaca's code, e.g. 40310000.
    pub code: Option<i64>,
    /// For people; the code alone names several causes.
    #[serde(default)]
    pub message: String,
    /// Ids of the orders that hold the quantity.
    #[serde(default)]
    pub related_orders: Option<Vec<String>>,
    /// Id of the order a wash trade would meet.
    pub existing_order_id: Option<String>,
    /// Quantity left.
    pub available: Option<Num>,
    /// Quantity reserved by resting orders.
    pub held_for_orders: Option<Num>,
    /// The price an exit is measured against.
    pub base_price: Option<Num>,
}

/// One fill of `/v2/account/activities/FILL`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Activity {
    /// Also the page token.
    pub id: String,
    /// The order that filled.
    pub order_id: String,
    /// Symbol.
    pub symbol: String,
    /// `buy`, `sell`, `sell_short`.
    pub side: String,
    /// Quantity of this fill.
    pub qty: Num,
    /// Price of this fill.
    pub price: Num,
    /// When.
    pub transaction_time: String,
}

/// One entry of `/v2/positions`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Position {
    /// Symbol.
    pub symbol: String,
    /// Signed, or unsigned beside `side`.
    pub qty: Num,
    /// `long`, `short`.
    pub side: Option<String>,
    /// Not reserved by resting orders.
    pub qty_available: Option<Num>,
    /// Mean entry price.
    pub avg_entry_price: Num,
    /// Last mark.
    pub current_price: Option<Num>,
}

/// `/v2/account`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Account {
    /// Cash.
    pub cash: Num,
    /// Cash and positions.
    pub equity: Num,
    /// What may be bought.
    pub buying_power: Num,
    /// `USD`.
    pub currency: Option<String>,
    /// `ACTIVE`, ...
    pub status: Option<String>,
    /// No orders are taken.
    pub trading_blocked: Option<bool>,
    /// Nothing is taken.
    pub account_blocked: Option<bool>,
}

/// `/v2/clock`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Clock {
    /// Whether the regular session runs.
    pub is_open: bool,
    /// Next opening.
    pub next_open: Option<String>,
    /// Next close.
    pub next_close: Option<String>,
}

/// `/v2/assets/{symbol}`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Asset {
    /// Symbol.
    pub symbol: String,
    /// `us_equity`, `crypto`, ...
    pub class: Option<String>,
    /// Exchange.
    pub exchange: Option<String>,
    /// Whether orders are taken.
    #[serde(default)]
    pub tradable: bool,
    /// Whether it may be sold short.
    #[serde(default)]
    pub shortable: bool,
    /// Price step, where it differs from that of shares.
    pub price_increment: Option<Num>,
}

/// A latest quote; a zero price is a side nobody quotes.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Quote {
    /// Time.
    pub t: String,
    /// Bid.
    pub bp: Option<Num>,
    /// Ask.
    pub ap: Option<Num>,
}

/// A bar.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Bar {
    /// Start.
    pub t: String,
    /// Open.
    pub o: Num,
    /// High.
    pub h: Num,
    /// Low.
    pub l: Num,
    /// Close.
    pub c: Num,
    /// Volume.
    pub v: Option<Num>,
}

/// A field that may be absent, null or empty.
#[must_use]
pub fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// A number that may be absent.
#[must_use]
pub fn value(num: Option<Num>) -> Option<Dec> {
    num.map(|num| num.0)
}
