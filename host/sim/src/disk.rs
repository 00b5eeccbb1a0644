//! Where the ledger of a history lives: in memory, or now and then in a file whose last commit is
//! torn by a crash.
//!
//! Apart because a crash takes from a disk only what was not yet said to be written.

use bracketd_store::{Ledger, StoreError};

/// The ledger between two lives of a daemon.
#[derive(Debug)]
pub(crate) struct Disk {
    kept: Option<Ledger>,
}

impl Disk {
    pub(crate) fn new(_seed: u64) -> Self {
        Self { kept: None }
    }

    pub(crate) fn is_file(&self) -> bool {
        false
    }

    /// The ledger as the last life left it.
    pub(crate) fn open(&mut self) -> Result<Ledger, StoreError> {
        match self.kept.take() {
            Some(ledger) => Ok(ledger),
            None => Ledger::in_memory(),
        }
    }

    pub(crate) fn before_step(&mut self) {}

    /// What is left of it after a crash.
    pub(crate) fn crash(&mut self, ledger: Ledger) {
        ledger.refuse_writes(false);
        self.kept = Some(ledger);
    }
}
