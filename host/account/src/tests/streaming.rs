//! The optional `streams` interface: what it makes faster, and that nothing depends on it.

use bracketd_core::broker::{BrokerEvent, OrderReport};
use bracketd_core::command::Answer;
use bracketd_core::order::OrderStatus;

use crate::tests::feed_server::{Do, FeedServer, Greeting};
use crate::tests::stage::{SECRET, Stage};
use crate::{Drive, FrameRule, Grant};

const AUTH: &str = r#"{"action":"auth","key":"{{secret:key}}"}"#;

fn rules() -> Vec<FrameRule> {
    let auth = FrameRule::Json { key: "action".to_owned(), value: "auth".to_owned() };
    let texts = ["ping", "echo [secret]"].map(|text| FrameRule::Text(text.to_owned()));
    [vec![auth], texts.to_vec()].concat()
}

fn server() -> FeedServer {
    FeedServer::start(Greeting::Handshake)
}

/// An account with an open socket.
fn stage(server: &FeedServer) -> Stage {
    let stage = Stage::streaming(&server.url, AUTH, &rules(), |_| {});
    greeted(server);
    stage
}

fn greeted(server: &FeedServer) {
    assert_eq!(server.saw(), "connected");
    // The broker reads the key, not its name.
    assert_eq!(server.saw(), AUTH.replace("{{secret:key}}", SECRET));
}

fn orders(stage: &Stage) -> Vec<OrderReport> {
    stage.wait(|event| match event {
        BrokerEvent::Polled { orders, .. } => Some(orders),
        _ => None,
    })
}

fn picture(stage: &Stage) {
    stage.wait(|event| matches!(event, BrokerEvent::Picture(_)).then_some(()));
}

#[test]
fn an_order_update_is_told_that_no_poll_has_shown() {
    let server = server();
    let stage = stage(&server);
    // The lists of this guest are empty: whatever is told came over the socket.
    for (frame, status) in [("Oo1", OrderStatus::Working), ("Fo1", OrderStatus::Filled)] {
        server.send(frame);
        let told = orders(&stage);
        let told: Vec<_> = told.iter().map(|o| (o.broker_id.as_str(), o.status)).collect();
        assert_eq!(told, [("o1", status)]);
    }
    assert_eq!((stage.account.status().sockets, stage.account.status().sockets_open), (1, 1));
}

#[test]
fn a_socket_under_tls_tells_too() {
    let server = FeedServer::start(Greeting::Tls);
    let stage = stage(&server);
    server.send("Oo1");
    assert_eq!(orders(&stage).len(), 1);
    server.act(Do::Raw(b"no TLS record".repeat(40)));
    stage.line("polling goes on");
    greeted(&server);
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let server = FeedServer::start(Greeting::Tls);
    let url = server.url.replace("127.0.0.1", "localhost");
    let stage = Stage::streaming(&url, AUTH, &rules(), |_| {});
    let line = stage.line("polling goes on");
    assert!(line.contains("certificate"), "{line}");
}

#[test]
fn the_same_update_is_told_once_and_one_after_the_end_never() {
    let server = server();
    let stage = stage(&server);
    for frame in ["Oo1", "Oo1", "Fo1", "Oo1", "Oo2"] {
        server.send(frame);
    }
    let told: Vec<_> =
        (0..3).flat_map(|_| orders(&stage)).map(|o| (o.broker_id.to_string(), o.status)).collect();
    let want =
        [("o1", OrderStatus::Working), ("o1", OrderStatus::Filled), ("o2", OrderStatus::Working)];
    assert_eq!(told, want.map(|(id, status)| (id.to_owned(), status)));
}

#[test]
fn a_frame_that_the_grant_does_not_list_is_dropped_and_named() {
    let server = server();
    let stage = stage(&server);
    server.send(r#"S{"action":"order","qty":"1"}"#);
    server.send("Sping");
    let line = stage.line("not listed as a read");
    for words in ["[[account.grant]]", "scheme = \"ws\"", "{ key = \"action\", value = \"order\" }"]
    {
        assert!(line.contains(words), "{line}");
    }
    assert_eq!(server.saw(), "ping", "the order before it went nowhere");
}

#[test]
fn a_secret_that_comes_back_on_a_socket_is_scrubbed_before_the_guest_sees_it() {
    let server = server();
    let _stage = stage(&server);
    server.send(&format!("Secho {SECRET}"));
    // What the guest sends is what it saw; only the scrubbed text is granted.
    assert_eq!(server.saw(), "echo [secret]");
}

#[test]
fn a_socket_that_ends_is_opened_again_and_everything_is_read() {
    let garbage = b"HTTP/1.1 200 OK\r\n".repeat(20);
    for (end, idle_ms, words) in [
        (Do::Close, 60_000, "the broker closed it"),
        (Do::Raw(garbage), 60_000, "WebSocket protocol error"),
        (Do::Send("x".repeat(2_001)), 60_000, "a message of more than 2000 bytes"),
        (Do::Freeze, 1_000, "nothing came for 2000 ms"),
    ] {
        let server = server();
        let stage = Stage::streaming(&server.url, AUTH, &rules(), |config| {
            config.limits.frame_bytes = 2_000;
            config.limits.socket_idle_ms = idle_ms;
        });
        greeted(&server);
        server.act(end);
        let line = stage.line(words);
        assert!(line.contains("polling goes on"), "{line}");
        greeted(&server);
        picture(&stage);
    }
}

#[test]
fn a_guest_that_asks_for_it_has_everything_read_again() {
    let server = server();
    let stage = stage(&server);
    server.send("R");
    picture(&stage);
}

#[test]
fn i9_a_guest_that_traps_over_a_frame_is_built_again_and_its_socket_opened() {
    let server = server();
    let stage = stage(&server);
    server.send("T");
    stage.line("the plugin trapped");
    greeted(&server);
    picture(&stage);
    assert!(matches!(stage.cancel("ok"), Answer::Placed { .. }), "writes went on");
    assert_eq!(stage.account.status().traps, 1);
}

#[test]
fn what_a_guest_cannot_read_is_named() {
    let server = server();
    let stage = stage(&server);
    server.send("Unever seen");
    stage.line("socket s: the plugin cannot read a frame: never seen");
}

#[test]
fn a_server_that_answers_with_a_redirect_is_not_followed() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: ws://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let server = FeedServer::start(Greeting::Answer(redirect));
    let stage = Stage::streaming(&server.url, AUTH, &rules(), |_| {});
    let line = stage.line("302");
    assert!(line.contains("no redirect is followed"), "{line}");
    stage.wait(|event| matches!(event, BrokerEvent::Up(_)).then_some(()));
}

#[test]
fn a_socket_without_a_grant_is_named_with_the_lines_that_would_allow_it() {
    let server = server();
    let other = Grant::origin("wss://elsewhere.example").unwrap();
    let private = Grant::origin(&server.url).unwrap();
    for (grant, words) in [(other, "is not granted"), (private, "is a private address")] {
        let stage = Stage::streaming(&server.url, AUTH, &[], |config| {
            config.grants.pop();
            config.grants.push(grant);
        });
        let line = stage.line(words);
        for words in ["socket s: the socket ws://127.0.0.1", "[[account.grant]]", "scheme = \"ws\""]
        {
            assert!(line.contains(words), "{line}");
        }
    }
    assert!(server.saw_nothing());
}

#[test]
fn a_tick_comes_while_the_socket_is_open() {
    let server = server();
    let rules = [rules(), vec![FrameRule::Text("s".to_owned())]].concat();
    let _stage = Stage::streaming(&server.url, AUTH, &rules, |_| {});
    greeted(&server);
    assert_eq!(server.saw(), "s");
}

#[test]
fn a_tape_has_no_streams() {
    let server = server();
    let stage = Stage::streaming(&server.url, AUTH, &rules(), |config| {
        config.poll.drive = Drive::Steps;
    });
    stage.step();
    assert!(server.saw_nothing());
}
