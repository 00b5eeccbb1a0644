//! `bracketd kill`: throws the kill switch, clears it, shows how it stands.
//!
//! Apart because this is typed in a hurry: the level is the verb, a reason is always kept, and
//! where the daemon cannot be reached it says what works without it.

use std::path::Path;

use bracketd_core::control::KillLevel;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::confirm::confirm;
use super::exit::{Exit, Failure};
use super::output::{Out, Tone, list, paint, text};
use super::table::{always, spare, words};
use crate::http::CONFIRM_ALL;
use crate::run::{KILL_FILE, look_at_kill_file};

/// Verbs of the kill switch.
#[derive(Debug, Subcommand)]
pub enum KillVerb {
    /// No new transaction, no growth, no policy changes anything
    #[command(after_help = "Example:\n  bracketd kill freeze --reason 'prices look wrong'")]
    Freeze(SureArgs),
    /// As freeze, and people may only lower the risk
    #[command(after_help = "Example:\n  bracketd kill protect-only --account main --reason news")]
    ProtectOnly(SureArgs),
    /// As protect-only, and every resting entry is canceled
    #[command(after_help = "Example:\n  bracketd kill cancel-entries --reason 'broker acts up'")]
    CancelEntries(SureArgs),
    /// As cancel-entries, and everything held is closed at the market
    #[command(after_help = "Example:\n  bracketd kill flatten --account main --reason 'get out'")]
    Flatten(SureArgs),
    /// Lets trading go on
    #[command(after_help = "\
Examples:
  bracketd kill clear --reason 'prices are right again'
  bracketd kill clear --account main --reason 'loss accepted' --reset-baseline")]
    Clear(ClearArgs),
    /// How the kill switches stand
    #[command(after_help = "Example:\n  bracketd kill status --json")]
    Status,
}

/// Whose switch, and why.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Only this account; left out, the whole daemon
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Why; kept in the ledger
    #[arg(long, visible_alias = "why", value_name = "TEXT")]
    reason: String,
}

/// A level, and that it is meant: a flatten and a lower level than the one that stands are asked for.
#[derive(Debug, Args)]
pub struct SureArgs {
    #[command(flatten)]
    set: SetArgs,
    /// Do it without being asked
    #[arg(long)]
    yes: bool,
}

/// A clear.
#[derive(Debug, Args)]
pub struct ClearArgs {
    #[command(flatten)]
    set: SetArgs,
    /// Measure losses from the present equity on
    #[arg(long)]
    reset_baseline: bool,
}

/// Runs the verb. `status` ends with findings while a switch is thrown, `flatten` where something
/// is not being closed.
///
/// # Errors
/// Where the daemon is not reached, says no, or a flatten is not confirmed.
pub fn run(
    verb: &KillVerb,
    client: Result<Client, Failure>,
    data_dir: Option<&Path>,
    out: &Out,
) -> Result<Exit, Failure> {
    let client = client.map(|client| client.hurried(out));
    let (level, args, more, yes) = match verb {
        KillVerb::Freeze(args) => ("freeze", &args.set, json!({}), args.yes),
        KillVerb::ProtectOnly(args) => ("protect-only", &args.set, json!({}), args.yes),
        KillVerb::CancelEntries(args) => ("cancel-entries", &args.set, json!({}), args.yes),
        KillVerb::Flatten(args) => {
            let word = args.set.account.as_deref().unwrap_or(CONFIRM_ALL);
            let what = match &args.set.account {
                Some(name) => {
                    format!("flatten closes all that account {name} holds, at the market")
                }
                None => "flatten closes all that every account holds, at the market".to_owned(),
            };
            confirm(&what, word, args.yes, out)?;
            ("flatten", &args.set, json!({ "confirm": word }), true)
        }
        KillVerb::Clear(args) => {
            ("off", &args.set, json!({ "reset_baseline": args.reset_baseline }), true)
        }
        KillVerb::Status => {
            return status(&client.map_err(|f| lying_there(f, data_dir))?, data_dir, out);
        }
    };
    let mut body = json!({ "level": level, "account": args.account, "why": args.reason });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    let no_way = |failure| without(failure, level, data_dir);
    let client = client.map_err(no_way)?;
    // What cannot be read in a moment keeps nobody from throwing the switch.
    if !yes
        && let Ok(stands) = client.glance("/api/v1/status")
        && let Some(what) = lowers(&stands, args.account.as_deref(), level)
    {
        confirm(&what, level, false, out)?;
    }
    let answer = client.post("/api/v1/kill", &body, None).map_err(no_way)?;
    if out.is_json() {
        out.json(&answer);
    } else {
        out.line(&text(&answer, "/message"));
    }
    Ok(exit_of(&answer))
}

/// What is asked where the level is below the one that stands: in a hurry any level looks like more.
fn lowers(status: &Value, account: Option<&str>, level: &str) -> Option<String> {
    let (of, stands) = match account {
        None => ("the daemon".to_owned(), text(status, "/kill/level")),
        Some(name) => {
            let all = list(status, "/accounts").iter();
            let own = all.into_iter().find(|account| text(account, "/name") == name)?;
            (format!("account {name}"), text(own, "/kill/level"))
        }
    };
    let (next, now) = (KillLevel::parse(level)?, KillLevel::parse(&stands)?);
    (next < now).then(|| format!("the kill switch of {of} is at {stands}; {level} would LOWER it"))
}

/// Names the file KILL where one lies there: nobody else tells of it while the daemon is down.
fn lying_there(failure: Failure, data_dir: Option<&Path>) -> Failure {
    let file = data_dir.and_then(look_at_kill_file).filter(|_| failure.exit == Exit::NoDaemon);
    let Some(file) = file else { return failure };
    let why = if file.why.is_empty() { String::new() } else { format!(" ({})", file.why) };
    let level = file.level.as_str();
    let hint = format!(
        "the file {KILL_FILE} in the data directory asks for {level}{why}: a daemon that starts takes \
         it; {}",
        failure.hint
    );
    Failure { hint, ..failure }
}

/// Findings where a flatten left something open: a script that goes on at 0 takes it for closed.
fn exit_of(answer: &Value) -> Exit {
    let is_left = text(answer, "/message").contains("NOT CLOSED");
    if is_left { Exit::Findings } else { Exit::Done }
}

/// The way that is left where the daemon does not answer.
fn without(failure: Failure, level: &str, data_dir: Option<&Path>) -> Failure {
    let is_reached = !matches!(failure.exit, Exit::NoDaemon | Exit::Unknown);
    if is_reached || level == "off" {
        return failure;
    }
    let file = match data_dir {
        Some(dir) => format!("'{}'", dir.join(KILL_FILE).display()),
        None => format!("{KILL_FILE} in the daemon's data directory"),
    };
    let hint = format!(
        "without the API: echo '{level} REASON' > {file}; a daemon that hangs or is not running \
         takes it once it goes on or starts"
    );
    Failure { hint, ..failure }
}

fn status(client: &Client, data_dir: Option<&Path>, out: &Out) -> Result<Exit, Failure> {
    let status = client.get("/api/v1/status").map_err(|f| lying_there(f, data_dir))?;
    let mut rows = vec![row("the daemon", &status)];
    rows.extend(list(&status, "/accounts").iter().map(|a| row(&text(a, "/name"), a)));
    let is_on = rows.iter().any(|row| row[1] != "off");
    if out.is_json() {
        let account = |a: &Value| {
            json!({
                "name": a["name"], "kill": a["kill"], "kill_level": a["kill_level"],
            })
        };
        let accounts: Vec<Value> = list(&status, "/accounts").iter().map(account).collect();
        out.json(&json!({
            "kill": status["kill"], "kill_file": status["kill_file"], "accounts": accounts,
        }));
    } else {
        let columns = [always("of"), always("level"), spare(1, "since"), words("by"), words("why")];
        out.table(&columns, rows);
        if let Some(level) = status["kill_file"].as_str() {
            let note = format!("the file {KILL_FILE} asks for {level}; remove it before a clear");
            out.note(&paint(&note, Tone::Bad));
        }
    }
    Ok(if is_on { Exit::Findings } else { Exit::Done })
}

fn row(of: &str, value: &Value) -> Vec<String> {
    let at = |member: &str| text(value, &format!("/kill/{member}"));
    let is_unwritten = value.pointer("/kill/in_ledger") == Some(&Value::Bool(false));
    let yet = if is_unwritten { " (not yet in the ledger)" } else { "" };
    vec![of.to_owned(), format!("{}{yet}", at("level")), at("since"), at("by"), at("why")]
}

#[cfg(test)]
mod tests {
    use super::{Exit, Failure, exit_of, lowers, without};
    use serde_json::json;

    #[test]
    fn a_flatten_that_leaves_something_open_is_not_done() {
        let said = |message: &str| exit_of(&json!({ "outcome": "STORED", "message": message }));
        assert_eq!(said("flatten now; closing 5 transactions"), Exit::Done);
        assert_eq!(said("flatten now; NOT CLOSED: account a is down"), Exit::Findings);
    }

    #[test]
    fn a_level_below_the_one_that_stands_is_asked_for_and_no_other() {
        let status = json!({
            "kill": { "level": "freeze" },
            "accounts": [{ "name": "a", "kill": { "level": "protect-only" } }],
        });
        let rows = [
            (None, "freeze", false),
            (None, "protect-only", false),
            (Some("a"), "freeze", true),
            (Some("a"), "protect-only", false),
            (Some("a"), "cancel-entries", false),
            (Some("nobody"), "freeze", false),
        ];
        for (account, level, asks) in rows {
            assert_eq!(lowers(&status, account, level).is_some(), asks, "{account:?} {level}");
        }
    }

    #[test]
    fn where_the_daemon_is_not_reached_the_file_is_named_and_nowhere_else() {
        let said = |exit, level: &str, dir: Option<&str>| {
            without(Failure::new(exit, "X", "x"), level, dir.map(AsRef::as_ref)).hint
        };
        let hint = |exit, level: &str| said(exit, level, None);
        let full = said(Exit::Unknown, "freeze", Some("/srv/b data"));
        assert!(full.contains("echo 'freeze REASON' > '/srv/b data/KILL'"), "{full}");
        assert!(hint(Exit::NoDaemon, "flatten").contains("echo 'flatten REASON' > KILL"));
        assert!(hint(Exit::Unknown, "freeze").contains("KILL"));
        assert_eq!(hint(Exit::Refused, "freeze"), "");
        assert_eq!(hint(Exit::NoDaemon, "off"), "", "a file never clears");
    }
}
