//! Trade updates over a socket: what polls cannot tell, the stream does, and nothing depends on it.

use std::time::Duration;

use crate::harness::{Api, Daemon, Dir, Exchange, Fault, Proxy, configure};

const PAUSE: Duration = Duration::from_millis(300);
/// Within this a socket that ended is open again.
const REOPENED_AFTER_MAX: Duration = Duration::from_secs(3);

/// The account behind the proxy, with its stream straight from the exchange; `frames` may be sent.
fn configured(dir: &Dir, exchange: &Exchange, proxy: &Proxy, frames: &str) {
    configure(dir, &proxy.url, &[]);
    let file = dir.path().join("bracketd.toml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    let stream = exchange.url.replacen("http", "ws", 1);
    let port = stream.rsplit(':').next().expect("a port");
    let settings = format!("settings = {{ stream_url = \"{stream}/stream\", ");
    let text = text.replace("settings = { ", &settings);
    let grant = format!(
        "[[account.grant]]\nscheme = \"ws\"\nhost = \"127.0.0.1\"\nport = {port}\nprivate = true\n\
         paths = [\"/stream\"]\nframes = [{frames}]\n"
    );
    dir.write("bracketd.toml", &format!("{text}{grant}"));
}

const AUTH: &str = r#"{ key = "action", value = "auth" }"#;
const LISTEN: &str = r#"{ key = "action", value = "listen" }"#;

/// A daemon with an entry that waits.
fn waiting(dir: &Dir, exchange: &Exchange) -> (Daemon, Api) {
    exchange.price("AAA", "100.00", "100.02");
    let mut daemon = Daemon::spawn(dir, None);
    let api = daemon.ready().expect("it runs");
    assert!(api.open("AAA", Some("99.90"), "plain").promised().is_some());
    daemon.until("the entry waits", |_| exchange.ends("AAA").waiting == 1);
    (daemon, api)
}

/// The requests of a poll. Other reads pass: they are made for a write.
fn polls(method: &str, path: &str) -> bool {
    let polled = ["/v2/orders?status=open&", "/v2/account/activities/"];
    method == "GET" && polled.iter().any(|start| path.starts_with(start))
}

#[test]
fn i5_a_fill_that_no_poll_can_read_is_protected_all_the_same() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let proxy = Proxy::before(&exchange.url);
    configured(&dir, &exchange, &proxy, &format!("{AUTH}, {LISTEN}"));
    let (daemon, _api) = waiting(&dir, &exchange);
    // Once updates are told, everything is read a second time.
    daemon.until("the stream tells", |_| proxy.count("GET /v2/positions") >= 2);
    proxy.fail(|method, path| polls(method, path).then_some(Fault::Hang));
    exchange.price("AAA", "99.80", "99.85");
    daemon.until("what filled has its pair", |_| {
        let ends = exchange.ends("AAA");
        ends.stops == ends.stops_at("95") && !ends.stops.is_empty()
    });
    proxy.heal();
    daemon.until("both ends agree", |d| d.tx(1)["protection"]["state"] == "protected");
    assert_eq!(exchange.ends("AAA").entries, 1);
}

#[test]
fn a_stream_outlives_a_process_that_was_stopped_and_goes_on() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let proxy = Proxy::before(&exchange.url);
    configured(&dir, &exchange, &proxy, &format!("{AUTH}, {LISTEN}"));
    let (daemon, _api) = waiting(&dir, &exchange);
    let is_open = "socket trade_updates is open";
    daemon.until("the stream is open", |d| d.log().contains(is_open));
    for _ in 0..3 {
        daemon.signal("STOP");
        std::thread::sleep(PAUSE);
        daemon.signal("CONT");
        std::thread::sleep(PAUSE);
    }
    std::thread::sleep(REOPENED_AFTER_MAX);
    let log = daemon.log();
    assert_eq!(log.matches("socket trade_updates").count(), 1, "opened once, and no more:\n{log}");
}

#[test]
fn a_stream_that_is_not_allowed_to_listen_says_so_and_polls_go_on() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    let proxy = Proxy::before(&exchange.url);
    configured(&dir, &exchange, &proxy, AUTH);
    let (daemon, _api) = waiting(&dir, &exchange);
    daemon.until("the log names the line that would allow it", |d| {
        d.log().contains(r#"{ key = "action", value = "listen" }"#)
            || d.log().contains(r#"{ key = \"action\", value = \"listen\" }"#)
    });
    exchange.price("AAA", "99.80", "99.85");
    daemon.until("what filled has its pair", |_| !exchange.ends("AAA").stops.is_empty());
    assert!(!daemon.log().contains(crate::harness::SECRET), "{}", daemon.log());
}
