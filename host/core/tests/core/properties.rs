//! Properties that hold for any order of events.

use bracketd_core::Decimal;
use bracketd_core::broker::OrderReport;
use bracketd_core::money::{Quantity, Snap, snap};
use bracketd_core::order::{OrderStatus, Role};
use proptest::prelude::*;

use crate::bench_book::{ALPACA, Bench, price, quantity, wish};

/// Cumulative reports of one entry order: working, three partial fills, filled.
fn reports(order: &OrderReport) -> Vec<OrderReport> {
    ["0", "2", "5", "7", "10"]
        .into_iter()
        .map(|filled| OrderReport {
            filled: quantity(filled),
            status: match filled {
                "0" => OrderStatus::Working,
                "10" => OrderStatus::Filled,
                _ => OrderStatus::PartiallyFilled,
            },
            avg_price: (filled != "0").then(|| price("100")),
            ..order.clone()
        })
        .collect()
}

proptest! {
    #[test]
    fn i4_shuffled_and_doubled_reports_never_change_what_is_held(
        order in Just((0..5).chain(0..5).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let mut b = Bench::new(ALPACA);
        let id = b.open(wish());
        let entry = b.command();
        let accepted = b.accept(&entry);
        let all = reports(&accepted);
        for at in order {
            b.report(all[at].clone());
            // Whatever rests is answered at once, so that exits exist while fills go on.
            while !b.sent.is_empty() {
                let command = b.sent.remove(0);
                b.adjusted(&command);
            }
            let tx = b.tx(id);
            let exits: Quantity = tx
                .orders
                .iter()
                .filter(|o| o.role == Role::Stop && o.status.protects())
                .map(|o| o.leaves())
                .sum();
            prop_assert!(exits <= tx.held(), "{exits} could be sold of {}", tx.held());
        }
        let tx = b.tx(id);
        prop_assert_eq!(tx.held(), quantity("10"));
        prop_assert_eq!(tx.entered, quantity("10"));
        prop_assert_eq!(tx.entry_price(), Some(price("100")));
    }

    #[test]
    fn snapping_moves_less_than_a_step_and_in_the_named_direction(
        units in 1i64..1_000_000_000, scale in 0u32..6, step_units in 1i64..1000, step_scale in 0u32..5,
    ) {
        let value = Decimal::new(units, scale);
        let step = Decimal::new(step_units, step_scale);
        let (down, up) = (snap(value, step, Snap::Down), snap(value, step, Snap::Up));
        prop_assert!(down <= value && value <= up);
        prop_assert!(value - down < step && up - value < step);
        prop_assert_eq!(snap(down, step, Snap::Up), down);
    }
}
