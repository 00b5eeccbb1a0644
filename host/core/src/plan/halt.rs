//! What kill switch and arming keep from being sent, and the close that flatten asks for.
//!
//! Apart because a level is a state: whatever put a transaction here, and however often the daemon
//! was restarted since, the same level plans the same. No exit is ever taken away from here.

use crate::apply::{Transition, become_status, host_close, settle};
use crate::book::{Account, Book};
use crate::command::OpKind;
use crate::control::KillLevel;
use crate::fact::FactKind;
use crate::ids::TransactionId;
use crate::intent::Source;
use crate::limits::ENTRY_AGE_MS_MAX;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transaction::{Task, Transaction, TransactionEvent, TransactionStatus};

/// Gives up what may not be sent any more and, at flatten, asks for the close of what is held.
pub(super) fn enforce(book: &mut Book, id: TransactionId, now: Timestamp, out: &mut Transition) {
    let Some(tx) = book.transactions.get(&id) else { return };
    let Some(account) = book.accounts.get(&tx.account) else { return };
    let kill = book.kill_of(account);
    if let Some(why) = withheld(tx, account, kill.level, now) {
        book.change(id, out, |tx, out| give_up_entry(tx, why, now, out));
    } else if let Some(refusal) = grows_in_vain(tx, account, kill.level) {
        book.change(id, out, |tx, out| give_up_growth(tx, refusal, now, out));
    } else if kill.level == KillLevel::Flatten
        && account.may_send()
        && is_open(tx)
        && tx.close_retry_at.is_none_or(|at| at <= now)
    {
        let why = format!("flatten: {}", kill.why);
        book.change(id, out, |tx, out| host_close(tx, "flatten", &why, now, out));
    }
}

/// When flatten may ask for the close again.
pub(super) fn next_close(book: &Book, tx: &Transaction, account: &Account) -> Option<Timestamp> {
    let due = book.kill_of(account).level == KillLevel::Flatten && is_open(tx);
    tx.close_retry_at.filter(|_| due)
}

/// Why an entry that was never sent must not go out, if it must not.
fn withheld(
    tx: &Transaction,
    account: &Account,
    level: KillLevel,
    now: Timestamp,
) -> Option<&'static str> {
    if tx.status != TransactionStatus::Waiting || super::entry_was_sent(tx) {
        return None;
    }
    if level > KillLevel::Off {
        Some("entry_killed")
    } else if !account.is_armed() {
        Some("entry_disarmed")
    } else if now.ms_since(tx.created_at) > ENTRY_AGE_MS_MAX {
        Some("entry_stale")
    } else {
        None
    }
}

fn give_up_entry(tx: &mut Transaction, why: &'static str, now: Timestamp, out: &mut Transition) {
    tx.entry.ended = true;
    if let Some(next) = tx.status.after(TransactionEvent::EntryFailed) {
        become_status(tx, next, (why, Source::Host), now, out);
    }
}

/// Why a growth whose order has not left yet may not leave, if it may not.
fn grows_in_vain(tx: &Transaction, account: &Account, level: KillLevel) -> Option<Refusal> {
    let left = || {
        tx.resting_entry().is_some()
            || tx
                .ops
                .iter()
                .any(|op| matches!(op.kind, OpKind::Submit(_)) && !op.state.is_settled())
    };
    if !matches!(tx.task, Some(Task::Grow { .. })) || left() {
        return None;
    }
    match level {
        KillLevel::Off => (!account.is_armed()).then_some(Refusal::Disarmed),
        KillLevel::Freeze
        | KillLevel::ProtectOnly
        | KillLevel::CancelEntries
        | KillLevel::Flatten => Some(Refusal::Killed),
    }
}

fn give_up_growth(tx: &mut Transaction, refusal: Refusal, now: Timestamp, out: &mut Transition) {
    tx.task = None;
    out.fact(tx, now, FactKind::Refused, Source::Host, |fact| {
        fact.code = refusal.code().into();
        fact.text = "adjust_quantity: the growth was not sent yet and is given up".to_owned();
    });
    settle(tx, now, out);
}

fn is_open(tx: &Transaction) -> bool {
    tx.status == TransactionStatus::Opened && !tx.held().is_zero()
}
