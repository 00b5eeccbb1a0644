//! A version tried on what is live, before it decides about any of it.
//!
//! Apart because it is the last thing that can refuse a version (I11): a script may compile, pass its
//! tests and still fail on what the book really holds. Nothing that is asked for here reaches
//! anybody, and time is counted in operations, so the same moments give the same answer (I15).

mod moment;
mod wants;

use std::collections::BTreeMap;
use std::sync::Arc;

use bracketd_core::diagnostic::Diagnostic;
use bracketd_core::ids::PolicyName;
use rhai::Position;

use crate::event::EventKind;
use crate::failure::{Failure, FailureKind};
use crate::limits::REHEARSAL_OPERATIONS_MAX;
use crate::params::Params;
use crate::policy::Policy;
use crate::run::{Ran, RunOutcome};
use crate::set::BuildReport;
use crate::source::SourceFile;
use crate::span;

pub use moment::{Moment, Moments, Sample, Subject};
use wants::{Tally, Wants};

/// Gives what a policy would be asked about now; none where that cannot be had in time.
pub type AskMoments<'a> = dyn FnMut(&PolicyName) -> Option<Moments> + 'a;

/// The rehearsals of one build.
pub(crate) struct Rehearsal<'a> {
    ask: &'a mut AskMoments<'a>,
    known: BTreeMap<PolicyName, Option<Moments>>,
    /// Operations that are left to all of them.
    left: u64,
}

/// How the runs about one moment ended.
enum Ended {
    Failed(EventKind, Failure),
    Skipped,
    Wants(Wants),
}

impl<'a> Rehearsal<'a> {
    pub(crate) fn new(ask: &'a mut AskMoments<'a>) -> Self {
        Self { ask, known: BTreeMap::new(), left: REHEARSAL_OPERATIONS_MAX }
    }

    /// Asks each version that is to take over, and the one that decides now, about the same moments.
    /// Says of each in words what would be other; gives those that fail where the other one does
    /// not.
    pub(crate) fn of(&mut self, report: &mut BuildReport) -> Vec<(PolicyName, Vec<Diagnostic>)> {
        let mut refused = Vec::new();
        for change in &mut report.changed {
            let Some(new) = report.set.shared(&change.name) else { continue };
            let params = report.set.params(&change.name);
            match self.compare(new, params) {
                Ok(said) => change.rehearsal = said,
                Err(found) => refused.push((change.name.clone(), found)),
            }
        }
        refused
    }

    fn compare(
        &mut self,
        new: &Arc<Policy>,
        params: Option<&Params>,
    ) -> Result<String, Vec<Diagnostic>> {
        let name = new.name();
        if !self.known.contains_key(name) {
            let moments = (self.ask)(name);
            self.known.insert(name.clone(), moments);
        }
        let Some(Some(moments)) = self.known.get(name) else {
            return Ok("not rehearsed: what is live was not to be had in time".to_owned());
        };
        let mut tally = Tally::new(moments.all.len(), moments.is_all);
        for moment in &moments.all {
            if self.left == 0 {
                tally.is_cut = true;
                break;
            }
            let running = moment.pinned.as_ref().or(moments.running.as_ref());
            let before =
                running.map(|old| asked(old, &moments.params, (moments, moment), &mut self.left));
            let after =
                asked(new, params.unwrap_or(&moments.config), (moments, moment), &mut self.left);
            match (before.flatten(), after) {
                (Some(Ended::Failed(..)), Some(Ended::Failed(..))) => tally.same(moment),
                (before, Some(Ended::Failed(event, failure))) => {
                    return Err(vec![complaint(new, (moment, event, &failure), before.is_some())]);
                }
                (None, None) => {}
                (before, after) => tally.add(moment, before, after),
            }
        }
        Ok(tally.to_string())
    }
}

/// Asks a version about a moment; none where it handles nothing of it.
fn asked(
    policy: &Policy,
    params: &Params,
    (moments, moment): (&Moments, &Moment),
    left: &mut u64,
) -> Option<Ended> {
    let (mut requests, mut is_skipped, mut is_asked) = (Vec::new(), true, false);
    for kind in moment.kinds().iter().filter(|kind| policy.handles(**kind)) {
        let Some(ran) = moment.ask(policy, (params, &moments.verbs), *kind) else { continue };
        let Ran { outcome, requests: wanted, operations, .. } = ran;
        *left = left.saturating_sub(operations);
        is_asked = true;
        match outcome {
            RunOutcome::Failed(failure) => return Some(Ended::Failed(*kind, failure)),
            RunOutcome::Skipped(_) => {}
            RunOutcome::Done => {
                is_skipped = false;
                requests.extend(wanted);
            }
        }
    }
    let ended = || match is_skipped {
        true => Ended::Skipped,
        false => Ended::Wants(Wants::of(&moment.about, requests)),
    };
    is_asked.then(ended)
}

fn complaint(
    policy: &Policy,
    (moment, event, failure): (&Moment, EventKind, &Failure),
    runs_well: bool,
) -> Diagnostic {
    let whom = moment.to_string();
    let but = if runs_well { ", and the version that runs does not" } else { "" };
    let handler = event.handler();
    let message = format!("fails on {whom} in {handler}{but}: {}", failure.message);
    let files = std::iter::once(&policy.script).chain(&policy.libs);
    let file = files.into_iter().find(|file| file.path == failure.file).unwrap_or(&policy.script);
    let mut found = span::complain(file, "P025", place(file, event, failure), message);
    let show = match &moment.about {
        Subject::Transaction(sample) => format!("tx show {}", sample.transaction.id),
        Subject::Account => "status".to_owned(),
    };
    found.help = Some(format!(
        "`bracketd {show}` shows what it was asked about; `bracketd policy reload` tries it again"
    ));
    found
}

/// Where it failed; the function that was asked, where no place is known.
fn place(file: &SourceFile, event: EventKind, failure: &Failure) -> (usize, usize) {
    match (u16::try_from(failure.line), u16::try_from(failure.column)) {
        (Ok(line @ 1..), Ok(column)) => span::of_position(&file.text, Position::new(line, column)),
        _ if failure.kind == FailureKind::Migration => {
            span::of_function(&file.text, EventKind::Reload.handler())
        }
        _ => span::of_function(&file.text, event.handler()),
    }
}
