//! What a stop change costs from the quote to the command handed over, durable commit included,
//! beside a bare commit on the same disk; and what ten thousand transactions cost in memory.
//!
//! `cargo run --release -p bracketd-engine --example step_bench [DIR]`
//!
//! The bare commit is one row of a ledger of its own, whether an account is armed, which adds nothing
//! to what SQLite does; the store's `commit_bench` shows what SQLite alone takes for one row. Both
//! are measured in turns with the stop changes, so that a slow spell of the disk hits both.

mod broker;
mod world;

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use bracketd_core::broker::BrokerEvent;
use bracketd_core::command::{Call, Change, Command};
use bracketd_core::control::Control;
use bracketd_core::ids::{AccountName, Symbol};
use bracketd_core::time::Timestamp;
use bracketd_store::{Batch, Ledger};

use crate::world::{START_CENTS, World};

/// Stop changes of the one transaction.
const CHANGES: i64 = 1_500;
/// Stop changes beside the many.
const CHANGES_BESIDE: i64 = 500;
/// Rise of the price that moves a stop 2 % below it by at least a cent.
const RISE_CENTS: i64 = 2;
const MANY: usize = 10_000;
const SYMBOLS: usize = 100;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let base = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let dir = tempfile::tempdir_in(base)?;
    let mut bare = Ledger::open(&dir.path().join("bare"))?;
    one_of_one(&dir.path().join("one"), &mut bare)?;
    one_of_many(&dir.path().join("many"), &mut bare)
}

fn one_of_one(dir: &Path, bare: &mut Ledger) -> Result<(), Failure> {
    let acme = Symbol::new("ACME");
    let mut world = World::start(dir, std::slice::from_ref(&acme))?;
    world.open(&[&acme])?;
    let times = change_stops(&mut world, &acme, CHANGES, bare)?;
    println!("one transaction held");
    report(&times);
    let quarter = times.changes.len() / 4;
    let (first, last) = times.changes.split_at(times.changes.len() - quarter);
    println!(
        "  p50 of the first {quarter} changes {} us, of the last {quarter} {} us",
        percentile(first.get(..quarter).unwrap_or(first), 50) / 1_000,
        percentile(last, 50) / 1_000
    );
    Ok(())
}

fn one_of_many(dir: &Path, bare: &mut Ledger) -> Result<(), Failure> {
    let kb_before = memory_kb("VmRSS")?;
    let acme = Symbol::new("ACME");
    let mut symbols: Vec<Symbol> =
        (0..SYMBOLS).map(|n| Symbol::new(&format!("SYM{n:03}"))).collect();
    symbols.push(acme.clone());
    let mut world = World::start(dir, &symbols)?;
    let many: Vec<&Symbol> = symbols.iter().take(SYMBOLS).cycle().take(MANY).collect();
    world.open(&many)?;
    println!(
        "{MANY} OPENED with a pair each: resident {} MB, highest {} MB, before {} MB",
        memory_kb("VmRSS")? / 1_000,
        memory_kb("VmHWM")? / 1_000,
        kb_before / 1_000
    );
    world.open(&[&acme])?;
    let times = change_stops(&mut world, &acme, CHANGES_BESIDE, bare)?;
    println!("one transaction beside {MANY}");
    report(&times);
    Ok(())
}

/// Nanoseconds of each.
struct Times {
    bare: Vec<u128>,
    changes: Vec<u128>,
}

/// Lets the price rise so often; every quote has to move the stop.
fn change_stops(
    world: &mut World,
    symbol: &Symbol,
    changes: i64,
    bare: &mut Ledger,
) -> Result<Times, Failure> {
    let mut times = Times { bare: Vec::new(), changes: Vec::new() };
    let (account, queue) = sync_channel::<Command>(1_024);
    for turn in 1..=changes {
        times.bare.push(one_row(bare, turn)?);
        let quote = world.quote(symbol, START_CENTS + turn * RISE_CENTS)?;
        let started = Instant::now();
        let sent = world.step(vec![BrokerEvent::Quotes(vec![quote])]);
        for command in sent.commands {
            account.try_send(command)?;
        }
        times.changes.push(started.elapsed().as_nanos());
        let commands: Vec<Command> = queue.try_iter().collect();
        let moved = |call: &Call| {
            matches!(call, Call::Adjust { stop: Change::Set(_), target: Change::Keep, .. })
        };
        if commands.len() != 1 || !commands.iter().all(|command| moved(&command.call)) {
            return Err(format!("quote {turn} moved no stop: {commands:?}").into());
        }
        world.answer(commands)?;
    }
    Ok(times)
}

fn one_row(bare: &mut Ledger, turn: i64) -> Result<u128, Failure> {
    let account = AccountName::new("bare");
    let control = Control { armed: Some(turn % 2 == 0), ..Control::default() };
    let controls = vec![(account, &control)];
    let started = Instant::now();
    bare.commit(&Batch { controls, ..Batch::new(Timestamp(turn)) })?;
    Ok(started.elapsed().as_nanos())
}

fn report(times: &Times) {
    for (what, ns) in [("bare one-row commit", &times.bare), ("stop change", &times.changes)] {
        let (p50, p99) = (percentile(ns, 50) / 1_000, percentile(ns, 99) / 1_000);
        println!("  {what:20} n={} p50={p50} us p99={p99} us", ns.len());
    }
    let (bare, change) = (percentile(&times.bare, 50).max(1), percentile(&times.changes, 50));
    println!(
        "  ratio of medians {}.{:02}; the change adds {} us to the disk's part",
        change / bare,
        change * 100 / bare % 100,
        change.saturating_sub(bare) / 1_000
    );
}

fn percentile(ns: &[u128], percent: usize) -> u128 {
    let mut ns = ns.to_vec();
    ns.sort_unstable();
    ns.get(ns.len() * percent / 100).copied().unwrap_or(0)
}

/// A line of the process's memory in kilobytes, as Linux tells it.
fn memory_kb(what: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(what));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)).ok_or("no such line")?;
    Ok(kb.parse()?)
}
