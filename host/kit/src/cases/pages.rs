//! Lists that are longer than one page of the broker's.

use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, Picture};
use bracketd_core::command::Read;
use bracketd_core::money::Quantity;
use bracketd_core::order::Side;
use bracketd_core::time::Timestamp;

use crate::Kit;
use crate::desk::Desk;
use crate::network::Fault;
use crate::row::{Stop, Tried};
use crate::truth::same_picture;
use crate::watch::{Aim, With};

/// More than the largest page of any broker that was looked at (Alpaca: 500 orders, 100 fills).
const ORDERS: usize = 520;
const FILLS: usize = 120;

fn picture(desk: &Desk) -> Result<Picture, Stop> {
    let told = desk.read(Read::Picture { since: Timestamp(0) })?;
    let picture = told.into_iter().find_map(|event| match event {
        BrokerEvent::Picture(picture) => Some(picture),
        _ => None,
    });
    picture.ok_or_else(|| Stop::broken("no picture was told"))
}

fn place(desk: &mut Desk, count: usize, limit: Option<&str>) -> Tried {
    for _ in 0..count {
        let mut order = desk.order(Side::Buy, limit);
        order.quantity = Quantity::new(Decimal::ONE).unwrap_or(order.quantity);
        desk.place(order)?;
    }
    drop(desk.watch.take_heard());
    Ok(())
}

/// How many requests the calls of that export made.
fn requests(desk: &Desk, export: &str) -> u32 {
    desk.heard(export).iter().map(|heard| heard.requests).sum()
}

pub(super) fn orders(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    place(&mut desk, ORDERS, Some("50"))?;
    let picture = picture(&desk)?;
    // Open ones and recent ones are two lists.
    let pages = requests(&desk, "get-orders");
    same_picture(&desk.book()?, desk.symbol.as_str(), &picture)?;
    match pages > 2 {
        true => Ok(()),
        false => Err(Stop::NotOffered(format!("one page holds all {ORDERS} orders"))),
    }
}

pub(super) fn fills(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    place(&mut desk, FILLS, None)?;
    let symbol = desk.symbol.clone();
    let all = Decimal::from(FILLS);
    desk.book_once("all of them fill", |book| book.position(symbol.as_str()) == all)?;
    let picture = picture(&desk)?;
    let pages = requests(&desk, "get-fills");
    same_picture(&desk.book()?, desk.symbol.as_str(), &picture)?;
    match pages > 1 {
        true => Ok(()),
        false => Err(Stop::NotOffered(format!("one page holds all {FILLS} fills"))),
    }
}

pub(super) fn half(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    place(&mut desk, ORDERS, Some("50"))?;
    picture(&desk)?;
    let calls = desk.heard("get-orders");
    let first = calls.first().map_or(0, |heard| heard.requests);
    if calls.len() <= 2 && first <= 1 {
        return Err(Stop::NotOffered(format!("one page holds all {ORDERS} orders")));
    }
    // The second page is the second request of a call, or the first one of the next call.
    let (skip, request) = if first > 1 { (0, 2) } else { (1, 1) };
    let with = With::Fault(Fault::Answer(503, "{\"message\":\"later\"}"));
    let aim = Aim { export: "get-orders", request, only_writes: false, with };
    desk.watch.aim_after(skip, aim);
    let picture = picture(&desk)?;
    let at = desk.watch.hit().unwrap_or_default();
    desk.watch.aim(None);
    match (at.is_empty(), picture.complete) {
        (true, _) => Err(Stop::broken("the second page was never asked for")),
        (false, false) => Ok(()),
        (false, true) => {
            let happened = format!("a complete picture of {} orders", picture.orders.len());
            Err(Stop::fails("a picture that is not complete", happened, at))
        }
    }
}
