//! Tapes from excerpts of real files, and every way a file can be wrong.
//!
//! Separate from the readers; the excerpts and their sources are in `testdata`.

use super::{Tape, TapeFile};
use crate::price::{PricePath, TickRule};
use crate::wire::timestamp;
use rust_decimal::Decimal;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

fn load(name: &str, splits: Option<&str>) -> Tape {
    let file = TapeFile { path: data(name), symbol: None, splits: splits.map(data) };
    Tape::load(&[file]).unwrap()
}

/// Each price as `time symbol bid ask path`, from step `from` on.
fn play(tape: &Tape, from: usize, count: usize) -> Vec<String> {
    (from..from + count)
        .flat_map(|step| tape.rows_of(step))
        .map(|row| {
            let path = if row.price.path == PricePath::Jump { "jump" } else { "through" };
            let at = timestamp(row.at_ns);
            let symbol = tape.symbol_of(row);
            format!("{at} {symbol} {} {} {path}", row.price.bid, row.price.ask)
        })
        .collect()
}

#[test]
fn ticks_are_jumps_with_the_files_own_price_step() {
    let tape = load("usdjpy-ticks.csv", None);
    assert_eq!(tape.steps(), 30);
    assert_eq!(tape.assets()[0].tick, TickRule::Fixed(Decimal::new(1, 3)));
    assert_eq!(
        play(&tape, 0, 2),
        [
            "2013-01-01T22:00:00.295Z USDJPY 86.655 86.728 jump",
            "2013-01-01T22:02:35.907Z USDJPY 86.657 86.728 jump",
        ]
    );
    assert_eq!(tape.rows_of(0)[0].price.last, None, "quotes are no trades");
}

#[test]
fn a_bar_plays_open_near_extreme_far_extreme_close() {
    let tape = load("btc-perp-1m.csv", None);
    assert_eq!(tape.steps(), 160);
    assert_eq!(tape.assets()[0].tick, TickRule::Equity);
    // 46319 46385 46319 46377: the low is the open.
    assert_eq!(
        play(&tape, 0, 5),
        [
            "2021-12-31T23:01:00Z BTC 46319.0 46319.0 jump",
            "2021-12-31T23:01:15Z BTC 46319.0 46319.0 through",
            "2021-12-31T23:01:30Z BTC 46385.0 46385.0 through",
            "2021-12-31T23:01:45Z BTC 46377.0 46377.0 through",
            "2021-12-31T23:02:00Z BTC 46377.0 46377.0 jump",
        ]
    );
}

#[test]
fn splits_make_days_continuous() {
    let closes = |splits| {
        let tape = load("us-stocks-daily.csv", splits);
        let at_close = |line: &String| line.contains("T21:00:00Z AAPL");
        play(&tape, 0, tape.steps()).into_iter().filter(at_close).collect::<Vec<_>>()
    };
    let around = |lines: &[String], day: &str| {
        let place = lines.iter().position(|line| line.starts_with(day)).unwrap();
        let price = |line: &String| line.split(' ').nth(2).unwrap().to_owned();
        (price(&lines[place - 1]), price(&lines[place]))
    };
    let (raw, adjusted) = (closes(None), closes(Some("splits.csv")));
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(around(&raw, "2000-06-21"), pair("101.25", "55.63"));
    assert_eq!(around(&adjusted, "2000-06-21"), pair("25.31", "27.82"));
    assert_eq!(around(&raw, "2005-02-28"), pair("88.99", "44.86"));
    assert_eq!(around(&adjusted, "2005-02-28"), pair("44.50", "44.86"));
}

#[test]
fn shares_keep_the_equity_price_step() {
    let tape = load("us-stocks-daily.csv", None);
    // AAPL closed at 44.121 on 2005-03-02; orders still move by cents.
    assert!(tape.assets().iter().all(|asset| asset.tick == TickRule::Equity));
}

#[test]
fn symbols_of_one_day_move_in_one_step() {
    let tape = load("us-stocks-daily.csv", None);
    let symbols: Vec<&str> = tape.rows_of(0).iter().map(|row| tape.symbol_of(row)).collect();
    assert_eq!(symbols, ["AAPL", "IBM"]);
    let lonely = tape.rows_of(tape.steps() - 1);
    assert_eq!(lonely.len(), 1, "2005 has AAPL only");
}

#[test]
fn two_prices_at_the_same_time_are_two_steps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dup.csv");
    std::fs::write(&path, "timestamp,bid,ask\n2020-01-01,1,2\n2020-01-01,2,3\n").unwrap();
    let file = TapeFile { path, symbol: Some("X".into()), splits: None };
    assert_eq!(Tape::load(&[file]).unwrap().steps(), 2);
}

#[test]
fn a_bad_file_is_named_with_line_column_and_text() {
    const TICKS: &str = "timestamp,bid,ask\n2020-01-01 00:00:01,1.5,1.6\n";
    const BARS: &str = "timestamp,open,high,low,close,volume\n2020-01-01 00:00,1,2,1,2,5\n";
    const DAYS: &str = "symbol,date,open,high,low,close,volume\nA,2020-01-02,1,2,1,2,5\n";
    let rows = [
        ("", "", ":1: header \"\" is unknown"),
        ("time,bid\n", "", ":1: header \"time,bid\" is unknown"),
        (TICKS, "yesterday,1,2", ":3: column \"timestamp\": \"yesterday\" is not a timestamp"),
        (TICKS, "2020-01-01 00:00:02,one,2", ":3: column \"bid\": \"one\" is not a price above"),
        (TICKS, "2020-01-01 00:00:02,1,-2", ":3: column \"ask\": \"-2\" is not a price above"),
        (TICKS, "2020-01-01 00:00:02,3,2", ":3: column \"ask\": \"2\" is not an ask at or above"),
        (
            TICKS,
            "2020-01-01 00:00:00,1,2",
            ":3: column \"timestamp\": \"2020-01-01 00:00:00\" is not at or after",
        ),
        (TICKS, "2020-01-01 00:00:02,1", ":3: CSV error"),
        (
            BARS,
            "2020-01-01 00:00,1,2,1,2,5",
            "column \"timestamp\": \"2020-01-01 00:00\" is not after",
        ),
        (BARS, "2020-01-01 00:01,1,1,1,2,5", "column \"high\": \"1\" is not a high at or above"),
        (BARS, "2020-01-01 00:01,1,2,1.5,2,5", "column \"low\": \"1.5\" is not a low at or below"),
        (BARS, "2020-01-01 00:01,1,2,1,2,-5", "column \"volume\": \"-5\" is not a volume"),
        (DAYS, ",2020-01-03,1,2,1,2,5", "column \"symbol\": \"\" is not a symbol"),
        (DAYS, "A,2020-13-03,1,2,1,2,5", "column \"date\": \"2020-13-03\" is not a date"),
        (DAYS, "A,2020-01-02,1,2,1,2,5", "column \"date\": \"2020-01-02\" is not after"),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.csv");
    for (good, bad, text) in rows {
        std::fs::write(&path, format!("{good}{bad}\n")).unwrap();
        let file = TapeFile { path: path.clone(), symbol: None, splits: None };
        let error = Tape::load(&[file]).unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains(text), "{bad}: {error}");
    }
}

#[test]
fn a_tape_needs_rows_and_one_file_a_symbol() {
    let file = |name: &str| TapeFile { path: data(name), symbol: Some("X".into()), splits: None };
    assert_eq!(Tape::load(&[]).unwrap_err().to_string(), "the tape has no rows");
    let both = [file("usdjpy-ticks.csv"), file("btc-perp-1m.csv")];
    let error = Tape::load(&both).unwrap_err().to_string();
    assert!(error.ends_with("symbol \"X\" is on the tape already"), "{error}");
}
