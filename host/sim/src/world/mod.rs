//! The world of one history: a virtual clock, a heap of what comes when, a market, accounts, people
//! and the daemon under test.
//!
//! Apart because nothing else knows when things happen. Time stands still within an event, and
//! moves straight to the next one: no loop waits, no tick is empty.

mod account;
mod command;
mod daemon;
mod incident;
mod pace;
mod price;
mod read;

use std::collections::BTreeMap;

use bracketd_core::broker::BrokerEvent;
use bracketd_core::command::{Answer, Command, Read};
use bracketd_core::ids::AccountName;
use bracketd_core::time::Timestamp;
use bracketd_engine::Input;
use bracketd_exchange::Rng;

use crate::coverage::{Coverage, State};
use crate::disk::Disk;
use crate::fault::{Fault, Faults};
use crate::market::Market;
use crate::oracle::Oracle;
use crate::people::People;
use crate::scripts::Scripts;
use crate::stage::BEGIN;
use crate::trace::Trace;

pub(crate) use account::Account;
use daemon::Daemon;
pub(crate) use pace::Pace as PaceView;
use pace::Pace;

/// What the judge knows of an account from the start.
pub(crate) struct AccountView {
    pub(crate) name: AccountName,
    pub(crate) caps: crate::broker::Capabilities,
    /// Messages that its broker takes in a minute.
    pub(crate) per_minute: u32,
    pub(crate) may_loosen: bool,
}

/// One in so many histories keeps its ledger in a file, where commits can be torn.
const FILE_EVERY: u64 = 16;

/// Something that happens at a moment.
#[derive(Debug)]
pub(crate) enum What {
    /// Prices move, and what goes wrong by itself goes wrong.
    Market,
    /// Somebody wants something.
    People,
    /// An account's orders and fills are polled.
    Poll(usize),
    /// An account is read completely.
    Picture(usize),
    /// A command is at the broker.
    Arrive(usize, Box<Command>, Effect, u32),
    /// A read is at the broker.
    Read(usize, Box<Read>),
    /// The account's next call of that transaction may go out.
    Free(usize, bracketd_core::ids::TransactionId),
    /// The account's budget may let something out.
    Pump(usize),
    /// The daemon of that life hears something.
    Hear(u32, Box<Input>),
    /// The engine asked to be called.
    Timer,
    /// A dead daemon starts.
    Start,
    /// A daemon that stood still goes on.
    Resume,
    /// The ledger can be written again.
    Writable,
    /// An account can be reached again.
    Back(usize),
    /// An account is armed again.
    Arm(usize),
    /// A kill switch is cleared.
    Unkill(Option<AccountName>),
    /// Cancels that were asked for happen.
    Cancels(usize),
}

/// What a command does once it is at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Its answer comes back.
    Answered,
    /// Its answer is lost.
    Silent,
    /// Its answer comes back as a definite "no".
    Denied,
    /// Its answer comes back twice.
    Twice,
}

/// What may be smaller than the seed says, to find out what matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Faults that do not happen.
    pub without: Vec<Fault>,
    /// Ticks of chaos at most.
    pub ticks: Option<u32>,
    /// Transactions at most.
    pub transactions: Option<usize>,
}

/// The world. See the module's documentation.
pub(crate) struct World<'s> {
    pub(crate) now: Timestamp,
    heap: BTreeMap<(Timestamp, u64), What>,
    next_number: u64,
    pub(crate) faults: Faults,
    pub(crate) market: Market,
    pub(crate) accounts: Vec<Account>,
    pub(crate) daemon: Daemon,
    people: People,
    pub(crate) oracle: Oracle,
    pub(crate) coverage: Coverage,
    pub(crate) trace: Trace,
    pub(crate) pace: Pace,
    chance: Rng,
    scripts: &'s Scripts,
    /// Ticks of chaos that are left.
    pub(crate) ticks_left: u32,
    /// Faults are over.
    pub(crate) is_calm: bool,
    /// From then on no price comes, so that no policy changes its mind any more.
    quiet_from: Timestamp,
}

impl<'s> World<'s> {
    pub(crate) fn new(seed: u64, limits: &Limits, scripts: &'s Scripts, traces: bool) -> Self {
        let mut chance = Rng::new(seed ^ 0x0057_4F52_4C44);
        let mut faults = Faults::drawn(seed, &limits.without);
        let market = Market::new(seed);
        let pace = Pace::drawn(&mut chance);
        let ticks_left = pace.ticks.min(limits.ticks.unwrap_or(u32::MAX));
        let count = [1, 1, 2, 3][usize::try_from(chance.below(4)).unwrap_or(0)];
        let mut accounts: Vec<Account> =
            (0..count).map(|no| Account::drawn(no, seed, &market, &mut chance)).collect();
        if faults.exists(Fault::Forgotten) {
            for account in &mut accounts {
                // No sooner than a doubt is settled in: what never was and what was forgotten are
                // the same to whoever asks.
                let after_ms = 10_000 + faults.below(Fault::Forgotten, 110_000);
                account.broker.forgets_after_ms = Some(after_ms);
            }
        }
        let in_file = faults.exists(Fault::TornLog) && seed.is_multiple_of(FILE_EVERY);
        let daemon = Daemon::new(Disk::new(seed, in_file), scripts.first.clone());
        let mut world = Self {
            now: BEGIN,
            heap: BTreeMap::new(),
            next_number: 0,
            oracle: Oracle::new(accounts.iter().map(Account::view).collect(), &faults, pace),
            faults,
            market,
            accounts,
            daemon,
            people: People::new(seed, limits.transactions.unwrap_or(usize::MAX)),
            coverage: Coverage::default(),
            trace: Trace::new(traces),
            pace,
            chance,
            scripts,
            ticks_left,
            is_calm: false,
            quiet_from: BEGIN,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for account in &self.accounts {
            self.trace.note(self.now, "account", || account.words());
        }
        self.trace.note(self.now, "pace", || format!("{:?}", self.pace));
        self.show_prices();
        self.start();
        self.at(self.now.plus_ms(self.pace.tick_ms), What::Market);
        for no in 0..self.accounts.len() {
            self.at(self.now.plus_ms(self.pace.poll_ms), What::Poll(no));
            self.at(self.now.plus_ms(self.pace.picture_ms), What::Picture(no));
        }
    }

    pub(crate) fn at(&mut self, when: Timestamp, what: What) {
        self.next_number += 1;
        self.heap.insert((when.max(self.now), self.next_number), what);
    }

    fn after(&mut self, ms: u64, what: What) {
        self.at(self.now.plus_ms(ms), what);
    }

    /// A time around `ms`.
    fn about(&mut self, ms: u64) -> u64 {
        ms / 2 + self.chance.below(ms.max(1))
    }

    /// Lets everything happen up to that moment; whether all is well so far.
    pub(crate) fn run_until(&mut self, until: Timestamp) -> bool {
        while let Some(((when, _), _)) = self.heap.first_key_value() {
            if *when > until {
                break;
            }
            let Some(((when, _), what)) = self.heap.pop_first() else { break };
            self.now = when;
            self.happen(what);
            // Whatever comes at the same moment is heard in the same step.
            let more = self.heap.first_key_value().is_some_and(|((next, _), _)| *next == when);
            if !more {
                self.listen();
            }
            if self.oracle.has_failed() {
                return false;
            }
        }
        self.now = until;
        true
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Market => self.tick(),
            What::People => self.wish(),
            What::Poll(no) => self.poll(no),
            What::Picture(no) => self.unasked_picture(no),
            What::Arrive(no, command, effect, life) => self.arrive(no, &command, effect, life),
            What::Read(no, read) => self.read(no, &read),
            What::Free(no, transaction) => self.next_of(no, transaction),
            What::Pump(no) => self.pump(no),
            What::Hear(life, input) => self.hear(life, *input),
            What::Timer => self.daemon.rings = true,
            What::Start => self.start(),
            What::Resume => self.daemon.is_paused = false,
            What::Writable => self.daemon.refuse_writes(false),
            What::Back(no) => self.back(no),
            What::Arm(no) => self.arm(no),
            What::Unkill(account) => self.unkill(account),
            What::Cancels(no) => self.settle_cancels(no),
        }
    }

    /// One tick of the market, and of chance.
    fn tick(&mut self) {
        self.trace.mix(b"tick");
        if !self.is_calm {
            for fault in self.market.step(&mut self.faults) {
                self.saw_all(fault);
            }
            self.ticks_left = self.ticks_left.saturating_sub(1);
            if self.chance.below(4) == 0 {
                self.at(self.now, What::People);
            }
            self.incidents();
        }
        self.show_prices();
        let ms = if self.is_calm { self.pace.calm_tick_ms } else { self.pace.tick_ms };
        self.after(ms, What::Market);
    }

    fn show_prices(&mut self) {
        for no in 0..self.accounts.len() {
            self.move_prices(no);
            self.tell_prices(no);
        }
    }

    fn wish(&mut self) {
        let names: Vec<AccountName> = self.accounts.iter().map(|a| a.name.clone()).collect();
        let book = self.daemon.engine.as_ref().map(bracketd_engine::Engine::book);
        let wish = self.people.wish(&names, book, &self.market, &mut self.faults);
        let Some((ticket, request)) = wish else { return };
        self.trace.note(self.now, "wish", || format!("{ticket}: {:?}", request.intent));
        if self.daemon.engine.is_none() {
            // Nobody is there to hear it.
            self.people.asked.remove(&ticket);
            return;
        }
        self.oracle.asked(ticket, &request);
        let ticket = bracketd_engine::Ticket(ticket);
        self.daemon.inbox.push(Input::Request { ticket, request: Box::new(request) });
    }

    /// Something that the daemon hears after a while, unless it dies before.
    fn tell(&mut self, no: usize, ms: u64, event: BrokerEvent) {
        let account = self.accounts[no].name.clone();
        let input = Input::Account(bracketd_core::broker::FromAccount { account, event });
        self.after(ms, What::Hear(self.daemon.life, Box::new(input)));
    }

    fn hear(&mut self, life: u32, input: Input) {
        if life != self.daemon.life || self.daemon.engine.is_none() {
            return;
        }
        self.daemon.inbox.push(input);
    }

    /// Whether it happens this time; counted for everything that lives.
    fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = self.faults.strikes(fault);
        if strikes {
            self.saw_all(fault);
        }
        strikes
    }

    /// Counts a fault for everything that lives.
    fn saw_all(&mut self, fault: Fault) {
        self.oracle.saw(fault, self.now);
        let Some(engine) = &self.daemon.engine else { return };
        for tx in engine.book().transactions.values().filter(|tx| !tx.status.is_ended()) {
            self.coverage.saw(fault, State::of(tx));
        }
    }

    pub(crate) fn unknown(words: &str) -> Answer {
        Answer::Unknown(bracketd_core::broker::Fault::new("TIMEOUT", words))
    }

    /// Everything heals: no fault strikes any more, what hangs is let go, the dead start.
    pub(crate) fn heal(&mut self) {
        self.is_calm = true;
        self.quiet_from = self.now.plus_ms(8_000);
        self.faults.heal();
        self.market.heal();
        self.daemon.refuse_writes(false);
        self.daemon.is_paused = false;
        if self.daemon.engine.is_none() {
            self.start();
        }
        for no in 0..self.accounts.len() {
            self.free_cancels(no);
            self.back(no);
            // An operator needs a daemon that runs.
            let name = self.accounts[no].name.clone();
            self.after(3_000, What::Arm(no));
            self.after(3_000, What::Unkill(Some(name)));
        }
        self.after(3_000, What::Unkill(None));
        self.trace.note(self.now, "heal", || "nothing goes wrong any more".to_owned());
        self.listen();
    }
}
