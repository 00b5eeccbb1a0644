//! Recorded prices in step with the daemon, through the plugin, and the two ends compared.

use crate::harness::{Dir, program};

/// Minutes of a price that falls and rises again, so that stops and targets are both hit.
fn bars(count: u32) -> String {
    let mut text = "timestamp,open,high,low,close,volume\n".to_owned();
    let mut price = 20_000i64;
    for minute in 0..count {
        let wave = i64::from(minute % 97) - 48;
        let next = price + wave * 3;
        let (high, low) = (price.max(next) + 11, price.min(next) - 13);
        text.push_str(&format!(
            "2022-01-01 {:02}:{:02}:00,{price},{high},{low},{next},1\n",
            minute / 60,
            minute % 60
        ));
        price = next;
    }
    text
}

const LINE: &str = "run --tape wave.csv --entries every=40 --policy trailing_stop \
                    --policy fixed_bracket --policy breakeven_after_1r --dir run";

/// The same at one bar an hour, so that the tape crosses midnights.
fn hours(count: u32) -> String {
    let minutes = bars(count.min(600));
    let mut rows = minutes.lines();
    let mut text = format!("{}\n", rows.next().expect("a title"));
    for (hour, row) in rows.enumerate() {
        let (_, prices) = row.split_once(',').expect("a time and prices");
        text.push_str(&format!("2022-01-{:02} {:02}:00:00,{prices}\n", hour / 24 + 1, hour % 24));
    }
    text
}

fn prepared() -> Dir {
    let dir = Dir::new();
    dir.write("wave.csv", &bars(600));
    dir.ship(&["trailing_stop", "fixed_bracket", "breakeven_after_1r"]);
    dir
}

#[test]
fn ledger_and_exchange_agree_on_every_order_at_the_end() {
    let dir = prepared();
    let ran = dir.bracketd(LINE);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("ledger and exchange agree: 15 transactions"), "{}", ran.stderr);
    assert!(ran.stderr.contains("longest 0 ms"), "a stop came a tape step late:\n{}", ran.stderr);
}

#[test]
fn entries_go_on_after_midnight() {
    let dir = prepared();
    dir.write("wave.csv", &hours(480));
    let ran = dir.bracketd(LINE);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("ledger and exchange agree: 12 transactions"), "{}", ran.stderr);
}

#[test]
fn killed_in_the_middle_it_goes_on_and_agrees_in_the_end() {
    let dir = prepared();
    let mut child = program(dir.path())
        .args(LINE.split_whitespace())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    child.kill().expect("it was running");
    child.wait().expect("it ends");
    let ran = dir.bracketd(LINE);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("ledger and exchange agree: 15 transactions"), "{}", ran.stderr);
}
