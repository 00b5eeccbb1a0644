//! What people wrote, as bytes that somebody else has read.
//!
//! Apart because every later step works on this snapshot: no file is read twice, so that what was
//! checked is what runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bracketd_core::ids::{AccountName, PolicyName};

use crate::params::{Params, ValueFile};

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The file's name without its extension (and, for a test file, without `_test`).
    pub name: String,
    /// The path as it is shown to people.
    pub path: String,
    /// Its whole text; what could be read of it where there is a fault.
    pub text: String,
    /// Why it cannot be taken as it stands, found by who read it.
    pub fault: Option<ReadFault>,
}

/// A file that cannot be read as text: it alone is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFault {
    /// What is wrong.
    pub message: String,
    /// The byte where it goes wrong.
    pub at: usize,
}

impl SourceFile {
    /// A file of that name, path and text.
    pub fn new(name: &str, path: &str, text: &str) -> Self {
        Self { name: name.to_owned(), path: path.to_owned(), text: text.to_owned(), fault: None }
    }

    /// What it says about itself: the lines at its top that begin with `//!`, without that mark.
    pub fn doc(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.trim_start().strip_prefix("//!"));
        lines.map(str::trim).collect::<Vec<_>>().join("\n")
    }

    /// The policy of that name.
    pub fn policy_name(&self) -> PolicyName {
        PolicyName::new(&self.name)
    }
}

/// A snapshot of the policy directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// `NAME.rhai`, one for each policy.
    pub policies: Vec<SourceFile>,
    /// `lib/NAME.rhai`: helpers that scripts call as `NAME::function`.
    pub libs: Vec<SourceFile>,
    /// `NAME_test.rhai`; `name` is the policy's.
    pub tests: Vec<SourceFile>,
    /// `params.toml`: values by scope.
    pub values: Option<Arc<ValueFile>>,
    /// What the configuration sets.
    pub config: BTreeMap<PolicyName, Params>,
    /// The accounts that the configuration has; none where there is no configuration.
    pub accounts: Option<Vec<AccountName>>,
}

/// The content hash of a script and the libraries it links, in order of their names.
pub(crate) fn digest<'a>(
    script: &SourceFile,
    libs: impl IntoIterator<Item = &'a SourceFile>,
) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |name: &str, text: &str| {
        // Lengths first: no two different lists of texts give the same bytes.
        for part in [name, text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    };
    add(&script.name, &script.text);
    for lib in libs {
        add(&lib.name, &lib.text);
    }
    hasher.finalize().to_hex().to_string()
}

impl Sources {
    /// The files of one version, script and libraries, as [`Policy::bundle`](crate::Policy::bundle)
    /// wrote them. None where the text is nothing of that.
    pub fn of_bundle(text: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        let file = |value: &serde_json::Value| {
            let field = |name: &str| value.get(name)?.as_str();
            Some(SourceFile::new(field("name")?, field("path")?, field("text")?))
        };
        let libs = value.get("libs")?.as_array()?.iter().map(file).collect::<Option<Vec<_>>>()?;
        Some(Self { policies: vec![file(value.get("script")?)?], libs, ..Self::default() })
    }
}
