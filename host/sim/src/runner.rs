//! Many histories on a few threads, added up.
//!
//! Apart because a history knows of no other: in which order and on which thread it ran changes
//! nothing. Only here are threads; nothing reads a clock, so whoever calls measures the time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bracketd_core::bug::Bug;

use crate::coverage::Coverage;
use crate::histogram::Histogram;
use crate::history::{Outcome, run};
use crate::oracle::Violation;
use crate::scripts::Scripts;
use crate::world::Limits;

/// One in so many seeds is run twice (S14).
const TWICE_EVERY: u64 = 100;
/// Failures that are kept; the rest is only counted.
const FAILURES_KEPT: usize = 50;

/// Which histories.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first seed; the others follow.
    pub seed: u64,
    /// How many.
    pub count: u64,
    /// On how many threads.
    pub threads: u64,
    /// The mistake that is made; the build must have the feature `bugs`.
    pub bug: Option<Bug>,
    /// What is smaller than the seeds say.
    pub limits: Limits,
    /// Whether the first failure ends the run.
    pub until_failure: bool,
}

/// A history in which a rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The first rule that was broken.
    pub violation: Violation,
}

/// What all of them came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Histories that ran.
    pub histories: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Histories in which a rule was broken.
    pub failed: u64,
    /// The first of these, by seed.
    pub failures: Vec<Failure>,
    /// Which fault met which state.
    pub coverage: Coverage,
    /// Time without a stop at the broker by fault class; `none` has no faults.
    pub gaps: BTreeMap<&'static str, Histogram>,
    /// The same from the moment at which the daemon was told.
    pub known: BTreeMap<&'static str, Histogram>,
    /// Spans without a stop of which nobody was told in time.
    pub unreported: u64,
    /// Histories that ran twice.
    pub twice: u64,
}

/// Lets this thread make a mistake, or none. Gives whether this build can.
pub fn choose(bug: Option<Bug>) -> bool {
    #[cfg(feature = "bugs")]
    {
        bracketd_core::bug::choose(bug);
        true
    }
    #[cfg(not(feature = "bugs"))]
    {
        bug.is_none()
    }
}

/// Runs them all.
pub fn run_all(plan: &Plan, scripts: &Scripts) -> Summary {
    let next = AtomicU64::new(0);
    let mut all = Summary::default();
    std::thread::scope(|scope| {
        let workers = (0..plan.threads.max(1)).map(|_| scope.spawn(|| work(plan, scripts, &next)));
        for worker in workers.collect::<Vec<_>>() {
            if let Ok(part) = worker.join() {
                all.add(part);
            }
        }
    });
    all.failures.sort_by_key(|failure| failure.seed);
    all.failures.truncate(FAILURES_KEPT);
    all
}

fn work(plan: &Plan, scripts: &Scripts, next: &AtomicU64) -> Summary {
    choose(plan.bug);
    let mut part = Summary::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= plan.count || (plan.until_failure && part.failed > 0) {
            return part;
        }
        let seed = plan.seed.wrapping_add(number);
        let outcome = run(seed, &plan.limits, scripts, false);
        if number.is_multiple_of(TWICE_EVERY) {
            part.twice += 1;
            part.compare(seed, &outcome, &run(seed, &plan.limits, scripts, false));
        }
        let failed = !outcome.violations.is_empty();
        part.take(seed, outcome);
        if failed && plan.until_failure {
            // The others need not look further.
            next.fetch_max(plan.count, Ordering::Relaxed);
        }
    }
}

impl Summary {
    fn compare(&mut self, seed: u64, once: &Outcome, again: &Outcome) {
        if once.trace == again.trace && once.violations == again.violations {
            return;
        }
        let text = "the same seed gave another trace".to_owned();
        let violation = Violation { rule: "S14", at: crate::stage::BEGIN, text };
        self.failed += 1;
        self.failures.push(Failure { seed, violation });
    }

    fn take(&mut self, seed: u64, outcome: Outcome) {
        self.histories += 1;
        self.transactions += outcome.transactions as u64;
        self.coverage.add(&outcome.coverage);
        let mut classes: Vec<&'static str> = outcome.faults.iter().map(|f| f.word()).collect();
        if classes.is_empty() {
            classes.push("none");
        }
        classes.push("all");
        for class in classes {
            for gap in &outcome.gaps {
                self.gaps.entry(class).or_default().add(gap.ms);
                if let Some(known) = gap.known_ms {
                    self.known.entry(class).or_default().add(known);
                }
            }
        }
        let silent = |v: &&Violation| v.rule == "S1" && v.text.contains("nobody was told");
        self.unreported += outcome.violations.iter().filter(silent).count() as u64;
        if let Some(violation) = outcome.violations.into_iter().next() {
            self.failed += 1;
            if self.failures.len() < FAILURES_KEPT {
                self.failures.push(Failure { seed, violation });
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.transactions += other.transactions;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.coverage.add(&other.coverage);
        for (class, histogram) in &other.gaps {
            self.gaps.entry(class).or_default().merge(histogram);
        }
        for (class, histogram) in &other.known {
            self.known.entry(class).or_default().merge(histogram);
        }
        self.unreported += other.unreported;
        self.twice += other.twice;
    }
}
