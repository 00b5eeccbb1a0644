//! `bracketd policy show`: the text of a version that was taken once, from the ledger.
//!
//! Apart because it looks at the past: facts name the version that decided by its content hash, and
//! its file may have changed many times since.

use clap::Args;

use super::super::client::Client;
use super::super::exit::{Exit, Failure};
use super::super::output::{Out, list, text};

pub(super) const EXAMPLE: &str = "\
Examples:
  bracketd policy show trailing_stop@3f9c01ab
  bracketd policy show trailing_stop@3f9c01ab > before.rhai";

/// Which version.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The policy and the beginning of the version's content hash, at least four of its characters
    #[arg(value_name = "NAME@DIGEST")]
    version: String,
}

/// Characters of a content hash that name a version.
const DIGEST_MIN: usize = 4;

/// Shows it: the script, then each library under a line with its name.
///
/// # Errors
/// Where the daemon is not reached, or its ledger has no such version.
pub(super) fn run(args: &ShowArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let named = args.version.split_once('@');
    let is_digest =
        |digest: &str| digest.len() >= DIGEST_MIN && digest.chars().all(|c| c.is_ascii_hexdigit());
    let Some((name, digest)) = named.filter(|(name, digest)| !name.is_empty() && is_digest(digest))
    else {
        let message = format!("{} names no version", args.version);
        return Err(Failure::usage(message).hint(
            "write NAME@DIGEST: `bracketd policy list` and `bracketd tx why` show content hashes",
        ));
    };
    let digest = digest.to_ascii_lowercase();
    let answer = client.get(&format!("/api/v1/policies/{name}/versions/{digest}"))?;
    if out.is_json() {
        out.json(&answer);
        return Ok(Exit::Done);
    }
    let decides = if answer["decides"] == true { ", decides now" } else { "" };
    let digest: String = text(&answer, "/digest").chars().take(12).collect();
    out.note(&format!("{name} {digest}, loaded {}{decides}", text(&answer, "/loaded_at")));
    for (number, file) in list(&answer, "/files").iter().enumerate() {
        if number > 0 {
            out.line(&format!("\n// {}", text(file, "/file")));
        }
        out.line(shown(file["text"].as_str().unwrap_or_default()).trim_end_matches('\n'));
    }
    Ok(Exit::Done)
}

/// As it is, without what could steer a terminal.
fn shown(text: &str) -> String {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}
