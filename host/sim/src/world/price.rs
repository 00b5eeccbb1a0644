//! Prices, as they move at the broker and as the daemon reads them.
//!
//! Apart because the two are not the same: what an order fills at is never late, what a policy sees
//! may be.

use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, Quote};
use bracketd_core::money::Price;

use super::World;
use crate::fault::Fault;

impl World<'_> {
    /// Prices at the broker.
    pub(super) fn move_prices(&mut self, no: usize) {
        self.sync(no);
        for at in 0..self.market.tickers.len() {
            let ticker = &self.market.tickers[at];
            let broker = &mut self.accounts[no].broker;
            let units = if ticker.halted > 0 { Some(0) } else { ticker.liquidity };
            // The symbols were listed at the start.
            let _known = broker.book.set_max_fill_per_step(ticker.symbol, units.map(Decimal::from));
            let (bid, ask) = ticker.quote();
            broker.price(ticker.symbol, bid, ask);
        }
        self.broker_changed(no);
    }

    /// Prices as the daemon reads them.
    pub(super) fn tell_prices(&mut self, no: usize) {
        let is_over = self.is_calm && self.now >= self.quiet_from;
        if self.daemon.engine.is_none() || !self.accounts[no].is_up || is_over {
            return;
        }
        if self.strikes(Fault::StaleQuote) {
            let ms = 500 + self.faults.below(Fault::StaleQuote, 20_000);
            self.accounts[no].silent_until = self.now.plus_ms(ms);
        }
        if self.now < self.accounts[no].silent_until && !self.is_calm {
            return;
        }
        let at = self.daemon.time(self.now);
        let quotes = self.market.tickers.iter().map(|ticker| {
            let (bid, ask) = ticker.quote();
            let symbol = ticker.symbol.into();
            Quote { symbol, bid: Price::new(bid), ask: Price::new(ask), last: None, at }
        });
        let quotes = quotes.collect();
        self.tell(no, 0, BrokerEvent::Quotes(quotes));
    }
}
