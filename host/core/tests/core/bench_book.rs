//! A book on the bench: one connected account, one instrument, one price, and a hand-played
//! broker. Tests read as what was asked, what the broker said and what was sent.

use bracketd_core::Decimal;
use bracketd_core::apply::{Transition, apply};
use bracketd_core::book::{Account, AccountRules, Book};
use bracketd_core::broker::{BrokerEvent, FromAccount, OrderReport, Quote};
use bracketd_core::command::{Answer, Call, Change, Command, How, Progress};
use bracketd_core::decide::{PolicyIs, decide};
use bracketd_core::follow::follow;
use bracketd_core::ids::{BrokerOrderId, PolicyName, Symbol, TransactionId};
use bracketd_core::instrument::{AccountInfo, Features, Instrument, PriceBand};
use bracketd_core::intent::{GuardWish, Intent, Open, Request, Source, Verdict, Wish};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Order, OrderKind, OrderStatus, Side, TimeInForce};
use bracketd_core::plan::{plan, wake};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{EntryKind, Transaction};

pub(crate) const ACCOUNT: &str = "paper";

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

pub(crate) fn price(text: &str) -> Price {
    Price::new(decimal(text)).expect("a price")
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::new(decimal(text)).expect("a quantity")
}

/// What Alpaca declares.
pub(crate) const ALPACA: &[&str] = &[
    Features::NATIVE_OCO,
    Features::NATIVE_BRACKET,
    Features::NATIVE_OTO,
    Features::REPLACE_IN_PLACE,
    Features::EXITS_RESERVE_QTY,
];

pub(crate) struct Bench {
    pub(crate) book: Book,
    pub(crate) now: Timestamp,
    pub(crate) sent: Vec<Command>,
    pub(crate) last: Transition,
    orders: u32,
}

impl Bench {
    pub(crate) fn new(features: &[&str]) -> Self {
        let rules =
            AccountRules { policies: vec![PolicyName::new("trail")], ..AccountRules::default() };
        let mut account = Account::new(ACCOUNT.into(), rules);
        account.is_up = true;
        account.is_reconciled = true;
        account.info = Some(AccountInfo {
            name: "alpaca".into(),
            version: "1".into(),
            client_id_max: 48,
            client_id_chars: String::new(),
            features: Features::new(features.iter().map(|f| f.to_string())),
        });
        let instrument = Instrument {
            symbol: "AAA".into(),
            broker_symbol: "AAA".into(),
            currency: "USD".into(),
            bands: vec![
                PriceBand { above: decimal("0"), tick: decimal("0.0001") },
                PriceBand { above: decimal("1"), tick: decimal("0.01") },
            ],
            qty_step: decimal("1"),
            min_qty: quantity("1"),
            max_qty: Some(quantity("100000")),
            min_notional: None,
            multiplier: decimal("1"),
            features: Features::default(),
        };
        account.instruments.insert("AAA".into(), instrument.into());
        let mut book = Book::new("bench", 0);
        book.accounts.insert(ACCOUNT.into(), account);
        let now = Timestamp(1_000_000_000);
        let mut bench = Self { book, now, sent: vec![], last: Transition::default(), orders: 0 };
        bench.quote("99.99", "100.01");
        bench
    }

    pub(crate) fn quote(&mut self, bid: &str, ask: &str) {
        let quote = Quote {
            symbol: "AAA".into(),
            bid: Some(price(bid)),
            ask: Some(price(ask)),
            last: None,
            at: self.now,
        };
        self.tell(BrokerEvent::Quotes(vec![quote]));
    }

    pub(crate) fn tell(&mut self, event: BrokerEvent) {
        let mut out = Transition::default();
        apply(&mut self.book, FromAccount { account: ACCOUNT.into(), event }, self.now, &mut out);
        self.follow(out);
    }

    fn follow(&mut self, mut out: Transition) {
        for id in self.book.transactions.keys().copied().collect::<Vec<_>>() {
            follow(&mut self.book, id, self.now, &mut out);
        }
        for id in out.touched.clone() {
            plan(&mut self.book, id, self.now, &mut out);
        }
        self.sent.append(&mut out.commands);
        self.last = out;
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        let mut out = Transition::default();
        for id in self.book.transactions.keys().copied().collect::<Vec<_>>() {
            wake(&mut self.book, id, self.now, &mut out);
            out.touched.insert(id);
        }
        self.follow(out);
    }

    pub(crate) fn ask(&mut self, intent: Intent, source: Source) -> Verdict {
        self.ask_if(intent, source, None)
    }

    pub(crate) fn ask_if(
        &mut self,
        intent: Intent,
        source: Source,
        if_version: Option<u64>,
    ) -> Verdict {
        let why = "test".to_owned();
        self.request(Request { intent, source, why, if_version, inputs: String::new() })
    }

    pub(crate) fn ask_why(&mut self, intent: Intent, source: Source, why: &str) -> Verdict {
        let (why, inputs) = (why.to_owned(), String::new());
        self.request(Request { intent, source, why, if_version: None, inputs })
    }

    fn request(&mut self, request: Request) -> Verdict {
        let mut out = Transition::default();
        let policy_is = |name: &PolicyName| match name.as_str() {
            "trail" => PolicyIs::Active,
            "frozen" => PolicyIs::Frozen,
            _ => PolicyIs::Unknown,
        };
        let verdict = decide(&mut self.book, &request, &policy_is, self.now, &mut out);
        self.follow(out);
        verdict
    }

    pub(crate) fn person(&mut self, intent: Intent) -> Verdict {
        self.ask(intent, Source::Manual("ann".into()))
    }

    pub(crate) fn open(&mut self, wish: Open) -> TransactionId {
        let verdict = self.person(Intent::Open(Box::new(wish)));
        assert!(verdict.accepted(), "{verdict:?}");
        verdict.transaction.expect("a transaction")
    }

    pub(crate) fn tx(&self, id: TransactionId) -> &Transaction {
        &self.book.transactions[&id]
    }

    /// Takes the one command that waits to be answered.
    pub(crate) fn command(&mut self) -> Command {
        assert_eq!(self.sent.len(), 1, "{:#?}", self.sent);
        self.sent.remove(0)
    }

    pub(crate) fn answer(&mut self, command: &Command, answer: Answer) {
        self.tell(BrokerEvent::Answer { op: command.op.clone(), answer });
    }

    pub(crate) fn order_id(&mut self) -> BrokerOrderId {
        self.orders += 1;
        BrokerOrderId::from(format!("o{}", self.orders))
    }

    /// Accepts a submitted order and returns it as the broker now tells it.
    pub(crate) fn accept(&mut self, command: &Command) -> OrderReport {
        let Call::Submit(new) = &command.call else { panic!("not a submit: {command:?}") };
        let report = OrderReport {
            broker_id: self.order_id(),
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
            status: OrderStatus::Working,
            quantity: new.quantity,
            filled: Quantity::ZERO,
            avg_price: None,
            limit: new.limit,
            trigger: new.trigger,
            reject: None,
            updated_at: self.now,
        };
        let order = Some(Box::new(report.clone()));
        self.answer(command, Answer::Placed { order, progress: Progress::Accepted });
        report
    }

    /// Accepts an adjustment as a broker with native pairs would.
    pub(crate) fn adjusted(&mut self, command: &Command) {
        self.adjusted_as(command, OrderStatus::Working);
    }

    /// The same, with the new exits in that state.
    pub(crate) fn adjusted_as(&mut self, command: &Command, status: OrderStatus) {
        let Call::Adjust { bracket, stop, target } = &command.call else {
            panic!("not an adjustment: {command:?}")
        };
        let exit = |role, limit, trigger, id| bracketd_core::command::BracketLeg {
            role,
            broker_id: id,
            client_id: None,
            status,
            limit,
            trigger,
            quantity: bracket.protect,
            filled: Quantity::ZERO,
        };
        use bracketd_core::order::Role;
        if *stop == Change::Clear && *target == Change::Clear {
            let progress = Progress::WaitingFor(bracket.legs[0].broker_id.clone());
            let (legs, how, memo) = (vec![], How::CancelRequested, vec![]);
            self.answer(command, Answer::Adjusted { legs, how, progress, memo });
            return;
        }
        let mut legs = bracket.legs.clone();
        let mut how = How::NewLeg;
        for (role, change) in [(Role::Stop, stop), (Role::Target, target)] {
            let rests = legs.iter().any(|leg| leg.role == role);
            match change {
                Change::Keep => {}
                Change::Clear => legs.retain(|leg| leg.role != role),
                Change::Set(to) => {
                    if rests {
                        how = How::ReplacedInPlace;
                        legs.retain(|leg| leg.role != role);
                    }
                    let id = self.order_id();
                    let to = Some(*to);
                    legs.push(match role {
                        Role::Stop => exit(role, None, to, id),
                        _ => exit(role, to, None, id),
                    });
                }
            }
        }
        let answer = Answer::Adjusted { legs, how, progress: Progress::Confirmed, memo: vec![] };
        self.answer(command, answer);
    }

    /// The broker reports the order filled up to `filled`.
    pub(crate) fn fill(&mut self, report: &OrderReport, filled: &str, at: &str) {
        let filled = quantity(filled);
        let status = if filled == report.quantity {
            OrderStatus::Filled
        } else {
            OrderStatus::PartiallyFilled
        };
        self.report(OrderReport { filled, status, avg_price: Some(price(at)), ..report.clone() });
    }

    pub(crate) fn report(&mut self, report: OrderReport) {
        let report = OrderReport { updated_at: self.now, ..report };
        self.tell(BrokerEvent::Polled { orders: vec![report], fills: vec![] });
    }

    /// Every order of the transaction's exits ends as canceled.
    pub(crate) fn cancel_exits(&mut self, id: TransactionId) {
        let tx = self.tx(id).clone();
        for order in tx.orders.iter().filter(|o| o.is_working_exit()) {
            self.report(OrderReport { status: OrderStatus::Canceled, ..report_of(&tx, order) });
        }
    }
}

/// The order as its broker would tell of it now.
pub(crate) fn report_of(tx: &Transaction, order: &Order) -> OrderReport {
    OrderReport {
        broker_id: order.broker_id.clone(),
        client_id: order.client_id.clone(),
        group: None,
        parent: None,
        replaces: None,
        replaced_by: None,
        role: Some(order.role),
        symbol: tx.symbol.clone(),
        side: order.side,
        kind: order.kind,
        time_in_force: TimeInForce::Gtc,
        status: order.status,
        quantity: order.quantity,
        filled: order.filled,
        avg_price: order.avg_price,
        limit: order.limit,
        trigger: order.trigger,
        reject: None,
        updated_at: order.updated_at,
    }
}

/// A long limit entry of 10 at 100 with stop 95 and target 110, sent alone.
pub(crate) fn wish() -> Open {
    Open {
        account: ACCOUNT.into(),
        owner: None,
        symbol: Symbol::new("AAA"),
        direction: Direction::Long,
        quantity: quantity("10"),
        entry: EntryKind::Limit(price("100")),
        time_in_force: None,
        stop: Some(price("95")),
        target: Some(price("110")),
        policies: None,
        on_partial: None,
        guard: GuardWish::Plain,
        distinct: false,
    }
}

pub(crate) fn set_stop(transaction: TransactionId, to: &str) -> Intent {
    Intent::Protect { transaction, stop: Wish::Set(price(to)), target: Wish::Keep }
}

pub(crate) fn set_target(transaction: TransactionId, to: &str) -> Intent {
    Intent::Protect { transaction, stop: Wish::Keep, target: Wish::Set(price(to)) }
}

/// A command in a few words.
pub(crate) fn words(command: &Command) -> String {
    let change = |change: &Change| match change {
        Change::Keep => "keep".to_owned(),
        Change::Clear => "clear".to_owned(),
        Change::Set(price) => price.to_string(),
    };
    match &command.call {
        Call::Submit(new) => {
            let side = if new.side == Side::Buy { "buy" } else { "sell" };
            let at = match new.kind {
                OrderKind::Market => "market".to_owned(),
                _ => new.limit.map_or("?".into(), |p| p.to_string()),
            };
            let carried = [("stop", new.stop_loss), ("target", new.take_profit)]
                .iter()
                .filter_map(|(name, price)| Some(format!(" {name} {}", (*price)?)))
                .collect::<String>();
            format!("{side} {} at {at}{carried}", new.quantity)
        }
        Call::Cancel { order } => format!("cancel {order}"),
        Call::Adjust { bracket, stop, target } => {
            format!(
                "exits of {}: stop {}, target {}",
                bracket.protect,
                change(stop),
                change(target)
            )
        }
    }
}
