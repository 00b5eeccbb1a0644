//! The policies as they stand on disk: a directory, one file of it, or what an editor holds.
//!
//! Apart because `check` and `test` read the same things in the same way. A named file alone is
//! looked at, with the libraries beside it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bracketd_core::ids::{AccountName, PolicyName};
use bracketd_policy::{SourceFile, Sources, ValueFile, Verbs};

use super::super::Common;
use super::super::client::DEMO_DIR;
use super::super::exit::Failure;
use super::super::output::Out;
use crate::run::sources;
use crate::watch::{BOM, scan};

/// Reads the policies of a directory, or the one of a file: its own path, or that of its tests.
/// Left out, the configuration's directory, or the demo's.
pub(super) fn read(path: Option<&Path>, common: &Common, out: &Out) -> Result<Sources, Failure> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => dir(common, out)?,
    };
    if !path.is_file() {
        return all(&path);
    }
    if let Some((dir, name)) = library(&path) {
        let mut sources = all(&dir)?;
        callers(&mut sources, &name);
        return Ok(sources);
    }
    let Some(name) = policy_name(&path) else {
        let message = format!("{} is no policy: its name does not end in .rhai", path.display());
        return Err(Failure::usage(message));
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut sources = all(parent.unwrap_or(Path::new(".")))?;
    only(&mut sources, &name);
    if sources.policies.is_empty() {
        let message = format!("there is no policy {name} beside {}", path.display());
        return Err(Failure::usage(message));
    }
    Ok(sources)
}

/// What an editor holds and has not saved, as the policy (or the tests) of that name, with what
/// stands beside it on disk.
pub(super) fn buffer(
    name: &str,
    path: Option<&Path>,
    common: &Common,
    out: &Out,
) -> Result<Sources, Failure> {
    let dir = match path {
        Some(path) => path.to_owned(),
        None => dir(common, out)?,
    };
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::usage(format!("standard input is no text: {error}")))?;
    let text = text.strip_prefix(BOM).unwrap_or(&text);
    if let Some(library) = name.trim_end_matches(".rhai").strip_prefix("lib/") {
        let mut sources = if dir.is_dir() { all(&dir)? } else { Sources::default() };
        let path = dir.join(format!("lib/{library}.rhai")).display().to_string();
        sources.libs.retain(|file| file.name != library);
        sources.libs.push(SourceFile::new(library, &path, text));
        callers(&mut sources, library);
        return Ok(sources);
    }
    let stem = name.trim_end_matches(".rhai");
    let policy = stem.trim_end_matches("_test");
    let mut sources = if dir.is_dir() { all(&dir)? } else { Sources::default() };
    only(&mut sources, policy);
    let path = dir.join(format!("{stem}.rhai")).display().to_string();
    let into = if stem == policy { &mut sources.policies } else { &mut sources.tests };
    *into = vec![SourceFile::new(policy, &path, text)];
    Ok(sources)
}

/// The directory of policies and the library's name, where the path is `DIR/lib/NAME.rhai`. Somebody's
/// directory of policies may be called `lib` too: what declares a `POLICY` is no library.
pub(super) fn library(path: &Path) -> Option<(PathBuf, String)> {
    if std::fs::read_to_string(path).is_ok_and(|text| text.contains("const POLICY")) {
        return None;
    }
    let name = path.file_name()?.to_str()?.strip_suffix(".rhai")?;
    let lib = std::path::absolute(path).ok()?.parent()?.to_owned();
    if lib.file_name()? != "lib" {
        return None;
    }
    // As it was written, so that findings name it so.
    let written = path.parent().and_then(Path::parent).map(Path::to_owned);
    let dir = match written {
        Some(dir) if dir.as_os_str().is_empty() => PathBuf::from("."),
        Some(dir) => dir,
        None => lib.parent()?.to_owned(),
    };
    Some((dir, name.to_owned()))
}

/// Leaves the policies that call the library, for their tests are its tests, and no values.
fn callers(sources: &mut Sources, library: &str) {
    let calls = format!("{library}::");
    sources.policies.retain(|file| file.text.contains(&calls));
    let policies = &sources.policies;
    sources.tests.retain(|test| policies.iter().any(|file| file.name == test.name));
    sources.values = None;
}

/// Leaves that policy alone. Values of the others that are there are checked with those; a table
/// that is no policy's may be meant for this one.
fn only(sources: &mut Sources, name: &str) {
    let is_other =
        |policy: &str| policy != name && sources.policies.iter().any(|f| f.name == policy);
    if let Some(file) = &mut sources.values {
        let own = file.values.iter().filter(|written| !is_other(&written.policy)).cloned();
        *file = Arc::new(ValueFile { values: own.collect(), ..ValueFile::clone(file) });
    }
    sources.policies.retain(|file| file.name == name);
    sources.tests.retain(|file| file.name == name);
}

/// What the configuration says of the policies; nothing where there is none.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// The verbs that each may use, where a list is given.
    pub(super) verbs: BTreeMap<PolicyName, Verbs>,
    /// The accounts that there are.
    pub(super) accounts: Option<Vec<AccountName>>,
}

impl Settings {
    /// Those of the configuration that is there.
    pub(super) fn read(common: &Common, out: &Out) -> Result<Self, Failure> {
        let config = super::super::config::path(common);
        if !config.exists() {
            return Ok(Self::default());
        }
        let config = super::super::config::load(&config, out)?;
        let listed = config
            .policies
            .iter()
            .filter_map(|(name, settings)| Some((name.clone(), settings.verbs.clone()?)));
        let accounts = config.accounts.iter().map(|account| account.name.clone()).collect();
        Ok(Self { verbs: listed.collect(), accounts: Some(accounts) })
    }
}

/// The directory that the configuration names, or the demo's.
pub(super) fn dir(common: &Common, out: &Out) -> Result<PathBuf, Failure> {
    let config = super::super::config::path(common);
    if config.exists() {
        return Ok(super::super::config::load(&config, out)?.policies_dir);
    }
    Ok(Path::new(DEMO_DIR).join("policies"))
}

fn all(dir: &Path) -> Result<Sources, Failure> {
    let snapshot = scan(dir).map_err(|error| {
        Failure::usage(error.to_string()).hint("name the directory: bracketd policy check DIR")
    })?;
    Ok(sources(dir, &snapshot, &Sources::default()))
}

/// The policy that a script or its tests belong to.
fn policy_name(path: &Path) -> Option<String> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".rhai")?;
    Some(stem.trim_end_matches("_test").to_owned())
}
