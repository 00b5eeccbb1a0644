//! SIGKILL at random moments while a client works, which remembers every promise (S3, S6).
//!
//! Continuous integration runs 20 rounds. To run more, such as a hundred:
//!
//! ```text
//! BRACKETD_KILL_ROUNDS=100 cargo test -p bracketd --test blackbox kill:: -- --nocapture
//! ```
//!
//! `BRACKETD_KILL_SEED` makes another run of it; the seed is printed at the start.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Api, Daemon, Dir, Exchange, Numbers, configure, difference, id_of};

const ROUNDS: u64 = 20;
const SEED: u64 = 3;
/// Ledgers that are killed beside each other; the rounds are shared between them.
const LANES: u64 = 2;
/// Transactions of one lane.
const SYMBOLS_MAX: usize = 40;
/// A process is killed within this time after it was ready.
const LIFE_MS_MAX: u64 = 700;
const REPAIR: Duration = Duration::from_secs(60);

/// What the client was promised of one transaction.
#[derive(Clone, Debug, Default)]
struct Promise {
    /// Its version and stop at the last 2xx answer; none while even the opening was not answered.
    version: Option<u64>,
    stop: String,
    /// Stops that were asked for after that and never answered.
    maybe_stops: Vec<String>,
    /// Whether its close was promised, or may have been taken.
    is_closed: bool,
    maybe_closed: bool,
}

#[test]
fn s6_what_was_promised_outlives_every_kill() {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    };
    let rounds = number("BRACKETD_KILL_ROUNDS", ROUNDS);
    let seed = number("BRACKETD_KILL_SEED", SEED);
    println!("{rounds} rounds with seed {seed}");
    std::thread::scope(|scope| {
        for lane in 0..LANES.min(rounds) {
            let share = rounds / LANES + u64::from(lane < rounds % LANES);
            scope.spawn(move || run_lane(share, seed.wrapping_mul(1_000) + lane));
        }
    });
}

fn run_lane(rounds: u64, seed: u64) {
    let (dir, mut numbers) = (Dir::new(), Numbers::new(seed));
    let exchange = Exchange::manual(&dir);
    for place in 0..SYMBOLS_MAX {
        exchange.price(&format!("S{place}"), "100.00", "100.02");
    }
    configure(&dir, &exchange.url, &[]);
    let (mut promises, mut answered) = (BTreeMap::new(), 0);
    for round in 0..rounds {
        let mut daemon = Daemon::spawn(&dir, None);
        let api = daemon.ready().expect("it lives until it is killed");
        let ready_ms = numbers.below(LIFE_MS_MAX);
        std::thread::scope(|scope| {
            let daemon = &daemon;
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(ready_ms));
                daemon.signal("KILL");
            });
            answered += work(&api, &exchange, &mut promises, &mut numbers);
        });
        daemon.ends_within(REPAIR);
        println!("lane {seed}, round {round}: killed after {ready_ms} ms, {answered} promises");
    }
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("nobody kills the last one");
    let began = Instant::now();
    while let Err(why) = judge(&api, &exchange, &promises) {
        assert!(began.elapsed() < REPAIR, "seed {seed}: {why}\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(answered >= rounds, "only {answered} promises in {rounds} rounds prove nothing");
}

/// Works until the daemon does not answer any more. Gives how many promises it got.
fn work(
    api: &Api,
    exchange: &Exchange,
    promises: &mut BTreeMap<String, Promise>,
    numbers: &mut Numbers,
) -> u64 {
    let mut got = 0;
    loop {
        let symbol = format!("S{}", numbers.below(SYMBOLS_MAX as u64));
        if numbers.below(4) == 0 {
            // Fills what waits at 99.90 and touches no exit.
            exchange.price(&symbol, "99.80", "99.82");
        }
        let promise = promises.get(&symbol).cloned();
        let answer = match promise {
            None => open(api, &symbol, promises, numbers),
            Some(promise) => change(api, &symbol, promise, promises, numbers),
        };
        match answer {
            Some(true) => got += 1,
            Some(false) => {}
            None => return got,
        }
    }
}

/// Whether something was promised; none when there was no answer at all.
fn open(
    api: &Api,
    symbol: &str,
    promises: &mut BTreeMap<String, Promise>,
    numbers: &mut Numbers,
) -> Option<bool> {
    let limit = (numbers.below(2) == 0).then_some("99.90");
    let guard = if numbers.below(2) == 0 { "plain" } else { "native" };
    let said = api.open(symbol, limit, guard);
    let promise = promises.entry(symbol.to_owned()).or_default();
    "95".clone_into(&mut promise.stop);
    if let Some(body) = said.promised() {
        promise.version = body["version"].as_u64();
        return Some(true);
    }
    if said.code().is_some() {
        promises.remove(symbol);
        return Some(false);
    }
    None
}

fn change(
    api: &Api,
    symbol: &str,
    mut promise: Promise,
    promises: &mut BTreeMap<String, Promise>,
    numbers: &mut Numbers,
) -> Option<bool> {
    // The number of one whose opening was not answered is found by its symbol, if it exists.
    let Some(tx) = api.of_symbol(symbol) else {
        return api.is_ready().then_some(false);
    };
    let closes = numbers.below(12) == 0 && tx["status"] == "OPENED";
    let stop = format!("{}", 80 + numbers.below(19));
    let said = if closes { api.close(id_of(&tx)) } else { api.set_stop(id_of(&tx), &stop) };
    let outcome = match (said.promised(), said.code()) {
        (Some(body), _) => {
            promise.version = body["version"].as_u64();
            promise.is_closed |= closes;
            if !closes {
                promise.stop = stop;
                promise.maybe_stops.clear();
            }
            Some(true)
        }
        (None, Some(_)) => Some(false),
        (None, None) => {
            promise.maybe_closed |= closes;
            if !closes {
                promise.maybe_stops.push(stop);
            }
            None
        }
    };
    promises.insert(symbol.to_owned(), promise);
    outcome
}

fn judge(
    api: &Api,
    exchange: &Exchange,
    promises: &BTreeMap<String, Promise>,
) -> Result<(), String> {
    let all = api.all();
    for (symbol, promise) in promises {
        let ends = exchange.ends(symbol);
        let Some(tx) = all.iter().find(|tx| tx["symbol"] == symbol.as_str()) else {
            if promise.version.is_some() || ends.entries > 0 {
                return Err(format!("{symbol} is lost: {promise:?} {ends:#?}"));
            }
            continue;
        };
        if let Some(difference) = difference(tx, &ends) {
            return Err(difference);
        }
        kept(tx, promise).map_err(|why| format!("{symbol}: {why}: {promise:?}\n{tx:#}"))?;
    }
    let status = api.status();
    let is_calm =
        status["unknown_ops"] == 0 && status["gaps"].as_array().is_some_and(Vec::is_empty);
    if is_calm { Ok(()) } else { Err(format!("not calm: {status:#}")) }
}

fn kept(tx: &Value, promise: &Promise) -> Result<(), &'static str> {
    let Some(version) = promise.version else { return Ok(()) };
    if tx["version"].as_u64() < Some(version) {
        return Err("an older version than promised");
    }
    if tx["status"] == "FAILED" && tx["close_reason"] == "entry_stale" {
        // Its send was held up longer than an entry may be old; it is told, and nothing was bought.
        return Ok(());
    }
    let is_closed = tx["status"] == "CLOSED";
    if is_closed != promise.is_closed && !(is_closed && promise.maybe_closed) {
        return Err("closed without a promise, or not closed against it");
    }
    let stop = tx["legs"]["stop"]["desired"].as_str().unwrap_or("none");
    let is_known = stop == promise.stop || promise.maybe_stops.iter().any(|maybe| maybe == stop);
    if is_known { Ok(()) } else { Err("another stop than promised") }
}
