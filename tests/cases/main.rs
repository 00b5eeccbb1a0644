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

/// Failures around orders and their changes.
mod original_orders;
/// Transcripts that are played and compared.
mod terminal;
/// The words of the transcripts.
mod words;
