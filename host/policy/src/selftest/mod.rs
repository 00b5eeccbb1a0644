//! A policy's own tests: `NAME_test.rhai`, functions `test_*()`.
//!
//! Apart because they are part of every build: a policy whose tests fail is not taken. They run
//! through the same engine, [`run`](crate::Policy::run) and gate as the daemon.

mod expect;
pub(crate) mod fixture;
pub(crate) mod world;

use std::sync::Arc;

use bracketd_core::diagnostic::Diagnostic;
use bracketd_core::ids::PolicyName;
use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, Scope};

use crate::build;
use crate::engine;
use crate::failure::{innermost, message};
use crate::limits::TEST_OPERATIONS_MAX;
use crate::policy::Policy;
use crate::set::PolicySet;
use crate::source::{SourceFile, Sources};
use crate::span::{complain, of_position};

/// What became of one test function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The policy.
    pub policy: PolicyName,
    /// The function; empty when the file could not be run at all.
    pub test: String,
    /// Why it failed, with its place; none when it passed.
    pub failure: Option<Diagnostic>,
}

/// Runs every test of every policy in the sources. A policy that does not build fails all of its
/// tests with the first reason.
pub fn run_tests(sources: &Sources) -> Vec<TestResult> {
    let untested = Sources { tests: Vec::new(), ..sources.clone() };
    let built = PolicySet::build(&untested, None);
    let mut results = Vec::new();
    for file in &sources.tests {
        let name = file.policy_name();
        let refused = built.refused.iter().find(|refused| refused.name == name);
        let because = refused.and_then(|refused| refused.diagnostics.first().cloned());
        match built.set.shared(&name) {
            Some(policy) => results.extend(run(policy, file, sources)),
            None => {
                let message = format!("there is no policy {name} for these tests");
                let failure = because.unwrap_or_else(|| complain(file, "P009", (0, 0), message));
                let test = String::new();
                results.push(TestResult { policy: name, test, failure: Some(failure) });
            }
        }
    }
    results
}

/// Runs the tests of one policy.
pub(crate) fn run(policy: &Arc<Policy>, file: &SourceFile, sources: &Sources) -> Vec<TestResult> {
    let result = |test: &str, failure| TestResult {
        policy: policy.name().clone(),
        test: test.to_owned(),
        failure,
    };
    let (mut engine, _) = engine::new();
    build::link(&mut engine, &sources.libs);
    engine.set_max_operations(TEST_OPERATIONS_MAX);
    fixture::register(&mut engine);
    expect::register(&mut engine);
    let compiled = match build::compile(&mut engine, file) {
        Ok(compiled) => compiled,
        Err(found) => return vec![result("", Some(*found))],
    };
    let functions = build::Functions::of(&engine, &compiled.plain);
    let findings = build::check_test(file, &compiled, &functions);
    if !findings.is_empty() {
        return findings.into_iter().map(|found| result("", Some(found))).collect();
    }
    let mut names: Vec<String> = compiled
        .ready
        .iter_functions()
        .filter(|f| f.name.starts_with("test_") && f.params.is_empty())
        .map(|f| f.name.to_owned())
        .collect();
    names.sort();
    if names.is_empty() {
        let found = complain(file, "P009", (0, 0), "there is no function test_...() in this file");
        return vec![result("", Some(found))];
    }
    let call = |name: &String| {
        let failure = call(&engine, &compiled, policy, name).err();
        result(name, failure.map(|error| failed(file, name, &error)))
    };
    names.iter().map(call).collect()
}

fn call(
    engine: &Engine,
    compiled: &build::Compiled,
    policy: &Arc<Policy>,
    name: &str,
) -> Result<(), Box<EvalAltResult>> {
    let options = CallFnOptions::new().eval_ast(false).with_tag(Arc::clone(policy));
    let (ast, mut scope) = (&compiled.ready, Scope::new());
    engine.call_fn_with_options::<Dynamic>(options, &mut scope, ast, name, ()).map(|_| ())
}

fn failed(file: &SourceFile, name: &str, error: &EvalAltResult) -> Diagnostic {
    let (inner, _) = innermost(error, &file.path);
    let place = of_position(&file.text, inner.position());
    complain(file, "P009", place, format!("{name}: {}", message(inner)))
}
