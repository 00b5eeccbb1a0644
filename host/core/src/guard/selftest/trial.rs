//! A book of its own with one account, one price and a broker who takes everything.
//!
//! Apart from the controls so that each of them reads as what is tried. Preparations run under
//! rules that stop nothing; only the violation meets the rules that are tested.

use crate::Decimal;
use crate::apply::{Transition, apply};
use crate::book::{Account, AccountRules, Book};
use crate::broker::{Balance, BrokerEvent, Fault, FromAccount, OrderReport, Quote};
use crate::command::{Answer, BracketLeg, Call, Change, Command, How, NewOrder, Progress};
use crate::decide::{PolicyIs, decide};
use crate::ids::{AccountName, PolicyName, Symbol, TransactionId};
use crate::instrument::{AccountInfo, Features, Instrument, PriceBand};
use crate::intent::{GuardWish, Intent, Open, Outcome, Request, Source, Verdict, Wish};
use crate::money::{Price, Quantity};
use crate::order::{Direction, OrderStatus, Role};
use crate::plan::plan;
use crate::time::Timestamp;
use crate::transaction::{EntryKind, Transaction};

const ACCOUNT: &str = "selftest";
const POLICY: &str = "selftest";
/// The instrument, unless a limit is for a named one.
pub(super) const SYMBOL: &str = "SELFTEST";
/// The market: a cent to each side of it.
pub(super) const MARKET: i64 = 100;

pub(super) struct Trial {
    pub(super) book: Book,
    pub(super) now: Timestamp,
    sent: Vec<Command>,
    symbol: Symbol,
    tested: AccountRules,
    orders: u32,
}

/// A price of so many hundredths.
pub(super) fn cents(cents: i64) -> Option<Price> {
    Price::new(Decimal::new(cents, 2))
}

impl Trial {
    pub(super) fn new(tested: AccountRules) -> Self {
        let mut account = Account::new(AccountName::new(ACCOUNT), tested.clone());
        account.is_up = true;
        account.is_reconciled = true;
        account.info = Some(AccountInfo {
            name: "selftest".to_owned(),
            version: String::new(),
            client_id_max: 48,
            client_id_chars: String::new(),
            features: Features::default(),
        });
        let mut book = Book::new("selftest", 0);
        book.accounts.insert(account.name.clone(), account);
        let now = Timestamp(1_000_000_000);
        let symbol = Symbol::new(SYMBOL);
        let mut trial = Self { book, now, sent: Vec::new(), symbol, tested, orders: 0 };
        trial.trade(SYMBOL);
        trial
    }

    /// From here on that instrument is traded: priced at the market, in the finest steps.
    pub(super) fn trade(&mut self, symbol: &str) {
        self.symbol = Symbol::new(symbol);
        let finest = Decimal::new(1, 8);
        self.tell(BrokerEvent::Instrument(Box::new(Instrument {
            symbol: self.symbol.clone(),
            broker_symbol: symbol.to_owned(),
            currency: "USD".to_owned(),
            bands: vec![PriceBand { above: Decimal::ZERO, tick: finest }],
            qty_step: finest,
            min_qty: Quantity::ZERO,
            max_qty: None,
            min_notional: None,
            multiplier: Decimal::ONE,
            features: Features::default(),
        })));
        self.quote(MARKET * 100 - 1, MARKET * 100 + 1);
    }

    pub(super) fn quote(&mut self, bid: i64, ask: i64) {
        let (symbol, at) = (self.symbol.clone(), self.now);
        let quote = Quote { symbol, bid: cents(bid), ask: cents(ask), last: None, at };
        self.tell(BrokerEvent::Quotes(vec![quote]));
    }

    pub(super) fn tell(&mut self, event: BrokerEvent) {
        let account = AccountName::new(ACCOUNT);
        let mut out = Transition::default();
        apply(&mut self.book, FromAccount { account, event }, self.now, &mut out);
        self.follow(out);
    }

    fn follow(&mut self, mut out: Transition) {
        for id in out.touched.clone() {
            plan(&mut self.book, id, self.now, &mut out);
        }
        self.sent.append(&mut out.commands);
    }

    pub(super) fn ask(&mut self, intent: Intent, source: Source) -> Verdict {
        let (why, inputs) = ("self-test".to_owned(), String::new());
        let request = Request { intent, source, why, if_version: None, inputs };
        let mut out = Transition::default();
        let verdict = decide(&mut self.book, &request, &|_| PolicyIs::Active, self.now, &mut out);
        self.follow(out);
        verdict
    }

    /// Asks and gives the code, and whether it passed.
    pub(super) fn try_to(&mut self, intent: Intent, source: Source) -> (String, bool) {
        let verdict = self.ask(intent, source);
        let passes = matches!(verdict.outcome, Outcome::Stored | Outcome::Staged);
        (verdict.code().to_owned(), passes)
    }

    pub(super) fn person(&mut self, intent: Intent) -> (String, bool) {
        self.try_to(intent, Source::Manual("selftest".to_owned()))
    }

    /// Prepares something under rules that stop nothing.
    fn prepared<T>(&mut self, prepare: impl FnOnce(&mut Self) -> T) -> T {
        self.put_rules(super::harmless());
        let done = prepare(self);
        let tested = self.tested.clone();
        self.put_rules(tested);
        done
    }

    fn put_rules(&mut self, rules: AccountRules) {
        if let Some(account) = self.book.accounts.get_mut(&AccountName::new(ACCOUNT)) {
            account.rules = rules;
        }
    }

    /// A long of so much at a limit of 100, without exits.
    pub(super) fn wish(&self, quantity: Decimal) -> Open {
        let limit = cents(MARKET * 100);
        Open {
            account: AccountName::new(ACCOUNT),
            owner: None,
            symbol: self.symbol.clone(),
            direction: Direction::Long,
            quantity: Quantity::new(quantity).unwrap_or_default(),
            entry: limit.map_or(EntryKind::Market, EntryKind::Limit),
            time_in_force: None,
            stop: None,
            target: None,
            policies: Some(vec![PolicyName::new(POLICY)]),
            on_partial: None,
            guard: GuardWish::Plain,
            distinct: false,
        }
    }

    /// The same with a stop at 95 and a target at 110.
    pub(super) fn bracketed(&self, quantity: Decimal) -> Open {
        Open { stop: cents(9_500), target: cents(11_000), ..self.wish(quantity) }
    }

    /// Ten units whose entry rests.
    pub(super) fn waiting(&mut self) -> TransactionId {
        self.prepared(|trial| {
            let wish = Open { distinct: true, ..trial.bracketed(Decimal::TEN) };
            let source = Source::Manual("selftest".to_owned());
            let verdict = trial.ask(Intent::Open(Box::new(wish)), source);
            verdict.transaction.unwrap_or(TransactionId(0))
        })
    }

    /// Ten units held, with a stop at 95 and a target at 110 at rest.
    pub(super) fn opened(&mut self) -> TransactionId {
        let id = self.waiting();
        self.prepared(|trial| {
            while let Some(command) = trial.sent.pop() {
                trial.answer(&command);
            }
        });
        id
    }

    fn answer(&mut self, command: &Command) {
        let answer = match &command.call {
            Call::Submit(new) => {
                let order = Some(Box::new(self.filled(command, new)));
                Answer::Placed { order, progress: Progress::Confirmed }
            }
            Call::Adjust { bracket, stop, target } => {
                let mut legs = Vec::new();
                for (role, change) in [(Role::Stop, stop), (Role::Target, target)] {
                    let Change::Set(price) = change else { continue };
                    self.orders += 1;
                    legs.push(BracketLeg {
                        role,
                        broker_id: self.orders.to_string().into(),
                        client_id: None,
                        status: OrderStatus::Working,
                        limit: (role == Role::Target).then_some(*price),
                        trigger: (role == Role::Stop).then_some(*price),
                        quantity: bracket.protect,
                        filled: Quantity::ZERO,
                    });
                }
                let (how, progress, memo) = (How::NewLeg, Progress::Confirmed, Vec::new());
                Answer::Adjusted { legs, how, progress, memo }
            }
            Call::Cancel { .. } => {
                Answer::Rejected(Fault::new("SELFTEST", "no cancel is expected"))
            }
        };
        self.tell(BrokerEvent::Answer { op: command.op.clone(), answer });
    }

    fn filled(&mut self, command: &Command, new: &NewOrder) -> OrderReport {
        self.orders += 1;
        OrderReport {
            broker_id: self.orders.to_string().into(),
            client_id: Some(command.client_id.clone()),
            group: None,
            parent: None,
            replaces: None,
            replaced_by: None,
            role: None,
            symbol: new.symbol.clone(),
            side: new.side,
            kind: new.kind,
            time_in_force: new.time_in_force,
            status: OrderStatus::Filled,
            quantity: new.quantity,
            filled: new.quantity,
            avg_price: cents(MARKET * 100),
            limit: new.limit,
            trigger: new.trigger,
            reject: None,
            updated_at: self.now,
        }
    }

    pub(super) fn transaction(&mut self, id: TransactionId) -> Option<&mut Transaction> {
        self.book.transactions.get_mut(&id).map(std::sync::Arc::make_mut)
    }

    /// The account's money was read.
    pub(super) fn equity(&mut self, equity: Decimal) {
        self.tell(BrokerEvent::Balance(Balance {
            cash: equity,
            equity,
            buying_power: equity,
            currency: "USD".to_owned(),
            account: None,
        }));
    }

    /// As if policies had moved its stop so often just now.
    pub(super) fn remember_moves(&mut self, id: TransactionId, count: u32) {
        self.remember(id, count, &|transaction| {
            let (stop, target) = (Wish::Keep, Wish::Keep);
            Intent::Protect { transaction, stop, target }
        });
    }

    /// As if its policy had closed so many others just now.
    pub(super) fn remember_closes(&mut self, id: TransactionId, count: u32) {
        self.remember(id, count, &|transaction| Intent::Close { transaction });
    }

    fn remember(&mut self, id: TransactionId, count: u32, of: &dyn Fn(TransactionId) -> Intent) {
        let Some(tx) = self.book.transactions.get(&id) else { return };
        let (why, inputs) = (String::new(), String::new());
        let request = Request { intent: of(id), source: policy(), why, if_version: None, inputs };
        let moves = matches!(request.intent, Intent::Protect { .. });
        for _ in 0..count {
            self.book.guards.accepted(tx, &request, moves, self.now);
        }
    }

    pub(super) fn disarm(&mut self) {
        if let Some(account) = self.book.accounts.get_mut(&AccountName::new(ACCOUNT)) {
            account.rules.armed = false;
        }
    }

    /// Commands that wait to be sent.
    pub(super) fn sent(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn symbol(&self) -> Symbol {
        self.symbol.clone()
    }
}

/// The policy of every transaction here.
pub(super) fn policy() -> Source {
    Source::Policy { name: PolicyName::new(POLICY), digest: "selftest".to_owned() }
}
