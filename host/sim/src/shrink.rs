//! The smallest history of a seed that still breaks the same rule: fewer faults, then fewer ticks,
//! then fewer transactions.
//!
//! Apart because it only tries; what a history is stands elsewhere.

use crate::history::{Outcome, run};
use crate::scripts::Scripts;
use crate::world::Limits;

/// A smaller history, and what it came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// What was left out.
    pub limits: Limits,
    /// What is left, with its lines.
    pub outcome: Outcome,
    /// Histories that were tried.
    pub tries: u32,
}

/// Makes the history of a failing seed smaller; nothing where it does not fail.
pub fn shrink(seed: u64, limits: &Limits, scripts: &Scripts) -> Option<Shrunk> {
    let first = run(seed, limits, scripts, false);
    let rule = first.violations.first()?.rule;
    let mut tries = 1;
    let mut fails = |limits: &Limits| {
        tries += 1;
        run(seed, limits, scripts, false).violations.first().is_some_and(|v| v.rule == rule)
    };
    let mut best = limits.clone();
    for fault in first.faults {
        let mut fewer = best.clone();
        fewer.without.push(fault);
        if fails(&fewer) {
            best = fewer;
        }
    }
    best.ticks = least(best.ticks.unwrap_or(300), |ticks| {
        fails(&Limits { ticks: Some(ticks), ..best.clone() })
    })
    .or(best.ticks);
    let most = best.transactions.map_or(12, |count| u32::try_from(count).unwrap_or(12));
    let fewer = least(most, |count| {
        fails(&Limits { transactions: usize::try_from(count).ok(), ..best.clone() })
    });
    best.transactions = fewer.and_then(|count| usize::try_from(count).ok()).or(best.transactions);
    let outcome = run(seed, &best, scripts, true);
    Some(Shrunk { limits: best, outcome, tries })
}

/// The smallest number up to `most` that still fails, as far as halving finds it.
fn least(most: u32, mut fails: impl FnMut(u32) -> bool) -> Option<u32> {
    let (mut good, mut bad) = (0, None);
    let mut high = most;
    while high > good + 1 || bad.is_none() {
        let middle = if bad.is_none() && high == most { most } else { good.midpoint(high) };
        if middle == good {
            break;
        }
        if fails(middle) {
            (high, bad) = (middle, Some(middle));
        } else {
            if middle == most {
                return None;
            }
            good = middle;
        }
    }
    bad
}
