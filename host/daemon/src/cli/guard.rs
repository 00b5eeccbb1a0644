//! `bracketd guard`: the limits that no script can switch off, and whether they do what they are
//! for.
//!
//! Apart because it only shows and tries: the test fires at a book in memory, never at the broker,
//! and nothing here can change a limit.

use std::collections::BTreeSet;

use bracketd_core::book::AccountRules;
use bracketd_core::guard::selftest::{Fired, Held, is_sound, run as fire};
use bracketd_core::refusal::Refusal;
use clap::Subcommand;
use serde_json::{Value, json};

use super::Common;
use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::{Out, Tone, list, paint, text};
use super::table::{always, spare, words};
use crate::config::shape::nearest;
use crate::config::{Config, check_text};
use crate::guards::{ALL, Explained, Written, explained, rows};

/// Verbs about the guards.
#[derive(Debug, Subcommand)]
pub enum GuardVerb {
    /// Every limit as it holds, where it is from, how often it said no
    #[command(after_help = "Example:\n  bracketd guard show --account alpaca-paper")]
    Show {
        /// The account; left out, all
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// Fire one violation at each control, in memory, never at the broker
    #[command(after_help = "Example:\n  bracketd guard test && echo sound")]
    Test {
        /// The account; left out, all
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// What a guard protects from, how it counts, what to do
    #[command(
        after_help = "Examples:\n  bracketd guard explain G7\n  bracketd guard explain LOOSENS"
    )]
    Explain {
        /// A number or a refusal's code; left out, the list
        what: Option<String>,
    },
}

/// Runs the verb. Ends with findings when a control lets its violation through.
///
/// # Errors
/// Where the configuration or the daemon cannot be read, or what is named does not exist.
pub fn run(verb: &GuardVerb, common: &Common, out: &Out) -> Result<Exit, Failure> {
    match verb {
        GuardVerb::Show { account } => show(account.as_deref(), common, out),
        GuardVerb::Test { account } => test(account.as_deref(), common, out),
        GuardVerb::Explain { what } => explain(what.as_deref(), out),
    }
}

/// An account's rules, with the keys that the file names.
struct Ruled {
    name: String,
    rules: AccountRules,
    written: Written,
}

/// The rules of the configuration; without one, the defaults.
fn configured(common: &Common, out: &Out) -> Result<Vec<Ruled>, Failure> {
    let path = super::config::path(common);
    if common.config.is_none() && !path.exists() {
        let rules = AccountRules::default();
        let name = "defaults".to_owned();
        return Ok(vec![Ruled { name, rules, written: BTreeSet::new() }]);
    }
    let file = std::fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}", path.display()))
            .hint("write one with `bracketd init`, or name it with --config")
    })?;
    // Whether plugins and secrets are there does not matter for what the limits are.
    let Config { accounts, .. } = super::config::meaning(check_text(&path, &file), &path, out)?;
    let ruled = accounts.into_iter().map(|account| Ruled {
        name: account.name.to_string(),
        rules: account.rules,
        written: account.guards_written,
    });
    Ok(ruled.collect())
}

fn none_named(wanted: &str, names: &[String]) -> Failure {
    Failure::usage(format!("there is no account {wanted}"))
        .hint(format!("there are: {}", names.join(", ")))
}

fn show(wanted: Option<&str>, common: &Common, out: &Out) -> Result<Exit, Failure> {
    let (all, is_online) = match Client::find(common) {
        Ok(client) => (client.get("/api/v1/guards")?, true),
        Err(failure) if common.url.is_some() => return Err(failure),
        Err(_) => (offline(common, out)?, false),
    };
    let names: Vec<String> =
        list(&all, "/accounts").iter().map(|account| text(account, "/account")).collect();
    let is_wanted = |account: &&Value| wanted.is_none_or(|name| account["account"] == name);
    let accounts: Vec<&Value> = list(&all, "/accounts").iter().filter(is_wanted).collect();
    if let Some(name) = wanted.filter(|_| accounts.is_empty()) {
        return Err(none_named(name, &names));
    }
    if out.is_json() {
        out.json(&json!({ "accounts": accounts }));
        return Ok(Exit::Done);
    }
    for account in accounts {
        out.line(&format!("account {}", text(account, "/account")));
        let rows = list(account, "/guards").iter().map(|row| {
            let is_on = row["on"] == true;
            vec![
                text(row, "/guard"),
                text(row, "/name"),
                text(row, "/key"),
                text(row, "/value"),
                text(row, "/from"),
                if is_on { "on" } else { "off" }.to_owned(),
                text(row, "/refused"),
            ]
        });
        let columns = [
            always("guard"),
            words("what").spare(1),
            always("key"),
            words("value"),
            spare(3, "from"),
            always("state"),
            spare(2, "refused"),
        ];
        out.table(&columns, rows.collect());
        out.line("");
    }
    out.note(match is_online {
        true => "refused is how often, since the daemon's start",
        false => "no daemon was asked: this is the configuration, and nothing was counted",
    });
    Ok(Exit::Done)
}

fn offline(common: &Common, out: &Out) -> Result<Value, Failure> {
    let all = configured(common, out)?;
    let accounts = all
        .iter()
        .map(|one| json!({ "account": one.name, "guards": rows(&one.rules, &one.written, None) }));
    Ok(json!({ "accounts": accounts.collect::<Vec<_>>() }))
}

fn test(wanted: Option<&str>, common: &Common, out: &Out) -> Result<Exit, Failure> {
    let all = configured(common, out)?;
    let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
    let tried: Vec<(String, Vec<Fired>)> = all
        .into_iter()
        .filter(|one| wanted.is_none_or(|name| one.name == name))
        .map(|one| (one.name, fire(&one.rules)))
        .collect();
    if let Some(name) = wanted.filter(|_| tried.is_empty()) {
        return Err(none_named(name, &names));
    }
    let all_sound = tried.iter().all(|(_, fired)| is_sound(fired));
    if out.is_json() {
        let accounts: Vec<Value> = tried
            .iter()
            .map(|(name, fired)| {
                let controls: Vec<Value> = fired.iter().map(fired_json).collect();
                json!({ "account": name, "ok": is_sound(fired), "controls": controls })
            })
            .collect();
        out.json(&json!({ "ok": all_sound, "accounts": accounts }));
    } else {
        for (name, fired) in &tried {
            print_fired(name, fired, out);
        }
    }
    Ok(if all_sound { Exit::Done } else { Exit::Findings })
}

fn held_word(held: Held) -> &'static str {
    match held {
        Held::Stopped => "ok",
        Held::Off => "off",
        Held::LetThrough => "LET THROUGH",
    }
}

fn fired_json(one: &Fired) -> Value {
    json!({
        "guard": one.guard.id(),
        "control": one.guard.name(),
        "violation": one.violation,
        "expected": one.expected,
        "answer": one.answer,
        "result": match one.held {
            Held::Stopped => "ok",
            Held::Off => "off",
            Held::LetThrough => "let_through",
        },
    })
}

fn print_fired(name: &str, fired: &[Fired], out: &Out) {
    out.line(&format!("account {name}"));
    let rows = fired.iter().map(|one| {
        vec![
            one.guard.id().to_owned(),
            one.guard.name().to_owned(),
            one.violation.clone(),
            one.answer.clone(),
            held_word(one.held).to_owned(),
        ]
    });
    let columns = [
        always("guard"),
        words("control").spare(1),
        words("violation"),
        always("answer"),
        always("result"),
    ];
    out.table(&columns, rows.collect());
    let count = |held: Held| fired.iter().filter(|one| one.held == held).count();
    let (stopped, off, bad) = (count(Held::Stopped), count(Held::Off), count(Held::LetThrough));
    let verdict = match bad {
        0 => paint("sound", Tone::Good),
        _ => paint(&format!("{bad} LET THROUGH"), Tone::Bad),
    };
    out.line(&format!("{verdict}: {stopped} as they should be, {off} off"));
    for one in fired.iter().filter(|one| one.held == Held::LetThrough) {
        let id = one.guard.id();
        out.line(&format!("  {id} had to answer {}: bracketd guard explain {id}", one.expected));
    }
    out.line("");
}

fn explain(what: Option<&str>, out: &Out) -> Result<Exit, Failure> {
    let Some(what) = what else {
        if out.is_json() {
            out.json(&Value::from(ALL.iter().map(explained_json).collect::<Vec<_>>()));
            return Ok(Exit::Done);
        }
        let codes = |one: &Explained| {
            one.guard.refusals().map(Refusal::code).collect::<Vec<_>>().join(", ")
        };
        let row = |one: &Explained| {
            vec![one.guard.id().to_owned(), one.guard.name().to_owned(), codes(one)]
        };
        let columns = [always("guard"), words("what"), words("says no as")];
        out.table(&columns, ALL.iter().map(row).collect());
        return Ok(Exit::Done);
    };
    let one = explained(what).ok_or_else(|| unknown(what))?;
    if out.is_json() {
        out.json(&explained_json(one));
        return Ok(Exit::Done);
    }
    let joined = |items: Vec<&str>| {
        if items.is_empty() { "-".to_owned() } else { items.join(", ") }
    };
    out.line(&format!("{}  {}", one.guard.id(), one.guard.name()));
    let codes = one.guard.refusals().map(Refusal::code).collect();
    for (title, said) in [
        ("protects from", one.protects.to_owned()),
        ("counts", one.computed.to_owned()),
        ("keys", joined(one.keys.to_vec())),
        ("says no as", joined(codes)),
        ("what to do", one.next.to_owned()),
    ] {
        out.line("");
        out.line(title);
        for line in wrapped(&said) {
            out.line(&format!("  {line}"));
        }
    }
    Ok(Exit::Done)
}

fn explained_json(one: &Explained) -> Value {
    json!({
        "guard": one.guard.id(),
        "name": one.guard.name(),
        "protects_from": one.protects,
        "counts": one.computed,
        "keys": one.keys,
        "codes": one.guard.refusals().map(Refusal::code).collect::<Vec<_>>(),
        "what_to_do": one.next,
    })
}

fn unknown(what: &str) -> Failure {
    let upper = what.to_ascii_uppercase();
    let codes = ALL.iter().flat_map(|one| one.guard.refusals()).map(Refusal::code);
    let known: Vec<&str> = ALL.iter().map(|one| one.guard.id()).chain(codes).collect();
    let hint = match nearest(&upper, known.into_iter()) {
        Some(near) => format!("did you mean {near}?"),
        None => "`bracketd guard explain` lists the guards and their codes".to_owned(),
    };
    Failure::usage(format!("there is no guard {what}, and no guard refuses by that code"))
        .hint(hint)
}

/// The text in lines of at most 76 characters.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= 76 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
