//! Where a verb's words go: data to standard output, messages to standard error, both plain enough
//! for a pipe.
//!
//! Apart so that JSON, color and closed pipes are handled once. Text from a broker or a file never
//! reaches a terminal with its control characters.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};

use bracketd_core::Decimal;
use bracketd_core::diagnostic::Diagnostic;
use clap::builder::styling::{AnsiColor, Style};
use serde_json::{Value, json};
use terminal_size::{Width, terminal_size_of};

use super::exit::Failure;
use super::table::{Column, cut, table};
use crate::render::{self, printable, printable_lines};

/// How loud a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Somebody has to act.
    Bad,
}

/// Characters of a line of prose where nothing says how wide a line is: a file, a pipe.
const PROSE_WIDTH: usize = 100;

/// The two ways out.
#[derive(Debug)]
pub struct Out {
    is_json: bool,
    /// How many characters a line has room for; none where nothing is cut.
    width: Option<usize>,
    /// Where everything goes instead of the process's own outputs, without color.
    kept: Option<RefCell<String>>,
}

impl Out {
    /// Output as JSON, or for people.
    pub fn new(is_json: bool) -> Self {
        Self { is_json, width: width(), kept: None }
    }

    /// The same, kept instead of printed, and nothing cut.
    pub fn keeping(is_json: bool) -> Self {
        Self { is_json, width: None, kept: Some(RefCell::default()) }
    }

    /// The same on a terminal of that width.
    #[must_use]
    pub fn wide(self, width: usize) -> Self {
        Self { width: Some(width), ..self }
    }

    /// What was kept so far.
    pub fn kept(&self) -> String {
        self.kept.as_ref().map(|kept| kept.borrow().clone()).unwrap_or_default()
    }

    /// Whether JSON is wanted.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// A line of data.
    pub fn line(&self, text: &str) {
        if !self.keep(text) {
            // A reader that has gone away wants no more; that is no failure of the verb.
            let _ = writeln!(anstream::stdout(), "{text}");
        }
    }

    /// A value as JSON, on several lines.
    pub fn json(&self, value: &Value) {
        self.line(&format!("{value:#}"));
    }

    /// A value as JSON, on one line: for streams.
    pub fn json_line(&self, value: &Value) {
        self.line(&value.to_string());
    }

    /// A line of a stream, cut to the terminal's width; whole where it goes to a file or a pipe, also
    /// where COLUMNS is set.
    pub fn fitted_line(&self, text: &str) {
        let width = self.width.filter(|_| std::io::stdout().is_terminal());
        self.line(&width.map_or_else(|| text.to_owned(), |width| cut(text, width)));
    }

    /// Rows under their titles, in columns that fit the terminal.
    pub fn table<'a, C>(&self, columns: &[C], rows: Vec<Vec<String>>)
    where
        C: Into<Column<'a>> + Copy,
    {
        let columns: Vec<Column<'_>> = columns.iter().map(|column| (*column).into()).collect();
        self.line(&table(&columns, rows, self.width));
    }

    /// A message for people.
    pub fn note(&self, text: &str) {
        if !self.keep(text) {
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// A complaint about a file with its line, and an empty line.
    pub fn diagnostic(&self, diagnostic: &Diagnostic) {
        self.note(&render::within(diagnostic, true, self.width));
        self.note("");
    }

    /// Complaints about files, with their lines; then where their codes are explained.
    pub fn diagnostics(&self, all: &[Diagnostic]) {
        let mut codes: Vec<&str> = Vec::new();
        for diagnostic in all {
            self.diagnostic(diagnostic);
            if !codes.contains(&diagnostic.code) {
                codes.push(diagnostic.code);
            }
        }
        if let Some(code) = codes.first() {
            let further = codes.len() - 1;
            let more = if further > 0 { format!(" (and {further} more)") } else { String::new() };
            self.note(&format!("more about it: bracketd policy explain {code}{more}"));
            self.note("");
        }
    }

    /// A message in lines that fit, the further ones under the first.
    pub fn wrapped(&self, head: &str, text: &str) {
        let indent = " ".repeat(head.chars().count());
        let room = self.width.map(|width| width.saturating_sub(indent.len()));
        for (number, line) in render::wrap(&printable_lines(text), room).iter().enumerate() {
            self.note(&format!("{}{line}", if number == 0 { head } else { &indent }));
        }
    }

    /// Prose in lines that fit, the further ones under the first; in a pipe too, for people read it.
    pub fn hanging(&self, head: &str, text: &str) {
        let indent = " ".repeat(head.chars().count());
        let room = self.width.unwrap_or(PROSE_WIDTH).saturating_sub(indent.len());
        for (number, line) in render::wrap(&printable_lines(text), Some(room)).iter().enumerate() {
            let head = if number == 0 { head } else { &indent };
            self.line(format!("{head}{line}").trim_end());
        }
    }

    /// Paragraphs of data that fit. What a page has broken by hand is put together again first;
    /// of tables the rows are shown.
    pub fn paragraphs(&self, text: &str) {
        for (number, paragraph) in text.split("\n\n").enumerate() {
            if number > 0 {
                self.line("");
            }
            match paragraph.starts_with('|') {
                true => self.rows(paragraph),
                false => self.hanging("", &paragraph.replace('\n', " ")),
            }
        }
    }

    /// The rows of a page's table of two columns, without its title.
    fn rows(&self, table: &str) {
        let row = |line: &str| {
            let cells = line.trim_matches('|').split_once('|')?;
            Some((cells.0.trim().replace('`', ""), cells.1.trim().to_owned()))
        };
        let rows: Vec<_> = table.lines().skip(2).filter_map(row).collect();
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, words) in rows {
            self.hanging(&format!("  {name:width$}  "), &words);
        }
    }

    /// A failure: what went wrong and what to do next.
    pub fn failure(&self, failure: &Failure) {
        if self.is_json {
            let error = json!({
                "code": failure.code, "message": failure.message, "hint": failure.hint,
                "exit": failure.exit.code(),
            });
            return self.note(&json!({ "error": error }).to_string());
        }
        let (bad, bold) = (paint("error", Tone::Bad), printable_lines(&failure.message));
        self.note(&format!("{bad}: {bold} [{}]", failure.code));
        if !failure.hint.is_empty() {
            self.note(&format!("hint: {}", printable_lines(&failure.hint)));
        }
    }

    fn keep(&self, text: &str) -> bool {
        let Some(kept) = &self.kept else { return false };
        let mut kept = kept.borrow_mut();
        kept.push_str(&anstream::adapter::strip_str(text).to_string());
        kept.push('\n');
        true
    }
}

/// The width that COLUMNS names (`watch` sets it), else that of the terminal that standard output
/// is. A file or a pipe has none: a program that reads it wants all of it.
fn width() -> Option<usize> {
    let named = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    named.filter(|width| *width > 0).or_else(|| {
        terminal_size_of(std::io::stdout()).map(|(Width(columns), _)| usize::from(columns))
    })
}

/// The word in the color of its tone; the color is dropped where nobody wants it.
pub fn paint(word: &str, tone: Tone) -> String {
    let color = match tone {
        Tone::Good => AnsiColor::Green,
        Tone::Warning => AnsiColor::Yellow,
        Tone::Bad => AnsiColor::Red,
    };
    let style = Style::new().bold().fg_color(Some(color.into()));
    format!("{style}{word}{style:#}")
}

/// The text at a path such as `/legs/stop/desired`; a dash where there is none.
pub fn text(value: &Value, path: &str) -> String {
    match value.pointer(path) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => printable(text),
        Some(other) => other.to_string(),
    }
}

/// The figure at a path in as many digits as a table has room for; the JSON has all of them.
pub fn figure(value: &Value, path: &str) -> String {
    let text = text(value, path);
    let short =
        text.parse::<Decimal>().ok().and_then(|figure| match figure.abs() >= Decimal::ONE {
            true => Some(figure.round_dp(6)),
            false => figure.round_sf(6),
        });
    short.map_or(text, |figure| figure.normalize().to_string())
}

/// The risk at a path, which has no limit where it has no figure.
pub fn risk(value: &Value, path: &str) -> String {
    match text(value, path).as_str() {
        "-" => "unlimited".to_owned(),
        figure => figure.to_owned(),
    }
}

/// The list at a path; empty where there is none.
pub fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::{figure, list, text};
    use serde_json::json;

    #[test]
    fn a_figure_of_a_table_is_short_and_keeps_what_matters() {
        let rows = [
            ("413.285454545455", "413.285455"),
            ("1.08765", "1.08765"),
            ("123456789.10", "123456789.1"),
            ("0.000012345678", "0.0000123457"),
            ("-11.57", "-11.57"),
            ("0", "0"),
            ("-", "-"),
        ];
        for (told, shown) in rows {
            assert_eq!(figure(&json!({ "a": told }), "/a"), shown);
        }
    }

    #[test]
    fn what_is_missing_is_a_dash_and_an_empty_list() {
        let value = json!({ "a": { "b": "x" }, "c": null, "d": 3, "e": [1] });
        let found: Vec<_> = ["/a/b", "/c", "/d", "/z"].map(|path| text(&value, path)).into();
        assert_eq!(found, ["x", "-", "3", "-"]);
        assert_eq!((list(&value, "/e").len(), list(&value, "/z").len()), (1, 0));
    }
}
