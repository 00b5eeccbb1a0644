//! What the host remembers of a symbol's prices, and the figures scripts ask of it.
//!
//! Apart because the figures must come out the same in the daemon, in replay and in tests: they
//! use complete bars only, and too few of them is an absence, never a guess.

use bracketd_core::Decimal;
use bracketd_core::broker::Bar;
use bracketd_core::money::{Price, SCALE_MAX};
use bracketd_core::time::Timestamp;

/// How many times its own length an exponential mean looks back.
pub(crate) const EMA_SPANS: usize = 3;

/// Bars kept by the host, and the extremes since the transaction was first held. Plain data.
#[derive(Clone, Copy, Debug, Default)]
pub struct History<'a> {
    /// Length of a bar in seconds.
    pub seconds: u32,
    /// The bars, oldest first, as the two halves of a ring; the last one may not be over yet.
    pub bars: (&'a [Bar], &'a [Bar]),
    /// Highest price since the first fill.
    pub peak: Option<Price>,
    /// Lowest price since the first fill.
    pub trough: Option<Price>,
}

/// Why a figure could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoFigure {
    /// There are not enough bars yet; how many there are.
    TooFew(usize),
    /// The length is no multiple of the kept bars'.
    BadFrame,
}

impl History<'_> {
    /// The last `count` complete bars of `frame_ms`, oldest first.
    pub(crate) fn last(
        &self,
        count: usize,
        frame_ms: u64,
        now: Timestamp,
    ) -> Result<Vec<Bar>, NoFigure> {
        let base_ms = u64::from(self.seconds) * 1_000;
        if base_ms == 0 {
            return Err(NoFigure::TooFew(0));
        }
        if frame_ms == 0 || !frame_ms.is_multiple_of(base_ms) {
            return Err(NoFigure::BadFrame);
        }
        let mut joined: Vec<Bar> = Vec::with_capacity(count + 1);
        let newest_first = self.bars.1.iter().rev().chain(self.bars.0.iter().rev());
        for bar in newest_first {
            let start = floor(bar.at, frame_ms);
            if start.plus_ms(frame_ms) > now {
                continue;
            }
            let is_full = joined.len() == count;
            match joined.last_mut() {
                Some(last) if last.at == start => {
                    last.open = bar.open;
                    last.high = last.high.max(bar.high);
                    last.low = last.low.min(bar.low);
                }
                _ if is_full => break,
                _ => joined.push(Bar { at: start, ..*bar }),
            }
        }
        if joined.len() < count {
            return Err(NoFigure::TooFew(joined.len()));
        }
        joined.reverse();
        Ok(joined)
    }

    /// Mean true range of the last `count` complete bars. A plain mean, not Wilder's smoothing,
    /// which would depend on how long the host has been running.
    pub(crate) fn atr(
        &self,
        count: usize,
        frame_ms: u64,
        now: Timestamp,
    ) -> Result<Decimal, NoFigure> {
        let bars = self.last(count + 1, frame_ms, now)?;
        let ranges = bars.iter().zip(bars.iter().skip(1)).map(|(before, bar)| {
            let high = bar.high.max(before.close).get();
            let low = bar.low.min(before.close).get();
            high - low
        });
        let sum: Decimal = ranges.sum();
        let mean = sum.checked_div(Decimal::from(count)).ok_or(NoFigure::TooFew(0))?;
        Ok(mean.round_dp(SCALE_MAX).normalize())
    }

    /// Exponential mean of the closes, weight 2 / (count + 1), over the last three times `count`
    /// complete bars; the plain mean of the oldest third is what it begins with. A fixed span, since
    /// a mean without a beginning would depend on how long the host has been running.
    pub(crate) fn ema(
        &self,
        count: usize,
        frame_ms: u64,
        now: Timestamp,
    ) -> Result<Decimal, NoFigure> {
        let bars = self.last(count * EMA_SPANS, frame_ms, now)?;
        let (first, later) = bars.split_at(count);
        let sum: Decimal = first.iter().map(|bar| bar.close.get()).sum();
        let begin = sum.checked_div(Decimal::from(count)).ok_or(NoFigure::TooFew(0))?;
        let mean = later.iter().try_fold(begin, |mean, bar| {
            let step = (bar.close.get() - mean).checked_mul(Decimal::TWO)?;
            mean.checked_add(step.checked_div(Decimal::from(count + 1))?)
        });
        mean.map(|mean| mean.round_dp(SCALE_MAX)).ok_or(NoFigure::TooFew(0))
    }

    /// The complete bar so many bars before the last complete one.
    pub(crate) fn bar(&self, back: usize, frame_ms: u64, now: Timestamp) -> Result<Bar, NoFigure> {
        let bars = self.last(back + 1, frame_ms, now)?;
        bars.first().copied().ok_or(NoFigure::TooFew(0))
    }
}

fn floor(at: Timestamp, frame_ms: u64) -> Timestamp {
    let span_us = i64::try_from(frame_ms).unwrap_or(i64::MAX).saturating_mul(1_000);
    Timestamp(at.0 - at.0.rem_euclid(span_us.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(minute: i64, high: i64, low: i64, close: i64) -> Bar {
        let price = |value: i64| Price::new(value.into()).expect("a price");
        Bar {
            at: Timestamp(minute * 60_000_000),
            open: price(close),
            high: price(high),
            low: price(low),
            close: price(close),
        }
    }

    fn history<'a>(older: &'a [Bar], newer: &'a [Bar]) -> History<'a> {
        History { seconds: 60, bars: (older, newer), peak: None, trough: None }
    }

    #[test]
    fn the_range_counts_a_gap_and_leaves_out_the_unfinished_bar() {
        let (older, newer) = ([bar(0, 10, 9, 10), bar(1, 12, 11, 12)], [bar(2, 13, 12, 12)]);
        let unfinished = [newer[0], bar(3, 90, 1, 50)];
        let now = Timestamp(190_000_000);
        let atr = history(&older, &unfinished).atr(2, 60_000, now);
        // Gap from 10 up to 12 is 2; then 13 - 12 is 1.
        assert_eq!(atr, Ok(Decimal::new(15, 1)));
    }

    #[test]
    fn too_few_bars_are_an_absence() {
        let older = [bar(0, 10, 9, 10), bar(1, 12, 11, 12)];
        let now = Timestamp(600_000_000);
        assert_eq!(history(&older, &[]).atr(2, 60_000, now), Err(NoFigure::TooFew(2)));
        assert_eq!(History::default().atr(2, 60_000, now), Err(NoFigure::TooFew(0)));
        assert_eq!(history(&older, &[]).atr(2, 90_000, now), Err(NoFigure::BadFrame));
    }

    /// By hand, weight 2 / (2 + 1): 10 and 12 begin with 11; 14 makes 13; 15 makes 43/3; 9 makes
    /// 97/9; 11 makes 295/27.
    #[test]
    fn an_exponential_mean_begins_with_the_plain_one() {
        let closes = [10, 12, 14, 15, 9, 11];
        let bars: Vec<Bar> = (0..).zip(closes).map(|(m, c)| bar(m, c + 1, c - 1, c)).collect();
        let now = Timestamp(360_000_000);
        let ema = history(&bars[..4], &bars[4..]).ema(2, 60_000, now);
        assert_eq!(ema.map(|mean| mean.to_string()).as_deref(), Ok("10.925925925926"));
        assert_eq!(history(&bars, &[]).ema(3, 60_000, now), Err(NoFigure::TooFew(6)));
    }

    #[test]
    fn a_bar_is_counted_back_from_the_last_complete_one() {
        let bars: Vec<Bar> = (0..4).map(|m| bar(m, 20, 1, 10 + m)).collect();
        let now = Timestamp(200_000_000);
        let close = |back| history(&bars, &[]).bar(back, 60_000, now).map(|b| b.close.to_string());
        assert_eq!(close(0).as_deref(), Ok("12"));
        assert_eq!(close(2).as_deref(), Ok("10"));
        assert_eq!(close(3), Err(NoFigure::TooFew(3)));
    }

    #[test]
    fn longer_bars_are_joined_at_whole_multiples() {
        let base: Vec<Bar> = (0..6).map(|m| bar(m, 10 + m, 5 - m.min(4), 7 + m)).collect();
        let joined = history(&base, &[]).last(2, 180_000, Timestamp(360_000_000)).expect("two");
        let read: Vec<_> = joined.iter().map(|b| (b.at.0, b.high.get(), b.close.get())).collect();
        let d = Decimal::from;
        assert_eq!(read, [(0, d(12), d(9)), (180_000_000, d(15), d(12))]);
    }
}
