//! A small client, and exchanges to talk to.

use bracketd_exchange::{
    AccountConfig, Exchange, ExchangeConfig, ExchangeHandle, Feed, TapeFile, TapeSpeed,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    key: &'static str,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Value,
}

impl Client {
    pub(crate) fn new(exchange: &ExchangeHandle, key: &'static str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        Self { agent: config.into(), url: exchange.url(), key }
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Reply {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("APCA-API-KEY-ID", self.key)
            .header("APCA-API-SECRET-KEY", "secret")
            .body(text)
            .unwrap();
        let config = self.agent.configure_request(request).allow_non_standard_methods(true);
        let mut response = self.agent.run(config.build()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let reply = self.call("GET", path, &Value::Null);
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let reply = self.call("POST", path, body);
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }

    pub(crate) fn quote(&self, symbol: &str, bid: &str, ask: &str) {
        self.post("/admin/price", &json!({"symbol": symbol, "bid": bid, "ask": ask}));
    }

    /// A buy at the market, its quantity as a JSON float, as the official client sends it.
    pub(crate) fn buy(&self, symbol: &str, qty: f64) -> Value {
        let order = json!({"symbol": symbol, "qty": qty, "side": "buy", "type": "market",
                           "time_in_force": "day", "limit_price": null});
        self.post("/v2/orders", &order)
    }
}

pub(crate) fn manual() -> ExchangeConfig {
    let account = |key| AccountConfig::new(key, "secret", Decimal::from(100_000));
    ExchangeConfig {
        accounts: vec![account("longs"), account("shorts")],
        ..ExchangeConfig::manual(account("unused"))
    }
}

pub(crate) fn tape(name: &str, book_file: Option<PathBuf>) -> ExchangeConfig {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    let files = vec![TapeFile { path, symbol: None, splits: None }];
    ExchangeConfig { feed: Feed::Tape { files, speed: TapeSpeed::Max }, book_file, ..manual() }
}

pub(crate) fn start(config: &ExchangeConfig) -> (ExchangeHandle, Client) {
    let exchange = Exchange::spawn(config).unwrap();
    let client = Client::new(&exchange, "longs");
    (exchange, client)
}
