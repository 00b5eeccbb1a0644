//! Seeded histories: the real engine step, ledger SQL and policies against the paper exchange's
//! matching book, with faults between them.
//!
//! Apart because here time, answers and crashes come from a seed: the same seed gives the same
//! history, to the last order (I15). Nothing in it may read a clock or start a thread.

pub mod broker;
mod budget;
mod convert;
pub mod coverage;
mod disk;
pub mod fault;
pub mod histogram;
pub mod history;
mod market;
mod oracle;
mod people;
pub mod runner;
mod scripts;
pub mod shrink;
pub mod stage;
mod trace;
mod world;

pub use oracle::Violation;
pub use scripts::Scripts;
pub use world::Limits;
