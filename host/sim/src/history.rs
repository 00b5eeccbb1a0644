//! One history: chaos, then everything heals, then it must become quiet and right.
//!
//! Apart because the phases are the same for every seed; what happens in them is the seed's.

use bracketd_core::time::Timestamp;

use crate::coverage::Coverage;
use crate::fault::Fault;
use crate::oracle::{Gap, Violation};
use crate::scripts::Scripts;
use crate::world::{Limits, World};

/// How long everything may take to become right once nothing goes wrong any more. The smallest
/// message budgets leave one write in twelve seconds beside the polls, and a stop of four slices
/// that is moved while its targets are cleared takes sixteen of them.
const QUIESCE_MS: u64 = 300_000;
/// How long it must stay so.
const STEADY_MS: u64 = 12_000;
/// How often that is looked at.
const LOOK_MS: u64 = 4_000;

/// What a history came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What must not be; empty when all is well.
    pub violations: Vec<Violation>,
    /// Which fault met which state.
    pub coverage: Coverage,
    /// Digest of everything that happened, in order (S14).
    pub trace: u64,
    /// The same as lines, where they were asked for.
    pub lines: Vec<String>,
    /// Faults that could happen.
    pub faults: Vec<Fault>,
    /// Times without a stop.
    pub(crate) gaps: Vec<Gap>,
    /// Transactions that were opened.
    pub transactions: usize,
}

/// Runs the history of a seed.
pub fn run(seed: u64, limits: &Limits, scripts: &Scripts, traces: bool) -> Outcome {
    let mut world = World::new(seed, limits, scripts, traces);
    let is_well = chaos(&mut world) && calm(&mut world);
    let engine = world.daemon.engine.as_ref();
    let transactions = engine.map_or(0, |engine| engine.book().transactions.len());
    if is_well && let Some(engine) = engine {
        world.oracle.finish(engine, &world.accounts, world.now);
    }
    world.finish();
    let faults = world.faults.existing().collect();
    let (coverage, trace) = (world.coverage, world.trace);
    let (violations, gaps) = world.oracle.into_findings();
    let hash = trace.hash();
    let lines = trace.into_lines();
    Outcome { violations, coverage, trace: hash, lines, faults, gaps, transactions }
}

fn chaos(world: &mut World<'_>) -> bool {
    while world.ticks_left > 0 {
        let until = world.now.plus_ms(world.pace.tick_ms);
        if !world.run_until(until) {
            return false;
        }
    }
    true
}

/// Everything heals. Gives whether no rule was broken on the way.
fn calm(world: &mut World<'_>) -> bool {
    world.heal();
    let end = world.now.plus_ms(QUIESCE_MS);
    let mut right_since: Option<Timestamp> = None;
    while world.now < end {
        if !world.run_until(world.now.plus_ms(LOOK_MS)) {
            return false;
        }
        let is_right = world.daemon.engine.as_ref().is_some_and(|engine| {
            world.oracle.unfinished(engine, &world.accounts, world.now).is_empty()
        });
        right_since = right_since.or(Some(world.now)).filter(|_| is_right);
        if right_since.is_some_and(|since| world.now.ms_since(since) >= STEADY_MS) {
            break;
        }
    }
    true
}
