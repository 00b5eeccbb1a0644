//! Compiled plugins on disk, so that a start or a swap costs a millisecond and not the compiler.
//!
//! Apart because wasmtime believes compiled code blindly: code that somebody else put there would
//! run outside the sandbox. So every file carries a MAC under a key that only this installation
//! has, over the name it was written under as well. A file is mapped, not copied, so nobody may
//! write into one: it is replaced as a whole. It must never be the reason that something fails:
//! whatever is wrong with a file is a miss, and the plugin is compiled again.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::rand::{SecureRandom, SystemRandom};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Directory of the compiled plugins, in the data directory.
pub const CACHE_DIR: &str = "cache";
/// The installation's key, in the data directory: whoever has it can have code run as the daemon.
pub const CACHE_KEY_FILE: &str = "cache.key";
/// So many files stay, those that were used last; Alpaca's is 1.8 MB.
const FILES_MAX: usize = 8;
const KEY_BYTES: usize = blake3::KEY_LEN;
const MAC_BYTES: usize = blake3::OUT_LEN;
/// After so long without a use, a use is noted in the file's time.
const TOUCH_AFTER: Duration = Duration::from_secs(60);
/// Where this process's open files can be opened by name once more.
const OPEN_FILES: &str = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;
const COMPILED: &str = "compiled";
const UNFINISHED: &str = "new";

/// The compiled plugins of one installation. Cheap to clone.
#[derive(Clone)]
pub struct CompiledCache {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
}

impl CompiledCache {
    /// Opens the cache of a data directory, and makes it and its key where they are missing. A key
    /// that others could have read is replaced, which empties the cache.
    ///
    /// # Errors
    /// Where the directory or the key cannot be made or read: then there is no cache, and every
    /// start compiles.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let key = key(&data_dir.join(CACHE_KEY_FILE))?;
        let dir = data_dir.join(CACHE_DIR);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        fs::set_permissions(&dir, Permissions::from_mode(0o700))?;
        for (path, _) in files(&dir, UNFINISHED) {
            // Left by a process that died; what cannot be removed harms nobody.
            let _ = fs::remove_file(path);
        }
        Ok(Self { inner: Arc::new(Inner { dir, key }) })
    }

    /// The compiled form of that plugin, where it is there and whole.
    pub(crate) fn get(&self, engine: &Engine, wasm: &[u8]) -> Option<Component> {
        let name = Name::of(engine, wasm);
        let file = File::open(self.inner.dir.join(name.file())).ok()?;
        let meta = file.metadata().ok()?;
        let bytes = Some(meta.len()).filter(|bytes| *bytes <= FILE_BYTES_MAX)?;
        let code_bytes = bytes.checked_sub(MAC_BYTES as u64)?;
        let mut found = self.hasher();
        found.update_reader((&file).take(code_bytes)).ok()?;
        found.update(&name.0);
        let mut mac = [0; MAC_BYTES];
        (&file).read_exact(&mut mac).ok()?;
        // The comparison of two hashes takes the same time wherever they differ.
        if found.finalize() != mac {
            return None;
        }
        // So that what is in use is not taken for old. A busy disk takes its time for it, so what
        // was used just now is left.
        let now = SystemTime::now();
        let is_old = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age > TOUCH_AFTER);
        if meta.modified().is_ok_and(is_old) {
            let _ = file.set_modified(now);
        }
        map(engine, &file)
    }

    /// Keeps what was compiled, and removes what was not used for longest.
    pub(crate) fn put(&self, engine: &Engine, wasm: &[u8], component: &Component) {
        let name = Name::of(engine, wasm);
        if let Ok(code) = component.serialize() {
            // A full disk, a directory that is gone: the next start compiles again.
            let _ = self.write(&name, &code);
        }
        let mut kept = files(&self.inner.dir, COMPILED);
        kept.sort_by_key(|(_, used)| std::cmp::Reverse(*used));
        for (path, _) in kept.into_iter().skip(FILES_MAX) {
            let _ = fs::remove_file(path);
        }
    }

    fn write(&self, name: &Name, code: &[u8]) -> io::Result<()> {
        let path = self.inner.dir.join(name.file());
        let unfinished = path.with_extension(UNFINISHED);
        let _ = fs::remove_file(&unfinished);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(&unfinished)
            .and_then(|mut file| {
                file.write_all(code)?;
                let mac = self.hasher().update(code).update(&name.0).finalize();
                file.write_all(mac.as_bytes())
            })
            // Not synced: a file that a crash left torn has a wrong MAC.
            .and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Of the MAC over code and then its name. The name has one length, so where it begins is no
    /// question; before the code it would put every block of it out of step with the hash's own.
    fn hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.inner.key)
    }
}

impl std::fmt::Debug for CompiledCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompiledCache").field("dir", &self.inner.dir).finish_non_exhaustive()
    }
}

/// Maps the open file: of its bytes the MAC was taken, whatever stands under its name by now.
#[allow(unsafe_code, reason = "compiled code can only be believed; its MAC says it is ours")]
fn map(engine: &Engine, file: &File) -> Option<Component> {
    let path = format!("{OPEN_FILES}/{}", file.as_raw_fd());
    // SAFETY: the caller has checked the MAC, so these are the bytes that `Component::serialize`
    // gave to a process with this installation's key, for an engine of the same settings; what
    // follows them, the MAC, is in no section. Nobody writes into the file afterwards: it is never
    // opened for writing under its name, and only the daemon's own user could.
    unsafe { Component::deserialize_file(engine, path) }.ok()
}

/// What a file is of: the plugin, the compiler with all its settings, the machine.
struct Name([u8; blake3::OUT_LEN]);

impl Name {
    fn of(engine: &Engine, wasm: &[u8]) -> Self {
        let mut hasher = Stable(blake3::Hasher::new());
        hasher.0.update(blake3::hash(wasm).as_bytes());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        (std::env::consts::ARCH, std::env::consts::OS).hash(&mut hasher);
        Self(*hasher.0.finalize().as_bytes())
    }

    fn file(&self) -> String {
        format!("{}.{COMPILED}", blake3::Hash::from_bytes(self.0).to_hex())
    }
}

/// A hasher whose answer is the same in every process; the standard one's is not promised to be.
struct Stable(blake3::Hasher);

impl Hasher for Stable {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not asked for: the whole hash is taken.
    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.0.finalize().as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// The key, made where there is none that is ours alone.
fn key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    if let Some(key) = read_key(path) {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("no random numbers"))?;
    let unfinished = path.with_extension(UNFINISHED);
    let _ = fs::remove_file(&unfinished);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| file.write_all(&key))
        .and_then(|()| fs::rename(&unfinished, path))?;
    Ok(key)
}

fn read_key(path: &Path) -> Option<[u8; KEY_BYTES]> {
    let mode = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?.permissions().mode();
    if mode & 0o077 != 0 {
        return None;
    }
    fs::read(path).ok()?.try_into().ok()
}

/// The files with that extension, and when each was used last.
fn files(dir: &Path, extension: &str) -> Vec<(PathBuf, SystemTime)> {
    let all = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    all.filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| {
            let used = fs::metadata(&path).and_then(|meta| meta.modified());
            (path, used.unwrap_or(SystemTime::UNIX_EPOCH))
        })
        .collect()
}
