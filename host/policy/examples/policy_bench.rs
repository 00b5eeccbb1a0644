//! How many evaluations a second, and what of that is the host's own share.
//!
//! Compares [`Policy::run`] of the shipped `trailing_stop` with the bare call of the same script
//! in the same engine with the same objects and bounds. Run it with
//! `cargo run --release -p bracketd-policy --example policy_bench`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bracketd_core::Decimal;
use bracketd_core::book::{Account, AccountRules};
use bracketd_core::broker::Quote;
use bracketd_core::ids::{AccountName, OwnerName, PolicyName, SliceNo, Symbol, TransactionId};
use bracketd_core::instrument::{Features, Instrument, PriceBand};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, TimeInForce};
use bracketd_core::protection::Protection;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{
    Birth, Desired, Entry, EntryGuard, EntryKind, OnPartial, Slice, Transaction, TransactionStatus,
};
use bracketd_policy::{
    Event, History, Params, PolicySet, Run, RunOutcome, Unbounded, Verbs, shipped,
};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(400);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let report = PolicySet::build(&shipped(), None);
    let name = PolicyName::new("trailing_stop");
    let policy = report.set.policy(&name).ok_or("trailing_stop does not build")?;
    let price = |cents: i64| Price::new(Decimal::new(cents, 2)).ok_or("no price");
    let account = Account::new(AccountName::new("bench"), AccountRules::default());
    // The same value as the script's own, but configured: the way a live run finds it.
    let (mut params, allowed) = (Params::default(), Verbs::default());
    params.set("trail_pct", "2.0");
    // A price below the peak: the script works out the trail and the gate says "unchanged", as
    // for nearly every tick of a live market.
    let peak = price(11_000)?;
    let tx = Arc::new(transaction(&name, price(10_000)?, price(10_780)?)?);
    let instrument = Arc::new(instrument(&tx.symbol)?);
    let quote = Quote {
        symbol: tx.symbol.clone(),
        bid: Some(price(10_900)?),
        ask: Some(price(10_901)?),
        last: None,
        at: Timestamp(0),
    };
    let run = || Run {
        event: Event::Tick,
        transaction: Arc::clone(&tx),
        account: &account,
        instrument: Arc::clone(&instrument),
        quote: Some(quote.clone()),
        history: History { seconds: 60, bars: (&[], &[]), peak: Some(peak), trough: Some(peak) },
        params: &params,
        state: "",
        now: Timestamp(1_000),
        allowed: &allowed,
        budget: &Unbounded,
        portfolio: None,
    };
    let ran = policy.run(&run());
    if ran.outcome != RunOutcome::Done || ran.operations == 0 {
        return Err(format!("the run is not what is to be measured: {ran:?}").into());
    }
    println!("{} operations a run, {} requests", ran.operations, ran.requests.len());
    let (mut whole, mut bare) = (0.0_f64, 0.0_f64);
    // Alternating, and the best of each: what is measured is the code, not its neighbors.
    for _ in 0..ROUNDS {
        whole = whole.max(rate(|| {
            std::hint::black_box(policy.run(&run()));
        }));
        bare = bare.max(policy.bench_bare(&run(), &mut |call| rate(call)));
    }
    println!("run      {whole:>10.0} /s  ({:.2} us)", 1e6 / whole);
    println!("call_fn  {bare:>10.0} /s  ({:.2} us)", 1e6 / bare);
    println!("ratio    {:>10.1} %", 100.0 * whole / bare);
    Ok(())
}

fn rate(mut work: impl FnMut()) -> f64 {
    let (start, mut count) = (Instant::now(), 0_u64);
    while start.elapsed() < ROUND {
        for _ in 0..200 {
            work();
        }
        count += 200;
    }
    count as f64 / start.elapsed().as_secs_f64()
}

fn transaction(
    policy: &PolicyName,
    entry: Price,
    stop: Price,
) -> Result<Transaction, &'static str> {
    let quantity = Quantity::new(Decimal::TEN).ok_or("no quantity")?;
    Ok(Transaction {
        status: TransactionStatus::Opened,
        slices: vec![Slice {
            no: SliceNo(0),
            held: quantity,
            gather_until: Timestamp(0),
            retry_at: None,
            rejections: 0,
            rejected_version: None,
            breached: false,
            memo: Vec::new(),
        }],
        protection: Protection::Protected,
        initial_stop: Some(stop),
        entered: quantity,
        entered_value: entry.get() * quantity.get(),
        opened_at: Some(Timestamp(0)),
        ..Transaction::born(Birth {
            id: TransactionId(1),
            account: AccountName::new("bench"),
            owner: OwnerName::new("bench"),
            symbol: Symbol::new("AAPL"),
            direction: Direction::Long,
            entry: Entry {
                kind: EntryKind::Market,
                quantity,
                time_in_force: TimeInForce::Gtc,
                reference: entry,
                on_partial: OnPartial::CancelRest,
                guard: EntryGuard::Plain,
                cancel_asked: false,
                ended: true,
            },
            desired: Desired { stop: Some(stop), target: None, version: 1 },
            policies: vec![policy.clone()],
            at: Timestamp(0),
        })
    })
}

fn instrument(symbol: &Symbol) -> Result<Instrument, &'static str> {
    Ok(Instrument {
        symbol: symbol.clone(),
        broker_symbol: symbol.to_string(),
        currency: "USD".to_owned(),
        bands: vec![PriceBand { above: Decimal::ZERO, tick: Decimal::new(1, 2) }],
        qty_step: Decimal::ONE,
        min_qty: Quantity::new(Decimal::ONE).ok_or("no quantity")?,
        max_qty: None,
        min_notional: None,
        multiplier: Decimal::ONE,
        features: Features::default(),
    })
}
