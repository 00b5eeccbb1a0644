//! The broker that a plugin is tried against: the paper exchange in this process, or a fake broker
//! that an integrator runs.
//!
//! Apart because both are moved by the same few requests, listed in docs/conformance.md. Nothing
//! here goes through the plugin or the bad network: it is the other side's own door.

use std::time::Duration;

use bracketd_core::Decimal;
use bracketd_exchange::{AccountConfig, Exchange, ExchangeConfig, ExchangeHandle};
use serde_json::{Value, json};
use ureq::Agent;

use crate::book::Book;
use crate::row::Stop;

/// Login of the paper exchange.
pub(crate) const KEY_ID: &str = "PKCONFORMANCE";
/// Its other half; it may appear in no byte that a plugin can say.
pub(crate) const SECRET_KEY: &str = "canary-b7f1e0d2c4a8";
/// Money of a fresh book.
const CASH: i64 = 1_000_000;
/// A fake broker that needs longer is broken.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A broker with an empty book.
#[derive(Debug)]
pub(crate) struct Broker {
    url: String,
    agent: Agent,
    /// Ends with this.
    exchange: Option<ExchangeHandle>,
}

impl Broker {
    /// A paper exchange of its own, or the fake broker at that address, emptied.
    pub(crate) fn fresh(at: Option<&str>) -> Result<Self, Stop> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_MAX))
            .build();
        let agent = Agent::new_with_config(config);
        if let Some(url) = at {
            let url = url.trim_end_matches('/').to_owned();
            let broker = Self { url, agent, exchange: None };
            broker.post("reset", &json!({}))?;
            return Ok(broker);
        }
        let account = AccountConfig::new(KEY_ID, SECRET_KEY, Decimal::from(CASH));
        let exchange = Exchange::spawn(&ExchangeConfig::manual(account))
            .map_err(|why| Stop::broken(format!("the paper exchange does not start: {why}")))?;
        Ok(Self { url: exchange.url(), agent, exchange: Some(exchange) })
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The market of a symbol moves there.
    pub(crate) fn price(&self, symbol: &str, bid: &str, ask: &str) -> Result<(), Stop> {
        self.post("price", &json!({ "symbol": symbol, "bid": bid, "ask": ask }))
    }

    /// At each further price at most so much of a symbol is filled; none is no limit.
    pub(crate) fn liquidity(&self, symbol: &str, units: Option<&str>) -> Result<(), Stop> {
        self.post("liquidity", &json!({ "symbol": symbol, "max_fill_per_step": units }))
    }

    /// Everything that was ordered and filled.
    pub(crate) fn book(&self) -> Result<Book, Stop> {
        let mut request = self.agent.get(format!("{}/admin/book", self.url));
        for (name, value) in self.login() {
            request = request.header(name, value);
        }
        let answer = request.call().map_err(|why| self.silent("GET /admin/book", &why))?;
        let told = self.read("GET /admin/book", answer)?;
        Book::read(&told).map_err(|why| Stop::broken(format!("GET /admin/book: {why}")))
    }

    fn post(&self, path: &str, body: &Value) -> Result<(), Stop> {
        let what = format!("POST /admin/{path}");
        let mut request = self.agent.post(format!("{}/admin/{path}", self.url));
        for (name, value) in self.login() {
            request = request.header(name, value);
        }
        let request = request.header("content-type", "application/json");
        let answer = request.send(body.to_string()).map_err(|why| self.silent(&what, &why))?;
        self.read(&what, answer).map(drop)
    }

    /// The paper exchange's admin requests stand behind the account's keys; a fake broker's do not.
    fn login(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let keys = [("APCA-API-KEY-ID", KEY_ID), ("APCA-API-SECRET-KEY", SECRET_KEY)];
        keys.into_iter().filter(|_| self.exchange.is_some())
    }

    fn read(&self, what: &str, answer: ureq::http::Response<ureq::Body>) -> Result<Value, Stop> {
        let status = answer.status().as_u16();
        let text = answer.into_body().read_to_string().map_err(|why| self.silent(what, &why))?;
        if !(200..300).contains(&status) {
            return Err(Stop::broken(format!("{what} answered {status}: {text}")));
        }
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text)
            .map_err(|why| Stop::broken(format!("{what} answered no JSON ({why}): {text}")))
    }

    fn silent(&self, what: &str, why: &ureq::Error) -> Stop {
        Stop::broken(format!("{what} at {} has no answer: {why}", self.url))
    }
}
