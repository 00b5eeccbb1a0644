//! Replays the terminal sessions of `docs/transcripts`, so that their words cannot drift.
//!
//! Apart because a session is one thing: its commands share a directory and a demo. In a document,
//! fenced blocks of `console` are run from top to bottom by a shell, all else is prose:
//!
//! ```text
//! $ bracketd tx list                 run by bash in the session's directory; `> ` continues a command
//! ? 2                                its exit code, where it is not 0
//! 1   ALFA  [..]  protected          what it prints, both streams; `[..]` is anything within a line
//! ...                                any lines, none too
//! ```
//!
//! Words behind `console` on the fence: `until` asks each command of the block again until it ends and
//! says what is written, for what takes a moment; `wasm` marks what needs a compiler for plugins.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::{Daemon, Dir, PATIENCE, Process, program};

/// One command of a document, and what it has to print.
#[derive(Debug)]
pub(crate) struct Step {
    /// Line of the document.
    line: usize,
    command: String,
    code: i32,
    lines: Vec<String>,
    until: bool,
    wasm: bool,
}

/// A directory in which a document is played.
pub(crate) struct Session {
    pub(crate) dir: Dir,
    demo: Option<Daemon>,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self { dir: Dir::new(), demo: None }
    }

    /// The same beside a running demo, `./bracketd-demo`.
    pub(crate) fn beside_a_demo() -> Self {
        let dir = Dir::new();
        let log = std::fs::File::create(dir.path().join("daemon.log")).expect("a log");
        let mut command = program(dir.path());
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
        let demo = Daemon::around(dir.path(), Process(child));
        demo.until("the demo is ready", |d| {
            let status = d.ask("status --json");
            status.code == Some(0) && status.json()["ready"] == true
        });
        Self { dir, demo: Some(demo) }
    }

    /// Runs the steps that are chosen and fails with all that is otherwise than written.
    pub(crate) fn replay(&self, name: &str, chosen: impl Fn(Step) -> Option<Step>) {
        let steps = read(name).into_iter().filter_map(chosen);
        let wrong: Vec<String> = steps.filter_map(|step| self.step(name, &step).err()).collect();
        let log = self.demo.as_ref().map(Daemon::log).unwrap_or_default();
        assert!(wrong.is_empty(), "{}\nthe demo's log:\n{log}", wrong.join("\n"));
    }

    fn step(&self, name: &str, step: &Step) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let (code, said) = shell(self.dir.path(), &step.command);
            if code == Some(step.code) && fits(&step.lines, &said) {
                return Ok(());
            }
            if !step.until || began.elapsed() > PATIENCE {
                let code = code.map_or("a signal".to_owned(), |code| code.to_string());
                return Err(format!(
                    "docs/transcripts/{name}:{}: {:?} ended with {code}, where {} is written, and \
                     said\n{}\nwhere this is written\n{}\n",
                    step.line,
                    step.command,
                    step.code,
                    said.join("\n"),
                    step.lines.join("\n"),
                ));
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

impl Step {
    /// Whether it needs a compiler for plugins.
    pub(crate) fn needs_compiler(&self) -> bool {
        self.wasm
    }

    /// The same, with other words expected where these are written.
    pub(crate) fn reading(mut self, written: &str, expected: &str) -> Self {
        self.lines.iter_mut().for_each(|line| *line = line.replace(written, expected));
        self
    }
}

/// The commands of a document in `docs/transcripts`.
fn read(name: &str) -> Vec<Step> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/transcripts").join(name);
    let text = std::fs::read_to_string(&path).expect("a document");
    let steps = parse(&text);
    assert!(!steps.is_empty(), "{name} has no command");
    steps
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    // The words of the fence, inside a block.
    let mut block: Option<(bool, bool)> = None;
    let mut is_fresh = false;
    for (line, text) in (1..).zip(text.lines()) {
        let Some((until, wasm)) = block else {
            let mut words = text.strip_prefix("```").unwrap_or_default().split_whitespace();
            if words.next() == Some("console") {
                let words: Vec<&str> = words.collect();
                let unknown = words.iter().find(|word| !["until", "wasm"].contains(word));
                assert_eq!(unknown, None, "line {line}");
                block = Some((words.contains(&"until"), words.contains(&"wasm")));
            }
            continue;
        };
        if text == "```" {
            block = None;
        } else if let Some(command) = text.strip_prefix("$ ") {
            let command = command.to_owned();
            steps.push(Step { line, command, code: 0, lines: Vec::new(), until, wasm });
            is_fresh = true;
        } else {
            let step = steps.last_mut().expect("a block begins with a command");
            match (text.strip_prefix("> "), text.strip_prefix("? ")) {
                (Some(more), _) if is_fresh => step.command.extend(["\n", more]),
                (_, Some(code)) if is_fresh => step.code = code.parse().expect("an exit code"),
                _ => {
                    step.lines.push(text.trim_end().to_owned());
                    is_fresh = false;
                }
            }
        }
    }
    steps
}

/// Runs a command as a person would who has `bracketd` on the path.
fn shell(dir: &Path, command: &str) -> (Option<i32>, Vec<String>) {
    let of_test = program(dir);
    let bin = Path::new(of_test.get_program()).parent().expect("a directory").to_owned();
    let path = std::env::var("PATH").expect("a path");
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(dir).stdin(Stdio::null());
    bash.env("PATH", format!("{}:{path}", bin.display()));
    for (name, value) in of_test.get_envs().filter(|(_, value)| value.is_none()) {
        assert!(value.is_none());
        bash.env_remove(name);
    }
    let out = bash.output().expect("bash runs");
    let said = String::from_utf8(out.stdout).expect("UTF-8");
    (out.status.code(), said.lines().map(|line| line.trim_end().to_owned()).collect())
}

/// Whether lines are those of a pattern.
fn fits(pattern: &[String], said: &[String]) -> bool {
    match pattern.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=said.len()).any(|skipped| fits(rest, &said[skipped..]))
        }
        Some((first, rest)) => said
            .split_first()
            .is_some_and(|(line, more)| line_fits(first, line) && fits(rest, more)),
    }
}

fn line_fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(mut rest) = parts.next().and_then(|start| line.strip_prefix(start)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(end) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(end)
}

#[test]
fn wildcards_are_within_a_line_or_any_lines() {
    for (pattern, said, fit) in [
        ("", "", true),
        ("a", "", false),
        ("a", "a", true),
        ("a", "a b", false),
        ("a[..]", "a b", true),
        ("a[..]c[..]e", "abcde", true),
        ("a[..]c[..]e", "abde", false),
        ("[..]a", "aa", true),
        ("ab[..]ba", "aba", false),
        ("a\n...\nd", "a\nb\nc\nd", true),
        ("a\n...\nd", "a\nd", true),
        ("a\n...\nd", "a\nb", false),
        ("...", "", true),
    ] {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(fits(&lines(pattern), &lines(said)), fit, "{pattern:?} and {said:?}");
    }
}

#[test]
fn only_blocks_of_console_are_commands() {
    let text = "```sh\n$ no\n```\n```console until\n$ a\n> b\n? 2\nsaid\n> too\n$ c\n```\n$ no\n";
    let read: Vec<String> = parse(text)
        .iter()
        .map(|s| format!("{:?} {} {:?} {} {}", s.command, s.code, s.lines, s.until, s.wasm))
        .collect();
    assert_eq!(read, [r#""a\nb" 2 ["said", "> too"] true false"#, r#""c" 0 [] true false"#]);
}

#[test]
#[should_panic(expected = "ended with 0, where 0 is written, and said\nhello")]
fn what_is_otherwise_than_written_fails() {
    let text = "```console\n$ echo hello\nhallo\n```\n";
    let session = Session::new();
    for step in parse(text) {
        session.step("none.md", &step).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}
