//! `bracketd policy thaw`: has a policy asked again that failed too often.
//!
//! Apart because it is the only verb about policies that changes what decides without a new file. It
//! says first what was frozen, and keeps the reason.

use clap::Args;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::exit::{Exit, Failure};
use super::super::output::{Out, text};

/// Which policy, and why.
#[derive(Debug, Args)]
pub struct ThawArgs {
    /// The policy
    name: String,
    /// Only for this transaction; left out, for all, and a version that was sent back decides again
    transaction: Option<u64>,
    /// Why; kept in the ledger
    #[arg(long, visible_alias = "why", value_name = "TEXT")]
    reason: String,
}

/// Thaws it.
///
/// # Errors
/// Where the daemon is not reached, or knows no such policy.
pub(super) fn run(args: &ThawArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let body = json!({ "transaction": args.transaction, "why": args.reason });
    let path = format!("/api/v1/policies/{}/thaw", args.name);
    let answer = client.post(&path, &body, None)?;
    if out.is_json() {
        out.json(&answer);
    } else {
        out.line(&text(&answer, "/message"));
    }
    Ok(Exit::Done)
}

/// What is frozen of the listed policies, a line each, and what to do about it.
pub(super) fn told(policies: &[Value], out: &Out) -> bool {
    let mut any = false;
    for policy in policies {
        let name = text(policy, "/name");
        let mut say = |freeze: &Value| {
            if !any {
                out.note("");
            }
            any = true;
            let digest: String = text(freeze, "/digest").chars().take(12).collect();
            let (why, since) = (text(freeze, "/why"), text(freeze, "/since"));
            let (of, thaw) = match (freeze["transaction"].as_u64(), freeze["back_to"].as_str()) {
                (Some(id), _) => {
                    (format!("is frozen for transaction {id}"), format!("{name} {id}"))
                }
                (None, Some(to)) => {
                    let to: String = to.chars().take(12).collect();
                    (format!("went back to {to}"), name.clone())
                }
                (None, None) => ("is frozen for every transaction".to_owned(), name.clone()),
            };
            out.note(&format!("{name} {digest} {of} since {since}: {why}"));
            out.note(&format!("  once that is settled: bracketd policy thaw {thaw} --reason TEXT"));
        };
        if policy["freeze"].is_object() {
            say(&policy["freeze"]);
        }
        policy["frozen_for"].as_array().into_iter().flatten().for_each(say);
    }
    any
}
