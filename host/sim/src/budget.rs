//! A budget that counts operations: the same on every machine (I15).
//!
//! Apart because the engine's only view of elapsed time comes from here. It reads no clock.

use std::cell::Cell;

use bracketd_engine::Budget;

/// Operations of one policy run.
const OPERATIONS_MAX: u64 = 50_000;
/// Policy runs of one step.
const RUNS_MAX: u32 = 64;

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    runs: Cell<u32>,
    /// Each run is over as soon as it is asked: as on a machine that is far too slow.
    pub(crate) is_late: bool,
}

impl Budget for Counting {
    fn slice_over(&self) -> bool {
        self.runs.get() >= RUNS_MAX
    }

    fn run_begins(&self) {
        self.runs.set(self.runs.get() + 1);
    }

    fn run_over(&self, operations: u64) -> bool {
        self.is_late || operations > OPERATIONS_MAX
    }
}
