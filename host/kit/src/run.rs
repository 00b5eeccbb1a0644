//! Runs rows, some at a time.
//!
//! Apart because a row that panics has failed and takes nobody with it, and the order of the report
//! is that of the plan, whoever was quicker.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::plan::Planned;
use crate::report::Report;
use crate::row::{Outcome, Row, Stop, outcome};
use crate::{Kit, history, plan};

/// Rows of the paper exchange that run at the same time: each has an exchange of its own.
const AT_ONCE: usize = 2;
/// How often a row is tried whose calls end at the host's deadline.
const TRIES: usize = 3;

impl Kit {
    /// The rows whose `part/group/name` holds the text; all of them without one.
    pub fn list(&self, filter: Option<&str>) -> Vec<String> {
        chosen(plan::all(), filter).iter().map(Planned::id).collect()
    }

    /// Runs the rows whose `part/group/name` holds the text; all of them without one. `told` hears of
    /// each as it ends.
    pub fn run(&self, filter: Option<&str>, told: &(dyn Fn(&Row) + Sync)) -> Report {
        let began = Instant::now();
        let mut rows = self.all_of(&chosen(plan::all(), filter), told);
        let wanted = |id: &str| filter.is_none_or(|text| id.contains(text));
        rows.extend(self.all_of(&chosen(history::disturbed(self, wanted), filter), told));
        Report::new(self, rows, filter, began.elapsed())
    }

    fn all_of(&self, planned: &[Planned], told: &(dyn Fn(&Row) + Sync)) -> Vec<Row> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(BTreeMap::new());
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(planned) = planned.get(at) else { return };
                let row = self.one(planned);
                told(&row);
                done.lock().unwrap_or_else(PoisonError::into_inner).insert(at, row);
            }
        };
        // A fake broker of an integrator has one book.
        let at_once = if self.broker.is_some() { 1 } else { AT_ONCE };
        std::thread::scope(|scope| {
            for _ in 1..at_once {
                scope.spawn(work);
            }
            work();
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
    }

    fn one(&self, planned: &Planned) -> Row {
        let began = Instant::now();
        let once = || catch_unwind(AssertUnwindSafe(|| (planned.run)(self)));
        let mut tried = once();
        for _ in 1..TRIES {
            if !matches!(tried, Ok(Err(Stop::Late(_)))) {
                break;
            }
            tried = once();
        }
        let outcome = match tried {
            Ok(tried) => outcome(tried),
            Err(_) => outcome(Err(Stop::broken("the kit itself failed; see standard error"))),
        };
        let (part, group, name) = (planned.part, planned.group.clone(), planned.name.clone());
        Row { part, group, name, outcome, took: began.elapsed() }
    }
}

fn chosen(all: Vec<Planned>, filter: Option<&str>) -> Vec<Planned> {
    all.into_iter().filter(|row| filter.is_none_or(|text| row.id().contains(text))).collect()
}

impl Outcome {
    /// Whether it is a finding.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Fail(_))
    }
}
