//! What a test says to make a world and to move it.
//!
//! Apart from the world so that its words stand together: `world(#{...})`, `tick`, `quote`,
//! `bar`, `fill`, `advance`, `timer`, `reject`.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bracketd_core::Decimal;
use bracketd_core::book::{Account, AccountRules};
use bracketd_core::ids::{AccountName, OwnerName, Symbol, TransactionId};
use bracketd_core::instrument::{Features, Instrument, PriceBand};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Leg, TimeInForce};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{
    Birth, Desired, Entry, EntryGuard, EntryKind, OnPartial, Transaction,
};
use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext};

use super::mark::Marks;
use super::world::{World, hold};
use crate::data::{number, parse_duration_ms};
use crate::event::{Event, Phase};
use crate::failure::{ScriptResult, script_error};
use crate::params::Params;
use crate::policy::Policy;
use crate::span::nearest;
use crate::verbs::Verbs;

/// A world as test scripts hold it.
#[derive(Clone)]
pub(super) struct Handle(Arc<Mutex<World>>);

/// What is under test: the tag of every call of a test.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) policy: Arc<Policy>,
    pub(super) marks: Option<Arc<Marks>>,
}

thread_local! {
    /// The world that a test touched last: the one to show when it fails.
    static TOUCHED: RefCell<Option<Handle>> = const { RefCell::new(None) };
}

/// The world that was touched last, which is then forgotten.
pub(super) fn touched() -> Option<Handle> {
    TOUCHED.take()
}

const KEYS: [&str; 11] = [
    "direction",
    "entry",
    "qty",
    "stop",
    "target",
    "status",
    "tick",
    "spread",
    "params",
    "allow",
    "equity",
];

/// Where every world's clock begins: a moment on a whole day.
pub(crate) const START: Timestamp = Timestamp(1_767_225_600_000_000);

impl Handle {
    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        TOUCHED.set(Some(self.clone()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Handle>("World");
    engine.register_fn("world", |context: NativeCallContext, wish: Map| {
        let subject = context.tag().and_then(|tag| tag.clone().try_cast::<Subject>());
        let subject = subject.ok_or_else(|| script_error("world() exists only in tests"))?;
        world(subject, &wish)
    });
    prices(engine);
    events(engine);
}

/// The world that was wished for.
pub(super) fn world(subject: Subject, wish: &Map) -> ScriptResult<Handle> {
    let world = Handle(Arc::new(Mutex::new(make(subject, wish)?)));
    TOUCHED.set(Some(world.clone()));
    Ok(world)
}

fn prices(engine: &mut Engine) {
    engine.register_fn("tick", |world: &mut Handle, at: Dynamic| {
        let mut world = world.lock();
        let half = world.spread / Decimal::TWO;
        let middle = need(&at)?;
        let side = |delta: Decimal| {
            Price::new(middle + delta).ok_or_else(|| script_error(format!("{at} is no price")))
        };
        let (bid, ask) = (side(-half)?, side(half)?);
        world.priced(bid, ask).map_err(script_error)
    });
    engine.register_fn("quote", |world: &mut Handle, bid: Dynamic, ask: Dynamic| {
        let (bid, ask) = (price(&bid)?, price(&ask)?);
        world.lock().priced(bid, ask).map_err(script_error)
    });
    engine.register_fn("no_quote", |world: &mut Handle| {
        world.lock().unpriced().map_err(script_error)
    });
    engine.register_fn(
        "bar",
        |world: &mut Handle, open: Dynamic, high: Dynamic, low: Dynamic, close: Dynamic| {
            let bar = [price(&open)?, price(&high)?, price(&low)?, price(&close)?];
            world.lock().bar(bar).map_err(script_error)
        },
    );
    engine.register_fn("bars", |world: &mut Handle, count: i64, at: Dynamic, range: Dynamic| {
        let (middle, half) = (need(&at)?, need(&range)? / Decimal::TWO);
        let side = |delta| price(&Dynamic::from_decimal(middle + delta));
        let bar = [side(Decimal::ZERO)?, side(half)?, side(-half)?, side(Decimal::ZERO)?];
        for _ in 0..count {
            world.lock().bar(bar).map_err(script_error)?;
        }
        ScriptResult::Ok(())
    });
}

fn events(engine: &mut Engine) {
    engine.register_fn("arm", |world: &mut Handle| {
        world.lock().happen(Event::Arm).map_err(script_error)
    });
    engine.register_fn("start", |world: &mut Handle| {
        world.lock().happen(Event::Start).map_err(script_error)
    });
    engine.register_fn("open", |world: &mut Handle| {
        world.lock().happen(Event::Open).map_err(script_error)
    });
    engine.register_fn("fill", |world: &mut Handle, at: Dynamic| {
        let at = price(&at)?;
        world.lock().filled(at, None).map_err(script_error)
    });
    engine.register_fn("fill", |world: &mut Handle, at: Dynamic, quantity: Dynamic| {
        let (at, quantity) = (price(&at)?, Quantity::new(need(&quantity)?));
        let quantity = quantity.ok_or_else(|| script_error("the quantity is below zero"))?;
        world.lock().filled(at, Some(quantity)).map_err(script_error)
    });
    engine.register_fn("timer", |world: &mut Handle, name: ImmutableString| {
        let mut world = world.lock();
        if !world.policy.timers().iter().any(|timer| timer.name == name.as_str()) {
            return Err(script_error(format!("the policy has no timer {name}")));
        }
        world.happen(Event::Timer(&name)).map_err(script_error)
    });
    engine.register_fn(
        "reject",
        |world: &mut Handle, verb: ImmutableString, code: ImmutableString| {
            let event = Event::Reject { verb: &verb, code: &code, message: "said by the test" };
            world.lock().happen(event).map_err(script_error)
        },
    );
    engine.register_fn("ack", |world: &mut Handle, verb: ImmutableString| {
        world.lock().happen(Event::Ack { verb: &verb }).map_err(script_error)
    });
    engine.register_fn("equity", |world: &mut Handle, to: Dynamic| {
        world.lock().funded(need(&to)?).map_err(script_error)
    });
    engine.register_fn("session", |world: &mut Handle, phase: ImmutableString| {
        let all = [Phase::Open, Phase::Close, Phase::Halt];
        let phase = all.into_iter().find(|known| known.as_str() == phase.as_str());
        let phase = phase.ok_or_else(|| script_error("a session is open, close or halt"))?;
        world.lock().happen(Event::Session(phase)).map_err(script_error)
    });
    engine.register_fn("external", |world: &mut Handle, leg: ImmutableString, to: Dynamic| {
        let to = price(&to)?;
        world.lock().changed(exit(&leg)?, Some(to)).map_err(script_error)
    });
    engine.register_fn("external", |world: &mut Handle, leg: ImmutableString| {
        world.lock().changed(exit(&leg)?, None).map_err(script_error)
    });
    engine.register_fn("entry_change", |world: &mut Handle, to: Dynamic| {
        let to = price(&to)?;
        world.lock().entry_moved(to).map_err(script_error)
    });
    engine.register_fn("advance", |world: &mut Handle, by: ImmutableString| {
        let ms = parse_duration_ms(&by);
        let ms = ms.ok_or_else(|| script_error(format!("{by} is no length of time")))?;
        let mut world = world.lock();
        world.now = world.now.plus_ms(ms);
        ScriptResult::Ok(())
    });
}

fn exit(leg: &str) -> ScriptResult<Leg> {
    let known = [Leg::Stop, Leg::Target].into_iter().find(|known| known.as_str() == leg);
    known.ok_or_else(|| script_error(format!("{leg} is neither stop nor target")))
}

fn make(subject: Subject, wish: &Map) -> ScriptResult<World> {
    let Subject { policy, marks } = subject;
    if let Some(stray) = wish.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let near = nearest(stray, KEYS.into_iter()).map(|near| format!("; did you mean {near}?"));
        let near = near.unwrap_or_default();
        return Err(script_error(format!("a world has no {stray}{near}")));
    }
    let read = |key: &str| wish.get(key).map(need).transpose();
    let (stop, target) = (read_price(wish, "stop")?, read_price(wish, "target")?);
    let entry = read_price(wish, "entry")?.or(Price::new(Decimal::ONE_HUNDRED));
    let entry = entry.ok_or_else(|| script_error("a world needs an entry"))?;
    let quantity = Quantity::new(read("qty")?.unwrap_or(Decimal::TEN));
    let quantity = quantity.ok_or_else(|| script_error("qty is below zero"))?;
    let text = |key: &str| wish.get(key).and_then(|v| v.clone().into_immutable_string().ok());
    let direction = match text("direction").as_deref() {
        None | Some("long") => Direction::Long,
        Some("short") => Direction::Short,
        Some(other) => return Err(script_error(format!("{other} is neither long nor short"))),
    };
    let waits = match text("status").as_deref() {
        None | Some("OPENED") => false,
        Some("WAITING") => true,
        Some(other) => return Err(script_error(format!("a world cannot begin {other}"))),
    };
    let mut tx = transaction(&policy, direction, quantity, entry, (stop, target));
    if !waits {
        hold(&mut tx, entry, quantity, START);
    }
    let mut account = Account::new(tx.account.clone(), AccountRules::default());
    // As after the daemon's start: no policy is asked before.
    account.is_reconciled = true;
    let mut world = World {
        instrument: Arc::new(instrument(&tx.symbol, read("tick")?.unwrap_or(Decimal::new(1, 2)))),
        account,
        params: params(wish)?,
        allowed: allowed(wish)?,
        spread: read("spread")?.unwrap_or_default(),
        now: START,
        quote: None,
        bars: Vec::new(),
        peak: (!waits).then_some(entry),
        trough: (!waits).then_some(entry),
        state: String::new(),
        skipped: None,
        refused: Vec::new(),
        accepted: Vec::new(),
        alerts: Vec::new(),
        operations: 0,
        equity: None,
        policy,
        marks,
        tx,
    };
    if let Some(equity) = read("equity")? {
        world.fund(equity);
    }
    Ok(world)
}

fn params(wish: &Map) -> ScriptResult<Params> {
    let mut params = Params::default();
    let Some(set) = wish.get("params") else { return Ok(params) };
    let set = set.read_lock::<Map>().ok_or_else(|| script_error("params must be a map"))?;
    for (name, value) in set.iter() {
        params.set(name, &value.to_string());
    }
    Ok(params)
}

fn allowed(wish: &Map) -> ScriptResult<Verbs> {
    let Some(list) = wish.get("allow") else { return Ok(Verbs::default()) };
    let list = list.clone().into_typed_array::<ImmutableString>();
    let list = list.map_err(|_| script_error("allow must be a list of verbs"))?;
    let verbs = Verbs::only(list.iter().map(ImmutableString::as_str));
    verbs.map_err(|error| script_error(error.to_string()))
}

pub(crate) fn transaction(
    policy: &Policy,
    direction: Direction,
    quantity: Quantity,
    entry: Price,
    (stop, target): (Option<Price>, Option<Price>),
) -> Transaction {
    Transaction::born(Birth {
        id: TransactionId(1),
        account: AccountName::new("test"),
        owner: OwnerName::new("test"),
        symbol: Symbol::new("TEST"),
        direction,
        entry: Entry {
            kind: EntryKind::Limit(entry),
            quantity,
            time_in_force: TimeInForce::Gtc,
            reference: entry,
            on_partial: OnPartial::CancelRest,
            guard: EntryGuard::Plain,
            cancel_asked: false,
            ended: false,
        },
        desired: Desired { stop, target, version: 1 },
        policies: vec![policy.name().clone()],
        at: START,
    })
}

pub(crate) fn instrument(symbol: &Symbol, tick: Decimal) -> Instrument {
    Instrument {
        symbol: symbol.clone(),
        broker_symbol: symbol.to_string(),
        currency: "USD".to_owned(),
        bands: vec![PriceBand { above: Decimal::ZERO, tick }],
        qty_step: Decimal::ONE,
        min_qty: Quantity::new(Decimal::ONE).unwrap_or_default(),
        max_qty: None,
        min_notional: None,
        multiplier: Decimal::ONE,
        features: Features::default(),
    }
}

fn read_price(wish: &Map, key: &str) -> ScriptResult<Option<Price>> {
    wish.get(key).map(price).transpose()
}

pub(super) fn price(value: &Dynamic) -> ScriptResult<Price> {
    Price::new(need(value)?).ok_or_else(|| script_error(format!("{value} is no price")))
}

pub(super) fn need(value: &Dynamic) -> ScriptResult<Decimal> {
    number(value).ok_or_else(|| script_error(format!("{value} is no number")))
}
