//! `m`: the market of the run's instrument.
//!
//! Apart because every value of it can be missing; then the run is skipped, unless the script
//! asked `has_quote` or `has_bars` first.

use bracketd_core::Decimal;
use bracketd_core::broker::{Quote, Session};
use bracketd_core::money::{Price, SCALE_MAX};
use bracketd_core::order::Direction;
use bracketd_core::time::Timestamp;
use rhai::ImmutableString;

use super::Toolkit;
use super::objects::{Market, Tx};
use crate::bars::{EMA_SPANS, NoFigure};
use crate::data::{ScriptPrice, ScriptTime, parse_duration_ms};
use crate::failure::{ScriptResult, missing, script_error};
use crate::frame::{self, Frame};
use crate::limits::{ATR_BARS, FIGURE_BARS_MAX};

const M: &str = "Market";

/// An exponential mean looks at a multiple of its bars.
const EMA_BARS_MAX: i64 = FIGURE_BARS_MAX / EMA_SPANS as i64;

pub(super) fn register(kit: &mut Toolkit<'_>) {
    quotes(kit);
    bars(kit);
    means(kit);
    extremes(kit);
    sessions(kit);
}

fn quotes(kit: &mut Toolkit<'_>) {
    kit.property(
        M,
        "has_quote: bool",
        "Whether there is a price to end it at.",
        |_: &mut Market| frame::with(|frame| Ok(exit_price(frame).is_some())),
    );
    kit.property(M, "bid: Price", "Highest price somebody pays.", |_: &mut Market| {
        from_quote("bid", |_, quote| quote.bid)
    });
    kit.property(M, "ask: Price", "Lowest price somebody takes.", |_: &mut Market| {
        from_quote("ask", |_, quote| quote.ask)
    });
    kit.property(M, "last: Price", "Last traded price.", |_: &mut Market| {
        from_quote("last price", |_, quote| quote.last)
    });
    kit.property(M, "mid: Price", "Middle of bid and ask.", |_: &mut Market| {
        from_quote("bid and ask", |_, quote| {
            let (bid, ask) = (quote.bid?.get(), quote.ask?.get());
            Price::new((bid + ask) / Decimal::TWO)
        })
    });
    kit.property(
        M,
        "mark: Price",
        "Middle of bid and ask, else the last traded price.",
        |_: &mut Market| {
            from_quote("price", |_, quote| {
                let middle = || {
                    let (bid, ask) = (quote.bid?.get(), quote.ask?.get());
                    Price::new((bid + ask) / Decimal::TWO)
                };
                middle().or(quote.last)
            })
        },
    );
    let doc = "The price at which the transaction could be ended now: the bid for a long.";
    kit.property(M, "price: Price", doc, |_: &mut Market| {
        from_quote("price", |frame, _| exit_price(frame))
    });
    kit.property(M, "spread: decimal", "Ask minus bid.", |_: &mut Market| {
        frame::with(|frame| {
            let quote = frame.run.quote.as_ref();
            match quote.and_then(|quote| Some(quote.ask?.get() - quote.bid?.get())) {
                Some(spread) => Ok(spread),
                None => missing("there is no bid and ask"),
            }
        })
    });
    kit.property(M, "age_ms: int", "Age of the price in milliseconds.", |_: &mut Market| {
        frame::with(|frame| match &frame.run.quote {
            Some(quote) => Ok(i64::try_from(frame.run.now.ms_since(quote.at)).unwrap_or(i64::MAX)),
            None => missing("there is no price"),
        })
    });
}

fn bars(kit: &mut Toolkit<'_>) {
    kit.method(
        M,
        "has_bars(count: int, frame: string) -> bool",
        "Whether there are so many complete bars of `frame` (`1m`, `5m`, `1h`).",
        |_: &mut Market, count: i64, frame: ImmutableString| {
            frame::with(|f| {
                let (count, frame_ms) = admit(count, &frame)?;
                match f.run.history.last(count, frame_ms, f.run.now) {
                    Ok(_) => Ok(true),
                    Err(NoFigure::TooFew(_)) => Ok(false),
                    Err(NoFigure::BadFrame) => bad_frame(&frame),
                }
            })
        },
    );
    kit.method(
        M,
        "atr(bars: int, frame: string) -> decimal",
        "Mean true range of the last complete bars.",
        |_: &mut Market, bars: i64, frame: ImmutableString| frame::with(|f| atr(f, bars, &frame)),
    );
    kit.method(
        M,
        "atr() -> decimal",
        "Mean true range of the last 14 one-minute bars.",
        |_: &mut Market| frame::with(|frame| atr(frame, ATR_BARS, "1m")),
    );
    kit.method(
        M,
        "high(bars: int, frame: string) -> Price",
        "Highest price of the last complete bars.",
        |_: &mut Market, count: i64, frame: ImmutableString| {
            over_bars(count, &frame, |bars| bars.iter().map(|bar| bar.high).max())
        },
    );
    kit.method(
        M,
        "low(bars: int, frame: string) -> Price",
        "Lowest price of the last complete bars.",
        |_: &mut Market, count: i64, frame: ImmutableString| {
            over_bars(count, &frame, |bars| bars.iter().map(|bar| bar.low).min())
        },
    );
}

fn means(kit: &mut Toolkit<'_>) {
    kit.method(
        M,
        "ema(bars: int, frame: string) -> Price",
        "Exponential mean of the closes; looks at three times `bars` complete bars and begins with \
         the plain mean of the oldest third.",
        |_: &mut Market, bars: i64, length: ImmutableString| {
            frame::with(|frame| {
                let (count, frame_ms) = admit_up_to(bars, &length, EMA_BARS_MAX)?;
                let mean = frame.run.history.ema(count, frame_ms, frame.run.now);
                let mean = figure(mean, count * EMA_SPANS, &length)?;
                price_of(mean, "the mean")
            })
        },
    );
    kit.method(
        M,
        "chandelier(bars: int, frame: string, multiple: decimal) -> Price",
        "Highest price of the last complete bars less so many of their true ranges; for a short \
         the lowest price plus them.",
        |_: &mut Market, bars: i64, frame: ImmutableString, multiple: Decimal| {
            chandelier(bars, &frame, multiple)
        },
    );
    kit.overload(
        "chandelier",
        |_: &mut Market, bars: i64, frame: ImmutableString, multiple: i64| {
            chandelier(bars, &frame, multiple.into())
        },
    );
    kit.method(
        M,
        "bar(frame: string, back: int) -> Bar",
        "A complete bar: 0 is the last one, 1 the one before.",
        |_: &mut Market, length: ImmutableString, back: i64| {
            frame::with(|frame| {
                let (count, frame_ms) = admit(back.saturating_add(1), &length)?;
                let bar = frame.run.history.bar(count - 1, frame_ms, frame.run.now);
                figure(bar, count, &length)
            })
        },
    );
}

/// C. LeBeau's chandelier exit: it hangs from the extreme of the bars, not from the entry.
fn chandelier(count: i64, length: &str, multiple: Decimal) -> ScriptResult<ScriptPrice> {
    frame::with(|frame| {
        let (bars, frame_ms) = admit(count, length)?;
        let range = atr(frame, count, length)?;
        let last = frame.run.history.last(bars, frame_ms, frame.run.now);
        let last = figure(last, bars, length)?;
        let (extreme, sign) = match frame.run.transaction.direction {
            Direction::Long => (last.iter().map(|bar| bar.high).max(), Decimal::NEGATIVE_ONE),
            Direction::Short => (last.iter().map(|bar| bar.low).min(), Decimal::ONE),
        };
        let hung = range.checked_mul(multiple * sign);
        match extreme.zip(hung).and_then(|(price, delta)| price.get().checked_add(delta)) {
            Some(price) => price_of(price, "the chandelier"),
            None => missing("there are no bars"),
        }
    })
}

/// A figure as a price; one that is none, such as a range wider than the price, is an error.
fn price_of(value: Decimal, what: &str) -> ScriptResult<ScriptPrice> {
    Price::new(value.round_dp(SCALE_MAX))
        .map(ScriptPrice)
        .ok_or_else(|| script_error(format!("{what} {value} is no price")))
}

fn extremes(kit: &mut Toolkit<'_>) {
    kit.method(
        M,
        "peak_since(t: Transaction) -> Price",
        "Best price for the run's transaction since its first fill: highest for a long.",
        |_: &mut Market, tx: Tx| extreme(&tx, true),
    );
    kit.method(
        M,
        "trough_since(t: Transaction) -> Price",
        "Worst price for the run's transaction since its first fill: lowest for a long.",
        |_: &mut Market, tx: Tx| extreme(&tx, false),
    );
}

fn sessions(kit: &mut Toolkit<'_>) {
    kit.property(M, "has_session: bool", "Whether the session is known.", |_: &mut Market| {
        frame::with(|frame| Ok(known_session(frame).is_some()))
    });
    kit.property(M, "is_open: bool", "Whether the instrument trades now.", |_: &mut Market| {
        session(|session, now| Some(is_open(session, now)))
    });
    let doc = "`open` or `closed`.";
    kit.property(M, "phase: string", doc, |_: &mut Market| {
        session(|session, now| {
            Some(ImmutableString::from(if is_open(session, now) { "open" } else { "closed" }))
        })
    });
    let doc = "When the session closes next.";
    kit.property(M, "next_close: Time", doc, |_: &mut Market| {
        session(|session, now| session.next_close.filter(|at| *at > now).map(ScriptTime))
    });
    let doc = "When the session opens next.";
    kit.property(M, "next_open: Time", doc, |_: &mut Market| {
        session(|session, now| session.next_open.filter(|at| *at > now).map(ScriptTime))
    });
}

fn known_session<'f>(frame: &'f Frame<'_>) -> Option<&'f Session> {
    frame.run.account.sessions.get(&frame.run.transaction.symbol)
}

/// What was read of a session holds until its next turn.
fn is_open(session: &Session, now: Timestamp) -> bool {
    match session.is_open {
        true => session.next_close.is_none_or(|at| now < at),
        false => session.next_open.is_some_and(|at| at <= now),
    }
}

fn session<T>(pick: impl FnOnce(&Session, Timestamp) -> Option<T>) -> ScriptResult<T> {
    frame::with(|frame| {
        let found = known_session(frame).and_then(|session| pick(session, frame.run.now));
        let symbol = &frame.run.transaction.symbol;
        found.map_or_else(|| missing(format!("the session of {symbol} is not known")), Ok)
    })
}

/// Mean true range of the run's instrument.
pub(super) fn atr(frame: &Frame<'_>, bars: i64, length: &str) -> ScriptResult<Decimal> {
    let (count, frame_ms) = admit(bars, length)?;
    figure(frame.run.history.atr(count, frame_ms, frame.run.now), count + 1, length)
}

fn exit_price(frame: &Frame<'_>) -> Option<Price> {
    frame.run.quote.as_ref()?.exit_price(frame.run.transaction.direction)
}

fn from_quote(
    what: &str,
    pick: impl FnOnce(&Frame<'_>, &Quote) -> Option<Price>,
) -> ScriptResult<ScriptPrice> {
    frame::with(|frame| match frame.run.quote.as_ref().and_then(|quote| pick(frame, quote)) {
        Some(price) => Ok(ScriptPrice(price)),
        None => missing(format!("there is no {what} of {}", frame.run.transaction.symbol)),
    })
}

pub(super) fn extreme(tx: &Tx, best: bool) -> ScriptResult<ScriptPrice> {
    if matches!(tx, Tx::Other(_)) {
        return Err(script_error("extremes are kept for the run's own transaction"));
    }
    frame::with(|frame| {
        let tx = &frame.run.transaction;
        let is_long = tx.direction == Direction::Long;
        let now = exit_price(frame).into_iter();
        let found = if best == is_long {
            now.chain(frame.run.history.peak).max()
        } else {
            now.chain(frame.run.history.trough).min()
        };
        match found.filter(|_| tx.opened_at.is_some()) {
            Some(price) => Ok(ScriptPrice(price)),
            None => missing("no price was seen since the first fill"),
        }
    })
}

fn over_bars(
    count: i64,
    length: &str,
    pick: impl FnOnce(&[bracketd_core::broker::Bar]) -> Option<Price>,
) -> ScriptResult<ScriptPrice> {
    frame::with(|frame| {
        let (count, frame_ms) = admit(count, length)?;
        let bars = frame.run.history.last(count, frame_ms, frame.run.now);
        match pick(&figure(bars, count, length)?) {
            Some(price) => Ok(ScriptPrice(price)),
            None => missing("there are no bars"),
        }
    })
}

fn figure<T>(found: Result<T, NoFigure>, wanted: usize, length: &str) -> ScriptResult<T> {
    match found {
        Ok(value) => Ok(value),
        Err(NoFigure::TooFew(have)) => {
            missing(format!("{wanted} complete bars of {length} are needed, {have} are known"))
        }
        Err(NoFigure::BadFrame) => bad_frame(length),
    }
}

fn admit(count: i64, length: &str) -> ScriptResult<(usize, u64)> {
    admit_up_to(count, length, FIGURE_BARS_MAX)
}

fn admit_up_to(count: i64, length: &str, most: i64) -> ScriptResult<(usize, u64)> {
    let Some(frame_ms) = parse_duration_ms(length) else { return bad_frame(length) };
    match usize::try_from(count) {
        Ok(bars) if (1..=most).contains(&count) => Ok((bars, frame_ms)),
        _ => Err(script_error(format!("{count} bars: ask for 1 to {most}"))),
    }
}

fn bad_frame<T>(length: &str) -> ScriptResult<T> {
    Err(script_error(format!("\"{length}\" is no length of bars; write `1m`, `5m`, `1h` or `1d`")))
}
