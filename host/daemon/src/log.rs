//! Where the daemon's own words go: standard error, for people on a terminal, else one JSON object
//! a line.
//!
//! Apart because it is set up once per process. Trading facts never travel this way; they are in
//! the ledger.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sets the log up. `BRACKETD_LOG` takes levels as `tracing` writes them, such as `debug` or
/// `bracketd=debug,info`.
///
/// # Errors
/// Where a log was set up before, or the variable cannot be read as levels.
pub fn start() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = match std::env::var("BRACKETD_LOG") {
        Ok(levels) => EnvFilter::try_new(&levels)
            .map_err(|e| format!("BRACKETD_LOG=\"{levels}\" cannot be read: {e}"))?,
        Err(_) => EnvFilter::new("info"),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        let is_colored = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        builder.with_target(false).with_ansi(is_colored).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    }
}
