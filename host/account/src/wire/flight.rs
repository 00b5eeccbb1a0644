//! One write on its way: where its sender and the guest that asked for it meet.
//!
//! Apart because either may be gone first. Whoever comes second finds what the other left, so the
//! outcome of a write that was sent is never lost, and is told exactly once.

use std::fmt;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use crate::lock::lock;
use crate::wire::{Failure, Reply, Sent};

/// Bytes of an answer that are kept as evidence.
const EVIDENCE_BYTES_MAX: usize = 500;

/// What is known of a write that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Landed {
    /// The broker answered.
    Answered {
        /// HTTP status.
        status: u16,
        /// The start of the answer, scrubbed.
        head: String,
    },
    /// There is no answer.
    Failed {
        /// How much of the request left.
        sent: Sent,
        /// Why.
        message: String,
    },
}

impl Landed {
    /// What came of a request.
    pub(crate) fn of(outcome: &Result<Reply, Failure>) -> Self {
        match outcome {
            Ok(reply) => {
                let head = reply.body.get(..EVIDENCE_BYTES_MAX).unwrap_or(&reply.body);
                let head = String::from_utf8_lossy(head).into_owned();
                Self::Answered { status: reply.status, head }
            }
            Err(failure) => Self::Failed { sent: failure.sent, message: failure.message.clone() },
        }
    }
}

/// What is done with an outcome that nobody waited for.
type OnLate = Box<dyn FnOnce(Landed) + Send>;

#[derive(Default)]
struct State {
    reply: Option<Result<Reply, Failure>>,
    landed: Option<Landed>,
    on_late: Option<OnLate>,
    is_detached: bool,
}

/// One write on its way.
#[derive(Default)]
pub(crate) struct Flight {
    state: Mutex<State>,
    changed: Condvar,
}

impl Flight {
    /// The sender's end: leaves the outcome, or tells it when the guest's side is gone.
    pub(crate) fn land(&self, outcome: Result<Reply, Failure>) {
        let mut state = lock(&self.state);
        let landed = Landed::of(&outcome);
        state.landed = Some(landed.clone());
        state.reply = Some(outcome);
        let late = state.on_late.take();
        drop(state);
        self.changed.notify_all();
        if let Some(tell) = late {
            tell(landed);
        }
    }

    /// The guest's end: the answer, when it comes before `deadline`.
    pub(crate) fn wait(&self, deadline: Instant) -> Option<Result<Reply, Failure>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(reply) = state.reply.take() {
                return Some(reply);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_detached {
                return None;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }

    /// The guest waits no longer: whatever comes is told by the sender.
    pub(crate) fn detach(&self) {
        lock(&self.state).is_detached = true;
        self.changed.notify_all();
    }

    /// What is known now; while it is still on its way, `tell` is called when it lands.
    pub(crate) fn landed_or(&self, tell: impl FnOnce(Landed) + Send + 'static) -> Option<Landed> {
        let mut state = lock(&self.state);
        if state.landed.is_none() {
            state.on_late = Some(Box::new(tell));
        }
        state.landed.clone()
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flight").field(&lock(&self.state).landed).finish()
    }
}
