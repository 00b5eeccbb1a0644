//! A policy's own tests: `NAME_test.rhai`, functions `test_*()`.
//!
//! Apart because they are part of every build: a policy whose tests fail is not taken. They run
//! through the same engine, [`run`](crate::Policy::run) and gate as the daemon. `policy test` runs
//! them on a twin with marks, which tells lines; a build runs the policy itself.

mod expect;
pub(crate) mod fixture;
mod ladder;
mod mark;
mod outside;
mod paths;
mod properties;
mod report;
mod show;
mod snapshot;
pub(crate) mod trace;
pub(crate) mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use bracketd_core::diagnostic::Diagnostic;
use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, Scope};

pub(crate) use properties::broken;
pub use properties::{PROPERTIES, PropertyResult, run_properties};
pub use report::{Coverage, TestOptions, TestReport, TestResult, run_tests};
pub use snapshot::Snapshot;
pub use trace::{TestCall, TestStep};

use crate::build;
use crate::engine;
use crate::failure::{innermost, message};
use crate::limits::TEST_OPERATIONS_MAX;
use crate::policy::Policy;
use crate::source::{SourceFile, Sources};
use crate::span::{complain, of_position};
use expect::Mismatch;
use fixture::Subject;

/// The names that only tests can call, in alphabetical order.
pub fn test_words() -> Vec<String> {
    let (mut engine, _) = engine::new();
    // A word may be one of the toolkit's too, with other arguments: `m.bar` and `w.bar`.
    let counted = |engine: &Engine| {
        let all = engine.collect_fn_metadata(None, |f| Some(f.metadata.name.to_string()), true);
        all.into_iter().fold(BTreeMap::new(), |mut counts: BTreeMap<String, usize>, name| {
            *counts.entry(name).or_default() += 1;
            counts
        })
    };
    let before = counted(&engine);
    fixture::register(&mut engine);
    expect::register(&mut engine);
    snapshot::register(&mut engine);
    let after = counted(&engine).into_iter();
    after.filter(|(name, count)| before.get(name) != Some(count)).map(|(name, _)| name).collect()
}

/// Why the tests of a policy fail, for a build; empty where they pass.
pub(crate) fn failures(
    policy: &Arc<Policy>,
    file: &SourceFile,
    sources: &Sources,
) -> Vec<Diagnostic> {
    let subject = Subject { policy: Arc::clone(policy), marks: None };
    let tests = match Tests::read(file, sources) {
        Ok(tests) => tests,
        Err(findings) => return findings,
    };
    let mut all = Vec::new();
    for name in &tests.names {
        trace::begin();
        all.extend(tests.run(name, &subject).err().map(|failed| failed.found));
        drop(trace::end());
    }
    all
}

/// Why a test failed, and what was expected and found where it says so.
struct Failed {
    found: Diagnostic,
    mismatch: Option<Mismatch>,
}

/// A test file that can be run.
struct Tests<'a> {
    file: &'a SourceFile,
    engine: Engine,
    compiled: build::Compiled,
    /// The test functions in alphabetical order.
    names: Vec<String>,
}

impl<'a> Tests<'a> {
    fn read(file: &'a SourceFile, sources: &Sources) -> Result<Self, Vec<Diagnostic>> {
        let (mut engine, _) = engine::new();
        build::link(&mut engine, &sources.libs);
        engine.set_max_operations(TEST_OPERATIONS_MAX);
        fixture::register(&mut engine);
        expect::register(&mut engine);
        snapshot::register(&mut engine);
        let compiled = build::compile(&mut engine, file).map_err(|found| vec![*found])?;
        let functions = build::Functions::of(&engine, &compiled.plain);
        let findings = build::check_test(file, &compiled, &functions);
        if !findings.is_empty() {
            return Err(findings);
        }
        let mut names: Vec<String> = compiled
            .ready
            .iter_functions()
            .filter(|f| f.name.starts_with("test_") && f.params.is_empty())
            .map(|f| f.name.to_owned())
            .collect();
        names.sort();
        if names.is_empty() {
            let message = "there is no function test_...() in this file";
            return Err(vec![complain(file, "P009", (0, 0), message)]);
        }
        Ok(Self { file, engine, compiled, names })
    }

    /// Runs one test.
    fn run(&self, name: &str, subject: &Subject) -> Result<(), Box<Failed>> {
        let options = CallFnOptions::new().eval_ast(false).with_tag(subject.clone());
        let (ast, mut scope) = (&self.compiled.ready, Scope::new());
        self.engine
            .call_fn_with_options::<Dynamic>(options, &mut scope, ast, name, ())
            .map(|_| ())
            .map_err(|error| self.failed(name, &error))
    }

    fn failed(&self, name: &str, error: &EvalAltResult) -> Box<Failed> {
        let (inner, _) = innermost(error, &self.file.path);
        let place = of_position(&self.file.text, inner.position());
        let mismatch = Mismatch::of(inner);
        let words = mismatch.as_ref().map_or_else(|| message(inner), ToString::to_string);
        let found = complain(self.file, "P009", place, format!("{name}: {words}"));
        Box::new(Failed { found, mismatch })
    }
}
