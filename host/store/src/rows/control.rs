//! What people decided about an account, its kill switch, and what its losses are measured from.
//!
//! Apart because these rows are read before anything is sent: a level that was lost here would let
//! trading go on that a person has stopped.

use std::sync::LazyLock;

use bracketd_core::control::{Baseline, Control, Kill, SymbolLock};
use bracketd_core::ids::{AccountName, Symbol};
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::instrument::ensure_account;
use super::{Table, source};
use crate::error::StoreError;

pub(crate) static KILLS: Table = Table {
    name: "kills",
    key: &["account"],
    columns: &["account", "level", "why", "source", "source_name", "source_digest", "since"],
};

pub(crate) static BASELINES: Table = Table {
    name: "baselines",
    key: &["account"],
    columns: &["account", "day", "day_equity", "peak_equity"],
};

pub(crate) static SYMBOL_LOCKS: Table = Table {
    name: "symbol_locks",
    key: &["account", "symbol"],
    columns: &["account", "symbol", "until", "why", "source", "source_name", "source_digest"],
};

/// The kill switch of the whole daemon stands under this name; no account is named so.
const DAEMON: &str = "";

const SOURCE: [&str; 3] = ["source", "source_name", "source_digest"];

static UPSERT_KILL: LazyLock<String> = LazyLock::new(|| KILLS.upsert());
static UPSERT_BASELINE: LazyLock<String> = LazyLock::new(|| BASELINES.upsert());
static INSERT_LOCK: LazyLock<String> = LazyLock::new(|| SYMBOL_LOCKS.insert());

pub(crate) fn write(
    sql: &Connection,
    account: &AccountName,
    control: &Control,
) -> Result<(), StoreError> {
    ensure_account(sql, account)?;
    sql.prepare_cached("UPDATE accounts SET armed = ?, broker_account = ? WHERE name = ?")?
        .execute(params![control.armed, control.broker_account, account.as_str()])?;
    // One that nobody ever set needs no row.
    if control.kill != Kill::default() {
        write_kill(sql, account.as_str(), &control.kill)?;
    }
    match &control.baseline {
        None => sql
            .prepare_cached("DELETE FROM baselines WHERE account = ?")?
            .execute([account.as_str()])?,
        Some(baseline) => sql.prepare_cached(&UPSERT_BASELINE)?.execute(params![
            account.as_str(),
            baseline.day,
            baseline.day_equity.to_string(),
            baseline.peak_equity.to_string(),
        ])?,
    };
    write_locks(sql, account, control)
}

/// All of an account's locks: they are few, and one that is gone must not come back.
fn write_locks(
    sql: &Connection,
    account: &AccountName,
    control: &Control,
) -> Result<(), StoreError> {
    sql.prepare_cached("DELETE FROM symbol_locks WHERE account = ?")?
        .execute([account.as_str()])?;
    for (symbol, lock) in &control.locked {
        let (by, name, digest) = source::cells(&lock.by);
        sql.prepare_cached(&INSERT_LOCK)?.execute(params![
            account.as_str(),
            symbol.as_str(),
            lock.until.0,
            lock.why,
            by,
            name,
            digest,
        ])?;
    }
    Ok(())
}

pub(crate) fn read_lock(row: &Cells<'_>) -> Result<(AccountName, Symbol, SymbolLock), StoreError> {
    let lock = SymbolLock {
        until: row.time("until")?,
        why: row.string("why")?,
        by: source::read(row, SOURCE)?,
    };
    Ok((row.name("account")?, row.name("symbol")?, lock))
}

/// The daemon's own kill switch.
pub(crate) fn write_daemon(sql: &Connection, kill: &Kill) -> Result<(), StoreError> {
    write_kill(sql, DAEMON, kill)
}

fn write_kill(sql: &Connection, account: &str, kill: &Kill) -> Result<(), StoreError> {
    let (by, name, digest) = source::cells(&kill.by);
    sql.prepare_cached(&UPSERT_KILL)?.execute(params![
        account,
        kill.level.as_str(),
        kill.why,
        by,
        name,
        digest,
        kill.since.0,
    ])?;
    Ok(())
}

/// Whose kill switch it is, none for the daemon's own, and how it stands.
pub(crate) fn read_kill(row: &Cells<'_>) -> Result<(Option<AccountName>, Kill), StoreError> {
    let account = Some(row.str("account")?).filter(|name| *name != DAEMON);
    let kill = Kill {
        level: row.word("level")?,
        why: row.string("why")?,
        by: source::read(row, SOURCE)?,
        since: row.time("since")?,
    };
    Ok((account.map(AccountName::new), kill))
}

pub(crate) fn read_baseline(row: &Cells<'_>) -> Result<(AccountName, Baseline), StoreError> {
    let baseline = Baseline {
        day: row.int("day")?,
        day_equity: row.decimal("day_equity")?,
        peak_equity: row.decimal("peak_equity")?,
    };
    Ok((row.name("account")?, baseline))
}

/// The account with what was decided of it.
pub(crate) fn read_account(row: &Cells<'_>) -> Result<(AccountName, Control), StoreError> {
    let armed = match row.opt_int::<i64>("armed")? {
        None => None,
        Some(_) => Some(row.flag("armed")?),
    };
    let broker_account = row.opt_name("broker_account")?;
    let control = Control { armed, broker_account, ..Control::default() };
    Ok((row.name("name")?, control))
}
