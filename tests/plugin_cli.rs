//! `bracketd plugin` as an operator and an integrator meet it.

use std::fs;
use std::path::Path;

use crate::harness::{Daemon, Dir, Exchange, SECRET, configure};

const WASM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/dist/alpaca.wasm");

/// The plugin in this directory, and a configuration that takes it.
fn at_home(dir: &Dir, url: &str) -> String {
    configure(dir, url, &[]);
    fs::copy(WASM, dir.path().join("alpaca.wasm")).expect("a copy");
    let path = dir.path().join("bracketd.toml");
    let text = fs::read_to_string(&path).expect("the configuration");
    let text = text.replace(WASM, "alpaca.wasm").replace("armed = true", "armed = true # mine");
    fs::write(path, &text).expect("a file");
    text
}

/// Another build of the same plugin: a section more, which says nothing.
fn rebuild(dir: &Path) {
    let path = dir.join("alpaca.wasm");
    let mut wasm = fs::read(&path).expect("the plugin");
    wasm.extend([0, 7, 5, b'b', b'u', b'i', b'l', b'd', b'2']);
    fs::write(path, wasm).expect("a file");
}

#[test]
fn a_pin_is_one_line_of_the_configuration_and_no_other_file_is_taken() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let before = at_home(&dir, &exchange.url);
    let config = || fs::read_to_string(dir.path().join("bracketd.toml")).expect("it is there");

    let pinned = dir.bracketd("plugin pin paper");
    assert_eq!(pinned.code, Some(0), "{}", pinned.stderr);
    assert!(pinned.stdout.contains("paper: alpaca 0.1.0, pinned for the first time"));
    assert!(pinned.stdout.contains("can import bracketd:broker/http"), "{}", pinned.stdout);
    let after = config();
    let added: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
    let [line] = added[..] else { panic!("{added:?}") };
    assert!(line.starts_with("sha256 = \"") && line.len() == 75, "{line}");
    assert_eq!(after.replace(&format!("{line}\n"), ""), before, "the rest, byte for byte");
    assert!(dir.bracketd("plugin pin alpaca.wasm").stdout.contains("was pinned already"));
    assert_eq!(config(), after);

    let daemon = Daemon::again(&dir);
    let listed = daemon.ask("plugin list --json").json();
    let row = &listed["plugins"][0];
    assert_eq!((&listed["running"], &row["plugin"]), (&true.into(), &"alpaca".into()), "{listed}");
    assert_eq!((&row["version"], &row["state"]), (&"0.1.0".into(), &"up".into()), "{listed}");
    assert!(line.contains(row["sha256"].as_str().expect("a digest")));
    assert_eq!(row["generation"], 1, "{listed}");
    drop(daemon);

    rebuild(dir.path());
    let refused = dir.bracketd("config check");
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("is another file"), "{}", refused.stderr);
    let again = dir.bracketd("plugin pin paper");
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let before = line.split('"').nth(1).and_then(|digest| digest.get(..12)).expect("a digest");
    assert!(again.stdout.contains(&format!("instead of {before}")), "{}", again.stdout);
    assert!(again.stdout.contains("the same capabilities"), "{}", again.stdout);
    assert_eq!(dir.bracketd("config check").code, Some(0));
    drop(Daemon::again(&dir));
}

#[test]
fn a_file_that_can_do_more_is_pinned_only_when_somebody_says_so() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    at_home(&dir, &exchange.url);
    assert_eq!(dir.bracketd("plugin pin paper").code, Some(0));
    // As if the one before had not had the network.
    let records = fs::read_dir(dir.path().join("data/plugins")).expect("records");
    for record in records.flatten() {
        let text = fs::read_to_string(record.path()).expect("a record");
        let less = text.replace("\"bracketd:broker/http\",", "");
        assert_ne!(less, text);
        fs::write(record.path(), less).expect("a file");
    }
    rebuild(dir.path());
    let config = || fs::read_to_string(dir.path().join("bracketd.toml")).expect("it is there");
    let before = config();
    let asked = dir.bracketd("plugin pin paper");
    assert_eq!(asked.code, Some(2), "{}", asked.stdout);
    assert!(asked.stderr.contains("can do more"), "{}", asked.stderr);
    assert!(asked.stderr.contains("import bracketd:broker/http"), "{}", asked.stderr);
    assert_eq!(config(), before);
    // Nor where nobody knows any more what the one before could do.
    let records = dir.path().join("data/plugins");
    let known = dir.path().join("known");
    fs::rename(&records, &known).expect("it moves");
    let asked = dir.bracketd("plugin pin paper");
    assert_eq!(asked.code, Some(2), "{}", asked.stdout);
    assert!(asked.stderr.contains("could do is not known here"), "{}", asked.stderr);
    assert_eq!(config(), before);
    fs::remove_dir_all(&records).ok();
    fs::rename(&known, &records).expect("it moves back");
    let said = dir.bracketd("plugin pin paper --yes");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("+ import bracketd:broker/http"), "{}", said.stdout);
    assert_ne!(config(), before);
}

#[test]
fn a_read_by_hand_shows_what_it_asked_and_a_write_is_refused() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    at_home(&dir, &exchange.url);
    let balance = dir.bracketd("plugin call paper get-balance --json");
    assert_eq!(balance.code, Some(0), "{}", balance.stderr);
    let answer = balance.json();
    assert_eq!(answer["answer"]["currency"], "USD", "{answer}");
    assert_eq!(answer["answer"]["cash"], "100000000", "a decimal is text: {answer}");
    let requests = answer["requests"].as_array().expect("a list");
    assert!(requests.iter().all(|request| request["status"] == 200), "{answer}");
    assert!(requests.iter().any(|r| r["url"].as_str().unwrap_or("").ends_with("/v2/account")));
    for text in [&balance.stdout, &balance.stderr] {
        assert!(!text.contains(SECRET), "{text}");
    }
    let write = dir.bracketd("plugin call paper cancel-order --args {\"broker-id\":\"x\"}");
    assert_eq!(write.code, Some(4), "{}", write.stdout);
    assert!(write.stderr.contains("is a write"), "{}", write.stderr);
    let bad = dir.bracketd("plugin call paper get-bars --args {\"symbol\":\"AAA\"}");
    assert_eq!(bad.code, Some(2), "{}", bad.stdout);
    assert!(bad.stderr.contains("seconds is missing"), "{}", bad.stderr);
    let nobody = dir.bracketd("plugin call nobody get-balance");
    assert_eq!(nobody.code, Some(2), "{}", nobody.stdout);
    assert!(nobody.stderr.contains("the accounts are: paper"), "{}", nobody.stderr);
    // A file alone can reach nothing; with an account's grants it can.
    let alone = dir.bracketd("plugin call alpaca.wasm get-balance");
    assert_eq!(alone.code, Some(1), "{}", alone.stderr);
    let with = dir.bracketd("plugin call alpaca.wasm get-balance --as paper");
    assert_eq!(with.code, Some(0), "{}", with.stderr);
    assert!(with.stderr.contains("GET http://127.0.0.1"), "{}", with.stderr);
}

#[test]
fn a_file_is_checked_and_shown_without_a_daemon_or_a_configuration() {
    let dir = Dir::new();
    fs::copy(WASM, dir.path().join("good.wasm")).expect("a copy");
    let wasm = fs::read(WASM).expect("the plugin");
    fs::write(dir.path().join("half.wasm"), &wasm[..wasm.len() / 2]).expect("a file");
    fs::write(dir.path().join("text.wasm"), "(module)").expect("a file");
    fs::write(dir.path().join("core.wasm"), b"\0asm\x01\0\0\0").expect("a file");
    // An empty component: no ABI at all.
    fs::write(dir.path().join("empty.wasm"), b"\0asm\x0d\0\x01\0").expect("a file");
    for (file, code, words) in [
        ("good.wasm", 0, "22 of 22 functions"),
        ("half.wasm", 1, "the file is cut off"),
        ("text.wasm", 1, "not a WebAssembly file: it starts with 28 6d 6f 64"),
        ("core.wasm", 1, "wasm-tools component new"),
        ("empty.wasm", 1, "expected bracketd:broker@0.9.0"),
    ] {
        let checked = dir.bracketd(&format!("plugin check {file}"));
        assert_eq!(checked.code, Some(code), "{file}: {}", checked.stderr);
        assert!(checked.stdout.contains(words), "{file}: {}", checked.stdout);
        let json = dir.bracketd(&format!("plugin check {file} --json"));
        assert_eq!((json.code, &json.json()["ok"]), (Some(code), &(code == 0).into()), "{file}");
    }
    assert_eq!(dir.bracketd("plugin check none.wasm").code, Some(2));
    let shown = dir.bracketd("plugin inspect good.wasm --json").json();
    assert_eq!(shown["describe"]["name"], "alpaca");
    assert!(shown["sections"].as_array().expect("a list").len() > 10);
    let table = dir.bracketd("plugin inspect good.wasm").stdout;
    assert!(table.contains("bracketd:broker/http@0.9.0") && table.contains("custom"), "{table}");
    let none = dir.bracketd("plugin list");
    assert_eq!(none.code, Some(3), "{}", none.stderr);
}
