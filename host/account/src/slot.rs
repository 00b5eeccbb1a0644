//! The place of one instance: builds it, connects it, and builds it again after a trap.
//!
//! Apart because every thread that owns an instance needs the same ladder: one trap costs one
//! instance, three within a minute cost a pause, and the pause doubles up to 30 s.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use wasmtime::Store;

use bracketd_core::broker::{Balance, Fault};
use bracketd_core::command::Urgency;

use crate::bindings::bracketd::broker::types as abi;
use crate::bindings::exports::bracketd::broker::account::{Guest, Info};
use crate::convert::{self, fault_of, plain_fault};
use crate::failure::caught;
use crate::guest::{Cut, Enough, GuestState, Mode, WriteSeen};
use crate::hook::{HostCall, Moment, Spoken, spoken};
use crate::instance::{Budget, CallError, Exports, Instance};
use crate::scheduler::Caller;
use crate::shared::Shared;

/// First pause after a failed connect or a series of traps.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause after series of traps: the plugin is unsound, and each try costs CPU.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Longest pause after failed connects: a broker that is back after hours is found within seconds.
const CONNECT_PAUSE_MAX: Duration = Duration::from_secs(5);
/// So many traps within [`TRAP_WINDOW`] are a series.
const TRAPS_MAX: usize = 3;
/// See [`TRAPS_MAX`].
const TRAP_WINDOW: Duration = Duration::from_secs(60);

/// How the calls of a slot come to their turn at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// They have it: what they take beyond what was paid ahead is charged.
    Had,
    /// Each call waits for its own.
    Each(Caller, Urgency),
    /// They neither wait nor cost: a step of a tape stands for the time that passes.
    Free,
}

/// The place of one instance.
pub(crate) struct Slot {
    /// What the account's instances share.
    pub shared: Arc<Shared>,
    /// What one of its read calls may take altogether, in milliseconds.
    pub read_budget_ms: u32,
    instance: Option<Instance>,
    generation: u64,
    turn: Turn,
    /// Requests that were charged ahead and not made yet.
    paid: u32,
    /// Requests that each export took last.
    costs: HashMap<&'static str, u32>,
    /// Requests of the last call.
    made: u32,
    /// Whether the broker had enough, by what it answered the last call.
    limited: Option<Enough>,
    built: bool,
    traps: VecDeque<Instant>,
    pause: Duration,
    not_before: Option<Instant>,
    why: Fault,
}

/// The slot has no instance that can be called.
#[derive(Clone, Debug)]
pub(crate) struct NotReady {
    /// Why.
    pub fault: Fault,
    /// When to try again.
    pub after: Duration,
}

/// What came of a read call.
pub(crate) type ReadResult<R> = Result<R, Fault>;

impl Slot {
    /// A slot without an instance.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            read_budget_ms: shared.limits.read_budget_ms,
            generation: shared.running.generation(),
            shared,
            instance: None,
            turn: Turn::Had,
            paid: 0,
            costs: HashMap::new(),
            made: 0,
            limited: None,
            built: false,
            traps: VecDeque::new(),
            pause: PAUSE_MIN,
            not_before: None,
            why: Fault::default(),
        }
    }

    /// Whether its plugin has the optional `streams` interface.
    pub(crate) fn can_stream(&self) -> bool {
        self.shared.running.plugin().can_stream()
    }

    /// Whether an instance stands ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.instance.is_some()
    }

    /// What the plugin says of itself, from an instance that is thrown away.
    pub(crate) fn describe(&self) -> Result<Info, CallError> {
        let plugin = self.shared.running.plugin();
        let instance = Instance::build(&plugin, &self.shared, self.generation)?;
        let total_ms = self.shared.limits.read_budget_ms;
        let budget = Budget { export: "describe", mode: Mode::Pure, total_ms };
        let called = instance.call(budget, |guest, store| guest.call_describe(store));
        match &called.result {
            Ok(_) => self.spoke("describe", spoken(Ok(&Ok(())))),
            Err(error) => self.spoke("describe", spoken::<()>(Err(error))),
        }
        called.result.map(|(_, info)| info)
    }

    /// Builds and connects an instance when there is none and the pause is over. The balance comes
    /// with a fresh connect.
    pub(crate) fn ensure(&mut self) -> Result<Option<Balance>, NotReady> {
        self.follow();
        if self.instance.is_some() {
            return Ok(None);
        }
        if let Some(at) = self.not_before {
            let after = at.saturating_duration_since(Instant::now());
            if !after.is_zero() {
                return Err(NotReady { fault: self.why.clone(), after });
            }
        }
        let connected = match caught(|| self.connect()) {
            Ok(connected) => connected,
            Err(text) => Err(self.panicked(&text)),
        };
        match connected {
            Ok(balance) => {
                self.not_before = None;
                // A plugin that connects and then traps again keeps its pause.
                if self.traps.is_empty() {
                    self.pause = PAUSE_MIN;
                }
                Ok(Some(balance))
            }
            Err(fault) => Err(self.rest(fault, CONNECT_PAUSE_MAX)),
        }
    }

    /// The generation of its instance.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Gives its instance away.
    pub(crate) fn into_instance(self) -> Option<Instance> {
        self.instance
    }

    /// Where another plugin has taken the account over, the instance of the older one goes, and
    /// what is held against that one is forgotten.
    fn follow(&mut self) {
        let now = self.shared.running.generation();
        if now == self.generation {
            return;
        }
        let ready = self.shared.running.take_ready(now);
        self.instance = ready.map(|instance| instance.taken_over(&self.shared));
        self.generation = now;
        self.costs.clear();
        self.traps.clear();
        (self.pause, self.not_before, self.built) = (PAUSE_MIN, None, false);
    }

    /// Calls an export. A trap drops the instance.
    pub(crate) fn call<R>(
        &mut self,
        budget: Budget,
        export: impl FnOnce(&Guest, &mut Store<GuestState>) -> wasmtime::Result<R>,
    ) -> (Result<R, CallError>, Option<WriteSeen>) {
        self.call_any(budget, |exports, store| {
            export(exports.account.bracketd_broker_account(), store)
        })
    }

    /// The same of an export of any interface.
    pub(crate) fn call_any<R>(
        &mut self,
        budget: Budget,
        export: impl FnOnce(&Exports, &mut Store<GuestState>) -> wasmtime::Result<R>,
    ) -> (Result<R, CallError>, Option<WriteSeen>) {
        let Some(instance) = self.instance.take() else {
            return (Err(CallError::Trap("there is no instance".to_owned())), None);
        };
        let called = instance.call_any(budget, export);
        let result = match called.result {
            Ok((instance, answer)) => {
                self.instance = Some(instance);
                Ok(answer)
            }
            Err(error) => {
                self.ended_badly(&error);
                Err(error)
            }
        };
        (self.made, self.limited) = (called.requests, called.limited);
        if self.turn != Turn::Free {
            let ahead = called.requests.min(self.paid);
            self.paid -= ahead;
            self.shared.scheduler.settle(0, called.requests - ahead);
        }
        (result, called.write)
    }

    /// Tells the hook how a call ended, where there is one.
    pub(crate) fn spoke(&self, export: &'static str, spoken: Spoken<'_>) {
        if let Some(hook) = &self.shared.hook {
            let moment = Moment::Ended(spoken);
            hook.ask(HostCall { export, generation: self.generation, moment });
        }
    }

    /// The next calls have their turn, for which `paid` requests were charged ahead; or wait for
    /// it, or are free. What the turn before did not use comes back.
    pub(crate) fn begin(&mut self, turn: Turn, paid: u32) {
        self.shared.scheduler.settle(std::mem::replace(&mut self.paid, paid), 0);
        self.turn = turn;
    }

    /// Tells the scheduler when the broker had enough: a call just ended with this fault, if any.
    pub(crate) fn note_limit(&self, told: Option<&abi::Fault>) {
        match told {
            Some(abi::Fault::RateLimited(wait)) => {
                let seen = self.limited.and_then(|enough| enough.after_ms);
                self.shared.scheduler.limited(wait.after_ms.or(seen));
            }
            _ => {
                if let Some(enough) = self.limited {
                    self.shared.scheduler.limited(enough.after_ms);
                }
            }
        }
    }

    /// Calls a read export with the account's read budget.
    pub(crate) fn read<R>(
        &mut self,
        op: &'static str,
        export: impl FnOnce(
            &Guest,
            &mut Store<GuestState>,
            &abi::CallCtx,
        ) -> wasmtime::Result<Result<R, abi::Fault>>,
    ) -> ReadResult<R> {
        self.read_any(op, |exports, store, context| {
            export(exports.account.bracketd_broker_account(), store, context)
        })
    }

    /// The same of an export of any interface.
    pub(crate) fn read_any<R>(
        &mut self,
        op: &'static str,
        export: impl FnOnce(
            &Exports,
            &mut Store<GuestState>,
            &abi::CallCtx,
        ) -> wasmtime::Result<Result<R, abi::Fault>>,
    ) -> ReadResult<R> {
        let total_ms = self.read_budget_ms;
        let context = Instance::context(self.generation, op, "", 1, total_ms);
        let budget = Budget { export: op, mode: Mode::Read, total_ms };
        let turn = self.turn;
        if let Turn::Each(caller, urgency) = turn {
            let requests = self.cost(op);
            if !self.shared.scheduler.pass(caller, urgency, requests) {
                return Err(plain_fault("ACCOUNT_ENDS", "the account ends"));
            }
            self.paid = requests;
        }
        let called = self.call_any(budget, |exports, store| export(exports, store, &context)).0;
        self.spoke(op, spoken(called.as_ref()));
        self.costs.insert(op, self.made);
        if let Turn::Each(..) = turn {
            self.begin(turn, 0);
        }
        self.note_limit(called.as_ref().ok().and_then(|told| told.as_ref().err()));
        match called {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(fault)) => Err(fault_of(&fault)),
            Err(error) => Err(plain_fault(code(&error), error.to_string())),
        }
    }

    /// Requests that an export took last time; one where it was not called yet.
    pub(crate) fn cost(&self, op: &str) -> u32 {
        self.costs.get(op).copied().unwrap_or(1).max(1)
    }

    fn connect(&mut self) -> Result<Balance, Fault> {
        let of = |error: CallError| plain_fault(code(&error), error.to_string());
        let plugin = self.shared.running.plugin();
        let instance = Instance::build(&plugin, &self.shared, self.generation).map_err(of)?;
        if std::mem::replace(&mut self.built, true) {
            self.shared.counters.restarts.fetch_add(1, Ordering::Relaxed);
        }
        self.instance = Some(instance);
        let settings = self.shared.settings.clone();
        let told = self.read("connect", |g, s, c| g.call_connect(s, c, &settings));
        let balance = told.and_then(|told| {
            convert::balance(&told).map_err(|lie| plain_fault("PLUGIN_LIED", lie.to_string()))
        });
        if balance.is_err() {
            self.instance = None;
        }
        balance
    }

    /// The host's own code failed over an answer of this slot's instance. The instance goes the way
    /// of one that trapped: nobody knows what state it was left in.
    pub(crate) fn panicked(&mut self, text: &str) -> Fault {
        let error = CallError::Panic(self.shared.secrets.scrub_text(text));
        self.instance = None;
        self.ended_badly(&error);
        plain_fault(code(&error), error.to_string())
    }

    fn ended_badly(&mut self, error: &CallError) {
        self.shared.counters.traps.fetch_add(1, Ordering::Relaxed);
        match error {
            CallError::Panic(_) => self.shared.complain(&error.to_string()),
            CallError::Cut(_) | CallError::Trap(_) => self.shared.warn(&error.to_string()),
        }
        let now = Instant::now();
        self.traps.push_back(now);
        while self.traps.front().is_some_and(|t| now.duration_since(*t) > TRAP_WINDOW) {
            self.traps.pop_front();
        }
        if self.traps.len() >= TRAPS_MAX {
            self.traps.clear();
            let text = format!("{TRAPS_MAX} calls ended badly within a minute; last: {error}");
            self.shared.unsound(self.generation, &text);
            self.rest(plain_fault("PLUGIN_UNSOUND", text), PAUSE_MAX);
        }
    }

    fn rest(&mut self, fault: Fault, longest: Duration) -> NotReady {
        let after = self.pause.min(longest);
        self.pause = (self.pause * 2).min(longest);
        self.not_before = Some(Instant::now() + after);
        self.shared.note_error(&format!("{}: {}", fault.code, fault.message));
        self.why = fault;
        NotReady { fault: self.why.clone(), after }
    }
}

/// The neutral word for a call without an answer.
pub(crate) fn code(error: &CallError) -> &'static str {
    match error {
        CallError::Cut(Cut::Cpu { .. }) => "PLUGIN_CPU",
        CallError::Cut(Cut::Deadline { .. }) => "DEADLINE",
        CallError::Cut(Cut::Memory { .. } | Cut::Tables { .. } | Cut::Handed { .. }) => {
            "PLUGIN_MEMORY"
        }
        CallError::Cut(Cut::Pure | Cut::Killed(_)) | CallError::Trap(_) => "PLUGIN_TRAP",
        CallError::Panic(_) => "HOST_PANIC",
    }
}
