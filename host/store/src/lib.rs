//! The two files of bracketd: the ledger, which proves every trading change, and the activity log,
//! which people watch.
//!
//! They never share a file, a lock or a thread: the ledger has one owner, the engine, and
//! commits with `synchronous=FULL` before anything is sent (I3); activity is written behind the
//! engine's back, counts what it loses and never delays a commit (I12).
//!
//! Reading order: [`batch`] (what is written and read), [`ledger`] (the owner), [`reader`] (for
//! everybody else); then [`activity`]. What an operator does by hand is in [`tools`].

pub mod activity;
mod ballast;
pub mod batch;
mod behind;
mod commit;
pub mod effect;
mod epoch;
pub mod error;
pub mod facts;
pub mod ledger;
mod load;
mod lock;
mod lost;
mod open;
pub mod reader;
mod rows;
mod shadow;
#[cfg(test)]
mod tests;
pub mod tools;

pub use ballast::{BALLAST_FILE, SpareRoom};
pub use batch::{
    AccountState, Batch, Committed, ENDED_KEPT, KvEntry, Loaded, PolicyFreeze, PolicyParams,
    PolicyState, PolicyVersion,
};
pub use behind::{LOST_FACTS, LostFacts};
pub use error::StoreError;
pub use facts::{FactFilter, StoredFact};
pub use ledger::Ledger;
pub use lock::{DirLock, Holder, LOCK_FILE};
pub use open::{LEDGER_FILE, OpenOptions};
pub use reader::LedgerReader;
