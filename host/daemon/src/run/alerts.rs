//! What must not be overlooked about kill switches and arming, one sentence each.
//!
//! Apart because the status, readiness, the first screen and the log say the same words. It is
//! read off the book and kept nowhere.

use bracketd_core::book::Book;
use bracketd_core::control::{Kill, KillLevel};

/// Kill switches that are thrown: while one is, the daemon takes no new transaction.
pub(super) fn kills(book: &Book) -> Vec<String> {
    let mut words: Vec<String> = sentence("the daemon", &book.kill).into_iter().collect();
    for account in book.accounts.values() {
        words.extend(sentence(&format!("account {}", account.name), &account.control.kill));
    }
    words
}

fn sentence(of: &str, kill: &Kill) -> Option<String> {
    let (level, by) = (kill.level.as_str(), kill.by.label());
    (kill.level > KillLevel::Off)
        .then(|| format!("the kill switch of {of} is at {level} ({by}: {})", kill.why))
}

/// Accounts whose commands do not go out, with how much is held there.
pub(super) fn disarmed(book: &Book) -> Vec<String> {
    let disarmed = book.accounts.values().filter(|account| !account.is_armed());
    let words = disarmed.map(|account| {
        let own = book.transactions.values().filter(|tx| tx.account == account.name);
        let holding = own.filter(|tx| !tx.held().is_zero()).count();
        let login = account.other_account.as_ref();
        let why = login.map(|told| format!("; its login opens the broker's account {told}"));
        format!(
            "account {} is disarmed: no command goes out, {holding} transactions that hold \
             something are not managed{}",
            account.name,
            why.unwrap_or_default()
        )
    });
    words.collect()
}
