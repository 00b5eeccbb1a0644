//! The operator's tools over the real program: a backup made while it trades and what comes of its
//! restore, and ledgers that are not taken.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Daemon, Dir, Exchange, Process, configure, program};

/// Starts the daemon where somebody has to look at what it finds: it is ready, and not well.
fn start(dir: &Dir) -> Daemon {
    let log = std::fs::File::options().append(true).open(dir.path().join("daemon.log"));
    let child = program(dir.path())
        .arg("run")
        .stdout(Stdio::null())
        .stderr(log.expect("a log"))
        .spawn()
        .expect("the daemon starts");
    let daemon = Daemon::around(dir.path(), Process(child));
    daemon.until("the daemon is ready", |d| {
        let status = d.ask("status --json");
        matches!(status.code, Some(0 | 1)) && status.json()["ready"] == true
    });
    daemon
}

/// Every client order id that the exchange has ever seen.
fn client_ids(exchange: &Exchange) -> BTreeSet<String> {
    let orders = exchange.get("/v2/orders?status=all&nested=true&limit=500");
    let mut ids = BTreeSet::new();
    for order in orders.as_array().expect("a list") {
        let legs = order["legs"].as_array().into_iter().flatten();
        let all = std::iter::once(order).chain(legs);
        ids.extend(all.filter_map(|order| order["client_order_id"].as_str().map(str::to_owned)));
    }
    ids
}

fn opened(daemon: &Daemon, line: &str) -> u64 {
    let answer = daemon.ask(&format!("tx open {line} --json"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let id: u64 = answer.json()["transaction"].as_str().expect("an id").parse().expect("a number");
    daemon.until("it is protected", |d| d.tx(id)["protection"]["state"] == "protected");
    id
}

#[test]
fn i3_a_restored_backup_starts_disarmed_shows_what_differs_and_uses_no_order_id_again() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    for symbol in ["AAA", "BBB", "CCC"] {
        exchange.price(symbol, "100.00", "100.02");
    }
    let lost = trade_beyond_a_backup(&dir, &exchange);
    let (resting, used) = (exchange.open_orders(), client_ids(&exchange));
    restore(&dir);

    // The configuration says `armed = true`; the restored ledger says no.
    let daemon = start(&dir);
    assert_eq!(daemon.ask("status --json").json()["accounts"][0]["armed"], false);
    let shown = daemon.ask("account show paper").stdout;
    assert!(
        shown.contains("DISARMED: no command goes out (since a backup was restored)"),
        "{shown}"
    );
    let status = daemon.ask("status").stdout;
    assert!(status.contains("paper is disarmed since a backup was restored"), "{status}");
    shows_what_differs(&daemon);
    exchange.price("AAA", "101.00", "101.02");
    let differs = daemon.ask("account reconcile paper");
    assert_eq!(differs.code, Some(1), "the second position: {}", differs.stdout);
    assert_eq!(exchange.open_orders(), resting, "disarmed, it changed nothing");
    assert_eq!(client_ids(&exchange), used);

    // What was decided after the backup is decided again, and then trading goes on.
    daemon.ask("tx set 1 --stop 97");
    let armed = daemon.ask("account arm paper --reason restored --yes");
    assert_eq!(armed.code, Some(0), "{}", armed.stderr);
    let next = opened(&daemon, "CCC long 1 --stop 90 --target 120 --plain");
    assert_eq!(next, lost, "the number of the lost transaction is given again");
    assert_eq!(daemon.tx(1)["legs"]["stop"]["working"], "97", "it was not moved back");
    let fresh: BTreeSet<String> = client_ids(&exchange).difference(&used).cloned().collect();
    let ours = fresh.iter().filter(|id| id.starts_with("bd-")).count();
    assert!(ours >= 2, "its entry and its exits have ids of their own: {fresh:?}");
    let export = daemon.ask("db export --transactions");
    let mut exported =
        export.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let tx = exported.find(|row| row["id"] == *next.to_string()).expect("it is there");
    for operation in tx["operations"].as_array().expect("a list") {
        let id = operation["client_id"].as_str().expect("an id");
        assert!(!used.contains(id), "{id} was used in the lost part");
    }
}

#[test]
fn kill_switches_and_arming_are_shown_and_exported_without_a_daemon() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let daemon = Daemon::start(&dir, &exchange, &[]);
    for (verb, code) in [
        ("account disarm paper --reason holidays", 0),
        ("kill protect-only --account paper --reason loss", 0),
        ("kill freeze --reason news", 0),
    ] {
        assert_eq!(daemon.ask(verb).code, Some(code), "{verb}");
    }
    daemon.kill();
    let shown = dir.bracketd("db status");
    let part = |word: &str| shown.stdout.lines().find(|line| line.starts_with(word)).unwrap_or("");
    assert!(part("accounts").contains("paper disarmed"), "{}", shown.stdout);
    for words in ["the daemon freeze since", ": news", "paper protect-only since", ": loss"] {
        assert!(part("kill switch").contains(words), "{words:?} in {}", shown.stdout);
    }
    let json = dir.bracketd("db status --json").json();
    assert_eq!(json["kill"]["level"], "freeze");
    let paper = &json["accounts"][0];
    assert_eq!((&paper["armed"], &paper["kill"]["level"]), (&false.into(), &"protect-only".into()));
    let export = dir.bracketd("db export");
    let rows: Vec<Value> =
        export.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let controls: Vec<&Value> = rows.iter().filter(|row| row["type"] == "control").collect();
    let [whole, paper] = &*controls else { panic!("{}", export.stdout) };
    assert_eq!((&whole["account"], &whole["kill"]["level"]), (&Value::Null, &"freeze".into()));
    assert_eq!((&paper["account"], &paper["armed"]), (&"paper".into(), &false.into()));
    assert_eq!(paper["kill"]["why"], "loss");
    assert_eq!(rows.last().expect("an end")["controls"], 2);
    let facts = dir.bracketd("db export --facts").stdout;
    assert!(!facts.contains("\"type\":\"control\""), "only what was asked for");
}

/// Backs up while one transaction is open; then opens another, whose number is returned, moves a
/// stop, throws the account's kill switch, and dies.
fn trade_beyond_a_backup(dir: &Dir, exchange: &Exchange) -> u64 {
    let daemon = Daemon::start(dir, exchange, &[]);
    opened(&daemon, "AAA long 10 --stop 95 --target 110 --plain");
    let made = daemon.ask("db backup before.db --json");
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert_eq!(made.json()["backup"]["transactions"]["OPENED"], 1);
    let checked = daemon.ask("db check");
    assert_eq!(checked.code, Some(0), "while the daemon runs: {}", checked.stdout);
    let again = daemon.ask("db backup before.db");
    assert_eq!(again.code, Some(4), "nothing is overwritten: {}", again.stdout);

    let lost = opened(&daemon, "BBB long 5 --stop 90 --target 120 --plain");
    daemon.ask("tx set 1 --stop 97 --wait");
    daemon.until("the stop is moved", |d| d.tx(1)["legs"]["stop"]["working"] == "97");
    let refused = daemon.ask("db restore before.db --yes");
    assert_eq!(refused.code, Some(4), "while the daemon runs: {}", refused.stdout);
    assert!(refused.stderr.contains("in use by process"), "{}", refused.stderr);
    daemon.ask("kill freeze --account paper --reason news");
    daemon.kill();
    lost
}

/// Restores the backup, after somebody has confirmed it.
fn restore(dir: &Dir) {
    let unasked = dir.bracketd("db restore before.db");
    assert_eq!(unasked.code, Some(2), "nobody confirmed it: {}", unasked.stdout);
    let restored = dir.bracketd("db restore before.db --yes --json");
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    let restored = restored.json();
    assert_eq!(
        (&restored["ledger"]["epoch"], &restored["disarmed"][0]),
        (&1.into(), &"paper".into())
    );
    assert_eq!(restored["replaced"]["transactions"]["OPENED"], 2);
    let lowered = &restored["kill_lowered"][0];
    let of = ["account", "stood", "now", "why"].map(|member| lowered[member].as_str());
    assert_eq!(of, [Some("paper"), Some("freeze"), Some("off"), Some("news")]);
    for kept in restored["kept"].as_array().expect("a list") {
        assert!(std::path::Path::new(kept.as_str().expect("a path")).exists(), "{kept} is kept");
    }
}

/// The restored daemon tells what it finds: in its log of activity, and at the transaction.
fn shows_what_differs(daemon: &Daemon) {
    let seen = daemon.ask("activity tail -n 500 --json");
    let seen: Vec<Value> =
        seen.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let has = |kind: &str, code: &str| seen.iter().any(|r| r["kind"] == kind && r["code"] == code);
    assert!(has("restored", "RESTORED"), "{seen:#?}");
    assert!(has("difference", "POSITION"), "held at the broker, not in the ledger: {seen:#?}");
    assert!(has("difference", "ORPHAN_ORDER"), "{seen:#?}");
    let stop = &daemon.tx(1)["legs"]["stop"];
    assert_eq!(
        (&stop["desired"], &stop["working"]),
        (&"95".into(), &"97".into()),
        "both are shown"
    );
}

/// A data directory whose ledger is a backup, with some of its bytes changed.
fn with_ledger(change: impl Fn(&mut [u8])) -> Dir {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    let daemon = Daemon::start(&dir, &exchange, &[]);
    opened(&daemon, "AAA long 10 --stop 95 --target 110 --plain");
    assert_eq!(daemon.ask("db backup good.db").code, Some(0));
    daemon.kill();
    let mut bytes = std::fs::read(dir.path().join("good.db")).expect("the backup");
    change(&mut bytes);
    std::fs::remove_dir_all(dir.path().join("data")).expect("gone");
    std::fs::create_dir(dir.path().join("data")).expect("a directory");
    std::fs::write(dir.path().join("data/ledger.db"), bytes).expect("a file");
    configure(&dir, &exchange.url, &[]);
    dir
}

#[test]
fn a_damaged_ledger_is_refused_with_what_to_do_and_left_as_it_is() {
    // The pages after the first, which holds the schema.
    let dir = with_ledger(|bytes| bytes[4_096..].chunks_mut(4_096).for_each(|p| p[..99].fill(7)));
    let before = std::fs::read(dir.path().join("data/ledger.db")).expect("the ledger");
    let ran = dir.bracketd("run");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for part in ["data/ledger.db is damaged", "bracketd db check", "bracketd db restore FILE"] {
        assert!(ran.stderr.contains(part), "{part:?} in {}", ran.stderr);
    }
    let checked = dir.bracketd("db check");
    assert_eq!(checked.code, Some(1), "{}", checked.stderr);
    assert!(checked.stdout.contains("NOT_SOUND"), "{}", checked.stdout);
    assert!(checked.stdout.contains("bracketd db restore FILE"), "{}", checked.stdout);
    assert_eq!(dir.bracketd("db backup bad.db").code, Some(1), "no backup of a damaged ledger");
    let after = std::fs::read(dir.path().join("data/ledger.db")).expect("the ledger");
    assert!(before == after, "nothing repaired it");

    let restored = dir.bracketd("db restore good.db --yes");
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    for part in ["disarmed", "paper", "next:", "account arm"] {
        assert!(restored.stdout.contains(part), "{part:?} in {}", restored.stdout);
    }
    assert_eq!(dir.bracketd("db check").code, Some(0));
}

#[test]
fn a_ledger_of_a_newer_program_is_refused_by_every_verb() {
    // Bytes 60 to 63 of an SQLite file are its user version, here the schema.
    let dir = with_ledger(|bytes| bytes[60..64].copy_from_slice(&99_u32.to_be_bytes()));
    let ran = dir.bracketd("run");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for line in ["db status", "db check", "db backup x.db", "db export"] {
        let refused = dir.bracketd(line);
        assert_eq!(refused.code, Some(4), "{line}: {}", refused.stdout);
        for part in ["ledger.db has schema 99", "run the newer one", "[NEWER_SCHEMA]"] {
            assert!(refused.stderr.contains(part), "{line}: {part:?} in {}", refused.stderr);
        }
    }
    assert!(!dir.path().join("x.db").exists());
}

#[test]
fn i3_a_data_directory_that_has_lost_its_ledger_is_refused_before_anything_is_sent() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    configure(&dir, &exchange.url, &[]);
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs");
    assert!(api.open("AAA", None, "plain").promised().is_some());
    daemon.until("it is protected", |_| api.status()["protection"]["protected"] == 1);
    daemon.signal("TERM");
    assert!(daemon.ends_within(Duration::from_secs(15)).is_some_and(|status| status.success()));
    let ledger = dir.path().join("data/ledger.db");
    let orders = exchange.open_orders();
    for empty in [false, true] {
        std::fs::remove_file(&ledger).expect("the ledger");
        if empty {
            std::fs::write(&ledger, "").expect("an empty file");
        }
        let started = dir.bracketd("run");
        assert_eq!(started.code, Some(1), "{}", started.stderr);
        for part in ["data/ledger.db is", "activity.db", "db restore FILE", "--new-ledger"] {
            assert!(started.stderr.contains(part), "{part}: {}", started.stderr);
        }
        let kept = std::fs::metadata(&ledger).is_ok_and(|meta| meta.len() > 0);
        assert!(!kept, "nothing was made in its place");
        std::fs::write(&ledger, "").expect("an empty file");
    }
    let mut command = program(dir.path());
    command.args(["run", "--new-ledger"]).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("it starts");
    let mut daemon = Daemon::around(dir.path(), Process(child));
    let api = daemon.api().expect("somebody said so");
    daemon.until("it watches", |_| api.status()["accounts"][0]["reconciled"] == true);
    assert_eq!(api.status()["accounts"][0]["armed"], false, "{:#}", api.status());
    assert_eq!(api.open("AAA", None, "plain").code(), Some("DISARMED"));
    assert_eq!(exchange.open_orders(), orders, "the orders of before are left alone");
    let again = dir.bracketd("run --new-ledger");
    assert!(again.stderr.contains("is in use"), "{}", again.stderr);
    daemon.kill();
    let again = dir.bracketd("run --new-ledger");
    assert!(again.stderr.contains("--new-ledger is for"), "{}", again.stderr);
}

#[test]
fn a_backup_that_has_no_place_is_refused_and_says_what_to_do() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let daemon = Daemon::start(&dir, &exchange, &[]);
    for (to, code, hint) in [
        ("/nonexistent/x.db", "[NO_SUCH_PLACE]", "make its directory first"),
        ("bracketd.toml", "[EXISTS]", "name another file"),
        ("bracketd.toml/x.db", "[NOT_DONE]", "name another place"),
    ] {
        let refused = daemon.ask(&format!("db backup {to}"));
        assert_eq!(refused.code, Some(4), "{to}: {}", refused.stderr);
        for part in [code, hint] {
            assert!(refused.stderr.contains(part), "{to}: {}", refused.stderr);
        }
    }
}

#[test]
fn the_tools_need_of_the_configuration_only_where_the_ledger_is() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    drop(Daemon::start(&dir, &exchange, &[]));
    let file = dir.path().join("bracketd.toml");
    let whole = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::remove_dir_all(dir.path().join("secrets")).expect("the secrets");
    let all = ["db status", "db check", "db backup one.db", "db restore one.db --yes"];
    for (what, text) in [
        ("without its secrets", whole.clone()),
        ("without its plugin", whole.replace("alpaca.wasm", "gone.wasm")),
        ("with a key that nobody knows", format!("{whole}\n[surprise]\nkey = 1\n")),
        ("with a line that is no TOML", format!("{whole}\nthis is no line\n")),
    ] {
        std::fs::write(&file, &text).expect("a configuration");
        for verb in all {
            let done = dir.bracketd(verb);
            assert_eq!(done.code, Some(0), "{what}, {verb}: {}{}", done.stdout, done.stderr);
        }
        std::fs::remove_file(dir.path().join("one.db")).expect("the backup");
        for kept in std::fs::read_dir(dir.path().join("data")).expect("a directory").flatten() {
            // What a restore keeps has the second in its name.
            if kept.file_name().to_string_lossy().contains(".replaced-") {
                std::fs::remove_file(kept.path()).expect("a kept file");
            }
        }
    }
    std::fs::write(&file, whole.replace("data_dir = \"data\"", "data_dir = = 1")).expect("a file");
    let refused = dir.bracketd("db status");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--dir DIR"), "{}", refused.stderr);
    assert_eq!(dir.bracketd("db status --dir data").code, Some(0));
}
