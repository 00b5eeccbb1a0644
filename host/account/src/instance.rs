//! One running instance of a plugin: a Store and its exports, owned by one thread.
//!
//! Apart because the rule is hard: after a trap the Store is dropped and never entered again (I9).
//! [`Instance::call`] takes the instance and gives it back only when it is still sound.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use wasmtime::{Store, UpdateDeadline};

use crate::bindings::BrokerAccount;
use crate::bindings::bracketd::broker::types as abi;
use crate::bindings::exports::bracketd::broker::account::Guest;
use crate::bindings::streaming::Streaming;
use crate::config::ms;
use crate::failure::caught;
use crate::guest::{Call, Cut, Enough, GuestState, Mode, WriteSeen};
use crate::hook::Moment;
use crate::host::EPOCH_MS;
use crate::plugin::Plugin;
use crate::shared::Shared;

/// CPU time of building an instance: its start functions, in milliseconds.
const START_CPU_MS: u64 = 500;

/// How wasmtime's error begins that has no type outside of it.
const TOO_MUCH_DATA: &str = "too much data is being copied between the host and the guest";

/// One running instance.
pub(crate) struct Instance {
    store: Store<GuestState>,
    exports: Exports,
}

/// What a plugin exports.
pub(crate) struct Exports {
    /// What every plugin has.
    pub account: BrokerAccount,
    /// What some have.
    pub streams: Option<Streaming>,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The host ended it.
    #[error("{0}")]
    Cut(#[from] Cut),
    /// The guest trapped.
    #[error("the plugin trapped: {0}")]
    Trap(String),
    /// The host's own code failed: nothing can be said of what had been done by then.
    #[error("the host failed during a call: {0}")]
    Panic(String),
}

/// What came of a call.
pub(crate) struct Called<R> {
    /// The answer; without one the instance is gone.
    pub result: Result<(Instance, R), CallError>,
    /// The write that the host saw.
    pub write: Option<WriteSeen>,
    /// Requests to the broker that it took.
    pub requests: u32,
    /// Whether the broker had enough, by what it answered one of them.
    pub limited: Option<Enough>,
}

/// The arguments of one call that are not the plugin's business to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Which export, as the WIT names it.
    pub export: &'static str,
    /// What the export may do.
    pub mode: Mode,
    /// What it may take altogether, in milliseconds.
    pub total_ms: u32,
}

impl Instance {
    /// Instantiates the account's plugin; runs its start functions within limits.
    pub(crate) fn build(
        plugin: &Plugin,
        shared: &Arc<Shared>,
        generation: u64,
    ) -> Result<Self, CallError> {
        let mut store = store(plugin, shared, generation);
        match exports(plugin, &mut store) {
            Ok(exports) => Ok(Self { store, exports }),
            Err(error) => Err(call_error(&store, &error)),
        }
    }

    /// The generation it belongs to.
    pub(crate) fn generation(&self) -> u64 {
        self.store.data().generation
    }

    /// From now on it works for this account: it was connected in the shadow.
    pub(crate) fn taken_over(mut self, shared: &Arc<Shared>) -> Self {
        self.store.data_mut().shared = shared.clone();
        self
    }

    /// Calls an export within its budget. Takes the instance, since a trap ends it.
    pub(crate) fn call<R>(
        self,
        budget: Budget,
        export: impl FnOnce(&Guest, &mut Store<GuestState>) -> wasmtime::Result<R>,
    ) -> Called<R> {
        self.call_any(budget, |exports, store| {
            export(exports.account.bracketd_broker_account(), store)
        })
    }

    /// The same of an export of any interface.
    pub(crate) fn call_any<R>(
        mut self,
        budget: Budget,
        export: impl FnOnce(&Exports, &mut Store<GuestState>) -> wasmtime::Result<R>,
    ) -> Called<R> {
        let limits = &self.store.data().shared.limits;
        let cpu_ms = limits.cpu_ms;
        begin(&mut self.store, budget.mode, budget.total_ms, cpu_ms);
        self.store.data_mut().call.export = budget.export;
        self.store.data().told(Moment::Begun);
        self.store.data().shared.counters.calls.fetch_add(1, Ordering::Relaxed);
        let outcome = caught(|| export(&self.exports, &mut self.store));
        let call = &mut self.store.data_mut().call;
        let (write, requests, limited) = (call.write.take(), call.requests, call.limited);
        let result = match outcome {
            Ok(Ok(answer)) => Ok((self, answer)),
            Ok(Err(error)) => Err(call_error(&self.store, &error)),
            Err(text) => Err(CallError::Panic(self.store.data().shared.secrets.scrub_text(&text))),
        };
        Called { result, write, requests, limited }
    }

    /// The context of a call; `client_id` is empty in reads.
    pub(crate) fn context(
        generation: u64,
        op: &str,
        client_id: &str,
        attempt: u32,
        budget_ms: u32,
    ) -> abi::CallCtx {
        abi::CallCtx {
            op_id: op.to_owned(),
            client_id: client_id.to_owned(),
            attempt,
            budget_ms,
            generation,
        }
    }
}

/// A Store within the account's limits, ready for the start functions of the plugin.
pub(crate) fn store(plugin: &Plugin, shared: &Arc<Shared>, generation: u64) -> Store<GuestState> {
    let mut store = Store::new(plugin.engine(), GuestState::new(shared.clone(), generation));
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(shared.limits.hostcall_bytes);
    store.epoch_deadline_callback(|mut context| Ok(on_epoch(&mut context.data_mut().call)));
    begin(&mut store, Mode::Pure, u32::MAX, START_CPU_MS);
    store
}

fn exports(plugin: &Plugin, store: &mut Store<GuestState>) -> wasmtime::Result<Exports> {
    let instance = plugin.pre().instance_pre().instantiate(&mut *store)?;
    let (account, streams) = plugin.indices();
    Ok(Exports {
        account: account.load(&mut *store, &instance)?,
        streams: streams.map(|streams| streams.load(&mut *store, &instance)).transpose()?,
    })
}

/// Gives the next call its budget.
pub(crate) fn begin(store: &mut Store<GuestState>, mode: Mode, total_ms: u32, cpu_ms: u64) {
    store.data_mut().call = Call {
        export: "",
        mode,
        deadline: Instant::now() + ms(u64::from(total_ms)),
        budget_ms: total_ms,
        cpu_ms,
        is_put_off: false,
        ticks_left: cpu_ms.div_ceil(EPOCH_MS),
        requests: 0,
        limited: None,
        write: None,
        cut: None,
    };
    store.set_epoch_deadline(1);
}

/// Asked once for each epoch in which the guest ran.
fn on_epoch(call: &mut Call) -> UpdateDeadline {
    if call.remaining().is_err() {
        return UpdateDeadline::Interrupt;
    }
    match call.ticks_left.checked_sub(1) {
        Some(rest) => {
            call.ticks_left = rest;
            UpdateDeadline::Continue(1)
        }
        None => {
            call.cut = Some(Cut::Cpu { budget_ms: call.cpu_ms });
            UpdateDeadline::Interrupt
        }
    }
}

/// Why a call has no answer, in the host's words.
pub(crate) fn call_error(store: &Store<GuestState>, error: &wasmtime::Error) -> CallError {
    let state = store.data();
    let cut = state.limiter.refused.or(state.call.cut);
    // The root says what trapped; the frames above it are for the plugin's author.
    let root = error.root_cause().to_string();
    match cut {
        Some(cut) => CallError::Cut(cut),
        None if root.starts_with(TOO_MUCH_DATA) => {
            CallError::Cut(Cut::Handed { limit_bytes: state.shared.limits.hostcall_bytes })
        }
        None => CallError::Trap(state.shared.secrets.scrub_text(&root)),
    }
}
