//! `cargo xtask plugins`: sources -> core module -> component -> `plugins/dist`. The committed
//! components are what runs on machines without a wasm compiler, so this verb must never write one
//! that it did not just check.

mod component;
mod manifest;
mod sources;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub(crate) use sources::sha256;

use manifest::{Entry, Manifest};

/// The plugins we ship: crate, folder under `plugins/`, name.
const PLUGINS: &[(&str, &str)] = &[("bracketd-alpaca", "alpaca")];

/// One freshly built plugin.
struct Built {
    entry: Entry,
    wasm: Vec<u8>,
}

/// Builds every plugin and writes `plugins/dist`.
pub(crate) fn build() -> Result<()> {
    let root = root()?;
    let dist = root.join("plugins/dist");
    fs::create_dir_all(&dist)?;
    let built = build_all(&root)?;
    for plugin in &built {
        let path = dist.join(&plugin.entry.file);
        fs::write(&path, &plugin.wasm).with_context(|| format!("writing {}", path.display()))?;
        println!(
            "{}: {} bytes, sha256 {}",
            plugin.entry.file,
            plugin.wasm.len(),
            plugin.entry.sha256
        );
    }
    Manifest { plugins: built.into_iter().map(|plugin| plugin.entry).collect() }.write(&dist)
}

/// Builds every plugin and compares it, digest by digest, with what is committed.
pub(crate) fn check() -> Result<()> {
    let root = root()?;
    let committed = Manifest::read(&root.join("plugins/dist"))?;
    let built = build_all(&root)?;
    let mut differing = Vec::new();
    for Built { entry, .. } in &built {
        let Some(old) = committed.plugins.iter().find(|old| old.name == entry.name) else {
            differing.push(format!("{} is not in plugins/dist", entry.name));
            continue;
        };
        // Another compiler may make other bytes of the same sources; everything else must agree.
        let comparable = match old.compiler == entry.compiler {
            true => entry.clone(),
            false => Entry {
                sha256: old.sha256.clone(),
                compiler: old.compiler.clone(),
                ..entry.clone()
            },
        };
        if comparable != *old {
            differing.push(format!("{old:#?}\nis now\n{entry:#?}"));
        } else if old.compiler == entry.compiler {
            println!("{}: byte for byte as committed, {}", entry.file, entry.sha256);
        } else {
            let (now, then) = (&entry.compiler, &old.compiler);
            println!("{}: same sources; built by {now}, committed by {then}", entry.file);
        }
    }
    if differing.is_empty() {
        return Ok(());
    }
    bail!("plugins/dist is stale; run `cargo xtask plugins`\n{}", differing.join("\n"))
}

fn build_all(root: &Path) -> Result<Vec<Built>> {
    let toolchain = toolchain::find()?;
    let mut built = Vec::new();
    for (package, name) in PLUGINS {
        let core = toolchain.build(root, package)?;
        let wasm = component::encode(&core)?;
        component::check(&wasm).with_context(|| format!("{name}.wasm"))?;
        let sources = sources::digest(root, package, name)?;
        let version = sources::version(root, name)?;
        let sha256 = sources::sha256(&wasm);
        let entry = Entry {
            name: (*name).to_owned(),
            version,
            abi: component::ABI.to_owned(),
            file: format!("{name}.wasm"),
            sha256,
            sources_sha256: sources,
            compiler: toolchain.version.clone(),
        };
        built.push(Built { entry, wasm });
    }
    Ok(built)
}

/// The repository.
pub(crate) fn root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map(Path::to_path_buf).context("xtask has no parent directory")
}

#[cfg(test)]
mod tests;
