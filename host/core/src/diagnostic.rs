//! What is wrong in a file that people wrote, with the place.
//!
//! Apart because policies, configuration and tapes all report through it and one renderer draws
//! it. It never prints.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is refused.
    Error,
    /// It is taken, and somebody should look.
    Warning,
}

/// One complaint about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code, such as `P004`.
    pub code: &'static str,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// The file as the user named it.
    pub file: String,
    /// The file's whole text, so that the line can be shown.
    pub source: String,
    /// Where in the text, in bytes: from, to. Empty at the end of the text when there is no place.
    pub span: (usize, usize),
    /// A word or two under the caret.
    pub label: String,
    /// What to do next.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Line and column of the span's start, both from 1, columns counted in characters.
    pub fn position(&self) -> (usize, usize) {
        let before = self.source.get(..self.span.0).unwrap_or(&self.source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    /// `file:line:column: message`, for one-line places.
    pub fn one_line(&self) -> String {
        let (line, column) = self.position();
        format!("{}:{line}:{column}: {}", self.file, self.message)
    }

    /// The same with the file's name instead of its path: for a line that has little room.
    pub fn brief(&self) -> String {
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        let (line, column) = self.position();
        format!("{name}:{line}:{column}: {}", self.message)
    }
}
