//! Why the book says no, in the broker's own shape: HTTP status, code, message, extra fields.
//!
//! Separate because the texts are a contract of their own: clients branch on code and message.
//! It decides nothing.

use super::order::{Order, OrderType};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The reason, for callers that do not read texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectKind {
    /// A field is missing, malformed or does not fit the order's class.
    Field,
    /// The client's id was used before.
    DuplicateClientId,
    /// The price is finer than its step.
    SubPenny,
    /// Legs on the wrong side of their base price.
    Geometry,
    /// The stop would be touched at once.
    StopThroughMarket,
    /// A bracket on a symbol that is held.
    NotEntry,
    /// An oco without a position to exit.
    NotExit,
    /// More than is held and free.
    InsufficientQty,
    /// More than the account can pay.
    InsufficientBuyingPower,
    /// Own orders could trade with each other.
    WashTrade,
    /// The symbol or account cannot be sold short.
    NotShortable,
    /// Says it opens what it would close, or the reverse.
    IntentMismatch,
    /// No such symbol.
    UnknownAsset,
    /// No such order or position.
    NotFound,
    /// The order's status or class does not allow a replacement.
    NotReplaceable,
    /// A replacement that changes nothing.
    Unchanged,
    /// The order is over already.
    NotCancelable,
    /// A failure of the exchange itself.
    Internal,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{http_status} {code} {message}")]
pub struct Reject {
    /// The reason.
    pub kind: RejectKind,
    /// Status of the HTTP answer.
    pub http_status: u16,
    /// The broker's code.
    pub code: u32,
    /// The broker's text.
    pub message: String,
    /// Further fields of the answer's body.
    pub extra: Map<String, Value>,
}

impl Reject {
    /// A refusal without further fields.
    pub fn new(kind: RejectKind, http_status: u16, code: u32, message: impl Into<String>) -> Self {
        Self { kind, http_status, code, message: message.into(), extra: Map::new() }
    }

    /// The same refusal with one more field in its body.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }

    /// The body of the HTTP answer.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut map = self.extra.clone();
        map.insert("code".into(), self.code.into());
        map.insert("message".into(), self.message.clone().into());
        Value::Object(map)
    }

    /// A field is wrong: 422 40010001.
    pub fn field(message: impl Into<String>) -> Self {
        Self::new(RejectKind::Field, 422, 40_010_001, message)
    }

    /// The request cannot be done: 422 42210000.
    pub(crate) fn unprocessable(kind: RejectKind, message: impl Into<String>) -> Self {
        Self::new(kind, 422, 42_210_000, message)
    }

    /// The account may not do it: 403 40310000.
    pub(crate) fn forbidden(kind: RejectKind, message: impl Into<String>) -> Self {
        Self::new(kind, 403, 40_310_000, message)
    }

    pub(crate) fn order_not_found(what: &str) -> Self {
        let text = format!("order not found for {what}");
        Self::new(RejectKind::NotFound, 404, 40_410_000, text)
    }

    pub(crate) fn position_not_found() -> Self {
        Self::new(RejectKind::NotFound, 404, 40_410_000, "position does not exist")
    }

    pub(crate) fn asset_not_found(symbol: &str) -> Self {
        Self::unprocessable(RejectKind::UnknownAsset, format!("asset \"{symbol}\" not found"))
    }

    pub(crate) fn duplicate_client_id() -> Self {
        let text = "client_order_id must be unique";
        Self::new(RejectKind::DuplicateClientId, 422, 40_010_001, text)
    }

    pub(crate) fn sub_penny(field: &str, price: Decimal) -> Self {
        Self::unprocessable(
            RejectKind::SubPenny,
            format!(
                "invalid {field} {price}. \
                 sub-penny increment does not fulfill minimum pricing criteria"
            ),
        )
    }

    pub(crate) fn geometry(message: String, base_price: Decimal) -> Self {
        Self::unprocessable(RejectKind::Geometry, message)
            .with("base_price", base_price.normalize().to_string().into())
    }

    pub(crate) fn insufficient_qty(
        symbol: &str,
        requested: Decimal,
        existing: Decimal,
        held_for_orders: Decimal,
        related: &[Uuid],
    ) -> Self {
        let available = existing - held_for_orders;
        let text = format!(
            "insufficient qty available for order (requested: {}, available: {})",
            requested.normalize(),
            available.normalize()
        );
        Self::forbidden(RejectKind::InsufficientQty, text)
            .with("symbol", symbol.into())
            .with("available", available.normalize().to_string().into())
            .with("existing_qty", existing.normalize().to_string().into())
            .with("held_for_orders", held_for_orders.normalize().to_string().into())
            .with("related_orders", json!(related))
    }

    pub(crate) fn buying_power(buying_power: Decimal, cost_basis: Decimal) -> Self {
        Self::forbidden(RejectKind::InsufficientBuyingPower, "insufficient buying power")
            .with("buying_power", buying_power.round_dp(2).normalize().to_string().into())
            .with("cost_basis", cost_basis.round_dp(2).normalize().to_string().into())
    }

    pub(crate) fn wash_trade(existing: &Order) -> Self {
        let kind = match existing.order_type {
            OrderType::Market | OrderType::Stop => "market/stop",
            OrderType::Limit | OrderType::StopLimit => existing.order_type.word(),
        };
        Self::forbidden(RejectKind::WashTrade, "potential wash trade detected. use complex orders")
            .with("existing_order_id", json!(existing.id))
            .with("reject_reason", format!("opposite side {kind} order exists").into())
    }
}
