//! `policy test`: the policies' own tests, what failed in them, and what they never ran.
//!
//! Apart because it only shows what the tests found. The one thing it writes are snapshots, and
//! those only when asked to.

use std::path::PathBuf;

use bracketd_core::ids::PolicyName;
use bracketd_policy::{
    Coverage, PropertyResult, Sources, TestCall, TestOptions, TestReport, TestResult, TestStep,
    run_properties, run_tests,
};
use clap::Args;
use serde_json::{Value, json};

use super::super::exit::{Exit, Failure};
use super::super::output::{Out, Tone, paint};
use crate::render;

pub(super) const EXAMPLE: &str = "\
Examples:
  bracketd policy test policies
  bracketd policy test policies/trailing_stop.rhai -k short --coverage

Exit codes: 0 all passed, 1 one failed, 2 nothing could be run";

/// Steps of a failed test that are shown: the last ones, for the failure is at the end.
const STEPS_SHOWN: usize = 12;

/// Which tests, and how.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The directory, or one policy's file; left out, the configuration's directory
    path: Option<PathBuf>,
    /// Only tests with this in POLICY::TEST
    #[arg(short = 'k', long = "only", value_name = "TEXT")]
    pattern: Option<String>,
    /// List the lines that no test ran
    #[arg(long)]
    coverage: bool,
    /// Take what is decided now as what `expect_decisions` expects, and write it into the tests
    #[arg(long)]
    update_snapshots: bool,
}

impl TestArgs {
    /// What is to be tested.
    pub(super) fn path(&self) -> Option<&std::path::Path> {
        self.path.as_deref()
    }
}

/// Runs the tests.
pub(super) fn run(args: &TestArgs, sources: &Sources, out: &Out) -> Result<Exit, Failure> {
    let options =
        TestOptions { pattern: args.pattern.as_deref(), takes_snapshots: args.update_snapshots };
    let report = run_tests(sources, &options);
    let pattern = args.pattern.as_deref().unwrap_or_default();
    let mut properties = run_properties(sources);
    properties.retain(|result| format!("{}::{}", result.policy, result.property).contains(pattern));
    if report.results.is_empty() && properties.is_empty() {
        return Err(nothing(sources, args.pattern.as_deref()));
    }
    for snapshot in &report.snapshots {
        std::fs::write(&snapshot.path, &snapshot.text).map_err(|error| {
            Failure::usage(format!("{} cannot be written: {error}", snapshot.path))
        })?;
    }
    let failed = report.results.iter().filter(|result| result.failure.is_some()).count();
    let broken = properties.iter().filter(|result| result.failure.is_some()).count();
    if out.is_json() {
        out.json(&as_json(&report, &properties, args.coverage));
    } else {
        shown(&report, sources, args.coverage, out);
        shown_properties(&properties, out);
        let (passed, hold) = (report.results.len() - failed, properties.len() - broken);
        let tests = format!("tests: {passed} passed, {failed} failed");
        out.line(&format!("{tests}; properties: {hold} hold, {broken} broken"));
    }
    let failed = failed + broken;
    Ok(if failed == 0 { Exit::Done } else { Exit::Findings })
}

fn nothing(sources: &Sources, pattern: Option<&str>) -> Failure {
    match pattern.filter(|_| !sources.tests.is_empty()) {
        Some(pattern) => Failure::usage(format!("no test has {pattern} in its name"))
            .hint("without -k all of them run, and their names are shown"),
        None => Failure::usage("there are no tests here")
            .hint("a policy's tests are functions test_...() in NAME_test.rhai beside it"),
    }
}

fn shown(report: &TestReport, sources: &Sources, with_coverage: bool, out: &Out) {
    for result in &report.results {
        let word = match result.failure {
            Some(_) => paint("FAILED", Tone::Bad),
            None => "ok    ".to_owned(),
        };
        let name = if result.test.is_empty() { "(all tests)" } else { result.test.as_str() };
        out.line(&format!("{word}  {}::{name}", result.policy));
        if let Some(diagnostic) = &result.failure {
            out.diagnostic(diagnostic);
            failed(result, out);
            out.note("");
        }
    }
    let untested =
        sources.policies.iter().filter(|p| !sources.tests.iter().any(|t| t.name == p.name));
    for policy in untested {
        out.line(&format!("{}  {} has no tests", paint("none  ", Tone::Warning), policy.name));
    }
    for snapshot in &report.snapshots {
        out.line(&format!("wrote   {}: {} new snapshots", snapshot.path, snapshot.changed));
    }
    if with_coverage {
        let is_wanted = |coverage: &&Coverage| {
            let is_policy = sources.policies.iter().any(|policy| policy.path == coverage.path);
            !is_policy || report.results.iter().any(|r| r.policy.as_str() == coverage.name)
        };
        for coverage in report.coverage.iter().filter(is_wanted) {
            covered(coverage, out);
        }
    }
}

/// A line for each policy whose properties all hold, and one for each that does not.
fn shown_properties(properties: &[PropertyResult], out: &Out) {
    let mut policies: Vec<&PolicyName> = properties.iter().map(|result| &result.policy).collect();
    policies.dedup();
    for policy in policies {
        let own = || properties.iter().filter(|result| result.policy == *policy);
        let hold = own().filter(|result| result.failure.is_none() && result.exempt.is_none());
        out.line(&format!("holds   {policy}: {} properties", hold.count()));
        for result in own() {
            let property = result.property;
            if let Some(diagnostic) = &result.failure {
                out.line(&format!("{}  {policy}::{property}", paint("BROKEN", Tone::Bad)));
                out.diagnostic(diagnostic);
            } else if let Some(reason) = &result.exempt {
                let word = paint("exempt", Tone::Warning);
                out.line(&format!("{word}  {policy}::{property}: {}", render::printable(reason)));
            }
        }
    }
}

fn failed(result: &TestResult, out: &Out) {
    if let (Some(expected), Some(actual)) = (&result.expected, &result.actual) {
        out.note(&format!("  expected  {expected}"));
        out.note(&format!("  actual    {actual}"));
    }
    if !result.world.is_empty() {
        let state = result.world.iter().filter(|(_, value)| value != "none");
        let state: Vec<String> = state.map(|(name, value)| format!("{name} {value}")).collect();
        out.wrapped("  world     ", &state.join(", "));
    }
    let skip = result.trace.len().saturating_sub(STEPS_SHOWN);
    if skip > 0 {
        out.note(&format!("  trace     ({skip} earlier steps are in --json)"));
    }
    for (number, step) in result.trace.iter().skip(skip).enumerate() {
        let head = if number == 0 && skip == 0 { "trace" } else { "" };
        let is_done = step.outcome == "done";
        let outcome = if is_done { String::new() } else { format!("  {}", step.outcome) };
        let seconds = format!("{}.{:03}", step.at_ms / 1_000, step.at_ms % 1_000);
        let event = format!("{} {}", step.event, step.with);
        out.note(&format!("  {head:8}  {seconds:>8} s  {}{outcome}", event.trim_end()));
        for call in &step.calls {
            out.wrapped("                        ", &called(call));
        }
        for alert in &step.alerts {
            out.wrapped("                        ", &format!("alert {alert}"));
        }
    }
}

fn called(call: &TestCall) -> String {
    let file = call.file.rsplit('/').next().unwrap_or(&call.file);
    let space = if call.wish.is_empty() { "" } else { " " };
    let head = format!("{file}:{} {}{space}{} -> {}", call.line, call.verb, call.wish, call.code);
    format!("{head} ({})", call.why)
}

fn covered(coverage: &Coverage, out: &Out) {
    let ran = coverage.lines - coverage.missed.len();
    let (name, all) = (&coverage.path, coverage.lines);
    let tone = if ran == all { Tone::Good } else { Tone::Warning };
    out.line(&format!("{}  {name}: {ran} of {all} lines", paint("ran   ", tone)));
    for (line, text) in &coverage.missed {
        out.fitted_line(&format!("  never {line:>4}  {}", render::printable(text)));
    }
}

fn as_json(report: &TestReport, properties: &[PropertyResult], with_coverage: bool) -> Value {
    let tests: Vec<Value> = report.results.iter().map(result).collect();
    let properties: Vec<Value> = properties.iter().map(super::check::property_json).collect();
    let mut all = json!({ "tests": tests, "properties": properties });
    if with_coverage {
        let coverage = report.coverage.iter().map(|coverage| {
            let missed: Vec<usize> = coverage.missed.iter().map(|(line, _)| *line).collect();
            json!({
                "name": coverage.name,
                "file": coverage.path,
                "lines": coverage.lines,
                "missed": missed,
            })
        });
        all["coverage"] = coverage.collect();
    }
    let written = report.snapshots.iter().map(|s| json!({ "file": s.path, "changed": s.changed }));
    all["snapshots"] = written.collect();
    all
}

fn result(result: &TestResult) -> Value {
    let world: serde_json::Map<String, Value> =
        result.world.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "policy": result.policy.as_str(),
        "test": result.test,
        "passed": result.failure.is_none(),
        "failure": result.failure.as_ref().map(render::json),
        "expected": result.expected,
        "actual": result.actual,
        "world": world,
        "trace": result.trace.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &TestStep) -> Value {
    let call = |call: &TestCall| {
        json!({
            "file": call.file, "line": call.line, "column": call.column, "verb": call.verb,
            "wish": call.wish, "why": call.why, "code": call.code, "message": call.message,
        })
    };
    json!({
        "at_ms": step.at_ms, "event": step.event, "with": step.with, "outcome": step.outcome,
        "calls": step.calls.iter().map(call).collect::<Vec<_>>(), "alerts": step.alerts,
    })
}
