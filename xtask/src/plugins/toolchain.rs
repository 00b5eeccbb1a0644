//! The compiler for plugins: Debian's `rustc-web`, the one packaged compiler that can make wasm
//! without a target from rustup. Separate because everything about it is a fact of that packaging;
//! it must never touch the compiler of the rest of the project.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

const TARGET: &str = "wasm32-unknown-unknown";
/// Folder of another `cargo` and `rustc` to use.
const OVERRIDE: &str = "BRACKETD_WASM_TOOLCHAIN";
const DEFAULT: &str = "/usr/bin";
const PACKAGES: &str = "apt-get install rustc-web cargo-web rust-web-src rust-web-llvm lld-22";

/// A compiler that has been asked for its version.
pub(crate) struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    /// As `rustc --version` says it.
    pub(crate) version: String,
}

/// Finds the compiler and sees that it has the sources of the standard library.
pub(crate) fn find() -> Result<Toolchain> {
    let folder = std::env::var_os(OVERRIDE).map_or_else(|| PathBuf::from(DEFAULT), PathBuf::from);
    let (cargo, rustc) = (folder.join("cargo"), folder.join("rustc"));
    let ask = |what: &[&str]| -> Result<String> {
        let output = Command::new(&rustc)
            .args(what)
            .output()
            .with_context(|| format!("no {}: `{PACKAGES}`, or set {OVERRIDE}", rustc.display()))?;
        ensure!(output.status.success(), "{} {what:?} failed", rustc.display());
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let version = ask(&["--version"])?;
    let library = PathBuf::from(ask(&["--print", "sysroot"])?).join("lib/rustlib/src/rust/library");
    ensure!(library.is_dir(), "no standard library sources in {}: `{PACKAGES}`", library.display());
    Ok(Toolchain { cargo, rustc, version })
}

impl Toolchain {
    /// Builds the plugin's core module and answers its bytes.
    pub(crate) fn build(&self, root: &Path, package: &str) -> Result<Vec<u8>> {
        let target_dir = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), PathBuf::from)
            .join("plugins");
        let mut command = Command::new(&self.cargo);
        command.current_dir(root).args(["build", "--locked", "--release", "--package", package]);
        command.args(["--lib", "--target", TARGET, "-Zbuild-std=std,panic_abort"]);
        for setting in ["panic=\"abort\"", "opt-level=\"s\"", "lto=true", "codegen-units=1"] {
            command.args(["--config", &format!("profile.release.{setting}")]);
        }
        // Names are kept: they are what a trap can be read by.
        command.args(["--config", "profile.release.strip=\"debuginfo\""]);
        // The cargo that runs us leaves its own compiler in the environment.
        for name in
            ["CARGO", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"]
        {
            command.env_remove(name);
        }
        command.env("RUSTC", &self.rustc).env("RUSTC_BOOTSTRAP", "1");
        command.env("CARGO_TARGET_DIR", &target_dir).env("CARGO_INCREMENTAL", "0");
        command.env("CARGO_ENCODED_RUSTFLAGS", self.flags(root, &target_dir)?);
        let status =
            command.status().with_context(|| format!("running {}", self.cargo.display()))?;
        ensure!(status.success(), "building {package} failed");
        let file = format!("{}.wasm", package.replace('-', "_"));
        let path = target_dir.join(TARGET).join("release").join(file);
        fs::read(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// No path of this machine may end up in a component: two machines must build the same bytes.
    fn flags(&self, root: &Path, target_dir: &Path) -> Result<OsString> {
        let home = std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
        let home = home.context("neither CARGO_HOME nor HOME is set")?;
        let mut flags = OsString::new();
        for (from, to) in [(root, "/bracketd"), (&home, "/cargo"), (target_dir, "/target")] {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push("--remap-path-prefix=");
            flags.push(from);
            flags.push(format!("={to}"));
        }
        Ok(flags)
    }
}
