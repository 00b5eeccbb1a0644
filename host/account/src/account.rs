//! One running account: its threads, and the way in for the daemon.
//!
//! Apart because starting and ending is where threads could be lost: every one of them ends when
//! the handle is dropped, and a guest that does not end in time is left to its own limits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use bracketd_core::broker::FromAccount;
use bracketd_core::command::{Command, Read, Urgency};
use bracketd_core::ids::{OpId, Symbol, TransactionId};
use bracketd_core::instrument::AccountInfo;
use bracketd_core::pace::PaceStats;
use bracketd_core::time::Timestamp;

use crate::actor::facts::Facts;
use crate::actor::gap::Gap;
use crate::actor::poller::{PollRequest, Poller};
use crate::actor::streamer::Streamer;
use crate::actor::{pricer, reader, writer};
use crate::config::{AccountConfig, Drive, PollConfig, ms};
use crate::convert;
use crate::failure::vital;
use crate::guest::kv::KvEntry;
use crate::host::Host;
use crate::lock::lock;
use crate::plugin::Plugin;
use crate::secret::{SECRET_BYTES_MIN, Secrets};
use crate::shared::Shared;
use crate::slot::Slot;
use crate::swap::{
    self, PluginId, Running, SwapDesk, SwapOrder, SwapRefused, SwapState, Terms, Wanted,
};
use crate::wire::{Client, Senders};

/// Write instances of an account whose plugin allows several writes at once.
pub const WRITE_INSTANCES: usize = 4;
/// Sending threads beyond the write instances: for writes that outlived their guest.
const SENDERS_SPARE: usize = 4;
/// The first read of fills goes back so far, since the broker's clock is not ours.
const START_OVERLAP_MS: u64 = 60_000;
/// Reads that may wait; one more is given back to the caller.
const READS_WAITING_MAX: usize = 256;
/// How long dropping a handle waits for its threads.
const JOIN_MAX: Duration = Duration::from_secs(2);

/// A message to an account.
#[derive(Clone, Debug)]
pub enum ToAccount {
    /// One write, already in the ledger.
    Write(Command),
    /// Something to find out, as urgent as what waits for the answer.
    Read(Read, Urgency),
    /// Commands that wait here are not to be sent: those that open something, or all of them. Each
    /// is answered as not sent.
    Recall {
        /// All, not only what opens.
        all: bool,
    },
    /// The command of this row, if it waits here, was decided on what is not so any more: it is not to
    /// be sent, and answered so.
    TakeBack(OpId),
    /// Everything of the transaction that waits here is at least so urgent from now on.
    Raise(TransactionId, Urgency),
    /// The symbols whose prices are read from now on.
    Watch(Vec<Symbol>),
    /// The account ends: what waits is not sent.
    Shutdown,
}

/// Why an account does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A secret could not be kept out of answers.
    #[error("secret {0} is shorter than {SECRET_BYTES_MIN} bytes")]
    SecretTooShort(String),
    /// The plugin does not describe itself.
    #[error("the plugin does not describe itself: {0}")]
    Describe(String),
    /// A thread could not be started.
    #[error("a thread does not start: {0}")]
    Thread(String),
}

/// What went wrong last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// When, by the account's clock.
    pub at: Timestamp,
    /// What it was, without secrets.
    pub text: String,
}

/// How an account is doing, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountStatus {
    /// Whether it is connected and its polls come through.
    pub up: bool,
    /// Calls into the plugin.
    pub calls: u64,
    /// Calls that trapped or ended at a limit.
    pub traps: u64,
    /// Instances that were built again.
    pub restarts: u64,
    /// Values from the plugin that could not be true.
    pub lies: u64,
    /// Commands and reads whose outcome was not told yet; counted down after it was told, so at
    /// zero every outcome is in the channel.
    pub in_flight: usize,
    /// The last thing that went wrong, and when; it stays when all goes well again.
    pub last_error: Option<LastError>,
    /// The message budget.
    pub budget: PaceStats,
    /// Of what is in flight: what nothing but time holds up, by the budget.
    pub held: usize,
    /// When the first of these may go.
    pub held_until: Option<Timestamp>,
    /// Sockets that the plugin wants.
    pub sockets: usize,
    /// Those of them that are open.
    pub sockets_open: usize,
}

/// Where the reading threads hear of their work.
struct Inboxes {
    reads_in: Receiver<(Read, Urgency)>,
    polls_in: Receiver<PollRequest>,
    nudged: Receiver<()>,
    wake_in: Receiver<()>,
}

/// One running account. Dropping it hangs up and waits a bounded time for its threads.
#[derive(Debug)]
pub struct AccountHandle {
    shared: Arc<Shared>,
    reads: Sender<(Read, Urgency)>,
    polls: Sender<PollRequest>,
    wake: Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

/// The plugins of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugins {
    /// The one that runs.
    pub running: PluginId,
    /// Its generation: the fencing token of its writes.
    pub generation: u64,
    /// The one before, to which a roll-back goes.
    pub parked: Option<PluginId>,
    /// How a swap stands.
    pub swap: SwapState,
}

impl AccountHandle {
    /// Starts the threads of an account. They connect on their own: [`BrokerEvent::Up`] tells when
    /// the first one has.
    ///
    /// [`BrokerEvent::Up`]: bracketd_core::broker::BrokerEvent::Up
    ///
    /// # Errors
    /// [`StartError`] when the configuration, the plugin's description or the machine forbids it.
    pub fn start(
        host: &Host,
        plugin: &Plugin,
        config: AccountConfig,
        events: Sender<FromAccount>,
    ) -> Result<Self, StartError> {
        let poll = config.poll.clone();
        let (nudge, nudged) = bounded(1);
        let (shared, orders) = shared(host, plugin, config, nudge, events)?;
        let slot = || Slot::new(shared.clone());
        let told = slot().describe().map_err(|e| StartError::Describe(e.to_string()))?;
        let info =
            convert::account_info(&told).map_err(|lie| StartError::Describe(lie.to_string()))?;
        shared.running.described(info);
        shared.scheduler.writers(shared.writers());
        let (reads, reads_in) = bounded(READS_WAITING_MAX);
        let (polls, polls_in) = bounded(16);
        let (wake, wake_in) = bounded(1);
        let threads = Vec::new();
        let mut handle = Self { shared: shared.clone(), reads, polls, wake, threads };
        handle.spawn_readers(slot, &poll, Inboxes { reads_in, polls_in, nudged, wake_in })?;
        for number in 0..WRITE_INSTANCES {
            let slot = slot();
            handle.spawn(&format!("write{number}"), move || writer::run(slot, number))?;
        }
        let (of, host, drive) = (shared.clone(), host.clone(), poll.drive);
        handle.spawn("swap", move || swap::run(&of, &host, drive, &orders))?;
        Ok(handle)
    }

    /// What the plugin says of itself.
    pub fn info(&self) -> AccountInfo {
        self.shared.running.info()
    }

    /// The plugins of the account, and how a swap stands.
    pub fn plugins(&self) -> Plugins {
        let running = &self.shared.running;
        Plugins {
            running: running.plugin().id(),
            generation: running.generation(),
            parked: running.parked().map(|plugin| plugin.id()),
            swap: self.shared.swap.state(),
        }
    }

    /// Lets this plugin take the account over; the answer is the swap's number. It connects and is
    /// compared in the shadow first, then waits for [`Self::let_swap`].
    ///
    /// # Errors
    /// [`SwapRefused`] when another swap is under way.
    pub fn swap(&self, plugin: Plugin, terms: Terms) -> Result<u64, SwapRefused> {
        self.shared.swap.order(Wanted::Plugin(plugin), terms)
    }

    /// Back to the plugin before.
    ///
    /// # Errors
    /// [`SwapRefused`] when there is none, or another swap is under way.
    pub fn roll_back(&self) -> Result<u64, SwapRefused> {
        if self.shared.running.parked().is_none() {
            return Err(SwapRefused::NothingParked);
        }
        self.shared.swap.order(Wanted::Parked { because: None }, Terms::default())
    }

    /// Whether a candidate waits for [`Self::let_swap`].
    pub fn swap_waits(&self) -> bool {
        self.shared.swap.waits()
    }

    /// The word of the one who knows that nothing of the account lacks its stop now. Commands wait
    /// from here until the swap is over, half a second at most; what protects or closes does not.
    pub fn let_swap(&self) {
        self.shared.swap.word(|| self.shared.scheduler.shut());
    }

    /// Why the word cannot be given yet, for people.
    pub fn swap_blocked(&self, why: &str) {
        self.shared.swap.say(why);
    }

    /// Hands over a message without waiting.
    ///
    /// # Errors
    /// The message, when there is no room: the row or the wish waits with the caller.
    pub fn try_send(&self, message: ToAccount) -> Result<(), ToAccount> {
        match message {
            ToAccount::Write(command) => {
                self.shared.begun();
                self.shared.scheduler.push(command).map_err(|command| {
                    self.shared.ended();
                    ToAccount::Write(command)
                })
            }
            ToAccount::Read(read, urgency) => {
                self.shared.begun();
                self.shared.scheduler.read_begun(urgency);
                self.reads.try_send((read, urgency)).map_err(|refused| {
                    self.shared.scheduler.read_ended(urgency);
                    self.shared.ended();
                    let (read, urgency) = refused.into_inner();
                    ToAccount::Read(read, urgency)
                })
            }
            ToAccount::Raise(transaction, urgency) => {
                self.shared.scheduler.raise(transaction, urgency);
                Ok(())
            }
            ToAccount::Recall { all } => {
                self.shared.scheduler.recall(all);
                Ok(())
            }
            ToAccount::TakeBack(op) => {
                self.shared.scheduler.take_back(&op);
                Ok(())
            }
            ToAccount::Watch(symbols) => {
                *lock(&self.shared.watched) = symbols;
                // One wake-up that waits is enough.
                let _ = self.wake.try_send(());
                Ok(())
            }
            ToAccount::Shutdown => {
                self.hang_up();
                Ok(())
            }
        }
    }

    /// Asks for a read now, without waiting for it.
    ///
    /// # Errors
    /// The request, when there is no room or the account has ended.
    pub fn poll_now(&self, request: PollRequest) -> Result<(), PollRequest> {
        self.polls.try_send(request).map_err(|refused| match refused {
            TrySendError::Full(back) | TrySendError::Disconnected(back) => back,
        })
    }

    /// How the account is doing.
    pub fn status(&self) -> AccountStatus {
        let counters = &self.shared.counters;
        // Asked first: what goes out meanwhile is in flight and not held.
        let held = self.shared.scheduler.held();
        AccountStatus {
            up: counters.up.load(Ordering::Acquire),
            calls: counters.calls.load(Ordering::Relaxed),
            traps: counters.traps.load(Ordering::Relaxed),
            restarts: counters.restarts.load(Ordering::Relaxed),
            lies: counters.lies.load(Ordering::Relaxed),
            in_flight: counters.in_flight.load(Ordering::Acquire),
            last_error: lock(&counters.last_error).clone(),
            budget: self.shared.scheduler.stats(),
            held: held.count,
            held_until: held.until,
            sockets: counters.sockets.load(Ordering::Relaxed),
            sockets_open: counters.sockets_open.load(Ordering::Relaxed),
        }
    }

    /// The plugin's `kv` memory, when it changed since the last call: for the ledger, and back in
    /// [`AccountConfig::kv`] at the next start.
    pub fn kv_dirty(&self) -> Option<Vec<KvEntry>> {
        self.shared.kv.changed()
    }

    fn spawn_readers(
        &mut self,
        slot: impl Fn() -> Slot,
        poll: &PollConfig,
        inboxes: Inboxes,
    ) -> Result<(), StartError> {
        let Inboxes { reads_in, polls_in, nudged, wake_in } = inboxes;
        let start = self.shared.clock.now_ns().saturating_sub(START_OVERLAP_MS * 1_000_000);
        let facts = Facts::new(start);
        let poller = Poller::new(slot(), poll.clone(), polls_in, nudged, facts.clone());
        self.spawn("fills", move || poller.run())?;
        let (reader_slot, reader_poll) = (slot(), poll.clone());
        self.spawn("reads", move || reader::run(reader_slot, &reader_poll, &reads_in))?;
        if poll.drive == Drive::Timer {
            self.spawn_streamer(slot(), &facts, poll.picture_ms)?;
            let (slot, poll) = (slot(), poll.clone());
            self.spawn("prices", move || pricer::run(slot, &poll, &facts, &wake_in))?;
        }
        Ok(())
    }

    /// Where a plugin may reach a socket: another one that can stream may take over.
    fn spawn_streamer(
        &mut self,
        slot: Slot,
        facts: &Facts,
        picture_ms: u64,
    ) -> Result<(), StartError> {
        let may = self.shared.grants.iter().any(|grant| grant.scheme.is_socket());
        if !may {
            return Ok(());
        }
        let gap = Gap::new(self.shared.clone(), facts.clone(), self.reads.clone(), picture_ms);
        let streamer = Streamer::new(slot, facts.clone(), gap);
        self.spawn("streams", move || streamer.run())
    }

    fn spawn(&mut self, what: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        let name = format!("{}/{what}", self.shared.name);
        let thread = thread::Builder::new().name(name).spawn(move || vital(run));
        self.threads.push(thread.map_err(|e| StartError::Thread(e.to_string()))?);
        Ok(())
    }

    fn hang_up(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.scheduler.close();
        let _ = self.wake.try_send(());
    }
}

/// What the instances of an account share, with its connection pool and sending threads; and where
/// its swaps are asked for.
pub(crate) fn shared(
    host: &Host,
    plugin: &Plugin,
    config: AccountConfig,
    nudge: Sender<()>,
    events: Sender<FromAccount>,
) -> Result<(Arc<Shared>, Receiver<SwapOrder>), StartError> {
    let secrets = Secrets::new(config.secrets.clone()).map_err(StartError::SecretTooShort)?;
    let secrets = Arc::new(secrets);
    let client = Arc::new(Client::new(&config.grants, config.limits.response_bytes));
    let senders = Senders::start(
        WRITE_INSTANCES + SENDERS_SPARE,
        ms(u64::from(config.limits.write_hard_ms)),
        config.name.as_str(),
        &client,
        &secrets,
    )
    .map_err(|e| StartError::Thread(e.to_string()))?;
    let parts = (secrets, client, senders);
    let running = Running::new(plugin.clone(), host.next_generation());
    let (order, orders) = bounded(1);
    let shared = Shared::new(config, parts, nudge, (running, SwapDesk::new(order)), events);
    Ok((Arc::new(shared), orders))
}

impl Drop for AccountHandle {
    fn drop(&mut self) {
        self.hang_up();
        // Their receivers see the other end gone.
        self.polls = bounded(0).0;
        self.reads = bounded(0).0;
        self.wake = bounded(0).0;
        let deadline = Instant::now() + JOIN_MAX;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(2));
            }
            if thread.is_finished() {
                // A thread that panicked has nothing left to clean up.
                drop(thread.join());
            }
        }
    }
}
