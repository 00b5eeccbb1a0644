//! Runs seeds and prints what was found, for whoever works on the simulation itself:
//! `simulate SEED COUNT [trace]`, with `BUG`, `WITHOUT` and `THREADS` in the environment. Long runs
//! are worth `cargo build --profile proof -p bracketd-sim --example simulate`.
#![allow(missing_docs, clippy::print_stdout, clippy::expect_used, reason = "a tool of its authors")]

use std::collections::BTreeMap;

use bracketd_core::bug::Bug;
use bracketd_sim::runner::{Plan, choose, run_all};
use bracketd_sim::{Limits, Scripts, fault::Fault, history};

/// Fewer histories than this show too little to say what is missing.
const MANY: u64 = 1_000;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |at: usize| args.get(at).and_then(|a| a.parse::<u64>().ok()).expect("a number");
    let word = |name: &str| std::env::var(name).unwrap_or_default();
    let without = word("WITHOUT").split(',').filter_map(Fault::parse).collect();
    let limits = Limits { without, ..Limits::default() };
    let bug = Bug::parse(&word("BUG"));
    let scripts = Scripts::build();
    if args.get(3).is_some_and(|a| a == "trace") {
        choose(bug);
        let out = history::run(number(1), &limits, &scripts, true);
        out.lines.iter().for_each(|line| println!("{line}"));
        println!("{:?}\n{:#?}", out.faults, out.violations);
        return;
    }
    let plan = Plan {
        seed: number(1),
        count: number(2),
        threads: word("THREADS").parse().unwrap_or(1),
        bug,
        limits,
        until_failure: word("FIRST") == "1",
    };
    let start = std::time::Instant::now();
    let summary = run_all(&plan, &scripts);
    let mut by: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for failure in &summary.failures {
        let text: String = failure.violation.text.chars().take(230).collect();
        by.entry(failure.violation.rule).or_default().push(format!("{}: {text}", failure.seed));
    }
    for (rule, rows) in &by {
        println!("{rule}: {}", rows.len());
        rows.iter().take(99).for_each(|row| println!("   {row}"));
    }
    let missing = summary.coverage.missing();
    let missing: Vec<String> =
        missing.iter().map(|(f, s)| format!("{} x {}", f.word(), s.word())).collect();
    if plan.count >= MANY {
        println!("missing: {}", missing.join(", "));
    }
    println!(
        "{} histories, {} failed, {} transactions, {} missing, {:?}",
        summary.histories,
        summary.failed,
        summary.transactions,
        summary.coverage.missing().len(),
        start.elapsed()
    );
}
