//! A secret appears in no byte that a run produces: not in the data directory, not in a log, not in
//! what a verb prints, not where a broker echoes it in its refusals.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::harness::{Daemon, Dir, Exchange, KEY, Process, SECRET, configure, program};

/// What holds the secrets by its nature: their files, and the exchange's own book.
const THEIRS: [&str; 2] = ["secrets", "exchange.book"];

/// The forms in which a secret could be written down.
fn forms(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut hex = String::new();
    for byte in secret.bytes() {
        write!(hex, "{byte:02x}").expect("a text");
    }
    // Inside a longer text, base64 has three forms, by where the secret begins; their ends depend
    // on what is beside it.
    let shifted = |shift: usize| {
        let padded = [vec![b'x'; shift], secret.as_bytes().to_vec()].concat();
        let text = base64(&padded);
        let (from, to) = (if shift == 0 { 0 } else { 4 }, text.len() / 4 * 4 - 4);
        text[from..to].to_vec()
    };
    vec![
        ("as it is", secret.as_bytes().to_vec()),
        ("in hex", hex.into_bytes()),
        ("in base64", shifted(0)),
        ("in base64", shifted(1)),
        ("in base64", shifted(2)),
        ("backwards", secret.bytes().rev().collect()),
    ]
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |value: u32| DIGITS[(value & 63) as usize];
    let mut out = Vec::new();
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let all = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.extend([digit(all >> 18), digit(all >> 12), digit(all >> 6), digit(all)]);
    }
    out
}

/// The secret that the bytes hold, and in which form.
fn found_in(bytes: &[u8]) -> Option<String> {
    // Searching in text is quick; what is no text is still there around it.
    let text = String::from_utf8_lossy(bytes);
    [KEY, SECRET].into_iter().find_map(|secret| {
        let form = forms(secret).into_iter().find(|(_, form)| {
            let form = std::str::from_utf8(form).expect("ASCII");
            form.len() >= KEY.len() && text.contains(form)
        });
        form.map(|(form, _)| format!("{secret} {form}"))
    })
}

#[test]
fn a_secret_is_found_in_every_form_between_other_bytes() {
    for secret in [KEY, SECRET] {
        for (what, form) in forms(secret).into_iter().filter(|(_, form)| form.len() >= KEY.len()) {
            let bytes = [&[0xff, 0, 7][..], &form, &[0xc3, 0]].concat();
            assert_eq!(found_in(&bytes), Some(format!("{secret} {what}")));
        }
    }
    let basic = base64(format!("{KEY}:{SECRET}").as_bytes());
    assert!(found_in(&basic).is_some(), "as a broker's own header would have it");
    assert_eq!(found_in(b"canary-secret, PKTES"), None);
}

/// Every file below, except those that hold the secrets by their nature.
fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if THEIRS.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push(path);
        }
    }
}

fn assert_clean(dir: &Dir, at_least: &[&str]) {
    let mut all = Vec::new();
    files(dir.path(), &mut all);
    for wanted in at_least {
        let is_there = all.iter().any(|path| path.to_string_lossy().contains(wanted));
        assert!(is_there, "nothing was looked at that is named {wanted}: {all:?}");
    }
    for path in all {
        let bytes = std::fs::read(&path).expect("a file");
        let found = found_in(&bytes);
        assert_eq!(found, None, "in {}", path.display());
    }
}

/// The daemon, with every line that its log can have.
fn loud(dir: &Dir) -> Daemon {
    let log = std::fs::File::create(dir.path().join("daemon.log")).expect("a log");
    let out = std::fs::File::create(dir.path().join("daemon.out")).expect("a file");
    let mut command = program(dir.path());
    command.arg("run").env("BRACKETD_LOG", "trace").stdout(Stdio::from(out)).stderr(log);
    Daemon::around(dir.path(), Process(command.spawn().expect("it starts")))
}

/// Runs verbs, and keeps what they print beside the rest.
fn print_all(dir: &Dir, daemon: &Daemon, verbs: &[&str]) {
    let mut all = String::new();
    for verb in verbs {
        let ended = daemon.ask(verb);
        writeln!(all, "$ {verb}\n{}{}", ended.stdout, ended.stderr).expect("a text");
    }
    let name = format!("printed-{}.txt", verbs.len());
    dir.write(&name, &all);
}

const LOOKS: [&str; 11] = [
    "status --json",
    "account show paper --json",
    "account reconcile paper --json",
    "tx list --json",
    "tx show 1 --json",
    "tx why 1",
    "portfolio --json",
    "activity tail",
    "db export",
    "plugin list --json",
    "config check --json",
];

#[test]
fn a_canary_secret_is_in_no_byte_that_a_run_leaves() {
    let dir = Dir::new();
    let mut exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    configure(&dir, &exchange.url, &[]);
    let daemon = loud(&dir);
    daemon.until("it is ready", |d| {
        let status = d.ask("status --json");
        status.code == Some(0) && status.json()["ready"] == true
    });
    // What works, what the gate refuses, what the broker refuses.
    for verb in [
        "tx open AAA long 10 --stop 95 --target 110 --plain",
        "tx open AAA long 10 --limit 99 --stop 95",
        "tx open NOSUCH long 10 --stop 95",
        "tx set 1 --stop 105",
        "tx set 1 --stop 96",
    ] {
        daemon.ask(verb);
    }
    daemon.until("one is protected", |d| d.tx(1)["protection"]["state"] == "protected");
    print_all(&dir, &daemon, &LOOKS);
    print_all(
        &dir,
        &daemon,
        &[
            "plugin call paper get-positions --json",
            "plugin call paper get-orders --args {\"open-only\":true}",
            "plugin call paper get-instrument --args {\"symbol\":\"NOSUCH\"}",
            "db backup backup.db",
        ],
    );
    let printed = std::fs::read_to_string(dir.path().join("printed-4.txt")).expect("it was kept");
    assert!(printed.contains("\"status\": 200"), "the calls reached the exchange: {printed}");
    // The broker is gone: errors of the network.
    exchange.die();
    daemon.ask("tx set 1 --stop 96.5");
    daemon
        .until("it is noticed", |d| d.ask("account list --json").stdout.contains("\"up\": false"));
    print_all(&dir, &daemon, &["plugin call paper get-balance", "status", "activity tail"]);
    daemon.kill();
    let looked_at = ["ledger", "activity", "cache", "cache.key", "daemon.log", "printed", "backup"];
    assert_clean(&dir, &looked_at);
}

/// A broker that tells every caller what it sent: the worst that can be for a secret.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            std::thread::spawn(move || answer(&stream, n));
        }
    });
    url
}

fn answer(stream: &TcpStream, n: usize) {
    let mut lines = BufReader::new(stream);
    let mut heard = String::new();
    loop {
        let before = heard.len();
        if lines.read_line(&mut heard).unwrap_or(0) == 0 || heard[before..].trim().is_empty() {
            break;
        }
    }
    let said: String = heard.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let status =
        ["403 Forbidden", "500 Internal Server Error", "422 Unprocessable Entity", "200 OK"];
    let body = format!("{{\"code\":40310000,\"message\":\"who are you? {said}\"}}");
    let mut out = stream;
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-length: {}\r\nconnection: close\r\nx-heard: {said}\r\n\r\n",
        status[n % status.len()],
        body.len()
    );
    // Whoever asked may be gone.
    let _sent = out.write_all(head.as_bytes()).and_then(|()| out.write_all(body.as_bytes()));
}

#[test]
fn a_broker_that_echoes_the_secret_in_its_refusals_spreads_it_nowhere() {
    let dir = Dir::new();
    let url = echo();
    // That the echo tells what it is sent is what makes this a test.
    let told = ureq::get(&url).header("x-canary", SECRET).config().http_status_as_error(false);
    let told = told.build().call().expect("an answer").body_mut().read_to_string();
    assert!(told.expect("a text").contains(SECRET));
    configure(&dir, &url, &[]);
    let daemon = loud(&dir);
    daemon.until("the refusals are told", |d| {
        let accounts = d.ask("account list --json").stdout;
        accounts.contains("who are you?") || d.log().contains("who are you?")
    });
    std::thread::sleep(Duration::from_secs(2));
    print_all(&dir, &daemon, &LOOKS);
    print_all(
        &dir,
        &daemon,
        &["plugin call paper get-balance", "plugin call paper connect --json"],
    );
    // Not each of the echo's statuses has its words told.
    daemon.until("the echo is told and scrubbed", |d| {
        let told = d.ask("plugin call paper get-balance");
        let told = format!("{}{}", told.stdout, told.stderr);
        assert!(!told.contains(SECRET), "{told}");
        told.contains("[secret]")
    });
    daemon.kill();
    assert_clean(&dir, &["ledger", "activity", "daemon.log", "printed"]);
}
