//! What a policy would be asked about now, handed out for a rehearsal of its next version.
//!
//! Apart because it only reads and copies: the thread that builds policies tries versions on these
//! while the engine goes on. Few are enough to find what a script cannot bear, and copying more would
//! hold up a fill.

use std::collections::BTreeMap;
use std::sync::Arc;

use bracketd_core::book::{Account, Book};
use bracketd_core::broker::Bar;
use bracketd_core::ids::{AccountName, PolicyName, Symbol};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use bracketd_policy::{Moment, Moments, Sample, Subject};

use crate::engine::Engine;
use crate::market::BASE_SECONDS;

/// Transactions handed out for one policy.
const TRANSACTIONS_MAX: usize = 16;
/// Transactions looked at to find them.
const LOOKED_AT_MAX: usize = 10_000;
/// Accounts that are copied.
const ACCOUNTS_MAX: usize = 4;
/// Live transactions that are copied with these accounts; an account that has more is copied without.
const COPIED_MAX: usize = 1_000;

/// What was copied so far.
#[derive(Default)]
struct Copies {
    /// Each account alone in a book, and whether its transactions are there.
    books: BTreeMap<AccountName, (Arc<Book>, bool)>,
    bars: BTreeMap<(AccountName, Symbol), Arc<[Bar]>>,
    transactions: usize,
}

impl Engine {
    /// What is live of the policy: of its transactions the newest, and the accounts that it looks
    /// after. An account that was not compared with the broker since the start is not asked about.
    pub fn moments(&self, policy: &PolicyName, now: Timestamp) -> Moments {
        let mut copies = Copies::default();
        let mut all = Vec::new();
        let newest_first = self.book.transactions.values().rev().take(LOOKED_AT_MAX);
        let mut own = newest_first.filter(|tx| is_asked_about(tx) && tx.policies.contains(policy));
        for tx in own.by_ref().take(TRANSACTIONS_MAX) {
            all.extend(self.of_transaction(policy, tx, &mut copies, now));
        }
        let is_all = own.next().is_none() && self.book.transactions.len() <= LOOKED_AT_MAX;
        for account in self.book.accounts.values() {
            if account.rules.portfolio_policies.contains(policy) {
                all.extend(self.of_account(policy, account, &mut copies, now));
            }
        }
        let settings = self.policy_settings.get(policy).cloned().unwrap_or_default();
        let params = self.policies.params(policy).unwrap_or(&settings.params).clone();
        Moments {
            policy: policy.clone(),
            running: self.policies.shared(policy).map(Arc::clone),
            params,
            config: settings.params,
            verbs: settings.verbs,
            all,
            is_all,
        }
    }

    fn of_transaction(
        &self,
        policy: &PolicyName,
        tx: &Arc<Transaction>,
        copies: &mut Copies,
        now: Timestamp,
    ) -> Option<Moment> {
        let account = self.book.accounts.get(&tx.account)?;
        let instrument = Arc::clone(account.instruments.get(&tx.symbol)?);
        let (book, is_whole) = self.copied(account, copies)?;
        let track = self.market.track(&tx.account, &tx.symbol);
        let since = tx.opened_at.unwrap_or(tx.created_at);
        let place = (tx.account.clone(), tx.symbol.clone());
        let bars = copies.bars.entry(place).or_insert_with(|| {
            track.map_or_else(Arc::default, |track| track.bars().iter().copied().collect())
        });
        let key = (tx.id, policy.clone());
        Some(Moment {
            about: Subject::Transaction(Box::new(Sample {
                transaction: Arc::clone(tx),
                instrument,
                seconds: BASE_SECONDS,
                bars: Arc::clone(bars),
                peak: track.and_then(|track| track.peak_since(since)),
                trough: track.and_then(|track| track.trough_since(since)),
            })),
            account: tx.account.clone(),
            book,
            is_whole,
            state: self.states.kept.get(&key).map_or_else(String::new, |s| s.state_json.clone()),
            pinned: self.runs.pinned(&key).map(Arc::clone),
            now,
        })
    }

    fn of_account(
        &self,
        policy: &PolicyName,
        account: &Account,
        copies: &mut Copies,
        now: Timestamp,
    ) -> Option<Moment> {
        let (book, is_whole) = self.copied(account, copies)?;
        let key = (account.name.clone(), policy.clone());
        let kept = self.states.accounts.get(&key);
        is_whole.then(|| Moment {
            about: Subject::Account,
            account: account.name.clone(),
            book,
            is_whole,
            state: kept.map_or_else(String::new, |state| state.state_json.clone()),
            pinned: None,
            now,
        })
    }

    /// The account alone in a book, with its live transactions where these are not too many.
    fn copied(&self, account: &Account, copies: &mut Copies) -> Option<(Arc<Book>, bool)> {
        let name = &account.name;
        if let Some(copy) = copies.books.get(name) {
            return Some(copy.clone());
        }
        if copies.books.len() >= ACCOUNTS_MAX || !self.runs.is_compared(name) {
            return None;
        }
        let mut book = Book::new(&self.book.ledger_id, self.book.epoch);
        (book.kill, book.kill_file) = (self.book.kill.clone(), self.book.kill_file.clone());
        book.last_id = self.book.last_id;
        let own = self.by_symbol.iter().filter(|((of, _), _)| of == name);
        let count: usize = own.clone().map(|(_, ids)| ids.len()).sum();
        let is_whole = copies.transactions + count <= COPIED_MAX;
        if is_whole {
            copies.transactions += count;
            let ids = own.flat_map(|(_, ids)| ids);
            let live =
                ids.filter_map(|id| Some((*id, Arc::clone(self.book.transactions.get(id)?))));
            book.transactions = live.collect();
        }
        book.accounts.insert(name.clone(), account.clone());
        let copy = (Arc::new(book), is_whole);
        copies.books.insert(name.clone(), copy.clone());
        Some(copy)
    }
}

/// Whether a price would have its policies asked about it.
fn is_asked_about(tx: &Transaction) -> bool {
    matches!(tx.status, TransactionStatus::Waiting | TransactionStatus::Opened)
}
