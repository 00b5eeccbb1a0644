//! The status tables and the ranking of refusals (I2).

use bracketd_core::fact::FactKind;
use bracketd_core::order::OrderStatus as O;
use bracketd_core::refusal::Refusal;
use bracketd_core::transaction::{TransactionEvent as E, TransactionStatus as T};

const ORDER: [O; 14] = [
    O::PendingNew,
    O::Held,
    O::Contingent,
    O::Working,
    O::PartiallyFilled,
    O::PendingReplace,
    O::PendingCancel,
    O::Inactive,
    O::Unknown,
    O::Filled,
    O::Canceled,
    O::Rejected,
    O::Expired,
    O::Replaced,
];

#[test]
fn i2_an_ended_order_never_lives_again_and_a_fill_always_wins() {
    for from in ORDER {
        for reported in ORDER {
            let next = from.after_report(reported);
            if reported == O::Filled || from == O::Filled {
                assert_eq!(next, Ok(O::Filled), "{from:?} {reported:?}");
            } else if from.is_terminal() && !reported.is_terminal() {
                assert!(next.is_err(), "{from:?} {reported:?}");
            } else {
                assert!(next.is_ok(), "{from:?} {reported:?}");
            }
        }
    }
}

#[test]
fn i2_every_pair_of_order_states_has_the_one_next_state_that_it_can_have() {
    // Of two ends that exclude each other the first one told stands, but for a replacement that
    // turned out to be another end.
    let first_stands = [O::Canceled, O::Rejected, O::Expired];
    for from in ORDER {
        for reported in ORDER {
            let next = match (from.is_terminal(), reported.is_terminal()) {
                _ if from == O::Filled || reported == O::Filled => Some(O::Filled),
                (false, _) => Some(reported),
                (true, false) => None,
                (true, true) if first_stands.contains(&from) => Some(from),
                (true, true) => Some(reported),
            };
            assert_eq!(from.after_report(reported).ok(), next, "{from:?} {reported:?}");
            let revived = (from == O::Replaced && !reported.is_terminal()).then_some(reported);
            assert_eq!(from.after_failed_replace(reported).ok(), revived, "{from:?} {reported:?}");
        }
    }
}

#[test]
fn i2_what_protects_and_what_has_ended_are_never_the_same() {
    for status in ORDER {
        assert!(!(status.protects() && status.is_terminal()), "{status:?}");
    }
    let protecting: Vec<O> = ORDER.into_iter().filter(|status| status.protects()).collect();
    let stands = [O::Held, O::Working, O::PartiallyFilled, O::PendingReplace, O::PendingCancel];
    assert_eq!(protecting, stands);
}

#[test]
fn i2_transactions_move_along_these_rows_only() {
    let events = [
        E::EntryFilled,
        E::EntryEnded,
        E::EntryFailed,
        E::CloseAsked,
        E::CloseFailed,
        E::NothingHeld,
    ];
    let rows = [
        (T::Waiting, [Some(T::Opened), Some(T::Closed), Some(T::Failed), None, None, None]),
        (T::Opened, [Some(T::Opened), None, None, Some(T::Closing), None, Some(T::Closed)]),
        (T::Closing, [Some(T::Closing), None, None, None, Some(T::Opened), Some(T::Closed)]),
        (T::Closed, [Some(T::Opened), None, None, None, None, None]),
        (T::Failed, [Some(T::Opened), None, None, None, None, None]),
    ];
    for (from, nexts) in rows {
        for (event, next) in events.into_iter().zip(nexts) {
            assert_eq!(from.after(event), next, "{from:?} {event:?}");
        }
    }
}

#[test]
fn refusals_are_ranked_as_listed_and_codes_are_unique() {
    assert!(Refusal::ALL.is_sorted());
    let mut codes: Vec<&str> = Refusal::ALL.iter().map(|r| r.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Refusal::ALL.len());
}

#[test]
fn every_kind_of_fact_is_found_by_its_name() {
    for kind in FactKind::ALL {
        assert_eq!(FactKind::parse(kind.as_str()), Some(kind));
    }
}
