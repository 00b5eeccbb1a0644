//! What keeps scripts and disconnects in bounds: G6, G9, G10, G12, G18, G19.
//!
//! Apart because these are tried with something that is held.

use super::super::trial::{cents, policy};
use super::{Control, given, on, row, stop_to};
use crate::Decimal;
use crate::broker::{BrokerEvent, Fault};
use crate::command::{Op, OpKind, OpState};
use crate::guard::{Guard, GuardRules};
use crate::ids::PolicyName;
use crate::intent::{Intent, Source};
use crate::order::Order;

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
