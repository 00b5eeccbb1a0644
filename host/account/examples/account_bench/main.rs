//! What running accounts cost: a moved stop through the plugin beside a bare HTTP round trip of the
//! same request, the gap of a swap, and the memory of fifty accounts: `account_bench PLUGIN.wasm URL`,
//! with the exchange of `cargo run -p bracketd-exchange --example serve manual`. Build it in release
//! mode.

mod bare;
mod desk;

use std::time::{Duration, Instant};

use bracketd_account::{AccountHandle, Host, Plugin, Terms};

use desk::{Desk, Failure, config};

/// Stops that are moved each way.
const MOVES: usize = 2_000;
/// About what of a move through the account is not spent on the wire.
const PAUSE: Duration = Duration::from_micros(100);
const SWAPS: usize = 50;
const ACCOUNTS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (Some(wasm), Some(url)) = (args.next(), args.next()) else {
        return Err("usage: account_bench PLUGIN.wasm URL".into());
    };
    let bytes = std::fs::read(&wasm)?;
    let host = Host::new()?;
    let plugin = host.load(&bytes, "one")?;
    moved_stops(&host, &plugin, &url)?;
    // A custom section makes another file of it.
    let other = host.load(&[bytes.as_slice(), b"\0\x06\x05other"].concat(), "other")?;
    swaps(&host, &plugin, &other, &url)?;
    memory(&host, &plugin, &url)
}

/// Moves one stop through the account, and then on over a bare connection: an order that somebody else
/// has replaced would be read first. Bare requests one after the other keep both ends awake, which
/// between two moves of an account fall asleep: so they are made with a pause as well.
fn moved_stops(host: &Host, plugin: &Plugin, url: &str) -> Result<(), Failure> {
    let mut desk = Desk::open(host, plugin, url)?;
    let mut bare = bare::Connection::open(url)?;
    let mut hosted_us = Vec::new();
    let price = |cents: usize| format!("95.{:02}", cents % 100);
    for n in 1..=MOVES {
        let began = Instant::now();
        desk.move_stop(&price(n))?;
        hosted_us.push(began.elapsed().as_micros());
    }
    let mut id = desk.stop_id()?.to_owned();
    let mut bare_us = |pause: Duration| {
        let mut all = Vec::new();
        for n in 1..=MOVES {
            std::thread::sleep(pause);
            let began = Instant::now();
            id = bare.move_stop(&id, &price(n + 50))?;
            all.push(began.elapsed().as_micros());
        }
        Ok::<_, Failure>(all)
    };
    let (mut bare_us, mut paused_us) = (bare_us(Duration::ZERO)?, bare_us(PAUSE)?);
    let (bare, hosted) = (at(&mut bare_us, 50), at(&mut hosted_us, 50));
    println!(
        "one thread wakes another: {} us, of which a moved stop has six, a bare one two",
        wake_us()
    );
    println!(
        "moved stop over HTTP: p50 bare {bare} us, with a pause before it {} us, through the account \
         {hosted} us, which adds {} us; p99 bare {} us, through the account {} us",
        at(&mut paused_us, 50),
        hosted.saturating_sub(bare),
        at(&mut bare_us, 99),
        at(&mut hosted_us, 99),
    );
    Ok(())
}

/// What it costs on this machine, just now, that one thread wakes another.
fn wake_us() -> u128 {
    let (there, from) = std::sync::mpsc::sync_channel::<std::thread::Thread>(0);
    let echo = std::thread::spawn(move || {
        let mut woken = Vec::new();
        for caller in from {
            // So that the caller sleeps by then.
            std::thread::sleep(Duration::from_micros(200));
            woken.push(Instant::now());
            caller.unpark();
        }
        woken
    });
    let mut seen = Vec::new();
    for _ in 0..MOVES / 4 {
        if there.send(std::thread::current()).is_err() {
            break;
        }
        std::thread::park();
        seen.push(Instant::now());
    }
    drop(there);
    let woken = echo.join().unwrap_or_default();
    let pairs = woken.iter().zip(&seen);
    let mut all: Vec<u128> =
        pairs.map(|(from, to)| to.saturating_duration_since(*from).as_micros()).collect();
    at(&mut all, 50)
}

/// Two files of a plugin by turns, on an account that has nothing to do.
fn swaps(host: &Host, one: &Plugin, other: &Plugin, url: &str) -> Result<(), Failure> {
    let (tell, events) = crossbeam_channel::bounded(10_000);
    let account = AccountHandle::start(host, one, config("idle", url)?, tell)?;
    wait("the account is up", || account.status().up)?;
    let mut gaps = Vec::new();
    for plugin in [other, one].into_iter().cycle().take(SWAPS) {
        let number = account.swap(plugin.clone(), Terms::default())?;
        let ended = || account.plugins().swap.last.filter(|last| last.number >= number);
        wait("the candidate is ready", || account.swap_waits() || ended().is_some())?;
        account.let_swap();
        wait("the swap ends", || ended().is_some())?;
        let report = ended().ok_or("it ended")?;
        report.outcome?;
        gaps.push(report.gap.as_micros());
        events.try_iter().for_each(drop);
    }
    println!(
        "swap gap on an idle account: p50 {} us, longest {} us, {SWAPS} swaps",
        at(&mut gaps, 50),
        at(&mut gaps, 100),
    );
    Ok(())
}

/// Fifty accounts with all their instances, connected and read.
fn memory(host: &Host, plugin: &Plugin, url: &str) -> Result<(), Failure> {
    let (tell, events) = crossbeam_channel::bounded(100_000);
    let before = resident_kib()?;
    let started: Result<Vec<AccountHandle>, Failure> = (0..ACCOUNTS)
        .map(|n| {
            let name = format!("account-{n}");
            Ok(AccountHandle::start(host, plugin, config(&name, url)?, tell.clone())?)
        })
        .collect();
    let accounts = started?;
    wait("all are up", || accounts.iter().all(|account| account.status().up))?;
    // Polls, prices and pictures have each been read by then.
    std::thread::sleep(Duration::from_secs(5));
    let calls: u64 = accounts.iter().map(|account| account.status().calls).sum();
    events.try_iter().for_each(drop);
    println!(
        "{ACCOUNTS} accounts: {:.0} MiB resident after {calls} calls, {:.0} MiB before the first",
        resident_kib()? as f64 / 1_024.0,
        before as f64 / 1_024.0,
    );
    Ok(())
}

fn resident_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(number.parse()?)
}

fn wait(what: &str, is_so: impl Fn() -> bool) -> Result<(), Failure> {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() > PATIENCE {
            return Err(format!("{what}: not within {PATIENCE:?}").into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

fn at(values: &mut [u128], percent: usize) -> u128 {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get((values.len() * percent / 100).min(last)).copied().unwrap_or_default()
}
