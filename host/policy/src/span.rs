//! Places in a script's text.
//!
//! Apart because Rhai names a line and a column only; people want the whole word underlined.

use bracketd_core::diagnostic::{Diagnostic, Severity};
use rhai::Position;

use crate::source::SourceFile;

/// The bytes of the word, text or sign at a position; empty at the end without one.
pub(crate) fn of_position(text: &str, position: Position) -> (usize, usize) {
    let (Some(line), column) = (position.line(), position.position().unwrap_or(1)) else {
        return (text.len(), text.len());
    };
    let start_of_line = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum::<usize>()
        .min(text.len());
    let rest = text.get(start_of_line..).unwrap_or("");
    let in_line = rest.char_indices().nth(column.saturating_sub(1)).map_or(0, |(at, _)| at);
    let start = start_of_line + in_line;
    (start, start + word_length(text.get(start..).unwrap_or("")))
}

/// The first place at or after `from` where `word` stands by itself.
pub(crate) fn of_word(text: &str, word: &str, from: usize) -> Option<(usize, usize)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let tail = text.get(from..)?;
    tail.match_indices(word).map(|(at, _)| from + at).find_map(|at| {
        let before = text.get(..at)?.chars().next_back();
        let after = text.get(at + word.len()..)?.chars().next();
        let alone = !before.is_some_and(is_part) && !after.is_some_and(is_part);
        alone.then_some((at, at + word.len()))
    })
}

/// The place of a function's name in its definition.
pub(crate) fn of_function(text: &str, name: &str) -> (usize, usize) {
    let mut from = 0;
    while let Some((start, end)) = of_word(text, name, from) {
        let before = text.get(..start).unwrap_or("").trim_end();
        if before.ends_with("fn") {
            return (start, end);
        }
        from = end;
    }
    (0, 0)
}

/// A complaint about a place in a file.
pub(crate) fn complain(
    file: &SourceFile,
    code: &'static str,
    span: (usize, usize),
    message: impl Into<String>,
) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code,
        message: message.into(),
        file: file.path.clone(),
        source: file.text.clone(),
        span,
        label: String::new(),
        help: None,
    }
}

/// The known name that somebody may have meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= 1.max(name.chars().count() / 3))
        .min()
        .map(|(_, candidate)| candidate)
}

fn word_length(text: &str) -> usize {
    let Some(first) = text.chars().next().filter(|c| *c != '\n') else { return 0 };
    if first.is_alphanumeric() || first == '_' {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        return end.unwrap_or(text.len());
    }
    if matches!(first, '"' | '`') {
        let inner = text.get(1..).and_then(|rest| rest.find([first, '\n']));
        return inner.map_or(text.len(), |at| at + 2).min(text.len());
    }
    let sign = SIGNS.iter().find(|sign| text.starts_with(**sign));
    sign.map_or(first.len_utf8(), |sign| sign.len())
}

/// Signs of several characters, longer ones first.
const SIGNS: [&str; 16] = [
    "<<=", ">>=", "<<", ">>", "==", "!=", "<=", ">=", "&&", "||", "&=", "|=", "^=", "+=", "-=",
    "*=",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_word_is_underlined() {
        let text = "fn a() {\n  é = move_stp(t, \"x y\"); }\n";
        let at = |line, column| {
            let (from, to) = of_position(text, Position::new(line, column));
            &text[from..to]
        };
        assert_eq!(at(2, 7), "move_stp");
        assert_eq!(at(2, 19), "\"x y\"");
        assert_eq!(at(1, 1), "fn");
        assert_eq!(at(1, 8), "{");
        assert_eq!(of_position(text, Position::NONE), (text.len(), text.len()));
    }

    #[test]
    fn words_are_found_whole() {
        assert_eq!(of_word("ab a_b b", "b", 0), Some((7, 8)));
        assert_eq!(of_function("on_tick(); fn  on_tick(t) {}", "on_tick"), (15, 22));
    }
}
