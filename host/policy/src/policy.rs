//! One checked and compiled policy.
//!
//! Apart because it outlives the set it was built in: a policy whose next version is broken goes
//! on running with the engine and the libraries that it was compiled with (I11).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bracketd_core::ids::PolicyName;
use rhai::{AST, CallFnOptions, Dynamic, Engine, Scope as Variables};

use crate::build::schema::{Header, OnError, Timer};
use crate::event::EventKind;
use crate::failure::outcome;
use crate::params::{
    About, Effective, ParamError, ParamSpec, ParamValue, Params, Scope, Values, effective, read,
};
use crate::run::RunOutcome;
use crate::source::SourceFile;

/// The function with which a script says whether values go together: `check_params(p)` gives a
/// text, the reason why they do not, or nothing.
pub(crate) const CHECK_PARAMS: &str = "check_params";
/// Combinations of scopes that are remembered.
const RESOLVED_MAX: usize = 4_096;

/// What is set, and the values that follow from it in each combination of scopes.
pub(crate) type Resolved = (Params, BTreeMap<Vec<Scope>, Arc<Values>>);

/// A policy that can be run. Sharable between threads.
pub struct Policy {
    pub(crate) name: PolicyName,
    pub(crate) digest: String,
    pub(crate) script: SourceFile,
    pub(crate) libs: Vec<SourceFile>,
    pub(crate) header: Header,
    pub(crate) handlers: BTreeSet<EventKind>,
    pub(crate) defaults: Arc<Values>,
    /// Values as they were resolved, by the scopes that set something.
    pub(crate) resolved: Mutex<Resolved>,
    /// Whether it has `check_params`.
    pub(crate) has_check: bool,
    pub(crate) engine: Arc<Engine>,
    pub(crate) ast: AST,
}

impl Policy {
    /// Its name: the file's, without the extension.
    pub fn name(&self) -> &PolicyName {
        &self.name
    }

    /// Content hash of the script and the libraries it links: which version this is.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The label in the script's `POLICY`.
    pub fn version(&self) -> &str {
        &self.header.version
    }

    /// The first lines of the file that begin with `//!`.
    pub fn doc(&self) -> &str {
        &self.header.doc
    }

    /// The file as people know it.
    pub fn path(&self) -> &str {
        &self.script.path
    }

    /// Whether it has a function for the event.
    pub fn handles(&self, kind: EventKind) -> bool {
        self.handlers.contains(&kind)
    }

    /// The events it has functions for.
    pub fn handlers(&self) -> impl Iterator<Item = EventKind> + '_ {
        self.handlers.iter().copied()
    }

    /// What it wants done where it fails too often to be asked any more.
    pub fn on_error(&self) -> OnError {
        self.header.on_error
    }

    /// What it declares.
    pub fn params(&self) -> &[ParamSpec] {
        &self.header.params
    }

    /// When it wants `on_timer`.
    pub fn timers(&self) -> &[Timer] {
        &self.header.timers
    }

    /// Whether what is set fits, where nothing narrower than the configuration counts.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check_params(&self, params: &Params) -> Result<(), ParamError> {
        self.values(params, &About::ANY).map(|_| ())
    }

    /// Every parameter with the value that decides there and where it comes from.
    ///
    /// # Errors
    /// The first value that does not fit.
    pub fn effective(
        &self,
        params: &Params,
        about: &About<'_>,
    ) -> Result<Vec<Effective>, ParamError> {
        effective(self.params(), (params, &params.concerning(about)))
    }

    /// Whether that text may be the parameter's value.
    pub(crate) fn admit(&self, name: &str, text: &str) -> Result<ParamValue, ParamError> {
        read(self.params(), name, text)
    }

    /// The values of a run.
    pub(crate) fn values(
        &self,
        params: &Params,
        about: &About<'_>,
    ) -> Result<Arc<Values>, ParamError> {
        let scopes = params.concerning(about);
        if scopes.is_empty() && !self.has_check {
            return Ok(Arc::clone(&self.defaults));
        }
        // A thread that finds it taken resolves for itself: a run never waits.
        let mut resolved = self.resolved.try_lock().ok();
        if let Some((of, all)) = resolved.as_deref_mut() {
            if of != params {
                (*of, *all) = (params.clone(), BTreeMap::new());
            }
            if let Some(values) = all.get(&scopes) {
                return Ok(Arc::clone(values));
            }
        }
        let values = Values::resolve(&self.defaults, self.params(), (params, &scopes))?;
        self.go_together(&values)?;
        let values = Arc::new(values);
        if let Some((_, all)) = resolved.as_deref_mut() {
            if all.len() >= RESOLVED_MAX {
                all.clear();
            }
            all.insert(scopes, Arc::clone(&values));
        }
        Ok(values)
    }

    /// What the script's own `check_params` says.
    fn go_together(&self, values: &Values) -> Result<(), ParamError> {
        if !self.has_check {
            return Ok(());
        }
        let options = CallFnOptions::new().eval_ast(false).rewind_scope(true);
        let (mut scope, arguments) = (Variables::new(), (values.map(),));
        let said = self.engine.call_fn_with_options::<Dynamic>(
            options,
            &mut scope,
            &self.ast,
            CHECK_PARAMS,
            arguments,
        );
        let said = said.map_err(|error| match outcome(&error, self.path()) {
            RunOutcome::Failed(failure) => ParamError::Together(failure.to_string()),
            RunOutcome::Skipped(what) => ParamError::Together(what),
            RunOutcome::Done => ParamError::Together(error.to_string()),
        })?;
        match said.as_immutable_string_ref().map(|text| text.to_string()) {
            Ok(text) if text.is_empty() => Ok(()),
            Ok(text) => Err(ParamError::Together(text)),
            Err(_) if said.as_bool() == Ok(false) => {
                Err(ParamError::Together("the values do not go together".to_owned()))
            }
            Err(_) => Ok(()),
        }
    }

    /// Script and libraries in one text, from which
    /// [`PolicySet::restore`](crate::PolicySet::restore) makes it again.
    pub fn bundle(&self) -> String {
        let file = |file: &SourceFile| {
            let SourceFile { name, path, text, fault: _ } = file;
            serde_json::json!({ "name": name, "path": path, "text": text })
        };
        let libs: Vec<_> = self.libs.iter().map(file).collect();
        serde_json::json!({ "script": file(&self.script), "libs": libs }).to_string()
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = self.digest.get(..8).unwrap_or(&self.digest);
        write!(f, "Policy({} {} {short})", self.name, self.header.version)
    }
}
