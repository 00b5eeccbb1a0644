//! What a broker says no to: definite, with the neutral code that the host acts on.

use bracketd_core::Decimal;
use bracketd_core::broker::BrokerEvent;
use bracketd_core::command::{Answer, Call, Change, Read};
use bracketd_core::money::Quantity;
use bracketd_core::order::Side;

use crate::Kit;
use crate::desk::Desk;
use crate::hands::{at, number, shown};
use crate::row::{Stop, Tried};

/// Rejected, with one of these codes where there are any, and nothing changed at the broker.
fn refused(desk: &mut Desk, call: Call, codes: &[&str], export: &str) -> Tried {
    let before = desk.book()?.effects();
    let answer = desk.write(call)?;
    let expected = match codes.is_empty() {
        true => "rejected".to_owned(),
        false => format!("rejected as {}", codes.join(" or ")),
    };
    match &answer {
        Answer::Rejected(why) if codes.is_empty() || codes.contains(&why.code.as_str()) => {}
        other => return Err(Stop::fails(expected, shown(other), export)),
    }
    let book = desk.book()?;
    let alive = |b: &crate::book::Book| b.live(desk.symbol.as_str()).count();
    match book.effects() == before || alive(&book) == 0 {
        true => Ok(()),
        false => Err(Stop::fails("nothing changed", book.shown(desk.symbol.as_str()), export)),
    }
}

pub(super) fn through(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let held = desk.hold()?;
    let bracket = desk.bracket(held, Vec::new());
    let call = Call::Adjust { bracket, stop: at("105"), target: Change::Keep };
    refused(&mut desk, call, &["STOP_THROUGH_MARKET"], "adjust-sl")
}

pub(super) fn too_much(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.hold()?;
    let mut order = desk.order(Side::Sell, Some("120"));
    order.quantity = Quantity::new(number("20")).unwrap_or(order.quantity);
    order.reduce_only = true;
    let codes = ["INSUFFICIENT_QTY", "POSITION_GONE"];
    refused(&mut desk, Call::Submit(order), &codes, "submit-order")
}

pub(super) fn too_dear(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let mut order = desk.order(Side::Buy, Some("99"));
    order.quantity = Quantity::new(Decimal::from(100_000_000)).unwrap_or(order.quantity);
    refused(&mut desk, Call::Submit(order), &["INSUFFICIENT_FUNDS"], "submit-order")
}

pub(super) fn no_position(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let bracket = desk.bracket(Decimal::TEN, Vec::new());
    let call = Call::Adjust { bracket, stop: at("95"), target: at("110") };
    let codes = ["POSITION_GONE", "INSUFFICIENT_QTY"];
    refused(&mut desk, call, &codes, "adjust-tp-sl")
}

pub(super) fn unknown_symbol(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    no_instrument(&mut desk, "NOSUCHSYMBOL")?;
    let mut order = desk.order(Side::Buy, Some("99"));
    order.symbol = "NOSUCHSYMBOL".into();
    refused(&mut desk, Call::Submit(order), &[], "submit-order")
}

/// The exchange finds the asset by the name in any case; what is held of it is told under its own
/// name alone, so a transaction under the other would be guarded by nobody.
pub(super) fn other_case(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let other = desk.symbol.as_str().to_lowercase();
    no_instrument(&mut desk, &other)
}

fn no_instrument(desk: &mut Desk, symbol: &str) -> Result<(), Stop> {
    let told = desk.read(Read::Instrument(symbol.into()))?;
    if told.iter().any(|event| matches!(event, BrokerEvent::NoInstrument { .. })) {
        return Ok(());
    }
    Err(Stop::fails("no instrument", format!("{told:?}"), "get-instrument"))
}
