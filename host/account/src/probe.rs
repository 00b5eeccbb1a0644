//! Measures what a call into a plugin costs on this machine.
//!
//! Apart because it is a question of integrators and operators, not a part of trading. It asks for
//! a stop that already is where it shall be, so a sound plugin sends nothing.

use std::time::Instant;

use bracketd_core::broker::Fault;
use bracketd_core::command::{Bracket, BracketLeg, Change};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{OrderStatus, Role, Side, TimeInForce};
use rust_decimal::Decimal;

use crate::account::{StartError, shared};
use crate::bindings::bracketd::broker::types as abi;
use crate::config::AccountConfig;
use crate::convert::{self, Tie, fault_of, plain_fault};
use crate::guest::Mode;
use crate::host::Host;
use crate::instance::{Budget, Instance};
use crate::plugin::Plugin;
use crate::slot::Slot;

/// What an `adjust-sl` costs that changes nothing; medians, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCost {
    /// The typed call alone, arguments ready: the plugin's own work.
    pub bare_ns: u64,
    /// As the account makes it: arguments translated, budgets set, the answer checked.
    pub hosted_ns: u64,
}

/// Why nothing could be measured.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProbeError {
    /// The account does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The plugin does not connect, or does not answer `unchanged`.
    #[error("{}: {}", .0.code, .0.message)]
    Plugin(Fault),
}

/// Connects one instance and calls it `calls` times each way.
///
/// # Errors
/// [`ProbeError`] when the plugin cannot be started, connected or asked.
pub fn call_cost(
    host: &Host,
    plugin: &Plugin,
    config: AccountConfig,
    calls: usize,
) -> Result<CallCost, ProbeError> {
    let (tell, _events) = crossbeam_channel::bounded(1);
    let shared = shared(host, plugin, config, crossbeam_channel::bounded(1).0, tell)?.0;
    let mut slot = Slot::new(shared);
    slot.ensure().map_err(|not_ready| ProbeError::Plugin(not_ready.fault))?;
    let (bracket, stop) = sample().ok_or_else(|| failed("no sample"))?;
    let stop = Change::Set(stop);
    let context = Instance::context(slot.generation(), "op", "client", 1, 1_000);
    let told = |bracket: &Bracket| {
        let tie = |_: &BracketLeg| Tie { group: Some("g".to_owned()), link: abi::Link::Oco };
        convert::bracket(bracket, instrument(), tie)
    };
    let budget = Budget { export: "adjust-sl", mode: Mode::Read, total_ms: 60_000 };
    let ready = told(&bracket);
    let (bare, _) = slot.call(budget, |guest, store| {
        let mut times = Vec::with_capacity(calls);
        for _ in 0..calls {
            let began = Instant::now();
            let answer =
                guest.call_adjust_sl(&mut *store, &context, &ready, convert::tell_target(stop))?;
            times.push(began.elapsed());
            if let Err(fault) = answer {
                return Ok(Err(fault_of(&fault)));
            }
        }
        Ok(Ok(times))
    });
    let bare = bare.map_err(|e| failed(&e.to_string()))?.map_err(ProbeError::Plugin)?;
    let mut hosted = Vec::with_capacity(calls);
    for _ in 0..calls {
        let began = Instant::now();
        let (told, target) = (told(&bracket), convert::tell_target(stop));
        let context = Instance::context(slot.generation(), "op", "client", 1, 1_000);
        let (answer, _) =
            slot.call(budget, |guest, store| guest.call_adjust_sl(store, &context, &told, target));
        let answer = answer.map_err(|e| failed(&e.to_string()))?;
        let answer = answer.map_err(|fault| ProbeError::Plugin(fault_of(&fault)))?;
        convert::adjusted(&answer).map_err(|lie| failed(&lie.to_string()))?;
        hosted.push(began.elapsed());
    }
    Ok(CallCost { bare_ns: median(bare), hosted_ns: median(hosted) })
}

fn failed(text: &str) -> ProbeError {
    ProbeError::Plugin(plain_fault("PROBE", text))
}

fn median(mut times: Vec<std::time::Duration>) -> u64 {
    times.sort_unstable();
    let middle = times.get(times.len() / 2).map_or(0, std::time::Duration::as_nanos);
    u64::try_from(middle).unwrap_or(u64::MAX)
}

/// A held position with a linked pair, and the stop's price.
fn sample() -> Option<(Bracket, Price)> {
    let ten = Quantity::new(Decimal::TEN)?;
    let (low, high) = (Price::new(Decimal::from(95))?, Price::new(Decimal::from(110))?);
    let leg = |role, id: &str, limit, trigger| BracketLeg {
        role,
        broker_id: id.into(),
        client_id: None,
        status: OrderStatus::Working,
        limit,
        trigger,
        quantity: ten,
        filled: Quantity::ZERO,
    };
    let bracket = Bracket {
        id: "1-0".to_owned(),
        symbol: "SAMPLE".into(),
        entry_side: Side::Buy,
        held: ten,
        protect: ten,
        legs: vec![
            leg(Role::Target, "target", Some(high), None),
            leg(Role::Stop, "stop", None, Some(low)),
        ],
        time_in_force: TimeInForce::Gtc,
        memo: Vec::new(),
    };
    Some((bracket, low))
}

fn instrument() -> abi::Instrument {
    let number = |value: i64, scale| convert::decimal(Decimal::new(value, scale));
    abi::Instrument {
        symbol: "SAMPLE".to_owned(),
        broker_symbol: "SAMPLE".to_owned(),
        currency: "USD".to_owned(),
        bands: vec![abi::PriceBand { above: number(0, 0), tick: number(1, 2) }],
        qty_step: number(1, 0),
        min_qty: number(1, 0),
        max_qty: None,
        min_notional: None,
        multiplier: number(1, 0),
        features: ["native-oco", "replace-in-place"].map(str::to_owned).to_vec(),
        ext: Vec::new(),
    }
}
