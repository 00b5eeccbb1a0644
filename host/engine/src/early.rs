//! Runs that wait until their account was compared with the broker.
//!
//! Apart because a policy must never decide on a book that nobody has compared since the start:
//! what it holds may be gone. Nothing is lost meanwhile, and nothing piles up: of prices, bars and
//! timers only the newest is kept.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::ids::{PolicyName, TransactionId};

use crate::runs::Happening;

/// Of which only the newest is asked: a timer by its name, a complete bar without one.
type Newest = (TransactionId, PolicyName, Option<String>);

/// What waits at one account.
#[derive(Debug, Default)]
pub(crate) struct Early {
    /// What the core noticed, oldest first: each happens once.
    noticed: Vec<(TransactionId, PolicyName, Happening)>,
    newest: BTreeMap<Newest, Happening>,
    /// Whose symbol had a price.
    pub(crate) ticks: BTreeSet<(TransactionId, PolicyName)>,
}

impl Early {
    pub(crate) fn put(&mut self, id: TransactionId, policy: PolicyName, happening: Happening) {
        let name = match &happening {
            Happening::Timer(name) => Some(name.clone()),
            Happening::Bar(_) => None,
            Happening::Session(_) => Some("on_session".to_owned()),
            Happening::Notice(_) | Happening::Start => {
                self.noticed.push((id, policy, happening));
                return;
            }
        };
        self.newest.insert((id, policy, name), happening);
    }

    /// What is to be asked now, in the order in which it is asked; prices apart.
    pub(crate) fn happenings(self) -> impl Iterator<Item = (TransactionId, PolicyName, Happening)> {
        let newest = self.newest.into_iter().map(|((id, policy, _), what)| (id, policy, what));
        self.noticed.into_iter().chain(newest)
    }
}
