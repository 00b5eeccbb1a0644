//! No case is missing: each number has a scenario here or a row in the table of what is proven
//! elsewhere.

use crate::elsewhere::{ROWS, source};

const FILES: [&str; 7] = [
    "brokers_alpaca_changes",
    "brokers_alpaca_rules",
    "brokers_others",
    "original_orders",
    "original_positions",
    "original_rules",
    "original_waiting",
];

#[test]
fn every_case_has_a_scenario_or_a_row() {
    let sources: String =
        FILES.iter().map(|file| source(&format!("tests/cases/{file}.rs"))).collect();
    let here: Vec<&str> = sources
        .lines()
        .filter_map(|line| line.strip_prefix("fn "))
        .filter(|name| name.starts_with("case_") || name.starts_with("broker_"))
        .collect();
    let cases = (1..=56).map(|number| format!("case_{number:02}"));
    let brokers = (1..=35).map(|number| format!("broker_{number:02}"));
    let all: Vec<String> = cases.chain(brokers).collect();
    for case in &all {
        let scenarios = here.iter().filter(|name| name.starts_with(&format!("{case}_"))).count();
        let rows = ROWS.iter().filter(|(of, ..)| of == case).count();
        assert!(scenarios <= 1, "{case} has {scenarios} scenarios");
        assert!(scenarios + rows > 0, "{case} is not covered");
    }
    for name in &here {
        assert!(all.iter().any(|case| name.starts_with(&format!("{case}_"))), "{name}");
    }
    for (case, ..) in ROWS {
        assert!(all.iter().any(|known| known == case), "there is no {case}");
    }
}
