//! The rule as a table, and that no order of asking changes what comes of it.

use bracketd_core::Decimal;
use bracketd_core::apply::Transition;
use bracketd_core::book::{Account, AccountRules, Book};
use bracketd_core::broker::Quote;
use bracketd_core::check::propose;
use bracketd_core::decide::{PolicyIs, decide};
use bracketd_core::ids::Symbol;
use bracketd_core::instrument::{Features, Instrument, PriceBand};
use bracketd_core::intent::{GuardWish, Open};
use bracketd_core::ladder::RungWish;
use bracketd_core::money::Quantity;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::EntryKind;
use proptest::prelude::*;

use super::*;

fn price(units: i64) -> Price {
    Price::new(Decimal::from(units)).expect("a price")
}

fn quantity(units: i64) -> Quantity {
    Quantity::new(Decimal::from(units)).expect("a quantity")
}

/// Ten of `S` at 100, with a stop at 90 or 110 and a target at 120 or 80.
fn transaction(direction: Direction) -> Transaction {
    let mut account = Account::new("a".into(), AccountRules::default());
    (account.is_up, account.is_reconciled) = (true, true);
    let instrument = Instrument {
        symbol: Symbol::new("S"),
        broker_symbol: "S".to_owned(),
        currency: "USD".to_owned(),
        bands: vec![PriceBand { above: Decimal::ZERO, tick: Decimal::ONE }],
        qty_step: Decimal::ONE,
        min_qty: quantity(1),
        max_qty: None,
        min_notional: None,
        multiplier: Decimal::ONE,
        features: Features::default(),
    };
    account.instruments.insert("S".into(), instrument.into());
    let (bid, ask, now) = (Some(price(100)), Some(price(100)), Timestamp(1));
    account.quotes.insert("S".into(), Quote { symbol: "S".into(), bid, ask, last: None, at: now });
    let mut book = Book::new("test", 0);
    book.accounts.insert("a".into(), account);
    let sign = if direction == Direction::Long { 1 } else { -1 };
    let open = Open {
        account: "a".into(),
        owner: None,
        symbol: Symbol::new("S"),
        direction,
        quantity: quantity(10),
        entry: EntryKind::Limit(price(100)),
        time_in_force: None,
        stop: Some(price(100 - 10 * sign)),
        target: Some(price(100 + 20 * sign)),
        policies: None,
        on_partial: None,
        guard: GuardWish::Plain,
        distinct: true,
    };
    let request = Request {
        intent: Intent::Open(Box::new(open)),
        source: Source::Manual("ann".to_owned()),
        why: "test".to_owned(),
        if_version: None,
        inputs: String::new(),
    };
    let verdict =
        decide(&mut book, &request, &|_| PolicyIs::Active, now, &mut Transition::default());
    let id = verdict.transaction.unwrap_or_else(|| panic!("{verdict:?}"));
    Transaction::clone(&book.transactions[&id])
}

fn asks(name: &str, intent: Intent) -> Request {
    Request {
        intent,
        source: Source::Policy { name: name.into(), digest: "d".to_owned() },
        why: "because".to_owned(),
        if_version: None,
        inputs: String::new(),
    }
}

/// What a policy asks for, in short: `stop 95`, `ratchet 95`, `target 110`, `both 95 110`, `clear`,
/// `hold 5`, `close`, `barriers 95 110 60` with seconds, `no_limit`, `trail`.
fn intent(tx: &Transaction, text: &str) -> Intent {
    let transaction = tx.id;
    let mut words = text.split(' ');
    let verb = words.next().expect("a verb");
    let number = || words.clone().next().and_then(|w| w.parse().ok()).expect("a number");
    match verb {
        "stop" => {
            Intent::Protect { transaction, stop: Wish::Set(price(number())), target: Wish::Keep }
        }
        "target" => {
            Intent::Protect { transaction, stop: Wish::Keep, target: Wish::Set(price(number())) }
        }
        "both" => {
            let stop = Wish::Set(price(number()));
            let target = words.nth(1).and_then(|w| w.parse().ok()).expect("a target");
            Intent::Protect { transaction, stop, target: Wish::Set(price(target)) }
        }
        "clear" => Intent::Protect { transaction, stop: Wish::Keep, target: Wish::Clear },
        "ratchet" => Intent::Ratchet { transaction, stop: price(number()) },
        "hold" => Intent::Resize { transaction, quantity: quantity(number()) },
        "close" => Intent::Close { transaction },
        "barriers" => {
            let mut number = || words.next().and_then(|w| w.parse().ok()).expect("a number");
            let (stop, target) = (Wish::Set(price(number())), Wish::Set(price(number())));
            let hold_ms = u64::try_from(number()).expect("seconds") * 1_000;
            Intent::Barriers { transaction, stop, target, hold_ms }
        }
        "no_limit" => Intent::ClearTimeLimit { transaction },
        "trail" => Intent::Trail { transaction, terms: None },
        // Half at the first, half at the second target.
        "ladder" => {
            let half = Decimal::new(5, 1);
            let rungs = words.map(|word| RungWish {
                share: half,
                target: price(word.parse().expect("a target")),
            });
            Intent::Ladder { transaction, rungs: rungs.collect() }
        }
        other => panic!("{other}"),
    }
}

fn shown(request: &Request) -> String {
    let text = |wish: &Wish| match wish {
        Wish::Keep => "keep".to_owned(),
        Wish::Clear => "clear".to_owned(),
        Wish::Set(price) => price.to_string(),
    };
    let by = policy(request).map_or(String::new(), ToString::to_string);
    match &request.intent {
        Intent::Protect { stop, target, .. } => format!("{by}: {} {}", text(stop), text(target)),
        Intent::Ratchet { stop, .. } => format!("{by}: ratchet {stop}"),
        Intent::Resize { quantity, .. } => format!("{by}: hold {quantity}"),
        Intent::Barriers { stop, target, hold_ms, .. } => {
            format!("{by}: {} {} for {} s", text(stop), text(target), hold_ms / 1_000)
        }
        other => format!("{by}: {}", other.verb()),
    }
}

/// The round, merged and taken by the gate as it is.
fn round(
    wishes: &mut Wishes,
    tx: &mut Transaction,
    all: &[(&str, &str)],
) -> (Vec<String>, Vec<String>) {
    let requests = all.iter().map(|(name, text)| asks(name, intent(tx, text))).collect();
    let (left, gave_way) = wishes.merge(tx, requests);
    left.iter().for_each(|request| propose(tx, request, Decimal::ONE));
    wishes.decided(tx);
    let lost = gave_way.iter().map(|lost| format!("{}: {}", lost.policy, lost.text));
    (left.iter().map(shown).collect(), lost.collect())
}

/// What it shows, the side, who wants what, what goes on, what gave way.
type Row = (
    &'static str,
    Direction,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
    &'static [&'static str],
);

const LONG: Direction = Direction::Long;

#[test]
fn the_tightest_stop_the_nearest_target_the_smallest_quantity_and_a_close_win() {
    let rows: [Row; 9] = [
        ("one alone", LONG, &[("a", "stop 85")], &["a: 85 keep"], &[]),
        (
            "two stops",
            LONG,
            &[("a", "stop 95"), ("b", "stop 96")],
            &["b: 96 keep"],
            &["a: stop 95 gave way to b: 96 is tighter"],
        ),
        (
            "of a short",
            Direction::Short,
            &[("a", "stop 105"), ("b", "stop 106")],
            &["a: 105 keep"],
            &["b: stop 106 gave way to a: 105 is tighter"],
        ),
        (
            "two ratchets",
            LONG,
            &[("a", "ratchet 95"), ("b", "ratchet 96")],
            &["b: ratchet 96"],
            &["a: stop 95 gave way to b: 96 is tighter"],
        ),
        (
            "each wins a leg",
            LONG,
            &[("a", "both 95 110"), ("b", "both 96 115")],
            &["a: keep 110", "b: 96 keep"],
            &[
                "a: stop 95 gave way to b: 96 is tighter",
                "b: target 115 gave way to a: 110 is nearer",
            ],
        ),
        ("two agree", LONG, &[("a", "stop 95"), ("b", "stop 95")], &["a: 95 keep"], &[]),
        (
            "a target and none",
            LONG,
            &[("a", "clear"), ("b", "target 130")],
            &["b: keep 130"],
            &["a: target none gave way to b: 130 is nearer"],
        ),
        (
            "two quantities",
            LONG,
            &[("a", "hold 5"), ("b", "hold 3")],
            &["b: hold 3"],
            &["a: adjust_quantity 5 gave way to b: 3 is smaller"],
        ),
        (
            "a close",
            LONG,
            &[("a", "stop 95"), ("b", "close"), ("c", "close")],
            &["b: close_position"],
            &[
                "a: update_stop_loss gave way to close_position of b",
                "c: close_position gave way to close_position of b",
            ],
        ),
    ];
    as_told(&rows);
}

#[test]
fn a_triple_barrier_gives_way_leg_by_leg_and_the_shortest_limit_wins() {
    let rows: [Row; 5] = [
        (
            "a tighter stop",
            LONG,
            &[("a", "barriers 95 110 60"), ("b", "stop 96")],
            &["a: keep 110 for 60 s", "b: 96 keep"],
            &["a: stop 95 gave way to b: 96 is tighter"],
        ),
        (
            "wider ones",
            LONG,
            &[("a", "both 94 115"), ("b", "barriers 95 110 60")],
            &["b: 95 110 for 60 s"],
            &[
                "a: stop 94 gave way to b: 95 is tighter",
                "a: target 115 gave way to b: 110 is nearer",
            ],
        ),
        (
            "two of them",
            LONG,
            &[("a", "barriers 95 115 60"), ("b", "barriers 94 110 90"), ("c", "no_limit")],
            &["a: 95 keep for 60 s", "b: keep 110 for 60 s"],
            &[
                "b: a time limit of 90 s gave way to a: 60 s is shorter",
                "c: clear_time_limit gave way to a: 60 s is shorter",
                "b: stop 94 gave way to a: 95 is tighter",
                "a: target 115 gave way to b: 110 is nearer",
            ],
        ),
        (
            "a ladder",
            LONG,
            &[("a", "barriers 95 110 60"), ("b", "ladder 105 112")],
            &["a: 95 keep for 60 s", "b: set_ladder"],
            &["a: a single target gave way to the ladder of b"],
        ),
        (
            "a close",
            LONG,
            &[("a", "barriers 95 110 60"), ("b", "close"), ("c", "trail")],
            &["b: close_position"],
            &[
                "a: triple_barrier gave way to close_position of b",
                "c: clear_trail gave way to close_position of b",
            ],
        ),
    ];
    as_told(&rows);
}

#[test]
fn the_ladder_with_the_nearest_target_wins_over_others_and_single_targets() {
    let rows: [Row; 4] = [
        (
            "two ladders",
            LONG,
            &[("a", "ladder 105 130"), ("b", "ladder 110 104")],
            &["b: set_ladder"],
            &["a: set_ladder gave way to the ladder of b"],
        ),
        (
            "two ladders of a short",
            Direction::Short,
            &[("a", "ladder 95 70"), ("b", "ladder 96 80")],
            &["b: set_ladder"],
            &["a: set_ladder gave way to the ladder of b"],
        ),
        (
            "a ladder and a bracket",
            LONG,
            &[("a", "both 95 101"), ("b", "ladder 105 110"), ("b", "target 115")],
            &["a: 95 keep", "b: set_ladder", "b: keep 115"],
            &["a: a single target gave way to the ladder of b"],
        ),
        (
            "a ladder and a close",
            LONG,
            &[("a", "ladder 105 110"), ("b", "close")],
            &["b: close_position"],
            &["a: set_ladder gave way to close_position of b"],
        ),
    ];
    as_told(&rows);
}

/// Each row comes out as it says.
fn as_told(rows: &[Row]) {
    for (name, direction, all, left, lost) in rows {
        let mut tx = transaction(*direction);
        let came = round(&mut Wishes::default(), &mut tx, all);
        assert_eq!(came, (words(left), words(lost)), "{name}");
    }
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_wish_stands_until_its_policy_wishes_something_else_or_a_person_moves_the_leg() {
    let mut tx = transaction(Direction::Long);
    let mut wishes = Wishes::default();
    let mut ask = |tx: &mut Transaction, name, text| round(&mut wishes, tx, &[(name, text)]).0;
    assert_eq!(ask(&mut tx, "b", "stop 96"), ["b: 96 keep"]);
    assert_eq!(ask(&mut tx, "a", "stop 94"), ["a: 96 keep"], "b still wants 96");
    assert_eq!(ask(&mut tx, "b", "stop 92"), ["b: 94 keep"], "b loosens as far as a wants");
    assert_eq!(ask(&mut tx, "a", "stop 91"), ["a: 92 keep"]);
    // A person sets it: what policies wished before says nothing any more.
    tx.desired.stop = Some(price(80));
    assert_eq!(ask(&mut tx, "a", "stop 85"), ["a: 85 keep"]);
    wishes.another_version(&"a".into());
    assert_eq!(round(&mut wishes, &mut tx, &[("b", "stop 84")]).0, ["b: 84 keep"]);
}

#[test]
fn what_the_gate_refuses_does_not_stand() {
    let tx = transaction(Direction::Long);
    let mut wishes = Wishes::default();
    let refused = wishes.merge(&tx, vec![asks("a", intent(&tx, "stop 120"))]);
    assert_eq!(refused.0.len(), 1);
    wishes.decided(&tx);
    let mut tx = tx;
    assert_eq!(round(&mut wishes, &mut tx, &[("b", "stop 88")]).0, ["b: 88 keep"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same wishes come to the same, in whatever order and in however many rounds they are asked.
    #[test]
    fn no_order_of_asking_changes_what_comes_of_it(
        wishes in proptest::collection::vec((85_i64..99, 101_i64..130, 0_u8..4), 1..5),
        order in any::<[u8; 5]>(),
        cut in 0_usize..5,
        is_long in any::<bool>(),
    ) {
        let direction = if is_long { Direction::Long } else { Direction::Short };
        let names = ["a", "b", "c", "d", "e"];
        let text = |(near, far, kind): &(i64, i64, u8)| {
            let (stop, target) = if is_long { (*near, *far) } else { (*far, *near) };
            match kind {
                0 => format!("stop {stop}"),
                1 => format!("target {target}"),
                2 => format!("hold {}", near - 84),
                _ => format!("both {stop} {target}"),
            }
        };
        let texts: Vec<String> = wishes.iter().map(text).collect();
        let all: Vec<(&str, &str)> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let mut shuffled = all.clone();
        shuffled.sort_by_key(|(name, _)| order[usize::from(name.as_bytes()[0] - b'a')]);

        let mut once = transaction(direction);
        let in_order = round(&mut Wishes::default(), &mut once, &all);
        let mut other = transaction(direction);
        prop_assert_eq!(&round(&mut Wishes::default(), &mut other, &shuffled), &in_order);

        // In two rounds the legs end where one round brings them.
        let mut twice = transaction(direction);
        let mut standing = Wishes::default();
        let (first, second) = shuffled.split_at(cut.min(shuffled.len()));
        round(&mut standing, &mut twice, first);
        round(&mut standing, &mut twice, second);
        prop_assert_eq!((twice.desired.stop, twice.desired.target), (once.desired.stop, once.desired.target));
    }
}
