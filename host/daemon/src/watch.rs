//! Notices new content of the policy directory: file events are hints, the content hash is the
//! truth, and a scan at intervals finds what no event told.
//!
//! Apart because editors, config-map swaps and replaced directories all look different to a
//! watcher and alike to a hash. It never compiles anything and never unloads anything: a missing
//! directory is reported and what was read before stays.

mod hints;
mod scan;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

pub use scan::{BOM, ScanError, Snapshot, scan};

use hints::Hints;

use crate::vital;

/// Quiet time after a hint before the directory is read.
const QUIET: Duration = Duration::from_millis(200);
/// Hints hold a read back for at most this long, and files open for writing too.
const HELD_BACK_MAX: Duration = Duration::from_secs(2);
/// Two reads this far apart must agree.
const AGREE: Duration = Duration::from_millis(100);
/// Reads of one attempt before it is left to the next scan.
const READS_MAX: u32 = 10;

/// What a look at the directory came to; latest wins.
pub type Look = Result<Arc<Snapshot>, ScanError>;

/// The thread that watches. Dropping it ends the thread.
#[derive(Debug)]
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to watch. The first look is delivered as soon as two reads agree, each further one when
/// the content differs from the last one delivered. The channel has one slot: a receiver that is
/// late finds the newest.
///
/// # Errors
/// Where the thread cannot be started.
pub fn start(dir: &Path, poll: Duration) -> std::io::Result<(Watch, Receiver<Look>)> {
    let dir = std::path::absolute(dir)?;
    let slot = Slot::new();
    let looks = slot.taken.clone();
    let (stop, stopped) = bounded(0);
    let thread = vital::spawn("watch", move || {
        Loop { hints: Hints::new(&dir), dir, poll, slot, stopped, last: None }.run();
    })?;
    Ok((Watch { stop: Some(stop), thread: Some(thread) }, looks))
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the process.
            drop(thread.join());
        }
    }
}

struct Slot {
    out: Sender<Look>,
    taken: Receiver<Look>,
}

impl Slot {
    fn new() -> Self {
        let (out, taken) = bounded(1);
        Self { out, taken }
    }

    fn put(&self, look: Look) {
        let mut look = look;
        while let Err(TrySendError::Full(back)) = self.out.try_send(look) {
            drop(self.taken.try_recv());
            look = back;
        }
    }
}

struct Loop {
    dir: PathBuf,
    poll: Duration,
    hints: Hints,
    slot: Slot,
    stopped: Receiver<()>,
    last: Option<Result<String, ScanError>>,
}

impl Loop {
    fn run(mut self) {
        // Ends when the watch is dropped.
        let _ended = self.follow();
    }

    fn follow(&mut self) -> ControlFlow<()> {
        let mut insists = true;
        loop {
            self.look(insists)?;
            // What came into the place of the directory during the look is watched from now on; what
            // was written to it before that is found by one more look.
            insists = if self.hints.arm() { true } else { self.wait()? };
        }
    }

    /// Waits for a hint and the quiet after it, or for the next scan. False where quiet never came.
    fn wait(&mut self) -> ControlFlow<(), bool> {
        let next = Instant::now() + self.poll;
        while !self.hints.wait_until(next, &self.stopped)? {
            if Instant::now() >= next {
                return ControlFlow::Continue(true);
            }
        }
        self.until_quiet()
    }

    /// Waits until no hint came for a while and no file is open for writing, at most so long.
    fn until_quiet(&self) -> ControlFlow<(), bool> {
        let limit = Instant::now() + HELD_BACK_MAX;
        while Instant::now() < limit {
            let quiet = Instant::now() + QUIET;
            let heard = self.hints.wait_until(quiet.min(limit), &self.stopped)?;
            if !heard && !self.hints.is_being_written() {
                return ControlFlow::Continue(true);
            }
        }
        // A write whose end was never told would hold back every later change as well.
        self.hints.forget_writes();
        ControlFlow::Continue(false)
    }

    /// Reads until two reads agree, and hands on what is new. A hint between the two may mean that
    /// a second file of one change is on its way: where it `insists`, they count only without one,
    /// for a while.
    fn look(&mut self, mut insists: bool) -> ControlFlow<()> {
        let limit = Instant::now() + HELD_BACK_MAX;
        let mut reads = 1;
        while reads < READS_MAX {
            self.hints.arm();
            let before = scan(&self.dir);
            if self.hints.wait_until(Instant::now() + AGREE, &self.stopped)? && insists {
                insists = self.until_quiet()? && Instant::now() < limit;
                continue;
            }
            reads += 1;
            let after = scan(&self.dir);
            let (one, other) = (digest(&before), digest(&after));
            if one == other {
                if self.last.as_ref() != Some(&other) {
                    self.last = Some(other);
                    self.slot.put(after.map(Arc::new));
                }
                break;
            }
        }
        ControlFlow::Continue(())
    }
}

fn digest(look: &Result<Snapshot, ScanError>) -> Result<String, ScanError> {
    look.as_ref().map(|snapshot| snapshot.digest.clone()).map_err(Clone::clone)
}
