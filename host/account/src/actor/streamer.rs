//! Runs the optional `streams` interface of a plugin: one instance, one thread, some sockets.
//!
//! A stream only makes things faster: whatever goes wrong here (a socket that ends, a frame nobody
//! can read, a guest that traps) costs a poll and a picture, and the socket is opened again after a
//! pause. It must never be what a fact depends on (I9).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use bracketd_core::broker::Fault;
use bracketd_core::command::Urgency;
use bracketd_core::ids::Symbol;

use crate::actor::facts::Facts;
use crate::actor::feed::{Feed, Heard};
use crate::actor::gap::Gap;
use crate::actor::streams::{self, Permitted};
use crate::bindings::bracketd::broker::types as abi;
use crate::bindings::streaming::exports::bracketd::broker::streams as abi_streams;
use crate::config::ms;
use crate::convert::plain_fault;
use crate::failure::caught;
use crate::grant::Grant;
use crate::lock::lock;
use crate::scheduler::Caller;
use crate::slot::{Slot, Turn};
use crate::wire::socket::Frame;

/// Frames that wait for the guest; more wait in TCP.
const HEARD_MAX: usize = 16;
/// Longest wait between two looks at what is due.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// The longest pause before a socket is opened again is so many times the first.
const PAUSE_GROWTH_MAX: u32 = 30;
/// A socket that was open for so many times the first pause begins with that one again.
const SOUND_AFTER: u32 = 60;
/// Frames that a guest may send in any minute, over all its sockets.
const FRAMES_PER_MINUTE: u32 = 120;
/// Shortest time between two ticks.
const TICK_MS_MIN: u32 = 1_000;

/// One socket that the guest wants.
struct Line {
    wanted: abi_streams::Socket,
    state: State,
    pause: Duration,
    ticked: Instant,
}

enum State {
    /// Its thread runs.
    Running(Box<Running>),
    /// It ended; opened again then.
    Waits(Instant),
    /// No grant covers it: until the guest wants another.
    Denied,
}

struct Running {
    feed: Feed,
    grant: Grant,
    url: url::Url,
    /// Since when it is open.
    opened: Option<Instant>,
}

impl Line {
    fn running(&self) -> Option<&Running> {
        match &self.state {
            State::Running(running) => Some(running),
            State::Waits(_) | State::Denied => None,
        }
    }

    fn opened(&self) -> Option<Instant> {
        self.running().and_then(|running| running.opened)
    }
}

/// The thread that owns the streaming instance.
pub(crate) struct Streamer {
    slot: Slot,
    facts: Facts,
    gap: Gap,
    heard: Receiver<(u64, Heard)>,
    tell: Sender<(u64, Heard)>,
    lines: BTreeMap<String, Line>,
    /// Sockets that were open once: opened again, they have missed something.
    known: BTreeSet<String>,
    /// What the guest was told to stream; none = it was not asked yet.
    symbols: Option<Vec<Symbol>>,
    ask_at: Instant,
    ask_pause: Duration,
    feeds: u64,
    sent: (Instant, u32),
    /// That of the instance that was asked last.
    generation: u64,
}

impl Streamer {
    /// Nothing is open yet.
    pub(crate) fn new(slot: Slot, facts: Facts, gap: Gap) -> Self {
        let (tell, heard) = bounded(HEARD_MAX);
        let first = ms(slot.shared.limits.reopen_ms.max(1));
        let generation = slot.generation();
        Self {
            slot,
            generation,
            facts,
            gap,
            heard,
            tell,
            lines: BTreeMap::new(),
            known: BTreeSet::new(),
            symbols: None,
            ask_at: Instant::now(),
            ask_pause: first,
            feeds: 0,
            sent: (Instant::now(), 0),
        }
    }

    /// Runs until the account ends.
    pub(crate) fn run(mut self) {
        while !self.slot.shared.stopping() {
            if let Err(text) = caught(|| self.turn()) {
                self.slot.panicked(&text);
                self.lost_guest();
            }
        }
    }

    fn turn(&mut self) {
        self.gap.look();
        if !self.slot.can_stream() {
            // Another plugin may take over that can.
            self.lines.clear();
            self.count();
            std::thread::sleep(WAIT_MAX);
            return;
        }
        let wait = match self.slot.ensure() {
            Ok(fresh) => {
                let generation = self.slot.generation();
                let is_another = std::mem::replace(&mut self.generation, generation) != generation;
                if fresh.is_some() || is_another {
                    // It knows nothing of the sockets of the one before.
                    self.lines.clear();
                    self.symbols = None;
                }
                self.look_after_sockets();
                WAIT_MAX
            }
            Err(not_ready) => not_ready.after.min(WAIT_MAX),
        };
        match self.heard.recv_timeout(wait) {
            Ok((number, heard)) => self.hear(number, heard),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    /// Asks the guest what it wants where that may have changed, opens what waits, ticks what is
    /// due.
    fn look_after_sockets(&mut self) {
        let now = Instant::now();
        let watched = lock(&self.slot.shared.watched).clone();
        let is_new = self.symbols.as_ref() != Some(&watched);
        let due = |line: &Line| matches!(line.state, State::Waits(at) if at <= now);
        let is_due = self.lines.values().any(due);
        if (is_new || is_due) && now >= self.ask_at {
            self.ask(watched);
        }
        let ticks = |line: &Line| {
            let every = line.wanted.tick_ms.map(|t| ms(u64::from(t.max(TICK_MS_MIN))));
            line.opened().is_some() && every.is_some_and(|every| line.ticked.elapsed() >= every)
        };
        let due: Vec<String> = self
            .lines
            .iter()
            .filter(|(_, line)| ticks(line))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            if let Some(line) = self.lines.get_mut(&name) {
                line.ticked = Instant::now();
            }
            let told = self
                .call("on-tick", |guest, store, context| guest.call_on_tick(store, context, &name));
            self.step(&name, told);
        }
    }

    fn ask(&mut self, watched: Vec<Symbol>) {
        let symbols: Vec<String> = watched.iter().map(|s| s.as_str().to_owned()).collect();
        self.slot.begin(Turn::Each(Caller::Other, Urgency::Read), 0);
        let told =
            self.call("open", |guest, store, context| guest.call_open(store, context, &symbols));
        self.slot.begin(Turn::Had, 0);
        let wanted = told.and_then(|told| {
            streams::sockets(told).map_err(|lie| {
                self.slot.shared.note_lie(&lie);
                plain_fault("PLUGIN_LIED", lie.to_string())
            })
        });
        match wanted {
            Ok(wanted) => {
                let is_new = self.symbols.as_ref() != Some(&watched);
                self.symbols = Some(watched);
                self.ask_pause = self.first_pause();
                self.ask_at = Instant::now() + self.ask_pause;
                self.want(wanted, is_new);
            }
            Err(fault) => {
                let text = format!("no stream is opened: {}: {}", fault.code, fault.message);
                self.slot.shared.warn(&text);
                self.ask_at = Instant::now() + self.ask_pause;
                self.ask_pause = (self.ask_pause * 2).min(self.longest_pause());
            }
        }
    }

    /// Makes the sockets what the guest wants. Where only one that ended was asked about, the
    /// others stay as they are.
    fn want(&mut self, wanted: Vec<abi_streams::Socket>, is_new: bool) {
        let now = Instant::now();
        self.lines.retain(|name, _| wanted.iter().any(|socket| socket.name == *name));
        for socket in wanted {
            let pause = self.first_pause();
            match self.lines.get_mut(&socket.name) {
                None => {
                    let name = socket.name.clone();
                    let state = State::Waits(now);
                    let line = Line { wanted: socket, state, pause, ticked: now };
                    self.lines.insert(name, line);
                }
                Some(line) if matches!(line.state, State::Waits(_)) => line.wanted = socket,
                Some(line) if is_new && line.wanted != socket => {
                    line.wanted = socket;
                    line.state = State::Waits(now);
                }
                Some(_) => {}
            }
        }
        let due: Vec<String> = self
            .lines
            .iter()
            .filter(|(_, line)| matches!(line.state, State::Waits(at) if at <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            self.open(&name);
        }
        self.count();
    }

    fn open(&mut self, name: &str) {
        let shared = self.slot.shared.clone();
        let Some(line) = self.lines.get_mut(name) else { return };
        let Permitted { url, grant, target } = match streams::permit(&shared, &line.wanted) {
            Ok(permitted) => permitted,
            Err(why) => {
                shared.warn(&format!("socket {name}: {why}"));
                line.state = State::Denied;
                return;
            }
        };
        let hello = line.wanted.hello.clone();
        let hello = streams::outgoing(&shared, name, (&grant, &url), hello);
        self.feeds += 1;
        line.state = match Feed::start(&shared, self.feeds, target, hello, self.tell.clone()) {
            Ok(feed) => State::Running(Box::new(Running { feed, grant, url, opened: None })),
            Err(error) => {
                shared.warn(&format!("socket {name}: a thread does not start: {error}"));
                State::Waits(Instant::now() + line.pause)
            }
        };
    }

    fn hear(&mut self, number: u64, heard: Heard) {
        let is_of = |line: &Line| line.running().is_some_and(|r| r.feed.number == number);
        let Some(name) = self.lines.iter().find(|(_, l)| is_of(l)).map(|(name, _)| name.clone())
        else {
            return;
        };
        match heard {
            Heard::Opened => {
                if let Some(line) = self.lines.get_mut(&name) {
                    line.ticked = Instant::now();
                    if let State::Running(running) = &mut line.state {
                        running.opened = Some(Instant::now());
                    }
                }
                self.slot.shared.inform(&format!("socket {name} is open"));
                if !self.known.insert(name) {
                    self.gap.reconcile_soon();
                }
            }
            Heard::Frame(frame) => self.frame(&name, frame),
            Heard::Ended(why) => self.ended(&name, &why),
        }
        self.count();
    }

    fn ended(&mut self, name: &str, why: &str) {
        let (first, longest) = (self.first_pause(), self.longest_pause());
        let Some(line) = self.lines.get_mut(name) else { return };
        if line.opened().is_some_and(|at| at.elapsed() >= first * SOUND_AFTER) {
            line.pause = first;
        }
        self.slot.shared.warn(&format!(
            "socket {name}: {why}; polling goes on, it is opened again in {} ms",
            line.pause.as_millis()
        ));
        line.state = State::Waits(Instant::now() + line.pause);
        line.pause = (line.pause * 2).min(longest);
        self.gap.poll();
    }

    fn frame(&mut self, name: &str, frame: Frame) {
        let frame = abi_streams::Frame { binary: frame.binary, data: frame.data };
        let told = self.call("on-frame", |guest, store, context| {
            guest.call_on_frame(store, context, name, &frame)
        });
        self.step(name, told);
    }

    /// Takes what the guest made of a frame or a tick.
    fn step(&mut self, name: &str, told: Result<abi_streams::Step, Fault>) {
        let step = match told {
            Ok(step) => step,
            Err(fault) if self.slot.is_ready() => {
                self.slot.shared.warn(&format!("socket {name}: {}: {}", fault.code, fault.message));
                return self.gap.poll();
            }
            Err(_) => return self.lost_guest(),
        };
        let shared = self.slot.shared.clone();
        let news = streams::news(&shared, name, step.events);
        self.facts.tell_streamed(&shared, news.orders, news.fills);
        self.facts.tell_quotes(&shared, news.quotes);
        self.send(name, step.send);
        match (step.resync, news.is_doubtful) {
            (true, _) => self.gap.reconcile(),
            (false, true) => self.gap.poll(),
            (false, false) => {}
        }
    }

    fn send(&mut self, name: &str, frames: Vec<abi_streams::Frame>) {
        let Some(Running { feed, grant, url, .. }) = self.lines.get(name).and_then(Line::running)
        else {
            return;
        };
        let shared = &self.slot.shared;
        for frame in streams::outgoing(shared, name, (grant, url), frames) {
            let (since, count) = &mut self.sent;
            if since.elapsed() >= Duration::from_secs(60) {
                (*since, *count) = (Instant::now(), 0);
            }
            if *count >= FRAMES_PER_MINUTE {
                shared.warn(&format!(
                    "socket {name}: more than {FRAMES_PER_MINUTE} frames a minute; not sent"
                ));
                return;
            }
            *count += 1;
            if !feed.send(frame) {
                shared.warn(&format!("socket {name}: the broker takes no more frames; not sent"));
            }
        }
    }

    /// The guest is gone, and with it what it knew of its sockets: they are closed, and the next
    /// instance is asked anew.
    fn lost_guest(&mut self) {
        self.lines.clear();
        self.symbols = None;
        self.ask_at = Instant::now() + self.ask_pause;
        self.ask_pause = (self.ask_pause * 2).min(self.longest_pause());
        self.gap.poll();
        self.count();
    }

    fn first_pause(&self) -> Duration {
        ms(self.slot.shared.limits.reopen_ms.max(1))
    }

    fn longest_pause(&self) -> Duration {
        self.first_pause() * PAUSE_GROWTH_MAX
    }

    fn count(&self) {
        let is_open = |line: &&Line| line.opened().is_some();
        let counters = &self.slot.shared.counters;
        counters.sockets.store(self.lines.len(), Ordering::Relaxed);
        let open = self.lines.values().filter(is_open).count();
        counters.sockets_open.store(open, Ordering::Relaxed);
    }

    fn call<R>(
        &mut self,
        op: &'static str,
        export: impl FnOnce(
            &abi_streams::Guest,
            &mut wasmtime::Store<crate::guest::GuestState>,
            &abi::CallCtx,
        ) -> wasmtime::Result<Result<R, abi::Fault>>,
    ) -> Result<R, Fault> {
        self.slot.read_any(op, |exports, store, context| match &exports.streams {
            Some(streams) => export(streams.bracketd_broker_streams(), store, context),
            None => Ok(Err(abi::Fault::NotSupported("no streams".to_owned()))),
        })
    }
}
