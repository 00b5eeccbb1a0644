//! Bars of the prices seen so far.
//!
//! Separate because history is kept for readers only; the book never looks at it. Bounded: the
//! oldest minutes are forgotten.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

const MINUTE_NS: i64 = 60_000_000_000;
const DAY_NS: i64 = 86_400_000_000_000;
const KEPT: usize = 20_000;

/// One bar of one symbol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bar {
    pub(crate) start_ns: i64,
    pub(crate) open: Decimal,
    pub(crate) high: Decimal,
    pub(crate) low: Decimal,
    pub(crate) close: Decimal,
    pub(crate) volume: Decimal,
    /// Price points inside it.
    pub(crate) points: u64,
}

/// Minutes and days of each symbol.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Bars {
    minutes: BTreeMap<String, VecDeque<Bar>>,
    days: BTreeMap<String, VecDeque<Bar>>,
}

impl Bars {
    /// Takes in a price.
    pub(crate) fn add(&mut self, symbol: &str, at_ns: i64, price: Decimal, volume: Decimal) {
        for (width_ns, series) in [(MINUTE_NS, &mut self.minutes), (DAY_NS, &mut self.days)] {
            if !series.contains_key(symbol) {
                series.insert(symbol.to_owned(), VecDeque::new());
            }
            let Some(bars) = series.get_mut(symbol) else { continue };
            let start_ns = at_ns.div_euclid(width_ns) * width_ns;
            let point = Bar {
                start_ns,
                open: price,
                high: price,
                low: price,
                close: price,
                volume,
                points: 1,
            };
            match bars.back_mut() {
                Some(last) if last.start_ns == start_ns => merge(last, &point),
                _ => bars.push_back(point),
            }
            if bars.len() > KEPT {
                bars.pop_front();
            }
        }
    }

    /// Bars of `width_ns` that start within `from_ns..=to_ns`, oldest first.
    pub(crate) fn of(&self, symbol: &str, width_ns: i64, from_ns: i64, to_ns: i64) -> Vec<Bar> {
        let series = if width_ns % DAY_NS == 0 { &self.days } else { &self.minutes };
        let mut merged: Vec<Bar> = Vec::new();
        for bar in series.get(symbol).into_iter().flatten() {
            let start_ns = bar.start_ns.div_euclid(width_ns) * width_ns;
            if start_ns < from_ns || start_ns > to_ns {
                continue;
            }
            match merged.last_mut() {
                Some(last) if last.start_ns == start_ns => merge(last, bar),
                _ => merged.push(Bar { start_ns, ..bar.clone() }),
            }
        }
        merged
    }
}

/// `1Min`, `5T`, `1Hour`, `1Day`, `1Week` in nanoseconds.
pub(crate) fn width_ns(timeframe: &str) -> Option<i64> {
    let digits = timeframe.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = timeframe.split_at(digits);
    let count: i64 = if count.is_empty() { 1 } else { count.parse().ok()? };
    let unit_ns = match unit {
        "Min" | "T" => MINUTE_NS,
        "Hour" | "H" => 60 * MINUTE_NS,
        "Day" | "D" => DAY_NS,
        "Week" | "W" => 7 * DAY_NS,
        _ => return None,
    };
    (1..=365).contains(&count).then(|| count * unit_ns)
}

fn merge(into: &mut Bar, bar: &Bar) {
    into.high = into.high.max(bar.high);
    into.low = into.low.min(bar.low);
    into.close = bar.close;
    into.volume += bar.volume;
    into.points += bar.points;
}

#[cfg(test)]
mod tests {
    use super::{Bars, MINUTE_NS, width_ns};
    use rust_decimal::Decimal;

    #[test]
    fn minutes_merge_into_wider_bars() {
        let mut bars = Bars::default();
        for (minute, price) in [(0, 10), (0, 12), (1, 9), (5, 11)] {
            bars.add("ACME", minute * MINUTE_NS, Decimal::from(price), Decimal::ONE);
        }
        let five = bars.of("ACME", 5 * MINUTE_NS, 0, i64::MAX);
        let shape: Vec<String> = five
            .iter()
            .map(|b| format!("{} {} {} {} {}", b.open, b.high, b.low, b.close, b.volume))
            .collect();
        assert_eq!(shape, ["10 12 9 9 3", "11 11 11 11 1"]);
        assert_eq!(bars.of("ACME", MINUTE_NS, MINUTE_NS, MINUTE_NS).len(), 1);
    }

    #[test]
    fn timeframes_of_the_broker() {
        let rows = [
            ("1Min", Some(MINUTE_NS)),
            ("5T", Some(5 * MINUTE_NS)),
            ("1Hour", Some(60 * MINUTE_NS)),
            ("1Day", Some(1_440 * MINUTE_NS)),
            ("0Min", None),
            ("1Fortnight", None),
            ("", None),
        ];
        for (text, width) in rows {
            assert_eq!(width_ns(text), width, "{text}");
        }
    }
}
