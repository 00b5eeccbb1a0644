//! A backup put in the place of the ledger, with a new epoch and every account disarmed.
//!
//! Apart because it is the one act that takes trading back in time: what was decided after the
//! backup is gone from the ledger and still stands at the broker. It never deletes the ledger that
//! it replaces, and whatever moment it is interrupted at, either the old ledger runs, or none does
//! until it is done again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use super::check::{Checked, Finding, check_file, check_open};
use super::error::ToolError;
use super::files::{self, Draft};
use super::{Summary, copy, open_file, status};
use crate::activity::ACTIVITY_FILE;
use crate::error::StoreError;
use crate::lock::{self, DirLock, Holder, LOCK_FILE};
use crate::open::{self, LEDGER_FILE};
use crate::{commit, epoch, load};

/// What a restore would do, for a person to look at before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The backup.
    pub backup: Summary,
    /// What its check found; nothing of it is damage.
    pub findings: Vec<Finding>,
    /// The ledger that it would replace; none where there is none or it cannot be read.
    pub present: Option<Summary>,
}

/// Who restores, and when.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The present moment.
    pub at: Timestamp,
    /// What is added to the names of the files that are kept, such as
    /// `.replaced-20261125T101500Z`.
    pub kept_suffix: &'a str,
    /// Who asked.
    pub actor: &'a str,
}

/// A restore that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The ledger as it is now.
    pub ledger: Summary,
    /// The accounts that it names; all are disarmed.
    pub accounts: Vec<String>,
    /// The files that were replaced, under their new names.
    pub kept: Vec<PathBuf>,
}

/// Looks at both ledgers and checks the backup; changes nothing.
///
/// # Errors
/// [`StoreError::AlreadyRunning`] while a daemon holds the directory, [`ToolError::Unsound`] when
/// the backup is damaged, [`ToolError::IsTheLedger`], and what the disk says.
pub fn preview(dir: &Path, from: &Path) -> Result<Preview, ToolError> {
    if let Holder::Process(pid) = lock::holder(dir)? {
        return Err(StoreError::AlreadyRunning { pid, path: dir.join(LOCK_FILE) }.into());
    }
    let ledger = dir.join(LEDGER_FILE);
    if is_same_file(&ledger, from) {
        return Err(ToolError::IsTheLedger(from.to_owned()));
    }
    let (backup, findings) = trusted(check_file(from)?)?;
    Ok(Preview { backup, findings, present: Summary::of(&ledger).ok() })
}

/// Puts the backup in the place of the ledger.
///
/// The backup is copied beside the ledger, brought up to date, checked, given the next epoch and a
/// new id, and every account in it is disarmed. Then the present ledger and its activity log get
/// other names, and the copy the ledger's. The activity log begins anew, from the restored facts.
///
/// # Errors
/// As [`preview`].
pub fn restore(dir: &Path, from: &Path, order: Order<'_>) -> Result<Restored, ToolError> {
    fs::create_dir_all(dir).map_err(|source| ToolError::file(dir, source))?;
    let _lock = DirLock::take(dir)?;
    let ledger = dir.join(LEDGER_FILE);
    if is_same_file(&ledger, from) {
        return Err(ToolError::IsTheLedger(from.to_owned()));
    }
    let (waiting, activity) = (files::restoring(dir), dir.join(ACTIVITY_FILE));
    let was_interrupted = waiting.exists();
    let draft = Draft::over(&waiting)?;
    let present = Summary::of(&ledger).map_or(0, |present| present.epoch);
    prepare(from, draft.path(), present, order)?;
    // From here on no daemon starts until the last line is done.
    draft.replace(&waiting)?;
    let kept = match files::keep(&[ledger.clone(), activity.clone()], order.kept_suffix) {
        Ok(kept) => kept,
        Err(error) => {
            // Nothing was taken from the present ledger: a daemon may start on it again.
            if !was_interrupted {
                files::remove(&waiting)?;
            }
            return Err(error);
        }
    };
    files::remove_database(&activity)?;
    files::put_in_place(dir)?;
    let sql = open_file(&ledger)?;
    let accounts = status::accounts(&sql)?.into_iter().map(|(name, _)| name).collect();
    Ok(Restored { ledger: Summary::read(&sql, &ledger)?, accounts, kept })
}

/// Makes the ledger that is to be put in place, and proves it.
fn prepare(from: &Path, to: &Path, present: u32, order: Order<'_>) -> Result<(), ToolError> {
    let source = open_file(from)?;
    let was = Summary::read(&source, from)?;
    let mut sql = copy::into_file(&source, from, to)?;
    open::migrate(&mut sql)?;
    begin_again(&mut sql, &was, present, order)?;
    drop(sql);
    trusted(check_open(open::open_reader(to)?, from)?).map(drop)
}

/// The next epoch, above that of the present ledger too, with the fact that says so.
fn begin_again(
    sql: &mut Connection,
    was: &Summary,
    present: u32,
    order: Order<'_>,
) -> Result<(), StoreError> {
    let unit = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
    epoch::begin(&unit, present)?;
    let mut fact = Fact::new(order.at, FactKind::Restored, Source::Manual(order.actor.to_owned()));
    fact.code = "RESTORED".into();
    fact.text = format!(
        "from {} (ledger {}, epoch {}, {} facts); every account is disarmed",
        was.path.display(),
        was.ledger_id,
        was.epoch,
        was.facts
    );
    commit::write_facts(&unit, load::last_fact_seq(&unit)? + 1, order.at, &[fact])?;
    Ok(unit.commit()?)
}

/// What a ledger is, unless it is damaged.
fn trusted(checked: Checked) -> Result<(Summary, Vec<Finding>), ToolError> {
    let is_damaged = checked.is_damaged();
    match checked.ledger {
        Some(ledger) if !is_damaged => Ok((ledger, checked.findings)),
        _ => Err(ToolError::Unsound { path: checked.path, findings: checked.findings }),
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}
