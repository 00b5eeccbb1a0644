//! The digest of what a component is made of: the ABI, the SDK, the plugin, and the locked versions
//! of what they depend on. Test files are left out, since they change no component. It must never
//! depend on anything outside the repository, or the stale check would fail on a clean checkout.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Made, Plugin};

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct CargoToml {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    version: String,
}

/// Digest over every source file of the plugin (path and content, in path order) and its locked
/// dependencies.
pub(crate) fn digest(root: &Path, plugin: &Plugin) -> Result<String> {
    let mut hash = Sha256::new();
    for path in files(root, plugin)? {
        let content = fs::read(root.join(&path))?;
        frame(&mut hash, path.to_string_lossy().as_bytes());
        frame(&mut hash, &content);
    }
    if let Made::Rust { package } = plugin.made {
        let lock: Lock = toml::from_str(&fs::read_to_string(root.join("Cargo.lock"))?)?;
        for line in locked(&lock, package) {
            frame(&mut hash, line.as_bytes());
        }
    }
    Ok(hex(&hash.finalize()))
}

/// The version in the plugin's manifest.
pub(crate) fn version(root: &Path, plugin: &Plugin) -> Result<String> {
    let folder = root.join("plugins").join(plugin.name);
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    Ok(match plugin.made {
        Made::Rust { .. } => toml::from_str::<CargoToml>(&read("Cargo.toml")?)?.package.version,
        Made::JavaScript => serde_json::from_str::<Package>(&read("package.json")?)?.version,
    })
}

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Source files of the plugin, relative to the root, sorted. What a JavaScript plugin depends on is
/// in its lock file.
pub(crate) fn files(root: &Path, plugin: &Plugin) -> Result<Vec<PathBuf>> {
    let own = PathBuf::from("plugins").join(plugin.name);
    let mut found = Vec::new();
    let (names, folders): (&[&str], &[&str]) = match plugin.made {
        Made::Rust { .. } => {
            found.push(PathBuf::from("plugins/sdk/Cargo.toml"));
            (&["Cargo.toml"], &["plugins/wit/v1", "plugins/sdk/src"])
        }
        Made::JavaScript => (&["package.json", "package-lock.json"], &["plugins/wit/v1"]),
    };
    found.extend(names.iter().map(|name| own.join(name)));
    for folder in folders.iter().map(PathBuf::from).chain([own.join("src")]) {
        collect(root, &folder, &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let path = root.join(folder);
    for entry in fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))? {
        let entry = entry?;
        let below = folder.join(entry.file_name());
        let is_test = below.file_stem().is_some_and(|stem| stem == "tests");
        let wanted =
            below.extension().is_some_and(|ext| ext == "rs" || ext == "wit" || ext == "js");
        if entry.file_type()?.is_dir() {
            if !is_test {
                collect(root, &below, found)?;
            }
        } else if wanted && !is_test {
            found.push(below);
        }
    }
    Ok(())
}

/// `name version checksum` of everything the package's lock entry reaches.
fn locked(lock: &Lock, package: &str) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let mut open = vec![package.to_owned()];
    while let Some(wanted) = open.pop() {
        // A dependency is `name`, or `name version` where several versions are locked.
        let (name, version) =
            wanted.split_once(' ').map_or((&*wanted, None), |(n, v)| (n, Some(v)));
        let matching = lock
            .package
            .iter()
            .filter(|p| p.name == name && version.is_none_or(|version| p.version == version));
        for found in matching {
            let checksum = found.checksum.as_deref().unwrap_or("local");
            if lines.insert(format!("{name} {} {checksum}", found.version)) {
                open.extend(found.dependencies.iter().cloned());
            }
        }
    }
    lines
}

/// Length first, so that no two lists of files give the same bytes.
fn frame(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
