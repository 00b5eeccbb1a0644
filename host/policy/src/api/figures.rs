//! Small reckoning that every policy needs: bounds, and quantities by risk.
//!
//! Apart because these ask for nothing and see only what they are given.

use bracketd_core::money::{Price, Snap, snap};
use rust_decimal::Decimal;

use super::Toolkit;
use super::objects::Tx;
use super::transaction::{exact_risk, read};
use crate::data::ScriptPrice;
use crate::failure::{ScriptResult, missing, script_error};
use crate::frame::{self, Frame};

pub(super) fn register(kit: &mut Toolkit<'_>) {
    bounds(kit);
    quantities(kit);
}

fn bounds(kit: &mut Toolkit<'_>) {
    kit.function(
        "clamp(value: decimal | int | Price, low, high)",
        "The value, or the nearer of the two bounds where it lies outside; all of one type.",
        clamped::<Decimal>,
    );
    kit.overload("clamp", clamped::<i64>);
    kit.overload("clamp", clamped::<ScriptPrice>);
    kit.overload("clamp", |value: Decimal, low: i64, high: i64| {
        clamped(value, Decimal::from(low), Decimal::from(high))
    });
}

fn clamped<T: Ord>(value: T, low: T, high: T) -> ScriptResult<T> {
    if low > high {
        return Err(script_error("clamp: the low bound is above the high one"));
    }
    Ok(value.clamp(low, high))
}

fn quantities(kit: &mut Toolkit<'_>) {
    kit.function(
        "qty_for_risk(t: Transaction, money: decimal | int) -> decimal",
        "Quantity that would lose this much between the entry and the wanted stop, snapped down to \
         the instrument's step; 0 where one step would lose more.",
        by_wanted_stop,
    );
    kit.overload("qty_for_risk", |tx: Tx, money: i64| by_wanted_stop(tx, money.into()));
    kit.function(
        "qty_for_risk(entry: Price, stop: Price, money: decimal | int) -> decimal",
        "The same between two prices of the run's instrument.",
        |entry: ScriptPrice, stop: ScriptPrice, money: Decimal| {
            frame::with(|frame| quantity(frame, entry.0, stop.0, money))
        },
    );
    kit.overload("qty_for_risk", |entry: ScriptPrice, stop: ScriptPrice, money: i64| {
        frame::with(|frame| quantity(frame, entry.0, stop.0, money.into()))
    });
}

fn by_wanted_stop(tx: Tx, money: Decimal) -> ScriptResult<Decimal> {
    if matches!(tx, Tx::Other(_)) {
        return Err(script_error("qty_for_risk is about the run's own transaction"));
    }
    read(&tx, |frame, tx| match (tx.desired.stop, exact_risk(tx, tx.desired.stop)) {
        (Some(stop), Some(_)) => {
            quantity(frame, tx.entry_price().unwrap_or(tx.entry.reference), stop, money)
        }
        (Some(_), None) => missing("the stop is not on the losing side of the entry: no risk"),
        (None, _) => missing("no stop is wanted, so the risk has no limit"),
    })
}

fn quantity(frame: &Frame<'_>, entry: Price, stop: Price, money: Decimal) -> ScriptResult<Decimal> {
    if money <= Decimal::ZERO {
        return Err(script_error(format!("{money} is no amount to risk")));
    }
    let instrument = &frame.run.instrument;
    let loss = (entry.get() - stop.get()).abs().checked_mul(instrument.multiplier);
    let units = loss.and_then(|loss| money.checked_div(loss));
    let units = units.ok_or_else(|| script_error("entry and stop are the same price"))?;
    Ok(snap(units, instrument.qty_step, Snap::Down))
}
