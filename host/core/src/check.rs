//! The gate: the one place that says yes or no to a change of a transaction.
//!
//! Apart because scripts, people and recovery must all get the same answer for the same state.
//! It reads and never changes; [`propose`] writes down what an accepted request asks for.
//! Opening a transaction is checked in [`crate::open`], by the same price rules.

mod ladder;
mod quantity;
mod standing;

use crate::book::{Account, Book};
use crate::broker::Quote;
use crate::bug::{self, Bug};
use crate::command::OpState;
use crate::control::symbol_locked;
use crate::guard;
use crate::ids::OpId;
use crate::instrument::Instrument;
use crate::intent::{Intent, Outcome, Request, Source, Verdict, Wish};
use crate::ladder::planned;
use crate::money::{Price, Snap};
use crate::order::{Direction, Leg};
use crate::refusal::Refusal;
use crate::standing::{TimeLimit, Trail};
use crate::time::Timestamp;
use crate::transaction::{Task, Transaction, TransactionStatus};
use rust_decimal::Decimal;

pub(crate) use quantity::check_quantity;

/// What the gate may look at beside the transaction.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The transaction's account.
    pub account: &'a Account,
    /// The instrument's rules, once read.
    pub instrument: Option<&'a Instrument>,
    /// The instrument's latest price.
    pub quote: Option<&'a Quote>,
    /// The moment of the question.
    pub now: Timestamp,
    /// Everything else, for the guards that look beyond one transaction (G3, G6, G9, G19). None
    /// where a policy is tried out by itself; what is really decided always has it.
    pub book: Option<&'a Book>,
}

/// A refusal with its sentence.
pub(crate) type No = (Refusal, String);

/// Whether the request may be done to the transaction now. Any intent but `Open`.
pub fn check(tx: &Transaction, context: &Context<'_>, request: &Request) -> Verdict {
    let permitted = allowed_to(tx, context.account, request)
        .and_then(|()| symbol_locked(context.account, &tx.symbol, Some(tx), request, context.now));
    let outcome = permitted.and_then(|()| match &request.intent {
        Intent::Open(_) | Intent::Adopt(_) => {
            Err((Refusal::Busy, "a transaction cannot be opened twice".to_owned()))
        }
        Intent::Resolve { op, .. } => resolve(tx, op, &request.why),
        Intent::Protect { stop, target, .. } => protect(tx, context, request, *stop, *target),
        Intent::Ratchet { stop, .. } => ratchet(tx, context, request, *stop),
        Intent::Close { .. } => quantity::close(tx, context, request),
        Intent::Resize { quantity, .. } => quantity::resize(tx, context, *quantity),
        Intent::CancelEntry { .. } => cancel_entry(tx),
        Intent::Lock { leg, locked, .. } => Ok(lock(tx, *leg, *locked)),
        Intent::Trail { terms: Some(terms), .. } => standing::trail(tx, context, request, *terms),
        Intent::Trail { terms: None, .. } => Ok(standing::no_trail(tx)),
        Intent::Barriers { stop, target, hold_ms, .. } => {
            let moved = protect(tx, context, request, *stop, *target)?;
            standing::time_limit(tx, context, *hold_ms, moved)
        }
        Intent::ClearTimeLimit { .. } => Ok(standing::no_time_limit(tx)),
        Intent::Review { asked, .. } => Ok(standing::review(tx, *asked, &request.why)),
        Intent::Ladder { rungs, .. } => ladder::ladder(tx, context, request, rungs),
        Intent::Arm { .. } | Intent::Kill { .. } | Intent::LockSymbol { .. } => {
            Err((Refusal::Busy, "this is not about a transaction".to_owned()))
        }
    });
    let (outcome, message) = match outcome {
        Ok(answer) => answer,
        Err((refusal, why)) => (Outcome::Refused(refusal), why),
    };
    Verdict { outcome, message, transaction: Some(tx.id), version: tx.desired.version }
}

/// Writes an accepted request's wish into the transaction: what is desired, not what is done.
/// `qty_step` is the instrument's quantity step, which a ladder is cut to; zero cuts nothing.
pub fn propose(tx: &mut Transaction, request: &Request, qty_step: Decimal) {
    match &request.intent {
        Intent::Open(_)
        | Intent::Adopt(_)
        | Intent::Resolve { .. }
        | Intent::Arm { .. }
        | Intent::LockSymbol { .. }
        | Intent::Kill { .. } => {}
        Intent::Trail { terms, .. } => {
            tx.standing.trail = terms.map(|terms| Trail {
                terms,
                by: request.source.clone(),
                why: request.why.clone(),
                best: None,
                held_back: None,
            });
        }
        Intent::Barriers { stop, target, hold_ms, .. } => {
            wish(tx, *stop, *target);
            tx.standing.time_limit = Some(TimeLimit {
                hold_ms: *hold_ms,
                by: request.source.clone(),
                why: request.why.clone(),
                held_back: None,
            });
        }
        Intent::ClearTimeLimit { .. } => tx.standing.time_limit = None,
        Intent::Review { asked, .. } => {
            tx.standing.review = asked.then(|| request.why.clone());
        }
        Intent::Protect { stop, target, .. } => {
            wish(tx, *stop, *target);
        }
        Intent::Ratchet { stop, .. } => {
            tx.desired.stop = Some(*stop);
            tx.desired.version += 1;
        }
        Intent::Close { .. } => {
            let task = Task::Close { why: request.why.clone(), source: request.source.clone() };
            tx.task = Some(task);
        }
        Intent::Resize { quantity, .. } => {
            let to = *quantity;
            let grows = to > tx.held();
            tx.task = Some(if grows { Task::Grow { to } } else { Task::Reduce { to } });
        }
        Intent::CancelEntry { .. } => tx.entry.cancel_asked = true,
        Intent::Lock { leg, locked, .. } => tx.locks.set(*leg, *locked),
        Intent::Ladder { rungs, .. } => {
            tx.ladder = planned(tx, rungs, qty_step);
            tx.desired.version += 1;
        }
    }
    tx.keep_first_risk();
}

fn allowed_to(tx: &Transaction, account: &Account, request: &Request) -> Result<(), No> {
    if let Source::Policy { name, .. } = &request.source {
        if !tx.policies.contains(name) && !account.rules.portfolio_policies.contains(name) {
            let why = format!("policy {name} is not assigned to transaction {}", tx.id);
            return Err((Refusal::NotOwner, why));
        }
        if matches!(
            request.intent,
            Intent::Lock { .. } | Intent::Resolve { .. } | Intent::Review { asked: false, .. }
        ) {
            let why = "only a person locks, unlocks, resolves or reviews".to_owned();
            return Err((Refusal::VerbNotAllowed, why));
        }
    }
    // What is unknown of an ended transaction has to be settled too, and looked at.
    let may_be_ended = matches!(request.intent, Intent::Resolve { .. } | Intent::Review { .. });
    if tx.status.is_ended() && !may_be_ended {
        let why = format!("transaction {} has ended ({})", tx.id, tx.status.as_str());
        return Err((Refusal::AlreadyEnded, why));
    }
    match request.if_version {
        Some(version) if version != tx.desired.version => Err((
            Refusal::VersionConflict,
            format!(
                "transaction {} is at version {}, not {version}; read it again",
                tx.id, tx.desired.version
            ),
        )),
        _ => unsettled(tx, request),
    }
}

/// G18: a policy decides nothing while it is not known what its last decision led to.
fn unsettled(tx: &Transaction, request: &Request) -> Result<(), No> {
    let Source::Policy { .. } = &request.source else { return Ok(()) };
    if matches!(request.intent, Intent::Review { .. }) {
        return Ok(());
    }
    let in_doubt = tx.ops.iter().find(|op| matches!(op.state, OpState::Unknown { .. }));
    let Some(op) = in_doubt else { return Ok(()) };
    let why = format!(
        "the outcome of the {} of transaction {} is unknown; it is being looked up",
        op.kind.as_str(),
        tx.id
    );
    Err((Refusal::Unsettled, why))
}

/// What is wanted of both legs from now on; one target takes the place of a ladder.
fn wish(tx: &mut Transaction, stop: Wish, target: Wish) {
    tx.desired.stop = wished(stop, tx.desired.stop);
    tx.desired.target = wished(target, tx.desired.target);
    tx.desired.version += 1;
    if target != Wish::Keep {
        tx.ladder.clear();
    }
}

fn wished(wish: Wish, now: Option<Price>) -> Option<Price> {
    match wish {
        Wish::Keep => now,
        Wish::Clear => None,
        Wish::Set(price) => Some(price),
    }
}

fn protect(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
    stop: Wish,
    target: Wish,
) -> Result<(Outcome, String), No> {
    if tx.status == TransactionStatus::Closing {
        return Err((Refusal::Busy, format!("transaction {} is being closed", tx.id)));
    }
    if !request.source.is_person() {
        for (leg, wish) in [(Leg::Stop, stop), (Leg::Target, target)] {
            if wish != Wish::Keep && tx.locks.has(leg) {
                let why = format!("the {} of transaction {} is locked", leg.as_str(), tx.id);
                return Err((Refusal::Locked, why));
            }
        }
    }
    let after = (wished(stop, tx.desired.stop), wished(target, tx.desired.target));
    // One target takes the place of a ladder, also where it is the price of what that leaves over.
    let ends_ladder = target != Wish::Keep && !tx.ladder.is_empty();
    if after == (tx.desired.stop, tx.desired.target) && !ends_ladder {
        return Ok((Outcome::Unchanged, "it already is so".to_owned()));
    }
    if let Some(waits) = guard::too_small(tx, context, request, after) {
        return Ok((Outcome::Unchanged, waits));
    }
    // The nearest target that is wanted then: of a ladder that stays, the nearest of its rungs.
    let legs = match target == Wish::Keep {
        true => (after.0, nearest(tx.direction, &tx.wanted_targets())),
        false => after,
    };
    let changed = |wish: Wish, price: Option<Price>| price.filter(|_| wish != Wish::Keep);
    let (new_stop, new_target) = (changed(stop, after.0), changed(target, after.1));
    let rules = match new_stop.is_some() || new_target.is_some() {
        true => Some(price_rules(tx, context, after)?),
        false => None,
    };
    if let Some(rules) = &rules {
        rules.check(new_stop, new_target, legs)?;
    }
    loosens(tx, context, request, after.0)?;
    if target != Wish::Keep {
        recedes(tx, context, request, after.1.as_slice())?;
    }
    if let Some(rules) = &rules {
        rules.bounds(new_stop, new_target)?;
    }
    if after.0 != tx.desired.stop {
        guard::too_often(tx, context, request)?;
    }
    guard::loss_of_change(tx, context, after.0)?;
    if let Some(book) = context.book {
        guard::wash::pair_breaks_beside_entry(book, context.account, tx, legs)?;
    }
    Ok(accepted(tx))
}

/// What the prices are checked against. An old price is good enough to bring a stop nearer, as long
/// as it stays on the losing side of that price (G17): risk shrinks whatever the market does now.
fn price_rules<'a>(
    tx: &Transaction,
    context: &'a Context<'a>,
    after: (Option<Price>, Option<Price>),
) -> Result<PriceRules<'a>, No> {
    let tightens = after.1 == tx.desired.target
        && after.0.is_some_and(|stop| {
            tx.desired.stop.is_none_or(|now| is_tighter(tx.direction, stop, now))
        });
    let (reference, stale) = match reference(tx, context) {
        Ok(reference) => (reference, None),
        Err((Refusal::StalePrice, why)) if tightens => {
            let quote = context.quote.filter(|quote| !quote.is_crossed());
            let last = quote.and_then(|quote| quote.exit_price(tx.direction));
            let last = last.ok_or_else(|| no_price(&tx.symbol))?;
            ((last, "last known price"), Some(why))
        }
        Err(no) => return Err(no),
    };
    Ok(PriceRules { direction: tx.direction, reference, context, stale })
}

fn ratchet(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
    stop: Price,
) -> Result<(Outcome, String), No> {
    match tx.desired.stop {
        Some(now) if !is_tighter(tx.direction, stop, now) => {
            Ok((Outcome::Unchanged, format!("{stop} is not better than {now}")))
        }
        _ => protect(tx, context, request, Wish::Set(stop), Wish::Keep),
    }
}

pub(crate) fn accepted(tx: &Transaction) -> (Outcome, String) {
    if tx.status == TransactionStatus::Waiting {
        (Outcome::Stored, "stored; goes to the broker when the entry fills".to_owned())
    } else {
        (Outcome::Staged, "stored; is being sent to the broker".to_owned())
    }
}

pub(crate) fn reference(
    tx: &Transaction,
    context: &Context<'_>,
) -> Result<(Price, &'static str), No> {
    if tx.status == TransactionStatus::Waiting {
        return Ok((tx.entry.reference, "planned entry"));
    }
    let quote = fresh_quote(context)?;
    let price = quote.exit_price(tx.direction).ok_or_else(|| no_price(&tx.symbol))?;
    Ok((price, "market"))
}

pub(crate) fn no_price(symbol: &crate::ids::Symbol) -> No {
    (Refusal::NoReferencePrice, format!("there is no price of {symbol} to check against"))
}

pub(crate) fn fresh_quote<'a>(context: &Context<'a>) -> Result<&'a Quote, No> {
    let Some(quote) = context.quote else {
        return Err((Refusal::NoReferencePrice, "no price was read yet; try again".to_owned()));
    };
    let age_ms = context.now.ms_since(quote.at);
    let age_ms_max = context.account.rules.quote_age_ms_max;
    if age_ms > age_ms_max {
        let why = format!("the latest price is {age_ms} ms old; at most {age_ms_max} ms is taken");
        return Err((Refusal::StalePrice, why));
    }
    if quote.is_crossed() {
        let of = |price: Option<Price>| price.map_or("-".to_owned(), |price| price.to_string());
        let (bid, ask) = (of(quote.bid), of(quote.ask));
        let why = format!("the bid {bid} is above the ask {ask}: one of them is old; try again");
        return Err((Refusal::NoReferencePrice, why));
    }
    Ok(quote)
}

/// Whether `stop` is nearer to the gaining side than `than`.
pub fn is_tighter(direction: Direction, stop: Price, than: Price) -> bool {
    match direction {
        Direction::Long => stop > than,
        Direction::Short => stop < than,
    }
}

fn loosens(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
    stop: Option<Price>,
) -> Result<(), No> {
    let rules = &context.account.rules;
    if rules.stop_may_loosen || request.source.is_person() || bug::is(Bug::M12) {
        return Ok(());
    }
    if tx.status != TransactionStatus::Opened {
        return Ok(());
    }
    let Some(now) = tx.desired.stop else { return Ok(()) };
    if stop.is_some_and(|stop| stop == now || is_tighter(tx.direction, stop, now)) {
        return Ok(());
    }
    let to = stop.map_or("no stop".to_owned(), |stop| stop.to_string());
    Err((Refusal::Loosens, format!("the stop would go from {now} to {to}, which risks more")))
}

/// The nearest target of a transaction that gains this way.
fn nearest(direction: Direction, targets: &[Price]) -> Option<Price> {
    match direction {
        Direction::Long => targets.iter().min().copied(),
        Direction::Short => targets.iter().max().copied(),
    }
}

/// G7 for the target: an automatic source must not ask for more and more instead of taking it. Of a
/// ladder neither the nearest target nor the farthest moves away.
fn recedes(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
    after: &[Price],
) -> Result<(), No> {
    let may = context.account.rules.guards.target_may_recede || request.source.is_person();
    let now = tx.wanted_targets();
    if may || now.is_empty() || tx.status != TransactionStatus::Opened {
        return Ok(());
    }
    // What is nearest for one direction is farthest for the other.
    for direction in [Direction::Long, Direction::Short] {
        let (now, to) = (nearest(direction, &now), nearest(direction, after));
        let Some(now) = now else { continue };
        if to.is_none_or(|to| is_tighter(tx.direction, to, now)) {
            let to = to.map_or("no target".to_owned(), |to| to.to_string());
            let why = format!("the target would go from {now} to {to}, away from the market");
            return Err((Refusal::Recedes, why));
        }
    }
    Ok(())
}

/// The rules for the prices of stop and target, given what they are checked against.
pub(crate) struct PriceRules<'a> {
    /// Which way the transaction gains.
    pub(crate) direction: Direction,
    /// The price to check against and its name.
    pub(crate) reference: (Price, &'static str),
    /// The rest.
    pub(crate) context: &'a Context<'a>,
    /// Why the reference is too old for anything but a tighter stop; none where it is fresh.
    pub(crate) stale: Option<String>,
}

impl PriceRules<'_> {
    /// Whether the changed prices can be meant; `after` is the whole protection with the change.
    pub(crate) fn check(
        &self,
        stop: Option<Price>,
        target: Option<Price>,
        after: (Option<Price>, Option<Price>),
    ) -> Result<(), No> {
        if let Some(stop) = stop {
            self.side(Leg::Stop, stop)?;
        }
        if let Some(target) = target {
            self.side(Leg::Target, target)?;
        }
        if let (Some(stop), Some(target)) = after
            && !is_tighter(self.direction, target, stop)
        {
            let why = format!("the stop {stop} is not on the losing side of the target {target}");
            return Err((Refusal::StopBeyondTarget, why));
        }
        for price in [stop, target].into_iter().flatten() {
            self.tick(price)?;
        }
        Ok(())
    }

    /// Whether the changed prices are neither too far (G2) nor too near (G16).
    pub(crate) fn bounds(&self, stop: Option<Price>, target: Option<Price>) -> Result<(), No> {
        let legs = [(Leg::Stop, stop), (Leg::Target, target)];
        let changed = || legs.into_iter().filter_map(|(leg, price)| Some((leg, price?)));
        for (_, price) in changed() {
            collar(self.context, self.reference, price)?;
        }
        for (leg, price) in changed() {
            guard::too_close(self, leg, price)?;
        }
        Ok(())
    }

    fn side(&self, leg: Leg, price: Price) -> Result<(), No> {
        let (reference, name) = self.reference;
        let below = matches!(
            (leg, self.direction),
            (Leg::Stop, Direction::Long) | (Leg::Target, Direction::Short)
        );
        if (below && price < reference) || (!below && price > reference) {
            return Ok(());
        }
        if let Some(why) = &self.stale {
            return Err((Refusal::StalePrice, format!("{why}; {price} is through even that one")));
        }
        let refusal = match leg {
            Leg::Stop => Refusal::StopWrongSide,
            Leg::Target => Refusal::TargetWrongSide,
        };
        let (side, leg) = (if below { "below" } else { "above" }, leg.as_str());
        let direction = self.direction.as_str();
        Err((
            refusal,
            format!("the {leg} {price} of a {direction} must be {side} the {name} {reference}"),
        ))
    }

    pub(crate) fn tick(&self, price: Price) -> Result<(), No> {
        let Some(instrument) = self.context.instrument else {
            let why = "the instrument's tick size is not read yet; try again".to_owned();
            return Err((Refusal::NotReady, why));
        };
        if instrument.is_on_tick(price) {
            return Ok(());
        }
        let near = |to| instrument.snap(price, to).map_or("-".to_owned(), |p| p.to_string());
        let tick = instrument.tick_at(price.get());
        Err((
            Refusal::OffTick,
            format!(
                "{price} is not a multiple of the tick {tick}; the nearest are {} and {}",
                near(Snap::Down),
                near(Snap::Up)
            ),
        ))
    }
}

/// Whether a price is near enough to the one that it is checked against (G2).
pub(crate) fn collar(
    context: &Context<'_>,
    (reference, name): (Price, &'static str),
    price: Price,
) -> Result<(), No> {
    let distance = (price.get() - reference.get()).abs();
    let percent = distance * crate::Decimal::ONE_HUNDRED / reference.get();
    let percent_max = context.account.rules.collar_percent;
    if percent <= percent_max {
        return Ok(());
    }
    let percent = percent.round_dp(2);
    let why = format!(
        "{price} is {percent} % from the {name} {reference}; at most {percent_max} % is allowed"
    );
    Err((Refusal::Collar, why))
}

fn resolve(tx: &Transaction, op: &OpId, evidence: &str) -> Result<(Outcome, String), No> {
    let Some(row) = tx.ops.iter().find(|row| row.id == *op) else {
        let why = format!("transaction {} has no unsettled command {op}", tx.id);
        return Err((Refusal::NotUnknown, why));
    };
    if !matches!(row.state, OpState::Unknown { .. }) {
        let why = format!("command {op} is {}, not unknown", row.state.as_str());
        return Err((Refusal::NotUnknown, why));
    }
    if evidence.trim().is_empty() {
        let why = "say what was seen at the broker, and where: it goes to the ledger".to_owned();
        return Err((Refusal::NoEvidence, why));
    }
    Ok((Outcome::Staged, "taken as evidence".to_owned()))
}

fn cancel_entry(tx: &Transaction) -> Result<(Outcome, String), No> {
    if tx.entry.ended {
        let why = format!("the entry of transaction {} does not rest any more", tx.id);
        return Err((Refusal::NotWaiting, why));
    }
    if tx.entry.cancel_asked {
        return Ok((Outcome::Unchanged, "its cancel was asked for already".to_owned()));
    }
    Ok((Outcome::Staged, "the cancel is being sent".to_owned()))
}

fn lock(tx: &Transaction, leg: Leg, locked: bool) -> (Outcome, String) {
    let state = if locked { "locked" } else { "unlocked" };
    if tx.locks.has(leg) == locked {
        (Outcome::Unchanged, format!("the {} is {state} already", leg.as_str()))
    } else {
        (Outcome::Stored, format!("the {} is {state}", leg.as_str()))
    }
}
