//! JSON shape of what the host does for a transaction by itself.
//!
//! Apart because the page of a transaction and the export show the same.

use bracketd_core::refusal::Refusal;
use bracketd_core::standing::{Standing, TimeLimit, Trail, TrailDistance};
use serde::Serialize;

use super::{decimal, price};

/// Everything that the host does by itself.
#[derive(Debug, Serialize)]
pub struct StandingView {
    trail: Option<TrailView>,
    time_limit: Option<TimeLimitView>,
    /// Why people are asked to look at it.
    review: Option<String>,
}

/// A stop that follows the best price.
#[derive(Debug, Serialize)]
struct TrailView {
    /// `price` or `percent`: the unit of the distance.
    unit: &'static str,
    distance: String,
    activate_at: Option<String>,
    step: String,
    best: Option<String>,
    by: String,
    why: String,
    /// Why its last move was refused.
    held_back: Option<&'static str>,
}

/// How long it may be held from the first fill.
#[derive(Debug, Serialize)]
struct TimeLimitView {
    hold_ms: u64,
    by: String,
    why: String,
    /// Why the close was refused.
    held_back: Option<&'static str>,
}

/// What stands with a transaction.
pub fn standing(standing: &Standing) -> StandingView {
    StandingView {
        trail: standing.trail.as_ref().map(trail),
        time_limit: standing.time_limit.as_ref().map(time_limit),
        review: standing.review.clone(),
    }
}

fn trail(trail: &Trail) -> TrailView {
    let (unit, distance) = match trail.terms.distance {
        TrailDistance::Price(distance) => ("price", distance),
        TrailDistance::Percent(percent) => ("percent", percent),
    };
    TrailView {
        unit,
        distance: decimal(distance),
        activate_at: price(trail.terms.activate_at),
        step: decimal(trail.terms.step),
        best: price(trail.best),
        by: trail.by.label(),
        why: trail.why.clone(),
        held_back: trail.held_back.map(Refusal::code),
    }
}

fn time_limit(limit: &TimeLimit) -> TimeLimitView {
    TimeLimitView {
        hold_ms: limit.hold_ms,
        by: limit.by.label(),
        why: limit.why.clone(),
        held_back: limit.held_back.map(Refusal::code),
    }
}
