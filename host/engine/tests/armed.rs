//! Who decides at the start whether commands go out: the ledger, then the configuration.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use bracketd_core::book::AccountRules;
use bracketd_core::control::Control;
use bracketd_core::ids::AccountName;
use bracketd_core::time::Timestamp;
use bracketd_engine::{Engine, Settings};
use bracketd_policy::PolicySet;
use bracketd_store::{Batch, Ledger};

/// Whether the account starts armed, with that in the configuration.
fn starts_armed(ledger: Ledger, configured: bool) -> bool {
    let name = AccountName::new("a");
    let rules = AccountRules { armed: configured, ..AccountRules::default() };
    let settings = Settings { accounts: [(name.clone(), rules)].into(), ..Settings::default() };
    let engine =
        Engine::start(ledger, settings, PolicySet::default(), Timestamp(1)).expect("a start");
    engine.book().accounts[&name].is_armed()
}

fn decide(ledger: &mut Ledger, armed: bool) {
    let control = Control { armed: Some(armed), ..Control::default() };
    let controls = vec![(AccountName::new("a"), &control)];
    ledger.commit(&Batch { controls, ..Batch::new(Timestamp(1)) }).expect("a commit");
}

#[test]
fn what_somebody_decided_stands_above_the_configuration() {
    let rows = [
        // restored, decided, configured, starts armed
        (false, None, true, true),
        (false, None, false, false),
        (false, Some(false), true, false),
        (false, Some(true), false, true),
        (true, None, true, false),
        (true, None, false, false),
        (true, Some(false), true, false),
        (true, Some(true), false, true),
    ];
    for (is_restored, decided, configured, wanted) in rows {
        let mut ledger = Ledger::in_memory().expect("a ledger");
        if is_restored {
            ledger.begin_epoch().expect("an epoch");
        }
        if let Some(armed) = decided {
            decide(&mut ledger, armed);
        }
        let row = (is_restored, decided, configured);
        assert_eq!(starts_armed(ledger, configured), wanted, "{row:?}");
    }
}

#[test]
fn a_restore_takes_back_what_was_decided_before() {
    let mut ledger = Ledger::in_memory().expect("a ledger");
    decide(&mut ledger, true);
    ledger.begin_epoch().expect("an epoch");
    assert!(!starts_armed(ledger, true));
}
