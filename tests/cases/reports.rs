//! What a broker tells, by hand: reports as it would make them, to be changed, doubled or left out.
//!
//! Apart from the words, for scenarios whose point is what the daemon hears.

use bracketd_core::broker::{BrokerEvent, OrderReport};
use bracketd_core::command::{Answer, BracketLeg, How, Progress};
use bracketd_exchange::book::OrderId;
use bracketd_sim::stage::Fate;

use crate::terminal::Terminal;
use crate::words::{live, role_of};

/// The oldest live order of ours in that role as the broker would tell it now.
pub(crate) fn report(terminal: &Terminal, role: &str) -> OrderReport {
    let broker = &terminal.stage.broker;
    let face = broker.face(live(terminal, role));
    let orders = broker.picture(0).orders;
    orders.into_iter().find(|order| order.broker_id == face).expect("it is told")
}

/// The daemon hears these reports, whether they are true or not.
pub(crate) fn hear(terminal: &mut Terminal, orders: Vec<OrderReport>) {
    let fills = Vec::new();
    terminal.stage.hear(BrokerEvent::Polled { orders, fills }).wait_ms(0);
}

/// A complete read without the orders in that role.
pub(crate) fn picture_without(terminal: &mut Terminal, role: &str) {
    let face = terminal.stage.broker.face(any(terminal, role));
    let mut picture = terminal.stage.broker.picture(0);
    picture.orders.retain(|order| order.broker_id != face);
    terminal.stage.hear(BrokerEvent::Picture(picture)).wait_ms(0);
}

/// The first order ever made in that role.
fn any(terminal: &Terminal, role: &str) -> OrderId {
    let made = &terminal.stage.broker.made;
    let found = made.iter().find(|(_, made)| made.role == role_of(role));
    *found.unwrap_or_else(|| panic!("there never was a {role}")).0
}

/// The broker's answer "done", with the exits as they are.
pub(crate) fn done_as_it_is(terminal: &Terminal) -> Fate {
    let legs = ["stop", "target"].map(|role| {
        let told = report(terminal, role);
        BracketLeg {
            role: role_of(role),
            broker_id: told.broker_id,
            client_id: told.client_id,
            status: told.status,
            limit: told.limit,
            trigger: told.trigger,
            quantity: told.quantity,
            filled: told.filled,
        }
    });
    let (how, progress) = (How::ReplacedInPlace, Progress::Confirmed);
    let answer = Answer::Adjusted { legs: legs.to_vec(), how, progress, memo: Vec::new() };
    Fate::Says(Box::new(answer), false)
}
