//! A broker that takes everything at once: entries fill, exits rest as asked.
//!
//! Apart because it plays the other side; it must know nothing of the book but what a command
//! tells it.

use bracketd_core::broker::{BrokerEvent, OrderReport};
use bracketd_core::command::{Answer, BracketLeg, Call, Change, Command, How, NewOrder, Progress};
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{OrderStatus, Role};
use bracketd_core::time::Timestamp;

/// The orders made so far; each has an id of its own.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    made: u64,
}

impl Broker {
    /// The answer to the command, or nothing to a call that the bench does not expect.
    pub(crate) fn answer(
        &mut self,
        command: &Command,
        entry: Price,
        now: Timestamp,
    ) -> Option<BrokerEvent> {
        let answer = match &command.call {
            Call::Submit(order) => self.filled(command, order, entry, now),
            Call::Adjust { bracket, stop, target } => {
                let is_new = bracket.legs.is_empty();
                let mut legs = bracket.legs.clone();
                for (role, change) in [(Role::Stop, stop), (Role::Target, target)] {
                    match change {
                        Change::Keep => {}
                        Change::Clear => legs.retain(|leg| leg.role != role),
                        Change::Set(price) => {
                            legs.retain(|leg| leg.role != role);
                            legs.push(self.leg(role, *price, bracket.protect));
                        }
                    }
                }
                let how = if is_new { How::NewLeg } else { How::ReplacedInPlace };
                Answer::Adjusted { legs, how, progress: Progress::Confirmed, memo: Vec::new() }
            }
            Call::Cancel { .. } => return None,
        };
        Some(BrokerEvent::Answer { op: command.op.clone(), answer })
    }

    /// As at brokers that give a changed order a new id, which costs the book most.
    fn leg(&mut self, role: Role, price: Price, quantity: Quantity) -> BracketLeg {
        let is_stop = role == Role::Stop;
        BracketLeg {
            role,
            broker_id: self.next_id(),
            client_id: None,
            status: if is_stop { OrderStatus::Held } else { OrderStatus::Working },
            limit: (!is_stop).then_some(price),
            trigger: is_stop.then_some(price),
            quantity,
            filled: Quantity::ZERO,
        }
    }

    fn filled(
        &mut self,
        command: &Command,
        order: &NewOrder,
        entry: Price,
        now: Timestamp,
    ) -> Answer {
        let report = OrderReport {
            broker_id: self.next_id(),
            client_id: Some(command.client_id.clone()),
            group: None,
            parent: None,
            replaces: None,
            replaced_by: None,
            role: Some(Role::Entry),
            symbol: order.symbol.clone(),
            side: order.side,
            kind: order.kind,
            time_in_force: order.time_in_force,
            status: OrderStatus::Filled,
            quantity: order.quantity,
            filled: order.quantity,
            avg_price: Some(entry),
            limit: order.limit,
            trigger: order.trigger,
            reject: None,
            updated_at: now,
        };
        Answer::Placed { order: Some(Box::new(report)), progress: Progress::Confirmed }
    }

    /// As long as the ids of a broker that uses UUIDs.
    fn next_id(&mut self) -> BrokerOrderId {
        self.made += 1;
        format!("b7a1c5d2-0000-4000-8000-{:012x}", self.made).into()
    }
}
