//! `bracketd activity`: what happened, newest last, and what happens from now on.
//!
//! Apart because it is a stream: it goes on after a pause of the daemon where it had stopped, and
//! shows what was lost as a gap.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::{Out, list, text};

/// Pause between two looks while following.
const PAUSE: Duration = Duration::from_millis(500);

/// Verbs about activity.
#[derive(Debug, Subcommand)]
pub enum ActivityVerb {
    /// Show the newest entries
    #[command(after_help = "\
Examples:
  bracketd activity tail -n 50
  bracketd activity tail -f --tx 7")]
    Tail(TailArgs),
}

/// What is shown.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// How many
    #[arg(short = 'n', long = "lines", default_value_t = 20, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    lines: u32,
    /// Go on with what happens from now on
    #[arg(short, long)]
    follow: bool,
    /// Only of this transaction
    #[arg(long, value_name = "ID")]
    tx: Option<u64>,
}

/// Runs the verb.
///
/// # Errors
/// Where the daemon is not reached; while following, where it stays away.
pub fn run(verb: &ActivityVerb, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let ActivityVerb::Tail(args) = verb;
    let filter = args.tx.map_or_else(String::new, |id| format!("&transaction={id}"));
    let mut answer = client.get(&format!("/api/v1/activity?limit={}{filter}", args.lines))?;
    if let (Some(id), []) = (args.tx, list(&answer, "/rows")) {
        known(id, client)?;
    }
    loop {
        for row in list(&answer, "/rows") {
            if out.is_json() { out.json_line(row) } else { out.fitted_line(&line(row)) }
        }
        if !args.follow {
            return Ok(Exit::Done);
        }
        let after = text(&answer, "/next");
        std::thread::sleep(PAUSE);
        answer = client.get(&format!("/api/v1/activity?after={after}&limit=1000{filter}"))?;
    }
}

/// Nothing happened to a transaction that never was, which is no answer to who asks for it.
fn known(id: u64, client: &Client) -> Result<(), Failure> {
    let facts = client.get(&format!("/api/v1/transactions/{id}/facts?limit=1"))?;
    if !list(&facts, "/facts").is_empty() {
        return Ok(());
    }
    let message = format!("there is no transaction {id}");
    Err(Failure::new(Exit::Refused, "UNKNOWN_TRANSACTION", message)
        .hint("`bracketd tx list` lists the transactions"))
}

/// Characters of a policy's content hash that tell its versions apart.
const DIGEST_SHOWN: usize = 8;

/// One entry on one line: time, kind, what it is about, numbers, words, who.
pub fn line(row: &Value) -> String {
    let of = |path: &str| text(row, path);
    let at = of("/at");
    let mut parts = vec![at.get(11..23).unwrap_or(&at).to_owned(), format!("{:<18}", of("/kind"))];
    let named = [("/transaction", "tx "), ("/symbol", ""), ("/code", ""), ("/quantity", "qty ")];
    for (path, name) in named {
        if !matches!(of(path).as_str(), "-" | "") {
            parts.push(format!("{name}{}", of(path)));
        }
    }
    match (of("/before").as_str(), of("/after").as_str()) {
        ("-", "-") => {}
        ("-", after) => parts.push(format!("at {after}")),
        (before, after) => parts.push(format!("{before} -> {after}")),
    }
    if of("/lost") != "-" {
        parts.push(format!("{} records are missing here", of("/lost")));
    }
    if of("/span_ms") != "-" {
        parts.push(format!("{} ms", of("/span_ms")));
    }
    for path in ["/text", "/source"] {
        if !matches!(of(path).as_str(), "-" | "") {
            parts.push(of(path));
        }
    }
    if of("/digest") != "-" {
        parts.push(of("/digest").chars().take(DIGEST_SHOWN).collect());
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::line;
    use serde_json::json;

    #[test]
    fn an_entry_is_one_line_with_what_there_is() {
        let row = json!({
            "at": "2026-01-02T03:04:05.000006Z", "kind": "stop_changed", "transaction": "7",
            "symbol": "ACME", "code": "", "before": "95", "after": "96.5", "quantity": null,
            "span_ms": null, "text": "trail", "source": "policy(trailing_stop)",
            "digest": "9f3c21a07b5d44e1",
        });
        let wanted = "03:04:05.000  stop_changed        tx 7  ACME  95 -> 96.5  trail  \
                      policy(trailing_stop)  9f3c21a0";
        assert_eq!(line(&row), wanted);
        let forged = json!({
            "at": "2026-01-02T03:04:05.000006Z", "kind": "alert",
            "text": "x\n01:00:00.000  protected           tx 7\u{1b}[2K",
        });
        assert_eq!(line(&forged).lines().count(), 1, "a policy's words are no entry of their own");
        let bare = json!({ "at": "2026-01-02T03:04:05.000006Z", "kind": "started" });
        assert_eq!(line(&bare).trim_end(), "03:04:05.000  started");
    }
}
