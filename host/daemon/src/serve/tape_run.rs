//! A run on recorded prices: an exchange of its own, two accounts, and the tape in step with the
//! daemon.
//!
//! Apart because none of it exists in a live run. The exchange is another process, as a broker is;
//! it ends when this one does.

mod agreement;
mod exchange;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use bracketd_core::ids::{AccountName, Symbol};

use super::screen::say;
use crate::cli::run::{Entries as Wish, Speed, TapeRun};
use crate::config::{Config, check_text};
use crate::message::Mode;
use crate::run::{Clock, Distances, Entries, Plan, TapeDriver, TapeError, TapeReport, hold, start};
use exchange::ExchangeProcess;

/// Longs and shorts of one symbol would net in one account.
const LONGS: &str = "longs";
const SHORTS: &str = "shorts";
const SECRET: &str = "tape-secret";
/// Money of each account: a tape run is about stops, not about buying power.
const CASH: &str = "1000000000";

/// On the tape's own time, where a minute may hold thousands of prices.
const MESSAGES_PER_MINUTE: u32 = 1_000_000;

/// The exchange's key of an account.
fn key_of(account: &str) -> String {
    format!("tape-{account}")
}

pub(super) fn run(wish: &TapeRun, stop: &AtomicBool) -> anyhow::Result<()> {
    let dir = std::path::absolute(&wish.dir)?;
    let lock = hold(&dir)?;
    if wish.is_fresh {
        crate::demo::start_over(&dir)?;
    }
    let exchange = ExchangeProcess::start(wish, &dir)?;
    let symbols = exchange.symbols()?;
    let clock = Arc::new(AtomicI64::new(0));
    let watch = [LONGS, SHORTS].map(|name| (AccountName::new(name), symbols.clone()));
    let plan = Plan {
        config: configuration(wish, &dir, &exchange)?,
        mode: Mode::Tape,
        clock: Clock::Tape(Arc::clone(&clock)),
        entries: entries(wish, symbols)?,
        watch: BTreeMap::from(watch),
        lock,
        new_ledger: false,
    };
    let driver = |engine| TapeDriver {
        url: exchange.url.clone(),
        key: (key_of(LONGS), SECRET.to_owned()),
        clock: Arc::clone(&clock),
        engine,
        pace: match wish.speed {
            Speed::Max => None,
            Speed::Times(times) => Some(times),
        },
    };
    let first = driver(crossbeam_channel::bounded(1).0).first_time()?;
    clock.store(first.0, Ordering::Release);
    let running = start(plan)?;
    say(&format!("tape run in {}, api {}/api/v1", dir.display(), running.url));
    let began = Instant::now();
    let steps = play(&driver(running.inbox.clone()), stop)?;
    let agreement = agreement::check(&running.inbox, &exchange)?;
    let report = running.stop().context("while stopping")?;
    print(&report, steps, began);
    say(&agreement.to_string());
    if !agreement.differences.is_empty() {
        bail!("ledger and exchange differ in {} places", agreement.differences.len());
    }
    Ok(())
}

fn entries(wish: &TapeRun, symbols: Vec<Symbol>) -> anyhow::Result<Entries> {
    let accounts = (AccountName::new(LONGS), AccountName::new(SHORTS));
    Ok(match &wish.entries {
        None => Entries::none(accounts),
        Some(Wish::File(path)) => Entries::read(path, accounts, wish.policies.clone())?,
        Some(Wish::Every(rows)) => {
            let prices = u64::from(*rows) * prices_per_row(&wish.files)?;
            let distances = Distances {
                quantity: wish.quantity,
                stop_percent: wish.stop_percent,
                target_percent: wish.target_percent,
            };
            Entries::every(prices, symbols, distances, accounts, wish.policies.clone())
        }
    })
}

/// A bar plays four prices, a tick one.
fn prices_per_row(files: &[std::path::PathBuf]) -> anyhow::Result<u64> {
    let Some(file) = files.first() else { return Ok(1) };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the tape {}", file.display()))?;
    let is_bars = text.lines().next().unwrap_or("").split(',').any(|name| name.trim() == "open");
    Ok(if is_bars { 4 } else { 1 })
}

fn play(driver: &TapeDriver, stop: &AtomicBool) -> anyhow::Result<u64> {
    let is_terminal = std::io::stderr().is_terminal();
    let mut said = 0;
    let played = driver.play(&mut |played, total| {
        let percent = played * 100 / total.max(1);
        if percent > said && (is_terminal || percent.is_multiple_of(10)) {
            said = percent;
            say(&format!("  {percent:3} %  {played} of {total} prices"));
        }
        !stop.load(Ordering::Acquire)
    });
    match played {
        Err(TapeError::Stopped) => bail!("stopped before the tape's end; run it again to go on"),
        other => Ok(other?),
    }
}

fn configuration(wish: &TapeRun, dir: &Path, exchange: &ExchangeProcess) -> anyhow::Result<Config> {
    std::fs::write(dir.join("alpaca.wasm"), crate::demo::PLUGIN)?;
    crate::demo::write_private(&dir.join("exchange.secret_key"), SECRET)?;
    let policies = std::path::absolute(&wish.policies_dir)?;
    if !policies.exists() {
        bail!(
            "there is no directory {}; name one with --policies-dir, or write the shipped policies \
             with `bracketd init`",
            policies.display()
        );
    }
    let names: Vec<String> = wish.policies.iter().map(|name| format!("\"{name}\"")).collect();
    let mut text = format!(
        "schema = 1\ndata_dir = \".\"\n[server]\nbind = \"127.0.0.1:0\"\n[policies]\ndir = {:?}\n",
        policies.display().to_string()
    );
    for name in [LONGS, SHORTS] {
        crate::demo::write_private(&dir.join(format!("exchange.{name}")), &key_of(name))?;
        text.push_str(&format!(
            "[[account]]\nname = \"{name}\"\nplugin = \"alpaca.wasm\"\npolicies = [{}]\narmed = true\n\
             messages_per_minute = {MESSAGES_PER_MINUTE}\n\
             settings = {{ base_url = \"{}\" }}\n\
             secrets.key_id = {{ file = \"exchange.{name}\" }}\n\
             secrets.secret_key = {{ file = \"exchange.secret_key\" }}\n\
             [[account.grant]]\nscheme = \"http\"\nhost = \"127.0.0.1\"\nport = {}\nprivate = true\n",
            names.join(", "),
            exchange.url,
            exchange.port,
        ));
    }
    let file = dir.join("bracketd.toml");
    std::fs::write(&file, &text)?;
    let checked = check_text(&file, &text);
    let lines = || checked.diagnostics.iter().map(|d| d.one_line()).collect::<Vec<_>>().join("; ");
    checked.config.with_context(|| format!("the tape's configuration is wrong: {}", lines()))
}

fn print(report: &TapeReport, steps: u64, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    say(&format!("\n{steps} steps in {seconds:.1} s"));
    say(&format!(
        "{} commands, {} stops moved, {} entry fills, {} exit fills",
        report.commands, report.stops_moved, report.fills.0, report.fills.1
    ));
    let line = |name: &str, values: &[u64], unit: &str| {
        let at = |percent| {
            let value = TapeReport::percentile(values, percent);
            value.map_or("-".to_owned(), |value| value.to_string())
        };
        say(&format!(
            "{name}: {} measured; p50 {}, p90 {}, p99 {}, longest {} {unit}",
            values.len(),
            at(50),
            at(90),
            at(99),
            at(100)
        ));
    };
    say("from a fill to the confirmed stop");
    line("  real time", &report.gaps_us, "us");
    line("  tape time", &report.gaps_tape_ms, "ms");
    for (why, count) in &report.unprotected {
        say(&format!("  unprotected ({why}): {count}"));
    }
}
