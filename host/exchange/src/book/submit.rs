//! Taking a new order, its legs with it.
//!
//! Separate because creation is atomic: either the order and all its legs exist afterwards, or
//! nothing has changed.

use super::group::Group;
use super::order::{
    GroupRole, Order, OrderClass, OrderId, OrderStatus, OrderType, PositionIntent, TimeInForce,
};
use super::reject::Reject;
use super::request::{NewOrder, StopLoss};
use super::{Accepted, EventKind, ExchangeBook, validate};
use rust_decimal::Decimal;
use uuid::Uuid;

impl ExchangeBook {
    /// Takes a new order. What can trade at the present price does so at once; the answer shows
    /// the order as it was before that, the events what followed.
    ///
    /// # Errors
    /// Any rule of the broker that the order breaks; the book is then as before.
    pub fn submit(&mut self, request: &NewOrder, at_ns: i64) -> Result<Accepted, Reject> {
        self.advance(at_ns);
        let asset = match self.symbols.get(&request.symbol) {
            Some(state) => state.asset.clone(),
            None => return Err(Reject::asset_not_found(&request.symbol)),
        };
        validate::new_order(request, &asset)?;
        self.check_client_id(request.client_order_id.as_deref())?;
        self.incident_on_submit(request)?;
        self.admit(request, &asset)?;
        let first = self.create(request);
        let accepted = self.snapshot(first);
        self.run_matching(&request.symbol, None);
        if matches!(request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
            && self.orders[first].is_live()
        {
            self.end(first, OrderStatus::Canceled);
        }
        Ok(Accepted { events: std::mem::take(&mut self.events), ..accepted })
    }

    pub(super) fn check_client_id(&self, id: Option<&str>) -> Result<(), Reject> {
        match id {
            Some(_) if self.config.house.repeated_ids => Ok(()),
            Some(id) if self.by_client.contains_key(id) => Err(Reject::duplicate_client_id()),
            _ => Ok(()),
        }
    }

    pub(super) fn snapshot(&self, index: usize) -> Accepted {
        let order = self.orders[index].clone();
        let legs = self.legs_of(&order).into_iter().cloned().collect();
        Accepted { order, legs, events: Vec::new() }
    }

    fn create(&mut self, request: &NewOrder) -> usize {
        let class = request.order_class;
        let held = self.held(&request.symbol);
        let group = (class != OrderClass::Simple).then(|| {
            let id = self.rng.uuid();
            let active = class == OrderClass::Oco;
            let (entry, take_profit, stop_loss) = (None, None, None);
            self.groups.push(Group { id, class, entry, take_profit, stop_loss, active });
            self.groups.len() - 1
        });
        let mut order = self.blank(request);
        order.position_intent = PositionIntent::inferred(request.side, held);
        if class == OrderClass::Oco {
            order.limit_price = request.take_profit.or(request.limit_price);
        }
        let role = match class {
            OrderClass::Simple => None,
            OrderClass::Oco => Some(GroupRole::TakeProfit),
            OrderClass::Bracket | OrderClass::Oto => Some(GroupRole::Entry),
        };
        let first = self.insert(order, group, role);
        if class == OrderClass::Oco {
            self.leg(request, group, GroupRole::StopLoss);
        } else if group.is_some() {
            self.leg(request, group, GroupRole::TakeProfit);
            self.leg(request, group, GroupRole::StopLoss);
        }
        first
    }

    fn leg(&mut self, request: &NewOrder, group: Option<usize>, role: GroupRole) {
        let mut order = self.blank(request);
        match (role, request.take_profit, request.stop_loss) {
            (GroupRole::TakeProfit, Some(limit), _) => {
                order.order_type = OrderType::Limit;
                order.limit_price = Some(limit);
                order.stop_price = None;
            }
            (GroupRole::StopLoss, _, Some(stop)) => make_stop(&mut order, stop),
            _ => return,
        }
        if request.order_class != OrderClass::Oco {
            order.side = request.side.opposite();
        }
        // What an exit will do to the position it is for, whatever is held now.
        order.position_intent =
            PositionIntent::inferred(order.side, order.side.opposite().signed(Decimal::ONE));
        order.client_order_id = self.rng.uuid().to_string();
        order.status = OrderStatus::Held;
        self.insert(order, group, Some(role));
    }

    fn blank(&mut self, request: &NewOrder) -> Order {
        let id: OrderId = self.rng.uuid();
        let drawn: Uuid = self.rng.uuid();
        Order {
            id,
            client_order_id: request.client_order_id.clone().unwrap_or_else(|| drawn.to_string()),
            symbol: request.symbol.clone(),
            side: request.side,
            qty: request.qty,
            filled_qty: Decimal::ZERO,
            filled_value: Decimal::ZERO,
            order_type: request.order_type,
            time_in_force: request.time_in_force,
            order_class: request.order_class,
            limit_price: request.limit_price,
            stop_price: request.stop_price,
            status: OrderStatus::New,
            extended_hours: request.extended_hours,
            position_intent: PositionIntent::inferred(request.side, Decimal::ZERO),
            group_id: None,
            group_role: None,
            replaces: None,
            replaced_by: None,
            submitted_ns: self.now_ns,
            updated_ns: self.now_ns,
            filled_ns: None,
            canceled_ns: None,
            expired_ns: None,
            replaced_ns: None,
            expires_ns: self.expiry(request.time_in_force),
            triggered: false,
            group: None,
        }
    }

    /// Adds an order to the book, and to its group in its role.
    pub(super) fn insert(
        &mut self,
        mut order: Order,
        group: Option<usize>,
        role: Option<GroupRole>,
    ) -> usize {
        let index = self.orders.len();
        order.group = group;
        order.group_role = role;
        order.group_id = group.map(|group| self.groups[group].id);
        if let (Some(group), Some(role)) = (group, role) {
            self.groups[group].put(role, index);
        }
        self.by_id.insert(order.id, index);
        self.by_client.insert(order.client_order_id.clone(), index);
        if let Some(state) = self.symbols.get_mut(&order.symbol) {
            state.live.push(index);
        }
        let kind = if order.status == OrderStatus::Held { EventKind::Held } else { EventKind::New };
        self.orders.push(order);
        self.note(index, kind);
        index
    }
}

fn make_stop(order: &mut Order, stop: StopLoss) {
    order.order_type =
        if stop.limit_price.is_some() { OrderType::StopLimit } else { OrderType::Stop };
    order.stop_price = Some(stop.stop_price);
    order.limit_price = stop.limit_price;
}
