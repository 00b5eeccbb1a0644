//! Policies that fail too often: what is frozen, what is sent back, what is done about it, and that
//! stops stay and other policies go on meanwhile (I10, I11).

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use std::fmt::Write as _;

use bracketd_core::book::AccountRules;
use bracketd_core::broker::BrokerEvent;
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{AccountName, PolicyName, TransactionId};
use bracketd_core::instrument::Features;
use bracketd_core::intent::{Intent, Open};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::EntryKind;
use bracketd_engine::{Dispatch, Engine, Input, Settings, Thaw, Ticket};
use bracketd_policy::{PolicySet, SourceFile, Sources};
use bracketd_store::Ledger;
use common::{
    Unhurried, asked, filled, instrument, long, picture, price, quote, request, up, word,
};

const START: Timestamp = Timestamp(1_700_000_040_000_000);

/// A policy that fails while the price is 101 or above, and moves the stop below that.
fn script(version: &str, header: &str, on_tick: &str) -> String {
    format!(
        "const POLICY = #{{ version: \"{version}\", api: 1{header} }};\nfn on_tick(t, m, p) {{ {on_tick} }}\n"
    )
}

const FAILS: &str = "if m.bid.value >= 101.0 { throw \"on purpose\"; }";

fn built(scripts: &[(&str, &str)], previous: Option<&PolicySet>) -> bracketd_policy::BuildReport {
    let file = |(name, text): &(&str, &str)| SourceFile::new(name, &format!("{name}.rhai"), text);
    let policies = scripts.iter().map(file).collect();
    let report = PolicySet::build(&Sources { policies, ..Sources::default() }, previous);
    assert!(report.refused.is_empty(), "{:#?}", report.refused);
    report
}

struct World {
    engine: Engine,
    now: Timestamp,
    set: PolicySet,
    /// What was told, one line each.
    told: String,
}

impl World {
    /// Account `a`, whose transactions have these policies.
    fn new(scripts: &[(&str, &str)]) -> Self {
        let ledger = Ledger::in_memory().expect("a ledger");
        let mut world = Self::start(ledger, PolicySet::default(), START, scripts);
        world.load(scripts);
        world
    }

    fn start(ledger: Ledger, set: PolicySet, now: Timestamp, scripts: &[(&str, &str)]) -> Self {
        let policies = scripts.iter().map(|(name, _)| PolicyName::new(name)).collect();
        let rules = AccountRules { policies, quote_age_ms_max: 600_000, ..AccountRules::default() };
        let settings =
            Settings { accounts: [(AccountName::new("a"), rules)].into(), ..Settings::default() };
        let engine = Engine::start(ledger, settings, set.clone(), now).expect("a start");
        let mut world = Self { engine, now, set, told: String::new() };
        world.step(vec![word(BrokerEvent::Instrument(Box::new(instrument())))]);
        world.step(vec![word(up(Features::default()))]);
        world.step(vec![word(picture(vec![], world.now))]);
        world
    }

    /// The same ledger after a restart; the directory holds these scripts.
    fn restarted(self, scripts: &[(&str, &str)]) -> Self {
        let set = built(scripts, None).set;
        Self::start(self.engine.into_ledger(), set, self.now, scripts)
    }

    /// The directory holds these scripts from now on.
    fn load(&mut self, scripts: &[(&str, &str)]) {
        let report = built(scripts, Some(&self.set));
        self.set = report.set.clone();
        self.step(vec![Input::Policies(Box::new(report))]);
    }

    fn step(&mut self, inputs: Vec<Input>) -> Dispatch {
        let dispatch = self.engine.step(self.now, inputs, &Unhurried);
        for (_, fact) in &dispatch.facts {
            let about = fact.transaction.map_or(String::new(), |id| format!(" {id}"));
            let line = match fact.kind {
                FactKind::PolicyFrozen => format!("frozen {}{about}", fact.code),
                FactKind::PolicyThawed => format!("thawed{about}"),
                FactKind::PolicyRefused => "refused".to_owned(),
                FactKind::StopChanged => {
                    format!("stop{about} {}", fact.after.map_or(String::new(), |p| p.to_string()))
                }
                FactKind::CloseAsked => format!("close{about}"),
                FactKind::PolicyAlert => format!("alert{about} {}", fact.text),
                _ => continue,
            };
            writeln!(self.told, "{line}").expect("a text");
        }
        dispatch
    }

    /// So many prices, a second apart.
    fn prices(&mut self, price: i64, count: i64) {
        for _ in 0..count {
            self.now = self.now.plus_ms(1_000);
            self.step(vec![word(quote(price, self.now))]);
        }
    }

    /// Opens a transaction with its stop at 95 and fills its entry.
    fn open(&mut self) {
        let open = Open { entry: EntryKind::Market, stop: price(95), target: price(149), ..long() };
        let sent = self.step(vec![request(1, asked(Intent::Open(Box::new(open))))]);
        let Some(command) = sent.commands.first() else { panic!("{:?}", sent.verdicts) };
        let event = filled(command, self.now);
        self.step(vec![word(event)]);
    }

    fn thaw(&mut self, policy: &str, transaction: Option<u64>) -> &'static str {
        let thaw = Thaw {
            policy: PolicyName::new(policy),
            transaction: transaction.map(TransactionId),
            by: "ann".to_owned(),
            why: "looked at".to_owned(),
        };
        let done = self.step(vec![Input::Thaw { ticket: Ticket(9), thaw }]);
        done.verdicts.first().expect("a verdict").1.code()
    }

    fn told(&mut self) -> String {
        std::mem::take(&mut self.told)
    }

    fn stop(&self, id: u64) -> String {
        let tx = self.engine.book().transactions.get(&TransactionId(id)).expect("one");
        tx.desired.stop.map_or("none".to_owned(), |price| price.to_string())
    }

    fn version(&self, policy: &str) -> String {
        let policies = self.engine.policies();
        policies.policy(&PolicyName::new(policy)).expect("a policy").version().to_owned()
    }
}

#[test]
fn i10_three_failures_in_a_row_freeze_a_policy_there_and_everything_else_goes_on() {
    let failing = script("1", "", FAILS);
    let trailing = script("1", "", "ratchet_stop(t, m.bid.offset_pct(-3), \"trail\");");
    let scripts = [("failing", failing.as_str()), ("trailing", trailing.as_str())];
    let mut world = World::new(&scripts);
    world.prices(100, 1);
    world.open();
    // Two failures, then a good run: not in a row.
    world.prices(101, 2);
    world.prices(100, 1);
    world.prices(101, 2);
    assert!(!world.told().contains("frozen"));
    world.prices(102, 1);
    assert_eq!(world.told(), "frozen TRANSACTION 1\nstop 1 98.94\n");
    world.prices(110, 1);
    assert_eq!(world.stop(1), "106.7", "the other policy goes on");
    let facts = world.engine.freezes().to_vec();
    assert_eq!(facts.len(), 1);
    // It outlives a restart, and a person clears it.
    let mut world = world.restarted(&scripts);
    assert_eq!(world.engine.freezes(), facts);
    world.prices(101, 5);
    assert_eq!(world.told(), "");
    assert_eq!(world.thaw("failing", Some(2)), "UNCHANGED");
    assert_eq!(world.thaw("failing", Some(1)), "STORED");
    assert_eq!(world.thaw("nobody", None), "UNKNOWN_POLICY");
    assert_eq!(world.engine.freezes(), []);
}

#[test]
fn i11_a_version_that_fails_everywhere_goes_back_and_does_not_come_back_by_itself() {
    let good = script(
        "good",
        "",
        "ratchet_stop(t, m.bid.offset_pct(-3), \"trail\"); alert(\"info\", \"good\");",
    );
    let bad = script("bad", "", FAILS);
    let mut world = World::new(&[("p", &good)]);
    world.prices(100, 1);
    for _ in 0..4 {
        world.open();
    }
    world.load(&[("p", &bad)]);
    assert_eq!(world.version("p"), "bad");
    world.told();
    // Four transactions, three prices: ten failures within a minute before any is frozen twice.
    world.prices(110, 3);
    let told = world.told();
    assert!(told.contains("frozen SENT_BACK\n"), "{told}");
    assert_eq!(world.version("p"), "good");
    assert_eq!(world.stop(1), "106.7", "it decides at once");
    // The directory still holds it: neither a look nor a restart makes it decide.
    world.load(&[("p", &bad)]);
    assert_eq!(world.version("p"), "good");
    let mut world = world.restarted(&[("p", &bad)]);
    assert_eq!(world.version("p"), "good");
    assert!(world.told().contains("refused"));
    world.prices(120, 1);
    assert!(world.told().contains("alert 1 good\n"), "it is asked after the restart");
    let name = PolicyName::new("p");
    assert!(world.engine.freeze_of(&name).is_some() && !world.engine.is_frozen(&name));
    // Another content is another version.
    let mended = script("mended", "", "ratchet_stop(t, m.bid.offset_pct(-2), \"trail\");");
    world.load(&[("p", &mended)]);
    assert_eq!(world.version("p"), "mended");
    assert!(world.engine.freeze_of(&name).is_none());
    // The bad content again is still known, until a person says otherwise.
    world.load(&[("p", &bad)]);
    assert_eq!(world.version("p"), "mended");
    assert_eq!(world.thaw("p", None), "STORED");
    assert_eq!(world.version("p"), "bad");
}

#[test]
fn i11_a_version_that_fails_in_the_place_of_another_is_frozen_and_not_followed_by_older_ones() {
    let oldest = script("oldest", "", "alert(\"info\", \"oldest\");");
    let (older, bad) = (script("older", "", FAILS), script("bad", "", FAILS));
    let mut world = World::new(&[("p", &oldest)]);
    world.prices(100, 1);
    for _ in 0..4 {
        world.open();
    }
    world.load(&[("p", &older)]);
    world.load(&[("p", &bad)]);
    world.prices(110, 3);
    assert_eq!(world.version("p"), "older", "one step back");
    world.prices(110, 3);
    assert_eq!(world.version("p"), "older");
    let name = PolicyName::new("p");
    assert!(world.engine.is_frozen(&name), "nobody decides, and that is said");
    assert_eq!(world.engine.freeze_of(&name).and_then(|f| f.back_to.clone()), None);
    assert!(world.told().contains("frozen VERSION\n"));
}

#[test]
fn i10_what_a_script_says_about_errors_is_done_and_passes_the_gate() {
    let tighten = ", on_error: \"tighten\", tighten_pct: 1";
    let rows = [
        ("keep", "", "95", ""),
        ("tighten", tighten, "99.99", "stop 1 99.99\n"),
        ("close", ", on_error: \"close\"", "95", "close 1\n"),
    ];
    for (name, header, stop, told) in rows {
        let failing = script("1", header, FAILS);
        let mut world = World::new(&[("p", &failing)]);
        world.prices(100, 1);
        world.open();
        world.told();
        world.prices(101, 3);
        let all = world.told();
        assert_eq!(all, format!("frozen TRANSACTION 1\n{told}"), "{name}");
        assert_eq!(world.stop(1), stop, "{name}");
        world.prices(101, 3);
        assert_eq!(world.told(), "", "{name}: it is done once");
        let world = world.restarted(&[("p", &failing)]);
        assert!(world.engine.freezes().iter().all(|freeze| freeze.acted), "{name}");
    }
}

#[test]
fn i10_what_cannot_be_done_about_an_error_is_tried_again_a_minute_later() {
    let failing = script("1", ", on_error: \"close\"", FAILS);
    let mut world = World::new(&[("p", &failing)]);
    world.prices(100, 1);
    world.open();
    // A person keeps policies from changing anything.
    let kill = |level| asked(Intent::Kill { account: None, level, reset_baseline: false });
    world.step(vec![request(2, kill(bracketd_core::control::KillLevel::Freeze))]);
    world.told();
    world.prices(101, 3);
    world.prices(101, 30);
    assert!(!world.told().contains("close"));
    world.step(vec![request(2, kill(bracketd_core::control::KillLevel::Off))]);
    world.prices(101, 40);
    assert!(world.told().contains("close"));
}

/// A policy that counts prices in what it keeps, and tells the count.
fn counting(version: &str, state: &str, key: &str, on_reload: &str) -> String {
    format!(
        "const POLICY = #{{ version: \"{version}\", api: 1 }};\nconst STATE = #{{ {state} }};\n\
         fn on_tick(t, m, p) {{ this.{key} += 1; alert(\"info\", `{version} ${{this.{key}}}`); }}\n\
         {on_reload}\n"
    )
}

#[test]
fn i11_what_is_kept_moves_with_the_version_or_stays_with_the_old_one() {
    let one = counting("one", "n: 0", "n", "");
    let mut world = World::new(&[("p", &one)]);
    world.prices(100, 1);
    world.open();
    world.prices(100, 2);
    world.told();
    // No way to move it: the transaction stays with the version that knows what it keeps.
    world.load(&[("p", &counting("two", "version: 2, count: 0", "count", ""))]);
    world.prices(100, 2);
    assert_eq!(
        world.told(),
        "alert 1 one 4\nalert 1 one 5\nalert 1 one 6\n",
        "at once, and at each"
    );
    // A new one begins with the new version.
    world.open();
    world.told();
    world.prices(100, 1);
    assert_eq!(world.told(), "alert 1 one 7\nalert 2 two 2\n");
    // on_reload moves it; the state of the second is of that version already.
    let moves = "fn on_reload(old, p) { this.count = this.n * 10; this.remove(\"n\"); }";
    let three = counting("three", "version: 2, count: 0", "count", moves);
    world.load(&[("p", &three)]);
    let told = world.told();
    assert!(told.ends_with("alert 1 three 71\nalert 2 three 3\n"), "{told}");
    // It outlives a restart, and an on_reload that does more than that is refused.
    let mut world = world.restarted(&[("p", &three)]);
    world.told();
    world.prices(100, 1);
    assert_eq!(world.told(), "alert 1 three 72\nalert 2 three 4\n");
    let acts =
        "fn on_reload(old, p) { this.x = 0; this.remove(\"count\"); alert(\"info\", \"no\"); }";
    world.load(&[("p", &counting("four", "version: 3, x: 0", "x", acts))]);
    world.told();
    world.prices(100, 1);
    assert_eq!(world.told(), "alert 1 three 74\nalert 2 three 6\n");
}
