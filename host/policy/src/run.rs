//! One evaluation of one policy for one transaction.
//!
//! Apart because this is the border to the engine: what goes in is borrowed and plain, what comes
//! out is a list of requests and words. A run that does not end well asks for nothing and keeps
//! nothing (I10).

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::book::{Account, Book};
use bracketd_core::broker::Quote;
use bracketd_core::instrument::Instrument;
use bracketd_core::intent::{Request, Verdict};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::Transaction;
use rhai::{CallFnOptions, Dynamic, Map, Scope};

use crate::api::objects;
use crate::bars::History;
use crate::event::{Event, EventKind};
use crate::failure::{Failure, FailureKind, outcome};
use crate::frame::{self, Buffer, Frame};
use crate::gate::merged;
use crate::params::{About, Params, Values};
use crate::policy::Policy;
use crate::span;
use crate::state::{self, Kept};
use crate::verbs::Verbs;

/// The run's view of elapsed time.
pub trait RunBudget {
    /// Whether the run has to stop after so many operations. Asked every
    /// [`BUDGET_STRIDE`](crate::limits::BUDGET_STRIDE) operations.
    fn over(&self, operations: u64) -> bool;
}

/// A budget that never ends; the bound of operations still holds.
#[derive(Clone, Copy, Debug)]
pub struct Unbounded;

impl RunBudget for Unbounded {
    fn over(&self, _: u64) -> bool {
        false
    }
}

/// What a run is given.
pub struct Run<'a> {
    /// What happened.
    pub event: Event<'a>,
    /// The transaction as it is.
    pub transaction: Arc<Transaction>,
    /// Its account.
    pub account: &'a Account,
    /// What it trades.
    pub instrument: Arc<Instrument>,
    /// The latest price.
    pub quote: Option<Quote>,
    /// What the host remembers of the prices.
    pub history: History<'a>,
    /// What the configuration sets.
    pub params: &'a Params,
    /// What the policy kept of the transaction: a JSON object, or nothing.
    pub state: &'a str,
    /// The moment of the event.
    pub now: Timestamp,
    /// The verbs its configuration allows.
    pub allowed: &'a Verbs,
    /// When it has to stop.
    pub budget: &'a dyn RunBudget,
    /// The whole book, for scripts that ask about more than their own transaction.
    pub portfolio: Option<&'a Book>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// It ran to its end, or the script does not handle the event.
    Done,
    /// Data that it asked for is missing: nothing was decided.
    Skipped(String),
    /// It failed: nothing was decided.
    Failed(Failure),
}

/// What a run returns.
#[derive(Clone, Debug)]
pub struct Ran {
    /// How it ended.
    pub outcome: RunOutcome,
    /// What it asks for and the gate accepted, in order; a later wish for a leg replaced an
    /// earlier one. Empty unless it is done.
    pub requests: Vec<Request>,
    /// What the gate refused.
    pub refused: Vec<(Request, Verdict)>,
    /// What it keeps from now on, where that changed: a JSON object, or nothing.
    pub state: Option<String>,
    /// Level (`info`, `warn`, `critical`) and text for people.
    pub alerts: Vec<(String, String)>,
    /// Keys and values for the activity log.
    pub notes: Vec<(String, String)>,
    /// Figures that people watch, by name.
    pub metrics: Vec<(String, Decimal)>,
    /// Operations it took.
    pub operations: u64,
    /// What it decided on, as JSON; empty when it asked for nothing.
    pub inputs: String,
}

impl Ran {
    /// Nothing was decided, for that reason.
    pub(crate) fn nothing(outcome: RunOutcome) -> Self {
        Self {
            outcome,
            requests: Vec::new(),
            refused: Vec::new(),
            state: None,
            alerts: Vec::new(),
            notes: Vec::new(),
            metrics: Vec::new(),
            operations: 0,
            inputs: String::new(),
        }
    }
}

impl Policy {
    /// Runs the handler of the event, if there is one.
    pub fn run(&self, run: &Run<'_>) -> Ran {
        let kind = run.event.kind();
        if !self.handles(kind) {
            return Ran::nothing(RunOutcome::Done);
        }
        let fail = |kind, message| {
            let file = self.path().to_owned();
            let failure = Failure { kind, message, file, line: 0, column: 0 };
            Ran::nothing(RunOutcome::Failed(failure))
        };
        let is_about_one = !matches!(run.event, Event::Portfolio(_));
        let about = About {
            account: Some(&run.account.name),
            symbol: is_about_one.then_some(&run.transaction.symbol),
            transaction: is_about_one.then_some(run.transaction.id),
        };
        let values = match self.values(run.params, &about) {
            Ok(values) => values,
            Err(error) => return fail(FailureKind::Params, error.to_string()),
        };
        let kept = match state::read(run.state) {
            Ok(kept) => kept,
            Err(message) => return fail(FailureKind::State, message),
        };
        let buffer = RefCell::new(Buffer::new(Arc::clone(&run.transaction)));
        let aimed = RefCell::new(None);
        let frame = Frame { run, policy: self, values: &values, buffer: &buffer, aimed: &aimed };
        let migrated =
            catch_unwind(AssertUnwindSafe(|| frame::enter(&frame, || self.migrated(kept, &frame))));
        let moved = frame::operations();
        let not_moved =
            |message| Ran { operations: moved, ..fail(FailureKind::Migration, message) };
        let this = match migrated {
            Ok(Ok(this)) => this,
            Ok(Err(message)) => return not_moved(message),
            Err(panic) => return not_moved(panic_text(&*panic).to_owned()),
        };
        let mut this = Dynamic::from_map(this);
        let called = catch_unwind(AssertUnwindSafe(|| {
            frame::enter(&frame, || self.call(&run.event, &mut this))
        }));
        let operations = moved + frame::operations();
        let ended = match called {
            Ok(Ok(())) => self.kept(this, run.state).map_err(|message| {
                let file = self.path().to_owned();
                Failure { kind: FailureKind::State, message, file, line: 0, column: 0 }
            }),
            Ok(Err(error)) => {
                let outcome = self.placed(outcome(&error, self.path()), kind);
                return ended_early(outcome, buffer.into_inner(), operations);
            }
            Err(panic) => Err(Failure {
                kind: FailureKind::Panic,
                message: format!("the host panicked: {}", panic_text(&*panic)),
                file: self.path().to_owned(),
                line: 0,
                column: 0,
            }),
        };
        match ended {
            Ok(state) => finish(&values, run, buffer.into_inner(), state, operations),
            Err(failure) => {
                let failed = RunOutcome::Failed(failure);
                ended_early(failed, buffer.into_inner(), operations)
            }
        }
    }

    /// The outcome with the handler's own place where none is known.
    fn placed(&self, outcome: RunOutcome, kind: EventKind) -> RunOutcome {
        match outcome {
            RunOutcome::Failed(failure) if failure.line == 0 && failure.file == self.path() => {
                let span = span::of_function(&self.script.text, kind.handler());
                let (line, column) = span::complain(&self.script, "", span, "").position();
                RunOutcome::Failed(Failure { line, column, ..failure })
            }
            other => other,
        }
    }

    /// What the script keeps, as its `STATE` declares it now. What an older version kept is moved by
    /// `on_reload`, which may change nothing else; of what another one kept, newer or of the same
    /// number, the declared keys count.
    fn migrated(&self, kept: Option<Kept>, frame: &Frame<'_>) -> Result<Map, String> {
        let declared = self.header.state.clone().unwrap_or_default();
        let Some(Kept { version, mut map }) = kept else { return Ok(declared) };
        let own = self.header.state_version;
        if version < own {
            map = self.reload(version, map, frame)?;
        } else if version > own || self.header.state.is_some() {
            map.retain(|key, _| declared.contains_key(key));
        }
        for (key, init) in declared {
            map.entry(key).or_insert(init);
        }
        Ok(map)
    }

    fn reload(&self, version: i64, map: Map, frame: &Frame<'_>) -> Result<Map, String> {
        let own = self.header.state_version;
        if !self.handles(EventKind::Reload) {
            return Err(format!(
                "STATE is version {own}, what is kept is of version {version}, and there is no \
                 on_reload(old_version, p) to move it"
            ));
        }
        let mut this = Dynamic::from_map(map);
        let options =
            CallFnOptions::new().eval_ast(false).rewind_scope(true).bind_this_ptr(&mut this);
        let arguments = (Dynamic::from_int(version), objects::params_handle());
        let (engine, ast) = (&*self.engine, &self.ast);
        let name = EventKind::Reload.handler();
        engine
            .call_fn_with_options::<Dynamic>(options, &mut Scope::new(), ast, name, arguments)
            .map_err(|error| match outcome(&error, self.path()) {
                RunOutcome::Failed(failure) => format!("on_reload: {failure}"),
                RunOutcome::Skipped(what) => format!("on_reload: {what}"),
                RunOutcome::Done => format!("on_reload: {error}"),
            })
            .map(drop)?;
        let buffer = frame.buffer.borrow();
        if !buffer.requests.is_empty() || !buffer.refused.is_empty() || !buffer.alerts.is_empty() {
            return Err("on_reload may change this, and nothing else".to_owned());
        }
        drop(buffer);
        let Some(map) = this.try_cast::<Map>() else {
            return Err("on_reload replaced this by something that is no map".to_owned());
        };
        let declared = self.header.state.as_ref();
        match map.keys().find(|key| !declared.is_some_and(|all| all.contains_key(key.as_str()))) {
            Some(stray) => {
                Err(format!("on_reload left this.{stray}, which STATE does not declare"))
            }
            None => Ok(map),
        }
    }

    fn call(&self, event: &Event<'_>, this: &mut Dynamic) -> Result<(), Box<rhai::EvalAltResult>> {
        let options = CallFnOptions::new().eval_ast(false).rewind_scope(true).bind_this_ptr(this);
        let (engine, ast, name) = (&*self.engine, &self.ast, event.kind().handler());
        let mut scope = Scope::new();
        let arguments = objects::arguments(event);
        engine
            .call_fn_with_options::<Dynamic>(options, &mut scope, ast, name, arguments)
            .map(|_| ())
    }

    /// Hands `measure` the bare call of the handler: engine, script and objects as in
    /// [`run`](Self::run), without parameters, state, catching panics and collecting. For the
    /// benchmark only; errors are part of what it would measure and are not looked at.
    #[doc(hidden)]
    pub fn bench_bare(
        &self,
        run: &Run<'_>,
        measure: &mut dyn FnMut(&mut dyn FnMut()) -> f64,
    ) -> f64 {
        let buffer = RefCell::new(Buffer::new(Arc::clone(&run.transaction)));
        let aimed = RefCell::new(None);
        let values = &*self.defaults;
        let frame = Frame { run, policy: self, values, buffer: &buffer, aimed: &aimed };
        let mut this = Dynamic::from_map(Map::new());
        frame::enter(&frame, || {
            measure(&mut || {
                let _ = std::hint::black_box(self.call(&run.event, &mut this));
            })
        })
    }

    /// What is to be kept, where that changed.
    fn kept(&self, this: Dynamic, before: &str) -> Result<Option<String>, String> {
        let Some(map) = this.try_cast::<Map>() else {
            return Err("this was replaced by something that is no map".to_owned());
        };
        if let Some(declared) = &self.header.state
            && let Some(stray) = map.keys().find(|key| !declared.contains_key(key.as_str()))
        {
            return Err(format!("this.{stray} is not declared in STATE"));
        }
        let text = state::write(&map, self.header.state_version)?;
        Ok((text != before).then_some(text))
    }
}

fn finish(
    values: &Values,
    run: &Run<'_>,
    buffer: Buffer,
    state: Option<String>,
    operations: u64,
) -> Ran {
    let mut requests = merged_each(buffer.requests);
    let mut refused = buffer.refused;
    let inputs = if requests.is_empty() && refused.is_empty() {
        String::new()
    } else {
        objects::inputs(run, values)
    };
    for request in requests.iter_mut().chain(refused.iter_mut().map(|(request, _)| request)) {
        request.inputs.clone_from(&inputs);
    }
    Ran {
        outcome: RunOutcome::Done,
        requests,
        refused,
        state,
        alerts: buffer.alerts,
        notes: buffer.notes,
        metrics: buffer.metrics,
        operations,
        inputs,
    }
}

/// The requests merged by leg, each transaction for itself.
fn merged_each(requests: Vec<Request>) -> Vec<Request> {
    let mut left = requests;
    let mut all = Vec::with_capacity(left.len());
    while let Some(of) = left.first().map(|request| request.intent.transaction()) {
        let (own, others) = left.into_iter().partition(|r| r.intent.transaction() == of);
        all.extend(merged(own));
        left = others;
    }
    all
}

fn ended_early(outcome: RunOutcome, buffer: Buffer, operations: u64) -> Ran {
    Ran {
        refused: buffer.refused,
        alerts: buffer.alerts,
        notes: buffer.notes,
        metrics: buffer.metrics,
        operations,
        ..Ran::nothing(outcome)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
