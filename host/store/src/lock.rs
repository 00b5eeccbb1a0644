//! One daemon per data directory.
//!
//! Apart because the lock is the operating system's: it dies with its process, so nobody ever has
//! to remove a stale file. It must be held as long as the ledger is open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::error::StoreError;

/// Name of the lock file in the data directory.
pub const LOCK_FILE: &str = "bracketd.lock";

/// The held lock; it is let go when this is dropped.
#[derive(Debug)]
pub(crate) struct DirLock(#[expect(dead_code, reason = "holding the file is the lock")] File);

impl DirLock {
    /// Takes the lock of a directory and writes this process's number into the file.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        let failed = |source| StoreError::file(&path, source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::AlreadyRunning { pid: read_pid(&mut file), path });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self(file))
    }
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
}
