//! Drives one transaction through a plugin against a running paper exchange: entry, fill, pair,
//! moved stop. `drive PLUGIN.wasm URL`, with the exchange of
//! `cargo run -p bracketd-exchange --example serve manual`.
//!
//! For trying out a plugin by hand; every step prints what the account told.

use std::time::{Duration, Instant};

use bracketd_account::{
    AccountConfig, AccountHandle, ClockSource, Grant, Host, Limits, PollConfig, Secret, ToAccount,
};
use bracketd_core::broker::{BrokerEvent, FromAccount};
use bracketd_core::command::{
    Answer, Bracket, BracketLeg, Call, Change, Command, NewOrder, Read, Urgency,
};
use bracketd_core::ids::TransactionId;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{OrderKind, OrderStatus, Side, TimeInForce};
use crossbeam_channel::Receiver;

type Failure = Box<dyn std::error::Error>;

struct Drive {
    account: AccountHandle,
    events: Receiver<FromAccount>,
    base_url: String,
    step: u32,
    run: String,
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (Some(wasm), Some(url)) = (args.next(), args.next()) else {
        return Err("usage: drive PLUGIN.wasm URL".into());
    };
    let host = Host::new()?;
    let began = Instant::now();
    let plugin = host.load(&std::fs::read(&wasm)?, &wasm)?;
    println!("{} compiled in {:?}, sha256 {}", plugin.name(), began.elapsed(), plugin.digest());
    let (tell, events) = crossbeam_channel::bounded(1_024);
    let account = AccountHandle::start(&host, &plugin, config(&url)?, tell)?;
    println!("info {:?}", account.info());
    let run = format!("{:x}", ClockSource::Wall.now_ns() / 1_000_000);
    let mut drive = Drive { account, events, base_url: url, step: 0, run };
    drive.go()?;
    println!("status {:?}", drive.account.status());
    Ok(())
}

fn config(url: &str) -> Result<AccountConfig, Failure> {
    let secrets = [("key_id", "PKTEST"), ("secret_key", "secret")];
    Ok(AccountConfig {
        name: "paper".into(),
        settings: vec![("base_url".to_owned(), url.to_owned())],
        secrets: secrets.map(|(n, v)| (n.to_owned(), Secret::new(v))).into(),
        grants: vec![Grant::origin(url)?.with_private()],
        limits: Limits { messages_per_minute: 100_000, ..Limits::default() },
        poll: PollConfig { fills_ms: 200, prices_ms: 200, ..PollConfig::default() },
        kv: Vec::new(),
        clock: ClockSource::Wall,
        log: None,
        confirm: Vec::new(),
        hook: None,
    })
}

impl Drive {
    fn go(&mut self) -> Result<(), Failure> {
        self.quote("101.00", "101.02")?;
        self.wait("up", |e| matches!(e, BrokerEvent::Up(_)))?;
        let read = Read::Instrument("AAPL".into());
        self.account.try_send(ToAccount::Read(read, Urgency::Read)).map_err(|_| "no room")?;
        self.wait("instrument", |e| matches!(e, BrokerEvent::Instrument(_)))?;
        self.account.try_send(ToAccount::Watch(vec!["AAPL".into()])).map_err(|_| "no room")?;
        self.wait("prices", |e| matches!(e, BrokerEvent::Quotes(_)))?;

        self.write(Urgency::Routine, Call::Submit(entry()?))?;
        self.wait_answer("entry")?;
        self.quote("99.90", "99.92")?;
        self.wait("fill", |e| matches!(e, BrokerEvent::Polled { fills, .. } if !fills.is_empty()))?;

        let legs = self.adjust(Vec::new(), set("95")?, set("110")?, Urgency::Unprotected)?;
        let legs = self.adjust(legs, set("97")?, Change::Keep, Urgency::Tighten)?;
        self.wait("stop seen", |e| {
            matches!(e, BrokerEvent::Polled { orders, .. }
                if orders.iter().any(|o| o.trigger == price("97").ok()
                    && o.status == OrderStatus::Held))
        })?;
        self.quote("96.00", "96.02")?;
        self.wait(
            "stopped",
            |e| matches!(e, BrokerEvent::Polled { fills, .. } if !fills.is_empty()),
        )?;
        println!("{} legs stood before the stop filled", legs.len());
        let since = bracketd_core::time::Timestamp(0);
        self.account
            .try_send(ToAccount::Read(Read::Picture { since }, Urgency::Read))
            .map_err(|_| "no room")?;
        self.wait("picture", |e| matches!(e, BrokerEvent::Picture(p) if p.complete))
    }

    fn adjust(
        &mut self,
        legs: Vec<BracketLeg>,
        stop: Change,
        target: Change,
        urgency: Urgency,
    ) -> Result<Vec<BracketLeg>, Failure> {
        let ten = Quantity::new(10.into()).ok_or("quantity")?;
        let bracket = Bracket {
            id: "1-0".to_owned(),
            symbol: "AAPL".into(),
            entry_side: Side::Buy,
            held: ten,
            protect: ten,
            legs,
            time_in_force: TimeInForce::Gtc,
            memo: Vec::new(),
        };
        self.write(urgency, Call::Adjust { bracket, stop, target })?;
        match self.wait_answer("adjust")? {
            Answer::Adjusted { legs, .. } => Ok(legs),
            other => Err(format!("{other:?}").into()),
        }
    }

    fn write(&mut self, urgency: Urgency, call: Call) -> Result<(), Failure> {
        self.step += 1;
        let id = format!("bd-{}-{}", self.run, self.step);
        let command = Command {
            account: "paper".into(),
            transaction: TransactionId(1),
            op: id.as_str().into(),
            client_id: id.as_str().into(),
            attempt: 1,
            urgency,
            call,
            gain: bracketd_core::Decimal::ZERO,
        };
        self.account.try_send(ToAccount::Write(command)).map_err(|_| "no room".into())
    }

    fn wait_answer(&self, what: &str) -> Result<Answer, Failure> {
        loop {
            if let BrokerEvent::Answer { answer, .. } = self.next(what)? {
                return Ok(answer);
            }
        }
    }

    fn wait(&self, what: &str, is: impl Fn(&BrokerEvent) -> bool) -> Result<(), Failure> {
        while !is(&self.next(what)?) {}
        Ok(())
    }

    fn next(&self, what: &str) -> Result<BrokerEvent, Failure> {
        let began = Instant::now();
        let got = self.events.recv_timeout(Duration::from_secs(10));
        let Ok(told) = got else {
            return Err(format!("{what}: nothing came; {:?}", self.account.status()).into());
        };
        println!("[{what} after {:?}] {:?}", began.elapsed(), told.event);
        Ok(told.event)
    }

    fn quote(&self, bid: &str, ask: &str) -> Result<(), Failure> {
        let body = format!(r#"{{"symbol":"AAPL","bid":"{bid}","ask":"{ask}"}}"#);
        ureq::post(format!("{}/admin/price", self.base_url))
            .header("APCA-API-KEY-ID", "PKTEST")
            .header("APCA-API-SECRET-KEY", "secret")
            .header("content-type", "application/json")
            .send(body)?;
        Ok(())
    }
}

fn entry() -> Result<NewOrder, Failure> {
    Ok(NewOrder {
        symbol: "AAPL".into(),
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Day,
        quantity: Quantity::new(10.into()).ok_or("quantity")?,
        limit: Some(price("100")?),
        trigger: None,
        take_profit: None,
        stop_loss: None,
        reduce_only: false,
    })
}

fn set(text: &str) -> Result<Change, Failure> {
    Ok(Change::Set(price(text)?))
}

fn price(text: &str) -> Result<Price, Failure> {
    Ok(Price::new(text.parse()?).ok_or("price")?)
}
