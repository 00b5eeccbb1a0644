//! What this process last wrote of each live transaction's lists.
//!
//! Apart because it only saves work: a transaction with hundreds of past orders changes one of
//! them, and only that row is written. Without a shadow everything is written; the result is the
//! same. It must never change before the commit has succeeded.

use std::collections::BTreeMap;

use bracketd_core::command::Op;
use bracketd_core::ids::TransactionId;
use bracketd_core::order::Order;
use bracketd_core::transaction::{Slice, StepCount, Transaction};

/// The lists of one transaction as they stand in the ledger.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    pub(crate) slices: Vec<Slice>,
    pub(crate) orders: Vec<Order>,
    pub(crate) steps: Vec<StepCount>,
    pub(crate) ops: Vec<Op>,
}

/// The shadows of all transactions that were written and have not ended.
#[derive(Debug, Default)]
pub(crate) struct Shadows(BTreeMap<TransactionId, Shadow>);

impl Shadows {
    pub(crate) fn get(&self, id: TransactionId) -> Option<&Shadow> {
        self.0.get(&id)
    }

    /// Takes over what was committed. An ended transaction is forgotten: it hardly changes again.
    pub(crate) fn remember(&mut self, transactions: &[&Transaction]) {
        for tx in transactions {
            if tx.status.is_ended() {
                self.0.remove(&tx.id);
                continue;
            }
            let shadow = self.0.entry(tx.id).or_default();
            take_over(&mut shadow.slices, &tx.slices);
            take_over(&mut shadow.orders, &tx.orders);
            take_over(&mut shadow.steps, &tx.steps);
            take_over(&mut shadow.ops, &tx.ops);
        }
    }
}

/// Makes both lists equal, cloning only what differs.
fn take_over<T: Clone + PartialEq>(old: &mut Vec<T>, new: &[T]) {
    old.truncate(new.len());
    for (was, is) in old.iter_mut().zip(new) {
        if was != is {
            was.clone_from(is);
        }
    }
    let known = old.len();
    old.extend(new.iter().skip(known).cloned());
}
