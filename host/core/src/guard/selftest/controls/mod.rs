//! The violations: for each control the least that it must not let through.
//!
//! Apart from the running of them so that the list can be read against the list of guards.

mod orders;
mod prices;
mod scripts;

use super::trial::Trial;
use crate::Decimal;
use crate::book::AccountRules;
use crate::command::{Op, OpKind, OpLegs, OpState};
use crate::guard::Guard;
use crate::ids::{SliceNo, TransactionId};
use crate::intent::{Intent, Wish};
use crate::money::Price;
use crate::time::Timestamp;

/// The violation itself: gives the answer, and whether it passed.
type Attempt = Box<dyn Fn(&mut Trial) -> (String, bool)>;
/// Takes the control's own limit over into rules that stop nothing.
type Keep = fn(&AccountRules, &mut AccountRules);

pub(super) struct Control {
    pub(super) guard: Guard,
    pub(super) violation: String,
    pub(super) expected: &'static str,
    pub(super) keep: Keep,
    /// None where the control is off.
    pub(super) attempt: Option<Attempt>,
}

fn on(
    guard: Guard,
    violation: impl Into<String>,
    expected: &'static str,
    keep: Keep,
    attempt: impl Fn(&mut Trial) -> (String, bool) + 'static,
) -> Control {
    let (violation, attempt) = (violation.into(), Some(Box::new(attempt) as Attempt));
    Control { guard, violation, expected, keep, attempt }
}

/// The control, where its limit is set.
fn given<T>(
    limit: Option<T>,
    (guard, key, expected): (Guard, &str, &'static str),
    control: impl FnOnce(T) -> Control,
) -> Control {
    let off = || Control {
        guard,
        violation: format!("off: {key}"),
        expected,
        keep: |_, _| {},
        attempt: None,
    };
    limit.map_or_else(off, control)
}

/// Every control, by number.
pub(super) fn controls(rules: &AccountRules) -> Vec<Control> {
    let mut all = orders::sizes(rules);
    all.extend(prices::collar(rules));
    all.extend(orders::exposure(rules));
    all.push(orders::duplicate(&rules.guards));
    all.push(scripts::throttled());
    all.extend(scripts::thrash(&rules.guards));
    all.extend(prices::ratchet(rules));
    all.extend(scripts::killed());
    all.extend(scripts::halted(rules));
    all.push(scripts::wash());
    all.push(scripts::disconnect());
    all.extend(orders::restricted(&rules.guards));
    all.push(scripts::stranger());
    all.push(orders::disarmed());
    all.push(orders::within_limits());
    all.push(orders::loss(&rules.guards));
    all.push(prices::distance(&rules.guards));
    all.extend(prices::prices(rules));
    all.push(scripts::unsettled());
    all.push(scripts::closes(&rules.guards));
    all
}

/// The least whole quantity whose value at that much a unit is above the amount.
fn above(amount: Decimal, per_unit: i64) -> Decimal {
    (amount / Decimal::from(per_unit)).floor() + Decimal::ONE
}

fn row(version: u64, planned_at: Timestamp, kind: OpKind) -> Op {
    Op {
        id: "selftest".into(),
        client_id: "selftest".into(),
        slice: SliceNo(0),
        legs: OpLegs::Close,
        step: 1,
        attempt: 1,
        kind,
        state: OpState::in_flight(),
        version,
        planned_at,
        sent_at: planned_at,
        evidence: None,
    }
}

fn stop_to(transaction: TransactionId, stop: Option<Price>) -> Intent {
    let stop = stop.map_or(Wish::Clear, Wish::Set);
    Intent::Protect { transaction, stop, target: Wish::Keep }
}

fn target_to(transaction: TransactionId, target: Option<Price>) -> Intent {
    let target = target.map_or(Wish::Clear, Wish::Set);
    Intent::Protect { transaction, stop: Wish::Keep, target }
}
