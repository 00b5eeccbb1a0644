//! An account with a held position and its pair, whose stop is moved.
//!
//! Apart because it takes the place of the engine: it makes commands and waits for their answers.

use std::time::Duration;

use bracketd_account::{
    AccountConfig, AccountHandle, ClockSource, Grant, Host, Limits, Plugin, PollConfig, Secret,
    ToAccount,
};
use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, FromAccount};
use bracketd_core::command::{
    Answer, Bracket, BracketLeg, Call, Change, Command, How, NewOrder, Read, Urgency,
};
use bracketd_core::ids::TransactionId;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{OrderKind, Role, Side, TimeInForce};
use crossbeam_channel::Receiver;

pub(super) type Failure = Box<dyn std::error::Error>;

pub(super) const KEY: &str = "PKTEST";
pub(super) const SECRET: &str = "secret";
const SYMBOL: &str = "AAPL";

/// The account, and the legs as they are.
pub(super) struct Desk {
    account: AccountHandle,
    events: Receiver<FromAccount>,
    legs: Vec<BracketLeg>,
    step: u32,
    run: u64,
}

/// An account at the exchange; polls are as seldom as they may be.
pub(super) fn config(name: &str, url: &str) -> Result<AccountConfig, Failure> {
    let secrets = [("key_id", KEY), ("secret_key", SECRET)];
    Ok(AccountConfig {
        name: name.into(),
        settings: vec![("base_url".to_owned(), url.to_owned())],
        secrets: secrets.map(|(n, v)| (n.to_owned(), Secret::new(v))).into(),
        grants: vec![Grant::origin(url)?.with_private()],
        limits: Limits { messages_per_minute: 1_000_000, ..Limits::default() },
        poll: PollConfig { fills_ms: 2_000, ..PollConfig::default() },
        kv: Vec::new(),
        clock: ClockSource::Wall,
        log: None,
        confirm: Vec::new(),
        hook: None,
    })
}

impl Desk {
    /// Buys ten and protects them.
    pub(super) fn open(host: &Host, plugin: &Plugin, url: &str) -> Result<Self, Failure> {
        ureq::post(format!("{url}/admin/price"))
            .header("APCA-API-KEY-ID", KEY)
            .header("APCA-API-SECRET-KEY", SECRET)
            .header("content-type", "application/json")
            .send(format!(r#"{{"symbol":"{SYMBOL}","bid":"100.00","ask":"100.02"}}"#))?;
        let (tell, events) = crossbeam_channel::bounded(10_000);
        let account = AccountHandle::start(host, plugin, config("moved", url)?, tell)?;
        let run = ClockSource::Wall.now_ns() / 1_000_000;
        let mut desk = Self { account, events, legs: Vec::new(), step: 0, run };
        desk.wait(|event| matches!(event, BrokerEvent::Up(_)))?;
        let read = ToAccount::Read(Read::Instrument(SYMBOL.into()), Urgency::Read);
        desk.account.try_send(read).map_err(|_| "no room")?;
        desk.wait(|event| matches!(event, BrokerEvent::Instrument(_)))?;
        desk.write(Call::Submit(entry()?))?;
        desk.answer()?;
        desk.wait(|e| matches!(e, BrokerEvent::Polled { fills, .. } if !fills.is_empty()))?;
        desk.adjust("95", Change::Set(price("110")?))?;
        Ok(desk)
    }

    /// The broker's id of the stop.
    pub(super) fn stop_id(&self) -> Result<&str, Failure> {
        let stop = self.legs.iter().find(|leg| leg.role == Role::Stop).ok_or("no stop")?;
        Ok(stop.broker_id.as_str())
    }

    /// Moves it through the account: one command, one answer.
    pub(super) fn move_stop(&mut self, to: &str) -> Result<(), Failure> {
        match self.adjust(to, Change::Keep)? {
            How::ReplacedInPlace => Ok(()),
            other => Err(format!("not moved in place: {other:?}").into()),
        }
    }

    fn adjust(&mut self, stop: &str, target: Change) -> Result<How, Failure> {
        let ten = ten()?;
        let bracket = Bracket {
            id: "1-0".to_owned(),
            symbol: SYMBOL.into(),
            entry_side: Side::Buy,
            held: ten,
            protect: ten,
            legs: self.legs.clone(),
            time_in_force: TimeInForce::Gtc,
            memo: Vec::new(),
        };
        self.write(Call::Adjust { bracket, stop: Change::Set(price(stop)?), target })?;
        match self.answer()? {
            Answer::Adjusted { legs, how, .. } => {
                self.legs = legs;
                Ok(how)
            }
            other => Err(format!("{other:?}").into()),
        }
    }

    fn write(&mut self, call: Call) -> Result<(), Failure> {
        self.step += 1;
        let id = format!("bd-{:x}-{}", self.run, self.step);
        let command = Command {
            account: "moved".into(),
            transaction: TransactionId(1),
            op: id.as_str().into(),
            client_id: id.as_str().into(),
            attempt: 1,
            urgency: Urgency::Tighten,
            call,
            gain: Decimal::ZERO,
        };
        self.account.try_send(ToAccount::Write(command)).map_err(|_| "no room".into())
    }

    fn answer(&self) -> Result<Answer, Failure> {
        loop {
            if let BrokerEvent::Answer { answer, .. } = self.next()? {
                return Ok(answer);
            }
        }
    }

    fn wait(&self, is: impl Fn(&BrokerEvent) -> bool) -> Result<(), Failure> {
        while !is(&self.next()?) {}
        Ok(())
    }

    fn next(&self) -> Result<BrokerEvent, Failure> {
        let got = self.events.recv_timeout(Duration::from_secs(10));
        let told = got.map_err(|_| format!("nothing came: {:?}", self.account.status()))?;
        Ok(told.event)
    }
}

fn entry() -> Result<NewOrder, Failure> {
    Ok(NewOrder {
        symbol: SYMBOL.into(),
        side: Side::Buy,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Day,
        quantity: ten()?,
        limit: None,
        trigger: None,
        take_profit: None,
        stop_loss: None,
        reduce_only: false,
    })
}

fn ten() -> Result<Quantity, Failure> {
    Ok(Quantity::new(Decimal::TEN).ok_or("quantity")?)
}

fn price(text: &str) -> Result<Price, Failure> {
    Ok(Price::new(text.parse()?).ok_or("price")?)
}
