//! File events, reduced to "something may have changed" and "somebody is still writing".
//!
//! Apart because no meaning may be read into an event: kinds and paths differ with the editor, the
//! file system and the kernel. Losing any of them only delays a look until the next scan.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// Hints about one directory. Holds watches on the directory and on its parent, because a directory
/// that is moved away takes its own watch with it.
pub(super) struct Hints {
    dir: PathBuf,
    watcher: Option<RecommendedWatcher>,
    /// The directory that is watched.
    armed: Option<Identity>,
    heard: Receiver<()>,
    told: Arc<Told>,
}

/// What the events told so far, beyond that something may have changed.
#[derive(Default)]
struct Told {
    /// Files that were changed and not closed since.
    writing: Mutex<HashSet<PathBuf>>,
    /// The directory itself came or went since it was watched. notify ends the watch on its path
    /// then, be it the one that was put on another directory meanwhile.
    is_moved: AtomicBool,
}

impl Told {
    fn writing(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Device, number and birth: which directory stands at a path. Numbers are used again.
type Identity = (u64, u64, SystemTime);

impl Hints {
    pub(super) fn new(dir: &Path) -> Self {
        // One slot: a second hint before the first is read adds nothing.
        let (hint, heard) = bounded(1);
        let told = Arc::new(Told::default());
        let (inner, own) = (Arc::clone(&told), dir.to_owned());
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            take(event, &own, &inner, &hint);
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!(%error, "no file events; the policy directory is only scanned");
            })
            .ok();
        let mut hints = Self { dir: dir.to_owned(), watcher, armed: None, heard, told };
        if let (Some(parent), Some(watcher)) = (dir.parent(), hints.watcher.as_mut()) {
            // Without it, replacing the directory is found by the next scan.
            drop(watcher.watch(parent, RecursiveMode::NonRecursive));
        }
        hints.arm();
        hints
    }

    /// Watches what stands at the path now; says whether that is another directory than before. A
    /// watch stays with the directory it was put on, so it is put anew when another one stands there;
    /// what happens meanwhile is found by the next look.
    pub(super) fn arm(&mut self) -> bool {
        let Some(watcher) = self.watcher.as_mut() else { return false };
        let is_moved = self.told.is_moved.swap(false, Ordering::AcqRel);
        let identity = identity(&self.dir);
        if identity.is_some() && identity == self.armed && !is_moved {
            return false;
        }
        // The event that ends a write may fall between the two calls.
        self.told.writing().clear();
        drop(watcher.unwatch(&self.dir));
        let is_watched = watcher.watch(&self.dir, RecursiveMode::Recursive).is_ok();
        self.armed = identity.filter(|_| is_watched);
        self.armed.is_some()
    }

    /// Waits for a hint; false when none came in time. Breaks when the watch is to end.
    pub(super) fn wait_until(
        &self,
        until: Instant,
        stopped: &Receiver<()>,
    ) -> ControlFlow<(), bool> {
        select! {
            recv(self.heard) -> hint => match hint {
                Ok(()) => ControlFlow::Continue(true),
                // No watcher: nothing will ever be heard, so this must not spin.
                Err(_) => match stopped.recv_deadline(until) {
                    Err(crossbeam_channel::RecvTimeoutError::Timeout) => ControlFlow::Continue(false),
                    _ => ControlFlow::Break(()),
                },
            },
            recv(stopped) -> _ => ControlFlow::Break(()),
            default(until.saturating_duration_since(Instant::now())) => ControlFlow::Continue(false),
        }
    }

    /// Files that were changed and not closed since are not waited for any longer.
    pub(super) fn forget_writes(&self) {
        self.told.writing().clear();
    }

    /// Whether a file was changed and not closed since.
    pub(super) fn is_being_written(&self) -> bool {
        !self.told.writing().is_empty()
    }
}

/// None where it cannot be told: then the watch is put anew each time.
fn identity(dir: &Path) -> Option<Identity> {
    let about = std::fs::metadata(dir).ok()?;
    Some((about.dev(), about.ino(), about.created().ok()?))
}

fn take(event: notify::Result<Event>, dir: &Path, told: &Told, hint: &Sender<()>) {
    if let Ok(event) = &event {
        let is_beside = |path: &PathBuf| path != dir && path.parent() == dir.parent();
        if !event.paths.is_empty() && event.paths.iter().all(is_beside) {
            // The watch on the parent is for the directory's own name; a ledger may live beside it.
            return;
        }
        let mut writing = told.writing();
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => writing.extend(event.paths.iter().cloned()),
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                writing.retain(|path| !event.paths.contains(path));
            }
            // Our own reads come back as these; taking them as changes would never end.
            EventKind::Access(_) => return,
            _ => {
                writing.retain(|path| !event.paths.contains(path));
                let is_own = || event.paths.iter().any(|path| path == dir);
                if comes_or_goes(event.kind) && is_own() {
                    told.is_moved.store(true, Ordering::Release);
                }
            }
        }
    }
    // A full slot already says that something changed.
    let _ = hint.try_send(());
}

fn comes_or_goes(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, DataChange, MetadataKind, RemoveKind, RenameMode};

    #[test]
    fn what_counts_as_a_hint() {
        let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let moved = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        let read = EventKind::Access(AccessKind::Open(AccessMode::Read));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let made = EventKind::Create(CreateKind::File);
        let gone = EventKind::Remove(RemoveKind::Folder);
        let touched = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        let rows = [
            ("/a/policies/p.rhai", made, true, false),
            ("/a/policies/..data", moved, true, false),
            ("/a/policies/p.rhai", closed, true, false),
            ("/a/policies/p.rhai", read, false, false),
            ("/a/policies", moved, true, true),
            ("/a/policies", made, true, true),
            ("/a/policies", gone, true, true),
            ("/a/policies", touched, true, false),
            ("/a/policies", read, false, false),
            ("/a/ledger.db-wal", data, false, false),
            ("/a/old", moved, false, false),
            ("/private/a/policies/p.rhai", made, true, false),
            ("", EventKind::Other, true, false),
        ];
        for (path, kind, is_hint, is_moved) in rows {
            let (hint, heard) = bounded(1);
            let mut event = Event::new(kind);
            if !path.is_empty() {
                event = event.add_path(path.into());
            }
            let told = Told::default();
            take(Ok(event), Path::new("/a/policies"), &told, &hint);
            assert_eq!(heard.try_recv().is_ok(), is_hint, "{path} {kind:?}");
            let moved = told.is_moved.load(Ordering::Acquire);
            assert_eq!(moved, is_moved, "{path} {kind:?}");
        }
    }
}
