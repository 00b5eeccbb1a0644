//! How fast things are in one history.
//!
//! Apart because the judge's bounds follow from these numbers. Nothing in it changes later.

use bracketd_exchange::Rng;

/// Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Ticks of chaos.
    pub(crate) ticks: u32,
    /// Between two prices.
    pub(crate) tick_ms: u64,
    /// The same once everything heals.
    pub(crate) calm_tick_ms: u64,
    /// Between two polls of orders and fills.
    pub(crate) poll_ms: u64,
    /// Between two complete reads.
    pub(crate) picture_ms: u64,
    /// Half of the longest way to a broker or back.
    pub(crate) way_ms: u64,
    /// A call without an answer is given up after this.
    pub(crate) timeout_ms: u64,
}

impl Pace {
    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let from = |rng: &mut Rng, low: u64, high: u64| low + rng.below(high - low + 1);
        let long = rng.below(24) == 0;
        let ticks = if long { from(rng, 150, 300) } else { from(rng, 60, 100) };
        Self {
            ticks: u32::try_from(ticks).unwrap_or(60),
            tick_ms: from(rng, 4, 20) * 100,
            calm_tick_ms: 5_000,
            poll_ms: from(rng, 10, 20) * 100,
            picture_ms: from(rng, 10, 20) * 1_000,
            way_ms: from(rng, 10, 150),
            timeout_ms: from(rng, 5, 25) * 100,
        }
    }
}
