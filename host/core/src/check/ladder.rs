//! The gate's questions about a ladder of partial targets.
//!
//! Apart because it asks of each rung what is asked of one target, and of the whole whether it can be
//! cut like that at all.

use rust_decimal::Decimal;

use super::{Context, No, accepted, price_rules, recedes};
use crate::instrument::Instrument;
use crate::intent::{Outcome, Request};
use crate::ladder::{RungWish, is_whole, planned, whole};
use crate::limits::SLICES_MAX;
use crate::money::{Price, Quantity};
use crate::order::Leg;
use crate::refusal::Refusal;
use crate::transaction::{Transaction, TransactionStatus};

pub(super) fn ladder(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
    wish: &[RungWish],
) -> Result<(Outcome, String), No> {
    not_changing(tx)?;
    if !request.source.is_person() && tx.locks.has(Leg::Target) {
        return Err((Refusal::Locked, format!("the target of transaction {} is locked", tx.id)));
    }
    let Some(instrument) = context.instrument else {
        let why = "the instrument's quantity step is not read yet; try again".to_owned();
        return Err((Refusal::NotReady, why));
    };
    terms(wish)?;
    let rungs = planned(tx, wish, instrument.qty_step);
    let same = |(one, other): (&crate::ladder::Rung, &crate::ladder::Rung)| {
        (one.share, one.target, one.quantity, one.left)
            == (other.share, other.target, other.quantity, other.left)
    };
    if rungs.len() == tx.ladder.len() && rungs.iter().zip(&tx.ladder).all(same) {
        return Ok((Outcome::Unchanged, "its ladder is so already".to_owned()));
    }
    let targets: Vec<Price> = rungs.iter().map(|rung| rung.target).collect();
    let rules = price_rules(tx, context, (tx.desired.stop, targets.first().copied()))?;
    for target in &targets {
        rules.check(None, Some(*target), (tx.desired.stop, Some(*target)))?;
    }
    recedes(tx, context, request, &targets)?;
    for target in &targets {
        rules.bounds(None, Some(*target))?;
    }
    tradable(whole(tx), &rungs, instrument)?;
    let (outcome, _) = accepted(tx);
    let words = match tx.status {
        TransactionStatus::Waiting => "stored; the ladder rests from the fill on",
        _ => "stored; the parts are being sent, one exit after the other",
    };
    Ok((outcome, words.to_owned()))
}

/// While quantity is being sold or bought there is no whole that could be cut.
fn not_changing(tx: &Transaction) -> Result<(), No> {
    if tx.status == TransactionStatus::Closing {
        return Err((Refusal::Busy, format!("transaction {} is being closed", tx.id)));
    }
    match tx.task {
        None => Ok(()),
        Some(_) => Err((Refusal::Busy, "a change of the quantity is under way".to_owned())),
    }
}

fn terms(wish: &[RungWish]) -> Result<(), No> {
    let bad = |why: String| Err((Refusal::BadTerms, why));
    if wish.is_empty() {
        return bad("a ladder has a rung at least; a single target ends one".to_owned());
    }
    // What the rungs leave over is a part too.
    let most = if is_whole(wish) { SLICES_MAX } else { SLICES_MAX - 1 };
    if wish.len() > most {
        return bad(format!(
            "{} rungs are too many: a position has at most {SLICES_MAX} parts, and what the rungs \
             leave over is one of them",
            wish.len()
        ));
    }
    let mut sum = Decimal::ZERO;
    for (at, rung) in wish.iter().enumerate() {
        if rung.share <= Decimal::ZERO || rung.share > Decimal::ONE {
            return bad(format!("{} is no share; it is above 0 and at most 1", rung.share));
        }
        if wish[..at].iter().any(|other| other.target == rung.target) {
            return bad(format!("two rungs have the target {}; make them one", rung.target));
        }
        sum += rung.share;
    }
    if sum > Decimal::ONE && !is_whole(wish) {
        return bad(format!("the shares come to {sum}, more than the whole"));
    }
    Ok(())
}

/// Whether an order can be made of each part: of every rung and of what they leave over.
fn tradable(
    whole: Quantity,
    rungs: &[crate::ladder::Rung],
    instrument: &Instrument,
) -> Result<(), No> {
    let is_small = |part: Quantity| part.is_zero() || part < instrument.min_qty;
    let least = instrument.min_qty.get().max(instrument.qty_step);
    if let Some(rung) = rungs.iter().find(|rung| is_small(rung.quantity)) {
        let why = format!(
            "{} of {whole} comes to {}, and the smallest order is {least}; make fewer rungs",
            rung.share, rung.quantity
        );
        return Err((Refusal::RungTooSmall, why));
    }
    let rest = whole.minus(rungs.iter().map(|rung| rung.quantity).sum());
    if !rest.is_zero() && is_small(rest) {
        let why = format!(
            "the rungs leave {rest} of {whole} over, and the smallest order is {least}; let the \
             shares come to 1, or to less"
        );
        return Err((Refusal::RungTooSmall, why));
    }
    Ok(())
}
