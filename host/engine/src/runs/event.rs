//! What happened, in the words of the policy host.
//!
//! Apart because the queue holds what the core noticed, and scripts know other names for it.

use bracketd_core::apply::NoticeKind;
use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use bracketd_policy::{Event, EventKind, FillInfo, Outside};

use super::Happening;

pub(super) fn event_kind(happening: &Happening) -> EventKind {
    match happening {
        Happening::Start => EventKind::Start,
        Happening::Bar(_) => EventKind::Bar,
        Happening::Timer(_) => EventKind::Timer,
        Happening::Session(_) => EventKind::Session,
        Happening::Notice(kind) => match kind {
            NoticeKind::Armed => EventKind::Arm,
            NoticeKind::Opened => EventKind::Open,
            NoticeKind::EntryFilled { .. } => EventKind::Fill,
            NoticeKind::ExitFilled { .. } => EventKind::ExitFill,
            NoticeKind::Acknowledged { .. } => EventKind::Ack,
            NoticeKind::Rejected { .. } => EventKind::Reject,
            NoticeKind::Closed => EventKind::Close,
            NoticeKind::EntryChanged => EventKind::EntryChange,
            NoticeKind::Outside { .. } => EventKind::External,
        },
    }
}

pub(super) fn event_of<'a>(
    tx: &Transaction,
    what: Option<&'a Happening>,
    now: Timestamp,
) -> Event<'a> {
    match what {
        None if tx.status == TransactionStatus::Waiting => Event::Waiting,
        None => Event::Tick,
        Some(Happening::Start) => Event::Start,
        Some(Happening::Bar(bar)) => Event::Bar(*bar),
        Some(Happening::Timer(name)) => Event::Timer(name),
        Some(Happening::Session(phase)) => Event::Session(*phase),
        Some(Happening::Notice(kind)) => event_of_notice(tx, kind, now),
    }
}

fn event_of_notice<'a>(tx: &Transaction, kind: &'a NoticeKind, now: Timestamp) -> Event<'a> {
    // A fill whose price the broker has not told yet stands at the planned entry.
    let fill = |quantity, price: Option<Price>, leg| FillInfo {
        price: price.unwrap_or(tx.entry.reference),
        quantity,
        at: now,
        leg,
    };
    match kind {
        NoticeKind::Armed => Event::Arm,
        NoticeKind::Opened => Event::Open,
        NoticeKind::EntryFilled { quantity, price } => Event::Fill(fill(*quantity, *price, None)),
        NoticeKind::ExitFilled { quantity, price, leg } => {
            Event::ExitFill(fill(*quantity, *price, *leg))
        }
        NoticeKind::Acknowledged { what } => Event::Ack { verb: what },
        NoticeKind::Rejected { what, fault } => {
            Event::Reject { verb: what, code: &fault.code, message: &fault.message }
        }
        NoticeKind::Closed => Event::Close,
        NoticeKind::EntryChanged => Event::EntryChange,
        NoticeKind::Outside { leg, what, before, after } => {
            let (leg, before, after) = (*leg, *before, *after);
            Event::External(Outside { leg, what, before, after })
        }
    }
}
