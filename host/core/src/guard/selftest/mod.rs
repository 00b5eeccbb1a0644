//! The self-test of the guards (G14): one violating order for each control, against a private book.
//!
//! Apart because it must reach nothing but itself: no ledger, no account, no broker. A limit that is
//! configured and lets its violation through is found at the start of the daemon, not in the
//! market; a switch that nobody tried is how one firm lost 460 million dollars in 45 minutes (SEC
//! release 34-70694).

mod controls;
mod trial;

use crate::Decimal;
use crate::book::AccountRules;
use crate::guard::{Guard, GuardRules, OrderLimits, OutsideSession};
use controls::{Control, controls};
use trial::Trial;

/// What came of a control's violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It was stopped, by the guard that it was made for.
    Stopped,
    /// The control is switched off by the configuration, or has no limit.
    Off,
    /// It passed, or something else stopped it: the control does not do what it is for.
    LetThrough,
}

/// One control with its violation and the answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// The guard.
    pub guard: Guard,
    /// What was tried.
    pub violation: String,
    /// The answer that it has to get.
    pub expected: &'static str,
    /// The answer that it got; a dash where nothing was tried.
    pub answer: String,
    /// What came of it.
    pub held: Held,
}

/// Fires one violation for each control of an account's rules. Each is fired twice: against its own
/// limit alone, where the answer must be its own; and against all the rules together, where it must
/// be stopped, whoever is first.
pub fn run(rules: &AccountRules) -> Vec<Fired> {
    controls(rules).into_iter().map(|control| fire(rules, control)).collect()
}

/// Whether every control that is on stops its violation.
pub fn is_sound(fired: &[Fired]) -> bool {
    fired.iter().all(|one| one.held != Held::LetThrough)
}

fn fire(rules: &AccountRules, control: Control) -> Fired {
    let Control { guard, violation, expected, keep, attempt } = control;
    let Some(attempt) = attempt else {
        let answer = "-".to_owned();
        return Fired { guard, violation, expected, answer, held: Held::Off };
    };
    let mut alone = harmless();
    keep(rules, &mut alone);
    let (answer, _) = attempt(&mut Trial::new(alone));
    let mut all = rules.clone();
    all.armed = true;
    let (_, passes) = attempt(&mut Trial::new(all));
    // The order within all limits is the one that has to pass, where no limit is set.
    let is_stopped = answer == expected && (!passes || guard == Guard::G14);
    let held = if is_stopped { Held::Stopped } else { Held::LetThrough };
    Fired { guard, violation, expected, answer, held }
}

/// Rules that stop nothing, so that a single limit can be put among them.
fn harmless() -> AccountRules {
    AccountRules {
        collar_percent: Decimal::from(1_000_000),
        guards: GuardRules {
            max_order: OrderLimits::default(),
            duplicate_window_ms: 0,
            stop_moves_per_minute: u32::MAX,
            max_closes_per_minute: u32::MAX,
            outside_session: OutsideSession::Allow,
            ..GuardRules::default()
        },
        ..AccountRules::default()
    }
}
