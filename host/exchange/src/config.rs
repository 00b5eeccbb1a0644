//! What an exchange is started with.
//!
//! Separate because the command line fills it in. It holds values only; nothing is opened here.

use crate::book::{Asset, BookConfig};
use crate::market::MarketConfig;
use crate::tape::TapeFile;
use rust_decimal::Decimal;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An account of the exchange, with its own book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountConfig {
    /// Value of the `APCA-API-KEY-ID` header.
    pub key_id: String,
    /// Value of the `APCA-API-SECRET-KEY` header.
    pub secret: String,
    /// Seed, money and rules of its book.
    pub book: BookConfig,
}

impl AccountConfig {
    /// An account with this money, otherwise as usual.
    #[must_use]
    pub fn new(key_id: &str, secret: &str, cash: Decimal) -> Self {
        let book = BookConfig { cash, ..BookConfig::default() };
        Self { key_id: key_id.to_owned(), secret: secret.to_owned(), book }
    }
}

/// How fast a tape plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapeSpeed {
    /// Each step waits for its acknowledgment at `POST /admin/ack`.
    Max,
    /// So many times the recorded pace, whoever follows.
    Factor(u32),
}

/// Where prices come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Only from `POST /admin/price`; the clock is wall time.
    Manual,
    /// A seeded simulated market, on wall time.
    Market(MarketConfig),
    /// Recorded prices, on their own time.
    Tape {
        /// The files, merged by time.
        files: Vec<TapeFile>,
        /// Their pace.
        speed: TapeSpeed,
    },
}

/// Everything an exchange is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeConfig {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The accounts; all see the same prices. At least one.
    pub accounts: Vec<AccountConfig>,
    /// Where prices come from.
    pub feed: Feed,
    /// Symbols listed beside those of the feed.
    pub assets: Vec<Asset>,
    /// Where the state is kept across restarts; `None`: in memory only.
    pub book_file: Option<PathBuf>,
    /// Requests per account and minute; `None`: as many as come.
    pub requests_per_minute: Option<u32>,
}

impl ExchangeConfig {
    /// One account, prices by hand, a free port on loopback, nothing kept.
    #[must_use]
    pub fn manual(account: AccountConfig) -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            accounts: vec![account],
            feed: Feed::Manual,
            assets: Vec::new(),
            book_file: None,
            requests_per_minute: None,
        }
    }
}
