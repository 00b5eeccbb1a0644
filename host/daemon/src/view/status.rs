//! JSON shape of the daemon's own state.
//!
//! Apart because `status`, `/livez` and `/readyz` must tell the same. It judges nothing: what is not
//! ready is decided by the engine thread.

use std::collections::BTreeMap;

use bracketd_core::pace::PaceStats;
use serde::Serialize;

use super::control::{self, KillView};
use super::words::STATUSES;
use crate::clock::rfc3339;
use crate::message::{AccountState, Gap, Status};

/// The daemon's state.
#[derive(Debug, Serialize)]
pub struct StatusView {
    version: &'static str,
    mode: &'static str,
    now: String,
    started_at: String,
    ready: bool,
    not_ready: Vec<String>,
    protection: ProtectionCounts,
    /// Transactions whose stop works at another price than wanted.
    stops_elsewhere: Vec<String>,
    /// Transactions that hold something for which no stop is wanted.
    without_stop: Vec<String>,
    gaps: Vec<GapView>,
    transactions: BTreeMap<&'static str, usize>,
    unknown_ops: usize,
    unguarded_entries: Vec<String>,
    policies_refused: usize,
    /// Why the directory of the policies cannot be read, while it cannot.
    policies_unreadable: Option<String>,
    accounts: Vec<AccountView>,
    activity: ActivityView,
    /// What must not be overlooked, one sentence each.
    alerts: Vec<String>,
    kill: KillView,
    /// The level that the file KILL asks for, while it is there.
    kill_file: Option<&'static str>,
    /// Transactions that hold something at a disarmed account.
    unmanaged: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ProtectionCounts {
    protected: usize,
    pending: usize,
    unprotected: usize,
}

#[derive(Debug, Serialize)]
struct GapView {
    transaction: String,
    account: String,
    symbol: String,
    state: &'static str,
    since: String,
    gap_ms: u64,
    why: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct AccountView {
    name: String,
    plugin: Option<String>,
    digest: String,
    up: bool,
    reconciled: bool,
    armed: bool,
    budget: BudgetView,
    /// What went wrong last; it stays when all goes well again.
    last_error: Option<String>,
    last_error_at: Option<String>,
    kill: KillView,
    /// The level that holds for it: its own or the daemon's.
    kill_level: &'static str,
}

/// The account's message budget, by class: how many wait, and the longest that one waited so far.
#[derive(Debug, Serialize)]
struct BudgetView {
    per_minute: u32,
    used: u32,
    waiting: BTreeMap<&'static str, usize>,
    longest_wait_ms: BTreeMap<&'static str, u64>,
    limited: u64,
    limited_until: Option<String>,
}

#[derive(Debug, Serialize)]
struct ActivityView {
    written: u64,
    lost: u64,
    queued: u64,
    last_error: Option<String>,
    /// Facts of the ledger that it does not have yet.
    behind: u64,
}

/// The daemon's state as JSON.
pub fn view(status: &Status) -> StatusView {
    let pending = status.gaps.iter().filter(|gap| gap.why.is_none()).count();
    StatusView {
        version: env!("CARGO_PKG_VERSION"),
        mode: status.mode.as_str(),
        now: rfc3339(status.now),
        started_at: rfc3339(status.started_at),
        ready: status.not_ready.is_empty(),
        not_ready: status.not_ready.clone(),
        protection: ProtectionCounts {
            protected: status.protected,
            pending,
            unprotected: status.gaps.len() - pending,
        },
        stops_elsewhere: status.stops_elsewhere.iter().map(ToString::to_string).collect(),
        without_stop: status.without_stop.iter().map(ToString::to_string).collect(),
        gaps: status.gaps.iter().map(|gap| gap_view(gap, status)).collect(),
        transactions: STATUSES
            .iter()
            .map(|s| (s.as_str(), status.transactions.get(s).copied().unwrap_or(0)))
            .collect(),
        unknown_ops: status.unknown_ops,
        unguarded_entries: status.unguarded_entries.iter().map(ToString::to_string).collect(),
        policies_refused: status.policies_refused,
        policies_unreadable: status.policies_unreadable.clone(),
        accounts: status.accounts.iter().map(account_view).collect(),
        activity: ActivityView {
            written: status.activity.written,
            lost: status.activity.lost,
            queued: status.activity.queued,
            last_error: status.activity.last_error.clone(),
            behind: status.activity.behind,
        },
        alerts: status.alerts.clone(),
        kill: control::kill(&status.kill, status.is_kill_written),
        kill_file: control::file(status.kill_file),
        unmanaged: status.unmanaged.iter().map(ToString::to_string).collect(),
    }
}

fn gap_view(gap: &Gap, status: &Status) -> GapView {
    GapView {
        transaction: gap.transaction.to_string(),
        account: gap.account.to_string(),
        symbol: gap.symbol.to_string(),
        state: if gap.why.is_some() { "unprotected" } else { "pending" },
        since: rfc3339(gap.since),
        gap_ms: status.now.ms_since(gap.since),
        why: gap.why.map(bracketd_core::protection::Exposed::as_str),
    }
}

fn budget_view(budget: &PaceStats) -> BudgetView {
    let classes = || budget.classes.iter().map(|class| (class.urgency.as_str(), class));
    BudgetView {
        per_minute: budget.per_minute,
        used: budget.used,
        waiting: classes().map(|(name, class)| (name, class.waiting)).collect(),
        longest_wait_ms: classes().map(|(name, class)| (name, class.longest_ms)).collect(),
        limited: budget.limited,
        limited_until: budget.limited_until.map(rfc3339),
    }
}

fn account_view(account: &AccountState) -> AccountView {
    AccountView {
        name: account.name.to_string(),
        plugin: account.plugin.clone(),
        digest: account.plugins.as_ref().map(|p| p.running.digest.clone()).unwrap_or_default(),
        up: account.is_up,
        reconciled: account.is_reconciled,
        armed: account.is_armed,
        budget: budget_view(&account.budget),
        last_error: account.last_error.as_ref().map(|error| error.text.clone()),
        last_error_at: account.last_error.as_ref().map(|error| rfc3339(error.at)),
        kill: control::kill(&account.control.kill, account.is_kill_written),
        kill_level: account.kill_level.as_str(),
    }
}
