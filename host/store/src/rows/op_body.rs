//! The command inside an outbox row, as a JSON object.
//!
//! Apart because commands differ in shape; the names here are read by later versions and never
//! change their meaning. Prices are decimal text.

use std::str::FromStr;

use bracketd_core::Decimal;
use bracketd_core::command::{Change, NewOrder, OpKind};
use bracketd_core::ids::{BrokerOrderId, Symbol};
use bracketd_core::money::{Price, Quantity};
use serde_json::{Value, json};

use super::cells::Cells;
use super::words::Word;
use crate::error::StoreError;

pub(crate) fn write(kind: &OpKind) -> String {
    match kind {
        OpKind::Submit(order) | OpKind::Close(order) => order_json(order),
        OpKind::Adjust { stop, target, quantity } => json!({
            "stop": change_text(*stop),
            "target": change_text(*target),
            "quantity": quantity.to_string(),
        }),
        OpKind::Cancel { order } => json!({ "order": order.as_str() }),
    }
    .to_string()
}

/// The command of the row; columns `kind` and `body`.
pub(crate) fn read(row: &Cells<'_>) -> Result<OpKind, StoreError> {
    let text = row.str("body")?;
    let body: Value = serde_json::from_str(text).map_err(|_| row.bad("body", text))?;
    let kind = row.str("kind")?;
    let read = match kind {
        "submit" => read_order(&body).map(OpKind::Submit),
        "close" => read_order(&body).map(OpKind::Close),
        "adjust" => read_adjust(&body),
        "cancel" => {
            word(&body, "order").map(|order| OpKind::Cancel { order: BrokerOrderId::new(order) })
        }
        other => return Err(row.bad("kind", other)),
    };
    read.ok_or_else(|| row.bad("body", text))
}

fn order_json(order: &NewOrder) -> Value {
    let price = |price: Option<Price>| price.map(|p| p.to_string());
    json!({
        "symbol": order.symbol.as_str(),
        "side": order.side.word(),
        "kind": order.kind.word(),
        "time_in_force": order.time_in_force.word(),
        "quantity": order.quantity.to_string(),
        "limit": price(order.limit),
        "trigger": price(order.trigger),
        "take_profit": price(order.take_profit),
        "stop_loss": price(order.stop_loss),
        "reduce_only": order.reduce_only,
    })
}

fn read_order(body: &Value) -> Option<NewOrder> {
    Some(NewOrder {
        symbol: Symbol::new(word(body, "symbol")?),
        side: Word::parse(word(body, "side")?)?,
        kind: Word::parse(word(body, "kind")?)?,
        time_in_force: Word::parse(word(body, "time_in_force")?)?,
        quantity: quantity(body)?,
        limit: opt_price(body, "limit")?,
        trigger: opt_price(body, "trigger")?,
        take_profit: opt_price(body, "take_profit")?,
        stop_loss: opt_price(body, "stop_loss")?,
        reduce_only: body.get("reduce_only")?.as_bool()?,
    })
}

fn read_adjust(body: &Value) -> Option<OpKind> {
    Some(OpKind::Adjust {
        stop: read_change(word(body, "stop")?)?,
        target: read_change(word(body, "target")?)?,
        quantity: quantity(body)?,
    })
}

fn change_text(change: Change) -> String {
    match change {
        Change::Keep => "keep".to_owned(),
        Change::Clear => "clear".to_owned(),
        Change::Set(price) => price.to_string(),
    }
}

fn read_change(text: &str) -> Option<Change> {
    match text {
        "keep" => Some(Change::Keep),
        "clear" => Some(Change::Clear),
        price => read_price(price).map(Change::Set),
    }
}

fn word<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}

fn quantity(body: &Value) -> Option<Quantity> {
    Quantity::new(Decimal::from_str(word(body, "quantity")?).ok()?)
}

fn read_price(text: &str) -> Option<Price> {
    Price::new(Decimal::from_str(text).ok()?)
}

/// None where the cell is missing or wrong; none inside where it is null.
fn opt_price(body: &Value, name: &str) -> Option<Option<Price>> {
    match body.get(name)? {
        Value::Null => Some(None),
        value => Some(Some(read_price(value.as_str()?)?)),
    }
}
