//! `bracketd db status`: how a data directory stands.
//!
//! Apart because it is only shown; what is wrong is for `db check` to say.

use std::path::Path;

use bracketd_core::control::{Kill, KillLevel};
use bracketd_core::ids::AccountName;
use bracketd_store::Holder;
use bracketd_store::tools::Summary;
use bracketd_store::tools::status::{Activity, BallastState, Status, status};
use serde_json::{Map, Value, json};

use super::{failure, size};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Out, Tone, paint};
use crate::clock::rfc3339;
use crate::render::printable;
use crate::run::{KILL_FILE, look_at_kill_file};
use crate::view::control;

/// Runs the verb.
///
/// # Errors
/// Where there is no ledger, or it cannot be read at all.
pub(super) fn run(dir: &Path, out: &Out) -> Result<Exit, Failure> {
    let seen = status(dir).map_err(|error| failure(error, out))?;
    if out.is_json() {
        out.json(&as_json(&seen));
    } else {
        show(&seen, out);
    }
    Ok(Exit::Done)
}

fn show(seen: &Status, out: &Out) {
    let ledger = &seen.ledger;
    let schema = match ledger.schema {
        schema if schema == seen.newest_schema => format!("schema {schema}, the newest"),
        schema => format!("schema {schema} of {}: the next start migrates it", seen.newest_schema),
    };
    out.line(&format!("ledger        {}  {schema}", ledger.path.display()));
    out.line(&format!("id            {}  epoch {}", printable(&ledger.ledger_id), ledger.epoch));
    let daemon = match seen.holder {
        Holder::Nobody => "none runs on this directory".to_owned(),
        Holder::Process(pid) => {
            let pid = pid.map_or("?".to_owned(), |pid| pid.to_string());
            paint(&format!("process {pid}"), Tone::Good)
        }
    };
    out.line(&format!("daemon        {daemon}"));
    let armed = |(name, armed): &(String, Option<bool>)| {
        let word = match armed {
            Some(true) => "armed",
            Some(false) => "disarmed",
            None if ledger.epoch > 0 => "disarmed",
            None => "as configured",
        };
        format!("{} {word}", printable(name))
    };
    out.line(&format!("accounts      {}", joined(seen.accounts.iter().map(armed))));
    out.line(&format!("kill switch   {}", kills(&seen.kills)));
    if let Some(file) = ledger.path.parent().and_then(look_at_kill_file) {
        let colon = if file.why.is_empty() { "" } else { ":" };
        let told = format!("{KILL_FILE} asks for {}{colon} {}", file.level.as_str(), file.why);
        out.line(&format!("kill file     {}", paint(&printable(told.trim_end()), Tone::Bad)));
    }
    out.line(&format!("transactions  {}", counts(&ledger.transactions)));
    out.line(&format!("facts         {}", facts(ledger)));
    let unsettled = match &*seen.unsettled {
        [] => "all settled".to_owned(),
        rows => format!("unsettled: {}", counts(rows)),
    };
    out.line(&format!("outbox        {unsettled}"));
    out.line(&format!("activity      {}", activity(seen)));
    let ballast = match seen.ballast {
        BallastState::Kept(bytes) => format!("{} kept for a full disk", size(bytes)),
        BallastState::Missing => "none; the next start makes it".to_owned(),
        BallastState::GivenBack => paint("given back: the disk was full", Tone::Bad),
    };
    out.line(&format!("ballast       {ballast}"));
    out.line("");
    let rows = seen.files.iter().map(|(name, bytes)| vec![name.clone(), size(*bytes)]);
    out.table(&["file", "size"], rows.collect());
}

/// The kill switches that are thrown: whose, how far, since when, by whom and why.
fn kills(all: &[(Option<AccountName>, Kill)]) -> String {
    let thrown = all.iter().filter(|(_, kill)| kill.level != KillLevel::Off);
    let words = thrown.map(|(account, kill)| {
        let of = account.as_ref().map_or("the daemon", |name| name.as_str());
        let (level, since) = (kill.level.as_str(), rfc3339(kill.since));
        let text = format!("{of} {level} since {since} by {}: {}", kill.by.label(), kill.why);
        paint(&printable(&text), Tone::Bad)
    });
    match &*words.collect::<Vec<_>>() {
        [] => "off".to_owned(),
        words => words.join(" · "),
    }
}

fn activity(seen: &Status) -> String {
    let newest = seen.ledger.last_fact.map_or(0, |fact| fact.0);
    match &seen.activity {
        Activity::Missing => "none; the next start makes it from the facts".to_owned(),
        Activity::Unreadable(why) => paint(&printable(why), Tone::Bad),
        Activity::UpTo { fact, .. } if *fact > newest => paint(
            &format!("up to fact {fact}: ahead of the ledger, see bracketd db check"),
            Tone::Bad,
        ),
        Activity::UpTo { fact, .. } if *fact == newest => format!("up to fact {fact}, the newest"),
        Activity::UpTo { fact, .. } => format!("up to fact {fact} of {newest}"),
    }
}

/// How many facts, and when the newest was committed.
pub(super) fn facts(ledger: &Summary) -> String {
    match ledger.last_fact {
        None => "none".to_owned(),
        Some((_, at)) => format!("{}, the newest of {}", ledger.facts, rfc3339(at)),
    }
}

/// Words with their counts; those that there are none of only where all are.
pub(super) fn counts(rows: &[(String, u64)]) -> String {
    joined(rows.iter().map(|(word, count)| format!("{count} {}", printable(word))))
}

fn joined(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" · ") }
}

fn as_json(seen: &Status) -> Value {
    let (held, pid) = match seen.holder {
        Holder::Nobody => (false, None),
        Holder::Process(pid) => (true, pid),
    };
    let activity = match &seen.activity {
        Activity::Missing => json!({ "state": "missing" }),
        Activity::Unreadable(why) => json!({ "state": "unreadable", "why": why }),
        Activity::UpTo { schema, fact } => {
            json!({ "state": "readable", "schema": schema, "fact": fact.to_string() })
        }
    };
    let ballast = match seen.ballast {
        BallastState::Missing => json!({ "state": "missing" }),
        BallastState::GivenBack => json!({ "state": "given_back" }),
        BallastState::Kept(bytes) => json!({ "state": "kept", "bytes": bytes }),
    };
    let file = |(name, bytes): &(String, u64)| json!({ "name": name, "bytes": bytes });
    let kill_of = |of: Option<&str>| {
        let is_it = |(account, _): &&(Option<AccountName>, Kill)| {
            account.as_ref().map(|name| name.as_str()) == of
        };
        let set = seen.kills.iter().find(is_it).map(|(_, kill)| kill.clone());
        control::kill(&set.unwrap_or_default(), true)
    };
    let account = |(name, armed): &(String, Option<bool>)| json!({ "name": name, "armed": armed, "kill": kill_of(Some(name)) });
    json!({
        "ledger": ledger(&seen.ledger),
        "newest_schema": seen.newest_schema,
        "daemon": { "running": held, "pid": pid },
        "kill": kill_of(None),
        "accounts": seen.accounts.iter().map(account).collect::<Vec<_>>(),
        "unsettled": by_word(&seen.unsettled),
        "activity": activity,
        "ballast": ballast,
        "files": seen.files.iter().map(file).collect::<Vec<_>>(),
    })
}

/// A ledger in a few numbers, as JSON.
pub(super) fn ledger(ledger: &Summary) -> Value {
    json!({
        "path": ledger.path,
        "schema": ledger.schema,
        "ledger_id": ledger.ledger_id,
        "epoch": ledger.epoch,
        "transactions": by_word(&ledger.transactions),
        "facts": ledger.facts,
        "last_fact": ledger.last_fact.map(|(seq, _)| seq.to_string()),
        "last_fact_at": ledger.last_fact.map(|(_, at)| rfc3339(at)),
    })
}

fn by_word(rows: &[(String, u64)]) -> Map<String, Value> {
    rows.iter().map(|(word, count)| (word.clone(), json!(count))).collect()
}
