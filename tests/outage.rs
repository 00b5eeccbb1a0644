//! An exchange that is down, slow, or talks nonsense, with and without the request's effect behind
//! it: nothing is lost or doubled, it is said, and it heals by itself (I13, I14; reliability, 2).

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Api, Daemon, Dir, Exchange, Fault, Proxy, configure, difference};

/// How long each fault lasts.
const FAULT: Duration = Duration::from_secs(3);
const HTML: &str = "<html><body><h1>We are making things better</h1></body></html>";
const BROKEN: &str = "{\"id\":\"61e69015-8549-4bfd-b9c3-01e75843f47d\",\"status\":\"acc";

const FAULTS: &[(&str, Fault)] = &[
    ("it hangs", Fault::Hang),
    ("it hangs with the effect behind it", Fault::HangAfter),
    ("it is slow", Fault::Slow(Duration::from_millis(1_500))),
    ("the connection breaks", Fault::Reset),
    ("the connection breaks after the effect", Fault::ResetAfter),
    ("a page of HTML", Fault::Answer(200, HTML)),
    ("a page of HTML after the effect", Fault::AnswerAfter(200, HTML)),
    ("half an object", Fault::Answer(200, BROKEN)),
    ("an answer cut in the middle", Fault::CutAfter),
    ("500", Fault::Answer(500, "{\"message\":\"internal\"}")),
    ("502 after the effect", Fault::AnswerAfter(502, HTML)),
    ("429", Fault::Answer(429, "{\"code\":42910000,\"message\":\"rate limit exceeded\"}")),
];

fn is_write(method: &str) -> bool {
    method != "GET"
}

/// A daemon with AAA protected and BBB waiting, over a network that can fail.
fn at_work(dir: &Dir, exchange: &Exchange, url: &str) -> (Daemon, Api) {
    for symbol in ["AAA", "BBB", "CCC"] {
        exchange.price(symbol, "100.00", "100.02");
    }
    configure(dir, url, &[]);
    let mut daemon = Daemon::spawn(dir, None);
    let api = daemon.ready().expect("it runs");
    assert!(api.open("AAA", None, "plain").promised().is_some());
    assert!(api.open("BBB", Some("99.90"), "plain").promised().is_some());
    daemon.until("one is protected, the other waits", |_| {
        api.status()["protection"]["protected"] == 1 && exchange.ends("BBB").waiting == 1
    });
    (daemon, api)
}

fn agrees(api: &Api, exchange: &Exchange, symbol: &str) -> bool {
    let tx = api.of_symbol(symbol).unwrap_or_default();
    tx["protection"]["state"] == "protected" && difference(&tx, &exchange.ends(symbol)).is_none()
}

/// Whether the status tells an operator that something is not as it should be.
fn says_so(status: &Value) -> bool {
    let is_exposed = status["gaps"].as_array().is_some_and(|gaps| !gaps.is_empty());
    is_exposed || status["unknown_ops"] != 0 || status["ready"] == false
}

/// All of this happens while the exchange cannot be relied on.
fn through(name: &str, daemon: &Daemon, api: &Api, exchange: &Exchange, heal: impl FnOnce()) {
    let promised = api.set_stop(1, "96").promised().is_some();
    assert!(promised, "{name}: a change is taken by the ledger, whatever the broker does");
    let opened = api.open("CCC", None, "plain").promised().is_some();
    let (began, mut is_said) = (Instant::now(), false);
    while began.elapsed() < FAULT {
        is_said |= says_so(&api.status());
        std::thread::sleep(Duration::from_millis(20));
    }
    // A doubt that is settled between two looks stands in the log all the same.
    is_said |= daemon.log().contains("\"message\":\"doubt\"");
    assert!(is_said, "{name}: nobody was told");
    heal();
    daemon.until(&format!("{name}: both ends agree again"), |_| {
        let third = !opened || agrees(api, exchange, "CCC");
        let (all, ends) = (["AAA", "BBB"], exchange.ends("AAA"));
        third
            && all.iter().all(|symbol| agrees(api, exchange, symbol))
            && ends.stops == ends.stops_at("96")
            && !says_so(&api.status())
    });
    assert!(exchange.ends("CCC").entries <= 1, "{name}: {:#?}", exchange.ends("CCC"));
}

#[test]
fn i13_writes_that_fail_in_any_way_are_neither_lost_nor_doubled() {
    std::thread::scope(|scope| {
        for (name, fault) in FAULTS.iter().copied() {
            scope.spawn(move || {
                let dir = Dir::new();
                let exchange = Exchange::manual(&dir);
                let proxy = Proxy::before(&exchange.url);
                let (daemon, api) = at_work(&dir, &exchange, &proxy.url);
                proxy.fail(move |method, _| is_write(method).then_some(fault));
                exchange.price("BBB", "99.80", "99.82");
                through(name, &daemon, &api, &exchange, || proxy.heal());
            });
        }
    });
}

#[test]
fn an_exchange_that_answers_nothing_sensible_is_shown_as_down_and_found_again() {
    let faults = [
        ("the connection breaks", Fault::Reset),
        ("a page of HTML", Fault::Answer(200, HTML)),
        ("half an object", Fault::Answer(200, BROKEN)),
        ("503", Fault::Answer(503, HTML)),
        ("it hangs", Fault::Hang),
    ];
    std::thread::scope(|scope| {
        for (name, fault) in faults {
            scope.spawn(move || {
                let dir = Dir::new();
                let exchange = Exchange::manual(&dir);
                let proxy = Proxy::before(&exchange.url);
                let (daemon, api) = at_work(&dir, &exchange, &proxy.url);
                proxy.fail(move |_, _| Some(fault));
                exchange.price("BBB", "99.80", "99.82");
                daemon.until(&format!("{name}: the account is shown as down"), |_| {
                    let status = api.status();
                    status["accounts"][0]["up"] == false && status["ready"] == false
                });
                through(name, &daemon, &api, &exchange, || proxy.heal());
            });
        }
    });
}

#[test]
fn an_exchange_that_dies_and_comes_back_finds_everything_as_it_was_wanted() {
    let dir = Dir::new();
    let mut exchange = Exchange::manual(&dir);
    let url = exchange.url.clone();
    let (daemon, api) = at_work(&dir, &exchange, &url);
    exchange.die();
    daemon.until("the account is shown as down", |_| {
        let status = api.status();
        status["accounts"][0]["up"] == false && status["ready"] == false
    });
    assert!(api.set_stop(1, "96").promised().is_some());
    assert!(api.set_stop(2, "94").promised().is_some());
    daemon.kill();

    // Nobody is there at the start either.
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.api().expect("it serves without the exchange");
    assert!(!api.is_ready());
    daemon.until("its log says what is wrong, of which account", |d| {
        d.log().lines().any(|line| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            line["target"] == "account" && line["account"] == "paper" && line["level"] == "WARN"
        })
    });
    exchange.come_back();
    exchange.price("AAA", "100.00", "100.02");
    exchange.price("BBB", "99.80", "99.82");
    daemon.until("both are as wanted", |_| {
        let wanted = [("AAA", "96"), ("BBB", "94")].iter().all(|(symbol, stop)| {
            let ends = exchange.ends(symbol);
            agrees(&api, &exchange, symbol) && ends.stops == ends.stops_at(stop)
        });
        wanted && api.is_ready()
    });
}

#[test]
fn i14_a_tighten_that_hangs_does_not_delay_the_stop_of_another_transaction() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let proxy = Proxy::before(&exchange.url);
    let (daemon, api) = at_work(&dir, &exchange, &proxy.url);
    proxy.fail(|method, _| (method == "PATCH").then_some(Fault::Hang));
    assert!(api.set_stop(1, "96").promised().is_some());
    daemon.until("the tighten hangs", |_| proxy.count("PATCH") == 1);
    exchange.price("BBB", "99.80", "99.82");
    daemon.until("the fill has its stop", |_| agrees(&api, &exchange, "BBB"));
    let ends = exchange.ends("AAA");
    assert_eq!(ends.stops, ends.stops_at("95"), "the tighten hangs still: it was overtaken");
    let ops = &api.get("/api/v1/transactions/1");
    assert!(ops.promised().is_some_and(|tx| tx["ops"].as_array().is_some_and(|o| !o.is_empty())));
    proxy.heal();
    daemon.until("the tighten arrives in the end", |_| {
        let ends = exchange.ends("AAA");
        agrees(&api, &exchange, "AAA") && ends.stops == ends.stops_at("96")
    });
}
