//! Files that the tools make: for their owner alone, whole under their name or not there at all,
//! and never in place of another.
//!
//! Apart because what a crash leaves behind is decided here. It knows nothing of SQL but that a
//! database may have two companions.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::ToolError;
use crate::error::StoreError;
use crate::open::LEDGER_FILE;

/// A ledger that is restored and not yet in place. While it is there, no daemon starts.
const RESTORING: &str = "ledger.db.restoring";
/// Companions of a database: its write-ahead log with commits that are nowhere else, and the
/// index of that log, which is made again.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// The path with something added to its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Where the restored ledger of a directory waits for its place.
pub(crate) fn restoring(dir: &Path) -> PathBuf {
    dir.join(RESTORING)
}

/// Refuses a directory whose restore was interrupted: its ledger may lack its newest commits.
pub(crate) fn refuse_interrupted(dir: &Path) -> Result<(), StoreError> {
    let path = restoring(dir);
    if path.exists() { Err(StoreError::RestoreInterrupted { path }) } else { Ok(()) }
}

/// A file under a temporary name, readable by its owner alone. It goes away with the value,
/// unless it was given its name.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Makes an empty file in the directory of `target`, where nothing may be.
    ///
    /// # Errors
    /// [`ToolError::Exists`], and what the disk says.
    pub fn of(target: &Path) -> Result<Self, ToolError> {
        refuse_existing(target)?;
        Self::over(target)
    }

    /// Makes an empty file in the directory of `target`, whatever is there.
    pub(crate) fn over(target: &Path) -> Result<Self, ToolError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let draft = Self { path };
        // What a process of the same number left behind when it was killed.
        draft.remove();
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft.path);
        made.map_err(|source| ToolError::file(target, source))?;
        Ok(draft)
    }

    /// Where the file is now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the file on the disk and gives it its name, unless something has that name by now.
    ///
    /// # Errors
    /// [`ToolError::Exists`], and what the disk says.
    pub fn publish(self, target: &Path) -> Result<(), ToolError> {
        let failed = |source| ToolError::file(target, source);
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(failed)?;
        match fs::hard_link(&self.path, target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(ToolError::Exists(target.to_owned()));
            }
            // A file system without links: its rename would replace, so look first.
            Err(_) => {
                refuse_existing(target)?;
                fs::rename(&self.path, target).map_err(failed)?;
            }
        }
        sync_dir(target).map_err(failed)
    }

    /// Puts the file on the disk and gives it a name, in place of what has that name.
    pub(crate) fn replace(self, target: &Path) -> Result<(), ToolError> {
        let put = || -> io::Result<()> {
            File::open(&self.path)?.sync_all()?;
            fs::rename(&self.path, target)?;
            sync_dir(target)
        };
        put().map_err(|source| ToolError::file(target, source))
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            // Whatever is not there need not go.
            let _gone = fs::remove_file(beside(&self.path, suffix));
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Refuses a place where something is already.
fn refuse_existing(target: &Path) -> Result<(), ToolError> {
    match fs::symlink_metadata(target) {
        Ok(_) => Err(ToolError::Exists(target.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ToolError::file(target, source)),
    }
}

/// Makes the file of a database, empty, for its owner alone, where none is: SQLite would make it
/// as the umask says, and gives its companions the file's own mode.
pub(crate) fn make_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::file(path, error))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Puts the names in a file's directory on the disk.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new("."))).and_then(|dir| dir.sync_all())
}

/// Gives databases and their logs second names, so that the first may go. Returns the new names of
/// those that are there; after an error there are none. What was kept under the suffix before stays:
/// then `.2` follows it, or the first number that is free for all of them.
pub(crate) fn keep(paths: &[PathBuf], suffix: &str) -> Result<Vec<PathBuf>, ToolError> {
    let suffix = free_suffix(paths, suffix)?;
    let mut kept = Vec::new();
    for path in paths.iter().filter(|path| path.exists()) {
        let name = beside(path, &suffix);
        if let Err(error) = refuse_existing(&name).and_then(|()| keep_one(path, &name)) {
            // The first names still stand.
            kept.iter().try_for_each(|name: &PathBuf| remove_database(name))?;
            return Err(error);
        }
        kept.push(name);
    }
    Ok(kept)
}

/// The suffix, with a number where something has one of its names already.
fn free_suffix(paths: &[PathBuf], suffix: &str) -> Result<String, ToolError> {
    let mut tried = suffix.to_owned();
    for number in 2.. {
        let names = paths.iter().flat_map(|path| {
            let kept = beside(path, &tried);
            [beside(&kept, "-wal"), kept]
        });
        let taken = names.map(|name| refuse_existing(&name)).find(Result::is_err);
        match taken {
            Some(Err(ToolError::Exists(_))) => tried = format!("{suffix}.{number}"),
            Some(Err(other)) => return Err(other),
            Some(Ok(())) | None => break,
        }
    }
    Ok(tried)
}

fn keep_one(path: &Path, kept: &Path) -> Result<(), ToolError> {
    let link = || -> io::Result<()> {
        // The log first: a database that is kept without it would lack its newest commits.
        for companion in ["-wal", ""] {
            let from = beside(path, companion);
            if from.exists() {
                link_or_copy(&from, &beside(kept, companion))?;
            }
        }
        sync_dir(kept)
    };
    link().map_err(|source| match remove_database(kept) {
        Ok(()) => ToolError::file(kept, source),
        Err(error) => error,
    })
}

fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

/// Takes away a database that has another name too.
pub(crate) fn remove_database(path: &Path) -> Result<(), ToolError> {
    remove(path)?;
    COMPANIONS.iter().try_for_each(|companion| remove(&beside(path, companion)))
}

/// Puts the ledger that waits in its place. The old one must have been kept: its log is removed
/// first, for SQLite would play it into any database beside it.
pub(crate) fn put_in_place(dir: &Path) -> Result<(), ToolError> {
    let ledger = dir.join(LEDGER_FILE);
    COMPANIONS.iter().try_for_each(|companion| remove(&beside(&ledger, companion)))?;
    let failed = |source| ToolError::file(&ledger, source);
    sync_dir(&ledger).map_err(failed)?;
    fs::rename(restoring(dir), &ledger).map_err(failed)?;
    sync_dir(&ledger).map_err(failed)
}

pub(crate) fn remove(path: &Path) -> Result<(), ToolError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ToolError::file(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
