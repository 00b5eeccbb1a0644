//! Every command that a page, a help text or a message tells somebody to type is there.
//!
//! Apart because it reads the documents and the sources as texts; arguments are not looked at.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::Cli;

/// The commands in backticks, and on lines of their own within fences: the words behind `bracketd`.
fn told(text: &str) -> Vec<String> {
    let quoted = text.split('`').filter_map(|part| part.strip_prefix("bracketd "));
    let quoted = quoted.map(|part| part.replace('\n', " "));
    let fenced = text.split("\n```").skip(1).step_by(2).flat_map(str::lines);
    let typed = fenced.filter_map(|line| {
        let line = line.trim_start().trim_start_matches("$ ");
        line.strip_prefix("bracketd ").map(str::to_owned)
    });
    quoted.chain(typed).collect()
}

/// Why there is no such command; none where there is one.
fn missing(words: &str) -> Option<String> {
    let mut command = Cli::command();
    for word in words.split_whitespace() {
        let is_verb = |c: char| c.is_ascii_lowercase() || c == '-';
        if word.starts_with('-') || !word.chars().all(is_verb) || !command.has_subcommands() {
            return None;
        }
        match command.find_subcommand(word) {
            Some(found) => command = found.clone(),
            None => return Some(format!("there is no `{word}` in `bracketd {words}`")),
        }
    }
    None
}

fn below(dir: &Path, ends: &[&str], files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match path.is_dir() {
            true if name != "target" => below(&path, ends, files),
            false if ends.iter().any(|end| name.ends_with(end)) => files.push(path),
            _ => {}
        }
    }
}

#[test]
fn every_command_that_is_told_is_there() {
    assert!(missing("activity lst").is_some() && missing("tx why 7").is_none());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md"), root.join("ARCHITECTURE.md")];
    below(&root.join("docs"), &[".md"], &mut files);
    below(&root.join("host"), &[".rs", ".toml"], &mut files);
    let (mut count, mut wrong) = (0, Vec::new());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a text");
        // In a source a text goes on in the next line behind a backslash.
        for words in told(&text.replace("\\\n", "\n")) {
            count += 1;
            wrong.extend(missing(&words).map(|why| format!("{}: {why}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 150, "{count} commands were found");
}
