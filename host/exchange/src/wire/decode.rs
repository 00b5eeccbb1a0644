//! Request bodies into typed requests.
//!
//! Separate because clients differ: numbers come as strings or as JSON numbers, absent fields as
//! nothing or as null. Unknown fields are ignored, as the broker ignores them.

use crate::book::{
    NewOrder, OrderClass, OrderType, PositionIntent, Reject, Replace, Side, StopLoss, TimeInForce,
};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

type Fields = Map<String, Value>;

/// A JSON object from a body.
pub(crate) fn object(bytes: &[u8]) -> Result<Fields, Reject> {
    let malformed =
        |text: String| Reject::new(crate::book::RejectKind::Field, 400, 40_010_000, text);
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(malformed("request body must be an object".into())),
        Err(error) => Err(malformed(format!("request body format is invalid: {error}"))),
    }
}

/// A present, non-null field.
fn present<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// A decimal given as a string or a number.
pub(crate) fn decimal(fields: &Fields, name: &str) -> Result<Option<Decimal>, Reject> {
    let Some(value) = present(fields, name) else { return Ok(None) };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(Reject::field(format!("{name} must be a number"))),
    };
    parse_decimal(&text)
        .map(Some)
        .ok_or_else(|| Reject::field(format!("{name} \"{text}\" is not a valid number")))
}

/// Decimal text, in plain or scientific form.
pub(crate) fn parse_decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// A text field.
pub(crate) fn text(fields: &Fields, name: &str) -> Result<Option<String>, Reject> {
    match present(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Reject::field(format!("{name} must be a string"))),
    }
}

/// A field that takes one of a few words.
fn word<T: DeserializeOwned>(fields: &Fields, name: &str) -> Result<Option<T>, Reject> {
    match present(fields, name) {
        None => Ok(None),
        Some(value) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|_| Reject::field(format!("invalid {name}: {value}"))),
    }
}

fn flag(fields: &Fields, name: &str) -> Result<bool, Reject> {
    match present(fields, name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Reject::field(format!("{name} must be a boolean"))),
    }
}

fn child<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a Fields>, Reject> {
    match present(fields, name) {
        None => Ok(None),
        Some(Value::Object(child)) => Ok(Some(child)),
        Some(_) => Err(Reject::field(format!("{name} must be an object"))),
    }
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, Reject> {
    value.ok_or_else(|| Reject::field(format!("{name} is required")))
}

/// The body of `POST /v2/orders`.
///
/// Not offered: notional quantities, trailing stops, opening and closing auctions.
pub(crate) fn new_order(bytes: &[u8]) -> Result<NewOrder, Reject> {
    let fields = &object(bytes)?;
    if decimal(fields, "notional")?.is_some() {
        return Err(Reject::field("notional orders are not supported, use qty"));
    }
    let order_class = word(fields, "order_class")?.unwrap_or(OrderClass::Simple);
    let target = child(fields, "take_profit")?;
    let take_profit = match target {
        Some(leg) => decimal(leg, "limit_price")?,
        None => None,
    };
    let stop_loss = match child(fields, "stop_loss")? {
        Some(leg) => stop_loss(leg)?,
        None => None,
    };
    Ok(NewOrder {
        symbol: required(text(fields, "symbol")?, "symbol")?,
        side: required(word::<Side>(fields, "side")?, "side")?,
        qty: required(decimal(fields, "qty")?, "qty")?,
        order_type: required(word::<OrderType>(fields, "type")?, "type")?,
        time_in_force: required(word::<TimeInForce>(fields, "time_in_force")?, "time_in_force")?,
        order_class,
        limit_price: decimal(fields, "limit_price")?,
        stop_price: decimal(fields, "stop_price")?,
        take_profit,
        stop_loss,
        client_order_id: text(fields, "client_order_id")?,
        extended_hours: flag(fields, "extended_hours")?,
        position_intent: word::<PositionIntent>(fields, "position_intent")?,
    })
}

/// Trail fields beside a stop price are dropped without a word; alone they are refused.
fn stop_loss(leg: &Fields) -> Result<Option<StopLoss>, Reject> {
    let limit_price = decimal(leg, "limit_price")?;
    match decimal(leg, "stop_price")? {
        Some(stop_price) => Ok(Some(StopLoss { stop_price, limit_price })),
        None if leg.is_empty() => Ok(None),
        None => Err(Reject::field("stop_loss.stop_price is required")),
    }
}

/// The body of `PATCH /v2/orders/{id}`.
pub(crate) fn replace(bytes: &[u8]) -> Result<Replace, Reject> {
    let fields = &object(bytes)?;
    Ok(Replace {
        qty: decimal(fields, "qty")?,
        limit_price: decimal(fields, "limit_price")?,
        stop_price: decimal(fields, "stop_price")?,
        time_in_force: word(fields, "time_in_force")?,
        client_order_id: text(fields, "client_order_id")?,
    })
}
