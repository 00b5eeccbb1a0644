//! The exchange's orders as reports to the core.
//!
//! Apart because it does natively what the Alpaca plugin does in the daemon.

use bracketd_core::broker::OrderReport;
use bracketd_core::command::BracketLeg;
use bracketd_core::ids::{BrokerOrderId, ClientOrderId, Symbol};
use bracketd_core::money::{Price, Quantity, SCALE_MAX};
use bracketd_core::order::{OrderKind, OrderStatus, Role, Side, TimeInForce};
use bracketd_core::time::Timestamp;
use bracketd_exchange::book::{
    ExchangeBook, GroupRole, Order, OrderClass, OrderFilter, OrderStatus as Theirs, OrderType,
    Side as TheirSide, StatusFilter,
};

pub(crate) fn id(order: &Order) -> BrokerOrderId {
    BrokerOrderId::from(order.id.to_string())
}

pub(crate) fn report(book: &ExchangeBook, order: &Order) -> OrderReport {
    let entry = entry_of(book, order);
    let is_leg = entry.is_some_and(|entry| entry.id != order.id);
    OrderReport {
        broker_id: id(order),
        client_id: (!is_leg).then(|| ClientOrderId::new(&order.client_order_id)),
        group: order.group_id.map(|group| group.to_string()),
        parent: entry.filter(|_| is_leg).map(id),
        replaces: order.replaces.map(|id| BrokerOrderId::from(id.to_string())),
        replaced_by: order.replaced_by.map(|id| BrokerOrderId::from(id.to_string())),
        role: None,
        symbol: Symbol::new(&order.symbol),
        side: match order.side {
            TheirSide::Buy => Side::Buy,
            TheirSide::Sell => Side::Sell,
        },
        kind: match order.order_type {
            OrderType::Market => OrderKind::Market,
            OrderType::Limit => OrderKind::Limit,
            OrderType::Stop => OrderKind::Stop,
            OrderType::StopLimit => OrderKind::StopLimit,
        },
        time_in_force: TimeInForce::Gtc,
        status: status(order, entry.filter(|_| is_leg)),
        quantity: Quantity::new(order.qty).unwrap_or_default(),
        filled: Quantity::new(order.filled_qty).unwrap_or_default(),
        avg_price: order.filled_avg_price().and_then(|p| Price::new(p.round_dp(SCALE_MAX))),
        limit: order.limit_price.and_then(Price::new),
        trigger: order.stop_price.and_then(Price::new),
        reject: None,
        updated_at: Timestamp(order.updated_ns / 1_000),
    }
}

/// The entry that carries the order, for members of a bracket or OTO.
fn entry_of<'b>(book: &'b ExchangeBook, order: &Order) -> Option<&'b Order> {
    if !matches!(order.order_class, OrderClass::Bracket | OrderClass::Oto) {
        return None;
    }
    let group = order.group_id?;
    let filter = OrderFilter {
        status: StatusFilter::All,
        ascending: true,
        limit: usize::MAX,
        ..OrderFilter::default()
    };
    let mut members = book.orders(&filter).into_iter().filter(|o| o.group_id == Some(group));
    members.find(|o| o.group_role == Some(GroupRole::Entry))
}

fn status(order: &Order, entry: Option<&Order>) -> OrderStatus {
    let waits = entry.is_some_and(|entry| entry.status != Theirs::Filled);
    match order.status {
        Theirs::New | Theirs::Held | Theirs::Accepted if waits => OrderStatus::Contingent,
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

pub(crate) fn leg(book: &ExchangeBook, order: &Order) -> BracketLeg {
    let report = report(book, order);
    BracketLeg {
        role: if order.order_type == OrderType::Limit { Role::Target } else { Role::Stop },
        broker_id: report.broker_id,
        client_id: None,
        status: report.status,
        limit: report.limit,
        trigger: report.trigger,
        quantity: report.quantity,
        filled: report.filled,
    }
}
