//! `toolkit.d.rhai`: the toolkit as editors and people read it.
//!
//! Apart because it is made from the very list that the engine registered, and a test compares it
//! with the file in the repository.

use std::fmt::Write as _;

use crate::api::{Entry, entries};
use crate::event::EventKind;

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
