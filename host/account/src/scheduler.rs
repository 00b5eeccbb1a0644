//! The one message scheduler of an account: every call of its threads waits here for its turn.
//!
//! Apart because all of them share one budget (I14, guard G5). What goes next is decided by the
//! pure [`Pace`]; this adds threads and the account's clock, and two rules about writes: one call
//! of a transaction at a time, and the last free instance is kept for what protects or closes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bracketd_core::command::{Call, Command, Urgency};
use bracketd_core::ids::{OpId, TransactionId};
use bracketd_core::pace::{Grant, Message, Pace, PaceRules, PaceStats, Ticket};
use bracketd_core::time::Timestamp;

use crate::config::ClockSource;
use crate::lock::{sound, whole};

/// Longest sleep between two looks at what waits.
const LOOK_MAX: Duration = Duration::from_millis(500);
/// A tape's time moves without a word: so often it is looked at while something waits for it.
const TAPE_LOOK: Duration = Duration::from_millis(1);
/// Nothing waits for time.
const NEVER: Timestamp = Timestamp(i64::MAX);

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The thread that answers reads, one after the other: a call of it is as urgent as the most
    /// urgent read that waits behind it.
    Reader,
    /// Another thread.
    Other,
}

/// The messages of one account.
pub(crate) struct Scheduler {
    state: Mutex<State>,
    /// Where threads that carry commands sleep. Each of them could carry any, so as many are woken as
    /// there are commands.
    commands: Condvar,
    /// Where every other thread sleeps: nobody is woken for what only the others can do.
    turns: Condvar,
    /// Where threads sleep whose instance carries no commands.
    spare: Condvar,
    clock: PaceClock,
    capacity: usize,
}

struct State {
    pace: Pace,
    desk: Desk,
    closed: bool,
    /// When each sleeping thread looks again by itself.
    looks: Vec<Timestamp>,
    /// How many wait behind the shut gate.
    drainers: usize,
}

/// What was handed out, and so who has to be woken.
#[derive(Clone, Copy, Default)]
struct Gave {
    /// So many commands: each needs a thread that carries it.
    commands: usize,
    /// Whether turns of other threads.
    turns: bool,
}

/// A command that waits no longer.
#[derive(Debug)]
pub(crate) struct Turned {
    /// The command.
    pub command: Command,
    /// How long it waited, in milliseconds; none = it was taken back and is not to be sent.
    pub waited_ms: Option<u64>,
}

/// What waits, and who could carry it.
struct Desk {
    /// Commands that wait for budget and for an instance.
    commands: HashMap<Ticket, Command>,
    /// Commands whose turn it is, an instance free for each; and those that were taken back.
    ready: VecDeque<Turned>,
    /// Calls of other threads whose turn it is.
    granted: HashSet<Ticket>,
    /// Reads that were asked for and not answered, by class.
    reads: [usize; Urgency::ALL.len()],
    /// The reader's call that waits, and its class.
    reader: Option<(Ticket, Urgency)>,
    busy: HashSet<TransactionId>,
    free: usize,
    instances: usize,
    /// Whether no command is handed out.
    is_shut: bool,
}

/// What a grant let go.
enum Handed {
    Command,
    Turn,
}

/// What came of waiting behind the shut gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Nothing is being carried out.
    Empty,
    /// Something is, still.
    Busy,
    /// What protects or closes came and opened the gate.
    Hurried,
}

/// What waits for its turn, for status and for the driver of a tape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Commands and reads that nothing but time holds up.
    pub count: usize,
    /// When the first of them may go.
    pub until: Option<Timestamp>,
}

impl Scheduler {
    /// A scheduler of an account's budget.
    pub(crate) fn new(messages_per_minute: u32, capacity: usize, clock: &ClockSource) -> Self {
        let desk = Desk {
            commands: HashMap::new(),
            ready: VecDeque::new(),
            granted: HashSet::new(),
            reads: [0; Urgency::ALL.len()],
            reader: None,
            busy: HashSet::new(),
            free: 1,
            instances: 1,
            is_shut: false,
        };
        let pace = Pace::new(PaceRules::of(messages_per_minute));
        let state = State { pace, desk, closed: false, looks: Vec::new(), drainers: 0 };
        let clock = PaceClock::new(clock.clone());
        let (commands, turns, spare) = (Condvar::new(), Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), commands, turns, spare, clock, capacity }
    }

    /// The account's time, by a clock that nobody sets: the system's time of its start and what has
    /// passed since; or the tape's.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// So many instances carry commands.
    pub(crate) fn writers(&self, instances: usize) {
        let mut state = sound(&self.state);
        (state.desk.free, state.desk.instances) = (instances, instances);
        drop(state);
        // Where a thread sleeps is another question now.
        self.wake_all();
    }

    /// Takes a command, or gives it back when there is no room. What protects or closes finds room
    /// where trail moves have filled it.
    pub(crate) fn push(&self, command: Command) -> Result<(), Command> {
        let mut state = sound(&self.state);
        let more = if command.urgency <= Urgency::Close { self.capacity } else { 0 };
        if state.closed || state.desk.commands.len() >= self.capacity + more {
            return Err(command);
        }
        state.desk.is_shut &= command.urgency > Urgency::Close;
        let ticket = state.pace.admit(self.clock.now(), Message::of(&command));
        state.desk.commands.insert(ticket, command);
        self.pump(state);
        Ok(())
    }

    /// The next command for the instance of that number; none = the account ends. One request of it
    /// is charged. An instance beyond those that carry commands gets none.
    pub(crate) fn take(&self, number: usize) -> Option<Turned> {
        let carries = |state: &State| number < state.desk.instances;
        let asleep = |state: &State| if carries(state) { &self.commands } else { &self.spare };
        self.wait(asleep, sound(&self.state), |state| {
            carries(state).then(|| state.desk.ready.pop_front()).flatten()
        })
    }

    /// The call is over; its instance is free again.
    pub(crate) fn done(&self, transaction: TransactionId) {
        let mut state = sound(&self.state);
        state.desk.busy.remove(&transaction);
        state.desk.free += 1;
        self.pump(state);
    }

    /// Everything of the transaction is at least so urgent from now on.
    pub(crate) fn raise(&self, transaction: TransactionId, urgency: Urgency) {
        let mut state = sound(&self.state);
        let waits = state.desk.commands.values().any(|c| c.transaction == transaction);
        state.desk.is_shut &= !waits || urgency > Urgency::Close;
        state.pace.raise(transaction, urgency);
        self.pump(state);
    }

    /// No command is handed out until the gate opens; what protects or closes opens it.
    pub(crate) fn shut(&self) {
        sound(&self.state).desk.is_shut = true;
    }

    /// Commands are handed out again.
    pub(crate) fn open(&self) {
        let mut state = sound(&self.state);
        state.desk.is_shut = false;
        self.pump(state);
    }

    /// Waits until no command is being carried out, behind the shut gate.
    pub(crate) fn drained(&self, deadline: Instant) -> Drained {
        let mut state = sound(&self.state);
        state.drainers += 1;
        let came_to = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match &state.desk {
                desk if !desk.is_shut || state.closed => break Drained::Hurried,
                desk if desk.free == desk.instances && desk.ready.is_empty() => {
                    break Drained::Empty;
                }
                _ if left.is_zero() => break Drained::Busy,
                _ => state = whole(self.turns.wait_timeout(state, left)).0,
            }
        };
        state.drainers -= 1;
        came_to
    }

    /// Takes back commands that wait: those that open, or all. They are answered as not sent.
    pub(crate) fn recall(&self, all: bool) {
        self.withdraw(|command| all || is_entry(command));
    }

    /// Takes back the command of that row, if it waits.
    pub(crate) fn take_back(&self, op: &OpId) {
        self.withdraw(|command| command.op == *op);
    }

    fn withdraw(&self, is_meant: impl Fn(&Command) -> bool) {
        let mut state = sound(&self.state);
        let State { pace, desk, .. } = &mut *state;
        let meant = desk.commands.iter().filter(|(_, command)| is_meant(command));
        let mut tickets: Vec<Ticket> = meant.map(|(ticket, _)| *ticket).collect();
        tickets.sort();
        for ticket in tickets {
            pace.withdraw(ticket);
            let command = desk.commands.remove(&ticket);
            desk.ready.extend(command.map(|command| Turned { command, waited_ms: None }));
        }
        self.pump(state);
    }

    /// A read of that class was asked for.
    pub(crate) fn read_begun(&self, urgency: Urgency) {
        let mut state = sound(&self.state);
        if let Some(count) = state.desk.reads.get_mut(urgency as usize) {
            *count += 1;
        }
        if let Some((ticket, _)) = state.desk.reader.filter(|(_, waits_as)| urgency < *waits_as) {
            state.pace.raise_ticket(ticket, urgency);
            state.desk.reader = Some((ticket, urgency));
        }
        self.pump(state);
    }

    /// A read of that class was answered.
    pub(crate) fn read_ended(&self, urgency: Urgency) {
        if let Some(count) = sound(&self.state).desk.reads.get_mut(urgency as usize) {
            *count = count.saturating_sub(1);
        }
    }

    /// Waits until a call may be made that will probably take so many requests; these are charged.
    /// `false`: the account ends.
    pub(crate) fn pass(&self, caller: Caller, urgency: Urgency, requests: u32) -> bool {
        let mut state = sound(&self.state);
        let urgency = match caller {
            Caller::Reader => {
                state.desk.most_urgent_read().map_or(urgency, |read| read.min(urgency))
            }
            Caller::Other => urgency,
        };
        let message = Message { requests, ..Message::new(urgency) };
        let ticket = state.pace.admit(self.clock.now(), message);
        if caller == Caller::Reader {
            state.desk.reader = Some((ticket, urgency));
        }
        let passed = self.wait(
            |_| &self.turns,
            state,
            |state| {
                let is_granted = state.desk.granted.remove(&ticket);
                // In the same breath: who looked in between would take it for one that waits.
                if is_granted && caller == Caller::Reader {
                    state.desk.reader = None;
                }
                is_granted.then_some(())
            },
        );
        if passed.is_none() {
            let mut state = sound(&self.state);
            state.pace.withdraw(ticket);
            if caller == Caller::Reader {
                state.desk.reader = None;
            }
        }
        passed.is_some()
    }

    /// The same without waiting: `false` where it is not its turn now.
    pub(crate) fn try_pass(&self, urgency: Urgency, requests: u32) -> bool {
        let mut state = sound(&self.state);
        let message = Message { requests, ..Message::new(urgency) };
        let ticket = state.pace.admit(self.clock.now(), message);
        let gave = self.run(&mut state).0;
        self.wake(gave);
        state.desk.granted.remove(&ticket) || {
            state.pace.withdraw(ticket);
            false
        }
    }

    /// A turn was charged for `charged` requests and took `made`.
    pub(crate) fn settle(&self, charged: u32, made: u32) {
        if charged == made {
            return;
        }
        let (mut state, now) = (sound(&self.state), self.clock.now());
        match made.checked_sub(charged) {
            Some(more) => state.pace.took(now, more),
            None => state.pace.gave_back(now, charged - made),
        }
        self.pump(state);
    }

    /// The broker said that it was too much.
    pub(crate) fn limited(&self, after_ms: Option<u64>) {
        sound(&self.state).pace.limited(self.clock.now(), after_ms);
    }

    /// Lets every thread go; what waits is not sent.
    pub(crate) fn close(&self) {
        sound(&self.state).closed = true;
        self.wake_all();
    }

    /// How the budget is doing.
    pub(crate) fn stats(&self) -> PaceStats {
        sound(&self.state).pace.stats(self.clock.now())
    }

    /// What waits for nothing but time.
    pub(crate) fn held(&self) -> Held {
        let (state, now) = (sound(&self.state), self.clock.now());
        let may = |ticket: Ticket, message: &Message| state.desk.may(ticket, message);
        if state.pace.is_due(now, &may) || !state.desk.ready.is_empty() {
            return Held::default();
        }
        // Where time lets nothing go, it is not time that holds it up.
        let Some(until) = state.pace.wake_at(now, &may) else { return Held::default() };
        let waits = state.desk.reader.is_some_and(|(at, _)| !state.desk.granted.contains(&at));
        let reads: usize = if waits { state.desk.reads.iter().sum() } else { 0 };
        Held { count: state.desk.commands.len() + reads, until: Some(until) }
    }

    /// Hands out what may go, then waits until `found` finds something; none = the account ends.
    fn wait<'a, T>(
        &'a self,
        asleep: impl Fn(&State) -> &'a Condvar,
        mut state: MutexGuard<'_, State>,
        found: impl Fn(&mut State) -> Option<T>,
    ) -> Option<T> {
        loop {
            if state.closed {
                return None;
            }
            let (mut gave, next) = self.run(&mut state);
            if let Some(found) = found(&mut state) {
                // It may have taken one itself.
                gave.commands = gave.commands.min(state.desk.ready.len());
                drop(state);
                self.wake(gave);
                return Some(found);
            }
            self.wake(gave);
            let (pause, look) = (self.clock.pause_until(next), next.unwrap_or(NEVER));
            state.looks.push(look);
            state = whole(asleep(&state).wait_timeout(state, pause)).0;
            if let Some(at) = state.looks.iter().position(|known| *known == look) {
                state.looks.swap_remove(at);
            }
        }
    }

    /// Hands out what may go after a change, and wakes who can carry it; or somebody who looks again
    /// in time, where something may go before anybody would look.
    fn pump(&self, mut state: MutexGuard<'_, State>) {
        let (mut gave, next) = self.run(&mut state);
        gave.commands = state.desk.ready.len();
        gave.turns |= state.drainers > 0;
        let is_sooner = next.is_some_and(|at| state.looks.iter().all(|look| at < *look));
        // Whoever wakes needs the lock at once.
        drop(state);
        self.wake(gave);
        if is_sooner {
            self.commands.notify_one();
            self.turns.notify_one();
        }
    }

    fn wake(&self, gave: Gave) {
        for _ in 0..gave.commands {
            self.commands.notify_one();
        }
        if gave.turns {
            self.turns.notify_all();
        }
    }

    fn wake_all(&self) {
        for asleep in [&self.commands, &self.turns, &self.spare] {
            asleep.notify_all();
        }
    }

    /// Hands out what may go now; the answer is what was, which its threads have to be told, and when
    /// to look again.
    fn run(&self, state: &mut State) -> (Gave, Option<Timestamp>) {
        let now = self.clock.now();
        let mut gave = Gave::default();
        let State { pace, desk, .. } = state;
        while let Some(grant) = pace.next_of(now, &|ticket, message| desk.may(ticket, message)) {
            match desk.hand_out(&grant) {
                Handed::Command => gave.commands += 1,
                Handed::Turn => gave.turns = true,
            }
        }
        (gave, pace.wake_at(now, &|ticket, message| desk.may(ticket, message)))
    }
}

impl Desk {
    /// Whether somebody could carry the message now.
    fn may(&self, ticket: Ticket, message: &Message) -> bool {
        let Some(command) = self.commands.get(&ticket) else { return true };
        let is_last = self.free <= 1 && self.instances > 1;
        !self.is_shut
            && self.free > 0
            && !self.busy.contains(&command.transaction)
            && (!is_last || message.urgency <= Urgency::Close)
    }

    fn hand_out(&mut self, grant: &Grant) -> Handed {
        match self.commands.remove(&grant.ticket) {
            Some(command) => {
                self.busy.insert(command.transaction);
                self.free -= 1;
                self.ready.push_back(Turned { command, waited_ms: Some(grant.waited_ms) });
                Handed::Command
            }
            None => {
                self.granted.insert(grant.ticket);
                Handed::Turn
            }
        }
    }

    fn most_urgent_read(&self) -> Option<Urgency> {
        Urgency::ALL.into_iter().zip(self.reads).find(|(_, count)| *count > 0).map(|(u, _)| u)
    }
}

/// Whether a command opens something, or adds to it.
pub(crate) fn is_entry(command: &Command) -> bool {
    matches!(&command.call, Call::Submit(order) if !order.reduce_only)
}

/// The account's time as the budget sees it. Of the machine's clock it takes only the start: one
/// that is set back must not hold up a stop.
struct PaceClock {
    source: ClockSource,
    started_ns: u64,
    started: Instant,
}

impl PaceClock {
    fn new(source: ClockSource) -> Self {
        Self { started_ns: source.now_ns(), source, started: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        let ns = match &self.source {
            ClockSource::Given(now) => now(),
            ClockSource::Wall => {
                let passed = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
                self.started_ns.saturating_add(passed)
            }
        };
        Timestamp(i64::try_from(ns / 1_000).unwrap_or(i64::MAX))
    }

    /// How long to sleep when the next look is due then.
    fn pause_until(&self, at: Option<Timestamp>) -> Duration {
        match (&self.source, at) {
            (_, None) => LOOK_MAX,
            (ClockSource::Given(_), Some(_)) => TAPE_LOOK,
            (ClockSource::Wall, Some(at)) => {
                let us = u64::try_from(at.0.saturating_sub(self.now().0)).unwrap_or(0);
                Duration::from_micros(us).clamp(Duration::from_micros(100), LOOK_MAX)
            }
        }
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
