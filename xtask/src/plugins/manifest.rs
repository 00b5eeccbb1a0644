//! `plugins/dist/manifest.json`: what each committed component is and what it was built from.
//! Separate so that its form is in one place; it must never hold a time or a path, which would
//! differ between machines.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Every plugin of `plugins/dist`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// One entry a component.
    pub(crate) plugins: Vec<Entry>,
}

/// One component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The plugin's name, as `describe` says it.
    pub(crate) name: String,
    /// The plugin's version.
    pub(crate) version: String,
    /// Package and version of the ABI.
    pub(crate) abi: String,
    /// File beside the manifest.
    pub(crate) file: String,
    /// Digest of that file.
    pub(crate) sha256: String,
    /// Digest of the sources, see `sources.rs`.
    pub(crate) sources_sha256: String,
    /// The compiler; another one may give another digest.
    pub(crate) compiler: String,
}

impl Manifest {
    const NAME: &str = "manifest.json";

    pub(crate) fn read(dist: &Path) -> Result<Self> {
        let path = dist.join(Self::NAME);
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("parsing {}", path.display()))
    }

    pub(crate) fn write(&self, dist: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let path = dist.join(Self::NAME);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }
}
