//! One daemon per data directory.
//!
//! Apart because the lock is the operating system's: it dies with its process, so nobody ever has
//! to remove a stale file. It must be held as long as the ledger is open, and before anything in the
//! directory is made, replaced or removed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

use crate::error::StoreError;

/// Name of the lock file in the data directory.
pub const LOCK_FILE: &str = "bracketd.lock";

/// How often a held lock is tried again: somebody who only looks holds it for an instant.
const TRIES: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(10);

/// Who holds a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody: no daemon runs on it.
    Nobody,
    /// A process; its number as far as the lock file tells.
    Process(Option<u32>),
}

/// Who holds a directory, without taking it.
pub(crate) fn holder(dir: &Path) -> Result<Holder, StoreError> {
    let path = dir.join(LOCK_FILE);
    let failed = |source| StoreError::file(&path, source);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Holder::Nobody),
        Err(error) => return Err(failed(error)),
    };
    // Shared, so that two who look do not see each other; it ends with the file.
    match file.try_lock_shared() {
        Ok(()) => Ok(Holder::Nobody),
        Err(TryLockError::WouldBlock) => Ok(Holder::Process(read_pid(&mut file))),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The held lock; it is let go when this is dropped.
#[derive(Debug)]
pub struct DirLock(#[expect(dead_code, reason = "holding the file is the lock")] File);

impl DirLock {
    /// Takes the lock of a directory and writes this process's number into the file.
    ///
    /// # Errors
    /// [`StoreError::AlreadyRunning`] while another process holds it, and what the disk says.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        let failed = |source| StoreError::file(&path, source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let mut tries = 1..TRIES;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries.next().is_some() => {
                    std::thread::sleep(BETWEEN);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::AlreadyRunning { pid: read_pid(&mut file), path });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        match write_pid(&mut file) {
            // The lock is held; only its message to a second one lacks the number.
            Err(error) if error.kind() == ErrorKind::StorageFull => {}
            other => other.map_err(failed)?,
        }
        Ok(Self(file))
    }
}

/// In place, so that a file that is there needs no room.
fn write_pid(file: &mut File) -> std::io::Result<()> {
    let text = format!("{}\n", std::process::id());
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_is_first_and_gets_it_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirLock::take(dir.path()).unwrap();
        match DirLock::take(dir.path()).unwrap_err() {
            StoreError::AlreadyRunning { pid, path } => {
                assert_eq!(pid, Some(std::process::id()));
                assert_eq!(path, dir.path().join(LOCK_FILE));
            }
            other => panic!("{other}"),
        }
        drop(first);
        DirLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_look_at_the_lock_takes_nothing_away() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(holder(dir.path()).unwrap(), Holder::Nobody);
        assert!(!dir.path().join(LOCK_FILE).exists(), "looking makes no file");
        let held = DirLock::take(dir.path()).unwrap();
        let us = Holder::Process(Some(std::process::id()));
        assert_eq!(holder(dir.path()).unwrap(), us);
        assert_eq!(holder(dir.path()).unwrap(), us);
        drop(held);
        assert_eq!(holder(dir.path()).unwrap(), Holder::Nobody);
    }

    #[test]
    fn a_start_waits_for_somebody_who_only_looks() {
        let dir = tempfile::tempdir().unwrap();
        drop(DirLock::take(dir.path()).unwrap());
        let looking = File::open(dir.path().join(LOCK_FILE)).unwrap();
        looking.try_lock_shared().unwrap();
        std::thread::scope(|scope| {
            let start = scope.spawn(|| DirLock::take(dir.path()).map(drop));
            drop(looking);
            start.join().unwrap().unwrap();
        });
    }
}
