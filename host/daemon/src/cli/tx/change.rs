//! The verbs that change a transaction, and how each tells what truly came of it.
//!
//! Apart from showing because these can move orders. "Accepted" is never printed as "done".

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::HowArgs;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Out, Tone, paint, text};

/// A new wanted stop, target or both.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("leg").required(true).multiple(true)))]
pub struct SetArgs {
    /// The transaction's number
    id: u64,
    /// The stop wanted; "none" takes it away
    #[arg(long, value_name = "PRICE", group = "leg")]
    stop: Option<String>,
    /// The target wanted; "none" takes it away
    #[arg(long, value_name = "PRICE", group = "leg")]
    target: Option<String>,
    /// Refuse if its stop, target or ladder were changed since this version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    how: HowArgs,
}

/// A close or a cancel.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// The transaction's number
    id: u64,
    /// Refuse if its stop, target or ladder were changed since this version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    how: HowArgs,
}

/// A new quantity.
#[derive(Debug, Args)]
pub struct ResizeArgs {
    /// The transaction's number
    id: u64,
    /// What is to be held afterwards
    quantity: String,
    /// Refuse if its stop, target or ladder were changed since this version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    how: HowArgs,
}

/// A leg to lock or unlock.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// The transaction's number
    id: u64,
    /// The leg
    #[arg(value_enum)]
    leg: LegWord,
    /// Why; kept in the ledger
    #[arg(long, visible_alias = "reason", default_value = "", hide_default_value = true)]
    why: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LegWord {
    Stop,
    Target,
}

pub(super) fn set(args: &SetArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let body = set_body(args);
    send(args.id, "protection", &body, args.how.wait, client, out)
}

pub(super) fn plain(
    args: &ChangeArgs,
    what: &str,
    client: &Client,
    out: &Out,
) -> Result<Exit, Failure> {
    let body = json!({ "why": args.how.why, "if_version": args.if_version });
    send(args.id, what, &body, args.how.wait, client, out)
}

pub(super) fn resize(args: &ResizeArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let body = json!({
        "quantity": args.quantity, "why": args.how.why, "if_version": args.if_version,
    });
    send(args.id, "quantity", &body, args.how.wait, client, out)
}

pub(super) fn lock(
    args: &LockArgs,
    locked: bool,
    client: &Client,
    out: &Out,
) -> Result<Exit, Failure> {
    let leg = match args.leg {
        LegWord::Stop => "stop",
        LegWord::Target => "target",
    };
    let body = json!({ "leg": leg, "locked": locked, "why": args.why });
    send(args.id, "locks", &body, None, client, out)
}

pub(super) fn send(
    id: u64,
    what: &str,
    body: &Value,
    wait: Option<u64>,
    client: &Client,
    out: &Out,
) -> Result<Exit, Failure> {
    let answer = client.post(&format!("/api/v1/transactions/{id}/{what}"), body, wait)?;
    Ok(finish(&answer, wait, out))
}

/// Tells what came of an accepted request. Not settled within the wait is "unknown", unless the
/// broker said no.
pub(super) fn finish(answer: &Value, wait: Option<u64>, out: &Out) -> Exit {
    let exit = exit_of(answer, wait.is_some());
    if out.is_json() {
        out.json(answer);
        return exit;
    }
    let of = |path: &str| text(answer, path);
    // What was said before the wait is no news after it.
    let was_waited_for = answer["waited"].is_object();
    let is_done = wait.is_some() && exit == Exit::Done && was_waited_for;
    let message = if is_done { "done at the broker".to_owned() } else { of("/message") };
    let outcome = if is_done { "done".to_owned() } else { of("/outcome").to_lowercase() };
    let name = format!("transaction {}", of("/transaction"));
    let message = match message.starts_with(&name) {
        true => message,
        false => format!("{name}: {message}"),
    };
    out.line(&format!("{message} ({outcome}, version {})", of("/version")));
    legs(answer, out);
    let id = of("/transaction");
    match exit {
        Exit::Unknown => out.note(&format!("not done yet; look again: bracketd tx show {id}")),
        Exit::Refused => out.note(&format!("the broker said no: bracketd tx why {id}")),
        _ => {}
    }
    exit
}

/// Where the legs stand after the wait; of a transaction that has ended, only that it has.
fn legs(answer: &Value, out: &Out) {
    let waited = answer.pointer("/waited/transaction");
    let Some(tx) = waited.filter(|tx| tx.is_object()) else { return };
    if text(tx, "/closed_at") != "-" {
        return out.line(&format!("  now {}", text(tx, "/status")));
    }
    for leg in ["stop", "target"] {
        let at = |member: &str| text(tx, &format!("/legs/{leg}/{member}"));
        let state = match at("state").as_str() {
            state @ ("none" | "stored" | "working") => paint(state, Tone::Good),
            state @ ("rejected" | "unknown") => paint(state, Tone::Bad),
            state => paint(state, Tone::Warning),
        };
        let (wanted, works) = (at("desired"), at("working"));
        out.line(&format!("  {leg:<6}  wanted {wanted}  working {works}  {state}"));
    }
}

fn exit_of(answer: &Value, is_waited_for: bool) -> Exit {
    // What is so already, and still on its way, is waited for too.
    let is_under_way = text(answer, "/outcome") == "STAGED" || answer["waited"].is_object();
    if !is_waited_for || !is_under_way {
        return Exit::Done;
    }
    let is = |leg: &str, state: &str| {
        text(answer, &format!("/waited/transaction/legs/{leg}/state")) == state
    };
    let says = |member: &str| answer.pointer(member).and_then(Value::as_bool) == Some(true);
    match (says("/waited/settled"), says("/waited/reached")) {
        (true, true) => Exit::Done,
        // Settled otherwise than asked: the broker said no, and what is held is protected again.
        (true, false) => Exit::Refused,
        _ if is("stop", "rejected") || is("target", "rejected") => Exit::Refused,
        _ => Exit::Unknown,
    }
}

fn set_body(args: &SetArgs) -> Value {
    let mut body = json!({ "why": args.how.why, "if_version": args.if_version });
    for (name, given) in [("stop", &args.stop), ("target", &args.target)] {
        if let (Some(price), Some(members)) = (given, body.as_object_mut()) {
            let wanted = if price == "none" { Value::Null } else { json!(price) };
            members.insert(name.to_owned(), wanted);
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::{Exit, SetArgs, exit_of, set_body};
    use clap::{Args, FromArgMatches};
    use serde_json::json;

    fn parse(line: &str) -> Option<serde_json::Value> {
        let command = SetArgs::augment_args(clap::Command::new("set").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split(' ')).ok()?;
        Some(set_body(&SetArgs::from_arg_matches(&matches).ok()?))
    }

    #[test]
    fn a_leg_that_is_not_named_is_not_touched() {
        let rows = [
            ("7 --stop 96.5", Some(json!({ "why": "", "if_version": null, "stop": "96.5" }))),
            ("7 --stop none", Some(json!({ "why": "", "if_version": null, "stop": null }))),
            (
                "7 --target 110 --if-version 3 --why w --wait",
                Some(json!({ "why": "w", "if_version": 3, "target": "110" })),
            ),
            ("7", None),
            ("seven --stop 1", None),
        ];
        for (line, wanted) in rows {
            assert_eq!(parse(line), wanted, "{line}");
        }
    }

    #[test]
    fn only_what_is_settled_ends_as_done_when_it_was_waited_for() {
        let leg = |state: &str| json!({ "state": state });
        let waited = |settled: bool, reached: bool, state: &str| {
            let legs = json!({ "stop": leg(state), "target": leg("none") });
            json!({
                "outcome": "STAGED",
                "waited": { "settled": settled, "reached": reached, "transaction": { "legs": legs } },
            })
        };
        let unchanged = |settled: bool, reached: bool, state: &str| {
            let mut answer = waited(settled, reached, state);
            answer["outcome"] = json!("UNCHANGED");
            answer
        };
        let rows = [
            (json!({ "outcome": "STORED" }), true, Exit::Done),
            (json!({ "outcome": "STAGED", "waited": null }), false, Exit::Done),
            (json!({ "outcome": "STAGED", "waited": null }), true, Exit::Unknown),
            (waited(true, true, "working"), true, Exit::Done),
            (waited(true, false, "working"), true, Exit::Refused),
            (waited(false, false, "in_flight"), true, Exit::Unknown),
            (waited(false, false, "unknown"), true, Exit::Unknown),
            (waited(false, false, "rejected"), true, Exit::Refused),
            (json!({ "outcome": "UNCHANGED", "waited": null }), true, Exit::Done),
            (unchanged(true, true, "working"), true, Exit::Done),
            (unchanged(false, false, "in_flight"), true, Exit::Unknown),
        ];
        for (answer, is_waited_for, exit) in rows {
            assert_eq!(exit_of(&answer, is_waited_for), exit, "{answer}");
        }
    }
}
