//! The exchange's own book, and whether the daemon's ledger tells the same.
//!
//! Apart because this is the judge of every crash test: it believes what rests and what was filled
//! at the exchange, and nothing that the daemon says of it.

use bracketd_core::Decimal;
use serde_json::Value;

use super::Exchange;

/// What the exchange holds of one symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Bought less sold.
    pub(crate) position: Decimal,
    /// Orders to buy that were taken, whatever came of them.
    pub(crate) entries: usize,
    /// Bought altogether.
    pub(crate) bought: Decimal,
    /// Live stops: quantity and price.
    pub(crate) stops: Vec<(Decimal, Decimal)>,
    /// Live targets: quantity and price.
    pub(crate) targets: Vec<(Decimal, Decimal)>,
    /// Live orders to buy.
    pub(crate) waiting: usize,
    /// Live orders to sell at the market.
    pub(crate) closing: usize,
}

impl Exchange {
    /// The orders of a symbol, with the legs they carry, and the position.
    pub(crate) fn ends(&self, symbol: &str) -> Ends {
        let orders =
            self.get(&format!("/v2/orders?status=all&nested=true&limit=500&symbols={symbol}"));
        let mut ends = Ends::default();
        for order in orders.as_array().expect("a list") {
            ends.add(order);
            order["legs"].as_array().into_iter().flatten().for_each(|leg| ends.add(leg));
        }
        let positions = self.get("/v2/positions");
        let positions = positions.as_array().expect("a list");
        let held = positions.iter().find(|p| p["symbol"] == symbol);
        ends.position = held.map_or(Decimal::ZERO, |p| number(&p["qty"]));
        ends
    }
}

impl Ends {
    /// One stop for all that is held, at that price.
    pub(crate) fn stops_at(&self, price: &str) -> Vec<(Decimal, Decimal)> {
        vec![(self.position, Decimal::from_str_exact(price).expect("a price"))]
    }

    fn add(&mut self, order: &Value) {
        let quantity = number(&order["qty"]);
        let filled = number(&order["filled_qty"]);
        let is_live = !["filled", "canceled", "expired", "rejected", "replaced"]
            .contains(&order["status"].as_str().expect("a status"));
        let price = |name: &str| (quantity - filled, number(&order[name]));
        match (order["side"].as_str(), order["type"].as_str()) {
            (Some("buy"), _) => {
                self.entries += usize::from(order["status"] != "rejected");
                self.bought += filled;
                self.waiting += usize::from(is_live);
            }
            (_, Some("stop")) if is_live => self.stops.push(price("stop_price")),
            (_, Some("limit")) if is_live => self.targets.push(price("limit_price")),
            (_, Some("market")) if is_live => self.closing += 1,
            _ => {}
        }
    }
}

/// What differs between a long transaction of the ledger and the exchange; nothing when all held
/// quantity has its wanted exits once, and nothing was doubled.
pub(crate) fn difference(tx: &Value, ends: &Ends) -> Option<String> {
    let held = number(&tx["held"]);
    let leg = |name: &str| {
        tx["legs"][name]["desired"].as_str().map(|_| (held, number(&tx["legs"][name]["desired"])))
    };
    let is_held = !held.is_zero();
    let wanted = |name: &str| leg(name).filter(|_| is_held).into_iter().collect::<Vec<_>>();
    let waits = usize::from(tx["status"] == "WAITING");
    let checks = [
        ("position", ends.position == held),
        ("bought once", ends.bought <= number(&tx["entry"]["quantity"])),
        ("one entry", ends.entries <= 1),
        ("entry", ends.waiting == waits),
        ("stop", waits == 1 || ends.stops == wanted("stop")),
        ("target", waits == 1 || ends.targets == wanted("target")),
        ("closing", ends.closing == 0),
        ("status", is_held == (tx["status"] == "OPENED")),
    ];
    let wrong: Vec<&str> =
        checks.into_iter().filter(|(_, is_right)| !is_right).map(|(name, _)| name).collect();
    (!wrong.is_empty()).then(|| format!("{}: {tx:#}\n{ends:#?}", wrong.join(", ")))
}

/// A decimal in an answer; zero where there is none.
fn number(value: &Value) -> Decimal {
    let text = value.as_str().unwrap_or("0");
    Decimal::from_str_exact(text).expect("a decimal").normalize()
}
