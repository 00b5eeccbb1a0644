//! An order is the row's only where it can be: a client order id alone, or a person's word, does not
//! prove it.

use bracketd_core::broker::{BrokerEvent, Fault, Found, OrderReport};
use bracketd_core::command::{Answer, OpState};
use bracketd_core::fact::FactKind;
use bracketd_core::intent::{Intent, Resolution};
use bracketd_core::order::{OrderStatus, Side};

use crate::bench_book::{ALPACA, Bench, price, quantity, wish};
use crate::protocol::{codes, unknown};

#[test]
fn an_order_under_a_row_s_id_that_cannot_be_the_row_s_is_not_taken_over() {
    // What the order under the id of "buy 10 AAA" is, whether the broker said that the id is taken,
    // and what becomes of the row.
    let rows = [
        ("BBB", Side::Buy, "10", true, "rejected"),
        ("AAA", Side::Sell, "10", true, "rejected"),
        ("AAA", Side::Buy, "11", true, "rejected"),
        ("BBB", Side::Buy, "10", false, "unknown"),
        ("AAA", Side::Buy, "10", true, "done"),
    ];
    for (symbol, side, units, is_taken, state) in rows {
        let mut b = Bench::new(ALPACA);
        let id = b.open(wish());
        let entry = b.command();
        let order = b.accept(&entry);
        let mut b = Bench::new(ALPACA);
        let again = b.open(wish());
        let entry = b.command();
        assert_eq!((id, order.client_id.as_ref()), (again, Some(&entry.client_id)), "a twin");
        match is_taken {
            true => b.answer(&entry, Answer::Rejected(Fault::new("DUPLICATE_CLIENT_ID", "used"))),
            false => unknown(&mut b, &entry),
        }
        b.pass_ms(500);
        let quantity = quantity(units);
        let status = OrderStatus::Filled;
        let other = OrderReport {
            symbol: symbol.into(),
            side,
            quantity,
            filled: quantity,
            status,
            avg_price: Some(price("420")),
            ..order
        };
        let found = Found::Order(Box::new(other.clone()));
        b.tell(BrokerEvent::LookedUp { op: entry.op.clone(), found });
        let row = b.tx(id).ops.iter().find(|op| op.id == entry.op);
        let is_unknown = row.is_some_and(|op| matches!(op.state, OpState::Unknown { .. }));
        let told = codes(&b, FactKind::Settled);
        let seen = told.first().map_or("unknown", String::as_str);
        let case = format!("{symbol} {side:?} {units}");
        assert_eq!((seen, is_unknown), (state, state == "unknown"), "{case}");
        assert_eq!(b.tx(id).held().is_zero(), state != "done", "{case}");
        if symbol == "BBB" || side == Side::Sell {
            b.report(other);
            assert!(b.tx(id).held().is_zero(), "nor by a poll: {case}");
        }
    }
}

#[test]
fn a_wrong_order_that_a_person_names_settles_nothing() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    b.answer(&entry, Answer::Rejected(Fault::new("DUPLICATE_CLIENT_ID", "used")));
    let found = Resolution::Order("o9".into());
    b.person(Intent::Resolve { transaction: id, op: entry.op.clone(), found });
    b.pass_ms(0);
    let mut twin = Bench::new(ALPACA);
    twin.open(wish());
    let theirs = twin.command();
    let other = OrderReport { symbol: "BBB".into(), ..twin.accept(&theirs) };
    let found = Found::Order(Box::new(other));
    b.tell(BrokerEvent::LookedUp { op: entry.op.clone(), found });
    assert!(matches!(b.tx(id).ops[0].state, OpState::Unknown { named: None, .. }));
}
