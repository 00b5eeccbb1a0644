//! A tape at full speed: it goes on only when the daemon has finished with the present prices.
//!
//! Apart because live accounts never wait like this. The driver is a thread of its own that talks
//! to the exchange's admin endpoint; the engine thread only says when a step is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bracketd_core::time::Timestamp;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use serde::Deserialize;

use super::engine_thread::EngineThread;
use crate::message::{TapeStep, ToEngine};

/// A step that takes longer than this is stuck; the run says so and goes on waiting.
const STUCK: Duration = Duration::from_secs(20);

/// Why a tape run ended early.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The exchange did not answer.
    #[error("the exchange's admin endpoint {url} does not answer: {why}; is it still running?")]
    Exchange {
        /// The endpoint.
        url: String,
        /// Why.
        why: String,
    },
    /// Whoever drives it wanted that.
    #[error("the tape run was stopped")]
    Stopped,
    /// The engine thread is gone.
    #[error("the engine stopped before the tape's end")]
    EngineGone,
}

/// Drives the tape of an exchange.
#[derive(Debug)]
pub struct TapeDriver {
    /// The exchange's base URL.
    pub url: String,
    /// Key and secret of one of its accounts.
    pub key: (String, String),
    /// The engine's clock.
    pub clock: Arc<AtomicI64>,
    /// The engine thread's inbox.
    pub engine: Sender<ToEngine>,
    /// So many times the recorded pace; none is as fast as it goes.
    pub pace: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Step {
    step: u64,
    time_ns: i64,
    played: u64,
    total: u64,
    done: bool,
}

impl TapeDriver {
    /// The tape's present time: where the clock stands before the engine starts.
    ///
    /// # Errors
    /// The exchange does not answer.
    pub fn first_time(&self) -> Result<Timestamp, TapeError> {
        let step = self.present(&agent())?;
        Ok(Timestamp(step.time_ns / 1_000))
    }

    /// Plays the tape to its end. `go_on` is told prices shown so far and in all, before each step.
    ///
    /// # Errors
    /// The exchange or the engine went away, or `go_on` said no.
    pub fn play(&self, go_on: &mut dyn FnMut(u64, u64) -> bool) -> Result<u64, TapeError> {
        let agent = agent();
        let mut steps = 0;
        let mut step = self.present(&agent)?;
        loop {
            if !go_on(step.played, step.total) {
                return Err(TapeError::Stopped);
            }
            let next_timer = self.one(&step)?;
            steps += 1;
            if step.done {
                return Ok(steps);
            }
            let next = self.acknowledge(&agent, step.step, next_timer)?;
            if let Some(times) = self.pace {
                let tape_ns = u64::try_from(next.time_ns - step.time_ns).unwrap_or(0);
                std::thread::sleep(Duration::from_nanos(tape_ns / u64::from(times.max(1))));
            }
            step = next;
        }
    }

    fn one(&self, step: &Step) -> Result<Option<Timestamp>, TapeError> {
        let at = Timestamp(step.time_ns / 1_000);
        self.clock.store(at.0, Ordering::Release);
        let (reply, done) = bounded(1);
        let message = ToEngine::TapeStep(TapeStep { at, played: step.played, reply });
        self.engine.send(message).map_err(|_| TapeError::EngineGone)?;
        loop {
            match done.recv_timeout(STUCK) {
                Ok(next_timer) => return Ok(next_timer),
                Err(RecvTimeoutError::Timeout) => {
                    tracing::warn!(step = step.step, "the step is not done yet");
                }
                Err(RecvTimeoutError::Disconnected) => return Err(TapeError::EngineGone),
            }
        }
    }

    fn present(&self, agent: &ureq::Agent) -> Result<Step, TapeError> {
        let url = format!("{}/admin/step", self.url);
        let answer = agent
            .get(&url)
            .header("APCA-API-KEY-ID", &self.key.0)
            .header("APCA-API-SECRET-KEY", &self.key.1)
            .call();
        self.read(&url, answer)
    }

    fn acknowledge(
        &self,
        agent: &ureq::Agent,
        step: u64,
        next_timer: Option<Timestamp>,
    ) -> Result<Step, TapeError> {
        let url = format!("{}/admin/ack", self.url);
        let next_timer = next_timer.map(|at| at.0.saturating_mul(1_000));
        let body = serde_json::json!({ "step": step, "next_timer": next_timer });
        let answer = agent
            .post(&url)
            .header("APCA-API-KEY-ID", &self.key.0)
            .header("APCA-API-SECRET-KEY", &self.key.1)
            .content_type("application/json")
            .send(body.to_string());
        self.read(&url, answer)
    }

    fn read(
        &self,
        url: &str,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Step, TapeError> {
        let fail = |why: String| TapeError::Exchange { url: url.to_owned(), why };
        let mut answer = answer.map_err(|error| fail(error.to_string()))?;
        let text = answer.body_mut().read_to_string().map_err(|error| fail(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| fail(format!("{error} in {text:?}")))
    }
}

/// A client that takes a 409 as the answer it is: the step that is present instead.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

/// A step that the engine thread has not finished.
#[derive(Debug)]
pub(super) struct Waiting {
    step: TapeStep,
    /// Accounts whose reads have not come back.
    reads_open: usize,
    /// Whether all accounts were compared before those reads.
    was_ready: bool,
    /// Commands sent when those reads began: later ones may have changed what was read.
    commands_before: u64,
}

impl EngineThread {
    pub(super) fn begin_tape_step(&mut self, step: TapeStep) -> Waiting {
        let commands_before = self.report.commands;
        let (was_ready, reads_open) = (self.is_ready(), self.poll_all());
        Waiting { step, reads_open, was_ready, commands_before }
    }

    /// Looks whether the step is done; reads again as long as what was sent may have changed
    /// orders or fills.
    pub(super) fn go_on_with_tape(&mut self, mut waiting: Waiting) -> Option<Waiting> {
        waiting.reads_open -= self.finished_polls().min(waiting.reads_open);
        waiting.was_ready &= self.is_ready();
        if waiting.reads_open > 0 || !self.is_quiet() || !self.is_ready() {
            return Some(waiting);
        }
        // What was read before an account was compared, or before a command, may be old.
        if !waiting.was_ready || self.report.commands != waiting.commands_before {
            return Some(self.begin_tape_step(waiting.step));
        }
        if self.place_entries(&waiting.step) {
            return Some(waiting);
        }
        // Who drives the tape may have gone; then nobody waits.
        let _nobody = waiting.step.reply.try_send(self.next_timer());
        None
    }
}
