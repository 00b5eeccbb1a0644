//! Account, position, asset and clock objects of the trading API.
//!
//! Separate from orders, which have rules of their own. Computed from the book at each request.

use super::{Stamp, Text};
use crate::book::{Asset, ExchangeBook, Position};
use crate::price::{PricePoint, TickRule};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

const DAY_NS: i64 = 86_400_000_000_000;

fn text(value: Decimal) -> String {
    value.round_dp(6).normalize().to_string()
}

/// The account object.
pub(crate) fn account(book: &ExchangeBook) -> Value {
    let funds = book.funds();
    let id = book.account_id();
    json!({
        "id": id,
        "account_number": format!("PA{}", &id.simple().to_string()[..10].to_uppercase()),
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "cash": text(funds.cash),
        "portfolio_value": text(funds.equity),
        "equity": text(funds.equity),
        "last_equity": text(funds.equity),
        "buying_power": text(funds.buying_power),
        "regt_buying_power": text(funds.buying_power),
        "non_marginable_buying_power": text(funds.cash.max(Decimal::ZERO)),
        "long_market_value": text(funds.long_value),
        "short_market_value": text(funds.short_value),
        "multiplier": text(book.config().multiplier),
        "shorting_enabled": book.config().shorting_enabled,
        "trading_blocked": false,
        "transfers_blocked": false,
        "account_blocked": false,
        "trade_suspended_by_user": false,
        "created_at": Stamp(0),
    })
}

#[derive(Serialize)]
pub(crate) struct PositionBody<'a> {
    asset_id: Option<Uuid>,
    symbol: &'a str,
    exchange: &'static str,
    asset_class: &'static str,
    asset_marginable: bool,
    avg_entry_price: Text,
    qty: Text,
    qty_available: Text,
    side: &'static str,
    market_value: Text,
    cost_basis: Text,
    unrealized_pl: Text,
    unrealized_plpc: Text,
    unrealized_intraday_pl: Text,
    unrealized_intraday_plpc: Text,
    current_price: Text,
    lastday_price: Text,
    change_today: Text,
}

/// A position object, at the present price.
pub(crate) fn position<'a>(book: &ExchangeBook, held: &'a Position) -> PositionBody<'a> {
    let price = book.price(&held.symbol).map_or(held.avg_entry_price, PricePoint::mark);
    let (value, cost) = (held.qty * price, held.qty * held.avg_entry_price);
    let gain = value - cost;
    let part = gain.checked_div(cost.abs()).unwrap_or_default().round_dp(6);
    PositionBody {
        asset_id: book.asset(&held.symbol).map(|(_, id)| id),
        symbol: &held.symbol,
        exchange: "NASDAQ",
        asset_class: "us_equity",
        asset_marginable: true,
        avg_entry_price: Text(held.avg_entry_price.round_dp(9)),
        qty: Text(held.qty),
        qty_available: Text(book.qty_available(held)),
        side: if held.qty < Decimal::ZERO { "short" } else { "long" },
        market_value: Text(value.round_dp(6)),
        cost_basis: Text(cost.round_dp(6)),
        unrealized_pl: Text(gain.round_dp(6)),
        unrealized_plpc: Text(part),
        unrealized_intraday_pl: Text(gain.round_dp(6)),
        unrealized_intraday_plpc: Text(part),
        current_price: Text(price),
        lastday_price: Text(price),
        change_today: Text(Decimal::ZERO),
    }
}

/// An asset object. `price_increment` is there only where the equity rule does not hold.
pub(crate) fn asset(asset: &Asset, id: Uuid) -> Value {
    let mut body = json!({
        "id": id,
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": asset.symbol,
        "name": asset.symbol,
        "status": "active",
        "tradable": true,
        "marginable": true,
        "shortable": asset.shortable,
        "easy_to_borrow": asset.shortable,
        "borrow_status": if asset.shortable { "easy_to_borrow" } else { "not_borrowable" },
        "fractionable": asset.fractionable,
        "attributes": [],
    });
    if let (TickRule::Fixed(tick), Value::Object(map)) = (asset.tick, &mut body) {
        map.insert("price_increment".into(), text(tick).into());
        map.insert("min_order_size".into(), "1".into());
        map.insert("min_trade_increment".into(), "1".into());
    }
    body
}

/// The clock object; these markets never close, a day ends at midnight UTC.
pub(crate) fn clock(now_ns: i64) -> Value {
    let midnight = (now_ns.div_euclid(DAY_NS) + 1).saturating_mul(DAY_NS);
    json!({
        "timestamp": Stamp(now_ns),
        "is_open": true,
        "next_open": Stamp(midnight),
        "next_close": Stamp(midnight),
    })
}
