//! One order at the broker, and the table of what may become of it (I2).
//!
//! Apart because the table is the only place that decides an order's next status; it must never
//! know why somebody wants the order.

use crate::ids::{BrokerOrderId, ClientOrderId, SliceNo};
use crate::money::{Price, Quantity};
use crate::time::Timestamp;

/// Buying or selling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Buys.
    Buy,
    /// Sells.
    Sell,
}

/// Which way a transaction gains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Gains when the price rises.
    Long,
    /// Gains when the price falls.
    Short,
}

impl Direction {
    /// The side of the order that opens it.
    pub fn entry_side(self) -> Side {
        match self {
            Self::Long => Side::Buy,
            Self::Short => Side::Sell,
        }
    }

    /// The side of the orders that end it.
    pub fn exit_side(self) -> Side {
        match self {
            Self::Long => Side::Sell,
            Self::Short => Side::Buy,
        }
    }

    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Short => "short",
        }
    }
}

/// One of the two exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// The stop-loss.
    Stop,
    /// The take-profit.
    Target,
}

impl Leg {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Target => "target",
        }
    }
}

/// What an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Opens the transaction or adds to it.
    Entry,
    /// Its stop-loss.
    Stop,
    /// Its take-profit.
    Target,
    /// Ends it, or part of it, at the market.
    Close,
}

impl Role {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Stop => "stop",
            Self::Target => "target",
            Self::Close => "close",
        }
    }
}

/// How an order finds its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// At once, at any price.
    Market,
    /// At the limit price or better.
    Limit,
    /// At any price once the trigger price is touched.
    Stop,
    /// At the limit price or better once the trigger price is touched.
    StopLimit,
    /// A trigger that follows the market.
    TrailingStop,
    /// Something that only the broker knows.
    Other,
}

/// How long an order rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeInForce {
    /// Until the session ends.
    Day,
    /// Until canceled.
    Gtc,
    /// What fills at once; the rest is canceled.
    Ioc,
    /// All at once or nothing.
    Fok,
    /// Something that only the broker knows.
    Other,
}

/// The life of an order at the broker; one value for each `order-state` of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderStatus {
    /// Taken, not yet resting.
    PendingNew,
    /// Rests behind a live sibling exit; counts as protection.
    Held,
    /// Child of an entry that is not completely filled; protects nothing.
    Contingent,
    /// Rests.
    Working,
    /// Rests, part of it is filled.
    PartiallyFilled,
    /// A change was asked for.
    PendingReplace,
    /// A cancel was asked for.
    PendingCancel,
    /// Neither working nor ended (done for the day, suspended).
    Inactive,
    /// Ended: completely filled.
    Filled,
    /// Ended: canceled.
    Canceled,
    /// Ended: the broker said no.
    Rejected,
    /// Ended: its time was over.
    Expired,
    /// Ended: another order stands in its place.
    Replaced,
    /// The broker's word for its state is not known to the plugin.
    Unknown,
}

impl OrderStatus {
    /// Whether nothing can come of the order any more, but for a late fill.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Filled | Self::Canceled | Self::Rejected | Self::Expired | Self::Replaced => true,
            Self::PendingNew
            | Self::Held
            | Self::Contingent
            | Self::Working
            | Self::PartiallyFilled
            | Self::PendingReplace
            | Self::PendingCancel
            | Self::Inactive
            | Self::Unknown => false,
        }
    }

    /// Whether the order would act on its own when the market touches its price.
    ///
    /// A cancel or a change that was asked for has not happened yet: the order still stands.
    pub fn protects(self) -> bool {
        match self {
            Self::Held
            | Self::Working
            | Self::PartiallyFilled
            | Self::PendingReplace
            | Self::PendingCancel => true,
            Self::PendingNew
            | Self::Contingent
            | Self::Inactive
            | Self::Unknown
            | Self::Filled
            | Self::Canceled
            | Self::Rejected
            | Self::Expired
            | Self::Replaced => false,
        }
    }

    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingNew => "pending_new",
            Self::Held => "held",
            Self::Contingent => "contingent",
            Self::Working => "working",
            Self::PartiallyFilled => "partially_filled",
            Self::PendingReplace => "pending_replace",
            Self::PendingCancel => "pending_cancel",
            Self::Inactive => "inactive",
            Self::Filled => "filled",
            Self::Canceled => "canceled",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Unknown => "unknown",
        }
    }

    /// The status after the broker reported `reported`, or the named error when no broker can
    /// mean that (I2). A fill always wins, also against a pending cancel and after a cancel.
    ///
    /// # Errors
    /// [`ImpossibleStatus`] when an ended order is reported alive again.
    pub fn after_report(self, reported: Self) -> Result<Self, ImpossibleStatus> {
        let impossible = ImpossibleStatus { from: self, reported };
        match (self, reported) {
            // A broker may fill what it was about to cancel, or had canceled a moment before.
            (_, Self::Filled) => Ok(Self::Filled),
            (Self::Filled, _) => Ok(Self::Filled),
            // A page read before the end was known: the end stands.
            (
                Self::Canceled | Self::Rejected | Self::Expired | Self::Replaced,
                Self::PendingNew
                | Self::Held
                | Self::Contingent
                | Self::Working
                | Self::PartiallyFilled
                | Self::PendingReplace
                | Self::PendingCancel
                | Self::Inactive
                | Self::Unknown,
            ) => Err(impossible),
            // Two ends that exclude each other: the first one was told first, a replace that
            // turned out to be a cancel is corrected.
            (Self::Replaced, Self::Canceled | Self::Rejected | Self::Expired) => Ok(reported),
            (Self::Canceled | Self::Expired, Self::Replaced) => Ok(self),
            (Self::Canceled, Self::Expired) | (Self::Expired, Self::Canceled) => Ok(self),
            (Self::Rejected, Self::Canceled | Self::Expired | Self::Replaced)
            | (Self::Canceled | Self::Expired, Self::Rejected) => Ok(self),
            (Self::Canceled, Self::Canceled)
            | (Self::Rejected, Self::Rejected)
            | (Self::Expired, Self::Expired)
            | (Self::Replaced, Self::Replaced) => Ok(self),
            // An alive order may become anything, in any order: events overtake each other.
            (
                Self::PendingNew
                | Self::Held
                | Self::Contingent
                | Self::Working
                | Self::PartiallyFilled
                | Self::PendingReplace
                | Self::PendingCancel
                | Self::Inactive
                | Self::Unknown,
                Self::PendingNew
                | Self::Held
                | Self::Contingent
                | Self::Working
                | Self::PartiallyFilled
                | Self::PendingReplace
                | Self::PendingCancel
                | Self::Inactive
                | Self::Unknown
                | Self::Canceled
                | Self::Rejected
                | Self::Expired
                | Self::Replaced,
            ) => Ok(reported),
        }
    }
}

impl OrderStatus {
    /// The status of an order that was taken for replaced, once its replacement has come to
    /// nothing and the broker reports it alive (Alpaca answers a replace with 200 and may still
    /// reject the new order: `order_replace_rejected`).
    ///
    /// # Errors
    /// [`ImpossibleStatus`] when it was not replaced, or is not reported alive.
    pub fn after_failed_replace(self, reported: Self) -> Result<Self, ImpossibleStatus> {
        match self {
            Self::Replaced if !reported.is_terminal() => Ok(reported),
            Self::Replaced
            | Self::PendingNew
            | Self::Held
            | Self::Contingent
            | Self::Working
            | Self::PartiallyFilled
            | Self::PendingReplace
            | Self::PendingCancel
            | Self::Inactive
            | Self::Filled
            | Self::Canceled
            | Self::Rejected
            | Self::Expired
            | Self::Unknown => Err(ImpossibleStatus { from: self, reported }),
        }
    }
}

/// A report that the status table has no row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImpossibleStatus {
    /// The status the order has.
    pub from: OrderStatus,
    /// The status that was reported.
    pub reported: OrderStatus,
}

impl std::fmt::Display for ImpossibleStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an order that is {} was reported {}", self.from.as_str(), self.reported.as_str())
    }
}

impl std::error::Error for ImpossibleStatus {}

/// One order of a transaction as the broker last told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The broker's id.
    pub broker_id: BrokerOrderId,
    /// Our id, where the order has one (a leg that the broker made has none).
    pub client_id: Option<ClientOrderId>,
    /// Orders of one group cancel each other.
    pub group: Option<String>,
    /// The slice it belongs to.
    pub slice: SliceNo,
    /// What it is for.
    pub role: Role,
    /// Buying or selling.
    pub side: Side,
    /// How it finds its price.
    pub kind: OrderKind,
    /// Quantity ordered, filled part included.
    pub quantity: Quantity,
    /// Quantity filled so far; never shrinks.
    pub filled: Quantity,
    /// Average price of what is filled.
    pub avg_price: Option<Price>,
    /// Limit price, where it has one.
    pub limit: Option<Price>,
    /// Trigger price, where it has one.
    pub trigger: Option<Price>,
    /// The broker's last word, as the table took it.
    pub status: OrderStatus,
    /// When the broker changed it last.
    pub updated_at: Timestamp,
    /// Whether people were told that a cancel or change of it is not confirmed.
    pub stuck: bool,
}

impl Order {
    /// Not yet filled, while the order is alive.
    pub fn leaves(&self) -> Quantity {
        if self.status.is_terminal() { Quantity::ZERO } else { self.quantity.minus(self.filled) }
    }

    /// Whether it is an exit that would act by itself.
    pub fn is_working_exit(&self) -> bool {
        matches!(self.role, Role::Stop | Role::Target) && self.status.protects()
    }
}
