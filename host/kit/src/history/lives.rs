//! The lives: what a person does with a transaction, what the market does, and what must rest at the
//! broker after each.
//!
//! Apart because they are the promise in plain words. Every checkpoint is of the broker's book.

use bracketd_core::Decimal;
use bracketd_core::ids::{AccountName, TransactionId};
use bracketd_core::instrument::Features;
use bracketd_core::intent::{GuardWish, Intent, Open, Wish};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Direction;
use bracketd_core::transaction::EntryKind;

use super::daemon::{ACCOUNT, Daemon};
use crate::book::Book;
use crate::hands::{number, price};
use crate::row::{Stop, Tried};

/// What happens to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// A resting entry is changed, fills, is moved leg by leg and together, and is closed by hand.
    ByHand,
    /// A part of a resting entry fills, its stop is moved, and the stop is hit.
    StopHit,
    /// An entry at the market without exits of its own gets its pair, and the target is hit.
    TargetHit,
}

impl Life {
    pub(super) const ALL: [Self; 3] = [Self::ByHand, Self::StopHit, Self::TargetHit];

    /// The line of the report.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ByHand => "closed by hand",
            Self::StopHit => "part filled, stop hit",
            Self::TargetHit => "market entry, target hit",
        }
    }
}

/// What must be at the broker.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    held: &'a str,
    stop: &'a str,
    target: &'a str,
}

/// Lives it from its opening to its end.
pub(super) fn live(daemon: &mut Daemon, life: Life) -> Tried {
    match life {
        Life::ByHand => by_hand(daemon),
        Life::StopHit => stop_hit(daemon),
        Life::TargetHit => target_hit(daemon),
    }
}

fn by_hand(daemon: &mut Daemon) -> Tried {
    market(daemon, "101.00", "101.02")?;
    let id = open(daemon, EntryKind::Limit(named("100")?), GuardWish::Native)?;
    waits(daemon)?;
    protect(daemon, id, Some("94"), None)?;
    waits(daemon)?;
    market(daemon, "99.90", "99.92")?;
    rests(daemon, Wanted { held: "10", stop: "94", target: "110" })?;
    protect(daemon, id, Some("96"), None)?;
    moves(daemon, Wanted { held: "10", stop: "96", target: "110" })?;
    protect(daemon, id, None, Some("108"))?;
    moves(daemon, Wanted { held: "10", stop: "96", target: "108" })?;
    protect(daemon, id, Some("97"), Some("109"))?;
    moves(daemon, Wanted { held: "10", stop: "97", target: "109" })?;
    daemon.ask(Intent::Close { transaction: id })?;
    ends(daemon, id)
}

fn stop_hit(daemon: &mut Daemon) -> Tried {
    market(daemon, "101.00", "101.02")?;
    let id = open(daemon, EntryKind::Limit(named("100")?), GuardWish::Native)?;
    waits(daemon)?;
    let symbol = daemon.desk.symbol.clone();
    daemon.desk.broker.liquidity(symbol.as_str(), Some("4"))?;
    market(daemon, "99.90", "99.92")?;
    daemon.desk.broker.liquidity(symbol.as_str(), None)?;
    rests(daemon, Wanted { held: "4", stop: "95", target: "110" })?;
    protect(daemon, id, Some("96"), None)?;
    moves(daemon, Wanted { held: "4", stop: "96", target: "110" })?;
    market(daemon, "95.50", "95.52")?;
    ends(daemon, id)
}

fn target_hit(daemon: &mut Daemon) -> Tried {
    market(daemon, "100.00", "100.02")?;
    let id = open(daemon, EntryKind::Market, GuardWish::Plain)?;
    rests(daemon, Wanted { held: "10", stop: "95", target: "110" })?;
    protect(daemon, id, Some("96"), Some("109"))?;
    moves(daemon, Wanted { held: "10", stop: "96", target: "109" })?;
    market(daemon, "109.50", "109.52")?;
    ends(daemon, id)
}

fn named(text: &str) -> Result<Price, Stop> {
    price(text).ok_or_else(|| Stop::broken(format!("{text} is no price")))
}

fn market(daemon: &Daemon, bid: &str, ask: &str) -> Tried {
    daemon.desk.broker.price(daemon.desk.symbol.as_str(), bid, ask)
}

/// Ten, with a stop at 95 and a target at 110.
fn open(daemon: &mut Daemon, entry: EntryKind, guard: GuardWish) -> Result<TransactionId, Stop> {
    // The daemon has heard of the price that the gate looks at.
    let bid = match entry {
        EntryKind::Market => number("100"),
        EntryKind::Limit(_) => number("101"),
    };
    daemon.until("the market is quoted", |daemon, _| daemon.bid() == Some(bid))?;
    let verdict = daemon.ask(Intent::Open(Box::new(Open {
        account: AccountName::new(ACCOUNT),
        owner: None,
        symbol: daemon.desk.symbol.clone(),
        direction: Direction::Long,
        quantity: Quantity::new(Decimal::TEN).unwrap_or(Quantity::ZERO),
        entry,
        time_in_force: None,
        stop: price("95"),
        target: price("110"),
        policies: None,
        on_partial: None,
        guard,
        distinct: false,
    })))?;
    verdict.transaction.ok_or_else(|| Stop::broken("an open without a transaction"))
}

fn protect(
    daemon: &mut Daemon,
    transaction: TransactionId,
    stop: Option<&str>,
    target: Option<&str>,
) -> Tried {
    let wish = |text: Option<&str>| text.and_then(price).map_or(Wish::Keep, Wish::Set);
    let (stop, target) = (wish(stop), wish(target));
    daemon.ask(Intent::Protect { transaction, stop, target }).map(drop)
}

/// One entry rests, and nothing is held.
fn waits(daemon: &mut Daemon) -> Tried {
    daemon.until("one entry rests at the broker, and nothing is held", |daemon, book| {
        let symbol = daemon.desk.symbol.as_str();
        book.live(symbol).filter(|order| order.is_buy).count() == 1
            && book.position(symbol).is_zero()
    })?;
    lawful(daemon)
}

/// All that is held has its stop and its target, and no entry rests any more.
fn rests(daemon: &mut Daemon, wanted: Wanted<'_>) -> Tried {
    let Wanted { held, stop, target } = wanted;
    let what = format!("{held} held, stop {stop}, target {target}, nothing else at the broker");
    daemon.until(&what, |daemon, book| is_as(daemon, book, wanted))?;
    lawful(daemon)
}

/// The same after a move; where legs are replaced in place the stop is there all the while.
fn moves(daemon: &mut Daemon, wanted: Wanted<'_>) -> Tried {
    let in_place = daemon.can(Features::REPLACE_IN_PLACE);
    let Wanted { held, stop, target } = wanted;
    let what = format!("{held} held, stop {stop}, target {target}, nothing else at the broker");
    let naked = std::cell::Cell::new(None);
    daemon.until(&what, |daemon, book| {
        let symbol = daemon.desk.symbol.as_str();
        let stops: Decimal = book.exits(symbol, "stop").iter().map(|(left, _)| *left).sum();
        if in_place && stops < number(held) && naked.get().is_none() {
            naked.set(Some(stops));
        }
        is_as(daemon, book, wanted)
    })?;
    if let Some(stops) = naked.get() {
        let happened = format!("stops for {stops} of {held} held, for a moment");
        return Err(Stop::fails("the stop is there while it is moved", happened, ""));
    }
    lawful(daemon)
}

fn is_as(daemon: &Daemon, book: &Book, wanted: Wanted<'_>) -> bool {
    let symbol = daemon.desk.symbol.as_str();
    let held = number(wanted.held);
    book.position(symbol) == held
        && book.exits(symbol, "stop") == [(held, number(wanted.stop))]
        && book.exits(symbol, "limit") == [(held, number(wanted.target))]
        && book.live(symbol).count() == 2
}

/// Nothing is held, nothing rests, and the ledger knows it.
fn ends(daemon: &mut Daemon, id: TransactionId) -> Tried {
    daemon.until(
        "nothing is held and nothing rests, and the transaction is closed",
        |daemon, book| {
            let symbol = daemon.desk.symbol.as_str();
            book.position(symbol).is_zero()
                && book.live(symbol).count() == 0
                && daemon.tx(id).is_some_and(|tx| tx.status.is_ended())
        },
    )?;
    lawful(daemon)
}

/// What may never be in the book, at any checkpoint.
fn lawful(daemon: &Daemon) -> Tried {
    let book = daemon.desk.book()?;
    let symbol = daemon.desk.symbol.as_str();
    if let Some(crime) = book.crimes(symbol) {
        return Err(Stop::fails("one order an id, nothing oversold", crime, ""));
    }
    let entries = book.orders.iter().filter(|order| order.is_buy && order.symbol == symbol);
    match entries.count() {
        0 | 1 => Ok(()),
        more => Err(Stop::fails("one entry", format!("{more} entries"), book.shown(symbol))),
    }
}
