//! Reads fills and orders, and tells what changed. The account's pulse: it also says whether the
//! account is up.
//!
//! An order's end is not in the list of open orders, so an order that vanished from it, or that a
//! write of ours or a fill names, is asked for by its id. On a tape it goes step by step.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use bracketd_core::broker::{BrokerEvent, Fault, Fill, OrderReport};
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::instrument::AccountInfo;

use crate::actor::pricer::QuoteFilter;
use crate::actor::reads::{self, Key};
use crate::actor::seen::Seen;
use crate::config::{Drive, FILLS_MS_MAX, PollConfig, ms};
use crate::effect::point;
use crate::lock::lock;
use crate::slot::Slot;

/// The first read goes back so far, since the broker's clock is not ours.
const START_OVERLAP_MS: u64 = 60_000;
/// Orders asked for by id in one poll; the rest waits for the next.
const LOOKUPS_MAX: usize = 50;
/// Look-ups that may fail in one poll: each could take its whole budget.
const LOOKUP_FAILURES_MAX: usize = 2;
/// Polls that may fail in a row before the account counts as down.
const FAILURES_MAX: u32 = 3;

/// A read that the daemon asks for.
#[derive(Clone, Debug)]
pub enum PollRequest {
    /// Orders and fills, now.
    Now,
    /// Prices of the watched symbols, orders and fills of the present step of a tape. Every event
    /// of the step is in the channel before the reply.
    Step {
        /// Where the reply goes.
        reply: Sender<StepRead>,
    },
}

/// A step of a tape was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRead {
    /// Why it could not be read; then nothing of it may be taken as seen.
    pub fault: Option<Fault>,
}

/// The thread that reads fills and orders.
pub(crate) struct Poller {
    slot: Slot,
    info: AccountInfo,
    config: PollConfig,
    requests: Receiver<PollRequest>,
    seen: Seen,
    quotes: QuoteFilter,
    up: Option<bool>,
    failures: u32,
}

impl Poller {
    /// A poller that has read nothing yet.
    pub(crate) fn new(
        slot: Slot,
        info: AccountInfo,
        config: PollConfig,
        requests: Receiver<PollRequest>,
    ) -> Self {
        let start = slot.shared.clock.now_ns().saturating_sub(START_OVERLAP_MS * 1_000_000);
        Self {
            slot,
            info,
            config,
            requests,
            seen: Seen::new(start),
            quotes: QuoteFilter::default(),
            up: None,
            failures: 0,
        }
    }

    /// Runs until the account ends.
    pub(crate) fn run(mut self) {
        let interval = ms(self.config.fills_ms.clamp(1, FILLS_MS_MAX));
        let mut due = Instant::now();
        while !self.slot.shared.stopping() {
            let pause = self.connect();
            let wait = match (pause, self.config.drive) {
                (Some(pause), _) => pause,
                (None, Drive::Steps) => Duration::from_secs(1),
                (None, Drive::Timer) => due.saturating_duration_since(Instant::now()),
            };
            match self.requests.recv_timeout(wait) {
                Ok(PollRequest::Step { reply }) => {
                    let fault = self.step().err();
                    // A daemon that no longer waits needs no reply.
                    drop(reply.send(StepRead { fault }));
                }
                Ok(PollRequest::Now) => self.timed_poll(),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if pause.is_some() => {}
                Err(RecvTimeoutError::Timeout) if self.config.drive == Drive::Steps => {}
                Err(RecvTimeoutError::Timeout) => {
                    due = Instant::now() + interval;
                    self.timed_poll();
                }
            }
        }
    }

    /// Sees to an instance; the answer is how long to wait when there is none.
    fn connect(&mut self) -> Option<Duration> {
        match self.slot.ensure() {
            Ok(balance) => {
                if self.up != Some(true) && self.failures < FAILURES_MAX {
                    self.tell_up();
                }
                if let Some(balance) = balance {
                    self.slot.shared.tell(BrokerEvent::Balance(balance));
                }
                None
            }
            Err(not_ready) => {
                self.tell_down(not_ready.fault);
                Some(not_ready.after)
            }
        }
    }

    fn timed_poll(&mut self) {
        if !self.slot.is_ready() {
            return;
        }
        match self.poll() {
            Ok(()) => {
                self.failures = 0;
                self.tell_up();
            }
            Err(fault) => {
                self.slot.shared.note_error(&format!("{}: {}", fault.code, fault.message));
                self.failures = self.failures.saturating_add(1);
                if self.failures >= FAILURES_MAX {
                    self.tell_down(fault);
                }
            }
        }
    }

    fn step(&mut self) -> Result<(), Fault> {
        if let Err(not_ready) = self.slot.ensure() {
            return Err(not_ready.fault);
        }
        let watched = lock(&self.slot.shared.watched).clone();
        if !watched.is_empty() {
            let quotes = self.quotes.changed(reads::prices(&mut self.slot, &watched)?);
            if !quotes.is_empty() {
                self.slot.shared.tell(BrokerEvent::Quotes(quotes));
            }
        }
        self.poll()
    }

    fn poll(&mut self) -> Result<(), Fault> {
        // Fills first: one that comes between the two reads is told by the next poll, together
        // with the end of its order.
        let fills = reads::fills(&mut self.slot, self.seen.fills_since())?;
        let open = reads::orders(&mut self.slot, true, None)?;
        let expected = std::mem::take(&mut *lock(&self.slot.shared.expected));
        let fills = self.seen.new_fills(fills.items);
        let mut orders = self.seen.changed(open.items, open.complete);
        self.seen.look_after(expected.into_iter().chain(fills.iter().map(|f| f.order.clone())));
        let lookups: Vec<BrokerOrderId> = self.seen.lookups(LOOKUPS_MAX);
        let mut failed = Vec::new();
        for id in lookups {
            match reads::order(&mut self.slot, Key::Broker(&id)) {
                Ok(reports) => orders.extend(self.seen.looked_up(&id, reports)),
                Err(fault) if self.seen.failed(&id) => {
                    let text = format!("order {id} is not asked for any more: {}", fault.message);
                    self.slot.shared.warn(&text);
                }
                Err(fault) => failed.push(fault),
            }
            if failed.len() >= LOOKUP_FAILURES_MAX {
                break;
            }
        }
        self.tell_polled(orders, fills);
        failed.pop().map_or(Ok(()), Err)
    }

    fn tell_polled(&self, orders: Vec<OrderReport>, fills: Vec<Fill>) {
        if !orders.is_empty() || !fills.is_empty() {
            point("poll.telling");
            self.slot.shared.tell(BrokerEvent::Polled { orders, fills });
            point("poll.told");
        }
    }

    fn tell_up(&mut self) {
        if self.up.replace(true) != Some(true) {
            self.set_up(true);
            self.slot.shared.tell(BrokerEvent::Up(self.info.clone()));
        }
    }

    fn tell_down(&mut self, fault: Fault) {
        if self.up.replace(false) != Some(false) {
            self.set_up(false);
            let message = format!("{}: {}", fault.code, fault.message);
            self.slot.shared.warn(&message);
            self.slot.shared.tell(BrokerEvent::Down(fault));
        }
    }

    fn set_up(&self, up: bool) {
        self.slot.shared.counters.up.store(up, std::sync::atomic::Ordering::Release);
    }
}
