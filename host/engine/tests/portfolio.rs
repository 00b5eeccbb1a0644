//! Policies of a whole account: what they are told, what they may do, and that it outlives a
//! restart.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::broker::{Balance, BrokerEvent};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{AccountName, PolicyName, TransactionId};
use bracketd_core::instrument::Features;
use bracketd_core::intent::{Intent, Open};
use bracketd_core::order::Direction;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{EntryKind, TransactionStatus};
use bracketd_engine::{Dispatch, Engine, Input, PolicySettings, Settings};
use bracketd_policy::Verbs;
use bracketd_store::Ledger;
use common::{
    Unhurried, asked, filled, instrument, long, picture, policies, price, quote, request, up, word,
};

const START: Timestamp = Timestamp(1_700_000_040_000_000);

struct World {
    engine: Engine,
    now: Timestamp,
}

impl World {
    fn start(ledger: Ledger, now: Timestamp, body: &str, verbs: Verbs) -> Self {
        let script = format!(
            "const POLICY = #{{ version: \"1\", api: 1 }};\nconst STATE = #{{ n: 0 }};\n\
             fn on_portfolio(pf, p) {{ {body} }}\n"
        );
        let rules = AccountRules {
            portfolio_policies: vec![PolicyName::new("whole")],
            quote_age_ms_max: 600_000,
            ..AccountRules::default()
        };
        let settings = PolicySettings { verbs, ..PolicySettings::default() };
        let settings = Settings {
            accounts: [(AccountName::new("a"), rules)].into(),
            policies: [(PolicyName::new("whole"), settings)].into(),
            ..Settings::default()
        };
        let set = policies("whole", &script);
        let engine = Engine::start(ledger, settings, set, now).expect("a start");
        let mut world = Self { engine, now };
        world.tell(BrokerEvent::Instrument(Box::new(instrument())));
        world.tell(up(Features::default()));
        world.tell(picture(vec![], now));
        world
    }

    fn new(body: &str) -> Self {
        Self::start(Ledger::in_memory().expect("a ledger"), START, body, Verbs::default())
    }

    fn step(&mut self, inputs: Vec<Input>) -> Dispatch {
        self.engine.step(self.now, inputs, &Unhurried)
    }

    fn tell(&mut self, event: BrokerEvent) -> Vec<String> {
        let facts = self.step(vec![word(event)]).facts;
        let line = |(_, f): &(u64, bracketd_core::fact::Fact)| match f.kind {
            FactKind::PolicyAlert => Some(f.text.clone()),
            FactKind::Refused => Some(format!("refused {}", f.code)),
            FactKind::PolicyFrozen => Some(format!("frozen {}", f.code)),
            _ => None,
        };
        facts.iter().filter_map(line).collect()
    }

    fn equity(&mut self, equity: i64) -> Vec<String> {
        self.now = self.now.plus_ms(1_000);
        let equity = Decimal::from(equity);
        self.tell(BrokerEvent::Balance(Balance {
            equity,
            cash: equity,
            buying_power: equity,
            currency: "USD".to_owned(),
            account: None,
        }))
    }

    fn price(&mut self, price: i64) -> Vec<String> {
        self.now = self.now.plus_ms(1_000);
        self.tell(quote(price, self.now))
    }

    fn open(&mut self) {
        self.open_as(Direction::Long, 95, 149);
    }

    fn open_as(&mut self, direction: Direction, stop: i64, target: i64) {
        let (stop, target) = (price(stop), price(target));
        let open = Open { entry: EntryKind::Market, direction, stop, target, ..long() };
        let sent = self.step(vec![request(1, asked(Intent::Open(Box::new(open))))]);
        let Some(command) = sent.commands.first() else { panic!("{:?}", sent.verdicts) };
        let event = filled(command, self.now);
        self.step(vec![word(event)]);
    }

    fn tx(&self, id: u64) -> &bracketd_core::transaction::Transaction {
        self.engine.book().transactions.get(&TransactionId(id)).expect("one")
    }
}

#[test]
fn losses_are_measured_from_what_the_ledger_keeps_also_after_a_restart() {
    let body =
        "this.n += 1; alert(\"info\", `${this.n} ${pf.day_pnl} ${pf.drawdown_pct} ${pf.peak}`);";
    let mut world = World::new(body);
    assert_eq!(world.equity(10_000), ["1 0 0 10000"]);
    assert_eq!(world.equity(10_400), ["2 400 0 10400"]);
    assert_eq!(world.equity(9_880), ["3 -120 5 10400"]);
    // What it kept rides with a commit at the latest a second later.
    world.now = world.now.plus_ms(2_000);
    world.step(vec![]);
    let now = world.now;
    let ledger = world.engine.into_ledger();
    let mut world = World::start(ledger, now, body, Verbs::default());
    assert_eq!(world.equity(9_880), ["4 -120 5 10400"]);
    // Another day: its result begins anew, the peak does not.
    world.now = world.now.plus_ms(86_400_000);
    assert_eq!(world.equity(9_880), ["5 0 5 10400"]);
}

#[test]
fn it_sees_what_is_held_and_may_change_each_transaction_within_its_verbs() {
    let rows: [(&str, Verbs, &[&str], &str, bool); 4] = [
        (
            "for t in pf.open_transactions() { ratchet_stop(t, offset_for(t, t.entry, -1), \"all\"); }",
            Verbs::default(),
            &[],
            "99",
            false,
        ),
        (
            "for t in pf.open_transactions() { close_position(t, \"out\"); }",
            Verbs::default(),
            &[],
            "95",
            true,
        ),
        (
            "for t in transactions() { close_position(t, \"out\"); }",
            Verbs::only(["ratchet_stop"]).expect("a verb"),
            &["refused VERB_NOT_ALLOWED"],
            "95",
            false,
        ),
        (
            "alert(\"info\", `${pf.exposure(\"S\")} ${pf.exposure(\"X\")} ${pf.open_count}`);",
            Verbs::default(),
            &["202 0 2"],
            "95",
            false,
        ),
    ];
    for (act, verbs, told, stop, closes) in rows {
        let body = format!("if pf.equity < 9000 {{ {act} }}");
        let ledger = Ledger::in_memory().expect("a ledger");
        let mut world = World::start(ledger, START, &body, verbs);
        world.price(100);
        world.open();
        world.open();
        assert_eq!(world.equity(10_000), [""; 0], "{act}");
        world.price(101);
        assert_eq!(world.equity(8_000), told, "{act}");
        for id in [1, 2] {
            let tx = world.tx(id);
            assert_eq!(tx.desired.stop.map(|p| p.to_string()).as_deref(), Some(stop), "{act}");
            assert_eq!(tx.status == TransactionStatus::Closing, closes, "{act}");
        }
    }
}

#[test]
fn i10_one_that_fails_three_times_in_a_row_is_not_asked_any_more_and_missing_data_is_no_failure() {
    let mut world = World::new("if pf.equity < 9000 { throw \"on purpose\"; }");
    // Before the money was read there is nothing to decide on.
    for _ in 0..5 {
        assert_eq!(world.price(100), [""; 0]);
    }
    assert_eq!(world.equity(8_000), [""; 0]);
    assert_eq!(world.equity(7_999), [""; 0]);
    assert_eq!(world.equity(7_998), ["frozen VERSION"]);
    assert_eq!(world.equity(7_997), [""; 0]);
    assert!(world.engine.is_frozen(&PolicyName::new("whole")));
}

#[test]
fn a_price_alone_knows_no_side_and_beside_a_short_it_knows_the_right_one() {
    let body = "if pf.equity < 9000 { for t in pf.open_transactions() { ACT } }";
    let rows = [
        ("ratchet_stop(t, offset_for(t, t.entry, -1), \"all\");", "101", 0),
        ("ratchet_stop(t, t.entry.offset_pct(-1), \"all\");", "105", 1),
    ];
    for (act, stop, failures) in rows {
        let mut world = World::new(&body.replace("ACT", act));
        world.price(100);
        world.open_as(Direction::Short, 105, 51);
        world.equity(10_000);
        world.now = world.now.plus_ms(1_000);
        let equity = Decimal::from(8_000);
        let balance = Balance {
            equity,
            cash: equity,
            buying_power: equity,
            currency: "USD".to_owned(),
            account: None,
        };
        let facts = world.step(vec![word(BrokerEvent::Balance(balance))]).facts;
        let failed = facts.iter().filter(|(_, f)| f.kind == FactKind::PolicyFailed);
        assert_eq!(
            failed.filter(|(_, f)| f.text.contains("offset_for")).count(),
            failures,
            "{act}"
        );
        let wanted = world.tx(1).desired.stop.map(|price| price.to_string());
        assert_eq!(wanted.as_deref(), Some(stop), "{act}");
    }
}
