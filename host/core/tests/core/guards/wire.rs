//! G3 at the last step: commands that must not leave, whoever computed them.

use std::sync::Arc;

use bracketd_core::broker::Fault;
use bracketd_core::command::{
    Answer, Call, Change, Command, NewOrder, Op, OpKind, OpLegs, OpState, Urgency,
};
use bracketd_core::fact::FactKind;
use bracketd_core::guard::wire::violation;
use bracketd_core::ids::{SliceNo, TransactionId};
use bracketd_core::intent::{Intent, Source};
use bracketd_core::order::{Direction, Order, OrderKind, OrderStatus, Role, Side, TimeInForce};
use bracketd_core::plan::{bracket, command};
use bracketd_core::protection::Protection;
use bracketd_core::transaction::{Transaction, TransactionStatus};

use super::{BOTH, bench, opened_as, policy, stop_to, wish_of};
use crate::bench_book::{price, quantity, words};

fn op(tx: &Transaction, legs: OpLegs, kind: OpKind) -> Op {
    Op {
        id: "row".into(),
        client_id: "bd-row".into(),
        slice: SliceNo(0),
        legs,
        step: 9,
        attempt: 1,
        kind,
        state: OpState::in_flight(),
        version: tx.desired.version,
        planned_at: tx.created_at,
        sent_at: tx.created_at,
        evidence: None,
    }
}

fn order(side: Side, amount: &str) -> NewOrder {
    NewOrder {
        symbol: "AAA".into(),
        side,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Day,
        quantity: quantity(amount),
        limit: None,
        trigger: None,
        take_profit: None,
        stop_loss: None,
        reduce_only: false,
    }
}

fn adjust(amount: &str) -> OpKind {
    let stop = Change::Set(price("95"));
    OpKind::Adjust { stop, target: Change::Keep, quantity: quantity(amount) }
}

fn sent(tx: &Transaction, op: &Op) -> Command {
    command(tx, op, true, TimeInForce::Gtc, bracketd_core::Decimal::ONE)
}

#[test]
fn g3_exits_take_out_no_more_than_is_held() {
    for direction in BOTH {
        let mut b = bench(|_| {});
        let id = opened_as(&mut b, wish_of(direction));
        let tx = b.tx(id).clone();
        let (out, into) = (direction.exit_side(), direction.entry_side());
        // legs, what the row does, whether it may leave: 10 are held, a pair of 10 rests
        let rows = [
            (OpLegs::Close, OpKind::Close(order(out, "10")), true),
            (OpLegs::Close, OpKind::Close(order(out, "10.5")), false),
            (OpLegs::Close, OpKind::Close(order(out, "0")), false),
            (OpLegs::Close, OpKind::Close(order(into, "10")), false),
            (OpLegs::Stop, adjust("10"), true),
            (OpLegs::Stop, adjust("9"), true),
            (OpLegs::Stop, adjust("11"), false),
            (OpLegs::Stop, adjust("0"), false),
            (OpLegs::Entry, OpKind::Submit(order(into, "1")), false),
            (OpLegs::Entry, OpKind::Submit(order(out, "1")), false),
            (OpLegs::Entry, OpKind::Cancel { order: "o1".into() }, true),
            (OpLegs::Entry, OpKind::Cancel { order: "theirs".into() }, false),
        ];
        for (legs, kind, may) in rows {
            let op = op(&tx, legs, kind);
            let found = violation(&tx, &op, &sent(&tx, &op));
            assert_eq!(found.is_none(), may, "{:?}: {found:?}", op.kind);
        }
    }
}

#[test]
fn g3_a_command_is_its_own_row_s_and_nothing_doubles_it() {
    let mut b = bench(|_| {});
    let id = opened_as(&mut b, wish_of(Direction::Long));
    let tx = b.tx(id).clone();
    let close = op(&tx, OpLegs::Close, OpKind::Close(order(Side::Sell, "10")));
    type Spoil = fn(&mut Transaction, &mut Command);
    let rows: [(&str, Spoil); 7] = [
        ("another id", |_, c| c.client_id = "bd-other".into()),
        ("another row", |_, c| c.op = "other".into()),
        ("another transaction", |_, c| c.transaction = TransactionId(99)),
        ("another account", |_, c| c.account = "other".into()),
        ("another call", |_, c| c.call = Call::Cancel { order: "o1".into() }),
        ("more than the row", |_, c| c.call = Call::Submit(order(Side::Sell, "11"))),
        ("a close is under way", |tx, _| {
            let mut other = op(tx, OpLegs::Close, OpKind::Close(order(Side::Sell, "1")));
            (other.id, other.client_id) = ("first".into(), "bd-first".into());
            tx.ops.push(other);
        }),
    ];
    assert_eq!(violation(&tx, &close, &sent(&tx, &close)), None);
    for (what, spoil) in rows {
        let (mut tx, mut command) = (tx.clone(), sent(&tx, &close));
        spoil(&mut tx, &mut command);
        assert!(violation(&tx, &close, &command).is_some(), "{what}");
    }
    // An adjustment beside one of the same slice whose outcome is not known.
    let mut doubled = tx.clone();
    let mut first = op(&tx, OpLegs::Pair, adjust("10"));
    (first.id, first.client_id) = ("first".into(), "bd-first".into());
    doubled.ops.push(first);
    let second = op(&tx, OpLegs::Stop, adjust("10"));
    assert!(violation(&doubled, &second, &sent(&doubled, &second)).is_some());
    let mut flipped = sent(&tx, &second);
    if let Call::Adjust { bracket, .. } = &mut flipped.call {
        bracket.entry_side = Side::Sell;
    }
    assert!(violation(&tx, &second, &flipped).is_some(), "exits that would buy");
    assert_eq!(flipped.urgency, Urgency::Unprotected);
    let told = bracket(&tx, SliceNo(0), quantity("10"), TimeInForce::Gtc);
    assert_eq!(told.protect, quantity("10"));
}

#[test]
fn g3_a_command_that_would_oversell_is_dropped_and_told_and_nothing_automatic_moves_its_legs() {
    let mut b = bench(|_| {});
    let id = opened_as(&mut b, wish_of(Direction::Long));
    b.person(Intent::Close { transaction: id });
    let free = b.command();
    b.adjusted(&free);
    b.cancel_exits(id);
    let close = b.command();
    let fault = Fault::new("BUSY", "later");
    b.answer(&close, Answer::NotSent { fault, after_ms: 1_000 });
    // A correction from outside could leave another close of it behind.
    let tx = Arc::make_mut(b.book.transactions.get_mut(&id).expect("it is there"));
    let stop = tx.orders.iter().find(|o| o.role == Role::Stop).expect("a stop").clone();
    let other = Order {
        broker_id: "other".into(),
        role: Role::Close,
        status: OrderStatus::Working,
        filled: quantity("0"),
        ..stop
    };
    tx.orders.push(other);
    b.pass_ms(1_000);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    let told = b.last.facts.iter().find(|fact| fact.kind == FactKind::GuardTripped);
    let told = told.expect("a fact");
    assert_eq!(told.code, "WIRE");
    assert!(told.text.contains("a close of 10 where 10 is held and 0 of it free"), "{}", told.text);
    let (_, dropped) =
        b.last.ops.iter().find(|(_, op)| Some(&op.id) == told.op.as_ref()).expect("its row");
    assert_eq!(dropped.state, OpState::Stale);
    let tx = b.tx(id);
    assert!(tx.locks.stop && tx.locks.target);
    assert_eq!(tx.status, TransactionStatus::Opened);
    assert_eq!(b.ask(stop_to(id, price("96")), policy()).code(), "LOCKED");

    let tx = Arc::make_mut(b.book.transactions.get_mut(&id).expect("it is there"));
    tx.orders.retain(|order| order.role != Role::Close);
    b.quote("99.99", "100.01");
    b.pass_ms(1_100);
    let again = b.command();
    assert_eq!(words(&again), "exits of 10: stop 95, target 110");
    b.adjusted(&again);
    assert_eq!(b.tx(id).protection, Protection::Protected);
    let unlock =
        Intent::Lock { transaction: id, leg: bracketd_core::order::Leg::Stop, locked: false };
    assert_eq!(b.ask(unlock, Source::Manual("ann".into())).code(), "STORED");
    assert_eq!(b.ask(stop_to(id, price("96")), policy()).code(), "STAGED");
}
