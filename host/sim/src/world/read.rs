//! What the daemon reads of an account: look-ups, pictures and polls, and how they come wrong.
//!
//! Apart because a read changes nothing at the broker. What it shows is the broker's own word of
//! some moment, late, doubled, lost or cut short.

use bracketd_core::broker::{BrokerEvent, Fault as Word, Found, History, Picture};
use bracketd_core::command::{Read, Urgency};
use bracketd_core::pace::Message;
use bracketd_core::plan::urgency_of;
use bracketd_core::time::Timestamp;

use super::account::{Account, Body, Errand};
use super::{What, World};
use crate::broker::Broker;
use crate::fault::Fault;
use crate::stage::BEGIN;

impl Account {
    /// Whether the same read waits already; it is as urgent as the more urgent of the two then.
    fn waits_already(&mut self, read: &Read, urgency: Urgency) -> bool {
        let is_same = |errand: &Errand| matches!(&errand.body, Body::Read(one) if **one == *read);
        let known = self.errands.iter().find(|(_, errand)| is_same(errand)).map(|(at, _)| *at);
        if let Some(ticket) = known {
            self.pace.raise_ticket(ticket, urgency);
        }
        known.is_some()
    }
}

impl World<'_> {
    /// A read is asked for.
    pub(super) fn ask(&mut self, no: usize, read: Read) {
        let name = self.accounts[no].name.clone();
        let book = self.daemon.engine.as_ref().map(bracketd_engine::Engine::book);
        let urgency = book.map_or(Urgency::Read, |book| urgency_of(book, &name, &read));
        if !self.accounts[no].waits_already(&read, urgency) {
            self.admit(no, Message::new(urgency), Body::Read(Box::new(read)));
        }
    }

    /// A read is at the broker.
    pub(super) fn read(&mut self, no: usize, read: &Read) {
        self.sync(no);
        let way = self.about(self.pace.way_ms);
        let fails = !self.accounts[no].is_up || self.strikes(Fault::Partial);
        let stale = self.strikes(Fault::Stale);
        let older_ms = if stale { self.faults.below(Fault::Stale, 4_000) } else { 0 };
        let event = if fails {
            failed(read, &self.accounts[no].broker, self.now)
        } else {
            self.accounts[no].broker.read(read, older_ms)
        };
        let Some(mut event) = event else { return };
        if let BrokerEvent::Picture(picture) = &mut event
            && self.strikes(Fault::CutHistory)
        {
            cut(picture);
        }
        if !fails {
            self.tell_missing(no, way, read, older_ms);
        }
        self.trace.note(self.now, "read", || format!("{read:?} -> {event:?}"));
        let children =
            if fails { Vec::new() } else { self.accounts[no].broker.children(read, older_ms) };
        if !children.is_empty() {
            self.tell(no, way, BrokerEvent::Polled { orders: children, fills: Vec::new() });
        }
        if self.accounts[no].is_up || !matches!(event, BrokerEvent::Picture(_)) {
            self.tell(no, way, event);
        }
    }

    /// Orders that were asked for by their ids and that the broker does not know.
    fn tell_missing(&mut self, no: usize, way: u64, read: &Read, older_ms: u64) {
        let orders = self.accounts[no].broker.not_there(read, older_ms);
        if orders.is_empty() {
            return;
        }
        if self.accounts[no].broker.forgets_after_ms.is_some() {
            self.saw_all(Fault::Forgotten);
        }
        self.trace.note(self.now, "missing", || format!("account{no}: {orders:?}"));
        self.tell(no, way, BrokerEvent::NotThere { orders, asked_at: self.now });
    }

    /// The account's pulse: what changed is told, unless it is lost on the way.
    pub(super) fn poll(&mut self, no: usize) {
        self.after(self.pace.poll_ms, What::Poll(no));
        let waits = self.accounts[no].errands.values().any(|e| matches!(e.body, Body::Poll));
        if self.daemon.engine.is_some() && self.accounts[no].is_up && !waits {
            self.admit(no, Message::new(Urgency::Pulse), Body::Poll);
        }
    }

    pub(super) fn read_changes(&mut self, no: usize) {
        if self.daemon.engine.is_none() || !self.accounts[no].is_up {
            return;
        }
        self.sync(no);
        let stale = self.strikes(Fault::Stale);
        let older_ms = if stale { self.faults.below(Fault::Stale, 3_000) } else { 0 };
        let account = &mut self.accounts[no];
        let (orders, fills) = account.broker.poll(&mut account.cursor, older_ms);
        self.trace.note(self.now, "poll", || {
            let states = orders.iter().map(|o| format!(" {} {}", o.broker_id, o.status.as_str()));
            format!("account{no}, {older_ms} ms old:{}", states.collect::<String>())
        });
        if orders.is_empty() && fills.is_empty() {
            return;
        }
        let mut way = self.about(self.pace.way_ms);
        if self.strikes(Fault::Missing) {
            return;
        }
        if self.strikes(Fault::Reordered) {
            way += self.pace.poll_ms + self.faults.below(Fault::Reordered, 3_000);
        }
        let event = BrokerEvent::Polled { orders, fills };
        if self.faults.strikes(Fault::Duplicated) {
            let again = way + self.faults.below(Fault::Duplicated, 4_000);
            self.tell(no, again, event.clone());
        }
        self.tell(no, way, event);
    }

    /// A complete read that comes by itself now and then.
    pub(super) fn unasked_picture(&mut self, no: usize) {
        self.after(self.pace.picture_ms, What::Picture(no));
        if self.daemon.engine.is_some() && self.accounts[no].is_up {
            self.ask(no, Read::Picture { since: BEGIN });
        }
    }
}

/// A past that is longer than one read may take: the newest of it is missing.
fn cut(picture: &mut Picture) {
    picture.orders.retain(|order| !order.status.is_terminal());
    picture.fills.truncate(picture.fills.len() / 2);
    picture.history = History::Cut;
}

/// What a read comes to that fails or shows a part.
fn failed(read: &Read, broker: &Broker, now: Timestamp) -> Option<BrokerEvent> {
    let fault = || Word::new("UNAVAILABLE", "the read failed");
    match read {
        Read::Order { op, .. } | Read::BrokerOrder { op, .. } | Read::Bracket { op, .. } => {
            Some(BrokerEvent::LookedUp { op: op.clone(), found: Found::Failed(fault()) })
        }
        Read::Picture { .. } => {
            let mut picture = broker.picture(0);
            let half = picture.orders.len() / 2;
            picture.orders.truncate(half);
            picture.positions.clear();
            picture.complete = false;
            picture.as_of = now;
            Some(BrokerEvent::Picture(picture))
        }
        Read::Refresh { .. } | Read::Instrument(_) | Read::Bars { .. } => None,
    }
}
