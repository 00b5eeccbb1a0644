//! A short is a long seen in a mirror: the same history around a price gives the same verdicts, and
//! the mirror images of stops, targets and commands.

use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::broker::{BrokerEvent, Fault, Quote};
use bracketd_core::command::{Answer, Call, Change};
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Open, Source, Wish};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Leg, Side};
use bracketd_core::standing::{TrailDistance, TrailTerms};
use bracketd_core::transaction::EntryKind;
use proptest::prelude::*;

use crate::bench_book::{ACCOUNT, ALPACA, Bench, quantity};

/// Cents from the price in the mirror's plane, toward the gaining side where above zero.
type Offset = i64;

#[derive(Clone, Copy, Debug)]
enum Step {
    Market(Offset),
    Protect { stop: Option<Offset>, target: Option<Offset>, by_policy: bool },
    Ratchet(Offset),
    Trail { cents: u32, from: Option<Offset>, step: u32 },
    NoTrail,
    Barriers { stop: Offset, target: Offset },
    Lock(bool),
    FillEntry(u32),
    Answer { taken: bool },
    Close,
    Resize(u32),
    Wait,
}

fn offset() -> impl Strategy<Value = Offset> {
    prop_oneof![-1_200i64..1_200, Just(-500), Just(500), Just(0)]
}

fn maybe_offset() -> impl Strategy<Value = Option<Offset>> {
    proptest::option::of(offset())
}

fn step() -> impl Strategy<Value = Step> {
    let maybe = || proptest::option::of(offset());
    prop_oneof![
        3 => offset().prop_map(Step::Market),
        4 => (maybe(), maybe(), any::<bool>())
            .prop_map(|(stop, target, by_policy)| Step::Protect { stop, target, by_policy }),
        2 => offset().prop_map(Step::Ratchet),
        1 => any::<bool>().prop_map(Step::Lock),
        2 => (0u32..400, maybe_offset(), 0u32..20)
            .prop_map(|(cents, from, step)| Step::Trail { cents, from, step }),
        1 => Just(Step::NoTrail),
        1 => (offset(), offset()).prop_map(|(stop, target)| Step::Barriers { stop, target }),
        3 => (1u32..=10).prop_map(Step::FillEntry),
        6 => any::<bool>().prop_map(|no| Step::Answer { taken: !no }),
        1 => Just(Step::Close),
        1 => (1u32..15).prop_map(Step::Resize),
        2 => Just(Step::Wait),
    ]
}

/// One side of the mirror.
struct World {
    bench: Bench,
    direction: Direction,
    id: TransactionId,
    entry: Option<bracketd_core::broker::OrderReport>,
    verdicts: Vec<&'static str>,
    commands: Vec<String>,
}

impl World {
    fn new(direction: Direction) -> Self {
        let mut bench = Bench::new(ALPACA);
        let account = bench.book.accounts.get_mut(&ACCOUNT.into()).expect("the account");
        account.rules = AccountRules { stop_may_loosen: false, ..account.rules.clone() };
        let mut world = Self {
            bench,
            direction,
            id: TransactionId(0),
            entry: None,
            verdicts: Vec::new(),
            commands: Vec::new(),
        };
        world.market(0);
        let open = Open {
            direction,
            entry: EntryKind::Limit(world.price(0)),
            stop: Some(world.price(-500)),
            target: Some(world.price(1_000)),
            ..crate::bench_book::wish()
        };
        world.id = world.bench.open(open);
        world
    }

    fn price(&self, offset: Offset) -> Price {
        let cents = match self.direction {
            Direction::Long => 10_000 + offset,
            Direction::Short => 10_000 - offset,
        };
        Price::new(Decimal::new(cents, 2)).expect("a price")
    }

    /// In cents from the plane, as [`World::price`] takes them.
    fn offset(&self, price: Price) -> String {
        let from_plane = price.get() - Decimal::ONE_HUNDRED;
        match self.direction {
            Direction::Long => from_plane.normalize().to_string(),
            Direction::Short => (-from_plane).normalize().to_string(),
        }
    }

    fn market(&mut self, offset: Offset) {
        let (near, far) = (self.price(offset), self.price(offset + 2));
        let (bid, ask) = (near.min(far), near.max(far));
        let at = self.bench.now;
        let quote = Quote { symbol: "AAA".into(), bid: Some(bid), ask: Some(ask), last: None, at };
        self.bench.tell(BrokerEvent::Quotes(vec![quote]));
    }

    fn ask(&mut self, intent: Intent, by_policy: bool) {
        let policy = || Source::Policy { name: "trail".into(), digest: String::new() };
        let person = || Source::Manual("ann".into());
        let source = if by_policy { policy() } else { person() };
        self.verdicts.push(self.bench.ask(intent, source).code());
    }

    fn step(&mut self, step: Step) {
        let transaction = self.id;
        match step {
            Step::Market(offset) => self.market(offset),
            Step::Protect { stop, target, by_policy } => {
                let wish = |offset: Option<Offset>| {
                    offset.map_or(Wish::Keep, |offset| Wish::Set(self.price(offset)))
                };
                let (stop, target) = (wish(stop), wish(target));
                self.ask(Intent::Protect { transaction, stop, target }, by_policy);
            }
            Step::Ratchet(offset) => {
                let stop = self.price(offset);
                self.ask(Intent::Ratchet { transaction, stop }, true);
            }
            Step::Trail { cents, from, step } => {
                let in_price = |cents: u32| Decimal::new(cents.into(), 2);
                let terms = Some(TrailTerms {
                    distance: TrailDistance::Price(in_price(cents)),
                    activate_at: from.map(|offset| self.price(offset)),
                    step: in_price(step),
                });
                self.ask(Intent::Trail { transaction, terms }, true);
            }
            Step::NoTrail => self.ask(Intent::Trail { transaction, terms: None }, true),
            Step::Barriers { stop, target } => {
                let (stop, target) = (Wish::Set(self.price(stop)), Wish::Set(self.price(target)));
                let hold_ms = 5_000;
                self.ask(Intent::Barriers { transaction, stop, target, hold_ms }, true);
            }
            Step::Lock(locked) => {
                self.ask(Intent::Lock { transaction, leg: Leg::Stop, locked }, false);
            }
            Step::FillEntry(units) => self.fill_entry(units),
            Step::Answer { taken } => self.answer(taken),
            Step::Close => self.ask(Intent::Close { transaction }, false),
            Step::Resize(units) => {
                let quantity = quantity(&units.to_string());
                self.ask(Intent::Resize { transaction, quantity }, false);
            }
            Step::Wait => self.bench.pass_ms(700),
        }
        self.note_commands();
    }

    fn fill_entry(&mut self, units: u32) {
        let Some(entry) = self.entry.clone() else { return };
        let filled = quantity(&units.to_string());
        let before = self.bench.tx(self.id).entered;
        if filled > before && filled <= entry.quantity {
            let at = self.price(0).to_string();
            self.bench.fill(&entry, &units.to_string(), &at);
        }
    }

    /// The oldest command that waits.
    fn answer(&mut self, taken: bool) {
        if self.bench.sent.is_empty() {
            return;
        }
        let command = self.bench.sent.remove(0);
        match &command.call {
            _ if !taken => {
                let fault = Fault::new("REJECTED", "no");
                self.bench.answer(&command, Answer::Rejected(fault));
            }
            Call::Submit(order) => {
                let opens = !order.reduce_only;
                let report = self.bench.accept(&command);
                if opens && self.entry.is_none() {
                    self.entry = Some(report);
                }
            }
            Call::Adjust { stop: Change::Clear, .. } => self.bench.cancel_exits(self.id),
            Call::Adjust { .. } => self.bench.adjusted(&command),
            Call::Cancel { .. } => {}
        }
    }

    /// The commands that wait, in the mirror's words.
    fn note_commands(&mut self) {
        let change = |change: &Change| match change {
            Change::Keep => "keep".to_owned(),
            Change::Clear => "clear".to_owned(),
            Change::Set(price) => self.offset(*price),
        };
        let words = self.bench.sent.iter().map(|command| match &command.call {
            Call::Submit(order) => {
                let opens = order.side == self.direction.entry_side();
                let limit = order.limit.map_or("market".to_owned(), |price| self.offset(price));
                format!("{} {} at {limit}", if opens { "in" } else { "out" }, order.quantity)
            }
            Call::Cancel { .. } => "cancel".to_owned(),
            Call::Adjust { bracket, stop, target } => {
                let own = if bracket.entry_side == Side::Buy {
                    Direction::Long
                } else {
                    Direction::Short
                };
                assert_eq!(own, self.direction);
                format!("exits of {}: {} {}", bracket.protect, change(stop), change(target))
            }
        });
        let words: Vec<String> = words.collect();
        self.commands.extend(words);
    }

    /// All that has to be the same in the mirror.
    fn seen(&self) -> (Vec<&'static str>, Vec<String>, Vec<String>) {
        let tx = self.bench.tx(self.id);
        let price = |price: Option<Price>| price.map_or("-".to_owned(), |p| self.offset(p));
        let held: Quantity = tx.held();
        let state = vec![
            tx.status.as_str().to_owned(),
            tx.protection.as_str().to_owned(),
            price(tx.desired.stop),
            price(tx.desired.target),
            price(tx.working(Leg::Stop)),
            price(tx.working(Leg::Target)),
            held.to_string(),
        ];
        (self.verdicts.clone(), self.commands.clone(), state)
    }
}

proptest! {
    #[test]
    fn longs_and_shorts_are_mirror_images(steps in proptest::collection::vec(step(), 1..40)) {
        let (mut long, mut short) = (World::new(Direction::Long), World::new(Direction::Short));
        for step in steps {
            long.step(step);
            short.step(step);
            prop_assert_eq!(long.seen(), short.seen(), "after {:?}", step);
        }
    }
}
