//! `t`: a transaction as scripts read it.
//!
//! Apart because it is the object most scripts are about. A value that is not there ends the run
//! as skipped; a `has_...` asks first.

use bracketd_core::metrics::{Metrics, metrics};
use bracketd_core::money::Price;
use bracketd_core::order::{Direction, Leg, Order};
use bracketd_core::protection::protected_quantity;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use rhai::{Array, Dynamic, ImmutableString};
use rust_decimal::Decimal;

use super::Toolkit;
use super::objects::{Market, Tx};
use crate::data::{ScriptPrice, ScriptTime, Span};
use crate::failure::{ScriptResult, missing};
use crate::frame::{self, Frame};

pub(super) fn register(kit: &mut Toolkit<'_>) {
    names(kit);
    quantities(kit);
    prices(kit);
    figures_of(kit);
    excursions(kit);
    protection(kit);
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
    exact_risk(tx, tx.initial_stop.or(tx.desired.stop))
}

/// Distance from the entry to a stop; nothing without one on the losing side.
pub(super) fn exact_risk(tx: &Transaction, stop: Option<Price>) -> Option<Decimal> {
    let entry = tx.entry_price().unwrap_or(tx.entry.reference).get();
    let stop = stop?.get();
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
    kit.property(T, "side: string", "`long` or `short`.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(ImmutableString::from(tx.direction.as_str())))
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
    times(kit);
}

fn times(kit: &mut Toolkit<'_>) {
    const T: &str = "Transaction";
    kit.property(T, "created_at: Time", "When it was asked for.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(ScriptTime(tx.created_at)))
    });
    kit.property(T, "has_opened: bool", "Whether anything of it was ever held.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.opened_at.is_some()))
    });
    kit.property(T, "opened_at: Time", "When something of it was first held.", |tx: &mut Tx| {
        read(tx, |_, tx| match tx.opened_at {
            Some(at) => Ok(ScriptTime(at)),
            None => missing(format!("nothing of transaction {} has filled", tx.id)),
        })
    });
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
    kit.property(T, "planned_qty: decimal", "What the entry was to open.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.entry.quantity.get()))
    });
    kit.property(T, "filled_qty: decimal", "What has entered it so far.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.entered.get()))
    });
    kit.property(T, "exited_qty: decimal", "What has left it so far.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.exited.get()))
    });
    let doc = "What of the entry may still fill; 0 once it does not rest any more.";
    kit.property(T, "remaining_qty: decimal", doc, |tx: &mut Tx| {
        read(tx, |_, tx| {
            let rest = tx.entry.quantity.minus(tx.entered).get();
            Ok(if tx.entry.ended { Decimal::ZERO } else { rest })
        })
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
    let doc = "Whether it has had a stop on the losing side, so that there is an R.";
    kit.property(T, "has_risk: bool", doc, |tx: &mut Tx| {
        read(tx, |_, tx| Ok(unit_risk(tx).is_some()))
    });
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

fn excursions(kit: &mut Toolkit<'_>) {
    const T: &str = "Transaction";
    kit.method(
        T,
        "mfe() -> decimal",
        "How far the price was beyond the entry at best since the first fill, per unit; 0 if it \
         never was. Of the run's own transaction.",
        |tx: &mut Tx| excursion(tx, true),
    );
    kit.method(
        T,
        "mae() -> decimal",
        "How far the price was against the entry at worst since the first fill, per unit; 0 if it \
         never was. Of the run's own transaction.",
        |tx: &mut Tx| excursion(tx, false),
    );
}

fn excursion(tx: &Tx, best: bool) -> ScriptResult<Decimal> {
    let ScriptPrice(extreme) = super::market::extreme(tx, best)?;
    read(tx, |_, tx| {
        let entry = tx.entry_price().unwrap_or(tx.entry.reference).get();
        let gain = match tx.direction {
            Direction::Long => extreme.get() - entry,
            Direction::Short => entry - extreme.get(),
        };
        Ok(if best { gain } else { -gain }.max(Decimal::ZERO))
    })
}

/// One order of a transaction, as it was when the run began.
#[derive(Clone)]
struct LegOrder(Order);

fn protection(kit: &mut Toolkit<'_>) {
    const T: &str = "Transaction";
    kit.property(
        T,
        "is_protected: bool",
        "Whether all that is held has its stop.",
        |tx: &mut Tx| read(tx, |_, tx| Ok(protected_quantity(tx) == tx.held())),
    );
    let doc = "What of the held quantity a working stop at the broker covers.";
    kit.property(T, "protected_qty: decimal", doc, |tx: &mut Tx| {
        read(tx, |_, tx| Ok(protected_quantity(tx).get()))
    });
    kit.property(T, "stop_locked: bool", "Whether a person locked the stop.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.locks.stop))
    });
    kit.property(T, "target_locked: bool", "Whether a person locked the target.", |tx: &mut Tx| {
        read(tx, |_, tx| Ok(tx.locks.target))
    });
    let doc = "Its orders that have not ended, oldest first: an array of `Leg`.";
    kit.property(T, "legs: array", doc, |tx: &mut Tx| {
        read(tx, |_, tx| {
            let live = tx.orders.iter().filter(|order| !order.status.is_terminal());
            Ok(live.map(|order| Dynamic::from(LegOrder(order.clone()))).collect::<Array>())
        })
    });
    legs(kit);
}

fn legs(kit: &mut Toolkit<'_>) {
    const L: &str = "Leg";
    kit.kind::<LegOrder>(L);
    let doc = "`entry`, `stop`, `target` or `close`.";
    kit.property(L, "role: string", doc, |leg: &mut LegOrder| {
        ImmutableString::from(leg.0.role.as_str())
    });
    let doc = "Its status at the broker, such as `working`.";
    kit.property(L, "status: string", doc, |leg: &mut LegOrder| {
        ImmutableString::from(leg.0.status.as_str())
    });
    let doc = "Whether it has a price of its own; a market order has none.";
    kit.property(L, "has_price: bool", doc, |leg: &mut LegOrder| {
        leg.0.trigger.or(leg.0.limit).is_some()
    });
    let doc = "The price it waits for: a stop's trigger, else the limit.";
    kit.property(L, "price: Price", doc, |leg: &mut LegOrder| {
        price(leg.0.trigger.or(leg.0.limit), || "a market order has no price".to_owned())
    });
    kit.property(L, "qty: decimal", "Its quantity.", |leg: &mut LegOrder| leg.0.quantity.get());
    kit.property(L, "filled: decimal", "What of it has filled.", |leg: &mut LegOrder| {
        leg.0.filled.get()
    });
    let doc = "The part of the held quantity that it belongs to, from 0.";
    kit.property(L, "slice: int", doc, |leg: &mut LegOrder| i64::from(leg.0.slice.0));
}
