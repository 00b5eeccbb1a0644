//! `bracketd status`: how the daemon is, what is not protected first.
//!
//! Apart because at 3 a.m. this is the one that gets typed. It only shows.

use serde_json::Value;

use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::{Out, Tone, list, paint, text};
use super::table::{always, spare, words};

/// Runs the verb. Ends with findings when something held is unprotected, an outcome is unknown, the
/// daemon is not ready, or there is anything that must not be overlooked.
///
/// # Errors
/// Where the daemon is not reached.
pub fn run(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let status = client.get("/api/v1/status")?;
    if out.is_json() {
        out.json(&status);
    } else {
        show(&status, out);
    }
    let count = |path: &str| status.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let is_bad = count("/protection/unprotected") > 0
        || count("/unknown_ops") > 0
        || status["ready"] != true
        || !list(&status, "/alerts").is_empty();
    Ok(if is_bad { Exit::Findings } else { Exit::Done })
}

fn show(status: &Value, out: &Out) {
    let of = |path: &str| text(status, path);
    out.line(&format!(
        "bracketd {}  {}  since {}",
        of("/version"),
        of("/mode").to_uppercase(),
        of("/started_at")
    ));
    for alert in list(status, "/alerts") {
        out.line(&format!("{}     {}", paint("ATTENTION", Tone::Bad), text(alert, "")));
    }
    out.line(&format!("protection    {}", protection(status)));
    let elsewhere: Vec<_> =
        list(status, "/stops_elsewhere").iter().map(|id| text(id, "")).collect();
    if !elsewhere.is_empty() {
        out.line(&format!("stops         {}", paint(&works_elsewhere(&elsewhere), Tone::Warning)));
    }
    let bare: Vec<_> = list(status, "/without_stop").iter().map(|id| text(id, "")).collect();
    if !bare.is_empty() {
        let ids = paint(&bare.join(", "), Tone::Warning);
        out.line(&format!("stops         held, and no stop is wanted: {ids}"));
    }
    let counts = ["WAITING", "OPENED", "CLOSING"]
        .map(|name| format!("{} {name}", of(&format!("/transactions/{name}"))));
    out.line(&format!("transactions  {}", counts.join(" · ")));
    match list(status, "/not_ready") {
        [] => out.line(&format!("ready         {}", paint("yes", Tone::Good))),
        reasons => {
            let reasons: Vec<_> = reasons.iter().map(|reason| text(reason, "")).collect();
            out.line(&format!("ready         {}: {}", paint("no", Tone::Bad), reasons.join("; ")));
        }
    }
    if of("/policies_refused") != "0" {
        let count = paint(&of("/policies_refused"), Tone::Warning);
        out.line(&format!("policies      {count} refused, what ran before goes on: policy list"));
    }
    if of("/policies_unreadable") != "-" {
        let why = paint(&of("/policies_unreadable"), Tone::Warning);
        out.line(&format!("policies      {why}; those that were running go on"));
    }
    let lost = if of("/activity/lost") == "0" { Tone::Good } else { Tone::Bad };
    let lost = paint(&format!("{} lost", of("/activity/lost")), lost);
    let behind = match of("/activity/behind").as_str() {
        "0" => String::new(),
        behind => format!(", {behind} facts behind"),
    };
    out.line(&format!("activity      {} written, {lost}{behind}", of("/activity/written")));
    let unmanaged: Vec<_> = list(status, "/unmanaged").iter().map(|id| text(id, "")).collect();
    if !unmanaged.is_empty() {
        let ids = paint(&unmanaged.join(", "), Tone::Bad);
        out.line(&format!("unmanaged     {ids}: their account is disarmed, nothing is sent"));
    }
    for account in list(status, "/accounts") {
        out.line(&format!("messages      {}", messages(account)));
    }
    let unguarded = list(status, "/unguarded_entries");
    if !unguarded.is_empty() {
        let ids: Vec<_> = unguarded.iter().map(|id| text(id, "")).collect();
        out.line(&format!(
            "entries       of {} would fill without a stop if this daemon were down",
            ids.join(", ")
        ));
    }
    tables(status, out);
}

/// How many stops work at another price than wanted, and whose.
fn works_elsewhere(ids: &[String]) -> String {
    let verb = if ids.len() == 1 { "stop works" } else { "stops work" };
    format!("{} {verb} at another price than wanted: {}", ids.len(), ids.join(", "))
}

/// The message budget of an account, what waits for it, and how often the broker had enough.
fn messages(account: &Value) -> String {
    let of = |path: &str| text(account, path);
    let mut words =
        format!("{}: {} of {} a minute", of("/name"), of("/budget/used"), of("/budget/per_minute"));
    let classes = account.pointer("/budget/waiting").and_then(Value::as_object);
    let waiting = classes.into_iter().flatten().filter(|(_, count)| count.as_u64() != Some(0));
    let waiting: Vec<_> = waiting
        .map(|(class, count)| {
            let longest = of(&format!("/budget/longest_wait_ms/{class}"));
            let tone = if class == "unprotected" { Tone::Bad } else { Tone::Warning };
            paint(&format!("{count} {class} (up to {longest} ms)"), tone)
        })
        .collect();
    if !waiting.is_empty() {
        words.push_str(&format!("; waiting: {}", waiting.join(", ")));
    }
    if of("/budget/limited") != "0" {
        let times = format!("limited by the broker {} times", of("/budget/limited"));
        words.push_str(&format!("; {}", paint(&times, Tone::Warning)));
    }
    words
}

fn protection(status: &Value) -> String {
    let of = |path: &str| text(status, path);
    let part = |word: &str, path: &str, tone: Tone| {
        let count = of(path);
        let words = format!("{count} {word}");
        if count == "0" { words } else { paint(&words, tone) }
    };
    [
        part("protected", "/protection/protected", Tone::Good),
        part("pending", "/protection/pending", Tone::Warning),
        part("unprotected", "/protection/unprotected", Tone::Bad),
        part("unknown", "/unknown_ops", Tone::Bad),
    ]
    .join(" · ")
}

fn tables(status: &Value, out: &Out) {
    let row = |value: &Value, paths: &[&str]| paths.iter().map(|path| text(value, path)).collect();
    let gaps = list(status, "/gaps");
    if !gaps.is_empty() {
        let paths = ["/transaction", "/account", "/symbol", "/state", "/gap_ms", "/why"];
        let rows = gaps.iter().map(|gap| row(gap, &paths)).collect();
        out.line("");
        let columns = [
            always("id"),
            spare(1, "account"),
            always("symbol"),
            always("state"),
            always("gap ms"),
            words("why"),
        ];
        out.table(&columns, rows);
    }
    let paths = ["/name", "/plugin", "/up", "/reconciled", "/armed", "/kill_level"];
    let rows = list(status, "/accounts").iter().map(|account| {
        let cells: Vec<String> = row(account, &paths);
        [cells, vec![last_error(account)]].concat()
    });
    out.line("");
    let columns = [
        always("account"),
        spare(1, "plugin"),
        always("up"),
        always("reconciled"),
        always("armed"),
        always("kill"),
        words("last error"),
    ];
    out.table(&columns, rows.collect());
}

/// With the time of the day: it stays when all goes well again.
fn last_error(account: &Value) -> String {
    let at = text(account, "/last_error_at");
    let time = at.get(11..19).map(|time| format!("{time} ")).unwrap_or_default();
    format!("{time}{}", text(account, "/last_error"))
}
