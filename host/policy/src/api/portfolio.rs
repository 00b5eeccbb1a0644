//! What scripts may ask about more than their own transaction, and opening a new one.
//!
//! Apart because it needs the whole book, which only some runs are given. Figures are worked out
//! when they are asked for.

use std::sync::Arc;

use bracketd_core::book::Book;
use bracketd_core::ids::Symbol;
use bracketd_core::intent::{GuardWish, Intent, Open};
use bracketd_core::metrics::{Metrics, Portfolio, portfolio, trade_summary};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Direction;
use bracketd_core::transaction::EntryKind;
use rhai::{Array, Dynamic, ImmutableString, Map};
use rust_decimal::Decimal;

use super::Toolkit;
use super::objects::Tx;
use crate::data::{ScriptPrice, number};
use crate::failure::{ScriptResult, missing, script_error};
use crate::frame::{self, Frame};
use crate::gate::{ScriptVerdict, ask};
use crate::limits::ARRAY_LENGTH_MAX;

pub(super) fn register(kit: &mut Toolkit<'_>) {
    reads(kit);
    status(kit);
    position(kit);
    kit.function(
        "open_position(wish: map, why: string) -> Verdict",
        "Opens a transaction in the run's account: `symbol`, `direction`, `qty`, and `limit`, \
         `stop`, `target` where wanted. Off unless the configuration allows it.",
        open_position,
    );
}

fn book<T>(read: impl FnOnce(&Frame<'_>, &Book) -> ScriptResult<T>) -> ScriptResult<T> {
    frame::with(|frame| match frame.run.portfolio {
        Some(book) => read(frame, book),
        None => missing("the book is not given to this run"),
    })
}

fn some<T>(value: Option<T>, what: &str) -> ScriptResult<T> {
    match value {
        Some(value) => Ok(value),
        None => missing(what),
    }
}

fn reads(kit: &mut Toolkit<'_>) {
    kit.function(
        "transactions() -> array",
        "The account's transactions that have not ended, oldest first.",
        || {
            book(|frame, book| {
                let all = book.transactions.values();
                let own =
                    all.filter(|tx| tx.account == frame.run.account.name && !tx.status.is_ended());
                let list: Array = own
                    .map(|tx| match tx.id == frame.run.transaction.id {
                        true => Dynamic::from(Tx::Own),
                        false => Dynamic::from(Tx::Other(Arc::clone(tx))),
                    })
                    .collect();
                if list.len() > ARRAY_LENGTH_MAX {
                    return Err(script_error(format!("more than {ARRAY_LENGTH_MAX} transactions")));
                }
                Ok(list)
            })
        },
    );
    kit.function(
        "current_price(symbol: string) -> Price",
        "Last price of a symbol at the account, else the middle of bid and ask.",
        |symbol: ImmutableString| {
            frame::with(|frame| {
                let quote = frame.run.account.quotes.get(&Symbol::new(&symbol));
                let price = quote.and_then(|quote| {
                    let middle = || {
                        let sum = quote.bid?.get().checked_add(quote.ask?.get())?;
                        Price::new(sum / Decimal::TWO)
                    };
                    quote.last.or_else(middle)
                });
                some(price, &format!("there is no price of {symbol}")).map(ScriptPrice)
            })
        },
    );
    kit.function(
        "trade_summary() -> map",
        "Quantities by symbol, held or resting: `#{ AAPL: #{ long: 10, short: 0 } }`.",
        || {
            book(|frame, book| {
                let all = trade_summary(book, &frame.run.account.name);
                let entry = |(symbol, sum): (Symbol, bracketd_core::metrics::SymbolSummary)| {
                    let mut map = Map::new();
                    map.insert("long".into(), Dynamic::from_decimal(sum.long.get()));
                    map.insert("short".into(), Dynamic::from_decimal(sum.short.get()));
                    (symbol.as_str().into(), Dynamic::from_map(map))
                };
                Ok(all.into_iter().map(entry).collect::<Map>())
            })
        },
    );
}

fn status(kit: &mut Toolkit<'_>) {
    const P: &str = "Portfolio";
    type Handle = Arc<Portfolio>;
    kit.kind::<Handle>(P);
    kit.function(
        "portfolio_status() -> Portfolio",
        "What the run's account holds and risks.",
        || {
            book(|frame, book| {
                let found = portfolio(book, &frame.run.account.name);
                some(found, "the account is not in the book").map(Arc::new)
            })
        },
    );
    kit.property(
        P,
        "equity: decimal",
        "Cash and positions, as the broker says.",
        |p: &mut Handle| some(p.equity, "the account's equity is not known"),
    );
    kit.property(P, "buying_power: decimal", "What may still be opened.", |p: &mut Handle| {
        some(p.buying_power, "the account's buying power is not known")
    });
    kit.property(
        P,
        "exposure: decimal",
        "Sum of prices times quantities held.",
        |p: &mut Handle| p.exposure,
    );
    kit.property(P, "unrealized: decimal", "Sum of unrealized profits.", |p: &mut Handle| {
        p.unrealized
    });
    let doc = "Loss if every working stop filled at its price.";
    kit.property(P, "risk_at_stops: decimal", doc, |p: &mut Handle| p.risk_at_stops);
    let doc = "Largest exposure of one transaction in percent of the equity.";
    kit.property(P, "largest_percent: decimal", doc, |p: &mut Handle| {
        some(p.largest_percent, "the account's equity is not known")
    });
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let doc = "Transactions that hold something.";
    kit.property(P, "open_count: int", doc, move |p: &mut Handle| count(p.opened.len()));
    let doc = "Transactions whose entry rests.";
    kit.property(P, "waiting_count: int", doc, move |p: &mut Handle| count(p.waiting.len()));
    let doc = "Transactions that want a stop that does not work.";
    kit.property(P, "unprotected_count: int", doc, move |p: &mut Handle| {
        count(p.unprotected.len())
    });
}

fn position(kit: &mut Toolkit<'_>) {
    const P: &str = "Position";
    type Handle = Arc<Metrics>;
    kit.kind::<Handle>(P);
    kit.function(
        "position_metrics(t: Transaction) -> Position",
        "The figures of one transaction at the latest price.",
        |tx: Tx| {
            super::transaction::read(&tx, |frame, transaction| {
                Ok(Arc::new(super::transaction::figures(frame, transaction, &tx)))
            })
        },
    );
    kit.property(P, "held: decimal", "Quantity held.", |p: &mut Handle| p.held.get());
    kit.property(P, "entry: Price", "Average entry price.", |p: &mut Handle| ScriptPrice(p.entry));
    kit.property(P, "price: Price", "The price it could be ended at.", |p: &mut Handle| {
        some(p.price, "there is no price").map(ScriptPrice)
    });
    kit.property(P, "unrealized: decimal", "Profit of what is held.", |p: &mut Handle| {
        some(p.unrealized, "there is no price")
    });
    kit.property(P, "realized: decimal", "Profit of what has left.", |p: &mut Handle| p.realized);
    kit.property(P, "risk: decimal", "Loss if the working stop filled.", |p: &mut Handle| {
        some(p.risk, "no working stop covers all that is held")
    });
    kit.property(P, "r_multiple: decimal", "Profit in R.", |p: &mut Handle| {
        some(p.r_multiple, "there is no price, or has been no stop")
    });
}

fn open_position(wish: Map, why: ImmutableString) -> ScriptResult<ScriptVerdict> {
    const KEYS: [&str; 6] = ["symbol", "direction", "qty", "limit", "stop", "target"];
    if let Some(stray) = wish.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let known = KEYS.join(", ");
        return Err(script_error(format!("open_position knows no {stray}; it takes {known}")));
    }
    let text = |key: &str| wish.get(key).and_then(|v| v.clone().into_immutable_string().ok());
    let price = |key: &str| match wish.get(key) {
        None => Ok(None),
        Some(value) => match number(value).and_then(Price::new) {
            Some(price) => Ok(Some(price)),
            None => Err(script_error(format!("{key} {value} is no price"))),
        },
    };
    let need = |key: &str| script_error(format!("open_position needs {key}"));
    let symbol = text("symbol").ok_or_else(|| need("symbol"))?;
    let direction = match text("direction").as_deref() {
        Some("long") => Direction::Long,
        Some("short") => Direction::Short,
        _ => return Err(need("direction: \"long\" or \"short\"")),
    };
    let quantity = wish.get("qty").and_then(number).and_then(Quantity::new);
    let quantity = quantity.ok_or_else(|| need("qty"))?;
    let entry = price("limit")?.map_or(EntryKind::Market, EntryKind::Limit);
    let (stop, target) = (price("stop")?, price("target")?);
    ask(&why, true, |frame, _| {
        Ok(Intent::Open(Box::new(Open {
            account: frame.run.account.name.clone(),
            owner: None,
            symbol: Symbol::new(&symbol),
            direction,
            quantity,
            entry,
            time_in_force: None,
            stop,
            target,
            policies: None,
            on_partial: None,
            guard: GuardWish::Native,
            distinct: false,
        })))
    })
}
