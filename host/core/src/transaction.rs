//! One round trip: an entry, what of it is held, the protection wanted for it, and its end.
//!
//! Apart because this is the record everything else reads; it holds the *desired* protection and
//! the orders that are the *working* one, and never decides what to send.

use rust_decimal::Decimal;

use crate::command::{Op, OpLegs};
use crate::ids::{AccountName, OwnerName, PolicyName, SliceNo, Symbol, TransactionId};
use crate::intent::Source;
use crate::ladder::Rung;
use crate::money::{Price, Quantity};
use crate::order::{Direction, Leg, Order, Role, TimeInForce};
use crate::protection::{Gaps, Protection};
use crate::standing::Standing;
use crate::time::Timestamp;

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionStatus {
    /// Its entry has not filled at all; stop and target live in the ledger only.
    Waiting,
    /// Something of it is held, or was and the entry still rests.
    Opened,
    /// Its close was asked for and is not done.
    Closing,
    /// Ended; nothing is held.
    Closed,
    /// Its entry never came to rest at the broker.
    Failed,
}

/// What happens to a transaction as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEvent {
    /// A part of the entry filled.
    EntryFilled,
    /// The entry ended without any fill, canceled or expired.
    EntryEnded,
    /// The entry was rejected, or given up before it was sent.
    EntryFailed,
    /// A close was accepted.
    CloseAsked,
    /// The close order ended and something is still held.
    CloseFailed,
    /// Nothing is held any more and no entry rests.
    NothingHeld,
}

impl TransactionStatus {
    /// The next status, or nothing where the pair cannot happen (I2).
    pub fn after(self, event: TransactionEvent) -> Option<Self> {
        use TransactionEvent as E;
        match (self, event) {
            (Self::Waiting, E::EntryFilled) => Some(Self::Opened),
            (Self::Waiting, E::EntryEnded) => Some(Self::Closed),
            (Self::Waiting, E::EntryFailed) => Some(Self::Failed),
            (Self::Opened, E::EntryFilled) => Some(Self::Opened),
            (Self::Opened, E::CloseAsked) => Some(Self::Closing),
            (Self::Opened, E::NothingHeld) => Some(Self::Closed),
            (Self::Closing, E::EntryFilled) => Some(Self::Closing),
            (Self::Closing, E::CloseFailed) => Some(Self::Opened),
            (Self::Closing, E::NothingHeld) => Some(Self::Closed),
            // The entry filled although it had been reported ended: what is held is held.
            (Self::Closed | Self::Failed, E::EntryFilled) => Some(Self::Opened),
            (Self::Waiting, E::CloseAsked | E::CloseFailed | E::NothingHeld)
            | (Self::Opened, E::EntryEnded | E::EntryFailed | E::CloseFailed)
            | (Self::Closing, E::EntryEnded | E::EntryFailed | E::CloseAsked)
            | (
                Self::Closed | Self::Failed,
                E::EntryEnded | E::EntryFailed | E::CloseAsked | E::CloseFailed | E::NothingHeld,
            ) => None,
        }
    }

    /// Whether the transaction has ended.
    pub fn is_ended(self) -> bool {
        match self {
            Self::Closed | Self::Failed => true,
            Self::Waiting | Self::Opened | Self::Closing => false,
        }
    }

    /// Upper-case name, as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Opened => "OPENED",
            Self::Closing => "CLOSING",
            Self::Closed => "CLOSED",
            Self::Failed => "FAILED",
        }
    }
}

/// How the entry finds its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// At the market.
    Market,
    /// At this price or better.
    Limit(Price),
}

/// What is done about a partial fill of an entry that still rests, where the instrument lacks
/// `protect-beside-open-entry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPartial {
    /// Cancel the rest, then protect what filled.
    CancelRest,
    /// Protect what filled with a linked pair beside the entry.
    Oco,
    /// Wait for the entry's end.
    Wait,
}

/// Exits that the entry order carries to the broker, so that a fill is protected even while this
/// daemon is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryGuard {
    /// The entry goes out alone.
    Plain,
    /// It carries a linked stop and target.
    Bracket,
    /// It carries a stop.
    Oto,
}

/// The plan of the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How it finds its price.
    pub kind: EntryKind,
    /// Quantity to open.
    pub quantity: Quantity,
    /// How long it rests.
    pub time_in_force: TimeInForce,
    /// The planned entry price: the limit, or the quote when it was asked for at the market. Stops
    /// and targets of a WAITING transaction are checked against it.
    pub reference: Price,
    /// What is done about a partial fill.
    pub on_partial: OnPartial,
    /// What the entry carries.
    pub guard: EntryGuard,
    /// Whether the rest of it is to be canceled.
    pub cancel_asked: bool,
    /// Whether nothing more can come of the entry.
    pub ended: bool,
}

/// The protection that is wanted, whatever rests at the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// The stop-loss trigger price.
    pub stop: Option<Price>,
    /// The take-profit limit price: of all that is held, or of what a ladder leaves over.
    pub target: Option<Price>,
    /// Rises with each change; what `--if-version` compares.
    pub version: u64,
}

impl Desired {
    /// The price wanted for a leg.
    pub fn leg(&self, leg: Leg) -> Option<Price> {
        match leg {
            Leg::Stop => self.stop,
            Leg::Target => self.target,
        }
    }
}

/// Legs that a person has locked: no automatic source moves them (I7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Locks {
    /// The stop is locked.
    pub stop: bool,
    /// The target is locked.
    pub target: bool,
}

impl Locks {
    /// Whether the leg is locked.
    pub fn has(self, leg: Leg) -> bool {
        match leg {
            Leg::Stop => self.stop,
            Leg::Target => self.target,
        }
    }

    /// Locks or unlocks a leg.
    pub fn set(&mut self, leg: Leg, locked: bool) {
        match leg {
            Leg::Stop => self.stop = locked,
            Leg::Target => self.target = locked,
        }
    }
}

/// A part of the held quantity with its own exits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its number.
    pub no: SliceNo,
    /// What of it is held now.
    pub held: Quantity,
    /// Fills until then join this slice before it is sent.
    pub gather_until: Timestamp,
    /// No new attempt at its exits before then, after a rejection.
    pub retry_at: Option<Timestamp>,
    /// Rejections in a row.
    pub rejections: u32,
    /// The desired version that was rejected last: a newer one is tried at once.
    pub rejected_version: Option<u64>,
    /// Whether it was rejected because the stop is already through the market.
    pub breached: bool,
    /// What the plugin last returned for this slice's bracket; handed back to it unread.
    pub memo: Vec<(String, String)>,
}

impl Slice {
    /// A slice of which nothing was sent yet.
    pub fn new(no: SliceNo, held: Quantity, gather_until: Timestamp) -> Self {
        Self {
            no,
            held,
            gather_until,
            retry_at: None,
            rejections: 0,
            rejected_version: None,
            breached: false,
            memo: Vec::new(),
        }
    }
}

/// A change of the held quantity that takes several steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Everything held goes.
    Close {
        /// Why, in the asker's words.
        why: String,
        /// Who asked.
        source: Source,
    },
    /// Held quantity goes down to this.
    Reduce {
        /// What is to be held afterwards.
        to: Quantity,
    },
    /// Held quantity goes up to this, by a further entry order at the market.
    Grow {
        /// What is to be held afterwards.
        to: Quantity,
    },
}

/// How many outbox rows a leg of a slice has had, so that each gets an id of its own (I3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepCount {
    /// The slice.
    pub slice: SliceNo,
    /// The leg or legs.
    pub legs: OpLegs,
    /// Rows so far.
    pub steps: u32,
}

/// One round trip. See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Its number.
    pub id: TransactionId,
    /// The account that trades it.
    pub account: AccountName,
    /// The book it belongs to.
    pub owner: OwnerName,
    /// What is traded.
    pub symbol: Symbol,
    /// Which way it gains.
    pub direction: Direction,
    /// Where it stands.
    pub status: TransactionStatus,
    /// The plan of its entry.
    pub entry: Entry,
    /// The protection wanted.
    pub desired: Desired,
    /// Legs locked by a person.
    pub locks: Locks,
    /// The policies that look after it, in the order they run.
    pub policies: Vec<PolicyName>,
    /// The parts of the held quantity.
    pub slices: Vec<Slice>,
    /// Its orders as the broker told them, oldest first.
    pub orders: Vec<Order>,
    /// Commands that are not settled.
    pub ops: Vec<Op>,
    /// Outbox rows so far.
    pub steps: Vec<StepCount>,
    /// A close or resize under way.
    pub task: Option<Task>,
    /// Whether what is held is protected, and since when not (I5).
    pub protection: Protection,
    /// The time it was without its wanted stop so far.
    pub gaps: Gaps,
    /// Closes in a row that the broker rejected or ended unfilled; the host's own tries pause.
    pub close_failures: u32,
    /// The host does not try to close before then.
    pub close_retry_at: Option<Timestamp>,
    /// The stop wanted at the time of the first fill, or the first on the losing side after it: the
    /// risk unit R is its distance, wherever the stop goes later.
    pub initial_stop: Option<Price>,
    /// Quantity bought into the transaction so far.
    pub entered: Quantity,
    /// Sum of price times quantity of what was entered.
    pub entered_value: Decimal,
    /// Quantity that left the transaction so far.
    pub exited: Quantity,
    /// Sum of price times quantity of what left.
    pub exited_value: Decimal,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When something of it was first held.
    pub opened_at: Option<Timestamp>,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// Why it ended, as one word.
    pub close_reason: Option<String>,
    /// What the host does for it by itself.
    pub standing: Standing,
    /// Partial targets, the nearest first; empty where there is one target, or none.
    pub ladder: Vec<Rung>,
}

/// What a transaction is made from; everything else of it is empty at its start.
#[derive(Clone, Debug)]
pub struct Birth {
    /// Its number.
    pub id: TransactionId,
    /// The account that trades it.
    pub account: AccountName,
    /// The book it belongs to.
    pub owner: OwnerName,
    /// What is traded.
    pub symbol: Symbol,
    /// Which way it gains.
    pub direction: Direction,
    /// The plan of its entry.
    pub entry: Entry,
    /// The protection wanted.
    pub desired: Desired,
    /// The policies that look after it, in the order they run.
    pub policies: Vec<PolicyName>,
    /// When it was asked for.
    pub at: Timestamp,
}

impl Transaction {
    /// A WAITING transaction of which nothing is held or sent.
    pub fn born(birth: Birth) -> Self {
        let Birth { id, account, owner, symbol, direction, entry, desired, policies, at } = birth;
        Self {
            id,
            account,
            owner,
            symbol,
            direction,
            status: TransactionStatus::Waiting,
            entry,
            desired,
            locks: Locks::default(),
            policies,
            slices: Vec::new(),
            orders: Vec::new(),
            ops: Vec::new(),
            steps: Vec::new(),
            task: None,
            protection: Protection::NotWanted,
            gaps: Gaps::default(),
            close_failures: 0,
            close_retry_at: None,
            initial_stop: None,
            entered: Quantity::ZERO,
            entered_value: Decimal::ZERO,
            exited: Quantity::ZERO,
            exited_value: Decimal::ZERO,
            created_at: at,
            opened_at: None,
            closed_at: None,
            close_reason: None,
            standing: Standing::default(),
            ladder: Vec::new(),
        }
    }

    /// Whether anything may still have to be done for it: also one that has ended may have a row
    /// that is not settled, or an order that is to go.
    pub fn has_business(&self) -> bool {
        !self.status.is_ended()
            || !self.ops.is_empty()
            || self.orders.iter().any(|order| !order.status.is_terminal())
    }

    /// The first stop on the losing side that is wanted of what was filled settles what one R is.
    pub(crate) fn keep_first_risk(&mut self) {
        let (Some(entry), Some(stop)) = (self.entry_price(), self.desired.stop) else { return };
        let is_losing = |stop: Price| match self.direction {
            Direction::Long => stop < entry,
            Direction::Short => stop > entry,
        };
        if is_losing(stop) && !self.initial_stop.is_some_and(is_losing) {
            self.initial_stop = Some(stop);
        }
    }

    /// What is held now.
    pub fn held(&self) -> Quantity {
        self.slices.iter().map(|slice| slice.held).sum()
    }

    /// Average price of what was entered.
    pub fn entry_price(&self) -> Option<Price> {
        Price::new(average(self.entered_value, self.entered)?)
    }

    /// Average price of what left.
    pub fn exit_price(&self) -> Option<Price> {
        Price::new(average(self.exited_value, self.exited)?)
    }

    /// The order at the broker that opens it, where one is known and alive; the first entry order
    /// that has not ended.
    pub fn resting_entry(&self) -> Option<&Order> {
        self.orders.iter().find(|o| o.role == Role::Entry && !o.status.is_terminal())
    }

    /// Rows that something may still come of, and whose order nobody has seen.
    pub(crate) fn unseen(&self) -> impl Iterator<Item = &Op> {
        let is_seen =
            |op: &Op| self.orders.iter().any(|o| o.client_id.as_ref() == Some(&op.client_id));
        self.ops.iter().filter(move |op| !op.state.is_settled() && !is_seen(op))
    }

    /// Live exits of a slice.
    pub fn exits(&self, slice: SliceNo) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(move |o| {
            o.slice == slice
                && matches!(o.role, Role::Stop | Role::Target)
                && !o.status.is_terminal()
        })
    }

    /// The slice of that number.
    pub fn slice(&self, no: SliceNo) -> Option<&Slice> {
        self.slices.iter().find(|s| s.no == no)
    }

    /// The price at the broker of a leg of the oldest held slice, where one works.
    pub fn working(&self, leg: Leg) -> Option<Price> {
        self.orders.iter().filter(|o| o.is_working_exit()).find_map(|o| match (leg, o.role) {
            (Leg::Stop, Role::Stop) => o.trigger,
            (Leg::Target, Role::Target) => o.limit,
            _ => None,
        })
    }

    /// Whether a stop of what is held works at another price than wanted: what is held is covered,
    /// yet not where somebody believes it is.
    pub fn stop_differs(&self) -> bool {
        let is_held = |no| self.slice(no).is_some_and(|slice| !slice.held.is_zero());
        self.orders
            .iter()
            .filter(|o| o.role == Role::Stop && o.is_working_exit() && is_held(o.slice))
            .any(|o| o.trigger != self.desired.stop)
    }
}

fn average(value: Decimal, quantity: Quantity) -> Option<Decimal> {
    if quantity.is_zero() {
        return None;
    }
    // Twelve decimals keep the average sane; what is cut off is below any broker's precision.
    Some(value.checked_div(quantity.get())?.round_dp(crate::money::SCALE_MAX))
}
