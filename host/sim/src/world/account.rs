//! One account between the daemon and its broker: what waits for its turn, and which goes next.
//!
//! Apart because this stands for the daemon's account threads: one call of a transaction at a
//! time, answers in no order among transactions, polls beside them. It decides nothing about
//! trading. How commands fare is in `command`, reads in `read`, prices in `price`.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::book::{AccountRules, OnBreached};
use bracketd_core::broker::{BrokerEvent, Fault as Word};
use bracketd_core::command::{Answer, Command, Read, Urgency};
use bracketd_core::ids::{AccountName, OpId, TransactionId};
use bracketd_core::pace::{Message, Pace, PaceRules, Ticket};
use bracketd_core::time::Timestamp;
use bracketd_engine::Input;
use bracketd_exchange::Rng;
use bracketd_exchange::book::OrderId;

use super::{What, World};
use crate::broker::{Broker, Capabilities, Cursor, instrument};
use crate::coverage::State;
use crate::fault::Fault;
use crate::market::Market;
use crate::stage::BEGIN;

/// Kinds of brokers that a history draws from; the common one more often.
const KINDS: [Capabilities; 10] = [
    Capabilities::ALPACA,
    Capabilities::ALPACA,
    Capabilities::ALPACA,
    Capabilities::PLAIN,
    Capabilities::LAGGING,
    Capabilities::IN_PLACE,
    Capabilities::ATTACHED,
    Capabilities::NO_REPLACE,
    Capabilities::LOOSE,
    Capabilities::NO_DEDUP,
];

/// A message that waits.
#[derive(Debug)]
pub(super) struct Errand {
    /// Since when it could have gone out.
    since: Timestamp,
    pub(super) body: Body,
}

/// What an account is asked to carry.
#[derive(Debug)]
pub(super) enum Body {
    Write(Box<Command>),
    Read(Box<Read>),
    Poll,
}

/// An account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: AccountName,
    /// Messages that the broker takes in a minute.
    per_minute: u32,
    pub(crate) broker: Broker,
    pub(crate) rules: AccountRules,
    /// Whether its broker can be reached.
    pub(crate) is_up: bool,
    /// Orders of somebody else.
    pub(crate) foreign: Vec<OrderId>,
    /// Whether somebody traded the symbols of this account beside us.
    pub(crate) touched: Vec<String>,
    /// Strangers took their own orders away.
    pub(crate) strangers_left: bool,
    pub(super) cursor: Cursor,
    /// Says which message goes next.
    pub(super) pace: Pace,
    /// What waits for its turn.
    pub(super) errands: BTreeMap<Ticket, Errand>,
    /// Transactions with a call under way: one at a time.
    busy: BTreeSet<TransactionId>,
    /// Until when the broker wants no message.
    pub(super) paused_until: Timestamp,
    /// Prices do not come until then.
    pub(super) silent_until: Timestamp,
}

impl Account {
    pub(super) fn drawn(no: usize, seed: u64, market: &Market, rng: &mut Rng) -> Self {
        let turn = usize::try_from(rng.below(KINDS.len() as u64)).unwrap_or(0);
        let caps = KINDS[turn];
        let rules = AccountRules {
            quote_age_ms_max: 15_000,
            stop_may_loosen: rng.below(3) > 0,
            on_breached: if rng.below(2) == 0 { OnBreached::Close } else { OnBreached::Alert },
            ..AccountRules::default()
        };
        // Some brokers take little.
        let per_minute = [200, 150, 100, 60][usize::try_from(rng.below(4)).unwrap_or(0)];
        Self {
            per_minute,
            name: AccountName::from(format!("account{no}")),
            broker: Broker::new(caps, seed + no as u64, &market.symbols(), BEGIN),
            rules,
            is_up: true,
            foreign: Vec::new(),
            touched: Vec::new(),
            strangers_left: false,
            cursor: Cursor::default(),
            pace: Pace::new(PaceRules::of(per_minute)),
            errands: BTreeMap::new(),
            busy: BTreeSet::new(),
            paused_until: BEGIN,
            silent_until: BEGIN,
        }
    }

    /// What it is, for people who read a trace.
    pub(super) fn words(&self) -> String {
        let (kind, per_minute) = (self.broker.caps.name, self.per_minute);
        format!("{}: {kind}, {per_minute} messages a minute, {:?}", self.name, self.rules)
    }

    pub(super) fn view(&self) -> super::AccountView {
        let may_loosen = self.rules.stop_may_loosen;
        let (caps, per_minute) = (self.broker.caps, self.per_minute);
        super::AccountView { name: self.name.clone(), caps, per_minute, may_loosen }
    }

    /// Calls that never left are forgotten with the daemon that wanted them; what it read so far
    /// is read again from a minute ago.
    pub(super) fn forget(&mut self) {
        self.errands.clear();
        self.busy.clear();
        self.pace = Pace::new(PaceRules::of(self.per_minute));
        self.cursor = self.broker.cursor_at(60_000);
    }
}

impl World<'_> {
    /// The account is connected.
    pub(super) fn connect(&mut self, no: usize) {
        let info = self.accounts[no].broker.caps.info();
        let ms = self.about(self.pace.way_ms);
        self.tell(no, ms, BrokerEvent::Up(info));
        for symbol in self.market.symbols() {
            self.tell(no, ms, BrokerEvent::Instrument(Box::new(instrument(symbol))));
        }
    }

    /// The account cannot be reached for a while.
    pub(super) fn away(&mut self, no: usize, ms: u64) {
        self.accounts[no].is_up = false;
        self.trace.note(self.now, "away", || format!("account{no} for {ms} ms"));
        self.oracle.reach(no, false, self.now);
        let fault = Word::new("MAINTENANCE", "the broker is not there");
        self.tell(no, 0, BrokerEvent::Down(fault));
        self.after(ms, What::Back(no));
    }

    pub(super) fn back(&mut self, no: usize) {
        if self.accounts[no].is_up {
            return;
        }
        self.accounts[no].is_up = true;
        self.oracle.reach(no, true, self.now);
        if self.daemon.engine.is_some() {
            self.connect(no);
        }
    }

    /// A command is handed to the account; whether there was room.
    pub(super) fn take(&mut self, no: usize, command: Command) {
        if self.faults.strikes(Fault::QueueFull) {
            self.coverage.saw(Fault::QueueFull, State::of_command(&command));
            let account = command.account.clone();
            let input = Input::NotTaken { account, op: command.op };
            self.after(0, What::Hear(self.daemon.life, Box::new(input)));
            return;
        }
        let what = Message::of(&command);
        self.admit(no, what, Body::Write(Box::new(command)));
    }

    pub(super) fn admit(&mut self, no: usize, what: Message, body: Body) {
        let now = self.now;
        let account = &mut self.accounts[no];
        let ticket = account.pace.admit(now, what);
        account.errands.insert(ticket, Errand { since: now, body });
        self.pump(no);
    }

    /// Lets go out what may, in the order of its urgency.
    pub(super) fn pump(&mut self, no: usize) {
        let now = self.now;
        loop {
            let account = &mut self.accounts[no];
            let Account { pace, errands, busy, .. } = account;
            let may = |ticket: Ticket, _: &Message| {
                errands.get(&ticket).is_some_and(|errand| match &errand.body {
                    Body::Write(command) => !busy.contains(&command.transaction),
                    Body::Read(_) | Body::Poll => true,
                })
            };
            let Some(grant) = pace.next_of(now, &may) else {
                let wake = pace.wake_at(now, &may);
                if let Some(at) = wake {
                    self.at(at.max(now.plus_ms(1)), What::Pump(no));
                }
                return;
            };
            let Some(errand) = account.errands.remove(&grant.ticket) else { continue };
            self.waited(no, &errand);
            if grant.message.urgency == Urgency::Unprotected {
                self.oracle.urgent(no, now);
            }
            match errand.body {
                Body::Write(command) => {
                    self.accounts[no].busy.insert(command.transaction);
                    self.send(no, *command);
                }
                Body::Read(read) => {
                    let way = self.about(self.pace.way_ms);
                    self.after(way, What::Read(no, read));
                }
                Body::Poll => self.read_changes(no),
            }
        }
    }

    /// A stop that went missing must not wait behind an older message of its own transaction.
    pub(super) fn raise(&mut self, raised: &[(AccountName, TransactionId, Urgency)]) {
        for (account, id, urgency) in raised {
            if let Some(account) = self.accounts.iter_mut().find(|a| a.name == *account) {
                account.pace.raise(*id, *urgency);
            }
        }
    }

    /// What was decided on what is not so any more is not sent, and told so.
    pub(super) fn take_back(&mut self, overtaken: &[(AccountName, OpId)]) {
        for (name, op) in overtaken {
            let Some(no) = self.accounts.iter().position(|a| a.name == *name) else { continue };
            let account = &self.accounts[no];
            let is_meant = |errand: &Errand| matches!(&errand.body, Body::Write(c) if c.op == *op);
            let meant = account.errands.iter().filter(|(_, errand)| is_meant(errand));
            let tickets: Vec<Ticket> = meant.map(|(ticket, _)| *ticket).collect();
            for ticket in tickets {
                self.accounts[no].pace.withdraw(ticket);
                let errand = self.accounts[no].errands.remove(&ticket);
                let Some(Body::Write(command)) = errand.map(|errand| errand.body) else { continue };
                let fault = Word::new("TAKEN_BACK", "it was taken back before it was sent");
                let (op, answer) = (command.op, Answer::NotSent { fault, after_ms: 1 });
                self.trace.note(self.now, "taken", || op.to_string());
                self.tell(no, 0, BrokerEvent::Answer { op, answer });
            }
        }
    }

    /// What protects goes first, whatever the budget (S13).
    fn waited(&mut self, no: usize, errand: &Errand) {
        let Body::Write(command) = &errand.body else { return };
        let account = &self.accounts[no];
        let since = errand.since.max(account.paused_until);
        self.oracle.waited(command, since, self.now);
    }

    /// The call of a transaction is over: its next one may go out.
    pub(super) fn next_of(&mut self, no: usize, transaction: TransactionId) {
        let now = self.now;
        let account = &mut self.accounts[no];
        account.busy.remove(&transaction);
        for errand in account.errands.values_mut() {
            let same = matches!(&errand.body, Body::Write(c) if c.transaction == transaction);
            if same {
                errand.since = now;
            }
        }
        self.pump(no);
    }

    /// The broker's clock is the world's.
    pub(super) fn sync(&mut self, no: usize) {
        self.accounts[no].broker.now = self.now;
    }

    /// The judge looks at the broker's ledger after each change.
    pub(super) fn broker_changed(&mut self, no: usize) {
        self.oracle.broker_changed(no, &self.accounts[no], self.now);
    }
}
