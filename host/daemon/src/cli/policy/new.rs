//! `policy new`: a policy to start from, with its tests.
//!
//! Apart because it writes files, and never over one that is there. What it writes is a shipped
//! policy under another name, so that it builds and passes before anything is changed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bracketd_policy::{SourceFile, shipped};
use clap::Args;
use serde_json::json;

use super::super::Common;
use super::super::exit::{Exit, Failure};
use super::super::output::Out;
use super::about::About;

pub(super) const EXAMPLE: &str = "\
Examples:
  bracketd policy new my_trail --template trailing_stop
  bracketd policy new my_trail --template trailing_stop --dir policies
  bracketd policy new --list";

/// What to write.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The policy's name: the file will be NAME.rhai
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// The shipped policy to start from
    #[arg(long, value_name = "NAME", default_value = "trailing_stop")]
    template: String,
    /// Where to write; left out, the configuration's directory of policies
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// List the templates, and write nothing
    #[arg(long)]
    list: bool,
}

/// Runs the verb.
pub(super) fn run(args: &NewArgs, common: &Common, out: &Out) -> Result<Exit, Failure> {
    let all = shipped();
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else {
        listed(&all.policies, out);
        return Ok(Exit::Done);
    };
    if !is_name(name) {
        return Err(Failure::usage(format!("{name} cannot be the name of a policy"))
            .hint("use a-z, 0-9 and _, begin with a letter, and do not end with _test"));
    }
    let template = |files: &[SourceFile]| files.iter().find(|f| f.name == args.template).cloned();
    let Some(script) = template(&all.policies) else {
        return Err(no_template(&args.template, &all.policies));
    };
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => super::files::dir(common, out)?,
    };
    let renamed = |text: &str| {
        let (old, new) = (format!("name: \"{}\"", args.template), format!("name: \"{name}\""));
        text.replace(&old, &new)
    };
    let mut files = vec![(format!("{name}.rhai"), renamed(&script.text))];
    files.extend(template(&all.tests).map(|test| (format!("{name}_test.rhai"), test.text)));
    for (file, _) in &files {
        if dir.join(file).exists() {
            let message = format!("{} is there already", dir.join(file).display());
            return Err(Failure::usage(message).hint("nothing was written; choose another name"));
        }
    }
    let libs = all.libs.iter().filter(|lib| script.text.contains(&format!("{}::", lib.name)));
    let libs = libs.map(|lib| (format!("lib/{}.rhai", lib.name), lib.text.clone()));
    files.extend(libs.filter(|(path, _)| !dir.join(path).exists()));
    let mut written = Vec::new();
    for (file, text) in files {
        written.push(write(&dir.join(file), &text)?);
    }
    told(name, &written, out);
    Ok(Exit::Done)
}

fn told(name: &str, written: &[PathBuf], out: &Out) {
    if out.is_json() {
        return out.json(&json!({ "name": name, "written": written }));
    }
    for path in written {
        out.line(&format!("wrote {}", path.display()));
    }
    let first = written.first().map(|path| path.display().to_string()).unwrap_or_default();
    out.note(&format!("next: bracketd policy test {first}"));
}

fn write(path: &Path, text: &str) -> Result<PathBuf, Failure> {
    let fail = |error: std::io::Error| {
        Failure::new(Exit::Findings, "NOT_WRITTEN", format!("{}: {error}", path.display()))
            .hint("nothing that was there has been changed")
    };
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(fail)?;
    let mut file = fs::File::create_new(path).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    Ok(path.to_owned())
}

fn listed(templates: &[SourceFile], out: &Out) {
    let about = |file: &SourceFile| About::of(&file.doc());
    if out.is_json() {
        let row = |file: &SourceFile| {
            let about = about(file);
            json!({ "name": file.name, "doc": about.what, "not_for": about.not_for })
        };
        return out.json(&json!({ "templates": templates.iter().map(row).collect::<Vec<_>>() }));
    }
    let width = templates.iter().map(|file| file.name.len()).max().unwrap_or(0);
    for file in templates {
        let about = about(file);
        out.hanging(&format!("{:width$}  ", file.name), &about.what);
        out.hanging(&" ".repeat(width + 2), &about.not_for);
    }
}

fn no_template(name: &str, templates: &[SourceFile]) -> Failure {
    let near = templates
        .iter()
        .map(|file| (strsim::damerau_levenshtein(name, &file.name), file.name.as_str()))
        .filter(|(distance, _)| *distance <= 4)
        .min();
    let hint = match near {
        Some((_, near)) => format!("did you mean {near}? `bracketd policy new --list` shows all"),
        None => "`bracketd policy new --list` shows all".to_owned(),
    };
    Failure::usage(format!("there is no template {name}")).hint(hint)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.ends_with("_test")
        && name.len() <= 64
}
