//! Tables that fit the terminal: columns line up, and where there is no room the least important
//! ones are left out or their words cut.
//!
//! Apart because of one rule: a figure is never cut, for half a price reads as another price. What
//! is cut ends with `…`, and so does the title line of a table that left columns out. Nothing is cut
//! on its way into a file or a pipe.

use comfy_table::{Table, presets};

use crate::render::printable;

/// Fewest characters that words are cut to; shorter says nothing.
const TEXT_MIN: usize = 16;
/// Spaces between two columns.
const GAP: usize = 2;
/// What stands for what is not shown.
const CUT: &str = "…";

/// A column, and how it makes room.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    title: &'a str,
    /// Words, which may be cut.
    is_text: bool,
    /// Left out where there is no room: the lowest number first.
    spare: Option<u8>,
}

impl<'a> From<&'a str> for Column<'a> {
    fn from(title: &'a str) -> Self {
        always(title)
    }
}

/// A column that is always shown, and whole.
pub const fn always(title: &str) -> Column<'_> {
    Column { title, is_text: false, spare: None }
}

/// A column of words, which may be cut.
pub const fn words(title: &str) -> Column<'_> {
    Column { title, is_text: true, spare: None }
}

/// A column that may be left out: the lowest number goes first.
pub const fn spare(rank: u8, title: &str) -> Column<'_> {
    always(title).spare(rank)
}

impl<'a> Column<'a> {
    /// The same, left out where there is no room.
    #[must_use]
    pub const fn spare(self, rank: u8) -> Self {
        Self { spare: Some(rank), ..self }
    }

    /// Its title, as it was given.
    pub const fn title(&self) -> &'a str {
        self.title
    }
}

/// Rows under their titles, without spaces at line ends; at most `width` characters wide as far as
/// the columns allow.
pub fn table(columns: &[Column<'_>], rows: Vec<Vec<String>>, width: Option<usize>) -> String {
    let titles = columns.iter().map(|column| column.title.to_uppercase()).collect();
    let clean =
        |row: Vec<String>| -> Vec<String> { row.iter().map(|cell| printable(cell)).collect() };
    let mut lines: Vec<Vec<String>> = vec![titles];
    lines.extend(rows.into_iter().map(clean));
    match width {
        None => drawn(lines),
        Some(width) => drawn(fitted(columns, lines, width)),
    }
}

/// The text in at most `width` characters; cut, it ends with `…`.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}{CUT}", kept.trim_end())
}

/// A column that is shown: its place in a line, and how wide it is.
struct Shown {
    at: usize,
    width: usize,
    /// What it may be cut to.
    least: usize,
    spare: Option<u8>,
}

fn fitted(columns: &[Column<'_>], mut lines: Vec<Vec<String>>, room: usize) -> Vec<Vec<String>> {
    let mut shown: Vec<Shown> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = lines.iter().filter_map(|line| line.get(at));
            let width = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            let floor = TEXT_MIN.max(column.title.chars().count());
            let least = if column.is_text { width.min(floor) } else { width };
            Shown { at, width, least, spare: column.spare }
        })
        .collect();
    let mut room = room;
    while shown.iter().map(|column| column.least + GAP).sum::<usize>() > room + GAP {
        let goes = shown.iter().filter_map(|column| column.spare).min();
        let Some(goes) = goes else { break };
        if shown.len() == columns.len() {
            // The mark that something is not shown takes its place too.
            room = room.saturating_sub(GAP + 1);
        }
        shown.retain(|column| column.spare != Some(goes));
    }
    while shown.iter().map(|column| column.width + GAP).sum::<usize>() > room + GAP {
        let cuttable = shown.iter_mut().filter(|column| column.width > column.least);
        let Some(widest) = cuttable.max_by_key(|column| column.width) else { break };
        widest.width -= 1;
    }
    for (number, line) in lines.iter_mut().enumerate() {
        let cell =
            |column: &Shown| cut(line.get(column.at).map_or("", String::as_str), column.width);
        let mut cells: Vec<String> = shown.iter().map(cell).collect();
        if shown.len() < columns.len() {
            cells.push(if number == 0 { CUT.to_owned() } else { String::new() });
        }
        *line = cells;
    }
    lines
}

fn drawn(lines: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut lines = lines.into_iter();
    table.set_header(lines.next().unwrap_or_default());
    for line in lines {
        table.add_row(line);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn columns_line_up_and_controls_are_dropped() {
        let columns = [always("id"), always("symbol")];
        let rows = rows(&[&["1", "ACME"], &["200", "a\u{1b}[31m\nb"]]);
        let wanted = "ID   SYMBOL\n1    ACME\n200  a [31m b";
        assert_eq!(table(&columns, rows, None), wanted);
    }

    #[test]
    fn what_does_not_fit_is_cut_or_left_out_and_says_so() {
        let columns = [always("id"), spare(1, "kind"), words("why"), spare(2, "price")];
        let all = || rows(&[&["7", "stop", "the broker has rejected it", "183.96"]]);
        let shown = [
            (
                None,
                "ID  KIND  WHY                         PRICE\n\
                 7   stop  the broker has rejected it  183.96",
            ),
            (
                Some(44),
                "ID  KIND  WHY                         PRICE\n\
                 7   stop  the broker has rejected it  183.96",
            ),
            (
                Some(43),
                "ID  KIND  WHY                       PRICE\n\
                 7   stop  the broker has rejected…  183.96",
            ),
            (
                Some(34),
                "ID  KIND  WHY              PRICE\n\
                 7   stop  the broker has…  183.96",
            ),
            (
                Some(33),
                "ID  WHY                 PRICE   …\n\
                 7   the broker has re…  183.96",
            ),
            (
                Some(24),
                "ID  WHY                …\n\
                 7   the broker has r…",
            ),
            (
                Some(5),
                "ID  WHY              …\n\
                 7   the broker has…",
            ),
        ];
        for (width, wanted) in shown {
            assert_eq!(table(&columns, all(), width), wanted, "{width:?}");
        }
    }

    #[test]
    fn no_figure_is_ever_cut_and_no_line_is_wider_than_it_can_be() {
        let columns = [always("id"), spare(1, "price"), words("why").spare(2), spare(3, "held")];
        let row: &[&str] = &["1234", "183.9625", "INSUFFICIENT_QTY insufficient qty", "1000000"];
        for width in 0..80 {
            let drawn = table(&columns, rows(&[row]), Some(width));
            for line in drawn.lines() {
                assert!(line.chars().count() <= width.max("1234  …".chars().count()), "{drawn}");
            }
            for figure in ["1234", "183.9625", "1000000"] {
                let part: String = figure.chars().take(3).collect();
                assert_eq!(drawn.contains(&part), drawn.contains(figure), "{drawn}");
            }
        }
    }

    #[test]
    fn a_line_that_is_cut_ends_with_three_dots() {
        let shown = [(3, "abc"), (9, "abc d ef"), (8, "abc d ef"), (7, "abc d…"), (0, "…")];
        for (width, wanted) in shown {
            let text = if width == 3 { "abc" } else { "abc d ef" };
            assert_eq!(cut(text, width), wanted);
        }
    }
}
