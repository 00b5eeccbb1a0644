//! Kill switch, arming and the loss halt at the exchange: what is thrown by a person, by a file or
//! by a loss holds, and ends where it should.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use super::harness::{Daemon, Dir, Ended, Exchange, Process, configure, program};

const OPEN: &str = "tx open ACME long 10 --stop 95 --target 110";
const BUY_STOP: &str = "sell 10 stop limit - stop 95 held";

fn edit(dir: &Dir, from: &str, to: &str) {
    let path = dir.path().join("bracketd.toml");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).expect("a configuration");
}

/// Starts the daemon as it is configured and waits until its account is compared, whatever level
/// the kill switch is at.
fn start(dir: &Dir) -> Daemon {
    let log = dir.path().join("daemon.log");
    let log = std::fs::File::options().create(true).append(true).open(log).expect("a log");
    let child = program(dir.path())
        .arg("run")
        .stdout(std::process::Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the daemon starts");
    let daemon = Daemon::around(dir.path(), Process(child));
    daemon.until("the account is compared", |d| {
        let asked = d.ask("account show paper --json");
        asked.code == Some(0) && asked.json()["reconciled"] == true
    });
    daemon
}

fn world() -> (Dir, Exchange) {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("ACME", "99.99", "100.01");
    configure(&dir, &exchange.url, &[]);
    (dir, exchange)
}

fn ok(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    ended.json()
}

fn refused(ended: &Ended, code: &str) {
    assert_eq!(ended.code, Some(4), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains(code), "{}", ended.stderr);
}

fn held(daemon: &Daemon) {
    ok(&daemon.ask(&format!("{OPEN} --wait --json")));
    daemon.until("it is protected", |d| d.tx(1)["protection"]["state"] == "protected");
}

fn positions(exchange: &Exchange) -> Value {
    exchange.get("/v2/positions")
}

fn level(daemon: &Daemon) -> String {
    let shown = daemon.ask("kill status --json").json();
    shown["accounts"][0]["kill_level"].as_str().expect("a level").to_owned()
}

#[test]
fn g8_a_kill_by_the_command_line_holds_after_kill_9_and_flatten_ends_flat() {
    let (dir, exchange) = world();
    let daemon = start(&dir);
    held(&daemon);
    ok(&daemon.ask("tx open ACME long 5 --limit 90 --stop 85 --json"));
    daemon.until("the second entry rests", |_| {
        exchange.open_orders().iter().any(|row| row.starts_with("buy 5 limit limit 90"))
    });

    let missing = daemon.ask("kill freeze");
    assert_eq!(missing.code, Some(2), "a reason is needed: {}", missing.stderr);
    ok(&daemon.ask("kill freeze --reason prices --json"));
    refused(&daemon.ask("tx open ACME long 1 --stop 95"), "KILLED");
    ok(&daemon.ask("tx set 1 --stop 94 --wait --json"));
    let ready = daemon.ask("status --json");
    assert_eq!((ready.code, &ready.json()["ready"]), (Some(1), &json!(false)));

    daemon.kill();
    let daemon = start(&dir);
    assert_eq!(level(&daemon), "freeze");
    refused(&daemon.ask("tx open ACME long 1 --stop 95"), "KILLED");

    ok(&daemon.ask("kill protect-only --account paper --reason news --json"));
    let lower = daemon.ask("kill freeze --account paper --reason haste");
    assert_eq!(lower.code, Some(2), "{}", lower.stderr);
    for part in ["is at protect-only; freeze would LOWER it", "--yes"] {
        assert!(lower.stderr.contains(part), "{}", lower.stderr);
    }
    let lowered = ok(&daemon.ask("kill freeze --account paper --reason meant --yes --json"));
    let told = lowered["message"].as_str().unwrap_or_default();
    assert!(told.contains("is at freeze now, lowered from protect-only"), "{told}");
    ok(&daemon.ask("kill protect-only --account paper --reason news --json"));
    refused(&daemon.ask("tx set 1 --stop 93"), "KILLED");
    ok(&daemon.ask("tx set 1 --stop 96 --wait --json"));

    let unconfirmed = daemon.ask("kill flatten --reason out");
    assert_eq!(unconfirmed.code, Some(2), "{}", unconfirmed.stderr);
    assert_ne!(positions(&exchange), json!([]));
    ok(&daemon.ask("kill flatten --reason out --yes --json"));
    daemon.until("nothing is held and nothing rests", |_| {
        positions(&exchange) == json!([]) && exchange.open_orders().is_empty()
    });
    daemon.until("both have ended", |d| [1, 2].iter().all(|id| d.tx(*id)["status"] == "CLOSED"));
    let why = daemon.ask("tx why 1");
    assert!(why.stdout.contains("flatten: out"), "{}", why.stdout);

    ok(&daemon.ask("kill clear --reason calm --json"));
    assert_eq!(level(&daemon), "protect-only", "the account's own still holds");
    ok(&daemon.ask("kill clear --account paper --reason calm --json"));
    ok(&daemon.ask(&format!("{OPEN} --distinct --wait --json")));
}

/// Takes every connection that the API serves at once and says half a sentence on each.
fn clog(dir: &Path) -> Vec<TcpStream> {
    let text = std::fs::read_to_string(dir.join("data/daemon.json")).expect("a daemon file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let address = file["url"].as_str().expect("a url").trim_start_matches("http://").to_owned();
    let say = |words: &str| {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        stream.write_all(words.as_bytes()).expect("words");
        stream
    };
    let clogged: Vec<TcpStream> = (0..80).map(|_| say("GET /livez HTTP/1.1\r\n")).collect();
    let mut whole = say(&format!("GET /livez HTTP/1.1\r\nHost: {address}\r\n\r\n"));
    whole.set_read_timeout(Some(std::time::Duration::from_millis(500))).expect("a patience");
    assert!(whole.read(&mut [0; 16]).is_err(), "the API answers nobody");
    clogged
}

#[test]
fn g8_the_file_works_while_the_api_answers_nobody() {
    let (dir, exchange) = world();
    let daemon = start(&dir);
    held(&daemon);
    ok(&daemon.ask("tx open ACME long 5 --limit 90 --stop 85 --json"));
    daemon.until("the second entry rests", |_| {
        exchange.open_orders().iter().any(|row| row.starts_with("buy 5 limit limit 90"))
    });
    let clogged = clog(dir.path());
    dir.write("data/KILL", "cancel-entries the desk is on fire\n");
    daemon.until("the entry is canceled", |_| {
        !exchange.open_orders().iter().any(|row| row.starts_with("buy"))
    });
    assert!(
        exchange.open_orders().iter().any(|row| row == BUY_STOP),
        "{:?}",
        exchange.open_orders()
    );
    drop(clogged);

    daemon.until("the API answers again", |d| d.ask("kill status --json").code == Some(1));
    let shown = daemon.ask("kill status --json").json();
    assert_eq!(shown["kill"]["why"], "the file KILL: the desk is on fire");
    refused(&daemon.ask("kill clear --reason calm"), "remove it first");
    std::fs::remove_file(dir.path().join("data/KILL")).expect("the file");
    daemon.until("it was seen to be gone", |d| {
        d.ask("kill status --json").json()["kill_file"] == Value::Null
    });
    assert_eq!(level(&daemon), "cancel-entries", "its end clears nothing");
    ok(&daemon.ask("kill clear --reason calm --json"));

    // A file that is there before the start holds from the first moment.
    daemon.kill();
    dir.write("data/KILL", "");
    let daemon = start(&dir);
    assert_eq!(level(&daemon), "protect-only");
    assert!(daemon.log().contains("ATTENTION"), "{}", daemon.log());
}

#[test]
fn g13_arming_and_disarming_outlive_the_process_and_a_disarmed_account_sends_nothing() {
    let (dir, exchange) = world();
    edit(&dir, "armed = true", "armed = false");
    let daemon = start(&dir);
    refused(&daemon.ask(OPEN), "DISARMED");
    assert!(exchange.open_orders().is_empty());

    let unconfirmed = daemon.ask("account arm paper --reason live");
    assert_eq!(unconfirmed.code, Some(2), "{}", unconfirmed.stderr);
    assert!(unconfirmed.stdout.contains("DISARMED"), "it shows first: {}", unconfirmed.stdout);
    let armed = daemon.ask("account arm paper --reason live --yes");
    assert_eq!(armed.code, Some(0), "{}", armed.stderr);
    held(&daemon);

    daemon.kill();
    let daemon = start(&dir);
    let shown = ok(&daemon.ask("account show paper --json"));
    assert_eq!((&shown["armed"], &shown["armed_by"]), (&json!(true), &json!("person")));
    let inherited = daemon.ask("activity tail --json");
    assert!(inherited.stdout.contains("INHERITED"), "{}", inherited.stdout);

    ok(&daemon.ask("account disarm paper --reason maintenance --json"));
    let shown = daemon.ask("account show paper").stdout;
    assert!(shown.contains("by manual(") && shown.contains(": maintenance"), "{shown}");
    let status = daemon.ask("status --json").json();
    assert_eq!((&status["unmanaged"], &status["ready"]), (&json!(["1"]), &json!(true)));
    assert_eq!(daemon.tx(1)["managed"], false);
    assert_eq!(daemon.tx(1)["protection"]["state"], "protected");
    let stored = daemon.ask("tx set 1 --stop 96 --json");
    assert_eq!(ok(&stored)["outcome"], "STORED");
    assert!(exchange.open_orders().iter().any(|row| row == BUY_STOP), "nothing was sent");

    daemon.kill();
    let daemon = start(&dir);
    assert_eq!(ok(&daemon.ask("account show paper --json"))["armed"], false);
    let looked = daemon.ask("account arm paper --reason back").stdout;
    let told = looked.split_once("arming sends what is wanted").expect("it is told").1.to_owned();
    assert!(told.contains("stop") && told.contains("96") && told.contains("95"), "{looked}");
    let rearmed = daemon.ask("account arm paper --reason back --yes");
    assert_eq!(rearmed.code, Some(0), "{}", rearmed.stderr);
    daemon.until("the wanted stop rests", |d| d.tx(1)["legs"]["stop"]["working"] == "96");
}

#[test]
fn g13_reconcile_shows_what_is_not_ours() {
    let (dir, exchange) = world();
    let daemon = start(&dir);
    let clean = daemon.ask("account reconcile paper");
    assert_eq!(clean.code, Some(0), "{}{}", clean.stdout, clean.stderr);
    exchange.post(
        "/v2/orders",
        r#"{"symbol":"ACME","qty":"3","side":"buy","type":"market","time_in_force":"day"}"#,
    );
    exchange.post(
        "/v2/orders",
        r#"{"symbol":"ACME","qty":"1","side":"buy","type":"limit","limit_price":"80","time_in_force":"gtc"}"#,
    );
    let found = daemon.ask("account reconcile paper --json");
    assert_eq!(found.code, Some(1), "{}{}", found.stdout, found.stderr);
    let found = found.json();
    let differs = json!([{ "symbol": "ACME", "book": "0", "account": "3" }]);
    assert_eq!(found["differences"], differs);
    assert_eq!(found["foreign_orders"][0]["limit"], "80", "{found}");
}

#[test]
fn a_loss_beyond_the_limit_halts_the_account_and_a_person_lets_it_go() {
    let (dir, exchange) = world();
    edit(&dir, "stale_price", "max_day_loss = \"40\"\npoll_picture = \"5s\"\nstale_price");
    let daemon = start(&dir);
    held(&daemon);
    assert_eq!(level(&daemon), "off");
    exchange.price("ACME", "95.50", "95.52");
    daemon.until("the account is halted", |d| level(d) == "protect-only");
    refused(&daemon.ask("tx open ACME long 1 --stop 90"), "KILLED");
    assert_eq!(daemon.tx(1)["protection"]["state"], "protected");

    daemon.kill();
    let daemon = start(&dir);
    assert_eq!(level(&daemon), "protect-only");
    let cleared = daemon.ask("kill clear --account paper --reason look");
    assert!(cleared.stdout.contains("raises it again"), "{}", cleared.stdout);
    daemon.until("it is halted again", |d| level(d) == "protect-only");
    ok(&daemon.ask("kill clear --account paper --reason accepted --reset-baseline --json"));
    assert_eq!(level(&daemon), "off");
}

#[test]
fn entries_are_canceled_at_a_stop_where_the_account_wants_that() {
    let (dir, exchange) = world();
    edit(&dir, "stale_price", "on_shutdown = \"cancel_entries\"\nstale_price");
    let mut daemon = start(&dir);
    held(&daemon);
    ok(&daemon.ask("tx open ACME long 5 --limit 90 --stop 85 --json"));
    daemon.until("the second entry rests", |_| {
        exchange.open_orders().iter().any(|row| row.starts_with("buy 5 limit limit 90"))
    });
    daemon.signal("TERM");
    let ended = daemon.ends_within(std::time::Duration::from_secs(15));
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}\n{}", daemon.log());
    let left = exchange.open_orders();
    assert!(!left.iter().any(|row| row.starts_with("buy")), "{left:?}");
    assert!(left.iter().any(|row| row == BUY_STOP), "the stop stays: {left:?}");
}

/// A directory with a configuration whose daemon is down, beside something that answers as a demo.
#[test]
fn a_verb_never_takes_a_demo_for_the_daemon_of_the_configuration() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let daemon = Daemon::start(&dir, &exchange, &[]);
    let elsewhere = Dir::new();
    let known = std::fs::read_to_string(dir.path().join("data/daemon.json")).expect("its file");
    elsewhere.write("bracketd-demo/daemon.json", &known);
    let level = || daemon.ask("status --json").json()["kill"]["level"].clone();
    elsewhere.write("bracketd.toml", "schema = 1\n");
    for args in ["status", "kill freeze --reason test", "kill status"] {
        let ended = elsewhere.bracketd(args);
        assert_eq!(ended.code, Some(3), "{args}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("bracketd-data/daemon.json"), "{args}: {}", ended.stderr);
        assert!(!ended.stderr.contains("bracketd-demo/daemon.json"), "{args}: {}", ended.stderr);
    }
    // One that cannot be read is one as well.
    std::fs::remove_file(elsewhere.path().join("bracketd.toml")).expect("it was there");
    std::fs::create_dir(elsewhere.path().join("bracketd.toml")).expect("a directory");
    assert_ne!(elsewhere.bracketd("kill freeze --reason test").code, Some(0));
    assert_eq!(level(), "off");
    std::fs::remove_dir(elsewhere.path().join("bracketd.toml")).expect("it was there");
    assert_eq!(elsewhere.bracketd("kill freeze --reason test").code, Some(0), "without one it is");
    assert_eq!(level(), "freeze");
}
