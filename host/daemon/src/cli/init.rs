//! `bracketd init`: writes a configuration to start from.
//!
//! Apart because it only writes files, and never over one that is there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::output::Out;

/// What is written.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bracketd init --dir my-desk")]
pub struct InitArgs {
    /// Where to write; made when it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

const CONFIG: &str = include_str!("init.toml");

/// Runs the verb.
///
/// # Errors
/// Where something is there already or cannot be written.
pub fn run(args: &InitArgs, out: &Out) -> Result<Exit, Failure> {
    let written = write(&args.dir)?;
    if out.is_json() {
        out.json(&json!({ "written": written }));
        return Ok(Exit::Done);
    }
    for path in &written {
        out.line(&format!("wrote {}", path.display()));
    }
    out.note("next: put your keys into secrets/ (chmod 600), then `bracketd config check`");
    Ok(Exit::Done)
}

fn write(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let fail = |path: &Path, error: std::io::Error| {
        Failure::new(Exit::Findings, "NOT_WRITTEN", format!("{}: {error}", path.display()))
            .hint("nothing that was there has been changed")
    };
    for sub in ["policies", "secrets", "plugins"] {
        let path = dir.join(sub);
        fs::create_dir_all(&path).map_err(|e| fail(&path, e))?;
    }
    let mut written = Vec::new();
    for (name, text) in [("bracketd.toml", CONFIG), ("secrets/.gitignore", "*\n")] {
        let path = dir.join(name);
        let mut file = fs::File::create_new(&path).map_err(|e| fail(&path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| fail(&path, e))?;
        written.push(path);
    }
    let plugin = dir.join("plugins/alpaca.wasm");
    if !plugin.exists() {
        fs::write(&plugin, crate::demo::PLUGIN).map_err(|e| fail(&plugin, e))?;
        written.push(plugin);
    }
    crate::demo::write_policies(&dir.join("policies"))
        .map_err(|error| Failure::new(Exit::Findings, "NOT_WRITTEN", format!("{error:#}")))?;
    written.push(dir.join("policies"));
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::{CONFIG, Exit, write};
    use crate::config::check_text;

    #[test]
    fn what_is_written_is_right_and_disarmed() {
        let checked = check_text("bracketd.toml".as_ref(), CONFIG);
        assert_eq!(checked.diagnostics, vec![]);
        let config = checked.config.unwrap();
        assert!(config.accounts.iter().all(|account| !account.rules.armed));
        assert!(!config.accounts.is_empty());
    }

    #[test]
    fn nothing_that_is_there_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bracketd.toml"), "mine").unwrap();
        assert_eq!(write(dir.path()).unwrap_err().exit, Exit::Findings);
        assert_eq!(std::fs::read_to_string(dir.path().join("bracketd.toml")).unwrap(), "mine");
        let fresh = tempfile::tempdir().unwrap();
        std::fs::create_dir(fresh.path().join("policies")).unwrap();
        std::fs::write(fresh.path().join("policies/trailing_stop.rhai"), "mine").unwrap();
        assert_eq!(write(fresh.path()).unwrap().len(), 4);
        let policies = crate::watch::scan(&fresh.path().join("policies")).unwrap().files;
        assert_eq!(policies["trailing_stop.rhai"], "mine");
        assert!(policies.contains_key("time_exit.rhai"), "the shipped policies come along");
    }
}
