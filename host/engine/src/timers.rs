//! Which transaction has to be woken when.
//!
//! Apart so that a step costs what is due, not what is held.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::ids::TransactionId;
use bracketd_core::time::Timestamp;

/// One moment for each transaction that has one.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Timestamp, TransactionId)>,
    by_id: BTreeMap<TransactionId, Timestamp>,
}

impl Timers {
    /// Sets, moves or drops a transaction's moment.
    pub(crate) fn set(&mut self, id: TransactionId, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.by_id.insert(id, at),
            None => self.by_id.remove(&id),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, id));
        }
        if let Some(at) = at {
            self.by_time.insert((at, id));
        }
    }

    /// The transactions whose moment has come, earliest first.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<TransactionId> {
        self.by_time.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect()
    }

    /// The earliest moment.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }
}
