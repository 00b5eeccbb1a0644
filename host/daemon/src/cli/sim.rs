//! `bracketd sim`: seeded histories of faults against the real engine; needs no daemon.
//!
//! Apart because it only shows what the simulation found. The clock for "per minute" is read here;
//! the histories themselves know none.

use std::time::Instant;

use bracketd_core::bug::Bug;
use bracketd_sim::fault::Fault;
use bracketd_sim::history::{Outcome, run as history};
use bracketd_sim::runner::{Failure as Failed, Plan, Summary, choose, run_all};
use bracketd_sim::shrink::shrink;
use bracketd_sim::{Limits, Scripts};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::output::Out;

/// Lines of the end of a failing history that are printed.
const TIMELINE: usize = 20;
/// Fault and state pairs are only counted on from so many histories.
const COVERAGE_FROM: u64 = 20_000;

/// Verbs about the simulation.
#[derive(Debug, Subcommand)]
pub enum SimVerb {
    /// Run histories: each draws its faults, accounts and market from its seed
    #[command(after_help = "\
Examples:
  bracketd sim run -n 20000            what CI runs
  bracketd sim run --seed 0x2a --trace one history, line by line")]
    Run(RunArgs),
    /// Find the smallest history of a seed that still fails
    #[command(after_help = "Example:\n  bracketd sim shrink --seed 0x2a")]
    Shrink(ShrinkArgs),
}

/// What is run.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    which: Which,
    /// How many seeds, from this one on
    #[arg(short = 'n', long = "count", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Print what happens, line by line; for one seed
    #[arg(long)]
    trace: bool,
    /// On how many threads
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: u64,
}

/// Which seed is made smaller.
#[derive(Debug, Args)]
pub struct ShrinkArgs {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// The first seed, decimal or 0x...
    #[arg(long, default_value = "0", value_parser = seed)]
    seed: u64,
    /// Make this mistake on purpose, M1, M2, ...; needs a build with the feature `bugs`
    #[arg(long, value_parser = bug)]
    bug: Option<Bug>,
    /// Faults that do not happen, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = fault)]
    without: Vec<Fault>,
    /// Ticks of chaos at most
    #[arg(long)]
    ticks: Option<u32>,
    /// Transactions at most
    #[arg(long)]
    transactions: Option<usize>,
}

fn seed(word: &str) -> Result<u64, String> {
    let digits = word.strip_prefix("0x");
    let number = digits.map_or_else(|| word.parse(), |digits| u64::from_str_radix(digits, 16));
    number.map_err(|_| format!("{word} is no seed; give a number such as 42 or 0x2a"))
}

fn bug(word: &str) -> Result<Bug, String> {
    let known = || {
        let mut names: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        // M2 comes before M10.
        names.sort_by_key(|name| (name.len(), *name));
        names.join(", ")
    };
    Bug::parse(word).ok_or_else(|| format!("there is no bug {word}; there are {}", known()))
}

fn fault(word: &str) -> Result<Fault, String> {
    let known = || Fault::ALL.iter().map(|f| f.word()).collect::<Vec<_>>().join(", ");
    Fault::parse(word).ok_or_else(|| format!("there is no fault {word}; there are {}", known()))
}

impl Which {
    fn limits(&self) -> Limits {
        let (ticks, transactions) = (self.ticks, self.transactions);
        Limits { without: self.without.clone(), ticks, transactions }
    }
}

/// Runs the verb. Ends with findings where a rule was broken.
///
/// # Errors
/// Where the build cannot do what is asked.
pub fn run(verb: &SimVerb, out: &Out) -> Result<Exit, Failure> {
    let which = match verb {
        SimVerb::Run(args) => &args.which,
        SimVerb::Shrink(args) => &args.which,
    };
    if !choose(which.bug) {
        return Err(Failure::usage("this build cannot make mistakes on purpose")
            .hint("cargo run --features bugs -- sim run --bug M1 -n 2000"));
    }
    let scripts = Scripts::build();
    match verb {
        SimVerb::Run(args) if args.trace && args.count > 1 => {
            Err(Failure::usage("--trace shows one history, -n asks for more")
                .hint("leave -n out, and name the history with --seed"))
        }
        SimVerb::Run(args) if args.trace => Ok(trace(&args.which, &scripts, out)),
        SimVerb::Run(args) => Ok(many(args, &scripts, out)),
        SimVerb::Shrink(args) => Ok(smaller(&args.which, &scripts, out)),
    }
}

fn trace(which: &Which, scripts: &Scripts, out: &Out) -> Exit {
    let outcome = history(which.seed, &which.limits(), scripts, true);
    let faults = words(&outcome);
    if out.is_json() {
        out.json(&json!({
            "seed": format!("0x{:x}", which.seed), "trace": format!("{:016x}", outcome.trace),
            "faults": faults, "lines": outcome.lines, "violations": broken(&outcome),
        }));
    } else {
        outcome.lines.iter().for_each(|line| out.line(line));
        out.line(&format!("trace {:016x}, faults: {}", outcome.trace, faults.join(", ")));
        for violation in &outcome.violations {
            out.line(&format!("{} broken: {}", violation.rule, violation.text));
        }
        if outcome.violations.is_empty() {
            out.line(&format!("seed 0x{:x}: every rule held", which.seed));
        }
    }
    if outcome.violations.is_empty() { Exit::Done } else { Exit::Findings }
}

fn words(outcome: &Outcome) -> Vec<&'static str> {
    outcome.faults.iter().map(|fault| fault.word()).collect()
}

fn broken(outcome: &Outcome) -> Vec<Value> {
    outcome.violations.iter().map(|v| json!({ "rule": v.rule, "text": v.text })).collect()
}

fn many(args: &RunArgs, scripts: &Scripts, out: &Out) -> Exit {
    let which = &args.which;
    let (seed, count, threads) = (which.seed, args.count, args.threads);
    let (bug, limits) = (which.bug, which.limits());
    let plan = Plan { seed, count, threads, bug, limits, until_failure: bug.is_some() };
    let start = Instant::now();
    let summary = run_all(&plan, scripts);
    let seconds = start.elapsed().as_secs_f64().max(0.001);
    let is_whole = count >= COVERAGE_FROM && bug.is_none() && which.without.is_empty();
    let missing = if is_whole { summary.coverage.missing() } else { Vec::new() };
    let pairs = missing.iter().map(|(f, s)| format!("{} x {}", f.word(), s.word()));
    let pairs: Vec<String> = pairs.collect();
    if out.is_json() {
        out.json(&as_json(&summary, seconds, &pairs));
    } else {
        told(&summary, seconds, &pairs, out);
        for failed in summary.failures.iter().take(5) {
            explain(failed, which, scripts, out);
        }
    }
    if summary.failed == 0 && pairs.is_empty() { Exit::Done } else { Exit::Findings }
}

fn told(summary: &Summary, seconds: f64, missing: &[String], out: &Out) {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let per_minute = summary.histories as f64 / seconds * 60.0;
    out.line(&format!(
        "{} histories with {} transactions in {seconds:.1} s, {per_minute:.0} a minute; {} ran twice",
        summary.histories, summary.transactions, summary.twice
    ));
    out.line("time without a stop at the broker, in ms; from the fill, and from when it was told:");
    let rows = summary.gaps.iter().map(|(class, gaps)| {
        let known = summary.known.get(class).cloned().unwrap_or_default();
        let figures = [gaps.percentile(50), gaps.percentile(90), gaps.percentile(99), gaps.max()];
        let later = [known.percentile(50), known.percentile(90), known.percentile(99), known.max()];
        std::iter::once((*class).to_owned())
            .chain(std::iter::once(gaps.total().to_string()))
            .chain(figures.into_iter().chain(later).map(|ms| ms.to_string()))
            .collect()
    });
    let titles = ["fault", "spans", "p50", "p90", "p99", "max", "told p50", "p90", "p99", "max"];
    out.table(&titles, rows.collect());
    out.line(&format!("unreported: {}", summary.unreported));
    if !missing.is_empty() {
        out.line(&format!("never happened: {}", missing.join(", ")));
    }
    out.line(&format!("violations: {}", summary.failed));
}

/// A failure with the command that shows it again, and how it ended.
fn explain(failed: &Failed, which: &Which, scripts: &Scripts, out: &Out) {
    let limits = which.limits();
    choose(which.bug);
    let outcome = history(failed.seed, &limits, scripts, true);
    out.line("");
    out.line(&format!("{} broken: {}", failed.violation.rule, failed.violation.text));
    out.line(&format!("  {}", command(failed.seed, &limits, which.bug)));
    let from = outcome.lines.len().saturating_sub(TIMELINE);
    outcome.lines.iter().skip(from).for_each(|line| out.line(line));
}

fn command(seed: u64, limits: &Limits, bug: Option<Bug>) -> String {
    let mut words = format!("bracketd sim run --seed 0x{seed:x} --trace");
    if !limits.without.is_empty() {
        let faults: Vec<&str> = limits.without.iter().map(|fault| fault.word()).collect();
        words.push_str(&format!(" --without {}", faults.join(",")));
    }
    if let Some(ticks) = limits.ticks {
        words.push_str(&format!(" --ticks {ticks}"));
    }
    if let Some(transactions) = limits.transactions {
        words.push_str(&format!(" --transactions {transactions}"));
    }
    if let Some(bug) = bug {
        words.push_str(&format!(" --bug {}", bug.name()));
    }
    words
}

fn smaller(which: &Which, scripts: &Scripts, out: &Out) -> Exit {
    let Some(shrunk) = shrink(which.seed, &which.limits(), scripts) else {
        let seed = format!("0x{:x}", which.seed);
        match out.is_json() {
            true => out.json(&json!({ "seed": seed, "violations": [] })),
            false => out.line(&format!("seed {seed}: every rule held; there is nothing to shrink")),
        }
        return Exit::Done;
    };
    let command = command(which.seed, &shrunk.limits, which.bug);
    let left = words(&shrunk.outcome);
    if out.is_json() {
        out.json(&json!({
            "seed": format!("0x{:x}", which.seed), "command": command, "faults": left,
            "tries": shrunk.tries, "violations": broken(&shrunk.outcome),
        }));
        return Exit::Findings;
    }
    let from = shrunk.outcome.lines.len().saturating_sub(TIMELINE);
    shrunk.outcome.lines.iter().skip(from).for_each(|line| out.line(line));
    for violation in &shrunk.outcome.violations {
        out.line(&format!("{} broken: {}", violation.rule, violation.text));
    }
    out.line(&format!("faults left: {}; {} histories tried", left.join(", "), shrunk.tries));
    out.line(&command);
    Exit::Findings
}

fn as_json(summary: &Summary, seconds: f64, missing: &[String]) -> Value {
    let spans = |all: &std::collections::BTreeMap<&'static str, _>| {
        let one = |histogram: &bracketd_sim::histogram::Histogram| {
            json!({
                "spans": histogram.total(), "p50": histogram.percentile(50),
                "p90": histogram.percentile(90), "p99": histogram.percentile(99),
                "max": histogram.max(),
            })
        };
        let rows = all.iter().map(|(class, histogram)| ((*class).to_owned(), one(histogram)));
        Value::Object(rows.collect())
    };
    let failures = summary.failures.iter().map(|failed| {
        json!({
            "seed": format!("0x{:x}", failed.seed), "rule": failed.violation.rule,
            "text": failed.violation.text,
        })
    });
    json!({
        "histories": summary.histories, "transactions": summary.transactions,
        "seconds": seconds, "twice": summary.twice, "violations": summary.failed,
        "failures": failures.collect::<Vec<Value>>(), "unreported": summary.unreported,
        "never_happened": missing, "without_stop_ms": spans(&summary.gaps),
        "without_stop_told_ms": spans(&summary.known),
    })
}
