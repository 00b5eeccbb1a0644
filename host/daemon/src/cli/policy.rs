//! `bracketd policy`: which versions decide, and why a newer one does not.
//!
//! Apart because it is about files of the risk team. It never makes a version decide by itself; a
//! reload goes through the daemon's own checks.

use std::path::Path;
use std::path::PathBuf;

use bracketd_core::diagnostic::Diagnostic;
use bracketd_policy::{PolicySet, Sources, run_tests};
use clap::Subcommand;
use serde_json::{Value, json};

use super::Common;
use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::{Out, list, text};
use super::params::{self, ParamsArgs};
use super::table::{always, spare, words};
use super::thaw::{self, ThawArgs};
use crate::render;
use crate::run::sources;
use crate::watch::scan;

/// Verbs about policies.
#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// List the policies with the version that decides
    #[command(after_help = "Example:\n  bracketd policy list")]
    List,
    /// Check the policies of a directory, their tests included; needs no daemon
    #[command(after_help = "Example:\n  bracketd policy check policies")]
    Check {
        /// The directory; left out, the configuration's
        dir: Option<PathBuf>,
    },
    /// Run the tests of a directory's policies; needs no daemon
    #[command(after_help = "Example:\n  bracketd policy test policies")]
    Test {
        /// The directory; left out, the configuration's
        dir: Option<PathBuf>,
    },
    /// Have the daemon read the directory again now
    #[command(after_help = "Example:\n  bracketd policy reload && echo taken")]
    Reload,
    /// The values that a policy decides with, and where each comes from
    #[command(after_help = "\
Examples:
  bracketd policy params trailing_stop
  bracketd policy params trailing_stop --tx 42")]
    Params(ParamsArgs),
    /// Ask a policy again that failed too often
    #[command(after_help = "\
Examples:
  bracketd policy thaw trailing_stop --reason 'the feed is mended'
  bracketd policy thaw trailing_stop 42 --reason 'looked at it'")]
    Thaw(ThawArgs),
}

/// Runs the verb. Ends with findings when a newest version is refused.
///
/// # Errors
/// Where the daemon is not reached.
pub fn run(verb: &PolicyVerb, common: &Common, out: &Out) -> Result<Exit, Failure> {
    match verb {
        PolicyVerb::List => listed(&Client::find(common)?, out),
        PolicyVerb::Check { dir } => check(&read(dir.as_deref(), common, out)?, out),
        PolicyVerb::Test { dir } => test(&read(dir.as_deref(), common, out)?, out),
        PolicyVerb::Reload => reload(&Client::find(common)?, out),
        PolicyVerb::Params(args) => params::run(args, &Client::find(common)?, out),
        PolicyVerb::Thaw(args) => thaw::run(args, &Client::find(common)?, out),
    }
}

/// The policies as they stand on disk: those of the configuration, of the demo here, or of the
/// directory that is named.
fn read(dir: Option<&Path>, common: &Common, out: &Out) -> Result<Sources, Failure> {
    let config = super::config::path(common);
    let dir = match dir {
        Some(dir) => dir.to_owned(),
        None if config.exists() => super::config::load(&config, out)?.policies_dir,
        None => Path::new(super::client::DEMO_DIR).join("policies"),
    };
    let snapshot = scan(&dir).map_err(|error| {
        Failure::usage(error.to_string()).hint("name the directory: bracketd policy check DIR")
    })?;
    Ok(sources(&dir, &snapshot))
}

fn check(sources: &Sources, out: &Out) -> Result<Exit, Failure> {
    let report = PolicySet::build(sources, None);
    let refused = report.refused.iter().flat_map(|refused| &refused.diagnostics);
    let found: Vec<Diagnostic> = refused.chain(&report.warnings).cloned().collect();
    if out.is_json() {
        let good: Vec<Value> = report
            .set
            .iter()
            .map(|policy| json!({ "name": policy.name().as_str(), "digest": policy.digest() }))
            .collect();
        let found: Vec<Value> = found.iter().map(render::json).collect();
        out.json(&json!({ "good": good, "diagnostics": found }));
    } else {
        for diagnostic in &found {
            out.note(&render::text(diagnostic, true));
        }
        for policy in report.set.iter() {
            let digest = policy.digest().get(..12).unwrap_or_default();
            out.line(&format!("ok       {}  {digest}", policy.name()));
        }
        for refused in &report.refused {
            out.line(&format!("refused  {}", refused.name));
        }
    }
    Ok(if report.refused.is_empty() { Exit::Done } else { Exit::Findings })
}

fn test(sources: &Sources, out: &Out) -> Result<Exit, Failure> {
    let results = run_tests(sources);
    let failed = results.iter().filter(|result| result.failure.is_some()).count();
    if out.is_json() {
        let rows = results.iter().map(|result| {
            json!({
                "policy": result.policy.as_str(),
                "test": result.test,
                "failure": result.failure.as_ref().map(render::json),
            })
        });
        out.json(&json!({ "tests": rows.collect::<Vec<Value>>() }));
    } else {
        for result in &results {
            let word = if result.failure.is_some() { "FAILED" } else { "ok" };
            out.line(&format!("{word:6}  {}::{}", result.policy, result.test));
            if let Some(diagnostic) = &result.failure {
                out.note(&render::text(diagnostic, true));
            }
        }
        out.line(&format!("{} passed, {failed} failed", results.len() - failed));
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Findings })
}

fn listed(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let answer = client.get("/api/v1/policies")?;
    let policies = list(&answer, "/policies");
    let is_refused = policies.iter().any(|policy| text(policy, "/rendered") != "-");
    let unreadable = text(&answer, "/unreadable");
    let is_bad = is_refused || unreadable != "-";
    let exit = if is_bad { Exit::Findings } else { Exit::Done };
    if out.is_json() {
        out.json(&answer);
        return Ok(exit);
    }
    let row = |policy: &Value| {
        let of = |path: &str| text(policy, path);
        let events: Vec<_> = list(policy, "/events").iter().map(|event| text(event, "")).collect();
        let digest = of("/digest").chars().take(12).collect();
        vec![
            of("/name"),
            of("/state"),
            digest,
            of("/version"),
            of("/loaded_at"),
            of("/transactions"),
            events.join(" "),
        ]
    };
    let columns = [
        always("policy"),
        always("state"),
        spare(3, "digest"),
        spare(2, "version"),
        spare(1, "loaded"),
        always("in use"),
        words("events"),
    ];
    out.table(&columns, policies.iter().map(row).collect());
    for policy in policies {
        rendered(policy, out);
    }
    let is_frozen = thaw::told(policies, out);
    if unreadable != "-" {
        out.note("");
        out.note(&format!("{unreadable}; the policies that were running go on"));
    }
    Ok(if is_frozen { Exit::Findings } else { exit })
}

fn reload(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let answer = client.post("/api/v1/policies/reload", &Value::Null, None)?;
    let refused = !list(&answer, "/diagnostics").is_empty();
    if out.is_json() {
        out.json(&answer);
    } else {
        let changed = list(&answer, "/changed");
        for change in changed {
            let digest: String = text(change, "/digest").chars().take(12).collect();
            out.line(&format!("{}  now {digest}", text(change, "/name")));
        }
        let values = list(&answer, "/params");
        for line in values {
            out.line(&text(line, ""));
        }
        if changed.is_empty() && values.is_empty() && !refused {
            out.line("nothing changed");
        }
        rendered(&answer, out);
    }
    Ok(if refused { Exit::Findings } else { Exit::Done })
}

/// Complaints as the daemon drew them; their line ends are wanted, other controls are not.
fn rendered(value: &Value, out: &Out) {
    if let Some(text) = value.get("rendered").and_then(Value::as_str) {
        out.note("");
        out.note(&crate::render::printable(text));
    }
}
