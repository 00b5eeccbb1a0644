//! From Alpaca's nested orders to flat ones with roles, links and honest states. Separate because
//! what `held` means depends on the whole family; it must never call an exit of an unfilled entry
//! protection.

use bracketd_plugin_sdk::types::{Leg, LegRole, Link, Order, OrderState, Side, UnixNanos};
use bracketd_plugin_sdk::{Dec, time};

use crate::status::{self, Place, is_over};
use crate::wire::{self, given, value};

/// Decimals that are kept of a mean price: it is a quotient, and the host takes at most twelve.
pub(crate) const MEAN_SCALE: u8 = 9;

/// What an order is to the order it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    /// It has no children.
    Single,
    /// Its children close what it opens.
    Entry,
    /// Its child closes the same position (the target of a pair).
    ExitParent,
    /// It came inside another.
    Child,
}

/// The order, then its children.
#[must_use]
pub fn family(top: &wire::Order) -> Vec<Order> {
    let children = top.legs.as_deref().unwrap_or_default();
    let Some(first) = children.first() else {
        return vec![flat(top, Rank::Single, single_place(top), None)];
    };
    let rank = if first.side == top.side { Rank::ExitParent } else { Rank::Entry };
    let top_order = flat(top, rank, Place::Top, None);
    let mut orders = vec![top_order];
    for child in children {
        let place = match rank {
            Rank::Entry if top.status != "filled" => Place::Waiting,
            Rank::Entry if !beside_live(child, children) => Place::Top,
            Rank::Entry => Place::Sibling,
            _ if top.status == "held" => Place::Waiting,
            _ => Place::Sibling,
        };
        orders.push(flat(child, Rank::Child, place, Some(top)));
    }
    orders
}

/// Every order of a page, children after their parent. A pair whose entry is no longer listed is
/// recognized by its shared group. An order of several options at once (`mleg`) names no symbol and
/// no side, and is none of those that are made here: it is left out.
#[must_use]
pub fn page(tops: &[wire::Order]) -> Vec<Order> {
    let of_one_symbol = tops.iter().filter(|top| given(top.symbol.as_ref()).is_some());
    let mut orders: Vec<Order> = of_one_symbol.flat_map(family).collect();
    let live_targets: Vec<String> = orders
        .iter()
        .filter(|o| o.role == LegRole::TakeProfit && stands(o.state))
        .filter_map(|o| o.group_id.clone())
        .collect();
    for order in &mut orders {
        let orphan = order.parent_id.is_none() && order.link == Link::Bracket;
        let grouped = order.group_id.as_ref().is_some_and(|group| live_targets.contains(group));
        if orphan && grouped && order.raw_state == "held" && order.role == LegRole::StopLoss {
            order.state = OrderState::Held;
        }
    }
    orders
}

/// An exit order as a bracket's leg.
#[must_use]
pub fn leg(order: &Order) -> Leg {
    Leg {
        role: order.role,
        broker_id: order.broker_id.clone(),
        client_id: order.client_id.clone(),
        group_id: order.group_id.clone(),
        link: order.link,
        state: order.state,
        price: order.limit_price,
        stop_price: order.stop_price,
        qty: order.qty,
        filled_qty: order.filled_qty,
    }
}

/// Whether the order works at the broker now.
#[must_use]
pub const fn rests(state: OrderState) -> bool {
    use OrderState as S;
    matches!(state, S::Working | S::PartiallyFilled | S::PendingReplace)
}

/// Whether the order works at the broker, or was taken and will: one that is placed after the close
/// stays `accepted` until the next morning, and a sibling that is `held` is held beside it.
#[must_use]
pub const fn stands(state: OrderState) -> bool {
    rests(state) || matches!(state, OrderState::PendingNew)
}

/// A broker's time, or none.
#[must_use]
pub fn moment(text: Option<&String>) -> Option<UnixNanos> {
    given(text).and_then(time::parse)
}

fn beside_live(child: &wire::Order, all: &[wire::Order]) -> bool {
    all.iter()
        .any(|other| other.id != child.id && stands(status::order_state(&other.status, Place::Top)))
}

/// An exit pair of an existing position has no entry to wait for.
fn single_place(order: &wire::Order) -> Place {
    if order.order_class.as_deref() == Some("oco") { Place::Sibling } else { Place::Top }
}

fn flat(order: &wire::Order, rank: Rank, place: Place, parent: Option<&wire::Order>) -> Order {
    let class = order.order_class.as_deref().unwrap_or_default();
    let class = match (class, parent) {
        ("" | "simple", Some(parent)) => parent.order_class.as_deref().unwrap_or_default(),
        _ => class,
    };
    let text = |field: &Option<String>| given(field.as_ref()).map(str::to_owned);
    let number = |num| value(num).map(Dec::wire);
    let family = parent.or((rank != Rank::Single).then_some(order));
    let group = text(&order.group_id)
        .or_else(|| family.and_then(|top| text(&top.group_id)))
        .or_else(|| family.map(|top| top.id.clone()));
    let state = status::order_state(&order.status, place);
    let updated = [&order.updated_at, &order.submitted_at, &order.created_at];
    let link = status::link(class);
    let ext = match link {
        Link::Other => vec![("class".to_owned(), class.to_owned())],
        _ => Vec::new(),
    };
    Order {
        broker_id: order.id.clone(),
        client_id: text(&order.client_order_id),
        group_id: group,
        parent_id: parent.map(|parent| parent.id.clone()),
        replaces: text(&order.replaces),
        replaced_by: text(&order.replaced_by),
        role: role(order, rank, class),
        link,
        symbol: text(&order.symbol).unwrap_or_default(),
        side: order.side.as_deref().and_then(status::side).unwrap_or(Side::Sell),
        kind: status::kind(order.r#type.as_deref().unwrap_or_default()),
        tif: status::tif(order.time_in_force.as_deref().unwrap_or_default()),
        state,
        raw_state: order.status.clone(),
        // What was ordered for an amount of money names no quantity: what filled is what is known.
        qty: value(order.qty).or(value(order.filled_qty)).unwrap_or(Dec::ZERO).wire(),
        filled_qty: value(order.filled_qty).unwrap_or(Dec::ZERO).wire(),
        avg_price: value(order.filled_avg_price).map(|mean| mean.rounded(MEAN_SCALE).wire()),
        limit_price: number(order.limit_price),
        stop_price: number(order.stop_price),
        reject: None,
        submitted_at: moment(order.submitted_at.as_ref()),
        updated_at: updated.into_iter().find_map(|t| moment(t.as_ref())).unwrap_or(0),
        ext,
    }
}

fn role(order: &wire::Order, rank: Rank, class: &str) -> LegRole {
    match given(order.group_role.as_ref()) {
        Some("entry") => return LegRole::Entry,
        Some("take_profit") => return LegRole::TakeProfit,
        Some("stop_loss") => return LegRole::StopLoss,
        _ => {}
    }
    let stops = order.r#type.as_deref().is_some_and(|word| word.contains("stop"));
    let intent = given(order.position_intent.as_ref()).unwrap_or_default();
    match rank {
        Rank::Entry => LegRole::Entry,
        Rank::ExitParent => LegRole::TakeProfit,
        Rank::Child if stops => LegRole::StopLoss,
        Rank::Child => LegRole::TakeProfit,
        Rank::Single if intent.ends_with("_to_open") => LegRole::Entry,
        Rank::Single if class == "oco" || intent.ends_with("_to_close") || class == "bracket" => {
            match (stops, class) {
                (true, _) => LegRole::StopLoss,
                (false, "oco") => LegRole::TakeProfit,
                // A limit could as well be a plain close, or the entry itself.
                (false, _) => LegRole::Other,
            }
        }
        Rank::Single => LegRole::Other,
    }
}

/// Whether this leg can still trade or block quantity.
#[must_use]
pub const fn is_live(leg: &Leg) -> bool {
    !is_over(leg.state)
}
