//! Reads of orders and fills. Separate from writes, because the host denies writes here; it must
//! never call an order absent that it did not ask for.

use bracketd_plugin_sdk::account::{FillPage, OrderPage};
use bracketd_plugin_sdk::fault::{detail, retryable};
use bracketd_plugin_sdk::http::{Transport, encode};
use bracketd_plugin_sdk::time;
use bracketd_plugin_sdk::types::{
    AdjustHow, Adjusted, Bracket, Fault, Fill, Leg, LegRole, Link, Order, OrderKey, OrderState,
    Progress, UnixNanos,
};

use crate::client::Client;
use crate::orders::{family, is_live, leg, page, stands};
use crate::wire::{self, given};
use crate::{status, wire::Activity};

/// Alpaca's largest page of orders.
const ORDER_PAGE: usize = 500;
/// Alpaca's largest page of activities.
const FILL_PAGE: usize = 100;
/// A chain of replacements longer than this is a loop.
const LONGEST_CHAIN: usize = 16;

/// The order behind a key, then its children; empty when there is none.
///
/// # Errors
/// The judged fault.
pub fn order<T: Transport>(client: &Client<'_, T>, key: &OrderKey) -> Result<Vec<Order>, Fault> {
    let found: Option<wire::Order> = match key {
        OrderKey::Broker(id) => by_id(client, id)?,
        OrderKey::Client(id) => {
            let path = format!("/v2/orders:by_client_order_id?client_order_id={}", encode(id));
            match client.find::<wire::Order>(&path)? {
                // This look-up shows no children.
                Some(order) if has_family(&order) && order.legs.is_none() => {
                    by_id(client, &order.id)?
                }
                found => found,
            }
        }
    };
    let Some(found) = found else { return Ok(Vec::new()) };
    let orders = family(&found);
    match orders.first() {
        Some(first) if first.link == Link::Bracket && first.state == OrderState::Contingent => {
            Ok(in_family(client, first)?.unwrap_or(orders))
        }
        _ => Ok(orders),
    }
}

/// The legs of a bracket as they are now; a replaced leg is shown by its successor.
///
/// # Errors
/// The judged fault.
pub fn bracket<T: Transport>(client: &Client<'_, T>, b: &Bracket) -> Result<Adjusted, Fault> {
    let mut seen: Vec<Order> = Vec::new();
    let mut legs: Vec<Leg> = Vec::new();
    for known in &b.legs {
        if let Some(mut now) = latest(client, &known.broker_id, &mut seen)? {
            now.role = known.role;
            if legs.iter().all(|leg| leg.broker_id != now.broker_id) {
                legs.push(now);
            }
        }
    }
    beside(&mut legs);
    let ext = b
        .legs
        .iter()
        .filter(|known| is_live(known) && seen.iter().all(|o| o.broker_id != known.broker_id))
        .map(|known| ("missing".to_owned(), known.broker_id.clone()))
        .collect();
    let how = AdjustHow::Unchanged;
    Ok(Adjusted { legs, how, progress: Progress::Confirmed, memo: b.memo.clone(), ext })
}

/// One page of orders, oldest first. Alpaca pages orders by time, so the next page starts just
/// before the last order of this one and repeats it.
///
/// # Errors
/// The judged fault.
pub fn orders<T: Transport>(
    client: &Client<'_, T>,
    open_only: bool,
    since: Option<UnixNanos>,
    cursor: Option<&str>,
) -> Result<OrderPage, Fault> {
    let as_of = client.transport.now();
    let status = if open_only { "open" } else { "all" };
    let mut path =
        format!("/v2/orders?status={status}&nested=true&direction=asc&limit={ORDER_PAGE}");
    let after = cursor.map(str::to_owned).or_else(|| since.map(just_before));
    if let Some(after) = &after {
        path.push_str(&format!("&after={}", encode(after)));
    }
    let tops: Vec<wire::Order> = client.get(&path)?;
    let children: usize = tops.iter().filter_map(|o| o.legs.as_ref()).map(Vec::len).sum();
    let full = tops.len() + children >= ORDER_PAGE;
    let last = tops.last().and_then(|o| crate::orders::moment(o.submitted_at.as_ref()));
    let next = last.filter(|_| full).map(just_before).filter(|next| Some(next) != after.as_ref());
    Ok(OrderPage { orders: page(&tops), complete: !full, next, as_of })
}

/// One page of fills, oldest first.
///
/// # Errors
/// The judged fault.
pub fn fills<T: Transport>(
    client: &Client<'_, T>,
    since: UnixNanos,
    cursor: Option<&str>,
) -> Result<FillPage, Fault> {
    let after = encode(&just_before(since));
    let mut path =
        format!("/v2/account/activities/FILL?direction=asc&page_size={FILL_PAGE}&after={after}");
    if let Some(token) = cursor {
        path.push_str(&format!("&page_token={}", encode(token)));
    }
    let activities: Vec<Activity> = client.get(&path)?;
    let full = activities.len() >= FILL_PAGE;
    let next = activities.last().map(|last| last.id.clone()).filter(|_| full);
    let fills = activities.iter().map(fill).collect::<Result<_, _>>()?;
    Ok(FillPage { fills, next, complete: !full })
}

/// `after` excludes its own moment.
fn just_before(moment: UnixNanos) -> String {
    time::format(moment.saturating_sub(1))
}

fn fill(activity: &Activity) -> Result<Fill, Fault> {
    let unreadable = |field: &str, text: &str| {
        let message = format!("fill {}: {field} `{text}`", activity.id);
        retryable(detail("UNREADABLE_ANSWER", message), None)
    };
    Ok(Fill {
        fill_id: activity.id.clone(),
        broker_id: activity.order_id.clone(),
        client_id: None,
        symbol: activity.symbol.clone(),
        side: status::side(&activity.side).ok_or_else(|| unreadable("side", &activity.side))?,
        qty: activity.qty.0.wire(),
        price: activity.price.0.wire(),
        fee: None,
        at: time::parse(&activity.transaction_time)
            .ok_or_else(|| unreadable("time", &activity.transaction_time))?,
    })
}

fn by_id<T: Transport>(client: &Client<'_, T>, id: &str) -> Result<Option<wire::Order>, Fault> {
    client.find(&format!("/v2/orders/{}?nested=true", encode(id)))
}

fn has_family(order: &wire::Order) -> bool {
    matches!(order.order_class.as_deref(), Some("bracket" | "oco" | "oto"))
}

/// An exit of a bracket, read alone, does not show whether its entry has filled: its symbol's
/// orders do.
fn in_family<T: Transport>(
    client: &Client<'_, T>,
    lone: &Order,
) -> Result<Option<Vec<Order>>, Fault> {
    let path = format!(
        "/v2/orders?status=all&nested=true&direction=desc&limit={ORDER_PAGE}&symbols={}",
        encode(&lone.symbol)
    );
    let tops: Vec<wire::Order> = client.get(&path)?;
    let found = page(&tops).into_iter().find(|order| order.broker_id == lone.broker_id);
    Ok(found.map(|order| vec![order]))
}

fn latest<T: Transport>(
    client: &Client<'_, T>,
    id: &str,
    seen: &mut Vec<Order>,
) -> Result<Option<Leg>, Fault> {
    let mut id = id.to_owned();
    for _ in 0..LONGEST_CHAIN {
        if !seen.iter().any(|order| order.broker_id == id) {
            let Some(found) = by_id(client, &id)? else { return Ok(None) };
            seen.extend(family(&found));
        }
        let Some(order) = seen.iter().find(|order| order.broker_id == id) else {
            return Ok(None);
        };
        match given(order.replaced_by.as_ref()) {
            Some(next) if order.state == OrderState::Replaced => id = next.to_owned(),
            _ => return Ok(Some(leg(order))),
        }
    }
    Ok(None)
}

/// A stop of a bracket rests behind its target once that is live.
fn beside(legs: &mut [Leg]) {
    let target_stands = legs.iter().any(|leg| leg.role == LegRole::TakeProfit && stands(leg.state));
    for leg in legs.iter_mut().filter(|leg| leg.role == LegRole::StopLoss) {
        if target_stands && leg.link == Link::Bracket && leg.state == OrderState::Contingent {
            leg.state = OrderState::Held;
        }
    }
}
