//! Own orders on both sides of an instrument (G9): brokers reject them as a wash trade.
//!
//! Apart because it looks at every transaction of an instrument. Alpaca's table (docs, user
//! protection): a market or stop order never rests beside an opposite one, two limit orders do
//! unless they cross; linked orders (bracket, OCO, OTO) are exempt. An account that declares
//! `protect-beside-open-entry` has no such rule.

use crate::book::{Account, Book};
use crate::check::No;
use crate::command::OpKind;
use crate::ids::{Symbol, TransactionId};
use crate::instrument::Features;
use crate::intent::Open;
use crate::money::Price;
use crate::order::{Order, OrderKind, Role, Side};
use crate::refusal::Refusal;
use crate::transaction::{EntryGuard, EntryKind, Transaction};

/// Transactions whose plain entry rests, or is about to, against an order of that side: until it
/// is gone, a market or stop order of that side is rejected. Of the transaction that asks, its own
/// entry is among them.
pub fn blocking(book: &Book, account: &Account, symbol: &Symbol, side: Side) -> Vec<TransactionId> {
    if account.can(symbol, Features::PROTECT_BESIDE_OPEN_ENTRY) {
        return Vec::new();
    }
    let others = of_symbol(book, account, symbol);
    others
        .filter(|tx| tx.direction.entry_side() != side && plain_entry_rests(tx))
        .map(|tx| tx.id)
        .collect()
}

pub(crate) fn of_symbol<'a>(
    book: &'a Book,
    account: &'a Account,
    symbol: &'a Symbol,
) -> impl Iterator<Item = &'a Transaction> {
    let all = book.transactions.values().map(|tx| &**tx);
    all.filter(move |tx| tx.account == account.name && tx.symbol == *symbol)
}

fn plain_entry_rests(tx: &Transaction) -> bool {
    // Linked with the exits that it carries, an entry is exempt; a growth never carries any.
    if tx.entry.guard != EntryGuard::Plain && !tx.entry.ended {
        return false;
    }
    let is_asked =
        tx.ops.iter().any(|op| matches!(op.kind, OpKind::Submit(_)) && !op.state.is_settled());
    let is_coming = !tx.entry.ended && !tx.status.is_ended();
    tx.resting_entry().is_some() || is_asked || is_coming
}

/// Whether a close or a reduction of the transaction would meet another's entry.
pub(crate) fn close_meets_entry(
    book: &Book,
    account: &Account,
    tx: &Transaction,
) -> Result<(), No> {
    let in_the_way = others_entries(book, account, tx);
    let Some(first) = in_the_way.first() else { return Ok(()) };
    let why = format!(
        "the entry of transaction {} rests against this order in {}, and the broker would reject \
         it as a wash trade; cancel that first: bracketd tx cancel-entry {first}",
        ids(&in_the_way),
        tx.symbol
    );
    Err((Refusal::WashTrade, why))
}

/// Whether the change leaves a stop or target without its linked sibling while another's entry
/// rests: linked they are exempt, alone the broker would reject them and nothing would protect.
pub(crate) fn pair_breaks_beside_entry(
    book: &Book,
    account: &Account,
    tx: &Transaction,
    after: (Option<Price>, Option<Price>),
) -> Result<(), No> {
    let is_single = after.0.is_some() != after.1.is_some();
    let has_pairs = tx.desired.stop.is_some() && tx.wants_target();
    if tx.held().is_zero() || !has_pairs || !is_single {
        return Ok(());
    }
    let in_the_way = others_entries(book, account, tx);
    let Some(first) = in_the_way.first() else { return Ok(()) };
    let why = format!(
        "a stop or target alone may not rest beside the entry of transaction {} in {}; keep both, \
         or cancel that first: bracketd tx cancel-entry {first}",
        ids(&in_the_way),
        tx.symbol
    );
    Err((Refusal::WashTrade, why))
}

fn others_entries(book: &Book, account: &Account, tx: &Transaction) -> Vec<TransactionId> {
    let mut all = blocking(book, account, &tx.symbol, tx.direction.exit_side());
    all.retain(|id| *id != tx.id);
    all
}

/// Whether a plain entry would meet exits that rest alone or will: those would be rejected, or it.
pub(crate) fn entry_meets_exits(
    book: &Book,
    account: &Account,
    wish: &Open,
    guard: EntryGuard,
) -> Result<(), No> {
    let exempt = account.can(&wish.symbol, Features::PROTECT_BESIDE_OPEN_ENTRY);
    if exempt || guard != EntryGuard::Plain {
        return Ok(());
    }
    let limit = match wish.entry {
        EntryKind::Market => None,
        EntryKind::Limit(limit) => Some(limit),
    };
    let meets = |tx: &&Transaction| exit_blocks(tx, wish.direction.entry_side(), limit);
    if let Some(tx) = of_symbol(book, account, &wish.symbol).find(meets) {
        let why = format!(
            "transaction {} has a stop or target alone in {}, which the broker takes for a wash \
             trade beside an entry; give it both, or wait for its end",
            tx.id, wish.symbol
        );
        return Err((Refusal::WashTrade, why));
    }
    let is_single = wish.stop.is_some() != wish.target.is_some();
    let in_the_way = blocking(book, account, &wish.symbol, wish.direction.exit_side());
    let Some(first) = in_the_way.first().filter(|_| is_single) else { return Ok(()) };
    let why = format!(
        "its stop or target alone could not rest beside the entry of transaction {} in {}; name \
         both, or cancel that first: bracketd tx cancel-entry {first}",
        ids(&in_the_way),
        wish.symbol
    );
    Err((Refusal::WashTrade, why))
}

/// The same for an order that makes a transaction grow; its own exits are taken away before it.
pub(crate) fn growth_meets_exits(
    book: &Book,
    account: &Account,
    tx: &Transaction,
) -> Result<(), No> {
    if account.can(&tx.symbol, Features::PROTECT_BESIDE_OPEN_ENTRY) {
        return Ok(());
    }
    let side = tx.direction.entry_side();
    let meets = |other: &&Transaction| other.id != tx.id && exit_blocks(other, side, None);
    let Some(other) = of_symbol(book, account, &tx.symbol).find(meets) else { return Ok(()) };
    let why = format!(
        "transaction {} has a stop or target alone in {}, which the broker takes for a wash trade \
         beside an entry; give it both, or wait for its end",
        other.id, tx.symbol
    );
    Err((Refusal::WashTrade, why))
}

/// Whether a plain exit of the transaction, resting or wanted, blocks an entry of that side.
fn exit_blocks(tx: &Transaction, side: Side, limit: Option<Price>) -> bool {
    if tx.direction.exit_side() == side {
        return false;
    }
    let rests = tx.orders.iter().any(|order| {
        is_alone(tx, order) && meets(side, limit, exit_limit(order.kind, order.limit))
    });
    let wanted = !tx.status.is_ended() && tx.entry.guard == EntryGuard::Plain;
    let will_rest = wanted
        && match tx.desired.stop {
            // Of a ladder what the rungs leave over may have the stop alone.
            Some(_) => !tx.wants_pairs(),
            None => tx.wanted_targets().into_iter().any(|at| meets(side, limit, Some(at))),
        };
    rests || will_rest
}

/// The limit price of an exit that has nothing but a limit; a stop has none that counts.
fn exit_limit(kind: OrderKind, limit: Option<Price>) -> Option<Price> {
    if kind == OrderKind::Limit { limit } else { None }
}

/// Whether an entry and an opposite exit are taken for a wash trade: always, unless both are limit
/// orders that do not cross.
fn meets(entry: Side, entry_limit: Option<Price>, exit_limit: Option<Price>) -> bool {
    match (entry_limit, exit_limit, entry) {
        (Some(entry), Some(exit), Side::Buy) => entry >= exit,
        (Some(entry), Some(exit), Side::Sell) => entry <= exit,
        (None, _, _) | (_, None, _) => true,
    }
}

/// A live exit that is linked to no sibling and was not carried by an entry.
fn is_alone(tx: &Transaction, order: &Order) -> bool {
    let is_exit = |o: &Order| matches!(o.role, Role::Stop | Role::Target);
    let live = |o: &Order| is_exit(o) && !o.status.is_terminal();
    let has_sibling =
        tx.orders.iter().any(|o| live(o) && o.slice == order.slice && o.role != order.role);
    live(order) && !has_sibling && order.group.is_none() && tx.entry.guard == EntryGuard::Plain
}

fn ids(all: &[TransactionId]) -> String {
    all.iter().map(TransactionId::to_string).collect::<Vec<_>>().join(", ")
}
