//! A plugin in JavaScript: npm installs the pinned tool of its lock file, the tool makes the
//! component. Apart because nothing of Rust is in it; it must never take a version that the lock file
//! does not name.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The tool, as a dependency in `package.json`.
const TOOL: &str = "componentize-qjs";

/// Whether this tool made a component. It takes a snapshot of a running engine, whose hash seeds
/// differ: the same sources give other bytes each time.
pub(crate) fn is_compiler(name: &str) -> bool {
    name.starts_with(TOOL)
}

/// Tests and builds the plugin; answers its bytes and the tool. None where there is no npm.
pub(crate) fn build(root: &Path, name: &str) -> Result<Option<(Vec<u8>, String)>> {
    let folder = root.join("plugins").join(name);
    if !available() {
        return Ok(None);
    }
    npm(&folder, &["ci", "--no-audit", "--no-fund", "--ignore-scripts"])?;
    npm(&folder, &["test"])?;
    npm(&folder, &["run", "build"])?;
    let made = folder.join(format!("{name}.wasm"));
    let wasm = fs::read(&made).with_context(|| format!("reading {}", made.display()))?;
    fs::remove_file(&made)?;
    Ok(Some((wasm, tool(&folder)?)))
}

/// Whether npm runs here.
pub(crate) fn available() -> bool {
    let asked = Command::new("npm").arg("--version").stdout(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn npm(folder: &Path, args: &[&str]) -> Result<()> {
    let mut command = Command::new("npm");
    command.current_dir(folder).args(args).stdout(Stdio::null());
    let status = command.status().context("running npm")?;
    ensure!(status.success(), "`npm {}` in {} failed", args.join(" "), folder.display());
    Ok(())
}

/// The tool and its version, as the lock file has it.
fn tool(folder: &Path) -> Result<String> {
    let lock: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("package-lock.json"))?)?;
    let version = lock["packages"][format!("node_modules/{TOOL}")]["version"].as_str();
    Ok(format!("{TOOL} {}", version.context("the lock file does not name the tool")?))
}
