//! What happens to a test's world from outside: somebody at the broker, money of the account.
//!
//! Apart because the policy did not ask for it, and each of these has an event of its own.

use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::book::Book;
use bracketd_core::broker::Balance;
use bracketd_core::control::Baseline;
use bracketd_core::money::Price;
use bracketd_core::order::Leg;
use bracketd_core::transaction::{EntryKind, TransactionStatus};

use super::world::World;
use crate::event::{Event, EventKind, Outside};
use crate::portfolio::AccountRun;
use crate::run::Unbounded;

impl World {
    /// The account's equity is another: policies that look after the account are asked.
    pub(super) fn funded(&mut self, equity: Decimal) -> Result<(), String> {
        self.fund(equity);
        if !self.policy.handles(EventKind::Portfolio) {
            return Ok(());
        }
        let policy = Arc::clone(&self.policy);
        let book = self.book(equity);
        let Some(account) = book.accounts.get(&self.account.name) else { return Ok(()) };
        let ran = policy.run_account(&AccountRun {
            account,
            book: &book,
            params: &self.params,
            state: &self.state,
            now: self.now,
            allowed: &self.allowed,
            budget: &Unbounded,
        });
        self.ended(EventKind::Portfolio, equity.normalize().to_string(), ran)
    }

    /// The account's equity from now on, and what losses are measured from.
    pub(super) fn fund(&mut self, equity: Decimal) {
        self.equity = Some(equity);
        let before = self.account.control.baseline;
        self.account.control.baseline = Some(Baseline {
            day: self.now.0 / 86_400_000_000,
            day_equity: before.map_or(equity, |before| before.day_equity),
            peak_equity: before.map_or(equity, |before| before.peak_equity.max(equity)),
        });
    }

    /// The book with this account and transaction alone.
    pub(super) fn book(&self, equity: Decimal) -> Book {
        let mut book = Book::new("test", 1);
        let mut account = self.account.clone();
        account.instruments.insert(self.tx.symbol.clone(), Arc::clone(&self.instrument));
        account.balance = Some(Balance {
            cash: equity,
            equity,
            buying_power: equity,
            currency: self.instrument.currency.clone(),
            account: None,
        });
        book.accounts.insert(account.name.clone(), account);
        book.transactions.insert(self.tx.id, Arc::new(self.tx.clone()));
        book
    }

    /// Somebody else changed an exit at the broker: moved it there, or took it away.
    pub(super) fn changed(&mut self, leg: Leg, to: Option<Price>) -> Result<(), String> {
        let before = self.tx.desired.leg(leg);
        match leg {
            Leg::Stop => self.tx.desired.stop = to,
            Leg::Target => self.tx.desired.target = to,
        }
        let what = if to.is_some() { "moved" } else { "canceled" };
        self.happen(Event::External(Outside { leg, what, before, after: to }))
    }

    /// Somebody else changed the entry's price at the broker.
    pub(super) fn entry_moved(&mut self, to: Price) -> Result<(), String> {
        if self.tx.status != TransactionStatus::Waiting {
            return Err(format!("the entry does not wait: it is {}", self.tx.status.as_str()));
        }
        self.tx.entry.kind = EntryKind::Limit(to);
        self.tx.entry.reference = to;
        self.happen(Event::EntryChange)
    }
}
