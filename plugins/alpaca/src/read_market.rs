//! Reads of prices, bars, instruments, sessions and money. Separate from orders because nothing
//! here decides about one; it must never fill in a price nobody quoted.

use bracketd_plugin_sdk::account::Balance;
use bracketd_plugin_sdk::fault::{detail, invalid, retryable};
use bracketd_plugin_sdk::http::{Transport, encode};
use bracketd_plugin_sdk::types::{
    Bar, Fault, Instrument, Position, PriceBand, Quote, Session, UnixNanos,
};
use bracketd_plugin_sdk::{Dec, time};

use crate::client::Client;
use crate::orders::{MEAN_SCALE, moment};
use crate::wire::{self, value};

/// Answers keyed by symbol, in the order of the answer.
type BySymbol<V> = std::collections::BTreeMap<String, V>;

#[derive(serde::Deserialize)]
struct Quotes {
    quotes: BySymbol<wire::Quote>,
}

#[derive(serde::Deserialize)]
struct Bars {
    /// Null where there are none, and never missing.
    #[serde(deserialize_with = "serde::Deserialize::deserialize")]
    bars: Option<BySymbol<Vec<wire::Bar>>>,
}

/// Latest quotes of them all, by one request. A name with a slash is crypto: refused there, it would
/// cost the quotes of all the others.
///
/// # Errors
/// The judged fault.
pub fn prices<T: Transport>(
    client: &Client<'_, T>,
    symbols: &[String],
) -> Result<Vec<Quote>, Fault> {
    let shares = symbols.iter().filter(|symbol| !symbol.contains('/'));
    let names: Vec<String> = shares.map(|symbol| encode(symbol)).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let path = format!("/v2/stocks/quotes/latest?symbols={}{}", names.join(","), feed(client));
    let answer: Quotes = client.get_data(&path)?;
    answer.quotes.into_iter().map(|(symbol, quote)| read_quote(symbol, &quote)).collect()
}

/// Bars of `seconds` from `since` on.
///
/// # Errors
/// The judged fault; `not-supported` for a length Alpaca does not serve.
pub fn bars<T: Transport>(
    client: &Client<'_, T>,
    symbol: &str,
    seconds: u32,
    since: UnixNanos,
    limit: u32,
) -> Result<Vec<Bar>, Fault> {
    let frame = timeframe(seconds)
        .ok_or_else(|| Fault::NotSupported(format!("bars of {seconds} seconds")))?;
    let path = format!(
        "/v2/stocks/bars?symbols={}&timeframe={frame}&start={}&limit={limit}{}",
        encode(symbol),
        encode(&time::format(since)),
        feed(client),
    );
    let answer: Bars = client.get_data(&path)?;
    let bars = answer.bars.unwrap_or_default().remove(symbol).unwrap_or_default();
    bars.iter().map(read_bar).collect()
}

/// What a symbol trades like. Alpaca lists no tick for equities: the rule is its own (two decimals
/// from one dollar on, four below, by the order's price).
///
/// # Errors
/// The judged fault; `invalid` for what could not be guarded here: a name that Alpaca's orders and
/// positions do not carry, and crypto, which has no plain stop order ("Crypto Orders", Alpaca's
/// documentation) and whose positions are listed under another name than its orders (BTCUSD for
/// BTC/USD, alpaca-py issue 179).
pub fn instrument<T: Transport>(client: &Client<'_, T>, symbol: &str) -> Result<Instrument, Fault> {
    if symbol.is_empty() {
        return Err(invalid("SYMBOL_UNKNOWN", "the symbol is empty"));
    }
    let asset: wire::Asset = client.get(&format!("/v2/assets/{}", encode(symbol)))?;
    if asset.class.as_deref() == Some("crypto") {
        let why = "Alpaca takes no plain stop orders for crypto; this plugin trades shares";
        return Err(invalid("SYMBOL_UNGUARDED", why));
    }
    if asset.symbol != symbol {
        return Err(invalid("SYMBOL_UNKNOWN", format!("Alpaca calls it {}", asset.symbol)));
    }
    let bands = match value(asset.price_increment).filter(|tick| !tick.is_zero()) {
        Some(tick) => vec![band(Dec::ZERO, tick)],
        None => equity_bands(),
    };
    // Alpaca takes parts of a share in plain day orders alone, which protect nothing overnight:
    // shares are traded whole here.
    let flags = [
        ("native-oco", true),
        ("native-bracket", true),
        ("native-oto", true),
        ("replace-in-place", true),
        ("exits-reserve-qty", true),
        ("tradable", asset.tradable),
        ("shortable", asset.shortable),
    ];
    let features = flags.into_iter().filter(|(_, on)| *on).map(|(key, _)| key.to_owned());
    let ext = [("class", asset.class), ("exchange", asset.exchange)];
    Ok(Instrument {
        symbol: symbol.to_owned(),
        broker_symbol: asset.symbol,
        currency: "USD".to_owned(),
        bands,
        qty_step: Dec::ONE.wire(),
        min_qty: Dec::ONE.wire(),
        max_qty: None,
        min_notional: None,
        multiplier: Dec::ONE.wire(),
        features: features.collect(),
        ext: ext.into_iter().filter_map(|(k, v)| v.map(|v| (k.to_owned(), v))).collect(),
    })
}

/// Whether shares trade now.
///
/// # Errors
/// The judged fault.
pub fn session<T: Transport>(client: &Client<'_, T>) -> Result<Session, Fault> {
    let clock: wire::Clock = client.get("/v2/clock")?;
    Ok(Session {
        is_open: clock.is_open,
        phase: if clock.is_open { "open" } else { "closed" }.to_owned(),
        next_open: moment(clock.next_open.as_ref()),
        next_close: moment(clock.next_close.as_ref()),
    })
}

/// Open positions, signed.
///
/// # Errors
/// The judged fault.
pub fn positions<T: Transport>(client: &Client<'_, T>) -> Result<Vec<Position>, Fault> {
    let positions: Vec<wire::Position> = client.get("/v2/positions")?;
    Ok(positions.into_iter().map(read_position).collect())
}

/// Cash, equity and buying power.
///
/// # Errors
/// The judged fault.
pub fn balance<T: Transport>(client: &Client<'_, T>) -> Result<Balance, Fault> {
    let account: wire::Account = client.get("/v2/account")?;
    let flags = [
        ("trading_blocked", account.trading_blocked),
        ("account_blocked", account.account_blocked),
    ];
    let mut ext: Vec<(String, String)> = flags
        .into_iter()
        .filter(|(_, on)| *on == Some(true))
        .map(|(key, _)| (key.to_owned(), "true".to_owned()))
        .collect();
    ext.extend(account.status.map(|status| ("status".to_owned(), status)));
    Ok(Balance {
        cash: account.cash.0.wire(),
        equity: account.equity.0.wire(),
        buying_power: account.buying_power.0.wire(),
        currency: account.currency.unwrap_or_else(|| "USD".to_owned()),
        ext,
    })
}

fn equity_bands() -> Vec<PriceBand> {
    let cents = |scale| Dec::new(1, scale).unwrap_or(Dec::ONE);
    vec![band(Dec::ZERO, cents(4)), band(Dec::ONE, cents(2))]
}

const fn band(above: Dec, tick: Dec) -> PriceBand {
    PriceBand { above: above.wire(), tick: tick.wire() }
}

fn feed<T>(client: &Client<'_, T>) -> String {
    client.config.feed.as_ref().map_or_else(String::new, |feed| format!("&feed={}", encode(feed)))
}

fn timeframe(seconds: u32) -> Option<String> {
    let frame = match seconds {
        604_800 => "1Week".to_owned(),
        86_400 => "1Day".to_owned(),
        s if s % 3_600 == 0 && (1..24).contains(&(s / 3_600)) => format!("{}Hour", s / 3_600),
        s if s % 60 == 0 && (1..60).contains(&(s / 60)) => format!("{}Min", s / 60),
        _ => return None,
    };
    Some(frame)
}

fn read_quote(symbol: String, quote: &wire::Quote) -> Result<Quote, Fault> {
    let side = |num| value(num).filter(|price| !price.is_zero()).map(Dec::wire);
    Ok(Quote { bid: side(quote.bp), ask: side(quote.ap), last: None, at: at(&quote.t)?, symbol })
}

fn read_bar(bar: &wire::Bar) -> Result<Bar, Fault> {
    Ok(Bar {
        at: at(&bar.t)?,
        open: bar.o.0.wire(),
        high: bar.h.0.wire(),
        low: bar.l.0.wire(),
        close: bar.c.0.wire(),
        volume: value(bar.v).map(Dec::wire),
    })
}

fn read_position(position: wire::Position) -> Position {
    let short = position.side.as_deref() == Some("short");
    // Alpaca signs both; some of its answers show the available part of a short without a sign.
    let signed = |qty: Dec| match short && qty > Dec::ZERO {
        true => qty.negated(),
        false => qty,
    };
    let size = |qty: Dec| if qty < Dec::ZERO { qty.negated() } else { qty };
    Position {
        qty: signed(position.qty.0).wire(),
        available: value(position.qty_available).map(|qty| size(qty).wire()),
        avg_price: position.avg_entry_price.0.rounded(MEAN_SCALE).wire(),
        mark: value(position.current_price).map(Dec::wire),
        ext: Vec::new(),
        symbol: position.symbol,
    }
}

fn at(text: &str) -> Result<UnixNanos, Fault> {
    time::parse(text)
        .ok_or_else(|| retryable(detail("UNREADABLE_ANSWER", format!("`{text}` is no time")), None))
}
