//! `bracketd policy`: which versions decide, why a newer one does not, and everything that somebody
//! needs who writes one.
//!
//! Apart because it is about files of the risk team. It never makes a version decide by itself; a
//! reload goes through the daemon's own checks.

mod about;
mod check;
mod docs;
pub(crate) mod explain;
mod files;
mod list;
mod new;
#[cfg(test)]
mod page;
mod params;
mod show;
mod test;
mod thaw;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Common;
use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::Out;
use params::ParamsArgs;
use thaw::ThawArgs;

/// Verbs about policies.
#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// List the policies with the version that decides
    #[command(after_help = "Example:\n  bracketd policy list")]
    List,
    /// Check policies, their tests included; needs no daemon
    #[command(after_help = CHECK_EXAMPLE)]
    Check(CheckArgs),
    /// Run the tests of policies; needs no daemon
    #[command(after_help = test::EXAMPLE)]
    Test(test::TestArgs),
    /// Write a policy to start from, with its tests
    #[command(after_help = new::EXAMPLE)]
    New(new::NewArgs),
    /// What a script can write: events, functions, objects
    #[command(after_help = docs::EXAMPLE)]
    Docs(docs::DocsArgs),
    /// What the code of a finding means
    #[command(after_help = "Example:\n  bracketd policy explain P004")]
    Explain {
        /// The code, such as P004
        code: String,
    },
    /// Have the daemon read the directory again now
    #[command(after_help = "Example:\n  bracketd policy reload && echo taken")]
    Reload,
    /// The values that a policy decides with, and where each comes from
    #[command(after_help = "\
Examples:
  bracketd policy params trailing_stop
  bracketd policy params trailing_stop --tx 42")]
    Params(ParamsArgs),
    /// The text of a version that was taken once
    #[command(after_help = show::EXAMPLE)]
    Show(show::ShowArgs),
    /// Ask a policy again that failed too often
    #[command(after_help = "\
Examples:
  bracketd policy thaw trailing_stop --reason 'the feed is mended'
  bracketd policy thaw trailing_stop 42 --reason 'looked at it'")]
    Thaw(ThawArgs),
}

const CHECK_EXAMPLE: &str = "\
Examples:
  bracketd policy check policies
  bracketd policy check policies/trailing_stop.rhai --json
  bracketd policy check --stdin --name trailing_stop policies < buffer";

/// What to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The directory, or one file of it; left out, the configuration's directory
    path: Option<PathBuf>,
    /// Check what comes in instead of the file: what an editor has not saved yet
    #[arg(long, requires = "name")]
    stdin: bool,
    /// The policy whose text comes in, NAME_test for its tests, or lib/NAME for a library
    #[arg(long, value_name = "NAME", requires = "stdin")]
    name: Option<String>,
}

/// Runs the verb. Ends with findings when a newest version is refused or a test fails.
///
/// # Errors
/// Where the daemon is not reached, or there is nothing to look at.
pub fn run(verb: &PolicyVerb, common: &Common, out: &Out) -> Result<Exit, Failure> {
    match verb {
        PolicyVerb::List => list::listed(&Client::find(common)?, out),
        PolicyVerb::Check(args) => {
            let path = args.path.as_deref();
            let (mut sources, library) = match &args.name {
                Some(name) => {
                    let library = name.trim_end_matches(".rhai").strip_prefix("lib/");
                    (files::buffer(name, path, common, out)?, library.map(str::to_owned))
                }
                None => {
                    let library = path.filter(|path| path.is_file()).and_then(files::library);
                    (files::read(path, common, out)?, library.map(|(_, name)| name))
                }
            };
            let settings = files::Settings::read(common, out)?;
            sources.accounts.clone_from(&settings.accounts);
            check::run(&sources, library.as_deref(), &settings, out)
        }
        PolicyVerb::Test(args) => test::run(args, &files::read(args.path(), common, out)?, out),
        PolicyVerb::New(args) => new::run(args, common, out),
        PolicyVerb::Docs(args) => docs::run(args, out),
        PolicyVerb::Explain { code } => explain::run(code, out),
        PolicyVerb::Reload => list::reload(&Client::find(common)?, out),
        PolicyVerb::Params(args) => params::run(args, &Client::find(common)?, out),
        PolicyVerb::Show(args) => show::run(args, &Client::find(common)?, out),
        PolicyVerb::Thaw(args) => thaw::run(args, &Client::find(common)?, out),
    }
}
