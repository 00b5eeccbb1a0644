//! What the host does by itself through the engine's step: it goes on while the script fails, is in
//! the ledger with its fact, and holds after a restart and without any script.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use bracketd_core::book::AccountRules;
use bracketd_core::broker::{BrokerEvent, OrderReport};
use bracketd_core::command::{Answer, BracketLeg, Call, Change, Command, How, Progress};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{AccountName, PolicyName, TransactionId};
use bracketd_core::instrument::Features;
use bracketd_core::intent::{Intent, Verdict};
use bracketd_core::money::Quantity;
use bracketd_core::order::{Leg, OrderStatus, Role};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::TransactionStatus;
use bracketd_engine::{Dispatch, Engine, Noise, PolicySettings, Settings};
use bracketd_policy::{PolicySet, Verbs};
use bracketd_store::Ledger;
use common::{
    Unhurried, asked, instrument, long, picture, placed, policies, price, quantity, quote,
    reported, request, up, word,
};

/// Asks once, then fails at every price.
const SCRIPT: &str = r#"const POLICY = #{ version: "1", api: 1 };
fn on_open(t, p) {
    trail(t, #{ by: "price", distance: 3 }, "let it run");
    lock("S", minutes(10), "one at a time");
    request_review(t, "first of its kind");
    metric("opened", 1);
}
fn on_tick(t, m, p) { throw "on purpose"; }
"#;

const ID: TransactionId = TransactionId(1);

struct World {
    engine: Engine,
    now: Timestamp,
}

impl World {
    fn start(ledger: Ledger, set: PolicySet, now: Timestamp) -> Self {
        let rules =
            AccountRules { policies: vec![PolicyName::new("run")], ..AccountRules::default() };
        let verbs = Verbs::only(["trail", "lock", "request_review"]).expect("verbs");
        let settings = Settings {
            accounts: [(AccountName::new("a"), rules)].into(),
            policies: [(PolicyName::new("run"), PolicySettings { verbs, ..Default::default() })]
                .into(),
            ..Settings::default()
        };
        Self { engine: Engine::start(ledger, settings, set, now).expect("a start"), now }
    }

    fn tell(&mut self, event: BrokerEvent) -> Dispatch {
        self.now = self.now.plus_ms(1);
        let mut done = self.engine.step(self.now, vec![word(event)], &Unhurried);
        while done.has_more {
            self.now = self.now.plus_ms(1);
            let more = self.engine.step(self.now, vec![], &Unhurried);
            done.commands.extend(more.commands);
            done.facts.extend(more.facts);
            done.noise.extend(more.noise);
            done.has_more = more.has_more;
        }
        done
    }

    fn ask(&mut self, intent: Intent) -> (Verdict, Dispatch) {
        self.now = self.now.plus_ms(1);
        let input = vec![request(1, asked(intent))];
        let mut done = self.engine.step(self.now, input, &Unhurried);
        let (_, verdict) = done.verdicts.pop().expect("a verdict");
        (verdict, done)
    }

    fn up(&mut self, orders: Vec<OrderReport>) -> Dispatch {
        self.tell(BrokerEvent::Instrument(Box::new(instrument())));
        self.tell(up(Features::new([Features::REPLACE_IN_PLACE.to_owned()])));
        self.tell(picture(orders, self.now))
    }

    fn quote(&mut self, at: i64) -> Dispatch {
        self.tell(quote(at, self.now))
    }

    /// The stop that the command asks for comes to rest.
    fn rests(&mut self, command: &Command) -> Dispatch {
        let Call::Adjust { stop: Change::Set(trigger), .. } = &command.call else {
            panic!("{command:?}")
        };
        let leg = BracketLeg {
            role: Role::Stop,
            broker_id: format!("s{trigger}").as_str().into(),
            client_id: Some(command.client_id.clone()),
            status: OrderStatus::Working,
            limit: None,
            trigger: Some(*trigger),
            quantity: quantity(1),
            filled: Quantity::ZERO,
        };
        let answer = Answer::Adjusted {
            legs: vec![leg],
            how: How::ReplacedInPlace,
            progress: Progress::Confirmed,
            memo: vec![],
        };
        self.tell(BrokerEvent::Answer { op: command.op.clone(), answer })
    }

    fn stop(&self) -> (Option<i64>, Option<i64>) {
        let tx = &self.engine.book().transactions[&ID];
        let whole = |at: Option<bracketd_core::money::Price>| {
            at.and_then(|at| i64::try_from(at.get()).ok())
        };
        (whole(tx.desired.stop), whole(tx.working(Leg::Stop)))
    }
}

fn set() -> PolicySet {
    policies("run", SCRIPT)
}

/// A long of one at 100 with stop 95, held, whose policy has asked.
fn opened() -> (World, Dispatch) {
    let ledger = Ledger::in_memory().expect("a ledger");
    let mut world = World::start(ledger, set(), Timestamp(1_700_000_000_000_000));
    world.up(vec![]);
    world.quote(100);
    let (verdict, mut done) = world.ask(Intent::Open(Box::new(long())));
    assert!(verdict.accepted(), "{verdict:?}");
    let command = done.commands.pop().expect("the entry");
    let order = placed(&command, world.now, "o1");
    let answer =
        Answer::Placed { order: Some(Box::new(order.clone())), progress: Progress::Accepted };
    world.tell(BrokerEvent::Answer { op: command.op.clone(), answer });
    let filled = reported(&order, OrderStatus::Filled, world.now);
    let mut done = world.tell(BrokerEvent::Polled { orders: vec![filled], fills: vec![] });
    let stop = done.commands.pop().expect("the stop");
    let rests = world.rests(&stop);
    done.commands.extend(rests.commands);
    done.facts.extend(rests.facts);
    (world, done)
}

fn kinds(done: &Dispatch) -> Vec<FactKind> {
    done.facts.iter().map(|(_, fact)| fact.kind).collect()
}

#[test]
fn i10_a_trail_goes_on_while_its_script_fails_and_the_cause_is_in_the_ledger() {
    let (mut world, done) = opened();
    for kind in [FactKind::TrailChanged, FactKind::SymbolLockChanged, FactKind::ReviewChanged] {
        let found = done.facts.iter().find(|(_, fact)| fact.kind == kind).expect("a fact");
        assert_eq!(found.1.source.label(), "policy(run)");
    }
    let metric = |noise: &Noise| matches!(noise, Noise::Metric { name, .. } if name == "opened");
    assert!(done.noise.iter().any(metric), "{:?}", done.noise);

    assert!(kinds(&done).contains(&FactKind::PolicyFailed), "{:?}", kinds(&done));

    let mut done = world.quote(105);
    let moved = done.facts.iter().find(|(_, fact)| fact.kind == FactKind::StopChanged);
    let text = &moved.expect("the move").1.text;
    assert_eq!(text, "trail of policy(run), 3 behind 105: let it run");
    world.rests(&done.commands.pop().expect("the move"));
    assert_eq!(world.stop(), (Some(102), Some(102)));
    assert!(world.quote(104).commands.is_empty());
}

#[test]
fn a_trail_a_lock_and_a_review_outlive_the_process_and_the_script() {
    let (mut world, _) = opened();
    let moved = world.quote(105).commands.pop().expect("the move");
    world.rests(&moved);
    let orders = resting(&world);

    // Another process, and no policy at all.
    let (ledger, now) = (world.engine.into_ledger(), world.now.plus_ms(1_000));
    let mut world = World::start(ledger, PolicySet::default(), now);
    world.up(orders);
    let tx = &world.engine.book().transactions[&ID];
    assert_eq!(tx.standing.review.as_deref(), Some("first of its kind"));
    assert!(world.quote(104).commands.is_empty(), "no new best price");
    let moved = world.quote(107).commands.pop().expect("the move");
    world.rests(&moved);
    assert_eq!(world.stop(), (Some(104), Some(104)));
    let (verdict, _) = world.ask(Intent::Open(Box::new(long())));
    assert_eq!(verdict.code(), "SYMBOL_LOCKED", "{}", verdict.message);

    // A person ends it.
    let (verdict, _) = world.ask(Intent::Trail { transaction: ID, terms: None });
    assert_eq!(verdict.code(), "STORED");
    assert!(world.quote(120).commands.is_empty());
}

#[test]
fn a_best_price_that_a_refusal_kept_from_the_stop_outlives_the_process() {
    let (mut world, _) = opened();
    let lock = |locked| Intent::Lock { transaction: ID, leg: Leg::Stop, locked };
    world.ask(lock(true));
    let done = world.quote(110);
    let told = done.facts.iter().find(|(_, fact)| fact.kind == FactKind::Refused);
    assert_eq!(told.expect("it is told").1.code, "LOCKED");
    let orders = resting(&world);

    let (ledger, now) = (world.engine.into_ledger(), world.now.plus_ms(1_000));
    let mut world = World::start(ledger, set(), now);
    world.up(orders);
    world.quote(108);
    let (_, done) = world.ask(lock(false));
    assert_eq!(done.commands.len(), 1, "the stop goes where 110 had put it");
    assert_eq!(world.stop().0, Some(107));
    assert_eq!(world.engine.book().transactions[&ID].status, TransactionStatus::Opened);
    assert_eq!(price(107), world.engine.book().transactions[&ID].desired.stop);
}

/// The stop at the broker, as a picture lists it.
fn resting(world: &World) -> Vec<OrderReport> {
    let tx = &world.engine.book().transactions[&ID];
    let live = tx.orders.iter().filter(|order| !order.status.is_terminal());
    live.map(|order| OrderReport {
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
        time_in_force: bracketd_core::order::TimeInForce::Gtc,
        status: order.status,
        quantity: order.quantity,
        filled: order.filled,
        avg_price: None,
        limit: order.limit,
        trigger: order.trigger,
        reject: None,
        updated_at: world.now,
    })
    .collect()
}
