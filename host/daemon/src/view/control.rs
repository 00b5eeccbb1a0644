//! JSON shapes of kill switches, arming and accounts.
//!
//! Apart because `status`, `account` and `kill` show the same, and must not differ.

use bracketd_account::{PluginId, Plugins, SwapReport};
use bracketd_core::Decimal;
use bracketd_core::book::OnDeadline;
use bracketd_core::broker::OrderReport;
use bracketd_core::control::{Baseline, Kill, KillLevel};
use bracketd_core::ids::{Symbol, TransactionId};
use serde::Serialize;

use super::{PositionView, decimal, position_view, price};
use crate::clock::rfc3339;
use crate::message::{AccountDetail, Comparison};

/// A kill switch as it stands.
#[derive(Debug, Serialize)]
pub struct KillView {
    level: &'static str,
    why: String,
    by: Option<String>,
    since: Option<String>,
    /// False while it holds in memory alone: the ledger cannot be written.
    in_ledger: bool,
}

/// A kill switch; who set it and when are missing where nobody ever did.
pub fn kill(kill: &Kill, in_ledger: bool) -> KillView {
    let was_set = *kill != Kill::default();
    KillView {
        level: kill.level.as_str(),
        why: kill.why.clone(),
        by: was_set.then(|| kill.by.label()),
        since: was_set.then(|| rfc3339(kill.since)),
        in_ledger,
    }
}

/// Everything about one account.
#[derive(Debug, Serialize)]
pub struct AccountDetailView {
    name: String,
    plugin: Option<String>,
    /// What runs, what a roll-back goes to, and how a swap stands.
    plugins: Option<PluginsView>,
    up: bool,
    reconciled: bool,
    armed: bool,
    /// `person`, or `config` while nobody has decided; `restore`, `new_ledger` and `login` where the
    /// daemon disarmed it.
    armed_by: &'static str,
    /// What went wrong last; it stays when all goes well again.
    last_error: Option<String>,
    last_error_at: Option<String>,
    /// The broker's own account that the login opens, and the one that was armed.
    broker_account: Option<String>,
    broker_account_armed: Option<String>,
    kill: KillView,
    /// The level that holds: the account's or the daemon's.
    kill_level: &'static str,
    equity: Option<String>,
    currency: Option<String>,
    max_day_loss: Option<String>,
    max_drawdown_percent: Option<String>,
    baseline: Option<BaselineView>,
    positions: Vec<PositionView>,
    holding: Vec<String>,
    waiting: Vec<String>,
    /// Open orders there that are not ours.
    foreign_orders: Vec<ForeignView>,
    /// Positions there that are not what our transactions hold.
    foreign_positions: Vec<DifferenceView>,
    /// The broker's time of the read that shows these.
    read_as_of: Option<String>,
    /// Over which the broker tells on its own, beside the polls.
    sockets: SocketsView,
    /// `alert`, or `market_close`: what is held is closed when it was without its stop for too long.
    on_deadline: &'static str,
    /// Who armed or disarmed it, when and why; missing while nobody did.
    decision: Option<DecisionView>,
}

/// A decision about arming.
#[derive(Debug, Serialize)]
struct DecisionView {
    by: String,
    at: String,
    why: String,
}

/// The sockets of an account.
#[derive(Debug, Serialize)]
struct SocketsView {
    /// Those that the plugin wants; none where it cannot stream or has no grant for one.
    wanted: usize,
    open: usize,
}

/// The plugins of an account.
#[derive(Debug, Serialize)]
pub struct PluginsView {
    name: String,
    digest: String,
    generation: u64,
    parked: Option<PluginView>,
    swap: SwapView,
}

#[derive(Debug, Serialize)]
struct PluginView {
    name: String,
    digest: String,
}

#[derive(Debug, Serialize)]
struct SwapView {
    /// `idle`, `shadow`, `waiting` or `gate`.
    stage: &'static str,
    blocked: Option<String>,
    last: Option<SwapReportView>,
}

#[derive(Debug, Serialize)]
struct SwapReportView {
    number: u64,
    done: bool,
    generation: Option<u64>,
    refused: Option<String>,
    /// How long no command was handed out.
    gap_us: u64,
}

fn plugins(plugins: &Plugins) -> PluginsView {
    let report = |report: &SwapReport| SwapReportView {
        number: report.number,
        done: report.outcome.is_ok(),
        generation: report.outcome.as_ref().ok().copied(),
        refused: report.outcome.as_ref().err().cloned(),
        gap_us: u64::try_from(report.gap.as_micros()).unwrap_or(u64::MAX),
    };
    let plugin = |id: &PluginId| PluginView { name: id.name.clone(), digest: id.digest.clone() };
    PluginsView {
        name: plugins.running.name.clone(),
        digest: plugins.running.digest.clone(),
        generation: plugins.generation,
        parked: plugins.parked.as_ref().map(plugin),
        swap: SwapView {
            stage: plugins.swap.stage.as_str(),
            blocked: plugins.swap.blocked.clone(),
            last: plugins.swap.last.as_ref().map(report),
        },
    }
}

#[derive(Debug, Serialize)]
struct BaselineView {
    day_equity: String,
    peak_equity: String,
}

/// An account in full.
pub fn account(detail: &AccountDetail) -> AccountDetailView {
    let state = &detail.state;
    let ids = |ids: &[TransactionId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let baseline = |b: Baseline| BaselineView {
        day_equity: decimal(b.day_equity),
        peak_equity: decimal(b.peak_equity),
    };
    AccountDetailView {
        name: state.name.to_string(),
        plugin: state.plugin.clone(),
        plugins: state.plugins.as_ref().map(plugins),
        up: state.is_up,
        reconciled: state.is_reconciled,
        armed: state.is_armed,
        armed_by: state.armed_by.as_str(),
        last_error: state.last_error.as_ref().map(|error| error.text.clone()),
        last_error_at: state.last_error.as_ref().map(|error| rfc3339(error.at)),
        broker_account: detail.broker_account.clone(),
        broker_account_armed: state.control.broker_account.clone(),
        kill: kill(&state.control.kill, state.is_kill_written),
        kill_level: state.kill_level.as_str(),
        equity: detail.balance.as_ref().map(|b| decimal(b.equity)),
        currency: detail.balance.as_ref().map(|b| b.currency.clone()),
        max_day_loss: detail.max_day_loss.map(decimal),
        max_drawdown_percent: detail.max_drawdown_percent.map(decimal),
        baseline: state.control.baseline.map(baseline),
        positions: detail.positions.iter().map(position_view).collect(),
        holding: ids(&detail.holding),
        waiting: ids(&detail.waiting),
        foreign_orders: detail.foreign_orders.iter().map(foreign).collect(),
        foreign_positions: detail.differing.iter().map(difference).collect(),
        read_as_of: detail.read_as_of.map(rfc3339),
        sockets: SocketsView { wanted: state.sockets.wanted, open: state.sockets.open },
        decision: state.decision.as_ref().map(|told| DecisionView {
            by: told.by.clone(),
            at: rfc3339(told.at),
            why: told.why.clone(),
        }),
        on_deadline: match detail.on_deadline {
            OnDeadline::Alert => "alert",
            OnDeadline::Close => "market_close",
        },
    }
}

/// An account against the book.
#[derive(Debug, Serialize)]
pub struct ComparisonView {
    account: String,
    complete: bool,
    differences: Vec<DifferenceView>,
    foreign_orders: Vec<ForeignView>,
}

#[derive(Debug, Serialize)]
struct DifferenceView {
    symbol: String,
    book: String,
    account: String,
}

#[derive(Debug, Serialize)]
struct ForeignView {
    broker_id: String,
    symbol: String,
    side: &'static str,
    quantity: String,
    limit: Option<String>,
    trigger: Option<String>,
    status: &'static str,
    /// Orders of one group end each other.
    group: Option<String>,
}

/// What came of a comparison.
pub fn comparison(comparison: &Comparison) -> ComparisonView {
    ComparisonView {
        account: comparison.account.to_string(),
        complete: comparison.is_complete,
        differences: comparison.positions.iter().map(difference).collect(),
        foreign_orders: comparison.foreign.iter().map(foreign).collect(),
    }
}

fn foreign(order: &OrderReport) -> ForeignView {
    ForeignView {
        broker_id: order.broker_id.to_string(),
        symbol: order.symbol.to_string(),
        side: match order.side {
            bracketd_core::order::Side::Buy => "buy",
            bracketd_core::order::Side::Sell => "sell",
        },
        quantity: decimal(order.quantity.get()),
        limit: price(order.limit),
        trigger: price(order.trigger),
        status: order.status.as_str(),
        group: order.group.clone(),
    }
}

fn difference((symbol, ours, theirs): &(Symbol, Decimal, Decimal)) -> DifferenceView {
    DifferenceView { symbol: symbol.to_string(), book: decimal(*ours), account: decimal(*theirs) }
}

/// The level that the file asks for, while it is there.
pub fn file(level: Option<KillLevel>) -> Option<&'static str> {
    level.map(KillLevel::as_str)
}
