//! A plugin that says that all is as wanted, while it is not.
//!
//! Apart because such an answer is neither a rejection nor progress: planned anew at once, the same
//! step would be asked for in a circle. It must never give up what is wanted.

use super::Transition;
use super::answer::{ask_for_unlisted, retry_pause_ms};
use crate::command::{Change, Op, OpKind};
use crate::fact::FactKind;
use crate::ids::SliceNo;
use crate::intent::Source;
use crate::order::{Order, Role};
use crate::time::Timestamp;
use crate::transaction::Transaction;

/// Answers of that kind in a row after which people are told.
const TOLD_AFTER: u32 = 3;

/// An adjustment as it was before its answer settled it.
pub(super) struct Tried {
    slice: SliceNo,
    kind: OpKind,
    version: u64,
    /// Tries in a row that came to nothing before this one.
    before: u32,
}

impl Tried {
    pub(super) fn of(tx: &Transaction, op: &Op) -> Self {
        let before = tx.slice(op.slice).map_or(0, |slice| slice.rejections);
        Self { slice: op.slice, kind: op.kind.clone(), version: op.version, before }
    }

    /// Whether the exits are what was asked for.
    fn is_so(&self, tx: &Transaction) -> bool {
        let OpKind::Adjust { stop, target, quantity } = &self.kind else { return true };
        let rests = |role: Role| tx.exits(self.slice).find(move |order| order.role == role);
        let as_asked = |change: &Change, order: Option<&Order>| match (change, order) {
            (Change::Keep, None) | (Change::Clear, None) => true,
            (Change::Keep, Some(order)) => order.leaves() == *quantity,
            (Change::Clear, Some(_)) | (Change::Set(_), None) => false,
            (Change::Set(price), Some(order)) => {
                order.leaves() == *quantity && order.trigger.or(order.limit) == Some(*price)
            }
        };
        as_asked(stop, rests(Role::Stop)) && as_asked(target, rests(Role::Target))
    }
}

/// Where the exits are not what was asked for, the next try waits as after a rejection.
pub(super) fn done_without_progress(
    tx: &mut Transaction,
    tried: &Tried,
    now: Timestamp,
    out: &mut Transition,
) {
    if tried.is_so(tx) {
        return;
    }
    // It may be right, and what was heard here wrong.
    ask_for_unlisted(tx, tried.slice, &[], out);
    let tries = tried.before.saturating_add(1);
    let Some(slice) = tx.slices.iter_mut().find(|slice| slice.no == tried.slice) else { return };
    slice.rejections = tries;
    slice.rejected_version = Some(tried.version);
    slice.retry_at = Some(now.plus_ms(retry_pause_ms(tries)));
    if tries == TOLD_AFTER {
        out.fact(tx, now, FactKind::Alarm, Source::Host, |fact| {
            fact.code = "NO_PROGRESS".into();
            fact.slice = Some(tried.slice);
            fact.text = "the plugin says that the exits are as wanted, and they are not; it is \
                         asked on, with pauses; look at wanted and working prices"
                .to_owned();
        });
    }
}
