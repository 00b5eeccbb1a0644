//! The exchange without its server: one market, several accounts, one clock, one step counter.
//!
//! Separate so that everything which survives a restart is decided here, from commands that can be
//! written down and played again. It reads no clock: time is part of each command.

use crate::bars::Bars;
use crate::book::{
    Accepted, Asset, Event, ExchangeBook, Incident, NewOrder, OrderId, Reject, RejectKind, Replace,
};
use crate::config::{ExchangeConfig, Feed};
use crate::market::{Market, MarketConfig};
use crate::price::PricePoint;
use crate::tape::Tape;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A change of the exchange; the journal holds these.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// The next price of the market or tape, at this time.
    Advance { at_ns: i64 },
    /// A step was dealt with; go to the next price or timer.
    Ack { step: u64, next_timer_ns: Option<i64> },
    /// A price set by hand.
    Price { symbol: String, price: PricePoint, at_ns: i64 },
    /// Liquidity per step set by hand.
    Liquidity { symbol: String, max_fill_per_step: Option<Decimal> },
    /// Refuse a request to come.
    Incident { account: Option<usize>, incident: Incident },
    /// A new order.
    Submit { account: usize, at_ns: i64, order: NewOrder },
    /// A changed order.
    Replace { account: usize, at_ns: i64, id: OrderId, change: Replace },
    /// An order to cancel.
    Cancel { account: usize, at_ns: i64, id: OrderId },
    /// All orders to cancel.
    CancelAll { account: usize, at_ns: i64 },
}

/// What came of a command.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    Accepted(Box<Accepted>),
    Canceled(Vec<OrderId>),
    /// The acknowledged step is not the present one.
    WrongStep,
}

/// A price and when it was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) at_ns: i64,
    pub(crate) price: PricePoint,
}

/// The part of the world that a snapshot holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) clock_ns: i64,
    /// Counts prices and timers, from 1; 0 before the first.
    pub(crate) step: u64,
    /// Tape steps played.
    pub(crate) played: usize,
    market: Option<Market>,
    pub(crate) books: Vec<ExchangeBook>,
    pub(crate) seen: BTreeMap<String, Seen>,
    pub(crate) bars: Bars,
}

/// Where prices come from.
pub(crate) enum Source {
    Manual,
    Market(MarketConfig),
    Tape(Arc<Tape>),
}

pub(crate) struct World {
    pub(crate) source: Source,
    pub(crate) state: State,
    /// What happened to orders since somebody took it: account and event.
    pub(crate) news: Vec<(usize, Event)>,
}

impl World {
    pub(crate) fn new(config: &ExchangeConfig, source: Source) -> Self {
        let mut assets: Vec<Asset> = config.assets.clone();
        match &source {
            Source::Manual => {}
            Source::Market(market) => {
                assets.extend(market.symbols.iter().map(crate::market::MarketSymbol::asset));
            }
            Source::Tape(tape) => assets.extend(tape.assets().iter().cloned()),
        }
        let books = config.accounts.iter().zip(0_u64..).map(|(account, place)| {
            let mut book = account.book.clone();
            // Accounts given the same seed must still not share ids.
            book.seed = book.seed.wrapping_add(place.wrapping_mul(0x9e6c_63d0_676a_9a99));
            book.assets.extend(assets.iter().cloned());
            ExchangeBook::new(book)
        });
        let market = match &source {
            Source::Market(market) => Some(Market::new(market)),
            _ => None,
        };
        let state = State {
            clock_ns: 0,
            step: 0,
            played: 0,
            market,
            books: books.collect(),
            seen: BTreeMap::new(),
            bars: Bars::default(),
        };
        let mut world = Self { source, state, news: Vec::new() };
        // A tape shows its first step at once: a reader must never find an empty market.
        if matches!(world.source, Source::Tape(_)) {
            world.next_price(0);
        }
        world
    }

    /// Takes up a stored state.
    pub(crate) fn restore(&mut self, mut state: State) {
        for book in &mut state.books {
            book.reindex();
        }
        self.state = state;
    }

    /// Two runs with the same fingerprint play the same prices to the same accounts.
    pub(crate) fn fingerprint(config: &ExchangeConfig, source: &Source) -> String {
        let feed = match source {
            Source::Manual => "manual".to_owned(),
            Source::Market(market) => {
                let names: Vec<_> = market.symbols.iter().map(|s| s.symbol.as_str()).collect();
                format!("market seed {} {}", market.seed, names.join(","))
            }
            Source::Tape(tape) => {
                let names: Vec<_> = tape.assets().iter().map(|a| a.symbol.as_str()).collect();
                let ends = (tape.time_of(0), tape.time_of(tape.steps().saturating_sub(1)));
                format!("tape {} {} steps {ends:?}", names.join(","), tape.steps())
            }
        };
        let keys: Vec<_> = config.accounts.iter().map(|a| a.key_id.as_str()).collect();
        debug_assert!(!matches!((&config.feed, source), (Feed::Manual, Source::Tape(_))));
        format!("{feed}; accounts {}", keys.join(","))
    }

    /// Prices on the tape; `None` where the source has no end.
    pub(crate) fn total(&self) -> Option<usize> {
        match &self.source {
            Source::Tape(tape) => Some(tape.steps()),
            _ => None,
        }
    }

    /// The last price has been shown.
    pub(crate) fn done(&self) -> bool {
        self.total().is_some_and(|total| self.state.played >= total)
    }

    /// When the tape's next price is due.
    pub(crate) fn next_price_ns(&self) -> Option<i64> {
        match &self.source {
            Source::Tape(tape) => tape.time_of(self.state.played),
            _ => None,
        }
    }

    /// The one way to change the world.
    pub(crate) fn apply(&mut self, command: &Command) -> Result<Outcome, Reject> {
        match command {
            Command::Advance { at_ns } => {
                self.next_price(*at_ns);
                Ok(Outcome::Done)
            }
            Command::Ack { step, next_timer_ns } => Ok(self.ack(*step, *next_timer_ns)),
            Command::Price { symbol, price, at_ns } => {
                self.state.step += 1;
                self.set_time(*at_ns);
                self.show(symbol, price, Decimal::ZERO);
                Ok(Outcome::Done)
            }
            Command::Liquidity { symbol, max_fill_per_step } => {
                for book in &mut self.state.books {
                    book.set_max_fill_per_step(symbol, *max_fill_per_step)?;
                }
                Ok(Outcome::Done)
            }
            Command::Incident { account, incident } => {
                for (index, book) in self.state.books.iter_mut().enumerate() {
                    if account.is_none_or(|wanted| wanted == index) {
                        book.inject(incident.clone());
                    }
                }
                Ok(Outcome::Done)
            }
            Command::Submit { account, at_ns, order } => {
                self.set_time(*at_ns);
                let mut accepted = self.book_mut(*account)?.submit(order, *at_ns)?;
                self.heard(*account, std::mem::take(&mut accepted.events));
                Ok(Outcome::Accepted(Box::new(accepted)))
            }
            Command::Replace { account, at_ns, id, change } => {
                self.set_time(*at_ns);
                let mut accepted = self.book_mut(*account)?.replace(*id, change, *at_ns)?;
                self.heard(*account, std::mem::take(&mut accepted.events));
                Ok(Outcome::Accepted(Box::new(accepted)))
            }
            Command::Cancel { account, at_ns, id } => {
                self.set_time(*at_ns);
                let events = self.book_mut(*account)?.cancel(*id, *at_ns)?;
                self.heard(*account, events);
                Ok(Outcome::Canceled(vec![*id]))
            }
            Command::CancelAll { account, at_ns } => {
                self.set_time(*at_ns);
                let (ids, events) = self.book_mut(*account)?.cancel_all(*at_ns);
                self.heard(*account, events);
                Ok(Outcome::Canceled(ids))
            }
        }
    }

    fn heard(&mut self, account: usize, events: Vec<Event>) {
        self.news.extend(events.into_iter().map(|event| (account, event)));
    }

    fn book_mut(&mut self, account: usize) -> Result<&mut ExchangeBook, Reject> {
        let missing = || Reject::new(RejectKind::NotFound, 404, 40_410_000, "no such account");
        self.state.books.get_mut(account).ok_or_else(missing)
    }

    fn set_time(&mut self, at_ns: i64) {
        self.state.clock_ns = self.state.clock_ns.max(at_ns);
    }

    /// Goes to the earlier of the next price and the timer; stays where neither is.
    fn ack(&mut self, step: u64, next_timer_ns: Option<i64>) -> Outcome {
        if step != self.state.step {
            return Outcome::WrongStep;
        }
        let timer = next_timer_ns.map(|at_ns| at_ns.max(self.state.clock_ns));
        match (self.next_price_ns(), timer) {
            (Some(price_ns), Some(timer_ns)) if timer_ns < price_ns => self.next_timer(timer_ns),
            (Some(_), _) => self.next_price(0),
            (None, Some(timer_ns)) => self.next_timer(timer_ns),
            (None, None) => {}
        }
        Outcome::Done
    }

    fn next_timer(&mut self, at_ns: i64) {
        self.state.step += 1;
        self.set_time(at_ns);
        for (account, book) in self.state.books.iter_mut().enumerate() {
            let events = book.on_time(at_ns);
            self.news.extend(events.into_iter().map(|event| (account, event)));
        }
    }

    /// Shows the next price of the source; a tape brings its own time.
    fn next_price(&mut self, at_ns: i64) {
        match &self.source {
            Source::Manual => {}
            Source::Market(config) => {
                let Some(market) = &mut self.state.market else { return };
                let prices = market.step(config);
                self.state.step += 1;
                self.set_time(at_ns);
                for (symbol, price) in prices {
                    self.show(&symbol, &price, Decimal::ZERO);
                }
            }
            Source::Tape(tape) => {
                let tape = Arc::clone(tape);
                let rows = tape.rows_of(self.state.played);
                let Some(first) = rows.first() else { return };
                self.state.step += 1;
                self.state.played += 1;
                self.set_time(first.at_ns);
                for row in rows {
                    self.show(tape.symbol_of(row), &row.price, row.volume);
                }
            }
        }
    }

    fn show(&mut self, symbol: &str, price: &PricePoint, volume: Decimal) {
        let at_ns = self.state.clock_ns;
        self.state.bars.add(symbol, at_ns, price.mark(), volume);
        let seen = Seen { at_ns, price: price.clone() };
        match self.state.seen.get_mut(symbol) {
            Some(slot) => *slot = seen,
            None => {
                self.state.seen.insert(symbol.to_owned(), seen);
            }
        }
        for (account, book) in self.state.books.iter_mut().enumerate() {
            let events = book.on_price(symbol, price, at_ns);
            self.news.extend(events.into_iter().map(|event| (account, event)));
        }
    }
}
