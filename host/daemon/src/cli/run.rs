//! `bracketd run` and bare `bracketd`: what is to be run, decided before anything starts.
//!
//! Apart from running it: this only reads the command line and the configuration, and hands on
//! plain data.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use bracketd_core::Decimal;
use bracketd_core::ids::PolicyName;
use clap::Args;

use super::Common;
use super::client::{CONFIG_FILE, DEMO_DIR};
use super::config::{load, path};
use super::exit::Failure;
use super::output::Out;
use crate::config::{Config, units};

/// How the daemon is run.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bracketd run --config /etc/bracketd/bracketd.toml
  bracketd run --demo --fresh
  bracketd run --tape btc.csv --entries every=500 --policy trailing_stop")]
pub struct RunArgs {
    /// Run the demo, even where there is a configuration
    #[arg(long, conflicts_with_all = ["config", "tape"])]
    demo: bool,
    /// Start the demo or the tape over instead of going on
    #[arg(long)]
    fresh: bool,
    /// Begin an empty ledger where the data directory has lost its own; every account is disarmed
    #[arg(long, conflicts_with_all = ["demo", "tape"])]
    new_ledger: bool,
    /// Recorded prices to run on; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    tape: Vec<PathBuf>,
    #[command(flatten)]
    tape_args: TapeArgs,
}

/// How a tape is run.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --tape")]
struct TapeArgs {
    /// "max", or so many times the recorded pace
    #[arg(long, default_value = "max", value_name = "max|N", requires = "tape")]
    speed: Speed,
    /// Splits to undo in daily bars
    #[arg(long, value_name = "FILE", requires = "tape")]
    splits: Option<PathBuf>,
    /// Entries: a file (time,symbol,side,quantity,stop,target), or every=N prices
    #[arg(long, value_name = "FILE|every=N", requires = "tape")]
    entries: Option<Entries>,
    /// Quantity of entries made by every=N
    #[arg(long, default_value = "10", value_name = "QUANTITY", requires = "tape")]
    quantity: Decimal,
    /// Distance of their stops
    #[arg(long, default_value = "1%", value_name = "PERCENT", requires = "tape",
          value_parser = units::percent)]
    stop_distance: Decimal,
    /// Distance of their targets
    #[arg(long, default_value = "2%", value_name = "PERCENT", requires = "tape",
          value_parser = units::percent)]
    target_distance: Decimal,
    /// A policy that looks after the entries; may be repeated
    #[arg(long = "policy", value_name = "NAME", requires = "tape")]
    policies: Vec<String>,
    /// Directory of the policies
    #[arg(long, value_name = "DIR", default_value = "policies", requires = "tape")]
    policies_dir: PathBuf,
    /// Where ledger, activity and the exchange's book are kept
    #[arg(long, value_name = "DIR", default_value = "bracketd-tape", requires = "tape")]
    dir: PathBuf,
}

/// What is to be run.
#[derive(Debug)]
pub enum Launch {
    /// The demo.
    Demo(Demo),
    /// The accounts of a configuration.
    Accounts {
        /// The configuration.
        config: Box<Config>,
        /// Whether an empty ledger takes the place of a lost one.
        new_ledger: bool,
    },
    /// Recorded prices.
    Tape(TapeRun),
}

/// The demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demo {
    /// Where everything of it is kept.
    pub dir: PathBuf,
    /// Whether it starts over.
    pub is_fresh: bool,
}

/// A run on recorded prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeRun {
    /// The tapes.
    pub files: Vec<PathBuf>,
    /// Splits to undo in daily bars.
    pub splits: Option<PathBuf>,
    /// How fast.
    pub speed: Speed,
    /// What is entered; none enters nothing by itself.
    pub entries: Option<Entries>,
    /// Quantity of entries made at intervals.
    pub quantity: Decimal,
    /// Distance of their stops from the entry, in percent.
    pub stop_percent: Decimal,
    /// Distance of their targets from the entry, in percent.
    pub target_percent: Decimal,
    /// Policies that look after the entries.
    pub policies: Vec<PolicyName>,
    /// Directory of the policies.
    pub policies_dir: PathBuf,
    /// Where ledger, activity and the exchange's book are kept.
    pub dir: PathBuf,
    /// Whether it starts over.
    pub is_fresh: bool,
}

/// How fast a tape goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// Each step as soon as the one before is worked off.
    Max,
    /// So many times the recorded pace.
    Times(u32),
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "max" => Ok(Self::Max),
            Ok(times) if times > 0 => Ok(Self::Times(times)),
            _ => Err("write max, or a whole number above zero such as 60".to_owned()),
        }
    }
}

/// What is entered on a tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entries {
    /// What the file says.
    File(PathBuf),
    /// One entry at every so many prices of a symbol, long and short in turn.
    Every(u32),
}

impl FromStr for Entries {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("every=") {
            None => Ok(Self::File(text.into())),
            Some(count) => match count.parse() {
                Ok(count) if count > 0 => Ok(Self::Every(count)),
                _ => Err("write a whole number above zero, such as every=500".to_owned()),
            },
        }
    }
}

/// What bare `bracketd` runs: the configuration where there is one, else the demo.
///
/// # Errors
/// Where the configuration is not right.
pub fn default(common: &Common, out: &Out) -> Result<Launch, Failure> {
    if common.config.is_some() || Path::new(CONFIG_FILE).exists() {
        return accounts(common, false, out);
    }
    Ok(Launch::Demo(Demo { dir: DEMO_DIR.into(), is_fresh: false }))
}

/// What `bracketd run` runs.
///
/// # Errors
/// Where the configuration is not right or the flags do not fit together.
pub fn run(args: &RunArgs, common: &Common, out: &Out) -> Result<Launch, Failure> {
    if args.demo {
        return Ok(Launch::Demo(Demo { dir: DEMO_DIR.into(), is_fresh: args.fresh }));
    }
    if !args.tape.is_empty() {
        return Ok(Launch::Tape(tape(args)));
    }
    if args.fresh {
        let message = "--fresh goes with --demo or --tape: a ledger of real trades is kept";
        return Err(Failure::usage(message).hint("to start over, name another data_dir"));
    }
    accounts(common, args.new_ledger, out)
}

fn accounts(common: &Common, new_ledger: bool, out: &Out) -> Result<Launch, Failure> {
    let config = Box::new(load(&path(common), out)?);
    Ok(Launch::Accounts { config, new_ledger })
}

fn tape(args: &RunArgs) -> TapeRun {
    let how = &args.tape_args;
    TapeRun {
        files: args.tape.clone(),
        splits: how.splits.clone(),
        speed: how.speed,
        entries: how.entries.clone(),
        quantity: how.quantity,
        stop_percent: how.stop_distance,
        target_percent: how.target_distance,
        policies: how.policies.iter().map(|name| PolicyName::new(name)).collect(),
        policies_dir: how.policies_dir.clone(),
        dir: how.dir.clone(),
        is_fresh: args.fresh,
    }
}
