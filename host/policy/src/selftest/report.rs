//! All tests of a directory, with what people want to know of each: `policy test`.
//!
//! Apart from the tests themselves because a build only asks whether they pass. Nothing here
//! prints.

use std::sync::Arc;

use bracketd_core::diagnostic::Diagnostic;
use bracketd_core::ids::PolicyName;

use super::Tests;
use super::fixture::{Subject, touched};
use super::mark::{self, Marks};
use super::snapshot::{self, Snapshot};
use super::trace::{self, TestStep};
use crate::policy::Policy;
use crate::set::PolicySet;
use crate::source::{SourceFile, Sources};
use crate::span::complain;
use crate::{build, engine, limits};

/// What became of one test function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The policy.
    pub policy: PolicyName,
    /// The function; empty when the file could not be run at all.
    pub test: String,
    /// Why it failed, with its place; none when it passed.
    pub failure: Option<Diagnostic>,
    /// What was expected, where a comparison failed.
    pub expected: Option<String>,
    /// What there was instead.
    pub actual: Option<String>,
    /// How the world stood when it failed, by name.
    pub world: Vec<(&'static str, String)>,
    /// What the policy was told and what it asked for until then.
    pub trace: Vec<TestStep>,
}

/// Which lines of a file ran in the tests of its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The policy, or the library.
    pub name: String,
    /// The file as people know it.
    pub path: String,
    /// Lines with a statement.
    pub lines: usize,
    /// Those of them that never ran, each with its text.
    pub missed: Vec<(usize, String)>,
}

/// Which tests to run, and how.
#[derive(Clone, Debug, Default)]
pub struct TestOptions<'a> {
    /// Only tests with this in `policy::test`.
    pub pattern: Option<&'a str>,
    /// Takes what the policies decide now as what their snapshots expect.
    pub takes_snapshots: bool,
}

/// What became of all of them.
#[derive(Clone, Debug, Default)]
pub struct TestReport {
    /// One for each test, policies in order of their names.
    pub results: Vec<TestResult>,
    /// One for each policy that was tested, and for each library.
    pub coverage: Vec<Coverage>,
    /// New texts of test files, where snapshots were taken.
    pub snapshots: Vec<Snapshot>,
}

/// Runs the tests of every policy in the sources. A policy that does not build fails all of its
/// tests with the first reason.
pub fn run_tests(sources: &Sources, options: &TestOptions<'_>) -> TestReport {
    let untested = Sources { tests: Vec::new(), ..sources.clone() };
    let built = PolicySet::build(&untested, None);
    let twins = Twins::of(sources, &built.set);
    let mut report = TestReport::default();
    for file in &sources.tests {
        let name = file.policy_name();
        let refused = built.refused.iter().find(|refused| refused.name == name);
        let because = refused.and_then(|refused| refused.diagnostics.first().cloned());
        match twins.policy(&name) {
            Some(policy) => tested(&policy, &twins, file, sources, options, &mut report),
            None => {
                let message = format!("there is no policy {name} for these tests");
                let failure = because.unwrap_or_else(|| complain(file, "P009", (0, 0), message));
                report.results.push(TestResult::failed(&name, "", failure));
            }
        }
    }
    report.results.sort_by(|a, b| a.policy.as_str().cmp(b.policy.as_str()));
    for policy in sources.policies.iter().filter(|p| built.set.policy(&p.policy_name()).is_some()) {
        report.coverage.push(twins.coverage(policy));
    }
    report.coverage.extend(sources.libs.iter().map(|lib| twins.coverage(lib)));
    report
}

fn tested(
    policy: &Arc<Policy>,
    twins: &Twins,
    file: &SourceFile,
    sources: &Sources,
    options: &TestOptions<'_>,
    report: &mut TestReport,
) {
    let name = policy.name();
    let tests = match Tests::read(file, sources) {
        Ok(tests) => tests,
        Err(findings) => {
            let failed = findings.into_iter().map(|found| TestResult::failed(name, "", found));
            return report.results.extend(failed);
        }
    };
    let subject = Subject { policy: Arc::clone(policy), marks: Some(Arc::clone(&twins.marks)) };
    snapshot::begin(options.takes_snapshots);
    for test in &tests.names {
        if options.pattern.is_some_and(|p| !format!("{name}::{test}").contains(p)) {
            continue;
        }
        trace::begin();
        drop(touched());
        let ended = tests.run(test, &subject);
        let trace = twins.placed(trace::end());
        let world = touched().map(|world| world.lock().state()).unwrap_or_default();
        report.results.push(match ended {
            Ok(()) => TestResult::passed(name, test),
            Err(failed) => TestResult {
                expected: failed.mismatch.as_ref().map(|mismatch| mismatch.expected.clone()),
                actual: failed.mismatch.map(|mismatch| mismatch.actual),
                world,
                trace,
                ..TestResult::failed(name, test, failed.found)
            },
        });
    }
    report.snapshots.extend(snapshot::taken(file));
}

impl TestResult {
    fn passed(policy: &PolicyName, test: &str) -> Self {
        Self {
            policy: policy.clone(),
            test: test.to_owned(),
            failure: None,
            expected: None,
            actual: None,
            world: Vec::new(),
            trace: Vec::new(),
        }
    }

    fn failed(policy: &PolicyName, test: &str, failure: Diagnostic) -> Self {
        Self { failure: Some(failure), ..Self::passed(policy, test) }
    }
}

/// The policies with their marks.
pub(super) struct Twins {
    set: Vec<Arc<Policy>>,
    pub(super) marks: Arc<Marks>,
}

impl Twins {
    /// The twins of all policies that built.
    pub(super) fn of(sources: &Sources, built: &PolicySet) -> Self {
        let mut marks = Marks::default();
        let good = |file: &&SourceFile| built.policy(&file.policy_name()).is_some();
        let policies: Vec<SourceFile> =
            sources.policies.iter().filter(good).map(|file| marks.add(file)).collect();
        let libs: Vec<SourceFile> = sources.libs.iter().map(|file| marks.add(file)).collect();
        let marks = Arc::new(marks);
        let (mut engine, _) = engine::new();
        mark::register(&mut engine, &marks);
        // A mark costs a few operations itself.
        engine.set_max_operations(limits::OPERATIONS_MAX * 4);
        let libs = build::link(&mut engine, &libs);
        let drafts: Vec<build::Draft> = policies
            .iter()
            .filter_map(|file| build::draft(&mut engine, file, &libs, None).ok())
            .collect();
        let engine = Arc::new(engine);
        let set = drafts.into_iter().map(|draft| Arc::new(draft.finish(&engine))).collect();
        Self { set, marks }
    }

    pub(super) fn policy(&self, name: &PolicyName) -> Option<Arc<Policy>> {
        self.set.iter().find(|policy| policy.name() == name).cloned()
    }

    /// The steps with the places of their calls.
    pub(super) fn placed(&self, mut steps: Vec<TestStep>) -> Vec<TestStep> {
        for call in steps.iter_mut().flat_map(|step| &mut step.calls) {
            if let Some(place) = call.mark.and_then(|mark| self.marks.place(mark)) {
                call.file = place.path.to_string();
                (call.line, call.column) = (place.line, place.column);
            }
        }
        steps
    }

    fn coverage(&self, file: &SourceFile) -> Coverage {
        let lines = self.marks.lines(&file.path);
        let text = |line: usize| {
            let text = file.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            (line, text.trim().to_owned())
        };
        Coverage {
            name: file.name.clone(),
            path: file.path.clone(),
            lines: lines.len(),
            missed: lines.iter().filter(|(_, ran)| !ran).map(|(line, _)| text(*line)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipped;

    /// Marks change nothing: every shipped script still compiles with them and passes its tests,
    /// and each of its lines with a statement is known.
    #[test]
    fn every_shipped_policy_has_a_twin() {
        let sources = shipped();
        let built = PolicySet::build(&sources, None);
        let twins = Twins::of(&sources, &built.set);
        assert_eq!(twins.set.len(), sources.policies.len());
        let report = run_tests(&sources, &TestOptions::default());
        let failed: Vec<_> = report.results.iter().filter_map(|r| r.failure.as_ref()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
        for coverage in &report.coverage {
            assert!(coverage.lines > 2, "{coverage:#?}");
        }
    }
}
