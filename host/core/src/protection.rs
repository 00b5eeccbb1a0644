//! Is what is held protected, and since when not (I5).
//!
//! Apart because this question is asked after every change and must have one answer. It never
//! plans a remedy.

use crate::bug::{self, Bug};
use crate::money::Quantity;
use crate::order::{Order, OrderStatus, Role};
use crate::time::Timestamp;
use crate::transaction::{Slice, Transaction};

/// Whether a transaction's held quantity has its wanted stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nothing is held, or no stop is wanted.
    NotWanted,
    /// All that is held has a working stop.
    Protected,
    /// Some of it has none yet; the command for it is on its way.
    Pending {
        /// Since when.
        since: Timestamp,
    },
    /// Some of it has none, and somebody has to know.
    Unprotected {
        /// Since when it had none.
        since: Timestamp,
        /// Why.
        why: Exposed,
    },
}

/// Why held quantity is without its stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposed {
    /// It took longer than the account's deadline.
    Deadline,
    /// The broker rejected the stop.
    Rejected,
    /// The stop is already through the market.
    Breached,
    /// The outcome of the command is unknown.
    Unknown,
    /// The account is not connected.
    AccountDown,
    /// The rest of the entry is waited for, as configured.
    WaitingForEntry,
    /// The account is disarmed: no command goes out.
    Disarmed,
}

/// The spans without the wanted stop that a transaction has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// How many have ended.
    pub count: u32,
    /// Milliseconds of those, together.
    pub total_ms: u64,
    /// Milliseconds of the longest of those.
    pub longest_ms: u64,
}

impl Gaps {
    /// Adds a span that has ended.
    pub fn add(&mut self, span_ms: u64) {
        self.count = self.count.saturating_add(1);
        self.total_ms = self.total_ms.saturating_add(span_ms);
        self.longest_ms = self.longest_ms.max(span_ms);
    }
}

impl Exposed {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Rejected => "rejected",
            Self::Breached => "breached",
            Self::Unknown => "unknown",
            Self::AccountDown => "account_down",
            Self::WaitingForEntry => "waiting_for_entry",
            Self::Disarmed => "disarmed",
        }
    }
}

impl Protection {
    /// Lower-case name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotWanted => "not_wanted",
            Self::Protected => "protected",
            Self::Pending { .. } => "pending",
            Self::Unprotected { .. } => "unprotected",
        }
    }

    /// Since when held quantity has been without its stop.
    pub fn gap_since(&self) -> Option<Timestamp> {
        match self {
            Self::NotWanted | Self::Protected => None,
            Self::Pending { since } | Self::Unprotected { since, .. } => Some(*since),
        }
    }
}

/// What of the held quantity working stops cover. All stops of a transaction are wanted at one price:
/// one that rests for more than its slice holds by now covers what was dealt out to another.
pub fn protected_quantity(tx: &Transaction) -> Quantity {
    quantity_with_stop(tx, |status| status.protects() || bug::is(Bug::M17))
}

/// The same with stops that the broker has taken and that do not work yet.
pub fn taken_quantity(tx: &Transaction) -> Quantity {
    quantity_with_stop(tx, |status| status.protects() || status == OrderStatus::PendingNew)
}

fn quantity_with_stop(tx: &Transaction, counts: impl Fn(OrderStatus) -> bool) -> Quantity {
    let stops = |slice: &Slice| {
        tx.exits(slice.no).filter(|o| o.role == Role::Stop && counts(o.status)).map(Order::leaves)
    };
    let own = tx.slices.iter().map(|slice| stops(slice).sum::<Quantity>().min(slice.held)).sum();
    // An order and what takes its place are both listed for a moment.
    let largest = tx.slices.iter().map(|slice| stops(slice).max().unwrap_or(Quantity::ZERO));
    largest.sum::<Quantity>().max(own).min(tx.held())
}
