//! Replacements: new ids, chains, and every refusal.

use super::super::{
    BookConfig, ExchangeBook, Incident, IncidentRole, NewOrder, RejectKind as K, Replace, Side,
};
use super::{book, book_with, d, held, put, quote, story, trades};

fn pair(book: &mut ExchangeBook) -> (uuid::Uuid, uuid::Uuid) {
    put(book, &NewOrder::oco("ACME", Side::Sell, d("10"), d("110"), d("90")));
    let ids: Vec<_> = book.live_orders().map(|order| order.id).collect();
    (ids[0], ids[1])
}

#[test]
fn a_moved_stop_is_a_new_order_in_the_same_pair() {
    let mut book = book_with(10);
    let (target, stop) = pair(&mut book);
    let new = book.replace(stop, &Replace::stop_price(d("95")), 2).unwrap().order;
    let old = book.order(stop).unwrap();
    assert_eq!((old.status.word(), old.replaced_by), ("replaced", Some(new.id)));
    assert_eq!((new.status.word(), new.replaces), ("held", Some(stop)));
    assert_eq!(new.group_id, old.group_id);
    let legs = book.legs_of(book.order(target).unwrap());
    assert_eq!(legs.iter().map(|leg| leg.id).collect::<Vec<_>>(), [new.id]);
    quote(&mut book, "94", "94.1");
    assert_eq!(trades(&book)[1..], ["-10 @ 94"]);
}

#[test]
fn a_moved_target_takes_its_stop_along() {
    let mut book = book_with(10);
    let (target, stop) = pair(&mut book);
    let taken = book.replace(target, &Replace::limit_price(d("105")), 2).unwrap();
    assert_eq!(taken.legs.iter().map(|leg| leg.id).collect::<Vec<_>>(), [stop]);
    quote(&mut book, "105", "105.1");
    assert_eq!(
        story(&book)[1..],
        ["TakeProfit replaced 0/10", "StopLoss canceled 0/10", "TakeProfit filled 10/10"]
    );
}

#[test]
fn what_cannot_be_changed_1_3() {
    let rows: Vec<(&str, bool, Replace, K, &str)> = vec![
        (
            "nothing new, case 8",
            true,
            Replace::stop_price(d("90")),
            K::Unchanged,
            "order parameters are not changed",
        ),
        (
            "nothing at all",
            true,
            Replace::default(),
            K::Unchanged,
            "order parameters are not changed",
        ),
        ("below a cent", true, Replace::stop_price(d("90.005")), K::SubPenny, "sub-penny"),
        (
            "through the market",
            true,
            Replace::stop_price(d("100")),
            K::StopThroughMarket,
            "stop_loss.stop_price must be <=",
        ),
        (
            "beyond its target",
            true,
            Replace::stop_price(d("110")),
            K::Geometry,
            "stop_loss.stop_price must be <=",
        ),
        ("a limit on a stop", true, Replace::limit_price(d("91")), K::Field, "no limit_price"),
        (
            "units of a pair",
            true,
            Replace { qty: Some(d("5")), ..Replace::default() },
            K::NotReplaceable,
            "qty of bracket and oco",
        ),
        ("a stop on a limit", false, Replace::stop_price(d("91")), K::Field, "no stop_price"),
        (
            "a target under its stop",
            false,
            Replace::limit_price(d("90")),
            K::Geometry,
            "stop_loss.stop_price",
        ),
    ];
    for (case, on_stop, change, kind, text) in rows {
        let mut book = book_with(10);
        let (target, stop) = pair(&mut book);
        let id = if on_stop { stop } else { target };
        let reject = book.replace(id, &change, 2).expect_err(case);
        assert_eq!(reject.kind, kind, "{case}: {reject}");
        assert!(reject.message.contains(text), "{case}: {}", reject.message);
        assert_eq!(story(&book)[1..], ["TakeProfit new 0/10", "StopLoss held 0/10"], "{case}");
    }
}

#[test]
fn the_status_decides_1_3() {
    let change = Replace::limit_price(d("97"));
    let entry = NewOrder::limit("ACME", Side::Buy, d("10"), d("98"));
    let mut book = book();
    let id = put(&mut book, &entry);
    book.replace(id, &change, 2).unwrap();
    let say = |book: &mut ExchangeBook, id| book.replace(id, &change, 2).unwrap_err().message;
    assert_eq!(say(&mut book, id), "order already replaced");
    let id = put(&mut book, &entry);
    book.cancel(id, 2).unwrap();
    assert_eq!(say(&mut book, id), "order is not open, status: canceled");
    let id = put(&mut book, &NewOrder { limit_price: Some(d("101")), ..entry.clone() });
    assert_eq!(say(&mut book, id), "order is not open, status: filled");
    let reject = book.replace(uuid::Uuid::nil(), &change, 2).unwrap_err();
    assert_eq!((reject.http_status, reject.code), (404, 40_410_000));
}

#[test]
fn a_moved_entry_answers_for_its_legs_and_its_cost() {
    let rows = [
        ("under its stop", Replace::limit_price(d("90")), K::Geometry),
        ("over its target", Replace::limit_price(d("110")), K::Geometry),
        ("too dear", Replace::limit_price(d("109")), K::InsufficientBuyingPower),
    ];
    for (case, change, kind) in rows {
        let mut book = book();
        let entry = NewOrder::limit("ACME", Side::Buy, d("2000"), d("98"));
        let id = put(&mut book, &entry.with_bracket(d("110"), d("90")));
        assert_eq!(book.replace(id, &change, 2).expect_err(case).kind, kind, "{case}");
        book.replace(id, &Replace::limit_price(d("99")), 2).unwrap();
        assert_eq!(book.live_orders().count(), 3, "{case}: the legs stay");
    }
}

#[test]
fn oto_orders_are_not_replaced_1_3() {
    let mut book = book();
    put(&mut book, &NewOrder::market("ACME", Side::Buy, d("10")).with_oto_stop(d("90")));
    let leg = book.live_orders().next().unwrap().id;
    let reject = book.replace(leg, &Replace::stop_price(d("95")), 2).unwrap_err();
    assert_eq!((reject.kind, reject.code), (K::NotReplaceable, 42_210_000));
}

#[test]
fn a_partly_filled_order_counts_what_it_has_case_6() {
    for (reuses, outcome) in [(false, "taken 6"), (true, "insufficient_qty")] {
        let config = BookConfig { replace_reuses_original_qty: reuses, ..BookConfig::default() };
        let mut book = ExchangeBook::new(config);
        quote(&mut book, "100", "100.02");
        put(&mut book, &NewOrder::market("ACME", Side::Buy, d("10")));
        let id = put(&mut book, &NewOrder::limit("ACME", Side::Sell, d("10"), d("105")));
        book.set_max_fill_per_step("ACME", Some(d("4"))).unwrap();
        quote(&mut book, "105", "105.1");
        assert_eq!(held(&book), d("6"));
        let too_few = Replace { qty: Some(d("4")), ..Replace::default() };
        assert_eq!(book.replace(id, &too_few, 2).unwrap_err().message, "qty must be > filled_qty");
        let seen = match book.replace(id, &Replace::limit_price(d("106")), 2) {
            Ok(taken) => format!("taken {}", taken.order.qty),
            Err(reject) => serde_json::to_value(reject.kind).unwrap().as_str().unwrap().to_owned(),
        };
        assert_eq!(seen, outcome, "reuses {reuses}");
    }
}

#[test]
fn an_incident_is_spent_by_the_first_request_that_fits() {
    let mut book = book_with(10);
    let (target, stop) = pair(&mut book);
    book.inject(Incident {
        symbol: Some("ACME".into()),
        role: Some(IncidentRole::Stop),
        error: Some(K::WashTrade),
    });
    book.replace(target, &Replace::limit_price(d("111")), 2).unwrap();
    let change = Replace::stop_price(d("95"));
    assert_eq!(book.replace(stop, &change, 2).unwrap_err().kind, K::WashTrade);
    book.replace(stop, &change, 2).unwrap();
}
