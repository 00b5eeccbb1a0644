//! Changing a live order: the broker makes a new order and ends the old one.
//!
//! Separate because a replacement has refusals of its own, decided by the old order's status.
//! A leg's replacement takes its place in the group; the pair stays one reservation.

use super::order::{GroupRole, Order, OrderClass, OrderId, OrderStatus, TimeInForce};
use super::reject::{Reject, RejectKind};
use super::request::{Replace, StopLoss};
use super::wash::Candidate;
use super::{Accepted, EventKind, ExchangeBook, validate};
use rust_decimal::Decimal;

impl ExchangeBook {
    /// Replaces an order; the answer shows the new one, before it could trade.
    ///
    /// # Errors
    /// Unknown order, or any rule the change breaks; the old order then stays as it was.
    pub fn replace(
        &mut self,
        id: OrderId,
        change: &Replace,
        at_ns: i64,
    ) -> Result<Accepted, Reject> {
        self.advance(at_ns);
        let old_index = self.index_of(id)?;
        let old = self.orders[old_index].clone();
        replaceable(&old)?;
        validate::client_id(change.client_order_id.as_deref())?;
        self.check_client_id(change.client_order_id.as_deref())?;
        let new = self.changed(&old, change)?;
        self.incident_on_replace(&old)?;
        self.admit_change(&old, &new)?;
        let new_id = new.id;
        let new_index = self.swap(old_index, new);
        self.note(old_index, EventKind::Replaced { by: new_id });
        let accepted = self.snapshot(new_index);
        self.run_matching(&old.symbol, None);
        Ok(Accepted { events: std::mem::take(&mut self.events), ..accepted })
    }

    /// The order as it would be after the change.
    fn changed(&mut self, old: &Order, change: &Replace) -> Result<Order, Reject> {
        let total = match change.qty {
            Some(qty) if old.order_class != OrderClass::Simple && qty != old.qty => {
                let text = "qty of bracket and oco orders cannot be replaced";
                return Err(Reject::unprocessable(RejectKind::NotReplaceable, text));
            }
            Some(qty) if qty <= old.filled_qty => {
                return Err(Reject::unprocessable(RejectKind::Field, "qty must be > filled_qty"));
            }
            Some(qty) if !qty.fract().is_zero() => {
                let text = "fractional orders cannot be replaced";
                return Err(Reject::unprocessable(RejectKind::NotReplaceable, text));
            }
            given => given.unwrap_or(old.qty),
        };
        if change.limit_price.is_some() && !old.order_type.has_limit() {
            let text = format!("{} orders require no limit_price", old.order_type.word());
            return Err(Reject::field(text));
        }
        if change.stop_price.is_some() && !old.order_type.has_stop() {
            let text = format!("{} orders require no stop_price", old.order_type.word());
            return Err(Reject::field(text));
        }
        if matches!(change.time_in_force, Some(TimeInForce::Ioc | TimeInForce::Fok)) {
            return Err(Reject::field("replaced orders support only day or gtc"));
        }
        let mut new = old.clone();
        new.limit_price = change.limit_price.or(old.limit_price);
        new.stop_price = change.stop_price.or(old.stop_price);
        new.time_in_force = change.time_in_force.unwrap_or(old.time_in_force);
        let unchanged = total == old.qty
            && new.limit_price == old.limit_price
            && new.stop_price == old.stop_price
            && new.time_in_force == old.time_in_force;
        if unchanged {
            let text = "order parameters are not changed";
            return Err(Reject::unprocessable(RejectKind::Unchanged, text));
        }
        let reuse = self.config.replace_reuses_original_qty && change.qty.is_none();
        new.qty = if reuse { total } else { total - old.filled_qty };
        new.filled_qty = Decimal::ZERO;
        new.filled_value = Decimal::ZERO;
        new.id = self.rng.uuid();
        let drawn = self.rng.uuid().to_string();
        new.client_order_id = change.client_order_id.clone().unwrap_or(drawn);
        new.replaces = Some(old.id);
        new.submitted_ns = self.now_ns;
        new.expires_ns = self.expiry(new.time_in_force);
        if new.status == OrderStatus::PartiallyFilled {
            new.status = OrderStatus::New;
        }
        Ok(new)
    }

    fn admit_change(&self, old: &Order, new: &Order) -> Result<(), Reject> {
        let Some(state) = self.symbols.get(&old.symbol) else {
            return Err(Reject::asset_not_found(&old.symbol));
        };
        let rule = state.asset.tick;
        validate::price(rule, "limit_price", new.limit_price)?;
        validate::price(rule, "stop_price", new.stop_price)?;
        self.admit_pair(old, new)?;
        let held = self.held(&old.symbol);
        let exits = super::admit::reduces(new.side, held);
        if exits && new.status != OrderStatus::Held {
            self.admit_exit_qty(&new.symbol, new.side, new.qty, Some(old.id))?;
        }
        if !exits && matches!(new.group_role, None | Some(GroupRole::Entry)) {
            self.admit_new_cost(old, new)?;
        }
        let candidate =
            Candidate { class: new.order_class, side: new.side, limit_price: new.limit_price };
        self.admit_wash(&new.symbol, candidate, Some(old.id))?;
        if new.stop_price != old.stop_price && self.stop_is_watched(old) {
            let is_pair = new.order_class != OrderClass::Simple;
            self.admit_stop(&new.symbol, new.side, new.stop_price, is_pair)?;
        }
        Ok(())
    }

    /// The members of a group must stay on their sides of each other.
    fn admit_pair(&self, old: &Order, new: &Order) -> Result<(), Reject> {
        let Some(index) = self.by_id.get(&old.id).copied() else { return Ok(()) };
        if new.group_role == Some(GroupRole::Entry) {
            return self.admit_entry(new);
        }
        let Some(sibling) = self.sibling(index).map(|index| &self.orders[index]) else {
            return Ok(());
        };
        let (target, stop) = match new.group_role {
            Some(GroupRole::TakeProfit) => (new, sibling),
            _ => (sibling, new),
        };
        let (Some(base), Some(stop_price)) = (target.limit_price, stop.stop_price) else {
            return Ok(());
        };
        let Some(state) = self.symbols.get(&old.symbol) else { return Ok(()) };
        let leg = StopLoss { stop_price, limit_price: stop.limit_price };
        validate::geometry(new.side, state.asset.tick, base, None, Some(leg))
    }

    /// A moved entry is the new base price of its exits.
    fn admit_entry(&self, new: &Order) -> Result<(), Reject> {
        let group = new.group.map(|group| &self.groups[group]);
        let (Some(group), Some(base)) = (group, new.limit_price) else { return Ok(()) };
        let Some(state) = self.symbols.get(&new.symbol) else { return Ok(()) };
        let target = group.take_profit.and_then(|index| self.orders[index].limit_price);
        let stop = group.stop_loss.and_then(|index| {
            let leg = &self.orders[index];
            Some(StopLoss { stop_price: leg.stop_price?, limit_price: leg.limit_price })
        });
        validate::geometry(new.side.opposite(), state.asset.tick, base, target, stop)
    }

    /// A changed entry may cost no more than the old one's money and what is free.
    fn admit_new_cost(&self, old: &Order, new: &Order) -> Result<(), Reject> {
        let cost = |order: &Order| {
            order.limit_price.or(order.stop_price).unwrap_or_default() * order.remaining()
        };
        let (before, after) = (cost(old), cost(new));
        let free = self.funds().buying_power + before;
        if after <= before || after <= free {
            return Ok(());
        }
        Err(Reject::buying_power(free, after))
    }

    /// A stop leg whose entry still rests cannot be touched yet.
    fn stop_is_watched(&self, old: &Order) -> bool {
        old.group.is_none_or(|group| self.groups[group].active)
    }

    fn swap(&mut self, old_index: usize, new: Order) -> usize {
        let (group, role, new_id) = (new.group, new.group_role, new.id);
        let now = self.now_ns;
        let old = &mut self.orders[old_index];
        old.status = OrderStatus::Replaced;
        old.replaced_by = Some(new_id);
        old.replaced_ns = Some(now);
        self.retire(old_index);
        self.insert(new, group, role)
    }
}

/// Refuses what the old order's status or class does not allow.
fn replaceable(old: &Order) -> Result<(), Reject> {
    let refuse = |text: String| Err(Reject::unprocessable(RejectKind::NotReplaceable, text));
    let word = old.status.word();
    match old.status {
        OrderStatus::Replaced => return refuse("order already replaced".into()),
        OrderStatus::PendingReplace => return refuse("order already pending replacement".into()),
        OrderStatus::Accepted | OrderStatus::PendingNew | OrderStatus::PendingCancel => {
            return refuse(format!("cannot replace order in {word} status"));
        }
        status if status.is_terminal() => {
            return refuse(format!("order is not open, status: {word}"));
        }
        _ => {}
    }
    if old.order_class == OrderClass::Oto {
        return refuse("oto orders cannot be replaced".into());
    }
    if old.triggered {
        return refuse(format!("cannot replace order in {word} status"));
    }
    if !old.qty.fract().is_zero() {
        return refuse("fractional orders cannot be replaced".into());
    }
    Ok(())
}
