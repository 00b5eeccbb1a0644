//! Facts of the ledger that the activity log lacks.
//!
//! Apart because this is why losing activity loses no evidence: after a crash, an overflow or the
//! loss of the whole file, the ledger's facts come back from here. It only reads the ledger.

use std::path::Path;

use super::file::ActivityFile;
use super::queue::{Numbered, Shared};
use super::record::Record;
use crate::error::StoreError;
use crate::facts::FactFilter;
use crate::open::LEDGER_FILE;
use crate::reader::LedgerReader;

const CHUNK: u32 = 1_000;

/// The ledger to read from; none where there is no such file.
pub(crate) fn open<'l>(
    dir: &Path,
    ledger: &'l mut Option<LedgerReader>,
) -> Result<Option<&'l LedgerReader>, StoreError> {
    if ledger.is_none() && dir.join(LEDGER_FILE).exists() {
        *ledger = Some(LedgerReader::open(dir)?);
    }
    Ok(ledger.as_ref())
}

/// Writes the next facts beyond the file's cursor. Returns how many; zero when none are missing.
pub(crate) fn chunk(
    dir: &Path,
    ledger: &mut Option<LedgerReader>,
    file: &mut ActivityFile,
    shared: &Shared,
) -> Result<u64, StoreError> {
    let Some(ledger) = open(dir, ledger)? else { return Ok(0) };
    let filter = FactFilter { after_seq: file.cursor(), limit: CHUNK, ..FactFilter::default() };
    let missing: Vec<Numbered> = ledger
        .facts(&filter)?
        .into_iter()
        .map(|stored| (shared.take_seq(), Record::from_fact(&stored.fact, stored.seq)))
        .collect();
    if missing.is_empty() { Ok(0) } else { file.write(None, &missing) }
}
