//! A ledger that has lost facts which were committed, as the activity log beside it proves.
//!
//! Apart because such a ledger looks sound: its file is whole, only its newest commits are gone with
//! a write-ahead log that was cut or removed. Going on in the same epoch would send order ids a
//! second time (I3), and put acknowledged stops back. It must never take the log away: it is the
//! evidence.

use std::path::{Path, PathBuf};

use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;

use crate::activity::file::{AHEAD, ActivityFile};
use crate::activity::kin::{self, Kin};
use crate::error::StoreError;
use crate::ledger::Ledger;

/// Code of the fact that says so.
pub const LOST_FACTS: &str = "LOST_FACTS";

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostFacts {
    /// The newest fact that the ledger has; 0 where it has none.
    pub kept: u64,
    /// The newest fact that it had.
    pub known: u64,
}

impl Ledger {
    /// What the activity log of the ledger's directory proves to be lost. Commits that the log had
    /// not heard of yet are not told.
    ///
    /// # Errors
    /// What SQLite says of either file; nothing is proved then.
    pub fn lost_facts(&self, dir: &Path) -> Result<Option<LostFacts>, StoreError> {
        let kept = self.last_fact_seq();
        Ok(match kin::of_dir(dir, &self.sql)? {
            Some(Kin::Ahead(known)) => Some(LostFacts { kept, known }),
            Some(Kin::Own | Kin::Other) | None => None,
        })
    }

    /// Goes on as a restored ledger does: the next epoch, a new id, every account disarmed, and a
    /// fact that says so. Then the log is set aside; gives its name, or none where that failed: the
    /// writer does it then.
    ///
    /// # Errors
    /// As [`Ledger::commit`].
    pub fn go_on_after_loss(
        &mut self,
        dir: &Path,
        lost: LostFacts,
        at: Timestamp,
    ) -> Result<Option<PathBuf>, StoreError> {
        let mut fact = Fact::new(at, FactKind::Restored, Source::Host);
        fact.code = LOST_FACTS.into();
        fact.text = format!(
            "the ledger has facts up to {}, the activity log knows them up to {}; every account is \
             disarmed",
            lost.kept, lost.known
        );
        self.begin_epoch_with(at, &fact)?;
        Ok(ActivityFile::open(dir, Some(0)).and_then(|file| file.leave(AHEAD)).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{ACTIVITY_FILE, ActivityLog, ActivityOptions};
    use crate::{Batch, FactFilter, OpenOptions};

    const SMALL: OpenOptions =
        OpenOptions { busy_ms: 20, ballast_bytes: 0, fixed_id: false, replaces_lost: false };

    fn commit(ledger: &mut Ledger, at: i64) {
        let fact = Fact::new(Timestamp(at), FactKind::Difference, Source::Host);
        ledger.commit(&Batch { facts: &[fact], ..Batch::new(Timestamp(at)) }).unwrap();
    }

    /// So many facts in a ledger and its activity log, then as many of its newest gone.
    fn after(dir: &Path, kept: i64, lost: i64) -> Ledger {
        let mut ledger = Ledger::open_with(dir, SMALL).unwrap();
        (1..=kept).for_each(|at| commit(&mut ledger, at));
        ledger.close().unwrap();
        let file = dir.join(crate::LEDGER_FILE);
        let whole = std::fs::read(&file).unwrap();
        let mut ledger = Ledger::open_with(dir, SMALL).unwrap();
        (1..=lost).for_each(|at| commit(&mut ledger, kept + at));
        let log = ActivityLog::start(dir, ActivityOptions::default()).unwrap();
        while log.status().up_to_fact < ledger.last_fact_seq() {
            std::thread::yield_now();
        }
        assert_eq!(log.shutdown(30_000), 0);
        drop(ledger);
        drop(std::fs::remove_file(dir.join("ledger.db-wal")));
        std::fs::write(file, whole).unwrap();
        Ledger::open_with(dir, SMALL).unwrap()
    }

    #[test]
    fn i3_a_ledger_behind_its_activity_log_begins_a_new_life_and_keeps_the_log() {
        for (kept, lost) in [(0, 3), (5, 1)] {
            let dir = tempfile::tempdir().unwrap();
            let mut ledger = after(dir.path(), kept, lost);
            let id = ledger.load().unwrap().ledger_id;
            let (kept, known) = (kept.unsigned_abs(), (kept + lost).unsigned_abs());
            let told = ledger.lost_facts(dir.path()).unwrap().unwrap();
            assert_eq!(told, LostFacts { kept, known });
            let aside = ledger.go_on_after_loss(dir.path(), told, Timestamp(99)).unwrap().unwrap();
            assert_eq!(aside, dir.path().join("activity.db.ahead-of-ledger"));
            assert!(aside.exists() && !dir.path().join(ACTIVITY_FILE).exists());
            let now = ledger.load().unwrap();
            assert_eq!((now.epoch, now.ledger_id == id), (1, false));
            let facts = ledger.facts(&FactFilter::default()).unwrap();
            let newest = facts.last().unwrap();
            assert_eq!((newest.seq, &*newest.fact.code), (kept + 1, LOST_FACTS));
            // The next fact has the next number.
            commit(&mut ledger, 100);
            assert_eq!(ledger.last_fact_seq(), kept + 2);
            assert_eq!(ledger.lost_facts(dir.path()).unwrap(), None);
        }
    }

    #[test]
    fn nothing_is_lost_where_the_log_knows_no_more_than_the_ledger_or_is_not_its_own() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(after(dir.path(), 4, 0).lost_facts(dir.path()).unwrap(), None);
        let other = tempfile::tempdir().unwrap();
        let ledger = after(other.path(), 2, 0);
        std::fs::copy(dir.path().join(ACTIVITY_FILE), other.path().join(ACTIVITY_FILE)).unwrap();
        assert_eq!(ledger.lost_facts(other.path()).unwrap(), None);
    }

    #[test]
    fn a_log_of_before_logs_had_an_owner_is_known_by_the_newest_fact_of_both() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = after(dir.path(), 5, 2);
        let log = rusqlite::Connection::open(dir.path().join(ACTIVITY_FILE)).unwrap();
        log.execute_batch("DROP TABLE owner").unwrap();
        let told = ledger.lost_facts(dir.path()).unwrap();
        assert_eq!(told, Some(LostFacts { kept: 5, known: 7 }));
        log.execute_batch("UPDATE activity SET at = at + 1").unwrap();
        assert_eq!(ledger.lost_facts(dir.path()).unwrap(), None);
    }
}
