//! From bytes to a policy that may run: compile, check, schema.
//!
//! Apart because every step works on the same snapshot and can only refuse: nothing in here runs
//! a script.

mod compile;
mod functions;
mod infer;
mod lint;
pub(crate) mod schema;
mod traps;
mod types;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bracketd_core::diagnostic::{Diagnostic, Severity};
use rhai::{Engine, Module, Scope};

pub(crate) use compile::{Compiled, compile, constant};
pub(crate) use functions::Functions;
pub(crate) use whole::verbs;

use crate::event::EventKind;
use crate::params::{Params, Values};
use crate::policy::{CHECK_PARAMS, Policy};
use crate::source::{SourceFile, digest};
use crate::span;

/// Libraries that compiled, and why the others did not.
#[derive(Default)]
pub(crate) struct Libraries {
    /// Those that work, with the names of the libraries that each of them links.
    pub(crate) good: BTreeMap<String, (SourceFile, BTreeSet<String>)>,
    /// What is wrong with the others.
    pub(crate) bad: BTreeMap<String, Vec<Diagnostic>>,
}

/// A policy that passed every check, before its engine is shared.
pub(crate) struct Draft {
    script: SourceFile,
    libs: Vec<SourceFile>,
    compiled: Compiled,
    header: schema::Header,
    handlers: BTreeSet<EventKind>,
    has_check: bool,
    /// What somebody should look at, though it is taken.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Compiles libraries into the engine. One that calls another is tried again once that is there.
pub(crate) fn link(engine: &mut Engine, files: &[SourceFile]) -> Libraries {
    let mut all = Libraries::default();
    let mut left: Vec<&SourceFile> = files.iter().collect();
    loop {
        let mut waiting = Vec::new();
        let before = left.len();
        for file in left {
            match link_one(engine, file, &all) {
                Ok(uses) => {
                    all.bad.remove(&file.name);
                    all.good.insert(file.name.clone(), (file.clone(), uses));
                }
                Err(diagnostics) => {
                    all.bad.insert(file.name.clone(), diagnostics);
                    waiting.push(file);
                }
            }
        }
        if waiting.is_empty() || waiting.len() == before {
            return all;
        }
        left = waiting;
    }
}

fn link_one(
    engine: &mut Engine,
    file: &SourceFile,
    libs: &Libraries,
) -> Result<BTreeSet<String>, Vec<Diagnostic>> {
    let compiled = compile(engine, file).map_err(|found| vec![*found])?;
    let functions = Functions::of(engine, &compiled.plain);
    let (errors, _) = by_severity(lint::check(file, &compiled, &functions, None));
    if !errors.is_empty() {
        return Err(errors);
    }
    let module = Module::eval_ast_as_new(Scope::new(), &compiled.ready, engine)
        .map_err(|e| vec![span::complain(file, "P007", (0, 0), e.to_string())])?;
    engine.register_static_module(&file.name, module.into());
    Ok(with_their_own(compiled.namespaces(), libs))
}

/// Compiles and checks one policy. `previous` is the version that runs now.
pub(crate) fn draft(
    engine: &mut Engine,
    file: &SourceFile,
    libs: &Libraries,
    previous: Option<&Policy>,
) -> Result<Draft, Vec<Diagnostic>> {
    if file.text.trim().is_empty() && file.fault.is_none() {
        return Err(vec![span::complain(file, "P010", (0, 0), "the file is empty")]);
    }
    let compiled = compile(engine, file).map_err(|found| {
        let named = |name: &String| found.message.contains(&format!("`{name}`"));
        let broken = libs.bad.iter().find(|(name, _)| named(name));
        let mut all = vec![*found];
        all.extend(broken.into_iter().flat_map(|(_, why)| why.clone()));
        all
    })?;
    let header = schema::header(file, &compiled)?;
    let functions = Functions::of(engine, &compiled.plain);
    let mut findings = lint::check(file, &compiled, &functions, Some(&header));
    let handlers = compiled.handlers();
    findings.extend(vanished(file, &handlers, &header, previous));
    findings.extend(forgotten(file, &header, previous));
    let (errors, warnings) = by_severity(findings);
    if !errors.is_empty() {
        return Err(errors);
    }
    let linked = with_their_own(compiled.namespaces(), libs);
    let libs = libs.good.iter().filter(|(name, _)| linked.contains(*name));
    let libs = libs.map(|(_, (file, _))| file.clone()).collect();
    let is_check = |f: rhai::ScriptFnMetadata<'_>| f.name == CHECK_PARAMS && f.params.len() == 1;
    let has_check = compiled.plain.iter_functions().any(is_check);
    Ok(Draft { script: file.clone(), libs, compiled, header, handlers, has_check, warnings })
}

/// Checks a file of tests: what it calls has to exist.
pub(crate) fn check_test(
    file: &SourceFile,
    compiled: &Compiled,
    functions: &Functions,
) -> Vec<Diagnostic> {
    // A loop in a test is nobody's risk.
    by_severity(lint::check(file, compiled, functions, None)).0
}

/// Errors, and what only somebody should look at.
fn by_severity(all: Vec<Diagnostic>) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    all.into_iter().partition(|found| found.severity == Severity::Error)
}

/// A half-written file often compiles, with handlers missing.
fn vanished(
    file: &SourceFile,
    handlers: &BTreeSet<EventKind>,
    header: &schema::Header,
    previous: Option<&Policy>,
) -> Option<Diagnostic> {
    if handlers.is_empty() {
        let mut found = span::complain(file, "P010", (0, 0), "the script handles no event");
        found.help = Some("define at least one of on_open, on_tick, on_timer, ...".to_owned());
        return Some(found);
    }
    let gone: Vec<&str> = previous?
        .handlers()
        .filter(|kind| !handlers.contains(kind) && !header.removed.contains(kind))
        .map(EventKind::handler)
        .collect();
    if gone.is_empty() {
        return None;
    }
    let message = format!("{} was there before and is not any more", gone.join(", "));
    let end = file.text.trim_end().len();
    let mut found = span::complain(file, "P010", (end, end), message);
    let list: Vec<String> = gone.iter().map(|name| format!("\"{name}\"")).collect();
    found.help = Some(format!("if that is meant, say removed: [{}] in POLICY", list.join(", ")));
    Some(found)
}

/// A key of `STATE` that is gone would be in the way of every transaction that keeps it.
fn forgotten(
    file: &SourceFile,
    header: &schema::Header,
    previous: Option<&Policy>,
) -> Option<Diagnostic> {
    let before = &previous?.header;
    let (old, new) = (before.state.as_ref()?, header.state.as_ref());
    if header.state_version != before.state_version {
        return None;
    }
    let gone = old.keys().find(|key| !new.is_some_and(|new| new.contains_key(key.as_str())))?;
    let place = span::of_word(&file.text, "STATE", 0).unwrap_or((0, 0));
    let message = format!("STATE declared {gone} before, which transactions keep");
    let mut found = span::complain(file, "P006", place, message);
    let next = header.state_version + 1;
    found.help = Some(format!(
        "say version: {next} in STATE, and move what is kept in on_reload(old_version, p)"
    ));
    Some(found)
}

fn with_their_own(direct: BTreeSet<String>, libs: &Libraries) -> BTreeSet<String> {
    let further: Vec<String> = direct
        .iter()
        .filter_map(|name| libs.good.get(name))
        .flat_map(|(_, uses)| uses.iter().cloned())
        .collect();
    direct.into_iter().chain(further).collect()
}

impl Draft {
    /// The policy, running in that engine.
    pub(crate) fn finish(self, engine: &Arc<Engine>) -> Policy {
        let defaults = Values::defaults(&self.header.params);
        Policy {
            name: self.script.policy_name(),
            digest: digest(&self.script, &self.libs),
            resolved: Mutex::new((Params::default(), BTreeMap::new())),
            has_check: self.has_check,
            defaults,
            script: self.script,
            libs: self.libs,
            header: self.header,
            handlers: self.handlers,
            engine: Arc::clone(engine),
            ast: self.compiled.ready,
        }
    }
}
