//! Writes: a command becomes one call of the matching book.
//!
//! Apart because this is where things happen at the broker. What a command came to is told by the
//! book, never guessed.

use bracketd_core::broker::{Fault, OrderReport};
use bracketd_core::command::{
    Answer, Bracket, BracketLeg, Call, Change, Command, How, NewOrder, Progress,
};
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{OrderKind, OrderStatus, Role};
use bracketd_core::time::Timestamp;
use bracketd_exchange::book::{
    Event, NewOrder as Theirs, OrderClass, OrderId, PositionIntent, Reject, RejectKind,
    Replace as Changed, Side as TheirSide,
};

use super::step::{Step, step};
use super::{Broker, Replace};
use crate::convert::{leg, report, theirs};

impl Broker {
    /// Carries out a command and says what came of it.
    pub fn call(&mut self, command: &Command) -> Answer {
        let done = match &command.call {
            Call::Submit(order) => self.submit(order, command),
            Call::Cancel { order } => self
                .ask_cancel(order)
                .map(|()| Answer::Placed { order: None, progress: Progress::Accepted }),
            Call::Adjust { bracket, stop, target } => self.adjust(bracket, *stop, *target, command),
        };
        done.unwrap_or_else(|reject| rejected(&reject))
    }

    fn submit(&mut self, order: &NewOrder, command: &Command) -> Result<Answer, Reject> {
        let side = theirs(order.side);
        let (symbol, qty) = (order.symbol.as_str(), order.quantity.get());
        let plain = match (order.kind, order.limit) {
            (OrderKind::Limit, Some(limit)) => Theirs::limit(symbol, side, qty, limit.get()),
            _ => Theirs::market(symbol, side, qty),
        };
        let mut wanted = match (order.take_profit, order.stop_loss) {
            (Some(target), Some(stop)) => plain.with_bracket(target.get(), stop.get()),
            (None, Some(stop)) => plain.with_oto_stop(stop.get()),
            _ => plain,
        };
        if order.reduce_only {
            wanted.position_intent = Some(closing(side));
        }
        let taken =
            self.book.submit(&wanted.with_client_id(command.client_id.as_str()), self.now_ns())?;
        let role = if order.reduce_only { Role::Close } else { Role::Entry };
        self.remember(taken.order.id, command, role);
        for leg in &taken.legs {
            let is_stop = leg.order_type.has_stop();
            self.remember(leg.id, command, if is_stop { Role::Stop } else { Role::Target });
        }
        let told = self.told(&taken.order);
        self.follow(&taken.events);
        Ok(Answer::Placed { order: told.map(Box::new), progress: Progress::Accepted })
    }

    /// How an order looked when it was taken, before it could trade.
    fn told(&self, taken: &bracketd_exchange::book::Order) -> Option<OrderReport> {
        let mut told = report(self, taken.id)?;
        if self.first_id(taken.id) == taken.id {
            told.filled = Quantity::new(taken.filled_qty).unwrap_or_default();
            told.quantity = Quantity::new(taken.qty).unwrap_or_default();
            told.avg_price = None;
            told.status = OrderStatus::Working;
        }
        told.updated_at = Timestamp(taken.submitted_ns / 1_000);
        Some(told)
    }

    fn ask_cancel(&mut self, order: &BrokerOrderId) -> Result<(), Reject> {
        let id = self.parsed(order);
        let is_live = self.book.order(id).is_some_and(bracketd_exchange::book::Order::is_live);
        if self.cancel_ms == 0 || !is_live {
            let events = self.book.cancel(id, self.now_ns())?;
            self.follow(&events);
            return Ok(());
        }
        let at = self.now.plus_ms(self.cancel_ms);
        self.canceling.entry(id).or_insert(at);
        self.note(vec![id]);
        Ok(())
    }

    fn adjust(
        &mut self,
        bracket: &Bracket,
        stop: Change,
        target: Change,
        command: &Command,
    ) -> Result<Answer, Reject> {
        match step(self.caps, bracket, stop, target) {
            Step::Nothing => {
                Ok(adjusted(bracket.legs.clone(), How::Unchanged, Progress::Confirmed))
            }
            Step::Wait(order) => {
                Ok(adjusted(bracket.legs.clone(), How::Unchanged, Progress::WaitingFor(order)))
            }
            Step::Create { stop, target } => self.create(bracket, stop, target, command),
            Step::Patch { leg, price, quantity } => {
                self.patch(bracket, &leg, price, quantity, command)
            }
            Step::Cancel(order) => self.cancel_leg(bracket, &order),
        }
    }

    /// Asks for a leg's cancel; a linked sibling dies with it.
    fn cancel_leg(&mut self, bracket: &Bracket, order: &BrokerOrderId) -> Result<Answer, Reject> {
        let group = self.book.order(self.parsed(order)).and_then(|o| o.group_id);
        self.ask_cancel(order)?;
        let mut legs = bracket.legs.clone();
        for one in &mut legs {
            let own = self.book.order(self.parsed(&one.broker_id));
            let linked = group.is_some() && own.is_some_and(|own| own.group_id == group);
            if one.broker_id == *order || linked {
                one.status = OrderStatus::PendingCancel;
            }
        }
        Ok(adjusted(legs, How::CancelRequested, Progress::WaitingFor(order.clone())))
    }

    fn create(
        &mut self,
        bracket: &Bracket,
        stop: Option<Price>,
        target: Option<Price>,
        command: &Command,
    ) -> Result<Answer, Reject> {
        let side = theirs(bracket.entry_side).opposite();
        let (symbol, qty) = (bracket.symbol.as_str(), bracket.protect.get());
        let client = command.client_id.as_str();
        let mut legs: Vec<BracketLeg> = bracket.legs.clone();
        if let (Some(stop), Some(target), true) = (stop, target, self.caps.reserves()) {
            let order = Theirs::oco(symbol, side, qty, target.get(), stop.get());
            let taken = self.book.submit(&order.with_client_id(client), self.now_ns())?;
            self.remember(taken.order.id, command, Role::Target);
            for leg in &taken.legs {
                self.remember(leg.id, command, Role::Stop);
            }
            let told = self.told(&taken.order);
            self.follow(&taken.events);
            legs.extend(told.as_ref().map(leg));
            for one in &taken.legs {
                let mut told = report(self, one.id).map(|told| leg(&told));
                if let Some(told) = &mut told {
                    told.status = OrderStatus::Held;
                    told.filled = Quantity::ZERO;
                }
                legs.extend(told);
            }
            return Ok(adjusted(legs, How::NewLeg, Progress::Confirmed));
        }
        // Each by itself; the second one of a linked pair has no id of ours.
        let stop = stop.map(|price| (Role::Stop, Theirs::stop(symbol, side, qty, price.get())));
        let target =
            target.map(|price| (Role::Target, Theirs::limit(symbol, side, qty, price.get())));
        let mut client = Some(client.to_owned());
        for (role, mut order) in stop.into_iter().chain(target) {
            order.position_intent = Some(closing(side));
            order.client_order_id = client.take();
            let is_first = order.client_order_id.is_some();
            let taken = match self.book.submit(&order, self.now_ns()) {
                Ok(taken) => taken,
                Err(reject) if is_first => return Err(reject),
                // The first one stands: the answer shows what rests.
                Err(_) => continue,
            };
            self.remember(taken.order.id, command, role);
            legs.extend(self.told(&taken.order).as_ref().map(leg));
            self.follow(&taken.events);
        }
        Ok(adjusted(legs, How::NewLeg, Progress::Confirmed))
    }

    fn patch(
        &mut self,
        bracket: &Bracket,
        old: &BracketLeg,
        price: Option<Price>,
        quantity: Option<Quantity>,
        command: &Command,
    ) -> Result<Answer, Reject> {
        let id = self.parsed(&old.broker_id);
        if self.is_canceling(id) {
            let text = "cannot replace order in pending_cancel status";
            return Err(Reject::new(RejectKind::NotReplaceable, 422, 42_210_000, text));
        }
        let keeps_id = self.caps.replace == Replace::SameId;
        let is_stop = old.role == Role::Stop;
        let price = price.map(Price::get);
        // What the book counts of this order alone; earlier fills stand in the ones before it. Whoever
        // asks for a quantity knows the fills of the host's picture: a newer one counts against it.
        let newer = report(self, id).map_or(Quantity::ZERO, |now| now.filled.minus(old.filled));
        let own = self.book.order(id).map(|order| order.filled_qty - newer.get());
        let change = Changed {
            qty: quantity.zip(own).map(|(quantity, filled)| quantity.get() + filled),
            limit_price: price.filter(|_| !is_stop),
            stop_price: price.filter(|_| is_stop),
            client_order_id: (!keeps_id).then(|| command.client_id.as_str().to_owned()),
            ..Changed::default()
        };
        let class = self.book.order(id).map_or(OrderClass::Simple, |order| order.order_class);
        // An exit of an OTO cannot be replaced at all, a linked one not be resized.
        let is_fixed =
            class == OrderClass::Oto || (class != OrderClass::Simple && quantity.is_some());
        if is_fixed {
            return self.cancel_leg(bracket, &old.broker_id);
        }
        let taken = self.book.replace(id, &change, self.now_ns());
        let taken = match taken {
            Ok(taken) => taken,
            // It already is so: the host's picture of it was old.
            Err(reject) if reject.kind == RejectKind::Unchanged => {
                return Ok(self.as_it_is(bracket, old));
            }
            Err(reject) => return Err(reject),
        };
        if keeps_id {
            let face = self.first_id(id);
            self.faces.insert(taken.order.id, face);
        }
        self.remember(taken.order.id, command, old.role);
        let new = self.told(&taken.order).map(|told| leg(&told));
        self.follow(&taken.events);
        let mut legs = bracket.legs.clone();
        for one in legs.iter_mut().filter(|one| one.broker_id == old.broker_id) {
            if let Some(mut new) = new.clone() {
                new.status = if old.status == OrderStatus::Held {
                    OrderStatus::Held
                } else {
                    OrderStatus::Working
                };
                *one = new;
            }
        }
        Ok(adjusted(legs, How::ReplacedInPlace, Progress::Confirmed))
    }

    fn as_it_is(&self, bracket: &Bracket, old: &BracketLeg) -> Answer {
        let now = report(self, self.parsed(&old.broker_id));
        let mut legs = bracket.legs.clone();
        for one in legs.iter_mut().filter(|one| one.broker_id == old.broker_id) {
            if let Some(now) = &now {
                *one = leg(now);
            }
        }
        adjusted(legs, How::Unchanged, Progress::Confirmed)
    }

    /// A change that the broker makes by itself; the order keeps its id.
    pub(super) fn change_in_place(
        &mut self,
        id: OrderId,
        change: &Changed,
    ) -> Result<Vec<Event>, Reject> {
        let made = self.made.get(&id).cloned();
        let face = self.first_id(id);
        let taken = self.book.replace(id, change, self.now_ns())?;
        self.faces.insert(taken.order.id, face);
        if let Some(made) = made {
            self.made_in_order.push(taken.order.id);
            self.made.insert(taken.order.id, made);
        }
        Ok(taken.events)
    }
}

fn adjusted(legs: Vec<BracketLeg>, how: How, progress: Progress) -> Answer {
    let legs = legs.into_iter().filter(|leg| leg.status != OrderStatus::Canceled).collect();
    Answer::Adjusted { legs, how, progress, memo: Vec::new() }
}

fn closing(side: TheirSide) -> PositionIntent {
    match side {
        TheirSide::Buy => PositionIntent::BuyToClose,
        TheirSide::Sell => PositionIntent::SellToClose,
    }
}

/// The broker's "no" in the host's neutral words.
pub(crate) fn rejected(reject: &Reject) -> Answer {
    let code = match reject.kind {
        RejectKind::DuplicateClientId => "DUPLICATE_CLIENT_ID",
        RejectKind::StopThroughMarket => "STOP_THROUGH_MARKET",
        RejectKind::InsufficientQty => "INSUFFICIENT_QTY",
        RejectKind::InsufficientBuyingPower => "INSUFFICIENT_BUYING_POWER",
        RejectKind::WashTrade => "WASH_TRADE",
        RejectKind::NotFound => "NOT_FOUND",
        RejectKind::NotReplaceable => "NOT_REPLACEABLE",
        RejectKind::NotCancelable => "NOT_CANCELABLE",
        _ => "REJECTED",
    };
    let fault = Fault::new(code, reject.message.clone());
    let fault = Fault { http_status: Some(reject.http_status), ..fault };
    match reject.kind {
        // Taken earlier: perhaps by the very request whose answer was lost.
        RejectKind::DuplicateClientId => Answer::Unknown(fault),
        _ => Answer::Rejected(fault),
    }
}
