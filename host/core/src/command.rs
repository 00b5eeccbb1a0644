//! What is asked of a broker, and the ids that make asking twice harmless (I3).
//!
//! Apart because a command is written to the ledger before it leaves and read back after a crash:
//! it must hold everything that is needed to look for its effect, and nothing that a restart
//! could not know.

use crate::broker::Fault;
use crate::ids::{AccountName, BrokerOrderId, ClientOrderId, OpId, SliceNo, Symbol, TransactionId};
use crate::money::{Price, Quantity};
use crate::order::{OrderKind, OrderStatus, Role, Side, TimeInForce};
use crate::time::Timestamp;

/// The leg or legs that an operation occupies: one in flight at a time (I4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpLegs {
    /// The entry order.
    Entry,
    /// The stop.
    Stop,
    /// The target.
    Target,
    /// Both exits: a linked pair is made, broken or replaced.
    Pair,
    /// The closing order.
    Close,
}

impl OpLegs {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Stop => "stop",
            Self::Target => "target",
            Self::Pair => "pair",
            Self::Close => "close",
        }
    }

    /// Whether two operations would touch the same leg of a slice.
    pub fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Pair, Self::Stop | Self::Target | Self::Pair)
            | (Self::Stop | Self::Target, Self::Pair) => true,
            (a, b) => a == b,
        }
    }
}

/// What shall become of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Stays as it is.
    Keep,
    /// Goes away.
    Clear,
    /// Rests at this price.
    Set(Price),
}

/// An order to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// What is traded.
    pub symbol: Symbol,
    /// Buying or selling.
    pub side: Side,
    /// Market or limit.
    pub kind: OrderKind,
    /// How long it rests.
    pub time_in_force: TimeInForce,
    /// How much.
    pub quantity: Quantity,
    /// Limit price.
    pub limit: Option<Price>,
    /// Trigger price.
    pub trigger: Option<Price>,
    /// A target that the order carries.
    pub take_profit: Option<Price>,
    /// A stop that the order carries.
    pub stop_loss: Option<Price>,
    /// May only shrink what is held.
    pub reduce_only: bool,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// Sends the entry, or a further one.
    Submit(NewOrder),
    /// Sends an order that ends the transaction or part of it.
    Close(NewOrder),
    /// Brings the exits of a slice one safe step closer to what is wanted.
    Adjust {
        /// What becomes of the stop.
        stop: Change,
        /// What becomes of the target.
        target: Change,
        /// Quantity that the exits shall cover.
        quantity: Quantity,
    },
    /// Cancels one order; a linked sibling dies with it.
    Cancel {
        /// The order.
        order: BrokerOrderId,
    },
}

impl OpKind {
    /// Lower-case name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Submit(_) => "submit",
            Self::Close(_) => "close",
            Self::Adjust { .. } => "adjust",
            Self::Cancel { .. } => "cancel",
        }
    }
}

/// What is known of an operation's effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpState {
    /// Committed, and sent or about to be.
    InFlight {
        /// Whether people were told that no answer comes.
        escalated: bool,
    },
    /// Surely without effect so far; goes out again, under the same id, at this time.
    NotSent {
        /// When to try again.
        retry_at: Timestamp,
    },
    /// A write may have left; only evidence settles it (I13).
    Unknown {
        /// Look-ups made so far; each pause is longer than the one before.
        lookups: u32,
        /// Of these, how many found nothing although the write was old enough to be seen.
        absent: u32,
        /// When to look next.
        next_at: Timestamp,
        /// Whether people were told that it does not settle by itself.
        escalated: bool,
        /// The order that a person named as its effect; it is read before it is believed.
        named: Option<BrokerOrderId>,
    },
    /// Taken; done once this order has ended.
    Awaiting {
        /// The order.
        order: BrokerOrderId,
    },
    /// Taken and settled.
    Done,
    /// The broker said no.
    Rejected,
    /// Given up before it was sent, because it was too old.
    Stale,
}

impl OpState {
    /// Just handed to the account.
    pub fn in_flight() -> Self {
        Self::InFlight { escalated: false }
    }

    /// Whether it was handed to the account and not answered.
    pub fn is_in_flight(&self) -> bool {
        matches!(self, Self::InFlight { .. })
    }

    /// Unknown, and to be looked up at once.
    pub fn unknown(next_at: Timestamp) -> Self {
        Self::Unknown { lookups: 0, absent: 0, next_at, escalated: false, named: None }
    }

    /// Whether nothing more will come of it.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Done | Self::Rejected | Self::Stale => true,
            Self::InFlight { .. }
            | Self::NotSent { .. }
            | Self::Unknown { .. }
            | Self::Awaiting { .. } => false,
        }
    }

    /// Lower-case name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::InFlight { .. } => "in_flight",
            Self::NotSent { .. } => "not_sent",
            Self::Unknown { .. } => "unknown",
            Self::Awaiting { .. } => "awaiting",
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Stale => "stale",
        }
    }
}

/// One row of the outbox: a command and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Its id, derived from ledger, epoch, transaction, slice, legs and step.
    pub id: OpId,
    /// The client order id that this operation may use: the id, cut to what the account takes.
    pub client_id: ClientOrderId,
    /// The slice.
    pub slice: SliceNo,
    /// The legs that it occupies.
    pub legs: OpLegs,
    /// Its number among the rows of that slice and leg.
    pub step: u32,
    /// How often it was handed to the account.
    pub attempt: u32,
    /// What it does.
    pub kind: OpKind,
    /// What is known of it.
    pub state: OpState,
    /// The desired version that it carries out.
    pub version: u64,
    /// When it was committed.
    pub planned_at: Timestamp,
    /// When it was handed to the account last.
    pub sent_at: Timestamp,
    /// Kept when the outcome was unknown: what the host saw, for people.
    pub evidence: Option<String>,
}

impl Op {
    /// Whether the broker refused it because its client order id was used before, so that an order
    /// of it exists or existed.
    pub fn is_duplicate(&self) -> bool {
        let evidence = self.evidence.as_deref();
        evidence.is_some_and(|text| text.starts_with(DUPLICATE_CLIENT_ID))
    }
}

/// The neutral code of a client order id that was used before.
pub const DUPLICATE_CLIENT_ID: &str = "DUPLICATE_CLIENT_ID";

/// How urgent a message to a broker is; earlier is more urgent (I14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Whether something filled, asked while an order rests: a fill that nobody saw has no stop.
    Pulse,
    /// Held quantity is without its wanted stop.
    Unprotected,
    /// Something is being closed.
    Close,
    /// Something is being reduced.
    Reduce,
    /// A stop moves.
    Tighten,
    /// Targets and entries.
    Routine,
    /// A read that nothing waits for.
    Read,
}

impl Urgency {
    /// All of them, most urgent first.
    pub const ALL: [Self; 7] = [
        Self::Pulse,
        Self::Unprotected,
        Self::Close,
        Self::Reduce,
        Self::Tighten,
        Self::Routine,
        Self::Read,
    ];

    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pulse => "pulse",
            Self::Unprotected => "unprotected",
            Self::Close => "close",
            Self::Reduce => "reduce",
            Self::Tighten => "tighten",
            Self::Routine => "routine",
            Self::Read => "read",
        }
    }
}

/// One leg as the plugin is told of it and tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BracketLeg {
    /// What it is for.
    pub role: Role,
    /// The broker's id.
    pub broker_id: BrokerOrderId,
    /// Our id, where it has one.
    pub client_id: Option<ClientOrderId>,
    /// Its state.
    pub status: OrderStatus,
    /// Limit price.
    pub limit: Option<Price>,
    /// Trigger price.
    pub trigger: Option<Price>,
    /// Quantity ordered.
    pub quantity: Quantity,
    /// Quantity filled.
    pub filled: Quantity,
}

/// A slice's exits as the plugin is told of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// `transaction-slice`.
    pub id: String,
    /// What is traded.
    pub symbol: Symbol,
    /// The side of the entry.
    pub entry_side: Side,
    /// What is held.
    pub held: Quantity,
    /// What the exits shall cover.
    pub protect: Quantity,
    /// The legs that are not ended.
    pub legs: Vec<BracketLeg>,
    /// How long exits rest.
    pub time_in_force: TimeInForce,
    /// What the plugin returned for this bracket last.
    pub memo: Vec<(String, String)>,
}

/// One call of a plugin's write export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `adjust-sl`, `adjust-tp` or `adjust-tp-sl`.
    Adjust {
        /// The exits as they are.
        bracket: Bracket,
        /// What becomes of the stop.
        stop: Change,
        /// What becomes of the target.
        target: Change,
    },
    /// `submit-order`.
    Submit(NewOrder),
    /// `cancel-order`.
    Cancel {
        /// The order.
        order: BrokerOrderId,
    },
}

/// A message to an account: one write, already in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The account.
    pub account: AccountName,
    /// The transaction; one call of it at a time.
    pub transaction: TransactionId,
    /// The outbox row.
    pub op: OpId,
    /// The client order id that the call may use.
    pub client_id: ClientOrderId,
    /// How often the row was handed over, from 1.
    pub attempt: u32,
    /// How urgent it is.
    pub urgency: Urgency,
    /// The call.
    pub call: Call,
    /// What it takes off the risk, in the instrument's currency; below zero where it adds to it.
    /// Of two stops that tighten, the one that gains more goes first.
    pub gain: rust_decimal::Decimal,
}

/// What an account is asked to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Whether an order with this client id exists: settles an unknown submit.
    Order {
        /// The outbox row that waits for the answer.
        op: OpId,
        /// The id to look for.
        client_id: ClientOrderId,
    },
    /// How one order of ours stands: settles an unknown cancel.
    BrokerOrder {
        /// The outbox row that waits for the answer.
        op: OpId,
        /// The order.
        order: BrokerOrderId,
    },
    /// How a bracket stands: settles an unknown adjustment.
    Bracket {
        /// The outbox row that waits for the answer.
        op: OpId,
        /// The client id that the adjustment may have used.
        client_id: ClientOrderId,
        /// The bracket as the host knows it.
        bracket: Bracket,
    },
    /// How these orders stand now; each is answered by a
    /// [`BrokerEvent::Polled`](crate::broker::BrokerEvent::Polled).
    Refresh {
        /// The orders.
        orders: Vec<BrokerOrderId>,
    },
    /// An instrument's rules, and its quote from then on.
    Instrument(Symbol),
    /// Bars of a symbol, oldest first.
    Bars {
        /// The symbol.
        symbol: Symbol,
        /// Length of a bar in seconds.
        seconds: u32,
        /// From then on.
        since: Timestamp,
        /// At most so many.
        limit: u32,
    },
    /// Orders, fills, positions and balance, complete; answers with a [`crate::broker::Picture`].
    Picture {
        /// Orders and fills from then on.
        since: Timestamp,
    },
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An adjustment was taken.
    Adjusted {
        /// All legs of the bracket that are not ended now.
        legs: Vec<BracketLeg>,
        /// What was done.
        how: How,
        /// How far it is.
        progress: Progress,
        /// To be kept and handed back.
        memo: Vec<(String, String)>,
    },
    /// An order was taken, changed or asked to be canceled.
    Placed {
        /// The order as it is now, where the answer tells.
        order: Option<Box<crate::broker::OrderReport>>,
        /// How far it is.
        progress: Progress,
    },
    /// The broker said no, definitely.
    Rejected(Fault),
    /// Nothing was written; try again after this many milliseconds.
    NotSent {
        /// Why.
        fault: Fault,
        /// How long to wait.
        after_ms: u64,
    },
    /// A write may have left.
    Unknown(Fault),
}

/// What an adjustment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Nothing; it already was as wanted.
    Unchanged,
    /// A leg's price was changed where it rests.
    ReplacedInPlace,
    /// A cancel was asked for; the next step follows when it is confirmed.
    CancelRequested,
    /// New legs rest.
    NewLeg,
}

/// How far a write is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It rests as asked.
    Confirmed,
    /// It was taken; the broker's reports will tell.
    Accepted,
    /// The next step waits for this order's end.
    WaitingFor(BrokerOrderId),
    /// The broker asks first; nobody answers for people, so it counts as a rejection.
    Challenge {
        /// What kind of question.
        code: String,
        /// The broker's words.
        text: String,
    },
}
