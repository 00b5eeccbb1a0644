//! What flatten does now: how much is being closed, and the accounts where no close can go out, with
//! what they hold.
//!
//! Apart because whoever says flatten believes that all is being closed. It only makes the words;
//! what may be sent is decided where everything is sent.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::book::{Account, Book};
use crate::ids::{AccountName, Symbol};

/// Symbols that are named; the rest are counted.
const NAMED: usize = 8;

/// How many transactions are being closed, then the accounts concerned that hold something and get
/// no close now, each with why and how much.
pub(super) fn flattened(book: &Book, scope: Option<&AccountName>) -> String {
    let closing =
        concerned(book, scope).filter(|account| barrier(account).is_none()).flat_map(|account| {
            let ours = book.transactions.values().filter(|tx| tx.account == account.name);
            ours.filter(|tx| !tx.status.is_ended() && !tx.held().is_zero())
        });
    let unclosed = not_closed(book, scope);
    let closing = match closing.count() {
        0 if unclosed.is_empty() => "; nothing is held".to_owned(),
        0 => String::new(),
        1 => "; closing 1 transaction".to_owned(),
        count => format!("; closing {count} transactions"),
    };
    format!("{closing}{unclosed}")
}

/// The accounts that hold something and get no close now, each with why and how much, as further parts
/// of a sentence: of one account, or of all.
pub fn not_closed(book: &Book, scope: Option<&AccountName>) -> String {
    concerned(book, scope).filter_map(|account| unclosed(book, account)).collect()
}

fn concerned<'a>(
    book: &'a Book,
    scope: Option<&'a AccountName>,
) -> impl Iterator<Item = &'a Account> {
    let all = book.accounts.values();
    all.filter(move |account| scope.is_none_or(|scope| *scope == account.name))
}

/// Why no close can go out at the account now, and when one will.
fn barrier(account: &Account) -> Option<(&'static str, &'static str)> {
    if !account.is_armed() {
        Some(("disarmed", "arming it while the level stands closes all of it at once"))
    } else if !account.is_up {
        Some(("down", "it is closed once the broker is reached, as long as the level stands"))
    } else if !account.is_reconciled {
        Some(("not compared with the broker yet", "it is closed once it was"))
    } else {
        None
    }
}

fn unclosed(book: &Book, account: &Account) -> Option<String> {
    let (state, later) = barrier(account)?;
    let held = held(book, &account.name)?;
    Some(format!("; NOT CLOSED: account {} is {state} and holds {held}; {later}", account.name))
}

/// What our transactions of an account hold, by symbol and direction.
pub(super) fn held(book: &Book, name: &AccountName) -> Option<String> {
    let mut all: BTreeMap<(&Symbol, &str), Decimal> = BTreeMap::new();
    let ours = book.transactions.values().filter(|tx| tx.account == *name);
    for tx in ours.filter(|tx| !tx.status.is_ended() && !tx.held().is_zero()) {
        *all.entry((&tx.symbol, tx.direction.as_str())).or_default() += tx.held().get();
    }
    let named = all.iter().take(NAMED);
    let named: Vec<String> =
        named.map(|((symbol, side), quantity)| format!("{side} {quantity} {symbol}")).collect();
    let more = match all.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!all.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}
