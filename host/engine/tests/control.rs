//! Kill switch and arming through the engine's step: what is decided is in the ledger with its
//! fact, holds after a restart, and is planned again from the state alone.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::broker::{Balance, BrokerEvent, Fault, Found, OrderReport};
use bracketd_core::command::{Answer, BracketLeg, Call, Change, Command, How, Progress, Read};
use bracketd_core::control::{KillFile, KillLevel};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::instrument::{Features, Instrument};
use bracketd_core::intent::{Intent, Verdict, Wish};
use bracketd_core::limits;
use bracketd_core::money::Quantity;
use bracketd_core::order::{Order, OrderKind, OrderStatus, Role, TimeInForce};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::TransactionStatus;
use bracketd_engine::{Dispatch, Engine, Input, Settings};
use bracketd_store::Ledger;
use common::{
    Unhurried, asked, down, instrument, long, picture, placed, policies, price, quantity, quote,
    reported, request, up, word,
};

/// Asks for more at every price.
const SCRIPT: &str = r#"const POLICY = #{ version: "1", api: 1 };
const PARAMS = #{};
fn on_tick(t, m, p) { ratchet_stop(t, m.peak_since(t).offset_pct(-5.0), "follow"); }
"#;

const ID: TransactionId = TransactionId(1);

struct World {
    engine: Engine,
    now: Timestamp,
}

impl World {
    fn start(ledger: Ledger, now: Timestamp) -> Self {
        let rules = AccountRules {
            policies: vec![PolicyName::new("follow")],
            quote_age_ms_max: 600_000,
            max_day_loss: Some(Decimal::from(100)),
            ..AccountRules::default()
        };
        let settings = Settings {
            accounts: [(AccountName::new("a"), rules)].into(),
            identities: [(AccountName::new("a"), "bracketd 1, plugin f00".to_owned())].into(),
            ..Settings::default()
        };
        let engine =
            Engine::start(ledger, settings, policies("follow", SCRIPT), now).expect("a start");
        Self { engine, now }
    }

    /// The process dies here; another one goes on with the ledger.
    fn again(self) -> Self {
        Self::start(self.engine.into_ledger(), self.now)
    }

    fn step(&mut self, inputs: Vec<Input>) -> Dispatch {
        self.now = self.now.plus_ms(1);
        self.engine.step(self.now, inputs, &Unhurried)
    }

    fn tell(&mut self, event: BrokerEvent) -> Dispatch {
        self.step(vec![word(event)])
    }

    fn up(&mut self) -> Dispatch {
        self.tell(BrokerEvent::Instrument(Box::new(instrument())));
        self.tell(up(Features::new([
            Features::NATIVE_OCO.to_owned(),
            Features::EXITS_RESERVE_QTY.to_owned(),
        ])))
    }

    fn picture(&mut self, orders: Vec<OrderReport>) -> Dispatch {
        self.tell(picture(orders, self.now))
    }

    fn quote(&mut self, at: i64) -> Dispatch {
        self.tell(quote(at, self.now))
    }

    fn ask(&mut self, intent: Intent) -> (Verdict, Dispatch) {
        let mut done = self.step(vec![request(1, asked(intent))]);
        let (_, verdict) = done.verdicts.pop().expect("a verdict");
        (verdict, done)
    }

    fn kill(&mut self, level: KillLevel) -> Dispatch {
        let (verdict, done) =
            self.ask(Intent::Kill { account: None, level, reset_baseline: false });
        assert!(verdict.accepted(), "{verdict:?}");
        done
    }

    /// Opens a long of one with stop 95, whose entry rests at the broker.
    fn entered(&mut self) -> OrderReport {
        self.up();
        self.picture(vec![]);
        self.quote(100);
        let (verdict, mut done) = self.ask(Intent::Open(Box::new(long())));
        assert!(verdict.accepted(), "{verdict:?}");
        let command = done.commands.pop().expect("the entry");
        let order = placed(&command, self.now, "o1");
        self.placed(&command, &order);
        order
    }

    fn placed(&mut self, command: &Command, order: &OrderReport) -> Dispatch {
        let order = Some(Box::new(order.clone()));
        let answer = Answer::Placed { order, progress: Progress::Accepted };
        self.tell(BrokerEvent::Answer { op: command.op.clone(), answer })
    }

    fn report(&mut self, order: &OrderReport, status: OrderStatus) -> Dispatch {
        let order = reported(order, status, self.now);
        self.tell(BrokerEvent::Polled { orders: vec![order], fills: vec![] })
    }

    /// The same, filled, with its stop resting.
    fn opened(&mut self) {
        let order = self.entered();
        let mut done = self.report(&order, OrderStatus::Filled);
        let stop = done.commands.pop().expect("the stop");
        let leg = BracketLeg {
            role: Role::Stop,
            broker_id: "s1".into(),
            client_id: Some(stop.client_id.clone()),
            status: OrderStatus::Working,
            limit: None,
            trigger: price(95),
            quantity: quantity(1),
            filled: Quantity::ZERO,
        };
        let answer = Answer::Adjusted {
            legs: vec![leg],
            how: How::NewLeg,
            progress: Progress::Confirmed,
            memo: vec![],
        };
        self.tell(BrokerEvent::Answer { op: stop.op.clone(), answer });
    }

    /// Its stop, all of it, fills.
    fn sold(&mut self) -> Dispatch {
        let orders = &self.engine.book().transactions[&ID].orders;
        let stop = orders.iter().find(|order| order.role == Role::Stop).expect("a stop").clone();
        let sold = self.report_of(stop);
        self.tell(BrokerEvent::Polled { orders: vec![sold], fills: vec![] })
    }

    /// A stop as it would be told once it has sold.
    fn report_of(&self, stop: Order) -> OrderReport {
        OrderReport {
            broker_id: stop.broker_id,
            client_id: stop.client_id,
            group: None,
            parent: None,
            replaces: None,
            replaced_by: None,
            role: Some(Role::Stop),
            symbol: Symbol::new("S"),
            side: stop.side,
            kind: stop.kind,
            time_in_force: TimeInForce::Gtc,
            status: OrderStatus::Filled,
            quantity: stop.quantity,
            filled: stop.quantity,
            avg_price: stop.trigger,
            limit: None,
            trigger: stop.trigger,
            reject: None,
            updated_at: self.now,
        }
    }

    fn status(&self) -> TransactionStatus {
        self.engine.book().transactions[&ID].status
    }
}

fn fresh() -> World {
    let ledger = Ledger::in_memory().expect("a ledger");
    World::start(ledger, Timestamp(1_700_000_000_000_000))
}

fn kinds(done: &Dispatch) -> Vec<FactKind> {
    done.facts.iter().map(|(_, fact)| fact.kind).collect()
}

#[test]
fn g8_cancel_entries_that_nobody_could_send_is_sent_after_a_restart() {
    let mut world = fresh();
    let order = world.entered();
    world.tell(down());
    let done = world.kill(KillLevel::CancelEntries);
    assert!(done.commands.is_empty() && kinds(&done).contains(&FactKind::KillChanged));

    let mut world = world.again();
    assert_eq!(world.engine.book().kill.level, KillLevel::CancelEntries);
    world.up();
    let done = world.picture(vec![order.clone()]);
    let [cancel] = &done.commands[..] else { panic!("{:?}", done.commands) };
    assert!(matches!(&cancel.call, Call::Cancel { order: id } if *id == order.broker_id));
    world.report(&order, OrderStatus::Canceled);
    assert_eq!(world.status(), TransactionStatus::Closed);
}

#[test]
fn g8_flatten_goes_on_after_a_crash_between_its_steps() {
    let mut world = fresh();
    world.opened();
    let done = world.kill(KillLevel::Flatten);
    let [free] = &done.commands[..] else { panic!("{:?}", done.commands) };
    let clears = |call: &Call| {
        matches!(call, Call::Adjust { stop: Change::Clear, target: Change::Clear, .. })
    };
    assert!(clears(&free.call), "{free:?}");
    assert_eq!(world.status(), TransactionStatus::Closing);

    // It never left; the next process finds the stop still there.
    let mut world = world.again();
    assert_eq!(world.engine.book().kill.level, KillLevel::Flatten);
    assert_eq!(world.status(), TransactionStatus::Closing);
    let mut told = vec![world.up(), world.picture(vec![])];
    let mut sent = Vec::new();
    for _ in 0..40 {
        world.now = world.now.plus_ms(500);
        told.push(world.step(vec![]));
        while let Some(done) = told.pop() {
            sent.extend(done.commands);
            for (_, read) in done.reads {
                let Read::Bracket { op, bracket, .. } = read else { continue };
                let found = Found::Legs { legs: bracket.legs, memo: vec![] };
                told.push(world.tell(BrokerEvent::LookedUp { op, found }));
            }
        }
    }
    let [again] = &sent[..] else { panic!("{sent:?}") };
    assert!(clears(&again.call), "{again:?}");
}

#[test]
fn g13_arming_is_inherited_by_the_next_process_and_so_is_disarming() {
    let mut world = fresh();
    world.up();
    world.picture(vec![]);
    let arm = |armed| Intent::Arm { account: "a".into(), armed };
    world.ask(arm(false));
    let mut world = world.again();
    let is_armed = |world: &World| world.engine.book().accounts[&"a".into()].is_armed();
    assert!(!is_armed(&world), "whatever the configuration says");
    world.up();
    world.picture(vec![]);
    let (verdict, done) = world.ask(arm(true));
    assert_eq!((verdict.code(), &kinds(&done)[..]), ("STORED", &[FactKind::Armed][..]));
    let mut world = world.again();
    assert!(is_armed(&world));
    let done = world.step(vec![]);
    let inherited = done.facts.iter().map(|(_, f)| (&*f.code, &*f.text)).collect::<Vec<_>>();
    assert_eq!(inherited, [("INHERITED", "bracketd 1, plugin f00")]);
}

#[test]
fn g8_an_opening_that_may_not_be_is_refused_at_once_and_waits_for_no_instrument() {
    let open = || {
        let mut open = long();
        open.symbol = Symbol::new("NEVER READ");
        Intent::Open(Box::new(open))
    };
    let mut world = fresh();
    world.up();
    world.picture(vec![]);
    world.kill(KillLevel::Freeze);
    assert_eq!(world.ask(open()).0.code(), "KILLED");
    world.kill(KillLevel::Off);
    world.ask(Intent::Arm { account: "a".into(), armed: false });
    assert_eq!(world.ask(open()).0.code(), "DISARMED");
}

#[test]
fn an_opening_waits_for_a_price_where_the_last_one_is_of_long_ago() {
    let mut world = fresh();
    world.up();
    world.picture(vec![]);
    world.quote(100);
    world.now = world.now.plus_ms(700_000);
    let open = asked(Intent::Open(Box::new(long())));
    let done = world.step(vec![request(1, open)]);
    assert!(done.verdicts.is_empty(), "it is asked first: {:?}", done.verdicts);
    let done = world.quote(100);
    assert_eq!(done.verdicts[0].1.code(), "STAGED", "{:?}", done.verdicts);
}

#[test]
fn g8_the_file_freezes_and_a_policy_that_asks_on_is_refused_once() {
    let mut world = fresh();
    world.opened();
    let file = KillFile { level: KillLevel::Freeze, why: "smoke".to_owned() };
    let done = world.step(vec![Input::KillFile(Some(file.clone()))]);
    assert_eq!(kinds(&done), [FactKind::KillChanged]);
    assert!(kinds(&world.step(vec![Input::KillFile(Some(file))])).is_empty());
    let mut refused = 0;
    for at in 101..120 {
        let done = world.quote(at);
        assert!(done.commands.is_empty(), "{:?}", done.commands);
        refused += kinds(&done).iter().filter(|kind| **kind == FactKind::Refused).count();
    }
    assert_eq!(refused, 1);
    world.step(vec![Input::KillFile(None)]);
    world.kill(KillLevel::Off);
    assert_eq!(world.quote(121).commands.len(), 1, "and goes on once it is cleared");
}

#[test]
fn s3_what_was_decided_for_a_quantity_that_is_held_no_more_is_taken_back() {
    let mut w = fresh();
    w.opened();
    let stop = Wish::Set(price(97).expect("a price"));
    let protect = Intent::Protect { transaction: ID, stop, target: Wish::Keep };
    let (verdict, done) = w.ask(protect);
    assert!(verdict.accepted() && done.commands.len() == 1, "{verdict:?}");
    let op = done.commands[0].op.clone();
    assert_eq!(done.overtaken, [], "it waits for its turn at the account");
    let done = w.sold();
    assert_eq!(done.overtaken, [(AccountName::new("a"), op)]);
    assert_eq!(w.status(), TransactionStatus::Closed);
}

#[test]
fn s3_a_cancel_is_not_taken_back_by_what_it_was_to_end() {
    let mut w = fresh();
    w.opened();
    let features = Features::new([Features::PROTECT_BESIDE_OPEN_ENTRY.to_owned()]);
    w.tell(BrokerEvent::Instrument(Box::new(Instrument { features, ..instrument() })));
    let (_, done) = w.ask(Intent::Resize { transaction: ID, quantity: quantity(3) });
    let more = done.commands[0].clone();
    let order = Some(Box::new(placed(&more, w.now, "g1")));
    let answer = Answer::Placed { order, progress: Progress::Accepted };
    w.tell(BrokerEvent::Answer { op: more.op, answer });
    let (_, done) = w.ask(Intent::Close { transaction: ID });
    let call = &done.commands[0].call;
    assert!(matches!(call, Call::Cancel { .. }), "{call:?}");
    let done = w.sold();
    assert_eq!(kinds(&done)[..2], [FactKind::OrderChanged, FactKind::ExitFilled]);
    assert_eq!(done.overtaken, [], "nobody wants the growth, whatever was sold");
}

#[test]
fn seed_300822910_s2_exits_that_are_seen_while_a_command_waits_are_named_by_it_when_it_goes() {
    let mut w = fresh();
    w.opened();
    let protect = Intent::Protect {
        transaction: ID,
        stop: Wish::Keep,
        target: Wish::Set(price(120).expect("a price")),
    };
    let (_, done) = w.ask(protect);
    let pair = done.commands[0].clone();
    let named = |command: &Command| match &command.call {
        Call::Adjust { bracket, .. } => bracket.legs.len(),
        call => panic!("{call:?}"),
    };
    assert_eq!(named(&pair), 1, "the stop that rests");
    // An earlier command whose answer was lost has made a target as well.
    let stop = w.engine.book().transactions[&ID].orders.iter().find(|o| o.role == Role::Stop);
    let mut target = w.report_of(stop.expect("a stop").clone());
    target.broker_id = "t1".into();
    target.kind = OrderKind::Limit;
    (target.role, target.status) = (Some(Role::Target), OrderStatus::Working);
    (target.limit, target.trigger) = (price(120), None);
    (target.filled, target.avg_price) = (Quantity::ZERO, None);
    let seen = target.clone();
    let done = w.tell(BrokerEvent::Polled { orders: vec![seen], fills: vec![] });
    assert_eq!(done.overtaken, [(AccountName::new("a"), pair.op.clone())]);
    let fault = Fault::new("TAKEN_BACK", "");
    let answer = Answer::NotSent { fault, after_ms: 1 };
    w.tell(BrokerEvent::Answer { op: pair.op.clone(), answer });
    w.now = w.now.plus_ms(1_000);
    let again = w.step(vec![]).commands.pop().expect("it goes");
    assert_eq!((again.op.clone(), named(&again)), (pair.op, 2));
    target.updated_at = w.now;
    let done = w.tell(BrokerEvent::Polled { orders: vec![target], fills: vec![] });
    assert_eq!(done.overtaken, [], "it names both by now");
}

#[test]
fn seed_570291128_s1_an_order_in_doubt_is_asked_for_by_its_id_once_its_window_is_over() {
    let mut w = fresh();
    w.opened();
    let orders = vec!["s1".into()];
    w.tell(BrokerEvent::NotThere { orders: orders.clone(), asked_at: w.now });
    let asks = |done: &Dispatch| {
        let asked = |read: &Read| matches!(read, Read::Refresh { orders: ids } if *ids == orders);
        done.reads.iter().any(|(_, read)| asked(read))
    };
    w.now = w.now.plus_ms(limits::SETTLE_MS);
    assert!(!asks(&w.step(vec![])));
    w.now = w.now.plus_ms(limits::RECHECK_MS);
    assert!(asks(&w.step(vec![])), "one message, where a whole read takes several");
}

#[test]
fn seed_620902451_s1_a_stop_that_was_to_go_is_asked_for_once_its_account_is_back() {
    for (status, is_asked) in [(OrderStatus::Working, false), (OrderStatus::PendingCancel, true)] {
        let mut w = fresh();
        w.opened();
        let orders = &w.engine.book().transactions[&ID].orders;
        let stop = orders.iter().find(|o| o.role == Role::Stop).expect("a stop").clone();
        let rests = OrderReport {
            status,
            filled: Quantity::ZERO,
            avg_price: None,
            updated_at: w.now,
            ..w.report_of(stop)
        };
        w.tell(BrokerEvent::Polled { orders: vec![rests], fills: vec![] });
        w.tell(down());
        let orders = vec!["s1".into()];
        let asked = |read: &Read| matches!(read, Read::Refresh { orders: ids } if *ids == orders);
        let done = w.tell(up(Features::default()));
        assert_eq!(done.reads.iter().any(|(_, read)| asked(read)), is_asked, "{status:?}");
    }
}

#[test]
fn a_loss_is_measured_from_the_same_equity_after_a_restart() {
    let mut world = fresh();
    let balance = |equity: i64| {
        let equity = Decimal::from(equity);
        BrokerEvent::Balance(Balance {
            cash: equity,
            equity,
            buying_power: equity,
            currency: "USD".to_owned(),
            account: None,
        })
    };
    world.tell(balance(1_000));
    world.tell(balance(950));
    let mut world = world.again();
    world.tell(balance(899));
    let level = |world: &World| world.engine.book().kill_level(&"a".into());
    assert_eq!(level(&world), KillLevel::ProtectOnly, "101 below the day's first");
    assert_eq!(level(&world.again()), KillLevel::ProtectOnly);
}
