//! The exchange's clock, and the loop that moves prices by it.
//!
//! Separate because this is the only place that reads wall time for trading. An acknowledged tape
//! has no loop: its steps come from the admin endpoint alone.

use super::Shared;
use crate::config::{Feed, TapeSpeed};
use crate::world::{Command, Source};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the exchange's time comes from.
pub(super) enum Clock {
    /// The tape's last step.
    Tape,
    /// The tape, running on between its steps.
    Scaled { from_ns: i64, started: Instant, factor: u32 },
    /// The wall; prices come each so many milliseconds, or by hand.
    Wall { step_ms: Option<u64> },
}

impl Clock {
    pub(super) fn new(feed: &Feed, clock_ns: i64) -> Self {
        match feed {
            Feed::Manual => Self::Wall { step_ms: None },
            Feed::Market(market) => {
                let step_ms = market.step_ms / u64::from(market.speed.max(1));
                Self::Wall { step_ms: Some(step_ms.max(1)) }
            }
            Feed::Tape { speed: TapeSpeed::Max, .. } => Self::Tape,
            Feed::Tape { speed: TapeSpeed::Factor(factor), .. } => {
                let started = Instant::now();
                Self::Scaled { from_ns: clock_ns, started, factor: (*factor).max(1) }
            }
        }
    }

    /// Present time by this clock alone; `i64::MIN` where only the tape knows it.
    pub(super) fn now_ns(&self) -> i64 {
        match self {
            Self::Tape => i64::MIN,
            Self::Scaled { from_ns, started, factor } => {
                let run_ns = started.elapsed().as_nanos().saturating_mul(u128::from(*factor));
                from_ns.saturating_add(i64::try_from(run_ns).unwrap_or(i64::MAX))
            }
            Self::Wall { .. } => {
                let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)
            }
        }
    }

    /// How long until exchange time `at_ns`.
    fn until(&self, at_ns: i64) -> Duration {
        let factor = match self {
            Self::Scaled { factor, .. } => u64::from(*factor),
            Self::Tape | Self::Wall { .. } => 1,
        };
        let left_ns = u64::try_from(at_ns.saturating_sub(self.now_ns())).unwrap_or(0);
        Duration::from_nanos(left_ns / factor)
    }
}

/// Moves prices for as long as the source has any; then waits forever.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let wait = match &shared.clock {
            Clock::Tape | Clock::Wall { step_ms: None } => None,
            Clock::Wall { step_ms: Some(step_ms) } => Some(Duration::from_millis(*step_ms)),
            Clock::Scaled { .. } => {
                let next_ns = shared.hub().world.next_price_ns();
                next_ns.map(|at_ns| shared.clock.until(at_ns))
            }
        };
        let Some(wait) = wait else { return std::future::pending().await };
        tokio::time::sleep(wait).await;
        let mut hub = shared.hub();
        let at_ns = match hub.world.source {
            Source::Tape(_) => hub.world.next_price_ns().unwrap_or(0),
            _ => shared.now_ns(&hub),
        };
        // A book file that cannot be written stops the market, not the answers: the next
        // round tries again.
        let _retried_next_round = hub.run(&Command::Advance { at_ns });
    }
}
