//! `t`: a transaction as scripts read it.
//!
//! Apart because it is the object most scripts are about. A value that is not there ends the run
//! as skipped; `has_stop` and `has_target` ask first.

use bracketd_core::metrics::{Metrics, metrics};
use bracketd_core::money::Price;
use bracketd_core::order::{Direction, Leg};
use bracketd_core::transaction::{Transaction, TransactionStatus};
use rhai::ImmutableString;
use rust_decimal::Decimal;

use super::Toolkit;
use super::objects::{Market, Tx};
use crate::data::{ScriptPrice, Span};
use crate::failure::{ScriptResult, missing};
use crate::frame::{self, Frame};

pub(super) fn register(kit: &mut Toolkit<'_>) {
    names(kit);
    quantities(kit);
    prices(kit);
    figures_of(kit);
    kit.overload("to_string", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(format!("transaction {} ({})", tx.id, tx.symbol)))
    });
}

/// Reads a transaction: the run's own with what was asked for so far.
pub(super) fn read<T>(
    tx: &Tx,
    read: impl FnOnce(&Frame<'_>, &Transaction) -> ScriptResult<T>,
) -> ScriptResult<T> {
    frame::with(|frame| match tx {
        Tx::Own => read(frame, &frame.buffer.borrow().transaction),
        Tx::Other(other) => read(frame, other),
    })
}

/// The figures of a transaction at the latest price of what it trades.
pub(super) fn figures(frame: &Frame<'_>, tx: &Transaction, handle: &Tx) -> Metrics {
    let account = frame.run.account;
    let (quote, multiplier) = match handle {
        Tx::Own => (frame.run.quote.as_ref(), frame.run.instrument.multiplier),
        Tx::Other(other) => (
            account.quotes.get(&other.symbol),
            account.instruments.get(&other.symbol).map_or(Decimal::ONE, |i| i.multiplier),
        ),
    };
    metrics(tx, quote.and_then(|quote| quote.exit_price(tx.direction)), multiplier)
}

/// Distance from the entry to the first stop; nothing without one on the losing side.
pub(super) fn unit_risk(tx: &Transaction) -> Option<Decimal> {
    let entry = tx.entry_price().unwrap_or(tx.entry.reference).get();
    let stop = tx.initial_stop.or(tx.desired.stop)?.get();
    let risk = match tx.direction {
        Direction::Long => entry - stop,
        Direction::Short => stop - entry,
    };
    (risk > Decimal::ZERO).then_some(risk)
}

fn names(kit: &mut Toolkit<'_>) {
    const T: &str = "Transaction";
    kit.property(T, "id: int", "Its number in the ledger.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(i64::try_from(tx.id.0).unwrap_or(i64::MAX)))
    });
    kit.property(T, "symbol: string", "What it trades.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(ImmutableString::from(tx.symbol.as_str())))
    });
    kit.property(T, "account: string", "The account that trades it.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(ImmutableString::from(tx.account.as_str())))
    });
    kit.property(
        T,
        "status: string",
        "WAITING, OPENED, CLOSING, CLOSED or FAILED.",
        |tx: &mut Tx| read(tx, |_, tx| Ok(ImmutableString::from(tx.status.as_str()))),
    );
    kit.property(T, "is_long: bool", "Whether it gains when the price rises.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.direction == Direction::Long))
    });
    kit.property(T, "is_short: bool", "Whether it gains when the price falls.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.direction == Direction::Short))
    });
    let doc = "Whether something is held and no close is under way.";
    kit.property(T, "is_open: bool", doc, |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.status == TransactionStatus::Opened))
    });
    kit.property(
        T,
        "is_waiting: bool",
        "Whether its entry has not filled at all.",
        |tx: &mut Tx| read(tx, |_, tx| Ok(tx.status == TransactionStatus::Waiting)),
    );
    kit.method(
        T,
        "age() -> Duration",
        "Time since the first fill; since it was asked for while it waits.",
        |tx: &mut Tx| {
            read(tx, |frame, tx| {
                let since = tx.opened_at.unwrap_or(tx.created_at);
                Ok(Span(frame.run.now.ms_since(since)))
            })
        },
    );
}

fn quantities(kit: &mut Toolkit<'_>) {
    const T: &str = "Transaction";
    let doc = "What is held; what is planned while it waits.";
    kit.property(T, "qty: decimal", doc, |tx: &mut Tx| {
        read(tx, |_, tx| {
            let waits = tx.status == TransactionStatus::Waiting;
            Ok(if waits { tx.entry.quantity.get() } else { tx.held().get() })
        })
    });
    kit.property(T, "held: decimal", "What is held now.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.held().get()))
    });
}

fn prices(kit: &mut Toolkit<'_>) {
    const T: &str = "Transaction";
    let doc = "Average price of what was entered; the planned one while it waits.";
    kit.property(T, "entry: Price", doc, |tx: &mut Tx| {
        read(tx, |_, tx| Ok(ScriptPrice(tx.entry_price().unwrap_or(tx.entry.reference))))
    });
    kit.property(T, "planned_entry: Price", "The entry price that was planned.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(ScriptPrice(tx.entry.reference)))
    });
    kit.property(T, "has_stop: bool", "Whether a stop is wanted.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.desired.stop.is_some()))
    });
    kit.property(T, "stop: Price", "The stop that is wanted.", |tx: &mut Tx| wanted(tx, Leg::Stop));
    kit.property(T, "has_target: bool", "Whether a target is wanted.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.desired.target.is_some()))
    });
    kit.property(T, "target: Price", "The target that is wanted.", |tx: &mut Tx| {
        wanted(tx, Leg::Target)
    });
    let doc = "The price at which it would end without profit. Fees are not known and not in it.";
    kit.method(T, "breakeven() -> Price", doc, |tx: &mut Tx| {
        read(tx, |_, tx| Ok(ScriptPrice(tx.entry_price().unwrap_or(tx.entry.reference))))
    });
}

fn wanted(tx: &Tx, leg: Leg) -> ScriptResult<ScriptPrice> {
    read(tx, |_, tx| price(tx.desired.leg(leg), || format!("no {} is wanted", leg.as_str())))
}

fn price(price: Option<Price>, words: impl FnOnce() -> String) -> ScriptResult<ScriptPrice> {
    match price {
        Some(price) => Ok(ScriptPrice(price)),
        None => missing(words()),
    }
}

fn figures_of(kit: &mut Toolkit<'_>) {
    const T: &str = "Transaction";
    kit.property(
        T,
        "initial_risk: decimal",
        "Distance from the entry to the first stop, in price: one R.",
        |tx: &mut Tx| {
            read(tx, |_, tx| match unit_risk(tx) {
                Some(risk) => Ok(risk),
                None => missing("the transaction has had no stop, so there is no R"),
            })
        },
    );
    let doc = "Profit of what is held at the market, in the instrument's currency.";
    kit.method(T, "pnl(m: Market) -> decimal", doc, |tx: &mut Tx, _: Market| {
        figure(tx, |figures| figures.unrealized, "there is no price")
    });
    let doc = "Profit of what is held, in percent of the entry price.";
    kit.method(T, "pnl_pct(m: Market) -> decimal", doc, |tx: &mut Tx, _: Market| {
        figure(tx, |figures| figures.percent, "there is no price")
    });
    let doc = "Profit in units of the first stop's distance.";
    kit.method(T, "r_multiple(m: Market) -> decimal", doc, |tx: &mut Tx, _: Market| {
        figure(tx, |figures| figures.r_multiple, "there is no price, or has been no stop")
    });
    kit.property(T, "realized: decimal", "Profit of what has left.", |tx: &mut Tx| {
        let handle = tx.clone();
        read(tx, |frame, tx| Ok(figures(frame, tx, &handle).realized))
    });
}

fn figure(
    tx: &Tx,
    pick: impl FnOnce(&Metrics) -> Option<Decimal>,
    words: &str,
) -> ScriptResult<Decimal> {
    read(tx, |frame, transaction| match pick(&figures(frame, transaction, tx)) {
        Some(value) => Ok(value),
        None => missing(format!("{words} for transaction {}", transaction.id)),
    })
}
