//! Policies saved at random while they decide: whatever way a file changes, the version that
//! decides was valid, the newest valid one is taken, and no decision mixes two versions (I11).
//!
//! Continuous integration saves 100 times. To save more often:
//!
//! ```text
//! BRACKETD_SAVES=1000 cargo test -p bracketd --test blackbox storm:: -- --nocapture
//! ```
//!
//! `BRACKETD_SAVES_SEED` makes another run of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Api, Daemon, Dir, Exchange, Numbers, configure, wanted};

const SAVES: u64 = 100;
const SEED: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(45);

/// A policy and its library, both of which say which version they are.
fn policy(version: u64) -> String {
    format!(
        r#"//! Says at each price which version decides.
const POLICY = #{{ name: "marks", version: "{version}", api: 1 }};
const PARAMS = #{{}};

fn on_open(t, p) {{
    update_stop_loss(t, t.entry.offset_pct(-20.0), "policy {version} library " + marks::version());
}}

fn on_tick(t, m, p) {{
    let above = if m.price.value % 2 == 0 {{ 30.0 }} else {{ 40.0 }};
    update_take_profit(t, m.price.offset_pct(above), "policy {version} library " + marks::version());
}}
"#
    )
}

fn library(version: u64) -> String {
    format!("//! The other half.\n\nfn version() {{\n    \"{version}\"\n}}\n")
}

/// The ways in which people, editors and orchestrators change a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Truncated and written in pieces, with pauses.
    Chunks,
    /// A temporary file beside it, renamed over it.
    Rename,
    /// The old one renamed away, a new one written, the old one removed: vim with a backup.
    Vim,
    /// A lock that is a dangling link, a backup by renaming, an auto-save file: emacs.
    Emacs,
    /// Hidden names with a random ending, all written first, then renamed one by one: rsync.
    Rsync,
    /// Removed, then written anew: a checkout of another branch.
    Checkout,
    /// Links through `..data`, which is swapped: a mounted ConfigMap.
    ConfigMap,
    /// Another directory renamed into the place of this one.
    Directory,
    /// Removed for longer than the quiet time, then back.
    Deleted,
}

const WAYS: [Way; 9] = [
    Way::Chunks,
    Way::Rename,
    Way::Vim,
    Way::Emacs,
    Way::Rsync,
    Way::Checkout,
    Way::ConfigMap,
    Way::Directory,
    Way::Deleted,
];

/// The directory under test.
struct Policies {
    dir: PathBuf,
    beside: PathBuf,
    numbers: Numbers,
    saves: u64,
    /// How long it paused on purpose.
    paused: Duration,
    /// Saves between whose files the machine stood still so long that each was a change of its own.
    late: BTreeSet<u64>,
}

/// Less than the quiet time that makes two files one change.
const STALL_MAX: Duration = Duration::from_millis(100);

impl Policies {
    fn pause(&mut self, ms_max: u64) {
        let pause = Duration::from_millis(self.numbers.below(ms_max));
        self.paused += pause;
        std::thread::sleep(pause);
    }

    /// Saves the library and the policy.
    fn save(&mut self, way: Way, files: &[(&str, &[u8])]) {
        self.saves += 1;
        match way {
            Way::ConfigMap => return self.swap_data(files),
            Way::Directory => return self.replace_directory(files),
            Way::Rsync => return self.rsync(files),
            _ => {}
        }
        let mut began = (Instant::now(), self.paused);
        for (at, (name, bytes)) in files.iter().enumerate() {
            let path = self.dir.join(name);
            match way {
                Way::Rename => {
                    let temporary = path.with_extension("rhai.tmp");
                    fs::write(&temporary, bytes).unwrap();
                    fs::rename(&temporary, &path).unwrap();
                }
                Way::Vim => {
                    let backup = self.dir.join(format!("{name}~"));
                    fs::rename(&path, &backup).unwrap();
                    self.in_pieces(&path, bytes);
                    fs::remove_file(&backup).unwrap();
                }
                Way::Emacs => self.emacs(name, bytes),
                Way::Checkout => {
                    fs::remove_file(&path).unwrap();
                    fs::write(&path, bytes).unwrap();
                }
                Way::Deleted => {
                    fs::remove_file(&path).unwrap();
                    self.pause(700);
                    fs::write(&path, bytes).unwrap();
                }
                _ => self.in_pieces(&path, bytes),
            }
            if at > 0 && began.0.elapsed().saturating_sub(self.paused - began.1) > STALL_MAX {
                self.late.insert(self.saves);
            }
            began = (Instant::now(), self.paused);
        }
    }

    fn in_pieces(&mut self, path: &Path, bytes: &[u8]) {
        let mut file = fs::File::create(path).unwrap();
        let pieces = 1 + self.numbers.below(4);
        for piece in bytes.chunks(bytes.len() / pieces as usize + 1) {
            file.write_all(piece).unwrap();
            self.pause(120);
        }
    }

    fn emacs(&mut self, name: &str, bytes: &[u8]) {
        let (path, leaf) = (self.dir.join(name), Path::new(name).file_name().unwrap());
        let beside = |text: String| path.with_file_name(text);
        let leaf = leaf.to_string_lossy().into_owned();
        let (lock, auto) = (beside(format!(".#{leaf}")), beside(format!("#{leaf}#")));
        symlink("someone@desk.4711:1764000000", &lock).unwrap();
        fs::write(&auto, &bytes[..bytes.len() / 2]).unwrap();
        self.pause(60);
        fs::rename(&path, beside(format!("{leaf}~"))).unwrap();
        self.in_pieces(&path, bytes);
        fs::remove_file(&lock).unwrap();
        fs::remove_file(&auto).unwrap();
    }

    fn rsync(&mut self, files: &[(&str, &[u8])]) {
        let hidden = |name: &str| {
            let path = self.dir.join(name);
            let leaf = path.file_name().unwrap().to_string_lossy().into_owned();
            (path.with_file_name(format!(".{leaf}.x7Qk2a")), path)
        };
        for (name, bytes) in files {
            fs::write(hidden(name).0, bytes).unwrap();
        }
        for (name, _) in files {
            let (from, to) = hidden(name);
            fs::rename(from, to).unwrap();
        }
    }

    /// A directory of links as a kubelet writes it; what was no link before becomes one.
    fn swap_data(&mut self, files: &[(&str, &[u8])]) {
        let version = format!("..v{}", self.saves);
        for (name, bytes) in files {
            let path = self.dir.join(&version).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let temporary = self.dir.join("..data_tmp");
        symlink(&version, &temporary).unwrap();
        fs::rename(&temporary, self.dir.join("..data")).unwrap();
        for (name, _) in files {
            let up = if name.contains('/') { "../..data" } else { "..data" };
            let link = self.dir.join(format!("{name}.link"));
            symlink(format!("{up}/{name}"), &link).unwrap();
            fs::rename(&link, self.dir.join(name)).unwrap();
        }
    }

    fn replace_directory(&mut self, files: &[(&str, &[u8])]) {
        let (fresh, old) = (self.beside.join("fresh"), self.beside.join("old"));
        for (name, bytes) in files {
            let path = fresh.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::rename(&self.dir, &old).unwrap();
        fs::rename(&fresh, &self.dir).unwrap();
        fs::remove_dir_all(&old).unwrap();
    }

    /// A valid pair of that version.
    fn save_valid(&mut self, way: Way, version: u64) {
        let (policy, library) = (policy(version), library(version));
        self.save(
            way,
            &[("lib/marks.rhai", library.as_bytes()), ("marks.rhai", policy.as_bytes())],
        );
    }

    /// The policy in a form that must not be taken, with a library that is.
    fn save_broken(&mut self, way: Way, version: u64) {
        let text = policy(version);
        let bytes: Vec<u8> = match self.numbers.below(6) {
            0 => Vec::new(),
            1 => text.replace("update_take_profit", "update_take_porfit").into_bytes(),
            2 => [text.as_bytes(), b"\xff\xfe"].concat(),
            3 => text.replace("fn on_tick", "fn on_tock").into_bytes(),
            4 => text.replace("marks::version()", "marks::versoin()").into_bytes(),
            // Short of its last brace at least; often of a whole handler.
            _ => text.as_bytes()[..self.numbers.below(text.len() as u64 - 2) as usize].to_vec(),
        };
        let library = library(version);
        self.save(way, &[("lib/marks.rhai", library.as_bytes()), ("marks.rhai", &bytes)]);
    }
}

/// The version of the policy that decides, as the API tells it.
fn deciding(api: &Api) -> Option<u64> {
    let said = api.get("/api/v1/policies");
    let policies = said.promised()?["policies"].as_array()?.clone();
    policies.iter().find(|policy| policy["name"] == "marks")?["version"].as_str()?.parse().ok()
}

fn until_decides(api: &Api, version: u64, what: &str, daemon: &Daemon) -> Duration {
    let began = Instant::now();
    while deciding(api) != Some(version) {
        let late = began.elapsed() > PATIENCE;
        assert!(!late, "{what}: {:?} decides, not {version}\n{}", deciding(api), daemon.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

/// All decisions of the policy: the content hash, and the versions that it and its library said.
fn decisions(api: &Api) -> Vec<(String, u64, u64)> {
    let (mut all, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let said = api.get(&format!("/api/v1/transactions/1/facts?limit=1000&after={after}"));
        let body = said.promised().expect("facts").clone();
        let facts = body["facts"].as_array().expect("a list");
        if facts.is_empty() {
            return all;
        }
        all.extend(facts.iter().filter_map(decision));
        body["next"].as_str().expect("a number").clone_into(&mut after);
    }
}

fn decision(fact: &Value) -> Option<(String, u64, u64)> {
    let text = fact["text"].as_str()?;
    let (_, said) = text.split_once("policy ")?;
    let (policy, library) = said.split_once(" library ")?;
    let library = library.split(|c: char| !c.is_ascii_digit()).next()?;
    let digest = fact["digest"].as_str()?.to_owned();
    Some((digest, policy.parse().ok()?, library.parse().ok()?))
}

/// A daemon with the policy at version 0, one open transaction, and prices that move.
fn bench(dir: &Dir) -> (Exchange, Daemon, Api, Policies) {
    let exchange = Exchange::manual(dir);
    exchange.price("AAA", "100.00", "100.02");
    dir.write("policies/lib/marks.rhai", &library(0));
    configure(dir, &exchange.url, &[("marks", &policy(0))]);
    let mut daemon = Daemon::spawn(dir, None);
    let api = daemon.ready().expect("it runs");
    let opened = daemon.ask("tx open AAA long 10 --stop 60 --plain --wait");
    assert_eq!(opened.code, Some(0), "{}", opened.stderr);
    let root = dir.path().to_owned();
    let seed = wanted("BRACKETD_SAVES_SEED", SEED);
    let policies = Policies {
        dir: root.join("policies"),
        beside: root,
        numbers: Numbers::new(seed),
        saves: 0,
        paused: Duration::ZERO,
        late: BTreeSet::new(),
    };
    (exchange, daemon, api, policies)
}

#[test]
fn i11_each_way_of_saving_is_taken_when_it_is_valid_and_refused_when_it_is_not() {
    let dir = Dir::new();
    let (_exchange, daemon, api, mut policies) = bench(&dir);
    for (version, way) in (1..).zip(WAYS) {
        policies.save_valid(way, version);
        until_decides(&api, version, &format!("{way:?}"), &daemon);
        policies.save_broken(way, version + 1_000);
        daemon.until("the broken one is refused", |_| {
            let said = api.get("/api/v1/policies");
            said.promised().is_some_and(|body| body["policies"][0]["rendered"].is_string())
        });
        assert_eq!(deciding(&api), Some(version), "{way:?}");
    }
}

#[test]
fn i11_whatever_is_saved_the_deciding_version_was_valid_and_is_the_newest_such() {
    let dir = Dir::new();
    let (exchange, daemon, api, mut policies) = bench(&dir);
    let valid = Mutex::new(BTreeSet::from([0]));
    let is_over = AtomicBool::new(false);
    let mut took = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for step in (0u32..20).cycle() {
                if is_over.load(Ordering::Acquire) {
                    break;
                }
                let bid = 100 + step;
                exchange.price("AAA", &format!("{bid}.00"), &format!("{bid}.02"));
                std::thread::sleep(Duration::from_millis(40));
            }
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                let seen = deciding(&api);
                let is_valid = seen.is_none_or(|seen| valid.lock().unwrap().contains(&seen));
                assert!(is_valid, "{seen:?} decides and was never valid");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            took = storm(&daemon, &api, &mut policies, &valid);
        }));
        is_over.store(true, Ordering::Release);
        worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let decisions = decisions(&api);
    let valid = valid.into_inner().unwrap();
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    for (digest, policy, library) in &decisions {
        let is_late = policies.late.contains(library);
        assert!(policy == library || is_late, "{digest} mixed {policy} with {library}");
        assert!(valid.contains(policy), "{policy} decided and was never valid");
        assert_eq!(versions.entry(digest).or_insert(*policy), policy, "{digest} is two versions");
    }
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    println!(
        "{} saves, {} of them torn apart, {} decisions by {} versions; saved to deciding: {:?} median, {:?} p99, {:?} longest",
        policies.saves,
        policies.late.len(),
        decisions.len(),
        versions.len(),
        at(50),
        at(99),
        took.last()
    );
    assert!(
        versions.len() >= took.len() / 2,
        "only {} versions decided: {:?}",
        versions.len(),
        api.facts(1)
    );
}

/// Saves at random; gives how long each valid version that was waited for took to decide.
fn storm(
    daemon: &Daemon,
    api: &Api,
    policies: &mut Policies,
    valid: &Mutex<BTreeSet<u64>>,
) -> Vec<Duration> {
    let mut took = Vec::new();
    let saves = wanted("BRACKETD_SAVES", SAVES);
    for version in 1..=saves {
        let way = WAYS[policies.numbers.below(WAYS.len() as u64) as usize];
        if policies.numbers.below(3) == 0 {
            policies.save_broken(way, version);
        } else {
            valid.lock().unwrap().insert(version);
            policies.save_valid(way, version);
            if policies.numbers.below(2) == 0 {
                let what = format!("save {version}, {way:?}");
                took.push(until_decides(api, version, &what, daemon));
                if let Some(long) = took.last().filter(|took| took.as_secs() >= 1) {
                    println!("{what} took {long:?}");
                }
            }
        }
        policies.pause(400);
    }
    let last = saves + 1;
    valid.lock().unwrap().insert(last);
    policies.save_valid(Way::Rename, last);
    took.push(until_decides(api, last, "the last save", daemon));
    took
}
