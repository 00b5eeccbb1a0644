//! The exchange's orders as reports to the core.
//!
//! Apart because it does natively what a plugin does in the daemon.

use bracketd_core::Decimal;
use bracketd_core::broker::OrderReport;
use bracketd_core::command::BracketLeg;
use bracketd_core::ids::ClientOrderId;
use bracketd_core::money::{Price, Quantity, SCALE_MAX};
use bracketd_core::order::{OrderKind, OrderStatus, Role, Side, TimeInForce};
use bracketd_core::time::Timestamp;
use bracketd_exchange::book::{
    Order, OrderClass, OrderId, OrderStatus as Theirs, OrderType, Side as TheirSide,
};

use crate::broker::{Broker, Exits};

/// How an order looks to the account's owner; one that kept its id through changes is told as one.
pub(crate) fn report(broker: &Broker, id: OrderId) -> Option<OrderReport> {
    let order = broker.book.order(id)?;
    let face = broker.first_id(id);
    let first = broker.book.order(face)?;
    let chain = Chain::of(broker, order, face);
    let entry = entry_of(broker, order);
    let linked = broker.made.get(&id).and_then(|made| made.bracket.clone());
    let linked = linked.filter(|_| matches!(broker.caps.exits, Exits::Linked | Exits::Attached));
    let shown = |other: OrderId| Some(broker.face(other)).filter(|other| *other != broker.face(id));
    Some(OrderReport {
        broker_id: broker.face(id),
        client_id: Some(ClientOrderId::new(&first.client_order_id)),
        group: order.group_id.map(|group| group.to_string()).or(linked),
        parent: entry.filter(|entry| entry.id != id).map(|entry| broker.face(entry.id)),
        replaces: order.replaces.and_then(shown),
        replaced_by: order.replaced_by.and_then(shown),
        role: None,
        symbol: order.symbol.as_str().into(),
        side: side(order.side),
        kind: match order.order_type {
            OrderType::Market => OrderKind::Market,
            OrderType::Limit => OrderKind::Limit,
            OrderType::Stop => OrderKind::Stop,
            OrderType::StopLimit => OrderKind::StopLimit,
        },
        time_in_force: TimeInForce::Gtc,
        status: status(broker, order, entry.filter(|entry| entry.id != id)),
        quantity: Quantity::new(chain.filled + order.remaining()).unwrap_or_default(),
        filled: Quantity::new(chain.filled).unwrap_or_default(),
        avg_price: chain.price(),
        limit: order.limit_price.and_then(Price::new),
        trigger: order.stop_price.and_then(Price::new),
        reject: None,
        updated_at: Timestamp(order.updated_ns / 1_000),
    })
}

/// The fills of an order and of those it took the place of under the same id.
struct Chain {
    filled: Decimal,
    value: Decimal,
}

impl Chain {
    fn of(broker: &Broker, order: &Order, face: OrderId) -> Self {
        let mut chain = Self { filled: order.filled_qty, value: order.filled_value };
        let mut at = order;
        while at.id != face
            && let Some(before) = at.replaces.and_then(|id| broker.book.order(id))
        {
            chain.filled += before.filled_qty;
            chain.value += before.filled_value;
            at = before;
        }
        chain
    }

    fn price(&self) -> Option<Price> {
        Price::new(self.value.checked_div(self.filled)?.round_dp(SCALE_MAX))
    }
}

/// The entry that carries the order, for members of a bracket or OTO.
fn entry_of<'b>(broker: &'b Broker, order: &Order) -> Option<&'b Order> {
    match order.order_class {
        OrderClass::Bracket | OrderClass::Oto => broker.book.parent_of(order),
        OrderClass::Simple | OrderClass::Oco => None,
    }
}

fn status(broker: &Broker, order: &Order, entry: Option<&Order>) -> OrderStatus {
    let waits = entry.is_some_and(|entry| entry.status != Theirs::Filled);
    match order.status {
        Theirs::New | Theirs::Held | Theirs::Accepted if waits => OrderStatus::Contingent,
        Theirs::New | Theirs::Accepted | Theirs::PartiallyFilled | Theirs::Held
            if broker.is_canceling(order.id) =>
        {
            OrderStatus::PendingCancel
        }
        Theirs::New | Theirs::Accepted => OrderStatus::Working,
        Theirs::Held => OrderStatus::Held,
        Theirs::PartiallyFilled => OrderStatus::PartiallyFilled,
        Theirs::Filled => OrderStatus::Filled,
        Theirs::Canceled => OrderStatus::Canceled,
        Theirs::Expired => OrderStatus::Expired,
        Theirs::Rejected => OrderStatus::Rejected,
        Theirs::Replaced => OrderStatus::Replaced,
        Theirs::PendingCancel => OrderStatus::PendingCancel,
        Theirs::PendingReplace => OrderStatus::PendingReplace,
        Theirs::PendingNew | Theirs::AcceptedForBidding => OrderStatus::PendingNew,
        Theirs::DoneForDay | Theirs::Stopped | Theirs::Suspended | Theirs::Calculated => {
            OrderStatus::Inactive
        }
    }
}

/// A report as a leg of a bracket.
pub(crate) fn leg(report: &OrderReport) -> BracketLeg {
    BracketLeg {
        role: if report.kind == OrderKind::Limit { Role::Target } else { Role::Stop },
        broker_id: report.broker_id.clone(),
        client_id: report.client_id.clone(),
        status: report.status,
        limit: report.limit,
        trigger: report.trigger,
        quantity: report.quantity,
        filled: report.filled,
    }
}

/// The exchange's side as ours.
pub(crate) fn side(side: TheirSide) -> Side {
    match side {
        TheirSide::Buy => Side::Buy,
        TheirSide::Sell => Side::Sell,
    }
}

/// Our side as the exchange's.
pub(crate) fn theirs(side: Side) -> TheirSide {
    match side {
        Side::Buy => TheirSide::Buy,
        Side::Sell => TheirSide::Sell,
    }
}

/// The price that stands where the exchange has none; it always has one.
pub(crate) fn one() -> Price {
    #[expect(clippy::expect_used, reason = "one is a price")]
    Price::new(Decimal::ONE).expect("one is above zero")
}
