//! The ledger cannot be written for a long time: what arrives meanwhile is bounded, and nothing of
//! it that counts is lost (S17).

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::broker::{
    BrokerEvent, Fault, Fill, FromAccount, History, OrderReport, Picture, Quote,
};
use bracketd_core::command::{Answer, Call, Progress};
use bracketd_core::control::{KillFile, KillLevel};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{AccountName, Symbol, TransactionId};
use bracketd_core::instrument::{AccountInfo, Features, Instrument, PriceBand};
use bracketd_core::intent::{GuardWish, Intent, Open, Outcome, Request, Source, Verdict, Wish};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, OrderStatus};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{EntryKind, TransactionStatus};
use bracketd_engine::{Budget, Dispatch, Engine, Input, Settings, Ticket};
use bracketd_policy::PolicySet;
use bracketd_store::{FactFilter, Ledger};

const ID: TransactionId = TransactionId(1);

struct Unhurried;

impl Budget for Unhurried {
    fn slice_over(&self) -> bool {
        false
    }
    fn run_begins(&self) {}
    fn run_over(&self, _operations: u64) -> bool {
        false
    }
}

struct World {
    engine: Engine,
    now: Timestamp,
    entry: OrderReport,
}

impl World {
    /// An entry of one with stop 95 rests at the broker, and from now on nothing can be written.
    fn stalled() -> Self {
        let mut world = Self::resting();
        world.engine.ledger().refuse_writes(true);
        let stalls = world.tell(BrokerEvent::Down(Fault::new("NETWORK", "gone")));
        assert!(stalls.ledger_error.is_some());
        world
    }

    /// An entry of one with stop 95 rests at the broker.
    fn resting() -> Self {
        let now = Timestamp(1_700_000_040_000_000);
        let rules = AccountRules { quote_age_ms_max: 600_000, ..AccountRules::default() };
        let accounts = [(AccountName::new("a"), rules)].into();
        let settings = Settings { accounts, ..Settings::default() };
        let ledger = Ledger::in_memory().expect("a ledger");
        let mut engine =
            Engine::start(ledger, settings, PolicySet::default(), now).expect("a start");
        let told = [
            BrokerEvent::Instrument(Box::new(instrument())),
            BrokerEvent::Up(AccountInfo {
                name: "x".to_owned(),
                version: "1".to_owned(),
                client_id_max: 48,
                client_id_chars: String::new(),
                features: Features::default(),
            }),
            picture(now),
            quote(100, now),
        ];
        engine.step(now, told.map(word).into(), &Unhurried);
        let ticket = Ticket(1);
        let asked = engine.step(now, vec![Input::Request { ticket, request: open() }], &Unhurried);
        let command = asked.commands.first().expect("the entry").clone();
        let Call::Submit(new) = &command.call else { panic!("{command:?}") };
        let entry = OrderReport {
            broker_id: "o1".into(),
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
            trigger: None,
            reject: None,
            updated_at: now,
        };
        let order = Some(Box::new(entry.clone()));
        let answer = Answer::Placed { order, progress: Progress::Accepted };
        let mut world = Self { engine, now, entry };
        world.tell(BrokerEvent::Answer { op: command.op, answer });
        world
    }

    /// Somebody asks; the verdict, where it comes at once. Nothing is sent meanwhile.
    fn ask(&mut self, intent: Intent) -> Option<Verdict> {
        let source = Source::Manual("ann".to_owned());
        let why = "the disk is full".to_owned();
        let request = Request { intent, source, why, if_version: None, inputs: String::new() };
        let (ticket, request) = (Ticket(7), Box::new(request));
        let dispatch = self.step(vec![Input::Request { ticket, request }]);
        assert!(dispatch.ledger_error.is_some() && dispatch.commands.is_empty());
        dispatch.verdicts.into_iter().next().map(|(_, verdict)| verdict)
    }

    /// The levels that the ledger would give to the next start: the daemon's and the account's.
    fn written_levels(&self) -> (KillLevel, KillLevel) {
        let loaded = self.engine.ledger().load().expect("the ledger");
        let account = loaded.controls.get(&AccountName::new("a"));
        (loaded.kill.level, account.map_or(KillLevel::Off, |control| control.kill.level))
    }

    fn step(&mut self, inputs: Vec<Input>) -> Dispatch {
        self.now = self.now.plus_ms(100);
        self.engine.step(self.now, inputs, &Unhurried)
    }

    fn tell(&mut self, event: BrokerEvent) -> Dispatch {
        self.step(vec![word(event)])
    }

    /// The entry as the broker tells it now.
    fn report(&self, status: OrderStatus) -> OrderReport {
        let filled = if status == OrderStatus::Filled { quantity(1) } else { Quantity::ZERO };
        let avg_price = price(100).filter(|_| status == OrderStatus::Filled);
        OrderReport { status, filled, avg_price, updated_at: self.now, ..self.entry.clone() }
    }

    /// The ledger can be written again; what follows.
    fn goes_on(&mut self) -> Dispatch {
        self.engine.ledger().refuse_writes(false);
        assert!(self.step(vec![]).has_more);
        self.step(vec![])
    }
}

fn word(event: BrokerEvent) -> Input {
    Input::Account(FromAccount { account: "a".into(), event })
}

fn polled(orders: Vec<OrderReport>, fills: Vec<Fill>) -> BrokerEvent {
    BrokerEvent::Polled { orders, fills }
}

fn picture(as_of: Timestamp) -> BrokerEvent {
    let (orders, fills, positions) = (vec![], vec![], vec![]);
    let (balance, history) = (None, History::Whole);
    BrokerEvent::Picture(Picture {
        orders,
        fills,
        positions,
        balance,
        complete: true,
        history,
        as_of,
    })
}

fn quote(at: i64, now: Timestamp) -> BrokerEvent {
    let (bid, ask) = (price(at), price(at));
    BrokerEvent::Quotes(vec![Quote { symbol: Symbol::new("S"), bid, ask, last: None, at: now }])
}

fn open() -> Box<Request> {
    let open = Open {
        account: "a".into(),
        owner: None,
        symbol: Symbol::new("S"),
        direction: Direction::Long,
        quantity: quantity(1),
        entry: EntryKind::Limit(price(100).expect("a price")),
        time_in_force: None,
        stop: price(95),
        target: None,
        policies: None,
        on_partial: None,
        guard: GuardWish::Plain,
        distinct: true,
    };
    Box::new(Request {
        intent: Intent::Open(Box::new(open)),
        source: Source::Manual("ann".to_owned()),
        why: String::new(),
        if_version: None,
        inputs: String::new(),
    })
}

fn price(units: i64) -> Option<Price> {
    Price::new(Decimal::from(units))
}

fn quantity(units: i64) -> Quantity {
    Quantity::new(Decimal::from(units)).expect("a quantity")
}

fn instrument() -> Instrument {
    Instrument {
        symbol: Symbol::new("S"),
        broker_symbol: "S".to_owned(),
        currency: "USD".to_owned(),
        bands: vec![PriceBand { above: Decimal::ZERO, tick: Decimal::new(1, 2) }],
        qty_step: Decimal::ONE,
        min_qty: quantity(1),
        max_qty: None,
        min_notional: None,
        multiplier: Decimal::ONE,
        features: Features::default(),
    }
}

#[test]
fn s17_hours_of_prices_polls_and_pictures_take_the_room_of_the_newest() {
    let mut world = World::stalled();
    for round in 0..3_000 {
        let (now, working) = (world.now, world.report(OrderStatus::Working));
        world.tell(quote(90 + round % 20, now));
        world.tell(picture(now));
        world.tell(polled(vec![working], vec![]));
        world.tell(BrokerEvent::Down(Fault::new("NETWORK", "gone")));
        world.tell(BrokerEvent::Session {
            symbol: Symbol::new("S"),
            session: bracketd_core::broker::Session {
                is_open: true,
                next_open: None,
                next_close: None,
            },
        });
        world.step(vec![Input::Compare("a".into()), Input::KillFile(None)]);
    }
    assert!(world.engine.held_back() < 16, "{} are kept", world.engine.held_back());
    let last = world.now;
    world.tell(quote(101, last));
    world.goes_on();
    let book = world.engine.book();
    let known = book.accounts[&"a".into()].quotes.get(&Symbol::new("S")).expect("a price");
    assert_eq!((known.bid, known.at), (price(101), last));
}

#[test]
fn i13_a_fill_that_arrived_while_nothing_could_be_written_gets_its_stop() {
    let mut world = World::stalled();
    world.tell(BrokerEvent::Up(AccountInfo {
        name: "x".to_owned(),
        version: "1".to_owned(),
        client_id_max: 48,
        client_id_chars: String::new(),
        features: Features::default(),
    }));
    let overtaken = world.report(OrderStatus::Working);
    world.now = world.now.plus_ms(100);
    let filled = world.report(OrderStatus::Filled);
    let fill = Fill {
        fill_id: "f1".to_owned(),
        order: filled.broker_id.clone(),
        symbol: Symbol::new("S"),
        side: filled.side,
        quantity: quantity(1),
        price: price(100).expect("a price"),
        at: world.now,
    };
    for _ in 0..1_000 {
        world.tell(polled(vec![filled.clone()], vec![fill.clone()]));
        // Told later, and older: it does not stand for the fill.
        world.tell(polled(vec![overtaken.clone()], vec![]));
        world.tell(polled(vec![filled.clone()], vec![fill.clone()]));
    }
    assert!(world.engine.held_back() < 8, "{} are kept", world.engine.held_back());
    let done = world.goes_on();
    assert_eq!(world.engine.book().transactions[&ID].status, TransactionStatus::Opened);
    assert_eq!(world.engine.book().transactions[&ID].held(), quantity(1));
    assert_eq!(done.commands.len(), 1, "the stop: {:?}", done.commands);
}

#[test]
fn s17_what_cannot_be_told_in_fewer_words_makes_the_accounts_wait() {
    let mut world = World::stalled();
    let mut told = 0;
    while world.engine.has_room() && told < 100_000 {
        let mut order = world.report(OrderStatus::Working);
        order.broker_id = format!("o-{told}").into();
        world.tell(polled(vec![order], vec![]));
        told += 1;
    }
    assert!(told < 100_000, "everything is taken");
    world.goes_on();
    assert!(world.engine.has_room() && world.engine.held_back() == 0);
}

fn kill(account: Option<&str>, level: KillLevel) -> Intent {
    let account = account.map(AccountName::new);
    Intent::Kill { account, level, reset_baseline: false }
}

/// What cancels the resting entry, of all that is to be sent.
fn cancels(dispatch: &Dispatch) -> usize {
    dispatch.commands.iter().filter(|c| matches!(c.call, Call::Cancel { .. })).count()
}

#[test]
fn g8_a_level_that_is_raised_while_nothing_can_be_written_holds_at_once_and_is_written_later() {
    let levels = |world: &World| {
        let book = world.engine.book();
        (book.kill.level, book.accounts[&"a".into()].control.kill.level)
    };
    // Whether the batch that waits has something else in it, or the level alone.
    for waits in [true, false] {
        let mut world = World::resting();
        world.engine.ledger().refuse_writes(true);
        if waits {
            let wish = Wish::Set(price(94).expect("a price"));
            let change = Intent::Protect { transaction: ID, stop: wish, target: Wish::Keep };
            assert_eq!(world.ask(change), None, "it is not promised before it is written");
        }
        for _again in 0..2 {
            let said = world.ask(kill(Some("a"), KillLevel::Freeze)).expect("an answer at once");
            assert_eq!(said.outcome, Outcome::Held, "{}", said.message);
            assert!(said.message.contains("NOT YET IN THE LEDGER"), "{}", said.message);
        }
        let file = KillFile { level: KillLevel::CancelEntries, why: String::new() };
        assert!(world.step(vec![Input::KillFile(Some(file))]).commands.is_empty());
        let held = (KillLevel::CancelEntries, KillLevel::Freeze);
        assert_eq!((levels(&world), world.written_levels()), (held, Default::default()));
        let unwritten = [None, Some(AccountName::new("a"))];
        assert_eq!(world.engine.unwritten_kills(), unwritten.into());
        for (scope, level) in [(Some("a"), KillLevel::Off), (None, KillLevel::Freeze)] {
            let lowered = world.ask(kill(scope, level)).expect("an answer").code();
            assert_eq!(lowered, "LEDGER_FAILED", "a level is lowered in the ledger only");
        }
        let done = world.goes_on();
        assert_eq!((levels(&world), world.written_levels()), (held, held));
        assert_eq!(world.engine.unwritten_kills(), [].into());
        assert_eq!(cancels(&done), 1, "the level is acted upon: {:?}", done.commands);
        let filter = FactFilter::default();
        let facts = world.engine.ledger().facts(&filter).expect("facts");
        let changes = facts.iter().filter(|stored| stored.fact.kind == FactKind::KillChanged);
        assert_eq!(changes.count(), 2, "each once");
    }
}

#[test]
fn g8_only_a_person_with_a_reason_and_only_a_known_account_is_heard_while_nothing_can_be_written() {
    let mut world = World::stalled();
    let by = |source, why: &str, account: Option<&str>| Request {
        intent: kill(account, KillLevel::Flatten),
        source,
        why: why.to_owned(),
        if_version: None,
        inputs: String::new(),
    };
    let ann = || Source::Manual("ann".to_owned());
    let policy = Source::Policy { name: "p".into(), digest: "d".to_owned() };
    for request in [by(policy, "x", None), by(ann(), " ", None), by(ann(), "x", Some("b"))] {
        let input = Input::Request { ticket: Ticket(1), request: Box::new(request) };
        let dispatch = world.step(vec![input]);
        assert_eq!(dispatch.verdicts[0].1.code(), "LEDGER_FAILED");
        assert_eq!(world.engine.book().kill.level, KillLevel::Off);
    }
}
