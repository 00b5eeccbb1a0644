//! The verbs: what a script may ask for, and what it may say.
//!
//! Apart because each of them ends in the gate. A price that a script computed is snapped toward
//! the market first, so that no script has to know ticks.

use bracketd_core::intent::{Intent, Wish};
use bracketd_core::money::{Price, Quantity, Snap, snap};
use bracketd_core::order::Leg;
use rhai::{Dynamic, ImmutableString};
use rust_decimal::Decimal;

use super::Toolkit;
use super::objects::Tx;
use crate::data::{ScriptPrice, text};
use crate::failure::{ScriptResult, missing, script_error};
use crate::frame::{self, Frame};
use crate::gate::{Effective, ScriptVerdict, ask};
use crate::limits::{METRIC_NAME_MAX, SAYINGS_MAX};
use crate::portfolio::may_change;

/// Alert levels, quietest first.
const LEVELS: [&str; 3] = ["info", "warn", "critical"];

pub(super) fn register(kit: &mut Toolkit<'_>) {
    verdict(kit);
    stops(kit);
    targets(kit);
    quantities(kit);
    words(kit);
}

fn verdict(kit: &mut Toolkit<'_>) {
    const V: &str = "Verdict";
    kit.kind::<ScriptVerdict>(V);
    let doc = "Whether it was not refused: stored or staged, not yet at the broker.";
    kit.property(V, "accepted: bool", doc, |v: &mut ScriptVerdict| v.accepted);
    let doc = "`STORED`, `STAGED`, `UNCHANGED` or the refusal's code.";
    kit.property(V, "code: string", doc, |v: &mut ScriptVerdict| ImmutableString::from(v.code));
    kit.property(V, "message: string", "A sentence with the numbers.", |v: &mut ScriptVerdict| {
        ImmutableString::from(v.message.as_str())
    });
    kit.property(
        V,
        "effective: Price | decimal",
        "What is wanted after it: the leg's price, or the quantity.",
        |v: &mut ScriptVerdict| match v.effective {
            Effective::Price(price) => Ok(Dynamic::from(ScriptPrice(price))),
            Effective::Quantity(quantity) => Ok(Dynamic::from_decimal(quantity)),
            Effective::Nothing => missing("nothing is wanted after this verdict"),
        },
    );
}

/// Anything a script may give as a price.
trait AsPrice {
    fn price(self) -> ScriptResult<Price>;
}

impl AsPrice for ScriptPrice {
    fn price(self) -> ScriptResult<Price> {
        Ok(self.0)
    }
}

impl AsPrice for Decimal {
    fn price(self) -> ScriptResult<Price> {
        Price::new(self).ok_or_else(|| script_error(format!("{self} is no price")))
    }
}

impl AsPrice for i64 {
    fn price(self) -> ScriptResult<Price> {
        Decimal::from(self).price()
    }
}

/// The price on its tick, never risking more and never asking for more than was said.
pub(super) fn snapped(frame: &Frame<'_>, leg: Leg, price: Price) -> ScriptResult<Price> {
    frame
        .instrument()
        .snap_toward_market(price, leg, frame.direction())
        .ok_or_else(|| script_error(format!("{price} is on no tick")))
}

fn protect(tx: &Tx, stop: Option<Price>, target: Wish, why: &str) -> ScriptResult<ScriptVerdict> {
    ask(why, is_own(tx), |frame, own| {
        let stop = match stop {
            Some(price) => Wish::Set(snapped(frame, Leg::Stop, price)?),
            None => Wish::Keep,
        };
        let target = match target {
            Wish::Set(price) => Wish::Set(snapped(frame, Leg::Target, price)?),
            other => other,
        };
        Ok(Intent::Protect { transaction: own.id, stop, target })
    })
}

fn update_stop<P: AsPrice>(tx: Tx, price: P, why: ImmutableString) -> ScriptResult<ScriptVerdict> {
    protect(&tx, Some(price.price()?), Wish::Keep, &why)
}

fn update_target<P: AsPrice>(
    tx: Tx,
    price: P,
    why: ImmutableString,
) -> ScriptResult<ScriptVerdict> {
    protect(&tx, None, Wish::Set(price.price()?), &why)
}

fn ratchet<P: AsPrice>(tx: Tx, price: P, why: ImmutableString) -> ScriptResult<ScriptVerdict> {
    let price = price.price()?;
    ask(&why, is_own(&tx), |frame, own| {
        let stop = snapped(frame, Leg::Stop, price)?;
        Ok(Intent::Ratchet { transaction: own.id, stop })
    })
}

fn bracket<S: AsPrice, T: AsPrice>(
    tx: Tx,
    stop: S,
    target: T,
    why: ImmutableString,
) -> ScriptResult<ScriptVerdict> {
    protect(&tx, Some(stop.price()?), Wish::Set(target.price()?), &why)
}

fn stops(kit: &mut Toolkit<'_>) {
    kit.function(
        "update_stop_loss(t: Transaction, price: Price | decimal | int, why: string) -> Verdict",
        "Wants the stop at this price.",
        update_stop::<ScriptPrice>,
    );
    kit.overload("update_stop_loss", update_stop::<Decimal>);
    kit.overload("update_stop_loss", update_stop::<i64>);
    kit.function(
        "ratchet_stop(t: Transaction, price: Price | decimal | int, why: string) -> Verdict",
        "Wants the stop at this price if that risks less than now; else nothing changes.",
        ratchet::<ScriptPrice>,
    );
    kit.overload("ratchet_stop", ratchet::<Decimal>);
    kit.overload("ratchet_stop", ratchet::<i64>);
}

fn targets(kit: &mut Toolkit<'_>) {
    kit.function(
        "update_take_profit(t: Transaction, price: Price | decimal | int, why: string) -> Verdict",
        "Wants the target at this price.",
        update_target::<ScriptPrice>,
    );
    kit.overload("update_take_profit", update_target::<Decimal>);
    kit.overload("update_take_profit", update_target::<i64>);
    kit.function(
        "clear_take_profit(t: Transaction, why: string) -> Verdict",
        "Wants no target any more.",
        |tx: Tx, why: ImmutableString| protect(&tx, None, Wish::Clear, &why),
    );
    kit.function(
        "set_bracket(t: Transaction, stop: Price | decimal | int, target: Price | decimal | int, \
         why: string) -> Verdict",
        "Wants both at once: one change, refused or accepted as a whole.",
        bracket::<ScriptPrice, ScriptPrice>,
    );
    kit.overload("set_bracket", bracket::<ScriptPrice, Decimal>);
    kit.overload("set_bracket", bracket::<Decimal, ScriptPrice>);
    kit.overload("set_bracket", bracket::<Decimal, Decimal>);
    kit.overload("set_bracket", bracket::<ScriptPrice, i64>);
    kit.overload("set_bracket", bracket::<i64, ScriptPrice>);
    kit.overload("set_bracket", bracket::<Decimal, i64>);
    kit.overload("set_bracket", bracket::<i64, Decimal>);
    kit.overload("set_bracket", bracket::<i64, i64>);
}

fn resize(tx: &Tx, quantity: Decimal, why: &str) -> ScriptResult<ScriptVerdict> {
    ask(why, is_own(tx), |frame, own| {
        // Toward less: a script that halves an odd quantity must not ask for more than half.
        let on_step = snap(quantity, frame.instrument().qty_step, Snap::Down);
        match Quantity::new(on_step) {
            Some(quantity) => Ok(Intent::Resize { transaction: own.id, quantity }),
            None => Err(script_error(format!("{quantity} is no quantity"))),
        }
    })
}

fn reduce(tx: &Tx, fraction: Decimal, why: &str) -> ScriptResult<ScriptVerdict> {
    if fraction <= Decimal::ZERO || fraction >= Decimal::ONE {
        return Err(script_error(format!(
            "reduce_by ends a part of what is held, such as 0.5; {fraction} is none: \
             close_position ends all of it"
        )));
    }
    ask(why, is_own(tx), |frame, own| {
        let held = own.held().get();
        let step = frame.instrument().qty_step;
        let part = held.checked_mul(fraction).map(|part| snap(part, step, Snap::Down));
        match part.and_then(|part| Quantity::new(held - part)) {
            Some(quantity) => Ok(Intent::Resize { transaction: own.id, quantity }),
            None => Err(script_error(format!("{fraction} of {held} is no quantity"))),
        }
    })
}

fn quantities(kit: &mut Toolkit<'_>) {
    kit.function(
        "close_position(t: Transaction, why: string) -> Verdict",
        "Ends all that is held at the market.",
        |tx: Tx, why: ImmutableString| {
            ask(&why, is_own(&tx), |_, own| Ok(Intent::Close { transaction: own.id }))
        },
    );
    kit.function(
        "adjust_quantity(t: Transaction, quantity: decimal | int, why: string) -> Verdict",
        "Holds this quantity afterwards; snapped down to the instrument's step.",
        |tx: Tx, quantity: Decimal, why: ImmutableString| resize(&tx, quantity, &why),
    );
    kit.overload("adjust_quantity", |tx: Tx, quantity: i64, why: ImmutableString| {
        resize(&tx, quantity.into(), &why)
    });
    kit.function(
        "reduce_by(t: Transaction, fraction: decimal, why: string) -> Verdict",
        "Ends this part of what is held, more than 0 and less than 1; what is ended is snapped down \
         to the instrument's step.",
        |tx: Tx, fraction: Decimal, why: ImmutableString| reduce(&tx, fraction, &why),
    );
    kit.function(
        "cancel_entry(t: Transaction, why: string) -> Verdict",
        "Cancels what of the entry still rests.",
        |tx: Tx, why: ImmutableString| {
            ask(&why, is_own(&tx), |_, own| Ok(Intent::CancelEntry { transaction: own.id }))
        },
    );
}

fn words(kit: &mut Toolkit<'_>) {
    kit.function(
        "alert(level: string, text: string)",
        "Tells people: `info`, `warn` or `critical`. The same words about a transaction are told once \
         a minute, and ten different ones at most.",
        |level: ImmutableString, text: ImmutableString| {
            if !LEVELS.contains(&level.as_str()) {
                let known = LEVELS.join(", ");
                return Err(script_error(format!("alert level {level} is none of {known}")));
            }
            frame::say(|buffer| &mut buffer.alerts, (&level, &text))
        },
    );
    kit.function(
        "note(key: string, value)",
        "Adds to the activity log.",
        |key: ImmutableString, value: Dynamic| {
            frame::say(|buffer| &mut buffer.notes, (&key, &text(&value)))
        },
    );
    kit.function(
        "metric(name: string, value: decimal | int)",
        "Adds a figure to the activity log, under a name of small letters, digits and `_`.",
        |name: ImmutableString, value: Decimal| metric(&name, value),
    );
    kit.overload("metric", |name: ImmutableString, value: i64| metric(&name, value.into()));
}

fn metric(name: &str, value: Decimal) -> ScriptResult<()> {
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_name || name.len() > METRIC_NAME_MAX {
        return Err(script_error(format!(
            "metric \"{name}\": a name has small letters, digits and _, and begins with a letter; at \
             most {METRIC_NAME_MAX} of them"
        )));
    }
    frame::with(|frame| {
        let mut buffer = frame.buffer.borrow_mut();
        if buffer.metrics.len() >= SAYINGS_MAX {
            return Err(script_error(format!("at most {SAYINGS_MAX} of these in one run")));
        }
        buffer.metrics.push((name.to_owned(), value));
        Ok(())
    })
}

pub(super) fn is_own(tx: &Tx) -> bool {
    may_change(tx)
}
