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
