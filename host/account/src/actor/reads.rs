//! Read calls of the ABI, paged, checked and translated.
//!
//! Apart because several threads read the same things. A value that cannot be true is left out,
//! counted and named, and then the read is not complete.

use std::collections::HashSet;

use bracketd_core::broker::{Balance, Bar, Fault, Fill, OrderReport, Position, Quote, Session};
use bracketd_core::ids::{BrokerOrderId, ClientOrderId, Symbol};
use bracketd_core::instrument::Instrument;
use bracketd_core::time::Timestamp;

use crate::bindings::bracketd::broker::types as abi;
use crate::convert::{self, Lie, plain_fault};
use crate::lock::lock;
use crate::slot::Slot;

/// Most pages of one read: a cursor that never ends must not hold the account.
pub(crate) const PAGES_MAX: usize = 40;
/// Most pages of what has ended, orders and fills each, in one picture. Beyond that it is cheaper to
/// ask for the few orders of ours by their ids than to read what nobody asked about.
pub(crate) const HISTORY_PAGES_MAX: usize = 10;

/// Most entries of one read: each costs memory of the process, which all accounts share.
const ITEMS_MAX: usize = 20_000;
/// Most orders that come with one that was asked for.
const FAMILY_MAX: usize = 256;

/// A list and whether it is all there is.
#[derive(Clone, Debug)]
pub(crate) struct Whole<T> {
    /// What was read.
    pub items: Vec<T>,
    /// Whether absence from it proves anything.
    pub complete: bool,
    /// The broker's time when the read began.
    pub as_of: Timestamp,
}

/// Orders, page by page: all that are open, or all since a moment.
pub(crate) fn orders(
    slot: &mut Slot,
    since: Option<u64>,
    pages_max: usize,
) -> Result<Whole<OrderReport>, Fault> {
    let open_only = since.is_none();
    let mut whole = Whole { items: Vec::new(), complete: false, as_of: Timestamp::default() };
    let (mut seen, mut cursor, mut truthful) = (HashSet::new(), None, true);
    for page_no in 0..pages_max {
        let page = slot.read("get-orders", |guest, store, context| {
            guest.call_get_orders(store, context, open_only, since, cursor.as_deref())
        })?;
        if page_no == 0 {
            whole.as_of = convert::time(page.as_of);
        }
        for told in &page.orders {
            match take(slot, convert::report(told)) {
                None => truthful = false,
                Some((report, tie)) => {
                    slot.shared.note_ties(vec![(report.broker_id.clone(), tie)]);
                    if seen.insert(report.broker_id.clone()) {
                        whole.items.push(report);
                    }
                }
            }
        }
        if is_too_long(slot, "get-orders", &mut whole.items) {
            break;
        }
        cursor = page.next.filter(|next| !next.is_empty());
        if cursor.is_none() {
            whole.complete = page.complete && truthful;
            break;
        }
    }
    Ok(whole)
}

/// Fills since a moment, page by page, oldest first.
pub(crate) fn fills(slot: &mut Slot, since: u64, pages_max: usize) -> Result<Whole<Fill>, Fault> {
    let mut whole = Whole { items: Vec::new(), complete: false, as_of: Timestamp::default() };
    let (mut seen, mut cursor, mut truthful) = (HashSet::new(), None, true);
    for _ in 0..pages_max {
        let page = slot.read("get-fills", |guest, store, context| {
            guest.call_get_fills(store, context, since, cursor.as_deref())
        })?;
        for told in &page.fills {
            match take(slot, convert::fill(told)) {
                None => truthful = false,
                Some(fill) if seen.insert(fill.fill_id.clone()) => whole.items.push(fill),
                Some(_) => {}
            }
        }
        if is_too_long(slot, "get-fills", &mut whole.items) {
            break;
        }
        cursor = page.next.filter(|next| !next.is_empty());
        if cursor.is_none() {
            whole.complete = page.complete && truthful;
            break;
        }
    }
    Ok(whole)
}

/// Which order is meant.
#[derive(Clone, Debug)]
pub(crate) enum Key<'a> {
    /// The one with our id.
    Client(&'a ClientOrderId),
    /// The one with the broker's id.
    Broker(&'a BrokerOrderId),
}

/// One order, then its children; empty = the broker has none.
pub(crate) fn order(slot: &mut Slot, key: Key<'_>) -> Result<Vec<OrderReport>, Fault> {
    let told_key = match &key {
        Key::Client(id) => abi::OrderKey::Client(id.as_str().to_owned()),
        Key::Broker(id) => abi::OrderKey::Broker(id.as_str().to_owned()),
    };
    let told = slot.read("get-order", |guest, store, context| {
        guest.call_get_order(store, context, &told_key).map(absent_is_empty)
    })?;
    if told.len() > FAMILY_MAX {
        return Err(lied(slot, &Lie::new("get-order", format!("{} orders", told.len()))));
    }
    let mut reports = Vec::with_capacity(told.len());
    for one in &told {
        let (report, tie) = convert::report(one).map_err(|lie| lied(slot, &lie))?;
        slot.shared.note_ties(vec![(report.broker_id.clone(), tie)]);
        reports.push(report);
    }
    let is_other = |first: &OrderReport| match &key {
        Key::Client(id) => first.client_id.as_ref() != Some(id),
        Key::Broker(id) => first.broker_id != **id,
    };
    if reports.first().is_some_and(is_other) {
        return Err(lied(slot, &Lie::new("get-order", "another order than the one asked for")));
    }
    Ok(reports)
}

fn absent_is_empty(
    told: Result<Vec<abi::Order>, abi::Fault>,
) -> Result<Vec<abi::Order>, abi::Fault> {
    match told {
        Err(abi::Fault::NotFound(_)) => Ok(Vec::new()),
        other => other,
    }
}

/// Positions.
pub(crate) fn positions(slot: &mut Slot) -> Result<Whole<Position>, Fault> {
    let told = slot
        .read("get-positions", |guest, store, context| guest.call_get_positions(store, context))?;
    let mut items: Vec<Position> =
        told.iter().filter_map(|one| take(slot, convert::position(one))).collect();
    let complete = items.len() == told.len() && !is_too_long(slot, "get-positions", &mut items);
    Ok(Whole { items, complete, as_of: Timestamp::default() })
}

/// Money.
pub(crate) fn balance(slot: &mut Slot) -> Result<Balance, Fault> {
    let told =
        slot.read("get-balance", |guest, store, context| guest.call_get_balance(store, context))?;
    convert::balance(&told).map_err(|lie| lied(slot, &lie))
}

/// Prices of the symbols; a symbol without one is left out, and none is taken that was not asked
/// for.
pub(crate) fn prices(slot: &mut Slot, symbols: &[Symbol]) -> Result<Vec<Quote>, Fault> {
    let asked: Vec<String> = symbols.iter().map(|s| s.as_str().to_owned()).collect();
    let told = slot.read("get-prices", |guest, store, context| {
        guest.call_get_prices(store, context, &asked)
    })?;
    let mut quotes: Vec<Quote> =
        told.iter().filter_map(|one| take(slot, convert::quote(one))).collect();
    let mut left: HashSet<&Symbol> = symbols.iter().collect();
    quotes.retain(|quote| left.remove(&quote.symbol));
    Ok(quotes)
}

/// Bars, oldest first.
pub(crate) fn bars(
    slot: &mut Slot,
    symbol: &Symbol,
    seconds: u32,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Bar>, Fault> {
    let told = slot.read("get-bars", |guest, store, context| {
        let since = convert::nanos(since);
        guest.call_get_bars(store, context, symbol.as_str(), seconds, since, limit)
    })?;
    if u32::try_from(told.len()).map_or(true, |bars| bars > limit) {
        let lie = Lie::new("get-bars", format!("{} bars, {limit} were asked for", told.len()));
        return Err(lied(slot, &lie));
    }
    let mut bars = Vec::with_capacity(told.len());
    for one in &told {
        bars.push(convert::bar(one).map_err(|lie| lied(slot, &lie))?);
    }
    if bars.windows(2).any(|pair| matches!(pair, [a, b] if a.at >= b.at)) {
        return Err(lied(slot, &Lie::new("get-bars", "not oldest first")));
    }
    Ok(bars)
}

/// An instrument's rules; remembered in the ABI's form for the brackets that name it.
pub(crate) fn instrument(slot: &mut Slot, symbol: &Symbol) -> Result<Instrument, Fault> {
    let told = slot.read("get-instrument", |guest, store, context| {
        guest.call_get_instrument(store, context, symbol.as_str())
    })?;
    let instrument = convert::instrument(&told).map_err(|lie| lied(slot, &lie))?;
    if instrument.symbol != *symbol {
        let lie = Lie::new("instrument.symbol", instrument.symbol.as_str());
        return Err(lied(slot, &lie));
    }
    lock(&slot.shared.instruments).insert(symbol.clone(), told);
    Ok(instrument)
}

/// Whether an instrument trades.
pub(crate) fn session(slot: &mut Slot, symbol: &Symbol) -> Result<Session, Fault> {
    let told = slot.read("get-session", |guest, store, context| {
        guest.call_get_session(store, context, symbol.as_str())
    })?;
    Ok(Session {
        is_open: told.is_open,
        next_open: told.next_open.map(convert::time),
        next_close: told.next_close.map(convert::time),
    })
}

/// Counts and names a value that cannot be true.
pub(crate) fn lied(slot: &Slot, lie: &Lie) -> Fault {
    slot.shared.note_lie(lie);
    plain_fault("PLUGIN_LIED", lie.to_string())
}

/// Whether a list is longer than is believed; then only its start is kept.
fn is_too_long<T>(slot: &Slot, field: &'static str, items: &mut Vec<T>) -> bool {
    let is_long = items.len() > ITEMS_MAX;
    if is_long {
        slot.shared.note_lie(&Lie::new(field, format!("longer than {ITEMS_MAX} entries")));
        items.truncate(ITEMS_MAX);
    }
    is_long
}

fn take<T>(slot: &Slot, told: Result<T, Lie>) -> Option<T> {
    told.map_err(|lie| slot.shared.note_lie(&lie)).ok()
}
