//! `bracketd tx list`, `show` and `why`. Apart from the verbs that change; wanted and working always
//! stand side by side.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::StatusWord;
use crate::cli::activity;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Out, Tone, figure, list, paint, risk, text};
use crate::cli::table::{Column, always, spare};

pub(super) fn list_all(
    status: Option<StatusWord>,
    client: &Client,
    out: &Out,
) -> Result<Exit, Failure> {
    let word = status.and_then(|status| status.to_possible_value());
    let path = match &word {
        None => "/api/v1/transactions".to_owned(),
        Some(word) => format!("/api/v1/transactions?status={}", word.get_name()),
    };
    let answer = client.get(&path)?;
    if out.is_json() {
        out.json(&answer);
        return Ok(Exit::Done);
    }
    let all = list(&answer, "/transactions");
    if all.is_empty() {
        out.note("no transactions; open one with `bracketd tx open`");
        return Ok(Exit::Done);
    }
    let columns = [
        always("id"),
        always("symbol"),
        always("side"),
        always("status"),
        always("held"),
        spare(2, "entry"),
        spare(3, "price"),
        always("stop"),
        always("works"),
        spare(4, "target"),
        spare(1, "works"),
        always("protection"),
        spare(5, "profit"),
    ];
    out.table(&columns, all.iter().map(row).collect());
    Ok(Exit::Done)
}

fn row(tx: &Value) -> Vec<String> {
    let of = |path: &str| text(tx, path);
    let entry = if of("/entry/average") == "-" { "/entry/reference" } else { "/entry/average" };
    // What has ended shows what it brought, the rest what it would bring now.
    let profit = match of("/status").as_str() {
        "CLOSED" | "FAILED" => "/metrics/realized",
        _ => "/metrics/unrealized",
    };
    let paths = [
        "/id",
        "/symbol",
        "/direction",
        "/status",
        "/held",
        entry,
        "/metrics/price",
        "/legs/stop/desired",
        "/legs/stop/working",
        "/legs/target/desired",
        "/legs/target/working",
        "/protection/state",
        profit,
    ];
    let long = [entry, "/metrics/price", profit];
    let shown = |path| if long.contains(&path) { figure(tx, path) } else { of(path) };
    let mut row: Vec<String> = paths.map(shown).into();
    if !list(tx, "/ladder").is_empty() {
        row[9] = "ladder".to_owned();
    }
    row[11].push_str(&elsewhere(tx));
    if tx["managed"] == false {
        row[11].push_str(", unmanaged");
    }
    row
}

/// Where a stop works at another price than wanted; nothing where it works as wanted.
fn elsewhere(tx: &Value) -> String {
    if tx["stop_differs"] != true {
        return String::new();
    }
    format!(" at {}", text(tx, "/legs/stop/working"))
}

pub(super) fn one(id: u64, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let tx = client.get(&format!("/api/v1/transactions/{id}"))?;
    if out.is_json() {
        out.json(&tx);
        return Ok(Exit::Done);
    }
    let of = |path: &str| text(&tx, path);
    out.line(&format!(
        "transaction {}  {} {} {}  {}  version {}",
        of("/id"),
        of("/direction"),
        of("/entry/quantity"),
        of("/symbol"),
        of("/status"),
        of("/version")
    ));
    out.line(&format!("account     {} (book {})", of("/account"), of("/owner")));
    out.line(&format!(
        "entry       {} at {}, {} of {} filled, average {}, guard {}",
        of("/entry/kind"),
        of("/entry/reference"),
        of("/entry/entered"),
        of("/entry/quantity"),
        of("/entry/average"),
        of("/entry/guard")
    ));
    out.line(&format!("protection  {}{}", protection(&tx), past_gaps(&tx)));
    out.line(&format!("figures     {}", figures(&tx)));
    let policies: Vec<_> = list(&tx, "/policies").iter().map(|name| text(name, "")).collect();
    out.line(&format!(
        "policies    {}",
        if policies.is_empty() { "none".to_owned() } else { policies.join(", ") }
    ));
    for (name, words) in standing(&tx) {
        out.line(&format!("{name:<10}  {words}"));
    }
    for (name, path) in [("under way", "/task"), ("closed", "/close_reason")] {
        if of(path) != "-" {
            out.line(&format!("{name:<10}  {}", of(path)));
        }
    }
    parts(&tx, out);
    Ok(Exit::Done)
}

/// What the host does by itself, a line each.
fn standing(tx: &Value) -> Vec<(&'static str, String)> {
    let of = |path: &str| text(tx, &format!("/standing/{path}"));
    let held_back = |path: &str| match of(path).as_str() {
        "-" => String::new(),
        code => format!("; held back: {code}"),
    };
    let mut lines = Vec::new();
    if !tx["standing"]["trail"].is_null() {
        let unit = if of("trail/unit") == "percent" { " %" } else { "" };
        let begins = match of("trail/activate_at").as_str() {
            "-" => String::new(),
            at => format!(", from {at} on"),
        };
        lines.push((
            "trail",
            format!(
                "{}{unit} behind the best price {}{begins} ({}: {}){}",
                of("trail/distance"),
                of("trail/best"),
                of("trail/by"),
                of("trail/why"),
                held_back("trail/held_back")
            ),
        ));
    }
    if let Some(hold_ms) = tx["standing"]["time_limit"]["hold_ms"].as_u64() {
        lines.push((
            "time limit",
            format!(
                "{} s from the first fill ({}: {}){}",
                hold_ms / 1_000,
                of("time_limit/by"),
                of("time_limit/why"),
                held_back("time_limit/held_back")
            ),
        ));
    }
    if of("review") != "-" {
        let id = text(tx, "/id");
        let words = format!("asked for: {}; then `bracketd tx reviewed {id}`", of("review"));
        lines.push(("review", words));
    }
    lines
}

/// What it would bring and what is at risk; of what is not held only what it has brought.
fn figures(tx: &Value) -> String {
    let of = |member: &str| text(tx, &format!("/metrics/{member}"));
    if text(tx, "/held") == "0" {
        return format!("nothing is held, realized {}", of("realized"));
    }
    format!(
        "price {}, profit {} ({} %), R {}, at risk {}, realized {}",
        of("price"),
        of("unrealized"),
        of("percent"),
        of("r_multiple"),
        risk(tx, "/metrics/risk"),
        of("realized")
    )
}

fn protection(tx: &Value) -> String {
    let unmanaged = if tx["managed"] == false {
        paint("; unmanaged: its account is disarmed", Tone::Bad)
    } else {
        String::new()
    };
    format!("{}{}{unmanaged}", protection_state(tx), paint(&elsewhere(tx), Tone::Warning))
}

fn protection_state(tx: &Value) -> String {
    let state = text(tx, "/protection/state");
    let gap = text(tx, "/protection/gap_ms");
    match state.as_str() {
        "protected" => paint(&state, Tone::Good),
        "pending" => format!("{} for {gap} ms", paint(&state, Tone::Warning)),
        "unprotected" => {
            let why = text(tx, "/protection/why");
            format!("{} for {gap} ms: {why}", paint(&state, Tone::Bad))
        }
        _ => state,
    }
}

/// What it was without its stop before; nothing where it never was.
fn past_gaps(tx: &Value) -> String {
    let of = |member: &str| text(tx, &format!("/protection/past_gaps/{member}"));
    match of("count").as_str() {
        "0" | "-" => String::new(),
        count => format!(
            ", {count} gaps before of {} ms together, the longest {} ms",
            of("total_ms"),
            of("longest_ms")
        ),
    }
}

/// What a transaction is made of; a column is the member of its name.
const PARTS: [(&str, &[Column<'_>]); 4] = [
    (
        "/ladder",
        &[always("share"), always("target"), always("quantity"), always("left"), always("slice")],
    ),
    (
        "/slices",
        &[always("no"), always("held"), always("stop"), always("target"), spare(1, "rejections")],
    ),
    (
        "/orders",
        &[
            always("role"),
            spare(1, "slice"),
            spare(4, "side"),
            spare(2, "kind"),
            always("quantity"),
            spare(3, "filled"),
            always("limit"),
            always("trigger"),
            always("status"),
            // What `tx resolve` and `adopt` ask for is never cut.
            always("broker id"),
        ],
    ),
    (
        "/ops",
        &[
            always("kind"),
            always("legs"),
            spare(1, "slice"),
            spare(2, "step"),
            always("attempt"),
            always("state"),
            always("client id"),
        ],
    ),
];

fn parts(tx: &Value, out: &Out) {
    let legs = ["stop", "target"].map(|leg| {
        let of = |member: &str| text(tx, &format!("/legs/{leg}/{member}"));
        let locked = if of("locked") == "true" { "locked" } else { "" };
        vec![leg.to_owned(), of("desired"), of("working"), of("state"), locked.to_owned()]
    });
    out.line("");
    out.table(&["leg", "wanted", "works", "state", ""], legs.into());
    let rows = |path: &str, columns: &[Column<'_>]| -> Vec<Vec<String>> {
        let cell = |value: &Value, column: &Column<'_>| {
            text(value, &format!("/{}", column.title().replace(' ', "_")))
        };
        let row = |value: &Value| columns.iter().map(|column| cell(value, column)).collect();
        list(tx, path).iter().map(row).collect()
    };
    for (path, columns) in PARTS {
        let rows = rows(path, columns);
        if !rows.is_empty() {
            out.line("");
            out.table(columns, rows);
        }
    }
}

/// Facts of one answer.
const PAGE: usize = 1_000;

/// All of it: the newest is what people look for.
pub(super) fn why(id: u64, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let path = format!("/api/v1/transactions/{id}/facts?limit={PAGE}");
    let mut answer = client.get(&path)?;
    let mut all = Vec::new();
    loop {
        let facts = list(&answer, "/facts");
        if out.is_json() {
            all.extend_from_slice(facts);
        } else {
            facts.iter().for_each(|fact| out.line(&activity::line(fact)));
        }
        if facts.len() < PAGE {
            break;
        }
        answer = client.get(&format!("{path}&after={}", text(&answer, "/next")))?;
    }
    if out.is_json() {
        out.json(&json!({ "facts": all, "next": answer["next"] }));
    }
    Ok(Exit::Done)
}
