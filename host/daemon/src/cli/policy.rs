//! `bracketd policy`: which versions decide, and why a newer one does not.
//!
//! Apart because it is about files of the risk team. It never makes a version decide by itself; a
//! reload goes through the daemon's own checks.

use clap::Subcommand;
use serde_json::Value;

use super::Common;
use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::{Out, list, text};

/// Verbs about policies.
#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// List the policies with the version that decides
    #[command(after_help = "Example:\n  bracketd policy list")]
    List,
    /// Have the daemon read the directory again now
    #[command(after_help = "Example:\n  bracketd policy reload && echo taken")]
    Reload,
}

/// Runs the verb. Ends with findings when a newest version is refused.
///
/// # Errors
/// Where the daemon is not reached.
pub fn run(verb: &PolicyVerb, common: &Common, out: &Out) -> Result<Exit, Failure> {
    match verb {
        PolicyVerb::List => listed(&Client::find(common)?, out),
        PolicyVerb::Reload => reload(&Client::find(common)?, out),
    }
}

fn listed(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let answer = client.get("/api/v1/policies")?;
    let policies = list(&answer, "/policies");
    let is_refused = policies.iter().any(|policy| text(policy, "/rendered") != "-");
    let exit = if is_refused { Exit::Findings } else { Exit::Done };
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
    let titles = ["policy", "state", "digest", "version", "loaded", "in use", "events"];
    out.table(&titles, policies.iter().map(row).collect());
    for policy in policies {
        rendered(policy, out);
    }
    Ok(exit)
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
        if changed.is_empty() && !refused {
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
