//! A Rust compiler that makes WebAssembly: rustup's with its target, or Debian's with the sources of
//! the standard library.
//!
//! Apart because it is all about how compilers are packaged. It must never choose one that cannot
//! build: a missing target is said here, with the command that brings it, and not by the compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::exit::{Exit, Failure};

/// What plugins are built for: no operating system, so nothing but the interface.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// Folder of another `cargo` and `rustc` to use.
const OVERRIDE: &str = "BRACKETD_WASM_TOOLCHAIN";
/// Where Debian's compiler is; rustup's goes before it in the search path.
const DEBIAN: &str = "/usr/bin";

/// A compiler that was asked what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compiler {
    cargo: PathBuf,
    rustc: PathBuf,
    has: Has,
}

/// What a compiler has of the target's standard library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    /// It is there.
    Library,
    /// Its sources are: it is built along.
    Sources,
    Nothing,
}

/// The first that can build.
///
/// # Errors
/// `TOOL_MISSING` with the commands that bring one.
pub(super) fn find() -> Result<Compiler, Failure> {
    let given = std::env::var_os(OVERRIDE).map(PathBuf::from);
    let folders = given.map_or_else(|| vec![PathBuf::new(), DEBIAN.into()], |dir| vec![dir]);
    let known = folders.iter().map(|folder| ask(folder));
    known.into_iter().find(|compiler| compiler.has != Has::Nothing).ok_or_else(|| {
        let told = format!("no Rust compiler here can build for {TARGET}");
        Failure::new(Exit::Findings, "TOOL_MISSING", told).hint(
            "rustup target add wasm32-unknown-unknown; or on Debian: apt-get install rustc-web \
             cargo-web rust-web-src rust-web-llvm lld-22",
        )
    })
}

/// Asks the compiler of a folder; an empty path is the search path.
fn ask(folder: &Path) -> Compiler {
    let (cargo, rustc) = (folder.join("cargo"), folder.join("rustc"));
    let print = |args: &[&str]| {
        let output = Command::new(&rustc).args(args).output().ok()?;
        let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
        Some(PathBuf::from(text.trim()))
    };
    let library = print(&["--print", "target-libdir", "--target", TARGET]);
    let root = print(&["--print", "sysroot"]);
    // Only a compiler of a distribution is asked to build the library: rustup's brings it by target.
    let sources = root.map(|root| root.join("lib/rustlib/src/rust/library"));
    let is_debian = !folder.as_os_str().is_empty();
    let has = match (library, sources) {
        (Some(library), _) if library.is_dir() => Has::Library,
        (_, Some(sources)) if is_debian && sources.is_dir() => Has::Sources,
        _ => Has::Nothing,
    };
    Compiler { cargo, rustc, has }
}

impl Compiler {
    /// Its cargo, ready for a verb.
    pub(super) fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        if self.has == Has::Sources {
            // A cargo that runs us leaves its own compiler in the environment.
            for name in ["CARGO", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTUP_TOOLCHAIN"] {
                command.env_remove(name);
            }
            command.env("RUSTC", &self.rustc).env("RUSTC_BOOTSTRAP", "1");
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command
    }
}

/// No path of this machine may end up in a component: it is given away, and another machine should
/// make the same bytes. Flags that a person has set stay.
pub(super) fn hide_paths(command: &mut Command, dir: &Path) {
    if ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].iter().any(|name| std::env::var_os(name).is_some())
    {
        return;
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let dir = dir.canonicalize().ok();
    let known = [(dir, "/plugin"), (home, "/cargo")].into_iter();
    let flags = known
        .filter_map(|(from, to)| Some(format!("--remap-path-prefix={}={to}", from?.display())));
    let flags: Vec<String> = flags.collect();
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_compiler_has_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ask(dir.path()).has, Has::Nothing);
    }
}
