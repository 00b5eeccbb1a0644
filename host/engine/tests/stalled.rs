//! The ledger cannot be written for a long time: what arrives meanwhile is bounded, and nothing of
//! it that counts is lost (S17).

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use bracketd_core::book::AccountRules;
use bracketd_core::broker::{BrokerEvent, Fill, OrderReport};
use bracketd_core::command::{Answer, Call, Progress};
use bracketd_core::control::{KillFile, KillLevel};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{AccountName, Symbol, TransactionId};
use bracketd_core::instrument::Features;
use bracketd_core::intent::{Intent, Outcome, Request, Source, Verdict, Wish};
use bracketd_core::order::OrderStatus;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::TransactionStatus;
use bracketd_engine::{Dispatch, Engine, Input, Settings};
use bracketd_policy::PolicySet;
use bracketd_store::{FactFilter, Ledger};
use common::{
    Unhurried, asked, down, instrument, long, picture, placed, price, quantity, quote, reported,
    request, up, word,
};

const ID: TransactionId = TransactionId(1);

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
        let stalls = world.tell(down());
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
            up(Features::default()),
            picture(vec![], now),
            quote(100, now),
        ];
        engine.step(now, told.map(word).into(), &Unhurried);
        let open = asked(Intent::Open(Box::new(long())));
        let sent = engine.step(now, vec![request(1, open)], &Unhurried);
        let command = sent.commands.first().expect("the entry").clone();
        let entry = placed(&command, now, "o1");
        let order = Some(Box::new(entry.clone()));
        let answer = Answer::Placed { order, progress: Progress::Accepted };
        let mut world = Self { engine, now, entry };
        world.tell(BrokerEvent::Answer { op: command.op, answer });
        world
    }

    /// Somebody asks; the verdict, where it comes at once. Nothing is sent meanwhile.
    fn ask(&mut self, intent: Intent) -> Option<Verdict> {
        let dispatch = self.step(vec![request(7, asked(intent))]);
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
        reported(&self.entry, status, self.now)
    }

    /// The ledger can be written again; what follows.
    fn goes_on(&mut self) -> Dispatch {
        self.engine.ledger().refuse_writes(false);
        assert!(self.step(vec![]).has_more);
        self.step(vec![])
    }
}

fn polled(orders: Vec<OrderReport>, fills: Vec<Fill>) -> BrokerEvent {
    BrokerEvent::Polled { orders, fills }
}

#[test]
fn s17_hours_of_prices_polls_and_pictures_take_the_room_of_the_newest() {
    let mut world = World::stalled();
    for round in 0..3_000 {
        let (now, working) = (world.now, world.report(OrderStatus::Working));
        world.tell(quote(90 + round % 20, now));
        world.tell(picture(vec![], now));
        world.tell(polled(vec![working], vec![]));
        world.tell(down());
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
    world.tell(up(Features::default()));
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

/// Seed 210087300: a history that is cut, or begins later, leaves out what the picture before showed.
#[test]
fn i13_what_a_picture_showed_is_kept_when_a_newer_one_leaves_it_out() {
    for is_older_first in [true, false] {
        let mut world = World::stalled();
        world.tell(up(Features::default()));
        let shows = picture(vec![world.report(OrderStatus::Filled)], world.now);
        let leaves_out = picture(vec![], world.now.plus_ms(1));
        let (first, second) =
            if is_older_first { (shows, leaves_out) } else { (leaves_out, shows) };
        world.tell(first);
        world.tell(second);
        world.goes_on();
        let tx = &world.engine.book().transactions[&ID];
        assert_eq!(tx.held(), quantity(1), "the older one first: {is_older_first}");
    }
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
    for asked in [by(policy, "x", None), by(ann(), " ", None), by(ann(), "x", Some("b"))] {
        let dispatch = world.step(vec![request(1, asked)]);
        assert_eq!(dispatch.verdicts[0].1.code(), "LEDGER_FAILED");
        assert_eq!(world.engine.book().kill.level, KillLevel::Off);
    }
}
