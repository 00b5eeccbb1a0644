//! Where stops and targets may be: G2, G7, G16, G17.
//!
//! Apart because these are tried with prices.

use super::super::trial::{MARKET, cents, policy};
use super::{Control, given, on, stop_to, target_to};
use crate::Decimal;
use crate::book::AccountRules;
use crate::guard::{Distance, Guard, GuardRules};
use crate::intent::{Intent, Open};
use crate::money::Price;
use crate::transaction::EntryKind;

pub(super) fn collar(rules: &AccountRules) -> Vec<Control> {
    let percent = rules.collar_percent + Decimal::ONE;
    let far = Decimal::from(MARKET) * (Decimal::ONE + percent / Decimal::ONE_HUNDRED);
    let far = Price::new(far.round_dp(8));
    let tried = |leg: &str, wish: fn(Open, Option<Price>) -> Open| {
        on(
            Guard::G2,
            format!("a {leg} {percent}% away, at most {}%", rules.collar_percent),
            "COLLAR",
            |from, to| to.collar_percent = from.collar_percent,
            move |trial| {
                let wish = wish(trial.wish(Decimal::TEN), far);
                trial.person(Intent::Open(Box::new(wish)))
            },
        )
    };
    vec![
        tried("target", |plain, target| Open { target, ..plain }),
        tried("limit", |plain, limit| {
            let entry = limit.map_or(EntryKind::Market, EntryKind::Limit);
            Open { entry, ..plain }
        }),
    ]
}

pub(super) fn ratchet(rules: &AccountRules) -> Vec<Control> {
    let forbids = |allowed: bool| (!allowed).then_some(());
    let key = (Guard::G7, "stop_may_loosen = true", "LOOSENS");
    let loosens = given(forbids(rules.stop_may_loosen), key, |()| {
        on(
            Guard::G7,
            "a policy moves a stop away from the market",
            "LOOSENS",
            |from, to| to.stop_may_loosen = from.stop_may_loosen,
            |trial| {
                let id = trial.opened();
                trial.try_to(stop_to(id, cents(9_400)), policy())
            },
        )
    });
    let key = (Guard::G7, "target_may_recede = true", "RECEDES");
    let recedes = given(forbids(rules.guards.target_may_recede), key, |()| {
        on(
            Guard::G7,
            "a policy moves a target away from the market",
            "RECEDES",
            |from, to| to.guards.target_may_recede = from.guards.target_may_recede,
            |trial| {
                let id = trial.opened();
                trial.try_to(target_to(id, cents(11_100)), policy())
            },
        )
    });
    vec![loosens, recedes]
}

pub(super) fn distance(guards: &GuardRules) -> Control {
    given(guards.min_distance, (Guard::G16, "no min_distance", "TOO_CLOSE"), |min: Distance| {
        let tick = Decimal::new(1, 8);
        on(
            Guard::G16,
            format!("a stop a tick nearer to the price than {min}"),
            "TOO_CLOSE",
            |from, to| to.guards.min_distance = from.guards.min_distance,
            move |trial| {
                let entry = cents(MARKET * 100);
                let nearer = entry.and_then(|at| at.offset(tick - min.from(at, tick)));
                let wish = Open { stop: nearer, ..trial.wish(Decimal::TEN) };
                trial.person(Intent::Open(Box::new(wish)))
            },
        )
    })
}

pub(super) fn prices(rules: &AccountRules) -> Vec<Control> {
    let age_ms = rules.quote_age_ms_max + 1;
    let stale = on(
        Guard::G17,
        format!("a target set on a price that is {age_ms} ms old"),
        "STALE_PRICE",
        |from, to| to.quote_age_ms_max = from.quote_age_ms_max,
        move |trial| {
            let id = trial.opened();
            trial.now = trial.now.plus_ms(age_ms);
            trial.person(target_to(id, cents(10_900)))
        },
    );
    let crossed = on(
        Guard::G17,
        "a stop set on a bid above its ask",
        "NO_REFERENCE_PRICE",
        |_, _| {},
        |trial| {
            let id = trial.opened();
            trial.quote(MARKET * 100 + 5, MARKET * 100);
            trial.person(stop_to(id, cents(9_600)))
        },
    );
    vec![stale, crossed]
}
