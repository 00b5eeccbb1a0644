//! The black-box tests: the real program, its files and its API, nothing inside it.
//!
//! Before adding one here: can it be a row in a crate's own tables? These tests start processes;
//! each of them must show something that only the whole program can.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, and says with what"
)]

/// What is said about wrong input, and that nothing is lost by it.
mod bad_input;
/// A secret that appears nowhere.
mod canary;
/// The kit that integrators run on their plugins.
mod conformance;
/// Kill switch, arming and the loss halt, down to the exchange.
mod control;
/// Bytes flipped, a log cut: refused by name or harmless.
mod damage;
/// The demo as a newcomer sees it.
mod demo;
/// The disk full, the ledger locked.
mod disk;
/// Which crate may know which: read from cargo, not from promises.
mod edges;
/// A crash at every named moment.
mod effects;
/// The limits that no script can switch off, from outside.
mod guards;
/// Directories, processes and requests that read like a terminal session.
mod harness;
/// The plugin in JavaScript, at the same work.
mod js_plugin;
/// SIGKILL at random, and what was promised before.
mod kill;
/// Backups, their restore, and ledgers that are not taken.
mod ledger_tools;
/// The main job: WAITING, change, fill, and the pair at the exchange.
mod main_job;
/// An exchange that is down, slow or talks nonsense.
mod outage;
/// SIGSTOP and SIGTERM.
mod pause;
/// Plugins listed, checked, called and pinned.
mod plugin_cli;
/// A plugin's project, written and built.
mod plugin_new;
/// Policies written, tested and checked.
mod policy_cli;
/// Policies frozen, thawed, given other values and looked up while they run.
mod policy_live;
/// Policies edited while they decide.
mod reload;
/// kill -9, restart, and the same story at both ends.
mod restart;
/// The simulation as a command.
mod sim_cli;
/// Policies saved at random while they decide.
mod storm;
/// Trade updates over a socket.
mod streams;
/// Plugins that take an account over while trading goes on.
mod swap;
/// Recorded prices in step with the daemon.
mod tape;
/// The terminal sessions of the documents, replayed.
mod transcripts;
