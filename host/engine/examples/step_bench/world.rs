//! An engine on a real ledger with one account, and the few things that happen to it here.
//!
//! Apart so that the measuring reads without it. Time is made up: each step is a little later.

use std::path::Path;
use std::time::Instant;

use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::broker::{BrokerEvent, FromAccount, History, Picture, Quote};
use bracketd_core::command::Command;
use bracketd_core::guard::GuardRules;
use bracketd_core::ids::{AccountName, PolicyName, Symbol};
use bracketd_core::instrument::{AccountInfo, Features, Instrument, PriceBand};
use bracketd_core::intent::{GuardWish, Intent, Open, Request, Source};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Direction;
use bracketd_core::protection::Protection;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{EntryKind, TransactionStatus};
use bracketd_engine::{Budget, Dispatch, Engine, Input, Settings, Ticket};
use bracketd_policy::{PolicySet, shipped};
use bracketd_store::Ledger;

use crate::Failure;
use crate::broker::Broker;

/// The price of everything at the start, in cents.
pub(crate) const START_CENTS: i64 = 100_000;
/// Time from one step to the next.
const STEP_MS: u64 = 5;
/// Requests handed to one step.
const REQUESTS_A_STEP: usize = 200;

/// The engine and its surroundings.
pub(crate) struct World {
    engine: Engine,
    broker: Broker,
    now: Timestamp,
    account: AccountName,
}

impl World {
    /// Starts on a ledger in `dir`, with the account up, reconciled and quoted.
    pub(crate) fn start(dir: &Path, symbols: &[Symbol]) -> Result<Self, Failure> {
        let account = AccountName::new("bench");
        let rules = AccountRules {
            policies: vec![PolicyName::new("trailing_stop")],
            guards: GuardRules { stop_moves_per_minute: u32::MAX, ..GuardRules::default() },
            ..AccountRules::default()
        };
        let settings =
            Settings { accounts: [(account.clone(), rules)].into(), ..Settings::default() };
        let now = Timestamp(1_700_000_000_000_000);
        let policies = PolicySet::build(&shipped(), None).set;
        let engine = Engine::start(Ledger::open(dir)?, settings, policies, now)?;
        let mut world = Self { engine, broker: Broker::default(), now, account };
        world.step(vec![BrokerEvent::Up(info())]);
        let mut events = vec![BrokerEvent::Picture(empty_picture(now))];
        for symbol in symbols {
            events.push(BrokerEvent::Instrument(Box::new(instrument(symbol)?)));
        }
        world.step(events);
        let quotes: Result<Vec<Quote>, Failure> =
            symbols.iter().map(|symbol| world.quote(symbol, START_CENTS)).collect();
        world.step(vec![BrokerEvent::Quotes(quotes?)]);
        Ok(world)
    }

    /// A price of now, a cent between bid and ask.
    pub(crate) fn quote(&self, symbol: &Symbol, cents: i64) -> Result<Quote, Failure> {
        let (bid, ask) = (Some(price(cents)?), Some(price(cents + 1)?));
        Ok(Quote { symbol: symbol.clone(), bid, ask, last: None, at: self.now })
    }

    /// One step with what the account told.
    pub(crate) fn step(&mut self, events: Vec<BrokerEvent>) -> Dispatch {
        let heard = |event| Input::Account(FromAccount { account: self.account.clone(), event });
        let inputs = events.into_iter().map(heard).collect();
        self.step_with(inputs)
    }

    fn step_with(&mut self, inputs: Vec<Input>) -> Dispatch {
        self.step_within(inputs, &Clock(Instant::now()))
    }

    /// One step under another budget.
    pub(crate) fn step_within(&mut self, inputs: Vec<Input>, budget: &dyn Budget) -> Dispatch {
        self.now = self.now.plus_ms(STEP_MS);
        self.engine.step(self.now, inputs, budget)
    }

    /// Answers commands until none follows.
    pub(crate) fn answer(&mut self, mut commands: Vec<Command>) -> Result<(), Failure> {
        let entry = price(START_CENTS + 1)?;
        while !commands.is_empty() {
            let mut answers = Vec::with_capacity(commands.len());
            for command in &commands {
                let answer = self.broker.answer(command, entry, self.now);
                answers.push(answer.ok_or_else(|| format!("nobody expects {:?}", command.call))?);
            }
            let done = self.step(answers);
            if let Some(why) = done.ledger_error {
                return Err(why.into());
            }
            commands = done.commands;
        }
        Ok(())
    }

    /// Opens one transaction for each of the symbols and brings all of them to their pair.
    pub(crate) fn open(&mut self, symbols: &[&Symbol]) -> Result<(), Failure> {
        let before = self.protected();
        for some in symbols.chunks(REQUESTS_A_STEP) {
            let requests: Result<Vec<Input>, Failure> =
                some.iter().map(|symbol| self.request(symbol)).collect();
            let sent = self.step_with(requests?);
            if let Some((_, verdict)) = sent.verdicts.iter().find(|(_, v)| !v.accepted()) {
                return Err(verdict.message.clone().into());
            }
            self.answer(sent.commands)?;
        }
        let added = self.protected() - before;
        if added != symbols.len() {
            return Err(format!("{added} of {} are OPENED and protected", symbols.len()).into());
        }
        Ok(())
    }

    fn protected(&self) -> usize {
        let all = self.engine.book().transactions.values();
        let counts = |tx: &bracketd_core::transaction::Transaction| {
            tx.status == TransactionStatus::Opened
                && tx.protection == Protection::Protected
                && tx.orders.iter().filter(|order| order.is_working_exit()).count() == 2
        };
        all.filter(|tx| counts(tx)).count()
    }

    fn request(&self, symbol: &Symbol) -> Result<Input, Failure> {
        let open = Open {
            account: self.account.clone(),
            owner: None,
            symbol: symbol.clone(),
            direction: Direction::Long,
            quantity: quantity()?,
            entry: EntryKind::Market,
            time_in_force: None,
            stop: Some(price(START_CENTS / 100 * 97)?),
            target: Some(price(START_CENTS / 100 * 145)?),
            policies: None,
            on_partial: None,
            guard: GuardWish::Plain,
            distinct: true,
        };
        let request = Request {
            intent: Intent::Open(Box::new(open)),
            source: Source::Manual("bench".to_owned()),
            why: "to be measured".to_owned(),
            if_version: None,
            inputs: String::new(),
        };
        Ok(Input::Request { ticket: Ticket(0), request: Box::new(request) })
    }
}

/// Reads the clock as often as the daemon's budget does, and never ends a run: a slow moment of the
/// machine must show in the figures, not change what is measured.
struct Clock(Instant);

impl Budget for Clock {
    fn slice_over(&self) -> bool {
        std::hint::black_box(self.0.elapsed());
        false
    }

    fn run_begins(&self) {
        std::hint::black_box(Instant::now());
    }

    fn run_over(&self, _operations: u64) -> bool {
        std::hint::black_box(self.0.elapsed());
        false
    }
}

fn price(cents: i64) -> Result<Price, Failure> {
    Ok(Price::new(Decimal::new(cents, 2)).ok_or("not a price")?)
}

fn quantity() -> Result<Quantity, Failure> {
    Ok(Quantity::new(Decimal::TEN).ok_or("not a quantity")?)
}

fn info() -> AccountInfo {
    let features = [Features::NATIVE_OCO, Features::REPLACE_IN_PLACE, Features::EXITS_RESERVE_QTY];
    AccountInfo {
        name: "bench".to_owned(),
        version: "1".to_owned(),
        client_id_max: 48,
        client_id_chars: String::new(),
        features: Features::new(features.map(str::to_owned)),
    }
}

fn empty_picture(as_of: Timestamp) -> Picture {
    let (orders, fills, positions) = (Vec::new(), Vec::new(), Vec::new());
    Picture {
        orders,
        fills,
        positions,
        balance: None,
        complete: true,
        as_of,
        history: History::Whole,
    }
}

fn instrument(symbol: &Symbol) -> Result<Instrument, Failure> {
    Ok(Instrument {
        symbol: symbol.clone(),
        broker_symbol: symbol.to_string(),
        currency: "USD".to_owned(),
        bands: vec![PriceBand { above: Decimal::ZERO, tick: Decimal::new(1, 2) }],
        qty_step: Decimal::ONE,
        min_qty: Quantity::new(Decimal::ONE).ok_or("not a quantity")?,
        max_qty: None,
        min_notional: None,
        multiplier: Decimal::ONE,
        features: Features::default(),
    })
}
