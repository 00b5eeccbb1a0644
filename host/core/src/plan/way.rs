//! What of another transaction stands in the way of this one: an entry beside which the broker would
//! reject the host's own close as a wash trade (G9), and one that would net what is held.
//!
//! Apart because it is the one place where planning one transaction asks something of another. A
//! person's close is refused by the gate instead; the host's has to come through, and until it can,
//! the stop stays.

use crate::apply::{Transition, settle};
use crate::book::Book;
use crate::fact::FactKind;
use crate::guard::wash;
use crate::ids::TransactionId;
use crate::instrument::Features;
use crate::intent::Source;
use crate::time::Timestamp;
use crate::transaction::{Task, Transaction};

/// Pause between two looks at whether the way is clear.
const LOOK_MS: u64 = 250;

/// Asks for the cancel of entries in the way. Gives whether any is still there.
pub(super) fn is_blocked(
    book: &mut Book,
    id: TransactionId,
    now: Timestamp,
    out: &mut Transition,
) -> bool {
    let Some(tx) = book.transactions.get(&id) else { return false };
    let Some(account) = book.accounts.get(&tx.account) else { return false };
    if !matches!(&tx.task, Some(Task::Close { source: Source::Host, .. })) {
        return false;
    }
    let mut others = wash::blocking(book, account, &tx.symbol, tx.direction.exit_side());
    others.retain(|other| *other != id);
    if others.is_empty() {
        return false;
    }
    for other in others {
        ask_to_go(
            book,
            other,
            &format!("it stands in the way of closing transaction {id}"),
            now,
            out,
        );
    }
    book.change(id, out, |tx, _| tx.close_retry_at = Some(now.plus_ms(LOOK_MS)));
    true
}

/// An entry that fills after it was given up may find one of the other side, which nothing stood
/// against when it was opened. It would sell what is held here, and may keep its exits from resting.
pub(super) fn clear_for_what_opens(
    book: &mut Book,
    id: TransactionId,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(tx) = book.transactions.get(&id).filter(|tx| tx.opened_at == Some(now)) else {
        return;
    };
    let Some(account) = book.accounts.get(&tx.account) else { return };
    if account.can(&tx.symbol, Features::HEDGING) {
        return;
    }
    let would_net = |other: &&Transaction| {
        other.direction != tx.direction && !other.status.is_ended() && !other.entry.ended
    };
    let beside = wash::of_symbol(book, account, &tx.symbol);
    let others: Vec<TransactionId> = beside.filter(would_net).map(|other| other.id).collect();
    for other in others {
        ask_to_go(book, other, &format!("it would net what transaction {id} holds"), now, out);
    }
}

fn ask_to_go(
    book: &mut Book,
    other: TransactionId,
    why: &str,
    now: Timestamp,
    out: &mut Transition,
) {
    if book.transactions.get(&other).is_none_or(|tx| tx.entry.cancel_asked) {
        return;
    }
    book.change(other, out, |tx, out| {
        tx.entry.cancel_asked = true;
        if tx.entered.is_zero() && tx.steps.is_empty() {
            tx.entry.ended = true;
        }
        out.fact(tx, now, FactKind::CancelAsked, Source::Host, |fact| fact.text = why.to_owned());
        settle(tx, now, out);
    });
    // It may have been planned in this step already, or nothing else touches it.
    super::plan(book, other, now, out);
}
