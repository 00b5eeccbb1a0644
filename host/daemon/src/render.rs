//! Draws complaints about files: text with the line and a caret, or JSON with the same content.
//!
//! Apart so that configuration, policies and tapes look the same everywhere. It decides nothing,
//! and colors only what it is told to color.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use bracketd_core::diagnostic::{Diagnostic, Severity};
use serde_json::{Value, json};

/// What stands before a complaint's message, such as `warning[P004]: `.
const TITLE_WIDTH: usize = 15;
/// What stands before its help.
const HELP_WIDTH: usize = 6;

/// One complaint as text: title, place, line, caret, help; without a line end.
pub fn text(diagnostic: &Diagnostic, is_colored: bool) -> String {
    within(diagnostic, is_colored, None)
}

/// The same in lines of at most that many characters, as far as the source allows.
pub fn within(diagnostic: &Diagnostic, is_colored: bool, width: Option<usize>) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let lines = |text: &str, head: usize| {
        let room = width.map(|width| width.saturating_sub(head));
        wrap(&printable_lines(text), room).join("\n")
    };
    let message = lines(&diagnostic.message, TITLE_WIDTH);
    let label = printable(&diagnostic.label);
    let file = printable(&diagnostic.file);
    let source = drawable(&diagnostic.source);
    let (from, to) = span_within(&source, diagnostic.span);
    let snippet = Snippet::source(source.as_str())
        .path(file.as_str())
        .annotation(AnnotationKind::Primary.span(from..to).label(label.as_str()));
    let mut groups =
        vec![level.primary_title(message.as_str()).id(diagnostic.code).element(snippet)];
    let help = diagnostic.help.as_deref().map(|help| lines(help, HELP_WIDTH));
    if let Some(help) = &help {
        groups.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
    }
    let renderer = if is_colored { Renderer::styled() } else { Renderer::plain() };
    match width {
        Some(width) => renderer.term_width(width).render(&groups),
        None => renderer.render(&groups),
    }
}

/// The text in lines of at most `room` characters, broken at spaces; a longer word stays whole.
pub fn wrap(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room else { return text.lines().map(str::to_owned).collect() };
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let is_full = line.chars().count() + 1 + word.chars().count() > room;
            if is_full && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// All complaints as text, an empty line between two.
pub fn texts(diagnostics: &[Diagnostic], is_colored: bool) -> String {
    diagnostics.iter().map(|d| text(d, is_colored)).collect::<Vec<_>>().join("\n\n")
}

/// One complaint as JSON. Lines and columns count from 1, columns in characters; `span` and
/// `offset` are bytes from 0. `end` is right after the last character.
pub fn json(diagnostic: &Diagnostic) -> Value {
    let (line, column) = diagnostic.position();
    let point = |at: usize| {
        let upto = Diagnostic { span: (at, at), ..diagnostic.clone() };
        let (line, column) = upto.position();
        json!({ "line": line, "column": column, "offset": at })
    };
    json!({
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": diagnostic.file,
        "line": line,
        "column": column,
        "span": [diagnostic.span.0, diagnostic.span.1],
        "start": point(diagnostic.span.0),
        "end": point(diagnostic.span.1),
        "label": diagnostic.label,
        "help": diagnostic.help,
        "url": url(diagnostic.code),
    })
}

/// What goes on while a newer file is refused; `file` says which, as the subject of a sentence.
pub fn still_running(file: &str, digest: Option<&str>, loaded_at: Option<&str>) -> String {
    let Some(digest) = digest else {
        return format!("note: no version of it has ever run; {file} is NOT active");
    };
    let digest: String = digest.chars().take(12).collect();
    let since = loaded_at.map_or(String::new(), |at| format!(" (loaded {at})"));
    format!("note: still running version {digest}{since}; {file} is NOT active")
}

/// Where a code is explained, from the root of the documentation.
pub fn url(code: &str) -> String {
    format!("docs/diagnostics.md#{}", code.to_lowercase())
}

/// The text on one line and without control characters, so that a file or a broker can neither
/// steer a terminal nor add a line that looks like another entry.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_steering(c) { ' ' } else { c }).collect()
}

/// The same for text that is meant to have several lines, such as a drawn complaint.
pub fn printable_lines(text: &str) -> String {
    text.chars().map(|c| if is_steering(c) && c != '\n' { ' ' } else { c }).collect()
}

/// Controls, and what ends a line or turns its direction: U+2028, U+2029, and the marks of the
/// bidirectional algorithm (Unicode Standard Annex 9).
fn is_steering(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Same length in bytes as the source, so that spans still fit.
fn drawable(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for c in source.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            out.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            out.push(c);
        }
    }
    out
}

/// The span cut to the text and to whole characters; at least one character wide where there is
/// one, and never over the end of the line, for a multi-line region hides the place.
fn span_within(source: &str, (from, to): (usize, usize)) -> (usize, usize) {
    let from = source.floor_char_boundary(from.min(source.len()));
    let rest = source.get(from..).unwrap_or("");
    let line = rest.find('\n').unwrap_or(rest.len());
    let first = rest.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    let to = source.ceil_char_boundary(to.min(source.len()));
    (from, to.clamp(from + first, (from + line).max(from + first)))
}

#[cfg(test)]
mod tests {
    use super::{json, printable, printable_lines, text};
    use bracketd_core::diagnostic::{Diagnostic, Severity};

    fn complaint(source: &str, span: (usize, usize)) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code: "C002",
            message: "unknown key `bnd`".to_owned(),
            file: "bracketd.toml".to_owned(),
            source: source.to_owned(),
            span,
            label: "not a key here".to_owned(),
            help: Some("did you mean `bind`?".to_owned()),
        }
    }

    #[test]
    fn a_complaint_shows_place_line_caret_and_help() {
        let drawn = text(&complaint("a = 1\nbnd = 2\n", (6, 9)), false);
        let wanted = "\
error[C002]: unknown key `bnd`
 --> bracketd.toml:2:1
  |
2 | bnd = 2
  | ^^^ not a key here
  |
help: did you mean `bind`?";
        assert_eq!(drawn, wanted);
    }

    #[test]
    fn colors_are_there_only_when_asked_for() {
        let complaint = complaint("bnd = 2\n", (0, 3));
        assert!(!text(&complaint, false).contains('\u{1b}'));
        assert!(text(&complaint, true).contains('\u{1b}'));
    }

    #[test]
    fn any_span_can_be_drawn() {
        for source in ["", "x", "ü\n\nü", "a\u{1b}[31m\r\nb", "\u{9b}31m"] {
            for from in 0..10 {
                for to in 0..10 {
                    let drawn = text(&complaint(source, (from, to)), false);
                    assert!(drawn.contains("C002") && !drawn.contains(['\u{1b}', '\u{9b}']));
                }
            }
        }
    }

    #[test]
    fn what_others_wrote_is_one_line_and_steers_nothing() {
        let forged = "x\n01:00:00.000  protected\r\u{1b}[31m\u{85}\u{2028}y\u{202e}z";
        let shown = printable(forged);
        assert_eq!(shown, "x 01:00:00.000  protected  [31m  y z");
        assert_eq!(printable_lines("a\n\u{1b}b"), "a\n b");
    }

    #[test]
    fn json_says_the_same() {
        let value = json(&complaint("a = 1\nbnd = 2\n", (6, 9)));
        assert_eq!((&value["line"], &value["column"]), (&2.into(), &1.into()));
        assert_eq!(value["help"], "did you mean `bind`?");
    }
}
