//! Answers the daemon's reads: look-ups that settle a doubt, pictures, instruments, bars.
//!
//! A thread of its own, because a complete picture is many pages. A read is as urgent as what waits
//! for its answer (I14).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use bracketd_core::broker::{BrokerEvent, Fault, Found, History, OrderReport, Picture};
use bracketd_core::command::{Bracket, BracketLeg, Read, Urgency};
use bracketd_core::ids::{BrokerOrderId, ClientOrderId, Symbol};
use bracketd_core::order::Role;
use bracketd_core::time::Timestamp;

use crate::actor::reads::{self, HISTORY_PAGES_MAX, Key, PAGES_MAX, Whole};
use crate::actor::writer::told_bracket;
use crate::config::{Drive, PollConfig, ms};
use crate::convert::{self, plain_fault};
use crate::effect::point;
use crate::failure::caught;
use crate::scheduler::Caller;
use crate::shared::Shared;
use crate::slot::{Slot, Turn};

/// A periodic picture reaches back so far.
const PICTURE_BACK_MS: u64 = 120_000;
/// Longest wait between two looks at the clock.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// Runs until the account ends.
pub(crate) fn run(mut slot: Slot, config: &PollConfig, inbox: &Receiver<(Read, Urgency)>) {
    let interval = ms(config.picture_ms.max(1_000));
    let mut picture_due = Instant::now() + interval;
    let mut waiting: VecDeque<(Read, Urgency)> = VecDeque::new();
    while !slot.shared.stopping() {
        // Connected ahead of the first look-up; a failure is told with the reads it fails.
        let ready = slot.ensure().is_ok();
        inbox.try_iter().for_each(|read| put(&slot, &mut waiting, read));
        if let Some((read, urgency)) = next(&mut waiting) {
            slot.begin(Turn::Each(Caller::Reader, urgency), 0);
            if let Err(text) = caught(|| answer(&mut slot, read.clone())) {
                let fault = slot.panicked(&text);
                failed(&slot, read, fault);
            }
            slot.begin(Turn::Had, 0);
            slot.shared.scheduler.read_ended(urgency);
            slot.shared.ended();
            continue;
        }
        if config.drive == Drive::Timer && ready && Instant::now() >= picture_due {
            picture_due = Instant::now() + interval;
            let since = picture_since(&slot.shared, config.picture_ms);
            slot.begin(Turn::Each(Caller::Reader, Urgency::Reduce), 0);
            if let Err(text) = caught(|| tell_picture(&mut slot, since)) {
                slot.panicked(&text);
            }
            slot.begin(Turn::Had, 0);
        }
        match inbox.recv_timeout(WAIT_MAX) {
            Ok(read) => put(&slot, &mut waiting, read),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// How far a picture reaches back where they come every `picture_ms`.
pub(crate) fn picture_since(shared: &Shared, picture_ms: u64) -> Timestamp {
    let now = Timestamp(i64::try_from(shared.clock.now_ns() / 1_000).unwrap_or(0));
    let back = i64::try_from(PICTURE_BACK_MS + picture_ms).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_sub(back.saturating_mul(1_000)))
}

/// Lets the read wait its turn. One that waits already is answered for both: it looks later than
/// either was asked.
fn put(slot: &Slot, waiting: &mut VecDeque<(Read, Urgency)>, (read, urgency): (Read, Urgency)) {
    let Some((_, known)) = waiting.iter_mut().find(|(known, _)| *known == read) else {
        waiting.push_back((read, urgency));
        return;
    };
    let less_urgent = urgency.max(*known);
    *known = urgency.min(*known);
    slot.shared.scheduler.read_ended(less_urgent);
    slot.shared.ended();
}

/// The next read: the most urgent one, and of these the first that came.
fn next(waiting: &mut VecDeque<(Read, Urgency)>) -> Option<(Read, Urgency)> {
    let (at, _) = waiting.iter().enumerate().min_by_key(|(_, (_, urgency))| *urgency)?;
    waiting.remove(at)
}

fn answer(slot: &mut Slot, read: Read) {
    let event = match read {
        Read::Order { op, client_id } => {
            let found = found_order(slot, Key::Client(&client_id));
            BrokerEvent::LookedUp { op, found }
        }
        Read::BrokerOrder { op, order } => {
            let found = found_order(slot, Key::Broker(&order));
            BrokerEvent::LookedUp { op, found }
        }
        Read::Bracket { op, client_id, bracket } => {
            let found = found_legs(slot, &client_id, &bracket).unwrap_or_else(Found::Failed);
            BrokerEvent::LookedUp { op, found }
        }
        Read::Refresh { orders } => return refresh(slot, &orders),
        Read::Instrument(symbol) => return tell_instrument(slot, symbol),
        Read::Bars { symbol, seconds, since, limit } => {
            match ready(slot).and_then(|()| reads::bars(slot, &symbol, seconds, since, limit)) {
                Ok(bars) => BrokerEvent::Bars { symbol, seconds, bars },
                Err(fault) => return note(slot, &fault),
            }
        }
        Read::Picture { since } => return tell_picture(slot, since),
    };
    if matches!(event, BrokerEvent::LookedUp { .. }) {
        point("lookup.telling");
    }
    slot.shared.tell(event);
}

/// What is told of a read that came to nothing: whoever waits for it must learn that.
fn failed(slot: &Slot, read: Read, fault: Fault) {
    slot.shared.tell(match read {
        Read::Order { op, .. } | Read::BrokerOrder { op, .. } | Read::Bracket { op, .. } => {
            BrokerEvent::LookedUp { op, found: Found::Failed(fault) }
        }
        Read::Instrument(symbol) => BrokerEvent::NoInstrument { symbol, fault },
        Read::Picture { since } => BrokerEvent::Picture(nothing_proven(since)),
        // Asked for again while they are wanted.
        Read::Refresh { .. } | Read::Bars { .. } => return,
    });
}

fn ready(slot: &mut Slot) -> Result<(), Fault> {
    slot.ensure().map(|_| ()).map_err(|not_ready| not_ready.fault)
}

fn note(slot: &Slot, fault: &Fault) {
    slot.shared.warn(&format!("{}: {}", fault.code, fault.message));
}

fn found_order(slot: &mut Slot, key: Key<'_>) -> Found {
    match ready(slot).and_then(|()| reads::order(slot, key)) {
        Err(fault) => Found::Failed(fault),
        Ok(reports) => {
            let mut reports = reports.into_iter();
            let Some(first) = reports.next() else { return Found::Absent };
            let children: Vec<OrderReport> = reports.collect();
            if !children.is_empty() {
                slot.shared.tell(BrokerEvent::Polled { orders: children, fills: Vec::new() });
            }
            Found::Order(Box::new(first))
        }
    }
}

/// The bracket's legs, and the order that the adjustment may have made.
fn found_legs(
    slot: &mut Slot,
    client_id: &ClientOrderId,
    bracket: &Bracket,
) -> Result<Found, Fault> {
    ready(slot)?;
    let told = told_bracket(slot, bracket)?;
    let read = slot.read("read-bracket", |guest, store, context| {
        guest.call_read_bracket(store, context, &told)
    })?;
    let (mut legs, memo, ties) =
        convert::found_legs(&read).map_err(|lie| reads::lied(slot, &lie))?;
    slot.shared.note_ties(ties);
    if !legs.iter().any(|leg| leg.client_id.as_ref() == Some(client_id)) {
        let (over, live): (Vec<_>, Vec<_>) = reads::order(slot, Key::Client(client_id))?
            .into_iter()
            .filter(|report| !legs.iter().any(|leg| leg.broker_id == report.broker_id))
            .partition(|report| report.status.is_terminal());
        legs.extend(live.into_iter().filter_map(leg_of));
        // No leg any more, and what it sold may be news: a poll that would have told it can be lost.
        if !over.is_empty() {
            slot.shared.tell(BrokerEvent::Polled { orders: over, fills: Vec::new() });
        }
    }
    Ok(Found::Legs { legs, memo })
}

fn leg_of(report: OrderReport) -> Option<BracketLeg> {
    let by_price = match (report.trigger, report.limit) {
        (Some(_), _) => Some(Role::Stop),
        (None, Some(_)) => Some(Role::Target),
        (None, None) => None,
    };
    Some(BracketLeg {
        role: report.role.or(by_price)?,
        broker_id: report.broker_id,
        client_id: report.client_id,
        status: report.status,
        limit: report.limit,
        trigger: report.trigger,
        quantity: report.quantity,
        filled: report.filled,
    })
}

fn refresh(slot: &mut Slot, orders: &[BrokerOrderId]) {
    let asked_at = slot.shared.scheduler.now();
    let (mut told, mut missing) = (Vec::new(), Vec::new());
    for id in orders {
        match ready(slot).and_then(|()| reads::order(slot, Key::Broker(id))) {
            Ok(reports) if reports.is_empty() => missing.push(id.clone()),
            Ok(reports) => told.extend(reports),
            Err(fault) => note(slot, &fault),
        }
    }
    if !missing.is_empty() {
        slot.shared.tell(BrokerEvent::NotThere { orders: missing, asked_at });
    }
    if !told.is_empty() {
        slot.shared.tell(BrokerEvent::Polled { orders: told, fills: Vec::new() });
    }
}

fn tell_instrument(slot: &mut Slot, symbol: Symbol) {
    match ready(slot).and_then(|()| reads::instrument(slot, &symbol)) {
        Err(fault) => slot.shared.tell(BrokerEvent::NoInstrument { symbol, fault }),
        Ok(instrument) => {
            slot.shared.tell(BrokerEvent::Instrument(Box::new(instrument)));
            match reads::session(slot, &symbol) {
                Ok(session) => slot.shared.tell(BrokerEvent::Session { symbol, session }),
                Err(fault) => note(slot, &fault),
            }
        }
    }
}

fn tell_picture(slot: &mut Slot, since: Timestamp) {
    let picture = ready(slot).and_then(|()| picture(slot, since));
    let picture = picture.unwrap_or_else(|fault| {
        note(slot, &fault);
        // Told all the same: the daemon asked, and learns that nothing is proven.
        nothing_proven(since)
    });
    point("start.picture.telling");
    slot.shared.tell(BrokerEvent::Picture(picture));
}

fn nothing_proven(since: Timestamp) -> Picture {
    Picture {
        orders: Vec::new(),
        fills: Vec::new(),
        positions: Vec::new(),
        balance: None,
        complete: false,
        as_of: since,
        history: History::Cut,
    }
}

fn picture(slot: &mut Slot, since: Timestamp) -> Result<Picture, Fault> {
    let from = convert::nanos(since);
    let open = reads::orders(slot, None, PAGES_MAX)?;
    let as_of = open.as_of;
    if as_of == Timestamp::default() {
        return Err(plain_fault("PLUGIN_LIED", "get-orders.as-of is 1970"));
    }
    // What rests and what is held is what counts: the past, however long, only explains it.
    let recent = reads::orders(slot, Some(from), HISTORY_PAGES_MAX)?;
    let fills = reads::fills(slot, from, HISTORY_PAGES_MAX)?;
    let positions = reads::positions(slot)?;
    let balance = reads::balance(slot)?;
    let is_whole = recent.complete && fills.complete;
    Ok(Picture {
        complete: open.complete && positions.complete,
        history: if is_whole { History::Whole } else { History::Cut },
        orders: merge(open, recent),
        fills: fills.items,
        positions: positions.items,
        balance: Some(balance),
        as_of,
    })
}

/// Both lists without doubles; the one that was read later wins.
fn merge(earlier: Whole<OrderReport>, later: Whole<OrderReport>) -> Vec<OrderReport> {
    let mut all = later.items;
    for order in earlier.items {
        if !all.iter().any(|other| other.broker_id == order.broker_id) {
            all.push(order);
        }
    }
    all
}
