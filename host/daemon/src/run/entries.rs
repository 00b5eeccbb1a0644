//! The entries of a tape run: from a file, or one at every so many rows.
//!
//! Apart because they stand for the people and systems that open transactions; they go through the
//! same request as everybody else's.

use std::path::{Path, PathBuf};

use bracketd_core::Decimal;
use bracketd_core::ids::{AccountName, PolicyName, Symbol};
use bracketd_core::intent::{GuardWish, Intent, Open, Request, Source};
use bracketd_core::money::{Price, Quantity, Snap};
use bracketd_core::order::Direction;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::EntryKind;
use bracketd_engine::Input;

use super::engine_thread::EngineThread;
use crate::message::TapeStep;

/// What entries at intervals look like.
#[derive(Clone, Copy, Debug)]
pub struct Distances {
    /// How much each opens.
    pub quantity: Decimal,
    /// Distance of the stop from the entry, in percent.
    pub stop_percent: Decimal,
    /// Distance of the target from the entry, in percent.
    pub target_percent: Decimal,
}

/// What opens transactions during a tape run.
#[derive(Debug)]
pub struct Entries {
    /// Those that are left, earliest first.
    planned: std::collections::VecDeque<Planned>,
    every: Option<Every>,
    /// The account for longs and the one for shorts.
    accounts: (AccountName, AccountName),
    policies: Vec<PolicyName>,
    opened: u64,
}

#[derive(Clone, Debug)]
struct Planned {
    at: Timestamp,
    symbol: Symbol,
    direction: Direction,
    quantity: Quantity,
    legs: Legs,
}

/// Where stop and target are.
#[derive(Clone, Copy, Debug)]
enum Legs {
    /// At these prices.
    At { stop: Option<Price>, target: Option<Price> },
    /// So far from the price of the moment.
    Around(Distances),
}

#[derive(Clone, Debug)]
struct Every {
    prices: u64,
    symbols: Vec<Symbol>,
    distances: Distances,
}

/// Why a file of entries was not taken.
#[derive(Debug, thiserror::Error)]
pub enum EntriesError {
    /// It cannot be read.
    #[error("cannot read {path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A row is not what the header promises.
    #[error("{path}:{line}: {column} is {text:?}; expected {expected}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// What stands there.
        text: String,
        /// What should.
        expected: &'static str,
    },
}

impl Entries {
    /// No entries but those that people make.
    pub fn none(accounts: (AccountName, AccountName)) -> Self {
        Self { planned: [].into(), every: None, accounts, policies: Vec::new(), opened: 0 }
    }

    /// One entry at every so many prices of the tape, with both legs; directions, symbols and
    /// policies take turns.
    pub fn every(
        prices: u64,
        symbols: Vec<Symbol>,
        distances: Distances,
        accounts: (AccountName, AccountName),
        policies: Vec<PolicyName>,
    ) -> Self {
        let every = Every { prices: prices.max(1), symbols, distances };
        Self { every: Some(every), policies, ..Self::none(accounts) }
    }

    /// The entries of a file `time,symbol,side,quantity,stop,target`; empty prices are none.
    ///
    /// # Errors
    /// A file that cannot be read, or a row with a value that is not what its column holds.
    pub fn read(
        path: &Path,
        accounts: (AccountName, AccountName),
        policies: Vec<PolicyName>,
    ) -> Result<Self, EntriesError> {
        let fail = |error: csv::Error| EntriesError::Unreadable {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let mut reader = csv::ReaderBuilder::new().from_path(path).map_err(fail)?;
        let mut planned = Vec::new();
        for row in reader.records() {
            planned.push(row_of(path, &row.map_err(fail)?)?);
        }
        planned.sort_by_key(|one| one.at);
        Ok(Self { planned: planned.into(), policies, ..Self::none(accounts) })
    }

    /// A run that goes on after a restart must not open again what it opened before.
    pub(super) fn skip(&mut self, opened: u64) {
        self.opened = opened;
        let gone = usize::try_from(opened).unwrap_or(usize::MAX).min(self.planned.len());
        self.planned.drain(..gone);
    }

    fn due(&mut self, step: &TapeStep) -> Option<Planned> {
        if self.planned.front().is_some_and(|one| one.at <= step.at) {
            return self.planned.pop_front();
        }
        let every = self.every.as_ref()?;
        if step.played < (1 + self.opened) * every.prices || every.symbols.is_empty() {
            return None;
        }
        let turn = usize::try_from(self.opened).unwrap_or(0);
        Some(Planned {
            at: step.at,
            symbol: every.symbols.get(turn % every.symbols.len())?.clone(),
            direction: if turn.is_multiple_of(2) { Direction::Long } else { Direction::Short },
            quantity: Quantity::new(every.distances.quantity)?,
            legs: Legs::Around(every.distances),
        })
    }
}

fn row_of(path: &Path, row: &csv::StringRecord) -> Result<Planned, EntriesError> {
    let line = row.position().map_or(0, csv::Position::line);
    let text = |at: usize| row.get(at).unwrap_or("").trim();
    let fail = |column, at, expected| EntriesError::Row {
        path: path.to_owned(),
        line,
        column,
        text: text(at).to_owned(),
        expected,
    };
    let number = |at: usize| text(at).parse::<Decimal>().ok();
    let price = |column, at: usize| match text(at) {
        "" => Ok(None),
        _ => number(at)
            .and_then(Price::new)
            .map(Some)
            .ok_or_else(|| fail(column, at, "a price above zero, or nothing")),
    };
    let direction = match text(2) {
        "buy" | "long" => Direction::Long,
        "sell" | "short" => Direction::Short,
        _ => return Err(fail("side", 2, "buy or sell")),
    };
    Ok(Planned {
        at: crate::clock::parse(text(0))
            .ok_or_else(|| fail("time", 0, "a time such as 2022-01-01T00:00:00Z"))?,
        symbol: match text(1) {
            "" => return Err(fail("symbol", 1, "a symbol")),
            symbol => Symbol::new(symbol),
        },
        direction,
        quantity: number(3)
            .and_then(Quantity::new)
            .filter(|quantity| !quantity.is_zero())
            .ok_or_else(|| fail("quantity", 3, "a quantity above zero"))?,
        legs: Legs::At { stop: price("stop", 4)?, target: price("target", 5)? },
    })
}

impl EngineThread {
    /// Opens what is due at this step. Says whether anything was.
    pub(super) fn place_entries(&mut self, step: &TapeStep) -> bool {
        let Some(planned) = self.entries.due(step) else { return false };
        let turn = self.entries.opened;
        self.entries.opened += 1;
        let account = match planned.direction {
            Direction::Long => self.entries.accounts.0.clone(),
            Direction::Short => self.entries.accounts.1.clone(),
        };
        let policies = &self.entries.policies;
        let at = usize::try_from(turn).unwrap_or(0).checked_rem(policies.len());
        let policy = at.and_then(|at| policies.get(at)).cloned();
        let Some(open) = self.fill_in(planned, account, policy) else {
            tracing::warn!(entry = turn + 1, "there is no price for this entry; it is left out");
            return true;
        };
        let ticket = self.ticket();
        let request = Request {
            intent: Intent::Open(Box::new(open)),
            source: Source::Host,
            why: format!("entry {} of the tape run", turn + 1),
            if_version: None,
            inputs: String::new(),
        };
        self.push(Input::Request { ticket, request: Box::new(request) });
        true
    }

    /// An entry with the prices that a person would give at this moment.
    fn fill_in(
        &self,
        planned: Planned,
        account: AccountName,
        policy: Option<PolicyName>,
    ) -> Option<Open> {
        let known = self.engine().book().accounts.get(&account)?;
        let around = |percent: Decimal| {
            let quote = known.quotes.get(&planned.symbol)?;
            let entry = quote.entry_price(planned.direction)?;
            let gains = match planned.direction {
                Direction::Long => Decimal::ONE,
                Direction::Short => Decimal::NEGATIVE_ONE,
            };
            let delta = entry.get() * percent * gains / Decimal::ONE_HUNDRED;
            let instrument = known.instruments.get(&planned.symbol)?;
            instrument.snap(entry.offset(delta)?, Snap::Down)
        };
        let (stop, target) = match planned.legs {
            Legs::At { stop, target } => (stop, target),
            Legs::Around(far) => {
                (Some(around(-far.stop_percent)?), Some(around(far.target_percent)?))
            }
        };
        Some(Open {
            account,
            owner: None,
            symbol: planned.symbol,
            direction: planned.direction,
            quantity: planned.quantity,
            entry: EntryKind::Market,
            time_in_force: None,
            stop,
            target,
            policies: policy.map(|policy| vec![policy]),
            on_partial: None,
            guard: GuardWish::Native,
            distinct: true,
        })
    }
}
