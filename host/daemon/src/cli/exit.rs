//! How a verb ends, as scripts around it see it.
//!
//! Apart so that every code stands in one list. "Unknown" is never told as a failure: it may have
//! been done.

use std::process::ExitCode;

/// The end of a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// The check found something, or a test failed.
    Findings,
    /// The command line or a value in it is wrong.
    Usage,
    /// The daemon could not be reached; nothing was done.
    NoDaemon,
    /// The gate or the broker said no.
    Refused,
    /// Somebody changed it in the meantime.
    Conflict,
    /// It may or may not have been done.
    Unknown,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::NoDaemon => 3,
            Self::Refused => 4,
            Self::Conflict => 5,
            Self::Unknown => 6,
        }
    }
}

/// Why a verb did not do what was asked, with what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// A code for programs, such as `STOP_WRONG_SIDE`.
    pub code: String,
    /// What went wrong, in a sentence.
    pub message: String,
    /// What to do next; empty when there is nothing to say.
    pub hint: String,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        Self { exit, code: code.to_owned(), message: message.into(), hint: String::new() }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// A value on the command line that cannot be used.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "USAGE", message)
    }
}
