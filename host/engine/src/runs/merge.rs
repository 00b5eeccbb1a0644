//! Several policies of one transaction: what is done when they want different things.
//!
//! Apart because it is one rule in one place: the tightest stop, the nearest target, the smallest
//! quantity; a close wins. A wish for a stop or a target stands until the same policy wishes
//! something else or somebody other than a policy moves the leg, so the order in which policies are
//! asked decides nothing. Whoever gives way is told, with the name of the one who did not.

use std::collections::BTreeMap;

use bracketd_core::check::is_tighter;
use bracketd_core::ids::{PolicyName, TransactionId};
use bracketd_core::intent::{Intent, Request, Source, Wish};
use bracketd_core::money::Price;
use bracketd_core::order::{Direction, Leg};
use bracketd_core::transaction::Transaction;

const LEGS: [Leg; 2] = [Leg::Stop, Leg::Target];

/// What policies want of a transaction's legs.
#[derive(Debug, Default)]
pub(super) struct Wishes(BTreeMap<TransactionId, [Standing; 2]>);

/// The wishes for one leg.
#[derive(Debug, Default)]
struct Standing {
    of: BTreeMap<PolicyName, Option<Price>>,
    /// What came of them last; another price is somebody else's.
    merged: Option<Option<Price>>,
}

/// A policy whose wish was not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GaveWay {
    pub(super) policy: PolicyName,
    pub(super) text: String,
}

/// What is left to be decided, and who gave way.
pub(super) type Merged = (Vec<Request>, Vec<GaveWay>);

impl Wishes {
    pub(super) fn forget(&mut self, id: TransactionId) {
        self.0.remove(&id);
    }

    /// A policy does not decide any more as it did: its wishes do not stand either.
    pub(super) fn another_version(&mut self, policy: &PolicyName) {
        for leg in self.0.values_mut().flatten() {
            leg.of.remove(policy);
        }
    }

    /// Merges what the policies of a transaction asked for in one round, each policy once.
    pub(super) fn merge(&mut self, tx: &Transaction, mut round: Vec<Request>) -> Merged {
        let mut gave_way = Vec::new();
        // Whoever asks first decides nothing.
        round.sort_by(|a, b| policy(a).cmp(&policy(b)));
        ends(&mut round, &mut gave_way);
        smallest(&mut round, &mut gave_way);
        shortest(&mut round, &mut gave_way);
        one_ladder(tx, &mut round, &mut gave_way);
        let standing = self.0.entry(tx.id).or_default();
        for (leg, standing) in LEGS.into_iter().zip(standing) {
            standing.merge(tx, leg, &mut round, &mut gave_way);
        }
        round.retain(|request| !is_empty(&request.intent));
        (round, gave_way)
    }

    /// The round was decided: what the gate refused does not stand.
    pub(super) fn decided(&mut self, tx: &Transaction) {
        let Some(standing) = self.0.get_mut(&tx.id) else { return };
        for (leg, standing) in LEGS.into_iter().zip(standing) {
            let now = tx.desired.leg(leg);
            if let Some(merged) = standing.merged.filter(|merged| *merged != now) {
                standing.of.retain(|_, wish| *wish != merged);
                standing.merged = Some(now);
            }
        }
    }
}

fn policy(request: &Request) -> Option<&PolicyName> {
    match &request.source {
        Source::Policy { name, .. } => Some(name),
        Source::Manual(_) | Source::Broker | Source::Recovery | Source::Host => None,
    }
}

/// A close wins over everything else, and is asked for once; so does the cancel of an entry.
fn ends(round: &mut Vec<Request>, gave_way: &mut Vec<GaveWay>) {
    let is_end =
        |r: &Request| matches!(r.intent, Intent::Close { .. } | Intent::CancelEntry { .. });
    let Some(first) = round.iter().position(is_end) else { return };
    let winner = round.swap_remove(first);
    let by = policy(&winner).map_or(String::new(), ToString::to_string);
    for loser in round.iter().filter(|r| policy(r) != policy(&winner) && !is_free(&r.intent)) {
        gave_way.extend(policy(loser).map(|policy| GaveWay {
            policy: policy.clone(),
            text: format!("{} gave way to {} of {by}", loser.intent.verb(), winner.intent.verb()),
        }));
    }
    round.retain(|request| is_free(&request.intent));
    round.insert(0, winner);
}

/// What is about no leg and no quantity of the transaction goes on beside everything.
fn is_free(intent: &Intent) -> bool {
    !matches!(
        intent,
        Intent::Protect { .. }
            | Intent::Ratchet { .. }
            | Intent::Resize { .. }
            | Intent::Ladder { .. }
            | Intent::Trail { .. }
            | Intent::Barriers { .. }
            | Intent::ClearTimeLimit { .. }
            | Intent::Close { .. }
            | Intent::CancelEntry { .. }
    )
}

/// The smallest quantity wins.
fn smallest(round: &mut Vec<Request>, gave_way: &mut Vec<GaveWay>) {
    let quantity = |r: &Request| match r.intent {
        Intent::Resize { quantity, .. } => Some(quantity),
        _ => None,
    };
    let wanted = round.iter().filter_map(|r| Some((quantity(r)?, policy(r)?.clone())));
    let Some((least, by)) = wanted.min() else { return };
    round.retain(|request| {
        let (Some(own), Some(policy)) = (quantity(request), policy(request)) else { return true };
        let is_winner = (own, policy) == (least, &by);
        if !is_winner && *policy != by {
            let text = format!("adjust_quantity {own} gave way to {by}: {least} is smaller");
            gave_way.push(GaveWay { policy: policy.clone(), text });
        }
        is_winner
    });
}

/// The shortest time limit wins, and whoever asks for one over whoever wants none.
fn shortest(round: &mut Vec<Request>, gave_way: &mut Vec<GaveWay>) {
    let limit = |r: &Request| match r.intent {
        Intent::Barriers { hold_ms, .. } => Some(hold_ms),
        _ => None,
    };
    let wanted = round.iter().filter_map(|r| Some((limit(r)?, policy(r)?.clone())));
    let Some((least_ms, by)) = wanted.min() else { return };
    let seconds = least_ms / 1_000;
    let mut gives_way = |policy: &PolicyName, what: &str| {
        let text = format!("{what} gave way to {by}: {seconds} s is shorter");
        gave_way.push(GaveWay { policy: policy.clone(), text });
    };
    for request in round.iter_mut() {
        let Some(name) = policy(request).cloned() else { continue };
        if let Intent::Barriers { hold_ms, .. } = &mut request.intent
            && *hold_ms != least_ms
        {
            gives_way(&name, &format!("a time limit of {} s", *hold_ms / 1_000));
            *hold_ms = least_ms;
        }
    }
    round.retain(|request| {
        let Some(name) = policy(request).filter(|name| **name != by) else { return true };
        let is_none = matches!(request.intent, Intent::ClearTimeLimit { .. });
        if is_none {
            gives_way(name, "clear_time_limit");
        }
        !is_none
    });
}

/// The ladder with the nearest target wins, and single targets that others want give way to it.
fn one_ladder(tx: &Transaction, round: &mut Vec<Request>, gave_way: &mut Vec<GaveWay>) {
    let nearest = |request: &Request| match &request.intent {
        Intent::Ladder { rungs, .. } => rungs.iter().map(|rung| rung.target).reduce(|a, b| {
            if is_better(Leg::Target, tx.direction, Some(b), Some(a)) { b } else { a }
        }),
        _ => None,
    };
    let better =
        |one: Option<Price>, other: Option<Price>| is_better(Leg::Target, tx.direction, one, other);
    let mut winner: Option<(Price, PolicyName)> = None;
    for request in round.iter() {
        let (Some(target), Some(name)) = (nearest(request), policy(request)) else { continue };
        if winner.as_ref().is_none_or(|(best, _)| better(Some(target), Some(*best))) {
            winner = Some((target, name.clone()));
        }
    }
    let Some((_, by)) = winner else { return };
    for request in round.iter_mut().filter(|request| policy(request) != Some(&by)) {
        let Some(policy) = policy(request).cloned() else { continue };
        let is_ladder = matches!(request.intent, Intent::Ladder { .. });
        if is_ladder || wish(&request.intent, Leg::Target).is_some() {
            let what = if is_ladder { "set_ladder" } else { "a single target" };
            gave_way
                .push(GaveWay { policy, text: format!("{what} gave way to the ladder of {by}") });
            set(&mut request.intent, Leg::Target, Wish::Keep);
        }
    }
    round.retain(|request| {
        !matches!(request.intent, Intent::Ladder { .. }) || policy(request) == Some(&by)
    });
}

/// What the intent wants of the leg.
fn wish(intent: &Intent, leg: Leg) -> Option<Option<Price>> {
    let wish = match (intent, leg) {
        (Intent::Protect { stop, .. } | Intent::Barriers { stop, .. }, Leg::Stop) => *stop,
        (Intent::Protect { target, .. } | Intent::Barriers { target, .. }, Leg::Target) => *target,
        (Intent::Ratchet { stop, .. }, Leg::Stop) => Wish::Set(*stop),
        _ => Wish::Keep,
    };
    match wish {
        Wish::Keep => None,
        Wish::Clear => Some(None),
        Wish::Set(price) => Some(Some(price)),
    }
}

fn set(intent: &mut Intent, leg: Leg, to: Wish) {
    match (intent, leg) {
        (intent @ Intent::Ratchet { .. }, Leg::Stop) => {
            if let Some(transaction) = intent.transaction() {
                *intent = Intent::Protect { transaction, stop: to, target: Wish::Keep };
            }
        }
        (Intent::Protect { stop, .. } | Intent::Barriers { stop, .. }, Leg::Stop) => *stop = to,
        (Intent::Protect { target, .. } | Intent::Barriers { target, .. }, Leg::Target) => {
            *target = to;
        }
        _ => {}
    }
}

fn is_empty(intent: &Intent) -> bool {
    matches!(intent, Intent::Protect { stop: Wish::Keep, target: Wish::Keep, .. })
}

/// Whether the first is the better one for the leg: a stop that risks less, a target that is reached
/// sooner. No price at all loses against any.
fn is_better(leg: Leg, direction: Direction, one: Option<Price>, other: Option<Price>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => match leg {
            Leg::Stop => is_tighter(direction, one, other),
            // What is tighter for a stop is farther for a target.
            Leg::Target => is_tighter(direction, other, one),
        },
        (Some(_), None) => true,
        (None, _) => false,
    }
}

impl Standing {
    fn merge(
        &mut self,
        tx: &Transaction,
        leg: Leg,
        round: &mut [Request],
        gave_way: &mut Vec<GaveWay>,
    ) {
        let now = tx.desired.leg(leg);
        if self.merged.is_some_and(|merged| merged != now) {
            self.of.clear();
        }
        let asks =
            |request: &Request| Some((policy(request)?.clone(), wish(&request.intent, leg)?));
        let asked: Vec<(PolicyName, Option<Price>)> = round.iter().filter_map(asks).collect();
        if asked.is_empty() {
            return;
        }
        self.of.extend(asked.iter().cloned());
        let better = |one: &(&PolicyName, &Option<Price>),
                      other: &(&PolicyName, &Option<Price>)| {
            is_better(leg, tx.direction, *one.1, *other.1)
        };
        let mut all = self.of.iter();
        let Some(first) = all.next() else { return };
        let (winner, best) = all.fold(first, |a, b| if better(&b, &a) { b } else { a });
        let (winner, best) = (winner.clone(), *best);
        self.merged = Some(best);
        // Who asked for the best carries it; where nobody of this round did, the nearest to it.
        let carrier =
            asked.iter().fold(None, |carrier: Option<&(PolicyName, Option<Price>)>, own| {
                match carrier {
                    Some(before) if !is_better(leg, tx.direction, own.1, before.1) => Some(before),
                    _ => Some(own),
                }
            });
        let carrier = carrier.map(|(name, _)| name.clone());
        let mut carried = false;
        for request in round.iter_mut() {
            let (Some(own), Some(name)) = (wish(&request.intent, leg), policy(request).cloned())
            else {
                continue;
            };
            if own != best {
                gave_way
                    .push(GaveWay { policy: name.clone(), text: words(leg, own, &winner, best) });
            }
            if carrier.as_ref() == Some(&name) && !carried {
                carried = true;
                if own != best {
                    let held = best.map_or("none".to_owned(), |price| price.to_string());
                    request.why = format!("{} (held at {held} by {winner})", request.why);
                    set(&mut request.intent, leg, best.map_or(Wish::Clear, Wish::Set));
                }
            } else {
                set(&mut request.intent, leg, Wish::Keep);
            }
        }
    }
}

fn words(leg: Leg, own: Option<Price>, winner: &PolicyName, best: Option<Price>) -> String {
    let text = |price: Option<Price>| price.map_or("none".to_owned(), |price| price.to_string());
    let why = match leg {
        Leg::Stop => "tighter",
        Leg::Target => "nearer",
    };
    format!("{} {} gave way to {winner}: {} is {why}", leg.as_str(), text(own), text(best))
}

#[cfg(test)]
mod tests;
