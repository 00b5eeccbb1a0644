//! `cargo xtask ci`: everything that must hold, on a clean checkout, with the minutes each step took.
//!
//! Apart so that the continuous integration script is one line and a person runs the very same
//! steps. It installs what it needs and changes nothing that is committed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Debian's packages with a compiler that can build for wasm32.
const COMPILER: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"];
/// How long the demo runs before it is asked how it is.
const DEMO: Duration = Duration::from_secs(25);

/// Runs all steps; the first failure ends the run.
///
/// # Errors
/// The step that failed.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    let mut took = Vec::new();
    let mut step = |name: &'static str, work: &dyn Fn() -> Result<()>| -> Result<()> {
        println!("== {name}");
        let began = Instant::now();
        work().with_context(|| format!("step {name:?} failed"))?;
        took.push((name, began.elapsed()));
        Ok(())
    };
    step("plugin compiler", &install_compiler)?;
    step("format", &|| cargo(&["fmt", "--all", "--check"]))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    step("clippy", &|| cargo(&lints))?;
    step("plugins from source", &|| crate::plugins::check())?;
    step("tests", &|| cargo(&["test", "--workspace"]))?;
    step("a plugin from nothing", &plugin_from_nothing)?;
    step("simulation", &simulation)?;
    step("conformance", &conformance)?;
    step("demo", &demo)?;
    println!("\nminutes per step");
    for (name, time) in &took {
        println!("  {:5.1}  {name}", time.as_secs_f64() / 60.0);
    }
    println!("  {:5.1}  all", start.elapsed().as_secs_f64() / 60.0);
    Ok(())
}

fn cargo(args: &[&str]) -> Result<()> {
    command("cargo", args)
}

fn command(program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(args)
        // Everything is built once: what would serve a second build fills the disk for nothing.
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} {} ended with {status}", args.join(" "));
    Ok(())
}

fn install_compiler() -> Result<()> {
    let missing = COMPILER.iter().filter(|name| {
        let query = Command::new("dpkg").args(["-s", name]).output();
        !query.is_ok_and(|out| out.status.success())
    });
    let missing: Vec<&str> = missing.copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    command("apt-get", &["update", "-qq"])?;
    let mut args = vec!["install", "-y", "-qq", "--no-install-recommends"];
    args.extend(missing);
    command("apt-get", &args)
}

/// What an integrator does first, outside this repository: the whole session of
/// docs/transcripts/plugin.md in Rust, and a project in JavaScript, built.
fn plugin_from_nothing() -> Result<()> {
    let replay = "transcripts::plugin_md_from_nothing";
    let args = ["test", "--workspace", "--test", "blackbox", "--", "--exact", "--ignored", replay];
    let said = ask(Path::new("cargo"), Path::new("."), &args)?;
    // A filter that fits no test is no failure to cargo.
    ensure!(said.contains("1 passed"), "there is no test {replay}");
    if !crate::plugins::has_npm() {
        println!("there is no npm: no plugin in JavaScript was built");
        return Ok(());
    }
    let program = std::path::absolute(target_dir().join("debug/bracketd"))?;
    let dir = std::env::temp_dir().join(format!("bracketd-plugins-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    println!("{}", ask(&program, &dir, &["plugin", "new", "acme-js", "--lang", "js"])?);
    println!("{}", ask(&program, &dir, &["plugin", "build", "acme-js"])?);
    ensure!(dir.join("acme-js/acme-js.wasm").is_file(), "acme-js");
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Twenty thousand histories of faults, and every mistake on purpose found in time. The binary of
/// the tests runs them: what they need is optimized in the development profile as well, which
/// costs less than a build of its own.
fn simulation() -> Result<()> {
    let program = std::path::absolute(target_dir().join("debug/bracketd"))?;
    let program = program.to_string_lossy().into_owned();
    command(&program, &["sim", "run", "--seed", "1000000", "-n", "20000"])?;
    let bugs = ["test", "-p", "bracketd-sim", "--features", "bugs", "--test", "bugs"];
    cargo(&bugs)
}

/// The plugins that we ship pass the kit that integrators run.
fn conformance() -> Result<()> {
    let program = std::path::absolute(target_dir().join("debug/bracketd"))?;
    let program = program.to_string_lossy().into_owned();
    for file in ["plugins/dist/alpaca.wasm", "plugins/dist/alpaca-js.wasm"] {
        command(&program, &["plugin", "test", file])?;
    }
    Ok(())
}

/// Starts the demo in an empty directory as a newcomer would, and asks it how it is.
fn demo() -> Result<()> {
    let program = std::path::absolute(target_dir().join("debug/bracketd"))?;
    let dir = std::env::temp_dir().join(format!("bracketd-smoke-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let mut demo = Demo(
        Command::new(&program)
            .current_dir(&dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?,
    );
    std::thread::sleep(DEMO);
    if let Some(status) = demo.0.try_wait()? {
        bail!("the demo ended by itself: {status}");
    }
    let list = ask(&program, &dir, &["tx", "list", "--json"])?;
    let all: serde_json::Value = serde_json::from_str(&list)?;
    let rows = all.as_array().or_else(|| all["transactions"].as_array());
    let rows = rows.context("`tx list --json` is no list")?;
    let protected = rows.iter().filter(|tx| tx["protection"]["state"] == "protected").count();
    ensure!(rows.len() >= 4, "the demo has {} transactions after {DEMO:?}", rows.len());
    ensure!(protected >= 1, "no transaction of the demo is protected:\n{list}");
    println!("{}", ask(&program, &dir, &["tx", "list"])?);
    println!("{}", ask(&program, &dir, &["status"])?);
    drop(demo);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// A running demo; it ends with the value.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

fn ask(program: &Path, dir: &Path, args: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    let out = command.current_dir(dir).args(args).env("CARGO_INCREMENTAL", "0").output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (stdout, stderr) = (text(out.stdout), text(out.stderr));
    ensure!(
        out.status.success(),
        "{} {} ended with {}: {stdout}{stderr}",
        program.display(),
        args.join(" "),
        out.status
    );
    Ok(stdout)
}

fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}
