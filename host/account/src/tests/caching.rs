//! Compiled plugins on disk: taken when they are ours and whole, compiled again otherwise.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::tests::broker::Broker;
use crate::tests::guest::Guest;
use crate::tests::stage::config;
use crate::{CACHE_DIR, CACHE_KEY_FILE, CallOutcome, CompiledCache, Host, LoadError, call_by_hand};

/// An installation: a data directory, and a host that starts over it again and again.
struct Installation {
    dir: tempfile::TempDir,
    host: Host,
    wasm: Vec<u8>,
}

impl Installation {
    fn new() -> Self {
        let (dir, host) = (tempfile::tempdir().unwrap(), Host::new().unwrap());
        Self { dir, host, wasm: Guest::default().build() }
    }

    /// Loads the plugin as a start would; whether it came from the cache.
    fn load(&self) -> bool {
        let cache = CompiledCache::open(self.dir.path()).unwrap();
        let plugin = self.host.load_cached(&self.wasm, "p", &cache).unwrap();
        assert_eq!(plugin.digest().len(), 64);
        plugin.is_from_cache()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn files(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(self.path(CACHE_DIR)).unwrap();
        all.map(|entry| entry.unwrap().path()).collect()
    }

    fn file(&self) -> PathBuf {
        let files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        files.into_iter().next().unwrap()
    }
}

/// Puts other bytes in a file's place, which is not written into.
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_plugin_is_compiled_once_and_nobody_else_can_read_what_was_made() {
    let here = Installation::new();
    assert_eq!([here.load(), here.load()], [false, true]);
    let modes = [here.path(CACHE_DIR), here.file(), here.path(CACHE_KEY_FILE)].map(|p| mode(&p));
    assert_eq!(modes, [0o700, 0o400, 0o600]);
}

#[test]
fn a_damaged_file_is_compiled_again_and_replaced() {
    let here = Installation::new();
    here.load();
    let good = fs::read(here.file()).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (what, bytes) in [
        ("its first byte", flipped(0)),
        ("its middle", flipped(good.len() / 2)),
        ("its last byte before the MAC", flipped(good.len() - 33)),
        ("its MAC", flipped(good.len() - 32)),
        ("the end of its MAC", flipped(good.len() - 1)),
        ("cut off in its MAC", good[..good.len() - 1].to_vec()),
        ("without its MAC", good[..good.len() - 32].to_vec()),
        ("cut off", good[..good.len() / 2].to_vec()),
        ("its MAC alone", good[good.len() - 32..].to_vec()),
        ("less than a MAC", good[..31].to_vec()),
        ("nothing", Vec::new()),
        ("one byte more", [good.as_slice(), &[0]].concat()),
    ] {
        put(&here.file(), bytes);
        assert_eq!([here.load(), here.load()], [false, true], "{what}");
    }
}

#[test]
fn a_file_from_outside_is_never_taken() {
    let (here, elsewhere) = (Installation::new(), Installation::new());
    here.load();
    elsewhere.load();
    // The same plugin, the same compiler, another installation's key.
    assert_eq!(here.file().file_name(), elsewhere.file().file_name());
    put(&here.file(), fs::read(elsewhere.file()).unwrap());
    assert!(!here.load());
    // Our own file of one plugin under the name of another.
    let ours = fs::read(here.file()).unwrap();
    let other = Guest { concurrent: true, ..Guest::default() }.build();
    let cache = CompiledCache::open(here.dir.path()).unwrap();
    assert!(!here.host.load_cached(&other, "other", &cache).unwrap().is_from_cache());
    for path in here.files() {
        put(&path, &ours);
    }
    assert!(!here.host.load_cached(&other, "other", &cache).unwrap().is_from_cache());
    assert!(here.load(), "the one whose file it is");
}

#[test]
fn a_key_that_others_could_read_is_replaced_and_with_it_the_cache() {
    let here = Installation::new();
    let key = here.path(CACHE_KEY_FILE);
    here.load();
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    assert_eq!([here.load(), here.load()], [false, true]);
    assert_eq!(mode(&key), 0o600);
    for bytes in [&b"short"[..], &[]] {
        fs::write(&key, bytes).unwrap();
        assert_eq!([here.load(), here.load()], [false, true]);
    }
}

#[test]
fn what_stands_in_the_way_is_a_miss_and_never_an_error() {
    let here = Installation::new();
    here.load();
    let file = here.file();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    // A directory under its name cannot even be replaced.
    assert_eq!([here.load(), here.load()], [false, false]);
    fs::remove_dir(&file).unwrap();
    let cache = CompiledCache::open(here.dir.path()).unwrap();
    fs::remove_dir_all(here.path(CACHE_DIR)).unwrap();
    assert!(!here.host.load_cached(&here.wasm, "p", &cache).unwrap().is_from_cache());
    // What a process left that died while it wrote.
    assert!(!here.load());
    fs::write(file.with_extension("new"), "half").unwrap();
    assert!(here.load());
    assert_eq!(here.files(), [file]);
}

#[test]
fn the_eight_that_were_used_last_stay() {
    let here = Installation::new();
    let cache = CompiledCache::open(here.dir.path()).unwrap();
    let versions: Vec<Vec<u8>> = (0..10)
        .map(|n| Guest { url: format!("http://127.0.0.1:{n}"), ..Guest::default() }.build())
        .collect();
    let load = |n: usize| {
        // As if two minutes had passed since the load before.
        for file in here.files() {
            let file = fs::File::open(file).unwrap();
            let before = file.metadata().unwrap().modified().unwrap();
            file.set_modified(before - std::time::Duration::from_secs(120)).unwrap();
        }
        here.host.load_cached(&versions[n], "p", &cache).unwrap().is_from_cache()
    };
    for n in 0..8 {
        assert!(!load(n));
    }
    assert!(load(0), "used again");
    assert!(!load(8) && !load(9), "two too many");
    assert_eq!(here.files().len(), 8);
    assert!(load(0) && load(3) && load(9));
    assert!(!load(1), "used longest ago");
}

#[test]
fn compiled_code_that_is_given_as_a_plugin_is_refused() {
    let here = Installation::new();
    here.load();
    let compiled = fs::read(here.file()).unwrap();
    let refused = here.host.load(&compiled, "p").unwrap_err();
    assert_eq!(refused, LoadError::Precompiled);
    assert!(refused.to_string().contains("name the .wasm file"), "{refused}");
    assert_eq!(here.host.examine(&compiled).problems, [LoadError::Precompiled]);
}

/// A running plugin lives in the mapping of its file, whatever becomes of the name.
#[test]
fn a_plugin_that_runs_does_not_mind_that_its_file_goes_or_is_replaced() {
    let here = Installation::new();
    here.load();
    let cache = CompiledCache::open(here.dir.path()).unwrap();
    let plugin = here.host.load_cached(&here.wasm, "p", &cache).unwrap();
    assert!(plugin.is_from_cache());
    put(&here.file(), "somebody else's");
    fs::remove_dir_all(here.path(CACHE_DIR)).unwrap();
    let said = call_by_hand(
        &here.host,
        &plugin,
        config(&Broker::start()),
        "describe",
        &serde_json::Value::Null,
    );
    assert!(matches!(said.unwrap().outcome, CallOutcome::Answered(_)));
}
