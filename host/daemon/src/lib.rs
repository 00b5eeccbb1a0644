//! bracketd: the daemon that keeps the stop-loss and take-profit of live trades.
//!
//! This crate is the outermost floor: configuration, command line, local HTTP API, file watching
//! and threads. What may be done to a trade is decided in `bracketd-core`, never here.

pub mod config;
