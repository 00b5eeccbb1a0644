//! The owner of the ledger file and of its only writing connection.
//!
//! Apart because there is one per daemon: it holds the directory's lock, the ballast and what it
//! remembers of its own writes. It must never be shared between threads.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use bracketd_core::fact::Fact;
use bracketd_core::ids::PolicyName;
use bracketd_core::time::Timestamp;
use rusqlite::Connection;

use crate::ballast::{Ballast, SpareRoom};
use crate::batch::{Batch, Committed, Loaded, PolicyVersion};
use crate::effect::point;
use crate::error::StoreError;
use crate::facts::{self, FactFilter, StoredFact};
use crate::lock::DirLock;
use crate::lost::{self, Before};
use crate::open::{self, Eraser, LEDGER_FILE, OpenOptions};
use crate::shadow::Shadows;
use crate::tools::files;
use crate::{commit, epoch, load};

/// How long a close waits for somebody else's lock.
const CLOSE_BUSY: Duration = Duration::from_millis(250);

/// The ledger. See the module's documentation.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) sql: Connection,
    shadows: Shadows,
    next_fact_seq: u64,
    home: Home,
    refuses: Cell<bool>,
}

/// Where a ledger lives.
#[derive(Debug)]
enum Home {
    Directory { ballast: SpareRoom, _lock: DirLock },
    Memory { eraser: Eraser },
}

impl Ledger {
    /// Opens the ledger of a data directory, making both if there are none. On a full disk the
    /// ballast is given back first: a start looks after stops.
    ///
    /// # Errors
    /// [`StoreError::AlreadyRunning`] while another process holds the directory,
    /// [`StoreError::NewerSchema`] when a newer program wrote the file,
    /// [`StoreError::DamagedFile`] when it is not sound, [`StoreError::RestoreInterrupted`] when a
    /// restore has to be done again, [`StoreError::LedgerMissing`] when the directory has lost its
    /// ledger, and what the disk says.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, OpenOptions::default())
    }

    /// As [`Ledger::open`], with other limits.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_with(dir: &Path, options: OpenOptions) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(|source| StoreError::file(dir, source))?;
        Self::open_locked(dir, DirLock::take(dir)?, options)
    }

    /// As [`Ledger::open_with`], by who holds the directory's lock already.
    ///
    /// # Errors
    /// As [`Ledger::open`], but that nobody else can hold the directory.
    pub fn open_locked(
        dir: &Path,
        lock: DirLock,
        options: OpenOptions,
    ) -> Result<Self, StoreError> {
        files::refuse_interrupted(dir)?;
        point("start.locked");
        let path = dir.join(LEDGER_FILE);
        match lost::look(dir, options.replaces_lost)? {
            Before::There => {}
            // First of all, so that nothing beside it ever looks like the rest of a lost one.
            Before::Never => drop(open::open(&path, options)?),
            Before::Lost => lost::replace(dir, options)?,
        }
        let ballast = SpareRoom::new(Ballast::open(dir, options.ballast_bytes)?);
        let sql = match open::open(&path, options) {
            Err(error) if open::may_lack_room(&error) && ballast.free() => {
                open::open(&path, options)?
            }
            other => other?,
        };
        point("start.opened");
        Self::new(sql, Home::Directory { ballast, _lock: lock })
    }

    /// A ledger without a file, for simulation and tests: the same schema and the same SQL. Its
    /// ledger id is always the same.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn in_memory() -> Result<Self, StoreError> {
        let (sql, eraser) = open::open_in_memory()?;
        Self::new(sql, Home::Memory { eraser })
    }

    /// The same ledger without anything in it, as new: a simulation of many histories reads the
    /// schema and its statements once. None for one in a directory, which nobody may empty.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn emptied(mut self) -> Result<Option<Self>, StoreError> {
        let Home::Memory { eraser } = &self.home else { return Ok(None) };
        eraser.erase()?;
        self.shadows = Shadows::default();
        self.next_fact_seq = 1;
        Ok(Some(self))
    }

    fn new(sql: Connection, home: Home) -> Result<Self, StoreError> {
        let next_fact_seq = load::last_fact_seq(&sql)? + 1;
        Ok(Self {
            sql,
            shadows: Shadows::default(),
            next_fact_seq,
            home,
            refuses: Cell::new(false),
        })
    }

    /// Everything that is needed to go on where the last process stopped.
    ///
    /// # Errors
    /// [`StoreError::BadValue`] when a cell has no meaning, and what SQLite says.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        load::load(&self.sql)
    }

    /// Writes all of the batch, durably, or nothing. On a full disk the ballast is given back and
    /// the commit tried once more.
    ///
    /// # Errors
    /// [`StoreError::Busy`] and [`StoreError::Full`] may be tried again with the same batch; the
    /// others cannot succeed. After any error nothing of the batch is in the ledger.
    pub fn commit(&mut self, batch: &Batch<'_>) -> Result<Committed, StoreError> {
        let first = self.next_fact_seq;
        self.write(|sql, shadows| commit::write(sql, shadows, first, batch))?;
        self.next_fact_seq += batch.facts.len() as u64;
        self.shadows.remember(&batch.transactions);
        Ok(Committed { first_fact_seq: first })
    }

    /// Makes the next epoch begin and disarms every account, as `db restore` does.
    ///
    /// # Errors
    /// As [`Ledger::commit`].
    pub fn begin_epoch(&mut self) -> Result<u32, StoreError> {
        self.write(|sql, _| epoch::begin(sql, 0))?;
        Ok(load::identity(&self.sql)?.1)
    }

    /// As [`Ledger::begin_epoch`], with the fact that says why.
    pub(crate) fn begin_epoch_with(&mut self, at: Timestamp, why: &Fact) -> Result<(), StoreError> {
        let seq = self.next_fact_seq;
        self.write(|sql, _| {
            epoch::begin(sql, 0)?;
            commit::write_facts(sql, seq, at, std::slice::from_ref(why))
        })?;
        self.next_fact_seq += 1;
        Ok(())
    }

    /// Ends the ledger as a stop does: all of it stands in its one file afterwards, so that a copy
    /// of that file is a copy of the ledger.
    ///
    /// # Errors
    /// What the database says. Nothing is lost then: the write-ahead log is read at the next start.
    pub fn close(self) -> Result<(), StoreError> {
        // A stop has no time for somebody else's lock.
        self.sql.busy_timeout(CLOSE_BUSY)?;
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: bool = self.sql.query_row(checkpoint, [], |row| row.get(0))?;
        if is_busy { Err(StoreError::Busy) } else { Ok(()) }
    }

    /// The room that is kept for a full disk; none for a ledger in memory.
    pub fn spare_room(&self) -> Option<SpareRoom> {
        match &self.home {
            Home::Directory { ballast, .. } => Some(ballast.clone()),
            Home::Memory { .. } => None,
        }
    }

    /// Whether the room that is kept for a full disk is not there.
    pub fn is_disk_full(&self) -> bool {
        matches!(&self.home, Home::Directory { ballast, .. } if !ballast.is_kept())
    }

    /// The number of the newest fact; 0 before the first.
    pub fn last_fact_seq(&self) -> u64 {
        self.next_fact_seq - 1
    }

    /// Facts, from the owner's own connection.
    ///
    /// # Errors
    /// [`StoreError::BadValue`] when a cell has no meaning, and what SQLite says.
    pub fn facts(&self, filter: &FactFilter) -> Result<Vec<StoredFact>, StoreError> {
        facts::read(&self.sql, filter)
    }

    /// Every version of a policy that was ever taken, the newest first.
    ///
    /// # Errors
    /// [`StoreError::BadValue`] when a cell has no meaning, and what SQLite says.
    pub fn policy_versions(&self, name: &PolicyName) -> Result<Vec<PolicyVersion>, StoreError> {
        load::policy_versions(&self.sql, name)
    }

    /// Refuses every write from now on, or takes them again: for simulations of a disk in trouble.
    pub fn refuse_writes(&self, refuse: bool) {
        if self.refuses.replace(refuse) == refuse {
            // To tell the connection makes it read all of its statements anew.
            return;
        }
        // A connection that cannot be told so fails at the next write all the same.
        let _told = self.sql.pragma_update(None, "query_only", refuse);
    }

    fn write(
        &mut self,
        change: impl Fn(&Connection, &Shadows) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (sql, shadows) = (&self.sql, &self.shadows);
        let once = || -> Result<(), StoreError> {
            let unit = Unit::begin(sql)?;
            point("commit.begun");
            change(sql, shadows)?;
            point("commit.written");
            unit.commit()?;
            point("commit.done");
            Ok(())
        };
        match &self.home {
            Home::Directory { ballast, .. } => with_room(ballast, once),
            Home::Memory { .. } => once(),
        }
    }
}

/// One SQL transaction, undone unless it is committed. Its words are kept statements, where those of
/// rusqlite's own are read anew with each commit.
struct Unit<'a>(&'a Connection);

impl<'a> Unit<'a> {
    fn begin(sql: &'a Connection) -> Result<Self, StoreError> {
        sql.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(sql))
    }

    fn commit(self) -> Result<(), StoreError> {
        self.0.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // What cannot be undone now makes the next begin fail, and that is said.
            let _undone = self.0.execute_batch("ROLLBACK");
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // After a clean end the file alone is the whole ledger, without its log. It waits for
        // nobody: what a reader still holds stays in the log, and is as safe there.
        let _rest = self.sql.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
    }
}

/// Tries; when the disk is full and there is ballast to give back, tries once more.
fn with_room(
    ballast: &SpareRoom,
    mut once: impl FnMut() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match once() {
        Err(StoreError::Full) if ballast.free() => once(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ballast::BALLAST_FILE;

    #[test]
    fn a_full_disk_gets_the_ballast_back_and_the_commit_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(BALLAST_FILE);
        let ballast = SpareRoom::new(Ballast::open(dir.path(), 1_000_000).unwrap());
        let is_full = || std::fs::metadata(&file).unwrap().len() > 0;
        let mut tries = 0;
        let mut once = || {
            tries += 1;
            if is_full() { Err(StoreError::Full) } else { Ok(()) }
        };
        with_room(&ballast, &mut once).unwrap();
        assert_eq!(tries, 2);
    }

    #[test]
    fn without_ballast_left_a_full_disk_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = SpareRoom::new(Ballast::open(dir.path(), 1_000_000).unwrap());
        let mut tries = 0;
        let mut once = || {
            tries += 1;
            Err(StoreError::Full)
        };
        assert!(matches!(with_room(&ballast, &mut once), Err(StoreError::Full)));
        assert!(matches!(with_room(&ballast, &mut once), Err(StoreError::Full)));
        assert_eq!(tries, 3, "twice while there was ballast, once without");
    }
}
