//! Carries out what stands with a transaction: moves a trailed stop, ends what was held long enough.
//!
//! Apart because it is asked after every price and every change, and what it wants goes through the
//! same gate as the wish of a person or a script. Nothing here loosens a stop, and a refusal changes
//! nothing but what is told.

use std::sync::Arc;

use crate::apply::{NoticeKind, Transition, host_close};
use crate::book::Book;
use crate::broker::Fault;
use crate::check::{Context, check, fresh_quote};
use crate::control::permits;
use crate::decide::accept;
use crate::fact::FactKind;
use crate::guard;
use crate::ids::TransactionId;
use crate::intent::{Intent, Outcome, Request, Source, Verdict};
use crate::money::Price;
use crate::refusal::Refusal;
use crate::standing::{Stands, TimeLimit};
use crate::time::Timestamp;
use crate::transaction::{Transaction, TransactionStatus};

/// What a trail comes to at the latest price.
struct Look {
    price: Price,
    best: Price,
    /// The stop that is wanted now, where it is worth a move.
    stop: Option<Price>,
}

/// Brings the transaction's trailed stop up to the latest price.
pub fn follow(book: &mut Book, id: TransactionId, now: Timestamp, out: &mut Transition) {
    let Some(look) = look(book, id, now) else { return };
    if let Some(tx) = book.transactions.get_mut(&id)
        && let Some(trail) = &tx.standing.trail
        && trail.best != Some(look.best)
        && let Some(trail) = &mut Arc::make_mut(tx).standing.trail
    {
        // Not a fact by itself: what of it moves no stop may be lost with the process.
        trail.best = Some(look.best);
    }
    let Some(stop) = look.stop.filter(|_| may_move_at(book, id, now).is_none()) else { return };
    let Some(request) = request(book, id, &look, stop) else { return };
    let Some(verdict) = judged(book, id, &request, now) else { return };
    match verdict.outcome {
        Outcome::Unchanged | Outcome::Held => {}
        Outcome::Stored | Outcome::Staged => {
            accept(book, id, &request, verdict, now, out);
            book.change(id, out, |tx, _| tx.standing.set_held_back(Stands::Trail, None));
        }
        Outcome::Refused(refusal) => {
            held_back(book, id, Stands::Trail, (refusal, &verdict.message), now, out);
        }
    }
}

fn look(book: &Book, id: TransactionId, now: Timestamp) -> Option<Look> {
    let tx = book.transactions.get(&id)?;
    let trail = tx.standing.trail.as_ref()?;
    if tx.status != TransactionStatus::Opened {
        return None;
    }
    let context = context(book, tx, now)?;
    let (instrument, quote) = (context.instrument?, fresh_quote(&context).ok()?);
    // A price from before the fill was never a price of what is held.
    let price = quote.exit_price(tx.direction).filter(|_| Some(quote.at) >= tx.opened_at)?;
    let best = trail.better(tx.direction, price);
    let stop = trail.stop_at(best, tx.direction, instrument);
    let is_move = |to: &Price| trail.is_worth_it(tx.direction, tx.desired.stop, *to);
    Some(Look { price, best, stop: stop.filter(is_move) })
}

fn context<'a>(book: &'a Book, tx: &Transaction, now: Timestamp) -> Option<Context<'a>> {
    let account = book.accounts.get(&tx.account)?;
    Some(Context {
        account,
        instrument: account.instruments.get(&tx.symbol).map(|i| &**i),
        quote: account.quotes.get(&tx.symbol),
        now,
        book: Some(book),
    })
}

/// When the next move may be made, after as many within a minute as a policy may make (G6). None is
/// at once.
fn may_move_at(book: &Book, id: TransactionId, now: Timestamp) -> Option<Timestamp> {
    let tx = book.transactions.get(&id)?;
    let max = book.accounts.get(&tx.account)?.rules.guards.stop_moves_per_minute;
    book.guards.move_free_at(id, max, now)
}

/// When a move that has to wait can be made: the market may say nothing more until then.
pub(crate) fn next_move(book: &Book, id: TransactionId, now: Timestamp) -> Option<Timestamp> {
    book.transactions.get(&id)?.standing.trail.as_ref()?;
    let at = may_move_at(book, id, now)?;
    look(book, id, now)?.stop.map(|_| at)
}

fn request(book: &Book, id: TransactionId, look: &Look, stop: Price) -> Option<Request> {
    let trail = book.transactions.get(&id)?.standing.trail.as_ref()?;
    let (price, best, distance) = (look.price, look.best, trail.terms.distance);
    Some(Request {
        intent: Intent::Ratchet { transaction: id, stop },
        source: Source::Host,
        why: format!("trail of {}, {distance} behind {best}: {}", trail.by.label(), trail.why),
        if_version: None,
        inputs: format!(
            "{{\"best\":\"{best}\",\"distance\":\"{distance}\",\"price\":\"{price}\"}}"
        ),
    })
}

fn judged(book: &Book, id: TransactionId, request: &Request, now: Timestamp) -> Option<Verdict> {
    let tx = book.transactions.get(&id)?;
    let context = context(book, tx, now)?;
    Some(match permits(book, context.account, Some(tx), request) {
        Ok(()) => check(tx, &context, request),
        Err((refusal, message)) => Verdict {
            outcome: Outcome::Refused(refusal),
            message,
            transaction: Some(id),
            version: tx.desired.version,
        },
    })
}

/// Something that stands could not be done: told when that begins and when its cause is another.
fn held_back(
    book: &mut Book,
    id: TransactionId,
    what: Stands,
    (refusal, message): (Refusal, &str),
    now: Timestamp,
    out: &mut Transition,
) {
    let known = book.transactions.get(&id).and_then(|tx| tx.standing.held_back(what));
    if known == Some(refusal) {
        return;
    }
    book.change(id, out, |tx, out| {
        tx.standing.set_held_back(what, Some(refusal));
        out.fact(tx, now, FactKind::Refused, Source::Host, |fact| {
            fact.code = refusal.code().into();
            fact.text = format!("{}: {message}", what.verb());
        });
        let fault = Fault::new(refusal.code(), message);
        out.notice(tx, NoticeKind::Rejected { what: what.verb(), fault });
    });
}

/// When what is held has been held for as long as it may be.
pub(crate) fn limit_at(tx: &Transaction) -> Option<Timestamp> {
    let limit = tx.standing.time_limit.as_ref()?;
    let is_due = tx.status == TransactionStatus::Opened && tx.task.is_none();
    let at = tx.opened_at.filter(|_| is_due)?.plus_ms(limit.hold_ms);
    Some(tx.close_retry_at.map_or(at, |retry| retry.max(at)))
}

/// Closes what has been held for as long as it may be. A policy closes no more in this way than by
/// itself (G19).
pub(crate) fn enforce_limit(
    book: &mut Book,
    id: TransactionId,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(tx) = book.transactions.get(&id) else { return };
    let Some(limit) = &tx.standing.time_limit else { return };
    if limit_at(tx).is_none_or(|at| at > now) {
        return;
    }
    let Some(context) = context(book, tx, now).filter(|context| context.account.may_send()) else {
        return;
    };
    let request = close_of(id, limit);
    match guard::too_many_closes(tx, &context, &request).err() {
        None => {
            book.guards.accepted(&Arc::clone(tx), &request, false, now);
            book.change(id, out, |tx, out| {
                host_close(tx, "time_limit", &request.why, now, out);
            });
        }
        Some((refusal, message)) => {
            held_back(book, id, Stands::TimeLimit, (refusal, &message), now, out);
        }
    }
}

fn close_of(id: TransactionId, limit: &TimeLimit) -> Request {
    Request {
        intent: Intent::Close { transaction: id },
        source: limit.by.clone(),
        why: format!("time limit of {}: {}", limit.by.label(), limit.why),
        if_version: None,
        inputs: String::new(),
    }
}
