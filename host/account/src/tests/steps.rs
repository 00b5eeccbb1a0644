//! Steps of a tape: what is told, and when.

use bracketd_core::broker::{BrokerEvent, Quote};
use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;

use crate::ToAccount;
use crate::tests::stage::Stage;

fn quotes(events: Vec<BrokerEvent>) -> Vec<Quote> {
    let quotes = events.into_iter().filter_map(|event| match event {
        BrokerEvent::Quotes(quotes) => Some(quotes),
        _ => None,
    });
    quotes.flatten().collect()
}

#[test]
fn a_step_is_told_before_its_reply_and_prices_only_when_they_change() {
    let stage = Stage::new();
    let last = Price::new(5.into());
    let at = Timestamp(1);
    let a = Quote { symbol: "a".into(), bid: None, ask: None, last, at };
    for (watched, want) in [
        (vec![], vec![]),
        (vec!["b".into()], vec![]),
        (vec!["a".into(), "b".into()], vec![a]),
        (vec!["a".into()], vec![]),
    ] {
        let shown = format!("{watched:?}");
        stage.account.try_send(ToAccount::Watch(watched)).unwrap();
        assert_eq!(quotes(stage.step()), want, "watching {shown}");
    }
}
