//! Reads fills and orders, and tells what changed. The account's pulse: it also says whether the
//! account is up.
//!
//! An order's end is not in the list of open orders, so an order that vanished from it, or that a
//! write of ours or a fill names, is asked for by its id. On a tape it goes step by step.
//!
//! A poll waits for its turn once, in the first place of all ([`Urgency::Pulse`]). The list of open
//! orders is read less often than fills where the budget is short, and with them when something
//! may have changed.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never, select};

use bracketd_core::broker::{BrokerEvent, Fault, OrderReport};
use bracketd_core::command::Urgency;
use bracketd_core::ids::BrokerOrderId;

use crate::actor::facts::Facts;
use crate::actor::pricer::QuoteFilter;
use crate::actor::reads::{self, Key, PAGES_MAX};
use crate::actor::rhythm::Rhythm;
use crate::actor::seen::Seen;
use crate::config::{Drive, FILLS_MS_MAX, PollConfig, ms};
use crate::convert::plain_fault;
use crate::failure::caught;
use crate::lock::lock;
use crate::scheduler::Caller;
use crate::slot::{Slot, Turn};

/// Orders asked for by id in one poll; the rest waits for the next.
const LOOKUPS_MAX: usize = 50;
/// Look-ups that may fail in one poll: each could take its whole budget.
const LOOKUP_FAILURES_MAX: usize = 2;
/// So soon after a write of ours its order is looked after.
const NUDGE: Duration = Duration::from_millis(250);
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
    config: PollConfig,
    requests: Receiver<PollRequest>,
    nudged: Receiver<()>,
    facts: Facts,
    /// How urgent the writes were that named the orders to look after.
    urgent: HashMap<BrokerOrderId, Urgency>,
    /// When the list of open orders was read last.
    listed: Option<Instant>,
    quotes: QuoteFilter,
    up: Option<bool>,
    failures: u32,
}

impl Poller {
    /// A poller that has read nothing yet.
    pub(crate) fn new(
        mut slot: Slot,
        config: PollConfig,
        requests: Receiver<PollRequest>,
        nudged: Receiver<()>,
        facts: Facts,
    ) -> Self {
        slot.read_budget_ms = slot.shared.limits.pulse_budget_ms;
        Self {
            slot,
            config,
            requests,
            nudged,
            facts,
            urgent: HashMap::new(),
            listed: None,
            quotes: QuoteFilter::default(),
            up: None,
            failures: 0,
        }
    }

    /// Runs until the account ends.
    pub(crate) fn run(mut self) {
        let mut due = Instant::now();
        // Of a poll that is due soon it need not hear again: each word would wake it.
        let (deaf, mut is_nudged) = (never(), false);
        while !self.slot.shared.stopping() {
            let pause = self.connect();
            let is_timed = pause.is_none() && self.config.drive == Drive::Timer;
            let wait = match pause {
                Some(pause) => pause,
                None if is_timed => due.saturating_duration_since(Instant::now()),
                None => Duration::from_secs(1),
            };
            let nudged = if is_nudged { &deaf } else { &self.nudged };
            select! {
                recv(self.requests) -> request => match request {
                    Ok(PollRequest::Step { reply }) => {
                        let fault = self.guarded(Self::step).err();
                        // A daemon that no longer waits needs no reply.
                        drop(reply.send(StepRead { fault }));
                    }
                    Ok(PollRequest::Now) => self.timed_poll(),
                    Err(_) => return,
                },
                recv(nudged) -> _ => {
                    is_nudged = true;
                    due = due.min(Instant::now() + NUDGE);
                }
                default(wait) => if is_timed {
                    let began = Instant::now();
                    // What was said until here this poll looks after.
                    self.nudged.try_iter().for_each(drop);
                    is_nudged = false;
                    self.timed_poll();
                    due = began + self.interval();
                },
            }
        }
    }

    fn rhythm(&self) -> Rhythm {
        let per_minute = self.slot.shared.limits.messages_per_minute;
        Rhythm::of(&self.config, per_minute, self.facts.seen().rests(), 1)
    }

    /// From the start of one poll to the next; as configured while an order is looked after.
    fn interval(&self) -> Duration {
        let rhythm_ms = self.rhythm().fills_ms;
        let wanted_ms = self.config.fills_ms.clamp(1, FILLS_MS_MAX);
        ms(if self.facts.seen().is_waiting() { wanted_ms.min(rhythm_ms) } else { rhythm_ms })
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
        let polled = self.guarded(|poller| poller.pulse().and_then(|()| poller.poll()));
        self.slot.begin(Turn::Had, 0);
        match polled {
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

    /// A failure of the host's own code is a failed poll. What that poll had noted as told may not
    /// have been: the next one tells everything of its time again.
    fn guarded(&mut self, poll: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        let since = self.facts.seen().fills_since();
        caught(|| poll(self)).unwrap_or_else(|text| {
            *self.facts.seen() = Seen::new(since);
            self.listed = None;
            self.quotes = QuoteFilter::default();
            Err(self.slot.panicked(&text))
        })
    }

    fn step(&mut self) -> Result<(), Fault> {
        if let Err(not_ready) = self.slot.ensure() {
            return Err(not_ready.fault);
        }
        self.slot.begin(Turn::Free, 0);
        let watched = lock(&self.slot.shared.watched).clone();
        if !watched.is_empty() {
            let quotes = self.quotes.changed(reads::prices(&mut self.slot, &watched)?);
            if !quotes.is_empty() {
                self.slot.shared.tell(BrokerEvent::Quotes(quotes));
            }
        }
        self.poll()
    }

    /// Waits for the poll's turn: fills, the list where it is due, and one look-up.
    fn pulse(&mut self) -> Result<(), Fault> {
        let (lists, looks) = (self.list_is_due(), self.facts.seen().is_waiting());
        let requests = 1 + u32::from(lists) + u32::from(looks);
        if !self.slot.shared.scheduler.pass(Caller::Other, Urgency::Pulse, requests) {
            return Err(plain_fault("ACCOUNT_ENDS", "the account ends"));
        }
        self.slot.begin(Turn::Had, requests);
        Ok(())
    }

    fn list_is_due(&self) -> bool {
        let interval = ms(self.rhythm().orders_ms);
        // A poll that comes a moment early must not put the list off to the next one.
        let is_due = |listed: Instant| listed.elapsed() + interval / 4 >= interval;
        let expects = !lock(&self.slot.shared.expected).is_empty();
        expects
            || self.facts.wants_list()
            || self.facts.seen().is_waiting()
            || self.listed.is_none_or(is_due)
    }

    fn poll(&mut self) -> Result<(), Fault> {
        let is_step = self.config.drive == Drive::Steps;
        self.facts.seen().poll_begins();
        let since = self.facts.seen().fills_since();
        // Fills first: one that comes between the two reads is told by the next poll, together
        // with the end of its order.
        let fills = reads::fills(&mut self.slot, since, PAGES_MAX)?;
        let has_new = self.facts.seen().has_new(&fills.items);
        let open = if is_step || has_new || self.list_is_due() {
            // Asked for again while it is read: then it is read again.
            self.facts.take_list_now();
            let open = reads::orders(&mut self.slot, None, PAGES_MAX)?;
            self.listed = Some(Instant::now());
            Some(open)
        } else {
            None
        };
        let fills = self.facts.seen().new_fills(fills.items);
        let mut orders = Vec::new();
        if let Some(open) = open {
            let expected = std::mem::take(&mut *lock(&self.slot.shared.expected));
            orders = self.facts.seen().changed(open.items, open.complete);
            self.urgent.extend(expected.iter().map(|(id, urgency)| (id.clone(), *urgency)));
            let named = expected.into_keys().chain(fills.iter().map(|f| f.order.clone()));
            self.facts.seen().look_after(named);
        }
        let failed = self.look_up(&mut orders);
        let seen = self.facts.seen();
        self.urgent.retain(|id, _| seen.waits_for(id));
        self.slot.shared.rests.store(seen.rests(), Ordering::Release);
        drop(seen);
        self.facts.tell_polled(&self.slot.shared, orders, fills);
        failed.map_or(Ok(()), Err)
    }

    /// Asks for orders by their ids, as far as the budget goes: the thread may not wait, since the
    /// next fills are due. What is left comes in the next poll, which pays for one ahead.
    fn look_up(&mut self, orders: &mut Vec<OrderReport>) -> Option<Fault> {
        let lookups: Vec<BrokerOrderId> = self.facts.seen().lookups(LOOKUPS_MAX);
        let mut failed = Vec::new();
        for (number, id) in lookups.into_iter().enumerate() {
            if number > 0 && self.config.drive == Drive::Timer {
                // Without a write of ours that explains it, a stop may have ended.
                let urgency = self.urgent.get(&id).copied().unwrap_or(Urgency::Unprotected);
                let cost = self.slot.cost("get-order");
                if !self.slot.shared.scheduler.try_pass(urgency, cost) {
                    continue;
                }
                self.slot.begin(Turn::Had, cost);
            }
            match reads::order(&mut self.slot, Key::Broker(&id)) {
                Ok(reports) => orders.extend(self.facts.seen().looked_up(&id, reports)),
                Err(fault) if self.facts.seen().failed(&id) => {
                    let text = format!("order {id} is not asked for any more: {}", fault.message);
                    self.slot.shared.warn(&text);
                }
                Err(fault) => failed.push(fault),
            }
            if failed.len() >= LOOKUP_FAILURES_MAX {
                break;
            }
        }
        failed.pop()
    }

    fn tell_up(&mut self) {
        if self.up.replace(true) != Some(true) {
            self.set_up(true);
            let info = self.slot.shared.running.info();
            self.slot.shared.tell(BrokerEvent::Up(info));
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
