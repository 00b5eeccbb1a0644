//! Lives of transactions, told as what was asked, what the broker said and what was sent.

use bracketd_core::broker::{BrokerEvent, Fault, OrderReport, Session};
use bracketd_core::command::{Answer, How, Progress, Read};
use bracketd_core::intent::{GuardWish, Intent, Open, Outcome};
use bracketd_core::order::{Direction, Leg, OrderStatus};
use bracketd_core::plan::next_timer;
use bracketd_core::protection::{Exposed, Protection};
use bracketd_core::refusal::Refusal;
use bracketd_core::transaction::{EntryKind, OnPartial, TransactionStatus};

use crate::bench_book::{ALPACA, Bench, price, quantity, report_of, set_stop, wish, words};

#[test]
fn law_1_a_stop_changed_while_waiting_is_the_one_that_rests_after_the_fill() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    assert_eq!(words(&entry), "buy 10 at 100");
    let order = b.accept(&entry);

    assert_eq!(b.person(set_stop(id, "96.5")).outcome, Outcome::Stored);
    assert!(b.sent.is_empty(), "WAITING: the ledger only");

    b.fill(&order, "10", "99.98");
    assert_eq!(b.tx(id).status, TransactionStatus::Opened);
    assert!(matches!(b.tx(id).protection, Protection::Pending { .. }));
    let pair = b.command();
    assert_eq!(words(&pair), "exits of 10: stop 96.5, target 110");
    b.adjusted(&pair);
    assert_eq!(b.tx(id).protection, Protection::Protected);
    assert_eq!(b.tx(id).working(Leg::Stop), Some(price("96.5")));
}

#[test]
fn law_1_a_guarded_entry_s_own_pair_is_moved_one_leg_at_a_time() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(Open { guard: GuardWish::Native, ..wish() });
    let entry = b.command();
    assert_eq!(words(&entry), "buy 10 at 100 stop 95 target 110");
    let order = b.accept(&entry);
    for (name, limit, trigger) in [("t", Some("110"), None), ("s", None, Some("95"))] {
        let mut leg = order.clone();
        leg.broker_id = name.into();
        leg.client_id = None;
        leg.parent = Some(order.broker_id.clone());
        leg.side = Direction::Long.exit_side();
        leg.limit = limit.map(price);
        leg.trigger = trigger.map(price);
        leg.kind = if trigger.is_some() {
            bracketd_core::order::OrderKind::Stop
        } else {
            bracketd_core::order::OrderKind::Limit
        };
        leg.status = OrderStatus::Contingent;
        b.report(leg);
    }
    b.person(set_stop(id, "96"));
    assert!(b.sent.is_empty(), "contingent legs are left alone while WAITING");

    b.fill(&order, "10", "100");
    assert!(b.sent.is_empty(), "the broker sets the carried pair free by itself");
    let legs: Vec<_> = b.tx(id).orders.iter().skip(1).cloned().collect();
    for leg in legs {
        let mut report = order.clone();
        report.broker_id = leg.broker_id;
        report.client_id = None;
        report.side = leg.side;
        report.kind = leg.kind;
        report.limit = leg.limit;
        report.trigger = leg.trigger;
        report.status =
            if leg.trigger.is_some() { OrderStatus::Held } else { OrderStatus::Working };
        b.report(report);
    }
    let moved = b.command();
    assert_eq!(words(&moved), "exits of 10: stop 96, target keep");
    b.adjusted(&moved);
    assert!(b.sent.is_empty());
    assert_eq!(b.tx(id).protection, Protection::Protected);
}

#[test]
fn the_newest_wish_is_what_the_next_command_carries() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(set_stop(id, "96"));
    let first = b.command();
    b.person(set_stop(id, "97"));
    b.person(set_stop(id, "98"));
    assert!(b.sent.is_empty(), "i4: one in flight");
    b.adjusted(&first);
    let second = b.command();
    assert_eq!(words(&second), "exits of 10: stop 98, target keep");
    assert_ne!(first.client_id, second.client_id);
}

#[test]
fn partial_fills_beside_a_resting_entry() {
    // on_partial, stop only? -> what is sent at a fill of 4 of 10
    let rows = [
        (None, true, "exits of 4: stop 95, target 110"),
        (Some(OnPartial::CancelRest), true, "cancel o1"),
        (Some(OnPartial::Oco), false, "cancel o1"),
        (Some(OnPartial::Wait), true, ""),
    ];
    for (on_partial, with_target, expected) in rows {
        let mut b = Bench::new(ALPACA);
        let target = with_target.then(|| price("110"));
        let id = b.open(Open { on_partial, target, ..wish() });
        let entry = b.command();
        let order = b.accept(&entry);
        b.fill(&order, "4", "100");
        let sent: Vec<String> = b.sent.iter().map(words).collect();
        assert_eq!(sent.join("; "), expected, "{on_partial:?} {with_target}");
        assert_eq!(b.tx(id).held(), quantity("4"));
        assert!(b.tx(id).protection.gap_since().is_some(), "i5: the clock runs");
    }
}

#[test]
fn a_canceled_rest_is_protected_once_the_cancel_is_confirmed() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(Open { on_partial: Some(OnPartial::CancelRest), ..wish() });
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "4", "100");
    let cancel = b.command();
    b.answer(&cancel, Answer::Placed { order: None, progress: Progress::Accepted });
    assert!(b.sent.is_empty(), "a cancel that was asked for has not happened");
    let mut ended = order.clone();
    ended.status = OrderStatus::Canceled;
    ended.filled = quantity("4");
    ended.avg_price = Some(price("100"));
    b.report(ended);
    assert_eq!(words(&b.command()), "exits of 4: stop 95, target 110");
    assert_eq!(b.tx(id).status, TransactionStatus::Opened);
}

#[test]
fn later_partial_fills_gather_into_slices_of_their_own() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "2", "100");
    let first = b.command();
    b.adjusted(&first);
    b.fill(&order, "3", "100");
    b.fill(&order, "5", "100");
    assert!(b.sent.is_empty(), "they gather");
    b.pass_ms(300);
    let second = b.command();
    assert_eq!(words(&second), "exits of 3: stop 95, target 110");
    b.adjusted(&second);
    assert_eq!(b.tx(id).slices.len(), 2);
    assert_eq!(b.tx(id).protection, Protection::Protected);
}

#[test]
fn one_leg_only_is_a_plain_exit_and_no_leg_is_nothing() {
    for (stop, target, expected) in [
        (Some("95"), None, "exits of 10: stop 95, target keep"),
        (None, Some("110"), "exits of 10: stop keep, target 110"),
        (None, None, ""),
    ] {
        let mut b = Bench::new(ALPACA);
        b.open(Open { stop: stop.map(price), target: target.map(price), ..wish() });
        let entry = b.command();
        let order = b.accept(&entry);
        b.fill(&order, "10", "100");
        let sent: Vec<String> = b.sent.iter().map(words).collect();
        assert_eq!(sent.join("; "), expected);
    }
}

#[test]
fn a_close_frees_the_shares_confirms_and_sells() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    assert_eq!(b.person(Intent::Close { transaction: id }).outcome, Outcome::Staged);
    let free = b.command();
    assert_eq!(words(&free), "exits of 10: stop clear, target clear");
    let progress = Progress::WaitingFor(b.tx(id).orders[1].broker_id.clone());
    let answer =
        Answer::Adjusted { legs: vec![], how: How::CancelRequested, progress, memo: vec![] };
    b.answer(&free, answer);
    assert!(b.sent.is_empty(), "not before the cancel is confirmed");
    b.cancel_exits(id);
    let close = b.command();
    assert_eq!(words(&close), "sell 10 at market");
    let order = b.accept(&close);
    b.fill(&order, "10", "101");
    assert_eq!(b.tx(id).status, TransactionStatus::Closed);
    assert_eq!(b.tx(id).close_reason.as_deref(), Some("closed"));
}

#[test]
fn a_rejected_close_protects_again_and_returns_to_opened() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(Intent::Close { transaction: id });
    let free = b.command();
    b.adjusted(&free);
    b.cancel_exits(id);
    let close = b.command();
    b.answer(&close, Answer::Rejected(Fault::new("INSUFFICIENT_QTY", "no")));
    assert_eq!(b.tx(id).status, TransactionStatus::Opened);
    assert_eq!(words(&b.command()), "exits of 10: stop 95, target 110");
}

#[test]
fn a_smaller_quantity_frees_sells_the_part_and_protects_the_rest() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let intent = Intent::Resize { transaction: id, quantity: quantity("6") };
    assert_eq!(b.person(intent).outcome, Outcome::Staged);
    let free = b.command();
    assert_eq!(words(&free), "exits of 10: stop clear, target clear");
    b.adjusted(&free);
    b.cancel_exits(id);
    let part = b.command();
    assert_eq!(words(&part), "sell 4 at market");
    let order = b.accept(&part);
    b.fill(&order, "4", "101");
    let again = b.command();
    assert_eq!(words(&again), "exits of 6: stop 95, target 110");
    b.adjusted(&again);
    assert_eq!(b.tx(id).held(), quantity("6"));
    assert_eq!(b.tx(id).protection, Protection::Protected);
}

#[test]
fn a_larger_quantity_is_bought_beside_the_pair_and_gets_its_own() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(Intent::Resize { transaction: id, quantity: quantity("13") });
    let more = b.command();
    assert_eq!(words(&more), "buy 3 at market");
    let order = b.accept(&more);
    b.fill(&order, "3", "101");
    b.pass_ms(300);
    let pair = b.command();
    assert_eq!(words(&pair), "exits of 3: stop 95, target 110");
    b.adjusted(&pair);
    assert_eq!(b.tx(id).held(), quantity("13"));
    assert_eq!(b.tx(id).protection, Protection::Protected);
}

#[test]
fn one_r_is_the_distance_to_the_first_stop_whenever_that_is_set() {
    // stops in turn, the one that R is measured by
    let rows: [(&[&str], Option<&str>); 4] = [
        (&["96", "98", "100.5"], Some("96")),
        (&["100.5", "97", "98"], Some("97")),
        (&["100.5"], None),
        (&[], None),
    ];
    for (stops, first) in rows {
        let mut b = Bench::new(ALPACA);
        let id = b.open(Open { stop: None, target: None, ..wish() });
        let entry = b.command();
        let order = b.accept(&entry);
        b.fill(&order, "10", "100");
        b.quote("104", "104.01");
        for stop in stops {
            assert!(b.person(set_stop(id, stop)).accepted(), "{stop}");
        }
        assert_eq!(b.tx(id).initial_stop, first.map(price), "{stops:?}");
    }
}

#[test]
fn a_growth_after_a_canceled_entry_is_not_taken_for_the_entry() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "4", "100");
    let pair = b.command();
    b.adjusted(&pair);
    b.person(Intent::CancelEntry { transaction: id });
    let cancel = b.command();
    b.answer(&cancel, Answer::Placed { order: None, progress: Progress::Accepted });
    let mut ended = order.clone();
    ended.status = OrderStatus::Canceled;
    ended.filled = quantity("4");
    ended.avg_price = Some(price("100"));
    b.report(ended);
    b.person(Intent::Resize { transaction: id, quantity: quantity("6") });
    let more = b.command();
    assert_eq!(words(&more), "buy 2 at market");
    b.accept(&more);
    assert!(b.sent.is_empty(), "nobody wants this one canceled: {:?}", b.sent);
}

#[test]
fn a_growth_that_did_not_arrive_or_was_rejected_does_not_hold_up_a_close() {
    let not_sent = || Answer::NotSent { fault: Fault::new("BUSY", "later"), after_ms: 1_000 };
    let rejected = || Answer::Rejected(Fault::new("INSUFFICIENT_FUNDS", "no"));
    type Row = (&'static str, fn() -> Answer);
    let rows: [Row; 2] = [("not sent", not_sent), ("rejected", rejected)];
    for (what, answer) in rows {
        let mut b = Bench::new(ALPACA);
        let id = opened(&mut b);
        b.person(Intent::Resize { transaction: id, quantity: quantity("13") });
        let more = b.command();
        assert_eq!(words(&more), "buy 3 at market");
        b.person(Intent::Close { transaction: id });
        b.answer(&more, answer());
        let free = b.command();
        assert_eq!(words(&free), "exits of 10: stop clear, target clear", "{what}");
        b.adjusted(&free);
        b.cancel_exits(id);
        b.pass_ms(1_100);
        let close = b.command();
        assert_eq!(words(&close), "sell 10 at market", "{what}: nothing is bought any more");
        let order = b.accept(&close);
        b.fill(&order, "10", "100");
        assert_eq!(b.tx(id).status, TransactionStatus::Closed, "{what}");
    }
}

#[test]
fn seed_92130582_s4_a_growth_that_waits_while_all_is_sold_is_not_taken_for_the_next_one() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(Intent::Resize { transaction: id, quantity: quantity("1000") });
    let more = b.command();
    assert_eq!(words(&more), "buy 990 at market");
    let stop = sold(&b, id, 1);
    b.fill(&stop, "10", "95");
    let fault = Fault::new("TAKEN_BACK", "it was taken back before it was sent");
    b.answer(&more, Answer::NotSent { fault, after_ms: 1_000 });
    let verdict = b.person(Intent::Resize { transaction: id, quantity: quantity("3") });
    assert_eq!(verdict.outcome, Outcome::Refused(Refusal::Busy), "{}", verdict.message);
    b.pass_ms(1_100);
    let left: Vec<String> = b.sent.iter().map(words).collect();
    assert_eq!(left, ["exits of 0: stop clear, target clear"], "nothing is bought back");
    assert_eq!(b.tx(id).status, TransactionStatus::Closed);
    assert!(!b.tx(id).locks.has(Leg::Stop), "no guard had to stop it");
}

#[test]
fn a_growth_waits_for_the_row_of_its_leg_that_is_in_doubt() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "4", "100");
    let pair = b.command();
    b.adjusted(&pair);
    b.person(Intent::CancelEntry { transaction: id });
    let cancel = b.command();
    b.fill(&order, "10", "100");
    b.answer(&cancel, Answer::Rejected(Fault::new("NOT_CANCELABLE", "it is filled")));
    b.sent.clear();
    b.person(Intent::Resize { transaction: id, quantity: quantity("12") });
    assert!(!b.sent.iter().any(|c| words(c).starts_with("buy")), "{:?}", b.sent);
    let found = bracketd_core::broker::Found::Order(Box::new(bracketd_core::broker::OrderReport {
        status: OrderStatus::Filled,
        filled: quantity("10"),
        ..order
    }));
    b.tell(BrokerEvent::LookedUp { op: cancel.op.clone(), found });
    assert!(b.sent.iter().any(|c| words(c) == "buy 2 at market"), "{:?}", b.sent);
}

#[test]
fn a_cancel_that_the_broker_refuses_is_not_hammered() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    b.person(Intent::CancelEntry { transaction: id });
    let cancel = b.command();
    b.answer(&cancel, Answer::Rejected(Fault::new("NOT_CANCELABLE", "not now")));
    b.pass_ms(0);
    let found = bracketd_core::broker::Found::Order(Box::new(order));
    b.tell(BrokerEvent::LookedUp { op: cancel.op.clone(), found });
    assert!(b.sent.is_empty(), "looked at again before it is sent again: {:?}", b.sent);
}

#[test]
fn i13_an_unknown_entry_is_looked_up_and_sent_again_only_under_its_own_id() {
    use bracketd_core::broker::Found;
    use bracketd_core::command::Read;
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    b.answer(&entry, Answer::Unknown(Fault::new("TIMEOUT", "no answer")));
    // The first two are too early to prove anything; then two must agree.
    for pause_ms in [0, 1_000, 5_000, 1_000] {
        b.pass_ms(pause_ms);
        let asked: Vec<_> = b.last.reads.drain(..).map(|(_, read)| read).collect();
        let read = Read::Order { op: entry.op.clone(), client_id: entry.client_id.clone() };
        assert_eq!(asked, [read]);
        b.tell(BrokerEvent::LookedUp { op: entry.op.clone(), found: Found::Absent });
    }
    b.pass_ms(0);
    let again = b.command();
    assert_eq!((again.client_id, again.attempt), (entry.client_id, 2));
    assert_eq!(b.tx(id).status, TransactionStatus::Waiting);
}

#[test]
fn i5_a_rejected_stop_is_unprotected_with_a_reason_and_tried_again_later() {
    let mut b = Bench::new(ALPACA);
    let id = filled(&mut b);
    let pair = b.command();
    b.answer(&pair, Answer::Rejected(Fault::new("STOP_THROUGH_MARKET", "too late")));
    let exposed = b.tx(id).protection;
    assert!(
        matches!(exposed, Protection::Unprotected { why: Exposed::Breached, .. }),
        "{exposed:?}"
    );
    assert!(b.sent.is_empty(), "no blind retry");
    b.pass_ms(1_100);
    assert_eq!(words(&b.command()), "exits of 10: stop 95, target 110");
}

/// A session as the broker tells it: whether it is open, when it opens next and when it closes, in ms
/// from now.
fn tell_session(b: &mut Bench, is_open: bool, (opens_ms, closes_ms): (u64, u64)) {
    let (opens, closes) = (b.now.plus_ms(opens_ms), b.now.plus_ms(closes_ms));
    let session = Session { is_open, next_open: Some(opens), next_close: Some(closes) };
    b.tell(BrokerEvent::Session { symbol: "AAA".into(), session });
}

#[test]
fn i5_a_stop_taken_after_the_close_counts_until_the_session_has_opened() {
    // Whether it was read as open, and has closed since.
    for was_open in [false, true] {
        let mut b = Bench::new(ALPACA);
        let opens = b.now.plus_ms(3_600_000);
        tell_session(&mut b, was_open, (3_600_000, if was_open { 1_000 } else { 30_000_000 }));
        let id = filled(&mut b);
        let pair = b.command();
        b.pass_ms(1_000);
        b.adjusted_as(&pair, OrderStatus::PendingNew);
        assert_eq!(b.tx(id).protection, Protection::Protected);
        b.pass_ms(10_000);
        assert_eq!(b.tx(id).protection, Protection::Protected);
        b.pass_ms(opens.plus_ms(29_000).ms_since(b.now));
        assert_eq!(b.tx(id).protection, Protection::Protected, "it may take a moment to work");
        assert!(b.last.facts.is_empty(), "nothing is stuck: {:?}", b.last.facts);
        assert_eq!(next_timer(&b.book, id, b.now), Some(b.now.plus_ms(1_000)));
        b.pass_ms(1_000);
        assert_eq!(b.tx(id).protection, Protection::Pending { since: b.now });
        b.pass_ms(3_000);
        assert_eq!(b.tx(id).protection.as_str(), "unprotected");
        let stop = OrderReport { status: OrderStatus::Working, ..sold(&b, id, 1) };
        b.report(stop);
        assert_eq!(b.tx(id).protection, Protection::Protected);
    }
}

#[test]
fn i5_a_stop_that_was_taken_is_missing_while_the_session_is_open_or_not_known() {
    for is_open in [Some(true), None] {
        let mut b = Bench::new(ALPACA);
        if let Some(is_open) = is_open {
            tell_session(&mut b, is_open, (80_000_000, 3_600_000));
        }
        let id = filled(&mut b);
        let pair = b.command();
        b.adjusted_as(&pair, OrderStatus::PendingNew);
        b.pass_ms(3_000);
        assert_eq!(b.tx(id).protection.as_str(), "unprotected");
        tell_session(&mut b, false, (80_000_000, 90_000_000));
        assert_eq!(b.tx(id).protection, Protection::Protected, "it is judged by what is read");
    }
}

#[test]
fn the_session_of_what_is_held_is_read_again_after_its_turn() {
    let mut b = Bench::new(ALPACA);
    tell_session(&mut b, true, (60_000_000, 100_000));
    let id = opened(&mut b);
    let asks = |b: &Bench| b.last.reads.iter().any(|(_, r)| matches!(r, Read::Instrument(_)));
    assert_eq!(next_timer(&b.book, id, b.now), Some(b.now.plus_ms(160_000)));
    b.pass_ms(159_999);
    assert!(!asks(&b));
    b.pass_ms(1);
    assert!(asks(&b));
    b.pass_ms(59_999);
    assert!(!asks(&b), "it is on its way");
    b.pass_ms(1);
    assert!(asks(&b), "no answer came");
    tell_session(&mut b, false, (59_000_000, 80_000_000));
    b.pass_ms(59_059_999);
    assert!(!asks(&b), "it opens only now");
    b.pass_ms(1);
    assert!(asks(&b));
}

#[test]
fn what_is_put_off_again_and_again_is_sent_more_and_more_rarely() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(set_stop(id, "96"));
    let mut row = b.command();
    let pauses_ms = [250, 250, 250, 250, 500, 1_000, 2_000, 4_000, 4_000];
    for pause_ms in pauses_ms {
        let fault = Fault::new("REPLACE_IN_FLIGHT", "order chain not fully replaced");
        b.answer(&row, Answer::NotSent { fault, after_ms: 250 });
        b.pass_ms(pause_ms - 1);
        assert!(b.sent.is_empty(), "{pause_ms} ms after sending {}", row.attempt);
        b.pass_ms(1);
        row = b.command();
    }
    b.person(set_stop(id, "97"));
    let fault = Fault::new("REPLACE_IN_FLIGHT", "order chain not fully replaced");
    b.answer(&row, Answer::NotSent { fault, after_ms: 250 });
    b.pass_ms(4_000);
    let newer = b.command();
    assert_eq!((words(&newer).as_str(), newer.attempt), ("exits of 10: stop 97, target keep", 1));
}

#[test]
fn an_exit_s_fill_ends_the_transaction_and_its_sibling() {
    for (leg, reason) in [(1, "stop"), (2, "target")] {
        let mut b = Bench::new(ALPACA);
        let id = opened(&mut b);
        let order = b.tx(id).orders[leg].clone();
        let mut report = sold(&b, id, leg);
        report.status = OrderStatus::Filled;
        report.filled = order.quantity;
        report.avg_price = order.trigger.or(order.limit);
        b.report(report);
        assert_eq!(b.tx(id).status, TransactionStatus::Closed);
        assert_eq!(b.tx(id).close_reason.as_deref(), Some(reason));
        b.pass_ms(1_100);
        assert_eq!(words(&b.command()), "exits of 0: stop clear, target clear");
    }
}

#[test]
fn a_fill_after_a_cancel_counts() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    let mut ended = order.clone();
    ended.status = OrderStatus::Canceled;
    b.report(ended);
    assert_eq!(b.tx(id).status, TransactionStatus::Closed);
    b.fill(&order, "10", "100");
    assert_eq!(b.tx(id).status, TransactionStatus::Opened);
    assert_eq!(words(&b.command()), "exits of 10: stop 95, target 110");
}

#[test]
fn what_the_wish_was_is_what_a_market_entry_gets_too() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(Open { entry: EntryKind::Market, ..wish() });
    assert_eq!(b.tx(id).entry.reference, price("100.01"));
    assert_eq!(words(&b.command()), "buy 10 at market");
}

/// An open transaction with its pair at rest: orders are entry, stop, target.
/// Ten that filled; the command for their pair is the next.
pub(crate) fn filled(b: &mut Bench) -> bracketd_core::ids::TransactionId {
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "10", "100");
    id
}

pub(crate) fn opened(b: &mut Bench) -> bracketd_core::ids::TransactionId {
    let id = filled(b);
    let pair = b.command();
    b.adjusted(&pair);
    assert_eq!(b.tx(id).protection, Protection::Protected);
    id
}

pub(crate) fn sold(
    b: &Bench,
    id: bracketd_core::ids::TransactionId,
    at: usize,
) -> bracketd_core::broker::OrderReport {
    let tx = b.tx(id);
    let order = &tx.orders[at];
    bracketd_core::broker::OrderReport {
        client_id: None,
        avg_price: None,
        updated_at: b.now,
        ..report_of(tx, order)
    }
}
