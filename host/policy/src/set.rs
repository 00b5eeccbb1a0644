//! All policies at one moment, and how the next moment's are made from bytes.
//!
//! Apart because a set is swapped as one: what fails keeps its last good version (I11), and
//! nothing half-built is ever visible.

use std::collections::BTreeMap;
use std::sync::Arc;

use bracketd_core::diagnostic::Diagnostic;
use bracketd_core::ids::PolicyName;

use crate::build::{self, Libraries};
use crate::engine;
use crate::failure::{Failure, FailureKind};
use crate::params::file::Taken;
use crate::params::{self, Params, ValueFile};
use crate::policy::Policy;
use crate::rehearse::{AskMoments, Rehearsal};
use crate::run::{Ran, Run, RunOutcome};
use crate::selftest;
use crate::source::{SourceFile, Sources};

/// Policies by name. Immutable; cloning shares.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    policies: Arc<BTreeMap<PolicyName, Arc<Policy>>>,
    taken: Arc<Taken>,
}

/// A policy whose running version is another than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The policy.
    pub name: PolicyName,
    /// The version that ran; none for a new policy.
    pub before: Option<String>,
    /// The version that runs.
    pub after: String,
    /// What a rehearsal on what is live came to, in words; empty where there was none.
    pub rehearsal: String,
}

/// A policy that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The policy.
    pub name: PolicyName,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// The version that goes on running, if one does.
    pub running: Option<String>,
    /// The version that was refused, where it was sound and only its rehearsal spoke against it.
    pub rehearsed: Option<String>,
}

/// What became of a snapshot of sources.
#[derive(Clone, Debug, Default)]
pub struct BuildReport {
    /// The policies to run from now on.
    pub set: PolicySet,
    /// Those that are new or other than before.
    pub changed: Vec<Change>,
    /// Those that were refused.
    pub refused: Vec<Refused>,
    /// Those whose file is gone; their last version goes on running.
    pub removed: Vec<PolicyName>,
    /// What is wrong with files that no policy needs, and what somebody should look at in policies
    /// that were taken.
    pub warnings: Vec<Diagnostic>,
    /// What other values of parameters were taken, a line each.
    pub params_changed: Vec<String>,
    /// Why the values of `params.toml` were not taken; those before them go on, all of them.
    pub params_refused: Vec<Diagnostic>,
}

impl PolicySet {
    /// Compiles, checks and tests every policy in a fresh engine. Where that fails the last good
    /// version from `previous` goes on running; so does one whose file is gone.
    pub fn build(sources: &Sources, previous: Option<&Self>) -> BuildReport {
        Self::built(sources, previous, false, None)
    }

    /// The door to deciding: the same, no version takes over that breaks a property it is not exempt
    /// from, and where there are moments it is rehearsed on them.
    pub fn vetted(
        sources: &Sources,
        previous: Option<&Self>,
        moments: Option<&mut AskMoments<'_>>,
    ) -> BuildReport {
        Self::built(sources, previous, true, moments.map(|ask| Rehearsal::new(ask)))
    }

    /// A build with the rehearsal alone. A version that is to take over is asked about what is live
    /// first, and so is the one that decides now: it is refused where it fails and the other does not
    /// (I11).
    pub fn rehearsed(
        sources: &Sources,
        previous: Option<&Self>,
        moments: &mut AskMoments<'_>,
    ) -> BuildReport {
        Self::built(sources, previous, false, Some(Rehearsal::new(moments)))
    }

    fn built(
        sources: &Sources,
        previous: Option<&Self>,
        is_vetted: bool,
        mut rehearsal: Option<Rehearsal<'_>>,
    ) -> BuildReport {
        let (mut engine, _) = engine::new();
        let libs = build::link(&mut engine, &sources.libs);
        let mut drafts = Vec::new();
        let mut warnings = Vec::new();
        let mut failed = Vec::new();
        for file in &sources.policies {
            let name = file.policy_name();
            let running = previous.and_then(|set| set.policy(&name));
            match build::draft(&mut engine, file, &libs, running) {
                Ok(mut draft) => {
                    warnings.append(&mut draft.warnings);
                    drafts.push(draft);
                }
                Err(diagnostics) => failed.push((name, diagnostics)),
            }
        }
        let engine = Arc::new(engine);
        let mut good = BTreeMap::new();
        for draft in drafts {
            let policy = Arc::new(draft.finish(&engine));
            let tests = sources.tests.iter().find(|test| test.name == policy.name().as_str());
            let findings: Vec<Diagnostic> =
                tests.map(|file| selftest::failures(&policy, file, sources)).unwrap_or_default();
            if findings.is_empty() {
                good.insert(policy.name().clone(), policy);
            } else {
                failed.push((policy.name().clone(), findings));
            }
        }
        if is_vetted {
            let runs = |name: &PolicyName| previous.and_then(|set| set.policy(name));
            let is_new = |name: &PolicyName| {
                let new = good.get(name).map(|policy| policy.digest());
                new.is_some() && new != runs(name).map(Policy::digest)
            };
            let broken = selftest::broken(sources, is_new);
            good.retain(|name, _| broken.iter().all(|(bad, _)| bad != name));
            failed.extend(broken);
        }
        // Values of parameters go with the versions: without one of those, others may not fit.
        let mut sound = BTreeMap::new();
        let mut report = loop {
            let mut report = assemble(good.clone(), failed.clone(), sources, previous, &libs);
            let refused = rehearsal.as_mut().map_or_else(Vec::new, |all| all.of(&mut report));
            if refused.is_empty() {
                break report;
            }
            for (name, _) in &refused {
                let digest = good.remove(name).map(|policy| policy.digest().to_owned());
                sound.extend(digest.map(|digest| (name.clone(), digest)));
            }
            failed.extend(refused);
        };
        for refused in &mut report.refused {
            refused.rehearsed = sound.remove(&refused.name);
        }
        report.warnings.append(&mut warnings);
        report
    }

    /// The set made from texts that [`Policy::bundle`] wrote; what was good once is not tested
    /// again. Each is built alone, with the libraries it had.
    pub fn restore<'b>(bundles: impl IntoIterator<Item = &'b str>) -> BuildReport {
        let mut report = BuildReport::default();
        let mut all = BTreeMap::new();
        for bundle in bundles {
            let Some(sources) = Sources::of_bundle(bundle) else {
                let file = SourceFile::new("ledger", "ledger", bundle);
                let message = "a policy kept in the ledger cannot be read";
                report.warnings.push(crate::span::complain(&file, "P001", (0, 0), message));
                continue;
            };
            let one = Self::build(&sources, None);
            all.extend(
                one.set.policies.iter().map(|(name, policy)| (name.clone(), Arc::clone(policy))),
            );
            report.changed.extend(one.changed);
            report.refused.extend(one.refused);
        }
        report.set = Self { policies: Arc::new(all), ..Self::default() };
        report
    }

    /// The policy of that name.
    pub fn policy(&self, name: &PolicyName) -> Option<&Policy> {
        self.policies.get(name).map(|policy| &**policy)
    }

    /// The set with this version of its policy.
    #[must_use]
    pub fn with(&self, policy: Arc<Policy>) -> Self {
        let mut all = BTreeMap::clone(&self.policies);
        all.insert(policy.name().clone(), policy);
        Self { policies: Arc::new(all), taken: Arc::clone(&self.taken) }
    }

    /// The policy of that name, to be held beyond the set.
    pub fn shared(&self, name: &PolicyName) -> Option<&Arc<Policy>> {
        self.policies.get(name)
    }

    /// All of them in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values().map(|policy| &**policy)
    }

    /// What is set for the policy: by the configuration, and by the file that was taken last.
    pub fn params(&self, name: &PolicyName) -> Option<&Params> {
        self.taken.params.get(name)
    }

    /// The file of values that was taken last.
    pub fn values(&self) -> Option<&ValueFile> {
        self.taken.file.as_deref()
    }

    /// The set with a file of values that was good once; where it fits no more, without it.
    #[must_use]
    pub fn with_values(
        self,
        file: Option<Arc<ValueFile>>,
        config: &BTreeMap<PolicyName, Params>,
    ) -> Self {
        let wanted = Taken::of(config, file.as_ref());
        let fits = wanted.findings(&self.policies).is_empty();
        let taken = if fits { wanted } else { Taken::of(config, None) };
        Self { taken: Arc::new(taken), ..self }
    }

    /// Runs a policy's handler of the event.
    pub fn run(&self, policy: &PolicyName, run: Run<'_>) -> Ran {
        match self.policy(policy) {
            Some(policy) => policy.run(&run),
            None => Ran::nothing(RunOutcome::Failed(Failure {
                kind: FailureKind::Unknown,
                message: format!("there is no policy {policy}"),
                file: String::new(),
                line: 0,
                column: 0,
            })),
        }
    }
}

fn assemble(
    good: BTreeMap<PolicyName, Arc<Policy>>,
    failed: Vec<(PolicyName, Vec<Diagnostic>)>,
    sources: &Sources,
    previous: Option<&PolicySet>,
    libs: &Libraries,
) -> BuildReport {
    let mut report = BuildReport::default();
    let digest = |name: &PolicyName| {
        previous.and_then(|set| set.policy(name)).map(|policy| policy.digest().to_owned())
    };
    for (name, policy) in &good {
        let before = digest(name);
        if before.as_deref() != Some(policy.digest()) {
            let after = policy.digest().to_owned();
            let name = name.clone();
            report.changed.push(Change { name, before, after, rehearsal: String::new() });
        }
    }
    for (name, diagnostics) in failed {
        report.refused.push(Refused { running: digest(&name), name, diagnostics, rehearsed: None });
    }
    let mut all = good;
    for (name, policy) in previous.into_iter().flat_map(|set| set.policies.iter()) {
        if !sources.policies.iter().any(|file| file.name == name.as_str()) {
            report.removed.push(name.clone());
        }
        all.entry(name.clone()).or_insert_with(|| Arc::clone(policy));
    }
    report.warnings = libs.bad.values().flatten().cloned().collect();
    for test in &sources.tests {
        if !sources.policies.iter().any(|file| file.name == test.name) {
            let message = format!("there is no policy {} for these tests", test.name);
            report.warnings.push(crate::span::complain(test, "P009", (0, 0), message));
        }
    }
    let before = previous.map_or_else(Arc::default, |set| Arc::clone(&set.taken));
    let is_gone = sources.values.is_none();
    let file = sources.values.as_ref().or(before.file.as_ref());
    if let Some(file) = file.filter(|_| is_gone) {
        let message = "params.toml is gone; its last values go on until a file sets others";
        report.warnings.push(crate::span::complain(&file.file, "P024", (0, 0), message));
    }
    let wanted = Taken::of(&sources.config, file);
    report.params_refused = wanted.findings(&all);
    if let (Some(file), Some(accounts)) = (&sources.values, &sources.accounts) {
        report.params_refused.extend(file.without_account(accounts));
    }
    let taken = match report.params_refused.is_empty() {
        true => wanted,
        // The configuration's own values are those of this process.
        false => Taken::of(&sources.config, before.file.as_ref()),
    };
    unfit(&mut all, &taken, previous, &mut report);
    report.params_changed = params::file::changes(&before, &taken);
    report.set = PolicySet { policies: Arc::new(all), taken: Arc::new(taken) };
    report
}

/// A version that the values do not fit is not taken: the one before it decides with them.
fn unfit(
    all: &mut BTreeMap<PolicyName, Arc<Policy>>,
    taken: &Taken,
    previous: Option<&PolicySet>,
    report: &mut BuildReport,
) {
    let names: Vec<PolicyName> = report.changed.iter().map(|change| change.name.clone()).collect();
    for name in names {
        let Some(Err(why)) = all.get(&name).map(|policy| taken.fits(policy)) else { continue };
        let Some(policy) = all.remove(&name) else { continue };
        let running = previous.and_then(|set| set.shared(&name));
        all.extend(running.map(|running| (name.clone(), Arc::clone(running))));
        report.changed.retain(|change| change.name != name);
        let mut found = crate::span::complain(&policy.script, "P024", (0, 0), why);
        found.help =
            Some("correct params.toml, or [policy.NAME] params of the configuration".into());
        let running = running.map(|running| running.digest().to_owned());
        report.refused.push(Refused { name, diagnostics: vec![found], running, rehearsed: None });
    }
}
