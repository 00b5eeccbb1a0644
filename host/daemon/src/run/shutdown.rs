//! The end of resting entries when the daemon is told to stop, where an account wants that.
//!
//! Apart because it is the only thing that a stop does to a broker. It asks at the gate like
//! anybody, waits a bounded time, and leaves to the next start what was not confirmed: the wish is
//! in the ledger.

use std::time::{Duration, Instant};

use bracketd_core::ids::{AccountName, TransactionId};
use bracketd_core::intent::{Intent, Request, Source};
use crossbeam_channel::{Sender, bounded};

use crate::message::{Query, Reply, ToEngine};

/// How long a stop waits for the broker's word.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// Cancels the entries of these accounts that have not ended. Gives those that are left.
pub(super) fn cancel_entries(
    inbox: &Sender<ToEngine>,
    accounts: &[AccountName],
) -> Vec<TransactionId> {
    if accounts.is_empty() {
        return Vec::new();
    }
    let until = Instant::now() + PATIENCE;
    let mut left = resting(inbox, accounts, until);
    for transaction in &left {
        ask(inbox, *transaction, until);
    }
    while !left.is_empty() && Instant::now() < until {
        std::thread::sleep(LOOK_PAUSE);
        left = resting(inbox, accounts, until);
    }
    left
}

fn resting(
    inbox: &Sender<ToEngine>,
    accounts: &[AccountName],
    until: Instant,
) -> Vec<TransactionId> {
    let (reply, answer) = bounded(1);
    let asked =
        inbox.send_deadline(ToEngine::Query { query: Query::Transactions(None), reply }, until);
    let answered = asked.ok().and_then(|()| answer.recv_deadline(until).ok());
    let Some(Reply::Transactions(all)) = answered else { return Vec::new() };
    let rests = all
        .into_iter()
        .map(|seen| seen.transaction)
        .filter(|tx| accounts.contains(&tx.account) && !tx.status.is_ended() && !tx.entry.ended);
    rests.map(|tx| tx.id).collect()
}

fn ask(inbox: &Sender<ToEngine>, transaction: TransactionId, until: Instant) {
    let (reply, verdict) = bounded(1);
    let request = Request {
        intent: Intent::CancelEntry { transaction },
        source: Source::Host,
        why: "the daemon stops (on_shutdown)".to_owned(),
        if_version: None,
        inputs: String::new(),
    };
    let message = ToEngine::Request { request: Box::new(request), reply };
    if inbox.send_deadline(message, until).is_ok()
        && let Ok(verdict) = verdict.recv_deadline(until)
        && !verdict.accepted()
    {
        tracing::warn!(%transaction, "its entry stays: {}", verdict.message);
    }
}
