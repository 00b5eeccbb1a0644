//! `expect_decisions`: everything that a policy decided in a test, kept in the test's own text.
//!
//! Apart because such an expectation is written by the program: `policy test --update-snapshots`
//! puts what is decided now between the backticks. It stands in the test file, so that a build
//! checks it like any other line and a review shows what changed.

use std::cell::{Cell, RefCell};

use rhai::{Engine, ImmutableString, NativeCallContext, Position};

use super::expect::other;
use super::fixture::Handle;
use super::trace;
use crate::failure::{ScriptResult, script_error};
use crate::source::SourceFile;
use crate::span::of_position;

/// A test file with the snapshots of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The file as people know it.
    pub path: String,
    /// How many of its snapshots are new.
    pub changed: usize,
    /// Its whole new text.
    pub text: String,
}

thread_local! {
    static IS_TAKING: Cell<bool> = const { Cell::new(false) };
    static TAKEN: RefCell<Vec<(Position, Vec<String>)>> = const { RefCell::new(Vec::new()) };
}

/// Whether what is decided from now on is taken as what is expected.
pub(super) fn begin(is_taking: bool) {
    IS_TAKING.set(is_taking);
    TAKEN.take();
}

/// The file with what was taken, where that is new.
pub(super) fn taken(file: &SourceFile) -> Option<Snapshot> {
    IS_TAKING.set(false);
    let mut taken = TAKEN.take();
    // From the end, so that places before stay where they are. One in a loop counts once.
    taken.sort_by_key(|(at, _)| std::cmp::Reverse((at.line(), at.position())));
    taken.dedup_by_key(|(at, _)| *at);
    let mut text = file.text.clone();
    let mut changed = 0;
    for (at, lines) in taken {
        let (call, _) = of_position(&file.text, at);
        let Some(from) = text.get(call..).and_then(|rest| rest.find('`')).map(|at| call + at + 1)
        else {
            continue;
        };
        let Some(to) = text.get(from..).and_then(|rest| rest.find('`')).map(|at| from + at) else {
            continue;
        };
        let start = text.get(..call).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
        let line = text.get(start..).unwrap_or_default();
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let body: String = lines.iter().map(|line| format!("\n{indent}    {line}")).collect();
        let new = if lines.is_empty() { String::new() } else { format!("{body}\n{indent}") };
        if text.get(from..to) != Some(new.as_str()) {
            text.replace_range(from..to, &new);
            changed += 1;
        }
    }
    let path = file.path.clone();
    (changed > 0).then_some(Snapshot { path, changed, text })
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn(
        "expect_decisions",
        |context: NativeCallContext, _: &mut Handle, expected: ImmutableString| {
            decided(context.call_position(), &expected)
        },
    );
}

/// All that was decided in this test so far, by every world of it.
fn decided(at: Position, expected: &str) -> ScriptResult<()> {
    let actual: Vec<String> = trace::so_far().iter().flat_map(trace::TestStep::decisions).collect();
    if IS_TAKING.get() {
        if actual.iter().any(|line| line.contains('`') || line.contains("${")) {
            return Err(script_error("a reason with a backtick or ${ cannot be kept in a test"));
        }
        TAKEN.with_borrow_mut(|taken| taken.push((at, actual)));
        return Ok(());
    }
    let wanted: Vec<&str> = expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    if wanted == actual {
        return Ok(());
    }
    let first = wanted.iter().zip(&actual).take_while(|(a, b)| *a == b).count();
    let line = |line: Option<&str>| line.unwrap_or("nothing more").to_owned();
    other(
        &format!("decision {}", first + 1),
        &line(wanted.get(first).copied()),
        &line(actual.get(first).map(String::as_str)),
    )
}
