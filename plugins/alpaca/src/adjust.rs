//! `adjust-*`: takes the planned step and tells what rests now. Separate from the plan because this
//! half talks to the broker; it must never report a change the answer does not show.

use bracketd_plugin_sdk::Dec;
use bracketd_plugin_sdk::http::{Transport, encode};
use bracketd_plugin_sdk::types::{
    AdjustHow, Adjusted, Bracket, CallCtx, Ext, Fault, Leg, LegRole, Link, OrderKey, OrderState,
    Progress, Side, Target,
};
use serde_json::{Value, json};

use crate::client::Client;
use crate::orders::{self, is_live, rests, stands};
use crate::plan::{Exits, Patch, Step, number, plan};
use crate::refusal::is_not_changed;
use crate::status::{self, is_over};
use crate::wire;

/// Brings the bracket one step nearer to the targets and its quantity.
///
/// # Errors
/// The judged fault of the one write, or `invalid`.
pub fn adjust<T: Transport>(
    client: &Client<'_, T>,
    ctx: &CallCtx,
    bracket: &Bracket,
    target: &Target,
    stop: &Target,
) -> Result<Adjusted, Fault> {
    match plan(bracket, target, stop)? {
        Step::Nothing => Ok(unchanged(bracket, Progress::Confirmed)),
        Step::Wait(id) => Ok(unchanged(bracket, Progress::WaitingFor(id))),
        Step::Create(exits) => create(client, ctx, bracket, exits),
        Step::Patch(change) => replace(client, ctx, bracket, &change),
        Step::Cancel(id) => cancel(client, bracket, &id),
    }
}

fn create<T: Transport>(
    client: &Client<'_, T>,
    ctx: &CallCtx,
    bracket: &Bracket,
    exits: Exits,
) -> Result<Adjusted, Fault> {
    let body = exit_body(ctx, bracket, exits)?;
    let lookup = vec![OrderKey::Client(ctx.client_id.clone())];
    let answer: wire::Order = client
        .write("POST", "/v2/orders", &body, lookup)
        .map_err(|fault| left(against_market(fault, bracket, exits), &[]))?;
    let mut legs: Vec<Leg> = orders::family(&answer).iter().map(orders::leg).collect();
    // A single exit does not say in the answer which one it is; the request does.
    if let ([leg], None) = (legs.as_mut_slice(), exits.target.and(exits.stop)) {
        leg.role = if exits.stop.is_some() { LegRole::StopLoss } else { LegRole::TakeProfit };
    }
    let mut ext = Vec::new();
    check(&mut ext, &legs, LegRole::TakeProfit, "limit_price", exits.target, |leg| leg.price);
    check(&mut ext, &legs, LegRole::StopLoss, "stop_price", exits.stop, |leg| leg.stop_price);
    let qty = Some(number(bracket.protect_qty)?);
    for role in legs.iter().map(|leg| leg.role).collect::<Vec<_>>() {
        check(&mut ext, &legs, role, "qty", qty, |leg| Some(leg.qty));
    }
    let progress = resting(&legs);
    Ok(Adjusted { legs, how: AdjustHow::NewLeg, progress, memo: bracket.memo.clone(), ext })
}

fn replace<T: Transport>(
    client: &Client<'_, T>,
    ctx: &CallCtx,
    bracket: &Bracket,
    change: &Patch,
) -> Result<Adjusted, Fault> {
    let old = &change.leg;
    let is_stop = old.role == LegRole::StopLoss;
    let field = if is_stop { "stop_price" } else { "limit_price" };
    let mut body = json!({ "client_order_id": ctx.client_id });
    if let Some(price) = change.price {
        body[field] = Value::String(price.to_string());
    }
    if let Some(qty) = change.qty {
        body["qty"] = Value::String(qty.to_string());
    }
    let lookup =
        vec![OrderKey::Client(ctx.client_id.clone()), OrderKey::Broker(old.broker_id.clone())];
    let path = format!("/v2/orders/{}", encode(&old.broker_id));
    let answer: wire::Order = match client.write("PATCH", &path, &body, lookup) {
        Ok(answer) => answer,
        Err(fault) if is_not_changed(&fault) => {
            return Ok(as_asked(bracket, change));
        }
        Err(fault) => {
            let target = live_legs(bracket).into_iter().find(|leg| leg.role == LegRole::TakeProfit);
            let target = target.and_then(|leg| number(leg.price?).ok());
            let stop = change.price.filter(|_| is_stop);
            return Err(against_market(fault, bracket, Exits { target, stop }));
        }
    };
    let new = successor(&answer, old, bracket);
    let mut ext = Vec::new();
    let own = [new];
    let price = |leg: &Leg| if is_stop { leg.stop_price } else { leg.price };
    check(&mut ext, &own, old.role, field, change.price, price);
    check(&mut ext, &own, old.role, "qty", change.qty, |leg| Some(leg.qty));
    let progress = if change.more { Progress::Accepted } else { resting(&own) };
    let [new] = own;
    let mut legs: Vec<Leg> = live_legs(bracket);
    for leg in &mut legs {
        if leg.broker_id == old.broker_id {
            *leg = new.clone();
        }
    }
    let how = AdjustHow::ReplacedInPlace;
    Ok(Adjusted { legs, how, progress, memo: bracket.memo.clone(), ext })
}

fn cancel<T: Transport>(
    client: &Client<'_, T>,
    bracket: &Bracket,
    id: &str,
) -> Result<Adjusted, Fault> {
    client.cancel(id)?;
    let mut legs = live_legs(bracket);
    let (group, link) = legs
        .iter()
        .find(|leg| leg.broker_id == id)
        .map_or((None, Link::Alone), |leg| (leg.group_id.clone(), leg.link));
    for leg in &mut legs {
        let sibling = link != Link::Alone && leg.group_id == group && leg.link == link;
        if leg.broker_id == id || sibling {
            leg.state = OrderState::PendingCancel;
        }
    }
    Ok(Adjusted {
        legs,
        how: AdjustHow::CancelRequested,
        progress: Progress::WaitingFor(id.to_owned()),
        memo: bracket.memo.clone(),
        ext: Vec::new(),
    })
}

/// The new order of a replaced leg. The answer shows it without its family, so role, link and group
/// are the old leg's, and `held` is read beside the sibling.
fn successor(answer: &wire::Order, old: &Leg, bracket: &Bracket) -> Leg {
    let mut leg = orders::family(answer)
        .iter()
        .find(|order| order.broker_id == answer.id)
        .map_or_else(|| old.clone(), orders::leg);
    let sibling_stands = live_legs(bracket)
        .iter()
        .any(|other| other.broker_id != old.broker_id && stands(other.state));
    if answer.status == "held" && (sibling_stands || old.state == OrderState::Held) {
        leg.state = OrderState::Held;
    }
    leg.role = old.role;
    leg.link = old.link;
    leg.group_id = old.group_id.clone().or(leg.group_id);
    leg
}

fn exit_body(ctx: &CallCtx, bracket: &Bracket, exits: Exits) -> Result<Value, Fault> {
    let side = status::opposite(bracket.entry_side);
    let tif = status::tif_word(bracket.tif)
        .ok_or_else(|| Fault::NotSupported(format!("time in force {:?}", bracket.tif)))?;
    let mut body = json!({
        "symbol": bracket.instrument.broker_symbol,
        "qty": number(bracket.protect_qty)?.to_string(),
        "side": status::side_word(side),
        "time_in_force": tif,
        "client_order_id": ctx.client_id,
    });
    match (exits.target, exits.stop) {
        (Some(target), Some(stop)) => {
            body["type"] = "limit".into();
            body["order_class"] = "oco".into();
            body["take_profit"] = json!({ "limit_price": target.to_string() });
            body["stop_loss"] = json!({ "stop_price": stop.to_string() });
        }
        (Some(price), None) => {
            body["type"] = "limit".into();
            body["limit_price"] = price.to_string().into();
            body["position_intent"] = crate::trade::closing(side).into();
        }
        (None, price) => {
            body["type"] = "stop".into();
            body["stop_price"] = price.map(|price| price.to_string()).into();
            body["position_intent"] = crate::trade::closing(side).into();
        }
    }
    Ok(body)
}

/// What a broker silently dropped or moved is named, leg by leg.
fn check(
    ext: &mut Ext,
    legs: &[Leg],
    role: LegRole,
    field: &str,
    asked: Option<Dec>,
    of: impl Fn(&Leg) -> Option<bracketd_plugin_sdk::types::Decimal>,
) {
    let Some(asked) = asked else { return };
    let leg = legs.iter().find(|leg| leg.role == role);
    let found = leg.and_then(of).and_then(|wire| Dec::try_from(wire).ok());
    if found != Some(asked) {
        let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
        ext.push(("mismatch".into(), format!("{role:?} {field}: asked {asked}, got {found}")));
    }
}

fn resting(legs: &[Leg]) -> Progress {
    let done = !legs.is_empty()
        && legs
            .iter()
            .all(|leg| rests(leg.state) || leg.state == OrderState::Held || is_over(leg.state));
    if done { Progress::Confirmed } else { Progress::Accepted }
}

fn live_legs(bracket: &Bracket) -> Vec<Leg> {
    bracket.legs.iter().filter(|leg| is_live(leg)).cloned().collect()
}

fn unchanged(bracket: &Bracket, progress: Progress) -> Adjusted {
    Adjusted {
        legs: live_legs(bracket),
        how: AdjustHow::Unchanged,
        progress,
        memo: bracket.memo.clone(),
        ext: Vec::new(),
    }
}

/// The broker says the leg is as asked: then the host's picture of it was old.
fn as_asked(bracket: &Bracket, change: &Patch) -> Adjusted {
    let progress = if change.more { Progress::Accepted } else { Progress::Confirmed };
    let mut answer = unchanged(bracket, progress);
    for leg in answer.legs.iter_mut().filter(|leg| leg.broker_id == change.leg.broker_id) {
        let price = change.price.map(Dec::wire);
        if leg.role == LegRole::StopLoss {
            leg.stop_price = price.or(leg.stop_price);
        } else {
            leg.price = price.or(leg.price);
        }
        leg.qty = change.qty.map_or(leg.qty, Dec::wire);
    }
    answer
}

/// A stop with a sibling is refused by the words for a wrong order of prices where the market has
/// reached it, too: the base price of a pair is the market's ("Orders at Alpaca", threshold on stop
/// price). Where stop and target are in order, it was the market.
fn against_market(fault: Fault, bracket: &Bracket, exits: Exits) -> Fault {
    let Fault::Rejected(mut detail) = fault else { return fault };
    let is_in_order = exits.stop.is_some_and(|stop| {
        exits.target.is_none_or(|target| match bracket.entry_side {
            Side::Buy => stop < target,
            Side::Sell => stop > target,
        })
    });
    let names_stop = detail.message.to_ascii_lowercase().contains("stop_loss.stop_price");
    if detail.code == "PRICE_GEOMETRY" && names_stop && is_in_order {
        detail.code = "STOP_THROUGH_MARKET".to_owned();
    }
    Fault::Rejected(detail)
}

/// Names what still rests after a refusal.
fn left(fault: Fault, legs: &[Leg]) -> Fault {
    match fault {
        Fault::Rejected(mut detail) => {
            detail.legs_now = Some(legs.to_vec());
            Fault::Rejected(detail)
        }
        other => other,
    }
}
