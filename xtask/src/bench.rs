//! `cargo xtask bench`: what the promises about time and memory come to on this machine.
//!
//! Apart because figures of a busy machine prove nothing: this prints them beside their targets
//! and never judges them. It fails only when a benchmark does not run or no longer says what the
//! table looks for.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The examples that measure, and the exchange that the plugin's calls go to.
const EXAMPLES: [(&str, &str); 10] = [
    ("bracketd-store", "record_bench"),
    ("bracketd-store", "commit_bench"),
    ("bracketd-engine", "step_bench"),
    ("bracketd-engine", "runaway_bench"),
    ("bracketd-policy", "policy_bench"),
    ("bracketd-account", "call_bench"),
    ("bracketd-account", "load_bench"),
    ("bracketd-account", "abi_bench"),
    ("bracketd-account", "account_bench"),
    ("bracketd-exchange", "serve"),
];

/// What an example's lines have to contain, and what they should say.
const TARGETS: [(&str, &str, &str); 14] = [
    ("record_bench", "file locked", "record(): p50 <= 300 ns, p99 <= 2000 ns"),
    ("commit_bench", "p50=", "the part of the ledger in a stop change"),
    ("step_bench", "ratio of medians", "quote to command: <= 2.00 bare commits"),
    ("step_bench", "stop change", "the same in microseconds"),
    ("step_bench", "OPENED with a pair", "resident under 250 MB"),
    ("runaway_bench", "a swap adds", "another version of a policy: the engine pauses <= 1000 us"),
    ("runaway_bench", "endless loop", "a script that never ends delays another change <= 10000 us"),
    ("policy_bench", "ratio ", "evaluations: >= 70 % of bare rhai"),
    ("call_bench", "host adds", "the host adds <= 2000 ns to a call"),
    ("load_bench", "from the cache", "a plugin from the cache: p50 <= 1000 us"),
    ("abi_bench", "interface", "typed <= 2000 ns, and a ratio to JSON <= 0.35"),
    ("account_bench", "moved stop", "a moved stop: the account adds <= 150 us to bare HTTP"),
    ("account_bench", "swap gap", "the gap of a swap on an idle account: <= 2000 us"),
    ("account_bench", "resident", "50 accounts resident under 400 MB"),
];

/// Runs all benchmarks, one after another.
///
/// # Errors
/// What does not build or run, and a benchmark without the line that the table names.
pub(crate) fn run() -> Result<()> {
    let built = build()?;
    let mut report = String::new();
    for (_, name) in EXAMPLES.iter().filter(|(_, name)| *name != "serve") {
        println!("== {name}");
        let said = measure(&built, name)?;
        println!("{said}");
        for (_, what, target) in TARGETS.iter().filter(|(example, ..)| example == name) {
            let lines: Vec<&str> = said.lines().filter(|line| line.contains(what)).collect();
            ensure!(!lines.is_empty(), "{name} said nothing of {what:?}");
            report.push_str(&format!("target    {target}\n"));
            for line in lines {
                report.push_str(&format!("measured  {}\n", line.trim()));
            }
            report.push('\n');
        }
    }
    println!("== targets\n{report}");
    Ok(())
}

/// Builds the examples in one go, so that what they share is built once.
fn build() -> Result<Vec<PathBuf>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--message-format=json-render-diagnostics"]);
    for (package, example) in EXAMPLES {
        cargo.args(["--package", package, "--example", example]);
    }
    let out = cargo.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(out.status.success(), "the benchmarks do not build");
    let messages = String::from_utf8_lossy(&out.stdout);
    let paths = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    Ok(paths.collect())
}

fn program<'a>(built: &'a [PathBuf], name: &str) -> Result<&'a Path> {
    let found = built.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
    Ok(found.with_context(|| format!("cargo built no {name}"))?)
}

/// Runs one of them to its end; what it writes goes beside itself, to the disk of the build.
fn measure(built: &[PathBuf], name: &str) -> Result<String> {
    let path = program(built, name)?;
    let mut bench = Command::new(path);
    let mut exchange = None;
    match name {
        "policy_bench" => {}
        "call_bench" | "account_bench" => {
            let served = Exchange::start(program(built, "serve")?)?;
            bench.arg("plugins/dist/alpaca.wasm").arg(&served.url);
            exchange = Some(served);
        }
        "abi_bench" => {
            bench.arg(json_guest(path.parent().context("a program is in a directory")?)?);
        }
        "load_bench" => {
            bench.arg("plugins/dist/alpaca.wasm");
            bench.arg(path.parent().context("a program is in a directory")?);
        }
        _ => {
            bench.arg(path.parent().context("a program is in a directory")?);
        }
    }
    let out = bench.stderr(Stdio::inherit()).output().context("cannot run it")?;
    drop(exchange);
    ensure!(out.status.success(), "{name} ended with {}", out.status);
    Ok(String::from_utf8(out.stdout)?)
}

/// The guest that speaks JSON, built with the compiler of the plugins.
fn json_guest(dir: &Path) -> Result<PathBuf> {
    let wasm = crate::plugins::core_module("bracketd-json-guest")?;
    let path = dir.join("json_guest.wasm");
    std::fs::write(&path, wasm).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A paper exchange; it ends with the value.
struct Exchange {
    process: Child,
    url: String,
}

impl Exchange {
    fn start(program: &Path) -> Result<Self> {
        let process = Command::new(program)
            .arg("manual")
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run the exchange")?;
        let mut exchange = Self { process, url: String::new() };
        let stdout = exchange.process.stdout.as_mut().context("it has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        line.split_whitespace()
            .next()
            .context("the exchange told no address")?
            .clone_into(&mut exchange.url);
        Ok(exchange)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}
