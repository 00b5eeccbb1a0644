//! Why a run did not end well, in words for people who write policies.
//!
//! Apart because Rhai's errors are many and ours are few: missing data (the run is skipped), a
//! fault of the script, a bound. It never hides where the error arose.

use rhai::{Dynamic, EvalAltResult, Position};

use crate::api::entries;
use crate::data::text;
use crate::run::RunOutcome;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The script did something that cannot be done.
    Runtime,
    /// It went beyond a bound of operations, depth or size.
    Limit,
    /// It took longer than the run's budget.
    Deadline,
    /// The host itself panicked while serving it.
    Panic,
    /// What it wants to keep cannot be kept, or what was kept cannot be read.
    State,
    /// The configured parameters do not fit the script.
    Params,
    /// What an older version kept cannot be moved into what this one keeps.
    Migration,
    /// There is no such policy.
    Unknown,
}

impl FailureKind {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Limit => "limit",
            Self::Deadline => "deadline",
            Self::Panic => "panic",
            Self::State => "state",
            Self::Params => "params",
            Self::Migration => "migration",
            Self::Unknown => "unknown",
        }
    }
}

/// A failed run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", self.place())]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// In a sentence.
    pub message: String,
    /// The file as people know it.
    pub file: String,
    /// Line from 1; 0 where there is none.
    pub line: usize,
    /// Column from 1; 0 where there is none.
    pub column: usize,
}

impl Failure {
    /// The file's name, with line and column where they are known: a line of the log has no room for
    /// the directory, which is the same for all.
    fn place(&self) -> String {
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        match self.line {
            0 => name.to_owned(),
            line => format!("{name}:{line}:{}", self.column),
        }
    }
}

/// What host functions return.
pub(crate) type ScriptResult<T> = Result<T, Box<EvalAltResult>>;

/// Data that a script asked for and that is not there. Not catchable by the script: deciding on a
/// guess instead is what it must not do.
#[derive(Clone, Debug)]
struct Missing(String);

/// The budget's end, as the termination token.
#[derive(Clone, Debug)]
pub(crate) struct OutOfTime;

pub(crate) fn missing<T>(what: impl Into<String>) -> ScriptResult<T> {
    let token = Dynamic::from(Missing(what.into()));
    Err(EvalAltResult::ErrorTerminated(token, Position::NONE).into())
}

pub(crate) fn script_error(message: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(message.into().into(), Position::NONE).into()
}

/// What an error of a call means for the run.
pub(crate) fn outcome(error: &EvalAltResult, file: &str) -> RunOutcome {
    let (inner, _) = innermost(error, file);
    if let EvalAltResult::ErrorTerminated(token, _) = inner
        && let Some(missing) = token.read_lock::<Missing>()
    {
        return RunOutcome::Skipped(missing.0.clone());
    }
    let (position, file) = known_place(error, file);
    RunOutcome::Failed(Failure {
        kind: kind(inner),
        message: message(inner),
        file: file.to_owned(),
        line: position.line().unwrap_or(0),
        column: position.position().unwrap_or(0),
    })
}

/// The error where it arose, and the file of that place.
pub(crate) fn innermost<'e>(
    mut error: &'e EvalAltResult,
    mut file: &'e str,
) -> (&'e EvalAltResult, &'e str) {
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
                file = if source.is_empty() { file } else { source };
                error = inner;
            }
            EvalAltResult::ErrorInModule(_, inner, _) => error = inner,
            _ => return (error, file),
        }
    }
}

/// Where it arose. A bound is met between two statements, so Rhai may know no place of it: then that
/// of the innermost call.
fn known_place<'e>(error: &'e EvalAltResult, file: &'e str) -> (Position, &'e str) {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, source, inner, called_at) => {
            let within = if source.is_empty() { file } else { source };
            let found = known_place(inner, within);
            if found.0.is_none() { (*called_at, file) } else { found }
        }
        EvalAltResult::ErrorInModule(_, inner, _) => known_place(inner, file),
        _ => (error.position(), file),
    }
}

fn kind(error: &EvalAltResult) -> FailureKind {
    match error {
        EvalAltResult::ErrorTooManyOperations(_)
        | EvalAltResult::ErrorTooManyVariables(_)
        | EvalAltResult::ErrorTooManyModules(_)
        | EvalAltResult::ErrorStackOverflow(_)
        | EvalAltResult::ErrorDataTooLarge(..) => FailureKind::Limit,
        EvalAltResult::ErrorTerminated(..) => FailureKind::Deadline,
        _ => FailureKind::Runtime,
    }
}

/// The error in one sentence, without its place.
pub(crate) fn message(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => text(value),
        EvalAltResult::ErrorTerminated(token, _) if token.is::<OutOfTime>() => {
            "the run took longer than its limit".to_owned()
        }
        EvalAltResult::ErrorFunctionNotFound(called, _) => not_found(called),
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            format!("there is no entry {name}; test with `\"{name}\" in ...` first")
        }
        EvalAltResult::ErrorDotExpr(words, _) => plain_type(words),
        other => {
            let mut words = other.to_string();
            if let Some(at) = words.rfind(" (line ") {
                words.truncate(at);
            }
            plain_type(&words)
        }
    }
}

fn not_found(called: &str) -> String {
    let name = called.split(['(', ' ']).next().unwrap_or(called);
    let given = plain_type(called);
    match entries().iter().find(|entry| entry.name == name && entry.owner.is_empty()) {
        Some(entry) => format!("{} was called as {given}", entry.signature),
        None => format!("there is no function {given}"),
    }
}

/// Type names as scripts know them.
pub(crate) fn plain_type(words: &str) -> String {
    let words = words.replace("rust_decimal::decimal::Decimal", "decimal");
    words.replace("rhai::types::fn_ptr::FnPtr", "Fn").replace("i64", "int")
}
