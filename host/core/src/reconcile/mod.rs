//! The broker's complete picture of an account against the book.
//!
//! Apart because it is the start of every run and the end of every doubt. Orders of ours are
//! brought up to date; what nobody here asked for is listed and left alone (an orphan), never
//! adopted and never canceled. What is missing is believed only after two complete reads that lie
//! the settle window apart (reliability, cases 37 and 38).

mod orders;
mod oversold;
mod positions;
mod promises;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::apply::{Transition, apply};
use crate::book::Book;
use crate::broker::{BrokerEvent, FromAccount, History, Picture};
use crate::fact::{Fact, FactKind};
use crate::ids::{AccountName, BrokerOrderId, Symbol};
use crate::intent::Source;
use crate::limits::{RECHECK_MS, SETTLE_MS};
use crate::time::Timestamp;

pub(crate) use orders::not_there;
pub(crate) use positions::surplus_is_current;
pub use positions::{differing, surplus};

/// What one read left in doubt, and the next one shall settle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Symbols whose position is not what the book holds.
    positions: BTreeMap<Symbol, PositionDoubt>,
    /// Orders of ours that the broker did not know by their id, and when it was first asked; by a
    /// clock that nobody sets.
    orders: BTreeMap<BrokerOrderId, Timestamp>,
    /// When the account should be read again because of these.
    pub recheck_at: Option<Timestamp>,
}

/// A difference as it was first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PositionDoubt {
    ours: Decimal,
    theirs: Decimal,
    /// What had been entered and had left by then: a fill in between makes it another difference.
    moved: Decimal,
    /// The broker's time of the read that showed it first.
    as_of: Timestamp,
    /// Whether people were told what it came to.
    settled: bool,
}

impl Doubts {
    /// Orders of ours that the broker did not know by their id when it was asked last.
    pub fn orders(&self) -> Vec<BrokerOrderId> {
        self.orders.keys().cloned().collect()
    }

    fn read_again(&mut self, now: Timestamp) {
        self.recheck_at.get_or_insert(now.plus_ms(SETTLE_MS + RECHECK_MS));
    }
}

/// Compares and corrects.
pub fn reconcile(
    book: &mut Book,
    name: &AccountName,
    picture: &Picture,
    now: Timestamp,
    out: &mut Transition,
) {
    let facts_before = out.facts.len();
    if let (Some(account), Some(balance)) = (book.accounts.get_mut(name), &picture.balance) {
        account.balance = Some(balance.clone());
        crate::control::balance_read(book, name, now, out);
    }
    if book.accounts.get(name).is_none_or(|account| account.other_account.is_some()) {
        return;
    }
    let event =
        BrokerEvent::Polled { orders: picture.orders.clone(), fills: picture.fills.clone() };
    apply(book, FromAccount { account: name.clone(), event }, now, out);
    if !picture.complete {
        // Absence from it proves nothing; a start waits for one that is whole.
        if let Some(account) = book.accounts.get_mut(name) {
            account.doubts.recheck_at.get_or_insert(now.plus_ms(RECHECK_MS));
        }
        return;
    }
    if let Some(account) = book.accounts.get_mut(name) {
        account.doubts.recheck_at = None;
        account.positions.clone_from(&picture.positions);
        account.read_as_of = Some(picture.as_of);
    }
    promises::compare(book, name, picture, now, out);
    let asked = orders::vanished(book, name, picture, out);
    orders::orphans(book, name, picture, now, out);
    positions::compare(book, name, picture, &asked, now, out);
    let Some(account) = book.accounts.get_mut(name) else { return };
    if !account.is_reconciled {
        account.is_reconciled = true;
        account.note_able(now);
        let cut = match picture.history {
            History::Whole => "",
            History::Cut => "; not all that ended meanwhile, of which ours is asked for by id",
        };
        let text = format!(
            "{} orders and {} positions read{cut}; {} facts follow from them",
            picture.orders.len(),
            picture.positions.len(),
            out.facts.len() - facts_before
        );
        out.facts.push(fact(name, FactKind::Reconciled, "", text, now));
    }
}

fn fact(
    account: &AccountName,
    kind: FactKind,
    code: &'static str,
    text: String,
    now: Timestamp,
) -> Fact {
    let mut fact = Fact::new(now, kind, Source::Recovery);
    fact.account = Some(account.clone());
    fact.code = code.into();
    fact.text = text;
    fact
}
