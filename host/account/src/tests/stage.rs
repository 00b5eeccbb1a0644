//! A started account with a hostile guest and a scripted broker.

use std::time::{Duration, Instant};

use bracketd_core::broker::{BrokerEvent, Fault, Found, FromAccount};
use bracketd_core::command::{Answer, Call, Command, Read, Urgency};
use bracketd_core::ids::TransactionId;
use crossbeam_channel::{Receiver, bounded};

use crate::tests::broker::Broker;
use crate::tests::guest::Guest;
use crate::{
    AccountConfig, AccountHandle, ClockSource, Drive, FrameRule, Grant, Host, Limits, LogLine,
    Plugin, PollConfig, PollRequest, Secret, StartError, StepRead, ToAccount,
};

/// Longest wait for an event; only a failing test waits so long.
pub(super) const WAIT: Duration = Duration::from_secs(30);
/// The secret of every test account.
pub(super) const SECRET: &str = "S3CRET-VALUE";

/// The configuration of an account that may reach the broker.
pub(super) fn config(broker: &Broker) -> AccountConfig {
    AccountConfig {
        name: "a".into(),
        settings: Vec::new(),
        secrets: [("key".to_owned(), Secret::new(SECRET))].into(),
        grants: vec![Grant::origin(&broker.url).unwrap().with_private()],
        limits: Limits { cpu_ms: 50, single_write_budget_ms: 5_000, ..Limits::default() },
        poll: PollConfig { drive: Drive::Steps, ..PollConfig::default() },
        kv: Vec::new(),
        clock: ClockSource::Wall,
        log: None,
        confirm: Vec::new(),
        hook: None,
    }
}

/// An account under test.
pub(super) struct Stage {
    pub broker: Broker,
    pub account: AccountHandle,
    host: Host,
    events: Receiver<FromAccount>,
    lines: Receiver<LogLine>,
}

impl Stage {
    /// A hostile guest that may reach the broker.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with another configuration.
    pub(super) fn with(change: impl FnOnce(&mut AccountConfig)) -> Self {
        let broker = Broker::start();
        let url = broker.url.clone();
        Self::at(broker, Guest { url, ..Guest::default() }, change)
    }

    /// A guest that may write several times at once.
    pub(super) fn concurrent() -> Self {
        Self::concurrent_with(|_| {})
    }

    /// A guest that may write several times at once, with another configuration.
    pub(super) fn concurrent_with(change: impl FnOnce(&mut AccountConfig)) -> Self {
        let broker = Broker::start();
        let guest = Guest { url: broker.url.clone(), concurrent: true, ..Guest::default() };
        Self::at(broker, guest, change)
    }

    /// The same with a guest that asks another address.
    pub(super) fn with_url(url: &str, change: impl FnOnce(&mut AccountConfig)) -> Self {
        Self::at(Broker::start(), Guest { url: url.to_owned(), ..Guest::default() }, change)
    }

    /// A guest that streams from that server and greets it with this, under the account's own
    /// clock. What the server may be sent is `frames`; with `s` among them the socket ticks.
    pub(super) fn streaming(
        url: &str,
        hello: &str,
        frames: &[FrameRule],
        change: impl FnOnce(&mut AccountConfig),
    ) -> Self {
        let broker = Broker::start();
        let stream = Some((format!("{url}/stream"), hello.to_owned()));
        let ticks = frames.contains(&FrameRule::Text("s".to_owned()));
        let guest = Guest { url: broker.url.clone(), stream, ticks, ..Guest::default() };
        Self::at(broker, guest, |config| {
            let socket = Grant::origin(url).unwrap().with_private();
            config.grants.push(Grant { frames: frames.to_vec(), ..socket });
            config.poll = PollConfig { fills_ms: 2_000, ..PollConfig::default() };
            config.limits.messages_per_minute = 100_000;
            config.limits.reopen_ms = 10;
            change(config);
        })
    }

    fn at(broker: Broker, guest: Guest, change: impl FnOnce(&mut AccountConfig)) -> Self {
        Self::on(&Host::new().unwrap(), broker, &guest, change).unwrap()
    }

    /// An account of a host that has others.
    pub(super) fn on(
        host: &Host,
        broker: Broker,
        guest: &Guest,
        change: impl FnOnce(&mut AccountConfig),
    ) -> Result<Self, StartError> {
        let plugin = host.load(&guest.build(), "hostile").unwrap();
        let (log, lines) = bounded(1_024);
        let mut config = AccountConfig { log: Some(log), ..config(&broker) };
        change(&mut config);
        let (tell, events) = bounded(64);
        let account = AccountHandle::start(host, &plugin, config, tell)?;
        Ok(Self { broker, account, host: host.clone(), events, lines })
    }

    /// Another plugin for this account.
    pub(super) fn plugin(&self, change: impl FnOnce(&mut Guest)) -> Plugin {
        let url = self.broker.url.clone();
        let mut guest = Guest { url, note: "another", concurrent: true, ..Guest::default() };
        change(&mut guest);
        self.host.load(&guest.build(), "another").unwrap()
    }

    /// Waits for a candidate and gives the word.
    pub(super) fn let_swap(&self) {
        let began = Instant::now();
        while !self.account.swap_waits() {
            assert!(began.elapsed() < WAIT, "{:?}", self.account.plugins());
            std::thread::yield_now();
        }
        self.account.let_swap();
    }

    /// Waits for the end of a swap: which plugin runs, or why the other one goes on.
    pub(super) fn swapped(&self) -> Result<String, String> {
        self.wait(|event| match event {
            BrokerEvent::Swapped { text, .. } => Some(Ok(text)),
            BrokerEvent::SwapRefused { text } => Some(Err(text)),
            _ => None,
        })
    }

    /// Waits for a line of the log with these words.
    pub(super) fn line(&self, words: &str) -> String {
        let mut seen = Vec::new();
        let deadline = Instant::now() + WAIT;
        while let Ok(line) = self.lines.recv_deadline(deadline) {
            if line.message.contains(words) {
                return line.message;
            }
            seen.push(line.message);
        }
        panic!("no line with {words:?}: {seen:#?}");
    }

    /// Calls `cancel-order` with this order, and waits for the answer.
    pub(super) fn cancel(&self, order: &str) -> Answer {
        self.send(1, Urgency::Close, order);
        self.answer().1
    }

    /// Hands over `cancel-order` with this order; its op is the transaction's number.
    pub(super) fn send(&self, transaction: u64, urgency: Urgency, order: &str) {
        self.send_call(transaction, urgency, Call::Cancel { order: order.into() });
    }

    /// Hands over a call; its op is the transaction's number.
    pub(super) fn send_call(&self, transaction: u64, urgency: Urgency, call: Call) {
        let command = Command {
            account: "a".into(),
            transaction: TransactionId(transaction),
            op: transaction.to_string().into(),
            client_id: "c".into(),
            attempt: 1,
            urgency,
            call,
            gain: bracketd_core::Decimal::ZERO,
        };
        self.account.try_send(ToAccount::Write(command)).unwrap();
    }

    /// The next answer, with its op.
    pub(super) fn answer(&self) -> (String, Answer) {
        self.wait(|event| match event {
            BrokerEvent::Answer { op, answer } => Some((op.to_string(), answer)),
            _ => None,
        })
    }

    /// The answer to the op of that name; those before it are passed over.
    pub(super) fn answer_to(&self, wanted: &str) -> Answer {
        self.wait(|event| match event {
            BrokerEvent::Answer { op, answer } if op.as_str() == wanted => Some(answer),
            _ => None,
        })
    }

    /// Calls `get-order` with this order, and waits for the fault.
    pub(super) fn look_up(&self, order: &str) -> Fault {
        let read = Read::BrokerOrder { op: "op".into(), order: order.into() };
        self.account.try_send(ToAccount::Read(read, Urgency::Unprotected)).unwrap();
        let found = self.wait(|event| match event {
            BrokerEvent::LookedUp { found, .. } => Some(found),
            _ => None,
        });
        match found {
            Found::Failed(fault) => fault,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until nothing is in flight: it is counted down only after it was told.
    pub(super) fn settle(&self) {
        let began = Instant::now();
        while self.account.status().in_flight != 0 {
            assert!(began.elapsed() < WAIT, "something stays in flight");
            std::thread::yield_now();
        }
    }

    /// Reads a step of a tape, and answers what was told before its reply.
    pub(super) fn step(&self) -> Vec<BrokerEvent> {
        let (reply, replies) = bounded(1);
        self.account.poll_now(PollRequest::Step { reply }).unwrap();
        assert_eq!(replies.recv_timeout(WAIT).unwrap(), StepRead { fault: None });
        self.events.try_iter().map(|told| told.event).collect()
    }

    /// The next event that `pick` takes.
    pub(super) fn wait<T>(&self, pick: impl Fn(BrokerEvent) -> Option<T>) -> T {
        loop {
            let told = self.events.recv_timeout(WAIT).expect("the account tells something");
            if let Some(picked) = pick(told.event) {
                return picked;
            }
        }
    }
}
