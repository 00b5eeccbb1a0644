//! `bracketd plugin build`: runs the tool of the project's language, and checks what came out.
//!
//! Apart because it starts other programs. It must never write a file that this daemon could not
//! load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bracketd_account::{Host, LoadError};
use clap::Args;
use serde_json::{Value, json};
use wit_component::ComponentEncoder;

use super::super::exit::{Exit, Failure};
use super::super::output::Out;
use super::toolchain::{self, Compiler, TARGET};

/// Shown under the help.
pub(super) const EXAMPLE: &str = "\
Example:
  bracketd plugin build acme

A project with a Cargo.toml is Rust, one with a package.json JavaScript.
BRACKETD_WASM_TOOLCHAIN names a directory with another cargo and rustc.";

/// What is built.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The project's directory
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// Where a tool is missing, the build fails, or what it made is no plugin.
pub(super) fn run(args: &BuildArgs, out: &Out) -> Result<Exit, Failure> {
    let dir = &args.dir;
    let (name, wasm) = if dir.join("Cargo.toml").is_file() {
        rust(dir)?
    } else if dir.join("package.json").is_file() {
        javascript(dir)?
    } else {
        let told = format!("{}: neither a Cargo.toml nor a package.json is there", dir.display());
        return Err(Failure::usage(told)
            .hint("name the plugin's directory, or begin one: bracketd plugin new NAME"));
    };
    let digest = check(&wasm, &name)?;
    let path = dir.join(format!("{name}.wasm"));
    fs::write(&path, &wasm).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    let (shown, bytes) = (path.display(), wasm.len());
    if out.is_json() {
        let abi = bracketd_account::ABI;
        out.json(&json!({ "file": path, "bytes": bytes, "sha256": digest, "abi": abi }));
    } else {
        out.line(&format!("built {shown}, {bytes} bytes, sha256 {digest}"));
        out.note(&format!("next: `bracketd plugin test {shown}`"));
    }
    Ok(Exit::Done)
}

/// Loads it as the daemon would.
fn check(wasm: &[u8], name: &str) -> Result<String, Failure> {
    let host = Host::new().map_err(|error| failed(error.to_string()))?;
    let plugin = host.load(wasm, name).map_err(|error: LoadError| {
        Failure::new(Exit::Findings, "NO_PLUGIN", format!("what was built: {error}"))
    })?;
    Ok(plugin.digest().to_owned())
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Findings, "BUILD_FAILED", message)
}

fn rust(dir: &Path) -> Result<(String, Vec<u8>), Failure> {
    let core = compile(dir, &toolchain::find()?)?;
    let bytes = fs::read(&core).map_err(|error| failed(format!("{}: {error}", core.display())))?;
    let wasm = ComponentEncoder::default()
        .module(&bytes)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| {
            failed(format!("the core module is no component: {error:#}"))
                .hint("does the crate say `bindings::export_account!(Type)`? see docs/plugins.md")
        })?;
    let name = core.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    Ok((name, wasm))
}

/// Runs cargo; answers where the core module is.
fn compile(dir: &Path, compiler: &Compiler) -> Result<PathBuf, Failure> {
    let mut command = compiler.cargo();
    command.current_dir(dir).args(["build", "--release", "--lib", "--target", TARGET]);
    command.arg("--message-format=json-render-diagnostics");
    toolchain::hide_paths(&mut command, dir);
    // What cargo has to say goes to the terminal; what it made comes as JSON.
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("cargo does not run: {error}")))?;
    if !output.status.success() {
        return Err(failed("cargo could not build it: its words stand above"));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let made = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let modules = made.filter(|message| message["reason"] == "compiler-artifact");
    let mut files = modules.flat_map(|message| strings(&message["filenames"]));
    let module = files.find(|file| file.ends_with(".wasm"));
    module.map(PathBuf::from).ok_or_else(|| {
        failed("cargo made no WebAssembly module")
            .hint("Cargo.toml needs: [lib] crate-type = [\"cdylib\", \"rlib\"]")
    })
}

fn strings(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn javascript(dir: &Path) -> Result<(String, Vec<u8>), Failure> {
    let path = dir.join("package.json");
    let text = fs::read(&path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    let package: Value = serde_json::from_slice(&text)
        .map_err(|error| failed(format!("{}: {error}", path.display())))?;
    let name = package["name"].as_str().filter(|name| !name.contains(['/', '\\']));
    let name = name.ok_or_else(|| failed(format!("{}: no plain `name`", path.display())))?;
    if !dir.join("node_modules").is_dir() {
        let install = if dir.join("package-lock.json").is_file() { "ci" } else { "install" };
        npm(dir, &[install, "--no-audit", "--no-fund", "--ignore-scripts"])?;
    }
    npm(dir, &["run", "build"])?;
    let made = dir.join(format!("{name}.wasm"));
    let wasm = fs::read(&made).map_err(|error| {
        failed(format!("{}: {error}", made.display()))
            .hint(format!("the script `build` of package.json has to write {name}.wasm"))
    })?;
    Ok((name.to_owned(), wasm))
}

fn npm(dir: &Path, args: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("npm");
    // Standard output is for our data alone.
    command.current_dir(dir).args(args).stdout(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(failed(format!("`npm {}` failed: its words stand above", args.join(" ")))),
        Err(error) => {
            Err(Failure::new(Exit::Findings, "TOOL_MISSING", format!("npm does not run: {error}"))
                .hint(
                    "install Node.js 20 or newer with npm; on Debian: apt-get install nodejs npm",
                ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(dir: &Path) -> Failure {
        run(&BuildArgs { dir: dir.to_owned() }, &Out::keeping(false)).unwrap_err()
    }

    #[test]
    fn what_is_no_project_is_said_with_the_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let failure = built(dir.path());
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Usage, "USAGE"));
        assert!(failure.hint.contains("plugin new"), "{failure:?}");
        for (text, words) in
            [("{", "EOF"), ("{}", "no plain `name`"), ("{\"name\":\"a/b\"}", "name")]
        {
            fs::write(dir.path().join("package.json"), text).unwrap();
            let failure = built(dir.path());
            assert!(failure.message.contains(words), "{failure:?}");
        }
    }

    /// A file that the daemon would refuse is not written.
    #[test]
    fn what_was_built_is_loaded_first() {
        let failure = check(b"\0asm\x01\0\0\0", "acme").unwrap_err();
        assert!(failure.message.contains("core WebAssembly module"), "{failure:?}");
        let ours = check(crate::demo::PLUGIN, "acme").unwrap();
        assert_eq!(ours.len(), 64);
    }
}
