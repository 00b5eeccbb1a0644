//! One account under test: a broker, a bad network before it, and the real account host.
//!
//! Apart because every row has one of its own: what one row breaks, no other row sees.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bracketd_account::{
    AccountConfig, AccountHandle, ClockSource, Drive, Grant, Limits, LogLine, PollConfig,
    PollRequest, Secret, ToAccount,
};
use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, FromAccount};
use bracketd_core::command::{Answer, Bracket, BracketLeg, Call, Command, Read, Urgency};
use bracketd_core::ids::{ClientOrderId, Symbol, TransactionId};
use bracketd_core::instrument::{AccountInfo, Features};
use crossbeam_channel::{Receiver, bounded};

use crate::book::Book;
use crate::broker::Broker;
use crate::network::Network;
use crate::row::Stop;
use crate::socket::Wire;
use crate::watch::{Aim, Heard, Watch, With};
use crate::{Kit, Retired, Told};

/// What a call may take; the rows with a broker that hangs wait so long.
pub(crate) const BUDGET_MS: u32 = 600;
/// Of a write, with the time that it may go on without its guest.
const HARD_MS: u32 = 900;
/// Longest wait for anything; only a broken host or plugin waits so long.
const WAIT: Duration = Duration::from_secs(10);
/// First pause before a socket is opened again.
const REOPEN_MS: u64 = 20;
/// Where the setting for a socket points in rows without one; nothing is ever opened there.
const NO_SOCKET: &str = "ws://127.0.0.1:9";
/// Messages of an account that wait to be heard.
const EVENTS: usize = 4_096;

/// One account under test.
pub(crate) struct Desk {
    pub(crate) broker: Arc<Broker>,
    pub(crate) network: Arc<Network>,
    pub(crate) account: Arc<AccountHandle>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) events: Receiver<FromAccount>,
    pub(crate) symbol: Symbol,
    /// Added to the machine's clock, in milliseconds: what only waits for time does not wait.
    pub(crate) ahead_ms: Arc<AtomicU64>,
    pub(crate) told_of: Arc<Told>,
    retired: Retired,
    ids: Ids,
}

/// Client order ids that the account takes.
struct Ids {
    row: u64,
    next: u64,
    last: ClientOrderId,
    chars: Vec<char>,
    longest: usize,
}

impl Desk {
    /// A fresh broker and an account that is connected with every instance.
    pub(crate) fn open(kit: &Kit) -> Result<Self, Stop> {
        let desk = Self::start(kit, None)?;
        let readers = 2;
        let writers = match desk.account.info().features.has(Features::CONCURRENT_WRITES) {
            true => bracketd_account::WRITE_INSTANCES,
            // The others connect when they are needed.
            false => 1,
        };
        let wanted = readers + writers;
        desk.until("every instance connects", || desk.watch.count("connect") >= wanted)?;
        let failed = desk.watch.take_heard().into_iter().find(|heard| {
            heard.export == "connect" && heard.word != bracketd_account::Word::Success
        });
        match failed {
            None => Ok(desk),
            Some(heard) => Err(Stop::fails("connect succeeds", heard.shown(), "connect")),
        }
    }

    /// The same while `connect` meets a fault.
    pub(crate) fn start(kit: &Kit, aim: Option<Aim>) -> Result<Self, Stop> {
        let broker = Broker::fresh(kit.broker.as_deref())?;
        Self::over(kit, broker, aim, |_, _| Ok(()))
    }

    /// An account on its own clock whose sockets go through that wire, with the lines of its log.
    pub(crate) fn streaming(kit: &Kit) -> Result<(Self, Wire, Receiver<LogLine>), Stop> {
        let broker = Broker::fresh(kit.broker.as_deref())?;
        let wire =
            Wire::before(broker.url()).map_err(|why| Stop::broken(format!("no socket: {why}")))?;
        let url = wire.url();
        let (log, lines) = bounded(EVENTS);
        let desk = Self::over(kit, broker, None, |kit, config| {
            for (_, value) in &mut config.settings {
                *value = value.replace(NO_SOCKET, &url);
            }
            let mut grant = Grant::origin(&url).map_err(Stop::broken)?.with_private();
            grant.frames.clone_from(&kit.frames);
            config.grants.insert(0, grant);
            config.limits.reopen_ms = REOPEN_MS;
            config.poll = PollConfig { prices_ms: 60_000, ..PollConfig::default() };
            config.log = Some(log);
            Ok(())
        })?;
        Ok((desk, wire, lines))
    }

    fn over(
        kit: &Kit,
        broker: Broker,
        aim: Option<Aim>,
        change: impl FnOnce(&Kit, &mut AccountConfig) -> Result<(), Stop>,
    ) -> Result<Self, Stop> {
        kit.bury();
        let symbol = Symbol::new(&kit.symbol);
        broker.price(symbol.as_str(), "100.00", "100.02")?;
        let network = Network::before(broker.url())
            .map_err(|why| Stop::broken(format!("no network: {why}")))?;
        let network = Arc::new(network);
        let watch = Watch::new(kit.costs.clone(), kit.reads.clone());
        watch.over(&network);
        match aim {
            // Before the first instance connects, so that none finds somebody.
            Some(aim) if aim.with == With::Down => network.go_down(),
            aim => watch.aim(aim),
        }
        let ahead_ms = Arc::new(AtomicU64::new(0));
        let mut config = config(kit, &network, &watch, &ahead_ms)?;
        change(kit, &mut config)?;
        let (tell, events) = bounded(EVENTS);
        let account = AccountHandle::start(&kit.host, &kit.plugin, config, tell)
            .map_err(|why| Stop::fails("the account starts", why.to_string(), "describe"))?;
        let account = Arc::new(account);
        watch.may_swap(&account);
        kit.told.info.get_or_init(|| account.info());
        let ids = Ids::of(&account.info(), kit.next_row());
        let broker = Arc::new(broker);
        let (told_of, retired) = (kit.told.clone(), kit.retired.clone());
        Ok(Self {
            told_of,
            retired,
            broker,
            network,
            account,
            watch,
            events,
            symbol,
            ahead_ms,
            ids,
        })
    }

    /// An id that was never used.
    pub(crate) fn id(&mut self) -> ClientOrderId {
        self.ids.draw()
    }

    /// The id that was drawn last.
    pub(crate) fn last_id(&self) -> ClientOrderId {
        self.ids.last.clone()
    }

    /// Carries a call out under a fresh id.
    pub(crate) fn write(&mut self, call: Call) -> Result<Answer, Stop> {
        let id = self.id();
        self.write_as(&id, 1, call)
    }

    /// Carries a call out under that id.
    pub(crate) fn write_as(
        &self,
        id: &ClientOrderId,
        attempt: u32,
        call: Call,
    ) -> Result<Answer, Stop> {
        let command = Command {
            account: "kit".into(),
            transaction: TransactionId(1),
            op: id.as_str().into(),
            client_id: id.clone(),
            attempt,
            urgency: Urgency::Close,
            call,
            gain: Decimal::ZERO,
        };
        self.hand_over(ToAccount::Write(command))?;
        self.wait("the answer of a command", |event| match event {
            BrokerEvent::Answer { answer, .. } => Some(answer),
            _ => None,
        })
    }

    /// Asks for a read and gives everything that was told until it was answered.
    pub(crate) fn read(&self, read: Read) -> Result<Vec<BrokerEvent>, Stop> {
        drop(self.told());
        self.hand_over(ToAccount::Read(read, Urgency::Unprotected))?;
        self.until("a read is answered", || self.account.status().in_flight == 0)?;
        Ok(self.told())
    }

    /// Reads prices, orders and fills once; gives what was told. The error is the fault.
    pub(crate) fn poll(&self) -> Result<Vec<BrokerEvent>, Stop> {
        drop(self.told());
        match self.step()? {
            None => Ok(self.told()),
            Some(why) => Err(Stop::fails("a poll that succeeds", why, "poll")),
        }
    }

    /// Reads prices, orders and fills once; gives why that failed.
    pub(crate) fn step(&self) -> Result<Option<String>, Stop> {
        let (reply, replied) = bounded(1);
        if self.account.poll_now(PollRequest::Step { reply }).is_err() {
            return Err(Stop::broken("the account takes no poll"));
        }
        let step =
            replied.recv_timeout(WAIT).map_err(|_| Stop::broken("a poll is not answered"))?;
        Ok(step.fault.map(|fault| format!("{}: {}", fault.code, fault.message)))
    }

    /// Something happens at the broker just before it gets the next request that may write.
    pub(crate) fn before_next_write(
        &self,
        happens: impl FnOnce(&Broker) -> Result<(), Stop> + Send + 'static,
    ) {
        let broker = Arc::clone(&self.broker);
        self.watch.before_next_write(move || drop(happens(&broker)));
    }

    /// The symbol's prices are read from now on.
    pub(crate) fn watch_prices(&self) -> Result<(), Stop> {
        self.hand_over(ToAccount::Watch(vec![self.symbol.clone()]))
    }

    /// What was told so far.
    pub(crate) fn told(&self) -> Vec<BrokerEvent> {
        self.events.try_iter().map(|from| from.event).collect()
    }

    /// The next event that `pick` takes.
    pub(crate) fn wait<T>(
        &self,
        what: &str,
        pick: impl Fn(BrokerEvent) -> Option<T>,
    ) -> Result<T, Stop> {
        let began = Instant::now();
        while let Some(left) = WAIT.checked_sub(began.elapsed()) {
            let Ok(from) = self.events.recv_timeout(left) else { break };
            if let Some(picked) = pick(from.event) {
                return Ok(picked);
            }
        }
        Err(Stop::broken(format!("{what} did not come within {} s", WAIT.as_secs())))
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, is: impl Fn() -> bool) -> Result<(), Stop> {
        let began = Instant::now();
        while !is() {
            if began.elapsed() > WAIT {
                let last =
                    self.account.status().last_error.map(|error| error.text).unwrap_or_default();
                let text = format!("not within {} s; last error: {last}", WAIT.as_secs());
                return Err(Stop::fails(what, text, ""));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The words of calls that ended since this was asked last, of that export.
    pub(crate) fn heard(&self, export: &str) -> Vec<Heard> {
        self.watch.take_heard().into_iter().filter(|heard| heard.export == export).collect()
    }

    /// What is in the broker's book, once `is` holds of it; brokers may take a moment.
    pub(crate) fn book_once(&self, what: &str, is: impl Fn(&Book) -> bool) -> Result<Book, Stop> {
        let began = Instant::now();
        loop {
            let book = self.broker.book()?;
            if is(&book) {
                return Ok(book);
            }
            if began.elapsed() > Duration::from_secs(2) {
                return Err(Stop::fails(
                    what,
                    book.shown(self.symbol.as_str()),
                    "the broker's book",
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The broker's book.
    pub(crate) fn book(&self) -> Result<Book, Stop> {
        self.broker.book()
    }

    /// Lets time pass that nobody has to wait for.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::AcqRel);
    }

    /// A bracket of the symbol with these legs.
    pub(crate) fn bracket(&self, held: Decimal, legs: Vec<BracketLeg>) -> Bracket {
        use bracketd_core::money::Quantity;
        use bracketd_core::order::{Side, TimeInForce};
        let held = Quantity::new(held).unwrap_or(Quantity::ZERO);
        Bracket {
            id: "1-0".to_owned(),
            symbol: self.symbol.clone(),
            entry_side: Side::Buy,
            held,
            protect: held,
            legs,
            time_in_force: TimeInForce::Gtc,
            memo: Vec::new(),
        }
    }

    fn hand_over(&self, message: ToAccount) -> Result<(), Stop> {
        match self.account.try_send(message) {
            Ok(()) => Ok(()),
            Err(_) => Err(Stop::broken("the account takes no message")),
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // Hanging up is never refused. Its threads end while later rows run.
        drop(self.account.try_send(ToAccount::Shutdown));
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.push(Arc::clone(&self.account));
    }
}

impl Ids {
    fn of(info: &AccountInfo, row: u64) -> Self {
        let chars: Vec<char> =
            info.client_id_chars.chars().filter(char::is_ascii_alphanumeric).collect();
        let last = ClientOrderId::new("");
        Self { row, next: 0, last, chars, longest: usize::from(info.client_id_max).min(20) }
    }

    /// The row's number and a counter, in the digits that the account takes.
    fn draw(&mut self) -> ClientOrderId {
        self.next += 1;
        let base = u64::try_from(self.chars.len().max(2)).unwrap_or(2);
        let mut rest = self.row.wrapping_mul(4_096).wrapping_add(self.next);
        let mut text = String::new();
        while rest > 0 && text.len() < self.longest {
            let digit = usize::try_from(rest % base).unwrap_or(0);
            text.extend(self.chars.get(digit));
            rest /= base;
        }
        self.last = ClientOrderId::new(&text);
        self.last.clone()
    }
}

/// The configuration of an account before that network.
pub(crate) fn config(
    kit: &Kit,
    network: &Network,
    watch: &Arc<Watch>,
    ahead_ms: &Arc<AtomicU64>,
) -> Result<AccountConfig, Stop> {
    let url = network.url();
    let mut grant = Grant::origin(&url).map_err(Stop::broken)?.with_private();
    grant.reads.clone_from(&kit.reads);
    // Sockets are only opened in rows that have one; elsewhere their address is nobody's.
    let setting = |(name, value): &(String, String)| {
        (name.clone(), value.replace("{broker}", &url).replace("{socket}", NO_SOCKET))
    };
    let settings: Vec<(String, String)> = kit.settings.iter().map(setting).collect();
    // A setting may name another address: a second host of the broker's.
    let others = settings.iter().filter_map(|(_, value)| Grant::origin(value).ok());
    let mut grants: Vec<Grant> = others.map(Grant::with_private).collect();
    for other in &mut grants {
        other.reads.clone_from(&kit.reads);
    }
    grants.insert(0, grant);
    let secret = |(name, value): &(String, String)| (name.clone(), Secret::new(value.as_str()));
    let ahead_ms = Arc::clone(ahead_ms);
    let now = move || {
        ClockSource::Wall.now_ns() + ahead_ms.load(Ordering::Acquire).saturating_mul(1_000_000)
    };
    Ok(AccountConfig {
        name: "kit".into(),
        settings,
        secrets: kit.secrets.iter().map(secret).collect(),
        grants,
        limits: Limits {
            read_budget_ms: BUDGET_MS,
            pulse_budget_ms: BUDGET_MS,
            write_budget_ms: BUDGET_MS,
            single_write_budget_ms: BUDGET_MS,
            write_hard_ms: HARD_MS,
            messages_per_minute: 1_000_000,
            ..Limits::default()
        },
        poll: PollConfig { drive: Drive::Steps, ..PollConfig::default() },
        clock: ClockSource::Given(Arc::new(now)),
        log: None,
        kv: Vec::new(),
        confirm: Vec::new(),
        hook: Some(watch.hook()),
    })
}
