//! What a policy would be asked about now, held apart from the book so that another thread can look
//! at it.
//!
//! Apart because whoever owns the book fills these in and goes on; what is asked with them is
//! nothing to it.

use std::fmt;
use std::sync::Arc;

use bracketd_core::book::Book;
use bracketd_core::broker::Bar;
use bracketd_core::ids::{AccountName, PolicyName};
use bracketd_core::instrument::Instrument;
use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};

use crate::bars::History;
use crate::event::{Event, EventKind};
use crate::params::Params;
use crate::policy::Policy;
use crate::portfolio::AccountRun;
use crate::run::{Ran, Run, Unbounded};
use crate::verbs::Verbs;

/// What is live of one policy.
#[derive(Clone)]
pub struct Moments {
    /// The policy.
    pub policy: PolicyName,
    /// The version that decides now, if one does.
    pub running: Option<Arc<Policy>>,
    /// The values that it decides with.
    pub params: Params,
    /// What the configuration sets, for a version to which no file sets values.
    pub config: Params,
    /// The verbs that the configuration allows.
    pub verbs: Verbs,
    /// Moments of its transactions, newest first, then of its accounts.
    pub all: Vec<Moment>,
    /// Whether these are all there are.
    pub is_all: bool,
}

impl fmt::Debug for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} moments of {}", self.all.len(), self.policy)
    }
}

/// One transaction or account as it is now.
#[derive(Clone)]
pub struct Moment {
    /// What it is about.
    pub about: Subject,
    /// The account.
    pub account: AccountName,
    /// The account and its live transactions, nothing else.
    pub book: Arc<Book>,
    /// Whether `book` has them all; else a script that asks for others finds nothing there.
    pub is_whole: bool,
    /// What the policy keeps: a JSON object, or nothing.
    pub state: String,
    /// The version that goes on deciding about this one while another decides about the rest.
    pub pinned: Option<Arc<Policy>>,
    /// When.
    pub now: Timestamp,
}

/// What a policy is asked about.
#[derive(Clone)]
pub enum Subject {
    /// One transaction.
    Transaction(Box<Sample>),
    /// The account as a whole.
    Account,
}

/// A transaction and what the host remembers of its prices.
#[derive(Clone)]
pub struct Sample {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// What it trades.
    pub instrument: Arc<Instrument>,
    /// Length of a bar in seconds.
    pub seconds: u32,
    /// The bars, oldest first; the last one may not be over yet.
    pub bars: Arc<[Bar]>,
    /// Highest price since the first fill.
    pub peak: Option<Price>,
    /// Lowest price since the first fill.
    pub trough: Option<Price>,
}

impl Moment {
    /// What would be asked next: the price, and the last complete bar.
    pub(super) fn kinds(&self) -> &'static [EventKind] {
        match &self.about {
            Subject::Account => &[EventKind::Portfolio],
            Subject::Transaction(sample) => match sample.transaction.status {
                TransactionStatus::Waiting => &[EventKind::Waiting, EventKind::Bar],
                TransactionStatus::Opened => &[EventKind::Tick, EventKind::Bar],
                TransactionStatus::Closing
                | TransactionStatus::Closed
                | TransactionStatus::Failed => &[],
            },
        }
    }

    /// Asks that version; none where there is no such event now.
    pub(super) fn ask(
        &self,
        policy: &Policy,
        (params, allowed): (&Params, &Verbs),
        kind: EventKind,
    ) -> Option<Ran> {
        let account = self.book.accounts.get(&self.account)?;
        let (book, state, now, budget) = (&*self.book, &*self.state, self.now, &Unbounded);
        let Subject::Transaction(sample) = &self.about else {
            let run = AccountRun { account, book, params, state, now, allowed, budget };
            return Some(policy.run_account(&run));
        };
        let event = match kind {
            EventKind::Bar => Event::Bar(sample.last_bar(now)?),
            EventKind::Waiting => Event::Waiting,
            _ => Event::Tick,
        };
        Some(policy.run(&Run {
            event,
            transaction: Arc::clone(&sample.transaction),
            account,
            instrument: Arc::clone(&sample.instrument),
            quote: account.quotes.get(&sample.transaction.symbol).cloned(),
            history: History {
                seconds: sample.seconds,
                bars: (&sample.bars, &[]),
                peak: sample.peak,
                trough: sample.trough,
            },
            params,
            state,
            now,
            allowed,
            budget,
            portfolio: self.is_whole.then_some(book),
        }))
    }
}

impl Sample {
    fn last_bar(&self, now: Timestamp) -> Option<Bar> {
        let length_ms = u64::from(self.seconds) * 1_000;
        self.bars.iter().rev().find(|bar| bar.at.plus_ms(length_ms) <= now).copied()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.about {
            Subject::Account => write!(f, "account {}", self.account),
            Subject::Transaction(sample) => {
                let tx = &sample.transaction;
                write!(f, "live transaction {} ({})", tx.id, tx.symbol)
            }
        }
    }
}
