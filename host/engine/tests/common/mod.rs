//! What the tests of the engine's step share: one account `a`, one instrument `S`, and the words of
//! a broker about them.
//!
//! Apart so that each test states only what it is about. Nothing here decides anything.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use bracketd_core::Decimal;
use bracketd_core::broker::{
    BrokerEvent, Fault, FromAccount, History, OrderReport, Picture, Quote,
};
use bracketd_core::command::{Answer, Call, Command, Progress};
use bracketd_core::ids::Symbol;
use bracketd_core::instrument::{AccountInfo, Features, Instrument, PriceBand};
use bracketd_core::intent::{GuardWish, Intent, Open, Request, Source};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, OrderStatus};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::EntryKind;
use bracketd_engine::{Budget, Input, Ticket};
use bracketd_policy::{PolicySet, SourceFile, Sources};

/// Time that is never over.
pub(crate) struct Unhurried;

impl Budget for Unhurried {
    fn slice_over(&self) -> bool {
        false
    }
    fn run_begins(&self) {}
    fn run_over(&self, _operations: u64) -> bool {
        false
    }
}

pub(crate) fn price(units: i64) -> Option<Price> {
    Price::new(Decimal::from(units))
}

pub(crate) fn quantity(units: i64) -> Quantity {
    Quantity::new(Decimal::from(units)).expect("a quantity")
}

pub(crate) fn instrument() -> Instrument {
    Instrument {
        symbol: Symbol::new("S"),
        broker_symbol: "S".to_owned(),
        currency: "USD".to_owned(),
        bands: vec![PriceBand { above: Decimal::ZERO, tick: Decimal::new(1, 2) }],
        qty_step: Decimal::ONE,
        min_qty: quantity(1),
        max_qty: None,
        min_notional: None,
        multiplier: Decimal::ONE,
        features: Features::default(),
    }
}

/// The set of that one script.
pub(crate) fn policies(name: &str, script: &str) -> PolicySet {
    let file = SourceFile::new(name, &format!("{name}.rhai"), script);
    let sources = Sources { policies: vec![file], ..Sources::default() };
    let report = PolicySet::build(&sources, None);
    assert!(report.refused.is_empty(), "{:#?}", report.refused);
    report.set
}

/// The account tells that.
pub(crate) fn word(event: BrokerEvent) -> Input {
    Input::Account(FromAccount { account: "a".into(), event })
}

/// The account is connected; its plugin has these features.
pub(crate) fn up(features: Features) -> BrokerEvent {
    BrokerEvent::Up(AccountInfo {
        name: "x".to_owned(),
        version: "1".to_owned(),
        client_id_max: 48,
        client_id_chars: String::new(),
        features,
    })
}

pub(crate) fn down() -> BrokerEvent {
    BrokerEvent::Down(Fault::new("NETWORK", "gone"))
}

/// A complete read that found these orders, no fill and no position.
pub(crate) fn picture(orders: Vec<OrderReport>, as_of: Timestamp) -> BrokerEvent {
    BrokerEvent::Picture(Picture {
        orders,
        fills: vec![],
        positions: vec![],
        balance: None,
        complete: true,
        as_of,
        history: History::Whole,
    })
}

pub(crate) fn quote(at: i64, now: Timestamp) -> BrokerEvent {
    let (bid, ask) = (price(at), price(at));
    BrokerEvent::Quotes(vec![Quote { symbol: Symbol::new("S"), bid, ask, last: None, at: now }])
}

/// A long of one at 100 with stop 95, its entry alone.
pub(crate) fn long() -> Open {
    Open {
        account: "a".into(),
        owner: None,
        symbol: Symbol::new("S"),
        direction: Direction::Long,
        quantity: quantity(1),
        entry: EntryKind::Limit(price(100).expect("a price")),
        time_in_force: None,
        stop: price(95),
        target: None,
        policies: None,
        on_partial: None,
        guard: GuardWish::Plain,
        distinct: true,
    }
}

/// Ann asks for it.
pub(crate) fn asked(intent: Intent) -> Request {
    Request {
        intent,
        source: Source::Manual("ann".to_owned()),
        why: "test".to_owned(),
        if_version: None,
        inputs: String::new(),
    }
}

/// A request on its way in.
pub(crate) fn request(ticket: u64, request: Request) -> Input {
    Input::Request { ticket: Ticket(ticket), request: Box::new(request) }
}

/// The submitted order as the broker has it under that id, with nothing filled.
pub(crate) fn placed(command: &Command, now: Timestamp, id: &str) -> OrderReport {
    let Call::Submit(new) = &command.call else { panic!("{command:?}") };
    OrderReport {
        broker_id: id.into(),
        client_id: Some(command.client_id.clone()),
        group: None,
        parent: None,
        replaces: None,
        replaced_by: None,
        role: None,
        symbol: new.symbol.clone(),
        side: new.side,
        kind: new.kind,
        time_in_force: new.time_in_force,
        status: OrderStatus::Working,
        quantity: new.quantity,
        filled: Quantity::ZERO,
        avg_price: None,
        limit: new.limit,
        trigger: None,
        reject: None,
        updated_at: now,
    }
}

/// The same order, filled or not, as the broker tells it later.
pub(crate) fn reported(order: &OrderReport, status: OrderStatus, now: Timestamp) -> OrderReport {
    let is_filled = status == OrderStatus::Filled;
    OrderReport {
        status,
        filled: if is_filled { order.quantity } else { Quantity::ZERO },
        avg_price: price(100).filter(|_| is_filled),
        updated_at: now,
        ..order.clone()
    }
}

/// What the account tells when the entry that was sent filled whole at once.
pub(crate) fn filled(command: &Command, now: Timestamp) -> BrokerEvent {
    let id = format!("o-{}", command.client_id);
    let report = reported(&placed(command, now, &id), OrderStatus::Filled, now);
    let order = Some(Box::new(report));
    let answer = Answer::Placed { order, progress: Progress::Confirmed };
    BrokerEvent::Answer { op: command.op.clone(), answer }
}
