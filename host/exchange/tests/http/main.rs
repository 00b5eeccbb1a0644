//! The exchange as a client sees it: over HTTP, in this process, on loopback.
//!
//! One binary for wire, step protocol and restarts; the rules of the book have tables of their own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test helper that fails is a test that fails"
)]

mod feeds;
mod restart;
mod steps;
mod stream;
mod support;
mod wire;
