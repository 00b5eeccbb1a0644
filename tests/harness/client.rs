//! A client that works, and remembers what it was promised.
//!
//! Apart because it is the other half of every proof that nothing is lost: what was answered with
//! a yes must be so in the end, at the daemon and at the exchange.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Api, Exchange, Numbers, difference, id_of};

/// Transactions of one client.
const SYMBOLS_MAX: usize = 40;

/// A client with its promises.
pub(crate) struct Client<'a> {
    exchange: &'a Exchange,
    numbers: Numbers,
    promises: BTreeMap<String, Promise>,
    /// Promises it got so far.
    pub(crate) answered: u64,
}

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

impl<'a> Client<'a> {
    /// A client without promises; the seed decides what it asks for.
    pub(crate) fn new(exchange: &'a Exchange, seed: u64) -> Self {
        for place in 0..SYMBOLS_MAX {
            exchange.price(&format!("S{place}"), "100.00", "100.02");
        }
        let (numbers, promises) = (Numbers::new(seed), BTreeMap::new());
        Self { exchange, numbers, promises, answered: 0 }
    }

    /// Works while `goes_on` says so and the daemon answers.
    pub(crate) fn work(&mut self, api: &Api, goes_on: impl Fn() -> bool) {
        let Self { exchange, numbers, promises, answered } = self;
        while goes_on() {
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
                Some(true) => *answered += 1,
                Some(false) => {}
                None => return,
            }
        }
    }

    /// Whether every promise was kept, here and at the exchange, and nothing is in doubt.
    ///
    /// # Errors
    /// What is not so, or not so yet.
    pub(crate) fn judge(&self, api: &Api) -> Result<(), String> {
        judge(api, self.exchange, &self.promises)
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
