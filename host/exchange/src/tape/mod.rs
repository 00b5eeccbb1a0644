//! Recorded prices as a sequence of steps.
//!
//! Separate because the rest of the exchange does not care where prices come from. A tape is read
//! whole before it plays: a bad row is an error at the start, never a surprise in the middle.
//!
//! Formats, told apart by their header:
//! - ticks `timestamp,bid,ask`: each row is one price, jumped to; no trades;
//! - bars `timestamp,open,high,low,close,volume`: a bar plays its open, the nearer of low and high
//!   to the open, the other one, then its close; in quarters of the shortest gap of the file. The
//!   open is jumped to, the rest is passed through, and the quote has no width;
//! - daily bars `symbol,date,open,high,low,close,volume`: the same four prices at 14:30, 16:30,
//!   18:30 and 21:00 UTC. With a splits file `symbol,date,ratio` the prices before each split's
//!   first day are divided by its ratio and rounded to the order price step, so that the tape is
//!   continuous; volumes, orders and positions are left alone.
//!
//! A symbol's order prices follow the equity rule, unless its file of ticks or bars has finer
//! prices than cents: then the step is the finest decimal in the file.

mod error;
mod field;
mod read;

#[cfg(test)]
mod tests;

pub use error::TapeError;

use crate::book::Asset;
use crate::price::{PricePoint, TickRule};
use rust_decimal::Decimal;
use std::path::PathBuf;

/// A file of a tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeFile {
    /// Where it is.
    pub path: PathBuf,
    /// The symbol of a file that names none; absent: the file name's letters and digits up to the
    /// first other character, in capitals.
    pub symbol: Option<String>,
    /// Splits to undo, for daily bars.
    pub splits: Option<PathBuf>,
}

/// One price of one symbol.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) at_ns: i64,
    /// Index into the tape's symbols.
    pub(crate) symbol: usize,
    pub(crate) price: PricePoint,
    pub(crate) volume: Decimal,
}

/// All rows of all files, in the order of time, cut into steps.
#[derive(Debug)]
pub struct Tape {
    assets: Vec<Asset>,
    rows: Vec<Row>,
    /// Index of each step's first row.
    starts: Vec<usize>,
}

impl Tape {
    /// Reads files and merges them by time.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown header, a row that is not what its header promises,
    /// a time that goes back, two files with the same symbol, no rows at all.
    pub fn load(files: &[TapeFile]) -> Result<Self, TapeError> {
        let mut tape = Self { assets: Vec::new(), rows: Vec::new(), starts: Vec::new() };
        for file in files {
            let read = read::file(file)?;
            for (symbol, scale, rows) in read {
                if tape.assets.iter().any(|asset| asset.symbol == symbol) {
                    return Err(TapeError::SymbolTwice { path: file.path.clone(), symbol });
                }
                let index = tape.assets.len();
                tape.assets.push(asset(&symbol, scale));
                tape.rows.extend(rows.into_iter().map(|row| Row { symbol: index, ..row }));
            }
        }
        tape.rows.sort_by_key(|row| row.at_ns);
        tape.cut();
        if tape.rows.is_empty() {
            return Err(TapeError::Empty);
        }
        Ok(tape)
    }

    /// A step ends where the time changes, or where a symbol would have two prices.
    fn cut(&mut self) {
        let mut seen = vec![usize::MAX; self.assets.len()];
        let mut at_ns = None;
        for (index, row) in self.rows.iter().enumerate() {
            let step = self.starts.len();
            if at_ns != Some(row.at_ns) || seen.get(row.symbol) == Some(&step) {
                self.starts.push(index);
                at_ns = Some(row.at_ns);
            }
            if let Some(mark) = seen.get_mut(row.symbol) {
                *mark = self.starts.len();
            }
        }
    }

    /// The symbols on it, with the rules of their orders.
    #[must_use]
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// How many steps it has.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.starts.len()
    }

    /// When step `index` (from zero) begins, in unix nanoseconds.
    #[must_use]
    pub fn time_of(&self, index: usize) -> Option<i64> {
        self.starts.get(index).and_then(|&row| self.rows.get(row)).map(|row| row.at_ns)
    }

    /// The rows of step `index` (from zero).
    pub(crate) fn rows_of(&self, index: usize) -> &[Row] {
        let Some(&from) = self.starts.get(index) else { return &[] };
        let to = self.starts.get(index + 1).copied().unwrap_or(self.rows.len());
        self.rows.get(from..to).unwrap_or(&[])
    }

    /// The symbol of a row.
    pub(crate) fn symbol_of(&self, row: &Row) -> &str {
        self.assets.get(row.symbol).map_or("", |asset| asset.symbol.as_str())
    }
}

/// A tape's symbol is listed like an equity, in whole units.
fn asset(symbol: &str, scale: u32) -> Asset {
    let tick = if scale > 2 { TickRule::Fixed(Decimal::new(1, scale)) } else { TickRule::Equity };
    Asset { symbol: symbol.to_owned(), tick, shortable: true, fractionable: false }
}
