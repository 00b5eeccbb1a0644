//! The way from a script's verb to the core's gate and into the run's buffer.
//!
//! Apart because it is the only place of this crate that asks for a change. What it collects is
//! checked again at commit (I10).

use std::sync::Arc;

use bracketd_core::check::{Context, check, propose};
use bracketd_core::control::permits;
use bracketd_core::intent::{Intent, Outcome, Request, Source, Verdict, Wish};
use bracketd_core::money::Price;
use bracketd_core::order::Leg;
use bracketd_core::refusal::Refusal;
use bracketd_core::transaction::Transaction;
use rust_decimal::Decimal;

use crate::failure::{ScriptResult, script_error};
use crate::frame::{self, Buffer, Frame};
use crate::limits::{SAYINGS_MAX, WHY_LENGTH_MAX};
use crate::verbs::Verbs;

/// A verdict as a script sees it.
#[derive(Clone, Debug)]
pub(crate) struct ScriptVerdict {
    pub(crate) accepted: bool,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) effective: Effective,
}

/// What holds after the request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effective {
    Price(Price),
    Quantity(Decimal),
    Nothing,
}

/// Asks for a change of the run's own transaction.
pub(crate) fn ask(
    why: &str,
    is_own: bool,
    intent: impl FnOnce(&Frame<'_>, &Transaction) -> ScriptResult<Intent>,
) -> ScriptResult<ScriptVerdict> {
    let why = why.trim();
    if why.is_empty() {
        return Err(script_error("the reason is empty; say why, it goes to the ledger"));
    }
    frame::with(|frame| {
        let mut buffer = frame.buffer.borrow_mut();
        if buffer.requests.len() + buffer.refused.len() >= SAYINGS_MAX {
            return Err(script_error(format!("at most {SAYINGS_MAX} intents in one run")));
        }
        let intent = intent(frame, &buffer.transaction)?;
        let request = Request {
            intent,
            source: Source::Policy {
                name: frame.policy.name().clone(),
                digest: frame.policy.digest().to_owned(),
            },
            why: cut(why),
            if_version: None,
            inputs: String::new(),
        };
        let verdict = judge(frame, &buffer.transaction, &request, is_own);
        crate::selftest::trace::asked(&request, &verdict, &buffer.transaction);
        Ok(take_in(&mut buffer, frame.instrument().qty_step, request, verdict))
    })
}

/// The reason, as far as it is kept; what is cut ends with `…`.
fn cut(why: &str) -> String {
    if why.chars().count() <= WHY_LENGTH_MAX {
        return why.to_owned();
    }
    why.chars().take(WHY_LENGTH_MAX - 1).chain(['…']).collect()
}

fn judge(frame: &Frame<'_>, tx: &Transaction, request: &Request, is_own: bool) -> Verdict {
    let verb = Verbs::word(request.intent.verb());
    let refuse = |refusal, message| Verdict {
        outcome: Outcome::Refused(refusal),
        message,
        transaction: Some(tx.id),
        version: tx.desired.version,
    };
    if !frame.run.allowed.allows(verb) {
        let why = format!("the configuration of {} does not allow {verb}", frame.policy.name());
        return refuse(Refusal::VerbNotAllowed, why);
    }
    if !is_own {
        let why = format!("a run may change only its own transaction {}", tx.id);
        return refuse(Refusal::NotOwner, why);
    }
    let about = Some(tx).filter(|_| request.intent.transaction().is_some());
    if let Some(book) = frame.run.portfolio
        && let Err((refusal, why)) = permits(book, frame.run.account, about, request)
    {
        return refuse(refusal, why);
    }
    if request.intent.transaction().is_none() {
        return Verdict {
            outcome: Outcome::Staged,
            message: "will be checked against the whole book when the run is over".to_owned(),
            transaction: None,
            version: 0,
        };
    }
    let (instrument, quote) = (frame.instrument(), frame.quote());
    let context = Context {
        account: frame.run.account,
        instrument: Some(&instrument),
        quote: quote.as_ref(),
        now: frame.run.now,
        book: frame.run.portfolio,
    };
    check(tx, &context, request)
}

fn take_in(
    buffer: &mut Buffer,
    qty_step: Decimal,
    request: Request,
    verdict: Verdict,
) -> ScriptVerdict {
    let accepted = verdict.accepted();
    let is_change = matches!(verdict.outcome, Outcome::Stored | Outcome::Staged);
    if is_change {
        propose(Arc::make_mut(&mut buffer.transaction), &request, qty_step);
    }
    let answer = ScriptVerdict {
        accepted,
        code: verdict.code(),
        message: verdict.message.clone(),
        effective: effective(&buffer.transaction, &request.intent),
    };
    if is_change {
        buffer.requests.push(request);
    } else if !accepted {
        buffer.refused.push((request, verdict));
    }
    answer
}

fn effective(tx: &Transaction, intent: &Intent) -> Effective {
    let price = |leg| tx.desired.leg(leg).map_or(Effective::Nothing, Effective::Price);
    match intent {
        Intent::Protect { stop: Wish::Keep, .. } | Intent::Barriers { stop: Wish::Keep, .. } => {
            price(Leg::Target)
        }
        Intent::Protect { .. } | Intent::Ratchet { .. } | Intent::Barriers { .. } => {
            price(Leg::Stop)
        }
        Intent::Resize { quantity, .. } => Effective::Quantity(quantity.get()),
        Intent::Close { .. } | Intent::CancelEntry { .. } => Effective::Quantity(Decimal::ZERO),
        Intent::Open(_)
        | Intent::Adopt(_)
        | Intent::Lock { .. }
        | Intent::Resolve { .. }
        | Intent::Trail { .. }
        | Intent::ClearTimeLimit { .. }
        | Intent::Review { .. }
        | Intent::Ladder { .. }
        | Intent::LockSymbol { .. }
        | Intent::Arm { .. }
        | Intent::Kill { .. } => Effective::Nothing,
    }
}

/// The requests that are left when a later wish for a leg takes the place of an earlier one.
pub(crate) fn merged(requests: Vec<Request>) -> Vec<Request> {
    let mut kept: Vec<Request> = Vec::with_capacity(requests.len());
    for mut request in requests {
        let (stop, target) = touches(&request.intent);
        let mut took_over = false;
        for earlier in &mut kept {
            if let Intent::Protect { stop: s, target: t, .. } = &mut earlier.intent {
                took_over |= stop && *s != Wish::Keep;
                *s = if stop { Wish::Keep } else { *s };
                *t = if target { Wish::Keep } else { *t };
            }
        }
        let ends_ladder = target || matches!(request.intent, Intent::Ladder { .. });
        kept.retain(|earlier| match earlier.intent {
            Intent::Protect { stop, target, .. } => stop != Wish::Keep || target != Wish::Keep,
            Intent::Ratchet { .. } => !stop,
            Intent::Ladder { .. } => !ends_ladder,
            _ => true,
        });
        // A ratchet is judged against what stood before the run; after an earlier wish of the
        // same run that would be another question than the one the script asked.
        if let (true, Intent::Ratchet { transaction, stop }) = (took_over, &request.intent) {
            let (transaction, stop) = (*transaction, Wish::Set(*stop));
            request.intent = Intent::Protect { transaction, stop, target: Wish::Keep };
        }
        kept.push(request);
    }
    kept
}

fn touches(intent: &Intent) -> (bool, bool) {
    match intent {
        Intent::Protect { stop, target, .. } | Intent::Barriers { stop, target, .. } => {
            (*stop != Wish::Keep, *target != Wish::Keep)
        }
        Intent::Ratchet { .. } => (true, false),
        _ => (false, false),
    }
}

#[cfg(test)]
mod tests {
    use super::{WHY_LENGTH_MAX, cut};

    #[test]
    fn a_reason_that_is_too_long_ends_with_three_dots() {
        let whole = "é".repeat(WHY_LENGTH_MAX);
        assert_eq!(cut(&whole), whole);
        let kept = cut(&format!("{whole}x"));
        assert_eq!((kept.chars().count(), kept.chars().last()), (WHY_LENGTH_MAX, Some('…')));
    }
}
