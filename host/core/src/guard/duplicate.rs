//! The same order twice within a moment (G4): a finger that slipped, a client that retries.
//!
//! Apart because it is the only question about time between requests that the book itself can
//! answer; so it holds across restarts too.

use crate::book::{Account, Book};
use crate::check::No;
use crate::intent::Open;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Whether an equal entry was made a moment ago and this one is not said to be meant as another.
pub(crate) fn duplicate(
    book: &Book,
    account: &Account,
    wish: &Open,
    now: Timestamp,
) -> Result<(), No> {
    let window_ms = account.rules.guards.duplicate_window_ms;
    if wish.distinct || window_ms == 0 {
        return Ok(());
    }
    // Numbers rise with time, so the search ends at the first one that is too old.
    let recent = book.transactions.values().rev();
    let twin = recent.take_while(|tx| now.ms_since(tx.created_at) < window_ms).find(|tx| {
        tx.account == wish.account
            && tx.symbol == wish.symbol
            && tx.direction == wish.direction
            && tx.entry.quantity == wish.quantity
            && tx.entry.kind == wish.entry
    });
    let Some(twin) = twin else { return Ok(()) };
    let why = format!(
        "transaction {} is the same entry, asked for {} ms ago; if a second one is meant, say so \
         (--distinct, or \"distinct\": true)",
        twin.id,
        now.ms_since(twin.created_at)
    );
    Err((Refusal::Duplicate, why))
}
