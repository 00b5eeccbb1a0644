//! The next safe step from what rests to what is wanted. Separate because it is the plugin's whole
//! judgement, pure and tested as a table; it must never plan two writes, and never take protection
//! away where a change in place will do.

use bracketd_plugin_sdk::Dec;
use bracketd_plugin_sdk::fault::invalid;
use bracketd_plugin_sdk::types::{Bracket, Decimal, Fault, Leg, LegRole, Link, OrderState, Target};

use crate::orders::is_live;

/// The one step to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// What rests is what is wanted, or may not be touched now.
    Nothing,
    /// This order is on its way out or being replaced; nothing can be asked before it is over.
    Wait(String),
    /// Post these exits.
    Create(Exits),
    /// Replace one leg where it stands.
    Patch(Box<Patch>),
    /// Cancel this order (and with it its linked sibling).
    Cancel(String),
}

/// Exits to post: both = one pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Limit price of the target.
    pub target: Option<Dec>,
    /// Trigger price of the stop.
    pub stop: Option<Dec>,
}

/// A change of one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The leg as the host knows it.
    pub leg: Leg,
    /// New limit or trigger price, whichever the leg has.
    pub price: Option<Dec>,
    /// New total quantity.
    pub qty: Option<Dec>,
    /// Whether the other leg needs a change as well, in the next call.
    pub more: bool,
}

/// One live leg, read once.
struct Live<'a> {
    leg: &'a Leg,
    price: Option<Dec>,
    filled: Dec,
    rest: Dec,
}

/// Decides the next step. A leg of an entry that is not completely filled is left alone.
///
/// # Errors
/// `invalid` for numbers that are none.
pub fn plan(bracket: &Bracket, target: &Target, stop: &Target) -> Result<Step, Fault> {
    let mut targets = Vec::new();
    let mut stops = Vec::new();
    for leg in bracket.legs.iter().filter(|leg| is_live(leg)) {
        match leg.state {
            OrderState::Contingent => return Ok(Step::Nothing),
            OrderState::PendingCancel | OrderState::PendingReplace => {
                return Ok(Step::Wait(leg.broker_id.clone()));
            }
            _ => {}
        }
        match leg.role {
            LegRole::TakeProfit => targets.push(read(leg, leg.price)?),
            LegRole::StopLoss => stops.push(read(leg, leg.stop_price)?),
            _ => return Err(invalid("LEG_ROLE", format!("leg {} is no exit", leg.broker_id))),
        }
    }
    // Two live legs of one role: something went wrong before; end one, keep the other.
    if let Some(extra) = targets.get(1).or_else(|| stops.get(1)) {
        return Ok(Step::Cancel(extra.leg.broker_id.clone()));
    }
    let (live_target, live_stop) = (targets.first(), stops.first());
    let protect = number(bracket.protect_qty)?;
    let wanted = match protect.is_zero() {
        true => Exits::default(),
        false => Exits { target: wanted(target, live_target)?, stop: wanted(stop, live_stop)? },
    };
    Ok(match (live_target, live_stop) {
        (None, None) if wanted == Exits::default() => Step::Nothing,
        (None, None) => Step::Create(wanted),
        (Some(target), Some(stop)) => pair(target, stop, wanted, protect),
        (Some(one), None) => match (wanted.target, wanted.stop) {
            (Some(price), None) => single(one, price, protect),
            _ => cancel(one),
        },
        (None, Some(one)) => match (wanted.target, wanted.stop) {
            (None, Some(price)) => single(one, price, protect),
            _ => cancel(one),
        },
    })
}

fn pair(target: &Live<'_>, stop: &Live<'_>, wanted: Exits, protect: Dec) -> Step {
    let linked = match (&target.leg.group_id, &stop.leg.group_id) {
        (Some(one), Some(other)) => one == other,
        _ => matches!(stop.leg.link, Link::Oco | Link::Bracket),
    };
    let (Some(limit), Some(trigger)) = (wanted.target, wanted.stop) else {
        // Unlinked, the leg that goes is not the leg that stays.
        let keeps_target = wanted.target.is_some() && !linked;
        return cancel(if keeps_target { stop } else { target });
    };
    // The broker shrinks the stop after the target's partial fill, and news of the two come apart:
    // the pair covers the quantity as soon as one of them says so.
    if !linked || (target.rest != protect && stop.rest != protect) {
        return cancel(target);
    }
    if stop.price != Some(trigger) {
        return patch(stop, Some(trigger), None, target.price != Some(limit));
    }
    if target.price != Some(limit) {
        return patch(target, Some(limit), None, false);
    }
    Step::Nothing
}

fn single(live: &Live<'_>, price: Dec, protect: Dec) -> Step {
    let new_price = (live.price != Some(price)).then_some(price);
    let resized = live.rest != protect;
    if new_price.is_none() && !resized {
        return Step::Nothing;
    }
    // Exits of an OTO cannot be replaced; a partly filled or fractional order cannot be resized
    // safely.
    let in_place = live.leg.link != Link::Oto && live.rest.is_whole();
    let resizable = live.leg.link == Link::Alone && live.filled.is_zero() && protect.is_whole();
    match (in_place, resized) {
        (true, false) => patch(live, new_price, None, false),
        (true, true) if resizable => patch(live, new_price, Some(protect), false),
        _ => cancel(live),
    }
}

fn patch(live: &Live<'_>, price: Option<Dec>, qty: Option<Dec>, more: bool) -> Step {
    Step::Patch(Box::new(Patch { leg: live.leg.clone(), price, qty, more }))
}

fn cancel(live: &Live<'_>) -> Step {
    Step::Cancel(live.leg.broker_id.clone())
}

fn wanted(target: &Target, live: Option<&Live<'_>>) -> Result<Option<Dec>, Fault> {
    match target {
        Target::Keep => Ok(live.and_then(|live| live.price)),
        Target::Clear => Ok(None),
        Target::Set(price) => number(*price).map(Some),
    }
}

fn read(leg: &Leg, price: Option<Decimal>) -> Result<Live<'_>, Fault> {
    let filled = number(leg.filled_qty)?;
    let rest = number(leg.qty)?.checked_sub(filled).ok_or_else(|| {
        invalid("DECIMAL", format!("leg {}: quantity out of range", leg.broker_id))
    })?;
    Ok(Live { leg, price: price.map(number).transpose()?, filled, rest })
}

/// A decimal of the host.
///
/// # Errors
/// `invalid` when it does not fit.
pub fn number(wire: Decimal) -> Result<Dec, Fault> {
    Dec::try_from(wire).map_err(|error| invalid("DECIMAL", error.to_string()))
}
