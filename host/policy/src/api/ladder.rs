//! The verb for partial targets, and what a script sees of them.
//!
//! Apart because its argument is a list of pairs: what is wrong in one of them is said with its
//! number. Shares are turned into quantities by the gate, never here.

use bracketd_core::intent::Intent;
use bracketd_core::ladder::RungWish;
use bracketd_core::order::Leg;
use rhai::{Array, Dynamic, ImmutableString};
use rust_decimal::Decimal;

use super::Toolkit;
use super::objects::Tx;
use super::standing::price_of;
use super::transaction::read;
use super::verbs::{is_own, snapped};
use crate::data::text;
use crate::failure::{ScriptResult, script_error};
use crate::frame::Frame;
use crate::gate::{ScriptVerdict, ask};

pub(super) fn register(kit: &mut Toolkit<'_>) {
    const T: &str = "Transaction";
    kit.function(
        "set_ladder(t: Transaction, rungs: array, why: string) -> Verdict",
        "Wants several targets, `[[share, price], ...]`: each share of the quantity, such as 0.5, rests \
         with a target of its own, and all parts keep the one stop. What the shares leave over keeps \
         the ordinary target, where there is one. Set again, it plans what is left; a single target \
         ends it. At most four parts.",
        set_ladder,
    );
    let doc = "Whether its target is a ladder of partial targets.";
    kit.property(T, "has_ladder: bool", doc, |tx: &mut Tx| {
        read(tx, |_, tx| Ok(!tx.ladder.is_empty()))
    });
    let doc = "How many rungs of its ladder have not been sold completely.";
    kit.property(T, "rungs_left: int", doc, |tx: &mut Tx| {
        read(tx, |_, tx| {
            let left = tx.ladder.iter().filter(|rung| !rung.is_done()).count();
            Ok(i64::try_from(left).unwrap_or(i64::MAX))
        })
    });
}

fn set_ladder(tx: Tx, rungs: Array, why: ImmutableString) -> ScriptResult<ScriptVerdict> {
    ask(&why, is_own(&tx), |frame, own| {
        let rungs = rungs.iter().enumerate().map(|(at, one)| rung(frame, at + 1, one));
        Ok(Intent::Ladder { transaction: own.id, rungs: rungs.collect::<ScriptResult<_>>()? })
    })
}

fn rung(frame: &Frame<'_>, number: usize, value: &Dynamic) -> ScriptResult<RungWish> {
    let pair = value.read_lock::<Array>();
    let Some([share, target]) = pair.as_deref().map(Vec::as_slice) else {
        let why = format!("rung {number} is {}, not a pair [share, price]", text(value));
        return Err(script_error(why));
    };
    let number_of = |value: &Dynamic| {
        value.as_decimal().ok().or_else(|| value.as_int().ok().map(Decimal::from))
    };
    let Some(share) = number_of(share) else {
        let why =
            format!("the share of rung {number} is {}, not a number such as 0.5", text(share));
        return Err(script_error(why));
    };
    let target = price_of(&format!("rung {number}"), target)?;
    Ok(RungWish { share, target: snapped(frame, Leg::Target, target)? })
}
