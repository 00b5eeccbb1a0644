//! That the words about the guards are whole: rows, explanations and the document tell the same.

use std::collections::BTreeSet;

use bracketd_core::book::AccountRules;
use bracketd_core::guard::{Distance, Guard};
use bracketd_core::refusal::Refusal;

use crate::run::ArmedBy;

use super::{ALL, Standing, Written, explained, rows, self_test};

const DOCUMENT: &str = include_str!("../../../../docs/guards.md");

#[test]
fn every_guard_and_every_refusal_of_one_is_explained() {
    let numbers: Vec<Guard> = ALL.iter().map(|one| one.guard).collect();
    assert_eq!(numbers, Guard::ALL);
    for refusal in Refusal::ALL {
        let guard = Guard::of(refusal);
        let found = explained(&refusal.code().to_lowercase());
        assert_eq!(found.map(|one| one.guard), guard, "{refusal:?}");
    }
    assert_eq!(explained("g7").map(|one| one.guard), Some(Guard::G7));
    assert_eq!(explained("wire").map(|one| one.guard), Some(Guard::G3));
    assert!(explained("G20").is_none() && explained("").is_none());
}

#[test]
fn rows_say_where_a_value_is_from_and_how_often_it_said_no() {
    let mut rules = AccountRules::default();
    rules.guards.max_exposure = bracketd_core::Decimal::from_str_exact("50000.0").ok();
    let written: Written = ["max_exposure"].into();
    let refused = [("MAX_EXPOSURE".to_owned(), 3), ("BUSY".to_owned(), 9)].into();
    let standing =
        Standing { refused, armed: Some(false), armed_by: ArmedBy::Restore, ..Standing::default() };
    let find = |key: &str, standing: Option<&Standing>| {
        let all = rows(&rules, &written, standing);
        let row = all.into_iter().find(|row| row.key == key).unwrap();
        (row.guard, row.value, row.from, row.on, row.refused)
    };
    let some = Some(&standing);
    assert_eq!(find("max_exposure", some), ("G3", "50000".into(), "config", true, Some(3)));
    assert_eq!(find("max_exposure", None).4, None);
    assert_eq!(find("max_order_quantity", some), ("G1", "off".into(), "default", false, Some(0)));
    assert_eq!(find("duplicate_window", some), ("G4", "1s".into(), "default", true, Some(0)));
    assert_eq!(find("stop_may_loosen", some), ("G7", "true".into(), "default", false, Some(0)));
    assert_eq!(find("collar", some).1, "50%");
    assert_eq!(
        find("armed", some),
        ("G13", "no command goes out".into(), "restore", true, Some(0))
    );
    assert_eq!(find("armed", None), ("G13", "commands go out".into(), "default", true, None));
    assert_eq!(find("-", some).1, "exits never exceed what is held");
}

#[test]
fn the_document_names_every_guard_key_and_code() {
    for one in &ALL {
        let row =
            DOCUMENT.lines().find(|line| line.starts_with(&format!("| {} |", one.guard.id())));
        let row = row.unwrap_or_else(|| panic!("{} has no row", one.guard.id()));
        assert!(row.contains(one.guard.name()), "{row}");
        for refusal in one.guard.refusals() {
            assert!(row.contains(&format!("`{}`", refusal.code())), "{} in {row}", refusal.code());
        }
        for key in one.keys {
            assert!(DOCUMENT.contains(&format!("`{key}`")), "{key}");
        }
    }
    let rules = AccountRules::default();
    let keys: BTreeSet<String> =
        rows(&rules, &BTreeSet::new(), None).into_iter().map(|row| row.key).collect();
    for key in keys.iter().filter(|key| *key != "-") {
        assert!(DOCUMENT.contains(key.as_str()), "{key}");
        assert!(ALL.iter().any(|one| one.keys.iter().any(|k| k.contains(key.as_str()))), "{key}");
    }
}

#[test]
fn g14_a_configuration_that_guards_nothing_is_told_with_what_to_do() {
    let account = "paper".into();
    let mut rules = AccountRules::default();
    assert!(self_test(&account, &rules).is_ok());
    rules.guards.min_distance = Some(Distance::Ticks(1));
    let told = self_test(&account, &rules).unwrap_err();
    for word in ["paper", "G16", "TOO_CLOSE", "STOP_WRONG_SIDE", "bracketd guard test"] {
        assert!(told.contains(word), "{word} in {told}");
    }
}
