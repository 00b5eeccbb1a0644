//! `policy list` and `policy reload`: what the daemon says of its policies.
//!
//! Apart because these two ask the daemon, and the others only files.

use serde_json::Value;

use super::super::client::Client;
use super::super::exit::{Exit, Failure};
use super::super::output::{Out, list, text};
use super::super::table::{always, spare, words};
use super::thaw;

/// Lists the policies. Ends with findings when a newest version is refused or one is frozen.
pub(super) fn listed(client: &Client, out: &Out) -> Result<Exit, Failure> {
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
            of("/state").replace('_', " "),
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

/// Has the daemon read its directory again.
pub(super) fn reload(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let answer = client.post("/api/v1/policies/reload", &Value::Null, None)?;
    let refused = !list(&answer, "/diagnostics").is_empty();
    if out.is_json() {
        out.json(&answer);
    } else {
        let changed = list(&answer, "/changed");
        for change in changed {
            let digest: String = text(change, "/digest").chars().take(12).collect();
            out.line(&format!("{}  now {digest}", text(change, "/name")));
            if let Some(said) = change.get("rehearsal").and_then(Value::as_str) {
                out.line(&format!("  {said}"));
            }
        }
        let values = list(&answer, "/params");
        for line in values {
            out.line(&text(line, ""));
        }
        let no_file = list(&answer, "/no_file");
        for kept in no_file {
            let digest: String = text(kept, "/digest").chars().take(12).collect();
            out.line(&format!("{}  no file; version {digest} goes on", text(kept, "/name")));
        }
        if changed.is_empty() && values.is_empty() && no_file.is_empty() && !refused {
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
        out.note(&crate::render::printable_lines(text));
    }
}
