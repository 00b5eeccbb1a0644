//! From what the command line asked for to a daemon that runs until it is told to stop.
//!
//! Apart from the parts it puts together: the demo, the accounts of a configuration, or a tape.
//! What it prints is the first thing that anybody sees of bracketd.

mod screen;
mod tape_run;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use bracketd_core::ids::AccountName;
use bracketd_store::DirLock;

use crate::cli::run::{Demo, Launch};
use crate::config::Config;
use crate::demo::{self, Director};
use crate::message::Mode;
use crate::run::{Clock, Entries, Plan, Running, hold, start};

/// How often the main thread looks whether something ended.
const LOOK: Duration = Duration::from_millis(100);

/// Runs what was asked for. Returns once it has ended as it should.
///
/// # Errors
/// What kept it from starting, or what ended it.
pub fn serve(launch: Launch) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second signal of the same kind ends the process at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    match launch {
        Launch::Demo(demo) => run_demo(&demo, &stop),
        Launch::Accounts { config, new_ledger } => run_accounts(*config, new_ledger, &stop),
        Launch::Tape(tape) => tape_run::run(&tape, &stop),
    }
}

fn run_demo(wish: &Demo, stop: &AtomicBool) -> anyhow::Result<()> {
    let dir = std::path::absolute(&wish.dir)?;
    let lock = hold(&dir)?;
    let demo = demo::prepare(&dir, wish.is_fresh)?;
    let mut running = start(plan(demo.config.clone(), Mode::Demo, lock))?;
    screen::demo(&demo, &running);
    let url = demo.exchange.url();
    let director = Director::start(running.inbox.clone(), url, demo.is_new)?;
    let ended = until_stopped(&mut running, stop);
    drop(director);
    finish(running, ended)
}

fn run_accounts(config: Config, new_ledger: bool, stop: &AtomicBool) -> anyhow::Result<()> {
    if config.accounts.is_empty() {
        bail!("{} names no account; add an [[account]] table", config.file.display());
    }
    let file = config.file.clone();
    let lock = hold(&config.data_dir)?;
    let plan = Plan { new_ledger, ..plan(config, Mode::Accounts, lock) };
    let mut running = start(plan)?;
    screen::accounts(&file, &running);
    let ended = until_stopped(&mut running, stop);
    finish(running, ended)
}

fn plan(config: Config, mode: Mode, lock: DirLock) -> Plan {
    let nobody = || AccountName::new("");
    let entries = Entries::none((nobody(), nobody()));
    Plan {
        config,
        mode,
        clock: Clock::Wall,
        entries,
        watch: BTreeMap::new(),
        lock,
        new_ledger: false,
    }
}

fn until_stopped(running: &mut Running, stop: &AtomicBool) -> anyhow::Result<()> {
    while !stop.load(Ordering::Acquire) {
        if !running.is_alive() {
            bail!("the engine ended by itself");
        }
        running.tend();
        std::thread::sleep(LOOK);
    }
    Ok(())
}

fn finish(running: Running, ended: anyhow::Result<()>) -> anyhow::Result<()> {
    screen::stopping();
    let stopped = running.stop().context("while stopping");
    ended?;
    stopped.map(drop)
}
