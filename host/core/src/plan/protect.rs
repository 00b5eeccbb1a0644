//! The protection clock: what a transaction's protection is now, and what its turning means.
//!
//! Apart from the steps because this only judges and tells; the one thing it starts is the close
//! that an account asks for when its deadline is over.

use super::{Partial, partial_rule};
use crate::apply::Transition;
use crate::book::{Account, Book, OnBreached, OnDeadline};
use crate::bug::{self, Bug};
use crate::command::OpState;
use crate::fact::FactKind;
use crate::ids::TransactionId;
use crate::intent::Source;
use crate::limits::SESSION_READ_MS;
use crate::money::{Price, Quantity};
use crate::order::{Leg, Order, Role};
use crate::protection::{Exposed, Protection, protected_quantity, taken_quantity};
use crate::time::Timestamp;
use crate::transaction::{Slice, Transaction, TransactionStatus};

/// When the host closes what is held, if its account asks for that: the deadline after the stop
/// was missing, with the account able to take it for as long.
pub(super) fn deadline_close_at(tx: &Transaction, account: &Account) -> Option<Timestamp> {
    let Protection::Unprotected { since, why } = tx.protection else { return None };
    let kept = account.rules.on_breached == OnBreached::Keep;
    let counts = match why {
        Exposed::Deadline | Exposed::Rejected | Exposed::Unknown => true,
        Exposed::Breached => !kept,
        // Nothing could be sent, or somebody chose to wait.
        Exposed::AccountDown | Exposed::Disarmed | Exposed::WaitingForEntry => false,
    };
    let asked = account.rules.on_deadline == OnDeadline::Close;
    if !asked || !counts || tx.status != TransactionStatus::Opened || tx.task.is_some() {
        return None;
    }
    // Acting counts from when something could be done: a fill that was heard of late, an account that
    // was armed just now, or a clock that differs from the broker's, must not close what was never
    // tried to protect.
    let heard = tx.slices.iter().map(|slice| slice.gather_until).max();
    let since = [account.able_since, heard].into_iter().flatten().fold(since, Timestamp::max);
    let mut due = since.plus_ms(account.rules.protection_deadline_ms);
    // What the broker has taken may wait for a session that was not read yet.
    if !account.sessions.contains_key(&tx.symbol) && taken_quantity(tx) >= tx.held() {
        due = account.able_since.map_or(due, |at| due.max(at.plus_ms(SESSION_READ_MS)));
    }
    Some(tx.close_retry_at.map_or(due, |at| at.max(due)))
}

/// Whether that moment has come.
pub(super) fn deadline_close_is_due(book: &Book, id: TransactionId, now: Timestamp) -> bool {
    let Some(tx) = book.transactions.get(&id) else { return false };
    let Some(account) = book.accounts.get(&tx.account) else { return false };
    account.may_send() && deadline_close_at(tx, account).is_some_and(|at| at <= now)
}

/// Whether the held quantity has its wanted stop (I5).
pub(super) fn judge(tx: &Transaction, account: &Account, now: Timestamp) -> Protection {
    if tx.held().is_zero() || tx.desired.stop.is_none() || tx.status.is_ended() {
        return Protection::NotWanted;
    }
    let exposed: Vec<&Slice> = tx.slices.iter().filter(|s| !is_covered(tx, s)).collect();
    // Until it shrinks, the stop of all of it still covers what was dealt out to other slices.
    let is_whole = exposed.is_empty() || protected_quantity(tx) >= tx.held();
    if is_whole || session_wait_ends(tx, account, now).is_some() {
        return Protection::Protected;
    }
    let since = tx.protection.gap_since().unwrap_or(now);
    let unknown = tx.ops.iter().any(|op| matches!(op.state, OpState::Unknown { .. }));
    // A new try under way does not take back what people were told.
    let rejected = exposed.iter().any(|s| s.rejections > 0);
    let breached = exposed.iter().any(|s| s.breached);
    let waits = tx.resting_entry().is_some() && partial_rule(tx, account) == Partial::Wait;
    let why = if !account.is_armed() {
        Some(Exposed::Disarmed)
    } else if !account.is_up {
        Some(Exposed::AccountDown)
    } else if unknown {
        Some(Exposed::Unknown)
    } else if breached {
        Some(Exposed::Breached)
    } else if rejected {
        Some(Exposed::Rejected)
    } else if waits {
        Some(Exposed::WaitingForEntry)
    } else if now.ms_since(since) >= account.rules.protection_deadline_ms {
        Some(Exposed::Deadline)
    } else {
        None
    };
    why.map_or(Protection::Pending { since }, |why| Protection::Unprotected { since, why })
}

/// Until when the broker may wait for the session with the stop of everything that is held, while it
/// does: Alpaca leaves what is placed after the close `accepted` until the next morning. No price comes
/// to it before, and nothing more can be sent.
pub(super) fn session_wait_ends(
    tx: &Transaction,
    account: &Account,
    now: Timestamp,
) -> Option<Timestamp> {
    account.idle_until(&tx.symbol, now).filter(|_| taken_quantity(tx) >= tx.held())
}

/// Whether a slice's working stops cover all of it.
pub(crate) fn is_covered(tx: &Transaction, slice: &Slice) -> bool {
    covered(tx, slice) >= slice.held
}

/// What the slice's working stops cover.
pub(crate) fn covered(tx: &Transaction, slice: &Slice) -> Quantity {
    tx.exits(slice.no)
        .filter(|o| o.role == Role::Stop && (o.status.protects() || bug::is(Bug::M17)))
        .map(Order::leaves)
        .sum()
}

/// Writes down that the protection changed.
pub(super) fn turned(
    tx: &mut Transaction,
    next: Protection,
    on_breached: OnBreached,
    now: Timestamp,
    out: &mut Transition,
) {
    let before = std::mem::replace(&mut tx.protection, next);
    let was_exposed = matches!(before, Protection::Unprotected { .. });
    let span_ms = before.gap_since().map_or(0, |since| now.ms_since(since));
    if before.gap_since().is_some() && next.gap_since().is_none() {
        tx.gaps.add(span_ms);
    }
    match next {
        Protection::Protected => {
            let (held, stop) = (tx.held(), tx.working(Leg::Stop));
            out.fact(tx, now, FactKind::Protected, Source::Host, |fact| {
                fact.quantity = Some(held.get());
                fact.after = stop.map(Price::get);
                fact.span_ms = Some(span_ms);
                // What ends an alarm says so; the usual case has no words.
                if was_exposed {
                    fact.text = format!("{held} held have their stop after {span_ms} ms");
                }
            });
        }
        Protection::Unprotected { since, why } => {
            let same = matches!(before, Protection::Unprotected { why: old, .. } if old == why);
            if !same {
                exposed(tx, since, why, on_breached, now, out);
            }
        }
        Protection::NotWanted if was_exposed => {
            out.fact(tx, now, FactKind::Protected, Source::Host, |fact| {
                fact.code = "not_wanted".into();
                fact.span_ms = Some(span_ms);
                fact.text = format!("nothing lacks its stop any more, after {span_ms} ms");
            });
        }
        Protection::NotWanted | Protection::Pending { .. } => {}
    }
}

/// Held quantity has no stop, for a new reason.
fn exposed(
    tx: &Transaction,
    since: Timestamp,
    why: Exposed,
    on_breached: OnBreached,
    now: Timestamp,
    out: &mut Transition,
) {
    let held = tx.held();
    let with_stop = protected_quantity(tx);
    let wanted = tx.desired.stop.map_or_else(|| "-".to_owned(), |stop| stop.to_string());
    out.fact(tx, now, FactKind::Unprotected, Source::Host, |fact| {
        fact.code = why.as_str().into();
        fact.quantity = Some(held.get());
        fact.span_ms = Some(now.ms_since(since));
        fact.text =
            format!("{with_stop} of {held} held have a stop that works; wanted at {wanted}");
    });
    if why == Exposed::Breached && on_breached == OnBreached::Alert {
        let stop = tx.desired.stop;
        out.fact(tx, now, FactKind::Alarm, Source::Host, |fact| {
            fact.code = "BREACHED".into();
            fact.quantity = Some(held.get());
            fact.after = stop.map(Price::get);
            fact.text = "the wanted stop is already through the market; move it or close".into();
        });
    }
}
