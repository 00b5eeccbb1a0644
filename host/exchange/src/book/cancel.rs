//! The ends of an order that are not fills: canceled, or its time is up.
//!
//! Separate because every end must leave the live list and take its group along.

use super::order::{Order, OrderId, OrderStatus, TimeInForce};
use super::reject::{Reject, RejectKind};
use super::{Event, EventKind, ExchangeBook};

pub(super) const DAY_NS: i64 = 86_400_000_000_000;

impl ExchangeBook {
    /// Cancels an order and all open members of its group.
    ///
    /// # Errors
    /// Unknown order; order that is over already.
    pub fn cancel(&mut self, id: OrderId, at_ns: i64) -> Result<Vec<Event>, Reject> {
        self.advance(at_ns);
        let index = self.index_of(id)?;
        let status = self.orders[index].status;
        if status.is_terminal() {
            let text = format!("order is already in \"{}\" state", status.word());
            return Err(Reject::unprocessable(RejectKind::NotCancelable, text));
        }
        self.end_group(index, OrderStatus::Canceled);
        Ok(std::mem::take(&mut self.events))
    }

    /// Cancels every live order; returns their ids, oldest first, and what followed.
    pub fn cancel_all(&mut self, at_ns: i64) -> (Vec<OrderId>, Vec<Event>) {
        self.advance(at_ns);
        let mut live: Vec<usize> =
            self.symbols.values().flat_map(|state| state.live.iter().copied()).collect();
        live.sort_unstable();
        let ids = live.iter().map(|&index| self.orders[index].id).collect();
        for index in live {
            if self.orders[index].is_live() {
                self.end(index, OrderStatus::Canceled);
            }
        }
        (ids, std::mem::take(&mut self.events))
    }

    /// Moves the book's clock, never back, and expires what is due.
    pub fn on_time(&mut self, at_ns: i64) -> Vec<Event> {
        self.advance(at_ns);
        std::mem::take(&mut self.events)
    }

    pub(super) fn advance(&mut self, at_ns: i64) {
        self.now_ns = self.now_ns.max(at_ns);
        let day = self.now_ns.div_euclid(DAY_NS);
        if day == self.day {
            return;
        }
        self.day = day;
        let due = |order: &Order| order.expires_ns.is_some_and(|at| at <= self.now_ns);
        let expired: Vec<usize> = self
            .symbols
            .values()
            .flat_map(|state| state.live.iter().copied())
            .filter(|&index| due(&self.orders[index]))
            .collect();
        for index in expired {
            if self.orders[index].is_live() {
                self.end_group(index, OrderStatus::Expired);
            }
        }
    }

    /// When an order taken now expires: at the end of a UTC day.
    pub(super) fn expiry(&self, time_in_force: TimeInForce) -> Option<i64> {
        let days = match time_in_force {
            TimeInForce::Day => 1,
            TimeInForce::Gtc => i64::from(self.config.gtc_days?) + 1,
            TimeInForce::Ioc | TimeInForce::Fok => return None,
        };
        Some((self.now_ns.div_euclid(DAY_NS) + days) * DAY_NS)
    }

    /// Ends an order and whatever of its group is still open.
    pub(super) fn end_group(&mut self, index: usize, status: OrderStatus) {
        let members: Vec<usize> = match self.orders[index].group {
            Some(group) => self.groups[group].members().collect(),
            None => vec![index],
        };
        for member in members {
            if self.orders[member].is_live() {
                self.end(member, status);
            }
        }
    }

    /// Ends one order without a fill.
    pub(super) fn end(&mut self, index: usize, status: OrderStatus) {
        let now = self.now_ns;
        let order = &mut self.orders[index];
        order.status = status;
        let kind = match status {
            OrderStatus::Expired => {
                order.expired_ns = Some(now);
                EventKind::Expired
            }
            _ => {
                order.canceled_ns = Some(now);
                EventKind::Canceled
            }
        };
        self.retire(index);
        self.note(index, kind);
    }

    pub(super) fn retire(&mut self, index: usize) {
        if let Some(state) = self.symbols.get_mut(&self.orders[index].symbol) {
            state.live.retain(|live| *live != index);
        }
    }
}
