//! Wrong input: a clear error with what to do next, the right exit code, and nothing lost.

use crate::harness::{Daemon, Dir, Exchange, configure};

fn contains_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn a_typo_in_the_configuration_is_shown_with_its_place() {
    let dir = Dir::new();
    dir.write("bracketd.toml", "schema = 1\n[[account]]\nname = \"a\"\nplugni = \"x.wasm\"\n");
    let checked = dir.bracketd("config check");
    assert_eq!(checked.code, Some(1));
    contains_all(
        &(checked.stdout + checked.stderr.as_str()),
        &["bracketd.toml:4:1", "plugni", "^", "did you mean", "plugin"],
    );
}

#[test]
fn policies_that_cannot_run_are_refused_with_file_line_and_column() {
    let header = "const POLICY = #{ name: \"x\", version: \"1\", api: 1 };\nconst PARAMS = #{};\n";
    let rows = [
        ("syntax", "fn on_tick(t, m, p) { let a = ; }\n", "x.rhai:3:31"),
        ("unknown function", "fn on_tick(t, m, p) { move_stpo(t, 1); }\n", "x.rhai:3:23"),
        ("unknown variable", "fn on_tick(t, m, p) { if pric > 1 { } }\n", "x.rhai:3:26"),
    ];
    for (what, body, place) in rows {
        let dir = Dir::new();
        dir.write("policies/x.rhai", &format!("{header}{body}"));
        let checked = dir.bracketd("policy check policies");
        assert_eq!(checked.code, Some(1), "{what}");
        contains_all(&(checked.stdout + checked.stderr.as_str()), &[place, "^"]);
    }
}

#[test]
fn an_endless_loop_is_stopped_and_stops_stay() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    // No property is tried with thirteen: what always loops is not taken at all.
    let spin = "const POLICY = #{ name: \"spin\", version: \"1\", api: 1 };\nconst PARAMS = #{};\n\
                fn on_tick(t, m, p) { while t.qty == 13 { } }\n";
    let daemon = Daemon::start(&dir, &exchange, &[("spin", spin)]);
    daemon.ask("tx open AAA long 13 --stop 95 --target 110 --plain");
    daemon.until("the loop was stopped", |d| d.log().contains("policy_failed"));
    daemon.until("the stop rests all the same", |d| d.tx(1)["protection"]["state"] == "protected");
    exchange.price("AAA", "100.10", "100.12");
    daemon.until("the second overrun froze it", |d| d.log().contains("policy_frozen"));
}

#[test]
fn wrong_plugins_are_named() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let real = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/dist/alpaca.wasm");
    let whole = std::fs::read(real).expect("the plugin");
    let rows: [(&str, &[u8], &str); 3] = [
        ("text", b"hello, this is no plugin", "not"),
        ("truncated", &whole[..whole.len() / 2], "cut off"),
        ("core module", b"\0asm\x01\0\0\0", "component"),
    ];
    for (what, bytes, word) in rows {
        configure(&dir, &exchange.url, &[]);
        let wrong = dir.path().join("wrong.wasm");
        std::fs::write(&wrong, bytes).expect("a file");
        let text = std::fs::read_to_string(dir.path().join("bracketd.toml")).expect("the file");
        dir.write("bracketd.toml", &text.replace(real, "wrong.wasm"));
        let ran = dir.bracketd("run");
        assert_eq!(ran.code, Some(1), "{what}: {}", ran.stderr);
        contains_all(&ran.stderr, &["wrong.wasm", "paper", word]);
    }
}

#[test]
fn refused_changes_say_why_and_change_nothing() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    exchange.price("BBB", "100.00", "100.02");
    let daemon = Daemon::start(&dir, &exchange, &[]);
    daemon.ask("tx open BBB long 10 --limit 99 --stop 95 --target 110 --plain");
    daemon.ask("tx open AAA long 10 --stop 95 --target 110 --plain");
    daemon.until("one waits, one is open", |d| {
        d.tx(1)["status"] == "WAITING" && d.tx(2)["protection"]["state"] == "protected"
    });
    let rows = [
        ("tx set 9 --stop 90", "UNKNOWN_TRANSACTION"),
        ("tx set 1 --stop 99.5", "STOP_WRONG_SIDE"),
        ("tx set 2 --stop 101", "STOP_WRONG_SIDE"),
        ("tx set 2 --stop 96.005", "OFF_TICK"),
        ("tx close 1", "NOT_OPENED"),
        ("tx resize 1 5", "NOT_OPENED"),
        ("tx open ZZZ long 1", "UNKNOWN_INSTRUMENT"),
        // What is held of it would be told as AAA, and nobody would guard aaa.
        ("tx open aaa long 1", "Alpaca calls it AAA"),
        ("tx open AAA short 1", "WOULD_NET"),
    ];
    for (line, code) in rows {
        let refused = daemon.ask(line);
        assert!(
            matches!(refused.code, Some(1 | 4)),
            "{line}: {:?} {}",
            refused.code,
            refused.stderr
        );
        contains_all(&(refused.stdout + refused.stderr.as_str()), &[code]);
    }
    daemon.ask("tx close 2");
    daemon.until("it is closed", |d| d.tx(2)["status"] == "CLOSED");
    let late = daemon.ask("tx set 2 --stop 96");
    contains_all(&(late.stdout + late.stderr.as_str()), &["ALREADY_ENDED"]);
    assert_eq!(daemon.tx(1)["legs"]["stop"]["desired"], "95");
}

#[test]
fn g12_a_request_without_the_token_is_refused() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    let _daemon = Daemon::start(&dir, &exchange, &[]);
    let file = std::fs::read_to_string(dir.path().join("data/daemon.json")).expect("the file");
    let file: serde_json::Value = serde_json::from_str(&file).expect("JSON");
    let url = format!("{}/api/v1/status", file["url"].as_str().expect("a url"));
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let bare = agent.get(&url).call().expect("an answer");
    assert_eq!(bare.status(), 401);
    let mut wrong =
        agent.get(&url).header("Authorization", "Bearer guess").call().expect("an answer");
    assert_eq!(wrong.status(), 401);
    let body = wrong.body_mut().read_to_string().expect("a text");
    contains_all(&body, &["code", "hint"]);
}

#[test]
fn a_bad_row_of_a_tape_is_named() {
    let dir = Dir::new();
    dir.write(
        "t.csv",
        "timestamp,bid,ask\n2022-01-01T00:00:00Z,1.00,1.01\n2022-01-01T00:00:01Z,x,1\n",
    );
    dir.ship(&["fixed_bracket"]);
    let ran = dir.bracketd("run --tape t.csv --entries every=1 --policy fixed_bracket");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    contains_all(&ran.stderr, &["t.csv", "3", "bid", "x"]);
}
