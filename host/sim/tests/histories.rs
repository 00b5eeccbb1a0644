//! Seeded histories of faults against the real engine, ledger SQL and policies.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use bracketd_sim::fault::Fault;
use bracketd_sim::history::run;
use bracketd_sim::runner::{Plan, run_all};
use bracketd_sim::{Limits, Scripts};

fn plan(seed: u64, count: u64) -> Plan {
    let limits = Limits::default();
    Plan { seed, count, threads: 2, bug: None, limits, until_failure: false }
}

/// A few hundred here; twenty thousand are a step of their own (`cargo xtask ci`).
#[test]
fn s1_to_s17_hold_in_a_few_hundred_histories() {
    let summary = run_all(&plan(0, 300), &Scripts::build());
    assert!(summary.failures.is_empty(), "{:#?}", summary.failures);
    assert_eq!((summary.histories, summary.unreported), (300, 0));
    // A simulation in which nothing happens proves nothing.
    assert!(summary.transactions > 600, "{} transactions", summary.transactions);
    assert!(summary.gaps["all"].total() > 500, "{} gaps", summary.gaps["all"].total());
}

/// Every seed that ever found something stays well.
#[test]
fn seeds_that_found_something_stay_well() {
    let scripts = Scripts::build();
    let rows = include_str!("../regressions.txt").lines().filter(|row| !row.starts_with('#'));
    let mut count = 0;
    for row in rows {
        let seed = row.split_whitespace().next().expect("a seed").parse().expect("a number");
        let outcome = run(seed, &Limits::default(), &scripts, false);
        assert!(outcome.violations.is_empty(), "{row}: {:#?}", outcome.violations);
        count += 1;
    }
    assert!(count >= 10, "{count} seeds");
}

#[test]
fn s14_i15_the_same_seed_gives_the_same_trace() {
    let scripts = Scripts::build();
    for seed in 0..20 {
        let once = run(seed, &Limits::default(), &scripts, false);
        let again = run(seed, &Limits::default(), &scripts, true);
        assert_eq!((once.trace, once.violations), (again.trace, again.violations), "seed {seed}");
        assert!(!again.lines.is_empty());
    }
}

#[test]
fn a_history_without_faults_has_none() {
    let limits = Limits { without: Fault::ALL.to_vec(), ..Limits::default() };
    let outcome = run(7, &limits, &Scripts::build(), true);
    assert_eq!((outcome.faults, outcome.violations), (vec![], vec![]));
}
