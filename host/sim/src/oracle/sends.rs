//! Every message to a broker: is it in the ledger, may it go, is it what is wanted (S5, S7, S8,
//! S11, S17)?
//!
//! Apart because it asks at the last moment before the wire, and by its own figures.

use bracketd_core::Decimal;
use bracketd_core::command::{Call, Change, Command};
use bracketd_core::ids::OpId;
use bracketd_core::time::Timestamp;

use super::Oracle;
use super::broker::slice_of;
use super::doubt::Row;

/// Messages of one transaction in [`WINDOW_MS`].
const SENDS_MAX: usize = 40;
const WINDOW_MS: u64 = 10_000;
/// How long exits may rest for more than is held once some of it has left.
const SIBLING_MS: u64 = 5_000;
/// An entry was for the prices of its time; the design's `entry_max_age`, and a second.
const ENTRY_AGE_MS: u64 = 31_000;

/// Turns of a full budget within which a message about a missing stop leaves, whatever waits; what its
/// account asks for may be among them, a picture and the orders of a row.
const TURNS_MIN: u64 = 21;
/// Turns that each message about a stop may cost: of four, and a fifth of the budget is kept back.
const TURNS_EACH: u64 = 5;

impl Oracle {
    /// A command leaves the daemon.
    pub(crate) fn sends(&mut self, command: &Command, now: Timestamp) {
        let id = command.transaction;
        let Some(row) = self.planned.get(&command.op) else {
            let text = format!("{id}: {} left and is in no fact", command.op);
            return self.fail("S5", now, text);
        };
        if row.transaction != id {
            self.fail("S5", now, format!("row {} is of another transaction", command.op));
        }
        let body = body(&command.call);
        match self.bodies.insert(command.client_id.clone(), body.clone()) {
            Some(before) if before != body => {
                let text = format!("{} stood for {before}, now for {body}", command.client_id);
                self.fail("S7", now, text);
            }
            _ => {}
        }
        self.may_go(command, now);
        self.is_wanted(command, now);
        self.is_free(command, now);
        let Some(model) = self.models.get_mut(&id) else { return };
        model.sends.retain(|(at, _)| now.ms_since(*at) <= WINDOW_MS);
        let slice = match &command.call {
            Call::Adjust { bracket, .. } => slice_of(&bracket.id),
            Call::Submit(_) | Call::Cancel { .. } => "0",
        };
        // One move of the stop is a message for each part, of a ladder or of a growth.
        let is_cut = model.has_parts || model.sends.iter().any(|(_, other)| other != slice);
        model.sends.push((now, slice.to_owned()));
        let most = if is_cut { 2 * SENDS_MAX } else { SENDS_MAX };
        if model.sends.len() > most {
            let text = format!("{id}: {most} messages in {WINDOW_MS} ms");
            self.fail("S17", now, text);
        }
    }

    /// A message about a missing stop, or about exits without anything held, waited so long for its
    /// turn (S13). Questions about fills may take every second turn, and less urgent messages every
    /// second one of the rest: each message of its class that goes before it costs four turns.
    pub(crate) fn waited(&mut self, command: &Command, since: Timestamp, now: Timestamp) {
        let Some(no) = self.side_of(&command.account) else { return };
        let Some(model) = self.models.get(&command.transaction) else { return };
        let told = model.told_at.filter(|_| model.gap_since.is_some());
        let (what, known, patience) = match &command.call {
            Call::Adjust { stop: Change::Set(_), .. } => ("a missing stop", told, 1),
            Call::Adjust { bracket, stop: Change::Clear, target: Change::Clear }
                if bracket.protect.is_zero() =>
            {
                // Behind what protects, and behind others of its class.
                ("exits without anything held", Some(since), 2)
            }
            _ => return,
        };
        let Some(known) = known else { return };
        let known = since.max(known);
        // Rows of the other parts are looked up, or wait for a turn as urgent as its own.
        let (id, has_parts) = (command.transaction, model.has_parts);
        let is_other = |(op, row): &(&OpId, &Row)| {
            has_parts && row.transaction == id && row.is_open && **op != command.op
        };
        let beside = self.planned.iter().filter(is_other).count() as u64;
        let side = &self.sides[no];
        let ahead = side.urgent_went.iter().filter(|at| **at > known).count() as u64;
        let turns = TURNS_MIN.max(TURNS_EACH * (ahead + 1)) + TURNS_EACH * beside;
        let most_ms = patience * (2_000 + turns * 60_000 / u64::from(side.per_minute));
        let waited_ms = now.ms_since(known);
        if waited_ms > most_ms {
            let text = format!(
                "{}: {} for {what} waited {waited_ms} ms behind {ahead}, at most {most_ms} ms are \
                 allowed",
                command.transaction,
                body(&command.call)
            );
            self.fail("S13", now, text);
        }
    }

    /// A message of the most urgent class leaves, after whatever waited longer.
    pub(crate) fn urgent(&mut self, no: usize, now: Timestamp) {
        self.sides[no].urgent_went.push(now);
    }

    /// What an adjustment asks for, whether it leaves or not.
    pub(super) fn remember_asked(&mut self, command: &Command) {
        if let (Some(row), Call::Adjust { stop, target, .. }) =
            (self.planned.get_mut(&command.op), &command.call)
        {
            row.asked = Some((*stop, *target));
        }
    }

    fn may_go(&mut self, command: &Command, now: Timestamp) {
        let Some(no) = self.side_of(&command.account) else { return };
        let side = &self.sides[no];
        let opens = matches!(&command.call, Call::Submit(order) if !order.reduce_only);
        let why = if !side.is_read {
            "before the account was read completely"
        } else if !side.armed {
            "although the account is disarmed"
        } else if opens && (side.killed || self.killed) {
            "although the kill switch is thrown"
        } else if !side.is_up && !self.was_stuck {
            "although the account is away"
        } else {
            return;
        };
        let text = format!("{}: {} left {why}", command.transaction, body(&command.call));
        self.fail("S11", now, text);
    }

    fn is_wanted(&mut self, command: &Command, now: Timestamp) {
        let Some(model) = self.models.get(&command.transaction) else { return };
        let row = self.planned.get(&command.op);
        let wanted = row.map_or((None, Vec::new()), |row| row.wanted.clone());
        let cent = Decimal::new(1, 2);
        let why = match &command.call {
            Call::Adjust { stop, target, .. } => {
                let differs = |change: &Change, wanted: &[bracketd_core::money::Price]| matches!(change, Change::Set(price) if !wanted.contains(price));
                let off = |change: &Change| matches!(change, Change::Set(price) if !(price.get() % cent).is_zero());
                if differs(stop, wanted.0.as_slice()) || differs(target, &wanted.1) {
                    "nobody wants these prices"
                } else if off(stop) || off(target) {
                    "it is off the tick"
                } else {
                    return;
                }
            }
            Call::Submit(order) if order.reduce_only => return,
            Call::Submit(order) if order.quantity.get() > model.allowed => "it is too much",
            Call::Submit(_)
                if !self.clock_was_set
                    && row.is_some_and(|row| now.ms_since(row.seen_at) > ENTRY_AGE_MS) =>
            {
                "it is too old"
            }
            Call::Submit(_) if model.is_ended() => "the transaction has ended",
            Call::Submit(_) | Call::Cancel { .. } => return,
        };
        let text = format!("{}: {} left, {why}", command.transaction, body(&command.call));
        self.fail("S8", now, text);
    }
}

impl Oracle {
    /// Exits that a message makes or enlarges are, with those of the other slices that stand at the
    /// broker, of no more than what was told to be held (S3). Before anything else: the one write that
    /// could sell too much is one that adds before something shrank.
    fn is_free(&mut self, command: &Command, now: Timestamp) {
        let Call::Adjust { bracket, stop, target } = &command.call else { return };
        let Some(model) = self.models.get(&command.transaction) else { return };
        let slice = slice_of(&bracket.id);
        let of = |no: &str| model.live.get(no).copied().unwrap_or_default();
        let sets = [stop, target].iter().any(|change| matches!(change, Change::Set(_)));
        let side = self.side_of(&command.account).map(|no| &self.sides[no]);
        let unheard = side.into_iter().flat_map(|side| side.unheard_ends.values());
        let of_it = unheard.filter(|end| end.0 == command.transaction && end.1 == slice);
        // What ended there unheard still rests for the daemon.
        let believed = of_it.map(|end| end.2).fold(of(slice), Decimal::max);
        if !sets || bracket.protect.get() <= believed {
            return;
        }
        // Exits that are of more than is held because some of it left shrink beside this, and what is
        // linked with an exit that fills is given time to do so by itself.
        let lately = |at: &Timestamp| now.ms_since(*at) < SIBLING_MS;
        let fills = model.left > model.told_left || model.shrank_at.as_ref().is_some_and(lately);
        // What ended there just now still rests for who has not heard of it.
        let has_ended = model.ended_at.get(slice).is_some_and(lately);
        // A change that the broker refused and made stands nowhere until it is asked for.
        let was_lied_to = self.lied_at.as_ref().is_some_and(lately);
        if fills || has_ended || was_lied_to || model.has_late {
            return;
        }
        let others: Decimal =
            model.live.iter().filter(|(no, _)| *no != slice).map(|(_, units)| *units).sum();
        // What filled and was not told yet is counted as held, as the daemon counts it.
        let held = model.told_held.max(model.noted_held).max(model.held);
        if others + bracket.protect.get() > held {
            let text = format!(
                "{}: {} left, {others} rest for its other slices and {held} are held",
                command.transaction,
                body(&command.call)
            );
            self.fail("S3", now, text);
        }
    }
}

/// What a message asks for, whatever the host knows of the rest.
fn body(call: &Call) -> String {
    match call {
        Call::Submit(o) => format!(
            "{:?} {} {} {:?} {:?} {:?}",
            o.side, o.quantity, o.symbol, o.limit, o.stop_loss, o.take_profit
        ),
        Call::Cancel { order } => format!("cancel {order}"),
        Call::Adjust { bracket, stop, target } => {
            format!("adjust {} x{} {stop:?} {target:?}", bracket.id, bracket.protect)
        }
    }
}
