//! Exits of what is held, without any trouble.

use bracketd_core::Decimal;
use bracketd_core::broker::BrokerEvent;
use bracketd_core::command::{Answer, BracketLeg, Call, Change, How, Read};
use bracketd_core::instrument::Features;
use bracketd_core::money::Quantity;
use bracketd_core::order::{OrderStatus, Role, Side};

use crate::Kit;
use crate::desk::Desk;
use crate::hands::{at, number, price, shown};
use crate::row::{Stop, Tried};
use crate::writes::unharmed;

/// The exits that rest are these, and nothing else rests.
fn rest(desk: &Desk, stops: &[(&str, &str)], targets: &[(&str, &str)]) -> Tried {
    let book = desk.book()?;
    let symbol = desk.symbol.as_str();
    let pairs = |all: &[(&str, &str)]| -> Vec<(Decimal, Decimal)> {
        all.iter().map(|(qty, at)| (number(qty), number(at))).collect()
    };
    let fits = book.exits(symbol, "stop") == pairs(stops)
        && book.exits(symbol, "limit") == pairs(targets)
        && book.live(symbol).count() == stops.len() + targets.len();
    match fits {
        true => unharmed(desk),
        false => Err(Stop::fails(
            format!("stops {stops:?}, targets {targets:?}"),
            book.shown(symbol),
            "the book",
        )),
    }
}

/// The call makes no write, and says that nothing changed.
fn nothing_to_do(desk: &mut Desk, legs: Vec<BracketLeg>, stop: Change, target: Change) -> Tried {
    let bracket = desk.bracket(Decimal::TEN, legs);
    let before = desk.network.writes();
    let answer = desk.write(Call::Adjust { bracket, stop, target })?;
    let writes = desk.network.writes() - before;
    match answer {
        Answer::Adjusted { how: How::Unchanged, .. } if writes == 0 => Ok(()),
        other => {
            let said = format!("{}, {writes} writes", shown(&other));
            Err(Stop::fails("unchanged, without a write", said, "adjust"))
        }
    }
}

pub(super) fn again(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let legs = desk.pair()?;
    nothing_to_do(&mut desk, legs.clone(), at("95"), at("110"))?;
    nothing_to_do(&mut desk, legs.clone(), at("95"), Change::Keep)?;
    nothing_to_do(&mut desk, legs, Change::Keep, at("110"))?;
    rest(&desk, &[("10", "95")], &[("10", "110")])
}

pub(super) fn keep(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let legs = desk.pair()?;
    nothing_to_do(&mut desk, legs, Change::Keep, Change::Keep)?;
    rest(&desk, &[("10", "95")], &[("10", "110")])
}

pub(super) fn clear(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let legs = desk.pair()?;
    desk.bring(Decimal::TEN, legs, Change::Clear, Change::Clear)?;
    rest(&desk, &[], &[])
}

pub(super) fn shrink(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let legs = desk.pair()?;
    desk.bring_part((Decimal::TEN, number("6")), legs, at("95"), at("110"))?;
    rest(&desk, &[("6", "95")], &[("6", "110")])
}

pub(super) fn alone(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let held = desk.hold()?;
    desk.bring(held, Vec::new(), at("95"), Change::Clear)?;
    rest(&desk, &[("10", "95")], &[])?;
    let mut desk = Desk::open(kit)?;
    let held = desk.hold()?;
    desk.bring(held, Vec::new(), Change::Clear, at("110"))?;
    rest(&desk, &[], &[("10", "110")])
}

pub(super) fn hit(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    if !desk.can(Features::NATIVE_OCO)? {
        return Err(Stop::NotOffered(
            "native-oco is not declared: the host links the exits".into(),
        ));
    }
    let legs = desk.pair()?;
    desk.poll()?;
    let symbol = desk.symbol.clone();
    desk.broker.price(symbol.as_str(), "94.50", "94.52")?;
    desk.book_once("the stop fills and its target dies", |book| {
        book.position(symbol.as_str()).is_zero() && book.live(symbol.as_str()).count() == 0
    })?;
    desk.poll()?;
    for leg in legs {
        let wanted = match leg.role {
            Role::Stop => OrderStatus::Filled,
            Role::Entry | Role::Target | Role::Close => OrderStatus::Canceled,
        };
        let found = desk.find_by(&leg.broker_id)?.map(|order| order.status);
        if found != Some(wanted) {
            let expected = format!("the {:?} is {}", leg.role, wanted.as_str());
            return Err(Stop::fails(expected, format!("{found:?}"), "get-order"));
        }
    }
    unharmed(&desk)
}

/// A poll that was lost is made up for by nobody else.
pub(super) fn sold(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs(Features::NATIVE_OCO)?;
    let held = desk.hold()?;
    desk.bring(held, Vec::new(), at("95"), at("110"))?;
    let (id, symbol) = (desk.last_id(), desk.symbol.clone());
    if desk.find(&id)?.is_none() {
        return Err(Stop::NotOffered("the exits of a pair carry no client id".into()));
    }
    desk.broker.price(symbol.as_str(), "94.50", "94.52")?;
    desk.book_once("the stop fills", |book| book.position(symbol.as_str()).is_zero())?;
    let bracket = desk.bracket(held, Vec::new());
    let told = desk.read(Read::Bracket { op: "look".into(), client_id: id, bracket })?;
    let orders = told.into_iter().flat_map(|event| match event {
        BrokerEvent::Polled { orders, .. } => orders,
        _ => Vec::new(),
    });
    let sold: Decimal = orders.map(|order| order.filled.get()).sum();
    if sold != held {
        let expected = format!("orders that sold {held}, beside the legs that are left");
        return Err(Stop::fails(expected, format!("{sold}"), "get-order"));
    }
    unharmed(&desk)
}

pub(super) fn contingent(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs(Features::NATIVE_BRACKET)?;
    let mut order = desk.order(Side::Buy, Some("99"));
    (order.stop_loss, order.take_profit) = (price("95"), price("110"));
    desk.place(order)?;
    let id = desk.last_id();
    desk.poll()?;
    let symbol = desk.symbol.clone();
    let children: Vec<_> =
        desk.book()?.live(symbol.as_str()).filter(|o| !o.is_buy).cloned().collect();
    let mut legs = Vec::new();
    for child in &children {
        let told = desk.find_by(&child.id.as_str().into())?;
        let told =
            told.ok_or_else(|| Stop::fails("each exit of the entry", "nothing", "get-order"))?;
        if told.status != OrderStatus::Contingent {
            let expected = "an exit of an entry that waits is contingent: it protects nothing";
            return Err(Stop::fails(expected, told.status.as_str(), "get-order"));
        }
        legs.push(BracketLeg {
            role: if child.stop.is_some() { Role::Stop } else { Role::Target },
            broker_id: told.broker_id,
            client_id: told.client_id,
            status: told.status,
            limit: told.limit,
            trigger: told.trigger,
            quantity: told.quantity,
            filled: told.filled,
        });
    }
    let mut bracket = desk.bracket(Decimal::TEN, legs);
    bracket.held = Quantity::ZERO;
    let before = desk.network.writes();
    let answer = desk.write(Call::Adjust { bracket, stop: at("96"), target: Change::Keep })?;
    let writes = desk.network.writes() - before;
    if writes > 0 {
        let said = format!("{}, {writes} writes, entry {id}", shown(&answer));
        return Err(Stop::fails("a contingent leg is left alone", said, "adjust-sl"));
    }
    Ok(())
}
