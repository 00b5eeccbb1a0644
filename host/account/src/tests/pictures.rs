//! Complete reads: what makes one whole.

use bracketd_core::broker::{BrokerEvent, History, Picture};
use bracketd_core::command::{Read, Urgency};
use bracketd_core::time::Timestamp;

use crate::ToAccount;
use crate::actor::reads::HISTORY_PAGES_MAX;
use crate::tests::stage::Stage;

fn picture(stage: &Stage) -> Picture {
    let read = Read::Picture { since: Timestamp(0) };
    stage.account.try_send(ToAccount::Read(read, Urgency::Read)).unwrap();
    stage.wait(|event| match event {
        BrokerEvent::Picture(picture) => Some(picture),
        _ => None,
    })
}

#[test]
fn s11_a_past_without_end_is_cut_and_what_rests_is_whole_all_the_same() {
    let stage = Stage::new();
    let calls = || {
        let before = stage.account.status().calls;
        let told = picture(&stage);
        assert_eq!((told.complete, told.history), (true, History::Cut));
        stage.account.status().calls - before
    };
    // Open orders, a bounded past, fills, positions, balance; and at most a connect before them. A
    // poll may fall into one of these times, hardly into all.
    let fewest = (0..10).map(|_| calls()).min().unwrap();
    assert!(fewest <= 5 + HISTORY_PAGES_MAX as u64, "{fewest}");
}
