//! G14: the self-test stops every violation of a sound configuration, whatever it limits, and says
//! so where a limit cannot do anything.

use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::guard::selftest::{Fired, Held, is_sound, run};
use bracketd_core::guard::{Distance, Guard, GuardRules, OrderLimits, OutsideSession};
use bracketd_core::money::Quantity;
use proptest::prelude::*;

use crate::bench_book::{decimal, quantity};

fn let_through(fired: &[Fired]) -> Vec<&Fired> {
    fired.iter().filter(|one| one.held == Held::LetThrough).collect()
}

#[test]
fn g14_with_every_limit_set_every_control_is_fired_and_stops_its_violation() {
    let order = OrderLimits { quantity: Some(quantity("50")), notional: Some(decimal("20000")) };
    let rules = AccountRules {
        stop_may_loosen: false,
        armed: false,
        max_day_loss: Some(decimal("500")),
        max_drawdown_percent: Some(decimal("12.5")),
        guards: GuardRules {
            max_order: order,
            max_order_by_symbol: [("AAA".into(), order)].into(),
            max_exposure: Some(decimal("30000")),
            min_step: Some(Distance::Ticks(2)),
            target_may_recede: false,
            symbols_allowed: Some(["AAA".into()].into()),
            max_loss_per_trade: Some(decimal("500")),
            min_distance: Some(Distance::Percent(decimal("0.1"))),
            ..GuardRules::default()
        },
        ..AccountRules::default()
    };
    let fired = run(&rules);
    assert_eq!(let_through(&fired), Vec::<&Fired>::new());
    assert!(fired.iter().all(|one| one.held == Held::Stopped), "{fired:#?}");
    let seen: Vec<Guard> = Guard::ALL
        .into_iter()
        .filter(|guard| fired.iter().any(|one| one.guard == *guard))
        .collect();
    assert_eq!(seen, Guard::ALL);
    assert!(fired.iter().map(|one| one.guard).is_sorted(), "by number");
}

#[test]
fn g14_what_is_switched_off_is_said_to_be_off() {
    let rules = AccountRules {
        guards: GuardRules {
            duplicate_window_ms: 0,
            outside_session: OutsideSession::Allow,
            ..GuardRules::default()
        },
        ..AccountRules::default()
    };
    let fired = run(&rules);
    assert!(is_sound(&fired), "{:#?}", let_through(&fired));
    let off: Vec<&str> = fired
        .iter()
        .filter(|one| one.held == Held::Off)
        .map(|one| one.violation.as_str())
        .collect();
    assert_eq!(
        off,
        [
            "off: no max_order_quantity",
            "off: no max_order_notional",
            "off: no max_exposure",
            "off: duplicate_window = \"0s\"",
            "off: no min_step",
            "off: stop_may_loosen = true",
            "off: target_may_recede = true",
            "off: no max_day_loss",
            "off: no max_drawdown",
            "off: neither symbols_allowed nor symbols_denied",
            "off: outside_session = \"allow\"",
            "off: no max_loss_per_trade",
            "off: no min_distance",
        ]
    );
}

#[test]
fn g14_a_limit_that_can_stop_nothing_is_found() {
    // Every price keeps a tick of distance by itself.
    let guards = GuardRules { min_distance: Some(Distance::Ticks(1)), ..GuardRules::default() };
    let fired = run(&AccountRules { guards, ..AccountRules::default() });
    assert!(!is_sound(&fired));
    let found: Vec<Guard> = let_through(&fired).iter().map(|one| one.guard).collect();
    assert_eq!(found, [Guard::G16]);
}

fn money() -> impl Strategy<Value = Option<Decimal>> {
    proptest::option::of((1..1_000_000_000_000i64, 0..3u32).prop_map(|(n, s)| Decimal::new(n, s)))
}

fn distance() -> impl Strategy<Value = Option<Distance>> {
    proptest::option::of(prop_oneof![
        (2..100_000u32).prop_map(Distance::Ticks),
        (1..30_000i64).prop_map(|n| Distance::Percent(Decimal::new(n, 3))),
    ])
}

prop_compose! {
    fn guards()(
        units in money(), notional in money(), exposure in money(), loss in money(),
        window in 0..60_000u64, moves in 1..200u32, closes in 1..50u32,
        step in distance(), near in distance(), recede in any::<bool>(),
        denied in proptest::option::of(Just("AAA")), allowed in proptest::option::of(Just("BBB")),
        session in any::<bool>(),
    ) -> GuardRules {
        let largest = Decimal::from(1_000_000_000);
        let units = units.map(|units| units.min(largest)).and_then(Quantity::new);
        let order = OrderLimits { quantity: units, notional };
        GuardRules {
            max_order: order,
            max_order_by_symbol: denied.map(|name| (name.into(), order)).into_iter().collect(),
            max_exposure: exposure,
            duplicate_window_ms: window,
            stop_moves_per_minute: moves,
            min_step: step,
            target_may_recede: recede,
            symbols_allowed: allowed.map(|name| [name.into()].into()),
            symbols_denied: denied.map(Into::into).into_iter().collect(),
            outside_session: if session { OutsideSession::Allow } else { OutsideSession::Refuse },
            max_loss_per_trade: loss,
            min_distance: near,
            max_closes_per_minute: closes,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn g14_any_configuration_within_bounds_is_sound(
        guards in guards(), loosen in any::<bool>(), collar in 1..10_000i64,
        day in money(), drawdown in proptest::option::of(1..10_000i64),
    ) {
        let collar_percent = Decimal::new(collar, 2);
        let rules =
            AccountRules {
                stop_may_loosen: loosen,
                collar_percent,
                guards,
                max_day_loss: day,
                max_drawdown_percent: drawdown.map(|n| Decimal::new(n, 2)),
                ..AccountRules::default()
            };
        let fired = run(&rules);
        prop_assert!(is_sound(&fired), "{:#?}", let_through(&fired));
    }
}
