//! What a plugin can do: which host interfaces it uses, which optional ones it offers, and what it
//! promises. Two versions of a plugin are compared by it.
//!
//! Apart because this decides whether a new version may take over without being asked for: one that
//! can do the same or less may, one that can do more needs the operator. Where a plugin may send
//! requests is not in it: that is the operator's grant, and no version changes it.

use std::collections::BTreeSet;
use std::fmt;

use bracketd_core::instrument::AccountInfo;

use crate::plugin::Plugin;

/// What a plugin can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Host interfaces it imports, such as `bracketd:broker/http`, without their version: a newer
    /// one of the same interface is no further power.
    pub imports: BTreeSet<String>,
    /// Interfaces it exports: `account`, and optional ones such as `streams`.
    pub exports: BTreeSet<String>,
    /// What it declares of itself (`info.features`): the host acts on some, such as
    /// `concurrent-writes`.
    pub features: BTreeSet<String>,
}

/// What a plugin can do that another one could not, and the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapabilityChange {
    /// What is new, such as `import bracketd:broker/sign`.
    pub more: Vec<String>,
    /// What is gone.
    pub less: Vec<String>,
}

impl Capabilities {
    /// Those of a plugin that says this of itself.
    pub fn of(plugin: &Plugin, info: &AccountInfo) -> Self {
        let names = |all: &[String]| all.iter().map(|name| without_version(name)).collect();
        Self {
            imports: names(plugin.imports()),
            exports: names(plugin.exports()),
            features: info.features.keys().map(str::to_owned).collect(),
        }
    }

    /// Whether it can do nothing that was not granted.
    pub fn is_within(&self, granted: &Self) -> bool {
        self.change_from(granted).more.is_empty()
    }

    /// What changed since another version.
    pub fn change_from(&self, before: &Self) -> CapabilityChange {
        CapabilityChange { more: missing_in(self, before), less: missing_in(before, self) }
    }

    /// Each with its kind, in the order of people's interest.
    fn all(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let imports = self.imports.iter().map(|name| ("import", name));
        let exports = self.exports.iter().map(|name| ("export", name));
        imports.chain(exports).chain(self.features.iter().map(|name| ("feature", name)))
    }
}

impl CapabilityChange {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.more.is_empty() && self.less.is_empty()
    }
}

impl fmt::Display for CapabilityChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("the same capabilities");
        }
        let more = self.more.iter().map(|what| format!("+ {what}"));
        let less = self.less.iter().map(|what| format!("- {what}"));
        f.write_str(&more.chain(less).collect::<Vec<_>>().join(", "))
    }
}

fn missing_in(of: &Capabilities, other: &Capabilities) -> Vec<String> {
    let has = |kind: &str, name: &str| match kind {
        "import" => other.imports.contains(name),
        "export" => other.exports.contains(name),
        _ => other.features.contains(name),
    };
    let missing = of.all().filter(|(kind, name)| !has(kind, name));
    missing.map(|(kind, name)| format!("{kind} {name}")).collect()
}

fn without_version(name: &str) -> String {
    name.split_once('@').map_or(name, |(name, _)| name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn can(imports: &[&str], exports: &[&str], features: &[&str]) -> Capabilities {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Capabilities { imports: set(imports), exports: set(exports), features: set(features) }
    }

    #[test]
    fn only_what_can_do_no_more_is_within() {
        let granted = can(&["http", "log"], &["account"], &["batch-prices"]);
        for (asked, within, words) in [
            (granted.clone(), true, "the same capabilities"),
            (can(&["http"], &["account"], &[]), true, "- import log, - feature batch-prices"),
            (
                can(&["http", "log", "sign"], &["account"], &["batch-prices"]),
                false,
                "+ import sign",
            ),
            (
                can(&["http", "log"], &["account", "streams"], &["batch-prices"]),
                false,
                "+ export streams",
            ),
            (
                can(&["http"], &["account"], &["batch-prices", "concurrent-writes"]),
                false,
                "+ feature concurrent-writes, - import log",
            ),
            (can(&[], &[], &[]), true, "- import http"),
        ] {
            assert_eq!(asked.is_within(&granted), within, "{asked:?}");
            let told = asked.change_from(&granted).to_string();
            assert!(told.starts_with(words), "{told}");
        }
    }

    #[test]
    fn a_version_is_no_further_power() {
        assert_eq!(without_version("bracketd:broker/http@0.9.0"), "bracketd:broker/http");
        assert_eq!(without_version("run"), "run");
    }
}
