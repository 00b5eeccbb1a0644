//! The daemon's budget: the monotonic clock.
//!
//! Apart because the simulation counts operations instead; the engine must not see which.

use std::cell::Cell;
use std::time::{Duration, Instant};

use bracketd_engine::Budget;

/// Policy runs of one step, before people and fills are looked at again.
const SLICE: Duration = Duration::from_millis(2);
/// One policy run.
const RUN: Duration = Duration::from_millis(5);

/// A budget for one step.
#[derive(Debug)]
pub(super) struct WallBudget {
    step: Instant,
    run: Cell<Instant>,
}

impl WallBudget {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { step: now, run: Cell::new(now) }
    }
}

impl Budget for WallBudget {
    fn slice_over(&self) -> bool {
        self.step.elapsed() >= SLICE
    }

    fn run_begins(&self) {
        self.run.set(Instant::now());
    }

    fn run_over(&self, _operations: u64) -> bool {
        self.run.get().elapsed() >= RUN
    }
}
