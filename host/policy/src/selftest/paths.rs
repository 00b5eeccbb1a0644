//! Small made-up histories that every policy is led through: `policy test` and `policy check`.
//!
//! Apart from the properties so that a reader sees in one table what happens in each. Prices are
//! those of a long with its entry at 100; a short gets them mirrored at the entry.

use bracketd_core::Decimal;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Direction;
use rhai::{Dynamic, Map};

use super::fixture::{self, Handle, Subject};
use super::trace::{self, TestStep};
use super::world::World;
use crate::event::Event;
use crate::failure::message;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// A price without a spread, in hundredths.
    Tick(i64),
    /// Bid and ask.
    Quote(i64, i64),
    /// The price is gone.
    NoPrice,
    /// So many bars around this price, two units from low to high.
    Bars(u32, i64),
    /// So much of the entry fills.
    Fill(i64, i64),
    /// The transaction is new.
    Arm,
    /// The first fill was before the test.
    Open,
    /// Hours pass, then every timer beats.
    Hours(u64),
    /// The account's equity is another.
    Equity(i64),
    /// The broker says no to a stop, with this code.
    Reject(&'static str),
}

/// A history.
#[derive(Debug)]
pub(super) struct Path {
    /// How people name it.
    pub(super) name: &'static str,
    /// Whether prices jump: an exit can then be through the market at once.
    pub(super) jumps: bool,
    waits: bool,
    stop: Option<i64>,
    moves: &'static [Move],
}

use Move::{Arm, Bars, Equity, Fill, Hours, NoPrice, Open, Quote, Reject, Tick};

const RISE: &[Move] = &[
    Open,
    Tick(10_031),
    Tick(10_113),
    Tick(10_207),
    Tick(10_319),
    Tick(10_433),
    Tick(10_561),
    Tick(10_703),
    Tick(10_891),
    Tick(11_117),
    Tick(11_093),
    Tick(11_071),
    Tick(9_200),
];
const FALL: &[Move] =
    &[Open, Tick(9_989), Tick(9_937), Tick(9_871), Tick(9_759), Tick(9_613), Tick(9_411)];
const JUMP_UP: &[Move] =
    &[Open, Tick(10_011), Tick(13_007), Tick(12_911), Tick(10_501), Tick(9_003)];
const JUMP_DOWN: &[Move] = &[Open, Tick(10_017), Tick(8_009), Tick(8_111)];
const WHOLE: &[Move] =
    &[Arm, Tick(10_157), Tick(10_061), Fill(10_000, 10), Tick(10_023), Tick(10_139), Tick(10_391)];
const PARTS: &[Move] = &[
    Arm,
    Tick(10_157),
    Tick(10_061),
    Fill(10_000, 3),
    Fill(10_000, 1),
    Fill(10_000, 6),
    Tick(10_023),
    Tick(10_139),
    Tick(10_391),
];
const MISSING: &[Move] =
    &[Open, NoPrice, NoPrice, Tick(10_043), NoPrice, Hours(1), Tick(10_259), NoPrice, Tick(10_301)];
const BARS: &[Move] = &[
    Bars(90, 10_000),
    Open,
    Tick(10_051),
    Bars(20, 10_101),
    Tick(10_203),
    Bars(20, 10_403),
    Tick(10_511),
    Bars(5, 10_607),
    Tick(10_709),
    Bars(5, 10_403),
    Tick(10_393),
];
const DAYS: &[Move] = &[
    Open,
    Tick(10_013),
    Hours(1),
    Tick(10_061),
    Hours(30),
    Tick(10_117),
    Hours(24 * 40),
    Tick(10_123),
];
const REJECTED: &[Move] = &[
    Open,
    Tick(10_021),
    Reject("BROKER_BUSY"),
    Tick(10_313),
    Reject("BROKER_BUSY"),
    Tick(10_613),
    Reject("STOP_THROUGH_MARKET"),
    Tick(10_617),
];
const WIDE: &[Move] = &[
    Open,
    Quote(9_951, 10_049),
    Quote(10_011, 10_211),
    Quote(10_251, 10_449),
    Quote(9_851, 10_549),
];
const LONG_WAIT: &[Move] =
    &[Arm, Tick(10_211), Hours(1), Tick(10_307), Hours(24 * 40), Tick(10_411)];

const POOR: &[Move] = &[
    Equity(100_000),
    Open,
    Tick(10_011),
    Equity(101_000),
    Tick(10_033),
    Equity(98_500),
    Tick(10_021),
    Equity(94_000),
    Tick(10_013),
    Equity(85_000),
    Tick(10_007),
];

/// All of them.
#[rustfmt::skip]
pub(super) const PATHS: [Path; 14] = [
    Path { name: "rise and fall", jumps: false, waits: false, stop: Some(9_500), moves: RISE },
    Path { name: "fall to the stop", jumps: false, waits: false, stop: Some(9_500), moves: FALL },
    Path { name: "jump to the gain", jumps: true, waits: false, stop: Some(9_500), moves: JUMP_UP },
    Path { name: "jump through the stop", jumps: true, waits: false, stop: Some(9_500), moves: JUMP_DOWN },
    Path { name: "filled at once", jumps: false, waits: true, stop: None, moves: WHOLE },
    Path { name: "filled in parts", jumps: false, waits: true, stop: None, moves: PARTS },
    Path { name: "prices that are missing", jumps: false, waits: false, stop: Some(9_500), moves: MISSING },
    Path { name: "many bars", jumps: true, waits: false, stop: Some(9_500), moves: BARS },
    Path { name: "days pass", jumps: false, waits: false, stop: Some(9_500), moves: DAYS },
    Path { name: "the broker rejects", jumps: false, waits: false, stop: Some(9_500), moves: REJECTED },
    Path { name: "a wide spread", jumps: true, waits: false, stop: Some(9_500), moves: WIDE },
    Path { name: "without a stop", jumps: false, waits: false, stop: None, moves: RISE },
    Path { name: "the account falls", jumps: false, waits: false, stop: Some(9_500), moves: POOR },
    Path { name: "an entry that waits long", jumps: false, waits: true, stop: Some(9_500), moves: LONG_WAIT },
];

/// A way that was gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Journey {
    pub(super) steps: Vec<TestStep>,
    /// Why it ended before its end.
    pub(super) error: Option<String>,
    /// Operations of the longest run.
    pub(super) operations: u64,
    /// Stop and target that were wanted at the end.
    pub(super) desired: (Option<Price>, Option<Price>),
}

/// Leads the policy along a path.
pub(super) fn travel(subject: &Subject, path: &Path, direction: Direction) -> Journey {
    trace::begin();
    let mut wish = Map::new();
    let mut put = |key: &str, value: Dynamic| wish.insert(key.into(), value);
    put("direction", direction.as_str().into());
    put("status", if path.waits { "WAITING" } else { "OPENED" }.into());
    if let Some(stop) = path.stop {
        put("stop", Dynamic::from_decimal(mirrored(stop, direction)));
    }
    let made = fixture::world(subject.clone(), &wish).map_err(|error| message(&error));
    let ended = made.map(|world| {
        let ended = path.moves.iter().try_for_each(|step| take(&world, *step, direction));
        let world = world.lock();
        let desired = (world.tx.desired.stop, world.tx.desired.target);
        (ended.err(), world.operations, desired)
    });
    let (error, operations, desired) = match ended {
        Ok(ended) => ended,
        Err(error) => (Some(error), 0, (None, None)),
    };
    drop(fixture::touched());
    Journey { steps: trace::end(), error, operations, desired }
}

fn take(world: &Handle, step: Move, direction: Direction) -> Result<(), String> {
    let mut world = world.lock();
    let price = |hundredths| {
        let value = mirrored(hundredths, direction);
        Price::new(value).ok_or_else(|| format!("{value} is no price"))
    };
    match step {
        Tick(at) => world.priced(price(at)?, price(at)?),
        Quote(low, high) => {
            let (one, other) = (price(low)?, price(high)?);
            world.priced(one.min(other), one.max(other))
        }
        NoPrice => world.unpriced(),
        Bars(count, at) => {
            let (one, other) = (price(at - 100)?, price(at + 100)?);
            let bar = [price(at)?, one.max(other), one.min(other), price(at)?];
            (0..count).try_for_each(|_| world.bar(bar))
        }
        Fill(at, quantity) => {
            let quantity = Quantity::new(quantity.into()).unwrap_or_default();
            world.filled(price(at)?, Some(quantity))
        }
        Equity(equity) => world.funded(equity.into()),
        Arm => world.happen(Event::Arm),
        Open => {
            world.known_price(price(10_000)?);
            world.happen(Event::Open)
        }
        Hours(hours) => beat(&mut world, hours),
        Reject(code) => {
            let event = Event::Reject { verb: "update_stop_loss", code, message: "of the path" };
            if world.is_live() { world.happen(event) } else { Ok(()) }
        }
    }
}

fn beat(world: &mut World, hours: u64) -> Result<(), String> {
    world.now = world.now.plus_ms(hours * 3_600_000);
    let timers: Vec<String> = world.policy.timers().iter().map(|t| t.name.clone()).collect();
    for timer in &timers {
        if world.is_live() {
            world.happen(Event::Timer(timer))?;
        }
    }
    Ok(())
}

/// The price as the direction sees it.
fn mirrored(hundredths: i64, direction: Direction) -> Decimal {
    match direction {
        Direction::Long => Decimal::new(hundredths, 2),
        Direction::Short => Decimal::new(20_000 - hundredths, 2),
    }
}
