//! `bracketd db restore`: a backup in the place of the ledger, after a person has seen both.
//!
//! Apart because it takes trading back in time. It never goes on without a word from somebody.

use std::path::{Path, PathBuf};

use bracketd_core::control::{Kill, KillLevel};
use bracketd_core::ids::AccountName;
use bracketd_store::tools::Summary;
use bracketd_store::tools::restore::{Order, Preview, Restored, preview, restore};
use bracketd_store::tools::status::status;
use clap::Args;
use serde_json::{Value, json};

use super::status::{counts, facts, ledger};
use super::{DirArgs, check, failure};
use crate::cli::client::actor;
use crate::cli::confirm::confirm;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Out, Tone, paint};
use crate::clock;
use crate::render::printable;

/// What is restored.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(super) dir: DirArgs,
}

/// A kill switch as a ledger has it: the daemon's, or that of an account.
type Switch = (Option<AccountName>, Kill);

/// What has to be typed.
const WORD: &str = "restore";

/// What to do afterwards.
const NEXT: [&str; 7] = [
    "next:",
    "  1. start the daemon as always; it reads each account and changes nothing there",
    "  2. bracketd status                   what is held without its wanted stop",
    "     bracketd account reconcile NAME   where broker and ledger differ",
    "     bracketd tx adopt ...             what was opened since, and nobody looks after",
    "  3. bracketd tx set ID ...            what was decided since: arming sends what is wanted",
    "  4. bracketd account arm NAME --reason TEXT",
];

/// Runs the verb.
///
/// # Errors
/// Where nothing was restored, with the reason.
pub(super) fn run(args: &RestoreArgs, dir: &Path, out: &Out) -> Result<Exit, Failure> {
    let seen = preview(dir, &args.file).map_err(|error| failure(error, out))?;
    let switches = status(dir).map(|status| status.kills);
    if !out.is_json() {
        show(&seen, dir, out);
    }
    confirm("The daemon would go on from the backup.", WORD, args.yes, out)?;
    let at = clock::now();
    let stamp: String = clock::rfc3339(at).chars().filter(char::is_ascii_alphanumeric).collect();
    let second = stamp.get(..15).unwrap_or(&stamp);
    let actor = actor(std::env::var("USER").ok());
    let order = Order { at, kept_suffix: &format!(".replaced-{second}Z"), actor: &actor };
    let done = restore(dir, &args.file, order).map_err(|error| failure(error, out))?;
    let after = status(dir).map(|status| status.kills).unwrap_or_default();
    let lowered = switches.map(|before| lowered(&before, &after)).ok();
    if out.is_json() {
        out.json(&json!({
            "ledger": ledger(&done.ledger),
            "kept": done.kept,
            "disarmed": done.accounts,
            // Absent where the ledger of before could not be read.
            "kill_lowered": lowered.as_ref().map(|all| all.iter().map(as_json).collect::<Vec<_>>()),
            "backup": ledger(&seen.backup),
            "replaced": seen.present.as_ref().map(ledger),
            "findings": check::findings(&seen.findings),
        }));
    } else {
        told(&done, lowered.as_deref(), out);
    }
    Ok(Exit::Done)
}

/// Kill switches that stood higher than they do in the backup, and where they stand there.
fn lowered(before: &[Switch], after: &[Switch]) -> Vec<(Switch, KillLevel)> {
    let level_of = |of: &Option<AccountName>| {
        let same = after.iter().find(|(account, _)| account == of);
        same.map_or(KillLevel::Off, |(_, kill)| kill.level)
    };
    let all = before.iter().map(|switch| (switch.clone(), level_of(&switch.0)));
    all.filter(|((_, kill), now)| *now < kill.level).collect()
}

fn as_json(((account, kill), now): &(Switch, KillLevel)) -> Value {
    json!({
        "account": account.as_ref().map(ToString::to_string),
        "stood": kill.level.as_str(),
        "now": now.as_str(),
        "by": kill.by.label(),
        "why": kill.why,
    })
}

fn show(seen: &Preview, dir: &Path, out: &Out) {
    let lines = |ledger: &Summary| {
        out.note(&format!("  id            {}, epoch {}", ledger.ledger_id, ledger.epoch));
        out.note(&format!("  transactions  {}", counts(&ledger.transactions)));
        out.note(&format!("  facts         {}", facts(ledger)));
    };
    out.note(&format!("backup {}, checked", seen.backup.path.display()));
    lines(&seen.backup);
    check::tell(&seen.findings, out);
    match &seen.present {
        Some(present) => {
            out.note(&format!("would replace {}", present.path.display()));
            lines(present);
            let lost = present.facts.saturating_sub(seen.backup.facts);
            if lost > 0 {
                let facts = if lost == 1 { "fact" } else { "facts" };
                let words = format!("not in the backup: {lost} {facts}, and what they changed");
                out.note(&paint(&words, Tone::Warning));
            }
        }
        None => {
            let words = format!("there is no readable ledger in {}", dir.display());
            out.note(&paint(&words, Tone::Warning));
        }
    }
}

fn told(done: &Restored, lowered: Option<&[(Switch, KillLevel)]>, out: &Out) {
    let line = |text: String| out.line(&text);
    line(format!("restored {}", done.ledger.path.display()));
    for (at, kept) in done.kept.iter().enumerate() {
        let title = if at == 0 { "  kept        " } else { "              " };
        line(format!("{title}{}", kept.display()));
    }
    line(format!(
        "  epoch       {}: no order id of what was lost is used again",
        done.ledger.epoch
    ));
    let accounts =
        if done.accounts.is_empty() { "all".to_owned() } else { done.accounts.join(", ") };
    line(format!("  disarmed    {accounts}: watched only, no command goes out"));
    match lowered {
        Some(all) => all.iter().for_each(|one| out.line(&paint(&set_again(one), Tone::Bad))),
        None => {
            let words = "the ledger of before cannot be read: a kill switch that it had is to be set \
                         again (bracketd kill LEVEL --reason TEXT)";
            out.line(&paint(words, Tone::Bad));
        }
    }
    for step in NEXT {
        out.line(step);
    }
}

fn set_again(((account, kill), now): &(Switch, KillLevel)) -> String {
    let (of, at) = match account {
        Some(name) => (format!(" --account {name}"), format!("account {name}")),
        None => (String::new(), "the daemon".to_owned()),
    };
    let (level, by, why) = (kill.level.as_str(), kill.by.label(), &kill.why);
    printable(&format!(
        "the kill switch of {at} stood at {level} ({by}: {why}) and is at {} in the backup; set it \
         again before arming: bracketd kill {level}{of} --reason TEXT",
        now.as_str()
    ))
}
