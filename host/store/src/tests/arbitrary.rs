//! Any transaction, fact or instrument, over all fields, within what the core's types allow.
//!
//! The strategies are boxed: nested as they are, their types would fill a test thread's stack.

use std::borrow::Cow;

use bracketd_core::Decimal;
use bracketd_core::command::{Change, NewOrder, Op, OpKind, OpState};
use bracketd_core::fact::Fact;
use bracketd_core::ids::*;
use bracketd_core::instrument::{Features, Instrument, PriceBand};
use bracketd_core::intent::Source;
use bracketd_core::ladder::Rung;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Order;
use bracketd_core::protection::{Gaps, Protection};
use bracketd_core::refusal::Refusal;
use bracketd_core::standing::{Standing, TimeLimit, Trail, TrailDistance, TrailTerms};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::rows::words::Word;

pub(crate) fn word<T: Word + std::fmt::Debug + 'static>() -> impl Strategy<Value = T> + Clone {
    select(T::all())
}

/// Any text, with quotes, controls, zero and what is beyond the basic plane.
pub(crate) fn text() -> BoxedStrategy<String> {
    prop_oneof![
        3 => "[a-z_]{0,12}",
        1 => vec(any::<char>(), 0..8).prop_map(|chars| chars.into_iter().collect()),
        1 => Just("it's \"quoted\"\0\n".to_owned()),
    ]
    .boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    any::<i64>().prop_map(Timestamp).boxed()
}

fn number() -> BoxedStrategy<u64> {
    prop_oneof![0..1_000u64, 0..=i64::MAX.unsigned_abs()].boxed()
}

/// Any sane decimal at or above zero.
fn magnitude() -> BoxedStrategy<Decimal> {
    prop_oneof![
        (0..=1_000_000_000_000i64, 0..=12u32),
        (0..100_000i64, 0..=3u32),
        Just((1_000_000_000_000i64, 0u32)),
    ]
    .prop_map(|(number, scale)| Decimal::new(number, scale))
    .boxed()
}

fn any_decimal() -> BoxedStrategy<Decimal> {
    (any::<bool>(), magnitude()).prop_map(|(negative, d)| if negative { -d } else { d }).boxed()
}

pub(crate) fn price() -> BoxedStrategy<Price> {
    magnitude().prop_filter_map("above zero", Price::new).boxed()
}

fn quantity() -> BoxedStrategy<Quantity> {
    magnitude().prop_filter_map("sane", Quantity::new).boxed()
}

fn source() -> BoxedStrategy<Source> {
    prop_oneof![
        text().prop_map(Source::Manual),
        (text(), text())
            .prop_map(|(name, digest)| Source::Policy { name: PolicyName::from(name), digest }),
        Just(Source::Broker),
        Just(Source::Recovery),
        Just(Source::Host),
    ]
    .boxed()
}

fn entry() -> BoxedStrategy<Entry> {
    let kind = prop_oneof![Just(EntryKind::Market), price().prop_map(EntryKind::Limit)];
    (kind, quantity(), word(), price(), word(), word(), any::<bool>(), any::<bool>())
        .prop_map(
            |(kind, quantity, time_in_force, reference, on_partial, guard, cancel_asked, ended)| {
                Entry {
                    kind,
                    quantity,
                    time_in_force,
                    reference,
                    on_partial,
                    guard,
                    cancel_asked,
                    ended,
                }
            },
        )
        .boxed()
}

fn slice() -> BoxedStrategy<Slice> {
    let memo = vec((text(), text()), 0..3);
    let tries = (of(time()), any::<u32>(), of(number()), any::<bool>());
    (any::<u8>(), quantity(), time(), tries, memo)
        .prop_map(|(no, held, gather_until, tries, memo)| Slice {
            no: SliceNo(no),
            held,
            gather_until,
            retry_at: tries.0,
            rejections: tries.1,
            rejected_version: tries.2,
            breached: tries.3,
            memo,
        })
        .boxed()
}

fn order() -> BoxedStrategy<Order> {
    let ids = (text(), of(text()), of(text()), any::<u8>());
    let what = (word(), word(), word(), word(), any::<bool>());
    let amounts = (quantity(), quantity(), of(price()), of(price()), of(price()), time());
    (ids, what, amounts)
        .prop_map(|(ids, what, amounts)| Order {
            broker_id: BrokerOrderId::from(ids.0),
            client_id: ids.1.map(ClientOrderId::from),
            group: ids.2,
            slice: SliceNo(ids.3),
            role: what.0,
            side: what.1,
            kind: what.2,
            status: what.3,
            quantity: amounts.0,
            filled: amounts.1,
            avg_price: amounts.2,
            limit: amounts.3,
            trigger: amounts.4,
            updated_at: amounts.5,
            stuck: what.4,
        })
        .boxed()
}

fn new_order() -> BoxedStrategy<NewOrder> {
    let what = (text(), word(), word(), word(), quantity(), any::<bool>());
    let prices = (of(price()), of(price()), of(price()), of(price()));
    (what, prices)
        .prop_map(|(what, prices)| NewOrder {
            symbol: Symbol::from(what.0),
            side: what.1,
            kind: what.2,
            time_in_force: what.3,
            quantity: what.4,
            reduce_only: what.5,
            limit: prices.0,
            trigger: prices.1,
            take_profit: prices.2,
            stop_loss: prices.3,
        })
        .boxed()
}

fn change() -> BoxedStrategy<Change> {
    prop_oneof![Just(Change::Keep), Just(Change::Clear), price().prop_map(Change::Set)].boxed()
}

fn op_kind() -> BoxedStrategy<OpKind> {
    prop_oneof![
        new_order().prop_map(OpKind::Submit),
        new_order().prop_map(OpKind::Close),
        (change(), change(), quantity()).prop_map(|(stop, target, quantity)| OpKind::Adjust {
            stop,
            target,
            quantity
        }),
        text().prop_map(|order| OpKind::Cancel { order: BrokerOrderId::from(order) }),
    ]
    .boxed()
}

fn unsettled() -> BoxedStrategy<OpState> {
    prop_oneof![
        any::<bool>().prop_map(|escalated| OpState::InFlight { escalated }),
        time().prop_map(|retry_at| OpState::NotSent { retry_at }),
        (any::<u32>(), any::<u32>(), time(), any::<bool>(), of(text())).prop_map(
            |(lookups, absent, next_at, escalated, named)| OpState::Unknown {
                lookups,
                absent,
                next_at,
                escalated,
                named: named.map(BrokerOrderId::from),
            }
        ),
        text().prop_map(|order| OpState::Awaiting { order: BrokerOrderId::from(order) }),
    ]
    .boxed()
}

fn op() -> BoxedStrategy<Op> {
    let ids = (text(), text(), any::<u8>(), word(), any::<u32>());
    let what = (op_kind(), unsettled(), any::<u32>(), number(), (time(), time()), of(text()));
    (ids, what)
        .prop_map(|(ids, what)| Op {
            id: OpId::from(ids.0),
            client_id: ClientOrderId::from(ids.1),
            slice: SliceNo(ids.2),
            legs: ids.3,
            step: ids.4,
            kind: what.0,
            state: what.1,
            attempt: what.2,
            version: what.3,
            planned_at: what.4.0,
            sent_at: what.4.1,
            evidence: what.5,
        })
        .boxed()
}

/// Unsettled operations, each with a step of its own, as the core numbers them.
fn ops() -> BoxedStrategy<Vec<Op>> {
    vec(op(), 0..4)
        .prop_map(|mut ops| {
            let mut seen = std::collections::BTreeSet::new();
            ops.retain(|op| seen.insert((op.slice, op.legs, op.step)));
            ops
        })
        .boxed()
}

fn task() -> BoxedStrategy<Task> {
    prop_oneof![
        (text(), source()).prop_map(|(why, source)| Task::Close { why, source }),
        quantity().prop_map(|to| Task::Reduce { to }),
        quantity().prop_map(|to| Task::Grow { to }),
    ]
    .boxed()
}

fn standing() -> BoxedStrategy<Standing> {
    let held_back = || of(select(&Refusal::ALL[..]));
    let distance = prop_oneof![
        magnitude().prop_map(TrailDistance::Price),
        magnitude().prop_map(TrailDistance::Percent),
    ];
    let terms = (distance, of(price()), magnitude());
    let trail = (terms, source(), text(), of(price()), held_back()).prop_map(
        |((distance, activate_at, step), by, why, best, held_back)| Trail {
            terms: TrailTerms { distance, activate_at, step },
            by,
            why,
            best,
            held_back,
        },
    );
    let limit = (number(), source(), text(), held_back())
        .prop_map(|(hold_ms, by, why, held_back)| TimeLimit { hold_ms, by, why, held_back });
    (of(trail.boxed()), of(limit.boxed()), of(text()))
        .prop_map(|(trail, time_limit, review)| Standing { trail, time_limit, review })
        .boxed()
}

fn rung() -> BoxedStrategy<Rung> {
    (magnitude(), price(), quantity(), quantity(), of(any::<u8>()))
        .prop_map(|(share, target, quantity, left, slice)| {
            let slice = slice.map(SliceNo);
            Rung { share, target, quantity, left, slice }
        })
        .boxed()
}

fn protection() -> BoxedStrategy<Protection> {
    prop_oneof![
        Just(Protection::NotWanted),
        Just(Protection::Protected),
        time().prop_map(|since| Protection::Pending { since }),
        (time(), word()).prop_map(|(since, why)| Protection::Unprotected { since, why }),
    ]
    .boxed()
}

fn step_count() -> BoxedStrategy<StepCount> {
    (any::<u8>(), word(), any::<u32>())
        .prop_map(|(no, legs, steps)| StepCount { slice: SliceNo(no), legs, steps })
        .boxed()
}

/// Any transaction of that number.
pub(crate) fn transaction(id: u64) -> BoxedStrategy<Transaction> {
    let names = (text(), text(), text(), vec(text().prop_map(PolicyName::from), 0..3));
    let state = (word(), word(), entry(), of(task()), protection());
    let desired = (of(price()), of(price()), number(), any::<bool>(), any::<bool>());
    let lists = (vec(slice(), 0..3), vec(order(), 0..6), ops(), vec(step_count(), 0..3));
    let sums = (of(price()), quantity(), magnitude(), quantity(), magnitude());
    let ends = (time(), of(time()), of(time()), of(text()));
    let past = (any::<u32>(), number(), number(), any::<u32>(), of(time()), standing());
    (names, state, desired, lists, sums, (ends, past, vec(rung(), 0..5)))
        .prop_map(move |(names, state, desired, lists, sums, (ends, past, ladder))| Transaction {
            id: TransactionId(id),
            account: AccountName::from(names.0),
            owner: OwnerName::from(names.1),
            symbol: Symbol::from(names.2),
            policies: names.3,
            direction: state.0,
            status: state.1,
            entry: state.2,
            task: state.3,
            protection: state.4,
            desired: Desired { stop: desired.0, target: desired.1, version: desired.2 },
            locks: Locks { stop: desired.3, target: desired.4 },
            slices: lists.0,
            orders: lists.1,
            ops: lists.2,
            steps: lists.3,
            initial_stop: sums.0,
            entered: sums.1,
            entered_value: sums.2,
            exited: sums.3,
            exited_value: sums.4,
            created_at: ends.0,
            opened_at: ends.1,
            closed_at: ends.2,
            close_reason: ends.3,
            gaps: Gaps { count: past.0, total_ms: past.1, longest_ms: past.2 },
            close_failures: past.3,
            close_retry_at: past.4,
            standing: past.5,
            ladder,
        })
        .boxed()
}

/// Any fact.
pub(crate) fn fact() -> BoxedStrategy<Fact> {
    let what = (time(), word(), source(), of(text()), of(number()), of(text()));
    let which = (of(any::<u8>()), of(text()), text(), text(), text());
    let amounts = (of(any_decimal()), of(any_decimal()), of(any_decimal()), of(number()));
    (what, which, amounts)
        .prop_map(|(what, which, amounts)| Fact {
            at: what.0,
            kind: what.1,
            source: what.2,
            account: what.3.map(AccountName::from),
            transaction: what.4.map(TransactionId),
            symbol: what.5.map(Symbol::from),
            slice: which.0.map(SliceNo),
            op: which.1.map(OpId::from),
            code: Cow::Owned(which.2),
            text: which.3,
            inputs: which.4,
            before: amounts.0,
            after: amounts.1,
            quantity: amounts.2,
            span_ms: amounts.3,
        })
        .boxed()
}

/// Any instrument.
pub(crate) fn instrument() -> BoxedStrategy<Instrument> {
    let band = (magnitude(), magnitude()).prop_map(|(above, tick)| PriceBand { above, tick });
    let names = (text(), text(), text(), vec(band, 0..3), vec(text(), 0..3));
    let amounts = (magnitude(), quantity(), of(quantity()), of(magnitude()), magnitude());
    (names, amounts)
        .prop_map(|(names, amounts)| Instrument {
            symbol: Symbol::from(names.0),
            broker_symbol: names.1,
            currency: names.2,
            bands: names.3,
            features: Features::new(names.4),
            qty_step: amounts.0,
            min_qty: amounts.1,
            max_qty: amounts.2,
            min_notional: amounts.3,
            multiplier: amounts.4,
        })
        .boxed()
}
