//! How often an account reads on its own, so that half of its budget is left to writes.
//!
//! Apart because it is arithmetic that anybody can check: requests a minute, and what they leave.

use crate::config::{FILLS_MS_MAX, PollConfig};

/// Fills while nothing rests: only somebody else's order could fill.
const FILLS_IDLE_MS: u64 = 5_000;
/// The list of open orders while something rests, where the budget is short: so late may the end
/// of an order be noticed that somebody else canceled.
const ORDERS_MS: u64 = 4_000;
/// Requests of a complete picture that fits on one page each: two lists of orders, fills,
/// positions, money.
const PICTURE_REQUESTS: u64 = 5;
/// Slowest prices.
const PRICES_MS_MAX: u64 = 60_000;
/// Shortest interval between two reads of prices.
const PRICES_MS_MIN: u64 = 20;

/// Milliseconds between two reads of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rhythm {
    /// Fills.
    pub fills_ms: u64,
    /// The list of open orders, where nothing asks for it sooner.
    pub orders_ms: u64,
    /// Prices.
    pub prices_ms: u64,
}

impl Rhythm {
    /// The rhythm for a budget: as configured where half of it is enough for that, else fills at
    /// least every 2 s while something rests, and prices as often as the other half leaves.
    pub(crate) fn of(config: &PollConfig, per_minute: u32, rests: bool, prices_cost: u32) -> Self {
        let wanted = Self {
            fills_ms: config.fills_ms.clamp(1, FILLS_MS_MAX),
            orders_ms: config.fills_ms.clamp(1, FILLS_MS_MAX),
            prices_ms: config.prices_ms.max(PRICES_MS_MIN),
        };
        let picture = a_minute(config.picture_ms.max(1_000), PICTURE_REQUESTS);
        let spare = (u64::from(per_minute) / 2).saturating_sub(picture);
        let prices_cost = u64::from(prices_cost.max(1));
        if wanted.polls() + a_minute(wanted.prices_ms, prices_cost) <= spare {
            return wanted;
        }
        let (fills_ms, orders_ms) =
            if rests { (FILLS_MS_MAX, ORDERS_MS) } else { (FILLS_IDLE_MS, FILLS_IDLE_MS) };
        let slow = Self { fills_ms, orders_ms, ..wanted };
        let left = spare.saturating_sub(slow.polls()).max(1);
        let fits_ms = (60_000 * prices_cost).div_ceil(left).min(PRICES_MS_MAX);
        Self { prices_ms: wanted.prices_ms.max(fits_ms), ..slow }
    }

    /// Requests a minute for fills and open orders.
    fn polls(&self) -> u64 {
        a_minute(self.fills_ms, 1) + a_minute(self.orders_ms, 1)
    }
}

fn a_minute(interval_ms: u64, requests: u64) -> u64 {
    (60_000 * requests).div_ceil(interval_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i14_half_of_the_budget_is_left_to_writes() {
        let config = |ms| PollConfig { fills_ms: ms, prices_ms: ms, ..PollConfig::default() };
        // Budget, wanted interval, something rests, requests for prices -> fills, orders, prices.
        for (per_minute, wanted_ms, rests, cost, want) in [
            (200, 1_000, true, 1, (2_000, 4_000, 1_200)),
            (200, 1_000, true, 2, (2_000, 4_000, 2_400)),
            (200, 1_000, false, 1, (5_000, 5_000, 1_000)),
            (200, 2_000, true, 1, (2_000, 2_000, 2_000)),
            (400, 1_000, true, 1, (1_000, 1_000, 1_000)),
            (1_000, 1_000, false, 1, (1_000, 1_000, 1_000)),
            (100_000, 250, true, 1, (250, 250, 250)),
            (60, 1_000, true, 1, (2_000, 4_000, 60_000)),
        ] {
            let is = Rhythm::of(&config(wanted_ms), per_minute, rests, cost);
            let row = format!("{per_minute} {wanted_ms} {rests} {cost}");
            assert_eq!((is.fills_ms, is.orders_ms, is.prices_ms), want, "{row}");
            let standing = 5 + is.polls() + a_minute(is.prices_ms, u64::from(cost));
            assert!(per_minute == 60 || standing * 2 <= u64::from(per_minute), "{row}: {standing}");
        }
    }
}
