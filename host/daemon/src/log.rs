//! Where the daemon's own words go: standard error, for people on a terminal, else one JSON object
//! a line.
//!
//! Apart because it is set up once per process. Trading facts never travel this way; they are in
//! the ledger.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The variable with the levels.
const LEVELS: &str = "BRACKETD_LOG";

/// Sets the log up. `BRACKETD_LOG` takes levels as `tracing` writes them, such as `debug` or
/// `bracketd=debug,info`; where it cannot be read, `info` is taken and the log says so. A log that
/// was set up before stays.
pub fn start() {
    let asked = std::env::var(LEVELS).ok();
    let filter = asked.as_deref().map(EnvFilter::try_new);
    let is_unread = matches!(filter, Some(Err(_)));
    let filter = filter.and_then(Result::ok).unwrap_or_else(|| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        let is_colored = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        builder.with_target(false).with_ansi(is_colored).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    if let Err(error) = started {
        tracing::debug!(error, "the log was set up before");
    }
    if is_unread {
        let levels = asked.unwrap_or_default();
        tracing::warn!(levels, "{LEVELS} cannot be read as levels; info is taken");
    }
}
