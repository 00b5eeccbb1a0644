//! Verbs that a policy calls and its configuration does not allow.
//!
//! Apart because it needs both: the script alone is right, and so is the configuration.

use bracketd_core::diagnostic::{Diagnostic, Severity};

use crate::build;
use crate::policy::Policy;
use crate::span::complain;
use crate::verbs::Verbs;

impl Policy {
    /// A warning for each verb that would always be refused, at its first call.
    pub fn not_allowed(&self, allowed: &Verbs) -> Vec<Diagnostic> {
        let known: Vec<&'static str> = Verbs::known().chain(Verbs::unlisted()).collect();
        let is_verb = |name: &str| known.iter().find(|verb| **verb == name).copied();
        let called = build::verbs(&self.script, &self.ast, is_verb);
        let refused = called.into_iter().filter(|(verb, _)| !allowed.allows(verb));
        let told = refused.map(|(verb, place)| {
            let name = &self.name;
            let message = format!("the configuration of {name} does not allow {verb}");
            let mut found = complain(&self.script, "P021", place, message);
            found.severity = Severity::Warning;
            found.help = Some(format!("add it to verbs of [policy.{name}], or take the call out"));
            found
        });
        told.collect()
    }
}
