//! Asks a person to confirm what moves much at once.
//!
//! Apart so that every such verb asks in the same way: a word to be typed on a terminal, `--yes`
//! everywhere else. It never takes silence for a yes.

use std::io::{BufRead, IsTerminal};

use super::exit::{Exit, Failure};
use super::output::Out;

/// Fails unless `--yes` was given or the word is typed on the terminal.
pub(super) fn confirm(what: &str, word: &str, yes: bool, out: &Out) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let message = format!("{what}\nnothing was done: there is no terminal to ask on");
        return Err(Failure::usage(message).hint("add --yes to do it without being asked"));
    }
    out.note(&format!("{what}\nType {word} to go on:"));
    let mut typed = String::new();
    let read = std::io::stdin().lock().read_line(&mut typed);
    if read.is_ok() && typed.trim() == word {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, "NOT_CONFIRMED", "not confirmed; nothing was done"))
}
