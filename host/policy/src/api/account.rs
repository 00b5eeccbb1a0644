//! The figures of a whole account: what `on_portfolio` is given beside `portfolio_status()`.
//!
//! Apart because losses are measured from what the ledger keeps, the same figures as those of the
//! host's own loss halt. What is not known is missing, never 0.

use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::control::Baseline;
use bracketd_core::ids::Symbol;
use bracketd_core::metrics::{Portfolio, metrics};
use bracketd_core::money::{Price, SCALE_MAX};
use bracketd_core::order::Direction;
use bracketd_core::transaction::Transaction;
use rhai::{Array, Dynamic, ImmutableString};

use super::Toolkit;
use super::objects::Tx;
use crate::data::ScriptPrice;
use crate::failure::{ScriptResult, missing, script_error};
use crate::frame::{self, Frame};

type Handle = Arc<Portfolio>;

const P: &str = "Portfolio";

pub(super) fn register(kit: &mut Toolkit<'_>) {
    kit.property(
        P,
        "day_pnl: decimal",
        "Equity less the first one that was read on this UTC day; it outlives restarts.",
        |p: &mut Handle| since(p, |equity, from| equity.checked_sub(from.day_equity)),
    );
    kit.property(
        P,
        "drawdown_pct: decimal",
        "How far the equity is below its peak, in percent of the peak.",
        |p: &mut Handle| {
            since(p, |equity, from| {
                let below = from.peak_equity.checked_sub(equity)?;
                below.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(from.peak_equity)
            })
        },
    );
    kit.property(
        P,
        "peak: decimal",
        "The highest equity that was ever read, since a person last set it anew.",
        |p: &mut Handle| since(p, |_, from| Some(from.peak_equity)),
    );
    kit.property(
        P,
        "risk_open: decimal",
        "Loss if every stop filled at its price; missing while something held has no working stop.",
        |p: &mut Handle| match p.without_stop.first() {
            None => Ok(p.risk_at_stops),
            Some(id) => missing(format!("transaction {id} has no working stop")),
        },
    );
    kit.function(
        "offset_for(t: Transaction, price: Price, percent: decimal | int) -> Price",
        "The price so many percent from that one as this transaction gains; negative is towards its \
         loss. For on_portfolio, where a price alone knows no side.",
        offset_for,
    );
    kit.overload("offset_for", |tx: Tx, price: ScriptPrice, percent: i64| {
        offset_for(tx, price, percent.into())
    });
    kit.method(
        P,
        "exposure(symbol: string) -> decimal",
        "Sum of prices times quantities held in this symbol, long less short.",
        |p: &mut Handle, symbol: ImmutableString| exposure(p, &Symbol::new(&symbol)),
    );
    kit.method(
        P,
        "open_transactions() -> array",
        "The account's transactions that hold something, oldest first.",
        |p: &mut Handle| -> ScriptResult<Array> {
            frame::with(|frame| {
                let Some(book) = frame.run.portfolio else {
                    return missing("the book is not given to this run");
                };
                let held = p.opened.iter().filter_map(|(id, _)| book.transactions.get(id));
                let own = frame.run.transaction.id;
                let tx = |tx: &Arc<_>| Dynamic::from(Tx::Other(Arc::clone(tx)));
                let one = |held: &Arc<Transaction>| match held.id == own {
                    true => Dynamic::from(Tx::Own),
                    false => tx(held),
                };
                Ok(held.map(one).collect())
            })
        },
    );
}

fn offset_for(tx: Tx, price: ScriptPrice, percent: Decimal) -> ScriptResult<ScriptPrice> {
    super::transaction::read(&tx, |_, tx| {
        let part = price.0.get().checked_mul(percent).map(|part| part / Decimal::ONE_HUNDRED);
        let moved = part.and_then(|part| match tx.direction {
            Direction::Long => price.0.get().checked_add(part),
            Direction::Short => price.0.get().checked_sub(part),
        });
        let moved = moved.and_then(|value| Price::new(value.round_dp(SCALE_MAX)));
        let far = || script_error(format!("{} moved that far is no price any more", price.0));
        moved.map(ScriptPrice).ok_or_else(far)
    })
}

fn since(
    of: &Handle,
    figure: impl FnOnce(Decimal, Baseline) -> Option<Decimal>,
) -> ScriptResult<Decimal> {
    frame::with(|frame| {
        let Some(equity) = of.equity else { return missing("the account's equity is not known") };
        let Some(from) = frame.run.account.control.baseline else {
            return missing("nothing is known that losses could be measured from");
        };
        match figure(equity, from) {
            Some(value) => Ok(value.round_dp(8).normalize()),
            None => missing("the account's equity is no number to reckon with"),
        }
    })
}

fn exposure(of: &Handle, symbol: &Symbol) -> ScriptResult<Decimal> {
    frame::with(|frame| {
        let Some(book) = frame.run.portfolio else {
            return missing("the book is not given to this run");
        };
        let mut sum = Decimal::ZERO;
        for (id, _) in &of.opened {
            let Some(tx) = book.transactions.get(id).filter(|tx| tx.symbol == *symbol) else {
                continue;
            };
            match value(frame, tx) {
                Some(value) => sum += value,
                None => return missing(format!("there is no price of {symbol}")),
            }
        }
        Ok(sum)
    })
}

/// Price times quantity held; below zero for a short.
fn value(frame: &Frame<'_>, tx: &Transaction) -> Option<Decimal> {
    let account = frame.run.account;
    let price = account.quotes.get(&tx.symbol)?.exit_price(tx.direction);
    let multiplier = account.instruments.get(&tx.symbol)?.multiplier;
    let figures = metrics(tx, price, multiplier);
    let value = figures.price?.get().checked_mul(figures.held.get())?.checked_mul(multiplier)?;
    Some(match tx.direction {
        Direction::Long => value,
        Direction::Short => -value,
    })
}
