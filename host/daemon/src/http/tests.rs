//! The API over real sockets, with a thread that plays the engine at the other end of the channel.

mod records;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Outcome, Request, Source, Verdict, Wish};
use bracketd_core::refusal::Refusal;
use bracketd_core::transaction::{Task, Transaction, TransactionStatus};
use bracketd_policy::Change;
use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::{Value, json};

use super::Server;
use crate::fixtures::{account, opened, price, seen, status, waiting};
use crate::message::{Compared, Comparison, Query, Reloaded, Reply, ToEngine};

pub(crate) const TOKEN: &str = "a-token-of-some-length";

/// Answers each look at transaction 7; gets the number of looks so far.
pub(crate) type Play = fn(usize) -> Option<Transaction>;

pub(crate) struct Bench {
    pub(crate) server: Server,
    requests: Receiver<Request>,
    dir: tempfile::TempDir,
}

fn serve(listener: TcpListener, to: Sender<ToEngine>, requests: Receiver<Request>) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    Bench { server: Server::start(listener, TOKEN, dir.path(), to).unwrap(), requests, dir }
}

/// A server whose engine gives this outcome to every request.
pub(crate) fn bench(outcome: Outcome, play: Play) -> Bench {
    let (to_engine, inbox) = bounded(16);
    let (asked, requests) = bounded(16);
    std::thread::spawn(move || {
        let looks = AtomicUsize::new(0);
        for message in inbox {
            match message {
                ToEngine::Request { request, reply } => {
                    let transaction = Some(TransactionId(7));
                    let message = "because".to_owned();
                    asked.send(*request).unwrap();
                    reply.send(Verdict { outcome, message, transaction, version: 3 }).unwrap();
                }
                ToEngine::Query { query, reply } => {
                    let answer = answer(&query, play, &looks);
                    reply.send(answer).unwrap();
                }
                ToEngine::Reload { reply } => {
                    let changed = vec![Change {
                        name: "trailing_stop".into(),
                        before: None,
                        after: "d1".to_owned(),
                        rehearsal: "nothing live to rehearse it on".to_owned(),
                    }];
                    reply.send(Reloaded { changed, ..Reloaded::default() }).unwrap();
                }
                ToEngine::Compare { account, reply } => {
                    let found = Comparison {
                        account,
                        is_complete: true,
                        positions: vec![("ACME".into(), 10.into(), 7.into())],
                        foreign: Vec::new(),
                    };
                    reply.send(Compared::Done(Box::new(found))).unwrap();
                }
                ToEngine::Plugin { reply, .. } | ToEngine::PluginBack { reply, .. } => {
                    reply.send(Ok(4)).unwrap();
                }
                ToEngine::Thaw { thaw, reply } => {
                    let count = thaw.transaction.map_or(0, |id| id.0);
                    let verdict = Verdict {
                        outcome: match thaw.policy.as_str() {
                            "trail" => Outcome::Stored,
                            _ => Outcome::Refused(Refusal::UnknownPolicy),
                        },
                        message: format!("{} {count} {} {}", thaw.policy, thaw.by, thaw.why),
                        transaction: None,
                        version: 0,
                    };
                    reply.send(verdict).unwrap();
                }
                ToEngine::PoliciesBuilt { .. }
                | ToEngine::PluginStaged(_)
                | ToEngine::PolicyDirectory { .. }
                | ToEngine::KillFile(_)
                | ToEngine::CancelEntries { .. }
                | ToEngine::TapeStep(_)
                | ToEngine::Moments { .. }
                | ToEngine::Stop => {}
            }
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    serve(listener, to_engine, requests)
}

fn answer(query: &Query, play: Play, looks: &AtomicUsize) -> Reply {
    match query {
        Query::Status => Reply::Status(Box::new(status())),
        Query::Transactions(status) => {
            let all = [waiting(), opened()].into_iter();
            let all = all.filter(|tx| status.is_none_or(|status| tx.status == status));
            Reply::Transactions(all.map(|tx| seen(Arc::new(tx))).collect())
        }
        Query::Transaction(TransactionId(7)) => {
            let tx = play(looks.fetch_add(1, Ordering::Relaxed));
            Reply::Transaction(tx.map(|tx| seen(Arc::new(tx))))
        }
        Query::Transaction(_) => Reply::Transaction(None),
        Query::Portfolio => Reply::Portfolio(Vec::new()),
        Query::Prices => {
            Reply::Prices(vec![("paper".into(), seen(Arc::new(opened())).quote.unwrap())])
        }
        Query::Policies => Reply::Policies(Vec::new(), None),
        Query::PolicyParams { .. } => Reply::PolicyParams(None),
        Query::TradeSummary => Reply::TradeSummary(Vec::new()),
        Query::Accounts => Reply::Accounts(vec![account()]),
        Query::Guards => Reply::Guards(vec![crate::fixtures::guarded()]),
    }
}

pub(crate) fn always_opened(_: usize) -> Option<Transaction> {
    Some(opened())
}

impl Bench {
    fn call(&self, method: &str, path: &str, more: &str, body: &str) -> (u16, Value) {
        let address = self.server.address();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Connection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
        )
        .unwrap();
        read(stream)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, "", "")
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call("POST", &format!("/api/v1{path}"), "", &body.to_string())
    }

    fn raw(&self, headers: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.server.address()).unwrap();
        write!(stream, "GET /livez HTTP/1.1\r\nConnection: close\r\n{headers}\r\n").unwrap();
        read(stream)
    }
}

fn read(mut stream: TcpStream) -> (u16, Value) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text[9..12].parse().unwrap();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn g12_only_the_right_host_origin_and_token_get_in() {
    let bench = bench(Outcome::Stored, always_opened);
    let at = bench.server.address();
    let port = at.port();
    let good = format!("Authorization: Bearer {TOKEN}\r\n");
    let host = format!("Host: {at}\r\n");
    let rows = [
        (format!("{host}{good}"), 200, ""),
        (format!("Host: localhost:{port}\r\n{good}"), 200, ""),
        (format!("{host}authorization: bearer {TOKEN}\r\n"), 200, ""),
        (format!("{host}{good}Origin: http://{at}\r\n"), 200, ""),
        (format!("{host}{good}Origin: http://localhost:{port}\r\n"), 200, ""),
        (format!("Host: evil.example:{port}\r\n{good}"), 403, "BAD_HOST"),
        (format!("Host: 127.0.0.1\r\n{good}"), 403, "BAD_HOST"),
        (format!("Host: localhost:{port}.evil.example\r\n{good}"), 403, "BAD_HOST"),
        (format!("{host}Host: evil.example\r\n{good}"), 403, "BAD_HOST"),
        (format!("{host}{good}Origin: http://evil.example\r\n"), 403, "BAD_ORIGIN"),
        (format!("{host}{good}Origin: https://{at}\r\n"), 403, "BAD_ORIGIN"),
        (format!("{host}{good}Origin: null\r\n"), 403, "BAD_ORIGIN"),
        (host.clone(), 401, "UNAUTHORIZED"),
        (format!("{host}Authorization: Bearer \r\n"), 401, "UNAUTHORIZED"),
        (format!("{host}Authorization: Bearer {TOKEN}x\r\n"), 401, "UNAUTHORIZED"),
        (format!("{host}Authorization: Basic {TOKEN}\r\n"), 401, "UNAUTHORIZED"),
        (format!("{host}{good}{good}"), 401, "UNAUTHORIZED"),
    ];
    for (headers, status, code) in rows {
        let (found, body) = bench.raw(&headers);
        assert_eq!(found, status, "{headers}");
        if !code.is_empty() {
            assert_eq!(body["code"], code, "{headers}");
        }
    }
}

#[test]
fn g12_no_path_opens_without_the_token_not_even_one_that_does_not_exist() {
    let bench = bench(Outcome::Stored, always_opened);
    let paths = ["/livez", "/readyz", "/api/v1/status", "/api/v1/transactions/7/close", "/nothing"];
    for path in paths {
        for method in ["GET", "POST", "DELETE"] {
            let address = bench.server.address();
            let mut stream = TcpStream::connect(address).unwrap();
            write!(
                stream,
                "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
            )
            .unwrap();
            assert_eq!(read(stream).0, 401, "{method} {path}");
        }
    }
    assert!(bench.requests.is_empty());
}

#[test]
fn reads_answer_with_what_the_engine_said() {
    let bench = bench(Outcome::Stored, always_opened);
    let (code, body) = bench.get("/api/v1/transactions/7");
    assert_eq!((code, &body["legs"]["stop"]["state"]), (200, &json!("working")));
    let (code, body) = bench.get("/api/v1/transactions?status=waiting");
    assert_eq!((code, body["transactions"].as_array().unwrap().len()), (200, 1));
    assert_eq!(bench.get("/api/v1/transactions").1["transactions"].as_array().unwrap().len(), 2);
    let (code, body) = bench.get("/api/v1/status");
    assert_eq!((code, &body["protection"]["unprotected"]), (200, &json!(1)));
    assert_eq!(body["gaps"][0]["gap_ms"], 4_000);
    assert_eq!(bench.get("/api/v1/prices").1["prices"][0]["bid"], "102");
    for path in ["portfolio", "policies", "trade-summary", "guards"] {
        assert_eq!(bench.get(&format!("/api/v1/{path}")).0, 200, "{path}");
    }
    assert_eq!(bench.get("/livez").0, 200);
    let (code, body) = bench.get("/readyz");
    assert_eq!((code, &body["detail"]), (503, &json!("account paper is not reconciled")));
}

#[test]
fn what_does_not_exist_is_said_with_a_hint() {
    let bench = bench(Outcome::Stored, always_opened);
    let rows = [
        ("GET", "/api/v1/transactions/8", 404, "UNKNOWN_TRANSACTION"),
        ("GET", "/api/v1/transactions/x", 404, "UNKNOWN_TRANSACTION"),
        ("GET", "/api/v1/transactions?status=open", 422, "BAD_VALUE"),
        ("GET", "/api/v1/transactions?state=opened", 422, "BAD_QUERY"),
        ("GET", "/api/v2/status", 404, "NO_SUCH_PATH"),
        ("DELETE", "/api/v1/transactions/7", 405, "NO_SUCH_METHOD"),
    ];
    for (method, path, status, code) in rows {
        let (found, body) = bench.call(method, path, "", "");
        assert_eq!((found, &body["code"]), (status, &json!(code)), "{path}");
        assert_ne!(body["hint"], "", "{path}");
        assert_eq!(body["outcome"], "refused", "{path}");
    }
}

#[test]
fn a_change_keeps_what_is_left_out_clears_null_and_sets_text() {
    let bench = bench(Outcome::Stored, always_opened);
    let rows = [
        (json!({ "stop": "96.50" }), Wish::Set(price("96.5").unwrap()), Wish::Keep),
        (json!({ "stop": null }), Wish::Clear, Wish::Keep),
        (json!({ "target": "111", "stop": null }), Wish::Clear, Wish::Set(price("111").unwrap())),
    ];
    for (body, stop, target) in rows {
        let (code, answer) = bench.post("/transactions/7/protection", &body);
        assert_eq!((code, &answer["outcome"]), (200, &json!("STORED")), "{body}");
        let request = bench.requests.recv().unwrap();
        let transaction = TransactionId(7);
        assert_eq!(request.intent, Intent::Protect { transaction, stop, target }, "{body}");
    }
}

#[test]
fn every_write_reaches_the_gate_as_a_request_by_a_person() {
    let bench = bench(Outcome::Staged, always_opened);
    let open = json!({
        "account": "paper", "symbol": "ACME", "direction": "short", "quantity": "10",
        "limit": "100", "stop": "105", "policies": [], "guard": "plain", "why": "test",
    });
    let rows = [
        ("/transactions", open, "open_position", 201),
        ("/transactions/7/close", json!({ "why": "test" }), "close_position", 202),
        (
            "/transactions/7/ladder",
            json!({ "rungs": [{ "share": "0.5", "target": "105" }], "why": "test" }),
            "set_ladder",
            202,
        ),
        (
            "/transactions/7/quantity",
            json!({ "quantity": "4", "why": "test" }),
            "adjust_quantity",
            202,
        ),
        ("/transactions/7/cancel-entry", json!({ "why": "test" }), "cancel_entry", 202),
        (
            "/transactions/7/locks",
            json!({ "leg": "stop", "locked": true, "why": "test" }),
            "lock",
            202,
        ),
    ];
    for (path, body, verb, status) in rows {
        assert_eq!(bench.post(path, &body).0, status, "{path}");
        let request = bench.requests.recv().unwrap();
        assert_eq!((request.intent.verb(), request.why.as_str()), (verb, "test"));
        assert_eq!(request.source.label(), "manual(api)");
    }
    bench.call("POST", "/api/v1/transactions/7/close", "Bracketd-Actor: ann@desk\r\n", "");
    assert_eq!(bench.requests.recv().unwrap().source.label(), "manual(ann@desk)");
}

#[test]
fn a_body_that_is_not_understood_changes_nothing() {
    let bench = bench(Outcome::Stored, always_opened);
    let rows = [
        ("protection", "{\"stp\": \"96\"}", "BAD_BODY"),
        ("protection", "{\"stop\": 96.5}", "BAD_BODY"),
        ("protection", "{\"stop\": \"96,5\"}", "BAD_VALUE"),
        ("protection", "{\"stop\": \"-1\"}", "BAD_VALUE"),
        ("protection", "{}", "BAD_VALUE"),
        ("protection", "", "BAD_BODY"),
        ("close", "{\"why\": \"two\\nlines\"}", "BAD_VALUE"),
        ("close", "{\"because\": \"x\"}", "BAD_BODY"),
        ("quantity", "{\"quantity\": \"-4\"}", "BAD_VALUE"),
        ("ladder", "{\"rungs\": [\"0.5@105\"]}", "BAD_BODY"),
        ("ladder", "{\"rungs\": [{\"share\": \"0.5\", \"target\": \"0\"}]}", "BAD_VALUE"),
        ("ladder", "{\"rungs\": [{\"share\": \"half\", \"target\": \"105\"}]}", "BAD_VALUE"),
        ("ladder", "{\"rungs\": [{\"share\": 0.5, \"target\": \"105\"}]}", "BAD_BODY"),
        ("locks", "{\"leg\": \"both\", \"locked\": true}", "BAD_VALUE"),
    ];
    for (path, body, code) in rows {
        let (status, answer) =
            bench.call("POST", &format!("/api/v1/transactions/7/{path}"), "", body);
        assert_eq!((status, &answer["code"]), (422, &json!(code)), "{path} {body}");
    }
    for more in ["Prefer: wait=soon\r\n", "Prefer: wait=3600\r\n", "Bracketd-Actor: a b\r\n"] {
        assert_eq!(bench.call("POST", "/api/v1/transactions/7/close", more, "").0, 422, "{more}");
    }
    assert!(bench.requests.is_empty());
}

#[test]
fn a_refusal_keeps_its_code_sentence_version_and_whether_trying_again_helps() {
    let rows = [
        (Refusal::StopWrongSide, 422, true),
        (Refusal::VersionConflict, 409, true),
        (Refusal::UnknownTransaction, 404, false),
        (Refusal::Locked, 409, true),
        (Refusal::StalePrice, 503, true),
    ];
    for (refusal, status, retryable) in rows {
        let bench = bench(Outcome::Refused(refusal), always_opened);
        let (found, body) = bench.post("/transactions/7/close", &json!({}));
        assert_eq!((found, &body["code"]), (status, &json!(refusal.code())));
        assert_eq!((&body["detail"], &body["version"]), (&json!("because"), &json!(3)));
        assert_eq!(body["retryable"], retryable);
    }
}

#[test]
fn waiting_ends_when_the_legs_work_or_the_broker_says_no() {
    let works_at_the_third_look: Play = |looks| {
        let mut tx = opened();
        if looks < 2 {
            tx.orders.clear();
        }
        Some(tx)
    };
    let rejected: Play = |_| {
        let mut tx = opened();
        tx.orders.clear();
        tx.slices[0].rejected_version = Some(tx.desired.version);
        Some(tx)
    };
    let rows = [(works_at_the_third_look, 200, true), (rejected, 202, false)];
    for (play, status, settled) in rows {
        let bench = bench(Outcome::Staged, play);
        let path = "/api/v1/transactions/7/protection";
        let (found, body) =
            bench.call("POST", path, "Prefer: respond-async, wait=30\r\n", "{\"stop\": \"95\"}");
        assert_eq!((found, &body["waited"]["settled"]), (status, &json!(settled)));
    }
}

#[test]
fn settled_is_not_reached_when_the_broker_did_not_do_it() {
    let closed: Play = |_| {
        let mut tx = opened();
        tx.status = TransactionStatus::Closed;
        tx.slices.clear();
        tx.orders.clear();
        Some(tx)
    };
    let rows: [(&str, &str, Play, u16, bool); 5] = [
        ("close", "", closed, 200, true),
        ("close", "", always_opened, 202, false),
        ("quantity", "{\"quantity\": \"10\"}", always_opened, 200, true),
        ("quantity", "{\"quantity\": \"4\"}", always_opened, 202, false),
        ("cancel-entry", "", always_opened, 200, true),
    ];
    for (what, body, play, status, reached) in rows {
        let bench = bench(Outcome::Staged, play);
        let path = format!("/api/v1/transactions/7/{what}");
        let (found, answer) = bench.call("POST", &path, "Prefer: wait=30\r\n", body);
        assert_eq!(
            (found, &answer["waited"]["reached"]),
            (status, &json!(reached)),
            "{what} {body}"
        );
        assert_eq!(answer["waited"]["settled"], true, "{what} {body}");
    }
}

#[test]
fn what_is_so_already_and_still_on_its_way_is_waited_for() {
    let closed_at_the_third_look: Play = |looks| {
        let mut tx = opened();
        tx.status = TransactionStatus::Closing;
        tx.task = Some(Task::Close { why: String::new(), source: Source::Host });
        if looks >= 2 {
            tx.status = TransactionStatus::Closed;
            tx.task = None;
            tx.slices.clear();
            tx.orders.clear();
        }
        Some(tx)
    };
    let closing = bench(Outcome::Unchanged, closed_at_the_third_look);
    let (status, body) =
        closing.call("POST", "/api/v1/transactions/7/close", "Prefer: wait=30\r\n", "");
    assert_eq!((status, &body["waited"]["reached"]), (200, &json!(true)), "{body}");

    // A look that fails does not make it done, and what is at rest is not waited for.
    let close = "/api/v1/transactions/7/close";
    let blind = bench(Outcome::Unchanged, |_| None);
    let (status, body) = blind.call("POST", close, "Prefer: wait=30\r\n", "");
    assert_eq!((status, &body["waited"]["reached"]), (202, &json!(false)), "{body}");
    let quiet = bench(Outcome::Unchanged, always_opened);
    let (status, body) = quiet.call("POST", close, "Prefer: wait=30\r\n", "");
    assert_eq!((status, &body["waited"]), (200, &Value::Null), "{body}");
}

#[test]
fn an_accepted_request_never_reads_as_refused_when_the_wait_finds_nothing() {
    let bench = bench(Outcome::Staged, |_| None);
    let (status, body) =
        bench.call("POST", "/api/v1/transactions/7/close", "Prefer: wait=30\r\n", "");
    assert_eq!((status, &body["outcome"]), (202, &json!("STAGED")));
    assert_eq!(body["waited"], json!({ "settled": false, "reached": false, "transaction": null }));
}

#[test]
fn without_an_engine_a_request_is_surely_not_done() {
    let (to_engine, inbox) = bounded(1);
    drop(inbox);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = serve(listener, to_engine, bounded(1).1);
    let (status, body) = bench.post("/transactions/7/close", &json!({}));
    assert_eq!((status, &body["code"]), (503, &json!("STOPPING")));
    assert_eq!(body["outcome"], "refused");
}

#[test]
fn a_full_queue_is_refused_and_a_lost_answer_is_unknown() {
    let (to_engine, inbox) = bounded(1);
    let filler = to_engine.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = serve(listener, to_engine, bounded(1).1);
    filler.send(ToEngine::Stop).unwrap();
    let (status, body) = bench.post("/transactions/7/close", &json!({}));
    assert_eq!(
        (status, &body["code"], &body["retryable"]),
        (503, &json!("BUSY_ENGINE"), &json!(true))
    );
    // The engine takes the request and dies before it answers.
    inbox.recv().unwrap();
    let taker = std::thread::spawn(move || drop(inbox.recv().unwrap()));
    let (status, body) = bench.post("/transactions/7/close", &json!({}));
    assert_eq!((status, &body["outcome"]), (504, &json!("unknown")));
    taker.join().unwrap();
}

#[test]
fn a_body_that_is_announced_as_too_large_is_not_waited_for() {
    let bench = bench(Outcome::Stored, always_opened);
    let address = bench.server.address();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /api/v1/transactions/7/close HTTP/1.1\r\nHost: {address}\r\n\
         Authorization: Bearer {TOKEN}\r\nConnection: close\r\nContent-Length: 262145\r\n\r\n"
    )
    .unwrap();
    let (status, body) = read(stream);
    assert_eq!((status, &body["code"]), (413, &json!("BODY_TOO_LARGE")));
    assert!(bench.requests.is_empty());
}

#[test]
fn reloading_says_what_changed() {
    let bench = bench(Outcome::Stored, always_opened);
    let (status, body) = bench.post("/policies/reload", &Value::Null);
    let changed = &body["changed"][0];
    assert_eq!((status, &changed["name"]), (200, &json!("trailing_stop")));
    assert_eq!(changed["rehearsal"], "nothing live to rehearse it on");
}

#[test]
fn a_frozen_policy_is_asked_again_by_a_person_with_a_name_and_a_reason() {
    let bench = bench(Outcome::Stored, always_opened);
    let (status, body) =
        bench.post("/policies/trail/thaw", &json!({ "transaction": 7, "why": "mended" }));
    assert_eq!((status, &body["message"]), (200, &json!("trail 7 api mended")));
    let (status, body) = bench.post("/policies/nobody/thaw", &json!({ "why": "w" }));
    assert_eq!((status, &body["code"]), (404, &json!("UNKNOWN_POLICY")));
}

#[test]
fn statuses_are_named_as_people_know_them() {
    let bench = bench(Outcome::Stored, always_opened);
    let all = bench.get("/api/v1/status").1["transactions"].clone();
    assert_eq!(all[TransactionStatus::Opened.as_str()], 2);
    assert_eq!(all["FAILED"], 0);
}

#[test]
fn g8_a_kill_needs_a_level_a_reason_and_for_flatten_the_word() {
    let rows = [
        (json!({ "level": "freeze", "why": "w" }), 200, ""),
        (
            json!({ "level": "off", "account": "paper", "why": "w", "reset_baseline": true }),
            200,
            "",
        ),
        (json!({ "level": "freeze" }), 422, "BAD_BODY"),
        (json!({ "level": "stop", "why": "w" }), 422, "BAD_VALUE"),
        (json!({ "level": "flatten", "why": "w" }), 422, "BAD_VALUE"),
        (json!({ "level": "flatten", "why": "w", "confirm": "paper" }), 422, "BAD_VALUE"),
        (json!({ "level": "flatten", "why": "w", "confirm": "all" }), 200, ""),
        (
            json!({ "level": "flatten", "account": "paper", "why": "w", "confirm": "all" }),
            422,
            "BAD_VALUE",
        ),
        (
            json!({ "level": "flatten", "account": "paper", "why": "w", "confirm": "paper" }),
            200,
            "",
        ),
    ];
    for (body, status, code) in rows {
        let bench = bench(Outcome::Stored, always_opened);
        let (got, answer) = bench.post("/kill", &body);
        assert_eq!((got, answer["code"].as_str().unwrap_or_default()), (status, code), "{body}");
        if status != 200 {
            assert!(bench.requests.try_recv().is_err(), "{body}: nothing was asked");
            continue;
        }
        let asked = bench.requests.try_recv().unwrap();
        let Intent::Kill { account, level, reset_baseline } = asked.intent else { panic!() };
        assert_eq!(level.as_str(), body["level"]);
        assert_eq!(account.map(|name| name.to_string()).as_deref(), body["account"].as_str());
        assert_eq!(reset_baseline, body["reset_baseline"] == true);
    }
}

#[test]
fn g13_accounts_are_shown_armed_and_compared() {
    let bench = bench(Outcome::Stored, always_opened);
    let (status, all) = bench.get("/api/v1/accounts");
    assert_eq!((status, &all["accounts"][0]["name"]), (200, &json!("paper")));
    let (status, one) = bench.get("/api/v1/accounts/paper");
    assert_eq!(
        (status, &one["armed_by"], &one["kill_level"]),
        (200, &json!("config"), &json!("off"))
    );
    assert_eq!(bench.get("/api/v1/accounts/nope").0, 404);
    for (what, armed) in [("arm", true), ("disarm", false)] {
        let path = format!("/accounts/paper/{what}");
        assert_eq!(bench.post(&path, &json!({})).0, 422, "a reason is needed");
        assert_eq!(bench.post(&path, &json!({ "why": "go" })).0, 200);
        let asked = bench.requests.try_recv().unwrap();
        assert_eq!(asked.intent, Intent::Arm { account: "paper".into(), armed });
    }
    let (status, found) = bench.post("/accounts/paper/reconcile", &json!({}));
    assert_eq!(status, 200);
    let differs = json!([{ "symbol": "ACME", "book": "10", "account": "7" }]);
    assert_eq!(found["differences"], differs);
}
