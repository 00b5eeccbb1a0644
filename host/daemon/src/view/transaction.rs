//! JSON shape of a transaction: wanted against working, leg by leg, with the figures.
//!
//! Apart because it is the largest and the one people look at when it matters. The state of a leg
//! is read off the orders and open commands; it is never stored.

use bracketd_core::command::{Op, OpLegs, OpState};
use bracketd_core::metrics::{Metrics, metrics};
use bracketd_core::order::{Leg, Order};
use bracketd_core::protection::Protection;
use bracketd_core::transaction::{EntryKind, Slice, Task, Transaction, TransactionStatus};
use serde::Serialize;

use super::ladder::{RungView, rung};
use super::standing::{StandingView, standing};
use super::{decimal, price, words};
use crate::clock::rfc3339;
use crate::message::Seen;

/// A transaction as lists show it.
#[derive(Debug, Serialize)]
pub struct TransactionView {
    id: String,
    account: String,
    owner: String,
    symbol: String,
    direction: &'static str,
    status: &'static str,
    version: u64,
    held: String,
    entry: EntryView,
    legs: LegsView,
    protection: ProtectionView,
    /// Whether a stop of what is held works at another price than wanted.
    stop_differs: bool,
    /// False while its account is disarmed: nothing is sent for it.
    managed: bool,
    metrics: MetricsView,
    policies: Vec<String>,
    task: Option<String>,
    created_at: String,
    opened_at: Option<String>,
    closed_at: Option<String>,
    close_reason: Option<String>,
    /// What the host does by itself.
    standing: StandingView,
    /// Partial targets, the nearest first.
    ladder: Vec<RungView>,
    #[serde(flatten)]
    parts: Option<PartsView>,
}

/// What only the page of one transaction shows.
#[derive(Debug, Serialize)]
struct PartsView {
    slices: Vec<SliceView>,
    orders: Vec<OrderView>,
    ops: Vec<OpView>,
}

#[derive(Debug, Serialize)]
struct EntryView {
    kind: &'static str,
    limit: Option<String>,
    reference: String,
    quantity: String,
    entered: String,
    average: Option<String>,
    time_in_force: &'static str,
    on_partial: &'static str,
    guard: &'static str,
    ended: bool,
}

#[derive(Debug, Serialize)]
struct LegsView {
    stop: LegView,
    target: LegView,
}

#[derive(Debug, Serialize)]
struct LegView {
    desired: Option<String>,
    working: Option<String>,
    state: &'static str,
    locked: bool,
}

#[derive(Debug, Serialize)]
struct ProtectionView {
    state: &'static str,
    since: Option<String>,
    gap_ms: Option<u64>,
    why: Option<&'static str>,
    /// Spans without the wanted stop that have ended.
    past_gaps: GapsView,
}

#[derive(Debug, Serialize)]
struct GapsView {
    count: u32,
    total_ms: u64,
    longest_ms: u64,
}

#[derive(Debug, Serialize)]
struct MetricsView {
    price: Option<String>,
    unrealized: Option<String>,
    realized: String,
    percent: Option<String>,
    /// Loss at the working stops; absent where it has no limit.
    risk: Option<String>,
    /// Why there is no figure for the risk.
    risk_reason: Option<&'static str>,
    r_multiple: Option<String>,
}

#[derive(Debug, Serialize)]
struct SliceView {
    no: u8,
    held: String,
    stop: Option<String>,
    target: Option<String>,
    rejections: u32,
    retry_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct OrderView {
    broker_id: String,
    client_id: Option<String>,
    group: Option<String>,
    slice: u8,
    role: &'static str,
    side: &'static str,
    kind: &'static str,
    quantity: String,
    filled: String,
    avg_price: Option<String>,
    limit: Option<String>,
    trigger: Option<String>,
    status: &'static str,
    stuck: bool,
    updated_at: String,
}

#[derive(Debug, Serialize)]
struct OpView {
    id: String,
    client_id: String,
    slice: u8,
    legs: &'static str,
    step: u32,
    attempt: u32,
    kind: &'static str,
    state: &'static str,
    planned_at: String,
    evidence: Option<String>,
}

/// Why a risk has no figure.
pub(super) const UNLIMITED: &str = "unlimited: no working stop covers all that is held";

/// Where a leg stands, worst slice first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LegState {
    /// None is wanted and none works.
    None,
    /// Nothing is held yet; the price waits in the ledger.
    Stored,
    /// It works as wanted, for all that is held.
    Working,
    /// Wanted, nothing is under way at this moment.
    Staged,
    /// A command for it is under way.
    InFlight,
    /// The broker said no to what is wanted.
    Rejected,
    /// The outcome of a command is unknown.
    Unknown,
}

impl LegState {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stored => "stored",
            Self::Working => "working",
            Self::Staged => "staged",
            Self::InFlight => "in_flight",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing more has to happen for what is wanted.
    pub fn is_done(self) -> bool {
        matches!(self, Self::None | Self::Stored | Self::Working)
    }
}

/// A transaction for a list.
pub fn brief(seen: &Seen) -> TransactionView {
    view(seen, None)
}

/// A transaction with its slices, orders and open commands.
pub fn full(seen: &Seen) -> TransactionView {
    let tx = &seen.transaction;
    let parts = PartsView {
        slices: tx.slices.iter().map(|slice| slice_view(tx, slice)).collect(),
        orders: tx.orders.iter().map(order_view).collect(),
        ops: tx.ops.iter().map(op_view).collect(),
    };
    view(seen, Some(parts))
}

/// Where a leg of the transaction stands.
pub fn leg_state(tx: &Transaction, leg: Leg) -> LegState {
    let legs = match leg {
        Leg::Stop => OpLegs::Stop,
        Leg::Target => OpLegs::Target,
    };
    let ops = || tx.ops.iter().filter(|op| op.legs.overlaps(legs) && !op.state.is_settled());
    if ops().any(|op| matches!(op.state, OpState::Unknown { .. })) {
        return LegState::Unknown;
    }
    let is_wanted = match leg {
        Leg::Stop => tx.desired.stop.is_some(),
        Leg::Target => tx.wants_target(),
    };
    let wanted = |slice: &Slice| match leg {
        Leg::Stop => tx.desired.stop,
        Leg::Target => tx.target_of(slice.no),
    };
    if tx.status == TransactionStatus::Waiting && ops().next().is_none() {
        return if is_wanted { LegState::Stored } else { LegState::None };
    }
    let held = || tx.slices.iter().filter(|slice| !slice.held.is_zero());
    let is_as_wanted = |slice: &Slice| working(tx, slice, leg) == wanted(slice);
    if held().all(is_as_wanted) && ops().next().is_none() {
        return match is_wanted && held().any(|slice| wanted(slice).is_some()) {
            true => LegState::Working,
            false => LegState::None,
        };
    }
    if ops().next().is_some() {
        return LegState::InFlight;
    }
    let version = Some(tx.desired.version);
    let is_rejected = |slice: &Slice| slice.rejected_version == version && !is_as_wanted(slice);
    if held().any(is_rejected) { LegState::Rejected } else { LegState::Staged }
}

fn working(tx: &Transaction, slice: &Slice, leg: Leg) -> Option<bracketd_core::money::Price> {
    use bracketd_core::order::Role;
    let exits = tx.exits(slice.no).filter(|order| order.is_working_exit());
    exits
        .filter_map(|order| match (leg, order.role) {
            (Leg::Stop, Role::Stop) => order.trigger,
            (Leg::Target, Role::Target) => order.limit,
            _ => None,
        })
        .next()
}

fn view(seen: &Seen, parts: Option<PartsView>) -> TransactionView {
    let tx = &*seen.transaction;
    let market = seen.quote.as_ref().and_then(|q| q.exit_price(tx.direction));
    let multiplier = seen.instrument.as_ref().map_or(1.into(), |i| i.multiplier);
    TransactionView {
        id: tx.id.to_string(),
        account: tx.account.to_string(),
        owner: tx.owner.to_string(),
        symbol: tx.symbol.to_string(),
        direction: tx.direction.as_str(),
        status: tx.status.as_str(),
        version: tx.desired.version,
        held: decimal(tx.held().get()),
        entry: entry_view(tx),
        legs: LegsView { stop: leg_view(tx, Leg::Stop), target: leg_view(tx, Leg::Target) },
        protection: protection_view(seen),
        stop_differs: tx.stop_differs(),
        managed: seen.is_managed || tx.status.is_ended(),
        metrics: metrics_view(&metrics(tx, market, multiplier)),
        policies: tx.policies.iter().map(ToString::to_string).collect(),
        task: tx.task.as_ref().map(task_text),
        created_at: rfc3339(tx.created_at),
        opened_at: tx.opened_at.map(rfc3339),
        closed_at: tx.closed_at.map(rfc3339),
        close_reason: tx.close_reason.clone(),
        standing: standing(&tx.standing),
        ladder: tx.ladder.iter().map(rung).collect(),
        parts,
    }
}

fn task_text(task: &Task) -> String {
    match task {
        Task::Close { .. } => "close".to_owned(),
        Task::Reduce { to } => format!("reduce to {to}"),
        Task::Grow { to } => format!("grow to {to}"),
    }
}

fn entry_view(tx: &Transaction) -> EntryView {
    let (kind, limit) = match tx.entry.kind {
        EntryKind::Market => ("market", None),
        EntryKind::Limit(limit) => ("limit", Some(limit)),
    };
    EntryView {
        kind,
        limit: price(limit),
        reference: decimal(tx.entry.reference.get()),
        quantity: decimal(tx.entry.quantity.get()),
        entered: decimal(tx.entered.get()),
        average: price(tx.entry_price()),
        time_in_force: words::time_in_force(tx.entry.time_in_force),
        on_partial: words::on_partial(tx.entry.on_partial),
        guard: words::entry_guard(tx.entry.guard),
        ended: tx.entry.ended,
    }
}

fn leg_view(tx: &Transaction, leg: Leg) -> LegView {
    LegView {
        desired: price(tx.desired.leg(leg)),
        working: price(tx.working(leg)),
        state: leg_state(tx, leg).as_str(),
        locked: tx.locks.has(leg),
    }
}

fn protection_view(seen: &Seen) -> ProtectionView {
    let protection = &seen.transaction.protection;
    let since = protection.gap_since();
    ProtectionView {
        state: protection.as_str(),
        since: since.map(rfc3339),
        gap_ms: since.map(|since| seen.now.ms_since(since)),
        why: match protection {
            Protection::Unprotected { why, .. } => Some(why.as_str()),
            Protection::NotWanted | Protection::Protected | Protection::Pending { .. } => None,
        },
        past_gaps: GapsView {
            count: seen.transaction.gaps.count,
            total_ms: seen.transaction.gaps.total_ms,
            longest_ms: seen.transaction.gaps.longest_ms,
        },
    }
}

fn metrics_view(figures: &Metrics) -> MetricsView {
    MetricsView {
        price: price(figures.price),
        unrealized: figures.unrealized.map(decimal),
        realized: decimal(figures.realized),
        percent: figures.percent.map(decimal),
        risk: figures.risk.map(decimal),
        risk_reason: figures.risk.is_none().then_some(UNLIMITED),
        r_multiple: figures.r_multiple.map(decimal),
    }
}

fn slice_view(tx: &Transaction, slice: &Slice) -> SliceView {
    SliceView {
        no: slice.no.0,
        held: decimal(slice.held.get()),
        stop: price(working(tx, slice, Leg::Stop)),
        target: price(working(tx, slice, Leg::Target)),
        rejections: slice.rejections,
        retry_at: slice.retry_at.map(rfc3339),
    }
}

fn order_view(order: &Order) -> OrderView {
    OrderView {
        broker_id: order.broker_id.to_string(),
        client_id: order.client_id.as_ref().map(ToString::to_string),
        group: order.group.clone(),
        slice: order.slice.0,
        role: order.role.as_str(),
        side: match order.side {
            bracketd_core::order::Side::Buy => "buy",
            bracketd_core::order::Side::Sell => "sell",
        },
        kind: words::order_kind(order.kind),
        quantity: decimal(order.quantity.get()),
        filled: decimal(order.filled.get()),
        avg_price: price(order.avg_price),
        limit: price(order.limit),
        trigger: price(order.trigger),
        status: order.status.as_str(),
        stuck: order.stuck,
        updated_at: rfc3339(order.updated_at),
    }
}

fn op_view(op: &Op) -> OpView {
    OpView {
        id: op.id.to_string(),
        client_id: op.client_id.to_string(),
        slice: op.slice.0,
        legs: op.legs.as_str(),
        step: op.step,
        attempt: op.attempt,
        kind: op.kind.as_str(),
        state: op.state.as_str(),
        planned_at: rfc3339(op.planned_at),
        evidence: op.evidence.clone(),
    }
}
