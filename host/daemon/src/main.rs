//! The `bracketd` program.

use std::process::ExitCode;

#[cfg(debug_assertions)]
use bracketd::cli::exit::Exit;
use bracketd::cli::{Cli, Next, start};
use bracketd::serve::serve;
use clap::Parser;

fn main() -> ExitCode {
    #[cfg(debug_assertions)]
    match bracketd::effect::start() {
        Ok(None) => {}
        Ok(Some(list)) => {
            anstream::println!("{list}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            anstream::eprintln!("error: {error}");
            return Exit::Usage.into();
        }
    }
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
