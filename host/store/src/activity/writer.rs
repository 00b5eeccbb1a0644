//! The thread that writes activity: takes what waits, writes it as one batch, sleeps when idle.
//!
//! Apart because it may be slow, fail or die without anybody noticing but the status. It must
//! never block in the queue: a blocked receiver costs every sender a wake-up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bracketd_core::time::Timestamp;
use crossbeam_channel::Receiver;

use super::file::{ActivityFile, OF_ANOTHER};
use super::queue::{Gap, Numbered, Shared};
use super::{ActivityOptions, backfill};
use crate::ballast::BALLAST_FILE;
use crate::error::StoreError;
use crate::reader::LedgerReader;

const BATCH: usize = 1_000;
const IDLE_MS_MIN: u64 = 1;
const IDLE_MS_MAX: u64 = 5;
const RETRY_MS_MIN: u64 = 20;
const RETRY_MS_MAX: u64 = 1_000;

/// The writer and all it holds; what it holds outlives its death.
#[derive(Debug)]
pub(crate) struct Writer {
    dir: PathBuf,
    options: ActivityOptions,
    shared: Arc<Shared>,
    receiver: Receiver<Numbered>,
    file: Option<ActivityFile>,
    ledger: Option<LedgerReader>,
    /// The run that this process began; none before the file was opened once.
    run: Option<i64>,
    /// Whether facts may be missing from the file.
    is_behind: bool,
    batch: Vec<Numbered>,
    gap: Option<(Gap, Timestamp)>,
}

impl Writer {
    pub(crate) fn new(
        dir: &Path,
        options: ActivityOptions,
        shared: Arc<Shared>,
        receiver: Receiver<Numbered>,
    ) -> Self {
        Self {
            dir: dir.to_owned(),
            options,
            shared,
            receiver,
            file: None,
            ledger: None,
            run: None,
            is_behind: true,
            batch: Vec::with_capacity(BATCH),
            gap: None,
        }
    }

    /// Runs until it is told to stop. A writer that dies is started again with what it held.
    pub(crate) fn supervise(mut self) {
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.run())) {
            // Dropping the connection rolls back what it had begun; the batch is still here.
            self.file = None;
            self.ledger = None;
            self.shared.restarts.fetch_add(1, Ordering::AcqRel);
            let words = panic.downcast_ref::<&str>().copied().unwrap_or("no words");
            self.shared.fail(format!("the activity writer died: {words}"));
            std::thread::sleep(Duration::from_millis(RETRY_MS_MIN));
        }
        // What still waits goes with the queue; it is counted first.
        self.shared.end((self.batch.len() + self.receiver.len()) as u64);
    }

    fn run(&mut self) {
        let (mut idle_ms, mut retry_ms) = (IDLE_MS_MIN, RETRY_MS_MIN);
        loop {
            let stops_at = self.shared.stops_at();
            if stops_at.is_some_and(|deadline| Instant::now() >= deadline) {
                return;
            }
            match self.turn() {
                Ok(0) if stops_at.is_some() && self.receiver.is_empty() => return,
                Ok(0) => {
                    self.shared.succeed();
                    std::thread::sleep(Duration::from_millis(idle_ms));
                    idle_ms = (idle_ms + 1).min(IDLE_MS_MAX);
                }
                Ok(_) => {
                    self.shared.succeed();
                    (idle_ms, retry_ms) = (IDLE_MS_MIN, RETRY_MS_MIN);
                }
                Err(error) => {
                    if !error.is_retryable() {
                        self.file = None;
                        self.ledger = None;
                    }
                    self.shared.fail(error.to_string());
                    self.pause(retry_ms);
                    retry_ms = (retry_ms * 2).min(RETRY_MS_MAX);
                }
            }
        }
    }

    /// Writes one batch, as far as there is anything to write. Returns how much was done.
    fn turn(&mut self) -> Result<u64, StoreError> {
        self.take();
        if self.file.is_none() {
            let ledger = backfill::open(&self.dir, &mut self.ledger)?;
            let mut file = ActivityFile::open(&self.dir, self.run)?;
            if let Some(ledger) = ledger
                && !file.is_of(ledger)?
            {
                self.shared.has_set_aside(file.leave(OF_ANOTHER)?);
                file = ActivityFile::open(&self.dir, self.run)?;
            }
            self.run = Some(file.run());
            self.shared.up_to_fact.store(file.cursor(), Ordering::Release);
            self.file = Some(file);
            // It may be a new file, in place of a damaged or a lost one.
            self.is_behind = true;
        }
        let Some(file) = &mut self.file else { return Ok(0) };
        let has_work = self.is_behind || !self.batch.is_empty() || self.gap.is_some();
        if !has_work {
            return Ok(0);
        }
        // Once it has to end, the engine has: nothing protective needs the room any more.
        if self.shared.stops_at().is_none() && is_ledger_short_of_room(&self.dir) {
            return Err(StoreError::Full);
        }
        if self.is_behind {
            let filled = backfill::chunk(&self.dir, &mut self.ledger, file, &self.shared)?;
            self.shared.written.fetch_add(filled, Ordering::AcqRel);
            self.shared.up_to_fact.store(file.cursor(), Ordering::Release);
            self.is_behind = filled > 0;
            return Ok(1);
        }
        #[cfg(test)]
        die_if_told(&self.shared);
        file.keep_small(&self.options)?;
        let done = (self.batch.len() + usize::from(self.gap.is_some())) as u64;
        let written = file.write(self.gap, &self.batch)?;
        self.batch.clear();
        self.gap = None;
        self.shared.held.store(0, Ordering::Release);
        self.shared.written.fetch_add(written, Ordering::AcqRel);
        self.shared.up_to_fact.store(file.cursor(), Ordering::Release);
        Ok(done)
    }

    /// Takes what waits, and then what was lost: a loss before any of these records is seen. After
    /// a loss the ledger's facts are looked through again, before a later fact moves the cursor.
    fn take(&mut self) {
        while self.batch.len() < BATCH {
            let Ok(record) = self.receiver.try_recv() else { break };
            self.batch.push(record);
            self.shared.held.store(self.batch.len() as u64, Ordering::Release);
        }
        if self.gap.is_none() {
            self.gap = self.shared.take_gap().map(|gap| (gap, now()));
            self.is_behind |= self.gap.is_some();
        }
    }

    /// Sleeps, but not past the moment at which it has to end.
    fn pause(&self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < until {
            if self.shared.stops_at().is_some_and(|deadline| Instant::now() >= deadline) {
                return;
            }
            std::thread::sleep(Duration::from_millis(IDLE_MS_MAX));
        }
    }
}

/// The ledger has given its ballast back: every byte left is for protective commits.
fn is_ledger_short_of_room(dir: &Path) -> bool {
    std::fs::metadata(dir.join(BALLAST_FILE)).is_ok_and(|meta| meta.len() == 0)
}

/// The one event that has no time of its own is that the log lost something.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
fn die_if_told(shared: &Shared) {
    assert!(!shared.kill.swap(false, Ordering::AcqRel), "told to");
}
