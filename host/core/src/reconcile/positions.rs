//! Held quantities by symbol against the account's positions.
//!
//! Apart because several transactions may share one netted position. What is missing there left
//! by nobody's order of ours: the youngest transactions lose it first. What is there beyond the
//! book is an orphan, and nothing of it is touched.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::oversold::hand_over;
use super::{PositionDoubt, fact};
use crate::apply::{Elsewhere, Transition, left_elsewhere};
use crate::book::Book;
use crate::broker::{History, Picture};
use crate::bug::{self, Bug};
use crate::command::{Op, OpKind, OpState};
use crate::fact::FactKind;
use crate::ids::{AccountName, Symbol, TransactionId};
use crate::limits::SETTLE_MS;
use crate::money::Quantity;
use crate::order::Direction;
use crate::time::Timestamp;
use crate::transaction::Transaction;

/// What the account holds of a symbol, in this direction, that no transaction of ours holds.
pub fn surplus(book: &Book, name: &AccountName, symbol: &Symbol, direction: Direction) -> Quantity {
    let Some(account) = book.accounts.get(name) else { return Quantity::ZERO };
    let theirs = position(&account.positions, symbol);
    let ours = held(book, name, symbol);
    let more = match direction {
        Direction::Long => theirs.max(Decimal::ZERO) - ours.max(Decimal::ZERO),
        Direction::Short => ours.min(Decimal::ZERO) - theirs.min(Decimal::ZERO),
    };
    Quantity::new(more).unwrap_or_default()
}

/// Whether nothing of the symbol has moved, or may be moving, since a complete read showed the
/// account's difference: only then is its surplus still there.
pub(crate) fn surplus_is_current(book: &Book, name: &AccountName, symbol: &Symbol) -> bool {
    let Some(account) = book.accounts.get(name) else { return false };
    let is_same = |doubt: &PositionDoubt| {
        (doubt.ours, doubt.moved) == (held(book, name, symbol), moved(book, name, symbol))
    };
    let mut ours = book.transactions.values().filter(|tx| tx.account == *name);
    account.doubts.positions.get(symbol).is_some_and(is_same)
        && ours.all(|tx| tx.symbol != *symbol || tx.ops.is_empty())
}

/// Every symbol of which the account, as it was last read, does not hold what the book holds: the
/// symbol, what the book holds, what the account holds.
pub fn differing(book: &Book, name: &AccountName) -> Vec<(Symbol, Decimal, Decimal)> {
    let Some(account) = book.accounts.get(name) else { return Vec::new() };
    let ours = book.transactions.values().filter(|tx| tx.account == *name && !tx.held().is_zero());
    let ours = ours.map(|tx| tx.symbol.clone());
    let theirs = account.positions.iter().map(|position| position.symbol.clone());
    let symbols: BTreeSet<Symbol> = ours.chain(theirs).collect();
    let both = symbols.into_iter().map(|symbol| {
        let (ours, theirs) = (held(book, name, &symbol), position(&account.positions, &symbol));
        (symbol, ours, theirs)
    });
    both.filter(|(_, ours, theirs)| ours != theirs).collect()
}

/// Compares every symbol that either side knows of. Of those in `asked` an order of ours is missing
/// from the picture and was asked for: it may have filled, and they are compared by the next one.
pub(super) fn compare(
    book: &mut Book,
    name: &AccountName,
    picture: &Picture,
    asked: &BTreeSet<Symbol>,
    now: Timestamp,
    out: &mut Transition,
) {
    let ours = book.transactions.values().filter(|tx| tx.account == *name);
    let mut symbols: BTreeMap<Symbol, UnderWay> = BTreeMap::new();
    for tx in ours {
        let live = !tx.held().is_zero() || !tx.ops.is_empty();
        if live {
            symbols.entry(tx.symbol.clone()).or_default().add(&tx.ops);
        }
    }
    for position in &picture.positions {
        symbols.entry(position.symbol.clone()).or_default();
    }
    if let Some(account) = book.accounts.get_mut(name) {
        account.doubts.positions.retain(|symbol, _| symbols.contains_key(symbol));
    }
    for (symbol, under_way) in symbols {
        let (ours, theirs) = (held(book, name, &symbol), position(&picture.positions, &symbol));
        if under_way.explains(ours, theirs) {
            continue;
        }
        let is_cut = picture.history == History::Cut;
        if asked.contains(&symbol) || is_cut && under_way.may_have_sold(ours, theirs) {
            wait_for_orders(book, name, &symbol, picture, now);
        } else {
            compare_one(book, name, &symbol, picture, now, out);
        }
    }
}

/// What commands under way may do to a position. Exits are always under way somewhere; what those
/// do is in the orders of the same read, unless that leaves out what has ended.
#[derive(Clone, Copy, Default)]
struct UnderWay {
    enters: bool,
    closes: bool,
    /// Whether nobody knows if exits were made, which may have filled.
    in_doubt: bool,
}

impl UnderWay {
    fn add(&mut self, ops: &[Op]) {
        for op in ops {
            match op.kind {
                OpKind::Submit(_) => self.enters = true,
                OpKind::Close(_) => self.closes = true,
                OpKind::Adjust { .. } => {
                    self.in_doubt |= matches!(op.state, OpState::Unknown { .. });
                }
                OpKind::Cancel { .. } => {}
            }
        }
    }

    /// Whether the difference may be theirs: an entry adds, a close takes away.
    fn explains(self, ours: Decimal, theirs: Decimal) -> bool {
        if is_less(ours, theirs) { self.closes } else { self.enters || self.closes }
    }

    /// Whether exits that nobody has seen may have taken away what is missing.
    fn may_have_sold(self, ours: Decimal, theirs: Decimal) -> bool {
        self.in_doubt && is_less(ours, theirs)
    }
}

fn is_less(ours: Decimal, theirs: Decimal) -> bool {
    !ours.is_zero() && theirs / ours < Decimal::ONE
}

/// What differs is read again once the orders that are missing have told what became of them.
fn wait_for_orders(
    book: &mut Book,
    name: &AccountName,
    symbol: &Symbol,
    picture: &Picture,
    now: Timestamp,
) {
    let differs = held(book, name, symbol) != position(&picture.positions, symbol);
    if let Some(account) = book.accounts.get_mut(name).filter(|_| differs) {
        account.doubts.read_again(now);
    }
}

fn compare_one(
    book: &mut Book,
    name: &AccountName,
    symbol: &Symbol,
    picture: &Picture,
    now: Timestamp,
    out: &mut Transition,
) {
    let (ours, theirs) = (held(book, name, symbol), position(&picture.positions, symbol));
    let moved = moved(book, name, symbol);
    let Some(account) = book.accounts.get_mut(name) else { return };
    let doubts = &mut account.doubts;
    if ours == theirs {
        doubts.positions.remove(symbol);
        return;
    }
    if bug::is(Bug::M18) {
        settle(book, name, symbol, (ours, theirs), now, out);
        return;
    }
    // The same difference after something moved is another one.
    let is_same = |d: &&PositionDoubt| (d.ours, d.theirs, d.moved) == (ours, theirs, moved);
    let Some(known) = doubts.positions.get(symbol).filter(is_same) else {
        let as_of = picture.as_of;
        let doubt = PositionDoubt { ours, theirs, moved, as_of, settled: false };
        doubts.positions.insert(symbol.clone(), doubt);
        doubts.read_again(now);
        let text = format!("the book holds {ours}, the account {theirs}; it is read again");
        tell(name, symbol, "POSITION", text, (ours, theirs), now, out);
        return;
    };
    if known.settled {
        return;
    }
    if picture.as_of.ms_since(known.as_of) < SETTLE_MS {
        doubts.read_again(now);
        return;
    }
    if let Some(doubt) = doubts.positions.get_mut(symbol) {
        doubt.settled = true;
    }
    settle(book, name, symbol, (ours, theirs), now, out);
}

/// Two reads agree: what is missing has left, what is too much is not ours.
fn settle(
    book: &mut Book,
    name: &AccountName,
    symbol: &Symbol,
    (ours, theirs): (Decimal, Decimal),
    now: Timestamp,
    out: &mut Transition,
) {
    let same_side = theirs.is_zero() || theirs.is_sign_positive() == ours.is_sign_positive();
    let still_there = if same_side { theirs.abs() } else { Decimal::ZERO };
    let side = if ours.is_sign_positive() { Direction::Long } else { Direction::Short };
    let missing = Quantity::new(ours.abs() - still_there).unwrap_or_default();
    let missing = hand_over(book, name, (symbol, side), missing, now, out);
    if !missing.is_zero() {
        let text = format!("{missing} left by no order of ours");
        tell(name, symbol, "EXTERNAL", text, (ours, theirs), now, out);
        take_away(book, name, symbol, (missing, side), now, out);
    }
    let beyond = if same_side { theirs.abs() - ours.abs() } else { theirs.abs() };
    if beyond > Decimal::ZERO {
        let text = format!("{beyond} of it are not ours; they are left alone");
        tell(name, symbol, "ORPHAN_POSITION", text, (ours, theirs), now, out);
    }
}

/// The youngest transactions lose it first.
fn take_away(
    book: &mut Book,
    name: &AccountName,
    symbol: &Symbol,
    (missing, side): (Quantity, Direction),
    now: Timestamp,
    out: &mut Transition,
) {
    let quote = book.accounts.get(name).and_then(|a| a.quotes.get(symbol)).cloned();
    let holders: Vec<TransactionId> = held_by(book, name, symbol)
        .rev()
        .filter(|tx| tx.direction == side && !tx.held().is_zero())
        .map(|tx| tx.id)
        .collect();
    let mut left = missing;
    for id in holders {
        if left.is_zero() {
            break;
        }
        book.change(id, out, |tx, out| {
            let taken = tx.held().min(left);
            left = left.minus(taken);
            // Nobody told at what price: the market's, else what was paid.
            let market = quote.as_ref().and_then(|quote| quote.exit_price(tx.direction));
            let price = market.or(tx.entry_price());
            left_elsewhere(tx, Elsewhere::Outside, (taken, price), now, out);
        });
    }
}

fn tell(
    name: &AccountName,
    symbol: &Symbol,
    code: &'static str,
    text: String,
    (ours, theirs): (Decimal, Decimal),
    now: Timestamp,
    out: &mut Transition,
) {
    let mut fact = fact(name, FactKind::Difference, code, text, now);
    fact.symbol = Some(symbol.clone());
    (fact.before, fact.after) = (Some(ours), Some(theirs));
    out.facts.push(fact);
}

fn held_by<'b>(
    book: &'b Book,
    name: &'b AccountName,
    symbol: &'b Symbol,
) -> impl DoubleEndedIterator<Item = &'b Transaction> {
    let all = book.transactions.values().map(|tx| &**tx);
    all.filter(move |tx| tx.account == *name && tx.symbol == *symbol)
}

fn held(book: &Book, name: &AccountName, symbol: &Symbol) -> Decimal {
    held_by(book, name, symbol).fold(Decimal::ZERO, |sum, tx| match tx.direction {
        Direction::Long => sum + tx.held().get(),
        Direction::Short => sum - tx.held().get(),
    })
}

/// All that ever went in or out, as the book knows it: it rises with each fill.
fn moved(book: &Book, name: &AccountName, symbol: &Symbol) -> Decimal {
    held_by(book, name, symbol).map(|tx| tx.entered.get() + tx.exited.get()).sum()
}

fn position(positions: &[crate::broker::Position], symbol: &Symbol) -> Decimal {
    let own = positions.iter().filter(|position| position.symbol == *symbol);
    own.fold(Decimal::ZERO, |sum, position| sum + position.quantity)
}
