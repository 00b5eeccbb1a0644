//! The daemon's engine thread, small: step, commit, send, hear.
//!
//! Apart because a life needs the engine and an account and nothing else of the daemon. Time that
//! only has to pass is passed over: the clock jumps to the next timer when nothing else can happen.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bracketd_account::{ClockSource, SwapRefused, Terms, ToAccount};
use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::command::Read;
use bracketd_core::fact::Fact;
use bracketd_core::ids::{AccountName, TransactionId};
use bracketd_core::intent::{Intent, Request, Source, Verdict};
use bracketd_core::plan::urgency_of;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::Transaction;
use bracketd_engine::{Budget, Dispatch, Engine, Input, Settings, Ticket};
use bracketd_store::Ledger;

use crate::Kit;
use crate::book::Book;
use crate::desk::Desk;
use crate::row::{Stop, Tried};

/// The account's name in the engine.
pub(super) const ACCOUNT: &str = "kit";
/// Looks at the broker's book before something is given up; between two of them the clock may jump.
const LOOKS_MAX: u32 = 80;
/// The clock jumps at most so far at once, in milliseconds.
const JUMP_MS_MAX: u64 = 2_000;
/// And so far where no timer rings.
const JUMP_MS: u64 = 250;
/// Longest wait of a person for the engine to rest.
const REST_MAX: Duration = Duration::from_secs(15);
/// Facts of a life that a finding tells, counted from its end.
const TOLD_MAX: usize = 6;

/// The engine with one account.
pub(super) struct Daemon {
    pub(super) desk: Desk,
    engine: Engine,
    inputs: Vec<Input>,
    unsent: Vec<(AccountName, Read)>,
    verdicts: Vec<Verdict>,
    facts: Vec<Fact>,
    timer: Option<Timestamp>,
    has_more: bool,
    broken: Option<String>,
}

/// No policy runs here.
struct Unlimited;

impl Budget for Unlimited {
    fn slice_over(&self) -> bool {
        false
    }

    fn run_begins(&self) {}

    fn run_over(&self, _operations: u64) -> bool {
        false
    }
}

impl Daemon {
    /// An engine with an empty ledger; the account is connected, compared and quoted.
    pub(super) fn start(desk: Desk) -> Result<Self, Stop> {
        let broken = |why: String| Stop::broken(format!("the engine does not start: {why}"));
        let ledger = Ledger::in_memory().map_err(|why| broken(why.to_string()))?;
        let rules = AccountRules { quote_age_ms_max: 600_000, ..AccountRules::default() };
        let name = AccountName::new(ACCOUNT);
        let settings = Settings {
            accounts: [(name.clone(), rules)].into(),
            watch: [(name, vec![desk.symbol.clone()])].into(),
            ..Settings::default()
        };
        let now = now(&desk);
        let engine = Engine::start(ledger, settings, Default::default(), now)
            .map_err(|why| broken(why.to_string()))?;
        let mut daemon = Self {
            desk,
            engine,
            inputs: Vec::new(),
            unsent: Vec::new(),
            verdicts: Vec::new(),
            facts: Vec::new(),
            timer: None,
            has_more: true,
            broken: None,
        };
        daemon.until("the account is compared with the broker and quoted", |daemon, _| {
            let symbol = &daemon.desk.symbol;
            daemon.engine.book().accounts.values().all(|account| {
                account.is_reconciled
                    && account.quotes.contains_key(symbol)
                    && account.instruments.contains_key(symbol)
            })
        })?;
        Ok(daemon)
    }

    /// The same plugin stands ready to take over; the word is given later.
    pub(super) fn prepare_swap(&mut self, kit: &Kit) -> Tried {
        let refused = |why: SwapRefused| Stop::broken(format!("no swap begins: {why}"));
        self.desk.account.swap(kit.plugin.clone(), Terms::default()).map_err(refused)?;
        self.desk.until("the plugin can be compared with itself", || self.desk.account.swap_waits())
    }

    /// A person asks for something that has to be granted.
    pub(super) fn ask(&mut self, intent: Intent) -> Result<Verdict, Stop> {
        let verb = intent.verb();
        let request = Request {
            intent,
            source: Source::Manual("kit".to_owned()),
            why: "the history says so".to_owned(),
            if_version: None,
            inputs: String::new(),
        };
        self.inputs.push(Input::Request { ticket: Ticket(0), request: Box::new(request) });
        let before = self.verdicts.len();
        self.rest()?;
        match self.verdicts.get(before) {
            Some(verdict) if verdict.accepted() => Ok(verdict.clone()),
            Some(verdict) => {
                let said = format!("{}: {}", verdict.code(), verdict.message);
                Err(Stop::fails(format!("{verb} is granted"), said, ""))
            }
            None => Err(Stop::broken(format!("{verb} has no verdict"))),
        }
    }

    /// The transaction.
    pub(super) fn tx(&self, id: TransactionId) -> Option<&Transaction> {
        self.engine.book().transactions.get(&id).map(|tx| &**tx)
    }

    /// What somebody pays, as the engine knows it.
    pub(super) fn bid(&self) -> Option<Decimal> {
        let account = self.engine.book().accounts.get(&AccountName::new(ACCOUNT))?;
        account.quotes.get(&self.desk.symbol)?.bid.map(|price| price.get().normalize())
    }

    /// Whether the account or its instrument declares the feature.
    pub(super) fn can(&self, feature: &str) -> bool {
        let account = self.engine.book().accounts.get(&AccountName::new(ACCOUNT));
        account.is_some_and(|account| account.can(&self.desk.symbol, feature))
    }

    /// Goes on until it is so by the broker's book, and the engine rests.
    pub(super) fn until(&mut self, what: &str, is: impl Fn(&Self, &Book) -> bool) -> Tried {
        let mut book = Book::default();
        for look in 0..LOOKS_MAX {
            self.rest()?;
            book = self.desk.book()?;
            if is(self, &book) {
                return Ok(());
            }
            if look > 0 {
                self.jump();
            }
            // A poll that dies costs that poll.
            drop(self.desk.step()?);
        }
        Err(Stop::fails(what, self.story(&book), ""))
    }

    /// The broker's book, the transactions and the last facts, for a finding.
    fn story(&self, book: &Book) -> String {
        let mut lines = vec![book.shown(self.desk.symbol.as_str())];
        for tx in self.engine.book().transactions.values() {
            let ops: Vec<&str> = tx.ops.iter().map(|op| op.state.as_str()).collect();
            lines.push(format!(
                "transaction {} {:?}, {:?}, commands {ops:?}",
                tx.id, tx.status, tx.protection
            ));
        }
        let skip = self.facts.len().saturating_sub(TOLD_MAX);
        lines.extend(
            self.facts
                .iter()
                .skip(skip)
                .map(|fact| format!("{:?} {} {}", fact.kind, fact.code, fact.text)),
        );
        lines.join(" | ")
    }

    /// Goes on until nothing is left to do but to wait for time or the broker.
    pub(super) fn rest(&mut self) -> Tried {
        let began = Instant::now();
        loop {
            self.turn();
            if let Some(why) = self.broken.take() {
                return Err(Stop::broken(why));
            }
            if self.is_at_rest() {
                return Ok(());
            }
            if began.elapsed() > REST_MAX {
                let story = self.story(&self.desk.book()?);
                return Err(Stop::fails("the engine comes to rest", story, ""));
            }
            self.wait();
        }
    }

    /// Takes what the account tells, for a moment.
    fn wait(&mut self) {
        let may_wait = self.inputs.is_empty() && self.unsent.is_empty() && !self.has_more;
        if may_wait && let Ok(from) = self.desk.events.recv_timeout(Duration::from_millis(2)) {
            self.inputs.push(Input::Account(from));
        }
    }

    fn is_at_rest(&self) -> bool {
        let status = self.desk.account.status();
        // Asked before the channel: at zero every outcome is in it.
        status.in_flight == 0
            && self.desk.events.is_empty()
            && self.inputs.is_empty()
            && self.unsent.is_empty()
            && !self.has_more
            && self.engine.is_quiet()
            && self.timer.is_none_or(|at| at > now(&self.desk))
    }

    fn turn(&mut self) {
        let mut inputs = std::mem::take(&mut self.inputs);
        inputs.extend(self.desk.events.try_iter().map(Input::Account));
        let dispatch = self.engine.step(now(&self.desk), inputs, &Unlimited);
        self.dispatch(dispatch);
        // Where something urgent opened the gate, the swap waits for the next quiet moment.
        if self.desk.watch.struck().is_some() && self.desk.account.swap_waits() && self.is_at_rest()
        {
            self.desk.account.let_swap();
        }
    }

    fn dispatch(&mut self, dispatch: Dispatch) {
        self.timer = dispatch.next_timer;
        self.has_more = dispatch.has_more;
        self.broken = dispatch.ledger_error;
        self.verdicts.extend(dispatch.verdicts.into_iter().map(|(_, verdict)| verdict));
        self.facts.extend(dispatch.facts.into_iter().map(|(_, fact)| fact));
        let account = &self.desk.account;
        for command in dispatch.commands {
            let (name, op) = (command.account.clone(), command.op.clone());
            if account.try_send(ToAccount::Write(command)).is_err() {
                self.inputs.push(Input::NotTaken { account: name, op });
            }
        }
        for (_, transaction, urgency) in dispatch.raised {
            drop(account.try_send(ToAccount::Raise(transaction, urgency)));
        }
        for (_, op) in dispatch.overtaken {
            drop(account.try_send(ToAccount::TakeBack(op)));
        }
        self.unsent.extend(dispatch.reads);
        for (name, read) in std::mem::take(&mut self.unsent) {
            let urgency = urgency_of(self.engine.book(), &name, &read);
            if let Err(ToAccount::Read(read, _)) = account.try_send(ToAccount::Read(read, urgency))
            {
                self.unsent.push((name, read));
            }
        }
        if let Some(mut watch) = dispatch.watch {
            let symbols = watch.remove(&AccountName::new(ACCOUNT)).unwrap_or_default();
            drop(account.try_send(ToAccount::Watch(symbols)));
        }
    }

    /// Nothing can happen before the next timer: its moment is now.
    fn jump(&self) {
        let now = now(&self.desk);
        let ms = match self.timer.or(self.desk.account.status().held_until) {
            Some(at) => (at.ms_since(now) + 1).min(JUMP_MS_MAX),
            None => JUMP_MS,
        };
        self.desk.pass_ms(ms);
    }
}

/// The machine's clock and what was passed over.
fn now(desk: &Desk) -> Timestamp {
    let micros = i64::try_from(ClockSource::Wall.now_ns() / 1_000).unwrap_or(i64::MAX);
    Timestamp(micros).plus_ms(desk.ahead_ms.load(Ordering::Acquire))
}
