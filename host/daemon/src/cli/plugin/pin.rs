//! `bracketd plugin pin`: which file an account takes, and no other.
//!
//! Apart because it is a grant: what a plugin may reach stands in the configuration, and the pin says
//! for which bytes. What the new file can do that the old one could not is shown first.

mod edit;

use std::fs;
use std::io::Write;
use std::path::Path;

use bracketd_account::{CapabilityChange, Plugin};
use clap::Args;
use serde_json::{Value, json};

use super::super::Common;
use super::super::config as cli_config;
use super::super::confirm::confirm;
use super::super::exit::{Exit, Failure};
use super::super::output::Out;
use super::target;
use crate::config::resolved::AccountSettings;
use crate::config::{Config, check_text};
use crate::plugin_record::{self, PluginRecord};
use crate::render::printable;

/// What to pin.
#[derive(Debug, Args)]
pub struct PinArgs {
    /// An account, or a plugin's file: then every account that takes it
    target: String,
    /// Pin a file that can do more than the one before without being asked
    #[arg(long)]
    yes: bool,
}

/// What pinning one account comes to.
struct Pinned<'a> {
    account: &'a AccountSettings,
    change: Option<CapabilityChange>,
}

pub(super) fn run(args: &PinArgs, common: &Common, out: &Out) -> Result<Exit, Failure> {
    let path = cli_config::path_or_demo(common);
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}", path.display()))
            .hint("name the configuration with --config")
    })?;
    // Whether the files are those of the old pins is what is to be changed.
    let config = cli_config::meaning(check_text(&path, &text), &path, out)?;
    let accounts = meant(&args.target, &config)?;
    let host = target::host()?;
    let Some(file) = accounts.first().map(|account| account.plugin.clone()) else {
        return Err(Failure::usage("no account is meant"));
    };
    let plugin = target::load(&host, &file)?;
    let record = record_of(&host, &plugin)?;
    let pinned: Vec<Pinned<'_>> = accounts
        .into_iter()
        .map(|account| {
            let old = account.sha256.as_deref();
            let old = old.and_then(|digest| plugin_record::find(&config.data_dir, digest));
            let change = old.map(|old| record.capabilities().change_from(&old.capabilities()));
            Pinned { account, change }
        })
        .collect();
    confirm_more(&pinned, &plugin, &record, args.yes, out)?;
    let names: Vec<&str> = pinned.iter().map(|pin| pin.account.name.as_str()).collect();
    let edited = edit::pinned(&text, &names, plugin.digest())
        .ok_or_else(|| by_hand(&path, plugin.digest()))?;
    // What was written must mean what was meant, and nothing else.
    let after = check_text(&path, &edited).config;
    let is_pinned = |name: &&str| {
        let account = after.as_ref().and_then(|after| target::account(after, name));
        account.and_then(|account| account.sha256.as_deref()) == Some(plugin.digest())
    };
    if !names.iter().all(is_pinned) {
        return Err(by_hand(&path, plugin.digest()));
    }
    if edited != text {
        replace(&path, &edited)?;
    }
    plugin_record::write(&config.data_dir, plugin.digest(), &record);
    tell(&path, &plugin, &record, &pinned, out);
    Ok(Exit::Done)
}

/// Asks where the file can do more than the one before; what nobody knows counts as more.
fn confirm_more(
    pinned: &[Pinned<'_>],
    plugin: &Plugin,
    record: &PluginRecord,
    yes: bool,
    out: &Out,
) -> Result<(), Failure> {
    let changes = pinned.iter().filter_map(|pin| pin.change.as_ref());
    let more: Vec<&str> = changes.flat_map(|change| &change.more).map(String::as_str).collect();
    let is_other = |was: &str| was != plugin.digest();
    let is_unknown = |pin: &&Pinned<'_>| {
        pin.change.is_none() && pin.account.sha256.as_deref().is_some_and(is_other)
    };
    let what = match pinned.iter().find(is_unknown) {
        _ if !more.is_empty() => {
            format!("the file can do more than the one that was pinned: {}", more.join(", "))
        }
        Some(pin) => format!(
            "what the file that was pinned for {} could do is not known here; this one can: {}",
            pin.account.name,
            target::rows(&record.capabilities()).join(", ")
        ),
        None => return Ok(()),
    };
    confirm(&printable(&what), target::short(plugin.digest()), yes, out)
}

fn record_of(host: &bracketd_account::Host, plugin: &Plugin) -> Result<PluginRecord, Failure> {
    let (info, can) = (target::describe(host, plugin)?, target::can(host, plugin)?);
    let of = |key: &str| info.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(PluginRecord::new(of("name"), of("version"), plugin.abi(), can))
}

/// The accounts that are meant: the one of that name, or all that take that file.
fn meant<'a>(target: &str, config: &'a Config) -> Result<Vec<&'a AccountSettings>, Failure> {
    if let Some(account) = target::account(config, target) {
        return Ok(vec![account]);
    }
    let real = |path: &Path| fs::canonicalize(path).ok();
    let file = real(Path::new(target));
    let takes = |account: &&AccountSettings| file.is_some() && real(&account.plugin) == file;
    let accounts: Vec<&AccountSettings> = config.accounts.iter().filter(takes).collect();
    if !accounts.is_empty() {
        return Ok(accounts);
    }
    let rows: Vec<String> = config
        .accounts
        .iter()
        .map(|account| format!("{} ({})", account.name, account.plugin.display()))
        .collect();
    let message = format!("{target} is no account, nor the plugin of one");
    let hint = format!(
        "the accounts are: {}; to give one of them this file write plugin = {target:?} into its table, \
         then pin the account",
        rows.join(", ")
    );
    Err(Failure::usage(message).hint(hint))
}

/// Replaces the file as a whole, with the same permissions: half of it would start nothing.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    // Through a link, so that the link stays one.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = real.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = real.with_file_name(name);
    let written = fs::File::create(&fresh).and_then(|mut file| {
        file.set_permissions(fs::metadata(&real)?.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &real)
    });
    written.map_err(|error| {
        drop(fs::remove_file(&fresh));
        let message = format!("cannot write {}: {error}; it is as it was", real.display());
        Failure::new(Exit::Refused, "NOT_WRITTEN", message)
    })
}

fn by_hand(path: &Path, digest: &str) -> Failure {
    let message = format!("{} is written in a way that cannot be edited here", path.display());
    Failure::new(Exit::Refused, "NOT_EDITED", message)
        .hint(format!("write into the account's table: sha256 = \"{digest}\""))
}

fn tell(path: &Path, plugin: &Plugin, record: &PluginRecord, pinned: &[Pinned<'_>], out: &Out) {
    if out.is_json() {
        let row = |pin: &Pinned<'_>| {
            let change = pin.change.as_ref();
            json!({
                "account": pin.account.name.as_str(),
                "before": pin.account.sha256,
                "more": change.map(|change| &change.more),
                "less": change.map(|change| &change.less),
            })
        };
        return out.json(&json!({
            "config": path,
            "sha256": plugin.digest(),
            "plugin": record.name,
            "version": record.version,
            "pinned": pinned.iter().map(row).collect::<Vec<Value>>(),
        }));
    }
    let name = printable(&format!("{} {}", record.name, record.version));
    for pin in pinned {
        let account = &pin.account.name;
        let (was, now) = (pin.account.sha256.as_deref(), plugin.digest());
        let line = match was {
            Some(was) if was == now => format!("{account}: {name} was pinned already"),
            Some(was) => format!("{account}: {name} instead of {}", target::short(was)),
            None => format!("{account}: {name}, pinned for the first time"),
        };
        out.line(&line);
        out.line(&format!("  sha256 = \"{now}\""));
        match (&pin.change, was) {
            (Some(change), _) => out.line(&format!("  {}", printable(&change.to_string()))),
            (None, Some(_)) => out.line("  what the file before could do is not known here"),
            (None, None) => {}
        }
    }
    if pinned.iter().any(|pin| pin.change.is_none()) {
        for what in target::rows(&record.capabilities()) {
            out.line(&format!("  can {}", printable(&what)));
        }
    }
    out.line(&format!("written to {}", path.display()));
    for pin in pinned {
        let account = &pin.account.name;
        out.line(&format!("a daemon that runs takes it with `bracketd plugin swap {account}`"));
    }
}
