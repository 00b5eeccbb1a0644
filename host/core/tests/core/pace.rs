//! The message budget: tables for each rule, and properties under any flood (I14, G5, S13).

use bracketd_core::Decimal;
use bracketd_core::command::Urgency;
use bracketd_core::command::Urgency::{Close, Pulse, Read, Reduce, Routine, Tighten, Unprotected};
use bracketd_core::ids::TransactionId;
use bracketd_core::pace::{Grant, Message, PULSE_MS, Pace, PaceRules, Ticket};
use bracketd_core::time::Timestamp;
use proptest::prelude::*;

/// The budget of an Alpaca account.
const PER_MINUTE: u32 = 200;
/// S13: longest wait of a message that protects, whatever else is asked for, in milliseconds.
const PROTECTION_WAIT_MS_MAX: u64 = 2_500;

fn at_ms(ms: u64) -> Timestamp {
    Timestamp(1_000_000_000).plus_ms(ms)
}

fn pace() -> Pace {
    Pace::new(PaceRules::of(PER_MINUTE))
}

fn about(transaction: u64, urgency: Urgency) -> Message {
    Message { transaction: Some(TransactionId(transaction)), ..Message::new(urgency) }
}

/// Everything that goes out from one moment to another, with the moments.
fn drive(pace: &mut Pace, from_ms: u64, to_ms: u64) -> Vec<(Timestamp, Grant)> {
    let (mut now, mut out) = (at_ms(from_ms), Vec::new());
    while now <= at_ms(to_ms) {
        while let Some(grant) = pace.next(now) {
            out.push((now, grant));
        }
        let Some(wake) = pace.wake_at(now, &|_, _| true) else { break };
        assert!(wake > now, "time goes on");
        now = wake;
    }
    out
}

/// Empties the bucket as far as the class may.
fn flood(pace: &mut Pace, urgency: Urgency, messages: u64) {
    for transaction in 0..messages {
        pace.admit(at_ms(0), about(1_000 + transaction, urgency));
    }
    while pace.next(at_ms(0)).is_some() {}
}

fn waiting(pace: &Pace, urgency: Urgency) -> usize {
    let stats = pace.stats(at_ms(0));
    stats.classes.iter().find(|class| class.urgency == urgency).unwrap().waiting
}

#[test]
fn asking_for_fills_takes_at_most_half_of_what_flows_in() {
    for (per_minute, pulse_ms) in [(200, 2_000), (75, 2_000), (60, 2_500), (30, 5_000), (2, 75_000)]
    {
        assert_eq!(PaceRules::of(per_minute).pulse_ms(), pulse_ms, "{per_minute}");
    }
}

#[test]
fn i14_a_bucket_that_never_fills_up_to_a_reserve_keeps_nobody_out_for_good() {
    for urgency in [Reduce, Tighten, Routine, Read] {
        let mut pace = Pace::new(PaceRules::of(60));
        let mut now = Timestamp(0);
        // Everything is used up, and from then on half of what flows in goes to asking for fills.
        loop {
            let one = pace.admit(now, Message::new(Unprotected));
            if pace.next(now).is_none() {
                pace.withdraw(one);
                break;
            }
        }
        let ticket = pace.admit(now, Message::new(urgency));
        let went = (0..120).find(|_| {
            now = now.plus_ms(1_000);
            pace.admit(now, Message::new(Pulse));
            pace.next(now).is_some_and(|grant| grant.ticket == ticket)
        });
        let seconds = went.unwrap_or_else(|| panic!("{urgency:?} never had a turn"));
        assert!(seconds <= 32, "{urgency:?} waited {seconds} s");
    }
}

#[test]
fn i14_the_most_urgent_class_goes_first_and_within_one_the_first_that_came() {
    let mut pace = pace();
    let order = [Read, Routine, Tighten, Reduce, Close, Unprotected, Pulse, Read, Close];
    let tickets: Vec<Ticket> =
        order.into_iter().map(|urgency| pace.admit(at_ms(0), Message::new(urgency))).collect();
    let gone: Vec<usize> = std::iter::from_fn(|| pace.next(at_ms(0)))
        .map(|grant| tickets.iter().position(|t| *t == grant.ticket).unwrap())
        .collect();
    assert_eq!(gone, [6, 5, 4, 8, 3, 2, 1, 0, 7]);
}

#[test]
fn of_two_stops_the_one_that_gains_more_goes_first_unless_one_waits_very_long() {
    // Gains in the order of arrival, and how old the first one is -> the order of sending.
    for (gains, first_age_ms, want) in [
        (vec![1, 3, 2], 0, vec![3, 2, 1]),
        (vec![2, 2, 5], 0, vec![5, 2, 2]),
        (vec![-4, 3, 2], 0, vec![3, 2, -4]),
        (vec![-4, 3, 2], 59_999, vec![3, 2, -4]),
        (vec![-4, 3, 2], 60_000, vec![-4, 3, 2]),
    ] {
        let mut pace = pace();
        for (at, gain) in gains.iter().enumerate() {
            let since = if at == 0 { 0 } else { first_age_ms };
            let gain = Decimal::from(*gain);
            pace.admit(at_ms(since), Message { gain, ..about(at as u64, Tighten) });
        }
        let sent: Vec<i64> = std::iter::from_fn(|| pace.next(at_ms(first_age_ms)))
            .map(|grant| i64::try_from(grant.message.gain).unwrap())
            .collect();
        assert_eq!(sent, want, "{gains:?} after {first_age_ms} ms");
    }
}

#[test]
fn i14_whatever_was_sent_before_protection_finds_something_in_the_bucket() {
    // After a flood of one class: how many of another go out in the same moment.
    for (flooded, then, want) in [
        (Read, Unprotected, 24),
        (Routine, Unprotected, 20),
        (Tighten, Unprotected, 16),
        (Tighten, Close, 12),
        (Tighten, Reduce, 8),
        (Reduce, Unprotected, 8),
        (Close, Unprotected, 4),
        (Tighten, Read, 0),
    ] {
        let mut pace = pace();
        let send_all = |pace: &mut Pace, urgency: Urgency| {
            for transaction in 0.. {
                let last = pace.admit(at_ms(0), about(transaction, urgency));
                if pace.next(at_ms(0)).is_none() {
                    pace.withdraw(last);
                    return transaction;
                }
            }
            0
        };
        send_all(&mut pace, flooded);
        assert_eq!(send_all(&mut pace, then), want, "{} after {}", then.as_str(), flooded.as_str());
    }
}

#[test]
fn s13_an_unprotected_stop_goes_ahead_of_500_queued_trail_moves() {
    let mut pace = pace();
    flood(&mut pace, Tighten, 500);
    drive(&mut pace, 0, 30_000);
    let stop = pace.admit(at_ms(30_000), about(7, Unprotected));
    let next = pace.next(at_ms(30_000)).unwrap();
    assert_eq!((next.ticket, next.waited_ms), (stop, 0));
    assert!(waiting(&pace, Tighten) > 300, "the trail moves wait on");
}

#[test]
fn i14_no_class_starves_while_all_the_others_ask_for_more_than_there_is() {
    let mut pace = pace();
    for urgency in Urgency::ALL.into_iter().skip(1) {
        for transaction in 0..500 {
            pace.admit(at_ms(0), about(transaction, urgency));
        }
    }
    let sent = drive(&mut pace, 0, 300_000);
    for (urgency, percent) in
        [(Unprotected, 50), (Close, 20), (Reduce, 10), (Tighten, 10), (Routine, 5), (Read, 5)]
    {
        let count = sent.iter().filter(|(_, grant)| grant.message.urgency == urgency).count();
        let share = count * 100 / sent.len();
        assert!(share.abs_diff(percent) <= 2, "{}: {share} % of the turns", urgency.as_str());
    }
    let longest_gap_s = |urgency: Urgency| {
        let mine = sent.iter().filter(|(_, grant)| grant.message.urgency == urgency);
        let times: Vec<Timestamp> = mine.map(|(at, _)| *at).collect();
        let gaps = times.windows(2).map(|pair| pair[1].ms_since(pair[0]) / 1_000);
        gaps.max().unwrap()
    };
    assert!(longest_gap_s(Read) <= 12, "{} s between two reads", longest_gap_s(Read));
    assert!(longest_gap_s(Close) <= 4, "{} s between two closes", longest_gap_s(Close));
}

#[test]
fn fills_are_asked_for_every_two_seconds_whoever_else_waits() {
    let mut pace = pace();
    flood(&mut pace, Unprotected, 300);
    let (mut times, mut now) = (Vec::new(), at_ms(0));
    let mut pulse = Some(pace.admit(now, Message { requests: 2, ..Message::new(Pulse) }));
    while now < at_ms(60_000) {
        while let Some(grant) = pace.next(now) {
            if Some(grant.ticket) == pulse {
                times.push(now);
                pulse = None;
            }
        }
        now = now.plus_ms(100);
        // The poller asks again as soon as it may.
        if pulse.is_none() {
            pulse = Some(pace.admit(now, Message { requests: 2, ..Message::new(Pulse) }));
        }
    }
    let gaps = times.windows(2).map(|pair| pair[1].ms_since(pair[0]));
    let longest = gaps.max().unwrap();
    assert!((PULSE_MS..=PULSE_MS + 1_000).contains(&longest), "{longest} ms between two polls");
}

#[test]
fn fills_are_asked_for_more_often_while_nobody_else_waits() {
    let mut pace = pace();
    pace.admit(at_ms(0), Message::new(Pulse));
    pace.admit(at_ms(0), Message::new(Pulse));
    assert_eq!(drive(&mut pace, 0, 0).len(), 2);
    pace.admit(at_ms(0), Message::new(Read));
    pace.admit(at_ms(0), Message::new(Pulse));
    let next = pace.next(at_ms(1)).unwrap();
    assert_eq!(next.message.urgency, Read, "not before a read that waits");
}

#[test]
fn g5_one_transaction_cannot_eat_the_budget_but_is_protected_and_closed_at_once() {
    for (urgency, want) in [(Tighten, 4), (Routine, 4), (Reduce, 4), (Unprotected, 30), (Close, 30)]
    {
        let mut pace = pace();
        for _ in 0..30 {
            pace.admit(at_ms(0), about(1, urgency));
        }
        let at_once = drive(&mut pace, 0, 0).len();
        assert_eq!(at_once, want, "{}", urgency.as_str());
        // Its limit holds nobody else up.
        pace.admit(at_ms(0), about(2, urgency));
        assert_eq!(drive(&mut pace, 0, 0).len(), 1, "{}", urgency.as_str());
        let in_a_minute = at_once + 1 + drive(&mut pace, 0, 60_000).len();
        assert!(in_a_minute <= 31 && (want == 30 || in_a_minute <= 21), "{in_a_minute}");
    }
}

#[test]
fn g5_a_broker_that_has_enough_is_left_alone_and_then_told_what_protects_first() {
    let mut pace = pace();
    for urgency in [Tighten, Read, Close, Unprotected] {
        for transaction in 0..20 {
            pace.admit(at_ms(0), about(transaction, urgency));
        }
    }
    pace.limited(at_ms(0), Some(5_000));
    let sent = drive(&mut pace, 0, 8_000);
    let (first, grant) = sent[0];
    assert_eq!((first, grant.message.urgency), (at_ms(5_000), Unprotected), "not a moment later");
    let at_once = sent.iter().filter(|(at, _)| *at == at_ms(5_000));
    let at_once: Vec<Urgency> = at_once.map(|(_, grant)| grant.message.urgency).collect();
    assert_eq!(at_once.len(), 8, "{at_once:?}");
    assert!(at_once.iter().filter(|urgency| **urgency == Unprotected).count() >= 6);
    let stats = pace.stats(at_ms(8_000));
    assert_eq!((stats.limited, stats.limited_until), (1, None));
}

#[test]
fn g5_a_broker_that_names_no_pause_is_asked_less_and_less_often() {
    let mut pace = pace();
    let (mut now, mut pauses) = (at_ms(0), Vec::new());
    for _ in 0..7 {
        pace.limited(now, None);
        let until = pace.stats(now).limited_until.unwrap();
        pauses.push(until.ms_since(now) / 1_000);
        pace.admit(now, Message::new(Read));
        assert_eq!(pace.wake_at(now, &|_, _| true), Some(until));
        now = until;
        assert!(pace.next(now).is_none(), "only what protects or closes goes at once");
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    pace.limited(now.plus_ms(120_000), None);
    let now = now.plus_ms(120_000);
    assert_eq!(pace.stats(now).limited_until, Some(now.plus_ms(1_000)), "that was long ago");
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let mut pace = Pace::new(PaceRules::of(60));
    flood(&mut pace, Unprotected, 100);
    pace.limited(at_ms(0), Some(60_000));
    let past = Timestamp(at_ms(0).0 - 3_600_000_000);
    let sent_by = |pace: &mut Pace, after_ms| {
        let now = past.plus_ms(after_ms);
        std::iter::from_fn(|| pace.next(now)).count()
    };
    assert_eq!(sent_by(&mut pace, 0), 0);
    assert!(sent_by(&mut pace, 61_000) > 0, "an hour early, and still only a minute's pause");
}

#[test]
fn what_a_message_took_beyond_its_charge_is_charged_and_what_it_left_comes_back() {
    let mut pace = pace();
    flood(&mut pace, Unprotected, 39);
    pace.gave_back(at_ms(0), 2);
    for transaction in 0..9 {
        pace.admit(at_ms(0), about(transaction, Unprotected));
    }
    assert_eq!(drive(&mut pace, 0, 0).len(), 3);
    assert_eq!(pace.stats(at_ms(0)).used, 40);
    pace.took(at_ms(0), 1_000);
    let wake = pace.wake_at(at_ms(0), &|_, _| true).unwrap();
    let wait_ms = wake.ms_since(at_ms(0));
    assert!((4_000..4_200).contains(&wait_ms), "a debt of ten at most, not {wait_ms} ms");
    assert_eq!(pace.stats(at_ms(0)).used, 1_040);
    assert_eq!(pace.stats(at_ms(60_000)).used, 0);
}

#[test]
fn i14_what_a_stop_waits_for_is_raised_to_the_stop_s_class() {
    let mut pace = pace();
    flood(&mut pace, Tighten, 500);
    let moved = pace.admit(at_ms(0), about(7, Tighten));
    assert!(pace.next(at_ms(0)).is_none());
    pace.raise(TransactionId(7), Unprotected);
    assert_eq!(pace.next(at_ms(0)).map(|grant| grant.ticket), Some(moved));
}

#[test]
fn a_message_that_is_withdrawn_never_goes_out() {
    let mut pace = pace();
    let gone = pace.admit(at_ms(0), Message::new(Read));
    assert!(pace.withdraw(gone) && !pace.withdraw(gone));
    assert_eq!((pace.next(at_ms(0)), pace.wake_at(at_ms(0), &|_, _| true)), (None, None));
}

#[test]
fn a_message_that_nobody_can_carry_now_holds_up_no_other() {
    let mut pace = pace();
    let busy = pace.admit(at_ms(0), about(1, Unprotected));
    let free = pace.admit(at_ms(0), about(2, Tighten));
    let may = |ticket: Ticket, _: &Message| ticket != busy;
    assert_eq!(pace.next_of(at_ms(0), &may).map(|grant| grant.ticket), Some(free));
    assert!(!pace.is_due(at_ms(0), &may) && pace.is_due(at_ms(0), &|_, _| true));
    assert_eq!(pace.wake_at(at_ms(0), &may), None, "a writer's return is no matter of time");
}

/// A message of a random flood.
#[derive(Clone, Debug)]
struct Arrival {
    after_ms: u64,
    message: Message,
}

fn arrivals(classes: Vec<Urgency>, gap_ms: u64) -> impl Strategy<Value = Vec<Arrival>> {
    let one = (0..=gap_ms, proptest::sample::select(classes), 0..40u64, 1..=4u32);
    let arrival = one.prop_map(|(after_ms, urgency, transaction, requests)| Arrival {
        after_ms,
        message: Message { requests, ..about(transaction, urgency) },
    });
    proptest::collection::vec(arrival, 200..600)
}

/// Plays arrivals; gives what went out and when, until nothing waits.
fn play(pace: &mut Pace, arrivals: &[Arrival]) -> Vec<(Timestamp, Grant)> {
    let mut sent: Vec<(Timestamp, Grant)> = Vec::new();
    let (mut now, mut due) = (at_ms(0), at_ms(0));
    let mut coming = arrivals.iter().peekable();
    loop {
        while let Some(next) = coming.next_if(|next| due.plus_ms(next.after_ms) <= now) {
            due = due.plus_ms(next.after_ms);
            pace.admit(due, next.message);
        }
        while let Some(grant) = pace.next(now) {
            sent.push((now, grant));
        }
        let arrives = coming.peek().map(|next| due.plus_ms(next.after_ms));
        let wakes = pace.wake_at(now, &|_, _| true);
        match [arrives, wakes].into_iter().flatten().min() {
            Some(next) => now = next.max(Timestamp(now.0 + 1)),
            None => return sent,
        }
    }
}

fn everything() -> Vec<Urgency> {
    Urgency::ALL.to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn g5_no_minute_sees_more_than_the_budget_and_everything_goes_out_once(
        flood in arrivals(everything(), 400), per_minute in 30u32..400,
    ) {
        let mut pace = Pace::new(PaceRules::of(per_minute));
        let sent = play(&mut pace, &flood);
        let mut tickets: Vec<Ticket> = sent.iter().map(|(_, grant)| grant.ticket).collect();
        tickets.sort();
        tickets.dedup();
        prop_assert_eq!(tickets.len(), flood.len());
        let mut first = 0;
        let mut requests = 0;
        for (at, grant) in &sent {
            requests += grant.message.requests;
            while at.ms_since(sent[first].0) >= 60_000 {
                requests -= sent[first].1.message.requests;
                first += 1;
            }
            prop_assert!(requests <= per_minute, "{requests} of {per_minute} in a minute");
        }
    }

    #[test]
    fn s13_a_message_that_protects_waits_no_longer_than_w_under_any_flood_of_others(
        flood in arrivals(vec![Pulse, Close, Reduce, Tighten, Routine, Read], 60),
        at in 0usize..200,
    ) {
        let mut flood = flood;
        let protects = Arrival { after_ms: 0, message: about(99, Unprotected) };
        flood.insert(at, protects);
        let mut pace = pace();
        let sent = play(&mut pace, &flood);
        let mine = sent.iter().find(|(_, grant)| grant.message.urgency == Unprotected);
        let waited_ms = mine.map(|(_, grant)| grant.waited_ms);
        prop_assert!(waited_ms.is_some_and(|ms| ms <= PROTECTION_WAIT_MS_MAX), "{waited_ms:?}");
    }

    #[test]
    fn within_a_class_the_first_that_came_goes_first(
        flood in arrivals(vec![Unprotected, Close, Read], 100),
    ) {
        let mut pace = pace();
        // Without transactions, whose own limits would let one pass the other.
        let flood: Vec<Arrival> = flood
            .into_iter()
            .map(|one| Arrival { message: Message { transaction: None, ..one.message }, ..one })
            .collect();
        let sent = play(&mut pace, &flood);
        for class in [Unprotected, Close, Read] {
            let tickets: Vec<Ticket> = sent
                .iter()
                .filter(|(_, grant)| grant.message.urgency == class)
                .map(|(_, grant)| grant.ticket)
                .collect();
            prop_assert!(tickets.is_sorted(), "{}", class.as_str());
        }
    }
}
