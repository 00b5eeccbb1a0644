//! What the seeded histories found, each as short as it gets; the seed stands in the name of the
//! row in `host/sim/regressions.txt`.

use bracketd_core::broker::{BrokerEvent, Fault, Found, History, OrderReport, Picture, Position};
use bracketd_core::command::{Answer, BracketLeg, How, Progress, Read, Urgency};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::{ClientOrderId, SliceNo, TransactionId};
use bracketd_core::instrument::Features;
use bracketd_core::intent::{GuardWish, Intent, Open};
use bracketd_core::order::{Direction, Leg, Order, OrderKind, OrderStatus, Role};
use bracketd_core::plan::raised;
use bracketd_core::protection::Protection;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{OnPartial, TransactionStatus};

use crate::bench_book::{
    ACCOUNT, ALPACA, Bench, decimal, price, quantity, set_stop, set_target, wish, words,
};
use crate::lives::{filled, opened, sold};

/// The transaction's orders as the broker tells them now.
fn orders(b: &Bench, id: TransactionId) -> Vec<OrderReport> {
    (0..b.tx(id).orders.len()).map(|at| sold(b, id, at)).collect()
}

/// Two complete reads that show so much held, the settle window apart.
fn reads_show(b: &mut Bench, held: &str, ids: &[TransactionId]) {
    reads_show_of(b, held, ids, History::Whole);
}

fn reads_show_of(b: &mut Bench, held: &str, ids: &[TransactionId], history: History) {
    let held = decimal(held);
    for pause_ms in [0, 6_000] {
        b.now = b.now.plus_ms(pause_ms);
        let orders = ids.iter().flat_map(|id| orders(b, *id)).collect();
        let position =
            Position { symbol: "AAA".into(), quantity: held, avg_price: Some(price("100")) };
        let positions = if held.is_zero() { vec![] } else { vec![position] };
        let (fills, balance, as_of) = (vec![], None, b.now);
        let picture = Picture { orders, fills, positions, balance, complete: true, as_of, history };
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

#[test]
fn seed_1010885_exits_whose_cancel_is_rejected_are_asked_for_by_their_id() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let both = vec![b.tx(id).orders[1].broker_id.clone(), b.tx(id).orders[2].broker_id.clone()];
    let asked = (ACCOUNT.into(), Read::Refresh { orders: both });
    b.person(Intent::Close { transaction: id });
    // They were canceled before, and the news of it was lost.
    let clear = b.command();
    let over = Fault::new("NOT_CANCELABLE", "order is already in \"canceled\" state");
    b.answer(&clear, Answer::Rejected(over));
    assert!(b.last.reads.contains(&asked), "{:?}", b.last.reads);

    // The same where the answer is lost and the look-up lists none of them.
    b.pass_ms(1_100);
    let clear = b.command();
    b.answer(&clear, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
    let found = Found::Legs { legs: vec![], memo: vec![] };
    b.tell(BrokerEvent::LookedUp { op: clear.op, found });
    assert!(b.last.reads.contains(&asked), "{:?}", b.last.reads);
}

#[test]
fn seed_1000658_an_order_that_was_replaced_counts_until_the_one_in_its_place_is_seen() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let old = sold(&b, id, 1);
    b.person(set_stop(id, "96"));
    let moved = b.command();
    b.answer(&moved, Answer::Rejected(Fault::new("REJECTED", "an error, though it was done")));
    let replaced = OrderReport {
        status: OrderStatus::Replaced,
        replaced_by: Some("new".into()),
        ..old.clone()
    };
    b.report(replaced.clone());
    let both = vec!["new".into(), old.broker_id.clone()];
    assert_eq!(b.last.reads, [(ACCOUNT.into(), Read::Refresh { orders: both })]);
    b.pass_ms(2_000);
    assert!(b.sent.is_empty(), "no stop is placed beside the one that nobody has seen");

    let new = OrderReport {
        broker_id: "new".into(),
        client_id: Some(moved.client_id),
        replaces: Some(old.broker_id.clone()),
        trigger: Some(price("96")),
        ..old
    };
    // In whatever order the list tells them.
    b.tell(BrokerEvent::Polled { orders: vec![replaced, new], fills: vec![] });
    assert!(b.last.reads.is_empty());
    assert_eq!(b.tx(id).orders[1].status, OrderStatus::Replaced);
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("96")));
    assert_eq!(b.tx(id).protection, Protection::Protected);
    b.pass_ms(2_000);
    assert!(b.sent.is_empty());
}

/// An order as a plugin lists it.
pub(crate) fn leg(report: &OrderReport, client_id: Option<ClientOrderId>) -> BracketLeg {
    BracketLeg {
        role: report.role.unwrap(),
        broker_id: report.broker_id.clone(),
        client_id,
        status: report.status,
        limit: report.limit,
        trigger: report.trigger,
        quantity: report.quantity,
        filled: report.filled,
    }
}

#[test]
fn seed_1016969_a_look_that_shows_nothing_new_does_not_make_an_order_newer() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
    b.person(set_stop(id, "96"));
    let moved = b.command();
    b.answer(&moved, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
    let new = OrderReport { broker_id: "new".into(), trigger: Some(price("96")), ..stop.clone() };
    // It takes effect between two looks.
    let looks = [
        vec![leg(&stop, None), leg(&target, None)],
        vec![leg(&new, Some(moved.client_id.clone())), leg(&target, None)],
    ];
    for legs in looks {
        b.pass_ms(500);
        let found = Found::Legs { legs, memo: vec![] };
        b.tell(BrokerEvent::LookedUp { op: moved.op.clone(), found });
    }
    assert_eq!(b.tx(id).orders[1].status, OrderStatus::Replaced);
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("96")));
    assert!(b.sent.is_empty(), "nothing is doubled: {:?}", b.sent);
}

#[test]
fn seed_1016969_what_has_ended_is_not_revived_by_the_host_s_own_list() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
    b.person(Intent::Close { transaction: id });
    let clear = b.command();
    b.report(OrderReport { status: OrderStatus::Replaced, ..stop.clone() });
    // The plugin hands back the list that it was given, with its own cancel in it.
    let pending = |report: &OrderReport| BracketLeg {
        status: OrderStatus::PendingCancel,
        ..leg(report, None)
    };
    let legs = vec![pending(&stop), pending(&target)];
    let progress = Progress::WaitingFor(target.broker_id.clone());
    let (how, memo) = (How::CancelRequested, vec![]);
    b.answer(&clear, Answer::Adjusted { legs, how, progress, memo });
    assert_eq!(b.tx(id).orders[1].status, OrderStatus::Replaced);
    assert_eq!(b.tx(id).orders[2].status, OrderStatus::PendingCancel);
}

#[test]
fn seed_1011081_what_a_stop_sold_of_another_transaction_is_not_told_of_strangers() {
    let mut b = Bench::new(&[ALPACA, &[Features::PROTECT_BESIDE_OPEN_ENTRY]].concat());
    let first = opened(&mut b);
    b.pass_ms(2_000);
    let second = opened(&mut b);
    // Somebody sold ten by hand; they are booked to the younger one, and its stop fills before
    // anything could end it: what that sold was the older one's.
    let stop = sold(&b, second, 1);
    reads_show(&mut b, "10", &[first, second]);
    assert_eq!(b.tx(second).status, TransactionStatus::Closed);
    b.fill(&stop, "10", "95");
    b.sent.clear();
    b.cancel_exits(second);
    let own = b.tx(first).exited;
    reads_show(&mut b, "0", &[first, second]);
    assert_eq!((own, b.tx(first).held()), (quantity("0"), quantity("0")));
    for (id, left_at) in [(first, "95"), (second, "99.99")] {
        let tx = b.tx(id);
        assert_eq!((tx.exited, tx.exit_price()), (quantity("10"), Some(price(left_at))));
    }
    let codes: Vec<_> = b.last.facts.iter().map(|fact| fact.code.to_string()).collect();
    assert!(codes.contains(&"netted".to_owned()) && codes.contains(&"NETTED".to_owned()));
    assert!(!codes.contains(&"external".to_owned()), "{codes:?}");
}

#[test]
fn seed_1011486_orders_that_ended_and_were_forgotten_do_not_come_back() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let mut told = vec![sold(&b, id, 1)];
    for step in 0..40 {
        b.pass_ms(2_000);
        b.person(set_stop(id, &format!("96.{step:02}")));
        let moved = b.command();
        let old = told.last().unwrap().clone();
        let new = OrderReport {
            broker_id: format!("new{step}").into(),
            client_id: Some(moved.client_id.clone()),
            replaces: Some(old.broker_id.clone()),
            trigger: Some(price(&format!("96.{step:02}"))),
            ..old.clone()
        };
        let last = told.last_mut().unwrap();
        last.status = OrderStatus::Replaced;
        last.replaced_by = Some(new.broker_id.clone());
        let (how, progress) = (How::ReplacedInPlace, Progress::Confirmed);
        let legs = vec![leg(&new, Some(moved.client_id.clone()))];
        b.answer(&moved, Answer::Adjusted { legs, how, progress, memo: vec![] });
        told.push(new);
    }
    let kept = b.tx(id).orders.len();
    assert!(kept < told.len(), "{kept} orders are kept");
    let facts_of =
        |b: &Bench| b.last.facts.iter().filter(|f| f.kind == FactKind::OrderChanged).count();

    // The broker lists everything that it ever had.
    b.tell(BrokerEvent::Polled { orders: told.clone(), fills: vec![] });
    assert_eq!((facts_of(&b), b.tx(id).orders.len()), (0, kept));
    assert!(b.last.reads.is_empty(), "{:?}", b.last.reads);

    // Nor to a daemon that knows only what the ledger kept.
    let mut restarted = Bench::new(ALPACA);
    restarted.now = b.now;
    restarted.book.insert(b.tx(id).clone());
    restarted.tell(BrokerEvent::Polled { orders: told.clone(), fills: vec![] });
    assert_eq!((facts_of(&restarted), restarted.tx(id).orders.len()), (0, kept));

    // Once the one that stands is canceled there is no stop, whatever the others say.
    told.last_mut().unwrap().status = OrderStatus::Canceled;
    b.tell(BrokerEvent::Polled { orders: told.clone(), fills: vec![] });
    assert_ne!(b.tx(id).protection, Protection::Protected);

    // One that filled late after all counts.
    let late =
        OrderReport { status: OrderStatus::Filled, filled: quantity("4"), ..told[0].clone() };
    b.report(late);
    assert_eq!(b.tx(id).exited, quantity("4"));
}

#[test]
fn seed_30033564_exits_that_are_always_under_way_do_not_hide_what_left_by_other_hands() {
    let resize = |to| move |id| Intent::Resize { transaction: id, quantity: quantity(to) };
    // what is under way at both reads, what they show, what is held afterwards
    type Ask = Box<dyn Fn(TransactionId) -> Intent>;
    let rows: [(Ask, &str, &str); 4] = [
        (Box::new(|id| set_stop(id, "96")), "4", "4"),
        (Box::new(resize("20")), "4", "4"),
        // What a close or an entry under way may have done is not said of strangers.
        (Box::new(resize("4")), "4", "10"),
        (Box::new(resize("20")), "20", "10"),
    ];
    for (ask, shown, held) in rows {
        let mut b = Bench::new(LOOSE);
        let id = opened(&mut b);
        b.pass_ms(2_000);
        b.person(ask(id));
        let under_way = b.command();
        if words(&under_way).ends_with("stop clear, target clear") {
            b.adjusted(&under_way);
            b.cancel_exits(id);
            let _close = b.command();
        }
        reads_show(&mut b, shown, &[id]);
        assert_eq!(b.tx(id).held(), quantity(held), "{shown} shown");
        assert!(!b.last.facts.iter().any(|fact| fact.code == "ORPHAN_POSITION"));
    }
}

#[test]
fn seed_30148202_a_list_from_before_a_change_retires_nothing_that_came_after() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
    reads_show(&mut b, "4", &[id]);
    b.pass_ms(1_100);
    let moved = b.command();
    assert_eq!(words(&moved), "exits of 4: stop 95, target 110");
    // The target is replaced beside it, by a write that was thought to be rejected.
    let replaces = Some(target.broker_id.clone());
    let new =
        OrderReport { broker_id: "t2".into(), replaces, quantity: quantity("4"), ..target.clone() };
    b.report(new);
    b.report(OrderReport { status: OrderStatus::Replaced, ..target.clone() });
    let fresh = OrderReport { broker_id: "s2".into(), quantity: quantity("4"), ..stop };
    let legs = vec![leg(&fresh, Some(moved.client_id.clone())), leg(&target, None)];
    let (how, progress) = (How::ReplacedInPlace, Progress::Confirmed);
    b.answer(&moved, Answer::Adjusted { legs, how, progress, memo: vec![] });
    let live: Vec<_> = b.tx(id).exits(SliceNo(0)).map(|o| o.broker_id.to_string()).collect();
    assert_eq!(live, ["t2", "s2"]);
    assert!(b.sent.is_empty(), "no second target: {:?}", b.sent);
}

#[test]
fn seed_30003324_of_two_that_may_have_been_replaced_both_are_asked_for() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let stop = sold(&b, id, 1);
    b.person(set_stop(id, "96"));
    let moved = b.command();
    // A stop of an earlier row comes late, and the plugin had not heard of it.
    let replaces = Some(stop.broker_id.clone());
    let late = OrderReport { broker_id: "late".into(), replaces, ..stop.clone() };
    b.report(late.clone());
    let fresh = OrderReport { broker_id: "s2".into(), trigger: Some(price("96")), ..stop.clone() };
    let legs = vec![leg(&fresh, Some(moved.client_id.clone()))];
    let (how, progress) = (How::ReplacedInPlace, Progress::Confirmed);
    b.answer(&moved, Answer::Adjusted { legs, how, progress, memo: vec![] });
    let asked = Read::Refresh { orders: vec![stop.broker_id.clone(), "late".into()] };
    assert!(b.last.reads.contains(&(ACCOUNT.into(), asked)), "{:?}", b.last.reads);
    assert!(b.sent.is_empty(), "nothing is done before they have told");
    b.report(OrderReport { status: OrderStatus::Replaced, ..stop });
    b.report(late);
    assert_eq!(words(&b.command()), "exits of 10: stop 96, target 110", "one of the two goes");
}

#[test]
fn seed_50018912_an_id_that_is_taken_by_nothing_that_lives_is_not_sent_for_ever() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.cancel_exits(id);
    b.pass_ms(2_000);
    let stop = b.command();
    // It arrived, ended, and the broker forgot it; its id stays taken.
    b.answer(&stop, Answer::Rejected(Fault::new("DUPLICATE_CLIENT_ID", "must be unique")));
    for pause_ms in [6_000, 1_500, 1_500] {
        b.pass_ms(pause_ms);
        let found = Found::Legs { legs: vec![], memo: vec![] };
        b.tell(BrokerEvent::LookedUp { op: stop.op.clone(), found });
    }
    b.pass_ms(1_000);
    let next = b.command();
    assert_eq!(words(&next), words(&stop));
    assert_ne!(next.client_id, stop.client_id);
}

#[test]
fn seed_60043958_a_look_up_that_comes_after_its_row_was_settled_is_news_all_the_same() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    let filled = OrderReport {
        status: OrderStatus::Filled,
        filled: quantity("10"),
        avg_price: Some(price("100")),
        ..order
    };
    let found = Found::Order(Box::new(filled));
    b.tell(BrokerEvent::LookedUp { op: entry.op, found });
    assert_eq!(b.tx(id).held(), quantity("10"));
}

#[test]
fn seed_80043368_a_growth_that_was_not_sent_does_not_explain_what_exits_sold() {
    let mut b = Bench::new(&[ALPACA, &[Features::PROTECT_BESIDE_OPEN_ENTRY]].concat());
    let first = opened(&mut b);
    b.pass_ms(2_000);
    let second = opened(&mut b);
    b.person(Intent::Resize { transaction: second, quantity: quantity("15") });
    assert_eq!(b.sent.len(), 1, "the growth waits for its turn");
    // The venue lets both exits of a pair fill.
    let (stop, target) = (sold(&b, second, 1), sold(&b, second, 2));
    b.fill(&stop, "10", "95");
    b.fill(&target, "10", "110");
    reads_show(&mut b, "0", &[first, second]);
    let codes: Vec<_> = b.last.facts.iter().map(|fact| fact.code.to_string()).collect();
    assert!(codes.contains(&"netted".to_owned()), "{codes:?}");
    assert!(!codes.contains(&"external".to_owned()), "{codes:?}");
}

/// The legs that a guarded entry carries, in that state.
fn carried(b: &mut Bench, entry: &OrderReport, target: OrderStatus, stop: OrderStatus) {
    for (name, limit, trigger, status) in
        [("t", Some("110"), None, target), ("s", None, Some("95"), stop)]
    {
        b.report(OrderReport {
            broker_id: name.into(),
            client_id: None,
            parent: Some(entry.broker_id.clone()),
            side: Direction::Long.exit_side(),
            limit: limit.map(price),
            trigger: trigger.map(price),
            kind: if trigger.is_some() { OrderKind::Stop } else { OrderKind::Limit },
            status,
            filled: quantity("0"),
            ..entry.clone()
        });
    }
}

#[test]
fn seed_90792918_a_reduction_ends_an_entry_whose_exits_are_of_the_whole() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(Open { guard: GuardWish::Native, on_partial: Some(OnPartial::Wait), ..wish() });
    let entry = b.command();
    let order = b.accept(&entry);
    carried(&mut b, &order, OrderStatus::Contingent, OrderStatus::Contingent);
    b.fill(&order, "6", "100");
    b.person(Intent::Resize { transaction: id, quantity: quantity("3") });
    // Sold beside it, the last fill would set exits of ten free over seven.
    let cancel = b.command();
    assert!(words(&cancel).starts_with("cancel"), "{}", words(&cancel));
    assert!(b.sent.is_empty(), "I4");
    b.answer(&cancel, Answer::Placed { order: None, progress: Progress::Accepted });
    let status = OrderStatus::Canceled;
    carried(&mut b, &order, status, status);
    b.report(OrderReport { status, filled: quantity("6"), ..order });
    assert_eq!(words(&b.command()), "sell 3 at market");
}

#[test]
fn seed_90229795_nothing_is_sold_beside_carried_exits_that_nobody_has_seen_yet() {
    let reduce = |id| Intent::Resize { transaction: id, quantity: quantity("6") };
    let close = |id| Intent::Close { transaction: id };
    for ask in [&reduce as &dyn Fn(TransactionId) -> Intent, &close] {
        let mut b = Bench::new(ALPACA);
        let id = b.open(Open { guard: GuardWish::Native, ..wish() });
        let entry = b.command();
        let order = b.accept(&entry);
        b.fill(&order, "10", "100");
        b.person(ask(id));
        assert!(b.sent.is_empty(), "I4: the broker has exits of ten");
        carried(&mut b, &order, OrderStatus::Working, OrderStatus::Held);
        assert_eq!(words(&b.command()), "exits of 10: stop clear, target clear");
    }
}

#[test]
fn seed_121055199_a_stop_that_shrank_by_itself_is_not_enlarged_before_its_target_was_asked_for() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
    b.person(set_stop(id, "96"));
    let moved = b.command();
    // The target sold six, and the broker took them from the stop before anybody was told.
    let legs = vec![
        BracketLeg { trigger: Some(price("96")), quantity: quantity("4"), ..leg(&stop, None) },
        leg(&target, None),
    ];
    let (how, progress) = (How::ReplacedInPlace, Progress::Confirmed);
    b.answer(&moved, Answer::Adjusted { legs, how, progress, memo: vec![] });
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    let asked = Read::Refresh { orders: vec![target.broker_id.clone()] };
    assert!(b.last.reads.iter().any(|(_, read)| *read == asked), "{:?}", b.last.reads);
    b.fill(&target, "6", "110");
    b.pass_ms(2_000);
    assert_eq!(b.tx(id).held(), quantity("4"));
    assert_eq!(b.tx(id).protection, Protection::Protected);
    let rests = b.tx(id).orders.iter().find(|o| o.broker_id == stop.broker_id).map(Order::leaves);
    assert_eq!(rests, Some(quantity("4")), "nothing enlarges it");
    assert!(b.sent.is_empty(), "{:?}", b.sent);
}

/// Ten with their pair, grown to so many by so much more, which is a part with a pair of its own.
fn grown(b: &mut Bench, to: &str, by: &str) -> TransactionId {
    let id = opened(b);
    b.person(Intent::Resize { transaction: id, quantity: quantity(to) });
    let more = b.command();
    let order = b.accept(&more);
    b.fill(&order, by, "100");
    let pair = b.command();
    b.adjusted(&pair);
    id
}

#[test]
fn seed_130063478_what_a_close_still_sells_gets_no_exits_although_enough_has_left_without_it() {
    let mut b = Bench::new(&[ALPACA, &[Features::PROTECT_BESIDE_OPEN_ENTRY]].concat());
    let id = grown(&mut b, "20", "10");
    b.person(Intent::Resize { transaction: id, quantity: quantity("10") });
    let free = b.command();
    b.adjusted(&free);
    for at in [4, 5] {
        b.report(OrderReport { status: OrderStatus::Canceled, ..sold(&b, id, at) });
    }
    let close = b.command();
    assert_eq!(words(&close), "sell 10 at market");
    let selling = b.accept(&close);
    // The other half leaves by its own target: ten are left, and ten are being sold.
    let target = sold(&b, id, 2);
    b.fill(&target, "10", "110");
    b.report(OrderReport { status: OrderStatus::Canceled, ..sold(&b, id, 1) });
    b.pass_ms(5_000);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    assert!(matches!(b.tx(id).protection, Protection::Unprotected { .. }));
    // Whatever becomes of the close decides.
    b.report(OrderReport { status: OrderStatus::Canceled, ..selling });
    assert_eq!(words(&b.command()), "exits of 10: stop 95, target 110");
}

#[test]
fn seed_150039145_a_row_that_waits_is_not_sent_once_the_exits_of_another_part_have_to_shrink() {
    let mut b = Bench::new(&[ALPACA, &[Features::PROTECT_BESIDE_OPEN_ENTRY]].concat());
    let id = grown(&mut b, "12", "2");
    for at in [1, 2] {
        b.report(OrderReport { status: OrderStatus::Canceled, ..sold(&b, id, at) });
    }
    b.pass_ms(1_000);
    let again = b.command();
    assert_eq!(words(&again), "exits of 10: stop 95, target 110");
    let fault = Fault::new("TRAP", "the plugin died before it wrote");
    b.answer(&again, Answer::NotSent { fault, after_ms: 7_000 });
    // Somebody sells a unit, which the younger part lacks: its exits are of two still.
    reads_show(&mut b, "11", &[id]);
    b.pass_ms(2_000);
    let sent: Vec<String> = b.sent.iter().map(words).collect();
    assert_eq!(sent, ["exits of 1: stop 95, target 110"]);
    let shrinks = b.command();
    b.adjusted(&shrinks);
    assert_eq!(words(&b.command()), "exits of 10: stop 95, target 110");
}

#[test]
fn seed_201104582_a_stop_that_sells_is_left_to_it_and_gets_no_target_beside_it() {
    // What the stop has left of the ten that are held, and what is sent then.
    for (left, sent) in [("4", None), ("6", Some("exits of 4: stop 95, target 110"))] {
        let mut b = Bench::new(ALPACA);
        let id = opened(&mut b);
        let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
        b.report(OrderReport { status: OrderStatus::Canceled, ..target });
        let units = quantity("6").plus(quantity(left));
        let status = OrderStatus::PartiallyFilled;
        let touched = OrderReport { status, quantity: units, ..stop };
        b.fill(&touched, "6", "94.9");
        b.pass_ms(10_000);
        assert_eq!(b.sent.first().map(words).as_deref(), sent, "{left} left");
        assert_eq!(b.tx(id).held(), quantity("4"));
    }
}

#[test]
fn seed_201320333_a_pair_whose_order_was_seen_has_arrived_whatever_no_look_up_finds() {
    let mut b = Bench::new(ALPACA);
    let id = filled(&mut b);
    let pair = b.command();
    b.answer(&pair, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
    let stop = OrderReport {
        broker_id: "s1".into(),
        client_id: Some(pair.client_id.clone()),
        side: b.tx(id).direction.exit_side(),
        kind: OrderKind::Stop,
        status: OrderStatus::Canceled,
        trigger: Some(price("95")),
        filled: quantity("0"),
        ..sold(&b, id, 0)
    };
    b.report(stop);
    b.pass_ms(6_000);
    let found = Found::Legs { legs: vec![], memo: vec![] };
    b.tell(BrokerEvent::LookedUp { op: pair.op.clone(), found });
    assert!(!b.tx(id).ops.iter().any(|op| op.id == pair.op), "it is done at the first look");
}

#[test]
fn seed_230035361_a_leg_that_is_only_handed_back_is_older_than_what_was_told_meanwhile() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
    // Somebody moved the target, and that is told while the command waits for its turn.
    let moved_at = b.now.plus_ms(500);
    b.now = b.now.plus_ms(600);
    b.person(set_stop(id, "96"));
    let moved = b.command();
    let elsewhere =
        OrderReport { limit: Some(price("112")), updated_at: moved_at, ..target.clone() };
    b.report(elsewhere);
    let legs =
        vec![BracketLeg { trigger: Some(price("96")), ..leg(&stop, None) }, leg(&target, None)];
    let (how, progress) = (How::ReplacedInPlace, Progress::Confirmed);
    b.answer(&moved, Answer::Adjusted { legs, how, progress, memo: vec![] });
    assert_eq!(b.tx(id).orders[1].trigger, Some(price("96")), "what the step changed is news");
    assert_eq!(b.tx(id).orders[2].limit, Some(price("112")), "what it did not is none");
}

#[test]
fn seed_400470530_a_look_up_that_leaves_out_what_the_row_made_is_older_and_settles_nothing() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
    b.cancel_exits(id);
    b.pass_ms(2_000);
    let pair = b.command();
    b.answer(&pair, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
    let own = Some(pair.client_id.clone());
    let stop = OrderReport { broker_id: "s2".into(), client_id: own.clone(), ..stop };
    let target = OrderReport { broker_id: "t2".into(), client_id: None, ..target };
    b.report(stop.clone());
    b.pass_ms(500);
    let found = Found::Legs { legs: vec![], memo: vec![] };
    b.tell(BrokerEvent::LookedUp { op: pair.op.clone(), found });
    assert!(b.sent.is_empty(), "its target may rest as well: {:?}", b.sent);
    let asked = Read::Refresh { orders: vec!["s2".into()] };
    assert!(b.last.reads.contains(&(ACCOUNT.into(), asked)), "{:?}", b.last.reads);
    let found = Found::Legs { legs: vec![leg(&stop, own), leg(&target, None)], memo: vec![] };
    b.tell(BrokerEvent::LookedUp { op: pair.op.clone(), found });
    assert_eq!(b.tx(id).exits(SliceNo(0)).count(), 2);
    assert!(b.sent.is_empty() && b.tx(id).ops.is_empty(), "{:?}", b.sent);
}

#[test]
fn seed_400670325_what_a_command_named_is_replaced_by_it_although_the_clocks_differ() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
    // Our clock was set back since.
    b.now = Timestamp(b.now.0 - 10_000_000);
    b.person(set_stop(id, "96"));
    let moved = b.command();
    let fresh = OrderReport { broker_id: "s2".into(), trigger: Some(price("96")), ..stop.clone() };
    let legs = vec![leg(&fresh, Some(moved.client_id.clone())), leg(&target, None)];
    let (how, progress) = (How::ReplacedInPlace, Progress::Confirmed);
    b.answer(&moved, Answer::Adjusted { legs, how, progress, memo: vec![] });
    let live: Vec<_> = b.tx(id).exits(SliceNo(0)).map(|o| o.broker_id.to_string()).collect();
    assert_eq!(live, [target.broker_id.to_string(), "s2".to_owned()]);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
}

#[test]
fn seed_400670325_a_look_up_that_is_older_than_a_replacement_retires_nothing() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
    b.now = Timestamp(b.now.0 - 10_000_000);
    b.person(set_stop(id, "96"));
    let moved = b.command();
    b.answer(&moved, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
    // An earlier change took effect; the list is of before it.
    let replaces = Some(stop.broker_id.clone());
    let late = OrderReport { broker_id: "late".into(), replaces, ..stop.clone() };
    b.report(OrderReport { updated_at: b.now, ..late });
    b.pass_ms(500);
    let found = Found::Legs { legs: vec![leg(&stop, None), leg(&target, None)], memo: vec![] };
    b.tell(BrokerEvent::LookedUp { op: moved.op.clone(), found });
    let late = b.tx(id).orders.iter().find(|order| order.broker_id == "late".into());
    assert!(late.is_some_and(|order| !order.status.is_terminal()), "{late:?}");
}

#[test]
fn seed_510023979_exits_as_asked_for_by_another_row_s_work_do_not_end_the_row_before_it_could_arrive()
 {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (sold(&b, id, 1), sold(&b, id, 2));
    b.person(set_stop(id, "96"));
    let moved = b.command();
    b.answer(&moved, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
    let other = OrderReport { trigger: Some(price("96")), ..stop };
    for (pause_ms, is_open) in [(500, true), (2_000, true), (3_000, false)] {
        b.pass_ms(pause_ms);
        let legs = vec![leg(&other, None), leg(&target, None)];
        let found = Found::Legs { legs, memo: vec![] };
        b.tell(BrokerEvent::LookedUp { op: moved.op.clone(), found });
        assert_eq!(!b.tx(id).ops.is_empty(), is_open, "after another {pause_ms} ms");
    }
    assert!(b.sent.is_empty(), "{:?}", b.sent);
}

#[test]
fn seed_540177974_an_entry_that_would_net_what_came_late_is_asked_to_go() {
    let both = [(Direction::Long, Direction::Short), (Direction::Short, Direction::Long)];
    for (late, against) in both {
        let mut b = Bench::new(ALPACA);
        let id = b.open(Open { stop: None, target: None, direction: late, ..wish() });
        let given_up = b.command();
        b.answer(&given_up, Answer::Rejected(Fault::new("BUSY", "not now")));
        assert_eq!(b.tx(id).status, TransactionStatus::Failed);
        let other = b.open(Open { stop: None, target: None, direction: against, ..wish() });
        let entry = b.command();
        let rests = b.accept(&entry);
        // It was made all the same, and is told now.
        b.report(OrderReport {
            broker_id: "late".into(),
            client_id: Some(given_up.client_id.clone()),
            side: late.entry_side(),
            status: OrderStatus::Filled,
            filled: quantity("10"),
            avg_price: Some(price("100")),
            ..rests
        });
        assert_eq!(b.tx(id).status, TransactionStatus::Opened);
        assert!(words(&b.command()).starts_with("cancel"), "the entry that would sell it");
        let asked = b.last.facts.iter().find(|fact| fact.kind == FactKind::CancelAsked);
        assert_eq!(asked.and_then(|fact| fact.transaction), Some(other));
    }
}

#[test]
fn seed_580494327_a_given_up_entry_that_turns_up_goes_before_what_filled_of_it_gets_exits() {
    for on_partial in [OnPartial::CancelRest, OnPartial::Oco, OnPartial::Wait] {
        let mut b = Bench::new(ALPACA);
        let native = Open { guard: GuardWish::Native, on_partial: Some(on_partial), ..wish() };
        let id = b.open(native);
        let given_up = b.command();
        b.answer(&given_up, Answer::Rejected(Fault::new("BUSY", "not now")));
        assert_eq!(b.tx(id).status, TransactionStatus::Failed);
        // It was made all the same; six are bought, and its own exits wait for the other four.
        let mut other = Bench::new(ALPACA);
        other.open(Open { guard: GuardWish::Native, ..wish() });
        let made = other.command();
        let entry = OrderReport {
            broker_id: "late".into(),
            client_id: Some(given_up.client_id.clone()),
            status: OrderStatus::PartiallyFilled,
            filled: quantity("6"),
            avg_price: Some(price("100")),
            ..other.accept(&made)
        };
        b.report(entry.clone());
        assert_eq!(b.tx(id).status, TransactionStatus::Opened);
        let cancel = b.command();
        carried(&mut b, &entry, OrderStatus::Contingent, OrderStatus::Contingent);
        assert!(words(&cancel).starts_with("cancel"), "{on_partial:?}: {}", words(&cancel));
        assert!(b.sent.is_empty(), "I4: its last fill would set exits of ten free beside them");
        b.answer(&cancel, Answer::Placed { order: None, progress: Progress::Accepted });
        carried(&mut b, &entry, OrderStatus::Canceled, OrderStatus::Canceled);
        b.report(OrderReport { status: OrderStatus::Canceled, ..entry });
        b.pass_ms(1_000);
        assert_eq!(words(&b.command()), "exits of 6: stop 95, target 110");
    }
}

#[test]
fn seed_620625599_what_the_broker_did_before_its_answer_was_heard_is_newer_than_the_answer() {
    let mut b = Bench::new(ALPACA);
    let id = filled(&mut b);
    let pair = b.command();
    // The market is at the target: four of it fill while the answer is on its way, and the broker
    // takes them off the stop.
    let shrank_at = b.now.plus_ms(50);
    b.pass_ms(100);
    b.adjusted(&pair);
    assert_eq!(b.tx(id).protection, Protection::Protected);
    let shrank = OrderReport { quantity: quantity("6"), updated_at: shrank_at, ..sold(&b, id, 1) };
    b.tell(BrokerEvent::Polled { orders: vec![shrank], fills: vec![] });
    assert_eq!(b.tx(id).orders[1].quantity, quantity("6"));
}

#[test]
fn seed_620625599_a_page_from_between_a_change_and_its_answer_undoes_nothing() {
    let mut b = Bench::new(&[ALPACA, &[Features::REPLACE_IN_PLACE]].concat());
    let id = opened(&mut b);
    b.person(set_stop(id, "96"));
    let moved = b.command();
    let before = OrderReport { updated_at: b.now.plus_ms(10), ..sold(&b, id, 1) };
    b.pass_ms(100);
    let page = || BrokerEvent::Polled { orders: vec![before.clone()], fills: vec![] };
    b.tell(page());
    let legs = vec![BracketLeg { trigger: Some(price("96")), ..leg(&before, None) }];
    let (how, progress) = (How::ReplacedInPlace, Progress::Confirmed);
    b.answer(&moved, Answer::Adjusted { legs, how, progress, memo: vec![] });
    b.tell(page());
    assert_eq!(b.tx(id).orders[1].trigger, Some(price("96")));
}

#[test]
fn seed_630156200_what_exits_in_doubt_may_have_sold_left_by_no_other_hands_while_a_read_hides_it() {
    // The history that the reads show, whether the change is still in doubt, and what is held then.
    for (history, in_doubt, held) in
        [(History::Cut, true, "10"), (History::Cut, false, "0"), (History::Whole, true, "0")]
    {
        let mut b = Bench::new(ALPACA);
        let id = filled(&mut b);
        let pair = b.command();
        let answer = match in_doubt {
            true => Answer::Unknown(Fault::new("TIMEOUT", "no answer")),
            false => Answer::Rejected(Fault::new("BUSY", "not now")),
        };
        b.answer(&pair, answer);
        reads_show_of(&mut b, "0", &[id], history);
        assert_eq!(b.tx(id).held(), quantity(held), "{history:?}, in doubt {in_doubt}");
    }
}
