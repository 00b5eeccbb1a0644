//! One checked and compiled policy.
//!
//! Apart because it outlives the set it was built in: a policy whose next version is broken goes
//! on running with the engine and the libraries that it was compiled with (I11).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bracketd_core::ids::PolicyName;
use rhai::{AST, Engine};

use crate::build::schema::{Header, OnError, Timer};
use crate::event::EventKind;
use crate::params::{ParamError, ParamSpec, Params, Values};
use crate::source::SourceFile;

/// A policy that can be run. Sharable between threads.
pub struct Policy {
    pub(crate) name: PolicyName,
    pub(crate) digest: String,
    pub(crate) script: SourceFile,
    pub(crate) libs: Vec<SourceFile>,
    pub(crate) header: Header,
    pub(crate) handlers: BTreeSet<EventKind>,
    pub(crate) defaults: Arc<Values>,
    /// The configured values as they were resolved last: they change with the configuration only.
    pub(crate) resolved: Mutex<(Params, Arc<Values>)>,
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

    /// Whether the configured parameters fit.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check_params(&self, params: &Params) -> Result<(), ParamError> {
        self.values(params).map(|_| ())
    }

    /// The values of a run.
    pub(crate) fn values(&self, params: &Params) -> Result<Arc<Values>, ParamError> {
        if params.is_empty() {
            return Ok(Arc::clone(&self.defaults));
        }
        // A thread that finds it taken resolves for itself: a run never waits.
        let Ok(mut resolved) = self.resolved.try_lock() else {
            return Values::resolve(&self.defaults, self.params(), params);
        };
        if resolved.0 != *params {
            let values = Values::resolve(&self.defaults, self.params(), params)?;
            *resolved = (params.clone(), values);
        }
        Ok(Arc::clone(&resolved.1))
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
