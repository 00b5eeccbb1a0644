//! What polls and streams have told: one memory for both, so that nothing is told twice and a
//! slower way never takes back what a faster one told.
//!
//! Apart because several threads tell facts. Polling is the truth: what a stream told is compared
//! with the next poll like everything else. It must never be locked over a call into a guest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bracketd_core::broker::{BrokerEvent, Fill, OrderReport, Quote};

use crate::actor::pricer::QuoteFilter;
use crate::actor::seen::Seen;
use crate::effect::point;
use crate::lock::lock;
use crate::shared::Shared;

/// What polls and streams of one account have told. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    seen: Arc<Mutex<Seen>>,
    quotes: Arc<Mutex<QuoteFilter>>,
    list_now: Arc<AtomicBool>,
}

impl Facts {
    /// Nothing was told; fills are wanted from then on, in nanoseconds.
    pub(crate) fn new(fills_since: u64) -> Self {
        Self {
            seen: Arc::new(Mutex::new(Seen::new(fills_since))),
            quotes: Arc::default(),
            list_now: Arc::default(),
        }
    }

    /// Orders and fills that were told.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// Prices that were told.
    pub(crate) fn quotes(&self) -> MutexGuard<'_, QuoteFilter> {
        lock(&self.quotes)
    }

    /// Tells what a poll showed, without the orders of which a stream told something since the
    /// poll began.
    pub(crate) fn tell_polled(&self, shared: &Shared, orders: Vec<OrderReport>, fills: Vec<Fill>) {
        let seen = self.seen();
        let mut orders = orders;
        orders.retain(|order| !seen.is_streamed(&order.broker_id));
        if !orders.is_empty() || !fills.is_empty() {
            point("poll.telling");
            shared.tell(BrokerEvent::Polled { orders, fills });
            point("poll.told");
        }
    }

    /// Tells what a stream showed and was not told yet.
    pub(crate) fn tell_streamed(
        &self,
        shared: &Shared,
        orders: Vec<OrderReport>,
        fills: Vec<Fill>,
    ) {
        // Locked until it is told: a poll that shows the same must come behind.
        let mut seen = self.seen();
        let orders = seen.streamed(orders);
        let fills = seen.streamed_fills(fills);
        if !orders.is_empty() || !fills.is_empty() {
            shared.tell(BrokerEvent::Polled { orders, fills });
        }
    }

    /// Tells prices that a stream showed and that are news; they may be lost.
    pub(crate) fn tell_quotes(&self, shared: &Shared, quotes: Vec<Quote>) {
        let mut filter = self.quotes();
        let changed = filter.changed(quotes);
        if !changed.is_empty() && !shared.try_tell(BrokerEvent::Quotes(changed)) {
            filter.forget();
        }
    }

    /// Asks for a poll now, with the list of open orders.
    pub(crate) fn poll_now(&self, shared: &Shared) {
        self.list_now.store(true, Ordering::Release);
        shared.poll_soon();
    }

    /// Whether the list was asked for since this was asked last.
    pub(crate) fn take_list_now(&self) -> bool {
        self.list_now.swap(false, Ordering::AcqRel)
    }

    /// Whether the list was asked for.
    pub(crate) fn wants_list(&self) -> bool {
        self.list_now.load(Ordering::Acquire)
    }
}
