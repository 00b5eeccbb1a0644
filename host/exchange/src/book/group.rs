//! Brackets, exit pairs and one-triggers-other orders: who belongs to whom, who wakes whom.
//!
//! Separate because the rules of a group run through submit, fill, cancel and replace. A pair is
//! one reservation: its target works in the market while its stop is held by the exchange.

use super::order::{GroupRole, OrderClass, OrderStatus};
use super::{EventKind, ExchangeBook};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The present members of a group; a replacement takes its predecessor's place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) id: Uuid,
    pub(super) class: OrderClass,
    pub(super) entry: Option<usize>,
    pub(super) take_profit: Option<usize>,
    pub(super) stop_loss: Option<usize>,
    /// The exits have been woken: the entry was filled completely, or there is none.
    pub(super) active: bool,
}

impl Group {
    pub(super) fn members(&self) -> impl Iterator<Item = usize> {
        [self.entry, self.take_profit, self.stop_loss].into_iter().flatten()
    }

    pub(super) fn parent(&self) -> Option<usize> {
        self.entry.or(self.take_profit)
    }

    pub(super) fn legs(&self) -> impl Iterator<Item = usize> {
        let parent = self.parent();
        self.members().filter(move |index| Some(*index) != parent)
    }

    pub(super) fn put(&mut self, role: GroupRole, index: usize) {
        match role {
            GroupRole::Entry => self.entry = Some(index),
            GroupRole::TakeProfit => self.take_profit = Some(index),
            GroupRole::StopLoss => self.stop_loss = Some(index),
        }
    }
}

impl ExchangeBook {
    /// Whether a held order is the watched stop of an awake pair.
    pub(super) fn is_armed(&self, index: usize) -> bool {
        let order = &self.orders[index];
        order.status == OrderStatus::Held
            && order.group_role == Some(GroupRole::StopLoss)
            && order.group.is_some_and(|group| self.groups[group].active)
    }

    /// The other exit of the same group.
    pub(super) fn sibling(&self, index: usize) -> Option<usize> {
        let order = &self.orders[index];
        let group = &self.groups[order.group?];
        match order.group_role? {
            GroupRole::Entry => None,
            GroupRole::TakeProfit => group.stop_loss,
            GroupRole::StopLoss => group.take_profit,
        }
    }

    /// Lets the group follow a fill of one member.
    pub(super) fn after_fill(&mut self, index: usize) {
        let order = &self.orders[index];
        let (Some(group), Some(role)) = (order.group, order.group_role) else { return };
        let done = order.status == OrderStatus::Filled;
        let left = order.remaining();
        match role {
            GroupRole::Entry if done => self.wake(group),
            GroupRole::Entry | GroupRole::StopLoss => {}
            GroupRole::TakeProfit => {
                let Some(stop) = self.groups[group].stop_loss else { return };
                if !self.orders[stop].is_live() {
                } else if done {
                    self.end(stop, OrderStatus::Canceled);
                } else {
                    self.orders[stop].qty = left;
                    self.note(stop, EventKind::Resized { qty: left });
                }
            }
        }
    }

    /// The entry is filled completely: the exits come to life.
    fn wake(&mut self, group: usize) {
        let members = &mut self.groups[group];
        members.active = true;
        let first = members.take_profit.or(members.stop_loss);
        if let Some(index) = first
            && self.orders[index].status == OrderStatus::Held
        {
            self.orders[index].status = OrderStatus::New;
            self.note(index, EventKind::New);
        }
    }
}
