//! The command line: one verb, one file.
//!
//! Apart from what it starts. Verbs that look at a running daemon are clients of its local API like
//! any other; only `db` opens the ledger itself, and only to read it while a daemon runs.

pub mod account;
pub mod activity;
pub mod client;
pub mod config;
mod confirm;
pub mod db;
pub mod exchange;
pub mod exit;
pub mod guard;
pub mod init;
pub mod kill;
pub mod output;
pub mod plugin;
pub mod policy;
pub mod portfolio;
pub mod run;
pub mod sim;
pub mod status;
pub mod table;
pub mod tx;

#[cfg(test)]
mod commands;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use client::Client;
use exit::{Exit, Failure};
use output::Out;
use run::Launch;

/// Keeps the stop-loss and take-profit of live trades.
///
/// Without a verb: runs ./bracketd.toml where there is one, else the demo, in which nothing can
/// reach a broker.
#[derive(Debug, Parser)]
#[command(name = "bracketd", version, max_term_width = 80, after_help = EXAMPLE)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Option<Verb>,
}

const EXAMPLE: &str = "\
Examples:
  bracketd                         the demo, or ./bracketd.toml
  bracketd init                    write a bracketd.toml to start from
  bracketd tx list                 what is held and how it is protected
  bracketd tx set 7 --stop 96.50   move a stop
  bracketd kill freeze --reason X  open nothing more, keep the stops

Exit codes: 0 done, 1 findings, 2 usage, 3 daemon not reached, 4 refused,
            5 changed by somebody else, 6 outcome unknown";

/// Flags of every verb.
#[derive(Debug, Args)]
pub struct Common {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Color the output
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: Color,
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The daemon's address; left out, daemon.json is looked for
    #[arg(long, global = true, env = "BRACKETD_URL", value_name = "URL")]
    url: Option<String>,
    /// The daemon's token; goes with --url
    #[arg(skip)]
    token: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    /// When it goes to a terminal and NO_COLOR is not set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the daemon
    Run(run::RunArgs),
    /// Write a configuration to start from
    Init(init::InitArgs),
    /// Check the configuration, or print its schema
    #[command(subcommand)]
    Config(config::ConfigVerb),
    /// Run the paper exchange by itself
    Exchange(exchange::ExchangeArgs),
    /// Look at transactions and change them
    #[command(subcommand)]
    Tx(tx::TxVerb),
    /// Look at the policies
    #[command(subcommand)]
    Policy(policy::PolicyVerb),
    /// Look at what happened
    #[command(subcommand)]
    Activity(activity::ActivityVerb),
    /// Look at accounts, arm and disarm them, compare them with the broker
    #[command(subcommand)]
    Account(account::AccountVerb),
    /// Stop trading, in four steps, or let it go on
    #[command(subcommand)]
    Kill(kill::KillVerb),
    /// Look at the ledger itself: check, back up, restore, export
    #[command(subcommand)]
    Db(db::DbVerb),
    /// The limits that no script can switch off
    #[command(subcommand)]
    Guard(guard::GuardVerb),
    /// How the daemon is, and what is not protected
    #[command(after_help = "Example:\n  bracketd status")]
    Status,
    /// What the accounts hold and risk
    #[command(after_help = "Example:\n  bracketd portfolio --json")]
    Portfolio,
    /// The components that speak to brokers: write, check, call, pin and swap them
    #[command(subcommand)]
    Plugin(plugin::PluginVerb),
    /// Try seeded histories of faults against the engine; needs no daemon
    #[command(subcommand)]
    Sim(sim::SimVerb),
}

/// What is left to do after the command line was read.
#[derive(Debug)]
pub enum Next {
    /// Nothing; the process ends like this.
    Exit(Exit),
    /// The daemon runs.
    Daemon(Box<Launch>),
}

/// Does what the command line says. Messages go to standard error, data to standard output.
pub fn start(mut cli: Cli) -> Next {
    match cli.common.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let out = Out::new(cli.common.json);
    cli.common.token = std::env::var("BRACKETD_TOKEN").ok();
    start_with(cli, &out)
}

fn start_with(cli: Cli, out: &Out) -> Next {
    dispatch(cli.verb, &cli.common, out).unwrap_or_else(|failure| {
        out.failure(&failure);
        Next::Exit(failure.exit)
    })
}

fn dispatch(verb: Option<Verb>, common: &Common, out: &Out) -> Result<Next, Failure> {
    let client = || Client::find(common);
    let exit = match verb {
        None => return run::default(common, out).map(daemon),
        Some(Verb::Run(args)) => return run::run(&args, common, out).map(daemon),
        Some(Verb::Init(args)) => init::run(&args, out)?,
        Some(Verb::Config(verb)) => config::run(&verb, common, out)?,
        Some(Verb::Exchange(args)) => exchange::run(&args, out)?,
        Some(Verb::Tx(verb)) => tx::run(&verb, &client()?, out)?,
        Some(Verb::Policy(verb)) => policy::run(&verb, common, out)?,
        Some(Verb::Activity(verb)) => activity::run(&verb, &client()?, out)?,
        Some(Verb::Account(verb)) => account::run(&verb, &client()?, out)?,
        Some(Verb::Kill(verb)) => {
            kill::run(&verb, client(), client::data_dir(common).as_deref(), out)?
        }
        Some(Verb::Db(verb)) => db::run(&verb, common, out)?,
        Some(Verb::Guard(verb)) => guard::run(&verb, common, out)?,
        Some(Verb::Status) => status::run(&client()?.hurried(out), out)?,
        Some(Verb::Portfolio) => portfolio::run(&client()?, out)?,
        Some(Verb::Plugin(verb)) => plugin::run(&verb, common, out)?,
        Some(Verb::Sim(verb)) => sim::run(&verb, out)?,
    };
    Ok(Next::Exit(exit))
}

fn daemon(launch: Launch) -> Next {
    Next::Daemon(Box::new(launch))
}
