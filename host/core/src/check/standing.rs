//! The gate's questions about what the host is to do by itself.
//!
//! Apart because nothing moves yet: a trail is a promise of many later requests, and each of those
//! is asked everything else again.

use rust_decimal::Decimal;

use super::{Context, No, accepted, reference};
use crate::intent::{Outcome, Request};
use crate::money::is_sane;
use crate::order::Leg;
use crate::refusal::Refusal;
use crate::standing::{TrailDistance, TrailTerms};
use crate::transaction::{Transaction, TransactionStatus};

pub(super) fn trail(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
    terms: TrailTerms,
) -> Result<(Outcome, String), No> {
    not_closing(tx)?;
    if !request.source.is_person() && tx.locks.has(Leg::Stop) {
        return Err((Refusal::Locked, format!("the stop of transaction {} is locked", tx.id)));
    }
    if tx.standing.trail.as_ref().is_some_and(|trail| trail.terms == terms) {
        return Ok((Outcome::Unchanged, "its stop trails like this already".to_owned()));
    }
    let Some(instrument) = context.instrument else {
        let why = "the instrument's tick size is not read yet; try again".to_owned();
        return Err((Refusal::NotReady, why));
    };
    let (from, name) = reference(tx, context)?;
    let away = terms.distance.from(from);
    let bad = |why: String| Err((Refusal::BadTerms, why));
    let is_whole = matches!(terms.distance, TrailDistance::Percent(p) if p >= Decimal::ONE_HUNDRED);
    if away <= Decimal::ZERO || !is_sane(away.round_dp(8)) || is_whole {
        return bad(format!("{} is no distance to trail at", terms.distance));
    }
    if terms.step < Decimal::ZERO || !is_sane(terms.step) {
        return bad(format!("{} is no step", terms.step));
    }
    let percent = (away * Decimal::ONE_HUNDRED / from.get()).round_dp(2);
    let percent_max = context.account.rules.collar_percent;
    if percent > percent_max {
        let why = format!(
            "a trail {} behind is {percent} % of the {name} {from}; at most {percent_max} % is allowed",
            terms.distance
        );
        return Err((Refusal::Collar, why));
    }
    let tick = instrument.tick_at(from.get());
    let least = context.account.rules.guards.min_distance.map(|min| (min, min.from(from, tick)));
    if let Some((min, least)) = least.filter(|(_, least)| away < *least) {
        let why = format!(
            "a trail {} behind is nearer than {min} ({least}) to the {name} {from}",
            terms.distance
        );
        return Err((Refusal::TooClose, why));
    }
    let (outcome, _) = accepted(tx);
    let from_when = match tx.status {
        TransactionStatus::Waiting => "the stop trails from the first fill on",
        _ => "the stop trails from now on",
    };
    Ok((outcome, from_when.to_owned()))
}

pub(super) fn no_trail(tx: &Transaction) -> (Outcome, String) {
    match &tx.standing.trail {
        None => (Outcome::Unchanged, "its stop does not trail".to_owned()),
        Some(_) => (Outcome::Stored, "the stop stays where it is".to_owned()),
    }
}

/// The time limit of a triple barrier, once its prices passed.
pub(super) fn time_limit(
    tx: &Transaction,
    context: &Context<'_>,
    hold_ms: u64,
    prices: (Outcome, String),
) -> Result<(Outcome, String), No> {
    let is_over = tx.opened_at.is_some_and(|at| at.plus_ms(hold_ms) <= context.now);
    if hold_ms == 0 || is_over {
        let why = format!("{} s from the first fill are over already; close it", hold_ms / 1_000);
        return Err((Refusal::BadTerms, why));
    }
    let is_known = tx.standing.time_limit.as_ref().is_some_and(|limit| limit.hold_ms == hold_ms);
    match prices.0 {
        Outcome::Unchanged if is_known => Ok(prices),
        _ => Ok(accepted(tx)),
    }
}

pub(super) fn no_time_limit(tx: &Transaction) -> (Outcome, String) {
    match &tx.standing.time_limit {
        None => (Outcome::Unchanged, "it has no time limit".to_owned()),
        Some(_) => (Outcome::Stored, "it may be held without a time limit".to_owned()),
    }
}

pub(super) fn review(tx: &Transaction, asked: bool, why: &str) -> (Outcome, String) {
    match (&tx.standing.review, asked) {
        (Some(before), true) if before == why => {
            (Outcome::Unchanged, "people are asked to look at it already".to_owned())
        }
        (None, false) => (Outcome::Unchanged, "nobody asked for a review".to_owned()),
        (_, true) => (Outcome::Stored, "people are asked to look at it".to_owned()),
        (Some(_), false) => (Outcome::Stored, "the review is done".to_owned()),
    }
}

fn not_closing(tx: &Transaction) -> Result<(), No> {
    match tx.status {
        TransactionStatus::Closing => {
            Err((Refusal::Busy, format!("transaction {} is being closed", tx.id)))
        }
        TransactionStatus::Waiting
        | TransactionStatus::Opened
        | TransactionStatus::Closed
        | TransactionStatus::Failed => Ok(()),
    }
}
