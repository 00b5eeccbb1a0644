//! `bracketd plugin`: the components that speak to brokers.
//!
//! Apart because an integrator and an operator meet here: what a file is, and what an account runs.

mod swap;
mod test;

use clap::Subcommand;

use super::Common;
use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::Out;

/// Verbs about plugins.
#[derive(Debug, Subcommand)]
pub enum PluginVerb {
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

/// Runs the verb.
///
/// # Errors
/// Where the daemon is not reached, or the plugin is not taken.
pub fn run(verb: &PluginVerb, common: &Common, out: &Out) -> Result<Exit, Failure> {
    let client = || Client::find(common);
    match verb {
        PluginVerb::Swap(args) => swap::swap(args, &client()?, out),
        PluginVerb::Rollback(args) => swap::roll_back(args, &client()?, out),
        PluginVerb::Test(args) => test::run(args, out),
    }
}
