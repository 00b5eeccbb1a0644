//! What comes of a run: facts, kept state, what it asks for, and a breaker where it failed.
//!
//! Apart because a run that did not end well must change nothing (I10), and this is where that is
//! so.

use std::sync::Arc;

use bracketd_core::apply::Transition;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::guard::tripped;
use bracketd_core::ids::PolicyName;
use bracketd_core::intent::{Outcome, Request, Source};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::Transaction;
use bracketd_policy::{Failure, FailureKind, Policy, Ran, RunOutcome};
use bracketd_store::PolicyState;

use super::breakers::Failed;
use crate::engine::Engine;
use crate::input::{Dispatch, Noise};

/// Which version was asked about what.
pub(super) struct Asked<'a> {
    pub(super) tx: Arc<Transaction>,
    pub(super) policy: &'a Policy,
}

impl Asked<'_> {
    fn source(&self) -> Source {
        source(self.policy)
    }
}

/// The version as the cause of something.
pub(super) fn source(policy: &Policy) -> Source {
    Source::Policy { name: policy.name().clone(), digest: policy.digest().to_owned() }
}

impl Engine {
    /// Writes down what a run came to, and gives what it asks for.
    pub(super) fn ran(
        &mut self,
        asked: &Asked<'_>,
        ran: Ran,
        now: Timestamp,
        out: &mut Transition,
        sent: &mut Dispatch,
    ) -> Vec<Request> {
        let (tx, transaction, source) = (&asked.tx, asked.tx.id, asked.source());
        let policy_name = asked.policy.name().clone();
        let by = (transaction, policy_name.clone());
        for (level, text) in &ran.alerts {
            let Some(text) = self.runs.alerts.admit(&by, (level, text), now) else { continue };
            let mut fact = Fact::about(tx, now, FactKind::PolicyAlert, source.clone());
            (fact.code, fact.text) = (level.clone().into(), text);
            out.facts.push(fact);
        }
        for (key, value) in &ran.notes {
            let text = format!("{key}: {value}");
            sent.noise.push(Noise::Note { transaction, policy: policy_name.clone(), text });
        }
        for (name, value) in &ran.metrics {
            let (name, value, policy) = (name.clone(), *value, policy_name.clone());
            sent.noise.push(Noise::Metric { transaction, policy, name, value });
        }
        match &ran.outcome {
            RunOutcome::Done => {}
            RunOutcome::Skipped(missing) => {
                let said = format!("skipped {missing}");
                let key = (transaction, policy_name.clone());
                if self.runs.said.insert(key, said.clone()).as_ref() != Some(&said) {
                    let missing = missing.clone();
                    sent.noise.push(Noise::Skipped { transaction, policy: policy_name, missing });
                }
                return Vec::new();
            }
            RunOutcome::Failed(failure) => {
                self.run_failed(asked, failure, now, out);
                return Vec::new();
            }
        }
        self.runs.breakers.ran_well(asked.policy.name(), Some(transaction));
        self.note_refused(tx, asked.policy.name(), &ran, now, out);
        if let Some(state_json) = ran.state {
            self.keep_state(asked, state_json, now);
        }
        ran.requests
    }

    fn keep_state(&mut self, asked: &Asked<'_>, state_json: String, now: Timestamp) {
        let (transaction, policy) = (asked.tx.id, asked.policy.name().clone());
        let digest = asked.policy.digest().to_owned();
        let key = (transaction, policy.clone());
        let state = PolicyState { transaction, policy, state_json, digest };
        self.states.kept.insert(key.clone(), state);
        self.states.unsaved.insert(key);
        self.states.unsaved_since.get_or_insert(now);
    }

    /// Refusals inside a run are facts, but a script that asks for the same thing at every price
    /// is told once.
    fn note_refused(
        &mut self,
        tx: &Arc<Transaction>,
        policy: &PolicyName,
        ran: &Ran,
        now: Timestamp,
        out: &mut Transition,
    ) {
        let key = (tx.id, policy.clone());
        if ran.refused.is_empty() && !ran.requests.is_empty() {
            self.runs.said.remove(&key);
        }
        for (request, verdict) in &ran.refused {
            if let Outcome::Refused(refusal) = verdict.outcome {
                let message = &verdict.message;
                out.facts.extend(tripped(&mut self.book, tx, request, refusal, message, now));
            }
            let said = format!("{} {}", request.intent.verb(), verdict.code());
            if self.runs.said.insert(key.clone(), said.clone()).as_ref() == Some(&said) {
                continue;
            }
            let mut fact = Fact::about(tx, now, FactKind::Refused, request.source.clone());
            fact.code = verdict.code().into();
            fact.text = format!("{}: {}", request.intent.verb(), verdict.message);
            fact.inputs.clone_from(&request.inputs);
            out.facts.push(fact);
        }
    }

    fn run_failed(
        &mut self,
        asked: &Asked<'_>,
        failure: &Failure,
        now: Timestamp,
        out: &mut Transition,
    ) {
        let (tx, policy) = (&asked.tx, asked.policy);
        let failed = Failed {
            policy: policy.name(),
            digest: policy.digest(),
            transaction: Some(tx.id),
            is_overrun: matches!(failure.kind, FailureKind::Limit | FailureKind::Deadline),
            assigned: self.assigned(policy.name()).len(),
        };
        let trip = self.runs.breakers.failed(&failed, now);
        let text = failure.to_string();
        let said = format!("failed {text}");
        let place = (tx.id, policy.name().clone());
        if self.runs.said.insert(place, said.clone()).as_ref() != Some(&said) {
            let mut fact = Fact::about(tx, now, FactKind::PolicyFailed, asked.source());
            fact.code = failure.kind.as_str().into();
            fact.text.clone_from(&text);
            out.facts.push(fact);
        }
        self.trip(policy, Some(tx), (trip, &text), now, out);
    }
}
