//! Runs a paper exchange and prints its address: `serve [manual|market|TAPE.csv]`.
//!
//! For trying out clients; the daemon has its own command with all settings.

use bracketd_exchange::{
    AccountConfig, Exchange, ExchangeConfig, Feed, MarketConfig, TapeFile, TapeSpeed,
};
use rust_decimal::Decimal;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let account = AccountConfig::new("PKTEST", "secret", Decimal::from(100_000_000));
    let mut config = ExchangeConfig::manual(account);
    match std::env::args().nth(1).as_deref() {
        Some("manual") => {}
        None | Some("market") => config.feed = Feed::Market(MarketConfig::default()),
        Some(path) => {
            let file = TapeFile { path: path.into(), symbol: None, splits: None };
            config.feed = Feed::Tape { files: vec![file], speed: TapeSpeed::Max };
        }
    }
    if let Some(book_file) = std::env::args().nth(2) {
        config.book_file = Some(book_file.into());
    }
    Exchange::run_blocking(&config, |url| println!("{url} key PKTEST secret secret"))?;
    Ok(())
}
