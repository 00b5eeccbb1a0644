//! The guards as tables: what was set up, what is asked, the named answer, on both sides of each
//! limit and for both directions.

mod orders;
mod policies;
mod prices;
mod properties;
mod selftest;
mod wash;
mod wire;

use bracketd_core::guard::GuardRules;
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Open, Source, Wish};
use bracketd_core::money::Price;
use bracketd_core::order::Direction;
use bracketd_core::refusal::Refusal;
use bracketd_core::transaction::EntryKind;

use crate::bench_book::{ACCOUNT, ALPACA, Bench, decimal, price, wish};

pub(crate) const BOTH: [Direction; 2] = [Direction::Long, Direction::Short];

/// A bench whose account has these guards.
pub(crate) fn bench(set: impl FnOnce(&mut GuardRules)) -> Bench {
    bench_with(ALPACA, set)
}

pub(crate) fn bench_with(features: &[&str], set: impl FnOnce(&mut GuardRules)) -> Bench {
    let mut b = Bench::new(features);
    set(&mut rules(&mut b).guards);
    b
}

pub(crate) fn rules(b: &mut Bench) -> &mut bracketd_core::book::AccountRules {
    &mut b.book.accounts.get_mut(&ACCOUNT.into()).expect("account").rules
}

pub(crate) fn policy() -> Source {
    Source::Policy { name: "trail".into(), digest: "d1".into() }
}

/// A long's price as a short sees it: the market of the bench stands at 100.
pub(crate) fn seen(direction: Direction, long: &str) -> Price {
    match direction {
        Direction::Long => price(long),
        Direction::Short => Price::new(decimal("200") - decimal(long)).expect("a price below 200"),
    }
}

/// The bench's wish, mirrored for a short.
pub(crate) fn wish_of(direction: Direction) -> Open {
    Open {
        direction,
        stop: Some(seen(direction, "95")),
        target: Some(seen(direction, "110")),
        ..wish()
    }
}

pub(crate) fn asked(open: Open) -> Intent {
    Intent::Open(Box::new(open))
}

/// A transaction filled at 100 whose exits rest. Its symbol may hold others.
pub(crate) fn opened_as(b: &mut Bench, wish: Open) -> TransactionId {
    let id = b.open(wish);
    let entry = b.command();
    let order = b.accept(&entry);
    let all = order.quantity.to_string();
    b.fill(&order, &all, "100");
    while !b.sent.is_empty() {
        let exits = b.sent.remove(0);
        b.adjusted(&exits);
    }
    id
}

/// A transaction whose plain limit entry rests.
pub(crate) fn resting_as(b: &mut Bench, wish: Open) -> TransactionId {
    let id = b.open(wish);
    let entry = b.command();
    b.accept(&entry);
    id
}

pub(crate) fn stop_to(transaction: TransactionId, to: Price) -> Intent {
    Intent::Protect { transaction, stop: Wish::Set(to), target: Wish::Keep }
}

pub(crate) fn target_to(transaction: TransactionId, to: Price) -> Intent {
    Intent::Protect { transaction, stop: Wish::Keep, target: Wish::Set(to) }
}

/// The market as a long's bid and ask, mirrored for a short.
pub(crate) fn quote(b: &mut Bench, direction: Direction, bid: &str, ask: &str) {
    let (one, other) = (seen(direction, bid), seen(direction, ask));
    b.quote(&one.min(other).to_string(), &one.max(other).to_string());
}

#[test]
fn of_two_reasons_the_one_that_stands_first_in_the_list_is_told() {
    let mut b = bench(|guards| {
        guards.symbols_denied.insert("AAA".into());
        guards.max_order.quantity = bracketd_core::money::Quantity::new(decimal("5"));
        guards.max_order.notional = Some(decimal("500"));
        guards.max_exposure = Some(decimal("500"));
        guards.max_loss_per_trade = Some(decimal("1"));
        guards.min_distance = Some(bracketd_core::guard::Distance::Percent(decimal("1")));
    });
    type Repair = fn(&mut Bench, &mut Open);
    // Each row takes away the reason that was told before it.
    let rows: [(&str, Repair); 8] = [
        ("RESTRICTED", |_, _| {}),
        ("STOP_WRONG_SIDE", |b, _| rules(b).guards.symbols_denied.clear()),
        ("TOO_CLOSE", |_, open| open.stop = Some(price("99.5"))),
        ("MAX_QUANTITY", |_, open| open.stop = Some(price("90"))),
        ("MAX_NOTIONAL", |b, _| rules(b).guards.max_order.quantity = None),
        ("MAX_EXPOSURE", |b, _| rules(b).guards.max_order.notional = None),
        ("MAX_LOSS", |b, _| rules(b).guards.max_exposure = None),
        ("STAGED", |b, _| rules(b).guards.max_loss_per_trade = None),
    ];
    let mut open =
        Open { stop: Some(price("101")), entry: EntryKind::Limit(price("100")), ..wish() };
    for (code, repair) in rows {
        repair(&mut b, &mut open);
        let verdict = b.person(asked(open.clone()));
        assert_eq!(verdict.code(), code, "{}", verdict.message);
    }
    let ranked: Vec<Refusal> = rows
        .iter()
        .filter_map(|(code, _)| Refusal::ALL.into_iter().find(|r| r.code() == *code))
        .collect();
    assert!(ranked.is_sorted(), "{ranked:?}");
}
