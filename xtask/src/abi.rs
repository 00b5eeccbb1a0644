//! `cargo xtask abi`: the ABI is what plugins in other people's hands were built for, so a change of
//! it is a decision and never an accident. A hash of the resolved WIT package is recorded, and every
//! released state is kept and compared with. It must never touch `plugins/wit/v1` itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use wit_component::WitPrinter;
use wit_parser::{PackageId, Resolve};

use crate::plugins::{root, sha256};

const NOW: &str = "plugins/wit/v1";
const RELEASED: &str = "plugins/wit/released";
const RECORD: &str = "plugins/wit/abi.toml";
const RECORD_HEAD: &str = "# Written by `cargo xtask abi record`: the ABI that is agreed on.\n";
/// Digits of the hash that a line of the changelog names.
const SHORT: usize = 12;

/// What is agreed on.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Record {
    version: String,
    sha256: String,
}

/// A WIT package, resolved.
struct Package {
    resolve: Resolve,
    id: PackageId,
}

impl Package {
    fn read(dir: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (id, _) = resolve.push_dir(dir).with_context(|| format!("in {}", dir.display()))?;
        Ok(Self { resolve, id })
    }

    fn version(&self) -> Result<String> {
        let name = &self.resolve.packages[self.id].name;
        let version = name.version.as_ref().with_context(|| format!("{name} has no version"))?;
        Ok(version.to_string())
    }

    /// The hash of the package as it is printed without comments: what two files mean, not how they
    /// are laid out.
    fn record(&self) -> Result<Record> {
        let mut printer = WitPrinter::default();
        printer.emit_docs(false);
        printer.print(&self.resolve, self.id, &[]).map_err(|error| anyhow!("{error:#}"))?;
        let text = printer.output.to_string();
        Ok(Record { version: self.version()?, sha256: sha256(text.as_bytes()) })
    }
}

/// Shows the ABI and fails where it does not fit.
pub(crate) fn check() -> Result<()> {
    let root = root()?;
    let record = Package::read(&root.join(NOW))?.record()?;
    println!("bracketd:broker@{} {}", record.version, record.sha256);
    is_recorded(&root)?;
    fits_released(&root)
}

/// Takes the ABI as it is now for the agreed one.
pub(crate) fn record() -> Result<()> {
    let root = root()?;
    let record = Package::read(&root.join(NOW))?.record()?;
    let frozen = root.join(RELEASED).join(&record.version);
    ensure!(
        !is_frozen(&record.version)
            || !frozen.exists()
            || Package::read(&frozen)?.record()? == record,
        "{} is released and frozen: give the ABI another version",
        record.version
    );
    fs::write(root.join(RECORD), format!("{RECORD_HEAD}{}", toml::to_string(&record)?))?;
    println!("{} {}; now say in CHANGELOG.md what changed", record.version, short(&record.sha256));
    Ok(())
}

/// Keeps the ABI as released.
pub(crate) fn release() -> Result<()> {
    let root = root()?;
    is_recorded(&root)?;
    let version = Package::read(&root.join(NOW))?.version()?;
    let into = root.join(RELEASED).join(&version);
    if is_frozen(&version) {
        ensure!(!into.exists(), "{version} is released already, and frozen");
    }
    fs::create_dir_all(&into)?;
    for entry in fs::read_dir(root.join(NOW))? {
        let from = entry?.path();
        let name = from.file_name().context("a file has a name")?;
        fs::copy(&from, into.join(name))?;
    }
    println!("{version} is kept in {}", into.display());
    Ok(())
}

/// From 1.0.0 on a version never changes.
fn is_frozen(version: &str) -> bool {
    !version.starts_with("0.")
}

fn short(hash: &str) -> &str {
    hash.get(..SHORT).unwrap_or(hash)
}

/// The ABI is the recorded one, and the changelog names it.
fn is_recorded(root: &Path) -> Result<()> {
    let now = Package::read(&root.join(NOW))?.record()?;
    let recorded: Record = toml::from_str(&fs::read_to_string(root.join(RECORD))?)?;
    if now != recorded {
        bail!(
            "{NOW} is {} {}, and {RECORD} says {} {}.\nPlugins in other hands were built for the \
             recorded one. If it was meant: {}, run `cargo xtask abi record`, say in CHANGELOG.md \
             what an integrator has to do, with `{}`, and run `cargo xtask plugins`.",
            now.version,
            short(&now.sha256),
            recorded.version,
            short(&recorded.sha256),
            match is_frozen(&recorded.version) && now.version == recorded.version {
                true => "give it another version, for this one is frozen",
                false => "0.x may still change",
            },
            short(&now.sha256),
        );
    }
    let changelog = fs::read_to_string(root.join("CHANGELOG.md"))?;
    let short = short(&now.sha256);
    ensure!(
        changelog.contains(short),
        "CHANGELOG.md has no line about the ABI {} with `{short}`: say what an integrator has to do",
        now.version
    );
    Ok(())
}

/// Components built for a released state of this series load in a host of the present one.
fn fits_released(root: &Path) -> Result<()> {
    let now = Package::read(&root.join(NOW))?.version()?;
    let mut compared = 0;
    for (version, dir) in released(root)? {
        if series(&version) != series(&now) {
            continue;
        }
        if version == now && is_frozen(&now) {
            let same =
                Package::read(&dir)?.record()? == Package::read(&root.join(NOW))?.record()?;
            ensure!(same, "{version} is released and frozen, and {NOW} differs from it");
        }
        is_compatible(&dir, &root.join(NOW)).with_context(|| {
            format!(
                "plugins built for the released {version} no longer load. Give the ABI the next \
                 version of another series; or, while it is 0.x and nobody is left behind, run \
                 `cargo xtask abi release` and say so in CHANGELOG.md"
            )
        })?;
        compared += 1;
    }
    ensure!(compared > 0, "nothing of the series of {now} is in {RELEASED}");
    Ok(())
}

/// What versions promise to be compatible within: a major, or a minor before 1.0.0.
fn series(version: &str) -> String {
    let parts = if is_frozen(version) { 1 } else { 2 };
    version.split('.').take(parts).collect::<Vec<_>>().join(".")
}

fn released(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(RELEASED))? {
        let entry = entry?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}

/// Every world of `then` is in `now`, asking no more exports and offering no fewer imports.
fn is_compatible(then: &Path, now: &Path) -> Result<()> {
    let old = Package::read(then)?;
    for (name, _) in &old.resolve.packages[old.id].worlds {
        let mut both = Resolve::default();
        // Under versions of their own, or the two would be one package.
        let mut push = |dir: &Path, version: &str| -> Result<_> {
            let text = one_text(dir)?.replacen(
                &format!("@{};", Package::read(dir)?.version()?),
                &format!("@{version};"),
                1,
            );
            let package = both.push_str("broker.wit", &text)?;
            both.select_world(&[package], Some(name))
                .with_context(|| format!("there is no world {name} any more"))
        };
        let (prev, new) = (push(then, "0.0.1")?, push(now, "0.0.2")?);
        wit_component::semver_check(both, prev, new)
            .map_err(|error| anyhow!("{error:#}"))
            .with_context(|| format!("world {name}"))?;
    }
    Ok(())
}

/// All files of a package as one.
fn one_text(dir: &Path) -> Result<String> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir)?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let file = fs::read_to_string(&path)?;
        let rest = match text.is_empty() {
            true => file.as_str(),
            // The package is named once.
            false => file.split_once(';').context("a file begins with its package")?.1,
        };
        text.push_str(rest);
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
