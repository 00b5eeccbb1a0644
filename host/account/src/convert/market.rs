//! Prices, fills, positions, money and instruments as a plugin tells them, checked.

use bracketd_core::broker::{Balance, Bar, Fill, Position, Quote};
use bracketd_core::ids::{BrokerOrderId, Symbol};
use bracketd_core::instrument::{AccountInfo, Features, Instrument, PriceBand};

use crate::bindings::bracketd::broker::types as abi;
use crate::bindings::exports::bracketd::broker::account as abi_account;
use crate::convert::Lie;
use crate::convert::number::{id, number, price, price_or_none, quantity, time};
use crate::convert::order::side;

/// Most feature keys that are kept, and the longest of them in bytes.
const FEATURES_MAX: usize = 64;

/// One execution.
pub(crate) fn fill(fill: &abi::Fill) -> Result<Fill, Lie> {
    let quantity = quantity("fill.qty", fill.qty)?;
    if quantity.is_zero() {
        return Err(Lie::new("fill.qty", "zero"));
    }
    Ok(Fill {
        fill_id: id("fill.fill-id", &fill.fill_id)?.to_owned(),
        order: BrokerOrderId::new(id("fill.broker-id", &fill.broker_id)?),
        symbol: Symbol::new(id("fill.symbol", &fill.symbol)?),
        side: side(fill.side),
        quantity,
        price: price("fill.price", fill.price)?,
        at: time(fill.at),
    })
}

/// What is held of an instrument.
pub(crate) fn position(position: &abi::Position) -> Result<Position, Lie> {
    let avg = number("position.avg-price", position.avg_price)?;
    Ok(Position {
        symbol: Symbol::new(id("position.symbol", &position.symbol)?),
        quantity: number("position.qty", position.qty)?,
        avg_price: bracketd_core::money::Price::new(avg),
    })
}

/// A price with its age.
pub(crate) fn quote(quote: &abi::Quote) -> Result<Quote, Lie> {
    Ok(Quote {
        symbol: Symbol::new(id("quote.symbol", &quote.symbol)?),
        bid: price_or_none("quote.bid", quote.bid)?,
        ask: price_or_none("quote.ask", quote.ask)?,
        last: price_or_none("quote.last", quote.last)?,
        at: time(quote.at),
    })
}

/// The prices of a span.
pub(crate) fn bar(bar: &abi::Bar) -> Result<Bar, Lie> {
    let (high, low) = (price("bar.high", bar.high)?, price("bar.low", bar.low)?);
    let (open, close) = (price("bar.open", bar.open)?, price("bar.close", bar.close)?);
    if low > open.min(close) || high < open.max(close) {
        return Err(Lie::new("bar", format!("{open} {high} {low} {close}, out of order")));
    }
    Ok(Bar { at: time(bar.at), open, high, low, close })
}

/// Money.
pub(crate) fn balance(balance: &abi_account::Balance) -> Result<Balance, Lie> {
    Ok(Balance {
        cash: number("balance.cash", balance.cash)?,
        equity: number("balance.equity", balance.equity)?,
        buying_power: number("balance.buying-power", balance.buying_power)?,
        currency: id("balance.currency", &balance.currency)?.to_owned(),
        account: broker_account(&balance.ext)?,
    })
}

/// The broker's own number of the account, under the names that plugins tell it by.
fn broker_account(ext: &[(String, String)]) -> Result<Option<String>, Lie> {
    let told = ["account_number", "account_id"]
        .iter()
        .find_map(|name| ext.iter().find(|(key, _)| key == name));
    told.map(|(_, value)| id("balance.ext.account", value).map(str::to_owned)).transpose()
}

/// An instrument's rules.
pub(crate) fn instrument(told: &abi::Instrument) -> Result<Instrument, Lie> {
    let mut bands = Vec::with_capacity(told.bands.len());
    for band in &told.bands {
        let band = PriceBand {
            above: number("instrument.bands.above", band.above)?,
            tick: price("instrument.bands.tick", band.tick)?.get(),
        };
        if bands.last().is_some_and(|last: &PriceBand| last.above >= band.above) {
            return Err(Lie::new("instrument.bands", "not in rising order"));
        }
        bands.push(band);
    }
    Ok(Instrument {
        symbol: Symbol::new(id("instrument.symbol", &told.symbol)?),
        broker_symbol: id("instrument.broker-symbol", &told.broker_symbol)?.to_owned(),
        currency: id("instrument.currency", &told.currency)?.to_owned(),
        bands,
        qty_step: price("instrument.qty-step", told.qty_step)?.get(),
        min_qty: quantity("instrument.min-qty", told.min_qty)?,
        max_qty: told.max_qty.map(|q| quantity("instrument.max-qty", q)).transpose()?,
        min_notional: told
            .min_notional
            .map(|n| number("instrument.min-notional", n))
            .transpose()?,
        multiplier: price("instrument.multiplier", told.multiplier)?.get(),
        features: features(&told.features),
    })
}

/// What a plugin says of itself.
pub(crate) fn account_info(info: &abi_account::Info) -> Result<AccountInfo, Lie> {
    if info.client_id_max < 8 {
        return Err(Lie::new("info.client-id-max", format!("{}, below 8", info.client_id_max)));
    }
    if !info.client_id_chars.is_ascii() || info.client_id_chars.len() < 16 {
        return Err(Lie::new("info.client-id-chars", "fewer than 16 or not ASCII"));
    }
    Ok(AccountInfo {
        name: id("info.name", &info.name)?.to_owned(),
        version: id("info.version", &info.version)?.to_owned(),
        client_id_max: info.client_id_max,
        client_id_chars: info.client_id_chars.clone(),
        features: features(&info.features),
    })
}

fn features(keys: &[String]) -> Features {
    let sane = |key: &&String| !key.is_empty() && key.len() <= FEATURES_MAX;
    Features::new(keys.iter().filter(sane).take(FEATURES_MAX).cloned())
}
