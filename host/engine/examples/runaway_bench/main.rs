//! What a script that never ends costs everybody else, and how long the engine stands still for
//! another version of a policy.
//!
//! `cargo run --release -p bracketd-engine --example runaway_bench [DIR]`
//!
//! Each round loads a version of its own, because the one before is frozen after its second overrun:
//! the worst that a script can do again and again. A person's change of another transaction's stop
//! arrives at the worst moment, when the engine has just begun with all the runs that the version has
//! due, and is timed until its command is handed over. The same change on a quiet engine stands
//! beside it, and beside the swap a bare commit of one row on the same disk.

#[path = "../step_bench/broker.rs"]
#[allow(dead_code, reason = "shared with the other benchmark, which uses all of it")]
mod broker;
#[path = "../step_bench/world.rs"]
#[allow(dead_code, reason = "shared with the other benchmark, which uses all of it")]
mod world;

use std::cell::Cell;
use std::time::{Duration, Instant};

use bracketd_core::broker::{BrokerEvent, FromAccount, Quote};
use bracketd_core::control::Control;
use bracketd_core::ids::{AccountName, Symbol, TransactionId};
use bracketd_core::intent::{Intent, Request, Source, Wish};
use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;
use bracketd_core::{Decimal, command::Command};
use bracketd_engine::{Budget, Input, Ticket};
use bracketd_policy::{PolicySet, Sources, shipped};
use bracketd_store::{Batch, Ledger};

use crate::world::{START_CENTS, World};

const SYMBOLS: usize = 100;
const ROUNDS: usize = 200;
/// Transactions under the policy; the last one is the one that is changed.
const MANY: [usize; 2] = [100, 5_000];
/// The daemon's own bounds.
const SLICE: Duration = Duration::from_millis(2);
const RUN: Duration = Duration::from_millis(5);

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let base = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    for many in MANY {
        let dir = tempfile::tempdir_in(&base)?;
        let symbols: Vec<Symbol> =
            (0..SYMBOLS).map(|n| Symbol::new(&format!("SYM{n:03}"))).collect();
        let mut world = World::start(dir.path(), &symbols)?;
        let bare = Ledger::open(&dir.path().join("bare"))?;
        let all: Vec<&Symbol> = symbols.iter().cycle().take(many).collect();
        world.open(&all)?;
        println!("{many} transactions under one policy");
        let bench = Bench { symbols, last: TransactionId(u64::try_from(many)?) };
        bench.run(&mut world, bare)?;
    }
    Ok(())
}

struct Bench {
    symbols: Vec<Symbol>,
    last: TransactionId,
}

impl Bench {
    fn run(&self, world: &mut World, mut bare: Ledger) -> Result<(), Failure> {
        let mut set = PolicySet::build(&shipped(), None).set;
        let (mut quiet, mut beside) = (Vec::new(), Vec::new());
        let (mut swaps, mut commits) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            // A version that does nothing, so that the quiet change is one.
            let versions = [(calm(round), &mut quiet), (runaway(round), &mut beside)];
            for (turn, (script, times)) in versions.into_iter().enumerate() {
                let report = PolicySet::build(&script, Some(&set));
                if let Some(refused) = report.refused.first() {
                    return Err(format!("{:?}", refused.diagnostics).into());
                }
                set = report.set.clone();
                let began = Instant::now();
                world.step_within(vec![Input::Policies(Box::new(report))], &Nothing);
                swaps.push(began.elapsed());
                commits.push(one_row(&mut bare, 2 * round + turn)?);
                times.push(self.change(world, 2 * round + turn)?);
                settle(world)?;
            }
        }
        println!("  bare commit  {}", shown(&mut commits));
        println!("  swap         {}", shown(&mut swaps));
        println!("  quiet        {}", shown(&mut quiet));
        println!("  beside loops {}", shown(&mut beside));
        let swap = at(&mut swaps, 50).saturating_sub(at(&mut commits, 50));
        println!("  a swap adds {} us to a bare commit (medians)", swap.as_micros());
        let added = at(&mut beside, 100).saturating_sub(at(&mut quiet, 50));
        println!("  an endless loop adds at most {} us to another change", added.as_micros());
        Ok(())
    }

    /// From the quotes that make every run due to the command of a change that came a moment later.
    fn change(&self, world: &mut World, turn: usize) -> Result<Duration, Failure> {
        let cents = START_CENTS + i64::try_from(turn % 2)?;
        let quotes: Result<Vec<Quote>, Failure> =
            self.symbols.iter().map(|symbol| world.quote(symbol, cents)).collect();
        let account = AccountName::new("bench");
        let event = BrokerEvent::Quotes(quotes?);
        let began = Instant::now();
        let first = world
            .step_within(vec![Input::Account(FromAccount { account, event })], &Daemons::new());
        let second = world.step_within(vec![self.wish(turn)?], &Daemons::new());
        let took = began.elapsed();
        let commands: Vec<Command> = first.commands.into_iter().chain(second.commands).collect();
        if commands.len() != 1 || second.verdicts.is_empty() {
            return Err(format!("turn {turn}: {commands:?}, {:?}", second.verdicts).into());
        }
        world.answer(commands)?;
        Ok(took)
    }

    fn wish(&self, turn: usize) -> Result<Input, Failure> {
        let cents = START_CENTS / 100 * 97 + i64::try_from(turn % 2)? + 1;
        let stop = Price::new(Decimal::new(cents, 2)).ok_or("not a price")?;
        let request = Request {
            intent: Intent::Protect {
                transaction: self.last,
                stop: Wish::Set(stop),
                target: Wish::Keep,
            },
            source: Source::Manual("bench".to_owned()),
            why: "to be measured".to_owned(),
            if_version: None,
            inputs: String::new(),
        };
        Ok(Input::Request { ticket: Ticket(0), request: Box::new(request) })
    }
}

fn one_row(bare: &mut Ledger, turn: usize) -> Result<Duration, Failure> {
    let account = AccountName::new("bare");
    let control = Control { armed: Some(turn.is_multiple_of(2)), ..Control::default() };
    let controls = vec![(account, &control)];
    let began = Instant::now();
    bare.commit(&Batch { controls, ..Batch::new(Timestamp(i64::try_from(turn)?)) })?;
    Ok(began.elapsed())
}

/// What is still due runs until nothing is left.
fn settle(world: &mut World) -> Result<(), Failure> {
    loop {
        let sent = world.step_within(Vec::new(), &Daemons::new());
        let has_more = sent.has_more;
        world.answer(sent.commands)?;
        if !has_more {
            return Ok(());
        }
    }
}

fn calm(round: usize) -> Sources {
    script(&format!("fn on_tick(t, m, p) {{ let nothing = {round}; }}"))
}

fn runaway(round: usize) -> Sources {
    script(&format!("fn on_tick(t, m, p) {{ let n = {round}; while t.is_open {{ n += 1; }} }}"))
}

fn script(body: &str) -> Sources {
    let mut sources = shipped();
    sources.tests.clear();
    for file in sources.policies.iter_mut().filter(|file| file.name == "trailing_stop") {
        file.text = format!(
            "//! For a benchmark.\nconst POLICY = #{{ name: \"trailing_stop\", version: \"1\", api: 1, removed: [\"on_arm\", \"on_open\", \"on_reject\"] }};\n{body}\n"
        );
    }
    sources
}

/// The bounds of the daemon.
struct Daemons {
    step: Instant,
    run: Cell<Instant>,
}

impl Daemons {
    fn new() -> Self {
        let now = Instant::now();
        Self { step: now, run: Cell::new(now) }
    }
}

impl Budget for Daemons {
    fn slice_over(&self) -> bool {
        self.step.elapsed() >= SLICE
    }

    fn run_begins(&self) {
        self.run.set(Instant::now());
    }

    fn run_over(&self, _operations: u64) -> bool {
        self.run.get().elapsed() >= RUN
    }
}

/// No policy runs: what is timed is the swap alone.
struct Nothing;

impl Budget for Nothing {
    fn slice_over(&self) -> bool {
        true
    }

    fn run_begins(&self) {}

    fn run_over(&self, _operations: u64) -> bool {
        true
    }
}

fn shown(times: &mut [Duration]) -> String {
    let us = |percent, times: &mut [Duration]| at(times, percent).as_micros();
    let (p50, p99, max) = (us(50, times), us(99, times), us(100, times));
    format!("n={} p50={p50} us p99={p99} us max={max} us", times.len())
}

fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get(last * percent / 100).copied().unwrap_or_default()
}
