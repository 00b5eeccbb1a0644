//! The broker's own ledger against what may be there: one live order a leg, never more out than
//! in, strangers left alone, nothing flipped (S2, S3, S10, S16).
//!
//! Apart because it looks at nothing but the broker.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::Decimal;
use bracketd_core::ids::TransactionId;
use bracketd_core::limits::SIBLING_GRACE_MS;
use bracketd_core::money::Price;
use bracketd_core::order::{Direction, Role};
use bracketd_core::time::Timestamp;
use bracketd_exchange::book::{OrderId, OrderStatus, Side as Way};

use super::Oracle;
use crate::broker::{Exits, Made};
use crate::world::Account;

impl Oracle {
    /// Something changed at a broker.
    pub(crate) fn broker_changed(&mut self, no: usize, account: &Account, now: Timestamp) {
        self.count_fills(no, account, now);
        let broker = &account.broker;
        for id in broker.made_in_order.iter().skip(self.sides[no].faces_seen) {
            if let Some(made) = broker.made.get(id) {
                self.sides[no].faces.insert(broker.face(*id), (made.transaction, made.role));
            }
        }
        self.sides[no].faces_seen = broker.made_in_order.len();
        self.count_live(no, account, now);
        self.note_ends(no, account);
        self.strangers(no, account, now);
        let ids: Vec<TransactionId> =
            self.models.iter().filter(|(_, m)| m.account == no).map(|(id, _)| *id).collect();
        for id in ids {
            self.gaps_moved(id, now);
        }
    }

    fn count_fills(&mut self, no: usize, account: &Account, now: Timestamp) {
        let broker = &account.broker;
        let fills = broker.book.fills();
        for fill in fills.iter().skip(self.sides[no].fills) {
            let delta = if fill.side == Way::Buy { fill.qty } else { -fill.qty };
            let before = self.sides[no].held.get(&fill.symbol).copied().unwrap_or_default();
            let after = before + delta;
            self.sides[no].held.insert(fill.symbol.clone(), after);
            let Some(made) = broker.made.get(&fill.order_id) else {
                *self.sides[no].strange.entry(fill.symbol.clone()).or_default() += delta;
                let side = if fill.side == Way::Sell { Direction::Long } else { Direction::Short };
                let took = &mut self.sides[no].strangers_took;
                *took.entry((fill.symbol.clone(), side)).or_default() += fill.qty;
                continue;
            };
            let flips = (before > Decimal::ZERO && after < Decimal::ZERO)
                || (before < Decimal::ZERO && after > Decimal::ZERO);
            let came_late = self.has_very_late(&fill.symbol, account);
            if flips && !came_late {
                let text = format!(
                    "{} of {} flipped the position of {} from {before} to {after}",
                    made.role.as_str(),
                    made.transaction,
                    fill.symbol
                );
                self.fail("S3", now, text);
            }
            let rung = self.rung_of(fill.order_id, made, account);
            let is_raced = came_late || self.could_not_end(no, fill.order_id, account, now);
            let Some(model) = self.models.get_mut(&made.transaction) else { continue };
            if made.role == Role::Entry {
                model.held += fill.qty;
            } else {
                model.held -= fill.qty;
                model.left += fill.qty;
                model.sold.exit(rung, fill.qty);
            }
            let strange = !self.sides[no].strange.get(&fill.symbol).is_none_or(Decimal::is_zero);
            if model.held < Decimal::ZERO && !strange && !is_raced {
                let text = format!("{} sold {} more than it held", made.transaction, -model.held);
                self.fail("S3", now, text);
            }
        }
        self.sides[no].fills = fills.len();
    }

    /// The price of a target that came in time, and when it was planned.
    fn rung_of(&self, id: OrderId, made: &Made, account: &Account) -> Option<(Price, Timestamp)> {
        if made.role != Role::Target || self.very_late.contains(&made.op) {
            return None;
        }
        let price = account.broker.book.order(id)?.limit_price?;
        Some((Price::new(price)?, self.planned.get(&made.op)?.seen_at))
    }

    /// Whether an order of that symbol came after the settle window, when another stood in its place
    /// already: both may fill before anybody hears of it, and what one transaction sells too much
    /// another one lacks.
    fn has_very_late(&self, symbol: &str, account: &Account) -> bool {
        account.broker.made.values().any(|made| {
            let model = self.models.get(&made.transaction);
            self.very_late.contains(&made.op) && model.is_some_and(|model| model.symbol == symbol)
        })
    }

    /// Where a broker lets both exits of a pair fill, the second one can only be ended by the daemon,
    /// and only once that was told of the first and could say so: from then on it must have tried. A
    /// broker that links them ends the second one itself, if it was there when the first one filled; what
    /// came afterward is given the time that a linked exit is given.
    fn could_not_end(&self, no: usize, id: OrderId, account: &Account, now: Timestamp) -> bool {
        let side = &self.sides[no];
        let Some(made) = account.broker.made.get(&id) else { return false };
        let grace_ms = match account.broker.caps.exits {
            Exits::Loose => 0,
            Exits::Linked | Exits::Attached if came_after(id, made, account) => SIBLING_GRACE_MS,
            Exits::Linked | Exits::Attached | Exits::Reserved => return false,
        };
        if !matches!(made.role, Role::Stop | Role::Target) {
            return false;
        }
        let Some(model) = self.models.get(&made.transaction) else { return false };
        let able = self.is_alive && !self.is_paused && !self.is_stuck && side.is_up && side.armed;
        let knows = model.told_left >= model.left;
        let tries = self.planned.values().any(|row| {
            row.transaction == made.transaction
                && (row.is_open || row.seen_at >= model.told_left_at)
        });
        !able || !knows || tries || now < model.told_left_at.plus_ms(grace_ms)
    }

    fn count_live(&mut self, no: usize, account: &Account, now: Timestamp) {
        let broker = &account.broker;
        let mut legs: BTreeMap<(TransactionId, &str, Role), (u32, bool)> = BTreeMap::new();
        let mut covered: BTreeMap<TransactionId, Decimal> = BTreeMap::new();
        let mut entering: BTreeMap<TransactionId, Decimal> = BTreeMap::new();
        let mut units: BTreeMap<(TransactionId, &str, Role), Decimal> = BTreeMap::new();
        let mut late: BTreeSet<TransactionId> = BTreeSet::new();
        for order in broker.live() {
            let Some(made) = broker.made.get(&order.id) else { continue };
            let slice = made.bracket.as_deref().map_or("0", slice_of);
            let leg = legs.entry((made.transaction, slice, made.role)).or_default();
            leg.0 += 1;
            // What comes after the settle window cannot be waited for: it must only be cleared up.
            leg.1 |= self.very_late.contains(&made.op);
            *units.entry((made.transaction, slice, made.role)).or_default() += order.remaining();
            if self.very_late.contains(&made.op) {
                late.insert(made.transaction);
            }
            if made.role == Role::Stop && broker.stands(order) {
                *covered.entry(made.transaction).or_default() += order.remaining();
            }
            if made.role == Role::Entry {
                *entering.entry(made.transaction).or_default() += order.remaining();
            }
        }
        let mut wrong = Vec::new();
        for ((id, slice, role), (count, _)) in legs.iter().filter(|(_, leg)| leg.0 > 1 && !leg.1) {
            wrong.push(format!("{id}-{slice}: {count} live {} orders", role.as_str()));
        }
        let mut live: BTreeMap<TransactionId, BTreeMap<String, Decimal>> = BTreeMap::new();
        for ((id, slice, role), units) in units {
            if !matches!(role, Role::Entry | Role::Close) {
                let live = live.entry(id).or_default().entry(slice.to_owned()).or_default();
                *live = units.max(*live);
            }
        }
        for (id, model) in self.models.iter_mut().filter(|(_, model)| model.account == no) {
            model.covered = covered.get(id).copied().unwrap_or_default();
            model.has_late = late.contains(id);
            model.rests(live.remove(id).unwrap_or_default(), now);
        }
        for (id, rests) in &entering {
            let entered = broker.entered_for(*id);
            let allowed = self.models.get(id).map_or(Decimal::ZERO, |model| model.allowed);
            if entered + rests > allowed {
                wrong.push(format!("{id}: {entered} entered and {rests} rest, {allowed} allowed"));
            }
        }
        for text in wrong {
            self.fail("S2", now, text);
        }
    }

    fn note_ends(&mut self, no: usize, account: &Account) {
        let broker = &account.broker;
        let of = |face: &OrderId| broker.made.get(face);
        let is_exit = |made: &Made| matches!(made.role, Role::Stop | Role::Target);
        let live = broker.live().map(|order| broker.first_id(order.id));
        let live: BTreeSet<OrderId> = live.filter(|face| of(face).is_some_and(is_exit)).collect();
        let side = &mut self.sides[no];
        for face in side.live_exits.difference(&live) {
            if let Some(made) = of(face) {
                let slice = made.bracket.as_deref().map_or("0", slice_of).to_owned();
                let order = broker.book.order(broker.bearer(*face));
                let units = order.map_or(Decimal::ZERO, |order| order.remaining());
                side.unheard_ends.insert(*face, (made.transaction, slice, units));
            }
        }
        side.unheard_ends.retain(|face, _| !live.contains(face));
        side.live_exits = live;
    }

    /// Strangers' orders end by themselves or not at all (S16).
    fn strangers(&mut self, no: usize, account: &Account, now: Timestamp) {
        let over = account.foreign.iter().filter(|id| {
            account.broker.book.order(**id).is_some_and(|order| {
                matches!(order.status, OrderStatus::Canceled | OrderStatus::Replaced)
            })
        });
        let over = over.count();
        if over > self.sides[no].foreign_over && !account.strangers_left {
            self.fail("S16", now, format!("{over} orders of strangers were ended by us"));
        }
        self.sides[no].foreign_over = over;
    }

    /// Signed units of a symbol that our transactions hold by the broker's fills.
    pub(super) fn ours(&self, no: usize, symbol: &str) -> Decimal {
        let of = self.models.values().filter(|m| m.account == no && m.symbol == symbol);
        of.map(|model| match model.direction {
            Direction::Long => model.held,
            Direction::Short => -model.held,
        })
        .sum()
    }
}

pub(super) fn slice_of(bracket: &str) -> &str {
    bracket.split_once('-').map_or("0", |(_, slice)| slice)
}

/// Whether the exit that it was to be linked with had filled before it came.
fn came_after(id: OrderId, made: &Made, account: &Account) -> bool {
    let book = &account.broker.book;
    let Some(own) = book.order(id) else { return false };
    let is_other = |other: &Made| {
        other.bracket.is_some() && other.bracket == made.bracket && other.role != made.role
    };
    let others = account.broker.made.iter().filter(|(_, other)| is_other(other));
    let before = others.filter_map(|(id, _)| book.order(*id));
    let newest = before.filter(|other| other.submitted_ns <= own.submitted_ns);
    let newest = newest.max_by_key(|other| other.submitted_ns);
    newest.and_then(|other| other.filled_ns).is_some_and(|at| at <= own.submitted_ns)
}
