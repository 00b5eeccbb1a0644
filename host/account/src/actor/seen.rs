//! What polls have shown so far, and what follows from the next one.
//!
//! Apart from the thread that polls, so that each case can be shown without a broker: a fill told
//! twice, an order that vanished, one that was never in the list, a stream that was faster than the
//! poll under way or slower than the one before. It reads nothing itself.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bracketd_core::broker::{Fill, OrderReport};
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::time::Timestamp;

use crate::convert::nanos;

/// Fills are asked for again from so long before the newest one: they may become visible late.
const OVERLAP_MS: u64 = 2_000;
/// Look-ups of one order that may fail in polls that otherwise come through.
const LOOKUP_TRIES_MAX: u32 = 20;
/// Ended orders that are remembered: a slow stream may still tell of their life.
const ENDED_MAX: usize = 1_024;

/// What the last polls showed.
#[derive(Debug)]
pub(crate) struct Seen {
    fills_since: u64,
    newest_fill: Timestamp,
    fills: HashMap<String, Timestamp>,
    open: BTreeMap<BrokerOrderId, OrderReport>,
    /// Orders to ask for by id, with the look-ups that failed.
    pending: BTreeMap<BrokerOrderId, u32>,
    /// Orders of which a stream told something since the last poll began.
    streamed: BTreeSet<BrokerOrderId>,
    /// Orders whose end a look-up showed, the newest last.
    ended: VecDeque<BrokerOrderId>,
    /// What was told last of orders that are gone from the list and were not looked up yet.
    gone: BTreeMap<BrokerOrderId, OrderReport>,
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
            streamed: BTreeSet::new(),
            ended: VecDeque::new(),
            gone: BTreeMap::new(),
        }
    }

    /// A poll begins: what streams told so far is older than what it will show.
    pub(crate) fn poll_begins(&mut self) {
        self.streamed.clear();
    }

    /// Whether a stream told something of the order since the poll began.
    pub(crate) fn is_streamed(&self, id: &BrokerOrderId) -> bool {
        self.streamed.contains(id)
    }

    /// What a stream showed of orders and is news. It stays to be confirmed by polls: an order that
    /// ended is looked up once the list does not show it.
    pub(crate) fn streamed(&mut self, mut reports: Vec<OrderReport>) -> Vec<OrderReport> {
        reports.retain(|report| {
            let id = &report.broker_id;
            let known = self.open.get(id);
            let is_late = self.ended.contains(id)
                || known.is_some_and(|known| {
                    report.updated_at < known.updated_at
                        || (known.status.is_terminal() && !report.status.is_terminal())
                });
            if is_late || known == Some(report) {
                return false;
            }
            self.streamed.insert(id.clone());
            self.open.insert(id.clone(), report.clone());
            true
        });
        reports
    }

    /// The fills of a stream that were not told yet. Polls still ask from where they were: one that
    /// the stream lost may be older. Their orders are looked after.
    pub(crate) fn streamed_fills(&mut self, mut fills: Vec<Fill>) -> Vec<Fill> {
        fills.retain(|fill| self.fills.insert(fill.fill_id.clone(), fill.at).is_none());
        self.look_after(fills.iter().map(|fill| fill.order.clone()));
        fills
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
        for fill in &fills {
            self.newest_fill = self.newest_fill.max(fill.at);
        }
        let polled = !fills.is_empty();
        fills.retain(|fill| self.fills.insert(fill.fill_id.clone(), fill.at).is_none());
        if polled {
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
        // Of these the stream told something newer than the list may be.
        let is_newer = |id: &BrokerOrderId| self.streamed.contains(id);
        let mut now: BTreeMap<_, _> =
            open.into_iter().map(|order| (order.broker_id.clone(), order)).collect();
        for (id, report) in self.open.iter().filter(|(id, _)| is_newer(id)) {
            now.insert(id.clone(), report.clone());
        }
        let changed = now
            .values()
            .filter(|order| self.open.get(&order.broker_id) != Some(order))
            .cloned()
            .collect();
        if complete {
            for (id, told) in self.open.iter().filter(|(id, _)| !now.contains_key(*id)) {
                self.pending.entry(id.clone()).or_default();
                self.gone.insert(id.clone(), told.clone());
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
        if !self.streamed.contains(id) {
            self.pending.remove(id);
        }
        if reports.is_empty() {
            self.gone.remove(id);
        }
        let mut changed = Vec::new();
        for report in reports {
            if self.streamed.contains(&report.broker_id) {
                continue;
            }
            let told = self.gone.remove(&report.broker_id);
            let known = self.open.get(&report.broker_id).or(told.as_ref()) == Some(&report);
            if report.status.is_terminal() {
                self.open.remove(&report.broker_id);
                self.pending.remove(&report.broker_id);
                self.ended.push_back(report.broker_id.clone());
                if self.ended.len() > ENDED_MAX {
                    self.ended.pop_front();
                }
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
            self.gone.remove(id);
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

    fn at(report: OrderReport, ms: i64) -> OrderReport {
        OrderReport { updated_at: Timestamp(ms * 1_000), ..report }
    }

    #[test]
    fn a_poll_that_began_before_the_stream_told_takes_nothing_back() {
        use OrderStatus::{Filled, Working};
        let mut seen = Seen::new(0);
        seen.changed(vec![order("a", Working)], true);
        seen.poll_begins();
        assert_eq!(
            ids(&seen.streamed(vec![order("a", Filled), order("new", Working)])),
            ["a", "new"]
        );
        // The list was read before: it shows the one and not the other.
        assert!(seen.changed(vec![order("a", Working)], true).is_empty());
        assert!(seen.lookups(9).is_empty());
        // The next one is the truth again: `a` is gone and is looked up, which is no news.
        seen.poll_begins();
        assert!(seen.changed(vec![order("new", Working)], true).is_empty());
        assert_eq!(seen.lookups(9), ["a".into()]);
        assert!(seen.looked_up(&"a".into(), vec![order("a", Filled)]).is_empty());
        assert!(seen.lookups(9).is_empty());
    }

    #[test]
    fn a_poll_corrects_a_stream_that_told_what_is_not_so() {
        use OrderStatus::{Canceled, Working};
        let mut seen = Seen::new(0);
        seen.changed(vec![order("a", Working)], true);
        assert_eq!(ids(&seen.streamed(vec![order("a", Canceled)])), ["a"]);
        seen.poll_begins();
        assert_eq!(ids(&seen.changed(vec![order("a", Working)], true)), ["a"]);
    }

    #[test]
    fn a_stream_that_is_slower_than_the_poll_tells_nothing() {
        use OrderStatus::{Canceled, Filled, Working};
        let mut seen = Seen::new(0);
        seen.changed(vec![at(order("a", Working), 5), order("b", Working)], true);
        assert!(seen.streamed(vec![at(order("a", Working), 4)]).is_empty(), "older");
        assert!(seen.streamed(vec![at(order("a", Working), 5)]).is_empty(), "the same");
        assert_eq!(ids(&seen.streamed(vec![at(order("a", Canceled), 6)])), ["a"]);
        assert!(seen.streamed(vec![at(order("a", Working), 7)]).is_empty(), "after its end");
        seen.poll_begins();
        seen.changed(vec![order("b", Working)], true);
        seen.looked_up(&"a".into(), vec![at(order("a", Filled), 7)]);
        assert!(seen.streamed(vec![at(order("a", Working), 8)]).is_empty(), "long after its end");
    }

    #[test]
    fn a_streamed_fill_is_told_once_and_hides_no_older_one_from_the_polls() {
        let mut seen = Seen::new(0);
        assert_eq!(seen.streamed_fills(vec![fill("9", 90_000)]).len(), 1);
        assert_eq!(seen.fills_since(), 0, "one that the stream lost may be older");
        assert_eq!(seen.lookups(9), ["o".into()]);
        assert!(seen.streamed_fills(vec![fill("9", 90_000)]).is_empty());
        let told = seen.new_fills(vec![fill("8", 10_000), fill("9", 90_000)]);
        assert_eq!(told.iter().map(|f| f.fill_id.as_str()).collect::<Vec<_>>(), ["8"]);
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
