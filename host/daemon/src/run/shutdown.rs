//! The end of resting entries when the daemon is told to stop, where an account wants that.
//!
//! Apart because it is the only thing that a stop does to a broker. It asks at the gate like
//! anybody, waits a bounded time, and leaves to the next start what was not confirmed: the wish is
//! in the ledger. An engine that does not answer is never taken for one that has nothing left.

use std::time::{Duration, Instant};

use bracketd_core::book::Book;
use bracketd_core::ids::{AccountName, TransactionId};
use bracketd_core::intent::{Intent, Request, Source, Verdict};
use bracketd_core::transaction::Transaction;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::message::{Query, Reply, ToEngine};

/// How long a stop waits for the broker's word.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// Verdicts that are read; of more entries than these only the ledger tells why they stay.
const VERDICTS_MAX: usize = 1_024;

/// What is known of the entries once the wait is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entries {
    /// None rests.
    Gone,
    /// These were not confirmed as canceled.
    Rest(Vec<TransactionId>),
    /// The engine did not answer. It has the wish and takes it before it ends, if it goes on.
    Unknown,
    /// The engine could not even be told.
    NotAsked,
}

impl Entries {
    /// What a person has to know; nothing where all went as wanted.
    pub(super) fn warning(&self) -> Option<String> {
        match self {
            Self::Gone => None,
            Self::Rest(left) => {
                let ids: Vec<String> = left.iter().map(ToString::to_string).collect();
                Some(format!(
                    "not confirmed as canceled in time: the entries of {}",
                    ids.join(", ")
                ))
            }
            Self::Unknown => Some(
                "the engine did not answer in time: nobody knows whether entries still rest; what \
                 it writes before it ends is canceled at the next start. Look at the broker"
                    .to_owned(),
            ),
            Self::NotAsked => Some(
                "the engine could not be told to cancel resting entries: they stay at the broker. \
                 Look there"
                    .to_owned(),
            ),
        }
    }
}

/// Cancels the entries of these accounts that have not ended, and waits so long for it.
pub(super) fn cancel_entries(
    inbox: &Sender<ToEngine>,
    accounts: &[AccountName],
    patience: Duration,
) -> Entries {
    if accounts.is_empty() {
        return Entries::Gone;
    }
    let until = Instant::now() + patience;
    let (reply, verdicts) = bounded(VERDICTS_MAX);
    let wish = ToEngine::CancelEntries { accounts: accounts.to_vec(), reply };
    if inbox.send_deadline(wish, until).is_err() {
        return Entries::NotAsked;
    }
    let mut known = Entries::Unknown;
    while let Some(left) = resting(inbox, accounts, until) {
        if left.is_empty() {
            known = Entries::Gone;
            break;
        }
        known = Entries::Rest(left);
        std::thread::sleep(LOOK_PAUSE);
    }
    warn_of_refused(&verdicts);
    known
}

/// The entries that have not ended; nothing where the engine does not answer in time.
fn resting(
    inbox: &Sender<ToEngine>,
    accounts: &[AccountName],
    until: Instant,
) -> Option<Vec<TransactionId>> {
    let (reply, answer) = bounded(1);
    let query = ToEngine::Query { query: Query::Transactions(None), reply };
    inbox.send_deadline(query, until).ok()?;
    let Reply::Transactions(all) = answer.recv_deadline(until).ok()? else { return None };
    let all = all.into_iter().map(|seen| seen.transaction);
    Some(all.filter(|tx| rests(tx, accounts)).map(|tx| tx.id).collect())
}

/// What the engine is asked for: the end of each entry of these accounts that has not ended.
pub(super) fn wishes(book: &Book, accounts: &[AccountName]) -> Vec<Request> {
    let wish = |transaction: TransactionId| Request {
        intent: Intent::CancelEntry { transaction },
        source: Source::Host,
        why: "the daemon stops (on_shutdown)".to_owned(),
        if_version: None,
        inputs: String::new(),
    };
    let all = book.transactions.values();
    all.filter(|tx| rests(tx, accounts)).map(|tx| wish(tx.id)).collect()
}

fn rests(tx: &Transaction, accounts: &[AccountName]) -> bool {
    accounts.contains(&tx.account) && !tx.status.is_ended() && !tx.entry.ended
}

fn warn_of_refused(verdicts: &Receiver<Verdict>) {
    for verdict in verdicts.try_iter().filter(|verdict| !verdict.accepted()) {
        let transaction = verdict.transaction.map_or("?".to_owned(), |id| id.to_string());
        tracing::warn!(%transaction, "its entry stays: {}", verdict.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn an_engine_that_does_not_answer_is_unknown_and_has_the_wish() {
        let accounts = [AccountName::new("a")];
        let (inbox, heard) = bounded(8);
        let left = cancel_entries(&inbox, &accounts, SHORT);
        assert_eq!(left, Entries::Unknown);
        assert!(left.warning().unwrap().contains("did not answer"));
        let first = heard.try_recv().unwrap();
        let ToEngine::CancelEntries { accounts: wanted, .. } = first else { panic!("{first:?}") };
        assert_eq!(wanted, accounts, "it is taken before the stop that follows it");
    }

    #[test]
    fn an_engine_that_cannot_be_told_is_said_and_nothing_to_cancel_asks_nobody() {
        let (inbox, _heard) = bounded(0);
        let left = cancel_entries(&inbox, &[AccountName::new("a")], SHORT);
        assert_eq!(left, Entries::NotAsked);
        assert!(left.warning().unwrap().contains("could not be told"));
        assert_eq!(cancel_entries(&inbox, &[], SHORT), Entries::Gone);
        assert_eq!(Entries::Gone.warning(), None);
    }

    #[test]
    fn an_engine_that_answers_that_nothing_rests_is_believed() {
        let (inbox, heard) = bounded::<ToEngine>(8);
        let engine = std::thread::spawn(move || {
            for message in heard {
                if let ToEngine::Query { reply, .. } = message {
                    reply.send(Reply::Transactions(Vec::new())).unwrap();
                }
            }
        });
        let patience = Duration::from_secs(60);
        assert_eq!(cancel_entries(&inbox, &[AccountName::new("a")], patience), Entries::Gone);
        drop(inbox);
        engine.join().unwrap();
    }
}
