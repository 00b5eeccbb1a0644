//! Market data over HTTP.
//!
//! Separate by subject: it reads prices, never a book.

use super::Shared;
use super::answer::{Answer, ok};
use crate::bars;
use crate::book::Reject;
use crate::hub::Hub;
use crate::wire::data as show;
use crate::wire::query::{self, Pairs};
use crate::world::Seen;
use axum::extract::{Query, State};
use std::collections::BTreeMap;
use std::sync::Arc;

type Place = State<Arc<Shared>>;

fn symbols(pairs: &Pairs) -> Result<Vec<String>, Reject> {
    let symbols = query::symbols(pairs);
    if symbols.is_empty() {
        return Err(Reject::new(
            crate::book::RejectKind::Field,
            400,
            40_010_000,
            "symbols is required",
        ));
    }
    Ok(symbols)
}

fn seen<'a>(hub: &'a Hub, symbols: &'a [String]) -> impl Iterator<Item = (&'a str, &'a Seen)> {
    symbols
        .iter()
        .filter_map(|symbol| hub.world.state.seen.get(symbol).map(|seen| (symbol.as_str(), seen)))
}

/// `GET /v2/stocks/quotes/latest`
pub(super) async fn quotes(State(shared): Place, Query(pairs): Query<Pairs>) -> Answer {
    let symbols = symbols(&pairs)?;
    let hub = shared.hub();
    Ok(ok(&show::quotes(seen(&hub, &symbols))))
}

/// `GET /v2/stocks/trades/latest`
pub(super) async fn trades(State(shared): Place, Query(pairs): Query<Pairs>) -> Answer {
    let symbols = symbols(&pairs)?;
    let hub = shared.hub();
    Ok(ok(&show::trades(seen(&hub, &symbols))))
}

/// `GET /v2/stocks/bars`: pages run symbol by symbol, as the broker's do.
pub(super) async fn bars(State(shared): Place, Query(pairs): Query<Pairs>) -> Answer {
    let symbols = symbols(&pairs)?;
    let timeframe: String = query::parsed(&pairs, "timeframe")?
        .ok_or_else(|| Reject::field("timeframe is required"))?;
    let width_ns = bars::width_ns(&timeframe)
        .ok_or_else(|| Reject::field(format!("invalid timeframe: {timeframe}")))?;
    let limit = query::page(&pairs, "limit", 1_000, 10_000)?;
    let newest_first = !query::ascending(&pairs, "sort", true)?;
    let skip: usize = query::parsed(&pairs, "page_token")?.unwrap_or(0);
    let hub = shared.hub();
    let now_ns = shared.now_ns(&hub);
    // Without a start the broker begins at the present day.
    let today_ns = now_ns.div_euclid(86_400_000_000_000).saturating_mul(86_400_000_000_000);
    let from_ns = query::time(&pairs, "start")?.unwrap_or(today_ns);
    let to_ns = query::time(&pairs, "end")?.unwrap_or(i64::MAX);
    let mut found = Vec::new();
    for symbol in symbols {
        let mut bars = hub.world.state.bars.of(&symbol, width_ns, from_ns, to_ns);
        if newest_first {
            bars.reverse();
        }
        found.extend(bars.into_iter().map(|bar| (symbol.clone(), bar)));
    }
    let more = found.len() > skip + limit;
    let mut page: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (symbol, bar) in found.into_iter().skip(skip).take(limit) {
        page.entry(symbol).or_default().push(show::bar(&bar));
    }
    let next_page_token = more.then(|| (skip + limit).to_string());
    Ok(ok(&show::Bars { bars: page, next_page_token }))
}
