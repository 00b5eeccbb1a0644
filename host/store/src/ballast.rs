//! Room on the disk that is given back when it is needed most.
//!
//! Apart because it is about the disk, not about the ledger: a file of fixed size is emptied when
//! a commit finds the disk full, so that protective commits go on, and filled again when there is
//! room. The file stays, empty, as the sign for others to write nothing. It must never be filled
//! on the thread that commits.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::StoreError;

/// Name of the ballast file in the data directory.
pub const BALLAST_FILE: &str = "ledger.ballast";

const REFILL_EVERY: Duration = Duration::from_secs(10);
/// This part of the size must be free beside it, or it would be given back at once.
const BESIDE: u64 = 16;
const CHUNK_BYTES: usize = 1 << 20;

/// The ballast file of a ledger.
#[derive(Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    bytes: u64,
    every: Duration,
    refill: Option<Refill>,
    is_kept: Arc<AtomicBool>,
}

/// A thread that tries to fill the file again and again, until it succeeds or is stopped.
#[derive(Debug)]
struct Refill {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Ballast {
    /// The ballast of a directory; makes the file if there is none. A disk without the room for
    /// it is no error: it is tried again later.
    pub(crate) fn open(dir: &Path, bytes: u64) -> Result<Self, StoreError> {
        Self::open_every(dir, bytes, REFILL_EVERY)
    }

    fn open_every(dir: &Path, bytes: u64, every: Duration) -> Result<Self, StoreError> {
        let path = dir.join(BALLAST_FILE);
        let is_kept = Arc::new(AtomicBool::new(true));
        let mut ballast = Self { path, bytes, every, refill: None, is_kept };
        let path = &ballast.path;
        if bytes > 0 && size(path) != bytes && !fill(path, bytes, bytes, &AtomicBool::new(false)) {
            match File::create(path) {
                // Not even room for its name: what is needed more says so itself.
                Err(error) if error.kind() == ErrorKind::StorageFull => {}
                other => drop(other.map_err(|source| StoreError::file(path, source))?),
            }
            ballast.refill_later();
        }
        Ok(ballast)
    }

    /// Empties the file and has it filled again later. False when there was nothing to give back.
    pub(crate) fn free(&mut self) -> bool {
        self.stop_refill();
        let had = size(&self.path) > 0;
        let emptied = OpenOptions::new().write(true).open(&self.path).and_then(|f| f.set_len(0));
        if self.bytes > 0 {
            self.refill_later();
        }
        had && emptied.is_ok()
    }

    fn refill_later(&mut self) {
        let stop = Arc::new(AtomicBool::new(false));
        // One of its own: a thread that was stopped has no say any more.
        self.is_kept = Arc::new(AtomicBool::new(false));
        let (path, bytes, every) = (self.path.clone(), self.bytes, self.every);
        let (is_stopped, is_kept) = (Arc::clone(&stop), Arc::clone(&self.is_kept));
        let work = move || {
            while !is_stopped.load(Ordering::Acquire) {
                std::thread::park_timeout(every);
                let probe = bytes + bytes / BESIDE;
                if is_stopped.load(Ordering::Acquire) {
                    return;
                }
                if fill(&path, bytes, probe, &is_stopped) {
                    is_kept.store(true, Ordering::Release);
                    return;
                }
            }
        };
        // Without a thread the file stays empty until the next start, as the sign that it is.
        let thread = std::thread::Builder::new().name("ballast".to_owned()).spawn(work);
        self.refill = thread.ok().map(|thread| Refill { stop, thread });
    }

    /// Does not wait: a commit waits for the room. The thread empties what it has begun.
    fn stop_refill(&mut self) {
        if let Some(refill) = self.refill.take() {
            refill.stop.store(true, Ordering::Release);
            refill.thread.thread().unpark();
        }
    }
}

/// The way to the ballast of an open ledger, for others whose few bytes a start needs.
#[derive(Clone, Debug)]
pub struct SpareRoom(Arc<Mutex<Ballast>>);

impl SpareRoom {
    pub(crate) fn new(ballast: Ballast) -> Self {
        Self(Arc::new(Mutex::new(ballast)))
    }

    /// Gives the room back to the disk and has it kept again later. False when there was none.
    pub fn free(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).free()
    }

    /// Whether the room is kept at present; it is kept again by itself once the disk has it.
    pub fn is_kept(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_kept.load(Ordering::Acquire)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        self.stop_refill();
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

/// Writes `probe` bytes and keeps `bytes` of them, or leaves an empty file and says false.
fn fill(path: &Path, bytes: u64, probe: u64, stop: &AtomicBool) -> bool {
    let is_filled = try_fill(path, bytes, probe, stop).is_ok();
    // Looked at after the last change of the size: room given back meanwhile stays given back.
    let is_kept = is_filled && !stop.load(Ordering::Acquire);
    if !is_kept && let Ok(file) = OpenOptions::new().write(true).open(path) {
        // A file that cannot even be shortened is found short of its size at the next start.
        let _ = file.set_len(0);
    }
    is_kept
}

fn try_fill(path: &Path, bytes: u64, probe: u64, stop: &AtomicBool) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
    // Not zeros: file systems that compress would keep no room for those.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let chunk: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(CHUNK_BYTES / 8)
    .flatten()
    .collect();
    let mut left = probe;
    while left > 0 {
        if stop.load(Ordering::Acquire) {
            return Ok(());
        }
        let part = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        file.write_all(chunk.get(..part).unwrap_or(&chunk))?;
        left -= part as u64;
    }
    file.sync_all()?;
    file.set_len(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_back_once_and_filled_again_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(BALLAST_FILE);
        let mut ballast = Ballast::open(dir.path(), 3_000_000).unwrap();
        assert_eq!(size(&path), 3_000_000);
        assert!(ballast.free(), "there was room to give back");
        assert_eq!(size(&path), 0);
        assert!(!ballast.free(), "and then there was none");
        ballast.every = std::time::Duration::from_millis(1);
        assert!(!ballast.free());
        ballast.refill.take().unwrap().thread.join().unwrap();
        assert_eq!(size(&path), 3_000_000);
    }

    #[test]
    fn a_refill_that_is_stopped_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(BALLAST_FILE);
        assert!(!fill(&path, 3_000_000, 6_000_000, &AtomicBool::new(true)));
        assert_eq!(size(&path), 0);
    }
}
