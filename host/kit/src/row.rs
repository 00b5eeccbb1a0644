//! One row of the report: what was tried, and what came of it.
//!
//! Apart because every part of the kit ends in rows, and a row must say enough to act on: what was
//! expected, what happened, at which request.

use std::time::Duration;

use bracketd_account::Word;

use crate::desk::Desk;
use crate::watch::Heard;

/// How a row ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it must be.
    Pass,
    /// Not as it must be.
    Fail(Finding),
    /// The plugin says that it cannot do this, or the broker has no such thing.
    NotOffered(String),
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What had to happen.
    pub expected: String,
    /// What did.
    pub happened: String,
    /// At which request to the broker, or at which host call.
    pub at: String,
}

/// One row of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which table it belongs to.
    pub part: Part,
    /// The line of the table: an export, a subject, a history.
    pub group: String,
    /// The column: a trouble, a case, a moment.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// A table of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Each export in each trouble.
    Exports,
    /// What a broker does without any trouble.
    Broker,
    /// Lives of a transaction, killed or swapped at each host call.
    Histories,
}

impl Part {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exports => "exports",
            Self::Broker => "broker",
            Self::Histories => "histories",
        }
    }
}

impl Row {
    /// `part/group/name`: what `-k` looks into.
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.part.as_str(), self.group, self.name)
    }
}

/// Why a row ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Fails(Finding),
    /// The host ended a call at its deadline where the broker had used the time up: on a busy machine
    /// that is the machine's doing, so the row is tried again.
    Late(Finding),
    NotOffered(String),
}

impl Stop {
    /// It is not as it must be.
    pub(crate) fn fails(
        expected: impl Into<String>,
        happened: impl Into<String>,
        at: impl Into<String>,
    ) -> Self {
        let (expected, happened, at) = (expected.into(), happened.into(), at.into());
        Self::Fails(Finding { expected, happened, at })
    }

    /// The plugin said the wrong word.
    pub(crate) fn said(expected: String, heard: &Heard, at: &str, desk: &Desk) -> Self {
        let (mut happened, at) = (heard.shown(), at.to_owned());
        if heard.word == Word::Ended {
            let last = desk.account.status().last_error.map(|error| error.text).unwrap_or_default();
            happened = format!("{happened} ({last})");
        }
        let finding = Finding { expected, happened, at };
        match heard.word == Word::Ended && heard.code == "DEADLINE" {
            true => Self::Late(finding),
            false => Self::Fails(finding),
        }
    }

    /// What surrounds the plugin does not work, so nothing can be said of it.
    pub(crate) fn broken(why: impl Into<String>) -> Self {
        Self::fails("a broker, a network and an account to try it with", why, "")
    }
}

/// What a row is made of.
pub(crate) type Tried = Result<(), Stop>;

/// How a row ended.
pub(crate) fn outcome(tried: Tried) -> Outcome {
    match tried {
        Ok(()) => Outcome::Pass,
        Err(Stop::Fails(finding) | Stop::Late(finding)) => Outcome::Fail(finding),
        Err(Stop::NotOffered(why)) => Outcome::NotOffered(why),
    }
}
