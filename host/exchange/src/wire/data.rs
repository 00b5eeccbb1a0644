//! Quotes, trades and bars of the market data API.
//!
//! Separate because this API writes numbers bare and has short names. It must never show a price
//! the market has not reached.

use super::{Bare, Stamp};
use crate::bars::Bar;
use crate::world::Seen;
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub(crate) struct Quotes<'a> {
    quotes: BTreeMap<&'a str, Quote>,
}

#[derive(Serialize)]
struct Quote {
    t: Stamp,
    bp: Bare,
    bs: u32,
    ap: Bare,
    r#as: u32,
    bx: &'static str,
    ax: &'static str,
    c: [&'static str; 1],
    z: &'static str,
}

/// The latest quote of each symbol that has one.
pub(crate) fn quotes<'a>(seen: impl Iterator<Item = (&'a str, &'a Seen)>) -> Quotes<'a> {
    let quote = |seen: &Seen| Quote {
        t: Stamp(seen.at_ns),
        bp: Bare(seen.price.bid),
        bs: 1,
        ap: Bare(seen.price.ask),
        r#as: 1,
        bx: "V",
        ax: "V",
        c: ["R"],
        z: "C",
    };
    Quotes { quotes: seen.map(|(symbol, seen)| (symbol, quote(seen))).collect() }
}

#[derive(Serialize)]
pub(crate) struct Trades<'a> {
    trades: BTreeMap<&'a str, Trade>,
}

#[derive(Serialize)]
struct Trade {
    t: Stamp,
    p: Bare,
    s: u32,
    x: &'static str,
    c: [&'static str; 1],
    i: i64,
    z: &'static str,
}

/// The latest trade of each symbol that has one; a source of quotes only has none.
pub(crate) fn trades<'a>(seen: impl Iterator<Item = (&'a str, &'a Seen)>) -> Trades<'a> {
    let trade = |seen: &Seen, price: Decimal| Trade {
        t: Stamp(seen.at_ns),
        p: Bare(price),
        s: 1,
        x: "V",
        c: ["@"],
        i: seen.at_ns,
        z: "C",
    };
    Trades {
        trades: seen
            .filter_map(|(symbol, seen)| Some((symbol, trade(seen, seen.price.last?))))
            .collect(),
    }
}

#[derive(Serialize)]
pub(crate) struct Bars {
    pub(crate) bars: BTreeMap<String, Vec<BarBody>>,
    pub(crate) next_page_token: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct BarBody {
    t: Stamp,
    o: Bare,
    h: Bare,
    l: Bare,
    c: Bare,
    v: Bare,
    n: u64,
    vw: Bare,
}

/// One bar; its mean price is the mean of its four prices.
pub(crate) fn bar(bar: &Bar) -> BarBody {
    let mean = (bar.open + bar.high + bar.low + bar.close) / Decimal::from(4);
    BarBody {
        t: Stamp(bar.start_ns),
        o: Bare(bar.open),
        h: Bare(bar.high),
        l: Bare(bar.low),
        c: Bare(bar.close),
        v: Bare(bar.volume),
        n: bar.points,
        vw: Bare(mean.round_dp(6)),
    }
}
