//! The daemon under test: the real engine over a real ledger, called when something is heard, and
//! killed now and then between a commit and its effects.
//!
//! Apart because the order here is the promise under test: commit, then commands, reads and
//! verdicts. Nothing is done to the engine that the daemon's own thread would not do.

use bracketd_core::ids::AccountName;
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;
use bracketd_engine::{Dispatch, Engine, Input, Settings};
use bracketd_policy::PolicySet;

use super::{What, World};
use crate::budget::Counting;
use crate::coverage::State;
use crate::disk::Disk;
use crate::fault::Fault;
use crate::scripts::NONSENSE;

/// Steps at one moment before the engine is said to go round in circles.
const SPIN_MAX: u32 = 200;

/// The daemon.
pub(crate) struct Daemon {
    /// None while it is dead.
    pub(crate) engine: Option<Engine>,
    pub(crate) inbox: Vec<Input>,
    /// Which life this is; what was on its way to an earlier one is lost.
    pub(crate) life: u32,
    /// A timer rang.
    pub(super) rings: bool,
    pub(super) is_paused: bool,
    timer: Option<Timestamp>,
    /// The daemon's clock less the world's, in microseconds.
    offset_us: i64,
    /// The same for the next life.
    next_offset_us: i64,
    disk: Disk,
    policies: PolicySet,
    reloads: usize,
    spins: (Timestamp, u32),
}

impl Daemon {
    pub(super) fn new(disk: Disk, policies: PolicySet) -> Self {
        Self {
            engine: None,
            inbox: Vec::new(),
            life: 0,
            rings: false,
            is_paused: false,
            timer: None,
            offset_us: 0,
            next_offset_us: 0,
            disk,
            policies,
            reloads: 0,
            spins: (Timestamp(0), 0),
        }
    }

    /// What the daemon's clock shows.
    pub(crate) fn time(&self, world: Timestamp) -> Timestamp {
        Timestamp(world.0 + self.offset_us)
    }

    /// Whether the ledger refuses to be written.
    pub(super) fn refuse_writes(&mut self, refuse: bool) {
        if let Some(engine) = &self.engine {
            engine.ledger().refuse_writes(refuse);
        }
    }
}

impl World<'_> {
    /// The daemon starts over its ledger.
    pub(super) fn start(&mut self) {
        if self.daemon.engine.is_some() {
            return;
        }
        let ledger = match self.daemon.disk.open() {
            Ok(ledger) => ledger,
            Err(error) => return self.oracle.fail("S6", self.now, format!("no ledger: {error}")),
        };
        if self.daemon.next_offset_us != self.daemon.offset_us {
            self.daemon.offset_us = self.daemon.next_offset_us;
            self.oracle.clock_was_set();
        }
        let accounts = self.accounts.iter().map(|a| (a.name.clone(), a.rules.clone())).collect();
        let settings = Settings { accounts, ..Settings::default() };
        let now = self.daemon.time(self.now);
        let policies = self.daemon.policies.clone();
        match Engine::start(ledger, settings, policies, now) {
            Ok(engine) => {
                self.trace.note(self.now, "start", || format!("life {}", self.daemon.life));
                self.oracle.started(&engine, self.now);
                self.daemon.engine = Some(engine);
            }
            Err(error) => return self.oracle.fail("S6", self.now, format!("no start: {error}")),
        }
        for no in 0..self.accounts.len() {
            if self.accounts[no].is_up {
                self.connect(no);
            }
        }
        self.daemon.rings = true;
    }

    /// Calls the engine when there is something to hear or a timer rang.
    pub(super) fn listen(&mut self) {
        if self.daemon.is_paused {
            return;
        }
        while self.daemon.rings || !self.daemon.inbox.is_empty() {
            self.daemon.rings = false;
            let Some(engine) = self.daemon.engine.as_mut() else { return };
            let breaks = self.faults.strikes(Fault::CommitFails);
            if breaks {
                engine.ledger().refuse_writes(true);
            }
            let inputs = std::mem::take(&mut self.daemon.inbox);
            self.oracle.heard(&inputs, self.now);
            self.daemon.disk.before_step();
            let now = Timestamp(self.now.0 + self.daemon.offset_us);
            let dispatch = engine.step(now, inputs, &Counting::default());
            if breaks {
                self.saw_all(Fault::CommitFails);
                let long = self.faults.below(Fault::CommitFails, 8) == 0;
                let ms_max = if long { 50_000 } else { 4_000 };
                let ms = 50 + self.faults.below(Fault::CommitFails, ms_max);
                self.after(ms, What::Writable);
            }
            self.trace.mix(b"step");
            if self.spins() {
                return;
            }
            if self.dispatch(dispatch) || self.oracle.has_failed() {
                return;
            }
        }
    }

    fn spins(&mut self) -> bool {
        let (at, count) = &mut self.daemon.spins;
        if *at != self.now {
            (*at, *count) = (self.now, 0);
        }
        *count += 1;
        let spins = *count > SPIN_MAX;
        if spins {
            let text = format!("{SPIN_MAX} steps at one moment: the engine goes round in circles");
            self.oracle.fail("S17", self.now, text);
        }
        spins
    }

    /// Does what a step wants done. Gives whether the daemon died on the way.
    fn dispatch(&mut self, dispatch: Dispatch) -> bool {
        let matters = !dispatch.facts.is_empty() || !dispatch.commands.is_empty();
        let dies = matters && self.faults.strikes(Fault::Crash);
        let sends = dispatch.commands.len() as u64 + 1;
        let sent = if dies { self.faults.below(Fault::Crash, sends) } else { sends };
        // Verdicts go out after the commands; whoever asked may or may not have read them.
        let is_told = !dies || (sent + 1 == sends && self.faults.below(Fault::Crash, 2) == 0);
        self.note_dispatch(&dispatch);
        self.count_scripts(&dispatch);
        if dies && self.daemon.disk.is_file() && self.faults.strikes(Fault::TornLog) {
            // The commit itself is torn: whether it happened shows at the next start.
            self.saw_all(Fault::TornLog);
            let cut = self.faults.below(Fault::TornLog, 1_001);
            self.crash(Some(cut));
            return true;
        }
        self.oracle.dispatched(&dispatch, self.now);
        for (ticket, verdict) in &dispatch.verdicts {
            let request = self.people.asked.remove(&ticket.0);
            if is_told {
                self.oracle.told(ticket.0, request.as_ref(), verdict, self.now);
            }
        }
        if self.oracle.has_failed() {
            return true;
        }
        let Dispatch { commands, reads, next_timer, has_more, raised, overtaken, .. } = dispatch;
        for (_, command) in (0..sent).zip(commands) {
            self.oracle.sends(&command, self.now);
            if let Some(no) = self.number_of(&command.account) {
                self.take(no, command);
            }
        }
        if dies {
            self.crash(None);
            return true;
        }
        for (account, read) in reads {
            if let Some(no) = self.number_of(&account) {
                self.ask(no, read);
            }
        }
        self.raise(&raised);
        self.take_back(&overtaken);
        self.daemon.rings |= has_more;
        self.set_timer(next_timer);
        if let Some(engine) = &self.daemon.engine {
            self.oracle.after_step(engine, self.now);
        }
        false
    }

    fn number_of(&self, account: &AccountName) -> Option<usize> {
        self.accounts.iter().position(|a| a.name == *account)
    }

    fn set_timer(&mut self, next: Option<Timestamp>) {
        let Some(next) = next else { return };
        let at = Timestamp(next.0 - self.daemon.offset_us).max(self.now.plus_ms(1));
        if self.daemon.timer.is_some_and(|set| set > self.now && set <= at) {
            return;
        }
        self.daemon.timer = Some(at);
        self.at(at, What::Timer);
    }

    /// Policies that fail, and those that ask for nonsense.
    fn count_scripts(&mut self, dispatch: &Dispatch) {
        let Some(engine) = &self.daemon.engine else { return };
        for (_, fact) in &dispatch.facts {
            let Source::Policy { name, .. } = &fact.source else { continue };
            let fault = match name.as_str() {
                "nasty_error" => Fault::PolicyError,
                "nasty_slow" => Fault::PolicySlow,
                name if NONSENSE.contains(&name) => Fault::PolicyNonsense,
                _ => continue,
            };
            let tx = fact.transaction.and_then(|id| engine.book().transactions.get(&id));
            if let Some(tx) = tx {
                self.coverage.saw(fault, State::of(tx));
            }
        }
    }

    fn note_dispatch(&mut self, dispatch: &Dispatch) {
        for (seq, fact) in &dispatch.facts {
            self.trace.mix(&seq.to_le_bytes());
            self.trace.note(self.now, fact.kind.as_str(), || {
                let tx = fact.transaction.map_or("-".to_owned(), |id| id.to_string());
                let after = fact.after.map_or(String::new(), |after| format!(" ({after})"));
                format!("tx {tx} {} {}{after}", fact.code, fact.text)
            });
        }
        for command in &dispatch.commands {
            self.trace.mix(command.client_id.as_str().as_bytes());
        }
        for (_, verdict) in &dispatch.verdicts {
            self.trace
                .note(self.now, "verdict", || format!("{}: {}", verdict.code(), verdict.message));
        }
        if dispatch.ledger_error.is_some() {
            self.trace.mix(b"ledger");
        }
    }

    /// The daemon dies; what it was told and did not write down is lost.
    pub(super) fn crash(&mut self, cut: Option<u64>) {
        self.saw_all(Fault::Crash);
        let Some(engine) = self.daemon.engine.take() else { return };
        self.trace.note(self.now, "crash", || format!("life {}", self.daemon.life));
        let ledger = engine.into_ledger();
        if let Err(error) = self.daemon.disk.crash(ledger, cut) {
            self.oracle.fail("S6", self.now, format!("the disk of the simulation: {error}"));
        }
        self.daemon.life += 1;
        self.daemon.inbox.clear();
        self.daemon.rings = false;
        self.daemon.is_paused = false;
        self.daemon.timer = None;
        for no in 0..self.accounts.len() {
            self.sync(no);
            self.accounts[no].forget();
        }
        self.people.asked.clear();
        self.oracle.died(self.now);
        let ms = 200 + self.faults.below(Fault::Crash, 8_000);
        self.after(ms, What::Start);
    }

    pub(super) fn pause(&mut self) {
        self.saw_all(Fault::Pause);
        let ms = 500 + self.faults.below(Fault::Pause, 8_000);
        self.trace.note(self.now, "pause", || format!("{ms} ms"));
        self.daemon.is_paused = true;
        self.oracle.pauses(self.now);
        self.after(ms, What::Resume);
    }

    pub(super) fn set_clock(&mut self) {
        self.saw_all(Fault::ClockJump);
        let by = i64::try_from(self.faults.below(Fault::ClockJump, 40_000)).unwrap_or(0) - 20_000;
        self.trace.note(self.now, "clock", || format!("set by {by} ms"));
        self.daemon.next_offset_us += by * 1_000;
        // Back is seen by the next life only; a running clock never goes back.
        if by > 0 {
            self.daemon.offset_us += by * 1_000;
            self.daemon.timer = None;
            self.daemon.rings = true;
            let now = self.daemon.time(self.now);
            if let Some(engine) = &mut self.daemon.engine {
                engine.clock_was_set(now);
            }
            self.oracle.clock_was_set();
        }
    }

    pub(super) fn reload(&mut self) {
        let Some(report) = self.scripts.reload(self.daemon.reloads) else { return };
        self.daemon.reloads += 1;
        self.saw_all(Fault::Reload);
        self.daemon.policies = report.set.clone();
        if self.daemon.engine.is_some() {
            self.daemon.inbox.push(Input::Policies(Box::new(report.clone())));
        }
    }

    /// The history is over: its ledger is used again.
    pub(crate) fn finish(&mut self) {
        let ledger = self.daemon.engine.take().map(Engine::into_ledger);
        if let Some(ledger) = &ledger {
            ledger.refuse_writes(false);
        }
        self.daemon.disk.give_back(ledger);
    }
}
