//! Every mistake on purpose is found within two thousand seeds. Needs the feature `bugs`.

#![cfg(feature = "bugs")]

use bracketd_core::bug::Bug;
use bracketd_sim::runner::{Plan, run_all};
use bracketd_sim::shrink::shrink;
use bracketd_sim::{Limits, Scripts};

/// Seeds within which each has to be found.
const WITHIN: u64 = 2_000;

#[test]
fn every_mistake_on_purpose_is_found() {
    let scripts = Scripts::build();
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let (bug, limits) = (Some(*bug), Limits::default());
        let plan = Plan { seed: 0, count: WITHIN, threads: 2, bug, limits, until_failure: true };
        let summary = run_all(&plan, &scripts);
        match summary.failures.first() {
            Some(first) => println!("{bug:?} at seed {}: {}", first.seed, first.violation.text),
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
    assert!(Bug::ALL.len() >= 12);
}

#[test]
fn a_failing_history_shrinks_to_one_that_fails_alike() {
    let scripts = Scripts::build();
    bracketd_sim::runner::choose(Some(Bug::M1));
    let limits = Limits::default();
    let failing = (0..WITHIN).find_map(|seed| shrink(seed, &limits, &scripts));
    let shrunk = failing.expect("M1 is found");
    assert!(!shrunk.outcome.violations.is_empty());
    assert!(!shrunk.limits.without.is_empty() || shrunk.limits.ticks.is_some());
}
