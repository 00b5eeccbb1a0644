//! What a policy under test was told and what it asked for, in order.
//!
//! Apart because a test that fails has to show the way there, and because the property suite
//! compares two such ways. Nothing is recorded outside of tests: the daemon's runs only ask a flag.

use std::cell::{Cell, RefCell};

use bracketd_core::check::is_tighter;
use bracketd_core::intent::{Intent, Request, Verdict, Wish};
use bracketd_core::ladder::RungWish;
use bracketd_core::refusal::Refusal;
use bracketd_core::transaction::{Transaction, TransactionStatus};

use super::mark;

/// One call of a verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCall {
    /// The file of the statement that asked; empty where it is not known.
    pub file: String,
    /// Its line from 1; 0 where it is not known.
    pub line: usize,
    /// Its column from 1.
    pub column: usize,
    /// The verb.
    pub verb: String,
    /// What it asked for, such as `stop 107.8`.
    pub wish: String,
    /// The reason that the script gave.
    pub why: String,
    /// The verdict's code.
    pub code: String,
    /// The verdict's words.
    pub message: String,
    pub(crate) mark: Option<usize>,
    /// Whether it would risk more than the stop that was there, of something held.
    pub(crate) widens: bool,
}

/// One event that the policy was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestStep {
    /// Milliseconds on the test's clock.
    pub at_ms: u64,
    /// The handler, such as `on_tick`.
    pub event: String,
    /// What came with it, such as `110/110`.
    pub with: String,
    /// `done`, `skipped: ...` or `failed: ...`.
    pub outcome: String,
    /// What it asked for.
    pub calls: Vec<TestCall>,
    /// What it told people.
    pub alerts: Vec<String>,
}

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
    static CALLS: RefCell<Vec<TestCall>> = const { RefCell::new(Vec::new()) };
    static STEPS: RefCell<Vec<TestStep>> = const { RefCell::new(Vec::new()) };
}

/// Records from now on, on this thread.
pub(crate) fn begin() {
    IS_ON.set(true);
    CALLS.take();
    STEPS.take();
}

/// Ends the recording.
pub(crate) fn end() -> Vec<TestStep> {
    IS_ON.set(false);
    CALLS.take();
    STEPS.take()
}

/// What was recorded so far.
pub(crate) fn so_far() -> Vec<TestStep> {
    STEPS.with_borrow(Clone::clone)
}

/// A verb was called; asked by the gate for every run.
pub(crate) fn asked(request: &Request, verdict: &Verdict, tx: &Transaction) {
    if !IS_ON.get() {
        return;
    }
    let call = TestCall {
        file: String::new(),
        line: 0,
        column: 0,
        verb: request.intent.verb().to_owned(),
        wish: wish(&request.intent),
        why: request.why.clone(),
        code: verdict.code().to_owned(),
        message: verdict.message.clone(),
        mark: mark::last(),
        widens: verdict.code() == Refusal::Loosens.code() || widens(&request.intent, tx),
    };
    CALLS.with_borrow_mut(|calls| calls.push(call));
}

/// The run ended; what was called since the last one is its own.
pub(crate) fn stepped(step: impl FnOnce(Vec<TestCall>) -> TestStep) {
    if IS_ON.get() {
        let step = step(CALLS.take());
        STEPS.with_borrow_mut(|steps| steps.push(step));
    }
}

fn widens(intent: &Intent, tx: &Transaction) -> bool {
    let now = tx.desired.stop.filter(|_| tx.status == TransactionStatus::Opened);
    match (intent, now) {
        (Intent::Protect { stop: Wish::Set(to), .. }, Some(now)) => {
            is_tighter(tx.direction, now, *to)
        }
        (Intent::Protect { stop: Wish::Clear, .. }, Some(_)) => true,
        // Nothing else moves a stop away.
        _ => false,
    }
}

/// What an intent asks for, without its verb.
fn wish(intent: &Intent) -> String {
    let leg = |name: &str, wish: &Wish| match wish {
        Wish::Keep => None,
        Wish::Clear => Some(format!("no {name}")),
        Wish::Set(price) => Some(format!("{name} {}", price.get().normalize())),
    };
    match intent {
        Intent::Protect { stop, target, .. } => {
            let legs = [leg("stop", stop), leg("target", target)];
            legs.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
        Intent::Ratchet { stop, .. } => format!("stop {}", stop.get().normalize()),
        Intent::Resize { quantity, .. } => format!("quantity {}", quantity.get().normalize()),
        Intent::Ladder { rungs, .. } => {
            let rung = |rung: &RungWish| format!("{} at {}", rung.share.normalize(), rung.target);
            rungs.iter().map(rung).collect::<Vec<_>>().join(", ")
        }
        // Words for people only; the verb says the rest.
        _ => String::new(),
    }
}

impl TestStep {
    /// The step in one line for each decision: what a snapshot keeps.
    pub fn decisions(&self) -> Vec<String> {
        let head = match self.with.is_empty() {
            true => self.event.clone(),
            false => format!("{} {}", self.event, self.with),
        };
        let calls = self.calls.iter().map(|call| {
            let space = if call.wish.is_empty() { "" } else { " " };
            format!("{head}: {}{space}{} {} ({})", call.verb, call.wish, call.code, call.why)
        });
        let alerts = self.alerts.iter().map(|alert| format!("{head}: alert {alert}"));
        calls.chain(alerts).collect()
    }
}
