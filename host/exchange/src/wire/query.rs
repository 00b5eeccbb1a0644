//! Query strings into filters.
//!
//! Separate from bodies: everything is text here, and a value nobody understands is refused
//! rather than ignored.

use super::parse_time;
use crate::book::{OrderFilter, Reject, Side, StatusFilter};
use std::collections::HashMap;
use std::str::FromStr;

/// The pairs of a query string.
pub(crate) type Pairs = HashMap<String, String>;

fn given<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.get(name).map(String::as_str).filter(|text| !text.is_empty())
}

/// A boolean; some clients write `True`.
pub(crate) fn flag(pairs: &Pairs, name: &str) -> bool {
    given(pairs, name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// A value with a text form of its own.
pub(crate) fn parsed<T: FromStr>(pairs: &Pairs, name: &str) -> Result<Option<T>, Reject> {
    match given(pairs, name) {
        None => Ok(None),
        Some(text) => {
            text.parse().map(Some).map_err(|_| Reject::field(format!("invalid {name}: {text}")))
        }
    }
}

/// A moment, in unix nanoseconds.
pub(crate) fn time(pairs: &Pairs, name: &str) -> Result<Option<i64>, Reject> {
    match given(pairs, name) {
        None => Ok(None),
        // A plus sign that nobody escaped arrives as a space.
        Some(text) => parse_time(text)
            .or_else(|| parse_time(&text.replace(' ', "+")))
            .map(Some)
            .ok_or_else(|| Reject::field(format!("invalid {name}: {text}"))),
    }
}

/// A page size within `1..=max`.
pub(crate) fn page(pairs: &Pairs, name: &str, default: usize, max: usize) -> Result<usize, Reject> {
    match parsed::<usize>(pairs, name)? {
        None => Ok(default),
        Some(size) if (1..=max).contains(&size) => Ok(size),
        Some(size) => Err(Reject::field(format!("invalid {name}: {size}, 1 to {max} allowed"))),
    }
}

/// Symbols between commas.
pub(crate) fn symbols(pairs: &Pairs) -> Vec<String> {
    let text = given(pairs, "symbols").unwrap_or_default();
    text.split(',').filter(|symbol| !symbol.is_empty()).map(str::to_owned).collect()
}

/// True for `asc`, `default` when absent.
pub(crate) fn ascending(pairs: &Pairs, name: &str, default: bool) -> Result<bool, Reject> {
    match given(pairs, name) {
        None => Ok(default),
        Some("asc") => Ok(true),
        Some("desc") => Ok(false),
        Some(text) => Err(Reject::field(format!("invalid {name}: {text}"))),
    }
}

/// The query of `GET /v2/orders`.
pub(crate) fn orders(pairs: &Pairs) -> Result<OrderFilter, Reject> {
    let status = match given(pairs, "status") {
        None | Some("open") => StatusFilter::Open,
        Some("closed") => StatusFilter::Closed,
        Some("all") => StatusFilter::All,
        Some(text) => return Err(Reject::field(format!("invalid status: {text}"))),
    };
    let side = match given(pairs, "side") {
        None => None,
        Some("buy") => Some(Side::Buy),
        Some("sell") => Some(Side::Sell),
        Some(text) => return Err(Reject::field(format!("invalid side: {text}"))),
    };
    Ok(OrderFilter {
        status,
        symbols: symbols(pairs),
        side,
        after_ns: time(pairs, "after")?,
        until_ns: time(pairs, "until")?,
        after_order: parsed(pairs, "after_order_id")?,
        before_order: parsed(pairs, "before_order_id")?,
        nested: flag(pairs, "nested"),
        ascending: ascending(pairs, "direction", false)?,
        limit: page(pairs, "limit", 50, 500)?,
    })
}
