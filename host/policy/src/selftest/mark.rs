//! Marks before each statement of a script, so that a test can say which lines ran and which one
//! asked.
//!
//! Apart because Rhai tells the place of an error only, and its debugger would slow down every run
//! of the daemon. The marked twin is made from the text, runs in `policy test` and `policy check`
//! alone, and never decides about money. It keeps lines as they are and knows the way back for
//! columns.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rhai::Engine;

use crate::source::SourceFile;

/// The function that a mark calls.
const MARK: &str = "mark__";

/// A place before which a mark was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file as people know it.
    pub(crate) path: Arc<str>,
    /// Line from 1.
    pub(crate) line: usize,
    /// Column from 1, in characters of the file as it was written.
    pub(crate) column: usize,
    /// Characters that the mark takes in the marked text.
    width: usize,
}

/// All marks of a set of files, and which of them were passed.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    places: Vec<Place>,
    passed: Vec<AtomicBool>,
}

thread_local! {
    static LAST: Cell<Option<usize>> = const { Cell::new(None) };
}

impl Marks {
    /// The file with its marks.
    pub(crate) fn add(&mut self, file: &SourceFile) -> SourceFile {
        let path: Arc<str> = file.path.as_str().into();
        let mut text = String::with_capacity(file.text.len() * 2);
        let mut from = 0;
        for at in statements(&file.text) {
            let mark = format!("{MARK}({});", self.places.len());
            let before = file.text.get(..at).unwrap_or_default();
            self.places.push(Place {
                path: Arc::clone(&path),
                line: before.matches('\n').count() + 1,
                column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
                width: mark.len(),
            });
            self.passed.push(AtomicBool::new(false));
            text.push_str(file.text.get(from..at).unwrap_or_default());
            text.push_str(&mark);
            from = at;
        }
        text.push_str(file.text.get(from..).unwrap_or_default());
        SourceFile { text, ..file.clone() }
    }

    /// Where a place of the marked text is in the text as it was written.
    pub(crate) fn original(&self, path: &str, line: usize, column: usize) -> (usize, usize) {
        let mut shift = 0;
        for place in self.places.iter().filter(|p| p.line == line && &*p.path == path) {
            let start = place.column + shift;
            if column < start {
                break;
            }
            if column < start + place.width {
                return (line, place.column);
            }
            shift += place.width;
        }
        (line, column - shift.min(column))
    }

    /// The lines with a statement, in order, each with whether one of its statements ran.
    pub(crate) fn lines(&self, path: &str) -> Vec<(usize, bool)> {
        let mut lines: Vec<(usize, bool)> = Vec::new();
        for (place, passed) in self.places.iter().zip(&self.passed) {
            if &*place.path != path {
                continue;
            }
            let passed = passed.load(Ordering::Relaxed);
            match lines.last_mut() {
                Some((line, ran)) if *line == place.line => *ran |= passed,
                _ => lines.push((place.line, passed)),
            }
        }
        lines
    }

    pub(crate) fn place(&self, mark: usize) -> Option<&Place> {
        self.places.get(mark)
    }
}

/// Lets the engine run marked texts.
pub(crate) fn register(engine: &mut Engine, marks: &Arc<Marks>) {
    let marks = Arc::clone(marks);
    engine.register_fn(MARK, move |number: i64| {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(passed) = marks.passed.get(number) {
            passed.store(true, Ordering::Relaxed);
            LAST.set(Some(number));
        }
    });
}

/// The mark passed last on this thread.
pub(crate) fn last() -> Option<usize> {
    LAST.get()
}

#[derive(Clone, Copy, PartialEq)]
enum Within {
    Block { is_do: bool },
    Switch,
    Other,
}

/// What came right before a token, as far as a statement may begin after it.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// `{` or `;`: whatever comes begins a statement.
    Opened,
    /// The `}` of a block: a word begins a statement, unless it goes on with this one.
    Closed {
        was_do: bool,
    },
    Anything,
}

/// The bytes at which statements begin, in functions only.
fn statements(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut within: Vec<Within> = Vec::new();
    let mut before = Before::Anything;
    // Depths at which a `switch` waits for its brace.
    let mut switches: Vec<usize> = Vec::new();
    let mut word_before = "";
    for (at, token) in (Tokens { text, at: 0 }) {
        let is_word = token.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let begins = match before {
            Before::Opened => token != "}" && token != ";",
            Before::Closed { was_do } => {
                let goes_on = ["else", "catch", "until", "in"].contains(&token);
                is_word && !goes_on && !(was_do && token == "while")
            }
            Before::Anything => false,
        };
        if begins {
            found.push(at);
        }
        before = Before::Anything;
        match token {
            "{" => {
                let is_switch = switches.last() == Some(&within.len());
                if is_switch {
                    switches.pop();
                    within.push(Within::Switch);
                } else {
                    within.push(Within::Block { is_do: word_before == "do" });
                    before = Before::Opened;
                }
            }
            "#{" | "(" | "[" => within.push(Within::Other),
            "}" | ")" | "]" => {
                let closed = within.pop();
                let in_block = matches!(within.last(), Some(Within::Block { .. }));
                if in_block && closed != Some(Within::Other) {
                    let was_do = closed == Some(Within::Block { is_do: true });
                    before = Before::Closed { was_do };
                }
            }
            ";" if matches!(within.last(), Some(Within::Block { .. })) => before = Before::Opened,
            "switch" => switches.push(within.len()),
            _ => {}
        }
        word_before = token;
    }
    found
}

/// The tokens of a script as far as braces and statements go: words, signs of one character,
/// `#{`, and texts as a whole.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.text.get(self.at..)?;
            let first = rest.chars().next()?;
            let length = if first.is_whitespace() {
                self.at += first.len_utf8();
                continue;
            } else if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
                continue;
            } else if rest.starts_with("/*") {
                self.at += comment(rest);
                continue;
            } else if first.is_alphanumeric() || first == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            } else if rest.starts_with("#{") {
                2
            } else if matches!(first, '"' | '\'' | '`') {
                quoted(rest, first)
            } else {
                first.len_utf8()
            };
            let at = self.at;
            self.at += length;
            return Some((at, rest.get(..length).unwrap_or(rest)));
        }
    }
}

/// The length of a comment in stars, which may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a text, its values included: what stands in `${...}` is no statement of its own.
fn quoted(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(quote);
        if first == quote {
            return at + 1;
        }
        if first == '\\' && quote != '`' {
            at += 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
        } else if quote == '`' && rest.starts_with("${") {
            at += 2 + interpolated(rest.get(2..).unwrap_or_default());
        } else {
            at += first.len_utf8();
        }
    }
    text.len()
}

/// The length up to and with the brace that ends a value in a text.
fn interpolated(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, token) in (Tokens { text, at: 0 }) {
        match token {
            "{" | "#{" => depth += 1,
            "}" if depth == 0 => return at + 1,
            "}" => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with a bar before each statement.
    fn barred(text: &str) -> String {
        let mut out = String::new();
        let mut from = 0;
        for at in statements(text) {
            out.push_str(&text[from..at]);
            out.push('|');
            from = at;
        }
        out + &text[from..]
    }

    #[test]
    fn every_statement_of_a_function_is_found_and_nothing_else() {
        let table = [
            "const A = #{ b: 1, c: #{ d: 2 } };\nfn f(x) { |let y = #{ z: x }; |g(y); |y }",
            "fn f() { |if a { |b(); } else if c { |d() } else { |e } |g(); }",
            "fn f() { |let x = if a { |1 } else { |2 }; |x }",
            "fn f() { |switch x { 1 => g(), 2 if y => { |h(); } _ => if a { |b } else { |c } } |k() }",
            "fn f() { |for x in [1, 2] { |g(x); } |while a { |b(); } |loop { |break; } }",
            "fn f() { |do { |g(); } while a; |do { |h(); } until b; |try { |i(); } catch (e) { |j() } }",
            "fn f() { // { no\n /* ; { /* } */ */ |g(\"{ ; \\\"}\", '}', `a ${if x { \"}\" }} {`); |h() }",
            "fn f() { |this.a = { |1; |2 }; |g(x) }",
            "fn f() { ;; }",
        ];
        for wanted in table {
            assert_eq!(barred(&wanted.replace('|', "")), wanted);
        }
    }

    #[test]
    fn columns_find_their_way_back() {
        let file = SourceFile::new("p", "p.rhai", "fn f() {\n  é(); g(x);\n}\n");
        let mut marks = Marks::default();
        let marked = marks.add(&file);
        let line = "  mark__(0);é(); mark__(1);g(x);";
        assert_eq!(marked.text, format!("fn f() {{\n{line}\n}}\n"));
        for (word, column) in [("mark__(0)", 3), ("é", 3), ("mark__(1)", 8), ("g(", 8), ("x", 10)]
        {
            let at = line.find(word).expect("it is there");
            let marked = line[..at].chars().count() + 1;
            assert_eq!(marks.original("p.rhai", 2, marked), (2, column), "{word}");
        }
        assert_eq!(marks.original("p.rhai", 1, 4), (1, 4));
        assert_eq!(marks.lines("p.rhai"), [(2, false)]);
    }
}
