//! What a script wants done where it is not asked any more: `on_error` of its `POLICY`.
//!
//! Apart because the host does this, long after the script failed, and each step passes the gate
//! like any other request. What is refused is tried again; nobody is asked twice in a minute.

use std::collections::BTreeMap;

use bracketd_core::Decimal;
use bracketd_core::apply::Transition;
use bracketd_core::ids::{PolicyName, TransactionId};
use bracketd_core::intent::{Intent, Request};
use bracketd_core::money::Price;
use bracketd_core::order::{Direction, Leg};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use bracketd_policy::{OnError, Policy};

use super::outcome::source;
use crate::engine::Engine;

/// What was refused is tried again after this.
const AGAIN_MS: u64 = 60_000;

/// What is to be done, and not before when.
#[derive(Debug, Default)]
pub(super) struct Due(BTreeMap<(PolicyName, TransactionId), Timestamp>);

impl Due {
    pub(super) fn put(
        &mut self,
        policy: &PolicyName,
        transactions: impl IntoIterator<Item = TransactionId>,
        from: Timestamp,
    ) {
        self.0.extend(transactions.into_iter().map(|id| ((policy.clone(), id), from)));
    }

    /// Another version of the policy decides, or a person took it up: nothing is due any more.
    pub(super) fn another_version(&mut self, policy: &PolicyName) {
        self.0.retain(|(name, _), _| name != policy);
    }

    pub(super) fn forget(&mut self, id: TransactionId) {
        self.0.retain(|(_, of), _| *of != id);
    }

    fn now(&self, now: Timestamp) -> Vec<(PolicyName, TransactionId)> {
        let due = self.0.iter().filter(|(_, from)| **from <= now);
        due.map(|(key, _)| key.clone()).collect()
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.values().min().copied()
    }
}

impl Engine {
    /// When something has to be tried again.
    pub(crate) fn next_on_error(&self) -> Option<Timestamp> {
        self.runs.due.next()
    }

    /// After a start: what was frozen and not done yet is due.
    pub(crate) fn due_at_start(&mut self, now: Timestamp) {
        let open = self.runs.breakers.frozen().iter().filter(|f| !f.acted && f.back_to.is_none());
        let decides = |name, digest| {
            self.policies.policy(name).is_some_and(|policy| policy.digest() == digest)
        };
        let open = open.filter(|freeze| decides(&freeze.policy, freeze.digest.as_str()));
        let all: Vec<(PolicyName, Option<TransactionId>)> =
            open.map(|freeze| (freeze.policy.clone(), freeze.transaction)).collect();
        for (policy, transaction) in all {
            let ids = transaction.map_or_else(|| self.assigned(&policy), |id| vec![id]);
            self.runs.due.put(&policy, ids, now);
        }
    }

    /// Does what is due.
    pub(super) fn act_on_errors(&mut self, now: Timestamp, out: &mut Transition) {
        for (name, id) in self.runs.due.now(now) {
            let key = (name.clone(), id);
            let done = match (self.policies.policy(&name), self.book.transactions.get(&id)) {
                (Some(policy), Some(tx)) if tx.status == TransactionStatus::Opened => {
                    match self.wish(policy, tx) {
                        Some(request) => self.decide(&request, now, out).accepted(),
                        None => false,
                    }
                }
                // A position that opens later is looked at then.
                (Some(_), Some(tx)) => tx.status != TransactionStatus::Waiting,
                _ => true,
            };
            if !done {
                self.runs.due.0.insert(key, now.plus_ms(AGAIN_MS));
                continue;
            }
            self.runs.due.0.remove(&key);
            let is_last = !self.runs.due.0.keys().any(|(of, _)| *of == name);
            self.runs.breakers.acted(&name, Some(id));
            if is_last {
                self.runs.breakers.acted(&name, None);
            }
        }
    }

    fn wish(&self, policy: &Policy, tx: &Transaction) -> Option<Request> {
        let settings = self.policy_settings.get(policy.name()).unwrap_or(&self.runs.defaults);
        let (intent, why) = match policy.on_error() {
            OnError::Keep => return None,
            OnError::Close => (Intent::Close { transaction: tx.id }, "close".to_owned()),
            OnError::Tighten(percent) => {
                let account = self.book.accounts.get(&tx.account)?;
                let market = account.quotes.get(&tx.symbol)?.exit_price(tx.direction)?;
                let stop = behind(market, percent, tx.direction)?;
                let instrument = account.instruments.get(&tx.symbol)?;
                let stop = instrument.snap_toward_market(stop, Leg::Stop, tx.direction)?;
                let intent = Intent::Ratchet { transaction: tx.id, stop };
                (intent, format!("tighten to {percent}% behind the market"))
            }
        };
        settings.verbs.allows(intent.verb()).then(|| Request {
            intent,
            source: source(policy),
            why: format!("the policy is frozen; its on_error says: {why}"),
            if_version: None,
            inputs: String::new(),
        })
    }
}

/// The price so many percent from the market towards the loss.
fn behind(market: Price, percent: Decimal, direction: Direction) -> Option<Price> {
    let part = market.get().checked_mul(percent)?.checked_div(Decimal::ONE_HUNDRED)?;
    Price::new(match direction {
        Direction::Long => market.get().checked_sub(part)?,
        Direction::Short => market.get().checked_add(part)?,
    })
}
