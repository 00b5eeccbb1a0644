//! What the run under way on this thread may see and has asked for.
//!
//! Apart because script objects (`t`, `m`, `p`) are empty handles: they read this frame, so a run
//! copies nothing and no borrowed data can outlive it. Without a frame every handle answers with
//! an error; nothing here is shared between threads.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use bracketd_core::broker::Quote;
use bracketd_core::ids::TransactionId;
use bracketd_core::instrument::Instrument;
use bracketd_core::intent::{Request, Verdict};
use bracketd_core::order::Direction;
use bracketd_core::transaction::Transaction;
use rust_decimal::Decimal;

use crate::failure::{ScriptResult, script_error};
use crate::limits::{BUDGET_STRIDE, SAYINGS_MAX};
use crate::params::Values;
use crate::policy::Policy;
use crate::portfolio::Aimed;
use crate::run::Run;

/// Everything a run reads, and the buffer that it writes.
pub(crate) struct Frame<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) policy: &'a Policy,
    pub(crate) values: &'a Values,
    pub(crate) buffer: &'a RefCell<Buffer>,
    /// In a run about an account: what the verb under way is about.
    pub(crate) aimed: &'a RefCell<Option<Aimed>>,
}

impl Frame<'_> {
    /// What the transaction trades that the verb under way is about.
    pub(crate) fn instrument(&self) -> Arc<Instrument> {
        let aimed = self.aimed.borrow();
        Arc::clone(aimed.as_ref().map_or(&self.run.instrument, |aimed| &aimed.instrument))
    }

    /// Its latest price.
    pub(crate) fn quote(&self) -> Option<Quote> {
        let aimed = self.aimed.borrow();
        aimed.as_ref().map_or_else(|| self.run.quote.clone(), |aimed| aimed.quote.clone())
    }

    /// Which way it gains.
    pub(crate) fn direction(&self) -> Direction {
        let aimed = self.aimed.borrow();
        aimed.as_ref().map_or(self.run.transaction.direction, |aimed| aimed.direction)
    }
}

/// What a run has asked for so far.
pub(crate) struct Buffer {
    /// The transaction as it would be with everything asked for so far.
    pub(crate) transaction: Arc<Transaction>,
    /// In a run about an account: the others that it asked for something of.
    pub(crate) others: BTreeMap<TransactionId, Arc<Transaction>>,
    pub(crate) requests: Vec<Request>,
    pub(crate) refused: Vec<(Request, Verdict)>,
    pub(crate) alerts: Vec<(String, String)>,
    pub(crate) notes: Vec<(String, String)>,
    pub(crate) metrics: Vec<(String, Decimal)>,
}

scoped_tls_hkt::scoped_thread_local!(static FRAME: for<'a> &'a Frame<'a>);

thread_local! {
    static OPERATIONS: Cell<u64> = const { Cell::new(0) };
}

impl Buffer {
    pub(crate) fn new(transaction: Arc<Transaction>) -> Self {
        Self {
            transaction,
            others: BTreeMap::new(),
            requests: Vec::new(),
            refused: Vec::new(),
            alerts: Vec::new(),
            notes: Vec::new(),
            metrics: Vec::new(),
        }
    }
}

/// Runs `work` with the frame in place; the one before it comes back, also after a panic.
pub(crate) fn enter<T>(frame: &Frame<'_>, work: impl FnOnce() -> T) -> T {
    OPERATIONS.set(0);
    FRAME.set(frame, work)
}

/// Reads the frame of the run under way.
pub(crate) fn with<T>(read: impl FnOnce(&Frame<'_>) -> ScriptResult<T>) -> ScriptResult<T> {
    if !FRAME.is_set() {
        return Err(script_error("this can be used only while a policy runs"));
    }
    FRAME.with(|frame| read(frame))
}

/// Notes the count and says whether the run has to stop here.
pub(crate) fn is_over(operations: u64) -> bool {
    OPERATIONS.set(operations);
    operations.is_multiple_of(BUDGET_STRIDE)
        && FRAME.is_set()
        && FRAME.with(|frame| frame.run.budget.over(operations))
}

/// Operations of the run that ended last on this thread.
pub(crate) fn operations() -> u64 {
    OPERATIONS.get()
}

/// Adds to one of the buffer's lists of words, up to a bound.
pub(crate) fn say(
    pick: impl FnOnce(&mut Buffer) -> &mut Vec<(String, String)>,
    what: (&str, &str),
) -> ScriptResult<()> {
    with(|frame| {
        let mut buffer = frame.buffer.borrow_mut();
        let list = pick(&mut buffer);
        if list.len() >= SAYINGS_MAX {
            return Err(script_error(format!("at most {SAYINGS_MAX} of these in one run")));
        }
        list.push((what.0.to_owned(), what.1.to_owned()));
        Ok(())
    })
}
