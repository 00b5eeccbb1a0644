//! Which version of a policy decides: reloads, versions that are sent back, and people who clear
//! that.
//!
//! Apart because a version is swapped between two runs and never within one, and because what was
//! refused or sent back leaves another version deciding (I11).

use std::ops::Bound;
use std::sync::Arc;

use bracketd_core::apply::Transition;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::{PolicyName, TransactionId};
use bracketd_core::intent::{Outcome, Source, Verdict};
use bracketd_core::refusal::Refusal;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::Transaction;
use bracketd_policy::{BuildReport, Failure, OnError, Policy, PolicySet, Refused};
use bracketd_store::{PolicyFreeze, PolicyParams, PolicyVersion};

use super::breakers::Trip;
use super::outcome::source;
use crate::engine::Engine;
use crate::input::Thaw;

/// The code of facts about values of parameters.
const VALUES: &str = "params.toml";
/// How the freeze of a version begins that only its rehearsal spoke against: a later rehearsal may
/// lift it.
const REFUSED: &str = "refused by its rehearsal: ";

impl Engine {
    /// The policy files were built anew: good versions decide from the next run on (I11).
    pub(crate) fn policies_changed(
        &mut self,
        report: BuildReport,
        now: Timestamp,
        out: &mut Transition,
    ) {
        for change in report.changed.iter().filter(|change| !change.rehearsal.is_empty()) {
            self.runs.breakers.lift(&change.name, &change.after, REFUSED);
        }
        let set = self.admitted(&report.set, now, out);
        for change in &report.changed {
            let taken = set.policy(&change.name).filter(|taken| taken.digest() == change.after);
            let Some(policy) = taken else { continue };
            if let Some(before) = self.policies.shared(&change.name) {
                let (name, digest) = (change.name.clone(), before.digest());
                if self.runs.breakers.of_version(&name, digest).is_none() {
                    self.runs.before.insert(name, Arc::clone(before));
                }
            }
            self.runs.breakers.another_version(&change.name);
            self.runs.due.another_version(&change.name);
            self.runs.wishes.another_version(&change.name);
            self.runs.pinned.retain(|(_, name), _| *name != change.name);
            let before = change.before.as_deref().map_or("none", short);
            let source = Source::Policy { name: change.name.clone(), digest: change.after.clone() };
            let mut fact = Fact::new(now, FactKind::PolicyLoaded, source);
            fact.code = change.name.to_string().into();
            fact.text = format!("{}: {before} -> {}", change.name, short(&change.after));
            if !change.rehearsal.is_empty() {
                fact.text = format!("{}; {}", fact.text, change.rehearsal);
            }
            out.facts.push(fact);
            self.runs.versions.push(PolicyVersion {
                name: change.name.clone(),
                digest: change.after.clone(),
                source: policy.bundle(),
                loaded_at: now,
                active: true,
            });
        }
        for refused in &report.refused {
            let mut fact = Self::host_fact(now, FactKind::PolicyRefused, String::new());
            fact.code = refused.name.to_string().into();
            fact.text = refused
                .diagnostics
                .first()
                .map_or_else(String::new, bracketd_core::diagnostic::Diagnostic::brief);
            self.remember_refused(refused, &fact.text, now);
            out.facts.push(fact);
        }
        let has_values = !report.params_changed.is_empty();
        self.values_changed(&report, now, out);
        let changed: Vec<PolicyName> = report.changed.into_iter().map(|c| c.name).collect();
        self.policies = set;
        if has_values {
            let all: Vec<PolicyName> = self.policies.iter().map(|p| p.name().clone()).collect();
            self.decide_anew(all);
        } else {
            self.decide_anew(changed);
        }
    }

    /// A start rehearses nothing: it must not take what was refused while there were prices. So the
    /// version counts as sent back, in the ledger, until a rehearsal or a person lifts that.
    fn remember_refused(&mut self, refused: &Refused, why: &str, now: Timestamp) {
        let (Some(digest), Some(running)) = (&refused.rehearsed, &refused.running) else { return };
        self.runs.breakers.freeze(PolicyFreeze {
            policy: refused.name.clone(),
            digest: digest.clone(),
            transaction: None,
            why: format!("{REFUSED}{why}"),
            since: now,
            back_to: Some(running.clone()),
            acted: true,
        });
    }

    /// Other values of parameters were taken, all of them, or none.
    fn values_changed(&mut self, report: &BuildReport, now: Timestamp, out: &mut Transition) {
        for line in &report.params_changed {
            let mut fact = Self::host_fact(now, FactKind::PolicyLoaded, line.clone());
            fact.code = VALUES.into();
            out.facts.push(fact);
        }
        if let Some(first) = report.params_refused.first() {
            let text = format!("{}; the values before it go on", first.brief());
            let mut fact = Self::host_fact(now, FactKind::PolicyRefused, text);
            fact.code = VALUES.into();
            out.facts.push(fact);
        }
        let taken = report.set.values().filter(|_| !report.params_changed.is_empty());
        let Some(taken) = taken else { return };
        self.runs.values = Some(PolicyParams {
            source: taken.file.text.clone(),
            digest: taken.digest(),
            loaded_at: now,
        });
    }

    /// What has just come to decide does so at once, not only at the next price.
    fn decide_anew(&mut self, policies: impl IntoIterator<Item = PolicyName>) {
        self.runs.anew.extend(policies);
        self.runs.anew_after = None;
    }

    /// Sets up one transaction for another version: its timers, and a first run at the price that is
    /// known. Gives whether there was one. A step takes as many as its share allows, so that a swap
    /// of a policy of thousands holds up nobody.
    pub(super) fn take_up_one(&mut self, now: Timestamp) -> bool {
        if self.runs.anew.is_empty() {
            return false;
        }
        let after = self.runs.anew_after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.book.transactions.range((after, Bound::Unbounded));
        let is_next = |tx: &Transaction| !tx.status.is_ended() && self.runs.is_anew(tx);
        let Some(id) = rest.find(|(_, tx)| is_next(tx)).map(|(id, _)| *id) else {
            self.runs.anew.clear();
            return false;
        };
        self.runs.anew_after = Some(id);
        self.schedule(id, now);
        self.wake_policies_about(id);
        true
    }

    /// The set without the versions that were sent back: the ones that decide instead stand in
    /// their place, also after a restart (I11).
    fn admitted(&mut self, set: &PolicySet, now: Timestamp, out: &mut Transition) -> PolicySet {
        let mut all = set.clone();
        for policy in set.iter() {
            let name = policy.name();
            let freeze = self.runs.breakers.of_version(name, policy.digest());
            let Some((freeze, back_to)) = freeze.and_then(|f| Some((f, f.back_to.as_ref()?)))
            else {
                self.runs.held_back.remove(name);
                continue;
            };
            let running = self.policies.shared(name).filter(|p| p.digest() != policy.digest());
            let instead = match running {
                Some(running) => Some(Arc::clone(running)),
                None => self.version_in_ledger(name, |version| version.digest == *back_to),
            };
            let Some(instead) = instead else { continue };
            let mut fact = Self::host_fact(now, FactKind::PolicyRefused, String::new());
            fact.code = name.to_string().into();
            fact.text = format!(
                "version {} of {name} was sent back before ({}); {} goes on; correct the file, or \
                 run: bracketd policy thaw {name}",
                short(policy.digest()),
                freeze.why,
                short(instead.digest())
            );
            let offered = set.shared(name).map(Arc::clone);
            all = all.with(instead);
            let Some(offered) = offered else { continue };
            let known = self.runs.held_back.insert(name.clone(), offered);
            if known.is_none_or(|known| known.digest() != policy.digest()) {
                out.facts.push(fact);
            }
        }
        all
    }

    /// At the start: what was sent back does not come back by itself.
    pub(crate) fn hold_back_at_start(&mut self, now: Timestamp, out: &mut Transition) {
        let offered = std::mem::take(&mut self.policies);
        self.policies = self.admitted(&offered, now, out);
    }

    /// The newest version of the policy in the ledger that fits and still builds.
    fn version_in_ledger(
        &self,
        name: &PolicyName,
        fits: impl Fn(&PolicyVersion) -> bool,
    ) -> Option<Arc<Policy>> {
        // A row that cannot be read is no version to go back to.
        let versions = self.ledger.policy_versions(name).unwrap_or_default();
        versions.iter().filter(|version| fits(version)).find_map(|version| {
            let set = PolicySet::restore([version.source.as_str()]).set;
            set.shared(name).filter(|policy| policy.digest() == version.digest).map(Arc::clone)
        })
    }

    /// The version that decided before this one and was good.
    fn version_before(&self, policy: &Policy) -> Option<Arc<Policy>> {
        let name = policy.name();
        let is_good = |digest: &str| {
            digest != policy.digest() && self.runs.breakers.of_version(name, digest).is_none()
        };
        // With the values that decide now it has to be one that can run.
        let params = self.policies.params(name);
        let runs = |version: &Arc<Policy>| params.is_none_or(|p| version.check_params(p).is_ok());
        let known = self.runs.before.get(name).filter(|before| is_good(before.digest()));
        let known = known.filter(|before| runs(before)).cloned();
        known.or_else(|| {
            self.version_in_ledger(name, |version| is_good(&version.digest)).filter(runs)
        })
    }

    /// What was kept of the transaction cannot be moved: the version that wrote it goes on there, until
    /// another version is loaded. Gives it, where there still is one.
    pub(super) fn pin(
        &mut self,
        tx: &Transaction,
        policy: &Policy,
        failure: &Failure,
        now: Timestamp,
        out: &mut Transition,
    ) -> Option<Arc<Policy>> {
        let name = policy.name();
        let key = (tx.id, name.clone());
        let wrote = &self.states.kept.get(&key)?.digest;
        if wrote == policy.digest() || self.runs.breakers.of_version(name, wrote).is_some() {
            return None;
        }
        let known = self.runs.before.get(name).filter(|before| before.digest() == wrote);
        let before =
            known.cloned().or_else(|| self.version_in_ledger(name, |v| v.digest == *wrote))?;
        let text = format!(
            "transaction {} stays with version {} of {name}: {failure}; correct on_reload and load \
             it again",
            tx.id,
            short(before.digest())
        );
        let mut fact = Fact::about(tx, now, FactKind::PolicyFailed, source(policy));
        (fact.code, fact.text) = (failure.kind.as_str().into(), text);
        out.facts.push(fact);
        self.runs.pinned.insert(key, Arc::clone(&before));
        Some(before)
    }

    /// Does what a breaker asks for. Stops stay in every case.
    pub(super) fn trip(
        &mut self,
        policy: &Policy,
        tx: Option<&Transaction>,
        (trip, failure): (Trip, &str),
        now: Timestamp,
        out: &mut Transition,
    ) {
        let freeze = |transaction, why: &str| PolicyFreeze {
            policy: policy.name().clone(),
            digest: policy.digest().to_owned(),
            transaction,
            why: format!("{why}, last with {failure}"),
            since: now,
            back_to: None,
            acted: policy.on_error() == OnError::Keep,
        };
        match trip {
            Trip::None => {}
            Trip::Transaction(why) => {
                self.frozen(policy, freeze(tx.map(|tx| tx.id), &why), tx, now, out);
            }
            Trip::Version(why) => self.frozen(policy, freeze(None, &why), None, now, out),
            // One step back is what somebody may have meant; a version that fails in the place of
            // another is frozen, not followed by ever older ones.
            Trip::Back(why) if self.runs.held_back.contains_key(policy.name()) => {
                self.frozen(policy, freeze(None, &why), None, now, out);
            }
            Trip::Back(why) => match self.version_before(policy) {
                None => self.frozen(policy, freeze(None, &why), None, now, out),
                Some(before) => {
                    let back_to = Some(before.digest().to_owned());
                    let freeze = PolicyFreeze { back_to, ..freeze(None, &why) };
                    self.go_back(policy, before, freeze, now, out);
                }
            },
        }
    }

    fn frozen(
        &mut self,
        policy: &Policy,
        freeze: PolicyFreeze,
        tx: Option<&Transaction>,
        now: Timestamp,
        out: &mut Transition,
    ) {
        let (name, digest) = (policy.name(), short(policy.digest()));
        let (code, of) = match tx {
            Some(tx) => ("TRANSACTION", format!("transaction {}", tx.id)),
            None => ("VERSION", "every transaction".to_owned()),
        };
        let then = match policy.on_error() {
            OnError::Keep => "stops stay as they are",
            OnError::Tighten(_) => "its stops are tightened as POLICY says",
            OnError::Close => "its positions are closed as POLICY says",
        };
        let text = format!("{name} {digest} is frozen for {of}: {}; {then}", freeze.why);
        let mut fact = match tx {
            Some(tx) => Fact::about(tx, now, FactKind::PolicyFrozen, source(policy)),
            None => Fact::new(now, FactKind::PolicyFrozen, source(policy)),
        };
        (fact.code, fact.text) = (code.into(), text);
        let concerned = match tx {
            Some(tx) => vec![tx.id],
            None => self.assigned(name),
        };
        if self.runs.breakers.freeze(freeze) {
            out.facts.push(fact);
            if policy.on_error() != OnError::Keep {
                self.runs.due.put(name, concerned, now);
            }
        }
    }

    fn go_back(
        &mut self,
        policy: &Policy,
        before: Arc<Policy>,
        freeze: PolicyFreeze,
        now: Timestamp,
        out: &mut Transition,
    ) {
        let name = policy.name().clone();
        let text = format!(
            "{name} goes back from {} to {}: {}; correct the file, or run: bracketd policy thaw \
             {name}",
            short(policy.digest()),
            short(before.digest()),
            freeze.why
        );
        if !self.runs.breakers.freeze(freeze) {
            return;
        }
        let mut fact = Fact::new(now, FactKind::PolicyFrozen, source(policy));
        (fact.code, fact.text) = ("SENT_BACK".into(), text);
        out.facts.push(fact);
        if let Some(bad) = self.policies.shared(&name) {
            self.runs.held_back.insert(name.clone(), Arc::clone(bad));
        }
        self.runs.breakers.another_version(&name);
        self.runs.due.another_version(&name);
        self.runs.wishes.another_version(&name);
        self.runs.pinned.retain(|(_, of), _| *of != name);
        self.decides_from_now_on(&before, now);
        self.policies = self.policies.with(before);
        self.decide_anew([name]);
    }

    /// The next commit makes it the active version, so that a restart begins with it.
    fn decides_from_now_on(&mut self, policy: &Policy, now: Timestamp) {
        self.runs.versions.push(PolicyVersion {
            name: policy.name().clone(),
            digest: policy.digest().to_owned(),
            source: policy.bundle(),
            loaded_at: now,
            active: true,
        });
    }

    /// A person has a policy asked again: about one transaction, or at all; then a version that was
    /// sent back and still stands in the directory decides again.
    pub(crate) fn thaw(&mut self, thaw: &Thaw, now: Timestamp, out: &mut Transition) -> Verdict {
        let name = &thaw.policy;
        let verdict =
            |outcome, message| Verdict { outcome, message, transaction: None, version: 0 };
        if self.policies.policy(name).is_none() {
            let message =
                format!("there is no policy {name}; `bracketd policy list` shows those there are");
            return verdict(Outcome::Refused(Refusal::UnknownPolicy), message);
        }
        let count = self.runs.breakers.thaw(name, thaw.transaction);
        if count == 0 {
            return verdict(Outcome::Unchanged, self.not_frozen(name, thaw.transaction));
        }
        self.runs.due.another_version(name);
        let of = thaw
            .transaction
            .map_or("every transaction".to_owned(), |id| format!("transaction {id}"));
        let mut text = format!("{name} is asked again about {of}");
        if let Some(offered) =
            self.runs.held_back.remove(name).filter(|_| thaw.transaction.is_none())
        {
            text = format!("{text}; version {} decides", short(offered.digest()));
            self.decides_from_now_on(&offered, now);
            self.policies = self.policies.with(offered);
        }
        let tx = thaw.transaction.and_then(|id| self.book.transactions.get(&id));
        let by = Source::Manual(thaw.by.clone());
        let mut fact = match tx {
            Some(tx) => Fact::about(tx, now, FactKind::PolicyThawed, by),
            None => Fact::new(now, FactKind::PolicyThawed, by),
        };
        fact.code = name.to_string().into();
        fact.text =
            if thaw.why.is_empty() { text.clone() } else { format!("{text}: {}", thaw.why) };
        out.facts.push(fact);
        self.decide_anew([name.clone()]);
        verdict(Outcome::Stored, text)
    }

    /// That nothing was to be thawed there, and what is frozen elsewhere.
    fn not_frozen(&self, name: &PolicyName, asked: Option<TransactionId>) -> String {
        let all = self.runs.breakers.frozen().iter().filter(|freeze| freeze.policy == *name);
        let of = |id: Option<TransactionId>| id.map_or("all".to_owned(), |id| id.to_string());
        let elsewhere: Vec<String> = all.map(|freeze| of(freeze.transaction)).collect();
        match asked {
            Some(id) if !elsewhere.is_empty() => format!(
                "{name} is not frozen for transaction {id}; it is frozen for: {}",
                elsewhere.join(", ")
            ),
            _ => format!("nothing of {name} is frozen"),
        }
    }

    /// Live transactions that the policy looks after.
    pub(super) fn assigned(&self, policy: &PolicyName) -> Vec<TransactionId> {
        let all = self.book.transactions.values();
        let own = all.filter(|tx| !tx.status.is_ended() && tx.policies.contains(policy));
        own.map(|tx| tx.id).collect()
    }

    /// What is frozen of policies, versions that were sent back among it.
    pub fn freezes(&self) -> &[PolicyFreeze] {
        self.runs.breakers.frozen()
    }

    /// The freeze of the version of that policy that decides now; where that one is not frozen, of the
    /// version in whose place it decides.
    pub fn freeze_of(&self, policy: &PolicyName) -> Option<&PolicyFreeze> {
        let of = |version: &Policy| self.runs.breakers.of_version(policy, version.digest());
        let decides = self.policies.policy(policy).and_then(of);
        decides.or_else(|| self.runs.held_back.get(policy).and_then(|offered| of(offered)))
    }

    /// Whether the version of that policy that decides now is frozen for every transaction.
    pub fn is_frozen(&self, policy: &PolicyName) -> bool {
        self.policies.policy(policy).is_some_and(|known| self.runs.is_frozen(known))
    }
}

/// The first characters of a content hash: enough to tell versions apart.
fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}
