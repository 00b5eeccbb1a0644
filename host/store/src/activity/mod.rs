//! The activity log: what people watch, written behind the engine's back (I12).
//!
//! Apart from the ledger in file, connection and thread. [`Recorder::record`] takes a number,
//! puts a record of fixed size into a bounded queue and returns: no system call, no allocation, no
//! waiting, whatever the database is doing. A writer that polls (a blocked one would cost every
//! caller its wake-up) writes batches, retries what fails, and counts what the queue could not
//! take. What proves a trading change is a ledger fact: facts that are missing here, after an
//! overflow, a crash or the loss of the file, are filled in from the ledger.

mod backfill;
pub(crate) mod file;
mod inline;
pub(crate) mod kin;
mod queue;
mod read;
mod record;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use file::{ACTIVITY_FILE, ACTIVITY_SCHEMA};
pub use inline::{InlineDecimal, InlineStr};
pub use queue::Recorder;
pub use read::{ActivityFilter, ActivityReader, ActivityRow};
pub use record::{ActivityKind, Record};

use crate::error::StoreError;
use queue::Shared;
use writer::Writer;

/// How long a shutdown waits beyond its deadline for a writer that is inside the database.
const GRACE: Duration = Duration::from_millis(250);

/// Limits of the activity log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityOptions {
    /// Records that may wait; what comes beyond is counted as lost.
    pub queue: usize,
    /// Size of the file at which its oldest rows go.
    pub file_bytes_max: u64,
    /// Size of the write-ahead log at which the writer waits for readers that hold it open.
    pub wal_bytes_max: u64,
}

impl Default for ActivityOptions {
    fn default() -> Self {
        Self { queue: 65_536, file_bytes_max: 512 << 20, wal_bytes_max: 64 << 20 }
    }
}

/// How the activity log is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityStatus {
    /// Rows written by this process.
    pub written: u64,
    /// Records that found the queue full.
    pub lost: u64,
    /// Records that wait in the queue.
    pub queued: u64,
    /// Whether the last attempt to write failed; it is tried again by itself.
    pub is_failing: bool,
    /// What the last failure was, also when it is over.
    pub last_error: Option<String>,
    /// How often the writer was started again after it had died.
    pub restarts: u64,
    /// Every fact of the ledger up to this one is in the file, as far as it was opened yet.
    pub up_to_fact: u64,
    /// Where the log is now that was found and is not this ledger's.
    pub set_aside: Option<std::path::PathBuf>,
}

/// The running activity log. Dropped without [`ActivityLog::shutdown`], it loses what it had not
/// written, as a crash does.
#[derive(Debug)]
pub struct ActivityLog {
    recorder: Recorder,
    thread: Option<JoinHandle<()>>,
}

impl ActivityLog {
    /// Starts the writer for a data directory. A database that cannot be opened yet is tried again
    /// in the background, so it is no error here.
    ///
    /// # Errors
    /// [`StoreError::File`] when no thread can be started.
    pub fn start(dir: &Path, options: ActivityOptions) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let (recorder, receiver) = Recorder::new(options.queue, Arc::clone(&shared));
        let writer = Writer::new(dir, options, shared, receiver);
        let thread = std::thread::Builder::new()
            .name("activity".to_owned())
            .spawn(move || writer.supervise())
            .map_err(|source| StoreError::file(dir, source))?;
        Ok(Self { recorder, thread: Some(thread) })
    }

    /// A handle to record with; clone it for each thread.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// How it is doing.
    pub fn status(&self) -> ActivityStatus {
        self.recorder.status()
    }

    /// Writes what waits, for at most so many milliseconds, and ends. Returns how many records were
    /// not written; those that have a fact are filled in at the next start.
    pub fn shutdown(mut self, deadline_ms: u64) -> u64 {
        let deadline = Instant::now() + Duration::from_millis(deadline_ms);
        self.recorder.shared().stop_at(deadline);
        let Some(thread) = self.thread.take() else { return 0 };
        while !thread.is_finished() && Instant::now() < deadline + GRACE {
            std::thread::sleep(Duration::from_millis(1));
        }
        // A writer that hangs in the file system is left behind: nobody waits for it.
        self.recorder.unwritten()
    }
}

impl Drop for ActivityLog {
    fn drop(&mut self) {
        self.recorder.shared().stop_at(Instant::now());
        if let Some(thread) = self.thread.take() {
            // It answers within one batch; how it ended matters to nobody any more.
            let _ = thread.join();
        }
    }
}
