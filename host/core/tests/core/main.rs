//! The core from outside, without a thread, a clock or a socket: gate tables, lives of
//! transactions, and properties over orders of events.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, and says with what"
)]

mod bench_book;
mod control;
mod gate;
mod guards;
mod identity;
mod ladder;
mod lives;
mod look_ups;
mod outside;
mod pace;
mod properties;
mod properties_lives;
mod properties_mirror;
mod protocol;
mod read_back;
mod seeds;
mod standing;
mod tables;
mod urgency;
