//! What must not be overlooked about kill switches and arming, one sentence each.
//!
//! Apart because the status, readiness, the first screen and the log say the same words. It is
//! read off the book and kept nowhere.

use std::collections::BTreeSet;

use bracketd_core::book::Book;
use bracketd_core::control::{Kill, KillLevel};
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
    let own = sentence("the daemon", &book.kill, is_written(None));
    let mut words: Vec<String> = own.into_iter().collect();
    for account in book.accounts.values() {
        let is_written = is_written(Some(&account.name));
        let of = format!("account {}", account.name);
        words.extend(sentence(&of, &account.control.kill, is_written));
    }
    words
}

fn sentence(of: &str, kill: &Kill, is_written: bool) -> Option<String> {
    let (level, by) = (kill.level.as_str(), kill.by.label());
    let yet = if is_written { "" } else { "; it is not yet in the ledger" };
    (kill.level > KillLevel::Off)
        .then(|| format!("the kill switch of {of} is at {level} ({by}: {}){yet}", kill.why))
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
