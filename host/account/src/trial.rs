//! Calls of exports that no account makes: `replace-order`, `confirm`, and any before `connect`.
//!
//! Apart because only the conformance kit asks for them. The instance belongs to no running account
//! and the guard rails are those of one: grants, budgets, one write a call, the wire as witness.

use std::sync::Arc;
use std::time::Duration;

use bracketd_core::broker::Fault;
use bracketd_core::command::{Answer, NewOrder};
use bracketd_core::ids::{BrokerOrderId, ClientOrderId};
use bracketd_core::money::{Price, Quantity};
use crossbeam_channel::bounded;
use wasmtime::Store;

use crate::account::{StartError, shared};
use crate::actor::outcome::{self, Wire};
use crate::bindings::bracketd::broker::types as abi;
use crate::bindings::exports::bracketd::broker::account::Guest;
use crate::config::AccountConfig;
use crate::convert;
use crate::guest::{GuestState, Mode, WriteSeen};
use crate::hook::{Word, spoken};
use crate::host::Host;
use crate::instance::{Budget, CallError, Instance};
use crate::plugin::Plugin;
use crate::shared::Shared;
use crate::slot::Slot;

/// One instance whose exports are called by hand.
pub struct Trial {
    slot: Slot,
    shared: Arc<Shared>,
    hard: Duration,
    op: u32,
}

/// What `replace-order` shall change of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    /// The quantity, filled part included.
    pub quantity: Option<Quantity>,
    /// The limit price.
    pub limit: Option<Price>,
    /// The trigger price.
    pub trigger: Option<Price>,
}

impl Trial {
    /// An instance that is not built yet.
    ///
    /// # Errors
    /// [`StartError`] when the configuration or the machine forbids it.
    pub fn new(host: &Host, plugin: &Plugin, config: AccountConfig) -> Result<Self, StartError> {
        let hard = Duration::from_millis(u64::from(config.limits.write_hard_ms) + 1_000);
        let (tell, _events) = bounded(1);
        let (shared, _orders) = shared(host, plugin, config, bounded(1).0, tell)?;
        Ok(Self { slot: Slot::new(shared.clone()), shared, hard, op: 0 })
    }

    /// Builds and connects it, unless it is.
    ///
    /// # Errors
    /// Why it does not connect.
    pub fn connect(&mut self) -> Result<(), Fault> {
        self.slot.ensure().map(|_| ()).map_err(|not_ready| not_ready.fault)
    }

    /// Calls `replace-order`.
    pub fn replace(
        &mut self,
        client_id: &ClientOrderId,
        order: &BrokerOrderId,
        change: Replacement,
    ) -> Answer {
        let price = |price: Option<Price>| price.map(|p| convert::decimal(p.get()));
        let told = abi::Change {
            qty: change.quantity.map(|q| convert::decimal(q.get())),
            limit_price: price(change.limit),
            stop_price: price(change.trigger),
            tif: None,
        };
        let (told, wire) = self.write("replace-order", client_id, |guest, store, context| {
            guest.call_replace_order(store, context, order.as_str(), told)
        });
        match told {
            Err(answer) => answer,
            Ok(Err(fault)) => outcome::of_fault(&fault, &wire),
            Ok(Ok(placed)) => match convert::placed(&placed, None) {
                Ok((answer, ..)) => answer,
                Err(lie) => outcome::of_lie(lie.to_string()),
            },
        }
    }

    /// Calls `confirm` for a question that the broker never asked.
    pub fn confirm(&mut self, client_id: &ClientOrderId, challenge: &str) -> Answer {
        let (told, wire) = self.write("confirm", client_id, |guest, store, context| {
            guest.call_confirm(store, context, challenge, false)
        });
        match told {
            Err(answer) => answer,
            Ok(Err(fault)) => outcome::of_fault(&fault, &wire),
            Ok(Ok(_)) => outcome::of_lie("an answer to a question nobody asked".to_owned()),
        }
    }

    /// Calls exports on an instance that was never connected; the answer is each with its word.
    pub fn before_connect(&mut self) -> Vec<(&'static str, Word)> {
        let mut words = Vec::new();
        for (export, call) in UNCONNECTED {
            let word = match self.unconnected(export, *call) {
                Ok(word) => word,
                Err(_) => Word::Ended,
            };
            words.push((*export, word));
        }
        words
    }

    fn unconnected(&self, export: &'static str, call: Unconnected) -> Result<Word, CallError> {
        let generation = self.slot.generation();
        let plugin = self.shared.running.plugin();
        let instance = Instance::build(&plugin, &self.shared, generation)?;
        let total_ms = self.shared.limits.read_budget_ms;
        let context = Instance::context(generation, "early", "early", 1, total_ms);
        let budget = Budget { export, mode: Mode::Write, total_ms };
        let called = instance.call(budget, |guest, store| call(guest, store, &context));
        called.result.map(|(_, word)| word)
    }

    /// Calls a write export; the error is the answer of a call without one.
    fn write<R>(
        &mut self,
        export: &'static str,
        client_id: &ClientOrderId,
        call: impl FnOnce(
            &Guest,
            &mut Store<GuestState>,
            &abi::CallCtx,
        ) -> wasmtime::Result<Result<R, abi::Fault>>,
    ) -> (Result<Result<R, abi::Fault>, Answer>, Wire) {
        if let Err(fault) = self.connect() {
            return (Err(Answer::NotSent { fault, after_ms: 1 }), Wire::Nothing);
        }
        self.op += 1;
        let total_ms = self.shared.limits.write_budget_ms;
        let op = format!("trial-{}", self.op);
        let context =
            Instance::context(self.slot.generation(), &op, client_id.as_str(), 1, total_ms);
        let budget = Budget { export, mode: Mode::Write, total_ms };
        let (told, write) = self.slot.call(budget, |guest, store| call(guest, store, &context));
        self.slot.spoke(export, spoken(told.as_ref()));
        let wire = self.wire(write);
        (told.map_err(|error| outcome::of_error(&error, &wire)), wire)
    }

    /// What the host saw of the write; waits for one that is still on its way.
    fn wire(&self, write: Option<WriteSeen>) -> Wire {
        let flight = match write {
            None => return Wire::Nothing,
            Some(WriteSeen::NotSent) => return Wire::NotSent,
            Some(WriteSeen::Handed(flight)) => flight,
        };
        let (tell, told) = bounded(1);
        // It is told once, and there is room for it.
        let landed = flight.landed_or(move |landed| drop(tell.try_send(landed)));
        match landed.or_else(|| told.recv_timeout(self.hard).ok()) {
            Some(landed) => Wire::of(&landed),
            None => Wire::Doubt("the write never landed".to_owned()),
        }
    }
}

impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trial").field("op", &self.op).finish_non_exhaustive()
    }
}

type Unconnected = fn(&Guest, &mut Store<GuestState>, &abi::CallCtx) -> wasmtime::Result<Word>;

fn word<R>(told: Result<R, abi::Fault>) -> Word {
    spoken(Ok(&told)).word
}

/// Every export that needs no order or bracket to be called.
const UNCONNECTED: &[(&str, Unconnected)] = &[
    ("get-balance", |g, s, c| Ok(word(g.call_get_balance(s, c)?))),
    ("get-positions", |g, s, c| Ok(word(g.call_get_positions(s, c)?))),
    ("get-orders", |g, s, c| Ok(word(g.call_get_orders(s, c, true, None, None)?))),
    ("get-fills", |g, s, c| Ok(word(g.call_get_fills(s, c, 0, None)?))),
    ("get-order", |g, s, c| {
        Ok(word(g.call_get_order(s, c, &abi::OrderKey::Client("early".to_owned()))?))
    }),
    ("get-prices", |g, s, c| Ok(word(g.call_get_prices(s, c, &["A".to_owned()])?))),
    ("get-bars", |g, s, c| Ok(word(g.call_get_bars(s, c, "A", 60, 0, 1)?))),
    ("get-instrument", |g, s, c| Ok(word(g.call_get_instrument(s, c, "A")?))),
    ("get-session", |g, s, c| Ok(word(g.call_get_session(s, c, "A")?))),
    ("cancel-order", |g, s, c| Ok(word(g.call_cancel_order(s, c, "early")?))),
    ("confirm", |g, s, c| Ok(word(g.call_confirm(s, c, "early", false)?))),
    ("submit-order", |g, s, c| Ok(word(g.call_submit_order(s, c, &early_order())?))),
];

fn early_order() -> abi::NewOrder {
    use bracketd_core::order::{OrderKind, Side, TimeInForce};
    convert::new_order(&NewOrder {
        symbol: "A".into(),
        side: Side::Buy,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Day,
        quantity: Quantity::new(rust_decimal::Decimal::ONE).unwrap_or(Quantity::ZERO),
        limit: None,
        trigger: None,
        take_profit: None,
        stop_loss: None,
        reduce_only: false,
    })
}
