//! The ledger, read back.
//!
//! Apart because crash recovery is this path and nothing else: what it returns is all that the
//! next process knows.

use std::collections::BTreeMap;

use bracketd_core::command::Op;
use bracketd_core::control::{Control, Kill};
use bracketd_core::ids::{AccountName, PolicyName, TransactionId};
use bracketd_core::transaction::Transaction;
use rusqlite::{Connection, Params};

use crate::batch::{ENDED_KEPT, KvEntry, Loaded, PolicyState, PolicyVersion};
use crate::error::StoreError;
use crate::rows::cells::Cells;
use crate::rows::{Table, control, instrument, int, kv, op, order, policy, slice, transaction};

const LIVE: &str = "WHERE status NOT IN ('CLOSED', 'FAILED') ORDER BY id";
const ENDED: &str = "WHERE status IN ('CLOSED', 'FAILED') \
     ORDER BY ifnull(closed_at, created_at) DESC, id DESC LIMIT ?";
const ENDED_BEFORE: &str = "WHERE status IN ('CLOSED', 'FAILED') \
     AND (ifnull(closed_at, created_at), id) < \
         (SELECT ifnull(closed_at, created_at), id FROM transactions WHERE id = ?) \
     ORDER BY ifnull(closed_at, created_at) DESC, id DESC LIMIT ?";

pub(crate) fn load(sql: &Connection) -> Result<Loaded, StoreError> {
    let (ledger_id, epoch) = identity(sql)?;
    let mut transactions = ended(sql, None, ENDED_KEPT as u64)?;
    transactions.reverse();
    transactions.extend(with_lists(sql, LIVE, [])?);
    let accounts = accounts(sql)?;
    Ok(Loaded {
        ledger_id,
        epoch,
        last_transaction: newest(sql, "SELECT max(id) FROM transactions")?,
        policy_states: policy_states(sql, &transactions)?,
        transactions,
        controls: accounts.controls,
        kill: accounts.kill,
        policy_versions: list(
            sql,
            &policy::POLICY_VERSIONS,
            "WHERE active = 1 ORDER BY name",
            [],
            policy::read_version,
        )?,
        instruments: list(
            sql,
            &instrument::INSTRUMENTS,
            "ORDER BY account, symbol",
            [],
            instrument::read,
        )?,
        kv: remembered(sql)?,
        last_fact_seq: last_fact_seq(sql)?,
        policy_freezes: list(
            sql,
            &policy::POLICY_FREEZES,
            "ORDER BY policy, digest, transaction_id",
            [],
            policy::read_freeze,
        )?,
        account_states: list(
            sql,
            &policy::ACCOUNT_STATES,
            "ORDER BY account, policy",
            [],
            policy::read_account_state,
        )?,
        policy_params: list(sql, &policy::POLICY_PARAMS, "", [], policy::read_params)?.pop(),
    })
}

fn remembered(sql: &Connection) -> Result<BTreeMap<AccountName, Vec<KvEntry>>, StoreError> {
    let mut all: BTreeMap<AccountName, Vec<KvEntry>> = BTreeMap::new();
    for (account, entry) in list(sql, &kv::KV, "ORDER BY account, key", [], kv::read)? {
        all.entry(account).or_default().push(entry);
    }
    Ok(all)
}

/// Ended transactions, the last to end first, that ended before that one.
pub(crate) fn ended(
    sql: &Connection,
    before: Option<TransactionId>,
    limit: u64,
) -> Result<Vec<Transaction>, StoreError> {
    let limit = int(limit)?;
    match before {
        None => with_lists(sql, ENDED, [limit]),
        Some(id) => with_lists(sql, ENDED_BEFORE, [int(id.0)?, limit]),
    }
}

/// The numbers of all transactions after that one, at most so many.
pub(crate) fn ids(sql: &Connection, after: u64, limit: u32) -> Result<Vec<u64>, StoreError> {
    let query = "SELECT id FROM transactions WHERE id > ? ORDER BY id LIMIT ?";
    let mut statement = sql.prepare_cached(query)?;
    let rows = statement
        .query_map((int(after)?, limit), |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The transaction of that number.
pub(crate) fn one(sql: &Connection, id: u64) -> Result<Option<Transaction>, StoreError> {
    Ok(with_lists(sql, "WHERE id = ?", [int(id)?])?.pop())
}

/// All outbox rows of a transaction, also those that are settled, as they were planned.
pub(crate) fn all_ops(sql: &Connection, id: u64) -> Result<Vec<Op>, StoreError> {
    list(sql, &op::OUTBOX, "WHERE transaction_id = ? ORDER BY rowid", [int(id)?], op::read)
}

/// All versions of all policies, also those that decide no more.
pub(crate) fn all_policy_versions(sql: &Connection) -> Result<Vec<PolicyVersion>, StoreError> {
    list(sql, &policy::POLICY_VERSIONS, "ORDER BY name, digest", [], policy::read_version)
}

/// The versions of one policy, the newest first.
pub(crate) fn policy_versions(
    sql: &Connection,
    name: &PolicyName,
) -> Result<Vec<PolicyVersion>, StoreError> {
    let tail = "WHERE name = ? ORDER BY loaded_at DESC, digest";
    list(sql, &policy::POLICY_VERSIONS, tail, [name.as_str()], policy::read_version)
}

/// Those of them whose content hash begins so, at most that many.
pub(crate) fn policy_versions_like(
    sql: &Connection,
    name: &PolicyName,
    digest_begins: &str,
    limit: u32,
) -> Result<Vec<PolicyVersion>, StoreError> {
    let tail = "WHERE name = ?1 AND substr(digest, 1, length(?2)) = ?2 \
                ORDER BY loaded_at DESC, digest LIMIT ?3";
    let values = (name.as_str(), digest_begins, limit);
    list(sql, &policy::POLICY_VERSIONS, tail, values, policy::read_version)
}

/// Ledger id and epoch.
pub(crate) fn identity(sql: &Connection) -> Result<(String, u32), StoreError> {
    Ok(sql.query_row("SELECT ledger_id, epoch FROM ledger", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?)
}

pub(crate) fn last_fact_seq(sql: &Connection) -> Result<u64, StoreError> {
    newest(sql, "SELECT max(seq) FROM facts")
}

fn newest(sql: &Connection, query: &str) -> Result<u64, StoreError> {
    let found: Option<i64> = sql.query_row(query, [], |row| row.get(0))?;
    Ok(found.map_or(0, i64::unsigned_abs))
}

fn with_lists(
    sql: &Connection,
    tail: &str,
    values: impl Params,
) -> Result<Vec<Transaction>, StoreError> {
    let mut all = list(sql, &transaction::TRANSACTIONS, tail, values, transaction::read)?;
    let by_place = "WHERE transaction_id = ? ORDER BY place";
    for tx in &mut all {
        let id = [int(tx.id.0)?];
        tx.slices = list(sql, &slice::SLICES, by_place, id, slice::read_slice)?;
        tx.orders = list(sql, &order::ORDERS, by_place, id, order::read)?;
        tx.steps = list(sql, &slice::STEPS, by_place, id, slice::read_step)?;
        tx.ops = list(sql, &op::OUTBOX, op::UNSETTLED, id, op::read)?;
    }
    Ok(all)
}

/// What was decided of accounts and of the whole daemon.
#[derive(Default)]
pub(crate) struct Accounts {
    pub(crate) controls: BTreeMap<AccountName, Control>,
    pub(crate) kill: Kill,
}

pub(crate) fn accounts(sql: &Connection) -> Result<Accounts, StoreError> {
    let mut all = Accounts::default();
    let rows = list(sql, &instrument::ACCOUNTS, "ORDER BY name", [], control::read_account)?;
    all.controls.extend(rows);
    for (name, kill) in kills(sql)? {
        match name {
            None => all.kill = kill,
            Some(name) => all.controls.entry(name).or_default().kill = kill,
        }
    }
    for (name, baseline) in list(sql, &control::BASELINES, "", [], control::read_baseline)? {
        all.controls.entry(name).or_default().baseline = Some(baseline);
    }
    for (name, symbol, lock) in list(sql, &control::SYMBOL_LOCKS, "", [], control::read_lock)? {
        all.controls.entry(name).or_default().locked.insert(symbol, lock);
    }
    Ok(all)
}

/// Kill switches that were ever set, the daemon's own, without a name, first.
pub(crate) fn kills(sql: &Connection) -> Result<Vec<(Option<AccountName>, Kill)>, StoreError> {
    list(sql, &control::KILLS, "ORDER BY account", [], control::read_kill)
}

/// What policies keep of those transactions.
pub(crate) fn policy_states(
    sql: &Connection,
    transactions: &[Transaction],
) -> Result<Vec<PolicyState>, StoreError> {
    let mut all = Vec::new();
    for tx in transactions {
        let tail = "WHERE transaction_id = ? ORDER BY policy";
        let table = &policy::POLICY_STATES;
        all.extend(list(sql, table, tail, [int(tx.id.0)?], policy::read_state)?);
    }
    Ok(all)
}

fn list<T>(
    sql: &Connection,
    table: &'static Table,
    tail: &str,
    values: impl Params,
    read: impl Fn(&Cells<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = sql.prepare_cached(&table.select(tail))?;
    let rows = statement.query_and_then(values, |row| read(&Cells::new(row, table)))?;
    rows.collect()
}
