//! Whether a data directory has lost its ledger.
//!
//! Apart because an empty ledger looks like a first start: accounts armed as configured, no kill
//! switch, no stop to look after. It must never take a directory that was used for a new one.

use std::path::{Path, PathBuf};

use crate::activity::ACTIVITY_FILE;
use crate::ballast::BALLAST_FILE;
use crate::epoch;
use crate::error::StoreError;
use crate::open::{self, LEDGER_FILE, OpenOptions};
use crate::tools::files;

/// The empty ledger until it has its name.
const FRESH: &str = "ledger.db.new";

/// What the ledger of a directory is before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// It is there.
    There,
    /// There never was one.
    Never,
    /// There was one; somebody said to go on without it.
    Lost,
}

/// Looks at what stands in the directory.
///
/// # Errors
/// [`StoreError::LedgerMissing`] where the directory was used and nobody said to go on without its
/// ledger, [`StoreError::LedgerExists`] where somebody did and it is there.
pub(crate) fn look(dir: &Path, replaces_lost: bool) -> Result<Before, StoreError> {
    let path = dir.join(LEDGER_FILE);
    let found = std::fs::metadata(&path).ok().map(|meta| meta.len());
    if found.is_some_and(|bytes| bytes > 0) {
        return if replaces_lost {
            Err(StoreError::LedgerExists { path })
        } else {
            Ok(Before::There)
        };
    }
    match sign_of_use(dir)? {
        None => Ok(Before::Never),
        Some(_) if replaces_lost => Ok(Before::Lost),
        Some(sign) => Err(StoreError::LedgerMissing { path, is_empty: found.is_some(), sign }),
    }
}

/// A file that only stands beside a ledger that was written: the activity log, the ballast, the
/// ledger's own log, a copy that was kept. A first start makes all of them after its ledger.
fn sign_of_use(dir: &Path) -> Result<Option<String>, StoreError> {
    let failed = |source| StoreError::file(dir, source);
    let kept = format!("{LEDGER_FILE}.");
    let log = format!("{LEDGER_FILE}-wal");
    let is_sign = |name: &str| {
        name == ACTIVITY_FILE || name == BALLAST_FILE || name == log || name.starts_with(&kept)
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        names.extend(is_sign(&name).then_some(name));
    }
    Ok(names.into_iter().min())
}

/// Puts an empty ledger in the place of the lost one, in the next epoch and with every account
/// disarmed. It gets its name only when it is that; what is left of the lost one's log is kept.
///
/// # Errors
/// What the disk and the database say; then the directory is as before.
pub(crate) fn replace(dir: &Path, options: OpenOptions) -> Result<(), StoreError> {
    let (ledger, fresh) = (dir.join(LEDGER_FILE), dir.join(FRESH));
    for suffix in ["", "-wal", "-shm"] {
        // What an interrupted one has left, if anything.
        let _gone = std::fs::remove_file(files::beside(&fresh, suffix));
    }
    let sql = open::open(&fresh, options)?;
    epoch::begin(&sql, 0)?;
    // Its last connection leaves everything in the one file.
    sql.close().map_err(|(_, error)| error)?;
    let step = |from: &Path, to: &Path| match std::fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::file(from, error))
        }
        Ok(()) | Err(_) => Ok(()),
    };
    let log: PathBuf = files::beside(&ledger, "-wal");
    step(&log, &files::beside(&log, ".lost"))?;
    let _index = std::fs::remove_file(files::beside(&ledger, "-shm"));
    step(&fresh, &ledger)?;
    files::sync_dir(&ledger).map_err(|source| StoreError::file(dir, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ledger, tools};

    const SMALL: OpenOptions =
        OpenOptions { busy_ms: 20, ballast_bytes: 1_000, fixed_id: false, replaces_lost: false };

    #[test]
    fn a_used_directory_without_its_ledger_is_refused_and_left_as_it_is() {
        for word in ["missing", "empty"] {
            for sign in [ACTIVITY_FILE, BALLAST_FILE, "ledger.db-wal", "ledger.db.before-v3"] {
                let dir = tempfile::tempdir().unwrap();
                drop(Ledger::open_with(dir.path(), OpenOptions { ballast_bytes: 0, ..SMALL }));
                std::fs::write(dir.path().join(sign), "used").unwrap();
                let ledger = dir.path().join(LEDGER_FILE);
                std::fs::remove_file(&ledger).unwrap();
                if word == "empty" {
                    std::fs::write(&ledger, "").unwrap();
                }
                let error = Ledger::open_with(dir.path(), SMALL).unwrap_err().to_string();
                for part in [word, sign, "db restore FILE", "--new-ledger"] {
                    assert!(error.contains(part), "{sign}: {error}");
                }
                let found = std::fs::metadata(&ledger).ok();
                assert_eq!(found.map(|meta| meta.len()), (word == "empty").then_some(0), "{sign}");
            }
        }
    }

    #[test]
    fn an_empty_one_in_its_place_has_every_account_disarmed_and_keeps_the_lost_ones_log() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(BALLAST_FILE), "used").unwrap();
        std::fs::write(dir.path().join("ledger.db-wal"), "commits").unwrap();
        let wish = OpenOptions { replaces_lost: true, ..SMALL };
        let ledger = Ledger::open_with(dir.path(), wish).unwrap();
        assert_eq!(ledger.load().unwrap().epoch, 1, "in an epoch above 0 nothing is armed");
        drop(ledger);
        let kept = std::fs::read(dir.path().join("ledger.db-wal.lost")).unwrap();
        assert_eq!(kept, b"commits");
        assert!(tools::check::check_dir(dir.path()).unwrap().findings.is_empty());
        let error = Ledger::open_with(dir.path(), wish).unwrap_err();
        assert!(matches!(error, StoreError::LedgerExists { .. }), "{error}");
        assert_eq!(Ledger::open_with(dir.path(), SMALL).unwrap().load().unwrap().epoch, 1);
    }

    #[test]
    fn a_first_start_is_a_first_start_also_with_a_lock_and_a_kill_file() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["bracketd.lock", "KILL", LEDGER_FILE] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(Ledger::open_with(dir.path(), SMALL).unwrap().load().unwrap().epoch, 0);
    }
}
