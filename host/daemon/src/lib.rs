//! bracketd: the daemon that keeps the stop-loss and take-profit of live trades.
//!
//! This crate is the outermost floor: configuration, command line, local HTTP API, file watching
//! and threads. What may be done to a trade is decided in `bracketd-core`, never here.

pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon_file;
pub mod demo;
pub mod effect;
#[cfg(test)]
mod fixtures;
pub mod guards;
pub mod http;
pub mod log;
pub mod message;
pub mod plugin_record;
pub mod render;
pub mod run;
pub mod serve;
pub mod view;
mod vital;
pub mod watch;
