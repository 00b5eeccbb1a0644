//! `cargo xtask plugins`: sources -> core module -> component -> `plugins/dist`. The committed
//! components are what runs on machines without a wasm compiler, so this verb must never write one
//! that it did not just check.

mod component;
mod javascript;
mod manifest;
mod sources;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

pub(crate) use sources::sha256;

use manifest::{Entry, Manifest};

/// The plugins we ship.
const PLUGINS: &[Plugin] = &[
    Plugin { name: "alpaca", made: Made::Rust { package: "bracketd-alpaca" } },
    Plugin { name: "alpaca-js", made: Made::JavaScript },
];

/// One plugin: its name is also its folder under `plugins/`.
struct Plugin {
    name: &'static str,
    made: Made,
}

/// What a plugin is written in.
enum Made {
    /// A crate of this workspace.
    Rust { package: &'static str },
    /// A folder with a `package.json`.
    JavaScript,
}

/// One freshly built plugin.
struct Built {
    entry: Entry,
    wasm: Vec<u8>,
}

pub(crate) use javascript::available as has_npm;

/// Builds every plugin and writes `plugins/dist`.
pub(crate) fn build() -> Result<()> {
    let root = root()?;
    let dist = root.join("plugins/dist");
    fs::create_dir_all(&dist)?;
    let mut built = build_all(&root)?;
    let known = Manifest::read(&dist).map(|manifest| manifest.plugins).unwrap_or_default();
    for plugin in &mut built {
        keep_if_same(plugin, &known, &dist)?;
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

/// A compiler whose bytes differ each time would change the repository for nothing: what is committed
/// of the same sources stays.
fn keep_if_same(plugin: &mut Built, known: &[Entry], dist: &Path) -> Result<()> {
    let Some(old) = known.iter().find(|old| old.name == plugin.entry.name) else { return Ok(()) };
    let same = Entry { sha256: old.sha256.clone(), ..plugin.entry.clone() } == *old;
    if same && javascript::is_compiler(&old.compiler) {
        plugin.wasm = fs::read(dist.join(&old.file))?;
        plugin.entry.sha256 = sources::sha256(&plugin.wasm);
    }
    Ok(())
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
        // Another compiler may make other bytes of the same sources, and the JavaScript one makes
        // others each time; everything else must agree.
        let same_bytes = old.compiler == entry.compiler && !javascript::is_compiler(&old.compiler);
        let comparable = match same_bytes {
            true => entry.clone(),
            false => Entry {
                sha256: old.sha256.clone(),
                compiler: old.compiler.clone(),
                ..entry.clone()
            },
        };
        if comparable != *old {
            differing.push(format!("{old:#?}\nis now\n{entry:#?}"));
        } else if same_bytes {
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

/// A crate of this workspace as a core module, by the compiler of the plugins.
pub(crate) fn core_module(package: &str) -> Result<Vec<u8>> {
    toolchain::find()?.build(&root()?, package)
}

fn build_all(root: &Path) -> Result<Vec<Built>> {
    let toolchain = toolchain::find()?;
    let mut built = Vec::new();
    for plugin in PLUGINS {
        let (wasm, compiler) = match plugin.made {
            Made::Rust { package } => {
                (component::encode(&toolchain.build(root, package)?)?, toolchain.version.clone())
            }
            Made::JavaScript => match javascript::build(root, plugin.name)? {
                Some(made) => made,
                None => {
                    built.push(committed(root, plugin)?);
                    continue;
                }
            },
        };
        component::check(&wasm).with_context(|| format!("{}.wasm", plugin.name))?;
        let entry = Entry {
            name: plugin.name.to_owned(),
            version: sources::version(root, plugin)?,
            abi: component::ABI.to_owned(),
            file: format!("{}.wasm", plugin.name),
            sha256: sources::sha256(&wasm),
            sources_sha256: sources::digest(root, plugin)?,
            compiler,
        };
        built.push(Built { entry, wasm });
    }
    Ok(built)
}

/// What is committed of a plugin whose compiler is not here: it stays, if its sources did.
fn committed(root: &Path, plugin: &Plugin) -> Result<Built> {
    let (dist, name) = (root.join("plugins/dist"), plugin.name);
    let manifest = Manifest::read(&dist)?;
    let entry = manifest.plugins.into_iter().find(|entry| entry.name == name);
    let entry = entry.with_context(|| format!("{name} was never built, and needs npm"))?;
    let now = sources::digest(root, plugin)?;
    ensure!(entry.sources_sha256 == now, "{name} has changed; building it needs npm");
    println!("{name}: NOT rebuilt, there is no npm; its sources are those that were built");
    let wasm = fs::read(dist.join(&entry.file))?;
    Ok(Built { entry, wasm })
}

/// The repository.
pub(crate) fn root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map(Path::to_path_buf).context("xtask has no parent directory")
}

#[cfg(test)]
mod tests;
