//! One call into a plugin by hand: for its author, and for an operator who asks what the broker says.
//!
//! Apart because it belongs to no running account: an instance of its own, made for this call and
//! thrown away, in which writes are denied. It never moves an order: what the daemon sends has a row
//! in the ledger that says whether it happened, and nothing here has.

mod json;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wasmtime::Store;
use wasmtime::component::{Func, Instance as RawInstance, Val};

use crate::account::{StartError, shared};
use crate::config::AccountConfig;
use crate::convert;
use crate::failure::caught;
use crate::guest::{GuestState, Mode, RequestSeen};
use crate::host::{EPOCH_MS, Host};
use crate::instance::{CallError, begin, call_error, store};
use crate::plugin::exports::expected_line;
use crate::plugin::{ABI, Capabilities, Plugin};
use crate::shared::Shared;
use crate::slot::{Slot, code};

/// The exports that may be called: those that only read.
pub const READ_EXPORTS: [&str; 12] = [
    "describe",
    "connect",
    "read-bracket",
    "get-order",
    "get-orders",
    "get-fills",
    "get-positions",
    "get-prices",
    "get-bars",
    "get-instrument",
    "get-session",
    "get-balance",
];
const WRITE_EXPORTS: [&str; 7] = [
    "adjust-sl",
    "adjust-tp",
    "adjust-tp-sl",
    "submit-order",
    "replace-order",
    "cancel-order",
    "confirm",
];

/// Why nothing was called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ByHandError {
    /// There is no such export.
    #[error("there is no export {name}; those that can be called are {}", READ_EXPORTS.join(", "))]
    NoSuchExport {
        /// What was asked for.
        name: String,
    },
    /// It could move an order.
    #[error(
        "{name} is a write, and writes go out through the daemon alone, whose ledger says whether \
         one happened; use `bracketd tx`, and the conformance kit for a plugin that is not in use"
    )]
    Write {
        /// The export.
        name: String,
    },
    /// The arguments are not what the export takes.
    #[error("{problem}; expected `{expected}`, without ctx, as a JSON object of its parameters")]
    Arguments {
        /// What is wrong, with its place.
        problem: String,
        /// The export's line in the WIT.
        expected: String,
    },
    /// The account's configuration does not allow to start.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum CallOutcome {
    /// The plugin's answer; decimals and 64-bit numbers are text.
    Answered(Value),
    /// The plugin said why not: the `fault` of the ABI.
    Refused(Value),
    /// It was ended, or trapped.
    Ended {
        /// A neutral word, such as `PLUGIN_CPU`.
        code: &'static str,
        /// What happened, for people.
        message: String,
    },
}

/// What a call did.
#[derive(Clone, Debug, PartialEq)]
pub struct CallReport {
    /// The export that ended it: `connect` where the plugin did not get further.
    pub export: String,
    /// How it ended.
    pub outcome: CallOutcome,
    /// Its requests to the broker, those of `connect` first.
    pub requests: Vec<RequestSeen>,
    /// CPU time of the last call, counted in steps of 5 ms.
    pub cpu_ms: u64,
    /// What it may take.
    pub cpu_budget_ms: u64,
    /// All of the last call, waiting included.
    pub wall: Duration,
    /// Linear memory of the instance, in bytes.
    pub memory_bytes: usize,
}

/// Connects an instance of its own and calls one read export.
///
/// # Errors
/// [`ByHandError`], when nothing was called.
pub fn call_by_hand(
    host: &Host,
    plugin: &Plugin,
    config: AccountConfig,
    export: &str,
    arguments: &Value,
) -> Result<CallReport, ByHandError> {
    if WRITE_EXPORTS.contains(&export) {
        return Err(ByHandError::Write { name: export.to_owned() });
    }
    if !READ_EXPORTS.contains(&export) {
        return Err(ByHandError::NoSuchExport { name: export.to_owned() });
    }
    let (tell, _events) = crossbeam_channel::bounded(1);
    let (shared, _swaps) = shared(host, plugin, config, crossbeam_channel::bounded(1).0, tell)?;
    let mut guest = match Guest::new(plugin, &shared) {
        Ok(guest) => guest,
        Err((store, error)) => return Ok(ended(&store, "start", &error, Duration::ZERO)),
    };
    let needs_connect = !matches!(export, "describe" | "connect");
    // Before anything is asked of the broker: the arguments may be wrong.
    let params = guest.params(export, arguments)?;
    if needs_connect {
        let settings = json!({ "config": guest.shared.settings });
        let connected = guest.params("connect", &settings).map(|p| guest.call("connect", &p))?;
        match connected {
            Ok(report) if matches!(report.outcome, CallOutcome::Answered(_)) => {}
            Ok(report) | Err(report) => return Ok(report),
        }
    }
    Ok(guest.call(export, &params).unwrap_or_else(|ended| ended))
}

/// What a plugin can do, by what it says of itself in an instance that is thrown away.
///
/// # Errors
/// [`StartError`] when it does not describe itself.
pub fn capabilities(
    host: &Host,
    plugin: &Plugin,
    config: AccountConfig,
) -> Result<Capabilities, StartError> {
    let (tell, _events) = crossbeam_channel::bounded(1);
    let (shared, _swaps) = shared(host, plugin, config, crossbeam_channel::bounded(1).0, tell)?;
    let told = Slot::new(shared).describe();
    let told = told.map_err(|error| StartError::Describe(error.to_string()))?;
    let info = convert::account_info(&told).map_err(|lie| StartError::Describe(lie.to_string()))?;
    Ok(Capabilities::of(plugin, &info))
}

/// One instance whose exports are called by name.
struct Guest {
    store: Store<GuestState>,
    instance: RawInstance,
    shared: Arc<Shared>,
}

impl Guest {
    fn new(
        plugin: &Plugin,
        shared: &Arc<Shared>,
    ) -> Result<Self, (Box<Store<GuestState>>, CallError)> {
        let mut store = store(plugin, shared, shared.running.generation());
        store.data_mut().trace = Some(Vec::new());
        match plugin.pre().instance_pre().instantiate(&mut store) {
            Ok(instance) => Ok(Self { store, instance, shared: shared.clone() }),
            Err(error) => {
                let error = call_error(&store, &error);
                Err((Box::new(store), error))
            }
        }
    }

    fn func(&mut self, export: &str) -> Option<Func> {
        let (package, version) = ABI.split_once('@')?;
        let account = format!("{package}/account@{version}");
        let account = self.instance.get_export_index(&mut self.store, None, &account)?;
        let func = self.instance.get_export_index(&mut self.store, Some(&account), export)?;
        self.instance.get_func(&mut self.store, func)
    }

    /// The arguments in the types of the export, its context put before them.
    fn params(&mut self, export: &str, arguments: &Value) -> Result<Vec<Val>, ByHandError> {
        let wrong =
            |problem: String| ByHandError::Arguments { problem, expected: expected_line(export) };
        let context = json!({
            "op-id": format!("by-hand-{export}"),
            "client-id": "",
            "attempt": 1,
            "budget-ms": self.shared.limits.read_budget_ms,
            "generation": self.shared.running.generation(),
        });
        let func = self
            .func(export)
            .ok_or_else(|| ByHandError::NoSuchExport { name: export.to_owned() })?;
        let ty = func.ty(&self.store);
        let names: Vec<&str> = ty.params().map(|(name, _)| name).filter(|n| *n != "ctx").collect();
        let given = match arguments {
            Value::Null => serde_json::Map::new(),
            Value::Object(given) => given.clone(),
            other => return Err(wrong(format!("the arguments are {}", json::kind(other)))),
        };
        if let Some(unknown) = given.keys().find(|key| !names.contains(&key.as_str())) {
            return Err(wrong(format!("{export} has no parameter {unknown}")));
        }
        let value = |(name, ty): (&str, _)| match name {
            "ctx" => json::to_val(&ty, &context, "ctx"),
            _ => json::to_val(&ty, given.get(name).unwrap_or(&Value::Null), name),
        };
        ty.params().map(value).collect::<Result<_, _>>().map_err(wrong)
    }

    /// Calls an export; the error is the report of a call without an answer.
    fn call(&mut self, export: &str, params: &[Val]) -> Result<CallReport, CallReport> {
        let mode = if export == "describe" { Mode::Pure } else { Mode::Read };
        let limits = &self.shared.limits;
        let (budget_ms, cpu_ms) = (limits.read_budget_ms, limits.cpu_ms);
        begin(&mut self.store, mode, budget_ms, cpu_ms);
        let began = Instant::now();
        let mut results = [Val::Bool(false)];
        let outcome = match self.func(export) {
            Some(func) => caught(|| func.call(&mut self.store, params, &mut results)),
            None => Ok(Err(wasmtime::Error::msg("the export is gone"))),
        };
        let wall = began.elapsed();
        let error = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(call_error(&self.store, &error)),
            Err(text) => Some(CallError::Panic(text)),
        };
        if let Some(error) = error {
            return Err(ended(&self.store, export, &error, wall));
        }
        let [result] = results;
        let scrub = |text: &str| self.shared.secrets.scrub_text(text);
        let outcome = match &result {
            Val::Result(Ok(value)) => CallOutcome::Answered(json::of_inner(value, &scrub)),
            Val::Result(Err(fault)) => CallOutcome::Refused(json::of_inner(fault, &scrub)),
            value => CallOutcome::Answered(json::of_val(value, &scrub)),
        };
        Ok(report(&self.store, export, outcome, wall))
    }
}

fn ended(store: &Store<GuestState>, export: &str, error: &CallError, wall: Duration) -> CallReport {
    let message = store.data().shared.secrets.scrub_text(&error.to_string());
    report(store, export, CallOutcome::Ended { code: code(error), message }, wall)
}

fn report(
    store: &Store<GuestState>,
    export: &str,
    outcome: CallOutcome,
    wall: Duration,
) -> CallReport {
    let state = store.data();
    let budget = state.call.cpu_ms;
    CallReport {
        export: export.to_owned(),
        outcome,
        requests: state.trace.clone().unwrap_or_default(),
        cpu_ms: budget.saturating_sub(state.call.ticks_left * EPOCH_MS),
        cpu_budget_ms: budget,
        wall,
        memory_bytes: state.limiter.memory_bytes(),
    }
}
