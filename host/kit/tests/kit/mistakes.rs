//! Wrong plugins, each with one mistake, and the row that finds it: proof that the kit can fail.

use bracketd_kit::{Kit, Outcome, Setup};
use serde_json::Value;

use crate::alpaca;
use crate::front::{self, Asked, Reply};

type Mistake = fn(&Asked) -> Option<Reply>;

/// What the plugin does wrong, which rows must find it, and what they must say.
const MISTAKES: &[(&str, Mistake, &str, &str)] = &[
    (
        "it says rejected when no answer comes",
        rejects,
        "exports/submit-order/no answer",
        "rejected REFUSED",
    ),
    (
        "it says rejected when no answer comes",
        rejects,
        "exports/adjust-sl/no answer",
        "rejected REFUSED",
    ),
    ("it says success when no answer comes", succeeds, "exports/cancel-order/no answer", "success"),
    (
        "it sends again when the line breaks",
        sends_again,
        "exports/submit-order/reset",
        "POST /v2/orders, POST /v2/orders",
    ),
    (
        "it sends every order twice",
        doubles,
        "exports/submit-order/no trouble",
        "POST /v2/orders, POST /v2/orders",
    ),
    (
        "it takes a rate limit for a refusal",
        refuses_the_limit,
        "exports/adjust-sl/429",
        "rejected REFUSED",
    ),
    (
        "it makes an empty list of garbage",
        empties,
        "exports/get-positions/HTML with 200",
        "success",
    ),
    ("it makes an empty list of garbage", empties, "exports/get-orders/HTML with 200", "success"),
    ("it makes an empty list of an error", empties, "exports/get-fills/503", "success"),
    ("it makes a success of an error", hides_errors, "exports/submit-order/500, done", "success"),
    (
        "it says that a cancel was done and sends none",
        swallows,
        "exports/cancel-order/no trouble",
        "0/10 @ 90 new",
    ),
    ("it turns sides round", turns_round, "exports/get-order/no trouble", "buy false qty 10"),
    (
        "it forgets what is beyond 400",
        halves,
        "broker/pages/more than one page of orders",
        "no buy limit",
    ),
    ("it tells no fills", tells_no_fills, "broker/orders/a fill is told by the next poll", "0"),
    (
        "it gives every order an id of its own",
        renames,
        "broker/ids/the same client id twice",
        "0 orders",
    ),
    (
        "it says that nobody has the order",
        denies,
        "exports/submit-order/no answer, done",
        "nothing",
    ),
    (
        "it takes a stop away to move it",
        drops_stops,
        "histories/closed by hand/undisturbed",
        "stops for 0 of 10 held",
    ),
    (
        "it sends closes twice",
        doubles_closes,
        "histories/closed by hand/undisturbed",
        "sell market 10/10 filled; sell market 10/10",
    ),
    (
        "it forgets the stop of a pair",
        forgets_stops,
        "histories/market entry, target hit/undisturbed",
        "sell limit",
    ),
];

#[test]
fn every_mistake_is_found_by_the_row_that_is_for_it() {
    let wasm = alpaca();
    for (what, mistake, row, said) in MISTAKES {
        let front = front::start(*mistake);
        let settings = vec![("base_url".to_owned(), format!("{front}/{{broker}}"))];
        let setup = Setup { settings, ..Setup::default() };
        let kit = Kit::new(&wasm, "wrong.wasm", setup).unwrap();
        let report = kit.run(Some(row), &|_| {});
        let is_found = report.rows.iter().any(|row| match &row.outcome {
            Outcome::Fail(finding) => finding.happened.contains(said),
            Outcome::Pass | Outcome::NotOffered(_) => false,
        });
        assert!(is_found && !report.passes(), "{what}: not found by {row}\n{}", report.text());
    }
}

/// Without a mistake the front is nobody's finding: what fails above fails for its mistake.
#[test]
fn a_front_that_only_passes_on_changes_nothing() {
    let front = front::start(Asked::pass_on);
    let settings = vec![("base_url".to_owned(), format!("{front}/{{broker}}"))];
    let kit = Kit::new(&alpaca(), "right.wasm", Setup { settings, ..Setup::default() }).unwrap();
    for row in ["/no trouble", "broker/ids", "broker/orders", "broker/pages", "undisturbed"] {
        let report = kit.run(Some(row), &|_| {});
        assert!(report.passes(), "{}", report.text());
    }
}

const REFUSAL: &str = "{\"code\":42210000,\"message\":\"order rejected\"}";

fn rejects(asked: &Asked) -> Option<Reply> {
    asked.pass_on().or_else(|| Some(Reply::new(422, REFUSAL)))
}

fn succeeds(asked: &Asked) -> Option<Reply> {
    match asked.method.as_str() {
        "DELETE" => asked.pass_on().or_else(|| Some(Reply::new(204, ""))),
        _ => asked.pass_on(),
    }
}

fn sends_again(asked: &Asked) -> Option<Reply> {
    asked.pass_on().or_else(|| asked.pass_on())
}

fn doubles(asked: &Asked) -> Option<Reply> {
    if asked.is("POST", "/v2/orders") {
        renamed(asked, "twice").pass_on();
    }
    asked.pass_on()
}

fn doubles_closes(asked: &Asked) -> Option<Reply> {
    let answer = asked.pass_on();
    if asked.is("POST", "/v2/orders") && asked.body.contains("\"type\":\"market\"") {
        // The position is gone: this one opens another.
        let mut again = renamed(asked, "twice");
        again.body =
            again.body.replace("\"position_intent\":\"sell_to_close\"", "\"extended_hours\":false");
        again.pass_on();
    }
    answer
}

fn refuses_the_limit(asked: &Asked) -> Option<Reply> {
    let answer = asked.pass_on()?;
    Some(if answer.status == 429 { Reply::new(422, REFUSAL) } else { answer })
}

fn empties(asked: &Asked) -> Option<Reply> {
    let answer = asked.pass_on()?;
    let is_readable = answer.status < 300 && serde_json::from_str::<Value>(&answer.body).is_ok();
    Some(if asked.writes() || is_readable { answer } else { Reply::new(200, "[]") })
}

/// Remembers nothing: it reads the order by its id, and tells that.
fn hides_errors(asked: &Asked) -> Option<Reply> {
    let answer = asked.pass_on()?;
    if answer.status < 500 || !asked.is("POST", "/v2/orders") {
        return Some(answer);
    }
    let body: Value = serde_json::from_str(&asked.body).ok()?;
    let id = body["client_order_id"].as_str()?;
    let mut look = asked.clone();
    look.method = "GET".to_owned();
    look.path = format!("/v2/orders:by_client_order_id?client_order_id={id}");
    look.pass_on()
}

fn swallows(asked: &Asked) -> Option<Reply> {
    if asked.method == "DELETE" { Some(Reply::new(204, "")) } else { asked.pass_on() }
}

fn turns_round(asked: &Asked) -> Option<Reply> {
    let mut answer = asked.pass_on()?;
    if asked.is("GET", "/v2/orders") {
        answer.body = answer.body.replace("\"side\":\"buy\"", "\"side\":\"sell\"");
    }
    Some(answer)
}

fn halves(asked: &Asked) -> Option<Reply> {
    let mut answer = asked.pass_on()?;
    if asked.is("GET", "/v2/orders?")
        && let Ok(Value::Array(mut orders)) = serde_json::from_str(&answer.body)
    {
        orders.truncate(400);
        answer.body = Value::Array(orders).to_string();
    }
    Some(answer)
}

fn tells_no_fills(asked: &Asked) -> Option<Reply> {
    match asked.is("GET", "/v2/account/activities") {
        true => Some(Reply::new(200, "[]")),
        false => asked.pass_on(),
    }
}

/// The same request under another client id.
fn renamed(asked: &Asked, with: &str) -> Asked {
    let mut other = asked.clone();
    if let Ok(mut body) = serde_json::from_str::<Value>(&asked.body) {
        let id = body["client_order_id"].as_str().unwrap_or_default().to_owned();
        body["client_order_id"] = format!("{id}{with}").into();
        other.body = body.to_string();
    }
    other
}

fn renames(asked: &Asked) -> Option<Reply> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    if !asked.is("POST", "/v2/orders") {
        return asked.pass_on();
    }
    renamed(asked, &COUNT.fetch_add(1, Ordering::Relaxed).to_string()).pass_on()
}

fn denies(asked: &Asked) -> Option<Reply> {
    match asked.is("GET", "/v2/orders:by_client_order_id") {
        true => Some(Reply::new(404, "{\"code\":40410000,\"message\":\"order not found\"}")),
        false => asked.pass_on(),
    }
}

fn drops_stops(asked: &Asked) -> Option<Reply> {
    if asked.method != "PATCH" || !asked.body.contains("stop_price") {
        return asked.pass_on();
    }
    let mut cancel = asked.clone();
    cancel.method = "DELETE".to_owned();
    cancel.body = String::new();
    cancel.pass_on();
    Some(Reply::new(422, "{\"code\":42210000,\"message\":\"order is not open\"}"))
}

fn forgets_stops(asked: &Asked) -> Option<Reply> {
    let mut other = asked.clone();
    if asked.is("POST", "/v2/orders")
        && let Ok(mut body) = serde_json::from_str::<Value>(&asked.body)
        && body["order_class"] == "oco"
    {
        body["limit_price"] = body["take_profit"]["limit_price"].clone();
        for key in ["order_class", "take_profit", "stop_loss"] {
            body.as_object_mut()?.remove(key);
        }
        other.body = body.to_string();
    }
    other.pass_on()
}
