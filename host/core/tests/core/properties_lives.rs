//! Reports of whole lives in any order and doubled come to the same end, and no history creates or
//! loses a unit.

use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, Fault, History, OrderReport, Picture, Position};
use bracketd_core::command::{Answer, Call, Change, Progress};
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::Intent;
use bracketd_core::money::Quantity;
use bracketd_core::order::{OrderStatus as S, Role};
use bracketd_core::transaction::Transaction;
use proptest::prelude::*;

use crate::bench_book::{ALPACA, Bench, price, quantity, set_stop, wish};
use crate::lives::{opened, sold};

/// One thing that is told of an order: which of the transaction's orders, its state, what of it is
/// filled and of how much it is.
type Told = (usize, S, &'static str, &'static str);

/// Lives of the orders of an open transaction; 0 is its entry, 1 its stop, 2 its target.
const LIVES: &[(&str, &[Told])] = &[
    (
        "the target fills in parts, its stop shrinks and goes",
        &[
            (0, S::Working, "0", "10"),
            (0, S::PartiallyFilled, "4", "10"),
            (0, S::Filled, "10", "10"),
            (2, S::Working, "0", "10"),
            (1, S::Held, "0", "10"),
            (2, S::PartiallyFilled, "3", "10"),
            (1, S::Held, "0", "7"),
            (2, S::PartiallyFilled, "7", "10"),
            (1, S::Held, "0", "3"),
            (2, S::Filled, "10", "10"),
            (1, S::Canceled, "0", "3"),
        ],
    ),
    (
        "a cancel is asked for and loses against the fill",
        &[
            (2, S::Working, "0", "10"),
            (2, S::PendingCancel, "0", "10"),
            (2, S::PendingCancel, "6", "10"),
            (2, S::Filled, "10", "10"),
            (1, S::Canceled, "0", "10"),
        ],
    ),
    (
        "a cancel is asked for and wins after a part",
        &[
            (2, S::Working, "0", "10"),
            (2, S::PartiallyFilled, "4", "10"),
            (2, S::PendingCancel, "4", "10"),
            (2, S::Canceled, "4", "10"),
            (1, S::Canceled, "0", "6"),
        ],
    ),
    (
        "a cancel is told, and the fill that was faster comes after it",
        &[
            (2, S::Working, "0", "10"),
            (2, S::PendingCancel, "0", "10"),
            (2, S::Canceled, "0", "10"),
            (2, S::Filled, "10", "10"),
            (1, S::Canceled, "0", "10"),
        ],
    ),
    (
        "a replacement is asked for and comes to nothing",
        &[
            (1, S::Working, "0", "10"),
            (1, S::PendingReplace, "0", "10"),
            (1, S::PartiallyFilled, "2", "10"),
            (1, S::Filled, "10", "10"),
            (2, S::Expired, "0", "10"),
        ],
    ),
    (
        "the stop is replaced, its successor fills in parts",
        &[
            (1, S::Working, "0", "10"),
            (1, S::PendingReplace, "0", "10"),
            (1, S::Replaced, "0", "10"),
            (3, S::PendingNew, "0", "10"),
            (3, S::Working, "0", "10"),
            (3, S::PartiallyFilled, "5", "10"),
            (3, S::Filled, "10", "10"),
            (2, S::Canceled, "0", "10"),
        ],
    ),
    (
        "the day ends",
        &[
            (1, S::Held, "0", "10"),
            (1, S::Inactive, "0", "10"),
            (1, S::Expired, "0", "10"),
            (2, S::Inactive, "0", "10"),
            (2, S::Expired, "0", "10"),
        ],
    ),
];

/// An open transaction, its stop just moved: the answer to that is still to come.
fn begun() -> (Bench, TransactionId, Vec<OrderReport>) {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let mut orders: Vec<OrderReport> = (0..3).map(|at| sold(&b, id, at)).collect();
    b.now = b.now.plus_ms(1_000);
    b.person(set_stop(id, "96"));
    let command = b.command();
    let mut next = orders[1].clone();
    next.broker_id = "successor".into();
    next.client_id = Some(command.client_id);
    next.replaces = Some(orders[1].broker_id.clone());
    next.trigger = Some(price("96"));
    orders.push(next);
    (b, id, orders)
}

fn told(orders: &[OrderReport], life: &[Told]) -> Vec<OrderReport> {
    let moments = life.iter().enumerate();
    let report = |(moment, (which, status, filled, of)): (usize, &Told)| {
        let order = orders[*which].clone();
        let filled = quantity(filled);
        OrderReport {
            status: *status,
            filled,
            quantity: quantity(of),
            avg_price: (!filled.is_zero()).then(|| price("100")),
            updated_at: order.updated_at.plus_ms(2_000 + moment as u64),
            ..order
        }
    };
    moments.map(report).collect()
}

/// What has to be the same whatever came first.
fn end(tx: &Transaction) -> (Vec<String>, [Quantity; 3], String) {
    let mut orders: Vec<String> = tx
        .orders
        .iter()
        .map(|o| {
            let price = o.trigger.or(o.limit).map(|p| p.to_string());
            format!("{} {} {}/{} {price:?}", o.broker_id, o.status.as_str(), o.filled, o.quantity)
        })
        .collect();
    orders.sort();
    let close = tx.close_reason.clone().unwrap_or_default();
    (orders, [tx.held(), tx.entered, tx.exited], format!("{} {close}", tx.status.as_str()))
}

fn play(life: &[Told], order: &[usize]) -> (Vec<String>, [Quantity; 3], String) {
    let (mut b, id, orders) = begun();
    let reports = told(&orders, life);
    b.now = b.now.plus_ms(10_000);
    for at in order {
        let orders = vec![reports[*at].clone()];
        b.tell(BrokerEvent::Polled { orders, fills: vec![] });
    }
    end(b.tx(id))
}

fn life_and_order() -> impl Strategy<Value = (usize, Vec<usize>)> {
    (0..LIVES.len()).prop_flat_map(|life| {
        let count = LIVES[life].1.len();
        let twice: Vec<usize> = (0..count).chain(0..count).collect();
        (Just(life), Just(twice).prop_shuffle())
    })
}

/// Something that happens to a transaction.
#[derive(Clone, Copy, Debug)]
enum Step {
    Answer {
        taken: bool,
    },
    Fill {
        order: usize,
        units: u32,
    },
    End {
        order: usize,
    },
    Close,
    Resize(u32),
    CancelEntry,
    MoveStop(u32),
    Wait(u64),
    /// Two complete reads agree that the account holds so much.
    Outside(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::bool::weighted(0.8).prop_map(|taken| Step::Answer { taken }),
        6 => (0usize..8, 1u32..8).prop_map(|(order, units)| Step::Fill { order, units }),
        2 => (0usize..8).prop_map(|order| Step::End { order }),
        1 => Just(Step::Close),
        2 => (1u32..15).prop_map(Step::Resize),
        1 => Just(Step::CancelEntry),
        2 => (90u32..99).prop_map(Step::MoveStop),
        3 => (0u64..3_000).prop_map(Step::Wait),
        1 => (0u32..10).prop_map(Step::Outside),
    ]
}

fn happen(b: &mut Bench, id: TransactionId, step: Step) {
    match step {
        Step::Answer { taken } if !b.sent.is_empty() => {
            let command = b.sent.remove(0);
            match &command.call {
                _ if !taken => b.answer(&command, Answer::Rejected(Fault::new("REJECTED", "no"))),
                Call::Submit(_) => drop(b.accept(&command)),
                Call::Adjust { bracket, stop: Change::Clear, .. } if bracket.legs.is_empty() => {}
                Call::Adjust { .. } => b.adjusted(&command),
                Call::Cancel { .. } => {
                    b.answer(
                        &command,
                        Answer::Placed { order: None, progress: Progress::Accepted },
                    );
                }
            }
        }
        Step::Answer { .. } => {}
        Step::Fill { order, units } => {
            let Some((mut report, left)) = live(b, id, order) else { return };
            let more = quantity(&units.to_string()).min(left);
            report.filled = report.filled.plus(more);
            let whole = report.filled == report.quantity;
            report.status = if whole { S::Filled } else { S::PartiallyFilled };
            report.avg_price = Some(price("100"));
            b.report(report);
        }
        Step::End { order } => {
            let Some((mut report, _)) = live(b, id, order) else { return };
            report.status = S::Canceled;
            b.report(report);
        }
        Step::Close => drop(b.person(Intent::Close { transaction: id })),
        Step::Resize(units) => {
            let quantity = quantity(&units.to_string());
            b.person(Intent::Resize { transaction: id, quantity });
        }
        Step::CancelEntry => drop(b.person(Intent::CancelEntry { transaction: id })),
        Step::MoveStop(to) => drop(b.person(set_stop(id, &to.to_string()))),
        Step::Wait(ms) => b.pass_ms(ms),
        Step::Outside(units) => {
            for _ in 0..2 {
                b.now = b.now.plus_ms(6_000);
                let held = b.tx(id).held().get().min(Decimal::from(units));
                let position =
                    |quantity| vec![Position { symbol: "AAA".into(), quantity, avg_price: None }];
                let orders = (0..b.tx(id).orders.len()).map(|at| sold(b, id, at)).collect();
                b.tell(BrokerEvent::Picture(Picture {
                    orders,
                    fills: vec![],
                    positions: position(held),
                    balance: None,
                    complete: true,
                    as_of: b.now,
                    history: History::Whole,
                }));
            }
        }
    }
}

/// A live order and what of it is not filled.
fn live(b: &Bench, id: TransactionId, which: usize) -> Option<(OrderReport, Quantity)> {
    let tx = b.tx(id);
    let live: Vec<usize> =
        (0..tx.orders.len()).filter(|at| !tx.orders[*at].status.is_terminal()).collect();
    let at = *live.get(which % live.len().max(1))?;
    Some((sold(b, id, at), tx.orders[at].leaves()))
}

proptest! {
    #[test]
    fn i2_shuffled_and_doubled_reports_of_a_life_come_to_the_same_end((life, order) in life_and_order()) {
        let (name, told) = LIVES[life];
        let in_order: Vec<usize> = (0..told.len()).collect();
        prop_assert_eq!(play(told, &order), play(told, &in_order), "{}", name);
    }

    #[test]
    fn s3_what_was_entered_less_what_left_is_what_is_held(steps in prop::collection::vec(step(), 1..60)) {
        let mut b = Bench::new(ALPACA);
        let id = b.open(wish());
        for step in steps {
            happen(&mut b, id, step);
            let tx = b.tx(id);
            let slices: Quantity = tx.slices.iter().map(|slice| slice.held).sum();
            prop_assert_eq!(tx.held(), slices);
            prop_assert_eq!(tx.held(), tx.entered.minus(tx.exited), "after {:?}", step);
            let told = |entry: bool| -> Quantity {
                let of = tx.orders.iter().filter(|o| (o.role == Role::Entry) == entry);
                of.map(|o| o.filled).sum()
            };
            prop_assert!(told(true) <= tx.entered, "an entry's fill is missing");
            prop_assert!(told(false) <= tx.exited, "an exit's fill is missing");
        }
    }
}
