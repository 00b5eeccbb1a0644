//! Reads: what is asked and what the answers become.

use bracketd_plugin_sdk::Dec;
use bracketd_plugin_sdk::types::{
    Fault, LegRole, Link, OrderKey, OrderState as S, PriceBand, Side,
};
use serde_json::{Value, json};

use super::{NOW, Script, dec, leg, long, oco, oco_order, order};
use crate::{info, read_market, read_orders};

const AFTER: &str = "2026-11-23T14%3A29%3A59.999999999Z";

fn child(id: &str, kind: &str, status: &str) -> Value {
    order(json!({"id": id, "type": kind, "order_class": "bracket", "status": status}))
}

/// I5: which exits of a bracket protect depends on the entry and on each other.
#[test]
fn held_means_three_things() {
    for (entry, target, stop, states) in [
        ("new", "held", "held", [S::Working, S::Contingent, S::Contingent]),
        ("partially_filled", "held", "held", [S::PartiallyFilled, S::Contingent, S::Contingent]),
        ("filled", "new", "held", [S::Filled, S::Working, S::Held]),
        ("filled", "partially_filled", "held", [S::Filled, S::PartiallyFilled, S::Held]),
        // After the close: the target waits for the next session, and the stop behind it with it.
        ("filled", "accepted", "held", [S::Filled, S::PendingNew, S::Held]),
        ("filled", "held", "held", [S::Filled, S::Contingent, S::Contingent]),
        ("filled", "filled", "canceled", [S::Filled, S::Filled, S::Canceled]),
        ("canceled", "canceled", "canceled", [S::Canceled, S::Canceled, S::Canceled]),
    ] {
        let top = order(json!({"id": "e", "side": "buy", "order_class": "bracket",
            "status": entry, "legs": [child("t", "limit", target), child("s", "stop", stop)]}));
        let script = Script::new().on("GET /v2/orders/e?nested=true", 200, top);
        let key = OrderKey::Broker("e".into());
        let orders = script.run(|client| read_orders::order(client, &key)).unwrap();
        let found: Vec<S> = orders.iter().map(|order| order.state).collect();
        assert_eq!(found, states, "{entry} {target} {stop}");
    }
}

#[test]
fn what_was_ordered_by_other_hands_in_other_ways_makes_no_page_unreadable() {
    let spread = order(json!({"id": "m", "symbol": "", "side": "", "order_class": "mleg",
        "limit_price": "-1.05", "legs": [child("l", "limit", "new")]}));
    let money = order(json!({"id": "n", "qty": null, "notional": "100", "filled_qty": "0.5",
        "status": "partially_filled"}));
    let list = "GET /v2/orders?status=open&nested=true&direction=asc&limit=500";
    let script = Script::new().on(list, 200, json!([spread, money]));
    let page = script.run(|client| read_orders::orders(client, true, None, None)).unwrap();
    let found: Vec<_> =
        page.orders.iter().map(|o| (o.broker_id.as_str(), o.qty, o.filled_qty)).collect();
    assert_eq!((found, page.complete), (vec![("n", dec("0.5"), dec("0.5"))], true));
}

/// A lost bracket is found whole by its client id, though that look-up shows no children.
#[test]
fn an_order_is_found_by_its_client_id() {
    let by_client = "GET /v2/orders:by_client_order_id?client_order_id=bd-1";
    let key = OrderKey::Client("bd-1".into());
    let script = Script::new()
        .on(by_client, 200, order(json!({"id": "target", "order_class": "oco"})))
        .on("GET /v2/orders/target?nested=true", 200, oco_order("170", "140"));
    let orders = script.run(|client| read_orders::order(client, &key)).unwrap();
    let found: Vec<_> = orders.iter().map(|o| (o.role, o.state, o.link)).collect();
    assert_eq!(
        found,
        [(LegRole::TakeProfit, S::Working, Link::Oco), (LegRole::StopLoss, S::Held, Link::Oco)]
    );
    let script = Script::new().on(by_client, 200, order(json!({"id": "plain"})));
    assert_eq!(script.run(|client| read_orders::order(client, &key)).unwrap().len(), 1);
    let script = Script::new().on(by_client, 404, json!({"code": 40_410_000, "message": "none"}));
    assert_eq!(script.run(|client| read_orders::order(client, &key)).unwrap(), []);
}

/// A bracket's stop read alone says only `held`; its family says whether it protects.
#[test]
fn a_lone_exit_is_read_in_its_family() {
    let lone = || child("s", "stop", "held");
    let list = "GET /v2/orders?status=all&nested=true&direction=desc&limit=500&symbols=AAPL";
    let parent = |status: &str, target: &str| {
        order(json!({"id": "e", "side": "buy", "order_class": "bracket", "status": status,
            "legs": [child("t", "limit", target), lone()]}))
    };
    let grouped = |mut order: Value| {
        order["group_id"] = "g".into();
        order["position_intent"] = "sell_to_close".into();
        order
    };
    let mut target = grouped(child("t", "limit", "new"));
    target["group_role"] = "take_profit".into();
    for (page, state) in [
        (json!([parent("filled", "new")]), S::Held),
        (json!([parent("new", "held")]), S::Contingent),
        (json!([target, grouped(lone())]), S::Held),
        (json!([]), S::Contingent),
    ] {
        let script =
            Script::new().on("GET /v2/orders/s?nested=true", 200, lone()).on(list, 200, page);
        let key = OrderKey::Broker("s".into());
        let orders = script.run(|client| read_orders::order(client, &key)).unwrap();
        assert_eq!((orders.len(), orders[0].state), (1, state));
    }
}

#[test]
fn a_bracket_is_followed_through_its_replacements() {
    let replaced = order(json!({"id": "stop", "type": "stop", "order_class": "oco",
        "status": "replaced", "replaced_by": "stop-2"}));
    let now = order(json!({"id": "stop-2", "type": "stop", "order_class": "oco",
        "status": "held", "stop_price": "145", "replaces": "stop"}));
    let target = order(json!({"id": "target", "order_class": "oco", "limit_price": "170"}));
    let script = Script::new()
        .on("GET /v2/orders/target?nested=true", 200, target)
        .on("GET /v2/orders/stop?nested=true", 200, replaced)
        .on("GET /v2/orders/stop-2?nested=true", 200, now);
    let read = script.run(|client| read_orders::bracket(client, &long(oco()))).unwrap();
    let found: Vec<_> = read.legs.iter().map(|l| (l.broker_id.as_str(), l.state)).collect();
    assert_eq!(found, [("target", S::Working), ("stop-2", S::Held)]);
    assert_eq!((read.legs[1].stop_price, read.ext), (Some(dec("145")), vec![]));
}

/// One request reads a nested pair; the exits of a bracket are read beside each other.
#[test]
fn a_bracket_is_read_with_few_requests() {
    let script =
        Script::new().on("GET /v2/orders/target?nested=true", 200, oco_order("170", "140"));
    let read = script.run(|client| read_orders::bracket(client, &long(oco()))).unwrap();
    assert_eq!(read.legs.len(), 2);
    let legs = vec![
        leg("t", "170", Link::Bracket, S::Working),
        leg("stop-b", "140", Link::Bracket, S::Contingent),
    ];
    let script = Script::new()
        .on("GET /v2/orders/t?nested=true", 200, child("t", "limit", "new"))
        .on("GET /v2/orders/stop-b?nested=true", 200, child("stop-b", "stop", "held"));
    let read = script.run(|client| read_orders::bracket(client, &long(legs.clone()))).unwrap();
    assert_eq!(read.legs[1].state, S::Held);
    let gone = json!({"code": 40_410_000, "message": "order not found"});
    let script = Script::new()
        .on("GET /v2/orders/t?nested=true", 200, child("t", "limit", "new"))
        .on("GET /v2/orders/stop-b?nested=true", 404, gone);
    let read = script.run(|client| read_orders::bracket(client, &long(legs))).unwrap();
    assert_eq!(read.legs.len(), 1);
    assert_eq!(read.ext, [("missing".to_owned(), "stop-b".to_owned())]);
}

/// A full page proves nothing about what is absent; the next one starts just before the last order.
#[test]
fn orders_are_paged_by_time() {
    let list = "GET /v2/orders?status=open&nested=true&direction=asc&limit=500";
    let short = json!([oco_order("170", "140")]);
    let script = Script::new().on(list, 200, short);
    let page = script.run(|client| read_orders::orders(client, true, None, None)).unwrap();
    assert_eq!((page.orders.len(), page.complete, page.next, page.as_of), (2, true, None, NOW));

    let full: Vec<Value> = (0..250).map(|_| oco_order("170", "140")).collect();
    let script = Script::new().on(list, 200, full.clone().into());
    let page = script.run(|client| read_orders::orders(client, true, None, None)).unwrap();
    assert_eq!((page.orders.len(), page.complete), (500, false));
    let cursor = page.next.unwrap();
    assert_eq!(cursor, "2026-11-23T14:29:59.999999999Z");

    // A page full of one moment cannot be paged on: incomplete, and said so.
    let next = format!("{list}&after={AFTER}");
    let script = Script::new().on(&next, 200, full.into());
    let page = script.run(|client| read_orders::orders(client, true, None, Some(&cursor))).unwrap();
    assert_eq!((page.complete, page.next), (false, None));

    let all = format!("{}&after={AFTER}", list.replace("=open", "=all"));
    let script = Script::new().on(&all, 200, json!([]));
    let page = script.run(|client| read_orders::orders(client, false, Some(NOW), None)).unwrap();
    assert!(page.complete && page.orders.is_empty());
}

#[test]
fn fills_are_paged_by_id() {
    let list = format!("GET /v2/account/activities/FILL?direction=asc&page_size=100&after={AFTER}");
    let fill = |n: usize| {
        json!({"id": format!("a::{n}"), "activity_type": "FILL", "order_id": "o", "symbol": "AAPL",
            "side": "sell_short", "qty": "2.5", "price": "150.10", "type": "fill",
            "transaction_time": "2026-11-23T14:30:01.5Z"})
    };
    let script = Script::new().on(&list, 200, (0..100).map(fill).collect());
    let page = script.run(|client| read_orders::fills(client, NOW, None)).unwrap();
    assert_eq!((page.complete, page.next.as_deref()), (false, Some("a::99")));
    let first = &page.fills[0];
    assert_eq!((first.side, first.qty, first.price), (Side::Sell, dec("2.5"), dec("150.1")));
    assert_eq!(first.at, NOW + 1_500_000_000);
    let script = Script::new().on(&format!("{list}&page_token=a%3A%3A99"), 200, json!([fill(100)]));
    let page = script.run(|client| read_orders::fills(client, NOW, Some("a::99"))).unwrap();
    assert_eq!((page.complete, page.next, page.fills.len()), (true, None, 1));
}

/// A fill that cannot be read must not be skipped: the page fails.
#[test]
fn an_unreadable_fill_fails_the_page() {
    let list = format!("GET /v2/account/activities/FILL?direction=asc&page_size=100&after={AFTER}");
    let bad = json!([{"id": "a", "order_id": "o", "symbol": "A", "side": "gift", "qty": "1",
        "price": "1", "transaction_time": "2026-11-23T14:30:01Z"}]);
    let script = Script::new().on(&list, 200, bad);
    let fault = script.run(|client| read_orders::fills(client, NOW, None)).unwrap_err();
    assert!(matches!(fault, Fault::Retryable(wait) if wait.detail.message.contains("gift")));
}

#[test]
fn prices_take_one_request_and_zero_is_no_price() {
    let answer = json!({"quotes": {
        "AAPL": {"t": "2026-11-23T14:30:00Z", "bp": 149.99, "ap": 150.01, "bs": 1, "as": 2},
        "MSFT": {"t": "2026-11-23T14:30:00Z", "bp": 0, "ap": 400.1}}});
    let script = Script::new().on("GET /v2/stocks/quotes/latest?symbols=AAPL,MSFT", 200, answer);
    // Crypto was traded here before: it costs the others nothing.
    let symbols = ["AAPL".to_owned(), "BTC/USD".to_owned(), "MSFT".to_owned()];
    let quotes = script.run(|client| read_market::prices(client, &symbols)).unwrap();
    let found: Vec<_> = quotes.iter().map(|q| (q.symbol.as_str(), q.bid, q.ask, q.last)).collect();
    assert_eq!(
        found,
        [
            ("AAPL", Some(dec("149.99")), Some(dec("150.01")), None),
            ("MSFT", None, Some(dec("400.1")), None),
        ]
    );
    assert_eq!(Script::new().run(|client| read_market::prices(client, &[])).unwrap(), []);
}

#[test]
fn bars_by_length() {
    let answer = || {
        json!({"bars": {"AAPL": [{"t": "2026-11-23T14:30:00Z", "o": 1, "h": 2.5,
        "l": "0.5", "c": 2, "v": 100}]}, "next_page_token": null})
    };
    for (seconds, frame) in
        [(60, "1Min"), (300, "5Min"), (3_600, "1Hour"), (86_400, "1Day"), (604_800, "1Week")]
    {
        let line = format!(
            "GET /v2/stocks/bars?symbols=AAPL&timeframe={frame}\
             &start=2026-11-23T14%3A30%3A00.000000000Z&limit=5"
        );
        let script = Script::new().on(&line, 200, answer());
        let bars = script.run(|client| read_market::bars(client, "AAPL", seconds, NOW, 5)).unwrap();
        assert_eq!((bars[0].high, bars[0].volume), (dec("2.5"), Some(dec("100"))));
    }
    let line = "GET /v2/stocks/bars?symbols=AAPL&timeframe=1Min&start=2026-11-23T14%3A30%3A00\
                .000000000Z&limit=5";
    for (body, is_answer) in
        [(json!({"bars": {}}), true), (json!({"bars": null}), true), (json!({}), false)]
    {
        let script = Script::new().on(line, 200, body);
        let bars = script.run(|client| read_market::bars(client, "AAPL", 60, NOW, 5));
        assert_eq!(bars.is_ok(), is_answer, "{bars:?}");
    }
    for seconds in [0, 1, 90, 90_000] {
        let fault = Script::new()
            .run(|client| read_market::bars(client, "AAPL", seconds, NOW, 5))
            .unwrap_err();
        assert!(matches!(fault, Fault::NotSupported(_)), "{seconds}");
    }
}

#[test]
fn an_instrument_says_how_it_trades() {
    let band = |above: &str, tick: &str| PriceBand { above: dec(above), tick: dec(tick) };
    let equity = json!({"symbol": "AAPL", "class": "us_equity", "exchange": "NASDAQ",
        "tradable": true, "shortable": true, "fractionable": true});
    let tape = json!({"symbol": "USDJPY", "class": "us_equity", "tradable": true,
        "price_increment": "0.001", "fractionable": false});
    for (symbol, asset, bands) in [
        ("AAPL", equity, vec![band("0", "0.0001"), band("1", "0.01")]),
        ("USDJPY", tape, vec![band("0", "0.001")]),
    ] {
        let script = Script::new().on(&format!("GET /v2/assets/{symbol}"), 200, asset);
        let found = script.run(|client| read_market::instrument(client, symbol)).unwrap();
        assert_eq!((found.bands, found.qty_step), (bands, dec("1")), "{symbol}");
        let has = |feature: &str| found.features.iter().any(|f| f == feature);
        assert_eq!((has("native-oco"), has("replace-in-place")), (true, true), "{symbol}");
        assert!(!has("protect-beside-open-entry") && !has("fractional"), "{symbol}");
    }
}

/// What could not be guarded: what has no stop orders, and a name under which no position is told.
#[test]
fn what_could_not_be_guarded_is_no_instrument() {
    let asset = |symbol: &str, class: &str| json!({"symbol": symbol, "class": class});
    for (asked, path, answer, code, word) in [
        ("aapl", "aapl", asset("AAPL", "us_equity"), "SYMBOL_UNKNOWN", "calls it AAPL"),
        ("BTC/USD", "BTC%2FUSD", asset("BTC/USD", "crypto"), "SYMBOL_UNGUARDED", "no plain stop"),
        ("BTCUSD", "BTCUSD", asset("BTC/USD", "crypto"), "SYMBOL_UNGUARDED", "no plain stop"),
    ] {
        let script = Script::new().on(&format!("GET /v2/assets/{path}"), 200, answer);
        let fault = script.run(|client| read_market::instrument(client, asked)).unwrap_err();
        let Fault::Invalid(detail) = fault else { panic!("{asked}: {fault:?}") };
        assert_eq!(detail.code, code, "{asked}");
        assert!(detail.message.contains(word), "{}", detail.message);
    }
}

#[test]
fn sessions_positions_and_money() {
    let clock = json!({"timestamp": "x", "is_open": false,
        "next_open": "2026-11-23T09:30:00-05:00", "next_close": "2026-11-23T16:00:00-05:00"});
    let script = Script::new().on("GET /v2/clock", 200, clock);
    let session = script.run(read_market::session).unwrap();
    assert_eq!((session.is_open, session.next_open), (false, Some(NOW)));

    let position = |qty: &str, side: &str| {
        json!({"symbol": "AAPL", "qty": qty, "side": side, "qty_available": "4",
            "avg_entry_price": "150.1234567891234567", "current_price": null})
    };
    let all = json!([position("10", "long"), position("-10", "short"), position("10", "short")]);
    let script = Script::new().on("GET /v2/positions", 200, all);
    let found = script.run(read_market::positions).unwrap();
    let signed: Vec<_> = found.iter().map(|p| Dec::try_from(p.qty).unwrap().to_string()).collect();
    assert_eq!(signed, ["10", "-10", "-10"]);
    assert_eq!((found[0].available, found[0].mark), (Some(dec("4")), None));
    assert_eq!(found[0].avg_price, dec("150.123456789"));

    let account = json!({"cash": "1000.50", "equity": "2000", "buying_power": "4000",
        "currency": "USD", "status": "ACTIVE", "trading_blocked": true});
    let script = Script::new().on("GET /v2/account", 200, account);
    let money = script.run(read_market::balance).unwrap();
    assert_eq!((money.cash, money.buying_power), (dec("1000.5"), dec("4000")));
    assert!(money.ext.contains(&("trading_blocked".to_owned(), "true".to_owned())));
}

#[test]
fn the_card_fits_the_client_ids_we_make() {
    let card = info::describe();
    assert_eq!((card.name.as_str(), card.client_id_max), ("alpaca", 48));
    assert!("bd-abc234".chars().all(|c| card.client_id_chars.contains(c)));
}
