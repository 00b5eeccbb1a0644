//! A stage for scenarios that a person writes by hand: the real engine and ledger SQL in memory,
//! one account of some kind of broker, and somebody who says what happens next.
//!
//! Apart from the seeded world, where nobody says so. Nothing happens here that was not asked for:
//! no price moves, no poll comes and no timer rings unless the scenario says so.

use std::collections::VecDeque;

use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::broker::{BrokerEvent, Fault, FromAccount, Quote};
use bracketd_core::command::{Answer, Command, Read};
use bracketd_core::fact::Fact;
use bracketd_core::ids::{AccountName, Symbol, TransactionId};
use bracketd_core::intent::{Intent, Open, Request, Source, Verdict};
use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::Transaction;
use bracketd_engine::{Dispatch, Engine, Input, Settings, Ticket};
use bracketd_policy::PolicySet;
use bracketd_store::Ledger;

use crate::broker::{Broker, Capabilities, Cursor, instrument};
use crate::budget::Counting;

/// The account's name on the stage.
pub const ACCOUNT: &str = "stage";
/// When every scenario begins: 2023-11-14T22:13:20Z.
pub const BEGIN: Timestamp = Timestamp(1_700_000_000_000_000);
/// Steps that answer each other before the stage is believed to go round in circles.
const ROUNDS_MAX: usize = 64;

/// What shall happen to the next command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and its answer comes back.
    Answered,
    /// It never arrives, and nobody knows.
    Lost,
    /// It takes effect, and its answer is lost.
    Unheard,
    /// It takes effect only when [`Stage::arrive`] says so; until then nobody knows.
    Late,
    /// It never leaves, and the host knows that.
    NotSent,
    /// The broker answers this, whatever it did; with `true` it did it.
    Says(Box<Answer>, bool),
}

/// The stage. See the module's documentation.
pub struct Stage {
    /// The broker, to be asked and pushed.
    pub broker: Broker,
    /// Verdicts so far, oldest first.
    pub verdicts: Vec<Verdict>,
    /// Facts so far, oldest first.
    pub facts: Vec<Fact>,
    /// Commands so far, in the order in which they left.
    pub sent: Vec<Command>,
    rules: AccountRules,
    policies: PolicySet,
    engine: Option<Engine>,
    inputs: Vec<Input>,
    fates: VecDeque<Fate>,
    late: VecDeque<Command>,
    waiting: VecDeque<Command>,
    reads: VecDeque<Read>,
    answers_by_hand: bool,
    reads_by_hand: bool,
    cursor: Cursor,
    next_timer: Option<Timestamp>,
}

impl Stage {
    /// An account of that kind with the usual rules and no policies, connected and reconciled;
    /// `SIM` stands at 100.
    pub fn new(caps: Capabilities) -> Self {
        Self::with_rules(caps, AccountRules { quote_age_ms_max: 600_000, ..Default::default() })
    }

    /// The same with rules.
    pub fn with_rules(caps: Capabilities, rules: AccountRules) -> Self {
        Self::with_policies(caps, rules, PolicySet::default())
    }

    /// The same with policies.
    ///
    /// # Panics
    /// When there is no memory for a ledger.
    pub fn with_policies(caps: Capabilities, rules: AccountRules, policies: PolicySet) -> Self {
        #[expect(clippy::expect_used, reason = "without memory for a ledger there is no stage")]
        let ledger = Ledger::in_memory().expect("an in-memory ledger");
        let mut stage = Self {
            broker: Broker::new(caps, 1, &["SIM", "TWO"], BEGIN),
            verdicts: Vec::new(),
            facts: Vec::new(),
            sent: Vec::new(),
            rules,
            policies,
            engine: None,
            inputs: Vec::new(),
            fates: VecDeque::new(),
            late: VecDeque::new(),
            waiting: VecDeque::new(),
            reads: VecDeque::new(),
            answers_by_hand: false,
            reads_by_hand: false,
            cursor: Cursor::default(),
            next_timer: None,
        };
        stage.start(ledger);
        stage.price("SIM", "100");
        stage.price("TWO", "100");
        stage
    }

    fn start(&mut self, ledger: Ledger) {
        let accounts = [(AccountName::new(ACCOUNT), self.rules.clone())].into();
        let settings = Settings { accounts, ..Settings::default() };
        #[expect(clippy::expect_used, reason = "a ledger that we wrote can be read")]
        let engine = Engine::start(ledger, settings, self.policies.clone(), self.broker.now)
            .expect("the engine starts over its own ledger");
        self.engine = Some(engine);
        self.hear(BrokerEvent::Up(self.broker.caps.info()));
        for symbol in ["SIM", "TWO"] {
            self.hear(BrokerEvent::Instrument(Box::new(instrument(symbol))));
        }
        self.settle();
    }

    /// The daemon dies and starts again over its ledger; what was in flight is in doubt.
    pub fn restart(&mut self) {
        self.inputs.clear();
        self.waiting.clear();
        self.reads.clear();
        if let Some(engine) = self.engine.take() {
            self.start(engine.into_ledger());
        }
    }

    /// The engine, to look at.
    ///
    /// # Panics
    /// Never outside of a restart.
    pub fn engine(&self) -> &Engine {
        #[expect(clippy::expect_used, reason = "there is one but inside of a restart")]
        self.engine.as_ref().expect("an engine")
    }

    /// A transaction as the ledger has it.
    ///
    /// # Panics
    /// When there is none of that number.
    pub fn tx(&self, id: TransactionId) -> &Transaction {
        &self.engine().book().transactions[&id]
    }

    /// The market of a symbol moves to that price, one cent wide, and the daemon reads it.
    pub fn price(&mut self, symbol: &str, bid: &str) -> &mut Self {
        let bid: Decimal = bid.parse().unwrap_or(Decimal::ONE_HUNDRED);
        let ask = bid + Decimal::new(1, 2);
        self.broker.price(symbol, bid, ask);
        let quote = Quote {
            symbol: Symbol::new(symbol),
            bid: Price::new(bid),
            ask: Price::new(ask),
            last: None,
            at: self.broker.now,
        };
        self.hear(BrokerEvent::Quotes(vec![quote]));
        self.settle();
        self
    }

    /// The market moves, and the daemon does not hear of it.
    pub fn silent_price(&mut self, symbol: &str, bid: &str) -> &mut Self {
        let bid: Decimal = bid.parse().unwrap_or(Decimal::ONE_HUNDRED);
        self.broker.price(symbol, bid, bid + Decimal::new(1, 2));
        self
    }

    /// At most so many units trade at one price of the symbol; none lifts the limit.
    pub fn liquidity(&mut self, symbol: &str, units: Option<i64>) -> &mut Self {
        // The stage's symbols are known; another one has no liquidity to limit.
        let _unknown = self.broker.book.set_max_fill_per_step(symbol, units.map(Decimal::from));
        self
    }

    /// A person asks for something; the verdict.
    ///
    /// # Panics
    /// When the engine gives none.
    pub fn ask(&mut self, intent: Intent) -> Verdict {
        self.ask_as(intent, Source::Manual("stage".to_owned()))
    }

    /// Somebody asks for something; the verdict.
    ///
    /// # Panics
    /// When the engine gives none.
    pub fn ask_as(&mut self, intent: Intent, source: Source) -> Verdict {
        let request = Request {
            intent,
            source,
            why: "the scenario says so".to_owned(),
            if_version: None,
            inputs: String::new(),
        };
        self.inputs.push(Input::Request { ticket: Ticket(0), request: Box::new(request) });
        let before = self.verdicts.len();
        self.settle();
        #[expect(clippy::expect_used, reason = "a scenario without a verdict has failed")]
        self.verdicts.get(before).cloned().expect("a verdict")
    }

    /// Opens a transaction.
    ///
    /// # Panics
    /// When the gate says no.
    pub fn open(&mut self, wish: Open) -> TransactionId {
        let verdict = self.ask(Intent::Open(Box::new(wish)));
        #[expect(clippy::expect_used, reason = "a scenario that cannot begin has failed")]
        verdict.transaction.expect(&verdict.message)
    }

    /// What shall happen to the next commands, in this order; those after them are answered.
    pub fn fates(&mut self, fates: impl IntoIterator<Item = Fate>) -> &mut Self {
        self.fates.extend(fates);
        self
    }

    /// From now on commands wait until [`Stage::answer`]; `false` lets them go by themselves.
    pub fn hold_commands(&mut self, hold: bool) -> &mut Self {
        self.answers_by_hand = hold;
        if !hold {
            while self.answer() {}
        }
        self
    }

    /// From now on reads wait until [`Stage::answer_reads`].
    pub fn hold_reads(&mut self, hold: bool) -> &mut Self {
        self.reads_by_hand = hold;
        if !hold {
            self.answer_reads(0);
        }
        self
    }

    /// Commands that wait.
    pub fn waiting(&self) -> &VecDeque<Command> {
        &self.waiting
    }

    /// Lets the oldest waiting command meet its fate; whether there was one.
    pub fn answer(&mut self) -> bool {
        let Some(command) = self.waiting.pop_front() else { return false };
        self.carry_out(command);
        self.settle();
        true
    }

    /// The oldest command that was late takes effect now; its answer is lost all the same.
    pub fn arrive(&mut self) -> Option<Answer> {
        let command = self.late.pop_front()?;
        Some(self.broker.call(&command))
    }

    /// Answers reads that wait, as things were `older_ms` ago.
    pub fn answer_reads(&mut self, older_ms: u64) -> &mut Self {
        while let Some(read) = self.reads.pop_front() {
            self.answer_read(&read, older_ms);
        }
        self.settle();
        self
    }

    /// The daemon hears something from the account, whether it is true or not.
    pub fn hear(&mut self, event: BrokerEvent) -> &mut Self {
        let from = FromAccount { account: AccountName::new(ACCOUNT), event };
        self.inputs.push(Input::Account(from));
        self
    }

    fn hear_children(&mut self, read: &Read, older_ms: u64) {
        let orders = self.broker.children(read, older_ms);
        if !orders.is_empty() {
            self.hear(BrokerEvent::Polled { orders, fills: Vec::new() });
        }
    }

    /// The daemon polls orders and fills that changed.
    pub fn poll(&mut self) -> &mut Self {
        let (orders, fills) = self.broker.poll(&mut self.cursor, 0);
        self.hear(BrokerEvent::Polled { orders, fills });
        self.settle();
        self
    }

    /// The daemon reads the complete account.
    pub fn picture(&mut self) -> &mut Self {
        let picture = self.broker.picture(0);
        self.hear(BrokerEvent::Picture(picture));
        self.settle();
        self
    }

    /// Time passes; timers ring at their own moments. Nothing else happens.
    pub fn wait_ms(&mut self, ms: u64) -> &mut Self {
        let until = self.broker.now.plus_ms(ms);
        for _ in 0..10_000 {
            let Some(at) = self.next_timer.filter(|at| *at <= until) else { break };
            self.broker.now = self.broker.now.max(at);
            self.broker.settle_cancels();
            self.step();
            self.settle();
        }
        self.broker.now = until;
        self.broker.settle_cancels();
        self.step();
        self.settle();
        self
    }

    /// Time passes as in a quiet daemon: a poll every second, timers at their moments.
    pub fn live_ms(&mut self, ms: u64) -> &mut Self {
        for _ in 0..ms.div_ceil(1_000) {
            self.wait_ms(1_000).poll();
        }
        self
    }

    /// Steps until nothing is left to hear.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            if self.inputs.is_empty() {
                return;
            }
            self.step();
        }
    }

    fn step(&mut self) {
        let inputs = std::mem::take(&mut self.inputs);
        let now = self.broker.now;
        let Some(engine) = self.engine.as_mut() else { return };
        let dispatch = engine.step(now, inputs, &Counting::default());
        self.take(dispatch);
    }

    fn take(&mut self, dispatch: Dispatch) {
        self.next_timer = dispatch.next_timer;
        self.verdicts.extend(dispatch.verdicts.into_iter().map(|(_, verdict)| verdict));
        self.facts.extend(dispatch.facts.into_iter().map(|(_, fact)| fact));
        for command in dispatch.commands {
            self.sent.push(command.clone());
            if self.answers_by_hand {
                self.waiting.push_back(command);
            } else {
                self.carry_out(command);
            }
        }
        for (_, read) in dispatch.reads {
            if self.reads_by_hand {
                self.reads.push_back(read);
            } else {
                self.answer_read(&read, 0);
            }
        }
    }

    fn answer_read(&mut self, read: &Read, older_ms: u64) {
        if let Some(event) = self.broker.read(read, older_ms) {
            self.hear_children(read, older_ms);
            self.hear(event);
        }
        let orders = self.broker.not_there(read, older_ms);
        if !orders.is_empty() {
            self.hear(BrokerEvent::NotThere { orders, asked_at: self.broker.now });
        }
    }

    fn carry_out(&mut self, command: Command) {
        let unknown = || Answer::Unknown(Fault::new("TIMEOUT", "no answer"));
        let op = command.op.clone();
        let answer = match self.fates.pop_front().unwrap_or(Fate::Answered) {
            Fate::Answered => self.broker.call(&command),
            Fate::Lost => unknown(),
            Fate::Unheard => {
                self.broker.call(&command);
                unknown()
            }
            Fate::Late => {
                self.late.push_back(command);
                unknown()
            }
            Fate::NotSent => {
                let fault = Fault::new("NOT_SENT", "nothing left");
                Answer::NotSent { fault, after_ms: 500 }
            }
            Fate::Says(answer, happens) => {
                if happens {
                    self.broker.call(&command);
                }
                *answer
            }
        };
        self.hear(BrokerEvent::Answer { op, answer });
    }

    /// The orders that live at the broker, oldest first, as rows of words:
    /// `stop sell 10 SIM @ 95 working`; what is not ours begins with `foreign`.
    pub fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for order in self.broker.live() {
            let made = self.broker.made.get(&order.id);
            let role = made.map_or("foreign", |made| made.role.as_str());
            let Some(report) = crate::convert::report(&self.broker, order.id) else { continue };
            let price = report.trigger.or(report.limit);
            let at = price.map_or("market".to_owned(), |price| price.to_string());
            rows.push(format!(
                "{role} {} {} {} @ {at} {}",
                match report.side {
                    bracketd_core::order::Side::Buy => "buy",
                    bracketd_core::order::Side::Sell => "sell",
                },
                report.quantity.minus(report.filled),
                report.symbol,
                report.status.as_str()
            ));
        }
        rows
    }

    /// What the account holds of a symbol, signed.
    pub fn held(&self, symbol: &str) -> Decimal {
        self.broker.held(symbol)
    }
}
