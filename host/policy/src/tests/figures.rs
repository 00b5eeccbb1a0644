//! Figures that scripts read, against tables worked out by hand; a short is the mirrored long.

use bracketd_core::Decimal;
use bracketd_core::broker::{Bar, Quote, Session};
use bracketd_core::ids::{BrokerOrderId, SliceNo};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Order, OrderKind, OrderStatus, Role};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::TransactionStatus;

use super::{Bed, line, on_tick, price};
use crate::selftest::fixture::START;

/// High, low and close of the minutes before the event, oldest first.
const MINUTES: [[&str; 3]; 6] = [
    ["101", "99", "100"],
    ["102", "100", "101.5"],
    ["104", "101", "103"],
    ["103", "101.5", "102"],
    ["105", "102", "104"],
    ["104", "102.5", "103"],
];

/// The price on the other side of 100.
fn mirrored(of: Price) -> Price {
    Price::new(Decimal::from(200) - of.get()).expect("a price")
}

fn bars() -> Vec<Bar> {
    let bar = |(minute, [high, low, close]): (usize, [&str; 3])| {
        let back = (MINUTES.len() - minute) as i64;
        Bar {
            at: Timestamp(START.0 - back * 60_000_000),
            open: price(low),
            high: price(high),
            low: price(low),
            close: price(close),
        }
    };
    MINUTES.into_iter().enumerate().map(bar).collect()
}

/// A long of 10 at 100 with a stop at 95, at a market of 103 and the minutes above.
pub(super) fn long(body: &str) -> Bed {
    let mut bed = on_tick(body);
    bed.bars = bars();
    let symbol = bed.tx.symbol.clone();
    let (bid, ask) = (Some(price("103")), Some(price("103.02")));
    bed.quote = Some(Quote { symbol, bid, ask, last: None, at: START });
    bed
}

/// The same, seen in a mirror.
pub(super) fn short(body: &str) -> Bed {
    let mut bed = long(body);
    bed.tx.direction = Direction::Short;
    bed.tx.desired.stop = bed.tx.desired.stop.map(mirrored);
    bed.tx.initial_stop = bed.tx.initial_stop.map(mirrored);
    for bar in &mut bed.bars {
        (bar.high, bar.low) = (mirrored(bar.low), mirrored(bar.high));
        (bar.open, bar.close) = (mirrored(bar.open), mirrored(bar.close));
    }
    if let Some(quote) = &mut bed.quote {
        (quote.bid, quote.ask) = (quote.ask.map(mirrored), quote.bid.map(mirrored));
    }
    bed
}

/// What the expression comes to, or why not.
fn value(bed: &Bed) -> String {
    let ran = bed.tick();
    match ran.notes.first() {
        Some((_, value)) => value.clone(),
        None => line(&ran),
    }
}

fn of(make: impl Fn(&str) -> Bed, expression: &str) -> String {
    value(&make(&format!("note(\"v\", {expression});")))
}

/// True ranges of the last four minutes: 3, 1.5, 3, 1.5; their mean is 2.25. The mean of the
/// closes 100 and 101.5 is 100.75; with weight 2/3 it goes over 103, 102, 104 and 103.
#[test]
fn figures_are_those_of_the_table_for_a_long_and_mirrored_for_a_short() {
    let table = [
        ("m.atr(4, \"1m\")", "2.25", "2.25"),
        ("m.atr(1, \"2m\")", "3", "3"),
        ("m.high(3, \"1m\")", "105", "98.5"),
        ("m.low(3, \"1m\")", "101.5", "95"),
        ("m.bar(\"1m\", 0).close", "103", "97"),
        ("m.bar(\"1m\", 2).high", "103", "98.5"),
        ("m.bar(\"2m\", 1).low", "101", "96"),
        ("m.bar(\"1m\", 0).at", "2025-12-31T23:59:00Z", "2025-12-31T23:59:00Z"),
        ("m.ema(2, \"1m\")", "103.12037037037", "96.87962962963"),
        ("m.chandelier(4, \"1m\", 2)", "100.5", "99.5"),
        ("m.chandelier(4, \"1m\", 2.5)", "99.375", "100.625"),
        ("m.mark", "103.01", "96.99"),
        ("m.price", "103", "97"),
        ("m.spread", "0.02", "0.02"),
        ("m.age_ms", "0", "0"),
        ("t.r_multiple(m)", "0.60", "0.60"),
        ("t.mfe()", "3", "3"),
        ("t.mae()", "0", "0"),
        ("t.entry.offset_r(1)", "105", "95"),
        ("t.entry.offset_pct(-2.5)", "97.5", "102.5"),
        ("t.entry.offset_ticks(-3)", "99.97", "100.03"),
        ("t.entry.offset_money(25)", "102.5", "97.5"),
        ("t.entry.offset_atr(-1, 4, \"1m\")", "97.75", "102.25"),
        ("t.stop.distance_to(t.entry)", "5", "5"),
        ("t.entry.distance_to(t.stop)", "-5", "-5"),
        ("t.entry.better_than(t.stop)", "true", "true"),
        ("t.entry.offset_pct(0.3335).round_to_tick()", "100.33", "99.67"),
        ("t.entry.offset_pct(0.335).round_to_tick()", "100.34", "99.66"),
        ("t.entry.offset_pct(-0.335).round_to_tick()", "99.67", "100.33"),
        ("qty_for_risk(t, 26)", "5", "5"),
        ("qty_for_risk(t, 4.99)", "0", "0"),
        ("qty_for_risk(t.entry, t.stop.offset_ticks(-100), 30.0)", "5", "5"),
        ("t.side", "long", "short"),
    ];
    for (expression, for_long, for_short) in table {
        assert_eq!(of(long, expression), for_long, "long {expression}");
        assert_eq!(of(short, expression), for_short, "short {expression}");
    }
}

/// The mean of 100 and 101.5, then 103, 102, 104 and 103 with weight 2/3 each, as fractions.
#[test]
fn the_mean_of_the_table_is_the_one_worked_out_with_fractions() {
    let thirds = |mean: Decimal, close: i64| (mean + Decimal::from(2 * close)) / Decimal::from(3);
    let by_hand = [103, 102, 104, 103].into_iter().fold(Decimal::new(10_075, 2), thirds);
    assert_eq!(of(long, "m.ema(2, \"1m\")"), by_hand.round_dp(12).normalize().to_string());
}

/// Missing data is never a number: the run is skipped, and says what was missing.
#[test]
fn what_is_not_there_skips_the_run() {
    let table = [
        ("m.atr(6, \"1m\")", "7 complete bars of 1m are needed, 6 are known"),
        ("m.ema(3, \"1m\")", "9 complete bars of 1m are needed, 6 are known"),
        ("m.chandelier(6, \"1m\", 3)", "7 complete bars of 1m are needed, 6 are known"),
        ("m.bar(\"1m\", 6)", "7 complete bars of 1m are needed, 6 are known"),
        ("m.last", "there is no last price of TEST"),
        ("m.is_open", "the session of TEST is not known"),
        ("m.phase", "the session of TEST is not known"),
        ("m.next_close", "the session of TEST is not known"),
        ("t.target", "no target is wanted"),
        ("other.opened_at", "nothing of transaction 1 has filled"),
        ("other.mfe()", "no price was seen since the first fill"),
        ("other.initial_risk", "the transaction has had no stop, so there is no R"),
        ("qty_for_risk(other, 10)", "no stop is wanted, so the risk has no limit"),
    ];
    for (expression, missing) in table {
        let mut bed = long(&format!("note(\"v\", {});", expression.replace("other", "t")));
        if expression.contains("other") {
            bed.tx.opened_at = None;
            bed.tx.initial_stop = None;
            bed.tx.desired.stop = None;
        }
        assert_eq!(value(&bed), format!("skipped: {missing}"), "{expression}");
    }
}

#[test]
fn what_may_be_missing_can_be_asked_for() {
    let all = "`${t.has_stop} ${t.has_target} ${t.has_opened} ${t.has_risk} ${m.has_quote} \
               ${m.has_bars(6, \"1m\")} ${m.has_bars(7, \"1m\")} ${m.has_session}`";
    assert_eq!(of(long, all), "true false true true true true false false");
}

#[test]
fn what_cannot_be_meant_is_an_error_with_a_way_out() {
    let table = [
        ("m.atr(0, \"1m\")", "0 bars: ask for 1 to 500"),
        ("m.ema(167, \"1m\")", "167 bars: ask for 1 to 166"),
        ("m.bar(\"1m\", -1)", "0 bars: ask for 1 to 500"),
        ("m.high(3, \"90s\")", "\"90s\" is no length of bars; write `1m`, `5m`, `1h` or `1d`"),
        ("m.chandelier(4, \"1m\", 50)", "the chandelier -7.50 is no price"),
        ("clamp(5, 9, 1)", "clamp: the low bound is above the high one"),
        ("qty_for_risk(t, -1)", "-1 is no amount to risk"),
        ("t.created_at.since(now() + hours(1))", "is after"),
    ];
    for (expression, words) in table {
        let said = of(long, expression);
        assert!(said.starts_with("runtime: ") && said.contains(words), "{expression}: {said}");
    }
    for operator in ["+", "-", "*", "/"] {
        for (left, right) in
            [("t.entry", "2"), ("t.entry", "2.5"), ("2", "t.entry"), ("t.entry", "m.price")]
        {
            let said = of(long, &format!("{left} {operator} {right}"));
            assert!(said.contains("has no unit; move a price with offset_pct"), "{said}");
        }
    }
    let said = of(long, "t.entry > [2][0]");
    assert!(said.contains("does not compare"), "{said}");
}

#[test]
fn sessions_hold_until_their_next_turn() {
    let at = |minutes: i64| Some(Timestamp(START.0 + minutes * 60_000_000));
    let table = [
        (true, None, at(30), "true open 2026-01-01T00:30:00Z"),
        (true, at(600), at(-1), "false closed missing"),
        (false, at(600), at(990), "false closed 2026-01-01T16:30:00Z"),
        (false, at(-1), at(30), "true open 2026-01-01T00:30:00Z"),
    ];
    for (is_open, next_open, next_close, expected) in table {
        let ask = |expression: &str| {
            let mut bed = long(&format!("note(\"v\", {expression});"));
            let session = Session { is_open, next_open, next_close };
            bed.account.sessions.insert(bed.tx.symbol.clone(), session);
            value(&bed)
        };
        let close = ask("m.next_close");
        let close = if close.starts_with("skipped") { "missing" } else { &close };
        assert_eq!(format!("{} {} {close}", ask("m.is_open"), ask("m.phase")), expected);
    }
}

#[test]
fn moments_are_those_of_the_event() {
    let table = [
        ("now()", "2026-01-01T00:00:00Z"),
        ("now() + hours(2)", "2026-01-01T02:00:00Z"),
        ("now() - days(1)", "2025-12-31T00:00:00Z"),
        ("now() - (now() - minutes(90))", "90m"),
        ("now().since(t.opened_at)", "0ms"),
        ("t.opened_at <= now() && now() < now() + seconds(1)", "true"),
        ("minutes(1) + seconds(30)", "90s"),
        ("clamp(7, 1, 5)", "5"),
        ("clamp(0.5, 1.0, 5.0)", "1.0"),
        ("clamp(m.price, t.stop, t.entry)", "100"),
    ];
    for (expression, expected) in table {
        assert_eq!(of(long, expression), expected, "{expression}");
    }
    // Kept as what it is.
    let mut bed =
        long("if \"at\" in this { note(\"v\", now() - this.at); } else { this.at = now(); }");
    bed.state = bed.tick().state.expect("it is kept");
    assert_eq!(bed.state, format!("{{\"at\":{{\"$us\":\"{}\"}}}}", START.0));
    assert_eq!(value(&bed), "0ms");
}

#[test]
fn quantities_and_legs_are_those_of_the_ledger() {
    let order = |id: &str, role: Role, status: OrderStatus, quantity: i64| Order {
        broker_id: BrokerOrderId::new(id),
        client_id: None,
        group: None,
        slice: SliceNo(0),
        role,
        side: Direction::Long.exit_side(),
        kind: OrderKind::Stop,
        quantity: Quantity::new(quantity.into()).expect("a quantity"),
        filled: Quantity::ZERO,
        avg_price: None,
        limit: None,
        trigger: Some(price("95")),
        status,
        updated_at: START,
        stuck: false,
    };
    let with = |expression: &str| {
        let mut bed = long(&format!("note(\"v\", {expression});"));
        bed.tx.orders = vec![
            order("1", Role::Stop, OrderStatus::Canceled, 10),
            order("2", Role::Stop, OrderStatus::Working, 7),
        ];
        bed.tx.locks.target = true;
        value(&bed)
    };
    let table = [
        ("t.protected_qty", "7"),
        ("t.is_protected", "false"),
        ("t.legs.len()", "1"),
        (
            "`${t.legs[0].role} ${t.legs[0].status} ${t.legs[0].price} ${t.legs[0].qty}`",
            "stop working 95 7",
        ),
        ("`${t.planned_qty} ${t.filled_qty} ${t.exited_qty} ${t.remaining_qty}`", "10 10 0 0"),
        ("`${t.stop_locked} ${t.target_locked}`", "false true"),
    ];
    for (expression, expected) in table {
        assert_eq!(with(expression), expected, "{expression}");
    }
}

/// A part is ended, never more of it than was said, and never all of it by mistake.
#[test]
fn a_part_of_what_is_held_can_be_ended() {
    let table = [
        ("0.5", "STAGED 5"),
        ("0.25", "STAGED 8"),
        ("0.09", "UNCHANGED 10"),
        ("1.0", "runtime: reduce_by ends a part"),
        ("0.0", "runtime: reduce_by ends a part"),
    ];
    for (fraction, expected) in table {
        let body = format!(
            "let v = reduce_by(t, {fraction}, \"w\"); note(\"v\", `${{v.code}} ${{v.effective}}`);"
        );
        for bed in [long(&body), short(&body)] {
            let said = value(&bed);
            assert!(said.starts_with(expected), "{fraction}: {said}");
        }
    }
    let mut bed = long("let v = reduce_by(t, 0.5, \"w\"); note(\"v\", v.code);");
    bed.tx.status = TransactionStatus::Waiting;
    bed.tx.slices.clear();
    assert_eq!(value(&bed), "NOT_OPENED");
}
