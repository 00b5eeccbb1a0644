//! Timers and sessions: what scripts are told, and when, over a day with its edges, a halt, a read
//! in between and a restart (I15: by the given time alone).

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use bracketd_core::book::AccountRules;
use bracketd_core::broker::{BrokerEvent, Session};
use bracketd_core::command::Read;
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{AccountName, PolicyName, Symbol};
use bracketd_core::instrument::Features;
use bracketd_core::intent::{Intent, Open};
use bracketd_core::time::Timestamp;
use bracketd_engine::{Dispatch, Engine, Input, Settings};
use bracketd_store::Ledger;
use common::{Unhurried, asked, instrument, long, picture, policies, quote, request, up, word};

/// Monday 2024-03-11, 09:00 in New York.
const START: Timestamp = Timestamp(1_710_162_000_000_000);

const SCRIPT: &str = r#"const POLICY = #{ version: "1", api: 1 };
const TIMERS = #{
    early: "session_open+5m", late: "session_close-10m", after: "session_close+2m",
    daily: "at 15:55 America/New_York",
};
fn on_timer(t, name, p) { alert("info", name); }
fn on_session(t, phase, p) { alert("info", phase); }
"#;

struct World {
    engine: Engine,
    now: Timestamp,
    reads: usize,
}

impl World {
    fn start(ledger: Ledger, now: Timestamp) -> Self {
        let rules = AccountRules {
            policies: vec![PolicyName::new("watcher")],
            quote_age_ms_max: 600_000,
            ..AccountRules::default()
        };
        let accounts = [(AccountName::new("a"), rules)].into();
        let settings = Settings { accounts, ..Settings::default() };
        let set = policies("watcher", SCRIPT);
        let engine = Engine::start(ledger, settings, set, now).expect("a start");
        let mut world = Self { engine, now, reads: 0 };
        world.tell(BrokerEvent::Instrument(Box::new(instrument())));
        world.tell(up(Features::default()));
        world.tell(picture(vec![], now));
        world
    }

    fn step(&mut self, inputs: Vec<Input>) -> Dispatch {
        let dispatch = self.engine.step(self.now, inputs, &Unhurried);
        let is_session = |read: &&(AccountName, Read)| matches!(read.1, Read::Instrument(_));
        self.reads += dispatch.reads.iter().filter(is_session).count();
        dispatch
    }

    fn tell(&mut self, event: BrokerEvent) -> Vec<String> {
        alerts(&self.step(vec![word(event)]))
    }

    /// The broker says so of the session: open or not, minutes from the start to its edges.
    fn session(&mut self, is_open: bool, open: i64, close: i64) -> Vec<String> {
        let session =
            Session { is_open, next_open: Some(minute(open)), next_close: Some(minute(close)) };
        self.tell(BrokerEvent::Session { symbol: Symbol::new("S"), session })
    }

    /// Everything that is told up to that minute, each with its own.
    fn until(&mut self, last: i64) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let next = self.step(vec![]).next_timer.filter(|at| *at <= minute(last));
            let Some(at) = next else { break };
            self.now = at;
            let told = alerts(&self.step(vec![]));
            let at = (self.now.0 - START.0) / 60_000_000;
            all.extend(told.into_iter().map(|text| format!("{at} {text}")));
        }
        self.now = minute(last);
        all
    }
}

fn minute(n: i64) -> Timestamp {
    Timestamp(START.0 + n * 60_000_000)
}

fn alerts(dispatch: &Dispatch) -> Vec<String> {
    let facts = dispatch.facts.iter().map(|(_, fact)| fact);
    facts.filter(|f| f.kind == FactKind::PolicyAlert).map(|f| f.text.clone()).collect()
}

fn opened(world: &mut World) {
    world.tell(quote(100, world.now));
    let open = Open { stop: None, ..long() };
    let sent = world.step(vec![request(1, asked(Intent::Open(Box::new(open))))]);
    assert!(!sent.commands.is_empty(), "{:?}", sent.verdicts);
}

#[test]
fn a_day_has_its_edges_and_timers_also_after_the_broker_named_the_next_ones() {
    let mut world = World::start(Ledger::in_memory().expect("a ledger"), START);
    opened(&mut world);
    // It opens at 9:30 and closes at 16:00; the next day's open is at minute 1,470.
    assert_eq!(world.session(false, 30, 420), [""; 0]);
    assert_eq!(world.until(32), ["30 open"]);
    // The broker names tomorrow's open: today's beat stays.
    assert_eq!(world.session(true, 1_470, 420), [""; 0]);
    let reads = world.reads;
    assert_eq!(world.until(425), ["35 early", "410 late", "415 daily", "420 close", "422 after"]);
    assert!(world.reads > reads, "the session is read again after its edge");
    // In the night the daemon starts anew; the next day is like this one.
    let mut world = World::start(world.engine.into_ledger(), world.now);
    assert_eq!(world.session(false, 1_470, 1_860), [""; 0]);
    let next = world.until(1_862);
    let expected =
        ["1470 open", "1475 early", "1850 late", "1855 daily", "1860 close", "1862 after"];
    assert_eq!(next, expected);
}

#[test]
fn a_halt_is_told_as_one_and_an_edge_is_told_once() {
    let mut world = World::start(Ledger::in_memory().expect("a ledger"), START);
    opened(&mut world);
    world.session(true, 1_470, 420);
    world.now = minute(100);
    assert_eq!(world.session(false, 1_470, 420), ["halt"]);
    world.now = minute(105);
    assert_eq!(world.session(true, 1_470, 420), ["open"]);
    assert_eq!(world.until(420).last().map(String::as_str), Some("420 close"));
    assert_eq!(world.session(false, 1_470, 1_860), [""; 0], "told already");
}
