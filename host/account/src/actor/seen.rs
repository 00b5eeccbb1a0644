//! What polls have shown so far, and what follows from the next one.
//!
//! Apart from the thread that polls, so that each case can be shown without a broker: a fill told
//! twice, an order that vanished, one that was never in the list. It reads nothing itself.

use std::collections::{BTreeMap, HashMap};

use bracketd_core::broker::{Fill, OrderReport};
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::time::Timestamp;

use crate::convert::nanos;

/// Fills are asked for again from so long before the newest one: they may become visible late.
const OVERLAP_MS: u64 = 2_000;
/// Look-ups of one order that may fail in polls that otherwise come through.
const LOOKUP_TRIES_MAX: u32 = 20;

/// What the last polls showed.
#[derive(Debug)]
pub(crate) struct Seen {
    fills_since: u64,
    newest_fill: Timestamp,
    fills: HashMap<String, Timestamp>,
    open: BTreeMap<BrokerOrderId, OrderReport>,
    /// Orders to ask for by id, with the look-ups that failed.
    pending: BTreeMap<BrokerOrderId, u32>,
}

impl Seen {
    /// Nothing was seen; fills are wanted from then on, in nanoseconds.
    pub(crate) fn new(fills_since: u64) -> Self {
        Self {
            fills_since,
            newest_fill: Timestamp::default(),
            fills: HashMap::new(),
            open: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// From when on fills are asked for, in nanoseconds.
    pub(crate) fn fills_since(&self) -> u64 {
        self.fills_since
    }

    /// Whether one of the fills was not told yet.
    pub(crate) fn has_new(&self, fills: &[Fill]) -> bool {
        fills.iter().any(|fill| !self.fills.contains_key(&fill.fill_id))
    }

    /// Whether an order rests or is looked after.
    pub(crate) fn rests(&self) -> bool {
        !self.open.is_empty() || self.is_waiting()
    }

    /// Whether an order is to be asked for by its id.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether this order is.
    pub(crate) fn waits_for(&self, id: &BrokerOrderId) -> bool {
        self.pending.contains_key(id)
    }

    /// The fills that were not told yet.
    pub(crate) fn new_fills(&mut self, mut fills: Vec<Fill>) -> Vec<Fill> {
        fills.retain(|fill| self.fills.insert(fill.fill_id.clone(), fill.at).is_none());
        for fill in &fills {
            self.newest_fill = self.newest_fill.max(fill.at);
        }
        if !fills.is_empty() {
            let since = nanos(self.newest_fill).saturating_sub(OVERLAP_MS * 1_000_000);
            self.fills_since = self.fills_since.max(since);
            let keep = self.fills_since / 1_000;
            self.fills.retain(|_, at| u64::try_from(at.0).is_ok_and(|at| at >= keep));
        }
        fills
    }

    /// The open orders that are new or other than before. What is gone is noted for a look-up,
    /// when the list is complete.
    pub(crate) fn changed(&mut self, open: Vec<OrderReport>, complete: bool) -> Vec<OrderReport> {
        let now: BTreeMap<_, _> =
            open.into_iter().map(|order| (order.broker_id.clone(), order)).collect();
        let changed = now
            .values()
            .filter(|order| self.open.get(&order.broker_id) != Some(order))
            .cloned()
            .collect();
        if complete {
            let gone = self.open.keys().filter(|id| !now.contains_key(*id));
            for id in gone {
                self.pending.entry(id.clone()).or_default();
            }
            self.open = now;
        } else {
            self.open.extend(now);
        }
        changed
    }

    /// Orders to look after, unless the list of open orders shows them.
    pub(crate) fn look_after(&mut self, ids: impl Iterator<Item = BrokerOrderId>) {
        for id in ids {
            self.pending.entry(id).or_default();
        }
        self.pending.retain(|id, _| !self.open.contains_key(id));
    }

    /// Some orders to ask for by id.
    pub(crate) fn lookups(&self, max: usize) -> Vec<BrokerOrderId> {
        self.pending.keys().take(max).cloned().collect()
    }

    /// What a look-up showed that was not told yet; an order that is alive is looked after on.
    pub(crate) fn looked_up(
        &mut self,
        id: &BrokerOrderId,
        reports: Vec<OrderReport>,
    ) -> Vec<OrderReport> {
        self.pending.remove(id);
        let mut changed = Vec::new();
        for report in reports {
            let known = self.open.get(&report.broker_id) == Some(&report);
            if report.status.is_terminal() {
                self.open.remove(&report.broker_id);
                self.pending.remove(&report.broker_id);
            } else {
                self.open.insert(report.broker_id.clone(), report.clone());
            }
            if !known {
                changed.push(report);
            }
        }
        changed
    }

    /// The order could not be read although the lists could: `true` when it is not asked for
    /// again.
    pub(crate) fn failed(&mut self, id: &BrokerOrderId) -> bool {
        let Some(tries) = self.pending.get_mut(id) else { return true };
        *tries += 1;
        let over = *tries >= LOOKUP_TRIES_MAX;
        if over {
            self.pending.remove(id);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bracketd_core::money::{Price, Quantity};
    use bracketd_core::order::{OrderKind, OrderStatus, Side, TimeInForce};

    fn order(id: &str, status: OrderStatus) -> OrderReport {
        OrderReport {
            broker_id: id.into(),
            client_id: None,
            group: None,
            parent: None,
            replaces: None,
            replaced_by: None,
            role: None,
            symbol: "A".into(),
            side: Side::Buy,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Day,
            status,
            quantity: Quantity::new(1.into()).unwrap(),
            filled: Quantity::ZERO,
            avg_price: None,
            limit: None,
            trigger: None,
            reject: None,
            updated_at: Timestamp(0),
        }
    }

    fn fill(id: &str, at_ms: i64) -> Fill {
        Fill {
            fill_id: id.to_owned(),
            order: "o".into(),
            symbol: "A".into(),
            side: Side::Buy,
            quantity: Quantity::new(1.into()).unwrap(),
            price: Price::new(1.into()).unwrap(),
            at: Timestamp(at_ms * 1_000),
        }
    }

    fn ids(orders: &[OrderReport]) -> Vec<&str> {
        orders.iter().map(|o| o.broker_id.as_str()).collect()
    }

    #[test]
    fn a_fill_is_told_once_and_late_ones_are_still_seen() {
        let mut seen = Seen::new(0);
        assert_eq!(seen.new_fills(vec![fill("1", 10_000), fill("2", 10_000)]).len(), 2);
        assert_eq!(seen.fills_since(), 8_000_000_000);
        // The broker shows the overlap again, and one that became visible late.
        let told = seen.new_fills(vec![fill("3", 9_000), fill("1", 10_000), fill("2", 10_000)]);
        assert_eq!(told.iter().map(|f| f.fill_id.as_str()).collect::<Vec<_>>(), ["3"]);
        assert_eq!(seen.new_fills(vec![fill("4", 60_000)]).len(), 1);
        assert_eq!(seen.fills.len(), 1, "what lies before the overlap is forgotten");
    }

    #[test]
    fn an_order_that_did_not_change_is_not_told_again() {
        use OrderStatus::{PendingCancel, Working};
        let mut seen = Seen::new(0);
        let both = || vec![order("a", Working), order("b", Working)];
        assert_eq!(ids(&seen.changed(both(), true)), ["a", "b"]);
        assert!(seen.changed(both(), true).is_empty());
        let one = vec![order("a", PendingCancel), order("b", Working)];
        assert_eq!(ids(&seen.changed(one, true)), ["a"]);
    }

    #[test]
    fn what_vanished_is_looked_up_only_when_the_list_was_complete() {
        let mut seen = Seen::new(0);
        seen.changed(vec![order("a", OrderStatus::Working)], true);
        seen.changed(Vec::new(), false);
        assert!(seen.lookups(9).is_empty());
        seen.changed(Vec::new(), true);
        assert_eq!(seen.lookups(9), ["a".into()]);
        let told = seen.looked_up(&"a".into(), vec![order("a", OrderStatus::Filled)]);
        assert_eq!(ids(&told), ["a"]);
        assert!(seen.lookups(9).is_empty());
    }

    #[test]
    fn an_order_that_can_never_be_read_does_not_hold_up_the_others_for_ever() {
        let mut seen = Seen::new(0);
        seen.look_after(["odd".into(), "other".into()].into_iter());
        assert!((1..LOOKUP_TRIES_MAX).all(|_| !seen.failed(&"odd".into())));
        assert!(seen.failed(&"odd".into()));
        assert_eq!(seen.lookups(9), ["other".into()]);
    }

    #[test]
    fn an_order_of_ours_that_no_list_shows_is_looked_up_until_it_ends() {
        let mut seen = Seen::new(0);
        seen.look_after(["new".into()].into_iter());
        assert_eq!(seen.lookups(9), ["new".into()]);
        let alive = || vec![order("new", OrderStatus::Working)];
        assert_eq!(ids(&seen.looked_up(&"new".into(), alive())), ["new"]);
        assert!(seen.changed(alive(), true).is_empty(), "known from the look-up");
        seen.changed(Vec::new(), true);
        assert_eq!(seen.lookups(9), ["new".into()], "gone from the list: its end is wanted");
        seen.looked_up(&"new".into(), Vec::new());
        assert!(seen.lookups(9).is_empty(), "the broker does not know it");
    }
}
