//! Outcomes that are unknown are settled by evidence only (S15).
//!
//! Apart because the evidence is what the daemon was told, and the verdict is what it published.

use bracketd_core::command::{BracketLeg, Change};
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::{OpId, TransactionId};
use bracketd_core::money::Price;
use bracketd_core::order::Role;
use bracketd_core::time::Timestamp;

use super::Oracle;

/// A write must be so old before absence proves anything; the design's settle window.
const SETTLE_MS: u64 = 5_000;

/// An outbox row as its facts tell of it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) transaction: TransactionId,
    is_in_doubt: bool,
    /// Whether something may still come of it.
    pub(super) is_open: bool,
    /// When it was published, by the world's clock.
    pub(super) seen_at: Timestamp,
    /// What was wanted when it was planned.
    pub(super) wanted: (Option<Price>, Vec<Price>),
    /// What an adjustment asked for.
    pub(super) asked: Option<(Change, Change)>,
}

impl Oracle {
    pub(super) fn doubt_fact(&mut self, fact: &Fact, now: Timestamp) {
        let (Some(op), Some(transaction)) = (&fact.op, fact.transaction) else { return };
        match fact.kind {
            FactKind::Planned => {
                let model = self.models.get(&transaction);
                let wanted = model
                    .map_or((None, Vec::new()), |model| (model.stop, model.targets().collect()));
                let (seen_at, is_in_doubt, is_open, asked) = (now, false, true, None);
                let row = Row { transaction, is_in_doubt, is_open, seen_at, wanted, asked };
                if self.planned.insert(op.clone(), row).is_some() {
                    self.fail("S7", now, format!("row {op} was planned twice"));
                }
            }
            FactKind::Doubt => {
                if let Some(row) = self.planned.get_mut(op) {
                    row.is_in_doubt = true;
                }
            }
            FactKind::Settled => self.settled(op, fact, now),
            _ => {}
        }
    }

    fn settled(&mut self, op: &OpId, fact: &Fact, now: Timestamp) {
        let Some(row) = self.planned.get_mut(op) else {
            let text = format!("row {op} was settled and never planned");
            return self.fail("S5", now, text);
        };
        row.is_open = matches!(&*fact.code, "awaiting" | "not_sent");
        if !std::mem::replace(&mut row.is_in_doubt, false) {
            return;
        }
        let age_ms = now.ms_since(row.seen_at);
        let looks = self.heard.looks.get(op).copied().unwrap_or(0);
        let client = self.heard.clients.iter().any(|id| id.as_str().ends_with(op.as_str()));
        let is_proven = client
            || self.heard.shown.contains(op)
            || self.heard.answered.contains(op)
            || (looks >= 2 && age_ms >= SETTLE_MS);
        if !is_proven {
            let text = format!(
                "{}: the unknown {} was settled as {} after {looks} looks and {age_ms} ms",
                row.transaction, fact.text, fact.code
            );
            self.fail("S15", now, text);
        }
    }

    /// Whether the legs show what the adjustment asked for.
    pub(super) fn legs_show(&self, op: &OpId, legs: &[BracketLeg]) -> bool {
        let Some((stop, target)) = self.planned.get(op).and_then(|row| row.asked) else {
            // It was planned in a life that ended before anybody saw the command.
            return self.planned.contains_key(op);
        };
        let own = |leg: &BracketLeg| {
            leg.client_id.as_ref().is_some_and(|id| id.as_str().ends_with(op.as_str()))
        };
        if legs.iter().any(own) {
            return true;
        }
        let shows = |change: Change, role: Role| {
            let mut of = legs.iter().filter(|leg| leg.role == role);
            match change {
                Change::Keep => true,
                Change::Clear => of.next().is_none(),
                Change::Set(price) => of.any(|leg| leg.trigger.or(leg.limit) == Some(price)),
            }
        };
        shows(stop, Role::Stop) && shows(target, Role::Target)
    }
}
