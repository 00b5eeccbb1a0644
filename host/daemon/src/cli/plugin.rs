//! `bracketd plugin`: what the plugins are, whether a file is one, what it says, which is pinned, and
//! which runs.
//!
//! Apart because an integrator and an operator meet here. Nothing here sends an order: `call` runs
//! the exports that read, in an instance of its own in which writes are denied.

mod build;
mod call;
mod check;
#[cfg(test)]
mod docs;
mod inspect;
mod list;
mod new;
mod pin;
mod swap;
mod target;
mod test;
mod toolchain;

use clap::Subcommand;

use super::Common;
use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::Out;

/// Verbs about plugins.
#[derive(Debug, Subcommand)]
pub enum PluginVerb {
    /// Write a new plugin's project: a complete one, to be made your broker's
    #[command(after_help = new::EXAMPLE)]
    New(new::NewArgs),
    /// Build a project's component, in Rust or JavaScript, and check it
    #[command(after_help = build::EXAMPLE)]
    Build(build::BuildArgs),
    /// List the accounts with the plugin that serves each
    #[command(after_help = "Example:\n  bracketd plugin list")]
    List,
    /// Tell everything that is wrong with a file; runs only what it says of itself
    #[command(after_help = "Example:\n  bracketd plugin check plugins/alpaca.wasm")]
    Check(target::FileArgs),
    /// Show what a file is: what it says of itself, imports, exports, sections
    #[command(after_help = "Example:\n  bracketd plugin inspect plugins/alpaca.wasm --json")]
    Inspect(target::FileArgs),
    /// Call an export that reads, with the account's settings and secrets
    #[command(after_help = call::EXAMPLE)]
    Call(call::CallArgs),
    /// Write a plugin's SHA-256 into the configuration, so that no other file is taken
    #[command(after_help = "Example:\n  bracketd plugin pin alpaca-paper")]
    Pin(pin::PinArgs),
    /// Let another plugin take an account over while trading goes on
    #[command(after_help = swap::EXAMPLE)]
    Swap(swap::SwapArgs),
    /// Back to the plugin that ran before
    #[command(after_help = "Example:\n  bracketd plugin rollback main")]
    Rollback(swap::RollbackArgs),
    /// Try a file in every trouble of a network and at every host call
    #[command(after_help = test::EXAMPLE)]
    Test(test::TestArgs),
}

/// Runs the verb. `check` ends with findings when the file cannot be loaded, `call` when the plugin
/// did not answer.
///
/// # Errors
/// Where a file cannot be read, the configuration is not right, the daemon is not reached, or what is
/// asked is not allowed.
pub fn run(verb: &PluginVerb, common: &Common, out: &Out) -> Result<Exit, Failure> {
    let client = || Client::find(common);
    match verb {
        PluginVerb::New(args) => new::run(args, out),
        PluginVerb::Build(args) => build::run(args, out),
        PluginVerb::List => list::run(common, out),
        PluginVerb::Check(args) => check::run(args, out),
        PluginVerb::Inspect(args) => inspect::run(args, out),
        PluginVerb::Call(args) => call::run(args, common, out),
        PluginVerb::Pin(args) => pin::run(args, common, out),
        PluginVerb::Swap(args) => swap::swap(args, &client()?, out),
        PluginVerb::Rollback(args) => swap::roll_back(args, &client()?, out),
        PluginVerb::Test(args) => test::run(args, out),
    }
}
