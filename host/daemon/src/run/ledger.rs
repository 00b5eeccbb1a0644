//! The ledger at a start: opened, or refused with its name and what to do.
//!
//! Apart because it comes before everything, and what is wrong with it is for people to settle. It
//! must never take the place of a ledger, nor go on with one that has lost commits as if it had not.

use std::path::Path;

use bracketd_store::activity::ACTIVITY_FILE;
use bracketd_store::{DirLock, LEDGER_FILE, Ledger, OpenOptions, StoreError};

use super::engine_thread::Clock;
use crate::config::Config;
use crate::guards;

/// The ledger of the data directory, once everything is guarded as configured (G14).
pub(super) fn open_ledger(
    config: &Config,
    lock: DirLock,
    replaces_lost: bool,
    clock: &Clock,
) -> anyhow::Result<Ledger> {
    for account in &config.accounts {
        guards::self_test(&account.name, &account.rules).map_err(anyhow::Error::msg)?;
    }
    let dir = &config.data_dir;
    let options = OpenOptions { replaces_lost, ..OpenOptions::default() };
    let mut ledger =
        Ledger::open_locked(dir, lock, options).map_err(|error| unusable(dir, error))?;
    go_on_after_loss(&mut ledger, dir, clock)?;
    Ok(ledger)
}

/// A ledger that has lost commits goes on disarmed and in another epoch: ids of what was lost would
/// be used a second time (I3).
fn go_on_after_loss(ledger: &mut Ledger, dir: &Path, clock: &Clock) -> anyhow::Result<()> {
    match ledger.lost_facts(dir) {
        Ok(None) => {}
        Ok(Some(lost)) => {
            let kept = ledger
                .go_on_after_loss(dir, lost, clock.now())
                .map_err(|error| unusable(dir, error))?;
            let kept = kept.unwrap_or_else(|| dir.join(ACTIVITY_FILE));
            tracing::error!(
                "the ledger has lost facts that were committed: it has them up to {}, the activity \
                 log up to {}. A new epoch begins and every account is disarmed, as after a restore; \
                 a kill switch or a change of the lost part is gone from the ledger too. What was \
                 lost stands in {}, which is kept; docs/operations.md says what to do, under `After \
                 a restore`",
                lost.kept,
                lost.known,
                kept.display()
            );
        }
        Err(why) => tracing::warn!(
            "the activity log cannot be asked whether the ledger has lost anything: {why}"
        ),
    }
    Ok(())
}

/// Why the ledger cannot be used, with its name and what to do: nobody guesses at three in the
/// morning, and nobody deletes a ledger to get the daemon to start.
pub(super) fn unusable(data_dir: &Path, error: StoreError) -> anyhow::Error {
    let file = data_dir.join(LEDGER_FILE);
    match error {
        StoreError::AlreadyRunning { .. }
        | StoreError::NewerSchema { .. }
        | StoreError::DamagedFile { .. }
        | StoreError::RestoreInterrupted { .. }
        | StoreError::LedgerMissing { .. }
        | StoreError::LedgerExists { .. }
        | StoreError::NotKept { .. }
        | StoreError::File { .. } => error.into(),
        StoreError::Busy => {
            anyhow::anyhow!("{}: {error}; end whoever holds it, then start again", file.display())
        }
        StoreError::Full => {
            anyhow::anyhow!("{}: {error}; make room on its disk, then start again", file.display())
        }
        StoreError::Damaged(_)
        | StoreError::BadValue { .. }
        | StoreError::TooLarge(_)
        | StoreError::OpConflict { .. }
        | StoreError::Migration(_)
        | StoreError::Sqlite(_) => anyhow::anyhow!(
            "the ledger {} cannot be used: {error}; it was left as it is. `bracketd db check` \
             says what is wrong with it, `bracketd db restore` puts a backup in its place",
            file.display()
        ),
    }
}
