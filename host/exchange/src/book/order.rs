//! What an order is: its words, its statuses, its record.
//!
//! Separate because everything else reads it. It holds facts only; what may happen to an order is
//! decided beside it (`admit`, `replace`, `cancel`, `matching`), never here.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The exchange's own id of an order.
pub type OrderId = Uuid;

/// Which way an order trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Adds to a long or covers a short.
    Buy,
    /// Reduces a long or opens a short.
    Sell,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// `qty` as a change of a signed position.
    #[must_use]
    pub fn signed(self, qty: Decimal) -> Decimal {
        match self {
            Self::Buy => qty,
            Self::Sell => -qty,
        }
    }
}

/// How an order finds its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderType {
    /// At once, at the market.
    Market,
    /// At `limit_price` or better.
    Limit,
    /// A market order once `stop_price` was touched.
    Stop,
    /// A limit order once `stop_price` was touched.
    StopLimit,
}

impl OrderType {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit => "limit",
            Self::Stop => "stop",
            Self::StopLimit => "stop_limit",
        }
    }

    /// Whether an order of this type has a limit price.
    #[must_use]
    pub fn has_limit(self) -> bool {
        matches!(self, Self::Limit | Self::StopLimit)
    }

    /// Whether an order of this type has a stop price.
    #[must_use]
    pub fn has_stop(self) -> bool {
        matches!(self, Self::Stop | Self::StopLimit)
    }
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Until the UTC day of its submission is over (these markets are always open).
    Day,
    /// Until canceled, or for `BookConfig::gtc_days`.
    Gtc,
    /// What fills at once; the rest is canceled.
    Ioc,
    /// All at once, or nothing.
    Fok,
}

/// How orders hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderClass {
    /// Alone.
    Simple,
    /// An entry with a target and a stop.
    Bracket,
    /// A target and a stop for a position that is held.
    Oco,
    /// An entry with one exit.
    Oto,
}

impl OrderClass {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Bracket => "bracket",
            Self::Oco => "oco",
            Self::Oto => "oto",
        }
    }
}

/// What an order is to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupRole {
    /// Opens the position.
    Entry,
    /// Closes it at a gain.
    TakeProfit,
    /// Closes it at a loss.
    StopLoss,
}

/// What an order means to do with the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionIntent {
    /// Open or add to a long.
    BuyToOpen,
    /// Cover a short.
    BuyToClose,
    /// Open or add to a short.
    SellToOpen,
    /// Reduce a long.
    SellToClose,
}

impl PositionIntent {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::BuyToOpen => "buy_to_open",
            Self::BuyToClose => "buy_to_close",
            Self::SellToOpen => "sell_to_open",
            Self::SellToClose => "sell_to_close",
        }
    }

    /// What an order of `side` does to a position of `held` (signed units).
    #[must_use]
    pub fn inferred(side: Side, held: Decimal) -> Self {
        match side {
            Side::Buy if held < Decimal::ZERO => Self::BuyToClose,
            Side::Buy => Self::BuyToOpen,
            Side::Sell if held > Decimal::ZERO => Self::SellToClose,
            Side::Sell => Self::SellToOpen,
        }
    }
}

/// The seventeen statuses of the published API; no other word is ever sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words are the broker's; brokers' own documents define them")]
pub enum OrderStatus {
    New,
    PartiallyFilled,
    Filled,
    DoneForDay,
    Canceled,
    Expired,
    Replaced,
    PendingCancel,
    PendingReplace,
    Accepted,
    PendingNew,
    AcceptedForBidding,
    Stopped,
    Rejected,
    Suspended,
    Calculated,
    Held,
}

impl OrderStatus {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::PartiallyFilled => "partially_filled",
            Self::Filled => "filled",
            Self::DoneForDay => "done_for_day",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::PendingCancel => "pending_cancel",
            Self::PendingReplace => "pending_replace",
            Self::Accepted => "accepted",
            Self::PendingNew => "pending_new",
            Self::AcceptedForBidding => "accepted_for_bidding",
            Self::Stopped => "stopped",
            Self::Rejected => "rejected",
            Self::Suspended => "suspended",
            Self::Calculated => "calculated",
            Self::Held => "held",
        }
    }

    /// Nothing can happen to such an order any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Canceled | Self::Expired | Self::Replaced | Self::Rejected
        )
    }
}

/// One order, as the exchange keeps it. Times are unix nanoseconds of the exchange's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The exchange's id.
    pub id: OrderId,
    /// The client's id; unique in the account forever.
    pub client_order_id: String,
    /// What is traded.
    pub symbol: String,
    /// Which way.
    pub side: Side,
    /// Total units wanted; a stop leg's shrinks with its target's fills.
    pub qty: Decimal,
    /// Units filled.
    pub filled_qty: Decimal,
    /// Money of all fills: sum of price times units.
    pub filled_value: Decimal,
    /// How it finds its price.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// How it hangs together with others.
    pub order_class: OrderClass,
    /// Limit, per unit.
    pub limit_price: Option<Decimal>,
    /// Stop trigger, per unit.
    pub stop_price: Option<Decimal>,
    /// Where it is in its life.
    pub status: OrderStatus,
    /// Asked to trade outside the session.
    pub extended_hours: bool,
    /// What it does to the position.
    pub position_intent: PositionIntent,
    /// Shared by an entry, its legs and all their replacements.
    pub group_id: Option<Uuid>,
    /// What it is to that group.
    pub group_role: Option<GroupRole>,
    /// The order this one took the place of.
    pub replaces: Option<OrderId>,
    /// The order that took this one's place.
    pub replaced_by: Option<OrderId>,
    /// When the exchange took it.
    pub submitted_ns: i64,
    /// When it last changed.
    pub updated_ns: i64,
    /// When it was filled completely.
    pub filled_ns: Option<i64>,
    /// When it was canceled.
    pub canceled_ns: Option<i64>,
    /// When it expired.
    pub expired_ns: Option<i64>,
    /// When it was replaced.
    pub replaced_ns: Option<i64>,
    /// When a `gtc` or `day` order will expire.
    pub expires_ns: Option<i64>,
    /// Its stop was touched: from then on it is a market or limit order.
    pub triggered: bool,
    /// Index of its group in the book.
    pub(crate) group: Option<usize>,
}

impl Order {
    /// Units still to fill.
    #[must_use]
    pub fn remaining(&self) -> Decimal {
        self.qty - self.filled_qty
    }

    /// Mean price of its fills.
    #[must_use]
    pub fn filled_avg_price(&self) -> Option<Decimal> {
        self.filled_value.checked_div(self.filled_qty)
    }

    /// Works in the market or waits for its turn.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.status.is_terminal()
    }
}
