//! The steps of a close or a resize: free what reserves the quantity, confirm, act, protect the
//! rest again.
//!
//! Apart because these take several commands, and between any two of them the daemon may die: the
//! next step is found from where things stand.

use super::Step;
use super::exits::{self, carried_exits_are_expected};
use crate::book::Account;
use crate::bug::{self, Bug};
use crate::command::{Change, NewOrder, OpKind, OpLegs};
use crate::ids::SliceNo;
use crate::instrument::Features;
use crate::money::Quantity;
use crate::order::{Order, OrderKind, OrderStatus, Role, Side, TimeInForce};
use crate::time::Timestamp;
use crate::transaction::{EntryGuard, Task, Transaction};

/// Whether the slice's exits belong to the task, so that nobody protects it in between.
pub(super) fn occupies(tx: &Transaction, account: &Account, slice: SliceNo) -> bool {
    freed_slices(tx, account).contains(&slice)
}

pub(super) fn steps(tx: &Transaction, account: &Account, now: Timestamp) -> Vec<Step> {
    let Some(task) = &tx.task else { return Vec::new() };
    let sells = matches!(task, Task::Close { .. } | Task::Reduce { .. });
    if sells && (entry_is_in_the_way(tx, task) || carried_exits_are_expected(tx, now)) {
        return Vec::new();
    }
    let slices = freed_slices(tx, account);
    // Where quantity was dealt out anew, exits that are still too large would sell it too.
    if sells && exits::any_exceeds(tx, &slices) {
        return Vec::new();
    }
    let freeing: Vec<Step> = slices.iter().filter_map(|slice| free(tx, *slice, now)).collect();
    if !freeing.is_empty() {
        return freeing;
    }
    let rests = |slice: &SliceNo| live_exits(tx, *slice).next().is_some();
    let acting = tx.ops.iter().any(|op| {
        // A further entry waits for every row of its leg, a cancel that is in doubt included.
        let same_leg = matches!(task, Task::Grow { .. }) && op.legs == OpLegs::Entry;
        !op.state.is_settled()
            && (matches!(op.kind, OpKind::Close(_) | OpKind::Submit(_))
                || same_leg
                || slices.contains(&op.slice))
    });
    if acting || slices.iter().any(rests) || working_order(tx, task) {
        return Vec::new();
    }
    act(tx, task).into_iter().collect()
}

/// Whether the entry rests and has to end before anything is sold; its cancel is planned beside
/// this. Its fills would be closed too, and the exits it carries are of its whole quantity: they
/// come to life with its last fill, and would sell what the task has sold before (I4).
pub(super) fn entry_is_in_the_way(tx: &Transaction, task: &Task) -> bool {
    let carries = tx.entry.guard != EntryGuard::Plain && !tx.entry.ended;
    match task {
        Task::Close { .. } => tx.resting_entry().is_some(),
        Task::Reduce { .. } => carries && tx.resting_entry().is_some(),
        Task::Grow { .. } => false,
    }
}

/// The slices whose exits have to go before the task's own order can.
fn freed_slices(tx: &Transaction, account: &Account) -> Vec<SliceNo> {
    let held = || tx.slices.iter().filter(|s| !s.held.is_zero());
    match &tx.task {
        None => Vec::new(),
        // An exit that reserves nothing would sell beside the close, and take what another
        // transaction holds of the same position (I4): it goes first there too.
        Some(Task::Close { .. }) => held().map(|s| s.no).collect(),
        Some(Task::Reduce { to }) => {
            let mut excess = tx.held().minus(*to);
            let mut slices = Vec::new();
            let order = tx.parting_order().into_iter().filter_map(|no| tx.slice(no));
            for slice in order.filter(|s| !s.held.is_zero()) {
                if !excess.is_zero() {
                    slices.push(slice.no);
                }
                excess = excess.minus(slice.held);
            }
            slices
        }
        // Where a plain exit may not rest beside an entry, only linked pairs may stay.
        Some(Task::Grow { .. }) => {
            if account.can(&tx.symbol, Features::PROTECT_BESIDE_OPEN_ENTRY) {
                return Vec::new();
            }
            let pair = tx.wants_pairs();
            held().filter(|_| !pair).map(|s| s.no).collect()
        }
    }
}

fn live_exits(tx: &Transaction, slice: SliceNo) -> impl Iterator<Item = &Order> {
    tx.exits(slice).filter(|o| o.status != OrderStatus::Contingent)
}

fn free(tx: &Transaction, slice: SliceNo, now: Timestamp) -> Option<Step> {
    let busy = tx
        .ops
        .iter()
        .any(|op| op.slice == slice && op.legs.overlaps(OpLegs::Pair) && !op.state.is_settled());
    let pauses =
        tx.slice(slice).is_some_and(|s| s.rejections > 0 && s.retry_at.is_some_and(|at| now < at));
    let mut live = live_exits(tx, slice).peekable();
    live.peek()?;
    if busy || pauses || live.any(|o| o.status == OrderStatus::PendingCancel) {
        return None;
    }
    let quantity = tx.slice(slice).map_or(Quantity::ZERO, |s| s.held);
    let kind = OpKind::Adjust { stop: Change::Clear, target: Change::Clear, quantity };
    Some(Step { slice, legs: OpLegs::Pair, kind })
}

/// Whether the task's own order is at the broker and not ended.
fn working_order(tx: &Transaction, task: &Task) -> bool {
    let role = match task {
        Task::Close { .. } | Task::Reduce { .. } => Role::Close,
        Task::Grow { .. } => Role::Entry,
    };
    tx.orders.iter().any(|o| o.role == role && !o.status.is_terminal())
}

fn act(tx: &Transaction, task: &Task) -> Option<Step> {
    let (quantity, side) = match task {
        Task::Close { .. } if bug::is(Bug::M11) => (tx.entered, tx.direction.exit_side()),
        Task::Close { .. } => (tx.held(), tx.direction.exit_side()),
        Task::Reduce { to } => (tx.held().minus(*to), tx.direction.exit_side()),
        Task::Grow { to } => (to.minus(tx.held()), tx.direction.entry_side()),
    };
    if quantity.is_zero() {
        return None;
    }
    let mut order = tx.parting_order().into_iter().filter_map(|no| tx.slice(no));
    let slice = order.find(|s| !s.held.is_zero()).map_or(SliceNo(0), |s| s.no);
    let order = market(tx, quantity, side);
    Some(match task {
        Task::Grow { .. } => {
            Step { slice: SliceNo(0), legs: OpLegs::Entry, kind: OpKind::Submit(order) }
        }
        Task::Close { .. } | Task::Reduce { .. } => {
            Step { slice, legs: OpLegs::Close, kind: OpKind::Close(order) }
        }
    })
}

fn market(tx: &Transaction, quantity: Quantity, side: Side) -> NewOrder {
    NewOrder {
        symbol: tx.symbol.clone(),
        side,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Day,
        quantity,
        limit: None,
        trigger: None,
        take_profit: None,
        stop_loss: None,
        reduce_only: side == tx.direction.exit_side(),
    }
}
