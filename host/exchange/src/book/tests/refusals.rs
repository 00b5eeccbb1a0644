//! What a new order is refused for: code, status and text of each rule.

use super::super::{
    NewOrder, OrderClass, OrderType, PositionIntent, RejectKind as K, Side, StopLoss, TimeInForce,
};
use super::{book_with, d, put, quote};
use Side::{Buy, Sell};

fn limit(side: Side, qty: &str, price: &str) -> NewOrder {
    NewOrder::limit("ACME", side, d(qty), d(price))
}

fn stop(side: Side, qty: &str, price: &str) -> NewOrder {
    NewOrder::stop("ACME", side, d(qty), d(price))
}

fn market(side: Side, qty: &str) -> NewOrder {
    NewOrder::market("ACME", side, d(qty))
}

fn oco(side: Side, qty: &str, target: &str, stop: &str) -> NewOrder {
    NewOrder::oco("ACME", side, d(qty), d(target), d(stop))
}

fn edit(mut order: NewOrder, change: impl FnOnce(&mut NewOrder)) -> NewOrder {
    change(&mut order);
    order
}

/// Held units, order, (kind, HTTP status, code), part of the text.
type Row = (&'static str, i64, NewOrder, (K, u16, u32), &'static str);

fn check(rows: Vec<Row>) {
    for (case, held, order, (kind, http_status, code), text) in rows {
        let mut book = book_with(held);
        let before = super::story(&book);
        let reject = book.submit(&order, 1).expect_err(case);
        assert_eq!(
            (reject.kind, reject.http_status, reject.code),
            (kind, http_status, code),
            "{case}"
        );
        assert!(reject.message.contains(text), "{case}: {}", reject.message);
        assert_eq!(super::story(&book), before, "{case}: a refused order leaves no trace");
    }
}

const FIELD: (K, u16, u32) = (K::Field, 422, 40_010_001);

fn low(kind: K) -> (K, u16, u32) {
    (kind, 422, 42_210_000)
}

fn forbidden(kind: K) -> (K, u16, u32) {
    (kind, 403, 40_310_000)
}

#[test]
fn fields_1_2() {
    let bracket = || limit(Buy, "10", "99").with_bracket(d("110"), d("90"));
    check(vec![
        ("no units", 0, market(Buy, "0"), FIELD, "qty must be > 0"),
        (
            "limit without price",
            0,
            edit(limit(Buy, "1", "9"), |o| o.limit_price = None),
            FIELD,
            "require limit_price",
        ),
        (
            "market with price",
            0,
            edit(market(Buy, "1"), |o| o.limit_price = Some(d("9"))),
            FIELD,
            "no limit_price",
        ),
        (
            "bracket without target",
            0,
            edit(bracket(), |o| o.take_profit = None),
            FIELD,
            "bracket orders require take_profit.limit_price",
        ),
        (
            "bracket without stop, case 15",
            0,
            edit(bracket(), |o| o.stop_loss = None),
            FIELD,
            "bracket orders require stop_loss.stop_price",
        ),
        (
            "bracket on a stop entry, case 16",
            0,
            edit(stop(Buy, "1", "101"), |o| {
                o.order_class = OrderClass::Bracket;
                o.take_profit = Some(d("110"));
                o.stop_loss = Some(StopLoss { stop_price: d("90"), limit_price: None });
            }),
            FIELD,
            "bracket orders must be market or limit orders",
        ),
        (
            "oco that is no limit",
            10,
            edit(oco(Sell, "10", "110", "90"), |o| {
                o.order_type = OrderType::Market;
                o.limit_price = None;
            }),
            FIELD,
            "oco orders must be limit orders",
        ),
    ]);
}

#[test]
fn classes_1_2() {
    let bracket = || limit(Buy, "10", "99").with_bracket(d("110"), d("90"));
    check(vec![
        (
            "oto with both",
            0,
            edit(bracket(), |o| o.order_class = OrderClass::Oto),
            FIELD,
            "oto orders require one of",
        ),
        (
            "oto that is ioc",
            0,
            edit(limit(Buy, "1", "99").with_oto_stop(d("90")), |o| {
                o.time_in_force = TimeInForce::Ioc
            }),
            FIELD,
            "oto orders support only day or gtc",
        ),
        (
            "client id too long",
            0,
            market(Buy, "1").with_client_id(&"x".repeat(129)),
            FIELD,
            "no more than 128",
        ),
        (
            "extended hours bracket, case 23",
            0,
            edit(bracket(), |o| o.extended_hours = true),
            forbidden(K::Field),
            "extended_hours",
        ),
        (
            "extended hours market",
            0,
            edit(market(Buy, "1"), |o| o.extended_hours = true),
            low(K::Field),
            "extended hours order must be",
        ),
        (
            "fractional bracket",
            0,
            edit(bracket(), |o| o.qty = d("1.5")),
            low(K::Field),
            "fractional orders must be simple",
        ),
        (
            "fractional gtc",
            0,
            limit(Buy, "1.5", "99"),
            low(K::Field),
            "fractional orders must be DAY",
        ),
        (
            "unknown symbol",
            0,
            NewOrder::market("NOPE", Buy, d("1")),
            low(K::UnknownAsset),
            "asset \"NOPE\" not found",
        ),
    ]);
}

#[test]
fn price_steps_1_2() {
    let bracket = |t: &str, s: &str| limit(Buy, "10", "99").with_bracket(d(t), d(s));
    check(vec![
        (
            "limit below a cent, case 17",
            0,
            limit(Buy, "1", "90.123"),
            low(K::SubPenny),
            "invalid limit_price 90.123. sub-penny increment does not fulfill",
        ),
        (
            "stop below a cent",
            10,
            stop(Sell, "10", "90.123"),
            low(K::SubPenny),
            "invalid stop_price 90.123",
        ),
        (
            "leg below a cent",
            0,
            bracket("110.001", "90"),
            low(K::SubPenny),
            "take_profit.limit_price",
        ),
        (
            "fifth decimal under a dollar",
            0,
            limit(Buy, "1", "0.12345"),
            low(K::SubPenny),
            "sub-penny",
        ),
    ]);
}

#[test]
fn geometry_1_2() {
    let bracket = |t: &str, s: &str| limit(Buy, "10", "99").with_bracket(d(t), d(s));
    let short = |t: &str, s: &str| limit(Sell, "10", "101").with_bracket(d(t), d(s));
    check(vec![
        (
            "bracket stop at its base, case 18",
            0,
            bracket("110", "99"),
            low(K::Geometry),
            "stop_loss.stop_price must be <= base_price - 0.01",
        ),
        (
            "bracket target at its base",
            0,
            bracket("99", "90"),
            low(K::Geometry),
            "take_profit.limit_price must be >= base_price + 0.01",
        ),
        (
            "short bracket stop",
            0,
            short("90", "101"),
            low(K::Geometry),
            "stop_loss.stop_price must be >= base_price + 0.01",
        ),
        (
            "short bracket target",
            0,
            short("101", "110"),
            low(K::Geometry),
            "take_profit.limit_price must be <= base_price - 0.01",
        ),
        (
            "market bracket measures from the ask",
            0,
            market(Buy, "1").with_bracket(d("110"), d("100.02")),
            low(K::Geometry),
            "stop_loss.stop_price must be <=",
        ),
        (
            "oco stop at its target",
            10,
            oco(Sell, "10", "110", "110"),
            low(K::Geometry),
            "stop_loss.stop_price must be <=",
        ),
        (
            "oto stop above its base",
            0,
            limit(Buy, "1", "99").with_oto_stop(d("99.5")),
            low(K::Geometry),
            "stop_loss.stop_price must be <=",
        ),
        (
            "stop limit above its stop",
            0,
            edit(bracket("110", "90"), |o| {
                o.stop_loss = Some(StopLoss { stop_price: d("90"), limit_price: Some(d("91")) })
            }),
            FIELD,
            "stop_loss.limit_price must be <=",
        ),
    ]);
}

#[test]
fn stops_through_the_market_1_2() {
    check(vec![
        (
            "sell stop at the bid, case 19",
            10,
            stop(Sell, "10", "100"),
            low(K::StopThroughMarket),
            "stop price must be less than current price",
        ),
        (
            "buy stop at the ask",
            -10,
            stop(Buy, "10", "100.02"),
            low(K::StopThroughMarket),
            "stop price must be greater than current price",
        ),
        (
            "oco stop through the market",
            10,
            oco(Sell, "10", "110", "101"),
            low(K::StopThroughMarket),
            "stop_loss.stop_price must be <= base_price - 0.01",
        ),
    ]);
}

#[test]
fn positions_1_2() {
    check(vec![
        (
            "bracket on a held symbol, case 16",
            10,
            limit(Buy, "10", "99").with_bracket(d("110"), d("90")),
            low(K::NotEntry),
            "bracket orders must be entry orders",
        ),
        (
            "bracket against a held symbol",
            10,
            limit(Sell, "10", "101").with_bracket(d("90"), d("110")),
            low(K::NotEntry),
            "bracket orders must be entry orders",
        ),
        (
            "oco without a position",
            0,
            oco(Sell, "10", "110", "90"),
            low(K::NotExit),
            "oco orders must be exit orders",
        ),
        (
            "oco on the wrong side",
            10,
            oco(Buy, "10", "90", "110"),
            low(K::NotExit),
            "oco orders must be exit orders",
        ),
        (
            "flip in one order, case 26",
            10,
            market(Sell, "15"),
            forbidden(K::InsufficientQty),
            "insufficient qty available for order (requested: 15, available: 10)",
        ),
        (
            "flip of a short",
            -10,
            market(Buy, "15"),
            forbidden(K::InsufficientQty),
            "(requested: 15, available: 10)",
        ),
    ]);
}

#[test]
fn money_and_shorts_1_6() {
    check(vec![
        (
            "too dear",
            0,
            limit(Buy, "3000", "99"),
            forbidden(K::InsufficientBuyingPower),
            "insufficient buying power",
        ),
        (
            "too much to short",
            0,
            market(Sell, "3000"),
            forbidden(K::InsufficientBuyingPower),
            "insufficient buying power",
        ),
        (
            "part of a unit short",
            0,
            edit(market(Sell, "1.5"), |o| o.time_in_force = TimeInForce::Day),
            low(K::NotShortable),
            "cannot be sold short",
        ),
        (
            "a close that would open",
            0,
            edit(market(Sell, "1"), |o| o.position_intent = Some(PositionIntent::SellToClose)),
            low(K::IntentMismatch),
            "inferred: sell_to_open, specified: sell_to_close",
        ),
    ]);
}

#[test]
fn the_wash_trade_matrix_1_7() {
    // Flat account or a position of ten, resting order, new order, whether it is refused.
    let rows = [
        ("stop under a market add", 10, stop(Sell, "5", "90"), market(Buy, "1"), true),
        ("stop under an add, case 20", 10, stop(Sell, "5", "90"), limit(Buy, "1", "80"), true),
        ("limit above an add", 10, limit(Sell, "5", "110"), limit(Buy, "1", "99"), false),
        ("limit at an add", 10, limit(Sell, "5", "110"), limit(Buy, "1", "110"), true),
        ("limit under a market add", 10, limit(Sell, "5", "110"), market(Buy, "1"), true),
        (
            "stop beside the rest of an entry",
            10,
            limit(Buy, "5", "95"),
            stop(Sell, "10", "90"),
            true,
        ),
        (
            "target beside the rest of an entry",
            10,
            limit(Buy, "5", "95"),
            limit(Sell, "10", "110"),
            false,
        ),
        (
            "pair beside the rest of an entry",
            10,
            limit(Buy, "5", "95"),
            oco(Sell, "10", "110", "90"),
            false,
        ),
        (
            "oto beside a resting stop",
            10,
            stop(Sell, "5", "90"),
            limit(Buy, "1", "99").with_oto_stop(d("80")),
            false,
        ),
        ("add beside a resting pair", 10, oco(Sell, "10", "110", "90"), market(Buy, "5"), false),
        ("short while a long entry rests", 0, limit(Buy, "5", "95"), limit(Sell, "5", "105"), true),
        ("long while a short entry rests", 0, limit(Sell, "5", "105"), limit(Buy, "5", "95"), true),
        ("same side", 0, limit(Buy, "5", "95"), limit(Buy, "5", "96"), false),
    ];
    for (case, held, resting, new, refused) in rows {
        let mut book = book_with(held);
        put(&mut book, &resting);
        match book.submit(&new, 1) {
            Ok(_) => assert!(!refused, "{case}: taken"),
            Err(reject) => {
                assert!(refused, "{case}: {reject}");
                assert_eq!((reject.http_status, reject.code), (403, 40_310_000), "{case}");
                assert!(reject.extra.contains_key("existing_order_id"), "{case}");
            }
        }
    }
}

#[test]
fn a_client_id_is_never_free_again_case_21() {
    let mut book = book_with(0);
    let id = put(&mut book, &limit(Buy, "1", "90").with_client_id("mine"));
    book.cancel(id, 1).unwrap();
    quote(&mut book, "101", "101.02");
    let reject = book.submit(&market(Buy, "1").with_client_id("mine"), 2).unwrap_err();
    assert_eq!((reject.kind, reject.code), (K::DuplicateClientId, 40_010_001));
    assert_eq!(reject.message, "client_order_id must be unique");
}
