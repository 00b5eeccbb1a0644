//! What keeps scripts, floods and disconnects in bounds: G5, G6, G8, G9, G10, G12, G18, G19.
//!
//! Apart because these are tried with something that is held.

use super::super::trial::{Trial, cents, policy};
use super::{Control, given, on, row, stop_to};
use crate::Decimal;
use crate::book::AccountRules;
use crate::broker::{BrokerEvent, Fault};
use crate::command::{Op, OpKind, OpState, Urgency};
use crate::control::KillLevel;
use crate::guard::{Guard, GuardRules};
use crate::ids::PolicyName;
use crate::intent::{Intent, Source};
use crate::order::Order;
use crate::pace::{Message, Pace, PaceRules};

pub(super) fn thrash(guards: &GuardRules) -> Vec<Control> {
    let max = guards.stop_moves_per_minute;
    let often = on(
        Guard::G6,
        format!(
            "a policy moves a stop {} times within a minute, at most {max}",
            u64::from(max) + 1
        ),
        "TOO_OFTEN",
        |from, to| to.guards.stop_moves_per_minute = from.guards.stop_moves_per_minute,
        move |trial| {
            let id = trial.opened();
            trial.remember_moves(id, max);
            trial.try_to(stop_to(id, cents(9_700)), policy())
        },
    );
    let key = (Guard::G6, "no min_step", "UNCHANGED");
    let small = given(guards.min_step, key, |min| {
        on(
            Guard::G6,
            format!("a policy trails by a hundred-millionth, at least {min}"),
            "UNCHANGED",
            |from, to| to.guards.min_step = from.guards.min_step,
            |trial| {
                let id = trial.opened();
                let a_little = cents(9_500).and_then(|stop| stop.offset(Decimal::new(1, 8)));
                trial.try_to(stop_to(id, a_little), policy())
            },
        )
    });
    vec![often, small]
}

/// One of each level that refuses something else.
pub(super) fn killed() -> Vec<Control> {
    let opens = on(
        Guard::G8,
        "an entry while the kill switch is at freeze",
        "KILLED",
        |_, _| {},
        |trial| {
            trial.book.kill.level = KillLevel::Freeze;
            let wish = trial.bracketed(Decimal::TEN);
            let (code, passes) = trial.person(Intent::Open(Box::new(wish)));
            (code, passes || trial.sent() > 0)
        },
    );
    let moves = on(
        Guard::G8,
        "a policy moves a stop while the kill switch is at freeze",
        "KILLED",
        |_, _| {},
        |trial| {
            let id = trial.opened();
            trial.book.kill.level = KillLevel::Freeze;
            trial.try_to(stop_to(id, cents(9_700)), policy())
        },
    );
    let loosens = on(
        Guard::G8,
        "a person loosens a stop while the kill switch is at protect-only",
        "KILLED",
        |_, _| {},
        |trial| {
            let id = trial.opened();
            trial.book.kill.level = KillLevel::ProtectOnly;
            trial.person(stop_to(id, cents(9_400)))
        },
    );
    vec![opens, moves, loosens]
}

/// An account that has lost more than it may opens nothing any more.
pub(super) fn halted(rules: &AccountRules) -> Vec<Control> {
    fn falls(from: Decimal, to: Decimal) -> impl Fn(&mut Trial) -> (String, bool) {
        move |trial| {
            trial.equity(from);
            trial.equity(to);
            let wish = trial.bracketed(Decimal::TEN);
            let (code, passes) = trial.person(Intent::Open(Box::new(wish)));
            (code, passes || trial.sent() > 0)
        }
    }
    let day = given(rules.max_day_loss, (Guard::G8, "no max_day_loss", "KILLED"), |max| {
        let from = max + max + Decimal::TEN;
        on(
            Guard::G8,
            format!("an entry after a day's loss of {}, at most {max}", max + Decimal::ONE),
            "KILLED",
            |from, to| to.max_day_loss = from.max_day_loss,
            falls(from, from - max - Decimal::ONE),
        )
    });
    let key = (Guard::G8, "no max_drawdown", "KILLED");
    let drawdown = given(rules.max_drawdown_percent, key, |max| {
        let (peak, whole) = (Decimal::from(1_000_000), Decimal::ONE_HUNDRED);
        let left = peak * (whole - max) / whole * Decimal::new(999, 3);
        on(
            Guard::G8,
            format!(
                "an entry at an equity of {} after {peak}, at most {max}% lost",
                left.round_dp(2)
            ),
            "KILLED",
            |from, to| to.max_drawdown_percent = from.max_drawdown_percent,
            falls(peak, left),
        )
    });
    vec![day, drawdown]
}

/// A flood of messages that can wait does not use up what protects.
pub(super) fn throttled() -> Control {
    const PER_MINUTE: u32 = 60;
    on(
        Guard::G5,
        "60 entries and targets within a minute that takes 60, then a stop that is missing",
        "STOP_FIRST",
        |_, _| {},
        |trial| {
            let mut pace = Pace::new(PaceRules::of(PER_MINUTE));
            for _ in 0..PER_MINUTE {
                pace.admit(trial.now, Message::new(Urgency::Routine));
            }
            let mut sent = 0;
            while pace.next(trial.now).is_some() {
                sent += 1;
            }
            let stop = pace.admit(trial.now, Message::new(Urgency::Unprotected));
            let is_first = pace.next(trial.now).is_some_and(|grant| grant.ticket == stop);
            let holds = is_first && sent < PER_MINUTE;
            (if holds { "STOP_FIRST" } else { "STOP_WAITS" }.to_owned(), !holds)
        },
    )
}

pub(super) fn wash() -> Control {
    on(
        Guard::G9,
        "a close while another transaction's entry rests against it",
        "WASH_TRADE",
        |_, _| {},
        |trial| {
            let held = trial.opened();
            trial.waiting();
            trial.person(Intent::Close { transaction: held })
        },
    )
}

pub(super) fn disconnect() -> Control {
    on(
        Guard::G10,
        "the account's connection breaks while a stop rests",
        "STAYS",
        |_, _| {},
        |trial| {
            let id = trial.opened();
            trial.tell(BrokerEvent::Down(Fault::new("SELFTEST", "gone")));
            let tx = trial.transaction(id);
            let rests = tx.is_some_and(|tx| tx.orders.iter().any(Order::is_working_exit));
            let stays = rests && trial.sent() == 0;
            (if stays { "STAYS" } else { "CANCELED" }.to_owned(), !stays)
        },
    )
}

pub(super) fn stranger() -> Control {
    on(
        Guard::G12,
        "a policy closes a transaction that it is not assigned to",
        "NOT_OWNER",
        |_, _| {},
        |trial| {
            let id = trial.opened();
            let name = PolicyName::new("stranger");
            let source = Source::Policy { name, digest: "selftest".to_owned() };
            trial.try_to(Intent::Close { transaction: id }, source)
        },
    )
}

pub(super) fn unsettled() -> Control {
    on(
        Guard::G18,
        "a policy decides while an outcome is unknown",
        "UNSETTLED",
        |_, _| {},
        |trial| {
            let id = trial.opened();
            let now = trial.now;
            if let Some(tx) = trial.transaction(id) {
                let kind = OpKind::Cancel { order: "selftest".into() };
                let state = OpState::unknown(now);
                tx.ops.push(Op { state, ..row(1, now, kind) });
            }
            trial.try_to(stop_to(id, cents(9_700)), policy())
        },
    )
}

pub(super) fn closes(guards: &GuardRules) -> Control {
    let max = guards.max_closes_per_minute;
    on(
        Guard::G19,
        format!("a policy closes {} within a minute, at most {max}", u64::from(max) + 1),
        "TOO_MANY_CLOSES",
        |from, to| to.guards.max_closes_per_minute = from.guards.max_closes_per_minute,
        move |trial| {
            let id = trial.opened();
            trial.remember_closes(id, max);
            trial.try_to(Intent::Close { transaction: id }, policy())
        },
    )
}
