//! The running daemon: its threads, and what passes between them.
//!
//! Apart from the crates below because this is the only place with threads and channels around
//! them. It decides nothing about a trade.

mod account_log;
mod alerts;
mod answers;
mod arming;
mod budget;
mod compare;
mod engine_thread;
mod entries;
mod exposed;
mod kill_file;
mod ledger;
mod plugins;
mod policies;
mod records;
mod report;
mod shutdown;
mod start;
mod swaps;
mod tape;
mod upkeep;
mod values;

pub use arming::{ArmedBy, Decision};
pub use engine_thread::{Clock, EngineThread, Identity};
pub use entries::{Distances, Entries, EntriesError};
pub use kill_file::{NAME as KILL_FILE, look as look_at_kill_file};
pub use policies::{PolicyBuilder, sources};
pub use report::TapeReport;
pub use start::{Plan, Running, account_config, hold, start};
pub use tape::{TapeDriver, TapeError};
pub use values::VALUES_FILE;
