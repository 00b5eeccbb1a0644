//! No sequence of accepted requests exceeds a limit, whatever is asked in which order.

use bracketd_core::broker::OrderReport;
use bracketd_core::guard::exposure;
use bracketd_core::intent::{Intent, Open};
use bracketd_core::money::Price;
use bracketd_core::order::{Direction, OrderStatus};
use bracketd_core::transaction::{EntryKind, TransactionStatus};
use bracketd_core::{Decimal, time::Timestamp};
use proptest::prelude::*;

use super::{asked, bench, policy, stop_to, wish_of};
use crate::bench_book::{ACCOUNT, Bench, decimal, quantity};

const MAX_QUANTITY: i64 = 12;
const MAX_EXPOSURE: i64 = 4_000;
const MAX_LOSS: i64 = 60;
const MOVES: usize = 4;
const CLOSES: usize = 2;

#[derive(Clone, Debug)]
enum Act {
    Open { units: i64, limit_cents: i64, stop_cents: i64, at_market: bool },
    Fill,
    Stop { which: usize, cents: i64 },
    Resize { which: usize, units: i64 },
    Close { which: usize },
    Wait { seconds: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1..20i64, 9_500..10_500i64, 8_000..10_400i64, any::<bool>()).prop_map(
            |(units, limit_cents, stop_cents, at_market)| Act::Open {
                units, limit_cents, stop_cents, at_market,
            }
        ),
        3 => Just(Act::Fill),
        4 => (0..6usize, 8_000..10_400i64).prop_map(|(which, cents)| Act::Stop { which, cents }),
        2 => (0..6usize, 1..25i64).prop_map(|(which, units)| Act::Resize { which, units }),
        1 => (0..6usize).prop_map(|which| Act::Close { which }),
        1 => (1..30u64).prop_map(|seconds| Act::Wait { seconds }),
    ]
}

fn cents(value: i64) -> Price {
    Price::new(Decimal::new(value, 2)).expect("a price")
}

/// What was accepted, kept apart from what the core remembers.
#[derive(Default)]
struct Accepted {
    moves: Vec<(u64, Timestamp)>,
    closes: Vec<Timestamp>,
}

impl Accepted {
    fn within_limits(&self, now: Timestamp) -> bool {
        let recent = |at: &Timestamp| now.ms_since(*at) < 60_000;
        let busiest = |id: u64| self.moves.iter().filter(|(i, at)| *i == id && recent(at)).count();
        let moves_fit = self.moves.iter().all(|(id, _)| busiest(*id) <= MOVES);
        moves_fit && self.closes.iter().filter(|at| recent(at)).count() <= CLOSES
    }
}

fn run(b: &mut Bench, act: &Act, accepted: &mut Accepted) {
    let id = |b: &Bench, which: usize| b.book.transactions.keys().nth(which).copied();
    match *act {
        Act::Open { units, limit_cents, stop_cents, at_market } => {
            let entry =
                if at_market { EntryKind::Market } else { EntryKind::Limit(cents(limit_cents)) };
            let open = Open {
                quantity: quantity(&units.to_string()),
                entry,
                stop: Some(cents(stop_cents)),
                ..wish_of(Direction::Long)
            };
            b.person(asked(open));
        }
        Act::Fill => {
            while !b.sent.is_empty() {
                let command = b.sent.remove(0);
                match &command.call {
                    bracketd_core::command::Call::Submit(new) => {
                        let all = new.quantity.to_string();
                        let order = b.accept(&command);
                        let at = new.limit.map_or("100".to_owned(), |at| at.to_string());
                        b.fill(&order, &all, &at);
                    }
                    bracketd_core::command::Call::Adjust { .. } => b.adjusted(&command),
                    bracketd_core::command::Call::Cancel { .. } => {}
                }
            }
        }
        Act::Stop { which, cents: to } => {
            let Some(id) = id(b, which) else { return };
            if b.ask(stop_to(id, cents(to)), policy()).code().starts_with("ST") {
                let took = b.tx(id).desired.stop == Some(cents(to));
                accepted.moves.extend(took.then_some((id.0, b.now)));
            }
        }
        Act::Resize { which, units } => {
            let Some(id) = id(b, which) else { return };
            let to = quantity(&units.to_string());
            b.ask(Intent::Resize { transaction: id, quantity: to }, policy());
        }
        Act::Close { which } => {
            let Some(id) = id(b, which) else { return };
            if b.ask(Intent::Close { transaction: id }, policy()).code() == "STAGED" {
                accepted.closes.push(b.now);
            }
        }
        Act::Wait { seconds } => {
            b.now = b.now.plus_ms(seconds * 1_000);
            b.quote("99.99", "100.01");
        }
    }
}

fn limited() -> Bench {
    bench(|guards| {
        guards.max_order.quantity = Some(quantity(&MAX_QUANTITY.to_string()));
        guards.max_exposure = Some(Decimal::from(MAX_EXPOSURE));
        guards.max_loss_per_trade = Some(Decimal::from(MAX_LOSS));
        guards.stop_moves_per_minute = MOVES as u32;
        guards.max_closes_per_minute = CLOSES as u32;
    })
}

#[test]
fn g3_a_growth_that_a_close_has_overtaken_counts_until_nothing_comes_of_it() {
    let open = |units, limit_cents, stop_cents, at_market| Act::Open {
        units,
        limit_cents,
        stop_cents,
        at_market,
    };
    let mut b = limited();
    let grow = Act::Resize { which: 0, units: 21 };
    for act in [open(9, 9_500, 9_715, true), Act::Fill, grow, Act::Close { which: 0 }] {
        run(&mut b, &act, &mut Accepted::default());
    }
    let all = |b: &Bench| exposure(&b.book, &b.book.accounts[&ACCOUNT.into()]);
    assert_eq!(all(&b), decimal("2099.79"), "nine are held, and twelve may still come");
    let growth = b.sent.remove(0);
    let order = b.accept(&growth);
    assert_eq!(all(&b), decimal("2099.79"), "it works at the broker");
    b.report(OrderReport { status: OrderStatus::Canceled, ..order });
    assert_eq!(all(&b), decimal("899.91"));
}

proptest! {
    #[test]
    fn g1_g3_g6_g15_g19_no_sequence_of_accepted_requests_exceeds_a_limit(
        acts in proptest::collection::vec(act(), 1..60),
    ) {
        let mut b = limited();
        let mut accepted = Accepted::default();
        for act in &acts {
            run(&mut b, act, &mut accepted);
            for command in &b.sent {
                if let bracketd_core::command::Call::Submit(new) = &command.call {
                    let is_entry = new.side == Direction::Long.entry_side();
                    let most = Decimal::from(MAX_QUANTITY);
                    prop_assert!(!is_entry || new.quantity.get() <= most, "{act:?}");
                }
            }
            // A market order may fill a cent from where it was checked.
            let all = exposure(&b.book, &b.book.accounts[&ACCOUNT.into()]);
            prop_assert!(all <= Decimal::from(MAX_EXPOSURE) + decimal("1"), "{all} after {act:?}");
            for tx in b.book.transactions.values().filter(|tx| !tx.status.is_ended()) {
                let entry = tx.entry_price().unwrap_or(tx.entry.reference).get();
                let amount = match tx.status {
                    TransactionStatus::Waiting => tx.entry.quantity.get(),
                    _ => tx.held().get(),
                };
                let stop = tx.desired.stop.expect("never without");
                let lost = (entry - stop.get()) * amount;
                prop_assert!(lost <= Decimal::from(MAX_LOSS) + decimal("1"), "{lost} after {act:?}");
            }
            prop_assert!(accepted.within_limits(b.now), "after {act:?}");
        }
    }
}
