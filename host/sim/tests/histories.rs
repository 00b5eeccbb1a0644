//! Seeded histories of lost commands, lost answers and crashes, judged by the exchange's own book.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use bracketd_policy::{PolicySet, shipped};
use bracketd_sim::{Swarm, run};

const SEEDS: u64 = 150;

fn policies() -> PolicySet {
    PolicySet::build(&shipped(), None).set
}

#[test]
fn i4_i13_after_any_faults_both_ends_tell_the_same_story() {
    let policies = policies();
    let (mut commands, mut faults, mut crashes, mut transactions) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let outcome = run(seed, Swarm::drawn(seed), &policies);
        assert!(outcome.violations.is_empty(), "seed {seed}: {:#?}", outcome.violations);
        commands += outcome.commands;
        faults += outcome.faults;
        crashes += outcome.crashes;
        transactions += outcome.transactions;
    }
    // A simulation in which nothing happens proves nothing.
    assert!(commands > SEEDS * 10, "{commands} commands");
    assert!(faults > SEEDS, "{faults} faults");
    assert!(crashes > SEEDS / 2, "{crashes} crashes");
    assert!(transactions > 2 * SEEDS as usize, "{transactions} transactions");
}

#[test]
fn i15_the_same_seed_gives_the_same_trace() {
    let policies = policies();
    for seed in 0..5 {
        let once = run(seed, Swarm::drawn(seed), &policies);
        assert_eq!(once, run(seed, Swarm::drawn(seed), &policies));
    }
}
