//! `bracketd config`: checks the file without starting anything, or prints its schema.
//!
//! Apart because it never needs a daemon.

use std::path::{Path, PathBuf};

use bracketd_account::Host;
use bracketd_core::diagnostic::{Diagnostic, Severity};
use clap::Subcommand;
use serde_json::json;

use super::Common;
use super::client::{CONFIG_FILE, DEMO_DIR};
use super::exit::{Exit, Failure};
use super::output::Out;
use crate::config::{Checked, Config, check_file, schema};
use crate::render;

/// Verbs about the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Tell everything that is wrong in the file and with what it names
    #[command(after_help = "Example:\n  bracketd config check --config /etc/bracketd.toml")]
    Check,
    /// Print the JSON Schema of the file, for editors
    #[command(after_help = "Example:\n  bracketd config schema > bracketd.schema.json")]
    Schema,
}

/// Runs the verb.
///
/// # Errors
/// Where the file cannot be read.
pub fn run(verb: &ConfigVerb, common: &Common, out: &Out) -> Result<Exit, Failure> {
    match verb {
        ConfigVerb::Schema => {
            out.json(&schema());
            Ok(Exit::Done)
        }
        ConfigVerb::Check => {
            let path = path_or_demo(common);
            let host = Host::new().map_err(|error| {
                Failure::new(Exit::Refused, "NO_SANDBOX", error.to_string())
                    .hint("plugins cannot run on this machine, and neither can bracketd")
            })?;
            let checked = read(&path, Some(&host))?;
            let diagnostics = &checked.diagnostics;
            let is_right = checked.config.is_some();
            if out.is_json() {
                let all: Vec<_> = diagnostics.iter().map(render::json).collect();
                out.json(&json!({ "file": path, "ok": is_right, "diagnostics": all }));
            } else {
                if !diagnostics.is_empty() {
                    out.note(&render::texts(diagnostics, true));
                }
                if is_right {
                    out.line(&format!("{}: ok", path.display()));
                }
            }
            Ok(if is_right { Exit::Done } else { Exit::Findings })
        }
    }
}

/// The configuration file that the command line means.
pub fn path(common: &Common) -> PathBuf {
    common.config.clone().unwrap_or_else(|| CONFIG_FILE.into())
}

/// The same; where none is named and none is here, the demo's, if one was started here.
pub(super) fn path_or_demo(common: &Common) -> PathBuf {
    let demo = Path::new(DEMO_DIR).join(CONFIG_FILE);
    let is_left_out = common.config.is_none() && !Path::new(CONFIG_FILE).exists();
    if is_left_out && demo.exists() { demo } else { path(common) }
}

/// The configuration; what is wrong with it goes to standard error.
///
/// # Errors
/// Where the file cannot be read or is not right.
pub fn load(path: &Path, out: &Out) -> Result<Config, Failure> {
    meaning(read(path, None)?, path, out)
}

/// What a check found, as a configuration; what is wrong goes to standard error.
///
/// # Errors
/// Where it is not right.
pub(super) fn meaning(checked: Checked, path: &Path, out: &Out) -> Result<Config, Failure> {
    let Checked { config, diagnostics } = checked;
    if !diagnostics.is_empty() {
        out.note(&render::texts(&diagnostics, true));
    }
    config.ok_or_else(|| {
        let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
        let mistakes = match diagnostics.iter().filter(is_error).count() {
            1 => "a mistake".to_owned(),
            many => format!("{many} mistakes"),
        };
        Failure::new(Exit::Findings, "BAD_CONFIG", format!("{} has {mistakes}", path.display()))
            .hint("`bracketd config check` tells them again, without starting anything")
    })
}

fn read(path: &Path, host: Option<&Host>) -> Result<Checked, Failure> {
    check_file(path, host).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}", path.display()))
            .hint("write one with `bracketd init`, or name it with --config")
    })
}
