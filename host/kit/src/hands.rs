//! What a row does with an account before and after what it tries: open a position, bring its exits,
//! read what rests.
//!
//! Apart because every part needs the same few moves, and they go through the plugin like
//! everything else: a plugin that cannot make them fails the rows that need them.

use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, Fault, Found, OrderReport};
use bracketd_core::command::{
    Answer, Bracket, BracketLeg, Call, Change, How, NewOrder, Progress, Read,
};
use bracketd_core::ids::{BrokerOrderId, ClientOrderId};
use bracketd_core::instrument::Instrument;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{OrderKind, OrderStatus, Role, Side, TimeInForce};

use crate::desk::Desk;
use crate::row::Stop;

/// Steps that an adjustment may take.
const STEPS_MAX: usize = 12;

/// A number of this file, written as text.
pub(crate) fn number(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap_or_default().normalize()
}

/// A price, written as text.
pub(crate) fn price(text: &str) -> Option<Price> {
    Price::new(number(text))
}

/// What becomes of a leg that shall rest there.
pub(crate) fn at(text: &str) -> Change {
    price(text).map_or(Change::Keep, Change::Set)
}

/// In a few words, for people.
pub(crate) fn shown(answer: &Answer) -> String {
    let fault = |fault: &Fault| format!("{}: {}", fault.code, fault.message);
    match answer {
        Answer::Adjusted { legs, how, progress, .. } => {
            format!("adjusted, {how:?}, {progress:?}, {} legs", legs.len())
        }
        Answer::Placed { order, progress } => {
            let status = order.as_ref().map_or("no order", |order| order.status.as_str());
            format!("placed, {status}, {progress:?}")
        }
        Answer::Rejected(why) => format!("rejected, {}", fault(why)),
        Answer::NotSent { fault: why, after_ms } => {
            format!("not sent, {}, again after {after_ms} ms", fault(why))
        }
        Answer::Unknown(why) => format!("unknown, {}", fault(why)),
    }
}

impl Desk {
    /// An order of ten.
    pub(crate) fn order(&self, side: Side, limit: Option<&str>) -> NewOrder {
        NewOrder {
            symbol: self.symbol.clone(),
            side,
            kind: if limit.is_some() { OrderKind::Limit } else { OrderKind::Market },
            time_in_force: if limit.is_some() { TimeInForce::Gtc } else { TimeInForce::Day },
            quantity: Quantity::new(Decimal::TEN).unwrap_or(Quantity::ZERO),
            limit: limit.and_then(price),
            trigger: None,
            take_profit: None,
            stop_loss: None,
            reduce_only: false,
        }
    }

    /// Places an order that has to be taken; gives how it stands.
    pub(crate) fn place(&mut self, order: NewOrder) -> Result<OrderReport, Stop> {
        let what = format!("{:?} {:?} of {} is taken", order.side, order.kind, order.quantity);
        match self.write(Call::Submit(order))? {
            Answer::Placed { order: Some(order), .. } => Ok(*order),
            other => Err(Stop::fails(what, shown(&other), "submit-order")),
        }
    }

    /// Buys ten at the market; gives how much is held.
    pub(crate) fn hold(&mut self) -> Result<Decimal, Stop> {
        self.place(self.order(Side::Buy, None))?;
        let symbol = self.symbol.clone();
        self.book_once("a market order fills", |b| b.position(symbol.as_str()) == Decimal::TEN)?;
        self.poll()?;
        Ok(Decimal::TEN)
    }

    /// Brings the exits of what is held to these prices, step by step as the host would; gives the
    /// legs that rest then.
    pub(crate) fn bring(
        &mut self,
        held: Decimal,
        legs: Vec<BracketLeg>,
        stop: Change,
        target: Change,
    ) -> Result<Vec<BracketLeg>, Stop> {
        self.bring_part((held, held), legs, stop, target)
    }

    /// The same for a part of what is held.
    pub(crate) fn bring_part(
        &mut self,
        (held, part): (Decimal, Decimal),
        mut legs: Vec<BracketLeg>,
        stop: Change,
        target: Change,
    ) -> Result<Vec<BracketLeg>, Stop> {
        let mut said = String::new();
        for _ in 0..STEPS_MAX {
            let mut bracket = self.bracket(held, legs.clone());
            bracket.protect = Quantity::new(part).unwrap_or(bracket.protect);
            let answer = self.write(Call::Adjust { bracket, stop, target })?;
            said = shown(&answer);
            let Answer::Adjusted { how, progress, .. } = answer else { break };
            self.poll()?;
            legs = self.legs(held, legs, None)?;
            if how == How::Unchanged && progress == Progress::Confirmed {
                return Ok(legs);
            }
            let is_sized = legs.iter().all(|leg| leg.quantity.get() == part);
            if is_sized && rest_as(&legs, stop, target) && progress == Progress::Confirmed {
                return Ok(legs);
            }
        }
        let wanted = format!("exits at stop {stop:?}, target {target:?} after some steps");
        Err(Stop::fails(wanted, said, "adjust-tp-sl"))
    }

    /// A pair at 95 and 110 for ten that are held.
    pub(crate) fn pair(&mut self) -> Result<Vec<BracketLeg>, Stop> {
        let held = self.hold()?;
        self.bring(held, Vec::new(), at("95"), at("110"))
    }

    /// The legs that `read-bracket` shows, with the order of that id.
    pub(crate) fn legs(
        &self,
        held: Decimal,
        known: Vec<BracketLeg>,
        id: Option<&ClientOrderId>,
    ) -> Result<Vec<BracketLeg>, Stop> {
        // Where no write is in doubt, the last one's id names what it made.
        let client_id = id.cloned().unwrap_or_else(|| self.last_id());
        let bracket: Bracket = self.bracket(held, known);
        let read = Read::Bracket { op: "look".into(), client_id, bracket };
        match self.look_up(read)? {
            Found::Legs { legs, .. } => Ok(legs),
            other => {
                Err(Stop::fails("read-bracket tells legs", format!("{other:?}"), "read-bracket"))
            }
        }
    }

    /// Looks up what settles a doubt.
    pub(crate) fn look_up(&self, read: Read) -> Result<Found, Stop> {
        let told = self.read(read)?;
        let found = told.into_iter().find_map(|event| match event {
            BrokerEvent::LookedUp { found, .. } => Some(found),
            _ => None,
        });
        found.ok_or_else(|| Stop::broken("a look-up told nothing"))
    }

    /// How the order with that id of ours stands; none = the broker has none.
    pub(crate) fn find(&self, id: &ClientOrderId) -> Result<Option<OrderReport>, Stop> {
        let found = self.look_up(Read::Order { op: "look".into(), client_id: id.clone() })?;
        order_of(found)
    }

    /// How the order with that id of the broker's stands; none = the broker has none.
    pub(crate) fn find_by(&self, order: &BrokerOrderId) -> Result<Option<OrderReport>, Stop> {
        let found = self.look_up(Read::BrokerOrder { op: "look".into(), order: order.clone() })?;
        order_of(found)
    }

    /// The instrument's rules.
    pub(crate) fn instrument(&self) -> Result<Instrument, Stop> {
        let told = self.read(Read::Instrument(self.symbol.clone()))?;
        let mut said = "nothing".to_owned();
        for event in told {
            match event {
                BrokerEvent::Instrument(instrument) => {
                    self.told_of.instrument.get_or_init(|| (*instrument).clone());
                    return Ok(*instrument);
                }
                BrokerEvent::NoInstrument { fault, .. } => {
                    said = format!("{}: {}", fault.code, fault.message);
                }
                _ => {}
            }
        }
        Err(Stop::fails("get-instrument tells the rules", said, "get-instrument"))
    }

    /// Whether the account or its instrument declares the feature.
    pub(crate) fn can(&self, feature: &str) -> Result<bool, Stop> {
        let of_account = self.account.info().features.has(feature);
        Ok(of_account || self.instrument()?.features.has(feature))
    }

    /// Ends the row where a feature is not declared.
    pub(crate) fn needs(&self, feature: &str) -> Result<(), Stop> {
        match self.can(feature)? {
            true => Ok(()),
            false => Err(Stop::NotOffered(format!("{feature} is not declared"))),
        }
    }
}

fn order_of(found: Found) -> Result<Option<OrderReport>, Stop> {
    match found {
        Found::Order(order) => Ok(Some(*order)),
        Found::Absent => Ok(None),
        other => Err(Stop::fails("get-order tells an order", format!("{other:?}"), "get-order")),
    }
}

/// Whether legs rest at these prices.
fn rest_as(legs: &[BracketLeg], stop: Change, target: Change) -> bool {
    let rests = |role: Role, wanted: Change| {
        let leg = legs.iter().find(|leg| leg.role == role && !leg.status.is_terminal());
        let price = leg.and_then(|leg| match role {
            Role::Stop => leg.trigger,
            Role::Entry | Role::Target | Role::Close => leg.limit,
        });
        match wanted {
            Change::Keep => true,
            Change::Clear => leg.is_none(),
            Change::Set(wanted) => {
                price == Some(wanted)
                    && leg.is_some_and(|leg| {
                        matches!(leg.status, OrderStatus::Working | OrderStatus::Held)
                    })
            }
        }
    };
    rests(Role::Stop, stop) && rests(Role::Target, target)
}
