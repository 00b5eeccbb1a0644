//! `bracketd account`: looks at accounts, arms and disarms them, compares them with the broker.
//!
//! Apart because arming lets commands go out: what would be armed is shown first, and somebody has
//! to say yes to exactly that.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::confirm::confirm;
use super::exit::{Exit, Failure};
use super::output::{Out, Tone, list, paint, text};
use super::table::{always, spare};

/// Verbs about accounts.
#[derive(Debug, Subcommand)]
pub enum AccountVerb {
    /// List the accounts
    #[command(after_help = "Example:\n  bracketd account list")]
    List,
    /// Show one account: plugin, broker account, money, limits, kill switch
    #[command(after_help = "Example:\n  bracketd account show main")]
    Show(NameArgs),
    /// Let commands go out, after a look at what would be armed
    #[command(after_help = "Example:\n  bracketd account arm main --reason 'go live'")]
    Arm(ArmArgs),
    /// Let no command go out; what rests at the broker stays
    #[command(after_help = "Example:\n  bracketd account disarm main --reason maintenance")]
    Disarm(DisarmArgs),
    /// Let an instrument be traded again that was locked for some time
    #[command(
        after_help = "Example:\n  bracketd account unlock main ACME --reason 'the news is out'"
    )]
    Unlock(UnlockArgs),
    /// Read the account completely now and show what differs
    #[command(after_help = "Example:\n  bracketd account reconcile main")]
    Reconcile(NameArgs),
}

/// An account.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// The account's name
    name: String,
}

/// An account to disarm.
#[derive(Debug, Args)]
pub struct DisarmArgs {
    /// The account's name
    name: String,
    /// Why; kept in the ledger
    #[arg(long, visible_alias = "why", value_name = "TEXT")]
    reason: String,
}

/// An instrument to unlock.
#[derive(Debug, Args)]
pub struct UnlockArgs {
    /// The account's name
    name: String,
    /// The instrument
    symbol: String,
    /// Why; kept in the ledger
    #[arg(long, visible_alias = "why", value_name = "TEXT")]
    reason: String,
}

/// An account to arm.
#[derive(Debug, Args)]
pub struct ArmArgs {
    #[command(flatten)]
    act: DisarmArgs,
    /// Do it without being asked
    #[arg(long)]
    yes: bool,
}

/// Runs the verb. `reconcile` ends with findings when something differs.
///
/// # Errors
/// Where the daemon is not reached, says no, or arming is not confirmed.
pub fn run(verb: &AccountVerb, client: &Client, out: &Out) -> Result<Exit, Failure> {
    match verb {
        AccountVerb::List => list_all(client, out),
        AccountVerb::Show(args) => {
            let account = client.get(&path(&args.name, ""))?;
            if out.is_json() {
                out.json(&account);
            } else {
                show(&account, out);
            }
            Ok(Exit::Done)
        }
        AccountVerb::Arm(args) => arm(args, client, out),
        AccountVerb::Disarm(args) => act(args, "disarm", client, out),
        AccountVerb::Unlock(args) => unlock(args, client, out),
        AccountVerb::Reconcile(args) => {
            let found = client.post(&path(&args.name, "/reconcile"), &json!({}), None)?;
            if out.is_json() {
                out.json(&found);
            } else {
                differences(&found, out);
            }
            Ok(if differs(&found) { Exit::Findings } else { Exit::Done })
        }
    }
}

fn path(name: &str, rest: &str) -> String {
    // A name that is none of ours is refused by the daemon; it must not become another path.
    let name: String = name.chars().map(|c| if c == '/' || c == '?' { '_' } else { c }).collect();
    format!("/api/v1/accounts/{name}{rest}")
}

fn list_all(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let answer = client.get("/api/v1/accounts")?;
    if out.is_json() {
        out.json(&answer);
        return Ok(Exit::Done);
    }
    let paths = ["/name", "/plugin", "/up", "/armed", "/kill_level", "/broker_account", "/equity"];
    let row = |account: &Value| {
        let mut row: Vec<String> = paths.iter().map(|path| text(account, path)).collect();
        row.push(list(account, "/holding").len().to_string());
        row
    };
    let rows = list(&answer, "/accounts").iter().map(row).collect();
    let columns = [
        always("account"),
        spare(1, "plugin"),
        always("up"),
        always("armed"),
        always("kill"),
        spare(3, "broker account"),
        spare(2, "equity"),
        always("holding"),
    ];
    out.table(&columns, rows);
    Ok(Exit::Done)
}

fn show(account: &Value, out: &Out) {
    summary(account, out);
    foreign(account, out);
}

fn summary(account: &Value, out: &Out) {
    let of = |path: &str| text(account, path);
    let armed = match of("/armed").as_str() {
        "true" => paint("armed", Tone::Good),
        _ => paint("DISARMED: no command goes out", Tone::Bad),
    };
    let by = of("/armed_by");
    out.line(&format!("account       {}  {armed} ({})", of("/name"), armed_by(&by)));
    if account["decision"].is_object() {
        let told = ["by", "at", "why"].map(|member| of(&format!("/decision/{member}")));
        let [by, at, why] = told;
        out.line(&format!("              by {by} at {at}: {why}"));
    }
    out.line(&format!("plugin        {}  sha256 {}", of("/plugin"), of("/plugins/digest")));
    if let Some(parked) = account["plugins"]["parked"]["digest"].as_str() {
        let generation = of("/plugins/generation");
        out.line(&format!("              generation {generation}; before it sha256 {parked}"));
    }
    if of("/last_error") != "-" {
        let told = format!("{}  {}", of("/last_error_at"), of("/last_error"));
        out.line(&format!("last error    {}", paint(&told, Tone::Warning)));
    }
    let (now, then) = (of("/broker_account"), of("/broker_account_armed"));
    let other = if now != "-" && then != "-" && now != then {
        paint(&format!("  not the one that was armed: {then}"), Tone::Bad)
    } else {
        String::new()
    };
    let login = if now == "-" { "not told by the plugin".to_owned() } else { now };
    out.line(&format!("broker login  {login}{other}"));
    if account["sockets"]["wanted"].as_u64().is_some_and(|wanted| wanted > 0) {
        let (open, wanted) = (of("/sockets/open"), of("/sockets/wanted"));
        let tone = if open == wanted { Tone::Good } else { Tone::Warning };
        let told = paint(&format!("{open} of {wanted} open"), tone);
        out.line(&format!("sockets       {told}; polls go on beside them"));
    }
    let level = of("/kill_level");
    let tone = if level == "off" { Tone::Good } else { Tone::Bad };
    out.line(&format!("kill switch   {} (its own: {})", paint(&level, tone), own_switch(account)));
    out.line(&format!("equity        {}", equity(account)));
    let ids = |path: &str| {
        let all: Vec<String> = list(account, path).iter().map(|id| text(id, "")).collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    };
    out.line(&format!("transactions  holding {}; waiting {}", ids("/holding"), ids("/waiting")));
    let positions = list(account, "/positions");
    if !positions.is_empty() {
        let row = |p: &Value| ["/symbol", "/quantity", "/avg_price"].map(|m| text(p, m)).into();
        out.line("");
        out.line(&format!("at the broker as of {}:", of("/read_as_of")));
        out.table(&["position", "quantity", "price"], positions.iter().map(row).collect());
    }
}

/// What the account is worth, and the losses that throw its switch; what is not known or not set is
/// left out.
fn equity(account: &Value) -> String {
    let known = |path: &str| Some(text(account, path)).filter(|word| word != "-");
    let now = known("/equity").map_or_else(
        || "not read yet".to_owned(),
        |equity| format!("{equity} {}", known("/currency").unwrap_or_default()),
    );
    let parts = [
        known("/baseline/day_equity").map(|at| format!("{at} when the day began")),
        known("/baseline/peak_equity").map(|at| format!("{at} at the peak")),
        known("/max_day_loss").map(|most| format!("halts at a day's loss of {most}")),
        known("/max_drawdown_percent").map(|most| format!("halts at {most} % below the peak")),
    ];
    let parts: Vec<String> = std::iter::once(now).chain(parts.into_iter().flatten()).collect();
    parts.join("; ")
}

/// Who armed or disarmed it, for people.
fn armed_by(word: &str) -> &str {
    match word {
        "config" => "as configured",
        "person" => "by a person",
        "restore" => "since a backup was restored",
        "new_ledger" => "since an empty ledger took the place of a lost one",
        "lost_facts" => "since the ledger was found to have lost facts that were committed",
        "login" => "since its login opened another account at the broker",
        other => other,
    }
}

/// How the account's own switch stands; a reason that nobody gave is not shown.
fn own_switch(account: &Value) -> String {
    let of = |member: &str| text(account, &format!("/kill/{member}"));
    match of("why").as_str() {
        "" | "-" => of("level"),
        why => format!("{}: {why}", of("level")),
    }
}

/// What is at the broker and not ours, as of the read that showed it.
fn foreign(account: &Value, out: &Out) {
    let (orders, positions) = ("/foreign_orders", "/foreign_positions");
    let (orders, positions) = (list(account, orders), list(account, positions));
    if orders.is_empty() && positions.is_empty() {
        return;
    }
    out.line("");
    out.line(&format!("not ours      as of {}:", text(account, "/read_as_of")));
    tables_of(positions, orders, out);
}

fn tables_of(positions: &[Value], orders: &[Value], out: &Out) {
    let row = |value: &Value, paths: &[&str]| paths.iter().map(|path| text(value, path)).collect();
    if !positions.is_empty() {
        let rows = positions.iter().map(|p| row(p, &["/symbol", "/book", "/account"])).collect();
        out.table(&["position", "in the book", "at the broker"], rows);
    }
    if !orders.is_empty() {
        let paths = ["/broker_id", "/symbol", "/side", "/quantity", "/limit", "/trigger", "/group"];
        // The first is what `tx adopt` asks for: it is never cut.
        let columns = [
            always("foreign order"),
            always("symbol"),
            always("side"),
            always("quantity"),
            always("limit"),
            always("trigger"),
            spare(1, "linked by"),
        ];
        out.table(&columns, orders.iter().map(|order| row(order, &paths)).collect());
    }
}

fn differs(found: &Value) -> bool {
    let is_complete = found["complete"] == true;
    let differing = list(found, "/differences").len() + list(found, "/foreign_orders").len();
    !is_complete || differing > 0
}

fn differences(found: &Value, out: &Out) {
    let positions = list(found, "/differences");
    let foreign = list(found, "/foreign_orders");
    if found["complete"] != true {
        out.line(&paint("the read was not complete: absence proves nothing; try again", Tone::Bad));
    }
    if positions.is_empty() && foreign.is_empty() {
        out.line("no position differs: the account holds what the book holds, no foreign orders");
    }
    tables_of(positions, foreign, out);
}

fn arm(args: &ArmArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let name = &args.act.name;
    let found = client.post(&path(name, "/reconcile"), &json!({}), None)?;
    let account = client.get(&path(name, ""))?;
    let all = client.get("/api/v1/transactions")?;
    if !out.is_json() {
        summary(&account, out);
        out.line("");
        differences(&found, out);
        consequences(name, &account, list(&all, "/transactions"), out);
    }
    let closes =
        if text(&account, "/kill_level") == "flatten" { " AND CLOSE ALL IT HOLDS" } else { "" };
    let what = format!("commands of account {name} will go out{closes}, for what is shown above");
    confirm(&what, name, args.yes, out)?;
    act(&args.act, "arm", client, out)
}

/// What is sent once it is armed: stops and targets that do not work as they are wanted, or what its
/// kill switch asks for in their place.
fn consequences(name: &str, account: &Value, all: &[Value], out: &Out) {
    let level = text(account, "/kill_level");
    let (holding, waiting) = (list(account, "/holding").len(), list(account, "/waiting").len());
    if level == "flatten" {
        let words = format!(
            "the kill switch is at flatten: ALL THAT IS HELD IS CLOSED AT THE MARKET AT ONCE \
             (transactions: {holding}) and every resting entry is canceled (waiting: {waiting}); to go \
             on with stops and targets, clear the switch first"
        );
        return out.line(&paint(&words, Tone::Bad));
    }
    if level != "off" {
        let cancels = match level.as_str() {
            "cancel-entries" => format!("; every resting entry is canceled (waiting: {waiting})"),
            _ => String::new(),
        };
        let words =
            format!("the kill switch is at {level}: nothing is opened and nothing grows{cancels}");
        out.line(&paint(&words, Tone::Warning));
    }
    let is_held = |tx: &&Value| text(tx, "/account") == name && text(tx, "/held") != "0";
    let mut rows = Vec::new();
    for tx in all.iter().filter(is_held) {
        for leg in ["stop", "target"] {
            let of = |member: &str| text(tx, &format!("/legs/{leg}/{member}"));
            if !["working", "none"].contains(&&*of("state")) {
                let works = of("working");
                let works = if works == "-" { "NONE".to_owned() } else { works };
                let (id, symbol, held) = (text(tx, "/id"), text(tx, "/symbol"), text(tx, "/held"));
                rows.push(vec![id, symbol, held, leg.to_owned(), of("desired"), works]);
            }
        }
        if text(tx, "/legs/stop/desired") == "-" {
            let [id, symbol, held] = ["/id", "/symbol", "/held"].map(|path| text(tx, path));
            rows.push(vec![id, symbol, held, "stop".into(), "NO STOP WANTED".into(), "-".into()]);
        }
    }
    if rows.is_empty() {
        out.line("no stop and no target differs: what is held has what is wanted");
        return;
    }
    out.line("");
    out.line(&paint(
        "arming sends what is wanted; these do not work as they are wanted:",
        Tone::Bad,
    ));
    out.table(&["id", "symbol", "held", "leg", "wanted", "works"], rows);
    if text(account, "/on_deadline") == "market_close" {
        let words = "on_deadline is market_close: what is still without its stop after the \
                     protection_deadline is closed at the market";
        out.line(&paint(words, Tone::Bad));
    }
}

fn act(args: &DisarmArgs, what: &str, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let body = json!({ "why": args.reason });
    told(&path(&args.name, &format!("/{what}")), &body, client, out)
}

fn unlock(args: &UnlockArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let body = json!({ "symbol": args.symbol, "why": args.reason });
    told(&path(&args.name, "/unlock"), &body, client, out)
}

fn told(path: &str, body: &Value, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let answer = client.post(path, body, None)?;
    if out.is_json() {
        out.json(&answer);
    } else {
        out.line(&text(&answer, "/message"));
    }
    Ok(Exit::Done)
}
