//! What the host remembers of each symbol's prices: bars, and the extremes since any moment.
//!
//! Apart because policies of thousands of transactions ask for a peak since *their* entry, and
//! that must not cost a visit of each transaction per price.

use std::collections::{BTreeMap, VecDeque};

use bracketd_core::broker::{Bar, Quote};
use bracketd_core::ids::{AccountName, Symbol};
use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;

/// Length of the bars that are kept, in seconds; longer ones are joined from these.
pub const BASE_SECONDS: u32 = 60;
/// Bars kept of a symbol: a little over a trading day of minutes.
const BARS_MAX: usize = 1_000;
/// Extremes kept of a symbol and side. The oldest go first: a peak older than so many later lower
/// peaks is forgotten, and the next one in time stands for it.
const EXTREMES_MAX: usize = 4_096;

/// All symbols of all accounts.
#[derive(Debug, Default)]
pub struct Market {
    tracks: BTreeMap<(AccountName, Symbol), Track>,
}

/// One symbol's memory.
#[derive(Debug, Default)]
pub struct Track {
    bars: VecDeque<Bar>,
    peaks: VecDeque<(Timestamp, Price)>,
    troughs: VecDeque<(Timestamp, Price)>,
}

impl Market {
    /// Takes in a price. Gives the bar that it completes.
    pub fn quoted(&mut self, account: &AccountName, quote: &Quote) -> Option<Bar> {
        let price = mid(quote)?;
        let track = self.tracks.entry((account.clone(), quote.symbol.clone())).or_default();
        track.priced(quote.at, price)
    }

    /// Takes in bars that were read from the broker, for the time before the first price.
    pub fn filled_in(
        &mut self,
        account: &AccountName,
        symbol: &Symbol,
        seconds: u32,
        bars: &[Bar],
    ) {
        if seconds != BASE_SECONDS {
            return;
        }
        let track = self.tracks.entry((account.clone(), symbol.clone())).or_default();
        let first = track.bars.front().map(|bar| bar.at);
        for bar in bars.iter().rev().filter(|bar| first.is_none_or(|first| bar.at < first)) {
            track.bars.push_front(*bar);
        }
    }

    /// A symbol's memory.
    pub fn track(&self, account: &AccountName, symbol: &Symbol) -> Option<&Track> {
        self.tracks.get(&(account.clone(), symbol.clone()))
    }
}

/// The price that stands for a quote in bars and extremes.
fn mid(quote: &Quote) -> Option<Price> {
    match (quote.bid, quote.ask) {
        (Some(bid), Some(ask)) => Price::new((bid.get() + ask.get()) / bracketd_core::Decimal::TWO),
        (one, other) => quote.last.or(one).or(other),
    }
}

impl Track {
    fn priced(&mut self, at: Timestamp, price: Price) -> Option<Bar> {
        push(&mut self.peaks, at, price, |old, new| old <= new);
        push(&mut self.troughs, at, price, |old, new| old >= new);
        let span_us = i64::from(BASE_SECONDS) * 1_000_000;
        let start = Timestamp(at.0 - at.0.rem_euclid(span_us));
        match self.bars.back_mut() {
            Some(bar) if bar.at == start => {
                bar.high = bar.high.max(price);
                bar.low = bar.low.min(price);
                bar.close = price;
                None
            }
            _ => {
                let complete = self.bars.back().copied();
                self.bars.push_back(Bar {
                    at: start,
                    open: price,
                    high: price,
                    low: price,
                    close: price,
                });
                if self.bars.len() > BARS_MAX {
                    self.bars.pop_front();
                }
                complete
            }
        }
    }

    /// Highest price since the moment.
    pub fn peak_since(&self, since: Timestamp) -> Option<Price> {
        first_since(&self.peaks, since)
    }

    /// Lowest price since the moment.
    pub fn trough_since(&self, since: Timestamp) -> Option<Price> {
        first_since(&self.troughs, since)
    }

    /// The base bars, oldest first; the last one is not over yet.
    pub fn bars(&self) -> &VecDeque<Bar> {
        &self.bars
    }
}

/// Keeps only prices that no later one reached: the first kept one at or after a moment is then
/// the extreme since that moment.
fn push(
    kept: &mut VecDeque<(Timestamp, Price)>,
    at: Timestamp,
    price: Price,
    is_reached: impl Fn(Price, Price) -> bool,
) {
    while kept.back().is_some_and(|(_, old)| is_reached(*old, price)) {
        kept.pop_back();
    }
    kept.push_back((at, price));
    if kept.len() > EXTREMES_MAX {
        kept.pop_front();
    }
}

fn first_since(kept: &VecDeque<(Timestamp, Price)>, since: Timestamp) -> Option<Price> {
    let at = kept.partition_point(|(time, _)| *time < since);
    kept.get(at).map(|(_, price)| *price)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(value: i64) -> Price {
        Price::new(value.into()).expect("a price")
    }

    #[test]
    fn extremes_since_any_moment_equal_a_plain_search() {
        let series = [5, 7, 6, 9, 8, 8, 4, 6, 5, 3, 4];
        let mut track = Track::default();
        for (second, value) in series.iter().enumerate() {
            track.priced(Timestamp(second as i64 * 1_000_000), price(*value));
        }
        for from in 0..series.len() {
            let since = Timestamp(from as i64 * 1_000_000);
            let peak = series[from..].iter().max().copied().map(price);
            let trough = series[from..].iter().min().copied().map(price);
            assert_eq!((track.peak_since(since), track.trough_since(since)), (peak, trough));
        }
    }

    #[test]
    fn prices_of_a_minute_make_one_bar() {
        let mut track = Track::default();
        for (second, value) in [(0, 10), (20, 12), (59, 9), (60, 11)] {
            track.priced(Timestamp(second * 1_000_000), price(value));
        }
        let bars: Vec<_> = track
            .bars()
            .iter()
            .map(|b| [b.open, b.high, b.low, b.close].map(|p| p.to_string()))
            .collect();
        assert_eq!(
            bars,
            [["10", "12", "9", "9"], ["11", "11", "11", "11"]].map(|b| b.map(String::from))
        );
    }
}
