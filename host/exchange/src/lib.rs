//! An Alpaca-compatible paper exchange: the other side of `bracketd`.
//!
//! It imports nothing of the daemon, so that it can only be talked to as a broker can. Two ways in:
//!
//! - [`book::ExchangeBook`]: the matching book of one account, sans-IO, typed; the seeded
//!   simulation drives it directly.
//! - [`Exchange`]: the same book behind HTTP, for the demo, for tapes and for black-box tests.
//!
//! Prices come from a tape ([`Tape`]), a seeded market ([`MarketConfig`]) or by hand. Money and
//! prices are decimals everywhere. All randomness comes from seeds in the configuration.

mod bars;
pub mod book;
mod config;
mod hub;
mod journal;
mod market;
mod price;
mod rng;
mod server;
mod tape;
mod wire;
mod world;

pub use config::{AccountConfig, ExchangeConfig, Feed, TapeSpeed};
pub use hub::StartError;
pub use journal::JournalError;
pub use market::{MarketConfig, MarketSymbol};
pub use price::{PricePath, PricePoint, TickRule};
pub use rng::Rng;
pub use server::{Exchange, ExchangeHandle};
pub use tape::{Tape, TapeError, TapeFile};
