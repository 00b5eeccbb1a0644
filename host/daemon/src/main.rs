//! The `bracketd` program.

use std::process::ExitCode;

use bracketd::cli::{Cli, Next, start};
use clap::Parser;

fn main() -> ExitCode {
    match start(Cli::parse()) {
        Next::Exit(exit) => exit.into(),
        Next::Daemon(launch) => {
            eprintln!("{launch:?}");
            ExitCode::FAILURE
        }
    }
}
