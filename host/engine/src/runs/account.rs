//! Policies that look after an account as a whole: when they are asked, and what comes of it.
//!
//! Apart from those of single transactions because nothing has to happen to one of these for it to
//! be asked. What losses are measured from outlives restarts with the account's own figures.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::apply::Transition;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::{AccountName, PolicyName, TransactionId};
use bracketd_core::intent::Request;
use bracketd_core::time::Timestamp;
use bracketd_policy::{AccountRun, EventKind, FailureKind, Policy, Ran, RunOutcome};
use bracketd_store::AccountState;

use super::ask::BudgetOfRun;
use super::breakers::Failed;
use super::outcome::source;
use super::throttle::Throttle;
use crate::engine::Engine;
use crate::input::{Budget, Dispatch, Noise};

/// While prices move, an account's policies are asked at most so often.
const PRICES_MS: u64 = 1_000;

/// What waits, and what was said.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    waiting: BTreeSet<(AccountName, PolicyName)>,
    asked_at: BTreeMap<AccountName, Timestamp>,
    said: BTreeMap<(AccountName, PolicyName), String>,
    alerts: Throttle<(AccountName, PolicyName)>,
}

impl Accounts {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn is_new(&mut self, key: &(AccountName, PolicyName), said: String) -> bool {
        self.said.insert(key.clone(), said.clone()).as_ref() != Some(&said)
    }
}

impl Engine {
    /// The account's money or what it holds changed: its policies are asked.
    pub(crate) fn ask_account(&mut self, account: &AccountName) {
        // Before that the first complete read, which asks them, is still to come.
        if !self.runs.is_compared(account) {
            return;
        }
        let Some(known) = self.book.accounts.get(account) else { return };
        let all = known.rules.portfolio_policies.iter();
        let handles = |name: &&PolicyName| {
            self.policies.policy(name).is_some_and(|p| p.handles(EventKind::Portfolio))
        };
        let all = all.filter(handles).map(|name| (account.clone(), name.clone()));
        self.runs.accounts.waiting.extend(all);
    }

    /// A price of the account moved: its policies are asked, but not at each.
    pub(crate) fn ask_account_at_price(&mut self, account: &AccountName, now: Timestamp) {
        let last = self.runs.accounts.asked_at.get(account);
        if last.is_none_or(|last| now.ms_since(*last) >= PRICES_MS) {
            self.ask_account(account);
        }
    }

    /// Asks those that wait, while there is time.
    pub(super) fn run_accounts(
        &mut self,
        now: Timestamp,
        budget: &dyn Budget,
        out: &mut Transition,
        sent: &mut Dispatch,
    ) {
        while !self.runs.accounts.is_empty() && !budget.slice_over() {
            let Some((account, name)) = self.runs.accounts.waiting.pop_first() else { return };
            self.runs.accounts.asked_at.insert(account.clone(), now);
            let Some(policy) = self.policies.shared(&name).cloned() else { continue };
            if self.runs.breakers.stops(&name, policy.digest(), None) {
                continue;
            }
            let Some(ran) = self.run_account(&account, &policy, now, budget) else { continue };
            self.account_ran(&account, &policy, ran, now, out, sent);
        }
    }

    fn run_account(
        &self,
        account: &AccountName,
        policy: &Policy,
        now: Timestamp,
        budget: &dyn Budget,
    ) -> Option<Ran> {
        let name = policy.name();
        let settings = self.policy_settings.get(name).unwrap_or(&self.runs.defaults);
        let state = self.states.accounts.get(&(account.clone(), name.clone()));
        let shim = BudgetOfRun(budget);
        budget.run_begins();
        Some(policy.run_account(&AccountRun {
            account: self.book.accounts.get(account)?,
            book: &self.book,
            params: self.policies.params(name).unwrap_or(&settings.params),
            state: state.map_or("", |state| state.state_json.as_str()),
            now,
            allowed: &settings.verbs,
            budget: &shim,
        }))
    }

    fn account_ran(
        &mut self,
        account: &AccountName,
        policy: &Policy,
        ran: Ran,
        now: Timestamp,
        out: &mut Transition,
        sent: &mut Dispatch,
    ) {
        let key = (account.clone(), policy.name().clone());
        let fact = |kind| {
            let mut fact = Fact::new(now, kind, source(policy));
            fact.account = Some(account.clone());
            fact
        };
        for (level, text) in &ran.alerts {
            let Some(text) = self.runs.accounts.alerts.admit(&key, (level, text), now) else {
                continue;
            };
            let mut alert = fact(FactKind::PolicyAlert);
            (alert.code, alert.text) = (level.clone().into(), text);
            out.facts.push(alert);
        }
        let (transaction, name) = (TransactionId(0), policy.name().clone());
        noted(account, &name, &ran, sent);
        match &ran.outcome {
            RunOutcome::Done => {}
            RunOutcome::Skipped(missing) => {
                if self.runs.accounts.is_new(&key, format!("skipped {missing}")) {
                    let missing = format!("{account}: {missing}");
                    sent.noise.push(Noise::Skipped { transaction, policy: name, missing });
                }
                return;
            }
            RunOutcome::Failed(failure) => {
                let text = failure.to_string();
                let failed = Failed {
                    policy: policy.name(),
                    digest: policy.digest(),
                    transaction: None,
                    is_overrun: matches!(failure.kind, FailureKind::Limit | FailureKind::Deadline),
                    assigned: 0,
                };
                let trip = self.runs.breakers.failed(&failed, now);
                if self.runs.accounts.is_new(&key, format!("failed {text}")) {
                    let mut failed = fact(FactKind::PolicyFailed);
                    failed.code = failure.kind.as_str().into();
                    failed.text.clone_from(&text);
                    out.facts.push(failed);
                }
                self.trip(policy, None, (trip, &text), now, out);
                return;
            }
        }
        self.runs.breakers.ran_well(policy.name(), None);
        for (request, verdict) in &ran.refused {
            let said = format!("{} {}", request.intent.verb(), verdict.code());
            if self.runs.accounts.is_new(&key, said) {
                let mut refused = fact(FactKind::Refused);
                refused.transaction = request.intent.transaction();
                refused.code = verdict.code().into();
                refused.text = format!("{}: {}", request.intent.verb(), verdict.message);
                refused.inputs.clone_from(&request.inputs);
                out.facts.push(refused);
            }
        }
        if let Some(state_json) = ran.state {
            let (account, digest) = (account.clone(), policy.digest().to_owned());
            let state = AccountState { account, policy: key.1.clone(), state_json, digest };
            self.states.accounts.insert(key.clone(), state);
            self.states.unsaved_accounts.insert(key);
            self.states.unsaved_since.get_or_insert(now);
        }
        self.decide_by_transaction(ran.requests, now, out, sent);
    }

    /// What a run wants of several transactions, merged for each of them.
    fn decide_by_transaction(
        &mut self,
        requests: Vec<Request>,
        now: Timestamp,
        out: &mut Transition,
        sent: &mut Dispatch,
    ) {
        let mut rounds: BTreeMap<TransactionId, Vec<Request>> = BTreeMap::new();
        for request in requests {
            match request.intent.transaction() {
                Some(id) => rounds.entry(id).or_default().push(request),
                None => self.decide_for_policy(request, now, out),
            }
        }
        for (id, round) in rounds {
            self.decide_round(id, round, now, out, sent);
        }
    }
}

/// What the policy said for the activity log.
fn noted(account: &AccountName, name: &PolicyName, ran: &Ran, sent: &mut Dispatch) {
    let transaction = TransactionId(0);
    for (note, value) in &ran.notes {
        let text = format!("{account}: {note}: {value}");
        sent.noise.push(Noise::Note { transaction, policy: name.clone(), text });
    }
    for (metric, value) in &ran.metrics {
        let (policy, value, name) = (name.clone(), *value, metric.clone());
        sent.noise.push(Noise::Metric { transaction, policy, name, value });
    }
}
