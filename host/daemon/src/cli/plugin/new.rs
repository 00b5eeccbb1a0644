//! `bracketd plugin new`: writes a project that builds anywhere: the SDK and the interface come along.
//!
//! Apart because it only writes files, and never over one that is there. What it writes are our own
//! plugins as they stand: a second text of them would grow old.

mod files;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::super::exit::{Exit, Failure};
use super::super::output::Out;

/// Shown under the help.
pub(super) const EXAMPLE: &str = "\
Example:
  bracketd plugin new acme && bracketd plugin build acme
  bracketd plugin new acme --lang js --dir plugins/acme";

/// Longest name of a plugin: it is a crate's, a file's and an account's name too.
const NAME_MAX: usize = 32;

/// What is written.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The plugin's name: lower-case letters, digits and hyphens
    name: String,
    /// The language it is written in
    #[arg(long, value_enum, default_value = "rust")]
    lang: Language,
    /// Where to write; left out, a directory of that name
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// A crate; needs a compiler with the target wasm32-unknown-unknown
    Rust,
    /// JavaScript modules; needs npm
    Js,
}

/// Runs the verb.
///
/// # Errors
/// Where the name is none, or something is there already.
pub(super) fn run(args: &NewArgs, out: &Out) -> Result<Exit, Failure> {
    check_name(&args.name)?;
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    let project = project(args.lang, &args.name);
    write(&dir, &project)?;
    if out.is_json() {
        let names: Vec<&str> = project.iter().map(|(name, _)| name.as_str()).collect();
        out.json(&json!({ "dir": dir, "files": names }));
        return Ok(Exit::Done);
    }
    let shown = dir.display();
    out.line(&format!("wrote {} files into {shown}", project.len()));
    out.note(&format!("next: read {shown}/README.md, then `bracketd plugin build {shown}`"));
    Ok(Exit::Done)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    if starts && name.len() <= NAME_MAX && name.chars().all(letters) && !name.ends_with('-') {
        return Ok(());
    }
    Err(Failure::usage(format!("`{name}` is no name for a plugin")).hint(format!(
        "at most {NAME_MAX} lower-case letters, digits and hyphens, a letter first: acme-futures"
    )))
}

/// Every file of a new project: its path in it, and its text.
fn project(lang: Language, name: &str) -> Vec<(String, String)> {
    let (files, was) = match lang {
        Language::Rust => (files::RUST, "\"alpaca\""),
        Language::Js => (files::JS, "\"alpaca-js\""),
    };
    let quoted = format!("\"{name}\"");
    let own = |text: &str| text.replace("{{name}}", name).replace(was, &quoted);
    files
        .iter()
        .chain(files::BOTH)
        .map(|&(path, text)| {
            let text = match path {
                // It names its package, which is the only thing of ours in it.
                "package-lock.json" => text.replace("\"bracketd-alpaca-js\"", &quoted),
                "Cargo.toml" => {
                    let own = text.replace("\"bracketd-alpaca\"", &quoted);
                    own.replace("\"../sdk\"", "\"bracketd/sdk\"") + files::WORKSPACE
                }
                vendored if vendored.starts_with("bracketd/") => text.to_owned(),
                _ => own(text),
            };
            (path.to_owned(), text)
        })
        .collect()
}

fn write(dir: &Path, project: &[(String, String)]) -> Result<(), Failure> {
    let fail = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::new(Exit::Findings, "NOT_WRITTEN", format!("{}: {error}", path.display()))
            .hint("name another directory with --dir; nothing that was there has been changed")
    };
    let is_taken = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken || dir.is_file() {
        return Err(fail(dir, &"it is there already, and not empty"));
    }
    for (name, text) in project {
        let path = dir.join(name);
        let parent = path.parent().unwrap_or(dir);
        fs::create_dir_all(parent).map_err(|error| fail(parent, &error))?;
        fs::write(&path, text).map_err(|error| fail(&path, &error))?;
    }
    Ok(())
}
