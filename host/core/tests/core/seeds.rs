//! What the seeded histories found, each as short as it gets; the seed stands in the name of the
//! row in `host/sim/regressions.txt`.

use bracketd_core::broker::{BrokerEvent, OrderReport, Picture, Position};
use bracketd_core::command::Urgency;
use bracketd_core::ids::TransactionId;
use bracketd_core::instrument::Features;
use bracketd_core::order::Role;
use bracketd_core::plan::raised;
use bracketd_core::transaction::TransactionStatus;

use crate::bench_book::{ALPACA, Bench, decimal, price, quantity, set_target, wish, words};
use crate::lives::{opened, sold};

/// The transaction's orders as the broker tells them now.
fn orders(b: &Bench, id: TransactionId) -> Vec<OrderReport> {
    (0..b.tx(id).orders.len()).map(|at| sold(b, id, at)).collect()
}

/// Two complete reads that show so much held, the settle window apart.
fn reads_show(b: &mut Bench, held: &str, ids: &[TransactionId]) {
    let held = decimal(held);
    for pause_ms in [0, 6_000] {
        b.now = b.now.plus_ms(pause_ms);
        let orders = ids.iter().flat_map(|id| orders(b, *id)).collect();
        let position =
            Position { symbol: "AAA".into(), quantity: held, avg_price: Some(price("100")) };
        let positions = if held.is_zero() { vec![] } else { vec![position] };
        let (fills, balance, as_of) = (vec![], None, b.now);
        let picture = Picture { orders, fills, positions, balance, complete: true, as_of };
        b.tell(BrokerEvent::Picture(picture));
    }
}

#[test]
fn seed_2004398_the_same_quantity_may_leave_by_other_hands_twice() {
    let mut b = Bench::new(ALPACA);
    let first = opened(&mut b);
    reads_show(&mut b, "0", &[first]);
    assert_eq!(b.tx(first).status, TransactionStatus::Closed);
    // No complete read falls between its end and the next of the same size.
    let second = opened(&mut b);
    reads_show(&mut b, "0", &[first, second]);
    assert_eq!(b.tx(second).status, TransactionStatus::Closed);
    assert_eq!(b.tx(second).held(), quantity("0"));
}

/// What a venue declares where exits only ever reduce and know nothing of each other.
const LOOSE: &[&str] = &[Features::REPLACE_IN_PLACE, Features::PROTECT_BESIDE_OPEN_ENTRY];

#[test]
fn seeds_1009117_and_1018935_an_exit_without_anything_held_goes_at_once() {
    let mut b = Bench::new(LOOSE);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    // Two slices: the second one is still held when the first one's target fills.
    b.fill(&order, "6", "100");
    let first = b.command();
    b.adjusted(&first);
    b.fill(&order, "10", "100");
    b.pass_ms(300);
    let second = b.command();
    b.adjusted(&second);
    let target = b.tx(id).orders.iter().position(|o| o.role == Role::Target).unwrap();
    let target = sold(&b, id, target);
    b.fill(&target, "6", "110");
    // Nobody else ends the stop of that slice, and it would sell what the other one holds.
    let clear = b.command();
    assert_eq!(words(&clear), "exits of 0: stop clear, target clear");
    assert_eq!(clear.urgency, Urgency::Close);
    assert_eq!(b.tx(id).held(), quantity("4"));
}

#[test]
fn seed_1009117_what_waits_behind_an_excess_is_as_urgent() {
    let mut b = Bench::new(LOOSE);
    let id = opened(&mut b);
    b.person(set_target(id, "111"));
    let waits = b.command();
    assert_eq!((waits.urgency, raised(&b.book, id)), (Urgency::Routine, None));
    let stop = sold(&b, id, 1);
    b.fill(&stop, "4", "95");
    assert_eq!(raised(&b.book, id), Some(Urgency::Close));
}
