//! Figures about what is held: profit, risk, exposure.
//!
//! Apart because people, scripts and pages must all read the same figure for the same state. A
//! missing price is an absence, never a zero and never the entry price in its place.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::book::Book;
use crate::ids::{AccountName, Symbol, TransactionId};
use crate::money::{Price, Quantity};
use crate::order::{Direction, Role};
use crate::plan::protect::is_covered;
use crate::transaction::{Slice, Transaction, TransactionStatus};

/// Figures about one transaction at one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Quantity held.
    pub held: Quantity,
    /// Average entry price; the planned one while WAITING.
    pub entry: Price,
    /// The price at which it could be ended now.
    pub price: Option<Price>,
    /// Profit of what is held at that price, in the instrument's currency.
    pub unrealized: Option<Decimal>,
    /// Profit of what has left.
    pub realized: Decimal,
    /// Unrealized profit in percent of what was paid.
    pub percent: Option<Decimal>,
    /// Loss if the working stops filled at their prices; none, which is without limit, where they
    /// do not cover all that is held.
    pub risk: Option<Decimal>,
    /// Profit in units of the first stop's distance.
    pub r_multiple: Option<Decimal>,
}

/// The figures of a transaction at `price`.
pub fn metrics(tx: &Transaction, price: Option<Price>, multiplier: Decimal) -> Metrics {
    let entry = tx.entry_price().unwrap_or(tx.entry.reference);
    let sign = match tx.direction {
        Direction::Long => Decimal::ONE,
        Direction::Short => Decimal::NEGATIVE_ONE,
    };
    let gain = |to: Price| (to.get() - entry.get()) * sign;
    let money = |per_unit: Decimal, quantity: Quantity| {
        per_unit.saturating_mul(quantity.get()).saturating_mul(multiplier)
    };
    let held = tx.held();
    // What has ended is measured at the price it ended at, not at today's.
    let price = if held.is_zero() { tx.exit_price().or(price) } else { price };
    let realized = tx.exit_price().map_or(Decimal::ZERO, |exit| money(gain(exit), tx.exited));
    let unit_risk = tx.initial_stop.or(tx.desired.stop).map(|stop| -gain(stop));
    let unit_risk = unit_risk.filter(|risk| *risk > Decimal::ZERO);
    let ratio = |value: Decimal, of: Decimal| value.checked_div(of).map(|r| r.round_dp(4));
    Metrics {
        held,
        entry,
        price,
        unrealized: price.map(|p| money(gain(p), held)),
        realized: realized.round_dp(8),
        percent: price.and_then(|p| ratio(gain(p) * Decimal::ONE_HUNDRED, entry.get())),
        risk: (tx.slices.iter().filter(|slice| !slice.held.is_zero()))
            .map(|slice| Some(-money(gain(working_stop(tx, slice)?), slice.held)))
            .sum(),
        r_multiple: price.and_then(|p| ratio(gain(p), unit_risk?)),
    }
}

/// The worst price among the slice's working stops, where they cover it: what is wanted and what
/// rests at the broker may differ for a long time, and only the second one limits a loss.
fn working_stop(tx: &Transaction, slice: &Slice) -> Option<Price> {
    let working = tx.exits(slice.no).filter(|o| o.role == Role::Stop && o.is_working_exit());
    let stops = working.map(|order| order.trigger).collect::<Option<Vec<Price>>>()?;
    let worst = match tx.direction {
        Direction::Long => stops.into_iter().min(),
        Direction::Short => stops.into_iter().max(),
    };
    worst.filter(|_| is_covered(tx, slice))
}

/// What an account holds and risks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portfolio {
    /// The account.
    pub account: AccountName,
    /// Cash and positions at their marks, as the broker says.
    pub equity: Option<Decimal>,
    /// What may still be opened, as the broker says.
    pub buying_power: Option<Decimal>,
    /// Transactions that hold something.
    pub opened: Vec<(TransactionId, Metrics)>,
    /// Transactions whose entry rests.
    pub waiting: Vec<TransactionId>,
    /// Sum of prices times quantities held.
    pub exposure: Decimal,
    /// Sum of unrealized profits; what has no price is left out and counted below.
    pub unrealized: Decimal,
    /// Loss if every working stop filled at its price; what has none is left out and told below.
    pub risk_at_stops: Decimal,
    /// Largest exposure of one transaction in percent of the equity.
    pub largest_percent: Option<Decimal>,
    /// Transactions that hold something and want a stop that does not work.
    pub unprotected: Vec<TransactionId>,
    /// Transactions that hold something no working stop covers, wanted or not: their risk has no
    /// limit.
    pub without_stop: Vec<TransactionId>,
    /// Transactions without a price.
    pub without_price: Vec<TransactionId>,
}

/// The portfolio of an account.
pub fn portfolio(book: &Book, name: &AccountName) -> Option<Portfolio> {
    let account = book.accounts.get(name)?;
    let mut all = Portfolio {
        account: name.clone(),
        equity: account.balance.as_ref().map(|b| b.equity),
        buying_power: account.balance.as_ref().map(|b| b.buying_power),
        opened: Vec::new(),
        waiting: Vec::new(),
        exposure: Decimal::ZERO,
        unrealized: Decimal::ZERO,
        risk_at_stops: Decimal::ZERO,
        largest_percent: None,
        unprotected: Vec::new(),
        without_stop: Vec::new(),
        without_price: Vec::new(),
    };
    for tx in book.transactions.values().filter(|tx| tx.account == *name) {
        match tx.status {
            TransactionStatus::Waiting => all.waiting.push(tx.id),
            TransactionStatus::Opened | TransactionStatus::Closing => {
                let quote = account.quotes.get(&tx.symbol);
                let price = quote.and_then(|q| q.exit_price(tx.direction));
                let multiplier =
                    account.instruments.get(&tx.symbol).map_or(Decimal::ONE, |i| i.multiplier);
                all.add(tx, metrics(tx, price, multiplier), multiplier);
            }
            TransactionStatus::Closed | TransactionStatus::Failed => {}
        }
    }
    Some(all)
}

impl Portfolio {
    fn add(&mut self, tx: &Transaction, figures: Metrics, multiplier: Decimal) {
        let mark = figures.price.unwrap_or(figures.entry).get();
        let exposure = mark.saturating_mul(figures.held.get()).saturating_mul(multiplier);
        self.exposure += exposure;
        match figures.unrealized {
            Some(profit) => self.unrealized += profit,
            None => self.without_price.push(tx.id),
        }
        match figures.risk {
            Some(risk) => self.risk_at_stops += risk,
            None => self.without_stop.push(tx.id),
        }
        if tx.protection.gap_since().is_some() {
            self.unprotected.push(tx.id);
        }
        if let Some(equity) = self.equity.filter(|equity| *equity > Decimal::ZERO) {
            let percent = (exposure * Decimal::ONE_HUNDRED / equity).round_dp(2);
            self.largest_percent = self.largest_percent.max(Some(percent));
        }
        self.opened.push((tx.id, figures));
    }
}

/// Quantities of an instrument over all live transactions of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SymbolSummary {
    /// Quantity long, held or resting.
    pub long: Quantity,
    /// Quantity short, held or resting.
    pub short: Quantity,
}

/// Quantities by symbol, WAITING ones included.
pub fn trade_summary(book: &Book, name: &AccountName) -> BTreeMap<Symbol, SymbolSummary> {
    let mut all: BTreeMap<Symbol, SymbolSummary> = BTreeMap::new();
    for tx in book.transactions.values() {
        if tx.account != *name || tx.status.is_ended() {
            continue;
        }
        let planned = tx.status == TransactionStatus::Waiting;
        let quantity = if planned { tx.entry.quantity } else { tx.held() };
        let sum = all.entry(tx.symbol.clone()).or_default();
        match tx.direction {
            Direction::Long => sum.long = sum.long.plus(quantity),
            Direction::Short => sum.short = sum.short.plus(quantity),
        }
    }
    all
}
