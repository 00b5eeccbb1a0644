//! What a plugin says that cannot be true never reaches the core (I8, I9).

use bracketd_core::command::{Answer, Progress};
use bracketd_core::order::Role;

use super::outgoing::decimal;
use super::{Lie, adjusted, bar, fault_of, fill, instrument, leg, placed, quote, report};
use crate::bindings::bracketd::broker::types as abi;

/// Makes a good value one that cannot be true.
type Spoil<T> = fn(&mut T);

fn number(text: &str) -> abi::Decimal {
    decimal(text.parse().unwrap())
}

fn good_leg(role: abi::LegRole, id: &str) -> abi::Leg {
    let stop = role == abi::LegRole::StopLoss;
    abi::Leg {
        role,
        broker_id: id.to_owned(),
        client_id: None,
        group_id: Some("g".to_owned()),
        link: abi::Link::Oco,
        state: abi::OrderState::Working,
        price: (!stop).then(|| number("110")),
        stop_price: stop.then(|| number("95")),
        qty: number("10"),
        filled_qty: number("0"),
    }
}

fn good_order() -> abi::Order {
    abi::Order {
        broker_id: "o1".to_owned(),
        client_id: Some("bd-1".to_owned()),
        group_id: None,
        parent_id: None,
        replaces: None,
        replaced_by: None,
        role: abi::LegRole::Entry,
        link: abi::Link::Alone,
        symbol: "AAPL".to_owned(),
        side: abi::Side::Buy,
        kind: abi::OrderKind::Limit,
        tif: abi::Tif::Day,
        state: abi::OrderState::Working,
        raw_state: "new".to_owned(),
        qty: number("10"),
        filled_qty: number("0"),
        avg_price: None,
        limit_price: Some(number("100")),
        stop_price: None,
        reject: None,
        submitted_at: None,
        updated_at: 1,
        ext: Vec::new(),
    }
}

fn good_adjusted() -> abi::Adjusted {
    abi::Adjusted {
        legs: vec![good_leg(abi::LegRole::OcoCombined, "t"), good_leg(abi::LegRole::StopLoss, "s")],
        how: abi::AdjustHow::NewLeg,
        progress: abi::Progress::Confirmed,
        memo: Vec::new(),
        ext: Vec::new(),
    }
}

fn field<T: std::fmt::Debug>(result: Result<T, Lie>) -> &'static str {
    result.expect_err("this cannot be true").field
}

#[test]
fn the_parent_of_a_combined_pair_is_the_target_and_ended_legs_are_left_out() {
    let mut told = good_adjusted();
    told.legs.push(abi::Leg {
        state: abi::OrderState::Replaced,
        ..good_leg(abi::LegRole::StopLoss, "old")
    });
    let (Answer::Adjusted { legs, .. }, ties) = adjusted(&told).unwrap() else {
        panic!("an adjustment");
    };
    let roles: Vec<_> = legs.iter().map(|l| (l.broker_id.as_str(), l.role)).collect();
    assert_eq!(roles, [("t", Role::Target), ("s", Role::Stop)]);
    assert_eq!(ties.len(), 3);
}

#[test]
fn legs_that_cannot_be_true_are_named_by_their_field() {
    let cases: [(&str, Spoil<abi::Leg>); 8] = [
        ("leg.stop-price", |l| l.stop_price = Some(number("0"))),
        ("leg.stop-price", |l| l.stop_price = Some(number("-95"))),
        ("leg.stop-price", |l| l.stop_price = None),
        ("leg.broker-id", |l| l.broker_id = String::new()),
        ("leg.client-id", |l| l.client_id = Some("x".repeat(200))),
        ("leg.qty", |l| l.qty = number("-1")),
        ("leg.filled-qty", |l| l.filled_qty = number("11")),
        ("leg.role", |l| l.role = abi::LegRole::Other),
    ];
    for (want, spoil) in cases {
        let mut told = good_leg(abi::LegRole::StopLoss, "s");
        spoil(&mut told);
        assert_eq!(field(leg(&told)), want);
    }
}

#[test]
fn orders_that_cannot_be_true_are_named_by_their_field() {
    let cases: [(&str, Spoil<abi::Order>); 7] = [
        ("order.broker-id", |o| o.broker_id = "a\0b".to_owned()),
        ("order.symbol", |o| o.symbol = String::new()),
        ("order.qty", |o| o.qty = abi::Decimal { hi: i64::MIN, lo: 0, scale: 0 }),
        ("order.filled-qty", |o| o.filled_qty = number("10.5")),
        ("order.avg-price", |o| o.avg_price = Some(number("-1"))),
        ("order.limit-price", |o| o.limit_price = Some(number("0"))),
        ("order.stop-price", |o| o.stop_price = Some(number("1000000000001"))),
    ];
    for (want, spoil) in cases {
        let mut told = good_order();
        spoil(&mut told);
        assert_eq!(field(report(&told)), want);
    }
}

#[test]
fn an_answer_about_another_order_is_a_lie() {
    let told = abi::Placed { orders: vec![good_order()], progress: abi::Progress::Accepted };
    let (id, symbol) = ("bd-1".into(), "AAPL".into());
    assert!(placed(&told, Some((&id, &symbol))).is_ok());
    assert_eq!(field(placed(&told, Some((&"bd-2".into(), &symbol)))), "placed.client-id");
    assert_eq!(field(placed(&told, Some((&id, &"MSFT".into())))), "placed.symbol");
    let (Answer::Placed { order, .. }, ..) = placed(&told, None).unwrap() else {
        panic!("an order");
    };
    assert!(order.is_some(), "a cancel is not asked what it is about");
}

#[test]
fn answers_are_bounded() {
    let mut many = good_adjusted();
    many.legs = (0..65).map(|n| good_leg(abi::LegRole::StopLoss, &n.to_string())).collect();
    assert_eq!(field(adjusted(&many)), "adjusted.legs");
    let mut twice = good_adjusted();
    twice.legs.push(good_leg(abi::LegRole::StopLoss, "s"));
    assert_eq!(field(adjusted(&twice)), "adjusted.legs");
    let mut memo = good_adjusted();
    memo.memo = vec![("k".to_owned(), "v".repeat(2_000))];
    assert_eq!(field(adjusted(&memo)), "adjusted.memo");
    let mut wait = good_adjusted();
    wait.progress = abi::Progress::WaitingFor(String::new());
    assert_eq!(field(adjusted(&wait)), "progress.waiting-for");
}

#[test]
fn market_data_that_cannot_be_true_is_named_by_its_field() {
    let told = abi::Fill {
        fill_id: "f".to_owned(),
        broker_id: "o".to_owned(),
        client_id: None,
        symbol: "AAPL".to_owned(),
        side: abi::Side::Buy,
        qty: number("0"),
        price: number("1"),
        fee: None,
        at: 1,
    };
    assert_eq!(field(fill(&told)), "fill.qty");
    let told = abi::Quote {
        symbol: "AAPL".to_owned(),
        bid: Some(number("0")),
        ask: None,
        last: None,
        at: 1,
    };
    assert_eq!(field(quote(&told)), "quote.bid");
    let (high, low) = (number("9"), number("11"));
    let told = abi::Bar { at: 1, open: number("10"), high, low, close: number("10"), volume: None };
    assert_eq!(field(bar(&told)), "bar");
    let band =
        |above: &str, tick: &str| abi::PriceBand { above: number(above), tick: number(tick) };
    for (bands, want) in [
        (vec![band("1", "0.01"), band("0", "0.0001")], "instrument.bands"),
        (vec![band("0", "0")], "instrument.bands.tick"),
    ] {
        let told = abi::Instrument {
            symbol: "AAPL".to_owned(),
            broker_symbol: "AAPL".to_owned(),
            currency: "USD".to_owned(),
            bands,
            qty_step: number("1"),
            min_qty: number("1"),
            max_qty: None,
            min_notional: None,
            multiplier: number("1"),
            features: Vec::new(),
            ext: Vec::new(),
        };
        assert_eq!(field(instrument(&told)), want);
    }
}

#[test]
fn the_words_of_a_rejected_order_are_bounded() {
    let mut order = good_order();
    let long = "x".repeat(1 << 20);
    order.reject = Some(abi::Detail {
        code: format!("NO FUNDS\n{long}"),
        message: format!("said\u{1b}[2J {long}"),
        http_status: None,
        broker_code: None,
        legs_now: None,
        blocking: Vec::new(),
        ext: Vec::new(),
    });
    let (report, _) = report(&order).unwrap();
    let words = report.reject.unwrap();
    assert!(words.starts_with("NOFUNDS"), "{}", &words[..40]);
    assert!(words.len() < 1_000 && !words.contains('\u{1b}'), "{} bytes", words.len());
}

#[test]
fn a_no_keeps_its_words_but_not_what_cannot_be_true() {
    let told = abi::Fault::Rejected(abi::Detail {
        code: "stop through-market!".to_owned(),
        message: "m".repeat(2_000),
        http_status: Some(422),
        broker_code: Some("42210000".to_owned()),
        legs_now: Some(vec![good_leg(abi::LegRole::Other, "x")]),
        blocking: vec!["o1".to_owned(), String::new()],
        ext: Vec::new(),
    });
    let fault = fault_of(&told);
    assert_eq!(fault.code, "STOPTHROUGHMARKET");
    assert_eq!((fault.message.len(), fault.http_status), (500, Some(422)));
    assert_eq!((fault.blocking.len(), fault.legs_now), (1, None));
}

#[test]
fn a_question_of_the_broker_is_passed_on() {
    let mut told = good_adjusted();
    let (id, code, text) = ("q".to_owned(), "price".to_owned(), "sure?".to_owned());
    told.progress = abi::Progress::Challenge(abi::Challenge { id, code, text });
    let (Answer::Adjusted { progress, .. }, _) = adjusted(&told).unwrap() else {
        panic!("an adjustment");
    };
    assert_eq!(progress, Progress::Challenge { code: "PRICE".into(), text: "sure?".into() });
}
