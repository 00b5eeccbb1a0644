//! One ordinary transaction and its fact, for tests that are about something else.

use bracketd_core::Decimal;
use bracketd_core::command::{Change, Op, OpKind, OpLegs, OpState};
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::{SliceNo, TransactionId};
use bracketd_core::intent::Source;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, TimeInForce};
use bracketd_core::protection::Protection;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::*;

pub(crate) fn price(cents: i64) -> Price {
    Price::new(Decimal::new(cents, 2)).unwrap()
}

/// An OPENED long with a stop, nothing in flight.
pub(crate) fn opened(id: u64) -> Transaction {
    let ten = Quantity::new(Decimal::TEN).unwrap();
    Transaction {
        id: TransactionId(id),
        account: "paper".into(),
        owner: "paper".into(),
        symbol: "ACME".into(),
        direction: Direction::Long,
        status: TransactionStatus::Opened,
        entry: Entry {
            kind: EntryKind::Market,
            quantity: ten,
            time_in_force: TimeInForce::Gtc,
            reference: price(10_000),
            on_partial: OnPartial::CancelRest,
            guard: EntryGuard::Plain,
            cancel_asked: false,
            ended: true,
        },
        desired: Desired { stop: Some(price(9_500)), target: None, version: 1 },
        locks: Locks::default(),
        policies: vec!["trail".into()],
        slices: vec![Slice {
            no: SliceNo(0),
            held: ten,
            gather_until: Timestamp(0),
            retry_at: None,
            rejections: 0,
            rejected_version: None,
            breached: false,
            memo: Vec::new(),
        }],
        orders: Vec::new(),
        ops: Vec::new(),
        steps: Vec::new(),
        task: None,
        protection: Protection::Protected,
        gaps: Default::default(),
        close_failures: 0,
        close_retry_at: None,
        initial_stop: Some(price(9_500)),
        entered: ten,
        entered_value: Decimal::from(1_000),
        exited: Quantity::ZERO,
        exited_value: Decimal::ZERO,
        created_at: Timestamp(1),
        opened_at: Some(Timestamp(2)),
        closed_at: None,
        close_reason: None,
        standing: Default::default(),
        ladder: Vec::new(),
    }
}

/// The outbox row that moves the stop for the `step`th time.
pub(crate) fn stop_move(step: u32, cents: i64) -> Op {
    Op {
        id: format!("op{step}").into(),
        client_id: format!("bd-op{step}").into(),
        slice: SliceNo(0),
        legs: OpLegs::Stop,
        step,
        attempt: 1,
        kind: OpKind::Adjust {
            stop: Change::Set(price(cents)),
            target: Change::Keep,
            quantity: Quantity::new(Decimal::TEN).unwrap(),
        },
        state: OpState::in_flight(),
        version: u64::from(step),
        planned_at: Timestamp(3),
        sent_at: Timestamp(3),
        evidence: None,
    }
}

/// A fact about that transaction.
pub(crate) fn stop_changed(id: u64, cents: i64) -> Fact {
    let mut fact = Fact::new(Timestamp(3), FactKind::StopChanged, Source::Manual("ann".into()));
    fact.transaction = Some(TransactionId(id));
    fact.after = Some(price(cents).get());
    fact
}
