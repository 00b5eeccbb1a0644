//! Plugins that take an account over while trading goes on (I3, S2, S6).
//!
//! Continuous integration swaps 20 times under load. To swap more often:
//!
//! ```text
//! BRACKETD_SWAPS=200 cargo test -p bracketd --test blackbox swap:: -- --nocapture
//! ```
//!
//! `BRACKETD_SWAP_SEED` makes another run of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Api, Client, Daemon, Dir, Exchange, Numbers, configure, twin, wanted};

const SWAPS: u64 = 20;
const SEED: u64 = 5;
/// A swap begins within this time after the one before.
const PAUSE_MS_MAX: u64 = 150;
const PATIENCE: Duration = Duration::from_secs(90);

fn account(api: &Api) -> Value {
    api.get("/api/v1/accounts/paper").promised().cloned().expect("the account")
}

/// Follows a swap to its end: how long the queue stood still, or why it was given up.
fn ended(api: &Api, number: u64) -> Result<u64, String> {
    let began = Instant::now();
    loop {
        let last = &account(api)["plugins"]["swap"]["last"];
        if last["number"].as_u64() >= Some(number) {
            return match last["refused"].as_str() {
                None => Ok(last["gap_us"].as_u64().expect("a gap")),
                Some(why) => Err(why.to_owned()),
            };
        }
        assert!(began.elapsed() < PATIENCE, "swap {number} does not end: {last:#}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn s2_s6_swaps_under_load_lose_and_double_nothing() {
    let swaps = wanted("BRACKETD_SWAPS", SWAPS);
    let seed = wanted("BRACKETD_SWAP_SEED", SEED);
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    configure(&dir, &exchange.url, &[]);
    let files = [twin(&dir, "one"), twin(&dir, "other")];
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs");
    let (mut client, mut numbers) = (Client::new(&exchange, seed), Numbers::new(seed));
    let is_over = AtomicBool::new(false);
    let mut gaps = Vec::new();
    let mut given_up = Vec::new();
    std::thread::scope(|scope| {
        let (of_client, api, is_over) = (&mut client, &api, &is_over);
        scope.spawn(move || of_client.work(api, || !is_over.load(Ordering::Acquire)));
        for (swap, file) in (0..swaps).zip(files.iter().cycle()) {
            std::thread::sleep(Duration::from_millis(numbers.below(PAUSE_MS_MAX)));
            let begun = api.post("/api/v1/accounts/paper/plugin", &json!({ "file": file }));
            let number = begun.promised().and_then(|body| body["swap"].as_u64());
            let number = number.unwrap_or_else(|| panic!("swap {swap}: {:?}", begun.code()));
            match ended(api, number) {
                Ok(gap_us) => gaps.push(gap_us),
                Err(why) => given_up.push(why),
            }
        }
        is_over.store(true, Ordering::Release);
    });
    let began = Instant::now();
    while let Err(why) = client.judge(&api) {
        assert!(began.elapsed() < PATIENCE, "seed {seed}: {why}\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    gaps.sort_unstable();
    println!(
        "{} swaps done, {} given up, {} promises kept; the queue stood still for {} us (median), \
         {} us (longest): {given_up:?}",
        gaps.len(),
        given_up.len(),
        client.answered,
        gaps.get(gaps.len() / 2).copied().unwrap_or_default(),
        gaps.last().copied().unwrap_or_default(),
    );
    assert!(gaps.len() as u64 * 10 >= swaps * 9, "given up too often: {given_up:?}");
    assert!(client.answered >= swaps, "too little load: {} promises", client.answered);
}

#[test]
fn i11_a_file_that_changes_is_taken_when_it_is_sound_and_refused_when_it_is_not() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    configure(&dir, &exchange.url, &[]);
    let file = twin(&dir, "named");
    let config = std::fs::read_to_string(dir.path().join("bracketd.toml")).expect("a file");
    let line = config.lines().find(|line| line.starts_with("plugin = ")).expect("a plugin");
    dir.write("bracketd.toml", &config.replace(line, "plugin = \"named.wasm\""));
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs");
    let before = account(&api)["plugins"]["digest"].clone();

    std::fs::write(&file, b"\0asm this is no plugin").expect("a file");
    daemon.until("the broken file is refused", |daemon| {
        daemon.ask("activity tail --json").stdout.contains("plugin_refused")
    });
    assert_eq!(account(&api)["plugins"]["digest"], before, "the old one goes on");
    let told = |daemon: &Daemon, why: &str| {
        let status = daemon.ask("status").stdout;
        status.contains("a restart would not take its file") && status.contains(why)
    };
    daemon.until("status tells of the broken file", |daemon| told(daemon, "the file is cut off"));
    std::fs::remove_file(&file).expect("a file");
    daemon.until("status tells of the lost file", |daemon| told(daemon, "cannot read"));

    std::fs::rename(twin(&dir, "newer"), &file).expect("a rename");
    daemon.until("the sound file runs", |_| account(&api)["plugins"]["digest"] != before);
    let swapped = account(&api);
    assert_eq!(swapped["plugins"]["parked"]["digest"], before);
    assert!(!told(&daemon, ""), "the file is one that a restart takes");

    let back = daemon.ask("plugin rollback paper");
    assert!(back.stdout.contains("took over"), "{}{}", back.stdout, back.stderr);
    assert_eq!(account(&api)["plugins"]["digest"], before);

    // The file stays as it is, what the configuration says of it does not.
    let pin = format!("plugin = \"named.wasm\"\nsha256 = \"{}\"", "0".repeat(64));
    dir.write("bracketd.toml", &config.replace(line, &pin));
    daemon.until("status tells of the pin", |daemon| told(daemon, "the configuration pins"));
    let pinned = daemon.ask("plugin pin paper --yes");
    assert!(pinned.stdout.contains("bracketd plugin swap paper"), "{}", pinned.stdout);
    daemon.until("a restart takes the file again", |daemon| !told(daemon, ""));
}

#[test]
fn a_file_that_somebody_named_runs_on_though_the_configuration_names_another() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    configure(&dir, &exchange.url, &[]);
    let file = twin(&dir, "named");
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs");
    let swapped = daemon.ask(&format!("plugin swap paper {}", file.display()));
    assert_eq!(swapped.code, Some(0), "{}", swapped.stderr);
    let after = account(&api)["plugins"]["generation"].clone();
    // The files are looked at once a second.
    std::thread::sleep(Duration::from_millis(3_500));
    assert_eq!(account(&api)["plugins"]["generation"], after);
}

#[test]
fn a_pin_holds_for_a_swap_too() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    configure(&dir, &exchange.url, &[]);
    let file = twin(&dir, "other");
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("it runs");
    let running = account(&api)["plugins"]["digest"].as_str().expect("a digest").to_owned();
    let config = std::fs::read_to_string(dir.path().join("bracketd.toml")).expect("a file");
    let pinned = config.replace("plugin = ", &format!("sha256 = \"{running}\"\nplugin = "));
    dir.write("bracketd.toml", &pinned);
    let refused = daemon.ask(&format!("plugin swap paper {}", file.display()));
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(refused.stderr.contains("the configuration pins"), "{}", refused.stderr);
    assert_eq!(account(&api)["plugins"]["digest"], running.as_str());
}
