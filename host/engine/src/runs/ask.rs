//! Asking: which policies have something to say to what happened, and the runs themselves.
//!
//! Apart from what comes of a run because nothing here changes the book or the ledger.

use std::sync::Arc;

use bracketd_core::apply::{Notice, NoticeKind, Transition};
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::intent::Request;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use bracketd_policy::{EventKind, FailureKind, History, Policy, Ran, Run, RunBudget, RunOutcome};

use super::Happening;
use super::event::{event_kind, event_of};
use super::outcome::Asked;
use crate::engine::Engine;
use crate::input::{Budget, Dispatch, Noise};
use crate::market::BASE_SECONDS;

impl Engine {
    /// A new price: the policies of the symbol's transactions are asked, each at most once.
    pub(crate) fn wake_policies_of(&mut self, account: &AccountName, symbol: &Symbol) {
        let known = self.by_symbol.get(&(account.clone(), symbol.clone()));
        let ids: Vec<TransactionId> = known.into_iter().flatten().copied().collect();
        for id in ids {
            self.wake_policies_about(id);
        }
    }

    /// The policies of a transaction are asked about the price that is known.
    pub(super) fn wake_policies_about(&mut self, id: TransactionId) {
        let Some(tx) = self.book.transactions.get(&id) else { return };
        let event = match tx.status {
            TransactionStatus::Waiting => EventKind::Waiting,
            TransactionStatus::Opened => EventKind::Tick,
            TransactionStatus::Closing | TransactionStatus::Closed | TransactionStatus::Failed => {
                return;
            }
        };
        for policy in &tx.policies {
            if self.policies.policy(policy).is_some_and(|p| p.handles(event)) {
                self.runs.tick(&tx.account, id, policy);
            }
        }
    }

    /// The transactions of an account that have not ended, of one symbol where one is named.
    pub(crate) fn live_in(
        &self,
        account: &AccountName,
        symbol: Option<&Symbol>,
    ) -> Vec<TransactionId> {
        let live = |id: &TransactionId| {
            let tx = self.book.transactions.get(id)?;
            (tx.account == *account && !tx.status.is_ended()).then_some(*id)
        };
        match symbol {
            Some(symbol) => {
                let known = self.by_symbol.get(&(account.clone(), symbol.clone()));
                known.into_iter().flatten().filter_map(live).collect()
            }
            None => self.book.transactions.keys().filter_map(live).collect(),
        }
    }

    /// The policies of an account's live transactions are asked about something that concerns all
    /// of them, of one symbol where one is named.
    pub(crate) fn ask_all(
        &mut self,
        account: &AccountName,
        symbol: Option<&Symbol>,
        happening: &Happening,
    ) {
        let kind = event_kind(happening);
        for id in self.live_in(account, symbol) {
            let Some(tx) = self.book.transactions.get(&id) else { continue };
            for policy in &tx.policies {
                if self.policies.policy(policy).is_some_and(|p| p.handles(kind)) {
                    self.runs.put(account, id, policy, happening.clone());
                }
            }
        }
    }

    /// Something happened to a transaction: its policies that handle it are asked.
    pub(crate) fn notify_policies(&mut self, notice: &Notice) {
        let Some(tx) = self.book.transactions.get(&notice.transaction) else { return };
        let happening = Happening::Notice(notice.kind.clone());
        let event = event_kind(&happening);
        // What was just opened is looked at with the price that is known.
        let looks = notice.kind == NoticeKind::Opened;
        for policy in &tx.policies {
            let ticks = |p: &bracketd_policy::Policy| looks && p.handles(EventKind::Tick);
            if self.policies.policy(policy).is_some_and(ticks) {
                self.runs.tick(&tx.account, tx.id, policy);
            }
            if self.policies.policy(policy).is_some_and(|p| p.handles(event)) {
                self.runs.put(&tx.account, tx.id, policy, happening.clone());
            }
        }
    }

    /// Runs what waits until the slice is over. What the policies of a transaction ask for one after
    /// another is decided together.
    pub(crate) fn run_policies(
        &mut self,
        now: Timestamp,
        budget: &dyn Budget,
        out: &mut Transition,
        sent: &mut Dispatch,
    ) {
        let mut first = true;
        let (mut round, mut asked, mut of) = (Vec::new(), Vec::new(), None);
        while first || !budget.slice_over() {
            first = false;
            if self.take_up_one(now) {
                continue;
            }
            let Some((id, name, kind)) = self.runs.next() else {
                self.run_accounts(now, budget, out, sent);
                break;
            };
            if let Some(requests) =
                self.run_next(id, &name, kind.as_ref(), (now, budget), out, sent)
            {
                round.extend(requests);
            }
            asked.push(name);
            of = Some(id);
            if !self.runs.goes_on_with(id, &asked) {
                self.decide_round(id, std::mem::take(&mut round), now, out, sent);
                asked.clear();
                of = None;
            }
        }
        if let Some(id) = of {
            self.decide_round(id, round, now, out, sent);
        }
        self.act_on_errors(now, out);
    }

    fn run_next(
        &mut self,
        id: TransactionId,
        name: &PolicyName,
        kind: Option<&Happening>,
        (now, budget): (Timestamp, &dyn Budget),
        out: &mut Transition,
        sent: &mut Dispatch,
    ) -> Option<Vec<Request>> {
        let tx = self.book.transactions.get(&id).cloned()?;
        let pinned = self.runs.pinned.get(&(id, name.clone()));
        let mut policy = pinned.or_else(|| self.policies.shared(name)).cloned()?;
        let mut ran = self.run_one(&tx, &policy, kind, now, budget)?;
        if let RunOutcome::Failed(failure) = &ran.outcome
            && failure.kind == FailureKind::Migration
            && let Some(before) = self.pin(&tx, &policy, failure, now, out)
        {
            policy = before;
            ran = self.run_one(&tx, &policy, kind, now, budget)?;
        }
        Some(self.ran(&Asked { tx, policy: &policy }, ran, now, out, sent))
    }

    /// Decides what the policies of a transaction asked for in one round.
    pub(super) fn decide_round(
        &mut self,
        id: TransactionId,
        mut round: Vec<Request>,
        now: Timestamp,
        out: &mut Transition,
        sent: &mut Dispatch,
    ) {
        let is_shared =
            self.book.transactions.get(&id).filter(|_| !round.is_empty()).is_some_and(|tx| {
                let account = self.book.accounts.get(&tx.account);
                tx.policies.len() + account.map_or(0, |a| a.rules.portfolio_policies.len()) > 1
            });
        if let Some(tx) = self.book.transactions.get(&id).filter(|_| is_shared) {
            let (left, gave_way) = self.runs.wishes.merge(tx, round);
            round = left;
            for lost in gave_way {
                let key = (id, lost.policy.clone());
                if self.runs.said.insert(key, lost.text.clone()).as_ref() != Some(&lost.text) {
                    let (transaction, policy, text) = (id, lost.policy, lost.text);
                    sent.noise.push(Noise::Note { transaction, policy, text });
                }
            }
        }
        for request in round {
            self.decide_for_policy(request, now, out);
        }
        if let Some(tx) = self.book.transactions.get(&id).filter(|_| is_shared) {
            self.runs.wishes.decided(tx);
        }
    }

    fn run_one(
        &self,
        tx: &Arc<Transaction>,
        policy: &Policy,
        kind: Option<&Happening>,
        now: Timestamp,
        budget: &dyn Budget,
    ) -> Option<Ran> {
        let name = policy.name();
        if self.runs.breakers.stops(name, policy.digest(), Some(tx.id)) {
            return None;
        }
        let account = self.book.accounts.get(&tx.account)?;
        let instrument = account.instruments.get(&tx.symbol)?;
        let track = self.market.track(&tx.account, &tx.symbol);
        let since = tx.opened_at.unwrap_or(tx.created_at);
        let history = History {
            seconds: BASE_SECONDS,
            bars: track.map_or((&[], &[]), |t| t.bars().as_slices()),
            peak: track.and_then(|t| t.peak_since(since)),
            trough: track.and_then(|t| t.trough_since(since)),
        };
        let settings = self.policy_settings.get(name).unwrap_or(&self.runs.defaults);
        let state = self.states.kept.get(&(tx.id, name.clone()));
        let shim = BudgetOfRun(budget);
        budget.run_begins();
        Some(policy.run(&Run {
            event: event_of(tx, kind, now),
            transaction: Arc::clone(tx),
            account,
            instrument: Arc::clone(instrument),
            quote: account.quotes.get(&tx.symbol).cloned(),
            history,
            params: self.policies.params(name).unwrap_or(&settings.params),
            state: state.map_or("", |s| s.state_json.as_str()),
            now,
            allowed: &settings.verbs,
            budget: &shim,
            portfolio: Some(&self.book),
        }))
    }
}

/// The policy host's view of the engine's budget.
pub(super) struct BudgetOfRun<'a>(pub(super) &'a dyn Budget);

impl RunBudget for BudgetOfRun<'_> {
    fn over(&self, operations: u64) -> bool {
        self.0.run_over(operations)
    }
}
