//! The broker's side of a history: commands become calls of the exchange's book.
//!
//! Apart because it takes the same one safe step per call as a plugin does, and knows nothing of
//! what the core wants in the end.

use bracketd_core::broker::{BrokerEvent, Fault, Found, Picture, Position};
use bracketd_core::command::{
    Answer, Bracket, BracketLeg, Call, Change, Command, How, NewOrder, Progress, Read,
};
use bracketd_core::ids::{BrokerOrderId, Symbol};
use bracketd_core::money::Price;
use bracketd_core::order::{OrderKind, OrderStatus, Role, Side};
use bracketd_core::time::Timestamp;
use bracketd_exchange::book::{
    ExchangeBook, NewOrder as Theirs, Order, OrderFilter, OrderId, Reject, Replace,
    Side as TheirSide, StatusFilter,
};

use crate::convert::{id, leg, report};

/// The exchange with its clock.
pub(crate) struct Broker {
    pub(crate) book: ExchangeBook,
    pub(crate) now: Timestamp,
}

impl Broker {
    fn now_ns(&self) -> i64 {
        self.now.0 * 1_000
    }

    /// Carries out a command and says what came of it.
    pub(crate) fn call(&mut self, command: &Command) -> Answer {
        let client = command.client_id.as_str();
        let done = match &command.call {
            Call::Submit(order) => self.submit(order, client),
            Call::Cancel { order } => self
                .cancel(order)
                .map(|()| Answer::Placed { order: None, progress: Progress::Accepted }),
            Call::Adjust { bracket, stop, target } => self.adjust(bracket, *stop, *target, client),
        };
        done.unwrap_or_else(|reject| rejected(&reject))
    }

    fn submit(&mut self, order: &NewOrder, client: &str) -> Result<Answer, Reject> {
        let side = theirs(order.side);
        let (symbol, qty) = (order.symbol.as_str(), order.quantity.get());
        let plain = match (order.kind, order.limit) {
            (OrderKind::Limit, Some(limit)) => Theirs::limit(symbol, side, qty, limit.get()),
            _ => Theirs::market(symbol, side, qty),
        };
        let wanted = match (order.take_profit, order.stop_loss) {
            (Some(target), Some(stop)) => plain.with_bracket(target.get(), stop.get()),
            (None, Some(stop)) => plain.with_oto_stop(stop.get()),
            _ => plain,
        };
        let taken = self.book.submit(&wanted.with_client_id(client), self.now_ns())?;
        let order = Some(Box::new(report(&self.book, &taken.order)));
        Ok(Answer::Placed { order, progress: Progress::Accepted })
    }

    fn cancel(&mut self, order: &BrokerOrderId) -> Result<(), Reject> {
        self.book.cancel(parsed(order), self.now_ns()).map(|_| ())
    }

    fn adjust(
        &mut self,
        bracket: &Bracket,
        stop: Change,
        target: Change,
        client: &str,
    ) -> Result<Answer, Reject> {
        let live = |role: Role| {
            bracket.legs.iter().find(|leg| leg.role == role && !leg.status.is_terminal())
        };
        let (old_stop, old_target) = (live(Role::Stop), live(Role::Target));
        let after = |change: Change, old: Option<Price>| match change {
            Change::Keep => old,
            Change::Clear => None,
            Change::Set(price) => Some(price),
        };
        let stop = after(stop, old_stop.and_then(|leg| leg.trigger));
        let target = after(target, old_target.and_then(|leg| leg.limit));
        let same_shape =
            old_stop.is_some() == stop.is_some() && old_target.is_some() == target.is_some();
        let covers = |leg: Option<&BracketLeg>| {
            leg.is_none_or(|leg| leg.quantity.minus(leg.filled) == bracket.protect)
        };
        match (old_stop, old_target) {
            (None, None) => self.new_exits(bracket, stop, target, client),
            _ if same_shape && covers(old_stop) && covers(old_target) => {
                self.move_exits(bracket, stop, target, client)
            }
            (Some(leg), _) | (None, Some(leg)) => {
                let order = leg.broker_id.clone();
                self.cancel(&order)?;
                let progress = Progress::WaitingFor(order);
                Ok(adjusted(Vec::new(), How::CancelRequested, progress))
            }
        }
    }

    fn new_exits(
        &mut self,
        bracket: &Bracket,
        stop: Option<Price>,
        target: Option<Price>,
        client: &str,
    ) -> Result<Answer, Reject> {
        let side = theirs(bracket.entry_side).opposite();
        let (symbol, qty) = (bracket.symbol.as_str(), bracket.protect.get());
        let order = match (stop, target) {
            (Some(stop), Some(target)) => Theirs::oco(symbol, side, qty, target.get(), stop.get()),
            (Some(stop), None) => Theirs::stop(symbol, side, qty, stop.get()),
            (None, Some(target)) => Theirs::limit(symbol, side, qty, target.get()),
            (None, None) => {
                return Ok(adjusted(Vec::new(), How::Unchanged, Progress::Confirmed));
            }
        };
        let taken = self.book.submit(&order.with_client_id(client), self.now_ns())?;
        let orders = std::iter::once(&taken.order).chain(&taken.legs);
        let legs = orders.map(|order| leg(&self.book, order)).collect();
        Ok(adjusted(legs, How::NewLeg, Progress::Confirmed))
    }

    fn move_exits(
        &mut self,
        bracket: &Bracket,
        stop: Option<Price>,
        target: Option<Price>,
        client: &str,
    ) -> Result<Answer, Reject> {
        let moved = bracket.legs.iter().find_map(|leg| match leg.role {
            Role::Stop if leg.trigger != stop => Some((leg, Replace::stop_price(stop?.get()))),
            Role::Target if leg.limit != target => Some((leg, Replace::limit_price(target?.get()))),
            _ => None,
        });
        let Some((old, change)) = moved else {
            return Ok(adjusted(bracket.legs.clone(), How::Unchanged, Progress::Confirmed));
        };
        let change = Replace { client_order_id: Some(client.to_owned()), ..change };
        let taken = self.book.replace(parsed(&old.broker_id), &change, self.now_ns())?;
        let mut legs: Vec<BracketLeg> =
            bracket.legs.iter().filter(|leg| leg.broker_id != old.broker_id).cloned().collect();
        legs.push(leg(&self.book, &taken.order));
        Ok(adjusted(legs, How::ReplacedInPlace, Progress::Confirmed))
    }

    /// Answers a read.
    pub(crate) fn read(&self, read: &Read) -> Option<BrokerEvent> {
        Some(match read {
            Read::Picture { .. } => BrokerEvent::Picture(self.picture()),
            Read::Order { op, client_id } => {
                let order = self.book.order_by_client_id(client_id.as_str());
                BrokerEvent::LookedUp { op: op.clone(), found: self.found(order) }
            }
            Read::BrokerOrder { op, order } => {
                let order = self.book.order(parsed(order));
                BrokerEvent::LookedUp { op: op.clone(), found: self.found(order) }
            }
            Read::Bracket { op, client_id, bracket } => {
                let known = bracket.legs.iter().map(|leg| parsed(&leg.broker_id));
                let made = self.book.order_by_client_id(client_id.as_str());
                let kin = made.into_iter().flat_map(|order| {
                    self.book.legs_of(order).into_iter().chain([order]).map(|o| o.id)
                });
                let mut ids: Vec<OrderId> = known.chain(kin).collect();
                ids.sort_unstable();
                ids.dedup();
                let orders = ids.iter().filter_map(|id| self.book.order(*id));
                let legs = orders.filter(|o| o.is_live()).map(|o| leg(&self.book, o)).collect();
                let found = Found::Legs { legs, memo: Vec::new() };
                BrokerEvent::LookedUp { op: op.clone(), found }
            }
            Read::Refresh { orders } => {
                let orders = orders.iter().filter_map(|id| self.book.order(parsed(id)));
                let orders = orders.map(|order| report(&self.book, order)).collect();
                BrokerEvent::Polled { orders, fills: Vec::new() }
            }
            Read::Instrument(_) | Read::Bars { .. } => return None,
        })
    }

    fn found(&self, order: Option<&Order>) -> Found {
        order.map_or(Found::Absent, |order| Found::Order(Box::new(report(&self.book, order))))
    }

    /// Every order there is.
    pub(crate) fn orders(&self) -> Vec<&Order> {
        let filter = OrderFilter {
            status: StatusFilter::All,
            ascending: true,
            limit: usize::MAX,
            ..OrderFilter::default()
        };
        self.book.orders(&filter)
    }

    /// A complete read.
    pub(crate) fn picture(&self) -> Picture {
        let orders = self.orders();
        Picture {
            orders: orders.iter().map(|order| report(&self.book, order)).collect(),
            fills: Vec::new(),
            positions: self
                .book
                .positions()
                .map(|p| Position {
                    symbol: Symbol::new(&p.symbol),
                    quantity: p.qty,
                    avg_price: Price::new(p.avg_entry_price),
                })
                .collect(),
            balance: None,
            complete: true,
            as_of: self.now,
        }
    }

    /// Orders of ours that would act, by what a stop of them would sell or buy.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Order> {
        self.book.live_orders()
    }

    /// The broker's id as the core has it.
    pub(crate) fn is(order: &Order, known: &BrokerOrderId) -> bool {
        id(order) == *known
    }
}

fn adjusted(legs: Vec<BracketLeg>, how: How, progress: Progress) -> Answer {
    let legs = legs.into_iter().filter(|leg| leg.status != OrderStatus::Canceled).collect();
    Answer::Adjusted { legs, how, progress, memo: Vec::new() }
}

fn theirs(side: Side) -> TheirSide {
    match side {
        Side::Buy => TheirSide::Buy,
        Side::Sell => TheirSide::Sell,
    }
}

/// An id that is none of the exchange's finds nothing, as any unknown id.
fn parsed(id: &BrokerOrderId) -> OrderId {
    id.as_str().parse().unwrap_or_default()
}

fn rejected(reject: &Reject) -> Answer {
    let says = |words: &str| reject.message.contains(words);
    let code = match () {
        () if says("client_order_id") => "DUPLICATE_CLIENT_ID",
        () if says("stop price must be") => "STOP_THROUGH_MARKET",
        () => "REJECTED",
    };
    Answer::Rejected(Fault::new(code, reject.message.clone()))
}
