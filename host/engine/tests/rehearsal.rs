//! New versions tried on what the engine holds: what they are asked about, and that nothing of it
//! is left behind (I10, I11, I15).

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use bracketd_core::book::AccountRules;
use bracketd_core::broker::{Balance, BrokerEvent};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{AccountName, PolicyName};
use bracketd_core::instrument::Features;
use bracketd_core::intent::{Intent, Open};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::EntryKind;
use bracketd_engine::{Dispatch, Engine, Input, Settings};
use bracketd_policy::{BuildReport, PolicySet, SourceFile, Sources, Subject};
use bracketd_store::Ledger;
use common::{
    Unhurried, asked, filled, instrument, long, picture, price, quote, request, up, word,
};

const START: Timestamp = Timestamp(1_700_000_040_000_000);

/// Stands a rung of percents under the price, and counts.
fn follow(percent: &str) -> String {
    format!(
        "const POLICY = #{{ version: \"{percent}\", api: 1 }};\nconst STATE = #{{ n: 0 }};\n\
         fn on_tick(t, m, p) {{ this.n += 1; ratchet_stop(t, m.bid.offset_pct(-{percent}), \"x\"); }}\n\
         fn on_portfolio(pf, p) {{ this.n += 1; }}\n"
    )
}

struct World {
    engine: Engine,
    now: Timestamp,
    set: PolicySet,
}

impl World {
    /// Account `a` whose transactions, and itself, are looked after by `p`; not compared yet.
    fn new(script: &str) -> Self {
        let set = PolicySet::build(&sources(script), None).set;
        Self::on(Ledger::in_memory().expect("a ledger"), set, START)
    }

    /// The same with this ledger, and this set in the directory.
    fn on(ledger: Ledger, set: PolicySet, now: Timestamp) -> Self {
        let name = PolicyName::new("p");
        let rules = AccountRules {
            policies: vec![name.clone()],
            portfolio_policies: vec![name],
            quote_age_ms_max: 600_000,
            ..AccountRules::default()
        };
        let settings =
            Settings { accounts: [(AccountName::new("a"), rules)].into(), ..Settings::default() };
        let engine = Engine::start(ledger, settings, set.clone(), now).expect("a start");
        let mut world = Self { engine, now, set };
        world.tell(BrokerEvent::Instrument(Box::new(instrument())));
        world.tell(up(Features::default()));
        world
    }

    fn compared(script: &str) -> Self {
        let mut world = Self::new(script);
        world.tell(picture(vec![], world.now));
        world.tell(BrokerEvent::Balance(Balance {
            account: None,
            currency: "USD".to_owned(),
            equity: 10_000.into(),
            cash: 10_000.into(),
            buying_power: 10_000.into(),
        }));
        world.price(100);
        world
    }

    fn tell(&mut self, event: BrokerEvent) -> Dispatch {
        self.step(vec![word(event)])
    }

    fn step(&mut self, inputs: Vec<Input>) -> Dispatch {
        self.engine.step(self.now, inputs, &Unhurried)
    }

    fn price(&mut self, at: i64) -> Dispatch {
        self.now = self.now.plus_ms(1_000);
        self.tell(quote(at, self.now))
    }

    fn open(&mut self) {
        let open = Open { entry: EntryKind::Market, stop: price(90), target: price(149), ..long() };
        let sent = self.step(vec![request(1, asked(Intent::Open(Box::new(open))))]);
        let Some(command) = sent.commands.first() else { panic!("{:?}", sent.verdicts) };
        let event = filled(command, self.now);
        self.tell(event);
    }

    fn rehearsed(&self, script: &str) -> BuildReport {
        let mut ask = |name: &PolicyName| Some(self.engine.moments(name, self.now));
        PolicySet::rehearsed(&sources(script), Some(&self.set), &mut ask)
    }

    /// The states of what is live, as a version would be asked about it.
    fn states(&self) -> Vec<String> {
        let moments = self.engine.moments(&PolicyName::new("p"), self.now);
        let line = |moment: &bracketd_policy::Moment| match &moment.about {
            Subject::Transaction(sample) => format!("{} {}", sample.transaction.id, moment.state),
            Subject::Account => format!("{} {}", moment.account, moment.state),
        };
        moments.all.iter().map(line).collect()
    }
}

fn sources(script: &str) -> Sources {
    let policies = vec![SourceFile::new("p", "p.rhai", script)];
    Sources { policies, ..Sources::default() }
}

#[test]
fn i11_what_is_live_is_handed_out_newest_first_with_what_is_kept_of_it() {
    let mut world = World::new(&follow("5.0"));
    assert_eq!(
        world.states(),
        [] as [&str; 0],
        "an account that was not compared is not asked about"
    );
    world.tell(picture(vec![], world.now));
    assert_eq!(world.states(), ["a {\"n\":1}"]);
    world.price(100);
    world.open();
    world.price(101);
    world.open();
    let states = world.states();
    assert_eq!(states[..2], ["2 {\"n\":1}", "1 {\"n\":2}"]);
    assert!(states[2].starts_with("a "), "{states:?}");
    for _ in 0..20 {
        world.open();
    }
    let moments = world.engine.moments(&PolicyName::new("p"), world.now);
    assert_eq!((moments.all.len(), moments.is_all), (17, false), "sixteen and the account");
    let nobody = world.engine.moments(&PolicyName::new("q"), world.now);
    assert!(nobody.all.is_empty() && nobody.is_all && nobody.running.is_none());
}

#[test]
fn i11_the_fact_of_a_reload_tells_what_is_other_and_the_next_decision_shows_it() {
    let mut world = World::compared(&follow("5.0"));
    world.open();
    world.price(100);
    let report = world.rehearsed(&follow("4.0"));
    let said = "1 of 1 live transactions would get another stop; \
                none of 1 accounts would be dealt with otherwise";
    assert_eq!(report.changed[0].rehearsal, said);
    let told = world.step(vec![Input::Policies(Box::new(report))]).facts;
    let loaded = told.iter().find(|(_, fact)| fact.kind == FactKind::PolicyLoaded);
    let text = &loaded.expect("a fact").1.text;
    assert!(text.ends_with(&format!("; {said}")), "{text}");
    let moved = told.iter().find(|(_, fact)| fact.kind == FactKind::StopChanged).expect("a stop");
    assert_eq!(moved.1.after, price(96).map(|price| price.get()), "as was told");
}

#[test]
fn i10_i15_nothing_of_a_rehearsal_is_left_behind_and_it_comes_out_the_same() {
    let mut world = World::compared(&follow("5.0"));
    world.open();
    world.price(100);
    let seq = world.engine.ledger().last_fact_seq();
    let (book, states) = (format!("{:?}", world.engine.book()), world.states());
    let wild = follow("1.0").replace("this.n += 1;", "this.n += 100; alert(\"warn\", \"wild\");");
    let first = world.rehearsed(&wild);
    assert_eq!(first.changed[0].rehearsal, world.rehearsed(&wild).changed[0].rehearsal);
    let failing =
        follow("1.0").replace("ratchet_stop", "alert(\"warn\", \"x\"); throw \"no\"; ratchet_stop");
    let refused = world.rehearsed(&failing);
    assert_eq!(refused.refused[0].diagnostics[0].code, "P025");
    assert_eq!(format!("{:?}", world.engine.book()), book);
    assert_eq!(world.states(), states);
    let after = world.step(vec![]);
    assert!(after.facts.is_empty() && after.noise.is_empty() && after.commands.is_empty());
    assert_eq!(world.engine.ledger().last_fact_seq(), seq);
    // What was refused leaves one fact, and the version before goes on.
    let told = world.step(vec![Input::Policies(Box::new(refused))]).facts;
    let kinds: Vec<FactKind> = told.iter().map(|(_, fact)| fact.kind).collect();
    assert_eq!(kinds, [FactKind::PolicyRefused]);
    world.price(110);
    let policy = world.engine.policies().policy(&PolicyName::new("p")).expect("a policy");
    assert_eq!(policy.version(), "5.0");
}

#[test]
fn i11_a_start_does_not_take_what_a_rehearsal_refused_and_a_later_rehearsal_may() {
    let mut world = World::compared(&follow("5.0"));
    let first = PolicySet::build(&sources(&follow("5.0")), None);
    world.step(vec![Input::Policies(Box::new(first))]);
    world.open();
    world.price(100);
    let failing =
        follow("4.0").replace("this.n += 1; r", "if m.bid.value < 105.0 { throw \"no\"; } r");
    let refused = world.rehearsed(&failing);
    assert_eq!(refused.refused[0].diagnostics[0].code, "P025");
    world.step(vec![Input::Policies(Box::new(refused))]);
    let version = |world: &World| {
        let name = PolicyName::new("p");
        world.engine.policies().policy(&name).map(|p| p.version().to_owned()).unwrap_or_default()
    };
    // The directory still holds it when the daemon starts again.
    let set = PolicySet::build(&sources(&failing), None).set;
    let World { engine, now, .. } = world;
    let mut world = World::on(engine.into_ledger(), set, now);
    assert_eq!(version(&world), "5.0");
    // At another price there is nothing against it.
    world.tell(picture(vec![], world.now));
    world.price(110);
    world.set = world.engine.policies().clone();
    let taken = world.rehearsed(&failing);
    assert!(taken.refused.is_empty(), "{:?}", taken.refused);
    world.step(vec![Input::Policies(Box::new(taken))]);
    assert_eq!(version(&world), "4.0");
}

#[test]
fn i11_a_policy_of_an_account_is_tried_on_the_account() {
    let world = World::compared(&follow("5.0"));
    let failing = follow("5.0")
        .replace("fn on_portfolio(pf, p) {", "fn on_portfolio(pf, p) { let x = 1 / (this.n - 3);");
    let said =
        |report: &BuildReport| report.refused.first().map(|r| r.diagnostics[0].message.clone());
    let n = world.states();
    let report = world.rehearsed(&failing.replace("- 3", &format!("- {}", count(&n[0]))));
    let why = said(&report).expect("it is refused");
    assert!(why.starts_with("fails on account a in on_portfolio"), "{why}");
    assert_eq!(said(&world.rehearsed(&failing.replace("- 3", "- 77"))), None);
}

fn count(state: &str) -> u32 {
    state.chars().filter_map(|c| c.to_digit(10)).fold(0, |n, digit| n * 10 + digit)
}
