//! `toolkit.d.rhai`: the toolkit as editors and people read it.
//!
//! Apart because it is made from the very list that the engine registered, and a test compares it
//! with the file in the repository.

use std::fmt::Write as _;

use crate::api::{Entry, entries};
use crate::event::EventKind;

/// One thing that a script can write, as `policy docs` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// `event`, `function`, or the object that it belongs to, such as `Transaction`.
    pub group: &'static str,
    /// Its name.
    pub name: &'static str,
    /// As it is written, with types.
    pub signature: &'static str,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// Whether it asks for a change: it then needs a reason and may be refused.
    pub is_verb: bool,
}

/// Everything that a script can write: events, functions, then each object's own, in the order in
/// which they are registered.
pub fn topics() -> Vec<Topic> {
    let events = EventKind::ALL.into_iter().map(|kind| Topic {
        group: "event",
        name: kind.handler(),
        signature: kind.signature(),
        doc: moment(kind.handler()),
        is_verb: false,
    });
    let of = |entry: &Entry| Topic {
        group: if entry.owner.is_empty() { "function" } else { entry.owner },
        name: entry.name,
        signature: entry.signature,
        doc: entry.doc,
        is_verb: entry.owner.is_empty() && entry.signature.contains("why: string"),
    };
    let functions = entries().iter().filter(|entry| entry.owner.is_empty()).map(of);
    let members = owners()
        .into_iter()
        .flat_map(|owner| entries().iter().filter(move |entry| entry.owner == owner).map(of));
    events.chain(functions).chain(members).collect()
}

/// When a handler is called.
fn moment(handler: &str) -> &'static str {
    match handler {
        "on_arm" => "The transaction was made and its entry waits: give it its first stop.",
        "on_start" => "The host has started and compared its book with the broker.",
        "on_waiting" => "A new price while the entry waits.",
        "on_fill" => "A part of the entry filled; each part is told.",
        "on_open" => "The first part of the entry filled: there is something to protect.",
        "on_tick" => {
            "A new price while something is held. The newest only: ticks between two runs \
                      are not told."
        }
        "on_bar" => "A bar is complete.",
        "on_timer" => "A timer of TIMERS beats; `name` says which.",
        "on_exit_fill" => "A part of an exit filled.",
        "on_ack" => "The broker took what the script had asked for.",
        "on_reject" => {
            "The broker, or the gate at commit, said no to what the script had asked for."
        }
        "on_close" => "The transaction has ended.",
        "on_entry_change" => "Somebody else changed the entry's price or quantity at the broker.",
        "on_external" => "Somebody else moved, resized or canceled an exit at the broker.",
        "on_session" => "The instrument's session: `open`, `close`, or `halt` before its end.",
        "on_portfolio" => {
            "The account's money or what it holds changed; for portfolio_policies of the account."
        }
        "on_reload" => "What an older version kept is to be moved; it may change `this` only.",
        _ => "",
    }
}

/// The text of `toolkit.d.rhai`.
pub fn definitions() -> String {
    let mut text = String::from(
        "// The toolkit of bracketd policies. Generated from the engine; do not edit:\n\
         // BLESS=1 cargo test -p bracketd-policy definitions\n\
         module static;\n\n",
    );
    text.push_str("// Events: a script handles one by defining its function.\n");
    for kind in EventKind::ALL {
        let _ = writeln!(text, "// fn {}", kind.signature());
    }
    text.push_str("\n// Functions.\n\n");
    for entry in entries().iter().filter(|entry| entry.owner.is_empty()) {
        let _ = writeln!(text, "/// {}\nfn {};\n", entry.doc, entry.signature);
    }
    for owner in owners() {
        let _ = writeln!(text, "// {owner}.\n");
        for entry in entries().iter().filter(|entry| entry.owner == owner) {
            let _ = writeln!(text, "/// {}\n{};\n", entry.doc, member(entry));
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn owners() -> Vec<&'static str> {
    let mut owners: Vec<&'static str> = Vec::new();
    for owner in entries().iter().map(|entry| entry.owner).filter(|owner| !owner.is_empty()) {
        if !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    owners
}

/// A property or method as a function of its object.
fn member(entry: &Entry) -> String {
    let object = format!("this: {}", entry.owner);
    match entry.signature.split_once('(') {
        Some((name, rest)) if rest.starts_with(')') => format!("fn {name}({object}{rest}"),
        Some((name, rest)) => format!("fn {name}({object}, {rest}"),
        None => match entry.signature.split_once(": ") {
            Some((name, kind)) => format!("fn get {name}({object}) -> {kind}"),
            None => format!("fn get {}({object})", entry.name),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing that can be written is without words, and events have theirs.
    #[test]
    fn every_topic_has_words() {
        let topics = topics();
        for topic in &topics {
            assert!(topic.doc.len() > 5 && topic.doc.ends_with('.'), "{topic:?}");
        }
        assert_eq!(topics.iter().filter(|t| t.group == "event").count(), EventKind::ALL.len());
        assert!(topics.iter().any(|t| t.name == "ratchet_stop" && t.is_verb));
        assert!(!topics.iter().any(|t| t.name == "alert" && t.is_verb));
    }

    /// The documentation in the repository is the engine's.
    #[test]
    fn definitions_do_not_drift() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/toolkit.d.rhai");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, definitions()).expect("it can be written");
        }
        let kept = std::fs::read_to_string(path).expect("it can be read");
        assert!(kept == definitions(), "run BLESS=1 cargo test -p bracketd-policy definitions");
    }
}
