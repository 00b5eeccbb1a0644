//! Who goes next, with a clock that stands where the test puts it.

use super::*;
use bracketd_core::Decimal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn command(transaction: u64, urgency: Urgency) -> Command {
    Command {
        account: "a".into(),
        transaction: TransactionId(transaction),
        op: format!("op{transaction}").into(),
        client_id: "c".into(),
        attempt: 1,
        urgency,
        call: Call::Cancel { order: "o".into() },
        gain: Decimal::ZERO,
    }
}

/// A scheduler whose time stands where the number says, in nanoseconds.
fn stopped(per_minute: u32, instances: usize) -> (Arc<Scheduler>, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(1_000_000_000_000));
    let given = now.clone();
    let clock = ClockSource::Given(Arc::new(move || given.load(Ordering::Acquire)));
    let scheduler = Scheduler::new(per_minute, 1_000, &clock);
    scheduler.writers(instances);
    (Arc::new(scheduler), now)
}

fn picks(scheduler: &Scheduler) -> Vec<u64> {
    sound(&scheduler.state).desk.ready.drain(..).map(|c| c.command.transaction.0).collect()
}

#[test]
fn a_read_whose_turn_has_come_is_not_held_up_by_time() {
    let (scheduler, _) = stopped(200, 1);
    scheduler.read_begun(Urgency::Read);
    assert!(scheduler.pass(Caller::Reader, Urgency::Read, 1));
    assert_eq!(scheduler.held(), Held::default());
    // Nor one that nothing in the budget stands for.
    sound(&scheduler.state).desk.reader = Some((Ticket(99), Urgency::Read));
    assert_eq!(scheduler.held(), Held::default());
}

#[test]
fn i14_the_last_free_instance_is_kept_for_what_protects_or_closes() {
    use Urgency::*;
    for (instances, waiting, want) in [
        (4, vec![(1, Routine), (2, Tighten), (3, Unprotected), (4, Close)], vec![1, 2, 3, 4]),
        (4, vec![(1, Routine), (2, Tighten), (3, Reduce), (4, Reduce)], vec![1, 2, 3]),
        (1, vec![(1, Routine), (2, Close)], vec![1]),
        (2, vec![(1, Reduce), (2, Reduce), (3, Close)], vec![1, 3]),
    ] {
        let (scheduler, _) = stopped(200, instances);
        for (transaction, urgency) in &waiting {
            scheduler.push(command(*transaction, *urgency)).unwrap();
        }
        assert_eq!(picks(&scheduler), want, "{instances} {waiting:?}");
    }
}

#[test]
fn i14_the_most_urgent_that_waits_gets_the_instance_that_comes_back() {
    let (scheduler, _) = stopped(200, 1);
    for (transaction, urgency) in
        [(1, Urgency::Routine), (2, Urgency::Tighten), (3, Urgency::Close)]
    {
        scheduler.push(command(transaction, urgency)).unwrap();
    }
    let mut order = picks(&scheduler);
    for _ in 0..2 {
        scheduler.done(TransactionId(*order.last().unwrap()));
        order.extend(picks(&scheduler));
    }
    assert_eq!(order, [1, 3, 2]);
}

#[test]
fn one_call_of_a_transaction_at_a_time() {
    let (scheduler, _) = stopped(200, 4);
    for urgency in [Urgency::Close, Urgency::Unprotected] {
        scheduler.push(command(7, urgency)).unwrap();
    }
    assert_eq!(picks(&scheduler), [7]);
    scheduler.done(TransactionId(7));
    assert_eq!(picks(&scheduler), [7]);
}

#[test]
fn a_full_or_closed_scheduler_gives_the_command_back() {
    let clock = ClockSource::Given(Arc::new(|| 1_000));
    let scheduler = Scheduler::new(200, 1, &clock);
    for (transaction, urgency, taken) in [
        (1, Urgency::Tighten, true),
        (2, Urgency::Tighten, true),
        (3, Urgency::Tighten, false),
        (4, Urgency::Unprotected, true),
        (5, Urgency::Unprotected, false),
    ] {
        let pushed = scheduler.push(command(transaction, urgency));
        let back = pushed.err().map(|command| command.transaction.0);
        // One is carried, one waits; and one more where it protects (I14).
        assert_eq!(back, (!taken).then_some(transaction));
    }
    scheduler.close();
    assert!(scheduler.push(command(6, Urgency::Close)).is_err());
    assert!(scheduler.take(0).is_none());
    assert!(!scheduler.pass(Caller::Other, Urgency::Read, 1));
}

#[test]
fn s13_an_unprotected_stop_goes_ahead_of_500_queued_trail_moves() {
    let (scheduler, now) = stopped(200, 4);
    for transaction in 0..500 {
        scheduler.push(command(transaction, Urgency::Tighten)).unwrap();
    }
    // The trail moves that had budget are carried out; then the budget for them is gone.
    loop {
        let gone = picks(&scheduler);
        if gone.is_empty() {
            break;
        }
        gone.into_iter().for_each(|id| scheduler.done(TransactionId(id)));
    }
    let held = scheduler.held();
    assert_eq!(held.count, 500 - 24);
    scheduler.push(command(900, Urgency::Unprotected)).unwrap();
    assert_eq!(picks(&scheduler), [900], "at once");
    // A trail move that waits is raised when its transaction's stop goes missing.
    scheduler.raise(TransactionId(499), Urgency::Unprotected);
    assert_eq!(picks(&scheduler), [499]);
    // The rest goes on as time brings budget.
    now.store(u64::try_from(held.until.unwrap().0).unwrap() * 1_000, Ordering::Release);
    scheduler.done(TransactionId(900));
    assert!(picks(&scheduler).is_empty(), "two stops went in between");
    now.fetch_add(1_000_000_000, Ordering::AcqRel);
    scheduler.done(TransactionId(499));
    assert!(!picks(&scheduler).is_empty());
}

#[test]
fn i14_a_picture_that_waits_is_hurried_by_the_look_up_behind_it() {
    let (scheduler, _) = stopped(200, 1);
    // Nothing is left for a read that nobody waits for.
    scheduler.settle(0, 20);
    scheduler.read_begun(Urgency::Read);
    let (other, passed) = (scheduler.clone(), Arc::new(AtomicU64::new(0)));
    let done = passed.clone();
    let reader = std::thread::spawn(move || {
        assert!(other.pass(Caller::Reader, Urgency::Read, 1));
        done.store(1, Ordering::Release);
    });
    while scheduler.held() != (Held { count: 1, until: scheduler.held().until }) {
        std::thread::yield_now();
    }
    assert_eq!(passed.load(Ordering::Acquire), 0);
    scheduler.read_begun(Urgency::Unprotected);
    reader.join().unwrap();
    assert_eq!(passed.load(Ordering::Acquire), 1);
}
