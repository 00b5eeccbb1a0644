//! A request, decided and written into the book.
//!
//! Apart from the gate, which only reads: this is where an accepted wish becomes desired state and
//! facts. It sends nothing; planning follows, as after every other change.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::adopt::adopt;
use crate::apply::{NoticeKind, Transition, become_status, resolve};
use crate::book::Book;
use crate::broker::Fault;
use crate::check::{Context, No, check, propose};
use crate::control::{permits, symbol_locked};
use crate::fact::{Fact, FactKind};
use crate::guard::tripped;
use crate::ids::{AccountName, PolicyName, Symbol, TransactionId};
use crate::intent::{Adopt, Intent, Open, Outcome, Request, Resolution, Source, Verdict, Wish};
use crate::ladder::step_of;
use crate::money::Price;
use crate::open::open;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transaction::{Desired, Transaction, TransactionEvent};

/// What the host says of a policy that a transaction is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyIs {
    /// It decides.
    Active,
    /// Its version is frozen for every transaction: it decides nothing.
    Frozen,
    /// There is none of that name.
    Unknown,
}

/// Decides the request and writes what follows into the book.
pub fn decide(
    book: &mut Book,
    request: &Request,
    policy_is: &dyn Fn(&PolicyName) -> PolicyIs,
    now: Timestamp,
    out: &mut Transition,
) -> Verdict {
    match &request.intent {
        Intent::Open(wish) => return decide_open(book, wish, request, policy_is, now, out),
        Intent::Adopt(wish) => return decide_adopt(book, wish, request, policy_is, now, out),
        Intent::Arm { .. } | Intent::Kill { .. } | Intent::LockSymbol { .. } => {
            return crate::control::decide(book, request, now, out);
        }
        _ => {}
    }
    let Some(id) = request.intent.transaction() else { return missing(0) };
    let Some(tx) = book.transactions.get(&id) else { return missing(id.0) };
    let Some(account) = book.accounts.get(&tx.account) else { return missing(id.0) };
    let context = Context {
        account,
        instrument: account.instruments.get(&tx.symbol).map(|i| &**i),
        quote: account.quotes.get(&tx.symbol),
        now,
        book: Some(book),
    };
    let verdict = match permits(book, account, Some(tx), request) {
        Ok(()) => check(tx, &context, request),
        Err((refusal, message)) => Verdict {
            outcome: Outcome::Refused(refusal),
            message,
            transaction: Some(id),
            version: tx.desired.version,
        },
    };
    let verdict = if account.is_armed() { verdict } else { stored_only(verdict) };
    match verdict.outcome {
        Outcome::Unchanged | Outcome::Held => verdict,
        Outcome::Refused(refusal) => {
            let tx = Arc::clone(tx);
            refused(&tx, request, refusal, &verdict.message, now, out);
            out.facts.extend(tripped(book, &tx, request, refusal, &verdict.message, now));
            verdict
        }
        Outcome::Stored | Outcome::Staged => accept(book, id, request, verdict, now, out),
    }
}

/// Nothing of a disarmed account is being sent, so the answer must not say so.
fn stored_only(verdict: Verdict) -> Verdict {
    match verdict.outcome {
        Outcome::Staged => Verdict {
            outcome: Outcome::Stored,
            message: "stored; goes to the broker when the account is armed".to_owned(),
            ..verdict
        },
        Outcome::Stored | Outcome::Unchanged | Outcome::Held | Outcome::Refused(_) => verdict,
    }
}

fn missing(id: u64) -> Verdict {
    Verdict {
        outcome: Outcome::Refused(Refusal::UnknownTransaction),
        message: format!("there is no transaction {id}; `bracketd tx list` shows those there are"),
        transaction: None,
        version: 0,
    }
}

fn decide_open(
    book: &mut Book,
    wish: &Open,
    request: &Request,
    policy_is: &dyn Fn(&PolicyName) -> PolicyIs,
    now: Timestamp,
    out: &mut Transition,
) -> Verdict {
    let opened = known(wish.policies.as_deref(), policy_is)
        .and_then(|()| permitted(book, &wish.account, request))
        .and_then(|()| looked_after(book, wish, policy_is))
        .and_then(|()| not_locked(book, wish, request, now))
        .and_then(|()| open(book, wish, now));
    let tx = match opened {
        Ok(tx) => tx,
        Err(no) => return not_made(request, (&wish.account, &wish.symbol), no, now, out),
    };
    let (id, version) = (tx.id, tx.desired.version);
    out.fact(&tx, now, FactKind::TransactionOpened, request.source.clone(), |fact| {
        fact.code = tx.direction.as_str().into();
        fact.quantity = Some(tx.entry.quantity.get());
        fact.after = Some(tx.entry.reference.get());
        fact.text.clone_from(&request.why);
        fact.inputs.clone_from(&request.inputs);
    });
    out.notice(&tx, NoticeKind::Armed);
    out.touched.insert(id);
    book.insert(tx);
    Verdict {
        outcome: Outcome::Staged,
        message: format!("transaction {id} is WAITING; its entry is being sent"),
        transaction: Some(id),
        version,
    }
}

fn decide_adopt(
    book: &mut Book,
    wish: &Adopt,
    request: &Request,
    policy_is: &dyn Fn(&PolicyName) -> PolicyIs,
    now: Timestamp,
    out: &mut Transition,
) -> Verdict {
    let only_people = match &request.source {
        Source::Manual(_) => Ok(()),
        _ => Err((Refusal::VerbNotAllowed, "only a person adopts a position".to_owned())),
    };
    let adopted = only_people
        .and_then(|()| permitted(book, &wish.account, request))
        .and_then(|()| known(wish.policies.as_deref(), policy_is))
        .and_then(|()| adopt(book, wish, now));
    let tx = match adopted {
        Ok(tx) => tx,
        Err(no) => return not_made(request, (&wish.account, &wish.symbol), no, now, out),
    };
    let (id, version) = (tx.id, tx.desired.version);
    let policies: Vec<String> = tx.policies.iter().map(ToString::to_string).collect();
    let by = match policies.is_empty() {
        true => "no policy moves its exits".to_owned(),
        false => format!("its exits are moved by {}", policies.join(", ")),
    };
    out.fact(&tx, now, FactKind::Adopted, request.source.clone(), |fact| {
        fact.code = tx.direction.as_str().into();
        fact.quantity = Some(wish.quantity.get());
        fact.after = Some(tx.entry.reference.get());
        fact.text.clone_from(&request.why);
    });
    out.notice(&tx, NoticeKind::Opened);
    out.touched.insert(id);
    if let Some(account) = book.accounts.get_mut(&wish.account) {
        account.orphans.retain(|order, _| !wish.orders.contains(order));
    }
    book.insert(tx);
    Verdict {
        outcome: Outcome::Staged,
        message: format!("transaction {id} looks after {} {}; {by}", wish.quantity, wish.symbol),
        transaction: Some(id),
        version,
    }
}

fn known(
    policies: Option<&[PolicyName]>,
    policy_is: &dyn Fn(&PolicyName) -> PolicyIs,
) -> Result<(), No> {
    match policies.into_iter().flatten().find(|name| policy_is(name) == PolicyIs::Unknown) {
        None => Ok(()),
        Some(name) => Err((
            Refusal::UnknownPolicy,
            format!("there is no policy {name}; `bracketd policy list` shows those there are"),
        )),
    }
}

/// An entry without a stop of its own counts on its policies for one: not on one that is frozen.
fn looked_after(
    book: &Book,
    wish: &Open,
    policy_is: &dyn Fn(&PolicyName) -> PolicyIs,
) -> Result<(), No> {
    let configured = || book.accounts.get(&wish.account).map(|a| a.rules.policies.as_slice());
    let policies = wish.policies.as_deref().or_else(configured).unwrap_or_default();
    let frozen = policies.iter().find(|name| policy_is(name) == PolicyIs::Frozen);
    match frozen.filter(|_| wish.stop.is_none()) {
        None => Ok(()),
        Some(name) => Err((
            Refusal::PolicyFrozen,
            format!("policy {name} is frozen for every transaction, and nobody else gives a stop"),
        )),
    }
}

/// Whether a refusal is written down. The one that keeps room on the disk must not use it up.
fn is_recorded(refusal: Refusal) -> bool {
    refusal != Refusal::DiskFull
}

/// The refusal of a transaction that was not made.
fn not_made(
    request: &Request,
    (account, symbol): (&AccountName, &Symbol),
    (refusal, message): No,
    now: Timestamp,
    out: &mut Transition,
) -> Verdict {
    let mut fact = Fact::new(now, FactKind::Refused, request.source.clone());
    fact.account = Some(account.clone());
    fact.symbol = Some(symbol.clone());
    fact.code = refusal.code().into();
    fact.text = format!("{}: {message}", request.intent.verb());
    out.facts.extend(is_recorded(refusal).then_some(fact));
    Verdict { outcome: Outcome::Refused(refusal), message, transaction: None, version: 0 }
}

/// What kill switch and arming say to a new transaction; an unknown account is refused later.
fn permitted(book: &Book, account: &AccountName, request: &Request) -> Result<(), No> {
    match book.accounts.get(account) {
        Some(account) => permits(book, account, None, request),
        None => Ok(()),
    }
}

/// A locked instrument is not opened.
fn not_locked(book: &Book, wish: &Open, request: &Request, now: Timestamp) -> Result<(), No> {
    match book.accounts.get(&wish.account) {
        Some(account) => symbol_locked(account, &wish.symbol, None, request, now),
        None => Ok(()),
    }
}

fn refused(
    tx: &Transaction,
    request: &Request,
    refusal: Refusal,
    message: &str,
    now: Timestamp,
    out: &mut Transition,
) {
    if is_recorded(refusal) {
        out.fact(tx, now, FactKind::Refused, request.source.clone(), |fact| {
            fact.code = refusal.code().into();
            fact.text = format!("{}: {message}", request.intent.verb());
            fact.inputs.clone_from(&request.inputs);
            fact.after = wished_price(&request.intent).map(Price::get);
        });
    }
    if !request.source.is_person() {
        let fault = Fault::new(refusal.code(), message);
        out.notice(tx, NoticeKind::Rejected { what: request.intent.verb(), fault });
    }
}

fn wished_price(intent: &Intent) -> Option<Price> {
    match intent {
        Intent::Protect { stop: Wish::Set(price), .. }
        | Intent::Barriers { stop: Wish::Set(price), .. }
        | Intent::Protect { target: Wish::Set(price), .. }
        | Intent::Ratchet { stop: price, .. } => Some(*price),
        _ => None,
    }
}

pub(crate) fn accept(
    book: &mut Book,
    id: TransactionId,
    request: &Request,
    mut verdict: Verdict,
    now: Timestamp,
    out: &mut Transition,
) -> Verdict {
    let qty_step = qty_step(book, id);
    let stop_before = book.transactions.get(&id).and_then(|tx| tx.desired.stop);
    book.change(id, out, |tx, out| {
        let (before, had_ladder) = (tx.desired, !tx.ladder.is_empty());
        propose(tx, request, qty_step);
        verdict.version = tx.desired.version;
        moved(tx, before, request, now, out);
        laddered(tx, had_ladder, request, now, out);
        match &request.intent {
            Intent::Close { .. } => {
                accepted_fact(tx, FactKind::CloseAsked, request, now, out, |_| {});
                if let Some(next) = tx.status.after(TransactionEvent::CloseAsked) {
                    become_status(tx, next, ("close_asked", request.source.clone()), now, out);
                }
            }
            Intent::Resize { quantity, .. } => {
                let (from, to) = (tx.held().get(), quantity.get());
                accepted_fact(tx, FactKind::ResizeAsked, request, now, out, |fact| {
                    fact.before = Some(from);
                    fact.after = Some(to);
                });
            }
            Intent::CancelEntry { .. } => {
                accepted_fact(tx, FactKind::CancelAsked, request, now, out, |_| {});
                if tx.entered.is_zero() && tx.steps.is_empty() {
                    tx.entry.ended = true;
                }
            }
            Intent::Lock { leg, locked, .. } => {
                let (leg, locked) = (leg.as_str(), *locked);
                accepted_fact(tx, FactKind::LockChanged, request, now, out, |fact| {
                    fact.code = if locked { "locked" } else { "unlocked" }.into();
                    fact.text = format!("{leg}: {}", request.why);
                });
            }
            Intent::Resolve { op, found, .. } => {
                accepted_fact(tx, FactKind::Resolved, request, now, out, |fact| {
                    fact.op = Some(op.clone());
                    fact.code = match found {
                        Resolution::Absent => "absent".into(),
                        Resolution::Order(order) => order.to_string().into(),
                    };
                });
                resolve(tx, op, found, now, out);
            }
            Intent::Trail { .. }
            | Intent::Barriers { .. }
            | Intent::ClearTimeLimit { .. }
            | Intent::Review { .. } => stands(tx, request, now, out),
            Intent::Open(_)
            | Intent::Adopt(_)
            | Intent::Protect { .. }
            | Intent::Ratchet { .. }
            | Intent::Ladder { .. }
            | Intent::LockSymbol { .. }
            | Intent::Arm { .. }
            | Intent::Kill { .. } => {}
        }
        crate::apply::settle(tx, now, out);
    });
    if let Some(tx) = book.transactions.get(&id) {
        let moves_stop = tx.desired.stop != stop_before;
        book.guards.accepted(tx, request, moves_stop, now);
    }
    verdict
}

/// The quantity step of a transaction's instrument; zero where it is not read yet.
fn qty_step(book: &Book, id: TransactionId) -> Decimal {
    let tx = book.transactions.get(&id);
    let instrument = tx.and_then(|tx| book.accounts.get(&tx.account)?.instruments.get(&tx.symbol));
    step_of(instrument.map(|instrument| &**instrument))
}

/// A ladder that the request set or ended.
fn laddered(
    tx: &Transaction,
    had_ladder: bool,
    request: &Request,
    now: Timestamp,
    out: &mut Transition,
) {
    let is_set = matches!(request.intent, Intent::Ladder { .. });
    if !is_set && (!had_ladder || !tx.ladder.is_empty()) {
        return;
    }
    let words: Vec<String> =
        tx.ladder.iter().map(|rung| format!("{} at {}", rung.quantity, rung.target)).collect();
    accepted_fact(tx, FactKind::LadderChanged, request, now, out, |fact| {
        fact.code = if is_set { "set" } else { "ended" }.into();
        if is_set {
            fact.text = format!("{}: {}", words.join(", "), request.why);
        }
    });
}

/// The wanted prices that the request changed.
fn moved(
    tx: &Transaction,
    before: Desired,
    request: &Request,
    now: Timestamp,
    out: &mut Transition,
) {
    for (kind, from, to) in [
        (FactKind::StopChanged, before.stop, tx.desired.stop),
        (FactKind::TargetChanged, before.target, tx.desired.target),
    ] {
        if from != to {
            accepted_fact(tx, kind, request, now, out, |fact| {
                fact.before = from.map(Price::get);
                fact.after = to.map(Price::get);
            });
        }
    }
}

/// What the host does by itself from now on, or does not any more.
fn stands(tx: &Transaction, request: &Request, now: Timestamp, out: &mut Transition) {
    let set_or_ended = |is_set: bool| if is_set { "set" } else { "ended" };
    match &request.intent {
        Intent::Trail { terms, .. } => {
            accepted_fact(tx, FactKind::TrailChanged, request, now, out, |fact| {
                fact.code = set_or_ended(terms.is_some()).into();
                fact.after = terms.and_then(|terms| terms.activate_at).map(Price::get);
                if let Some(terms) = terms {
                    let step = terms.step;
                    fact.text = format!("{} behind, step {step}: {}", terms.distance, request.why);
                }
            });
        }
        Intent::Barriers { hold_ms, .. } => {
            accepted_fact(tx, FactKind::TimeLimitChanged, request, now, out, |fact| {
                fact.code = set_or_ended(true).into();
                fact.span_ms = Some(*hold_ms);
            });
        }
        Intent::ClearTimeLimit { .. } => {
            accepted_fact(tx, FactKind::TimeLimitChanged, request, now, out, |fact| {
                fact.code = set_or_ended(false).into();
            });
        }
        Intent::Review { asked, .. } => {
            accepted_fact(tx, FactKind::ReviewChanged, request, now, out, |fact| {
                fact.code = if *asked { "asked" } else { "done" }.into();
            });
        }
        _ => {}
    }
}

fn accepted_fact(
    tx: &Transaction,
    kind: FactKind,
    request: &Request,
    now: Timestamp,
    out: &mut Transition,
    fill_in: impl FnOnce(&mut Fact),
) {
    out.fact(tx, now, kind, request.source.clone(), |fact| {
        fact.text.clone_from(&request.why);
        fact.inputs.clone_from(&request.inputs);
        if let Source::Policy { name, .. } = &request.source {
            fact.code = name.to_string().into();
        }
        fill_in(fact);
    });
}
