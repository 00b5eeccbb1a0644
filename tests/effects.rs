//! A crash at every named moment, one by one, in the middle of an open, a change of a stop and a
//! close (reliability, sections 3 and 6; S1, S2, S3, S6).
//!
//! The daemon itself lists the moments (`BRACKETD_ABORT_AT=?`), so a new one is tested from its
//! first day on, and one that no operation comes by fails the test. Each process but the first of
//! a lane repairs what the one before it left behind, and then dies itself.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Api, Daemon, Dir, Exchange, Said, configure, difference, id_of, program};

/// Lanes that run beside each other, each with its own exchange and ledger.
const LANES: usize = 6;
/// How long a process may take to come by its point.
const POINT: Duration = Duration::from_secs(60);
/// A crash before a send costs the settle window of a look-up; the rest is a busy machine.
const REPAIR: Duration = Duration::from_secs(60);
/// So long after an operation is done, nothing of it is left to come by.
const AFTER: Duration = Duration::from_millis(700);
/// An entry that could not be sent for so long is dropped, as the daemon promises.
const ENTRY_AGE_MAX: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);

/// What is under way when the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// An entry that fills at once, and then its exits.
    Open,
    /// An entry that carries its exits.
    OpenGuarded,
    /// Another stop for what is held.
    Set,
    /// The end of what is held.
    Close,
}

impl Operation {
    fn changes_what_is_held(self) -> bool {
        matches!(self, Self::Set | Self::Close)
    }
}

/// The moments of one process after another.
#[derive(Clone, Debug)]
struct Case {
    operation: Operation,
    /// Named to the processes in this order; the operation begins in the first.
    points: Vec<String>,
    symbol: String,
}

/// What was said to the client before the crash.
#[derive(Debug)]
struct Promise {
    case: Case,
    said: Said,
}

#[test]
fn s1_s2_a_crash_at_any_moment_loses_nothing_and_doubles_nothing() {
    let cases = cases();
    let reached = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let mine: Vec<Case> = cases.iter().skip(lane).step_by(LANES).cloned().collect();
            let reached = &reached;
            scope.spawn(move || run_lane(&mine, reached));
        }
    });
    let reached = reached.into_inner().expect("no lane failed");
    let never: Vec<String> = points().into_iter().filter(|p| !reached.contains(p)).collect();
    assert!(never.is_empty(), "no operation comes by these points: {never:#?}");
}

#[test]
fn a_point_that_does_not_exist_is_refused() {
    let dir = Dir::new();
    let out = program(dir.path()).env("BRACKETD_ABORT_AT", "no.such").output().expect("it runs");
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("no such point"));
}

/// The moments as the program lists them.
fn points() -> Vec<String> {
    let dir = Dir::new();
    let out = program(dir.path()).env("BRACKETD_ABORT_AT", "?").output().expect("it runs");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let points: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(points.len() >= 40, "the list of points: {text}");
    points
}

/// Every point with every operation. On the way of a command to the broker the second time counts
/// too: the exits after the entry, the closing order after the cancel of the exits. What a start
/// passes is died at one after the other, with the operation in flight.
fn cases() -> Vec<Case> {
    let (mut at_start, mut running) = (vec!["write.answered".to_owned()], Vec::new());
    for point in points() {
        match point.split('.').next() {
            Some("start" | "lookup") => at_start.push(point),
            Some("commit" | "send" | "write" | "answer") => {
                running.push(format!("{point}:2"));
                running.push(point);
            }
            _ => running.push(point),
        }
    }
    let mut cases = Vec::new();
    use Operation::{Close, Open, OpenGuarded, Set};
    for operation in [Open, OpenGuarded, Set, Close] {
        let once = running.iter().map(|point| vec![point.clone()]);
        for points in once.chain([at_start.clone()]) {
            let is_second = points.iter().any(|point| point.ends_with(":2"));
            let is_one_command = matches!(operation, OpenGuarded | Set);
            if !is_one_command || !is_second {
                let symbol = format!("S{}", cases.len());
                cases.push(Case { operation, points, symbol });
            }
        }
    }
    cases
}

fn run_lane(cases: &[Case], reached: &Mutex<BTreeSet<String>>) {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    for case in cases {
        exchange.price(&case.symbol, "100.00", "100.02");
    }
    configure(&dir, &exchange.url, &[]);
    prepare(&dir, cases);
    let mut open: Option<Promise> = None;
    for case in cases {
        for (turn, point) in case.points.iter().enumerate() {
            let mut daemon = Daemon::spawn(&dir, Some(point));
            if turn == 0 {
                let api = daemon.ready().expect("it does not die before the first request");
                if let Some(promise) = open.take() {
                    repaired(&api, &exchange, &promise);
                }
                let said = case.begin(&api);
                open = Some(Promise { case: case.clone(), said });
            }
            if came_by(&mut daemon, case, point) {
                let name = point.split(':').next().unwrap_or(point);
                reached.lock().expect("no lane failed").insert(name.to_owned());
            }
        }
    }
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("the last process lives");
    if let Some(promise) = open {
        repaired(&api, &exchange, &promise);
    }
    nothing_left(&api, &exchange);
}

/// Opens what the changes and closes need; every other entry carries its exits.
fn prepare(dir: &Dir, cases: &[Case]) {
    let mut daemon = Daemon::spawn(dir, None);
    let api = daemon.ready().expect("it runs");
    let opened: Vec<&Case> =
        cases.iter().filter(|case| case.operation.changes_what_is_held()).collect();
    for (number, case) in opened.iter().enumerate() {
        let guard = if number % 2 == 0 { "plain" } else { "native" };
        let said = api.open(&case.symbol, None, guard);
        assert!(said.promised().is_some(), "{said:?}");
    }
    until(REPAIR, || match api.all().iter().find(|tx| tx["protection"]["state"] != "protected") {
        None => Ok(()),
        Some(tx) => Err(format!("not protected: {tx:#}")),
    });
    daemon.kill();
}

impl Case {
    fn begin(&self, api: &Api) -> Said {
        let id = || id_of(&api.of_symbol(&self.symbol).expect("it was opened"));
        match self.operation {
            Operation::Open => api.open(&self.symbol, None, "plain"),
            Operation::OpenGuarded => api.open(&self.symbol, None, "native"),
            Operation::Set => api.set_stop(id(), "96"),
            Operation::Close => api.close(id()),
        }
    }

    /// Whether all of the operation is done, as far as the daemon says.
    fn is_done(&self, tx: &Value) -> bool {
        let works = tx["legs"]["stop"]["state"] == "working";
        match self.operation {
            Operation::Open | Operation::OpenGuarded => {
                works && tx["protection"]["state"] == "protected"
            }
            Operation::Set => works && tx["legs"]["stop"]["working"] == "96",
            Operation::Close => tx["status"] == "CLOSED",
        }
    }
}

/// Waits until the process dies at its point. One whose operation never comes by is stopped, and
/// killed where the stop does not end it either.
fn came_by(daemon: &mut Daemon, case: &Case, point: &str) -> bool {
    let began = Instant::now();
    let mut done_at: Option<Instant> = None;
    let mut is_stopping = false;
    loop {
        if let Some(status) = daemon.ended() {
            let died = std::os::unix::process::ExitStatusExt::signal(&status) == Some(6);
            assert!(died || (is_stopping && status.success()), "{status}\n{}", daemon.log());
            return died;
        }
        let is_over = done_at.is_some_and(|at| at.elapsed() > AFTER);
        let late = began.elapsed() > POINT;
        assert!(!late || is_over, "{case:?} neither dies at {point} nor ends\n{}", daemon.log());
        if is_over && point.starts_with("stop.") && !is_stopping {
            daemon.signal("TERM");
            is_stopping = true;
        } else if is_over && !is_stopping {
            daemon.signal("KILL");
            daemon.ends_within(POINT);
            return false;
        }
        if done_at.is_none() && !point.starts_with("start.") {
            let tx = daemon.api().and_then(|api| api.of_symbol(&case.symbol));
            done_at = tx.filter(|tx| case.is_done(tx)).map(|_| Instant::now());
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Waits until the next process has brought both ends together and kept what was promised.
fn repaired(api: &Api, exchange: &Exchange, promise: &Promise) {
    until(REPAIR, || {
        judge(api, exchange, promise).map_err(|why| format!("{why}\nafter {promise:?}"))
    });
}

fn judge(api: &Api, exchange: &Exchange, promise: &Promise) -> Result<(), String> {
    let case = &promise.case;
    let is_promised = promise.said.promised().is_some();
    let ends = exchange.ends(&case.symbol);
    let Some(tx) = api.of_symbol(&case.symbol) else {
        let is_nothing = ends == crate::harness::Ends::default() && !is_promised;
        return if is_nothing { Ok(()) } else { Err(format!("the ledger lost it: {ends:#?}")) };
    };
    if let Some(difference) = difference(&tx, &ends) {
        return Err(difference);
    }
    let kept = match case.operation {
        Operation::Open | Operation::OpenGuarded => {
            let is_open = tx["status"] == "OPENED" && tx["protection"]["state"] == "protected";
            is_open || is_stale(&tx)
        }
        Operation::Set => tx["legs"]["stop"]["working"] == "96" || !is_promised,
        Operation::Close => tx["status"] == "CLOSED" || !is_promised,
    };
    if kept { Ok(()) } else { Err(format!("not as promised: {tx:#}")) }
}

/// Whether the entry was given up because nobody could send it in time, and is told as failed: on
/// a machine that is too busy to start a daemon within that time. That nothing was bought, the
/// exchange's book has shown.
fn is_stale(tx: &Value) -> bool {
    let at = |name: &str| tx[name].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let (Some(from), Some(to)) = (at("created_at"), at("closed_at")) else { return false };
    tx["close_reason"] == "entry_stale" && to.duration_since(from) > ENTRY_AGE_MAX
}

/// At the end of a lane every symbol is as the ledger says, and nothing is in doubt.
fn nothing_left(api: &Api, exchange: &Exchange) {
    for tx in api.all() {
        let symbol = tx["symbol"].as_str().expect("a symbol");
        let found = difference(&tx, &exchange.ends(symbol));
        assert!(found.is_none(), "{}", found.unwrap_or_default());
    }
    let status = api.status();
    assert_eq!(status["unknown_ops"], 0, "{status:#}");
    assert!(status["gaps"].as_array().is_some_and(Vec::is_empty), "{status:#}");
}

fn until(limit: Duration, is_so: impl Fn() -> Result<(), String>) {
    let began = Instant::now();
    loop {
        match is_so() {
            Ok(()) => return,
            Err(why) => assert!(began.elapsed() < limit, "not within {limit:?}: {why}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
