//! Prices of a few symbols: a walk in cents, with jumps, gaps and halts.
//!
//! Apart because prices come from nothing but their own stream of chance: the same seed has the
//! same market whatever the daemon does.

use bracketd_core::Decimal;
use bracketd_exchange::Rng;

use crate::fault::{Fault, Faults};

/// Lowest and highest price, in cents.
const RANGE: (i64, i64) = (2_000, 50_000);

/// One symbol.
#[derive(Clone, Debug)]
pub(crate) struct Ticker {
    pub(crate) symbol: &'static str,
    /// Bid in cents.
    pub(crate) bid: i64,
    spread: i64,
    volatility: i64,
    /// Ticks for which it does not trade any more.
    pub(crate) halted: u32,
    /// Units that trade at a price; none is any number.
    pub(crate) liquidity: Option<i64>,
}

/// The symbols of a history.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    rng: Rng,
    pub(crate) tickers: Vec<Ticker>,
}

const SYMBOLS: [&str; 3] = ["ACME", "BOLT", "CRUX"];

impl Market {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x4D41_524B_4554);
        let count = 1 + usize::try_from(rng.below(3)).unwrap_or(0);
        let mut one = |symbol: &'static str| Ticker {
            symbol,
            bid: 8_000 + below(&mut rng, 8_000),
            spread: 1 + below(&mut rng, 4),
            volatility: 1 + below(&mut rng, 12),
            halted: 0,
            liquidity: None,
        };
        let tickers = SYMBOLS.iter().take(count).map(|symbol| one(symbol)).collect();
        Self { rng, tickers }
    }

    pub(crate) fn symbols(&self) -> Vec<&'static str> {
        self.tickers.iter().map(|ticker| ticker.symbol).collect()
    }

    pub(crate) fn ticker(&self, symbol: &str) -> Option<&Ticker> {
        self.tickers.iter().find(|ticker| ticker.symbol == symbol)
    }

    /// One step of every symbol. Gives the faults that struck.
    pub(crate) fn step(&mut self, faults: &mut Faults) -> Vec<Fault> {
        let mut struck = Vec::new();
        for ticker in &mut self.tickers {
            let walk = self.rng.bell() * ticker.volatility / 4;
            let jump =
                if self.rng.below(60) == 0 { self.rng.bell() * ticker.volatility } else { 0 };
            if ticker.halted > 0 {
                ticker.halted -= 1;
                continue;
            }
            ticker.bid += walk + jump;
            if faults.strikes(Fault::Gap) {
                let size = 100 + i64::try_from(faults.below(Fault::Gap, 900)).unwrap_or(0);
                ticker.bid += if faults.below(Fault::Gap, 2) == 0 { size } else { -size };
                struck.push(Fault::Gap);
            }
            if faults.strikes(Fault::Halt) {
                ticker.halted = 2 + u32::try_from(faults.below(Fault::Halt, 12)).unwrap_or(0);
                struck.push(Fault::Halt);
            }
            ticker.liquidity = faults.strikes(Fault::Thin).then(|| {
                struck.push(Fault::Thin);
                1 + i64::try_from(faults.below(Fault::Thin, 4)).unwrap_or(0)
            });
            ticker.bid = ticker.bid.clamp(RANGE.0, RANGE.1);
        }
        struck
    }

    /// Halts end and everything trades.
    pub(crate) fn heal(&mut self) {
        for ticker in &mut self.tickers {
            ticker.halted = 0;
            ticker.liquidity = None;
        }
    }
}

impl Ticker {
    /// Bid and ask.
    pub(crate) fn quote(&self) -> (Decimal, Decimal) {
        (cents(self.bid), cents(self.bid + self.spread))
    }
}

/// So many cents as money.
pub(crate) fn cents(cents: i64) -> Decimal {
    Decimal::new(cents, 2)
}

/// A number below `bound`.
pub(crate) fn below(rng: &mut Rng, bound: u64) -> i64 {
    i64::try_from(rng.below(bound)).unwrap_or(0)
}
