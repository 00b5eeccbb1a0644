//! The failures that trading programs are known for, one after the other, with what is done here.
//!
//! `case_01` to `case_56` are failures of an earlier trading platform, told in its own log of
//! changes or read off its code; `broker_01` to `broker_35` are traps of brokers' interfaces that
//! users met. Where the platform was wrong, the transcript says what is right. Cases that are
//! proven elsewhere stand in the table of `elsewhere.rs`, and none is missing: `complete.rs`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, and says with what"
)]

/// Traps of Alpaca's interface around exits and their changes.
mod brokers_alpaca_changes;
/// Traps of Alpaca's interface around what it takes.
mod brokers_alpaca_rules;
/// Traps of other brokers, at accounts of their kind.
mod brokers_others;
/// No case is missing.
mod complete;
/// What is proven in a better place.
mod elsewhere;
/// Failures around orders and their changes.
mod original_orders;
/// Failures around lists, networks and positions.
mod original_positions;
/// Failures around what scripts and people asked for.
mod original_rules;
/// Failures around entries that had not filled.
mod original_waiting;
/// What a broker tells, by hand.
mod reports;
/// Transcripts that are played and compared.
mod terminal;
/// The words of the transcripts.
mod words;
