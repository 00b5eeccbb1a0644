//! What accounts tell the core, as plain data.
//!
//! Apart because this is the border: the account host fills these in after checking each value,
//! and nothing else in the core knows that plugins exist.

use rust_decimal::Decimal;

use crate::command::{Answer, BracketLeg};
use crate::ids::{AccountName, BrokerOrderId, ClientOrderId, OpId, Symbol};
use crate::instrument::{AccountInfo, Instrument};
use crate::limits::OPENING_MS;
use crate::money::{Price, Quantity};
use crate::order::{OrderKind, OrderStatus, Role, Side, TimeInForce};
use crate::time::Timestamp;

/// A definite or indefinite "no" with the broker's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Neutral code, upper-case: `STOP_THROUGH_MARKET`, `INSUFFICIENT_QTY`, `TIMEOUT`, ...
    pub code: String,
    /// The broker's or the host's words.
    pub message: String,
    /// HTTP status, where one was read.
    pub http_status: Option<u16>,
    /// The broker's code, where it has one.
    pub broker_code: Option<String>,
    /// Orders that stand in the way.
    pub blocking: Vec<BrokerOrderId>,
    /// What rests after this failure, as far as the answer tells.
    pub legs_now: Option<Vec<BracketLeg>>,
}

impl Fault {
    /// A fault that the host itself found.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ..Self::default() }
    }
}

/// One order as a broker tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderReport {
    /// The broker's id.
    pub broker_id: BrokerOrderId,
    /// The client's id, where it has one.
    pub client_id: Option<ClientOrderId>,
    /// The group it is linked in.
    pub group: Option<String>,
    /// The order that carries it as a child.
    pub parent: Option<BrokerOrderId>,
    /// The order that it stands in for.
    pub replaces: Option<BrokerOrderId>,
    /// The order that stands in for it.
    pub replaced_by: Option<BrokerOrderId>,
    /// What the broker says it is for, where it says.
    pub role: Option<Role>,
    /// What is traded.
    pub symbol: Symbol,
    /// Buying or selling.
    pub side: Side,
    /// How it finds its price.
    pub kind: OrderKind,
    /// How long it rests.
    pub time_in_force: TimeInForce,
    /// Its state.
    pub status: OrderStatus,
    /// Quantity ordered, filled part included.
    pub quantity: Quantity,
    /// Quantity filled.
    pub filled: Quantity,
    /// Average price of the fills.
    pub avg_price: Option<Price>,
    /// Limit price.
    pub limit: Option<Price>,
    /// Trigger price.
    pub trigger: Option<Price>,
    /// Why it was rejected.
    pub reject: Option<String>,
    /// When the broker changed it last.
    pub updated_at: Timestamp,
}

/// One execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The broker's id of the execution; never used twice at one account.
    pub fill_id: String,
    /// The order that filled.
    pub order: BrokerOrderId,
    /// What was traded.
    pub symbol: Symbol,
    /// Buying or selling.
    pub side: Side,
    /// How much.
    pub quantity: Quantity,
    /// At what price.
    pub price: Price,
    /// When.
    pub at: Timestamp,
}

/// What the broker says the account holds of an instrument; many transactions may share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// What is held.
    pub symbol: Symbol,
    /// Signed: above zero is long.
    pub quantity: Decimal,
    /// Average price paid.
    pub avg_price: Option<Price>,
}

/// A market price with its age. A side that is missing is absent, never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// What is quoted.
    pub symbol: Symbol,
    /// Highest price somebody pays.
    pub bid: Option<Price>,
    /// Lowest price somebody takes.
    pub ask: Option<Price>,
    /// Last traded price.
    pub last: Option<Price>,
    /// The broker's time of it.
    pub at: Timestamp,
}

impl Quote {
    /// The price at which a transaction of that direction could be ended now: the bid for a long,
    /// the ask for a short, else the last price.
    pub fn exit_price(&self, direction: crate::order::Direction) -> Option<Price> {
        match direction {
            crate::order::Direction::Long => self.bid.or(self.last),
            crate::order::Direction::Short => self.ask.or(self.last),
        }
    }

    /// Whether the bid is above the ask: then somebody's word is old, and neither can be used.
    pub fn is_crossed(&self) -> bool {
        matches!((self.bid, self.ask), (Some(bid), Some(ask)) if bid > ask)
    }

    /// The price at which one could be opened now.
    pub fn entry_price(&self, direction: crate::order::Direction) -> Option<Price> {
        match direction {
            crate::order::Direction::Long => self.ask.or(self.last),
            crate::order::Direction::Short => self.bid.or(self.last),
        }
    }
}

/// The prices of a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// When the span began.
    pub at: Timestamp,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
}

/// Money at an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Cash.
    pub cash: Decimal,
    /// Cash and positions at their marks.
    pub equity: Decimal,
    /// What may still be opened.
    pub buying_power: Decimal,
    /// Currency of the three.
    pub currency: String,
    /// The broker's own number of the account, where the plugin tells it.
    pub account: Option<String>,
}

/// Whether an instrument trades now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whether it is open.
    pub is_open: bool,
    /// When it opens next.
    pub next_open: Option<Timestamp>,
    /// When it closes next.
    pub next_close: Option<Timestamp>,
}

impl Session {
    /// Whether it is closed at that moment: what was read holds until the next turn that it names.
    pub fn is_known_closed(&self, now: Timestamp) -> bool {
        self.has_closed(now) && self.next_open.is_none_or(|at| now < at)
    }

    /// When it turns next, as it was read.
    pub fn turns_at(&self) -> Option<Timestamp> {
        if self.is_open { self.next_close } else { self.next_open }
    }

    /// Until when the broker may sit on what it has taken, while that is so: the session is closed, or
    /// has only just opened.
    pub fn idle_until(&self, now: Timestamp) -> Option<Timestamp> {
        let settled = self.next_open?.plus_ms(OPENING_MS);
        (self.has_closed(now) && now < settled).then_some(settled)
    }

    fn has_closed(&self, now: Timestamp) -> bool {
        !self.is_open || self.next_close.is_some_and(|at| at <= now)
    }
}

/// How much of the past a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Every ended order and every fill since the time asked for.
    Whole,
    /// There was more of it than one read may take. That an ended order or a fill is missing from it
    /// says nothing; orders of ours that are missing are asked for by their ids.
    Cut,
}

/// A complete read of an account: what reconciling compares the book with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Orders, open and ended, since the time asked for; all open ones whatever their age.
    pub orders: Vec<OrderReport>,
    /// Fills since the time asked for.
    pub fills: Vec<Fill>,
    /// Positions.
    pub positions: Vec<Position>,
    /// Money.
    pub balance: Option<Balance>,
    /// Whether all open orders, all positions and the balance were read: else absence proves
    /// nothing, and the account is not reconciled by it.
    pub complete: bool,
    /// The broker's time when the first of these reads began.
    pub as_of: Timestamp,
    /// Whether the ended orders and the fills are all there are, too.
    pub history: History,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The order exists.
    Order(Box<OrderReport>),
    /// The bracket's legs that are not ended, and the order with the client id asked for.
    Legs {
        /// The legs.
        legs: Vec<BracketLeg>,
        /// To be kept and handed back.
        memo: Vec<(String, String)>,
    },
    /// The broker knows no such order.
    Absent,
    /// The look-up itself failed; nothing is known.
    Failed(Fault),
}

/// Something an account tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerEvent {
    /// The plugin is connected.
    Up(AccountInfo),
    /// The plugin cannot be reached or run; what was known stays as it was.
    Down(Fault),
    /// Another plugin runs the account from now on.
    Swapped {
        /// What it says of itself.
        info: AccountInfo,
        /// Which one, and which one before, for people.
        text: String,
    },
    /// A plugin was not taken; the one that runs goes on.
    SwapRefused {
        /// Which one and why, for people.
        text: String,
    },
    /// What came of a command.
    Answer {
        /// The outbox row.
        op: OpId,
        /// What came of it.
        answer: Answer,
    },
    /// What a look-up for an unsettled row found.
    LookedUp {
        /// The outbox row.
        op: OpId,
        /// What was found.
        found: Found,
    },
    /// Orders and fills that changed since the last poll.
    Polled {
        /// Orders.
        orders: Vec<OrderReport>,
        /// Fills.
        fills: Vec<Fill>,
    },
    /// Orders that were asked for by the broker's own id and that it does not know.
    NotThere {
        /// The orders.
        orders: Vec<BrokerOrderId>,
        /// When they were asked for, by a clock that nobody sets: only spans between two of these
        /// mean something.
        asked_at: Timestamp,
    },
    /// A complete read.
    Picture(Picture),
    /// New prices.
    Quotes(Vec<Quote>),
    /// Bars that were asked for.
    Bars {
        /// The symbol.
        symbol: Symbol,
        /// Length of a bar in seconds.
        seconds: u32,
        /// Oldest first.
        bars: Vec<Bar>,
    },
    /// An instrument's rules.
    Instrument(Box<Instrument>),
    /// An instrument that the broker does not know.
    NoInstrument {
        /// The symbol asked for.
        symbol: Symbol,
        /// Why.
        fault: Fault,
    },
    /// Whether an instrument trades.
    Session {
        /// The symbol.
        symbol: Symbol,
        /// Its session.
        session: Session,
    },
    /// Money.
    Balance(Balance),
}

/// A [`BrokerEvent`] with the account that told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromAccount {
    /// The account.
    pub account: AccountName,
    /// What it told.
    pub event: BrokerEvent,
}
