//! One history: a market, people who change their minds, a broker that loses words, a daemon that
//! dies; then everything heals, and the two ends must tell the same story.
//!
//! Apart from the broker because this is the judge too: it compares the exchange's own book with
//! what was wanted, and trusts nothing that the core says of itself but its transactions.

use std::cell::Cell;

use bracketd_core::Decimal;
use bracketd_core::book::{AccountRules, OnBreached};
use bracketd_core::broker::{BrokerEvent, Fault, FromAccount, Quote};
use bracketd_core::command::Answer;
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::instrument::{AccountInfo, Features, Instrument, PriceBand};
use bracketd_core::intent::{GuardWish, Intent, Open, Request, Source, Wish};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Role};
use bracketd_core::protection::Protection;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::EntryKind;
use bracketd_engine::{Budget, Dispatch, Engine, Input, Settings, Ticket};
use bracketd_exchange::book::{Asset, BookConfig, ExchangeBook};
use bracketd_exchange::{PricePoint, Rng};
use bracketd_policy::PolicySet;
use bracketd_store::Ledger;

use crate::broker::Broker;

const ACCOUNT: &str = "sim";
const SYMBOL: &str = "SIM";
/// Ticks with faults, and ticks in which everything heals.
const CHAOS: u32 = 120;
const CALM: u32 = 90;
/// Operations of one policy run.
const OPERATIONS_MAX: u64 = 50_000;

/// How often what goes wrong in a history, each in percent of its occasions.
#[derive(Clone, Copy, Debug)]
pub struct Swarm {
    /// A command never arrives, and nobody knows.
    pub lost: u64,
    /// A command takes effect, and its answer is lost.
    pub unheard: u64,
    /// The daemon dies after a commit, before or after its sends.
    pub crash: u64,
}

impl Swarm {
    /// Rates drawn from a seed; some histories lack some faults.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5157_4152_4d00);
        let mut rate = |max| if rng.below(3) == 0 { 0 } else { rng.below(max) };
        Self { lost: rate(30), unheard: rate(30), crash: rate(6) }
    }
}

/// What a history came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What must not be; empty when all is well.
    pub violations: Vec<String>,
    /// Commands that reached the exchange or were lost on the way.
    pub commands: u64,
    /// Of these, how many lost their effect or their answer.
    pub faults: u64,
    /// Times that the daemon died.
    pub crashes: u64,
    /// Transactions at the end.
    pub transactions: usize,
    /// Digest of everything that was sent, in order (I15).
    pub trace: u64,
}

/// Runs the history of a seed.
///
/// # Panics
/// Never on what a seed can draw; an in-memory ledger that cannot be opened ends the process.
pub fn run(seed: u64, swarm: Swarm, policies: &PolicySet) -> Outcome {
    let mut history = History::new(seed, swarm, policies.clone());
    for _ in 0..CHAOS {
        history.tick(true);
    }
    for _ in 0..CALM {
        history.tick(false);
    }
    history.judge();
    history.outcome
}

struct History {
    rng: Rng,
    swarm: Swarm,
    policies: PolicySet,
    broker: Broker,
    engine: Option<Engine>,
    inputs: Vec<Input>,
    price: i64,
    outcome: Outcome,
}

impl History {
    fn new(seed: u64, swarm: Swarm, policies: PolicySet) -> Self {
        let config = BookConfig {
            seed,
            cash: Decimal::from(10_000_000),
            assets: vec![Asset::equity(SYMBOL)],
            ..BookConfig::default()
        };
        let now = Timestamp(1_700_000_000_000_000);
        let broker = Broker { book: ExchangeBook::new(config), now };
        let mut history = Self {
            rng: Rng::new(seed),
            swarm,
            policies,
            broker,
            engine: None,
            inputs: Vec::new(),
            price: 10_000,
            outcome: Outcome::default(),
        };
        #[expect(clippy::expect_used, reason = "without memory for a ledger there is no history")]
        let ledger = Ledger::in_memory().expect("an in-memory ledger");
        history.begin(ledger);
        history
    }

    /// Starts the daemon over a ledger, new or left by one that died.
    fn begin(&mut self, ledger: Ledger) {
        let rules = AccountRules {
            policies: vec![PolicyName::new("trailing_stop")],
            quote_age_ms_max: 60_000,
            on_breached: OnBreached::Close,
            ..AccountRules::default()
        };
        let accounts = [(AccountName::new(ACCOUNT), rules)].into();
        let settings = Settings { accounts, ..Settings::default() };
        let policies = self.policies.clone();
        match Engine::start(ledger, settings, policies, self.broker.now) {
            Ok(engine) => self.engine = Some(engine),
            Err(error) => self.outcome.violations.push(format!("no start: {error}")),
        }
        self.inputs = vec![
            told(BrokerEvent::Up(info())),
            told(BrokerEvent::Instrument(Box::new(instrument()))),
        ];
    }

    fn tick(&mut self, is_chaos: bool) {
        self.broker.now = self.broker.now.plus_ms(1_000);
        if is_chaos {
            self.price = (self.price + self.rng.bell() * 12).clamp(2_000, 50_000);
        }
        let (bid, ask) = (Decimal::new(self.price, 2), Decimal::new(self.price + 2, 2));
        let at_ns = self.broker.now.0 * 1_000;
        self.broker.book.on_price(SYMBOL, &PricePoint::quote(bid, ask), at_ns);
        self.inputs.push(told(BrokerEvent::Quotes(vec![Quote {
            symbol: Symbol::new(SYMBOL),
            bid: Price::new(bid),
            ask: Price::new(ask),
            last: None,
            at: self.broker.now,
        }])));
        let orders = self.broker.picture().orders;
        self.inputs.push(told(BrokerEvent::Polled { orders, fills: Vec::new() }));
        if is_chaos && self.rng.below(4) == 0 {
            let request = self.wish();
            self.inputs.extend(request);
        }
        for _ in 0..4 {
            let inputs = std::mem::take(&mut self.inputs);
            let Some(engine) = self.engine.as_mut() else { return };
            let dispatch = engine.step(self.broker.now, inputs, &Counting::default());
            if self.dispatch(dispatch, is_chaos) {
                return;
            }
        }
    }

    /// Hands out what a step wants. Gives whether the daemon died on the way.
    fn dispatch(&mut self, dispatch: Dispatch, is_chaos: bool) -> bool {
        let dies = is_chaos && self.rng.below(100) < self.swarm.crash;
        let sends_first = self.rng.below(2) == 0;
        for command in dispatch.commands.iter().filter(|_| !dies || sends_first) {
            self.outcome.commands += 1;
            for byte in command.client_id.as_str().bytes() {
                self.outcome.trace =
                    self.outcome.trace.wrapping_mul(31).wrapping_add(u64::from(byte));
            }
            let fate = self.rng.below(100);
            let unknown = || Answer::Unknown(Fault::new("TIMEOUT", "no answer"));
            let answer = if is_chaos && fate < self.swarm.lost {
                self.outcome.faults += 1;
                unknown()
            } else {
                let answer = self.broker.call(command);
                if is_chaos && fate < self.swarm.lost + self.swarm.unheard {
                    self.outcome.faults += 1;
                    unknown()
                } else {
                    answer
                }
            };
            self.inputs.push(told(BrokerEvent::Answer { op: command.op.clone(), answer }));
        }
        let reads: Vec<BrokerEvent> =
            dispatch.reads.iter().filter_map(|(_, read)| self.broker.read(read)).collect();
        self.inputs.extend(reads.into_iter().map(told));
        if dies {
            self.outcome.crashes += 1;
            if let Some(engine) = self.engine.take() {
                self.begin(engine.into_ledger());
            }
        }
        dies
    }

    /// What somebody wants this time.
    fn wish(&mut self) -> Option<Input> {
        let ids: Vec<TransactionId> = self
            .engine
            .as_ref()?
            .book()
            .transactions
            .values()
            .filter(|tx| !tx.status.is_ended())
            .map(|tx| tx.id)
            .collect();
        let turn = usize::try_from(self.rng.below(ids.len().max(1) as u64)).unwrap_or(0);
        let picked = ids.get(turn).copied();
        let cents = |cents: i64| Price::new(Decimal::new(cents, 2));
        let intent = match (self.rng.below(6), picked) {
            (0 | 1, _) if ids.len() < 4 => self.opening()?,
            (2, Some(transaction)) => {
                let stop = self.price - 40 - i64::try_from(self.rng.below(300)).unwrap_or(0);
                Intent::Protect { transaction, stop: Wish::Set(cents(stop)?), target: Wish::Keep }
            }
            (3, Some(transaction)) => {
                let target = self.price + 40 + i64::try_from(self.rng.below(600)).unwrap_or(0);
                Intent::Protect { transaction, stop: Wish::Keep, target: Wish::Set(cents(target)?) }
            }
            (4, Some(transaction)) => Intent::Close { transaction },
            (5, Some(transaction)) => {
                let quantity = Quantity::new(Decimal::from(1 + self.rng.below(12)))?;
                Intent::Resize { transaction, quantity }
            }
            _ => return None,
        };
        let request = Request {
            intent,
            source: Source::Manual("sim".to_owned()),
            why: "a change of mind".to_owned(),
            if_version: None,
            inputs: String::new(),
        };
        Some(Input::Request { ticket: Ticket(0), request: Box::new(request) })
    }

    fn opening(&mut self) -> Option<Intent> {
        let cents = |cents: i64| Price::new(Decimal::new(cents, 2));
        let below = i64::try_from(self.rng.below(60)).unwrap_or(0);
        let limit = self.price - below;
        let kind = if self.rng.below(2) == 0 {
            EntryKind::Market
        } else {
            EntryKind::Limit(cents(limit)?)
        };
        Some(Intent::Open(Box::new(Open {
            account: ACCOUNT.into(),
            owner: None,
            symbol: Symbol::new(SYMBOL),
            direction: Direction::Long,
            quantity: Quantity::new(Decimal::from(1 + self.rng.below(10)))?,
            entry: kind,
            time_in_force: None,
            stop: cents(limit - 150),
            target: cents(self.price + 300),
            policies: None,
            on_partial: None,
            guard: if self.rng.below(2) == 0 { GuardWish::Plain } else { GuardWish::Native },
            distinct: false,
        })))
    }

    /// The exchange's own book against what is wanted.
    fn judge(&mut self) {
        let Some(engine) = self.engine.as_ref() else { return };
        let mut wrong = Vec::new();
        let mut held_in_all = Decimal::ZERO;
        let mut ours = 0;
        for tx in engine.book().transactions.values() {
            self.outcome.transactions += 1;
            held_in_all += tx.held().get();
            let known = |order: &&bracketd_exchange::book::Order| {
                tx.orders.iter().any(|o| Broker::is(order, &o.broker_id))
            };
            let live: Vec<_> = self.broker.live().filter(known).collect();
            ours += live.len();
            let stops = live.iter().filter(|order| order.order_type.has_stop());
            let protected: Decimal = stops.map(|order| order.remaining()).sum();
            let wanted = if tx.desired.stop.is_some() { tx.held().get() } else { Decimal::ZERO };
            // What a resting entry carries protects nothing yet; and an exchange may refuse a stop
            // and a close alike (an opposite entry rests: wash trade), as long as that is said.
            let is_said = matches!(tx.protection, Protection::Unprotected { .. });
            let is_short = protected < wanted && is_said;
            if protected != wanted && tx.resting_entry().is_none() && !is_short {
                wrong.push(format!(
                    "{} is {}: holds {}, stops at the exchange for {protected}",
                    tx.id,
                    tx.status.as_str(),
                    tx.held()
                ));
            }
            let entries =
                tx.orders.iter().filter(|o| o.role == Role::Entry && o.filled == o.quantity);
            if entries.count() > 1 && tx.steps.iter().all(|s| s.steps <= 1) {
                wrong.push(format!("{} was entered twice", tx.id));
            }
        }
        let at_exchange: Decimal = self.broker.book.positions().map(|p| p.qty).sum();
        if at_exchange != held_in_all {
            wrong.push(format!("the exchange holds {at_exchange}, the ledger {held_in_all}"));
        }
        let all = self.broker.live().count();
        if all != ours {
            wrong.push(format!("{all} orders rest, {ours} of them known"));
        }
        self.outcome.violations.extend(wrong);
    }
}

fn told(event: BrokerEvent) -> Input {
    Input::Account(FromAccount { account: ACCOUNT.into(), event })
}

fn info() -> AccountInfo {
    let features = [
        Features::NATIVE_OCO,
        Features::NATIVE_BRACKET,
        Features::NATIVE_OTO,
        Features::REPLACE_IN_PLACE,
        Features::EXITS_RESERVE_QTY,
        Features::CLIENT_ID_UNIQUE_FOREVER,
    ];
    AccountInfo {
        name: "sim".to_owned(),
        version: "1".to_owned(),
        client_id_max: 48,
        client_id_chars: String::new(),
        features: Features::new(features.map(str::to_owned)),
    }
}

fn instrument() -> Instrument {
    let band = |above: i64, tick| PriceBand { above: Decimal::from(above), tick };
    Instrument {
        symbol: Symbol::new(SYMBOL),
        broker_symbol: SYMBOL.to_owned(),
        currency: "USD".to_owned(),
        bands: vec![band(0, Decimal::new(1, 4)), band(1, Decimal::new(1, 2))],
        qty_step: Decimal::ONE,
        min_qty: Quantity::new(Decimal::ONE).unwrap_or_default(),
        max_qty: None,
        min_notional: None,
        multiplier: Decimal::ONE,
        features: Features::default(),
    }
}

/// A budget that counts operations: the same on every machine.
#[derive(Debug, Default)]
struct Counting {
    runs: Cell<u32>,
}

impl Budget for Counting {
    fn slice_over(&self) -> bool {
        self.runs.get() >= 64
    }

    fn run_begins(&self) {
        self.runs.set(self.runs.get() + 1);
    }

    fn run_over(&self, operations: u64) -> bool {
        operations > OPERATIONS_MAX
    }
}
