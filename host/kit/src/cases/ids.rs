//! Client order ids, and calls that come before their time.

use bracketd_account::{Trial, Word};
use bracketd_core::command::{Answer, Call};
use bracketd_core::ids::{BrokerOrderId, ClientOrderId};
use bracketd_core::instrument::Features;
use bracketd_core::order::Side;

use crate::Kit;
use crate::desk::{self, Desk};
use crate::hands::shown;
use crate::row::{Stop, Tried};
use crate::writes::unharmed;

/// A row that goes out again although it arrived must not become a second order that nobody knows.
pub(super) fn twice(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let order = desk.order(Side::Buy, Some("90"));
    let id = desk.id();
    desk.write_as(&id, 1, Call::Submit(order.clone()))?;
    let again = desk.write_as(&id, 2, Call::Submit(order))?;
    let book = desk.book()?;
    let made = book.orders.iter().filter(|o| o.client_id.as_deref() == Some(id.as_str())).count();
    match (desk.account.info().features.has(Features::CLIENT_ID_UNIQUE_FOREVER), made) {
        (true, 1) => {}
        (true, made) => {
            let expected = "one order: client-id-unique-forever is declared";
            return Err(Stop::fails(expected, format!("{made} orders"), "submit-order"));
        }
        // The host asks before it sends again where a broker takes an id twice.
        (false, _) => return Ok(()),
    }
    match again {
        Answer::Rejected(_) | Answer::Unknown(_) => unharmed(&desk),
        other => Err(Stop::fails(
            "rejected or unknown, and a look-up tells",
            shown(&other),
            "submit-order",
        )),
    }
}

/// What `describe` says of ids is what the broker takes.
pub(super) fn longest(kit: &Kit) -> Tried {
    let desk = Desk::open(kit)?;
    let info = desk.account.info();
    let length = usize::from(info.client_id_max);
    let chars: Vec<char> = info.client_id_chars.chars().collect();
    let parts = chars.chunks(length.max(1)).map(|part| part.iter().collect::<String>());
    for part in parts {
        let mut id = part;
        let filler = chars.iter().find(|c| c.is_ascii_alphanumeric()).copied().unwrap_or('0');
        while id.len() < length {
            id.push(filler);
        }
        let id = ClientOrderId::new(&id);
        let answer = desk.write_as(&id, 1, Call::Submit(desk.order(Side::Buy, Some("90"))))?;
        if !matches!(answer, Answer::Placed { .. }) {
            let expected = format!("an order with the id {id} is taken");
            return Err(Stop::fails(expected, shown(&answer), "submit-order"));
        }
        let found = desk.find(&id)?.and_then(|order| order.client_id);
        if found.as_ref() != Some(&id) {
            let expected = format!("get-order finds the id {id} as it was given");
            return Err(Stop::fails(expected, format!("{found:?}"), "get-order"));
        }
    }
    Ok(())
}

pub(super) fn absent(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let id = desk.id();
    match desk.find(&id)? {
        None => Ok(()),
        Some(order) => Err(Stop::fails("nothing", format!("{order:?}"), "get-order")),
    }
}

pub(super) fn absent_order(kit: &Kit) -> Tried {
    let mut desk = Desk::open(kit)?;
    let unknown = unknown_order(&mut desk)?;
    match desk.find_by(&unknown)? {
        None => Ok(()),
        Some(order) => Err(Stop::fails("nothing", format!("{order:?}"), "get-order")),
    }
}

/// An id of the broker's form that no order has: the last characters of a real one, turned round.
pub(super) fn unknown_order(desk: &mut Desk) -> Result<BrokerOrderId, Stop> {
    let order = desk.place(desk.order(Side::Buy, Some("90")))?.broker_id;
    let text: String = order
        .as_str()
        .chars()
        .map(|c| match c {
            '0'..='8' => char::from_u32(u32::from(c) + 1).unwrap_or('0'),
            '9' => '1',
            other => other,
        })
        .collect();
    Ok(BrokerOrderId::new(&text))
}

pub(super) fn before_connect(kit: &Kit) -> Tried {
    let desk = Desk::open(kit)?;
    let config = desk::config(kit, &desk.network, &desk.watch, &desk.ahead_ms)?;
    let mut trial =
        Trial::new(&kit.host, &kit.plugin, config).map_err(|why| Stop::broken(why.to_string()))?;
    let before = desk.network.lines().len();
    let wrong: Vec<String> = trial
        .before_connect()
        .into_iter()
        .filter(|(export, word)| {
            *word != Word::Invalid && !(*export == "confirm" && *word == Word::NotSupported)
        })
        .map(|(export, word)| format!("{export} says {}", word.as_str()))
        .collect();
    if desk.network.lines().len() != before {
        return Err(Stop::fails("no request before connect", "there was one", "before connect"));
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Stop::fails("every export says invalid", wrong.join(", "), "before connect")),
    }
}
