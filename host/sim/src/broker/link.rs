//! What a broker does by itself to the exits of a position when one of them fills, where the
//! matching book does not do it: linked pairs and exits that hang on a trade.
//!
//! Apart because no command asks for it. It changes orders that exist and makes none of its own.

use bracketd_core::Decimal;
use bracketd_core::order::Role;
use bracketd_exchange::book::{Event, EventKind, OrderId, Replace as Change};

use super::{Broker, Exits, Made};

impl Broker {
    /// Lets siblings follow the fills among the events. Gives what happened then.
    pub(super) fn let_links_follow(&mut self, events: &[Event]) -> Vec<Event> {
        if !matches!(self.caps.exits, Exits::Linked | Exits::Attached) {
            return Vec::new();
        }
        let mut more = Vec::new();
        for event in events {
            let EventKind::Fill { qty, .. } = event.kind else { continue };
            let Some(made) = self.made.get(&event.order_id).cloned() else { continue };
            if made.role == Role::Entry {
                continue;
            }
            let left = match self.caps.exits {
                // A stop that was touched is a market order: its target gives way before both sell.
                _ if self.is_touched(event.order_id) => Some(Decimal::ZERO),
                Exits::Attached => Some(self.held_for(made.transaction).max(Decimal::ZERO)),
                Exits::Reserved | Exits::Linked | Exits::Loose => None,
            };
            for (sibling, is_pair) in self.siblings(event.order_id, &made) {
                let by = if is_pair { qty } else { Decimal::ZERO };
                self.shrink(sibling, by, left, &mut more);
            }
        }
        more
    }

    fn is_touched(&self, id: OrderId) -> bool {
        self.book.order(id).is_some_and(|order| order.triggered)
    }

    /// The exits that follow, each with whether it is of the same pair: a part of a trade is a trade
    /// of its own, whose exits die with it, and all of them together cover no more than is held.
    fn siblings(&self, of: OrderId, made: &Made) -> Vec<(OrderId, bool)> {
        let linked = |other: &Made| {
            let is_pair = made.bracket.is_some() && other.bracket == made.bracket;
            let follows = match self.caps.exits {
                Exits::Attached => other.transaction == made.transaction,
                Exits::Reserved | Exits::Linked | Exits::Loose => is_pair,
            };
            let is_exit = matches!(other.role, Role::Stop | Role::Target);
            (is_exit && follows).then_some(is_pair)
        };
        let live = self.live().map(|order| order.id).filter(|id| *id != of);
        live.filter_map(|id| Some((id, self.made.get(&id).and_then(linked)?))).collect()
    }

    /// Takes from a sibling what filled of its pair; with `left` it covers no more than that.
    fn shrink(&mut self, id: OrderId, by: Decimal, left: Option<Decimal>, more: &mut Vec<Event>) {
        let Some(order) = self.book.order(id) else { return };
        let rest = order.remaining();
        let rest = left.map_or(rest - by, |left| left.min(rest - by));
        let done = if rest <= Decimal::ZERO {
            self.book.cancel(id, self.now_ns())
        } else {
            let change = Change { qty: Some(order.filled_qty + rest), ..Change::default() };
            self.change_in_place(id, &change)
        };
        more.extend(done.unwrap_or_default());
    }
}
