//! Prices in scripts: moved by named units, always seen from the transaction's side.
//!
//! Apart because this is where unit errors are kept out: there is no `Price + number`. A negative
//! offset goes towards the loss, so one script serves longs and shorts.

use bracketd_core::check::is_tighter;
use bracketd_core::money::{Price, SCALE_MAX, Snap};
use bracketd_core::order::Direction;
use rhai::ImmutableString;
use rust_decimal::Decimal;

use super::Toolkit;
use super::transaction::unit_risk;
use crate::data::ScriptPrice;
use crate::event::Event;
use crate::failure::{ScriptResult, missing, script_error};
use crate::frame::{self, Frame};
use crate::limits::ATR_BARS;

pub(super) fn register(kit: &mut Toolkit<'_>) {
    let doc = "The number itself.";
    kit.property("Price", "value: decimal", doc, |price: &mut ScriptPrice| price.0.get());
    kit.method(
        "Price",
        "better_than(other: Price) -> bool",
        "Whether it is farther to the gaining side than the other.",
        |price: &mut ScriptPrice, other: ScriptPrice| {
            frame::with(|frame| Ok(is_tighter(side(frame)?, price.0, other.0)))
        },
    );
    kit.method(
        "Price",
        "distance_to(other: Price) -> decimal",
        "How far the other lies to the gaining side; negative is towards the loss.",
        |price: &mut ScriptPrice, other: ScriptPrice| {
            frame::with(|frame| {
                let up = other.0.get() - price.0.get();
                Ok(match side(frame)? {
                    Direction::Long => up,
                    Direction::Short => -up,
                })
            })
        },
    );
    kit.method(
        "Price",
        "round_to_tick() -> Price",
        "On the nearest tick of the instrument; from the middle between two, towards the gain. The \
         verbs round by themselves.",
        |price: &mut ScriptPrice| frame::with(|frame| nearest_tick(frame, price.0)),
    );
    kit.overload("to_string", |price: &mut ScriptPrice| price.0.to_string());
    kit.overload("to_debug", |price: &mut ScriptPrice| price.0.to_string());
    percent_and_ticks(kit);
    risk_and_money(kit);
    ranges(kit);
}

fn percent_and_ticks(kit: &mut Toolkit<'_>) {
    kit.method(
        "Price",
        "offset_pct(percent: decimal) -> Price",
        "Moved by so many percent of itself; negative is towards the loss.",
        |price: &mut ScriptPrice, percent: Decimal| {
            frame::with(|frame| {
                let delta = price.0.get().checked_mul(percent).map(|d| d / Decimal::ONE_HUNDRED);
                moved(frame, price.0, delta)
            })
        },
    );
    kit.overload("offset_pct", |price: &mut ScriptPrice, percent: i64| {
        frame::with(|frame| {
            let percent = Decimal::from(percent);
            let delta = price.0.get().checked_mul(percent).map(|d| d / Decimal::ONE_HUNDRED);
            moved(frame, price.0, delta)
        })
    });
    kit.method(
        "Price",
        "offset_ticks(ticks: int) -> Price",
        "Moved by so many ticks of the instrument; negative is towards the loss.",
        |price: &mut ScriptPrice, ticks: i64| {
            frame::with(|frame| {
                let tick = frame.run.instrument.tick_at(price.0.get());
                moved(frame, price.0, tick.checked_mul(ticks.into()))
            })
        },
    );
}

fn risk_and_money(kit: &mut Toolkit<'_>) {
    fn by_risk(price: ScriptPrice, multiple: Decimal) -> ScriptResult<ScriptPrice> {
        frame::with(|frame| {
            let Some(unit) = unit_risk(&frame.buffer.borrow().transaction) else {
                return missing("the transaction has had no stop, so there is no R");
            };
            moved(frame, price.0, unit.checked_mul(multiple))
        })
    }
    fn by_money(price: ScriptPrice, money: Decimal) -> ScriptResult<ScriptPrice> {
        frame::with(|frame| {
            let tx = &frame.run.transaction;
            let held = tx.held();
            let quantity = if held.is_zero() { tx.entry.quantity } else { held };
            let per_price = quantity.get().checked_mul(frame.run.instrument.multiplier);
            moved(frame, price.0, per_price.and_then(|per_price| money.checked_div(per_price)))
        })
    }
    kit.method(
        "Price",
        "offset_r(multiple: decimal) -> Price",
        "Moved by so many times the distance from the entry to the first stop.",
        |price: &mut ScriptPrice, multiple: Decimal| by_risk(*price, multiple),
    );
    kit.overload("offset_r", |price: &mut ScriptPrice, multiple: i64| {
        by_risk(*price, multiple.into())
    });
    kit.method(
        "Price",
        "offset_money(amount: decimal) -> Price",
        "Moved so far that what is held (or planned) gains this amount; negative loses it.",
        |price: &mut ScriptPrice, amount: Decimal| by_money(*price, amount),
    );
    kit.overload("offset_money", |price: &mut ScriptPrice, amount: i64| {
        by_money(*price, amount.into())
    });
}

fn ranges(kit: &mut Toolkit<'_>) {
    fn by_atr(
        price: ScriptPrice,
        multiple: Decimal,
        bars: i64,
        frame_text: &str,
    ) -> ScriptResult<ScriptPrice> {
        frame::with(|frame| {
            let atr = super::market::atr(frame, bars, frame_text)?;
            moved(frame, price.0, atr.checked_mul(multiple))
        })
    }
    kit.method(
        "Price",
        "offset_atr(multiple: decimal) -> Price",
        "Moved by so many average true ranges of 14 one-minute bars.",
        |price: &mut ScriptPrice, multiple: Decimal| by_atr(*price, multiple, ATR_BARS, "1m"),
    );
    kit.overload("offset_atr", |price: &mut ScriptPrice, multiple: i64| {
        by_atr(*price, multiple.into(), ATR_BARS, "1m")
    });
    kit.method(
        "Price",
        "offset_atr(multiple: decimal, bars: int, frame: string) -> Price",
        "Moved by so many average true ranges of the last `bars` bars of `frame` (`5m`, `1h`).",
        |price: &mut ScriptPrice, multiple: Decimal, bars: i64, frame: ImmutableString| {
            by_atr(*price, multiple, bars, &frame)
        },
    );
    kit.overload(
        "offset_atr",
        |price: &mut ScriptPrice, multiple: i64, bars: i64, frame: ImmutableString| {
            by_atr(*price, multiple.into(), bars, &frame)
        },
    );
}

/// Which way the run's transaction gains. In a run about an account a price belongs to none, and a
/// guess would put the stop of a short on its wrong side.
fn side(frame: &Frame<'_>) -> ScriptResult<Direction> {
    match frame.run.event {
        Event::Portfolio(_) => Err(script_error(
            "in on_portfolio a price knows no side: say whose, such as offset_for(t, t.entry, -2.0)",
        )),
        _ => Ok(frame.run.transaction.direction),
    }
}

fn nearest_tick(frame: &Frame<'_>, price: Price) -> ScriptResult<ScriptPrice> {
    let instrument = &frame.run.instrument;
    let (below, above) = (instrument.snap(price, Snap::Down), instrument.snap(price, Snap::Up));
    let (gaining, losing) = match side(frame)? {
        Direction::Long => (above, below),
        Direction::Short => (below, above),
    };
    let gap = |to: Option<Price>| to.map(|to| (to.get() - price.get()).abs());
    let nearest = match (gap(gaining), gap(losing)) {
        (Some(gain), Some(loss)) if loss < gain => losing,
        _ => gaining.or(losing),
    };
    nearest.map(ScriptPrice).ok_or_else(|| script_error(format!("{price} is on no tick")))
}

/// The price moved by `delta` towards the transaction's gain.
fn moved(frame: &Frame<'_>, price: Price, delta: Option<Decimal>) -> ScriptResult<ScriptPrice> {
    let side = side(frame)?;
    let signed = delta.map(|delta| match side {
        Direction::Long => delta,
        Direction::Short => -delta,
    });
    // The average of a division may have more decimals than a price may.
    let moved = signed.and_then(|delta| price.get().checked_add(delta));
    moved
        .and_then(|value| Price::new(value.round_dp(SCALE_MAX)))
        .map(ScriptPrice)
        .ok_or_else(|| script_error(format!("{price} moved that far is no price any more")))
}
