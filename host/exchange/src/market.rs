//! A seeded simulated market, in whole ticks.
//!
//! Separate because it is a price source like a tape, without a file. It draws from its own
//! generator only: same seed, same prices. No floats.

use crate::book::Asset;
use crate::price::{PricePath, PricePoint};
use crate::rng::Rng;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A symbol of the simulated market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketSymbol {
    /// What it is called.
    pub symbol: String,
    /// Where it starts.
    pub start_price: Decimal,
    /// Typical move of one step, in millionths of the price (one standard deviation).
    pub step_ppm: u32,
    /// Width of the quote, in ticks.
    pub spread_ticks: u32,
    /// One step in so many is a jump of up to a hundred typical moves; 0: never.
    pub jump_every: u32,
}

impl MarketSymbol {
    /// A symbol with quiet defaults.
    #[must_use]
    pub fn new(symbol: &str, start_price: Decimal) -> Self {
        let symbol = symbol.to_owned();
        Self { symbol, start_price, step_ppm: 150, spread_ticks: 2, jump_every: 2_000 }
    }

    /// How its orders are priced.
    #[must_use]
    pub(crate) fn asset(&self) -> Asset {
        Asset::equity(&self.symbol)
    }
}

/// What decides the simulated market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketConfig {
    /// Decides all prices.
    pub seed: u64,
    /// Its symbols.
    pub symbols: Vec<MarketSymbol>,
    /// Wall time between two steps at speed 1, in milliseconds.
    pub step_ms: u64,
    /// Steps come so many times faster; times stay wall time.
    pub speed: u32,
}

impl Default for MarketConfig {
    fn default() -> Self {
        let symbols = [("ACME", 184), ("BOLT", 62), ("CRUX", 415)];
        let symbols = symbols.map(|(name, price)| MarketSymbol::new(name, Decimal::from(price)));
        Self { seed: 42, symbols: symbols.to_vec(), step_ms: 250, speed: 1 }
    }
}

/// Where the simulated market stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Market {
    rng: Rng,
    /// Middle prices in hundredths, one per symbol.
    cents: Vec<i64>,
}

impl Market {
    pub(crate) fn new(config: &MarketConfig) -> Self {
        let cents = |symbol: &MarketSymbol| {
            i64::try_from((symbol.start_price * Decimal::ONE_HUNDRED).trunc()).unwrap_or(10_000)
        };
        let cents = config.symbols.iter().map(cents).map(|cents| cents.max(200)).collect();
        Self { rng: Rng::new(config.seed), cents }
    }

    /// One step of every symbol.
    pub(crate) fn step(&mut self, config: &MarketConfig) -> Vec<(String, PricePoint)> {
        let Self { rng, cents } = self;
        let moved = config.symbols.iter().zip(cents);
        moved
            .map(|(symbol, cents)| {
                *cents = walk(rng, symbol, *cents);
                (symbol.symbol.clone(), quote(symbol, *cents))
            })
            .collect()
    }
}

/// A bell-shaped move in proportion to the price; now and then a jump.
fn walk(rng: &mut Rng, symbol: &MarketSymbol, cents: i64) -> i64 {
    let mut move_ppm = rng.bell() * i64::from(symbol.step_ppm) / 4;
    if symbol.jump_every > 0 && rng.below(u64::from(symbol.jump_every)) == 0 {
        let size = i64::try_from(rng.below(100)).unwrap_or(0) * i64::from(symbol.step_ppm);
        move_ppm += if rng.below(2) == 0 { size } else { -size };
    }
    // Rounded by chance, so that small prices move too and the walk has no drift.
    let millionths = cents.saturating_mul(move_ppm);
    let chance = i64::try_from(rng.below(1_000_000)).unwrap_or(0);
    let delta = (millionths + chance).div_euclid(1_000_000);
    cents.saturating_add(delta).clamp(200, 100_000_000)
}

fn quote(symbol: &MarketSymbol, cents: i64) -> PricePoint {
    let half = i64::from(symbol.spread_ticks) / 2;
    let rest = i64::from(symbol.spread_ticks) - half;
    PricePoint {
        bid: Decimal::new((cents - half).max(1), 2),
        ask: Decimal::new(cents + rest, 2),
        last: Some(Decimal::new(cents, 2)),
        path: PricePath::Jump,
    }
}

#[cfg(test)]
mod tests {
    use super::{Market, MarketConfig};

    #[test]
    fn same_seed_same_prices_i15() {
        let config = MarketConfig::default();
        let (mut one, mut two) = (Market::new(&config), Market::new(&config));
        for _ in 0..500 {
            assert_eq!(one.step(&config), two.step(&config));
        }
        let other = MarketConfig { seed: 43, ..config.clone() };
        assert_ne!(one.step(&config), Market::new(&other).step(&other));
    }

    #[test]
    fn prices_move_and_quotes_never_cross() {
        let config = MarketConfig::default();
        let mut market = Market::new(&config);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            for (symbol, price) in market.step(&config) {
                assert!(price.bid < price.ask, "{symbol} {price:?}");
                seen.insert((symbol, price.bid));
            }
        }
        assert!(seen.len() > 300, "{} prices", seen.len());
    }
}
