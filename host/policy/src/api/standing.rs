//! Verbs whose work goes on after the run: the host trails, closes and locks by itself.
//!
//! Apart because what they ask for outlives the script: it is kept in the ledger, survives errors,
//! reloads and restarts, and ends when somebody says so. Units are turned into prices here, at the
//! moment of asking, so that the host needs no bars to go on.

use bracketd_core::control::KillLevel;
use bracketd_core::ids::Symbol;
use bracketd_core::intent::{Intent, Wish};
use bracketd_core::money::{Price, SCALE_MAX};
use bracketd_core::order::Leg;
use bracketd_core::standing::{TrailDistance, TrailTerms};
use bracketd_core::transaction::Transaction;
use rhai::{Dynamic, ImmutableString, Map};
use rust_decimal::Decimal;

use super::Toolkit;
use super::market::atr;
use super::objects::Tx;
use super::transaction::unit_risk;
use super::verbs::{is_own, snapped};
use crate::data::{ScriptPrice, ScriptTime, Span, text};
use crate::failure::{ScriptResult, missing, script_error};
use crate::frame::Frame;
use crate::gate::{ScriptVerdict, ask};
use crate::limits::ATR_BARS;
use crate::span::nearest;

const KEYS: [&str; 6] = ["by", "distance", "activate_at", "step", "bars", "frame"];
const UNITS: [&str; 5] = ["pct", "ticks", "price", "atr", "r"];

pub(super) fn register(kit: &mut Toolkit<'_>) {
    trails(kit);
    barriers(kit);
    control(kit);
}

fn trails(kit: &mut Toolkit<'_>) {
    kit.function(
        "trail(t: Transaction, terms: map, why: string) -> Verdict",
        "The host keeps the stop `distance` behind the best price since now, or since the first fill: \
         `#{ by: \"pct\" | \"ticks\" | \"price\" | \"atr\" | \"r\", distance, activate_at, step }`. It \
         begins at `activate_at`, and moves by `step` at least, in the same unit; ranges (`bars`, \
         `frame`) and R are those of this moment. It goes on when the script fails.",
        trail,
    );
    kit.function(
        "clear_trail(t: Transaction, why: string) -> Verdict",
        "The host trails no more; the stop stays where it is.",
        |tx: Tx, why: ImmutableString| {
            ask(&why, is_own(&tx), |_, own| Ok(Intent::Trail { transaction: own.id, terms: None }))
        },
    );
}

fn trail(tx: Tx, wish: Map, why: ImmutableString) -> ScriptResult<ScriptVerdict> {
    if let Some(stray) = wish.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let near = nearest(stray, KEYS.into_iter()).map(|near| format!("; did you mean {near}?"));
        let (known, near) = (KEYS.join(", "), near.unwrap_or_default());
        return Err(script_error(format!("a trail has no {stray}; it takes {known}{near}")));
    }
    ask(&why, is_own(&tx), |frame, own| {
        let terms = Some(terms(frame, own, &wish)?);
        Ok(Intent::Trail { transaction: own.id, terms })
    })
}

fn terms(frame: &Frame<'_>, own: &Transaction, wish: &Map) -> ScriptResult<TrailTerms> {
    let by = wish.get("by").and_then(|by| by.clone().into_immutable_string().ok());
    let by = by.filter(|by| UNITS.contains(&by.as_str())).ok_or_else(|| {
        script_error(format!(
            "a trail needs `by`: the unit of its distance, one of {}",
            UNITS.join(", ")
        ))
    })?;
    let Some(distance) = wish.get("distance") else {
        return Err(script_error("a trail needs `distance`, in the unit that `by` names"));
    };
    let distance = positive("distance", distance)?;
    let distance = match by.as_str() {
        "pct" => TrailDistance::Percent(distance),
        _ => TrailDistance::Price(in_price(frame, own, wish, &by, distance)?),
    };
    let step = match wish.get("step") {
        None => Decimal::ZERO,
        Some(step) => in_price(frame, own, wish, &by, positive("step", step)?)?,
    };
    let activate_at = wish.get("activate_at").map(|at| price_of("activate_at", at)).transpose()?;
    Ok(TrailTerms { distance, activate_at, step })
}

/// So many of the unit as a difference of prices, as things are now.
fn in_price(
    frame: &Frame<'_>,
    own: &Transaction,
    wish: &Map,
    by: &str,
    count: Decimal,
) -> ScriptResult<Decimal> {
    let market = frame.quote().and_then(|quote| quote.exit_price(own.direction));
    let at = || match market.or(own.opened_at.is_none().then_some(own.entry.reference)) {
        Some(price) => Ok(price.get()),
        None => missing(format!("there is no price of {}", own.symbol)),
    };
    let unit = match by {
        "pct" => at()? / Decimal::ONE_HUNDRED,
        "ticks" => frame.instrument().tick_at(at()?),
        "r" => match unit_risk(own) {
            Some(risk) => risk,
            None => return missing("the transaction has had no stop, so there is no R"),
        },
        "atr" => {
            let bars = wish.get("bars").map_or(Ok(ATR_BARS), whole)?;
            let length = wish.get("frame").map_or_else(|| "1m".to_owned(), text);
            atr(frame, bars, &length)?
        }
        _ => Decimal::ONE,
    };
    let distance = unit.checked_mul(count).map(|distance| distance.round_dp(SCALE_MAX).normalize());
    distance.ok_or_else(|| script_error(format!("{count} {by} is too much")))
}

fn whole(bars: &Dynamic) -> ScriptResult<i64> {
    bars.as_int().map_err(|kind| script_error(format!("`bars` is a whole number, not a {kind}")))
}

fn positive(name: &str, value: &Dynamic) -> ScriptResult<Decimal> {
    let number = value.as_decimal().ok().or_else(|| value.as_int().ok().map(Decimal::from));
    let number = number.filter(|number| *number > Decimal::ZERO);
    number.ok_or_else(|| script_error(format!("`{name}` {} is no number above 0", text(value))))
}

pub(super) fn price_of(name: &str, value: &Dynamic) -> ScriptResult<Price> {
    if let Some(price) = value.read_lock::<ScriptPrice>() {
        return Ok(price.0);
    }
    let number = value.as_decimal().ok().or_else(|| value.as_int().ok().map(Decimal::from));
    let price = number.and_then(Price::new);
    price.ok_or_else(|| script_error(format!("`{name}` {} is no price", text(value))))
}

fn barriers(kit: &mut Toolkit<'_>) {
    kit.function(
        "triple_barrier(t: Transaction, stop: Price | decimal | int, target: Price | decimal | int, \
         hold: Duration, why: string) -> Verdict",
        "Wants stop and target, and the host closes what is held so long after the first fill: one \
         change, refused or accepted as a whole.",
        |tx: Tx, stop: Dynamic, target: Dynamic, hold: Span, why: ImmutableString| {
            let (stop, target) = (price_of("stop", &stop)?, price_of("target", &target)?);
            ask(&why, is_own(&tx), |frame, own| {
                Ok(Intent::Barriers {
                    transaction: own.id,
                    stop: Wish::Set(snapped(frame, Leg::Stop, stop)?),
                    target: Wish::Set(snapped(frame, Leg::Target, target)?),
                    hold_ms: hold.0,
                })
            })
        },
    );
    kit.function(
        "clear_time_limit(t: Transaction, why: string) -> Verdict",
        "It may be held for as long as anybody wants; stop and target stay.",
        |tx: Tx, why: ImmutableString| {
            ask(&why, is_own(&tx), |_, own| Ok(Intent::ClearTimeLimit { transaction: own.id }))
        },
    );
}

fn control(kit: &mut Toolkit<'_>) {
    kit.function(
        "request_review(t: Transaction, why: string) -> Verdict",
        "Asks people to look at it; shown until a person did.",
        |tx: Tx, why: ImmutableString| {
            ask(&why, is_own(&tx), |_, own| Ok(Intent::Review { transaction: own.id, asked: true }))
        },
    );
    kit.function(
        "lock(symbol: string, until: Time | Duration, why: string) -> Verdict",
        "Until then nothing of the symbol is opened or grown at the run's account, and policies only \
         lower its risk. Off unless the configuration allows it.",
        |symbol: ImmutableString, until: ScriptTime, why: ImmutableString| {
            lock(&symbol, &why, |_| until)
        },
    );
    kit.overload("lock", |symbol: ImmutableString, span: Span, why: ImmutableString| {
        lock(&symbol, &why, |frame| ScriptTime(frame.run.now.plus_ms(span.0)))
    });
    kit.function(
        "halt(level: string, why: string) -> Verdict",
        "Stops the run's account: `reducing` lets only what lowers the risk go on, `halted` also \
         cancels resting entries. No policy changes anything then; only a person clears it. Off \
         unless the configuration allows it.",
        |level: ImmutableString, why: ImmutableString| {
            let level = match level.as_str() {
                "reducing" => KillLevel::ProtectOnly,
                "halted" => KillLevel::CancelEntries,
                other => {
                    let why = format!("halt level \"{other}\" is neither reducing nor halted");
                    return Err(script_error(why));
                }
            };
            ask(&why, true, |frame, _| {
                let account = Some(frame.run.account.name.clone());
                Ok(Intent::Kill { account, level, reset_baseline: false })
            })
        },
    );
}

fn lock(
    symbol: &str,
    why: &str,
    until: impl FnOnce(&Frame<'_>) -> ScriptTime,
) -> ScriptResult<ScriptVerdict> {
    ask(why, true, |frame, _| {
        Ok(Intent::LockSymbol {
            account: frame.run.account.name.clone(),
            symbol: Symbol::new(symbol),
            until: Some(until(frame).0),
        })
    })
}
