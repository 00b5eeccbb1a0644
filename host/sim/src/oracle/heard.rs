//! What the daemon was told, and by what: evidence for what it concludes (S11, S15).
//!
//! Apart because a conclusion without a message that supports it is a guess.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, Fill, FromAccount, OrderReport};
use bracketd_core::command::{Answer, BracketLeg};
use bracketd_core::ids::{BrokerOrderId, ClientOrderId, OpId};
use bracketd_core::money::Quantity;
use bracketd_core::order::{OrderStatus, Role};
use bracketd_core::time::Timestamp;
use bracketd_engine::Input;

use super::{Oracle, Side};

/// What was heard of operations in this life of the daemon.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Client ids that some report or leg bore.
    pub(super) clients: BTreeSet<ClientOrderId>,
    /// Look-ups that were answered, by row.
    pub(super) looks: BTreeMap<OpId, u32>,
    /// Rows that were answered for certain, late or again.
    pub(super) answered: BTreeSet<OpId>,
    /// Look-ups that showed something.
    pub(super) shown: BTreeSet<OpId>,
}

impl Heard {
    /// A new life knows nothing but its ledger, which counts the looks.
    pub(super) fn forget(&mut self) {
        self.answered.clear();
    }
}

impl Side {
    fn end_told(&mut self, id: &BrokerOrderId) {
        if let Ok(face) = id.as_str().parse() {
            self.unheard_ends.remove(&face);
        }
    }
}

impl Oracle {
    /// The daemon hears these.
    pub(crate) fn heard(&mut self, inputs: &[Input], now: Timestamp) {
        for input in inputs {
            if let Input::Account(from) = input {
                self.hear(from, now);
            }
        }
    }

    fn hear(&mut self, from: &FromAccount, now: Timestamp) {
        let Some(no) = self.side_of(&from.account) else { return };
        match &from.event {
            BrokerEvent::Up(_) => self.sides[no].is_up = true,
            BrokerEvent::Down(_) => self.sides[no].is_up = false,
            BrokerEvent::Picture(picture) => {
                self.sides[no].is_read |= picture.complete;
                let ids = picture.orders.iter().filter_map(|order| order.client_id.clone());
                self.heard.clients.extend(ids);
                self.orders_told(no, &picture.orders, now);
                self.fills_told(no, &picture.fills, now);
            }
            BrokerEvent::Polled { orders, .. } => {
                let ids = orders.iter().filter_map(|order| order.client_id.clone());
                self.heard.clients.extend(ids);
                self.orders_told(no, orders, now);
            }
            BrokerEvent::LookedUp { op, found } => {
                use bracketd_core::broker::Found;
                match found {
                    Found::Order(order) => {
                        self.orders_told(no, std::slice::from_ref(order), now);
                        self.heard.shown.insert(op.clone());
                    }
                    Found::Legs { legs, .. } => {
                        *self.heard.looks.entry(op.clone()).or_default() += 1;
                        self.legs_told(no, legs, now);
                        if self.legs_show(op, legs) {
                            self.heard.shown.insert(op.clone());
                        }
                    }
                    Found::Absent => *self.heard.looks.entry(op.clone()).or_default() += 1,
                    Found::Failed(_) => {}
                }
            }
            BrokerEvent::Answer { op, answer } => {
                match answer {
                    Answer::Adjusted { legs, .. } => self.legs_told(no, legs, now),
                    Answer::Placed { order: Some(order), .. } => {
                        self.orders_told(no, std::slice::from_ref(order), now);
                    }
                    Answer::Placed { order: None, .. }
                    | Answer::Rejected(_)
                    | Answer::NotSent { .. } => {}
                    Answer::Unknown(_) => return,
                }
                self.heard.answered.insert(op.clone());
            }
            BrokerEvent::NotThere { orders, .. } => {
                orders.iter().for_each(|order| self.sides[no].end_told(order));
            }
            _ => {}
        }
    }

    /// Fills of entries, and stops that stand, as the daemon is told of them.
    fn orders_told(&mut self, no: usize, orders: &[OrderReport], now: Timestamp) {
        for order in orders {
            self.told_of(no, &order.broker_id, (order.filled, order.status), now);
        }
    }

    /// A picture lists all fills, also of orders that it leaves out: exits, which are known. An entry that
    /// nobody has heard of is nobody's by its fill.
    fn fills_told(&mut self, no: usize, fills: &[Fill], now: Timestamp) {
        let mut by_order: BTreeMap<&BrokerOrderId, Quantity> = BTreeMap::new();
        let faces = &self.sides[no].faces;
        let is_exit =
            |fill: &&Fill| faces.get(&fill.order).is_some_and(|(_, role)| *role != Role::Entry);
        for fill in fills.iter().filter(is_exit) {
            let sum = by_order.entry(&fill.order).or_default();
            *sum = sum.plus(fill.quantity);
        }
        for (order, filled) in by_order {
            self.told_of(no, order, (filled, OrderStatus::PartiallyFilled), now);
        }
    }

    fn legs_told(&mut self, no: usize, legs: &[BracketLeg], now: Timestamp) {
        for leg in legs {
            self.told_of(no, &leg.broker_id, (leg.filled, leg.status), now);
        }
    }

    fn told_of(
        &mut self,
        no: usize,
        id: &BrokerOrderId,
        (filled, status): (Quantity, OrderStatus),
        now: Timestamp,
    ) {
        let side = &mut self.sides[no];
        if status.is_terminal() {
            side.end_told(id);
        }
        let Some((transaction, role)) = side.faces.get(id).copied() else { return };
        let Some(model) = self.models.get_mut(&transaction) else { return };
        let ever = side.told_ever.entry(id.clone()).or_default();
        let more = (filled.get() - *ever).max(Decimal::ZERO);
        *ever += more;
        model.told_held += if role == Role::Entry { more } else { -more };
        let known = side.told_fills.entry(id.clone()).or_default();
        if role != Role::Entry && filled.get() > *known {
            model.told_left += filled.get() - *known;
            model.told_left_at = now;
            *known = filled.get();
        }
        match role {
            Role::Stop => {
                model.told_stop |= matches!(
                    status,
                    OrderStatus::Working
                        | OrderStatus::Held
                        | OrderStatus::PartiallyFilled
                        | OrderStatus::PendingCancel
                        | OrderStatus::PendingReplace
                        | OrderStatus::Filled
                );
            }
            Role::Entry | Role::Target | Role::Close => {}
        }
    }
}
