//! `bracketd plugin`: what the plugins are, whether a file is one, what it says, and which is pinned.
//!
//! Apart because it is about files of integrators.

mod build;
#[cfg(test)]
mod docs;
mod new;
mod toolchain;

use clap::Subcommand;

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
}

/// Runs the verb.
///
/// # Errors
/// Where a file or tool is missing, or what was built is no plugin.
pub fn run(verb: &PluginVerb, out: &Out) -> Result<Exit, Failure> {
    match verb {
        PluginVerb::New(args) => new::run(args, out),
        PluginVerb::Build(args) => build::run(args, out),
    }
}
