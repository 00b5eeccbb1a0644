//! What the instances and threads of one account share.
//!
//! Apart so that it is visible in one place: nothing here belongs to two accounts, and everything
//! that changes is behind its own lock or counter, never held over a call into a guest.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender, TrySendError, bounded};

use bracketd_core::broker::{BrokerEvent, FromAccount};
use bracketd_core::command::Urgency;
use bracketd_core::ids::{AccountName, BrokerOrderId, Symbol};

use crate::account::{LastError, WRITE_INSTANCES};
use crate::bindings::bracketd::broker::types;
use crate::config::{AccountConfig, ClockSource, Limits};
use crate::convert::{Lie, Tie, Ties};
use crate::grant::Grant;
use crate::guest::kv::Kv;
use crate::guest::log::{LogSink, MESSAGE_BYTES_MAX, clean};
use crate::guest::{LogLevel, LogLine, LogSource};
use crate::hook::Hook;
use crate::lock::lock;
use crate::plugin::Plugin;
use crate::scheduler::Scheduler;
use crate::secret::Secrets;
use crate::swap::{Candidate, Running, SwapDesk, Terms, Wanted};
use crate::wire::flight::Flight;
use crate::wire::{Client, Senders};

/// How often a thread that waits for the daemon looks whether it shall stop.
const STOP_CHECK: Duration = Duration::from_millis(100);
/// Most orders that are remembered for the next poll to look after.
const EXPECTED_MAX: usize = 4_096;
/// A plugin that took over so short a while ago is taken back when it proves unsound.
const ROLLBACK_WINDOW: Duration = Duration::from_secs(600);
/// Longest text of the last error, in bytes.
const ERROR_BYTES_MAX: usize = 500;

/// What the instances and threads of one account share.
pub(crate) struct Shared {
    /// The account's name.
    pub name: AccountName,
    /// Handed to `connect`.
    pub settings: Vec<(String, String)>,
    /// Its secrets.
    pub secrets: Arc<Secrets>,
    /// Where requests may go.
    pub grants: Vec<Grant>,
    /// Its limits.
    pub limits: Limits,
    /// Its clock.
    pub clock: ClockSource,
    /// Its connection pool.
    pub client: Arc<Client>,
    /// The threads that send writes.
    pub senders: Senders,
    /// Where every call waits for its turn.
    pub scheduler: Arc<Scheduler>,
    /// Whether an order rests at the broker, or one of ours is on its way.
    pub rests: AtomicBool,
    /// Wakes the poll of fills and orders.
    pub nudge: Sender<()>,
    /// The `kv` memory.
    pub kv: Kv,
    /// Where log lines go.
    pub log: LogSink,
    /// What it runs.
    pub running: Running,
    /// How its swaps stand.
    pub swap: SwapDesk,
    /// Writes on their way.
    pub flights: Mutex<Vec<Weak<Flight>>>,
    /// Symbols whose prices are read.
    pub watched: Mutex<Vec<Symbol>>,
    /// Rules of the instruments that were read.
    pub instruments: Mutex<HashMap<Symbol, types::Instrument>>,
    /// How the broker tied the orders that were seen.
    pub ties: Mutex<Ties>,
    /// Orders that our writes made or touched, and how urgent these were: the next poll looks
    /// after those it does not see.
    pub expected: Mutex<HashMap<BrokerOrderId, Urgency>>,
    /// Counters for people.
    pub counters: Counters,
    /// Codes of a broker's questions that are answered with yes.
    pub confirm: Vec<String>,
    /// Whether the account shall end.
    pub stop: AtomicBool,
    /// Is told every moment of every call; a daemon has none.
    pub hook: Option<Hook>,
    events: Sender<FromAccount>,
}

/// Counters for people.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Whether the plugin is connected.
    pub up: AtomicBool,
    /// Calls into the plugin.
    pub calls: AtomicU64,
    /// Calls that ended in a trap or at a limit.
    pub traps: AtomicU64,
    /// Instances built after the first.
    pub restarts: AtomicU64,
    /// Values from the plugin that could not be true.
    pub lies: AtomicU64,
    /// Commands and reads that wait or run.
    pub in_flight: AtomicUsize,
    /// The last thing that went wrong.
    pub last_error: Mutex<Option<LastError>>,
    /// Sockets that the plugin wants.
    pub sockets: AtomicUsize,
    /// Those of them that are open.
    pub sockets_open: AtomicUsize,
}

impl Shared {
    /// The shared part of an account that starts.
    pub(crate) fn new(
        config: AccountConfig,
        parts: (Arc<Secrets>, Arc<Client>, Senders),
        nudge: Sender<()>,
        (running, swap): (Running, SwapDesk),
        events: Sender<FromAccount>,
    ) -> Self {
        let (secrets, client, senders) = parts;
        let AccountConfig { name, settings, grants, limits, kv, clock, log, confirm, hook, .. } =
            config;
        let scheduler = Arc::new(Scheduler::new(limits.messages_per_minute, limits.queue, &clock));
        Self {
            name,
            settings,
            secrets,
            grants,
            clock,
            client,
            senders,
            scheduler,
            rests: AtomicBool::new(false),
            nudge,
            kv: Kv::new(limits.kv_keys, limits.kv_bytes).holding(kv),
            log: LogSink::new(log, limits.log_lines_per_second),
            limits,
            running,
            swap,
            flights: Mutex::default(),
            watched: Mutex::default(),
            instruments: Mutex::default(),
            ties: Mutex::default(),
            expected: Mutex::default(),
            counters: Counters::default(),
            confirm,
            stop: AtomicBool::new(false),
            hook,
            events,
        }
    }

    /// The same account for a plugin that only reads: what it notes and tells goes nowhere, and its
    /// requests are charged to the account.
    pub(crate) fn shadow(&self, plugin: Plugin, generation: u64) -> Arc<Self> {
        Arc::new(Self {
            name: self.name.clone(),
            settings: self.settings.clone(),
            secrets: self.secrets.clone(),
            grants: self.grants.clone(),
            limits: self.limits.clone(),
            clock: self.clock.clone(),
            client: self.client.clone(),
            senders: self.senders.clone(),
            scheduler: self.scheduler.clone(),
            rests: AtomicBool::new(false),
            nudge: self.nudge.clone(),
            kv: self.kv.copied(),
            log: self.log.beside(),
            running: Running::new(plugin, generation),
            swap: SwapDesk::new(bounded(0).0),
            flights: Mutex::default(),
            watched: Mutex::default(),
            instruments: Mutex::default(),
            ties: Mutex::default(),
            expected: Mutex::default(),
            confirm: self.confirm.clone(),
            counters: Counters::default(),
            stop: AtomicBool::new(false),
            hook: self.hook.clone(),
            events: bounded(0).0,
        })
    }

    /// Another plugin takes over; the gate is shut and nothing is being carried out.
    pub(crate) fn publish(&self, candidate: Candidate) {
        let Candidate { plugin, info, generation, instances, .. } = candidate;
        self.running.replace(plugin, info, generation, instances);
        self.scheduler.writers(self.writers());
    }

    /// Instances that carry commands.
    pub(crate) fn writers(&self) -> usize {
        if self.running.is_concurrent() { WRITE_INSTANCES } else { 1 }
    }

    /// A plugin that took over a while ago fails again and again: back to the one before.
    pub(crate) fn unsound(&self, generation: u64, why: &str) {
        let is_new = self.running.since().elapsed() < ROLLBACK_WINDOW;
        if generation == self.running.generation() && is_new && self.running.parked().is_some() {
            let because = Some(format!("the new one is unsound: {why}"));
            // Where a swap is under way already, that one decides.
            let _the_other_decides = self.swap.order(Wanted::Parked { because }, Terms::default());
        }
    }

    /// A write is on its way.
    pub(crate) fn note_flight(&self, flight: &Arc<Flight>) {
        let mut flights = lock(&self.flights);
        flights.retain(|known| known.strong_count() > 0);
        flights.push(Arc::downgrade(flight));
    }

    /// Guests wait no longer for the answers of their writes.
    pub(crate) fn detach_writes(&self) {
        for flight in lock(&self.flights).iter().filter_map(Weak::upgrade) {
            flight.detach();
        }
    }

    /// Whether the account shall end.
    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Tells the daemon something that may not be lost: waits for it.
    pub(crate) fn tell(&self, event: BrokerEvent) {
        let mut message = FromAccount { account: self.name.clone(), event };
        loop {
            match self.events.send_timeout(message, STOP_CHECK) {
                Ok(()) | Err(SendTimeoutError::Disconnected(_)) => return,
                Err(SendTimeoutError::Timeout(_)) if self.stopping() => return,
                Err(SendTimeoutError::Timeout(back)) => message = back,
            }
        }
    }

    /// Tells the daemon something that the next read tells better: `false` when it has no room.
    pub(crate) fn try_tell(&self, event: BrokerEvent) -> bool {
        let message = FromAccount { account: self.name.clone(), event };
        !matches!(self.events.try_send(message), Err(TrySendError::Full(_)))
    }

    /// Notes the last thing that went wrong, for status.
    pub(crate) fn note_error(&self, text: &str) {
        let text = clean(&self.secrets, text, ERROR_BYTES_MAX);
        let at = self.scheduler.now();
        *lock(&self.counters.last_error) = Some(LastError { at, text });
    }

    /// A value from the plugin could not be true and was left out.
    pub(crate) fn note_lie(&self, lie: &Lie) {
        self.counters.lies.fetch_add(1, Ordering::Relaxed);
        self.warn(&lie.to_string());
    }

    /// Remembers how orders are tied.
    pub(crate) fn note_ties(&self, told: Vec<(BrokerOrderId, Tie)>) {
        let mut ties = lock(&self.ties);
        for (id, tie) in told {
            ties.note(id, tie);
        }
    }

    /// Counts work that came in.
    pub(crate) fn begun(&self) {
        self.counters.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts work whose outcome was told.
    pub(crate) fn ended(&self) {
        self.counters.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Something an operator may want to know, in the log.
    pub(crate) fn inform(&self, text: &str) {
        self.write(LogLevel::Info, text);
    }

    /// Notes something for the operator, in status and in the log.
    pub(crate) fn warn(&self, text: &str) {
        self.note(LogLevel::Warn, text);
    }

    /// The same of something that must not happen.
    pub(crate) fn complain(&self, text: &str) {
        self.note(LogLevel::Error, text);
    }

    fn note(&self, level: LogLevel, text: &str) {
        self.note_error(text);
        self.write(level, text);
    }

    fn write(&self, level: LogLevel, text: &str) {
        self.log.write(LogLine {
            account: self.name.clone(),
            level,
            message: clean(&self.secrets, text, MESSAGE_BYTES_MAX),
            fields: Vec::new(),
            lost: 0,
            source: LogSource::Host,
        });
    }

    /// The next poll shall look after this order: a write of that class named it.
    pub(crate) fn expect_order(&self, id: &BrokerOrderId, urgency: Urgency) {
        let mut expected = lock(&self.expected);
        if expected.len() < EXPECTED_MAX {
            let known = expected.entry(id.clone()).or_insert(urgency);
            *known = urgency.min(*known);
        }
    }

    /// The next poll shall be soon.
    pub(crate) fn poll_soon(&self) {
        // One wake-up that waits is enough.
        let _ = self.nudge.try_send(());
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}
