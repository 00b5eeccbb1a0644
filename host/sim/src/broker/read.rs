//! Reads: polls, look-ups, complete pictures, each as things were so long ago as the account lags.
//!
//! Apart because reading changes nothing, and because every read can be asked to be older still.

use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, Fill, Found, History, OrderReport, Picture, Position};
use bracketd_core::command::{Bracket, BracketLeg, Read};
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::time::Timestamp;
use bracketd_exchange::book::OrderId;

use super::{Broker, Exits};
use crate::convert;

/// Up to where a poll has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    changes: usize,
    fills: usize,
}

impl Broker {
    /// The moment that a read shows: now less the account's lag, less `older_ms`.
    pub fn horizon(&self, older_ms: u64) -> Timestamp {
        let late_ms = i64::try_from(self.caps.lag_ms + older_ms).unwrap_or(i64::MAX);
        Timestamp(self.now.0.saturating_sub(late_ms.saturating_mul(1_000)))
    }

    /// Where a poll begins that shall tell again all that changed in the last `ms`.
    pub(crate) fn cursor_at(&self, ms: u64) -> Cursor {
        let at = self.horizon(ms);
        Cursor {
            changes: self.changes.partition_point(|(when, _)| *when < at),
            fills: self.book.fills().partition_point(|fill| fill.at_ns / 1_000 < at.0),
        }
    }

    fn look(&self, face: OrderId, at: Timestamp) -> Option<&Arc<OrderReport>> {
        let looks = self.looks.get(&face).filter(|looks| !self.has_forgotten(looks))?;
        looks.iter().rev().find(|(when, _)| *when <= at).map(|(_, report)| report)
    }

    fn has_forgotten(&self, looks: &[(Timestamp, Arc<OrderReport>)]) -> bool {
        let Some(after_ms) = self.forgets_after_ms else { return false };
        looks.last().is_some_and(|(ended_at, last)| {
            let is_over = last.status.is_terminal() && last.filled.is_zero();
            is_over && self.now.ms_since(*ended_at) >= after_ms
        })
    }

    /// Of the orders that a refresh asks for, those that the broker does not know then.
    pub fn not_there(&self, read: &Read, older_ms: u64) -> Vec<BrokerOrderId> {
        let Read::Refresh { orders } = read else { return Vec::new() };
        let at = self.horizon(older_ms);
        let is_there = |id: &BrokerOrderId| {
            id.as_str().parse().is_ok_and(|face| self.look(face, at).is_some())
        };
        orders.iter().filter(|id| !is_there(id)).cloned().collect()
    }

    /// Orders and fills that changed since the cursor.
    pub fn poll(&self, cursor: &mut Cursor, older_ms: u64) -> (Vec<OrderReport>, Vec<Fill>) {
        let at = self.horizon(older_ms);
        let new = |list: &[(Timestamp, OrderId)]| list.iter().take_while(|c| c.0 <= at).count();
        let changed = self.changes.get(cursor.changes..).unwrap_or_default();
        let count = new(changed);
        let mut faces: Vec<OrderId> = Vec::new();
        for (_, face) in changed.iter().take(count) {
            if !faces.contains(face) {
                faces.push(*face);
            }
        }
        let orders =
            faces.iter().filter_map(|face| Some(OrderReport::clone(self.look(*face, at)?)));
        let orders = orders.collect();
        let fills = self.book.fills().get(cursor.fills..).unwrap_or_default();
        let fills: Vec<Fill> =
            fills.iter().take_while(|f| f.at_ns / 1_000 <= at.0).map(|f| self.fill(f)).collect();
        *cursor = Cursor { changes: cursor.changes + count, fills: cursor.fills + fills.len() };
        (orders, fills)
    }

    fn fill(&self, fill: &bracketd_exchange::book::Fill) -> Fill {
        Fill {
            fill_id: fill.id.to_string(),
            order: self.face(fill.order_id),
            symbol: fill.symbol.as_str().into(),
            side: convert::side(fill.side),
            quantity: Quantity::new(fill.qty).unwrap_or_default(),
            price: Price::new(fill.price).unwrap_or_else(convert::one),
            at: Timestamp(fill.at_ns / 1_000),
        }
    }

    /// Answers a read as things were `older_ms` before the account's lag.
    pub fn read(&self, read: &Read, older_ms: u64) -> Option<BrokerEvent> {
        let at = self.horizon(older_ms);
        Some(match read {
            Read::Picture { .. } => BrokerEvent::Picture(self.picture(older_ms)),
            Read::Order { op, client_id } => {
                let order = self.book.order_by_client_id(client_id.as_str());
                let face = order.map(|order| self.first_id(order.id));
                BrokerEvent::LookedUp { op: op.clone(), found: self.found(face, at) }
            }
            Read::BrokerOrder { op, order } => {
                let face = order.as_str().parse().ok();
                BrokerEvent::LookedUp { op: op.clone(), found: self.found(face, at) }
            }
            Read::Bracket { op, client_id, bracket } => {
                let legs = self.bracket_legs(client_id.as_str(), bracket, at);
                let found = Found::Legs { legs, memo: Vec::new() };
                BrokerEvent::LookedUp { op: op.clone(), found }
            }
            Read::Refresh { orders } => {
                let faces = orders.iter().filter_map(|id| id.as_str().parse().ok());
                let faces: Vec<OrderId> = faces.flat_map(|face| self.family(face)).collect();
                let orders = faces.iter().filter_map(|face| self.look(*face, at));
                let orders = orders.map(|report| OrderReport::clone(report)).collect();
                BrokerEvent::Polled { orders, fills: Vec::new() }
            }
            Read::Instrument(symbol) => {
                BrokerEvent::Instrument(Box::new(super::instrument(symbol.as_str())))
            }
            Read::Bars { .. } => return None,
        })
    }

    /// An order and its children, as a read of one order shows them.
    fn family(&self, face: OrderId) -> Vec<OrderId> {
        let order = self.book.order(self.bearer(face));
        let legs = order.map(|order| self.book.legs_of(order)).unwrap_or_default();
        let legs = legs.into_iter().map(|leg| self.first_id(leg.id));
        // A broker that links orders shows who is linked, also by the trade that they hang on.
        let links = matches!(self.caps.exits, Exits::Linked | Exits::Attached);
        let own = self.made.get(&face).filter(|_| links);
        let linked = self
            .made_in_order
            .iter()
            .filter(|id| own.is_some_and(|own| self.made.get(*id).is_some_and(|m| m.op == own.op)));
        let linked = linked.map(|id| self.first_id(*id)).filter(|id| *id != face);
        std::iter::once(face).chain(legs).chain(linked).collect()
    }

    /// What a look-up of one order shows beside it.
    pub fn children(&self, read: &Read, older_ms: u64) -> Vec<OrderReport> {
        let at = self.horizon(older_ms);
        let face = match read {
            Read::Order { client_id, .. } => {
                self.book.order_by_client_id(client_id.as_str()).map(|o| self.first_id(o.id))
            }
            Read::BrokerOrder { order, .. } => order.as_str().parse().ok(),
            Read::Bracket { client_id, bracket, .. } => {
                return self.over(client_id.as_str(), bracket, at);
            }
            _ => None,
        };
        let Some(face) = face else { return Vec::new() };
        let kin = self.family(face).into_iter().filter(|id| *id != face);
        let looks = kin.filter_map(|kin| self.look(kin, at).map(|l| OrderReport::clone(l)));
        looks.collect()
    }

    /// What was made under the client id and has ended, where none of the legs has it.
    fn over(&self, client: &str, bracket: &Bracket, at: Timestamp) -> Vec<OrderReport> {
        let legs = self.bracket_legs(client, bracket, at);
        let Some(order) = self.book.order_by_client_id(client) else { return Vec::new() };
        if legs.iter().any(|leg| leg.client_id.as_ref().is_some_and(|id| id.as_str() == client)) {
            return Vec::new();
        }
        let family = self.family(self.first_id(order.id)).into_iter();
        let looks = family.filter_map(|face| self.look(face, at));
        looks.filter(|look| look.status.is_terminal()).map(|l| OrderReport::clone(l)).collect()
    }

    fn found(&self, face: Option<OrderId>, at: Timestamp) -> Found {
        let look = face.and_then(|face| self.look(face, at));
        look.map_or(Found::Absent, |report| Found::Order(Box::new(OrderReport::clone(report))))
    }

    /// The bracket's exits that are not ended: those that were known, what stands in for them, and
    /// what was made under the client id. An account whose exits hang on a trade knows them all.
    fn bracket_legs(&self, client: &str, bracket: &Bracket, at: Timestamp) -> Vec<BracketLeg> {
        let mut faces: Vec<OrderId> = Vec::new();
        for leg in &bracket.legs {
            let Ok(mut id) = leg.broker_id.as_str().parse::<OrderId>() else { continue };
            faces.push(id);
            while let Some(next) = self.book.order(id).and_then(|order| order.replaced_by) {
                faces.push(self.first_id(next));
                id = next;
            }
        }
        if let Some(order) = self.book.order_by_client_id(client) {
            faces.push(self.first_id(order.id));
            faces.extend(self.book.legs_of(order).iter().map(|leg| self.first_id(leg.id)));
        }
        if matches!(self.caps.exits, Exits::Attached | Exits::Linked) {
            let own = self.made.iter().filter(|(_, m)| m.bracket.as_ref() == Some(&bracket.id));
            faces.extend(own.map(|(id, _)| self.first_id(*id)));
        }
        faces.sort_unstable();
        faces.dedup();
        let looks = faces.iter().filter_map(|face| self.look(*face, at));
        looks.filter(|look| !look.status.is_terminal()).map(|look| convert::leg(look)).collect()
    }

    /// A complete read of the account.
    pub fn picture(&self, older_ms: u64) -> Picture {
        let at = self.horizon(older_ms);
        let orders = self.looks.keys().filter_map(|face| self.look(*face, at));
        let orders = orders.map(|look| OrderReport::clone(look)).collect();
        let mut held: Vec<(&str, Decimal)> = Vec::new();
        for holding in self.holdings.iter().rev().filter(|holding| holding.at <= at) {
            if !held.iter().any(|(symbol, _)| *symbol == holding.symbol) {
                held.push((&holding.symbol, holding.quantity));
            }
        }
        let held = held.into_iter().filter(|(_, quantity)| !quantity.is_zero());
        let position = |(symbol, quantity): (&str, Decimal)| Position {
            symbol: symbol.into(),
            quantity,
            avg_price: None,
        };
        let fills = self.book.fills().iter().take_while(|f| f.at_ns / 1_000 <= at.0);
        Picture {
            orders,
            fills: fills.map(|fill| self.fill(fill)).collect(),
            positions: held.map(position).collect(),
            balance: None,
            complete: true,
            as_of: at,
            history: History::Whole,
        }
    }
}
