//! The thread that builds policies: new content in, a built set out.
//!
//! Apart because compiling, testing and rehearsing scripts takes milliseconds that the engine does
//! not have. The engine says what is live and swaps the set between two runs; what was refused leaves
//! the version before it deciding (I11).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bracketd_core::diagnostic::Diagnostic;
use bracketd_core::ids::PolicyName;
use bracketd_core::time::Timestamp;
use bracketd_policy::{BuildReport, Moments, Policy, PolicySet, SourceFile, Sources};
use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::values::{self, VALUES_FILE};
use crate::message::{KeptVersion, Reloaded, ToEngine};
use crate::vital;
use crate::watch::{Look, Snapshot, scan};

/// Reload requests that may wait.
const ASKED_MAX: usize = 8;

/// How long one build waits for what is live, all policies together.
const MOMENTS_WAIT: Duration = Duration::from_millis(250);

/// The engine thread's side of the builder.
#[derive(Debug)]
pub struct PolicyBuilder {
    ask: Sender<Sender<Reloaded>>,
    /// What was refused last, for status.
    pub(super) refused: Vec<bracketd_policy::Refused>,
    /// Why the values of `params.toml` were not taken; those before them go on.
    pub(super) params_refused: Vec<Diagnostic>,
    /// Policies whose file is gone; their last versions go on.
    removed: Vec<PolicyName>,
    /// Why the directory cannot be read, while it cannot.
    pub(super) unreadable: Option<String>,
    loaded_at: BTreeMap<PolicyName, Timestamp>,
}

/// Splits a directory's content into policies, their tests and what they share; of `base` counts what
/// the configuration says.
pub fn sources(dir: &Path, snapshot: &Snapshot, base: &Sources) -> Sources {
    let (config, accounts) = (base.config.clone(), base.accounts.clone());
    let mut sources = Sources { config, accounts, ..Sources::default() };
    for (name, text) in &snapshot.files {
        if name == VALUES_FILE {
            let path = dir.join(name).display().to_string();
            let fault = snapshot.faults.get(name).cloned();
            let (name, text) = ("params".to_owned(), text.clone());
            sources.values = Some(values::read(SourceFile { name, path, text, fault }));
            continue;
        }
        let stem = name.trim_end_matches(".rhai");
        let path = dir.join(name).display().to_string();
        let fault = snapshot.faults.get(name).cloned();
        let file =
            |stem: &str| SourceFile { name: stem.to_owned(), path, text: text.clone(), fault };
        if let Some(lib) = stem.strip_prefix("lib/") {
            sources.libs.push(file(lib));
        } else if let Some(policy) = stem.strip_suffix("_test") {
            sources.tests.push(file(policy));
        } else {
            sources.policies.push(file(stem));
        }
    }
    sources
}

impl PolicyBuilder {
    /// Starts the thread. It follows `looks` and whoever asks, and tells the engine. Of `base` counts
    /// what the configuration says.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn start(
        dir: PathBuf,
        first: PolicySet,
        base: Sources,
        digest: Option<String>,
        looks: Receiver<Look>,
        engine: Sender<ToEngine>,
    ) -> std::io::Result<Self> {
        let (ask, asked) = bounded(ASKED_MAX);
        let thread = Builder { dir, last: first, base, digest, engine, is_unreadable: false };
        vital::spawn("policies", move || thread.run(&looks, &asked))?;
        Ok(Self {
            ask,
            refused: Vec::new(),
            params_refused: Vec::new(),
            removed: Vec::new(),
            unreadable: None,
            loaded_at: BTreeMap::new(),
        })
    }

    /// Somebody wants the directory read now. Where too many do, the asker is not answered and
    /// runs into its own deadline.
    pub(super) fn ask(&self, reply: Sender<Reloaded>) {
        drop(self.ask.try_send(reply));
    }

    /// A built set goes into the engine's next step.
    pub(super) fn built(
        &mut self,
        report: &BuildReport,
        reply: Option<Sender<Reloaded>>,
        now: Timestamp,
    ) {
        self.refused.clone_from(&report.refused);
        self.params_refused.clone_from(&report.params_refused);
        self.removed.clone_from(&report.removed);
        for change in &report.changed {
            self.loaded_at.insert(change.name.clone(), now);
        }
        // At a start nothing changed, and yet everything is loaded.
        for policy in report.set.iter() {
            self.loaded_at.entry(policy.name().clone()).or_insert(now);
        }
        if let Some(reply) = reply {
            drop(reply.try_send(self.reloaded(report)));
        }
    }

    fn reloaded(&self, report: &BuildReport) -> Reloaded {
        let kept = |name: &PolicyName, digest: Option<&str>| KeptVersion {
            name: name.clone(),
            digest: digest.map(str::to_owned),
            loaded_at: self.loaded_at(name),
        };
        let refused = report.refused.iter();
        let removed = report.removed.iter();
        Reloaded {
            changed: report.changed.clone(),
            refused: refused
                .clone()
                .flat_map(|r| &r.diagnostics)
                .chain(&report.params_refused)
                .cloned()
                .collect(),
            params: report.params_changed.clone(),
            kept: refused.map(|r| kept(&r.name, r.running.as_deref())).collect(),
            no_file: removed
                .map(|name| kept(name, report.set.policy(name).map(Policy::digest)))
                .collect(),
        }
    }

    /// Whether the policy's file is there, as far as the directory can be read.
    pub(super) fn has_file(&self, policy: &PolicyName) -> bool {
        self.unreadable.is_some() || !self.removed.contains(policy)
    }

    /// When the version that decides was taken.
    pub(super) fn loaded_at(&self, policy: &PolicyName) -> Option<Timestamp> {
        self.loaded_at.get(policy).copied()
    }
}

struct Builder {
    dir: PathBuf,
    last: PolicySet,
    /// What the configuration says: values of parameters, accounts.
    base: Sources,
    digest: Option<String>,
    engine: Sender<ToEngine>,
    /// Whether the engine was told so last.
    is_unreadable: bool,
}

impl Builder {
    fn run(mut self, looks: &Receiver<Look>, asked: &Receiver<Sender<Reloaded>>) {
        loop {
            let (look, reply) = select! {
                recv(looks) -> look => match look {
                    Ok(look) => (look, None),
                    Err(_) => return,
                },
                recv(asked) -> reply => match reply {
                    Ok(reply) => (scan(&self.dir).map(Arc::new), Some(reply)),
                    Err(_) => return,
                },
            };
            if self.build(look, reply).is_err() {
                return;
            }
        }
    }

    fn build(&mut self, look: Look, reply: Option<Sender<Reloaded>>) -> Result<(), ()> {
        self.tell(look.as_ref().err().map(ToString::to_string))?;
        let report = match look {
            Ok(snapshot) if self.digest.as_ref() == Some(&snapshot.digest) && reply.is_none() => {
                return Ok(());
            }
            Ok(snapshot) => {
                self.digest = Some(snapshot.digest.clone());
                let sources = sources(&self.dir, &snapshot, &self.base);
                let mut wait = Wait { engine: &self.engine, until: None };
                let mut ask = |policy: &PolicyName| wait.moments(policy);
                PolicySet::vetted(&sources, Some(&self.last), Some(&mut ask))
            }
            Err(error) => {
                tracing::warn!(%error, "the policies cannot be read; those running go on");
                if let Some(reply) = reply {
                    drop(reply.try_send(unreadable(&self.dir, &error.to_string())));
                }
                return Ok(());
            }
        };
        self.last = report.set.clone();
        let message = ToEngine::PoliciesBuilt { report: Box::new(report), reply };
        self.engine.send(message).map_err(drop)
    }

    /// Tells the engine that the directory cannot be read, or that it can again.
    fn tell(&mut self, unreadable: Option<String>) -> Result<(), ()> {
        if unreadable.is_none() && !self.is_unreadable {
            return Ok(());
        }
        self.is_unreadable = unreadable.is_some();
        self.engine.send(ToEngine::PolicyDirectory { unreadable }).map_err(drop)
    }
}

/// Waiting for the engine's word on what is live: all waits of one build together are bounded, so
/// that a version which mends something is never held up for long.
struct Wait<'a> {
    engine: &'a Sender<ToEngine>,
    until: Option<Instant>,
}

impl Wait<'_> {
    /// What the policy would be asked about now; none where the engine has no time to say so.
    fn moments(&mut self, policy: &PolicyName) -> Option<Moments> {
        let until = *self.until.get_or_insert_with(|| Instant::now() + MOMENTS_WAIT);
        let (reply, answer) = bounded(1);
        let message = ToEngine::Moments { policy: policy.clone(), reply };
        self.engine.send_deadline(message, until).ok()?;
        answer.recv_deadline(until).ok()
    }
}

fn unreadable(dir: &Path, why: &str) -> Reloaded {
    let refused = vec![Diagnostic {
        severity: bracketd_core::diagnostic::Severity::Error,
        code: "P000",
        message: why.to_owned(),
        file: dir.display().to_string(),
        source: String::new(),
        span: (0, 0),
        label: String::new(),
        help: Some("the policies that were running go on".to_owned()),
    }];
    Reloaded { refused, ..Reloaded::default() }
}

#[cfg(test)]
mod tests {
    use bracketd_engine::Engine;
    use bracketd_store::Ledger;

    use super::*;

    fn script(version: &str) -> String {
        format!(
            "const POLICY = #{{ version: \"{version}\", api: 1 }};\nfn on_tick(t, m, p) {{ note(\"v\", 1); }}\n"
        )
    }

    /// What a builder says of the second version, to an engine that treats its question so.
    fn told(answer: impl FnOnce(PolicyName, Sender<Moments>)) -> BuildReport {
        let dir = tempfile::tempdir().unwrap();
        let look = |version| {
            std::fs::write(dir.path().join("p.rhai"), script(version)).unwrap();
            scan(dir.path()).unwrap()
        };
        let first =
            PolicySet::build(&sources(dir.path(), &look("1"), &Sources::default()), None).set;
        let (looked, looks) = bounded(1);
        let (engine, inbox) = bounded(4);
        let config = Sources::default();
        let path = dir.path().to_owned();
        let _builder = PolicyBuilder::start(path, first, config, None, looks, engine).unwrap();
        looked.send(Ok(Arc::new(look("2")))).unwrap();
        let Ok(ToEngine::Moments { policy, reply }) = inbox.recv() else { panic!("no question") };
        answer(policy, reply);
        match inbox.recv() {
            Ok(ToEngine::PoliciesBuilt { report, .. }) => *report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn i11_a_version_does_not_wait_for_an_engine_that_has_no_time() {
        let late = "not rehearsed: what is live was not to be had in time";
        let mut kept = None;
        assert_eq!(told(|_, reply| kept = Some(reply)).changed[0].rehearsal, late);
        assert_eq!(told(|_, reply| drop(reply)).changed[0].rehearsal, late);
        let report = told(|policy, reply| {
            let ledger = Ledger::in_memory().unwrap();
            let now = Timestamp(1);
            let set = PolicySet::default();
            let engine = Engine::start(ledger, bracketd_engine::Settings::default(), set, now);
            reply.send(engine.unwrap().moments(&policy, now)).unwrap();
        });
        assert_eq!(report.changed[0].rehearsal, "nothing live to rehearse it on");
    }
}
