//! The run queue: which policy has to be asked about which transaction, and what comes of it.
//!
//! Apart because scripts must never hold up people, fills or stops: they run after those, in
//! slices, newest price only, and a failed run changes nothing (I10).

mod account;
mod ask;
mod breakers;
mod event;
mod merge;
mod on_error;
mod outcome;
mod throttle;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bracketd_core::apply::NoticeKind;
use bracketd_core::broker::Bar;
use bracketd_core::ids::{AccountName, PolicyName, TransactionId};
use bracketd_core::transaction::Transaction;
use bracketd_policy::{Phase, Policy};
use bracketd_store::{PolicyFreeze, PolicyParams, PolicyVersion};

use crate::early::Early;
use crate::settings::PolicySettings;

use account::Accounts;
use breakers::Breakers;
use merge::Wishes;
use on_error::Due;
use throttle::Throttle;

/// What a policy is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// Something that the core noticed.
    Notice(NoticeKind),
    /// The account was compared with the broker for the first time since the start.
    Start,
    /// A bar is complete.
    Bar(Bar),
    /// A timer of the script beats.
    Timer(String),
    /// The session of the instrument opened, ended or was halted.
    Session(Phase),
}

/// The order in which runs of one step go: what was lost first, prices last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Reject,
    Fill,
    Close,
    Timer,
    Other,
}

/// A run that waits. Two of the same key are one: only the newest price counts.
type Key = (Rank, u64, TransactionId, PolicyName);

/// What waits, and what is known of versions.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    waiting: BTreeMap<Key, Happening>,
    ticks: BTreeSet<(TransactionId, PolicyName)>,
    /// The newest price that a policy was asked about last; the next in order is asked next.
    tick_before: Option<(TransactionId, PolicyName)>,
    /// Policies of which another version decides; the transactions that have one of them are set up
    /// for it in the order of their numbers, this one last.
    anew: BTreeSet<PolicyName>,
    anew_after: Option<TransactionId>,
    /// Accounts that were compared with the broker since the start.
    compared: BTreeSet<AccountName>,
    /// What waits until that was done.
    early: BTreeMap<AccountName, Early>,
    next_number: u64,
    accounts: Accounts,
    /// What policies that share a transaction want of it.
    wishes: Wishes,
    breakers: Breakers,
    /// What scripts say about errors and is not done yet.
    due: Due,
    /// The version of each policy that decided before the present one.
    before: BTreeMap<PolicyName, Arc<Policy>>,
    /// Transactions whose kept state could not be moved: the version that wrote it goes on there.
    pinned: BTreeMap<(TransactionId, PolicyName), Arc<Policy>>,
    /// Versions that stand in the directory and were sent back.
    held_back: BTreeMap<PolicyName, Arc<Policy>>,
    said: BTreeMap<(TransactionId, PolicyName), String>,
    alerts: Throttle<(TransactionId, PolicyName)>,
    versions: Vec<PolicyVersion>,
    /// A file of values that the ledger does not have yet.
    values: Option<PolicyParams>,
    defaults: PolicySettings,
}

impl Runs {
    /// An empty queue, with what was frozen when the ledger was last written.
    pub(crate) fn load(frozen: Vec<PolicyFreeze>) -> Self {
        Self { breakers: Breakers::load(frozen), ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
            && self.ticks.is_empty()
            && self.accounts.is_empty()
            && self.anew.is_empty()
    }

    /// Whether that version is frozen for every transaction.
    pub(crate) fn is_frozen(&self, policy: &Policy) -> bool {
        self.breakers.of_version(policy.name(), policy.digest()).is_some()
    }

    /// Whether another version of a policy decides on the transaction, which is not set up for it.
    pub(crate) fn is_anew(&self, tx: &Transaction) -> bool {
        self.anew_after.is_none_or(|last| tx.id > last)
            && tx.policies.iter().any(|policy| self.anew.contains(policy))
    }

    /// New versions that the next commit has to keep.
    pub(crate) fn take_versions(&mut self) -> Vec<PolicyVersion> {
        std::mem::take(&mut self.versions)
    }

    pub(crate) fn keep_versions(&mut self, versions: Vec<PolicyVersion>) {
        self.versions = versions;
    }

    /// The file of values that the next commit has to keep.
    pub(crate) fn take_values(&mut self) -> Option<PolicyParams> {
        self.values.take()
    }

    pub(crate) fn keep_values(&mut self, values: Option<PolicyParams>) {
        self.values = values;
    }

    /// What the next commit has to write of freezes.
    pub(crate) fn take_freezes(&mut self) -> Option<Vec<PolicyFreeze>> {
        self.breakers.take_changed()
    }

    /// The commit with the freezes failed.
    pub(crate) fn keep_freezes(&mut self) {
        self.breakers.keep_changed();
    }

    /// The transaction has ended and left memory.
    pub(crate) fn forget(&mut self, id: TransactionId) {
        self.breakers.forget(id);
        self.pinned.retain(|(of, _), _| *of != id);
        self.wishes.forget(id);
        self.due.forget(id);
        self.said.retain(|(of, _), _| *of != id);
        self.alerts.retain(|(of, _)| *of != id);
    }

    /// Queues a run about something that happened to the transaction of that account.
    pub(crate) fn put(
        &mut self,
        account: &AccountName,
        transaction: TransactionId,
        policy: &PolicyName,
        happening: Happening,
    ) {
        if self.compared.contains(account) {
            self.queue(transaction, policy.clone(), happening);
        } else {
            let early = self.early.entry(account.clone()).or_default();
            early.put(transaction, policy.clone(), happening);
        }
    }

    /// Queues a run about the newest price; two are one.
    fn tick(&mut self, account: &AccountName, transaction: TransactionId, policy: &PolicyName) {
        let ticks = if self.compared.contains(account) {
            &mut self.ticks
        } else {
            &mut self.early.entry(account.clone()).or_default().ticks
        };
        ticks.insert((transaction, policy.clone()));
    }

    /// The version that goes on deciding there while another one decides about the rest.
    pub(crate) fn pinned(&self, key: &(TransactionId, PolicyName)) -> Option<&Arc<Policy>> {
        self.pinned.get(key)
    }

    pub(crate) fn is_compared(&self, account: &AccountName) -> bool {
        self.compared.contains(account)
    }

    /// The account was compared with the broker: what waited for that is asked now.
    pub(crate) fn compared(&mut self, account: &AccountName) {
        self.compared.insert(account.clone());
        let Some(mut early) = self.early.remove(account) else { return };
        self.ticks.append(&mut early.ticks);
        for (transaction, policy, happening) in early.happenings() {
            self.queue(transaction, policy, happening);
        }
    }

    fn queue(&mut self, transaction: TransactionId, policy: PolicyName, happening: Happening) {
        let rank = match &happening {
            Happening::Notice(NoticeKind::Rejected { .. }) => Rank::Reject,
            Happening::Notice(
                NoticeKind::EntryFilled { .. } | NoticeKind::ExitFilled { .. } | NoticeKind::Opened,
            ) => Rank::Fill,
            Happening::Notice(NoticeKind::Closed) => Rank::Close,
            Happening::Timer(_) | Happening::Session(_) => Rank::Timer,
            Happening::Notice(
                NoticeKind::Armed
                | NoticeKind::Acknowledged { .. }
                | NoticeKind::EntryChanged
                | NoticeKind::Outside { .. },
            )
            | Happening::Start
            | Happening::Bar(_) => Rank::Other,
        };
        self.next_number += 1;
        self.waiting.insert((rank, self.next_number, transaction, policy), happening);
    }

    /// Whether the next run is about that transaction too.
    fn goes_on_with(&self, id: TransactionId, asked: &[PolicyName]) -> bool {
        let event = self.waiting.first_key_value().map(|(key, _)| (key.2, &key.3));
        let next = event.or_else(|| self.next_tick().map(|(id, policy)| (*id, policy)));
        // Each policy once: its second wish in a row is a new one.
        next.is_some_and(|(of, policy)| of == id && !asked.contains(policy))
    }

    /// The next run: events by rank, then prices.
    fn next(&mut self) -> Option<(TransactionId, PolicyName, Option<Happening>)> {
        if let Some(((_, _, transaction, policy), kind)) = self.waiting.pop_first() {
            return Some((transaction, policy, Some(kind)));
        }
        let tick = self.next_tick().cloned()?;
        self.ticks.remove(&tick);
        self.tick_before = Some(tick.clone());
        Some((tick.0, tick.1, None))
    }

    /// Prices are asked about in turn: whatever comes anew meanwhile, everyone's turn comes.
    fn next_tick(&self) -> Option<&(TransactionId, PolicyName)> {
        let after = |last| self.ticks.range((Bound::Excluded(last), Bound::Unbounded)).next();
        self.tick_before.as_ref().and_then(after).or_else(|| self.ticks.first())
    }
}

#[cfg(test)]
mod tests {
    use super::{PolicyName, Runs, TransactionId};

    #[test]
    fn i14_whatever_price_comes_anew_everyone_s_turn_comes() {
        let (account, policy) = ("a".into(), PolicyName::new("p"));
        let mut runs = Runs::default();
        runs.compared(&account);
        for id in 1..=3 {
            runs.tick(&account, TransactionId(id), &policy);
        }
        let mut asked = Vec::new();
        for _ in 0..5 {
            asked.extend(runs.next().map(|(id, ..)| id.0));
            runs.tick(&account, TransactionId(1), &policy);
        }
        assert_eq!(asked, [1, 2, 3, 1, 1]);
    }
}
