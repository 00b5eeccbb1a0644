//! What the seeded histories found, each as short as it gets; the seed stands in the name of the
//! row in `host/sim/regressions.txt`.

use bracketd_core::broker::{BrokerEvent, OrderReport, Picture, Position};
use bracketd_core::ids::TransactionId;
use bracketd_core::transaction::TransactionStatus;

use crate::bench_book::{ALPACA, Bench, decimal, price, quantity};
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
