//! Instruments that are locked for some time: a policy that lost there, or a person, wants a pause.
//!
//! Apart because a lock is neither a kill level nor a leg's lock: it names one instrument, ends by
//! itself, and keeps nobody from protecting or leaving what is held of it.

use super::acts::known;
use super::{SymbolLock, adds, lowers_risk};
use crate::apply::Transition;
use crate::book::{Account, Book};
use crate::check::No;
use crate::fact::{Fact, FactKind};
use crate::ids::{AccountName, Symbol};
use crate::intent::{Outcome, Request, Source};
use crate::limits::SYMBOLS_LOCKED_MAX;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transaction::Transaction;

/// Whether a lock of the instrument stands in the way: of everybody who would open it or add to it,
/// and of a policy that would do anything with it but lower its risk.
pub(crate) fn symbol_locked(
    account: &Account,
    symbol: &Symbol,
    tx: Option<&Transaction>,
    request: &Request,
    now: Timestamp,
) -> Result<(), No> {
    let mut locked = account.control.locked.iter();
    let Some((_, lock)) = locked.find(|(name, lock)| name.is_spelled(symbol) && now < lock.until)
    else {
        return Ok(());
    };
    let is_policy = matches!(request.source, Source::Policy { .. });
    let stands_in_the_way = match is_policy {
        true => !lowers_risk(tx, &request.intent),
        false => adds(tx, &request.intent),
    };
    if !stands_in_the_way {
        return Ok(());
    }
    let left_s = lock.until.ms_since(now).div_ceil(1_000);
    let why = format!(
        "{symbol} is locked for another {left_s} s ({}: {}); what is held of it can still be \
         protected and closed",
        lock.by.label(),
        lock.why
    );
    Err((Refusal::SymbolLocked, why))
}

/// Locks an instrument of an account, or unlocks it. A policy only ever makes a lock longer.
pub(super) fn lock(
    book: &mut Book,
    (name, symbol, until): (&AccountName, &Symbol, Option<Timestamp>),
    request: &Request,
    now: Timestamp,
    out: &mut Transition,
) -> Result<(Outcome, String), No> {
    let account = known(book, name)?;
    let locked = &mut account.control.locked;
    locked.retain(|_, lock| now < lock.until);
    let before = locked.get(symbol).map(|lock| lock.until);
    if !request.source.is_person() && before.is_some_and(|before| until <= Some(before)) {
        return Ok((Outcome::Unchanged, format!("{symbol} is locked for longer already")));
    }
    match until {
        None if before.is_none() => {
            return Ok((Outcome::Unchanged, format!("{symbol} is not locked")));
        }
        Some(until) if until <= now => {
            return Err((Refusal::BadTerms, "the lock would be over already".to_owned()));
        }
        Some(_) if before.is_none() && locked.len() >= SYMBOLS_LOCKED_MAX => {
            let why = format!("{SYMBOLS_LOCKED_MAX} instruments are locked; no more are taken");
            return Err((Refusal::Busy, why));
        }
        Some(until) => {
            let (why, by) = (request.why.clone(), request.source.clone());
            locked.insert(symbol.clone(), SymbolLock { until, why, by });
        }
        None => {
            locked.remove(symbol);
        }
    }
    let mut fact = Fact::new(now, FactKind::SymbolLockChanged, request.source.clone());
    fact.account = Some(name.clone());
    fact.symbol = Some(symbol.clone());
    fact.code = if until.is_some() { "locked" } else { "unlocked" }.into();
    fact.span_ms = until.map(|until| until.ms_since(now));
    fact.text.clone_from(&request.why);
    fact.inputs.clone_from(&request.inputs);
    out.facts.push(fact);
    out.controls.insert(Some(name.clone()));
    Ok(match until {
        Some(until) => {
            let left_s = until.ms_since(now).div_ceil(1_000);
            (Outcome::Stored, format!("{symbol} is locked for {left_s} s"))
        }
        None => (Outcome::Stored, format!("{symbol} is unlocked")),
    })
}
