//! Room on the disk that is given back when it is needed most.
//!
//! Apart because it is about the disk, not about the ledger: a file of fixed size is emptied when
//! a commit finds the disk full, so that protective commits go on, and filled again when there is
//! room. The file stays, empty, as the sign for others to write nothing. It must never be filled
//! on the thread that commits.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::StoreError;

/// Name of the ballast file in the data directory.
pub const BALLAST_FILE: &str = "ledger.ballast";

const REFILL_EVERY: Duration = Duration::from_secs(30);
const CHUNK_BYTES: usize = 1 << 20;

/// The ballast file of a ledger.
#[derive(Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    bytes: u64,
    /// Set while room is needed: a refill that is under way gives up.
    stop: Arc<AtomicBool>,
    refill: Option<std::thread::JoinHandle<()>>,
    next_refill: Option<Instant>,
}

impl Ballast {
    /// The ballast of a directory; makes the file if there is none. A disk without the room for
    /// it is no error: it is tried again later.
    pub(crate) fn open(dir: &Path, bytes: u64) -> Result<Self, StoreError> {
        let path = dir.join(BALLAST_FILE);
        let stop = Arc::new(AtomicBool::new(false));
        let mut next_refill = None;
        if bytes > 0 && size(&path) != bytes && !fill(&path, bytes, bytes, &stop) {
            File::create(&path).map_err(|source| StoreError::file(&path, source))?;
            next_refill = Some(Instant::now() + REFILL_EVERY);
        }
        Ok(Self { path, bytes, stop, refill: None, next_refill })
    }

    /// Empties the file. False when there was nothing to give back.
    pub(crate) fn free(&mut self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.refill.take() {
            // It looks at the flag between chunks; a panic there left nothing to clean up.
            let _ = thread.join();
        }
        let had = size(&self.path) > 0;
        let emptied = OpenOptions::new().write(true).open(&self.path).and_then(|f| f.set_len(0));
        if self.bytes > 0 {
            self.next_refill = Some(Instant::now() + REFILL_EVERY);
        }
        had && emptied.is_ok()
    }

    /// Starts filling the file again, on a thread of its own, if it was emptied a while ago.
    pub(crate) fn refill_if_due(&mut self) {
        if self.next_refill.is_none_or(|due| Instant::now() < due) {
            return;
        }
        if self.refill.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        if size(&self.path) == self.bytes {
            self.next_refill = None;
            return;
        }
        self.next_refill = Some(Instant::now() + REFILL_EVERY);
        self.stop.store(false, Ordering::Relaxed);
        let (path, bytes, stop) = (self.path.clone(), self.bytes, Arc::clone(&self.stop));
        let thread = std::thread::Builder::new().name("ballast".to_owned());
        // Twice the size must fit: a disk that only just takes the ballast is still full.
        let refill = move || {
            // Whether it went well is seen at the next look, by the file's size.
            let _ = fill(&path, bytes, bytes * 2, &stop);
        };
        self.refill = thread.spawn(refill).ok();
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

/// Writes `probe` bytes and keeps `bytes` of them, or leaves an empty file and says false.
fn fill(path: &Path, bytes: u64, probe: u64, stop: &AtomicBool) -> bool {
    let filled = try_fill(path, bytes, probe, stop).unwrap_or(false);
    if !filled && let Ok(file) = OpenOptions::new().write(true).open(path) {
        // A file that cannot even be shortened is found short of its size at the next look.
        let _ = file.set_len(0);
    }
    filled
}

fn try_fill(path: &Path, bytes: u64, probe: u64, stop: &AtomicBool) -> std::io::Result<bool> {
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
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let part = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        file.write_all(chunk.get(..part).unwrap_or(&chunk))?;
        left -= part as u64;
    }
    file.sync_all()?;
    file.set_len(bytes)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_back_once_and_filled_again_when_due() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(BALLAST_FILE);
        let mut ballast = Ballast::open(dir.path(), 3_000_000).unwrap();
        assert_eq!(size(&path), 3_000_000);
        assert!(ballast.free(), "there was room to give back");
        assert_eq!(size(&path), 0);
        assert!(!ballast.free(), "and then there was none");
        ballast.refill_if_due();
        assert!(ballast.refill.is_none(), "it is too early");
        ballast.next_refill = Some(Instant::now());
        ballast.refill_if_due();
        ballast.refill.take().unwrap().join().unwrap();
        assert_eq!(size(&path), 3_000_000);
    }
}
