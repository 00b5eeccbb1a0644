//! Plain orders: fills, cancels and their races, and the exports that no account calls.

use bracketd_account::{Replacement, Trial};
use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, OrderReport};
use bracketd_core::command::{Answer, Call};
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::order::{OrderStatus, Side};

use super::ids::unknown_order;
use crate::Kit;
use crate::desk::{self, Desk};
use crate::hands::{number, price, shown};
use crate::network::Fault;
use crate::row::{Stop, Tried};
use crate::truth::same_order;
use crate::watch::{Aim, With};

/// What was told of an order in a poll.
fn reports(told: &[BrokerEvent]) -> Vec<OrderReport> {
    let polled = told.iter().filter_map(|event| match event {
        BrokerEvent::Polled { orders, .. } => Some(orders),
        _ => None,
    });
    polled.flatten().cloned().collect()
}

fn filled(told: &[BrokerEvent]) -> Decimal {
    let polled = told.iter().filter_map(|event| match event {
        BrokerEvent::Polled { fills, .. } => Some(fills),
        _ => None,
    });
    polled.flatten().map(|fill| fill.quantity.get()).sum()
}

pub(super) fn partial(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let symbol = desk.symbol.clone();
    let id = desk.place(desk.order(Side::Buy, Some("99")))?.broker_id;
    desk.poll()?;
    desk.broker.liquidity(symbol.as_str(), Some("4"))?;
    desk.broker.price(symbol.as_str(), "98.90", "98.92")?;
    desk.book_once("four of ten fill", |b| b.position(symbol.as_str()) == number("4"))?;
    let told = desk.poll()?;
    if filled(&told) != number("4") {
        return Err(Stop::fails("a fill of 4", format!("fills of {}", filled(&told)), "get-fills"));
    }
    let order = desk.find_by(&id)?;
    let order = order.ok_or_else(|| Stop::fails("the order", "nothing", "get-order"))?;
    if order.status != OrderStatus::PartiallyFilled {
        return Err(Stop::fails("partially-filled", order.status.as_str(), "get-order"));
    }
    same_order(&desk.book()?, &order)
}

/// The order fills while the cancel is on its way: it is filled, whatever the broker answers.
pub(super) fn race(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let symbol = desk.symbol.clone();
    let id = desk.place(desk.order(Side::Buy, Some("99")))?.broker_id;
    desk.before_next_write(move |broker| broker.price(symbol.as_str(), "98.90", "98.92"));
    let answer = desk.write(Call::Cancel { order: id.clone() })?;
    if matches!(answer, Answer::NotSent { .. }) {
        return Err(Stop::fails("a cancel that was sent", shown(&answer), "cancel-order"));
    }
    ended_as(&desk, &id, OrderStatus::Filled)
}

pub(super) fn cancel_filled(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let id = desk.place(desk.order(Side::Buy, None))?.broker_id;
    let symbol = desk.symbol.clone();
    desk.book_once("it fills", |book| book.position(symbol.as_str()) == Decimal::TEN)?;
    let answer = desk.write(Call::Cancel { order: id.clone() })?;
    match answer {
        Answer::Rejected(_) | Answer::Placed { .. } => ended_as(&desk, &id, OrderStatus::Filled),
        other => Err(Stop::fails("rejected, or nothing to do", shown(&other), "cancel-order")),
    }
}

pub(super) fn cancel_unknown(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let unknown = unknown_order(&mut desk)?;
    match desk.write(Call::Cancel { order: unknown })? {
        Answer::Rejected(_) => Ok(()),
        other => Err(Stop::fails("rejected or not-found", shown(&other), "cancel-order")),
    }
}

pub(super) fn canceled(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let id = desk.place(desk.order(Side::Buy, Some("90")))?.broker_id;
    desk.poll()?;
    desk.write(Call::Cancel { order: id.clone() })?;
    let order = id.as_str().to_owned();
    desk.book_once("it ends", |b| b.by_id(&order).is_some_and(|order| !order.is_live))?;
    let told = reports(&desk.poll()?);
    match told.iter().find(|order| order.broker_id == id) {
        Some(order) if order.status == OrderStatus::Canceled => Ok(()),
        Some(order) => Err(Stop::fails("canceled", order.status.as_str(), "poll")),
        None => Err(Stop::fails("the end of the order", "nothing of it", "poll")),
    }
}

pub(super) fn told_once(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let symbol = desk.symbol.clone();
    desk.place(desk.order(Side::Buy, None))?;
    desk.book_once("it fills", |book| book.position(symbol.as_str()) == Decimal::TEN)?;
    let told = desk.poll()?;
    if filled(&told) != Decimal::TEN {
        return Err(Stop::fails("a fill of 10", format!("{}", filled(&told)), "get-fills"));
    }
    let again = desk.poll()?;
    match filled(&again).is_zero() {
        true => Ok(()),
        false => Err(Stop::fails("told once", "told again", "get-fills")),
    }
}

fn ended_as(desk: &Desk, id: &BrokerOrderId, status: OrderStatus) -> Tried {
    let found = desk.find_by(id)?;
    match found {
        Some(order) if order.status == status => Ok(()),
        Some(order) => Err(Stop::fails(status.as_str(), order.status.as_str(), "get-order")),
        None => Err(Stop::fails(status.as_str(), "nothing", "get-order")),
    }
}

/// The trial's own account, on the desk's broker and network.
fn trial(kit: &Kit, desk: &Desk) -> Result<Trial, Stop> {
    let config = desk::config(kit, &desk.network, &desk.watch, &desk.ahead_ms)?;
    let mut trial =
        Trial::new(&kit.host, &kit.plugin, config).map_err(|why| Stop::broken(why.to_string()))?;
    trial.connect().map_err(|why| {
        Stop::fails("connect", format!("{}: {}", why.code, why.message), "connect")
    })?;
    Ok(trial)
}

/// Moves the limit of a resting order; gives the answer.
fn replaced(kit: &Kit, desk: &mut Desk, fault: Option<Fault>) -> Result<Answer, Stop> {
    let id = desk.place(desk.order(Side::Buy, Some("90")))?.broker_id;
    let mut trial = trial(kit, desk)?;
    let fresh = desk.id();
    desk.watch.aim(fault.map(|fault| Aim {
        export: "replace-order",
        request: 1,
        only_writes: true,
        with: With::Fault(fault),
    }));
    let change = Replacement { limit: price("91"), ..Replacement::default() };
    let answer = trial.replace(&fresh, &id, change);
    desk.watch.aim(None);
    match &answer {
        Answer::Rejected(why) if why.code == "NOT_SUPPORTED" => {
            Err(Stop::NotOffered(format!("the plugin says not-supported: {}", why.message)))
        }
        _ => Ok(answer),
    }
}

fn limits(desk: &Desk) -> Result<Vec<Decimal>, Stop> {
    let book = desk.book()?;
    Ok(book.live(desk.symbol.as_str()).filter_map(|order| order.limit).collect())
}

pub(super) fn replace(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let answer = replaced(kit, &mut desk, None)?;
    if !matches!(answer, Answer::Placed { .. }) {
        return Err(Stop::fails("success", shown(&answer), "replace-order"));
    }
    at_limits(&desk, &["91"])
}

pub(super) fn replace_unanswered(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let answer = replaced(kit, &mut desk, Some(Fault::HangAfter))?;
    if !matches!(answer, Answer::Unknown(_)) {
        return Err(Stop::fails("unknown", shown(&answer), "replace-order"));
    }
    said(&desk, "replace-order", "unknown-outcome")?;
    at_limits(&desk, &["91"])
}

pub(super) fn replace_refused(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let answer = replaced(kit, &mut desk, Some(Fault::Answer(403, "{\"message\":\"no\"}")))?;
    if !matches!(answer, Answer::Rejected(_)) {
        return Err(Stop::fails("rejected", shown(&answer), "replace-order"));
    }
    at_limits(&desk, &["90"])
}

fn at_limits(desk: &Desk, wanted: &[&str]) -> Tried {
    let wanted: Vec<Decimal> = wanted.iter().map(|text| number(text)).collect();
    let got = limits(desk)?;
    match got == wanted {
        true => Ok(()),
        false => Err(Stop::fails(format!("limits {wanted:?}"), format!("{got:?}"), "the book")),
    }
}

fn said(desk: &Desk, export: &str, word: &str) -> Tried {
    let heard = desk.heard(export).pop();
    match heard {
        Some(heard) if heard.word.as_str() == word => Ok(()),
        Some(heard) => Err(Stop::fails(format!("the plugin says {word}"), heard.shown(), export)),
        None => Err(Stop::broken(format!("nothing was heard of {export}"))),
    }
}

pub(super) fn confirm(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let mut trial = trial(kit, &desk)?;
    let before = desk.network.writes();
    let id = desk.id();
    match trial.confirm(&id, "nobody-asked") {
        Answer::Rejected(why) if why.code == "NOT_SUPPORTED" => {
            Err(Stop::NotOffered("this broker never asks first".to_owned()))
        }
        Answer::Rejected(_) => Ok(()),
        other if desk.network.writes() > before => {
            // It may ask the broker, whose "no" decides; nothing may have been traded.
            crate::writes::unharmed(&desk).and_then(|()| match other {
                Answer::Unknown(_) => Err(Stop::fails("a definite no", shown(&other), "confirm")),
                _ => Ok(()),
            })
        }
        other => Err(Stop::fails("a definite no", shown(&other), "confirm")),
    }
}
