//! What must not be overlooked about kill switches and arming, one sentence each.
//!
//! Apart because the status, readiness, the first screen and the log say the same words. It is
//! read off the book and kept nowhere.

use std::collections::BTreeSet;

use bracketd_core::book::Book;
use bracketd_core::control::{Kill, KillLevel, not_closed};
use bracketd_core::diagnostic::Diagnostic;
use bracketd_core::ids::AccountName;
use bracketd_engine::Engine;
use bracketd_policy::Policy;

use super::arming::Arming;

/// Kill switches that are thrown: while one is, the daemon takes no new transaction.
///
/// `unwritten` are those that the ledger does not have yet.
pub(super) fn kills(book: &Book, unwritten: &BTreeSet<Option<AccountName>>) -> Vec<String> {
    let is_written = |scope: Option<&AccountName>| !unwritten.contains(&scope.cloned());
    let own = sentence(book, None, &book.kill, is_written(None));
    let mut words: Vec<String> = own.into_iter().collect();
    for account in book.accounts.values() {
        let name = Some(&account.name);
        words.extend(sentence(book, name, &account.control.kill, is_written(name)));
    }
    words
}

fn sentence(
    book: &Book,
    scope: Option<&AccountName>,
    kill: &Kill,
    is_written: bool,
) -> Option<String> {
    let of = scope.map_or("the daemon".to_owned(), |name| format!("account {name}"));
    let (level, by) = (kill.level.as_str(), kill.by.label());
    let yet = if is_written { "" } else { "; it is not yet in the ledger" };
    // Whoever reads flatten believes that all is closed or being closed.
    let left =
        if kill.level == KillLevel::Flatten { not_closed(book, scope) } else { String::new() };
    (kill.level > KillLevel::Off)
        .then(|| format!("the kill switch of {of} is at {level} ({by}: {}){yet}{left}", kill.why))
}

/// Accounts whose commands do not go out, with how much is held there.
pub(super) fn disarmed(book: &Book, arming: &Arming) -> Vec<String> {
    let disarmed = book.accounts.values().filter(|account| !account.is_armed());
    let words = disarmed.map(|account| {
        let own = book.transactions.values().filter(|tx| tx.account == account.name);
        let holding = own.filter(|tx| !tx.held().is_zero()).count();
        let login = account.other_account.as_ref();
        let since = arming.of(account).since().map(|since| format!(" {since}"));
        let since = since.unwrap_or_default();
        let why = login.map(|told| format!("; its login opens the broker's account {told}"));
        format!(
            "account {} is disarmed{since}: no command goes out, {holding} transactions that hold \
             something are not managed{}",
            account.name,
            why.unwrap_or_default()
        )
    });
    words.collect()
}

/// Policies that the host does not ask any more, or not in the version that the directory holds.
pub(super) fn frozen(engine: &Engine) -> Vec<String> {
    let of = |policy: &Policy| {
        let name = policy.name();
        let there = engine.freezes().iter().filter(|freeze| {
            freeze.policy == *name
                && freeze.digest == policy.digest()
                && freeze.transaction.is_some()
        });
        match (engine.freeze_of(name), there.count()) {
            (Some(freeze), _) if freeze.back_to.is_some() => Some(format!(
                "policy {name} went back to an earlier version: {}; bracketd policy list",
                freeze.why
            )),
            (Some(freeze), _) => Some(format!(
                "policy {name} is frozen for every transaction: {}; bracketd policy list",
                freeze.why
            )),
            (None, 0) => None,
            (None, count) => Some(format!(
                "policy {name} is frozen for {count} of its transactions; bracketd policy list"
            )),
        }
    };
    engine.policies().iter().filter_map(of).collect()
}

/// Values of parameters that were not taken.
pub(super) fn values(refused: &[Diagnostic]) -> Option<String> {
    let first = refused.first()?;
    let line = first.one_line();
    Some(format!("params.toml was not taken, the values before it go on: {line}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bracketd_core::book::Account;

    use super::*;

    #[test]
    fn flatten_is_never_said_without_what_it_cannot_close() {
        let tx = crate::fixtures::opened();
        for (level, is_left) in [(KillLevel::CancelEntries, false), (KillLevel::Flatten, true)] {
            let mut book = Book::default();
            let account = Account::new(tx.account.clone(), Default::default());
            book.accounts.insert(tx.account.clone(), account);
            book.transactions.insert(tx.id, Arc::new(tx.clone()));
            book.kill.level = level;
            let said = kills(&book, &BTreeSet::new());
            let left = format!("NOT CLOSED: account {} is", tx.account);
            assert_eq!(said.len(), 1, "{said:?}");
            assert_eq!(said[0].contains(&left), is_left, "{said:?}");
        }
    }
}
