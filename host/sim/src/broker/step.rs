//! The next safe step toward the exits that are wanted, by kind of broker.
//!
//! Apart from doing it: this is the plan that a plugin makes from the host's picture of a bracket.
//! It looks at no order book.

use bracketd_core::command::{Bracket, BracketLeg, Change};
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{OrderStatus, Role};

use super::{Capabilities, Exits, Replace};

/// One write, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// All is as wanted.
    Nothing,
    /// Something is on its way already.
    Wait(BrokerOrderId),
    /// New exits, a pair where both are there.
    Create { stop: Option<Price>, target: Option<Price> },
    /// A leg's price or quantity changes where it rests.
    Patch { leg: BracketLeg, price: Option<Price>, quantity: Option<Quantity> },
    /// A leg goes; a linked sibling dies with it.
    Cancel(BrokerOrderId),
}

/// Decides the next step. A leg of an entry that is not completely filled is left alone.
pub(super) fn step(caps: Capabilities, bracket: &Bracket, stop: Change, target: Change) -> Step {
    let live: Vec<&BracketLeg> =
        bracket.legs.iter().filter(|leg| !leg.status.is_terminal()).collect();
    for leg in &live {
        match leg.status {
            OrderStatus::Contingent => return Step::Nothing,
            OrderStatus::PendingCancel | OrderStatus::PendingReplace => {
                return Step::Wait(leg.broker_id.clone());
            }
            _ => {}
        }
    }
    let of = |role: Role| live.iter().copied().filter(move |leg| leg.role == role);
    // Two live legs of one role: something went wrong before; end one, keep the other.
    if let Some(extra) = of(Role::Target).nth(1).or_else(|| of(Role::Stop).nth(1)) {
        return Step::Cancel(extra.broker_id.clone());
    }
    let (old_stop, old_target) = (of(Role::Stop).next(), of(Role::Target).next());
    let wanted = |change: Change, old: Option<Price>| match change {
        _ if bracket.protect.is_zero() => None,
        Change::Keep => old,
        Change::Clear => None,
        Change::Set(price) => Some(price),
    };
    let stop = Leg { old: old_stop, wants: wanted(stop, old_stop.and_then(|leg| leg.trigger)) };
    let target =
        Leg { old: old_target, wants: wanted(target, old_target.and_then(|leg| leg.limit)) };
    match caps.exits {
        Exits::Reserved => reserved(caps, bracket.protect, stop, target),
        Exits::Linked | Exits::Attached | Exits::Loose => free(caps, bracket.protect, stop, target),
    }
}

/// One exit: what rests of it and what is wanted.
#[derive(Clone, Copy)]
struct Leg<'a> {
    old: Option<&'a BracketLeg>,
    wants: Option<Price>,
}

impl Leg<'_> {
    fn price(self) -> Option<Price> {
        self.old.and_then(|leg| leg.trigger.or(leg.limit))
    }

    fn covers(self, protect: Quantity) -> bool {
        self.old.is_none_or(|leg| leg.quantity.minus(leg.filled) == protect)
    }

    fn patch(self, price: Option<Price>, quantity: Option<Quantity>) -> Option<Step> {
        Some(Step::Patch { leg: self.old?.clone(), price, quantity })
    }

    fn cancel(self) -> Option<Step> {
        Some(Step::Cancel(self.old?.broker_id.clone()))
    }
}

/// Exits that reserve: a pair is one reservation, its shape does not change while it rests.
fn reserved(caps: Capabilities, protect: Quantity, stop: Leg<'_>, target: Leg<'_>) -> Step {
    let patch = caps.replace != Replace::Never;
    let found = match (stop.old, target.old) {
        (None, None) => return create(caps, stop.wants, target.wants),
        (Some(_), Some(_)) => match (stop.wants, target.wants) {
            // News of the two come apart: the pair covers when one of them says so.
            (Some(_), Some(_)) if !stop.covers(protect) && !target.covers(protect) => {
                target.cancel()
            }
            (Some(trigger), Some(_)) if stop.price() != Some(trigger) => {
                if patch {
                    stop.patch(Some(trigger), None)
                } else {
                    target.cancel()
                }
            }
            (Some(_), Some(limit)) if target.price() != Some(limit) => {
                if patch {
                    target.patch(Some(limit), None)
                } else {
                    target.cancel()
                }
            }
            (Some(_), Some(_)) => None,
            _ => target.cancel(),
        },
        (Some(_), None) if target.wants.is_some() && caps.oco => stop.cancel(),
        (Some(_), None) => single(patch, protect, stop),
        (None, Some(_)) if stop.wants.is_some() => target.cancel(),
        (None, Some(_)) => single(patch, protect, target),
    };
    found.unwrap_or(Step::Nothing)
}

fn create(caps: Capabilities, stop: Option<Price>, target: Option<Price>) -> Step {
    match (stop, target) {
        (None, None) => Step::Nothing,
        // Where only one exit can rest, it is the stop.
        (Some(_), Some(_)) if !caps.oco => Step::Create { stop, target: None },
        _ => Step::Create { stop, target },
    }
}

fn single(can_patch: bool, protect: Quantity, leg: Leg<'_>) -> Option<Step> {
    let price = leg.wants.filter(|wants| leg.price() != Some(*wants));
    if leg.wants.is_none() {
        return leg.cancel();
    }
    let quantity = Some(protect).filter(|_| !leg.covers(protect));
    if price.is_none() && quantity.is_none() {
        return None;
    }
    let is_whole = leg.old.is_some_and(|old| old.filled.is_zero());
    if can_patch && (quantity.is_none() || is_whole) {
        leg.patch(price, quantity)
    } else {
        leg.cancel()
    }
}

/// Exits that reserve nothing: each is changed by itself, the stop first.
fn free(caps: Capabilities, protect: Quantity, stop: Leg<'_>, target: Leg<'_>) -> Step {
    let patch = caps.replace != Replace::Never;
    if stop.old.is_none() && target.old.is_none() {
        return match (caps.exits, stop.wants) {
            (Exits::Loose, Some(_)) => create(caps, stop.wants, None),
            _ => match (stop.wants, target.wants) {
                (None, None) => Step::Nothing,
                (stop, target) => Step::Create { stop, target },
            },
        };
    }
    for (leg, is_stop) in [(stop, true), (target, false)] {
        let next = match (leg.old, leg.wants) {
            (None, None) => None,
            (None, Some(price)) if is_stop => {
                Some(Step::Create { stop: Some(price), target: None })
            }
            (None, Some(price)) => Some(Step::Create { stop: None, target: Some(price) }),
            (Some(_), _) => single(patch, protect, leg),
        };
        if let Some(next) = next {
            return next;
        }
    }
    Step::Nothing
}
