//! One account between the daemon and its broker: the way of commands and reads, and what befalls
//! them on it.
//!
//! Apart because this stands for the daemon's account threads: one call of a transaction at a
//! time, answers in no order among transactions, polls beside them. It decides nothing about
//! trading.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::Decimal;
use bracketd_core::book::{AccountRules, OnBreached};
use bracketd_core::broker::{BrokerEvent, Fault as Word, Found, Quote};
use bracketd_core::command::{Answer, Command, Read, Urgency};
use bracketd_core::ids::{AccountName, TransactionId};
use bracketd_core::money::Price;
use bracketd_core::order::Role;
use bracketd_core::pace::{Message, Pace, PaceRules, Ticket};
use bracketd_core::plan::urgency_of;
use bracketd_core::time::Timestamp;
use bracketd_engine::Input;
use bracketd_exchange::Rng;
use bracketd_exchange::book::OrderId;

use super::{Effect, What, World};
use crate::broker::{Broker, Capabilities, Cursor, instrument};
use crate::coverage::State;
use crate::fault::Fault;
use crate::market::Market;
use crate::stage::BEGIN;

/// Within this a write is waited for, whatever look-ups say.
const SETTLE_MS: u64 = 5_000;
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
struct Errand {
    /// Since when it could have gone out.
    since: Timestamp,
    body: Body,
}

#[derive(Debug)]
enum Body {
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
    cursor: Cursor,
    /// Says which message goes next.
    pace: Pace,
    /// What waits for its turn.
    errands: BTreeMap<Ticket, Errand>,
    /// Transactions with a call under way: one at a time.
    busy: BTreeSet<TransactionId>,
    /// Until when the broker wants no message.
    paused_until: Timestamp,
    /// Prices do not come until then.
    silent_until: Timestamp,
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

    fn admit(&mut self, no: usize, what: Message, body: Body) {
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

    /// What protects goes first, whatever the budget (S13).
    fn waited(&mut self, no: usize, errand: &Errand) {
        let Body::Write(command) = &errand.body else { return };
        let account = &self.accounts[no];
        let since = errand.since.max(account.paused_until);
        let most_ms = 2_000 + 15 * 60_000 / u64::from(account.per_minute);
        self.oracle.waited(command, since, most_ms, self.now);
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

    /// A command leaves, and its fate is drawn.
    fn send(&mut self, no: usize, command: Command) {
        let (state, transaction) = (State::of_command(&command), command.transaction);
        let there = self.about(self.pace.way_ms);
        let timeout = self.pace.timeout_ms.max(there + 1);
        let (op, life) = (command.op.clone(), self.daemon.life);
        let mut over_after = timeout;
        let fate = self.fate(no, &command);
        self.trace.note(self.now, "send", || {
            format!("{} {} as {:?}: {}", command.transaction, command.op, fate, words(&command))
        });
        if let Some(fault) = fate {
            self.coverage.saw(fault, state);
            self.oracle.saw(fault);
        }
        let unheard = |word| BrokerEvent::Answer { op: op.clone(), answer: Self::unknown(word) };
        let arrives = |effect| What::Arrive(no, Box::new(command.clone()), effect);
        match fate {
            Some(Fault::Lost) => self.tell(no, timeout, unheard("no answer")),
            Some(Fault::Unheard) => {
                self.after(there, arrives(Effect::Silent));
                self.tell(no, timeout, unheard("no answer"));
            }
            Some(Fault::Late) => {
                let late = self.lateness(no);
                if timeout + late + 500 > SETTLE_MS {
                    self.oracle.comes_very_late(&command.op);
                }
                self.after(timeout + late, arrives(Effect::Silent));
                self.tell(no, timeout, unheard("no answer"));
            }
            Some(Fault::Trap) => {
                over_after = there;
                match self.faults.below(Fault::Trap, 3) {
                    0 => {
                        let fault = Word::new("TRAP", "the plugin died before it wrote");
                        let answer = Answer::NotSent { fault, after_ms: 500 };
                        self.tell(no, there, BrokerEvent::Answer { op, answer });
                    }
                    1 => self.tell(no, there, unheard("the plugin died, nothing arrived")),
                    _ => {
                        self.after(there, arrives(Effect::Silent));
                        self.tell(no, there + 1, unheard("the plugin died, it arrived"));
                    }
                }
            }
            Some(Fault::Refused) => {
                over_after = there * 2;
                let fault = Word::new("RATE_LIMITED", "later");
                let after_ms = 200 + self.faults.below(Fault::Refused, 3_000);
                if self.faults.below(Fault::Refused, 2) == 0 {
                    let now = self.now;
                    let account = &mut self.accounts[no];
                    account.pace.limited(now, Some(after_ms));
                    self.trace.note(now, "limited", || format!("account{no} for {after_ms} ms"));
                    account.paused_until = account.paused_until.max(now.plus_ms(after_ms));
                    self.oracle.limited(no, account.paused_until);
                }
                let answer = Answer::NotSent { fault, after_ms };
                self.tell(no, over_after, BrokerEvent::Answer { op, answer });
            }
            Some(Fault::ErrorButDone) => self.after(there, arrives(Effect::Denied)),
            Some(Fault::Duplicated) => self.after(there, arrives(Effect::Twice)),
            _ => {
                over_after = there * 2;
                self.after(there, arrives(Effect::Answered));
            }
        }
        debug_assert_eq!(life, self.daemon.life, "nobody dies while a command leaves");
        self.after(over_after, What::Free(no, transaction));
    }

    fn fate(&mut self, no: usize, command: &Command) -> Option<Fault> {
        let state = State::of_command(command);
        if !self.accounts[no].is_up {
            return Some(Fault::Refused);
        }
        // A broker that takes a new order says so; its lies are about changes (trade-api-python 306).
        let lies = matches!(state, State::Freeing | State::Canceling) || is_patch(command);
        let fates = [
            Fault::Lost,
            Fault::Unheard,
            Fault::Late,
            Fault::Trap,
            Fault::Refused,
            Fault::ErrorButDone,
            Fault::Duplicated,
        ];
        let strikes =
            |fault: &Fault| (*fault != Fault::ErrorButDone || lies) && self.faults.strikes(*fault);
        fates.into_iter().find(strikes)
    }

    /// How long after its timeout a late command arrives. Where the broker refuses a client id
    /// that it knows, it may be any time; elsewhere no protocol could tell.
    fn lateness(&mut self, no: usize) -> u64 {
        let unique = self.accounts[no].broker.caps.unique_ids;
        let long = unique && self.faults.below(Fault::Late, 4) == 0;
        self.faults.below(Fault::Late, if long { 20_000 } else { 1_800 })
    }

    /// A command is at the broker.
    pub(super) fn arrive(&mut self, no: usize, command: &Command, effect: Effect) {
        self.sync(no);
        let slow = self.faults.strikes(Fault::SlowCancel);
        let stuck = self.faults.strikes(Fault::StuckCancel);
        let state = State::of_command(command);
        let cancel_ms = match (stuck, slow) {
            (true, _) => 20_000 + self.faults.below(Fault::StuckCancel, 40_000),
            (_, true) => 50 + self.faults.below(Fault::SlowCancel, 3_000),
            _ => 0,
        };
        self.accounts[no].broker.cancel_ms = cancel_ms;
        let answer = self.accounts[no].broker.call(command);
        self.after_cancel(no, stuck, slow, state);
        self.trace.note(self.now, "arrive", || format!("{} {}", command.op, brief(&answer)));
        self.broker_changed(no);
        let way = self.about(self.pace.way_ms);
        let op = command.op.clone();
        let told = |answer| BrokerEvent::Answer { op: op.clone(), answer };
        match effect {
            Effect::Silent => {}
            Effect::Answered => self.tell(no, way, told(answer)),
            Effect::Denied => {
                let fault = Word::new("REJECTED", "the broker says no, and did it");
                self.tell(no, way, told(Answer::Rejected(fault)));
            }
            Effect::Twice => {
                self.tell(no, way, told(answer.clone()));
                let later = self.about(2_000);
                self.tell(no, way + later, told(answer));
            }
        }
    }

    fn after_cancel(&mut self, no: usize, stuck: bool, slow: bool, state: State) {
        let Some(at) = self.accounts[no].broker.next_cancel() else { return };
        if stuck || slow {
            let fault = if stuck { Fault::StuckCancel } else { Fault::SlowCancel };
            if matches!(state, State::Freeing | State::Canceling | State::Moving) {
                self.coverage.saw(fault, state);
                self.oracle.saw(fault);
            }
        }
        self.at(at, What::Cancels(no));
    }

    pub(super) fn settle_cancels(&mut self, no: usize) {
        self.sync(no);
        self.accounts[no].broker.settle_cancels();
        self.broker_changed(no);
    }

    pub(super) fn free_cancels(&mut self, no: usize) {
        self.sync(no);
        self.accounts[no].broker.free_cancels();
        self.broker_changed(no);
    }

    /// The broker's clock is the world's.
    pub(super) fn sync(&mut self, no: usize) {
        self.accounts[no].broker.now = self.now;
    }

    /// The judge looks at the broker's ledger after each change.
    pub(super) fn broker_changed(&mut self, no: usize) {
        self.oracle.broker_changed(no, &self.accounts[no], self.now);
    }

    /// A read is asked for.
    pub(super) fn ask(&mut self, no: usize, read: Read) {
        let name = self.accounts[no].name.clone();
        let book = self.daemon.engine.as_ref().map(bracketd_engine::Engine::book);
        let urgency = book.map_or(Urgency::Read, |book| urgency_of(book, &name, &read));
        self.admit(no, Message::new(urgency), Body::Read(Box::new(read)));
    }

    /// A read is at the broker.
    pub(super) fn read(&mut self, no: usize, read: &Read) {
        self.sync(no);
        let way = self.about(self.pace.way_ms);
        let fails = !self.accounts[no].is_up || self.strikes(Fault::Partial);
        let stale = self.strikes(Fault::Stale);
        let older_ms = if stale { self.faults.below(Fault::Stale, 4_000) } else { 0 };
        let event = if fails {
            failed(read, &self.accounts[no].broker, self.now)
        } else {
            self.accounts[no].broker.read(read, older_ms)
        };
        let Some(event) = event else { return };
        self.trace.note(self.now, "read", || format!("{read:?} -> {event:?}"));
        let children =
            if fails { Vec::new() } else { self.accounts[no].broker.children(read, older_ms) };
        if !children.is_empty() {
            self.tell(no, way, BrokerEvent::Polled { orders: children, fills: Vec::new() });
        }
        if self.accounts[no].is_up || !matches!(event, BrokerEvent::Picture(_)) {
            self.tell(no, way, event);
        }
    }

    fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = self.faults.strikes(fault);
        if strikes {
            self.saw_all(fault);
        }
        strikes
    }

    /// The account's pulse: what changed is told, unless it is lost on the way.
    pub(super) fn poll(&mut self, no: usize) {
        self.after(self.pace.poll_ms, What::Poll(no));
        let waits = self.accounts[no].errands.values().any(|e| matches!(e.body, Body::Poll));
        if self.daemon.engine.is_some() && self.accounts[no].is_up && !waits {
            self.admit(no, Message::new(Urgency::Pulse), Body::Poll);
        }
    }

    fn read_changes(&mut self, no: usize) {
        if self.daemon.engine.is_none() || !self.accounts[no].is_up {
            return;
        }
        self.sync(no);
        let stale = self.strikes(Fault::Stale);
        let older_ms = if stale { self.faults.below(Fault::Stale, 3_000) } else { 0 };
        let account = &mut self.accounts[no];
        let (orders, fills) = account.broker.poll(&mut account.cursor, older_ms);
        self.trace.note(self.now, "poll", || {
            let states = orders.iter().map(|o| format!(" {} {}", o.broker_id, o.status.as_str()));
            format!("account{no}, {older_ms} ms old:{}", states.collect::<String>())
        });
        if orders.is_empty() && fills.is_empty() {
            return;
        }
        let mut way = self.about(self.pace.way_ms);
        if self.strikes(Fault::Missing) {
            return;
        }
        if self.strikes(Fault::Reordered) {
            way += self.pace.poll_ms + self.faults.below(Fault::Reordered, 3_000);
        }
        let event = BrokerEvent::Polled { orders, fills };
        if self.faults.strikes(Fault::Duplicated) {
            let again = way + self.faults.below(Fault::Duplicated, 4_000);
            self.tell(no, again, event.clone());
        }
        self.tell(no, way, event);
    }

    /// A complete read that comes by itself now and then.
    pub(super) fn unasked_picture(&mut self, no: usize) {
        self.after(self.pace.picture_ms, What::Picture(no));
        if self.daemon.engine.is_some() && self.accounts[no].is_up {
            self.ask(no, Read::Picture { since: BEGIN });
        }
    }

    /// Prices at the broker.
    pub(super) fn move_prices(&mut self, no: usize) {
        self.sync(no);
        for at in 0..self.market.tickers.len() {
            let ticker = &self.market.tickers[at];
            let broker = &mut self.accounts[no].broker;
            let units = if ticker.halted > 0 { Some(0) } else { ticker.liquidity };
            // The symbols were listed at the start.
            let _known = broker.book.set_max_fill_per_step(ticker.symbol, units.map(Decimal::from));
            let (bid, ask) = ticker.quote();
            broker.price(ticker.symbol, bid, ask);
        }
        self.broker_changed(no);
    }

    /// Prices as the daemon reads them.
    pub(super) fn tell_prices(&mut self, no: usize) {
        let is_over = self.is_calm && self.now >= self.quiet_from;
        if self.daemon.engine.is_none() || !self.accounts[no].is_up || is_over {
            return;
        }
        if self.strikes(Fault::StaleQuote) {
            let ms = 500 + self.faults.below(Fault::StaleQuote, 20_000);
            self.accounts[no].silent_until = self.now.plus_ms(ms);
        }
        if self.now < self.accounts[no].silent_until && !self.is_calm {
            return;
        }
        let at = self.daemon.time(self.now);
        let quotes = self.market.tickers.iter().map(|ticker| {
            let (bid, ask) = ticker.quote();
            let symbol = ticker.symbol.into();
            Quote { symbol, bid: Price::new(bid), ask: Price::new(ask), last: None, at }
        });
        let quotes = quotes.collect();
        self.tell(no, 0, BrokerEvent::Quotes(quotes));
    }
}

/// Whether an adjustment only changes what rests.
fn is_patch(command: &Command) -> bool {
    use bracketd_core::command::{Call, Change};
    let Call::Adjust { bracket, stop, target } = &command.call else { return false };
    let rests = |role| bracket.legs.iter().any(|leg| leg.role == role);
    let fits = |change: &Change, role| !matches!(change, Change::Set(_)) || rests(role);
    !bracket.legs.is_empty() && fits(stop, Role::Stop) && fits(target, Role::Target)
}

/// What a read comes to that fails or shows a part.
fn failed(read: &Read, broker: &Broker, now: Timestamp) -> Option<BrokerEvent> {
    let fault = || Word::new("UNAVAILABLE", "the read failed");
    match read {
        Read::Order { op, .. } | Read::BrokerOrder { op, .. } | Read::Bracket { op, .. } => {
            Some(BrokerEvent::LookedUp { op: op.clone(), found: Found::Failed(fault()) })
        }
        Read::Picture { .. } => {
            let mut picture = broker.picture(0);
            let half = picture.orders.len() / 2;
            picture.orders.truncate(half);
            picture.positions.clear();
            picture.complete = false;
            picture.as_of = now;
            Some(BrokerEvent::Picture(picture))
        }
        Read::Refresh { .. } | Read::Instrument(_) | Read::Bars { .. } => None,
    }
}

/// A command in a few words.
fn words(command: &Command) -> String {
    use bracketd_core::command::Call;
    match &command.call {
        Call::Submit(o) => {
            let limit = o.limit.map_or("market".to_owned(), |p| p.to_string());
            let carries = (o.stop_loss, o.take_profit);
            format!("{:?} {} {} @ {limit} carries {carries:?}", o.side, o.quantity, o.symbol)
        }
        Call::Cancel { order } => format!("cancel {order}"),
        Call::Adjust { bracket, stop, target } => {
            format!("adjust {} x{} stop {stop:?} target {target:?}", bracket.id, bracket.protect)
        }
    }
}

fn brief(answer: &Answer) -> String {
    match answer {
        Answer::Adjusted { legs, how, progress, .. } => {
            format!("{how:?} {progress:?}, {} legs", legs.len())
        }
        Answer::Placed { order, progress } => {
            let id = order.as_ref().map(|order| order.broker_id.to_string());
            format!("placed {} {progress:?}", id.unwrap_or_default())
        }
        Answer::Rejected(fault) => format!("rejected {}: {}", fault.code, fault.message),
        Answer::NotSent { fault, .. } => format!("not sent {}", fault.code),
        Answer::Unknown(fault) => format!("unknown {}", fault.code),
    }
}
