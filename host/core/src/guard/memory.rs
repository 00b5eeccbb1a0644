//! What the guards remember between two requests: how often policies moved stops and closed.
//!
//! Apart because it is the only state of theirs. It lives in memory, not in the ledger: a restart
//! is a person's act and begins anew. Its size is bounded by the limits that it serves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::book::Book;
use crate::check::{Context, No};
use crate::fact::{Fact, FactKind};
use crate::ids::{AccountName, PolicyName, TransactionId};
use crate::intent::{Intent, Request, Source};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transaction::Transaction;

/// What "per minute" means.
const MINUTE_MS: u64 = 60_000;

/// Moments of the last minute.
#[derive(Clone, Debug, Default)]
struct Recent(VecDeque<Timestamp>);

impl Recent {
    fn count(&self, now: Timestamp) -> usize {
        self.0.iter().filter(|at| now.ms_since(**at) < MINUTE_MS).count()
    }

    fn add(&mut self, now: Timestamp) {
        while self.0.front().is_some_and(|at| now.ms_since(*at) >= MINUTE_MS) {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }
}

/// What the guards remember.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Accepted stop moves by policies.
    moves: BTreeMap<TransactionId, Recent>,
    /// When a transaction's thrash was told last.
    told: BTreeMap<TransactionId, Timestamp>,
    /// Accepted closes by policies.
    closes: BTreeMap<(AccountName, PolicyName), Recent>,
    /// Versions of policies that may not close any more, by content hash.
    held: BTreeSet<(AccountName, PolicyName, String)>,
}

impl Memory {
    /// Notes an accepted request of a policy, or a move of a stop that the host trails.
    pub(crate) fn accepted(
        &mut self,
        tx: &Transaction,
        request: &Request,
        moves_stop: bool,
        now: Timestamp,
    ) {
        let is_trail =
            request.source == Source::Host && matches!(request.intent, Intent::Ratchet { .. });
        if moves_stop && is_trail {
            self.moves.entry(tx.id).or_default().add(now);
        }
        let Source::Policy { name, .. } = &request.source else { return };
        if moves_stop {
            self.moves.entry(tx.id).or_default().add(now);
        }
        if matches!(request.intent, Intent::Close { .. }) {
            self.closes.entry((tx.account.clone(), name.clone())).or_default().add(now);
        }
    }

    /// When the next move of the transaction's stop is within so many a minute; none is now.
    pub(crate) fn move_free_at(
        &self,
        id: TransactionId,
        max: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let recent = self.moves.get(&id)?;
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        if recent.count(now) < max {
            return None;
        }
        // With so many after it, the last one has to leave the minute before the next may come.
        let last_in_the_way = recent.0.len().checked_sub(max.max(1))?;
        recent.0.get(last_in_the_way).map(|at| at.plus_ms(MINUTE_MS))
    }

    /// Drops what is remembered of an ended transaction.
    pub(crate) fn forget(&mut self, id: TransactionId) {
        self.moves.remove(&id);
        self.told.remove(&id);
    }
}

/// G6: one more stop move by a policy, after so many within a minute.
pub(crate) fn too_often(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
) -> Result<(), No> {
    let (Source::Policy { .. }, Some(book)) = (&request.source, context.book) else {
        return Ok(());
    };
    let max = context.account.rules.guards.stop_moves_per_minute;
    let moves = book.guards.moves.get(&tx.id).map_or(0, |recent| recent.count(context.now));
    if moves < usize::try_from(max).unwrap_or(usize::MAX) {
        return Ok(());
    }
    let why = format!(
        "policies moved the stop of transaction {} {moves} times within a minute; at most {max} \
         are taken, so the next goes when the oldest is a minute old",
        tx.id
    );
    Err((Refusal::TooOften, why))
}

/// G19: one more close by a policy, after so many within a minute. A version that tried to go on
/// may not close any more until another version of it is loaded or the daemon is started anew:
/// what liquidates a book must not go on by waiting a little.
pub(crate) fn too_many_closes(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
) -> Result<(), No> {
    let (Source::Policy { name, digest }, Some(book)) = (&request.source, context.book) else {
        return Ok(());
    };
    let max = context.account.rules.guards.max_closes_per_minute;
    let key = (tx.account.clone(), name.clone(), digest.clone());
    let is_held = book.guards.held.contains(&key);
    let (account, policy, _) = key;
    let recent = book.guards.closes.get(&(account, policy));
    let closes = recent.map_or(0, |recent| recent.count(context.now));
    if !is_held && closes < usize::try_from(max).unwrap_or(usize::MAX) {
        return Ok(());
    }
    let why = format!(
        "policy {name} asked for more than {max} closes within a minute; this version closes \
         nothing any more: look at it, then load a corrected version or start the daemon again"
    );
    Err((Refusal::TooManyCloses, why))
}

/// Writes down that a guard tripped, once for each cause, so that somebody is told. To be called
/// for every request that was refused, wherever it was.
pub fn tripped(
    book: &mut Book,
    tx: &Transaction,
    request: &Request,
    refusal: Refusal,
    message: &str,
    now: Timestamp,
) -> Option<Fact> {
    let Source::Policy { name, digest } = &request.source else { return None };
    let is_new = match refusal {
        Refusal::TooOften => {
            let before = book.guards.told.insert(tx.id, now);
            before.is_none_or(|before| now.ms_since(before) >= MINUTE_MS)
        }
        Refusal::TooManyCloses => {
            book.guards.held.insert((tx.account.clone(), name.clone(), digest.clone()))
        }
        _ => false,
    };
    is_new.then(|| {
        let mut fact = Fact::about(tx, now, FactKind::GuardTripped, request.source.clone());
        fact.code = refusal.code().into();
        fact.text = message.to_owned();
        fact
    })
}
