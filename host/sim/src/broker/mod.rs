//! The broker's side: the exchange's matching book as an account of some kind shows it.
//!
//! Apart because it takes the same one safe step per call as a plugin does, and knows nothing of
//! what the core wants in the end. It remembers how each order looked when, so that a read can be
//! late, and for whom each order was made, so that a judge need not ask the core.

mod caps;
mod link;
mod read;
mod step;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::broker::OrderReport;
use bracketd_core::command::Command;
use bracketd_core::ids::{BrokerOrderId, OpId, TransactionId};
use bracketd_core::instrument::{Instrument, PriceBand};
use bracketd_core::money::Quantity;
use bracketd_core::order::Role;
use bracketd_core::time::Timestamp;
use bracketd_exchange::PricePoint;
use bracketd_exchange::book::{
    Asset, BookConfig, Event, EventKind, ExchangeBook, House, Order, OrderClass, OrderId,
    OrderStatus,
};

use crate::convert;
pub use caps::{Capabilities, Exits, Replace};
pub use read::Cursor;

/// For whom an order was made: the broker's own record of who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The transaction of the command.
    pub transaction: TransactionId,
    /// The outbox row of the command.
    pub op: OpId,
    /// The bracket, where it is an exit of one.
    pub bracket: Option<String>,
    /// What it is for.
    pub role: Role,
}

/// What an account held of a symbol from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    at: Timestamp,
    symbol: String,
    quantity: Decimal,
}

/// An account at a broker.
#[derive(Debug)]
pub struct Broker {
    /// The matching book; what it says is the truth.
    pub book: ExchangeBook,
    /// The moment of the next call.
    pub now: Timestamp,
    /// What kind of broker it is.
    pub caps: Capabilities,
    /// For whom orders were made; foreign ones are not in it.
    pub made: BTreeMap<OrderId, Made>,
    /// The same orders, oldest first.
    pub made_in_order: Vec<OrderId>,
    /// The id that people know an order by, where it kept the one it had.
    faces: BTreeMap<OrderId, OrderId>,
    /// Cancels that were asked for and have not happened: when they will.
    canceling: BTreeMap<OrderId, Timestamp>,
    /// How long a cancel takes, in milliseconds.
    pub cancel_ms: u64,
    /// After so long an order that ended without a fill is known to no read any more; none = never.
    pub forgets_after_ms: Option<u64>,
    /// How orders looked, by when.
    looks: BTreeMap<OrderId, Vec<(Timestamp, Arc<OrderReport>)>>,
    /// Orders that changed, oldest first.
    changes: Vec<(Timestamp, OrderId)>,
    holdings: Vec<Holding>,
    fills_seen: usize,
}

impl Broker {
    /// An account with money and these symbols.
    pub fn new(caps: Capabilities, seed: u64, symbols: &[&str], now: Timestamp) -> Self {
        let config = BookConfig {
            seed,
            cash: Decimal::from(10_000_000),
            assets: symbols.iter().map(|symbol| Asset::equity(symbol)).collect(),
            house: House { free_exits: !caps.reserves(), repeated_ids: !caps.unique_ids },
            ..BookConfig::default()
        };
        Self {
            book: ExchangeBook::new(config),
            now,
            caps,
            made: BTreeMap::new(),
            made_in_order: Vec::new(),
            faces: BTreeMap::new(),
            canceling: BTreeMap::new(),
            cancel_ms: 0,
            forgets_after_ms: None,
            looks: BTreeMap::new(),
            changes: Vec::new(),
            holdings: Vec::new(),
            fills_seen: 0,
        }
    }

    pub(crate) fn now_ns(&self) -> i64 {
        self.now.0 * 1_000
    }

    /// The market of a symbol moves.
    pub fn price(&mut self, symbol: &str, bid: Decimal, ask: Decimal) {
        let events = self.book.on_price(symbol, &PricePoint::quote(bid, ask), self.now_ns());
        self.follow(&events);
    }

    /// Cancels that were asked for long enough ago happen now.
    pub fn settle_cancels(&mut self) {
        let due: Vec<OrderId> =
            self.canceling.iter().filter(|(_, at)| **at <= self.now).map(|(id, _)| *id).collect();
        for id in due {
            self.canceling.remove(&id);
            self.end(id);
        }
    }

    /// When the next of them happens.
    pub fn next_cancel(&self) -> Option<Timestamp> {
        self.canceling.values().min().copied()
    }

    /// Cancels that hang are let go.
    pub fn free_cancels(&mut self) {
        for at in self.canceling.values_mut() {
            *at = (*at).min(self.now);
        }
        self.settle_cancels();
    }

    /// Ends an order as the broker itself does, whoever asked.
    pub fn end(&mut self, id: OrderId) {
        if let Ok(events) = self.book.cancel(id, self.now_ns()) {
            self.follow(&events);
        }
    }

    /// An order or a close that nobody here asked for; whether it was taken.
    pub fn foreign(&mut self, order: &bracketd_exchange::book::NewOrder) -> Option<OrderId> {
        let taken = self.book.submit(order, self.now_ns()).ok()?;
        self.follow(&taken.events);
        Some(taken.order.id)
    }

    /// A change of an order that nobody here asked for; whether it was taken.
    pub fn somebody_moves(
        &mut self,
        id: OrderId,
        change: &bracketd_exchange::book::Replace,
    ) -> Option<OrderId> {
        let made = self.made.get(&id).cloned();
        let taken = self.book.replace(id, change, self.now_ns()).ok()?;
        if let Some(made) = made {
            self.made.insert(taken.order.id, made);
        }
        self.follow(&taken.events);
        Some(taken.order.id)
    }

    /// Whether a cancel of the order is under way.
    pub fn is_canceling(&self, id: OrderId) -> bool {
        self.canceling.contains_key(&id)
    }

    /// The id by which people know the order.
    pub fn face(&self, id: OrderId) -> BrokerOrderId {
        BrokerOrderId::from(self.first_id(id).to_string())
    }

    pub(crate) fn first_id(&self, id: OrderId) -> OrderId {
        self.faces.get(&id).copied().unwrap_or(id)
    }

    /// The order that bears the id now.
    pub(crate) fn bearer(&self, face: OrderId) -> OrderId {
        let mut id = face;
        while let Some(next) = self.book.order(id).and_then(|order| order.replaced_by)
            && self.first_id(next) == face
        {
            id = next;
        }
        id
    }

    /// An id that is none of the exchange's finds nothing, as any unknown id.
    pub(crate) fn parsed(&self, id: &BrokerOrderId) -> OrderId {
        self.bearer(id.as_str().parse().unwrap_or_default())
    }

    /// Orders that are not over, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Order> {
        self.book.live_orders()
    }

    /// Signed quantity of a symbol that is held.
    pub fn held(&self, symbol: &str) -> Decimal {
        self.book.position(symbol).map_or(Decimal::ZERO, |position| position.qty)
    }

    /// What a transaction has entered less what its exits and closes took, by the broker's own
    /// fills.
    pub fn held_for(&self, transaction: TransactionId) -> Decimal {
        let ours = self.made.iter().filter(|(_, made)| made.transaction == transaction);
        ours.filter_map(|(id, made)| {
            let filled = self.book.order(*id)?.filled_qty;
            Some(if made.role == Role::Entry { filled } else { -filled })
        })
        .sum()
    }

    /// Units that a transaction entered, by the broker's own fills.
    pub fn entered_for(&self, transaction: TransactionId) -> Decimal {
        let ours = self.made.iter().filter(|(_, made)| made.transaction == transaction);
        let entries = ours.filter(|(_, made)| made.role == Role::Entry);
        entries.filter_map(|(id, _)| Some(self.book.order(*id)?.filled_qty)).sum()
    }

    /// What the broker would say to exits of a transaction if they were sent now and nothing of its
    /// own rested: asked of a copy, so that nothing happens.
    pub fn would_refuse(
        &self,
        transaction: TransactionId,
        order: &bracketd_exchange::book::NewOrder,
    ) -> Option<bracketd_exchange::book::Reject> {
        let mut copy = self.book.clone();
        copy.reindex();
        for (id, _) in self.made.iter().filter(|(_, m)| m.transaction == transaction) {
            // Those that are over need no cancel.
            let _over = copy.cancel(*id, self.now_ns());
        }
        copy.submit(order, self.now_ns()).err()
    }

    /// Whether a live order would act by itself: what an entry carries does so only once the entry
    /// has filled.
    pub fn stands(&self, order: &Order) -> bool {
        match order.order_class {
            OrderClass::Simple | OrderClass::Oco => order.is_live(),
            OrderClass::Bracket | OrderClass::Oto => {
                let entry = self.book.parent_of(order);
                order.is_live() && entry.is_some_and(|entry| entry.status == OrderStatus::Filled)
            }
        }
    }

    /// Takes note of what changed: how the orders look now, and what is held.
    pub(crate) fn follow(&mut self, events: &[Event]) {
        let mut ids: Vec<OrderId> = Vec::with_capacity(events.len());
        for event in events {
            if let EventKind::Replaced { by } = event.kind {
                ids.push(by);
            }
            ids.push(event.order_id);
        }
        self.note(ids);
        let more = self.let_links_follow(events);
        if !more.is_empty() {
            self.follow(&more);
        }
    }

    /// Writes down how orders look now, with their kin: what an entry carries looks different once
    /// the entry has filled.
    pub(crate) fn note(&mut self, ids: Vec<OrderId>) {
        let mut all = ids.clone();
        for id in &ids {
            let Some(order) = self.book.order(*id) else { continue };
            all.extend(self.book.legs_of(order).iter().map(|leg| leg.id));
        }
        all.sort_unstable();
        all.dedup();
        for id in all {
            if self.book.order(id).is_some_and(|order| !order.is_live()) {
                self.canceling.remove(&id);
            }
            let face = self.first_id(id);
            if self.bearer(face) != id {
                continue;
            }
            let Some(report) = convert::report(self, id) else { continue };
            let looks = self.looks.entry(face).or_default();
            if looks.last().is_none_or(|(_, last)| **last != report) {
                looks.push((self.now, Arc::new(report)));
                self.changes.push((self.now, face));
            }
        }
        for fill in self.book.fills().iter().skip(self.fills_seen) {
            let quantity =
                self.book.position(&fill.symbol).map_or(Decimal::ZERO, |position| position.qty);
            self.holdings.push(Holding { at: self.now, symbol: fill.symbol.clone(), quantity });
        }
        self.fills_seen = self.book.fills().len();
    }

    pub(crate) fn remember(&mut self, id: OrderId, command: &Command, role: Role) {
        let bracket = match &command.call {
            bracketd_core::command::Call::Adjust { bracket, .. } => Some(bracket.id.clone()),
            _ => None,
        };
        let (transaction, op) = (command.transaction, command.op.clone());
        self.made_in_order.push(id);
        self.made.insert(id, Made { transaction, op, bracket, role });
    }
}

/// The rules of a symbol as every simulated account tells them.
pub fn instrument(symbol: &str) -> Instrument {
    let band = |above: i64, tick| PriceBand { above: Decimal::from(above), tick };
    Instrument {
        symbol: symbol.into(),
        broker_symbol: symbol.to_owned(),
        currency: "USD".to_owned(),
        bands: vec![band(0, Decimal::new(1, 4)), band(1, Decimal::new(1, 2))],
        qty_step: Decimal::ONE,
        min_qty: Quantity::new(Decimal::ONE).unwrap_or_default(),
        max_qty: None,
        min_notional: None,
        multiplier: Decimal::ONE,
        features: bracketd_core::instrument::Features::default(),
    }
}
