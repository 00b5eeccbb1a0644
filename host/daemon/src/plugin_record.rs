//! What each plugin that ran here, or was pinned, can do: one small file for each digest.
//!
//! Apart because a plugin's file is replaced and what it was is then known nowhere else: with this,
//! an operator who pins a new version is shown what it can do that the old one could not. It decides
//! nothing by itself, and what cannot be read or written here is only not shown.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use bracketd_account::{Capabilities, Plugin};
use bracketd_core::instrument::AccountInfo;
use serde::{Deserialize, Serialize};

/// Directory of the records, in the data directory.
pub const DIR: &str = "plugins";
/// So many stay, those written last.
const RECORDS_MAX: usize = 64;

/// What is known of one plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRecord {
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The ABI it was built for.
    pub abi: String,
    /// Host interfaces it imports.
    pub imports: BTreeSet<String>,
    /// Interfaces it exports.
    pub exports: BTreeSet<String>,
    /// What it declares of itself.
    pub features: BTreeSet<String>,
}

impl PluginRecord {
    /// What a plugin of that name can do.
    pub fn new(name: String, version: String, abi: &str, can: Capabilities) -> Self {
        let Capabilities { imports, exports, features } = can;
        Self { name, version, abi: abi.to_owned(), imports, exports, features }
    }

    /// The part that is compared.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities {
            imports: self.imports.clone(),
            exports: self.exports.clone(),
            features: self.features.clone(),
        }
    }
}

/// Keeps what a plugin can do that says this of itself.
pub fn keep(data_dir: &Path, plugin: &Plugin, info: &AccountInfo) {
    let can = Capabilities::of(plugin, info);
    let record = PluginRecord::new(info.name.clone(), info.version.clone(), plugin.abi(), can);
    write(data_dir, plugin.digest(), &record);
}

/// Keeps a record, where there is none yet.
pub fn write(data_dir: &Path, digest: &str, record: &PluginRecord) {
    let dir = data_dir.join(DIR);
    let path = dir.join(format!("{digest}.json"));
    if path.exists() {
        return;
    }
    let written = DirBuilder::new().recursive(true).mode(0o700).create(&dir).and_then(|()| {
        let text = serde_json::to_string(record)?;
        let unfinished = path.with_extension("new");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| writeln!(file, "{text}"))
            .and_then(|()| fs::rename(&unfinished, &path))
    });
    if let Err(error) = written {
        tracing::debug!(%error, "what {} can do is not kept", record.name);
    }
    forget_the_oldest(&dir);
}

/// What the plugin with that digest can do, where it is known.
pub fn find(data_dir: &Path, digest: &str) -> Option<PluginRecord> {
    let text = fs::read_to_string(data_dir.join(DIR).join(format!("{digest}.json"))).ok()?;
    serde_json::from_str(&text).ok()
}

fn forget_the_oldest(dir: &Path) {
    let all = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut dated: Vec<_> = all
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    dated.sort_by_key(|(written, _)| std::cmp::Reverse(*written));
    for (_, path) in dated.into_iter().skip(RECORDS_MAX) {
        // The next one tries again.
        let _ = fs::remove_file(path);
    }
}
