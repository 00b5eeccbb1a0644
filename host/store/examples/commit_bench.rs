//! What a commit of the ledger costs beside the bare minimum on the same disk: one row, FULL.
//!
//! `cargo run --release -p bracketd-store --example commit_bench [DIR]`
//!
//! Both are measured in turns, so that a slow spell of the disk hits both.

use std::path::Path;
use std::time::Instant;

use bracketd_core::Decimal;
use bracketd_core::command::{Change, Op, OpKind, OpLegs, OpState};
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::{SliceNo, TransactionId};
use bracketd_core::intent::Source;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Order, OrderKind, OrderStatus, Role, Side, TimeInForce};
use bracketd_core::protection::Protection;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::*;
use bracketd_store::{Batch, Ledger, OpenOptions};
use rusqlite::Connection;

const TURNS: u32 = 3_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let base = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let dir = tempfile::tempdir_in(base)?;
    let bare = bare_connection(&dir.path().join("bare.db"))?;
    let options = OpenOptions { ballast_bytes: 0, ..OpenOptions::default() };
    let mut ledger = Ledger::open_with(dir.path(), options)?;
    let mut tx = trailed()?;
    ledger.commit(&Batch { transactions: vec![&tx], ..Batch::new(Timestamp(0)) })?;

    let (mut bare_ns, mut ledger_ns) = (Vec::new(), Vec::new());
    for turn in 1..=TURNS {
        let started = Instant::now();
        bare.execute("INSERT INTO t (text) VALUES ('one row')", [])?;
        bare_ns.push(started.elapsed().as_nanos());

        let (op, fact) = next_stop(&mut tx, turn)?;
        let settled = std::mem::replace(&mut tx.ops, vec![op]);
        let settled = settled.into_iter().map(|op| Op { state: OpState::Done, ..op });
        let settled: Vec<Op> = settled.collect();
        let facts = [fact];
        let batch = Batch {
            transactions: vec![&tx],
            ops: settled.iter().map(|op| (tx.id, op)).collect(),
            facts: &facts,
            ..Batch::new(Timestamp(i64::from(turn)))
        };
        let started = Instant::now();
        ledger.commit(&batch)?;
        ledger_ns.push(started.elapsed().as_nanos());
    }
    let bare_p50 = report("bare one-row FULL commit", &mut bare_ns);
    let ledger_p50 = report("stop change in the ledger", &mut ledger_ns);
    println!("ratio of medians {}.{:02}", ledger_p50 / bare_p50, ledger_p50 * 100 / bare_p50 % 100);
    Ok(())
}

fn bare_connection(path: &Path) -> Result<Connection, Failure> {
    let sql = Connection::open(path)?;
    sql.pragma_update(None, "journal_mode", "WAL")?;
    sql.pragma_update(None, "synchronous", "FULL")?;
    sql.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT) STRICT", [])?;
    Ok(sql)
}

/// Moves the stop: a new outbox row, a new order in place of the old one, and the fact.
fn next_stop(tx: &mut Transaction, turn: u32) -> Result<(Op, Fact), Failure> {
    let price = price(9_500 + i64::from(turn))?;
    tx.desired.stop = Some(price);
    tx.desired.version += 1;
    if let Some(steps) = tx.steps.first_mut() {
        steps.steps = turn;
    }
    if let Some(order) = tx.orders.last_mut() {
        order.trigger = Some(price);
    }
    let op = Op {
        id: format!("abcdefghijklmnopqrst{turn:06}").into(),
        client_id: format!("bd-abcdefghijklmnopqrst{turn:06}").into(),
        slice: SliceNo(0),
        legs: OpLegs::Stop,
        step: turn,
        attempt: 1,
        kind: OpKind::Adjust {
            stop: Change::Set(price),
            target: Change::Keep,
            quantity: quantity(10)?,
        },
        state: OpState::in_flight(),
        version: tx.desired.version,
        planned_at: Timestamp(i64::from(turn)),
        sent_at: Timestamp(i64::from(turn)),
        evidence: None,
    };
    let source = Source::Policy { name: "trail".into(), digest: "0123456789abcdef".to_owned() };
    let mut fact = Fact::about(tx, Timestamp(i64::from(turn)), FactKind::StopChanged, source);
    fact.after = Some(price.get());
    fact.inputs = r#"{"price":"101.25","peak":"102.00","entry":"100.00"}"#.to_owned();
    Ok((op, fact))
}

fn price(cents: i64) -> Result<Price, Failure> {
    Ok(Price::new(Decimal::new(cents, 2)).ok_or("not a price")?)
}

fn quantity(whole: u32) -> Result<Quantity, Failure> {
    Ok(Quantity::new(Decimal::from(whole)).ok_or("not a quantity")?)
}

/// An OPENED long whose stop was moved two hundred times.
fn trailed() -> Result<Transaction, Failure> {
    let ten = quantity(10)?;
    let stop = price(9_500)?;
    let order = |n: u32| Order {
        broker_id: format!("broker-order-{n:08}").into(),
        client_id: Some(format!("bd-{n:026}").into()),
        group: None,
        slice: SliceNo(0),
        role: Role::Stop,
        side: Side::Sell,
        kind: OrderKind::Stop,
        quantity: ten,
        filled: Quantity::ZERO,
        avg_price: None,
        limit: None,
        trigger: Some(stop),
        status: if n == 200 { OrderStatus::Working } else { OrderStatus::Replaced },
        updated_at: Timestamp(i64::from(n)),
        stuck: false,
    };
    Ok(Transaction {
        id: TransactionId(1),
        account: "paper".into(),
        owner: "paper".into(),
        symbol: "ACME".into(),
        direction: Direction::Long,
        status: TransactionStatus::Opened,
        entry: Entry {
            kind: EntryKind::Market,
            quantity: ten,
            time_in_force: TimeInForce::Gtc,
            reference: price(10_000)?,
            on_partial: OnPartial::CancelRest,
            guard: EntryGuard::Plain,
            cancel_asked: false,
            ended: true,
        },
        desired: Desired { stop: Some(stop), target: None, version: 1 },
        locks: Locks::default(),
        policies: vec!["trail".into()],
        slices: vec![Slice {
            no: SliceNo(0),
            held: ten,
            gather_until: Timestamp(0),
            retry_at: None,
            rejections: 0,
            rejected_version: None,
            breached: false,
            memo: Vec::new(),
        }],
        orders: (0..=200).map(order).collect(),
        ops: Vec::new(),
        steps: vec![StepCount { slice: SliceNo(0), legs: OpLegs::Stop, steps: 0 }],
        task: None,
        protection: Protection::Protected,
        gaps: Default::default(),
        close_failures: 0,
        close_retry_at: None,
        initial_stop: Some(stop),
        entered: ten,
        entered_value: Decimal::from(1_000),
        exited: Quantity::ZERO,
        exited_value: Decimal::ZERO,
        created_at: Timestamp(1),
        opened_at: Some(Timestamp(2)),
        closed_at: None,
        close_reason: None,
        standing: Default::default(),
        ladder: Vec::new(),
    })
}

fn report(what: &str, ns: &mut [u128]) -> u128 {
    ns.sort_unstable();
    let at = |percent: usize| ns.get(ns.len() * percent / 100).copied().unwrap_or(0) / 1_000;
    println!("{what:28} n={} p50={} us p99={} us", ns.len(), at(50), at(99));
    ns.get(ns.len() / 2).copied().unwrap_or(1).max(1)
}
