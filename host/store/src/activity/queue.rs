//! The door of the activity log: a number, a copy, done (I12).
//!
//! Apart because this runs inside the trading path. It must never wait, allocate, make a system
//! call or fail.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::ActivityStatus;
use super::record::Record;

/// A record with its number within the run.
pub(crate) type Numbered = (u64, Record);

/// Records that were lost since the last gap row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from_seq: u64,
    pub(crate) count: u64,
}

/// Records activity. Clone it for each thread.
#[derive(Clone, Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    sender: Sender<Numbered>,
}

impl Recorder {
    pub(crate) fn new(queue: usize, shared: Arc<Shared>) -> (Self, Receiver<Numbered>) {
        let (sender, receiver) = bounded(queue);
        (Self { shared, sender }, receiver)
    }

    /// Hands a record to the writer. When the queue is full, or the writer has ended, the record is
    /// dropped and counted.
    pub fn record(&self, record: Record) {
        let seq = self.shared.take_seq();
        if self.sender.try_send((seq, record)).is_err() {
            self.shared.lose(seq);
        }
    }

    /// How the log is doing.
    pub fn status(&self) -> ActivityStatus {
        self.shared.status(self.queued())
    }

    /// What waits, in the queue or in the writer's hand.
    pub(crate) fn unwritten(&self) -> u64 {
        self.queued() + self.shared.held.load(Ordering::Acquire)
    }

    /// A queue without a reader keeps its length; by then the writer has counted what it left.
    fn queued(&self) -> u64 {
        if self.shared.has_ended.load(Ordering::Acquire) { 0 } else { self.sender.len() as u64 }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

/// What recorders, the writer and the log's owner share.
#[derive(Debug)]
pub(crate) struct Shared {
    next_seq: AtomicU64,
    lost: AtomicU64,
    gap_count: AtomicU64,
    gap_from: AtomicU64,
    pub(crate) written: AtomicU64,
    /// Every fact up to this one is in the file.
    pub(crate) up_to_fact: AtomicU64,
    /// Records that the writer took from the queue and has not written.
    pub(crate) held: AtomicU64,
    has_ended: AtomicBool,
    pub(crate) restarts: AtomicU64,
    is_failing: AtomicBool,
    last_error: Mutex<Option<String>>,
    stop_at: Mutex<Option<Instant>>,
    set_aside: Mutex<Option<PathBuf>>,
    /// Makes the writer die with its next batch in hand.
    #[cfg(test)]
    pub(crate) kill: AtomicBool,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            next_seq: AtomicU64::new(1),
            lost: AtomicU64::new(0),
            gap_count: AtomicU64::new(0),
            gap_from: AtomicU64::new(u64::MAX),
            written: AtomicU64::new(0),
            up_to_fact: AtomicU64::new(0),
            held: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            restarts: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
            last_error: Mutex::new(None),
            stop_at: Mutex::new(None),
            set_aside: Mutex::new(None),
            #[cfg(test)]
            kill: AtomicBool::new(false),
        }
    }
}

impl Shared {
    pub(crate) fn take_seq(&self) -> u64 {
        self.next_seq.fetch_add(1, Ordering::Relaxed)
    }

    fn lose(&self, seq: u64) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        // First the number, then the count: whoever sees the count sees the number.
        self.gap_from.fetch_min(seq, Ordering::Relaxed);
        self.gap_count.fetch_add(1, Ordering::Release);
    }

    /// Takes over what was lost so far. Seen are all losses that came before any record that was
    /// received.
    pub(crate) fn take_gap(&self) -> Option<Gap> {
        let count = self.gap_count.swap(0, Ordering::Acquire);
        if count == 0 {
            return None;
        }
        let from_seq = self.gap_from.swap(u64::MAX, Ordering::Relaxed);
        if from_seq == u64::MAX {
            // Its number went into the gap before, by a loss that was then still being counted.
            return Some(Gap { from_seq: 0, count });
        }
        Some(Gap { from_seq, count })
    }

    pub(crate) fn stop_at(&self, deadline: Instant) {
        *self.stop_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }

    /// When the writer has to end, once that was asked for.
    pub(crate) fn stops_at(&self) -> Option<Instant> {
        *self.stop_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer is gone and left so many records unwritten.
    pub(crate) fn end(&self, unwritten: u64) {
        self.held.store(unwritten, Ordering::Release);
        self.has_ended.store(true, Ordering::Release);
    }

    pub(crate) fn fail(&self, why: String) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.is_failing.store(true, Ordering::Release);
    }

    /// The log of another ledger was found, and has this name now.
    pub(crate) fn has_set_aside(&self, path: PathBuf) {
        *self.set_aside.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
    }

    pub(crate) fn succeed(&self) {
        self.is_failing.store(false, Ordering::Release);
    }

    fn status(&self, queued: u64) -> ActivityStatus {
        ActivityStatus {
            written: self.written.load(Ordering::Acquire),
            lost: self.lost.load(Ordering::Acquire),
            queued,
            is_failing: self.is_failing.load(Ordering::Acquire),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            restarts: self.restarts.load(Ordering::Acquire),
            up_to_fact: self.up_to_fact.load(Ordering::Acquire),
            set_aside: self.set_aside.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
