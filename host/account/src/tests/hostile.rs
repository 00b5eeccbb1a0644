//! The corpus of hostile guests: each one contained, named in the error, and of no effect on another
//! account beside it in the same host (I9).
//!
//! A file of `hostile/` takes the place of some exports of the usual test guest and says at its top
//! what it does. Every file has a row here.

use bracketd_core::broker::{BrokerEvent, Fault, History, Picture};
use bracketd_core::command::{Answer, Bracket, Call, Change, NewOrder, Read, Urgency};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{OrderKind, Side, TimeInForce};
use bracketd_core::time::Timestamp;
use crossbeam_channel::bounded;
use serde_json::json;

use crate::tests::broker::Broker;
use crate::tests::feed_server::{FeedServer, Greeting};
use crate::tests::guest::Guest;
use crate::tests::stage::{Stage, config};
use crate::{
    CallOutcome, FrameRule, Host, LoadError, LogSource, READ_EXPORTS, ToAccount, call_by_hand,
};

macro_rules! hostile {
    ($name:literal) => {
        ($name, include_str!(concat!("hostile/", $name, ".wat")))
    };
}

type Wat = (&'static str, &'static str);

/// How a guest is met.
#[derive(Clone, Copy, Debug)]
enum Met {
    /// When the account starts.
    Start,
    /// By `cancel-order`.
    Write,
    /// By `get-order`.
    Look,
}

use Met::{Look, Start, Write};

/// Who, how it is met, what is told, and how many requests the broker saw.
const ROWS: [(Wat, Met, &[&str], usize); 22] = [
    (hostile!("endless_loop"), Write, &["not sent PLUGIN_CPU", "CPU budget of 50 ms"], 0),
    (hostile!("recursion"), Write, &["not sent PLUGIN_TRAP", "call stack exhausted"], 0),
    (hostile!("memory_bomb"), Write, &["not sent PLUGIN_MEMORY", "its limit of 32 MiB"], 0),
    (hostile!("memory_at_the_start"), Start, &["more memory than its limit of 32 MiB"], 0),
    (hostile!("table_bomb"), Write, &["not sent PLUGIN_MEMORY", "its limit of 20000"], 0),
    (hostile!("huge_string"), Write, &["not sent PLUGIN_MEMORY", "more than 4096 KiB at once"], 0),
    (hostile!("huge_list"), Write, &["not sent PLUGIN_MEMORY", "more than 4096 KiB at once"], 0),
    (hostile!("wild_pointer"), Write, &["not sent PLUGIN_TRAP", "out of bounds"], 0),
    (hostile!("broken_text"), Write, &["not sent PLUGIN_TRAP", "utf-8"], 0),
    (hostile!("unknown_case"), Write, &["not sent PLUGIN_TRAP", "discriminant"], 0),
    (hostile!("endless_answer"), Write, &["not sent PLUGIN_TRAP", "out of bounds"], 0),
    (
        hostile!("absurd_number"),
        Write,
        &["not sent PLUGIN_LIED", "balance.cash", "out of range"],
        0,
    ),
    (hostile!("realloc_elsewhere"), Write, &["not sent PLUGIN_TRAP", "beyond end of memory"], 0),
    (hostile!("realloc_loops"), Write, &["not sent PLUGIN_CPU", "CPU budget of 50 ms"], 0),
    (hostile!("start_loops"), Start, &["CPU budget of 500 ms"], 0),
    (hostile!("start_asks"), Start, &["a host import was called in `describe` or at the start"], 0),
    (hostile!("describe_loops"), Start, &["CPU budget of 50 ms"], 0),
    (hostile!("describe_traps"), Start, &["does not describe itself", "unreachable"], 0),
    (hostile!("describe_asks"), Start, &["a host import was called in `describe`"], 0),
    (hostile!("clock_spin"), Write, &["not sent PLUGIN_CPU", "CPU budget of 50 ms"], 0),
    (hostile!("order_in_a_read"), Look, &["TOLD", "is a write, and this export may only read"], 0),
    (hostile!("two_writes"), Write, &["unknown TOLD", "would be the second write of this call"], 1),
];

/// Those that are met in a test of their own.
const OTHERS: [&str; 6] = ["all_trap", "crowd", "endless_pages", "kv_flood", "log_flood", "wasi"];

fn guest(text: &str, broker: &Broker) -> Guest {
    Guest { url: broker.url.clone(), hostile: text.to_owned(), ..Guest::default() }
}

/// What an answer to a write tells.
fn told(answer: Answer) -> String {
    let show = |word: &str, fault: &Fault| format!("{word} {}: {}", fault.code, fault.message);
    match answer {
        Answer::NotSent { fault, .. } => show("not sent", &fault),
        Answer::Rejected(fault) => show("rejected", &fault),
        Answer::Unknown(fault) => show("unknown", &fault),
        done @ (Answer::Adjusted { .. } | Answer::Placed { .. }) => format!("{done:?}"),
    }
}

/// A well-behaved account: whatever stands beside it, it works.
struct Neighbor(Stage);

impl Neighbor {
    fn of(host: &Host) -> Self {
        let broker = Broker::start();
        let guest = guest("", &broker);
        Self(Stage::on(host, broker, &guest, |_| {}).unwrap())
    }

    fn works(&self, beside: &str) {
        assert!(matches!(self.0.cancel("ok"), Answer::Placed { .. }), "beside {beside}");
        assert_eq!(self.0.look_up("G/echo").code, "TOLD", "beside {beside}");
        let status = self.0.account.status();
        assert_eq!((status.traps, status.restarts, status.lies), (0, 0, 0), "beside {beside}");
        assert!(status.up, "beside {beside}");
    }
}

#[test]
fn i9_each_is_contained_and_named_and_the_account_beside_it_works() {
    let host = Host::new().unwrap();
    let neighbor = Neighbor::of(&host);
    for ((name, text), met, words, requests) in ROWS {
        let broker = Broker::start();
        let guest = guest(text, &broker);
        let said = std::thread::scope(|scope| {
            let beside = scope.spawn(|| neighbor.works(name));
            let said = match (met, Stage::on(&host, broker, &guest, |_| {})) {
                (Start, Err(error)) => error.to_string(),
                (Start, Ok(_)) => "it started".to_owned(),
                (_, Err(error)) => panic!("{name} does not start: {error}"),
                (Write, Ok(stage)) => {
                    let said = told(stage.cancel("/orders"));
                    assert_eq!(stage.broker.lines().len(), requests, "{name}");
                    said
                }
                (Look, Ok(stage)) => {
                    let fault = stage.look_up("/orders");
                    assert_eq!(stage.broker.lines().len(), requests, "{name}");
                    format!("{}: {}", fault.code, fault.message)
                }
            };
            beside.join().unwrap();
            said
        });
        for word in words {
            assert!(said.contains(word), "{name}: {word:?} in {said:?}");
        }
        neighbor.works(name);
    }
}

#[test]
fn every_file_of_the_corpus_is_met() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/hostile");
    let mut files: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let rows = ROWS.iter().map(|((name, _), ..)| *name);
    let mut met: Vec<&str> = rows.chain(OTHERS).collect();
    files.sort();
    met.sort_unstable();
    assert_eq!(files, met);
}

#[test]
fn i9_a_trap_in_any_export_is_told_with_its_name_and_costs_that_call_alone() {
    let (host, broker) = (Host::new().unwrap(), Broker::start());
    let guest = guest(hostile!("all_trap").1, &broker);
    let plugin = host.load(&guest.build(), "all_trap").unwrap();
    let instrument = json!({
        "symbol": "A", "broker-symbol": "A", "currency": "USD", "bands": [], "qty-step": "1",
        "min-qty": "1", "multiplier": "1", "features": [],
    });
    let bracket = json!({
        "bracket-id": "1", "instrument": instrument, "entry-side": "buy", "held-qty": "1.5",
        "protect-qty": "1", "legs": [], "tif": "gtc",
    });
    for export in READ_EXPORTS {
        let arguments = match export {
            "read-bracket" => json!({ "b": bracket }),
            "get-order" => json!({ "key": { "client": "c" } }),
            "get-orders" => json!({ "open-only": true }),
            "get-fills" => json!({ "since": "0" }),
            "get-bars" => json!({ "symbol": "A", "seconds": 60, "since": 0, "limit": 10 }),
            "get-instrument" | "get-session" => json!({ "symbol": "A" }),
            _ => json!({}),
        };
        let report = call_by_hand(&host, &plugin, config(&broker), export, &arguments).unwrap();
        assert_eq!(report.export, export);
        match (export, &report.outcome) {
            ("describe" | "connect", CallOutcome::Answered(_)) => {}
            (_, CallOutcome::Ended { code: "PLUGIN_TRAP", message }) => {
                assert!(message.contains("unreachable"), "{export}: {message}");
            }
            (_, other) => panic!("{export}: {other:?}"),
        }
    }
    let stage = Stage::on(&host, broker, &guest, |_| {}).unwrap();
    let neighbor = Neighbor::of(&host);
    let ten = Quantity::new(bracketd_core::Decimal::TEN).unwrap();
    let price = Price::new(bracketd_core::Decimal::TEN).unwrap();
    let bracket = Bracket {
        id: "1".to_owned(),
        symbol: "A".into(),
        entry_side: Side::Buy,
        held: ten,
        protect: ten,
        legs: Vec::new(),
        time_in_force: TimeInForce::Gtc,
        memo: Vec::new(),
    };
    let order = NewOrder {
        symbol: "A".into(),
        side: Side::Buy,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Day,
        quantity: ten,
        limit: None,
        trigger: None,
        take_profit: None,
        stop_loss: None,
        reduce_only: true,
    };
    let adjust = Call::Adjust { bracket, stop: Change::Set(price), target: Change::Keep };
    for call in [Call::Submit(order), adjust, Call::Cancel { order: "o".into() }] {
        stage.send_call(1, Urgency::Close, call);
        let said = told(stage.answer().1);
        assert!(said.starts_with("not sent PLUGIN_"), "{said}");
        neighbor.works("all_trap");
    }
    assert!(stage.broker.lines().is_empty());
}

/// A frame is a write unless the grant lists it: not as the socket's greeting, not as an answer to a
/// frame, and not in the clothes of a frame that is listed.
#[test]
fn i9_an_order_that_is_sent_as_a_frame_goes_nowhere_and_is_named() {
    let order = r#"{"action":"order","symbol":"A","qty":"1"}"#;
    let host = Host::new().unwrap();
    let neighbor = Neighbor::of(&host);
    let auth = || FrameRule::Json { key: "action".to_owned(), value: "auth".to_owned() };
    for (hello, frame) in [
        (order, None),
        ("{}", Some(order)),
        ("{}", Some(r#"{"action":"auth","action":"order","qty":"1"}"#)),
        ("{}", Some(r#"{"action":"auth","Action":"order","qty":"1"}"#)),
        ("{}", Some(r#"{"action":"auth"}{"action":"order","qty":"1"}"#)),
        ("{}", Some(r#"[{"action":"auth"},{"action":"order","qty":"1"}]"#)),
    ] {
        let server = FeedServer::start(Greeting::Handshake);
        let rules = [auth(), FrameRule::Text("{}".to_owned())];
        let stage = Stage::streaming(&server.url, hello, &rules, |_| {});
        assert_eq!(server.saw(), "connected");
        if let Some(frame) = frame {
            assert_eq!(server.saw(), "{}");
            server.send(&format!("S{frame}"));
        }
        let line = stage.line("is not listed as a read, so it was not sent");
        assert!(line.contains("qty"), "{line}");
        // What is listed comes next: nothing was sent before it.
        server.send("S{}");
        assert_eq!(server.saw(), "{}", "{hello} {frame:?}");
        neighbor.works("order as a frame");
    }
}

/// An account behind that guest, and what it says when it is asked for everything.
fn picture_of(text: &str) -> (Stage, Picture) {
    let broker = Broker::start();
    let guest = guest(text, &broker);
    let stage = Stage::on(&Host::new().unwrap(), broker, &guest, |_| {}).unwrap();
    let read = Read::Picture { since: Timestamp(0) };
    stage.account.try_send(ToAccount::Read(read, Urgency::Read)).unwrap();
    let picture = stage.wait(|event| match event {
        BrokerEvent::Picture(picture) => Some(picture),
        _ => None,
    });
    (stage, picture)
}

#[test]
fn i9_a_walk_over_pages_without_end_is_ended_and_proves_nothing() {
    let (_stage, picture) = picture_of(hostile!("endless_pages").1);
    assert_eq!((picture.complete, picture.history), (false, History::Cut));
}

#[test]
fn i9_a_list_that_is_too_long_is_cut_and_proves_nothing() {
    let (stage, picture) = picture_of(hostile!("crowd").1);
    assert_eq!((picture.complete, picture.positions.len()), (false, 20_000));
    let status = stage.account.status();
    let told = status.last_error.unwrap().text;
    assert!(told.contains("get-positions is longer than 20000 entries"), "{told}");
}

#[test]
fn i9_a_flood_of_keys_ends_at_the_quota() {
    let broker = Broker::start();
    let guest = guest(hostile!("kv_flood").1, &broker);
    let stage = Stage::on(&Host::new().unwrap(), broker, &guest, |c| c.limits.kv_keys = 8).unwrap();
    let said = told(stage.cancel("x"));
    assert!(said.contains("CPU budget"), "{said}");
    let kept = stage.account.kv_dirty().unwrap();
    assert_eq!(kept.len(), 8);
}

#[test]
fn i9_a_flood_of_lines_is_cut_and_counted_and_the_host_is_still_heard() {
    let broker = Broker::start();
    let guest = guest(hostile!("log_flood").1, &broker);
    let (out, lines) = bounded(10_000);
    let stage = Stage::on(&Host::new().unwrap(), broker, &guest, |config| {
        config.limits.log_lines_per_second = 5;
        config.log = Some(out);
    });
    let said = told(stage.unwrap().cancel("x"));
    assert!(said.contains("CPU budget"), "{said}");
    let all: Vec<_> = lines.try_iter().collect();
    let (host, plugin): (Vec<_>, Vec<_>) = all.iter().partition(|l| l.source == LogSource::Host);
    assert!(plugin.len() <= 50, "{} lines", plugin.len());
    let ended = host.iter().find(|line| line.message.contains("CPU budget")).unwrap();
    let lost: u64 = all.iter().map(|line| line.lost).sum();
    assert!(lost > 0, "{ended:?}");
}

#[test]
fn a_plugin_that_wants_wasi_is_told_what_there_is_instead() {
    let wasm = wat::parse_str(hostile!("wasi").1).unwrap();
    let host = Host::new().unwrap();
    assert!(host.load(&wasm, "wasi").is_err());
    let problems = host.examine(&wasm).problems;
    let wasi = problems.iter().find(|p| matches!(p, LoadError::UnknownImport { .. })).unwrap();
    let text = wasi.to_string();
    for word in ["wasi:cli/environment@0.2.0", "is not offered", "bracketd:broker/http@0.9.0"] {
        assert!(text.contains(word), "{text}");
    }
    assert!(problems.iter().any(|p| matches!(p, LoadError::WrongAbi { .. })), "{problems:?}");
}
