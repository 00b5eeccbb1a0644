//! The engine's step, driven by hand with no thread: what policies are asked, and when.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::broker::{BrokerEvent, FromAccount, OrderReport, Picture, Quote};
use bracketd_core::command::{Answer, Call, Progress};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{AccountName, PolicyName, Symbol};
use bracketd_core::instrument::{AccountInfo, Features, Instrument, PriceBand};
use bracketd_core::intent::{GuardWish, Intent, Open, Request, Source};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, OrderStatus};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::EntryKind;
use bracketd_engine::{Budget, Dispatch, Engine, Input, Settings, Ticket};
use bracketd_policy::{PolicySet, SourceFile, Sources};
use bracketd_store::Ledger;

const SCRIPT: &str = r#"const POLICY = #{ version: "1", api: 1 };
const PARAMS = #{};
const TIMERS = #{ beat: "every 90s" };
fn on_start(t, p) { alert("info", "start"); }
fn on_open(t, p) { alert("info", "open"); }
fn on_bar(t, bar, p) { alert("info", "bar"); }
fn on_timer(t, name, p) { alert("info", name); }
"#;

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
    engine: Option<Engine>,
    now: Timestamp,
}

impl World {
    fn new(ledger: Ledger, now: Timestamp) -> Self {
        let file = SourceFile::new("watcher", "watcher.rhai", SCRIPT);
        let sources = Sources { policies: vec![file], ..Sources::default() };
        let report = PolicySet::build(&sources, None);
        assert!(report.refused.is_empty(), "{:#?}", report.refused);
        let rules = AccountRules {
            policies: vec![PolicyName::new("watcher")],
            quote_age_ms_max: 600_000,
            ..AccountRules::default()
        };
        let accounts = [(AccountName::new("a"), rules)].into();
        let settings = Settings { accounts, ..Settings::default() };
        let engine = Engine::start(ledger, settings, report.set, now).expect("a start");
        let mut world = Self { engine: Some(engine), now };
        world.tell(BrokerEvent::Instrument(Box::new(instrument())));
        world.tell(BrokerEvent::Up(AccountInfo {
            name: "x".to_owned(),
            version: "1".to_owned(),
            client_id_max: 48,
            client_id_chars: String::new(),
            features: Features::default(),
        }));
        world
    }

    fn step(&mut self, inputs: Vec<Input>) -> Dispatch {
        let engine = self.engine.as_mut().expect("an engine");
        engine.step(self.now, inputs, &Unhurried)
    }

    fn tell(&mut self, event: BrokerEvent) -> Dispatch {
        self.step(vec![Input::Account(FromAccount { account: "a".into(), event })])
    }

    fn picture(&mut self) -> Vec<String> {
        let picture = Picture {
            orders: vec![],
            fills: vec![],
            positions: vec![],
            balance: None,
            complete: true,
            as_of: self.now,
        };
        alerts(&self.tell(BrokerEvent::Picture(picture)))
    }

    fn quote_at(&mut self, second: i64) -> Vec<String> {
        self.now = Timestamp(1_700_000_040_000_000 + second * 1_000_000);
        let quote = Quote {
            symbol: Symbol::new("S"),
            bid: price(100),
            ask: price(100),
            last: None,
            at: self.now,
        };
        alerts(&self.tell(BrokerEvent::Quotes(vec![quote])))
    }
}

fn alerts(dispatch: &Dispatch) -> Vec<String> {
    let facts = dispatch.facts.iter().map(|(_, fact)| fact);
    facts.filter(|f| f.kind == FactKind::PolicyAlert).map(|f| f.text.clone()).collect()
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

/// Opens a transaction without exits and has its entry filled.
fn opened(world: &mut World) -> Vec<String> {
    let open = Open {
        account: "a".into(),
        owner: None,
        symbol: Symbol::new("S"),
        direction: Direction::Long,
        quantity: quantity(1),
        entry: EntryKind::Market,
        time_in_force: None,
        stop: None,
        target: None,
        policies: None,
        on_partial: None,
        guard: GuardWish::Plain,
        distinct: false,
    };
    let request = Request {
        intent: Intent::Open(Box::new(open)),
        source: Source::Manual("ann".to_owned()),
        why: String::new(),
        if_version: None,
        inputs: String::new(),
    };
    let asked = world.step(vec![Input::Request { ticket: Ticket(1), request: Box::new(request) }]);
    let command = asked.commands.first().expect("the entry");
    let Call::Submit(new) = &command.call else { panic!("{command:?}") };
    let report = OrderReport {
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
        status: OrderStatus::Filled,
        quantity: new.quantity,
        filled: new.quantity,
        avg_price: price(100),
        limit: None,
        trigger: None,
        reject: None,
        updated_at: world.now,
    };
    let order = Some(Box::new(report));
    let answer = Answer::Placed { order, progress: Progress::Confirmed };
    alerts(&world.tell(BrokerEvent::Answer { op: command.op.clone(), answer }))
}

#[test]
fn policies_are_asked_at_open_at_each_bar_at_their_timers_and_at_a_start() {
    let ledger = Ledger::in_memory().expect("a ledger");
    let mut world = World::new(ledger, Timestamp(1_700_000_040_000_000));
    assert_eq!(world.picture(), [""; 0], "nothing is held at the first start");
    world.quote_at(1);
    assert_eq!(opened(&mut world), ["open"]);
    let rows: [(i64, &[&str]); 6] = [
        (30, &[]),
        (61, &["bar"]),
        (90, &[]),
        (91, &["beat"]),
        (125, &["bar"]),
        // Ninety seconds after the first beat, not after whenever that was noticed.
        (185, &["beat", "bar"]),
    ];
    for (second, expected) in rows {
        assert_eq!(world.quote_at(second), expected, "at {second} s");
    }
    let engine = world.engine.take().expect("an engine");
    let mut again = World::new(engine.into_ledger(), world.now);
    again.now = world.now;
    assert_eq!(again.picture(), ["start"]);
    assert_eq!(again.quote_at(272), ["beat"], "timers are worked out anew");
}
