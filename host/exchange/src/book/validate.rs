//! The checks of a new order that need nothing but the order and its asset.
//!
//! Separate from `admit`, which looks at the account and the market. Messages and codes are the
//! broker's; clients branch on them.

use super::Asset;
use super::order::{OrderClass, OrderType, Side, TimeInForce};
use super::reject::{Reject, RejectKind};
use super::request::{NewOrder, StopLoss};
use crate::price::TickRule;
use rust_decimal::Decimal;

const CLIENT_ID_MAX_CHARS: usize = 128;

/// Refuses a client order id the broker would not take.
pub(super) fn client_id(text: Option<&str>) -> Result<(), Reject> {
    match text {
        Some(text) if text.chars().count() > CLIENT_ID_MAX_CHARS => {
            Err(Reject::field("client_order_id must be no more than 128 characters"))
        }
        _ => Ok(()),
    }
}

/// Refuses a price that is not above zero or not on its step.
pub(super) fn price(rule: TickRule, field: &str, price: Option<Decimal>) -> Result<(), Reject> {
    match price {
        None => Ok(()),
        Some(price) if price <= Decimal::ZERO => Err(Reject::field(format!("{field} must be > 0"))),
        Some(price) if !rule.allows(price) => Err(Reject::sub_penny(field, price)),
        Some(_) => Ok(()),
    }
}

/// Everything a new order must be, whatever the account holds.
pub(super) fn new_order(request: &NewOrder, asset: &Asset) -> Result<(), Reject> {
    client_id(request.client_order_id.as_deref())?;
    quantity(request, asset)?;
    prices_of_type(request)?;
    class(request)?;
    extended_hours(request)?;
    price(asset.tick, "limit_price", request.limit_price)?;
    price(asset.tick, "stop_price", request.stop_price)?;
    price(asset.tick, "take_profit.limit_price", request.take_profit)?;
    if let Some(stop) = request.stop_loss {
        price(asset.tick, "stop_loss.stop_price", Some(stop.stop_price))?;
        price(asset.tick, "stop_loss.limit_price", stop.limit_price)?;
    }
    Ok(())
}

fn quantity(request: &NewOrder, asset: &Asset) -> Result<(), Reject> {
    if request.qty <= Decimal::ZERO {
        return Err(Reject::field("qty must be > 0"));
    }
    if request.qty.fract().is_zero() {
        return Ok(());
    }
    let refuse = |text: String| Err(Reject::unprocessable(RejectKind::Field, text));
    if !asset.fractionable {
        return refuse(format!("asset \"{}\" is not fractionable", asset.symbol));
    }
    if request.order_class != OrderClass::Simple {
        return refuse("fractional orders must be simple orders".into());
    }
    if request.time_in_force != TimeInForce::Day {
        return refuse("fractional orders must be DAY orders".into());
    }
    Ok(())
}

fn prices_of_type(request: &NewOrder) -> Result<(), Reject> {
    let word = request.order_type.word();
    let is_oco = request.order_class == OrderClass::Oco;
    let has_limit = request.limit_price.is_some() || (is_oco && request.take_profit.is_some());
    if request.order_type.has_limit() && !has_limit {
        return Err(Reject::field(format!("{word} orders require limit_price")));
    }
    if !request.order_type.has_limit() && request.limit_price.is_some() {
        return Err(Reject::field(format!("{word} orders require no limit_price")));
    }
    if request.order_type.has_stop() && request.stop_price.is_none() {
        return Err(Reject::field(format!("{word} orders require stop_price")));
    }
    if !request.order_type.has_stop() && request.stop_price.is_some() {
        return Err(Reject::field(format!("{word} orders require no stop_price")));
    }
    Ok(())
}

fn class(request: &NewOrder) -> Result<(), Reject> {
    let word = request.order_class.word();
    let (target, stop) = (request.take_profit, request.stop_loss);
    match request.order_class {
        OrderClass::Simple if target.is_some() || stop.is_some() => {
            return Err(Reject::field("simple orders must have no take_profit or stop_loss"));
        }
        OrderClass::Simple => return Ok(()),
        OrderClass::Oto if target.is_some() == stop.is_some() => {
            return Err(Reject::field("oto orders require one of take_profit and stop_loss"));
        }
        OrderClass::Bracket | OrderClass::Oco if target.is_none() => {
            return Err(Reject::field(format!("{word} orders require take_profit.limit_price")));
        }
        OrderClass::Bracket | OrderClass::Oco if stop.is_none() => {
            return Err(Reject::field(format!("{word} orders require stop_loss.stop_price")));
        }
        OrderClass::Bracket
            if !matches!(request.order_type, OrderType::Market | OrderType::Limit) =>
        {
            return Err(Reject::field("bracket orders must be market or limit orders"));
        }
        OrderClass::Oco if request.order_type != OrderType::Limit => {
            return Err(Reject::field("oco orders must be limit orders"));
        }
        OrderClass::Bracket | OrderClass::Oco | OrderClass::Oto => {}
    }
    match request.time_in_force {
        TimeInForce::Day | TimeInForce::Gtc => Ok(()),
        TimeInForce::Ioc | TimeInForce::Fok => {
            Err(Reject::field(format!("{word} orders support only day or gtc")))
        }
    }
}

fn extended_hours(request: &NewOrder) -> Result<(), Reject> {
    if !request.extended_hours {
        return Ok(());
    }
    if request.order_class != OrderClass::Simple {
        let text = format!("{} orders cannot be extended_hours", request.order_class.word());
        return Err(Reject::forbidden(RejectKind::Field, text));
    }
    let lasts = matches!(request.time_in_force, TimeInForce::Day | TimeInForce::Gtc);
    if request.order_type == OrderType::Limit && lasts {
        return Ok(());
    }
    let text = "extended hours order must be DAY or GTC limit orders";
    Err(Reject::unprocessable(RejectKind::Field, text))
}

/// Legs must lie on the right side of the base price: the entry's limit, the target of an oco, or
/// the market. `exit` is the side of the legs.
pub(super) fn geometry(
    exit: Side,
    rule: TickRule,
    base_price: Decimal,
    target: Option<Decimal>,
    stop: Option<StopLoss>,
) -> Result<(), Reject> {
    let tick = rule.tick_at(base_price);
    let (below, above) = (base_price - tick, base_price + tick);
    let long = exit == Side::Sell;
    let check = |field: &str, price: Decimal, must_be_below: bool| {
        let fits = if must_be_below { price <= below } else { price >= above };
        let (sign, step) = if must_be_below { ("<=", "-") } else { (">=", "+") };
        if fits {
            return Ok(());
        }
        let text = format!("{field} must be {sign} base_price {step} {tick}");
        Err(Reject::geometry(text, base_price))
    };
    if let Some(price) = target {
        check("take_profit.limit_price", price, !long)?;
    }
    let Some(stop) = stop else { return Ok(()) };
    check("stop_loss.stop_price", stop.stop_price, long)?;
    match stop.limit_price {
        Some(limit) if long && limit > stop.stop_price => {
            Err(Reject::field("stop_loss.limit_price must be <= stop_loss.stop_price"))
        }
        Some(limit) if !long && limit < stop.stop_price => {
            Err(Reject::field("stop_loss.limit_price must be >= stop_loss.stop_price"))
        }
        _ => Ok(()),
    }
}
