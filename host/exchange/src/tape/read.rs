//! The three file formats, and the splits file.
//!
//! Separate from the tape: this knows columns, the tape knows steps. Nothing is repaired here; a
//! row that contradicts itself is refused.

use super::field::Line;
use super::{Row, TapeError, TapeFile};
use crate::price::{PricePath, PricePoint, TickRule};
use csv::StringRecord;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::path::Path;

const TICKS: &[&str] = &["timestamp", "bid", "ask"];
const BARS: &[&str] = &["timestamp", "open", "high", "low", "close", "volume"];
const DAYS: &[&str] = &["symbol", "date", "open", "high", "low", "close", "volume"];
const SPLITS: &[&str] = &["symbol", "date", "ratio"];

const MINUTE_NS: i64 = 60_000_000_000;
const DAY_NS: i64 = 1_440 * MINUTE_NS;
/// 14:30, 16:30, 18:30, 21:00 UTC.
const DAY_PHASES_NS: [i64; 4] =
    [870 * MINUTE_NS, 990 * MINUTE_NS, 1_110 * MINUTE_NS, 1_260 * MINUTE_NS];

/// Symbol, decimals of its finest price, rows.
pub(super) type Series = (String, u32, Vec<Row>);

struct Bar {
    start_ns: i64,
    prices: [Decimal; 4],
    volume: Decimal,
}

/// Reads one file.
pub(super) fn file(file: &TapeFile) -> Result<Vec<Series>, TapeError> {
    let path = file.path.as_path();
    let (header, records) = records(path)?;
    let header: Vec<&str> = header.iter().map(str::trim).collect();
    let symbol = || file.symbol.clone().unwrap_or_else(|| symbol_of_name(path));
    if header == TICKS {
        Ok(vec![ticks(path, symbol(), &records)?])
    } else if header == BARS {
        Ok(vec![bars(path, symbol(), &records)?])
    } else if header == DAYS {
        let splits = match &file.splits {
            Some(splits_path) => splits(splits_path)?,
            None => BTreeMap::new(),
        };
        days(path, &records, &splits)
    } else {
        Err(TapeError::Header { path: path.to_owned(), found: header.join(",") })
    }
}

fn records(path: &Path) -> Result<(StringRecord, Vec<StringRecord>), TapeError> {
    let open = |source| TapeError::Open { path: path.to_owned(), source };
    let mut reader = csv::Reader::from_path(path).map_err(open)?;
    let header = reader.headers().map_err(open)?.clone();
    let mut records = Vec::new();
    for record in reader.records() {
        records.push(record.map_err(|source| TapeError::Line {
            path: path.to_owned(),
            line: source.position().map_or(0, csv::Position::line),
            source,
        })?);
    }
    Ok((header, records))
}

fn symbol_of_name(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.unwrap_or_default();
    let name: String = stem.chars().take_while(char::is_ascii_alphanumeric).collect();
    if name.is_empty() { "TAPE".to_owned() } else { name.to_uppercase() }
}

fn ticks(path: &Path, symbol: String, records: &[StringRecord]) -> Result<Series, TapeError> {
    let mut rows: Vec<Row> = Vec::with_capacity(records.len());
    let mut scale = 0;
    for record in records {
        let line = Line { path, columns: TICKS, record };
        let at_ns = line.time(0)?;
        let (bid, ask) = (line.price(1)?, line.price(2)?);
        if ask < bid {
            return Err(line.wrong(2, format!("an ask at or above the bid {bid}")));
        }
        if rows.last().is_some_and(|last| last.at_ns > at_ns) {
            return Err(line.wrong(0, "at or after the time of the row before"));
        }
        scale = scale.max(decimals(bid)).max(decimals(ask));
        let price = PricePoint::quote(bid, ask);
        rows.push(Row { at_ns, symbol: 0, price, volume: Decimal::ZERO });
    }
    Ok((symbol, scale, rows))
}

fn bars(path: &Path, symbol: String, records: &[StringRecord]) -> Result<Series, TapeError> {
    let mut bars: Vec<Bar> = Vec::with_capacity(records.len());
    let mut shortest_ns = MINUTE_NS;
    for record in records {
        let line = Line { path, columns: BARS, record };
        let bar =
            Bar { start_ns: line.time(0)?, prices: prices(&line, 1)?, volume: line.volume(5)? };
        if let Some(last) = bars.last() {
            let gap_ns = bar.start_ns.saturating_sub(last.start_ns);
            if gap_ns <= 0 {
                return Err(line.wrong(0, "after the time of the row before"));
            }
            shortest_ns = if bars.len() == 1 { gap_ns } else { shortest_ns.min(gap_ns) };
        }
        bars.push(bar);
    }
    let quarter_ns = shortest_ns / 4;
    let phases_ns = [0, quarter_ns, 2 * quarter_ns, 3 * quarter_ns];
    let scale = bars.iter().flat_map(|bar| bar.prices).map(decimals).max().unwrap_or(0);
    Ok((symbol, scale, bars.iter().flat_map(|bar| play(bar, &phases_ns)).collect()))
}

fn days(
    path: &Path,
    records: &[StringRecord],
    splits: &BTreeMap<String, Vec<(i64, Decimal)>>,
) -> Result<Vec<Series>, TapeError> {
    let mut found: BTreeMap<String, Vec<Bar>> = BTreeMap::new();
    for record in records {
        let line = Line { path, columns: DAYS, record };
        let symbol = line.symbol(0)?;
        let bar =
            Bar { start_ns: line.day(1)?, prices: prices(&line, 2)?, volume: line.volume(6)? };
        let known = splits.get(&symbol);
        let bars = found.entry(symbol).or_default();
        if bars.last().is_some_and(|last| last.start_ns >= bar.start_ns) {
            return Err(line.wrong(1, "after the day of this symbol's row before"));
        }
        bars.push(unsplit(bar, known));
    }
    let series = |(symbol, bars): (String, Vec<Bar>)| {
        let rows = bars.iter().flat_map(|bar| play(bar, &DAY_PHASES_NS)).collect();
        // Shares have trades finer than a cent, but no orders.
        (symbol, 0, rows)
    };
    Ok(found.into_iter().map(series).collect())
}

/// Splits by symbol: first day at the new price, and how many units one became.
fn splits(path: &Path) -> Result<BTreeMap<String, Vec<(i64, Decimal)>>, TapeError> {
    let (header, records) = records(path)?;
    if header.iter().map(str::trim).ne(SPLITS.iter().copied()) {
        let found = header.iter().collect::<Vec<_>>().join(",");
        let record = StringRecord::from(vec![found]);
        let line = Line { path, columns: &["header"], record: &record };
        return Err(line.wrong(0, "\"symbol,date,ratio\""));
    }
    let mut splits: BTreeMap<String, Vec<(i64, Decimal)>> = BTreeMap::new();
    for record in &records {
        let line = Line { path, columns: SPLITS, record };
        let split = (line.day(1)?, line.ratio(2)?);
        splits.entry(line.symbol(0)?).or_default().push(split);
    }
    Ok(splits)
}

/// Open, high, low, close from column `first` on.
fn prices(line: &Line<'_>, first: usize) -> Result<[Decimal; 4], TapeError> {
    let [open, high, low, close] = [
        line.price(first)?,
        line.price(first + 1)?,
        line.price(first + 2)?,
        line.price(first + 3)?,
    ];
    if high < open.max(close) {
        return Err(line.wrong(first + 1, "a high at or above open and close"));
    }
    if low > open.min(close) {
        return Err(line.wrong(first + 2, "a low at or below open and close"));
    }
    Ok([open, high, low, close])
}

/// Divides by the splits that were still to come.
fn unsplit(mut bar: Bar, splits: Option<&Vec<(i64, Decimal)>>) -> Bar {
    let coming = splits.into_iter().flatten().filter(|(day_ns, _)| bar.start_ns < *day_ns);
    let ratio: Decimal = coming.map(|(_, ratio)| *ratio).product();
    if ratio != Decimal::ONE {
        for price in &mut bar.prices {
            let adjusted = *price / ratio;
            *price = adjusted.round_dp(TickRule::Equity.tick_at(adjusted).scale());
        }
    }
    bar
}

/// The four prices of a bar, at the phases given from its start on.
fn play(bar: &Bar, phases_ns: &[i64; 4]) -> [Row; 4] {
    let [open, high, low, close] = bar.prices;
    let low_first = open - low <= high - open;
    let (second, third) = if low_first { (low, high) } else { (high, low) };
    let row = |phase: usize, price: Decimal, path: PricePath| Row {
        at_ns: bar.start_ns.saturating_add(phases_ns[phase]),
        symbol: 0,
        price: PricePoint::trade(price, path),
        volume: if phase == 3 { bar.volume } else { Decimal::ZERO },
    };
    [
        row(0, open, PricePath::Jump),
        row(1, second, PricePath::Through),
        row(2, third, PricePath::Through),
        row(3, close, PricePath::Through),
    ]
}

/// Decimals a price really needs.
fn decimals(price: Decimal) -> u32 {
    price.normalize().scale()
}

const _: () = assert!(DAY_PHASES_NS[3] < DAY_NS);
