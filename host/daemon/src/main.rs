//! The `bracketd` program.

use std::process::ExitCode;

use bracketd::cli::{Cli, Next, start};
use bracketd::serve::serve;
use clap::Parser;

fn main() -> ExitCode {
    match start(Cli::parse()) {
        Next::Exit(exit) => exit.into(),
        Next::Daemon(launch) => {
            bracketd::log::start();
            match serve(*launch) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    anstream::eprintln!("error: {error:#}");
                    ExitCode::FAILURE
                }
            }
        }
    }
}
