//! A few transactions for this crate's tests. Apart so that each test states only what it is about.

use std::sync::Arc;

use bracketd_account::{PluginId, Plugins, SwapState};
use bracketd_core::Decimal;
use bracketd_core::book::{AccountRules, OnDeadline};
use bracketd_core::broker::Quote;
use bracketd_core::command::Urgency;
use bracketd_core::control::{Control, Kill, KillLevel};
use bracketd_core::ids::{SliceNo, TransactionId};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Order, OrderKind, OrderStatus, Role, Side, TimeInForce};
use bracketd_core::pace::{Message, Pace, PaceRules, PaceStats};
use bracketd_core::protection::{Exposed, Protection};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{
    Birth, Desired, Entry, EntryGuard, EntryKind, OnPartial, Slice, Transaction, TransactionStatus,
};

use crate::guards::Standing;
use crate::message::{
    AccountDetail, AccountState, ActivityState, Gap, Guarded, Mode, Seen, Sockets, Status,
};
use crate::run::ArmedBy;

/// A price that a test writes down.
pub(crate) fn price(text: &str) -> Option<Price> {
    Price::new(Decimal::from_str_exact(text).unwrap())
}

/// A quantity that a test writes down.
pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::new(Decimal::from_str_exact(text).unwrap()).unwrap()
}

/// Number 7: long 10 ACME planned at 100, stop 95, target 110; the entry rests.
pub(crate) fn waiting() -> Transaction {
    Transaction::born(Birth {
        id: TransactionId(7),
        account: "paper".into(),
        owner: "paper".into(),
        symbol: "ACME".into(),
        direction: Direction::Long,
        entry: Entry {
            kind: EntryKind::Limit(price("100").unwrap()),
            quantity: quantity("10"),
            time_in_force: TimeInForce::Gtc,
            reference: price("100").unwrap(),
            on_partial: OnPartial::CancelRest,
            guard: EntryGuard::Bracket,
            cancel_asked: false,
            ended: false,
        },
        desired: Desired { stop: price("95"), target: price("110"), version: 2 },
        policies: vec!["trailing_stop".into()],
        at: Timestamp(0),
    })
}

/// The same, filled at 100, with both exits working.
pub(crate) fn opened() -> Transaction {
    let mut tx = waiting();
    tx.status = TransactionStatus::Opened;
    tx.entry.ended = true;
    tx.entered = quantity("10");
    tx.entered_value = Decimal::from(1_000);
    tx.opened_at = Some(Timestamp(1));
    tx.protection = Protection::Protected;
    tx.slices = vec![Slice {
        no: SliceNo(0),
        held: quantity("10"),
        gather_until: Timestamp(0),
        retry_at: None,
        rejections: 0,
        rejected_version: None,
        breached: false,
        memo: Vec::new(),
    }];
    tx.orders = vec![exit(SliceNo(0), Role::Stop, "95"), exit(SliceNo(0), Role::Target, "110")];
    tx
}

/// A working exit of a slice.
pub(crate) fn exit(slice: SliceNo, role: Role, at: &str) -> Order {
    let is_stop = role == Role::Stop;
    Order {
        broker_id: format!("{}-{slice}", role.as_str()).into(),
        client_id: None,
        group: None,
        slice,
        role,
        side: Side::Sell,
        kind: if is_stop { OrderKind::Stop } else { OrderKind::Limit },
        quantity: quantity("10"),
        filled: Quantity::ZERO,
        avg_price: None,
        limit: if is_stop { None } else { price(at) },
        trigger: if is_stop { price(at) } else { None },
        status: OrderStatus::Working,
        updated_at: Timestamp(0),
        stuck: false,
    }
}

/// The transaction with ACME at 102.
pub(crate) fn seen(transaction: Arc<Transaction>) -> Seen {
    let quote = Quote {
        symbol: "ACME".into(),
        bid: price("102"),
        ask: price("102.02"),
        last: None,
        at: Timestamp(0),
    };
    let now = Timestamp(0);
    Seen { transaction, instrument: None, quote: Some(quote), is_managed: true, now }
}

/// An account of which nobody has decided anything.
pub(crate) fn account() -> AccountDetail {
    AccountDetail {
        state: status().accounts.remove(0),
        broker_account: None,
        balance: None,
        positions: Vec::new(),
        max_day_loss: None,
        max_drawdown_percent: None,
        holding: vec![TransactionId(7)],
        waiting: Vec::new(),
        foreign_orders: Vec::new(),
        differing: Vec::new(),
        read_as_of: None,
        on_deadline: OnDeadline::Alert,
    }
}

/// An account with a limit of its own that said no twice.
pub(crate) fn guarded() -> Guarded {
    let mut rules = AccountRules::default();
    rules.guards.max_exposure = Some(Decimal::from(50_000));
    Guarded {
        account: "paper".into(),
        rules,
        written: ["max_exposure"].into(),
        standing: Standing {
            refused: [("MAX_EXPOSURE".to_owned(), 2)].into(),
            ..Standing::default()
        },
    }
}

/// A message budget of which two were used, while three trail moves wait.
fn budget() -> PaceStats {
    let mut pace = Pace::new(PaceRules::of(200));
    pace.took(Timestamp(4_000_000), 2);
    for _ in 0..3 {
        pace.admit(Timestamp(3_500_000), Message::new(Urgency::Tighten));
    }
    pace.stats(Timestamp(5_000_000))
}

/// A plugin that was never swapped.
fn plugins() -> Plugins {
    let running = PluginId { name: "alpaca".to_owned(), digest: "00".to_owned() };
    Plugins { running, generation: 1, parked: None, swap: SwapState::default() }
}

/// A daemon that is not ready, with one transaction of two unprotected for four seconds.
pub(crate) fn status() -> Status {
    Status {
        mode: Mode::Demo,
        now: Timestamp(5_000_000),
        started_at: Timestamp(0),
        accounts: vec![AccountState {
            name: "paper".into(),
            plugin: Some("alpaca 0.1.0".to_owned()),
            plugins: Some(plugins()),
            is_up: true,
            is_reconciled: false,
            is_armed: true,
            armed_by: ArmedBy::Config,
            decision: None,
            budget: budget(),
            last_error: None,
            control: Control::default(),
            kill_level: KillLevel::Off,
            is_kill_written: true,
            sockets: Sockets { wanted: 1, open: 1 },
        }],
        transactions: [(TransactionStatus::Opened, 2)].into(),
        protected: 1,
        stops_elsewhere: vec![TransactionId(8)],
        without_stop: vec![TransactionId(9)],
        gaps: vec![Gap {
            transaction: TransactionId(7),
            account: "paper".into(),
            symbol: "ACME".into(),
            since: Timestamp(1_000_000),
            why: Some(Exposed::Rejected),
        }],
        unknown_ops: 0,
        unguarded_entries: Vec::new(),
        policies_refused: 0,
        policies_unreadable: None,
        activity: ActivityState::default(),
        not_ready: vec!["account paper is not reconciled".to_owned()],
        kill: Kill::default(),
        is_kill_written: true,
        kill_file: None,
        unmanaged: Vec::new(),
        alerts: Vec::new(),
    }
}
