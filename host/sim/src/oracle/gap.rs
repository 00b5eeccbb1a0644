//! Time without a stop at the broker, and whether somebody was told (S1).
//!
//! Apart because this is the one thing the project is for.

use bracketd_core::Decimal;
use bracketd_core::ids::TransactionId;
use bracketd_core::order::{Order, Role};
use bracketd_core::pace::PaceRules;
use bracketd_core::protection::Protection;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::Transaction;
use bracketd_engine::Engine;

use super::{Oracle, Side};
use crate::fault::Fault;

/// A span in which held quantity had no stop at the broker although one was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// How long.
    pub(crate) ms: u64,
    /// How long of it the daemon knew; none where it ended unheard.
    pub(crate) known_ms: Option<u64>,
}

/// A daemon that was told publishes in the same step; the millisecond after is for its timer.
const SILENCE_MS: u64 = 1;
/// Of an order that the broker has forgotten, only its absence tells: said twice, the settle window
/// apart, and asked for the second time a moment after it.
const FORGOTTEN_MS: u64 = 6_000;
/// A Pending that is due turns into Unprotected with the engine's own timer.
const OVERDUE_MS: u64 = 1_000;

impl Side {
    /// Whether every stop that the daemon counts on lives at the broker.
    fn all_live(&self, tx: &Transaction) -> bool {
        let mut stops =
            tx.orders.iter().filter(|o| o.role == Role::Stop && o.status.protects()).peekable();
        let lives = |order: &Order| {
            order.broker_id.as_str().parse().is_ok_and(|face| self.live_exits.contains(&face))
        };
        stops.peek().is_some() && stops.all(lives)
    }
}

impl Oracle {
    /// Held or covered units of a transaction changed.
    pub(super) fn gaps_moved(&mut self, id: TransactionId, now: Timestamp) {
        let Some(model) = self.models.get_mut(&id) else { return };
        let naked = !model.naked().is_zero();
        match (naked, model.gap_since) {
            (true, None) => {
                model.gap_since = Some(now);
                model.told_at = None;
                // Parts of a ladder are protected one after the other.
                model.is_excused =
                    model.has_task || model.status != "WAITING" || !model.ladder.is_empty();
            }
            (false, Some(since)) => {
                let known_ms = model.told_at.map(|told| now.ms_since(told));
                let is_first = !model.is_excused && self.is_calm;
                model.gap_since = None;
                model.silent_since = None;
                model.told_at = None;
                self.gaps.push(Gap { ms: now.ms_since(since), known_ms });
                let trip = 3 * self.pace.way_ms + 10;
                if let (true, Some(known)) = (is_first && !model.is_ended(), known_ms)
                    && known > trip
                    && !model.held.is_zero()
                {
                    let text = format!("{id}: {known} ms to the first stop, one trip is {trip}");
                    self.fail("S1", now, text);
                }
            }
            _ => {}
        }
    }

    /// What kept the daemon from knowing begins or ends: silence is counted anew.
    pub(super) fn forgive(&mut self, _now: Timestamp) {
        for model in self.models.values_mut() {
            model.silent_since = None;
        }
    }

    /// What is published after a step, against the broker.
    pub(crate) fn after_step(&mut self, engine: &Engine, now: Timestamp) {
        self.is_paused = false;
        let mut wrong: Vec<(&'static str, String)> = Vec::new();
        let bounds: Vec<u64> = self.sides.iter().map(|side| self.silence_bound_ms(side)).collect();
        for (id, model) in &mut self.models {
            let Some(tx) = engine.book().transactions.get(id) else { continue };
            let side = &self.sides[model.account];
            if tx.ops.len() > 16 {
                wrong.push(("S17", format!("{id} has {} unsettled rows", tx.ops.len())));
            }
            let published = matches!(
                tx.protection,
                Protection::Pending { .. } | Protection::Unprotected { .. }
            );
            // What was believed to be covered in between is known anew only when it is said again.
            let knows = model.gap_since.is_some() && published;
            model.told_at = model.told_at.or(Some(now)).filter(|_| knows);
            let is_writing = !self.is_stuck && !self.was_stuck;
            if is_writing
                && model.gap_since.is_some()
                && model.knows_held()
                && !model.told_stop
                && !published
            {
                let text = format!(
                    "{id}: a fill was told and never a stop that stands, and it is {:?}",
                    tx.protection
                );
                wrong.push(("S1", text));
            }
            let able = !self.is_stuck
                && side.is_up
                && side.is_read
                && side.reachable
                && side.limited_until <= now
                && self.is_alive;
            // People were told of the very orders that cover it, as they believe: ask the broker.
            let stuck = tx.orders.iter().filter(|order| {
                order.role == Role::Stop && order.stuck && !order.status.is_terminal()
            });
            let is_stuck = stuck.map(|o| o.leaves().get()).sum::<Decimal>() >= model.naked();
            // A clock that was set ahead dates what is believed later than the broker's word of it.
            let is_misdated = side.all_live(tx)
                && tx.orders.iter().any(|o| o.role == Role::Stop && o.updated_at > now);
            if model.gap_since.is_none() || published || is_stuck || is_misdated || !able {
                model.silent_since = None;
            } else {
                let since = *model.silent_since.get_or_insert(now);
                let silent = now.ms_since(since);
                if silent > bounds[model.account] {
                    let text = format!(
                        "{id}: {} of {} units have had no stop for {} ms and nobody was told: {:?}",
                        model.naked(),
                        model.held,
                        now.ms_since(model.gap_since.unwrap_or(now)),
                        tx.protection
                    );
                    wrong.push(("S1", text));
                }
            }
            let Protection::Pending { since } = tx.protection else { continue };
            let overdue = now.ms_since(since) > 3_000 + OVERDUE_MS;
            let is_able = side.is_up && !self.is_stuck && !self.was_stuck;
            if overdue && is_able && !self.clock_was_set && !self.struck.contains(&Fault::Pause) {
                wrong.push(("S1", format!("{id} is pending since {} ms", now.ms_since(since))));
            }
        }
        for (rule, text) in wrong {
            self.fail(rule, now, text);
        }
    }

    /// How long a gap may go unheard: the next poll tells, or where reads go wrong the next good
    /// one of them. A poll is first in line every other second, once the budget holds one message.
    fn silence_bound_ms(&self, side: &Side) -> u64 {
        let reads_fail = [Fault::Missing, Fault::Reordered, Fault::Stale, Fault::Partial];
        let fails = reads_fail.iter().any(|fault| self.existing.contains(fault));
        let message_ms = 75_000 / u64::from(side.per_minute);
        let turn = self.pace.poll_ms.max(PaceRules::of(side.per_minute).pulse_ms()) + message_ms;
        let is_forgotten = self.struck.contains(&Fault::Forgotten);
        let forgotten = if is_forgotten { FORGOTTEN_MS + turn } else { 0 };
        // Absence is said twice.
        let reads = if is_forgotten { 2 } else { 1 };
        let trip = 3 * self.pace.way_ms + SILENCE_MS + self.pace.tick_ms + side.caps.lag_ms;
        let poll = turn + trip + forgotten;
        if fails { poll + reads * 5 * self.pace.picture_ms } else { poll + self.pace.timeout_ms }
    }
}
