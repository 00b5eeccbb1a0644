//! The engine's step, driven by hand with no thread: what policies are asked, and when.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use bracketd_core::book::AccountRules;
use bracketd_core::broker::BrokerEvent;
use bracketd_core::command::Urgency;
use bracketd_core::fact::FactKind;
use bracketd_core::guard::GuardRules;
use bracketd_core::ids::{AccountName, PolicyName, TransactionId};
use bracketd_core::instrument::Features;
use bracketd_core::intent::{Intent, Open, Request, Source, Wish};
use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::EntryKind;
use bracketd_engine::{Budget, Dispatch, Engine, Input, Settings};
use bracketd_policy::{BuildReport, PolicySet, SourceFile, Sources};
use bracketd_store::{FactFilter, Ledger};
use common::{
    Unhurried, asked, filled, instrument, long, picture, policies, price, quote, request, up, word,
};

const SCRIPT: &str = r#"const POLICY = #{ version: "1", api: 1 };
const PARAMS = #{};
const TIMERS = #{ beat: "every 90s" };
fn on_start(t, p) { alert("info", "start"); }
fn on_open(t, p) { alert("info", "open"); }
fn on_bar(t, bar, p) { alert("info", "bar"); }
fn on_timer(t, name, p) { alert("info", name); }
"#;

struct World {
    engine: Option<Engine>,
    now: Timestamp,
}

impl World {
    fn new(ledger: Ledger, now: Timestamp) -> Self {
        Self::with(SCRIPT, GuardRules::default(), ledger, now)
    }

    /// An account whose policy is this script, under these guards.
    fn with(script: &str, guards: GuardRules, ledger: Ledger, now: Timestamp) -> Self {
        let rules = AccountRules {
            policies: vec![PolicyName::new("watcher")],
            quote_age_ms_max: 600_000,
            guards,
            ..AccountRules::default()
        };
        let accounts = [(AccountName::new("a"), rules)].into();
        let settings = Settings { accounts, ..Settings::default() };
        let engine =
            Engine::start(ledger, settings, policies("watcher", script), now).expect("a start");
        let mut world = Self { engine: Some(engine), now };
        world.tell(BrokerEvent::Instrument(Box::new(instrument())));
        world.tell(up(Features::default()));
        world
    }

    fn step(&mut self, inputs: Vec<Input>) -> Dispatch {
        let engine = self.engine.as_mut().expect("an engine");
        engine.step(self.now, inputs, &Unhurried)
    }

    fn tell(&mut self, event: BrokerEvent) -> Dispatch {
        self.step(vec![word(event)])
    }

    fn picture(&mut self) -> Vec<String> {
        alerts(&self.tell(picture(vec![], self.now)))
    }

    fn quote_at(&mut self, second: i64) -> Vec<String> {
        alerts(&self.quoted_at(second))
    }

    fn quoted_at(&mut self, second: i64) -> Dispatch {
        self.now = Timestamp(1_700_000_040_000_000 + second * 1_000_000);
        self.tell(quote(100, self.now))
    }
}

/// What comes of a change of that one script.
fn policies_report(name: &str, script: &str, engine: &Engine) -> Option<BuildReport> {
    let policies = vec![SourceFile::new(name, &format!("{name}.rhai"), script)];
    let sources = Sources { policies, ..Sources::default() };
    Some(PolicySet::build(&sources, Some(engine.policies())))
}

fn alerts(dispatch: &Dispatch) -> Vec<String> {
    let facts = dispatch.facts.iter().map(|(_, fact)| fact);
    facts.filter(|f| f.kind == FactKind::PolicyAlert).map(|f| f.text.clone()).collect()
}

/// Opens a transaction without exits and has its entry filled.
fn opened(world: &mut World) -> Vec<String> {
    opened_with(world, None, None)
}

/// The same with exits wanted.
fn opened_with(world: &mut World, stop: Option<Price>, target: Option<Price>) -> Vec<String> {
    let open = Open { entry: EntryKind::Market, stop, target, ..long() };
    let sent = world.step(vec![request(1, asked(Intent::Open(Box::new(open))))]);
    let command = sent.commands.first().expect("the entry");
    let event = filled(command, world.now);
    alerts(&world.tell(event))
}

/// A step's share of policy runs is used up by the first of them.
struct Hurried;

impl Budget for Hurried {
    fn slice_over(&self) -> bool {
        true
    }
    fn run_begins(&self) {}
    fn run_over(&self, _operations: u64) -> bool {
        false
    }
}

#[test]
fn another_version_takes_over_in_slices_and_a_person_does_not_wait_for_it() {
    let says = |word: &str| {
        format!(
            "const POLICY = #{{ version: \"1\", api: 1 }};\nfn on_tick(t, m, p) {{ \
             alert(\"info\", \"{word}\"); }}\n"
        )
    };
    let ledger = Ledger::in_memory().expect("a ledger");
    let mut world =
        World::with(&says("old"), GuardRules::default(), ledger, Timestamp(1_700_000_040_000_000));
    world.picture();
    world.quote_at(1);
    for _ in 0..3 {
        opened(&mut world);
    }
    world.quote_at(2);
    let mut report = policies_report("watcher", &says("new"), world.engine.as_ref().expect("one"));
    let (mut told, mut steps) = (Vec::new(), 0);
    for turn in 0..8 {
        steps += 1;
        let mut inputs = Vec::new();
        if let Some(report) = report.take() {
            inputs.push(Input::Policies(Box::new(report)));
        }
        if turn == 1 {
            inputs.push(request(9, asked(Intent::Close { transaction: TransactionId(2) })));
        }
        let now = world.now;
        let sent = world.engine.as_mut().expect("an engine").step(now, inputs, &Hurried);
        assert_eq!(sent.verdicts.len(), usize::from(turn == 1), "turn {turn}");
        told.extend(alerts(&sent));
        if !sent.has_more {
            break;
        }
    }
    // What is being closed meanwhile is not asked about any more.
    assert_eq!(told, ["new", "new"]);
    assert_eq!(steps, 5, "a step for each that is set up, and one for each that is asked about");
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

#[test]
fn i14_what_is_on_its_way_is_raised_when_a_stop_waits_behind_it() {
    let ledger = Ledger::in_memory().expect("a ledger");
    let mut world = World::new(ledger, Timestamp(1_700_000_040_000_000));
    world.picture();
    world.quote_at(1);
    opened(&mut world);
    let transaction = TransactionId(1);
    let mut ask = |stop, target| {
        world.step(vec![request(2, asked(Intent::Protect { transaction, stop, target }))])
    };
    let target = ask(Wish::Keep, Wish::Set(price(120).expect("a price")));
    let urgencies: Vec<Urgency> = target.commands.iter().map(|c| c.urgency).collect();
    assert_eq!((urgencies, target.raised), (vec![Urgency::Routine], vec![]));
    // The stop goes out once the target's command is answered; that one is in its way now.
    let stop = ask(Wish::Set(price(90).expect("a price")), Wish::Keep);
    assert!(stop.commands.is_empty());
    assert_eq!(stop.raised, [("a".into(), transaction, Urgency::Unprotected)]);
}

/// Codes of the facts of that kind, with the transaction where it is about one.
fn told(dispatch: &Dispatch, kind: FactKind) -> Vec<(u64, String)> {
    let facts = dispatch.facts.iter().map(|(_, fact)| fact).filter(|fact| fact.kind == kind);
    facts.map(|f| (f.transaction.map_or(0, |id| id.0), f.code.to_string())).collect()
}

#[test]
fn g6_a_script_that_moves_a_stop_at_every_price_is_held_to_so_many_a_minute() {
    let script = r#"const POLICY = #{ version: "1", api: 1 };
const PARAMS = #{};
const STATE = #{ up: false };
fn on_tick(t, m, p) {
    this.up = !this.up;
    update_stop_loss(t, if this.up { 91 } else { 90 }, "back and forth");
}
"#;
    let guards = GuardRules { stop_moves_per_minute: 3, ..GuardRules::default() };
    let ledger = Ledger::in_memory().expect("a ledger");
    let mut world = World::with(script, guards, ledger, Timestamp(1_700_000_040_000_000));
    world.picture();
    world.quote_at(0);
    opened_with(&mut world, price(80), price(120));
    let (mut moved, mut tripped) = (0, Vec::new());
    for second in 1..=50 {
        let dispatch = world.quoted_at(second);
        moved += told(&dispatch, FactKind::StopChanged).len();
        tripped.extend(told(&dispatch, FactKind::GuardTripped));
    }
    // The first move is made at once, when it opens.
    assert!(moved <= 3, "{moved} moves");
    assert_eq!(tripped, [(1, "TOO_OFTEN".to_owned())], "told once, although it was asked often");
    let later: usize =
        (61..=70).map(|s| told(&world.quoted_at(s), FactKind::StopChanged).len()).sum();
    assert!((1..=3).contains(&later), "{later} more in the next minute");
}

#[test]
fn g19_a_script_that_closes_everything_is_stopped_and_told() {
    let script = r#"const POLICY = #{ version: "1", api: 1 };
const PARAMS = #{};
fn on_tick(t, m, p) { close_position(t, "everything must go"); }
"#;
    let guards = GuardRules { max_closes_per_minute: 2, ..GuardRules::default() };
    let ledger = Ledger::in_memory().expect("a ledger");
    let mut world = World::with(script, guards, ledger, Timestamp(1_700_000_040_000_000));
    world.picture();
    world.quote_at(0);
    for _ in 0..5 {
        opened_with(&mut world, price(80), price(120));
    }
    for second in 1..=200 {
        world.quoted_at(second);
    }
    let engine = world.engine.as_ref().expect("an engine");
    let closing = engine.book().transactions.values().filter(|tx| tx.task.is_some()).count();
    assert_eq!(closing, 2, "waiting for minutes did not help the script");
    let kinds = vec![FactKind::GuardTripped];
    let filter = FactFilter { kinds, ..FactFilter::default() };
    let facts = engine.ledger().facts(&filter).expect("facts");
    let codes: Vec<&str> = facts.iter().map(|stored| &*stored.fact.code).collect();
    assert_eq!(codes, ["TOO_MANY_CLOSES"], "told once");
}

#[test]
fn no_policy_decides_before_the_account_was_compared_and_none_of_its_events_is_lost() {
    let script = r#"const POLICY = #{ version: "1", api: 1 };
const PARAMS = #{};
const STATE = #{ version: 1, ticks: 0 };
fn on_start(t, p) { alert("info", "start"); }
fn on_bar(t, bar, p) { alert("info", "bar"); }
fn on_tick(t, m, p) { this.ticks += 1; alert("info", `tick ${this.ticks}`); }
"#;
    let guards = GuardRules::default;
    let ledger = Ledger::in_memory().expect("a ledger");
    let mut world = World::with(SCRIPT, guards(), ledger, Timestamp(1_700_000_040_000_000));
    world.picture();
    world.quote_at(1);
    opened(&mut world);
    let engine = world.engine.take().expect("an engine");
    let mut world = World::with(script, guards(), engine.into_ledger(), world.now);
    for second in [2, 30, 61, 100, 125, 190] {
        assert_eq!(world.quote_at(second), [""; 0], "at {second} s");
        let idle = world.step(vec![]);
        assert!(!idle.has_more && alerts(&idle).is_empty(), "what waits for the broker spins");
    }
    // The newest of each kind is asked then, and the start is not lost.
    assert_eq!(world.picture(), ["start", "bar", "tick 1"]);
    assert_eq!(world.quote_at(191), ["tick 2"]);
}

#[test]
fn what_a_policy_asks_for_before_the_account_was_compared_is_refused() {
    let script = r#"const POLICY = #{ version: "1", api: 1 };
const PARAMS = #{};
fn on_tick(t, m, p) { close_position(t, "old news"); }
"#;
    let guards = GuardRules::default;
    let ledger = Ledger::in_memory().expect("a ledger");
    let mut world = World::with(SCRIPT, guards(), ledger, Timestamp(1_700_000_040_000_000));
    world.picture();
    world.quote_at(1);
    opened(&mut world);
    let engine = world.engine.take().expect("an engine");
    let mut world = World::with(script, guards(), engine.into_ledger(), world.now);
    let transaction = TransactionId(1);
    let close = Request {
        source: Source::Policy { name: PolicyName::new("watcher"), digest: "f00".to_owned() },
        ..asked(Intent::Close { transaction })
    };
    let told = world.step(vec![request(3, close)]);
    let codes: Vec<&str> = told.verdicts.iter().map(|(_, verdict)| verdict.code()).collect();
    assert_eq!(codes, ["NOT_READY"]);
    world.quoted_at(2);
    let is_closing = |world: &World| {
        let engine = world.engine.as_ref().expect("an engine");
        engine.book().transactions[&transaction].task.is_some()
    };
    assert!(!is_closing(&world), "closed on the book of before the restart");
    world.picture();
    assert!(is_closing(&world), "and the price is not lost");
}
