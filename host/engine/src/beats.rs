//! Timers that scripts ask for, and the sessions of their instruments: every so long since the first
//! fill, about the edges of a session, once a day.
//!
//! Apart from the host's own timers because these only ask a policy; nothing hangs on them. They
//! are worked out anew from the transaction after a restart or a reload, and kept nowhere.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::apply::Transition;
use bracketd_core::broker::Session;
use bracketd_core::command::Read;
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use bracketd_policy::{Edge, EventKind, Phase, Policy, Schedule};

use crate::engine::Engine;
use crate::runs::Happening;

/// A session is read again so long after an edge: then the broker names the next one.
const AFTER_EDGE_MS: u64 = 60_000;
/// An edge that is told so much before or after it was due is that edge.
const EDGE_SLACK_MS: u64 = 60_000;

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A session's edge.
    Session(Phase),
    /// A timer by its name.
    Timer(String),
    /// The session is read again.
    Read,
}

/// One beat of one policy of one transaction.
type Beat = (Timestamp, TransactionId, PolicyName, What);

/// All of them, earliest first.
#[derive(Debug, Default)]
pub(crate) struct Beats {
    due: BTreeSet<Beat>,
    of: BTreeMap<TransactionId, Vec<Beat>>,
    /// The edges of sessions that were passed last, whatever the broker names next.
    passed: BTreeMap<(AccountName, Symbol), Passed>,
}

/// When a session opened and closed last, as far as that was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    open: Option<Timestamp>,
    close: Option<Timestamp>,
}

impl Beats {
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|beat| beat.0)
    }

    fn drop_all_of(&mut self, id: TransactionId) {
        for beat in self.of.remove(&id).unwrap_or_default() {
            self.due.remove(&beat);
        }
    }

    fn take_due(&mut self, now: Timestamp) -> Option<Beat> {
        let first = self.due.first()?;
        if first.0 <= now { self.due.pop_first() } else { None }
    }

    /// Remembers the edges that are over before the broker names the next ones.
    fn pass(&mut self, key: (AccountName, Symbol), before: &Session, now: Timestamp) {
        let passed = self.passed.entry(key).or_default();
        let over = |edge: Option<Timestamp>| edge.filter(|at| *at <= now);
        passed.open = over(before.next_open).or(passed.open);
        passed.close = over(before.next_close).or(passed.close);
    }
}

/// What a newly read session says has happened that no edge explains.
fn surprise(before: &Session, after: &Session, now: Timestamp) -> Option<Phase> {
    let is_near = |edge: Option<Timestamp>| edge.is_some_and(|at| now.plus_ms(EDGE_SLACK_MS) >= at);
    match (before.is_open, after.is_open) {
        (true, false) if !is_near(before.next_close) => Some(Phase::Halt),
        (false, true) if !is_near(before.next_open) => Some(Phase::Open),
        _ => None,
    }
}

/// Whether timers of a transaction beat; a session's edges are told to every live one.
fn beats_for(status: TransactionStatus) -> bool {
    matches!(status, TransactionStatus::Waiting | TransactionStatus::Opened)
}

impl Engine {
    /// Works out the timers of a transaction anew.
    pub(crate) fn schedule(&mut self, id: TransactionId, now: Timestamp) {
        self.beats.drop_all_of(id);
        let Some(tx) = self.book.transactions.get(&id) else { return };
        if tx.status.is_ended() || tx.policies.is_empty() {
            return;
        }
        let mut found = Vec::new();
        for policy in &tx.policies {
            let Some(known) = self.policies.policy(policy) else { continue };
            let all = self.beats_of(tx, known, now);
            found.extend(all.into_iter().map(|(at, what)| (at, id, policy.clone(), what)));
        }
        self.beats.due.extend(found.iter().cloned());
        self.beats.of.insert(id, found);
    }

    fn beats_of(
        &self,
        tx: &Transaction,
        policy: &Policy,
        now: Timestamp,
    ) -> Vec<(Timestamp, What)> {
        let mut all = Vec::new();
        let mut uses_session = policy.handles(EventKind::Session);
        if uses_session {
            for (edge, phase) in [(Edge::Open, Phase::Open), (Edge::Close, Phase::Close)] {
                all.extend(self.edge(tx, edge, 0, now).map(|at| (at, What::Session(phase))));
            }
        }
        let timers = policy.timers().iter();
        for timer in timers.filter(|_| policy.handles(EventKind::Timer) && beats_for(tx.status)) {
            let next = match &timer.schedule {
                Schedule::EveryMs(ms) => every(tx, *ms, now),
                Schedule::Session { edge, offset_ms } => {
                    uses_session = true;
                    self.edge(tx, *edge, *offset_ms, now)
                }
                Schedule::At(of_day) => of_day.next_after(now),
            };
            all.extend(next.map(|at| (at, What::Timer(timer.name.clone()))));
        }
        if uses_session {
            all.extend(self.read_again_at(tx, now).map(|at| (at, What::Read)));
        }
        all
    }

    /// Works out the timers of an account's transactions anew, of one symbol where one is named.
    pub(crate) fn schedule_all(
        &mut self,
        account: &AccountName,
        symbol: Option<&Symbol>,
        now: Timestamp,
    ) {
        for id in self.live_in(account, symbol) {
            self.schedule(id, now);
        }
    }

    fn session(&self, tx: &Transaction) -> Option<&Session> {
        self.book.accounts.get(&tx.account)?.sessions.get(&tx.symbol)
    }

    /// The first moment after now that is so long after an edge of the session.
    fn edge(
        &self,
        tx: &Transaction,
        edge: Edge,
        offset_ms: i64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let session = self.session(tx);
        let passed = self.beats.passed.get(&(tx.account.clone(), tx.symbol.clone()));
        let (last, next) = match edge {
            Edge::Open => (passed.and_then(|p| p.open), session.and_then(|s| s.next_open)),
            Edge::Close => (passed.and_then(|p| p.close), session.and_then(|s| s.next_close)),
        };
        let offset_us = offset_ms.checked_mul(1_000)?;
        let moments = [last, next].into_iter().flatten();
        let moments = moments.filter_map(|at| Some(Timestamp(at.0.checked_add(offset_us)?)));
        moments.filter(|at| *at > now).min()
    }

    /// When the session has to be read again: once the nearest edge is over.
    fn read_again_at(&self, tx: &Transaction, now: Timestamp) -> Option<Timestamp> {
        let session = self.session(tx)?;
        let edges = [session.next_open, session.next_close].into_iter().flatten();
        edges.map(|at| at.plus_ms(AFTER_EDGE_MS)).filter(|at| *at > now).min()
    }

    /// A session was read. What it says that no known edge explains is told to policies.
    pub(crate) fn session_read(
        &mut self,
        account: &AccountName,
        symbol: &Symbol,
        before: Option<&Session>,
        now: Timestamp,
    ) {
        let known = self.book.accounts.get(account).and_then(|a| a.sessions.get(symbol)).cloned();
        if let (Some(before), Some(after)) = (before, known) {
            self.beats.pass((account.clone(), symbol.clone()), before, now);
            if let Some(phase) = surprise(before, &after, now) {
                self.ask_all(account, Some(symbol), &Happening::Session(phase));
            }
        }
        self.schedule_all(account, Some(symbol), now);
    }

    /// Queues the timers that are due and works out their next beats.
    pub(crate) fn beat(&mut self, now: Timestamp, out: &mut Transition) {
        let mut again = BTreeSet::new();
        while let Some((_, id, policy, what)) = self.beats.take_due(now) {
            let Some(tx) = self.book.transactions.get(&id) else { continue };
            again.insert(id);
            // Another version's timers are worked out before one of them beats.
            if tx.status.is_ended() || self.runs.is_anew(tx) {
                continue;
            }
            match what {
                What::Timer(_) if !beats_for(tx.status) => {}
                What::Timer(name) => {
                    self.runs.put(&tx.account, id, &policy, Happening::Timer(name));
                }
                What::Session(phase) => {
                    self.runs.put(&tx.account, id, &policy, Happening::Session(phase));
                }
                What::Read => {
                    let read = (tx.account.clone(), Read::Instrument(tx.symbol.clone()));
                    if !out.reads.contains(&read) {
                        out.reads.push(read);
                    }
                }
            }
        }
        for id in again {
            self.schedule(id, now);
        }
    }
}

/// The next whole multiple since the first fill.
fn every(tx: &Transaction, ms: u64, now: Timestamp) -> Option<Timestamp> {
    let since = tx.opened_at?;
    let beats = now.ms_since(since).checked_div(ms)?;
    Some(since.plus_ms(beats.checked_add(1)?.checked_mul(ms)?))
}
