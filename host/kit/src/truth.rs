//! Whether what a read told is what the broker's book holds.
//!
//! Apart because a plugin can answer every call and still be wrong: a side turned round, a price
//! rounded, a partial fill forgotten.

use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, Found, OrderReport, Picture};
use bracketd_core::command::BracketLeg;
use bracketd_core::order::Side;

use crate::book::{Book, Order};
use crate::desk::Desk;
use crate::hands::number;
use crate::reads::Scene;
use crate::row::{Stop, Tried};

/// Compares what was told with the book.
pub(crate) fn check(desk: &Desk, scene: Scene, told: &[BrokerEvent]) -> Tried {
    let book = desk.book()?;
    let symbol = desk.symbol.as_str();
    match scene {
        Scene::GetOrder | Scene::GetOrderByBroker => {
            let found = told.iter().find_map(|event| match event {
                BrokerEvent::LookedUp { found: Found::Order(order), .. } => Some(&**order),
                _ => None,
            });
            let found = found.ok_or_else(|| wrong(scene, "an order", "none"))?;
            same_order(&book, found)
        }
        Scene::ReadBracket => {
            let legs = told.iter().find_map(|event| match event {
                BrokerEvent::LookedUp { found: Found::Legs { legs, .. }, .. } => Some(legs),
                _ => None,
            });
            same_legs(&book, symbol, legs.map_or(&[][..], Vec::as_slice))
        }
        Scene::GetOrders | Scene::GetFills | Scene::GetPositions | Scene::GetBalance => {
            let picture = told.iter().find_map(|event| match event {
                BrokerEvent::Picture(picture) => Some(picture),
                _ => None,
            });
            let picture = picture.ok_or_else(|| wrong(scene, "a picture", "none"))?;
            same_picture(&book, symbol, picture)
        }
        Scene::GetPrices => {
            let quotes = told.iter().find_map(|event| match event {
                BrokerEvent::Quotes(quotes) => quotes.first(),
                _ => None,
            });
            let quote = quotes.ok_or_else(|| wrong(scene, "a quote", "none"))?;
            let (bid, ask) = (quote.bid.map(|p| p.get()), quote.ask.map(|p| p.get()));
            expect(scene, "bid", Some(number("100")), bid)?;
            expect(scene, "ask", Some(number("100.02")), ask)
        }
        Scene::GetInstrument => {
            let rules = desk.instrument()?;
            expect(scene, "the quantity of ten is on its step", true, {
                rules.is_on_step(
                    bracketd_core::money::Quantity::new(Decimal::TEN).unwrap_or(rules.min_qty),
                )
            })?;
            let price = crate::hands::price("95");
            expect(scene, "95 is on a tick", Some(true), price.map(|p| rules.is_on_tick(p)))
        }
        Scene::GetSession => {
            let is_told = told.iter().any(|event| matches!(event, BrokerEvent::Session { .. }));
            expect(scene, "a session", true, is_told)
        }
        Scene::GetBars => {
            let is_told = told.iter().any(|event| matches!(event, BrokerEvent::Bars { .. }));
            expect(scene, "bars", true, is_told)
        }
        Scene::Connect => Ok(()),
    }
}

/// One order as the book has it.
pub(crate) fn same_order(book: &Book, told: &OrderReport) -> Tried {
    let id = told.broker_id.as_str();
    let Some(order) = book.by_id(id) else {
        return Err(Stop::fails(
            "an order that the broker has",
            format!("order {id}"),
            "get-order",
        ));
    };
    let text = |value: Option<Decimal>| value.map_or("-".to_owned(), |v| v.normalize().to_string());
    let ours = format!(
        "buy {} qty {} filled {} limit {} stop {} live {} client id {}",
        told.side == Side::Buy,
        told.quantity.get().normalize(),
        told.filled.get().normalize(),
        text(told.limit.map(|price| price.get())),
        text(told.trigger.map(|price| price.get())),
        !told.status.is_terminal(),
        told.client_id.as_ref().map_or("-", |id| id.as_str()),
    );
    let theirs = format!(
        "buy {} qty {} filled {} limit {} stop {} live {} client id {}",
        order.is_buy,
        order.quantity,
        order.filled,
        text(order.limit),
        text(order.stop),
        order.is_live,
        order.client_id.as_deref().unwrap_or("-"),
    );
    match ours == theirs {
        true => Ok(()),
        false => Err(Stop::fails(theirs, ours, format!("order {id}"))),
    }
}

fn same_legs(book: &Book, symbol: &str, legs: &[BracketLeg]) -> Tried {
    let mut told: Vec<String> =
        legs.iter().filter(|leg| !leg.status.is_terminal()).map(leg_shown).collect();
    let mut rests: Vec<String> = book.live(symbol).map(exit_shown).collect();
    told.sort_unstable();
    rests.sort_unstable();
    match told == rests {
        true => Ok(()),
        false => Err(Stop::fails(rests.join("; "), told.join("; "), "read-bracket")),
    }
}

fn leg_shown(leg: &BracketLeg) -> String {
    let price = leg.trigger.or(leg.limit).map(|price| price.get().normalize());
    let left = (leg.quantity.get() - leg.filled.get()).normalize();
    format!("{} {left} @ {}", leg.broker_id, price.unwrap_or_default())
}

fn exit_shown(order: &Order) -> String {
    let price = order.stop.or(order.limit).unwrap_or_default().normalize();
    format!("{} {} @ {price}", order.id, order.left())
}

/// Orders, fills, positions and money, complete.
pub(crate) fn same_picture(book: &Book, symbol: &str, picture: &Picture) -> Tried {
    let scene = Scene::GetOrders;
    expect(scene, "a complete picture", true, picture.complete)?;
    for order in &picture.orders {
        same_order(book, order)?;
    }
    let told = |id: &str| picture.orders.iter().any(|order| order.broker_id.as_str() == id);
    if let Some(missing) = book.orders.iter().find(|order| !told(&order.id)) {
        return Err(wrong(scene, "every order of the book", &format!("no {}", missing.shown())));
    }
    let scene = Scene::GetFills;
    expect(scene, "fills", book.fills.len(), picture.fills.len())?;
    let sum = |is_buy: bool| -> Decimal {
        let side = |side: Side| (side == Side::Buy) == is_buy;
        picture.fills.iter().filter(|f| side(f.side)).map(|f| f.quantity.get()).sum()
    };
    expect(scene, "bought less sold", book.position(symbol), sum(true) - sum(false))?;
    let scene = Scene::GetPositions;
    let held = picture.positions.iter().find(|p| p.symbol.as_str() == symbol);
    let held = held.map_or(Decimal::ZERO, |position| position.quantity.normalize());
    expect(scene, "held", book.position(symbol), held)?;
    let scene = Scene::GetBalance;
    let Some(money) = &picture.balance else { return Err(wrong(scene, "a balance", "none")) };
    expect(scene, "equity above zero", true, money.equity > Decimal::ZERO)
}

fn expect<T: PartialEq + std::fmt::Debug>(scene: Scene, what: &str, want: T, got: T) -> Tried {
    match want == got {
        true => Ok(()),
        false => Err(wrong(scene, &format!("{what}: {want:?}"), &format!("{got:?}"))),
    }
}

fn wrong(scene: Scene, expected: &str, happened: &str) -> Stop {
    Stop::fails(expected, happened, scene.name())
}
