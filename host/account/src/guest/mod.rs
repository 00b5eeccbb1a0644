//! What a guest finds inside its instance: five imports, a budget and a memory limit.
//!
//! Apart because this is all a plugin can touch. Nothing here may hold something of another
//! account, and every import asks for the remaining budget before it works.

mod clock;
mod enough;
pub(crate) mod http;
pub(crate) mod kv;
mod limiter;
pub(crate) mod log;
mod sign;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bindings::bracketd::broker::types;
use crate::hook::{HostCall, Moment, Verdict};
use crate::shared::Shared;
use crate::wire::flight::Flight;

pub(crate) use enough::Enough;
pub use http::RequestSeen;
pub(crate) use limiter::Limiter;
pub use log::{LogLevel, LogLine, LogSource};

/// What the export that is running may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing: no import may be called.
    Pure,
    /// Requests that the grant calls reads.
    Read,
    /// One request that the grant calls a write, and reads.
    Write,
}

/// Why the host ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cut {
    /// The CPU budget is used up.
    #[error("the call used up its CPU budget of {budget_ms} ms")]
    Cpu {
        /// The budget.
        budget_ms: u64,
    },
    /// The total budget is used up.
    #[error("the call used up its time of {budget_ms} ms, waiting for the broker included")]
    Deadline {
        /// The budget.
        budget_ms: u32,
    },
    /// More memory was asked for than the instance may have.
    #[error("the instance asked for more memory than its limit of {} MiB", .limit_bytes >> 20)]
    Memory {
        /// The limit, over all its memories.
        limit_bytes: usize,
    },
    /// More table elements were asked for than the instance may have.
    #[error("the instance asked for more table elements than its limit of {limit}")]
    Tables {
        /// The limit, over all its tables.
        limit: usize,
    },
    /// Arguments of an import, or an answer, were larger than the host takes.
    #[error("the plugin handed the host more than {} KiB at once", .limit_bytes >> 10)]
    Handed {
        /// The limit.
        limit_bytes: usize,
    },
    /// An import was called where none may be.
    #[error("a host import was called in `describe` or at the start, where none may be")]
    Pure,
    /// A hook let the call die.
    #[error("the call was killed at {0}")]
    Killed(&'static str),
}

/// The budget of the call that is running, and what the host saw of its requests.
#[derive(Debug)]
pub(crate) struct Call {
    /// The export that runs.
    pub export: &'static str,
    /// What the export may do.
    pub mode: Mode,
    /// When the host stops waiting.
    pub deadline: Instant,
    /// Whether that was put off, for a request that ended late.
    pub is_put_off: bool,
    /// How long that was from the start of the call, in milliseconds.
    pub budget_ms: u32,
    /// CPU time that the call may take, in milliseconds.
    pub cpu_ms: u64,
    /// Epoch ticks of it that are left.
    pub ticks_left: u64,
    /// Requests that were sent, or tried.
    pub requests: u32,
    /// Whether the broker had enough, by what it answered one of them.
    pub limited: Option<Enough>,
    /// The one write of this call.
    pub write: Option<WriteSeen>,
    /// Why the host ended it.
    pub cut: Option<Cut>,
}

/// What the host saw of a call's write.
#[derive(Clone, Debug)]
pub(crate) enum WriteSeen {
    /// It was refused or no connection was made: the broker saw nothing.
    NotSent,
    /// It was handed to a sender.
    Handed(Arc<Flight>),
}

impl Call {
    /// A call that has not begun.
    pub(crate) fn idle() -> Self {
        Self {
            export: "",
            mode: Mode::Pure,
            deadline: Instant::now(),
            budget_ms: 0,
            cpu_ms: 0,
            is_put_off: false,
            ticks_left: 0,
            requests: 0,
            limited: None,
            write: None,
            cut: None,
        }
    }

    /// Leaves the guest so much time to return, once a call. The kernel ends a wait for an answer an
    /// eighth of its length late; a plugin ended for that would count as unsound, and its own word
    /// for what happened would be lost.
    pub(crate) fn leaves(&mut self, share: Duration) {
        let least = Instant::now() + share;
        if !self.is_put_off && self.deadline < least {
            (self.deadline, self.is_put_off) = (least, true);
        }
    }

    /// The time left; none = the call is over.
    pub(crate) fn remaining(&mut self) -> Result<Duration, Cut> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let cut = Cut::Deadline { budget_ms: self.budget_ms };
            self.cut = Some(cut);
            return Err(cut);
        }
        Ok(left)
    }
}

/// The data of one Store.
#[derive(Debug)]
pub(crate) struct GuestState {
    /// What the account's instances share.
    pub shared: Arc<Shared>,
    /// The generation it belongs to: an older one than the account's may not write.
    pub generation: u64,
    /// The call that is running.
    pub call: Call,
    /// Memory and tables.
    pub limiter: Limiter,
    /// The requests of the instance, where somebody wants to see them.
    pub trace: Option<Vec<RequestSeen>>,
    started: Instant,
}

impl GuestState {
    /// The data of a fresh instance.
    pub(crate) fn new(shared: Arc<Shared>, generation: u64) -> Self {
        let limiter = Limiter::new(shared.limits.memory_bytes, shared.limits.table_elements);
        let (call, started) = (Call::idle(), Instant::now());
        Self { shared, generation, call, limiter, trace: None, started }
    }

    /// The entry of every import: ends the call when it may not go on.
    fn enter(&mut self, import: &'static str) -> wasmtime::Result<Duration> {
        if self.call.mode == Mode::Pure {
            self.call.cut = Some(Cut::Pure);
            return Err(wasmtime::Error::new(Cut::Pure));
        }
        self.passes(import, Moment::Before(import))?;
        self.call.remaining().map_err(wasmtime::Error::new)
    }

    /// The end of every import.
    fn leave(&mut self, import: &'static str) -> wasmtime::Result<()> {
        self.passes(import, Moment::After(import))
    }

    fn passes(&mut self, import: &'static str, moment: Moment<'_>) -> wasmtime::Result<()> {
        match self.told(moment) {
            Verdict::GoOn => Ok(()),
            Verdict::Kill => {
                self.call.cut = Some(Cut::Killed(import));
                Err(wasmtime::Error::new(Cut::Killed(import)))
            }
        }
    }

    /// Tells the hook, where there is one.
    pub(crate) fn told(&self, moment: Moment<'_>) -> Verdict {
        let (export, generation) = (self.call.export, self.generation);
        let hook = self.shared.hook.as_ref();
        hook.map_or(Verdict::GoOn, |hook| hook.ask(HostCall { export, generation, moment }))
    }
}

impl types::Host for GuestState {}
