//! The engine thread: it waits for whatever comes first, steps, and hands out what follows.
//!
//! Apart because it is the only thread that touches book and ledger. It must never wait for an
//! account, a client or the activity log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bracketd_account::{AccountHandle, AccountStatus, KvEntry, PollRequest, StepRead, ToAccount};
use bracketd_core::broker::{BrokerEvent, FromAccount};
use bracketd_core::command::{Command, OpState, Read};
use bracketd_core::control::KillLevel;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::{AccountName, Symbol};
use bracketd_core::intent::Verdict;
use bracketd_core::plan::urgency_of;
use bracketd_core::protection::Protection;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{EntryKind, Transaction, TransactionStatus};
use bracketd_engine::{Dispatch, Engine, Input, Ticket};
use bracketd_store::activity::Recorder;
use bracketd_store::{KvEntry as Stored, SpareRoom};
use crossbeam_channel::{Receiver, Sender, bounded};

use super::arming::Arming;
use super::budget::WallBudget;
use super::entries::Entries;
use super::exposed::LastWords;
use super::plugins::PluginStager;
use super::policies::PolicyBuilder;
use super::records;
use super::report::TapeReport;
use super::shutdown;
use super::upkeep::Upkeep;
use crate::effect::{self, point};
use crate::guards::{Counts, WIRE, Written};
use crate::message::{Mode, ToEngine};

/// Messages of one kind that go into one step.
const BATCH_MAX: usize = 512;
/// Accounts of one daemon; each may have one read of a tape step open.
const ACCOUNTS_MAX: usize = 1_024;
/// Longest sleep: so often the daemon looks around even when nothing happens.
const IDLE_MS_MAX: u64 = 500;
/// How long a stop waits for what is in flight and for stops that are on their way.
const DRAIN: Duration = Duration::from_secs(4);
/// Pause between two looks while it waits.
const DRAIN_LOOK_MS: u64 = 10;

/// Where the engine's time comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    Wall,
    /// A tape's time, in microseconds since 1970, as its driver sets it.
    Tape(Arc<AtomicI64>),
}

impl Clock {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Wall => crate::clock::now(),
            Self::Tape(at) => Timestamp(at.load(Ordering::Acquire)),
        }
    }

    /// Whether it was set forward since this was last asked; a tape's time only ever steps.
    fn was_set(&self) -> bool {
        match self {
            Self::Wall => crate::clock::was_set(),
            Self::Tape(_) => false,
        }
    }
}

/// What the daemon says of itself.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What kind of run this is.
    pub mode: Mode,
    /// The keys of each account's guards that the configuration names.
    pub written: BTreeMap<AccountName, Written>,
}

/// Everything that the engine thread owns.
pub struct EngineThread {
    engine: Engine,
    pub(super) accounts: BTreeMap<AccountName, AccountHandle>,
    pub(super) recorder: Recorder,
    pub(super) policies: PolicyBuilder,
    pub(super) plugins: PluginStager,
    pub(super) identity: Identity,
    pub(super) arming: Arming,
    pub(super) started_at: Timestamp,
    pub(super) report: TapeReport,
    pub(super) entries: Entries,
    /// How often each code was told since the start, by account.
    pub(super) refused: BTreeMap<AccountName, Counts>,
    clock: Clock,
    inbox: Receiver<ToEngine>,
    heard: Receiver<FromAccount>,
    waiting: BTreeMap<Ticket, Sender<Verdict>>,
    tickets: u64,
    unsent_reads: Vec<(AccountName, Read)>,
    /// Whether each account is killed, and whether it is disarmed.
    forbidden: BTreeMap<AccountName, (bool, bool)>,
    pending: Vec<Input>,
    timer: Option<Timestamp>,
    has_more: bool,
    pub(super) upkeep: Upkeep,
    pub(super) last_words: LastWords,
    tape: Option<super::tape::Waiting>,
    steps_read: (Sender<StepRead>, Receiver<StepRead>),
    steps_back: Vec<StepRead>,
    stops_at: Option<Instant>,
    pub(super) comparing: Vec<super::compare::Waiting>,
}

/// What the thread is built from.
pub struct Parts {
    /// The engine.
    pub engine: Engine,
    /// The accounts, started.
    pub accounts: BTreeMap<AccountName, AccountHandle>,
    /// Where activity goes.
    pub recorder: Recorder,
    /// Who builds policies.
    pub policies: PolicyBuilder,
    /// Who reads plugins.
    pub plugins: PluginStager,
    /// What the daemon says of itself.
    pub identity: Identity,
    /// What opens transactions during a tape run.
    pub entries: Entries,
    /// Where its time comes from.
    pub clock: Clock,
    /// What other threads say.
    pub inbox: Receiver<ToEngine>,
    /// What accounts tell.
    pub heard: Receiver<FromAccount>,
    /// The room that is kept for a full disk.
    pub spare_room: Option<SpareRoom>,
    /// Who armed and disarmed accounts.
    pub(super) arming: Arming,
}

impl EngineThread {
    /// The thread's state before its first step.
    pub fn new(parts: Parts) -> Self {
        let mut entries = parts.entries;
        entries.skip(parts.engine.book().last_id);
        Self {
            engine: parts.engine,
            accounts: parts.accounts,
            recorder: parts.recorder,
            policies: parts.policies,
            plugins: parts.plugins,
            identity: parts.identity,
            arming: parts.arming,
            started_at: parts.clock.now(),
            report: TapeReport::default(),
            entries,
            refused: BTreeMap::new(),
            clock: parts.clock,
            inbox: parts.inbox,
            heard: parts.heard,
            waiting: BTreeMap::new(),
            tickets: 0,
            unsent_reads: Vec::new(),
            forbidden: BTreeMap::new(),
            pending: Vec::new(),
            timer: None,
            has_more: true,
            upkeep: Upkeep::new(parts.spare_room),
            last_words: LastWords::default(),
            tape: None,
            steps_read: bounded(ACCOUNTS_MAX),
            steps_back: Vec::new(),
            stops_at: None,
            comparing: Vec::new(),
        }
    }

    /// Runs until it is told to stop and has drained. Gives the report of a tape run.
    pub fn run(mut self) -> TapeReport {
        loop {
            let mut inputs = std::mem::take(&mut self.pending);
            if self.wait(&mut inputs).is_break() {
                break;
            }
            if self.stops_at.is_some() {
                // Without prices no policy decides any more.
                inputs.retain(|input| !is_price(input));
            }
            self.plugin_memories(&mut inputs);
            let heard = effect::heard(&inputs, self.is_ready());
            let reads = self.reads_awaited(&inputs);
            let now = self.clock.now();
            if self.clock.was_set() {
                self.engine.clock_was_set(now);
            }
            let dispatch = self.engine.step(now, inputs, &WallBudget::new());
            effect::applied(heard);
            self.dispatch(dispatch);
            self.compared(&reads);
            self.look_after_swaps();
            self.tape_turn();
            if self.has_drained() {
                break;
            }
        }
        self.end()
    }

    /// All accounts hang up at once, so that they are waited for at the same time; the ledger is
    /// left whole in its one file.
    fn end(self) -> TapeReport {
        for handle in self.accounts.values() {
            // Hanging up is never refused.
            drop(handle.try_send(ToAccount::Shutdown));
        }
        drop(self.accounts);
        if let Err(why) = self.engine.into_ledger().close() {
            tracing::warn!(%why, "the ledger keeps its write-ahead log until the next start");
        }
        self.report
    }

    /// Whether a stop has nothing left to wait for, or has waited long enough: what is in flight
    /// then is looked up at the next start.
    fn has_drained(&self) -> bool {
        let Some(deadline) = self.stops_at else { return false };
        let is_idle = self.engine.is_quiet() && self.pending.is_empty() && self.heard.is_empty();
        let is_moving = |tx: &Arc<Transaction>| is_under_way(tx);
        Instant::now() >= deadline
            || (is_idle && !self.engine.book().transactions.values().any(is_moving))
    }

    /// Waits for the first of: a message, an account's word, a timer. Then takes what else is there.
    fn wait(&mut self, inputs: &mut Vec<Input>) -> std::ops::ControlFlow<()> {
        let idle = if self.has_more || !inputs.is_empty() { 0 } else { self.sleep_ms() };
        let mut said = Vec::new();
        // Accounts wait while the ledger cannot be written and too much waits for it already.
        let nobody = crossbeam_channel::never();
        let heard = if self.engine.has_room() { &self.heard } else { &nobody };
        crossbeam_channel::select! {
            recv(heard) -> word => {
                inputs.extend(word.ok().map(Input::Account));
            }
            recv(self.steps_read.1) -> read => self.steps_back.extend(read.ok()),
            recv(self.inbox) -> message => match message {
                Ok(message) => said.push(message),
                Err(_) => return std::ops::ControlFlow::Break(()),
            },
            default(Duration::from_millis(idle)) => {}
        }
        inputs.extend(heard.try_iter().take(BATCH_MAX).map(Input::Account));
        said.extend(self.inbox.try_iter().take(BATCH_MAX));
        for message in said {
            self.hear(message, inputs)?;
        }
        std::ops::ControlFlow::Continue(())
    }

    fn sleep_ms(&self) -> u64 {
        let now = self.clock.now();
        let timer_ms = self.timer.map_or(IDLE_MS_MAX, |at| at.ms_since(now) + 1);
        // A tape's time stands still while it waits for its driver.
        let is_tape = matches!(self.clock, Clock::Tape(_));
        if self.stops_at.is_some() {
            return timer_ms.clamp(1, DRAIN_LOOK_MS);
        }
        if is_tape || !self.unsent_reads.is_empty() {
            timer_ms.clamp(1, 5)
        } else {
            timer_ms.min(IDLE_MS_MAX)
        }
    }

    fn hear(&mut self, message: ToEngine, inputs: &mut Vec<Input>) -> std::ops::ControlFlow<()> {
        match message {
            ToEngine::Request { request, reply } => {
                let ticket = self.ticket();
                self.waiting.insert(ticket, reply);
                inputs.push(Input::Request { ticket, request });
            }
            ToEngine::Query { query, reply } => {
                // Who asked may have gone; an answer nobody waits for harms nobody.
                drop(reply.try_send(self.answer(&query)));
            }
            ToEngine::Reload { reply } => self.policies.ask(reply),
            ToEngine::PoliciesBuilt { report, reply } => {
                let now = self.clock.now();
                self.policies.built(&report, reply, now);
                inputs.push(Input::Policies(report));
            }
            ToEngine::Moments { policy, reply } => {
                // Whoever builds has given up where this is too late.
                drop(reply.try_send(self.engine.moments(&policy, self.clock.now())));
            }
            ToEngine::PolicyDirectory { unreadable } => self.policies.unreadable = unreadable,
            ToEngine::Thaw { thaw, reply } => {
                let ticket = self.ticket();
                self.waiting.insert(ticket, reply);
                inputs.push(Input::Thaw { ticket, thaw });
            }
            ToEngine::Compare { account, reply } => self.compare(account, reply, inputs),
            ToEngine::Plugin { account, wish, reply } => self.plugin_wanted(account, wish, reply),
            ToEngine::PluginStaged(staged) => self.plugin_staged(staged, inputs),
            ToEngine::PluginBack { account, reply } => self.plugin_back(&account, &reply),
            ToEngine::KillFile(file) => inputs.push(Input::KillFile(file)),
            ToEngine::CancelEntries { accounts, reply } => {
                for request in shutdown::wishes(self.engine.book(), &accounts) {
                    let ticket = self.ticket();
                    self.waiting.insert(ticket, reply.clone());
                    inputs.push(Input::Request { ticket, request: Box::new(request) });
                }
            }
            ToEngine::TapeStep(step) => self.tape = Some(self.begin_tape_step(step)),
            ToEngine::Stop => {
                self.stops_at.get_or_insert_with(|| Instant::now() + DRAIN);
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    /// What plugins put into their memory since the last step.
    fn plugin_memories(&self, inputs: &mut Vec<Input>) {
        for (name, handle) in &self.accounts {
            let stored = |KvEntry { key, value, revision }| Stored { key, value, revision };
            let changed = handle.kv_dirty().map(|all| all.into_iter().map(stored).collect());
            inputs.extend(changed.map(|all| Input::Remembers(name.clone(), all)));
        }
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    fn dispatch(&mut self, dispatch: Dispatch) {
        self.recall();
        self.timer = dispatch.next_timer;
        self.has_more = dispatch.has_more;
        self.upkeep.ledger_is(dispatch.ledger_error);
        self.upkeep.look(self.engine.ledger().last_fact_seq(), || self.recorder.status());
        for command in dispatch.commands {
            self.send(command);
        }
        for (account, transaction, urgency) in dispatch.raised {
            if let Some(handle) = self.accounts.get(&account) {
                // An account takes this whatever else it has to do.
                drop(handle.try_send(ToAccount::Raise(transaction, urgency)));
            }
        }
        for (account, op) in dispatch.overtaken {
            if let Some(handle) = self.accounts.get(&account) {
                drop(handle.try_send(ToAccount::TakeBack(op)));
            }
        }
        self.unsent_reads.extend(dispatch.reads);
        self.send_reads();
        if let Some(watch) = dispatch.watch {
            self.watch(watch);
        }
        for (ticket, verdict) in dispatch.verdicts {
            if let Some(reply) = self.waiting.remove(&ticket) {
                point("verdict.begin");
                drop(reply.try_send(verdict));
                point("verdict.end");
            }
        }
        let now = self.clock.now();
        let has_activity = !dispatch.facts.is_empty();
        if has_activity {
            point("activity.begin");
        }
        for (seq, fact) in dispatch.facts {
            self.report.heard(&fact);
            self.count_refusal(&fact);
            self.arming.heard(&fact);
            self.last_words.heard(&fact);
            records::log(&fact);
            self.recorder.record(bracketd_store::activity::Record::from_fact(&fact, seq));
        }
        if has_activity {
            point("activity.end");
        }
        for noise in dispatch.noise {
            self.recorder.record(records::of_noise(&noise, now));
        }
    }

    /// A refusal, or a command that the last look before the wire stopped.
    fn count_refusal(&mut self, fact: &Fact) {
        let is_wire = fact.kind == FactKind::GuardTripped && fact.code == WIRE;
        let (true, Some(account)) = (is_wire || fact.kind == FactKind::Refused, &fact.account)
        else {
            return;
        };
        let counts = self.refused.entry(account.clone()).or_default();
        *counts.entry(fact.code.to_string()).or_default() += 1;
    }

    /// Takes back what waits at an account once a kill level or disarming forbids it: it was decided
    /// before, and the core looks at each row anew.
    fn recall(&mut self) {
        for account in self.engine.book().accounts.values() {
            let is_killed = self.engine.book().kill_level(&account.name) > KillLevel::Off;
            let now = (is_killed, !account.is_armed());
            let before = self.forbidden.insert(account.name.clone(), now).unwrap_or_default();
            let all = now.1 && !before.1;
            let Some(handle) = self.accounts.get(&account.name) else { continue };
            if all || (now.0 && !before.0) {
                // An account takes this whatever else it has to do.
                drop(handle.try_send(ToAccount::Recall { all }));
            }
        }
    }

    fn send(&mut self, command: Command) {
        point("send.begin");
        let (account, op) = (command.account.clone(), command.op.clone());
        self.report.sent();
        let taken = self
            .accounts
            .get(&account)
            .is_some_and(|handle| handle.try_send(ToAccount::Write(command)).is_ok());
        if !taken {
            self.pending.push(Input::NotTaken { account, op });
        }
        point("send.end");
    }

    fn send_reads(&mut self) {
        let reads = std::mem::take(&mut self.unsent_reads);
        for (name, read) in reads {
            let Some(handle) = self.accounts.get(&name) else { continue };
            point("read.begin");
            let urgency = urgency_of(self.engine.book(), &name, &read);
            if let Err(ToAccount::Read(read, _)) = handle.try_send(ToAccount::Read(read, urgency)) {
                self.unsent_reads.push((name, read));
            }
            point("read.end");
        }
    }

    fn watch(&mut self, all: BTreeMap<AccountName, Vec<Symbol>>) {
        point("watch.begin");
        for (name, handle) in &self.accounts {
            let symbols = all.get(name).cloned().unwrap_or_default();
            if handle.try_send(ToAccount::Watch(symbols)).is_err() {
                tracing::warn!(account = %name, "no room to change the watched symbols");
            }
        }
        point("watch.end");
    }

    /// Whether accounts, inbox and engine have nothing left to do.
    pub(super) fn is_quiet(&self) -> bool {
        // What only waits for its budget waits for time, and time waits for nobody else.
        let all: Vec<AccountStatus> = self.accounts.values().map(AccountHandle::status).collect();
        let accounts = all.iter().all(|status| status.in_flight == status.held);
        let held = all.iter().map(|status| status.held).sum();
        self.engine.is_quiet_but(held)
            && self.pending.is_empty()
            && self.unsent_reads.is_empty()
            && self.heard.is_empty()
            && self.inbox.is_empty()
            && accounts
    }

    /// Asks every account to read the present step of a tape. Gives how many will answer.
    pub(super) fn poll_all(&self) -> usize {
        let ask = || PollRequest::Step { reply: self.steps_read.0.clone() };
        self.accounts.values().filter(|handle| handle.poll_now(ask()).is_ok()).count()
    }

    /// Steps that were read since the last look; one that failed counts and says why.
    pub(super) fn finished_polls(&mut self) -> usize {
        self.steps_back.extend(self.steps_read.1.try_iter());
        for fault in self.steps_back.iter().filter_map(|read| read.fault.as_ref()) {
            tracing::warn!(code = %fault.code, "a step was not read: {}", fault.message);
        }
        std::mem::take(&mut self.steps_back).len()
    }

    /// Whether all accounts are connected and compared.
    pub(super) fn is_ready(&self) -> bool {
        self.engine.book().accounts.values().all(|a| a.is_up && a.is_reconciled)
    }

    /// The engine, to look at.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        let held = self.accounts.values().filter_map(|handle| handle.status().held_until);
        held.chain(self.timer).min()
    }

    fn tape_turn(&mut self) {
        if let Some(waiting) = self.tape.take() {
            self.tape = self.go_on_with_tape(waiting);
        }
    }

    pub(super) fn push(&mut self, input: Input) {
        self.pending.push(input);
    }
}

/// Whether the input is something that policies decide on and nothing else needs.
fn is_price(input: &Input) -> bool {
    match input {
        Input::Account(from) => {
            matches!(from.event, BrokerEvent::Quotes(_) | BrokerEvent::Bars { .. })
        }
        Input::Request { .. }
        | Input::NotTaken { .. }
        | Input::Policies(_)
        | Input::KillFile(_)
        | Input::Compare(_)
        | Input::Remembers(..)
        | Input::Thaw { .. } => false,
    }
}

/// Whether something will be known of the transaction within moments: an answer, the end of an
/// order, the fill of an order at the market, the stop of what was filled.
fn is_under_way(tx: &Transaction) -> bool {
    let fills_at_once = tx.entry.kind == EntryKind::Market && !tx.entry.ended;
    let waits = match tx.status {
        TransactionStatus::Waiting => fills_at_once,
        TransactionStatus::Closing => true,
        TransactionStatus::Opened | TransactionStatus::Closed | TransactionStatus::Failed => false,
    };
    let is_moving =
        |state: &OpState| matches!(state, OpState::InFlight { .. } | OpState::Awaiting { .. });
    waits
        || matches!(tx.protection, Protection::Pending { .. })
        || tx.ops.iter().any(|op| is_moving(&op.state))
}
