//! What stands in the way of a close that the host itself wants: another transaction's resting
//! entry, beside which the broker would reject it as a wash trade (G9).
//!
//! Apart because it is the one place where planning one transaction asks something of another. A
//! person's close is refused by the gate instead; the host's has to come through, and until it can,
//! the stop stays.

use crate::apply::{Transition, settle};
use crate::book::Book;
use crate::fact::FactKind;
use crate::guard::wash;
use crate::ids::TransactionId;
use crate::intent::Source;
use crate::time::Timestamp;
use crate::transaction::Task;

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
        ask_to_go(book, other, id, now, out);
    }
    book.change(id, out, |tx, _| tx.close_retry_at = Some(now.plus_ms(LOOK_MS)));
    true
}

fn ask_to_go(
    book: &mut Book,
    other: TransactionId,
    closing: TransactionId,
    now: Timestamp,
    out: &mut Transition,
) {
    if book.transactions.get(&other).is_some_and(|tx| tx.entry.cancel_asked) {
        return;
    }
    book.change(other, out, |tx, out| {
        tx.entry.cancel_asked = true;
        if tx.entered.is_zero() && tx.steps.is_empty() {
            tx.entry.ended = true;
        }
        out.fact(tx, now, FactKind::CancelAsked, Source::Host, |fact| {
            fact.text = format!("it stands in the way of closing transaction {closing}");
        });
        settle(tx, now, out);
    });
}
