//! JSON shapes of what the engine thread answers.
//!
//! Apart so that the API's form is written by hand in one place and no inner type can leak into it
//! by accident. Decimal numbers and ids are strings, times RFC 3339 in UTC.

pub mod control;
pub mod export;
pub mod ladder;
pub mod records;
pub mod standing;
pub mod status;
pub mod transaction;
pub mod words;

#[cfg(test)]
mod tests;

use bracketd_core::Decimal;
use bracketd_core::broker::{Position, Quote};
use bracketd_core::ids::{AccountName, Symbol};
use bracketd_core::metrics::SymbolSummary;
use bracketd_core::money::Price;
use bracketd_policy::{Effective, SourceFile, Sources};
use bracketd_store::{PolicyFreeze, PolicyVersion};
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::guards::rows;
use crate::message::{Guarded, Holding, KeptVersion, ParamsSeen, PolicyState, Reloaded};
use crate::render;

/// A decimal as the API writes it.
pub fn decimal(value: Decimal) -> String {
    value.normalize().to_string()
}

/// A price as the API writes it.
pub fn price(value: Option<Price>) -> Option<String> {
    value.map(|p| decimal(p.get()))
}

/// A latest price with its age.
#[derive(Debug, Serialize)]
pub struct QuoteView {
    account: String,
    symbol: String,
    bid: Option<String>,
    ask: Option<String>,
    last: Option<String>,
    at: String,
}

/// Latest prices.
pub fn prices(quotes: &[(AccountName, Quote)]) -> Vec<QuoteView> {
    let view = |(account, quote): &(AccountName, Quote)| QuoteView {
        account: account.to_string(),
        symbol: quote.symbol.to_string(),
        bid: price(quote.bid),
        ask: price(quote.ask),
        last: price(quote.last),
        at: rfc3339(quote.at),
    };
    quotes.iter().map(view).collect()
}

/// The limits of each account.
pub fn guards(all: &[Guarded]) -> Value {
    let account = |one: &Guarded| {
        let rows = rows(&one.rules, &one.written, Some(&one.standing));
        json!({ "account": one.account.as_str(), "guards": rows })
    };
    all.iter().map(account).collect()
}

/// What an account holds and risks.
#[derive(Debug, Serialize)]
pub struct HoldingView {
    account: String,
    equity: Option<String>,
    buying_power: Option<String>,
    cash: Option<String>,
    currency: Option<String>,
    exposure: String,
    unrealized: String,
    /// Loss at the working stops; absent where it has no limit.
    risk: Option<String>,
    /// Why there is no figure for the risk.
    risk_reason: Option<&'static str>,
    /// The part of the risk that working stops limit.
    risk_at_stops: String,
    largest_percent: Option<String>,
    opened: Vec<String>,
    waiting: Vec<String>,
    unprotected: Vec<String>,
    without_stop: Vec<String>,
    without_price: Vec<String>,
    positions: Vec<PositionView>,
    /// When the broker said so, at the last complete read; absent before the first.
    read_as_of: Option<String>,
}

#[derive(Debug, Serialize)]
struct PositionView {
    symbol: String,
    quantity: String,
    avg_price: Option<String>,
}

/// What each account holds and risks.
pub fn portfolio(holdings: &[Holding]) -> Vec<HoldingView> {
    holdings.iter().map(holding).collect()
}

fn holding(holding: &Holding) -> HoldingView {
    let all = &holding.portfolio;
    let ids = |ids: &[bracketd_core::ids::TransactionId]| {
        ids.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    HoldingView {
        account: all.account.to_string(),
        equity: all.equity.map(decimal),
        buying_power: all.buying_power.map(decimal),
        cash: holding.balance.as_ref().map(|b| decimal(b.cash)),
        currency: holding.balance.as_ref().map(|b| b.currency.clone()),
        exposure: decimal(all.exposure),
        unrealized: decimal(all.unrealized),
        risk: all.without_stop.is_empty().then(|| decimal(all.risk_at_stops)),
        risk_reason: (!all.without_stop.is_empty()).then_some(transaction::UNLIMITED),
        risk_at_stops: decimal(all.risk_at_stops),
        largest_percent: all.largest_percent.map(decimal),
        opened: all.opened.iter().map(|(id, _)| id.to_string()).collect(),
        waiting: ids(&all.waiting),
        unprotected: ids(&all.unprotected),
        without_stop: ids(&all.without_stop),
        without_price: ids(&all.without_price),
        positions: holding.positions.iter().map(position_view).collect(),
        read_as_of: holding.read_as_of.map(rfc3339),
    }
}

fn position_view(position: &Position) -> PositionView {
    PositionView {
        symbol: position.symbol.to_string(),
        quantity: decimal(position.quantity),
        avg_price: price(position.avg_price),
    }
}

/// Quantities of one account and symbol.
#[derive(Debug, Serialize)]
pub struct SummaryView {
    account: String,
    symbol: String,
    long: String,
    short: String,
}

/// Quantities by account and symbol.
pub fn summary(
    accounts: &[(AccountName, std::collections::BTreeMap<Symbol, SymbolSummary>)],
) -> Vec<SummaryView> {
    let rows = accounts.iter().flat_map(|(account, symbols)| {
        symbols.iter().map(move |(symbol, sum)| SummaryView {
            account: account.to_string(),
            symbol: symbol.to_string(),
            long: decimal(sum.long.get()),
            short: decimal(sum.short.get()),
        })
    });
    rows.collect()
}

/// How a policy is.
#[derive(Debug, Serialize)]
pub struct PolicyView {
    name: String,
    /// `active`, `refused` (an older version goes on), `sent_back` (so it does, since this one failed
    /// too often), `frozen`, `no_file` (the file is gone, the version goes on) or `none` (never good).
    state: &'static str,
    /// Whether the file is there.
    has_file: bool,
    digest: Option<String>,
    version: String,
    loaded_at: Option<String>,
    events: Vec<String>,
    transactions: usize,
    diagnostics: Vec<Value>,
    rendered: Option<String>,
    /// Why the version is not asked any more: the one that decides, or the newest where an earlier
    /// one decides instead.
    freeze: Option<FreezeView>,
    /// The same for single transactions.
    frozen_for: Vec<FreezeView>,
}

/// What is frozen, and why.
#[derive(Debug, Serialize)]
pub struct FreezeView {
    transaction: Option<u64>,
    digest: String,
    why: String,
    since: String,
    back_to: Option<String>,
}

impl FreezeView {
    fn of(freeze: &PolicyFreeze) -> Self {
        Self {
            transaction: freeze.transaction.map(|id| id.0),
            digest: freeze.digest.clone(),
            why: freeze.why.clone(),
            since: rfc3339(freeze.since),
            back_to: freeze.back_to.clone(),
        }
    }
}

/// The policies.
pub fn policies(states: &[PolicyState]) -> Vec<PolicyView> {
    let view = |state: &PolicyState| PolicyView {
        name: state.name.to_string(),
        state: match (&state.digest, state.is_frozen, state.refused.is_empty()) {
            (None, ..) => "none",
            _ if state.freeze.as_ref().is_some_and(|f| f.back_to.is_some()) => "sent_back",
            (_, true, _) => "frozen",
            (_, false, false) => "refused",
            (_, false, true) if !state.has_file => "no_file",
            (_, false, true) => "active",
        },
        has_file: state.has_file,
        digest: state.digest.clone(),
        version: state.version.clone(),
        loaded_at: state.loaded_at.map(rfc3339),
        events: state.events.clone(),
        transactions: state.transactions,
        diagnostics: state.refused.iter().map(render::json).collect(),
        rendered: (!state.refused.is_empty()).then(|| {
            let loaded_at = state.loaded_at.map(rfc3339);
            let note =
                render::still_running("this file", state.digest.as_deref(), loaded_at.as_deref());
            format!("{}\n\n{note}", render::texts(&state.refused, false))
        }),
        freeze: state.freeze.as_ref().map(FreezeView::of),
        frozen_for: state.frozen_for.iter().map(FreezeView::of).collect(),
    };
    states.iter().map(view).collect()
}

/// The values that a policy decides with.
pub fn policy_params(seen: &ParamsSeen) -> Value {
    let row = |one: &Effective| {
        json!({
            "name": one.spec.name,
            "type": one.spec.kind.as_str(),
            "value": one.value.to_string(),
            "origin": one.from.to_string(),
            "init": one.spec.init.to_string(),
            "min": one.spec.min.as_ref().map(ToString::to_string),
            "max": one.spec.max.as_ref().map(ToString::to_string),
            "step": one.spec.step.as_ref().map(ToString::to_string),
            "unit": one.spec.unit,
            "doc": one.spec.doc,
        })
    };
    json!({
        "params": seen.values.iter().flatten().map(row).collect::<Vec<_>>(),
        "problem": seen.values.as_ref().err(),
        "diagnostics": seen.refused.iter().map(render::json).collect::<Vec<_>>(),
        "rendered": (!seen.refused.is_empty()).then(|| render::texts(&seen.refused, false)),
    })
}

/// A version that was taken once; none where its text cannot be read.
pub fn policy_version(version: &PolicyVersion) -> Option<Value> {
    let sources = Sources::of_bundle(&version.source)?;
    let file = |file: &SourceFile, is_lib: bool| {
        let folder = if is_lib { "lib/" } else { "" };
        json!({ "file": format!("{folder}{}.rhai", file.name), "text": file.text })
    };
    let scripts = sources.policies.iter().map(|script| file(script, false));
    let files: Vec<Value> = scripts.chain(sources.libs.iter().map(|lib| file(lib, true))).collect();
    Some(json!({
        "name": version.name.as_str(),
        "digest": version.digest,
        "loaded_at": rfc3339(version.loaded_at),
        "decides": version.active,
        "files": files,
    }))
}

/// What came of a reload.
pub fn reloaded(reloaded: &Reloaded) -> Value {
    json!({
        "changed": reloaded.changed.iter()
            .map(|change| json!({
                "name": change.name.as_str(),
                "digest": change.after,
                "before": change.before,
                "rehearsal": (!change.rehearsal.is_empty()).then_some(&change.rehearsal),
            }))
            .collect::<Vec<_>>(),
        "params": reloaded.params,
        "diagnostics": reloaded.refused.iter().map(render::json).collect::<Vec<_>>(),
        "no_file": reloaded.no_file.iter()
            .map(|kept| json!({
                "name": kept.name.as_str(),
                "digest": kept.digest,
                "loaded_at": kept.loaded_at.map(rfc3339),
            }))
            .collect::<Vec<_>>(),
        "rendered": (!reloaded.refused.is_empty()).then(|| {
            let note = |kept: &KeptVersion| {
                let loaded_at = kept.loaded_at.map(rfc3339);
                let file = format!("{}.rhai", kept.name);
                render::still_running(&file, kept.digest.as_deref(), loaded_at.as_deref())
            };
            let texts = std::iter::once(render::texts(&reloaded.refused, false));
            texts.chain(reloaded.kept.iter().map(note)).collect::<Vec<_>>().join("\n\n")
        }),
    })
}
