//! The guards from outside: what the command line is told, what is counted, and that nothing of a
//! refused request reaches the exchange.

use serde_json::Value;

use crate::harness::{Daemon, Dir, Exchange, configure};

const LIMITS: &str = r#"[account.guards]
max_order_quantity = "50"
max_exposure = "9000"
max_loss_per_trade = "300"
min_distance = "10 ticks"
symbols_denied = ["CCC"]
"#;

fn guarded(dir: &Dir, exchange: &Exchange) -> Daemon {
    configure(dir, &exchange.url, &[]);
    let path = dir.path().join("bracketd.toml");
    let text = std::fs::read_to_string(&path).expect("the file");
    let text = text.replace("[[account.grant]]", &format!("{LIMITS}[[account.grant]]"));
    std::fs::write(path, text).expect("the file");
    Daemon::again(dir)
}

fn refused(all: &Value, key: &str) -> Value {
    let rows = all["accounts"][0]["guards"].as_array().expect("rows");
    rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("no {key}"))["refused"]
        .clone()
}

#[test]
fn g1_g3_g4_g11_g15_g16_refusals_are_told_counted_and_send_nothing() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    for symbol in ["AAA", "BBB", "CCC"] {
        exchange.price(symbol, "100.00", "100.02");
    }
    let daemon = guarded(&dir, &exchange);
    let opened = daemon.ask("tx open AAA long 40 --stop 95 --target 110 --plain");
    assert_eq!(opened.code, Some(0), "{}", opened.stderr);
    daemon.until("it is protected", |d| d.tx(1)["protection"]["state"] == "protected");
    let before = exchange.open_orders();
    let rows = [
        (
            "tx open BBB long 51 --limit 99 --stop 98 --target 110",
            "MAX_QUANTITY",
            "split the order",
        ),
        (
            "tx open BBB long 50 --limit 101 --stop 99 --target 110",
            "MAX_EXPOSURE",
            "max_exposure is 9000",
        ),
        ("tx open CCC long 1 --stop 95 --target 110", "RESTRICTED", "symbols_denied"),
        ("tx open BBB long 20 --limit 99 --target 110", "MAX_LOSS", "name a stop"),
        ("tx open BBB long 20 --limit 99 --stop 80 --target 110", "MAX_LOSS", "would lose 380"),
        ("tx open BBB long 20 --limit 99 --stop 98.95 --target 110", "TOO_CLOSE", "98.9"),
        ("tx set 1 --stop 99.95", "TOO_CLOSE", "99.9"),
        ("tx set 1 --stop 92", "MAX_LOSS", "max_loss_per_trade is 300"),
        ("tx set 1 --stop none", "MAX_LOSS", "name a stop"),
        ("tx resize 1 95", "MAX_QUANTITY", "55 AAA"),
    ];
    for (line, code, words) in rows {
        let answer = daemon.ask(line);
        assert_eq!(answer.code, Some(4), "{line}: {}", answer.stderr);
        assert!(answer.stderr.contains(code), "{line}: {}", answer.stderr);
        assert!(answer.stderr.contains(words), "{line}: {}", answer.stderr);
    }
    assert_eq!(exchange.open_orders(), before, "nothing was sent");
    let shown = daemon.ask("guard show --json").json();
    for (key, count) in [("max_order_quantity", 2), ("max_loss_per_trade", 4), ("min_distance", 2)]
    {
        assert_eq!(refused(&shown, key), count, "{key}");
    }
    let human = daemon.ask("guard show --account paper").stdout;
    for words in ["max_exposure", "9000", "config", "max_order_notional", "off", "default"] {
        assert!(human.contains(words), "{words} in\n{human}");
    }
    assert_eq!(daemon.ask("guard show --account nope").code, Some(2));
}

#[test]
fn g4_the_same_entry_again_must_be_meant() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    configure(&dir, &exchange.url, &[]);
    let path = dir.path().join("bracketd.toml");
    let text = std::fs::read_to_string(&path).expect("the file");
    let window = "[account.guards]\nduplicate_window = \"1m\"\n[[account.grant]]";
    std::fs::write(path, text.replace("[[account.grant]]", window)).expect("the file");
    let daemon = Daemon::again(&dir);
    let line = "tx open AAA long 10 --limit 90 --stop 85 --target 110 --plain";
    assert_eq!(daemon.ask(line).code, Some(0));
    let again = daemon.ask(line);
    assert_eq!(again.code, Some(4));
    for words in ["DUPLICATE", "transaction 1", "--distinct"] {
        assert!(again.stderr.contains(words), "{words}: {}", again.stderr);
    }
    assert_eq!(daemon.ask(&format!("{line} --distinct")).code, Some(0));
    daemon.until("both rest", |_| exchange.open_orders().len() == 2);
    daemon.kill();
    let daemon = Daemon::again(&dir);
    assert_eq!(daemon.ask(line).code, Some(4), "a restart forgets nothing");
}

#[test]
fn g9_a_close_that_the_broker_would_reject_is_refused_before_anything_is_freed() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    let daemon = Daemon::start(&dir, &exchange, &[]);
    daemon.ask("tx open AAA long 10 --stop 95 --target 110 --plain");
    daemon.until("it is protected", |d| d.tx(1)["protection"]["state"] == "protected");
    daemon.ask("tx open AAA long 5 --limit 98 --stop 94 --target 110 --plain");
    daemon.until("the entry rests", |_| exchange.open_orders().len() == 3);
    let before = exchange.open_orders();
    let refused = daemon.ask("tx close 1");
    assert_eq!(refused.code, Some(4));
    for words in ["WASH_TRADE", "tx cancel-entry 2"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    assert_eq!(exchange.open_orders(), before, "the exits stay where they are");
    assert_eq!(daemon.ask("tx cancel-entry 2").code, Some(0));
    daemon.until("it is gone", |d| d.tx(2)["status"] == "CLOSED");
    assert_eq!(daemon.ask("tx close 1").code, Some(0));
    daemon.until("it is closed", |d| d.tx(1)["status"] == "CLOSED");
}

#[test]
fn g14_the_self_test_needs_no_daemon_and_says_what_it_fired() {
    let dir = Dir::new();
    let tested = dir.bracketd("guard test");
    assert_eq!(tested.code, Some(0), "{}", tested.stdout);
    assert!(tested.stdout.contains("sound"), "{}", tested.stdout);
    let limits = format!("schema = 1\n[[account]]\nname = \"a\"\nplugin = \"x.wasm\"\n{LIMITS}");
    dir.write("bracketd.toml", &limits);
    let tested = dir.bracketd("guard test --account a --json").json();
    assert_eq!(tested["ok"], true);
    let controls = tested["accounts"][0]["controls"].as_array().expect("controls").clone();
    let fired = |guard: &str, answer: &str| {
        controls.iter().any(|c| c["guard"] == guard && c["answer"] == answer && c["result"] == "ok")
    };
    for (guard, answer) in [
        ("G1", "MAX_QUANTITY"),
        ("G3", "MAX_EXPOSURE"),
        ("G3", "DROPPED"),
        ("G11", "RESTRICTED"),
        ("G15", "MAX_LOSS"),
        ("G16", "TOO_CLOSE"),
        ("G19", "TOO_MANY_CLOSES"),
    ] {
        assert!(fired(guard, answer), "{guard} {answer} in {controls:#?}");
    }
    assert_eq!(dir.bracketd("guard test --account b").code, Some(2));
    let offline = dir.bracketd("guard show --json").json();
    assert!(refused(&offline, "max_exposure").is_null(), "nothing was counted");
}

/// The first block of that kind in the document about the guards.
fn block(kind: &str) -> &'static str {
    const DOCUMENT: &str = include_str!("../docs/guards.md");
    let (_, rest) = DOCUMENT.split_once(&format!("```{kind}\n")).expect("a block");
    rest.split_once("\n```").expect("its end").0
}

#[test]
fn g14_the_document_shows_what_the_self_test_says() {
    let dir = Dir::new();
    dir.write("bracketd.toml", block("toml"));
    let tested = dir.bracketd("guard test");
    assert_eq!(tested.code, Some(0), "{}", tested.stderr);
    assert_eq!(tested.stdout.trim_end(), block("text"));
}

#[test]
fn guards_explain_themselves_by_number_and_by_code() {
    let dir = Dir::new();
    for what in ["G7", "g7", "LOOSENS", "loosens"] {
        let told = dir.bracketd(&format!("guard explain {what}"));
        assert_eq!(told.code, Some(0), "{what}");
        for words in ["ratchet", "case 32", "stop_may_loosen", "RECEDES"] {
            assert!(told.stdout.contains(words), "{words} in\n{}", told.stdout);
        }
    }
    let unknown = dir.bracketd("guard explain LOSENS");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("did you mean LOOSENS"), "{}", unknown.stderr);
    assert!(dir.bracketd("guard explain").stdout.contains("TOO_MANY_CLOSES"));
}

#[test]
fn a_limit_that_cannot_be_read_keeps_the_file_from_being_taken() {
    let rows = [
        ("max_exposure = \"1,000\"", "bracketd.toml:6:16", "\"500\""),
        ("max_exposure = 1000", "bracketd.toml:6:16", "text in quotes"),
        ("max_expsure = \"1000\"", "bracketd.toml:6:1", "did you mean `max_exposure`"),
        ("min_step = \"5\"", "bracketd.toml:6:12", "5 ticks"),
        ("outside_session = \"alow\"", "bracketd.toml:6:19", "did you mean \"allow\""),
    ];
    for (line, place, words) in rows {
        let dir = Dir::new();
        let head = "schema = 1\n[[account]]\nname = \"a\"\nplugin = \"x.wasm\"\n[account.guards]\n";
        dir.write("bracketd.toml", &format!("{head}{line}\n"));
        for verb in ["config check", "guard test", "run"] {
            let told = dir.bracketd(verb);
            assert_eq!(told.code, Some(1), "{verb}: {line}: {}", told.stderr);
            let said = told.stdout + told.stderr.as_str();
            assert!(said.contains(place) && said.contains(words), "{verb}: {line}:\n{said}");
        }
    }
}
