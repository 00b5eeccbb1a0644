//! What a plugin declares, seen. A feature that is declared and not kept costs a stop; one that is
//! kept and not declared costs time alone.

use bracketd_account::ToAccount;
use bracketd_core::Decimal;
use bracketd_core::broker::BrokerEvent;
use bracketd_core::command::{Answer, Call, Change, Command, How, Urgency};
use bracketd_core::ids::{Symbol, TransactionId};
use bracketd_core::instrument::Features;
use bracketd_core::money::Quantity;
use bracketd_core::order::Side;

use crate::Kit;
use crate::desk::Desk;
use crate::hands::{at, number, price, shown};
use crate::network::Fault;
use crate::row::{Stop, Tried};
use crate::watch::{Aim, With};

pub(super) fn oco(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs(Features::NATIVE_OCO)?;
    let held = desk.hold()?;
    let symbol = desk.symbol.clone();
    let bracket = desk.bracket(held, Vec::new());
    let answer = desk.write(Call::Adjust { bracket, stop: at("95"), target: at("110") })?;
    let both = |b: &crate::book::Book| b.live(symbol.as_str()).filter(|o| !o.is_buy).count() == 2;
    desk.book_once("one write makes both exits", both)?;
    desk.broker.price(symbol.as_str(), "110.50", "110.52")?;
    desk.book_once("one exit that fills cancels the other", |book| {
        book.position(symbol.as_str()).is_zero() && book.live(symbol.as_str()).count() == 0
    })
    .map_err(|stop| match stop {
        Stop::Fails(mut finding) => {
            finding.happened = format!("{}; {}", shown(&answer), finding.happened);
            Stop::Fails(finding)
        }
        other => other,
    })?;
    Ok(())
}

/// An entry that carries exits: at its fill they work.
fn carried(desk: &mut Desk, stop: Option<&str>, target: Option<&str>) -> Tried {
    let mut order = desk.order(Side::Buy, Some("99"));
    (order.stop_loss, order.take_profit) = (stop.and_then(price), target.and_then(price));
    desk.place(order)?;
    let symbol = desk.symbol.clone();
    desk.broker.price(symbol.as_str(), "98.90", "98.92")?;
    let wanted = |text: Option<&str>| -> Vec<(Decimal, Decimal)> {
        text.map(|text| (Decimal::TEN, number(text))).into_iter().collect()
    };
    desk.book_once("its exits work once the entry has filled", |book| {
        book.position(symbol.as_str()) == Decimal::TEN
            && book.exits(symbol.as_str(), "stop") == wanted(stop)
            && book.exits(symbol.as_str(), "limit") == wanted(target)
    })
    .map(drop)
}

pub(super) fn bracket(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs(Features::NATIVE_BRACKET)?;
    carried(&mut desk, Some("95"), Some("110"))
}

pub(super) fn oto(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs(Features::NATIVE_OTO)?;
    carried(&mut desk, Some("95"), None)
}

pub(super) fn in_place(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs(Features::REPLACE_IN_PLACE)?;
    let legs = desk.pair()?;
    let bracket = desk.bracket(Decimal::TEN, legs);
    let answer = desk.write(Call::Adjust { bracket, stop: at("96"), target: Change::Keep })?;
    if !matches!(answer, Answer::Adjusted { how: How::ReplacedInPlace, .. }) {
        return Err(Stop::fails("replaced-in-place", shown(&answer), "adjust-sl"));
    }
    let symbol = desk.symbol.clone();
    desk.book_once("a stop at 96, and the target beside it", |book| {
        book.exits(symbol.as_str(), "stop") == [(Decimal::TEN, number("96"))]
            && book.exits(symbol.as_str(), "limit") == [(Decimal::TEN, number("110"))]
    })
    .map(drop)
}

pub(super) fn reserve(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs(Features::EXITS_RESERVE_QTY)?;
    desk.pair()?;
    let mut order = desk.order(Side::Sell, None);
    order.reduce_only = true;
    match desk.write(Call::Submit(order))? {
        Answer::Rejected(why) if why.code == "INSUFFICIENT_QTY" => Ok(()),
        other => Err(Stop::fails("rejected as INSUFFICIENT_QTY", shown(&other), "submit-order")),
    }
}

pub(super) fn beside(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs(Features::PROTECT_BESIDE_OPEN_ENTRY)?;
    let symbol = desk.symbol.clone();
    desk.place(desk.order(Side::Buy, Some("99")))?;
    desk.broker.liquidity(symbol.as_str(), Some("4"))?;
    desk.broker.price(symbol.as_str(), "98.90", "98.92")?;
    desk.book_once("four of ten fill", |b| b.position(symbol.as_str()) == number("4"))?;
    desk.bring(number("4"), Vec::new(), at("95"), Change::Clear).map(drop)
}

pub(super) fn short(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs("shortable")?;
    desk.place(desk.order(Side::Sell, None))?;
    let symbol = desk.symbol.clone();
    let minus_ten = -Decimal::TEN;
    desk.book_once("ten are sold short", |b| b.position(symbol.as_str()) == minus_ten).map(drop)
}

pub(super) fn fraction(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    desk.needs("fractional")?;
    let step = desk.instrument()?.qty_step;
    if step >= Decimal::ONE {
        let expected = "a quantity step below one";
        return Err(Stop::fails(expected, step.to_string(), "get-instrument"));
    }
    let mut order = desk.order(Side::Buy, None);
    order.quantity = Quantity::new(number("0.5")).unwrap_or(order.quantity);
    desk.place(order)?;
    let symbol = desk.symbol.clone();
    let half = number("0.5");
    desk.book_once("half of one is held", |b| b.position(symbol.as_str()) == half).map(drop)
}

pub(super) fn batch(kit: &Kit) -> Tried {
    let desk = Desk::open(kit)?;
    if !desk.account.info().features.has("batch-prices") {
        return Err(Stop::NotOffered("batch-prices is not declared".to_owned()));
    }
    let other = format!("{}B", desk.symbol);
    desk.broker.price(&other, "50.00", "50.02")?;
    let mut requests = Vec::new();
    for symbols in [vec![desk.symbol.clone()], vec![desk.symbol.clone(), Symbol::new(&other)]] {
        let count = symbols.len();
        drop(desk.account.try_send(ToAccount::Watch(symbols)));
        drop(desk.watch.take_heard());
        let told = desk.poll()?;
        requests.push(desk.heard("get-prices").iter().map(|heard| heard.requests).sum::<u32>());
        let quoted = told.iter().filter_map(|event| match event {
            BrokerEvent::Quotes(quotes) => Some(quotes.len()),
            _ => None,
        });
        // Only prices that changed are told: the first symbol's was told before.
        if quoted.sum::<usize>() != 1 {
            return Err(Stop::fails(
                "a quote of each symbol",
                format!("{count} asked"),
                "get-prices",
            ));
        }
    }
    match requests.as_slice() {
        [one, two] if one == two => Ok(()),
        other => Err(Stop::fails(
            "as many requests for two as for one",
            format!("{other:?}"),
            "get-prices",
        )),
    }
}

pub(super) fn forever(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    if !desk.account.info().features.has(Features::CLIENT_ID_UNIQUE_FOREVER) {
        return Err(Stop::NotOffered("client-id-unique-forever is not declared".to_owned()));
    }
    let order = desk.place(desk.order(Side::Buy, Some("90")))?;
    let id = desk.last_id();
    desk.write(Call::Cancel { order: order.broker_id.clone() })?;
    let ended = order.broker_id.as_str();
    desk.book_once("it ends", |b| b.by_id(ended).is_some_and(|order| !order.is_live))?;
    let answer = desk.write_as(&id, 2, Call::Submit(desk.order(Side::Buy, Some("90"))))?;
    let symbol = desk.symbol.as_str();
    match desk.book()?.live(symbol).count() {
        0 => Ok(()),
        _ => {
            Err(Stop::fails("the id of an ended order is refused", shown(&answer), "submit-order"))
        }
    }
}

pub(super) fn lookup(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    if !desk.account.info().features.has("client-id-lookup") {
        return Err(Stop::NotOffered("client-id-lookup is not declared".to_owned()));
    }
    let order = desk.place(desk.order(Side::Buy, Some("90")))?;
    let id = desk.last_id();
    let found = desk.find(&id)?.map(|found| found.broker_id);
    match found.as_ref() == Some(&order.broker_id) {
        true => Ok(()),
        false => Err(Stop::fails("the order of that id", format!("{found:?}"), "get-order")),
    }
}

/// A write that hangs does not hold up the next one.
pub(super) fn concurrent(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    if !desk.account.info().features.has(Features::CONCURRENT_WRITES) {
        return Err(Stop::NotOffered("concurrent-writes is not declared".to_owned()));
    }
    let rests = desk.place(desk.order(Side::Buy, Some("90")))?.broker_id;
    let with = With::Fault(Fault::Hang);
    desk.watch.aim(Some(Aim { export: "submit-order", request: 1, only_writes: true, with }));
    let calls = [Call::Submit(desk.order(Side::Buy, Some("80"))), Call::Cancel { order: rests }];
    for (number, call) in (2_u64..).zip(calls) {
        let id = desk.id();
        let command = Command {
            account: "kit".into(),
            transaction: TransactionId(number),
            op: number.to_string().into(),
            client_id: id,
            attempt: 1,
            urgency: Urgency::Close,
            call,
            gain: Decimal::ZERO,
        };
        drop(desk.account.try_send(ToAccount::Write(command)));
        if number == 2 {
            desk.until("the first write hangs", || desk.watch.hit().is_some())?;
        }
    }
    let first = desk.wait("an answer", |event| match event {
        BrokerEvent::Answer { op, .. } => Some(op.to_string()),
        _ => None,
    })?;
    match first.as_str() {
        "3" => Ok(()),
        _ => Err(Stop::fails("the second write is answered first", "it waited", "cancel-order")),
    }
}
