//! Which file or account a verb means, and the way from there to a plugin.
//!
//! Apart because every verb needs it. It reads files and compiles; it sends nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bracketd_account::{
    AccountConfig, ByHandError, CallOutcome, CallReport, Capabilities, ClockSource, Host, Limits,
    Plugin, PollConfig, call_by_hand, capabilities,
};
use clap::Args;
use serde_json::{Value, json};

use super::super::exit::{Exit, Failure};
use crate::config::Config;
use crate::config::resolved::AccountSettings;

/// A plugin's file.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The .wasm file
    pub file: PathBuf,
}

/// The bytes of a plugin's file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}", path.display()))
            .hint("name the .wasm file that the plugin's build wrote")
    })
}

/// The engine that runs plugins.
pub(super) fn host() -> Result<Host, Failure> {
    Host::new().map_err(|error| Failure::new(Exit::Refused, "NO_ENGINE", error.to_string()))
}

/// The plugin in a file.
pub(super) fn load(host: &Host, path: &Path) -> Result<Plugin, Failure> {
    let name = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    host.load(&read(path)?, &name).map_err(|error| {
        Failure::new(Exit::Findings, "BAD_PLUGIN", format!("{}: {error}", path.display()))
            .hint("`bracketd plugin check` tells everything that is wrong with it")
    })
}

/// What a plugin runs with that belongs to no account: it can reach nothing.
pub(super) fn bare() -> AccountConfig {
    AccountConfig {
        name: "by-hand".into(),
        settings: Vec::new(),
        secrets: BTreeMap::new(),
        grants: Vec::new(),
        limits: Limits::default(),
        poll: PollConfig::default(),
        kv: Vec::new(),
        clock: ClockSource::Wall,
        log: None,
        confirm: Vec::new(),
        hook: None,
    }
}

/// What a plugin says of itself, as the ABI has it.
pub(super) fn describe(host: &Host, plugin: &Plugin) -> Result<Value, Failure> {
    let report = call_by_hand(host, plugin, bare(), "describe", &json!({}));
    match report.map_err(|error| refused(&error))? {
        CallReport { outcome: CallOutcome::Answered(info), .. } => Ok(info),
        CallReport { outcome: CallOutcome::Refused(fault), .. } => Err(not_described(&fault)),
        CallReport { outcome: CallOutcome::Ended { message, .. }, .. } => {
            Err(not_described(&Value::String(message)))
        }
    }
}

/// What a plugin can do, by what it says of itself.
pub(super) fn can(host: &Host, plugin: &Plugin) -> Result<Capabilities, Failure> {
    capabilities(host, plugin, bare())
        .map_err(|error| Failure::new(Exit::Findings, "NOT_DESCRIBED", error.to_string()))
}

/// Why nothing was called.
pub(super) fn refused(error: &ByHandError) -> Failure {
    let (exit, code) = match error {
        ByHandError::Write { .. } => (Exit::Refused, "IS_A_WRITE"),
        ByHandError::NoSuchExport { .. } => (Exit::Usage, "NO_SUCH_EXPORT"),
        ByHandError::Arguments { .. } => (Exit::Usage, "BAD_ARGUMENTS"),
        ByHandError::Start(_) => (Exit::Findings, "NOT_STARTED"),
    };
    Failure::new(exit, code, error.to_string())
}

fn not_described(why: &Value) -> Failure {
    let text = why.as_str().map_or_else(|| why.to_string(), str::to_owned);
    let message = format!("the plugin does not describe itself: {text}");
    Failure::new(Exit::Findings, "NOT_DESCRIBED", message)
}

/// The account of that name.
pub(super) fn account<'a>(config: &'a Config, name: &str) -> Option<&'a AccountSettings> {
    config.accounts.iter().find(|account| account.name.as_str() == name)
}

/// What a plugin can do, as rows: `import bracketd:broker/http`.
pub(super) fn rows(can: &Capabilities) -> Vec<String> {
    can.change_from(&Capabilities::default()).more
}

/// The same as JSON.
pub(super) fn as_json(can: &Capabilities) -> Value {
    json!({ "imports": can.imports, "exports": can.exports, "features": can.features })
}

/// The first twelve digits, as digests are shown.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
