//! A price point of one symbol, and the smallest steps an order price may take.
//!
//! Separate because the book, the tapes, the simulated market and the wire all speak of prices.
//! It must never round an order's price: a price off its step is refused, not repaired.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// How the market came from the previous price point to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PricePath {
    /// Nothing traded in between: a stop or limit that was jumped over fills at this price.
    Jump,
    /// Every level in between traded (inside a bar): orders fill at their own level.
    Through,
}

/// What the market shows for a symbol at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricePoint {
    /// Best price somebody pays, per unit.
    pub bid: Decimal,
    /// Best price somebody asks, per unit; never below `bid`.
    pub ask: Decimal,
    /// Price of the last trade; `None` where the source has quotes only.
    pub last: Option<Decimal>,
    /// How the market got here.
    pub path: PricePath,
}

impl PricePoint {
    /// A quote that was jumped to, its last trade in the middle of nothing: none.
    #[must_use]
    pub fn quote(bid: Decimal, ask: Decimal) -> Self {
        Self { bid, ask, last: None, path: PricePath::Jump }
    }

    /// A trade at `price`, with a quote of no width around it.
    #[must_use]
    pub fn trade(price: Decimal, path: PricePath) -> Self {
        Self { bid: price, ask: price, last: Some(price), path }
    }

    /// The last trade, or the middle of the quote.
    #[must_use]
    pub fn mark(&self) -> Decimal {
        self.last.unwrap_or_else(|| (self.bid + self.ask) / Decimal::TWO)
    }
}

/// The steps of an order price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickRule {
    /// US equities: 0.01 from 1 dollar up, 0.0001 below, decided by the order's own price.
    Equity,
    /// One step everywhere; shown as `price_increment` of the asset.
    Fixed(Decimal),
}

impl TickRule {
    /// The step that holds at `price`.
    #[must_use]
    pub fn tick_at(self, price: Decimal) -> Decimal {
        match self {
            Self::Equity if price >= Decimal::ONE => Decimal::new(1, 2),
            Self::Equity => Decimal::new(1, 4),
            Self::Fixed(tick) => tick,
        }
    }

    /// Whether `price` lies on its step.
    #[must_use]
    pub fn allows(self, price: Decimal) -> bool {
        let tick = self.tick_at(price);
        tick > Decimal::ZERO && (price % tick).is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::TickRule;
    use rust_decimal::Decimal;

    #[test]
    fn the_step_is_decided_by_the_order_price() {
        let fixed = TickRule::Fixed(Decimal::new(1, 3));
        let rows = [
            (TickRule::Equity, "290.12", true),
            (TickRule::Equity, "290.123", false),
            (TickRule::Equity, "290.1200", true),
            (TickRule::Equity, "1.001", false),
            (TickRule::Equity, "0.9999", true),
            (TickRule::Equity, "0.99999", false),
            (fixed, "86.655", true),
            (fixed, "86.6555", false),
        ];
        for (rule, text, allowed) in rows {
            let price: Decimal = text.parse().unwrap();
            assert_eq!(rule.allows(price), allowed, "{rule:?} {text}");
        }
    }
}
