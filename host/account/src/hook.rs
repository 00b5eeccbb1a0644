//! The moments of a call into a plugin, for a test that counts them and lets the call die at one.
//!
//! Apart because trading has none: an account of a daemon carries no hook, and then nothing here
//! runs. A hook may look, wait and kill; it must never change what a guest is told.

use std::fmt;
use std::sync::Arc;

use crate::bindings::bracketd::broker::types as abi;
use crate::instance::CallError;

/// A call into a plugin, at one of its moments.
#[derive(Clone, Copy, Debug)]
pub struct HostCall<'a> {
    /// The export that is called, as the WIT names it.
    pub export: &'static str,
    /// Which set of instances the plugin runs in; a candidate of a swap has one of its own.
    pub generation: u64,
    /// What happens.
    pub moment: Moment<'a>,
}

/// What happens at a moment.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// The export is about to be called.
    Begun,
    /// The guest has called this import; nothing of it was done yet.
    Before(&'static str),
    /// The import has done its work; the guest does not know yet.
    After(&'static str),
    /// The export has ended, with this word of the plugin.
    Ended(Spoken<'a>),
}

/// A plugin's own word, before the host compares it with what it saw of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken<'a> {
    /// Success, or which case of `fault`.
    pub word: Word,
    /// The neutral code of a fault; empty with success.
    pub code: &'a str,
    /// The pause that it names, in milliseconds.
    pub after_ms: Option<u64>,
    /// Keys that an unknown outcome names to look it up by.
    pub lookups: usize,
}

/// Success, or which case of `fault`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// It answered.
    Success,
    /// `rejected`.
    Rejected,
    /// `retryable`.
    Retryable,
    /// `unknown-outcome`.
    UnknownOutcome,
    /// `rate-limited`.
    RateLimited,
    /// `auth`.
    Auth,
    /// `not-supported`.
    NotSupported,
    /// `not-found`.
    NotFound,
    /// `invalid`.
    Invalid,
    /// It trapped, or the host ended it.
    Ended,
}

impl Word {
    /// As the WIT spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Rejected => "rejected",
            Self::Retryable => "retryable",
            Self::UnknownOutcome => "unknown-outcome",
            Self::RateLimited => "rate-limited",
            Self::Auth => "auth",
            Self::NotSupported => "not-supported",
            Self::NotFound => "not-found",
            Self::Invalid => "invalid",
            Self::Ended => "ended by the host",
        }
    }
}

/// What becomes of the call; heard before and after an import, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    GoOn,
    /// It traps here.
    Kill,
}

/// Is told every moment of every call, on the thread that calls.
#[derive(Clone)]
pub struct Hook(Arc<dyn Fn(HostCall<'_>) -> Verdict + Send + Sync>);

impl Hook {
    /// A hook that asks this.
    pub fn new(ask: impl Fn(HostCall<'_>) -> Verdict + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(crate) fn ask(&self, call: HostCall<'_>) -> Verdict {
        (self.0)(call)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// The word of a call's result.
pub(crate) fn spoken<'a, R>(
    result: Result<&'a Result<R, abi::Fault>, &'a CallError>,
) -> Spoken<'a> {
    let plain = |word, code| Spoken { word, code, after_ms: None, lookups: 0 };
    match result {
        Ok(Ok(_)) => plain(Word::Success, ""),
        Ok(Err(fault)) => of_fault(fault),
        Err(error) => plain(Word::Ended, crate::slot::code(error)),
    }
}

fn of_fault(fault: &abi::Fault) -> Spoken<'_> {
    match fault {
        abi::Fault::Rejected(d) => plain(Word::Rejected, d),
        abi::Fault::Auth(d) => plain(Word::Auth, d),
        abi::Fault::NotFound(d) => plain(Word::NotFound, d),
        abi::Fault::Invalid(d) => plain(Word::Invalid, d),
        abi::Fault::Retryable(wait) => {
            Spoken { after_ms: wait.after_ms, ..plain(Word::Retryable, &wait.detail) }
        }
        abi::Fault::RateLimited(wait) => {
            Spoken { after_ms: wait.after_ms, ..plain(Word::RateLimited, &wait.detail) }
        }
        abi::Fault::UnknownOutcome(doubt) => {
            Spoken { lookups: doubt.lookup.len(), ..plain(Word::UnknownOutcome, &doubt.detail) }
        }
        abi::Fault::NotSupported(_) => {
            Spoken { word: Word::NotSupported, code: "", after_ms: None, lookups: 0 }
        }
    }
}

fn plain(word: Word, detail: &abi::Detail) -> Spoken<'_> {
    Spoken { word, code: &detail.code, after_ms: None, lookups: 0 }
}
