//! Which message to a broker goes next, and when (I14, guard G5).
//!
//! Apart because one budget is shared by everything an account says: writes and reads, protection
//! and curiosity. It performs nothing and reads no clock; threads drive it in real time and a
//! simulation in its own. It must never let more through in a minute than the broker takes, and
//! never let a message wait for ever.
//!
//! The most urgent class goes first, by four rules:
//! - what is less urgent leaves a part of the bucket alone ([`reserve_percent`]), so that
//!   protection finds something in it whatever was sent before;
//! - a class that waits gets its share of the turns ([`share_percent`]) from the more urgent ones,
//!   at most every second turn, so the most urgent message never waits for two of them;
//! - asking for fills goes before everything once every [`PULSE_MS`], less often where that would
//!   be more than half of what flows in, and otherwise only when nobody waits;
//! - one transaction has a limit of its own, except for what protects or closes.
//!
//! A bucket that never fills up to a class's reserve would keep that class out for good: once every
//! [`STARVED_MS`] it gets a turn all the same.

mod bucket;
mod rules;
mod stats;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::bug::{self, Bug};
use crate::command::Urgency;
use crate::ids::TransactionId;
use crate::time::Timestamp;
use bucket::{Bucket, REQUEST};
use stats::Used;

pub use rules::{Message, PaceRules, reserve_percent, share_percent};
pub use stats::{ClassStats, PaceStats};

/// So often a fill is asked for before everything else.
pub const PULSE_MS: u64 = 2_000;
/// Most requests that one message may ask for at once; what it takes beyond is charged afterwards.
pub const REQUESTS_MAX: u32 = 4;
/// A class that waited so long for a turn gets one from what others are kept free of.
const STARVED_MS: u64 = 30_000;
/// A moved stop that waited so long goes before one that gains more.
const AGED_MS: u64 = 60_000;
/// Longest pause that a broker's "too much" may cost; its windows are minutes.
const LIMITED_MS_MAX: u64 = 60_000;
/// First pause where the broker names none; doubles while it goes on saying so.
const LIMITED_MS_MIN: u64 = 1_000;
/// Transactions whose own limit is remembered although it is not used.
const IDLE_LIMITS_MAX: usize = 256;
const CLASSES: usize = Urgency::ALL.len();

/// By which a waiting message is known; rises with each one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A message that may go out now. Its requests are charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which.
    pub ticket: Ticket,
    /// The message.
    pub message: Message,
    /// How long it waited, in milliseconds.
    pub waited_ms: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    ticket: Ticket,
    message: Message,
    since: Timestamp,
}

/// What would go next.
struct Pick {
    class: Urgency,
    at: usize,
    /// Whose turn it is: another class's where that one gives way.
    turn_of: Urgency,
}

/// One account's budget and what waits for it.
#[derive(Clone, Debug)]
pub struct Pace {
    rules: PaceRules,
    bucket: Bucket,
    waiting: [Vec<Waiting>; CLASSES],
    /// Percent of a turn that a class is owed.
    owed: [u32; CLASSES],
    /// Whether the last turn was given to a less urgent class.
    gave_way: bool,
    /// When a class had its last turn.
    turned_at: [Option<Timestamp>; CLASSES],
    own: BTreeMap<TransactionId, Bucket>,
    next: u64,
    pulsed_at: Option<Timestamp>,
    /// Nothing goes out before then, by the broker's word.
    paused_until: Option<Timestamp>,
    /// When the last such pause ended.
    lifted_at: Option<Timestamp>,
    /// How long it is where the broker does not say.
    limited_pause_ms: u64,
    limited: u64,
    longest_ms: [u64; CLASSES],
    used: Used,
}

impl Pace {
    /// A budget that nothing was used of.
    pub fn new(rules: PaceRules) -> Self {
        Self {
            rules,
            bucket: Bucket::new(rules.per_minute),
            waiting: Default::default(),
            owed: [0; CLASSES],
            gave_way: false,
            turned_at: [None; CLASSES],
            own: BTreeMap::new(),
            next: 0,
            pulsed_at: None,
            paused_until: None,
            lifted_at: None,
            limited_pause_ms: 0,
            limited: 0,
            longest_ms: [0; CLASSES],
            used: Used::default(),
        }
    }

    /// Takes a message in; it waits for its turn.
    pub fn admit(&mut self, now: Timestamp, message: Message) -> Ticket {
        self.next += 1;
        let ticket = Ticket(self.next);
        let behind = bug::is(Bug::M10) && message.urgency == Urgency::Unprotected;
        let urgency = if behind { Urgency::Read } else { message.urgency };
        let message = Message { urgency, ..message };
        let requests = message.requests.clamp(1, REQUESTS_MAX);
        let message = Message { requests, ..message };
        self.waiting[lane(message.urgency)].push(Waiting { ticket, message, since: now });
        ticket
    }

    /// Takes a message out that is no longer wanted; `false` when it does not wait.
    pub fn withdraw(&mut self, ticket: Ticket) -> bool {
        self.waiting.iter_mut().any(|lane| {
            let at = lane.iter().position(|one| one.ticket == ticket);
            at.is_some_and(|at| {
                lane.remove(at);
                true
            })
        })
    }

    /// Gives all messages of a transaction that are less urgent this class: something that
    /// matters more waits behind them now.
    pub fn raise(&mut self, transaction: TransactionId, urgency: Urgency) {
        self.raise_where(urgency, &|one| one.message.transaction == Some(transaction));
    }

    /// The same for one message.
    pub fn raise_ticket(&mut self, ticket: Ticket, urgency: Urgency) {
        self.raise_where(urgency, &|one| one.ticket == ticket);
    }

    fn raise_where(&mut self, urgency: Urgency, is_meant: &dyn Fn(&Waiting) -> bool) {
        for class in Urgency::ALL.into_iter().filter(|class| *class > urgency) {
            let all = &mut self.waiting[lane(class)];
            let moved: Vec<Waiting> = all.extract_if(.., |one| is_meant(one)).collect();
            self.waiting[lane(urgency)].extend(moved.into_iter().map(|mut one| {
                one.message.urgency = urgency;
                one
            }));
        }
    }

    /// The message that goes out now, if one may.
    pub fn next(&mut self, now: Timestamp) -> Option<Grant> {
        self.next_of(now, &|_, _| true)
    }

    /// The same among those that `may` lets through: a writer may be busy.
    pub fn next_of(
        &mut self,
        now: Timestamp,
        may: &dyn Fn(Ticket, &Message) -> bool,
    ) -> Option<Grant> {
        self.catch_up(now);
        let pick = self.pick(now, may).filter(|pick| self.affordable_at(pick, now) <= now)?;
        let Pick { class, at, turn_of } = pick;
        let Waiting { ticket, message, since } = self.waiting[lane(class)].remove(at);
        let parts = i64::from(message.requests) * REQUEST;
        self.bucket.take(parts, now);
        self.used.add(i64::from(message.requests), now);
        if class == Urgency::Pulse {
            self.pulsed_at = Some(now);
        } else {
            self.take_turn(class, turn_of);
            self.turned_at[lane(class)] = Some(now);
        }
        if let Some(id) = limited_by(&message) {
            self.own_limit(id).take(REQUEST, now);
            self.forget_idle_limits(now);
        }
        let waited_ms = now.ms_since(since);
        let longest = &mut self.longest_ms[lane(message.urgency)];
        *longest = waited_ms.max(*longest);
        Some(Grant { ticket, message, waited_ms })
    }

    /// Whether [`Self::next_of`] would give something.
    pub fn is_due(&self, now: Timestamp, may: &dyn Fn(Ticket, &Message) -> bool) -> bool {
        self.pick(now, may).is_some_and(|pick| self.affordable_at(&pick, now) <= now)
    }

    /// When to ask again after [`Self::next_of`] gave nothing. None: not before something else
    /// happens.
    pub fn wake_at(
        &self,
        now: Timestamp,
        may: &dyn Fn(Ticket, &Message) -> bool,
    ) -> Option<Timestamp> {
        let able = || {
            let all = self.waiting.iter().flatten();
            all.filter(|one| may(one.ticket, &one.message))
        };
        if let Some(until) = self.paused_until(now) {
            return able().next().map(|_| until);
        }
        let affordable = self.pick(now, may).map(|pick| self.affordable_at(&pick, now));
        let allowed = able().map(|one| match one.message.urgency {
            Urgency::Pulse => self.pulse_due(now),
            _ => self.allowed_at(&one.message, now),
        });
        allowed.chain(affordable).filter(|at| *at > now).min()
    }

    /// A message took so many requests more than it was charged for.
    pub fn took(&mut self, now: Timestamp, requests: u32) {
        self.catch_up(now);
        self.bucket.take(i64::from(requests) * REQUEST, now);
        self.used.add(i64::from(requests), now);
    }

    /// A message took so many requests less than it was charged for.
    pub fn gave_back(&mut self, now: Timestamp, requests: u32) {
        self.catch_up(now);
        self.bucket.take(-i64::from(requests) * REQUEST, now);
        self.used.add(-i64::from(requests), now);
    }

    /// The broker said that it was too much, and for how long. Until then nothing goes out; from
    /// then on there is something for what protects or closes, and the rest comes as it flows in.
    pub fn limited(&mut self, now: Timestamp, after_ms: Option<u64>) {
        self.limited += 1;
        let recently = self.lifted_at.is_some_and(|at| now.ms_since(at) < LIMITED_MS_MAX);
        let before_ms = if recently { self.limited_pause_ms } else { 0 };
        self.limited_pause_ms = (before_ms * 2).clamp(LIMITED_MS_MIN, LIMITED_MS_MAX / 2);
        let until = match (after_ms, self.paused_until(now)) {
            (Some(ms), _) => now.plus_ms(ms.min(LIMITED_MS_MAX)),
            (None, before) => before.unwrap_or(now).max(now.plus_ms(self.limited_pause_ms)),
        };
        self.paused_until = Some(until);
    }

    /// How it is doing.
    pub fn stats(&self, now: Timestamp) -> PaceStats {
        let class = |urgency: Urgency| {
            let waiting = &self.waiting[lane(urgency)];
            let now_ms = waiting.iter().map(|one| now.ms_since(one.since)).max().unwrap_or(0);
            let longest_ms = self.longest_ms[lane(urgency)].max(now_ms);
            ClassStats { urgency, waiting: waiting.len(), longest_ms }
        };
        PaceStats {
            per_minute: self.rules.per_minute,
            used: self.used.last_minute(now),
            classes: Urgency::ALL.into_iter().map(class).collect(),
            limited: self.limited,
            limited_until: self.paused_until(now),
        }
    }

    /// What goes next, once the bucket holds enough for it.
    fn pick(&self, now: Timestamp, may: &dyn Fn(Ticket, &Message) -> bool) -> Option<Pick> {
        if self.paused_until(now).is_some() {
            return None;
        }
        let pulse = self.best(Urgency::Pulse, now, may);
        if let Some(at) = pulse.filter(|_| self.pulse_due(now) <= now) {
            return Some(Pick { class: Urgency::Pulse, at, turn_of: Urgency::Pulse });
        }
        let rest = || Urgency::ALL.into_iter().skip(1);
        let Some((first, at)) = rest().find_map(|c| Some((c, self.best(c, now, may)?))) else {
            // Nobody else wants anything: asking more often costs nobody anything.
            return pulse.map(|at| Pick { class: Urgency::Pulse, at, turn_of: Urgency::Read });
        };
        let owed = rest()
            .filter(|class| !self.gave_way && *class > first && self.owed[lane(*class)] >= 100)
            .filter_map(|class| Some((class, self.best(class, now, may)?)))
            .min_by_key(|(class, _)| (std::cmp::Reverse(self.owed[lane(*class)]), *class));
        let (class, at) = owed.unwrap_or((first, at));
        Some(Pick { class, at, turn_of: first })
    }

    /// When the bucket holds enough for the pick.
    fn affordable_at(&self, pick: &Pick, now: Timestamp) -> Timestamp {
        let message = self.waiting[lane(pick.class)].get(pick.at).map(|one| one.message);
        let parts = i64::from(message.map_or(1, |message| message.requests)) * REQUEST;
        let due = self.bucket.ready_at(parts + self.reserve(pick.turn_of), now);
        match self.starves_at(pick, now) {
            Some(at) if at < due => self.bucket.ready_at(parts, now).max(at),
            _ => due,
        }
    }

    /// When the pick has waited too long for its class to be kept out by a reserve.
    fn starves_at(&self, pick: &Pick, now: Timestamp) -> Option<Timestamp> {
        let since = self.waiting[lane(pick.class)].get(pick.at)?.since;
        // While the broker wanted nothing, nobody was kept out by a reserve; nor does a clock that
        // was set back make anybody wait anew.
        let kept_out = [self.turned_at[lane(pick.class)], self.lifted_at];
        let later = kept_out.into_iter().flatten().filter(|at| *at <= now).max();
        Some(later.map_or(since, |at| at.max(since)).plus_ms(STARVED_MS))
    }

    /// The next message of a class: the first that came; of moved stops the one that gains most,
    /// unless another has waited very long.
    fn best(
        &self,
        class: Urgency,
        now: Timestamp,
        may: &dyn Fn(Ticket, &Message) -> bool,
    ) -> Option<usize> {
        let lane = self.waiting[lane(class)].iter().enumerate();
        let mut able = lane.filter(|(_, one)| {
            may(one.ticket, &one.message) && self.allowed_at(&one.message, now) <= now
        });
        if class != Urgency::Tighten {
            return able.next().map(|(at, _)| at);
        }
        let rank = |one: &Waiting| match now.ms_since(one.since) >= AGED_MS {
            true => (0, Decimal::ZERO, one.ticket),
            false => (1, -one.message.gain, one.ticket),
        };
        able.min_by_key(|(_, one)| rank(one)).map(|(at, _)| at)
    }

    /// When the transaction's own limit lets the message through.
    fn allowed_at(&self, message: &Message, now: Timestamp) -> Timestamp {
        let own = limited_by(message).and_then(|id| self.own.get(&id));
        own.map_or(now, |own| own.ready_at(REQUEST, now))
    }

    fn reserve(&self, class: Urgency) -> i64 {
        self.bucket.capacity() / 100 * i64::from(reserve_percent(class))
    }

    fn pulse_due(&self, now: Timestamp) -> Timestamp {
        // A clock that was set back makes it due at once.
        let pulse_ms = self.rules.pulse_ms();
        self.pulsed_at.filter(|at| *at <= now).map_or(now, |at| at.plus_ms(pulse_ms))
    }

    /// The end of a pause that the broker asked for, while it lasts.
    fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Notes that a pause is over, and that the clock was set back.
    fn catch_up(&mut self, now: Timestamp) {
        self.bucket.catch_up(now);
        if let Some(until) = self.paused_until {
            // A clock that was set back does not prolong a pause.
            self.paused_until = Some(until.min(now.plus_ms(LIMITED_MS_MAX)));
        }
        if let Some(until) = self.paused_until.take_if(|until| *until <= now) {
            self.lifted_at = Some(until);
            self.bucket.drain_to(self.reserve(Urgency::Reduce), until);
        }
    }

    /// Books a turn: who waits on is owed more, who went is owed less.
    fn take_turn(&mut self, class: Urgency, turn_of: Urgency) {
        self.gave_way = class != turn_of;
        for other in Urgency::ALL {
            let waits = !self.waiting[lane(other)].is_empty();
            let share = u32::from(share_percent(other));
            let owed = &mut self.owed[lane(other)];
            *owed = match (other == class, waits) {
                (true, _) => (*owed + share).saturating_sub(100),
                (false, true) => (*owed + share).min(200),
                (false, false) => 0,
            };
        }
    }

    fn own_limit(&mut self, id: TransactionId) -> &mut Bucket {
        let per_minute = self.rules.per_transaction;
        self.own.entry(id).or_insert_with(|| Bucket::new(per_minute))
    }

    fn forget_idle_limits(&mut self, now: Timestamp) {
        if self.own.len() > IDLE_LIMITS_MAX {
            self.own.retain(|_, own| own.level(now) < own.capacity());
        }
    }
}

fn lane(class: Urgency) -> usize {
    class as usize
}

/// The transaction whose own limit counts for the message.
fn limited_by(message: &Message) -> Option<TransactionId> {
    match message.urgency {
        Urgency::Pulse | Urgency::Unprotected | Urgency::Close => None,
        Urgency::Reduce | Urgency::Tighten | Urgency::Routine | Urgency::Read => {
            message.transaction
        }
    }
}
