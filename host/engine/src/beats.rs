//! Timers that scripts ask for: every so long since the first fill, or so long before the session
//! closes.
//!
//! Apart from the host's own timers because these only ask a policy; nothing hangs on them. They
//! are worked out anew from the transaction after a restart or a reload, and kept nowhere.

use std::collections::BTreeSet;

use bracketd_core::apply::Transition;
use bracketd_core::command::Read;
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use bracketd_policy::{EventKind, Schedule};

use crate::engine::Engine;
use crate::runs::Happening;

/// A session is read again so long after its close: then the broker names the next one.
const AFTER_CLOSE_MS: u64 = 60_000;

/// One timer of one policy of one transaction, and when it beats next. Without a name it only
/// reads the session again.
type Beat = (Timestamp, TransactionId, PolicyName, Option<String>);

/// All of them, earliest first.
#[derive(Debug, Default)]
pub(crate) struct Beats(BTreeSet<Beat>);

impl Beats {
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|beat| beat.0)
    }

    fn drop_all_of(&mut self, id: TransactionId) {
        self.0.retain(|beat| beat.1 != id);
    }

    fn due(&mut self, now: Timestamp) -> Option<Beat> {
        let first = self.0.first()?;
        if first.0 <= now { self.0.pop_first() } else { None }
    }
}

impl Engine {
    /// Works out the timers of a transaction anew.
    pub(crate) fn schedule(&mut self, id: TransactionId, now: Timestamp) {
        self.beats.drop_all_of(id);
        let Some(tx) = self.book.transactions.get(&id) else { return };
        if tx.status != TransactionStatus::Opened {
            return;
        }
        for policy in &tx.policies {
            let Some(known) = self.policies.policy(policy) else { continue };
            if !known.handles(EventKind::Timer) {
                continue;
            }
            for timer in known.timers() {
                let next = match timer.schedule {
                    Schedule::EveryMs(ms) => every(tx, ms, now).map(|at| (at, true)),
                    Schedule::BeforeCloseMs(ms) => self.before_close(tx, ms, now),
                };
                let Some((at, beats)) = next else { continue };
                let name = beats.then(|| timer.name.clone());
                self.beats.0.insert((at, id, policy.clone(), name));
            }
        }
    }

    /// Works out the timers of an account's transactions anew, of one symbol where one is named.
    pub(crate) fn schedule_all(
        &mut self,
        account: &AccountName,
        symbol: Option<&Symbol>,
        now: Timestamp,
    ) {
        let all = self.book.transactions.values();
        let concerned = all.filter(|tx| {
            tx.account == *account
                && symbol.is_none_or(|symbol| tx.symbol == *symbol)
                && tx.status == TransactionStatus::Opened
        });
        let ids: Vec<TransactionId> = concerned.map(|tx| tx.id).collect();
        for id in ids {
            self.schedule(id, now);
        }
    }

    /// When to ask before the session's close; or, once that is past, when to read the next session.
    fn before_close(&self, tx: &Transaction, ms: u64, now: Timestamp) -> Option<(Timestamp, bool)> {
        let account = self.book.accounts.get(&tx.account)?;
        let close = account.sessions.get(&tx.symbol)?.next_close?;
        let lead_us = i64::try_from(ms).ok()?.checked_mul(1_000)?;
        let at = Timestamp(close.0.saturating_sub(lead_us));
        let again = close.plus_ms(AFTER_CLOSE_MS);
        match (at > now, again > now) {
            (true, _) => Some((at, true)),
            (false, true) => Some((again, false)),
            (false, false) => None,
        }
    }

    /// Queues the timers that are due and works out their next beats.
    pub(crate) fn beat(&mut self, now: Timestamp, out: &mut Transition) {
        while let Some((_, id, policy, name)) = self.beats.due(now) {
            let Some(tx) = self.book.transactions.get(&id) else { continue };
            if tx.status != TransactionStatus::Opened {
                continue;
            }
            match name {
                Some(name) => self.runs.put(&tx.account, id, &policy, Happening::Timer(name)),
                None => {
                    let read = Read::Instrument(tx.symbol.clone());
                    out.reads.push((tx.account.clone(), read));
                }
            }
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
