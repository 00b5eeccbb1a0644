//! Plain orders: submit, replace, cancel. Separate from `adjust`, which knows brackets; it must
//! never let an order that should close open something.

use bracketd_plugin_sdk::fault::invalid;
use bracketd_plugin_sdk::http::{Transport, encode};
use bracketd_plugin_sdk::types::{
    CallCtx, Change, Decimal, Fault, NewOrder, Order, OrderKey, OrderKind, OrderState, Placed,
    Progress, Side,
};
use serde_json::{Value, json};

use crate::client::Client;
use crate::orders::{family, rests};
use crate::plan::number;
use crate::status::{is_over, side_word, tif_word};
use crate::wire;

/// Submits an order, with the exits it carries.
///
/// # Errors
/// The judged fault, `invalid` or `not-supported`.
pub fn submit<T: Transport>(
    client: &Client<'_, T>,
    ctx: &CallCtx,
    order: &NewOrder,
) -> Result<Placed, Fault> {
    let body = order_body(ctx, order)?;
    let lookup = vec![OrderKey::Client(ctx.client_id.clone())];
    let answer: wire::Order = client.write("POST", "/v2/orders", &body, lookup)?;
    Ok(placed(&answer))
}

/// Replaces an order: the answer is a new order with a new id.
///
/// # Errors
/// The judged fault, `invalid` or `not-supported`.
pub fn replace<T: Transport>(
    client: &Client<'_, T>,
    ctx: &CallCtx,
    broker_id: &str,
    change: &Change,
) -> Result<Placed, Fault> {
    let mut body = json!({ "client_order_id": ctx.client_id });
    put(&mut body, "qty", change.qty)?;
    put(&mut body, "limit_price", change.limit_price)?;
    put(&mut body, "stop_price", change.stop_price)?;
    if let Some(tif) = change.tif {
        let word =
            tif_word(tif).ok_or_else(|| Fault::NotSupported(format!("time in force {tif:?}")))?;
        body["time_in_force"] = word.into();
    }
    let lookup =
        vec![OrderKey::Client(ctx.client_id.clone()), OrderKey::Broker(broker_id.to_owned())];
    let path = format!("/v2/orders/{}", encode(broker_id));
    let answer: wire::Order = client.write("PATCH", &path, &body, lookup)?;
    Ok(placed(&answer))
}

/// Asks for a cancel; the order may still fill.
///
/// # Errors
/// The judged fault.
pub fn cancel<T: Transport>(client: &Client<'_, T>, broker_id: &str) -> Result<Placed, Fault> {
    client.cancel(broker_id)?;
    Ok(Placed { orders: Vec::new(), progress: Progress::WaitingFor(broker_id.to_owned()) })
}

/// The intent that makes the broker refuse an order that would open.
#[must_use]
pub const fn closing(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy_to_close",
        Side::Sell => "sell_to_close",
    }
}

fn placed(answer: &wire::Order) -> Placed {
    let orders = family(answer);
    let known = |order: &Order| {
        rests(order.state) || order.state == OrderState::Held || is_over(order.state)
    };
    let progress = match orders.first() {
        Some(order) if known(order) => Progress::Confirmed,
        _ => Progress::Accepted,
    };
    Placed { orders, progress }
}

fn order_body(ctx: &CallCtx, order: &NewOrder) -> Result<Value, Fault> {
    let kind = match order.kind {
        OrderKind::Market => "market",
        OrderKind::Limit => "limit",
        OrderKind::Stop => "stop",
        OrderKind::StopLimit => "stop_limit",
        OrderKind::TrailingStop | OrderKind::Other => {
            return Err(Fault::NotSupported(format!("order kind {:?}", order.kind)));
        }
    };
    let tif = tif_word(order.tif)
        .ok_or_else(|| Fault::NotSupported(format!("time in force {:?}", order.tif)))?;
    let mut body = json!({
        "symbol": order.symbol,
        "qty": number(order.qty)?.to_string(),
        "side": side_word(order.side),
        "type": kind,
        "time_in_force": tif,
        "client_order_id": ctx.client_id,
    });
    put(&mut body, "limit_price", order.limit_price)?;
    put(&mut body, "stop_price", order.stop_price)?;
    let class = match (order.take_profit, order.stop_loss) {
        (None, None) => None,
        (Some(_), Some(_)) => Some("bracket"),
        _ => Some("oto"),
    };
    match class {
        Some(_) if order.reduce_only => {
            return Err(invalid("REDUCE_ONLY", "an order that closes carries no exits"));
        }
        Some(class) => body["order_class"] = class.into(),
        None if order.reduce_only => body["position_intent"] = closing(order.side).into(),
        None => {}
    }
    if let Some(price) = order.take_profit {
        body["take_profit"] = json!({ "limit_price": number(price)?.to_string() });
    }
    if let Some(price) = order.stop_loss {
        body["stop_loss"] = json!({ "stop_price": number(price)?.to_string() });
    }
    Ok(body)
}

fn put(body: &mut Value, key: &str, value: Option<Decimal>) -> Result<(), Fault> {
    if let Some(value) = value {
        body[key] = Value::String(number(value)?.to_string());
    }
    Ok(())
}
